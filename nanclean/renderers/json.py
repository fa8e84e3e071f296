"""The report for other programs: `nanclean.report/1`, as the schema in the package describes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from nanclean.renderer import View
from nanclean.report import Report


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one report as an object, several as a list of them."""
    remaining = iter(reports)
    held = next(remaining, None)
    second = next(remaining, None)
    if second is None:
        stream.write("[]\n" if held is None else held.to_json())
        return
    assert held is not None
    stream.write("[" + held.to_json().rstrip("\n"))
    while second is not None:
        stream.write(",\n" + second.to_json().rstrip("\n"))
        second = next(remaining, None)
    stream.write("]\n")

"""A column that was not there before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.detector import Severity
from nanclean.drift import Drift, Measured, Pair


@dataclass(frozen=True)
class NewColumn(Drift):
    """A column that was not there before.

    Why it matters: no rule of a recipe touches it, and a model that takes all columns takes it, too. It is often an
    index that somebody has saved by mistake, or the answer.

    Limit: none; it is so or not.
    """

    name: ClassVar[str] = "new_column"
    unit: ClassVar = "none"
    severity: ClassVar[Severity] = "info"
    example: ClassVar[str] = "new_column"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.old is not None or pair.new is None:
            return None
        if pair.before == "before":
            return Measured(1.0, "was not there before")
        return Measured(1.0, f"was not {pair.before}; no rule touches it")

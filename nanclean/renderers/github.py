"""Annotations on the changed files of a pull request: workflow commands of GitHub Actions, `::error file=…,line=…::…`.

GitHub shows ten errors, ten warnings and ten notices of a step. So the worst come first, each rule of each file before
any rule comes again, and where there are more than ten of a kind the tenth says how many are left and where they are.
Notes, and as notices also the findings that a baseline knows, are told with `--verbose` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from nanclean.escaping import escaped
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._linked import Linked, linked, shown_of
from nanclean.report import Report
from nanclean.wording import several

MOST = 10
"""Annotations of a kind that GitHub shows."""
_LONGEST = 4_000
"""Characters of a message. The runner cuts off what is beyond 4,096."""
_KINDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one command a line, when all files have been looked at."""
    reports = list(reports)
    found = sorted(shown_of(linked(reports, view), view), key=lambda one: one.nth)
    for report in reports:
        if (sample := report.source.sample) is not None:
            told = f"{words.sampled(sample)}; {words.proven(sample)}"
            stream.write(f"{_command('notice', told, file=escaped(report.source.path), title='sampled')}\n")
    for kind in _KINDS.values():
        stream.writelines(f"{line}\n" for line in _commands(kind, [one for one in found if _kind(one) == kind]))


def _kind(one: Linked) -> str:
    return "notice" if one.is_known else _KINDS[one.finding.severity]


def _commands(kind: str, found: Sequence[Linked]) -> Iterator[str]:
    shown = found if len(found) <= MOST else found[: MOST - 1]
    for one in shown:
        text = "\n".join(one.story)
        yield _command(
            kind,
            text if len(text) <= _LONGEST else text[: _LONGEST - 2] + "..",
            file=escaped(one.path),
            line=str(one.lines[0]) if one.lines else "",
            title=one.title,
        )
    left = found[len(shown) :]
    if left:
        files = len({one.path for one in left})
        told = several(len(left), f"more {kind}")
        yield _command(
            kind,
            f"{told} in {several(files, 'file')}: the job summary lists them, and so does nanclean check",
            title=told,
        )


def _command(kind: str, message: str, **properties: str) -> str:
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{kind} {given}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""Files of one dataset that disagree about their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict
from nanclean.escaping import shortened
from nanclean.wording import quoted, several

if TYPE_CHECKING:
    from nanclean.format import Difference, Facts

MOST = 20
"""Disagreements that are told one by one."""
NUMBERS = frozenset({"integer", "float", "list<integer>", "list<float>"})


@dataclass(frozen=True)
class Schema(Detector):
    """Files that are read as one table, and do not have the same columns or types.

    Columns are matched by name. A column that a file has not got is missing in all of its rows; integers and floats
    are read as floats; numbers and text as text.

    Why it matters: each reader joins such files in its own way, and most of them without a word. A column that was
    renamed halfway is two columns, each half empty; one file with text turns a million numbers into text.

    Beware: it compares names and types only. A column whose unit changed from one file to the next looks the same.
    """

    name: ClassVar[str] = "schema"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "schema"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        names = {None, *(figures["name"] for figures in columns)}
        looked_at = [each for each in facts.differences if each.column in names]
        told = sorted(looked_at, key=lambda each: _RANK.index(_severity(each)))
        for each in told[:MOST]:
            yield Verdict(each.column, _message(each), _hint(each), severity=_severity(each))
        left = told[MOST:]
        if left:
            worst = _severity(left[0])
            files = several(max(each.files for each in left), "file")
            yield Verdict(
                None, f"there are {len(left):,} more disagreements between files, the commonest of them in {files}",
                severity=worst,
            )  # fmt: skip


_RANK: tuple[Severity, ...] = ("error", "warning", "info")


def _severity(difference: Difference) -> Severity:
    if difference.what == "order":
        return "info"
    words = difference.types is not None and not NUMBERS.issuperset({*difference.types, difference.joined})
    if difference.what == "cells" and difference.joined in NUMBERS:
        return "warning"  # what is no number there is a finding of its own
    return "error" if words else "warning"


def _message(difference: Difference) -> str:
    file, others = shortened(difference.file, 80), shortened(difference.others, 80)
    more = f" (and {several(difference.files - 1, 'more file')})" if difference.files > 1 else ""
    name = "" if difference.column is None else quoted(shortened(difference.column))
    if difference.what == "missing":
        return f"{file}{more} has no column {name}, which {others} has; its rows count as missing"
    if difference.what == "extra":
        return f"{file}{more} has the column {name}, which {others} has not; the rows of others count as missing"
    if difference.what == "order":
        return f"{file}{more} has its columns in another order than {others}; they were matched by name"
    assert difference.types is not None
    here, there = difference.types
    said = "would be" if difference.what == "cells" else "is"
    return f"{name} {said} {here} in {file}{more} and {there} in {others}; read as {difference.joined}"


def _hint(difference: Difference) -> str | None:
    if _severity(difference) == "error":
        return "write the files with one schema; until then every cell is text"
    return None

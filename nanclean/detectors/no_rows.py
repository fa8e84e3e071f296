"""Tables without a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict

if TYPE_CHECKING:
    from nanclean.format import Facts


@dataclass(frozen=True)
class NoRows(Detector):
    """A table that has no row.

    Why it matters: an export that failed, a filter or a join that matched nothing. Every check of cells passes, and the
    mean of an empty batch is NaN.

    Beware: a test split may be empty on purpose.
    """

    name: ClassVar[str] = "no_rows"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "no_rows"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        if facts.rows == 0:
            yield Verdict(None, "the table has no row")

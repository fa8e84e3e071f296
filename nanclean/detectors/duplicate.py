"""Rows that are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean import duplicates
from nanclean.detector import Detector, Figures, Hits, Marked, Rows, Scope, Telling
from nanclean.part import learned
from nanclean.wording import listed, several


@dataclass(frozen=True)
class Duplicate(Detector):
    """Rows that say the same as an earlier row, in all the columns of the rule together.

    @all: duplicate looks at whole rows, '@all except id: duplicate' at all but one column, 'user, day: duplicate' at
    two. Cells are compared by what they mean: 5, 5.0 and 05 are one number in a column of numbers, text counts letter
    by letter, and a missing cell equals a missing one, whether it is empty, NaN or NA. The first of several stays;
    limits are shares of rows.

    Why it matters: a row that is there twice weighs twice, and if its twin lies in the test data the score is too
    good. Most of them come from a job that ran again, or from a join.

    Beware: two customers can buy the same on the same day. Without an id, equal rows of a small table are often no
    mistake. It takes a look at the data of its own, so it is on only where a rule asks for it.
    """

    name: ClassVar[str] = "duplicate"
    scope: ClassVar[Scope] = "row"
    example: ClassVar[str] = "duplicate"

    by: tuple[str, ...] | None = learned()
    """The columns that are compared."""

    @property
    def columns(self) -> tuple[str, ...]:
        return self.by or ()

    def over(self, columns: Sequence[str]) -> Self:
        return replace(self, by=tuple(columns))

    def search(self, rows: Rows) -> Marked:
        return duplicates.search(rows)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling | None:
        places, firsts = figures["where"], figures["others"]
        pairs = [f"{place} is {first}" for place, first in zip(places, firsts, strict=True)]
        begin = ", first " if hits.rows > len(pairs) else ": "
        said = f"{several(hits.rows, 'row repeats', 'rows repeat')} an earlier row{begin}{listed(pairs)}"
        return Telling(said, figures["hint"])

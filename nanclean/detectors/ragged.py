"""Rows that do not have as many cells as the header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Verdict
from nanclean.escaping import shortened
from nanclean.wording import listed, several

if TYPE_CHECKING:
    from nanclean.format import Facts


@dataclass(frozen=True)
class Ragged(Detector):
    """Records of a text file with more or fewer cells than the header.

    They are numbered and counted as rows, but in no column: which cell belongs where is not known.

    Why it matters: readers fill up, cut off, shift the cells or skip the row, most of them without a word. A
    shifted row is a price among the ages.

    Beware: a delimiter inside a cell that should have been quoted often leaves the right number of cells.
    """

    name: ClassVar[str] = "ragged"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "ragged"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        if not facts.ragged:
            return
        first = sorted(facts.ragged_rows)[:5]
        message = f"{several(facts.ragged, 'row does', 'rows do')} not have {several(len(columns), 'cell')}"
        if first:
            files = [f" of {shortened(file, 80)}" for file in facts.ragged_files[:5]] or [""] * len(first)
            told = zip(first, files, strict=True)
            cells = listed([f"{cells:,} on line {line}{file}" for (_, line, cells), file in told])
            message += f"\nThere are {cells}." if len(first) == facts.ragged else f"\nFirst {cells}."
        rows = tuple(record for record, _, _ in first)
        yield Verdict(None, message, "@all: ragged -> drop", facts.ragged, facts.rows, rows)

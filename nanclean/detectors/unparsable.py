"""Text that is no number, in a column of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask
from nanclean.detector import Detector, Figures, Hits, Telling, copied, spelled
from nanclean.wording import quoted, several


@dataclass(frozen=True)
class Unparsable(Detector):
    """Text that is neither a number nor a known spelling of "missing", in a column of numbers.

    A column of a text file is numeric when at least 19 of 20 of its cells that count are numbers.

    Why it matters: one such cell (`1,000`, `1.#INF`, a second header line) makes pandas and others read the whole
    column as text, which no model takes, or worse, takes as categories.

    Beware: a column with fewer than 19 numbers in 20 is text, and its other cells are no finding here: see mixed.
    """

    name: ClassVar[str] = "unparsable"
    applies: ClassVar[frozenset[str]] = frozenset({"integer", "float"})
    builtin: ClassVar[bool] = True
    finite: ClassVar[bool] = False
    counts: ClassVar[tuple[str, ...]] = ("unparsable",)
    absent: ClassVar[bool] = True
    example: ClassVar[str] = "unparsable"

    def touches(self, column: Column) -> bool:
        return column.unparsable is not None

    def mask(self, column: Column) -> Mask:
        return copied(column.unparsable, column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        message = several(hits.count, "cell is no number", "cells are no numbers")
        message += spelled(hits, values, quotes=True)
        return Telling(message, f"{quoted(figures['name'])}: unparsable -> blank")

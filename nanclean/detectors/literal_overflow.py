"""Numbers in a text file that are too large to be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import Detector, Figures, Hits, Telling, copied, spelled
from nanclean.wording import quoted, several


@dataclass(frozen=True)
class LiteralOverflow(Detector):
    """Cells of a text file that are written as a finite number, and read as an infinite one: 1e400.

    Why it matters: pandas, polars and pyarrow read such a cell as inf without a word, and from there it goes the way
    of every infinity. What the file meant is lost unless somebody looks at its text.

    Beware: it finds what float64 cannot hold, beyond 1.8e308. What only float32 cannot hold is found by overflow;
    numbers too small to be told from 0 by literal_underflow.
    """

    name: ClassVar[str] = "literal_overflow"
    applies: ClassVar[frozenset[str]] = frozenset({"integer", "float"})
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "literal_overflow"

    def touches(self, column: Column) -> bool:
        return isinstance(column, Numbers) and column.literal_overflow is not None

    def mask(self, column: Column) -> Mask:
        return copied(column.literal_overflow if isinstance(column, Numbers) else None, column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        message = several(hits.count, "number too large for a float64", "numbers too large for a float64")
        message += spelled(hits, values)
        return Telling(message + "\nRead as infinity.", f"{quoted(figures['name'])}: literal_overflow -> blank")

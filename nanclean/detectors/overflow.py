"""Numbers that a smaller type cannot hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import NUMBERS, Detector, Figures, Hits, Telling, nothing, spelled
from nanclean.wording import quoted, several

# The smallest float64 that each type rounds to infinity: half a step beyond its largest number, for a tie goes to the
# even neighbour, and that is infinity. PyTorch and ml_dtypes go to bfloat16 by way of float32, whose own rounding
# lifts what lies half of its step below that edge.
EDGE = {
    "float32": 2.0**128 - 2.0**103,  # 3.4028235677973366e38
    "float16": 65520.0,
    "bfloat16": 2.0**128 - 2.0**119 - 2.0**103,  # 3.396177427818412e38
}
# The smallest float64 whose square is infinite, once the type has rounded it: half a step below a power of two.
SQUARE_EDGE = {"float32": 2.0**64 - 2.0**39, "float16": 255.9375, "bfloat16": 2.0**64 - 2.0**55}


@dataclass(frozen=True)
class Overflow(Detector):
    """Cells that are finite in the file and infinite as float32, float16 or bfloat16: overflow(float16).

    With `squared=True`, also those whose square is infinite there: a squared loss or a variance computes it.

    Why it matters: the cast to the type of training makes an infinity, and the infinity makes NaN. float32 ends at
    3.4e38, float16 at 65,504 (a pixel of a 16-bit image is more). Squares end at 1.8e19 and 256: one cell of 1e20
    makes LayerNorm return a row of NaN and BatchNorm a column of zeros.

    Beware: it looks at single cells. Sums over many of them can overflow where no cell does, and a cell that is
    far too large for a model can still be small enough for its type: see isolated.
    """

    name: ClassVar[str] = "overflow"
    applies: ClassVar[frozenset[str]] = NUMBERS
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "overflow(float16)"

    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    squared: bool = False

    @property
    def edge(self) -> float:
        """The smallest magnitude that overflows."""
        return (SQUARE_EDGE if self.squared else EDGE)[self.dtype]

    def touches(self, column: Column) -> bool:
        if not isinstance(column, Numbers) or column.extent is None:
            return False
        low, high = column.extent
        return bool(high.item() >= self.edge or low.item() <= -self.edge)

    def mask(self, column: Column) -> Mask:
        if not isinstance(column, Numbers):
            return nothing(column)
        inside = math.nextafter(self.edge, 0.0)
        mask = column.outside(-inside, inside)
        if column.floating:
            mask &= np.isfinite(column.values)
        return mask

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        square = ", or with a square that is" if self.squared else ""
        message = f"{several(hits.count, 'value')} finite here and infinite in {self.dtype}{square}"
        message += spelled(hits, values)
        return Telling(message, f"{quoted(figures['name'])}: {self} -> blank")

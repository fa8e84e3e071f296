"""What the detectors that draw two fences have in common."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import NUMBERS, Detector, Figures, Hits, Telling, nothing
from nanclean.part import learned
from nanclean.wording import quoted, several, shown

Fence = int | float


@dataclass(frozen=True)
class Fenced(Detector):
    """Cells beyond two fences, infinities among them; compared exactly, in the column's own type."""

    applies: ClassVar[frozenset[str]] = NUMBERS

    fences: tuple[Fence, Fence] | None = learned()
    """None: not fitted, or there is nothing to measure with."""

    def suspects(self, figures: Figures) -> bool:
        if self.fences is None:
            return False
        if figures["pos_inf"] or figures["neg_inf"]:
            return True
        low, high = figures["min"], figures["max"]
        return low is not None and (low < self.fences[0] or high > self.fences[1])

    def touches(self, column: Column) -> bool:
        if self.fences is None or not isinstance(column, Numbers):
            return False
        if not column.all_finite:
            return True
        extent = column.extent
        return extent is not None and (extent[0].item() < self.fences[0] or extent[1].item() > self.fences[1])

    def mask(self, column: Column) -> Mask:
        if self.fences is None or not isinstance(column, Numbers):
            return nothing(column)
        return column.outside(*self.fences)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        assert self.fences is not None
        low, high = self.fences
        message = f"{several(hits.count, 'value')} {self.beyond()}"
        if values:
            ends = f"from {shown(figures['min'])} to {shown(figures['max'])}"
            message += f"\nBelow {shown(low)} or above {shown(high)}: {ends}."
        return Telling(message, f"{quoted(figures['name'])}: {self} -> clip")

    def beyond(self) -> str:
        """How far away they are, in words."""
        raise NotImplementedError


def around(center: float, distance: float) -> tuple[float, float]:
    """Two fences at a distance, inside what float64 holds, so that an infinity is always beyond them."""
    return held(center - distance), held(center + distance)


def held(fence: float) -> float:
    """The nearest finite number."""
    return max(-sys.float_info.max, min(fence, sys.float_info.max)) if not math.isnan(fence) else fence

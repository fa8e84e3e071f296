"""Values outside bounds that somebody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import NUMBERS, Detector, Figures, Hits, Telling, nothing, spelled
from nanclean.errors import PolicyError
from nanclean.wording import quoted, several, shown


@dataclass(frozen=True)
class Range(Detector):
    """Cells below `low` or above `high`: range(0, 100). The bounds themselves are good.

    One of the two may be left out: range(0), range(high=100). An infinity lies outside; a missing cell does not.

    Why it matters: knowing that a share lies in 0..1, an age below 120 and a class id below 10 is worth more than all
    statistics. A class id out of range is a crash on the CPU and silent garbage on some GPUs.

    Beware: it is as right as the bounds are. It compares exactly, in the column's own type, so 0.1 in a float32
    column lies above 0.1.
    """

    name: ClassVar[str] = "range"
    applies: ClassVar[frozenset[str]] = NUMBERS
    example: ClassVar[str] = "range(0, 100)"

    low: int | float | None = None
    high: int | float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise PolicyError("range needs low, high or both, like range(0, 100)")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise PolicyError(f"{self}: low is greater than high")

    @property
    def fences(self) -> tuple[int | float, int | float]:
        """Both bounds; infinite where there is none."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high

    def touches(self, column: Column) -> bool:
        if not isinstance(column, Numbers):
            return False
        if not column.all_finite:
            return True
        extent, (low, high) = column.extent, self.fences
        return extent is not None and (extent[0].item() < low or extent[1].item() > high)

    def mask(self, column: Column) -> Mask:
        return column.outside(*self.fences) if isinstance(column, Numbers) else nothing(column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        low, high = (None if bound is None else shown(bound) for bound in (self.low, self.high))
        where = f"below {low}" if high is None else f"above {high}" if low is None else f"outside {low} to {high}"
        message = f"{several(hits.count, 'value')} {where}"
        message += spelled(hits, values)
        return Telling(message, f"{quoted(figures['name'])}: {self} -> {'clip' if low and high else 'blank'}")

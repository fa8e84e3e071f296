"""Gaps among the outermost values: what lies beyond them, and what is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nanclean.detector import Figures

Number = int | float
FEWEST, FEW = 20, 10
"""Nothing is said of fewer values than 20, or of 10 different ones or fewer: those are codes."""
OUTER = 20
"""A group is at most one in 20 of the cells."""
LARGE = 1_000


@dataclass(frozen=True)
class Gap:
    """Two neighbouring values with nothing between them, and the number of finite cells at or above the upper one."""

    below: Number
    above: Number
    cells_above: int


@dataclass(frozen=True)
class Rest:
    """What is left when the groups far from all others are gone. A gap is None at an end where no group is."""

    low: Number
    high: Number
    beneath: Gap | None
    beyond: Gap | None

    @property
    def ratios(self) -> list[float]:
        """The width of each gap, in ranges of the rest."""
        width = float(self.high) - float(self.low)
        gaps = [gap for gap in (self.beneath, self.beyond) if gap is not None]
        return [(float(gap.above) - float(gap.below)) / width for gap in gaps if width]


def wide(figures: Figures) -> list[Gap]:
    """The wide gaps that were measured, ascending."""
    return [Gap(*gap) for gap in figures["gaps"] or ()]


def peeled(figures: Figures) -> Rest | None:
    """Peel groups off both ends until none is left that is far from all others; None where that is not judged.

    A group is at most 5 % of the cells, at one end; the gap to its neighbour is at least the whole range of the
    others, and in t = asinh((x - median) / (IQR / 2)) at least a quarter of it (0.4 of it below 1,000 values). In t a
    long tail is no longer long, so that the largest of many incomes is not far from the others.
    """
    n, distinct = figures["finite"] or 0, figures["distinct"]
    q1, median, q3 = figures["q1"], figures["median"], figures["q3"]
    if n < FEWEST or (distinct is not None and distinct <= FEW) or q1 is None or q1 == q3:
        return None
    half = (q3 - q1) / 2
    if not half:
        return None
    least = 0.25 if n >= LARGE else 0.4

    def apart(group: Number, near: Number, far: Number) -> bool:
        """Is the gap between the group and `near` as wide as all the others, `near` to `far`, in both measures?"""
        between, others = abs(float(group) - float(near)), abs(float(near) - float(far))
        if between < others:
            return False
        bent = [math.asinh((float(x) - median) / half) for x in (group, near, far)]
        return abs(bent[0] - bent[1]) >= least * abs(bent[1] - bent[2])

    gaps = wide(figures)
    low, high = figures["min"], figures["max"]
    beneath: Gap | None = None
    beyond: Gap | None = None
    peeling = True
    while peeling:
        peeling = False
        for gap in reversed(gaps):
            if gap.above > high or gap.below < low:
                continue
            if OUTER * gap.cells_above > n:
                break
            if apart(gap.above, gap.below, low):
                high, beyond, peeling = gap.below, gap, True
                break
        for gap in gaps:
            if gap.below < low or gap.above > high:
                continue
            if OUTER * (n - gap.cells_above) > n:
                break
            if apart(gap.below, gap.above, high):
                low, beneath, peeling = gap.above, gap, True
                break
    return Rest(low, high, beneath, beyond)


def middle(gap: Gap) -> Number:
    """A number inside a gap: half-way, also where float64 cannot tell large integers apart."""
    below, above = gap.below, gap.above
    if isinstance(below, int) and isinstance(above, int):
        return (below + above) // 2 if below + 1 < above else above
    return below / 2 + above / 2

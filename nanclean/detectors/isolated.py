"""Values far from all others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import NUMBERS, Detector, Figures, Hits, Severity, Telling, nothing, spelled
from nanclean.detectors._gaps import Rest, middle, peeled
from nanclean.part import learned
from nanclean.wording import listed, quoted, several, shown


@dataclass(frozen=True)
class Isolated(Detector):
    """Groups of at most 5 % of a column's cells, at one end, with a gap to all others as wide as their whole range.

    The gap must also be wide for the shape of the column: at least a quarter of the range of the others (0.4 of it
    below 1,000 values) after asinh((x - median) / (IQR / 2)). Groups are peeled off both ends until there is none.

    Why it matters: a decimal point in the wrong place, a total among the parts, a code among the numbers. One wind
    of 1048 mph in 26,115 moves the deviation from 5.6 to 8.5, and takes over a squared loss.

    Beware: true extremes can be far from all others, too: look before you blank. Nothing is said of columns with 10
    different values or fewer, below 20 values, or where half of them are the same. In very heavy tails (Pareto with
    an index of 1.5, some thousand values) one column in fourteen has such a value by chance.
    """

    name: ClassVar[str] = "isolated"
    needs: ClassVar[tuple[str, ...]] = ("gaps", "min", "max", "q1", "median", "q3", "finite", "distinct")
    applies: ClassVar[frozenset[str]] = NUMBERS
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    roles: ClassVar[frozenset[str]] = frozenset({"feature"})
    apart: ClassVar[bool] = True
    example: ClassVar[str] = "isolated"

    low: int | float | None = learned()
    """Finite cells below it are isolated; half-way in the gap. None: none are."""
    high: int | float | None = learned()

    def fit(self, figures: Figures) -> Self:
        rest = peeled(figures)
        if rest is None:
            return replace(self, low=None, high=None)
        low, high = (None if gap is None else middle(gap) for gap in (rest.beneath, rest.beyond))
        return replace(self, low=low, high=high)

    @property
    def fences(self) -> tuple[int | float, int | float]:
        """Where the gaps are; infinite where there is none."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high

    def suspects(self, figures: Figures) -> bool:
        return self.low is not None or self.high is not None

    def touches(self, column: Column) -> bool:
        if not isinstance(column, Numbers) or column.extent is None:
            return False
        low, high = self.fences
        return bool(column.extent[0].item() < low or column.extent[1].item() > high)

    def mask(self, column: Column) -> Mask:
        if not isinstance(column, Numbers) or not self.suspects({}):
            return nothing(column)
        mask = column.outside(*self.fences)
        if column.floating:
            mask &= np.isfinite(column.values)
        return mask

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling | None:
        rest = peeled(figures)
        if rest is None:
            return None
        message = f"{several(hits.count, 'value')} far from all others{spelled(hits, values)}"
        without = figures.get("std_without")
        if values and without is not None and figures["std"] is not None:
            end = f" It raises std from {without:.3g} to {figures['std']:.3g}."
        else:
            end = ""
        return Telling(f"{message}\n{_evidence(rest, values)}{end}", f"{quoted(figures['name'])}: isolated -> blank")


def _evidence(rest: Rest, values: bool) -> str:
    gaps = [_times(ratio) for ratio in rest.ratios]
    if len(gaps) == 1:
        the_next = rest.high if rest.beneath is None else rest.low
        start = f"The next is {shown(the_next)}; the" if values else "The"
        return f"{start} gap is {gaps[0]} times the range of the rest."
    start = f"The rest lies between {shown(rest.low)} and {shown(rest.high)}; the" if values else "The"
    return f"{start} gaps are {listed(gaps)} times the range of the rest."


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}" if ratio < 1e6 else f"{ratio:.1g}"

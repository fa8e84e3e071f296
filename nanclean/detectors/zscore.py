"""Values far from the mean, counted in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.detector import Figures
from nanclean.detectors._fences import Fenced, around
from nanclean.part import positive
from nanclean.wording import shown


@dataclass(frozen=True)
class ZScore(Fenced):
    """Cells further than k standard deviations from the mean of their column.

    Mean and deviation (of the population) are those of the finite cells.

    Why it matters: one value a thousand times too large takes over a squared loss, and a scaler that uses mean and
    deviation presses all other values together.

    Beware: an outlier widens the deviation it is measured with, so a few very large values can hide each other, and
    among ten values or fewer nothing can lie 3 deviations away. On skewed data healthy values do. Use iqr or mad there.
    """

    name: ClassVar[str] = "zscore"
    needs: ClassVar[tuple[str, ...]] = ("mean", "std", "min", "max", "pos_inf", "neg_inf")
    example: ClassVar[str] = "zscore(3)"

    k: float = 3.0

    def __post_init__(self) -> None:
        positive(self, "k")

    def fit(self, figures: Figures) -> Self:
        mean, std = figures["mean"], figures["std"]
        if mean is None or not std:  # not defined, or all cells the same: nothing stands out
            return replace(self, fences=None)
        return replace(self, fences=around(mean, self.k * std))

    def beyond(self) -> str:
        return f"more than {shown(self.k)} standard deviations from the mean"

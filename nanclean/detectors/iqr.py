"""Values far outside the middle half."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.detector import Figures
from nanclean.detectors._fences import Fenced, held
from nanclean.part import positive
from nanclean.wording import shown


@dataclass(frozen=True)
class Iqr(Fenced):
    """Cells more than k interquartile ranges below the first or above the third quartile (Tukey 1977).

    Quartiles are those of the finite cells, interpolated as NumPy does by default.

    Why it matters: quartiles do not move with the outliers, so a few gross errors cannot hide each other as they
    can with zscore.

    Beware: with k = 1.5 it also flags healthy long tails: 4 % of an exponential, 7 % of a lognormal column, every
    heart beat of an ECG. With k = 3 it flags few of them. Where half of the cells are the same value the range is 0,
    and it finds nothing at all.
    """

    name: ClassVar[str] = "iqr"
    needs: ClassVar[tuple[str, ...]] = ("q1", "q3", "min", "max", "pos_inf", "neg_inf")
    example: ClassVar[str] = "iqr(1.5)"

    k: float = 1.5

    def __post_init__(self) -> None:
        positive(self, "k")

    def fit(self, figures: Figures) -> Self:
        q1, q3 = figures["q1"], figures["q3"]
        if q1 is None or q1 == q3:
            return replace(self, fences=None)
        reach = self.k * (q3 - q1)
        return replace(self, fences=(held(q1 - reach), held(q3 + reach)))

    def beyond(self) -> str:
        return f"more than {shown(self.k)} interquartile ranges outside the middle half"

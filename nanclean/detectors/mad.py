"""Values far from the median, counted in median deviations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.detector import Figures
from nanclean.detectors._fences import Fenced, around
from nanclean.part import positive
from nanclean.wording import shown

NORMAL = 0.6745
"""Median absolute deviation of a standard normal value (Iglewicz and Hoaglin 1993)."""


@dataclass(frozen=True)
class Mad(Fenced):
    """Cells whose modified z-score, 0.6745 |x - median| / MAD, is greater than k.

    MAD is the median of the distances from the median, over the finite cells (Iglewicz and Hoaglin 1993).

    Why it matters: it stands firm with almost half of the cells wrong, where zscore sees nothing any more.

    Beware: it takes both sides for equally wide, so it flags a fifth of a strongly skewed column. Where more than half
    of the cells are the same value MAD is 0, and it finds nothing at all.
    """

    name: ClassVar[str] = "mad"
    needs: ClassVar[tuple[str, ...]] = ("median", "mad", "min", "max", "pos_inf", "neg_inf")
    example: ClassVar[str] = "mad(3.5)"

    k: float = 3.5

    def __post_init__(self) -> None:
        positive(self, "k")

    def fit(self, figures: Figures) -> Self:
        median, mad = figures["median"], figures["mad"]
        if median is None or not mad:
            return replace(self, fences=None)
        return replace(self, fences=around(median, self.k / NORMAL * mad))

    def beyond(self) -> str:
        return f"with a modified z-score above {shown(self.k)}"

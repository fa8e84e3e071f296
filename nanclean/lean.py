"""The accumulator of a numeric column of which only counts are wanted, and whether anything stands apart.

One look, without sums and quantiles. Where its bins cannot prove that no value stands apart, the column is measured
in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from nanclean.counting import Bins, Linear
from nanclean.exact import BLOCK
from nanclean.numbers import NumberStatistics, Plan
from nanclean.resources import MOST
from nanclean.shape import close
from nanclean.statistics import Figures

REASON = "not measured"
"""In the place where the report says why there are no outliers."""


class LeanStatistics(NumberStatistics):
    """Cells, infinities, extremes and zeros of a numeric column.

    apart: whether somebody asks for values that stand apart. Few different values are counted one by one, and give
    every figure in the same look.
    """

    def __init__(self, type_: str, plan: Plan, bits: int | None, *, apart: bool) -> None:
        super().__init__(type_, plan if apart else replace(plan, table=0, layout=Linear(0.0, 1.0, 1)), bits)
        self.apart = apart
        self.zeros = 0

    @property
    def asks(self) -> bool:
        return False

    def _add_wide(self, finite: np.ndarray, extent: tuple[Any, Any]) -> None:
        self.sum.n += finite.size
        if extent[0] <= 0 <= extent[1]:
            self.zeros += finite.size - int(np.count_nonzero(finite))
        if not self.apart:
            return
        assert self.bins is not None
        for at in range(0, finite.size, 8 * BLOCK):
            self.bins.add(finite[at : at + 8 * BLOCK], extent)

    def _spill(self) -> None:
        assert self.pile is not None
        table = self.pile.table()
        self.pile, self.bins = None, Bins.empty(self.plan.layout)
        self.sum.n += int(table.counts.sum())
        self.zeros += int(table.counts[table.values == 0].sum())
        self.bins.add_counts(table.values, table.counts)

    def fresh(self) -> Self:
        return type(self)(self.type, self.plan, self.bits, apart=self.apart)

    def merge(self, other: Self) -> None:
        super().merge(other)
        self.zeros += other.zeros

    def again(self, most: int = MOST) -> NumberStatistics | None:  # type: ignore[override] # this one measures in full
        if self.figures is not None:
            return None
        if self.pile is not None:
            return super().again(most)
        if not self.sum.n or self.extent is None:
            self.figures = {}
            return None
        low, high = self.extent
        if low < high and self.apart and not close(self._ladder(), self.zeros):
            return NumberStatistics(self.type, self.plan, self.bits)
        self.figures = {"zero": self.zeros, "negative": 0 if low >= 0 else None, "distinct": None, "top": None}
        if low == high:
            self.figures |= {"negative": self.sum.n * int(low < 0), "distinct": 1, "top": [[low.item(), self.sum.n]]}
        return None

    def result(self, rows: int) -> Figures:
        figures = super().result(rows)
        if self.pile is None and self.sum.n and figures["reason"] != "constant":
            figures["reason"] = REASON
        return figures

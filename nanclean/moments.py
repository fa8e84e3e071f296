"""Mean, deviation and extremes of a numeric column, when nobody asks for its order: one look, rarely two."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Self

import numpy as np

from nanclean.batch import Numbered
from nanclean.column import Column, Numbers
from nanclean.exact import BLOCK, SMALLEST, ExactSum, block_steps, scratch
from nanclean.resources import MOST
from nanclean.statistics import Cells, Figures, Statistics

FIGURES = frozenset(
    ("mean", "std", "min", "max", "finite", "count", "missing", "null", "nan", "empty", "token", "tokens",
     "pos_inf", "neg_inf", "unparsable"),
)  # fmt: skip
"""What it can answer."""
FAR = 2.0**120
"""Squares of what lies beyond leave the range in which they are added: then all figures are measured."""
BESIDE = 16.0
"""A center that lies further from the mean, in deviations, costs a digit: then the squares are added anew."""


class Moments(Statistics):
    """Sums without rounding, and squares of distances from a center that is near the mean."""

    def __init__(self, type_: str, bits: int | None, center: float, otherwise: Callable[[], Statistics]) -> None:
        self.type, self.bits, self.center = type_, bits, center
        self.otherwise = otherwise
        """What measures a column that is not for this one."""
        self.cells = Cells()
        self.pos_inf = self.neg_inf = 0
        self.sum, self.squares = ExactSum(), ExactSum()
        self.extent: tuple[Any, Any] | None = None
        self.far = False
        self.first = True

    def add(self, column: Column, batch: Numbered) -> None:
        assert isinstance(column, Numbers)
        if self.first:
            self.cells.add(column, batch)
            if not column.all_finite:
                self.pos_inf += 0 if column.pos_inf is None else int(np.count_nonzero(column.pos_inf))
                self.neg_inf += 0 if column.neg_inf is None else int(np.count_nonzero(column.neg_inf))
        finite, extent = column.finite, column.extent
        if extent is None or self.far:
            return
        low, high = extent[0].item(), extent[1].item()
        largest = max(abs(low), abs(high))
        if largest > FAR or (finite.dtype.kind in "iu" and largest > 2**53):
            self.far = True
            return
        low, high = (low + 0.0, high + 0.0) if finite.dtype.kind == "f" else (low, high)  # -0.0 is 0.0
        self.extent = (low, high) if self.extent is None else (min(low, self.extent[0]), max(high, self.extent[1]))
        reach = max(abs(low - self.center), abs(high - self.center)) ** 2
        for at in range(0, finite.size, BLOCK):
            block = finite[at : at + BLOCK]
            if self.first:
                self.sum.add(block, float(largest))
            out = scratch(3)[: block.size]
            np.subtract(block, self.center, out=out, dtype=np.float64)
            np.multiply(out, out, out=out)
            self.squares.steps += block_steps(out, reach)
        self.squares.n += finite.size

    def merge(self, other: Self) -> None:
        self.far |= other.far
        self.squares.merge(other.squares)
        if not self.first:
            return
        self.cells.merge(other.cells)
        self.pos_inf += other.pos_inf
        self.neg_inf += other.neg_inf
        self.sum.merge(other.sum)
        if self.extent is None or other.extent is None:
            self.extent = self.extent or other.extent
        else:
            self.extent = min(self.extent[0], other.extent[0]), max(self.extent[1], other.extent[1])

    def fresh(self) -> Self:
        again = type(self)(self.type, self.bits, self.center, self.otherwise)
        again.first = self.first
        return again

    def again(self, most: int = MOST) -> Statistics | None:  # type: ignore[override] # the other takes over
        if self.far:
            return self.otherwise()
        mean = self.sum.mean()
        if mean is None or not self.first:
            return None
        std = self._std()
        if abs(mean - self.center) <= BESIDE * std or self._constant:
            return None
        after = type(self)(self.type, self.bits, mean, self.otherwise)
        after.__dict__.update(self.__dict__)
        after.center, after.squares, after.first = mean, ExactSum(), False
        return after

    @property
    def _constant(self) -> bool:
        return self.extent is not None and self.extent[0] == self.extent[1]

    def _std(self) -> float:
        """The population standard deviation."""
        if self._constant:
            return 0.0
        n = self.sum.n << -SMALLEST
        beside = Fraction(self.sum.steps, n) - Fraction(self.center)
        return math.sqrt(max(float(Fraction(self.squares.steps, n) - beside**2), 0.0))

    def result(self, rows: int) -> Figures:
        figures = self.cells.result(rows) | {
            "type": self.type, "bits": self.bits, "pos_inf": self.pos_inf, "neg_inf": self.neg_inf,
            "finite": self.sum.n, "unparsable": self.cells.unparsable,
        }  # fmt: skip
        if self.extent is not None:
            figures |= {"min": self.extent[0], "max": self.extent[1], "mean": self.sum.mean(), "std": self._std()}
        return figures

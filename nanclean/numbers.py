"""The accumulator of a numeric column."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from nanclean.batch import Numbered
from nanclean.column import Column, Numbers
from nanclean.counting import DISTINCT, SMALL, VALUE, Bins, Layout, Linear, Pile, Table
from nanclean.exact import BLOCK, SMALLEST, ExactSum, block_steps, scratch
from nanclean.ladder import Ladder
from nanclean.resources import MOST
from nanclean.shape import order_figures, spread_of_rungs
from nanclean.statistics import OBJECTS, Cells, Figures, Statistics

EXACT = 2**53
"""Up to here float64 holds every integer."""
TOP = 10
FEWEST = 256
"""Bins of a column, however little memory there is."""
SMALL_TABLE = 1 << 20
"""A table of so many cells may be counted value by value."""
TABLES = 1 << 22
"""Different values that the columns of a wide table may have in all before they are counted in bins."""
LOOKS = 12
"""Far more than dividing bins of 64-bit keys can take."""
FEW = 10
"""Up to so many distinct values the three outlier rules say nothing."""


@dataclass(frozen=True)
class Plan:
    """How the values of a column are counted. It decides about speed and memory, never about a figure."""

    dtype: np.dtype
    """float64, int64 or uint64: what the values are counted as."""
    layout: Layout
    table: int
    """Count different values one by one, while there are no more than so many. 0: bins from the start."""
    few: bool = False
    """The sample has no more than 1,000 different values, so the column may have."""
    quantiles: tuple[float, ...] = ()
    """Further quantiles that somebody needs. (These do not decide about speed; they are asked for.)"""


def planned(
    values: np.ndarray, dtype: np.dtype, rows: int, columns: int, quantiles: Iterable[float], *, ends: bool = False,
    memory: int = MOST,
) -> Plan:  # fmt: skip
    """The plan for a column, from a sample of its finite values.

    `rows`: about how many the table has; `columns`: how many columns share the memory, of which there is so much in
    all. `ends`: the ends matter more than the middle.
    """
    asked = tuple(sorted(set(quantiles)))
    bins = 65_536 if rows > 1 << 23 else 16_384 if rows > 1 << 18 else 4_096
    bins = min(bins, 65_536 if columns <= 100 else 8_192 if columns <= 1_000 else 1_024)
    bins = min(bins, max(1 << (memory // 16 // max(columns, 1)).bit_length(), FEWEST))
    small = rows <= SMALL and rows * columns <= SMALL_TABLE
    different = min(DISTINCT, max(TABLES // max(columns, 1), 16))
    sample = np.sort(values)
    if not sample.size:
        return Plan(dtype, Linear(0.0, 1.0, bins), SMALL if small else different, True, asked)
    few = 1 + int(np.count_nonzero(sample[1:] != sample[:-1])) <= DISTINCT
    low, high = sample[0], sample[-1]
    if dtype.kind in "iu" and not small and int(high) - int(low) < bins // 2 and abs(int(low)) < EXACT // 2:
        margin = (bins - int(high) + int(low)) // 2
        return Plan(dtype, Linear(float(int(low) - margin), 1.0, bins, unit=True), 0, few, asked)
    table = SMALL if small else different if few else 0
    return Plan(dtype, _linear(sample.astype(np.float64), bins, ends), table, few, asked)


def _linear(sample: np.ndarray, bins: int, ends: bool) -> Linear:
    """Bins of one width over the bulk of the (sorted) sample, and as far beyond as they stay narrow.

    With `ends`, far enough beyond the sample that the whole column lies inside, if it is not very long-tailed.
    """
    sample = np.clip(sample, -1e307, 1e307)
    n = sample.size
    low, high = float(sample[n // 50]), float(sample[n - 1 - n // 50])
    if not high > low:
        low, high = float(sample[0]), float(sample[-1])
    if not high > low:
        low, high = low - abs(low) / 2 - 1e-300, high + abs(high) / 2 + 1e-300
    reach = (high - low) / 2  # normal tails lie inside, long ones in the open ends
    low = max(float(sample[0]) - reach / 4, low - reach)
    high = min(float(sample[-1]) + reach / 4, high + reach)
    if ends:
        width = min(float(sample[-1]) - float(sample[0]), 1e307)
        low, high = min(low, float(sample[0]) - width), max(high, float(sample[-1]) + width)
    return Linear(low, min(bins / (high - low), 1e305), bins)


class NumberStatistics(Statistics):
    """Counts, sums and the distribution of a numeric column; settled after two looks, rarely three."""

    def __init__(self, type_: str, plan: Plan, bits: int | None) -> None:
        self.type, self.plan, self.bits = type_, plan, bits
        self.integer = type_ in ("integer", "list<integer>")
        self.cells = Cells()
        self.pos_inf = self.neg_inf = 0
        self.extent: tuple[Any, Any] | None = None
        self.whole: tuple[int, int] | None = None
        """Extremes of integers, also of those that no dtype holds."""
        self.sum = ExactSum()
        self.pile: Pile | None = Pile() if plan.table else None
        self.bins: Bins | None = None if plan.table else Bins.empty(plan.layout)
        self.misfit = False
        """Cells came that the plan's dtype cannot hold: the column has to be looked at again as float64."""
        self.look = 1
        self.squares = ExactSum()
        self._center: tuple[int, float, float] = (0, 0.0, 1.0)
        self.figures: Figures | None = None

    @property
    def asks(self) -> bool:
        return not self.plan.table

    @property
    def size(self) -> int:
        if self.look > 1:
            return OBJECTS + (0 if self.bins is None else self.bins.size)
        table = min(self.plan.table, DISTINCT) * 16
        return OBJECTS + (table if self.bins is None else self.bins.size)

    @property
    def keeps(self) -> int:
        return 0 if self.bins is None or self.look == 1 else self.bins.keeps * VALUE

    # --- taking in

    def add(self, column: Column, batch: Numbered) -> None:
        assert isinstance(column, Numbers)
        finite = self._fitting(column.finite)
        if finite is None:
            self.misfit = True
            return
        if self.look > 1:
            extent = self.extent or column.extent  # that of all is known from the first look
            if finite.size and extent is not None:
                self._add_again(finite, extent)
            return
        self.cells.add(column, batch)
        if not column.all_finite:
            self.pos_inf += 0 if column.pos_inf is None else int(np.count_nonzero(column.pos_inf))
            self.neg_inf += 0 if column.neg_inf is None else int(np.count_nonzero(column.neg_inf))
        self._add_whole(column)
        if not finite.size:
            return
        low, high = self._fitting(np.array(column.extent))  # type: ignore[misc]
        if self.plan.dtype.kind == "f":
            low, high = low + 0.0, high + 0.0  # -0.0 is 0.0
        self.extent = (low, high) if self.extent is None else (min(self.extent[0], low), max(self.extent[1], high))
        if self.pile is not None:
            self.pile.add(Table.of(finite))
            if self.pile.size > self.plan.table and self.pile.table().values.size > self.plan.table:
                self._spill()
            return
        self._add_wide(finite, (low, high))

    def _add_wide(self, finite: np.ndarray, extent: tuple[Any, Any]) -> None:
        assert self.bins is not None
        if finite.dtype.kind in "iu":
            self.sum.add(finite)
            self.bins.add(finite, extent)
            return
        largest = max(abs(float(end)) for end in extent)
        for at in range(0, finite.size, 8 * BLOCK):  # from the cache for both
            part = finite[at : at + 8 * BLOCK]
            self.sum.add(part, largest)
            self.bins.add(part, extent)

    def _add_again(self, finite: np.ndarray, extent: tuple[Any, Any]) -> None:
        """extent: between which the values lie, of these cells or of all."""
        assert self.bins is not None
        if self.look == 2:
            dtype = np.float64 if finite.dtype.kind == "f" else finite.dtype  # other cells may be wider
            largest = float(self._squared(np.array(extent, dtype)).max())  # squaring keeps the order of distances
            for at in range(0, finite.size, BLOCK):
                self.squares.steps += block_steps(self._squared(finite[at : at + BLOCK]), largest)
            self.squares.n += finite.size
        self.bins.add(finite, extent)

    def _squared(self, block: np.ndarray) -> np.ndarray:
        """Squared distances from the mean, each rounded once or twice, scaled to stay in range."""
        out = scratch(3)[: block.size]
        shift, mean, scale = self._center
        if shift:
            with np.errstate(over="ignore"):
                moved = block - block.dtype.type(shift)
            np.copyto(out, moved.view(np.int64))
            out -= mean
        elif scale == 1.0:
            np.subtract(block, mean, out=out, dtype=np.float64)
        else:
            np.multiply(block, scale, out=out, dtype=np.float64)
            out -= mean * scale
        np.multiply(out, out, out=out)
        return out

    def _fitting(self, finite: np.ndarray) -> np.ndarray | None:
        """The values in the dtype of the plan; None if it cannot hold them."""
        dtype = self.plan.dtype
        if dtype.kind == "f":
            return finite if finite.dtype.kind == "f" else finite.astype(np.float64)
        if finite.dtype == dtype:
            return finite
        if finite.dtype.kind == "f":
            return None if finite.size else np.empty(0, dtype)
        if finite.dtype.kind == "u" and dtype.kind == "i" and finite.dtype.itemsize == 8:
            return None if finite.size else np.empty(0, dtype)
        return finite.astype(dtype)

    def _add_whole(self, column: Numbers) -> None:
        """Keep the extremes of integers as Python's: not every one fits into a dtype."""
        extent = column.big_extent or column.extent
        if extent is not None and self.integer:
            low, high = int(extent[0]), int(extent[1])
            self.whole = (low, high) if self.whole is None else (min(low, self.whole[0]), max(high, self.whole[1]))

    def _spill(self) -> None:
        """Too many different values for a table: go on with bins."""
        assert self.pile is not None
        table = self.pile.table()
        self.pile, self.bins = None, Bins.empty(self.plan.layout)
        self.sum.add_counts(table.values, table.counts)
        self.bins.add_counts(table.values, table.counts)

    # --- merging

    def fresh(self) -> Self:
        again = type(self)(self.type, self.plan, self.bits)
        again.look = self.look
        if self.look > 1:
            assert self.bins is not None
            again.bins, again.pile = self.bins.fresh(), None
            again._center, again.extent = self._center, self.extent
        return again

    def merge(self, other: Self) -> None:
        self.misfit |= other.misfit
        if self.look > 1:
            assert self.bins is not None
            assert other.bins is not None
            self.squares.merge(other.squares)
            self.bins.merge(other.bins)
            return
        self.cells.merge(other.cells)
        self.pos_inf += other.pos_inf
        self.neg_inf += other.neg_inf
        for name in ("extent", "whole"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine and theirs:
                setattr(self, name, (min(mine[0], theirs[0]), max(mine[1], theirs[1])))
            elif theirs:
                setattr(self, name, theirs)
        if self.pile is not None and other.pile is not None:
            self.pile.merge(other.pile)
            if self.pile.table().values.size > self.plan.table:
                self._spill()
            return
        for each in (self, other):
            if each.pile is not None:
                each._spill()
        assert self.bins is not None
        assert other.bins is not None
        self.sum.merge(other.sum)
        self.bins.merge(other.bins)

    # --- looking again, and the answer

    def again(self, most: int = MOST) -> Self | None:
        if self.figures is not None:
            return None
        ladder = self._ladder()
        if self.look == 1:
            self._complete_sum()
        if not self.sum.n:
            self.figures = {}
            return None
        if self.look == 1:
            self._center = self._centered()
            if not ladder.opaque.any():
                self._square_table(ladder)
        mean = self.sum.mean()
        assert mean is not None
        std = self._std()
        bounds = (std, std) if std is not None else spread_of_rungs(ladder, mean)
        figures = order_figures(ladder, mean, bounds, self.plan.quantiles)
        if self.plan.few and ladder.opaque.any():
            ladder.want(np.arange(ladder.count.size))  # to know whether more than 1,000 values are different
        if std is not None and ladder.settled:
            self.figures = figures | self._table_figures(ladder) | {"mean": mean, "std": std}
            if self.bins is not None:
                self.bins = self.bins.forgotten()
            return None
        after = type(self)(self.type, self.plan, self.bits)
        after.__dict__.update(self.__dict__)
        after.look = self.look + 1
        if after.look > LOOKS:
            raise RuntimeError(f"not settled after {LOOKS} looks")
        assert self.bins is not None
        after.bins = self.bins.again(ladder.wanted_paths(), self.plan.dtype, most // VALUE)
        return after

    def _ladder(self) -> Ladder:
        if self.pile is not None:
            return Ladder.of_table(self.pile.table())
        assert self.bins is not None
        if self.extent is None:
            return Ladder.of_table(Table(np.empty(0), np.empty(0, np.int64)))
        return Ladder.of_bins(self.bins, self.extent, self.plan.dtype)

    def _complete_sum(self) -> None:
        if self.pile is not None:
            table = self.pile.table()
            self.sum.add_counts(table.values, table.counts)

    def _centered(self) -> tuple[int, float, float]:
        """What is subtracted: a whole number first (for integers beyond 2**53), the mean, and a scale."""
        mean, (low, high) = self.sum.mean(), self.extent or (0.0, 0.0)
        assert mean is not None
        if self.plan.dtype.kind in "iu" and max(abs(int(low)), abs(int(high))) > EXACT:
            shift = (self.sum.steps >> -SMALLEST) // self.sum.n
            if max(int(high) - shift, shift - int(low)) < 2**63:
                rest = self.sum.steps - ((shift * self.sum.n) << -SMALLEST)
                return shift, rest / (self.sum.n << -SMALLEST), 1.0
        reach = max(abs(float(low) / 2 - mean / 2), abs(float(high) / 2 - mean / 2))
        exponent = math.frexp(reach)[1] + 1 if reach else 0
        return 0, mean, 1.0 if abs(exponent) < 400 else math.ldexp(1.0, max(min(-exponent, 1000), -1060))

    def _square_table(self, ladder: Ladder) -> None:
        values = ladder.low
        squares = np.concatenate([self._squared(values[at : at + BLOCK]).copy() for at in range(0, values.size, BLOCK)])
        self.squares.add_counts(squares, ladder.count)

    def _std(self) -> float | None:
        """The population standard deviation; None before the second look."""
        if self.squares.n != self.sum.n:
            return None
        low, high = self.extent or (0.0, 0.0)
        if low == high:
            return 0.0
        shift, center, scale = self._center
        # Measured around the mean as a float64; the mean itself lies up to half a unit beside it.
        beside = Fraction(self.sum.steps, self.sum.n << -SMALLEST) - shift - Fraction(center)
        variance = Fraction(self.squares.steps, self.squares.n << -SMALLEST) - (beside * Fraction(scale)) ** 2
        return math.sqrt(max(float(variance), 0.0)) / scale

    def _table_figures(self, ladder: Ladder) -> Figures:
        """Distinct and top values, where they are few."""
        if ladder.opaque.any() or ladder.count.size > DISTINCT:
            return {"distinct": None, "top": None}
        order = np.lexsort((np.arange(ladder.count.size), -ladder.count))[:TOP]
        return {
            "distinct": int(ladder.count.size),
            "mode": ladder.low[order[0]].item() if order.size else None,
            "top": [[ladder.low[i].item(), int(ladder.count[i])] for i in order.tolist()],
        }

    def result(self, rows: int) -> Figures:
        if self.figures is None:
            raise RuntimeError("the column has not been settled")
        figures = self.cells.result(rows) | {
            "type": self.type, "bits": self.bits,
            "pos_inf": self.pos_inf, "neg_inf": self.neg_inf, "finite": self.sum.n, "unparsable": self.cells.unparsable,
            "zero": 0, "negative": 0, "constant": False, "distinct": 0, "top": [],
        }  # fmt: skip
        figures |= self.figures
        if self.extent is not None:
            low, high = (v.item() for v in self.extent)
            if not self.integer:
                low, high = float(low), float(high)
            elif self.whole is not None:
                low, high = self.whole
            figures |= {"min": low, "max": high}
        kinds = bool(self.pos_inf) + bool(self.neg_inf) + (self.extent is not None) + bool(self.cells.unparsable)
        figures["constant"] = kinds == 1 and not self.cells.unparsable and figures["min"] == figures["max"]
        figures["distinct"] = _with_infinities(figures["distinct"], self.pos_inf, self.neg_inf)
        figures["reason"] = _reason(figures)
        return {key: _plain(value) for key, value in figures.items()}


def _with_infinities(distinct: int | None, pos_inf: int, neg_inf: int) -> int | None:
    """An infinity is a value, and different from the others."""
    if distinct is None:
        return None
    distinct += bool(pos_inf) + bool(neg_inf)
    return distinct if distinct <= DISTINCT else None


def _reason(figures: Figures) -> str | None:
    """Why the outlier rules say nothing about a column."""
    if not figures["finite"]:
        return "no finite value"
    if figures["constant"] or figures["min"] == figures["max"]:
        return "constant"
    if figures["distinct"] is not None and figures["distinct"] <= FEW:
        return f"{figures['distinct']} distinct values"
    if figures["q1"] == figures["q3"]:
        return "iqr is 0"
    if figures["mad"] == 0:
        return "mad is 0"
    if figures["finite"] < 11:
        return "fewer than 11 values"
    return None


def _plain(value: Any) -> Any:
    """Figures that are not finite are none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""What is known of a distribution: values with exact counts, and between them bins of which only the count is known.

Every question is answered by an interval. Where a bin that has not been opened stands in the way of an exact
answer, it is put on the list of wanted bins: opening those is what the next look is for. When nothing is wanted
any more, all intervals have become points, and the answers are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nanclean.counting import Bins, Keys, Path, Table
from nanclean.exact import BLOCK

Interval = tuple[float, float]


@dataclass
class Ladder:
    """Rungs in ascending order: exact values (low == high), and unopened bins (low … high)."""

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    opaque: np.ndarray
    place: np.ndarray
    """int64: the bin that each rung stands in (of exact ones it means nothing)."""
    home: np.ndarray
    """int64: the position in `homes` of the way to these bins."""
    homes: list[Path] = field(default_factory=lambda: [()])
    wanted: set[int] = field(default_factory=set)
    """Positions of the rungs that have to be opened."""
    vague: bool = False
    """Something could not be asked yet, because the interval it concerns is still too wide."""

    def __post_init__(self) -> None:
        self.below = np.concatenate(([0], np.cumsum(self.count)))
        """How many values stand below each rung; the last entry is all."""
        self.n = int(self.below[-1])

    @classmethod
    def of_table(cls, table: Table) -> Ladder:
        """Of values that are all known."""
        nowhere = np.zeros(table.values.size, np.int64)
        return cls(table.values, table.values, table.counts, nowhere.astype(bool), nowhere, nowhere)

    @classmethod
    def of_bins(cls, bins: Bins, extent: tuple[float | int, float | int], dtype: np.dtype) -> Ladder:
        """Of counted bins, some of them open, for values between `extent`."""
        homes: list[Path] = []
        low, high, count, opaque, place, home = _rungs(bins, dtype, (), homes)
        low, high = np.maximum(low, extent[0]), np.minimum(high, extent[1])  # no rung leaves the extent
        # The bounds of a bin are a little too wide: let its neighbours narrow them again.
        low = np.maximum.accumulate(low)
        high = np.minimum.accumulate(high[::-1])[::-1]
        return cls(low, high, count, opaque, place, home, homes)

    @property
    def settled(self) -> bool:
        """Every question so far was answered exactly."""
        return not self.wanted and not self.vague

    def wanted_paths(self) -> list[Path]:
        """The bins that have to be opened."""
        return [(*self.homes[self.home[rung]], int(self.place[rung])) for rung in sorted(self.wanted)]

    def want(self, rungs: np.ndarray) -> None:
        """Ask that these be opened where they are not."""
        self.wanted.update(rungs[self.opaque[rungs]].tolist())

    def kth(self, k: int) -> tuple[np.generic, np.generic]:
        """The k-th smallest value, from 0."""
        rung = int(np.searchsorted(self.below, k, side="right")) - 1
        if self.opaque[rung]:
            self.wanted.add(rung)
        return self.low[rung], self.high[rung]

    def quantile(self, q: float) -> Interval:
        """NumPy's `linear` quantile in float64."""
        at = (self.n - 1) * q
        k = int(at)
        a, b = self.kth(k), self.kth(min(k + 1, self.n - 1))
        if at == k:
            return float(a[0]), float(a[1])
        return lerp(float(a[0]), float(b[0]), at - k), lerp(float(a[1]), float(b[1]), at - k)

    def beside(self, q: float) -> tuple[int | float, int | float, float]:
        """The two order statistics that the quantile lies between, and how far from the first. Exact when settled."""
        at = (self.n - 1) * q
        k = int(at)
        return self.kth(k)[0].item(), self.kth(min(k + 1, self.n - 1))[0].item(), at - k

    def rank(self, low: float, high: float, *, inclusive: bool) -> int:
        """How many values lie below a threshold between low and high (or on it, if inclusive). Exact when settled."""
        first, last = self._straddled(low, high)
        if first < last:
            rungs = np.arange(first, last)
            if low < high and self.below[last] - self.below[first] > self.n // 8:
                self.vague = True
            else:
                self.want(rungs)
        if low < high:
            self.vague = True
        return int(self.below[first if not inclusive else self._first_above(low)])

    def _straddled(self, low: float, high: float) -> tuple[int, int]:
        """The rungs that reach from below into the interval, or begin in it."""
        first = _below(self.high, low, "left")
        last = _below(self.low, high, "right")
        return first, max(first, last)

    def _first_above(self, threshold: float) -> int:
        return _below(self.high, threshold, "right")


def _below(ends: np.ndarray, threshold: float, side: Literal["left", "right"]) -> int:
    """How many ends lie below a threshold (right: or on it), compared exactly in their own dtype."""
    if ends.dtype.kind not in "iu":
        return int(np.searchsorted(ends, threshold, side))
    held = np.iinfo(ends.dtype)
    whole = threshold if math.isinf(threshold) else math.ceil(threshold) if side == "left" else math.floor(threshold)
    if whole > held.max:
        return ends.size
    if whole < held.min:
        return 0
    return int(np.searchsorted(ends, ends.dtype.type(int(whole)), side))


def lerp(a: float, b: float, t: float) -> float:
    """Between two order statistics, as NumPy's `linear` computes it; on halves where the difference overflows."""
    if abs(a) > 2.0**1022 or abs(b) > 2.0**1022:
        return 2 * lerp(a / 2, b / 2, t)
    return b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t


Rungs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Low, high, count, opaque, place and home of some rungs, in order."""


def _rungs(bins: Bins, dtype: np.dtype, path: Path, homes: list[Path]) -> Rungs:
    here = len(homes)
    homes.append(path)
    pieces = [_closed(bins, dtype, here)]
    table = bins.pile.table()
    if table.values.size:
        values = table.values if dtype.kind in "iu" else table.values.astype(np.float64)
        home = np.full(values.size, here)
        pieces.append((values, values, table.counts, np.zeros(values.size, bool), _places(bins, values), home))
    where = [piece[4] for piece in pieces]
    for number, finer in bins.divided.items():
        pieces.append(_rungs(finer, dtype, (*path, number), homes))
        where.append(np.full(pieces[-1][0].size, number))
    if len(pieces) == 1:
        return pieces[0]
    # In ascending order: the pieces are so themselves, and no bin stands in two of them.
    order = np.argsort(np.concatenate(where), kind="stable")
    low, high, count, opaque, place, home = (np.concatenate([piece[i] for piece in pieces])[order] for i in range(6))
    return low, high, count, opaque, place, home


def _closed(bins: Bins, dtype: np.dtype, here: int) -> Rungs:
    """The bins that have not been opened. Where a bin is one value, its count says all."""
    filled = np.flatnonzero(bins.counts)
    known = bins.known
    where = filled[~np.isin(filled, known)] if known.size else filled
    low, high = bins.layout.edges(where, dtype)
    exact = bins.layout.shift == 0 if isinstance(bins.layout, Keys) else bins.layout.unit
    opaque = (where == 0) | (where > bins.layout.bins) if exact else np.ones(where.size, bool)
    return low, high, bins.counts[where], opaque, where, np.full(where.size, here)


def _places(bins: Bins, values: np.ndarray) -> np.ndarray:
    where = np.empty(values.size, np.int64)
    for at in range(0, values.size, BLOCK):
        bins.layout.place(values[at : at + BLOCK], where[at : at + BLOCK])
    return where

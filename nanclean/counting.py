"""Exact order statistics by counting: no sorting of everything, no sketch, no dependence on order.

The first look counts values in bins of an order-preserving mapping. What is asked of the distribution
(quartiles, fences, a histogram) then concerns a few bins only; the next look opens these: it keeps their
values, or, where one holds too many, counts them in finer bins. The bins may be chosen badly; that costs
another look and never changes an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.exact import BLOCK

DISTINCT = 1_000
"""Up to so many different values are counted one by one in any column."""
SMALL = 65_536
"""A table of so many values is cheaper than bins and another look."""
KEPT = 1 << 22
"""A bin with more values than this is divided, not kept."""
VALUE = 8
"""Bytes that a kept value takes at most. (They are sorted one column after the other.)"""
FORGOTTEN = 1 << 6
"""More values than this are not kept when they have answered every question."""
FINER = 14
"""Powers of two of bins that a bin is divided into."""


# --- Layouts: monotone functions from values to the bins 0 … bins + 1; the first and the last are open ends


@dataclass(frozen=True)
class Linear:
    """Bins of one width; `low` lies in the middle of bin 0, which also takes all that is smaller."""

    low: float
    scale: float
    bins: int
    unit: bool = False
    """Integers with a bin for each: to count them is to know them."""

    def place(self, values: np.ndarray, out: np.ndarray, *, inside: bool = False) -> np.ndarray:
        """The bin of each of at most BLOCK values, written to `out` (int64). inside: none lies in an open end."""
        t = out.view(np.float64)
        with np.errstate(over="ignore"):
            np.subtract(values, self.low, out=t, dtype=np.float64, casting="unsafe")
            if not self.unit:
                np.multiply(t, self.scale, out=t)
        if not inside:
            np.clip(t, 0.0, self.bins + 1.0, out=t)
        # Adding 2**52 rounds to whole numbers and leaves them in the low bits: a third of the cost of a cast.
        np.add(t, 2.0**52, out=t)
        np.bitwise_and(out, 2**20 - 1, out=out)
        return out

    def holds(self, low: Any, high: Any) -> bool:
        """No value between these lies in an open end."""
        width = 1.0 / self.scale
        return bool(low > self.low + width and high < self.low + (self.bins - 1) * width)

    def edges(self, bins: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of some bins, a little too wide; the open ends are those of the dtype."""
        if self.unit:
            low = high = self.low + bins.astype(np.float64)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                width = 1.0 / self.scale
                low, high = self.low + (bins - 0.5) * width, self.low + (bins + 0.5) * width
                # A few roundings of the subtraction and of the product.
                slack = np.maximum(np.maximum(np.abs(low), np.abs(high)), abs(self.low)) * 2.0**-50 + width * 2.0**-30
                low, high = low - slack, high + slack
        low, high = np.where(bins == 0, -np.inf, low), np.where(bins == self.bins + 1, np.inf, high)
        return _rounded(low, dtype, np.floor), _rounded(high, dtype, np.ceil)


@dataclass(frozen=True)
class Keys:
    """Bins of 2**shift neighbouring keys from `base`: the integers themselves, or the ordered bits of floats.

    Dividing again and again ends after four looks at most, whatever the values are.
    """

    base: int
    shift: int
    bins: int

    def holds(self, low: Any, high: Any) -> bool:
        """Not asked for: placing by keys costs the same everywhere."""
        return False

    def place(self, values: np.ndarray, out: np.ndarray, *, inside: bool = False) -> np.ndarray:
        """The bin of each value, written to `out` (int64)."""
        key = ordered_keys(values)
        with np.errstate(over="ignore"):
            # Unsigned distance, so that the whole range of 64 bits can be spanned.
            distance = (key.view(np.uint64) - np.uint64(self.base % 2**64)) >> np.uint64(self.shift)
        below = key < np.int64(self.base)
        np.minimum(distance, np.uint64(self.bins), out=distance)
        np.copyto(out, distance.view(np.int64))
        out += 1
        out[below] = 0
        return out

    def edges(self, bins: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value of some bins. The open ends are those of the dtype."""
        least, most = (-(2**63), 2**63 - 1) if dtype.kind in "iu" else _FINITE
        room = (most - self.base) % 2**64  # distances are unsigned: the keys may span all 64 bits
        base = np.uint64(self.base % 2**64)
        first = np.minimum(np.maximum(bins - 1, 0).astype(np.uint64) << np.uint64(self.shift), np.uint64(room))
        last = np.minimum((bins.astype(np.uint64) << np.uint64(self.shift)) - np.uint64(1), np.uint64(room))
        with np.errstate(over="ignore"):
            low, high = (base + first).view(np.int64), (base + last).view(np.int64)
        low[bins == 0], high[bins == 0] = least, max(self.base - 1, least)
        high[bins > self.bins] = most
        return from_keys(low, dtype), from_keys(high, dtype)


Layout = Linear | Keys


def ordered_keys(values: np.ndarray) -> np.ndarray:
    """int64 keys in the order of the values: integers shifted into the signed range, the bits of floats turned."""
    if values.dtype.kind == "u":
        return (values.astype(np.uint64) ^ np.uint64(2**63)).view(np.int64)
    if values.dtype.kind == "i":
        return values.astype(np.int64)
    bits = (values.astype(np.float64) + 0.0).view(np.int64)  # -0.0 is 0.0
    return bits ^ ((bits >> 63) & np.int64(2**63 - 1))


def from_keys(keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values of some keys."""
    if dtype.kind == "u":
        return keys.view(np.uint64) ^ np.uint64(2**63)
    if dtype.kind == "i":
        return keys
    return (keys ^ ((keys >> 63) & np.int64(2**63 - 1))).view(np.float64)


_FINITE = tuple(int(k) for k in ordered_keys(np.array([-np.finfo(np.float64).max, np.finfo(np.float64).max])))


def _rounded(edges: np.ndarray, dtype: np.dtype, outwards: np.ufunc) -> np.ndarray:
    """Edges in the dtype of the values, never inside of where they were."""
    if dtype.kind not in "iu":
        return edges
    held = np.iinfo(dtype)
    top = np.nextafter(float(held.max), 0.0)  # float64(2**63 - 1) is 2**63, which int64 does not hold
    whole = np.clip(outwards(edges), float(held.min), top).astype(dtype)
    whole[edges > top] = held.max
    return whole


# --- Tables: different values with their counts


@dataclass
class Table:
    """Different values in ascending order, each with its count."""

    values: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Of some finite values."""
        if values.dtype.kind == "f":
            values = values.astype(np.float64) + 0.0  # -0.0 is 0.0
        if values.size > 4_096 and (few := _hashed(values)) is not None:
            values, counts = few
            order = np.argsort(values, kind="stable")
            return cls(values[order], counts[order])
        different, counts = np.unique(values, return_counts=True)
        return cls(different, counts.astype(np.int64))

    @classmethod
    def union(cls, tables: Iterable[Table]) -> Table:
        """All of them added up."""
        tables = [t for t in tables if t.values.size] or list(tables)[:1]
        if len(tables) == 1:
            return tables[0]
        dtypes = {t.values.dtype for t in tables}
        if len(dtypes) > 1:
            for t in tables:
                t.values = t.values.astype(np.float64)
        values = np.concatenate([t.values for t in tables])
        counts = np.concatenate([t.counts for t in tables])
        order = np.argsort(values, kind="stable")
        values, counts = values[order], counts[order]
        first = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
        return Table(values[first], np.add.reduceat(counts, first))

    @property
    def n(self) -> int:
        return int(self.counts.sum())


def _hashed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Counts by Arrow's hash table: a tenth of the cost of sorting where values repeat."""
    try:
        type_ = pa.from_numpy_dtype(values.dtype)
    except (pa.ArrowNotImplementedError, NotImplementedError):
        return None
    probe = np.sort(values[:: max(values.size // 256, 1)])
    if np.count_nonzero(probe[1:] != probe[:-1]) > 200:  # hardly any value repeats: sorting is cheaper
        return None
    packed = pa.Array.from_buffers(type_, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])
    found = pc.value_counts(packed)
    return np.from_dlpack(found.field(0)), np.from_dlpack(found.field(1))


class Pile:
    """Values to be sorted and counted: united when they have grown, so that memory stays in proportion."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.size = 0
        """Different values in the tables, some of them in several."""
        self.raw: list[np.ndarray] = []
        """Values that are few for sure, as they came: in their own dtype they take a quarter of a table."""

    def add(self, table: Table) -> None:
        self.tables.append(table)
        self.size += table.values.size
        if len(self.tables) > 1 and self.size > max(4 * self.tables[0].values.size, SMALL):
            self.table()

    def keep(self, values: np.ndarray) -> None:
        """Add values that have a limit already."""
        self.raw.append(values)

    def merge(self, other: Pile) -> None:
        self.raw += other.raw
        for table in other.tables:
            self.add(table)

    def table(self) -> Table:
        """The sum of all."""
        if self.raw:
            kinds = {values.dtype for values in self.raw}
            raw = self.raw if len(kinds) == 1 else [values.astype(np.float64) for values in self.raw]
            self.raw = []
            self.tables.append(Table.of(np.concatenate(raw)))
        if not self.tables:
            return Table(np.empty(0), np.empty(0, np.int64))
        united = Table.union(self.tables)
        self.tables, self.size = [united], united.values.size
        return united


# --- Bins

NONE = np.empty(0, np.int32)


@dataclass
class Bins:
    """Counts per bin. From the second look on, some are open: their values are kept, or divided into bins again."""

    layout: Layout
    counts: np.ndarray
    kept: np.ndarray = field(default_factory=lambda: NONE)
    """The bins whose values are in the pile, from the looks before."""
    pile: Pile = field(default_factory=Pile)
    opening: np.ndarray = field(default_factory=lambda: NONE)
    """The bins whose values this look puts into the pile."""
    divided: dict[int, Bins] = field(default_factory=dict)
    settled: bool = False
    """The counts are complete; a look adds to opening and divided bins only."""

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        return cls(layout, np.zeros(layout.bins + 2, dtype=np.int64))

    def add(self, finite: np.ndarray, extent: tuple[Any, Any] | None = None) -> None:
        """Count values (first look), or keep those of open bins. extent: the smallest and the largest of them."""
        place = np.empty(BLOCK, np.int64)
        inside = extent is not None and self.layout.holds(*extent)
        if not self.settled:
            for at in range(0, finite.size, BLOCK):
                block = finite[at : at + BLOCK]
                np.add.at(self.counts, self.layout.place(block, place[: block.size], inside=inside), 1)
            return
        lut, found = self._lookup(), []
        for at in range(0, finite.size, BLOCK):
            block = finite[at : at + BLOCK]
            bins = self.layout.place(block, place[: block.size], inside=inside)
            chosen = lut[bins]
            if chosen.any():
                found.append((block[chosen], bins[chosen]))
        if found:
            self._open(np.concatenate([values for values, _ in found]), np.concatenate([bins for _, bins in found]))

    def add_counts(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Count values (first look), each as often as its count says."""
        for at in range(0, values.size, BLOCK):
            block = values[at : at + BLOCK]
            bins = self.layout.place(block, np.empty(block.size, np.int64))
            np.add.at(self.counts, bins, counts[at : at + BLOCK])

    def _lookup(self) -> np.ndarray:
        lut = np.zeros(self.layout.bins + 2, dtype=bool)
        lut[self.opening] = True
        lut[[n for n, finer in self.divided.items() if not finer.idle]] = True
        return lut

    def _open(self, values: np.ndarray, bins: np.ndarray) -> None:
        for number, finer in self.divided.items():
            if finer.idle:
                continue
            here = bins == number
            finer.add(values[here])
            values, bins = values[~here], bins[~here]
        if values.size:
            self.pile.keep(values)

    def merge(self, other: Self) -> None:
        """Add a piece of the same look. Counts that are complete already are the same in all pieces."""
        if not self.settled:
            self.counts += other.counts
        self.pile.merge(other.pile)
        for number, finer in other.divided.items():
            self.divided[number].merge(finer)

    def again(self, wanted: Iterable[Path], dtype: np.dtype, most: int | None = None) -> Self:
        """For the next look: the same, complete, with more bins open.

        most: how many values may be kept; the fullest bins are divided until the others fit. (A bin that has hardly
        more values than it would be divided into is always kept.)
        """
        after = type(self)(self.layout, self.counts, np.concatenate([self.kept, self.opening]), self.pile, settled=True)
        inner: dict[int, list[Path]] = {}
        here: list[int] = []
        for number, *rest in wanted:
            if rest:
                inner.setdefault(number, []).append(tuple(rest))
            else:
                here.append(number)
        here.sort(key=lambda number: (self.counts[number], number))
        opening: list[int] = []
        kept = 0
        for number in here:
            kept += int(self.counts[number])
            fits = most is None or kept <= most or self.counts[number] <= 2 << FINER
            if fits and self.counts[number] <= KEPT:
                opening.append(number)
            else:
                after.divided[number] = Bins.empty(_divide(self.layout, number, dtype))
        after.opening = np.array(opening, np.int32)
        for number, finer in self.divided.items():
            after.divided[number] = finer.again(inner.get(number, ()), dtype, most)
        return after

    @property
    def keeps(self) -> int:
        """How many values this look puts into piles."""
        return int(self.counts[self.opening].sum()) + sum(finer.keeps for finer in self.divided.values())

    @property
    def size(self) -> int:
        """Bytes of the bins that are counted in this look."""
        return (0 if self.settled else self.counts.nbytes) + sum(finer.size for finer in self.divided.values())

    def fresh(self) -> Self:
        """As this, without what the present look has added: for another worker."""
        counts = self.counts if self.settled else np.zeros_like(self.counts)
        again = type(self)(self.layout, counts, settled=self.settled)
        again.opening = self.opening
        again.divided = {number: finer.fresh() for number, finer in self.divided.items()}
        return again

    def forgotten(self) -> Bins:
        """The counts without the values that were kept, if these are many."""
        kept = self.pile.size + sum(values.size for values in self.pile.raw)
        return Bins(self.layout, self.counts, settled=True) if kept > FORGOTTEN or self.divided else self

    @property
    def idle(self) -> bool:
        """Nothing of this look concerns these bins."""
        return self.settled and not self.opening.size and all(finer.idle for finer in self.divided.values())

    @property
    def known(self) -> np.ndarray:
        """The bins that need not be opened."""
        return np.concatenate([self.kept, self.opening, np.array(list(self.divided), np.int32)])


Path = tuple[int, ...]
"""Where an unopened bin is: its number, behind those of the divided bins that it is in."""


def _divide(layout: Layout, number: int, dtype: np.dtype) -> Layout:
    """A layout of keys for one bin."""
    low, high = layout.edges(np.array([number]), dtype)
    if dtype.kind not in "iu":
        low, high = np.maximum(low, -np.finfo(np.float64).max), np.minimum(high, np.finfo(np.float64).max)
    first, last = int(ordered_keys(low)[0]), int(ordered_keys(high)[0])
    shift = max((last - first).bit_length() - FINER, 0)
    return Keys(first, shift, ((last - first) >> shift) + 1)

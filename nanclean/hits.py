"""Where something was found: how many cells and rows, the first ones, and all of them while they are few."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from nanclean.batch import Numbered
from nanclean.column import Column, Mask, Numbers, Values

FIRST = 5
ALL = 10_000
RANGES = 20


class Hits:
    """Bad cells of one column, by record number. Merges in any order to the same."""

    def __init__(self) -> None:
        self.count = 0
        """Bad cells."""
        self.rows = 0
        """Rows with a bad cell."""
        self.all: np.ndarray | None = np.empty(0, np.int64)
        """The bad rows (from 0, ascending), or None if more than 10,000 are."""
        self._first: list[tuple[int, Any, int]] = []

    @property
    def first(self) -> tuple[int, ...]:
        """The first five bad rows, from 0."""
        return tuple(row for row, _, _ in self._first)

    @property
    def values(self) -> tuple[Any, ...]:
        """The first bad cell of each of these rows, as Python values."""
        return tuple(value for _, value, _ in self._first)

    @property
    def cells(self) -> tuple[int, ...]:
        """Where in its row each of them stands, of columns with several cells in a row."""
        return tuple(cell for _, _, cell in self._first)

    @property
    def ranges(self) -> list[list[int]] | None:
        """The bad rows as at most 20 runs of neighbours, numbered from 1; None if they are too many."""
        if self.all is None or not self.all.size:
            return None
        breaks = np.flatnonzero(np.diff(self.all) > 1)
        if breaks.size >= RANGES:
            return None
        starts = self.all[np.concatenate(([0], breaks + 1))] + 1
        ends = self.all[np.concatenate((breaks, [self.all.size - 1]))] + 1
        return [[int(a), int(b)] for a, b in zip(starts, ends, strict=True)]

    def add(self, column: Column, bad: Mask, batch: Numbered) -> None:
        """Take in the bad cells of a batch."""
        cells = np.flatnonzero(bad)
        if cells.size:
            self._take(column, cells, cells if column.owner is None else column.owner[cells], batch)

    def add_rows(self, bad: Mask, batch: Numbered, values: Callable[[list[int]], Sequence[Any]] | None = None) -> None:
        """Take in bad rows that have no cell: null lists, and rows that are bad as a whole.

        values: what there is to say of some of them, by their record numbers.
        """
        rows = np.flatnonzero(bad)
        self._take(None, np.empty(0, np.int64), rows, batch)
        if values is not None and rows.size:
            mine = [row for row, value, _ in self._first if value is None]
            told = dict(zip(mine, values(mine), strict=True))
            self._first = [(row, told.get(row, value), cell) for row, value, cell in self._first]

    def set_first(self, rows: Sequence[int], values: Sequence[Any]) -> None:
        """The first bad rows, and what there is to say of them, where somebody has counted the rest already."""
        self._first = [(row, value, 0) for row, value in zip(rows[:FIRST], values, strict=False)]

    def _take(self, column: Column | None, cells: np.ndarray, rows: np.ndarray, batch: Numbered) -> None:
        if column is not None and column.owner is not None:
            rows, once = np.unique(rows, return_index=True)
            first_cells = cells[once]
        else:
            first_cells = cells
        if not rows.size:
            return
        self.count += cells.size if column is not None else rows.size
        self.rows += rows.size
        few = batch.numbers(rows[:FIRST]).tolist()
        if column is None:
            found = [(row, None, 0) for row in few]
        else:
            at = first_cells[: len(few)].tolist()
            places = [_place(column, cell) for cell in at]
            found = [(row, shown(column, cell), place) for row, cell, place in zip(few, at, places, strict=True)]
        self._first = sorted([*self._first, *found], key=lambda pair: pair[0])[:FIRST]
        if self.all is not None:
            fits = self.all.size + rows.size <= ALL
            self.all = _union(self.all, batch.numbers(rows)) if fits else None

    def merge(self, other: Self) -> None:
        """Add what another worker found."""
        self.count += other.count
        self.rows += other.rows
        self._first = sorted([*self._first, *other._first], key=lambda pair: pair[0])[:FIRST]
        if self.all is None or other.all is None or self.all.size + other.all.size > ALL:
            self.all = None
        else:
            self.all = _union(self.all, other.all)


def _union(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Ascending, each once. NumPy's own imports numpy.ma, for a tenth of the start-up."""
    both = np.sort(np.concatenate((one, other)))
    return both[np.concatenate(([True], both[1:] != both[:-1]))] if both.size else both


def _place(column: Column, cell: int) -> int:
    """Where in its row a cell stands."""
    return 0 if column.owner is None else cell - int(np.searchsorted(column.owner, column.owner[cell]))


def shown(column: Column, cell: int) -> Any:
    """A cell as a Python value; as it was written where that says more."""
    if isinstance(column, Numbers):
        absent = column.absent is not None and bool(column.absent[cell])
        value = None if absent else column.values[cell].item()
        if column.text is not None and (absent or value in (math.inf, -math.inf)):
            return column.text[cell].as_py()  # "n/a?", or "1e400"
        return value
    if isinstance(column, Values) and column.array is not None:
        value = column.array[cell]
        value = value.as_py() if hasattr(value, "as_py") else value.item()
        return value if isinstance(value, str | int | float | bool | None) else str(value)
    return None


class Blocks:
    """Missing rows by block: row ranges whose size is a power of two, at most 64 of them."""

    MOST = 64

    def __init__(self) -> None:
        self.power = 0
        self.counts = np.zeros(self.MOST, np.int64)

    def add(self, records: np.ndarray) -> None:
        """Count records (ascending, from 0)."""
        if not records.size:
            return
        self.reach(int(records[-1]) + 1)
        self.counts += np.bincount(records >> self.power, minlength=self.MOST)

    def reach(self, rows: int) -> None:
        """Make the blocks large enough for this many rows."""
        while rows > self.MOST << self.power:
            self.power += 1
            self.counts = np.concatenate((self.counts.reshape(-1, 2).sum(axis=1), np.zeros(self.MOST // 2, np.int64)))

    def merge(self, other: Blocks) -> None:
        """Add the counts of another worker."""
        self.reach(self.MOST << other.power)
        copy = Blocks()
        copy.power, copy.counts = other.power, other.counts
        copy.reach(self.MOST << self.power)
        self.counts = self.counts + copy.counts

    def of(self, rows: int) -> list[int]:
        """The counts for a table of so many rows."""
        self.reach(rows)
        return [int(c) for c in self.counts[: -(-rows >> self.power)]]


def block_ranges(rows: int) -> list[list[int]]:
    """The row ranges of the blocks of a table, numbered from 1."""
    power = 0
    while rows > Blocks.MOST << power:
        power += 1
    return [[first + 1, min(first + (1 << power), rows)] for first in range(0, rows, 1 << power)]

"""A few numbers that know their training data again: the smallest row hashes, of 64 bits each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nanclean.checksum import hashes, mixed
from nanclean.column import Column, Numbers, Values

MOST = 10_000
"""Row hashes that are kept. Of a sample of so many, a share is known to about one in a hundred."""
_ABSENT = np.uint64(0x9AE16A3B2F90404F)


@dataclass
class Fingerprint:
    """The smallest hashes of rows (bottom-k, Cohen 1997). Merges in any order to the same."""

    rows: int = 0
    smallest: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    """uint64, ascending, each once; at most 10,000."""

    def add(self, found: np.ndarray) -> None:
        """Take in the hashes of further rows."""
        self.rows += found.size
        if self.smallest.size == MOST:
            found = found[found < self.smallest[-1]]
        if found.size:
            self.smallest = _distinct(np.concatenate((self.smallest, found)))[:MOST]

    def merge(self, other: Fingerprint) -> None:
        rows = self.rows + other.rows
        self.add(other.smallest)
        self.rows = rows

    @property
    def complete(self) -> bool:
        """Every different row of the data is in it."""
        return self.smallest.size < MOST


@dataclass
class Overlap:
    """How many rows of another table are in a fingerprint."""

    known: np.ndarray
    """uint64, ascending: the fingerprint."""
    complete: bool
    looked: int = 0
    """Rows that would be in it, were they in the training data."""
    found: int = 0
    """Those that are."""

    def add(self, found: np.ndarray) -> None:
        """Take in the hashes of some rows."""
        if not self.known.size:
            return
        if not self.complete:
            found = found[found <= self.known[-1]]
        self.looked += found.size
        place = np.minimum(np.searchsorted(self.known, found), self.known.size - 1)
        self.found += int(np.count_nonzero(self.known[place] == found))

    def merge(self, other: Overlap) -> None:
        self.looked += other.looked
        self.found += other.found


def row_hashes(columns: Mapping[str, Column], names: Sequence[str]) -> np.ndarray:
    """uint64, (rows,): of the cells of some columns, by what they mean: 5, 5.0 and -0.0 + 5 are one number."""
    total: np.ndarray | None = None
    for place, name in enumerate(names):
        cells = _meaning(columns[name])
        cells = mixed(cells + np.uint64((place + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1))
        total = cells if total is None else total + cells
    if total is None:
        raise ValueError("no columns")
    return mixed(total)


def _meaning(column: Column) -> np.ndarray:
    """uint64, (rows,): the same for cells that mean the same."""
    if isinstance(column, Numbers):
        cells = _of_numbers(column)
    elif isinstance(column, Values) and column.array is not None:
        cells = hashes(column.array)
    else:
        return np.zeros(column.rows, np.uint64)
    if column.absent is not None:
        cells = np.where(column.absent, _ABSENT, cells)
    if column.owner is not None:
        place = np.arange(cells.size) - np.searchsorted(column.owner, column.owner)
        rows = np.zeros(column.rows, np.uint64)
        np.add.at(rows, column.owner, cells * mixed(place.astype(np.uint64)))
        return rows
    return cells


def _of_numbers(column: Numbers) -> np.ndarray:
    values = column.values
    if values.dtype.kind in "iu" and (values.dtype.itemsize == 8 and _long(values)):
        return hashes(np.ascontiguousarray(values))
    with np.errstate(over="ignore"):
        as_float = values.astype(np.float64) + 0.0  # -0.0 is 0.0
    bits = as_float.view(np.uint64)
    return hashes(np.where(np.isnan(as_float), _ABSENT, bits))


def _long(values: np.ndarray) -> bool:
    """Whether float64 does not hold all of them."""
    return bool(values.size) and (int(values.max()) > 2**53 or int(values.min()) < -(2**53))


def _distinct(found: np.ndarray) -> np.ndarray:
    """Ascending, each once."""
    found = np.sort(found)
    return found[np.concatenate(([True], found[1:] != found[:-1]))]

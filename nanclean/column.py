"""The view of a typed column of one batch: every fact about its cells, found out at most once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import numpy as np
import pyarrow as pa

T = TypeVar("T")
Mask = np.ndarray
"""bool, one entry per cell; never null."""


class lazy(Generic[T]):  # noqa: N801 - used like property
    """A field computed at first use and kept.

    Not functools.cached_property: up to Python 3.11 that holds one lock for all
    instances, so threads that decode different columns would wait for each other.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, column: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, column: object, owner: type) -> T: ...
    def __get__(self, column: object | None, owner: type | None = None) -> T | lazy[T]:
        if column is None:
            return self
        value = column.__dict__[self.name] = self.compute(column)
        return value


@dataclass(eq=False)
class Column:
    """Some cells of one column. Every array here is shared: read it, never write to it.

    A cell is *absent* where it holds no value of the column's type: null, empty, a token,
    or text that cannot be read. NaN and infinity are values.
    """

    type: str
    """integer, float, list<integer>, list<float>, text, boolean, time, complex or other."""
    rows: int
    cells: int
    """As many as rows, but for lists, whose elements are the cells."""
    null: int = 0
    """Cells that are null in a format that has nulls."""
    empty: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    """Cells that spell "missing", by spelling."""
    absent: Mask | None = None
    """None: every cell has a value."""
    unparsable: Mask | None = None
    """Absent cells that are neither missing nor a value: garbage in a numeric column. None: there are none."""
    owner: np.ndarray | None = None
    """int64, (cells,): the row of each cell. None: cell i is row i."""
    empty_rows: Mask | None = None
    """bool, (rows,): lists that are null, so that they have no cell. None: there are none."""
    details: dict[str, int] = field(default_factory=dict)
    """Counts of other kinds of cells that decoding came across: literal_overflow, literal_underflow, numbers …"""

    @lazy
    def missing(self) -> Mask | None:
        """Cells that are null, NaN, empty or a token. None: none is."""
        if self.absent is None or self.unparsable is None:
            return self.absent
        return self.absent & ~self.unparsable

    @lazy
    def missing_rows(self) -> Mask | None:
        """bool, (rows,): rows with a missing cell, and null lists. None: there are none."""
        cells = None if self.missing is None else self.of_rows(self.missing)
        if cells is None or self.empty_rows is None:
            return self.empty_rows if cells is None else cells
        return cells | self.empty_rows

    def of_rows(self, cells: Mask) -> Mask:
        """bool, (rows,): the rows that own at least one of the cells."""
        if self.owner is None:
            return cells
        rows = np.zeros(self.rows, dtype=bool)
        rows[self.owner[cells]] = True
        return rows


@dataclass(eq=False)
class Numbers(Column):
    """Cells of a numeric column, in their own dtype (integers, float16, float32 or float64)."""

    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    """(cells,), one of NumPy's int, uint or float dtypes, native byte order.

    What stands where a cell is absent means nothing.
    """
    text: pa.Array | None = None
    """The cells as they were written, where they were text."""
    big_extent: tuple[int, int] | None = None
    """Exact extremes of a batch of integers that its values hold rounded (as float64)."""
    literal_overflow: Mask | None = None
    """Cells whose text is a finite number that float64 holds as infinity. None: there are none."""

    @property
    def floating(self) -> bool:
        return self.values.dtype.kind == "f"

    @lazy
    def present(self) -> np.ndarray:
        """The values that are not absent, NaN and infinity among them. Not copied where all are."""
        return self.values if self.absent is None else self.values[~self.absent]

    @lazy
    def _ends(self) -> tuple[Any, Any]:
        """Smallest and largest present value; NaN if there is one. NumPy's min and max are the fastest look for it."""
        x = self.present
        if not x.size:
            return 0, 0
        blocks = [x[at : at + (1 << 15)] for at in range(0, x.size, 1 << 15)]
        return np.array([b.min() for b in blocks]).min(), np.array([b.max() for b in blocks]).max()

    @lazy
    def extent(self) -> tuple[Any, Any] | None:
        """Smallest and largest finite value, or None."""
        finite = self.finite
        if not finite.size:
            return None
        return self._ends if finite is self.present else (finite.min(), finite.max())

    @lazy
    def finite(self) -> np.ndarray:
        """The values without absent ones, NaN and infinity. Not copied where all are finite."""
        if not self.floating or all(np.isfinite(end) for end in self._ends):
            return self.present
        return self.present[np.isfinite(self.present)]

    @property
    def all_finite(self) -> bool:
        """No NaN and no infinity among the present values."""
        return self.finite.size == self.present.size

    def _where(self, test: Callable[[np.ndarray], np.ndarray]) -> Mask | None:
        if self.all_finite:
            return None
        found = test(self.values)
        if self.absent is not None:
            found &= ~self.absent
        return found if found.any() else None

    @lazy
    def nan(self) -> Mask | None:
        """None: there is none."""
        return self._where(np.isnan)

    @lazy
    def pos_inf(self) -> Mask | None:
        """None: there is none."""
        return self._where(np.isposinf)

    @lazy
    def neg_inf(self) -> Mask | None:
        """None: there is none."""
        return self._where(np.isneginf)

    @lazy
    def missing(self) -> Mask | None:
        """Cells that are null, NaN, empty or a token. None: none is."""
        absent = self.absent
        if absent is not None and self.unparsable is not None:
            absent = absent & ~self.unparsable
        if absent is None or self.nan is None:
            return self.nan if absent is None else absent
        return absent | self.nan

    def outside(self, low: float, high: float) -> Mask:
        """Finite or infinite cells beyond a fence, compared in the column's own type. Never absent, never NaN."""
        out = _outside(self.values, low, high)
        if self.absent is not None:
            out &= ~self.absent
        return out


@dataclass(eq=False)
class Values(Column):
    """Cells of a column that is not numeric: text, boolean, time, complex and the rest."""

    array: pa.Array | np.ndarray | None = None
    """(cells,): as it was read, absent cells null; complex as a NumPy array."""

    @lazy
    def time_extent(self) -> tuple[str, str] | None:
        """The first and the last point in time as ISO text; `times.merged` joins two of them. None: there is none."""
        from nanclean import times  # that module stands above this one

        return times.extent(self.array) if isinstance(self.array, pa.Array) else None


def _outside(values: np.ndarray, low: float, high: float) -> Mask:
    down, up = inside(low, high, values.dtype)
    if down is None:
        return ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)
    return (values < down) | (values > up)


def inside(low: float, high: float, dtype: np.dtype) -> tuple[Any, Any]:
    """The outermost values of a dtype between two fences, or (None, None) if it has none there.

    float32(0.1) lies above 0.1, and no integer is 0.5: comparing the rounded fence would let cells pass.
    """
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        down = held.min if low == -math.inf else max(math.ceil(low), held.min)
        up = held.max if high == math.inf else min(math.floor(high), held.max)
        if low > high or down > up:
            return None, None
        return dtype.type(down), dtype.type(up)
    if not low <= high:
        return None, None
    with np.errstate(over="ignore"):
        down, up = dtype.type(low), dtype.type(high)
    if float(down) < low:  # float() first: NumPy would round the fence to the column's type, too
        down = np.nextafter(down, dtype.type(math.inf))
    if float(up) > high:
        up = np.nextafter(up, dtype.type(-math.inf))
    return (down, up) if down <= up else (None, None)


def bits_to_mask(array: pa.Array) -> Mask | None:
    """Where an Arrow array is null; None if nowhere. Arrow's own to_numpy imports pandas."""
    if not array.null_count:
        return None
    bitmap = array.buffers()[0]
    if bitmap is None:  # a null array
        return np.ones(len(array), dtype=bool)
    first, skip = divmod(array.offset, 8)  # a slice late in a long array must not unpack all that is before it
    bits = ~np.frombuffer(bitmap, np.uint8, count=(skip + len(array) + 7) // 8, offset=first)
    return np.unpackbits(bits, count=skip + len(array), bitorder="little")[skip:].view(bool)

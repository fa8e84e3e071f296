"""Arrays as tables: how values that lie one after the other become columns and records."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, cast

import numpy as np

from nanclean.batch import Batch
from nanclean.errors import UsageError
from nanclean.format import Choice, Facts, Field, Source, Split
from nanclean.formats._dialect import unique_names
from nanclean.typed import native, type_of

MOST_COLUMNS = 100_000
SPLIT_BYTES = 64 << 20
BATCH_BYTES = 64 << 20
EXPANDED = 5
"""Bytes that a byte takes while it is looked at."""
"""What a batch may hold: of 10,000 columns not many rows, and with fewer the calls for each column would dominate."""
CACHED_BYTES = 8 << 20
"""What a batch of many columns should hold: it is read by columns while it is still in the cache."""
ROWS = 1 << 16
ROWS_OF_ONE = 1 << 17
PIECE_BYTES = 1 << 20
"""Read at a time where rows have to become columns. 1 MB costs half as much per byte as 64 KB or 16 MB."""
TILE_BYTES = 1 << 15
TILE_ROWS = 512
"""Transposed at a time. All at once costs twice as much for 20 columns, four times for 1,000."""
FEWEST_ROWS = 128
"""Of a piece: with fewer, each column gets less than a few cache lines at a time."""
PLACES = 16
PAGE = 1 << 12
"""Bytes that are read at a place that was chosen: they cost as much as one of them."""
BLOCKS = 20_000
"""Places that are chosen before they become larger: the more there are, the more they prove."""
RUNS = 1 << 12
"""Places that make a batch."""
SAMPLED = 4096
MOST_READS = 20_000
"""For the sample, where each column is read from its own place."""


@dataclass(frozen=True)
class Layout:
    """Which column and record each value of an array belongs to.

    In memory the values lie as (outer, columns, inner): the value (a, j, b) belongs to column j and record
    a * inner + b. That covers rows of a matrix (n, columns, 1), its Fortran order (1, columns, n), any other axis,
    and, as (1, 1, n), an array that is one column. Records are counted in the order of memory.
    """

    shape: tuple[int, ...]
    fortran: bool = False
    axis: int | None = None
    """Its indices are the columns. None: all values are one column."""
    grouped: bool = False
    """Of an array with three axes or more: records are the indices of axis 0, and have many values."""

    @property
    def memory(self) -> tuple[int, ...]:
        """The shape in the order of memory: the last index runs fastest."""
        return self.shape[::-1] if self.fortran else self.shape

    @property
    def place(self) -> int:
        """Where the axis of the columns stands in `memory`. Without one, before everything."""
        if self.axis is None:
            return 0
        return len(self.shape) - 1 - self.axis if self.fortran else self.axis

    @property
    def columns(self) -> int:
        return 1 if self.axis is None else self.shape[self.axis]

    @property
    def rest(self) -> tuple[int, ...]:
        """The axes that the records run over, in the order of memory."""
        return self.memory if self.axis is None else self.memory[: self.place] + self.memory[self.place + 1 :]

    @property
    def outer(self) -> int:
        return math.prod(self.memory[: self.place])

    @property
    def inner(self) -> int:
        return math.prod(self.rest[self.place :])

    @property
    def rows(self) -> int:
        return math.prod(self.rest)

    @property
    def group(self) -> int:
        """The values of a record, where a record is an index of axis 0 and all values are one column."""
        return math.prod(self.shape[1:])

    @property
    def records(self) -> int:
        """How many records the report counts."""
        return self.shape[0] if self.grouped else self.rows

    def inside(self, record: int, value: int | None) -> str:
        """`[3, 0, 17]` for a value of a record along axis 0; values count in C order."""
        found = [record, *(() if value is None else map(int, np.unravel_index(value, self.shape[1:])))]
        return f"[{', '.join(map(str, found))}]"

    def index(self, record: int, column: int | None) -> str:
        """`[3, 0, 17]`, with `:` for an axis that is not meant."""
        found: list[str] = []
        for size in reversed(self.rest):
            record, i = divmod(record, size)
            found.insert(0, str(i))
        if self.axis is not None:
            found.insert(self.place, ":" if column is None else str(column))
        if self.fortran:
            found.reverse()
        while found and found[-1] == ":":
            found.pop()
        return f"[{', '.join(found)}]" if found else ""


def layout(dtype: np.dtype, shape: tuple[int, ...], fortran: bool, axis: int | None, path: str) -> Layout:
    """The layout that the user asked for, or the usual one: the columns of a matrix, and otherwise one column."""
    if dtype.names is not None:
        if axis is not None:
            raise UsageError(f"{path}: the columns of a structured array are its fields", hint="leave --axis out")
        return Layout(shape, fortran)
    if axis is None:
        columns = 1 if len(shape) == 2 and shape[1] <= MOST_COLUMNS else None
        # A record is never cut in two, so that it must fit into memory.
        grouped = len(shape) > 2 and math.prod(shape[1:]) * dtype.itemsize <= BATCH_BYTES
        return Layout(shape, fortran, columns, grouped)
    if len(shape) < 2 or not -len(shape) <= axis < len(shape):
        known = f"0 to {len(shape) - 1}" if len(shape) > 1 else "none: its values are one column"
        raise UsageError(
            f"{path}: has no axis {axis} to take columns from", hint=f"the shape is {shape}; axes: {known}"
        )
    axis %= len(shape)
    if shape[axis] > MOST_COLUMNS:
        raise UsageError(
            f"{path}: axis {axis} would give {shape[axis]:,} columns; the limit is {MOST_COLUMNS:,}",
            hint="leave --axis out, or take another one",
        )
    return Layout(shape, fortran, axis)


@dataclass(frozen=True)
class Part:
    """A column of a structured dtype: the way to it through fields and subarrays."""

    steps: tuple[str | tuple[int, ...], ...]
    dtype: np.dtype

    @property
    def name(self) -> str:
        texts = [f".{s}" if isinstance(s, str) else f"[{', '.join(map(str, s))}]" for s in self.steps]
        return "".join(texts).removeprefix(".")

    @property
    def index(self) -> str:
        return "".join(f"[{s!r}]" if isinstance(s, str) else f"[{', '.join(map(str, s))}]" for s in self.steps)

    def of(self, records: np.ndarray) -> np.ndarray:
        found: Any = records
        for step in self.steps:
            found = found[step if isinstance(step, str) else (..., *step)]
        return cast(np.ndarray, found)


def parts(dtype: np.dtype, steps: tuple[str | tuple[int, ...], ...] = ()) -> Iterator[Part]:
    """The columns of a dtype: one for each field, and for each value of a subarray."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        for index in product(*map(range, shape)):
            yield from parts(base, (*steps, index))
    elif dtype.names is None:
        yield Part(steps, dtype)
    else:
        for name in dtype.names:
            yield from parts(dtype[name], (*steps, name))


def width(dtype: np.dtype) -> int:
    """How many parts a dtype has."""
    if dtype.subdtype is not None:
        return width(dtype.subdtype[0]) * math.prod(dtype.subdtype[1])
    return 1 if dtype.names is None else sum(width(dtype[name]) for name in dtype.names)


class ArraySource(Source):
    """An array as a table, wherever its values are."""

    quick: bool = True

    def __init__(self, path: str, size: int | None, name: str, dtype: np.dtype, layout: Layout) -> None:
        self.path, self.size, self.dtype, self.layout = path, size, dtype, layout
        self._name = name
        self._parts = tuple(parts(dtype)) if dtype.names is not None else ()
        if self._parts:
            names = unique_names([part.name for part in self._parts])
            self.fields = tuple(Field(n, *type_of(p.dtype)) for n, p in zip(names, self._parts, strict=True))
        else:
            self.fields = tuple(Field(f"c{i}", *type_of(dtype)) for i in range(layout.columns))

    @abstractmethod
    def items(self, start: int, count: int, scratch: np.ndarray | None = None) -> np.ndarray:
        """(count,) in `dtype`: values as they lie one after the other. In scratch memory, if that helps."""

    def check(self) -> None:
        """Raise InputError if the array is not what it was."""

    @property
    def in_place(self) -> bool:
        """Whether a record lies in one piece, so that some can be read without the others."""
        layout = self.layout
        if layout.grouped or len(layout.shape) > 1:
            return layout.inner == 1 and not layout.fortran
        return True

    def grain(self, share: float) -> int:
        if not self.in_place or not self.fields:
            return 1
        width = self.layout.group if self.layout.grouped else self.layout.columns
        page = PAGE // max(width * self.dtype.itemsize, 1)
        return max(min(page, int(self.layout.records * share) // BLOCKS), 1)

    def nothing(self) -> Batch:
        if self._parts:
            return Batch(0, 0, [_ready(np.empty(0, part.dtype)) for part in self._parts])
        shape = (0, self.layout.group) if self.layout.grouped else (0,)
        return Batch(0, 0, [_ready(np.empty(shape, self.dtype))] * self.layout.columns)

    @property
    def facts(self) -> Facts:
        return Facts(rows=self.layout.records, notes=list(self._notes()))

    def _notes(self) -> Iterator[str]:
        shape = self.layout.shape
        if self.layout.axis is None and len(shape) == 2 and not self._parts:
            yield f"{shape[0]:,} x {shape[1]:,}: beyond {MOST_COLUMNS:,} columns; all values were read as one column."
        if self.layout.axis is None and len(shape) > 2 and not self.layout.grouped and not self._parts:
            yield f"{shape}: a record along axis 0 is beyond {BATCH_BYTES >> 20} MB; each value was read as a record."
        for field, part in zip(self.fields, self._parts or [Part((), self.dtype)], strict=False):
            of_all = field.name if self._parts else "The values"
            if part.dtype.kind in "fc" and native(np.empty(0, part.dtype)).dtype.itemsize < part.dtype.itemsize:
                yield f"{of_all}: long doubles were rounded to 64 bits."
            if part.dtype.kind == "V":
                yield f"{of_all}: {part.dtype.itemsize} bytes without a type (bfloat16?) were not looked into."

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        if self.layout.grouped:
            values: Sequence[int | None] = cells or [None] * len(rows)
            return [f"{self._name}{self.layout.inside(r, value)}" for r, value in zip(rows, values, strict=True)]
        if self._parts:
            part = "" if column is None else self._parts[column].index
            return [f"{self._name}{self.layout.index(row, None)}{part}" for row in rows]
        return [f"{self._name}{self.layout.index(row, column)}" for row in rows]

    def splits(self) -> Iterator[Split]:
        rows, batch = self.layout.records, self._group_rows() if self.layout.grouped else self._batch_rows()
        width = self.layout.group if self.layout.grouped else self.layout.columns
        size = max(SPLIT_BYTES // max(width * self.dtype.itemsize, 1) // batch, 1) * batch
        for index, start in enumerate(range(0, rows, size)):
            yield ArraySplit(self, index, start, min(start + size, rows))

    def sample(self) -> Batch | None:
        """Blocks from 16 places, or all of a small array."""
        if self.layout.grouped:
            return self._sample_of_group()
        rows, batch = self.layout.rows, self._batch_rows()
        if not rows or not self.fields:
            return None
        unit = self.layout.inner if self._whole_slabs() else 1
        places = max(min(PLACES, MOST_READS // len(self.fields)), 1)
        fits = self.room // EXPANDED // (places * len(self.fields) * self.dtype.itemsize)
        size = max(min(SAMPLED, batch // places, fits) // unit, 1) * unit
        starts = sorted({rows * i // places // unit * unit for i in range(places)})
        spans = [(start, min(start + size, rows)) for start in starts]
        blocks = [list(block) for span in spans for _, _, block in self.blocks(*span, range(len(self.fields)))]
        columns = [np.concatenate(each) for each in zip(*blocks, strict=True)]
        return Batch(0, len(columns[0]), columns)

    def _sample_of_group(self) -> Batch | None:
        """Some values from 16 places, whatever records they belong to."""
        values = self.layout.rows
        if not values:
            return None
        size = min(SAMPLED, -(-values // PLACES))
        starts = sorted({min(values * i // PLACES, values - size) for i in range(PLACES)})
        return Batch(0, len(starts), [np.stack([_ready(self.items(start, size)) for start in starts])])

    def _group_rows(self) -> int:
        """Records of a batch that have many values each. In Fortran order more: each value comes from its own place."""
        group = max(self.layout.group, 1)
        values = BATCH_BYTES // 4 // self.dtype.itemsize if self.layout.fortran else ROWS_OF_ONE
        return max(values // group, 1)

    def _groups(self, start: int, stop: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """(records, values of a record), in C order."""
        group, records = self.layout.group, self.layout.records
        for at, end in _steps(start, stop, self._group_rows()):
            if self.layout.fortran:
                runs = np.empty((group, end - at, 1), self.dtype)
                for value, place in enumerate(_fortran_places(self.layout.shape[1:])):
                    runs[value, :, 0] = self.items(place * records + at, end - at)
                found = np.empty((end - at, group), _native(self.dtype))
                _turn(runs, found, slice(None))
            else:
                found = _ready(self.items(at * group, (end - at) * group)).reshape(end - at, group)
            yield at, end - at, found

    # --- blocks of columns

    def blocks(self, start: int, stop: int, wanted: Sequence[int]) -> Iterator[tuple[int, int, Sequence[np.ndarray]]]:
        """First record, number of records and columns, again and again; each column lies in one piece."""
        if not len(wanted):
            yield start, stop - start, []
        elif self._parts:
            yield from self._records(start, stop, wanted)
        elif self.layout.grouped:
            for at, rows, values in self._groups(start, stop):
                yield at, rows, [values] * len(wanted)
        elif self.layout.columns == 1:
            for at, end in _steps(start, stop, self._read_rows([0])):
                yield at, end - at, [_ready(self.items(at, end - at))] * len(wanted)
        elif self._whole_slabs():
            yield from self._slabs(start, stop, wanted)
        else:
            yield from self._pieces(start, stop, wanted)

    def _batch_rows(self, wanted: int | None = None, most: int = BATCH_BYTES) -> int:
        """Records of a batch: what stays in the cache, and never more than memory should hold."""
        share = min(wanted / len(self.fields), 1.0) if wanted else 1.0
        size = max(int(self.layout.columns * self.dtype.itemsize * share), 1)
        rows = ROWS_OF_ONE if len(self.fields) == 1 else min(ROWS, max(CACHED_BYTES // size, ROWS // 4))
        rows = max(min(rows, most // size), 1)
        return max(rows // self.layout.inner, 1) * self.layout.inner if 0 < self.layout.inner < rows else rows

    def _read_rows(self, wanted: Sequence[int]) -> int:
        """The same, as far as there is room for what becomes of it."""
        return self._batch_rows(len(wanted), min(BATCH_BYTES, self.room // EXPANDED))

    def _whole_slabs(self) -> bool:
        return self.layout.inner <= self._batch_rows()

    def _records(self, start: int, stop: int, wanted: Sequence[int]) -> Iterator[tuple[int, int, list[np.ndarray]]]:
        """Fields become columns, in pieces that fit the cache."""
        piece = max(PIECE_BYTES // self.dtype.itemsize, 1)
        scratch = np.empty(min(piece, stop - start), self.dtype)
        for at, end in _steps(start, stop, self._read_rows(wanted)):
            columns = [np.empty(end - at, _native(self._parts[column].dtype)) for column in wanted]
            for first, last in _steps(at, end, piece):
                records = self.items(first, last - first, scratch)
                with np.errstate(over="ignore"):  # a long double may lie beyond float64
                    for column, values in zip(wanted, columns, strict=True):
                        values[first - at : last - at] = self._parts[column].of(records)
            yield at, end - at, columns

    def _pieces(self, start: int, stop: int, wanted: Sequence[int]) -> Iterator[tuple[int, int, list[np.ndarray]]]:
        """Each column from its own place: it lies in long runs."""
        inner, columns = self.layout.inner, self.layout.columns
        while start < stop:
            outer, at = divmod(start, inner)
            n = min(self._read_rows(wanted), stop - start, inner - at)
            yield start, n, [_ready(self.items((outer * columns + j) * inner + at, n)) for j in wanted]
            start += n

    def _slabs(self, start: int, stop: int, wanted: Sequence[int]) -> Iterator[tuple[int, int, list[np.ndarray]]]:
        """Rows become columns: read in pieces that fit the cache, and turned tile by tile."""
        inner = self.layout.inner
        slab = self.layout.columns * inner
        piece = max(PIECE_BYTES // (slab * self.dtype.itemsize), FEWEST_ROWS // inner, 1)
        scratch = np.empty(min(piece, (stop - start) // inner) * slab, self.dtype)
        first, last = min(wanted), max(wanted) + 1
        chosen = slice(first, last) if list(wanted) == list(range(first, last)) else list(wanted)
        for at, end in _steps(start // inner, stop // inner, max(self._read_rows(wanted) // inner, 1)):
            columns = np.empty((len(wanted), (end - at) * inner), _native(self.dtype))
            for here, there in _steps(at, end, piece):
                items = self.items(here * slab, (there - here) * slab, scratch)
                turned = columns[:, (here - at) * inner : (there - at) * inner]
                _turn(items.reshape(there - here, self.layout.columns, inner), turned, chosen)
            yield at * inner, (end - at) * inner, list(columns)


def _fortran_places(shape: tuple[int, ...]) -> Iterator[int]:
    """Where the values of a record lie in Fortran order, in C order."""
    steps = [math.prod(shape[:i]) for i in range(len(shape))]
    for index in product(*map(range, shape)):
        yield sum(i * step for i, step in zip(index, steps, strict=True))


def _turn(slabs: np.ndarray, columns: np.ndarray, chosen: slice | list[int]) -> None:
    """Some columns of (slabs, columns, inner), to be written as (columns, slabs * inner)."""
    inner = slabs.shape[2]
    tile = max(TILE_ROWS // inner, TILE_BYTES // max(slabs[:1].nbytes, 1), 1)
    with np.errstate(over="ignore"):  # a long double may lie beyond float64
        for at, end in _steps(0, len(slabs), tile):
            target = columns[:, at * inner : end * inner]
            if inner == 1:  # NumPy is faster when it need not think about a third axis
                target[:] = slabs[at:end, chosen, 0].T
            else:
                target.reshape(len(columns), end - at, inner)[:] = slabs[at:end, chosen].transpose(1, 0, 2)


@dataclass(frozen=True)
class ArraySplit(Split):
    """Some neighbouring records of an array."""

    source: ArraySource
    index: int
    start: int
    stop: int

    @property
    def share(self) -> float:
        return self.stop / max(self.source.layout.records, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        wanted = range(len(self.source.fields)) if columns is None else columns
        for start, rows, found in self.source.blocks(self.start, self.stop, wanted):
            yield Batch(start, rows, found)
        self.source.check()

    def chosen(self, choice: Choice, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        if not self.source.in_place:
            yield from super().chosen(choice, columns)
            return
        wanted = range(len(self.source.fields)) if columns is None else columns
        records = self.start + choice.within(self.start, self.stop - self.start)
        begins = np.flatnonzero(np.diff(records, prepend=-2) != 1)
        ends = np.append(begins[1:], records.size)
        for at in range(0, begins.size, RUNS):
            first, last = records[begins[at : at + RUNS]].tolist(), records[ends[at : at + RUNS] - 1].tolist()
            runs = zip(first, last, strict=True)
            blocks = [found for a, b in runs for _, _, found in self.source.blocks(a, b + 1, wanted)]
            cells = [np.concatenate([block[i] for block in blocks]) for i in range(len(wanted))]
            places = records[begins[at] : ends[min(at + RUNS, begins.size) - 1]]
            yield Batch(int(places[0]), places.size, cells, places=places)
        self.source.check()


class MemorySource(ArraySource):
    """An array in memory, with its values one after the other. Nothing is copied but rows that become columns."""

    format: ClassVar[str] = "array"

    def __init__(self, array: np.ndarray, axis: int | None, path: str) -> None:
        fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        self._flat = array.reshape(-1, order="F" if fortran else "C")  # a view
        super().__init__(path, None, "x", array.dtype, layout(array.dtype, array.shape, fortran, axis, path))

    def items(self, start: int, count: int, scratch: np.ndarray | None = None) -> np.ndarray:
        return self._flat[start : start + count]


class StridedSource(ArraySource):
    """An array in memory with gaps between its values: each column is gathered by itself."""

    format: ClassVar[str] = "array"

    def __init__(self, array: np.ndarray, axis: int | None, path: str) -> None:
        self._array = array
        super().__init__(path, None, "x", array.dtype, layout(array.dtype, array.shape, False, axis, path))

    def items(self, start: int, count: int, scratch: np.ndarray | None = None) -> np.ndarray:
        return self._array.flat[start : start + count]

    def _read_rows(self, wanted: Sequence[int]) -> int:
        """The same, as far as there is room for what becomes of it."""
        return self._batch_rows(len(wanted), min(BATCH_BYTES, self.room // EXPANDED))

    def _whole_slabs(self) -> bool:
        return False

    def _pieces(self, start: int, stop: int, wanted: Sequence[int]) -> Iterator[tuple[int, int, list[np.ndarray]]]:
        columns = np.moveaxis(self._array, self.layout.axis or 0, 0)
        for at, end in _steps(start, stop, self._read_rows(wanted)):
            found = [columns[j][at:end] if columns.ndim == 2 else columns[j].flat[at:end] for j in wanted]
            yield at, end - at, [_ready(np.ascontiguousarray(column)) for column in found]


def in_memory(array: np.ndarray, axis: int | None = None, path: str = "array") -> ArraySource:
    """A source that looks at an array; it is never written to."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return MemorySource(array, axis, path)
    return StridedSource(array, axis, path)


def _native(dtype: np.dtype) -> np.dtype:
    return native(np.empty(0, dtype)).dtype if dtype.kind in "iufc" else dtype


def _ready(values: np.ndarray) -> np.ndarray:
    """Numbers in the byte order of this machine; not copied where they are."""
    return native(values) if values.dtype.kind in "iufc" else values


def _steps(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    for at in range(start, stop, size):
        yield at, min(at + size, stop)

"""NPY files made from blocks: what no rule has touched keeps type, byte order, order of memory, and every bit."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.lib import format as numpy_format

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import packed_bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.errors import RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats._arrays import ArraySource, _fortran_places, layout, parts
from nanclean.formats._dialect import unique_names
from nanclean.formats._outputfile import OutputFile
from nanclean.formats._rebuild import Maker, bits_of
from nanclean.formats.npy import NpySource
from nanclean.target import Out, Target
from nanclean.typed import NOT_A_TIME, Complexes, native, type_of, view
from nanclean.wording import quoted

MOVED = 4 << 20
"""Bytes that are moved at a time when gaps are closed."""
MAGIC = b"\x93NUMPY"
ALIGNED = 64
"""The values begin at a multiple of it, as NumPy has it."""
SURE_DIGITS = 15
"""Decimals of so many digits come back the same from float64."""


def made(source: Source, outs: Sequence[Out], path: str) -> Target:
    """The target for a source. UsageError where an array cannot hold such columns."""
    if not outs:
        raise UsageError(f"{path}: no column is left to be written", hint="take a rule with drop_column away")
    if not isinstance(source, ArraySource):
        return Table(source, outs, path)
    kind = Structured if source.dtype.names is not None else Matrix if source.layout.axis is not None else Single
    return kind(source, outs, path)


class NpyTarget(Target, ABC):
    """An NPY file on its way: a header whose length is settled before the first value, and then the values."""

    format: ClassVar[str] = "npy"
    dtype: np.dtype
    fortran: bool = False

    def __init__(self, path: str, head: bytes = b"") -> None:
        """head: that of the source."""
        self.rows = 0
        self._path, self._head = path, head
        self._file: OutputFile | None = None

    def _open(self, rows: int, *, same: bool) -> None:
        """rows: the most that will come; same: if so many do, the file has the header of the source."""
        self._most, self._same = rows, same
        whole = header(self.dtype, self.fortran, self.shape(rows), self._head[6:8], len(self._head))
        self.offset = len(self._head) if same and self._head else len(whole)
        self._file = OutputFile(self._path)

    @abstractmethod
    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the array, when it has so many records."""

    @property
    def file(self) -> OutputFile:
        assert self._file is not None
        return self._file

    def finish(self) -> None:
        shape = self.shape(self.rows)
        self._close_gaps()
        self.file.resize(self.offset + math.prod(shape) * self.dtype.itemsize)
        if self._same and self.rows == self._most and self._head:
            head = self._head
        else:
            head = header(self.dtype, self.fortran, shape, self._head[6:8], self.offset)
        assert len(head) == self.offset
        self.file.write_at(memoryview(head), 0)
        self.file.finish()
        self._file = None

    def _close_gaps(self) -> None:
        """Where values of records that went are missing in the middle."""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def header(dtype: np.dtype, fortran: bool, shape: tuple[int, ...], version: bytes, least: int) -> bytes:
    """What stands before the values: as NumPy writes it, of at least so many bytes."""
    descr = numpy_format.dtype_to_descr(dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    needed = b"\x01\x00" if text.isascii() or _latin(text) else b"\x03\x00"
    version = max(needed, version)
    data = text.encode("utf-8" if version == b"\x03\x00" else "latin-1")
    if version == b"\x01\x00" and max(len(data) + 11 + ALIGNED, least) > 1 << 16:
        version = b"\x02\x00"
    places = 2 if version == b"\x01\x00" else 4
    size = max(-(-(len(data) + 9 + places) // ALIGNED) * ALIGNED, least)
    length = size - 8 - places
    return MAGIC + version + length.to_bytes(places, "little") + data.ljust(length - 1) + b"\n"


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


# --- from an array


class ArrayTarget(NpyTarget):
    """An array from an array. The values are taken from the source once more, as they lie there."""

    def __init__(self, source: ArraySource, outs: Sequence[Out], path: str) -> None:
        super().__init__(path, source.head() if isinstance(source, NpySource) else b"")
        self.source, self.layout, self.outs = source, source.layout, list(outs)
        self.fortran = source.layout.fortran
        if source.dtype.hasobject or source.dtype.kind == "T":
            raise UsageError(f"{path}: NPY files cannot hold {source.dtype}", hint="write .parquet or .csv")
        self.nothing = source.nothing().columns
        self._found = [self._type(out) for out in self.outs]
        try:
            self._plan()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _plan(self) -> None:
        """Settle everything that is known before the first row."""

    def _type(self, out: Out) -> np.dtype | None:
        """The dtype that a rule has given to a column, as it is in memory. None: its own."""
        if out.origin is None:
            return _dtype_of_view(out)
        before = view(self.nothing[out.origin])
        if _kind(before) == _kind(out.view):
            return None
        return _dtype_of_view(out)

    def _in_order_of(self, dtype: np.dtype) -> np.dtype:
        """In the byte order of the source."""
        order = self.source.dtype.byteorder
        return dtype.newbyteorder(order) if order in "<>" else dtype

    def _reading(self, shape: tuple[int, ...]) -> ReadOptions:
        """How a reader finds the same columns and records."""
        usual = layout(self.dtype, shape, self.fortran, None, self._path)
        if usual.grouped != self.layout.grouped and self.layout.axis is None:
            raise UsageError(
                f"{self._path}: {self.dtype} would make one record of what now is many, or the other way round",
                hint="write .parquet",
            )
        return ReadOptions(axis=None if usual.axis == self.layout.axis else self.layout.axis)

    def _whole(self, block: Block) -> None:
        """RuleError if rows are gone that cannot leave such an array."""
        if block.rows == block.batch.rows or self.layout.grouped or len(self.layout.rest) == 1:
            return
        raise RuleError(
            f"{self.source.path}: rows of an array of shape {self.layout.shape} cannot be dropped one by one",
            hint="blank the cells instead, or write .parquet",
        )

    # --- columns

    def columns(self, block: Block) -> list[Raw]:
        return [self._column(block, out, found) for out, found in zip(self.outs, self._found, strict=True)]

    def _column(self, block: Block, out: Out, found: np.dtype | None) -> np.ndarray:
        """The cells of a column as they are in memory."""
        held = block.columns[out.name]
        if out.origin is None:
            assert found is not None
            return _of_view(held.view, found, None, out.name)
        raw = block.raw(out.name)
        assert isinstance(raw, np.ndarray)
        if found is None and held.changed is None:
            return raw
        if found is not None:
            return _converted(raw, held, found, out.name)
        cells = raw.copy()
        flat = cells.reshape(-1)
        assert held.changed is not None
        flat[held.changed] = _of_view(held.view, raw.dtype, held.changed, out.name)
        return cells

    def _put(self, block: Block, index: int, into: np.ndarray, column: np.ndarray) -> None:
        """The cells of a column that are another now; `into` has them as they were, or has another dtype."""
        out, found = self.outs[index], self._found[index]
        held = block.columns[out.name]
        if found is not None:
            into[...] = column
        elif held.changed is not None:
            changed = held.changed.reshape(column.shape)
            into[changed] = column[changed]

    def write(self, piece: Any) -> None:
        rows, data = piece
        self.file.write_at(_bytes(data), self.offset + self.rows * self._record)
        self.rows += rows

    @property
    def _record(self) -> int:
        """Bytes of a record."""
        return math.prod(self.shape(1)) * self.dtype.itemsize


class Structured(ArrayTarget):
    """Records with named fields."""

    def _plan(self) -> None:
        self._parts = tuple(parts(self.source.dtype))
        old = self._parts
        kept = [out for out in self.outs if out.origin is not None]
        added = [out for out in self.outs if out.origin is None]
        kept.sort(key=lambda out: out.origin or 0)
        order = [self.outs.index(out) for out in (*kept, *added)]
        self.outs, self._found = [self.outs[i] for i in order], [self._found[i] for i in order]
        types = {
            old[out.origin].steps: found
            for out, found in zip(self.outs, self._found, strict=True)
            if out.origin is not None
        }
        same = len(kept) == len(old) and all(found is None for found in types.values())
        self.dtype = self.source.dtype if same else self._without(self.source.dtype, (), types)
        for out in added:
            self.dtype = _with_field(self.dtype, out, _dtype_of_view(out))
        self._places = {part.steps: part for part in parts(self.dtype)}
        new = list(parts(self.dtype))
        names = unique_names([part.name for part in new])
        self.fields = tuple(Field(n, *type_of(p.dtype)) for n, p in zip(names, new, strict=True))
        self.reading = ReadOptions()
        self._open(self.layout.records, same=same and not added)

    def _without(self, dtype: np.dtype, steps: tuple[Any, ...], types: dict[Any, np.dtype | None]) -> np.dtype:
        """With the fields that are left, in the types that they have now, one after the other."""
        names, formats = [], []
        assert dtype.names is not None
        for name in dtype.names:
            found = self._field(dtype[name], (*steps, name), types)
            if found is not None:
                names.append(name)
                formats.append(found)
        return np.dtype({"names": names, "formats": formats}, align=dtype.isalignedstruct)

    def _field(self, dtype: np.dtype, steps: tuple[Any, ...], types: dict[Any, np.dtype | None]) -> np.dtype | None:
        mine = [part.steps for part in parts(dtype, steps)]
        left = [each for each in mine if each in types]
        if not left:
            return None
        if dtype.names is not None:
            return self._without(dtype, steps, types)
        new = {types[each] for each in left}
        if len(left) < len(mine) or len(new) > 1 or (dtype.subdtype is not None and dtype.base.names is not None):
            if len(left) == len(mine) and new == {None}:
                return dtype
            raise UsageError(
                f"{self.source.path}: a part of the field {shortened(steps[0])} cannot leave it, or have another type",
                hint="change all of the field, or write .parquet",
            )
        found = new.pop()
        if found is None:
            return dtype
        order = dtype.base.byteorder
        found = found.newbyteorder(order) if order in "<>" else found
        return found if dtype.subdtype is None else np.dtype((found, dtype.shape))

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows,) if len(self.layout.shape) == 1 else self.layout.shape

    @property
    def _record(self) -> int:
        return self.dtype.itemsize

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        self._whole(block)
        before = self.source.items(block.batch.start, block.batch.rows)
        records = before if block.kept is None else before[block.kept]
        old = self._parts
        touched = [i for i, out in enumerate(self.outs) if block.columns[out.name].changed is not None]
        if self._same:
            if touched and block.kept is None:
                records = records.copy()
            for i in touched:
                self._put(block, i, old[self._origin(i)].of(records), _array(columns[i]))
            return len(records), records
        found = np.zeros(len(records), self.dtype)
        for i, out in enumerate(self.outs):
            if out.origin is None:
                found[out.name] = columns[i]
                continue
            part = old[out.origin]
            into = self._places[part.steps].of(found)
            into[...] = part.of(records) if self._found[i] is None else 0
            self._put(block, i, into, _array(columns[i]))
        return len(found), found

    def _origin(self, i: int) -> int:
        origin = self.outs[i].origin
        assert origin is not None
        return origin


class Matrix(ArrayTarget):
    """An array whose columns are the indices of one axis."""

    def _plan(self) -> None:
        types = {found for out, found in zip(self.outs, self._found, strict=True) if out.origin is not None}
        if len(types) > 1:
            wanted = next(str(found) for found in types if found is not None)
            raise UsageError(
                f"{self.source.path}: its columns are of one type, and a rule gives some of them another",
                hint=f"'@all -> cast({wanted})', or write .parquet",
            )
        new = types.pop() if types else None
        self.dtype = self.source.dtype if new is None else self._in_order_of(new)
        for i, out in enumerate(self.outs):
            if out.origin is None:
                self._found[i] = self._added(out)
        self._inner = self.layout.inner
        same = [out.origin for out in self.outs] == list(range(self.layout.columns)) and new is None
        kind = type_of(self.dtype)
        self.fields = tuple(Field(f"c{i}", *kind) for i in range(len(self.outs)))
        self.reading = self._reading(self.shape(self.layout.records))
        self._open(self.layout.records, same=same)
        if self._spread:
            self.file.resize(self.offset + math.prod(self.shape(self._most)) * self.dtype.itemsize)

    def _added(self, out: Out) -> np.dtype:
        """A flag is 0 or 1; numbers must be of the type of the others."""
        own = _ready(self.dtype)
        if out.view.type == "boolean" and own.kind in "iufcb":
            return own
        if _dtype_of_view(out) != own:
            raise UsageError(
                f"{shortened(out.name)}: a matrix of {self.dtype} cannot hold such a column", hint="write .parquet"
            )
        return own

    @property
    def _spread(self) -> bool:
        """Whether each column lies in one run, so that rows that go leave gaps."""
        return self._inner > 1 and self.layout.outer == 1

    def shape(self, rows: int) -> tuple[int, ...]:
        axis = self.layout.axis
        assert axis is not None
        found = list(self.layout.shape)
        if len(found) == 2:
            found[1 - axis] = rows
        found[axis] = len(self.outs)
        return tuple(found)

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        self._whole(block)
        return [self._span(block, columns, *span) for span in self._spans(block.batch.start, block.batch.rows)]

    def _spans(self, start: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """First record, records of a run, and runs that follow each other."""
        inner, end = self._inner, start + rows
        while start < end:
            at = start % inner
            if at == 0 and end - start >= inner and not self._spread:
                slabs = (end - start) // inner
                yield start, inner, slabs
                start += slabs * inner
            else:
                n = min(inner - at, end - start)
                yield start, n, 1
                start += n

    def _span(self, block: Block, columns: Sequence[Raw], start: int, run: int, slabs: int) -> np.ndarray:
        """(slabs, columns, run), in the dtype of the file. Rows that are gone make fewer slabs, or a shorter run."""
        first = start - block.batch.start
        low, high, kept = first, first + run * slabs, None
        if block.kept is not None:
            low, high = map(int, np.searchsorted(block.kept, (low, high)))
            kept = block.kept[low:high] - first
        rows = slice(low, high)
        shape = (slabs, run) if kept is None else (high - low, 1) if self._inner == 1 else (1, high - low)
        found: np.ndarray | None = None
        old = self._items(start, run, slabs) if run == self._inner and None in self._found else None
        touched = [i for i, out in enumerate(self.outs) if block.columns[out.name].changed is not None]
        if old is not None and self._same:
            if kept is None:
                found = old.copy() if touched else old
            else:
                found = old[kept] if self._inner == 1 else old[:, :, kept]
        else:
            found = np.empty((shape[0], len(self.outs), shape[1]), self.dtype)
            for i, out in enumerate(self.outs):
                if self._found[i] is None:
                    cells = self._run(start, run, out.origin) if old is None else old[:, out.origin]
                    found[:, i] = cells if kept is None else cells.reshape(-1)[kept].reshape(shape)
        for i, out in enumerate(self.outs):
            cells = _array(columns[i])[rows].reshape(shape)
            changed = block.columns[out.name].changed
            if self._found[i] is not None:
                found[:, i] = cells
            elif changed is not None:
                some = changed[rows].reshape(shape)
                found[:, i][some] = cells[some]
        return found

    def _items(self, start: int, run: int, slabs: int) -> np.ndarray:
        """(slabs, columns, run) of whole slabs, as they lie in the source."""
        columns = self.layout.columns
        return self.source.items(start * columns, run * slabs * columns).reshape(slabs, columns, run)

    def _run(self, start: int, run: int, column: int | None) -> np.ndarray:
        """(1, run): a part of a column."""
        assert column is not None
        outer, at = divmod(start, self._inner)
        place = (outer * self.layout.columns + column) * self._inner + at
        return self.source.items(place, run).reshape(1, run)

    def write(self, piece: Any) -> None:
        size, columns = self.dtype.itemsize, len(self.outs)
        for span in piece:
            rows = span.shape[0] * span.shape[2]
            outer, at = divmod(self.rows, self._inner)
            if not rows:
                continue
            if at == 0 and span.shape[2] == self._inner:
                self.file.write_at(_bytes(span), self.offset + self.rows * columns * size)
            else:
                for i in range(columns):
                    place = (outer * columns + i) * self._inner + at
                    self.file.write_at(_bytes(span[0, i]), self.offset + place * size)
            self.rows += rows

    def _close_gaps(self) -> None:
        if self._spread:
            _gathered(self.file, self.offset, len(self.outs), self._most, self.rows, self.dtype.itemsize)


class Single(ArrayTarget):
    """An array that is one column: of one axis, or with a record of many values for each index of axis 0."""

    def _plan(self) -> None:
        if len(self.outs) > 1:
            names = ", ".join(shortened(out.name) for out in self.outs[1:5])
            raise UsageError(
                f"{self.source.path}: an array of shape {self.layout.shape} has no place for {names}",
                hint="write .parquet",
            )
        new = self._found[0]
        self.dtype = self.source.dtype if new is None else self._in_order_of(new)
        self.fields = (Field("c0", *type_of(self.dtype)),)
        self.reading = self._reading(self.layout.shape)
        self._spread = self.layout.grouped and self.layout.fortran
        self._open(self.layout.records, same=new is None)
        if self._spread:
            self.file.resize(self.offset + math.prod(self.shape(self._most)) * self.dtype.itemsize)

    def shape(self, rows: int) -> tuple[int, ...]:
        if self.layout.grouped:
            return (rows, *self.layout.shape[1:])
        return (rows,) if len(self.layout.shape) == 1 else self.layout.shape

    @property
    def _record(self) -> int:
        return (self.layout.group if self.layout.grouped else 1) * self.dtype.itemsize

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        self._whole(block)
        start, rows = block.batch.start, block.batch.rows
        column = _array(columns[0])
        if self._spread:
            return block.rows, self._runs(block, column)
        group = self.layout.group if self.layout.grouped else 1
        if self._found[0] is not None:
            return block.rows, np.ascontiguousarray(column, self.dtype)
        found = self.source.items(start * group, rows * group)
        if self.layout.grouped:
            found = found.reshape(rows, group)
        if block.kept is not None:
            found = found[block.kept]
        elif block.columns[self.outs[0].name].changed is not None:
            found = found.copy()
        self._put(block, 0, found, column)
        return block.rows, found

    def _runs(self, block: Block, column: np.ndarray) -> np.ndarray:
        """(values of a record in the order of memory, rows)."""
        start, rows, records = block.batch.start, block.batch.rows, self.layout.records
        found = np.empty((self.layout.group, block.rows), self.dtype)
        changed = block.columns[self.outs[0].name].changed
        for value, place in enumerate(_fortran_places(self.layout.shape[1:])):
            if self._found[0] is not None:
                found[place] = column[:, value]
                continue
            items = self.source.items(place * records + start, rows)
            found[place] = items if block.kept is None else items[block.kept]
            if changed is not None:
                some = changed.reshape(column.shape)[:, value]
                found[place, some] = column[some, value]
        return found

    def write(self, piece: Any) -> None:
        if not self._spread:
            super().write(piece)
            return
        rows, runs = piece
        size = self.dtype.itemsize
        for place, run in enumerate(runs):
            self.file.write_at(_bytes(run), self.offset + (place * self._most + self.rows) * size)
        self.rows += rows

    def _close_gaps(self) -> None:
        if self._spread:
            _gathered(self.file, self.offset, self.layout.group, self._most, self.rows, self.dtype.itemsize)


def _gathered(file: OutputFile, offset: int, runs: int, most: int, rows: int, size: int) -> None:
    """Runs of `rows` values, each in a place for `most` of them, moved up to each other."""
    if rows == most:
        return
    for run in range(1, runs):
        there, here = offset + run * most * size, offset + run * rows * size
        for at in range(0, rows * size, MOVED):
            n = min(MOVED, rows * size - at)
            file.write_at(memoryview(file.read_at(n, there + at)), here + at)


# --- from anything else


class Table(NpyTarget):
    """A table of numbers: a matrix where the columns have no names and one type, otherwise records."""

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        super().__init__(path)
        nothing = source.nothing().columns
        self._makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        types = [_number_type(maker) for maker in self._makers]
        names = [out.name for out in outs]
        self._matrix = len(set(types)) == 1 and names == [f"c{i}" for i in range(len(names))]
        if self._matrix:
            self.dtype = types[0]
            self.fields = tuple(Field(name, *type_of(types[0])) for name in names)
        else:
            self.dtype = np.dtype(list(zip(names, types, strict=True)))
            found = unique_names([part.name for part in parts(self.dtype)])
            self.fields = tuple(Field(n, *type_of(t)) for n, t in zip(found, types, strict=True))
        self._types = types
        self.reading = ReadOptions()
        self._open(10**18, same=False)

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows, len(self._makers)) if self._matrix else (rows,)

    def columns(self, block: Block) -> list[Raw]:
        return [_as_numbers(maker, block, t) for maker, t in zip(self._makers, self._types, strict=True)]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        found = np.empty(self.shape(block.rows), self.dtype)
        for i, (maker, column) in enumerate(zip(self._makers, columns, strict=True)):
            found[(slice(None), i) if self._matrix else maker.name] = column
        return found

    def write(self, piece: np.ndarray) -> None:
        self.file.write_at(_bytes(piece), self.offset + self.rows * math.prod(self.shape(1)) * self.dtype.itemsize)
        self.rows += len(piece)


def _number_type(maker: Maker) -> np.dtype:
    """The dtype of a column. UsageError if its cells are no numbers."""
    kind, _ = type_of(maker.type)
    if kind == "boolean":
        return np.dtype(bool)
    exact = not pa.types.is_decimal(maker.type) or maker.type.precision <= SURE_DIGITS
    if kind not in ("integer", "float") or not exact:
        told = kind if exact else str(maker.type)
        raise UsageError(
            f"{shortened(maker.name)}: {told} has no place in an NPY file of numbers",
            hint=f'take the column out: --rule "{quoted(maker.name)} -> drop_column", or write .parquet',
        )
    empty = view(pa.nulls(0, maker.type))
    assert isinstance(empty, Numbers)
    return empty.values.dtype


def _as_numbers(maker: Maker, block: Block, dtype: np.dtype) -> np.ndarray:
    """The cells of a column; missing ones are NaN, and an error where there is none."""
    found = view(maker.array(block))
    if found.absent is not None and dtype.kind != "f":
        record = int(block.numbers(np.flatnonzero(found.absent)[:1])[0])
        raise RuleError(
            f"{shortened(maker.name)}, row {record + 1}: is missing, and {dtype} has no way to say so",
            hint=f"fill it, or cast it: {quoted(maker.name)} -> cast(float64)",
        )
    if isinstance(found, Numbers):
        return np.where(found.absent, np.nan, found.values) if found.absent is not None else found.values
    assert isinstance(found, Values)
    return bits_of(found.array)


# --- cells


def _kind(column: Column) -> tuple[str, np.dtype | None]:
    return column.type, column.values.dtype if isinstance(column, Numbers) else None


def _dtype_of_view(out: Out) -> np.dtype:
    if isinstance(out.view, Numbers):
        return out.view.values.dtype
    if out.view.type == "boolean":
        return np.dtype(bool)
    raise UsageError(
        f"{shortened(out.name)}: {out.view.type} has no place in this array",
        hint=f'take the column out: --rule "{quoted(out.name)} -> drop_column", or write .parquet',
    )


def _of_view(column: Column, dtype: np.dtype, some: Mask | None, name: str) -> np.ndarray:
    """Some cells of a view, or all, as they are in memory. RuleError for what the dtype cannot hold."""
    some = np.ones(column.cells, dtype=bool) if some is None else some
    absent = None if column.absent is None else column.absent[some]
    lost = absent is not None and bool(absent.any())
    if lost and dtype.kind not in "fcMm":
        raise RuleError(
            f"{shortened(name)}: a cell would have to be missing, and {dtype} has no way to say so",
            hint=f"cast it first: {quoted(name)} -> cast(float64)",
        )
    if isinstance(column, Numbers):
        found = column.values[some]
        with np.errstate(over="ignore"):
            return np.where(absent, dtype.type(np.nan), found) if lost else found
    assert isinstance(column, Values)
    if isinstance(column, Complexes):
        return column.array[some]
    assert isinstance(column.array, pa.Array)
    if column.type == "boolean":
        return bits_of(column.array)[some].astype(dtype)
    array = column.array.filter(packed_bits(some))
    return _times(array, dtype) if dtype.kind in "Mm" else _texts(array, dtype, name)


def _times(array: pa.Array, dtype: np.dtype) -> np.ndarray:
    """NaT where they are null."""
    unit = "D" if pa.types.is_date32(array.type) else array.type.unit
    width = array.type.bit_width // 8
    ticks = np.frombuffer(array.buffers()[1] or b"", f"i{width}")[array.offset : array.offset + len(array)]
    found = ticks.astype(np.int64)
    if array.null_count:
        found[~bits_of(array.is_valid())] = NOT_A_TIME
    return found.view(f"{dtype.kind}8[{unit}]").astype(dtype)


def _texts(array: pa.Array, dtype: np.dtype, name: str) -> np.ndarray:
    """Text of a fixed width."""
    if dtype.kind not in "US":
        raise RuleError(f"{shortened(name)}: {dtype} cannot be changed", hint="leave the column as it is")
    texts = array.to_pylist()
    cells: list[Any] = [text.encode() for text in texts] if dtype.kind == "S" else texts
    room = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    for cell, text in zip(cells, texts, strict=True):
        if len(cell) > room:
            raise RuleError(
                f"{shortened(name)}: {shortened(text)!r} does not fit into {dtype}",
                hint=f"{dtype} has room for {room:,} characters",
            )
    return np.array(cells, dtype=dtype) if cells else np.empty(0, dtype)


def _converted(raw: np.ndarray, held: Held, dtype: np.dtype, name: str) -> np.ndarray:
    """A column whose type a rule has changed. What only a policy takes for missing keeps its value."""
    column, before = held.view, raw.reshape(-1)
    there = np.zeros(column.cells, dtype=bool)
    if column.absent is not None:
        there = column.absent & ~_nan(before)
        if held.changed is not None:
            there &= ~held.changed
    some = ~there
    found = np.empty(column.cells, dtype)
    found[some] = _of_view(column, dtype, some, name)
    with np.errstate(over="ignore", invalid="ignore"):
        found[there] = before[there].astype(dtype)
    if (found[there].astype(before.dtype) != before[there]).any():
        raise RuleError(
            f"{shortened(name)}: {dtype} cannot hold a value that the policy takes for missing",
            hint=f"make it missing above: {quoted(name)}: missing -> blank",
        )
    return found.reshape(raw.shape)


def _nan(values: np.ndarray) -> Mask:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _with_field(dtype: np.dtype, out: Out, new: np.dtype) -> np.dtype:
    """With a further field behind all others, which stay where they are."""
    names, fields = dtype.names, dtype.fields
    assert names is not None
    assert fields is not None
    if out.name in names:
        raise UsageError(f"{shortened(out.name)}: there is a field of that name", hint="write .parquet")
    return np.dtype(
        {
            "names": [*names, out.name],
            "formats": [*(fields[name][0] for name in names), new],
            "offsets": [*(fields[name][1] for name in names), dtype.itemsize],
            "itemsize": dtype.itemsize + new.itemsize,
        }
    )


def _ready(dtype: np.dtype) -> np.dtype:
    return native(np.empty(0, dtype)).dtype if dtype.kind in "iufc" else dtype


def _array(raw: Raw) -> np.ndarray:
    assert isinstance(raw, np.ndarray)
    return raw


def _bytes(values: np.ndarray) -> memoryview:
    """The bytes of an array, one after the other."""
    if not values.nbytes:
        return memoryview(b"")
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data

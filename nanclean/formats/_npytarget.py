"""NPY files made from blocks: what no rule has touched keeps type, byte order, order of memory, and every bit."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.column import Column, Numbers
from nanclean.errors import RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats._arrays import ArraySource, _fortran_places, layout, parts
from nanclean.formats._dialect import unique_names
from nanclean.formats._npycells import converted, of_view
from nanclean.formats._npyfile import NpyTarget, as_bytes, gathered
from nanclean.formats._npytable import Table
from nanclean.formats.npy import NpySource
from nanclean.target import Out, Target
from nanclean.typed import native, type_of, view
from nanclean.wording import quoted


def made(source: Source, outs: Sequence[Out], path: str) -> Target:
    """The target for a source. UsageError where an array cannot hold such columns."""
    if not outs:
        raise UsageError(f"{path}: no column is left to be written", hint="take a rule with drop_column away")
    if not isinstance(source, ArraySource):
        return Table(source, outs, path)
    kind = Structured if source.dtype.names is not None else Matrix if source.layout.axis is not None else Single
    return kind(source, outs, path)


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
            return _dtypeof_view(out)
        before = view(self.nothing[out.origin])
        if _kind(before) == _kind(out.view):
            return None
        return _dtypeof_view(out)

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
            return of_view(held.view, found, None, out.name)
        raw = block.raw(out.name)
        assert isinstance(raw, np.ndarray)
        if found is None and held.changed is None:
            return raw
        if found is not None:
            return converted(raw, held, found, out.name)
        cells = raw.copy()
        flat = cells.reshape(-1)
        assert held.changed is not None
        flat[held.changed] = of_view(held.view, raw.dtype, held.changed, out.name)
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
        self.file.write_at(as_bytes(data), self.offset + self.rows * self._record)
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
        self._extended = same and bool(added)
        for out in added:
            self.dtype = _with_field(self.dtype, out, _dtypeof_view(out))
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
        # NumPy leaves out the padding when it copies records, but not when it does not know what they are.
        unknown = before.view(f"V{before.dtype.itemsize}")
        records = before if block.kept is None else unknown[block.kept].view(before.dtype)
        old = self._parts
        touched = [i for i, out in enumerate(self.outs) if block.columns[out.name].changed is not None]
        if self._same:
            if touched and block.kept is None:
                records = unknown.copy().view(before.dtype)
            for i in touched:
                self._put(block, i, old[self._origin(i)].of(records), _array(columns[i]))
            return len(records), records
        found = np.zeros(len(records), self.dtype)
        if self._extended:  # all at once, and with the padding
            cells = found.view(np.uint8).reshape(len(found), self.dtype.itemsize)
            cells[:, : before.dtype.itemsize] = records.view(np.uint8).reshape(len(found), before.dtype.itemsize)
        for i, out in enumerate(self.outs):
            if out.origin is None:
                found[out.name] = columns[i]
                continue
            part = old[out.origin]
            into = self._places[part.steps].of(found)
            if self._found[i] is None and not self._extended:
                into[...] = part.of(records)
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
        if _dtypeof_view(out) != own:
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
                self.file.write_at(as_bytes(span), self.offset + self.rows * columns * size)
            else:
                for i in range(columns):
                    place = (outer * columns + i) * self._inner + at
                    self.file.write_at(as_bytes(span[0, i]), self.offset + place * size)
            self.rows += rows

    def _close_gaps(self) -> None:
        if self._spread:
            gathered(self.file, self.offset, len(self.outs), self._most, self.rows, self.dtype.itemsize)


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
            self.file.write_at(as_bytes(run), self.offset + (place * self._most + self.rows) * size)
        self.rows += rows

    def _close_gaps(self) -> None:
        if self._spread:
            gathered(self.file, self.offset, self.layout.group, self._most, self.rows, self.dtype.itemsize)


# --- types


def _kind(column: Column) -> tuple[str, np.dtype | None]:
    return column.type, column.values.dtype if isinstance(column, Numbers) else None


def _dtypeof_view(out: Out) -> np.dtype:
    if isinstance(out.view, Numbers):
        return out.view.values.dtype
    if out.view.type == "boolean":
        return np.dtype(bool)
    raise UsageError(
        f"{shortened(out.name)}: {out.view.type} has no place in this array",
        hint=f'take the column out: --rule "{quoted(out.name)} -> drop_column", or write .parquet',
    )


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

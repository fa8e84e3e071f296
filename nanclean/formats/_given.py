"""Tables in memory that are handed over and given back: arrays, and what Arrow holds."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.column import Numbers
from nanclean.errors import RuleError, UsageError
from nanclean.formats._arrays import layout, parts
from nanclean.formats._columns import leaf_arrays, leaves
from nanclean.formats._dialect import unique_names
from nanclean.formats._returned import (
    Result,
    arrow_column,
    arrow_field,
    combined,
    fresh,
    fresh_arrow,
    leaves_of,
    numpy_column,
    restructured,
    some,
)
from nanclean.wording import quoted

TILE_BYTES = 8 << 20
"""Of an array whose rows lie one after the other: what is worked on at a time should stay in the cache."""
TILE_ROWS = 1 << 14
"""Of columns that become rows again."""


class Given(ABC):
    """A table in memory that is handed over, and given back changed."""

    format: ClassVar[str] = "frame"
    label: str
    """What it is: DataFrame, dict …"""
    names: Sequence[str]
    """No two are the same."""
    rows: int
    batch: int = 1 << 16
    """Rows to be worked on at a time."""
    counted: bool = False
    """Its columns have places and no names of their own."""

    @abstractmethod
    def cells(self, i: int) -> Callable[[int, int], Raw]:
        """The cells of column i, from a first row to a last one, which is left out."""

    @abstractmethod
    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> Any:
        """A table of the same kind with these columns, and (int64, ascending; None: all) these rows of it."""


class ArrayTable(Given):
    """A NumPy array of one dimension or two, of anything but Python objects."""

    format = "array"
    counted = True

    def __init__(self, array: np.ndarray, label: str) -> None:
        self.label, self.array = label, array
        shape = layout(array.dtype, array.shape, False, None, label)
        self.flat = shape.axis is None
        """All values are one column."""
        self.matrix = array.reshape(-1, 1) if self.flat else array
        self.rows, width = self.matrix.shape
        self.names = tuple(f"c{i}" for i in range(width))
        if not array.flags.f_contiguous:
            self.batch = max(TILE_BYTES // max(width * array.itemsize, 1), 1 << 13)

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        column = self.matrix[:, i]
        return lambda start, stop: column[start:stop]

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> np.ndarray:
        if self.array.ndim != 1 and self.flat and (kept is not None or len(columns) != 1):
            raise _one_column(self.array.shape)
        rows = self.rows if kept is None else len(kept)
        same = [column.origin for column in columns] == list(range(len(self.names)))
        dtype = _common([(column, self._dtype(column)) for column in columns], self.array.dtype)
        order: Any = "F" if self.array.flags.f_contiguous and not self.array.flags.c_contiguous else "C"
        if same and kept is None and dtype == self.array.dtype:
            out = self.matrix.copy(order)
        else:
            out = np.empty((rows, len(columns)), dtype, order)
            for j, column in enumerate(columns):
                if column.view is None:
                    out[:, j] = _exactly(some(self.matrix[:, cast(int, column.origin)], kept), dtype, column.name)
        touched = [(j, self._column(column, kept)) for j, column in enumerate(columns) if column.view is not None]
        touched = [(j, _exactly(cells, dtype, columns[j].name)) for j, cells in touched]
        tile = TILE_ROWS if order == "C" else max(rows, 1)
        for at in range(0, rows, tile):  # a column at a time would cross all of memory
            for j, cells in touched:
                out[at : at + tile, j] = cells[at : at + tile]
        return out.reshape(self.array.shape if self.array.ndim != 1 else -1) if self.flat and len(columns) == 1 else out

    def _dtype(self, column: Result) -> np.dtype:
        if column.view is None or not (column.retyped or column.origin is None):
            return self.array.dtype
        return column.view.values.dtype if isinstance(column.view, Numbers) else fresh(column).dtype

    def _column(self, column: Result, kept: np.ndarray | None) -> np.ndarray:
        if column.origin is None:
            return fresh(column)
        return numpy_column(some(self.matrix[:, column.origin], kept), column)


def _common(columns: Sequence[tuple[Result, np.dtype]], own: np.dtype) -> np.dtype:
    """The dtype that holds all columns of an array."""
    found = {dtype for _, dtype in columns} or {own}
    if len(found) == 1:
        return found.pop()
    for column, dtype in columns:
        if dtype.kind not in "biufcUS" or (dtype.kind in "US") != (own.kind in "US"):
            raise UsageError(
                f"{quoted(column.name)}: becomes {dtype}, and the array is of {own}",
                hint="hand over a table whose columns have types of their own: a DataFrame, or a dict of arrays",
            )
    return np.result_type(*found)


def _exactly(values: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """In the dtype of the array. RuleError if that would change a value."""
    if values.dtype == dtype or values.dtype.kind not in "iu" or dtype.kind != "f" or values.itemsize < 4:
        return values
    with np.errstate(over="ignore"):
        cast_values = values.astype(dtype)
    whole = cast_values.astype(np.longdouble) == values.astype(np.longdouble)
    if not whole.all():
        raise RuleError(
            f"{quoted(name)}: {values[np.argmin(whole)]} cannot stand in an array of {dtype}, which others need",
            hint="hand over a table whose columns have types of their own: a DataFrame, or a dict of arrays",
        )
    return cast_values


def _one_column(shape: tuple[int, ...]) -> UsageError:
    return UsageError(
        f"an array of shape {shape} is one column here: no row of it can go, and no column can come",
        hint="hand over an array of two dimensions",
    )


class VectorTable(Given):
    """An array of three dimensions or more: the indices of the first are the rows, with many values each."""

    format = "array"
    counted = True
    names = ("c0",)

    def __init__(self, array: np.ndarray, label: str) -> None:
        self.label, self.array, self.rows = label, array, len(array)
        self.group = math.prod(array.shape[1:])
        self.batch = max((1 << 20) // max(self.group, 1), 1)

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return lambda start, stop: np.ascontiguousarray(self.array[start:stop]).reshape(stop - start, self.group)

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> np.ndarray:
        if len(columns) != 1:
            raise _one_column(self.array.shape)
        original = some(self.array, kept)
        order: Any = "F" if self.array.flags.f_contiguous and not self.array.flags.c_contiguous else "C"
        return np.array(numpy_column(original, columns[0]), order=order, copy=True)


class RecordTable(Given):
    """A structured array: its fields are the columns, and so is each value of a field that is an array."""

    format = "array"

    def __init__(self, array: np.ndarray, label: str) -> None:
        self.label, self.array = label, array
        self.flat = array.reshape(-1)
        self.parts = tuple(parts(array.dtype))
        self.names = unique_names([part.name for part in self.parts])
        self.rows = self.flat.size

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return lambda start, stop: self.parts[i].of(self.flat[start:stop])

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> np.ndarray:
        if kept is not None and self.array.ndim != 1:
            raise _one_column(self.array.shape)
        original = some(self.flat, kept)
        made = {
            column.name: fresh(column) if column.origin is None
            else numpy_column(self.parts[column.origin].of(original), column)
            for column in columns if column.view is not None
        }  # fmt: skip
        origins = {column.origin: column for column in columns if column.origin is not None}
        dtype = self._dtype(origins, made, [column for column in columns if column.origin is None])
        out = np.empty(len(original), dtype)
        if dtype == self.array.dtype:
            out[...] = original
        for i, part in enumerate(self.parts):
            if i in origins:
                part.of(out)[...] = made.get(self.names[i], part.of(original))
        for column in columns:
            if column.origin is None:
                out[column.name] = made[column.name]
        return out.reshape(self.array.shape) if self.array.ndim != 1 else out

    def _dtype(
        self, origins: Mapping[int, Result], made: Mapping[str, np.ndarray], added: Sequence[Result]
    ) -> np.dtype:
        """Fields may have another dtype, go and come; what is inside them may not."""
        own = self.array.dtype
        fields: list[tuple[str, Any]] = []
        for name in own.names or ():
            inside = [i for i, part in enumerate(self.parts) if part.steps[0] == name]
            changed = [
                i for i in inside
                if i not in origins or (self.names[i] in made and made[self.names[i]].dtype != self.parts[i].dtype)
            ]  # fmt: skip
            if not changed:
                fields.append((name, own[name]))
            elif len(self.parts[inside[0]].steps) > 1:
                raise UsageError(
                    f"{quoted(self.names[changed[0]])}: is part of the field {quoted(name)}, and cannot have another "
                    "dtype, or go, by itself",
                    hint="hand over a dict of arrays",
                )
            elif inside[0] in origins:
                fields.append((name, made[self.names[inside[0]]].dtype))
        fields += [(column.name, made[column.name].dtype) for column in added]
        same = [name for name, _ in fields] == list(own.names or ()) and all(t == own[name] for name, t in fields)
        return own if same else np.dtype(fields)


class ArrowTable(Given):
    """An Arrow table. Structs are looked into."""

    def __init__(self, table: pa.Table, label: str, back: Callable[[pa.Table], Any]) -> None:
        self.label, self.table, self.back = label, table, back
        self.names = tuple(leaf.name for leaf in leaves(table.schema))
        self.rows = table.num_rows
        self.places = [
            (place, child) for place, field in enumerate(table.schema) for child in range(leaves_of(field.type))
        ]
        """The column of each leaf, and which leaf of it that is."""

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return lambda start, stop: combined(self._leaf(i).slice(start, stop - start))

    def _leaf(self, i: int) -> pa.ChunkedArray:
        place, child = self.places[i]
        column = self.table.column(place)
        if not _is_struct(column.type):
            return column
        batch = pa.RecordBatch.from_arrays([combined(column)], ["x"])
        return pa.chunked_array([leaf_arrays(batch)[child]])

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> Any:
        table = some(self.table, kept)
        results = {column.origin: column for column in columns if column.origin is not None}
        below: list[list[int]] = [[] for _ in table.schema]
        for i, (place, _) in enumerate(self.places):
            below[place].append(i)
        arrays: list[Any] = []
        fields: list[pa.Field] = []
        for place, (field, mine) in enumerate(zip(table.schema, below, strict=True)):
            column = table.column(place)
            if all(i in results and results[i].view is None for i in mine):
                arrays.append(column)
                fields.append(field)
                continue
            made: Any
            if _is_struct(column.type):
                made = restructured(combined(column), iter([results.get(i) for i in mine]))
            else:
                made = arrow_column(column, results[mine[0]]) if mine[0] in results else None
            if made is not None:
                arrays.append(made)
                fields.append(arrow_field(field, made))
        for each in columns:
            if each.origin is None:
                arrays.append(fresh_arrow(each))
                fields.append(pa.field(each.name, arrays[-1].type))
        if not arrays:
            return self.back(table.select([]))
        return self.back(pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=table.schema.metadata)))


def _is_struct(type_: pa.DataType) -> bool:
    return bool(pa.types.is_struct(type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_))

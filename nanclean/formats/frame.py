"""What is in memory already: pandas and polars frames, anything of Arrow, NumPy arrays, a dict of arrays.

Nothing here writes to its argument. pandas is imported by nobody else, and only by those who hand over something of it.
"""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from nanclean.batch import Batch, Raw
from nanclean.cells import bits, packed_bits
from nanclean.column import Column, Numbers
from nanclean.errors import InputError, RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._arrays import PLACES, SAMPLED, in_memory
from nanclean.formats._columns import leaves
from nanclean.formats._dialect import unique_names
from nanclean.formats._given import ArrayTable, ArrowTable, Given, RecordTable, VectorTable
from nanclean.formats._returned import (
    Result,
    arrow_column,
    fresh,
    fresh_arrow,
    masked_column,
    numpy_column,
    objects,
    python_cells,
    some,
)
from nanclean.typed import Lists, bitmap, is_list, strings, type_of
from nanclean.wording import quoted

understands = frozenset({"axis"})

SPLIT_ROWS = 1 << 20
BATCH_ROWS = 1 << 17
_KNOWN = "a path, a pandas or polars frame, an Arrow table or reader, a NumPy array, or a dict of arrays"


def opened(source: object, options: ReadOptions) -> Source:
    """A source that looks at something in memory. It is never changed."""
    label = type(source).__name__
    if not _is_pandas(source) and not _is_arrow(source):
        if isinstance(source, Mapping):
            _refuse_axis(options, label)
            return _of_mapping(source, label)
        array = _as_array(source, label)
        if not array.dtype.hasobject and not isinstance(array, np.ma.MaskedArray):
            return in_memory(array, options.axis, label if label != "ndarray" else "array")
        _refuse_axis(options, label)
        return _of_objects(array, label)
    _refuse_axis(options, label)
    if _is_arrow(source):
        return _of_table(_table(source, label), label)
    return _of_pandas(source, label)


def _refuse_axis(options: ReadOptions, label: str) -> None:
    if options.axis is not None:
        raise UsageError(f"{label}: has columns already; an axis is for arrays", hint="leave axis out")


@dataclass(frozen=True)
class Holder:
    """A column in memory, which gives the cells of some rows."""

    name: str
    type: str
    bits: int | None
    rows: int
    take: Callable[[int, int], Raw]
    """From a first row to a last one, which is left out."""


class FrameSource(Source):
    """Columns in memory."""

    format: ClassVar[str] = "frame"
    quick: bool = True

    def __init__(self, path: str, columns: Sequence[Holder], rows: int) -> None:
        self.path, self.size = path, None
        names = unique_names([column.name for column in columns])
        self._columns, self._rows = columns, rows
        self.fields = tuple(Field(n, c.type, c.bits) for n, c in zip(names, columns, strict=True))

    @property
    def facts(self) -> Facts:
        return Facts(rows=self._rows)

    def sample(self) -> Batch | None:
        if not self._rows or not self._columns:
            return None
        size = min(SAMPLED, BATCH_ROWS)
        starts = sorted({self._rows * i // PLACES for i in range(PLACES)}) if self._rows > PLACES * size else [0]
        size = size if len(starts) > 1 else self._rows
        spans = [(start, min(start + size, self._rows)) for start in starts]
        columns = [_joined([column.take(*span) for span in spans]) for column in self._columns]
        return Batch(0, len(columns[0]), columns)

    def nothing(self) -> Batch:
        return Batch(0, 0, [column.take(0, 0) for column in self._columns])

    def splits(self) -> Iterator[Split]:
        for index, start in enumerate(range(0, self._rows, SPLIT_ROWS)):
            yield FrameSplit(self, index, start, min(start + SPLIT_ROWS, self._rows))

    def batches(self, start: int, stop: int, columns: Sequence[int] | None) -> Iterator[Batch]:
        wanted = self._columns if columns is None else [self._columns[i] for i in columns]
        for at in range(start, stop, BATCH_ROWS):
            end = min(at + BATCH_ROWS, stop)
            yield Batch(at, end - at, [column.take(at, end) for column in wanted])

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return [f"row {row + 1}" for row in rows]


@dataclass(frozen=True)
class FrameSplit(Split):
    """Some neighbouring rows."""

    source: FrameSource
    index: int
    start: int
    stop: int

    @property
    def share(self) -> float:
        return self.stop / max(self.source.facts.rows, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        return self.source.batches(self.start, self.stop, columns)


def _joined(pieces: list[Raw]) -> Raw:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if isinstance(pieces[0], np.ndarray) else pa.concat_arrays(pieces)


# --- columns of one kind or another


def _chunked(name: str, cells: pa.ChunkedArray) -> Holder:
    def take(start: int, stop: int) -> pa.Array:
        chunks = cells.slice(start, stop - start).chunks
        if len(chunks) == 1:
            return chunks[0]
        return pa.concat_arrays(chunks) if chunks else pa.nulls(0, cells.type)

    return Holder(name, *type_of(cells.type), len(cells), take)


def _arrow(name: str, array: pa.Array | pa.ChunkedArray) -> Holder:
    return _chunked(name, array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))


def _numpy(name: str, array: np.ndarray) -> Holder:
    """One dimension."""
    return Holder(name, *type_of(array.dtype), len(array), lambda start, stop: array[start:stop])


def _vectors(name: str, array: np.ndarray) -> Holder:
    """An array of several dimensions as lists of numbers, one for each index of the first."""
    kind, bits = type_of(array.dtype)
    if kind not in ("integer", "float"):
        raise UsageError(f"{shortened(name)}: only numbers may have {array.ndim} dimensions", hint="give one dimension")
    size = math.prod(array.shape[1:])

    def take(start: int, stop: int) -> pa.Array:
        values = np.ascontiguousarray(array[start:stop]).reshape(-1)
        type_ = pa.from_numpy_dtype(values.dtype)
        cells = pa.Array.from_buffers(type_, values.size, [None, pa.py_buffer(values)])
        return pa.Array.from_buffers(pa.list_(type_, size), stop - start, [None], children=[cells])

    if array.dtype != array.dtype.newbyteorder("=") or array.dtype.itemsize > 8:
        array = array.astype(np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("="))
    return Holder(name, f"list<{kind}>", bits, len(array), take)


def _masked(name: str, array: np.ma.MaskedArray) -> Holder:
    """Masked cells are null."""
    values, mask = np.ma.getdata(array), np.ma.getmaskarray(array)
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8:
        cells: list[Any] = values.tolist()
        return _cells(name, [None if lost else cell for cell, lost in zip(cells, mask.tolist(), strict=True)])
    return _arrow(name, _with_nulls(np.ascontiguousarray(values, values.dtype.newbyteorder("=")), mask))


def _with_nulls(values: np.ndarray, null: np.ndarray) -> pa.Array:
    """Native numbers as an Arrow array; NaN stays NaN."""
    valid = bitmap(~null) if null.any() else None
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, pa.py_buffer(values)])


# --- Arrow


def _is_arrow(source: object) -> bool:
    if isinstance(source, pa.Table | pa.RecordBatch | pa.RecordBatchReader | pa.Array | pa.ChunkedArray):
        return True
    if _is_pandas(source):  # its capsules turn NaN into null
        return False
    return any(hasattr(source, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "to_arrow"))


def _table(source: Any, label: str) -> pa.Table:
    """Anything of Arrow as a table. What can be read only once is taken into memory."""
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.Array | pa.ChunkedArray):
        return _single(source)
    try:
        if isinstance(source, pa.RecordBatchReader):
            return source.read_all()
        if hasattr(source, "__arrow_c_stream__"):
            return _stream(source)
        if hasattr(source, "__arrow_c_array__"):
            return _single(pa.array(source))
        return _table(source.to_arrow(), label)  # polars, before it had capsules
    except Exception as error:  # any producer, any error
        raise InputError(f"{label}: cannot be handed over as Arrow data: {shortened(str(error), 160)}") from error


def _stream(source: Any) -> pa.Table:
    try:
        return pa.RecordBatchReader.from_stream(source).read_all()
    except pa.ArrowInvalid:  # not a table but one column
        return _single(pa.chunked_array(source), str(getattr(source, "name", "") or "c0"))


def _single(array: pa.Array | pa.ChunkedArray, name: str = "c0") -> pa.Table:
    if pa.types.is_struct(array.type):
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        children = [pa.chunked_array(each) for each in zip(*(chunk.flatten() for chunk in chunks), strict=True)]
        return pa.Table.from_arrays(children, [array.type.field(i).name for i in range(array.type.num_fields)])
    return pa.Table.from_arrays([array], [name])


def _of_table(table: pa.Table, label: str) -> FrameSource:
    cells = [leaf for column in table.columns for leaf in _flat(column)]
    names = [leaf.written for leaf in leaves(table.schema)]
    return FrameSource(label, list(map(_chunked, names, cells)), table.num_rows)


def _flat(column: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    if isinstance(column.type, pa.BaseExtensionType) and pa.types.is_struct(column.type.storage_type):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if not pa.types.is_struct(column.type):
        yield column
        return
    for child in column.flatten():
        yield from _flat(child)


# --- NumPy, and dicts


def _as_array(source: Any, label: str) -> np.ndarray:
    if isinstance(source, np.ma.MaskedArray):
        return source
    if not hasattr(source, "__array__"):
        hint = "collect it first: frame.collect()" if hasattr(source, "collect") else f"what can be read is {_KNOWN}"
        raise UsageError(f"{label}: cannot be read", hint=hint)
    try:
        return np.asarray(source)
    except Exception as error:  # a tensor on a graphics card, with a gradient …
        raise UsageError(f"{label}: {shortened(str(error), 160)}", hint="hand over a NumPy array") from error


def _of_objects(array: np.ndarray, label: str) -> FrameSource:
    """Arrays that NumPy cannot describe: of Python objects, or with masked cells."""
    if array.dtype.names is not None:
        return _of_mapping({name: array[name].reshape(-1) for name in array.dtype.names}, label)
    if array.ndim == 2:
        return _of_mapping({f"c{i}": array[:, i] for i in range(array.shape[1])}, label, array.shape[0])
    return _of_mapping({"c0": array.reshape(-1)}, label)


def _of_mapping(arrays: Mapping[Any, Any], label: str, rows: int | None = None) -> FrameSource:
    columns = [_of_values(_text_of_name(name), values) for name, values in arrays.items()]
    lengths = {column.rows for column in columns}
    if len(lengths) > 1:
        told = ", ".join(f"{shortened(column.name)} {column.rows:,}" for column in columns[:8])
        raise UsageError(f"{label}: the columns differ in length: {told}", hint="every column needs as many cells")
    return FrameSource(label, columns, lengths.pop() if lengths else rows or 0)


def _of_values(name: str, values: Any) -> Holder:
    """A column of whatever somebody put into a dict."""
    if _is_pandas(values):
        return _of_series(name, values)
    if _is_arrow(values):
        return _chunked(name, _table(values, name).column(0))
    if isinstance(values, list | tuple | range):
        return _cells(name, list(values))
    if isinstance(values, str) or not hasattr(values, "__array__"):
        raise UsageError(f"{shortened(name)}: {type(values).__name__} is not an array", hint="give an array or a list")
    array = _as_array(values, name)
    if array.ndim == 0:
        raise UsageError(f"{shortened(name)}: a single value is not an array", hint="give an array or a list")
    if isinstance(array, np.ma.MaskedArray):
        return _masked(name, array.reshape(-1))
    if array.dtype.names is not None:
        raise UsageError(f"{shortened(name)}: a structured array is a table", hint="hand it over by itself")
    if array.dtype.hasobject:
        return _cells(name, array.reshape(len(array), -1).tolist() if array.ndim > 1 else array.tolist())
    return _numpy(name, array) if array.ndim == 1 else _vectors(name, array)


def _text_of_name(name: Any) -> str:
    """Columns may be named by anything; those of several levels are tuples."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


# --- pandas


def _is_pandas(source: object) -> bool:
    """Asked without pandas: who has nothing of it should not wait for it."""
    return any(kind.__module__.partition(".")[0] == "pandas" for kind in type(source).__mro__)


def _of_pandas(source: Any, label: str) -> FrameSource:
    """A DataFrame or Series; the index is not looked at."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        names = list(map(_text_of_name, source.columns))
        columns = [_of_series(name, source.iloc[:, i]) for i, name in enumerate(names)]
        return FrameSource(label, columns, len(source))
    name = getattr(source, "name", None)
    return FrameSource(label, [_of_series("c0" if name is None else _text_of_name(name), source)], len(source))


def _of_series(name: str, series: Any) -> Holder:
    """A pandas column. NaN stays NaN where it is a number, and means missing anywhere else."""
    import pandas as pd

    if not isinstance(series, pd.Series):
        series = pd.Series(series)
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _cells(name, series.tolist()) if dtype.kind == "O" else _numpy(name, series.to_numpy())
    if isinstance(dtype, pd.SparseDtype):
        return _of_series(name, series.sparse.to_dense())
    if isinstance(dtype, pd.PeriodDtype):
        return _numpy(name, series.dt.to_timestamp().to_numpy())
    if isinstance(dtype, pd.CategoricalDtype) and isinstance(series.cat.categories.dtype, pd.IntervalDtype):
        series = series.cat.rename_categories([str(interval) for interval in series.cat.categories])
    if not isinstance(dtype, pd.IntervalDtype):
        try:
            return _arrow(name, pa.array(series.array))
        except (pa.ArrowException, TypeError, ValueError):
            pass  # categories of any objects
    return _cells(name, series.astype(object).tolist())


# --- cells of any Python type

_NULLS = ("NoneType", "NAType", "NaTType")
_TIMES = (datetime.date, datetime.time, np.datetime64)  # a datetime, and pandas' Timestamp, is a date


def _cells(name: str, cells: list[Any]) -> Holder:
    """A column of Python objects, by the types of all of them."""
    kinds = {type(cell) for cell in cells}
    kinds = {kind for kind in kinds if kind.__name__ not in _NULLS}
    null = np.fromiter((type(cell).__name__ in _NULLS for cell in cells), bool, len(cells))
    others = {kind for kind in kinds if not _is_float(kind)}
    if others and not all(map(_is_number, others)) and len(others) < len(kinds):  # NaN among texts: pandas' missing
        null |= np.fromiter((_is_float(type(cell)) and bool(cell != cell) for cell in cells), bool, len(cells))
        kinds = {type(cell) for cell, lost in zip(cells, null.tolist(), strict=True) if not lost}
    cells = [None if lost else cell for cell, lost in zip(cells, null.tolist(), strict=True)]
    if not kinds:
        return _arrow(name, pa.nulls(len(cells)))
    if all(issubclass(kind, str) for kind in kinds):
        return _arrow(name, strings(cells))
    if all(map(_is_number, kinds)):
        return _arrow(name, _numbers(cells, null, kinds))
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        bits = np.fromiter((bool(cell) for cell in cells), bool, len(cells))
        return _arrow(name, pa.Array.from_buffers(pa.bool_(), len(cells), [bitmap(~null), bitmap(bits)]))
    if all(issubclass(kind, complex | np.complexfloating) or _is_number(kind) for kind in kinds):
        lost = complex(math.nan, math.nan)  # NumPy has no null
        return _numpy(name, np.array([lost if cell is None else complex(cell) for cell in cells]))
    if all(issubclass(kind, str | bool | np.bool_) or _is_number(kind) for kind in kinds):
        return _arrow(name, strings([None if cell is None else _text(cell) for cell in cells]))
    return _arrow(name, _known_to_arrow(cells, kinds, null))


def _known_to_arrow(cells: list[Any], kinds: set[type], null: np.ndarray) -> pa.Array:
    """Times and lists of numbers; of all else only whether it is there."""
    lists = all(issubclass(kind, list | tuple | np.ndarray) for kind in kinds)
    if lists or all(issubclass(kind, _TIMES) for kind in kinds):
        try:
            flat = [cell.reshape(-1) if isinstance(cell, np.ndarray) else cell for cell in cells] if lists else cells
            found = pa.array(flat, from_pandas=False)
            if not is_list(found.type) or type_of(found.type)[0] != "other":
                return found
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass  # lists of lists and of numbers, years beyond 9999 …
    offsets = pa.py_buffer(np.zeros(len(cells) + 1, np.int32))
    return pa.Array.from_buffers(pa.binary(), len(cells), [bitmap(~null), offsets, pa.py_buffer(b"")])


def _is_float(kind: type) -> bool:
    return issubclass(kind, float | np.floating)


def _is_number(kind: type) -> bool:
    return issubclass(kind, numbers.Real | Decimal) and not issubclass(kind, bool | np.bool_)


def _numbers(cells: list[Any], null: np.ndarray, kinds: set[type]) -> pa.Array:
    """Integers where all are and fit into 64 bits, otherwise the nearest float64."""
    if all(issubclass(kind, numbers.Integral) for kind in kinds):
        for dtype in (np.int64, np.uint64):
            try:
                found = np.fromiter((0 if cell is None else int(cell) for cell in cells), dtype, len(cells))
                return _with_nulls(found, null)
            except OverflowError:
                continue
    return _with_nulls(np.fromiter(map(_float, cells), np.float64, len(cells)), null)


def _float(cell: Any) -> float:
    try:
        return math.nan if cell is None else float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf
    except ValueError:  # a signalling NaN of a Decimal
        return math.nan


def _text(cell: Any) -> str:
    """A cell as it would stand in a text file."""
    if isinstance(cell, str):
        return cell
    return repr(float(cell)) if _is_float(type(cell)) else str(cell)


# --- handed over, and given back


def given(table: object) -> Given:
    """A table in memory, of which columns are looked at one by one, and which can be given back changed."""
    label = type(table).__name__
    if _is_pandas(table):
        return PandasTable(table, label)
    if type(table).__module__.partition(".")[0] == "polars" and hasattr(table, "__arrow_c_stream__"):
        return PolarsTable(table, label)
    if _is_arrow(table):
        return ArrowTable(_table(table, label), label, _as_it_came(table))
    if isinstance(table, Mapping):
        return DictTable(table, label)
    array, label = _as_array(table, label), label if label != "ndarray" else "array"
    if array.dtype.names is not None:
        if array.dtype.hasobject or isinstance(array, np.ma.MaskedArray):
            raise UsageError(f"{label}: has fields of objects, or that are masked", hint="hand over a dict of arrays")
        return RecordTable(array, label)
    if array.dtype.hasobject or isinstance(array, np.ma.MaskedArray):
        return ObjectTable(array, label)
    return VectorTable(array, label) if array.ndim > 2 else ArrayTable(array, label)


def _as_it_came(table: Any) -> Callable[[pa.Table], Any]:
    """What makes of an Arrow table what it came as."""
    if isinstance(table, pa.RecordBatch):
        return lambda found: found.combine_chunks().to_batches()[0] if found.num_rows else _no_rows(found)
    if isinstance(table, pa.Array | pa.ChunkedArray) and not pa.types.is_struct(table.type):
        chunked = isinstance(table, pa.ChunkedArray)

        def column(found: pa.Table) -> Any:
            if found.num_columns != 1:
                return found
            return found.column(0) if chunked else _whole(found.column(0))

        return column
    return lambda found: found


def _no_rows(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_whole(column) for column in table.columns], schema=table.schema)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


class PandasTable(Given):
    """A DataFrame or a Series. Its index, and everything that no rule has touched, stays."""

    batch = BATCH_ROWS

    def __init__(self, table: Any, label: str) -> None:
        import pandas as pd

        self.label, self.table, self.rows = label, table, len(table)
        self.single = not isinstance(table, pd.DataFrame)
        if self.single:
            if not isinstance(table, pd.Series):
                raise UsageError(f"{label}: is no table", hint="hand over a DataFrame or a Series")
            name = table.name
            self.names: Sequence[str] = ("c0" if name is None else _text_of_name(name),)
        else:
            self.keys = list(table.columns)
            self.names = unique_names(list(map(_text_of_name, self.keys)))
            self.plain = type(table) is pd.DataFrame and len(set(self.keys)) == len(self.keys) == table.columns.size
            self.plain = self.plain and not isinstance(table.columns, pd.MultiIndex)
        self.known: dict[int, Any] = {}

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return _of_series(self.names[i], self._series(i)).take

    def _series(self, i: int) -> Any:
        """A column as it was handed over."""
        if i not in self.known:
            if self.single:
                self.known[i] = self.table
            else:  # by its label it takes half the time
                self.known[i] = self.table[self.keys[i]] if self.plain else self.table.iloc[:, i]
        return self.known[i]

    def _some(self, i: int, kept: np.ndarray | None) -> Any:
        return self._series(i) if kept is None else self._series(i).iloc[kept]

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> Any:
        import pandas as pd

        table = self.table if kept is None else self.table.iloc[kept]
        if self.single and len(columns) == 1:
            made = _pandas_column(table, columns[0])
            found = pd.Series(made, index=table.index, name=table.name, copy=False).__finalize__(table)
            return found.copy() if made is table and not _copies_on_write(pd) else found
        frame = table.to_frame(self.names[0]) if self.single else table
        same = [column.origin for column in columns] == list(range(len(self.names)))
        touched = [column for column in columns if column.view is not None]
        if type(frame) is pd.DataFrame and (len(touched) * 4 > len(columns) or not same):
            return self._assembled(frame, columns, kept, same)
        frame = frame.copy(deep=not _copies_on_write(pd))
        for column in touched:
            if column.origin is not None:
                frame.isetitem(column.origin, _pandas_column(self._some(column.origin, kept), column))
        if not same:
            frame = frame.iloc[:, [column.origin for column in columns if column.origin is not None]]
            for column in columns:
                if column.origin is None:
                    frame.insert(frame.shape[1], column.name, _fresh_pandas(column))
        return frame

    def _assembled(self, frame: Any, columns: Sequence[Result], kept: np.ndarray | None, same: bool) -> Any:
        """A new frame from all columns: where many of them change this is faster than one after the other."""
        import pandas as pd

        copies = _copies_on_write(pd)
        cells: dict[int, Any] = {}
        for j, column in enumerate(columns):
            if column.origin is None:
                cells[j] = _fresh_pandas(column)
            elif column.view is None:
                series = self._some(column.origin, kept)
                cells[j] = series if copies else series.copy()
            else:
                cells[j] = _pandas_column(self._some(column.origin, kept), column)
        found = pd.DataFrame(cells, index=frame.index, copy=False)
        names = frame.columns
        if not same:
            names = names[[column.origin for column in columns if column.origin is not None]]
            for column in columns:
                if column.origin is None:
                    names = names.insert(len(names), column.name)
        found.columns = names
        return found.__finalize__(frame)


def _copies_on_write(pd: Any) -> bool:
    """Whether what two frames share stays as it is when one of them is written to."""
    return int(pd.__version__.partition(".")[0]) >= 3 or pd.options.mode.copy_on_write is True


def _pandas_column(series: Any, column: Result) -> Any:
    """What takes the place of a series with these rows."""
    import pandas as pd

    if column.view is None:
        return series
    dtype = series.dtype
    if column.retyped and not (isinstance(column.seen, Lists) and str(dtype) == "object"):
        return _fresh_pandas(column)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return objects(series.to_numpy(), column, np.nan)
        if dtype.kind in "iub" and column.lost is not None:
            return _nullable(column)
        return numpy_column(series.to_numpy(), column)
    if isinstance(dtype, pd.SparseDtype):
        dense = numpy_column(series.sparse.to_dense().to_numpy(), column)
        return pd.arrays.SparseArray(dense, dtype=dtype)
    if isinstance(dtype, pd.ArrowDtype):
        whole = pa.chunked_array(series.array.__arrow_array__())
        return pd.arrays.ArrowExtensionArray(pa.chunked_array([arrow_column(whole, column)]))
    array = series.array.copy()
    changed, values = column.cells, _extension_cells(column, dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        unseen = [word for word in dict.fromkeys(values) if not pd.isna(word) and word not in dtype.categories]
        if unseen:
            array = array.add_categories(unseen)
    try:
        array[changed] = values
    except (TypeError, ValueError) as error:
        raise RuleError(
            f"{quoted(column.name)}: {shortened(str(error), 120)}", hint=f"give the column another type than {dtype}"
        ) from None
    return array


def _extension_cells(column: Result, dtype: Any) -> Any:
    """The changed cells for an array that pandas has made its own type for."""
    import pandas as pd

    view, changed = column.seen, column.cells
    if isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        array = view.array.filter(packed_bits(changed))  # type: ignore[attr-defined]
        times = pd.Series(array.to_pandas())
        if isinstance(dtype, pd.PeriodDtype):
            return times.dt.to_period(dtype.freq).array
        return times.astype(dtype).array
    if isinstance(view, Numbers) and (column.lost is None) and not isinstance(dtype, pd.CategoricalDtype):
        return view.values[changed]
    return python_cells(view, changed, pd.NA if not isinstance(dtype, pd.CategoricalDtype) else np.nan)


def _nullable(column: Result) -> Any:
    """Integers or booleans beside missing cells."""
    import pandas as pd

    view = column.seen
    if isinstance(view, Numbers):
        return pd.arrays.IntegerArray(column.values(), column.lost.copy())  # type: ignore[union-attr]
    return pd.arrays.BooleanArray(bits(view.array), column.lost.copy())  # type: ignore[attr-defined, union-attr]


def _fresh_pandas(column: Result) -> Any:
    """A column made from its cells alone."""
    import pandas as pd

    view = column.seen
    if column.lost is not None and (view.type == "boolean" or _whole_numbers(view)):
        return _nullable(column)
    if view.type == "text":
        return pd.Series(python_cells(view, np.ones(view.cells, bool)), dtype=None if view.cells else object).array
    if view.type == "time":
        return pd.Series(view.array.to_pandas()).array  # type: ignore[attr-defined]
    return fresh(column)


def _whole_numbers(view: Column) -> bool:
    return isinstance(view, Numbers) and not isinstance(view, Lists) and not view.floating


class PolarsTable(Given):
    """A polars DataFrame or Series."""

    batch = BATCH_ROWS

    def __init__(self, table: Any, label: str) -> None:
        import polars as pl

        self.label, self.table, self.rows = label, table, len(table)
        self.single = isinstance(table, pl.Series)
        self.columns = [table] if self.single else table.get_columns()
        self.nested = any(isinstance(column.dtype, pl.Struct) for column in self.columns)
        if self.nested:
            whole = _polars_to_arrow(table.to_frame() if self.single else table)
            self._arrow = ArrowTable(whole, label, lambda found: found)
            self.names: Sequence[str] = self._arrow.names
        else:
            self.names = unique_names([column.name or "c0" for column in self.columns])

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        if self.nested:
            return self._arrow.cells(i)
        whole = _polars_to_arrow(self.columns[i])
        return lambda start, stop: whole.slice(start, stop - start)

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> Any:
        import polars as pl

        if self.nested:
            table = self._arrow.returned(columns, kept)
            dtypes = {column.name: column.dtype for column in self.columns}
            found = [_polars(name, _whole(table.column(name)), dtypes.get(name)) for name in table.column_names]
        else:
            found = []
            for column in columns:
                if column.origin is None:
                    found.append(pl.Series(column.name, fresh_arrow(column)))
                    continue
                series = self.columns[column.origin]
                series = series if kept is None else series.gather(kept)
                if column.view is not None:
                    made = arrow_column(_polars_to_arrow(series), column)
                    series = _polars(series.name, made, None if column.retyped else series.dtype)
                found.append(series)
        return found[0] if self.single and len(found) == 1 else pl.DataFrame(found)


def _polars_to_arrow(table: Any) -> Any:
    """With types that all of Arrow's functions know."""
    import polars as pl

    oldest = {"compat_level": pl.CompatLevel.oldest()} if hasattr(pl, "CompatLevel") else {}
    return table.to_arrow(**oldest)


def _polars(name: str, array: pa.Array, dtype: Any) -> Any:
    """A series of a dtype, if it can be of that."""
    import polars as pl

    series = pl.Series(name, array)
    if dtype is None or series.dtype == dtype:
        return series
    try:
        return series.cast(dtype)
    except pl.exceptions.PolarsError as error:
        if isinstance(dtype, pl.Struct):  # of a field that is gone, or has another type
            return series
        raise RuleError(
            f"{quoted(name)}: {shortened(str(error), 120)}", hint=f"give the column another type than {dtype}"
        ) from None


class DictTable(Given):
    """A dict of arrays, lists and series: each comes back as what it was."""

    batch = BATCH_ROWS

    def __init__(self, table: Mapping[Any, Any], label: str) -> None:
        self.label, self.values, self.keys = label, list(table.values()), list(table)
        self.names = unique_names([_text_of_name(key) for key in self.keys])
        try:
            lengths = {len(values) for values in self.values}
        except TypeError:
            lengths = {-1}
        if len(lengths) > 1 or -1 in lengths:
            _of_mapping(table, label)  # says what is wrong
        self.rows = lengths.pop() if lengths else 0

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return _of_values(self.names[i], self.values[i]).take

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for column in columns:
            if column.origin is None:
                found[column.name] = fresh(column)
            else:
                found[self.keys[column.origin]] = _value_back(self.values[column.origin], column, kept)
        return found


def _value_back(values: Any, column: Result, kept: np.ndarray | None) -> Any:
    """A column of a dict as what it was."""
    column = replace(column, origin=0)  # of a table of its own
    if _is_pandas(values):
        return PandasTable(values, "Series").returned([column], kept)
    if type(values).__module__.partition(".")[0] == "polars":
        return PolarsTable(values, "Series").returned([column], kept)
    if _is_arrow(values):
        table = ArrowTable(_table(values, column.name), column.name, _as_it_came(values))
        return table.returned([column], kept)
    if isinstance(values, list | tuple | range):
        rows = values if kept is None else [values[row] for row in kept.tolist()]
        if column.view is None:
            return values if kept is None else type(values)(rows) if isinstance(values, list | tuple) else rows
        found = objects(rows, column, None)
        return tuple(found) if isinstance(values, tuple) else found
    return _array_back(some(_as_array(values, column.name), kept), column)


def _array_back(array: np.ndarray, column: Result) -> np.ndarray:
    if isinstance(array, np.ma.MaskedArray):
        return masked_column(array, column)
    return numpy_column(array, column)


class ObjectTable(Given):
    """An array of Python objects, or with masked cells."""

    format = "array"
    counted = True

    def __init__(self, array: np.ndarray, label: str) -> None:
        if array.ndim > 2:
            raise UsageError(f"{label}: only numbers may have {array.ndim} dimensions", hint="give two at most")
        self.label, self.array = label, array
        self.matrix = array.reshape(-1, 1) if array.ndim < 2 else array
        self.rows, width = self.matrix.shape
        self.names = tuple(f"c{i}" for i in range(width))

    def cells(self, i: int) -> Callable[[int, int], Raw]:
        return _of_values(self.names[i], self.matrix[:, i]).take

    def returned(self, columns: Sequence[Result], kept: np.ndarray | None) -> np.ndarray:
        found = [
            fresh(column) if column.origin is None else _array_back(some(self.matrix[:, column.origin], kept), column)
            for column in columns
        ]
        if self.array.ndim == 1 and len(found) == 1:
            return found[0]
        if isinstance(self.array, np.ma.MaskedArray):
            return np.ma.column_stack(found) if found else self.matrix[:, :0]
        out = np.empty((self.rows if kept is None else len(kept), len(found)), object)
        for j, cells in enumerate(found):
            out[:, j] = cells
        return out

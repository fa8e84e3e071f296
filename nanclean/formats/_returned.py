"""Columns given back as what they came as: as they were, but for the cells that rules have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from nanclean.block import Held
from nanclean.cells import bits, packed, packed_bits
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask, lazy
from nanclean.errors import RuleError, UsageError
from nanclean.formats._rebuild import converted, of_view, patched
from nanclean.typed import Complexes, Lists
from nanclean.wording import quoted


@dataclass(frozen=True)
class Result:
    """A column of the answer, in the rows that are left."""

    name: str
    origin: int | None
    """Its place among the columns that were handed over; None: a rule has added it."""
    view: Column | None = None
    """What the rules have made of it. None: nothing."""
    changed: Mask | None = None
    """bool, (cells,)"""
    retyped: bool = False
    """It has another type than it had, so that it is made from its view alone."""
    own: bool = False
    """The values of the view are nobody else's, and may be given away."""

    @lazy
    def seen(self) -> Column:
        """The view of a column that rules have touched."""
        assert self.view is not None
        return self.view

    @lazy
    def cells(self) -> Mask:
        """bool, (cells,): those to be written."""
        if self.retyped or self.changed is None:
            return np.full(self.seen.cells, self.retyped)
        return self.changed

    @lazy
    def lost(self) -> Mask | None:
        """bool, (cells,): cells to be written that are missing. None: there are none."""
        if self.seen.absent is None:
            return None
        found = self.seen.absent if self.retyped else self.seen.absent & self.cells
        return found if found.any() else None

    @lazy
    def meaningless(self) -> Mask | None:
        """bool, (cells,): cells that stay as they were, and of which the view does not know what stands there."""
        if self.retyped or self.seen.absent is None:
            return None
        found = self.seen.absent & ~self.cells
        return found if found.any() else None

    def values(self) -> np.ndarray:
        """(cells,) of numbers: nobody else's."""
        values = cast(Numbers, self.seen).values
        return values if self.own else values.copy()

    def nowhere(self, dtype: object) -> RuleError:
        """There is no way to write a missing cell."""
        return RuleError(
            f"{quoted(self.name)}: a cell becomes missing, which an array of {dtype} has no way to say",
            hint="hand over floats, or a pandas, polars or Arrow table",
        )


class Growing:
    """A column that comes in pieces. Those of numbers are put where they belong at once, so that they can go."""

    def __init__(self, rows: int) -> None:
        self.rows, self.at = rows, 0
        """The most rows that there can be."""
        self.pieces: list[Held] = []
        self.values: np.ndarray | None = None
        self.masks: dict[str, np.ndarray] = {}

    def add(self, piece: Held) -> None:
        """The next rows."""
        view = piece.view
        if not isinstance(view, Numbers) or isinstance(view, Lists) or view.rows == self.rows:
            self.pieces.append(piece)
            return
        if self.values is None:
            self.values, self.type = np.empty(self.rows, view.values.dtype), view.type
        if self.values.dtype != view.values.dtype:  # wide decimals
            self.values = self.values.astype(np.result_type(self.values, view.values))
        span = slice(self.at, self.at + view.rows)
        self.values[span] = view.values
        for key, mask in (("absent", view.absent), ("changed", piece.changed)):
            if mask is not None:
                if key not in self.masks:
                    self.masks[key] = np.zeros(self.rows, bool)
                self.masks[key][span] = mask
        self.at += view.rows

    def result(self, name: str, origin: int | None, retyped: bool) -> Result:
        """All of it."""
        if self.values is None:
            view, changed = _joined(self.pieces)
            return Result(name, origin, view, changed, retyped, len(self.pieces) > 1)
        masks = {key: mask[: self.at] for key, mask in self.masks.items()}
        values = self.values[: self.at]
        view = Numbers(type=self.type, rows=self.at, cells=self.at, absent=masks.get("absent"), values=values)
        return Result(name, origin, view, masks.get("changed"), retyped, True)


def _joined(pieces: Sequence[Held]) -> tuple[Column, Mask | None]:
    if len(pieces) == 1:
        return pieces[0].view, pieces[0].changed
    views, sizes = [piece.view for piece in pieces], [piece.view.cells for piece in pieces]
    changed = _masks([piece.changed for piece in pieces], sizes)
    first, rows, cells = views[0], sum(view.rows for view in views), sum(sizes)
    shape: dict[str, Any] = {"type": first.type, "rows": rows, "cells": cells}
    shape["absent"] = _masks([view.absent for view in views], sizes)
    shape["empty_rows"] = _masks([view.empty_rows for view in views], [view.rows for view in views])
    if isinstance(first, Lists):
        values = np.concatenate([cast(Lists, view).values for view in views])
        lengths = np.concatenate([cast(Lists, view).lengths for view in views])
        return Lists(lengths, _inner(views), values=values, **shape), changed
    arrays: list[Any] = [cast(Values, view).array for view in views]
    if isinstance(first, Complexes):
        return Complexes(array=np.concatenate(arrays), **shape), changed
    if first.owner is not None:
        starts = np.cumsum([0, *(view.rows for view in views)])
        owners = [cast(Any, view.owner) + start for view, start in zip(views, starts.tolist(), strict=False)]
        shape["owner"] = np.concatenate(owners)
    return Values(array=None if arrays[0] is None else pa.concat_arrays(arrays), **shape), changed


def _inner(views: Sequence[Column]) -> np.ndarray | None:
    """The inner list of each cell, counted through all pieces."""
    found, before = [], 0
    for view in views:
        assert isinstance(view, Lists)
        if view.inner is None:
            return None
        found.append(view.inner + before)
        before += int(view.lengths.sum())
    return np.concatenate(found)


def _masks(masks: Sequence[Mask | None], sizes: Sequence[int]) -> Mask | None:
    if all(mask is None for mask in masks):
        return None
    return np.concatenate([np.zeros(n, bool) if m is None else m for m, n in zip(masks, sizes, strict=True)])


def some(raw: Any, kept: np.ndarray | None) -> Any:
    """Some rows of a column that NumPy or Arrow holds."""
    if kept is None:
        return raw
    return raw[kept] if isinstance(raw, np.ndarray) else raw.take(packed(kept))


# --- NumPy


def numpy_column(original: np.ndarray, result: Result) -> np.ndarray:
    """An array (rows, …) with its changed cells, of the same dtype unless a rule has given it another one.

    Text becomes wider where that is needed. RuleError for a missing cell where the dtype has none.
    """
    if result.view is None:
        return original
    view = result.seen
    if original.dtype.hasobject and not (result.retyped and not isinstance(view, Lists)):
        return objects(original, result, None)
    if isinstance(view, Numbers):
        return _numbers(original, result).reshape(-1, *original.shape[1:])
    if result.retyped:
        return fresh(result)
    changed = result.cells
    if view.owner is not None:  # lists of complex numbers, texts …
        changed = changed.reshape(-1, *original.shape[1:])
    out = original.copy()
    cells = _numpy_cells(result, original.dtype)
    if original.dtype.kind in "US":
        out = out.astype(np.promote_types(original.dtype, cells.dtype), copy=False)
    out[changed] = cells
    return out


def _numbers(original: np.ndarray, result: Result) -> np.ndarray:
    """(cells,): the values of all cells."""
    view = cast(Numbers, result.seen)
    lost = result.lost
    if lost is not None and not view.floating:
        raise result.nowhere(view.values.dtype)
    if result.retyped or original.dtype == view.values.dtype:
        out = result.values()
        if result.meaningless is not None:
            np.copyto(out, original.reshape(-1), where=result.meaningless)
    else:  # of another byte order, or longer
        out = original.reshape(-1).copy()
        out[result.cells] = view.values[result.cells]
    if lost is not None:
        out[lost] = np.nan
    return out


def fresh(result: Result) -> np.ndarray:
    """A column of its own: numbers, booleans or points in time, and objects for all else."""
    view = result.seen
    if isinstance(view, Numbers) and not isinstance(view, Lists):
        if result.lost is not None and not view.floating:
            raise result.nowhere(view.values.dtype)
        out = result.values()
        if result.lost is not None:
            out[result.lost] = np.nan
        return out
    assert isinstance(view, Values)
    if isinstance(view.array, np.ndarray):
        return view.array.copy()
    if view.type == "boolean":
        if result.lost is not None:
            raise result.nowhere("bool")
        return bits(view.array)
    if view.type == "time" and (found := times(view.array)) is not None:
        return found
    out = np.empty(view.cells, object)
    out[:] = python_cells(view, np.ones(view.cells, bool))
    return out


def _numpy_cells(result: Result, dtype: np.dtype) -> np.ndarray:
    """The changed cells as NumPy has them."""
    view, changed = cast(Values, result.seen), result.cells
    if isinstance(view.array, np.ndarray):
        return view.array[changed]
    assert isinstance(view.array, pa.Array)
    cells = view.array.filter(packed_bits(changed))
    if dtype.kind in "Mm":
        found = times(cells)
        if found is None:
            raise UsageError(f"{quoted(result.name)}: {cells.type} cannot be written to an array of {dtype}")
        return found.astype(dtype)
    if result.lost is not None:
        raise result.nowhere(dtype)
    if dtype.kind == "b":
        return bits(cells)
    texts = cells.to_pylist()
    return np.array([text.encode() for text in texts] if dtype.kind == "S" else texts)


def times(array: pa.Array) -> np.ndarray | None:
    """datetime64 of dates and timestamps, NaT for null. None: NumPy has no such time."""
    type_ = array.type
    if pa.types.is_timestamp(type_):
        unit, width = type_.unit, 8
    elif pa.types.is_date(type_):
        unit, width = ("D", 4) if pa.types.is_date32(type_) else ("ms", 8)
    else:
        return None
    ticks = np.empty(0, np.int64)
    if len(array):
        ticks = np.frombuffer(array.buffers()[1], f"i{width}", len(array), array.offset * width).astype(np.int64)
    null = bits_to_mask(array)
    if null is not None:
        ticks[null] = np.iinfo(np.int64).min
    return ticks.view(f"M8[{unit}]")


def masked_column(original: np.ma.MaskedArray, result: Result) -> np.ma.MaskedArray:
    """A masked array with its changed cells."""
    if result.view is None:
        return original
    view = result.seen
    if result.retyped and isinstance(view, Numbers):
        return np.ma.MaskedArray(view.values.copy(), np.zeros(view.cells, bool) if view.absent is None else view.absent)
    out = original.copy()
    out.mask = np.ma.getmaskarray(original).copy()
    kept = result.cells if result.lost is None else result.cells & ~result.lost
    if isinstance(view, Numbers):
        out[kept] = view.values[kept]
    else:
        out[kept] = np.array(python_cells(view, kept), original.dtype)
    if result.lost is not None:
        out[result.lost] = np.ma.masked
    return out


# --- Python objects


def python_cells(view: Column, cells: Mask, missing: Any = None) -> list[Any]:
    """Some cells as Python has them."""
    if isinstance(view, Numbers):
        found = view.values[cells].tolist()
    else:
        array = cast(Values, view).array
        if array is None:
            return [missing] * int(np.count_nonzero(cells))
        found = array[cells].tolist() if isinstance(array, np.ndarray) else array.filter(packed_bits(cells)).to_pylist()
    if view.absent is None:
        return found
    return [missing if lost else cell for cell, lost in zip(found, view.absent[cells].tolist(), strict=True)]


def objects(original: Any, result: Result, missing: Any) -> Any:
    """An object array (or list, or tuple) of Python objects with its changed cells."""
    view = result.seen
    if isinstance(original, np.ndarray):
        out: Any = original.copy()
    else:
        out = list(original)
    if isinstance(view, Lists):
        for row, cell in _refilled_rows(out, result):
            out[row] = cell
    else:
        if view.type == "other" and not _all(result.lost, result.cells):
            raise RuleError(
                f"{quoted(result.name)}: what is in its cells is not known well enough to be copied",
                hint="give the column one type: text, numbers, booleans or times",
            )
        cells = result.cells
        missing = _missing_in(original, missing)
        for row, value in zip(np.flatnonzero(cells).tolist(), python_cells(view, cells, missing), strict=True):
            out[row] = value
    return tuple(out) if isinstance(original, tuple) else out


def _all(some: Mask | None, of: Mask) -> bool:
    return bool((of if some is None else of & ~some).any()) is False


def _missing_in(cells: Any, default: Any) -> Any:
    """How a column of objects says that one is missing."""
    for cell in cells:
        if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
            return cell
        if isinstance(cell, float) and cell != cell:
            return cell
    return default


def _refilled_rows(rows: Any, result: Result) -> Iterator[tuple[int, Any]]:
    """The rows of lists that have a changed cell, made anew."""
    view = cast(Lists, result.seen)
    assert view.owner is not None
    cells = result.cells
    ends = np.searchsorted(view.owner, np.arange(view.rows + 1))
    for row in np.unique(view.owner[cells]).tolist():
        span = slice(ends[row], ends[row + 1])
        lost = np.zeros(span.stop - span.start, bool) if view.absent is None else view.absent[span]
        fresh = zip(cells[span].tolist(), view.values[span].tolist(), lost.tolist(), strict=True)
        yield row, _refilled(rows[row], fresh)


def _refilled(cell: Any, fresh: Iterator[tuple[bool, Any, bool]]) -> Any:
    """A list, tuple or array of numbers, however deep, with those that are changed."""
    if isinstance(cell, np.ndarray):
        flat = [_refilled(each, fresh) for each in cell.reshape(-1).tolist()]
        whole = any(isinstance(each, float) for each in flat) and cell.dtype.kind in "iu"
        return np.array(flat, np.float64 if whole else cell.dtype).reshape(cell.shape)
    if isinstance(cell, list | tuple):
        return type(cell)([_refilled(each, fresh) for each in cell])
    changed, value, lost = next(fresh)
    return cell if not changed else np.nan if lost else value


# --- Arrow


def arrow_column(original: pa.ChunkedArray, result: Result) -> pa.ChunkedArray | pa.Array:
    """An Arrow column that is no struct, with its changed cells; of the same type, unless a rule has changed it."""
    if result.view is None:
        return original
    view = result.seen
    whole = combined(original)
    if result.retyped:
        return converted(whole, view, arrow_type(result), result.name)
    if isinstance(view, Numbers) and not isinstance(view, Lists) and result.meaningless is None:
        type_ = pa.from_numpy_dtype(view.values.dtype)
        if type_ == whole.type:  # the whole column at once is faster than some of its cells
            return of_view(view, type_, result.name)
    text = _without_views(whole)
    made = patched(text, view, result.cells, result.name)
    return made if text is whole else _with_views(made)


def _without_views(array: pa.Array) -> pa.Array:
    """Text as all of Arrow's functions know it; anything else as it is."""
    if pa.types.is_dictionary(array.type):
        words = _without_views(array.dictionary)
        if words is array.dictionary:
            return array
        return pa.DictionaryArray.from_arrays(array.indices, words, ordered=array.type.ordered)
    return array.cast(pa.large_string()) if str(array.type) == "string_view" else array


def _with_views(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        words = array.dictionary.cast(pa.string_view())
        return pa.DictionaryArray.from_arrays(array.indices, words, ordered=array.type.ordered)
    return array.cast(pa.string_view())


def arrow_type(result: Result) -> pa.DataType:
    """What a column that has no type yet becomes."""
    view = result.seen
    if isinstance(view, Numbers):
        type_ = pa.from_numpy_dtype(view.values.dtype)
        return pa.list_(type_) if isinstance(view, Lists) else type_
    array = cast(Values, view).array
    if not isinstance(array, pa.Array):
        raise UsageError(f"{quoted(result.name)}: {view.type} has no place in an Arrow table")
    return array.type


def fresh_arrow(result: Result) -> pa.Array:
    """A column that a rule has added."""
    return of_view(result.seen, arrow_type(result), result.name)


def combined(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """In one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def arrow_field(field: pa.Field, column: pa.ChunkedArray | pa.Array) -> pa.Field:
    """The field of a column that has been changed."""
    if field.type != column.type:
        field = field.with_type(column.type)
    return field if field.nullable or not column.null_count else field.with_nullable(True)


def restructured(array: pa.Array, leaves: Iterator[Result | None]) -> pa.Array | None:
    """A struct with other leaves, in their order; None for each that is gone. None: nothing is left of it."""
    storage = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    if not pa.types.is_struct(storage.type):
        result = next(leaves)
        return None if result is None else combined(arrow_column(array, result))
    null, flat = bits_to_mask(storage), storage.flatten()
    children, fields = [], []
    revived = None if null is None else np.zeros(len(array), bool)
    for i, child in enumerate(flat):
        made = restructured(child, leaves)
        if made is None:
            continue
        if revived is not None and made is not child:
            there = bits_to_mask(made)
            revived |= True if there is None else ~there
        children.append(made)
        fields.append(arrow_field(storage.type.field(i), made))
    if not children:
        return None
    if len(children) == len(flat) and all(made is child for made, child in zip(children, flat, strict=True)):
        return array
    lost = None if null is None else null & ~cast(Mask, revived)
    found = pa.StructArray.from_arrays(children, fields=fields, mask=None if lost is None else packed_bits(lost))
    same = isinstance(array.type, pa.BaseExtensionType) and found.type == array.type.storage_type
    return pa.ExtensionArray.from_storage(array.type, found) if same else found


def leaves_of(type_: pa.DataType) -> int:
    """How many columns there are in a column."""
    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    if not pa.types.is_struct(type_):
        return 1
    return sum(leaves_of(type_.field(i).type) for i in range(type_.num_fields))

"""Arrow arrays with some cells taken from a view. All others are what they were, whatever type they have."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import packed, packed_bits
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask
from nanclean.errors import RuleError
from nanclean.escaping import shortened
from nanclean.formats._columns import of_lists
from nanclean.typed import Lists, bitmap, is_list, plain, stored
from nanclean.wording import quoted


def patched(raw: pa.Array, column: Column, changed: Mask, name: str) -> pa.Array:
    """An array of the same type, with the changed cells from the view. What stands in all others is not looked at."""
    type_ = raw.type
    if isinstance(type_, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_, patched(raw.storage, column, changed, name))
    if isinstance(column, Lists) and is_list(type_):
        return relisted(raw, lambda cells: patched(cells, column, changed, name))
    fresh = _some_of(column, changed, stored(type_), name)
    if pa.types.is_run_end_encoded(type_):
        whole = spliced(pc.run_end_decode(raw), changed, fresh)
        return pc.run_end_encode(whole, run_end_type=type_.run_end_type)
    if not pa.types.is_dictionary(type_):
        return spliced(raw, changed, fresh)
    raw, fresh = _with_words(raw, fresh, name)
    return spliced(raw, changed, fresh)


def spliced(raw: pa.Array, changed: Mask, fresh: pa.Array) -> pa.Array:
    """With other cells in some places. Works for every type that can be joined and taken from."""
    if isinstance(raw.type, pa.BaseExtensionType):  # the values of a dictionary, say
        return pa.ExtensionArray.from_storage(raw.type, spliced(raw.storage, changed, fresh))
    places = np.arange(len(raw), dtype=np.int64)
    places[changed] = np.arange(len(raw), len(raw) + len(fresh))
    return pa.concat_arrays([raw, fresh]).take(packed(places))


def _with_words(raw: pa.DictionaryArray, fresh: pa.Array, name: str) -> tuple[pa.Array, pa.Array]:
    """Both with one dictionary. Its order may mean something: new words are put at its end."""
    type_, words = raw.type, pc.drop_null(fresh.unique())
    unknown = bits_to_mask(pc.index_in(words, value_set=raw.dictionary))
    known = (
        raw.dictionary if unknown is None else pa.concat_arrays([raw.dictionary, words.filter(packed_bits(unknown))])
    )
    try:
        codes = pc.index_in(fresh, value_set=known, skip_nulls=True).cast(type_.index_type)
    except pa.ArrowInvalid:
        raise RuleError(
            f"{shortened(name)}: its dictionary has no room for further words ({type_.index_type})",
            hint="use one of the words that the column has",
        ) from None
    old, new = (pa.DictionaryArray.from_arrays(each, known, ordered=type_.ordered) for each in (raw.indices, codes))
    return old, new


def _nowhere(n: int) -> Mask:
    return np.zeros(n, dtype=bool)


def _some_of(column: Column, cells: Mask, type_: pa.DataType, name: str) -> pa.Array:
    """Some cells of a view as an array of a type."""
    absent = None if column.absent is None else column.absent[cells]
    if isinstance(column, Numbers):
        return of_numbers(column.values[cells], absent, type_, name)
    assert isinstance(column, Values)
    n = int(np.count_nonzero(cells))
    if column.array is None or (absent is not None and absent.all()):
        return pa.nulls(n, type_)
    found = column.array.filter(packed_bits(cells)) if isinstance(column.array, pa.Array) else None
    assert found is not None
    return found if found.type == type_ else found.cast(type_)


def of_numbers(values: np.ndarray, absent: Mask | None, type_: pa.DataType, name: str) -> pa.Array:
    valid = bitmap(~absent) if absent is not None and absent.any() else None
    if pa.types.is_decimal(type_):
        return _decimals(values, absent, type_, valid, name)
    own = pa.from_numpy_dtype(values.dtype)
    values = np.ascontiguousarray(values)
    found = pa.Array.from_buffers(own, len(values), [valid, pa.py_buffer(values)])
    return found if own == type_ else found.cast(type_)


def _decimals(
    values: np.ndarray, absent: Mask | None, type_: pa.DataType, valid: pa.Buffer | None, name: str
) -> pa.Array:
    """The nearest decimals of a scale. Of numbers that are as near to two, the even one."""
    width = type_.bit_width // 8
    known: dict[Any, bytes] = {}
    for value in set(values.tolist() if absent is None else values[~absent].tolist()):
        known[value] = _decimal(value, type_, width, name)
    nothing = bytes(width)
    null = _nowhere(len(values)) if absent is None else absent
    data = b"".join(nothing if lost else known[v] for v, lost in zip(values.tolist(), null.tolist(), strict=True))
    return pa.Array.from_buffers(type_, len(values), [valid, pa.py_buffer(data)])


def _decimal(value: float, type_: pa.DataType, width: int, name: str) -> bytes:
    limit = 10**type_.precision
    if np.isfinite(value):
        exact = Decimal(repr(value) if isinstance(value, float) else value)
        context = Context(prec=400, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999)
        digits = int(exact.scaleb(type_.scale, context).to_integral_value(ROUND_HALF_EVEN, context))
        if -limit < digits < limit:
            return digits.to_bytes(width, "little", signed=True)
    raise RuleError(
        f"{shortened(name)}: {value!r} does not fit into {type_}", hint=f"{quoted(name)} takes what {type_} can hold"
    )


# --- lists


def relisted(array: pa.Array, make: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Lists with their cells made anew, as many as they were, perhaps of another type."""
    if isinstance(array.type, pa.BaseExtensionType):
        found = relisted(array.storage, make)
        same = found.type == array.type.storage_type
        return pa.ExtensionArray.from_storage(array.type, found) if same else found
    if pa.types.is_run_end_encoded(array.type) or (pa.types.is_dictionary(array.type) and is_list(stored(array.type))):
        array = plain(array)
    if not is_list(array.type):
        return make(array)
    return _list_of(array, relisted(array.flatten(), make))


def _list_of(array: pa.Array, cells: pa.Array) -> pa.Array:
    """Lists as long as those of an array, with other cells (those of its `flatten`)."""
    old, n, null = array.type, len(array), bits_to_mask(array)
    field = old.value_field.with_type(cells.type)
    valid = None if null is None else bitmap(~null)
    if pa.types.is_fixed_size_list(old):
        type_ = pa.list_(field, old.list_size)
        if null is not None:
            cells = _padded(cells, null, old.list_size, field.nullable)
        return pa.Array.from_buffers(type_, n, [valid], children=[cells])
    lengths = cells_of_lists(array, null)
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    type_ = of_lists(old, field)
    places = offsets.astype(np.int64 if str(old).startswith("large") else np.int32)
    if pa.types.is_list(old) or pa.types.is_large_list(old):
        buffers = [valid, pa.py_buffer(places)]
    else:  # views
        buffers = [valid, pa.py_buffer(places[:-1].copy()), pa.py_buffer(lengths.astype(places.dtype))]
    return pa.Array.from_buffers(type_, n, buffers, children=[cells])


def _padded(cells: pa.Array, null: Mask, size: int, nullable: bool) -> pa.Array:
    """Lists of one size take their place even where they are null."""
    there = np.repeat(~null, size)
    places = np.zeros(there.size, np.int64)
    places[there] = np.arange(len(cells))
    if nullable or not len(cells):
        lost = pa.Array.from_buffers(pa.int64(), places.size, [bitmap(there), pa.py_buffer(places)])
        return cells.take(lost)
    return cells.take(packed(places))


def cells_of_lists(array: pa.Array, null: Mask | None) -> np.ndarray:
    """int64, (rows,): how many cells each list has."""
    if pa.types.is_fixed_size_list(array.type):
        lengths = np.full(len(array), array.type.list_size, np.int64)
    else:
        found = array.value_lengths()
        width = found.type.bit_width // 8
        data = found.buffers()[1]
        lengths = np.empty(0, np.int64)
        if len(found):
            lengths = np.frombuffer(data, f"i{width}", count=len(found), offset=found.offset * width).astype(np.int64)
    return lengths if null is None else np.where(null, 0, lengths)


def nullable_cells(type_: pa.DataType) -> pa.DataType:
    """A list type whose cells may be null; any other type as it is."""
    if not is_list(type_):
        return type_
    found = type_.value_field.with_type(nullable_cells(type_.value_type)).with_nullable(True)
    return of_lists(type_, found)


# --- whole columns from their views


def converted(raw: pa.Array, column: Column, type_: pa.DataType, name: str, changed: Mask | None = None) -> pa.Array:
    """A column whose type a rule has changed: its lists, if it has any, are as long as they were.

    What only a policy takes for missing keeps its value.
    """
    if isinstance(column, Lists):
        return relisted(raw, lambda _: of_view(column, pa.from_numpy_dtype(column.values.dtype), name)).cast(type_)
    found = of_view(column, type_, name)
    if column.absent is None:
        return found
    null = bits_to_mask(raw)
    there = column.absent if null is None else column.absent & ~null
    there = there if changed is None else there & ~changed
    if not there.any():
        return found
    try:
        return spliced(found, there, plain(raw.filter(packed_bits(there))).cast(type_))
    except pa.ArrowInvalid:
        raise RuleError(
            f"{shortened(name)}: {type_} cannot hold a value that the policy takes for missing",
            hint=f"make it missing above: {quoted(name)}: missing -> blank",
        ) from None


def of_view(column: Column, type_: pa.DataType, name: str) -> pa.Array:
    """All cells of a view, null where they are absent."""
    if isinstance(column, Numbers):
        return of_numbers(column.values, column.absent, type_, name)
    assert isinstance(column, Values)
    if not isinstance(column.array, pa.Array):
        return pa.nulls(column.cells, type_)
    return column.array if column.array.type == type_ else column.array.cast(type_)


def bits_of(array: pa.Array) -> Mask:
    """A boolean Arrow array as a mask; null counts as false."""
    n = len(array)
    data = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    found = np.unpackbits(data, count=array.offset + n, bitorder="little")[array.offset :].view(bool)
    null = bits_to_mask(array)
    return found if null is None else found & ~null

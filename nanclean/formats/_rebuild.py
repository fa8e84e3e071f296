"""Columns made into Arrow arrays again: the cells that no rule has touched as they were, the others from their view."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import Cells, packed, packed_bits
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask
from nanclean.errors import RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Source
from nanclean.formats._columns import of_lists
from nanclean.target import Out
from nanclean.typed import Lists, arrow_of, bitmap, is_list, native, plain, stored, view
from nanclean.wording import quoted

FINE_UNITS = ("ps", "fs", "as", "generic")
"""Of NumPy's points in time: Arrow ends at nanoseconds."""
SURE_DIGITS = 15
"""Integers of so many digits are exact in float64, whatever they are."""


class Maker:
    """How a column of the output becomes an Arrow array: from blocks of any source.

    UsageError if Arrow has no such type.
    """

    def __init__(self, source: Source, raw: Raw | None, out: Out) -> None:
        """raw: the column as the source gives it, without rows; None: a rule has added it."""
        self.name, self.out, self._source = out.name, out, source
        self._lexical = source.lexical and raw is not None
        self._kept = False
        if raw is None or self._lexical:
            self.type = _type_of_view(out.view, out.name)
            return
        there = as_arrow(raw, out.name)
        before = view(raw)
        self._kept = _kind(before) == _kind(out.view)
        if self._kept:
            self.type = there.type
        elif isinstance(out.view, Lists):
            self.type = relisted(there, lambda _: pa.nulls(0, _type_of_view(out.view, out.name))).type
        else:
            self.type = _type_of_view(out.view, out.name)

    @property
    def keeps(self) -> bool:
        """Whether the column has the type that it had in its source."""
        return self._kept

    def touches(self, held: Held) -> bool:
        """Whether any cell of a block is not as it was read."""
        return not self._kept or held.changed is not None

    def array(self, block: Block) -> pa.Array:
        """(rows,): the cells of a block, of the type `type`. RuleError where it cannot hold one of them."""
        held = block.columns[self.name]
        if held.origin is None:
            return of_view(held.view, self.type, self.name)
        if self._lexical:
            return of_text(held, block, self.type, self.name, self._source)
        raw = block.raw(self.name)
        assert raw is not None
        return self.remade(as_arrow(raw, self.name), held)

    def remade(self, raw: pa.Array, held: Held) -> pa.Array:
        """The same from the cells as they were read."""
        if not self._kept:
            return converted(raw, held.view, self.type, self.name, held.changed)
        if held.changed is not None:
            raw = patched(raw, held.view, held.changed, self.name)
        return raw if raw.type == self.type else raw.cast(self.type)


def _kind(column: Column) -> tuple[str, np.dtype | None]:
    return column.type, column.values.dtype if isinstance(column, Numbers) else None


def _type_of_view(column: Column, name: str) -> pa.DataType:
    """The type of a cell."""
    if isinstance(column, Numbers):
        return pa.from_numpy_dtype(column.values.dtype)
    if column.type == "boolean":
        return pa.bool_()
    if isinstance(column, Values) and isinstance(column.array, pa.Array):
        return column.array.type
    raise _no_type(name, column.type)


def _no_type(name: str, type_: str) -> UsageError:
    return UsageError(
        f"{shortened(name)}: {type_} cannot be written to this kind of file",
        hint=f'take the column out: --rule "{quoted(name)} -> drop_column"',
    )


def as_arrow(raw: Raw, name: str) -> pa.Array:
    """Any raw column as an Arrow array. UsageError for what Arrow does not have."""
    if not isinstance(raw, np.ndarray):
        return raw
    if raw.ndim > 1:
        cells = as_arrow(raw.reshape(-1), name)
        return pa.Array.from_buffers(pa.list_(cells.type, raw.shape[1]), len(raw), [None], children=[cells])
    kind = raw.dtype.kind
    if kind == "c" or (kind in "Mm" and np.datetime_data(raw.dtype)[0] in FINE_UNITS):
        raise _no_type(name, "complex" if kind == "c" else str(raw.dtype))
    return packed(native(raw)) if kind in "iuf" else arrow_of(raw)


# --- cells that a rule has changed


def patched(raw: pa.Array, column: Column, changed: Mask, name: str) -> pa.Array:
    """An array of the same type, with the changed cells from the view. What stands in all others is not looked at."""
    type_ = raw.type
    if isinstance(type_, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_, patched(raw.storage, column, changed, name))
    if isinstance(column, Lists) and is_list(type_):
        return relisted(raw, lambda cells: patched(cells, column, changed, name))
    fresh = _some_of(column, changed, stored(type_), name)
    if pa.types.is_run_end_encoded(type_):
        spliced = _spliced(pc.run_end_decode(raw), changed, fresh)
        return pc.run_end_encode(spliced, run_end_type=type_.run_end_type)
    if pa.types.is_dictionary(type_):
        fresh = _encoded(fresh, raw, name)
    return _spliced(raw, changed, fresh)


def _spliced(raw: pa.Array, changed: Mask, fresh: pa.Array) -> pa.Array:
    """With other cells in some places. Works for every type that can be joined and taken from."""
    if isinstance(raw.type, pa.BaseExtensionType):  # the values of a dictionary, say
        return pa.ExtensionArray.from_storage(raw.type, _spliced(raw.storage, changed, fresh))
    places = np.arange(len(raw), dtype=np.int64)
    places[changed] = np.arange(len(raw), len(raw) + len(fresh))
    return pa.concat_arrays([raw, fresh]).take(packed(places))


def _encoded(fresh: pa.Array, raw: pa.DictionaryArray, name: str) -> pa.Array:
    """Further cells of a column with a dictionary: its order stays, new words are put at the end."""
    words = pc.drop_null(fresh.unique())
    known = plain(raw.dictionary) if raw.dictionary.type != words.type else raw.dictionary
    new = words.filter(packed_bits(bits_to_mask(pc.index_in(words, value_set=known)) or _none(len(words))))
    everything = pa.concat_arrays([known, new])
    codes = pc.index_in(fresh, value_set=everything, skip_nulls=True)
    try:
        codes = codes.cast(raw.type.index_type)
    except pa.ArrowInvalid:
        raise RuleError(
            f"{shortened(name)}: its dictionary has no room for further words ({raw.type.index_type})",
            hint="use one of the words that the column has",
        ) from None
    return pa.DictionaryArray.from_arrays(codes, everything, ordered=raw.type.ordered)


def _none(n: int) -> Mask:
    return np.zeros(n, dtype=bool)


def _some_of(column: Column, cells: Mask, type_: pa.DataType, name: str) -> pa.Array:
    """Some cells of a view as an array of a type."""
    absent = None if column.absent is None else column.absent[cells]
    if isinstance(column, Numbers):
        return _of_numbers(column.values[cells], absent, type_, name)
    assert isinstance(column, Values)
    n = int(np.count_nonzero(cells))
    if column.array is None or (absent is not None and absent.all()):
        return pa.nulls(n, type_)
    found = column.array.filter(packed_bits(cells)) if isinstance(column.array, pa.Array) else None
    assert found is not None
    return found if found.type == type_ else found.cast(type_)


def _of_numbers(values: np.ndarray, absent: Mask | None, type_: pa.DataType, name: str) -> pa.Array:
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
    null = _none(len(values)) if absent is None else absent
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
        return _spliced(found, there, plain(raw.filter(packed_bits(there))).cast(type_))
    except pa.ArrowInvalid:
        raise RuleError(
            f"{shortened(name)}: {type_} cannot hold a value that the policy takes for missing",
            hint=f"make it missing above: {quoted(name)}: missing -> blank",
        ) from None


def of_view(column: Column, type_: pa.DataType, name: str) -> pa.Array:
    """All cells of a view, null where they are absent."""
    if isinstance(column, Numbers):
        return _of_numbers(column.values, column.absent, type_, name)
    assert isinstance(column, Values)
    if not isinstance(column.array, pa.Array):
        return pa.nulls(column.cells, type_)
    return column.array if column.array.type == type_ else column.array.cast(type_)


# --- columns of text files


def of_text(held: Held, block: Block, type_: pa.DataType, name: str, source: Source) -> pa.Array:
    """A column of a text file in a type of its own. RuleError if that would lose something of a cell."""
    column = held.view
    raw = block.raw(name)
    assert isinstance(raw, pa.Array)
    if column.absent is not None and column.unparsable is None and column.absent.all():
        return pa.nulls(column.rows, type_)
    if pa.types.is_string(type_):
        assert isinstance(column, Values)
        assert column.array is not None
        if column.unparsable is None:
            return column.array
        return _spliced(column.array, column.unparsable, raw.filter(packed_bits(column.unparsable)))
    refuse = _Refusal(name, block, source, raw)
    refuse.where(column.unparsable, "is no " + ("number" if isinstance(column, Numbers) else column.type))
    if isinstance(column, Values):
        return of_view(column, type_, name)
    assert isinstance(column, Numbers)
    untouched = np.ones(column.rows, dtype=bool) if held.changed is None else ~held.changed
    if column.absent is not None:
        untouched &= ~column.absent
    if column.literal_overflow is not None:
        refuse.where(column.literal_overflow & untouched, "is beyond float64")
    return _checked(column, untouched, type_, refuse)


def _checked(column: Numbers, untouched: Mask, type_: pa.DataType, refuse: _Refusal) -> pa.Array:
    cells = Cells(refuse.raw)
    values, absent, dtype = column.values, column.absent, dtype_of(type_)
    if column.type == "integer":
        refuse.where(_zeros_first(cells, untouched), "would lose its leading zeros")
    if dtype.kind == "f":
        refuse.where(_rounded(values, cells, untouched), "is beyond what float64 holds exactly")
        refuse.where(_vanished(values, cells, untouched), "is too small for float64")
    elif values.dtype.kind == "f":  # the batch has something that is no integer
        refuse.where(untouched & np.isnan(values), "is no integer")
        refuse.where(_rounded(values, cells, untouched), "is beyond what float64 holds exactly")
    return _of_numbers(values.astype(dtype, copy=False), absent, type_, refuse.name)


def dtype_of(type_: pa.DataType) -> np.dtype:
    """Of integers and floats."""
    letter = "f" if pa.types.is_floating(type_) else "u" if pa.types.is_unsigned_integer(type_) else "i"
    return np.dtype(f"{letter}{type_.bit_width // 8}")


def _zeros_first(cells: Cells, untouched: Mask) -> Mask:
    """Cells like 007: a postcode, an account, a product."""
    may = untouched & (cells.lengths > 1)
    may &= cells.first() <= ord("0")
    return _fitting(cells, may, r"^[ \t]*[+-]?0[0-9]")


def _vanished(values: np.ndarray, cells: Cells, untouched: Mask) -> Mask:
    """Cells like 1e-400."""
    return _fitting(cells, untouched & (values == 0), "^[^eE]*[1-9]")


def _fitting(cells: Cells, may: Mask, pattern: str) -> Mask:
    places = np.flatnonzero(may)
    if not places.size:
        return may
    return _mask(len(cells), places[bits_of(pc.match_substring_regex(cells.take(places), pattern=pattern))])


def _rounded(values: np.ndarray, cells: Cells, untouched: Mask) -> Mask:
    """Integers that float64 holds rounded."""
    found = [
        place
        for place, text in _long(cells, untouched)
        if float(text) == float(values[place]) and int(float(text)) != int(text)  # else a rule has made it what it is
    ]
    return _mask(len(cells), np.array(found, np.int64))


def _long(cells: Cells, some: Mask) -> Iterator[tuple[int, str]]:
    """Integers of so many digits that float64 may not hold them."""
    places = np.flatnonzero(some & (cells.lengths > SURE_DIGITS))
    if not places.size:
        return
    for place, text in zip(places.tolist(), cells.take(places).to_pylist(), strict=True):
        digits = text.strip(" \t")
        if _WHOLE.fullmatch(digits):
            yield place, digits


_WHOLE = re.compile(r"[+-]?[0-9]+")


def _mask(n: int, places: np.ndarray) -> Mask:
    mask = _none(n)
    mask[places] = True
    return mask


def bits_of(array: pa.Array) -> Mask:
    """A boolean Arrow array as a mask; null counts as false."""
    n = len(array)
    data = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    found = np.unpackbits(data, count=array.offset + n, bitorder="little")[array.offset :].view(bool)
    null = bits_to_mask(array)
    return found if null is None else found & ~null


class _Refusal:
    """Says which cell of a text file cannot be put into a type."""

    def __init__(self, name: str, block: Block, source: Source, raw: pa.Array) -> None:
        self.name, self.block, self.source, self.raw = name, block, source, raw

    def where(self, cells: Mask | None, why: str) -> None:
        """RuleError if any."""
        if cells is None or not cells.any():
            return
        first = int(np.flatnonzero(cells)[0])
        record = int(self.block.numbers(np.array([first]))[0])
        text = shortened(str(self.raw[first].as_py()), 40)
        key = self.name if re.fullmatch(r"[A-Za-z0-9_-]+", self.name) else repr(self.name)
        raise RuleError(
            f"{shortened(self.name)}, {self.source.where([record])[0]}: {text!r} {why}",
            hint=f'[columns.{key}] type = "text" keeps it as it is written',
        )

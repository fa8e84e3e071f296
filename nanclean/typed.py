"""Views of typed raw columns, as Parquet, NPY and frames give them: nothing is copied where that can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask, lazy

EXACT = 2**53
"""Up to here float64 holds every integer."""
NOT_A_TIME = np.iinfo(np.int64).min
LAST_CHARACTER = 0x10FFFF
ARROW_UNITS = ("s", "ms", "us", "ns")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "D": 86_400, "W": 604_800}

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE)


class Lists(Numbers):
    """Numbers in lists. Which row a cell belongs to is found out when somebody asks: there may be millions of cells."""

    def __init__(self, lengths: np.ndarray, inner: np.ndarray | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        self.lengths = lengths
        """(rows,): the cells of each row; with `inner`, its inner lists."""
        self.inner = inner
        """The inner list of each cell, where lists are nested. None: they are not."""
        del self.owner

    @lazy
    def owner(self) -> np.ndarray:
        """int64, (cells,): the row of each cell."""
        rows = np.repeat(np.arange(self.rows, dtype=np.int64), self.lengths)
        return rows if self.inner is None else rows[self.inner]


class Complexes(Values):
    """Complex cells. One is NaN if either part is, and otherwise infinite if either part is."""

    array: np.ndarray

    @lazy
    def nan(self) -> Mask | None:
        """None: there is none."""
        found = np.isnan(self.array)
        return found if found.any() else None

    @lazy
    def infinite(self) -> Mask | None:
        """None: there is none."""
        found = np.isinf(self.array)
        if self.nan is not None:
            found &= ~self.nan
        return found if found.any() else None

    @lazy
    def missing(self) -> Mask | None:
        """Cells that are NaN; nothing else can be missing."""
        return self.nan


def view(raw: Raw, declared: frozenset[str] = frozenset()) -> Column:
    """The view of a typed column. `declared`: more spellings of "missing"."""
    if isinstance(raw, np.ndarray):
        return _of_numpy(raw, declared)
    return _of_arrow(plain(raw), declared)


def type_of(raw: pa.DataType | np.dtype) -> tuple[str, int | None]:
    """The type of a column as the report names it, and the width of its numbers in bits."""
    return _type_of_numpy(raw) if isinstance(raw, np.dtype) else _type_of_arrow(raw)


# --- types


def _type_of_numpy(dtype: np.dtype) -> tuple[str, int | None]:
    kind = dtype.kind
    if kind in "iu":
        return "integer", dtype.itemsize * 8
    if kind == "f":
        return "float", min(dtype.itemsize * 8, 64)
    return {"b": "boolean", "c": "complex", "M": "time", "U": "text", "S": "text", "T": "text"}.get(kind, "other"), None


def _type_of_arrow(type_: pa.DataType) -> tuple[str, int | None]:
    is_ = pa.types
    type_ = stored(type_)
    if is_.is_integer(type_):
        return "integer", type_.bit_width
    if is_.is_floating(type_):
        return "float", type_.bit_width
    if is_.is_decimal(type_):
        return ("integer" if type_.scale <= 0 else "float"), None
    if is_.is_boolean(type_):
        return "boolean", None
    if is_.is_string(type_) or is_.is_large_string(type_) or _is(type_, "string_view"):
        return "text", None
    if is_.is_date(type_) or is_.is_timestamp(type_) or is_.is_time(type_):
        return "time", None
    if is_list(type_):
        inner, bits = _type_of_arrow(type_.value_type)
        if inner in ("integer", "float"):
            return f"list<{inner}>", bits
        if inner.startswith("list<"):
            return inner, bits
    return "other", None


def stored(type_: pa.DataType) -> pa.DataType:
    """What stands below extension types, dictionaries and run-end encoding."""
    while True:
        if isinstance(type_, pa.BaseExtensionType):
            type_ = type_.storage_type
        elif pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
            type_ = type_.value_type
        else:
            return type_


def is_list(type_: pa.DataType) -> bool:
    """Any of Arrow's list types, but not a map."""
    is_ = pa.types
    return bool(
        is_.is_list(type_)
        or is_.is_large_list(type_)
        or is_.is_fixed_size_list(type_)
        or _is(type_, "list_view")
        or _is(type_, "large_list_view")
    )


def _is(type_: pa.DataType, name: str) -> bool:
    """For types that older versions of Arrow do not know."""
    test = getattr(pa.types, f"is_{name}", None)
    return test is not None and bool(test(type_))


# --- Arrow


def plain(array: pa.Array) -> pa.Array:
    """The same cells without extension type, dictionary, run-end encoding and string views.

    A dictionary of values that nobody looks into stays one: Arrow cannot take apart every kind.
    """
    while True:
        type_ = array.type
        if isinstance(type_, pa.BaseExtensionType):
            array = array.storage
        elif pa.types.is_dictionary(type_) and _type_of_arrow(type_)[0] != "other":
            array = plain(array.dictionary).take(array.indices)
        elif pa.types.is_run_end_encoded(type_):
            array = pc.run_end_decode(array)
        elif _is(type_, "string_view"):
            array = array.cast(pa.large_string())
        else:
            return array


def _of_arrow(array: pa.Array, declared: frozenset[str]) -> Column:
    kind, _ = _type_of_arrow(array.type)
    if kind in ("integer", "float"):
        return _numbers(kind, _numpy_of(array), array, declared)
    if kind.startswith("list<"):
        return _lists(kind, array, declared)
    if kind == "text":
        return _text(array, declared)
    null = bits_to_mask(array)
    return Values(type=kind, rows=len(array), cells=len(array), null=array.null_count, absent=null, array=array)


def _numbers(kind: str, values: np.ndarray, array: pa.Array | None, declared: frozenset[str]) -> Numbers:
    rows = len(values)
    null = 0 if array is None else array.null_count
    absent, tokens = _without_declared(values, None if array is None else bits_to_mask(array), declared)
    return Numbers(type=kind, rows=rows, cells=rows, null=null, tokens=tokens, absent=absent, values=values)


def _numpy_of(array: pa.Array) -> np.ndarray:
    """The values of a numeric array, (len(array),), not copied; what stands under a null means nothing."""
    type_ = array.type
    if pa.types.is_decimal(type_):
        return _decimals(array)
    letter = "f" if pa.types.is_floating(type_) else "u" if pa.types.is_unsigned_integer(type_) else "i"
    return _buffer(array, np.dtype(f"{letter}{type_.bit_width // 8}"))


def _buffer(array: pa.Array, dtype: np.dtype, width: int = 1) -> np.ndarray:
    """The data buffer of a slice as NumPy sees it, `width` items for each cell."""
    if not len(array):
        return np.empty(0, dtype)
    data = array.buffers()[1]
    return np.frombuffer(data, dtype, count=len(array) * width, offset=array.offset * width * dtype.itemsize)


def _decimals(array: pa.Array) -> np.ndarray:
    """Decimals without places as int64 where all fit; otherwise each as the nearest float64."""
    type_ = array.type
    whole = _unscaled(array)
    if whole is not None:
        if type_.scale == 0:
            return whole
        power = abs(type_.scale)
        exact = power <= 22 and whole.min(initial=0) >= -EXACT and whole.max(initial=0) <= EXACT
        if exact:  # of two float64 that are exact the quotient is rounded once
            scale = np.float64(10.0**power)
            scaled: np.ndarray = whole / scale if type_.scale > 0 else whole * scale
            return scaled
    text = array.cast(pa.string()).cast(pa.float64())
    return _buffer(text, np.dtype(np.float64))


def _unscaled(array: pa.Array) -> np.ndarray | None:
    """The digits of decimals as int64, or None if they are too many."""
    words = array.type.bit_width // 64
    if not words:  # decimal32
        return _buffer(array, np.dtype(np.int32)).astype(np.int64)
    data = _buffer(array, np.dtype("<i8"), words).reshape(-1, words)
    null = bits_to_mask(array)
    if null is not None:  # anything may stand there
        data = np.where(null[:, None], 0, data)
    low = data[:, 0]
    if any((data[:, word] != low >> 63).any() for word in range(1, words)):
        return None
    return np.ascontiguousarray(low)


def _lists(kind: str, array: pa.Array, declared: frozenset[str]) -> Lists:
    null = bits_to_mask(array)
    lengths = _lengths(array, null)
    inner = _of_arrow(plain(array.flatten()), declared)
    assert isinstance(inner, Numbers)
    empty_rows = null
    if inner.empty_rows is not None:  # a null list inside a list: the row is as bad
        rows = np.repeat(np.arange(len(array)), lengths)[inner.empty_rows]
        empty_rows = np.zeros(len(array), bool) if null is None else null.copy()
        empty_rows[rows] = True
    return Lists(
        lengths,
        inner.owner if isinstance(inner, Lists) else None,
        type=kind,
        rows=len(array),
        cells=inner.cells,
        null=inner.null,
        tokens=inner.tokens,
        absent=inner.absent,
        empty_rows=empty_rows,
        values=inner.values,
    )


def _lengths(array: pa.Array, null: Mask | None) -> np.ndarray:
    if pa.types.is_fixed_size_list(array.type):
        lengths = np.full(len(array), array.type.list_size, np.int32)
    else:
        found = array.value_lengths()
        lengths = _buffer(found, np.dtype(f"i{found.type.bit_width // 8}"))
    return lengths if null is None else np.where(null, 0, lengths)


# --- text


def _text(array: pa.Array, declared: frozenset[str]) -> Column:
    """Text cells. One without a character is empty; one that spells a declared word is a token."""
    array, undecodable = _decodable(array)
    absent, null = bits_to_mask(array), array.null_count
    empty = _text_lengths(array) == 0
    if absent is not None:
        empty &= ~absent
    empties = int(np.count_nonzero(empty))
    if empties:
        absent = empty if absent is None else absent | empty
    tokens: dict[str, int] = {}
    if declared and len(array):
        trimmed = pc.utf8_trim(array, characters=" \t")
        words = sorted({word.strip(" \t") for word in declared} - {""})
        hit = pc.is_in(trimmed, value_set=strings(words).cast(trimmed.type))
        if hit.true_count:
            found = pc.value_counts(trimmed.filter(hit)).to_pylist()
            tokens = {pair["values"]: pair["counts"] for pair in found}
            mask = _bits(hit)
            absent = mask if absent is None else absent | mask
    if empties or tokens:
        assert absent is not None
        array = _nulled(array, absent)
    return Values(
        type="text",
        rows=len(array),
        cells=len(array),
        null=null,
        empty=empties,
        tokens=tokens,
        absent=absent,
        details={"undecodable": undecodable} if undecodable else {},
        array=array,
    )


def _text_lengths(array: pa.Array) -> np.ndarray:
    """Bytes of each cell; what stands at a null means nothing."""
    return np.diff(_offsets(array))


def _offsets(array: pa.Array) -> np.ndarray:
    dtype = np.dtype(np.int64 if pa.types.is_large_string(array.type) else np.int32)
    buffer = array.buffers()[1]
    if buffer is None or not buffer.size:
        return np.zeros(len(array) + 1, dtype)
    return np.frombuffer(buffer, dtype, count=len(array) + 1, offset=array.offset * dtype.itemsize)


def _decodable(array: pa.Array) -> tuple[pa.Array, int]:
    """Text that is UTF-8 for sure: files can claim it of any bytes. And the number of cells that had to be changed."""
    try:
        array.validate(full=True)
        return array, 0
    except pa.ArrowInvalid:
        binary = pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary()
        cells = array.cast(binary).to_pylist()  # raises again if it is not the text that is wrong
        texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        changed = sum(
            cell is not None and text is not None and text.encode() != cell
            for cell, text in zip(cells, texts, strict=True)
        )
        return strings(texts), changed


def _nulled(array: pa.Array, absent: Mask) -> pa.Array:
    """The same text, null where cells are absent. The characters are not copied."""
    width = 8 if pa.types.is_large_string(array.type) else 4
    _, offsets, data = array.buffers()
    if offsets is None:
        return array
    offsets = offsets.slice(array.offset * width, (len(array) + 1) * width)
    return pa.Array.from_buffers(array.type, len(array), [bitmap(~absent), offsets, data])


def strings(texts: Sequence[str | None]) -> pa.Array:
    """An Arrow array of text. Lone surrogates become `?`."""
    encoded = [b"" if text is None else text.encode("utf-8", "replace") for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    valid = None
    if None in texts:
        valid = bitmap(np.fromiter((text is not None for text in texts), bool, len(texts)))
    large = int(offsets[-1]) >= 2**31
    buffers = [valid, pa.py_buffer(offsets if large else offsets.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string() if large else pa.string(), len(encoded), buffers)


def bitmap(bits: Mask) -> pa.Buffer:
    """One bit for each cell, as Arrow has it: true where there is a value."""
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def _bits(array: pa.Array) -> Mask:
    """A boolean Arrow array without nulls as a mask."""
    data = np.frombuffer(array.buffers()[1], np.uint8)
    found = np.unpackbits(data, count=array.offset + len(array), bitorder="little")[array.offset :].view(bool)
    null = bits_to_mask(array)
    return found if null is None else found & ~null


# --- NumPy


def _of_numpy(raw: np.ndarray, declared: frozenset[str]) -> Column:
    kind, _ = _type_of_numpy(raw.dtype)
    if raw.ndim > 1:
        return _groups(raw, declared)
    if kind in ("integer", "float"):
        return _numbers(kind, native(raw), None, declared)
    if kind == "complex":
        return Complexes(type=kind, rows=len(raw), cells=len(raw), array=native(raw))
    if raw.dtype.kind == "O":
        raise TypeError("objects have no type: formats.frame decides what they are")
    return _of_arrow(arrow_of(raw), declared)


def _groups(raw: np.ndarray, declared: frozenset[str]) -> Column:
    """(rows, cells of each): an array with more than two axes."""
    flat = _of_numpy(raw.reshape(-1), declared)
    if isinstance(flat, Numbers):
        return Lists(
            np.full(len(raw), raw.shape[1]),
            type=flat.type,
            rows=len(raw),
            cells=flat.cells,
            tokens=flat.tokens,
            absent=flat.absent,
            values=flat.values,
        )
    flat.rows = len(raw)
    flat.owner = np.repeat(np.arange(len(raw)), raw.shape[1])
    return flat


def native(raw: np.ndarray) -> np.ndarray:
    """Numbers, one after the other, in the byte order of this machine; long doubles as float64."""
    dtype = raw.dtype
    if dtype.kind == "f" and dtype.itemsize > 8:
        dtype = np.dtype(np.float64)
    elif dtype.kind == "c" and dtype.itemsize > 16:
        dtype = np.dtype(np.complex128)
    with np.errstate(over="ignore"):  # a long double may lie beyond
        return np.ascontiguousarray(raw, dtype=dtype.newbyteorder("="))


def arrow_of(raw: np.ndarray) -> pa.Array:
    """Booleans, text, times and bytes as an Arrow array; NaT is null. Arrow's own pa.array imports pandas."""
    kind = raw.dtype.kind
    if kind == "b":
        return pa.Array.from_buffers(pa.bool_(), len(raw), [None, bitmap(raw)])
    if kind in "Mm":
        return _times(raw)
    if kind in "UT":
        return strings(_texts(raw))
    if kind == "S":
        return strings(_byte_texts(raw.tolist()))
    size = raw.dtype.itemsize
    return pa.Array.from_buffers(pa.binary(size), len(raw), [None, pa.py_buffer(raw.tobytes())])


def _texts(raw: np.ndarray) -> list[str | None]:
    if raw.dtype.kind == "U" and raw.dtype.itemsize:
        codes = native(np.ascontiguousarray(raw).view(raw.dtype.byteorder + "u4"))
        if codes.max(initial=0) > LAST_CHARACTER:  # NumPy takes any 32 bits for a character
            raw = np.where(codes > LAST_CHARACTER, np.uint32(0xFFFD), codes).view(f"=U{raw.dtype.itemsize // 4}")
    return [text if isinstance(text, str) else None for text in raw.tolist()]


def _byte_texts(cells: Iterable[bytes]) -> list[str]:
    """UTF-8 if all cells are, otherwise Latin-1, which anything is."""
    cells = list(cells)
    try:
        return [cell.decode() for cell in cells]
    except UnicodeDecodeError:
        return [cell.decode("latin-1") for cell in cells]


def _times(raw: np.ndarray) -> pa.Array:
    letter = raw.dtype.kind
    unit, count = np.datetime_data(raw.dtype)
    wanted = unit if unit in ARROW_UNITS and count == 1 else "s"
    if unit in ("ps", "fs", "as"):
        wanted = "ns"
    if wanted == "s" and unit in SECONDS:
        raw = _within_reach(raw, SECONDS[unit] * count)
    values = raw.astype("i8") if unit == "generic" else raw.astype(f"{letter}8[{wanted}]").view("i8")
    lost = values == NOT_A_TIME
    valid = bitmap(~lost) if lost.any() else None
    if letter == "M" and unit in ("Y", "M", "W", "D"):
        days = raw.astype("M8[D]").view("i8")
        if bool((lost | (np.abs(days) < 2**31)).all()):
            return pa.Array.from_buffers(pa.date32(), len(raw), [valid, pa.py_buffer(days.astype(np.int32))])
    type_ = pa.timestamp(wanted) if letter == "M" else pa.duration(wanted)
    return pa.Array.from_buffers(type_, len(raw), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def _within_reach(raw: np.ndarray, seconds: int) -> np.ndarray:
    """Times whose number of seconds fits into 64 bits; those beyond (200 thousand million years) at the end of that."""
    far = (2**63 - 1) // seconds
    raw = raw.astype(raw.dtype.newbyteorder("="))
    ticks = raw.view("i8")
    lost = ticks == NOT_A_TIME
    if bool((lost | (np.abs(ticks) <= far)).all()):
        return raw
    return np.where(lost, NOT_A_TIME, np.clip(ticks, -far, far)).view(raw.dtype)


# --- declared spellings of "missing"


def _without_declared(
    values: np.ndarray, absent: Mask | None, declared: frozenset[str]
) -> tuple[Mask | None, dict[str, int]]:
    """The absent cells with those that equal a declared number, and how many these are, by spelling."""
    tokens: dict[str, int] = {}
    if not declared:
        return absent, tokens
    for spelling, number in _declared_numbers(declared, values.dtype):
        hit = values == number
        if absent is not None:
            hit &= ~absent
        n = int(np.count_nonzero(hit))
        if n:
            tokens[spelling] = n
            absent = hit if absent is None else absent | hit
    return absent, tokens


@lru_cache(maxsize=64)
def _declared_numbers(declared: frozenset[str], dtype: np.dtype) -> tuple[tuple[str, Any], ...]:
    """The declared spellings of numbers that a dtype can hold, each number once."""
    found: dict[Any, str] = {}
    for spelling in sorted(declared, key=lambda word: (len(word), word)):
        number = _as_number(spelling.strip(" \t"), dtype)
        if number is not None:
            found.setdefault(number, spelling)
    return tuple((spelling, number) for number, spelling in found.items())


def _as_number(text: str, dtype: np.dtype) -> Any:
    """A spelling as a number of a dtype; None if it is not a number, or none that the dtype has."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            rounded = dtype.type(number)
        return rounded if np.isinf(rounded) == np.isinf(number) else None
    if not np.isfinite(number):
        return None
    try:
        exact = Decimal(text)
        whole = int(exact)
    except (InvalidOperation, OverflowError):
        return None
    bounds = np.iinfo(dtype)
    return dtype.type(whole) if exact == whole and bounds.min <= whole <= bounds.max else None

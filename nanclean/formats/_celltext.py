"""Cells as text: the shortest that reads back as the same value, and in quotes where a parser needs them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean import times
from nanclean.cells import Cells, packed, packed_bits, strings, values
from nanclean.column import Column, Mask, Numbers, Values

PLAIN = {4: 1e10, 8: 1e15}
"""By width in bytes: whole numbers below are written digit by digit, as Python writes them, not as 1e+10."""
INT64 = 2.0**63
DAY = 86_400
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days from 1970-01-01."""


def texts_of(view: Column, decimal: str = ".", booleans: tuple[str, str] = ("true", "false")) -> pa.Array:
    """The cells of a column as text, null where they are absent.

    booleans: the spellings of true and false.
    """
    if isinstance(view, Numbers):
        found = numbers(view.values, whole=view.type == "integer")
        if decimal != "." and view.values.dtype.kind == "f":
            found = pc.replace_substring(found, pattern=".", replacement=decimal)
        return _without(found, view.absent)
    assert isinstance(view, Values)
    assert isinstance(view.array, pa.Array)
    return _without(_of_arrow(view.array, booleans), view.absent)


def numbers(x: np.ndarray, whole: bool = False) -> pa.Array:
    """The shortest text that reads back as the same number, `10.0` for a float that is one.

    Text is read as float64 and then rounded to the dtype. whole: floats stand for integers, and are written as such.
    """
    x = np.ascontiguousarray(x)
    if x.dtype.kind in "iu":
        return packed(x).cast(pa.string())
    if whole:
        return _integers(x)
    found = _halves(x) if x.dtype == np.float16 else _with_point(x, packed(x).cast(pa.string()))
    return found if x.dtype == np.float64 else _read_back(x, found)


def _with_point(x: np.ndarray, texts: pa.Array) -> pa.Array:
    """Whole numbers of a usual size digit by digit and with `.0`."""
    with np.errstate(invalid="ignore"):
        plain = (np.trunc(x) == x) & (np.abs(x) < PLAIN[x.itemsize])
    if not plain.any():
        return texts
    some = x[plain]
    digits = packed(some.astype(np.int64)).cast(pa.string())
    digits = pc.binary_join_element_wise(digits, strings([b".0"])[0], strings([b""])[0])
    negative_zero = (some == 0) & np.signbit(some)
    if negative_zero.any():
        digits = pc.if_else(packed_bits(negative_zero), strings([b"-0.0"])[0], digits)
    return digits if plain.all() else pc.replace_with_mask(texts, packed_bits(plain), digits)


def _read_back(x: np.ndarray, texts: pa.Array) -> pa.Array:
    """Rounding twice can miss what rounding once hits; the text of the value as float64 cannot."""
    back = values(texts.cast(pa.float64()), np.float64)
    with np.errstate(over="ignore"):
        wrong = (back.astype(x.dtype) != x) & ~np.isnan(x)
    if not wrong.any():
        return texts
    return pc.replace_with_mask(texts, packed_bits(wrong), numbers(x[wrong].astype(np.float64)))


def _halves(x: np.ndarray) -> pa.Array:
    """Arrow writes all digits of float16; there are so few of them that each is asked about once."""
    distinct, place = np.unique(x.view(np.uint16), return_inverse=True)
    each = strings(str(half).encode() for half in distinct.view(np.float16))
    return each.take(packed(place.astype(np.int64).reshape(-1)))


def _integers(x: np.ndarray) -> pa.Array:
    """Integers that stand in floats."""
    fits = np.abs(x) < INT64  # not NaN
    digits = packed(np.where(fits, x, 0).astype(np.int64)).cast(pa.string())
    if fits.all():
        return digits
    distinct, place = np.unique(x[~fits], return_inverse=True)  # few: float64 holds hardly any integer there
    each = strings((str(int(big)) if np.isfinite(big) else str(big)).encode() for big in distinct.tolist())
    return pc.replace_with_mask(digits, packed_bits(~fits), each.take(packed(place.astype(np.int64).reshape(-1))))


def _of_arrow(array: pa.Array, booleans: tuple[str, str]) -> pa.Array:
    type_ = array.type
    if pa.types.is_boolean(type_):
        return pc.if_else(array, *(strings([word.encode()])[0] for word in booleans))
    if pa.types.is_temporal(type_):
        return _times(array)
    return array.cast(pa.string())


def _times(array: pa.Array) -> pa.Array:
    """As `times.shown` has them."""
    type_ = array.type
    if pa.types.is_date32(type_):
        type_, per_day = pa.date32(), 1
    elif pa.types.is_time(type_):
        per_day = 0
    else:
        unit = "ms" if pa.types.is_date64(type_) else type_.unit
        type_, per_day = pa.timestamp(unit), DAY * TICKS[unit]
    whole = array.cast(pa.int32() if type_.bit_width == 32 else pa.int64())
    if per_day and not _within_four_digits(whole, per_day):
        return _one_by_one(array)
    texts = whole.cast(type_).cast(pa.string())
    if getattr(type_, "unit", "s") != "s":
        texts = pc.ascii_rtrim(pc.ascii_rtrim(texts, characters="0"), characters=".")
    if per_day <= 1:
        return texts
    texts = pc.replace_substring(texts, pattern=" ", replacement="T")
    if getattr(array.type, "tz", None) is not None:
        return pc.binary_join_element_wise(texts, strings([b"Z"])[0], strings([b""])[0])
    midnight = values(whole, np.int64) % per_day == 0
    days = pc.utf8_slice_codeunits(texts, 0, 10) if midnight.any() else texts
    return days if midnight.all() else pc.if_else(packed_bits(midnight), days, texts)


def _within_four_digits(whole: pa.Array, per_day: int) -> bool:
    """Whether all are of the years 1 to 9999, which Arrow writes as ISO 8601 wants it."""
    ends = pc.min_max(whole)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is None or (low >= FIRST_DAY * per_day and high < (LAST_DAY + 1) * per_day)


def _one_by_one(array: pa.Array) -> pa.Array:
    distinct = array.dictionary_encode()
    return strings(text.encode() for text in times.texts(distinct.dictionary)).take(distinct.indices)


def _without(texts: pa.Array, absent: Mask | None) -> pa.Array:
    """With absent cells null, and nothing written under a null: whoever looks at the bytes must not find any."""
    cells = Cells(texts)
    if absent is not None:
        cells = Cells(cells.without(np.flatnonzero(absent)))
    if cells.null is not None and cells.lengths[cells.null].any():
        return cells.take(np.arange(len(cells)))
    return cells.array


def filled(texts: pa.Array, blank: str) -> pa.Array:
    """With a spelling of "missing" in the place of nulls."""
    return pc.fill_null(texts, strings([blank.encode()])[0]) if blank and texts.null_count else texts


def as_read(texts: pa.Array) -> pa.Array:
    """As the parser gives the cells: null where nothing is written. Nothing is written under a null either."""
    cells = Cells(texts)
    empty = cells.lengths == 0
    return cells.valid_where(~empty) if empty.any() else texts


def written(texts: pa.Array) -> pa.Array:
    """What stands in the file for cells that were read: nothing for a null."""
    cells = Cells(texts)
    return cells.valid_where(np.ones(len(cells), bool)) if texts.null_count else texts


def in_quotes(texts: pa.Array, delimiter: str, also: Mask | None = None) -> pa.Array:
    """Cells without nulls in quotes where a parser needs them, and where `also`, bool, (cells,), is true."""
    needed = also if also is not None and also.any() else None
    special = np.zeros(256, bool)
    special[list(b'"\r\n' + delimiter.encode())] = True
    cells = Cells(texts)
    places = np.flatnonzero(special[cells.bytes])
    if places.size:
        needed = np.zeros(len(cells), bool) if needed is None else needed.copy()
        needed[cells.owners(places)] = True
    if needed is None:
        return texts
    all_ = bool(needed.all())
    some = texts if all_ else texts.filter(packed_bits(needed))
    mark = strings([b'"'])[0]
    if places.size:
        some = pc.replace_substring(some, pattern='"', replacement='""')
    some = pc.binary_join_element_wise(mark, some, mark, strings([b""])[0])
    return some if all_ else pc.replace_with_mask(texts, packed_bits(needed), some)

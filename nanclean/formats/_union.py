"""One type for a column of several files, and cells of another one in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.formats._maker import as_arrow
from nanclean.typed import is_list, plain, stored, type_of

DIGITS = 38
"""The most that a decimal of 128 bits has."""
UNITS = ("s", "ms", "us", "ns")
THERE = pa.binary()
"""Where nothing holds the cells of both: an empty cell that is there, or null."""


def union(one: Raw, other: Raw) -> Raw:
    """A column without rows whose type takes the cells of both, as pandas.concat would choose it.

    Numbers become the type that NumPy promotes them to, numbers and text become text.
    """
    if _type(one) == _type(other):
        return one
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        found = _promoted(one.dtype, other.dtype)
        if found is not None:
            return np.empty((0, *one.shape[1:]), found)
    return pa.nulls(0, _of_both(_arrow_type(one), _arrow_type(other)))


def converted(raw: Raw, like: Raw) -> Raw:
    """The same cells, in the type of a column without rows. pa.ArrowException where it does not hold one of them."""
    if _type(raw) == _type(like):
        return raw
    if isinstance(raw, np.ndarray) and isinstance(like, np.ndarray):
        return raw.astype(like.dtype)
    array, type_ = as_arrow(raw, ""), _arrow_type(like)
    if array.type == type_:
        return array
    if type_ == THERE and not pa.types.is_binary(array.type):
        return pc.if_else(pc.is_valid(array), pa.scalar(b""), pa.scalar(None, THERE))
    return plain(array).cast(type_, safe=not pa.types.is_floating(type_))


def absent(rows: int, like: Raw) -> Raw:
    """Cells of a column that a file has not got: null, whatever the format."""
    return pa.nulls(rows, _arrow_type(like))


def concatenated(pieces: Sequence[Raw]) -> Raw:
    """The cells of several columns of one type."""
    if all(isinstance(piece, np.ndarray) for piece in pieces) and len({piece.shape[1:] for piece in pieces}) == 1:
        return np.concatenate(pieces)
    arrays = [as_arrow(piece, "") for piece in pieces]
    if len({array.type for array in arrays}) > 1:  # lists of another length
        arrays = [array.cast(pa.large_list(array.type.value_type)) for array in arrays]
    return pa.concat_arrays(arrays)


def _type(raw: Raw) -> pa.DataType | np.dtype:
    return raw.dtype if isinstance(raw, np.ndarray) else raw.type


def _arrow_type(raw: Raw) -> pa.DataType:
    if isinstance(raw, np.ndarray) and raw.ndim > 1:
        return pa.large_list(as_arrow(np.empty(0, raw.dtype), "").type)
    return as_arrow(raw, "").type


def _promoted(one: np.dtype, other: np.dtype) -> np.dtype | None:
    kinds = {one.kind, other.kind}
    if kinds <= set("iufc") or kinds in ({"U"}, {"S"}):
        return np.result_type(one, other)
    return None


def _of_both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_null(stored(one)) or pa.types.is_null(stored(other)):
        return other if pa.types.is_null(stored(one)) else one
    one, other = stored(one), stored(other)
    if one == other:
        return one
    kinds = [type_of(type_)[0] for type_ in (one, other)]
    if set(kinds) <= {"integer", "float"}:
        return _of_numbers(one, other)
    if kinds == ["time", "time"] and (found := _of_times(one, other)) is not None:
        return found
    if is_list(one) and is_list(other):
        return pa.large_list(_of_both(one.value_type, other.value_type))
    if set(kinds) <= {"integer", "float", "text", "boolean", "time"}:
        return pa.large_string()
    return THERE


def _of_numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(one) and pa.types.is_decimal(other):
        scale = max(one.scale, other.scale)
        digits = max(one.precision - one.scale, other.precision - other.scale) + scale
        return pa.decimal128(digits, scale) if digits <= DIGITS else pa.float64()
    if pa.types.is_decimal(one) or pa.types.is_decimal(other):
        return pa.float64()
    found: pa.DataType = pa.from_numpy_dtype(np.result_type(_dtype(one), _dtype(other)))
    return found


def _dtype(type_: pa.DataType) -> np.dtype:
    letter = "f" if pa.types.is_floating(type_) else "u" if pa.types.is_unsigned_integer(type_) else "i"
    return np.dtype(f"{letter}{type_.bit_width // 8}")


def _of_times(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The finer unit of points in time of one zone."""
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and one.tz == other.tz:
        return pa.timestamp(max(one.unit, other.unit, key=UNITS.index), one.tz)
    if pa.types.is_time(one) and pa.types.is_time(other):
        unit = max(one.unit, other.unit, key=UNITS.index)
        return pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
    return None

"""Points in time: which of many is the first and the last, and how they are shown."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import Cells, packed_bits
from nanclean.tokens import BLANKS

Extent = tuple[str, str]
"""The first and the last point in time, as `shown` writes them."""

SHAPES = 32
"""Up to so many ways of writing are told apart by kernels; more (only a malicious file has them) one by one."""

_PARTS = re.compile(
    r"(?:([+-]?[0-9]{4,})[-/]([0-9]{2})[-/]([0-9]{2}))?[ T]?"
    r"(?:([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?(?:(Z)|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_DAY = 86_400
_TICKS = 10**9
"""Instants are counted in nanoseconds."""
_UNITS = {"s": _TICKS, "ms": 10**6, "us": 10**3, "ns": 1}


def instant(text: str) -> tuple[bool, int]:
    """What orders points in time: whether it has a date (times of day come first), and nanoseconds since 1970 in UTC.

    A text without an offset counts as UTC.
    """
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = _split(text)
    seconds = (int(hour or 0) * 60 + int(minute or 0)) * 60 + int(second or 0)
    if sign:
        ahead = (int(hours) * 60 + int(minutes or 0)) * 60
        seconds += ahead if sign == "-" else -ahead
    if year:
        seconds += _days(int(year), int(month), int(day)) * _DAY
    return bool(year), seconds * _TICKS + int((fraction or "").ljust(9, "0")[:9])


def shown(text: str) -> str:
    """A point in time as people and other programs see it, whatever it was read from.

    ISO 8601 with as many digits of a second as are needed; midnight without an offset is the day alone, and what has
    an offset is shown in UTC, with a Z.
    """
    parts = _split(text)
    return _shown(*instant(text), zoned=bool(parts[7] or parts[8]))


def merged(one: Extent | None, other: Extent | None) -> Extent | None:
    """The extent of both together."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0], key=_order), max(one[1], other[1], key=_order)


def extent(array: pa.Array) -> Extent | None:
    """The first and the last of an array of times: text as `tokens.TIME` describes it, or one of Arrow's types.

    Nulls are left out. None if there is nothing else, or if the type has no points in time (durations).
    """
    if array.null_count == len(array):
        return None
    if pa.types.is_string(array.type):
        ends = [shown(text) for text in _ends_of_text(Cells(pc.ascii_trim(array.drop_null(), characters=BLANKS)))]
    elif pa.types.is_temporal(array.type) and not pa.types.is_duration(array.type):
        ends = _ends_of_type(array)
    else:
        return None
    candidates = sorted(ends, key=_order)
    return candidates[0], candidates[-1]


def texts(array: pa.Array) -> list[str]:
    """Points in time without nulls, each as `shown` has it; of text or one of Arrow's types, also beyond year 9999."""
    if pa.types.is_string(array.type):
        return [shown(text.strip(BLANKS)) for text in array.to_pylist()]
    return _texts_of_type(array.type, _whole(array).to_pylist())


def _order(text: str) -> tuple[tuple[bool, int], str]:
    """One instant can be written in two ways; which of them is first must not depend on which came first."""
    return instant(text), text


def _split(text: str) -> tuple[Any, ...]:
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"not a time: {text!r}")
    return parts.groups()


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar, for any year (H. Hinnant, chrono-compatible date algorithms)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _shown(dated: bool, ticks: int, zoned: bool) -> str:
    seconds, fraction = divmod(ticks, _TICKS)
    days, seconds = divmod(seconds, _DAY)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:09}".rstrip("0")
    if not dated:
        return clock
    if zoned:
        return f"{_date(days)}T{clock}Z"
    return _date(days) if clock == "00:00:00" else f"{_date(days)}T{clock}"


def _date(days: int) -> str:
    """The other way round. Years beyond four digits have a sign, as ISO 8601 wants it."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    return f"{year:04}-{month:02}-{day:02}" if 0 <= year <= 9999 else f"{year:+05}-{month:02}-{day:02}"


def _ends_of_text(cells: Cells) -> list[str]:
    """Some cells, the first and the last in time among them."""
    shape = _shapes(cells)
    if shape.min() == shape.max():
        return _ends(cells.array)
    shapes = np.unique(shape)
    if shapes.size > SHAPES:
        return pc.unique(cells.array).to_pylist()
    return [text for each in shapes for text in _ends(cells.array.filter(packed_bits(shape == each)))]


def _shapes(cells: Cells) -> np.ndarray:
    """int64: how each cell is written. Texts of one shape have the order of their instants.

    That is the length, the separators, and the offset itself.
    """
    shape = cells.lengths.astype(np.int64)
    shape |= (cells.byte(2) == ord(":")).astype(np.int64) << 6
    shape |= (cells.byte(4) == ord("/")).astype(np.int64) << 7
    shape |= ((cells.lengths > 10) & (cells.byte(10) == ord("T"))).astype(np.int64) << 8
    shape |= (cells.last() == ord("Z")).astype(np.int64) << 9
    for length in (3, 5, 6):  # +hh, +hhmm, +hh:mm
        sign = cells.byte(-length)
        zoned = np.flatnonzero((cells.lengths > 16) & ((sign == ord("+")) | (sign == ord("-"))))
        if zoned.size:
            offset = np.zeros(zoned.size, np.int64)
            for back in (5, 4, 2, 1):  # the digits
                if back < length:
                    offset = offset * 16 + (cells.byte(-back)[zoned] & 15)
            shape[zoned] |= (offset * 2 + (sign[zoned] == ord("-"))) << 10
    return shape


def _ends(array: pa.Array) -> list[str]:
    ends = pc.min_max(array)
    return [ends["min"].as_py(), ends["max"].as_py()]


def _ends_of_type(array: pa.Array) -> list[str]:
    whole = pc.min_max(_whole(array))
    return _texts_of_type(array.type, [whole["min"].as_py(), whole["max"].as_py()])


def _whole(array: pa.Array) -> pa.Array:
    """The integers that times are made of."""
    return array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64())


def _texts_of_type(kind: pa.DataType, whole: list[int]) -> list[str]:
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    unit = _DAY * _TICKS if pa.types.is_date32(kind) else _UNITS["ms" if pa.types.is_date64(kind) else kind.unit]
    return [_shown(not pa.types.is_time(kind), value * unit, zoned) for value in whole]

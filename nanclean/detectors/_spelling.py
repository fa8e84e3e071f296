"""Text cells held against patterns, without a copy into Python and without pandas."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import bits, packed
from nanclean.column import Column, Mask, Values, bits_to_mask
from nanclean.detector import nothing

# For RE2, so nothing that it does not know; the whole cell, with blanks around it.
_DIGITS = r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)"  # 007 is a code
_COMMA = r"[0-9]+,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(?:[ '’\x{a0}\x{202f}][0-9]{3})+,[0-9]+"
_THOUSANDS = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,3}(?:['’][0-9]{3})+(?:\.[0-9]+)?"
_ANY = rf"(?:{_COMMA}|{_THOUSANDS}|{_DIGITS}(?:[eE][+-]?[0-9]+)?)"
_MONEY = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|JPY|INR)"
_UNIT = (
    r"(?:%|‰|°|°C|°F|ºC|ºF|K|kg|g|mg|µg|ug|lbs?|oz|t|km|m|cm|mm|µm|um|nm|mi|ft|in|yd|s|ms|µs|us|ns|secs?|min|mins|h|hrs?|"
    r"d|days?|yrs?|years?|months?|weeks?|Hz|kHz|MHz|GHz|W|kW|MW|kWh|MWh|V|mV|kV|mA|Ah|mAh|MB|GB|TB|KB|kB|"
    r"mph|km/h|kmh|m/s|kts?|kn|l|L|ml|mL|cl|cc|hp|bhp|PS|kmpl|km/kg|mpg|Pa|hPa|kPa|bar|mbar|psi|kcal|cal|kJ|J|dB|ppm|ppb|"
    r"k|M|B|Mio|bn|px|pt|m2|m²|m3|m³|km²|sqft|sqm)"
)
_SIGN = r"[+\-−]?"
_BLANK = r"[ \t\x{a0}\x{202f}]?"

DRESSED: dict[str, str] = {
    "decimal comma": rf"{_SIGN}(?:{_COMMA})",
    "thousands mark": rf"{_SIGN}(?:{_THOUSANDS})",
    "%": rf"{_SIGN}{_ANY}{_BLANK}%",
    "currency": rf"{_SIGN}{_MONEY}{_BLANK}{_SIGN}{_ANY}|{_SIGN}{_ANY}{_BLANK}{_MONEY}|\({_MONEY}?{_ANY}\)",
    "unit": rf"{_SIGN}{_ANY}{_BLANK}{_UNIT}",
    "typographic minus": rf"−{_ANY}",
}
"""Numbers in other clothes, by what they wear."""

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:[+-]?(?:inf(?:inity)?|nan))"
"""A number as it is read, and the words for what is no finite one."""


def _in_python(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), pattern))


_IN_PYTHON = {kind: _in_python(pattern) for kind, pattern in DRESSED.items()}


def dressed(text: str) -> str | None:
    """What a number in other clothes wears; None if the text is none."""
    trimmed = text.strip(" \t")
    return next((kind for kind, pattern in _IN_PYTHON.items() if pattern.fullmatch(trimmed)), None)


def in_clothes(column: Column) -> Mask:
    """bool, (cells,): text cells that are numbers in other clothes."""
    mask = nothing(column)
    array, cells = _text(column), candidates(column)
    if array is not None and cells.size:
        mask[cells] = _matching(array.take(packed(cells)), "|".join(DRESSED.values()))
    return mask


def matching(column: Column, pattern: str) -> Mask:
    """bool, (cells,): text cells of which the whole, without blanks around it, matches; absent ones do not."""
    array = _text(column)
    if array is None:
        return nothing(column)
    found: Mask = _matching(array, pattern) & present(column)
    return found


def present(column: Column) -> Mask:
    """bool, (cells,): not absent."""
    return np.ones(column.cells, dtype=bool) if column.absent is None else ~column.absent


def _text(column: Column) -> pa.Array | None:
    array = column.array if isinstance(column, Values) else None
    if isinstance(array, pa.Array) and (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return array
    return None


def _matching(array: pa.Array, pattern: str) -> Mask:
    found = pc.match_substring_regex(array, rf"^[ \t]*(?:{pattern})[ \t]*$")
    null = bits_to_mask(found)
    return bits(found) if null is None else bits(found) & ~null


def escaped_for_re2(words: Iterable[str]) -> str:
    """A pattern of these words and nothing else."""
    return "|".join("".join(c if c.isalnum() else f"\\x{{{ord(c):x}}}" for c in word) for word in words)


_STARTS = np.zeros(256, dtype=bool)
_STARTS[list(b"0123456789+-.($ \t\xc2\xe2")] = True  # the last two begin the signs of currencies
_LETTERS = np.zeros(256, dtype=bool)
_LETTERS[list(b"UEGCJI")] = True  # the codes of currencies, before a number


def candidates(column: Column) -> np.ndarray:
    """int64: the text cells that begin like a number in other clothes. Some 3 ns a cell."""
    array = _text(column)
    none = np.empty(0, np.int64)
    if array is None or not len(array):
        return none
    _, offsets, data = array.buffers()
    if data is None or not data.size:
        return none
    width = np.dtype(np.int64 if pa.types.is_large_string(array.type) else np.int32)
    ends = np.frombuffer(offsets, width, count=len(array) + 1, offset=array.offset * width.itemsize).astype(np.intp)
    text = np.frombuffer(data, np.uint8)
    first = text.take(ends[:-1], mode="clip")
    found = _STARTS[first]
    letters = np.flatnonzero(_LETTERS[first])
    last = text.take(ends[letters + 1] - 1, mode="clip")
    found[letters] = (last >= ord("0")) & (last <= ord("9"))
    found &= ends[1:] > ends[:-1]
    if column.absent is not None:
        found &= ~column.absent
    return np.flatnonzero(found)

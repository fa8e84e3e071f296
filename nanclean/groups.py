"""The keys of groups: what a value is called where values are counted or compared one by one."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.cells import bits, packed, values
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask

MOST = 1_000
"""Groups that are told apart."""
LONGEST = 64
"""Bytes of a key; of longer text a digest is kept, so that different texts stay different."""
TYPES = frozenset({"text", "integer", "boolean"})
"""Types of columns that make groups."""

Key = str | int | float | bool


def keys(column: Column) -> tuple[np.ndarray, list[Key]]:
    """int64, (rows,): the group of each row, as a place in the list of keys; -1 where the cell is missing.

    Of columns of text, numbers or booleans with one cell in each row. Keys are in the order in which they come, each
    at most once.
    """
    if isinstance(column, Numbers):
        return _of_numbers(column)
    assert isinstance(column, Values)
    assert isinstance(column.array, pa.Array)
    if column.type == "boolean":
        codes = bits(column.array).astype(np.int64)
        return _without(codes, column.absent, bits_to_mask(column.array)), [False, True]
    encoded = column.array.dictionary_encode()
    codes, names = _codes(encoded), [key_of(text) for text in encoded.dictionary.to_pylist()]
    return _without(codes, column.absent, bits_to_mask(column.array)), names


def _of_numbers(column: Numbers) -> tuple[np.ndarray, list[Key]]:
    """Also of integers that stand in float64, as those do beside a NaN."""
    whole, strange = column.values, None
    if column.floating:
        strange = ~np.isfinite(whole)
        whole = np.where(strange, 0, whole)
    encoded = packed(whole).dictionary_encode()
    names = [_exact(value) for value in encoded.dictionary.to_pylist()]
    return _without(_codes(encoded), column.absent, strange), names


def _exact(value: int | float) -> Key:
    """Whole numbers as integers; a class may be any number."""
    return int(value) if isinstance(value, int) or value.is_integer() else value


def _codes(encoded: pa.DictionaryArray) -> np.ndarray:
    return values(encoded.indices, np.int32).astype(np.int64)


def _without(codes: np.ndarray, *missing: Mask | None) -> np.ndarray:
    for mask in missing:
        if mask is not None:
            codes[mask] = -1
    return codes


def key_of(value: Any) -> Key:
    """What a value is called: of long text the beginning and a digest."""
    if isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else str(value)
    if len(text) <= LONGEST // 4 or len(data := text.encode("utf-8", "surrogatepass")) <= LONGEST:
        return text
    return text[:30] + "…" + hashlib.blake2b(data, digest_size=16).hexdigest()

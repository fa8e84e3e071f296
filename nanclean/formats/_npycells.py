"""The cells of a view as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.block import Held
from nanclean.cells import packed_bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.errors import RuleError
from nanclean.escaping import shortened
from nanclean.formats._rebuild import bits_of
from nanclean.typed import NOT_A_TIME, Complexes
from nanclean.wording import quoted


def of_view(column: Column, dtype: np.dtype, some: Mask | None, name: str) -> np.ndarray:
    """Some cells of a view, or all, as they are in memory. RuleError for what the dtype cannot hold."""
    some = np.ones(column.cells, dtype=bool) if some is None else some
    absent = None if column.absent is None else column.absent[some]
    absent = absent if absent is not None and absent.any() else None
    if absent is not None and dtype.kind not in "fcMm":
        raise RuleError(
            f"{shortened(name)}: a cell would have to be missing, and {dtype} has no way to say so",
            hint=f"cast it first: {quoted(name)} -> cast(float64)",
        )
    if isinstance(column, Numbers):
        found = column.values[some]
        with np.errstate(over="ignore"):
            return found if absent is None else np.where(absent, dtype.type(np.nan), found)
    assert isinstance(column, Values)
    if isinstance(column, Complexes):
        return column.array[some]
    assert isinstance(column.array, pa.Array)
    if column.type == "boolean":
        return bits_of(column.array)[some].astype(dtype)
    array = column.array.filter(packed_bits(some))
    return _times(array, dtype) if dtype.kind in "Mm" else _texts(array, dtype, name)


def _times(array: pa.Array, dtype: np.dtype) -> np.ndarray:
    """NaT where they are null."""
    unit = "D" if pa.types.is_date32(array.type) else array.type.unit
    width = array.type.bit_width // 8
    ticks = np.frombuffer(array.buffers()[1] or b"", f"i{width}")[array.offset : array.offset + len(array)]
    found = ticks.astype(np.int64)
    if array.null_count:
        found[~bits_of(array.is_valid())] = NOT_A_TIME
    return found.view(f"{dtype.kind}8[{unit}]").astype(dtype)


def _texts(array: pa.Array, dtype: np.dtype, name: str) -> np.ndarray:
    """Text of a fixed width."""
    if dtype.kind not in "US":
        raise RuleError(f"{shortened(name)}: {dtype} cannot be changed", hint="leave the column as it is")
    texts = array.to_pylist()
    cells: list[Any] = [text.encode() for text in texts] if dtype.kind == "S" else texts
    room = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    for cell, text in zip(cells, texts, strict=True):
        if len(cell) > room:
            raise RuleError(
                f"{shortened(name)}: {shortened(text)!r} does not fit into {dtype}",
                hint=f"{dtype} has room for {room:,} characters",
            )
    return np.array(cells, dtype=dtype) if cells else np.empty(0, dtype)


def converted(raw: np.ndarray, held: Held, dtype: np.dtype, name: str) -> np.ndarray:
    """A column whose type a rule has changed. What only a policy takes for missing keeps its value."""
    column, before = held.view, raw.reshape(-1)
    there = np.zeros(column.cells, dtype=bool)
    if column.absent is not None:
        there = column.absent & ~_nan(before)
        if held.changed is not None:
            there &= ~held.changed
    some = ~there
    found = np.empty(column.cells, dtype)
    found[some] = of_view(column, dtype, some, name)
    with np.errstate(over="ignore", invalid="ignore"):
        found[there] = before[there].astype(dtype)
    if (found[there].astype(before.dtype) != before[there]).any():
        raise RuleError(
            f"{shortened(name)}: {dtype} cannot hold a value that the policy takes for missing",
            hint=f"make it missing above: {quoted(name)}: missing -> blank",
        )
    return found.reshape(raw.shape)


def _nan(values: np.ndarray) -> Mask:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)

"""Which cells of a block are written from their values, and with which text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import Cells, packed_bits, strings
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask
from nanclean.errors import UsageError
from nanclean.format import Source
from nanclean.formats._celltext import filled, texts_of
from nanclean.patch import taken
from nanclean.target import Out
from nanclean.typed import Lists, arrow_of, plain, view
from nanclean.wording import listed, quoted

READ_AS = (np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint64))
"""What the numbers of a text table are read as."""
SPELLINGS = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))


def refuse(outs: Sequence[Out], path: str) -> None:
    """UsageError if there are columns that text cannot hold."""
    strange = [out for out in outs if not _has_text(out.view)]
    if strange:
        names = listed([quoted(out.name) for out in strange])
        kinds = listed(sorted({out.view.type for out in strange}))
        are = "is" if len(strange) == 1 else "are"
        raise UsageError(
            f"{path}: a text table cannot hold {names}, which {are} of type {kinds}",
            hint="write .parquet, or drop the column: "
            + " ".join(f'--rule "{quoted(out.name)}: everything -> drop_column"' for out in strange[:1]),
        )


def _has_text(column: Column) -> bool:
    if isinstance(column, Lists) or column.owner is not None:
        return False
    if isinstance(column, Values) and isinstance(column.array, pa.Array) and pa.types.is_null(column.array.type):
        return True
    return column.type in ("integer", "float", "boolean", "text", "time")


def spelling(source: Source, out: Out) -> tuple[str, str]:
    """How a column of a text table writes true and false, as its sample tells."""
    if out.origin is None or out.view.type != "boolean" or not out.changed:
        return SPELLINGS[0]
    sample = source.sample()
    if sample is not None:
        for cell in pc.unique(sample.columns[out.origin]).to_pylist():
            for pair in SPELLINGS:
                if cell is not None and cell.strip() in pair:
                    return pair
    return SPELLINGS[0]


def touched(held: Held, raw: pa.Array, decimal: str) -> np.ndarray:
    """int64, ascending: the rows of a column of text whose cells may be written in another way than they were.

    All numbers are, where the dtype tells that they were cast: 0.123456789 is not how a float32 is written.
    """
    rows = np.empty(0, np.int64) if held.changed is None else np.flatnonzero(held.changed)
    column = held.view
    if not isinstance(column, Numbers):
        return rows
    if column.values.dtype not in READ_AS:
        cast_ = np.isfinite(column.values)
    elif column.values.dtype.kind in "iu":
        fractions = _fractions(raw, decimal)
        if not fractions.size:
            return rows
        cast_ = np.zeros(len(raw), bool)
        cast_[fractions] = True
    else:
        return rows
    if column.absent is not None:
        cast_ = cast_ & ~column.absent
    return np.union1d(rows, np.flatnonzero(cast_)) if rows.size else np.flatnonzero(cast_)


def _fractions(raw: pa.Array, decimal: str) -> np.ndarray:
    """The cells that a column of integers does not have: with a point or an exponent."""
    cells = Cells(raw)
    marks = [mark for mark in (decimal, "e", "E") if ord(mark) <= cells.highest and cells.count(mark)]
    if not marks:
        return np.empty(0, np.int64)
    special = np.zeros(256, bool)
    special[list("".join(marks).encode())] = True
    return cells.owners(np.flatnonzero(special[cells.bytes]))


def overlaid(texts: pa.Array, rows: np.ndarray, others: pa.Array) -> pa.Array:
    """With other texts in some rows."""
    if rows.size == len(texts):
        return others
    mask = np.zeros(len(texts), bool)
    mask[rows] = True
    return pc.replace_with_mask(texts, packed_bits(mask), others)


def rendered(block: Block, out: Out, decimal: str, lexical: bool) -> pa.Array:
    """All cells of a column as text: as they were read, but for those that have changed. Nulls stand for "".

    lexical: what was read was text.
    """
    held, raw = block.columns[out.name], block.raw(out.name)
    if raw is None:
        return filled(texts_of(held.view, decimal), out.blank)
    if lexical:
        texts = cast(pa.Array, raw)
        rows = touched(held, texts, decimal)
    else:
        before = view(raw)
        if _cast(before, held.view):
            return filled(texts_of(held.view, decimal), out.blank)
        texts = filled(_as_it_was(raw, before, decimal), out.blank)
        if out.blank and (empty := said_empty(block, out)).any():
            texts = pc.if_else(packed_bits(empty), strings([b""])[0], texts)
        rows = np.empty(0, np.int64) if held.changed is None else np.flatnonzero(held.changed)
    if not rows.size:
        return texts
    return overlaid(texts, rows, filled(texts_of(taken(held.view, rows), decimal), out.blank))


def _cast(before: Column, after: Column) -> bool:
    """Whether a rule has changed the type of a column."""
    if isinstance(after, Values) and after.array is None:
        return False  # nobody has looked into it
    if isinstance(before, Numbers) and isinstance(after, Numbers):
        return before.type != after.type or before.values.dtype != after.values.dtype
    return before.type != after.type


def _as_it_was(raw: Raw, before: Column, decimal: str) -> pa.Array:
    """Decimals with all their digits, which no float holds."""
    if isinstance(raw, pa.Array):
        array = plain(raw)
        if pa.types.is_decimal(array.type):
            texts = array.cast(pa.string())
            return texts if decimal == "." else pc.replace_substring(texts, pattern=".", replacement=decimal)
    return texts_of(before, decimal)


def said_empty(block: Block, out: Out) -> Mask:
    """bool, (rows,): cells that were read as a text without a character, and not as missing."""
    held, raw = block.columns[out.name], block.raw(out.name)
    nowhere = np.zeros(block.rows, bool)
    if raw is None or held.view.type != "text":
        return nowhere
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind not in "UST":
            return nowhere
        raw = arrow_of(raw)
    array = plain(raw)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return nowhere
    dtype = np.int64 if pa.types.is_large_string(array.type) else np.int32
    size = np.dtype(dtype).itemsize
    if not len(array):
        return nowhere
    offsets = np.frombuffer(array.buffers()[1], dtype, count=len(array) + 1, offset=array.offset * size)
    empty: Mask = offsets[1:] == offsets[:-1]
    null = bits_to_mask(array)
    if null is not None:
        empty = empty & ~null
    return empty if held.changed is None else empty & ~held.changed

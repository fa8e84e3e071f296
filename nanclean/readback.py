"""Whether text that is to be written will be read as the values that it stands for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from nanclean.batch import Numbered, Raw
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.errors import VerificationError
from nanclean.lexical import decode
from nanclean.tokens import Words
from nanclean.wording import quoted, shown


def demand_same(name: str, view: Column, text: Raw, words: Words, rows: Numbered) -> None:
    """VerificationError, with the first row, unless the text of a column reads back as the column.

    text: as a reader will find it, null where a cell is empty.
    """
    assert isinstance(text, pa.Array)
    read, _ = decode(text, view.type, words, _integers(view))
    wrong = _different(view, read)
    if wrong is None or not wrong.any():
        return
    row = int(np.argmax(wrong))
    cell = text[row].as_py()
    number = int(rows.numbers(np.array([row]))[0]) + 1
    meant = _value(view, row)
    raise VerificationError(
        f"{quoted(name)}: row {number:,}: {shown(cell)!r} would not be read as the {meant} that it stands for",
        hint="write .parquet, which keeps values as they are",
    )


def _integers(view: Column) -> str:
    return view.values.dtype.name if isinstance(view, Numbers) and view.values.dtype.kind in "iu" else "auto"


def _different(view: Column, read: Column) -> Mask | None:
    """bool, (rows,): where two columns are not the same. None: nowhere."""
    wrong = _mask(view.absent, view) ^ _mask(read.absent, read)
    if isinstance(read, Numbers) and read.nan is not None:
        wrong &= ~(_mask(view.missing, view) & read.nan)  # the column may spell what is missing as NaN
    present = ~_mask(view.absent, view) & ~wrong
    if isinstance(view, Numbers) and isinstance(read, Numbers):
        mine, theirs = view.values, read.values
        if mine.dtype.kind == "f":
            with np.errstate(over="ignore"):
                theirs = theirs.astype(mine.dtype)
            same = (mine == theirs) & (np.signbit(mine) == np.signbit(theirs)) | (np.isnan(mine) & np.isnan(theirs))
        elif theirs.dtype.kind == "f":
            same = np.array([int(a) == b for a, b in zip(mine.tolist(), theirs.tolist(), strict=True)], dtype=bool)
        else:
            same = mine == theirs
        return wrong | (present & ~same)
    if isinstance(view, Values) and isinstance(read, Values) and isinstance(view.array, pa.Array):
        assert isinstance(read.array, pa.Array)
        mine_text, theirs_text = (array.cast(pa.string()) for array in (view.array, read.array))
        if mine_text.equals(theirs_text) and not wrong.any():
            return None
        pairs = zip(mine_text.to_pylist(), theirs_text.to_pylist(), strict=True)
        return wrong | (present & np.array([a != b for a, b in pairs], dtype=bool))
    return wrong


def _mask(mask: Mask | None, column: Column) -> Mask:
    return np.zeros(column.cells, dtype=bool) if mask is None else mask


def _value(view: Column, row: int) -> str:
    if view.absent is not None and view.absent[row]:
        return "missing cell"
    if isinstance(view, Numbers):
        return shown(view.values[row].item())
    return view.type

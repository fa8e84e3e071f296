"""Columns of text files in types of their own, where that loses nothing of what is written in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.block import Block, Held
from nanclean.cells import Cells, packed_bits
from nanclean.column import Mask, Numbers, Values
from nanclean.errors import RuleError
from nanclean.escaping import shortened
from nanclean.format import Source
from nanclean.formats._rebuild import bits_of, of_numbers, of_view, spliced

SURE_DIGITS = 15
"""Integers of so many digits are exact in float64, whatever they are."""


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
        return spliced(column.array, column.unparsable, raw.filter(packed_bits(column.unparsable)))
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
    return of_numbers(values.astype(dtype, copy=False), absent, type_, refuse.name)


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
    mask = np.zeros(n, dtype=bool)
    mask[places] = True
    return mask


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

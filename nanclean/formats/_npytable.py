"""NPY files made from tables of other formats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.column import Numbers, Values
from nanclean.errors import RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats._arrays import parts
from nanclean.formats._dialect import unique_names
from nanclean.formats._maker import Maker
from nanclean.formats._npyfile import NpyTarget, as_bytes
from nanclean.formats._rebuild import bits_of
from nanclean.target import Out
from nanclean.typed import type_of, view
from nanclean.wording import quoted

SURE_DIGITS = 15
"""Decimals of so many digits come back the same from float64."""


class Table(NpyTarget):
    """A table of numbers: a matrix where the columns have no names and one type, otherwise records."""

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        super().__init__(path)
        nothing = source.nothing().columns
        self._makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        types = [_number_type(maker) for maker in self._makers]
        names = [out.name for out in outs]
        self._matrix = len(set(types)) == 1 and names == [f"c{i}" for i in range(len(names))]
        if self._matrix:
            self.dtype = types[0]
            self.fields = tuple(Field(name, *type_of(types[0])) for name in names)
        else:
            self.dtype = np.dtype(list(zip(names, types, strict=True)))
            found = unique_names([part.name for part in parts(self.dtype)])
            self.fields = tuple(Field(n, *type_of(t)) for n, t in zip(found, types, strict=True))
        self._types = types
        self.reading = ReadOptions()
        self._open(10**18, same=False)

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows, len(self._makers)) if self._matrix else (rows,)

    def columns(self, block: Block) -> list[Raw]:
        return [_as_numbers(maker, block, t) for maker, t in zip(self._makers, self._types, strict=True)]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        found = np.empty(self.shape(block.rows), self.dtype)
        for i, (maker, column) in enumerate(zip(self._makers, columns, strict=True)):
            found[(slice(None), i) if self._matrix else maker.name] = column
        return found

    def write(self, piece: np.ndarray) -> None:
        self.file.write_at(as_bytes(piece), self.offset + self.rows * math.prod(self.shape(1)) * self.dtype.itemsize)
        self.rows += len(piece)


def _number_type(maker: Maker) -> np.dtype:
    """The dtype of a column. UsageError if its cells are no numbers."""
    kind, _ = type_of(maker.type)
    if kind == "boolean":
        return np.dtype(bool)
    exact = not pa.types.is_decimal(maker.type) or maker.type.precision <= SURE_DIGITS
    if kind not in ("integer", "float") or not exact:
        told = kind if exact else str(maker.type)
        raise UsageError(
            f"{shortened(maker.name)}: {told} has no place in an NPY file of numbers",
            hint=f'take the column out: --rule "{quoted(maker.name)} -> drop_column", or write .parquet',
        )
    empty = view(pa.nulls(0, maker.type))
    assert isinstance(empty, Numbers)
    return empty.values.dtype


def _as_numbers(maker: Maker, block: Block, dtype: np.dtype) -> np.ndarray:
    """The cells of a column; missing ones are NaN, and an error where there is none."""
    found = view(maker.array(block))
    if found.absent is not None and dtype.kind != "f":
        record = int(block.numbers(np.flatnonzero(found.absent)[:1])[0])
        raise RuleError(
            f"{shortened(maker.name)}, row {record + 1}: is missing, and {dtype} has no way to say so",
            hint=f"fill it, or cast it: {quoted(maker.name)} -> cast(float64)",
        )
    if isinstance(found, Numbers):
        return np.where(found.absent, np.nan, found.values) if found.absent is not None else found.values
    assert isinstance(found, Values)
    return bits_of(found.array)

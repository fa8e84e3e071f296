"""Columns of numbers in another dtype."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa

from nanclean.block import Block
from nanclean.cells import bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.detector import NUMBERS
from nanclean.errors import PolicyError, RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import first_rows, pasted
from nanclean.part import learned
from nanclean.patch import numbers
from nanclean.typed import EXACT, Lists
from nanclean.wording import listed, quoted, several, shown

To = Literal[
    "float64", "float32", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"
]  # fmt: skip
Loss = tuple[Mask, str, str, str]
"""The cells, what happens to one of them and to several, and the rule above (or the words) that would help."""


@dataclass(frozen=True)
class Cast(Fixer):
    """Gives a column of numbers another type: cast(float32), cast(int8); it takes every cell, and goes without a find.

    Only if no value is lost: none that was finite becomes infinite, none becomes 0, no whole number becomes another
    one, and no fraction, NaN, infinity or number out of range goes into an integer. Fractions are rounded to the
    precision of a smaller float: that is what it is for. Missing cells stay missing. Booleans become 0 and 1.

    Changes data: the type, and fractions in their last digits. No budget counts it.

    Why it matters: float32 takes half the memory of float64 and is what a network computes with anyway. Casting here
    finds the cell that does not fit; in the training script it becomes an infinity without a word.

    Beware: float16 ends at 65,504 and has three digits. An id of nine digits does not survive float32, which holds
    whole numbers up to 16,777,216 only: that stops it.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "cast"
    applies: ClassVar[frozenset[str]] = NUMBERS | {"boolean"}
    whole: ClassVar[bool] = True
    rescales: ClassVar[bool] = True
    example: ClassVar[str] = "cast(float32)"

    to: To

    nullable: bool | None = learned()
    """A cell of the new type can be missing."""

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.to)

    def makes(self, type: str) -> str:
        kind = "integer" if "int" in self.to else "float"
        return f"list<{kind}>" if type.startswith("list") else kind

    def aimed(self, aim: Aim) -> Self:
        if aim.type == "boolean" and self.dtype.kind == "f":
            raise PolicyError(
                f"{self}: {quoted(aim.column)} is boolean, which becomes an integer",
                hint=f"write '{quoted(aim.column)} -> cast(int8)'",
            )
        return replace(self, nullable=self.dtype.kind == "f" or aim.format not in ("npy", "array"))

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column = block.columns[name].view
        view = _of_booleans(column) if isinstance(column, Values) else column
        assert isinstance(view, Numbers)
        for cells, one, many, hint in self._losses(view):
            if cells.any():
                raise self._refusal(name, block, column, cells, (one, many), hint)
        with np.errstate(over="ignore", invalid="ignore"):  # what stands in absent cells means nothing
            values = view.values if view.absent is None else np.where(view.absent, 0, view.values)
            cast = values.astype(self.dtype)
            changed = cast != values
        if self.dtype.kind == "f" and view.floating:
            changed &= ~np.isnan(values)
        kind = "integer" if self.dtype.kind in "iu" else "float"
        type_ = view.type.replace("integer", kind).replace("float", kind)
        after: Column = view
        if cast.dtype != view.values.dtype or type_ != column.type or view is not column:
            after = numbers(view, cast, view.absent, view.unparsable, type=type_, overflow=view.literal_overflow)
        return Fixed(after, changed if changed.any() else None)

    def _refusal(
        self, name: str, block: Block, column: Column, cells: Mask, words: tuple[str, str], hint: str
    ) -> RuleError:
        n = int(np.count_nonzero(cells))
        values = column.values if isinstance(column, Numbers) else None
        told: list[str] = []
        for row, at in first_rows(block, column, cells):
            absent = values is None or (column.absent is not None and column.absent[at])
            told.append(f"row {row:,}" if absent or values is None else f"row {row:,}: {shown(values[at].item())}")
        what = f"{several(n, *words)}: {listed([*told, *['more'] * (n - len(told))])}"
        hint = f"add above: {pasted(name, hint)}" if " -> " in hint else hint
        return RuleError(f"{quoted(name)}: {self}: {what}", hint=hint)

    def _losses(self, view: Numbers) -> Iterator[Loss]:
        """Everything that would not survive."""
        if view.unparsable is not None:
            yield view.unparsable, "cell is no number", "cells are no numbers", "unparsable -> blank"
        if view.missing is not None and not self.nullable and self.nullable is not None:
            yield view.missing, "cell is missing", "cells are missing", "missing -> impute(median)"
        x, dtype = view.values, self.dtype
        present = np.ones(x.size, bool) if view.absent is None else ~view.absent
        if dtype.kind == "f":
            yield from _losses_to_floats(x, present, dtype)
        else:
            yield from _losses_to_integers(x, present, dtype, rounded=view.type.endswith(("integer", "integer>")))

    def proven(self, column: Column) -> str | None:
        found = column.values.dtype if isinstance(column, Numbers) else column.type
        return None if found == self.dtype else f"it is {found}"

    def told(self) -> str:
        return f"to {self.to}"


def _losses_to_floats(x: np.ndarray, present: Mask, dtype: np.dtype) -> Iterator[Loss]:
    if np.can_cast(x.dtype, dtype):
        if x.dtype.kind in "iu" and x.dtype.itemsize == 8:  # NumPy calls int64 to float64 safe
            yield _other(present & ~_same(x, x.astype(dtype)))
        return
    with np.errstate(over="ignore"):
        y = x.astype(dtype)
    finite = present & np.isfinite(x)
    yield finite & np.isinf(y), "value becomes infinite", "values become infinite", f"overflow({dtype}) -> blank"
    yield finite & (y == 0) & (x != 0), "value becomes 0", "values become 0", "take a larger float, like cast(float64)"
    whole = finite & (np.abs(x) >= 1) & (np.trunc(x) == x) if x.dtype.kind == "f" else present
    yield _other(whole & ~_same(x, y))


def _losses_to_integers(x: np.ndarray, present: Mask, dtype: np.dtype, rounded: bool) -> Iterator[Loss]:
    held = np.iinfo(dtype)
    if x.dtype.kind == "f":
        nan, infinite = present & np.isnan(x), present & np.isinf(x)
        yield nan, "cell is NaN", "cells are NaN", "missing -> impute(median)"
        yield infinite, "value is infinite", "values are infinite", "infinite -> blank"
        with np.errstate(invalid="ignore"):
            yield (
                present & (np.trunc(x) != x),
                "value is no whole number",
                "values are no whole numbers",
                "take a float, like cast(float32)",
            )
        low, high = float(held.min), 2.0 ** (held.bits - (dtype.kind == "i"))
        wide = x.astype(np.float64, copy=False)  # a float16 would be compared with a bound rounded to infinity
        yield _beyond(present & ((wide < low) | (wide >= high)), dtype)
        if rounded:  # integers that float64 has rounded when they were read
            yield _other(present & (np.abs(x) >= EXACT))
        return
    low, high = max(held.min, np.iinfo(x.dtype).min), min(held.max, np.iinfo(x.dtype).max)
    yield _beyond(present & ((x < x.dtype.type(low)) | (x > x.dtype.type(high))), dtype)


def _beyond(cells: Mask, dtype: np.dtype) -> Loss:
    held = np.iinfo(dtype)
    what = f"beyond {dtype}"
    return cells, f"value is {what}", f"values are {what}", f"range({held.min}, {held.max}) -> blank"


def _other(cells: Mask) -> Loss:
    return cells, "whole number becomes another", "whole numbers become others", "take a type that holds them"


def _same(x: np.ndarray, y: np.ndarray) -> Mask:
    """Whether floats are the numbers that they were made from. Compared exactly: NumPy would round an int64."""
    wide = y.astype(np.float64)
    if x.dtype.kind == "f":
        return wide == x
    held = np.iinfo(x.dtype)
    low, high = float(held.min), 2.0 ** (held.bits - (x.dtype.kind == "i"))
    fits = (wide >= low) & (wide < high)
    same: Mask = fits & (np.where(fits, wide, 0).astype(x.dtype) == x)
    return same


def _of_booleans(column: Values) -> Numbers:
    """0 and 1 for booleans; in lists, if there are several in each row."""
    assert isinstance(column.array, pa.Array)
    shape: dict[str, Any] = {
        "type": "integer", "rows": column.rows, "cells": column.cells, "null": column.null, "absent": column.absent,
        "unparsable": column.unparsable, "values": bits(column.array).view(np.uint8),
    }  # fmt: skip
    if column.owner is None:
        return Numbers(**shape)
    return Lists(np.bincount(column.owner, minlength=column.rows), **shape)

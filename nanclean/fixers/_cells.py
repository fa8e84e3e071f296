"""What several fixers have in common: trying a find on a value, and telling of cells that they cannot deal with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.block import Block
from nanclean.cells import packed_bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.detector import NUMBERS, Detector
from nanclean.errors import PolicyError, RuleError
from nanclean.fixer import Aim, Fixer
from nanclean.typed import strings
from nanclean.wording import quoted, several, shown


def pasted(column: str, rest: str) -> str:
    """A rule for a column, as it can be pasted into a policy: `'price: missing -> impute(median)'`."""
    rule = f"{quoted(column)}: {rest}"
    mark = '"' if "'" in rule else "'"
    return f"{mark}{rule}{mark}"


def one(type: str, value: Any, dtype: np.dtype | None = None) -> Column | None:
    """A column of one type with one cell, which holds a value; None for missing. None of types that cannot be tried."""
    absent = np.ones(1, bool) if value is None else None
    null = int(value is None)
    if type in NUMBERS:
        values = np.array([0 if value is None else value], dtype)
        element = type.removeprefix("list<").removesuffix(">")
        return Numbers(type=element, rows=1, cells=1, null=null, absent=absent, values=values)
    if value is None:
        array = pa.nulls(1, pa.string())
    elif type in ("text", "boolean"):
        array = strings([value]) if type == "text" else packed_bits(np.array([value], bool))
    else:
        return None
    return Values(type=type, rows=1, cells=1, null=null, absent=absent, array=array)


def finds(find: Detector | None, type: str, value: Any, dtype: np.dtype | None = None) -> bool:
    """Whether a find, as far as it is fitted, takes a value (None: a missing cell) for bad."""
    column = one(type, value, dtype)
    return find is not None and find.scope == "cell" and column is not None and bool(find.mask(column).any())


def rounded(value: Any, type: str, dtype: np.dtype) -> Any:
    """A figure as a column of this type and dtype can hold it: integers are rounded half to even."""
    if type in ("integer", "list<integer>"):
        whole = round(value)
        if dtype.kind == "f":
            return int(dtype.type(whole))
        held = np.iinfo(dtype)
        return min(max(whole, int(held.min)), int(held.max))
    with np.errstate(over="ignore"):
        return float(dtype.type(value))


def demand_of_type(fix: Fixer, type: str, value: Any) -> None:
    """PolicyError if a value (None: there is none) cannot stand in a column of a type."""
    if value is None:
        return
    if type in NUMBERS:
        whole = type in ("integer", "list<integer>")
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and (not whole or float(value).is_integer())
    else:
        fits = isinstance(value, {"boolean": bool, "text": str, "time": str}.get(type, object))
    if not fits:
        raise PolicyError(f"{fix.name}: {shown(value)!r} is no value of a column of type {type}")


def no_integers(fix: Fixer, aim: Aim) -> None:
    """PolicyError for integers in an array, whose dtype is settled."""
    if aim.format in ("npy", "array") and aim.dtype is not None and aim.dtype.kind in "iu":
        raise PolicyError(
            f"{fix.name}: {quoted(aim.column)} is an array of {aim.dtype}, which has no room for its results",
            hint=f"add above: '{quoted(aim.column)} -> cast(float32)'",
        )


def place(block: Block, view: Column, cells: Mask) -> str:
    """`in rows 1 to 344, first row 7`: where some cells of a block are."""
    rows = np.flatnonzero(view.of_rows(cells)) if len(cells) == view.cells else np.flatnonzero(cells)
    numbers = block.numbers() + 1
    return f"in rows {int(numbers[0]):,} to {int(numbers[-1]):,}, first row {int(numbers[rows[0]]):,}"


def first_rows(block: Block, view: Column, cells: Mask) -> list[tuple[int, int]]:
    """The first five of some cells: the row of each, from 1, and its place in the column."""
    some = np.flatnonzero(cells)[:5]
    rows = some if view.owner is None else view.owner[some]
    return list(zip((block.numbers(rows) + 1).tolist(), some.tolist(), strict=True))


def demand_numbers(name: str, fix: Fixer, block: Block, view: Numbers) -> None:
    """RuleError if a cell is missing, infinite or garbage, or a list null. It names the rule to add above."""
    for what, plural, cells, find in _obstacles(view):
        if cells is not None and cells.any():
            n = several(int(np.count_nonzero(cells)), what, plural)
            raise RuleError(
                f"{quoted(name)}: {fix} cannot take {n} {place(block, view, cells)}",
                hint=f"add above: {pasted(name, f'{find} -> impute(median)')}",
            )
    if view.empty_rows is not None and view.empty_rows.any():
        lists = view.empty_rows
        n, numbers = several(int(np.count_nonzero(lists)), "null list"), block.numbers() + 1
        raise RuleError(
            f"{quoted(name)}: {fix} cannot take {n}, first row {int(numbers[np.argmax(lists)]):,}",
            hint=f"add above: {pasted(name, 'missing -> drop')}",
        )


def floats_of(name: str, fix: Fixer, block: Block) -> tuple[Numbers, np.dtype, str]:
    """A column of numbers that is to become floats, and the dtype and type of these; float32 stays.

    RuleError if a cell cannot be computed with.
    """
    column = block.columns[name].view
    assert isinstance(column, Numbers)
    if column.rows:
        demand_numbers(name, fix, block, column)
    dtype = np.dtype(np.float32 if column.values.dtype == np.float32 else np.float64)
    return column, dtype, column.type.replace("integer", "float")


def _obstacles(view: Numbers) -> Iterator[tuple[str, str | None, Mask | None, str]]:
    yield "missing cell", None, view.missing, "missing"
    infinite = [mask for mask in (view.pos_inf, view.neg_inf) if mask is not None]
    if infinite:
        yield "infinite cell", None, np.logical_or.reduce(infinite), "infinite"
    yield "cell that is no number", "cells that are no numbers", view.unparsable, "unparsable"

"""A recipe without files: a table in memory goes in, and comes back cleaned, a single row or a million."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from nanclean import registry
from nanclean.batch import Batch, Raw
from nanclean.block import Block, Held
from nanclean.column import Column, Numbers, Values
from nanclean.detector import NUMBERS, Sized
from nanclean.errors import RecipeError, UsageError
from nanclean.formats._returned import Growing, Result
from nanclean.patch import numbers
from nanclean.reading import Reading
from nanclean.resources import MOST
from nanclean.steps import Key, Step, run
from nanclean.tokens import Words
from nanclean.typed import Complexes, Lists
from nanclean.wording import listed, quoted, several

if TYPE_CHECKING:
    from nanclean.formats._given import Given
    from nanclean.recipe import Recipe, TrainedColumn


def applied(recipe: Recipe, table: object) -> Any:
    """What a recipe makes of a table in memory, as what it came. For errors see `Recipe.apply`."""
    if isinstance(table, str | os.PathLike):
        raise UsageError(
            "recipe.apply works on tables in memory", hint=f"nanclean.apply(recipe, {os.fspath(table)!r}, OUTPUT)"
        )
    given = _given(table)
    steps = _fitting(recipe, given)
    served = [_Served(recipe, given, name, steps) for name in _needed(steps)]
    carries: dict[Key, dict[str, Any]] = {}
    grown: dict[str, Growing] = {}
    kept: list[np.ndarray] = []
    for place, step in enumerate(steps):
        if step.of_rows and step.find is not None:
            left = _Left(given, served, steps[:place], step.find.columns)
            steps[place] = replace(step, marked=step.find.search(left))
    for block in _blocks(given, served):
        block, _ = run(steps, block, carries)
        kept.append(block.numbers())
        for column in served:
            column.compare(block.columns.get(column.name))
        for name, piece in block.columns.items():
            grown.setdefault(name, Growing(given.rows)).add(piece)
    dropped = sum(map(len, kept)) < given.rows
    return given.returned(list(_results(given, served, grown)), np.concatenate(kept) if dropped else None)


def _blocks(given: Given, served: Sequence[_Served]) -> Iterator[Block]:
    """The columns that are looked into, some rows at a time; of no rows one block."""
    for start in range(0, max(given.rows, 1), given.batch):
        stop = min(start + given.batch, given.rows)
        raws = [column.cells(start, stop) for column in served]
        held = {
            column.name: Held(column.view(raw), i) for i, (column, raw) in enumerate(zip(served, raws, strict=True))
        }
        yield Block(Batch(start, stop - start, raws), held)


@dataclass(frozen=True)
class _Left:
    """The rows of a table in memory as some steps leave them, to be searched."""

    given: Given
    served: Sequence[_Served]
    steps: Sequence[Step]
    columns: Sequence[str]
    memory: int = MOST

    def look(self, work: Callable[[Block], Sized], only: frozenset[int] | None = None) -> Iterator[tuple[Sized, int]]:
        carries: dict[Key, dict[str, Any]] = {}
        for block in _blocks(self.given, self.served):
            after, _ = run(self.steps, block, carries, prove=False)
            if after.rows:
                yield work(after), 0


def names_of(table: object) -> list[str]:
    """The names of the columns of a table in memory, as rules know them."""
    return list(_given(table).names)


def fitting(recipe: Recipe, table: object) -> list[Step]:
    """The steps of a recipe that change something in such a table. RecipeError if the recipe does not fit it."""
    return _fitting(recipe, _given(table))


def columns_after(recipe: Recipe, names: Sequence[str]) -> list[tuple[str, str | None]]:
    """The columns that a recipe makes of those with these names, and after which of them each new one is called."""
    steps = _working(recipe, names)
    there = {name: Held(_all_missing(trained, 0), None) for name, trained in recipe.by_name.items()}
    block, _ = run(steps, Block(Batch(0, 0, ()), there), {})
    sources = {name: step.column for step in steps if step.fix is not None for name in step.fix.adds()}
    kept = [(name, None) for name in names if name in block.columns or name not in there]
    return [*kept, *((name, sources[name]) for name in block.columns if name in sources)]


def _given(table: object) -> Given:
    return cast("Given", registry.module("formats", "frame").given(table))


def _fitting(recipe: Recipe, given: Given) -> list[Step]:
    """The steps that change something, if the table has their columns. RecipeError otherwise."""
    trained = [column.name for column in recipe.columns]
    if given.counted and len(given.names) != len(trained) and trained == [f"c{i}" for i in range(len(trained))]:
        raise RecipeError(
            f"{given.label}: has {several(len(given.names), 'column')}, and the recipe was fitted on {len(trained):,}",
            hint="one row of an array is x.reshape(1, -1)" if len(given.names) == 1 else "give it the same columns",
        )
    names = frozenset(given.names)
    steps = _working(recipe, names)
    added = _added(steps)
    twice = sorted(added & names)
    if twice:
        raise RecipeError(
            f"{given.label}: has a column {quoted(twice[0])} already, which the recipe would add",
            hint="was the recipe applied to it before?",
        )
    missing = [name for name in _needed(steps) if name not in names]
    if missing:
        raise _missing(given, missing)
    return steps


def _working(recipe: Recipe, names: Collection[str]) -> list[Step]:
    """The steps that change something in a table with these columns: what is to be predicted may not be known yet."""
    unlabelled = {name for name in recipe.policy.label if name not in names}
    steps = [_over_others(step, unlabelled) for step in recipe.steps if step.fix is not None]
    return [step for step in steps if step.column not in unlabelled]


def _over_others(step: Step, gone: Collection[str]) -> Step:
    """A step that judges rows, by the columns that are there."""
    left = [name for name in step.searches if name not in gone] if step.of_rows else []
    if not left or step.find is None or len(left) == len(step.searches):
        return step
    columns = [name for name in step.find.columns if name in left]
    return replace(step, column=columns[0], find=step.find.over(columns))


def _added(steps: Iterable[Step]) -> set[str]:
    return {name for step in steps if step.fix is not None for name in step.fix.adds()}


def _needed(steps: Sequence[Step]) -> list[str]:
    """The columns that have to be looked into, each once."""
    added = _added(steps)
    return [name for name in dict.fromkeys(name for step in steps for name in _looked_at(step)) if name not in added]


def _looked_at(step: Step) -> Sequence[str]:
    """The columns that a step looks at, of rows as a whole in the order in which they are compared."""
    return step.find.columns if step.of_rows and step.find is not None else tuple(step.reads)


def _missing(given: Given, missing: Sequence[str]) -> RecipeError:
    near = registry.nearest(missing[0], list(given.names))
    if given.counted:
        hint = "an array has no names but c0, c1 …: hand over a DataFrame, or a dict of arrays"
    else:
        hint = f"is it {quoted(near)} here? rename it" if near else "hand over the columns of the training data"
    return RecipeError(
        f"{given.label}: the recipe works on {listed([quoted(name) for name in missing])}, "
        f"which {'is' if len(missing) == 1 else 'are'} not there",
        hint=hint,
    )


class _Served:
    """A column of a table in memory, read as the recipe knows it."""

    def __init__(self, recipe: Recipe, given: Given, name: str, steps: Sequence[Step]) -> None:
        self.name, self.place, self.label = name, given.names.index(name), given.label
        self.cells = given.cells(self.place)
        self.trained = recipe.column(name)
        self.changes = any(
            step.column == name and step.fix is not None and step.fix.changes and not step.fix.voids for step in steps
        )
        policy = recipe.policy
        self.words = Words(policy.missing_list or "auto", policy.declared(name))
        self.reading = Reading(False, ("",), ("",), (self.words,))
        self.look: tuple[str, Any] = ("", None)
        """Type, and dtype of numbers, of the latest block as it came."""
        self.retyped = self.touched = False

    def view(self, raw: Raw) -> Column:
        """Some cells, as near to the type of the training data as can be without changing one."""
        found = self.reading.column(0, raw)[0]
        self.look = _look(found)
        if self.trained is None or found.type == self.trained.type:
            return found
        if _kind(self.trained.type) != _kind(found.type):
            return self._nothing_but_missing(found, self.trained)
        return _as_floats(found, self.trained) if self.changes and isinstance(found, Numbers) else found

    def compare(self, after: Held | None) -> None:
        """Take in what rules have made of the latest block."""
        if after is not None:
            self.retyped |= self.changes and _look(after.view) != self.look
            self.touched |= self.retyped or after.changed is not None

    def _nothing_but_missing(self, found: Column, trained: TrainedColumn) -> Column:
        """Of another type: missing cells may be of any."""
        missing = found.missing_rows
        if found.rows and (missing is None or not missing.all()):
            numbers = trained.type in NUMBERS and found.type == "text"
            raise RecipeError(
                f"{self.label}: {quoted(self.name)} is {found.type}, and was {trained.type} in the training data",
                hint="make numbers of the text first" if numbers else "give it the type that it had",
            )
        return _all_missing(trained, found.rows)


def _kind(type_: str) -> str:
    """Integers and floats are of one kind."""
    return type_.replace("integer", "float")


def _as_floats(column: Numbers, trained: TrainedColumn) -> Column:
    """Integers where floats were trained: fences and figures then mean the same as there."""
    if column.floating or "float" not in trained.type:
        return column
    dtype = np.result_type(column.values.dtype, np.dtype(trained.dtype or np.float64))
    values = column.values.astype(dtype)
    if column.values.itemsize == 8 and np.abs(values).max(initial=0) > 2**53:
        return column  # not without changing one
    return numbers(column, values, column.absent, column.unparsable, type=trained.type)


def _all_missing(trained: TrainedColumn, rows: int) -> Column:
    """A column that holds nothing, as one of the type of the training data."""
    type_, dtype = trained.type, np.dtype(trained.dtype or np.float64)
    absent = np.ones(rows, bool)
    shape: dict[str, Any] = {"type": type_, "rows": rows, "cells": rows, "null": rows, "absent": absent}
    if type_.startswith("list<"):
        shape |= {"cells": 0, "null": 0, "absent": None, "empty_rows": absent, "values": np.empty(0, dtype)}
        return Lists(np.zeros(rows, np.int64), **shape)
    if type_ in NUMBERS:
        return Numbers(values=np.zeros(rows, dtype), **shape)
    if type_ == "complex":
        return Complexes(type=type_, rows=rows, cells=rows, array=np.full(rows, complex(np.nan, np.nan)))
    types = {"text": pa.string(), "boolean": pa.bool_(), "time": pa.timestamp("us")}
    return Values(array=pa.nulls(rows, types.get(type_, pa.null())), **shape)


def _results(given: Given, served: Sequence[_Served], grown: Mapping[str, Growing]) -> Iterator[Result]:
    """The columns in their order, and those that rules have added."""
    there = {column.name: column for column in served}
    for place, name in enumerate(given.names):
        column = there.get(name)
        if column is None or (name in grown and not column.touched):
            yield Result(name, place)
        elif name in grown:
            yield grown[name].result(name, place, column.retyped)
    for name, column_grown in grown.items():
        if name not in there:
            yield column_grown.result(name, None, True)


def _look(column: Column) -> tuple[str, Any]:
    return column.type, cast(Any, column).values.dtype if isinstance(column, Numbers) else None

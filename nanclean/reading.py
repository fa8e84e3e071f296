"""How the raw columns of a source are read: the type of each, and what counts as missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
import pyarrow as pa

from nanclean.batch import Batch, Raw
from nanclean.column import Column, Numbers, Values
from nanclean.format import Source
from nanclean.lean import LeanStatistics
from nanclean.lexical import Classes, classify, decode
from nanclean.numbers import NumberStatistics, Plan, planned
from nanclean.others import ValueStatistics
from nanclean.statistics import Statistics
from nanclean.tokens import Words
from nanclean.typed import view


@dataclass(frozen=True)
class Demand:
    """What is to be measured of a numeric column, beside counts and extremes."""

    figures: bool = True
    """Mean, deviation, quantiles, histogram."""
    apart: bool = True
    """Values that stand apart from all others."""
    quantiles: tuple[float, ...] = ()
    """Further ones."""


FULL = Demand()


@dataclass(frozen=True)
class Reading:
    """The types of all columns. Of text they are a guess until every cell has been seen."""

    lexical: bool
    types: tuple[str, ...]
    integers: tuple[str, ...]
    """Of columns of text: the dtype that holds the integers."""
    words: tuple[Words, ...]
    misfits: frozenset[int] = frozenset()
    """Columns whose values no integer dtype holds."""
    demanded: frozenset[int] = frozenset()
    """Columns whose type the user has settled."""

    @classmethod
    def guessed(cls, source: Source, sample: Batch | None, words: Sequence[Words], demanded: Mapping[int, str]) -> Self:
        """From the fields of a typed source, or from a sample of text."""
        if not source.lexical:
            types = tuple(field.type or "other" for field in source.fields)
            return cls(False, types, ("",) * len(types), tuple(words))
        if sample is None:
            classes = [Classes() for _ in source.fields]
        else:
            classes = [classify(_text(raw), w) for raw, w in zip(sample.columns, words, strict=True)]
        types = tuple(demanded.get(i, c.settle()) for i, c in enumerate(classes))
        integers = tuple(c.integers for c in classes)
        return cls(True, types, integers, tuple(words), demanded=frozenset(demanded))

    def settled(self, classes: Mapping[int, Classes], misfits: Iterable[int]) -> Self:
        """As all cells say. Equal to this one if the guess was right."""
        after = replace(self, misfits=self.misfits | frozenset(misfits))
        if not self.lexical:
            return after
        types, integers = list(self.types), list(self.integers)
        for i, counts in classes.items():
            types[i] = self.types[i] if i in self.demanded else counts.settle()
            if types[i] == "integer":
                integers[i] = counts.integers
        return replace(after, types=tuple(types), integers=tuple(integers))

    def column(self, i: int, raw: Raw | Column) -> tuple[Column, Classes | None]:
        """The typed view of some cells of column i."""
        if isinstance(raw, Column):  # what rules have made of it
            return raw, None
        if not self.lexical:
            column = view(raw, self.words[i].declared)
            return self._text(i, column) if column.type == "text" else column, None
        return decode(_text(raw), self.types[i], self.words[i], self.integers[i] or "auto")

    def _text(self, i: int, column: Column) -> Column:
        """Text of a typed source: "NA" means there what it means in CSV."""
        assert isinstance(column, Values)
        array = column.array
        if not isinstance(array, pa.Array):
            return column
        found, _ = decode(array if pa.types.is_string(array.type) else array.cast(pa.string()), "text", self.words[i])
        found.null = column.null
        found.empty += column.empty - array.null_count
        found.tokens = dict(Counter(found.tokens) + Counter(column.tokens))
        return found

    def dtype(self, i: int, column: Numbers) -> np.dtype:
        """What the values of a numeric column are counted as."""
        if i in self.misfits or self.types[i] not in ("integer", "list<integer>"):
            return np.dtype(np.float64)
        if self.lexical:
            return np.dtype(self.integers[i])
        return np.dtype(np.uint64 if column.values.dtype == np.uint64 else np.int64)

    def statistics(
        self, source: Source, sample: Batch | None, chosen: Sequence[int], demands: Mapping[int, Demand], memory: int
    ) -> dict[int, Statistics]:
        """An accumulator for each column, planned from the sample. memory: bytes for the bins of all of them."""
        rows = _about_rows(source, sample)
        plan = partial(planned, columns=len(self.types), memory=memory)
        return {i: self._statistics(i, source, sample, rows, demands.get(i, FULL), plan) for i in chosen}

    def _statistics(
        self, i: int, source: Source, sample: Batch | None, rows: int, demand: Demand, plan: Callable[..., Plan]
    ) -> Statistics:
        type_, bits = self.types[i], source.fields[i].bits
        if type_ not in ("integer", "float", "list<integer>", "list<float>"):
            return ValueStatistics(type_)
        if sample is None:
            dtype = np.dtype(self.integers[i] if self.lexical and type_ == "integer" else np.float64)
            return _numbers(type_, plan(np.empty(0, dtype), dtype, rows, quantiles=demand.quantiles), bits, demand)
        column, _ = self.column(i, sample.columns[i])
        assert isinstance(column, Numbers)
        dtype, finite = self.dtype(i, column), column.finite
        fits = dtype.kind == "f" or finite.dtype.kind != "f"
        values = finite.astype(dtype) if fits else np.empty(0, dtype)
        cells = rows * _ratio(column)
        made = plan(values, dtype, cells, quantiles=demand.quantiles, ends=not demand.figures)
        return _numbers(type_, made, bits, demand)


def _numbers(type_: str, plan: Plan, bits: int | None, demand: Demand) -> Statistics:
    if demand.figures:
        return NumberStatistics(type_, plan, bits)
    return LeanStatistics(type_, plan, bits, apart=demand.apart)


def _ratio(column: Column) -> int:
    """Cells in a row."""
    return max(column.cells // max(column.rows, 1), 1)


def _text(raw: Raw) -> pa.Array:
    assert isinstance(raw, pa.Array)
    return raw


def _about_rows(source: Source, sample: Batch | None) -> int:
    """About how many records a source has."""
    if sample is None or not sample.rows:
        return 0
    known = source.facts.rows
    if not source.lexical or source.size is None:
        return max(known, sample.rows)
    width = (
        sum(raw.nbytes - 4 * len(raw) for raw in sample.columns if isinstance(raw, pa.Array))
        + len(sample.columns) * sample.rows
    )
    return max(known, sample.rows, int(source.size / max(width / sample.rows, 1)))

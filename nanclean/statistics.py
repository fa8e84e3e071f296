"""What an accumulator is, and what all of them count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, Self

import numpy as np

from nanclean.batch import Numbered
from nanclean.column import Column
from nanclean.hits import Blocks
from nanclean.resources import MOST

Figures = dict[str, Any]
"""The figures of one column under their names in the report, and a few more that detectors use."""

FIGURES: Figures = {
    "name": None, "type": None, "role": None, "count": 0, "missing": 0, "null": 0, "nan": 0, "empty": 0, "token": 0,
    "tokens": {}, "pos_inf": None, "neg_inf": None, "finite": None, "zero": None, "negative": None, "unparsable": None,
    "min": None, "max": None, "mean": None, "std": None, "q1": None, "median": None, "q3": None, "mad": None,
    "outliers": None, "fences": None, "reason": None, "distinct": None, "constant": None, "top": None,
    "histogram": None, "missing_by_block": None, "missing_rows": 0,
}  # fmt: skip
"""The keys that the report has of every column, in its order."""

EXTRA: Figures = {
    "classes": None, "details": {}, "ends": None, "gaps": [], "quantiles": {}, "ranks": {}, "min_positive": None,
    "bits": None, "format": None, "mode": None, "beside": None,
}  # fmt: skip
"""What only detectors and fixers see."""


OBJECTS = 6_000
"""Bytes of an accumulator as Python holds it."""


class Statistics(ABC):
    """The accumulator of one column.

    How the cells are cut into blocks, and in which order pieces are merged, leaves no trace in the result.
    """

    misfit: bool = False
    """Cells came that it could not take in: the column has to be read in another way."""

    @property
    def asks(self) -> bool:
        """Whether it is likely to ask for another look."""
        return False

    @property
    def size(self) -> int:
        """About how many bytes it takes, without the values that it keeps."""
        return OBJECTS

    @property
    def keeps(self) -> int:
        """About how many bytes the values may take that this look will keep, in all pieces together."""
        return 0

    @abstractmethod
    def add(self, column: Column, batch: Numbered) -> None:
        """Take in some cells."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take in a piece of the same look. `other` is not used afterwards."""

    @abstractmethod
    def fresh(self) -> Self:
        """An empty one for another piece of the same look."""

    @abstractmethod
    def result(self, rows: int) -> Figures:
        """The figures of a column of a table of so many records."""

    def again(self, most: int = MOST) -> Self | None:
        """For another look, knowing what this one has learned; None: settled. most: bytes that kept values may take."""
        return None


class Cells:
    """The counts that every column has: cells, and the kinds of missing ones."""

    def __init__(self) -> None:
        self.cells = self.null = self.nan = self.empty = self.unparsable = self.missing_rows = 0
        self.tokens: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.blocks = Blocks()

    def add(self, column: Column, batch: Numbered) -> None:
        self.cells += column.cells
        self.null += column.null
        self.empty += column.empty
        self.tokens.update(column.tokens)
        self.details.update(column.details)
        if column.unparsable is not None:
            self.unparsable += int(np.count_nonzero(column.unparsable))
        nan = getattr(column, "nan", None)
        if nan is not None:
            self.nan += int(np.count_nonzero(nan))
        if column.empty_rows is not None:
            self.missing_rows += int(np.count_nonzero(column.empty_rows))
        missing = column.missing_rows
        if missing is not None:
            rows = np.flatnonzero(missing)
            self.missing_rows += rows.size if column.owner is None else 0
            self.blocks.add(batch.numbers(rows))

    def merge(self, other: Cells) -> None:
        for name in ("cells", "null", "nan", "empty", "unparsable", "missing_rows"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.tokens.update(other.tokens)
        self.details.update(other.details)
        self.blocks.merge(other.blocks)

    def result(self, rows: int) -> Figures:
        token = sum(self.tokens.values())
        return FIGURES | EXTRA | {
            "count": self.cells,
            "missing": self.null + self.nan + self.empty + token,
            "null": self.null, "nan": self.nan, "empty": self.empty, "token": token,
            "tokens": dict(sorted(self.tokens.items())),
            "missing_by_block": self.blocks.of(rows),
            "missing_rows": self.missing_rows,
            "details": dict(self.details),
        }  # fmt: skip

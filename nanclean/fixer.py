"""What a fixer is: what is done to the cells that a find has found."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from nanclean.block import Block
from nanclean.column import Column, Mask
from nanclean.detector import EVERYTHING, Detector, Figures
from nanclean.part import Part

Carry = MutableMapping[str, Any]
"""What one step remembers from batch to batch, in the order of the rows. Only fixers with `order` use it."""


@dataclass(frozen=True)
class Aim:
    """What a step is aimed at, before any row is read: a column as the rules above leave it, and the find."""

    column: str
    type: str
    dtype: np.dtype | None
    """Of numbers."""
    format: str
    """csv, parquet, npy, frame or array: what the data come from."""
    find: Detector | None
    """None: every cell."""
    types: Mapping[str, str]
    """Of all columns, by name."""

    @property
    def nullable(self) -> bool:
        """Whether a cell can be missing: an array of integers has no way to say so."""
        array = self.format in ("npy", "array")
        return not array or self.type in ("complex",) or (self.dtype is not None and self.dtype.kind == "f")


@dataclass(frozen=True)
class Bad:
    """What the find of a rule has found in a block."""

    cells: Mask
    """bool, (cells,)."""
    lists: Mask | None = None
    """bool, (rows,): rows that are bad without a bad cell, as null lists are. None: there are none."""

    def rows(self, column: Column) -> Mask:
        """bool, (rows,): the rows with anything bad. A fresh array."""
        rows = column.of_rows(self.cells)
        return rows | self.lists if self.lists is not None else rows.copy()


@dataclass(frozen=True)
class Fixed:
    """The answer of a fixer."""

    column: Column | None = None
    """The new view of its column; None: as it was."""
    changed: Mask | None = None
    """bool, (cells,): the cells of it that are not what they were. None: none is."""
    added: Mapping[str, Column] = field(default_factory=dict)
    """Further columns, by name."""
    gone: bool = False
    """The column is to be taken out."""
    keep: Mask | None = None
    """bool, (rows,): false asks that the row go, at the end of the rule. None: all stay."""


@dataclass(frozen=True)
class Fixer(Part):
    """Deals with the bad cells of one column. Frozen and pure: settings of the user, and numbers that were learned.

    For each column: `aimed` (before any row is read), `fit`; then, block by block, `fix` and `proven`.
    """

    applies: ClassVar[frozenset[str]] = EVERYTHING
    """Types of columns that it makes sense for."""
    whole: ClassVar[bool] = False
    """It takes every cell of the column: a rule with it has no find."""
    optional: ClassVar[bool] = False
    """It also goes without a find, and then takes every cell."""
    changes: ClassVar[bool] = True
    """It changes cells, so that only a literal name, `@label` or `@id` brings it to a protected column."""
    drops: ClassVar[bool] = False
    """It drops rows."""
    voids: ClassVar[bool] = False
    """It makes cells missing and does nothing else to them."""
    rescales: ClassVar[bool] = False
    """What it changes is no damage, so that no budget counts it."""
    counts: ClassVar[bool] = False
    """`fit` wants to know how many cells the fitted find finds: `figures["hits"]`."""
    order: ClassVar[bool] = False
    """It needs the rows above."""
    example: ClassVar[str]
    """How it is written."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Figures that `fit` reads, by their names in the report."""
        return ()

    @property
    def grouped(self) -> str | None:
        """The column by whose values the figures are wanted: `figures["groups"]`, a dict from value to figures."""
        return None

    @property
    def cures(self) -> bool:
        """Whether the find of the same rule finds nothing afterwards. Asked after `fit`."""
        return True

    @property
    def beside(self) -> tuple[str, ...]:
        """Other columns that it looks at."""
        return () if self.grouped is None else (self.grouped,)

    @property
    def ordered(self) -> bool:
        """Whether it needs the rows above."""
        return self.order

    def aimed(self, aim: Aim) -> Self:
        """A copy that knows what it is aimed at. PolicyError, with a hint, if it makes no sense there."""
        return self

    def names(self, column: str, find: Detector | None) -> tuple[str, ...]:
        """How the columns would be called that it adds for a column. Asked at any time."""
        return ()

    def adds(self) -> tuple[str, ...]:
        """Names of the columns that it adds. Asked after `aimed`."""
        return ()

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        """A copy that knows its numbers, from the column as the rules above leave it. `find` is fitted.

        RuleError if there is nothing to learn them from.
        """
        return self

    def makes(self, type: str) -> str:
        """The type of a column of some type after it."""
        return type

    def held_against(self, type: str) -> None:
        """PolicyError if what it has learned is not for a column of this type: a recipe can have been edited."""

    @property
    def removes(self) -> bool:
        """It takes the column out, so that a file without it is as it should be."""
        return False

    @property
    def carries(self) -> frozenset[str]:
        """Figures of the column that `carried` may know after the fix, without a look."""
        return frozenset()

    def carried(self, figures: Figures) -> Figures | None:
        """These figures after the fix, from those before it: the same bits that measuring would give.

        None: it cannot be told. Counts of what the find has found are seen to by others.
        """
        return None

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        """The answer for a block. Cells that are not bad come back bit for bit.

        The types of the answer depend on the types of the columns and on settings alone: a block without rows, and
        a fixer that is not fitted, tell the types of all answers. RuleError if this cannot be done to a cell.
        """
        raise NotImplementedError

    def proven(self, column: Column) -> str | None:
        """What is wrong with its own output, in words; None: nothing. For fixers that promise more than `cures`."""
        return None

    def told(self) -> str:
        """What it has learned, in a few words for a table: `median 197`."""
        return ""

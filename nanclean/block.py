"""What flows while data is being changed: some rows, as the rules so far have left them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from nanclean.batch import Batch, Raw
from nanclean.column import Column, Mask
from nanclean.patch import where


@dataclass(frozen=True)
class Held:
    """A column on its way. Its view is what the rules so far have made of it."""

    view: Column
    origin: int | None
    """Its place in `batch.columns`; None: a rule has added it."""
    changed: Mask | None = None
    """bool, (cells,): the cells that are not as they were read. None: none is.

    A column whose type a rule has changed (`cast`, `normalize`) says so by the dtype of its view.
    """


@dataclass(frozen=True)
class Block:
    """Some rows of all columns, by name, in the order of the output."""

    batch: Batch
    """As they were read: all of them, also those that are gone."""
    columns: Mapping[str, Held]
    kept: np.ndarray | None = None
    """int64, (rows,), ascending: which rows of the batch are still here. None: all."""

    @property
    def rows(self) -> int:
        return self.batch.rows if self.kept is None else len(self.kept)

    def numbers(self, rows: np.ndarray | None = None) -> np.ndarray:
        """int64: the record numbers (from 0, in the whole source) of some rows of this block, or of all."""
        rows = np.arange(self.rows) if rows is None else rows
        return self.batch.numbers(rows if self.kept is None else self.kept[rows])

    def raw(self, name: str) -> Raw | None:
        """The cells of a column as they were read, in the rows that are here.

        None where nobody is going to write them (while figures are measured they may not be at hand), and of a column
        that a rule has added.
        """
        origin = self.columns[name].origin
        if origin is None or not self.batch.columns:
            return None
        found = self.batch.columns[origin]
        if self.kept is None:
            return found
        if isinstance(found, np.ndarray):
            return found[self.kept]
        from nanclean.cells import packed  # at first use: it stands above this one

        return found.take(packed(self.kept))

    def having(self, name: str, held: Held | None) -> Self:
        """With another column of this name, a further one, or (None) without it."""
        columns = dict(self.columns)
        if held is None:
            columns.pop(name, None)
        else:
            columns[name] = held
        return replace(self, columns=columns)

    def where(self, keep: Mask) -> Self:
        """The rows for which `keep`, bool, (rows,), is true."""
        if keep.all():
            return self
        kept = np.flatnonzero(keep) if self.kept is None else self.kept[keep]
        return replace(self, columns={name: _where(held, keep) for name, held in self.columns.items()}, kept=kept)


def _where(held: Held, keep: Mask) -> Held:
    changed = held.changed
    if changed is not None:
        changed = changed[keep if held.view.owner is None else keep[held.view.owner]]
        changed = changed if changed.any() else None
    return Held(where(held.view, keep), held.origin, changed)

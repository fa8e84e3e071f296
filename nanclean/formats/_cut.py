"""What is done to the bytes of some records: some go, some cells have another text, columns go and come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from nanclean.cells import Cells as TextCells
from nanclean.cells import strings
from nanclean.column import Mask
from nanclean.formats._cellbounds import Bounds, Cells
from nanclean.formats._joined import joined, one
from nanclean.formats._records import QUOTE, Style
from nanclean.formats._splice import Splice

Encode: TypeAlias = Callable[[pa.Array, Mask | None], pa.Array]
"""From texts, and which of them have to be in quotes, to what stands in the file."""


@dataclass(frozen=True)
class Change:
    """Cells of a column that have another text."""

    column: int
    rows: np.ndarray
    """int64, ascending."""
    texts: pa.Array
    """One for each row, without nulls."""
    encode: Encode


@dataclass(frozen=True)
class Cut:
    """Everything that is done to a piece. Rows are the records that stay, columns those of the source."""

    bounds: Bounds
    records: np.ndarray
    """int64, ascending: the records that stay."""
    style: Style
    kept: Sequence[int]
    """The columns that stay, ascending."""
    width: int
    """Columns that are left in the end."""
    changes: Sequence[Change]
    added: Sequence[pa.Array]
    """Of columns that are added, what stands in the file."""

    def splice(self) -> Splice:
        found = Splice()
        self._drop_records(found)
        dropped = list(_runs(self._dropped()))
        if self.records.size and (dropped or self.changes):
            looked_at = np.zeros(self.records.size, bool)
            for change in self.changes:
                looked_at[change.rows] = True
            looked_at |= bool(dropped)
            cells = self.bounds.cells(self.records[looked_at])
            place = np.cumsum(looked_at) - 1
            for run in _side_by_side(self.changes):
                self._change(found, run, place[run[0].rows], cells)
            for first, last in dropped:
                self._drop_columns(found, first, last, cells)
            if dropped and self.width == 1 and self.kept:
                self._mark_empty(found, cells)
        if self.records.size and self.added:
            self._add(found)
        return found

    def _dropped(self) -> list[int]:
        kept = set(self.kept)
        return [column for column in range(self.style.width or 0) if column not in kept]

    def _drop_records(self, found: Splice) -> None:
        gone = np.ones(self.bounds.starts.size, bool)
        gone[self.records] = False
        found.put(self.bounds.starts[gone], self.bounds.stops[gone])
        if self.width == 1 and self.style.width != 1:
            found.put(*self.bounds.blank)  # they would be records there

    def _change(self, found: Splice, run: Sequence[Change], place: np.ndarray, cells: Cells) -> None:
        """Cells that stand side by side get their texts as one."""
        texts = []
        for change in run:
            starts, stops = cells.starts(change.column)[place], cells.stops(change.column)[place]
            marked = (self.bounds.codes.take(starts, mode="clip") == QUOTE) & (starts < stops)
            if self.width == 1:  # to many readers a line without a character is no record
                marked |= TextCells(change.texts).lengths == 0
            texts.append(change.encode(change.texts, marked))
        first, last = run[0].column, run[-1].column
        whole = texts[0] if len(texts) == 1 else joined(texts, bytes([self.style.delimiter]))
        found.put(cells.starts(first)[place], cells.stops(last)[place], whole, rank=first)

    def _drop_columns(self, found: Splice, first: int, last: int, cells: Cells) -> None:
        """A run of columns, with the delimiter before it; or, at the beginning, with the one behind it."""
        starts, stops = cells.starts(first), cells.stops(last)
        if first:
            starts = starts - 1
        elif self.kept:
            stops = stops + 1
        found.put(starts, stops, rank=first)

    def _mark_empty(self, found: Splice, cells: Cells) -> None:
        """Cells that are empty and alone now."""
        (column,) = self.kept
        starts = cells.starts(column)
        empty = starts == cells.stops(column)
        for change in self.changes:
            empty[change.rows] = False  # it has seen to that
        starts = starts[empty]
        found.put(starts, starts, strings([b'""'] * starts.size), rank=column)

    def _add(self, found: Splice) -> None:
        ends = self.bounds.ends(self.records)
        cells = [one(b""), *self.added] if self.kept else list(self.added)
        delimiter = bytes([self.style.delimiter])
        found.put(ends, ends, joined(cells, delimiter), rank=self.style.width or 0)


def _side_by_side(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes of neighbouring columns in the very same rows."""
    run: list[Change] = []
    for change in sorted(changes, key=lambda change: change.column):
        if run and (change.column != run[-1].column + 1 or not np.array_equal(change.rows, run[-1].rows)):
            yield run
            run = []
        run.append(change)
    if run:
        yield run


def _runs(columns: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of the columns that stand side by side."""
    start = 0
    for i, column in enumerate(columns):
        if i + 1 == len(columns) or columns[i + 1] != column + 1:
            yield columns[start], column
            start = i + 1

"""Why cells are as they are, where the evidence is plain: facts that take several columns to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain

import numpy as np

from nanclean.column import Column, Numbers
from nanclean.engine import share
from nanclean.format import Split
from nanclean.hits import Hits
from nanclean.pipeline import Memory, Table, columns_of, looked
from nanclean.reading import Reading
from nanclean.statistics import Figures

MOST_COLUMNS = 200
"""Columns with infinities that are looked into."""
RUN = 10
"""Rows that make a run worth telling."""


def zeros_under(
    table: Table, reading: Reading, infinite: Mapping[int, Hits], figures: Mapping[int, Figures]
) -> dict[int, list[int]]:
    """For columns with infinities: the columns that are 0 in all of these rows (a division by zero).

    infinite: the hits by position of the column.
    """
    rows = {i: hits.all for i, hits in list(infinite.items())[:MOST_COLUMNS] if hits.all is not None and hits.count}
    least = min((len(all_) for all_ in rows.values()), default=0)
    suspects = [j for j, f in figures.items() if f["zero"] and f["zero"] >= least and j not in rows]
    if not rows or not suspects:
        return {}
    alive = {(i, j) for i in rows for j in suspects if len(rows[i]) <= figures[j]["zero"]}
    share(table.engine, table.source)
    groups = table.source.column_groups(sorted({j for _, j in alive}))
    look = Refuting(reading, table.memory, rows, alive, groups)
    refuted: set[tuple[int, int]] = looked(table.engine, table.source, look, lambda split: None)
    alive -= refuted
    return {i: sorted(j for i_, j in alive if i_ == i) for i in rows if any(i_ == i for i_, _ in alive)}


@dataclass(frozen=True)
class Refuting:
    """The look for pairs of which some row shows that the second column is not 0 there."""

    reading: Reading
    memory: Memory
    rows: Mapping[int, np.ndarray]
    pairs: Set[tuple[int, int]]
    groups: Sequence[Sequence[int]]
    size: int = 0

    def fresh(self) -> set[tuple[int, int]]:
        return set()

    def merge(self, state: set[tuple[int, int]], other: set[tuple[int, int]]) -> None:
        state |= other

    def see(self, state: set[tuple[int, int]], piece: Split) -> None:
        groups = (columns_of(self.reading, self.memory, piece, group) for group in self.groups)
        for batch, columns in chain.from_iterable(groups):
            numbers = batch.numbers(np.arange(batch.rows))
            if not numbers.size:
                continue
            for i, all_ in self.rows.items():
                inside = all_[(all_ >= numbers[0]) & (all_ <= numbers[-1])]
                at = np.searchsorted(numbers, inside)
                for _, j in (pair for pair in self.pairs if pair[0] == i and pair[1] in columns):
                    if at.size and not _all_zero(columns[j], at):
                        state.add((i, j))


def _all_zero(column: Column, rows: np.ndarray) -> bool:
    if not isinstance(column, Numbers) or column.owner is not None:
        return False
    absent = column.absent is not None and bool(column.absent[rows].any())
    return not absent and not (column.values[rows] != 0).any()


def together(missing: Mapping[int, Hits], names: Sequence[str]) -> dict[int, list[str]]:
    """Columns that are missing in exactly the same rows, two rows at least: for each the names of the others."""
    groups: dict[bytes, list[int]] = {}
    for i, hits in list(missing.items())[:MOST_COLUMNS]:
        if hits.all is not None and hits.rows > 1:
            groups.setdefault(hits.all.tobytes(), []).append(i)
    return {i: [names[j] for j in group if j != i] for group in groups.values() if len(group) > 1 for i in group}


def run_of_rows(hits: Hits) -> tuple[int, int] | None:
    """The first and the last row (from 1), if the bad rows are one run of neighbours."""
    ranges = hits.ranges
    if ranges is None or len(ranges) != 1 or hits.rows < RUN:
        return None
    return ranges[0][0], ranges[0][1]

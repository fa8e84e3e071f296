"""The statistics of a table, column by column; profiles of pieces merge to the profile of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from nanclean.batch import Batch
from nanclean.column import Column
from nanclean.hits import Hits
from nanclean.lexical import Classes
from nanclean.statistics import Statistics


class Rows:
    """How many records are complete, and how many would be without one column."""

    def __init__(self) -> None:
        self.rows = 0
        """Records in the columns: ragged ones are not."""
        self.complete = 0
        self.alone: dict[int, int] = {}
        """By column: records in which it is the only one that is missing."""

    def add(self, columns: Mapping[int, Column], rows: int) -> None:
        """Take in all columns of a batch."""
        self.rows += rows
        missing = {i: c.missing_rows for i, c in columns.items() if c.missing_rows is not None}
        if not missing:
            self.complete += rows
            return
        count = np.zeros(rows, np.uint32)
        for mask in missing.values():
            count += mask
        self.complete += rows - int(np.count_nonzero(count))
        single = count == 1
        for i, mask in missing.items():
            self.alone[i] = self.alone.get(i, 0) + int(np.count_nonzero(mask & single))

    def merge(self, other: Rows) -> None:
        self.rows += other.rows
        self.complete += other.complete
        for i, count in other.alone.items():
            self.alone[i] = self.alone.get(i, 0) + count


@dataclass
class Profile:
    """What one look, or all looks so far, found out."""

    columns: dict[int, Statistics]
    """By position; those that are still being looked at."""
    hits: dict[int, Hits] = field(default_factory=dict)
    """By the number of the check."""
    classes: dict[int, Classes] = field(default_factory=dict)
    """Of columns of text."""
    rows: Rows = field(default_factory=Rows)

    def fresh(self) -> Self:
        """An empty one for another piece of the same look."""
        return type(self)(
            {i: statistics.fresh() for i, statistics in self.columns.items()},
            {number: Hits() for number in self.hits},
            {i: Classes() for i in self.classes},
        )

    def merge(self, other: Self) -> None:
        """Take in a piece of the same look."""
        for i, statistics in other.columns.items():
            self.columns[i].merge(statistics)
        for number, hits in other.hits.items():
            self.hits[number].merge(hits)
        for i, classes in other.classes.items():
            self.classes[i].merge(classes)
        self.rows.merge(other.rows)

    def again(self) -> Self | None:
        """For another look at the columns that ask for one, or None."""
        asking = {i: after for i, statistics in self.columns.items() if (after := statistics.again()) is not None}
        return type(self)(asking) if asking else None


def see(profile: Profile, batch: Batch, columns: Mapping[int, Column]) -> None:
    """Take the columns of a batch into the statistics."""
    for i, statistics in profile.columns.items():
        statistics.add(columns[i], batch)

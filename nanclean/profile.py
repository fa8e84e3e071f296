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
from nanclean.resources import MOST
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


class Lacking:
    """How many columns are missing in each record of a split whose columns come in groups."""

    def __init__(self) -> None:
        self.count = np.zeros(0, np.uint8)
        """Of each record, up to 2."""
        self.column = np.zeros(0, np.int32)
        """The one that is missing, where it is one."""
        self.at = 0

    def begin(self) -> None:
        """The next group begins at the first record."""
        self.at = 0

    def add(self, columns: Mapping[int, Column], rows: int) -> None:
        """Take in some columns of the next records."""
        if self.at + rows > self.count.size:  # the first group
            self.count = np.concatenate([self.count[: self.at], np.zeros(rows, np.uint8)])
            self.column = np.concatenate([self.column[: self.at], np.zeros(rows, np.int32)])
        count, column = self.count[self.at : self.at + rows], self.column[self.at : self.at + rows]
        for i, each in columns.items():
            if each.missing_rows is not None:
                column[each.missing_rows] = i
                count += each.missing_rows & (count < 2)
        self.at += rows

    def into(self, rows: Rows) -> None:
        """Count the records."""
        rows.rows += self.count.size
        rows.complete += int(np.count_nonzero(self.count == 0))
        single = np.bincount(self.column[self.count == 1])
        for i in np.flatnonzero(single).tolist():
            rows.alone[i] = rows.alone.get(i, 0) + int(single[i])


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

    @property
    def size(self) -> int:
        """About how many bytes it takes when it is full."""
        return sum(statistics.size for statistics in self.columns.values())

    def again(self, most: int = MOST) -> Self | None:
        """For another look at the columns that ask for one, or None. most: bytes that kept values may take."""
        asking = {i: after for i, statistics in self.columns.items() if (after := statistics.again(most)) is not None}
        return type(self)(asking) if asking else None

    def parted(self, most: int) -> tuple[Self, Self | None]:
        """The columns whose kept values fit, one at least, and the others."""
        now: dict[int, Statistics] = {}
        left = most
        for i, statistics in self.columns.items():
            if now and statistics.keeps > left:
                continue
            now[i] = statistics
            left -= statistics.keeps
        later = {i: statistics for i, statistics in self.columns.items() if i not in now}
        return type(self)(now), type(self)(later) if later else None


def joined(one: Profile | None, other: Profile | None) -> Profile | None:
    """The columns of both."""
    if one is None or other is None:
        return one or other
    return Profile(dict(sorted({**one.columns, **other.columns}.items())))


def see(profile: Profile, batch: Batch, columns: Mapping[int, Column]) -> None:
    """Take the columns of a batch into the statistics."""
    for i, column in columns.items():
        if i in profile.columns:
            profile.columns[i].add(column, batch)

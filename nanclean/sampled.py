"""A seeded sample of a source, as a source: some blocks of records, under the numbers that they have in the whole.

Each block is taken or left by a hash of its number, so that a sample depends on the seed and the data alone. Given how
many were taken, all sets of so many are equally likely: what the sample proves about the whole is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nanclean.batch import Batch
from nanclean.checksum import mixed
from nanclean.errors import UsageError
from nanclean.file import File
from nanclean.format import Facts, Learned, Source, Split
from nanclean.hits import Hits

CONFIDENCE = 0.99
ROUNDING = 1e-6
"""Of logarithms of chances: the bound must hold all the same."""
_STRETCH = 1 << 16
"""Blocks, or terms, that are counted at once."""


@dataclass(frozen=True)
class Choice:
    """Which blocks of `grain` records are taken."""

    share: float
    seed: int
    grain: int = 1

    def blocks(self, first: int, last: int) -> np.ndarray:
        """int64, ascending: the blocks that are taken, from one number to another, which is left out."""
        numbers = np.arange(first, last, dtype=np.int64)
        if self.share >= 1:
            return numbers
        hashes = mixed(numbers.view(np.uint64) ^ mixed(np.full(1, self.seed, np.uint64)))
        return numbers[hashes < np.uint64(int(self.share * 2.0**64))]

    def within(self, first: int, count: int) -> np.ndarray:
        """int64, ascending: which of `count` records from `first` on are taken, from 0."""
        blocks = self.blocks(first // self.grain, -(-(first + count) // self.grain))
        if self.grain == 1:
            return blocks - first
        records = (blocks[:, None] * self.grain + np.arange(self.grain)).reshape(-1) - first
        return records[(records >= 0) & (records < count)]

    def counted(self, records: int) -> tuple[int, int]:
        """How many blocks and records are taken of a table with so many records."""
        every = -(-records // self.grain)
        taken = last = 0
        for at in range(0, every, _STRETCH):
            found = self.blocks(at, min(at + _STRETCH, every))
            taken += found.size
            last += int(found.size and found[-1] == every - 1)
        return taken, taken * self.grain - last * (every * self.grain - records)


@dataclass(frozen=True)
class Sample:
    """What was taken of a table."""

    share: float
    seed: int
    blocks: int
    of_blocks: int
    rows: int
    of_rows: int
    at_most: float
    """Share of all rows: nothing that was not found in the sample is in more of them, with 99 % confidence."""


def bad_blocks(found: int, taken: int, every: int, confidence: float = CONFIDENCE) -> int:
    """At most how many of all blocks are bad, if `found` of those that were taken are; wrong once in a hundred times.

    The exact one-sided bound of the hypergeometric distribution: the largest number that makes so few bad blocks in the
    sample no rarer than 1 % (Clopper and Pearson 1934; Konijn 1973 for finite populations).
    """
    if taken >= every:
        return found
    low, high = found, every - (taken - found)
    while low < high:  # the chance falls with the number of bad ones
        middle = (low + high + 1) // 2
        if _log_chance(found, taken, middle, every) >= math.log1p(-confidence) - ROUNDING:
            low = middle
        else:
            high = middle - 1
    return low


def _log_chance(found: int, taken: int, bad: int, every: int) -> float:
    """Logarithm of the chance of at most `found` bad ones among `taken` of `every`, of which `bad` are."""
    first = max(0, taken - (every - bad))
    if found < first:
        return -math.inf
    if found * every >= taken * bad:  # at least as many as are expected: it is about one half, or more
        return math.log(0.5)
    whole = last = 1.0  # of the terms of the sum, which fall, by the largest
    for k in range(found, first, -_STRETCH):
        ks = np.arange(k, max(first, k - _STRETCH), -1, dtype=np.float64)
        steps = np.log(ks) + np.log(every - bad - taken + ks) - np.log(bad - ks + 1) - np.log(taken - ks + 1)
        terms = last * np.exp(np.cumsum(steps))
        whole, last = whole + float(terms.sum()), float(terms[-1])
        if last < whole * 1e-18:
            break
    largest = _log_choose(bad, found) + _log_choose(every - bad, taken - found) - _log_choose(every, taken)
    return largest + math.log(whole)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


class Sampled(Source):
    """A sample of another source. Figures are those of the sample; records keep their numbers."""

    def __init__(self, source: Source, share: float, seed: int) -> None:
        self.source = source
        self.choice = Choice(share, seed, source.grain(share))
        self.path, self.size, self.fields = source.path, source.size, source.fields
        self.quick = source.quick
        self.format, self.lexical = source.format, source.lexical  # type: ignore[misc] # of each
        self._counted = (-1, 0, 0)

    @property
    def room(self) -> int:
        return self.source.room

    @room.setter
    def room(self, room: int) -> None:
        self.source.room = room

    @property
    def largest(self) -> int:
        return self.source.largest

    @largest.setter
    def largest(self, largest: int) -> None:
        self.source.largest = largest

    def uncut(self) -> list[int]:
        return self.source.uncut()

    def cuts(self, number: int) -> Any:
        return self.source.cuts(number)

    def adopt(self, number: int, cuts: Any) -> None:
        self.source.adopt(number, cuts)

    @property
    def file(self) -> File | None:  # type: ignore[override]
        return self.source.file

    @property
    def stored(self) -> int | None:
        return self.source.stored

    @property
    def reach(self) -> int:
        return self.source.reach

    @property
    def taken(self) -> Sample:
        """What was taken. Complete once every split has been read."""
        rows = self.source.facts.rows
        if self._counted[0] != rows:
            self._counted = rows, *self.choice.counted(rows)
        _, blocks, records = self._counted
        every = -(-rows // self.choice.grain)
        return Sample(
            self.choice.share,
            self.choice.seed,
            blocks,
            every,
            records,
            rows,
            self.at_most(bad_blocks(0, blocks, every)),
        )

    def at_most(self, blocks: int) -> float:
        """The share of all rows that so many blocks hold."""
        rows = self.source.facts.rows
        return min(blocks * self.choice.grain / rows, 1.0) if rows else 0.0

    def bound(self, hits: Hits) -> float:
        """At most what share of all rows is bad, with 99 % confidence, if these are bad in the sample.

        Rows of one block are seldom bad by themselves, so blocks are counted; each may be bad from end to end.
        """
        taken = self.taken
        rows = hits.all
        found = hits.rows if rows is None else len(set((rows // self.choice.grain).tolist()))
        most = bad_blocks(min(found, taken.blocks), taken.blocks, taken.of_blocks)
        if taken.blocks == taken.of_blocks:
            return hits.rows / max(taken.rows, 1)
        return self.at_most(most)

    @property
    def facts(self) -> Facts:
        facts = self.source.facts
        chosen = [place for place, (record, _, _) in enumerate(facts.ragged_rows) if self._takes(record)]
        return replace(
            facts,
            rows=self.taken.rows,
            ragged=facts.ragged,  # only the records that were taken are counted
            ragged_rows=[facts.ragged_rows[place] for place in chosen],
            ragged_files=[facts.ragged_files[place] for place in chosen] if facts.ragged_files else [],
        )

    def _takes(self, record: int) -> bool:
        return bool(self.choice.within(record, 1).size)

    def demand(self) -> None:
        """UsageError if nothing was taken of a table that has rows."""
        taken = self.taken
        if taken.of_rows and not taken.rows:
            raise UsageError(
                f"{self.path}: a sample of {100 * self.choice.share:g}% holds none of {taken.of_rows:,} rows",
                hint="leave --sample out: a table this small is read in no time",
            )

    def sample(self) -> Batch | None:
        return self.source.sample()

    def nothing(self) -> Batch:
        return self.source.nothing()

    def check(self) -> None:
        self.source.check()

    def column_groups(self, columns: Sequence[int]) -> list[list[int]]:
        return self.source.column_groups(columns)

    def splits(self) -> Iterator[Split]:
        for split in self.source.splits():
            yield SampledSplit(split, split.index, self.choice)

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return self.source.where(rows, column, cells)

    def lines(self, rows: Sequence[int]) -> list[int] | None:
        return self.source.lines(rows)

    def on_lines(self, rows: Sequence[int], lines: Sequence[int]) -> list[str]:
        return self.source.on_lines(rows, lines)

    def between(self, first: int, last: int) -> str:
        return self.source.between(first, last)

    def files(self) -> list[dict[str, Any]]:
        return self.source.files()

    def records(self, batch: Batch) -> list[str]:
        return self.source.records(batch)

    def details(self) -> dict[str, Any]:
        return self.source.details()

    def learn(self, learned: Learned) -> None:
        self.source.learn(learned)

    def close(self) -> None:
        self.source.close()


@dataclass(frozen=True)
class SampledSplit(Split):
    """The records of a split that are taken."""

    split: Split
    index: int
    choice: Choice

    @property
    def share(self) -> float:
        return self.split.share

    def learned(self) -> Learned:
        return self.split.learned()

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        if self.choice.share >= 1:
            yield from self.split.batches(columns)
        else:
            yield from self.split.chosen(self.choice, columns)

"""The whole flow of measuring: look at every split, merge, look again where somebody asks, then find the places."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from nanclean.batch import Batch
from nanclean.column import Column, Mask, Numbers
from nanclean.engine import Engine
from nanclean.format import Source, Split
from nanclean.hits import Hits
from nanclean.lexical import Classes
from nanclean.profile import Profile, see
from nanclean.reading import Demand, Reading
from nanclean.tokens import Words


class Progress(Protocol):
    """Told how far a file has been read."""

    def __call__(self, done: int, total: int, look: int = 1, looks: int = 1) -> None:
        """`done` of `total` bytes, of one look of about so many."""


class Finder(Protocol):
    """What a check needs to be for its cells to be found: a fitted detector, and its column."""

    def touches(self, column: Column) -> bool: ...
    def mask(self, column: Column) -> Mask: ...
    def rows(self, column: Column) -> Mask | None: ...


@dataclass
class Memory:
    """Decoded columns of the splits, kept for the next look while they fit."""

    limit: int
    used: int = 0
    splits: dict[int, list[tuple[Batch, dict[int, Column]]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def offer(self, split: Split, seen: list[tuple[Batch, dict[int, Column]]]) -> None:
        """Keep the numeric columns of a split if there is room for all of them."""
        if not self.limit:
            return
        size = sum(_size(column) for _, columns in seen for column in columns.values())
        with self.lock:
            if self.used + size <= self.limit:
                self.used += size
                self.splits[split.index] = seen


@dataclass
class Table:
    """A source as it is being measured: what was read so far, and how."""

    source: Source
    engine: Engine
    memory: Memory
    words: Sequence[Words]
    chosen: Sequence[int]
    """The positions of the columns that are looked at."""
    types: Mapping[int, str] = field(default_factory=dict)
    """Types that the policy demands, of columns of text."""
    progress: Progress | None = None
    passes: int = 0
    look: int = 0
    looks: int = 1
    """How many there are and, as far as is known before, will be."""

    def measured(
        self,
        early: Callable[[Reading], Mapping[int, tuple[int, Finder]]],
        demands: Callable[[Reading], Mapping[int, Demand]],
    ) -> tuple[Reading, Profile]:
        """The reading and the profile of all columns.

        early: for a reading, the finders that need no figures, by the number of their check, with their columns.
        demands: what is to be measured of each column; of those that are not named everything.
        """
        sample = self.source.sample()
        reading = Reading.guessed(self.source, sample, self.words, self.types)
        while True:
            profile = Profile(reading.statistics(self.source, sample, self.chosen, demands(reading)))
            self.looks = 1 + any(each.asks for each in profile.columns.values())
            finders = early(reading)
            profile.hits = {number: Hits() for number in finders}
            profile.classes = {i: Classes() for i in profile.columns} if reading.lexical else {}
            self.memory.splits.clear()
            self.memory.used = 0
            self._look(partial(first_look, profile, reading, finders, self.memory, list(self.chosen)), profile)
            misfits = [i for i, statistics in profile.columns.items() if statistics.misfit]
            settled = reading.settled(profile.classes, misfits)
            if settled == reading:
                break
            reading = settled  # the sample had misled: read again, knowing better
        whole = profile
        look = profile.again()
        while look is not None:
            whole.columns.update(look.columns)
            self.again(look, reading)
            look = look.again()
        return reading, whole

    def again(self, look: Profile, reading: Reading) -> None:
        """One more look, for what the statistics of a profile still ask for."""
        self._look(partial(next_look, look, reading, self.memory), look)

    def located(self, reading: Reading, finders: Mapping[int, tuple[int, Finder]]) -> dict[int, Hits]:
        """The cells that fitted finders find, by the number of their check."""
        if not finders:
            return {}
        profile = Profile({}, {number: Hits() for number in finders})
        self._look(partial(finding_look, reading, finders, self.memory), profile)
        return profile.hits

    def _look(self, work: Callable[[Split], Profile], into: Profile) -> None:
        read = False
        self.look += 1
        self._tell(0.0)
        for piece, split in self.engine.map(lambda split: (work(split), split), self.source.splits()):
            into.merge(piece)
            read |= split.index not in self.memory.splits or bool(into.rows.rows)
            self._tell(split.share)
        self.passes += read

    def _tell(self, share: float) -> None:
        if self.progress is not None and self.source.size:
            size = self.source.size
            self.progress(int(size * share), size, self.look, max(self.looks, self.look))


def first_look(
    profile: Profile,
    reading: Reading,
    finders: Mapping[int, tuple[int, Finder]],
    memory: Memory,
    chosen: list[int],
    split: Split,
) -> Profile:
    """All columns of one split."""
    piece = profile.fresh()
    seen: list[tuple[Batch, dict[int, Column]]] = []
    for batch in split.batches(chosen):
        columns = {}
        for i, raw in zip(chosen, batch.columns, strict=True):
            columns[i], classes = reading.column(i, raw)
            if classes is not None:
                piece.classes[i].merge(classes)
        see(piece, batch, columns)
        piece.rows.add(columns, batch.rows)
        find(piece.hits, finders, batch, columns)
        if memory.limit:
            seen.append((_without_cells(batch), {i: _slim(c) for i, c in columns.items() if isinstance(c, Numbers)}))
    memory.offer(split, seen)
    return piece


def next_look(profile: Profile, reading: Reading, memory: Memory, split: Split) -> Profile:
    """The columns of one split that ask for another look."""
    piece = profile.fresh()
    for batch, columns in columns_of(reading, memory, split, sorted(profile.columns)):
        see(piece, batch, columns)
        for column in columns.values():
            if isinstance(column, Numbers):
                _slim(column)
    return piece


def finding_look(reading: Reading, finders: Mapping[int, tuple[int, Finder]], memory: Memory, split: Split) -> Profile:
    """The columns of one split in which something is to be found."""
    piece = Profile({}, {number: Hits() for number in finders})
    wanted = sorted({i for i, _ in finders.values()})
    for batch, columns in columns_of(reading, memory, split, wanted):
        for column in columns.values():
            if isinstance(column, Numbers):
                column.text = None  # as it is in memory: what is shown must not depend on it
        find(piece.hits, finders, batch, columns)
    return piece


def find(
    hits: Mapping[int, Hits], finders: Mapping[int, tuple[int, Finder]], batch: Batch, columns: Mapping[int, Column]
) -> None:
    """Note the cells of a batch that the finders find."""
    for number, (i, finder) in finders.items():
        column = columns[i]
        if finder.touches(column):
            bad = finder.mask(column)
            if bad.any():
                hits[number].add(column, bad, batch)
            rows = finder.rows(column)
            if rows is not None:
                hits[number].add_rows(rows, batch)


def columns_of(
    reading: Reading, memory: Memory, split: Split, wanted: list[int]
) -> Iterator[tuple[Batch, Mapping[int, Column]]]:
    """Some columns of a split, from memory or read again."""
    kept = memory.splits.get(split.index)
    if kept is not None and all(i in columns for _, columns in kept for i in wanted):
        yield from kept
        return
    for batch in split.batches(wanted):
        yield batch, {i: reading.column(i, raw)[0] for i, raw in zip(wanted, batch.columns, strict=True)}


def _without_cells(batch: Batch) -> Batch:
    return Batch(batch.start, batch.rows, (), batch.ragged)


def _slim(column: Numbers) -> Numbers:
    """Without what only the first look needs, and what is quicker made again than kept: fresh memory is dear."""
    for name in ("present", "missing", "missing_rows", "nan", "pos_inf", "neg_inf"):
        column.__dict__.pop(name, None)
    if column.__dict__.get("finite") is not column.values:
        column.__dict__.pop("finite", None)
    column.text = None
    return column


def _size(column: Column) -> int:
    assert isinstance(column, Numbers)
    return sum(array.nbytes for array in (column.values, column.absent, column.unparsable) if array is not None)

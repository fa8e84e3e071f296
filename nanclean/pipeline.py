"""The whole flow of measuring: look at every split, merge, look again where somebody asks, then find the places."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from nanclean.batch import Batch
from nanclean.column import Column, Mask, Numbers
from nanclean.engine import Engine, Look, State, share
from nanclean.format import Learned, Source, Split
from nanclean.hits import Hits
from nanclean.lexical import Classes
from nanclean.profile import Lacking, Profile, joined, see
from nanclean.reading import Demand, Reading
from nanclean.resources import MOST
from nanclean.tokens import Words

TRAVELLING = 1 << 20
"""Bytes that kept values of a column may take where they are sent; bins are divided once more instead."""
T = TypeVar("T")


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
    sample: Batch | None = None
    """Of all columns, if it is small: whoever plans a further look need not read it again."""
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

    def forget(self) -> None:
        """Let go of everything."""
        self.splits.clear()
        self.used = 0

    def __reduce__(self) -> tuple[type[Memory], tuple[int]]:
        return Memory, (0,)  # what is kept here is not at hand elsewhere


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
    limit: int = MOST
    """Bytes that all of it may take."""
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
        share(self.engine, self.source)
        sample = self.source.sample()
        if sample is not None and sum(getattr(raw, "nbytes", MOST) for raw in sample.columns) <= self.limit // 64:
            self.memory.sample = Batch(sample.start, sample.rows, sample.columns)  # (views are asked for once)
        reading = Reading.guessed(self.source, sample, self.words, self.types)
        while True:
            statistics = reading.statistics(self.source, sample, self.chosen, demands(reading), self.most)
            finders = early(reading)
            template = Profile(statistics, {number: Hits() for number in finders})
            template.classes = {i: Classes() for i in statistics} if reading.lexical else {}
            self.looks = 1 + any(each.asks for each in statistics.values())
            self.memory.forget()
            share(self.engine, self.source, template.size)
            groups = self.source.column_groups(self.chosen)
            whole = self._look(FirstLook(template, reading, finders, self.memory, groups))
            misfits = [i for i, each in whole.columns.items() if each.misfit]
            settled = reading.settled(whole.classes, misfits)
            if settled == reading:
                break
            reading = settled  # the sample had misled: read again, knowing better
        waiting = whole.again(self.each)
        while waiting is not None:
            look, waiting = waiting.parted(self.most)
            look = self.again(look, reading)
            whole.columns.update(look.columns)
            waiting = joined(waiting, look.again(self.each))
        return reading, whole

    @property
    def most(self) -> int:
        """Bytes that values may take which are kept to be sorted, and that bins may take."""
        return self.limit // (8 if self.memory.limit else 4)

    @property
    def each(self) -> int:
        """The same, of one column."""
        return min(self.most, TRAVELLING) if self.engine.apart else self.most

    def again(self, look: Profile, reading: Reading) -> Profile:
        """What one more look gives, for what the statistics of a profile still ask for."""
        share(self.engine, self.source, look.size)
        found = self._look(NextLook(look, reading, self.memory, self.source.column_groups(sorted(look.columns))))
        look.merge(found)
        return look

    def located(self, reading: Reading, finders: Mapping[int, tuple[int, Finder]]) -> dict[int, Hits]:
        """The cells that fitted finders find, by the number of their check."""
        if not finders:
            return {}
        share(self.engine, self.source)
        groups = self.source.column_groups(sorted({i for i, _ in finders.values()}))
        return self._look(FindingLook(reading, finders, self.memory, groups)).hits

    def streamed(
        self, work: Callable[[Split], Iterable[tuple[Split, T]]], splits: Iterable[Split], size: Callable[[T], int]
    ) -> Iterator[tuple[T, Split]]:
        """One more look, of which every piece of every split is wanted, in their order."""
        read = False
        self.look += 1
        self._tell(0.0)
        share(self.engine, self.source)
        for split, piece in self.engine.stream(work, splits, lambda found: size(found[1])):
            read = True
            self._tell(split.share)
            yield piece, split
        self.passes += read

    def _look(self, look: Look[Split, Profile]) -> Profile:
        read, share = False, 0.0
        self.look += 1
        self._tell(0.0)

        def seen(split: Split) -> None:
            nonlocal read, share
            read |= split.index not in self.memory.splits or isinstance(look, FirstLook)
            share = max(share, split.share)
            self._tell(share)

        found = looked(self.engine, self.source, look, seen)
        self.passes += read
        return found

    def _tell(self, share: float) -> None:
        if self.progress is not None and self.source.size:
            size = self.source.size
            self.progress(int(size * share), size, self.look, max(self.looks, self.look))


def looked(engine: Engine, source: Source, look: Look[Split, State], seen: Callable[[Split], None]) -> State:
    """What a look makes of all splits of a source, which is told what their readers have found out elsewhere."""
    if not engine.apart:
        return engine.fold(look, source.splits(), seen)
    uncut = source.uncut()
    if uncut:  # to find records is to read a file from end to end
        for number, cuts in zip(uncut, engine.map(source.cuts, uncut), strict=True):
            source.adopt(number, cuts)
    state, learned = engine.fold(Apart(look), source.splits(), seen)
    source.learn(learned)
    return state


@dataclass(frozen=True)
class Apart(Generic[State]):
    """A look in other processes, and what their readers have found out besides."""

    look: Look[Split, State]

    @property
    def size(self) -> int:
        return self.look.size

    def fresh(self) -> tuple[State, Learned]:
        return self.look.fresh(), Learned()

    def merge(self, state: tuple[State, Learned], other: tuple[State, Learned]) -> None:
        self.look.merge(state[0], other[0])
        state[1].merge(other[1])

    def see(self, state: tuple[State, Learned], piece: Split) -> None:
        self.look.see(state[0], piece)
        state[1].merge(piece.learned())


@dataclass(frozen=True)
class _Measuring:
    """What looks have in common that fill accumulators."""

    template: Profile
    reading: Reading

    @property
    def size(self) -> int:
        return self.template.size

    def fresh(self) -> Profile:
        return self.template.fresh()

    def merge(self, state: Profile, other: Profile) -> None:
        state.merge(other)


@dataclass(frozen=True)
class FirstLook(_Measuring):
    """At all columns: what is there to be counted, and what can be found without knowing any figure."""

    finders: Mapping[int, tuple[int, Finder]]
    memory: Memory
    groups: Sequence[Sequence[int]]
    """The columns that are looked at, and which of them at once."""

    def see(self, state: Profile, piece: Split) -> None:
        keep = self.memory.limit and len(self.groups) == 1
        seen: list[tuple[Batch, dict[int, Column]]] = []
        lacking = Lacking()
        for group in self.groups:
            finders = _of(self.finders, group)
            for batch in piece.batches(group):
                columns = {}
                for i, raw in zip(group, batch.columns, strict=True):
                    columns[i], classes = self.reading.column(i, raw)
                    if classes is not None:
                        state.classes[i].merge(classes)
                see(state, batch, columns)
                find(state.hits, finders, batch, columns)
                if len(self.groups) == 1:
                    state.rows.add(columns, batch.rows)
                else:
                    lacking.add(columns, batch.rows)
                if keep:
                    slim: dict[int, Column] = {i: _slim(c) for i, c in columns.items() if isinstance(c, Numbers)}
                    seen.append((_without_cells(batch), slim))
            lacking.begin()
        lacking.into(state.rows)
        if keep:
            self.memory.offer(piece, seen)


@dataclass(frozen=True)
class NextLook(_Measuring):
    """At the columns that ask for another one."""

    memory: Memory
    groups: Sequence[Sequence[int]]

    def see(self, state: Profile, piece: Split) -> None:
        for group in self.groups:
            for batch, columns in columns_of(self.reading, self.memory, piece, group):
                see(state, batch, {i: columns[i] for i in group})
                for column in columns.values():
                    if isinstance(column, Numbers):
                        _slim(column)


@dataclass(frozen=True)
class FindingLook:
    """At the columns in which something is to be found."""

    reading: Reading
    finders: Mapping[int, tuple[int, Finder]]
    memory: Memory
    groups: Sequence[Sequence[int]]
    size: int = 0

    def fresh(self) -> Profile:
        return Profile({}, {number: Hits() for number in self.finders})

    def merge(self, state: Profile, other: Profile) -> None:
        state.merge(other)

    def see(self, state: Profile, piece: Split) -> None:
        for group in self.groups:
            finders = _of(self.finders, group)
            for batch, columns in columns_of(self.reading, self.memory, piece, group):
                for column in columns.values():
                    if isinstance(column, Numbers):
                        column.text = None  # as it is in memory: what is shown must not depend on it
                find(state.hits, finders, batch, columns)


def _of(finders: Mapping[int, tuple[int, Finder]], columns: Sequence[int]) -> dict[int, tuple[int, Finder]]:
    """Those of some columns."""
    within = set(columns)
    return {number: finder for number, finder in finders.items() if finder[0] in within}


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
    reading: Reading, memory: Memory, split: Split, wanted: Sequence[int]
) -> Iterator[tuple[Batch, Mapping[int, Column]]]:
    """Some columns of a split, from memory or read again."""
    kept = memory.splits.get(split.index)
    if kept is not None and all(i in columns for _, columns in kept for i in wanted):
        yield from kept
        return
    for batch in split.batches(wanted):
        yield batch, {i: reading.column(i, raw)[0] for i, raw in zip(wanted, batch.columns, strict=True)}


def _without_cells(batch: Batch) -> Batch:
    return Batch(batch.start, batch.rows, (), batch.ragged, places=batch.places)


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

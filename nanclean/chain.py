"""Blocks from a source, for looks at the data as some rules leave it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa

from nanclean.batch import Batch, Raw
from nanclean.block import Block, Held
from nanclean.column import Column, Numbers, Values
from nanclean.engine import Engine
from nanclean.engines.local import Local
from nanclean.format import Source, Split
from nanclean.pipeline import Memory, columns_of
from nanclean.reading import Reading
from nanclean.steps import Key, Step

T = TypeVar("T")
Carries = dict[Key, dict[str, Any]]


@dataclass
class Chain:
    """A source whose types are settled, cut into blocks."""

    source: Source
    reading: Reading
    engine: Engine
    memory: Memory
    names: Sequence[str]
    ordered: bool = False
    """A rule needs the rows above: then splits are worked on one after the other."""
    passes: int = 0
    """Physical reads so far."""
    progress: Callable[[int, int], None] | None = None

    @property
    def rows(self) -> int:
        return self.source.facts.rows

    @property
    def width(self) -> int:
        return len(self.names)

    def columns(self) -> list[Column]:
        """All columns, without rows."""
        return [self.reading.column(i, raw)[0] for i, raw in enumerate(self.source.nothing().columns)]

    def sample(self, wanted: Collection[str]) -> Block | None:
        """Some rows of some columns; None of an empty table."""
        batch = self.source.sample()
        if batch is None:
            return None
        rows = batch.rows
        columns = {
            name: Held(self.reading.column(i, batch.columns[i])[0], i)
            for i, name in enumerate(self.names) if name in wanted
        }  # fmt: skip
        return Block(Batch(0, rows, ()), columns)

    def look(
        self, work: Callable[[Iterable[Block], Carries], T], wanted: Collection[str], into: T,
        merge: Callable[[T, T], None],
    ) -> T:  # fmt: skip
        """Merge what `work` makes of the blocks of each split, with some columns, into something."""
        positions = [i for i, name in enumerate(self.names) if name in wanted]
        for piece, _ in self.over(lambda split, carries: work(self._blocks(split, positions), carries)):
            merge(into, piece)
        return into

    def over(self, work: Callable[[Split, Carries], T]) -> Iterator[tuple[T, Split]]:
        """What some work makes of each split, in their order."""
        engine, carries = (Local(1), Carries()) if self.ordered else (self.engine, None)
        size, read = self.source.size, False

        def one(split: Split) -> tuple[T, Split]:
            return work(split, Carries() if carries is None else carries), split

        for piece, split in engine.map(one, self.source.splits()):
            read |= split.index not in self.memory.splits
            if self.progress is not None and size:
                self.progress(int(size * split.share), size)
            yield piece, split
        self.passes += read

    def _blocks(self, split: Split, positions: list[int]) -> Iterator[Block]:
        for batch, kept in columns_of(self.reading, self.memory, split, positions):
            columns = {i: kept[i] for i in positions}  # in memory there may be more
            for column in columns.values():
                if isinstance(column, Numbers):
                    column.text = None  # as it is in memory: nothing must depend on it
            yield Block(_bare(batch), self._held(columns))

    def _held(self, columns: Mapping[int, Column]) -> dict[str, Held]:
        return {self.names[i]: Held(column, i) for i, column in columns.items()}

    def seen(self, split: Split, wanted: Collection[str], steps: Sequence[Step]) -> Iterator[Block]:
        """The rows of a split with some columns, and those that the steps for them read. They are not to be written."""
        read = {*wanted, *(name for step in steps for name in step.reads)}
        yield from self._blocks(split, [i for i, name in enumerate(self.names) if name in read])

    def blocks(self, split: Split, wanted: Collection[str]) -> Iterator[Block]:
        """All rows and columns of a split as they were read; only some columns are looked into."""
        kept = self.memory.splits.get(split.index)
        for number, batch in enumerate(split.batches()):
            known = {} if kept is None else kept[number][1]
            columns = {
                name: Held(self._view(i, raw, batch.rows, known.get(i), name in wanted), i)
                for i, (name, raw) in enumerate(zip(self.names, batch.columns, strict=True))
            }
            yield Block(batch, columns)

    def _view(self, i: int, raw: Raw, rows: int, known: Column | None, wanted: bool) -> Column:
        if not wanted:
            return Values(type=self.reading.types[i], rows=rows, cells=rows)  # nobody looks into it
        if known is None:
            return self.reading.column(i, raw)[0]
        if isinstance(known, Numbers) and isinstance(raw, pa.Array):
            known.text = raw
        return known


def _bare(batch: Batch) -> Batch:
    return Batch(batch.start, batch.rows, (), batch.ragged)

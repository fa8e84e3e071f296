"""Blocks from a source, for looks at the data as some rules leave it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from nanclean.batch import Batch, Raw
from nanclean.block import Block, Held
from nanclean.column import Column, Numbers, Values
from nanclean.engine import Engine, State, share
from nanclean.format import Source, Split
from nanclean.pipeline import Memory, columns_of, looked
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

    def __post_init__(self) -> None:
        self.reader = Reader(self.reading, self.memory, self.names)

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
        batch = self.memory.sample or self.source.sample()
        if batch is None:
            return None
        rows = batch.rows
        columns = {
            name: Held(self.reading.column(i, batch.columns[i])[0], i)
            for i, name in enumerate(self.names) if name in wanted
        }  # fmt: skip
        return Block(Batch(0, rows, ()), columns)

    def look(self, work: BlockLook[State], wanted: Collection[str]) -> State:
        """What a look makes of the blocks of all splits, with some columns."""
        positions = [i for i, name in enumerate(self.names) if name in wanted]
        carries = Carries() if self.ordered else None
        look = _SplitLook(work, self.reader, positions, carries)
        engine = self.engine.alone() if self.ordered else self.engine
        share(engine, self.source, look.size)
        return looked(engine, self.source, look, self._seen())

    def over(self, work: Callable[[Split, Carries], Iterable[T]], size: Callable[[T], int]) -> Generator[T, None, None]:
        """What some work makes of each split, piece by piece and in their order. size: bytes of a piece.

        To be closed by who does not take all of it: workers go on as long as somebody may.
        """
        carries = Carries() if self.ordered else None
        engine = self.engine.alone() if self.ordered else self.engine
        share(engine, self.source, writing=True)
        seen = self._seen(kept=False)

        def one(split: Split) -> Iterator[T | Split]:
            yield from work(split, Carries() if carries is None else carries)
            yield split

        def bytes_of(piece: T | Split) -> int:
            return 0 if isinstance(piece, Split) else size(piece)

        with closing(engine.stream(one, self.source.splits(), bytes_of)) as found:
            for piece in found:
                if isinstance(piece, Split):
                    seen(piece)
                else:
                    yield piece

    def _seen(self, *, kept: bool = True) -> Callable[[Split], None]:
        """Counts a look that reads, and tells how far it is. kept: what is in memory is not read again."""
        counted, share = False, 0.0

        def seen(split: Split) -> None:
            nonlocal counted, share
            if not counted and not (kept and split.index in self.memory.splits):
                self.passes += 1
                counted = True
            share = max(share, split.share)
            if self.progress is not None and self.source.size:
                self.progress(int(self.source.size * share), self.source.size)

        return seen

    def blocks(self, split: Split, wanted: Collection[str]) -> Iterator[Block]:
        """All rows and columns of a split as they were read; only some columns are looked into."""
        yield from self.reader.whole(split, wanted)


@dataclass(frozen=True)
class Reader:
    """From splits to blocks."""

    reading: Reading
    memory: Memory
    names: Sequence[str]

    def some(self, split: Split, positions: Sequence[int]) -> Iterator[Block]:
        """The rows with some columns. They are not to be written."""
        for batch, kept in columns_of(self.reading, self.memory, split, positions):
            columns = {i: kept[i] for i in positions}  # in memory there may be more
            for column in columns.values():
                if isinstance(column, Numbers):
                    column.text = None  # as it is in memory: nothing must depend on it
            yield Block(_bare(batch), {self.names[i]: Held(column, i) for i, column in columns.items()})

    def seen(self, split: Split, wanted: Collection[str], steps: Sequence[Step]) -> Iterator[Block]:
        """The rows with some columns, and those that the steps for them read. They are not to be written."""
        read = {*wanted, *(name for step in steps for name in step.reads)}
        yield from self.some(split, [i for i, name in enumerate(self.names) if name in read])

    def read(self, split: Split, positions: Sequence[int]) -> Iterator[Block]:
        """The rows with some columns, the cells as they were read beside them."""
        for batch in split.batches(positions):
            columns = {}
            for place, (i, raw) in enumerate(zip(positions, batch.columns, strict=True)):
                columns[self.names[i]] = Held(self.reading.column(i, raw)[0], place)
            yield Block(batch, columns)

    def whole(self, split: Split, wanted: Collection[str]) -> Iterator[Block]:
        """All rows and columns as they were read; only some columns are looked into."""
        # With less memory the blocks are smaller than those that were kept.
        kept = {(b.start, b.rows): columns for b, columns in self.memory.splits.get(split.index, ())}
        for batch in split.batches():
            known = kept.get((batch.start, batch.rows), {})
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


class BlockLook(Protocol[State]):
    """A look at blocks."""

    @property
    def size(self) -> int: ...
    def fresh(self) -> State: ...
    def merge(self, state: State, other: State) -> None: ...
    def see(self, state: State, blocks: Iterable[Block], carries: Carries) -> None:
        """Take the blocks of a split into a state. carries: what rules remember of the rows above."""
        ...


@dataclass(frozen=True)
class _SplitLook(Generic[State]):
    """The same, at splits."""

    work: BlockLook[State]
    reader: Reader
    positions: Sequence[int]
    carries: Carries | None

    @property
    def size(self) -> int:
        return self.work.size

    def fresh(self) -> State:
        return self.work.fresh()

    def merge(self, state: State, other: State) -> None:
        self.work.merge(state, other)

    def see(self, state: State, piece: Split) -> None:
        carries = Carries() if self.carries is None else self.carries
        self.work.see(state, self.reader.some(piece, self.positions), carries)


def _bare(batch: Batch) -> Batch:
    return Batch(batch.start, batch.rows, (), batch.ragged, places=batch.places)

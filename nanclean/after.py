"""What rules make of a source, as a source: it can be scanned like any other, written or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from nanclean.batch import Batch
from nanclean.block import Block
from nanclean.chain import Carries, Chain, Reader
from nanclean.column import Column, Numbers
from nanclean.format import Facts, Field, Source, Split
from nanclean.steps import Step, run


class After(Source):
    """A source with a recipe applied to it. Its columns are views, and its rows are numbered as in the output."""

    quick = False

    def __init__(
        self, chain: Chain, steps: Sequence[Step], columns: Mapping[str, Column], rows: int, starts: Mapping[int, int],
        wanted: frozenset[str],
    ) -> None:  # fmt: skip
        self.chain, self.steps, self.starts, self.wanted = chain, steps, starts, wanted
        self.path, self.size = chain.source.path, chain.source.size
        self.names = [name for name in columns if name in wanted]
        self.format = chain.source.format  # type: ignore[misc] # of each
        self.fields = tuple(Field(name, columns[name].type, _bits(columns[name])) for name in self.names)
        self.empty = [columns[name] for name in self.names]
        self.rows = rows
        self.carries = Carries()

    @property
    def room(self) -> int:
        return self.chain.source.room

    @room.setter
    def room(self, room: int) -> None:
        self.chain.source.room = room // 3  # the rules need some of it

    @property
    def largest(self) -> int:
        return self.chain.source.largest

    @largest.setter
    def largest(self, largest: int) -> None:
        self.chain.source.largest = largest

    @property
    def facts(self) -> Facts:
        return Facts(rows=self.rows)

    def nothing(self) -> Batch:
        return Batch(0, 0, cast(Any, self.empty))

    def sample(self) -> Batch | None:
        block = self.chain.sample(self.wanted.union(*(step.reads for step in self.steps)))
        if block is None or not self.rows:
            return None
        after, _ = run(self.steps, block, Carries(), prove=False)
        if not after.rows:
            return None
        return Batch(0, after.rows, cast(Any, [after.columns[name].view for name in self.names]))

    def splits(self) -> Iterator[Split]:
        self.carries = Carries()
        rules = Rules(self.chain.reader, self.steps, self.wanted, self.names)
        carries = self.carries if self.chain.ordered else None
        for split in self.chain.source.splits():
            yield AfterSplit(split, split.index, rules, self.starts[split.index], carries)

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return [f"row {row + 1}" for row in rows]


@dataclass(frozen=True)
class Rules:
    """What makes rows of the output of rows of the source."""

    reader: Reader
    steps: Sequence[Step]
    wanted: frozenset[str]
    names: Sequence[str]
    """Of the columns that are looked at."""


@dataclass(frozen=True)
class AfterSplit(Split):
    """A split of the source, with the recipe applied."""

    split: Split
    index: int
    rules: Rules
    start: int
    """The row of the output that its first one becomes."""
    carries: Carries | None
    """What rules remember of the rows above, where they need them."""

    @property
    def share(self) -> float:
        return self.split.share

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        rules, start = self.rules, self.start
        names = rules.names if columns is None else [rules.names[i] for i in columns]
        carries = Carries() if self.carries is None else self.carries
        for block in rules.reader.seen(self.split, rules.wanted, rules.steps):
            after, _ = run(rules.steps, block, carries, prove=False)
            if after.rows:
                yield Batch(start, after.rows, cast(Any, [_view(after, name) for name in names]))
            start += after.rows


def _view(block: Block, name: str) -> Column:
    return block.columns[name].view


def _bits(column: Column) -> int | None:
    return column.values.dtype.itemsize * 8 if isinstance(column, Numbers) else None

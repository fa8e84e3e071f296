"""The rows of a table as they were read, to be searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from nanclean.block import Block, Held
from nanclean.detector import Sized
from nanclean.format import Split
from nanclean.pipeline import Table
from nanclean.reading import Reading


@dataclass(frozen=True)
class Read:
    """What a detector of scope "row" searches in a scan."""

    table: Table
    reading: Reading
    names: Sequence[str]
    """Of all columns."""
    positions: tuple[int, ...]
    """Of those that a row is judged by."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.names[i] for i in self.positions)

    @property
    def memory(self) -> int:
        return 2 * self.table.engine.room()

    def look(self, work: Callable[[Block], Sized], only: frozenset[int] | None = None) -> Iterator[tuple[Sized, int]]:
        table = self.table
        splits = (split for split in table.source.splits() if only is None or split.index in only)
        look: SplitLook[Sized] = SplitLook(work, self.reading, self.columns, self.positions)
        for found, split in table.streamed(look, splits, lambda piece: piece.size):
            yield found, split.index


@dataclass(frozen=True)
class SplitLook(Generic[Sized]):
    """What some work makes of the blocks of a split."""

    work: Callable[[Block], Sized]
    reading: Reading
    columns: Sequence[str]
    positions: Sequence[int]

    def __call__(self, split: Split) -> Iterator[tuple[Split, Sized]]:
        for batch in split.batches(self.positions):
            if batch.rows:
                held = {
                    name: Held(self.reading.column(i, raw)[0], place)
                    for place, (name, i, raw) in enumerate(
                        zip(self.columns, self.positions, batch.columns, strict=True)
                    )
                }
                yield split, self.work(Block(batch, held))

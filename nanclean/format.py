"""What a format is: how a file, or something in memory, becomes batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from nanclean.batch import Batch
from nanclean.cells import packed
from nanclean.file import File


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about reading. None: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    decimal: str = "."
    axis: int | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Field:
    """A column of a source. `type` is None where only the cells can tell (CSV)."""

    name: str
    type: str | None = None
    """integer, float, boolean, text, time, complex, list<integer>, list<float> or other."""
    bits: int | None = None
    """Width of a number in its own type: float16 cannot overflow float32."""


@dataclass(frozen=True)
class Difference:
    """Where files that are read as one table disagree."""

    what: Literal["missing", "extra", "order", "type", "cells"]
    """A column that is not there; one that only some have; columns in another order; a column of another type, by the
    schema, or by its cells."""
    column: str | None
    file: str
    """The first file that is so."""
    others: str
    """A file that is not."""
    files: int = 1
    """How many are so."""
    types: tuple[str, str] | None = None
    """In `file`, and in `others`."""
    joined: str | None = None
    """The type that the column has in the table."""


@dataclass
class Facts:
    """What reading found out about the table as a whole. Complete once every split has been read."""

    rows: int = 0
    """Records, ragged ones among them."""
    ragged: int = 0
    ragged_rows: list[tuple[int, int, int]] = field(default_factory=list)
    """The first 10,000 ragged records: record (from 0), line (from 1), cells."""
    encoding: str | None = None
    encoding_guessed: bool = False
    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    """The header cells as they stand in the file (before empty and repeated names were made unique)."""
    first: tuple[str | None, ...] | None = None
    """The cells of the first record of a text file, for the check of the header."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know and no rule covers, a sentence each."""
    ragged_files: list[str] = field(default_factory=list)
    """Of several files that are read as one: that of each of the `ragged_rows`, whose lines are those within it."""
    differences: list[Difference] = field(default_factory=list)
    """Likewise: where they disagree."""


RAGGED = 10_000
"""Ragged records that are remembered one by one."""


@dataclass
class Learned:
    """What reading splits has found out besides their records, where the source is out of reach. In any order."""

    ragged: dict[tuple[int, int], int] = field(default_factory=dict)
    """By file and first record of a piece: how many ragged records are in it."""
    first: list[tuple[int, int, int, int]] = field(default_factory=list)
    """File, record, line and cells of the first of them."""

    def merge(self, other: Learned) -> None:
        """Take in what was found elsewhere, maybe in the same pieces."""
        self.ragged |= other.ragged
        if other.first:
            self.first = sorted({*self.first, *other.first})[:RAGGED]


class Choice(Protocol):
    """Which records of a source are wanted."""

    def within(self, first: int, count: int) -> np.ndarray:
        """int64, ascending: which of `count` records from `first` on are, from 0."""
        ...


class Split(ABC):
    """A piece of a source that a worker reads on its own. The cuts come from the data alone."""

    index: int

    @property
    @abstractmethod
    def share(self) -> float:
        """How much of the source has been read when this piece has: up to 1. For people who wait."""

    @abstractmethod
    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        """The records in order, some at a time; of all columns, or of those with these positions."""

    def learned(self) -> Learned:
        """What reading it has found out that its source, in another process, has to be told."""
        return Learned()

    def chosen(self, choice: Choice, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        """The same for some records only. A format that can leave out the others before they are read does so."""
        for batch in self.batches(columns):
            ragged = batch.ragged if batch.ragged is not None else np.empty(0, np.int64)
            records = batch.start + choice.within(batch.start, batch.rows + len(ragged))
            numbers = batch.numbers(np.arange(batch.rows))
            rows = np.flatnonzero(np.isin(numbers, records)) if len(ragged) else records - batch.start
            ragged = ragged[np.isin(ragged, records)]
            if len(rows) or len(ragged):
                cells = [raw[rows] if isinstance(raw, np.ndarray) else raw.take(packed(rows)) for raw in batch.columns]
                yield Batch(batch.start, len(rows), cells, ragged if len(ragged) else None, places=numbers[rows])


class Source(ABC):
    """A table that can be read again and again."""

    format: ClassVar[str]
    lexical: ClassVar[bool] = False
    """True: every column is text, and its type is settled from the whole column."""

    quick: bool = False
    """To read again costs less than to keep what was read."""

    path: str
    """As the user wrote it."""
    size: int | None
    """Bytes of the file, unpacked where it is compressed."""
    file: File | None = None
    """Of what is one file."""
    fields: tuple[Field, ...]
    room: int = 160 << 20
    """Bytes that one reader may use, decoded columns included. It decides about speed, never about what is read."""
    largest: int = 1 << 30
    """Bytes that one thing may take that cannot be read in parts."""

    @property
    def stored(self) -> int | None:
        """Bytes as it is kept on disk."""
        return self.size if self.file is None else self.file.stored

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """What reading found out so far."""

    @property
    def reach(self) -> int:
        """How far the numbers of records go."""
        return self.facts.rows

    @abstractmethod
    def sample(self) -> Batch | None:
        """Some records from all over the table (some 16 places, 65,536 records at most), or None if it is empty.

        Only speed depends on which: bins are chosen from them.
        """

    @abstractmethod
    def nothing(self) -> Batch:
        """A batch of all columns and no rows: it has the types of the cells."""

    def check(self) -> None:  # noqa: B027 - what is in memory is what it is
        """InputError if it is not what it was when it was opened."""

    def grain(self, share: float) -> int:
        """Records that are better read together where only a share of all is wanted."""
        return 1

    def column_groups(self, columns: Sequence[int]) -> list[list[int]]:
        """Some columns, in groups that are better read one after the other, each through a whole split."""
        return [list(columns)] if columns else []

    @abstractmethod
    def splits(self) -> Iterator[Split]:
        """The pieces in order. May be called again for another look."""

    @abstractmethod
    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        """Positions that people can use, for record numbers from 0: "line 1011", "x[1009, 3]", "row 17".

        cells: where in each record the cell stands, of columns that have several in one.
        """

    def lines(self, rows: Sequence[int]) -> list[int] | None:
        """The line numbers (from 1) of some records, or None where there are no lines."""
        return None

    def on_lines(self, rows: Sequence[int], lines: Sequence[int]) -> list[str]:
        """Positions that people can use, of records whose lines are known."""
        return [f"line {line}" for line in lines]

    def between(self, first: int, last: int) -> str:
        """A run of records, for people: "lines 102 to 131"."""
        lines = self.lines([first, last])
        if lines is None:
            return f"rows {first + 1:,} to {last + 1:,}"
        return f"lines {lines[0]:,} to {lines[1]:,}"

    def files(self) -> list[dict[str, Any]]:
        """What the report says of each file."""
        return [{"path": self.path, "rows": self.facts.rows, **self.details()}]

    def records(self, batch: Batch) -> list[str]:
        """The ragged records of a batch as they are written, while its `origin` is at hand."""
        return []

    def details(self) -> dict[str, Any]:
        """What the report says of each file besides path and rows: encoding, delimiter and so on."""
        return {}

    def uncut(self) -> list[int]:
        """The numbers of the files (one file is number 0) whose splits nobody knows before their records are found."""
        return []

    def cuts(self, number: int) -> Any:
        """Find the records of a file: plain data that tells its splits to other processes."""
        raise NotImplementedError

    def adopt(self, number: int, cuts: Any) -> None:
        """Know the splits of a file as another process has found them. InputError if it is not the same file."""
        raise NotImplementedError

    def learn(self, learned: Learned) -> None:  # noqa: B027 - most have nothing to learn
        """Take in what other processes have found out while they read splits."""

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of files."""

"""What a format is: how a file, or something in memory, becomes batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nanclean.batch import Batch


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


class Source(ABC):
    """A table that can be read again and again."""

    format: ClassVar[str]
    lexical: ClassVar[bool] = False
    """True: every column is text, and its type is settled from the whole column."""

    quick: ClassVar[bool] = False
    """To read again costs less than to keep what was read."""

    path: str
    """As the user wrote it."""
    size: int | None
    """Bytes of the file."""
    fields: tuple[Field, ...]

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """What reading found out so far."""

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

    def records(self, batch: Batch) -> list[str]:
        """The ragged records of a batch as they are written, while its `origin` is at hand."""
        return []

    def details(self) -> dict[str, Any]:
        """What the report says of each file besides path and rows: encoding, delimiter and so on."""
        return {}

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of files."""

"""What a target is: how changed rows become a file again, with everything untouched as it was."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.column import Column
from nanclean.format import Field, ReadOptions


@dataclass(frozen=True)
class Out:
    """A column of the output."""

    name: str
    view: Column
    """Without rows: what the rules make of the column. Its type, and of numbers the dtype of its values."""
    origin: int | None
    """Its place in the fields of the source, and in `batch.columns`; None: a rule has added it."""
    blank: str = ""
    """In text files: how a cell that a rule makes missing is written."""
    changed: bool = False
    """A rule may change cells of it (or make them missing, so that it must be nullable)."""


class Target(ABC):
    """A file on its way. Workers turn blocks into pieces, side by side; one thread writes them in order.

    A module of `formats/` makes it: `target(source, outs, path, options)`, where `path` is a draft that exists and is
    empty, `outs` are the columns in their order, and `options` are what the source was opened with. UsageError where
    the format cannot hold such columns.
    """

    format: ClassVar[str]

    fields: tuple[Field, ...]
    """What a reader of the finished file must find."""
    reading: ReadOptions
    """How the finished file is to be opened."""

    @abstractmethod
    def columns(self, block: Block) -> list[Raw]:
        """The cells of a block as a reader of the finished file must find them, parallel to `fields`. In a worker."""

    @abstractmethod
    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        """What `write` takes. In a worker, and before the next batch is asked for. `columns` came from `columns`."""

    @abstractmethod
    def write(self, piece: Any) -> None:
        """Write what `encoded` gave, in the order of the rows."""

    @abstractmethod
    def finish(self) -> None:
        """Complete and close the file. What is in it has reached the system, not yet the disk."""

    def close(self) -> None:  # noqa: B027 - most have nothing more to let go of
        """Let go of the file, finished or not. May be called twice."""


def is_like(one: Column, other: Column) -> bool:
    """Whether two columns are of the same type."""
    return type(one) is type(other) and one.type == other.type and _dtype(one) == _dtype(other)


def _dtype(column: Column) -> Any:
    values = getattr(column, "values", None)
    return None if values is None else values.dtype

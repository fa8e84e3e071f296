"""What a detector is: a fact about cells or tables that can be found, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar

import numpy as np

from nanclean.column import Column, Mask
from nanclean.part import Part
from nanclean.wording import listed, shown

if TYPE_CHECKING:
    from nanclean.format import Facts

Severity = Literal["error", "warning", "info"]
Scope = Literal["cell", "row", "table"]
Figures = Mapping[str, Any]
"""What was measured of one column, by the names of the report and a few more."""

NUMBERS = frozenset({"integer", "float", "list<integer>", "list<float>"})
EVERYTHING = NUMBERS | {"text", "boolean", "time", "complex", "other"}
"""The types that a column can have."""
MEASURED = frozenset(
    "mean std q1 median q3 mad outliers fences histogram ends gaps quantiles min_positive negative distinct top".split()
)
"""Figures that take more than counting cells, extremes and zeros."""
ROLES = frozenset({"feature", "label", "id"})


class Hits(Protocol):
    """Where a mask was true in one column."""

    @property
    def count(self) -> int:
        """Bad cells."""

    @property
    def rows(self) -> int:
        """Bad rows."""

    @property
    def first(self) -> tuple[int, ...]:
        """The first five bad rows, from 0."""

    @property
    def values(self) -> tuple[Any, ...]:
        """What stands in them: numbers, or the text of the cell."""

    @property
    def ranges(self) -> list[list[int]] | None:
        """The bad rows as runs [first, last], from 1; None where they are too many."""


class Bulky(Protocol):
    """Something that takes room."""

    @property
    def size(self) -> int:
        """About how many bytes."""


Sized = TypeVar("Sized", bound=Bulky)


class Rows(Protocol):
    """A table that can be looked at again and again: what a detector of scope "row" searches."""

    @property
    def columns(self) -> Sequence[str]:
        """Those that a row is judged by."""

    @property
    def memory(self) -> int:
        """Bytes that the whole run may take."""

    def look(self, work: Callable[[Any], Sized], only: frozenset[int] | None = None) -> Iterator[tuple[Sized, int]]:
        """What some work makes of each block, in their order, with the index of its split. No block is empty.

        only: the splits that somebody wants to see. None: all. The work may be done in another process.
        """


class Marked(Protocol):
    """Rows that were found, by record number. There may be more of them than memory holds."""

    count: int
    rows: int
    """All rows that were looked at."""

    def between(self, first: int, last: int) -> np.ndarray:
        """int64, ascending: those from a row to another, both included."""

    def values(self, rows: list[int]) -> Sequence[Any]:
        """What there is to say of some of them."""

    def hits(self) -> Any:
        """All of them as `Hits`."""


@dataclass(frozen=True)
class Telling:
    """What there is to say about the bad cells of one column.

    The first line of the message says it all; the lines after it are evidence. The hint is a rule to paste.
    """

    message: str
    hint: str | None = None
    severity: Severity | None = None
    """Overrides that of a built-in check, where it depends on what was found."""


@dataclass(frozen=True)
class Verdict:
    """What a detector of scope "table" has to say: about a column, or (None) about the whole table."""

    column: str | None
    message: str
    hint: str | None = None
    count: int | None = None
    of: int | None = None
    rows: tuple[int, ...] = ()
    """The first five, from 0."""
    severity: Severity | None = None
    """Overrides that of a built-in check, where it depends on what was found."""


@dataclass(frozen=True)
class Detector(Part):
    """Finds one kind of bad cell. Frozen and pure: settings of the user, and numbers that `fit` learned.

    For each column: `survey` (once for the table), `fit`, `suspects`; then, block by block, `touches` and `mask`;
    at the end `tell`. A detector of scope "table" has `judge` instead of all that. One of scope "row" judges rows by
    several columns together, and against other rows: `over`, `search`, `tell`.
    """

    scope: ClassVar[Scope] = "cell"
    whole: ClassVar[bool] = False
    """Scope "table": a rule for it is about the table as a whole, and names no column."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Figures that `fit` and `suspects` read. None: the mask can run in the first look."""
    applies: ClassVar[frozenset[str]] = EVERYTHING
    """Types of columns that it makes sense for."""
    severity: ClassVar[Severity] = "error"
    """As a built-in check."""
    builtin: ClassVar[bool] = False
    """On without a rule, for columns of these `roles`."""
    roles: ClassVar[frozenset[str]] = ROLES
    finite: ClassVar[bool] = True
    """It may mark finite values. Where it marks none, what is done to its cells moves no mean and no quantile."""
    counts: ClassVar[tuple[str, ...]] = ()
    """Figures that count just the cells that it finds."""
    apart: ClassVar[bool] = False
    """It finds numbers only that stand apart from all others, and needs no figures where none does."""
    absent: ClassVar[bool] = False
    """It judges cells that have no value; all others never mark one."""
    example: ClassVar[str]
    """How it is written."""

    def quantiles(self) -> tuple[float, ...]:
        """Order statistics that it wants in `figures["quantiles"]`."""
        return ()

    def survey(self, columns: Sequence[Figures]) -> Self:
        """A copy that has seen the figures of all columns, for what one column alone cannot tell."""
        return self

    def fit(self, figures: Figures) -> Self:
        """A copy that knows its numbers."""
        return self

    def suspects(self, figures: Figures) -> bool:
        """False: the figures prove that no cell is bad. Asked after `fit`."""
        return True

    def counted(self, figures: Figures) -> int | None:
        """How many cells are bad, if the figures tell. Asked after `fit`."""
        if self.counts:
            return sum(int(figures[name] or 0) for name in self.counts)
        return None if self.suspects(figures) else 0

    def touches(self, column: Column) -> bool:
        """False: a cheap proof that no cell of this block is bad."""
        return True

    def mask(self, column: Column) -> Mask:
        """bool, (cells,); a fresh array. Never null, and true for bad cells only."""
        raise NotImplementedError

    def rows(self, column: Column) -> Mask | None:
        """bool, (rows,): bad rows that have no cell to be marked, as null lists. None: there are none."""
        return None

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling | None:
        """The message about the bad cells of a column, or None: looked at closely, there is nothing to say.

        Without `values` it names no value from the data.
        """
        raise NotImplementedError

    @property
    def columns(self) -> tuple[str, ...]:
        """Scope "row": the columns that a row is judged by. Asked after `over`."""
        return ()

    def over(self, columns: Sequence[str]) -> Self:
        """Scope "row": a copy that knows the columns that a row is judged by."""
        return self

    def search(self, rows: Rows) -> Marked:
        """Scope "row": the rows that are bad. Asked after `over`."""
        raise NotImplementedError

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        """Scope "table": the verdicts, from facts and figures alone."""
        return ()


def nothing(column: Column) -> Mask:
    """bool, (cells,); none."""
    return np.zeros(column.cells, dtype=bool)


def copied(mask: Mask | None, column: Column) -> Mask:
    """A fresh array of a shared mask, which is None where it is nowhere true."""
    return nothing(column) if mask is None else mask.copy()


def spelled(hits: Hits, values: bool, *, quotes: bool = False) -> str:
    """The end of a message: `: 1e39 and 2e39`, or `, first 1e39, ...`; nothing if values are not to be shown."""
    if not values or not hits.values:
        return ""
    mark = '"' if quotes else ""
    different = list(dict.fromkeys(f"{mark}{shown(value)}{mark}" for value in hits.values))
    return f", first {listed(different)}" if hits.count > len(hits.values) else f": {listed(different)}"


def manual(detector: type[Detector]) -> str:
    """What `nanclean explain` prints: the docstring of its class."""
    import inspect

    return inspect.cleandoc(detector.__doc__ or "")

"""What a measure of drift is: one way in which a dataset can differ from an older one, and how much of it is noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

from nanclean.detector import EVERYTHING, NUMBERS, ROLES, Detector, Severity
from nanclean.errors import PolicyError
from nanclean.grammar import Limit
from nanclean.part import Part

DECILES = tuple(k / 10 for k in range(1, 10))
"""The quantiles that the bins of a column of numbers end at."""
UNITS = {
    "number": ("is a plain number", "0.2"),
    "share": ("is a difference of two shares", "5%"),
    "cells": ("counts cells", "1% or 20"),
    "none": ("is there or not, and takes no limit", ""),
}
"""What a limit is of: how that is said, and how one is written."""


@dataclass(frozen=True)
class Bins:
    """How often the values of a column lie where. Bin i holds what is above edge i - 1, up to edge i."""

    edges: tuple[int | float, ...]
    counts: tuple[int, ...]
    """One more than edges."""


@dataclass(frozen=True)
class Known:
    """What is known of one column of a dataset. None: not known, or there is no such thing."""

    name: str
    type: str
    role: str = "feature"
    cells: int | None = None
    missing: int | None = None
    infinite: int | None = None
    finite: int | None = None
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    std: float | None = None
    categories: frozenset[str] | None = None
    """The different values of text, where they are at most 1,000 and come again."""
    counts: Mapping[str, int] | None = None
    """How often each value of text or booleans is there, where at most 1,000 are different."""
    many: bool = False
    """More are."""
    bins: Bins | None = None
    """Some ten, of about the same weight."""
    fine: Bins | None = None
    """The same values in more bins, whose edges are those of the others and further ones; None: no more are known."""

    @property
    def steps(self) -> Bins | None:
        """The finest bins."""
        return self.fine or self.bins

    @property
    def numeric(self) -> bool:
        return self.type in NUMBERS


@dataclass(frozen=True)
class Pair:
    """What is known of a column before and now, and of both together."""

    name: str
    old: Known | None
    """None: there was no such column."""
    new: Known | None
    before: str = "before"
    """How the older dataset is spoken of: before, or in the training data."""
    bins: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """The counts of both in the same bins."""
    distance: tuple[float, bool] | None = None
    """The Kolmogorov-Smirnov distance, and whether it is exact: otherwise it is at least that."""
    outside: tuple[int, int, bool] | None = None
    """Finite values below and above the older extremes, and whether that is all of them, or at least so many."""
    trained: bool = False
    """Whether a model has learned from the older one."""
    changed: bool = False
    """Whether the type is another; figures of two kinds are not compared."""

    @property
    def role(self) -> str:
        """As either of the two knows it: one may have been looked at without being told."""
        roles = [known.role for known in (self.new, self.old) if known is not None]
        return next((role for role in roles if role != "feature"), "feature")

    @property
    def both(self) -> tuple[Known, Known] | None:
        """Before and now, if the column is in both."""
        return None if self.old is None or self.new is None else (self.old, self.new)

    @property
    def numbers(self) -> tuple[Known, Known] | None:
        """Before and now, if both are numbers."""
        both = self.both
        return both if both is not None and both[0].numeric and both[1].numeric else None


@dataclass(frozen=True)
class Measured:
    """What a measure says of a column."""

    value: float
    """Under the name of the measure in the report."""
    message: str
    surprising: bool = True
    """Whether it is more than chance gives between two samples of one population."""
    count: int | None = None
    """Cells that it is about, of those of the newer dataset."""
    of: int | None = None
    at_least: bool = False
    """Known from bins only: it may be more."""
    severity: Severity | None = None
    """Overrides that of the measure."""
    hint: str | None = None


@dataclass(frozen=True)
class Drift(Part):
    """A measure of drift.

    It needs two datasets, so a look at one knows nothing of it; `compare`, `apply` and `check --against` do. It has no
    settings: its one number is the limit of its rule. Without a rule it has a limit of its own, and says nothing of
    what chance gives between two random halves of one dataset.
    """

    applies: ClassVar[frozenset[str]] = EVERYTHING
    """Types of columns, before, that it makes sense for."""
    roles: ClassVar[frozenset[str]] = ROLES
    """Roles of columns that it judges without a rule."""
    unit: ClassVar[Literal["number", "share", "cells", "none"]] = "number"
    """What a limit is of."""
    default: ClassVar[float | None] = 0.0
    """The value up to which it has nothing to say without a rule; None: it speaks by rule only."""
    severity: ClassVar[Severity] = "warning"
    breach: ClassVar[Severity] = "warning"
    """Its severity where the older dataset is a contract: `check --against`."""
    example: ClassVar[str]
    """How it is written."""

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        """What there is to say about a column; None: nothing, or it cannot be known.

        Without `values` the message names no value from the data.
        """
        raise NotImplementedError

    def finder(self, pair: Pair) -> Detector | None:
        """What finds the cells that it is about, for their places. None: it is not about single cells."""
        return None

    def held(self, limit: Limit) -> None:
        """PolicyError if a limit is not of its unit."""
        fits = {"number": not limit.share, "share": limit.share, "none": False}
        fits["cells"] = limit.share or limit.most.denominator == 1
        if not fits[self.unit]:
            said, example = UNITS[self.unit]
            hint = f"write {self.name} <= {example}" if example else f"write {self.name} alone"
            raise PolicyError(f"{self.name} {said}; a limit of {limit} says nothing here", hint=hint)

    def drifted(self, measured: Measured, limit: Limit | None) -> bool:
        """Whether it is too much: for a rule by its limit alone, otherwise by the own limit, and only beyond chance."""
        if limit is None:
            return self.default is not None and measured.value > self.default and measured.surprising
        if self.unit == "cells" and measured.count is not None:
            return limit.exceeded(measured.count, measured.of or measured.count)
        return Fraction(measured.value) > limit.most / (100 if limit.share else 1)


def noise(value: float) -> str:
    """What chance gives, in a message."""
    return "chance alone gives less than 0.001" if value < 0.001 else f"chance alone gives up to {figure(value)}"


def figure(value: float) -> str:
    """A measure in a message: three digits, and never 0 for what is more."""
    return f"{value:.3g}"

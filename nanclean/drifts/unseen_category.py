"""Categories that were not there before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from nanclean.chance import is_absent, is_lopsided
from nanclean.column import Column, Mask, Values
from nanclean.detector import Detector, Severity, nothing
from nanclean.drift import Drift, Measured, Pair
from nanclean.groups import keys
from nanclean.wording import listed, several, shown

CLOSED = 5
"""A list of categories, each of them seen so often at least, is taken to be complete."""


@dataclass(frozen=True)
class UnseenCategory(Drift):
    """The share of cells of text that hold a category which was not there before.

    Why it matters: an encoder that has learned its categories fails on a new one or calls it nothing at all. Most often
    it is an old one in another spelling.

    It is for columns whose values come again: at most 1,000 different ones, twice each on average.

    Limit: a share of the cells that are not missing, or a count. Without a rule more than chance gives, as rare ones
    come and go: that all t cells of a category are among m rows now, and none among n before, has the probability
    (m / (n + m))^t at most, held against the number of categories (Bonferroni); and of the categories of a single cell
    no more than a share of m / (n + m) may be new (Chernoff 1952). To a model, though, any new one is unknown: against
    training data any cell counts, where each category was there five times or more.

    Weakness: it knows nothing of a column with more than 1,000 different values.
    """

    name: ClassVar[str] = "unseen_category"
    applies: ClassVar[frozenset[str]] = frozenset({"text"})
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    unit: ClassVar = "cells"
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "unseen_category <= 1%"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.both is None or pair.changed:
            return None
        old, new = pair.both
        if old.categories is None or new.type != "text" or new.missing == new.cells:
            return None
        counts = new.counts
        if counts is None:
            return Measured(1.0, "has more than 1,000 different values here") if new.many else None
        unseen = sorted(counts.keys() - old.categories, key=lambda key: (-counts[key], key))
        cells, of = sum(counts[key] for key in unseen), sum(counts.values())
        told = ": " + listed([f'"{shown(key)}"' for key in unseen], 3) if values and unseen else ""
        what = several(len(unseen), "category", "categories")
        return Measured(
            cells / max(of, 1), f"{several(cells, 'cell')} of {what} not known {pair.before}{told}",
            bool(cells) and _surprising(pair.trained, old.counts, counts), cells, of,
        )  # fmt: skip

    def finder(self, pair: Pair) -> Detector | None:
        old = pair.old
        return None if old is None or old.categories is None else _Unseen(tuple(sorted(old.categories)))


def _surprising(trained: bool, before: Mapping[str, int] | None, now: Mapping[str, int]) -> bool:
    if not before or (trained and min(before.values()) >= CLOSED):
        return True
    n, m = sum(before.values()), sum(now.values())
    if any(is_absent(count, m, n, len(now)) for key, count in now.items() if key not in before):
        return True
    came, went = _alone(now, before), _alone(before, now)
    return is_lopsided(came, came + went, m / (n + m))


def _alone(counts: Mapping[str, int], other: Mapping[str, int]) -> int:
    """How many categories have one cell, and none in the other dataset."""
    return sum(count == 1 for key, count in counts.items() if key not in other)


@dataclass(frozen=True)
class _Unseen(Detector):
    """Cells that hold none of some categories. For their places only: rules do not know it."""

    name: ClassVar[str] = "unseen"
    applies: ClassVar[frozenset[str]] = frozenset({"text"})
    example: ClassVar[str] = "unseen"

    known: tuple[str, ...]

    def mask(self, column: Column) -> Mask:
        if not isinstance(column, Values) or not isinstance(column.array, pa.Array):
            return nothing(column)
        codes, names = keys(column)
        strange = np.array([name not in self._set for name in map(str, names)] + [False])
        return strange[codes]  # -1, a missing cell, is the last one

    @property
    def _set(self) -> Collection[str]:
        known = self.__dict__.get("_known")
        if known is None:
            known = self.__dict__["_known"] = frozenset(self.known)
        return known

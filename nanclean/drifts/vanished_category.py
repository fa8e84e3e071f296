"""Categories that are not there any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import is_absent
from nanclean.drift import Drift, Measured, Pair
from nanclean.wording import listed, percent, several, shown


@dataclass(frozen=True)
class VanishedCategory(Drift):
    """The share of cells before whose category is not there any more.

    Why it matters: a class that has vanished is a shop whose export failed, or a value that is spelled in another way.
    Of the label it is worse: what is not there cannot be learned, or measured.

    Limit: a share of the cells before, those that are not missing. Without a rule any category that should be there by
    more than chance: that none of m rows has what c of n rows had has the probability (n / (n + m))^c at most, held
    against the number of categories (Bonferroni).

    Weakness: of a recipe written by an older version the counts are not known, and it says nothing.
    """

    name: ClassVar[str] = "vanished_category"
    applies: ClassVar[frozenset[str]] = frozenset({"text"})
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    unit: ClassVar = "share"
    example: ClassVar[str] = "vanished_category <= 1%"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.both is None or pair.changed:
            return None
        old, new = pair.both
        before, now = old.counts, new.counts
        if before is None or now is None or old.categories is None or new.type != "text":
            return None
        n, m = sum(before.values()), sum(now.values())
        gone = sorted(before.keys() - now.keys(), key=lambda key: (-before[key], key))
        cells = sum(before[key] for key in gone)
        surprising = any(m and is_absent(before[key], n, m, len(before)) for key in gone)
        told = ": " + listed([f'"{shown(key)}"' for key in gone], 3) if values and gone else ""
        what = several(len(gone), "category", "categories")
        return Measured(
            cells / n, f"{what} of {percent(cells, n)} of the cells {pair.before}: not here any more{told}", surprising
        )

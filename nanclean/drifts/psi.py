"""The population stability index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import psi_of_chance, spreads_differ
from nanclean.detector import NUMBERS
from nanclean.drift import Drift, Measured, Pair, figure, noise
from nanclean.wording import percent, several, shown

MOVES, LEAST = 3, 0.01
"""Categories that a message names, and by how much their share must have moved."""
FEWEST = 5
"""Cells that a category must be expected to have in the smaller of two datasets; rarer ones are one (Cochran 1954)."""


@dataclass(frozen=True)
class Psi(Drift):
    """The population stability index: how differently the values are spread over the same bins, before and now.

    Why it matters: it sees every change of shape, of numbers and of categories, whatever it does to the mean.

    Formula: the sum over the bins of (p - q) ln(p / q), with the shares p now and q before (Jeffreys' divergence; Lewis
    1994, "An Introduction to Credit Scoring"). The bins of numbers end at the exact deciles before; of text and
    booleans each category is one, and those too rare to be expected five times are one together. An empty bin counts
    as half a cell. Missing and infinite cells are left out.

    Limit: a number. Below 0.1 is usually called stable, above 0.25 a shift. Without a rule 0.2, and more than chance
    gives: between samples of n and m rows it is (1/n + 1/m) times a chi-squared with a degree of freedom less than
    there are bins (Yurdakul 2018), so that 0.2 is noise for 100 rows; and the likelihood ratio has to say so, too.

    Weakness: it depends on the bins, and does not see what happens inside one; `ks` has none.
    """

    name: ClassVar[str] = "psi"
    applies: ClassVar[frozenset[str]] = NUMBERS | {"text", "boolean"}
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    default: ClassVar[float | None] = 0.2
    example: ClassVar[str] = "psi <= 0.2"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        bins, categories = pair.bins, None
        if bins is None and pair.both is not None and not pair.changed:
            old, new = pair.both
            if old.counts is not None and new.counts is not None:
                categories = old.counts, new.counts
                bins = of_categories(*categories)
        if bins is None or len(bins[0]) < 2:
            return None
        n, m = sum(bins[0]), sum(bins[1])
        if not n or not m:
            return None
        value, chance = psi(*bins), psi_of_chance(len(bins[0]), n, m)
        told = f"PSI {figure(value)}; {noise(chance)}"
        if categories is None:
            message = f"the values are spread differently over {several(len(bins[0]), 'bin')}: {told}"
        else:
            moved = _moved(*categories) if values else ""
            message = f"the categories are not as frequent as they were{moved}: {told}"
        return Measured(value, message, value > chance and spreads_differ(*bins))


def psi(before: tuple[int, ...], now: tuple[int, ...]) -> float:
    """The index of two lists of counts."""
    n, m = sum(before), sum(now)
    shares = ((max(a, 0.5) / n, max(b, 0.5) / m) for a, b in zip(before, now, strict=True) if a or b)
    return math.fsum((p - q) * math.log(p / q) for q, p in shares)


def of_categories(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The counts of two datasets by category, the rare ones together."""
    n, m = sum(before.values()), sum(now.values())
    counts = [(before.get(key, 0), now.get(key, 0)) for key in sorted({*before, *now})]
    common = [(a, b) for a, b in counts if (a + b) * min(n, m) >= FEWEST * (n + m)]
    rare = n - sum(a for a, _ in common), m - sum(b for _, b in common)
    bins = [*common, rare] if any(rare) else common
    return tuple(a for a, _ in bins), tuple(b for _, b in bins)


def _moved(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """`, fog 12% to 44%`: the categories whose shares have moved most, three at most."""
    n, m = sum(before.values()), sum(now.values())
    moves = sorted((-abs(now.get(key, 0) / m - before.get(key, 0) / n), key) for key in {*before, *now})
    told = [
        f"{shown(key)} {percent(before.get(key, 0), n)} to {percent(now.get(key, 0), m)}"
        for move, key in moves[:MOVES] if move < -LEAST
    ]  # fmt: skip
    return "".join(f", {one}" for one in told)

"""The Kolmogorov-Smirnov distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import ks_of_chance
from nanclean.detector import NUMBERS
from nanclean.drift import Drift, Measured, Pair, figure, noise


@dataclass(frozen=True)
class Ks(Drift):
    """The Kolmogorov-Smirnov distance: the largest difference between the shares of values up to a number.

    Why it matters: it sees every change of shape and needs no bins. 0: the same distribution, 1: all values before lie
    on one side of all values now.

    Formula: the supremum over x of |F(x) now - F(x) before| (Smirnov 1939). Of two files it is exact, over every value;
    of a recipe or a report only the bins are known, and it is at least what these tell. Missing and infinite cells are
    left out.

    Limit: a number from 0 to 1. Without a rule it is a figure and no finding: what it sees `psi` sees as well. Chance
    alone gives up to 2.3 times the root of 1/n + 1/m (Smirnov 1948), 0.32 for a hundred rows each.

    Weakness: far tails count little in it.
    """

    name: ClassVar[str] = "ks"
    applies: ClassVar[frozenset[str]] = NUMBERS
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    default: ClassVar[float | None] = None
    example: ClassVar[str] = "ks <= 0.1"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.numbers is None or pair.distance is None:
            return None
        old, new = pair.numbers
        if not old.finite or not new.finite:
            return None
        value, exact = pair.distance
        chance = ks_of_chance(old.finite, new.finite)
        message = (
            f"the distributions are {'' if exact else 'at least '}{figure(value)} apart (Kolmogorov-Smirnov); "
            f"{noise(min(chance, 1.0))}"
        )
        return Measured(value, message, value > chance, at_least=not exact)

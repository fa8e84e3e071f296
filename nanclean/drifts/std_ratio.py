"""How much wider or narrower the values lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import rates_differ
from nanclean.detector import NUMBERS
from nanclean.drift import Drift, Measured, Pair, figure
from nanclean.wording import shown


@dataclass(frozen=True)
class StdRatio(Drift):
    """How many times the standard deviation has grown, or has shrunk: always 1 or more.

    Why it matters: what is standardised with the numbers of the training data arrives too wide or too flat. A unit that
    has changed shows here, as a factor of 1,000 or 2.54.

    Formula: the larger of the two deviations over the smaller one. Finite cells only.

    Limit: a number. Without a rule 2, and only where the share of values outside the first and the last tenth of those
    before tells so too, by more than chance gives (likelihood ratio of two shares): that holds for any distribution,
    while the deviation of a long tail is never the same twice.

    Weakness: a few wild values make a deviation of any size.
    """

    name: ClassVar[str] = "std_ratio"
    applies: ClassVar[frozenset[str]] = NUMBERS
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    default: ClassVar[float | None] = 2.0
    example: ClassVar[str] = "std_ratio <= 2"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.numbers is None:
            return None
        old, new = pair.numbers
        if not old.std or not new.std:
            return None
        value = max(old.std / new.std, new.std / old.std)
        if math.isinf(value):
            return None
        told = f", from {shown(float(f'{old.std:.4g}'))} to {shown(float(f'{new.std:.4g}'))}" if values else ""
        wider = new.std > old.std
        return Measured(
            value,
            f"the standard deviation has {'grown' if wider else 'shrunk'} {figure(value)} times{told}",
            _tails_tell(pair.bins, wider),
        )


def _tails_tell(bins: tuple[tuple[int, ...], tuple[int, ...]] | None, wider: bool) -> bool:
    """Whether the first and the last bin hold more, or less, of the values than before, beyond chance."""
    if bins is None or len(bins[0]) < 3:
        return False
    (before, n), (now, m) = ((counts[0] + counts[-1], sum(counts)) for counts in bins)
    return (now * n > before * m) == wider and rates_differ(before, n, now, m)

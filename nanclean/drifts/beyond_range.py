"""Values beyond the smallest and the largest one that was seen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import is_beyond
from nanclean.detector import NUMBERS, Detector, Severity
from nanclean.drift import Drift, Measured, Pair
from nanclean.wording import several, shown


@dataclass(frozen=True)
class BeyondRange(Drift):
    """The share of finite values below the smallest or above the largest one before.

    Why it matters: a model has never seen such values. A network extrapolates, a tree repeats its last leaf, and an
    embedding has no row for a class id of that size.

    Limit: a share of the finite cells, or a count. Without a rule more than chance gives: of m values 2 m / (n + 1) are
    expected beyond the extremes of n others, and their number is a negative binomial one (Gumbel and von Schelling,
    "The distribution of the number of exceedances", 1950).

    Weakness: one wild value before makes the range wide, and then nothing lies beyond it. Dates, counters and ids
    always leave their range: `ignore = ["beyond_range: year"]`.
    """

    name: ClassVar[str] = "beyond_range"
    applies: ClassVar[frozenset[str]] = NUMBERS
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    unit: ClassVar = "cells"
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "beyond_range <= 1%"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.numbers is None or pair.outside is None:
            return None
        old, new = pair.numbers
        if not old.finite or not new.finite or old.min is None or old.max is None:
            return None
        below, above, exact = pair.outside
        count = below + above
        least = "" if exact else "at least "
        if below and above:
            where = f"outside the range {pair.before}" + (f", {shown(old.min)} to {shown(old.max)}" if values else "")
            where += f": {below:,} below and {above:,} above"
        else:
            side, end = ("below the smallest", old.min) if below else ("above the largest", old.max)
            where = f"{side} one {pair.before}" + (f", {shown(end)}" if values else "")
        return Measured(
            count / new.finite,
            f"{least}{several(count, 'value')} {where}",
            is_beyond(count, old.finite, new.finite),
            count,
            new.finite,
            at_least=not exact,
        )

    def finder(self, pair: Pair) -> Detector | None:
        from nanclean.detectors.range import Range

        return None if pair.old is None or pair.old.min is None else Range(pair.old.min, pair.old.max)

"""The share of infinite cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.detector import NUMBERS, Detector, Severity
from nanclean.drift import Drift, Measured, Pair
from nanclean.drifts._rates import of_cells


@dataclass(frozen=True)
class NonFiniteRate(Drift):
    """The difference between the shares of infinite cells, before and now. NaN is missing, and counted there.

    Why it matters: an infinity that was not there when the model was trained is a division by zero or an overflow
    upstream, and one is enough for a loss of NaN.

    Limit: percentage points. Without a rule any difference that is more than chance gives (likelihood ratio of two
    shares).

    Weakness: a first infinity or two are no more than chance; the check `infinite` finds each of them.
    """

    name: ClassVar[str] = "non_finite_rate"
    applies: ClassVar[frozenset[str]] = NUMBERS | {"complex"}
    unit: ClassVar = "share"
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "non_finite_rate <= 0.1%"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        return of_cells(pair, "infinite")

    def finder(self, pair: Pair) -> Detector | None:
        from nanclean.detectors.infinite import Infinite

        return Infinite()

"""The share of missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.detector import Severity
from nanclean.drift import Drift, Measured, Pair
from nanclean.drifts._rates import of_cells


@dataclass(frozen=True)
class MissingRate(Drift):
    """The difference between the shares of missing cells, before and now.

    Why it matters: a column that has begun to be missing is a broken join or a sensor that is off, and what fills it in
    was learned when it was whole. One that has stopped being missing may be filled by somebody else now.

    Limit: percentage points, so `missing_rate <= 5%` takes a column from 1 % to 6 %. Without a rule 5 points, and more
    than chance gives (likelihood ratio of two shares).

    Weakness: it does not see which rows are missing.
    """

    name: ClassVar[str] = "missing_rate"
    unit: ClassVar = "share"
    default: ClassVar[float | None] = 0.05
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "missing_rate <= 5%"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        return of_cells(pair, "missing")

"""The share of missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import rates_differ
from nanclean.detector import Severity
from nanclean.drift import Drift, Measured, Pair
from nanclean.wording import percent


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
        if pair.both is None:
            return None
        old, new = pair.both
        if old.missing is None or new.missing is None or not old.cells or not new.cells:
            return None
        value = abs(new.missing / new.cells - old.missing / old.cells)
        return Measured(
            value,
            f"{percent(new.missing, new.cells)} of the cells are missing here, "
            f"{percent(old.missing, old.cells)} {pair.before}",
            rates_differ(old.missing, old.cells, new.missing, new.cells),
            new.missing,
            new.cells,
        )

"""How far the mean has moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nanclean.chance import means_differ
from nanclean.detector import NUMBERS
from nanclean.drift import Drift, Measured, Pair, figure
from nanclean.wording import shown


@dataclass(frozen=True)
class MeanShift(Drift):
    """The distance between the means, now and before, in standard deviations before.

    Why it matters: what is standardised with the numbers of the training data arrives off centre, by just so much.

    Formula: |mean now - mean before| / std before: Glass's delta (Glass 1976), an effect size. Finite cells only.

    Limit: a number of standard deviations. Without a rule 0.5, which Cohen (1988) calls medium, and more than chance
    gives (likelihood ratio of Student's t).

    Weakness: one wild value moves a mean; a change of shape around the same mean is not seen (`psi` and `ks` see it).
    """

    name: ClassVar[str] = "mean_shift"
    applies: ClassVar[frozenset[str]] = NUMBERS
    roles: ClassVar[frozenset[str]] = frozenset({"feature", "label"})
    default: ClassVar[float | None] = 0.5
    example: ClassVar[str] = "mean_shift <= 0.5"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.numbers is None:
            return None
        old, new = pair.numbers
        if old.mean is None or new.mean is None or not old.std or new.std is None or not old.finite or not new.finite:
            return None
        shift = new.mean - old.mean
        value = abs(new.mean / old.std - old.mean / old.std) if math.isinf(shift) else abs(shift) / old.std
        if math.isinf(value):
            return None
        told = f", from {shown(float(f'{old.mean:.4g}'))} to {shown(float(f'{new.mean:.4g}'))}" if values else ""
        return Measured(
            value,
            f"the mean has moved {'up' if shift > 0 else 'down'} by {figure(value)} standard deviations{told}",
            means_differ(value, 1.0, new.std / old.std, old.finite, new.finite),
        )

"""The outermost share of the values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.detector import Figures
from nanclean.detectors._fences import Fenced
from nanclean.errors import PolicyError


@dataclass(frozen=True)
class Quantile(Fenced):
    """Cells below the quantile `low` or above the quantile `high`: quantile(0.001, 0.999).

    Quantiles are those of the finite cells, interpolated as NumPy does by default. One of the two may be left out.

    Why it matters: clipping the outermost thousandth is the usual way to tame a long tail before scaling.

    Beware: it always finds something, also in perfect data. As a check it says nothing; use it to clip.
    """

    name: ClassVar[str] = "quantile"
    needs: ClassVar[tuple[str, ...]] = ("quantiles", "min", "max", "pos_inf", "neg_inf")
    example: ClassVar[str] = "quantile(0.01, 0.99)"

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        given = [q for q in (self.low, self.high) if q is not None]
        if not given:
            raise PolicyError("quantile needs low, high or both, like quantile(0.01, 0.99)")
        if not all(0 <= q <= 1 for q in given):
            raise PolicyError(f"{self}: quantiles lie between 0 and 1")
        if len(given) == 2 and given[0] >= given[1]:
            raise PolicyError(f"{self}: low must be smaller than high")

    def quantiles(self) -> tuple[float, ...]:
        return tuple(q for q in (self.low, self.high) if q is not None)

    def fit(self, figures: Figures) -> Self:
        found = figures["quantiles"]
        low = figures["min"] if self.low is None else found.get(self.low)
        high = figures["max"] if self.high is None else found.get(self.high)
        return replace(self, fences=None if low is None or high is None else (low, high))

    def beyond(self) -> str:
        ends = []
        if self.low is not None:
            ends.append(f"below the {_named(self.low)}")
        if self.high is not None:
            ends.append(f"above the {_named(self.high)}")
        return " or ".join(ends) + " quantile"


def _named(q: float) -> str:
    return f"{100 * q:.10g}%"

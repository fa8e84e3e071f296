"""A column of another type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.detector import Severity
from nanclean.drift import Drift, Measured, Pair


@dataclass(frozen=True)
class ChangedType(Drift):
    """The type of a column is another one than before: text where numbers were, floats where integers were.

    Why it matters: one cell of garbage in twenty turns a column of numbers into text, and what comes after it fails, or
    makes a category of each number.

    In text files a column of floats that happens to hold whole numbers only is no change, nor is one that is empty.

    Limit: none; it is so or not.
    """

    name: ClassVar[str] = "changed_type"
    unit: ClassVar = "none"
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "changed_type"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.both is None or not pair.changed:
            return None
        old, new = pair.both
        was = f"was {old.type} before" if pair.before == "before" else f"was {old.type} {pair.before}"
        return Measured(1.0, f"is {new.type} here, and {was}")

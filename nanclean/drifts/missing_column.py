"""A column that is not there any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.detector import Severity
from nanclean.drift import Drift, Measured, Pair


@dataclass(frozen=True)
class MissingColumn(Drift):
    """A column that was there before is not there now.

    Why it matters: a model wants every column that it was trained with. The label is no loss where it is yet to be
    predicted, so that is a note.

    Limit: none; it is so or not.
    """

    name: ClassVar[str] = "missing_column"
    unit: ClassVar = "none"
    breach: ClassVar[Severity] = "error"
    example: ClassVar[str] = "missing_column"

    def measure(self, pair: Pair, values: bool = True) -> Measured | None:
        if pair.old is None or pair.new is not None:
            return None
        severity: Severity | None = "info" if pair.old.role == "label" else None
        return Measured(1.0, f"is not here, and was there {pair.before}", severity=severity)

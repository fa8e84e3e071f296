"""Columns that are neither numbers nor text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.column import Column, Mask
from nanclean.detector import Detector, Figures, Hits, Severity, Telling, nothing, spelled
from nanclean.detectors._spelling import NUMBER, dressed, matching, present
from nanclean.part import learned
from nanclean.wording import percent, quoted, several

CODE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_./ -]+")
"""Letters and digits together: a code, as are the numbers beside it."""
PADDED = re.compile(r"0[0-9]+")
"""007 is a code, too."""


@dataclass(frozen=True)
class Mixed(Detector):
    """The cells that are no numbers in a text column of which 50 to 95 % are.

    Why it matters: the column was meant to hold numbers, and something else got in: words for missing, "low", remarks.
    It is read as text, and a model sees thousands of categories.

    Beware: codes can look like numbers. Columns whose other cells are letters and digits together (12B), or whose
    numbers begin with a 0 (007), are not reported. At 95 % and more the column is numeric: see unparsable.
    """

    name: ClassVar[str] = "mixed"
    needs: ClassVar[tuple[str, ...]] = ("classes", "top")
    applies: ClassVar[frozenset[str]] = frozenset({"text"})
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "mixed"

    found: bool | None = learned()
    """Whether the column is such a one."""

    def fit(self, figures: Figures) -> Self:
        numbers, counted = _numbers(figures)
        codes = any(PADDED.fullmatch(str(value).strip()) for value, _ in figures["top"] or ())
        between = 2 * numbers >= counted and 20 * numbers < 19 * counted
        return replace(self, found=between and counted > 2 and not codes)

    def suspects(self, figures: Figures) -> bool:
        return bool(self.found)

    def mask(self, column: Column) -> Mask:
        return ~matching(column, NUMBER) & present(column) if self.found else nothing(column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling | None:
        texts = [value.strip() for value in hits.values if isinstance(value, str)]
        if texts and (all(map(dressed, texts)) or all(map(CODE.fullmatch, texts))):
            return None  # all in other clothes: decimal tells that
        numbers, counted = _numbers(figures)
        others = several(hits.count, "value is not", "values are not") + spelled(hits, values, quotes=True)
        hint = f"{quoted(figures['name'])}: mixed -> blank"
        return Telling(f"{percent(numbers, counted)} are numbers, {others}", hint)


def _numbers(figures: Figures) -> tuple[int, int]:
    """The numbers, and all cells that count for the type."""
    classes = figures["classes"] or {}
    numbers = sum(classes.get(kind, 0) for kind in ("integer", "decimal", "infinite"))
    return numbers, numbers + sum(classes.get(kind, 0) for kind in ("boolean", "time", "other"))

"""Columns without any value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.column import Column, Mask
from nanclean.detector import Detector, Figures, Hits, Telling, copied, nothing
from nanclean.part import learned
from nanclean.wording import quoted


@dataclass(frozen=True)
class AllMissing(Detector):
    """The cells of a column in which every one is missing.

    Why it matters: there is no mean or median to fill it with. scikit-learn's SimpleImputer drops such a column, so
    that the shapes no longer agree; HistGradientBoosting and PowerTransformer crash on it; a network gets NaN.

    Beware: it says nothing of a column that has a single value among a million missing cells; missing does.
    """

    name: ClassVar[str] = "all_missing"
    needs: ClassVar[tuple[str, ...]] = ("count", "missing")
    builtin: ClassVar[bool] = True
    absent: ClassVar[bool] = True
    example: ClassVar[str] = "all_missing"

    found: bool | None = learned()
    """Whether the column is such a one."""

    def fit(self, figures: Figures) -> Self:
        return replace(self, found=0 < figures["missing"] == figures["count"])

    def suspects(self, figures: Figures) -> bool:
        return bool(self.found)

    def mask(self, column: Column) -> Mask:
        return copied(column.missing, column) if self.found else nothing(column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        hint = f"{quoted(figures['name'])}: all_missing -> drop_column"
        count = figures["count"]
        return Telling("the only cell is missing" if count == 1 else f"all {count:,} cells are missing", hint)

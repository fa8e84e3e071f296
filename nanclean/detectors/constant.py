"""Columns with one single value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from nanclean.column import Column, Mask
from nanclean.detector import EVERYTHING, Detector, Figures, Hits, Severity, Telling, nothing
from nanclean.part import learned
from nanclean.wording import quoted, shown


@dataclass(frozen=True)
class Constant(Detector):
    """The cells of a column that holds one and the same value wherever it is not missing.

    Why it matters: (x - mean) / std and (x - min) / (max - min) are 0 / 0 there, which is NaN wherever scaling is
    done by hand. scikit-learn and Keras guard against it; a column without variation still teaches nothing.

    Beware: the values are compared exactly, so a column that varies in its last digit only is not found. And where
    cells are missing beside the one value ("yes" or nothing), being missing may be the information.
    """

    name: ClassVar[str] = "constant"
    needs: ClassVar[tuple[str, ...]] = ("constant", "count", "missing")
    applies: ClassVar[frozenset[str]] = EVERYTHING - {"other", "complex"}
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "constant"

    found: bool | None = learned()
    """Whether the column is such a one."""

    def fit(self, figures: Figures) -> Self:
        return replace(self, found=bool(figures["constant"]) and figures["count"] - figures["missing"] > 1)

    def suspects(self, figures: Figures) -> bool:
        return bool(self.found)

    def mask(self, column: Column) -> Mask:
        if not self.found:
            return nothing(column)
        mask = np.ones(column.cells, dtype=bool)
        for without in (column.missing, column.absent):
            if without is not None:
                mask &= ~without
        return mask

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        where = "in every row" if not figures["missing"] else f"in all {hits.count:,} cells that are not missing"
        top = figures["top"]
        value = top[0][0] if top else figures["min"] if figures["min"] is not None else next(iter(hits.values), "")
        what = shown(value) if values and value != "" else "the same value"
        return Telling(f"{what} {where}", f"{quoted(figures['name'])}: constant -> drop_column")

"""Infinities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nanclean.column import Column, Mask, Numbers, Values
from nanclean.detector import NUMBERS, Detector, Figures, Hits, Telling, nothing
from nanclean.wording import listed, quoted, several


@dataclass(frozen=True)
class Infinite(Detector):
    """Cells that are inf or -inf, also where a text file spells them or holds a number too large to be one.

    Why it matters: inf - inf, 0 * inf and inf / inf are NaN, so one cell ends a training run. XGBoost and
    scikit-learn refuse it; LightGBM and CatBoost take it without a word and learn from it.

    Beware: it says where an infinity is, not where it came from. Most come from a division by zero or log(0)
    further up: repair that, too. Turning it into the largest number (as nan_to_num does) only moves the overflow.
    """

    name: ClassVar[str] = "infinite"
    applies: ClassVar[frozenset[str]] = NUMBERS | {"complex"}
    builtin: ClassVar[bool] = True
    finite: ClassVar[bool] = False
    counts: ClassVar[tuple[str, ...]] = ("pos_inf", "neg_inf")
    example: ClassVar[str] = "infinite"

    def touches(self, column: Column) -> bool:
        return not isinstance(column, Numbers) or not column.all_finite

    def mask(self, column: Column) -> Mask:
        mask = nothing(column)
        if isinstance(column, Numbers):
            for infinite in (column.pos_inf, column.neg_inf):
                if infinite is not None:
                    mask |= infinite
        elif isinstance(column, Values) and isinstance(column.array, np.ndarray) and column.array.dtype.kind == "c":
            mask |= np.isinf(column.array)
            if column.missing is not None:  # NaN in the other part
                mask &= ~column.missing
        return mask

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        above, below = figures["pos_inf"] or 0, figures["neg_inf"] or 0
        kinds = [f"{count:,} {word}" for count, word in ((above, "inf"), (below, "-inf")) if count]
        if figures["type"] == "complex":
            kinds = []
        elif len(kinds) == 1:
            kinds = [("all " if hits.count > 1 else "") + kinds[0].partition(" ")[2]]
        message = ": ".join([several(hits.count, "infinite value"), *filter(None, [listed(kinds)])])
        return Telling(message, f"{quoted(figures['name'])}: infinite -> blank")

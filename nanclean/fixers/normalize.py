"""Columns of numbers brought to one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from nanclean.block import Block
from nanclean.column import Column, Numbers
from nanclean.detector import NUMBERS, Detector, Figures
from nanclean.errors import RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import floats_of, no_integers, pasted, place
from nanclean.part import learned
from nanclean.patch import numbers
from nanclean.wording import quoted, several, shown

FIGURES = {
    "standard": ("mean", "std"),
    "minmax": ("min", "max"),
    "robust": ("q1", "median", "q3"),
    "maxabs": ("min", "max"),
}


@dataclass(frozen=True)
class Normalize(Fixer):
    """Brings a column of numbers to one scale; it takes every cell, and goes without a find.

    standard is (x - mean) / deviation (of the population), minmax is (x - min) / (max - min), robust is
    (x - median) / (q3 - q1), maxabs is x / max |x|. What has no spread becomes 0. The result is float64; float32
    stays float32. Elements of lists are brought to one scale together.

    Changes data: yes, every value; order and gaps between values stay in proportion. No budget counts it.

    Why it matters: with one column in 0..1 and another in thousands, the large one is all that gradient descent,
    nearest neighbours and every penalty on weights see. By hand a constant column becomes 0 / 0, which is NaN.

    Beware: standard and minmax are measured with the outliers in them: clip above, or take robust. A missing or
    infinite cell stops it; put rules for these above. Fit it on the training split only. Where more than half of the
    cells are one value robust has no spread, so that every cell becomes 0.

    Twice: not the same as once: a recipe that is applied to its own output scales it again.
    """

    name: ClassVar[str] = "normalize"
    applies: ClassVar[frozenset[str]] = NUMBERS
    whole: ClassVar[bool] = True
    rescales: ClassVar[bool] = True
    example: ClassVar[str] = "normalize(standard)"

    how: Literal["standard", "minmax", "robust", "maxabs"]

    figures: tuple[tuple[str, int | float], ...] | None = learned()
    """What was measured, by the names of the report. None: not fitted, or there was no cell to measure."""

    @property
    def needs(self) -> tuple[str, ...]:
        return FIGURES[self.how]

    def makes(self, type: str) -> str:
        return "list<float>" if type.startswith("list") else "float"

    def aimed(self, aim: Aim) -> Self:
        no_integers(self, aim)
        return self

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        measured = [(key, figures[key]) for key in FIGURES[self.how]]
        if any(value is None for _, value in measured):
            if figures["count"]:
                name = figures["name"]
                raise RuleError(
                    f"{quoted(name)}: {self} has nothing to learn from: no cell holds a finite value",
                    hint=f"add above: {pasted(name, 'all_missing -> drop_column')}",
                )
            return self
        return replace(self, figures=tuple(measured))

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column, dtype, type_ = floats_of(name, self, block)
        if column.cells and self.figures is None:
            raise RuleError(f"{quoted(name)}: {self} was fitted on a table without rows",
                            hint="fit the recipe on a table with values in that column")  # fmt: skip
        with np.errstate(over="ignore"):
            values = self._scaled(column.values.astype(np.float64)).astype(dtype)
        wrong = ~np.isfinite(values)
        if wrong.any():
            n = several(int(np.count_nonzero(wrong)), "value")
            raise RuleError(f"{quoted(name)}: {self}: {n} too large for {dtype} {place(block, column, wrong)}",
                            hint=f"add above: {pasted(name, 'iqr(3) -> clip')}")  # fmt: skip
        changed = values != column.values
        return Fixed(numbers(column, values, None, None, type=type_), changed if changed.any() else None)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        if self.figures is None:  # no cell
            return x
        center, low, high = self._measures()
        spread = high - low
        if not spread:
            return np.zeros_like(x)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled: np.ndarray = (x - center) / spread
            # A difference beyond float64: the same with halves of everything.
            beyond = np.flatnonzero(~np.isfinite(x - center)) if np.isfinite(spread) else np.arange(x.size)
            if beyond.size:
                scaled[beyond] = (x[beyond] / 2 - center / 2) / (high / 2 - low / 2)
        return scaled

    def _measures(self) -> tuple[np.float64, np.float64, np.float64]:
        """What becomes 0, and two numbers whose difference becomes 1."""
        found = {key: np.float64(value) for key, value in self.figures or ()}
        zero = np.float64(0)
        if self.how == "standard":
            return found["mean"], zero, found["std"]
        if self.how == "robust":
            return found["median"], found["q1"], found["q3"]
        if self.how == "maxabs":
            return zero, zero, max(abs(found["min"]), abs(found["max"]))
        return found["min"], found["min"], found["max"]

    def proven(self, column: Column) -> str | None:
        if isinstance(column, Numbers) and column.absent is None and np.isfinite(column.values).all():
            return None
        return "a value is not finite"

    def told(self) -> str:
        return ", ".join(f"{key} {shown(value)}" for key, value in self.figures or ())

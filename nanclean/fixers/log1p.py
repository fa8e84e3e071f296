"""Logarithms of columns with a long tail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from nanclean.block import Block
from nanclean.column import Column, Numbers
from nanclean.detector import NUMBERS
from nanclean.errors import RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import first_rows, floats_of, no_integers, pasted
from nanclean.patch import numbers
from nanclean.wording import listed, quoted, several, shown


@dataclass(frozen=True)
class Log1p(Fixer):
    """Replaces each value x by the natural logarithm of 1 + x; it takes every cell, and goes without a find.

    The result is float64; float32 stays float32. numpy.expm1 turns it back.

    Changes data: yes, every value but 0; the order stays. No budget counts it.

    Why it matters: prices, counts and incomes spread over powers of ten. After the logarithm the few large ones no
    longer rule every mean, gradient and split, and 0 stays 0.

    Beware: -1 and everything below it have no logarithm, and stop it. A mean of logarithms is not the logarithm of
    the mean, so predictions that are turned back are too low on average.

    Twice: not the same as once: it is the logarithm of the logarithm.
    """

    name: ClassVar[str] = "log1p"
    applies: ClassVar[frozenset[str]] = NUMBERS
    whole: ClassVar[bool] = True
    rescales: ClassVar[bool] = True
    example: ClassVar[str] = "log1p"

    def makes(self, type: str) -> str:
        return "list<float>" if type.startswith("list") else "float"

    def aimed(self, aim: Aim) -> Self:
        no_integers(self, aim)
        return self

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column, dtype, type_ = floats_of(name, self, block)
        low = column.values <= -1 if column.values.dtype.kind != "u" else np.zeros(column.cells, bool)
        if low.any():
            found = [f"row {row:,}: {shown(column.values[at].item())}" for row, at in first_rows(block, column, low)]
            n = int(np.count_nonzero(low))
            told = listed([*found, *["more"] * (n - len(found))])
            raise RuleError(
                f"{quoted(name)}: log1p: {several(n, 'value is', 'values are')} -1 or less: {told}",
                hint=f"add above: {pasted(name, 'range(0) -> clip')}",
            )
        values = np.log1p(column.values.astype(np.float64)).astype(dtype)
        changed = values != column.values
        return Fixed(numbers(column, values, None, None, type=type_), changed if changed.any() else None)

    def proven(self, column: Column) -> str | None:
        if isinstance(column, Numbers) and column.absent is None and np.isfinite(column.values).all():
            return None
        return "a value is not finite"

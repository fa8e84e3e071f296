"""Bad cells that become a constant."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from nanclean.block import Block
from nanclean.cells import packed_bits
from nanclean.column import Numbers, Values
from nanclean.detector import NUMBERS, Detector, Figures
from nanclean.errors import PolicyError, RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import demand_of_type, finds
from nanclean.part import learned
from nanclean.patch import put
from nanclean.tokens import TIME, Kind, Words, lexicon
from nanclean.typed import strings
from nanclean.wording import quoted, shown

SAYS_MISSING = (Kind.EMPTY, Kind.NARROW, Kind.NAN)


@dataclass(frozen=True)
class Fill(Fixer):
    """Replaces each bad cell by a constant of the column's type: fill(0), fill("unknown"), fill(True).

    Changes data: yes. The row stays; what was in the cell is gone.

    Why it matters: sometimes the value is known: no entry in a column of counts is 0, and an answer that nobody gave
    can be a category of its own.

    Beware: a constant far from the others is an outlier that you have made yourself: fill(-999) moves every mean
    and every scale. Of a value that is not known, impute is the better guess, and flag keeps what is lost.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "fill"
    applies: ClassVar[frozenset[str]] = NUMBERS | {"text", "boolean", "time"}
    example: ClassVar[str] = "fill(0)"

    value: bool | int | float | str

    dtype: str | None = learned()
    """Of the numbers that it was aimed at."""

    def held_against(self, type: str) -> None:
        demand_of_type(self, type, self.value)

    def aimed(self, aim: Aim) -> Self:
        what = f"{self}: {quoted(aim.column)} is a column of type {aim.type}"
        if aim.type in NUMBERS:
            self._demand_number(aim, what)
        elif aim.type == "boolean":
            if not isinstance(self.value, bool):
                raise PolicyError(what, hint="write fill(True) or fill(False)")
        elif not isinstance(self.value, str):
            raise PolicyError(what, hint=f"write fill('{self.value}')")
        elif aim.type == "time" and not re.fullmatch(TIME, self.value):
            raise PolicyError(f"{what}, and {shown(self.value)!r} is no time", hint="write fill('2024-12-31')")
        elif aim.type == "text" and lexicon(Words()).kind(self.value) in SAYS_MISSING:
            said = f"{self}: a cell with {shown(self.value)!r} is missing to most who read the file"
            raise PolicyError(said, hint="take another word, or write blank")
        if aim.find is not None and not aim.find.needs and finds(aim.find, aim.type, self.value, aim.dtype):
            raise PolicyError(
                f"{self}: {aim.find} takes {shown(self.value)} for bad as well", hint="fill another value"
            )
        return replace(self, dtype=None if aim.dtype is None else aim.dtype.name)

    def _demand_number(self, aim: Aim, what: str) -> None:
        """The value has to be one, and one that the column's type holds as it is."""
        value = self.value
        if isinstance(value, bool | str):
            hint = "write blank to make cells missing" if str(value).lower() == "nan" else "write fill(0)"
            raise PolicyError(what, hint=hint)
        if aim.type in ("integer", "list<integer>") and value != int(value):
            raise PolicyError(f"{what}, and {shown(value)} is no integer", hint=f"write fill({round(value)})")
        if aim.dtype is not None and not _holds(aim.dtype, value):
            raise PolicyError(f"{self}: {quoted(aim.column)} is {aim.dtype}, which cannot hold {shown(value)}",
                              hint="fill a value of its type, or cast the column above")  # fmt: skip

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        dtype = None if self.dtype is None else np.dtype(self.dtype)
        if finds(find, figures["type"], self.value, dtype):
            raise RuleError(
                f"{quoted(figures['name'])}: {self}: {find} takes {shown(self.value)} for bad as well",
                hint="fill another value",
            )
        return self

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column = block.columns[name].view
        value = self._cell(column) if isinstance(column, Values) else self.value
        if not bad.cells.any():
            return Fixed()
        if isinstance(column, Numbers):
            value = column.values.dtype.type(int(self.value) if not column.floating else self.value)
        return Fixed(put(column, bad.cells, value), bad.cells)

    def _cell(self, column: Values) -> Any:
        """An Arrow array of the one value."""
        assert isinstance(column.array, pa.Array)
        if column.type == "boolean":
            return packed_bits(np.array([bool(self.value)]))
        try:
            return strings([str(self.value)]).cast(column.array.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            example = "12:30" if pa.types.is_time(column.array.type) else "2024-12-31"
            said = f"{self}: {shown(self.value)!r} is no {column.array.type}"
            raise PolicyError(said, hint=f"write fill('{example}')") from None


def _holds(dtype: np.dtype, value: int | float) -> bool:
    """Whether a dtype holds a value as it is, fractions to its precision."""
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        return bool(held.min <= value <= held.max)
    with np.errstate(over="ignore"):
        rounded = float(dtype.type(value))
    if value == int(value):
        return rounded == value
    return np.isfinite(rounded) and bool(rounded)

"""A column that says which rows are bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from nanclean.block import Block
from nanclean.cells import packed_bits
from nanclean.column import Column, Mask, Values
from nanclean.detector import Detector
from nanclean.errors import PolicyError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.part import learned
from nanclean.wording import quoted


@dataclass(frozen=True)
class Flag(Fixer):
    """Adds a boolean column `<column>_<find>`, true in the rows whose cell is bad, and changes nothing else.

    Changes data: a column comes in; every cell that was there stays, so it goes with a label or an id as well.

    Why it matters: that a value is missing often says more than the value would: an income that somebody would not
    tell, a sensor that was too hot. Once the cell has been filled, only the flag still knows.

    Beware: put it above the rule that repairs the cells; below that it is false everywhere. A model must get the
    column in production as well.

    Twice: not the same as once: the column is there already, and a rule that adds it again says so.
    """

    name: ClassVar[str] = "flag"
    changes: ClassVar[bool] = False
    example: ClassVar[str] = "flag"

    added: str | None = learned()
    """The name of the column that it adds."""

    def aimed(self, aim: Aim) -> Self:
        (added,) = self.names(aim.column, aim.find)
        if added in aim.types:
            raise PolicyError(
                f"flag adds a column {quoted(added)}, and there is one of that name",
                hint="rename that one in the file, or leave the rule out",
            )
        return replace(self, added=added)

    @property
    def cures(self) -> bool:
        return False

    def names(self, column: str, find: Detector | None) -> tuple[str, ...]:
        assert find is not None
        return (f"{column}_{find.name}",)

    def adds(self) -> tuple[str, ...]:
        return (self.added,) if self.added is not None else ()

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        return Fixed(added={added: _of(bad.rows(block.columns[name].view)) for added in self.adds()})


def _of(rows: Mask) -> Column:
    return Values(type="boolean", rows=len(rows), cells=len(rows), array=packed_bits(np.asarray(rows, bool)))

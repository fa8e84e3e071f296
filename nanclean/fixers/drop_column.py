"""Columns that leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nanclean.block import Block
from nanclean.detector import Detector, Figures
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.part import learned


@dataclass(frozen=True)
class DropColumn(Fixer):
    """Takes out the column: with a find, if that found anything when the rule was fitted; without one, always.

    Changes data: the column leaves; all others and the rows stay as they are.

    Why it matters: a column without any value has no median to be filled with, one with a single value teaches
    nothing, and the number of the row is learned by heart.

    Beware: with a find, one bad cell is enough; `missing > 50%` cannot be said here, so look at the column first. What
    was decided at fit holds for every later file, whatever is in it.

    Twice: not the same as once: the column is no longer there, and a rule that names it says so.
    """

    name: ClassVar[str] = "drop_column"
    optional: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    example: ClassVar[str] = "drop_column"

    found: bool | None = learned()
    """Whether the column goes."""

    def aimed(self, aim: Aim) -> Self:
        return replace(self, found=True if aim.find is None else None)

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        return replace(self, found=find is None or figures["hits"] > 0)

    @property
    def cures(self) -> bool:
        return bool(self.found)

    @property
    def removes(self) -> bool:
        return bool(self.found)

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        return Fixed(gone=bool(self.found))

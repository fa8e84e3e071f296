"""Rows that leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.block import Block
from nanclean.fixer import Bad, Carry, Fixed, Fixer


@dataclass(frozen=True)
class Drop(Fixer):
    """Takes out each row with a bad cell. It goes to the file of rejected rows, with the reason.

    Changes data: rows leave, and no cell changes, so it goes with a label or an id as well.

    Why it matters: a row without a label teaches nothing, and a value that was made up for it teaches something
    wrong. A few rows out of many are the cheapest price for that.

    Beware: rows are seldom bad by chance. If one class, shop or month loses more of them than the others, the model
    learns the difference; `[budget] rows_dropped_per_class` watches that. In time series the rows that are left
    become neighbours.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "drop"
    changes: ClassVar[bool] = False
    drops: ClassVar[bool] = True
    example: ClassVar[str] = "drop"

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        return Fixed(keep=~bad.rows(block.columns[name].view))

"""Cells that become missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.cells import bits, packed
from nanclean.column import Column, Mask, bits_to_mask
from nanclean.detector import Detector, Figures
from nanclean.errors import PolicyError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import finds, pasted
from nanclean.part import learned
from nanclean.patch import blanked
from nanclean.tokens import BLANKS, PANDAS
from nanclean.typed import plain, strings, view
from nanclean.wording import quoted


@dataclass(frozen=True)
class Blank(Fixer):
    """Makes each bad cell missing: null, NaN where the format has no null, in a CSV file what means "missing" there.

    Changes data: the cell's value is gone; the row stays. A cell that is missing already stays as it is, and a
    declared spelling such as -999 becomes truly missing.

    Why it matters: a -999 that means "missing" is a number to every mean and every model, and an infinity ends a
    training run. As missing cells both can be filled by the rule below, or left to a tree that bears them.

    Beware: it makes no data better by itself: networks and most of scikit-learn refuse missing cells. Follow it with
    impute, fill or drop.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "blank"
    voids: ClassVar[bool] = True
    example: ClassVar[str] = "blank"

    text: bool | None = learned()
    """It was aimed at a text file, in which "NA" is missing and not a text that means it."""
    stays: bool | None = learned()
    """The find takes missing cells for bad, so that it goes on finding them."""

    def aimed(self, aim: Aim) -> Self:
        if not aim.nullable:
            kind = "integers" if aim.dtype is not None else aim.type
            hint = f"write {pasted(aim.column, f'{aim.find} -> drop')}"
            if aim.dtype is not None:
                hint = f"add above: '{quoted(aim.column)} -> cast(float32)', or {hint}"
            said = f"blank: {quoted(aim.column)} is an array of {kind}, which has no way to say missing"
            raise PolicyError(said, hint=hint)
        return replace(self, text=aim.format == "csv")

    @property
    def cures(self) -> bool:
        return not self.stays

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        stays = find is not None and find.absent and finds(find, figures["type"], None, np.dtype(np.float64))
        return replace(self, stays=stays)

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        held, cells = block.columns[name], bad.cells
        if not cells.any():
            return Fixed()
        already = self._missing(block.raw(name), held.view, cells)
        if held.changed is not None and held.changed.any():
            missing = held.view.missing  # what a rule above has changed is as that rule has left it
            above = np.zeros_like(held.changed) if missing is None else held.changed & missing
            already = above if already is None else np.where(held.changed, above, already)
        if already is not None:
            cells = cells & ~already
        return Fixed(blanked(held.view, cells), cells) if cells.any() else Fixed()

    def _missing(self, raw: Raw | None, column: Column, cells: Mask) -> Mask | None:
        """The cells that are truly missing as they were read. None: none is, or nobody knows."""
        if raw is None:
            return None
        if isinstance(raw, pa.Array):
            array = plain(raw)
            if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
                in_text_file = self.text or column.type != "text"
                return _spelled(array, cells) if in_text_file else bits_to_mask(array)
        return view(raw).missing


def _spelled(raw: pa.Array, cells: Mask) -> Mask:
    """The cells of a text file that every reader takes for missing."""
    where = np.flatnonzero(cells)
    some = pc.utf8_trim(raw.take(packed(where)), characters=BLANKS)
    known = pc.is_in(some, value_set=strings(sorted(PANDAS)).cast(some.type))
    null = bits_to_mask(some)
    mask = np.zeros(len(raw), bool)
    mask[where] = bits(known) if null is None else bits(known) | null
    return mask

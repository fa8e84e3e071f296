"""What measures of shares have in common."""

from __future__ import annotations

from typing import Literal

from nanclean.chance import rates_differ
from nanclean.drift import Measured, Pair
from nanclean.wording import percent


def of_cells(pair: Pair, counted: Literal["missing", "infinite"]) -> Measured | None:
    """The difference of the shares of cells of one kind; None where one of the two is not known."""
    if pair.both is None:
        return None
    old, new = pair.both
    before, now = getattr(old, counted), getattr(new, counted)
    if before is None or now is None or not old.cells or not new.cells:
        return None
    return Measured(
        abs(now / new.cells - before / old.cells),
        f"{percent(now, new.cells)} of the cells are {counted} here, {percent(before, old.cells)} {pair.before}",
        rates_differ(before, old.cells, now, new.cells),
        now,
        new.cells,
    )

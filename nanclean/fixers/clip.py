"""Values pulled back to the nearest acceptable one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from nanclean.block import Block
from nanclean.column import Column, Numbers, inside
from nanclean.detector import NUMBERS, Detector, Figures
from nanclean.errors import PolicyError, RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import finds, pasted, place
from nanclean.ladder import lerp
from nanclean.part import learned
from nanclean.patch import put
from nanclean.wording import quoted, several, shown

Fence = int | float | None
"""None: open."""


@dataclass(frozen=True)
class Clip(Fixer):
    """Replaces each bad value by the nearer of two fences: those of the find, or given ones as in clip(0, 100).

    With given bounds it also goes without a find, and then takes every value beyond them. Fences lie where the
    column's own type has a value: no integer is 0.5. An infinity is pulled to the fence; a missing cell stays missing.

    Changes data: yes. The row stays; the exact value is lost.

    Why it matters: one value a thousand times too large takes over a squared loss. Pulled back it still says "large",
    and the row with its other columns is kept.

    Beware: many clipped values make a heap at the fence, which is a spike in the distribution. And a value that is
    an error (a wind of 1,048 mph) is not large but unknown: there blank is more honest.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "clip"
    applies: ClassVar[frozenset[str]] = NUMBERS
    optional: ClassVar[bool] = True
    example: ClassVar[str] = "clip(0, 100)"

    low: int | float | None = None
    high: int | float | None = None

    fences: tuple[Fence, Fence] | None = learned()
    """None: not fitted, or the find has drawn none."""
    every: bool | None = learned()
    """It takes every cell, so that nothing lies beyond the fences afterwards."""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            given = f"low={shown(self.low)}" if self.high is None else f"high={shown(self.high)}"
            raise PolicyError(f"clip needs two bounds; it has {given} alone", hint="write clip(0, 100)")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise PolicyError(f"{self}: low is greater than high", hint=f"write clip({self.high}, {self.low})")

    def aimed(self, aim: Aim) -> Self:
        if self.low is None or self.high is None:
            if not hasattr(aim.find, "fences"):
                draws = "it has none" if aim.find is None else f"{aim.find.name} draws none"
                raise PolicyError(f"clip needs two fences, and {draws}", hint="write clip(0, 100), or find with iqr")
            return replace(self, every=False)
        if aim.find is not None and aim.find.absent:
            said = f"{self} moves values, and {aim.find} finds cells without one"
            raise PolicyError(said, hint=f"write {pasted(aim.column, f'{aim.find} -> impute(median)')}")
        if aim.dtype is not None:
            ends = inside(self.low, self.high, aim.dtype)
            if ends[0] is None:
                raise PolicyError(f"{self}: no {aim.dtype} lies between {shown(self.low)} and {shown(self.high)}")
            find = aim.find
            if find is not None and not find.needs and any(finds(find, aim.type, end, aim.dtype) for end in ends):
                raise PolicyError(f"{self}: {find} takes its bounds for bad as well", hint=_narrower(aim.column, find))
        return replace(self, fences=(self.low, self.high), every=aim.find is None)

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        drawn = getattr(find, "fences", None)
        if self.low is None or self.high is None:
            return self if drawn is None else replace(self, fences=_closed(drawn))
        name = figures["name"]
        if find is not None and drawn is not None and not (drawn[0] <= self.low and self.high <= drawn[1]):
            raise RuleError(
                f"{quoted(name)}: {self} reaches beyond the fences of {find}, {_between(_closed(drawn))}",
                hint=_narrower(name, find),
            )
        if find is not None and any(finds(find, figures["type"], end) for end in (self.low, self.high)):
            raise RuleError(f"{quoted(name)}: {self}: {find} takes its bounds for bad as well", hint="write blank")
        return replace(self, fences=(self.low, self.high))

    @property
    def carries(self) -> frozenset[str]:
        return frozenset(("finite", "min", "max", "q1", "median", "q3"))

    def carried(self, figures: Figures) -> Figures | None:
        """Pulling back keeps the order, so the order statistics of the answer are those of the column, pulled back."""
        if self.fences is None:
            return {}
        beside, low = figures["beside"], figures["min"]
        if beside is None or low is None or (self.low is not None and not self.every) or figures["pos_inf"] != 0:
            return None
        if figures["neg_inf"] != 0:  # a cell that was infinite counts among the others now
            return None
        integer = figures["type"] in ("integer", "list<integer>")
        dtype = np.dtype(np.int64 if integer else f"f{(figures['bits'] or 64) // 8}")
        bottom, top = self.fences
        ends = inside(-math.inf if bottom is None else bottom, math.inf if top is None else top, dtype)
        if ends[0] is None or (integer and not -(2**63) <= low <= figures["max"] < 2**63):
            return None
        held = ends[0].item(), ends[1].item()

        def pulled(value: Any) -> Any:
            return min(max(value, held[0]), held[1])

        known: dict[str, Any] = {"min": pulled(low), "max": pulled(figures["max"])}
        known["beside"] = {name: (pulled(a), pulled(b), t) for name, (a, b, t) in beside.items()}
        for name, (a, b, t) in known["beside"].items():
            known[name] = lerp(float(a), float(b), t) if t else float(a)
        return known

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column = block.columns[name].view
        if self.fences is None or not bad.cells.any():
            return Fixed()
        assert isinstance(column, Numbers)
        low, high = self._ends(column)
        if low is None:
            raise RuleError(
                f"{quoted(name)}: clip: no {column.values.dtype} lies {_between(self.fences)}",
                hint="write blank, or cast the column to floats above",
            )
        out = column.outside(low, high)
        left = bad.cells & ~out if not self.every else None
        if left is not None and left.any():
            raise RuleError(
                f"{quoted(name)}: {self} leaves {several(int(np.count_nonzero(left)), 'bad cell')} "
                f"{place(block, column, left)}: they lie {_between(self.fences)}",
                hint="take narrower bounds, or write blank",
            )
        out &= bad.cells
        if not out.any():
            return Fixed()
        return Fixed(put(column, out, np.clip(column.values[out], low, high)), out)

    def _ends(self, column: Numbers) -> tuple[Any, Any]:
        assert self.fences is not None
        low, high = self.fences
        return inside(-math.inf if low is None else low, math.inf if high is None else high, column.values.dtype)

    def proven(self, column: Column) -> str | None:
        if not self.every or self.fences is None or not isinstance(column, Numbers):
            return None
        low, high = self._ends(column)
        left = 0 if low is None else int(np.count_nonzero(column.outside(low, high)))
        return f"{several(left, 'value')} beyond {_between(self.fences)}" if left else None

    def told(self) -> str:
        if self.fences is None:
            return ""
        low, high = self.fences
        ends = [f"below {shown(low)}"] * (low is not None) + [f"above {shown(high)}"] * (high is not None)
        return ", ".join(ends)


def _closed(drawn: tuple[int | float, int | float]) -> tuple[Fence, Fence]:
    """Fences as JSON can hold them."""
    low, high = (None if math.isinf(end) else end for end in drawn)
    return low, high


def _between(fences: tuple[Fence, Fence]) -> str:
    low, high = fences
    if low is None or high is None:
        return f"above {shown(low)}" if high is None else f"below {shown(high)}"
    return f"between {shown(low)} and {shown(high)}"


def _narrower(column: str, find: Detector) -> str:
    return f"write {pasted(column, f'{find} -> clip')}" if hasattr(find, "fences") else "take other bounds"

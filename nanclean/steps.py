"""One rule for one column, and what a rule does to a block: the heart of every fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Self

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import packed, packed_bits
from nanclean.column import Column, Mask, Numbers
from nanclean.detector import Detector, Figures, Marked
from nanclean.errors import RuleError, VerificationError
from nanclean.fixer import Bad, Fixed, Fixer
from nanclean.hits import Hits
from nanclean.typed import arrow_of, strings
from nanclean.wording import quoted, several

Key = tuple[int, str]
"""The number of a rule, and a column."""
Carries = MutableMapping[Key, dict[str, Any]]
"""What steps remember from batch to batch."""
ROWS = ("", "rows")
"""What a rule writes that drops rows: they are common to all columns."""
NOT_FINITE = frozenset(
    ("missing", "null", "nan", "empty", "token", "tokens", "unparsable", "count", "distinct", "constant", "top", "mode")
)
"""Figures that change with cells that are not finite; all others are of the finite ones alone."""


@dataclass(frozen=True)
class Step:
    """One rule for one column. A rule of five columns is five steps."""

    rule: int
    """Its number, from 0."""
    column: str
    find: Detector | None
    """None: every cell."""
    fix: Fixer | None
    """None: it only counts."""
    turn: int = 0
    """The round of measuring that settles it; 0: it needs none. The planner fills it in."""
    measured: int | None = None
    """The round that takes its figures. None: those of the column as it was read are good."""
    settled: bool = False
    """It knows all its numbers."""
    marked: Marked | None = field(default=None, compare=False, repr=False)
    """The rows that its find has found, where that is about rows and the data has been searched. In no recipe."""

    @property
    def of_rows(self) -> bool:
        """Whether it judges rows by several columns together: then it is one step for all of them."""
        return self.find is not None and self.find.scope == "row"

    @property
    def key(self) -> Key:
        return self.rule, self.column

    @property
    def needs(self) -> frozenset[str]:
        """The figures that it is fitted with."""
        found = () if self.find is None else self.find.needs
        if self.find is not None and self.find.scope == "table":
            found = (*found, "missing")
        return frozenset((*found, *(() if self.fix is None else self.fix.needs)))

    @property
    def reads(self) -> frozenset[str]:
        """The columns that it looks at in a block."""
        if self.of_rows:  # it only asks which rows have been found
            return frozenset()
        return frozenset((self.column, *(() if self.fix is None else self.fix.beside)))

    @property
    def searches(self) -> frozenset[str]:
        """The columns that all rows are searched by before it is known which it finds."""
        return frozenset(self.find.columns) if self.find is not None and self.of_rows else frozenset()

    @property
    def counts(self) -> bool:
        """It is fitted with the number of cells that the find finds."""
        return self.fix is not None and self.fix.counts and self.find is not None

    @property
    def measures(self) -> set[tuple[str, str]]:
        """What its figures depend on."""
        found = {(self.column, "finite"), ROWS}
        if self.needs & NOT_FINITE or not self.needs:
            found.add((self.column, "rest"))
        if self.fix is not None and self.fix.grouped:
            found |= _both(self.fix.grouped)
        return found

    @property
    def touches(self) -> set[tuple[str, str]]:
        """What it looks at and changes."""
        return {ROWS, *(what for name in self.reads | self.searches for what in _both(name))}

    @property
    def writes(self) -> set[tuple[str, str]]:
        """What is another after it."""
        if self.fix is None:
            return set()
        found = {what for name in self.fix.adds() for what in _both(name)}
        if not self.fix.changes:
            return found | ({ROWS} if self.fix.drops else set())
        if self.find is not None and not self.find.finite and self.fix.voids:
            return found | {(self.column, "rest")}
        return found | _both(self.column)

    def fit(self, figures: Figures) -> Self:
        """With its numbers, from the column as the rules above leave it."""
        find = self.find if self.find is None or self.find.scope != "cell" else self.find.fit(figures)
        fix = self.fix if self.fix is None else self.fix.fit(figures, find)
        return replace(self, find=find, fix=fix, settled=True)


def _both(column: str) -> set[tuple[str, str]]:
    return {(column, "finite"), (column, "rest")}


@dataclass
class Rejected:
    """Rows of a block that a rule drops, and why."""

    rows: np.ndarray
    """int64, (n,): their places in the batch."""
    step: np.ndarray
    """int64, (n,): the number of the step, as in the list of all steps."""
    values: pa.Array
    """text, (n,): the cell as it was read; null where it was missing or has no text."""


@dataclass
class Tally:
    """What all steps have done so far. Merges in any order."""

    found: Counter[Key] = field(default_factory=Counter)
    """Bad cells, and bad rows without a cell."""
    reached: Counter[Key] = field(default_factory=Counter)
    """Cells that reached the step."""
    cells: Counter[Key] = field(default_factory=Counter)
    """Cells that it changed."""
    rows: Counter[Key] = field(default_factory=Counter)
    """Rows that it was the first to drop."""
    hits: dict[Key, Hits] = field(default_factory=dict)
    """Where, of steps about which there may be something to tell."""

    def merge(self, other: Tally) -> None:
        for name in ("found", "reached", "cells", "rows"):
            getattr(self, name).update(getattr(other, name))
        for key, hits in other.hits.items():
            self.hits.setdefault(key, Hits()).merge(hits)


def by_rule(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """The steps of each rule."""
    for _, rule in groupby(steps, key=lambda step: step.rule):
        yield list(rule)


def run(
    steps: Sequence[Step], block: Block, carries: Carries, tally: Tally | None = None, prove: bool = True
) -> tuple[Block, list[Rejected]]:
    """The block as the rules leave it, and the rows that they dropped. `prove`: see `act`.

    RuleError if a rule cannot do what it says, VerificationError if one has not done it.
    """
    rejected: list[Rejected] = []
    place = 0
    for rule in by_rule(steps):
        block, gone = act(rule, block, carries, tally, place, prove)
        rejected += gone
        place += len(rule)
    return block, rejected


def act(
    rule: Sequence[Step],
    block: Block,
    carries: Carries,
    tally: Tally | None = None,
    place: int = 0,
    prove: bool = True,
) -> tuple[Block, list[Rejected]]:
    """Run one rule: all its steps see the block as the rules above left it, and rows leave together at its end.

    prove: False where nobody will get the rows, because they are only measured.
    """
    columns, rejected = dict(block.columns), []
    keep: Mask | None = None
    for number, step in enumerate(rule, start=place):
        if step.of_rows:
            found = _marked(step, block)
            if tally is not None:
                _note_rows(tally, step, block, found)
            if step.fix is not None and step.fix.drops and found.any():
                keep = ~found
                rejected.append(_rejected(block, step, number, found))
                if tally is not None:
                    tally.rows[step.key] += len(rejected[-1].rows)
            continue
        held = block.columns.get(step.column)
        if held is None:  # a rule above has taken it out
            continue
        bad = _bad(step, held.view)
        fixed = Fixed() if step.fix is None else step.fix.fix(step.column, block, bad, carries.setdefault(step.key, {}))
        if prove:
            _demand_named(step, held.view, bad, fixed)
        if tally is not None:
            _note(tally, step, block, held.view, bad, fixed)
        _put(columns, step.column, held, fixed)
        if fixed.keep is not None:
            going = ~fixed.keep if keep is None else ~fixed.keep & keep
            if going.any():
                keep = fixed.keep.copy() if keep is None else keep & fixed.keep
                rejected.append(_rejected(block, step, number, going))
                if tally is not None:
                    tally.rows[step.key] += len(rejected[-1].rows)
    after = replace(block, columns=columns)
    if keep is not None:
        after = after.where(keep)
    for step in rule if prove else ():
        _prove(step, after)
    return after, rejected


def _marked(step: Step, block: Block) -> Mask:
    """bool, (rows,): the rows of a block that a search has found."""
    if not block.rows:
        return np.zeros(0, dtype=bool)
    if step.marked is None:
        raise RuntimeError(f"nobody has searched for {step.find}")
    numbers = block.numbers()
    found = step.marked.between(int(numbers[0]), int(numbers[-1]))
    if not len(found):
        return np.zeros(block.rows, dtype=bool)
    return found[np.minimum(np.searchsorted(found, numbers), len(found) - 1)] == numbers


def _note_rows(tally: Tally, step: Step, block: Block, bad: Mask) -> None:
    tally.reached[step.key] += block.rows
    tally.found[step.key] += int(np.count_nonzero(bad))
    if bad.any():
        assert step.marked is not None
        tally.hits.setdefault(step.key, Hits()).add_rows(bad, block, step.marked.values)


def _bad(step: Step, view: Column) -> Bad:
    if step.find is None:
        return Bad(np.ones(view.cells, dtype=bool))
    if step.find.scope == "table" or not view.rows:  # what it has found is in the fix
        return Bad(np.zeros(view.cells, dtype=bool))
    if not step.find.touches(view):
        return Bad(np.zeros(view.cells, dtype=bool), step.find.rows(view))
    return Bad(step.find.mask(view), step.find.rows(view))


def _put(columns: dict[str, Held], name: str, held: Held, fixed: Fixed) -> None:
    """The answer of a fixer, among the columns."""
    if fixed.gone:
        columns.pop(name, None)
    elif fixed.column is not None:
        changed = held.changed
        if fixed.changed is not None:
            changed = fixed.changed if changed is None else changed | fixed.changed
        columns[name] = Held(fixed.column, held.origin, changed)
    for added, column in fixed.added.items():
        columns[added] = Held(column, None)


def _note(tally: Tally, step: Step, block: Block, view: Column, bad: Bad, fixed: Fixed) -> None:
    key = step.key
    tally.reached[key] += view.cells
    if fixed.changed is not None:
        tally.cells[key] += int(np.count_nonzero(fixed.changed))
    found = int(np.count_nonzero(bad.cells)) if step.find is not None else 0
    if found:
        tally.hits.setdefault(key, Hits()).add(view, bad.cells, block)
    if bad.lists is not None:
        tally.hits.setdefault(key, Hits()).add_rows(bad.lists, block)
        found += int(np.count_nonzero(bad.lists))
    tally.found[key] += found


def _rejected(block: Block, step: Step, number: int, going: Mask) -> Rejected:
    rows = np.flatnonzero(going)
    values = _texts(None if step.of_rows else block.raw(step.column), rows)
    rows = rows if block.kept is None else block.kept[rows]
    return Rejected(rows, np.full(len(rows), number, np.int64), values)


def _texts(raw: Raw | None, rows: np.ndarray) -> pa.Array:
    """Some cells as text."""
    if raw is None or (isinstance(raw, np.ndarray) and raw.ndim > 1):
        return pa.nulls(len(rows), pa.string())
    cells = _as_arrow(raw[rows]) if isinstance(raw, np.ndarray) else raw.take(packed(rows))
    try:
        return cells.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(rows), pa.string())


def _as_arrow(cells: np.ndarray) -> pa.Array:
    if cells.dtype.kind in "iuf":
        return packed(np.ascontiguousarray(cells, cells.dtype.newbyteorder("=")))
    if cells.dtype.kind == "c":
        return strings([str(cell) for cell in cells.tolist()])
    return arrow_of(cells)


def _demand_named(step: Step, before: Column, bad: Bad, fixed: Fixed) -> None:
    """VerificationError if a cell that the find has not found is not as it was."""
    after = fixed.column
    if after is None or after is before or step.find is None:
        return
    good = ~bad.cells
    if (fixed.changed is not None and (fixed.changed & good).any()) or not _same(before, after, good):
        raise VerificationError(
            f"{quoted(step.column)}: {step.fix} changed a cell that {step.find} does not find",
            hint="nothing was written; please report it with the rule",
        )


def _same(before: Column, after: Column, cells: Mask) -> bool:
    """Whether some cells of two columns are the same, bit for bit."""
    one, other = before.absent, after.absent
    if one is not other:
        moved = other if one is None else one if other is None else one ^ other
        if moved is not None and (moved & cells).any():
            return False
    if isinstance(before, Numbers) and isinstance(after, Numbers):
        if before.values.dtype != after.values.dtype:
            return False
        bits = f"u{before.values.dtype.itemsize}"
        moved = before.values.view(bits) != after.values.view(bits)
        moved &= cells
        if one is not None:  # what stands there means nothing
            moved &= ~one
        return not moved.any()
    mine, theirs = getattr(before, "array", None), getattr(after, "array", None)
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return bool(mine[cells].tobytes() == theirs[cells].tobytes())
    if isinstance(mine, pa.Array) and isinstance(theirs, pa.Array):
        some = packed_bits(cells)
        return bool(mine.filter(some).equals(theirs.filter(some)))
    return False


def _prove(step: Step, block: Block) -> None:
    """The find finds nothing any more, and the fix has kept its own promise."""
    held = block.columns.get(step.column)
    if step.fix is None or held is None or not block.rows or step.of_rows:
        return
    view = held.view
    if step.fix.cures and step.find is not None and step.find.scope == "cell":
        left = _bad(step, view)
        if left.cells.any():
            n = several(int(np.count_nonzero(left.cells)), "bad cell")
            raise VerificationError(
                f"{quoted(step.column)}: {step.find} -> {step.fix} left {n}",
                hint="nothing was written; please report it with the rule",
            )
        if left.lists is not None:
            n = several(int(np.count_nonzero(left.lists)), "null list")
            first = int(block.numbers(np.flatnonzero(left.lists)[:1])[0]) + 1
            raise RuleError(
                f"{quoted(step.column)}: {n}, first in row {first:,}: {step.fix} has no cell there to change",
                hint=f"add above: '{quoted(step.column)}: {step.find} -> drop'",
            )
    wrong = step.fix.proven(view)
    if wrong is not None:
        raise VerificationError(f"{quoted(step.column)}: {step.fix}: {wrong}", hint="nothing was written")

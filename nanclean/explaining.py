"""One row of a table: its cells, what is wrong with each, and what the rules of a policy make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nanclean.block import Block
from nanclean.chain import Carries
from nanclean.column import Column, Mask
from nanclean.errors import UsageError
from nanclean.fixing import Fixing
from nanclean.hits import shown as cell_of
from nanclean.policy import Check
from nanclean.steps import Rejected, Tally, run
from nanclean.wording import several, shown

FEW = 8
"""Cells of a list that are shown."""


@dataclass
class Cell:
    """A cell of the row."""

    column: str
    text: str
    """As it was read."""
    wrong: list[str] = field(default_factory=list)
    """The finds that find it, with their severities: `missing [warning]`."""
    after: str | None = None
    """What a fix makes of it. None: nothing else; empty: the column goes."""
    rules: list[str] = field(default_factory=list)
    """The rules that change it."""


@dataclass
class ExplainedRow:
    """A row, cell by cell."""

    number: int
    """From 1."""
    where: str
    """`line 18`, `x[16]`, `row 17`."""
    rows: int
    """Of the table."""
    cells: list[Cell]
    added: list[Cell]
    """What rules add to the row."""
    dropped: str | None = None
    """The rule that drops the row, and why."""
    rules: int = 0
    """How many rules were tried."""


def explain_row(work: Fixing, number: int) -> ExplainedRow:
    """A row of a table by its number, from 1. UsageError if there is no such row, or it is ragged."""
    work.measure()
    facts = work.source.facts
    if not 1 <= number <= facts.rows:
        raise UsageError(
            f"{work.source.path}: there is no row {number:,}",
            hint=f"rows are numbered from 1, after the header, to {facts.rows:,}",
        )
    work.decide(ragged=True)
    checks = work.scan.fitted(work.reading, work.figures_by_place())
    block, carries = _found(work, number - 1)
    cells = {name: Cell(name, _text(block, name, 0)) for name in block.columns}
    for check in checks:
        _judge(check, work.names, block, cells)
    tally = Tally()
    after, rejected = run(work.steps, block, carries, tally)
    explained = ExplainedRow(
        number, work.source.where([number - 1])[0], facts.rows, list(cells.values()), [], rules=len(work.policy.rules)
    )
    if rejected:
        explained.dropped = _dropped(work, rejected)
    else:
        _note_changes(work, block, after, cells, tally, explained)
    return explained


def _found(work: Fixing, row: int) -> tuple[Block, Carries]:
    """The row as a block, and what the rows above leave behind for rules that look at them."""
    chain = work.chain()
    names = frozenset(work.names)
    carries = Carries()
    for split in work.source.splits():
        for block in chain.blocks(split, names):
            numbers = block.numbers()
            place = int(np.searchsorted(numbers, row))
            if place < len(numbers) and numbers[place] == row:
                if work.ordered:
                    run(work.steps, block.where(np.arange(block.rows) < place), carries)
                return block.where(np.arange(block.rows) == place), carries
            if len(numbers) and numbers[-1] > row:
                break
            if work.ordered:
                run(work.steps, block, carries)
    raise UsageError(
        f"{work.source.path}: row {row + 1:,} is ragged: it does not have {several(len(work.names), 'cell')}",
        hint="nobody knows which cell belongs to which column; look at the line in the file",
    )


def _judge(check: Check, names: Sequence[str], block: Block, cells: Mapping[str, Cell]) -> None:
    if check.column is None or check.find.scope != "cell":
        return
    name = names[check.column]
    view = block.columns[name].view
    if not check.find.touches(view):
        return
    lists = check.find.rows(view)
    if bool(check.find.mask(view).any()) or (lists is not None and bool(lists.any())):
        said = f"{check.find} [{check.severity}]"
        if said not in cells[name].wrong:
            cells[name].wrong.append(said)


def _note_changes(
    work: Fixing, block: Block, after: Block, cells: Mapping[str, Cell], tally: Tally, explained: ExplainedRow
) -> None:
    for name, held in block.columns.items():
        now = after.columns.get(name)
        if now is None:
            cells[name].after = ""
        elif now.view is not held.view:
            text = _shown(now.view, 0)
            cells[name].after = text if text != _shown(held.view, 0) else None
    for step in work.steps:
        if tally.cells[step.key] or (step.fix is not None and step.fix.removes):
            cells[step.column].rules.append(str(work.policy.rules[step.rule]))
    explained.added = [
        Cell(name, "", after=_shown(held.view, 0)) for name, held in after.columns.items() if name not in block.columns
    ]


def _dropped(work: Fixing, rejected: Sequence[Rejected]) -> str:
    step = work.steps[int(rejected[0].step[0])]
    return f"{work.policy.rules[step.rule]}"


def _text(block: Block, name: str, row: int) -> str:
    """A cell as it stands in the file."""
    raw = block.raw(name)
    view = block.columns[name].view
    if raw is None or view.owner is not None or (isinstance(raw, np.ndarray) and raw.ndim > 1):
        return _shown(view, row)
    cell = raw[row]
    value = cell.as_py() if hasattr(cell, "as_py") else cell
    return "" if value is None else shown(value)


def _shown(view: Column, row: int) -> str:
    """A cell of a view; of a list the first elements."""
    if view.owner is None:
        return "" if _is(view.absent, row) else shown(cell_of(view, row))
    own = np.flatnonzero(view.owner == row)
    some = [("" if _is(view.absent, int(i)) else shown(cell_of(view, int(i)))) for i in own[:FEW]]
    return f"[{', '.join(some)}{', ..' if own.size > FEW else ''}]"


def _is(mask: Mask | None, row: int) -> bool:
    return mask is not None and bool(mask[row])

"""What cleaning may cost, held against what it has cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from nanclean.cleaning import Outcome
from nanclean.errors import BudgetError
from nanclean.grammar import Limit
from nanclean.report import Change, Report
from nanclean.rule import Budget, Rule
from nanclean.steps import Step
from nanclean.wording import percent, quoted, several, shown


def demand(
    budget: Budget | None,
    report: Report,
    outcome: Outcome,
    rules: Sequence[Rule],
    steps: Sequence[Step],
    values: bool = True,
) -> None:
    """BudgetError, with every line that is exceeded, if cleaning costs more than it may."""
    if budget is None:
        return
    said = [
        *_rows(budget.rows_dropped, outcome, rules),
        *_classes(budget.rows_dropped_per_class, outcome, rules, values),
        *_cells(budget.cells_changed, outcome, rules, steps),
        *_shifts(budget.mean_shift, report.changes, steps, rules),
    ]
    if said:
        raise BudgetError("\n".join(said), hint="look at it with --dry-run; change the rule, or the line in [budget]")


def _rows(limit: Limit | None, outcome: Outcome, rules: Sequence[Rule]) -> Iterator[str]:
    if limit is not None and limit.exceeded(outcome.rejected, outcome.rows):
        yield (
            f"budget: rows_dropped = {limit}: {several(outcome.rejected, 'row')} of {outcome.rows:,} "
            f"({percent(outcome.rejected, outcome.rows)}){_mostly(outcome.tally.rows, rules)}"
        )


def _classes(limit: Limit | None, outcome: Outcome, rules: Sequence[Rule], values: bool) -> Iterator[str]:
    for label, classes in outcome.classes.items():
        for name, total in sorted(classes.total.items(), key=lambda item: str(item[0])):
            dropped = classes.dropped[name]
            if limit is not None and limit.exceeded(dropped, total):
                which = f"class {shown(name)!r}" if values else "a class"
                yield (
                    f"budget: rows_dropped_per_class = {limit}: {which} of {quoted(label)} loses "
                    f"{dropped:,} of {several(total, 'row')} ({percent(dropped, total)})"
                    f"{_mostly(outcome.tally.rows, rules)}"
                )


def _cells(limit: Limit | None, outcome: Outcome, rules: Sequence[Rule], steps: Sequence[Step]) -> Iterator[str]:
    """By column. What rescales a column changes every cell, and is no damage."""
    if limit is None:
        return
    by_column: Counter[str] = Counter()
    of: dict[str, int] = {}
    for step in steps:
        if step.fix is not None and not step.fix.rescales:
            by_column[step.column] += outcome.tally.cells[step.key]
            of[step.column] = max(of.get(step.column, 0), outcome.tally.reached[step.key])
    for column, cells in by_column.items():
        if limit.exceeded(cells, of[column]):
            worst = Counter({key: n for key, n in outcome.tally.cells.items() if key[1] == column})
            yield (
                f"budget: cells_changed = {limit}: {several(cells, 'cell')} of {of[column]:,} in {quoted(column)} "
                f"({percent(cells, of[column])}){_mostly(worst, rules)}"
            )


def _shifts(
    limit: float | None, changes: Sequence[Change], steps: Sequence[Step], rules: Sequence[Rule]
) -> Iterator[str]:
    """In standard deviations before. Columns that are rescaled are meant to move."""
    rescaled = {step.column for step in steps if step.fix is not None and step.fix.rescales}
    seen: set[str] = set()
    for change in changes:
        column = change.column
        if limit is None or column is None or column in seen or column in rescaled or not change.after:
            continue
        seen.add(column)
        before, after, std = change.before.get("mean"), change.after.get("mean"), change.before.get("std")
        if before is None or after is None or std is None or before == after:
            continue
        shift = abs(after / 2 - before / 2) * 2 / std if std else float("inf")
        if shift > limit:
            of_column = Counter({(i, column): c.cells for i, c in enumerate(changes) if c.column == column})
            (number, _), _ = of_column.most_common(1)[0]
            told = f"{shift:.3g} standard deviations" if std else "away from the only value"
            yield (
                f"budget: mean_shift = {limit:g}: the mean of {quoted(column)} moves from {before:.6g} to {after:.6g}, "
                f"{told}; most cells by {changes[number].rule}"
            )


def _mostly(counts: Counter[tuple[int, str]], rules: Sequence[Rule]) -> str:
    """The rule that has the largest share."""
    by_rule: Counter[int] = Counter()
    for (number, _), count in counts.items():
        by_rule[number] += count
    if not by_rule or not by_rule.most_common(1)[0][1]:
        return ""
    number, count = by_rule.most_common(1)[0]
    return f", {count:,} by {rules[number]}"

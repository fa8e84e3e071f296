"""The report of a fix: what each rule did, what limits say, how the columns were and are, what is still wrong."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from nanclean import finding as findings
from nanclean.after import After
from nanclean.cleaning import Outcome
from nanclean.column import Column
from nanclean.drifting import TRAINING, Before, Judge, Now, pairs, training_rows
from nanclean.file import shown
from nanclean.finding import RANK, Finding
from nanclean.outputs import Wish
from nanclean.policy import Check
from nanclean.reference import of_recipe
from nanclean.report import STILL, Change, Output, Report, Summary
from nanclean.report import Column as Measured
from nanclean.scanning import Scan
from nanclean.steps import Step
from nanclean.target import Out, is_like

if TYPE_CHECKING:
    from nanclean.fixing import Fixing

SUMMARY = (
    "type", "count", "missing", "pos_inf", "neg_inf", "unparsable", "min", "max", "mean", "std", "median",
)  # fmt: skip
"""The figures of a column that are shown before and after."""
_ONCE = ("histogram",)
"""What the first change of a column alone has after it: that of before stands in the column, and it is long."""


@dataclass
class Telling:
    """One run that is over, but for the publishing."""

    work: Fixing
    wish: Wish
    outcome: Outcome
    outs: Sequence[Out]

    def report(self) -> Report:
        """The report of the run, before anything is published."""
        wish, outcome, outs = self.wish, self.outcome, self.outs
        after, still = self._after()
        report = self.work.scan.assembled(
            self.work.reading, self.work.profile, self.work.figures_by_place(), [], self.work.started
        )
        found = [*self._of_rules(), *self._remarks(), *self._drift()]
        left = [_still(finding) for finding in still]
        judged = found if wish.fail_on is None else [*found, *left]
        every = sorted([*found, *left], key=lambda finding: RANK[finding.severity])
        return msgspec.structs.replace(
            report,
            command=self.work.command,
            exit_code=findings.exit_code(judged, wish.fail_on or "error"),
            findings=every,
            summary=Summary.of(every),
            changes=self._changes(after),
            output=Output(
                path=None if wish.output is None else shown(wish.output),
                rows=outcome.kept,
                rejected=outcome.rejected,
                verified=False,
                format=None if wish.output is None else wish.format_of_output(self.work.source.format),
                columns=[out.name for out in outs],
                untouched=self.work.same(outcome, outs),
            ),
            run=msgspec.structs.replace(
                report.run,
                policy=self.work.policy.description,
                passes=self.work.scan.table.passes + self.work.passes,
                seconds=round(time.monotonic() - self.work.started, 3),
            ),
        )

    def _after(self) -> tuple[dict[str, Mapping[str, Any]], list[Finding]]:
        """The figures of each column of the output, and what the built-in checks find in it; written or not.

        What no rule has changed is what it was, as long as all rows are there.
        """
        moved = self._moved()
        figures: dict[str, Mapping[str, Any]] = {
            out.name: _summary(self.work.figures[out.name])
            for out in self.outs
            if out.name not in moved and out.name in self.work.figures
        }
        found = self._found_untouched(figures)
        if moved:
            report = self._after_moved({out.name: out.view for out in self.outs if out.name in moved})
            figures |= {column.name: _figures_after(column) for column in report.columns}
            found += report.findings
        return figures, [finding for finding in found if finding.severity != "info"]

    def _moved(self) -> set[str]:
        """The columns of the output whose cells are not those of the input."""
        if self.outcome.rejected:
            return {out.name for out in self.outs}
        changed = {step.column for step in self.work.steps if self.outcome.tally.cells[step.key]}
        before = dict(zip(self.work.names, self.work.columns(), strict=True))
        return {
            out.name for out in self.outs
            if out.name in changed or out.origin is None or not is_like(out.view, before[out.name])
        }  # fmt: skip

    def _found_untouched(self, names: Collection[str]) -> list[Finding]:
        policy = self.work.policy.without_rules(self.work.names)
        figures = self.work.figures_by_place()
        places = {i for i, name in enumerate(self.work.names) if name in names}
        checks = [
            check for check in self.work.scan.fitted(self.work.reading, figures, policy) if check.column in places
        ]  # fmt: skip
        profile = replace(self.work.profile, hits={})
        return self.work.scan.findings(self.work.reading, profile, figures, checks)

    def _after_moved(self, columns: Mapping[str, Column]) -> Report:
        """The report of some columns of the output."""
        chain = self.work.chain(self.work.steps)
        source = After(chain, self.work.steps, columns, self.outcome.kept, self.outcome.starts, frozenset(columns))
        policy = replace(self.work.policy.without_rules(columns), columns={}, missing=())
        jobs = 1 if chain.ordered else self.work.jobs
        scan = Scan(
            source, policy, self.work.options.decimal, jobs, self.work.memory, self.work.values, self.work.progress,
            engine=self.work.given,
        )  # fmt: skip
        report = scan.report("never", self.work.started)
        self.work.passes += chain.passes
        return report

    def _changes(self, after: Mapping[str, Mapping[str, Any]]) -> list[Change]:
        changes = []
        drawn: set[str] = set()
        for step in self.work.steps:
            if step.fix is None:
                continue
            if step.of_rows:
                changes.append(self._of_whole_rows(step))
                continue
            summary = _summary(after[step.column]) if step.column in after else None
            if summary is not None and step.column not in drawn:
                drawn.add(step.column)
                summary |= {key: after[step.column][key] for key in _ONCE if key in after[step.column]}
            changes.append(
                Change(
                    rule=str(self.work.policy.rules[step.rule]),
                    column=step.column,
                    fix=str(step.fix),
                    found=None if step.find is None else self.outcome.tally.found[step.key],
                    cells=self.outcome.tally.cells[step.key],
                    rows=self.outcome.tally.rows[step.key],
                    detail=step.fix.told() or None,
                    before=_summary(self.work.figures.get(step.column)),
                    after=summary,
                )
            )
        if self.work.resolved.ragged is not None:
            number = self.work.resolved.ragged
            rule = self.work.policy.rules[number]
            place = sum(step.rule < number for step in self.work.steps if step.fix is not None)
            changes.insert(place, Change(rule=str(rule), column=None, fix=str(rule.fix), rows=self.outcome.ragged))
        return changes

    def _of_whole_rows(self, step: Step) -> Change:
        tally, rule = self.outcome.tally, self.work.policy.rules[step.rule]
        return Change(
            rule=str(rule), column=None, fix=str(step.fix), found=tally.found[step.key], rows=tally.rows[step.key]
        )

    def _of_rules(self) -> list[Finding]:
        """What limits and rules without a fix have to say."""
        found: list[Finding] = []
        for step in self.work.steps:
            rule = self.work.policy.rules[step.rule]
            hits = self.outcome.tally.hits.get(step.key)
            if step.find is None or hits is None or (rule.limit is None and step.fix is not None):
                continue
            severity = rule.severity or "error"
            check = Check(
                step.find, None, severity, rule.limit, str(rule), rule.line, rule.name, settled=True,
                where=rule.where, fixed=step.fix is not None,
            )  # fmt: skip
            figures = {**self.work.figures.get(step.column, {}), "name": step.column}
            figures["count"] = self.outcome.tally.reached[step.key]
            counted = step.find.counts
            if counted and sum(figures.get(name) or 0 for name in counted) != hits.count:
                figures |= _uncounted(figures, counted)
            lines = self.work.source.lines(hits.first)
            source = self.work.source
            where = source.where(hits.first) if lines is None else source.on_lines(hits.first, lines)
            if step.of_rows:
                others, rows = source.where(hits.values), self.outcome.tally.reached[step.key]
                told = findings.of_rows(check, hits, rows, where, others, values=self.work.values, lines=lines)
                found += [] if told is None else [told]
                continue
            told = findings.of_column(check, figures, hits, values=self.work.values, where=where, lines=lines)
            if told is not None:
                found.append(told)
        return found

    def _remarks(self) -> list[Finding]:
        said = [(text, "warning") for text in self.work.resolved.warnings] + [
            (text, "info") for text in self.work.resolved.skipped
        ]
        return [
            Finding(rule="policy", rule_text=text, severity=severity, message=text)  # type: ignore[arg-type]
            for text, severity in said
        ]

    def _drift(self) -> list[Finding]:
        work, recipe = self.work, self.work.recipe
        if recipe is None:
            return []
        types = dict(zip(work.names, work.types_found(), strict=True))
        removed = [step.column for step in recipe.steps if step.fix is not None and step.fix.removes]
        now = Now(work.source, work.scan.table, work.reading, work.profile, work.figures_by_place())
        both = pairs(Before(of_recipe(recipe)), now, work.memory // 4, TRAINING, types, removed)
        found = Judge(work.policy, shown=work.values).drifted(both, now).findings
        return [*found, *training_rows(self.outcome)]


def _still(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, message=f"{STILL}{finding.message}")


def _figures_after(column: Measured) -> dict[str, Any]:
    """What is told of a column that is not what it was."""
    histogram = column.histogram
    drawn = {} if histogram is None else {"histogram": {"edges": histogram.edges, "counts": histogram.counts}}
    return {key: getattr(column, key) for key in SUMMARY} | drawn


def _summary(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if not figures else {key: figures[key] for key in SUMMARY}


def _uncounted(figures: Mapping[str, Any], counted: Collection[str]) -> dict[str, Any]:
    """Figures that count the cells of a find, as nothing: those of the input are not those that reached the rule."""
    gone: dict[str, Any] = dict.fromkeys((*counted, "null", "nan", "empty", "token"), 0)
    return {**{name: value for name, value in gone.items() if name in figures}, "tokens": {}}

"""Fix, fit and apply: a source and a policy, or a recipe, become a proven file and a report."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from nanclean import finding as findings
from nanclean import registry
from nanclean.after import After
from nanclean.budget import demand
from nanclean.chain import Chain
from nanclean.cleaning import TAGS, Cleaning, Outcome, Sink, rejected_outs
from nanclean.column import Column
from nanclean.draft import Draft
from nanclean.engines.local import Local
from nanclean.errors import InputError, RecipeError, UsageError
from nanclean.finding import Finding
from nanclean.fingerprint import Overlap
from nanclean.fitting import Fit
from nanclean.format import ReadOptions, Source
from nanclean.pipeline import Progress
from nanclean.policy import Check, Policy
from nanclean.profile import Profile
from nanclean.recipe import Recipe, TrainedColumn, made_now
from nanclean.report import STILL, Change, Output, Report, Summary
from nanclean.resolving import Resolved, resolved
from nanclean.scanning import RANK, Scan
from nanclean.statistics import Figures
from nanclean.steps import Step
from nanclean.strangeness import strange
from nanclean.target import Out, Target
from nanclean.tokens import PANDAS, Words
from nanclean.verify import verify
from nanclean.wording import listed, quoted, several


@dataclass(frozen=True)
class Wish:
    """What is to be written, and how."""

    output: str | None = None
    """None: nothing; the rules run all the same, and the report tells what they would do."""
    rejected: str | None = None
    """Where dropped rows go. None: beside the output."""
    keep_rejected: bool = True
    recipe: str | None = None
    """Where the recipe goes."""
    fail_on: str | None = None
    """None: errors of the policy's own rules stop the output, and what is still in it does not."""
    disjoint: bool = False
    """Warn of rows of the training data."""


@dataclass
class Fixing:
    """One run over one source."""

    source: Source
    policy: Policy
    options: ReadOptions
    jobs: int
    memory: int
    values: bool = True
    progress: Progress | None = None
    recipe: Recipe | None = None
    """To be applied. None: one is fitted."""
    command: str = "fix"
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.names = [field.name for field in self.source.fields]
        self.engine = Local(self.jobs)

    # --- learning

    def fitted(self) -> Recipe:
        """The recipe of the policy for this data."""
        self.measure()
        self.decide()
        features = [name for name in self.names if self.policy.role(name) == "feature"]
        outcome = Cleaning(self.chain(), (), self.policy.rules, set(features), features=features).run()
        self.source.check()
        return self._made(outcome)

    def measure(self) -> None:
        """What the data are like before anything is changed."""
        if self.source.lexical and self.recipe is None:
            self._resolve_names()
        policy = self.policy if self.recipe is None else _without_rules(self.policy, self.names)
        self.scan = Scan(self.source, policy, self.options.decimal, self.jobs, self.memory, self.values, self.progress)
        self.reading, self.profile = self.scan.measured()
        self.figures = dict(zip(self.names, self._all_figures(), strict=True))
        self.source.check()

    def _all_figures(self) -> Iterable[Figures]:
        figures = self.scan.figures(self.reading, self.profile)
        return [figures[i] for i in range(len(self.names))]

    def _resolve_names(self) -> None:
        """What can be told wrong by the names alone is told before the first row is read."""
        self.policy.checks(self.names, None)

    def decide(self, *, ragged: bool = False) -> None:
        """The steps, fitted here or taken from the recipe. `ragged`: records that are may be there."""
        chain = self.chain()
        columns = chain.columns()
        if self.recipe is None:
            self.resolved = resolved(self.policy, self.names, self.source.format, columns)
            self._refuse_ragged(0 if ragged else self.resolved.ragged)
            fit = Fit(self.chain(self.resolved.steps), self._figures_of, lambda: self.source.facts)
            self.steps: Sequence[Step] = fit.fitted(self.resolved.steps)
            self.passes = fit.chain.passes
        else:
            self.resolved = Resolved(self.recipe.steps, {}, self.recipe.ragged)
            self._refuse_ragged(self.recipe.ragged)
            self.steps, self.passes = self.recipe.steps, 0

    @property
    def ordered(self) -> bool:
        """Whether a rule needs the rows above."""
        return any(step.fix is not None and step.fix.ordered for step in self.steps)

    def _figures_of(self, name: str) -> Figures:
        return self.figures.get(name, {})

    def chain(self, steps: Sequence[Step] = ()) -> Chain:
        ordered = any(step.fix is not None and step.fix.ordered for step in steps)
        return Chain(
            self.source, self.reading, self.engine, self.scan.table.memory, self.names, ordered, progress=self.progress
        )

    def _refuse_ragged(self, rule: int | None) -> None:
        facts = self.source.facts
        if facts.ragged and rule is None:
            line = f", the first on line {facts.ragged_rows[0][1]:,}" if facts.ragged_rows else ""
            raise InputError(
                f"{self.source.path}: {several(facts.ragged, 'row does', 'rows do')} not have "
                f"{several(len(self.names), 'cell')}{line}",
                hint="set them aside with the rule '@all: ragged -> drop'",
            )

    def _made(self, outcome: Outcome) -> Recipe:
        fingerprint = outcome.fingerprint
        return Recipe(
            self.policy,
            tuple(self.steps),
            tuple(self._trained(i, name) for i, name in enumerate(self.names)),
            self.source.facts.rows,
            self.source.format,
            () if fingerprint is None else tuple(fingerprint.smallest.tolist()),
            self.resolved.ragged,
            made_now(),
        )

    def _trained(self, i: int, name: str) -> TrainedColumn:
        figures = self.figures[name]
        column = self._columns()[i]
        values = getattr(column, "values", None)
        count = figures["count"]
        return TrainedColumn(
            name=name,
            type=self.reading.types[i],
            dtype=None if values is None else str(values.dtype),
            role=self.policy.role(name),  # type: ignore[arg-type]
            missing=figures["missing"] / count if count else None,
            blank=self._blank(name) if self.source.lexical else "",
            categories=categories(self.profile, i),
        )

    def _columns(self) -> list[Column]:
        if not hasattr(self, "_known_columns"):
            self._known_columns = self.chain().columns()
        return self._known_columns

    def _blank(self, name: str) -> str:
        """How the column spells a missing cell: as most of them do, if others understand it."""
        trained = None if self.recipe is None else self.recipe.column(name)
        if trained is not None:
            return trained.blank
        figures = self.figures[name]
        words = {word: count for word, count in figures["tokens"].items() if word in PANDAS}
        counts = {"": figures["empty"], **words, "NaN": figures["nan"] + words.get("NaN", 0)}
        best = max(counts.values())
        return next(word for word, count in counts.items() if count == best)

    # --- writing

    def report(self, wish: Wish) -> Report:
        """Fix, verify and publish, or (without an output) only tell what that would do."""
        self.measure()
        if self.recipe is not None:
            self._refuse_strangers()
        self.decide()
        outs = self._outs()
        drafts: list[Draft] = []
        sinks: list[Sink] = []
        try:
            out = self._sink(wish.output, outs, drafts, sinks)
            rejects = self._rejects(wish, drafts, sinks)
            outcome = self._cleaned(wish, out, rejects, outs)
            for sink in sinks:
                sink.target.finish()
            self.source.check()
            report = self._told(wish, outcome, outs)
            demand(self.policy.budget, report, outcome, self.policy.rules, self.steps)
            if report.exit_code or wish.output is None:
                return report
            return self._published(wish, report, outcome, outs, drafts, sinks)
        finally:
            for sink in sinks:
                sink.target.close()
            for draft in drafts:
                draft.discard()

    def _outs(self) -> list[Out]:
        """The columns of the output: what the fitted rules make of no rows."""
        from nanclean.batch import Batch
        from nanclean.block import Block, Held
        from nanclean.steps import run

        held = {name: Held(view, i) for i, (name, view) in enumerate(zip(self.names, self._columns(), strict=True))}
        block, _ = run(self.steps, Block(Batch(0, 0, ()), held), {})
        changed = {step.column for step in self.steps if step.fix is not None and step.fix.changes}
        return [
            Out(
                name, each.view, each.origin,
                self._blank(name) if self.source.lexical and each.origin is not None else "",
                name in changed,
            )
            for name, each in block.columns.items()
        ]  # fmt: skip

    def _sink(
        self, path: str | None, outs: Sequence[Out], drafts: list[Draft], sinks: list[Sink], tags: int = 0
    ) -> Sink | None:
        """tags: how many columns at the end are for people, so that no reader must find their types."""
        if path is None:
            return None
        format = format_of(path)
        draft = Draft(path)
        drafts.append(draft)
        target: Target = registry.module("formats", format).target(
            self.source, outs, draft.path, _options(self.options, path)
        )
        text = target.fields and target.fields[0].type is None
        typed = outs[: len(outs) - tags]
        words = {
            out.name: self._words(out) for out in typed
            if text and (out.changed or self.source.format != format) and out.view.type in READABLE
        }  # fmt: skip
        types = {out.name: out.view.type for out in typed} if text and self.source.format != format else {}
        sinks.append(Sink(target, words, types))
        return sinks[-1]

    def _words(self, out: Out) -> Words:
        """What is missing in a column of text."""
        if out.origin is None or not self.source.lexical:
            return Words()
        return self.reading.words[out.origin]

    def _rejects(self, wish: Wish, drafts: list[Draft], sinks: list[Sink]) -> Sink | None:
        path = rejected_path(wish)
        if path is None or not self._drops():
            return None
        return self._sink(path, rejected_outs(self.names, self._columns()), drafts, sinks, len(TAGS))

    def _drops(self) -> bool:
        """Whether a row may be dropped."""
        return self.resolved.ragged is not None or any(step.fix is not None and step.fix.drops for step in self.steps)

    def _cleaned(self, wish: Wish, out: Sink | None, rejects: Sink | None, outs: Sequence[Out]) -> Outcome:
        budget = self.policy.budget
        labels = [
            name for name in self.policy.label if budget is not None and budget.rows_dropped_per_class is not None
        ]
        features: list[str] = []
        overlap = None
        if self.recipe is None and wish.recipe is not None:
            features = [name for name in self.names if self.policy.role(name) == "feature"]
        elif self.recipe is not None and wish.disjoint:
            features = [name for name in self.recipe.features if name in self.names]
            overlap = Overlap(self.recipe.known, len(self.recipe.fingerprint) < 10_000)
        wanted = {name for step in self.steps for name in step.reads} | set(labels) | set(features)
        for sink in (out, rejects):
            if sink is not None and sink.target.format != self.source.format:
                wanted |= set(self.names)
        cleaning = Cleaning(
            self.chain(self.steps), self.steps, self.policy.rules, wanted, out, rejects, self.resolved.ragged,
            labels, features, overlap,
        )  # fmt: skip
        outcome = cleaning.run()
        self.passes += cleaning.chain.passes
        return outcome

    def _published(
        self, wish: Wish, report: Report, outcome: Outcome, outs: Sequence[Out],
        drafts: Sequence[Draft], sinks: Sequence[Sink],
    ) -> Report:  # fmt: skip
        assert wish.output is not None
        untouched = self._untouched(outcome, outs) and format_of(wish.output) == self.source.format
        if untouched:
            copy(self.source, drafts[0].path)
        for sink, draft in zip(sinks, drafts, strict=True):
            verify(sink, draft.path, draft.target, self.engine, self.progress)
            draft.sync()
        self.source.check()
        for draft in drafts[1:]:
            if outcome.rejected:
                draft.publish()
        if wish.recipe is not None:
            self._write_recipe(wish.recipe, self._made(outcome))
        drafts[0].publish()
        assert report.output is not None
        output = msgspec.structs.replace(report.output, verified=True, copied=untouched)
        if len(drafts) > 1 and outcome.rejected:
            output = msgspec.structs.replace(output, rejected_path=drafts[1].target)
        if wish.recipe is not None:
            output = msgspec.structs.replace(output, recipe=wish.recipe)
        return msgspec.structs.replace(report, output=output)

    def _same(self, outcome: Outcome, outs: Sequence[Out]) -> int:
        """How many columns of the source come through without a changed cell."""
        cells = outcome.tally.cells
        changed = {name for (_, name), count in cells.items() if count}
        columns = self._columns()
        return sum(
            out.origin is not None and out.name not in changed and _is_like(out.view, columns[out.origin])
            for out in outs
        )

    def _untouched(self, outcome: Outcome, outs: Sequence[Out]) -> bool:
        """Whether the rules have changed nothing at all."""
        same = [out.name for out in outs] == self.names and not outcome.rejected
        retyped = not all(_is_like(out.view, view) for out, view in zip(outs, self._columns(), strict=False))
        return same and not retyped and not any(outcome.tally.cells.values())

    def _write_recipe(self, path: str, recipe: Recipe) -> None:
        write_text(path, recipe.to_json())

    # --- telling

    def _told(self, wish: Wish, outcome: Outcome, outs: Sequence[Out]) -> Report:
        after = self._after(outcome, outs)
        report = self.scan.assembled(self.reading, self.profile, self.figures_by_place(), [], self.started)
        found = [*self._of_rules(outcome), *self._remarks(), *self._strange(outcome)]
        left = [_still(finding) for finding in after.findings if finding.severity != "info"]
        limit = RANK[wish.fail_on or "error"]
        judged = found if wish.fail_on is None else [*found, *left]
        worst = min((RANK[finding.severity] for finding in judged), default=3)
        every = sorted([*found, *left], key=lambda finding: RANK[finding.severity])
        return msgspec.structs.replace(
            report,
            command=self.command,
            exit_code=int(worst <= limit),
            findings=every,
            summary=Summary.of(every),
            changes=self._changes(outcome, after),
            output=Output(
                path=wish.output,
                rows=outcome.kept,
                rejected=outcome.rejected,
                verified=False,
                format=None if wish.output is None else format_of(wish.output),
                columns=[out.name for out in outs],
                untouched=self._same(outcome, outs),
            ),
            run=msgspec.structs.replace(
                report.run,
                policy=self.policy.description,
                passes=self.scan.table.passes + self.passes,
                seconds=round(time.monotonic() - self.started, 3),
            ),
        )

    def figures_by_place(self) -> dict[int, Figures]:
        return {i: self.figures[name] for i, name in enumerate(self.names)}

    def _after(self, outcome: Outcome, outs: Sequence[Out]) -> Report:
        """The report of the output, without its having to be written: built-in checks, and figures."""
        columns = {out.name: out.view for out in outs}
        chain = self.chain(self.steps)
        source = After(chain, self.steps, columns, outcome.kept, outcome.starts, frozenset(columns))
        policy = replace(
            _without_rules(self.policy, list(columns)), columns={}, missing=(), trainer=self.policy.trainer
        )
        self.scan.table.memory.splits.clear()
        jobs = 1 if chain.ordered else self.jobs
        scan = Scan(source, policy, self.options.decimal, jobs, self.memory, self.values, self.progress)
        report = scan.report("never", self.started)
        self.passes += report.run.passes or 0
        return report

    def _changes(self, outcome: Outcome, after: Report) -> list[Change]:
        changes = []
        for step in self.steps:
            if step.fix is None:
                continue
            changes.append(
                Change(
                    rule=str(self.policy.rules[step.rule]),
                    column=step.column,
                    fix=str(step.fix),
                    found=None if step.find is None else outcome.tally.found[step.key],
                    cells=outcome.tally.cells[step.key],
                    rows=outcome.tally.rows[step.key],
                    detail=step.fix.told() or None,
                    before=_summary(self.figures.get(step.column)),
                    after=_builtins(after, step.column),
                )
            )
        if self.resolved.ragged is not None:
            rule = self.policy.rules[self.resolved.ragged]
            changes.append(Change(rule=str(rule), column=None, fix=str(rule.fix), rows=outcome.ragged))
        return changes

    def _of_rules(self, outcome: Outcome) -> list[Finding]:
        """What limits and rules without a fix have to say."""
        found: list[Finding] = []
        for step in self.steps:
            rule = self.policy.rules[step.rule]
            hits = outcome.tally.hits.get(step.key)
            if step.find is None or hits is None or (rule.limit is None and step.fix is not None):
                continue
            severity = rule.severity or "error"
            check = Check(
                step.find, None, severity, rule.limit, str(rule), rule.line, rule.name, settled=True,
                where=rule.where, fixed=step.fix is not None,
            )  # fmt: skip
            figures = {**self.figures.get(step.column, {}), "name": step.column}
            figures["count"] = outcome.tally.reached[step.key]
            lines = self.source.lines(hits.first)
            where = self.source.where(hits.first) if lines is None else [f"line {line}" for line in lines]
            told = findings.of_column(check, figures, hits, values=self.values, where=where, lines=lines)
            if told is not None:
                found.append(told)
        return found

    def _remarks(self) -> list[Finding]:
        said = [(text, "warning") for text in self.resolved.warnings] + [
            (text, "info") for text in self.resolved.skipped
        ]
        return [
            Finding(rule="policy", rule_text=text, severity=severity, message=text)  # type: ignore[arg-type]
            for text, severity in said
        ]

    def _strange(self, outcome: Outcome) -> list[Finding]:
        if self.recipe is None:
            return []
        return strange(self.recipe, self.names, self.reading.types, self.figures, self.profile, outcome)

    def _refuse_strangers(self) -> None:
        """RecipeError if a column that the recipe works on is not there, or is of another kind."""
        assert self.recipe is not None
        added = {name for step in self.recipe.steps if step.fix is not None for name in step.fix.adds()}
        there = sorted(added & set(self.names))
        if there:
            raise RecipeError(
                f"{self.source.path}: the recipe adds {listed([quoted(name) for name in there])}, which is there already",
                hint="is it the output of this recipe? apply it to the file as it was",
            )
        needed = {
            name for step in self.recipe.steps for name in step.reads
            if name != step.column or step.fix is None or not step.fix.removes
        } - added  # fmt: skip
        missing = sorted(needed - set(self.names))
        if missing:
            near = registry.nearest(missing[0], self.names)
            raise RecipeError(
                f"{self.source.path}: the recipe works on {listed([quoted(name) for name in missing])}, "
                f"which {'is' if len(missing) == 1 else 'are'} not there",
                hint=f"is it {quoted(near)} here? rename it" if near else "is it the right file for this recipe?",
            )


READABLE = frozenset({"integer", "float", "text", "boolean"})
"""Types of columns whose text is read back and compared with the values before it is written."""


def _without_rules(policy: Policy, names: Collection[str]) -> Policy:
    """A policy with the built-in checks alone, for a table with these columns."""
    return replace(
        policy,
        rules=(),
        ignore=(),
        budget=None,
        columns={name: spelling for name, spelling in policy.columns.items() if name in names},
        label=tuple(name for name in policy.label if name in names),
        id=tuple(name for name in policy.id if name in names),
    )


def categories(profile: Profile, i: int) -> list[str] | None:
    """The different values of a column of text, where they are few and come again."""
    statistics = profile.columns[i]
    counts = getattr(statistics, "counts", None)
    if getattr(statistics, "type", None) != "text" or not counts or sum(counts.values()) < 2 * len(counts):
        return None
    return sorted(map(str, counts))


def format_of(path: str) -> str:
    """The format that a file name asks for. UsageError if there is none."""
    suffix = os.path.splitext(path)[1].lower()
    for name in registry.names("formats"):
        module_suffixes = getattr(registry.module("formats", name), "suffixes", ())
        if suffix and suffix in module_suffixes:
            return name
    known = ".csv, .parquet or .npy"
    raise UsageError(f"{path}: what kind of file is it to be?", hint=f"let the name end in {known}")


def rejected_path(wish: Wish) -> str | None:
    """Where rejected rows go; None: nowhere."""
    if wish.output is None or not wish.keep_rejected:
        return None
    if wish.rejected is not None:
        return wish.rejected
    stem, suffix = os.path.splitext(wish.output)
    return f"{stem}.rejected{'.parquet' if suffix.lower() in ('.parquet', '.pq') else '.csv'}"


def write_text(path: str, text: str) -> None:
    """A text file, whole or not at all."""
    draft = Draft(path)
    try:
        with open(draft.path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        draft.sync()
        draft.publish()
    finally:
        draft.discard()


def copy(source: Source, path: str) -> None:
    """The bytes of a source's file."""
    with open(source.path, "rb") as read, open(path, "wb") as written:
        while piece := read.read(1 << 20):
            written.write(piece)
    source.check()


def _options(options: ReadOptions, path: str) -> ReadOptions:
    """How the source was read; of a file that becomes CSV, a tab where its name says so."""
    if options.delimiter is None and path.lower().endswith((".tsv", ".tab")):
        return replace(options, delimiter="\t")
    return options


def _still(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, message=f"{STILL}{finding.message}")


def _is_like(one: Column, other: Column) -> bool:
    """Whether two columns are of the same type."""
    return type(one) is type(other) and one.type == other.type and _dtype(one) == _dtype(other)


def _dtype(column: Column) -> Any:
    values = getattr(column, "values", None)
    return None if values is None else values.dtype


_BEFORE_AND_AFTER = (
    "type",
    "count",
    "missing",
    "pos_inf",
    "neg_inf",
    "unparsable",
    "min",
    "max",
    "mean",
    "std",
    "median",
)


def _summary(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if not figures else {key: figures[key] for key in _BEFORE_AND_AFTER}


def _builtins(report: Report, name: str) -> dict[str, Any] | None:
    column = report.columns.by_name.get(name)
    return None if column is None else {key: getattr(column, key) for key in _BEFORE_AND_AFTER}

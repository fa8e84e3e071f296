"""Fix, fit and apply: a source and a policy, or a recipe, become a proven file and a report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from nanclean import registry
from nanclean.budget import demand
from nanclean.chain import Chain
from nanclean.cleaning import TAGS, Cleaning, Hashing, Outcome, Sink, rejected_outs
from nanclean.column import Column
from nanclean.dataset import Dataset, Kind
from nanclean.draft import Draft, DraftFolder
from nanclean.drift import DECILES
from nanclean.engine import Engine
from nanclean.engines.local import Local
from nanclean.errors import InputError, NancleanError, RecipeError, UsageError
from nanclean.file import uncompressed
from nanclean.fingerprint import MOST, Overlap
from nanclean.fitting import Fit
from nanclean.folder import FolderSink
from nanclean.format import ReadOptions, Source
from nanclean.outputs import Wish, copy, draft_of, format_of, is_alike, options_for, rejected_path, write_text
from nanclean.pipeline import Progress
from nanclean.policy import Policy
from nanclean.recipe import Recipe, TrainedColumn
from nanclean.reference import as_trained, of_scan, trained, types_found
from nanclean.report import Report
from nanclean.resolving import Resolved, resolved, senseless
from nanclean.scanning import Scan
from nanclean.statistics import Figures
from nanclean.steps import Step
from nanclean.target import Out, Target, is_like
from nanclean.telling import Telling
from nanclean.tokens import PANDAS, Words
from nanclean.typed import view
from nanclean.verify import verify
from nanclean.version import version
from nanclean.wording import listed, quoted, several


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
    given: Engine | None = None
    """Does the work. None: threads of this process."""

    def __post_init__(self) -> None:
        self.names = [field.name for field in self.source.fields]
        self.engine: Engine = self.given or Local(self.jobs, self.memory)

    # --- learning

    def fitted(self) -> Recipe:
        """The recipe of the policy for this data."""
        self._refuse_differences()
        self.measure()
        self._refuse_differences()
        self.decide()
        features = [name for name in self.names if self.policy.role(name) == "feature"]
        found = self.chain().look(Hashing(features), features) if features else None
        self.source.check()
        return self._made(Outcome(fingerprint=found))

    def measure(self) -> None:
        """What the data are like before anything is changed."""
        self.begin()
        if self.recipe is None and not self.source.lexical:  # types are known before the first row is read
            self.resolved = self._resolved([view(raw) for raw in self.source.nothing().columns])
        self.reading, self.profile = self.scan.measured()
        self.figures = dict(zip(self.names, self._all_figures(), strict=True))
        self.source.check()

    def begin(self) -> None:
        """Say what is to be measured; nothing is read."""
        policy = self._foreseen() if self.recipe is None else self._as_trained(self.policy.without_rules(self.names))
        self.scan = Scan(
            self.source, policy, self.options.decimal, self.jobs, self.memory, self.values, self.progress,
            quantiles=DECILES if self.recipe is None else (), engine=self.given,
        )  # fmt: skip

    def _as_trained(self, policy: Policy) -> Policy:
        """Text is read as what it was in the training data: a column of a small file may look like something else."""
        if not self.source.lexical or self.recipe is None:
            return policy
        return as_trained(policy, self.recipe, self.names)

    def types_found(self) -> list[str]:
        """What the columns are, whatever they were read as; one without any value is what it was in training."""
        if self.recipe is None:
            return list(self.reading.types)
        return types_found(self.recipe, self.names, self.reading, self.profile)

    def _all_figures(self) -> Iterable[Figures]:
        figures = self.scan.figures(self.reading, self.profile)
        return [figures[i] for i in range(len(self.names))]

    def _foreseen(self) -> Policy:
        """The policy, with what its rules alone tell to be wrong; the scan tells all mistakes before it reads a row.

        Where the types are known as well, resolving tells more, and all of it together.
        """
        if not self.source.lexical:
            return self.policy
        return replace(self.policy, mistakes=(*self.policy.mistakes, *senseless(self.policy)))

    def _resolved(self, columns: Sequence[Column]) -> Resolved:
        return resolved(self.policy, self.names, self.source.format, columns)

    def decide(self, *, ragged: bool = False) -> None:
        """The steps, fitted here or taken from the recipe. `ragged`: records that are may be there."""
        if self.recipe is None:
            if self.source.lexical:
                self.resolved = self._resolved(self.columns())
            self._refuse_ragged(0 if ragged else self.resolved.ragged)
            fit = Fit(self.chain(self.resolved.steps), self._figures_of, lambda: self.source.facts)
            self.steps: Sequence[Step] = fit.fitted(self.resolved.steps)
            self.passes = fit.chain.passes
        else:
            self.resolved = Resolved(self.recipe.steps, {}, self.recipe.ragged)
            self._refuse_ragged(self.recipe.ragged)
            fit = Fit(self.chain(self.recipe.steps), self._figures_of, lambda: self.source.facts)
            self.steps = fit.searched(self.recipe.steps)
            self.passes = fit.chain.passes

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
            version(),
        )

    def _trained(self, i: int, name: str) -> TrainedColumn:
        values = getattr(self.columns()[i], "values", None)
        known = replace(of_scan(self.figures[name], self.profile.columns[i]), type=self.reading.types[i])
        dtype = None if values is None else str(values.dtype)
        return trained(known, dtype, self._blank(name) if self.source.lexical else "")

    def columns(self) -> list[Column]:
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
        self._refuse_differences()
        if self.recipe is not None:
            self._refuse_names()
        self.measure()
        self._refuse_differences()
        if self.recipe is not None:
            self._refuse_types()
        self.decide()
        outs = self._outs()
        if self.given is not None and self.given.apart:
            from nanclean.spreading import Spread

            return Spread(self, self.given, wish).report(outs)
        drafts: list[Draft] = []
        sinks: list[Sink | FolderSink] = []
        try:
            out: Sink | FolderSink | None
            if wish.many:
                self._refuse_partitions()
            if wish.many and wish.output is not None:
                out = self._folder(wish.output, drafts, sinks, copies=self._same_columns(outs))
            else:
                out = self._sink(wish.output, outs, drafts, sinks, form=self._form(wish))
            rejects = self._rejects(wish, drafts, sinks)
            outcome = self._cleaned(wish, out, rejects, outs)
            for sink in sinks:
                sink.target.finish()
            self.source.check()
            report = Telling(self, wish, outcome, outs).report()
            demand(self.policy.budget, report, outcome, self.policy.rules, self.steps, self.values)
            if report.exit_code or wish.output is None:
                return report
            return self._published(wish, report, outcome, outs, drafts, sinks)
        except NancleanError as error:
            for draft in drafts:  # a target knows its draft and not the name that it will have
                error.message = error.message.replace(draft.path, draft.target)
            raise
        finally:
            for sink in sinks:
                sink.target.close()
            for draft in drafts:
                draft.discard()

    def _outs(self, order: Sequence[str] = ()) -> list[Out]:
        """The columns of the output: what the fitted rules make of no rows. order: of the columns of a file."""
        from nanclean.batch import Batch
        from nanclean.block import Block, Held
        from nanclean.steps import run

        views = dict(zip(self.names, self.columns(), strict=True))
        held = {name: Held(views.pop(name), i) for i, name in enumerate(order or self.names)}
        held |= {name: Held(view, None) for name, view in views.items()}  # what stands in the names of folders
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
        self, path: str | None, outs: Sequence[Out], drafts: list[Draft], sinks: list[Sink | FolderSink],
        tags: int = 0, form: str | None = None,
    ) -> Sink | None:  # fmt: skip
        """tags: how many columns at the end are for people, so that no reader must find their types."""
        if path is None:
            return None
        draft = draft_of(path, self.source.path if tags and self.source.size is not None else None)
        drafts.append(draft)
        sink = self._into(self.source, outs, draft.path, form or format_of(path), path, tags)
        sinks.append(sink)
        return sink

    def _into(self, source: Source, outs: Sequence[Out], path: str, format: str, name: str, tags: int) -> Sink:
        """A sink for a draft. name: what its name will end in."""
        options = options_for(self.options, name)
        if tags:  # without a line of names nobody would know them
            options = replace(options, header=True)
        target: Target = registry.module("formats", format).target(source, outs, path, options)
        text = target.fields and target.fields[0].type is None
        typed = outs[: len(outs) - tags]
        words = {
            out.name: self._words(out) for out in typed
            if text and (out.changed or source.format != format) and out.view.type in READABLE
        }  # fmt: skip
        types = {out.name: out.view.type for out in typed} if text and source.format != format else {}
        return Sink(target, words, types)

    def _folder(
        self, path: str, drafts: list[Draft], sinks: list[Sink | FolderSink], *, tags: int = 0, copies: bool = False
    ) -> FolderSink:
        """A sink for a dataset: a file for each of its own, as each would be written alone."""
        dataset = self.source
        assert isinstance(dataset, Dataset)
        draft = DraftFolder(path)
        drafts.append(draft)
        form = "csv" if tags and dataset.format != "parquet" else dataset.format

        def made(source: Source, kind: Kind, path: str) -> tuple[Sink, list[str]]:
            views = dict(zip(self.names, self.columns(), strict=True))
            if tags:
                outs = rejected_outs(kind.names, [views[name] for name in kind.names])
            else:
                outs = [out for out in self._outs(kind.names) if out.name not in dataset.partitions]
            return self._into(source, outs, path, form, path, tags), [out.name for out in outs]

        def named(name: str) -> str:
            bare = uncompressed(name)
            return name if not tags or format_of(bare) == form else f"{os.path.splitext(bare)[0]}.{form}"

        sink = FolderSink(
            dataset, draft, made, form, self.jobs, self.memory, copies=copies, sparse=bool(tags), named=named
        )
        sinks.append(sink)
        return sink

    def _words(self, out: Out) -> Words:
        """What is missing in a column of text."""
        if out.origin is None or not self.source.lexical:
            return Words()
        return self.reading.words[self.names.index(out.name)]

    def _rejects(self, wish: Wish, drafts: list[Draft], sinks: list[Sink | FolderSink]) -> Sink | FolderSink | None:
        path = rejected_path(wish)
        if path is None or not self._drops():
            return None
        if wish.many:
            return self._folder(path, drafts, sinks, tags=len(TAGS))
        return self._sink(path, rejected_outs(self.names, self.columns()), drafts, sinks, len(TAGS))

    def _drops(self) -> bool:
        """Whether a row may be dropped."""
        return self.resolved.ragged is not None or any(step.fix is not None and step.fix.drops for step in self.steps)

    def _cleaned(
        self, wish: Wish, out: Sink | FolderSink | None, rejects: Sink | FolderSink | None, outs: Sequence[Out]
    ) -> Outcome:
        budget = self.policy.budget
        asked = budget is not None and budget.rows_dropped_per_class is not None
        labels = [name for name in self.policy.label if asked and name in self.names]
        features: list[str] = []
        overlap = None
        if self.recipe is None and wish.recipe is not None:
            features = [name for name in self.names if self.policy.role(name) == "feature"]
        elif self.recipe is not None and wish.disjoint:
            features = [name for name in self.recipe.features if name in self.names]
            overlap = Overlap(self.recipe.known, len(self.recipe.fingerprint) < MOST)
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
        drafts: Sequence[Draft], sinks: Sequence[Sink | FolderSink],
    ) -> Report:  # fmt: skip
        assert wish.output is not None
        untouched = self._untouched(outcome, outs) and self._form(wish) == self.source.format
        untouched = untouched and is_alike(self.source, wish.output)
        if untouched:
            copy(self.source, drafts[0].path)
        for sink, draft in zip(sinks, drafts, strict=True):
            if isinstance(sink, FolderSink):
                untouched |= sink.copied == sink.written and not sink.sparse
            else:
                verify(sink, draft.path, draft.target, self.engine, self.progress, self.memory // 4)
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

    def same(self, outcome: Outcome, outs: Sequence[Out]) -> int:
        """How many columns of the source come through without a changed cell."""
        cells = outcome.tally.cells
        changed = {name for (_, name), count in cells.items() if count}
        columns = self.columns()
        return sum(
            out.origin is not None and out.name not in changed and is_like(out.view, columns[out.origin])
            for out in outs
        )

    def _untouched(self, outcome: Outcome, outs: Sequence[Out]) -> bool:
        """Whether the rules have changed nothing at all."""
        return self._same_columns(outs) and not outcome.rejected and not any(outcome.tally.cells.values())

    def _same_columns(self, outs: Sequence[Out]) -> bool:
        same = [out.name for out in outs] == self.names
        return same and all(is_like(out.view, view) for out, view in zip(outs, self.columns(), strict=False))

    def _form(self, wish: Wish) -> str | None:
        """The format of the output."""
        return None if wish.output is None else wish.format_of_output(self.source.format)

    def _write_recipe(self, path: str, recipe: Recipe) -> None:
        write_text(path, recipe.to_json())

    # --- telling

    def figures_by_place(self) -> dict[int, Figures]:
        return {i: self.figures[name] for i, name in enumerate(self.names)}

    def _refuse_differences(self) -> None:
        """InputError if the files of a dataset have not the same columns: no one recipe fits them."""
        told = [each for each in self.source.facts.differences if each.what not in ("order", "cells")]
        if self.command in ("explain", "init") or not told:
            return
        first = told[0]
        name = quoted(first.column or "")
        if first.types is not None:
            why = f"{name} is {first.types[0]} in {first.file} and {first.types[1]} in {first.others}"
        else:
            has, lacks = (first.file, first.others) if first.what == "extra" else (first.others, first.file)
            why = f"{has} has the column {name}, which {lacks} has not"
        raise InputError(
            f"{self.source.path}: the files disagree, so that no one recipe fits: {why}",
            hint=f"nanclean scan {self.source.path} lists all of it; fix files of one kind at a time",
        )

    def _refuse_partitions(self) -> None:
        """UsageError if a rule changes what stands in the names of folders."""
        assert isinstance(self.source, Dataset)
        partitions = self.source.partitions
        for step in self.steps:
            if step.column in partitions and step.fix is not None and (step.fix.changes or step.fix.removes):
                raise UsageError(
                    f"{self.policy.rules[step.rule]}: {quoted(step.column)} stands in the names of the folders, "
                    "which stay as they are",
                    hint="leave it out, or write one file: -o clean.parquet",
                )

    def _refuse_names(self) -> None:
        """RecipeError if a column that the recipe works on is not there. Before anything is read."""
        assert self.recipe is not None
        added = {name for step in self.recipe.steps if step.fix is not None for name in step.fix.adds()}
        there = [quoted(name) for name in sorted(added & set(self.names))]
        if there:
            raise RecipeError(
                f"{self.source.path}: the recipe adds {listed(there)}, which is there already",
                hint="is it the output of this recipe? apply it to the file as it was",
            )
        needed = {
            name for step in self.recipe.steps for name in step.reads | step.searches
            if name != step.column or step.fix is None or not step.fix.removes
        } - added  # fmt: skip
        missing = sorted(needed - set(self.names) - set(self.policy.label))  # what is to be predicted has no label yet
        if missing:
            near = registry.nearest(missing[0], self.names)
            raise RecipeError(
                f"{self.source.path}: the recipe works on {listed([quoted(name) for name in missing])}, "
                f"which {'is' if len(missing) == 1 else 'are'} not there",
                hint=f"is it {quoted(near)} here? rename it" if near else "is it the right file for this recipe?",
            )

    def _refuse_types(self) -> None:
        """RecipeError if a column is of a kind that the recipe cannot work on."""
        assert self.recipe is not None
        found = dict(zip(self.names, self.types_found(), strict=True))
        for step in self.recipe.steps:
            trained, type_ = self.recipe.column(step.column), found.get(step.column)
            if trained is None or type_ is None or _kind(type_) == _kind(trained.type) or trained.type == "text":
                continue
            if _bound(step) or any(part is not None and type_ not in part.applies for part in (step.find, step.fix)):
                raise RecipeError(
                    f"{self.source.path}: {quoted(step.column)} is {type_} here, and was {trained.type} in the "
                    "training data",
                    hint="repair the file, or fit a recipe on data of this kind",
                )


READABLE = frozenset({"integer", "float", "text", "boolean"})
"""Types of columns whose text is read back and compared with the values before it is written."""


def _kind(type_: str) -> str:
    """Integers and floats are of one kind."""
    return type_.replace("integer", "float")


def _bound(step: Step) -> bool:
    """Whether a step puts values of one type into its column."""
    fix = step.fix
    return fix is not None and fix.changes and not (fix.voids or fix.removes or fix.ordered)

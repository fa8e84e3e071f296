"""Writing by an engine: every split becomes a part that a worker writes and proves; the folder appears as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from nanclean.cleaning import Classes, Cleaning, Hashing, Outcome
from nanclean.draft import DraftFolder
from nanclean.engine import Engine
from nanclean.errors import NancleanError, VerificationError
from nanclean.fingerprint import Overlap
from nanclean.format import Split
from nanclean.outputs import Wish, rejected_path
from nanclean.parts import Parts, Written
from nanclean.profile import Profile
from nanclean.target import Out

if TYPE_CHECKING:
    from nanclean.fixing import Fixing
    from nanclean.report import Report


@dataclass
class Spread:
    """One run of rules that are fitted, over a source that workers read."""

    work: Fixing
    engine: Engine
    wish: Wish
    drafts: list[DraftFolder] = field(default_factory=list)
    """Of the output, and of the rows that were dropped."""
    files: list[set[str]] = field(default_factory=list)
    """What is to be in each of them."""

    def report(self, outs: Sequence[Out]) -> Report:
        """Write, prove and publish, or only tell what that would do."""
        from nanclean.budget import demand
        from nanclean.telling import Telling

        work, wish = self.work, self.wish
        try:
            outcome = self._outcome()
            work.source.check()
            report = Telling(work, wish, outcome, outs).report()
            demand(work.policy.budget, report, outcome, work.policy.rules, work.steps, work.values)
            if report.exit_code or wish.output is None:
                return report
            return self._published(report, outcome)
        except NancleanError as error:
            for draft in self.drafts:
                error.message = error.message.replace(draft.path, draft.target)
            raise
        finally:
            for draft in self.drafts:
                draft.discard()

    def _outcome(self) -> Outcome:
        work, wish = self.work, self.wish
        aside = rejected_path(wish) if work._drops() else None
        if wish.output is not None:
            self.drafts = [DraftFolder(path) for path in (wish.output, aside) if path is not None]
            self.files = [set() for _ in self.drafts]
        parts = self._parts()
        if wish.output is not None:
            parts.demand_order()
        outcome = Outcome(classes={label: Classes() for label in parts.labels}, overlap=parts.overlap)
        if work.recipe is None and wish.recipe is not None:
            features = [name for name in work.names if work.policy.role(name) == "feature"]
            outcome.fingerprint = work.chain().look(Hashing(features), features) if features else None
        counts = Cleaning(work.chain(work.steps), work.steps, work.policy.rules, ())
        for split, found in self._found(parts):
            counts.take(outcome, found, split.index)
            if work.progress is not None and work.source.size:
                work.progress(int(split.share * work.source.size), work.source.size)
        work.passes += 1
        return outcome

    def _parts(self) -> Parts:
        work, wish = self.work, self.wish
        budget = work.policy.budget
        asked = budget is not None and budget.rows_dropped_per_class is not None
        overlap = None
        if work.recipe is not None and wish.disjoint:
            from nanclean.fingerprint import MOST

            overlap = Overlap(work.recipe.known, len(work.recipe.fingerprint) < MOST)
        folders = [draft.path for draft in self.drafts]
        parts = Parts(
            work, folders[0] if folders else "", folders[1] if len(folders) > 1 else None,
            labels=[name for name in work.policy.label if asked and name in work.names], overlap=overlap,
            whole=True,
        )  # fmt: skip
        parts.work.profile = Profile({})  # that of the whole table, which no part asks for
        return parts

    def _found(self, parts: Parts) -> Iterator[tuple[Split, Outcome]]:
        splits = self.work.source.splits
        if not self.drafts:
            yield from zip(splits(), self.engine.map(parts.counted, splits()), strict=True)
            return
        for split, (told, outcome) in zip(splits(), self.engine.map(parts.written, splits()), strict=True):
            self._demand_there(told)
            yield split, outcome

    def _demand_there(self, told: Written) -> None:
        """VerificationError unless this process sees what a worker has written."""
        for draft, files, each in zip(self.drafts, self.files, (told.file, told.rejects), strict=False):
            if each is None:
                continue
            files.add(each.name)
            path = os.path.join(draft.path, each.name)
            if not os.path.isfile(path) or os.path.getsize(path) != each.bytes:
                raise VerificationError(
                    f"{path}: was written by a worker, and is not there",
                    hint="name a folder that all workers and this process share",
                )

    def _published(self, report: Report, outcome: Outcome) -> Report:
        work, wish = self.work, self.wish
        for draft, files in zip(self.drafts, self.files, strict=True):
            _clear(draft.path, files)
            draft.sync()
        work.source.check()
        for draft in self.drafts[1:]:
            if outcome.rejected:
                draft.publish()
        if wish.recipe is not None:
            work._write_recipe(wish.recipe, work._made(outcome))
        self.drafts[0].publish()
        assert report.output is not None
        output = msgspec.structs.replace(report.output, verified=True, recipe=wish.recipe)
        if len(self.drafts) > 1 and outcome.rejected:
            output = msgspec.structs.replace(output, rejected_path=self.drafts[1].target)
        return msgspec.structs.replace(report, output=output)


def _clear(folder: str, files: set[str]) -> None:
    """Take away what workers that were lost have left behind."""
    for within, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(within, name)
            if os.path.relpath(path, folder) not in files:
                os.unlink(path)

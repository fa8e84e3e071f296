"""Compare an older dataset with a newer one: two tables, two reports, or a recipe and a table."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from nanclean import finding as findings
from nanclean.detector import NUMBERS
from nanclean.drift import DECILES, Known, Measured, Pair
from nanclean.drifting import (
    TRAINING,
    Before,
    Drifted,
    Judge,
    Now,
    measures,
    pairs,
    pairs_of_reports,
    same_pairs,
)  # fmt: skip
from nanclean.errors import PolicyError, UsageError
from nanclean.finding import RANK, Finding
from nanclean.format import Source
from nanclean.grammar import Word
from nanclean.pipeline import Progress
from nanclean.policy import Policy
from nanclean.recipe import Recipe
from nanclean.reference import as_trained, of_recipe, of_report, types_found
from nanclean.report import Comparison, Report, Shift, Side, Summary
from nanclean.scanning import Scan
from nanclean.wording import several

PIECE = 1 << 20
"""Bytes that are compared at a time."""
SIDE = ("type", "infinite", "finite", "min", "max", "mean", "std")


@dataclass
class Comparing:
    """One comparison."""

    policy: Policy
    decimal: str
    jobs: int
    memory: int
    values: bool
    progress: Progress | None
    fail_on: str
    started: float

    def report(self, old: Source | Report | Recipe, new: Source | Report) -> Report:
        """What is different now, as a report of the newer dataset."""
        if isinstance(new, Report):
            if not isinstance(old, Report):
                raise UsageError(
                    f"{new.source.path} is a report, and what it is to be compared with is none",
                    hint="compare two reports, or something with the data themselves",
                )
            return self._of_reports(old, new)
        return self._of_data(old, new)

    # --- reports

    def _of_reports(self, old: Report, new: Report) -> Report:
        for report in (old, new):
            if report.source.rows is None:
                raise UsageError(f"the report of {report.source.path} says that it could not be read")
        names = list(dict.fromkeys((*old.columns.names, *new.columns.names)))
        chosen = self._chosen(names, None)
        one, other = ({n: k for n, k in of_report(each).items() if n in chosen} for each in (old, new))
        lexical = old.source.format == new.source.format == "csv"
        both = pairs_of_reports(one, other, lexical)
        drifted = self._judge().drifted(both, None)
        comparison = self._comparison(both, drifted, old.source.path, "report", old.source.rows)
        return self._told(new, drifted, comparison)

    # --- data

    def _of_data(self, old: Source | Report | Recipe, new: Source) -> Report:
        names = [field.name for field in new.fields]
        before = self._names(old)
        self.chosen = self._chosen(list(dict.fromkeys((*before, *names))), self._types(old, new))
        if isinstance(old, Source) and _same_bytes(old, new):
            scan, now = self._scanned(new)
            return self._finished(scan, now, same_pairs(now), _path(old), "data", new.facts.rows, same=True)
        if isinstance(old, Source):
            old_scan, then = self._scanned(old, share=2)
            scan, now = self._scanned(new, share=2)
            known = Before(then.known, then.dataset, then.position)
            both = pairs(known, now, self.memory // (2 if old.quick and new.quick else 4))  # those keep nothing
            old.check()
            return self._finished(scan, now, both, _path(old), "data", old.facts.rows, old_scan.table.passes)
        scan, now = self._scanned(new, old if isinstance(old, Recipe) else None)
        if isinstance(old, Report):
            both = pairs(Before(self._among(of_report(old))), now, self.memory // 4)
            return self._finished(scan, now, both, old.source.path, "report", old.source.rows)
        types = dict(zip(names, types_found(old, names, now.reading, now.profile), strict=True))
        known = Before(self._among(of_recipe(old)))
        both = pairs(known, now, self.memory // 4, TRAINING, types)
        return self._finished(scan, now, both, old.path, "recipe", old.rows)

    def _names(self, old: Source | Report | Recipe) -> list[str]:
        if isinstance(old, Source):
            return [field.name for field in old.fields]
        return [column.name for column in old.columns]

    def _types(self, old: Source | Report | Recipe, new: Source) -> dict[str, str] | None:
        """The types of all columns; None while only the cells can tell."""
        if new.lexical or (isinstance(old, Source) and old.lexical):
            return None
        known = {field.name: field.type or "other" for field in new.fields}
        columns = old.fields if isinstance(old, Source) else old.columns
        return known | {column.name: column.type or "other" for column in columns}

    def _chosen(self, names: Sequence[str], types: Mapping[str, str] | None) -> set[str]:
        """The columns to compare. PolicyError with every mistake in the policy that the names tell."""
        wanted = replace(self.policy, rules=(), chosen=(), unchosen=())
        wanted.checks(names)
        listed = None if types is None else [types[name] for name in names]
        return {names[i] for i in self.policy.selected(names, listed)}

    def _among(self, known: Mapping[str, Known]) -> dict[str, Known]:
        return {name: each for name, each in known.items() if name in self.chosen}

    def _scanned(self, source: Source, recipe: Recipe | None = None, share: int = 1) -> tuple[Scan, Now]:
        """A dataset, measured. share: how many of them share the memory."""
        names = [field.name for field in source.fields]
        here = [name for name in names if name in self.chosen]
        if not here:
            raise PolicyError(f"--columns: {source.path} has none of these columns")
        policy = replace(self.policy.without_rules(names), chosen=(), unchosen=())
        if len(here) < len(names):
            policy = replace(policy, chosen=tuple(Word("name", name) for name in here))
        if recipe is not None and source.lexical:
            policy = as_trained(policy, recipe, names)
        scan = Scan(
            source, policy, self.decimal, self.jobs, self.memory // share, self.values, self.progress,
            quantiles=DECILES,
        )  # fmt: skip
        reading, profile = scan.measured()
        source.check()
        return scan, Now(source, scan.table, reading, profile, scan.figures(reading, profile))

    def _finished(
        self, scan: Scan, now: Now, both: Sequence[Pair], path: str | None, kind: Any, rows: int | None,
        passes: int = 0, *, same: bool = False,
    ) -> Report:  # fmt: skip
        drifted = self._judge().drifted(both, now)
        now.source.check()
        report = scan.assembled(now.reading, now.profile, now.figures, [], self.started)
        run = msgspec.structs.replace(report.run, passes=passes + scan.table.passes)
        comparison = self._comparison(both, drifted, path, kind, rows, same)
        return self._told(msgspec.structs.replace(report, run=run), drifted, comparison)

    # --- what is told

    def _judge(self) -> Judge:
        return Judge(self.policy, shown=self.values)

    def _comparison(
        self, both: Sequence[Pair], drifted: Drifted, path: str | None, kind: Any, rows: int | None, same: bool = False
    ) -> Comparison:
        words = [measure.name for measure in measures() if measure.unit != "none"]
        shifts = []
        for pair in both:
            told = drifted.values[pair.name]
            shifts.append(
                Shift(
                    name=pair.name,
                    old=_side(pair.old),
                    new=_side(pair.new),
                    measures={word: told[word].value if word in told else None for word in words},
                    at_least=[word for word in words if word in told and told[word].at_least],
                )
            )
        equal = same or all(_is_same(pair, drifted.values[pair.name]) for pair in both)
        return Comparison(path=path, kind=kind, rows=rows, same=equal, columns=shifts)

    def _told(self, report: Report, drifted: Drifted, comparison: Comparison) -> Report:
        found = list(drifted.findings)
        if self.policy.rules:
            said = f"{several(len(self.policy.rules), 'rule')} about one dataset: nanclean check holds such rules"
            found.append(Finding(rule="policy", rule_text=said, severity="info", message=said))
        found.sort(key=lambda finding: RANK[finding.severity])
        seconds = round(time.monotonic() - self.started, 3)
        return msgspec.structs.replace(
            report,
            command="compare",
            exit_code=findings.exit_code(found, self.fail_on),
            findings=found,
            changes=[],
            output=None,
            comparison=comparison,
            summary=Summary.of(found),
            run=msgspec.structs.replace(report.run, policy=self.policy.description, seconds=seconds),
        )


def _side(known: Known | None) -> Side | None:
    if known is None:
        return None
    return Side(count=known.cells, missing=known.missing, **{key: getattr(known, key) for key in SIDE})


def _is_same(pair: Pair, told: Mapping[str, Measured]) -> bool:
    """Whether all that is known proves that a column holds the same values, as often."""
    if pair.both is None or pair.changed:
        return False
    old, new = pair.both
    if (old.cells, old.missing, old.infinite, old.finite) != (new.cells, new.missing, new.infinite, new.finite):
        return False
    if old.type in NUMBERS:
        return not old.finite or pair.distance == (0.0, True)
    return old.missing == old.cells or (old.counts is not None and old.counts == new.counts)


def _path(source: Source) -> str | None:
    return source.path if source.size is not None else None


def _same_bytes(one: Source, other: Source) -> bool:
    """Whether two files hold the same bytes, and are read in the same way."""
    if one.size is None or one.size != other.size or one.format != other.format:
        return False
    with suppress(OSError, ValueError):
        if os.path.samefile(one.path, other.path):
            return True
        with open(one.path, "rb") as first, open(other.path, "rb") as second:
            while piece := first.read(PIECE):
                if piece != second.read(PIECE):
                    return False
        return True
    return False

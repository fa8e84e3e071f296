"""One scan: a source and a policy in, a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import msgspec

from nanclean import finding as findings
from nanclean.causes import run_of_rows, together, zeros_under
from nanclean.dataset import Dataset
from nanclean.detector import MEASURED, Detector, Verdict
from nanclean.disagreement import differences
from nanclean.engine import Engine
from nanclean.engines.local import Local
from nanclean.errors import UsageError
from nanclean.finding import RANK, Finding
from nanclean.format import Source
from nanclean.hits import Hits, block_ranges
from nanclean.pipeline import Memory, Progress, Table
from nanclean.policy import Check, Checks, Policy
from nanclean.profile import Profile
from nanclean.reading import Demand, Reading
from nanclean.report import Column, Fences, Histogram, Outliers, Report, Run, Sample, Summary, Workers
from nanclean.report import Source as ReportSource
from nanclean.sampled import CONFIDENCE, Sampled
from nanclean.searching import Read
from nanclean.statistics import FIGURES, Figures
from nanclean.tokens import Words
from nanclean.version import version
from nanclean.wording import quoted


@dataclass
class Scan:
    """One scan, from a source and a policy to a report."""

    source: Source
    policy: Policy
    decimal: str
    jobs: int
    memory: int
    values: bool
    progress: Progress | None
    figures_shown: bool = True
    """Every figure of the report is wanted. False: only what the checks need is measured."""
    quantiles: tuple[float, ...] = ()
    """Of every column of numbers, whatever the checks need."""
    more: Callable[[Reading, Profile, Mapping[int, Figures]], Sequence[Finding]] | None = None
    """What else there is to find, when everything has been measured."""
    engine: Engine | None = None
    """Does the work. None: threads of this process."""

    def __post_init__(self) -> None:
        self.names = [field.name for field in self.source.fields]
        self.known: dict[tuple[str, ...], Sequence[Check]] = {}
        """The checks, by the types of the columns."""
        types = [field.type for field in self.source.fields if field.type is not None]
        known = types if len(types) == len(self.names) else None  # of text only the cells can tell
        checks = self.policy.checks(self.names, known)  # what can be wrong is told before the first row is read
        if self.engine is not None and self.engine.apart:
            _refuse_pairs(checks)
        self.chosen = self.policy.selected(self.names, known)
        missing_list = self.policy.missing_list or "auto"
        self.table = Table(
            self.source,
            self.engine or Local(self.jobs, self.memory),
            Memory(0 if self.source.quick or (self.engine is not None and self.engine.apart) else self.memory // 5),
            [Words(missing_list, self.policy.declared(name), cast(Any, self.decimal)) for name in self.names],
            self.chosen,
            {i: type_ for i, name in enumerate(self.names) if (type_ := self.policy.type(name)) is not None},
            self.progress,
            self.memory,
        )

    def report(self, fail_on: str, started: float) -> Report:
        """Measure, find, and put it all together."""
        reading, profile = self.table.measured(self._early, self._demands)
        if self.sampled is not None:
            self.sampled.demand()
        if isinstance(self.source, Dataset) and self.source.lexical:
            self.source.differences += differences(self.table, reading, profile.classes)
        figures = self.figures(reading, profile)
        found = self._found(reading, profile, figures)
        report = self.assembled(reading, profile, figures, found, started)
        return msgspec.structs.replace(report, exit_code=findings.exit_code(found, fail_on))

    @property
    def sampled(self) -> Sampled | None:
        """The source, if it is a sample."""
        return self.source if isinstance(self.source, Sampled) else None

    def measured(self) -> tuple[Reading, Profile]:
        """The types and the statistics of all columns; nothing is looked for."""
        return self.table.measured(lambda reading: {}, self._demands)

    def assembled(
        self,
        reading: Reading,
        profile: Profile,
        figures: Mapping[int, Figures],
        found: Sequence[Finding],
        started: float,
    ) -> Report:
        """A report of what was measured, and of some findings."""
        facts = self.source.facts
        rows = facts.rows
        path = str(self.source.path)
        return Report(
            command="scan",
            source=ReportSource(
                path=path,
                format=self.source.format,
                bytes=self.source.stored,
                rows=rows,
                columns=len(self.names),
                complete_rows=profile.rows.complete,
                ragged=facts.ragged,
                files=self.source.files(),
                sample=None if self.sampled is None else Sample(**asdict(self.sampled.taken), confidence=CONFIDENCE),
                blocks=[(first, last) for first, last in block_ranges(self.source.reach)],
            ),
            columns=cast(Any, [_column(figures[i]) for i in self.chosen]),
            findings=list(found),
            summary=Summary.of(found),
            run=Run(
                version=version(),
                passes=self.table.passes,
                seconds=round(time.monotonic() - started, 3),
                jobs=self.jobs,
                memory=self.memory,
                policy=self.policy.description,
                versions=versions(),
                engine=_workers(self.engine),
            ),
        )

    def _checks(self, reading: Reading) -> Sequence[Check]:
        if reading.types not in self.known:
            self.known[reading.types] = self.policy.checks(self.names, reading.types)
        return self.known[reading.types]

    def _early(self, reading: Reading) -> dict[int, tuple[int, Detector]]:
        """The finders that need no figures, by the number of their check."""
        return {
            number: (check.column, check.find)
            for number, check in enumerate(self._checks(reading))
            if check.column is not None and check.find.scope == "cell" and not check.find.needs
        }

    def _demands(self, reading: Reading) -> Mapping[int, Demand]:
        """What the checks want to know of each column; if the figures are to be shown, everything."""
        finds: dict[int, list[Detector]] = {i: [] for i in self.chosen}
        for check in self._checks(reading):
            if check.column in finds:
                finds[check.column].append(check.find)
        return {
            i: Demand(
                figures=self.figures_shown or any(MEASURED & set(find.needs) and not find.apart for find in of),
                apart=any(find.apart for find in of),
                quantiles=(*self.quantiles, *(q for find in of for q in find.quantiles())),
            )
            for i, of in finds.items()
        }

    def figures(self, reading: Reading, profile: Profile) -> dict[int, Figures]:
        """What was measured of each column, by its place."""
        rows = self.source.reach
        return {
            i: profile.columns[i].result(rows)
            | {
                "name": self.names[i],
                "role": self.policy.role(self.names[i]),
                "format": self.source.format,
                "classes": profile.classes[i].as_dict() if reading.lexical else None,
            }
            for i in self.chosen
        }

    # --- findings

    def _found(self, reading: Reading, profile: Profile, figures: Mapping[int, Figures]) -> list[Finding]:
        found = self.findings(reading, profile, figures, self.fitted(reading, figures))
        found += _remarks(self._checks(reading))
        found += [
            Finding(rule="source", rule_text="source", severity="info", message=note)
            for note in self.source.facts.notes
        ]
        if self.sampled is not None:
            found += _unsearched(self._checks(reading))
        if self.more is not None:
            found += self.more(reading, profile, figures)
        if self.sampled is not None:
            found = [findings.of_sample(finding) for finding in found]
        return sorted(found, key=lambda finding: RANK[finding.severity])

    def findings(
        self, reading: Reading, profile: Profile, figures: Mapping[int, Figures], checks: Sequence[Check]
    ) -> list[Finding]:
        """What fitted checks have to say. `profile.hits` are those of the same checks, or none."""
        late: dict[int, tuple[int, Detector]] = {}
        for number, check in enumerate(checks):
            if check.column is None or check.find.scope != "cell" or number in profile.hits:
                continue
            if check.find.suspects(figures[check.column]):
                late[number] = (check.column, check.find)
        hits = {**profile.hits, **self.table.located(reading, late), **self._searched(reading, checks)}
        evidence = self._evidence(reading, profile, checks, hits, figures)
        told = [
            (check, each, evidence.get(number, []))
            for number, check in enumerate(checks)
            for each in self._told(check, hits.get(number), figures)
        ]
        lines = self._lines(row for check, each, _ in told for row in _named(check, each))
        found = [self._finding(check, each, more, figures, lines) for check, each, more in told]
        return [finding for finding in found if finding is not None]

    def _searched(self, reading: Reading, checks: Sequence[Check]) -> dict[int, Hits]:
        """The rows that finds about rows find, by the number of the check. Each find takes a look of its own."""
        found: dict[int, Hits] = {}
        for number, check in enumerate(checks):
            if check.find.scope == "row" and self.sampled is None:
                rows = Read(self.table, reading, self.names, check.columns)
                found[number] = check.find.over(rows.columns).search(rows).hits()
        return found

    def fitted(self, reading: Reading, figures: Mapping[int, Figures], policy: Policy | None = None) -> list[Check]:
        """The checks of a policy, or of the own one, for the table, with finds that know their numbers."""
        checks = list(self._checks(reading) if policy is None else policy.checks(self.names, reading.types))
        surveyed: dict[Detector, Detector] = {}
        for number, check in enumerate(checks):
            if check.column is None or check.find.scope != "cell":
                continue
            find = check.find
            if find not in surveyed:
                surveyed[find] = find.survey([figures[i] for i in self.chosen])
            checks[number] = replace(check, find=surveyed[find].fit(figures[check.column]))
        return checks

    def _told(self, check: Check, hits: Hits | None, figures: Mapping[int, Figures]) -> Iterable[Hits | Verdict]:
        """What a check has found: hits in its column, or verdicts."""
        if check.find.scope == "table":
            of = [figures[i] for i in (self.chosen if check.column is None else [check.column])]
            yield from check.find.judge(self.source.facts, of, self.values)
        elif hits is not None and hits.count:
            yield hits

    def _run(self, check: Check, first: int, last: int) -> str:
        """`missing cells of u lie in lines 102 to 131`."""
        assert check.column is not None
        what = "missing cells" if check.find.name == "missing" else "infinities"
        return f"{what} of {quoted(self.names[check.column])} lie in {self.source.between(first - 1, last - 1)}"

    def _lines(self, rows: Iterable[int]) -> dict[int, int] | None:
        """The lines of some records, found in one go; None where there are no lines."""
        wanted = sorted(set(rows))
        lines = self.source.lines(wanted) if wanted else []
        return None if lines is None else dict(zip(wanted, lines, strict=True))

    def _finding(
        self,
        check: Check,
        told: Hits | Verdict,
        evidence: Sequence[str],
        figures: Mapping[int, Figures],
        lines: Mapping[int, int] | None,
    ) -> Finding | None:
        rows = _rows(told)
        if lines is None:
            cells = None if isinstance(told, Verdict) else told.cells
            where, numbers = self.source.where(rows, check.column, cells) if rows else None, None
        else:
            numbers = [lines[row] for row in rows] or None
            where = self.source.on_lines(rows, numbers) if numbers else None
        if isinstance(told, Verdict):
            return findings.of_verdict(check, told, where=where, lines=numbers)
        if check.find.scope == "row":
            of = self.source.facts.rows - self.source.facts.ragged
            others = self._places(told.values, lines)
            return findings.of_rows(check, told, of, where, others, values=self.values, lines=numbers)
        assert check.column is not None
        found = findings.of_column(check, figures[check.column], told, values=self.values, where=where, lines=numbers)
        if self.sampled is not None:
            evidence = [*evidence, findings.bound(self.sampled.bound(told), CONFIDENCE)]
        return found and _with_evidence(found, evidence)

    def _places(self, rows: Sequence[int], lines: Mapping[int, int] | None) -> list[str]:
        return self.source.where(rows) if lines is None else self.source.on_lines(rows, [lines[row] for row in rows])

    def _evidence(
        self,
        reading: Reading,
        profile: Profile,
        checks: Sequence[Check],
        hits: Mapping[int, Hits],
        figures: Mapping[int, Figures],
    ) -> dict[int, list[str]]:
        """What several columns tell about the cause of missing and infinite cells, by the number of the check."""
        by_rule: dict[str, dict[int, int]] = {"missing": {}, "infinite": {}}
        for number, check in enumerate(checks):
            if check.column is not None and check.find.name in by_rule and number in hits and hits[number].count:
                by_rule[check.find.name].setdefault(check.column, number)
        lines: dict[int, list[str]] = {}

        infinite = by_rule["infinite"]
        zeros = zeros_under(self.table, reading, {i: hits[n] for i, n in infinite.items()}, figures)
        for i, others in zeros.items():
            named = ", ".join(quoted(self.names[j]) for j in others[:3])
            lines.setdefault(infinite[i], []).append(f"All of them lie where {named} is 0.")

        missing = by_rule["missing"]
        for i, names in together({i: hits[n] for i, n in missing.items()}, self.names).items():
            named = ", ".join(quoted(name) for name in names[:3]) + (
                f" and {len(names) - 3} more" if len(names) > 3 else ""
            )
            lines.setdefault(missing[i], []).append(f"Always missing together with {named}.")
        for number in (*missing.values(), *infinite.values()):
            run = run_of_rows(hits[number])
            if run is not None and hits[number].rows < self.source.facts.rows:
                lines.setdefault(number, []).append(f"All {self._run(checks[number], *run)}.")
        worst = max(profile.rows.alone.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))
        if worst[1] and worst[0] in missing and len(self.chosen) > 1:
            without = profile.rows.complete + worst[1]
            rows = "1 row is complete" if without == 1 else f"{without:,} rows are complete"
            text = f"Without {quoted(self.names[worst[0]])} {rows}."
            lines.setdefault(missing[worst[0]], []).append(text)
        return lines


def _rows(told: Hits | Verdict) -> tuple[int, ...]:
    return told.rows if isinstance(told, Verdict) else told.first


def _named(check: Check, told: Hits | Verdict) -> tuple[int, ...]:
    """The rows that a finding names: its own, and of finds about rows those that they are held against."""
    return (*_rows(told), *told.values) if isinstance(told, Hits) and check.find.scope == "row" else _rows(told)


def _remarks(checks: Sequence[Check]) -> list[Finding]:
    """Rules that reach nothing, and those that were skipped where they do not apply."""
    assert isinstance(checks, Checks)
    warnings = [Finding(rule="policy", rule_text=said, severity="warning", message=said) for said in checks.warnings]
    return warnings + [Finding(rule="policy", rule_text=said, severity="info", message=said) for said in checks.skipped]


def _refuse_pairs(checks: Sequence[Check]) -> None:
    """UsageError for a find that holds rows against others, which may be anywhere."""
    for check in checks:
        if check.find.scope == "row":
            raise UsageError(
                f"{check.text}: holds every row against all others, which a cluster does not do",
                hint="leave it out, or leave out --engine",
            )


def _unsearched(checks: Sequence[Check]) -> list[Finding]:
    """Finds about rows that are held against other rows: few of those are in a sample."""
    texts = [f"{check.text}: not looked for in a sample, which tears pairs apart" for check in checks if check.columns]
    return [Finding(rule="policy", rule_text=said, severity="info", message=said) for said in texts]


def _with_evidence(finding: Finding, lines: Sequence[str]) -> Finding:
    return msgspec.structs.replace(finding, message="\n".join([finding.message, *lines])) if lines else finding


def _column(figures: Figures) -> Column:
    """A column of the report from its figures."""
    plain = {key: figures[key] for key in FIGURES}
    if plain["outliers"] is not None:
        plain["outliers"] = Outliers(**plain["outliers"])
        plain["fences"] = Fences(**{rule: tuple(f) if f else None for rule, f in plain["fences"].items()})
    if plain["histogram"] is not None:
        plain["histogram"] = Histogram(**plain["histogram"])
    return Column(**plain)


def _workers(engine: Engine | None) -> Workers | None:
    told = None if engine is None else engine.told()
    return None if told is None else Workers(**told)


def versions() -> dict[str, str]:
    """Of the libraries that decide about numbers."""
    import numpy
    import pyarrow

    return {"numpy": numpy.__version__, "pyarrow": pyarrow.__version__}

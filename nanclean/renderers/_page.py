"""What the page for the browser shows of a report, ready to be put into a template: texts, numbers and places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from nanclean.finding import RANK, Finding
from nanclean.renderer import View
from nanclean.renderers import _drawing as drawing
from nanclean.renderers import _words as words
from nanclean.renderers._alike import Group, groups
from nanclean.renderers._beforeafter import pair_of
from nanclean.renderers._cards import CALM, NAME, TEXT, Card, Fold, Found, Ref, member_of, named
from nanclean.renderers._facts import facts, hints
from nanclean.renderers._layout import clipped
from nanclean.renderers._outcome import Outcome, outcome_of
from nanclean.renderers.terminal import healthy
from nanclean.report import Column, Columns, Report, Shift
from nanclean.wording import percent, several

_CARDS = 160
"""Cards of columns on a page; of more columns, those that are alike share one."""
_FINDINGS = 1000
"""Findings on a page, the worst first; the others are counted, and named with their columns."""
_WIDE = 2000
"""Columns of a page that has to be thrifty to stay below 5 MB: half as many cards and findings."""
_OF_A_RULE = 5
"""Findings of one rule that are shown before somebody asks for the rest."""
_MAPPED = 80
"""Columns of the map of missing cells."""
_COMPARED = 500
"""Columns that are held against older ones."""
_FILES = 200
"""Files of a dataset that are named."""


_ORDER = {"blank": 0, "drop_column": 1, "drop": 2}
"""Fixes that come before the others: what cannot be right goes before the rest is filled in."""


@dataclass(frozen=True)
class MapRow:
    """Where in the file the cells of a column are missing."""

    column: Ref
    count: str
    share: str
    patches: tuple[drawing.Patch, ...]
    told: str


@dataclass(frozen=True)
class Map:
    """The map of missing cells."""

    rows: tuple[MapRow, ...]
    blocks: int
    first: str
    last: str
    each: str
    left_out: int


@dataclass(frozen=True)
class Compared:
    """An older dataset against this one."""

    told: str
    measures: tuple[str, ...]
    rows: tuple[tuple[Ref, tuple[str, ...], tuple[str, ...]], ...]
    """A column; missing cells, mean and std before and now; its measures."""
    left_out: int


@dataclass(frozen=True)
class Tile:
    """A figure of the table as a whole."""

    title: str
    value: str
    told: str
    bar: tuple[drawing.Segment, ...] = ()
    tone: str = ""


@dataclass
class Sheet:
    """One report."""

    anchor: str
    report: Report
    view: View
    cards_most: int
    findings_most: int
    anchors: dict[str, str] = field(default_factory=dict)
    """Of columns, by their names."""
    severities: dict[str, str] = field(default_factory=dict)
    """Of rules: the worst one."""
    found: list[Found] = field(default_factory=list)
    cards: list[Card | Fold] = field(default_factory=list)

    def __post_init__(self) -> None:
        report = self.report
        every = [finding for fact in facts(report) for finding in _worst_first(fact.findings)]
        by_column: dict[str, dict[str, None]] = {}
        for finding in every:
            if finding.column is not None and finding.severity != "info":
                by_column.setdefault(finding.column, {})[finding.rule] = None
                self.severities.setdefault(finding.rule, finding.severity)
        rules = {name: tuple(found) for name, found in by_column.items()}
        together = groups(report.columns, rules, self.cards_most)
        self._give_anchors(together, rules)
        self._list_findings(every)
        listed: dict[str, list[Found]] = {}
        for found in self.found:
            if found.finding.column is not None:
                listed.setdefault(found.finding.column, []).append(found)
        for n, group in enumerate(together):
            self.cards.append(self._card(n, group, listed, rules))

    @cached_property
    def outcome(self) -> Outcome | None:
        return outcome_of(self.report, self.view, self.cards_most)

    # --- the head

    @property
    def is_read(self) -> bool:
        return self.report.source.rows is not None

    @property
    def folder(self) -> str:
        return clipped(self._parted[0], NAME)

    @property
    def file(self) -> str:
        return clipped(self._parted[1], NAME) or "''"

    @property
    def _parted(self) -> tuple[str, str]:
        folder, slash, file = self.report.source.path.rstrip("/").rpartition("/")
        return folder + slash, file or self.report.source.path

    @property
    def meta(self) -> list[str]:
        source, file = self.report.source, (self.report.source.files or [{}])[0]
        told = []
        if self.report.comparison is not None:
            told.append(f"compared with {clipped(self.report.comparison.path or 'what was in memory', NAME)}")
        if source.rows is not None:
            told.append(f"{several(source.rows, 'row')} × {several(source.columns or 0, 'column')}")
        if source.sample is not None:
            told += [words.sampled(source.sample), words.proven(source.sample)]
        reading = [
            f"{len(source.files):,} files" if len(source.files) > 1 else None, source.format, file.get("encoding"),
            words.size(source.bytes) if source.bytes is not None else None,
        ]  # fmt: skip
        told.append(", ".join(clipped(str(part), NAME) for part in reading if part))
        told.append(f"rules: {clipped(self.report.run.policy, NAME)}" if self.report.run.policy else "")
        return [part for part in told if part]

    @property
    def files(self) -> list[tuple[str, str]]:
        """The files of a dataset."""
        files = self.report.source.files
        if len(files) < 2:
            return []
        return [(clipped(str(file.get("path", "")), NAME), f"{file.get('rows') or 0:,}") for file in files[:_FILES]]

    @property
    def files_left_out(self) -> int:
        return max(0, len(self.report.source.files) - _FILES)

    @property
    def draws(self) -> bool:
        """Whether there is a histogram to be explained."""
        return any(column.histogram is not None and not column.constant for column in self.report.columns)

    @property
    def tone(self) -> str:
        summary = self.report.summary
        if not self.is_read:
            return "error"
        if self.outcome:
            return "error" if self.outcome.is_refused else "good"
        return "error" if summary.error else "warning" if summary.warning else "good"

    @property
    def verdict(self) -> str:
        summary = self.report.summary
        if not self.is_read:
            return "could not be read"
        if self.outcome:
            return self.outcome.title
        if not summary.error and not summary.warning:
            return f"{self._gate}nothing wrong found"
        told = [_of_kinds(self.report, severity) for severity in ("error", "warning")]
        return self._gate + ", ".join(filter(None, told)) + ("" if summary.error else ", no errors")

    @property
    def _gate(self) -> str:
        """Whether a gate let it pass."""
        return "" if self.report.command != "check" else "FAILED: " if self.report.exit_code else "PASSED: "

    @property
    def ending(self) -> str:
        """How the command ended, where that is worth a word."""
        code, told = self.report.exit_code, []
        if self.outcome and self.report.findings:
            counts = [_of_kinds(self.report, severity) for severity in ("error", "warning")]
            text = ", ".join(filter(None, counts))
            told += [f"{text}, in the work or still in the output" if text else ""]
        if code and self.is_read:
            told.append(f"nanclean {self.report.command} ends with exit code {code}")
        return "; ".join(filter(None, told))

    @property
    def baseline(self) -> str:
        """How the findings compare with those of a baseline."""
        told = [finding.baseline for finding in self.report.findings if finding.baseline]
        counts = [(word, told.count(word)) for word in ("new", "worse", "known")]
        return f"against the baseline: {', '.join(f'{count:,} {word}' for word, count in counts)}" if told else ""

    @property
    def good(self) -> list[str]:
        """What the figures prove to be good."""
        return healthy(self.report)

    @property
    def tiles(self) -> list[Tile]:
        source, columns = self.report.source, self.report.columns
        made = []
        rows, complete = source.rows or 0, source.complete_rows
        if rows and complete is not None:
            text = "of the row" if rows == 1 else f"of {several(rows, 'row')}"
            made.append(Tile("complete rows", f"{complete:,}", f"{percent(complete, rows)} {text}",
                             drawing.stacked([("good", complete)], rows)))  # fmt: skip
        cells, missing = sum(c.count for c in columns), sum(c.missing for c in columns)
        if cells:
            holes = sum(bool(c.missing) for c in columns)
            told = f"{percent(missing, cells)} of all, in {several(holes, 'column')}" if missing else "none is missing"
            made.append(Tile("missing cells", f"{missing:,}", told, drawing.stacked([("missing", missing)], cells)))
        numbers = [c for c in columns if c.finite is not None]
        if numbers:
            bad = [(c, (c.pos_inf or 0) + (c.neg_inf or 0)) for c in numbers]
            infinite, where = sum(count for _, count in bad), sum(bool(count) for _, count in bad)
            told = f"in {several(where, 'column')}" if infinite else f"in {several(len(numbers), 'column')} of numbers"
            made.append(Tile("infinite values", f"{infinite:,}", told, (), "error" if infinite else ""))
        if source.ragged:
            made.append(Tile("ragged rows", f"{source.ragged:,}", f"{percent(source.ragged, rows)} of the rows"))
        return made

    # --- findings

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Severity, its word and how many findings are listed."""
        listed = [found.severity for found in self.found]
        return [(severity, CALM[severity], listed.count(severity)) for severity in CALM]

    @property
    def has_controls(self) -> bool:
        return len(self.found) >= 10

    @property
    def is_mixed(self) -> bool:
        """Whether there are notes beside what is wrong."""
        return any(found.severity == "info" for found in self.found) and self.tone != "good"

    @property
    def findings_left_out(self) -> int:
        return len(self.report.findings) - len(self.found)

    @property
    def suggested(self) -> list[str]:
        """All rules to paste, in an order in which they can run."""
        wrong = [finding for finding in self.report.findings if finding.severity != "info"]
        rules: dict[str, None] = {}
        for fact in facts(msgspec.structs.replace(self.report, findings=wrong)):
            for names, rest in hints(fact.findings, self.report.columns)[0]:
                rules[f"{', '.join(names)}: {rest}"] = None
        listed = sorted(rules, key=lambda rule: _ORDER.get(rule.rpartition(" -> ")[2], len(_ORDER)))
        return [rule for rule in listed if len(rule) <= TEXT]

    def _list_findings(self, every: Sequence[Finding]) -> None:
        seen: dict[tuple[str, str], int] = {}
        total = Counter((finding.severity, finding.rule) for finding in every)
        for finding in every[: self.findings_most]:
            kind = finding.severity, finding.rule
            seen[kind] = n = seen.get(kind, 0) + 1
            pairs, advice = hints([finding], Columns())
            rules = [f"{', '.join(names)}: {rest}" for names, rest in pairs]
            lines = finding.message.split("\n")
            self.found.append(
                Found(
                    anchor=f"{self.anchor}f{len(self.found) + 1}",
                    finding=finding,
                    column=None if finding.column is None else self.ref(finding.column),
                    evidence=tuple(clipped(line, TEXT) for line in lines[1:] if line),
                    rules=tuple(rule for rule in rules if len(rule) <= TEXT),  # half a rule is none
                    advice=tuple(clipped(sentence, TEXT) for sentence in advice),
                    extra=n > _OF_A_RULE and total[kind] > _OF_A_RULE + 3,
                )
            )

    # --- columns

    def ref(self, name: str) -> Ref:
        """A column as others point to it."""
        return Ref(named(name), self.anchors.get(name))

    def _give_anchors(self, together: Sequence[Group], rules: Mapping[str, tuple[str, ...]]) -> None:
        order = {column.name: n for n, column in enumerate(self.report.columns, 1)}
        for group in together:
            for column in group.columns:
                if len(group.columns) == 1 or column.name in rules:
                    self.anchors[column.name] = f"{self.anchor}c{order[column.name]}"

    def _card(
        self, n: int, group: Group, listed: Mapping[str, list[Found]], rules: Mapping[str, tuple[str, ...]]
    ) -> Card | Fold:
        if len(group.columns) == 1:
            column = group.first
            found = tuple(listed.get(column.name, ()))
            told = {each.finding.rule for each in found}
            unlisted = tuple((rule, self.severities[rule]) for rule in rules.get(column.name, ()) if rule not in told)
            return Card(self.anchors[column.name], column, found, unlisted)
        members = tuple(
            member_of(column, self.anchors.get(column.name, ""), rules.get(column.name, ())) for column in group.columns
        )
        hit = [self.severities[rule] for member in members for rule in member.rules]
        worst = min(hit, key=RANK.__getitem__, default="")
        marks = tuple((rule, self.severities[rule]) for rule in group.rules)
        return Fold(f"{self.anchor}g{n + 1}", marks, worst, members)

    @property
    def types(self) -> list[tuple[str, int]]:
        """How many columns there are of each type."""
        counts: dict[str, int] = {}
        for column in self.report.columns:
            counts[column.type] = counts.get(column.type, 0) + 1
        return sorted(counts.items(), key=lambda pair: -pair[1])

    # --- against an older dataset

    @cached_property
    def compared(self) -> Compared | None:
        comparison = self.report.comparison
        if comparison is None:
            return None
        what = {"data": "", "report": ", a report", "recipe": ", a recipe"}[comparison.kind]
        path = "what was in memory" if comparison.path is None else clipped(comparison.path, NAME)
        told = path + what + ("" if comparison.rows is None else f", {several(comparison.rows, 'row')}")
        names = tuple(dict.fromkeys(name for shift in comparison.columns for name in shift.measures))
        rows = tuple(
            (self.ref(shift.name), _sides(shift), tuple(_measure(shift, name) for name in names))
            for shift in comparison.columns[:_COMPARED]
        )
        if comparison.same:
            told += "; every column holds the same values, as often"
        return Compared(told, names, rows, len(comparison.columns) - len(rows))

    # --- where cells are missing

    @cached_property
    def map(self) -> Map | None:
        blocks = self.report.source.blocks
        columns = [c for c in self.report.columns if c.missing_by_block and any(c.missing_by_block)]
        if not columns or len(blocks) < 2:
            return None
        most = sorted(columns, key=lambda column: -column.missing)[:_MAPPED]
        kept = {column.name for column in most}
        rows = tuple(self._map_row(column) for column in columns if column.name in kept)
        each = blocks[0][1] - blocks[0][0] + 1
        return Map(rows, len(blocks), f"{blocks[0][0]:,}", f"{blocks[-1][1]:,}", f"{each:,}", len(columns) - len(rows))

    def _map_row(self, column: Column) -> MapRow:
        counts = column.missing_by_block or []
        found = drawing.patches(counts, self.report.source.blocks)
        total = sum(patch.count for patch in found)
        hit = sum(patch.width for patch in found)
        if len(found) == 1 and hit < len(counts) * 9 // 10:
            told = f"only in rows {found[0].first:,} to {found[0].last:,}"
        elif len(found) == 1:
            told = "throughout the file"
        else:
            worst = max(found, key=lambda patch: patch.count / patch.rows)
            told = f"most in rows {worst.first:,} to {worst.last:,}: {percent(worst.count, worst.rows)}"
        rows = self.report.source.rows or 0
        return MapRow(self.ref(column.name), f"{total:,}", percent(total, rows), found, told)


def _sides(shift: Shift) -> tuple[str, ...]:
    """Missing cells, mean and std of a column before and now."""
    old, new = shift.old, shift.new
    if old is None or new is None:
        return "is new" if old is None else "is gone", "", ""
    shares = [f"{percent(side.missing, side.count)}" if side.missing and side.count else "." for side in (old, new)]
    pairs = [pair_of(getattr(old, key), getattr(new, key)) for key in ("mean", "std")]
    return (" → ".join(dict.fromkeys(shares)), *(" → ".join(filter(None, pair)) for pair in pairs))


def _measure(shift: Shift, name: str) -> str:
    value = shift.measures.get(name)
    return "" if value is None else ("≥ " if name in shift.at_least else "") + words.number(float(f"{value:.3g}"))


def _worst_first(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: -(finding.count or 0))


def _of_kinds(report: Report, severity: str) -> str:
    """`9 warnings of 3 kinds`."""
    rules = [finding.rule for finding in report.findings if finding.severity == severity]
    kinds = len(set(rules))
    if not rules:
        return ""
    return several(len(rules), severity) + (f" of {kinds:,} kinds" if 1 < kinds < len(rules) else "")


@dataclass(frozen=True)
class Page:
    """One or several reports."""

    sheets: tuple[Sheet, ...]

    @classmethod
    def of(cls, reports: Sequence[Report], view: View) -> Page:
        """All reports on one page, the cards and findings shared out among them."""
        several = len(reports) > 1
        share = max(1, len(reports)) * (2 if sum(len(report.columns) for report in reports) > _WIDE else 1)
        return cls(
            tuple(
                Sheet(f"r{i}" if several else "", report, view, max(1, _CARDS // share), max(20, _FINDINGS // share))
                for i, report in enumerate(reports, 1)
            )
        )

    @property
    def title(self) -> str:
        if len(self.sheets) == 1:
            return f"{self.sheets[0].file}: {self.sheets[0].verdict}"
        return f"{several(len(self.sheets), 'file')}: {self.verdict}"

    @property
    def tone(self) -> str:
        tones = [sheet.tone for sheet in self.sheets]
        return next((tone for tone in ("error", "warning") if tone in tones), "good")

    @property
    def verdict(self) -> str:
        read = [sheet for sheet in self.sheets if sheet.is_read]
        errors = sum(sheet.report.summary.error for sheet in read)
        warnings = sum(sheet.report.summary.warning for sheet in read)
        told = [several(errors, "error")] if errors else []
        told += [several(warnings, "warning")] if warnings else []
        unread = len(self.sheets) - len(read)
        text = ", ".join(told) or ("nothing wrong found" if read else "")
        return "; ".join(filter(None, (text, f"{several(unread, 'file')} not read" if unread else "")))

    @property
    def version(self) -> str:
        return next((sheet.report.run.version for sheet in self.sheets if sheet.report.run.version), "")


def toml(text: str) -> str:
    """A text as a string of TOML."""
    return msgspec.json.encode(text).decode()

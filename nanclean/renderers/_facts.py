"""Findings as people read them: one block for each fact, whatever the number of columns it is true of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nanclean.finding import Finding
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._layout import Line, Piece, cells, clipped, padded, piece, wrapped
from nanclean.report import Column, Columns, Report
from nanclean.wording import percent, quoted, several

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_SHOWN = 5  # columns of a fact
_TOLD = 3  # columns of a fact whose story is told in full
_MILD = {"missing": 1, "constant": 2, "names": 3}
_NAMED = 24  # columns of a rule
_COUNTED = frozenset({"missing", "infinite", "all_missing"})  # rules whose whole story is a count
_RULE = re.compile(r"(?P<columns>.+?): (?P<rest>[a-z_]+.* -> .+)")
_MARGIN = 9  # of the severity
_NAME = 30  # of the rule
_PROSE = 110  # cells; longer lines are hard to read
_SELECTORS = {"integer": "@numeric", "float": "@numeric", "text": "@text", "boolean": "@boolean", "time": "@time"}


@dataclass(frozen=True)
class Fact:
    """One thing that is wrong, in one column or in many."""

    rule: str
    severity: str
    findings: tuple[Finding, ...]


def facts(report: Report) -> list[Fact]:
    """The findings grouped by rule and severity, errors first, what is common and mild last."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for severity in STYLES:
        found = [finding for finding in report.findings if finding.severity == severity]
        for finding in sorted(found, key=lambda finding: _MILD.get(finding.rule, 0)):
            groups.setdefault((severity, finding.rule), []).append(finding)
    return [Fact(rule, severity, tuple(found)) for (severity, rule), found in groups.items()]


def blocks(found: Sequence[Fact], report: Report, view: View) -> Iterator[Line]:
    """The lines of all facts, an empty one after each."""
    margin = margin_of(found)
    beside = view.width - margin >= 36
    for fact in found:
        body = _Body(fact, report.columns, view, min(_PROSE, view.width - (margin if beside else 2)))
        head = head_of(fact)
        if not beside:
            yield from wrapped(head, view.width)
            yield from ([piece("  "), *line] for line in body.lines())
        else:
            space = " " * (margin - sum(cells(text) for text, _ in head))
            for n, line in enumerate(body.lines()):
                yield [*head, piece(space), *line] if n == 0 else [piece(" " * margin), *line]
        yield []


def head_of(fact: Fact) -> Line:
    """Severity and rule. The name that somebody gave a rule may be long."""
    return [piece(padded(fact.severity, _MARGIN), STYLES[fact.severity]), piece(clipped(fact.rule, _NAME), "bold")]


def margin_of(found: Sequence[Fact]) -> int:
    """How wide the heads of some facts are, side by side with what they say."""
    return _MARGIN + max(12, 2 + max((cells(clipped(fact.rule, _NAME)) for fact in found), default=0))


class _Body:
    """What stands to the right of the name of a rule."""

    def __init__(self, fact: Fact, columns: Columns, view: View, width: int) -> None:
        self.fact, self.columns, self.view, self.width = fact, columns, view, width
        self.most = len(fact.findings) if view.verbose else _SHOWN

    def lines(self) -> Iterator[Line]:
        found = self.fact.findings
        if len(found) > 1 and self.fact.rule in _COUNTED:
            yield from self.table()
        elif len(found) <= _TOLD or self.view.verbose:
            for finding in found:
                yield from self.story(finding)
        else:
            yield from self.headlines()
        yield from self.hints()

    def story(self, finding: Finding) -> Iterator[Line]:
        """Everything about one column: what, where, why."""
        headline, detail = _parted(finding.message)
        yield from wrapped([*_named(finding), piece(headline)], self.width)
        where = "" if is_everywhere(finding) else words.places(finding.where or (), _is_more(finding))
        text = _sentences(where, detail)
        if text:
            yield from wrapped([piece(text)], self.width)

    def headlines(self) -> Iterator[Line]:
        """A line for each column."""
        found = self.fact.findings
        for finding in found[: self.most]:
            headline, _ = _parted(finding.message)
            where = "" if is_everywhere(finding) else words.places(finding.where or (), _is_more(finding), most=1)
            line = [*_named(finding), piece(headline)]
            yield from wrapped(line + ([piece(f"  {where}", "dim")] if where else []), self.width)
        yield from self.rest(len(found) - self.most)

    def table(self) -> Iterator[Line]:
        """Count, share and first place of each column."""
        found = sorted(self.fact.findings, key=lambda finding: -(finding.count or 0))
        total = sum(finding.count or 0 for finding in found)
        known = self.columns.by_name
        what = _spelled(known[f.column] for f in found if f.column in known) if self._is_missing else ""
        noun = "cell" if self._is_missing else "value"
        yield from wrapped(
            [piece(f"{several(total, noun)} in {several(len(found), 'column')}"), piece(what)], self.width
        )
        rows = [_Row.of(together) for together in _together(found)]
        yield from _aligned(rows[: self.most], self.width, self.view.unicode)
        yield from self.rest(sum(len(row.names) for row in rows[self.most :]))
        for row in rows[: self.most]:
            _, evidence = _parted(row.first.message)
            if evidence and len(row.names) == 1:  # of several columns it says that they belong together
                named = [] if row.names[0] in evidence else _named(row.first)
                yield from wrapped([*named, piece(evidence)], self.width)

    @property
    def _is_missing(self) -> bool:
        return self.fact.rule in ("missing", "all_missing")

    def rest(self, n: int) -> Iterator[Line]:
        """How much is not shown."""
        if n > 0:
            yield [piece(f"and {n:,} more (-v)", "dim")]

    def hints(self) -> Iterator[Line]:
        """The rule that was broken, if it is the user's own; and what to do: rules to paste, and sentences."""
        own = [f for f in self.fact.findings if f.policy_line is not None or f.limit is not None]
        for text, place in {f.rule_text: f.policy_line for f in own}.items():
            where = "" if place is None else f"  ({place})"
            yield from wrapped([piece(f"rule: {text}{where}", "dim")], self.width)
        rules, sentences = hints(self.fact.findings, self.columns)
        for sentence in sentences:
            yield from wrapped([piece(sentence)], self.width)
        label = "fix: "
        for names, rest in rules:
            parts = [*(f"{name}," for name in names[:-1]), f"{names[-1]}:", rest]
            if len(names) > _NAMED and not self.view.verbose:
                parts = [*parts[:_TOLD], "..:", rest, f" ({len(names):,} columns: -v)"]
            for line in _packed(parts, self.width - len(label)):
                yield [piece(label, "dim"), *line]
                label = "     "


@dataclass(frozen=True)
class _Row:
    first: Finding
    names: tuple[str, ...]
    count: str
    share: str
    wheres: tuple[str, ...]
    """The same place in more and in fewer words."""

    @classmethod
    def of(cls, together: Sequence[Finding]) -> _Row:
        first = together[0]
        count = first.count or 0
        places = first.where or ()
        if not places:
            where = []
        elif len(together) > 1:
            where = [f"the same {words.places(places, _is_more(first), most)}" for most in (3, 2, 1)]
        elif count > 10:
            where = [f"first {'on' if places[0].startswith('line') else 'at'} {places[0]}", places[0]]
        else:
            where = [words.places(places, _is_more(first), most) for most in (3, 2, 1)]
        return cls(
            first=first,
            names=tuple(map(_name, together)),
            count=f"{count:,}" + (" each" if len(together) > 1 else ""),
            share=percent(count, first.of) if first.of else "",
            wheres=tuple(where),
        )

    def named(self, width: int, unicode: bool = False) -> str:
        """The names side by side, or the first one and how many more."""
        together = " ".join(self.names)
        if len(self.names) == 1 or (len(self.names) < 5 and cells(together) <= width):
            return clipped(together, width, unicode)
        more = f" + {len(self.names) - 1:,} more"
        return clipped(self.names[0], max(width - len(more), 4), unicode) + more


def _packed(parts: Sequence[str], width: int) -> Iterator[Line]:
    """The parts of a rule on as few lines as possible, each part in one piece where it fits."""
    text = parts[0]
    for part in parts[1:]:
        if cells(piece(f"{text} {part}")[0]) > width:
            yield from wrapped([piece(text, "green")], width)
            text = part
        else:
            text = f"{text} {part}"
    yield from wrapped([piece(text, "green")], width)


def _aligned(rows: Sequence[_Row], width: int, unicode: bool) -> Iterator[Line]:
    """Rows as a table: names, counts, shares, places."""
    if not rows:
        return
    left = max(cells(row.named(width)) + 2 + len(row.count) for row in rows)
    left = min(left, max(20, width - 7 - 2 - 19))
    for row in rows:
        name = row.named(max(left - 2 - len(row.count), 8), unicode)
        count = padded(row.count, left - cells(name), right=True)
        line = [piece(name, "bold"), piece(count), piece(row.share.rjust(7))]
        where = next((where for where in row.wheres if cells(piece(where)[0]) <= width - left - 9), "")
        line.append(piece(f"  {where}", "dim"))
        yield from wrapped(line, width)


def _named(finding: Finding) -> list[Piece]:
    return [] if finding.column is None else [piece(_name(finding), "bold"), piece(": ")]


def _name(finding: Finding) -> str:
    return clipped(finding.column or "", 40) or "''"


def _is_more(finding: Finding) -> bool:
    return (finding.count or 0) > len(finding.where or ())


def is_everywhere(finding: Finding) -> bool:
    """Every cell is meant, so that no place is worth a word."""
    return finding.count is not None and finding.count == finding.of


def _parted(message: str) -> tuple[str, str]:
    """What a message says, and the evidence in its later lines."""
    headline, _, evidence = message.partition("\n")
    return headline, " ".join(evidence.split("\n"))


def _sentences(*parts: str) -> str:
    """Parts one after the other, a full stop between two."""
    said = [part for part in parts if part]
    return " ".join(part if part.endswith((".", "..")) or part is said[-1] else f"{part}." for part in said)


def _together(found: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of the same rows in one group, as far as the report can tell."""
    groups: dict[object, list[Finding]] = {}
    for finding in found:
        rows = finding.rows or []
        known = len(rows) == finding.count or bool(finding.ranges) or "Always missing together" in finding.message
        key = (finding.count, tuple(rows), repr(finding.ranges)) if rows and known else finding.column
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _spelled(columns: Iterable[Column]) -> str:
    """How the missing cells of some columns are written."""
    kinds: Counter[str] = Counter()
    for column in columns:
        for kind, text in (("null", "null"), ("nan", "NaN"), ("empty", "empty")):
            kinds[text] += getattr(column, kind)
        for token, count in column.tokens.items():
            kinds[f'"{token}"'] += count
    kinds = +kinds
    if not kinds:
        return ""
    if len(kinds) == 1:
        (kind,) = kinds
        return f", all {kind}" if not kind.startswith('"') else f", all written {kind}"
    shown = [f"{count:,} {kind}" for kind, count in kinds.most_common(4)]
    return ": " + ", ".join(shown) + (" .." if len(kinds) > 4 else "")


def hints(found: Sequence[Finding], columns: Columns) -> tuple[list[tuple[list[str], str]], list[str]]:
    """The rules to paste, as columns and the rest, joined where only their columns differ; and the sentences."""
    together: dict[str, dict[str, None]] = {}
    sentences: dict[str, None] = {}
    for finding in found:
        for line in (finding.hint or "").splitlines():
            rule = _RULE.fullmatch(line)
            if rule:
                together.setdefault(rule["rest"], {})[rule["columns"]] = None
            elif line:
                sentences[line] = None
    kinds = {quoted(name): column for name, column in columns.by_name.items()}
    rules = [(list(names), rest) for rest, names in together.items()]
    rules.sort(key=lambda rule: " -> drop" not in rule[1])
    most = max((rule for rule in rules if " -> drop" not in rule[1]), key=lambda rule: len(rule[0]), default=None)
    if most is not None and len(most[0]) > _TOLD:
        # Rules run from top to bottom, so the columns named in the others are dealt with by then.
        rules = [rule for rule in rules if rule is not most]
        rules += [([selector], most[1]) for selector in _selectors(most[0], kinds)] or [most]
    return rules, list(sentences)


def _selectors(names: list[str], columns: dict[str, Column]) -> list[str]:
    """What reaches columns by their types; nothing where one is protected, so that only its name reaches it."""
    reached = [columns.get(name) for name in names]
    if any(column is None or column.role in ("label", "id") or column.type not in _SELECTORS for column in reached):
        return []
    return list(dict.fromkeys(_SELECTORS[column.type] for column in reached if column is not None))

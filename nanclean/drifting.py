"""How data differ from older ones: every measure of drift of every column, and the findings among them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import cast

from nanclean import registry
from nanclean.cleaning import Outcome
from nanclean.detector import NUMBERS, Detector, Hits, Severity
from nanclean.distance import Dataset, Question, answer
from nanclean.drift import Bins, Drift, Known, Measured, Pair
from nanclean.finding import Finding
from nanclean.format import Source
from nanclean.mistakes import Mistakes
from nanclean.numbers import NumberStatistics
from nanclean.part import member
from nanclean.pipeline import Table
from nanclean.policy import Policy
from nanclean.profile import Profile
from nanclean.reach import Reach
from nanclean.reading import Reading
from nanclean.reference import counted, of_scan
from nanclean.rule import Rule
from nanclean.statistics import Figures
from nanclean.wording import listed, quoted, shown

BULK = 0.05
"""The share of training rows from which on they did not get there by chance."""
FEWEST = 5
"""Rows that are too few to speak of."""
FAR = 2.0**70
"""No number of a column is held against bounds beyond this."""
TRAINING = "in the training data"


@cache
def measures() -> tuple[Drift, ...]:
    """All measures of drift."""
    return tuple(cast(Drift, member("drifts", name)()) for name in registry.names("drifts"))


@dataclass
class Now:
    """The newer dataset: measured, and there to be looked at again."""

    source: Source
    table: Table
    reading: Reading
    profile: Profile
    figures: Mapping[int, Figures]

    def __post_init__(self) -> None:
        columns = self.profile.columns
        self.known = {
            figures["name"]: of_scan(figures, columns[i]) for i, figures in self.figures.items() if i in columns
        }
        self.position = {figures["name"]: i for i, figures in self.figures.items()}
        numbers = {i: each for i, each in columns.items() if isinstance(each, NumberStatistics)}
        self.dataset = Dataset(self.table, self.reading, numbers)

    def changed(self, old: Known, new: Known) -> bool:
        """Whether a column is of another type than before. Of text only what is written in it can tell."""
        return _is_changed(old, new, self.source.lexical)

    def located(self, finders: Mapping[int, tuple[int, Detector]]) -> Mapping[int, Hits]:
        """Where the cells are that some finders find."""
        return self.table.located(self.reading, finders)

    def where(self, hits: Hits) -> tuple[list[str], list[int] | None]:
        """The places of the first of them, for people, and their lines."""
        lines = self.source.lines(hits.first)
        return (self.source.where(hits.first) if lines is None else self.source.on_lines(hits.first, lines)), lines


def _is_changed(old: Known, new: Known, lexical: bool) -> bool:
    if old.type == new.type or new.cells == new.missing or (old.cells is not None and old.cells == old.missing):
        return False
    return not (lexical and (old.type, new.type) == ("float", "integer"))


@dataclass
class Before:
    """The older dataset: what is known of its columns, and, where it is at hand, a way to look at it again."""

    known: Mapping[str, Known]
    dataset: Dataset | None = None
    position: Mapping[str, int] = field(default_factory=dict)


def pairs(
    before: Before,
    now: Now,
    memory: int,
    word: str = "before",
    types: Mapping[str, str] | None = None,
    absent: Sequence[str] = (),
) -> list[Pair]:
    """Every column of either dataset, and what is known of both together; those of the older one first.

    absent: columns that need not be there now. types: what the newer ones are, if that is to be the very same.
    """
    questions: dict[str, Question] = {}
    for name, i in now.position.items():
        known, here = before.known.get(name), now.dataset.columns.get(i)
        if known is not None and known.numeric and here is not None and now.known[name].finite:
            place = before.position.get(name) if before.dataset is not None and known.finite else None
            questions[name] = Question(i, place, _thresholds(known, here.plan.dtype.kind in "iu"))
    answer(list(questions.values()), before.dataset, now.dataset, memory)
    found = []
    for name in dict.fromkeys((*before.known, *now.known)):
        old, new = before.known.get(name), now.known.get(name)
        if new is None and name in absent:
            continue
        changed = False
        if old is not None and new is not None:
            changed = now.changed(old, new) if types is None else types[name] != old.type
        pair = Pair(name, old, new, word, trained=word == TRAINING, changed=changed)
        found.append(_answered(pair, questions[name]) if name in questions else pair)
    return found


def _thresholds(old: Known, whole: bool) -> list[int | float]:
    """Where the newer values are to be counted: the edges of the older bins, and the older extremes.

    whole: the newer values are integers.
    """
    edges = [] if old.steps is None else list(old.steps.edges)
    if not _bounded(old):
        return edges
    assert old.min is not None
    assert old.max is not None
    below = math.ceil(old.min) - 1 if whole else math.nextafter(float(old.min), -math.inf)
    return [*edges, below, old.max]


def _bounded(old: Known) -> bool:
    """Whether its extremes are known, and numbers that float64 reaches."""
    return all(end is not None and (isinstance(end, float) or abs(end) < FAR) for end in (old.min, old.max))


def _answered(pair: Pair, question: Question) -> Pair:
    old, new = pair.old, pair.new
    assert old is not None
    assert new is not None
    assert question.ranks is not None
    n, ranks = new.finite or 0, question.ranks
    if _bounded(old):
        pair = replace(pair, outside=(ranks[-2], n - ranks[-1], True))
    if old.bins is not None and old.steps is not None:
        by_edge = dict(zip(old.steps.edges, ranks, strict=False))
        pair = replace(pair, bins=counted(old.bins, by_edge, n))
        pair = replace(pair, distance=(_least_distance(*counted(old.steps, by_edge, n)), False))
    return pair if question.distance is None else replace(pair, distance=(question.distance, True))


def _least_distance(before: tuple[int, ...], now: tuple[int, ...]) -> float:
    """The largest difference between two distribution functions at the ends of the bins."""
    n, m = sum(before), sum(now)
    a = b = most = 0
    for one, other in zip(before, now, strict=True):
        a, b = a + one, b + other
        most = max(most, abs(a * m - b * n))
    return most / (n * m) if n and m else 0.0


def pairs_of_reports(before: Mapping[str, Known], now: Mapping[str, Known], lexical: bool) -> list[Pair]:
    """Every column of two reports. What cannot be known of them stays open, or is a lower bound."""
    found = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        pair = Pair(name, old, new)
        if old is not None and new is not None:
            outside = None
            if _bounded(old) and _bounded(new):
                below, above = int(new.min < old.min), int(new.max > old.max)  # type: ignore[operator]
                outside = below, above, not (below or above)
            distance = None
            if old.steps is not None and new.steps is not None:
                distance = _least_distance_of_bins(old.steps, new.steps), False
            pair = replace(pair, outside=outside, distance=distance, changed=_is_changed(old, new, lexical))
        found.append(pair)
    return found


def _least_distance_of_bins(one: Bins, other: Bins) -> float:
    """The least that two distribution functions must be apart, that are known at the edges of their bins only."""
    n, m = sum(one.counts), sum(other.counts)
    most = 0.0
    for edge in (*one.edges, *other.edges):
        (low, high), (low_, high_) = _up_to(one, edge), _up_to(other, edge)
        most = max(most, low / n - high_ / m, low_ / m - high / n)
    return most


def _up_to(bins: Bins, threshold: int | float) -> tuple[int, int]:
    """How many values lie up to a threshold: at least, and at most."""
    at = bisect_right(bins.edges, threshold)
    low = sum(bins.counts[:at])
    return low, low if at and bins.edges[at - 1] == threshold else low + bins.counts[at]


def same_pairs(now: Now) -> list[Pair]:
    """Every column against itself."""
    found = []
    for name, known in now.known.items():
        pair = Pair(name, known, known)
        if known.finite:
            counts = () if known.bins is None else known.bins.counts
            pair = replace(pair, bins=(counts, counts) if counts else None, distance=(0.0, True), outside=(0, 0, True))
        found.append(pair)
    return found


# --- judging


@dataclass(frozen=True)
class Drifted:
    """All that was measured, and what of it is too much."""

    values: Mapping[str, Mapping[str, Measured]]
    """By column and measure."""
    findings: list[Finding]


@dataclass
class Judge:
    """The rules of a policy on drift, and the limits that hold without one."""

    policy: Policy
    contract: bool = False
    """The older dataset is a contract: what breaks it is an error."""
    shown: bool = True
    """Values from the data may be named."""

    def drifted(self, pairs: Sequence[Pair], now: Now | None) -> Drifted:
        """Measure every pair, and find. PolicyError with every mistake in the rules."""
        mistakes = Mistakes()
        names = [pair.name for pair in pairs]
        types = [(pair.old or pair.new).type for pair in pairs]  # type: ignore[union-attr]
        reach = Reach(names, types, self.policy.role, mistakes)
        skipped: list[str] = []
        rules = self._rules(reach, types, skipped)
        ignored = self._ignored(reach)
        mistakes.demand()
        values: dict[str, dict[str, Measured]] = {}
        found: list[tuple[Pair, Drift, Measured, Rule | None]] = []
        for i, pair in enumerate(pairs):
            told = values.setdefault(pair.name, {})
            for measure in measures():
                if types[i] not in measure.applies:
                    continue
                measured = measure.measure(pair, self.shown)
                if measured is None:
                    continue
                told[measure.name] = measured
                rule = rules.get((measure.name, i))
                if rule is None and ((measure.name, i) in ignored or pair.role not in measure.roles):
                    continue
                if measure.drifted(measured, None if rule is None else rule.limit):
                    found.append((pair, measure, measured, rule))
        findings = list(self._findings(found, now))
        findings += [_remark(said, "warning") for said in dict.fromkeys(reach.warnings)]
        findings += [_remark(said, "info") for said in dict.fromkeys(skipped)]
        return Drifted(values, findings)

    def _rules(self, reach: Reach, types: Sequence[str], skipped: list[str]) -> dict[tuple[str, int], Rule]:
        """The rule for each measure and column: of several the last."""
        rules = {}
        for rule in self.policy.drift:
            assert rule.drift is not None
            where, key = rule.where or f"--rule {shown(str(rule), 60)!r}", rule.key if rule.where else None
            for i, named in reach.of(rule.columns, rule.excepted, where, key).items():
                name = quoted(reach.names[i])
                if types[i] in rule.drift.applies:
                    rules[rule.drift.name, i] = rule
                elif named:
                    kinds = "numeric" if rule.drift.applies == NUMBERS else listed(sorted(rule.drift.applies), 9)
                    said = f"{rule.drift.name} is for {kinds} columns, and {name} is {types[i]}"
                    reach.mistakes.add(said, where, key, hint=f"leave {name} out of the rule")
                else:
                    skipped.append(f"{rule}: not for {name}, which is {types[i]}")
        return rules

    def _ignored(self, reach: Reach) -> set[tuple[str, int]]:
        known = registry.names("drifts")
        return {
            (ignore.find, i)
            for ignore in self.policy.ignore
            if ignore.find in known
            for i in reach.of(ignore.columns, ignore.excepted, ignore.where or "--ignore", "ignore")
        }

    def _findings(
        self, found: Sequence[tuple[Pair, Drift, Measured, Rule | None]], now: Now | None
    ) -> Iterator[Finding]:
        finders: dict[int, tuple[int, Detector]] = {}
        for number, (pair, measure, measured, _) in enumerate(found):
            finder = measure.finder(pair) if now is not None and measured.count else None
            if finder is not None and now is not None and pair.name in now.position:
                finders[number] = (now.position[pair.name], finder)
        hits = now.located(finders) if now is not None and finders else {}
        for number, (pair, measure, measured, rule) in enumerate(found):
            finding = self._finding(pair, measure, measured, rule)
            yield finding if number not in hits or now is None else _placed(finding, hits[number], now)

    def _finding(self, pair: Pair, measure: Drift, measured: Measured, rule: Rule | None) -> Finding:
        severity = measured.severity or (measure.breach if self.contract else measure.severity)
        if rule is not None:
            severity = rule.severity or "error"
        count, of = measured.count, measured.of
        return Finding(
            rule=measure.name if rule is None else rule.name or measure.name,
            rule_text=f"{quoted(pair.name)}: {measure.name}" if rule is None else str(rule),
            severity=severity,
            column=pair.name,
            count=count,
            of=of,
            share=count / of if count is not None and of else None,
            limit=None if rule is None or rule.limit is None else str(rule.limit),
            message=measured.message,
            hint=measured.hint,
            policy_line=None if rule is None else rule.where,
        )


def _placed(finding: Finding, hits: Hits, now: Now) -> Finding:
    import msgspec

    where, lines = now.where(hits)
    ranges = hits.ranges
    return msgspec.structs.replace(
        finding,
        rows=[row + 1 for row in hits.first],
        lines=lines,
        where=where,
        ranges=None if ranges is None else [(first, last) for first, last in ranges],
    )


def _remark(said: str, severity: Severity) -> Finding:
    return Finding(rule="policy", rule_text=said, severity=severity, message=said)


def training_rows(outcome: Outcome) -> Iterator[Finding]:
    """Whether many rows are rows of the training data."""
    overlap = outcome.overlap
    if overlap is None or overlap.found < FEWEST or overlap.found < BULK * overlap.looked:
        return
    share = overlap.found / overlap.looked
    about = "" if overlap.complete else "about "
    yield Finding(
        rule="training_rows",
        rule_text="training_rows",
        severity="warning",
        message=f"{about}{share:.1%} of the rows are rows of the training data: "
        "what is measured here is too good to be true",
        hint="drop them, or split the data anew before the recipe is fitted",
        count=overlap.found,
        of=overlap.looked,
        share=share,
    )

"""One thing that is wrong: rule, column, how much of it, where, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from nanclean.detector import Figures, Hits, Severity, Verdict
from nanclean.grammar import sentence, written
from nanclean.part import Call
from nanclean.policy import Check

FIRST = 5
RANK = {"error": 0, "warning": 1, "info": 2, "never": -1}
"""Severities, the worst first; `never` is beyond all of them."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in one column, or in the table. Its keys are part of `nanclean.report/1`."""

    rule: str
    """The find, or the name that a policy gave the rule."""
    rule_text: str
    severity: Severity
    column: str | None = None
    """None: the table as a whole."""
    count: int | None = None
    """Bad cells; of the table, bad rows or columns. None: it is not about a number."""
    of: int | None = None
    share: float | None = None
    limit: str | None = None
    """How much the rule allows: `1%`, or `20`."""
    message: str
    """The first line says it all, the next ones are evidence."""
    hint: str | None = None
    """A rule to paste, or a sentence."""
    rows: list[int] | None = None
    """The first five, from 1."""
    lines: list[int] | None = None
    """Their lines in the file."""
    where: list[str] | None = None
    """Where they are, for people."""
    ranges: list[tuple[int, int]] | None = None
    """Runs of bad rows, first and last from 1, if they are few."""
    policy_line: str | None = None
    """Where the rule stands: `nanclean.toml:9`. None: built in, or an option."""
    sampled: bool = False
    """It is about a sample, and so are its counts and shares."""
    baseline: Literal["new", "worse", "known"] | None = None
    """How it compares with the baseline of `check --baseline`; known ones fail nothing. None: there was none."""

    @property
    def is_left_to_fix(self) -> bool:
        """Whether it passes only because a rule of the policy repairs it, which nobody has done yet."""
        return self.severity == "info" and bool(self.count) and " -> " in self.rule_text

    def fails(self, fail_on: str) -> bool:
        """Whether it makes a run fail that fails from this severity on: error, warning, info or never."""
        return self.baseline != "known" and RANK[self.severity] <= RANK[fail_on]


def exit_code(findings: Iterable[Finding], fail_on: str) -> int:
    """1 if one of the findings makes the run fail, otherwise 0."""
    return int(any(finding.fails(fail_on) for finding in findings))


def of_column(
    check: Check,
    figures: Figures,
    hits: Hits,
    *,
    values: bool = True,
    where: Sequence[str] | None = None,
    lines: Sequence[int] | None = None,
) -> Finding | None:
    """The finding about the hits of a check in its column; None if there is nothing to tell.

    values: False leaves every value from the data out of message and hint. where, lines: of `hits.first`.
    """
    if not hits.count:
        return None
    telling = check.find.tell(figures, hits, values)
    if telling is None:
        return None
    of = max(figures["count"], hits.count)
    severity = check.judged(hits.count, of)
    if telling.severity is not None and not check.settled:
        severity = telling.severity
    ranges = hits.ranges
    return Finding(
        rule=check.name or check.find.name,
        rule_text=check.text,
        severity=severity,
        column=figures["name"],
        count=hits.count,
        of=of,
        share=hits.count / of,
        limit=None if check.limit is None else str(check.limit),
        message=telling.message,
        hint=None if check.fixed else telling.hint,
        rows=[row + 1 for row in hits.first],
        lines=None if lines is None else list(lines),
        where=None if where is None else list(where),
        ranges=None if ranges is None else [(first, last) for first, last in ranges],
        policy_line=check.where,
    )


def of_rows(
    check: Check,
    hits: Hits,
    rows: int,
    where: Sequence[str] | None,
    others: Sequence[str],
    *,
    values: bool = True,
    lines: Sequence[int] | None = None,
) -> Finding | None:
    """The finding about rows that a check has found by several columns; None if there are none.

    rows: how many were looked at. where: `hits.first` for people; others: the rows that they are held against.
    """
    read = sentence(check.text)
    hint = written(read.columns, read.excepted, read.find, None, Call("drop"))
    figures: dict[str, Any] = {"name": None, "count": rows, "tokens": {}, "hint": hint}
    figures |= {"where": where or (), "others": others}
    return of_column(check, figures, hits, values=values, where=where, lines=lines)


SAMPLED = " (sampled)"


def of_sample(finding: Finding) -> Finding:
    """A finding of a sample, which says so in its first line, so that no renderer can leave it out."""
    if finding.rule in ("policy", "source"):
        return finding
    first, *more = finding.message.split("\n")
    return msgspec.structs.replace(finding, message="\n".join([first + SAMPLED, *more]), sampled=True)


def bound(share: float, confidence: float) -> str:
    """What a sample proves, as a line of evidence."""
    return f"Of all rows at most {at_most(share)} are bad, with {100 * confidence:g} % confidence."


def at_most(share: float) -> str:
    """A share, rounded up to two digits: `0.023 %`."""
    if not 0 < share < 1:
        return f"{100 * share:g} %"
    digits = 1 - math.floor(math.log10(100 * share))
    return f"{min(math.ceil(100 * share * 10.0**digits) / 10.0**digits, 100):.10g} %"


def of_verdict(
    check: Check, verdict: Verdict, *, where: Sequence[str] | None = None, lines: Sequence[int] | None = None
) -> Finding:
    """The finding of a verdict. where, lines: of `verdict.rows`."""
    count, of = verdict.count, verdict.of
    severity = check.severity if count is None or of is None else check.judged(count, of)
    if verdict.severity is not None and not check.settled:
        severity = verdict.severity
    return Finding(
        rule=check.name or check.find.name,
        rule_text=check.text,
        severity=severity,
        column=verdict.column,
        count=count,
        of=of,
        share=count / of if count is not None and of else None,
        limit=None if check.limit is None else str(check.limit),
        message=verdict.message,
        hint=None if check.fixed else verdict.hint,
        rows=[row + 1 for row in verdict.rows[:FIRST]],
        lines=None if lines is None else list(lines),
        where=None if where is None else list(where),
        policy_line=check.where,
    )

"""The cards of columns and the lines of findings, ready to be put into a template."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec

from nanclean.finding import RANK, Finding
from nanclean.renderers import _drawing as drawing
from nanclean.renderers import _words as words
from nanclean.renderers._facts import is_everywhere
from nanclean.renderers._layout import clipped
from nanclean.report import Column
from nanclean.wording import percent, several

NAME = 120
"""Characters of a name; what is left out is left out of its middle."""
TEXT = 2000
"""Characters of a sentence or a rule: a report may hold a value of a megabyte."""
_VALUE = 48
_SMALL = 8
"""Small pictures on the card of columns that are alike."""
_TOP = 6
_PIECE = 250
"""Columns of one card that are shown at a time."""
_PRINTED = 100
"""So many columns of one card are printed."""
CALM = {"error": "error", "warning": "warning", "info": "note"}
_KINDS = ("null", "nan", "empty", "token")


@dataclass(frozen=True)
class Ref:
    """A column by its name, and where on the page it is."""

    name: str
    anchor: str | None = None


@dataclass(frozen=True)
class Found:
    """One finding."""

    anchor: str
    finding: Finding
    column: Ref | None
    evidence: tuple[str, ...]
    rules: tuple[str, ...]
    """To paste."""
    advice: tuple[str, ...]
    extra: bool
    """Whether it is one of many of its rule."""

    @property
    def severity(self) -> str:
        return self.finding.severity

    @property
    def word(self) -> str:
        return CALM[self.finding.severity]

    @property
    def headline(self) -> str:
        return clipped(self.finding.message.partition("\n")[0], TEXT)

    @property
    def count(self) -> str:
        return "" if self.finding.count is None else f"{self.finding.count:,}"

    @property
    def share(self) -> str:
        finding = self.finding
        return percent(finding.count, finding.of) if finding.count is not None and finding.of else ""

    @property
    def bar(self) -> tuple[drawing.Segment, ...]:
        finding = self.finding
        return drawing.stacked([("bad", finding.count or 0)], finding.of or 0)

    @property
    def where(self) -> str:
        finding = self.finding
        if is_everywhere(finding):
            return "everywhere" if (finding.of or 0) > 1 else ""
        more = (finding.count or 0) > len(finding.where or ())
        return clipped(words.places(finding.where or (), more, most=5), TEXT)

    @property
    def own(self) -> str:
        """The rule that was broken, if it is the user's own."""
        finding = self.finding
        return clipped(finding.rule_text, TEXT) if finding.policy_line or finding.limit is not None else ""


@dataclass(frozen=True)
class Missing:
    """The missing cells of a column."""

    count: int
    share: str
    parts: tuple[tuple[str, str, str], ...]
    """Kind, count and words of each."""
    bar: tuple[drawing.Segment, ...]


@dataclass(frozen=True)
class Top:
    """A frequent value."""

    text: str
    count: str
    share: str
    bar: tuple[drawing.Segment, ...]


@dataclass(frozen=True)
class Outlier:
    """What a rule of outliers counts."""

    rule: str
    count: str
    fence: drawing.Fence | None


@dataclass(frozen=True)
class Card:
    """One column."""

    anchor: str
    column: Column
    found: tuple[Found, ...]
    unlisted: tuple[tuple[str, str], ...]
    """Rules that found something, but not in the list, and how bad that is."""

    @cached_property
    def name(self) -> str:
        return named(self.column.name)

    @property
    def rank(self) -> int:
        severities = [found.severity for found in self.found] + [severity for _, severity in self.unlisted]
        return min((RANK[severity] for severity in severities), default=3)

    @cached_property
    def picture(self) -> drawing.Picture | None:
        return drawing.picture(self.column)

    @property
    def is_ordered(self) -> bool:
        return self.column.type in ("integer", "float", "list<integer>", "list<float>")

    @property
    def figures(self) -> list[list[tuple[str, str]]]:
        """What the values are like: name and text of each figure that there is, side by side."""
        column = self.column
        if column.constant or (column.count and column.count == column.missing):
            return []
        if not self.is_ordered:
            return [self._few_figures()]
        distinct = "over 1,000" if column.distinct is None else f"{column.distinct:,}"
        left = [(key, words.number(getattr(column, key))) for key in ("min", "q1", "median", "q3", "max")]
        right = [(key, words.number(getattr(column, key))) for key in ("mean", "std", "mad")]
        counts = (("zeros", column.zero), ("negative", column.negative))
        right += [(title, f"{count:,}" if count is not None else "") for title, count in counts]
        odd = (("+inf", column.pos_inf), ("-inf", column.neg_inf), ("no number", column.unparsable))
        right += [(title, f"{count:,}" if count else "") for title, count in odd]
        return [[pair for pair in side if pair[1]] for side in ([*left, ("distinct", distinct)], right)]

    def _few_figures(self) -> list[tuple[str, str]]:
        column = self.column
        told: list[tuple[str, str]] = []
        if column.type in ("text", "boolean"):
            told.append(("distinct", f"{column.distinct:,}" if column.distinct is not None else "over 1,000"))
        if column.type == "time" and isinstance(column.min, str) and isinstance(column.max, str):
            first, last = words.moments(column.min, column.max)
            told += [("first", clipped(first, _VALUE)), ("last", clipped(last, _VALUE))]
        elif column.min is not None or column.max is not None:
            told += [("min", _value(column.min)), ("max", _value(column.max))]
        return told

    @cached_property
    def missing(self) -> Missing:
        return _missing(self.column)

    @property
    def outliers(self) -> list[Outlier]:
        column = self.column
        if column.outliers is None or column.constant or not self.is_ordered:
            return []
        fences = {fence.rule: fence for fence in self.picture.fences} if self.picture else {}
        counts = [(rule, getattr(column.outliers, rule)) for rule in ("iqr", "zscore", "mad")]
        return [Outlier(rule, f"{count:,}" if count is not None else "", fences.get(rule)) for rule, count in counts]

    @property
    def reason(self) -> str:
        """Why a rule of outliers cannot judge it, or what its count has to be read with."""
        column = self.column
        if not self.is_ordered or not column.reason or column.constant:
            return ""
        silent = column.outliers is None or None in msgspec.structs.astuple(column.outliers)
        return f"{'not judged' if silent else 'read with care'}: {clipped(column.reason, TEXT)}"

    @property
    def top(self) -> list[Top]:
        """The most frequent values, of what has no histogram."""
        column = self.column
        values = column.count - column.missing
        if not column.top or column.constant or self.is_ordered:
            return []
        return [
            Top(_value(value), f"{count:,}", percent(count, values), drawing.stacked([("top", count)], values))
            for value, count in column.top[:_TOP]
        ]

    @property
    def frequent(self) -> str:
        """Numbers that are remarkably frequent."""
        column = self.column
        values = column.count - column.missing
        if not column.top or column.constant or not self.is_ordered or column.top[0][1] * 20 < values:
            return ""
        few = [(value, count) for value, count in column.top[:3] if count * 100 >= values]
        return ", ".join(f"{_value(value)} ({percent(count, values)})" for value, count in few)

    @property
    def more_values(self) -> str:
        distinct, shown = self.column.distinct, len(self.top)
        if not shown:
            return ""
        rest = None if distinct is None else distinct - shown
        return "and more than 990 others" if rest is None else f"and {several(rest, 'other')}" if rest else ""

    @property
    def only(self) -> str:
        """The value of a constant column, or that there is none."""
        column = self.column
        if column.count and column.count == column.missing:
            return "no value at all"
        if column.constant:
            value = column.top[0][0] if column.top else column.min
            return f"one value: {_value(value)}" if value is not None else "one value"
        return ""


@dataclass(frozen=True)
class Member:
    """A column that shares its card."""

    anchor: str
    """Empty where nothing points to it."""
    column: Column
    rules: tuple[str, ...]
    missing: str
    figures: tuple[str, ...]
    spark: str

    @property
    def name(self) -> str:
        return named(self.column.name, NAME // 2)


@dataclass(frozen=True)
class Fold:
    """Columns that are alike, on one card."""

    anchor: str
    rules: tuple[tuple[str, str], ...]
    """What was found in each of them, and how bad that is."""
    worst: str
    """Of what was found in any of them; empty: nothing was."""
    members: tuple[Member, ...]

    @property
    def first(self) -> Column:
        return self.members[0].column

    @property
    def rank(self) -> int:
        return RANK[self.worst] if self.worst else 3

    @property
    def missing(self) -> int:
        return sum(member.column.missing for member in self.members)

    @property
    def span(self) -> tuple[str, str]:
        return named(self.members[0].column.name, 60), named(self.members[-1].column.name, 60)

    @property
    def is_ordered(self) -> bool:
        return self.first.type in ("integer", "float", "list<integer>", "list<float>")

    @property
    def small(self) -> list[Member]:
        """A few of them, evenly spread."""
        step = max(1, len(self.members) // _SMALL)
        return [member for member in self.members[::step] if member.spark][:_SMALL]

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """Between what the figures of the columns lie."""
        told = []
        for title in ("min", "median", "max", "mean", "std"):
            values = [getattr(member.column, title) for member in self.members]
            values = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
            if values:
                low, high = words.number(min(values)), words.number(max(values))
                told.append((title, low if low == high else f"{low} to {high}"))
        counts = [member.column.missing for member in self.members]
        if any(counts):
            told.append(("missing", f"{min(counts):,} to {max(counts):,}"))
        return told

    @property
    def pieces(self) -> list[tuple[Member, ...]]:
        """The columns, as many at a time as a browser lays out at once."""
        return [self.members[at : at + _PIECE] for at in range(0, len(self.members), _PIECE)]

    @property
    def is_long(self) -> bool:
        return len(self.members) > _PRINTED


def named(name: str, most: int = NAME) -> str:
    """A column's name for people."""
    return clipped(name, most, unicode=True) or "''"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = words.number(value)
    return clipped(text, _VALUE, unicode=True) if text.strip() else f'"{text}"' if value is not None else ""


def _missing(column: Column) -> Missing:
    parts: list[tuple[str, str, str]] = []
    for kind, word in (("null", "null"), ("nan", "NaN"), ("empty", "empty")):
        count = getattr(column, kind)
        if count:
            parts.append((kind, f"{count:,}", word))
    if column.token:
        tokens = sorted(column.tokens.items(), key=lambda pair: -pair[1])
        told = ", ".join(
            f'"{clipped(token, 24)}"' + (f" {count:,}" if len(tokens) > 1 else "") for token, count in tokens[:4]
        )
        parts.append(("token", f"{column.token:,}", told + (" .." if len(tokens) > 4 else "") or "tokens"))
    bar = drawing.stacked([(kind, getattr(column, kind)) for kind in _KINDS], column.count)
    return Missing(column.missing, percent(column.missing, column.count), tuple(parts), bar)


def member_of(column: Column, anchor: str, rules: tuple[str, ...]) -> Member:
    """A column that shares its card."""
    missing = percent(column.missing, column.count) if column.missing else ""
    return Member(anchor, column, rules, missing, _in_row(column), drawing.spark(column))


def _in_row(column: Column) -> tuple[str, ...]:
    """min, median, max, mean, std and the values beyond the fence of a column that shares its card."""
    beyond = "" if column.outliers is None or not column.outliers.iqr else f"{column.outliers.iqr:,}"
    values = (column.min, column.median, column.max, column.mean, column.std)
    return (*(clipped(words.number(value), 24) for value in values), beyond)

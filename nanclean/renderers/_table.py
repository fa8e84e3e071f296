"""The table of columns: figures of each on one line, runs of similar ones folded into one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._facts import is_everywhere
from nanclean.renderers._layout import Line, Piece, cells, clipped, padded, piece, wrapped
from nanclean.report import Column, Report
from nanclean.wording import percent, several

_TYPES = {
    "integer": "int", "boolean": "bool", "list<integer>": "int[]", "list<float>": "float[]",
}  # fmt: skip
_BARS = " ▁▂▃▄▅▆▇"
_BARS_ASCII = " _.:-=+#"
_IN_FULL = 40
"""So many columns are all shown; of more, similar ones are folded."""
_RUN = 4
"""So many similar columns make a run."""
_LINES = 60
"""Of a folded table."""
_REASON = 13
"""Cells of the words that say why there is no figure."""
_BAR_COUNTS = (20, 12, 8)
"""Bars of a shape: as many as there is room for."""
_Found = dict[str | None, dict[str, str]]
"""By column: the rules that found something there, and where."""
_DIGITS = re.compile(r"\d+")


@dataclass
class Entry:
    """One line: a column, or a run of similar ones."""

    columns: Sequence[Column]
    rules: tuple[str, ...]
    """What was found in them, the same in all."""

    @property
    def first(self) -> Column:
        return self.columns[0]


@dataclass
class _Field:
    """One column of the table on the screen."""

    title: str
    texts: list[str]
    right: bool = True
    importance: int = 0
    """The least important ones go first where the terminal is narrow."""
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = max([cells(self.title), *(cells(text) for text in self.texts)])


def table(report: Report, view: View) -> Iterator[Line]:
    """The columns, their head, and a line that says what was left out."""
    found: _Found = {}
    for finding in report.findings:
        if finding.severity != "info":
            where = () if is_everywhere(finding) else finding.where or ()
            found.setdefault(finding.column, {})[finding.rule] = words.places(where, False, most=5)
    entries = _entries(report.columns, found, view.verbose)
    left_out = [] if view.verbose else entries[_LINES:]
    entries = entries[: len(entries) - len(left_out)]
    for bars in _BAR_COUNTS[view.width < 120 :]:
        fields = _fields(entries, found, view, bars)
        if _total(fields) <= view.width:
            break
    yield from _drawn(entries, _fitted(fields, view), view)
    if left_out:
        columns = sum(len(entry.columns) for entry in left_out)
        wrong = sum(len(entry.columns) for entry in left_out if entry.rules)
        tell = f"something found in {wrong:,}" if wrong else "nothing found"
        text = f"and {several(columns, 'more column')}, {tell} (-v)"
        yield from wrapped([piece(text, "dim")], view.width)


def _entries(columns: Sequence[Column], found: _Found, verbose: bool) -> list[Entry]:
    def kind(column: Column) -> tuple[str, str, tuple[str, ...]]:
        return _DIGITS.sub("0", column.name), column.type, tuple(found.get(column.name, ()))

    if verbose or len(columns) <= _IN_FULL:
        return [Entry([column], kind(column)[2]) for column in columns]
    entries = []
    for (_, _, rules), group in groupby(columns, kind):
        run = list(group)
        if len(run) >= _RUN:
            entries.append(Entry(run, rules))
        else:
            entries += [Entry([column], rules) for column in run]
    if len(entries) > _LINES:  # those with something in them first, in their order
        entries.sort(key=lambda entry: not entry.rules)
    return entries


def _fields(entries: Sequence[Entry], found: _Found, view: View, bars: int) -> list[_Field]:
    singles = [entry.first if len(entry.columns) == 1 else None for entry in entries]

    def of(attribute: str) -> list[str]:
        return [words.number(getattr(c, attribute)) if c and _is_ordered(c) else "" for c in singles]

    fields = [  # the first three are never left out for being empty
        _Field("column", [_name(c, view.unicode) if c else "" for c in singles], right=False, importance=9),
        _Field("type", [_TYPES.get(c.type, c.type) if c else "" for c in singles], right=False, importance=7),
        _Field("missing", [_missing(c) if c else "" for c in singles], importance=8),
        _Field("min", of("min"), importance=6),
        _Field("median", of("median"), importance=5),
        _Field("max", of("max"), importance=6),
        _Field("mean", of("mean"), importance=1),
        _Field("std", of("std"), importance=1),
        _Field("shape", [shape(c, bars, view.unicode) if c else "" for c in singles], right=False, importance=3),
        _Field("beyond iqr", [_beyond(c) if c else "" for c in singles], importance=2),
        _Field("found", [_places(c, found) if c else "" for c in singles], right=False, importance=0),
    ]
    least = 0 if view.width >= 120 else 2
    return [one for one in fields if one.importance >= least and (one.importance > 6 or any(one.texts))]


def _fitted(fields: list[_Field], view: View) -> list[_Field]:
    """As many as the terminal is wide enough for; the names give way first."""
    names = fields[0]
    natural = names.width
    names.width = min(natural, 24 if view.width < 120 else 40)

    while _total(fields) > view.width:
        names.width = max(min(natural, 12), names.width - (_total(fields) - view.width))
        if _total(fields) <= view.width:
            break
        spare = [field for field in fields if field is not names]
        if not spare:
            names.width = view.width
            break
        last = min(spare, key=lambda field: field.importance)
        if last.title == "found" and _total(fields) - last.width + 16 <= view.width:
            last.width = view.width - (_total(fields) - last.width)
        else:
            fields = [field for field in fields if field is not last]
    room = view.width - _total(fields)
    names.width = min(natural, names.width + max(room, 0), 60)
    return fields


def _total(fields: Sequence[_Field]) -> int:
    return sum(one.width for one in fields) + 2 * (len(fields) - 1)


def _drawn(entries: Sequence[Entry], fields: Sequence[_Field], view: View) -> Iterator[Line]:
    head: Line = []
    for one in fields:
        head.append(piece(padded(one.title, one.width, one.right) + "  ", "dim"))
    yield head
    whole = _total(fields)
    yield [piece(("─" if view.unicode else "-") * whole, "dim")]
    for n, entry in enumerate(entries):
        if len(entry.columns) == 1:
            yield list(_row(entry, n, fields, whole, view))
        else:
            yield from wrapped(_run(entry, view), view.width)


def _run(entry: Entry, view: View) -> Line:
    """Similar columns on one line."""
    dots = "…" if view.unicode else ".."
    room = max((view.width - 48) // 2, 8)
    first, last = (clipped(entry.columns[at].name, room, view.unicode) for at in (0, -1))
    kind = _TYPES.get(entry.first.type, entry.first.type)
    found = f": {len(entry.columns):,} {kind} columns, {', '.join(entry.rules) or 'nothing'} found"
    return [piece(f"{first} {dots} {last}", "bold" if entry.rules else ""), piece(found, "" if entry.rules else "dim")]


def _row(entry: Entry, n: int, fields: Sequence[_Field], whole: int, view: View) -> Iterator[Piece]:
    column, used = entry.first, 0
    figures = next((at for at, one in enumerate(fields) if one.title not in ("column", "type", "missing")), None)
    if figures is None and not _is_ordered(column):  # no column has figures, so there is room
        fields = [*fields, _Field("", [""] * (n + 1))]
        figures = len(fields) - 1
    for at, one in enumerate(fields):
        gap = "  " if at else ""
        if at == figures and not _is_ordered(column):
            later = [two for two in fields if two.title == "found"]
            room = whole - used - 2 - later[0].width - 2 if later else min(view.width, max(whole, 100)) - used - 2
            text = _in_words(column, room, view.unicode)
            yield piece(gap + padded(text if cells(piece(text)[0]) <= room else "", room))
            for last in later:
                yield piece("  " + clipped(last.texts[n], last.width, view.unicode), "dim")
            return
        text = clipped(one.texts[n], one.width, view.unicode)
        yield piece(gap)
        yield piece(padded(text, one.width, one.right), _style(one, entry, text))
        used += len(gap) + one.width


def _style(field: _Field, entry: Entry, text: str) -> str:
    if field.title == "column":
        return "bold" if entry.rules else ""
    if text == "." or field.title in ("type", "found"):
        return "dim"
    if field.title == "shape":
        return "cyan"
    if field.title == "beyond iqr" and not text[:1].isdigit():
        return "dim"
    return "yellow" if field.title == "missing" and "missing" in entry.rules else ""


def _missing(column: Column) -> str:
    """The share of missing cells; of lists without one, how many are null themselves."""
    if not column.missing and column.missing_rows:
        return f"{column.missing_rows:,} null"
    return _share(column.missing, column.count)


def _name(column: Column, unicode: bool) -> str:
    name = clipped(column.name, 60, unicode) or "''"
    return name + (f" ({column.role})" if column.role in ("label", "id") else "")


def _places(column: Column, found: _Found) -> str:
    return "; ".join(f"{rule} {where}".strip() for rule, where in found.get(column.name, {}).items())


def _in_words(column: Column, room: int, unicode: bool) -> str:
    """What stands in the place of figures, for a column that has none."""
    if column.count == column.missing:
        return "no value"
    if column.type == "time" and isinstance(column.min, str) and isinstance(column.max, str):
        first, last = words.moments(column.min, column.max)
        pairs = ((first, last), (column.min[:10], column.max[:10])) if first != last else ((first, ""), ("", ""))
        texts = (" .. ".join(filter(None, pair)) for pair in pairs)
        return next((text for text in texts if cells(piece(text)[0]) <= room), "")
    return _values(column, room, unicode) if column.type in ("text", "boolean") else ""


def _values(column: Column, room: int, unicode: bool) -> str:
    """How many different values there are, and the most frequent ones, as many as there is room for."""
    if column.distinct is None:
        text = "more than 1,000 values"
    elif column.distinct == column.count - column.missing and column.distinct > 1:
        text = f"{column.distinct:,} values, all different"
    else:
        text = several(column.distinct, "value")
    for n, (value, _) in enumerate(column.top or ()):
        word = clipped(str(value).lower() if isinstance(value, bool) else str(value), 24, unicode)
        longer = text + (", " if n else ": ") + word
        is_last = n + 1 == column.distinct
        if cells(longer) > room - (0 if is_last else 3):
            return f"{text} .." if n else text
        text = longer
    return text if len(column.top or ()) in (0, column.distinct) else f"{text} .."


def _share(part: int, whole: int) -> str:
    return percent(part, whole) if part else "."


def _is_ordered(column: Column) -> bool:
    return column.type in ("integer", "float", "list<integer>", "list<float>")


def _beyond(column: Column) -> str:
    if column.constant:
        return "."
    if column.outliers is None or column.outliers.iqr is None:
        return _brief(column.reason or "")
    return f"{column.outliers.iqr:,}" if column.outliers.iqr else "."


def _brief(reason: str) -> str:
    """As many of the first words as the column of figures is wide."""
    text = ""
    for word in reason.split():
        if len(text) + len(word) >= _REASON:
            break
        text = f"{text} {word}".strip()
    return text


def shape(column: Column, bars: int, unicode: bool) -> str:
    """The histogram as a line of bars, the ends beyond its edges left out. No bar: no value there."""
    if not column.histogram or not column.finite:
        return ""
    counts = list(column.histogram.counts)
    if len(counts) == len(column.histogram.edges) + 1:
        counts = counts[1:-1]
    levels = _BARS if unicode else _BARS_ASCII
    if column.constant or len(counts) < 2:
        return levels[-1]
    heights = _resampled(column, column.histogram.edges, counts, bars)
    highest = max(heights)
    if not highest:
        return ""
    return "".join(levels[1 + round(height / highest * 6) if height else 0] for height in heights)


def _resampled(column: Column, edges: Sequence[float | None], counts: Sequence[int], bars: int) -> list[float]:
    """Counts in fewer bins, each added where its middle lies.

    Integers whose range is short get as many values in each bar: the bins of a uniform month would wave otherwise.
    """
    low, high = edges[0], edges[-1]
    span = 0 if low is None or high is None or column.type != "integer" else math.floor(high) - math.ceil(low) + 1
    if 0 < span <= len(counts):
        each = -(-span // bars)
        sums = [0] * -(-span // each)
        for edge, count in zip(edges, counts, strict=False):
            value = math.ceil(edge or 0) - math.ceil(low or 0)  # the only one in this bin, if there is one
            sums[min(value, span - 1) // each] += count
        return [total / min(each, span - at * each) for at, total in enumerate(sums)]
    heights = [0.0] * min(bars, len(counts))
    for at, count in enumerate(counts):
        heights[(2 * at + 1) * len(heights) // (2 * len(counts))] += count
    return heights

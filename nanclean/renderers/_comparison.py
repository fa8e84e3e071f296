"""A comparison as people read it: what differs, then the columns, the most shifted ones first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from nanclean.finding import RANK
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._facts import STYLES, blocks, facts
from nanclean.renderers._layout import Line, cells, clipped, padded, piece, wrapped
from nanclean.report import Comparison, Report, Shift, Side
from nanclean.wording import percent, several

_LINES = 40
"""So many columns are shown; further ones are counted."""
_NAME = 24
"""Cells of a name where room is scarce."""
_SYMBOLS = {True: {"error": "✗", "warning": "!", "": "✓"}, False: {"error": "x", "warning": "!", "": "ok"}}
_TYPES = {"integer": "int", "boolean": "bool", "list<integer>": "int[]", "list<float>": "float[]"}


@dataclass
class _Field:
    """One column of the table on the screen."""

    title: str
    texts: list[str]
    rules: tuple[str, ...]
    """Measures that it shows."""
    importance: int
    """The least important ones go first where the terminal is narrow."""
    right: bool = True
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = max([cells(self.title), *map(cells, self.texts)])


def body(report: Report, comparison: Comparison, view: View) -> Iterator[Line]:
    """All lines but the title."""
    found = facts(report)
    yield from _against(comparison, view)
    yield from _verdict(report, comparison, view)
    yield []
    yield from blocks([fact for fact in found if fact.severity != "info" or view.verbose], report, view)
    if view.quiet or (comparison.same and not view.verbose):
        return
    yield from _table(report, comparison, view)
    yield []
    for sentence in _closing(report, comparison, view):
        yield from wrapped([piece(sentence, "dim")], view.width)


def _against(comparison: Comparison, view: View) -> Iterator[Line]:
    what = {"data": "", "report": ", a report", "recipe": ", a recipe"}[comparison.kind]
    rows = "" if comparison.rows is None else f"   {several(comparison.rows, 'row')}"
    path = "what was in memory" if comparison.path is None else comparison.path
    yield from wrapped([piece("against ", "dim"), piece(path, "bold"), piece(f"{what}{rows}")], view.width)
    yield []


def _verdict(report: Report, comparison: Comparison, view: View) -> Iterator[Line]:
    worst = "error" if report.summary.error else "warning" if report.summary.warning else ""
    if comparison.same:
        text = "no difference: every column holds the same values, as often"
    elif worst:
        errors, warnings = report.summary.error, report.summary.warning
        parts = [several(errors, "error")] if errors else []
        parts += [several(warnings, "warning")] if warnings else []
        columns = {each.column for each in report.findings if each.severity != "info" and each.column is not None}
        text = f"{', '.join(parts)} in {several(len(columns), 'column')} of {len(comparison.columns):,}"
    else:
        text = "nothing differs by more than chance and the limits allow"
    told = piece(f"{_SYMBOLS[view.unicode][worst]} {text}", STYLES.get(worst, "bold green"))
    yield from ([piece("  "), *line] for line in wrapped([told], view.width - 2))


def _table(report: Report, comparison: Comparison, view: View) -> Iterator[Line]:
    """The columns, the most shifted ones first."""
    found: dict[str | None, dict[str, str]] = {}
    for finding in report.findings:
        if finding.severity != "info":
            found.setdefault(finding.column, {})[finding.rule] = finding.severity
    shifts = sorted(comparison.columns, key=lambda shift: _order(shift, found.get(shift.name, {})))
    shown = shifts if view.verbose else shifts[:_LINES]
    rules = {rule for of in found.values() for rule in of}
    fields = _fitted(_fields(shown, view), view, rules)
    yield [piece(padded(one.title, one.width, one.right) + "  ", "dim") for one in fields]
    yield [piece(("─" if view.unicode else "-") * _total(fields), "dim")]
    for n, shift in enumerate(shown):
        told = found.get(shift.name, {})
        line: Line = []
        for one in fields:
            text = clipped(one.texts[n], one.width, view.unicode)
            worst = min((told[rule] for rule in one.rules if rule in told), key=RANK.__getitem__, default="")
            style = STYLES.get(worst, "") if one is not fields[0] else "bold" if told else ""
            line.append(piece(padded(text, one.width, one.right) + "  ", style))
        yield line
    if len(shown) < len(shifts):
        more = sum(bool(found.get(shift.name)) for shift in shifts[len(shown) :])
        tell = f"something differs in {more:,}" if more else "nothing differs by more than the limits allow"
        rest = several(len(shifts) - len(shown), "more column")
        yield from wrapped([piece(f"and {rest}, {tell} (-v)", "dim")], view.width)


def _order(shift: Shift, found: dict[str, str]) -> tuple[float, ...]:
    """What is found first, errors before warnings, then by the size of the shift."""
    measures = shift.measures
    worst = min((RANK[severity] for severity in found.values()), default=3)
    distance = max(measures.get(word) or 0.0 for word in ("ks", "missing_rate", "unseen_category"))
    return worst, -len(found), -max(distance, min(measures.get("psi") or 0.0, 1.0)), -distance


def _fields(shifts: Sequence[Shift], view: View) -> list[_Field]:
    arrow = " → " if view.unicode else " > "

    def both(of: str) -> list[str]:
        return [_pair(shift, of, arrow) for shift in shifts]

    def measured(word: str, percents: bool = False) -> list[str]:
        return [_measure(shift, word, percents) for shift in shifts]

    fields = [
        _Field("column", [clipped(shift.name, 60, view.unicode) for shift in shifts], (), 9, right=False),
        _Field("type", both("type"), ("changed_type", "missing_column", "new_column"), 8, right=False),
        _Field("missing", both("missing"), ("missing_rate",), 7),
        _Field("mean", both("mean"), (), 1),
        _Field("mean shift", [_moved(shift) for shift in shifts], ("mean_shift",), 5),
        _Field("std ratio", [_spread(shift) for shift in shifts], ("std_ratio",), 3),
        _Field("psi", measured("psi"), ("psi",), 6),
        _Field("ks", measured("ks"), ("ks",), 6),
        _Field("beyond range", measured("beyond_range", True), ("beyond_range",), 4),
        _Field("infinite", measured("non_finite_rate", True), ("non_finite_rate",), 2),
        _Field("unseen", measured("unseen_category", True), ("unseen_category",), 4),
        _Field("vanished", measured("vanished_category", True), ("vanished_category",), 2),
    ]
    return [one for one in fields if one.importance >= 7 or any(text not in ("", ".") for text in one.texts)]


def _pair(shift: Shift, of: str, arrow: str) -> str:
    """A figure before and now; once where it has not changed."""
    old, new = (None if side is None else _figure(side, of) for side in (shift.old, shift.new))
    if of == "type" and (old is None or new is None):
        return f"{new or old} {'new' if old is None else 'gone'}"
    if old is None or new is None or old == new:
        return new or old or ""
    return arrow.join("0%" if text == "." else text for text in (old, new))


def _figure(side: Side, of: str) -> str:
    if of == "type":
        return _TYPES.get(side.type, side.type)
    if of == "mean":
        return words.number(side.mean)
    if side.missing is None or side.count is None:
        return ""
    return percent(side.missing, side.count) if side.missing else "."


def _measure(shift: Shift, word: str, percents: bool) -> str:
    value = shift.measures.get(word)
    if value is None:
        return ""
    least = ">=" if word in shift.at_least and value else ""
    if percents:
        return "." if not value else least + ("<0.1%" if value < 0.001 else f"{value:.1%}")
    return "." if not value else f"{least}<0.001" if value < 0.0005 and not least else f"{least}{value:.3f}"


def _moved(shift: Shift) -> str:
    """With its direction."""
    value = shift.measures.get("mean_shift")
    if value is None or shift.old is None or shift.new is None:
        return ""
    if value < 0.005:
        return "."
    if shift.old.mean is None or shift.new.mean is None:  # no values are to be shown
        return f"{value:.2f}"
    return f"{'+' if shift.new.mean > shift.old.mean else '-'}{value:.2f}"


def _spread(shift: Shift) -> str:
    value = shift.measures.get("std_ratio")
    return "" if value is None else "." if value < 1.005 else f"{value:.2f}"


def _fitted(fields: list[_Field], view: View, rules: Set[str]) -> list[_Field]:
    """As many as the terminal is wide enough for; the names give way first."""
    names = fields[0]
    natural = names.width
    while _total(fields) > view.width:
        names.width = max(min(natural, _NAME), names.width - (_total(fields) - view.width))
        if _total(fields) <= view.width:
            break
        spare = [one for one in fields if one is not names]
        if not spare:
            names.width = view.width
            break
        last = min(spare, key=lambda one: (not rules.isdisjoint(one.rules), one.importance))
        fields = [one for one in fields if one is not last]
    names.width = min(natural, names.width + max(view.width - _total(fields), 0))
    return fields


def _total(fields: Sequence[_Field]) -> int:
    return sum(one.width for one in fields) + 2 * (len(fields) - 1)


def _closing(report: Report, comparison: Comparison, view: View) -> Iterator[str]:
    """What the figures are, and what is not shown."""
    if any(shift.at_least for shift in comparison.columns):
        yield f"Of a {comparison.kind} only bins are known: what begins with >= may be more."
    notes = sum(fact.severity == "info" for fact in facts(report))
    hidden = f" Notes not shown: {notes} (-v)." if notes and not view.verbose else ""
    yield f"The manual of a measure: nanclean explain psi.{hidden}"
    if view.fail_on == "never" and report.summary.error + report.summary.warning:
        yield "The exit code is 0: --fail-on error, or --strict, makes it a gate."

"""Markdown as GitHub renders it, for a comment on a pull request and for a job summary: never 60 kB or more.

The verdict, a table of findings with the worst first, rules to paste, and folded below it the figures of the columns.
What does not fit is counted, with the command that shows it.

Names and texts from the data stand in code, unless they are made of harmless characters only: in code GitHub sees no
link, no image, no `@name` and no `#1`.
"""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from nanclean.escaping import shortened
from nanclean.renderer import View
from nanclean.renderers import _changes as changes
from nanclean.renderers import _words as words
from nanclean.renderers._beforeafter import pair_of
from nanclean.renderers._layout import clipped
from nanclean.renderers._linked import Linked, below, is_rule, linked, shown_of
from nanclean.renderers._total import Total
from nanclean.report import STILL, Change, Column, Report, Shift
from nanclean.version import version
from nanclean.wording import percent, several

MOST = 60_000
"""Bytes. A comment may have 65,536 characters."""
_FINDINGS, _RULES, _CHANGES = 30_000, 6_000, 12_000
"""Bytes of a part; the figures of the columns get what is left."""
_COLUMNS = 100
"""So many columns of a file; of more, those in which something was found come first."""
_TAIL = 1_000
"""Bytes kept free for what is said of what was left out."""
_TEXT = 300
"""Characters of a message."""
_NAME = 60
_PATH = 120
_PLAIN = re.compile(r"(?![-+=]+(?:\W|$)|\w+[.)](?:\s|$)|\s)[\w .,;:%()\"'/+=<>&?!{}-]*")
"""Nothing that begins a list or a line; `_`, `<`, `>` and `&` are escaped."""
_LINKED = re.compile(
    r"://|www\.|mailto:|xmpp:|\bGH-[0-9]"  # links
    r"|:[\w+-]+:"  # pictures: `:100:`
    r"|\b(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}\b",  # commits
    re.IGNORECASE,
)
_NUMBERS = frozenset({"missing", "inf", "unparsable", "min", "median", "max", "mean", "std"})
"""Columns of tables that stand to the right."""
_PASTE = "Rules to begin with, for `nanclean fix`:"
_BACKTICKS = re.compile("`+")
_RUN = 60
"""Backticks side by side; GitHub's parser gives up at 80."""


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one document about all files."""
    held = list(reports)
    page = _Page(MOST - _TAIL)
    for line in _verdicts(held, view):
        page.add(line)
    if not view.quiet:
        for report in held:
            _cleaned(page, report)
            _compared(page, report)
    _findings(page, held, view)
    if not view.quiet:
        _hints(page, held, view)
        _columns(page, held, view)
        page.add(_footer(held), last=True)
    stream.write(str(page))


class _Page:
    """Lines, as long as there is room."""

    def __init__(self, most: int) -> None:
        self.lines: list[str] = []
        self.size, self.most = 0, most

    def add(self, line: str, *, last: bool = False, limit: int | None = None) -> bool:
        """Add a line; False if there is no room for it. limit: where a part has to end."""
        size = len(line.encode("utf-8", "backslashreplace")) + 1
        if not last and self.size + size > min(self.most, limit or self.most):
            return False
        self.lines.append(line)
        self.size += size
        return True

    def fits(self, lines: Sequence[str]) -> bool:
        """Whether there is room for all of these lines."""
        return self.size + sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines) <= self.most

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], limit: int | None = None) -> int:
        """Add a table, as many of its rows as fit. How many those are."""
        sides = " | ".join("---:" if title in _NUMBERS else "---" for title in head)
        if not (self.add(f"| {' | '.join(head)} |", limit=limit) and self.add(f"| {sides} |", limit=limit)):
            return 0
        added = 0
        for row in rows:
            if not self.add(f"| {' | '.join(row)} |", limit=limit):
                break
            added += 1
        return added

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


# --- text from outside


def code(text: str, most: int = _NAME) -> str:
    """Text in code, where nothing has a meaning; also in a table."""
    shown = clipped(text, most)
    if not shown.strip():
        shown = repr(shown)  # there is no empty code
    shown = shown.replace("\\|", "\\\\x7c").replace("|", "\\|")  # parsers do not agree on `\\|`
    longest = max(map(len, _BACKTICKS.findall(shown)), default=0)
    if longest > _RUN:
        shown, longest = shown.replace("`", "\\x60"), 0
    marks = "`" * (longest + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{marks}{space}{shown}{space}{marks}"


def prose(text: str, most: int = _TEXT) -> str:
    """Text as it is where its characters are harmless, otherwise in code."""
    shown = shortened(text, most)
    if not _PLAIN.fullmatch(shown) or _LINKED.search(shown):
        return code(text, most)
    return html.escape(shown, quote=False).replace("_", "\\_")


# --- the verdict


def _verdicts(reports: Sequence[Report], view: View) -> Iterator[str]:
    looked = [report for report in reports if report.output is None]
    cleaned = [(report, report.output) for report in reports if report.output is not None]
    if looked or not cleaned:
        total = Total(view.fail_on, looked)
        yield f"### nanclean: {total.verdict}, {total.told}"
        yield ""
        if total.warnings_pass:
            yield "Warnings pass; `--strict` fails on them."
            yield ""
    for report, output in cleaned:
        why = changes.reasons(report, view)
        path = code(output.path or "", _PATH)
        if why:
            yield "### nanclean: FAILED, nothing was written"
            yield ""
            yield from (f"- {prose(text)}" for text in why[:10])
            if len(why) > 10:
                yield f"- and {len(why) - 10:,} more"
        elif output.path is None:
            yield "### nanclean: DRY RUN, nothing was written"
            yield ""
        else:
            yield f"### nanclean: WRITTEN, {'verified' if output.verified else 'not verified'}"
            yield ""
            copied = ", a copy of the input, byte for byte" if output.copied else ""
            yield f"{path}{copied}"
            if output.rejected_path is not None:
                yield ""
                yield f"Rows set aside: {code(output.rejected_path, _PATH)}"
        yield ""
        yield f"{changes.balance(output)}."
        yield ""
        if output.verified and output.path is not None:
            yield f"Verified: {prose(changes.proof(report, output))}."
            yield ""


# --- the findings


def _findings(page: _Page, reports: Sequence[Report], view: View) -> None:
    found = linked(reports, view)
    shown = shown_of(found, view)
    baseline = any(one.finding.baseline is not None for one in shown)
    if shown:
        head = ["severity", "where", "column", "rule", "found", *(["baseline"] if baseline else [])]
        added = page.table(head, (_row(one, baseline) for one in shown), page.size + _FINDINGS)
        left = len(shown) - added
        if left:
            page.add("", last=True)
            page.add(f"and {several(left, 'more finding')}: {code(_command(shown[added:]), _PATH)}", last=True)
        page.add("")
    notes = sum(one.finding.severity == "info" for one in found) if not view.verbose else 0
    if notes and not view.quiet:
        page.add(f"Notes not shown: {notes:,} (`-v`).")
        page.add("")


def _row(one: Linked, baseline: bool) -> list[str]:
    finding = one.finding
    severity = f"**{finding.severity}**" if finding.severity == "error" else finding.severity
    told = one.headline.removeprefix(STILL) if one.is_still else one.headline
    parts = [prose(told), *(prose(line) for line in one.evidence)]
    if one.is_still:
        parts.append("Still in the output.")
    if finding.policy_line is not None:
        parts.append(f"Rule: {code(finding.rule_text, _PATH)} ({prose(finding.policy_line, _PATH)})")
    parts += [prose(hint) for hint in one.hints if not is_rule(hint)]
    return [
        severity,
        _where(one),
        "" if finding.column is None else code(finding.column),
        prose(finding.rule, _NAME),
        "<br>".join(parts),
        *([finding.baseline or ""] if baseline else []),
    ]


def _where(one: Linked) -> str:
    if one.lines:
        return code(f"{clipped(one.path, _PATH - 10)}:{one.lines[0]}", _PATH)
    place = f"<br>{code(one.places[0])}" if one.places else ""
    return code(one.path, _PATH) + place


def _command(left: Sequence[Linked]) -> str:
    """What shows them all."""
    paths = list(dict.fromkeys(one.report.source.path for one in left))
    command = "check" if left[0].report.command == "check" else "scan"
    return f"nanclean {command} {shlex.quote(paths[0]) if len(paths) == 1 else 'FILE...'} --json -"


def _hints(page: _Page, reports: Sequence[Report], view: View) -> None:
    shown = [one for one in shown_of(linked(reports, view), view) if not one.is_still]
    paths = list(dict.fromkeys(one.path for one in shown if any(map(is_rule, one.hints))))
    rules: list[str] = []
    for path in paths:
        hints = dict.fromkeys(hint for one in shown if one.path == path for hint in one.hints if is_rule(hint))
        named = [f"# {clipped(path, _PATH)}"] if len(paths) > 1 else []  # a policy is for one kind of table
        rules += [*named, *(clipped(hint, _TEXT) for hint in hints)]
    limit = page.size + _RULES
    if not rules:
        return
    if not page.fits([_PASTE, "", "```text", "```"]):
        return
    for line in (_PASTE, "", "```text"):  # no rule closes the block: that takes a line of nothing but backticks
        page.add(line, last=True)
    kept = 0
    for rule in rules:
        if not page.add(rule, limit=limit):
            break
        kept += 1
    page.add("```", last=True)
    if kept < len(rules):
        page.add("", last=True)
        page.add(f"and {several(len(rules) - kept, 'more rule')}", last=True)
    page.add("", last=True)


# --- a table that was cleaned


def _cleaned(page: _Page, report: Report) -> None:
    groups = changes.by_rule(report)
    if groups:
        limit = page.size + _CHANGES
        rows = ((code(group[0].rule, _PATH), changes.done(group) or "nothing") for group in groups)
        added = page.table(["rule", "changed"], rows, limit)
        if added < len(groups):
            page.add("", last=True)
            page.add(f"and {several(len(groups) - added, 'more rule')}", last=True)
        page.add("", last=True)
    moved = _moved(report)
    pairs = [{title: _pair(change, title) for title in _SHOWN} for _, change in moved]
    titles = [title for title in _SHOWN if any(_ARROW in pair[title] for pair in pairs)]
    if moved and titles:
        told = ([code(name), *(pair[title] for title in titles)] for (name, _), pair in zip(moved, pairs, strict=True))
        _folded(page, "Before and after", len(moved), ["column", *titles], told, page.size + _CHANGES)


_ARROW = " → "
_SHOWN = ("missing", "inf", "unparsable", "type", "mean", "std", "min", "median", "max")


def _moved(report: Report) -> list[tuple[str, Change]]:
    """The columns whose figures are not what they were, in their order."""
    first: dict[str, Change] = {}
    for change in report.changes:
        if change.column is not None:
            first.setdefault(change.column, change)
    order = {name: n for n, name in enumerate(report.columns.names)}
    moved = [item for item in first.items() if item[1].before != item[1].after]
    return sorted(moved, key=lambda item: order.get(item[0], len(order)))


def _pair(change: Change, title: str) -> str:
    """A figure before and after, or only once where it is the same."""
    before = _figure(change.before, title)
    if change.after is None:
        return f"{_cell(before)}{_ARROW}gone" if title == "type" else _cell(before)
    after = _figure(change.after, title)
    if title in ("missing", "inf", "unparsable", "type"):
        texts = [_cell(before) or "none", _cell(after) or "none"]
        return _ARROW.join(texts) if texts[0] != texts[1] else _cell(before)
    return _ARROW.join(prose(text, _NAME) for text in pair_of(before, after) if text)


def _figure(figures: Mapping[str, Any], title: str) -> Any:
    if title != "inf":
        return figures.get(title)
    counts = [figures.get("pos_inf"), figures.get("neg_inf")]
    return None if None in counts else sum(count or 0 for count in counts)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else prose(words.number(value), _NAME)


# --- a table that was compared with an older one


def _compared(page: _Page, report: Report) -> None:
    comparison = report.comparison
    if comparison is None:
        return
    rows = "" if comparison.rows is None else f", {several(comparison.rows, 'row')}"
    page.add(f"Against {'what was in memory' if comparison.path is None else code(comparison.path, _PATH)}{rows}.")
    page.add("")
    if comparison.same:
        page.add("No difference: every column holds the same values, as often.")
        page.add("")
        return
    judged = {finding.column for finding in report.findings if finding.severity != "info"}
    shifts = sorted(comparison.columns, key=lambda shift: shift.name not in judged)
    told = (_shift(shift) for shift in shifts)
    _folded(page, "Before and now", len(shifts), _SHIFTS, told, page.size + _CHANGES)


_SHIFTS = ("column", "type", "missing", "mean", "std", "min", "max", "measures")


def _shift(shift: Shift) -> list[str]:
    old, new = shift.old, shift.new
    known = [side for side in (old, new) if side is not None]
    types = list(dict.fromkeys(prose(side.type, _NAME) for side in known))
    shares = [percent(side.missing, side.count) for side in known if side.missing is not None and side.count]
    change = "new" if old is None else "gone" if new is None else ""
    pairs = [[getattr(side, title) for side in known] for title in ("mean", "std", "min", "max")]
    least = set(shift.at_least)
    measures = [
        f"{name} {'at least ' if name in least else ''}{words.number(value)}"
        for name, value in shift.measures.items()
        if value
    ]
    return [
        code(shift.name),
        " ".join(filter(None, (_ARROW.join(types), change))),
        _ARROW.join(map(html.escape, dict.fromkeys(shares))),
        *(_ARROW.join(filter(None, pair_of(*pair) if len(pair) == 2 else map(words.number, pair))) for pair in pairs),
        prose(", ".join(measures)) if measures else "",
    ]


# --- the columns


def _columns(page: _Page, reports: Sequence[Report], view: View) -> None:
    """A folded table for each file, as many as there is room for."""
    read = [report for report in reports if report.columns]
    for n, report in enumerate(read):
        found: dict[str | None, list[str]] = {}
        for finding in report.findings:
            if finding.severity != "info" and not finding.message.startswith(STILL):
                found.setdefault(finding.column, []).append(finding.rule)
        columns = list(report.columns)
        if len(columns) > _COLUMNS:
            columns.sort(key=lambda column: column.name not in found)
        rows = [_figures(column, found) for column in columns[:_COLUMNS]]
        path = html.escape(clipped(below(report.source.path, view.root), _PATH))
        title = f"<code>{path}</code>{', the input' if report.output is not None else ''}: {_shape(report)}"
        if not _folded(page, title, len(columns), _HEAD, rows, None):
            page.add(f"and the columns of {several(len(read) - n, 'more file')}: `nanclean scan FILE...`", last=True)
            page.add("", last=True)
            return


_HEAD = ("column", "type", "missing", "min", "median", "max", "mean", "std", "found")


def _figures(column: Column, found: Mapping[str | None, Sequence[str]]) -> list[str]:
    missing = f"{column.missing:,} ({percent(column.missing, column.count)})" if column.missing and column.count else ""
    ends = [words.number(value) for value in (column.min, column.median, column.max, column.mean, column.std)]
    return [
        code(column.name),
        prose(column.type, _NAME),
        html.escape(missing),
        *(prose(text, _NAME) for text in ends),
        prose(", ".join(dict.fromkeys(found.get(column.name, ()))), _NAME),
    ]


def _shape(report: Report) -> str:
    source = report.source
    told = f"{several(source.rows or 0, 'row')} x {several(source.columns or 0, 'column')}"
    told = told if source.complete_rows is None else f"{told}, {several(source.complete_rows, 'complete row')}"
    return told if source.sample is None else f"{told}; {words.sampled(source.sample)}; {words.proven(source.sample)}"


def _folded(
    page: _Page, title: str, count: int, head: Sequence[str], rows: Iterable[Sequence[str]], limit: int | None
) -> bool:
    """A table that opens when it is clicked. False if there was no room even for one row."""
    opening = ["<details>", f"<summary>{title}</summary>", "", f"| {' | '.join(head)} |", ""]
    if not page.fits([*opening, "", "</details>", " " * 2_000]):
        return False
    for line in opening[:3]:
        page.add(line)
    added = page.table(head, rows, limit)
    if added < count:
        page.add("", last=True)
        page.add(f"and {several(count - added, 'more column')}", last=True)
    for line in ("", "</details>", ""):
        page.add(line, last=True)
    return True


def _footer(reports: Sequence[Report]) -> str:
    policies = list(dict.fromkeys(report.run.policy for report in reports if report.run.policy))
    told = [f"nanclean {version() or ''}".rstrip(), *(f"rules: {prose(policy, _PATH)}" for policy in policies[:3])]
    return "; ".join(told)

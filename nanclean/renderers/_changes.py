"""A table that was cleaned, as people read it: what each rule did, what that did to the columns, how it ended."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from nanclean import registry
from nanclean.finding import Finding
from nanclean.renderer import View
from nanclean.renderers._beforeafter import before_after
from nanclean.renderers._facts import Fact, blocks, facts, head_of, is_everywhere, margin_of
from nanclean.renderers._layout import WIDE, Line, cells, clipped, piece, ruler, width_of, wrapped
from nanclean.report import STILL, Change, Output, Report
from nanclean.wording import percent, several

_NARROW = 56
"""Below so many cells a rule and its figures stand on lines of their own."""
_LABEL = 10
"""Cells of the word before a line at the end."""
_RULES = 24
"""So many rules are all shown; of more, those that did nothing are counted."""
_NAMES = 5
"""Columns of a finding that is still there."""
_REASONS = 3
"""Findings that are named as the reason."""
_STRANGE = frozenset({*registry.names("drifts"), "training_rows"})
"""Rules of findings that compare the data with those that a recipe was fitted on."""
_IN_MEMORY = ("frame", "array")
"""Formats of what has no command line."""
_SEVERITIES = ("error", "warning", "info")
_LONG = re.compile(r"(?<![\w.])-?\d+\.\d{3,}(?:e[+-]?\d+)?(?![\w.])")


def body(report: Report, output: Output, view: View) -> Iterator[Line]:
    """All lines but the title: rules, columns, findings, the end."""
    own, still = divided(report)
    if not view.quiet:
        yield from _rules(report, view)
        yield from before_after(report, output, view)
    found = facts(msgspec.structs.replace(report, findings=own))
    shown = [fact for fact in found if fact.severity != "info" or view.verbose]
    strange = [fact for fact in shown if fact.rule in _STRANGE]
    yield from blocks([fact for fact in shown if fact.rule not in _STRANGE], report, view)
    if strange:
        yield from wrapped([piece("unlike the training data:", "dim")], view.width)
        yield from blocks(strange, report, view)
    yield from _left(facts(msgspec.structs.replace(report, findings=still)), output, view)
    yield from _end(report, output, view)


def divided(report: Report) -> tuple[list[Finding], list[Finding]]:
    """The findings about the work, and those about the table as it leaves, without the words that say so."""
    own: list[Finding] = []
    still: list[Finding] = []
    for finding in report.findings:
        if finding.message.startswith(STILL):
            still.append(msgspec.structs.replace(finding, message=finding.message.removeprefix(STILL)))
        else:
            own.append(finding)
    return own, still


def by_rule(report: Report) -> list[list[Change]]:
    """The changes of each rule, in the order of the rules."""
    return [list(group) for _, group in groupby(report.changes, lambda change: change.rule)]


def done(changes: Sequence[Change]) -> str:
    """What a rule did: `3 cells, 1 row, column gone`; nothing if it did nothing."""
    gone = sum(map(_is_dropped, changes))
    count, rows = sum(change.cells for change in changes), sum(change.rows for change in changes)
    parts = (several(count, "cell"), count), (several(rows, "row"), rows), (f"{several(gone, 'column')} gone", gone)
    flagged = sum(change.found or 0 for change in changes if change.fix == "flag")
    return ", ".join(text for text, n in (*parts, (f"{flagged:,} flagged", flagged)) if n)


def is_idle(report: Report, output: Output) -> bool:
    """Whether the rules have left everything as it was."""
    columns = [column.name for column in report.columns]
    same = output.columns is None or output.columns == columns
    retyped = any(change.after and change.after.get("type") != change.before.get("type") for change in report.changes)
    return same and not retyped and not output.rejected and not any(map(_did, report.changes))


def reasons(report: Report, view: View) -> list[str]:
    """What kept the output from being written, the worst first; nothing if nothing did."""
    if not report.exit_code:
        return []
    own, still = divided(report)
    limit = _SEVERITIES.index(view.fail_on) if view.fail_on in _SEVERITIES else 0
    judged = [finding for finding in own if _SEVERITIES.index(finding.severity) <= limit]
    told = [_reason(finding) for finding in judged]
    if limit or not judged:  # by default what is still there stops nothing
        told += [f"{_reason(finding)}, still in the output" for finding in still
                 if _SEVERITIES.index(finding.severity) <= limit]  # fmt: skip
    return told


def _reason(finding: Finding) -> str:
    parts = [finding.rule] if finding.column is None else [clipped(finding.column, 40), finding.rule]
    if finding.count is None:
        parts.append(finding.message.partition("\n")[0])
    elif finding.of:
        parts.append(f"{finding.count:,} of {finding.of:,} ({percent(finding.count, finding.of)})")
    else:
        parts.append(f"{finding.count:,}")
    text = ": ".join(filter(None, parts))
    text += "" if finding.limit is None else f", allowed {finding.limit}"
    return text if finding.policy_line is None else f"{text} ({finding.policy_line})"


# --- what each rule did


@dataclass(frozen=True)
class Row:
    """One rule, or one column of it."""

    name: str
    cells: str
    rows: str
    told: str
    did: bool
    inner: bool = False

    @classmethod
    def of(cls, name: str, changes: Sequence[Change], room: int, inner: bool = False) -> Row:
        gone = sum(map(_is_dropped, changes))
        count, rows = sum(change.cells for change in changes), sum(change.rows for change in changes)
        done = ("column" if gone == 1 else f"{gone:,} columns") if gone else _count(count)
        return cls(
            name=name, cells=done, rows=_count(rows), told=_with(changes, gone, room),
            did=any(map(_did, changes)), inner=inner,
        )  # fmt: skip


def _rules(report: Report, view: View) -> Iterator[Line]:
    """A line for each rule of the policy; with -v one for each column of it, too."""
    groups = by_rule(report)
    if not groups:
        yield from wrapped([piece("no rule changes anything", "dim")], view.width)
        yield []
        return
    room = max((view.width - 24) // 2, 24) if view.width >= WIDE else 24
    rows: list[Row] = []
    for changes in groups:
        rows.append(Row.of(changes[0].rule, changes, room))
        if view.verbose and len(changes) > 1:
            rows += [Row.of(change.column or "''", [change], room, inner=True) for change in changes]
    idle = 0
    if len(groups) > _RULES and not view.verbose:
        idle = sum(not row.did for row in rows)
        rows = [row for row in rows if row.did]
    yield from _stacked(rows, view) if view.width < _NARROW else _drawn(rows, view)
    if idle:
        yield [piece(f"and {several(idle, 'rule')} that changed nothing (-v)", "dim")]
    yield []


def _drawn(rows: Sequence[Row], view: View) -> Iterator[Line]:
    middle = [max(len(title), *(len(getattr(row, title)) for row in rows)) for title in ("cells", "rows")]
    free = view.width - sum(middle) - 6
    names = [cells(piece(row.name)[0]) + 2 * row.inner for row in rows]
    last = max(4, *(cells(row.told) for row in rows))
    first = min(max(4, *names), max(free - last, free * 5 // 8))
    last = min(last, free - first)
    titles = ("rule".ljust(first), "cells".rjust(middle[0]), "rows".rjust(middle[1]), "with")
    yield [piece("  ".join(titles), "dim")]
    yield ruler(first + sum(middle) + 6 + last, view)
    for row in rows:
        indent = 2 * row.inner
        name = wrapped([piece(row.name, _style(row))], first - indent)
        told = wrapped([piece(row.told, "" if row.did else "dim")], last)
        if len(name) > 1:
            name = [name[0], *([piece("  "), *line] for line in wrapped(_rest(name[1:]), first - indent - 2))]
        for n in range(max(len(name), len(told))):
            left, right = (lines[n] if n < len(lines) else [] for lines in (name, told))
            line = [piece(" " * indent), *left, piece(" " * (first - indent - width_of(left)))]
            done, gone = (row.cells, row.rows) if n == 0 else ("", "")
            line.append(piece("  " + done.rjust(middle[0]), "dim" if done == "." else ""))
            line.append(piece("  " + gone.rjust(middle[1]) + "  ", "dim" if gone == "." else ""))
            yield [*line, *right]


def _stacked(rows: Sequence[Row], view: View) -> Iterator[Line]:
    """For a narrow terminal: the rule, and below it what it did."""
    for row in rows:
        indent = 2 * row.inner
        for line in wrapped([piece(row.name, _style(row))], view.width - indent):
            yield [piece(" " * indent), *line]
        unit = "" if "column" in row.cells else " cell" if row.cells == "1" else " cells"
        parts = [f"{row.cells}{unit}" if row.cells != "." else "", _of_rows(row.rows), row.told]
        for line in wrapped([piece(", ".join(filter(None, parts)), "dim")], view.width - indent - 2):
            yield [piece(" " * (indent + 2)), *line]


def _of_rows(text: str) -> str:
    """`3 rows`, nothing of none."""
    return "" if text == "." else f"{text} row" if text == "1" else f"{text} rows"


def _rest(lines: Sequence[Line]) -> Line:
    """Lines as one again."""
    return [part for n, line in enumerate(lines) for part in ([piece(" ")] if n else []) + line]


def _style(row: Row) -> str:
    return "dim" if row.inner else "bold" if row.did else ""


def _with(changes: Sequence[Change], gone: int, room: int) -> str:
    """What the rule has found or learned, in a few words."""
    found = sum(change.found or 0 for change in changes)
    if gone or changes[0].fix == "flag":
        return f"{found:,} found" if found else "" if gone else "nothing found"
    active = [change for change in changes if change.found is None or _did(change)]
    done = sum(change.cells + change.rows for change in changes)
    details = _details([change for change in active if change.detail], room)
    if not done:
        told = f"{found:,} found" if found else "nothing found" if changes[0].found is not None else ""
        return details or told or "no cell changes"
    left = any(change.cells and (change.found or 0) > change.cells for change in changes)
    return ", ".join(filter(None, (details, f"{found:,} found" if left else "")))


def _details(changes: Sequence[Change], room: int) -> str:
    """One detail as it is, several alike in one word, else the first few."""
    texts = [_short(change) for change in changes]
    if len(set(texts)) < 2:
        return "".join(texts[:1])
    kinds = {" and ".join(part.partition(" ")[0] for part in text.split(", ")) for text in texts}
    told = ""
    if changes[0].fix.startswith("impute("):
        kinds = {text.partition(" ")[0] for text in texts}
        told = f"{len(texts):,} {kinds.pop()}s" if kinds <= {"mean", "median", "mode"} and len(kinds) == 1 else ""
    elif changes[0].fix.startswith("normalize(") and len(kinds) == 1:
        told = f"{kinds.pop()} of {several(len(texts), 'column')}"
    few = ""
    for n, (change, text) in enumerate(zip(changes, texts, strict=True)):
        text = text.partition(" ")[2] if told and changes[0].fix.startswith("impute(") else text
        longer = few + (", " if n else "") + f"{clipped(change.column or '', 24)} {text}"
        if n and cells(longer) + 3 + (cells(told) + 2 if told else 0) > room:
            few += " .."
            break
        few = longer
    return few if not told else f"{told}: {few}" if cells(few) + cells(told) + 2 <= room and room > 24 else told


def _short(change: Change) -> str:
    """A detail with six digits of its numbers; the text of a value stays as it is."""
    text = clipped(change.detail or "", 60)
    return text if "mode" in change.fix else _LONG.sub(lambda number: f"{float(number[0]):.6g}", text)


def _did(change: Change) -> bool:
    return bool(change.cells or change.rows or _is_dropped(change) or (change.fix == "flag" and change.found))


def _is_dropped(change: Change) -> bool:
    """Whether the rule took the column out."""
    return change.fix == "drop_column" and change.column is not None and change.after is None


def _count(n: int) -> str:
    return f"{n:,}" if n else "."


# --- what is still there, and how it ended


def _left(found: Sequence[Fact], output: Output, view: View) -> Iterator[Line]:
    """What the built-in checks say of the output, in few words."""
    found = [fact for fact in found if fact.severity != "info" or view.verbose]
    if not found:
        return
    more = f", in full: nanclean scan {shlex.quote(output.path)}" if output.verified and output.path else ":"
    yield from wrapped([piece(f"still in the output{more}", "dim")], view.width)
    margin = margin_of(found)
    for fact in found:
        ordered = sorted(fact.findings, key=lambda finding: -(finding.count or 0))
        most = len(ordered) if view.verbose else _NAMES
        told = ", ".join(filter(None, map(_counted, ordered[:most])))
        rest = len(ordered) - most
        text = told + (f" and {rest:,} more (-v)" if rest > 0 else "")
        head = head_of(fact)
        if view.width - margin >= 24:
            space = piece(" " * (margin - width_of(head)))
            yield from _hanging([*head, space], [piece(text)], margin, view.width)
        else:
            yield from wrapped(head, view.width)
            yield from _hanging([piece("  ")], [piece(text)], 2, view.width)
    yield []


def _counted(finding: Finding) -> str:
    """A column and how many of its cells; of all of them, or of the table as a whole, no number."""
    if finding.column is None:
        return finding.message.partition("\n")[0]
    name = clipped(finding.column, 40) or "''"
    return name if finding.count is None or is_everywhere(finding) else f"{name} {finding.count:,}"


def _end(report: Report, output: Output, view: View) -> Iterator[Line]:
    """Rows in and out, the proof, the files, and what to type next."""
    why = reasons(report, view)
    notes = sum(fact.severity == "info" for fact in facts(report))
    if not view.quiet:
        if notes and not view.verbose:
            yield from wrapped([piece(f"Notes not shown: {notes} (-v).", "dim")], view.width)
        if view.verbose and report.run.passes is not None and report.run.seconds is not None:
            text = f"{several(report.run.passes, 'read')} of the input, {report.run.seconds:.3g} seconds"
            yield from wrapped([piece(text, "dim")], view.width)
        yield from wrapped([piece(balance(output))], view.width)
    if why:
        yield from _refused(why, output, view)
        return
    if is_idle(report, output):
        yield from wrapped([piece(idle(report, output), "bold")], view.width)
    if not view.quiet and output.verified:
        yield from _hanging([piece("verified:".ljust(_LABEL), "green")], [piece(proof(report, output))], _LABEL,
                            view.width)  # fmt: skip
    files = _files(output) if output.path is not None else [piece(_nothing(report), "bold")]
    yield from _hanging([piece("written:".ljust(_LABEL))], files, _LABEL, view.width)
    if not view.quiet:
        yield from _next(report, output, view)


def balance(output: Output) -> str:
    """`9 rows in = 8 rows out + 1 set aside`."""
    lost = "dropped" if output.verified and output.rejected and output.rejected_path is None else "set aside"
    into, out = several(output.rows + output.rejected, "row"), several(output.rows, "row")
    return f"{into} in = {out} out + {output.rejected:,} {lost}"


def idle(report: Report, output: Output) -> str:
    """That there was nothing to do."""
    if output.copied and output.path is not None:
        return f"nothing to fix: {output.path} is a copy of {report.source.path}, byte for byte"
    return "nothing to fix: the rules change nothing"


def _refused(why: Sequence[str], output: Output, view: View) -> Iterator[Line]:
    symbol = "✗" if view.unicode else "x"
    nothing = "nothing written" if output.path is not None else "nothing would be written"
    if view.fail_on in _SEVERITIES[1:]:
        because = f"{several(len(why), 'finding')} (--fail-on {view.fail_on})"
    else:
        because = several(len(why), "error")
    head = f"{symbol} {nothing}, because of {because}"
    yield from wrapped([piece(head, "bold red")], view.width)
    shown = why if view.verbose else why[:_REASONS]
    for text in shown:
        yield from _hanging([piece("  ")], [piece(text)], 2, view.width)
    if len(why) > len(shown):
        yield [piece(f"  and {len(why) - len(shown):,} more (-v)", "dim")]


def proof(report: Report, output: Output) -> str:
    rules = len(by_rule(report))
    parts = [f"{output.path} read back"]
    if rules:
        parts.append({1: "its rule holds", 2: "both rules hold"}.get(rules, f"all {rules:,} rules hold"))
    if output.untouched and not output.copied:
        verb = "is" if output.untouched == 1 else "are"
        alike = "cell by cell"
        if output.format == report.source.format:
            alike = "character for character" if output.format == "csv" else "bit for bit"
        parts.append(f"{several(output.untouched, 'untouched column')} {verb} identical, {alike}")
    return "; ".join(parts)


def _nothing(report: Report) -> str:
    return "nothing" if report.source.format in _IN_MEMORY else "nothing (--dry-run)"


def _files(output: Output) -> Line:
    columns = "" if output.columns is None else f" x {several(len(output.columns), 'column')}"
    files = [piece(output.path or "", "bold"), piece(f" ({several(output.rows, 'row')}{columns})")]
    if output.rejected_path is not None:
        files += [piece(", "), piece(output.rejected_path, "bold"), piece(f" ({several(output.rejected, 'row')})")]
    if output.recipe is not None:
        files += [piece(", "), piece(output.recipe, "bold")]
    return files


def _next(report: Report, output: Output, view: View) -> Iterator[Line]:
    if view.next is not None:
        head = "Next, for the test split: " if report.command == "fix" and output.recipe is not None else "Next: "
        command = view.next.format(path=shlex.quote(report.source.path))
        yield from wrapped([piece(head, "dim"), piece(command)], view.width)
    elif output.path is None and not is_idle(report, output) and report.source.format not in _IN_MEMORY:
        stem, suffix = os.path.splitext(os.path.basename(report.source.path))
        name = shlex.quote(f"{stem}.clean{suffix}") if suffix and stem else "OUT"
        yield from wrapped(
            [piece("Next: ", "dim"), piece(f"the same with -o {name} in place of --dry-run")], view.width
        )


def _hanging(head: Line, text: Line, indent: int, width: int) -> Iterator[Line]:
    """A line whose later ones are indented; where there is no room for that, they are not."""
    if width - indent < 16:
        yield from wrapped([*head, *text], width)
        return
    for n, line in enumerate(wrapped(text, width - indent)):
        yield [*head, *line] if n == 0 else [piece(" " * indent), *line]

"""The report as a page for people: the verdict, a block for each fact, the table of columns, what to type next."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from nanclean.renderer import NARROWEST, View
from nanclean.renderers import _changes as changes
from nanclean.renderers import _comparison as comparison
from nanclean.renderers import _words as words
from nanclean.renderers._facts import STYLES, Fact, blocks, facts
from nanclean.renderers._layout import Line, cells, piece, styled, wrapped, write
from nanclean.renderers._table import table
from nanclean.report import Report
from nanclean.wording import several

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, Group

_FLOAT32 = 3.4028235677973366e38
"""From here on a number is infinite in float32: its largest value and half a step."""
_SYMBOLS = {True: {"error": "✗", "warning": "!", "": "✓"}, False: {"error": "x", "warning": "!", "": "ok"}}


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write the reports, an empty line between two. Of a file that could not be read there is nothing to show."""
    first = True
    for report in reports:
        if report.source.rows is None:
            continue
        if not first:
            stream.write("\n")
        first = False
        write(page(report, view), stream, view)


def plain(report: Report) -> str:
    """The report as text, as wide as the terminal."""
    out = sys.__stdout__
    view = View() if out is None or out.closed else replace(View.of(out), colour=False)
    stream = io.StringIO()
    write(page(report, view), stream, view)
    return stream.getvalue().rstrip("\n")


def rich(report: Report, options: ConsoleOptions) -> Group:
    """The report as something that rich can print."""
    from rich.console import Group

    width = max(options.max_width, NARROWEST)
    return Group(*styled(page(report, View(width=width, unicode=not options.ascii_only))))


def page(report: Report, view: View) -> Iterator[Line]:
    """All lines of a report."""
    yield from _title(report, view)
    yield []
    if report.output is not None:
        yield from changes.body(report, report.output, view)
        return
    if report.comparison is not None:
        yield from comparison.body(report, report.comparison, view)
        return
    found = facts(report)
    yield from _verdict(found, report, view)
    yield []
    yield from blocks([fact for fact in found if fact.severity != "info" or view.verbose], report, view)
    if view.quiet:
        return
    if report.columns:
        yield from table(report, view)
        yield []
    for sentence in filter(None, _closing(found, report, view)):
        yield from wrapped([piece(sentence, "dim")], view.width)
    if view.next is not None:
        path = shlex.quote(report.source.path)
        yield from wrapped([piece("Next: ", "dim"), piece(view.next.format(path=path))], view.width)


def _title(report: Report, view: View) -> Iterator[Line]:
    source, file = report.source, (report.source.files or [{}])[0]
    reading = [
        f"{len(source.files):,} files" if len(source.files) > 1 else None,
        source.format,
        file.get("encoding"),
        words.size(source.bytes) if source.bytes is not None else None,
    ]
    parts = [
        f"{several(source.rows or 0, 'row')} x {several(source.columns or 0, 'column')}",
        ", ".join(part for part in reading if part),
        f"rules: {report.run.policy}" if report.run.policy else "",
        *([] if source.sample is None else [words.sampled(source.sample), words.proven(source.sample)]),
    ]
    line, used = [piece(source.path, "bold")], cells(piece(source.path)[0])
    for part in filter(None, parts):
        if used + 3 + len(part) > view.width:
            yield from wrapped(line, view.width)
            line, used = [piece("  ")], 2
        else:
            line.append(piece("   "))
            used += 3
        line.append(piece(part, "" if part is parts[0] else "dim"))
        used += cells(part)
    yield from wrapped(line, view.width)


def _verdict(found: Sequence[Fact], report: Report, view: View) -> Iterator[Line]:
    errors, warnings, _ = (sum(fact.severity == severity for fact in found) for severity in STYLES)
    worst = "error" if errors else "warning" if warnings else ""
    if worst:
        counts = [several(errors, "error")] if errors else []
        counts += [several(warnings, "warning")] if warnings else []
        text = ", ".join(counts) + ("" if errors else ", no errors")
    else:
        text = "nothing wrong found" if report.source.sample is None else "nothing wrong found in the sample"
    verdict = f"{_SYMBOLS[view.unicode][worst]} {text}"
    complete = _complete(report)
    gap = max(3, 33 - cells(verdict))
    style = STYLES.get(worst, "bold green")
    if 2 + cells(verdict) + gap + cells(complete) <= view.width:
        yield [piece("  "), piece(verdict, style), piece(" " * gap), piece(complete)]
        return
    for line in (*wrapped([piece(verdict, style)], view.width - 2), *wrapped([piece(complete)], view.width - 2)):
        yield [piece("  "), *line]


def _complete(report: Report) -> str:
    rows, complete = report.source.rows, report.source.complete_rows
    if not rows or complete is None:
        return "no rows" if rows == 0 else ""
    if rows == complete:
        return "the row is complete" if rows == 1 else f"all {rows:,} rows are complete"
    return f"{complete:,} of {rows:,} rows {'is' if complete == 1 else 'are'} complete"


def _closing(found: Sequence[Fact], report: Report, view: View) -> Iterator[str]:
    """What was looked for and not found, what is not shown, and what else could be asked."""
    notes = sum(fact.severity == "info" for fact in found)
    unseen = [f"Notes not shown: {notes} (-v)."] if notes and not view.verbose else []
    yield " ".join(healthy(report) + unseen)
    asked = []
    if not any(column.role == "label" for column in report.columns):
        asked.append("No label named; --label COLUMN checks it.")
    if " for " not in (report.run.policy or ""):
        asked.append("For one trainer: --for torch")
    yield " ".join(asked)


def healthy(report: Report) -> list[str]:
    """What the figures prove to be good, as a sentence. Nothing is said of what is not there."""
    filled = [column for column in report.columns if column.count]
    numbers = [column for column in filled if column.finite]
    ends = [end for column in numbers for end in (column.min, column.max)]
    good = []
    if filled and not any(column.missing or column.missing_rows for column in filled):
        good.append("no missing cell")
    if numbers and not any((column.pos_inf or 0) + (column.neg_inf or 0) for column in filled):
        good.append("no infinity")
    overflows = any(finding.rule == "overflow" for finding in report.findings)  # maybe in its square
    if ends and not overflows and all(isinstance(end, int | float) and abs(end) < _FLOAT32 for end in ends):
        good.append("nothing beyond float32")
    text = ", ".join(good)
    if report.source.sample is not None:
        text += " in the sample"
    return [f"{text[0].upper()}{text[1:]}."] if good else []

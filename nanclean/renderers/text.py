"""One line for each finding and each rule that did something, and one that says how it ended.

For logs, editors and gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from nanclean.escaping import escaped
from nanclean.finding import Finding
from nanclean.renderer import View
from nanclean.renderers import _changes as changes
from nanclean.renderers import _words as words
from nanclean.renderers._total import Total
from nanclean.report import STILL, Output, Report
from nanclean.wording import percent, shown


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write `file:line: column: rule: message [severity]` for each finding, then the verdict over all files.

    Of a file that was cleaned also `file: rule: cells and rows [fix]`, and what became of it.
    """
    total = Total(view.fail_on)
    for report in reports:
        if report.output is None:
            total.add(report)
        if report.source.rows is not None:  # what could not be read has been told on standard error
            stream.writelines(f"{line}\n" for line in _lines(report, view))
        if report.output is not None:
            stream.write(f"{escaped(_ending(report, report.output, view))}\n")
    if total and not view.quiet:
        passing = " (warnings pass; --strict fails on them)" if total.warnings_pass else ""
        stream.write(f"{total.verdict:6}  {total.told}{passing}\n")


def _lines(report: Report, view: View) -> Iterator[str]:
    sample = report.source.sample
    if sample is not None and not view.quiet:
        yield escaped(f"{report.source.path}: {words.sampled(sample)}; {words.proven(sample)}")
    if not view.quiet:
        for group in changes.by_rule(report):
            did = changes.done(group)
            if did or view.verbose:
                yield escaped(f"{report.source.path}: {group[0].rule}: {did or 'nothing'} [fix]")
    for finding in report.findings:
        if view.verbose or (finding.severity != "info" and finding.baseline != "known"):
            mark = finding.severity if finding.baseline is None else f"{finding.severity}, {finding.baseline}"
            yield escaped(f"{_place(report, finding)}: {_told(finding, report)} [{mark}]")


def _ending(report: Report, output: Output, view: View) -> str:
    """The last line of a file that was cleaned, or was not."""
    why = changes.reasons(report, view)
    balance = changes.balance(output)
    if why:
        more = f" and {len(why) - 1:,} more" if len(why) > 1 else ""
        return f"FAILED  nothing written: {why[0]}{more}; {balance}"
    if output.path is None:
        return f"DRY RUN  nothing written; {balance}"
    proof = "a copy, byte for byte; " if output.copied else ""
    return f"WRITTEN  {output.path}, {'verified' if output.verified else 'not verified'}; {proof}{balance}"


def _place(report: Report, finding: Finding) -> str:
    path, place = report.source.path, finding.where[0] if finding.where else ""
    if report.output is not None and report.output.verified and finding.message.startswith(STILL):
        path = report.output.path or path  # its rows are those of the output
    elif place:
        within, place = report.source.located(place)
        path = path if finding.count is not None and finding.count == finding.of else within
    if finding.count is not None and finding.count == finding.of:  # everywhere
        return path
    if finding.lines:
        return f"{path}:{finding.lines[0]}"
    return f"{path}: {place}" if place else path


def _told(finding: Finding, report: Report) -> str:
    parts = [finding.rule, finding.message.splitlines()[0] if finding.message else ""]
    if finding.column is not None:
        parts.insert(0, shown(finding.column, 60))
    text = ": ".join(part for part in parts if part)
    if finding.limit is not None:
        share = finding.limit.endswith("%") and finding.count is not None and finding.of and "%" not in parts[-1]
        text += f" ({percent(finding.count or 0, finding.of or 1)})" if share else ""
        text += f", allowed {finding.limit}"
    return f"{text} ({finding.policy_line})" if finding.policy_line is not None else text

"""One line for each finding, and one that says how it ended: for logs, editors and gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from nanclean.escaping import escaped
from nanclean.finding import Finding
from nanclean.renderer import View
from nanclean.report import Report
from nanclean.wording import several, shown


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write `file:line: column: rule: message [severity]` for each finding, then the verdict over all files."""
    total = _Total(view.fail_on)
    for report in reports:
        total.add(report)
        if report.source.rows is not None:  # what could not be read has been told on standard error
            stream.writelines(f"{line}\n" for line in _lines(report, view))
    if not view.quiet:
        stream.write(f"{total}\n")


def _lines(report: Report, view: View) -> Iterator[str]:
    for finding in report.findings:
        if finding.severity != "info" or view.verbose:
            yield escaped(f"{_place(report, finding)}: {_told(finding, report)} [{finding.severity}]")


def _place(report: Report, finding: Finding) -> str:
    if finding.count is not None and finding.count == finding.of:  # everywhere
        return report.source.path
    if finding.lines:
        return f"{report.source.path}:{finding.lines[0]}"
    return f"{report.source.path}: {finding.where[0]}" if finding.where else report.source.path


def _told(finding: Finding, report: Report) -> str:
    parts = [finding.rule, finding.message.splitlines()[0] if finding.message else ""]
    if finding.column is not None:
        parts.insert(0, shown(finding.column, 60))
    text = ": ".join(part for part in parts if part)
    if finding.limit is not None:
        text += f", allowed {finding.limit}"
    return f"{text} ({finding.policy_line})" if finding.policy_line is not None else text


class _Total:
    """The last line."""

    def __init__(self, fail_on: str) -> None:
        self.fail_on = fail_on
        self.read = self.unread = self.errors = self.warnings = 0
        self.failed = False

    def add(self, report: Report) -> None:
        """Count one more file."""
        self.failed |= report.exit_code != 0
        if report.source.rows is None:
            self.unread += 1
            return
        self.read += 1
        self.errors += report.summary.error
        self.warnings += report.summary.warning

    def __str__(self) -> str:
        counts = [several(self.errors, "error")] if self.errors else []
        counts += [several(self.warnings, "warning")] if self.warnings else []
        told = [f"{', '.join(counts) or 'nothing found'} in {several(self.read, 'file')}"] if self.read else []
        told += [f"{several(self.unread, 'file')} not read"] if self.unread else []
        verdict = "FAILED" if self.failed else "FOUND " if counts and self.fail_on == "never" else "PASSED"
        passing = " (warnings pass; --strict fails on them)" if self.warnings and self.fail_on == "error" else ""
        return f"{verdict}  {'; '.join(told)}{passing}"

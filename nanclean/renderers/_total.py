"""How a run over several files ended: what was found, what is known, what could not be read."""

from __future__ import annotations

from collections.abc import Iterable

from nanclean.report import Report
from nanclean.wording import several


class Total:
    """The findings of some reports, counted."""

    def __init__(self, fail_on: str, reports: Iterable[Report] = ()) -> None:
        self.fail_on = fail_on
        self.read = self.unread = self.errors = self.warnings = self.known = self.repairable = 0
        self.failed = self.compared = self.sampled = False
        for report in reports:
            self.add(report)

    def add(self, report: Report) -> None:
        """Count one more file."""
        self.failed |= report.exit_code != 0
        if report.source.rows is None:
            self.unread += 1
            return
        self.read += 1
        self.sampled |= report.source.sample is not None
        told = [finding for finding in report.findings if finding.severity != "info"]
        fresh = [finding.severity for finding in told if finding.baseline != "known"]
        self.known += len(told) - len(fresh)
        self.compared |= any(finding.baseline is not None for finding in report.findings)
        self.repairable += sum(finding.is_left_to_fix for finding in report.findings)
        self.errors += fresh.count("error")
        self.warnings += fresh.count("warning")

    def __bool__(self) -> bool:
        return bool(self.read or self.unread)

    @property
    def verdict(self) -> str:
        """FAILED, PASSED, or FOUND where nothing can fail."""
        found = bool(self.errors or self.warnings)
        return "FAILED" if self.failed else "FOUND" if found and self.fail_on == "never" else "PASSED"

    @property
    def told(self) -> str:
        """`1 error, 2 warnings in 2 files; 1 known`."""
        counts = [several(self.errors, "error")] if self.errors else []
        counts += [several(self.warnings, "warning")] if self.warnings else []
        nothing = "nothing new" if self.compared else "nothing found"
        told = [f"{', '.join(counts) or nothing} in {several(self.read, 'file')}"] if self.read else []
        told += ["sampled"] if self.sampled else []
        told += [f"{self.known:,} known"] if self.known else []
        told += [f"{several(self.repairable, 'finding')} left to nanclean fix"] if self.repairable else []
        told += [f"{several(self.unread, 'file')} not read"] if self.unread else []
        return "; ".join(told) or "no file"

    @property
    def warnings_pass(self) -> bool:
        """There are some, and only errors fail."""
        return bool(self.warnings) and self.fail_on == "error"

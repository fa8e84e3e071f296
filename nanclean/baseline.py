"""What is known to be wrong already: the findings of an earlier run, with which later ones are compared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final, Literal, Self

import msgspec

from nanclean.errors import UsageError
from nanclean.escaping import json_escaped
from nanclean.finding import RANK, Finding, exit_code
from nanclean.report import Report

SCHEMA: Final = "nanclean.baseline/1"
LARGEST = 64 << 20
"""Bytes of a baseline."""
HINT = "name another file, or take this one away and write it with --update-baseline"
_LIMIT = re.compile(r"( <= [0-9.]+%?)?( -> .*)?$")


class KnownFinding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding that somebody has seen and lives with. It holds no value from the data."""

    rule: str
    rule_text: str
    column: str | None = None
    severity: Literal["error", "warning", "info"]
    count: int | None = None
    share: float | None = None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """What is remembered of a finding."""
        return cls(**{name: getattr(finding, name) for name in cls.__struct_fields__})

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What makes two findings the same one. Another limit, or a fix, makes no other finding of it."""
        return self.rule, _LIMIT.sub("", self.rule_text), self.column

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is no worse: not more severe, and in no larger share of the cells."""
        if RANK[finding.severity] < RANK[self.severity]:
            return False
        if finding.share is not None and self.share is not None:
            return finding.share <= self.share
        return finding.count is None or (self.count is not None and finding.count <= self.count)


class BaselineFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A baseline as it is written: `nanclean.baseline/1`."""

    schema: Literal["nanclean.baseline/1"] = SCHEMA
    files: dict[str, list[KnownFinding]]
    """By the path of the file, from the folder of the baseline, with `/`."""


class Baseline:
    """The findings that are known, file by file. Files are named as seen from its folder, so that it can be shared.

    Examples
    --------
    >>> import nanclean
    >>> from nanclean.baseline import Baseline
    >>> known = Baseline("base.json")
    >>> report = nanclean.check({"x": [1.0, float("inf")]})
    >>> known.learn([report])
    >>> known.judged(report, "error").exit_code
    0
    """

    def __init__(self, path: str, files: dict[str, list[KnownFinding]] | None = None) -> None:
        self.path = path
        self.files = {} if files is None else files

    @classmethod
    def read(cls, path: str, *, new: bool = False) -> Self:
        """The baseline in a file; with `new` an empty one if there is none. UsageError if it is not one."""
        try:
            if os.path.getsize(path) > LARGEST:
                raise UsageError(f"{path}: is too large for a baseline", hint=HINT)
            with open(path, "rb") as file:
                return cls(path, msgspec.json.decode(file.read(), type=BaselineFile).files)
        except FileNotFoundError:
            if new:
                return cls(path)
            raise UsageError(f"{path}: there is no such baseline", hint="--update-baseline writes it") from None
        except OSError as error:
            raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: is no baseline: {str(error).lower()}", hint=HINT) from None

    def judged(self, report: Report, fail_on: str) -> Report:
        """The report with findings that are new, worse or known; known ones do not make it fail."""
        if report.source.rows is None:
            return report  # nothing is known of a file that cannot be read
        known = {each.key: each for each in self.files.get(self._name(report.source.path), ())}
        found = [
            msgspec.structs.replace(finding, baseline=_compared(finding, known.get(KnownFinding.of(finding).key)))
            for finding in report.findings
        ]
        return msgspec.structs.replace(report, findings=found, exit_code=exit_code(found, fail_on))

    def gone(self, reports: Iterable[Report]) -> int:
        """How many findings are known of these files that they do not have any more."""
        count = 0
        for report in reports:
            there = {KnownFinding.of(finding).key for finding in report.findings}
            known = self.files.get(self._name(report.source.path), ())
            if report.source.rows is not None:
                count += sum(each.key not in there and _is_looked_at(each, report) for each in known)
        return count

    def learn(self, reports: Iterable[Report]) -> None:
        """Know what these reports have found. What they have not looked at stays known: other files, other columns."""
        folder = os.path.dirname(self.path)
        self.files = {name: known for name, known in self.files.items() if os.path.exists(os.path.join(folder, name))}
        for report in reports:
            if report.source.rows is not None:
                name = self._name(report.source.path)
                others = [known for known in self.files.get(name, ()) if not _is_looked_at(known, report)]
                self.files[name] = [*others, *map(KnownFinding.of, report.findings)]

    @property
    def count(self) -> int:
        """How many findings are known, but for notes."""
        return sum(known.severity != "info" for found in self.files.values() for known in found)

    def to_json(self) -> str:
        """The baseline as JSON text: a line for each finding, the same findings the same bytes."""
        files = []
        for name in sorted(self.files):
            lines = sorted(msgspec.json.encode(known).decode() for known in self.files[name])
            inner = ",\n   ".join(lines)
            files.append(f"{msgspec.json.encode(name).decode()}: [" + (f"\n   {inner}\n  ]" if lines else "]"))
        body = ",\n  ".join(files)
        return json_escaped(f'{{"schema": "{SCHEMA}",\n "files": {{' + (f"\n  {body}\n }}" if files else "}") + "}\n")

    def _name(self, path: str) -> str:
        if "://" in path:
            return path
        try:
            path = os.path.relpath(path, os.path.dirname(self.path) or ".")
        except ValueError:  # another drive of Windows
            path = os.path.abspath(path)
        return PurePath(path).as_posix().encode("utf-8", "backslashreplace").decode()


def _is_looked_at(known: KnownFinding, report: Report) -> bool:
    """Whether a report would have it, if it were still there."""
    if len(report.columns) == report.source.columns:
        return True
    return known.column is not None and known.column in report.columns.names


def _compared(finding: Finding, known: KnownFinding | None) -> Literal["new", "worse", "known"]:
    if known is None:
        return "new"
    return "known" if known.covers(finding) else "worse"

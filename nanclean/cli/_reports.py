"""From files to reports, and from reports to the screen and to files."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from nanclean.cli import told
from nanclean.cli._output import refuse_input, standard_output, whole
from nanclean.cli._progress import progress
from nanclean.cli.options import Asked
from nanclean.errors import NancleanError
from nanclean.renderer import View, render
from nanclean.report import Report


def show(asked: Asked, command: str) -> int:
    """Look at each file and show its report as soon as there is one. The worst exit code of all."""
    from nanclean import api

    verb = {"scan": api.scan, "check": api.check}[command]
    sources = list(asked.sources())
    for _, path in asked.written:
        refuse_input(path, sources)
    reports: list[Report] = []
    failures: set[str] = set()

    def looked() -> Iterator[Report]:
        for source in sources:
            try:
                with progress(source, asked.quiet) as advance:
                    report = cast(Report, verb(source, **asked.scanning(), progress=advance))
                reports.append(report if asked.values else report.without_values(messages=True))
            except NancleanError as error:
                if error.message not in failures:  # a wrong policy is wrong for every file
                    failures.add(error.message)
                    told(error)
                failed = Report.not_read(source, error.message, error.hint, command=command, exit_code=error.exit_code)
                reports.append(failed)
            yield reports[-1]
            sys.stdout.flush()

    view = View.of(sys.stdout, verbose=asked.verbose, quiet=asked.quiet, fail_on=asked.fail_on or "never")
    following = _next(asked, command)
    render(asked.format, looked(), standard_output(), replace(view, next=following))
    _write(asked, reports, view)
    return max(report.exit_code for report in reports)


def show_one(asked: Asked, source: str, made: Callable[[Any], Report], command: str) -> int:
    """Show the report of a command that writes. Its exit code."""
    for _, path in asked.written:
        refuse_input(path, [source])
    with progress(source, asked.quiet) as advance:
        report = made(advance)
    view = View.of(sys.stdout, verbose=asked.verbose, quiet=asked.quiet, fail_on=asked.fail_on or "error")
    render(asked.format, [report], standard_output(), replace(view, next=_after(report)))
    _write(asked, [report], view)
    return report.exit_code


def show_report(asked: Asked, report: Report) -> None:
    """Show a report that is there already."""
    view = View.of(sys.stdout, verbose=asked.verbose, quiet=asked.quiet)
    render(asked.format, [report], standard_output(), view)


def _write(asked: Asked, reports: list[Report], view: View) -> None:
    """The reports that are wanted as files."""
    for format, path in asked.written:
        with whole(path) as file:
            render(format, reports, file, view)


def _after(report: Report) -> str | None:
    """What to type next."""
    output = report.output
    if output is None or not output.verified or output.recipe is None:
        return None
    return f"nanclean apply {shlex.quote(output.recipe)} test{os.path.splitext(report.source.path)[1]} -o ..."


def _next(asked: Asked, command: str) -> str | None:
    """What to type after a scan, for `{path}`."""
    if command != "scan" or "-" in asked.files:
        return None
    options = "".join(f" {word}" for word in map(shlex.quote, _repeated(asked)))
    return "nanclean init {path}" + options.replace("{", "{{").replace("}", "}}") + " -o nanclean.toml"


def _repeated(asked: Asked) -> Iterator[str]:
    """The options that change how a file is read or judged, as they are typed."""
    for option, value in (
        ("--label", asked.label),
        ("--id", asked.id),
        ("--missing", asked.missing),
        ("--missing-list", None if asked.missing_list == "auto" else asked.missing_list),
        ("--columns", asked.columns),
        ("--for", asked.trainer),
        ("--encoding", asked.encoding),
        ("--delimiter", asked.delimiter),
        ("--decimal", None if asked.decimal == "." else asked.decimal),
        ("--axis", asked.axis),
    ):
        for each in value if isinstance(value, tuple) else () if value is None else (value,):
            yield from (option, str(each))
    if not asked.header:
        yield "--no-header"

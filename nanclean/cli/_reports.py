"""From files to reports, and from reports to the screen and to files."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from nanclean.cli import told, unexpected
from nanclean.cli._actions import annotate, guarded
from nanclean.cli._files import meant
from nanclean.cli._output import refuse_input, standard_error, standard_output, whole
from nanclean.cli._progress import progress
from nanclean.cli.options import Asked
from nanclean.errors import NancleanError, TableError, UsageError
from nanclean.file import shown
from nanclean.renderer import View, render
from nanclean.report import Report
from nanclean.wording import listed

Judge = Callable[[Report], Report]


def show(
    asked: Asked,
    command: str,
    sources: Iterable[str | NancleanError] | None = None,
    judged: Judge | None = None,
    read: Iterable[str | None] = (),
    as_one: bool = False,
    **options: Any,
) -> tuple[list[Report], int]:
    """Look at each file and show its report as soon as there is one. All reports, and the worst exit code.

    sources: paths, and errors in the place of those that are none; otherwise the files that are asked for. judged:
    what becomes of each report before it is shown. read: other files that no report may take the place of. as_one:
    all files are one table. options: more for the verb.
    """
    wanted = list(dict.fromkeys(meant(asked.files) if sources is None or as_one else sources))
    _refuse_read([source for source in wanted if isinstance(source, str)], asked, read)
    if as_one:
        options, wanted = {**options, "as_one": True}, [_joined(wanted)]
    look = _Look(asked, command, judged or (lambda report: report), options, len(wanted) > 1)
    view = View.of(sys.stdout, verbose=asked.verbose, quiet=asked.quiet, fail_on=asked.fail_on or "never")
    following = None if as_one else _next(asked, command)
    out = guarded(standard_output(), asked.format)
    render(asked.format, map(look, wanted), out, replace(view, next=following))
    out.flush()
    annotate(look.reports, view, asked.format)
    written = write(asked, look.reports, view)
    return look.reports, max((report.exit_code for report in look.reports), default=0) or written


class _Joined(str):
    """Several files that are one table, by the name that people see."""

    paths: tuple[str, ...]


def _joined(sources: Iterable[str | NancleanError]) -> str | NancleanError:
    """All paths as one; an error among them stands for all."""
    paths = []
    for source in sources:
        if isinstance(source, NancleanError):
            return source
        paths.append(source)
    joined = _Joined(listed(sorted(paths), 2))
    joined.paths = tuple(paths)
    return joined


class _Look:
    """Files become reports, also those that cannot be read: one bad file hides no other, and none of them passes."""

    def __init__(self, asked: Asked, command: str, judged: Judge, options: dict[str, Any], several: bool) -> None:
        from nanclean import api

        self.asked, self.command, self.judged = asked, command, judged
        self.verb = {"scan": api.scan, "check": api.check}[command]
        self.options = {**asked.scanning(), **options}
        self.several = several
        """Whether there are other files, of which a message has to be told apart."""
        self.reports: list[Report] = []
        self.told: set[str] = set()

    def __call__(self, source: str | NancleanError) -> Report:
        sys.stdout.flush()  # what is known of the file before
        try:
            if isinstance(source, NancleanError):
                raise source
            report = self._report(source)
        except NancleanError as error:
            if self.several and isinstance(error, TableError):
                error = _of_one(error, source)
            if error.message not in self.told:  # a wrong policy is wrong for every file
                self.told.add(error.message)
                told(error)
            report = self._not_read(source, error.message, error.hint, error.exit_code)
        except Exception as error:
            message, code = unexpected(error)
            report = self._not_read(source, message, None, code)
        self.reports.append(report)
        return report

    def _report(self, source: str) -> Report:
        with progress(source, self.asked.quiet) as advance:
            given = list(source.paths) if isinstance(source, _Joined) else source
            report = cast(Report, self.verb(given, **self.options, progress=advance))
        return self.judged(report if self.asked.values else report.without_values(messages=True))

    def _not_read(self, source: str | NancleanError, message: str, hint: str | None, code: int) -> Report:
        path = shown(source) if isinstance(source, str) else message.partition(": ")[0]
        return Report.not_read(path, message, hint, command=self.command, exit_code=code)


def _refuse_read(sources: list[str], asked: Asked, read: Iterable[str | None]) -> None:
    """No report may take the place of what is read, or of another report."""
    others = [path for path in (asked.policy, *read) if path is not None]
    for n, (_, path) in enumerate(asked.written):
        refuse_input(path, [*sources, *others])
        if os.path.abspath(path) in {os.path.abspath(other) for _, other in asked.written[:n]}:
            raise UsageError(f"two reports have the name {path}", hint="give each file its own")


def _of_one(error: TableError, source: object) -> TableError:
    """The same, with the file that it is about."""
    lines = "\n".join(f"{source}: {line}" for line in error.message.split("\n"))
    hint = "a policy that names columns is for tables that have them; check others with a policy of their own (-p)"
    return TableError(lines, hint=error.hint or hint)


def show_one(
    asked: Asked,
    source: str,
    made: Callable[[Any], Report],
    command: str,
    read: Iterable[str | None] = (),
    output: str | None = None,
) -> int:
    """Show the report of a command that writes. Its exit code. read: other files that it reads or writes.

    output: where the table goes. If that is standard output, the report goes to standard error.
    """
    _refuse_read([source], asked, read)
    with progress(source, asked.quiet) as advance:
        report = made(advance)
    taken = output == "-"
    stream = sys.stderr if taken else sys.stdout
    view = View.of(stream, verbose=asked.verbose, quiet=asked.quiet, fail_on=asked.fail_on or "error")
    out = guarded(standard_error() if taken else standard_output(), asked.format)
    render(asked.format, [report], out, replace(view, next=_after(report)))
    out.flush()
    if command == "compare":
        annotate([report], view, asked.format)
    written = write(asked, [report], view)
    return report.exit_code or written


def show_report(asked: Asked, report: Report) -> None:
    """Show a report that is there already."""
    view = View.of(sys.stdout, verbose=asked.verbose, quiet=asked.quiet)
    render(asked.format, [report], standard_output(), view)


def write(asked: Asked, reports: list[Report], view: View) -> int:
    """The reports that are wanted as files; one that fails hides no other. The exit code of the worst failure."""
    codes = [0]
    for format, path in asked.written:
        try:
            with whole(path) as file:
                render(format, reports, file, view)
        except BrokenPipeError:
            raise
        except NancleanError as error:
            codes.append(told(error))
        except Exception as error:
            codes.append(unexpected(error)[1])
    return max(codes)


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
    return "nanclean init {path}" + repeated(asked).replace("{", "{{").replace("}", "}}") + " -o nanclean.toml"


def repeated(asked: Asked, *, rules: bool = False) -> str:
    """The options that change how a file is read or judged, as they are typed, each after a space."""
    words = list(_repeated(asked))
    if rules:
        words += [*(("-p", asked.policy) if asked.policy is not None else ())]
        words += [word for rule in asked.rules for word in ("--rule", rule)]
    return "".join(f" {word}" for word in map(shlex.quote, words))


def typed(path: str) -> str:
    """A path as it is typed; FILE for one that cannot be."""
    if not path.isprintable():
        return "FILE"
    return shlex.quote(f".{os.sep}{path}" if path.startswith("-") else path)


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

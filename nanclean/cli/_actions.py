"""Inside GitHub Actions, without any option: annotations on the files, and the report in the summary of the job."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from typing import TextIO, cast

from nanclean.cli import tell
from nanclean.cli._output import standard_output
from nanclean.renderer import View, render
from nanclean.report import Report

MOST = 1 << 20
"""Bytes that GitHub takes as the summary of a step."""

_COMMAND = re.compile(r"(?m)^([^\S\n]*):(?=:)|#(?=#\[)")
"""What the runner takes for a command: `::` at the beginning of a line, and still `##[` anywhere in it."""


class _Inert(io.TextIOBase):
    """A stream in which nothing is a command of the runner."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.held = ""

    def write(self, text: str) -> int:
        lines = (self.held + text).splitlines(keepends=True)
        self.held = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        self.stream.write(inert("".join(lines)))
        return len(text)

    def flush(self) -> None:
        self.stream.write(inert(self.held))
        self.held = ""
        self.stream.flush()


def guarded(stream: TextIO, format: str) -> TextIO:
    """The stream, for a report for people inside GitHub Actions one in which names and values start no command."""
    if os.environ.get("GITHUB_ACTIONS") != "true" or format not in ("text", "terminal"):
        return stream
    return cast(TextIO, _Inert(stream))


def inert(text: str) -> str:
    """The text with the marks of commands spelled out: `\\x3a:stop-commands::x`."""
    return _COMMAND.sub(lambda found: f"{found[1]}\\x3a" if found[1] is not None else "\\x23", text)


def annotate(reports: Sequence[Report], view: View, format: str) -> None:
    """Print annotations below a report for people, and add the report to the summary of the job.

    Nothing happens outside of GitHub Actions. Nothing is added to a format that programs read on standard output.
    `--quiet` keeps both: it is about the words in the log, and a finding that nobody sees is none. A summary that
    cannot be written is a warning and changes no exit code.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    if format in ("text", "terminal"):
        render("github", reports, standard_output(), view)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        _summarize(reports, view, path)


def _summarize(reports: Sequence[Report], view: View, path: str) -> None:
    """Add to the file what other commands of the step may have begun."""
    stream = io.StringIO()
    render("markdown", reports, stream, view)
    text = stream.getvalue().encode("utf-8", "backslashreplace")
    try:
        with open(path, "ab") as file:
            begun = file.tell()
            if begun + len(text) + 1 > MOST:
                tell("warning", "the job summary is full; this report is not in it")
                return
            file.write((b"\n" if begun else b"") + text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        tell("warning", f"cannot write the job summary: {reason or error}")

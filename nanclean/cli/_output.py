"""Where reports go: standard output, and files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO, cast

from nanclean.errors import OutputError, UsageError

PIECE = 1 << 13
"""Characters written at a time."""


class _Standard(io.TextIOBase):
    """Standard output, or standard error, whose failures say that it is the one that failed."""

    def __init__(self, name: str, stream: Callable[[], TextIO]) -> None:
        self.name, self.stream = name, stream

    def write(self, text: str) -> int:
        with _named(self.name):
            for at in range(0, len(text), PIECE):  # unbuffered, one long write to a pipe may end early without a word
                self.stream().write(text[at : at + PIECE])
        return len(text)

    def flush(self) -> None:
        with _named(self.name):
            self.stream().flush()


def standard_output() -> TextIO:
    """Standard output as renderers write to it."""
    return cast(TextIO, _Standard("standard output", lambda: sys.stdout))


def standard_error() -> TextIO:
    """Standard error, for reports where standard output takes the table."""
    return cast(TextIO, _Standard("standard error", lambda: sys.stderr))


def refuse_input(output: str, inputs: Sequence[str]) -> None:
    """UsageError if the output is one of the inputs, OutputError if it cannot be written. Before anything is read."""
    for source in inputs:
        with suppress(OSError, ValueError):
            if os.path.samefile(source, output):
                raise UsageError(f"{output} is to be read and to be written", hint="give the report another name")
    if os.path.isdir(output):
        raise OutputError(f"{output} is a folder", hint="name a file in it")
    folder = os.path.dirname(output) or "."
    if not os.path.isdir(folder):
        raise OutputError(f"cannot write {output}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {output}: the folder is not writable")


@contextmanager
def whole(path: str) -> Iterator[TextIO]:
    """A text file that takes the name when it is complete. A device or a pipe is written as it is."""
    special = os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)
    folder, name = os.path.split(path)
    draft = path if special else os.path.join(folder, f".{name[:200]}.{os.getpid()}.draft")
    with _named(path):
        file = open(draft, "w" if special else "x", encoding="utf-8", newline="\n")  # noqa: SIM115
    try:
        with _named(path), file:
            yield file
            file.flush()
            if not special:
                os.fsync(file.fileno())
        with _named(path):
            if not special:
                os.replace(draft, path)
    except BaseException:
        if not special:
            with suppress(OSError):
                os.unlink(draft)
        raise


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror or error}") from error

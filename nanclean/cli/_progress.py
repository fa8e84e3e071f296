"""How far a file has been read, on standard error: what a long run will read, and then a bar, or a line a minute."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nanclean.escaping import shortened
from nanclean.file import shown

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds without a bar."""
MINUTE = 60.0
"""Seconds between two lines where there is no terminal."""
LONG = 1 << 30
"""Bytes to read from which on a run is announced."""


@contextmanager
def progress(source: str, quiet: bool) -> Iterator[_Told | None]:
    """What to call with the bytes that are done; None where nobody wants to know."""
    if quiet:
        yield None
        return
    told = _Bar(source) if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else _Lines(source)
    try:
        yield told
    finally:
        told.close()


class _Told:
    """Takes notice of what has been read. May be called from any thread."""

    def __init__(self, source: str) -> None:
        self.source = shown(source)
        self.last = self.started = time.monotonic()
        self.lock = threading.Lock()
        self.look = 0
        self.closed = False

    def __call__(self, done: int, total: int | None, look: int = 1, looks: int = 1) -> None:
        """`done` of `total` bytes (None or 0: not known) of one look, of about so many looks."""
        with self.lock:
            if self.closed:
                return
            if not self.look and total and total * looks >= LONG:
                times = {1: "once", 2: "twice"}.get(looks, f"{looks} times")
                self.say(f"{_size(total)} to read {times}, or once more where values stand apart")
            self.look = look
            self.show(done, total or None, "" if looks == look == 1 else f", look {look}")

    def show(self, done: int, total: int | None, look: str) -> None:
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A line of its own."""
        sys.stderr.write(f"{shortened(self.source, 60)}: {text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        with self.lock:
            self.closed = True


class _Lines(_Told):
    """A line a minute, for logs."""

    def show(self, done: int, total: int | None, look: str) -> None:
        if time.monotonic() - self.last < MINUTE:
            return
        self.last = time.monotonic()
        of = "" if total is None else f" of {_size(total)}"
        self.say(f"{_size(done)}{of} read{look}, after {(self.last - self.started) / 60:.0f} min")


class _Bar(_Told):
    """A bar that appears when the work turns out to be long. rich is imported then."""

    shown: Progress | None = None

    def show(self, done: int, total: int | None, look: str) -> None:
        if self.shown is None:
            if time.monotonic() - self.started < PATIENCE:
                return
            self.shown = _shown(self.source, done, total)
        self.shown.update(self.shown.task_ids[0], completed=done, total=total)

    def close(self) -> None:
        super().close()
        if self.shown is not None:
            self.shown.stop()


def _size(size: int) -> str:
    """40 GB."""
    from nanclean.renderers import _words

    return _words.size(size)


def _shown(source: str, done: int, total: int | None) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(style="dim", complete_style="cyan", finished_style="cyan", pulse_style="cyan"),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True)
    bar.add_task(shortened(source, 30), total=total, completed=done)
    bar.start()
    return bar

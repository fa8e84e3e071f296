"""How far a file has been read, on standard error, on a terminal, for what takes longer than a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nanclean.escaping import shortened

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds without a word."""
Advance = Callable[[int, int | None], None]
"""Bytes done, and bytes in all (None or 0: not known). May be called from any thread."""


@contextmanager
def progress(source: str, quiet: bool) -> Iterator[Advance | None]:
    """What to call with the bytes that are done; None where nobody would see it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    bar = _Bar(source)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    """A bar that appears when the work turns out to be long. rich is imported then."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.started = time.monotonic()
        self.lock = threading.Lock()
        self.shown: Progress | None = None
        self.closed = False

    def advance(self, done: int, total: int | None) -> None:
        if self.shown is None and time.monotonic() - self.started < PATIENCE:
            return
        with self.lock:
            if self.closed:
                return
            if self.shown is None:
                self.shown = _shown(self.source, done, total or None)
            self.shown.update(self.shown.task_ids[0], completed=done, total=total or None)

    def close(self) -> None:
        with self.lock:
            self.closed = True
            if self.shown is not None:
                self.shown.stop()


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

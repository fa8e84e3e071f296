"""What a renderer is: a module of `renderers/` whose `render` writes reports for somebody to read.

It computes nothing about data and decides nothing: all it says stands in the report.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self, TextIO, cast

from nanclean import registry
from nanclean.errors import UsageError
from nanclean.report import Report

NARROWEST = 20
"""Cells of a line, however narrow the terminal says it is."""


@dataclass(frozen=True)
class View:
    """How reports are to be shown. Only the looks: the facts are the same for every view."""

    width: int = 80
    """Cells of a line; nothing is wider."""
    colour: bool = False
    unicode: bool = False
    """Whether the reader can see characters beyond ASCII; data is shown as it is either way."""
    verbose: bool = False
    """Everything: notes, every column, every position."""
    quiet: bool = False
    """Findings only."""
    fail_on: str = "never"
    """What makes a run fail, for the sentence that says how it ended."""
    next: str | None = None
    """What to type next, for `{path}`."""
    root: str | None = None
    """The folder of the repository, for formats that link to its files; None: they are named as they were given."""

    @classmethod
    def of(cls, stream: TextIO, *, verbose: bool = False, quiet: bool = False, fail_on: str = "never") -> Self:
        """The view that suits a stream: plain ASCII in 80 columns, or what the terminal can do.

        NO_COLOR, FORCE_COLOR, COLUMNS and TERM=dumb are heeded, and GITHUB_WORKSPACE inside GitHub Actions.
        """
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        colour = not os.environ.get("NO_COLOR") and (terminal or bool(os.environ.get("FORCE_COLOR")))
        encoding = (stream.encoding or "").lower().replace("-", "")
        return cls(
            width=max(shutil.get_terminal_size((80, 24)).columns, NARROWEST),
            colour=colour,
            unicode=terminal and encoding == "utf8",
            verbose=verbose,
            quiet=quiet,
            fail_on=fail_on,
            root=os.environ.get("GITHUB_WORKSPACE") or None if os.environ.get("GITHUB_ACTIONS") == "true" else None,
        )


class Renderer(Protocol):
    """A member of the family."""

    def render(self, reports: Iterable[Report], stream: TextIO, view: View) -> None:
        """Write the reports, each as soon as the iteration yields it."""


def render(name: str, reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write reports with the renderer of this name."""
    named(name).render(reports, stream, view)


def named(name: str) -> Renderer:
    """The renderer of this name. UsageError if there is none."""
    known = registry.names("renderers")
    if name not in known:
        meant = registry.nearest(name, known)
        hint = f"did you mean {meant}?" if meant else "there are " + ", ".join(known)
        raise UsageError(f"no format {name!r} for a report", hint=hint)
    return cast(Renderer, registry.module("renderers", name))

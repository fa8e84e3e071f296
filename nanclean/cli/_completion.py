"""What a shell may offer where a word is to be typed. Asked with every press of a key, so nothing heavy is imported.

click speaks with the shells. Here stands what it cannot know: which words are files, columns, trainers or manuals.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from nanclean.cli import _manual

Words = Callable[[click.Context], Iterable[str]]

FILES = CompletionItem("", type="file")
"""The shell's own completion of file names. Words go after it: bash forgets those that stand before."""
HEAD = 1 << 16
"""Bytes of a file that are looked at for the names of its columns."""
PLAIN = re.compile(r"[\w.%+/-]+")
"""Names that no shell needs quotes for."""


class _Offered(click.ParamType):  # type: ignore[type-arg,unused-ignore] # generic since click 8.4
    name = "text"

    def __init__(self, words: Words, files: bool) -> None:
        self.words, self.files = words, files

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in self.words(ctx) if word.startswith(incomplete)]
        return [FILES, *found] if self.files else found


def completing(command: click.Command) -> click.Command:
    """The command, its parameters knowing what can stand there."""
    for parameter in command.params:
        meant = (parameter.metavar or "").rstrip(".")
        if command.name == "explain" and parameter.name == "name":
            parameter.type = _Offered(lambda ctx: _manual.known(), files=True)
        elif parameter.name == "trainer":
            parameter.type = _Offered(lambda ctx: _trainers(), files=False)
        elif meant in ("COLUMN", "COLUMNS") or parameter.name == "column":
            parameter.type = _Offered(_columns, files=False)
        elif isinstance(parameter, click.Argument) or meant in ("FILE", "OUT") or meant.endswith(".json"):
            parameter.type = _Offered(lambda ctx: (), files=True)
    return command


def _trainers() -> list[str]:
    """As the published schema of a policy has them: the module of trainers needs NumPy."""
    schema = json.loads((resources.files("nanclean") / "schemas" / "policy-1.json").read_text(encoding="utf-8"))
    named: list[str] = schema["properties"]["for"]["anyOf"][0]["enum"]
    return named


def _columns(ctx: click.Context) -> Iterator[str]:
    """Names in the first line of the text files that are on the command line already."""
    for file in _words(ctx):
        try:
            with Path(file).open("rb") as stream:
                head = stream.read(HEAD)
        except (OSError, ValueError):
            continue
        first = head.decode("utf-8-sig", errors="replace").splitlines()[:1]
        if b"\0" in head or not first:
            continue
        mark = max(",;\t|", key=first[0].count)
        yield from (name.strip() for name in next(csv.reader(first, delimiter=mark)) if PLAIN.fullmatch(name.strip()))


def _words(ctx: click.Context) -> Iterator[str]:
    """What may be a file. While an option waits for its value, click leaves words that it has not sorted yet."""
    yield from ctx.args
    for name in ("files", "file", "name"):
        given: Any = ctx.params.get(name) or ()
        yield from (given,) if isinstance(given, str) else given

"""The options of commands that write a cleaned file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from nanclean.cli.options import Word

Command = Callable[..., int]


def _formats() -> list[str]:
    from nanclean.outputs import formats

    return formats()


def writing(what: str) -> Callable[[Command], Command]:
    """Give a command the options for its output. `what`: the help of -o."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("-o", "--output", metavar="OUT", help=what),
        click.option(
            "--output-format", type=Word(_formats), metavar="FORMAT", help="Of OUT, where its name does not tell."
        ),
        click.option("--rejected", metavar="FILE", help="Where dropped rows go; beside OUT, if not given."),
        click.option("--no-rejected", is_flag=True, help="Do not keep dropped rows."),
        click.option("--dry-run", is_flag=True, help="Tell what would be done, and write nothing."),
        click.option("--force", is_flag=True, help="Replace files that are there."),
    )

    def decorate(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate

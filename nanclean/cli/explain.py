"""`nanclean explain`: the manual of a rule, a fix or a topic, or what is wrong with one row or column of a file."""

from __future__ import annotations

import os

import click

from nanclean.cli.options import REPORTS, Asked, Whole, shared


@click.command("explain", short_help="The manual of a rule or a fix; or one row, one column of a file.")
@click.argument("name", required=False, metavar="[NAME | FILE]")
@click.option("--row", type=Whole(1), metavar="N", help="A row of FILE, from 1: its cells, and what fix makes of them.")
@click.option("--column", metavar="NAME", help="A column of FILE: its figures, and what fix makes of it.")
@shared(
    fail_on="never",
    format="terminal",
    without=("files", "columns", "fail_on", "strict", "format", "no_values", "verbose", *REPORTS),
)
def command(asked: Asked, name: str | None, row: int | None, column: str | None) -> int:
    """The manual of a rule or a fix: what it does, why it matters, its weakness. Or of a topic: loss.

    Without a NAME: what there is. With a FILE and --row or --column: what is wrong there, and what the rules of the
    policy would do.

    \b
    nanclean explain isolated
    nanclean explain loss                  what to do when the loss is NaN
    nanclean explain train.csv --row 1010 -p nanclean.toml
    nanclean explain train.csv --column price
    """
    from nanclean.cli import _explained
    from nanclean.errors import UsageError

    if row is not None and column is not None:
        raise UsageError("--row and --column are two questions", hint="ask them one after the other")
    if row is None and column is None:
        if name is not None and (os.path.isfile(name) or (os.sep in name and os.path.isdir(name))):
            kind = "file" if os.path.isfile(name) else "folder"
            raise UsageError(f"{name} is a {kind}", hint=f"ask for --row or --column: nanclean explain {name} --row 1")
        return _explained.manual(name)
    if name is None:
        raise UsageError("--row and --column are of a file", hint="nanclean explain FILE --row 1")
    if row is not None:
        return _explained.row(asked, name, row)
    assert column is not None
    return _explained.column(asked, name, column)

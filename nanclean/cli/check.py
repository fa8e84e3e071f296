"""`nanclean check`: the gate."""

from __future__ import annotations

import click

from nanclean.cli.options import Asked, shared


@click.command("check", short_help="The gate: a line for each finding; exit 1 on errors.")
@shared(fail_on="error", format="text")
def command(asked: Asked) -> int:
    """The gate: a line for each finding, and exit 1 if one is an error.

    A file that cannot be read fails, too, with exit 3, and never hides another.

    \b
    nanclean check data/*.parquet
    nanclean check train.csv -p nanclean.toml --strict
    """
    from nanclean.cli._reports import show

    return show(asked, "check")

"""`nanclean compare`: an older dataset against a newer one."""

from __future__ import annotations

import click

from nanclean.cli.options import Asked, shared


@click.command("compare", short_help="How a file differs from an older one, column by column.")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@shared(fail_on="never", format="terminal", without=("files", "trainer"))
def command(asked: Asked, old: str, new: str) -> int:
    """How NEW differs from OLD: types, missing cells, ranges, mean and spread, distributions, categories, columns.

    OLD is a data file, a report (nanclean scan --json) or a recipe (nanclean fit). NEW is a data file; a report, if OLD
    is one, too. What chance alone gives between two halves of a file is no finding.

    \b
    nanclean compare yesterday.parquet today.parquet
    nanclean compare train.json today.csv --strict
    nanclean compare old.csv new.csv --rule '@numeric: psi <= 0.2' --fail-on error

    The exit code is 0 unless --fail-on or --strict says otherwise: a broken rule is an error, what differs too much
    without one a warning.
    """
    from nanclean import api
    from nanclean.cli._reports import show_one

    given = {name: value for name, value in asked.scanning().items() if name != "figures"}
    return show_one(asked, new, lambda advance: api.compare(old, new, **given, progress=advance), "compare", [old])

"""`nanclean apply`: the numbers of the training data, on any later file."""

from __future__ import annotations

import click

from nanclean.cli.options import Asked, shared
from nanclean.cli.writing import writing


@click.command("apply", short_help="Do to a file what a recipe says; it never learns anything.")
@click.argument("recipe", metavar="R.json")
@click.argument("file", metavar="FILE")
@writing("Where the cleaned file goes: .csv, .parquet or .npy.")
@click.option("--expect-disjoint", is_flag=True, help="Warn if many rows are rows of the training data.")
@shared(
    fail_on=None,
    format="terminal",
    without=("files", "columns", "policy", "rules", "label", "id", "missing", "missing_list", "trainer", "no_config"),
)
def command(
    asked: Asked,
    recipe: str,
    file: str,
    output: str | None,
    rejected: str | None,
    no_rejected: bool,
    dry_run: bool,
    force: bool,
    expect_disjoint: bool,
) -> int:
    """Do to a file what a recipe says, with the numbers of the training data. It never learns anything.

    How the file differs from the training data is reported: columns, types, categories, missing cells.

    \b
    nanclean apply clean.json test.csv -o test.clean.csv
    nanclean apply clean.json test.csv --dry-run --expect-disjoint
    """
    from nanclean import api
    from nanclean.cli._reports import show_one
    from nanclean.errors import UsageError

    if output is None and not dry_run:
        raise UsageError("apply needs a file to write", hint="-o OUT, or --dry-run to look first")
    options = dict(
        asked.reading(), rejected=False if no_rejected else rejected, dry_run=dry_run, force=force,
        fail_on=asked.fail_on, expect_disjoint=expect_disjoint,
    )  # fmt: skip
    return show_one(
        asked, file, lambda progress: api.apply(recipe, file, output, **options, progress=progress), "apply", [recipe]
    )

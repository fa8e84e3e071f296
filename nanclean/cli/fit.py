"""`nanclean fit`: learn the numbers on the training split only."""

from __future__ import annotations

from typing import Any

import click

from nanclean.cli.options import REPORTS, Asked, Word, engines, profile, shared


@click.command("fit", short_help="Learn the numbers of a policy on the training data: a recipe.")
@click.argument("file", metavar="TRAIN")
@click.option("-o", "--output", required=True, metavar="R.json", help="Where the recipe goes.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--preset", type=Word(lambda: ("safe",)), metavar="safe", help="Rules that invent no value.")
@profile
@engines
@shared(
    fail_on=None,
    format="terminal",
    without=("files", "columns", "fail_on", "strict", "format", "no_values", "verbose", *REPORTS),
)
def command(
    asked: Asked, file: str, output: str, force: bool, preset: str | None, profile: str | None, **engine: Any
) -> int:
    """Learn the numbers of a policy on the training data, and write nothing but the recipe.

    \b
    nanclean fit train.csv -p nanclean.toml -o clean.json
    nanclean apply clean.json test.csv -o test.clean.csv
    """
    from nanclean import api
    from nanclean.cli._progress import progress
    from nanclean.wording import several

    with progress(file, asked.quiet) as advance:
        recipe = api.fit(
            file, output, force=force, preset=preset, profile=profile, **asked.fixing(), **engine, progress=advance
        )
    if not asked.quiet:
        click.echo(f"{output}: {several(len(recipe.policy.rules), 'rule')}, fitted on {several(recipe.rows, 'row')}")
        click.echo(f"Next, for any file like it: nanclean apply {output} FILE -o OUT")
    return 0

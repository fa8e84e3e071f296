"""`nanclean profile`: look at one part of a table, for processes that know nothing of each other."""

from __future__ import annotations

import click

from nanclean.cli.options import REPORTS, Asked, Word, as_one, shared


@click.command("profile", short_help="Look at one part of a table: for Slurm arrays and the like.")
@as_one
@click.option("--part", required=True, metavar="K/N", help="Which part: 3/64 is the third of 64.")
@click.option("-o", "--output", required=True, metavar="PART", help="Where goes what was found.")
@click.option("--after", metavar="FIRST", help="What nanclean merge has made of the round before.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--preset", type=Word(lambda: ("safe",)), metavar="safe", help="Prepare a fit with it, too.")
@shared(fail_on=None, format="terminal", without=("fail_on", "strict", "format", "no_values", "verbose", *REPORTS))
def command(
    asked: Asked, as_one: bool, part: str, output: str, after: str | None, force: bool, preset: str | None
) -> int:
    """Look at one part of a table, without knowing anything of the processes that look at the others.

    All of them see the same files and get the same options. nanclean merge puts together what they have found, and says
    whether another round is needed. Of text the first round only finds where the records are. When all is known, scan
    and fit answer without reading, and each part of the table is cleaned on its own:

    \b
    nanclean profile big/ -p nanclean.toml --part 3/64 -o p3
    nanclean merge p* -o first
    nanclean profile big/ -p nanclean.toml --part 3/64 --after first -o q3
    nanclean merge q* -o second
    nanclean scan big/ -p nanclean.toml --profile second
    nanclean fit big/ -p nanclean.toml --profile second -o R.json
    nanclean apply R.json big/ --part 3/64 -o clean/
    """
    from nanclean import api
    from nanclean.cli._progress import progress
    from nanclean.wording import listed

    given = {name: value for name, value in asked.scanning().items() if name not in ("fail_on", "values")}
    with progress(listed(asked.files, 2), asked.quiet) as advance:
        api.profile(
            asked.files, part, output, after=after, force=force, preset=preset, as_one=as_one, **given,
            progress=advance,
        )  # fmt: skip
    if not asked.quiet:
        click.echo(f"{output}: part {part}")
        click.echo("Next, when all parts are there: nanclean merge PART... -o FIRST")
    return 0

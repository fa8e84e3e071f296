"""`nanclean fix`: repair by written rules, prove, publish."""

from __future__ import annotations

from typing import Any

import click

from nanclean.cli.options import Asked, Word, engines, shared
from nanclean.cli.writing import writing


@click.command("fix", short_help="Repair by written rules, prove the result, and write it.")
@click.argument("file", metavar="FILE")
@writing("Where the cleaned file goes: .csv, .csv.gz, .parquet, .npy; - is standard output.")
@click.option("--recipe", metavar="R.json", help="Write the fitted recipe, for every later file.")
@click.option("--preset", type=Word(lambda: ("safe",)), metavar="safe", help="Rules that invent no value.")
@engines
@shared(fail_on=None, format="terminal", without=("files", "columns"))
def command(
    asked: Asked,
    file: str,
    output: str | None,
    output_format: str | None,
    rejected: str | None,
    no_rejected: bool,
    dry_run: bool,
    force: bool,
    recipe: str | None,
    preset: str | None,
    **engine: Any,
) -> int:
    """Repair a file as the rules of a policy say, prove the result, and write it.

    FILE is CSV or JSON Lines (.gz .bz2 .xz .zst, too), Parquet, Arrow, NPY or NPZ, or a URL (s3://bucket/x.csv), and is
    never written to; - is standard input. Rows that a rule drops go to OUT.rejected.csv (or .parquet). The output is
    there if and only if the exit code is 0; on standard output (-o -) it has been proven before the first byte leaves.

    \b
    nanclean fix train.csv -p nanclean.toml -o clean.csv --recipe clean.json
    nanclean fix X.npy -o X_clean.npy --rule '@all: missing -> impute(median)'
    nanclean fix train.csv -p nanclean.toml --dry-run
    zcat x.csv.gz | nanclean fix - -p nanclean.toml -o - | head
    """
    from nanclean import api
    from nanclean.cli._reports import show_one
    from nanclean.errors import UsageError

    if output is None and not dry_run:
        raise UsageError("fix needs a file to write", hint=f"-o {_named_after(file)}, or --dry-run to look first")
    options = dict(
        asked.fixing(), output_format=output_format, rejected=False if no_rejected else rejected,
        dry_run=dry_run, force=force, fail_on=asked.fail_on, recipe=recipe, preset=preset, **engine,
    )  # fmt: skip
    return show_one(
        asked, file, lambda progress: api.fix(file, output, **options, progress=progress), "fix", output=output
    )


def _named_after(file: str) -> str:
    import os

    stem, suffix = os.path.splitext(os.path.basename(file.rstrip(os.sep)))
    return f"{stem}.clean{suffix}"

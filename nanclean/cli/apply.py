"""`nanclean apply`: the numbers of the training data, on any later file."""

from __future__ import annotations

from typing import Any

import click

from nanclean.cli.options import Asked, engines, shared
from nanclean.cli.writing import writing


@click.command("apply", short_help="Do to a file what a recipe says; it never learns anything.")
@click.argument("recipe", metavar="R.json")
@click.argument("file", metavar="FILE")
@writing("Where the cleaned file goes: .csv, .csv.gz, .parquet, .npy; - is standard output.")
@click.option("--part", metavar="K/N", help="Clean one part only, into the folder OUT: 3/64 is the third of 64.")
@click.option("--profile", metavar="FIRST", help="With --part: what nanclean merge has written, to read less.")
@click.option("--expect-disjoint", is_flag=True, help="Warn if many rows are rows of the training data.")
@engines
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
    output_format: str | None,
    rejected: str | None,
    no_rejected: bool,
    dry_run: bool,
    force: bool,
    expect_disjoint: bool,
    part: str | None,
    profile: str | None,
    **engine: Any,
) -> int:
    """Do to a file what a recipe says, with the numbers of the training data. It never learns anything.

    FILE and OUT are as for `nanclean fix`. How the file differs from the training data is reported: columns, types,
    categories, missing cells.

    \b
    nanclean apply clean.json test.csv -o test.clean.csv
    nanclean apply clean.json test.csv --dry-run --expect-disjoint
    nanclean apply clean.json big/ --part 3/64 -o clean/
    """
    from nanclean import api
    from nanclean.cli._reports import show_one
    from nanclean.errors import UsageError

    if part is not None:
        if output is None or dry_run or expect_disjoint or output_format is not None or any(engine.values()):
            raise UsageError("a part is written into a folder, and nothing else", hint="--part K/N -o FOLDER")
        aside = False if no_rejected else rejected
        return _part(asked, recipe, file, part, output, profile=profile, rejected=aside, force=force)
    if profile is not None:
        raise UsageError("--profile goes with --part", hint="nanclean apply R.json FILE --part K/N -o FOLDER")
    if output is None and not dry_run:
        raise UsageError("apply needs a file to write", hint="-o OUT, or --dry-run to look first")
    options = dict(
        asked.reading(), output_format=output_format, rejected=False if no_rejected else rejected,
        dry_run=dry_run, force=force, fail_on=asked.fail_on, expect_disjoint=expect_disjoint, **engine,
    )  # fmt: skip
    return show_one(
        asked, file, lambda progress: api.apply(recipe, file, output, **options, progress=progress),
        "apply", [recipe], output,
    )  # fmt: skip


def _part(asked: Asked, recipe: str, file: str, part: str, output: str, **options: Any) -> int:
    """Clean one part, and say in two lines what has been done."""
    from nanclean import api
    from nanclean.cli._progress import progress
    from nanclean.wording import several

    given = {name: value for name, value in asked.reading().items() if name != "jobs"}
    with progress(file, asked.quiet) as advance:
        note, stood = api.apply_part(recipe, file, part, output, **options, **given, progress=advance)
    if not asked.quiet:
        rows, kept, changed = (
            sum(getattr(each, name) for each in note.written) for name in ("rows", "kept", "changed")
        )
        told = "was there already" if stood else "verified"
        click.echo(
            f"{output}: part {part}, {several(len(note.written), 'file')}, {several(rows, 'row')}, "
            f"{rows - kept:,} dropped, {several(changed, 'cell')} changed, {told}"
        )
    return 0

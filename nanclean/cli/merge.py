"""`nanclean merge`: put together what the parts of a table have found."""

from __future__ import annotations

import click

from nanclean.cli.options import Size


@click.command("merge", short_help="Put together what nanclean profile has found in all parts.")
@click.argument("parts", metavar="PART...", nargs=-1)
@click.option("-o", "--output", required=True, metavar="FIRST", help="Where goes what is known then.")
@click.option("--after", metavar="FIRST", help="What was known before, if it is not where it was.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--memory", type=Size(), metavar="SIZE", help="The most to use: 500MB.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
def command(
    parts: tuple[str, ...], output: str, after: str | None, force: bool, memory: int | None, quiet: bool
) -> int:
    """Put together what nanclean profile has found in all parts of a table, in any order.

    It needs to see the files that were profiled, under the same names, and reads hardly anything of them.

    \b
    nanclean merge p1 p2 p3 -o first
    """
    from nanclean import api
    from nanclean.wording import several

    found = api.merge(parts, output, after=after, force=force, memory=memory)
    if not quiet:
        done = f"look {found.rounds} is merged" if found.rounds else "the records are found"
        click.echo(f"{output}: {several(len(parts), 'part')}, {'complete' if found.complete else done}")
        click.echo(f"Next: {found.next()}")
    return 0

"""`nanclean explain`: the manual of a rule."""

from __future__ import annotations

import click


@click.command("explain", short_help="The manual of a rule: what it finds, why it matters, its weakness.")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """The manual of a rule: what it finds, why it matters, its weakness.

    Without a NAME: what there is.
    """
    import textwrap

    from nanclean.cli._manual import overview, paragraphs

    if name is None:
        manuals = overview()
        width = max(len(word) for word, _ in manuals)
        for word, line in manuals:
            click.echo(f"{word:{width}}  {textwrap.shorten(line, 78 - width, placeholder=' ..')}")
        return 0
    click.echo("\n\n".join(textwrap.fill(paragraph, 80) for paragraph in paragraphs(name)))
    return 0

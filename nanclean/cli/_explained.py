"""What `nanclean explain` prints."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nanclean.cli import _manual
from nanclean.cli._output import standard_output
from nanclean.cli._progress import progress
from nanclean.cli.options import Asked
from nanclean.renderer import View

if TYPE_CHECKING:
    from nanclean.explaining import Cell, ExplainedRow
    from nanclean.renderers._layout import Line


NARROW = 10
"""Cells that a part of the table keeps, however narrow the terminal is."""


def manual(name: str | None) -> int:
    """The manual of a part or a topic; without a name the list of all."""
    if name is None:
        groups = _manual.overview()
        width = max(len(word) for manuals in groups.values() for word, _ in manuals)
        for n, (title, manuals) in enumerate(groups.items()):
            click.echo(f"\n{title}" if n else title)
            for word, line in manuals:
                click.echo(f"  {word:{width}}  {textwrap.shorten(line, 76 - width, placeholder=' ..')}")
        return 0
    click.echo(_manual.manual(name))
    return 0


def row(asked: Asked, file: str, number: int) -> int:
    """A row, cell by cell."""
    from nanclean import api
    from nanclean.renderers._layout import write

    with progress(file, asked.quiet) as advance:
        explained = api.explain(file, row=number, **asked.fixing(), progress=advance)
    view = View.of(sys.stdout)
    write(_page(explained, file, view), standard_output(), view)
    return 0


def _page(explained: ExplainedRow, file: str, view: View) -> Iterator[Line]:
    from nanclean.renderers._layout import piece, wrapped

    place = "" if explained.where == f"row {explained.number}" else f", {explained.where}"
    yield from wrapped(
        [piece(file, "bold"), piece(f"   row {explained.number:,} of {explained.rows:,}{place}")], view.width
    )
    yield []
    yield from _table(explained, view)
    yield []
    if explained.dropped is not None:
        yield from wrapped([piece("fix drops the row: "), piece(explained.dropped, "bold")], view.width)
    for cell in explained.cells if explained.dropped is None else ():
        for rule in dict.fromkeys(cell.rules):
            yield from wrapped([piece(f"{cell.column}: ", "dim"), piece(rule)], view.width)
    if not any(cell.wrong for cell in explained.cells):
        yield from wrapped([piece("Nothing is wrong with this row.", "green")], view.width)
    if not explained.rules:
        yield from wrapped(
            [piece("No rule, so fix would do nothing here. Add some with -p or --rule.", "dim")], view.width
        )


def _table(explained: ExplainedRow, view: View) -> Iterator[Line]:
    from nanclean.renderers._layout import cells, clipped, piece

    lines = [(cell.column, _value(cell.text), ", ".join(cell.wrong), _after(cell)) for cell in explained.cells]
    lines += [(cell.column, "", "new", _value(cell.after or "")) for cell in explained.added]
    heads = ("column", "value", "wrong", "after fix")
    widths = [max(cells(clipped(line[i], view.width)) for line in (heads, *lines)) for i in range(4)]
    while sum(widths) + 6 > view.width and max(widths) > NARROW:  # the widest gives way
        widest = widths.index(max(widths))
        widths[widest] -= 1
    yield [piece("  ".join(f"{head:{width}}" for head, width in zip(heads, widths, strict=True)).rstrip(), "dim")]
    yield [piece("-" * min(view.width, sum(widths) + 6), "dim")]
    for line in lines:
        texts = [clipped(text, width, view.unicode) for text, width in zip(line, widths, strict=True)]
        padded = [text + " " * (width - cells(text)) for text, width in zip(texts, widths, strict=True)]
        style = "yellow" if line[2] else ""
        yield [piece(f"{padded[0]}  {padded[1]}  "), piece(padded[2], style), piece(f"  {padded[3]}".rstrip())]


def _value(text: str) -> str:
    return text or "(missing)"


def _after(cell: Cell) -> str:
    if cell.after is None:
        return ""
    return (
        "(column goes)" if not cell.after and any("drop_column" in rule for rule in cell.rules) else _value(cell.after)
    )


def column(asked: Asked, file: str, name: str) -> int:
    """A column: its figures, what is wrong with it, and what the rules do to it."""
    import msgspec

    from nanclean import api, registry
    from nanclean.cli._reports import show_report
    from nanclean.errors import UsageError
    from nanclean.wording import quoted, several

    scanning = {**asked.fixing(), "values": True}
    with progress(file, asked.quiet) as advance:
        report = api.scan(file, **scanning, progress=advance)
        known = report.columns.names
        if name not in known:
            near = registry.nearest(name, known)
            raise UsageError(
                f"{file}: there is no column {quoted(name)}", hint=f"did you mean {quoted(near)}?" if near else None
            )
        changes = api.would_change(file, **asked.fixing(), progress=advance)
    report = msgspec.structs.replace(
        report,
        columns=[each for each in report.columns if each.name == name],
        findings=[each for each in report.findings if each.column == name],
    )
    show_report(replace(asked, verbose=True), report)
    own = [change for change in changes if change.column == name]
    for change in own:
        told = f"  ({change.detail})" if change.detail else ""
        cells, rows = several(change.cells, "cell"), several(change.rows, "row")
        click.echo(f"fix: {change.rule}: {cells}, {rows}{told}")
    if not own:
        click.echo("No rule changes this column.")
    return 0

"""What became of a table that was cleaned, ready to be put into a template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nanclean.renderer import View
from nanclean.renderers import _changes as changes
from nanclean.renderers import _drawing as drawing
from nanclean.renderers._beforeafter import Moved
from nanclean.renderers._cards import NAME, TEXT, named
from nanclean.renderers._layout import clipped
from nanclean.report import Change, Column, Histogram, Output, Report
from nanclean.wording import several

_RESCALED = ("normalize", "log1p")
"""Fixes after which a column has another unit."""
_NAMES = 200
"""Columns that are gone or new."""
_ALWAYS = ("min", "median", "max", "mean", "std")
"""Figures that are shown where they have not changed, too."""


@dataclass(frozen=True)
class Rule:
    """What a rule did."""

    row: changes.Row
    text: str


@dataclass(frozen=True)
class Altered:
    """A column before and after."""

    name: str
    rules: tuple[str, ...]
    figures: tuple[tuple[str, str, str], ...]
    overlay: drawing.Overlay | None


@dataclass(frozen=True)
class Outcome:
    """What became of a file that was cleaned."""

    title: str
    is_refused: bool
    reasons: tuple[str, ...]
    balance: str
    proof: str
    files: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]
    altered: tuple[Altered, ...]
    left_out: int
    gone: tuple[str, ...]
    new: tuple[str, ...]


def outcome_of(report: Report, view: View, most: int) -> Outcome | None:
    """What became of the table, with the figures of at most so many columns; None: it was only looked at."""
    output = report.output
    if output is None:
        return None
    why = tuple(clipped(reason, TEXT) for reason in changes.reasons(report, view))
    known = report.columns.by_name
    together: dict[str, list[Change]] = {}
    for change in report.changes:
        if change.column is not None and change.column in known:
            together.setdefault(change.column, []).append(change)
    moved = [name for name in known if name in together and _is_moved(together[name][0])]
    moved.sort(key=lambda name: not (together[name][0].after or {}).get("histogram"))  # those with a picture first
    gone = [name for name, each in together.items() if each[0].after is None]
    new = [name for name in output.columns or () if name not in known]
    return Outcome(
        title=_title(report, output, why),
        is_refused=bool(why),
        reasons=why,
        balance=changes.balance(output),
        proof=clipped(changes.proof(report, output), TEXT) if output.verified and not why else "",
        files=() if why else tuple(_files(output)),
        rules=tuple(_rules(report)),
        altered=tuple(_altered(report.columns[name], together[name]) for name in moved[:most]),
        left_out=len(moved[most:]),
        gone=tuple(named(name) for name in gone[:_NAMES]),
        new=tuple(named(name) for name in new[:_NAMES]),
    )


def _is_moved(change: Change) -> bool:
    return change.after is not None and Moved(change.column or "", change.before, change.after).changed


def _altered(column: Column, found: Sequence[Change]) -> Altered:
    first = found[0]
    moved = Moved(column.name, first.before, first.after or {})
    active = [change for change in found if change.cells]
    after, picture = moved.after.get("histogram"), None
    if after:
        picture = drawing.overlay(
            column.histogram,
            Histogram(edges=after["edges"], counts=after["counts"]),
            apart=any(change.fix.startswith(_RESCALED) for change in active),
            whole=moved.before.get("type") == moved.after.get("type") == "integer",
        )
    figures = []
    for title in ("missing", "inf", "unparsable", "type", *_ALWAYS):
        old, new = moved.pair(title)
        if new or (title in _ALWAYS and old not in ("", ".")):
            figures.append((title, old, new))
    rules = dict.fromkeys(clipped(change.rule, TEXT) for change in active)
    return Altered(named(column.name), tuple(rules), tuple(figures), picture)


def _title(report: Report, output: Output, why: Sequence[str]) -> str:
    if why:
        return "nothing written" if output.path is not None else "nothing would be written"
    if changes.is_idle(report, output):
        return clipped(changes.idle(report, output), TEXT)
    if output.path is None:
        return "nothing written: a dry run"
    return "written and verified" if output.verified else "written, not verified"


def _files(output: Output) -> Iterator[tuple[str, str]]:
    if output.path is not None:
        columns = "" if output.columns is None else f" × {several(len(output.columns), 'column')}"
        yield clipped(output.path, NAME), several(output.rows, "row") + columns
    if output.rejected_path is not None:
        yield clipped(output.rejected_path, NAME), f"{several(output.rejected, 'row')} set aside"
    if output.recipe is not None:
        yield clipped(output.recipe, NAME), "the recipe, for the next file"


def _rules(report: Report) -> Iterator[Rule]:
    for group in changes.by_rule(report):
        yield Rule(changes.Row.of(group[0].rule, group, 60), clipped(group[0].rule, TEXT))

"""What rules have made of the columns: their figures before and after, as many digits as show the difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._layout import WIDE, Line, Piece, cells, clipped, padded, piece, ruler, width_of, wrapped
from nanclean.report import Change, Output, Report
from nanclean.wording import several

_COLUMNS = 16
"""Columns with their figures."""
_NAMES = 5
"""Names of columns side by side."""
_DIGITS = 4
"""Figures that agree in so many are called the same."""
_MOST_DIGITS = 6
_FIGURES = ("mean", "std", "max", "min", "median")
"""The first ones stay longest where there is little room."""
_ORDER = ("missing", "inf", "unparsable", "type", "mean", "std", "min", "median", "max")


@dataclass(frozen=True)
class Moved:
    """A column before and after."""

    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def pair(self, title: str) -> tuple[str, str]:
        """A figure before and after; the second is empty where it is the same."""
        if title == "inf":
            before, after = (_infinities(figures) for figures in (self.before, self.after))
        else:
            before, after = self.before.get(title), self.after.get(title)
        if title not in _FIGURES:
            texts = [f"{n:,}" if isinstance(n, int) else clipped(str(n or ""), 20) for n in (before, after)]
            return (texts[0], texts[1]) if texts[0] != texts[1] else ("" if title == "type" else ".", "")
        if title == "mean":
            before, after = (
                _against(figures, value) for figures, value in ((self.before, before), (self.after, after))
            )
        return pair_of(before, after)

    def is_moved(self, title: str) -> bool:
        """Whether a difference can be seen in the digits that a figure has elsewhere."""
        if title not in _FIGURES:
            return bool(self.pair(title)[1])
        return words.number(self.before.get(title)) != words.number(self.after.get(title))

    @property
    def changed(self) -> bool:
        return dict(self.before) != {key: value for key, value in self.after.items() if key != "histogram"}

    @property
    def little(self) -> bool:
        """Whether nothing but missing cells has changed as far as one can see."""
        return not any(self.is_moved(title) for title in ("inf", "unparsable", "type", *_FIGURES))


def before_after(report: Report, output: Output, view: View) -> Iterator[Line]:
    """The columns whose figures are not what they were, and those that came and went."""
    order = {column.name: n for n, column in enumerate(report.columns)}
    first: dict[str, Change] = {}
    for change in report.changes:
        if change.column is not None:
            first.setdefault(change.column, change)
    gone = [name for name, change in first.items() if change.after is None and name in order]
    new = [name for name in output.columns or () if name not in order]
    moved = [Moved(name, change.before, change.after) for name, change in first.items() if change.after is not None]
    moved = [column for column in moved if column.changed and column.name in order]
    moved.sort(key=lambda column: order[column.name])
    much = [column for column in moved if not column.little]
    little: dict[tuple[str, str, bool], list[str]] = {}
    for column in moved:
        if column.little:
            numbers = isinstance(column.before.get("mean"), int | float)
            little.setdefault((*column.pair("missing"), numbers), []).append(column.name)
    most = len(much) if view.verbose else _COLUMNS
    if not (much or little or gone or new):
        return
    yield from _figures(much[:most], view)
    if len(much) > most:
        yield [piece(f"and {several(len(much) - most, 'more column')} (-v)", "dim")]
    for (before, after, numbers), names in little.items():
        each = " each" if len(names) > 1 else ""
        told = f"{before}{each} -> {after}" if after else ""
        same = f"mean and std the same to {_DIGITS} digits" if numbers else ""
        if not told and not same:
            continue
        yield from _named(names, [piece(told), piece(", " if told and same else "", "dim"), piece(same, "dim")], view)
    for names, told, style in ((gone, "gone", "yellow"), (new, "new", "green")):
        if names:
            yield from _named(names, [piece(told, style)], view)
    yield []


def _figures(columns: Sequence[Moved], view: View) -> Iterator[Line]:
    """A table of figures before and after, as many as there is room for."""
    if not columns:
        return
    wide = view.width >= WIDE
    titles = [
        title for title in ("missing", "inf", "unparsable", "type", *_FIGURES)
        if any(column.is_moved(title) or (column.pair(title)[1] and title in _FIGURES) for column in columns)
        or (wide and title in _FIGURES and any(column.pair(title)[0] for column in columns))
    ]  # fmt: skip
    pairs = {title: [column.pair(title) for column in columns] for title in titles}
    sides = {title: tuple(max(cells(text[side]) for text in pairs[title]) for side in (0, 1)) for title in titles}
    widths = {title: max(len(title), sides[title][0] + (4 + sides[title][1] if sides[title][1] else 0))
              for title in titles}  # fmt: skip
    names = max(6, *(cells(piece(column.name)[0]) for column in columns))
    least = min(names, 24 if not wide else 40)
    while titles and least + sum(widths[title] + 2 for title in titles) > view.width:
        if least > 12:
            least = max(12, least - (least + sum(widths[title] + 2 for title in titles) - view.width))
        else:
            titles.pop()
    titles.sort(key=_ORDER.index)
    names = min(names, max(least, view.width - sum(widths[title] + 2 for title in titles)))
    head = "column".ljust(names) + "".join("  " + title.rjust(_over(title, sides, widths)).ljust(widths[title])
                                           for title in titles)  # fmt: skip
    yield [piece(head, "dim")]
    yield ruler(names + sum(widths[title] + 2 for title in titles), view)
    for n, column in enumerate(columns):
        line = [piece(padded(clipped(column.name, names, view.unicode) or "''", names), "bold")]
        for title in titles:
            line.append(piece("  "))
            line += _arrow(*pairs[title][n], sides[title], widths[title])
        yield line


def _over(title: str, sides: Mapping[str, tuple[int, ...]], widths: Mapping[str, int]) -> int:
    """Where the title of a pair ends: in its middle."""
    return widths[title] if not sides[title][1] else max(len(title), (widths[title] + len(title)) // 2)


def _arrow(before: str, after: str, sides: tuple[int, ...], width: int) -> Iterator[Piece]:
    """A pair below its title, the arrows below each other; one that did not change stays in the shade."""
    whole = sides[0] + (4 + sides[1] if sides[1] else 0)
    yield piece(" " * (width - whole))
    yield piece(padded(before, sides[0], right=True), "dim")
    if after:
        yield piece(" -> ", "dim")
        yield piece(padded(after, sides[1]))
    else:
        yield piece(" " * (whole - sides[0]))


def _named(names: Sequence[str], told: Line, view: View) -> Iterator[Line]:
    """Columns of which the same is to be said."""
    room = max(view.width - width_of(told) - 2, 12)
    together = " ".join(clipped(name, 40, view.unicode) or "''" for name in names[: None if view.verbose else _NAMES])
    if not view.verbose and (len(names) >= _NAMES or cells(together) > room):
        more = f" + {len(names) - 1:,} more" if len(names) > 1 else ""
        together = clipped(names[0], max(room - len(more), 4), view.unicode) + more
    yield from wrapped([piece(together, "bold"), piece("  "), *told], view.width)


def pair_of(before: object, after: object) -> tuple[str, str]:
    """Two figures with as many digits as show their difference; only one where six digits do not."""
    if before is None and after is None:
        return "", ""
    if _is_text(before) or _is_text(after):
        return "", ""  # times and texts have no room here
    texts = _figure(before), _figure(after)
    if texts[0] != texts[1] or not isinstance(before, int | float) or not isinstance(after, int | float):
        return texts if texts[0] != texts[1] else (texts[0], "")
    for digits in range(_DIGITS + 1, _MOST_DIGITS + 1):
        longer = f"{before:#.{digits}g}".removesuffix("."), f"{after:#.{digits}g}".removesuffix(".")
        if longer[0] != longer[1]:
            return longer
    return texts[0], ""


def _figure(value: object) -> str:
    return "none" if value is None else "~0" if value is _NEAR_ZERO else words.number(value)


def _is_text(value: object) -> bool:
    return not (value is None or value is _NEAR_ZERO or isinstance(value, int | float))


_NEAR_ZERO = object()
"""What rounding has left of zero."""


def _against(figures: Mapping[str, Any], mean: Any) -> Any:
    """A mean, or that it is next to nothing beside the standard deviation."""
    std = figures.get("std")
    return _NEAR_ZERO if std and mean and abs(mean) < 1e-9 * std else mean


def _infinities(figures: Mapping[str, Any]) -> int | None:
    counts = [figures.get("pos_inf"), figures.get("neg_inf")]
    return None if None in counts else sum(count or 0 for count in counts)

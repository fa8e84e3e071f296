"""Lines made of styled pieces of text, measured in cells of a terminal.

Plain streams need nothing but this; rich, which takes longer to import than a small file to scan, is
called in where there is colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TextIO

from nanclean.escaping import escaped
from nanclean.renderer import View

if TYPE_CHECKING:
    from rich.text import Text

Piece = tuple[str, str]
"""Text and its style, in the words of rich ("bold red"); "" is plain."""
Line = list[Piece]
WIDE = 110
"""From here on there is room for what is seldom asked for."""
_RULER = 120
"""Cells of the line below a head, so that those of two tables end together."""


def piece(text: str, style: str = "") -> Piece:
    """The only way into a line: everything is escaped here."""
    return escaped(text), style


def cells(text: str) -> int:
    """How wide a text is."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clipped(text: str, width: int, unicode: bool = False) -> str:
    """An escaped text of at most this many cells. What is left out is left out of its middle."""
    text = escaped(text[: 4 * width + 4] + text[-4 * width - 4 :] if len(text) > 8 * width + 8 else text)
    if cells(text) <= width:
        return text
    dots = "…" if unicode else ".."
    room = width - len(dots)
    if room < 1:
        return _head(text, width)
    tail = room // 3
    end = _head(text[::-1], tail)[::-1]
    return _head(text, room - cells(end)) + dots + end


def _head(text: str, width: int) -> str:
    """As many of the first characters as fit."""
    if text.isascii():
        return text[:width]
    taken, at = 0, 0
    for at, character in enumerate(text):
        taken += cells(character)
        if taken > width:
            return text[:at]
    return text


def padded(text: str, width: int, right: bool = False) -> str:
    """A text with spaces up to this width."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def wrapped(line: Line, width: int, first: int | None = None) -> list[Line]:
    """A line as several, broken at spaces, and inside a word only where it is wider than a line.

    `first`: the width of the first one, if it is another.
    """
    lines: list[Line] = [[]]
    room = width if first is None else first
    for text, style in line:
        for word in re.findall(r" +|[^ ]+", text):
            word, room = _placed(word, style, lines, room, width)
    return [_trimmed(made) for made in lines]


def _placed(word: str, style: str, lines: list[Line], room: int, width: int) -> tuple[str, int]:
    """Put a word at the end of the last line, or on a new one. The rest of the room in that line."""
    wide = cells(word)
    if wide <= room:
        lines[-1].append((word, style))
        return word, room - wide
    if word.isspace():  # a line never begins with the space it was broken at
        lines.append([])
        return word, width
    if lines[-1]:
        lines.append([])
        room = width
    while cells(word) > room:
        head = _head(word, room) or word[:1]
        lines[-1].append((head, style))
        lines.append([])
        word, room = word[len(head) :], width
    lines[-1].append((word, style))
    return word, room - cells(word)


def _trimmed(line: Line) -> Line:
    while line and line[-1][0].isspace():
        line.pop()
    return line


def ruler(width: int, view: View) -> Line:
    """The line below the head of a table."""
    return [piece(("─" if view.unicode else "-") * (view.width if view.width <= _RULER else max(width, _RULER)), "dim")]


def width_of(line: Iterable[Piece]) -> int:
    """How wide a line is."""
    return sum(cells(text) for text, _ in line)


def write(lines: Iterable[Line], stream: TextIO, view: View) -> None:
    """Lines onto a stream, in colour or without."""
    if not view.colour:
        for line in lines:
            stream.write("".join(text for text, _ in line).rstrip() + "\n")
        return
    from rich.console import Console

    console = Console(
        file=stream, width=view.width, force_terminal=True, color_system="standard", legacy_windows=False,
        highlight=False, markup=False, emoji=False, soft_wrap=True,
    )  # fmt: skip
    for text in styled(lines):
        console.print(text)


def styled(lines: Iterable[Line]) -> Iterator[Text]:
    """Lines as rich knows them. Nothing in them is read as markup."""
    from rich.text import Text

    for line in lines:
        text = Text(no_wrap=True, end="\n")
        for style, parts in groupby(line, key=itemgetter(1)):
            text.append("".join(part for part, _ in parts), style)
        text.rstrip()
        yield text

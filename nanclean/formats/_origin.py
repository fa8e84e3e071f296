"""What a text table hands on to those who write another from it: its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nanclean.format import Source
from nanclean.formats._encoding import Raw
from nanclean.formats._layout import Layout
from nanclean.formats._pieces import Piece
from nanclean.formats._textfile import TextFile


@dataclass(frozen=True)
class Origin:
    """The bytes that a batch was read from: whole records, and the blank lines between them."""

    raw: Raw
    """As they are in the file. Another batch will be read into the same memory."""
    text: Raw
    """The same in UTF-8."""
    piece: Piece


@dataclass(frozen=True)
class TextTable:
    """A text table that is open."""

    source: Source
    file: TextFile
    layout: Layout
    stop: Callable[[], int]
    """Where in the file its last record stops; nothing but blank lines follows. Looks at all of the file, if nobody
    has yet."""

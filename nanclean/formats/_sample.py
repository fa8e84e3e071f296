"""Some records from all over a text table, without having read it."""

from __future__ import annotations

import numpy as np

from nanclean.batch import Batch
from nanclean.formats._layout import Layout
from nanclean.formats._parse import TextParser
from nanclean.formats._pieces import RECORD_LIMIT
from nanclean.formats._records import Positions, QuoteError, Style
from nanclean.formats._textfile import TextFile

PLACES = 16
PLACE = 128 << 10
"""Bytes that are read at a place; more in wide tables, fewer in small files."""
RECORDS = 65_536


def sample(file: TextFile, layout: Layout) -> Batch | None:
    """Small files: all of it."""
    room = file.size - layout.start
    size = max(PLACE, (layout.style.width or 1) * 64)
    if room > size:
        size = max(min(size, room // (4 * PLACES)), min(room, 4096))
        spread = [number * (room - size) // (PLACES - 1) // 4 * 4 for number in range(PLACES)]
        if batch := _batch(file, layout, spread, size):
            return batch
    return _batch(file, layout, [0], size) or _batch(file, layout, [0], min(room, RECORD_LIMIT))


def _batch(file: TextFile, layout: Layout, places: list[int], size: int) -> Batch | None:
    """What stands at some places behind the beginning of the data."""
    texts = []
    for place in places:
        raw = file.read(layout.start + place, size)
        more = layout.start + place + size < file.size
        text = file.encoding.approximately(raw)
        texts.append(_records(text[_line_end(text) if place else 0 :], layout.style, more, RECORDS // len(places)))
    text = b"".join(texts)
    if not text:
        return None
    parsed = TextParser(layout.style).parse(text, quoted=b'"' in text)
    return Batch(0, parsed.rows, parsed.columns) if parsed.rows else None


def _line_end(text: bytes) -> int:
    """Behind the first line end. It may be a quoted one."""
    return min((at + 1 for at in (text.find(b"\n"), text.find(b"\r")) if at >= 0), default=len(text))


def _records(text: bytes, style: Style, more: bool, most: int) -> bytes:
    """The first records of a text; nothing if it seems to begin within a quoted cell."""
    try:
        found = Positions(text, style, more)
    except QuoteError:
        return b""
    starts = np.append(found.starts, found.stop)
    if starts.size < 2 or (found.cells() == style.width).mean() < 0.5:
        return b""
    text = text[: starts[min(starts.size - 1, most)]]
    return text if text.endswith((b"\n", b"\r")) else text + b"\n"

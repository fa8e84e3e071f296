"""Some records from all over a text table, without having read it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from nanclean.batch import Batch
from nanclean.formats._layout import Layout
from nanclean.formats._parse import Parsed, TextParser
from nanclean.formats._pieces import RECORD_LIMIT
from nanclean.formats._textfile import TextFile

PLACES = 16
PLACE = 128 << 10
"""Bytes that are read at a place; more in wide tables, fewer in small files."""
RECORDS = 16_384


def sample(file: TextFile, layout: Layout) -> Batch | None:
    """Small files: all of it. A piece that begins within a quoted cell falls out of step and is dropped."""
    room = file.size - layout.start
    size = max(PLACE, (layout.style.width or 1) * 256)
    if room > size:
        size = max(min(size, room // (4 * PLACES)), min(room, 4096))
        spread = [number * (room - size) // (PLACES - 1) // 4 * 4 for number in range(PLACES)]
        if batch := _batch(file, layout, spread, size):
            return batch
    return _batch(file, layout, [0], size) or _batch(file, layout, [0], min(room, RECORD_LIMIT))


def _batch(file: TextFile, layout: Layout, places: list[int], size: int) -> Batch | None:
    parser = TextParser(layout.style)
    found = [parsed for text in _texts(file, layout.start, places, size) if (parsed := _parsed(parser, text))]
    most = RECORDS // len(places)
    rows = sum(min(parsed.rows, most) for parsed in found)
    if not rows:
        return None
    columns = zip(*([column.slice(0, most) for column in parsed.columns] for parsed in found), strict=True)
    return Batch(0, rows, [pa.concat_arrays(column) for column in columns])


def _texts(file: TextFile, start: int, places: list[int], size: int) -> Iterator[bytes]:
    """From line end to line end, in UTF-8. They may be quoted line ends."""
    with file.open() as handle:
        for place in places:
            text = file.encoding.approximately(file.read(handle, start + place, size))
            begin = _line_end(text) if place else 0
            stop = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 if start + place + size < file.size else len(text)
            yield text[begin:stop]


def _line_end(text: bytes) -> int:
    """Behind the first line end."""
    return min((at + 1 for at in (text.find(b"\n"), text.find(b"\r")) if at >= 0), default=len(text))


def _parsed(parser: TextParser, text: bytes) -> Parsed | None:
    try:
        parsed = parser.parse(text, quoted=b'"' in text) if text else None
    except pa.ArrowInvalid:  # nothing but half a record
        return None
    return parsed if parsed and parsed.rows > parsed.ragged.size else None

"""From a text file to pieces: runs of whole records, small enough to be parsed at once, numbered and lined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nanclean.errors import InputError
from nanclean.formats._records import Block, QuoteError, Stretch, Style, lines_before, open_quote, scan
from nanclean.formats._textfile import TextFile

BLOCK = 7 << 17
"""Bytes that are scanned at once. Their bit masks stay in the cache, and below the 128 KB from which on the C library
hands memory back to the system at once, to get it again page by page (measured: twice the time)."""
PIECE = 8 << 20
"""Bytes that are parsed at once. Wide files take more, or every call for a column would see a few cells only."""
RECORD_LIMIT = 64 << 20
"""The longest record. An unclosed quote makes one out of the rest of the file, which must not fill the memory."""


@dataclass(frozen=True)
class Piece:
    """Some whole records of a file. The cuts between pieces come from the data alone."""

    start: int
    stop: int
    record: int
    """The number of its first record, from 0."""
    records: int
    line: int
    """The line that it begins on, from 1."""
    quoted: bool = False
    """Whether there are quotes in it."""


def pieces(file: TextFile, style: Style, start: int, line: int) -> Iterator[Piece]:
    """The pieces of a file from a record on, found in one sequential look."""
    enough = _scaled(PIECE, style) - _scaled(BLOCK, style) // 2  # the nearest number of blocks
    piece = Piece(start, start, 0, 0, line)
    for stop, found in _stretches(file, style, start, line):
        piece = replace(piece, stop=stop, records=piece.records + found.records, quoted=piece.quoted or found.quoted)
        line += found.lines
        if stop - piece.start >= enough and piece.records:
            yield piece
            piece = Piece(stop, stop, piece.record + piece.records, 0, line)
    if piece.records:
        yield piece


def parts(file: TextFile, style: Style, piece: Piece, size: int) -> Iterator[Piece]:
    """A piece in smaller ones of about so many bytes; of more where a record is longer."""
    if piece.stop - piece.start <= size:
        yield piece
        return
    part = Piece(piece.start, piece.start, piece.record, 0, piece.line)
    line = piece.line
    for stop, found in _stretches(file, style, piece.start, piece.line, piece.stop, size):
        line += found.lines
        part = replace(part, stop=stop, records=found.records, quoted=found.quoted)
        if part.records:
            yield part
            part = Piece(stop, stop, part.record + part.records, 0, line)


def _scaled(size: int, style: Style) -> int:
    return min(max(size, (style.width or 1) * size // 1024), RECORD_LIMIT)


def _stretches(
    file: TextFile, style: Style, at: int, line: int, end: int | None = None, usual: int | None = None
) -> Iterator[tuple[int, Stretch]]:
    """Block after block: where its last whole record stops in the file, and what was found up to there."""
    end = file.size if end is None else end
    usual = usual or _scaled(BLOCK, style)
    buffer = bytearray(usual)
    while at < end:
        if len(buffer) > end - at:
            buffer = bytearray(end - at)
        more = at + len(buffer) < end
        block, _ = file.block(at, buffer, line)
        try:
            found = scan(block, style, more)
        except QuoteError as error:
            raise unclosed(file, line + lines_before(block, error.position)) from None
        if found is None:
            buffer = bytearray(larger(file, len(buffer), block, style, line))
            continue
        whole = memoryview(block)[: found.stop]
        file.check_text(whole, line)
        at += file.raw_size(whole)
        line += found.lines
        yield at, found
        if len(buffer) != usual:
            buffer = bytearray(usual)
    file.file.check()


def larger(file: TextFile, size: int, block: Block, style: Style, line: int) -> int:
    """The next size of a block in which not even the first record ends, which begins on `line`."""
    if size < RECORD_LIMIT:
        return min(2 * size, RECORD_LIMIT)
    quote = open_quote(block, style)
    if quote is not None:
        raise unclosed(file, line + lines_before(block, quote))
    raise InputError(
        f"{file.path}: line {line}: the record is longer than {RECORD_LIMIT >> 20} MB",
        hint="is this a text table? If its lines end in another way, say which --encoding it has",
    )


def unclosed(file: TextFile, line: int) -> InputError:
    """For a quote that opens on a line."""
    return InputError(
        f"{file.path}: line {line}: a quote opens here and is not closed",
        hint='close it, or write "" for a quote that belongs to the text',
    )

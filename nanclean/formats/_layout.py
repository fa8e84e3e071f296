"""How a text table is laid out: delimiter, header, names, and where its data begin, from the beginning of the file."""

from __future__ import annotations

from dataclasses import dataclass

from nanclean.errors import InputError
from nanclean.format import ReadOptions
from nanclean.formats import _pieces
from nanclean.formats._dialect import Guess, find_delimiter, look, told_delimiter, unique_names
from nanclean.formats._pieces import larger, unclosed
from nanclean.formats._records import Block, Positions, QuoteError, Style, lines_before, split_record
from nanclean.formats._textfile import TextFile

BEGINNING = 64 << 10
"""Bytes that are looked at first."""
ENOUGH = 8
"""Records to judge a delimiter by; the look is widened for them, but not beyond …"""
FAR = 4 << 20
_CONTROLS = bytes({*range(1, 32)} - set(b"\t\n\f\r"))


@dataclass(frozen=True)
class Layout:
    """What has to be known before the records are read."""

    style: Style
    names: tuple[str, ...]
    start: int
    """Where the data begin: bytes from the beginning of the file."""
    line: int
    """The line that they begin on, from 1."""
    header: tuple[str, ...] | None
    """The header as it stands in the file."""
    first: tuple[str | None, ...] | None
    """The cells of the first record below it."""
    notes: tuple[str, ...] = ()

    @property
    def delimiter(self) -> str:
        return chr(self.style.delimiter)


def layout(file: TextFile, options: ReadOptions) -> Layout:
    """Raises InputError, also for a file without a record."""
    delimiter = told_delimiter(options.delimiter) if options.delimiter else None
    block, guess = _beginning(file, delimiter, options.header)
    style = Style(ord(guess.delimiter), guess.first if options.header else guess.usual)
    if not options.header:
        names = tuple(f"c{number}" for number in range(guess.usual))
        return Layout(style, names, file.encoding.mark, 1, None, _first(file, block, 0, style))

    start = int(Positions(block, Style(style.delimiter)).starts[0])
    stop = start + _line_stop(block[start:], style.delimiter)
    header = _cells(file, block[start:stop], style)
    line = 1 + lines_before(block, stop)
    first = _first(file, block, stop, style)
    notes = _notes(guess) if guess.records > 1 else ()
    return Layout(style, unique_names(header), _position(file, block, stop), line, header, first, notes)


def _beginning(file: TextFile, delimiter: str | None, header: bool) -> tuple[Block, Guess]:
    """The first whole records of a file, and what they look like."""
    preferred = "\t" if file.file.name.lower().endswith((".tsv", ".tab")) else ","
    size = BEGINNING
    while True:
        size = min(size, file.size - file.encoding.mark)
        block, more = file.block(file.encoding.mark, bytearray(size), 1)
        _refuse_binary(file, block, delimiter)
        try:
            if delimiter:
                guess = look(block, delimiter, header, more)
            else:
                guess = find_delimiter(block, preferred, header, more)
        except QuoteError as error:
            raise unclosed(file, 1 + lines_before(block, error.position)) from None
        if guess and (not more or guess.records >= ENOUGH or size >= min(FAR, _pieces.RECORD_LIMIT)):
            file.check_text(block[: guess.stop], 1)
            return block[: guess.stop], guess
        if not more:
            raise InputError(f"{file.path}: is empty", hint="is it the right file? It should have a header at least")
        size = larger(file, size, block, Style(ord(delimiter or preferred)), 1)


def _refuse_binary(file: TextFile, block: Block, delimiter: str | None) -> None:
    """Some NUL bytes and control characters are no reason."""
    if file.told:
        return
    if max(block[0::2].count(0), block[1::2].count(0)) * 20 > len(block) * 9:  # nine tenths of every other byte
        raise InputError(
            f"{file.path}: is not text, or UTF-16 without a byte order mark",
            hint="if it is UTF-16, say --encoding utf-16-le or utf-16-be",
        )
    text = block.translate(None, (delimiter or "").encode())
    if len(text) - len(text.translate(None, _CONTROLS)) > len(block) // 20:  # in a compressed file it is a tenth
        raise InputError(f"{file.path}: is not text", hint="is it compressed, or a spreadsheet? Save it as CSV first")


def _line_stop(block: Block, delimiter: int) -> int:
    """Where the first record ends, without blank lines behind it."""
    starts = Positions(block, Style(delimiter, width=1)).starts  # where blank lines are records, too
    return int(starts[1]) if starts.size > 1 else len(block)


def _first(file: TextFile, block: Block, start: int, style: Style) -> tuple[str | None, ...] | None:
    """The cells of the first record from there on."""
    rest = block[start:]
    starts = Positions(rest, style).starts.tolist()
    if not starts:
        return None
    record = rest[starts[0] :]
    cells = _cells(file, record[: _line_stop(record, style.delimiter)], style)
    return tuple(cell or None for cell in cells)


def _cells(file: TextFile, record: Block, style: Style) -> tuple[str, ...]:
    """The cells of one record, however many."""
    cells = split_record(record, style.delimiter)
    if not file.encoding.direct:
        return tuple(cell.decode() for cell in cells)
    return tuple(bytes(file.to_utf8(cell, 1)).decode() for cell in cells)


def _position(file: TextFile, block: Block, stop: int) -> int:
    return file.encoding.mark + file.raw_size(block[:stop])


def _notes(guess: Guess) -> tuple[str, ...]:
    if guess.usual == guess.first:
        return ()
    return (f"the header has {guess.first} cells, but most records at the beginning have {guess.usual}",)

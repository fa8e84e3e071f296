"""The record scanner: where records and lines end in raw CSV bytes, found before any parser sees them.

It answers what parsers do not tell: where a block may be cut, how many records and lines it holds, which quote was
never closed. A line end is a record's end where an even number of quotes stands before it. A block begins at a
record, in UTF-8 or another superset of ASCII.

Two ways lead to the answer. `scan` looks at every byte, so it works on bit masks, a bit per byte, 64 at a time. The
rest asks for positions, and is used where somebody wants to know about single records; it also takes the blocks in
which quotes stand at odd places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

Block = bytes | bytearray
QUOTE, FEED, RETURN = b'"\n\r'


@dataclass(frozen=True)
class Style:
    """What the scanner has to know of a file."""

    delimiter: int
    """Its ASCII code."""
    width: int | None = None
    """Columns. In a file of one column a blank line is a record, otherwise it is none."""


@dataclass(frozen=True)
class Stretch:
    """The whole records at the beginning of a block."""

    stop: int
    """Bytes they take up, line ends and blank lines included."""
    records: int
    lines: int
    """Line ends among them: LF, CR LF or a lone CR, quoted or not."""
    quoted: bool
    """Whether there is a quote anywhere."""


class QuoteError(Exception):
    """A quote that opens at `position` of the block is not closed, or swallows lines before it is."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


def scan(block: Block, style: Style, more: bool) -> Stretch | None:
    """The whole records of a block, or None if not even one ends in it. `more`: the file goes on behind it."""
    masks = Masks(block)
    feeds = breaks = ends = masks.of(FEED)
    if block.find(RETURN) >= 0:
        returns = masks.of(RETURN)
        breaks = feeds | returns
        ends = feeds | (returns & ~down(feeds))
        if more and block[-1] == RETURN:
            ends[-1] &= ~masks.last  # the first byte of the next block may belong to it
    outside = ends
    quoted = block.find(QUOTE) >= 0
    if quoted:
        quotes = masks.of(QUOTE)
        inside = parity(quotes)
        if not well_placed(masks, quotes, inside, breaks | masks.of(style.delimiter), more):
            return _scan_positions(block, style, more)
        outside = ends & ~inside
    stop = highest(outside) + 1 if more else len(block)
    if not stop:
        return None
    records = count(outside, stop) + (not more and highest(outside) + 1 < stop)
    if style.width != 1:
        starts = up(outside)
        starts[:1] |= 1
        records -= count(starts & breaks, stop)
    return Stretch(stop, records, count(ends, stop), quoted)


def well_placed(masks: Masks, quotes: np.ndarray, inside: np.ndarray, bounds: np.ndarray, more: bool) -> bool:
    """Whether the parser's states are just the parity of the quotes, and nothing is wrong with them.

    So it is where every quote that opens starts a field or doubles the quote before it, and every quote that closes
    ends a field or is doubled.
    """
    closing = quotes & ~inside
    before = up(bounds | closing)
    before[:1] |= 1
    after = down(bounds | quotes)
    after[-1] |= masks.last  # what follows is in the next block, or nothing
    unclosed = not more and int(inside[-1]) >> 63
    return not (unclosed or (quotes & inside & ~before).any() or (closing & ~after).any())


def _scan_positions(block: Block, style: Style, more: bool) -> Stretch | None:
    """The same for quotes at odd places. Raises QuoteError."""
    found = Positions(block, style, more)
    if not found.stop:
        return None
    return Stretch(found.stop, found.starts.size, int(np.searchsorted(found.line_ends, found.stop)), quoted=True)


def split_record(record: Block, delimiter: int) -> list[bytes]:
    """The cells of one record, as parsers give them: without line end and quotes, doubled ones as one."""
    stops = Positions(record, Style(delimiter)).delimiters().tolist()
    line = bytes(record).rstrip(b"\r\n")
    cells = [line[start:stop] for start, stop in zip([0, *(stop + 1 for stop in stops)], [*stops, None], strict=True)]
    return [_unquoted(cell) if cell.startswith(b'"') else cell for cell in cells]


def _unquoted(cell: bytes) -> bytes:
    parts = re.fullmatch(rb'"((?:[^"]|"")*+)"(.*)', cell, re.DOTALL)
    return parts[1].replace(b'""', b'"') + parts[2] if parts else cell


def lines_before(block: Block, position: int) -> int:
    """How many lines end before a position of a block."""
    return int(np.searchsorted(line_ends(np.frombuffer(block, np.uint8), more=False), position))


def open_quote(block: Block, style: Style) -> int | None:
    """Where a quote opens that is not closed in this block, or None."""
    found = Positions(block, style, more=True)
    return int(found.edges[-1]) if found.edges.size % 2 else None


class Masks:
    """Bit masks of a block: 64 bytes of it in a word, the first one in the lowest bit, none set behind the end."""

    def __init__(self, block: Block) -> None:
        self._codes = np.frombuffer(block, np.uint8)
        self._found = np.zeros(-(-len(block) // 64) * 64, bool)
        self.last = np.uint64(1 << (len(block) - 1) % 64)
        """The last byte of the block, in the last word."""

    def of(self, code: int) -> np.ndarray:
        """Where a byte stands."""
        np.equal(self._codes, code, out=self._found[: self._codes.size])
        return np.packbits(self._found, bitorder="little").view("<u8")


def up(mask: np.ndarray) -> np.ndarray:
    """The bytes behind those."""
    moved: np.ndarray = mask << 1
    moved[1:] |= mask[:-1] >> 63
    return moved


def down(mask: np.ndarray) -> np.ndarray:
    """The bytes before those."""
    moved: np.ndarray = mask >> 1
    moved[:-1] |= mask[1:] << 63
    return moved


def parity(mask: np.ndarray) -> np.ndarray:
    """The bytes up to which, and with which, an odd number is set."""
    odd: np.ndarray = mask ^ (mask << 1)
    for width in (2, 4, 8, 16, 32):
        odd ^= odd << width
    before = np.bitwise_xor.accumulate(odd[:-1] >> 63)
    odd[1:] ^= np.negative(before)
    return odd


def count(mask: np.ndarray, stop: int) -> int:
    """How many of the first `stop` bytes are set."""
    words, rest = divmod(stop, 64)
    if hasattr(np, "bitwise_count"):
        found = int(np.bitwise_count(mask[:words]).sum())
    else:  # NumPy 1
        found = int(np.count_nonzero(np.unpackbits(mask[:words].view(np.uint8))))
    return found + (int(mask[words]) & (1 << rest) - 1).bit_count() if rest else found


def highest(mask: np.ndarray) -> int:
    """The last byte that is set, or -1."""
    words = mask.nonzero()[0]
    return int(words[-1]) * 64 + int(mask[words[-1]]).bit_length() - 1 if words.size else -1


class Positions:
    """Line ends, quoted regions and records of a block, as positions.

    `edges` are the quotes that open (even) and close (odd) a region; doubled ones are none.
    """

    def __init__(self, block: Block, style: Style, more: bool = False) -> None:
        self.codes = np.frombuffer(block, np.uint8)
        self._delimiter = style.delimiter
        self.line_ends = line_ends(self.codes, more)
        quotes = np.flatnonzero(self.codes == QUOTE) if block.find(QUOTE) >= 0 else np.empty(0, np.int64)
        self.edges = _edges(self.codes, quotes, style.delimiter)
        self._check_quotes(block, more)

        ends = self.outside(self.line_ends) + 1
        if not more and self.codes.size and (not ends.size or ends[-1] < self.codes.size):
            ends = np.append(ends, self.codes.size)  # the last line has no end
        self.stop = int(ends[-1]) if ends.size else 0
        starts = np.concatenate([np.zeros(min(1, ends.size), np.int64), ends[:-1]])
        if style.width != 1:
            first = self.codes[starts]
            starts = starts[(first != FEED) & (first != RETURN)]
        self.starts = starts

    def _check_quotes(self, block: Block, more: bool) -> None:
        """Raise QuoteError where rows would be swallowed.

        A region that spans lines and is followed by text, as in `"a⏎b,"c"`, was not meant so: the quote that seems to
        close it opens the next cell. Within one line such text is only badly written.
        """
        closing = self.edges[1::2]
        opening = self.edges[::2][: closing.size]
        ends_field = _table(self._delimiter, FEED, RETURN)
        wrong = ~ends_field[self.codes.take(closing + 1, mode="clip")] & (closing + 1 < self.codes.size)
        if wrong.any():
            opening, closing = opening[wrong], closing[wrong]
            torn = np.searchsorted(self.line_ends, opening) != np.searchsorted(self.line_ends, closing)
            padding = re.compile(rb"[ \t]*([\r\n\x%02x]|\Z)" % self._delimiter)
            for first, last in zip(opening[torn].tolist(), closing[torn].tolist(), strict=True):
                if not padding.match(block, last + 1):
                    raise QuoteError(first)
        if self.edges.size % 2 and not more:
            raise QuoteError(int(self.edges[-1]))

    def lines(self) -> np.ndarray:
        """int64: how many line ends stand before each record."""
        return np.searchsorted(self.line_ends, self.starts)

    def cells(self) -> np.ndarray:
        """int64: how many cells each record has."""
        bounds = np.searchsorted(self.delimiters(), np.append(self.starts, self.stop))
        return np.diff(bounds) + 1

    def delimiters(self) -> np.ndarray:
        return self.outside(np.flatnonzero(self.codes == self._delimiter))

    def outside(self, positions: np.ndarray) -> np.ndarray:
        """Those of the positions that are not quoted."""
        if not self.edges.size:
            return positions
        return positions[np.searchsorted(self.edges, positions) & 1 == 0]


def line_ends(codes: np.ndarray, more: bool) -> np.ndarray:
    """The position of the last byte of each line end."""
    feeds = np.flatnonzero(codes == FEED)
    returns = np.flatnonzero(codes == RETURN)
    if more and returns.size and returns[-1] == codes.size - 1:
        returns = returns[:-1]  # the first byte of the next block may belong to it
    lone = returns[codes.take(returns + 1, mode="clip") != FEED]
    return np.sort(np.concatenate([feeds, lone])) if lone.size else feeds


def _edges(codes: np.ndarray, quotes: np.ndarray, delimiter: int) -> np.ndarray:
    """The quotes that open and close regions, in turn, by runs of adjacent quotes.

    Outside, a run at the start of a field opens a region, and closes it at once if it is even; any other is text, as
    in 5'6". Inside, pairs are doubled quotes, and one that is left over closes. So an even run never changes the
    state, an odd one at the start of a field always does, and any other odd one leaves it outside.
    """
    if not quotes.size:
        return quotes
    starts_field = _table(delimiter, FEED, RETURN)[codes.take(quotes - 1, mode="clip")]
    starts_field[0] |= quotes[0] == 0
    if not starts_field.any():
        return quotes[:0]
    first = np.flatnonzero(np.diff(quotes, prepend=-2) != 1)
    lengths = np.diff(first, append=quotes.size)
    starts, stops = quotes[first], quotes[first] + lengths - 1
    can_open = starts_field[first]
    odd = lengths & 1 == 1
    changes = np.cumsum(odd & can_open)
    at_last_end = np.maximum.accumulate(np.where(odd & ~can_open, changes, 0))
    inside = np.concatenate([[False], (changes - at_last_end)[:-1] & 1 == 1])
    opens = can_open & ~inside
    closes = np.where(odd, inside, opens)
    return np.sort(np.concatenate([starts[opens], stops[closes]]))


def _table(*codes: int) -> np.ndarray:
    """bool, (256,): true for these bytes."""
    table = np.zeros(256, bool)
    table[list(codes)] = True
    return table

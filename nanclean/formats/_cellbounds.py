"""Where records and cells stand in the bytes of a piece: what has to be known to change some and keep the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from nanclean.cells import packed
from nanclean.errors import NancleanError
from nanclean.formats._encoding import Raw
from nanclean.formats._records import FEED, QUOTE, RETURN, Masks, Positions, Style, line_ends, parity, well_placed

MOST = 0.5
"""From this share of the bytes on it is cheaper to look at all of them than to gather some records first."""


@dataclass(frozen=True)
class Cells:
    """The cells of some records, all of the same number. Quotes belong to a cell, delimiters and line ends do not."""

    first: np.ndarray
    """int64, (records,): where the first cell starts."""
    delimiters: np.ndarray
    """int64, (records, columns - 1)."""
    last: np.ndarray
    """int64, (records,): where the last cell stops."""

    def starts(self, column: int) -> np.ndarray:
        """int64, (records,)."""
        return self.delimiters[:, column - 1] + 1 if column else self.first

    def stops(self, column: int) -> np.ndarray:
        """int64, (records,)."""
        return self.delimiters[:, column] if column < self.delimiters.shape[1] else self.last


class Bounds:
    """The records of a piece: those that have cells, blank lines left out where they are no records."""

    def __init__(self, text: Raw, style: Style, quoted: bool) -> None:
        """`text` begins at a record, and every quote in it is closed. `quoted`: there may be quotes."""
        self._text = text
        self._style = style
        self._quoted = quoted
        self.codes = np.frombuffer(text, np.uint8)
        outside = _Outside(bytes(text), style) if quoted else None
        ends = line_ends(self.codes, more=False)
        ends = (ends if outside is None else outside(ends)) + 1
        if self.codes.size and (not ends.size or ends[-1] < self.codes.size):
            ends = np.append(ends, self.codes.size)  # the last line has no end
        starts = np.concatenate((np.zeros(min(1, ends.size), np.int64), ends[:-1]))
        self._blank: tuple[np.ndarray, np.ndarray] = starts[:0], ends[:0]
        if style.width != 1:
            first = self.codes[starts]
            blank = (first == FEED) | (first == RETURN)
            if blank.any():
                self._blank = starts[blank], ends[blank]
                starts, ends = starts[~blank], ends[~blank]
        self.starts = starts
        """int64, (records,)."""
        self.stops = ends
        """int64, (records,): behind the line end."""
        self._outside = outside

    @property
    def blank(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts and stops of the blank lines that are no records."""
        return self._blank

    def ends(self, records: np.ndarray) -> np.ndarray:
        """Where the last cell of each of some records ends: before the line end, if there is one."""
        starts, stops = self.starts[records], self.stops[records]
        last = self.codes[stops - 1]
        feed = last == FEED
        before = self.codes[np.maximum(stops - 2, 0)]
        both = feed & (before == RETURN) & (stops - 2 >= starts)
        return stops - (feed | (last == RETURN)) - both

    def cells(self, records: np.ndarray) -> Cells:
        """The cells of some records, int64, ascending. All have the columns that the style tells."""
        starts, ends = self.starts[records], self.ends(records)
        assert self._style.width
        shape = -1, self._style.width - 1
        if not shape[1] or not records.size:
            return Cells(starts, np.empty((records.size, shape[1]), np.int64), ends)
        lengths = self.stops[records] - starts
        few = int(lengths.sum()) <= MOST * self.codes.size
        found = self._gathered_delimiters(records, lengths) if few else self._all_delimiters(self.codes, self._outside)
        if not few:
            if found.size == self.starts.size * shape[1]:  # as a rule, no record is ragged
                rows = found.reshape(shape)[records]
                if _within(rows, starts, ends):
                    return Cells(starts, rows, ends)
            wanted = np.zeros(self.starts.size, bool)
            wanted[records] = True
            found = found[wanted[np.searchsorted(self.starts, found, side="right") - 1]]
        if found.size != records.size * shape[1] or not _within(found.reshape(shape), starts, ends):
            raise _disagreement()
        return Cells(starts, found.reshape(shape), ends)

    def _gathered_delimiters(self, records: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Those of some records, without a look at the others."""
        gathered = self._gathered(records)
        outside = _Outside(gathered, self._style) if self._quoted else None
        found = self._all_delimiters(np.frombuffer(gathered, np.uint8), outside)
        stops = np.cumsum(lengths)
        owners = np.searchsorted(stops, found, side="right")
        moved: np.ndarray = found + (self.starts[records] - (stops - lengths))[owners]
        return moved

    def _all_delimiters(self, codes: np.ndarray, outside: _Outside | None) -> np.ndarray:
        found = np.flatnonzero(codes == self._style.delimiter)
        return found if outside is None else outside(found)

    def _gathered(self, records: np.ndarray) -> bytes:
        """The bytes of some records, one after the other."""
        edges = np.empty(2 * records.size, np.int64)
        edges[::2], edges[1::2] = self.starts[records], self.stops[records]
        spans = pa.Array.from_buffers(
            pa.large_binary(), edges.size - 1, [None, pa.py_buffer(edges), pa.py_buffer(self._text)]
        )
        return bytes(spans.take(packed(np.arange(0, edges.size, 2))).buffers()[2] or b"")


class _Outside:
    """Tells which positions are not quoted.

    Where quotes stand as they should, their parity tells, bit by bit; where not, the slower way through their runs.
    """

    def __init__(self, block: bytes, style: Style) -> None:
        self._inside: np.ndarray | None = None
        self._positions: Positions | None = None
        if block.find(QUOTE) < 0:
            return
        masks = Masks(block)
        quotes = masks.of(QUOTE)
        inside = parity(quotes)
        bounds = masks.of(FEED) | masks.of(RETURN) | masks.of(style.delimiter)
        if well_placed(masks, quotes, inside, bounds, more=False):
            self._inside = np.unpackbits(inside.view(np.uint8), bitorder="little").view(bool)
        else:
            self._positions = Positions(block, style)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        if self._inside is not None:
            return positions[~self._inside[positions]]
        return positions if self._positions is None else self._positions.outside(positions)


def _within(delimiters: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Whether all of a row are those of one record, which has no others."""
    return bool((delimiters[:, 0] >= starts).all() and (delimiters[:, -1] < ends).all())


def _disagreement() -> NancleanError:
    return NancleanError(
        "the record scanner and the parser count cells differently",
        hint="this is a mistake in nanclean; please report it",
    )

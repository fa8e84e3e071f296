"""The cells of a text column as bytes: where each begins, how long it is, which hold a certain byte."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.column import Mask, bits_to_mask, lazy
from nanclean.tokens import BLANKS

CHUNK = 1 << 16
"""Bytes that are looked at in one go: temporary arrays stay in the cache, and small enough not to be mapped anew."""


class Cells:
    """An Arrow text array with NumPy views of its bytes. Nothing is copied."""

    def __init__(self, array: pa.Array) -> None:
        if array.type != pa.string():
            array = array.cast(pa.string())
        self.array = array
        _, offsets, data = array.buffers()
        self._data = np.frombuffer(b"" if data is None else data, np.uint8)
        if len(array):
            self.offsets = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
        else:
            self.offsets = np.zeros(1, np.int32)
        self.bytes = self._data[self.offsets[0] : self.offsets[-1]]
        """All cells one after the other."""

    def __len__(self) -> int:
        return len(self.array)

    @lazy
    def null(self) -> Mask | None:
        """None: no cell is null."""
        return bits_to_mask(self.array)

    @lazy
    def lengths(self) -> np.ndarray:
        """Bytes of each cell."""
        return self.offsets[1:] - self.offsets[:-1]

    @lazy
    def longest(self) -> int:
        """Bytes of the longest cell."""
        return int(self.lengths.max()) if len(self) else 0

    @lazy
    def lowest(self) -> int:
        """The smallest byte."""
        return int(self.bytes.min()) if self.bytes.size else ord("0")

    @property
    def plain(self) -> bool:
        """No byte is a blank (or a control character)."""
        return self.lowest > ord(" ")

    @lazy
    def highest(self) -> int:
        """The largest byte."""
        return int(self.bytes.max()) if self.bytes.size else ord("0")

    def first(self) -> np.ndarray:
        """The first byte of each cell; of an empty one, any."""
        return self.byte(0)

    def last(self) -> np.ndarray:
        """The last byte of each cell; of an empty one, any."""
        return self.byte(-1)

    def byte(self, position: int) -> np.ndarray:
        """The byte at a position of each cell (from -1 on: from its end); where the cell is too short, any."""
        return self._at((self.offsets[:-1] if position >= 0 else self.offsets[1:]) + position)

    def _at(self, places: np.ndarray) -> np.ndarray:
        if not self._data.size:
            return np.zeros(len(self), np.uint8)
        return self._data.take(places, mode="clip")

    def count(self, byte: str) -> int:
        """How often a byte stands in the cells."""
        total, wanted = 0, np.uint8(ord(byte))
        for at in range(0, self.bytes.size, CHUNK):
            total += int(np.count_nonzero(self.bytes[at : at + CHUNK] == wanted))
        return total

    def strange(self, allowed: np.ndarray, low: int, width: int, limit: int) -> np.ndarray | None:
        """Places (in `bytes`) of the bytes that are neither in the `width` from `low` on nor in the table `allowed`.

        None if there are more than `limit`: then places are not the way to find cells.
        """
        found, places = 0, []
        moved = np.empty(min(CHUNK, self.bytes.size), np.uint8)
        for at in range(0, self.bytes.size, CHUNK):
            chunk = self.bytes[at : at + CHUNK]
            out = np.subtract(chunk, np.uint8(low), out=moved[: chunk.size])
            if int(out.max()) < width:
                continue
            here = np.flatnonzero(out >= np.uint8(width))
            here = here[~allowed[chunk[here]]]
            found += here.size
            if found > limit:
                return None
            places.append(here + at)
        return np.concatenate(places) if places else np.empty(0, np.int64)

    def owners(self, places: np.ndarray) -> np.ndarray:
        """int64, ascending: the cells that have one of these (ascending) places of `bytes`."""
        if places.size > len(self) // 8:
            cells = np.repeat(np.arange(len(self)), self.lengths)[places]
        else:
            cells = np.searchsorted(self.offsets, places + self.offsets[0], side="right") - 1
        return cells[np.flatnonzero(np.diff(cells, prepend=-1))]

    def take(self, cells: np.ndarray) -> pa.Array:
        """Some cells as an array of their own."""
        return self.array.take(packed(cells.astype(np.int64, copy=False)))

    def trimmed(self) -> Cells:
        """Without the blanks around each cell."""
        return Cells(pc.ascii_trim(self.array, characters=BLANKS))

    def without(self, cells: np.ndarray) -> pa.Array:
        """The array with further cells null. The text is shared."""
        if not cells.size:
            return self.array
        valid = np.ones(len(self), dtype=bool) if self.null is None else ~self.null
        valid[cells] = False
        return self.valid_where(valid)

    def valid_where(self, valid: Mask) -> pa.Array:
        """The array with exactly these cells not null. The text is shared."""
        _, offsets, data = self.array.buffers()
        bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
        offsets = offsets.slice(self.array.offset * 4) if offsets is not None else None
        return pa.Array.from_buffers(pa.string(), len(self), [bits, offsets, data])

    def having(self, data: np.ndarray) -> Cells:
        """The same cells with other bytes."""
        bitmap = None if self.null is None else pa.py_buffer(np.packbits(~self.null, bitorder="little"))
        offsets = pa.py_buffer(np.ascontiguousarray(self.offsets - self.offsets[0]))
        return Cells(pa.Array.from_buffers(pa.string(), len(self), [bitmap, offsets, pa.py_buffer(data)]))

    def matches(self, pattern: str) -> Mask:
        """bool: the cells that a pattern (of RE2) fits from end to end. Null cells do not."""
        fits = pc.match_substring_regex(self.array, pattern=rf"\A(?:{pattern})\z")
        mask = bits(fits)
        return mask if self.null is None else mask & ~self.null


def packed(values: np.ndarray) -> pa.Array:
    """From NumPy to Arrow without a copy; pa.array would import pandas."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def packed_bits(mask: Mask, valid: Mask | None = None) -> pa.Array:
    """An Arrow array of booleans."""
    buffers = [None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))]
    buffers.append(pa.py_buffer(np.packbits(mask, bitorder="little")))
    return pa.Array.from_buffers(pa.bool_(), len(mask), buffers)


def bits(array: pa.Array) -> Mask:
    """A NumPy mask of an Arrow array of booleans; under a null, any."""
    unpacked = np.unpackbits(
        np.frombuffer(array.buffers()[1] or b"", np.uint8), count=array.offset + len(array), bitorder="little"
    )
    return unpacked[array.offset :].view(bool)


def values(array: pa.Array, dtype: type[np.generic]) -> np.ndarray:
    """The values of an Arrow array of numbers, not copied; under a null, any."""
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]


def strings(texts: Iterable[bytes]) -> pa.Array:
    """An Arrow text array; pa.array would import pandas."""
    texts = list(texts)
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)

"""A number for each cell, and one for a column of them that tells whether one cell, or their order, is another.

The bits count: -0.0 is not 0.0, one NaN is not another, and null is not empty. Nobody is kept from forging them.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.cells import packed
from nanclean.column import Mask, bits_to_mask
from nanclean.typed import is_list, plain

BLOCK = 1 << 14
"""Cells (or bytes of text) that are mixed in one go: what is made of them stays in the cache."""
LONG = 64
"""Bytes of text that are taken eight by eight; what is longer has a digest."""
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_NULL = np.uint64(0xA0761D6478BD642F)
_STEP = 0xD1342543DE82EF95
_MASK = (1 << 64) - 1
_LONG_DOUBLES = np.dtype(np.longdouble).itemsize > 8
"""Not everywhere are they longer than the others."""


@dataclass
class Checksum:
    """Of the cells of a column in their order. Pieces merge to the whole, wherever it was cut."""

    cells: int = 0
    state: int = 0
    """Of cells that have a number each."""
    text: Stream = field(default_factory=lambda: Stream())
    """Of cells of text: all their bytes one after the other. To give each cell a number takes three times as long."""
    lengths: Stream = field(default_factory=lambda: Stream())
    """Where the cells of text end, and which are null."""

    def add(self, raw: Raw) -> None:
        """Take in further cells."""
        powers = _powers()
        for at in range(0, len(raw), BLOCK):
            cells = _stored(raw[at : at + BLOCK])
            if isinstance(cells, pa.Array) and (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
                data, lengths = _spelled(cells)
                self.text.add(data)
                self.lengths.add(lengths)
                self.cells += lengths.size
                continue
            found = hashes(cells)
            found *= powers[BLOCK - found.size :]
            self._append(found.size, int(found.sum(dtype=np.uint64)))

    def merge(self, other: Checksum) -> None:
        """Take in the cells that follow."""
        self._append(other.cells, other.state)
        self.text.merge(other.text, 1)
        self.lengths.merge(other.lengths, 4)

    def _append(self, cells: int, state: int) -> None:
        self.state = (self.state * pow(_STEP, cells, 1 << 64) + state) & _MASK if self.state else state
        self.cells += cells


@dataclass
class Stream:
    """Of integers in their order, 8 or 32 bits each: as a polynomial modulo 2**64, and as bytes, by their CRC-32.

    The one forgets what is moved by a large power of two, the other is short: what one misses, the other sees.
    """

    size: int = 0
    """Bytes."""
    state: int = 0
    crc: int = 0

    def add(self, items: np.ndarray) -> None:
        """Take in further ones."""
        powers = _powers().view(np.int64)
        for at in range(0, items.size, BLOCK):
            some = items[at : at + BLOCK]
            terms = np.multiply(some, powers[BLOCK - some.size :], dtype=np.int64)
            self._append(some.size, int(terms.sum()))
        self.crc = zlib.crc32(items.data, self.crc)
        self.size += items.nbytes

    def merge(self, other: Stream, width: int) -> None:
        """Take in those that follow, of so many bytes each."""
        self._append(other.size // width, other.state)
        self.crc = other.crc ^ (_product(self.crc, _shift(other.size)) if self.size else 0)
        self.size += other.size

    def _append(self, items: int, state: int) -> None:
        self.state = (self.state * pow(_STEP, items, 1 << 64) + state) & _MASK


def _stored(raw: Raw) -> Raw:
    """As what it is stored as, where that may be text."""
    if isinstance(raw, pa.Array):
        return plain(raw)
    if raw.ndim == 1 and raw.dtype.kind == "T":
        from nanclean.typed import arrow_of

        return arrow_of(raw)
    return raw


def _spelled(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of cells of text, uint8, and how many each has, int32; -1 for a null."""
    null = bits_to_mask(array)
    data, starts, lengths = _spans(array)
    if null is not None and lengths[null].any():  # what stands under a null means nothing
        data, starts, lengths = _spans(array.take(packed(np.flatnonzero(~null))))
        of_all = np.zeros(null.size, lengths.dtype)
        of_all[~null] = lengths
        lengths = of_all
    begin = int(starts[0]) if starts.size else 0
    data = data[begin : begin + int(lengths.sum())]
    lengths = lengths.astype(np.int32)  # of cells of 4 GB and more the bytes tell the rest
    if null is not None:
        lengths[null] = -1
    return data, lengths


def _product(one: int, other: int) -> int:
    """Of two polynomials modulo that of CRC-32, whose bits stand in reverse."""
    found = 0
    while other:
        if other & _ONE:
            found ^= one
        other = (other << 1) & 0xFFFFFFFF
        one = (one >> 1) ^ 0xEDB88320 if one & 1 else one >> 1
    return found


_ONE = 1 << 31
"""The polynomial 1."""


@lru_cache(1024)
def _shift(size: int) -> int:
    """The power of x that moves a CRC-32 in front of so many bytes."""
    found, square = _ONE, _ONE >> 8
    while size:
        if size & 1:
            found = _product(found, square)
        size >>= 1
        if size:
            square = _square(square)
    return found


@lru_cache(64)
def _square(one: int) -> int:
    return _product(one, one)


def _powers() -> np.ndarray:
    """_STEP to the power of BLOCK - 1, ..., 1, 0."""
    global _POWERS
    if _POWERS is None:
        found = np.full(BLOCK, _STEP, np.uint64)
        found[0] = 1
        _POWERS = np.multiply.accumulate(found)[::-1].copy()
    return _POWERS


_POWERS: np.ndarray | None = None


def mixed(words: np.ndarray) -> np.ndarray:
    """uint64, fresh: every bit of a word moves half of the others (the finisher of SplitMix64, Steele 2014)."""
    found = words + _PRIME
    for shift, factor in zip((30, 27), _MIX, strict=True):
        found ^= found >> np.uint64(shift)
        found *= factor
    found ^= found >> np.uint64(31)
    return found


def hashes(raw: Raw) -> np.ndarray:
    """uint64, (rows,): one number for each cell."""
    if isinstance(raw, np.ndarray):
        return _of_numpy(raw)
    return _of_arrow(raw)


def _of_numpy(raw: np.ndarray) -> np.ndarray:
    if raw.ndim > 1:
        return _combined(_of_numpy(raw.reshape(-1)), np.full(len(raw), raw.shape[1], np.int64))
    if raw.dtype.kind == "T":
        from nanclean.typed import arrow_of

        return _of_arrow(arrow_of(raw))
    raw = np.ascontiguousarray(raw, raw.dtype.newbyteorder("="))
    if _LONG_DOUBLES and raw.dtype in (np.longdouble, np.clongdouble):
        return _of_long_doubles(raw)
    return _of_bytes(raw.view(np.uint8).reshape(len(raw), raw.dtype.itemsize))


def _of_long_doubles(raw: np.ndarray) -> np.ndarray:
    """By the nearest float64 and what that leaves of them: some of their bytes are padding, which may be anything."""
    if raw.dtype.kind == "c":
        return mixed(_of_long_doubles(raw.real) ^ mixed(_of_long_doubles(raw.imag)))
    with np.errstate(over="ignore", invalid="ignore"):
        near = raw.astype(np.float64)
        rest = np.where(np.isfinite(near), raw - near, 0).astype(np.float64)
        beyond = np.where(np.isinf(near) & np.isfinite(raw), raw / np.longdouble(2) ** 8192, 0).astype(np.float64)
    found = np.full(len(raw), raw.dtype.itemsize, np.uint64)
    for part in (near, rest, beyond):
        found = mixed(found ^ part.view(np.uint64))
    return found


def _of_bytes(rows: np.ndarray) -> np.ndarray:
    """Of cells of one width, uint8, (rows, bytes)."""
    n, width = rows.shape
    if width in (1, 2, 4, 8):
        return mixed(rows.reshape(-1).view(f"u{width}").astype(np.uint64, copy=False))
    found = np.full(n, width, np.uint64)
    for at in range(0, width, 8):
        word = np.zeros((n, 8), np.uint8)
        part = rows[:, at : at + 8]
        word[:, : part.shape[1]] = part
        found = mixed(found ^ word.reshape(-1).view(np.uint64))
    return found


def _of_arrow(array: pa.Array) -> np.ndarray:
    array = plain(array)
    type_, n = array.type, len(array)
    if pa.types.is_null(type_):
        return np.full(n, _NULL, np.uint64)
    null = bits_to_mask(array)
    if not n:
        return np.empty(0, np.uint64)
    if is_list(type_) or pa.types.is_map(type_):
        found = _of_list(array, null)
    elif pa.types.is_struct(type_):
        found = np.full(n, 7, np.uint64)
        for child in array.flatten():
            found = mixed(found ^ _of_arrow(child))
    elif pa.types.is_union(type_):
        found = np.array([_digest(repr(cell).encode()) for cell in array.to_pylist()], np.uint64)
    elif pa.types.is_dictionary(type_):
        found = _of_codes(array, null)
    elif pa.types.is_boolean(type_):
        bits = np.unpackbits(np.frombuffer(array.buffers()[1], np.uint8), bitorder="little")
        found = mixed(bits[array.offset : array.offset + n].astype(np.uint64))
    elif (width := _width(type_)) is not None:
        data = np.frombuffer(array.buffers()[1], np.uint8, count=n * width, offset=array.offset * width)
        found = _of_bytes(data.reshape(n, width))
    else:
        found = _of_text(array, null)
    if null is not None:
        found = np.where(null, _NULL, found)
    return found


def _of_codes(array: pa.DictionaryArray, null: Mask | None) -> np.ndarray:
    """Of a dictionary that is not taken apart. Under a null, a code may be anything."""
    words = np.append(_of_arrow(array.dictionary), _NULL)
    type_ = array.type.index_type
    width = type_.bit_width // 8
    letter = "i" if pa.types.is_signed_integer(type_) else "u"
    codes = np.frombuffer(array.buffers()[1], f"{letter}{width}", count=len(array), offset=array.offset * width)
    return words[codes if null is None else np.where(null, words.size - 1, codes)]


def _width(type_: pa.DataType) -> int | None:
    """Bytes of a cell; None where they differ."""
    try:
        return int(type_.bit_width) // 8
    except ValueError:
        return None


def _of_list(array: pa.Array, null: Mask | None) -> np.ndarray:
    type_ = array.type
    if pa.types.is_map(type_):
        entries = array.cast(pa.list_(pa.struct([("k", type_.key_type), ("v", type_.item_type)])))
        return _of_list(entries, null)
    if pa.types.is_fixed_size_list(type_):
        lengths = np.full(len(array), type_.list_size, np.int64)
    else:
        found = array.value_lengths().cast(pa.int64())
        lengths = np.frombuffer(found.buffers()[1], np.int64, count=len(found), offset=found.offset * 8)
    if null is not None:
        lengths = np.where(null, 0, lengths)
    return _combined(_of_arrow(array.flatten()), lengths)


def _combined(cells: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers of the cells of each row made into one: their sum, each times its place."""
    starts = np.cumsum(lengths) - lengths
    place = np.arange(cells.size, dtype=np.int64) - np.repeat(starts, lengths)
    weighted = cells * mixed(place.astype(np.uint64))
    found = np.zeros(lengths.size, np.uint64)
    some = np.flatnonzero(lengths > 0)
    if some.size:
        found[some] = np.add.reduceat(weighted, starts[some])
    return mixed(found ^ lengths.astype(np.uint64))


def _of_text(array: pa.Array, null: Mask | None) -> np.ndarray:
    """Text or bytes of any length: eight bytes at a time, of all cells that have so many."""
    data, starts, lengths = _spans(array)
    if null is not None:
        lengths = np.where(null, 0, lengths)
    return _of_spans(data, starts, lengths)


def _spans(array: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bytes, and where in them the cells start and how long they are; under a null, any."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    if not (large or pa.types.is_string(array.type) or pa.types.is_binary(array.type)):
        array = array.cast(pa.large_binary())
        large = True
    _, buffer, data_buffer = array.buffers()
    dtype = np.dtype(np.int64 if large else np.int32)
    if not len(array):
        return np.empty(0, np.uint8), np.empty(0, dtype), np.empty(0, dtype)
    offsets = np.frombuffer(buffer, dtype, count=len(array) + 1, offset=array.offset * dtype.itemsize)
    data = np.frombuffer(b"" if data_buffer is None else data_buffer, np.uint8)
    return data, offsets[:-1], np.diff(offsets)


def _of_spans(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    found = mixed(lengths.astype(np.uint64))
    longest = int(lengths.max(initial=0))
    if not longest:
        return found
    if data.size < 8:
        data = np.concatenate((data, np.zeros(8, np.uint8)))
    words = np.ndarray((data.size - 7,), "<u8", data.data, strides=(1,))  # one begins at every byte
    last = words.size - 1
    some: np.ndarray | None = None  # None: all
    for at in range(0, min(longest, LONG), 8):
        if at:
            some = np.flatnonzero(lengths > at)
        begin = (starts if some is None else starts[some]) + at
        left = (lengths if some is None else lengths[some]) - at
        place = np.minimum(begin, last)
        # Near the end of the data the word begins too early, and its first bytes belong to others.
        word = words[place] >> ((begin - place).clip(max=7).astype(np.uint64) << np.uint64(3))
        word = np.where(begin - place > 7, np.uint64(0), word)
        word &= _KEEP.take(np.minimum(left, 8))
        if some is None:
            found = np.where(left > 0, mixed(found ^ word), found)
        else:
            found[some] = mixed(found[some] ^ word)
    for i in np.flatnonzero(lengths > LONG).tolist():
        start = int(starts[i])
        found[i] ^= np.uint64(_digest(data[start + LONG : start + int(lengths[i])].tobytes()))
    return found


_KEEP = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)
"""Which bits of a word belong to a cell, by the bytes that are left of it."""


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")

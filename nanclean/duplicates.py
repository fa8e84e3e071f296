"""Rows that mean the same as an earlier one, found in bounded memory.

One look makes two hashes of each row; rows of one block are compared at once. What is left goes to parts by range of
the hash, each small enough to be sorted in memory. Rows whose hashes are equal are read once more and really compared:
equal hashes alone prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nanclean import meaning
from nanclean.block import Block
from nanclean.cells import packed, packed_bits, values
from nanclean.column import bits_to_mask
from nanclean.hits import ALL, FIRST, Hits
from nanclean.meaning import Meaning, Same, compared, meanings, originals
from nanclean.spill import Records, Tables

if TYPE_CHECKING:
    from nanclean.detector import Rows

HASHED = np.dtype([("one", "u8"), ("other", "u8"), ("row", "i8")])
DOUBTED = np.dtype([("row", "i8"), ("group", "i8")])
REPEATED = np.dtype([("row", "i8"), ("first", "i8")])
PARTS = 8
"""Bits of a hash that make a part."""
TABLES = 64
"""Parts of the rows that are compared."""
NEIGHBOURS = 16
"""Bits of the number of a row that are left out in the number of its part."""
LEAST = 1 << 16
"""Bytes that may be held, however small the cap is."""


@dataclass
class Repeated:
    """The rows that repeat an earlier one, in their order, from memory or from a private file."""

    count: int = 0
    rows: int = 0
    """All rows that were looked at."""
    spilled: int = 0
    """Bytes of working data that did not fit into memory."""
    _pairs: list[Records] = field(default_factory=list)

    def between(self, first: int, last: int) -> np.ndarray:
        """int64, ascending: those from a row to another, both included."""
        return np.asarray(self._read(first, last)["row"])

    def values(self, rows: Sequence[int]) -> list[int]:
        """Of some of them the first row that means the same."""
        return [self._first(row) for row in rows]

    def _first(self, row: int) -> int:
        while True:  # the first one of its block may repeat a row of another
            found = self._read(row, row)
            if not len(found):
                return row
            row = int(found["first"][0])

    def _read(self, first: int, last: int) -> np.ndarray:
        parts = range(first >> NEIGHBOURS, (last >> NEIGHBOURS) + 1)
        some = np.concatenate([pairs.read(part) for pairs in self._pairs for part in parts])
        some = some[(some["row"] >= first) & (some["row"] <= last)]
        return some[np.argsort(some["row"])]

    def hits(self) -> Hits:
        """Where they are; the values are the first rows that they repeat."""
        found = Hits()
        found.count = found.rows = self.count
        parts = sorted({part for pairs in self._pairs for part in pairs.parts})
        ends = [(part << NEIGHBOURS, (part + 1 << NEIGHBOURS) - 1) for part in parts]
        first: list[int] = []
        for begin, end in ends:
            if len(first) < FIRST:
                first += self.between(begin, end)[: FIRST - len(first)].tolist()
        found.set_first(first, self.values(first))
        if self.count > ALL:
            found.all = None
        elif self.count:
            found.all = np.concatenate([self.between(*each) for each in ends])
        return found


def search(rows: Rows) -> Repeated:
    """The rows that repeat an earlier one in `rows.columns`. OutputError if there is no room for what is in between."""
    limit = max(rows.memory // 16, LEAST)
    hashed, near = Records(HASHED, 2 * limit), Records(REPEATED, limit)
    found = Repeated(_pairs=[near])
    spans: dict[int, tuple[int, int]] = {}
    for piece, split in rows.look(HashRows(tuple(rows.columns))):
        hashed.add(_parts(piece.hashed["one"], 0), piece.hashed)
        near.add(piece.near["row"] >> NEIGHBOURS, piece.near)
        found.rows += piece.rows
        spans[split] = spans.get(split, piece.span)[0], piece.span[1]
    doubts = Records(DOUBTED, limit)
    groups = _doubts(hashed, doubts, limit)
    found.count, found.spilled = near.count, hashed.spilled + near.spilled + doubts.spilled
    del hashed
    if groups:
        far, tables = Records(REPEATED, limit), Tables(2 * limit)
        for cut, _ in rows.look(CutRows(tuple(rows.columns), doubts, groups), _of_interest(doubts, spans)):
            for part, batch in cut.tables:
                tables.add(part, batch)
        for pairs in _compared(tables, limit):
            far.add(pairs["row"] >> NEIGHBOURS, pairs)
        found.count += far.count
        found.spilled += tables.spilled + far.spilled
        found._pairs.append(far)
    return found


def _of_interest(doubts: Records, spans: Mapping[int, tuple[int, int]]) -> frozenset[int]:
    """The splits in which a doubtful row may be, by the first and the last row of each."""
    parts = np.array(doubts.parts)
    ends = {
        split: np.searchsorted(parts, [first >> NEIGHBOURS, (last >> NEIGHBOURS) + 1])
        for split, (first, last) in spans.items()
    }
    return frozenset(split for split, (first, last) in ends.items() if first < last)


@dataclass(frozen=True)
class Hashed:
    """What the first look makes of a block."""

    rows: int
    span: tuple[int, int]
    """Its first and its last row."""
    hashed: np.ndarray
    """HASHED: the first row of each kind."""
    near: np.ndarray
    """REPEATED: the others."""

    @property
    def size(self) -> int:
        return self.hashed.nbytes + self.near.nbytes


@dataclass(frozen=True)
class HashRows:
    """The hashes of the rows of a block. Sent to another process, it works there as it does here."""

    columns: tuple[str, ...]

    def __call__(self, block: Block) -> Hashed:
        numbers = block.numbers()
        return Hashed(block.rows, (int(numbers[0]), int(numbers[-1])), *_of_block(block, numbers, self.columns))


def _of_block(block: Block, numbers: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each kind in a block, and those that repeat it."""
    there = meanings(block, names)
    if not there:  # a rule above has taken out all of them
        return np.empty(0, HASHED), np.empty(0, REPEATED)
    hashed = np.empty(block.rows, HASHED)
    hashed["one"], hashed["other"] = meaning.row_hashes(there, block.rows)
    hashed["row"] = numbers
    doubtful = _twice(hashed["one"])
    if not doubtful.any():
        return hashed, np.empty(0, REPEATED)
    places = np.flatnonzero(doubtful)
    groups = _groups(hashed[places])
    by_group = np.argsort(groups, kind="stable")
    columns = [_taken(each, by_group) for each in compared(meanings(block.where(doubtful), names))]
    places, first = places[by_group], places[by_group[originals(groups[by_group], columns)]]
    repeats = first != places
    near = np.empty(int(np.count_nonzero(repeats)), REPEATED)
    near["row"], near["first"] = numbers[places[repeats]], numbers[first[repeats]]
    kept = np.ones(block.rows, bool)
    kept[places[repeats]] = False
    return hashed[kept], near


def _twice(hashes: np.ndarray) -> np.ndarray:
    """bool: hashes that are there more than once."""
    hashes = np.ascontiguousarray(hashes)
    order = np.argsort(hashes)
    found = hashes[order]
    equal = found[1:] == found[:-1]
    twice = np.zeros(len(hashes), bool)
    twice[order[1:][equal]] = twice[order[:-1][equal]] = True
    return twice


def _groups(hashed: np.ndarray) -> np.ndarray:
    """int64: a number for each pair of hashes."""
    order = np.lexsort((hashed["other"], hashed["one"]))
    some = hashed[order]
    new = (np.diff(some["one"], prepend=some["one"][:1]) != 0) | (
        np.diff(some["other"], prepend=some["other"][:1]) != 0
    )
    groups = np.empty(len(hashed), np.int64)
    groups[order] = np.cumsum(new)
    return groups


def _taken(column: Same, places: np.ndarray) -> Same:
    texts = None if column.texts is None else column.texts.take(packed(places))
    return Same(column.words[places], None if column.missing is None else column.missing[places], texts)


def _parts(hashes: np.ndarray, level: int) -> np.ndarray:
    """int64: the parts of hashes, by some of their bits."""
    return (hashes >> np.uint64(64 - PARTS * (level + 1)) & np.uint64((1 << PARTS) - 1)).astype(np.int64)


def _doubts(hashed: Records, doubts: Records, limit: int) -> int:
    """Note the rows whose hashes are those of another. How many groups of them there are."""
    groups = 0
    for some in _in_memory(hashed, limit, 0):
        some = some[_twice(some["one"])]
        some = some[np.lexsort((some["row"], some["other"], some["one"]))]
        equal = (some["one"][1:] == some["one"][:-1]) & (some["other"][1:] == some["other"][:-1])
        if not equal.any():
            continue
        doubtful = np.append(equal, False) | np.insert(equal, 0, False)
        begins = np.insert(~equal, 0, True)[doubtful]
        found = np.empty(int(np.count_nonzero(doubtful)), DOUBTED)
        found["row"], found["group"] = some["row"][doubtful], groups + np.cumsum(begins) - 1
        groups += int(np.count_nonzero(begins))
        doubts.add(found["row"] >> NEIGHBOURS, found)
    return groups


def _in_memory(hashed: Records, limit: int, level: int) -> Iterator[np.ndarray]:
    """All hashes, equal ones together, no more at a time than memory may hold."""
    for part in hashed.parts:
        if hashed.rows(part) * HASHED.itemsize <= 2 * limit or PARTS * (level + 2) > 64:
            yield hashed.read(part)
            continue
        finer = Records(HASHED, limit)
        for piece in hashed.pieces(part):
            finer.add(_parts(piece["one"], level + 1), piece)
        yield from _in_memory(finer, limit, level + 1)


@dataclass(frozen=True)
class Cut:
    """The doubtful rows of a block, with all that there is to compare, by the part of their group."""

    tables: list[tuple[int, pa.RecordBatch]]

    @property
    def size(self) -> int:
        return sum(batch.nbytes for _, batch in self.tables)


@dataclass(frozen=True)
class CutRows:
    """The look that takes the doubtful rows out of blocks."""

    columns: tuple[str, ...]
    doubts: Records
    groups: int

    def __call__(self, block: Block) -> Cut:
        return Cut(list(self._of_block(block)))

    def _of_block(self, block: Block) -> Iterator[tuple[int, pa.RecordBatch]]:
        numbers = block.numbers()
        parts = range(int(numbers[0]) >> NEIGHBOURS, (int(numbers[-1]) >> NEIGHBOURS) + 1)
        doubts = np.concatenate([self.doubts.read(part) for part in parts])
        doubts = doubts[np.argsort(doubts["row"])]
        rows = doubts["row"]
        places = np.searchsorted(rows, numbers)
        mask = places < len(rows)
        mask[mask] = rows[places[mask]] == numbers[mask]
        if not mask.any():
            return
        some = block.where(mask)
        groups = doubts["group"][places[mask]]
        table = _table(numbers[mask], groups, meanings(some, self.columns))
        target = groups * TABLES // self.groups
        order = np.argsort(target, kind="stable")
        begins = np.flatnonzero(np.diff(target[order], prepend=-1))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(order)], strict=True):
            yield int(target[order[begin]]), table.take(packed(order[begin:end]))


def _table(rows: np.ndarray, groups: np.ndarray, columns: Sequence[Meaning]) -> pa.RecordBatch:
    arrays = {"row": packed(rows), "group": packed(groups)}
    for place, column in enumerate(columns):
        words = packed(np.ascontiguousarray(column.words))
        if column.missing is not None:
            valid = pa.py_buffer(np.packbits(~column.missing, bitorder="little"))
            words = pa.Array.from_buffers(pa.uint64(), len(rows), [valid, words.buffers()[1]])
        arrays[f"w{place}"] = words
        arrays[f"t{place}"] = pa.nulls(len(rows), pa.large_binary()) if column.texts is None else column.texts
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _compared(tables: Tables, limit: int) -> Iterator[np.ndarray]:
    """The doubtful rows that really mean the same as an earlier one, with that one."""
    for part in tables.parts:
        times = -(-tables.bytes(part) // (4 * limit))
        for turn in range(times):  # no more at a time than memory may hold
            pieces = []
            for batch in tables.pieces(part):
                groups = values(batch.column(1), np.int64)
                chosen = groups % times == turn
                pieces.append(batch if times == 1 else batch.filter(packed_bits(chosen)))
            yield _of_table(pieces)


def _of_table(pieces: Sequence[pa.RecordBatch]) -> np.ndarray:
    rows, groups = (np.concatenate([values(piece.column(i), np.int64) for piece in pieces]) for i in (0, 1))
    if not rows.size:
        return np.empty(0, REPEATED)
    order = np.lexsort((rows, groups))
    rows, groups = rows[order], groups[order]
    columns = []
    for place in range(2, len(pieces[0].schema), 2):
        words = pa.concat_arrays([piece.column(place) for piece in pieces])
        texts = pa.concat_arrays([piece.column(place + 1) for piece in pieces])
        missing = bits_to_mask(words)
        found = values(words, np.uint64)
        found = found if missing is None else np.where(missing, np.uint64(0), found)
        columns.append(_taken(Same(found, missing, None if texts.null_count == len(texts) else texts), order))
    first = originals(groups, columns)
    repeats = first != np.arange(len(rows))
    pairs = np.empty(int(np.count_nonzero(repeats)), REPEATED)
    pairs["row"], pairs["first"] = rows[repeats], rows[first[repeats]]
    return pairs

"""What the cells of a row mean, so that rows can be compared: a number for each cell, and what that does not tell.

Missing cells mean the same, however they are spelled. 5, 5.0 and "5" in a column of numbers are one number, and 0 is
-0.0. Cells of text are equal if every character is; a cell of a column of numbers that is none is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.cells import bits, packed, packed_bits
from nanclean.checksum import hashes, mixed
from nanclean.column import Column, Mask, Numbers, Values, bits_to_mask, lazy
from nanclean.tokens import BLANKS
from nanclean.typed import EXACT, Complexes, Lists

_ABSENT = np.uint64(0x9AE16A3B2F90404F)
_FIRST = 0x9E3779B97F4A7C15
_SECOND = 0xD6E8FEB86659FD93
_MASK = (1 << 64) - 1
_LONG = 2.0**63


@dataclass
class Meaning:
    """The cells of a column in some rows."""

    column: Column
    raw: Raw | None
    """As they were read, if that is at hand."""

    @lazy
    def missing(self) -> Mask | None:
        """bool, (rows,): a cell that holds nothing. None: there are none."""
        column = self.column
        if column.owner is not None:
            return None
        return column.missing

    @lazy
    def words(self) -> np.ndarray:
        """uint64, (rows,): equal for cells that mean the same; of numbers different for all others as well."""
        column = self.column
        if column.owner is not None:
            return self._of_several()
        words = self._of_cells(column)
        rounded = self._beyond(EXACT, _LONG)
        if rounded is not None and self._text is not None:
            words = words.copy()
            words[rounded] = _integers(self._text.filter(packed_bits(rounded)), words[rounded])
        strange = self._strange
        if strange is not None and self._text is not None:
            words = words.copy()
            words[strange] = hashes(self._text.filter(packed_bits(strange)))
        if self.missing is not None:
            words = np.where(self.missing, np.uint64(0), words)
        return words

    @lazy
    def texts(self) -> pa.Array | None:
        """large_binary, (rows,): what the words do not tell for sure; null where they do. None: they tell all."""
        column = self.column
        if column.owner is not None:
            return self._bytes_of_several()
        if isinstance(column, Numbers) or column.type == "boolean":
            if self._strange is None:
                return None
            return _where(self._text, self._strange)
        if isinstance(column, Complexes):
            cells = column.array if self.missing is None else np.where(self.missing, 0, column.array)
            parts = np.ascontiguousarray(cells + 0).view(np.uint64)  # -0.0 is 0.0
            return _binary(parts.view(np.uint8), np.arange(column.rows + 1, dtype=np.int64) * 16)
        assert isinstance(column, Values)
        if self._strange is not None:
            return _where(self._text, self._strange if self.missing is None else ~self.missing)
        return _as_binary(column.array)

    @lazy
    def _strange(self) -> Mask | None:
        """Cells that only their text tells: no number, or an integer that no type of integers holds."""
        found, long = self.column.unparsable, self._beyond(_LONG, np.inf)
        if long is not None:
            found = long if found is None else found | long
        return None if found is None or self._text is None or not found.any() else found

    def _beyond(self, low: float, high: float) -> Mask | None:
        """Integers that stand in float64, and are too large for it. None: there are none."""
        column = self.column
        if not isinstance(column, Numbers) or column.type != "integer" or not column.floating or self._text is None:
            return None
        with np.errstate(invalid="ignore"):
            size = np.abs(column.values)
            found = (size >= low) & (size < high)
        if column.absent is not None:
            found &= ~column.absent
        return found if found.any() else None

    @lazy
    def _text(self) -> pa.Array | None:
        raw = self.raw if self.raw is not None else getattr(self.column, "text", None)
        if not isinstance(raw, pa.Array) or not (pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type)):
            return None
        return pc.ascii_trim(raw, characters=BLANKS)

    def _of_cells(self, column: Column) -> np.ndarray:
        """One word for each cell."""
        if isinstance(column, Numbers):
            return _of_numbers(column)
        if isinstance(column, Complexes):
            parts = np.ascontiguousarray(column.array + 0).view(np.uint64).reshape(-1, 2)
            return mixed(parts[:, 0] ^ mixed(parts[:, 1]))
        array = column.array if isinstance(column, Values) else None
        if array is None:
            return np.zeros(column.cells, np.uint64)
        return hashes(array)

    def _of_several(self) -> np.ndarray:
        """Rows of several cells: their sum, each times its place."""
        column = self.column
        assert column.owner is not None
        cells = self._of_cells(column)
        if column.missing is not None:
            cells = np.where(column.missing, _ABSENT, cells)
        rows = mixed(self._lengths)
        count = np.bincount(column.owner, minlength=column.rows)
        starts = np.cumsum(count) - count
        some = np.flatnonzero(count)
        if some.size:
            place = np.arange(cells.size) - starts[column.owner]
            rows[some] += np.add.reduceat(mixed(cells) * mixed(place.astype(np.uint64)), starts[some])
        return mixed(rows)

    @lazy
    def _lengths(self) -> np.ndarray:
        """uint64, (rows,): how many cells, or inner lists; an odd number where the list itself is null."""
        column = self.column
        assert column.owner is not None
        lengths = column.lengths if isinstance(column, Lists) else np.bincount(column.owner, minlength=column.rows)
        found = np.asarray(lengths).astype(np.uint64) << np.uint64(1)
        return found if column.empty_rows is None else found | column.empty_rows.astype(np.uint64)

    def _bytes_of_several(self) -> pa.Array:
        """Of each row the number of its cells, and each of them with its inner list."""
        column = self.column
        assert column.owner is not None
        missing = np.zeros(column.cells, bool) if column.missing is None else column.missing
        inner = np.zeros(column.cells, np.int64)
        if isinstance(column, Lists) and column.inner is not None:
            inner = column.inner - (np.cumsum(column.lengths) - column.lengths)[column.owner]
        count = np.bincount(column.owner, minlength=column.rows)
        starts = np.cumsum(count) - count
        words = self._of_cells(column)
        table = np.empty((column.rows + column.cells, 3), np.uint64)
        head = starts + np.arange(column.rows)
        body = np.arange(column.cells) + column.owner + 1
        table[head, 0], table[head, 1:] = self._lengths, 0
        table[body, 0], table[body, 1], table[body, 2] = np.where(missing, 0, words), missing, inner
        offsets = np.append(head, len(table)).astype(np.int64) * 24
        return _binary(table.reshape(-1).view(np.uint8), offsets)


def _of_numbers(column: Numbers) -> np.ndarray:
    values = column.values
    if values.dtype.kind in "iu":
        return values.astype(np.uint64) if values.dtype.kind == "u" else values.astype(np.int64).view(np.uint64)
    if "integer" in column.type:  # beside a NaN they stand in float64
        with np.errstate(invalid="ignore"):
            small = np.abs(values) < _LONG
            whole = np.where(small, values, 0).astype(np.int64).view(np.uint64)
        return whole if small.all() else np.where(small, whole, _bits(values))
    return _bits(values)


def _bits(values: np.ndarray) -> np.ndarray:
    return (values.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 is 0.0


def _integers(text: pa.Array, rounded: np.ndarray) -> np.ndarray:
    """uint64: integers of 64 bits, exactly as they are written."""
    found = rounded.tolist()
    for place, cell in enumerate(text.to_pylist()):
        try:
            found[place] = int(cell) & _MASK
        except ValueError:  # 1e17
            continue
    return np.array(found, np.uint64)


def _as_binary(array: object) -> pa.Array:
    """The bytes of each cell; of kinds of cells that nobody looks into, what Python calls them."""
    if isinstance(array, np.ndarray):
        return pa.array([repr(cell).encode() for cell in array.tolist()], pa.large_binary())
    assert isinstance(array, pa.Array)
    type_ = array.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_binary(type_):
        return array.cast(pa.large_binary())
    cells = [None if cell is None else repr(cell).encode("utf-8", "surrogatepass") for cell in array.to_pylist()]
    return pa.array(cells, pa.large_binary())


def _where(text: pa.Array, cells: Mask) -> pa.Array:
    """Some cells as bytes; null for all others."""
    places = np.cumsum(cells) - 1
    some = text.filter(packed_bits(cells)).cast(pa.large_binary())
    indices = packed(np.where(cells, places, 0).astype(np.int64))
    valid = pa.Array.from_buffers(
        pa.int64(), len(cells), [pa.py_buffer(np.packbits(cells, bitorder="little")), indices.buffers()[1]]
    )
    return some.take(valid)


def _binary(data: np.ndarray, offsets: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def meanings(block: Block, names: Iterable[str]) -> list[Meaning]:
    """Of some columns of a block, those that are there."""
    return [Meaning(block.columns[name].view, block.raw(name)) for name in names if name in block.columns]


def row_hashes(columns: Sequence[Meaning], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """uint64, (rows,), twice: equal for rows that mean the same. The two know nothing of each other."""
    one, other = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for place, column in enumerate(columns, start=1):
        words = column.words
        if column.missing is not None:
            words = np.where(column.missing, _ABSENT, words)
        cells = mixed(words + np.uint64(place * _FIRST & _MASK))
        one += cells
        cells *= np.uint64((place * _SECOND | 1) & _MASK)
        other += cells
    return mixed(one), mixed(other)


def same(columns: Sequence[Same], one: np.ndarray, other: np.ndarray) -> Mask:
    """bool, (n,): whether rows mean the same as others, cell by cell. `one`, `other`: int64, (n,)."""
    equal = np.ones(len(one), dtype=bool)
    for column in columns:
        equal &= column.words[one] == column.words[other]
        if column.missing is not None:
            equal &= column.missing[one] == column.missing[other]
        if column.texts is not None:
            equal &= _same_texts(column.texts, one, other)
    return equal


@dataclass
class Same:
    """What rows are compared by: of a column, or of one that was put away and read again."""

    words: np.ndarray
    missing: Mask | None
    texts: pa.Array | None


def compared(columns: Iterable[Meaning]) -> list[Same]:
    """All that there is to compare of some columns."""
    return [Same(column.words, column.missing, column.texts) for column in columns]


def _same_texts(texts: pa.Array, one: np.ndarray, other: np.ndarray) -> Mask:
    first, second = texts.take(packed(one)), texts.take(packed(other))
    found = pc.fill_null(pc.equal(first, second), False)
    equal = bits(found)
    null, also = bits_to_mask(first), bits_to_mask(second)
    return equal if null is None or also is None else equal | (null & also)


def originals(groups: np.ndarray, columns: Sequence[Same]) -> np.ndarray:
    """int64, (n,): the first row of its group (int64, (n,), ascending) that means the same; itself, if none does."""
    found = np.arange(len(groups), dtype=np.int64)
    open_ = found
    while open_.size:
        begins = np.diff(groups[open_], prepend=groups[open_[0]] - 1) != 0
        first = open_[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
        equal = same(columns, open_, first)
        found[open_[equal]] = first[equal]
        open_ = open_[~equal]  # the hashes were equal by chance
    return found

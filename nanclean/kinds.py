"""The kinds of many cells: the answers of `Lexicon.kind`, without asking it about every cell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import Cells, bits, strings, values
from nanclean.column import Mask
from nanclean.tokens import BLANKS, TIME, Kind, Lexicon

FEW = 64
"""So many cells are asked about one by one: a kernel call costs as much as some tens of look-ups."""
DISTINCT = 512
"""So many different cells are asked about one by one."""

_WORD, _NUMBER, _BLANK = 1, 2, 4


def kinds(array: pa.Array, lexicon: Lexicon) -> np.ndarray:
    """uint8, (cells,): the `Kind` of each cell. A null is empty."""
    if len(array) <= FEW:
        return _one_by_one(array, lexicon)
    distinct = _distinct(array)
    if distinct is None:
        return _many(array, lexicon)
    dictionary = distinct.dictionary
    found = (_one_by_one if len(dictionary) <= DISTINCT else _many)(dictionary, lexicon)
    return found.take(values(distinct.indices, np.int32))


def _one_by_one(array: pa.Array, lexicon: Lexicon) -> np.ndarray:
    return np.fromiter((lexicon.kind(text) for text in array.to_pylist()), np.uint8, len(array))


def _distinct(array: pa.Array) -> pa.DictionaryArray | None:
    """The array by its different texts, if these are few (as the first thousand cells tell)."""
    if array.null_count:
        return None
    sample = array.slice(0, 1024)
    if len(sample.dictionary_encode().dictionary) * 4 > len(sample):
        return None
    return array.dictionary_encode()


def suspects(cells: Cells, lexicon: Lexicon) -> np.ndarray:
    """int64, ascending: the cells that may be anything but null or `Kind.OTHER`, judged by their ends and length."""
    at_front, at_end = _tables(lexicon)
    look = at_front.take(np.minimum(cells.lengths, 15) + (cells.first().astype(np.int16) << 4))
    look &= at_end.take(cells.last())
    if cells.array.null_count and cells.null is not None:
        look[cells.null] = 0
    return np.flatnonzero(look)


def _tables(lexicon: Lexicon) -> tuple[np.ndarray, np.ndarray]:
    """What the first byte with the length, and the last byte, say that a cell may be."""
    known = lexicon.memo.get("kinds")
    if known is not None:
        return known
    front = np.where(lexicon.word_table(), _WORD, 0).astype(np.uint8)
    front[_bytes("0123456789+-" + lexicon.words.decimal)] |= _NUMBER
    front[_bytes(BLANKS)] |= _WORD
    front |= _BLANK
    front[:, 0] = 0
    end = np.full(256, _WORD, np.uint8)
    end[_bytes("0123456789Z" + lexicon.words.decimal)] |= _NUMBER
    end[_bytes(BLANKS)] |= _BLANK
    lexicon.memo["kinds"] = front.ravel(), end
    return lexicon.memo["kinds"]


def _bytes(text: str) -> list[int]:
    return list(text.encode())


def _many(array: pa.Array, lexicon: Lexicon) -> np.ndarray:
    """Without looking anything up but words: patterns for numbers and times."""
    cells, original = Cells(pc.ascii_trim(array, characters=BLANKS)), Cells(array)
    found = np.full(len(array), Kind.OTHER, np.uint8)
    blank = np.flatnonzero(cells.lengths == 0)
    if blank.size:
        found[blank] = np.where(original.lengths[blank] == 0, Kind.EMPTY, lexicon.kind(BLANKS))
    where = suspects(cells, lexicon)
    if not where.size:
        return found
    some = cells if where.size == len(cells) else Cells(cells.take(where))
    kind = np.full(len(some), Kind.OTHER, np.uint8)
    number = some.matches(lexicon.number_pattern)
    kind[number] = Kind.NUMBER
    time = np.flatnonzero(~number & ((some.byte(2) == ord(":")) | np.isin(some.byte(4), _bytes("-/"))))
    if time.size:
        kind[time[are_times(Cells(some.take(time)), lexicon)]] = Kind.TIME
    found[where] = kind
    words = np.flatnonzero(kind == Kind.OTHER)
    if words.size:
        spelt = bits(pc.is_in(pc.ascii_lower(some.take(words)), value_set=_all_words(lexicon)))
        words = where[words[spelt]]
        found[words] = _few_words(original.take(words), lexicon)
    return found


def are_times(cells: Cells, lexicon: Lexicon) -> Mask:
    """bool: the cells (without blanks around them) that are times, and were not declared missing."""
    mask = cells.matches(TIME)
    if lexicon.declared_times:
        declared = pc.is_in(cells.array, value_set=strings(word.encode() for word in lexicon.declared_times))
        mask &= ~bits(declared)
    return mask


def _few_words(array: pa.Array, lexicon: Lexicon) -> np.ndarray:
    """Words of the lists in all their spellings: few, but for the blanks around them."""
    distinct = array.dictionary_encode()
    kind = _one_by_one(distinct.dictionary, lexicon)
    return kind.take(values(distinct.indices, np.int32))


def _all_words(lexicon: Lexicon) -> pa.Array:
    known = lexicon.memo.get("words")
    if known is None:
        known = lexicon.memo["words"] = strings(sorted(lexicon.all_words()))
    return known

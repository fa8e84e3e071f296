"""Columns of text: each cell has one lexical class, the classes are counted, and the type is settled from the counts.

A type is only a guess until the last cell has been seen, so that one garbage cell in the last block changes one count
and not the meaning of the cells before it. `decode` gives the same classes whichever type it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from nanclean.cells import CHUNK, Cells, packed_bits, values
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.kinds import are_times, kinds, suspects
from nanclean.literals import Reading, read, spelt
from nanclean.tokens import BLANKS, NUMBER, Kind, Lexicon, Words, lexicon

__all__ = ["CLASSES", "Classes", "Words", "classify", "decode", "guess"]

CLASSES = ("empty", "declared", "narrow", "wide", "nan", "infinite", "integer", "decimal", "boolean", "time", "other")
"""Each cell has one of these. A number that reads as infinite (1e400) is a decimal."""

DETAILS = ("long", "big", "huge", "negative")
"""Integers of 2**53 or more, beyond int64, and beyond uint64 too; numbers below 0."""

_NONE = np.empty(0, np.int64)
_NO_KINDS = np.empty(0, np.uint8)


def _among(*some: Kind) -> np.ndarray:
    """bool, by kind: a table is faster than np.isin."""
    table = np.zeros(len(Kind), dtype=bool)
    table[list(some)] = True
    return table


_NAMES = tuple("infinite" if each in (Kind.POS_INF, Kind.NEG_INF) else each.name.lower() for each in Kind)
_TOKENS = _among(Kind.DECLARED, Kind.NARROW, Kind.WIDE)
_GARBAGE = _among(Kind.BOOLEAN, Kind.TIME, Kind.OTHER)
_MAYBE_TOKENS_IN_TEXT = _among(Kind.DECLARED, Kind.NARROW, Kind.NAN)
_TOKENS_AND_NAN = _among(Kind.DECLARED, Kind.NARROW, Kind.WIDE, Kind.NAN)
_SPECIAL = ((Kind.NAN, np.nan), (Kind.POS_INF, np.inf), (Kind.NEG_INF, -np.inf))


@dataclass
class Classes:
    """How many cells of a column are of each lexical class. Merges in any order, like any counts."""

    counts: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    def merge(self, other: Classes) -> None:
        self.counts.update(other.counts)

    def as_dict(self) -> dict[str, int]:
        """All counts, also of classes that no cell has."""
        return {name: self.counts[name] for name in CLASSES + DETAILS}

    @property
    def numbers(self) -> int:
        return self["integer"] + self["decimal"] + self["infinite"]

    @property
    def counted(self) -> int:
        """The cells that say something about the type: not empty, a token or NaN."""
        return self.numbers + self["boolean"] + self["time"] + self["other"]

    def settle(self) -> str:
        """The type of the column: integer, float, boolean, time or text."""
        if not self.counted:
            return "text" if self["wide"] else "float"
        if 20 * self.numbers >= 19 * self.counted:
            return "integer" if self["integer"] == self.numbers else "float"
        for name in ("boolean", "time"):
            if self[name] == self.counted:
                return name
        return "text"

    @property
    def integers(self) -> str:
        """The dtype that holds every cell of a column of integers: int64, uint64 or (rounded, or for NaN) float64."""
        if self["nan"] or self["huge"] or (self["big"] and self["negative"]):
            return "float64"
        return "uint64" if self["big"] else "int64"


def guess(array: pa.Array, words: Words) -> str:
    """The type of a column, from some of its cells."""
    return classify(array, words).settle()


def classify(array: pa.Array, words: Words) -> Classes:
    """The classes of some cells."""
    some = array.drop_null().slice(0, 16)
    numeric = np.count_nonzero(kinds(some, lexicon(words)) == Kind.NUMBER) * 2 >= len(some)
    return decode(array, "float" if numeric else "text", words)[1]


def decode(array: pa.Array, type: str, words: Words, integers: str = "auto") -> tuple[Column, Classes]:
    """Some cells of a column as one of a certain type, and their classes.

    array: text; null where the cell is empty.
    type: integer and float give `Numbers`, boolean, time and text give `Values`. Cells that do not fit are absent, and
        unparsable unless they are missing.
    integers: the dtype for a batch of an integer column if it holds all of them, otherwise float64: int64, uint64,
        float64, or auto for the first that does. Ask `Classes.integers` which one holds the whole column.

    A column of floats is float64, also where all are integers: -0 and rounding must not depend on the neighbours.
    Integers beyond 2**53 that stand in float64 give the batch its exact `big_extent`.
    In `Values.array` absent cells are null. Booleans become Arrow booleans; times stay as they are written, and
    `times.extent` finds the first and the last.
    """
    book = lexicon(words)
    cells = Cells(array)
    if cells.null is not None and cells.lengths[cells.null].any():  # bytes under a null must not be counted
        cells = Cells(cells.take(np.arange(len(cells))))  # writes none
    if type in ("integer", "float"):
        return _numbers(cells, type, book, integers if type == "integer" else None)
    return _values(cells, type, book)


# --- numbers


def _numbers(cells: Cells, type: str, book: Lexicon, integers: str | None) -> tuple[Numbers, Classes]:
    """Cast the cells as they are, and look closer only where that fails."""
    for text, doubts in _attempts(cells if book.words.decimal == "." else _with_point(cells)):
        others, kind = doubts, _NO_KINDS
        if doubts.size:
            kind = kinds(cells.take(doubts), book)
            other = kind != Kind.NUMBER
            if not other.all():
                others, kind = doubts[other], kind[other]
                text = text if text.plain else text.trimmed()
        try:
            reading = read(text, others, book, integers)
        except pa.ArrowInvalid:
            continue
        return _assembled(cells, type, reading, others, kind)
    raise AssertionError("what the grammar takes for a number can be read")


def _attempts(text: Cells) -> Iterator[tuple[Cells, np.ndarray]]:
    """Cells (int64, ascending) that may not be numbers: the fewer, the cheaper. The last answer is the true one.

    The text comes along as it is or without the blanks around each cell.
    """
    found = _strange(text)
    if found is not None:
        text, doubts = found
        yield text, doubts
        unfinished = np.flatnonzero(((text.last() - np.uint8(ord("0"))) > 9) & (text.lengths > 0))
        if unfinished.size:
            both = np.union1d(doubts, unfinished)
            if both.size > doubts.size:
                yield text, both
    text = text if text.plain else text.trimmed()
    number = text.matches(NUMBER)
    yield text, np.flatnonzero(~number if text.null is None else ~number & ~text.null)


_NUMERIC = np.zeros(256, dtype=bool)
_NUMERIC[list(b"+eE")] = True


def _strange(text: Cells) -> tuple[Cells, np.ndarray] | None:
    """Cells with a byte that no number has, and empty ones. None: too many to look for them one by one."""
    if not text.plain and (text.count(" ") + text.count("\t")) * 8 > len(text):
        text = text.trimmed()
    blank = _NONE
    if np.count_nonzero(text.lengths) + text.array.null_count < len(text):
        blank = np.flatnonzero((text.lengths == 0) & (True if text.null is None else ~text.null))
    if text.lowest >= ord("-") and text.highest <= ord("9"):
        return text, blank
    places = text.strange(_NUMERIC, ord("-"), ord("9") - ord("-") + 1, limit=len(text))
    if places is None:
        return None
    return text, np.union1d(text.owners(places), blank) if blank.size else text.owners(places)


def _with_point(cells: Cells) -> Cells:
    """With comma and point exchanged, for files that write 1,5."""
    swapped = np.empty(cells.bytes.size, np.uint8)
    for at in range(0, swapped.size, CHUNK):
        chunk = cells.bytes[at : at + CHUNK]
        sign = (chunk & 0xFD) == ord(",")  # 0x2c and 0x2e differ in one bit
        np.bitwise_xor(chunk, sign.view(np.uint8) << 1, out=swapped[at : at + CHUNK])
    return cells.having(swapped)


def _assembled(
    cells: Cells, type: str, reading: Reading, others: np.ndarray, kind: np.ndarray
) -> tuple[Numbers, Classes]:
    """The column, from the numbers that were read and the kinds of all other cells."""
    classes = _classes(cells, reading, kind)
    column = Numbers(
        type=type, rows=len(cells), cells=len(cells), empty=classes["empty"], tokens=reading.spellings,
        absent=reading.absent, values=reading.values, text=cells.array,
        big_extent=reading.extent, literal_overflow=reading.overflow,
    )  # fmt: skip
    if others.size:
        column.tokens = dict(_spellings(cells, others[_TOKENS[kind]]) + Counter(reading.spellings))
        column.unparsable = _mask(len(cells), others[_GARBAGE[kind]])
        _put_special(column, reading, others, kind)
    if reading.overflow is not None:
        column.details["literal_overflow"] = int(np.count_nonzero(reading.overflow))
    if reading.underflow:
        column.details["literal_underflow"] = reading.underflow
    return column, classes


def _classes(cells: Cells, reading: Reading, kind: np.ndarray) -> Classes:
    counts = reading.counts.copy()
    counts["empty"] = cells.array.null_count
    if reading.spellings:
        counts["declared"] = sum(reading.spellings.values())
    _add_kinds(counts, kind)
    return Classes(counts)


def _mask(cells: int, where: np.ndarray) -> Mask | None:
    if not where.size:
        return None
    mask = np.zeros(cells, dtype=bool)
    mask[where] = True
    return mask


def _put_special(column: Numbers, reading: Reading, others: np.ndarray, kind: np.ndarray) -> None:
    """NaN and the infinities put in their places. They are values, so not absent."""
    special = [(others[kind == which], value) for which, value in _SPECIAL]
    if not any(where.size for where, _ in special):
        return
    assert reading.absent is not None
    if reading.values.dtype.kind != "f" and reading.counts["long"]:
        present = reading.values[~reading.absent]
        column.big_extent = int(present.min()), int(present.max())
    column.values, absent = reading.values.astype(np.float64), reading.absent.copy()
    for where, value in special:
        column.values[where], absent[where] = value, False
    column.absent = absent if absent.any() else None


def _add_kinds(classes: Counter[str], kind: np.ndarray) -> None:
    """Count kinds under the names of the classes; numbers are counted when they are read."""
    if kind.size:
        for each, times in enumerate(np.bincount(kind).tolist()):
            if times and each != Kind.NUMBER:
                classes[_NAMES[each]] += times


def _spellings(cells: Cells, where: np.ndarray) -> Counter[str]:
    """How the tokens among the cells are written, without the blanks around them."""
    found: Counter[str] = Counter()
    if where.size:
        for text, times in spelt(cells.take(where)).items():
            found[text.strip(BLANKS)] += times
    return found


# --- everything else


def _values(cells: Cells, type: str, book: Lexicon) -> tuple[Values, Classes]:
    where, kind, rest = _sorted_out(cells, type, book)
    reading, numbers = _read_numbers(cells, where[kind == Kind.NUMBER], book)
    classes = _classes(cells, reading, kind)
    classes.counts[_NAMES[rest]] += len(cells) - cells.array.null_count - where.size
    column = Values(
        type=type, rows=len(cells), cells=len(cells), empty=classes["empty"], absent=cells.null, array=cells.array
    )
    if type == "text" and not where.size:
        return column, classes
    if type == "text":
        _as_text(column, cells, where, kind, numbers, book)
    else:
        _as_type(column, cells, where, kind, numbers, reading)
    return column, classes


def _sorted_out(cells: Cells, type: str, book: Lexicon) -> tuple[np.ndarray, np.ndarray, Kind]:
    """Some cells (int64, ascending), their kinds, and the kind of all others but null ones."""
    if type == "text":
        where, rest = suspects(cells, book), Kind.OTHER
    elif type == "time":
        timely = are_times(cells if cells.plain else cells.trimmed(), book)
        where, rest = np.flatnonzero(~timely if cells.null is None else ~timely & ~cells.null), Kind.TIME
    else:
        where, rest = np.arange(len(cells)) if cells.null is None else np.flatnonzero(~cells.null), Kind.OTHER
    if not where.size:
        return where, _NO_KINDS, rest
    return where, kinds(cells.array if where.size == len(cells) else cells.take(where), book), rest


def _read_numbers(cells: Cells, where: np.ndarray, book: Lexicon) -> tuple[Reading, np.ndarray]:
    """The cells that are numbers, and which of these a declared number has made missing."""
    if not where.size:
        return Reading(np.empty(0), None), where
    text = Cells(cells.take(where))
    if book.words.decimal != ".":
        text = _with_point(text)
    reading = read(text if text.plain else text.trimmed(), _NONE, book, None)
    return reading, _NONE if reading.declared is None else where[reading.declared]


def _as_text(
    column: Values, cells: Cells, where: np.ndarray, kind: np.ndarray, numbers: np.ndarray, book: Lexicon
) -> None:
    """Narrow tokens, NaN, and what was declared letter by letter are missing. Wide tokens are text."""
    for text, times in _spellings(cells, where[kind == Kind.WIDE]).items():
        column.details[f"wide:{text}"] = times
    candidates = where[_MAYBE_TOKENS_IN_TEXT[kind]]
    candidates = np.union1d(candidates, numbers) if numbers.size else candidates
    missing = [where[kind == Kind.EMPTY]]
    if candidates.size:
        distinct = cells.take(candidates).dictionary_encode()
        texts = distinct.dictionary.to_pylist()
        is_token = np.array([book.is_token_in_text(text) for text in texts])[values(distinct.indices, np.int32)]
        missing.append(candidates[is_token])
        column.tokens = dict(_spellings(cells, missing[-1]))
    _make_absent(column, cells, np.concatenate(missing))


def _as_type(
    column: Values, cells: Cells, where: np.ndarray, kind: np.ndarray, numbers: np.ndarray, reading: Reading
) -> None:
    """All tokens and NaN are missing; everything else that is not of the type cannot be read."""
    own = Kind.BOOLEAN if column.type == "boolean" else Kind.TIME
    token = where[_TOKENS_AND_NAN[kind]]
    column.tokens = dict(_spellings(cells, token) + Counter(reading.spellings))
    foreign = where[kind != own]
    _make_absent(column, cells, foreign)
    missing = np.concatenate([token, numbers, where[kind == Kind.EMPTY]])
    column.unparsable = _mask(len(cells), np.setdiff1d(foreign, missing, assume_unique=True))
    if own == Kind.BOOLEAN:
        first = (cells if cells.plain else cells.trimmed()).first()
        column.array = packed_bits((first | 0x20) == ord("t"), None if column.absent is None else ~column.absent)


def _make_absent(column: Values, cells: Cells, where: np.ndarray) -> None:
    if where.size:
        column.absent = np.zeros(len(cells), dtype=bool) if cells.null is None else cells.null.copy()
        column.absent[where] = True
        column.array = cells.valid_where(~column.absent)

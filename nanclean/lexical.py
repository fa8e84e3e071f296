"""Columns of text: each cell has one lexical class, the classes are counted, and the type is settled from the counts.

A type is only a guess until the last cell has been seen, so that one garbage cell in the last block changes one count
and not the meaning of the cells before it. `decode` gives the same classes whichever type it is asked for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from nanclean.cells import CHUNK, Cells, packed, packed_bits, values
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.kinds import kinds, suspects
from nanclean.literals import Reading, read, spelt
from nanclean.tokens import BLANKS, NUMBER, TIME, Kind, Lexicon, Words, lexicon

__all__ = ["CLASSES", "Classes", "Words", "classify", "decode", "guess"]

CLASSES = ("empty", "declared", "narrow", "wide", "nan", "infinite", "integer", "decimal", "boolean", "time", "other")
"""Each cell has one of these. A number that reads as infinite (1e400) is a decimal."""

DETAILS = ("long", "big", "huge", "negative")
"""Integers of 2**53 or more, beyond int64, and beyond uint64 too; numbers below 0."""

_TOKENS = (Kind.DECLARED, Kind.NARROW, Kind.WIDE)
_GARBAGE = (Kind.BOOLEAN, Kind.TIME, Kind.OTHER)
_NONE = np.empty(0, np.int64)


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
        """The dtype that holds every cell of a column of integers: int64, uint64 or (rounded) float64.

        NaN needs a float, but hurts only integers that a float does not hold.
        """
        if self["big"]:
            return "float64" if self["huge"] or self["negative"] or self["nan"] else "uint64"
        return "float64" if self["long"] and self["nan"] else "int64"


def guess(array: pa.Array, words: Words) -> str:
    """The type of a column, from some of its cells."""
    return classify(array, words).settle()


def classify(array: pa.Array, words: Words) -> Classes:
    """The classes of some cells."""
    some = array.drop_null().slice(0, 64)
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
    cells = Cells(_normal(array))
    if type in ("integer", "float"):
        return _numbers(cells, type, book, integers if type == "integer" else None)
    return _values(cells, type, book)


def _normal(array: pa.Array) -> pa.Array:
    """Without bytes under a null: these must not be counted."""
    if array.null_count:
        cells = Cells(array)
        if cells.lengths[cells.null].any():
            return array.take(packed(np.arange(len(array))))  # writes none
    return array


# --- numbers


def _numbers(cells: Cells, type: str, book: Lexicon, integers: str | None) -> tuple[Numbers, Classes]:
    """Cast as they are, and look closer only where that fails: at strange bytes, at ends, at everything."""
    text = cells if book.words.decimal == "." else _with_point(cells)
    for doubtful in (_strange, _unfinished, _ungrammatical):
        answer = doubtful(text)
        if answer is None:
            continue
        plain, doubts = answer
        kind = kinds(cells.take(doubts), book) if doubts.size else np.empty(0, np.uint8)
        others = doubts[kind != Kind.NUMBER]
        if others.size < doubts.size and plain is text:
            plain = text.trimmed()
        try:
            reading = read(plain, others, book, integers)
        except pa.ArrowInvalid:
            continue
        return _assembled(cells, type, reading, others, kind[kind != Kind.NUMBER])
    raise AssertionError("what the grammar takes for a number can be read")


_NUMERIC = np.zeros(256, dtype=bool)
_NUMERIC[list(b"+eE")] = True


def _strange(text: Cells) -> tuple[Cells, np.ndarray] | None:
    """Cells with a byte that is not in numbers. None: too many for that."""
    if text.lowest <= ord(" ") and (text.count(" ") + text.count("\t")) * 8 > len(text):
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


def _unfinished(text: Cells) -> tuple[Cells, np.ndarray] | None:
    """Cells that do not end with a digit as well. None: there are none."""
    answer = _strange(text)
    if answer is None:
        return None
    text, doubts = answer
    ends = np.flatnonzero(((text.last() - np.uint8(ord("0"))) > 9) & (text.lengths > 0))
    both = np.union1d(doubts, ends)
    return (text, both) if both.size > doubts.size else None


def _ungrammatical(text: Cells) -> tuple[Cells, np.ndarray]:
    """Cells that are not numbers, by the grammar."""
    text = text.trimmed() if text.lowest <= ord(" ") else text
    number = text.matches(NUMBER)
    return text, np.flatnonzero(~number if text.null is None else ~number & ~text.null)


def _with_point(cells: Cells) -> Cells:
    """With comma and point exchanged, for files that write 1,5."""
    swapped = np.empty(cells.bytes.size, np.uint8)
    for at in range(0, swapped.size, CHUNK):
        chunk = cells.bytes[at : at + CHUNK]
        sign = (chunk & 0xFD) == ord(",")  # 0x2c and 0x2e differ in one bit
        np.bitwise_xor(chunk, sign.view(np.uint8) << 1, out=swapped[at : at + CHUNK])
    return cells.having(swapped)


def _assembled(cells: Cells, type: str, reading: Reading, others: np.ndarray, kind: np.ndarray) -> tuple[Numbers, Classes]:
    counts = np.bincount(kind, minlength=len(Kind))
    empty = cells.array.null_count + int(counts[Kind.EMPTY])
    tokens = Counter(reading.spellings)
    declared = sum(reading.spellings.values())
    unparsable, absent, numbers = None, reading.absent, reading.values
    if others.size:
        tokens.update(_spellings(cells, others[np.isin(kind, _TOKENS)]))
        garbage = others[np.isin(kind, _GARBAGE)]
        if garbage.size:
            unparsable = np.zeros(len(cells), dtype=bool)
            unparsable[garbage] = True
        numbers, absent = _with_special(reading, others, kind)
    details = {}
    if reading.overflow is not None:
        details["literal_overflow"] = int(np.count_nonzero(reading.overflow))
    if reading.underflow:
        details["literal_underflow"] = reading.underflow
    column = Numbers(
        type=type, rows=len(cells), cells=len(cells), empty=empty, tokens=dict(tokens), absent=absent,
        unparsable=unparsable, details=details, values=numbers, text=cells.array,
        big_extent=_extent(reading, numbers), literal_overflow=reading.overflow,
    )  # fmt: skip
    classes = Classes(+(reading.counts + _class_counts(counts) + Counter(empty=cells.array.null_count, declared=declared)))
    return column, classes


def _with_special(reading: Reading, others: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, Mask | None]:
    """NaN and the infinities put in their places. They are values, so not absent."""
    special = [(others[kind == which], value) for which, value in _SPECIAL]
    if not any(where.size for where, _ in special):
        return reading.values, reading.absent
    assert reading.absent is not None
    numbers, absent = reading.values.astype(np.float64), reading.absent.copy()
    for where, value in special:
        numbers[where], absent[where] = value, False
    return numbers, absent if absent.any() else None


_SPECIAL = ((Kind.NAN, np.nan), (Kind.POS_INF, np.inf), (Kind.NEG_INF, -np.inf))


def _extent(reading: Reading, numbers: np.ndarray) -> tuple[int, int] | None:
    """The exact extremes where the values are rounded."""
    if numbers.dtype.kind != "f" or reading.counts["decimal"]:
        return None
    if reading.values.dtype.kind == "f" or not reading.counts["long"]:
        return reading.extent
    present = reading.values if reading.absent is None else reading.values[~reading.absent]
    return int(present.min()), int(present.max())


def _class_counts(kind: np.ndarray) -> Counter[str]:
    """From counts of kinds to counts of classes, without numbers."""
    names = {each: each.name.lower() for each in Kind if each != Kind.NUMBER}
    names[Kind.POS_INF] = names[Kind.NEG_INF] = "infinite"
    counts: Counter[str] = Counter()
    for each, name in names.items():
        counts[name] += int(kind[each])
    return counts


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
    counts = np.bincount(kind, minlength=len(Kind))
    counts[rest] += len(cells) - cells.array.null_count - where.size
    declared = sum(reading.spellings.values())
    classes = reading.counts + _class_counts(counts) + Counter(empty=cells.array.null_count, declared=declared)
    column = Values(
        type=type, rows=len(cells), cells=len(cells), empty=cells.array.null_count + int(counts[Kind.EMPTY])
    )  # fmt: skip
    if type == "text":
        _as_text(column, cells, where, kind, numbers, book)
    else:
        _as_type(column, cells, where, kind, numbers, reading)
    return column, Classes(+classes)


def _sorted_out(cells: Cells, type: str, book: Lexicon) -> tuple[np.ndarray, np.ndarray, Kind]:
    """Some cells (int64, ascending), their kinds, and the kind of all others but null ones."""
    if type == "text":
        where, rest = suspects(cells, book), Kind.OTHER
    elif type == "time":
        timely = cells.trimmed().matches(TIME)
        where, rest = np.flatnonzero(~timely if cells.null is None else ~timely & ~cells.null), Kind.TIME
    else:
        where, rest = np.arange(len(cells)) if cells.null is None else np.flatnonzero(~cells.null), Kind.OTHER
    if not where.size:
        return where, np.empty(0, np.uint8), rest
    return where, kinds(cells.array if where.size == len(cells) else cells.take(where), book), rest


def _read_numbers(cells: Cells, where: np.ndarray, book: Lexicon) -> tuple[Reading, np.ndarray]:
    """The cells that are numbers, and which of these a declared number has made missing."""
    if not where.size:
        return Reading(np.empty(0), None), where
    text = Cells(cells.take(where))
    if book.words.decimal != ".":
        text = _with_point(text)
    reading = read(text.trimmed() if text.lowest <= ord(" ") else text, _NONE, book, None)
    return reading, _NONE if reading.declared is None else where[reading.declared]


def _as_text(
    column: Values, cells: Cells, where: np.ndarray, kind: np.ndarray, numbers: np.ndarray, book: Lexicon
) -> None:
    """Narrow tokens, NaN, and what was declared letter by letter are missing. Wide tokens are text."""
    column.absent = cells.null
    column.array = cells.array
    for text, times in _spellings(cells, where[kind == Kind.WIDE]).items():
        column.details[f"wide:{text}"] = times
    candidates = np.union1d(where[np.isin(kind, (Kind.DECLARED, Kind.NARROW, Kind.NAN))], numbers)
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
    token = where[np.isin(kind, (*_TOKENS, Kind.NAN))]
    column.tokens = dict(_spellings(cells, token) + Counter(reading.spellings))
    column.absent, column.array = cells.null, cells.array
    foreign = where[kind != own]
    _make_absent(column, cells, foreign)
    garbage = np.setdiff1d(foreign, np.concatenate([token, numbers, where[kind == Kind.EMPTY]]), assume_unique=True)
    if garbage.size:
        column.unparsable = np.zeros(len(cells), dtype=bool)
        column.unparsable[garbage] = True
    if own == Kind.BOOLEAN:
        first = (cells.trimmed() if cells.lowest <= ord(" ") else cells).first()
        column.array = packed_bits((first | 0x20) == ord("t"), None if column.absent is None else ~column.absent)


def _make_absent(column: Values, cells: Cells, where: np.ndarray) -> None:
    if where.size:
        column.absent = np.zeros(len(cells), dtype=bool) if cells.null is None else cells.null.copy()
        column.absent[where] = True
        column.array = cells.valid_where(~column.absent)

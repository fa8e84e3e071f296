"""Numbers that are written as text: their values, correctly rounded, and what rounding did to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import Cells, values
from nanclean.column import Mask
from nanclean.tokens import INTEGER, Lexicon, exact

EXACT = 2.0**53
"""Beyond it float64 does not hold every integer."""
LONGEST_INT64 = 18
"""A text of so many bytes never spells an integer beyond int64."""
SHORTEST_UNDERFLOW = 6
"""No shorter text is a number that float64 cannot tell from 0: 1e-324."""
LONGEST_PLAIN = 300
"""A text without an exponent has to be longer to overflow or underflow."""
CANARY = 256
"""So many cells are tried first: a cast that fails costs 300 ns for every cell that is not a number."""


@dataclass(eq=False)
class Reading:
    """The cells of an array whose texts are numbers, but for some that were told beforehand."""

    values: np.ndarray
    """(cells,), float64, int64 or uint64."""
    absent: Mask | None
    """Null, told not to be numbers, or declared missing."""
    declared: Mask | None = None
    spellings: dict[str, int] = field(default_factory=dict)
    """Declared cells, by the word that declares them."""
    counts: Counter[str] = field(default_factory=Counter)
    """integer, decimal; of both, negative; of integers, long (2**53 or more), big (beyond int64), huge (and uint64)."""
    overflow: Mask | None = None
    """Finite numbers that float64 holds as infinity."""
    underflow: int = 0
    """Numbers other than 0 that float64 holds as 0."""
    extent: tuple[int, int] | None = None
    """The exact extremes of integers that the values hold rounded."""


def read(text: Cells, others: np.ndarray, lexicon: Lexicon, integers: str | None) -> Reading:
    """Read every cell but null ones and `others` (int64, ascending).

    They have to be numbers, with a point and without blanks; raises ArrowInvalid if one is not.
    `integers`: None for float64; or the dtype that is wanted if all are integers that it holds: "int64", "uint64",
    "auto" for the first of the two that fits. Otherwise float64.
    """
    array = text.without(others)
    if integers in ("int64", "auto") and text.longest <= LONGEST_INT64 + 1:
        try:
            return _read_int64(text, array, others, lexicon)
        except pa.ArrowInvalid:
            pass  # a decimal, a sign: float64 reads them
    return _read_float64(text, array, others, lexicon, integers)


def _read_int64(text: Cells, array: pa.Array, others: np.ndarray, lexicon: Lexicon) -> Reading:
    if text.count("."):
        raise pa.ArrowInvalid("not an integer")
    found = Reading(_cast(array, pa.int64(), np.int64), _absent(text, others))
    _set_declared_apart(found, text, lexicon)
    found.counts["integer"] = _present(found)
    if found.counts["integer"]:
        low, high = int(found.values.min()), int(found.values.max())
        if low < 0:
            found.counts["negative"] = _count(found, found.values < 0)
        if low <= -EXACT or high >= EXACT:
            found.counts["long"] = _count(found, (found.values <= -(2**53)) | (found.values >= 2**53))
    return found


def _read_float64(text: Cells, array: pa.Array, others: np.ndarray, lexicon: Lexicon, integers: str | None) -> Reading:
    found = Reading(_cast(array, pa.float64(), np.float64), _absent(text, others))
    _set_declared_apart(found, text, lexicon)
    apart = others if found.declared is None else np.union1d(others, np.flatnonzero(found.declared))
    exponents, present = _count_exponents(text), _present(found)
    decimals = _decimals(text, apart, present, exponents)
    if exponents or text.longest >= LONGEST_PLAIN:
        decimals += _find_overflow(found, text)
        found.underflow = _underflow(found, text)
    found.counts["integer"], found.counts["decimal"] = present - decimals, decimals
    if text.count("-"):
        found.counts["negative"] = _count(found, found.values < 0)
    if present > decimals:
        _measure_long(found, text, decimals)
    if integers is not None and not decimals:
        _keep_exact(found, text, apart, integers)
    return found


def _cast(array: pa.Array, arrow_type: pa.DataType, dtype: type[np.generic]) -> np.ndarray:
    if len(array) > 8 * CANARY:
        array.slice(0, CANARY).cast(arrow_type)
    return values(array.cast(arrow_type), dtype)


def _absent(text: Cells, others: np.ndarray) -> Mask | None:
    if not others.size:
        return text.null
    absent = np.zeros(len(text), dtype=bool) if text.null is None else text.null.copy()
    absent[others] = True
    return absent


def _present(found: Reading) -> int:
    return found.values.size - (0 if found.absent is None else int(np.count_nonzero(found.absent)))


def _count(found: Reading, mask: Mask) -> int:
    return int(np.count_nonzero(_kept(found, mask)))


def _kept(found: Reading, mask: Mask) -> Mask:
    """What stands in absent cells means nothing."""
    return mask if found.absent is None else mask & ~found.absent


def _set_declared_apart(found: Reading, text: Cells, lexicon: Lexicon) -> None:
    """Cells whose number is a declared one become absent."""
    for number, word in lexicon.declared_numbers.items():
        hits = _equal(found.values, number)
        if hits is None or not (hits := _kept(found, hits)).any():
            continue
        if abs(number) >= EXACT and found.values.dtype.kind == "f":  # rounding has made others equal
            where = np.flatnonzero(hits)
            cells = text.take(where).dictionary_encode()
            same = np.array([exact(cell) == number for cell in cells.dictionary.to_pylist()])
            hits[where] = same[values(cells.indices, np.int32)]
            if not hits.any():
                continue
        found.spellings[word] = int(np.count_nonzero(hits))
        found.declared = hits if found.declared is None else found.declared | hits
        found.absent = hits.copy() if found.absent is None else found.absent | hits


def _equal(numbers: np.ndarray, wanted: int | float) -> Mask | None:
    if numbers.dtype.kind == "f":
        return numbers == float(wanted)
    if isinstance(wanted, float) and not wanted.is_integer():
        return None
    held = np.iinfo(numbers.dtype)
    return numbers == int(wanted) if held.min <= wanted <= held.max else None


def _count_exponents(text: Cells) -> int:
    return text.count("e") + text.count("E") if text.highest >= ord("E") else 0


def _decimals(text: Cells, apart: np.ndarray, present: int, exponents: int) -> int:
    """How many of the cells that are not set apart have a point or an exponent."""
    points = text.count(".")
    if apart.size:
        rest = Cells(text.take(apart))
        points -= rest.count(".")
        exponents -= _count_exponents(rest)
    if not exponents or points == present:  # a number has at most one point
        return points
    marks = np.zeros(256, dtype=bool)
    marks[[ord("."), ord("e"), ord("E")]] = True
    cells = text.owners(np.flatnonzero(marks[text.bytes]))
    return cells.size - (np.intersect1d(cells, apart, assume_unique=True).size if apart.size else 0)


def _find_overflow(found: Reading, text: Cells) -> int:
    """Mark the numbers that read as infinite. Gives the number of integers among them: they count as decimals."""
    overflow = _kept(found, np.isinf(found.values))
    where = np.flatnonzero(overflow)
    if not where.size:
        return 0
    found.overflow = overflow
    return int(np.count_nonzero(Cells(text.take(where)).matches(INTEGER)))


def _underflow(found: Reading, text: Cells) -> int:
    zeros = np.flatnonzero(_kept(found, found.values == 0) & (text.lengths >= SHORTEST_UNDERFLOW))
    if not zeros.size:
        return 0
    digits = pc.match_substring_regex(text.take(zeros), pattern=r"\A[^eE]*[1-9]")
    return int(digits.true_count)


def _measure_long(found: Reading, text: Cells, decimals: int) -> None:
    """Count integers by size. Where float64 is not sure, its text tells."""
    numbers = found.values
    if numbers.max() < EXACT and numbers.min() > -EXACT:
        return
    long = np.flatnonzero(_kept(found, (np.abs(numbers) >= EXACT) & np.isfinite(numbers)))
    if decimals and long.size:
        long = long[Cells(text.take(long)).matches(INTEGER)]
    x = numbers[long]
    unsure = (np.abs(x) == 2.0**63) | (x == 2.0**64)
    big, huge = (np.abs(x) > 2.0**63) & ~unsure, ((x < -(2.0**63)) | (x > 2.0**64)) & ~unsure
    counts = found.counts
    counts.update(long=long.size, big=int(np.count_nonzero(big)), huge=int(np.count_nonzero(huge)))
    for cell, times in spelt(text.take(long[unsure])).items():
        value = int(exact(cell))
        counts["big"] += times * (not -(2**63) <= value < 2**63)
        counts["huge"] += times * (not -(2**63) <= value < 2**64)


def _keep_exact(found: Reading, text: Cells, apart: np.ndarray, integers: str) -> None:
    """All are integers: take them as such where the dtype holds them, and otherwise note the extremes."""
    counts = found.counts
    dtype: type[np.generic] | None = None
    if integers in ("auto", "int64") and not counts["big"]:
        dtype = np.int64
    elif integers in ("auto", "uint64") and not counts["huge"] and not counts["negative"]:
        dtype = np.uint64
    if dtype is None:
        found.values = found.values + 0.0  # among integers, -0 is 0
        if counts["long"]:
            found.extent = _extent(found, text)
    elif not counts["long"]:
        with np.errstate(invalid="ignore"):  # what stands in absent cells means nothing
            found.values = found.values.astype(dtype)
    else:
        plain = text.without(apart)
        if text.count("+") or text.count("-"):  # Arrow's integers have no +, and its unsigned ones no -0
            plain = pc.replace_substring_regex(plain, pattern=r"\A(?:\+|-(0+)\z)", replacement=r"\1")
        found.values = values(plain.cast(pa.from_numpy_dtype(np.dtype(dtype))), dtype)


def _extent(found: Reading, text: Cells) -> tuple[int, int]:
    present = found.values if found.absent is None else found.values[~found.absent]
    low, high = (
        [int(exact(cell)) for cell in spelt(text.take(np.flatnonzero(_kept(found, found.values == end))))]
        for end in (present.min(), present.max())
    )
    return min(low), max(high)


def spelt(array: pa.Array) -> dict[str, int]:
    """How often each text stands in an array without nulls."""
    found = pc.value_counts(array)
    return dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))

"""Values that stand for "missing"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from nanclean.column import Column, Mask, Numbers
from nanclean.detector import Detector, Figures, Hits, Severity, Telling, nothing
from nanclean.detectors._gaps import Number, peeled, wide
from nanclean.detectors._spelling import escaped_for_re2, matching
from nanclean.part import learned
from nanclean.wording import listed, quoted, several, shown


def _special() -> frozenset[float]:
    """Values that somebody, in some field, writes for "no value"."""
    same = [float(digit * n) for digit in "987" for n in range(2, 11)]  # 99, 999, 9999 …
    tenths = [float("9" * n + end) for n in range(2, 6) for end in (".9", ".99", ".999")]  # 99.9, 999.99 …
    limits = [2.0**bits - 1 for bits in (8, 16, 31, 32, 63, 64)] + [2.0**15 - 1, 2.0**64 - 2]
    lowest = [-(2.0**bits) for bits in (7, 15, 31, 63)] + [-127.0, -32767.0, -2147483647.0, -(2.0**63) + 2]
    largest = [3.4028234663852886e38, 1.7976931348623157e308, 1.797e308, 9.969209968386869e36, 1e20, 1e30]
    several_signs = [*same, *tenths, *largest]
    single = [-1.0, -9.0, -999.25, -9999.25, -88.8888, -200.0, -365.0, 365243.0]
    return frozenset([*several_signs, *(-value for value in several_signs), *limits, *lowest, *single])


SPECIAL = _special()
REPEATED = 3
FEW = 10
"""Columns of no more different values hold codes: a special value must stand further apart there."""
MANY = 3
"""Columns in which the same negative value is the only one."""
SYMBOL_WORDS = frozenset({"#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!", "#n/a", "\\n"})
SYMBOLS = frozenset("? ?? ??? . .. ... - -- --- * ** _ __ # ! / – —".split())


@dataclass(frozen=True)
class End:
    """The outermost value of one side: its cells, and its neighbour."""

    value: Number
    count: int
    next: Number

    @property
    def gap(self) -> float:
        return abs(float(self.next) - float(self.value))


@dataclass(frozen=True)
class Standin(Detector):
    """Values that look like a stand-in for "missing": 99 among days of a month, -999, a 0 no stone can measure, "?".

    Found where the evidence is plain: a value that is known to be used so (-1, 99, -999, 365243, the largest float …)
    three times or more at an end, with a gap of at least 0.3 of the range of the others; a negative value that is
    the only one, in three columns or more; a 0 among positive values that stay away from it; a symbol
    (`?`, `-`, `.`, `#DIV/0!`) in a column of text.

    Why it matters: to a model 99 is the last day of a very long month. Nothing crashes, and mean, scaling and every
    weight are wrong.

    Beware: it is a suggestion, and only somebody who knows the data can say whether it is right. A stand-in in the
    middle of the values, a date such as 1900-01-01, and 9 on a scale of 1 to 5 are not found: declare them with
    `missing = ["9"]`.
    """

    name: ClassVar[str] = "standin"
    needs: ClassVar[tuple[str, ...]] = (
        *("ends", "gaps", "min", "max", "q1", "median", "q3", "finite", "distinct", "zero", "negative"),
        *("min_positive", "top", "details", "type", "bits"),
    )
    applies: ClassVar[frozenset[str]] = frozenset({"integer", "float", "text"})
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    roles: ClassVar[frozenset[str]] = frozenset({"feature"})
    apart: ClassVar[bool] = True
    example: ClassVar[str] = "standin"

    familiar: tuple[tuple[int | float, int], ...] | None = learned()
    """Values that are stand-ins in several columns, and in how many."""
    numbers: tuple[int | float, ...] | None = learned()
    words: tuple[str, ...] | None = learned()

    def survey(self, columns: Sequence[Figures]) -> Self:
        numeric = [figures for figures in columns if _judged(figures)]
        lone: Counter[Number] = Counter(end.value for end in map(_lone_negative, numeric) if end is not None)
        known = sorted(value for value, count in lone.items() if count >= MANY)
        lowest = Counter(end.value for end in map(_below_zero, numeric) if end is not None)
        familiar = [(value, lowest[value]) for value in known]
        zeros = sum(map(_impossible_zero, numeric))
        if zeros > 1:
            familiar.append((0, zeros))
        return replace(self, familiar=tuple(familiar))

    def fit(self, figures: Figures) -> Self:
        if figures["type"] == "text":
            return replace(self, words=tuple(sorted(_symbols(figures))), numbers=())
        return replace(self, words=(), numbers=tuple(dict.fromkeys(_numbers(figures, dict(self.familiar or ())))))

    def suspects(self, figures: Figures) -> bool:
        return bool(self.numbers or self.words)

    def touches(self, column: Column) -> bool:
        if not isinstance(column, Numbers):
            return bool(self.words)
        if column.extent is None:
            return False
        low, high = column.extent
        return any(low.item() <= number <= high.item() for number in self.numbers or ())

    def mask(self, column: Column) -> Mask:
        if not isinstance(column, Numbers):
            return matching(column, f"(?i:{escaped_for_re2(self.words)})") if self.words else nothing(column)
        mask = nothing(column)
        for number in self.numbers or ():
            mask |= _equal(column.values, number)
        if column.absent is not None:
            mask &= ~column.absent
        return mask

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        cells = several(hits.count, "cell")
        hint = f"{quoted(figures['name'])}: standin -> blank"
        if not values:
            kind = "a symbol" if self.words else "a special value apart from all others"
            return Telling(f"{kind} in {cells}", hint)
        if self.words:
            quotes = [f'"{word}"' for word in self.words]
            return Telling(f"{listed(quotes)} in {cells} of a text column", hint)
        numbers = self.numbers or ()
        evidence = "; ".join(filter(None, (self._evidence(number, figures) for number in numbers)))
        return Telling(f"{listed([shown(number) for number in numbers])} in {cells}, {evidence}", hint)

    def _evidence(self, number: Number, figures: Figures) -> str:
        if number == 0 and figures["negative"] == 0:
            return f"the next larger is {shown(figures['min_positive'])}"
        columns = dict(self.familiar or ()).get(number)
        if columns is not None and number < 0 and figures["min"] == number:
            return f"the only negative value here and in {several(columns - 1, 'other column')}"
        for side, word in (("low", "smallest"), ("high", "largest")):
            for end in _from_outside(figures, side):
                if end.value == number:
                    return f"next {word} is {shown(end.next)}"
        return ""


def _judged(figures: Figures) -> bool:
    return figures["type"] in ("integer", "float") and bool(figures["finite"]) and figures["ends"] is not None


def _equal(values: np.ndarray, number: Number) -> Mask:
    """Where the values are this number; integers exactly."""
    if values.dtype.kind in "iu":
        held = np.iinfo(values.dtype)
        if number != int(number) or not held.min <= number <= held.max:
            return np.zeros(len(values), dtype=bool)
        return np.asarray(values == values.dtype.type(int(number)))
    with np.errstate(over="ignore"):
        held_number = values.dtype.type(number)
    if not np.isfinite(held_number) or float(held_number) != number:
        return np.zeros(len(values), dtype=bool)
    return np.asarray(values == held_number)


def _is_special(value: Number, figures: Figures) -> bool:
    """Also as float32 and float16 hold it: 99.99 is 99.98999786376953 there."""
    if float(value) in SPECIAL:
        return True
    digits = {32: 1e-7, 16: 1e-3}.get(figures["bits"] or 64)
    if digits is None or figures["type"] != "float":
        return False
    return any(abs(float(value) - special) <= digits * abs(special) for special in SPECIAL)


def _numbers(figures: Figures, familiar: Mapping[Number, int]) -> Iterator[Number]:
    if not _judged(figures):
        return
    for side in ("low", "high"):
        for end in _from_outside(figures, side):
            if _stands_apart(figures, end, side):
                yield end.value
    low = _below_zero(figures)
    if low is not None and low.value in familiar:
        yield low.value
    if _impossible_zero(figures) or (0 in familiar and _doubtful_zero(figures)):
        yield 0


def _end(figures: Figures, side: str) -> End | None:
    value, count, following = figures["ends"][side]
    return None if following is None else End(value, count, following)


def _from_outside(figures: Figures, side: str) -> Iterator[End]:
    """The outermost values of one side, as long as there is a wide gap on both sides of each."""
    end = _end(figures, side)
    gaps = wide(figures)
    n, gone = figures["finite"], 0
    while end is not None:
        yield end
        gone += end.count
        if side == "low":
            end = next((End(g.below, n - g.cells_above - gone, g.above) for g in gaps if g.below == end.next), None)
        else:
            end = next((End(g.above, g.cells_above - gone, g.below) for g in gaps if g.above == end.next), None)


def _stands_apart(figures: Figures, end: End, side: str) -> bool:
    """A special value, repeated, with a gap."""
    if end.count < REPEATED or not _is_special(end.value, figures):
        return False
    others = _others(figures, end, side)
    if figures["distinct"] is None or figures["distinct"] > FEW:
        if end.value == -1 and end.next < 0:
            return False
        return end.gap >= 0.3 * others
    return figures["distinct"] > 3 and end.value != -1 and end.gap >= 2 * others > 0


def _others(figures: Figures, end: End, side: str) -> float:
    """The range of the others: up to what is not far from all others at the opposite end, nor special there."""
    rest = peeled(figures)
    opposite = "high" if side == "low" else "low"
    edge = figures["max"] if side == "low" else figures["min"]
    if rest is not None:
        edge = rest.high if side == "low" else rest.low
    for other in _from_outside(figures, opposite):
        if other.value == edge and other.count >= REPEATED and _is_special(other.value, figures):
            edge = other.next
    return abs(float(edge) - float(end.next))


def _below_zero(figures: Figures) -> End | None:
    """The only negative value; of -1 only where 0 is not among the others, for -1, 0, 1 is a scale."""
    end = _end(figures, "low")
    if end is None or not end.value < 0 <= end.next or figures["negative"] != end.count:
        return None
    return None if end.value == -1 and end.next == 0 else end


def _lone_negative(figures: Figures) -> End | None:
    """A special value that is the only negative one, further away than the others are from each other."""
    end = _below_zero(figures)
    if end is None or end.count < REPEATED or not _is_special(end.value, figures):
        return None
    distinct = figures["distinct"]
    if distinct is None:
        return end
    if distinct < 3:  # one value beside it: -1 and 1 are a scale
        return None
    spacing = (float(figures["max"]) - float(end.next)) / (distinct - 2)
    return end if end.gap > 1.5 * spacing else None


def _impossible_zero(figures: Figures) -> bool:
    """0, though the others stay away from it by more than their middle half is wide."""
    if not _doubtful_zero(figures) or 5 * figures["zero"] > figures["finite"]:
        return False
    return bool(figures["min_positive"] >= figures["q3"] - figures["q1"] > 0)


def _doubtful_zero(figures: Figures) -> bool:
    """0 repeated, nothing negative, and the smallest other value not small: no counts, no long tail towards 0."""
    zero, n, low = figures["zero"], figures["finite"], figures["min_positive"]
    if not zero or zero < REPEATED or 2 * zero > n or figures["negative"] or low is None:
        return False
    if figures["distinct"] is not None and figures["distinct"] <= FEW:
        return False
    median, q3 = figures["median"], figures["q3"]
    middle_of_others = median + (q3 - median) * 2 * zero / n  # the zeros hold the lower ranks
    whole = all(float(x).is_integer() for x in (low, figures["q1"], median, q3, figures["max"]))
    return low >= 0.25 * median and low >= 0.1 * middle_of_others and (not whole or median > 20)


def _symbols(figures: Figures) -> set[str]:
    """Symbols that are no ordinary text of this column."""
    found = {key.removeprefix("wide:") for key in figures["details"] if key.startswith("wide:")}
    top = [str(value).strip() for value, _ in figures["top"] or ()]
    found = {word for word in found | set(top) if word in SYMBOLS or word.lower() in SYMBOL_WORDS}
    others = [value for value in top if value not in found]
    strange = [value for value in others if not any(c.isalnum() for c in value)]
    if 2 * len(strange) >= max(len(others), 1) or len(found & SYMBOLS) > 3:  # + and -, or the punctuation of a text
        return set()
    if {"*", "**"} <= found:  # marks of significance
        found -= {"*", "**"}
    return found

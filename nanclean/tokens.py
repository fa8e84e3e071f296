"""What a single cell of text is: the spellings of "missing", and the grammar of numbers, booleans and times.

Everything here works on one string and is plain enough to be checked by eye. `kinds` and `literals`
give the same answers for whole columns, and are tested against this module.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal

import numpy as np

BLANKS = " \t"
"""White space that may stand around a number, a token, a boolean or a time."""

PANDAS = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)
"""What pandas' read_csv takes for missing. The narrow list, letter by letter: in a column of text, "None" is missing
and "none" may be an answer."""

WIDE = frozenset(
    {
        *("?", ".", "..", "...", "-", "--", "---", "*", "**", "_", "x", "nil", "missing", "unknown", "unk"),
        *("not available", "not applicable", "n.a.", "na.", "void", "undefined", "nat", "tbd", "nd", "bdl", "s", "nr"),
        *("tr", "#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!", "\\n"),
        *(f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
        *(word.lower() for word in PANDAS if word),
    }
)
r"""The wide list, in lower case: symbols, spreadsheet errors, `\N` of databases, `.a` to `.z` of SAS and Stata."""

# The patterns are read by Python's re and by RE2 (in Arrow) alike, so: no look-around, no \d, no $.
# A trailing point ("5.") is a number, as it is for pandas and R.
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
INTEGER = r"[+-]?[0-9]+"

_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"


def _date(separator: str) -> str:
    short = rf"(?:0[1-9]|1[0-2]){separator}(?:0[1-9]|1[0-9]|2[0-8])"
    long = rf"(?:0[13-9]|1[0-2]){separator}(?:29|30)|(?:0[13578]|1[02]){separator}31"
    return rf"{_YEAR}{separator}(?:{short}|{long})|{_LEAP}{separator}02{separator}29"


_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
TIME = f"(?:(?:{_date('-')}|{_date('/')})(?:[ T]{_CLOCK}{_ZONE}?)?|{_CLOCK})"
"""Dates (`-` or `/`) of the years 1 to 9999 with an optional time of day and offset from UTC, and times of day."""


class Kind(IntEnum):
    """What a cell of text is. Lexical classes, but that numbers are told apart later, when they are read."""

    EMPTY = 0
    DECLARED = 1
    NARROW = 2
    WIDE = 3
    NAN = 4
    POS_INF = 5
    NEG_INF = 6
    NUMBER = 7
    BOOLEAN = 8
    TIME = 9
    OTHER = 10


@dataclass(frozen=True)
class Words:
    """What the user said about spellings.

    `declared` are more spellings of "missing": they match numbers as numbers ("-999" is "-999.0") and
    everything else as text without the blanks around it. `decimal` is the sign between whole and fraction.
    """

    missing_list: Literal["auto", "pandas", "none"] = "auto"
    declared: frozenset[str] = frozenset()
    decimal: Literal[".", ","] = "."


class Lexicon:
    """The answers to `Words` for single cells, with a memory. Shared by threads: `lexicon()` gives it."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.auto = words.missing_list == "auto"
        point = re.escape(words.decimal)
        self.number_pattern = NUMBER.replace(r"\.", point)
        self._number = re.compile(self.number_pattern)
        self._time = re.compile(TIME)
        self.declared = frozenset(word.strip(BLANKS) for word in words.declared)
        self.declared_times = sorted(word for word in self.declared if self._time.fullmatch(word))
        self.declared_numbers = self._values_of_declared()
        self._lists = {
            "auto": (PANDAS, WIDE),
            "pandas": (PANDAS, frozenset[str]()),
            "none": (frozenset[str](), frozenset[str]()),
        }[words.missing_list]
        self._known: dict[str, Kind] = {}
        self.memo: dict[str, Any] = {}
        """Tables that others derive from these words."""

    def _values_of_declared(self) -> dict[int | float, str]:
        """Declared numbers and infinities by value. Of "-999" and "-999.0", the shorter stands for both."""
        values: dict[int | float, str] = {}
        for word in sorted(self.declared, key=lambda word: (len(word), word)):
            value = self.value(word)
            if value is None and re.fullmatch(NUMBER, word):  # a policy is written with a point for every file
                value = exact(word)
            if value is None and (infinity := _infinity(word.lower())):
                value = infinity
            if value is not None:
                values.setdefault(value, word)
        return values

    def value(self, text: str) -> int | float | None:
        """The number that a text (without blanks) spells, or None. Exact if it is an integer that float64 can reach."""
        return exact(text.replace(",", ".")) if self._number.fullmatch(text) else None

    def kind(self, text: str | None) -> Kind:
        """What a cell is."""
        if not text:
            return Kind.EMPTY
        known = self._known.get(text)
        if known is None:
            known = self._find(text)
            if len(text) <= 64:
                if len(self._known) >= 4096:
                    self._known.clear()
                self._known[text] = known
        return known

    def _find(self, text: str) -> Kind:
        trimmed = text.strip(BLANKS)
        if self.auto and not trimmed:
            return Kind.EMPTY
        if self._number.fullmatch(trimmed):
            return Kind.NUMBER
        if trimmed in self.declared:
            return Kind.DECLARED
        lower = trimmed.lower() if trimmed.isascii() else trimmed
        if lower in ("nan", "+nan", "-nan"):
            return Kind.NAN
        if infinity := _infinity(lower):
            if infinity in self.declared_numbers:
                return Kind.DECLARED
            return Kind.POS_INF if infinity > 0 else Kind.NEG_INF
        narrow, wide = self._lists
        if (trimmed if self.auto else text) in narrow:
            return Kind.NARROW
        if lower in wide:
            return Kind.WIDE
        if lower in ("true", "false"):
            return Kind.BOOLEAN
        return Kind.TIME if self._time.fullmatch(trimmed) else Kind.OTHER

    def is_token_in_text(self, text: str) -> bool:
        """Whether a cell that is declared, a narrow token or a NaN spells "missing" in a column of text.

        Declared numbers do so letter by letter, and NaN if the list says so.
        """
        if text.strip(BLANKS) in self.declared:
            return True
        if self.words.missing_list == "pandas":
            return text in PANDAS
        return self.auto and self.kind(text) in (Kind.NARROW, Kind.NAN)

    def all_words(self) -> frozenset[bytes]:
        """Everything that is neither number nor time nor garbage, in lower case, without blanks; and perhaps more."""
        narrow, wide = self._lists
        signed = {sign + word for sign in ("", "+", "-") for word in ("nan", "inf", "infinity")}
        words = narrow | wide | signed | {"true", "false"} | self.declared
        return frozenset(word.encode().lower() for word in words if word)  # bytes.lower: ASCII letters only

    def word_table(self) -> np.ndarray:
        """bool, (256, 16): whether one of the words has this first byte and this length (15: or more)."""
        table = np.zeros((256, 16), dtype=bool)
        for word in self.all_words():
            for first in {word[:1].lower()[0], word[:1].upper()[0]}:
                table[first, min(len(word), 15)] = True
        return table


@lru_cache(maxsize=16)
def lexicon(words: Words) -> Lexicon:
    """The lexicon of these words, made once."""
    return Lexicon(words)


def exact(text: str) -> int | float:
    """The number that a text with a point spells: an integer if it is written as one and float64 can reach it."""
    value = float(text)
    if math.isinf(value) or not re.fullmatch(INTEGER, text):
        return value
    sign, digits = text[0] == "-", text.lstrip("+-").lstrip("0") or "0"  # int() refuses more than 4,300 digits
    return -int(digits) if sign else int(digits)


def _infinity(lower: str) -> float:
    """Infinity with its sign if a text in lower case spells it, otherwise 0."""
    sign, word = (lower[:1], lower[1:]) if lower[:1] in ("+", "-") else ("", lower)
    return 0.0 if word not in ("inf", "infinity") else -math.inf if sign == "-" else math.inf

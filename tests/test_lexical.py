"""Text cells against a slow reference: the design's rules in plain Python, one cell at a time."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nanclean import times
from nanclean.cells import Cells, strings
from nanclean.column import Numbers, Values
from nanclean.kinds import kinds
from nanclean.lexical import CLASSES, Classes, Words, classify, decode, guess
from nanclean.tokens import PANDAS, lexicon

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"
TYPES = ("integer", "float", "boolean", "time", "text")

# --- the reference

PANDAS_STRINGS = (
    """#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null""".split("|")
)
LONGER_LIST = [
    *"? . .. ... - -- --- * ** _ x nil none missing unknown unk n.a. na. #value! #ref! #div/0! #num! #name?".split(),
    *"#null! \\n void undefined nat tbd nd bdl s nr tr".split(), "not available", "not applicable",
    *("." + letter for letter in "abcdefghijklmnopqrstuvwxyz"), *(word.lower() for word in PANDAS_STRINGS),
]  # fmt: skip


@lru_cache(1 << 17)
def number(text: str, decimal: str = ".") -> int | float | None:
    """The value of a text without blanks; an int if it is written as an integer that float64 can reach."""
    point = re.escape(decimal)
    if not re.fullmatch(rf"[+-]?([0-9]+({point}[0-9]*)?|{point}[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    value = float(text.replace(decimal, "."))
    if re.fullmatch("[+-]?[0-9]+", text) and math.isfinite(value):
        return int(text)
    return value


def infinity(text: str) -> float | None:
    found = re.fullmatch(r"([+-]?)inf(inity)?", text, re.IGNORECASE | re.ASCII)
    return None if not found else -math.inf if found[1] == "-" else math.inf


def is_time(text: str) -> bool:
    return instant(text) is not None


def instant(text: str) -> tuple[bool, Fraction] | None:
    clock = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    found = re.fullmatch(
        rf"(\d{{4}})([-/])(\d\d)\2(\d\d)(?:[ T]{clock}(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?", text, re.ASCII
    )
    try:
        if found:
            year, _, month, day, hour, minute, second, fraction, _, sign, off_hour, off_minute = found.groups()
            moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
            seconds = Fraction((moment - datetime(1970, 1, 1)) // timedelta(seconds=1))
            if sign:
                offset = time(int(off_hour), int(off_minute or 0))
                seconds -= (1 if sign == "+" else -1) * (offset.hour * 3600 + offset.minute * 60)
            return True, seconds + Fraction(f"0.{fraction or 0}")
        found = re.fullmatch(clock, text, re.ASCII)
        if found:
            hour, minute, second, fraction = found.groups()
            moment = time(int(hour), int(minute), int(second or 0))
            seconds = Fraction(moment.hour * 3600 + moment.minute * 60 + moment.second)
            return False, seconds + Fraction(f"0.{fraction or 0}")
    except ValueError:
        pass
    return None


@lru_cache(1 << 10)
def declared_numbers(words: Words) -> list[int | float]:
    trimmed = [word.strip(" \t") for word in words.declared]
    found = [number(word, words.decimal) for word in trimmed]
    found = [number(word) if value is None else value for word, value in zip(trimmed, found, strict=True)]
    return [value for value in [*found, *map(infinity, trimmed)] if value is not None]


@lru_cache(1 << 17)
def lexical_class(cell: str | None, words: Words) -> str:
    text = (cell or "").strip(" \t")
    if not cell or (not text and words.missing_list == "auto"):
        return "empty"
    value = number(text, words.decimal)
    if text in {word.strip(" \t") for word in words.declared} or (
        (value if value is not None else infinity(text)) in declared_numbers(words)
    ):
        return "declared"
    if re.fullmatch(r"[+-]?nan", text, re.IGNORECASE | re.ASCII):
        return "nan"
    if (words.missing_list == "auto" and text in PANDAS_STRINGS) or (
        words.missing_list == "pandas" and cell in PANDAS_STRINGS
    ):
        return "narrow"
    if words.missing_list == "auto" and text.encode().lower().decode() in LONGER_LIST:
        return "wide"
    if infinity(text) is not None:
        return "infinite"
    if value is not None:
        return "integer" if isinstance(value, int) else "decimal"
    if text.encode().lower() in (b"true", b"false"):
        return "boolean"
    return "time" if is_time(text) else "other"


def expected_classes(cells: list[str | None], words: Words) -> dict[str, int]:
    judged = [(lexical_class(cell, words), cell) for cell in cells]
    counts = Counter(name for name, _ in judged)
    values = [
        number((cell or "").strip(" \t"), words.decimal) for name, cell in judged if name in ("integer", "decimal")
    ]
    integers = [value for value in values if isinstance(value, int)]
    counts["long"] = sum(abs(float(value)) >= 2**53 for value in integers)
    counts["big"] = sum(not -(2**63) <= value < 2**63 for value in integers)
    counts["huge"] = sum(not -(2**63) <= value < 2**64 for value in integers)
    counts["negative"] = sum(value < 0 for value in values)
    return {name: counts[name] for name in (*CLASSES, "long", "big", "huge", "negative")}


def expected_type(classes: dict[str, int]) -> str:
    numbers = classes["integer"] + classes["decimal"] + classes["infinite"]
    counted = numbers + classes["boolean"] + classes["time"] + classes["other"]
    if counted == 0:
        return "text" if classes["wide"] else "float"
    if Fraction(numbers, counted) >= Fraction(19, 20):
        return "integer" if classes["integer"] == numbers else "float"
    return next((name for name in ("boolean", "time") if classes[name] == counted), "text")


@lru_cache(1 << 17)
def spelling(cell: str, words: Words, in_text: bool) -> str:
    """Under which name a token is counted."""
    text = cell.strip(" \t")
    value = number(text, words.decimal)
    if in_text or value is None:
        return text
    same = [word for word in words.declared if _as_number(word, words) == value]
    return min((word.strip(" \t") for word in same), key=lambda word: (len(word), word)) if same else text


def _as_number(word: str, words: Words) -> int | float | None:
    text = word.strip(" \t")
    for value in (number(text, words.decimal), number(text), infinity(text)):
        if value is not None:
            return value
    return None


def missing_in_text(cell: str, name: str, words: Words) -> bool:
    if name == "declared":
        return cell.strip(" \t") in {word.strip(" \t") for word in words.declared}
    if name == "nan":
        return words.missing_list == "auto" or (words.missing_list == "pandas" and cell in PANDAS_STRINGS)
    return name in ("empty", "narrow")


def check_numbers(column: Numbers, cells: list[str | None], words: Words) -> None:
    names = [lexical_class(cell, words) for cell in cells]
    missing = ("empty", "declared", "narrow", "wide")
    garbage = ("boolean", "time", "other")
    assert column.empty == names.count("empty")
    tokens = [cell for cell, name in zip(cells, names, strict=True) if name in missing[1:]]
    assert column.tokens == Counter(spelling(cell or "", words, in_text=False) for cell in tokens)
    assert _mask(column.absent, cells) == [name in missing + garbage for name in names]
    assert _mask(column.unparsable, cells) == [name in garbage for name in names]
    assert _mask(column.nan, cells) == [name == "nan" for name in names]
    assert (column.absent is None) == (not any(name in missing + garbage for name in names))
    values = [_value(cell, name, words) for cell, name in zip(cells, names, strict=True)]
    over = [name in ("integer", "decimal") and math.isinf(float(v)) for v, name in zip(values, names, strict=True)]
    under = [
        name in ("integer", "decimal") and v == 0 and bool(re.match("[^eE]*[1-9]", cell or ""))
        for cell, v, name in zip(cells, values, names, strict=True)
    ]
    assert _mask(column.literal_overflow, cells) == over
    assert column.details == +Counter(literal_overflow=sum(over), literal_underflow=sum(under))
    integers = [value for value in values if isinstance(value, int)]
    if column.type == "integer" and not {"decimal", "infinite", "nan"} & set(names):
        low, high = min(integers, default=0), max(integers, default=0)
        dtype = "int64" if low >= -(2**63) and high < 2**63 else "uint64" if low >= 0 and high < 2**64 else "float64"
        assert column.values.dtype == dtype
    else:
        assert column.values.dtype == np.float64
    rounded = column.values.dtype.kind == "f"
    signed = column.type == "float" or "decimal" in names  # among integers, -0 is 0
    right = [
        (float(_point(cell, words) if signed else v) if rounded else v) if isinstance(v, int) else v
        for cell, v in zip(cells, values, strict=True)
        if v is not None
    ]
    got = column.values[~np.array(_mask(column.absent, cells), dtype=bool)].tolist()
    assert list(map(repr, got)) == list(map(repr, right))  # repr: -0.0 and NaN as well
    exact = rounded and column.type == "integer" and "decimal" not in names
    exact = exact and any(abs(float(value)) >= 2**53 for value in integers)
    assert column.big_extent == ((min(integers), max(integers)) if exact else None)


def _point(cell: str | None, words: Words) -> str:
    return (cell or "").strip(" \t").replace(words.decimal, ".")


def _value(cell: str | None, name: str, words: Words) -> int | float | None:
    text = (cell or "").strip(" \t")
    if name in ("integer", "decimal"):
        return number(text, words.decimal)
    return math.nan if name == "nan" else infinity(text) if name == "infinite" else None


def _mask(mask: np.ndarray | None, cells: list[str | None]) -> list[bool]:
    return [False] * len(cells) if mask is None else mask.tolist()


def check_values(column: Values, cells: list[str | None], words: Words) -> None:
    names = [lexical_class(cell, words) for cell in cells]
    both = list(zip(cells, names, strict=True))
    if column.type == "text":
        missing = [missing_in_text(cell or "", name, words) for cell, name in both]
        absent = missing
        wide = Counter("wide:" + (cell or "").strip(" \t") for cell, name in both if name == "wide")
    else:
        missing = [name in ("empty", "declared", "narrow", "wide", "nan") for name in names]
        absent = [name != column.type for name in names]
        wide = Counter()
    assert _mask(column.absent, cells) == absent
    assert _mask(column.unparsable, cells) == [a and not m for a, m in zip(absent, missing, strict=True)]
    assert column.empty == names.count("empty")
    tokens = [cell for (cell, name), gone in zip(both, missing, strict=True) if gone and name != "empty"]
    assert column.tokens == Counter(spelling(cell or "", words, column.type == "text") for cell in tokens)
    assert column.details == wide
    shown = [None if gone else cell for cell, gone in zip(cells, absent, strict=True)]
    if column.type == "boolean":
        shown = [None if cell is None else cell.strip(" \t").lower() == "true" for cell in shown]  # type: ignore[misc]
    assert column.array is not None
    assert column.array.to_pylist() == shown
    column.array.validate(full=True)


def text(cells: list[str | None]) -> pa.Array:
    """As pyarrow's CSV reader gives them: an empty cell is null."""
    valid = np.array([cell is not None for cell in cells], dtype=bool)
    return Cells(strings((cell or "").encode() for cell in cells)).valid_where(valid)


def check(cells: list[str | None], words: Words, types: tuple[str, ...] = TYPES) -> None:
    classes = expected_classes(cells, words)
    array = text(cells)
    assert guess(array, words) == expected_type(classes)
    for type_ in types:
        column, found = decode(array, type_, words)
        assert found.as_dict() == classes
        assert found.settle() == expected_type(classes)
        assert (column.type, column.rows, column.cells, column.null) == (type_, len(cells), len(cells), 0)
        if isinstance(column, Numbers):
            assert column.text is not None
            assert column.text.to_pylist() == array.to_pylist()
            check_numbers(column, cells, words)
        else:
            check_values(column, cells, words)  # type: ignore[arg-type]


# --- random cells

INTEGERS = [
    "0", "-0", "+0", "7", "-7", "+7", "007", "-999", "99", "12345678901234567", "9007199254740991", "9007199254740992",
    "9007199254740993", "-9007199254740993", "999999999999999999", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551614", "18446744073709551615",
    "18446744073709551616", "0009223372036854775807", "+9223372036854775808", "1" + "0" * 40, "-" + "9" * 308,
    "1" * 309, "-" + "9" * 309, "1" * 400, "0" * 400, "0" * 400 + "1", "9223372036854775296", "36893488147419103232",
]  # fmt: skip
DECIMALS = [
    "1.5", "-1.5", "+1.5", ".5", "-.5", "+.5", "5.", "-5.", "0.0", "-0.0", "1e5", "1E5", "1e+5", "1e-5", "1.e5",
    "-999.0", ".5e1", "1e400", "-1e400", "1e-400", "-1e-400", "0e-400", "0.0e5", "1e309", "1.7976931348623157e308",
    "1e23", "0.1", "1.7976931348623159e308", "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
    "0." + "0" * 330 + "1", "0." + "0" * 400, "9007199254740993.0", "8.5e17", "123456789.123456789", "1e99999999999",
    "1e-99999999999", "-9.99e2", "9223372036854775808.0", "0.30000000000000004", "2.2250738585072011e-308",
    "1" + "0" * 309 + ".5",
]  # fmt: skip
SPECIALS = [
    "nan",
    "NaN",
    "NAN",
    "-nan",
    "+NaN",
    "inf",
    "-Inf",
    "+INF",
    "Infinity",
    "-infinity",
    "+inFinity",
    "INFINITY",
]
TIMES = [
    "2020-01-01", "2020/12/31", "2020-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2020-01-01 05:00", "05:00",
    "2020-01-01T05:00:00", "2020-01-01T05:00:00.123456789", "2020-01-01T05:00:00Z", "2020-01-01 05:00:00+00:00",
    "2020-01-01 05:00:00-0500", "2020-01-01 05:00-05", "23:59:59", "23:59:59.5", "00:00", "1999-12-31T23:59:59.5+14:00",
]  # fmt: skip
NEAR_MISSES = [
    "0x1F", "0x", "1_000", "1,000", "1,5", "-1,5e3", ",5", "1.234,5", "$12.30", "12%", "5 kg", "nan(7)", "NaN(123)",
    "1.#INF", "infinit", "in", "na n", "٣", "1٣", "１", "--1", "+-1", "1-2", "1/2", "1.2.3", "1e", "1e+", "e5", ".e5",
    "1e5.0", "1e5e5", "1d5", "1f", "0b1", "1 2", "1\n", "\n1", "1\r", "\x00", "1\x00", "1\xa0", "\xa01", "−5", "tru",
    "truee", "yes", "no", "t", "f", "TRUE!", "2020-02-30", "2019-02-29", "1900-02-29", "2020-13-01", "2020-00-10",
    "2020-01-00", "2020-1-1", "2020-01-01T", "0000-01-01", "2020-01/01", "2020-01-01 24:00", "2020-01-01 5:00", "24:00",
    "12:60", "12:30:60", "2020-01-01T05:00:00.", "2020-01-01Z", "2020-01-01T05:00:00.1234567890", "05:00Z", "20200101",
    "2020-01-01T05:00:00+24:00", "12:3", "٢٠٢٠-٠١-٠١", "1:2:3", "naN-", "-", "+", ".", "+.", "-.", "..", "N/A ", "NA\n",
    "\\N", "\\n", "#N/A N/A", "# N/A", "Nan", "none", "None", "NONE", "na", "Null", "<na>", "\u212aNA", "un\u212anown",
    "ſ", "ß", "blue", "x", "X", "s", "shop 219", "infinityy", "−", "a" * 300, "1" * 20 + "a", "red", "Not Available",
    "not  available", ".a", ".Z", ".aa", "._", "#DIV/0!", "é", "7é",
]  # fmt: skip
BLANK = ["", " ", "\t", "  \t "]
PLAIN = st.one_of(
    st.sampled_from(INTEGERS),
    st.sampled_from(DECIMALS),
    st.sampled_from(SPECIALS),
    st.sampled_from(TIMES),
    st.sampled_from(PANDAS_STRINGS),
    st.sampled_from(LONGER_LIST),
    st.sampled_from(NEAR_MISSES),
    st.sampled_from(["true", "FALSE", "True", "fAlSe"]),
    st.integers(-(2**66), 2**66).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[+-]?[0-9]{0,4}[.,]?[0-9]{0,4}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.datetimes().map(str),
    st.text(alphabet="0123456789+-.,eE_ \tNnaAif/:TZx?#", max_size=8),
    st.text(max_size=5),
)
CELL = st.one_of(
    st.none(),
    PLAIN,
    st.tuples(st.sampled_from(BLANK), PLAIN, st.sampled_from(BLANK)).map("".join),
    st.sampled_from(BLANK[1:]),
).map(lambda cell: cell or None)
CELL = CELL.filter(lambda cell: cell is None or max(cell) < "\ud800" or max(cell) > "\udfff")
DECLARED = [
    "-999", "-999.0", "99", "0", "?", "red", " blue ", "x", "nan", "inf", "-Infinity", "9007199254740992", "1e400",
    "NA", "18446744073709551614", "9223372036854775807", "-1,5", "0.1", "2020-01-01", "true", "é", "", "1e5", "5 kg",
    "shop 219",
]  # fmt: skip
WORDS = st.builds(
    Words,
    missing_list=st.sampled_from(["auto", "pandas", "none"]),
    declared=st.frozensets(st.sampled_from(DECLARED), max_size=3),
    decimal=st.sampled_from([".", ","]),
)
USUAL = st.one_of(st.floats(-1e6, 1e6).map(lambda x: f"{x:.2f}"), st.integers(-1000, 10**6).map(str))
"""Cells of a clean numeric column: garbage must not be all there is."""
SOME = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


LISTED = [
    *(INTEGERS + DECIMALS + SPECIALS + TIMES + NEAR_MISSES + PANDAS_STRINGS + LONGER_LIST + BLANK[1:]),
    *("true", "FALSE", "True", "fAlSe"),
]


ALL_LISTS = {"auto": Words(), "pandas": Words("pandas", frozenset(DECLARED), ","), "none": Words("none")}


@pytest.mark.parametrize("words", ALL_LISTS.values(), ids=ALL_LISTS)
def test_every_listed_cell_alone(words):
    for cell in LISTED:
        for padded in (cell, f" {cell}\t"):
            check([padded], words)


@SOME
@given(st.lists(CELL, max_size=30), WORDS)
def test_every_cell_is_what_the_design_says(cells, words):
    check(cells, words)


@SOME
@given(st.lists(st.one_of(USUAL, USUAL, USUAL, CELL), max_size=80), WORDS)
def test_numeric_columns_with_a_few_odd_cells(cells, words):
    check(cells, words)


@SOME
@given(st.lists(st.sampled_from([*INTEGERS, *(f" {text}" for text in INTEGERS)]), max_size=12), st.booleans(), WORDS)
def test_integers_of_any_size(cells, with_nan, words):
    check([*cells, None, *["nan"] * with_nan], words, ("integer", "float"))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(CELL, min_size=1, max_size=40),
    st.integers(1, 30),
    st.integers(0, 3000),
    WORDS,
    st.sampled_from([*"1a", "1.5", "NA", " 7", "2020-01-01", "1-2", "é"]),
)
def test_long_columns_take_the_paths_for_long_columns(cells, times_, more, words, filler):
    check(cells * times_ + [filler] * more, words)


MANY = {
    "decimals with a comma": lambda i: f"{i * 7919 % 99991},5",
    "decimals": lambda i: f"{i * 7919 % 99991}.25",
    "ranges": lambda i: f"{i * 7919 % 9991}-{i}",
    "exponents": lambda i: f"{i}e-3{i % 40}",
    "padded": lambda i: f" {i}.5 ",
    "timestamps": lambda i: f"2020-{i % 13:02}-{i % 32:02} {i % 25:02}:{i % 60:02}",
    "hexadecimal": lambda i: f"{i:x}",
    "nearly tokens": lambda i: f"na{i}",
    "padded tokens": lambda i: f"NA{' ' * (i % 500)}",
    "units": lambda i: f"{i} kg",
    "padded wide tokens": lambda i: f"{' ' * (i % 300)}x",
    "around 2**64": lambda i: str(2**64 - 1500 + i),
    "around 2**63": lambda i: str(2**63 - 1500 + i),
    "around -2**63": lambda i: str(-(2**63) - 1500 + i),
    "around 2**53": lambda i: str(2**53 - 1500 + i),
    "beyond 2**53 in both ways": lambda i: f"{2**53 + i}.0" if i % 2 else str(2**53 + i),
    "beyond ASCII": lambda i: f"é{i}",
    "trailing points": lambda i: f"{i}." if i % 3 else "-",
    "signs": lambda i: f"+{i}",
    "overflow": lambda i: f"1e{300 + i % 20}",
    "underflow": lambda i: f"-1e-{300 + i % 40}",
    "NaN": lambda i: "nan" if i % 5 else f"{i}.5",
    "times of day": lambda i: f"{i % 24:02}:{i % 61:02}:{i % 59:02}.{i}",
    "mostly nothing": lambda i: None if i % 7 else f"inf{i % 3}",
    "one odd cell at the end": lambda i: f"{i}.5" if i < 2999 else "1-2",
}


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("missing_list", ["auto", "pandas", "none"])
@pytest.mark.parametrize("make", MANY.values(), ids=MANY)
def test_many_different_cells(make, missing_list, decimal):
    check([make(i) for i in range(3000)], Words(missing_list, frozenset({"1e5", "2,25", "7 kg"}), decimal))


# --- laws


@SOME
@given(
    st.lists(st.one_of(USUAL, CELL), max_size=60),
    WORDS,
    st.randoms(use_true_random=False),
    st.integers(1, 5),
    st.sampled_from(TYPES),
)
def test_any_cutting_and_any_order_gives_the_same_classes(cells, words, random, pieces, type_):
    whole = decode(text(cells), type_, words)[1]
    cuts = sorted(random.randrange(len(cells) + 1) for _ in range(pieces))
    parts = [cells[a:b] for a, b in zip([0, *cuts], [*cuts, len(cells)], strict=True)]
    random.shuffle(parts)
    merged = Classes()
    for part in parts:
        merged.merge(decode(text(part), random.choice(TYPES), words)[1])

    assert merged == whole
    assert (merged.settle(), merged.integers) == (whole.settle(), whole.integers)


@SOME
@given(st.lists(st.one_of(USUAL, CELL), max_size=40), st.integers(0, 20), st.integers(0, 20), WORDS)
def test_a_slice_is_read_like_a_copy(cells, before, after, words):
    padded = text(["1.5", None, "x"] * before + cells + ["NA", None] * after)
    sliced = padded.slice(3 * before, len(cells))

    for type_ in TYPES:
        (column, classes), (other, others) = decode(sliced, type_, words), decode(text(cells), type_, words)
        assert classes == others
        assert (column.tokens, column.empty, column.details) == (other.tokens, other.empty, other.details)
        assert _mask(column.absent, cells) == _mask(other.absent, cells)
        if isinstance(column, Numbers):
            assert isinstance(other, Numbers)
            assert column.values.dtype == other.values.dtype
            np.testing.assert_array_equal(column.present, other.present)


@SOME
@given(
    st.lists(
        st.sampled_from([text for text in INTEGERS if len(text) < 100] + ["nan", "7", None]), min_size=1, max_size=20
    ),
    st.integers(1, 4),
)
def test_one_dtype_holds_the_batches_of_a_column_of_integers(cells, size):
    words = Words()
    classes = classify(text(cells), words)
    dtype = classes.integers
    values = [int(cell) for cell in cells if cell and cell != "nan"]

    batches = [cells[at : at + size] for at in range(0, len(cells), size)]
    columns = [decode(text(batch), "integer", words, dtype)[0] for batch in batches]
    assert all(isinstance(column, Numbers) for column in columns)
    if dtype != "float64":
        assert all(column.values.dtype == dtype for column in columns if column.nan is None)
    present = [value for column in columns for value in column.present.tolist() if not math.isnan(value)]
    assert present == [float(value) if dtype == "float64" else value for value in values]
    extents = [column.big_extent or column.extent for column in columns]
    assert min((int(e[0]) for e in extents if e), default=None) == min(values, default=None)
    assert max((int(e[1]) for e in extents if e), default=None) == max(values, default=None)


@pytest.mark.parametrize("places", [[], [0], [7, 8, 9, 12], range(20)])
def test_cells_own_their_bytes(places):
    cells = Cells(text(["ab"] * 10 + ["abc", None, "", "d"] + ["ab"] * 200).slice(8, 50))
    owner = [i for i, cell in enumerate(cells.array.to_pylist()) for _ in cell or ""]

    found = cells.owners(np.array(places, np.int64))  # wrong owners would only cost time: nobody else would notice
    assert found.tolist() == sorted({owner[place] for place in places})


def test_bytes_under_a_null_are_not_counted():
    array = Cells(text(["1.5", "2,5", "NA", "3"])).valid_where(np.array([True, False, False, True]))

    for type_ in TYPES:
        column, classes = decode(array, type_, Words())
        assert +classes.counts == Counter(empty=2, decimal=1, integer=1)
        assert column.empty == 2


def test_an_empty_text_that_is_not_null_is_empty_too():
    for cells in (["", "1", "2.5"], ["", " 1", " 2.5"]):
        column, classes = decode(strings(cell.encode() for cell in cells), "float", Words("pandas"))
        assert (column.empty, classes["empty"], column.absent.tolist()) == (1, 1, [True, False, False])


def test_large_strings_are_read_as_well():
    column, _ = decode(text(["1", None, "blue"]).cast(pa.large_string()), "integer", Words())

    assert isinstance(column, Numbers)
    assert (column.values[0], column.absent.tolist(), column.unparsable.tolist()) == (
        1,
        [False, True, True],
        [False, False, True],
    )


# --- the type


@pytest.mark.parametrize(
    ("cells", "type_"),
    [
        ([], "float"), ([None], "float"), (["NA", None, " "], "float"), (["nan"], "float"),
        (["?"], "text"), (["?", "NA"], "text"), (["a b", "NA", "NA"], "text"), (["1", "?", "?", "?"], "integer"),
        (["1"] * 19 + ["x y"], "integer"), (["1"] * 18 + ["x y"], "text"), (["1"] * 18 + ["inf", "x y"], "float"),
        (["1"] * 37 + ["2.5", "x y", "x y"], "float"), (["inf"], "float"), (["1", "NaN"], "integer"),
        (["1", "true"], "text"), (["true", "FALSE", "?"], "boolean"), (["2020-01-01", "NA", "12:30"], "time"),
        (["2020-01-01", "x y"], "text"), (["1", "1e400"], "float"), (["1", "9" * 400], "float"),
        (["1", "9" * 300], "integer"), (["1", "5."], "float"),
    ],
)  # fmt: skip
def test_the_type_is_settled_from_all_cells(cells, type_):
    assert guess(text(cells), Words()) == type_ == expected_type(expected_classes(cells, Words()))


# --- the catalogue


@pytest.mark.parametrize("token", PANDAS_STRINGS)
def test_pandas_tokens_are_missing_everywhere(token):
    numbers, _ = decode(text(["1", token, "2"]), "integer", Words())
    words, _ = decode(text(["blue", token, "red"]), "text", Words())
    is_nan = "nan" in token.lower() and "#" not in token

    assert numbers.missing.tolist() == words.missing.tolist() == [False, True, False]
    assert numbers.tokens == ({} if is_nan else {token: 1})
    assert words.tokens == {token: 1}


@pytest.mark.parametrize("token", LONGER_LIST)
@pytest.mark.parametrize("change", [str, str.upper, lambda token: f" {token}\t"])
def test_the_longer_list_counts_in_numeric_columns_and_is_told_in_text(token, change):
    cell = change(token)
    if lexical_class(cell, Words()) != "wide":
        return
    numbers, _ = decode(text(["1", cell, "2"]), "integer", Words())
    words, _ = decode(text(["blue", cell, "red"]), "text", Words())

    assert numbers.tokens == {cell.strip(): 1}
    assert (words.missing, words.details) == (None, {f"wide:{cell.strip()}": 1})


def test_the_narrow_list_is_that_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert PANDAS == STR_NA_VALUES == {*PANDAS_STRINGS, ""}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("inf", "pos_inf"), ("-Inf", "neg_inf"), ("Infinity", "pos_inf"), ("INF", "pos_inf"), ("1e400", "pos_inf"),
        ("NaN", "nan"), ("nan", "nan"), ("#N/A", "token"), ("1.#QNAN", "token"), ("1.#INF", "unparsable"),
        ("NaN(123)", "unparsable"), ("  1 ", 1.0),
    ],
)  # fmt: skip
def test_the_table_of_tokens_does_not_depend_on_a_library(cell, found):
    column, _ = decode(text([*["0.5"] * 99, cell]), "float", Words())

    assert isinstance(column, Numbers)
    if isinstance(found, float):
        assert column.values[-1] == found
    elif found == "token":
        assert column.tokens == {cell: 1}
    else:
        assert _mask(getattr(column, found), [None] * 100) == [False] * 99 + [True]
    assert column.literal_overflow is None or cell == "1e400"


def test_integers_keep_every_digit_beside_a_blank():
    column, classes = decode(text(["9007199254740993", None]), "integer", Words())

    assert (column.values.dtype, int(column.values[0]), classes.settle(), column.empty) == (
        np.int64,
        2**53 + 1,
        "integer",
        1,
    )


def test_integers_beyond_every_dtype_keep_their_extremes():
    column, classes = decode(text(["18446744073709551616", "-3", "18446744073709551617"]), "integer", Words())

    assert (classes.settle(), classes.integers, classes["big"], classes["huge"]) == ("integer", "float64", 2, 2)
    assert (column.big_extent, column.values.tolist()) == ((-3, 2**64 + 1), [2.0**64, -3.0, 2.0**64])


@example(["1.5", "-0", "1"])
@given(st.lists(st.one_of(st.integers(-(2**60), 2**60).map(str), USUAL)))
def test_a_column_of_floats_does_not_depend_on_its_neighbours(cells):
    alone = [decode(text([cell]), "float", Words())[0].values[0] for cell in cells]

    assert list(map(repr, decode(text(cells), "float", Words())[0].values)) == list(map(repr, alone))


# --- times


@SOME
@given(st.lists(st.sampled_from(TIMES) | st.datetimes().map(str) | st.dates().map(str), min_size=1, max_size=50))
def test_extent_of_times(cells):
    first, last = times.extent(text([*cells, None]))

    assert instant(first) == min(instant(cell) for cell in cells)
    assert instant(last) == max(instant(cell) for cell in cells)
    assert _joined(times.extent(text([cell])) for cell in cells) == (first, last)


def _joined(extents):
    whole = None
    for each in extents:
        whole = times.merged(whole, each)
    return whole


def test_extent_of_many_shapes_goes_one_by_one():
    cells = [f"2020-01-01T00:00:00+{hour:02}:{minute:02}" for hour in range(10) for minute in range(10)]

    assert times.extent(text(cells)) == ("2019-12-31T14:51:00Z", "2020-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("array", "first", "last"),
    [
        (["2020-02-03 00:00:00", "2020/01/02"], "2020-01-02", "2020-02-03"),
        (["2020-02-03T04:05", "23:00", "2020-02-03 04:05:00.250"], "23:00:00", "2020-02-03T04:05:00.25"),
        (["05:00:00.5", "04:00:00.25", "05:00:00"], "04:00:00.25", "05:00:00.5"),
        ([f"2020-01-01 05:00:00.{x}" for x in ("59", "53", "5Z")], "2020-01-01T05:00:00.5Z", "2020-01-01T05:00:00.59"),
        (["2020-01-01T00:30+01:00", "2020-01-01T00:00Z"], "2019-12-31T23:30:00Z", "2020-01-01T00:00:00Z"),
        (pa.array([date(2020, 1, 2), None, date(1, 1, 1)]), "0001-01-01", "2020-01-02"),
        (pa.array([0, 1], pa.timestamp("ns")), "1970-01-01", "1970-01-01T00:00:00.000000001"),
        (pa.array([0, 10**6], pa.timestamp("us", "Europe/Berlin")), "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"),
        (pa.array([time(1, 2), time(3, 4, 5, 6)]), "01:02:00", "03:04:05.000006"),
        (pa.array([2**62, 0], pa.timestamp("s")), "1970-01-01", "+146138514283-06-19T07:45:04"),
        (pa.array([-(2**62)], pa.timestamp("s")), "-146138510344-07-14T16:14:56", "-146138510344-07-14T16:14:56"),
        (pa.array([86_400_000], pa.int64()).cast(pa.date64()), "1970-01-02", "1970-01-02"),
    ],
)  # fmt: skip
def test_times_are_shown_as_iso_text(array, first, last):
    array = text(array) if isinstance(array, list) else array

    assert Values(type="time", rows=len(array), cells=len(array), array=array).time_extent == (first, last)


def test_nothing_has_no_extent():
    assert times.extent(text([None])) is None
    assert times.extent(text([])) is None
    assert times.extent(pa.array([1], pa.duration("s"))) is None


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))])))
def test_instants_are_those_of_the_calendar(moment):
    dated, ticks = times.instant(moment.isoformat())

    assert dated
    assert ticks == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


# --- real files, start-up


REAL = sorted(path.name for path in PACK.glob("*.csv")) or ["weather.csv"]


@pytest.mark.parametrize("name", REAL)
def test_every_column_of_the_data_pack(data, name):
    content = (data / name).read_bytes()
    try:
        lines = content.decode("utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError:
        lines = content.decode("latin-1").splitlines(keepends=True)
    records = [record for record in csv.reader(lines) if record]
    for missing_list in ("auto", "pandas", "none") if len(content) < 1_000_000 else ("auto",):
        words = Words(missing_list, frozenset({"99", "?"}))
        for cells in zip(*records[1:], strict=True):
            column = [cell or None for cell in cells]
            check(column, words, (expected_type(expected_classes(column, words)), "text"))


START_UP = """
import sys
import pyarrow as pa
from nanclean import times
from nanclean.cells import strings
from nanclean.lexical import Words, decode, guess

cells = [b"1", b"2.5", b" 7", b"NA", b"nan", b"inf", b"x", b"?", b"2020-01-01", b"true", b"1e400"]
many = [b"%d-%d" % (i, i) for i in range(3000)]
for array in map(strings, (cells, cells * 300, [b"1", b"9" * 20] * 99, [b"2020-01-01"], [b"true"], many)):
    for words in (Words(), Words("pandas", frozenset({"-999", "x"}), ",")):
        guess(array, words)
        for type in ("integer", "float", "text", "boolean", "time"):
            decode(array, type, words)
days = strings([b"2020-01-01"])
times.extent(strings([b"2020-01-01", b"2020-01-01T05:00:00+01:00"]))
times.extent(days.cast(pa.date32()))
times.extent(days.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")))
assert "pandas" not in sys.modules
"""


def test_pandas_is_not_imported():
    folder = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", START_UP], capture_output=True, text=True, cwd=folder, check=False)

    assert done.returncode == 0, done.stderr


def test_kinds_of_a_few_are_the_kinds_of_many():
    cells = LISTED + [f" {cell} " for cell in LISTED]
    for words in (Words(), Words("pandas", frozenset({"é", "ß", "5 kg"}), ","), Words("none")):
        book = lexicon(words)
        different = [f"{i} nothing" for i in range(2000)]  # so many that nobody is asked one by one

        together = kinds(text([*different, *cells]), book)[len(different) :]
        assert together.tolist() == [book.kind(cell) for cell in cells]

"""missing, infinite, unparsable, all_missing, constant, literal_overflow: what they mark, and what they say."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from nanclean.column import Numbers, Values
from nanclean.detector import Telling
from nanclean.part import from_text
from tests.figures_reference import figures_of, hits_of, lexical, numbers, text


def told(name: str, column, values: bool = True, **more) -> Telling | None:
    """What a detector says about a column, if anything."""
    figures = figures_of(column, "price") | more
    find = from_text(name, "detectors").fit(figures)
    if find.needs and not find.suspects(figures):
        return None
    hits = hits_of(find, column)
    return find.tell(figures, hits, values) if hits.count else None


class TestMissing:
    def test_null_and_nan_are_missing_and_infinity_is_not(self):
        column = numbers(np.array([1, math.nan, math.inf, 4]), np.array([False, False, False, True]))
        assert from_text("missing", "detectors").mask(column).tolist() == [False, True, False, True]

    def test_garbage_is_not_missing(self):
        column = lexical(["1", "x!", "", "NA"] + ["2"] * 20, "price").column
        assert from_text("missing", "detectors").mask(column).tolist()[:4] == [False, False, True, True]
        assert from_text("unparsable", "detectors").mask(column).tolist()[:4] == [False, True, False, False]

    def test_the_kinds_are_told_apart(self):
        given = lexical(["1", "", "NA", "?", "nan", "NA"] + ["2"] * 94, "price")
        telling = told("missing", given.column)
        assert telling.message == '5 of 100 cells (5.0%): 1 NaN, 1 empty, 2 written "NA" and 1 written "?"'
        assert told("missing", given.column, values=False).message.endswith("1 NaN, 1 empty and 3 written as text")

    def test_one_kind_is_said_shortly(self):
        column = lexical(["NA"] * 3 + ["2"] * 97, "price").column
        assert told("missing", column).message == '3 of 100 cells (3.0%), all written "NA"'
        assert told("missing", numbers([None, 1, 2])).message == "1 of 3 cells (33.3%), all null"

    @pytest.mark.parametrize(
        ("more", "fix"),
        [
            ({}, "impute(median)"),
            ({"type": "text"}, "impute(mode)"),
            ({"type": "time"}, "drop"),
            ({"type": "list<float>"}, "drop"),
            ({"role": "label"}, "drop"),
            ({"missing": 70}, "drop_column"),
        ],
    )
    def test_the_hint_suits_the_column(self, more, fix):
        column = numbers([None] * 30 + [1] * 70)
        assert told("missing", column, **more).hint == f"price: missing -> {fix}"

    def test_an_id_is_never_invented(self):
        assert told("missing", numbers([None, 1, 2]), role="id").hint is None

    @pytest.mark.parametrize(
        ("format", "severity"), [("npy", "error"), ("array", "error"), ("csv", None), ("parquet", None), (None, None)]
    )
    def test_nan_in_an_array_is_an_error(self, format, severity):
        column = numbers(np.array([1, math.nan]))
        assert told("missing", column, format=format).severity == severity
        assert told("missing", numbers([None, 2]), format=format).severity is None

    def test_nan_in_a_list_is_an_error(self):
        values = np.array([1, math.nan])
        column = Numbers(type="list<float>", rows=1, cells=2, owner=np.zeros(2, np.int64), values=values)
        assert told("missing", column, format="parquet").severity == "error"

    def test_a_column_without_any_value_is_told_by_all_missing(self):
        column = numbers([None, None])
        assert told("missing", column).severity == "info"
        assert told("all_missing", column).message == "all 2 cells are missing"
        assert told("all_missing", column).hint == "price: all_missing -> drop_column"
        assert told("all_missing", numbers(np.array([math.nan]))) is not None
        assert told("all_missing", numbers([None, 1])) is None
        assert told("all_missing", numbers(np.empty(0))) is None
        assert told("all_missing", text([None, None])) is not None


class TestInfinite:
    def test_both_signs_are_counted_apart(self):
        column = numbers(np.array([math.inf, -math.inf, math.inf, math.nan, 1]))
        assert from_text("infinite", "detectors").mask(column).tolist() == [True, True, True, False, False]
        assert told("infinite", column).message == "3 infinite values: 2 inf and 1 -inf"
        assert told("infinite", column).hint == "price: infinite -> blank"

    def test_one_sign_is_said_shortly(self):
        assert told("infinite", numbers(np.array([math.inf, 1]))).message == "1 infinite value: inf"
        assert told("infinite", numbers(np.array([-math.inf] * 2))).message == "2 infinite values: all -inf"

    def test_what_stands_under_a_null_means_nothing(self):
        column = numbers(np.array([math.inf, 1]), np.array([True, False]))
        assert not from_text("infinite", "detectors").mask(column).any()

    def test_a_complex_number_is_infinite_if_a_part_is(self):
        array = np.array([complex("inf+1j"), complex("1+infj"), complex("nan+1j"), 1])
        column = Values(type="complex", rows=4, cells=4, array=array)
        assert from_text("infinite", "detectors").mask(column).tolist() == [True, True, False, False]


class TestUnparsable:
    def test_the_cells_are_quoted_and_escaped(self):
        column = lexical(["x\x1b[31m", "y" * 90] + ["2"] * 90, "price").column
        assert told("unparsable", column).message == ('2 cells are no numbers: "x\\x1b[31m" and "' + "y" * 38 + '.."')
        assert told("unparsable", column, values=False).message == "2 cells are no numbers"

    def test_of_many_the_first_are_named(self):
        column = lexical(["abc", "def"] * 5 + ["2"] * 300, "price").column
        assert told("unparsable", column).message == '10 cells are no numbers, first "abc" and "def"'


class TestConstant:
    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (numbers(np.full(9, 2013)), "2013 in every row"),
            (numbers(np.full(9, 14.62)), "14.62 in every row"),
            (numbers(np.full(3, -math.inf)), None),
            (text(["EUR"] * 4), "EUR in every row"),
            (text(["yes", None, "yes"]), "yes in all 2 cells that are not missing"),
            (Values(type="boolean", rows=2, cells=2, array=pa.array([True, True])), "True in every row"),
            (numbers([None, 7, 7]), "7 in all 2 cells that are not missing"),
        ],
    )
    def test_one_value(self, column, message):
        telling = told("constant", column)
        assert telling.hint == "price: constant -> drop_column"
        assert message is None or telling.message == message
        assert told("constant", column, values=False).message.startswith("the same value in")

    @pytest.mark.parametrize(
        "column",
        [
            numbers(np.array([1, 2])),
            numbers(np.array([7])),
            numbers([None, None, 7]),
            numbers(np.array([math.nan, math.nan])),
            numbers(np.array([1.0, math.inf])),
            text([None]),
        ],
    )
    def test_no_constant(self, column):
        assert told("constant", column) is None

    def test_the_mask_leaves_out_what_is_missing(self):
        column = numbers(np.array([7, math.nan, 7, 7]), np.array([False, False, False, True]))
        find = from_text("constant", "detectors").fit(figures_of(column))
        assert find.mask(column).tolist() == [True, False, True, False]


class TestLiteralOverflow:
    def test_a_number_is_told_from_the_word(self):
        column = lexical(["1e400", "inf", "-1E999", "Infinity", "1"], "price").column
        assert from_text("literal_overflow", "detectors").mask(column).tolist() == [True, False, True, False, False]
        assert told("literal_overflow", column).message == (
            "2 numbers too large for a float64: 1e400 and -1E999\nRead as infinity."
        )

    def test_arrays_have_no_spelling(self):
        assert not from_text("literal_overflow", "detectors").touches(numbers(np.array([math.inf])))

    def test_underflow_is_counted(self):
        find = from_text("literal_underflow", "detectors")
        figures = figures_of(numbers(np.zeros(3)), "price", details={"literal_underflow": 2})
        (verdict,) = find.judge(None, [figures])
        assert verdict.message == "2 numbers read as 0, though not written so"
        assert (verdict.column, verdict.count, verdict.of) == ("price", 2, 3)
        assert list(find.judge(None, [figures_of(numbers(np.zeros(3)))])) == []

"""fill: a constant of the column's own type, or a message before anything is read."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from nanclean.errors import PolicyError, RuleError
from tests.blocks import Source, aimed, csv, fitted, npy, parquet, run

FLOATS = parquet(pa.array([1.0, None]))
INTEGERS = parquet(pa.array([1, None]))
SMALL = parquet(pa.array([1, None], pa.uint8()))
HALVES = parquet(pa.array(np.array([1, np.nan], np.float16)))
SINGLES = parquet(pa.array([1.0, None], pa.float32()))
TEXT = parquet(pa.array(["a", None]))
BOOLEANS = parquet(pa.array([True, None]))
DAYS = parquet(pa.array([datetime.date(2020, 1, 1), None]))


@pytest.mark.parametrize(
    ("source", "fix", "filled"),
    [
        (FLOATS, "fill(0)", 0.0), (FLOATS, "fill(0.5)", 0.5), (INTEGERS, "fill(-7)", -7), (SMALL, "fill(255)", 255),
        (INTEGERS, "fill(3.0)", 3), (SINGLES, "fill(0.1)", float(np.float32(0.1))), (TEXT, "fill(unknown)", "unknown"),
        (TEXT, "fill('not asked')", "not asked"), (BOOLEANS, "fill(False)", False),
        (DAYS, "fill('1999-12-31')", datetime.date(1999, 12, 31)),
        (csv("time", ["2020-01-01", ""]), "fill('12:30')", "12:30"),
        (csv("integer", ["1", "?"]), "fill(0)", 0), (csv("boolean", ["true", ""]), "fill(True)", True),
    ],
)  # fmt: skip
def test_bad_cells_become_the_constant(source: Source, fix, filled):
    after = run(source, fix, "missing")
    assert after[1] == filled
    assert type(after[1]) is type(filled)
    rule = fitted(source, fix, "missing")
    assert rule.fixed(source.block()).changed.tolist() == [False, True]
    kind = source.block().columns["x"].view
    assert type(rule.fixed(source.block()).column) is type(kind)


@pytest.mark.parametrize(
    ("source", "fix", "message", "hint"),
    [
        (INTEGERS, "fill(0.5)", "fill(0.5): x is a column of type integer, and 0.5 is no integer", "write fill(0)"),
        (FLOATS, "fill(zero)", "fill(zero): x is a column of type float", "write fill(0)"),
        (FLOATS, "fill(nan)", "fill(nan): x is a column of type float", "write blank to make cells missing"),
        (FLOATS, "fill(True)", "fill(True): x is a column of type float", "write fill(0)"),
        (SMALL, "fill(256)", "fill(256): x is uint8, which cannot hold 256",
         "fill a value of its type, or cast the column above"),
        (SMALL, "fill(-1)", "fill(-1): x is uint8, which cannot hold -1",
         "fill a value of its type, or cast the column above"),
        (HALVES, "fill(70000)", "fill(70000): x is float16, which cannot hold 70000",
         "fill a value of its type, or cast the column above"),
        (SINGLES, "fill(16777217)", "fill(16777217): x is float32, which cannot hold 16777217",
         "fill a value of its type, or cast the column above"),
        (SINGLES, "fill(1e-300)", "fill(1e-300): x is float32, which cannot hold 1e-300",
         "fill a value of its type, or cast the column above"),
        (TEXT, "fill(0)", "fill(0): x is a column of type text", "write fill('0')"),
        (TEXT, "fill('')", "fill(''): a cell with '' is missing to most who read the file",
         "take another word, or write blank"),
        (TEXT, "fill(NA)", "fill(NA): a cell with 'NA' is missing to most who read the file",
         "take another word, or write blank"),
        (TEXT, "fill(' nan ')", "fill(' nan '): a cell with ' nan ' is missing to most who read the file",
         "take another word, or write blank"),
        (BOOLEANS, "fill(1)", "fill(1): x is a column of type boolean", "write fill(True) or fill(False)"),
        (BOOLEANS, "fill(true)", "fill(true): x is a column of type boolean", "write fill(True) or fill(False)"),
        (DAYS, "fill(yesterday)", "fill(yesterday): x is a column of type time, and 'yesterday' is no time",
         "write fill('2024-12-31')"),
        (DAYS, "fill(2020)", "fill(2020): x is a column of type time", "write fill('2020')"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_told_before_anything_is_read(source, fix, message, hint):
    with pytest.raises(PolicyError) as told:
        aimed(source, fix, "missing")
    assert (told.value.message, told.value.hint) == (message, hint)


def test_a_time_of_another_kind_is_told_before_anything_is_read():
    rule = aimed(DAYS, "fill('12:30')", "missing")
    with pytest.raises(PolicyError) as told:
        rule.fixed(DAYS.block(0, 0))
    assert told.value.message == "fill('12:30'): '12:30' is no date32[day]"
    assert told.value.hint == "write fill('2024-12-31')"


def test_a_value_that_the_find_takes_for_bad_is_told():
    source = npy(np.array([1.0, 500]))
    with pytest.raises(PolicyError) as told:
        aimed(source, "fill(-1)", "range(0, 100)")
    assert told.value.message == "fill(-1): range(0, 100) takes -1 for bad as well"
    assert told.value.hint == "fill another value"
    with pytest.raises(RuleError) as late:
        fitted(npy(np.array([*range(50), 1e6])), "fill(1000)", "iqr")
    assert late.value.message == "x: fill(1000): iqr takes 1000 for bad as well"


def test_elements_of_lists():
    assert run(parquet(pa.array([[1.0, None], [None]])), "fill(0)", "missing") == [1, 0, 0]


def test_a_column_that_is_all_missing_can_be_filled():
    assert run(parquet(pa.array([None] * 3, pa.float64())), "fill(1)", "missing") == [1, 1, 1]

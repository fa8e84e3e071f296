"""clip: fences of the find, or given ones; in the column's own type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.errors import PolicyError, RuleError
from tests.blocks import aimed, csv, fitted, npy, parquet, run

R = np.random.default_rng(5)


@given(st.lists(st.floats(width=32), max_size=40), st.sampled_from([np.float64, np.float32]))
def test_given_bounds_are_those_of_pandas(values, dtype):
    array = np.array(values, dtype)
    after = run(npy(array), "clip(-2, 3)")
    np.testing.assert_array_equal(after, pd.Series(array).clip(-2, 3).to_numpy())


def test_without_bounds_it_takes_the_fences_of_the_find():
    values = np.append(R.normal(50, 10, 500), [1e6, -1e6, np.inf, -np.inf, np.nan])
    rule = fitted(npy(values), "clip", "iqr(1.5)")
    q1, q3 = np.quantile(values[np.isfinite(values)], [0.25, 0.75])
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    assert rule.fix.fences == pytest.approx((low, high), rel=1e-12)
    after = rule.fixed(npy(values).block()).column.values
    np.testing.assert_array_equal(after, np.clip(values, *rule.fix.fences))
    assert np.isnan(after[-1])
    assert rule.fix.told() == f"below {rule.fix.fences[0]!r}, above {rule.fix.fences[1]!r}"


def test_an_open_end_stays_open():
    rule = fitted(npy(np.array([-5.0, 1e9])), "clip", "range(low=0)")
    assert rule.fix.fences == (0, None)
    assert rule.fix.to_json()["fences"] == [0, None]
    assert rule.fix.told() == "below 0"
    assert run(npy(np.array([5.0, 1e300])), "clip", "range(low=2e299)") == [2e299, 1e300]
    assert rule.fixed(npy(np.array([-5.0, 1e9, np.inf])).block()).column.values.tolist() == [0, 1e9, np.inf]


def test_fences_lie_where_the_type_has_a_value():
    assert run(npy(np.array([-9, 5, 99])), "clip", "range(-0.5, 50.7)") == [0, 5, 50]
    after = fitted(npy(np.array([9], np.float32)), "clip(0, 0.1)").fixed(npy(np.array([9], np.float32)).block())
    assert after.column.values.dtype == np.float32
    assert float(after.column.values[0]) <= 0.1
    big = npy(np.array([2**53 + 1], np.int64))
    assert run(big, f"clip(0, {2**53})") == [2**53]


def test_missing_cells_stay_and_infinite_ones_are_pulled_in():
    assert run(parquet(pa.array([None, np.inf, -np.inf, 5.0])), "clip(0, 10)") == [None, 10, 0, 5]
    assert run(csv("float", ["NA", "inf", "50", "x"] * 10), "clip(0, 10)")[:4] == [None, 10, 10, None]
    assert run(npy(np.array([1.0, np.inf])), "clip(0, 10)", "infinite") == [1, 10]


def test_only_bad_cells_are_touched_under_a_find():
    assert run(npy(np.array([1.0, 70, np.inf])), "clip(0, 10)", "infinite") == [1, 70, 10]


def test_a_constant_column_has_no_fences():
    rule = fitted(npy(np.full(40, 7.0)), "clip", "iqr")
    assert rule.fix.fences is None
    assert rule.fix.told() == ""
    assert rule.fixed(npy(np.full(40, 7.0)).block()).column is None


@pytest.mark.parametrize(
    ("fix", "find", "message", "hint"),
    [
        ("clip(0)", None, "clip needs two bounds; it has low=0 alone", "write clip(0, 100)"),
        ("clip(high=9)", "iqr", "clip needs two bounds; it has high=9 alone", "write clip(0, 100)"),
        ("clip(9, 3)", None, "clip(9, 3): low is greater than high", "write clip(3, 9)"),
        ("clip", None, "clip needs two fences, and it has none", "write clip(0, 100), or find with iqr"),
        ("clip", "infinite", "clip needs two fences, and infinite draws none", "write clip(0, 100), or find with iqr"),
        ("clip(0, 9)", "missing", "clip(0, 9) moves values, and missing finds cells without one",
         "write 'x: missing -> impute(median)'"),
        ("clip(0, 90)", "range(0, 50)", "clip(0, 90): range(0, 50) takes its bounds for bad as well",
         "write 'x: range(0, 50) -> clip'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_before_anything_is_read(fix, find, message, hint):
    with pytest.raises(PolicyError) as told:
        aimed(npy(np.array([1.0])), fix, find)
    assert (told.value.message, told.value.hint) == (message, hint)


def test_bounds_without_an_integer_between_them_are_told():
    with pytest.raises(PolicyError, match=r"^clip\(0\.2, 0\.8\): no int64 lies between 0\.2 and 0\.8$"):
        aimed(npy(np.array([1])), "clip(0.2, 0.8)")
    source = npy(np.array([1]))
    rule = fitted(source, "clip", "range(0.2, 0.8)")
    with pytest.raises(RuleError) as told:
        rule.fixed(source.block())
    assert told.value.message == "x: clip: no int64 lies between 0.2 and 0.8"
    assert told.value.hint == "write blank, or cast the column to floats above"


def test_bounds_beyond_the_fences_of_the_find_are_told():
    with pytest.raises(RuleError) as told:
        fitted(npy(np.append(np.arange(50.0), 1e6)), "clip(0, 1000)", "iqr(1.5)")
    assert told.value.message == "x: clip(0, 1000) reaches beyond the fences of iqr, between -25 and 75"
    assert told.value.hint == "write 'x: iqr -> clip'"


def test_bad_cells_between_the_bounds_are_told():
    source = npy(np.array([5.0, 1e6] + [1.0] * 30))
    rule = fitted(source, "clip(0, 100)", "range(0, 100)")
    bad = rule.bad(source.block())
    bad.cells[0] = True
    with pytest.raises(RuleError) as told:
        rule.fix.fix("x", source.block(), bad, {})
    assert told.value.message == (
        "x: clip(0, 100) leaves 1 bad cell in rows 1 to 32, first row 1: they lie between 0 and 100"
    )
    assert told.value.hint == "take narrower bounds, or write blank"


def test_it_proves_that_nothing_lies_beyond_given_bounds():
    source = npy(np.array([1.0, 500]))
    rule = fitted(source, "clip(0, 10)")
    assert rule.fix.proven(source.block().columns["x"].view) == "1 value beyond between 0 and 10"
    assert rule.fix.proven(rule.after(source.block()).columns["x"].view) is None

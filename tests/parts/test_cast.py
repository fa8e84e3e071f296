"""cast: only what survives it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.errors import PolicyError, RuleError
from tests.blocks import aimed, cells, csv, fitted, npy, parquet

TYPES = ["float64", "float32", "float16", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64))]


def cast(source, to: str):
    return fitted(source, f"cast({to})").fixed(source.block()).column


def survives(value: int | float, dtype: np.dtype) -> bool:
    """In words: the same number, or a fraction that is rounded and neither 0 nor infinite."""
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        return np.isfinite(value) and value == int(value) and held.min <= int(value) <= held.max
    if isinstance(value, float) and not np.isfinite(value):
        return True
    with np.errstate(over="ignore"):
        after = float(dtype.type(value))
    if np.isinf(after) or (after == 0) != (value == 0):
        return False
    return int(after) == int(value) if value == int(value) and abs(value) >= 1 else True


INTEGERS = (
    st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300) | st.sampled_from([2**24 + 1, 2**53 + 1, 2**63 - 1])
)
FLOATS = st.floats() | st.floats(width=16) | st.integers(-70_000, 70_000).map(float) | st.sampled_from([2.0**63, -0.0])


@given(st.one_of(INTEGERS, FLOATS), st.sampled_from(TYPES))
def test_a_value_survives_or_is_told(value, to):
    source = parquet(pa.array([value, 0], pa.int64() if isinstance(value, int) else pa.float64(), from_pandas=False))
    dtype = np.dtype(to)
    if not survives(value, dtype):
        with pytest.raises(RuleError, match=r"^x: cast\("):
            cast(source, to)
        return
    column = cast(source, to)
    assert column.values.dtype == dtype
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(column.values[0], dtype.type(value))


@given(st.integers(0, 2**64 - 1), st.sampled_from(TYPES))
def test_large_unsigned_integers(value, to):
    source = parquet(pa.array([value], pa.uint64()))
    if not survives(value, np.dtype(to)):
        with pytest.raises(RuleError):
            cast(source, to)
    else:
        assert int(cast(source, to).values[0]) == value


def test_nulls_stay_null():
    column = cast(parquet(pa.array([1.0, None])), "int8")
    assert (column.type, column.values.dtype, cells(column)) == ("integer", np.int8, [1, None])
    column = cast(csv("integer", ["1", "NA", ""]), "float32")
    assert (column.type, column.values.dtype, cells(column)) == ("float", np.float32, [1, None, None])
    lists = cast(parquet(pa.array([[1, None], None, [3]])), "float16")
    assert (lists.type, cells(lists), lists.empty_rows.tolist()) == ("list<float>", [1, None, 3], [False, True, False])


def test_nan_and_infinity_stay_among_floats():
    values = cast(npy(np.array([np.nan, np.inf, -0.0])), "float32").values
    assert np.isnan(values[0])
    assert values[1] == np.inf
    assert np.signbit(values[2])


def test_booleans_become_integers():
    column = cast(parquet(pa.array([True, None, False])), "int8")
    assert (column.type, column.values.dtype, cells(column)) == ("integer", np.int8, [1, None, 0])
    column = cast(npy(np.array([True, False])), "uint8")
    assert (column.type, column.values.tolist()) == ("integer", [1, 0])
    image = npy(np.array([[True, False], [False, True]]))
    column = cast(image, "int64")
    assert (column.values.tolist(), column.owner.tolist()) == ([1, 0, 0, 1], [0, 0, 1, 1])


def test_only_what_is_another_number_counts_as_changed():
    source = parquet(pa.array([1.0, 0.1, None, 0.5]))
    assert fitted(source, "cast(float32)").fixed(source.block()).changed.tolist() == [False, True, False, False]
    same = fitted(source, "cast(float64)").fixed(source.block())
    assert same.column is source.block().columns["x"].view or same.changed is None


def test_it_says_what_it_does():
    rule = fitted(parquet(pa.array([1.0])), "cast(float32)")
    assert rule.fix.told() == "to float32"
    assert rule.fix.proven(parquet(pa.array([1.0])).block().columns["x"].view) == "it is float64"


@pytest.mark.parametrize(
    ("values", "to", "said", "hint"),
    [
        ([1e39, 1, -1e300], "float32", "2 values become infinite: row 1: 1e+39 and row 3: -1e+300",
         "add above: 'x: overflow(float32) -> blank'"),
        ([70000.0], "float16", "1 value becomes infinite: row 1: 70000", "add above: 'x: overflow(float16) -> blank'"),
        ([1e-60], "float32", "1 value becomes 0: row 1: 1e-60", "take a larger float, like cast(float64)"),
        ([16777217.0] * 7, "float32", "7 whole numbers become others: row 1: 16777217, row 2: 16777217, "
         "row 3: 16777217, row 4: 16777217, row 5: 16777217 and 2 more", "take a type that holds them"),
        ([2**53 + 1], "float64", "1 whole number becomes another: row 1: 9007199254740993",
         "take a type that holds them"),
        ([1.0, 0.5], "int32", "1 value is no whole number: row 2: 0.5", "take a float, like cast(float32)"),
        ([-1], "uint8", "1 value is beyond uint8: row 1: -1", "add above: 'x: range(0, 255) -> blank'"),
        ([300.0], "uint8", "1 value is beyond uint8: row 1: 300", "add above: 'x: range(0, 255) -> blank'"),
        ([1.0, np.nan], "int8", "1 cell is NaN: row 2: nan", "add above: 'x: missing -> impute(median)'"),
        ([1.0, np.inf], "int8", "1 value is infinite: row 2: inf", "add above: 'x: infinite -> blank'"),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_told(values, to, said, hint):
    source = parquet(pa.array(values, from_pandas=False))
    with pytest.raises(RuleError) as told:
        cast(source, to)
    assert told.value.message == f"x: cast({to}): {said}"
    assert told.value.hint == hint


def test_garbage_is_told():
    source = csv("float", ["1"] * 30 + ["oops"])
    with pytest.raises(RuleError) as told:
        cast(source, "float32")
    assert told.value.message == "x: cast(float32): 1 cell is no number: row 31"
    assert told.value.hint == "add above: 'x: unparsable -> blank'"


def test_an_array_of_integers_has_no_missing_cell():
    from nanclean.tokens import Words

    source = npy(np.array([1.0, -999]), Words(declared=frozenset({"-999"})))
    with pytest.raises(RuleError) as told:
        cast(source, "int8")
    assert told.value.message == "x: cast(int8): 1 cell is missing: row 2"
    assert told.value.hint == "add above: 'x: missing -> impute(median)'"
    assert cells(cast(source, "float32")) == [1, None]


def test_integers_that_were_rounded_when_they_were_read_are_told():
    source = csv("integer", ["9007199254740993", "nan"])
    assert source.block().columns["x"].view.values.dtype == np.float64
    block = fitted(source, "fill(0)", "missing").after(source.block())
    with pytest.raises(RuleError) as told:
        fitted(source, "cast(int64)").fixed(block)
    assert told.value.message == "x: cast(int64): 1 whole number becomes another: row 1: 9007199254740992.0"


def test_a_boolean_is_no_fraction():
    with pytest.raises(PolicyError) as told:
        aimed(parquet(pa.array([True])), "cast(float32)")
    assert told.value.message == "cast(float32): x is boolean, which becomes an integer"
    assert told.value.hint == "write 'x -> cast(int8)'"


def test_an_unknown_type_is_told():
    with pytest.raises(PolicyError, match=r"^cast: to is 'bfloat16'; did you mean float16"):
        aimed(parquet(pa.array([1.0])), "cast(bfloat16)")
    with pytest.raises(PolicyError, match=r"^cast needs to, as in cast"):
        aimed(parquet(pa.array([1.0])), "cast")


@pytest.mark.parametrize("to", TYPES)
def test_no_rows_all_missing_one_row_constant(to):
    assert cast(parquet(pa.array([], pa.float64())), to).values.dtype == to
    assert cells(cast(parquet(pa.array([None, None], pa.float64())), to)) == [None, None]
    assert cells(cast(parquet(pa.array([3.0])), to)) == [3]
    assert cells(cast(parquet(pa.array([7] * 5)), to)) == [7] * 5

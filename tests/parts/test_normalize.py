"""normalize and log1p: the values of scikit-learn and NumPy, and what stops them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.errors import PolicyError, RuleError
from tests.blocks import aimed, csv, fitted, npy, parquet

R = np.random.default_rng(2)
HOWS = ("standard", "minmax", "robust", "maxabs")


def scaled(source, fix: str) -> np.ndarray:
    return fitted(source, fix).fixed(source.block()).column.values


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("values", [R.normal(50, 10, 1000), R.lognormal(size=500), R.integers(-9, 9, 300), [1.0, 2]])
def test_the_values_are_those_of_scikit_learn(how, values):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    scaler = {
        "standard": preprocessing.StandardScaler, "minmax": preprocessing.MinMaxScaler,
        "robust": preprocessing.RobustScaler, "maxabs": preprocessing.MaxAbsScaler,
    }[how]()  # fmt: skip
    values = np.asarray(values, float)
    wanted = scaler.fit_transform(values.reshape(-1, 1)).ravel()
    np.testing.assert_allclose(scaled(npy(values), f"normalize({how})"), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", HOWS)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_finite_values_stay_finite(how, values):
    array = np.array(values)
    small = array * 2.0**-600  # NumPy's own figures overflow
    known = {"mean": small.mean(), "std": small.std()} | dict(
        zip(("q1", "median", "q3"), np.quantile(small, [0.25, 0.5, 0.75]), strict=True)
    )
    rule = fitted(npy(array), f"normalize({how})", **{key: float(value) * 2.0**600 for key, value in known.items()})
    if how == "robust" and beyond(values, known):  # a tiny middle half, and something huge outside of it
        with pytest.raises(RuleError, match="too large for float64"):
            rule.fixed(npy(array).block())
        return
    after = rule.fixed(npy(array).block()).column.values
    assert np.isfinite(after).all()
    if how == "minmax":
        assert after.min() >= 0
        assert after.max() <= 1
    if how == "maxabs":
        assert np.abs(after).max() <= 1


def beyond(values, known):
    """Whether a distance from the median, in interquartile ranges, is no float64. In fractions."""
    median, spread = (Fraction(float(x)) * 2**600 for x in (known["median"], known["q3"] - known["q1"]))
    return bool(spread) and any(abs((Fraction(x) - median) / spread) >= Fraction(2) ** 1024 for x in values)


def test_values_near_the_end_of_float64():
    big = np.array([-1.7e308, 0.0, 1.7e308])
    assert scaled(npy(big), "normalize(minmax)").tolist() == [0, 0.5, 1]
    assert scaled(npy(big), "normalize(maxabs)").tolist() == [-1, 0, 1]
    rule = fitted(npy(big), "normalize(robust)", q1=-1.7e308, median=0.0, q3=1.7e308)
    assert rule.fixed(npy(big).block()).column.values.tolist() == [-0.5, 0, 0.5]
    known = {"mean": -1.7e308, "std": 1e308}
    source = npy(np.array([1.7e308]))
    assert fitted(source, "normalize(standard)", **known).fixed(source.block()).column.values.tolist() == [3.4]


@pytest.mark.parametrize("how", HOWS)
def test_no_spread_gives_0(how):
    value = 0.0 if how == "maxabs" else 14.62
    for n in (1, 1000):
        source = npy(np.full(n, value))
        rule = fitted(source, f"normalize({how})", std=0.0, mean=value)  # as the program measures them: exactly
        assert rule.fixed(source.block()).column.values.tolist() == [0] * n


def test_types():
    assert scaled(parquet(pa.array([1.0, 2], pa.float32())), "normalize(standard)").dtype == np.float32
    for source in (
        parquet(pa.array([1, 2])), parquet(pa.array([1.0, 2])), csv("integer", ["1", "2"]),
        parquet(pa.array(np.array([1, 2], np.float16))), parquet(pa.array([1, 2], pa.uint64())),
    ):  # fmt: skip
        for fix in ("normalize(standard)", "log1p"):
            rule = fitted(source, fix)
            column = rule.fixed(source.block()).column
            assert (column.type, column.values.dtype) == ("float", np.float64)
            empty = aimed(source, fix).fixed(source.block(0, 0)).column
            assert (empty.type, empty.values.dtype) == ("float", np.float64)
    lists = parquet(pa.array([[1, 2], [3]]))
    column = fitted(lists, "normalize(maxabs)").fixed(lists.block()).column
    assert column.type == "list<float>"
    assert column.values.tolist() == [1 / 3, 2 / 3, 1]
    assert column.owner.tolist() == [0, 0, 1]


def test_what_it_learned_is_told():
    assert fitted(npy(np.array([1.0, 3])), "normalize(standard)").fix.told() == "mean 2, std 1"
    assert fitted(npy(np.array([1.0, 3])), "normalize(robust)").fix.told() == "q1 1.5, median 2, q3 2.5"
    assert fitted(npy(np.array([1.0, 3])), "normalize(minmax)").fix.told() == "min 1, max 3"


MISSING = parquet(pa.array([1.0, None, 3.0, None]))
INFINITE = parquet(pa.array([1.0, 2, 3, -np.inf]))
GARBAGE = csv("float", ["1"] * 30 + ["oops", "2"])


@pytest.mark.parametrize("fix", ["normalize(standard)", "log1p"])
@pytest.mark.parametrize(
    ("source", "said", "find"),
    [
        (MISSING, "2 missing cells in rows 1 to 4, first row 2", "missing"),
        (npy(np.array([1, np.nan])), "1 missing cell in rows 1 to 2, first row 2", "missing"),
        (INFINITE, "1 infinite cell in rows 1 to 4, first row 4", "infinite"),
        (GARBAGE, "1 cell that is no number in rows 1 to 32, first row 31", "unparsable"),
        (parquet(pa.array([[1.0], [2.0, None]])), "1 missing cell in rows 1 to 2, first row 2", "missing"),
    ],
)
def test_a_cell_that_is_no_finite_number_stops_it(fix, source, said, find):
    fix_ = fitted(source, fix)
    with pytest.raises(RuleError) as told:
        fix_.fixed(source.block())
    assert told.value.message == f"x: {fix_.fix} cannot take {said}"
    assert told.value.hint == f"add above: 'x: {find} -> impute(median)'"


@pytest.mark.parametrize("fix", ["normalize(standard)", "log1p"])
def test_a_null_list_stops_it(fix):
    source = parquet(pa.array([[1.0], None, [2.0]]))
    with pytest.raises(RuleError) as told:
        fitted(source, fix).fixed(source.block())
    assert told.value.message == f"x: {fix} cannot take 1 null list, first row 2"
    assert told.value.hint == "add above: 'x: missing -> drop'"


def test_rows_are_those_of_the_whole_table():
    block = MISSING.block().where(np.array([False, True, True, False]))
    with pytest.raises(RuleError, match=r"cannot take 1 missing cell in rows 2 to 3, first row 2$"):
        fitted(MISSING, "normalize(standard)").fixed(block)


def test_a_name_with_blanks_is_quoted_so_that_the_hint_can_be_pasted():
    source = parquet(pa.array([1.0]), **{"Body Mass (g)": pa.array([1.0, None])[:1]})
    rule = fitted(source, "normalize(standard)", column="Body Mass (g)")
    bad = parquet(pa.array([1.0]), **{"Body Mass (g)": pa.array([None], pa.float64())})
    with pytest.raises(RuleError) as told:
        rule.fixed(bad.block())
    assert told.value.hint == "add above: \"'Body Mass (g)': missing -> impute(median)\""


@pytest.mark.parametrize("fix", ["normalize(standard)", "log1p"])
def test_an_integer_array_has_to_be_cast(fix):
    with pytest.raises(PolicyError) as told:
        aimed(npy(np.array([1, 2], np.int32)), fix)
    assert told.value.message == f"{fix.partition('(')[0]}: x is an array of int32, which has no room for its results"
    assert told.value.hint == "add above: 'x -> cast(float32)'"


def test_nothing_to_learn_from_is_told():
    with pytest.raises(RuleError) as told:
        fitted(parquet(pa.array([None, None], pa.float64())), "normalize(standard)")
    assert told.value.message == "x: normalize(standard) has nothing to learn from: no cell holds a finite value"
    assert told.value.hint == "add above: 'x: all_missing -> drop_column'"


def test_a_table_without_rows_teaches_nothing_and_is_no_error():
    rule = fitted(parquet(pa.array([], pa.float64())), "normalize(standard)")
    assert rule.fix.figures is None
    assert rule.fix.told() == ""
    assert rule.fixed(parquet(pa.array([], pa.float64())).block()).column.rows == 0
    with pytest.raises(RuleError) as told:
        rule.fixed(parquet(pa.array([1.0])).block())
    assert told.value.message == "x: normalize(standard) was fitted on a table without rows"
    assert told.value.hint == "fit the recipe on a table with values in that column"


def test_a_value_that_grows_too_large_is_told():
    source = parquet(pa.array([1e-300, 2e-300]))
    rule = fitted(source, "normalize(minmax)")
    with pytest.raises(RuleError) as told:
        rule.fixed(parquet(pa.array([1.0, 1e300])).block())
    assert told.value.message == ("x: normalize(minmax): 1 value too large for float64 in rows 1 to 2, first row 2")
    assert told.value.hint == "add above: 'x: iqr(3) -> clip'"


def test_it_proves_that_all_is_finite():
    rule = fitted(parquet(pa.array([1.0])), "normalize(standard)")
    assert rule.fix.proven(parquet(pa.array([1.0])).block().columns["x"].view) is None
    assert rule.fix.proven(INFINITE.block().columns["x"].view) == "a value is not finite"
    assert rule.fix.proven(MISSING.block().columns["x"].view) == "a value is not finite"


def test_logarithms_are_those_of_numpy():
    values = np.append(R.lognormal(5, 3, 1000), [0, -0.5, 1e308, 5e-324, -0.0])
    np.testing.assert_array_equal(scaled(npy(values), "log1p"), np.log1p(values))
    small = values[:1000].astype(np.float32)
    after = scaled(npy(small), "log1p")
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after, np.log1p(small.astype(float)).astype(np.float32))


def test_what_has_no_logarithm_is_told():
    source = parquet(pa.array([5.0, -1.0, 3.0, -7.25, -2, -3, -4, -5, 1]))
    with pytest.raises(RuleError) as told:
        fitted(source, "log1p").fixed(source.block())
    assert told.value.message == (
        "x: log1p: 6 values are -1 or less: row 2: -1, row 4: -7.25, row 5: -2, row 6: -3, row 7: -4 and 1 more"
    )
    assert told.value.hint == "add above: 'x: range(0) -> clip'"

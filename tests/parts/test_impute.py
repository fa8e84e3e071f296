"""impute: the value that pandas would fill in, in the column's own type."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.errors import PolicyError, RuleError
from nanclean.groups import MOST
from tests.blocks import Source, aimed, cells, csv, figures, fitted, npy, parquet, run

R = np.random.default_rng(9)
VALUE = st.none() | st.floats(-1e9, 1e9) | st.sampled_from([np.inf, -np.inf, 3.0, 3.0])
KEY = st.sampled_from(["a", "b", "c", None])


def frame(rows: list[tuple[float | None, str | None]]) -> tuple[Source, pd.DataFrame]:
    values, keys = [value for value, _ in rows], [key for _, key in rows]
    source = parquet(pa.array(values, pa.float64(), from_pandas=False), g=pa.array(keys, pa.string()))
    table = pd.DataFrame({"x": pd.Series(values, dtype=float), "g": pd.Series(keys, dtype=object)})
    return source, table


def plain(source: Source, fix: str) -> np.ndarray:
    return np.array([np.nan if cell is None else cell for cell in run(source, fix, "missing")], float)


@given(st.lists(st.tuples(VALUE, KEY), min_size=1, max_size=40), st.sampled_from(["mean", "median"]))
def test_a_figure_of_the_column_is_that_of_pandas(rows, how):
    source, table = frame(rows)
    finite = table.x[np.isfinite(table.x)]
    if finite.empty:
        with pytest.raises(RuleError):
            fitted(source, f"impute({how})", "missing")
        return
    wanted = table.x.fillna(getattr(finite, how)())
    np.testing.assert_allclose(plain(source, f"impute({how})"), wanted, rtol=1e-12, atol=1e-12)


@given(st.lists(st.tuples(VALUE, KEY), min_size=1, max_size=40), st.sampled_from(["mean", "median"]))
def test_a_figure_of_each_group_is_that_of_pandas(rows, how):
    source, table = frame(rows)
    table["f"] = table.x.where(np.isfinite(table.x))
    if table.f.isna().all():
        return
    of_group = table.groupby("g").f.transform(how)
    wanted = table.x.fillna(of_group).fillna(getattr(table.f, how)())
    np.testing.assert_allclose(plain(source, f"impute({how}, by=g)"), wanted, rtol=1e-12, atol=1e-12)


@given(st.lists(st.tuples(VALUE, KEY), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_the_value_above_is_that_of_pandas(rows, cuts):
    rows = [(None if value is not None and np.isinf(value) else value, key) for value, key in rows]
    source, table = frame(rows)
    for fix, wanted in (
        ("impute(ffill)", table.x.ffill()),
        ("impute(ffill, by=g)", table.groupby("g").x.ffill().where(table.g.notna(), table.x)),
    ):
        rule, found = fitted(source, fix, "missing"), []
        for block in source.blocks(min(cut, source.rows) for cut in cuts):
            found += cells(rule.after(block).columns["x"].view)
        found = np.array([np.nan if cell is None else cell for cell in found], float)
        np.testing.assert_array_equal(found, wanted.to_numpy(float))


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30))
def test_the_mode_is_that_of_pandas(values):
    source, table = parquet(pa.array(values, pa.string())), pd.Series(values, dtype=object)
    if table.isna().all():
        return
    assert run(source, "impute(mode)", "missing") == table.fillna(table.mode()[0]).tolist()


class TestTypes:
    @pytest.mark.parametrize(
        ("values", "type_", "how", "wanted", "told"),
        [
            ([195, 198, 197, 198, None], pa.int64(), "median", 198, "median 197.5 -> 198"),
            ([196, 197, None], pa.int64(), "mean", 196, "mean 196.5 -> 196"),
            ([1, 2, None], pa.uint8(), "median", 2, "median 1.5 -> 2"),
            ([-128, -127, None], pa.int8(), "mean", -128, "mean -127.5 -> -128"),
            ([5, 5, 7, None], pa.int16(), "mode", 5, "mode 5"),
            ([2**63 - 1, None], pa.int64(), "mean", 2**63 - 1, "mean 9.223372036854776e+18 -> 9223372036854775807"),
            ([1.5, None], pa.float32(), "mean", 1.5, "mean 1.5"),
            ([197.0, None], pa.float64(), "median", 197.0, "median 197"),
        ],
    )
    def test_the_column_keeps_its_type(self, values, type_, how, wanted, told):
        source = parquet(pa.array(values, type_))
        rule = fitted(source, f"impute({how})", "missing")
        after = rule.after(source.block()).columns["x"].view
        assert cells(after)[-1] == wanted
        assert after.values.dtype == type_.to_pandas_dtype()
        assert rule.fix.told() == told

    def test_a_value_is_rounded_to_the_precision_of_the_column(self):
        for dtype in (np.float16, np.float32):
            values = np.array([0.1, 0.2, 0.4, np.nan], dtype)
            mean = values[:3].astype(float).mean()
            rule = fitted(npy(values), "impute(mean)", "missing")
            assert rule.fix.value == float(dtype(mean))
            assert rule.fixed(npy(values).block()).column.values[-1] == dtype(mean)
            assert rule.fix.told().startswith("mean 0.")
            assert " -> " not in rule.fix.told()

    def test_integers_that_stand_in_floats_stay_whole(self):
        source = csv("integer", ["1", "2", "nan"] + ["5"] * 5 + ["6"] * 7)
        column = fitted(source, "impute(mean)", "missing").after(source.block()).columns["x"].view
        assert (column.type, column.values.dtype) == ("integer", np.float64)
        assert column.values[2] == 5

    def test_text_booleans_and_times_have_a_mode(self):
        assert run(parquet(pa.array(["x", "y", "y", None])), "impute(mode)", "missing")[-1] == "y"
        assert run(csv("text", ["b", "a", "NA"]), "impute(mode)", "missing")[-1] == "a", "of ties the smallest"
        assert run(parquet(pa.array([True, True, False, None])), "impute(mode)", "missing")[-1] is True
        assert run(csv("boolean", ["false", "False", "true", ""]), "impute(mode)", "missing")[-1] is False
        days = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 1), datetime.date(2021, 1, 1), None]
        assert run(parquet(pa.array(days)), "impute(mode)", "missing")[-1] == days[0]
        moments = [datetime.datetime(2020, 1, 1, 7, 30, 15, 250_000), None]
        assert run(parquet(pa.array(moments)), "impute(mode)", "missing")[-1] == moments[0]
        utc = pa.array([datetime.datetime(2020, 1, 1, 7, tzinfo=datetime.UTC), None], pa.timestamp("ms", "UTC"))
        mode = figures(parquet(utc).block().columns["x"].view, mode="2020-01-01T07:00:00Z")["mode"]
        assert run(parquet(utc), "impute(mode)", "missing", mode=mode)[-1] == utc[0].as_py()

    def test_elements_of_lists_are_filled_one_by_one(self):
        source = parquet(pa.array([[1.0, None], [None, 5.0, 9.0]]))
        assert run(source, "impute(median)", "missing") == [1, 5, 5, 5, 9]
        assert run(npy(np.array([[1, np.nan], [3, 4]])), "impute(mean)", "missing")[1] == pytest.approx(8 / 3)

    def test_other_finds_than_missing(self):
        assert run(parquet(pa.array([1.0, 2, np.inf])), "impute(mean)", "infinite") == [1, 2, 1.5]
        values = [float(i) for i in range(30)] + [1e9]
        assert run(parquet(pa.array(values)), "impute(median)", "iqr")[-1] == 15


class TestGroups:
    SOURCE = parquet(
        pa.array([1.0, None, 5.0, 6.0, None, None, None]), g=pa.array(["a", "a", "b", "b", "b", "c", None])
    )

    def test_what_has_no_group_of_its_own_takes_the_value_of_the_column(self):
        rule = fitted(self.SOURCE, "impute(median, by=g)", "missing")
        assert rule.fix.groups == (("a", 1.0), ("b", 5.5))
        assert rule.fix.told() == "2 groups"
        assert cells(rule.after(self.SOURCE.block()).columns["x"].view) == [1, 1, 5, 6, 5.5, 5, 5]
        new = parquet(pa.array([None, None], pa.float64()), g=pa.array(["never seen", "a"]))
        assert cells(rule.after(new.block()).columns["x"].view) == [5, 1]

    def test_groups_of_integers_and_booleans(self):
        x = pa.array([1.0, None, 5.0, None])
        source = parquet(x, g=pa.array([2**60, 2**60, -1, -1]))
        assert run(source, "impute(mean, by=g)", "missing") == [1, 1, 5, 5]
        source = parquet(x, g=pa.array([True, True, False, False]))
        assert run(source, "impute(mean, by=g)", "missing") == [1, 1, 5, 5]

    def test_a_mode_in_groups(self):
        source = parquet(pa.array(["p", "p", None, "q", None]), g=pa.array([1, 1, 1, 2, 2]))
        assert run(source, "impute(mode, by=g)", "missing") == ["p", "p", "p", "q", "q"]

    def test_long_texts_are_different_groups(self):
        long = ["x" * 70 + "1", "x" * 70 + "2"]
        source = parquet(pa.array([1.0, 5.0, None, None]), g=pa.array(long * 2))
        known = figures(source.block().columns["x"].view)
        from nanclean.groups import key_of

        known["groups"] = {key_of(long[0]): known | {"mean": 1.0}, key_of(long[1]): known | {"mean": 5.0}}
        assert run(source, "impute(mean, by=g)", "missing", groups=known["groups"]) == [1, 5, 1, 5]

    def test_too_many_groups_are_told(self):
        with pytest.raises(RuleError) as told:
            fitted(self.SOURCE, "impute(median, by=g)", "missing", groups=None)
        assert told.value.message == "x: impute(median, by=g): g has more than 1,000 different values"
        assert told.value.hint == "take a column with fewer groups, or leave by out"

    def test_too_many_groups_to_be_filled_from_above_are_told(self):
        n = MOST + 1
        source = parquet(pa.array([1.0] * n), g=pa.array(range(n)))
        rule = fitted(source, "impute(ffill, by=g)", "missing")
        first, second = source.blocks([500])
        assert rule.fixed(first).column is None
        with pytest.raises(RuleError, match="g has more than 1,000 different values"):
            rule.fixed(second)
        fewer = parquet(pa.array([1.0] * MOST), g=pa.array(range(MOST)))
        assert fitted(fewer, "impute(ffill, by=g)", "missing").fixed(fewer.block()).column is None

    def test_a_group_column_that_is_gone_is_told(self):
        rule = fitted(self.SOURCE, "impute(median, by=g)", "missing")
        with pytest.raises(RuleError) as told:
            rule.fixed(self.SOURCE.block().having("g", None))
        assert told.value.message == "x: impute(median, by=g): a rule above has taken g out"
        assert told.value.hint == "put this rule above that one"


class TestFromAbove:
    def test_only_real_values_are_carried_on(self):
        source = parquet(pa.array([2.0, np.inf, None, np.nan, -5.0, None], from_pandas=False))
        assert run(source, "impute(ffill)", "missing") == [2, np.inf, 2, 2, -5, -5]
        assert run(source, "impute(ffill)", "range(0, 10)")[:5] == pytest.approx([2, 2, None, np.nan, 2], nan_ok=True)

    @pytest.mark.parametrize(
        "values",
        [["a", None, "b", None], [True, None, False, None], [b"p", None, b"q", None], [["u"], None, ["v"], None],
         [datetime.timedelta(1), None, datetime.timedelta(2), None], [datetime.date(2020, 1, 1), None, None, None]],
    )  # fmt: skip
    def test_every_type_with_one_cell_in_a_row(self, values):
        source = parquet(pa.array(values))
        for cuts in ([], [1], [1, 2, 3]):
            rule, found = fitted(source, "impute(ffill)", "missing"), []
            for block in source.blocks(cuts):
                found += cells(rule.after(block).columns["x"].view)
            assert found == pd.Series(values, dtype=object).ffill().tolist()

    def test_complex_cells(self):
        array = np.array([complex("nan"), 1j, complex("nan"), complex("inf"), complex("nan")])
        after = fitted(npy(array), "impute(ffill)", "missing").fixed(npy(array).block()).column.array
        assert np.isnan(after[0])
        assert after[1:].tolist() == [1j, 1j, complex("inf"), 1j]

    def test_leading_cells_stay_missing(self):
        source = parquet(pa.array([None, None, 1.0]))
        rule = fitted(source, "impute(ffill)", "missing")
        assert rule.fixed(source.block()).changed is None
        assert not rule.fix.cures
        assert rule.fix.ordered
        assert rule.fix.told() == "filled from above"

    def test_a_leading_cell_with_a_bad_value_becomes_missing(self):
        source = parquet(pa.array([np.inf, 1.0]))
        assert run(source, "impute(ffill)", "infinite") == [None, 1]
        source = npy(np.array([500, 1]))
        with pytest.raises(RuleError) as told:
            run(source, "impute(ffill)", "range(0, 100)")
        assert told.value.message == "x: impute(ffill): nothing stands above 1 bad cell in rows 1 to 2, first row 1"
        assert told.value.hint == "take median instead of ffill, or add a rule above that drops these rows"

    def test_an_array_of_several_cells_in_a_row_is_told(self):
        source = npy(np.ones((3, 2)))
        with pytest.raises(RuleError) as told:
            fitted(source, "impute(ffill)", "missing").fixed(source.block())
        assert told.value.message == "x: impute(ffill) needs one cell in each row"


NUMBERS, TEXT = parquet(pa.array([1.0, None]), g=pa.array([1.0, 2.0])), parquet(pa.array(["a", None]))
LISTS = parquet(pa.array([[1.0]]), g=pa.array(["a"]))
DAYS = parquet(pa.array([datetime.date(2020, 1, 1), None]))


@pytest.mark.parametrize(
    ("source", "fix", "message", "hint"),
    [
        (TEXT, "impute(mean)", "impute(mean): x is a column of type text, which has no mean",
         "write 'x: missing -> impute(mode)'"),
        (DAYS, "impute(median)", "impute(median): x is a column of type time, which has no median",
         "write 'x: missing -> impute(ffill)'"),
        (parquet(pa.array([b"a"])), "impute(mode)",
         "impute(mode): values of type other are not counted, so x has no mode", "write 'x: missing -> drop'"),
        (LISTS, "impute(ffill)", "impute(ffill): ffill needs one cell in each row, and x holds lists",
         "write 'x: missing -> impute(median)'"),
        (LISTS, "impute(mean, by=g)", "impute(mean, by=g): by needs one cell in each row, and x holds lists",
         "write 'x: missing -> impute(median)'"),
        (NUMBERS, "impute(mean, by=h)", "impute(mean, by=h): there is no column 'h'; choose from g, x", None),
        (parquet(pa.array([1.0]), store=pa.array(["a"])), "impute(mean, by=stor)",
         "impute(mean, by=stor): there is no column 'stor'; did you mean 'store'?", None),
        (NUMBERS, "impute(mean, by=g)", "impute(mean, by=g): g is of type float; groups are text, integers or booleans",
         "name another column, or leave by out"),
        (TEXT, "impute(mode, by=x)", "impute(mode, by=x): x cannot be its own group",
         "name another column, or leave by out"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_before_anything_is_read(source, fix, message, hint):
    with pytest.raises(PolicyError) as told:
        aimed(source, fix, "missing")
    assert (told.value.message, told.value.hint) == (message, hint)


def test_a_misspelt_figure_is_an_error_and_never_data():
    with pytest.raises(PolicyError, match=r"^impute: how is 'medain'; did you mean median\?$"):
        aimed(NUMBERS, "impute(medain)", "missing")
    with pytest.raises(PolicyError, match=r"^impute needs how, as in impute"):
        aimed(NUMBERS, "impute", "missing")


@pytest.mark.parametrize(
    ("source", "fix", "message", "hint"),
    [
        (parquet(pa.array([None, None], pa.float64())), "impute(median)",
         "x: impute(median) has nothing to learn from: all cells are missing",
         "add above: 'x: all_missing -> drop_column'"),
        (parquet(pa.array([None], pa.string())), "impute(mode)",
         "x: impute(mode) has nothing to learn from: all cells are missing",
         "add above: 'x: all_missing -> drop_column'"),
        (parquet(pa.array([None, np.inf])), "impute(mean)",
         "x: impute(mean) has nothing to learn from: no cell holds a finite value",
         "add above: 'x: missing -> fill(0)'"),
        (parquet(pa.array([str(i) for i in range(1001)])), "impute(mode)",
         "x: impute(mode): it has more than 1,000 different values, or its most frequent text is longer than 64 bytes",
         "write 'x: missing -> fill(...)' with a value of your own"),
    ],
)  # fmt: skip
def test_nothing_to_learn_from_is_told(source, fix, message, hint):
    with pytest.raises(RuleError) as told:
        fitted(source, fix, "missing")
    assert (told.value.message, told.value.hint) == (message, hint)


def test_a_table_without_rows_teaches_nothing_and_is_no_error():
    source = parquet(pa.array([], pa.float64()))
    rule = fitted(source, "impute(median)", "missing")
    assert rule.fix.value is None
    assert rule.fix.told() == ""
    assert rule.fixed(parquet(pa.array([1.0])).block()).column is None
    with pytest.raises(RuleError) as told:
        rule.fixed(parquet(pa.array([1.0, None])).block())
    assert told.value.message == (
        "x: impute(median) has learned no value, and there are bad cells in rows 1 to 2, first row 2"
    )
    assert told.value.hint == "fit the recipe on a table with values in that column"


def test_one_row_and_a_constant_column():
    assert fitted(parquet(pa.array([3.0])), "impute(mean)", "missing").fix.value == 3
    assert run(parquet(pa.array([7, 7, None])), "impute(median)", "missing") == [7, 7, 7]


def test_a_value_that_the_find_takes_for_bad_is_told():
    source = parquet(pa.array([1.0] * 20 + [2.0] * 20 + [1e9] * 5))
    with pytest.raises(RuleError) as told:
        fitted(source, "impute(mean)", "iqr")
    assert told.value.message.startswith("x: iqr takes 111111112.44444445, which impute(mean) would fill in, for bad")
    assert told.value.hint == "write 'x: iqr -> blank', and impute below"

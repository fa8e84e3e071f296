"""A recipe without files: the same cells from every container, a row at a time or all at once, and nothing else new."""

from __future__ import annotations

import copy
import doctest
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nanclean
from nanclean import recipe as recipe_module
from nanclean.column import Numbers
from nanclean.errors import RecipeError, RuleError, UsageError
from nanclean.formats import frame
from nanclean.formats._returned import Result, arrow_column, numpy_column

NAN, INF = math.nan, math.inf


def one_by_one(column: Any) -> list[Any]:
    """The cells of a column as Python has them; every kind of missing is None."""
    listed = column.to_pylist() if isinstance(column, pa.Array | pa.ChunkedArray) else list(column)
    return [_plain(cell) for cell in listed]


def _plain(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or cell is pd.NA or cell is pd.NaT or cell is np.ma.masked:
        return None
    return None if isinstance(cell, float) and cell != cell else cell


def cells(table: Any) -> dict[str, list[Any]]:
    """The columns of any container."""
    if isinstance(table, pd.DataFrame | dict):
        return {str(name): one_by_one(table[name]) for name in table}
    if isinstance(table, pl.DataFrame):
        return {column.name: one_by_one(column) for column in table.get_columns()}
    if isinstance(table, pa.Table | pa.RecordBatch):
        return {name: one_by_one(table.column(name)) for name in table.schema.names}
    if table.dtype.names is not None:
        return {name: one_by_one(table[name]) for name in table.dtype.names}
    return {f"c{i}": one_by_one(table[:, i]) for i in range(table.shape[1])}


def mixed(rows: int = 12) -> pd.DataFrame:
    """A column of every usual kind, with something missing in most."""
    x = np.arange(rows, dtype=float)
    x[1::5], x[3::7] = NAN, INF
    texts = ["a", None, "b", "a"] * rows
    return pd.DataFrame(
        {
            "x": x,
            "k": np.arange(rows) * 10,
            "small": np.linspace(0, 3, rows).astype(np.float32),
            "s": pd.Series(texts[:rows], dtype=object),
            "b": [True, False] * (rows // 2) + [True] * (rows % 2),
            "i": pd.array([None if row % 4 == 2 else row for row in range(rows)], dtype="Int64"),
            "t": pd.date_range("2020-01-01", periods=rows).astype("datetime64[us]"),
            "spare": np.arange(rows)[::-1].copy(),
        }
    )


RULES = (
    "x, small: infinite -> blank",
    "x: missing -> flag",
    "@numeric: missing -> impute(median)",
    "k: range(20, 90) -> clip(20, 90)",
    "s: missing -> fill('none')",
    "x, small -> normalize(standard)",
)

_ARROW = {
    name: pd.ArrowDtype(type_)
    for name, type_ in {
        "x": pa.float64(), "k": pa.int64(), "small": pa.float32(), "s": pa.string(), "b": pa.bool_(),
        "i": pa.int64(), "t": pa.timestamp("us"), "spare": pa.int64(),
    }.items()
}  # fmt: skip

CONTAINERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda df: df,
    "pandas of Arrow": lambda df: df.astype({name: _ARROW[name] for name in df}),
    "polars": pl.from_pandas,
    "table": lambda df: pa.Table.from_pandas(df, preserve_index=False),
    "batch": lambda df: pa.RecordBatch.from_pandas(df, preserve_index=False),
    "dict of arrays": lambda df: {name: df[name].to_numpy() if name != "i" else df[name] for name in df},
    "dict of lists": lambda df: {name: one_by_one(df[name]) for name in df},
    "dict of series": lambda df: {name: pl.from_pandas(df[name]) if name == "s" else df[name] for name in df},
    "dict of Arrow": lambda df: {name: pa.array(df[name]) for name in df},
}


# --- against pandas and scikit-learn


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(2, 12))
    number = st.one_of(st.floats(-50, 50).map(lambda x: round(x, 6)), st.sampled_from([NAN, INF, -INF, 0.0, 7.25]))
    columns = {name: draw(st.lists(number, min_size=rows, max_size=rows)) for name in ("a", "b", "d")}
    return pd.DataFrame(columns, dtype=float)


Rule = tuple[str, Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]]


def _finite(x: pd.Series) -> np.ndarray:
    values = x.to_numpy()
    values = values[np.isfinite(values)]
    assume(values.size)  # there is nothing to learn from
    return values


def _each(column: str, by: Callable[[pd.Series, pd.Series], pd.Series]) -> Any:
    """A reference of one rule: what it makes of train and test, with the numbers of train."""

    def done(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        learned = train[column]
        return train.assign(**{column: by(learned, train[column])}), test.assign(**{column: by(learned, test[column])})

    return done


def _dropped(column: str, low: float, high: float) -> Any:
    def done(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tuple(df[~((df[column] < low) | (df[column] > high))] for df in (train, test))  # type: ignore[return-value]

    return done


def _scaled(how: str) -> Callable[[pd.Series, pd.Series], pd.Series]:
    def by(learned: pd.Series, x: pd.Series) -> pd.Series:
        known = _finite(learned)
        center, spread = {
            "standard": (known.mean(), 0.0 if (known == known[0]).all() else known.std()),
            "minmax": (known.min(), known.max() - known.min()),
            "robust": (np.median(known), np.subtract(*np.quantile(known, [0.75, 0.25]))),
        }[how]
        return (x - center) / spread if spread else x * 0

    return by


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    """Rules in an order in which each can do what it says."""
    found: list[Rule] = []
    for column in ("a", "b"):
        if draw(st.booleans()):
            low, high = sorted((draw(st.integers(-40, 0)), draw(st.integers(1, 40))))
            clip = _each(column, lambda _, x, low=low, high=high: x.clip(low, high))
            found.append((f"{column} -> clip({low}, {high})", clip))
        found.append((f"{column}: infinite -> blank", _each(column, lambda _, x: x.where(~np.isinf(x)))))
        if draw(st.booleans()):
            low, high = draw(st.integers(-60, -20)), draw(st.integers(20, 60))
            found.append((f"{column}: range({low}, {high}) -> drop", _dropped(column, low, high)))
        how = draw(st.sampled_from(["mean", "median"]))
        figure = {"mean": np.mean, "median": np.median}[how]
        fill = _each(column, lambda learned, x, figure=figure: x.fillna(figure(_finite(learned))))
        found.append((f"{column}: missing -> impute({how})", fill))
        if draw(st.booleans()):
            how = draw(st.sampled_from(["standard", "minmax", "robust"]))
            found.append((f"{column} -> normalize({how})", _each(column, _scaled(how))))
    return found


def fitted(train: pd.DataFrame, rules: list[Rule]) -> Any:
    """The recipe of some rules, if the table has something to learn it from."""
    try:
        recipe = nanclean.fit(train, rules=[text for text, _ in rules])
    except RuleError:
        assume(False)
    assume(len(recipe.apply(train)))  # a rule may have dropped every row
    return recipe


@settings(deadline=None, max_examples=60)
@given(tables(), tables(), rule_lists())
def test_any_rules_do_what_pandas_does_with_the_numbers_of_the_training_data(train, test, rules):
    recipe = fitted(train, rules)
    expected = (train, test)
    for _, by in rules:
        expected = by(*expected)

    for table, wanted in zip((train, test), expected, strict=True):
        got = recipe.apply(table)
        pd.testing.assert_frame_equal(got, wanted, rtol=1e-12, atol=1e-12)


def test_a_recipe_is_the_pipeline_of_scikit_learn():
    impute, pipeline = pytest.importorskip("sklearn.impute"), pytest.importorskip("sklearn.pipeline")
    scale = pytest.importorskip("sklearn.preprocessing")
    random = np.random.default_rng(1)
    train, test = (np.where(random.random((200, 4)) < 0.1, NAN, random.lognormal(size=(200, 4))) for _ in range(2))
    recipe = nanclean.fit(train, rules=["@numeric: missing -> impute(median)", "@numeric -> normalize(robust)"])

    steps = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), scale.RobustScaler()).fit(train)
    np.testing.assert_allclose(recipe.apply(test), steps.transform(test), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(tables(), tables(), rule_lists())
def test_one_row_at_a_time_is_all_at_once(train, test, rules):
    recipe = fitted(train, rules)

    rows = [recipe.apply(test.iloc[[row]]) for row in range(len(test))]
    pd.testing.assert_frame_equal(pd.concat(rows), recipe.apply(test), check_exact=True)
    several = [recipe.apply({name: [cell] for name, cell in row.items()}) for row in test.to_dict("records")]
    found = [cells(row) for row in several]
    assert {name: [cell for row in found for cell in row[name]] for name in found[0]} == cells(recipe.apply(test))


# --- containers


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_gives_the_same_cells_and_stays_as_it_was(make):
    train = mixed(50)
    recipe = nanclean.fit(train, rules=RULES)
    test = mixed(23).iloc[::-1].reset_index(drop=True)
    table = make(test)
    before = copy.deepcopy(cells(table))

    after = recipe.apply(table)

    assert type(after) is type(table)
    assert cells(table) == before
    as_frame = cells(recipe.apply(test))
    assert cells(after).pop("small") == pytest.approx(as_frame.pop("small"), rel=1e-6)  # float64 in a list
    assert {name: column for name, column in cells(after).items() if name != "small"} == as_frame
    assert list(cells(after)) == [*test.columns, "x_missing"]
    assert cells(after)["k"] == np.clip(test["k"], 20, 90).tolist()


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_no_rows_comes_back_with_the_same_columns(make, rows):
    recipe = nanclean.fit(mixed(30), rules=(*RULES, "i: missing -> drop"))
    test = mixed(20).iloc[2 : 2 + rows]  # i is missing there, but it was imputed above
    after = recipe.apply(make(test))
    assert cells(after).keys() == {*test.columns, "x_missing"}
    assert all(len(column) == rows for column in cells(after).values())


def test_dropped_rows_are_gone_everywhere():
    recipe = nanclean.fit(mixed(30), rules=["x: missing -> drop", "k: range(0, 100) -> drop", "spare -> drop_column"])
    test = mixed(20)
    stays = test["x"].notna() & (test["k"] <= 100)
    for name, make in CONTAINERS.items():
        after = recipe.apply(make(test))
        assert cells(after) == cells(make(test[stays].drop(columns="spare").reset_index(drop=True))), name
    labelled = test.set_index(pd.Index([f"row {i}" for i in range(len(test))]))
    assert recipe.apply(labelled).index.tolist() == labelled.index[stays].tolist()


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda x: x,
    "Fortran": np.asfortranarray,
    "gaps": lambda x: np.repeat(x, 2, axis=0)[::2],
    "float32": lambda x: x.astype(np.float32),
    "other bytes": lambda x: x.astype(">f8"),
    "long": lambda x: x.astype(np.longdouble),
    "objects": lambda x: x.astype(object),
    "masked": lambda x: np.ma.masked_invalid(x),
}


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back_with_shape_dtype_and_order(make):
    x = np.array([[1.0, NAN, 3.0], [2.0, 5.0, INF], [NAN, 7.0, 4.0], [4.0, 8.0, 9.0]])
    rules = ["@numeric: infinite -> blank", "@numeric: missing -> impute(median)", "c1 -> clip(0, 7)"]
    recipe = nanclean.fit(x, rules=rules)
    array = make(x)
    before = array.tobytes()

    after = recipe.apply(array)

    assert (after.dtype, after.shape) == (array.dtype, array.shape)
    if array.flags.c_contiguous or array.flags.f_contiguous:
        assert after.flags.f_contiguous == array.flags.f_contiguous
    assert array.tobytes() == before
    assert not np.shares_memory(after, array)
    np.testing.assert_array_equal(after.astype(float), [[1, 7, 3], [2, 5, 4], [2, 7, 4], [4, 7, 9]])


def test_other_arrays_come_back_too():
    deep = np.arange(24.0).reshape(2, 3, 4)
    deep[1, 2, 3] = deep[0, 0, 1] = NAN
    recipe = nanclean.fit(deep, rules=["c0: missing -> fill(0)"])
    for array in (deep, np.asfortranarray(deep)):
        after = recipe.apply(array)
        np.testing.assert_array_equal(after, np.nan_to_num(array))
        assert after.flags.f_contiguous == array.flags.f_contiguous
    dropping = nanclean.fit(deep, rules=["c0: range(0, 20) -> drop"])
    np.testing.assert_array_equal(dropping.apply(deep), deep[:1])

    flat = nanclean.fit(np.array([1.0, NAN, 3.0]), rules=["c0: missing -> impute(mean)", "c0: range(0, 9) -> drop"])
    np.testing.assert_array_equal(flat.apply(np.array([NAN, 10.0, 4.0])), [2.0, 4.0])

    records = np.array([(1.0, 5, "x"), (NAN, 6, "y")], dtype=[("a", "f4"), ("b", ">i2"), ("c", "U3")])
    after = nanclean.fit(records, rules=["a: missing -> fill(9)", "c: missing -> drop"]).apply(records)
    assert after.dtype == records.dtype
    assert after.tolist() == [(1.0, 5, "x"), (9.0, 6, "y")]
    cast = nanclean.fit(records, rules=["b -> cast(float32)", "c -> drop_column", "a: missing -> flag"]).apply(records)
    assert cast.dtype == [("a", "f4"), ("b", "f4"), ("a_missing", "?")]
    assert cast["a_missing"].tolist() == [False, True]


def test_a_matrix_of_whole_numbers_takes_the_type_that_its_columns_need():
    x = np.array([[1, 10], [3, 20]])
    recipe = nanclean.fit(x, rules=["c0 -> cast(float32)", "c0 -> normalize(minmax)"])
    np.testing.assert_array_equal(recipe.apply(x), [[0.0, 10.0], [1.0, 20.0]])
    with pytest.raises(RuleError, match="9007199254740993 cannot stand in an array of float64"):
        recipe.apply(np.array([[1, 2**53 + 1], [3, 4]]))


def test_series_come_back_as_series():
    series = pd.Series([1.0, NAN, 3.0], index=["p", "q", "r"], name="x")
    recipe = nanclean.fit(series, rules=["x: missing -> impute(mean)"])
    pd.testing.assert_series_equal(recipe.apply(series), series.fillna(2.0))
    assert recipe.apply(pl.Series("x", [None, 5.0])).to_list() == [2.0, 5.0]
    column = pa.array([None, 5.0])
    bare = nanclean.fit(column, rules=["c0: missing -> fill(1)"])
    assert bare.apply(column).equals(pa.array([1.0, 5.0]))
    assert bare.apply(pa.chunked_array([column, column])).to_pylist() == [1.0, 5.0, 1.0, 5.0]


# --- what stays


def test_what_no_rule_touches_stays_bit_for_bit():
    payload = np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000], np.uint64).view(np.float64)
    odd = pd.DataFrame(
        {
            ("u", "bits"): payload,
            ("u", "x"): [1.0, NAN, 2.0],
            ("v", "big"): [2**62 + 1, 5, 6],
            ("v", "cat"): pd.Categorical(["lo", None, "hi"], categories=["hi", "lo", "never"], ordered=True),
            ("v", "when"): pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("Europe/Paris"),
            ("v", "part"): pd.arrays.SparseArray([0.0, 0.0, 1.0]),
            ("w", "list"): [[1, 2], None, [3]],
        },
        index=pd.MultiIndex.from_tuples([("p", 1), ("p", 2), ("q", 1)], names=["n", "m"]),
    )
    odd.attrs["unit"] = "mm"
    recipe = nanclean.fit(odd, rules=["u.x: missing -> impute(mean)"])
    after = recipe.apply(odd)

    pd.testing.assert_frame_equal(after.drop(columns=[("u", "x")]), odd.drop(columns=[("u", "x")]))
    assert after[("u", "bits")].to_numpy().tobytes() == payload.tobytes()
    assert (list(after.columns), after.attrs, after[("u", "x")].tolist()) == (
        list(odd.columns), {"unit": "mm"}, [1.0, 1.5, 2.0],
    )  # fmt: skip
    after.iloc[0, 0] = 17.0
    assert odd[("u", "bits")].to_numpy().tobytes() == payload.tobytes()


def test_changed_columns_keep_types_of_their_own():
    table = pd.DataFrame(
        {
            "cat": pd.Categorical(["lo", None, "lo"], categories=["hi", "lo"], ordered=True),
            "word": pd.Categorical(["lo", None, "lo"]),
            "string": pd.array(["a", None, "a"], dtype="string"),
            "arrow": pd.array([1, None, 3], dtype=pd.ArrowDtype(pa.int16())),
            "masked": pd.array([1, None, 3], dtype="UInt8"),
            "part": pd.arrays.SparseArray([0.0, NAN, 1.0]),
            "when": pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("Europe/Paris"),
            "list": [[1.0, NAN], [2.0], (3.0, INF)],
            "objects": pd.Series([1.5, None, 2.5], dtype=object),
        }
    )
    rules = [
        "cat, string: missing -> impute(mode)", "word: missing -> fill('new')",
        "arrow, masked, part, objects: missing -> impute(mean)", "when: missing -> impute(ffill)",
        "list: missing -> fill(7)", "list: infinite -> fill(8)",
    ]  # fmt: skip
    after = nanclean.fit(table, rules=rules).apply(table)

    same = [name for name in table if name != "word"]
    assert after.dtypes[same].tolist() == table.dtypes[same].tolist()
    assert after["word"].cat.categories.tolist() == ["lo", "new"]
    assert {name: after[name].tolist()[1] for name in table if name not in ("when", "list")} == {
        "cat": "lo", "word": "new", "string": "a", "arrow": 2, "masked": 2, "part": 0.5, "objects": 2.0,
    }  # fmt: skip
    assert after["when"][1] == after["when"][0]
    assert after["list"].tolist() == [[1.0, 7.0], [2.0], (3.0, 8.0)]
    assert table["list"].tolist()[2] == (3.0, INF)


def test_missing_cells_are_what_the_column_has_for_them():
    table = pd.DataFrame({"k": [1, 2, 999], "f": [1.0, 2.0, 999.0], "s": ["a", "b", "zz"], "b": [True, False, True]})
    rules = ["k, f: range(0, 10) -> blank"]
    after = nanclean.fit(table, rules=rules).apply(table)
    assert (str(after["k"].dtype), after["k"].tolist()[:2], after["k"].isna().tolist()) == (
        "Int64", [1, 2], [False, False, True],
    )  # fmt: skip
    assert after["f"].dtype == float
    assert math.isnan(after["f"][2])
    arrow = pa.table({"k": [1, 999], "f": [NAN, 999.0]})
    blanked = nanclean.fit(arrow, rules=rules).apply(arrow)
    assert blanked["f"].null_count == 1
    assert math.isnan(blanked["f"][0].as_py())
    strict = pa.table([[1, 999]], schema=pa.schema([pa.field("k", pa.int64(), nullable=False)]))
    assert nanclean.fit(strict, rules=["k: range(0, 10) -> blank"]).apply(strict).schema.field("k").nullable
    with pytest.raises(RuleError, match="k: a cell becomes missing, which an array of int64 has no way to say"):
        nanclean.fit(table, rules=rules).apply({"k": np.array([999]), "f": [1.0]})


def test_declared_spellings_stay_where_no_rule_takes_them():
    table = pd.DataFrame({"k": [1, -999, 3], "f": [-999.0, 5.0, 70.0]})
    recipe = nanclean.fit(table, rules=["k: missing -> impute(mean)", "f -> clip(0, 60)"], missing=["-999"])
    after = recipe.apply(table)
    assert after["k"].tolist() == [1, 2, 3]
    assert after["f"].tolist() == [-999.0, 5.0, 60.0]


def test_what_stands_in_a_missing_cell_of_a_view_is_never_looked_at():
    cells = np.array([-999.0, 5.0, NAN])
    absent, changed = np.array([True, False, True]), np.array([False, True, True])
    view = Numbers(type="float", rows=3, cells=3, absent=absent, values=np.array([17.0, 4.0, 18.0]))
    result = Result("x", 0, view, changed)
    assert one_by_one(numpy_column(cells, result)) == [-999.0, 4.0, None]
    assert arrow_column(pa.chunked_array([cells]), result).to_pylist() == [-999.0, 4.0, None]


def test_lists_in_lists_come_back_from_many_batches(monkeypatch):
    monkeypatch.setattr(frame.DictTable, "batch", 1)
    deep = [[[1.0, NAN], [2.0]], [[3.0]], [[NAN], [], [4.0, NAN]]]
    after = nanclean.fit({"x": deep}, rules=["x: missing -> fill(0)"]).apply({"x": deep})
    assert after["x"] == [[[1.0, 0.0], [2.0]], [[3.0]], [[0.0], [], [4.0, 0.0]]]


def test_texts_of_an_array_get_the_room_that_they_need():
    words = {"w": np.array(["no", "yes", ""])}
    after = nanclean.fit(words, rules=["w: missing -> fill('not known')"]).apply(words)
    assert after["w"].tolist() == ["no", "yes", "not known"]
    assert words["w"].dtype == "<U3"


def test_what_is_filled_in_a_null_struct_makes_a_struct():
    table = pa.table({"s": pa.array([{"a": 1.0, "b": "x"}, None])})
    after = nanclean.fit(table, rules=["s.a: missing -> fill(7)"]).apply(table)
    assert after["s"].to_pylist() == [{"a": 1.0, "b": "x"}, {"a": 7.0, "b": None}]


@pytest.mark.parametrize("missing", [None, NAN, pd.NA])
def test_objects_say_missing_as_they_did(missing):
    table = pd.DataFrame({"k": pd.Series([99, missing, 5], dtype=object)})
    after = nanclean.fit(table, rules=["k: range(0, 9) -> blank"]).apply(table)
    assert after["k"].iloc[0] is after["k"].iloc[1] is missing
    assert after["k"].iloc[2] == 5


def test_frames_of_other_classes_stay_what_they_are():
    class Flats(pd.DataFrame):
        @property
        def _constructor(self) -> type[pd.DataFrame]:
            return Flats

    table = Flats(mixed(20))
    rules = [*RULES, "spare -> drop_column", "k: range(0, 100) -> drop"]
    recipe = nanclean.fit(mixed(30), rules=rules)
    after = recipe.apply(table)
    assert type(after) is Flats
    pd.testing.assert_frame_equal(pd.DataFrame(after), recipe.apply(mixed(20)))


def test_structs_and_polars_types_come_back():
    inner = pa.array([{"a": 1.0, "b": "x"}, None, {"a": None, "b": "y"}])
    table = pa.table({"s": inner, "n": [1, 2, 3]}).replace_schema_metadata({"who": "me"})
    recipe = nanclean.fit(table, rules=["s.a: range(0, 0.5) -> blank", "n -> clip(2, 9)"])
    after = recipe.apply(table)
    assert after["s"].to_pylist() == [{"a": None, "b": "x"}, None, {"a": None, "b": "y"}]
    assert after.schema == table.schema
    assert after.schema.metadata == {b"who": b"me"}
    filled = nanclean.fit(table, rules=["s.a: missing -> drop"]).apply(table)
    assert filled["s"].to_pylist() == [{"a": 1.0, "b": "x"}]
    assert nanclean.fit(table, rules=["s.a -> drop_column"]).apply(table)["s"].to_pylist()[0] == {"b": "x"}
    frame = pl.DataFrame({"s": [{"a": 1.0, "b": "x"}, {"a": None, "b": "y"}], "e": ["p", None]}).with_columns(
        pl.col("e").cast(pl.Enum(["p", "q"]))
    )
    rules = ["s.a: missing -> fill(4)", "e: missing -> fill('q')"]
    changed = nanclean.fit(frame, rules=rules).apply(frame)
    assert changed.schema == frame.schema
    assert changed.rows() == [({"a": 1.0, "b": "x"}, "p"), ({"a": 4.0, "b": "y"}, "q")]
    with pytest.raises(RuleError, match="e: "):
        nanclean.fit(frame, rules=["e: missing -> fill('unknown')"]).apply(frame)


@pytest.mark.parametrize("type_", [pa.string_view(), pa.dictionary(pa.int8(), pa.string_view())], ids=str)
def test_texts_that_few_functions_of_Arrow_know_come_back(type_):
    words = pa.array(["p", None])
    views = pa.table({"w": (words.dictionary_encode() if pa.types.is_dictionary(type_) else words).cast(type_)})
    filled = nanclean.fit(views, rules=["w: missing -> fill('q')"]).apply(views)
    assert (filled["w"].to_pylist(), filled.schema) == (["p", "q"], views.schema)


# --- batches, and order


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_batches_leave_no_trace(size, monkeypatch):
    rules = (*RULES, "i: missing -> impute(ffill)", "spare: range(0, 40) -> drop")
    test = mixed(50)
    test["i"] = test["i"].where(test["k"] % 30 == 0)  # runs that are longer than a batch
    test["deep"] = [[float(row), NAN] * (row % 3) for row in range(50)]
    rules = ("i: missing -> impute(ffill)", *rules, "deep: missing -> fill(1)")
    test["early"] = [NAN if row == 10 else row for row in range(50)]  # most batches have nothing to change
    rules = ("early: missing -> fill(-1)", *rules)
    recipe = nanclean.fit(test, rules=rules)
    whole = recipe.apply(test)
    assert whole["early"].tolist()[:3] == [9.0, -1.0, 11.0]
    assert whole["i"].tolist() == test["i"].ffill()[test["spare"] <= 40].tolist()
    monkeypatch.setattr(frame.PandasTable, "batch", size)
    monkeypatch.setattr(frame.DictTable, "batch", size)
    pd.testing.assert_frame_equal(recipe.apply(test), whole, check_exact=True)
    as_dict = recipe.apply({name: test[name] for name in test})
    pd.testing.assert_frame_equal(pd.DataFrame(as_dict), whole.assign(x_missing=whole["x_missing"]), check_exact=True)


def test_a_large_matrix_is_what_its_rows_are():
    random = np.random.default_rng(3)
    x = random.normal(size=(300_000, 3))
    x[random.random(x.shape) < 0.05] = NAN
    recipe = nanclean.fit(x[:1000], rules=["@numeric: missing -> impute(median)", "c1 -> normalize(standard)"])
    after = recipe.apply(x)
    some = random.choice(len(x), 500, replace=False)
    np.testing.assert_array_equal(after[some], recipe.apply(x[some]))
    np.testing.assert_array_equal(recipe.apply(np.asfortranarray(x)), after)


# --- types, names, refusals


def test_whole_numbers_and_floats_stand_for_each_other():
    floats = nanclean.fit({"x": np.array([0.5, 1.5, NAN])}, rules=["x: missing -> impute(mean)", "x -> clip(0.5, 1.5)"])
    assert floats.apply(pd.DataFrame({"x": [0, 1, 9]}))["x"].tolist() == [0.5, 1.0, 1.5]
    whole = nanclean.fit(
        pd.DataFrame({"x": pd.array([1, None, 4], dtype="Int64")}), rules=["x: missing -> impute(mean)"]
    )
    assert whole.apply(pd.DataFrame({"x": [NAN, 7.0]}))["x"].tolist() == [2.0, 7.0]


@pytest.mark.parametrize("nothing", [[None, None], [NAN, NAN]])
def test_a_column_without_any_value_is_of_any_type(nothing):
    recipe = nanclean.fit(
        mixed(20),
        rules=["x, k, i: missing -> fill(3)", "s: missing -> fill('none')", "b: missing -> fill(True)",
               "t: missing -> fill('2020-01-05')"],
    )  # fmt: skip
    names = ["x", "k", "i", "s", "b", "t"]
    for empty in (pd.DataFrame(dict.fromkeys(names, nothing)), pa.table(dict.fromkeys(names, nothing))):
        found = cells(recipe.apply(empty))
        assert [found[name][0] for name in names[:5]] == [3, 3, 3, "none", True]
        assert str(found["t"][0]).startswith("2020-01-05")
    assert recipe.apply(pd.DataFrame(dict.fromkeys(names, nothing)))["x"].dtype == float


def test_all_missing_is_filled_with_what_was_learned():
    recipe = nanclean.fit(mixed(20), rules=["x: infinite -> blank", "x: missing -> impute(median)"])
    median = np.nanmedian(mixed(20)["x"].replace(INF, NAN))
    assert recipe.apply(pd.DataFrame({"x": [NAN, NAN]}))["x"].tolist() == [median, median]


def test_further_columns_pass_and_order_does_not_matter():
    recipe = nanclean.fit(mixed(20), rules=["x: missing -> fill(0)"])
    after = recipe.apply(pd.DataFrame({"new": ["?", "!"], "x": [NAN, 1.0]}))
    assert after.to_dict("list") == {"new": ["?", "!"], "x": [0.0, 1.0]}


def refusal(recipe: Any, table: Any, error: type[Exception] = RecipeError) -> str:
    with pytest.raises(error) as raised:
        recipe.apply(table)
    return f"{raised.value} | {raised.value.hint}"  # type: ignore[attr-defined]


def test_refusals_say_what_and_what_to_do():
    recipe = nanclean.fit(mixed(20), rules=["x: missing -> fill(0)", "s: missing -> flag"])
    table = mixed(4)
    assert refusal(recipe, table.rename(columns={"x": "X"})) == (
        "DataFrame: the recipe works on x, which is not there | is it X here? rename it"
    )
    assert refusal(recipe, {"z": [1.0]}).startswith(
        "dict: the recipe works on x and s, which are not there | hand over"
    )
    assert refusal(recipe, table.assign(x=["1", "2", "3", "4"])) == (
        "DataFrame: x is text, and was float in the training data | make numbers of the text first"
    )
    assert "b is" not in refusal(recipe, table.assign(s=[1.0, 2.0, 3.0, 4.0]))
    assert "s is float, and was text" in refusal(recipe, table.assign(s=[1.0, 2.0, 3.0, 4.0]))
    assert "has a column s_missing already" in refusal(recipe, recipe.apply(table))
    assert "hand over a DataFrame" in refusal(recipe, np.ones((2, 9)))
    assert refusal(recipe, "train.csv", UsageError).endswith("nanclean.apply(recipe, 'train.csv', OUTPUT)")
    assert "cannot be read" in refusal(recipe, 5, UsageError)
    assert "differ in length" in refusal(recipe, {"x": [1.0], "s": []}, UsageError)

    array = nanclean.fit(np.ones((3, 4)), rules=["c0 -> normalize(standard)"])
    assert refusal(array, np.ones((2, 3))).startswith("array: has 3 columns, and the recipe was fitted on 4 |")
    assert refusal(array, np.ones(4)).startswith("array: has 1 column, and the recipe was fitted on 4 | one row")
    assert "missing cell" in refusal(array, np.array([[NAN, 1, 1, 1]]), RuleError)


def test_a_label_may_be_left_out():
    recipe = nanclean.fit(mixed(20), rules=["s: missing -> drop", "x: missing -> fill(0)"], label="s")
    assert len(recipe.apply(mixed(20))) < 20
    assert recipe.apply(mixed(20).drop(columns="s"))["x"].isna().sum() == 0


def test_a_recipe_that_was_written_and_read_does_the_same(tmp_path):
    path = tmp_path / "r.json"
    recipe = nanclean.fit(mixed(30), path, rules=RULES)
    read = nanclean.Recipe.read(path)
    pd.testing.assert_frame_equal(read.apply(mixed(9)), recipe.apply(mixed(9)), check_exact=True)


def test_applying_to_the_training_file_is_what_fix_writes(tmp_path):
    table = mixed(40).drop(columns=["t"])
    source, fixed = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table.to_parquet(source)
    nanclean.fix(source, fixed, rules=RULES, recipe=tmp_path / "r.json")
    recipe = nanclean.Recipe.read(tmp_path / "r.json")
    assert cells(recipe.apply(table)) == cells(pd.read_parquet(fixed))


def test_the_example_prints_what_it_says():
    examples = doctest.DocTestFinder().find(nanclean.Recipe.apply, "apply", module=recipe_module, globs={})
    assert sum(len(example.examples) for example in examples) > 0
    assert all(doctest.DocTestRunner().run(example).failed == 0 for example in examples)

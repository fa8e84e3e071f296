"""What is in memory: pandas, polars, Arrow, NumPy, dicts; each cell held against what its owner says it is."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.column import Numbers
from nanclean.errors import InputError, UsageError
from nanclean.format import ReadOptions, Source
from nanclean.formats import frame
from nanclean.typed import type_of, view

NAN, INF = math.nan, math.inf


def opened(source: object, **options: Any) -> Source:
    return frame.opened(source, ReadOptions(**options))


def raw(source: Source, column: int = 0) -> Any:
    pieces = [batch.columns[0] for split in source.splits() for batch in split.batches([column])]
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    return np.concatenate(pieces) if isinstance(pieces[0], np.ndarray) else pa.concat_arrays(pieces)


def cells(source: Source, column: int = 0) -> list[Any]:
    """None for null; NaN stays NaN."""
    found = raw(source, column)
    if found is None:
        return []
    assert source.fields[column].type in (
        None,
        type_of(found.dtype if isinstance(found, np.ndarray) else found.type)[0],
    )
    seen = view(found)
    if isinstance(seen, Numbers):
        absent = [False] * seen.cells if seen.absent is None else seen.absent.tolist()
        return [None if lost else v for lost, v in zip(absent, seen.values.tolist(), strict=True)]
    return seen.array.tolist() if isinstance(seen.array, np.ndarray) else seen.array.to_pylist()


def same(found: list[Any], expected: list[Any]) -> bool:
    return repr(found) == repr(expected)


def told(source: object) -> tuple[str | None, list[Any]]:
    found = opened(source)
    return found.fields[0].type, cells(found)


# --- pandas

SERIES: dict[str, tuple[Any, str | None, list[Any]]] = {
    "float64": (pd.Series([1.5, NAN, INF]), "float", [1.5, NAN, INF]),
    "float32": (pd.Series([1.5, NAN], dtype="float32"), "float", [1.5, NAN]),
    "int8": (pd.Series([1, -2], dtype="int8"), "integer", [1, -2]),
    "bool": (pd.Series([True, False]), "boolean", [True, False]),
    "Float64": (pd.Series([1.5, None, 2], dtype="Float64"), "float", [1.5, None, 2.0]),
    "Int64": (pd.Series([2**62 + 1, None], dtype="Int64"), "integer", [2**62 + 1, None]),
    "UInt8": (pd.Series([255, None], dtype="UInt8"), "integer", [255, None]),
    "boolean": (pd.Series([True, None], dtype="boolean"), "boolean", [True, None]),
    "string": (pd.Series(["a", None, "b"], dtype="string"), "text", ["a", None, "b"]),
    "str": (pd.Series(["a", NAN, "b"], dtype="str"), "text", ["a", None, "b"]),
    "python strings": (pd.Series(["a", None], dtype=pd.StringDtype("python")), "text", ["a", None]),
    "arrow": (pd.Series(pd.array([1.5, None], dtype=pd.ArrowDtype(pa.float64()))), "float", [1.5, None]),
    "arrow list": (
        pd.Series(pd.array([[1.0, None], None], dtype=pd.ArrowDtype(pa.list_(pa.float64())))),
        "list<float>",
        [1.0, None],
    ),
    "categories": (pd.Series(pd.Categorical(["a", None, "b", "a"])), "text", ["a", None, "b", "a"]),
    "categories of numbers": (pd.Series(pd.Categorical([1.5, None, 2.5])), "float", [1.5, None, 2.5]),
    "categories of intervals": (
        pd.Series(pd.cut([1, 5, 99], [0, 2, 9])),
        "text",
        ["(0, 2]", "(2, 9]", None],
    ),
    "complex": (pd.Series([1j, complex(NAN, 0)]), "complex", [1j, complex(NAN, 0)]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0, 0, 1.5, NAN])), "float", [0.0, 0.0, 1.5, NAN]),
    "sliced": (pd.Series([1.0, 2.0, NAN, 4.0])[::2], "float", [1.0, NAN]),
    "objects: text": (pd.Series(["a", None, NAN, pd.NA, "b"], dtype=object), "text", ["a", None, None, None, "b"]),
    "objects: floats": (pd.Series([1.5, None, NAN, pd.NA, 2], dtype=object), "float", [1.5, None, NAN, None, 2.0]),
    "objects: integers": (pd.Series([1, None, 2**60 + 1], dtype=object), "integer", [1, None, 2**60 + 1]),
    "objects: bool": (pd.Series([True, None, NAN], dtype=object), "boolean", [True, None, None]),
    "objects: mixed": (pd.Series([1, "?", 2.5, None, NAN], dtype=object), "text", ["1", "?", "2.5", None, None]),
    "objects: decimals": (
        pd.Series([Decimal("0.1"), Decimal("NaN"), None, Decimal("-Infinity")], dtype=object),
        "float",
        [0.1, NAN, None, -INF],
    ),
    "objects: vectors": (
        pd.Series([np.array([1.0, NAN]), None, [3.0, None]], dtype=object),
        "list<float>",
        [1.0, NAN, 3.0, None],
    ),
    "objects: matrices": (pd.Series([np.eye(2), np.eye(2)], dtype=object), "list<float>", [1.0, 0.0, 0.0, 1.0] * 2),
    "objects: complex": (pd.Series([1j, 2.0], dtype=object), "complex", [1j, 2 + 0j]),
    "objects: nothing": (pd.Series([None, None], dtype=object), "other", [None, None]),
    "empty": (pd.Series([], dtype=object), "other", []),
}  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_pandas_columns(name):
    series, kind, expected = SERIES[name]
    before = series.copy(deep=True)
    for source in (pd.DataFrame({"x": series}), series.rename("x"), {"x": series}):
        found = opened(source)
        assert [field.name for field in found.fields] == ["x"]
        assert found.facts.rows == len(series)
        assert (found.fields[0].type, same(cells(found), expected)) == (kind, True), cells(found)
    pd.testing.assert_series_equal(series, before)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_pandas_times(unit, zone):
    stamps = pd.Series(pd.to_datetime(["2020-07-02T12:00", None, "2020-07-01T00:00"])).dt.as_unit(unit)
    stamps = stamps.dt.tz_localize(zone) if zone else stamps
    found = opened(pd.DataFrame({"t": stamps}))
    column = view(raw(found))

    assert (column.type, column.null) == ("time", 1)
    texts = ("2020-06-30T22:00:00Z", "2020-07-02T10:00:00Z")
    assert column.time_extent == (texts if zone else ("2020-07-01", "2020-07-02T12:00:00"))


def test_other_pandas_times():
    periods = pd.Series(pd.period_range("2020-01", periods=3, freq="M"))
    assert view(raw(opened(periods))).time_extent == ("2020-01-01", "2020-03-01")
    days = pd.Series([datetime.date(2020, 1, 2), None, pd.NaT, datetime.date(1900, 1, 1)], dtype=object)
    column = view(raw(opened(days)))
    assert (column.type, column.null, column.time_extent) == ("time", 2, ("1900-01-01", "2020-01-02"))
    assert told(pd.Series(pd.to_timedelta([1, None], unit="s")))[0] == "other"
    assert view(raw(opened(pd.Series(pd.to_timedelta([1, None], unit="s"))))).null == 1
    intervals = pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), None]))
    assert view(raw(opened(intervals))).null == 1


def test_any_objects_are_counted_and_nothing_more():
    for values in ([object(), None], [{"a": 1}, None], [b"x", None], [[1, "a"], None], [[["deep"]], None]):
        column = view(raw(opened(pd.DataFrame({"x": pd.Series(values, dtype=object)}))))
        assert (column.type, column.null, column.rows) == ("other", 1, 2)


def test_pandas_names():
    data = pd.DataFrame(np.zeros((2, 4)), columns=["x", "x", 7, ("a", "b")])
    assert [field.name for field in opened(data).fields] == ["x", "x.1", "7", "a.b"]
    levels = pd.DataFrame(np.zeros((1, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert [field.name for field in opened(levels).fields] == ["a.1", "a.2"]
    assert [field.name for field in opened(pd.Series([1.0])).fields] == ["c0"]
    assert opened(pd.DataFrame(index=range(5))).facts.rows == 5


def test_the_index_is_not_looked_at():
    data = pd.DataFrame({"x": [1.0, 2.0]}, index=[17, 17])

    assert cells(opened(data)) == [1.0, 2.0]
    assert opened(data).where([1], 0) == ["row 2"]


def test_pandas_subclasses_keep_their_nans():
    class Special(pd.DataFrame):
        pass

    assert same(cells(opened(Special({"x": [1.0, NAN]}))), [1.0, NAN])


# --- polars, and anything of Arrow

LONG = "a long text, longer than what a string view holds"
POLARS: dict[str, tuple[Any, str, list[Any]]] = {
    "float": (pl.Series([1.0, NAN, None, INF]), "float", [1.0, NAN, None, INF]),
    "float32": (pl.Series([0.5, None], dtype=pl.Float32), "float", [0.5, None]),
    "integer": (pl.Series([1, None]), "integer", [1, None]),
    "text": (pl.Series(["a", None, "", LONG]), "text", ["a", None, None, LONG]),
    "boolean": (pl.Series([True, None]), "boolean", [True, None]),
    "categories": (pl.Series(["a", None, "a"], dtype=pl.Categorical), "text", ["a", None, "a"]),
    "enum": (pl.Series(["a", None], dtype=pl.Enum(["b", "a"])), "text", ["a", None]),
    "list": (pl.Series([[1.0, None], None, []]), "list<float>", [1.0, None]),
    "array": (pl.Series([[1, 2], None], dtype=pl.Array(pl.Int16, 2)), "list<integer>", [1, 2]),
    "decimal": (pl.Series([Decimal("0.10"), None], dtype=pl.Decimal(9, 2)), "float", [0.1, None]),
    "null": (pl.Series([None, None]), "other", [None, None]),
    "empty": (pl.Series([], dtype=pl.Float64), "float", []),
}  # fmt: skip


@pytest.mark.parametrize("name", POLARS)
def test_polars_columns(name):
    series, kind, expected = POLARS[name]
    for source in (pl.DataFrame({"x": series}), {"x": series}, series.rename("x")):
        found = opened(source)
        assert [field.name for field in found.fields] == ["x"]
        assert (found.fields[0].type, same(cells(found), expected)) == (kind, True), cells(found)


def test_polars_structs_and_times():
    data = pl.DataFrame({"s": [{"a": 1, "b": 2.5}, None], "t": [datetime.datetime(2020, 1, 1), None]})
    found = opened(data)

    assert [field.name for field in found.fields] == ["s.a", "s.b", "t"]
    assert (cells(found, 0), cells(found, 1)) == ([1, None], [2.5, None])
    assert view(raw(found, 2)).time_extent == ("2020-01-01",) * 2


def test_a_lazy_frame_is_told_to_collect():
    with pytest.raises(UsageError) as caught:
        opened(pl.LazyFrame({"x": [1]}))
    assert "collect" in caught.value.hint


TABLE = pa.table(
    {"x": [1.0, NAN, None], "s": [{"a": 1}, None, {"a": 3}], "d": pa.array(["u", None, "u"]).dictionary_encode()}
)


class Stream:
    """Nothing but the capsule of a stream."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class Single:
    """Nothing but the capsule of an array."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize(
    "source",
    [TABLE, TABLE.to_batches()[0], TABLE.to_reader(), Stream(TABLE), Single(TABLE.to_batches()[0])],
    ids=["table", "batch", "reader", "stream", "array"],
)
def test_arrow(source):
    found = opened(source)

    assert [field.name for field in found.fields] == ["x", "s.a", "d"]
    for _ in range(2):  # also what can be read only once
        assert same(cells(found), [1.0, NAN, None])
        assert (cells(found, 1), cells(found, 2)) == ([1, None, 3], ["u", None, "u"])
    assert found.where([0, 2]) == ["row 1", "row 3"]


def test_single_arrow_columns():
    for source in (pa.array([1.5, None]), pa.chunked_array([[1.5], [None]]), Single(pa.array([1.5, None]))):
        assert told(source) == ("float", [1.5, None])
        assert opened(source).fields[0].name == "c0"
    structs = opened(pa.array([{"a": 1}, {"a": 2}]))
    assert ([field.name for field in structs.fields], cells(structs)) == (["a"], [1, 2])


def test_repeated_names_of_tables():
    table = pa.Table.from_arrays(
        [pa.array([1]), pa.array([{"y": 2}]), pa.array([3]), pa.array([4])], ["x", "x", "x", "x.y"]
    )
    found = opened(table)

    assert [field.name for field in found.fields] == ["x", "x.y", "x.1", "x.y.1"]
    assert [cells(found, i) for i in range(4)] == [[1], [2], [3], [4]]


def test_a_producer_that_fails():
    class Broken:
        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            raise RuntimeError("out of\norder")

    with pytest.raises(InputError, match=r"Broken.*out of") as caught:
        opened(Broken())
    assert "\n" not in caught.value.message


@given(sizes=st.lists(st.integers(0, 9), max_size=6))
def test_chunks_leave_no_trace(sizes):
    values = iter(range(100))
    chunks = [pa.array([next(values) for _ in range(size)], pa.int64()) for size in sizes]
    source = opened(pa.table({"x": pa.chunked_array(chunks, pa.int64())}))

    assert cells(source) == list(range(sum(sizes)))
    assert (source.sample() is None) == (sum(sizes) == 0)


@pytest.mark.parametrize("rows", [7, 70_000, 400_000])
def test_splits_batches_and_the_sample(rows, monkeypatch):
    monkeypatch.setattr(frame, "SPLIT_ROWS", 100_000)
    monkeypatch.setattr(frame, "BATCH_ROWS", 30_000)
    array = np.arange(rows)
    for source in (opened(pd.DataFrame({"x": array})), opened(pa.table({"x": array})), opened({"x": array})):
        batches = [batch for split in source.splits() for batch in split.batches()]
        assert [batch.start for batch in batches] == np.cumsum([0, *(batch.rows for batch in batches)])[:-1].tolist()
        assert max(batch.rows for batch in batches) <= 30_000
        assert cells(source) == array.tolist()
        sample = source.sample()
        assert sample.rows == len(sample.columns[0]) <= 65_536
        seen = view(sample.columns[0]).values
        assert seen.min() == 0
        assert seen.max() >= (rows - 1) * 0.9


def test_nothing_is_copied_where_that_can_be():
    array = np.arange(9.0)
    for source in (
        opened({"x": array}),
        opened(pd.Series(array, copy=False)),
        opened(pa.table({"x": pa.array(array)})),
    ):
        assert np.shares_memory(view(raw(source)).values, array)


# --- NumPy and dicts


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_arrays_go_by_columns():
    found = opened(np.array([[1.0, NAN], [3.0, INF]]))

    assert [field.name for field in found.fields] == ["c0", "c1"]
    assert same(cells(found, 1), [NAN, INF])
    assert found.where([1], 0) == ["x[1, 0]"]
    assert [field.name for field in opened(np.zeros((2, 3, 4)), axis=1).fields] == ["c0", "c1", "c2"]
    assert told(np.float64(2.5)) == ("float", [2.5])
    matrix = np.asmatrix([[1.0, 2.0]])
    assert [field.name for field in opened(matrix).fields] == ["c0", "c1"]


def test_anything_that_is_an_array_to_numpy():
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array([1.0, NAN])

    class OnCard:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    assert same(told(Tensor())[1], [1.0, NAN])
    assert same(told({"x": Tensor()})[1], [1.0, NAN])
    with pytest.raises(UsageError, match=r"OnCard.*requires grad"):
        opened(OnCard())


def test_arrays_of_objects():
    assert told(np.array([1, None, 2.5], object)) == ("float", [1.0, None, 2.5])
    table = opened(np.array([[1, "a"], [None, None]], object))
    assert [(field.name, field.type) for field in table.fields] == [("c0", "integer"), ("c1", "text")]
    fields = np.array([(1, "a"), (2, None)], [("n", "i4"), ("t", object)])
    table = opened(fields)
    assert [(field.name, field.type) for field in table.fields] == [("n", "integer"), ("t", "text")]
    assert opened(np.empty((0, 2), object)).facts.rows == 0
    assert opened(np.empty((3, 0), object)).facts.rows == 3


def test_masked_arrays():
    masked = np.ma.array([[1.0, NAN], [3.0, 4.0]], mask=[[0, 0], [1, 0]])
    found = opened(masked)
    assert same([cells(found, 0), cells(found, 1)], [[1.0, None], [NAN, 4.0]])
    assert told(np.ma.array(["a", "b"], mask=[0, 1])) == ("text", ["a", None])
    assert told({"x": np.ma.array([1, 2], ">i2", mask=[1, 0])}) == ("integer", [None, 2])


def test_dicts():
    found = opened({"a": np.array([1, 2]), 7: [1.5, None], "t": ("x", "y"), "r": range(2), "p": pa.array([None, True])})

    assert [field.name for field in found.fields] == ["a", "7", "t", "r", "p"]
    assert [cells(found, i) for i in range(5)] == [[1, 2], [1.5, None], ["x", "y"], [0, 1], [None, True]]
    assert opened({}).facts.rows == 0


def test_arrays_of_several_dimensions_in_a_dict_are_vectors():
    images = np.arange(24, dtype=">f4").reshape(2, 3, 4)
    found = opened({"x": images, "y": [0, 1], "s": images[:, ::2], "h": images.astype("f2"), "g": images.astype("g")})
    assert [field.type for field in found.fields] == ["list<float>", "integer", *["list<float>"] * 3]
    assert [field.bits for field in found.fields] == [32, 64, 32, 16, 64]
    for column, expected in ((0, images), (2, images[:, ::2]), (3, images), (4, images)):
        assert cells(found, column) == expected.reshape(-1).tolist()
        assert view(raw(found, column)).owner.tolist() == sorted([0, 1] * (expected.size // 2))
    assert opened({"x": np.zeros((2, 0))}).facts.rows == 2
    assert told({"x": np.zeros((0, 3))}) == ("list<float>", [])
    with pytest.raises(UsageError, match="x: only numbers"):
        opened({"x": np.zeros((2, 2), "c8")})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"a": [1, 2], "b": [1]}, "a 2, b 1"),
        ({"a": 5}, "a: int"),
        ({"a": "text"}, "a: str"),
        ({"a": np.float64(5)}, "a: a single value"),
        ({"a": np.zeros(2, [("x", "f4")])}, "a: a structured array"),
        ([1, 2], "list: cannot be read"),
        (7, "int: cannot be read"),
        (None, "NoneType: cannot be read"),
        (b"path", "bytes: cannot be read"),
    ],
    ids=repr,
)
def test_what_is_no_table(source, words):
    with pytest.raises(UsageError) as caught:
        opened(source)
    assert words in caught.value.message
    assert caught.value.hint


def test_frames_have_no_axis():
    for source in (pd.DataFrame({"x": [1]}), TABLE, {"x": [1]}, np.array([None])):
        with pytest.raises(UsageError, match="axis"):
            opened(source, axis=0)


CELLS: dict[str, tuple[list[Any], str | None, list[Any]]] = {
    "beyond int64": ([2**63, 1, None], "integer", [2**63, 1, None]),
    "beyond uint64": ([2**64, -1], "float", [2.0**64, -1.0]),
    "beyond float64": ([10**400, -(10**400), 1], "float", [INF, -INF, 1.0]),
    "a signalling NaN": ([Decimal("sNaN"), Decimal("0.1")], "float", [NAN, 0.1]),
    "complex and decimal": ([1j, Decimal(2), 3], "complex", [1j, 2 + 0j, 3 + 0j]),
    "NumPy scalars": ([np.int8(1), np.uint64(2**64 - 1)], "integer", [1, 2**64 - 1]),
    "fractions": ([Fraction(1, 3), 2, np.float32(0.5)], "float", [1 / 3, 2.0, 0.5]),
    "NaN among texts": (["a", NAN, np.float32(NAN)], "text", ["a", None, None]),
    "numbers among texts": (["a", 1.5, NAN, 2**70, np.float32(0.5)], "text", ["a", "1.5", None, str(2**70), "0.5"]),
    "bool and numbers": ([True, 2], "text", ["True", "2"]),
    "only NaN": ([NAN, None], "float", [NAN, None]),
    "NumPy text": ([np.str_("a"), None], "text", ["a", None]),
    "surrogates": (["\ud800"], "text", ["?"]),
}


@pytest.mark.parametrize("name", CELLS)
def test_lists_of_python_values(name):
    values, kind, expected = CELLS[name]
    found = told({"x": values})

    assert (found[0], same(found[1], expected)) == (kind, True), found


def test_years_beyond_pythons_are_counted():
    stamps = [np.datetime64("20000-01-01", "D"), None]
    column = view(raw(opened({"x": stamps})))

    assert (column.rows, column.null) == (2, 1)


def test_pandas_is_not_imported_for_others():
    code = """
import sys
import numpy as np, pyarrow as pa
from nanclean.formats.frame import opened
from nanclean.format import ReadOptions
sources = [np.zeros((3, 2)), {"x": np.zeros(3), "y": [1, None, 2.5], "z": ["a", None, "b"]}, pa.nulls(3, pa.float64()),
    pa.table([pa.nulls(3, pa.struct([("a", pa.float64())]))], ["x"]), pa.table([pa.nulls(3)], ["x"]).to_reader()]
try:
    import polars
    sources.append(polars.DataFrame({"x": [1.5, None]}))
except ImportError:
    pass
for source in sources:
    found = opened(source, ReadOptions())
    found.sample(), [batch for split in found.splits() for batch in split.batches()]
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

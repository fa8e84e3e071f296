"""Views of typed columns: every type of Arrow and NumPy, sliced anywhere, held against Python's own values."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.column import Numbers, Values
from nanclean.typed import Complexes, Lists, strings, type_of, view

NAN, INF = math.nan, math.inf
NONE: frozenset[str] = frozenset()


def slices(array: pa.Array) -> list[pa.Array]:
    """The array, and the same cells as slices of longer ones, at offsets that are no multiples of 8."""
    long = pa.concat_arrays([array, array, array])
    return [array, long.slice(len(array), len(array)), long.slice(1, 2 * len(array)), array.slice(len(array))]


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float | np.floating) and np.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    return bool(found == expected)


def held(column: Any) -> list[Any]:
    """The cells as Python values; None where absent."""
    if isinstance(column, Numbers):
        absent = np.zeros(column.cells, bool) if column.absent is None else column.absent
        return [None if lost else value for value, lost in zip(column.values.tolist(), absent.tolist(), strict=True)]
    return column.array.tolist() if isinstance(column.array, np.ndarray) else column.array.to_pylist()


TYPES = [
    (pa.int8(), "integer", 8), (pa.uint64(), "integer", 64), (pa.float16(), "float", 16), (pa.float32(), "float", 32),
    (pa.float64(), "float", 64), (pa.decimal128(10, 2), "float", None), (pa.decimal128(10, 0), "integer", None),
    (pa.decimal256(60, 3), "float", None), (pa.bool_(), "boolean", None), (pa.string(), "text", None),
    (pa.large_string(), "text", None), (pa.binary(), "other", None), (pa.binary(4), "other", None),
    (pa.date32(), "time", None), (pa.date64(), "time", None), (pa.timestamp("ns"), "time", None),
    (pa.timestamp("s", "Europe/Berlin"), "time", None), (pa.time32("s"), "time", None), (pa.time64("ns"), "time", None),
    (pa.duration("s"), "other", None), (pa.null(), "other", None),
    (pa.list_(pa.float32()), "list<float>", 32), (pa.large_list(pa.int64()), "list<integer>", 64),
    (pa.list_(pa.float16(), 3), "list<float>", 16), (pa.list_(pa.list_(pa.int8())), "list<integer>", 8),
    (pa.list_(pa.string()), "other", None), (pa.list_(pa.bool_()), "other", None),
    (pa.list_(pa.struct([("a", pa.int8())])), "other", None), (pa.map_(pa.string(), pa.int8()), "other", None),
    (pa.dictionary(pa.int8(), pa.float32()), "float", 32), (pa.dictionary(pa.int8(), pa.string()), "text", None),
    (pa.list_(pa.decimal128(5, 1)), "list<float>", None), (pa.month_day_nano_interval(), "other", None),
    (np.dtype("i2"), "integer", 16), (np.dtype(">u4"), "integer", 32), (np.dtype("f2"), "float", 16),
    (np.dtype("?"), "boolean", None), (np.dtype("c8"), "complex", None), (np.dtype("M8[D]"), "time", None),
    (np.dtype("m8[s]"), "other", None), (np.dtype("U3"), "text", None), (np.dtype("S3"), "text", None),
    (np.dtype("V3"), "other", None), (np.dtype("longdouble"), "float", 64),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "name", "bits"), TYPES, ids=[str(case[0]) for case in TYPES])
def test_types(raw, name, bits):
    assert type_of(raw) == (name, bits)


@pytest.mark.parametrize("raw", [case[0] for case in TYPES if isinstance(case[0], pa.DataType)], ids=str)
def test_the_view_of_nothing_and_of_nulls_has_the_type_of_the_field(raw):
    for rows in (0, 9):
        column = view(pa.nulls(rows, raw), frozenset({"-999", "?"}))
        assert column.type == type_of(raw)[0]
        assert column.rows == rows
        if isinstance(column, Lists):
            assert (column.cells, int(column.empty_rows.sum()) if rows else 0) == (0, rows)
        else:
            assert (column.cells, column.null) == (rows, rows)
            assert rows == 0 or column.missing.all()


NUMBERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("kind", NUMBERS + FLOATS, ids=str)
@given(data=st.data())
def test_numbers_keep_their_values_their_nulls_and_their_nans(kind, data):
    if kind in FLOATS:
        cell = st.floats(width=kind.bit_width)
    else:
        low = -(2 ** (kind.bit_width - 1)) if pa.types.is_signed_integer(kind) else 0
        cell = st.integers(low, low + 2**kind.bit_width - 1)
    cells = data.draw(st.lists(st.none() | cell, max_size=30))
    if kind == pa.float16():
        cells = [None if c is None else np.float16(c) for c in cells]
    for array in slices(pa.array(cells, kind, from_pandas=False)):
        column = view(array)
        expected = array.to_pylist()
        assert column.values.dtype == np.dtype(kind.to_pandas_dtype())
        assert all(map(same, held(column), expected))
        assert column.null == expected.count(None)
        nan = sum(c is not None and c != c for c in expected)
        assert (0 if column.nan is None else int(column.nan.sum())) == nan


def test_numbers_are_not_copied():
    array = pa.array([1.0, None, 3.0])
    whole = np.frombuffer(array.buffers()[1], np.float64)
    assert np.shares_memory(view(array.slice(1)).values, whole)
    values = np.arange(5.0)
    assert np.shares_memory(view(values).values, values)


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=7, min_value=-(10**25), max_value=10**25)


@given(st.lists(st.none() | DECIMALS, min_size=1, max_size=10), st.sampled_from([pa.decimal128, pa.decimal256]))
def test_decimals_are_the_nearest_float(cells, width):
    for array in slices(pa.array(cells, width(38, 7))):
        assert held(view(array)) == [None if c is None else float(c) for c in array.to_pylist()]


@given(st.lists(st.none() | st.integers(-(10**9), 10**9), min_size=1), st.integers(0, 9))
def test_short_decimals_are_the_nearest_float(cells, places):
    exact = [None if c is None else Decimal(c).scaleb(-places) for c in cells]
    for array in slices(pa.array(exact, pa.decimal128(12, places))):
        found = view(array)
        assert held(found) == [None if c is None else float(c) for c in array.to_pylist()]
        assert (found.type == "integer") == (places == 0)


def test_whatever_stands_below_a_null_decimal():
    """Files may leave anything there; it must not decide how the others are read."""
    words = np.array([[110, 0], [-1, 77], [7, 0]], "<i8")
    buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(words)]
    assert held(view(pa.Array.from_buffers(pa.decimal128(38, 2), 3, buffers))) == [1.1, None, 0.07]
    whole = view(pa.Array.from_buffers(pa.decimal128(38, 0), 3, buffers))
    assert (held(whole), whole.values.dtype) == ([110, None, 7], np.int64)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5), st.integers(15, 60))
def test_small_decimals_are_the_nearest_float(digits, places):
    """Beyond 10**22 no power of ten is a float64."""
    exact = [Decimal(c).scaleb(-places) for c in digits]

    assert held(view(pa.array(exact, pa.decimal256(70, places)))) == [float(c) for c in exact]


def test_whole_decimals_beyond_64_bits_are_floats():
    array = pa.array([Decimal(2**64), Decimal(1), None], pa.decimal128(38, 0))

    assert held(view(array)) == [2.0**64, 1.0, None]
    assert view(array.slice(1)).values.dtype == np.int64


ROWS = [[1.0, 2.0], None, [NAN, INF], [], [3.0, None], [-999.0]]
FIXED = [[1.0, 2.0], None, [NAN, 4.0], [None, -999.0]]


def listed(array: pa.Array) -> list[tuple[int, Any]]:
    """Row and value of every element, by Python."""
    return [(row, cell) for row, cells in enumerate(array.to_pylist()) for cell in cells or []]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (ROWS, pa.list_(pa.float32())),
        (ROWS, pa.large_list(pa.float64())),
        (FIXED, pa.list_(pa.float64(), 2)),
        ([[1, 2], None, [], [3, None]], pa.list_(pa.int16())),
        ([[Decimal("1.5"), None], None, [Decimal("0.1")]], pa.list_(pa.decimal128(9, 2))),
    ],
    ids=str,
)
def test_lists(rows, kind):
    for array in slices(pa.array(rows, kind)):
        column = view(array)
        assert isinstance(column, Lists)
        expected = listed(array)
        values = [float(c) if isinstance(c, Decimal) else c for _, c in expected]
        assert column.owner.tolist() == [row for row, _ in expected]
        assert all(map(same, held(column), values))
        assert (column.rows, column.cells, column.null) == (len(array), len(expected), values.count(None))
        empty = [cells is None for cells in array.to_pylist()]
        assert (column.empty_rows.tolist() if column.empty_rows is not None else [False] * len(array)) == empty


def test_list_views():
    view_of = pa.list_view(pa.int16())
    try:
        arrays = slices(pa.array([[1, 2], None, [], [3, None]], view_of))
    except pa.ArrowNotImplementedError:
        pytest.skip("this version of Arrow cannot do much with them")
    for array in arrays:
        column = view(array)
        assert column.owner.tolist() == [row for row, _ in listed(array)]
        assert held(column) == [cell for _, cell in listed(array)]


def test_what_a_null_list_holds_is_no_cell():
    """Offsets may span elements below a null."""
    offsets = pa.py_buffer(np.array([0, 2, 4, 5], np.int32))
    child = pa.array([1.0, 2.0, 3.0, 4.0, 5.0])
    array = pa.Array.from_buffers(pa.list_(pa.float64()), 3, [pa.py_buffer(b"\x05"), offsets], children=[child])
    column = view(array)

    assert (column.values.tolist(), column.owner.tolist()) == ([1.0, 2.0, 5.0], [0, 0, 2])
    assert column.empty_rows.tolist() == [False, True, False]


def test_lists_of_lists_are_one_list():
    rows = [[[1.0, None], None], None, [], [[], [3.0, NAN]]]
    for array in slices(pa.array(rows)):
        column = view(array)
        flat = [(r, c) for r, lists in enumerate(array.to_pylist()) for cells in lists or [] for c in cells or []]
        assert column.type == "list<float>"
        assert column.owner.tolist() == [row for row, _ in flat]
        assert all(map(same, held(column), [c for _, c in flat]))
        bad = [lists is None or None in lists for lists in array.to_pylist()]
        assert (column.empty_rows.tolist() if column.empty_rows is not None else [False] * len(array)) == bad


def test_missing_rows_of_lists():
    column = view(pa.array(ROWS), frozenset({"-999"}))

    assert column.tokens == {"-999": 1}
    assert column.missing_rows.tolist() == [False, True, True, False, True, True]


TEXTS = ["a", None, "", " ? ", "?", "ü, long enough to be no inline view", "-999"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_text(kind):
    for array in slices(pa.array(TEXTS, kind)):
        column = view(array, frozenset({"?", " -999 ", "b"}))
        cells = array.to_pylist()
        assert held(column) == [None if c is None or c.strip() in ("?", "-999", "") else c for c in cells]
        counts = {"?": sum(c is not None and c.strip() == "?" for c in cells), "-999": cells.count("-999")}
        assert column.tokens == {word: n for word, n in counts.items() if n}
        assert (column.null, column.empty) == (cells.count(None), cells.count(""))
        assert column.missing is None or column.missing.tolist() == [c is None for c in held(column)]


def test_text_that_is_no_utf8_is_counted_and_shown_with_marks():
    data = b"ok\xff\xfegood"
    offsets = np.array([0, 2, 4, 8], np.int32)
    array = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    column = view(array)

    assert held(column) == ["ok", "\ufffd\ufffd", "good"]
    assert column.details == {"undecodable": 1}


class Doubled(pa.ExtensionType):
    """Any extension type; it is not registered."""

    def __init__(self, storage: pa.DataType) -> None:
        super().__init__(storage, "test.doubled")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, data: bytes) -> Doubled:
        return cls(storage)


@pytest.mark.parametrize("cells", [[1.5, None, 1.5, NAN], ["a", None, "", "a"], [1, None, 1, 2]], ids=str)
def test_dictionaries_runs_and_extensions_are_their_values(cells):
    plain = pa.array(cells, from_pandas=False)
    others = [plain.dictionary_encode(), pa.ExtensionArray.from_storage(Doubled(plain.type), plain)]
    if not any(isinstance(c, float) for c in cells):
        others.append(pa.compute.run_end_encode(plain))
    for other in others:
        for mine, theirs in zip(slices(other), slices(plain), strict=True):
            found, expected = view(mine), view(theirs)
            assert type_of(other.type) == type_of(plain.type)
            assert all(map(same, held(found), held(expected)))
            assert (found.type, found.null, found.empty) == (expected.type, expected.null, expected.empty)


def test_a_tensor_column_is_a_list_of_numbers():
    kind = pa.fixed_shape_tensor(pa.float32(), (2, 2))
    storage = pa.array([[1.0, 2.0, 3.0, NAN], None], pa.list_(pa.float32(), 4))
    column = view(pa.ExtensionArray.from_storage(kind, storage))

    assert (column.type, column.cells, type_of(kind)) == ("list<float>", 4, ("list<float>", 32))


def test_null_values_of_a_dictionary_are_null():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1]), pa.array([2.5, None]))

    assert (view(array).null, held(view(array))) == (3, [2.5, None, None, None])


DECLARED = frozenset({"-999", "-999.0", "?", "0.1", "1e39", "300", "inf", "9" * 30, "1e-999999999", "nan"})


@pytest.mark.parametrize(
    ("array", "lost", "tokens"),
    [
        (np.array([1, -999, 300], np.int16), [False, True, True], {"-999": 1, "300": 1}),
        (np.array([-99, 44], np.int8), None, {}),
        (np.array([0, 65_000], np.uint16), None, {}),
        (np.array([0.1, 0.5, NAN], np.float32), [True, False, False], {"0.1": 1}),
        (np.array([INF, 1e38], np.float32), [True, False], {"inf": 1}),
        (np.array([-999, 2], np.float16), [True, False], {"-999": 1}),
        (np.array([1e39, -INF]), [True, False], {"1e39": 1}),
        (np.array([-999.0, -999.0], ">f8"), [True, True], {"-999": 2}),
    ],
    ids=str,
)
def test_declared_numbers_are_compared_as_numbers(array, lost, tokens):
    column = view(array, DECLARED)

    assert column.tokens == tokens
    assert (column.absent if column.absent is None else column.absent.tolist()) == lost


def test_a_declared_number_beyond_a_dtype_is_not_its_infinity():
    assert view(np.array([INF, 1.0], np.float32), frozenset({"1e39"})).tokens == {}
    assert view(np.array([INF, 1.0], np.float16), frozenset({"65520", "1e39", "-inf"})).tokens == {}


def test_a_declared_null_is_counted_once():
    array = pa.Array.from_buffers(pa.int64(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(np.array([-999, -999, 1]))])
    column = view(array, frozenset({"-999"}))

    assert (column.null, column.tokens, column.absent.tolist()) == (1, {"-999": 1}, [True, True, False])


@pytest.mark.parametrize("letter", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
def test_numpy_numbers_in_both_byte_orders(letter, order):
    values = np.array([0, 1, 100], letter)
    column = view(values.astype(order + letter)[::2])

    assert column.values.dtype == values.dtype
    assert column.values.tolist() == [0, 100]


def test_long_doubles_are_rounded():
    beyond = np.longdouble("1e400")
    column = view(np.array([np.longdouble("0.1"), beyond, np.nan], np.longdouble))

    assert column.values.dtype == np.float64
    assert column.values[0] == 0.1
    assert np.isinf(column.values[1]) == (np.finfo(np.longdouble).max >= beyond)


def test_complex_cells_count_by_either_part():
    raw = np.array([1 + 2j, complex(NAN, INF), complex(0, NAN), complex(-INF, 1)], ">c8")
    column = view(raw)

    assert isinstance(column, Complexes)
    assert (column.nan.tolist(), column.infinite.tolist()) == ([0, 1, 1, 0], [0, 0, 0, 1])
    assert column.missing_rows.tolist() == [False, True, True, False]
    assert view(raw[:1]).missing is None


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "10s"])
@pytest.mark.parametrize("order", "<>")
def test_numpy_times(unit, order):
    raw = np.array(["1970-01-01", "NaT", "1970-01-08"], "M8[D]").astype(f"{order}M8[{unit}]")
    column = view(raw)
    exact = raw.astype("M8[s]").astype(object)

    assert (column.type, column.null, column.absent.tolist()) == ("time", 1, [False, True, False])
    assert column.time_extent[0].startswith(exact[0].date().isoformat())
    assert column.time_extent[1].startswith(exact[2].date().isoformat())


def test_numpy_times_finer_than_arrow_has_them():
    for unit, second in (("ps", 10**12), ("fs", 10**15), ("as", 10**18)):
        raw = np.array([second, np.iinfo(np.int64).min, 3 * second], np.int64).view(f"M8[{unit}]")
        column = view(raw)
        assert column.null == 1
        assert column.time_extent == ("1970-01-01T00:00:01", "1970-01-01T00:00:03")


def test_other_numpy_cells():
    durations = view(np.array([1, "NaT"], "m8[h]"))
    assert (durations.type, durations.null, durations.rows) == ("other", 1, 2)
    assert view(np.array(["NaT"], "M8")).null == 1
    assert view(np.zeros(3, "V5")).type == "other"
    assert held(view(np.array([True, False] * 9))) == [True, False] * 9
    with pytest.raises(TypeError):
        view(np.array([None]))


def test_numpy_text():
    for order in "<>":
        assert held(view(np.array(["ab", "ü😀", ""], f"{order}U2"))) == ["ab", "ü😀", None]
    assert held(view(np.array([b"ab", "ü".encode(), b""]))) == ["ab", "ü", None]
    assert held(view(np.array([b"ab", b"\xfc"]))) == ["ab", "ü"]
    wrong = np.array([0x61, 0x110000], np.uint32).view("<U2")
    assert held(view(wrong)) == ["a\ufffd"]
    assert view(wrong).details == {}
    assert held(view(np.array([0xD800], np.uint32).view("<U1"))) == ["?"]


@given(st.lists(st.none() | st.text()))
def test_strings_are_what_arrow_makes_of_them(texts):
    wanted = [None if t is None else t.encode("utf-8", "replace").decode() for t in texts]
    found = strings(texts)
    found.validate(full=True)

    assert found.to_pylist() == wanted


@pytest.mark.parametrize(
    ("cells", "kind", "texts"),
    [
        ([datetime.date(2013, 1, 1), None, datetime.date(1900, 2, 28)], pa.date32(), ("1900-02-28", "2013-01-01")),
        ([datetime.date(2013, 1, 1), None], pa.date64(), ("2013-01-01", "2013-01-01")),
        ([1_500_000_000], pa.timestamp("ns"), ("1970-01-01T00:00:01.5",) * 2),
        ([0], pa.timestamp("s", "Asia/Nowhere"), ("1970-01-01T00:00:00Z",) * 2),
        ([0, 3601], pa.time32("s"), ("00:00:00", "01:00:01")),
        ([1, None], pa.time64("ns"), ("00:00:00.000000001",) * 2),
        ([10**14], pa.timestamp("s"), ("+3170843-11-07T09:46:40",) * 2),
    ],
    ids=str,
)
def test_times_of_arrow(cells, kind, texts):
    for array in slices(pa.array(cells, kind)):
        column = view(array)
        assert (column.type, column.null) == ("time", array.null_count)
        assert column.time_extent == (texts if column.null < len(array) else None)


def test_views_do_not_import_pandas():
    code = """
import sys, numpy as np, pyarrow as pa
from nanclean.typed import view, type_of
kinds = [pa.int8(), pa.float16(), pa.decimal128(20, 3), pa.string(), pa.string_view(), pa.bool_(), pa.timestamp("ns"),
    pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.dictionary(pa.int8(), pa.string()), pa.binary(), pa.null(),
    pa.decimal256(50, 3), pa.run_end_encoded(pa.int32(), pa.float64()), pa.date32(), pa.list_(pa.list_(pa.int8()))]
for kind in kinds:
    column = view(pa.nulls(3, kind), frozenset({"-999", "?"}))
    column.missing_rows, getattr(column, "time_extent", None), type_of(kind)
for dtype in ["i1", ">f4", "f2", "?", "c16", "M8[D]", "M8[ns]", "m8[s]", "U3", "S3", "V3", "g"]:
    column = view(np.zeros(3, dtype), frozenset({"0", "?"}))
    column.missing_rows, getattr(column, "time_extent", None)
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_values_have_an_array_of_as_many_cells():
    for raw in (pa.array([True]), pa.array(["a"]), pa.array([b"a"]), np.array([1j]), np.array(["2020"], "M8[Y]")):
        column = view(raw)
        assert isinstance(column, Values)
        assert len(column.array) == column.cells == 1

"""NPY files that are written again: held against NumPy, bit by bit, and read back as the proof of a fix does."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nanclean import patch
from nanclean.column import Column, Numbers, Values
from nanclean.errors import OutputError, RuleError, UsageError
from nanclean.format import ReadOptions
from nanclean.formats import _arrays, _npyfile, npy
from nanclean.formats._outputfile import OutputFile
from nanclean.opening import opened
from nanclean.patch import numbers as with_numbers
from nanclean.typed import Lists
from tests.formats.rewriting import at, outs, reading_of, rewritten

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stored array in format"),
    pytest.mark.filterwarnings("ignore:overflow encountered in cast"),
]

SIZES = {"SPLIT_BYTES": 600, "BATCH_BYTES": 200, "CACHED_BYTES": 120, "PIECE_BYTES": 64, "TILE_BYTES": 16}
SIZES |= {"TILE_ROWS": 2, "ROWS": 8, "ROWS_OF_ONE": 8, "FEWEST_ROWS": 2}


@pytest.fixture(autouse=True, params=["tiny", "usual"])
def sizes(request, monkeypatch):
    """Everything is tried with batches of a few records, and with all in one."""
    if request.param == "tiny":
        for name, size in SIZES.items():
            monkeypatch.setattr(_arrays, name, size)
        monkeypatch.setattr(_npyfile, "MOVED", 24)


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "in.npy", array)
    return folder / "in.npy"


def raw(array: np.ndarray) -> np.ndarray:
    """(records, bytes). Padding of records is included, that of long doubles is zero: NumPy itself does not keep it."""
    found = (
        np.frombuffer(array.tobytes("C"), np.uint8)
        .reshape(len(array), math.prod(array.shape[1:]) * array.itemsize)
        .copy()
    )
    if array.dtype in (np.longdouble, np.clongdouble):
        found.reshape(-1, 16)[:, 10:] = 0
    return found


R = np.random.default_rng(0)
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1.5, -2.5])
PAYLOADS = np.array([0x7FF8DEADBEEF0001, 0x7FF0000000000001, 0xFFF8000000000000, 1], "u8").view("f8")
PADDED = np.dtype({"names": ["a", "b", "c"], "formats": ["<i2", ">f8", "?"], "offsets": [1, 8, 17], "itemsize": 21})
NESTED = np.dtype([("p", "<f4"), ("q", [("x", ">i4"), ("y", "<f8", (2,))]), ("s", "U3"), ("t", "M8[s]"), ("z", "<c8")])


def records(dtype: np.dtype, n: int) -> np.ndarray:
    """With something in the padding, too."""
    array = np.frombuffer(R.integers(1, 100, n * dtype.itemsize, dtype=np.uint8).tobytes(), np.uint8).view(dtype).copy()
    for part in _arrays.parts(dtype):
        if part.dtype.kind == "U":
            part.of(array)[...] = "ab"
        elif part.dtype.kind == "b":
            part.of(array)[...] = R.random(n) < 0.5
        elif part.dtype.kind == "M":
            part.of(array)[...] = np.datetime64(1, "s")
    return array


ZOO: dict[str, np.ndarray] = {
    **{name: R.integers(0, 100, (23, 3)).astype(name) for name in ("i1", "u1", "<i2", ">i4", "<u8", ">u2", "?")},
    **{name: np.tile(SPECIAL, 9).reshape(24, 3).astype(name) for name in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")},
    "longdouble": (np.tile(SPECIAL, 3).reshape(8, 3).astype(np.longdouble) + np.longdouble(2) ** -60),
    "complex": np.tile(SPECIAL, 6).view("c16").reshape(8, 3),
    "clongdouble": np.tile(SPECIAL, 3).reshape(8, 3).astype(np.clongdouble),
    "payloads": np.tile(PAYLOADS, (7, 1)),
    "payloads swapped": np.tile(PAYLOADS, (7, 1)).astype(">f8"),
    "text": R.choice(["a", "bcd", "é"], (11, 2)),
    "text swapped": R.choice(["a", "bcd"], (11, 2)).astype(">U3"),
    "bytes": R.choice([b"a", b"\xff\xfe"], (11, 2)),
    "times": R.integers(0, 10**9, (9, 2)).astype("M8[s]"),
    "days": np.array(["2020-01-01", "NaT", "1899-05-05"], ">M8[D]"),
    "durations": R.integers(0, 10**9, 9).astype("m8[ms]"),
    "void": R.integers(0, 99, (9, 2), dtype=np.uint16).view("V2"),
    "fortran": np.asfortranarray(R.normal(size=(19, 4))),
    "fortran, swapped": np.asfortranarray(R.normal(size=(19, 4)).astype(">f4")),
    "one axis": R.normal(size=37),
    "three axes": R.normal(size=(13, 2, 3)),
    "three axes in Fortran order": np.asfortranarray(R.normal(size=(13, 2, 3)).astype(">f4")),
    "four axes": R.integers(0, 255, (5, 2, 2, 2)).astype("u1"),
    "booleans of three axes": R.random((9, 2, 2)) < 0.5,
    "no axis": np.array(3.5),
    "no rows": np.empty((0, 4)),
    "no columns": np.empty((4, 0)),
    "no rows in Fortran order": np.asfortranarray(np.empty((0, 4))),
    "padded": records(PADDED, 17),
    "nested": records(NESTED, 17),
    "records of two axes": records(PADDED, 12).reshape(3, 4),
    "aligned": records(np.dtype([("a", "i1"), ("b", "f8")], align=True), 9),
}
ROWS_CAN_GO = [name for name, a in ZOO.items() if a.ndim > 0 and (a.dtype.names is None or a.ndim == 1)]


@pytest.mark.parametrize("name", list(ZOO))
def test_an_array_that_no_rule_touches_is_the_same_bytes(name, tmp_path):
    path = saved(tmp_path, ZOO[name])
    if not opened(path).fields:
        pytest.skip("there is nothing to write")
    rewritten(path, tmp_path / "out.npy")

    assert (tmp_path / "out.npy").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("header", ["short", "version 2", "spaces", "Python 2"])
def test_any_header_stays_as_it_is_while_shape_and_type_do(header, tmp_path):
    values = np.arange(12.0).reshape(6, 2)
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 2)}"
    text = {"spaces": f"   {text}   " + " " * 300, "Python 2": text.replace("(6, 2)", "(6L, 2L)")}.get(header, text)
    version = b"\2\0" if header == "version 2" else b"\1\0"
    length = (len(text) + 1).to_bytes(4 if header == "version 2" else 2, "little")
    path = tmp_path / "in.npy"
    path.write_bytes(b"\x93NUMPY" + version + length + text.encode() + b"\n" + values.tobytes())
    rewritten(path, tmp_path / "out.npy")
    assert (tmp_path / "out.npy").read_bytes() == path.read_bytes()

    rewritten(path, tmp_path / "out.npy", keep=lambda rows: rows != 3)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.delete(values, 3, axis=0))


@pytest.mark.parametrize("name", ROWS_CAN_GO)
@pytest.mark.parametrize("keep", [lambda rows: rows % 3 != 1, lambda rows: rows < 5, lambda rows: rows > 10**9])
def test_rows_that_stay_keep_every_bit(name, keep, tmp_path):
    array = ZOO[name]
    path = saved(tmp_path, array)
    if not opened(path).fields:
        pytest.skip("there is nothing to write")
    rewritten(path, tmp_path / "out.npy", keep=keep)

    found, expected = np.load(tmp_path / "out.npy"), array[keep(np.arange(len(array)))]
    assert found.dtype == array.dtype
    assert found.shape == expected.shape
    assert raw(found).tobytes() == raw(array)[keep(np.arange(len(array)))].tobytes()
    source, again = opened(path), opened(tmp_path / "out.npy")
    assert again.layout.fortran == source.layout.fortran


@pytest.mark.parametrize("shape", [(4, 23), (2, 5, 3), (5, 2, 3), (3, 2, 2, 3)])
@pytest.mark.parametrize("fortran", [False, True])
def test_columns_along_any_axis(shape, fortran, tmp_path):
    array = R.normal(size=shape)
    array = np.asfortranarray(array) if fortran else array
    for axis in range(len(shape)):
        path = saved(tmp_path, array)
        options = ReadOptions(axis=axis)
        rewritten(path, tmp_path / "out.npy", options=options)
        assert (tmp_path / "out.npy").read_bytes() == path.read_bytes()

        rewritten(path, tmp_path / "out.npy", at([1, 4], ["c1"], 99.0), options=options, touched=["c1"])
        found = np.load(tmp_path / "out.npy")
        order = "F" if fortran else "C"
        expected = [np.take(array, i, axis).reshape(-1, order=order) for i in range(shape[axis])]
        expected[1][[row for row in (1, 4) if row < len(expected[1])]] = 99.0
        for i, column in enumerate(expected):
            np.testing.assert_array_equal(np.take(found, i, axis).reshape(-1, order=order), column)

        without = lambda name, view, rows: (None, None) if name == "c0" else (view, None)
        rewritten(path, tmp_path / "out.npy", without, options=options)
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.delete(array, 0, axis))
        if len(shape) == 2:
            rewritten(path, tmp_path / "out.npy", without, keep=lambda rows: rows % 2 == 0, options=options)
            expected_array = np.delete(array, 0, axis)
            rows = np.arange(expected_array.shape[1 - axis]) % 2 == 0
            np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.compress(rows, expected_array, 1 - axis))
        else:
            with pytest.raises(RuleError, match="cannot be dropped one by one"):
                rewritten(path, tmp_path / "out.npy", keep=lambda rows: rows != 1, options=options)


@pytest.mark.parametrize("name", [n for n, a in ZOO.items() if a.ndim == 2 and a.dtype.kind in "iufc" and a.size])
def test_only_the_cells_that_a_rule_names_are_others(name, tmp_path):
    array = ZOO[name]
    value: Any = 7
    change = at([2, 5], ["c1"], value) if array.dtype.kind != "c" else complex_at([2, 5])
    rewritten(saved(tmp_path, array), tmp_path / "out.npy", change, keep=lambda rows: rows != 3, touched=["c1"])

    expected = array.copy(order="K")
    expected[[2, 5], 1] = value
    expected = expected[np.arange(len(array)) != 3]
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == expected.dtype
    assert raw(found).tobytes() == raw(expected).tobytes()


def complex_at(rows: list[int]) -> Any:
    def change(name: str, view: Column, numbers: np.ndarray) -> tuple[Column, np.ndarray | None]:
        cells = np.isin(numbers, rows)
        if name != "c1" or not cells.any():
            return view, None
        assert isinstance(view, Values)
        array = view.array.copy()
        array[cells] = 7
        return type(view)(type="complex", rows=view.rows, cells=view.cells, array=array), cells

    return change


def test_missing_cells_become_nan_and_in_integers_an_error(tmp_path):
    for dtype in ("<f4", ">f8", "<f2", np.longdouble):
        path = saved(tmp_path, np.ones((9, 2), dtype))
        rewritten(path, tmp_path / "out.npy", at([4], ["c0"], None), touched=["c0"])
        found = np.load(tmp_path / "out.npy")
        assert found.dtype == dtype
        assert np.isnan(found[4, 0])
        assert np.isnan(found).sum() == 1
    path = saved(tmp_path, np.ones((9, 2), int))
    with pytest.raises(RuleError, match=r"c0.*int64 has no way to say so") as error:
        rewritten(path, tmp_path / "out.npy", at([4], ["c0"], None), touched=["c0"])
    assert error.value.hint is not None
    assert "c0 -> cast(float64)" in error.value.hint


@pytest.mark.parametrize("name", ["three axes", "three axes in Fortran order", "four axes"])
def test_cells_of_records_with_many_values(name, tmp_path):
    array = ZOO[name]

    def change(column: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray]:
        assert isinstance(view, Lists)
        cells = view.values > 0.5
        return patch.put(view, cells, view.values.dtype.type(1)), cells

    path = saved(tmp_path, array)
    for keep in (None, lambda rows: rows % 4 != 2):
        rewritten(path, tmp_path / "out.npy", change, keep=keep, touched=["c0"])
        expected = np.where(array > 0.5, array.dtype.type(1), array)
        expected = expected if keep is None else expected[keep(np.arange(len(array)))]
        found = np.load(tmp_path / "out.npy")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, expected)


def cast(dtype: str, names: list[str] | None = None) -> Any:
    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        if names is not None and name not in names:
            return view, None
        assert isinstance(view, Numbers)
        kind = "float" if np.dtype(dtype).kind == "f" else "integer"
        kind = f"list<{kind}>" if isinstance(view, Lists) else kind
        return with_numbers(view, view.values.astype(dtype), view.absent, view.unparsable, type=kind), None

    return change


@pytest.mark.parametrize("name", ["<i2", ">i4", "fortran", "fortran, swapped", "one axis", "three axes", "no rows"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_all_columns_may_have_another_type(name, dtype, tmp_path):
    array = ZOO[name]
    rewritten(saved(tmp_path, array), tmp_path / "out.npy", cast(dtype), keep=lambda rows: rows != 2)

    found = np.load(tmp_path / "out.npy")
    expected = array[np.arange(len(array)) != 2].astype(dtype)
    assert found.dtype.newbyteorder("=") == np.dtype(dtype)
    assert found.dtype.isnative == array.dtype.isnative
    np.testing.assert_array_equal(found, expected)


def test_what_a_policy_takes_for_missing_keeps_its_value(tmp_path):
    array = np.array([[1, -999], [300, 4]], ">i4")
    path, out = saved(tmp_path, array), tmp_path / "out.npy"
    rewritten(path, out, at([0], ["c0"], 7), touched=["c0"], missing="-999")
    np.testing.assert_array_equal(np.load(out), [[7, -999], [300, 4]])
    for dtype in ("i8", "f4"):
        rewritten(path, out, cast(dtype), missing="-999")
        np.testing.assert_array_equal(np.load(out), array)
    with pytest.raises(RuleError, match="c1: int8 cannot hold a value that the policy takes for missing"):
        rewritten(path, out, cast("i1"), missing="-999")


def test_a_matrix_has_one_type(tmp_path):
    with pytest.raises(UsageError, match="of one type") as error:
        rewritten(saved(tmp_path, ZOO["<i2"]), tmp_path / "out.npy", cast("f4", ["c1"]))
    assert error.value.hint is not None
    assert "@all -> cast(float32)" in error.value.hint


def flag(rows: np.ndarray) -> dict[str, Column]:
    bits = rows % 2 == 0
    array = pa.array(bits)
    return {"c0_odd": Values(type="boolean", rows=len(rows), cells=len(rows), array=array)}


@pytest.mark.parametrize("name", ["<f2", ">i4", "fortran", "?", "longdouble", "complex"])
def test_a_flag_is_a_further_column_of_a_matrix(name, tmp_path):
    array = ZOO[name]
    rewritten(saved(tmp_path, array), tmp_path / "out.npy", keep=lambda rows: rows != 2, added=flag)

    flags = (np.arange(len(array)) % 2 == 0).astype(array.dtype)
    expected = np.column_stack([array, flags])[np.arange(len(array)) != 2]
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == array.dtype
    assert raw(found).tobytes() == raw(expected.astype(array.dtype)).tobytes()


@pytest.mark.parametrize("name", ["one axis", "three axes", "times"])
def test_what_has_no_place_for_a_flag_says_so(name, tmp_path):
    with pytest.raises(UsageError, match="c0_odd") as error:
        rewritten(saved(tmp_path, ZOO[name]), tmp_path / "out.npy", added=flag)
    assert error.value.hint == "write .parquet"


def test_fields_and_padding_of_records_stay(tmp_path):
    array = ZOO["padded"]
    path = saved(tmp_path, array)
    rewritten(path, tmp_path / "out.npy", at([3], ["b"], 1.25), keep=lambda rows: rows != 5, added=flag, touched=["b"])

    found = np.load(tmp_path / "out.npy")
    assert found.dtype.names == ("a", "b", "c", "c0_odd")
    expected = np.frombuffer(bytearray(array.tobytes()), PADDED)
    expected["b"][3] = 1.25
    kept = np.arange(len(array)) != 5
    assert raw(found)[:, : PADDED.itemsize].tobytes() == raw(expected)[kept].tobytes()
    np.testing.assert_array_equal(found["c0_odd"], (np.arange(len(array)) % 2 == 0)[kept])


def test_fields_of_records_may_go_or_change_their_type(tmp_path):
    array = ZOO["nested"]
    path = saved(tmp_path, array)

    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column | None, np.ndarray | None]:
        if name in ("p", "q.x"):
            return None, None
        return cast("f4")(name, view, rows) if name.startswith("q.y") else (view, None)

    rewritten(path, tmp_path / "out.npy", change)
    found = np.load(tmp_path / "out.npy")
    assert found.dtype.names == ("q", "s", "t", "z")
    assert found.dtype["q"] == np.dtype([("y", "<f4", (2,))])
    np.testing.assert_array_equal(found["q"]["y"], array["q"]["y"].astype("f4"))
    for name in ("s", "t", "z"):
        assert found[name].tobytes() == array[name].tobytes()
    with pytest.raises(UsageError, match="the field q"):
        rewritten(path, tmp_path / "out.npy", cast("f4", ["q.y[0]"]))


def text_at(row: int, text: str | None) -> Any:
    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        cells = rows == row
        if name != "c0" or not cells.any():
            return view, None
        if text is None:
            return patch.blanked(view, cells), cells
        return patch.put(view, cells, pa.array([text])), cells

    return change


def test_text_must_fit_and_times_have_their_own_way_to_be_missing(tmp_path):
    path = saved(tmp_path, ZOO["text swapped"])
    rewritten(path, tmp_path / "out.npy", text_at(3, "xyz"), touched=["c0"])
    expected = ZOO["text swapped"].copy()
    expected[3, 0] = "xyz"
    assert np.load(tmp_path / "out.npy").tobytes() == expected.tobytes()
    with pytest.raises(RuleError, match="'wxyz' does not fit into >U3"):
        rewritten(path, tmp_path / "out.npy", text_at(3, "wxyz"), touched=["c0"])
    with pytest.raises(RuleError, match="would have to be missing"):
        rewritten(path, tmp_path / "out.npy", text_at(3, None), touched=["c0"])
    for name in ("days", "times"):
        array = ZOO[name]
        rewritten(saved(tmp_path, array), tmp_path / "out.npy", text_at(0, None), touched=["c0"])
        found = np.load(tmp_path / "out.npy").reshape(len(array), -1)
        assert np.isnat(found[0, 0])
        assert found.reshape(-1)[1:].tobytes() == array.reshape(-1)[1:].tobytes()


MATRICES = hnp.arrays(
    st.sampled_from(["<f4", ">f8", "<i4", ">u2", "<f2"]), st.tuples(st.integers(0, 30), st.integers(1, 5))
)


@given(data=st.data(), array=MATRICES, fortran=st.booleans())
@settings(max_examples=60)
def test_any_changes_and_drops(data, array, fortran, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    array = np.asfortranarray(array) if fortran else array
    n, width = array.shape
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    where = data.draw(hnp.arrays(bool, (n, width)))
    value = array.dtype.type(data.draw(st.integers(0, 9)))

    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray]:
        cells = where[rows, int(name[1:])] if len(rows) else np.empty(0, bool)
        return patch.put(view, cells, value), cells

    rewritten(saved(folder, array), folder / "out.npy", change, keep=lambda rows: keep[rows])
    found = np.load(folder / "out.npy")
    expected = array.copy()
    expected[where] = value
    assert found.dtype == array.dtype
    assert found.tobytes("C") == expected[keep].tobytes("C")


@pytest.mark.parametrize("name", ["fortran", "one axis", "three axes"])
def test_arrays_in_memory_become_files(name, tmp_path):
    array = ZOO[name]
    rewritten(opened(array), tmp_path / "out.npy", keep=lambda rows: rows != 1)
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(found, np.delete(array, 1, axis=0))
    before = array.copy()
    rewritten(opened(array), tmp_path / "out.npy", cast("f4"))
    np.testing.assert_array_equal(array, before)


def test_the_array_in_memory_is_never_written_to(tmp_path):
    for name in ("<f4", "one axis", "padded", "fortran", "three axes"):
        array = ZOO[name].copy(order="K")
        before = array.tobytes("A")
        column = "b" if array.dtype.names else "c0"
        if array.ndim < 3:
            rewritten(opened(array), tmp_path / "out.npy", at([2], [column], 77), touched=[column])
            assert np.load(tmp_path / "out.npy").tobytes("A") != before
        assert array.tobytes("A") == before


def test_gaps_in_memory_are_none_in_the_file(tmp_path):
    array = R.normal(size=(20, 6))[::2, ::3]
    rewritten(opened(array), tmp_path / "out.npy", at([2], ["c1"], 5.0), keep=lambda rows: rows != 4, touched=["c1"])
    expected = array.copy()
    expected[2, 1] = 5
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.delete(expected, 4, axis=0))


# --- from other formats


def table(folder: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), folder / "in.parquet")
    return folder / "in.parquet"


def test_a_table_of_numbers_becomes_records(tmp_path):
    path = table(tmp_path, {"a": [1, 2, 3], "b": [1.5, None, float("nan")], "ok": [True, False, True]})
    rewritten(path, tmp_path / "out.npy", keep=lambda rows: rows != 0)
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.dtype([("a", "<i8"), ("b", "<f8"), ("ok", "?")])
    assert found["a"].tolist() == [2, 3]
    assert np.isnan(found["b"]).all()
    assert found["ok"].tolist() == [False, True]


def test_columns_without_names_of_one_type_become_a_matrix(tmp_path):
    (tmp_path / "in.csv").write_text("1,2.5\n3,nan\n,4\n")
    rewritten(tmp_path / "in.csv", tmp_path / "out.npy", cast("f8"), options=ReadOptions(header=False))
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), [[1, 2.5], [3, math.nan], [math.nan, 4]])


def test_what_has_no_place_in_an_array_is_refused_before_anything_is_read(tmp_path):
    for values, told in (
        (["x"], "text"), ([[1.0]], "list<float>"), (pa.array([1], pa.timestamp("s")), "time"),
        (pa.array([1]).cast(pa.decimal128(20)), "decimal128"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=f"bad: {told}.*has no place") as error:
            rewritten(table(tmp_path, {"a": [1], "bad": values}), tmp_path / "out.npy")
        assert error.value.hint is not None
        assert "bad -> drop_column" in error.value.hint


def test_integers_and_booleans_cannot_be_missing(tmp_path):
    for values in ([1, None], [True, None]):
        with pytest.raises(RuleError, match="n, row 2: is missing") as error:
            rewritten(table(tmp_path, {"n": values}), tmp_path / "out.npy")
        assert error.value.hint is not None
        assert "n -> cast(float64)" in error.value.hint


# --- what can go wrong


def test_a_disk_that_takes_a_part_at_a_time(tmp_path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, data[:7], offset))
    path = saved(tmp_path, ZOO["fortran"])
    rewritten(path, tmp_path / "out.npy", keep=lambda rows: rows != 3)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.delete(ZOO["fortran"], 3, axis=0))


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    path = saved(tmp_path, R.normal(size=(1000, 20)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(OutputError, match=r"cannot write .*out\.npy: file too large"):
            rewritten(path, tmp_path / "out.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_target_that_is_given_up_lets_go_of_its_file(tmp_path):
    source = opened(saved(tmp_path, ZOO["fortran"]))
    (tmp_path / "out.npy").write_bytes(b"")
    target = npy.target(source, outs(source, reading_of(source)), str(tmp_path / "out.npy"), ReadOptions())
    file = target._file
    assert isinstance(file, OutputFile)
    target.close()
    target.close()
    assert file._handle.closed


def test_real_arrays(data, tmp_path, request):
    if "tiny" in request.node.name:
        pytest.skip("they are too large for batches of eight records")
    for path in sorted(data.glob("*.npy")):
        array = np.load(path)
        rewritten(path, tmp_path / "out.npy")
        assert (tmp_path / "out.npy").read_bytes() == path.read_bytes()
        rewritten(path, tmp_path / "out.npy", keep=lambda rows: rows % 7 != 0)
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), array[np.arange(len(array)) % 7 != 0])

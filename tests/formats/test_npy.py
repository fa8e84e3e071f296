"""NPY files and arrays in memory, held against NumPy; and files that lie."""

from __future__ import annotations

import io
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nanclean.errors import InputError, UsageError
from nanclean.files.local import Local
from nanclean.format import ReadOptions, Source
from nanclean.formats import _arrays, npy
from nanclean.formats._arrays import in_memory
from nanclean.typed import native, view

pytestmark = pytest.mark.filterwarnings("ignore:Stored array in format")


def columns_of(source: Source, wanted: list[int] | None = None) -> list[list[Any]]:
    """All cells of each column, put together from the batches of all splits, which must follow each other."""
    number = len(source.fields) if wanted is None else len(wanted)
    found: list[list[Any]] = [[] for _ in range(number)]
    row = 0
    for index, split in enumerate(source.splits()):
        assert split.index == index
        for batch in split.batches(wanted):
            assert batch.start == row
            assert len(batch.columns) == number
            for column, cells in zip(batch.columns, found, strict=True):
                assert len(column) == batch.rows
                cells += plain(column.reshape(-1))
            row += batch.rows
    assert row == source.facts.rows
    return found


def plain(column: np.ndarray) -> list[Any]:
    return native(column).view(f"V{native(column).itemsize}").tolist() if column.dtype.kind in "fc" else column.tolist()


def expected_columns(array: np.ndarray, axis: int | None = None) -> list[list[Any]]:
    """By NumPy alone. In Fortran order cells run as the values lie, but those of one record as they are counted."""
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    axis = 1 if axis is None and array.ndim == 2 else axis
    if axis is None:
        return [plain(array.reshape(-1, order="C" if is_grouped(array) else order))]
    return [plain(np.take(array, i, axis).reshape(-1, order=order)) for i in range(array.shape[axis])]


def is_grouped(array: np.ndarray) -> bool:
    """Whether a record is an index of axis 0, with all values behind it."""
    return array.ndim > 2 and math.prod(array.shape[1:]) * array.itemsize <= _arrays.BATCH_BYTES


def saved(folder: Path, array: np.ndarray, name: str = "t.npy") -> str:
    np.save(folder / name, array)
    return str(folder / name)


def opened(path: str | Path, **options: Any) -> Source:
    return npy.opened(Local(str(path)), ReadOptions(**options))


@pytest.fixture
def tiny(monkeypatch):
    """Splits, batches, pieces and tiles of a few records each, so that small arrays have many."""
    sizes = {"SPLIT_BYTES": 600, "BATCH_BYTES": 200, "CACHED_BYTES": 120, "PIECE_BYTES": 64, "TILE_BYTES": 16}
    for name, size in (sizes | {"TILE_ROWS": 2, "ROWS": 8, "ROWS_OF_ONE": 8, "FEWEST_ROWS": 2}).items():
        monkeypatch.setattr(_arrays, name, size)


DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.datetime64_dtypes(max_period="s"),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.byte_string_dtypes(max_len=3),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)


def counted(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array whose values differ, so that none can be taken for another."""
    return np.arange(math.prod(shape)).astype(dtype).reshape(shape)


@given(data=st.data())
@settings(max_examples=200)
@pytest.mark.usefixtures("tiny")
def test_any_array_is_read_as_numpy_wrote_it(data, tmp_path_factory):
    array = counted(data.draw(DTYPES), data.draw(SHAPES))
    if data.draw(st.booleans()):
        array = np.asfortranarray(array)
    axis = data.draw(st.none() | st.integers(0, array.ndim - 1)) if array.ndim > 1 else None
    path = saved(tmp_path_factory.mktemp("npy"), array)
    expected = expected_columns(array, axis)
    for source in (opened(path, axis=axis), in_memory(array, axis)):
        assert [field.name for field in source.fields] == [f"c{i}" for i in range(len(expected))]
        assert columns_of(source) == expected
        some = data.draw(st.lists(st.integers(0, len(expected) - 1), max_size=4)) if expected else []
        assert columns_of(source, some) == [expected[i] for i in some]
        sample = source.sample()
        assert (sample is None) == (array.size == 0)
        assert sample is None or {len(column) for column in sample.columns} == {sample.rows}
        source.close()


@given(data=st.data())
@pytest.mark.usefixtures("tiny")
def test_arrays_with_gaps(data):
    array = counted(data.draw(DTYPES), data.draw(SHAPES))
    steps = tuple(slice(None, None, data.draw(st.sampled_from([1, 2, -1]))) for _ in array.shape)
    array = array[steps].transpose(data.draw(st.permutations(range(array.ndim))))
    axis = data.draw(st.none() | st.integers(0, array.ndim - 1)) if array.ndim > 1 else None

    assert columns_of(in_memory(array, axis)) == expected_columns(array, axis)


FIELD = st.one_of(hnp.integer_dtypes(), hnp.floating_dtypes(), hnp.boolean_dtypes())
STRUCTURED = hnp.array_dtypes(FIELD, min_size=1, allow_subarrays=True)


@given(data=st.data())
@pytest.mark.usefixtures("tiny")
def test_structured_arrays_have_a_column_for_each_field(data, tmp_path_factory):
    dtype = data.draw(STRUCTURED)
    if data.draw(st.booleans()):
        dtype = np.dtype([("inner", dtype), ("last", "u1")])
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=5), fill=st.nothing()))
    expected: dict[str, list[Any]] = {}
    unfold("", array.reshape(-1), expected)
    path = saved(tmp_path_factory.mktemp("npy"), array)
    for source in (opened(path), in_memory(array)):
        assert [field.name for field in source.fields] == list(expected)
        assert columns_of(source) == list(expected.values())
        backwards = list(range(len(expected)))[::-1]
        assert columns_of(source, backwards) == list(expected.values())[::-1]
        source.close()


def unfold(name: str, records: np.ndarray, found: dict[str, list[Any]]) -> None:
    if records.ndim > 1:
        for index in np.ndindex(records.shape[1:]):
            unfold(f"{name}[{', '.join(map(str, index))}]", records[(slice(None), *index)], found)
    elif records.dtype.names:
        for field in records.dtype.names:
            unfold(f"{name}.{field}" if name else field, records[field], found)
    else:
        found[name] = plain(records)


def places(source: Source, column: int) -> list[str]:
    """The position of every cell of a column."""
    found = []
    for split in source.splits():
        for batch in split.batches([column]):
            (cells,) = batch.columns
            each = cells.shape[1] if cells.ndim > 1 else 1
            rows = np.repeat(np.arange(batch.start, batch.start + batch.rows), each).tolist()
            inside = list(range(each)) * batch.rows
            found += source.where(rows, column, inside)
    return found


@pytest.mark.parametrize("shape", [(), (7,), (5, 3), (2, 3, 4), (4, 3, 2, 2), (3, 9, 9)], ids=str)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.usefixtures("tiny")
def test_where_says_how_numpy_would_find_the_cell(shape, order, tmp_path):
    """Every position is put back into NumPy."""
    x = np.asarray(np.arange(math.prod(shape)).reshape(shape), order=order)
    for axis in [None, *range(-x.ndim, x.ndim)] if x.ndim > 1 else [None]:
        for source in (opened(saved(tmp_path, x, "x.npy"), axis=axis), in_memory(x, axis)):
            for column, cells in enumerate(columns_of(source)):
                assert [eval(place, {"x": x}) for place in places(source, column)] == cells
            rows = source.where(range(source.facts.rows))
            assert sum(np.size(eval(row, {"x": x})) for row in rows) == x.size


def test_positions_are_short(tmp_path):
    matrix = opened(saved(tmp_path, np.zeros((9, 4)), "X_train.npy"))
    assert matrix.where([7, 0], 3) == ["X_train[7, 3]", "X_train[0, 3]"]
    assert matrix.where([7]) == ["X_train[7]"]
    assert opened(saved(tmp_path, np.zeros((9, 4, 2)), "my data.npy")).where([8], 0, [7]) == ["x[8, 3, 1]"]
    assert opened(saved(tmp_path, np.zeros((9, 4, 2)))).where([8]) == ["t[8]"]
    assert opened(saved(tmp_path, np.zeros((9, 4, 2))), axis=1).where([3]) == ["t[1, :, 1]"]
    fields = np.zeros(5, [("a", "f4"), ("b", [("c", "i2", 2)])])
    assert opened(saved(tmp_path, fields)).where([3], 2) == ["t[3]['b']['c'][1]"]


@pytest.mark.parametrize("order", "CF")
def test_records_of_many_values(order, tmp_path):
    x = np.asarray(np.arange(24.0).reshape(2, 3, 4), order=order)
    for source in (opened(saved(tmp_path, x)), in_memory(x), in_memory(np.flip(np.flip(x, 1).copy(order), 1))):
        ((batch,),) = ([*split.batches()] for split in source.splits())
        column = view(batch.columns[0], frozenset({"13"}))
        assert (source.facts.rows, batch.rows, column.rows, column.cells) == (2, 2, 2, 24)
        assert column.values.tolist() == list(range(24))
        assert column.owner.tolist() == [0] * 12 + [1] * 12
        assert column.missing_rows.tolist() == [False, True]


def test_a_record_that_is_too_large_for_memory_is_read_by_its_values(tmp_path, monkeypatch):
    monkeypatch.setattr(_arrays, "BATCH_BYTES", 1_000)
    x = np.arange(3 * 40 * 40.0).reshape(3, 40, 40)
    source = opened(saved(tmp_path, x, "x.npy"))

    assert source.facts.rows == x.size
    assert "each value" in source.facts.notes[0]
    assert columns_of(source) == [plain(x.reshape(-1))]
    assert max(batch.columns[0].nbytes for split in source.splits() for batch in split.batches()) <= 1_000
    assert source.where([1_700], 0) == ["x[1, 2, 20]"]


def test_types_and_widths(tmp_path):
    for letter, told in (
        ("f2", ("float", 16)),
        (">u8", ("integer", 64)),
        ("c8", ("complex", None)),
        ("?", ("boolean", None)),
    ):
        (field,) = opened(saved(tmp_path, np.zeros(3, letter))).fields
        assert (field.type, field.bits) == told


def test_numbers_come_in_the_byte_order_of_the_machine(tmp_path):
    for array in (
        np.arange(6, dtype=">f4"),
        np.arange(6, dtype=">i8").reshape(3, 2),
        np.zeros(3, [("a", ">f8"), ("b", ">i2")]),
    ):
        source = opened(saved(tmp_path, array))
        batch = next(next(source.splits()).batches())
        assert all(column.dtype.isnative for column in batch.columns)


def test_long_doubles_are_read_as_64_bits_and_told(tmp_path):
    for array in (np.array([0.1, 2], "g"), np.array([[0.1, 2], [3, 4]], "g")):
        source = opened(saved(tmp_path, array))
        batch = next(next(source.splits()).batches())
        assert batch.columns[0].dtype == np.float64
        assert any("long double" in note for note in source.facts.notes) == (array.itemsize > 8)


def test_cells_without_a_type_are_told(tmp_path):
    source = opened(saved(tmp_path, np.zeros(3, "V2")))

    assert source.fields[0].type == "other"
    assert "bfloat16" in source.facts.notes[0]
    assert view(next(next(source.splits()).batches()).columns[0]).type == "other"


def test_an_axis_that_is_not_there(tmp_path):
    for shape, axis in (((4,), 0), ((), 0), ((2, 3), 2), ((2, 3), -3)):
        for call in (lambda x, a: opened(saved(tmp_path, x), axis=a), in_memory):
            with pytest.raises(UsageError, match=f"axis {axis}"):
                call(np.zeros(shape), axis)
    with pytest.raises(UsageError, match="fields"):
        opened(saved(tmp_path, np.zeros((2, 2), [("a", "f4")])), axis=0)
    with pytest.raises(UsageError, match="100,000"):
        opened(saved(tmp_path, np.zeros((100_001, 2), "u1")), axis=0)


def test_very_wide_matrices_are_one_column(tmp_path):
    source = opened(saved(tmp_path, np.zeros((2, 100_001), "u1")))

    assert len(source.fields) == 1
    assert source.facts.rows == 200_002
    assert source.where([100_002]) == ["t[1, 1]"]
    assert "100,000" in source.facts.notes[0]


def test_arrays_in_memory_are_not_copied_unless_rows_become_columns():
    flat = np.arange(300_000.0)
    for array in (flat, np.asfortranarray(flat.reshape(-1, 3)), flat.reshape(3, -1).T):
        for split in in_memory(array).splits():
            for batch in split.batches():
                assert all(np.shares_memory(column, array) for column in batch.columns)


def test_an_array_in_memory_is_never_written_to():
    for array in (np.array([[3.0, np.nan], [1.0, 2.0]], ">f8"), np.arange(9)[::2], np.zeros((2, 3, 4), order="F")):
        array.flags.writeable = False
        before = array.tobytes()
        source = in_memory(array)
        source.sample(), columns_of(source)
        assert array.tobytes() == before


def npy_bytes(shape: str = "(3,)", descr: str = "'<f8'", content: bytes = b"\0" * 24, fortran: str = "False") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def header_of(text: bytes, version: bytes = b"\x02\x00", length: int | None = None) -> bytes:
    size = len(text) if length is None else length
    return b"\x93NUMPY" + version + size.to_bytes(2 if version == b"\x01\x00" else 4, "little") + text


BAD = {
    "empty": (b"", "empty"),
    "magic only": (b"\x93NUMPY", "version is missing"),
    "no length": (b"\x93NUMPY\x01\x00", "within its header"),
    "text": (b"a,b\n1,2\n", "not an NPY file"),
    "version 9": (b"\x93NUMPY\x09\x00" + npy_bytes()[8:], "version is 9.0"),
    "header beyond the end": (npy_bytes()[:40], "within its header"),
    "header of 4 GB": (header_of(b"{}", length=2**32 - 1), "1,048,576"),
    "header of 1 GB": (header_of(b"{}", length=2**30), "1,048,576"),
    "truncated": (npy_bytes(content=b"\0" * 23), "needs 24 bytes, the file has 23"),
    "without values": (npy_bytes(content=b""), "needs 24 bytes, the file has 0"),
    "tail": (npy_bytes(content=b"\0" * 25), "1 more"),
    "petabyte": (npy_bytes("(125000000000000,)"), "needs 1,000,000,000,000,000 bytes"),
    "overflowing": (npy_bytes(f"({2**63}, {2**63})"), "bytes, the file has 24"),
    "beyond any float": (npy_bytes(f"({10**400},)"), "bytes, the file has 24"),
    "negative": (npy_bytes("(-3,)"), "shape"),
    "negative twice": (npy_bytes("(-3, -1)"), "shape"),
    "true": (npy_bytes("(True, 3)"), "shape"),
    "float shape": (npy_bytes("(3.0,)"), "shape"),
    "number for a shape": (npy_bytes("3"), "shape"),
    "text for a shape": (npy_bytes("'abc'"), "shape"),
    "quadrillion rows of nothing": (npy_bytes("(1000000000000000, 0)", content=b""), "no bytes"),
    "cells of nothing": (npy_bytes("(3,)", "'<U0'", b""), "no bytes"),
    "mad order": (npy_bytes(fortran="7"), "fortran_order"),
    "mad type": (npy_bytes(descr="'<q9'"), "does not have"),
    "number for a type": (npy_bytes(descr="7"), "does not have"),
    "none for a type": (npy_bytes(descr="('x', 'y', 'z')"), "does not have"),
    "list for a type": (npy_bytes(descr="[('a', '<f4'), ('a', '<f4')]"), "does not have"),
    "objects": (npy_bytes(descr="'|O'"), "pickle"),
    "objects in fields": (npy_bytes(descr="[('a', '<f4'), ('b', '|O')]"), "pickle"),
    "pickle": (pickle.dumps([1, 2, 3]), "pickle"),
    "code": (npy_bytes("__import__('os').getpid()"), "header cannot be read"),
    "no dict": (header_of(b"[1, 2]"), "does not hold"),
    "missing key": (header_of(b"{'descr': '<f8', 'shape': (3,)}"), "does not hold"),
    "further key": (header_of(b"{'descr': '<f8', 'shape': (), 'fortran_order': False, 'x': 1}"), "does not hold"),
    "numbers for keys": (header_of(b"{1: 2}"), "does not hold"),
    "unhashable": (header_of(b"{[]: 2}"), "header cannot be read"),
    "brackets": (header_of(b"(" * 100_000), "header cannot be read"),
    "minus signs": (header_of(b"-" * 100_000 + b"1"), "header cannot be read"),
    "bytes that are no UTF-8": (header_of(b"\xff\xfe", b"\x03\x00"), "header cannot be read"),
    "NUL": (header_of(b"\0" * 64), "header cannot be read"),
    "huge subarray": (npy_bytes("(0,)", "[('a', '<f4', (100000, 2))]", b""), "fields"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_lie_are_refused_by_their_header(name, tmp_path):
    content, words = BAD[name]
    (tmp_path / "t.npy").write_bytes(content)
    with pytest.raises(InputError) as caught:
        opened(tmp_path / "t.npy")

    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400 + len(str(tmp_path))
    assert caught.value.hint


def test_a_header_is_refused_before_anything_is_allocated(tmp_path):
    """In a process that may not have as much memory."""
    for name in ("petabyte", "overflowing", "header of 4 GB", "quadrillion rows of nothing", "huge subarray"):
        (tmp_path / "t.npy").write_bytes(BAD[name][0])
        code = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        code += "from nanclean.opening import opened; from nanclean.format import ReadOptions\n"
        code += "from nanclean.errors import InputError\n"
        code += "try: opened(sys.argv[1], ReadOptions())\nexcept InputError: sys.exit(3)"
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "t.npy")], timeout=60, capture_output=True)
        assert done.returncode == 3, done.stderr


def test_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "was here"),)

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Evil()], dtype=object))
    for content in (buffer.getvalue(), pickle.dumps(Evil())):
        (tmp_path / "t.npy").write_bytes(content)
        with pytest.raises(InputError, match="pickle"):
            opened(tmp_path / "t.npy")
    assert not (tmp_path / "was here").exists()


@given(data=st.data())
def test_damaged_headers_never_end_in_anything_else(data, tmp_path_factory):
    good = npy_bytes("(2, 3)", "[('a', '<f2'), ('b', '<f2')]", b"\0" * 24)
    raw = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("npy") / "t.npy"
    path.write_bytes(bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw))
    try:
        source = opened(path)
        columns_of(source)
    except InputError:
        pass


def test_headers_of_every_version_and_of_python_2(tmp_path):
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3L,)}\n"
    fields = np.zeros(2, [("grün", "f4"), ("b", "i2")])
    for content in (header_of(text, b"\x01\x00") + b"\0" * 24, header_of(text, b"\x02\x00") + b"\0" * 24):
        (tmp_path / "t.npy").write_bytes(content)
        assert opened(tmp_path / "t.npy").facts.rows == 3
    assert [field.name for field in opened(saved(tmp_path, fields)).fields] == ["grün", "b"]
    wide = np.zeros(2, [(f"column number {i}", "f4") for i in range(3_000)])
    assert len(opened(saved(tmp_path, wide)).fields) == 3_000


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = saved(tmp_path, np.arange(100_000.0))
    for change in (lambda: os.truncate(path, 1_000), lambda: Path(path).write_bytes(b"x" * 800_128)):
        os.utime(saved(tmp_path, np.arange(100_000.0)), (0, 0))  # clocks of file systems are coarse
        source = opened(path)
        change()
        with pytest.raises(InputError, match=r"changed|too early"):
            columns_of(source)


def test_a_file_that_is_replaced_is_read_to_its_old_end(tmp_path):
    source = opened(saved(tmp_path, np.arange(9.0)))
    os.replace(saved(tmp_path, np.zeros(5), "new.npy"), tmp_path / "t.npy")

    assert columns_of(source) == [plain(np.arange(9.0))]


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten times the file, the same peak; never mapped."""
    code = """
import resource, sys
from nanclean.opening import opened
from nanclean.format import ReadOptions
source = opened(sys.argv[1], ReadOptions())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source.sample()
for split in source.splits():
    for batch in split.batches():
        pass
assert sys.argv[1] not in open("/proc/self/maps").read() if sys.platform == "linux" else True
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    path = saved(tmp_path, np.zeros((1_000_000, 50), np.float32))
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, timeout=60)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 60 << 20  # the file has 200 MB


def test_the_data_pack(data):
    for name, rows, columns in (("mitdb100_ecg.npy", 300_000, 2), ("mnist_t10k_images.npy", 10_000, 1)):
        array = np.load(data / name)
        source = opened(data / name)
        assert (source.facts.rows, len(source.fields)) == (rows, columns)
        found = [
            np.concatenate(c) for c in zip(*(b.columns for s in source.splits() for b in s.batches()), strict=True)
        ]
        expected = array.T if array.ndim == 2 else [array.reshape(rows, -1)]
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))
    channels = opened(data / "mnist_t10k_images.npy", axis=2)
    assert [field.name for field in channels.fields] == [f"c{i}" for i in range(28)]

"""Checksums of columns: whatever else holds the same cells has the same one, and nothing that differs in a bit has."""

from __future__ import annotations

import datetime
import struct
import subprocess
import sys
import zlib
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean import checksum
from nanclean.checksum import BLOCK, LONG, Checksum, hashes
from nanclean.typed import plain


def nan(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


DATE, TIME, STAMP = datetime.date, datetime.time, datetime.datetime
CELLS: dict[pa.DataType, list[Any]] = {
    pa.int8(): [0, 1, -1], pa.int16(): [0, 256, -1], pa.int32(): [0, 1 << 20, -1], pa.int64(): [0, 1 << 40, -1],
    pa.uint8(): [0, 255], pa.uint16(): [0, 65535], pa.uint32(): [0, 1 << 31], pa.uint64(): [0, 1 << 63],
    pa.float16(): [np.float16(x) for x in (0.0, -0.0, float("nan"), 1.0)],
    pa.float32(): [0.0, -0.0, float("nan"), float("inf"), 1e-45],
    pa.float64(): [0.0, -0.0, nan(0x7FF8 << 48), nan(0xFFF8 << 48), nan((0x7FF8 << 48) + 1), float("-inf"), 5e-324],
    pa.bool_(): [True, False],
    pa.decimal32(5, 2): [Decimal("1.00"), Decimal("-1.00")], pa.decimal64(12, 2): [Decimal("1.00"), Decimal("2.00")],
    pa.decimal128(30, 2): [Decimal("1.00"), Decimal("-1.00"), Decimal(10) ** 25],
    pa.decimal256(60, 0): [Decimal(1), Decimal(-1), Decimal(10) ** 50],
    pa.string(): ["", "a", "ab", "a" * 7, "a" * 8, "a" * 9, "é", "a" * LONG, "a" * (LONG + 1), "a" * LONG + "b", "\0"],
    pa.large_string(): ["", "a", "b"], pa.string_view(): ["", "a", "longer than twelve bytes"],
    pa.binary(): [b"", b"\0", b"\0\0", b"\xff"], pa.large_binary(): [b"", b"a"], pa.binary_view(): [b"", b"a" * 20],
    pa.binary(3): [b"abc", b"abd"], pa.binary(11): [b"abcdefghijk", b"abcdefghijl"],
    pa.date32(): [DATE(2020, 1, 1), DATE(1, 1, 1)], pa.date64(): [DATE(2020, 1, 1), DATE(1, 1, 1)],
    pa.time32("ms"): [TIME(1), TIME(2)], pa.time64("ns"): [TIME(1), TIME(2)],
    pa.timestamp("us"): [STAMP(2020, 1, 1), STAMP(1, 1, 1)], pa.timestamp("ns", "UTC"): [0, 1],
    pa.duration("s"): [0, 1],
    pa.month_day_nano_interval(): [pa.MonthDayNano([1, 2, 3]), pa.MonthDayNano([1, 2, 4])],
    pa.list_(pa.float64()): [[], [0.0], [-0.0], [0.0, 1.0], [1.0, 0.0], [None], [None, None]],
    pa.large_list(pa.int8()): [[], [0], [1, 2], [2, 1]], pa.list_view(pa.int8()): [[], [0], [1, 2]],
    pa.list_(pa.int16(), 2): [[1, 2], [2, 1], [None, 1]],
    pa.list_(pa.list_(pa.int8())): [[], [[]], [[], []], [[1], [2]], [[1, 2]], [[1, 2], []], [None], [[None]]],
    pa.list_(pa.string()): [[], [""], ["a", "b"], ["ab"], ["ab", ""]],
    pa.map_(pa.string(), pa.int64()): [[], [("a", 1)], [("a", None)], [("a", 1), ("b", 2)], [("b", 2), ("a", 1)]],
    pa.struct([("a", pa.int8()), ("b", pa.string())]): [
        {"a": 1, "b": "x"}, {"a": None, "b": "x"}, {"a": None, "b": None},
    ],
    pa.list_(pa.struct([("a", pa.int8())])): [[], [{"a": 1}], [None], [{"a": None}]],
    pa.struct([("m", pa.map_(pa.string(), pa.float32()))]): [{"m": []}, {"m": None}, {"m": [("a", 1.0)]}],
}  # fmt: skip
WRAPPED = {
    **{
        pa.dictionary(pa.int8(), t): CELLS[t]
        for t in (pa.string(), pa.int64(), pa.binary(), pa.binary(3), pa.date32())
    },
    pa.list_(pa.dictionary(pa.int8(), pa.string())): [[], ["a"], ["b", None]],
    pa.run_end_encoded(pa.int32(), pa.int64()): [0, 1, 5],
}  # fmt: skip
EXTENSIONS = [
    (pa.uuid(), [bytes(16), bytes(range(16))]), (pa.bool8(), [0, 1]), (pa.json_(), ["{}", "[]"]),
    (pa.fixed_shape_tensor(pa.float32(), [2]), [[0.0, 1.0], [1.0, 0.0]]),
]  # fmt: skip
TYPES = [*CELLS, *WRAPPED]


def array(type_: pa.DataType, cells: list[Any]) -> pa.Array:
    if pa.types.is_run_end_encoded(type_):
        import pyarrow.compute as pc

        return pc.run_end_encode(pa.array(cells, type_.value_type))
    if pa.types.is_dictionary(type_):
        return pa.array(cells, type_.value_type).dictionary_encode().cast(type_)
    return pa.array(cells, type_)


def cells_of(type_: pa.DataType) -> list[Any]:
    return [*(CELLS | WRAPPED)[type_], None]


def of(*pieces: Any) -> Checksum:
    found = Checksum()
    for piece in pieces:
        found.add(piece)
    return found


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_cells_that_differ_in_anything_have_different_numbers(type_):
    cells = cells_of(type_)
    assert len(set(hashes(array(type_, cells)).tolist())) == len(cells)


@pytest.mark.parametrize(("type_", "cells"), EXTENSIONS, ids=str)
def test_extension_types_are_what_they_are_stored_as(type_, cells):
    stored = pa.array([*cells, None] * 3, type_.storage_type)
    found = hashes(pa.ExtensionArray.from_storage(type_, stored))
    assert found.tolist() == hashes(stored).tolist()
    assert len(set(found.tolist())) == len(cells) + 1


@given(data=st.data(), type_=st.sampled_from(TYPES))
def test_pieces_merge_to_the_whole_and_slices_leave_no_trace(data, type_):
    cells = data.draw(st.lists(st.sampled_from(cells_of(type_)), max_size=30))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(cells)), max_size=3)))
    edges = [0, *cuts, len(cells)]
    whole = array(type_, cells)
    pieces = [whole.slice(a, b - a) for a, b in pairwise(edges)]
    fresh = [array(type_, cells[a:b]) for a, b in pairwise(edges)]

    assert of(whole) == of(*pieces) == of(*fresh)
    merged = Checksum()
    for piece in pieces:
        merged.merge(of(piece))
    assert merged == of(whole)
    if not pa.types.is_run_end_encoded(type_) and "view" not in str(type_):
        padded = pa.concat_arrays([array(type_, cells_of(type_)), whole]).slice(len(cells_of(type_)))
        assert hashes(padded).tolist() == hashes(whole).tolist()


@given(data=st.data(), type_=st.sampled_from(TYPES))
def test_order_and_every_cell_matter(data, type_):
    cells = data.draw(st.lists(st.sampled_from(range(len(cells_of(type_)))), min_size=2, max_size=20))
    place = data.draw(st.integers(0, len(cells) - 1))
    other = data.draw(st.permutations(cells))
    values = cells_of(type_)

    def checksum_of(indices: list[int]) -> Checksum:
        return of(array(type_, [values[i] for i in indices]))

    assert (checksum_of(other) == checksum_of(cells)) == (other == cells)
    changed = cells.copy()
    changed[place] = (changed[place] + 1) % len(values)
    assert checksum_of(changed) != checksum_of(cells)
    assert checksum_of(cells[:-1]) != checksum_of(cells)


@pytest.mark.parametrize("type_", [t for t in CELLS if "view" not in str(t)], ids=str)
def test_what_stands_under_a_null_means_nothing(type_):
    cells = CELLS[type_] * 2
    null = np.arange(len(cells)) % 3 == 1
    full = pa.array(cells, type_)
    bitmap = pa.py_buffer(np.packbits(~null, bitorder="little"))
    children = None
    if pa.types.is_struct(type_):
        children = [full.field(i) for i in range(type_.num_fields)]
    elif pa.types.is_map(type_):
        entries = pa.StructArray.from_arrays([full.keys, full.items], fields=[type_.key_field, type_.item_field])
        children = [entries]
    elif pa.types.is_nested(type_):
        children = [full.values]
    own = {True: 1, False: 2}[pa.types.is_struct(type_) or pa.types.is_fixed_size_list(type_)]
    buffers = full.buffers()[: own if children else None]
    garbage = pa.Array.from_buffers(type_, len(cells), [bitmap, *buffers[1:]], children=children)
    garbage.validate(full=True)
    clean = pa.array([None if lost else cell for cell, lost in zip(cells, null.tolist(), strict=True)], type_)

    assert garbage.null_count == clean.null_count > 0
    assert hashes(garbage).tolist() == hashes(clean).tolist()


def test_a_dictionary_is_its_words():
    text = ["b", None, "a", "b"]
    for words in (["a", "b"], ["b", "a", "never"], ["b", "a", "b"]):
        codes = pa.array([None if t is None else words.index(t) for t in text], pa.int8())
        assert of(pa.DictionaryArray.from_arrays(codes, pa.array(words))) == of(pa.array(text))
    nothing = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.binary()))
    assert of(nothing) == of(pa.nulls(2, pa.binary()))
    lost = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array([b"a", None], pa.binary()))
    assert of(lost) == of(pa.array([b"a", None], pa.binary()))


def test_codes_under_a_null_may_be_anything():
    codes = pa.Array.from_buffers(pa.int32(), 2, [pa.py_buffer(b"\1"), pa.py_buffer(np.array([0, 99], np.int32))])
    for words in (pa.array(["a"]), pa.array([b"a"])):
        found = pa.DictionaryArray.from_arrays(codes, words, safe=False)
        assert of(found) == of(pa.array([words[0].as_py(), None], words.type))


def test_columns_of_nothing():
    for type_ in TYPES:
        assert of(array(type_, [])) == Checksum()
    assert of(pa.nulls(3)) == of(pa.nulls(1), pa.nulls(2))
    assert of(pa.nulls(3)) != of(pa.nulls(2))
    assert of(pa.array([b"", None], pa.binary(0))) != of(pa.array([None, b""], pa.binary(0)))


@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_unions(mode):
    kinds = pa.array([0, 1, 0], pa.int8())
    if mode == "sparse":
        found = pa.UnionArray.from_sparse(kinds, [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])])
    else:
        found = pa.UnionArray.from_dense(kinds, pa.array([0, 0, 1], pa.int32()), [pa.array([1, 3]), pa.array(["b"])])
    assert len(set(hashes(found).tolist())) == 3
    assert of(found) == of(found.slice(0, 1), found.slice(1))


NUMPY = [
    "?", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "<f2", ">f4", "<f8", ">f8", "<c8", ">c16", "<U3", ">U3", "S3", "S9",
    "<M8[s]", ">M8[D]", "<m8[ns]", "V1", "V3", "V17", "U0", "S0", "V0", np.longdouble, np.clongdouble,
]  # fmt: skip


def some(dtype: Any, n: int) -> np.ndarray:
    dtype = np.dtype(dtype)
    if dtype.kind in "SUV":
        data = np.random.default_rng(0).integers(1, 99, n * dtype.itemsize, dtype=np.uint8)
        return np.zeros(n, dtype) if dtype.kind == "U" or not dtype.itemsize else data.view(dtype)
    return np.arange(n).astype(dtype)


@pytest.mark.parametrize("dtype", NUMPY, ids=str)
def test_numpy_columns(dtype):
    x = some(dtype, 40)
    assert of(x) == of(x[:7], x[7:7], x[7:])
    gaps = np.zeros(80, x.dtype)
    gaps[::2] = x
    assert of(gaps[::2]) == of(x)
    if x.dtype.itemsize:
        swapped = x.astype(x.dtype.newbyteorder())
        assert of(swapped) == of(x)
    if x[0].tobytes() != x[-1].tobytes():
        assert of(x[::-1]) != of(x)
    pairs = x.reshape(20, 2)
    assert of(pairs) == of(pairs[:3], pairs[3:])
    assert of(pairs) != of(x)


def test_numpy_bits():
    x = np.array([0.0, -0.0, nan(0x7FF8 << 48), nan((0x7FF8 << 48) + 1), np.inf])
    assert len(set(hashes(x).tolist())) == len(x)
    tiny = np.finfo(np.longdouble).eps
    wide = np.array([1, 1 + tiny, np.inf, -np.inf, -0.0, 0.0, np.nan, np.finfo(np.longdouble).max], np.longdouble)
    assert len(set(hashes(wide).tolist())) == len(wide)
    assert len(set(hashes(np.array(["a", "b", "ab", ""])).tolist())) == 4
    assert len(set(hashes(np.array([[1, 2], [2, 1], [1, 1]])).tolist())) == 3


def test_the_padding_of_long_doubles_means_nothing():
    if np.dtype(np.longdouble).itemsize != 16 or np.finfo(np.longdouble).nmant != 63:
        pytest.skip("long doubles have no padding here")
    x = np.array([1.5, np.nan, -2.5], np.longdouble)
    dirty = x.copy()
    dirty.view(np.uint8).reshape(3, 16)[:, 10:] = 7
    assert of(dirty) == of(x)


def test_columns_longer_than_a_block():
    n = 3 * BLOCK + 17
    numbers, text = np.arange(n), pa.array([str(i) for i in range(n)])
    for column in (numbers, text):
        whole = of(column)
        assert of(column[: BLOCK - 1], column[BLOCK - 1 : 2 * BLOCK + 5], column[2 * BLOCK + 5 :]) == whole
        for distance in (1, BLOCK, 2 * BLOCK):
            order = np.arange(n)
            order[[5, 5 + distance]] = order[[5 + distance, 5]]
            moved = column[order] if isinstance(column, np.ndarray) else column.take(pa.array(order))
            assert of(moved) != whole


@given(st.lists(st.binary(max_size=LONG + 20), max_size=12), st.integers(0, 20))
def test_any_bytes_wherever_they_stand(cells, before):
    prefix = pa.array([b"x" * before], pa.binary())
    moved = pa.concat_arrays([prefix, pa.array(cells, pa.binary())]).slice(1)
    alone = [hashes(pa.array([cell], pa.binary()))[0] for cell in cells]
    assert hashes(moved).tolist() == alone
    assert len(set(alone)) == len(set(cells))
    assert hashes(pa.array(cells, pa.large_binary())).tolist() == alone


def test_what_parquet_reads_as_another_type_has_the_same_checksum():
    text = ["a", None, "", "longer than twelve bytes"]
    forms = [pa.array(text), pa.array(text, pa.large_string()), pa.array(text, pa.string_view())]
    forms += [pa.array(text).dictionary_encode()]
    assert all(of(form) == of(forms[0]) for form in forms)
    assert of(forms[0]).lengths.size == 4 * len(text)
    assert plain(forms[3]).equals(forms[0])


def test_pandas_is_not_imported():
    code = """
import sys, pyarrow as pa, numpy as np
from nanclean.checksum import Checksum
from nanclean.cells import packed
n = packed(np.arange(3))
d = pa.DictionaryArray.from_arrays(packed(np.zeros(3, np.int32)), pa.Array.from_buffers(pa.binary(1), 1, [None, pa.py_buffer(b"a")]))
l = pa.Array.from_buffers(pa.list_(pa.int64()), 1, [None, pa.py_buffer(np.array([0, 3], np.int32))], children=[n])
for column in (n, d, l, np.arange(3.0)):
    Checksum().add(column)
assert "pandas" not in sys.modules
"""  # noqa: E501
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")


def test_where_a_cell_of_text_ends_matters():
    for cells in (["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["abc", None], [None, "abc"], ["abc"]):
        for other in (["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["abc", None], [None, "abc"], ["abc"]):
            assert (of(pa.array(cells)) == of(pa.array(other))) == (cells == other)


def test_text_that_one_half_of_its_checksum_cannot_tell_apart():
    """Thue and Morse's sequence and its opposite are the same to every polynomial modulo a power of two."""
    turns = np.array([bin(i).count("1") % 2 for i in range(1 << 12)], np.uint8)
    one, other = (pa.array([(turns ^ flip).tobytes().decode()]) for flip in (0, 1))
    assert of(one).text.state == of(other).text.state
    assert of(one) != of(other)


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_the_crc_of_merged_text_is_that_of_all_of_it(pieces):
    whole = checksum.Stream()
    for piece in pieces:
        found = checksum.Stream()
        found.add(np.frombuffer(piece, np.uint8))
        whole.merge(found, 1)
    assert (whole.crc, whole.size) == (zlib.crc32(b"".join(pieces)), len(b"".join(pieces)))


def test_powers_are_made_once():
    of(np.arange(3))
    assert checksum._powers() is checksum._powers()

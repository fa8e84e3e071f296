"""Parquet files that are written again: held against pyarrow, pandas, polars and DuckDB, cell by cell."""

from __future__ import annotations

import datetime
import json
import resource
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean import patch
from nanclean.column import Column, Numbers, Values
from nanclean.errors import InputError, OutputError, RuleError, UsageError
from nanclean.format import ReadOptions
from nanclean.formats import _parquettarget, parquet
from nanclean.opening import opened
from nanclean.patch import numbers as with_numbers
from nanclean.typed import Lists
from tests.formats.rewriting import at, made, outs, reading_of, rewritten

NAN = float("nan")
N = 700
R = np.random.default_rng(1)


@pytest.fixture(autouse=True, params=["small", "usual"])
def sizes(request, monkeypatch):
    """Everything is tried with batches and splits of few rows, and with all in one."""
    if request.param == "small":
        for name, size in {"BATCH_ROWS": 30, "SPLIT_ROWS": 150, "SAMPLED": 64, "PROBED": 16}.items():
            monkeypatch.setattr(parquet, name, size)


def some(values: list[Any], type_: pa.DataType, n: int = N) -> pa.Array:
    """The values again and again, with nulls between them."""
    cells = [None if i % 11 == 3 else values[i % len(values)] for i in range(n)]
    if isinstance(type_, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_, pa.array(cells, type_.storage_type))
    return pa.array(cells, type_)


def floats(dtype: str) -> pa.Array:
    """NaN of every kind beside null."""
    bits = {"f2": [0x7E01, 0x8000, 0x7C00], "f4": [0x7FC00123, 0x80000000, 1], "f8": [0x7FF8DEADBEEF0001, 1 << 63, 1]}
    cells = np.resize(np.array([*bits[dtype], 0, 0x3C00], dtype.replace("f", "u")), N).view(dtype)
    return pa.array(cells, mask=np.arange(N) % 7 == 2)


PLAIN: dict[str, pa.Array] = {
    **{str(t): some([0, 1, 100], t) for t in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())},
    "int64": some([0, 2**63 - 1, -(2**63), 9007199254740993], pa.int64()),
    "uint64": some([0, 2**64 - 1], pa.uint64()),
    "float16": floats("f2"), "float32": floats("f4"), "float64": floats("f8"),
    "decimal32": some([Decimal("1.25"), Decimal("-99.99")], pa.decimal32(4, 2)),
    "decimal64": some([Decimal("1.25"), Decimal("-99999.99")], pa.decimal64(12, 2)),
    "decimal128": some([Decimal("1.2500"), Decimal("12345678901234567890.1234")], pa.decimal128(30, 4)),
    "decimal256": some([Decimal(10) ** 50], pa.decimal256(60, 0)),
    "bool": some([True, False], pa.bool_()),
    "string": some(["a", "", "é", "NA"], pa.string()),
    "large_string": some(["a", "", "é"], pa.large_string()),
    "string_view": some(["a", "longer than twelve characters"], pa.string_view()),
    "binary": some([b"a", b"", b"\xff"], pa.binary()),
    "large_binary": some([b"a"], pa.large_binary()),
    "fixed_binary": some([b"abc"], pa.binary(3)),
    "date": some([datetime.date(2020, 1, 1), datetime.date(1, 1, 1)], pa.date32()),
    "time_ms": some([datetime.time(1, 2, 3)], pa.time32("ms")),
    "time_us": some([datetime.time(1, 2, 3, 4)], pa.time64("us")),
    "time_ns": some([1, 86_399_999_999_999], pa.time64("ns")),
    "stamp_ms": some([0, -1, 253402300799999], pa.timestamp("ms")),
    "stamp_us": some([0, -1], pa.timestamp("us", "Europe/Berlin")),
    "stamp_ns": some([0, 1, -(2**63) + 1], pa.timestamp("ns", "+05:30")),
    "duration": some([1, -1], pa.duration("s")),
    "words": some(["low", "mid", "low"], pa.string()).dictionary_encode(),
    "null": pa.nulls(N),
    "uuid": some([bytes(range(16))], pa.uuid()),
    "json": some(['{"a": 1}', "[]"], pa.json_()),
    "tensor": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [2]), pa.array([[i, NAN] for i in range(N)], pa.list_(pa.float32(), 2))
    ),
    "unregistered": some([1], pa.opaque(pa.int64(), "kind", "vendor")),
}  # fmt: skip
ORDERED = pa.DictionaryArray.from_arrays(
    pa.array([None if i % 5 == 1 else i % 3 for i in range(N)], pa.int8()),
    pa.array(["zz", "mm", "aa", "never"]),
    ordered=True,
)  # fmt: skip
NESTED: dict[str, pa.Array] = {
    "ordered": ORDERED,
    "list": some([[1.0, None, NAN], [], [-0.0]], pa.list_(pa.float64())),
    "large_list": some([[1, None], []], pa.large_list(pa.field("what", pa.int16()))),
    "list_view": some([[1, 2], []], pa.list_view(pa.int32())),
    "fixed_list": some([[1, 2], [3, None]], pa.list_(pa.int16(), 2)),
    "lists": some([[[1.0], None, [2.0, NAN]], []], pa.list_(pa.list_(pa.float32()))),
    "list_of_text": some([["a", None], []], pa.list_(pa.string())),
    "map": some([[("k", 1), ("l", None)], []], pa.map_(pa.string(), pa.int64())),
    "list_of_structs": some(
        [[{"a": 1, "b": "x"}, None], []], pa.list_(pa.struct([("a", pa.int8()), ("b", pa.string())]))
    ),
    "struct": some(
        [{"a": 1, "b": {"c": NAN, "d": ["x"]}}, {"a": None, "b": None}, {"a": 2, "b": {"c": None, "d": None}}],
        pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.float64()), ("d", pa.list_(pa.string()))]))]),
    ),
    "a struct of decimals": some(
        [{"x.y": Decimal("1.5"), "": True}], pa.struct([("x.y", pa.decimal128(9, 2)), ("", pa.bool_())])
    ),
}  # fmt: skip


def known(array: pa.Array) -> bool:
    """Whether this version of Arrow can write such a column and read it."""
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(pa.table({"x": array}), sink)
        found = pq.read_table(pa.BufferReader(sink.getvalue()))
    except (pa.ArrowException, NotImplementedError):
        return False
    return found.schema.field(0).type.id == array.type.id


NEW = int(pa.__version__.partition(".")[0]) >= 26
TABLE = pa.table({name: array for name, array in (PLAIN | NESTED).items() if NEW or (known(array) and name != "json")})
SCHEMA = pa.schema(
    [
        field.with_metadata({"unit": field.name, "PARQUET:field_id": str(100 + i)})
        for i, field in enumerate(TABLE.schema)
    ],
    metadata={"who": "wrote it", "second": "é"},
)
TABLE = TABLE.cast(SCHEMA)


def these(*names: str) -> list[str]:
    """Those that this version of Arrow can write."""
    return [name for name in names if name in TABLE.column_names]


def saved(folder: Path, table: pa.Table = TABLE, **options: Any) -> Path:
    pq.write_table(table, folder / "in.parquet", **({"row_group_size": 200} | options))
    return folder / "in.parquet"


def cells(column: pa.ChunkedArray) -> list[str]:
    """Every cell, to the bit, as text that is compared."""
    return [repr(_exact(cell)) for cell in _stored(column).to_pylist()]


def _stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_timestamp(column.type) or pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        return column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32())
    return column


def _exact(cell: Any) -> Any:
    if isinstance(cell, float | np.floating):
        return struct.pack("<d", cell).hex()
    if isinstance(cell, dict):
        return {key: _exact(value) for key, value in cell.items()}
    return [_exact(value) for value in cell] if isinstance(cell, list | tuple) else cell


def assert_same(found: pa.Table, expected: pa.Table, kept: np.ndarray | None = None) -> None:
    """kept: the rows of what is expected that are meant; Arrow itself cannot filter every type."""
    assert found.schema.equals(expected.schema, check_metadata=True), (found.schema, expected.schema)
    rows = range(len(expected)) if kept is None else np.flatnonzero(kept).tolist()
    for name, mine, theirs in zip(expected.column_names, found.columns, expected.columns, strict=True):
        there = cells(theirs)
        assert cells(mine) == [there[row] for row in rows], name


def groups(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]


def described(metadata: pq.FileMetaData) -> list[str]:
    """The schema as the file itself has it."""
    return str(metadata.schema).splitlines()[1:]


def own(metadata: pq.FileMetaData) -> dict[bytes, bytes]:
    """But for the copy of the schema, in which metadata have no order."""
    return {key: value for key, value in (metadata.metadata or {}).items() if key != b"ARROW:schema"}


# --- what no rule touches


def test_every_type_schema_and_metadata_stay(tmp_path):
    path = saved(tmp_path)
    rewritten(path, tmp_path / "out.parquet")

    assert_same(pq.read_table(tmp_path / "out.parquet"), pq.read_table(path))
    assert groups(tmp_path / "out.parquet") == groups(path) == [200, 200, 200, 100]
    before, after = pq.read_metadata(path), pq.read_metadata(tmp_path / "out.parquet")
    assert own(after) == own(before)
    assert described(after) == described(before)
    assert after.format_version == before.format_version


@pytest.mark.parametrize("keep", [lambda rows: rows % 3 == 0, lambda rows: rows // 200 != 1, lambda rows: rows < 0])
def test_rows_that_stay_keep_every_bit_and_their_row_group(keep, tmp_path):
    path = saved(tmp_path)
    rewritten(path, tmp_path / "out.parquet", keep=keep)

    kept = keep(np.arange(N))
    assert_same(pq.read_table(tmp_path / "out.parquet"), pq.read_table(path), kept)
    expected = [int(kept[at : at + 200].sum()) for at in range(0, N, 200)]
    assert groups(tmp_path / "out.parquet") == [n for n in expected if n]


def test_other_readers_find_the_same(tmp_path):
    table = TABLE.select(["int64", "float64", "string", "bool", "stamp_us", "list", "struct", "words", "decimal128"])
    path = saved(tmp_path, table)
    out = tmp_path / "out.parquet"
    rewritten(path, out, keep=lambda rows: rows % 5 != 0)
    kept = np.arange(N) % 5 != 0

    assert pl.read_parquet(out).equals(pl.read_parquet(path).filter(pl.Series(kept)))
    pd.testing.assert_frame_equal(pd.read_parquet(out), pd.read_parquet(path)[kept].reset_index(drop=True))
    query = f"select * from '{out}' except all select * from '{path}'"
    assert duckdb.sql(query).fetchall() == []
    assert duckdb.sql(f"select count(*) from '{out}'").fetchall() == [(int(kept.sum()),)]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"}, {"compression": "gzip"}, {"compression": "none"}, {"compression": "lz4"},
        {"compression": "brotli"}, {"compression": {"int64": "zstd", "string": "gzip", "struct.b.c": "brotli"}},
        {"version": "1.0"}, {"version": "2.4"}, {"store_schema": False}, {"use_compliant_nested_type": False},
        {"data_page_version": "2.0"}, {"use_dictionary": False}, {"store_decimal_as_integer": True},
        {"write_time_adjusted_to_utc": True}, {"version": "1.0", "store_schema": False},
    ],
)  # fmt: skip
def test_a_file_stays_as_it_was_written(options, tmp_path):
    if not NEW and "write_time_adjusted_to_utc" in options:
        pytest.skip("this version of Arrow has no such option")
    path = saved(tmp_path, TABLE.drop_columns(["stamp_ns", "time_ns"]), **options)
    out = tmp_path / "out.parquet"
    rewritten(path, out, keep=lambda rows: rows != 7)

    expected = pq.read_table(path)
    assert_same(pq.read_table(out), expected, np.arange(N) != 7)
    before, after = pq.read_metadata(path), pq.read_metadata(out)
    assert after.format_version == before.format_version or "uint32" in str(expected.schema)
    assert described(after) == described(before)
    for column in range(len(before.schema)):
        mine, theirs = after.row_group(0).column(column), before.row_group(0).column(column)
        assert (mine.path_in_schema, mine.compression) == (theirs.path_in_schema, theirs.compression)
        assert mine.has_dictionary_page == theirs.has_dictionary_page
        assert after.schema.column(column).logical_type.type == before.schema.column(column).logical_type.type
        assert after.schema.column(column).physical_type == before.schema.column(column).physical_type


def test_what_is_sorted_is_said_to_be_sorted_while_no_rule_changes_it(tmp_path):
    table = pa.table({"x": ["a"] * 9, "n": range(9), "m": range(9)})
    path = saved(tmp_path, table, sorting_columns=[pq.SortingColumn(1, descending=False, nulls_first=True)])
    out = tmp_path / "out.parquet"

    def without_x(name: str, view: Column, rows: np.ndarray) -> tuple[Column | None, None]:
        return (None if name == "x" else view), None

    rewritten(path, out, without_x)
    assert pq.read_metadata(out).row_group(0).sorting_columns == (pq.SortingColumn(0, nulls_first=True),)
    rewritten(path, out, at([3], ["n"], 100), touched=["n"])
    assert pq.read_metadata(out).row_group(0).sorting_columns == ()


def test_names_that_stand_twice_or_are_empty_stay(tmp_path):
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], ["a", "a", ""])
    path = saved(tmp_path, table)
    rewritten(path, tmp_path / "out.parquet", at([1], ["a.1"], 9), touched=["a.1"])
    found = pq.ParquetFile(tmp_path / "out.parquet").read()
    assert found.column_names == ["a", "a", ""]
    assert [column.to_pylist() for column in found.columns] == [[1, 2], [3, 9], [5, 6]]


def test_files_without_rows_and_with_empty_row_groups(tmp_path):
    path = saved(tmp_path, TABLE.slice(0, 0))
    rewritten(path, tmp_path / "out.parquet")
    assert_same(pq.read_table(tmp_path / "out.parquet"), pq.read_table(path))
    with pq.ParquetWriter(path, TABLE.schema) as writer:
        for start, rows in ((0, 10), (10, 0), (10, 5), (15, 0)):
            writer.write_table(TABLE.slice(start, rows))
    rewritten(path, tmp_path / "out.parquet", at([2], ["int64"], 5), touched=["int64"])
    assert groups(tmp_path / "out.parquet") == [10, 5]


# --- cells that a rule changes


def changed_table(name: str, rows: list[int], value: Any) -> pa.Table:
    """By pyarrow and Python alone."""
    column = TABLE[name]
    values = column.to_pylist()
    for row in rows:
        values[row] = value
    if pa.types.is_dictionary(column.type):
        made = pa.array(values, column.type.value_type)
        return TABLE.set_column(TABLE.column_names.index(name), name, made)
    made = pa.array(values, column.type)
    return TABLE.set_column(TABLE.column_names.index(name), TABLE.schema.field(name), made)


NUMBERS = ["int8", "int16", "int32", "uint8", "uint16", "uint32", "int64", "uint64", "float16", "float32", "float64"]
DECIMALS = ["decimal32", "decimal64", "decimal128", "decimal256"]
TEXTS = ["string", "large_string", "string_view", "words", "ordered", "json"]
ROWS = [0, 3, 31, 199, 200, 699]


@pytest.mark.parametrize(
    "name", these(*NUMBERS, *DECIMALS, *TEXTS, "bool", "date", "stamp_us", "time_ns", "unregistered")
)
@pytest.mark.parametrize("missing", [False, True])
def test_only_the_cells_that_a_rule_names_are_others(name, missing, tmp_path):
    path = saved(tmp_path, TABLE.select(list(dict.fromkeys([name, "float64", "struct", "words", "map"]))))
    kinds: dict[str, Any] = dict.fromkeys(TEXTS, "new") | {
        "bool": True, "date": datetime.date(2000, 2, 29), "time_ns": 5, "unregistered": 7,
        "stamp_us": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
    }  # fmt: skip
    value = None if missing else kinds.get(name, 7)
    rewritten(path, tmp_path / "out.parquet", at(ROWS, [name], value), keep=lambda rows: rows != 5, touched=[name])

    found, before = pq.read_table(tmp_path / "out.parquet"), pq.read_table(path)
    assert found.schema.equals(before.schema, check_metadata=True)
    stays = np.arange(N) != 5
    for other in before.column_names:
        mine = cells(found[other])
        theirs = [cell for cell, here in zip(cells(before[other]), stays, strict=True) if here]
        if other == name:
            wanted = {"time_ns": 5, "stamp_us": 946684800000000}.get(name, value)
            wanted = Decimal(7).quantize(Decimal(1).scaleb(-found[name].type.scale)) if name in DECIMALS else wanted
            wanted = float(7) if name.startswith("float") else wanted
            places = np.flatnonzero(np.isin(np.flatnonzero(stays), ROWS))
            for place in places.tolist():
                theirs[place] = repr(_exact(None if missing else wanted))
        assert mine == theirs, other


def test_the_order_of_a_dictionary_stays_and_new_words_come_last(tmp_path):
    path = saved(tmp_path, pa.table({"ordered": ORDERED, "words": PLAIN["words"]}))
    rewritten(path, tmp_path / "out.parquet", at([4], ["ordered"], "never"), touched=["ordered"])
    assert pd.read_parquet(tmp_path / "out.parquet")["ordered"].cat.categories.tolist() == ["zz", "mm", "aa", "never"]
    rewritten(path, tmp_path / "out.parquet", at([4], ["ordered"], "new"), touched=["ordered"])
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert frame["ordered"].cat.categories.tolist() == ["zz", "mm", "aa", "never", "new"]
    assert frame["ordered"].cat.ordered
    assert frame["ordered"][4] == "new"


def test_a_dictionary_that_is_full_says_so(tmp_path):
    words = pa.DictionaryArray.from_arrays(pa.array(range(128), pa.int8()), pa.array([f"w{i}" for i in range(128)]))
    path = saved(tmp_path, pa.table({"w": words}))
    if not NEW:
        pytest.skip("this version of Arrow reads every dictionary with indices of 32 bits")
    rewritten(path, tmp_path / "out.parquet", at([5], ["w"], "w7"), touched=["w"])
    assert pq.read_table(tmp_path / "out.parquet")["w"][5].as_py() == "w7"
    with pytest.raises(RuleError, match="w: its dictionary has no room"):
        rewritten(path, tmp_path / "out.parquet", at([5], ["w"], "new"), touched=["w"])


def every(value: float) -> Any:
    """Put a value into every second cell of a list."""

    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        if not isinstance(view, Lists):
            return view, None
        cells = np.arange(view.cells) % 2 == 0
        return patch.put(view, cells, view.values.dtype.type(value)), cells

    return change


LISTS = ["list", "large_list", "list_view", "fixed_list", "lists", "tensor"]


@pytest.mark.parametrize("name", these(*LISTS))
def test_cells_in_lists(name, tmp_path):
    path = saved(tmp_path, TABLE.select([name, "int64"]), row_group_size=N)
    counts: list[int] = []

    def change(column: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        if not isinstance(view, Lists):
            return view, None
        odd = (view.owner + (rows[0] if len(rows) else 0)) % 5 < 2
        counts.append(int(odd.sum()))
        return patch.put(view, odd, view.values.dtype.type(5)), odd

    rewritten(path, tmp_path / "out.parquet", change, keep=lambda rows: rows % 4 != 1, touched=[name])
    found, before = pq.read_table(tmp_path / "out.parquet"), pq.read_table(path)
    assert found.schema.equals(before.schema, check_metadata=True)

    values = _stored(before[name]).to_pylist()
    expected = [put_all(cell) if row % 5 < 2 else cell for row, cell in enumerate(values) if row % 4 != 1]
    assert [repr(_exact(c)) for c in _stored(found[name]).to_pylist()] == [repr(_exact(c)) for c in expected]
    assert sum(counts) > 0


def put_all(cell: Any) -> Any:
    """Null lists stay null; every cell of the others is 5, null ones too."""
    if cell is None:
        return None
    return [
        put_all(each) if isinstance(each, list) or (each is None and _nested(cell)) else 5.0 if _real(cell) else 5
        for each in cell
    ]


def _nested(cell: list[Any]) -> bool:
    return any(isinstance(each, list) for each in cell)


def _real(cell: list[Any]) -> bool:
    return any(isinstance(each, float) for each in cell)


def test_a_struct_is_rebuilt_around_the_cells_that_changed(tmp_path):
    path = saved(tmp_path, TABLE.select(["struct", "int64"]))
    rewritten(path, tmp_path / "out.parquet", at([0, 1, 4], ["struct.b.c"], 9.0), touched=["struct.b.c"])
    before, found = (pq.read_table(p)["struct"].to_pylist() for p in (path, tmp_path / "out.parquet"))
    for row, (old, new) in enumerate(zip(before, found, strict=True)):
        if row in (0, 1, 4):
            b = (old or {}).get("b") or {}
            old = {"a": (old or {}).get("a"), "b": {"c": 9.0, "d": b.get("d")}}
        assert repr(_exact(new)) == repr(_exact(old))


def test_a_struct_that_was_null_is_there_when_a_rule_puts_something_into_it(tmp_path):
    path = saved(tmp_path, TABLE.select(["struct"]))
    rewritten(path, tmp_path / "out.parquet", at([3, 14], ["struct.a"], 9), touched=["struct.a"])
    found = pq.read_table(tmp_path / "out.parquet")["struct"]
    assert pq.read_table(path)["struct"][3].as_py() is None
    assert found[3].as_py() == {"a": 9, "b": None}
    assert found[25].as_py() is None


def test_what_may_never_be_null_is_not_made_null_with_a_struct(tmp_path):
    kind = pa.struct([pa.field("a", pa.int64()), pa.field("b", pa.int64(), nullable=False)])
    array = pa.StructArray.from_arrays(
        [pa.array([1, None, 3]), pa.array([1, 2, 3])], fields=list(kind), mask=pa.array([False, True, False])
    )
    path = saved(tmp_path, pa.table({"s": array}))
    out = tmp_path / "out.parquet"
    rewritten(path, out, at([2], ["s.a"], 9), touched=["s.a"])
    assert pq.read_table(out)["s"].to_pylist() == [{"a": 1, "b": 1}, None, {"a": 9, "b": 3}]
    assert not pq.read_schema(out).field("s").type.field("b").nullable
    with pytest.raises(RuleError, match=r"s\.b, row 2: would have to be missing"):
        rewritten(path, out, at([1], ["s.a"], 9), touched=["s.a"])


def test_marks_of_never_null_stay_where_no_rule_may_break_them(tmp_path):
    schema = pa.schema(
        [
            pa.field("a", pa.int64(), nullable=False),
            pa.field("b", pa.float64(), nullable=False),
            pa.field("s", pa.struct([pa.field("x", pa.int8(), nullable=False)]), nullable=False),
            pa.field("l", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False),
        ]
    )
    table = pa.table({"a": [1, 2], "b": [1.0, 2.0], "s": [{"x": 1}, {"x": 2}], "l": [[1.0], [2.0]]}, schema=schema)
    path = saved(tmp_path, table)
    out = tmp_path / "out.parquet"
    rewritten(path, out)
    assert pq.read_schema(out).equals(schema)
    names = ["b", "s.x", "l"]
    rewritten(path, out, at([1], ["b", "s.x", "l"], None), touched=names)
    found = pq.read_table(out)
    assert found.to_pylist() == [
        {"a": 1, "b": 1.0, "s": {"x": 1}, "l": [1.0]},
        {"a": 2, "b": None, "s": {"x": None}, "l": [None]},
    ]
    assert not found.schema.field("a").nullable
    assert found.schema.field("b").nullable


def test_decimals_are_the_nearest_of_their_scale_and_must_fit(tmp_path):
    table = pa.table({"d": pa.array([Decimal("1.00"), Decimal("2.00")], pa.decimal128(4, 2))})
    path = saved(tmp_path, table)
    out = tmp_path / "out.parquet"
    for value, expected in ((0.125, "0.12"), (0.135, "0.14"), (2 / 3, "0.67"), (-99.994, "-99.99")):
        rewritten(path, out, at([1], ["d"], value), touched=["d"])
        assert pq.read_table(out)["d"].to_pylist() == [Decimal("1.00"), Decimal(expected)]
    for value in (99.996, 1e300, float("inf"), NAN):
        with pytest.raises(RuleError, match=r"d: .* does not fit into decimal128\(4, 2\)"):
            rewritten(path, out, at([1], ["d"], value), touched=["d"])


def cast(dtype: str, names: list[str]) -> Any:
    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        if name not in names:
            return view, None
        assert isinstance(view, Numbers)
        kind = "float" if np.dtype(dtype).kind == "f" else "integer"
        kind = f"list<{kind}>" if isinstance(view, Lists) else kind
        return with_numbers(view, view.values.astype(dtype), view.absent, view.unparsable, type=kind), None

    return change


def test_a_column_may_have_another_type_alone(tmp_path):
    if not NEW:
        pytest.skip("this version of Arrow cannot write all of the types")
    names = ["int16", "list", "struct.a", "decimal128", "fixed_list", "unregistered", "tensor"]
    path = saved(tmp_path)
    rewritten(path, tmp_path / "out.parquet", cast("f4", names), keep=lambda rows: rows > 4)
    found, before = pq.read_table(tmp_path / "out.parquet"), pq.read_table(path).slice(5)
    assert found.schema.field("int16").type == pa.float32()
    assert found.schema.field("list").type.value_type == pa.float32()
    assert found.schema.field("fixed_list").type == pa.list_(pa.field("element", pa.float32()), 2)
    assert found.schema.field("struct").type.field("a").type == pa.float32()
    assert found.schema.field("unregistered").type == pa.float32()
    assert found.schema.field("unregistered").metadata == {
        b"unit": b"unregistered",
        b"PARQUET:field_id": before.schema.field("unregistered").metadata[b"PARQUET:field_id"],
    }
    for name in ("int16", "decimal128"):
        assert found[name].to_pylist() == [
            None if v is None else float(np.float32(v)) for v in before[name].to_pylist()
        ]
    for name in before.column_names:
        if name.partition(".")[0] not in {n.partition(".")[0] for n in names}:
            assert cells(found[name]) == cells(before[name]), name
            assert found.schema.field(name).equals(before.schema.field(name), check_metadata=True)


def test_what_a_policy_takes_for_missing_keeps_its_value(tmp_path):
    table = pa.table(
        {"a": pa.array([1, -999, None, 300], pa.int32()), "b": [-999.0, NAN, None, 2.0], "t": ["-999", "x", None, ""]}
    )
    path, out = saved(tmp_path, table), tmp_path / "out.parquet"
    rewritten(path, out, at([3], ["a", "b"], 7), touched=["a", "b"], missing="-999")
    assert repr(pq.read_table(out).to_pydict()) == repr(
        {"a": [1, -999, None, 7], "b": [-999.0, NAN, None, 7.0], "t": ["-999", "x", None, ""]}
    )
    rewritten(path, out, cast("i8", ["a"]), missing="-999")
    assert pq.read_table(out)["a"].to_pylist() == [1, -999, None, 300]
    rewritten(path, out, cast("f4", ["a", "b"]), missing="-999")
    assert repr(pq.read_table(out)["a"].to_pylist()) == repr([1.0, -999.0, None, 300.0])
    with pytest.raises(RuleError, match="a: int8 cannot hold a value that the policy takes for missing"):
        rewritten(path, out, cast("i1", ["a"]), missing="-999")


def without(*names: str) -> Any:
    return lambda name, view, rows: (None if name in names else view, None)


def test_columns_may_go_from_a_struct_and_altogether(tmp_path):
    path = saved(tmp_path)
    out = tmp_path / "out.parquet"
    rewritten(path, out, without("int8", "struct.b.c", "map", "a struct of decimals.x.y", "a struct of decimals."))
    found, before = pq.read_table(out), pq.read_table(path)
    assert found.column_names == [n for n in before.column_names if n not in ("int8", "map", "a struct of decimals")]
    expected = [
        None if s is None else {"a": s["a"], "b": s["b"] and {"d": s["b"]["d"]}} for s in before["struct"].to_pylist()
    ]
    assert found["struct"].to_pylist() == expected
    assert found.schema.field("struct").metadata == before.schema.field("struct").metadata


def flags(rows: np.ndarray) -> dict[str, Column]:
    n = len(rows)
    odd = pa.array(rows % 2 == 1)
    return {
        "odd": Values(type="boolean", rows=n, cells=n, array=odd),
        "row": Numbers(type="integer", rows=n, cells=n, values=rows),
        "half": Numbers(type="float", rows=n, cells=n, values=rows / 2, absent=rows % 2 == 1),
        "text": Values(type="text", rows=n, cells=n, array=pa.array([str(row) for row in rows], pa.string())),
    }


def test_columns_may_come(tmp_path):
    path = saved(tmp_path)
    rewritten(path, tmp_path / "out.parquet", keep=lambda rows: rows % 2 == 0, added=flags)
    found = pq.read_table(tmp_path / "out.parquet")
    assert_same(found.select(TABLE.column_names), pq.read_table(path), np.arange(N) % 2 == 0)
    rows = np.arange(0, N, 2)
    assert found["odd"].to_pylist() == [False] * len(rows)
    assert found["row"].to_pylist() == rows.tolist()
    assert found["half"].to_pylist() == (rows / 2).tolist()
    assert found["text"].to_pylist() == [str(row) for row in rows]


@given(data=st.data())
@settings(max_examples=25)
def test_any_changes_and_drops(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    names = ["float32", "int16", "string", "words", "struct.a", "struct.b.c", "bool", "decimal128"]
    table = TABLE.select(["float32", "int16", "string", "words", "struct", "bool", "decimal128", "map"]).slice(0, 60)
    path = saved(folder, table, row_group_size=data.draw(st.integers(1, 61)))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=60, max_size=60)), bool)
    touched = {name: np.array(data.draw(st.lists(st.booleans(), min_size=60, max_size=60)), bool) for name in names}
    lost = {name: np.array(data.draw(st.lists(st.booleans(), min_size=60, max_size=60)), bool) for name in names}

    def change(name: str, view: Column, rows: np.ndarray) -> tuple[Column, np.ndarray | None]:
        if name not in names:
            return view, None
        put, blank = touched[name][rows] & ~lost[name][rows], touched[name][rows] & lost[name][rows]
        value: Any = 7
        if isinstance(view, Values):
            value = pa.array([True]) if name == "bool" else pa.array(["new"], view.array.type)
        view = patch.put(view, put, value) if put.any() else view
        view = patch.blanked(view, blank) if blank.any() else view
        return view, put | blank

    rewritten(path, folder / "out.parquet", change, keep=lambda rows: keep[rows], touched=names)
    found = pq.read_table(folder / "out.parquet").to_pylist()
    expected = []
    for row, record in enumerate(pq.read_table(path).to_pylist()):
        for name in names:
            if touched[name][row]:
                value = None if lost[name][row] else {"bool": True, "string": "new", "words": "new"}.get(name, 7)
                value = float(value) if value is not None and name in ("float32", "struct.b.c") else value
                value = Decimal("7.0000") if value is not None and name == "decimal128" else value
                _into(record, name.split("."), value)
        if keep[row]:
            expected.append(record)
    assert repr(_exact(found)) == repr(_exact(expected))


def _into(record: dict[str, Any], steps: list[str], value: Any) -> None:
    """A struct that is null is there as soon as something is put into it."""
    if len(steps) == 1:
        record[steps[0]] = value
        return
    if record[steps[0]] is None:
        if value is None:
            return
        record[steps[0]] = {"a": None, "b": None} if steps[0] == "struct" else {"c": None, "d": None}
    _into(record[steps[0]], steps[1:], value)


# --- INT96


def of_96_bits(folder: Path, ticks: list[int | None], unit: str, **options: Any) -> Path:
    column = pa.array(ticks, pa.timestamp(unit))
    table = pa.table({"n": range(len(ticks)), "t": column, "s": pa.StructArray.from_arrays([column], ["u"])})
    return saved(folder, table, use_deprecated_int96_timestamps=True, **({"row_group_size": 3} | options))


def raw_96(path: Path, unit: str = "ns") -> tuple[list[int], list[Any]]:
    file = pq.ParquetFile(path, coerce_int96_timestamp_unit=unit)
    assert [file.schema.column(i).physical_type for i in (1, 2)] == ["INT96", "INT96"]
    return file.read()["t"].cast(pa.int64()).to_pylist(), file.read()["s"].flatten()[0].cast(pa.int64()).to_pylist()


@pytest.mark.parametrize(
    ("ticks", "unit"),
    [
        ([0, None, 1, -1, 1_234_567_890_123_456_789, -(2**62), 999], "ns"),
        ([0, None, 1_000_000, -1000, 86_400_000_000_000, 5000, 7000], "ns"),
        ([-62135596800000000, None, 253402300799999999, 1, 2, 3, 4], "us"),
    ],
)
@pytest.mark.parametrize("store_schema", [True, False])
def test_timestamps_of_96_bits_stay_what_they_are(ticks, unit, store_schema, tmp_path):
    if not NEW:  # what older versions write of times before 1970 they read as something else
        ticks = [tick if tick is None or tick >= 0 else 5 for tick in ticks]
    path = of_96_bits(tmp_path, ticks, unit, store_schema=store_schema)
    out = tmp_path / "out.parquet"
    rewritten(path, out)
    assert raw_96(out, unit) == raw_96(path, unit)
    assert raw_96(path, unit)[0] == ticks
    assert pq.read_schema(out).equals(pq.read_schema(path))

    second = datetime.datetime(2001, 1, 1)
    rewritten(path, out, at([2], ["t"], second), keep=lambda rows: rows != 4, touched=["t"])
    expected = [
        int(second.timestamp()) if False else 978307200 * (10**9 if unit == "ns" else 10**6) if i == 2 else v
        for i, v in enumerate(ticks)
        if i != 4
    ]
    assert raw_96(out, unit) == (expected, [v for i, v in enumerate(ticks) if i != 4])


def test_batches_that_nobody_writes_leave_no_gap(tmp_path):
    """As in a file of rejected rows: most batches have none."""
    ticks: list[int | None] = [i * 1_000_001 for i in range(N)]
    path = of_96_bits(tmp_path, ticks, "ns", row_group_size=300)
    source = opened(path)
    reading = reading_of(source)
    (tmp_path / "out.parquet").write_bytes(b"")
    target = parquet.target(source, outs(source, reading), str(tmp_path / "out.parquet"), ReadOptions())
    wanted = [5, 6, 444, 699]
    for split in source.splits():
        for batch in split.batches():
            block = made(batch, source, reading, keep=lambda rows: np.isin(rows, wanted))
            if block.rows:
                target.write(target.encoded(block, target.columns(block)))
    target.finish()
    assert raw_96(tmp_path / "out.parquet") == ([ticks[i] for i in wanted], [ticks[i] for i in wanted])
    assert groups(tmp_path / "out.parquet") == [2, 1, 1]


def test_the_same_in_lists_and_maps(tmp_path):
    stamps = pa.array([[1, None], None, [], [5]], pa.list_(pa.timestamp("ns")))
    maps = pa.array([[("k", 7)], None, [], [("l", None)]], pa.map_(pa.string(), pa.timestamp("ns")))
    path = saved(tmp_path, pa.table({"l": stamps, "m": maps}), use_deprecated_int96_timestamps=True)
    rewritten(path, tmp_path / "out.parquet", keep=lambda rows: rows != 2)
    assert cells(pq.read_table(tmp_path / "out.parquet")["l"]) == cells(pq.read_table(path)["l"].take([0, 1, 3]))
    assert cells(pq.read_table(tmp_path / "out.parquet")["m"]) == cells(pq.read_table(path)["m"].take([0, 1, 3]))


def test_what_neither_unit_holds_is_refused(tmp_path):
    table = pa.table({"n": [9, 9], "t": pa.array([1, 3], pa.timestamp("us"))})
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    path = saved(tmp_path, table, use_deprecated_int96_timestamps=True, **options)
    data = path.read_bytes()
    near = struct.pack("<qi", 1000, 2440588) + struct.pack("<qi", 3000, 2440588)
    assert data.count(near) == 1
    far = struct.pack("<qi", 1001, 2440588) + struct.pack("<qi", 3000, 2440588 + 2_900_000)  # one in the year 9909
    path.write_bytes(data.replace(near, far))
    with pytest.raises(OutputError, match="t: timestamps of 96 bits"):
        rewritten(path, tmp_path / "out.parquet")
    rewritten(path, tmp_path / "out.parquet", without("t"))


def test_they_cannot_stand_beside_other_timestamps(tmp_path):
    path = _beside(tmp_path)
    with pytest.raises(UsageError, match="old has timestamps of 96 bits, new others") as error:
        rewritten(path, tmp_path / "out.parquet")
    assert error.value.hint is not None
    assert "new -> drop_column" in error.value.hint
    rewritten(path, tmp_path / "out.parquet", without("new"))
    rewritten(path, tmp_path / "out.parquet", without("old"))
    assert pq.ParquetFile(tmp_path / "out.parquet").schema.column(0).physical_type == "INT64"


def _beside(folder: Path) -> Path:
    """No library here writes both: bytes of the width of the old ones are called timestamps in the footer."""
    cells = [struct.pack("<qi", 1000, 2440588)] * 2
    table = pa.table({"old": pa.array(cells, pa.binary(12)), "new": pa.array([3, 4], pa.timestamp("us"))})
    path = saved(folder, table, use_dictionary=False, write_statistics=False, store_schema=False, compression="none")
    data = path.read_bytes()
    for before, after in ((b"\x15\x0e\x15\x18", b"\x15\x06\x15\x18"), (b"\x15\x0e\x19", b"\x15\x06\x19")):
        assert data.count(before) == 1  # the type of a column, in the schema and where its pages are described
        data = data.replace(before, after)
    path.write_bytes(data)
    assert pq.read_table(path)["old"].cast(pa.int64()).to_pylist() == [1000, 1000]
    return path


# --- metadata of others


def frame_file(folder: Path, **options: Any) -> Path:
    frame = pd.DataFrame(
        {"a": [1, 2, 3, 4], "b": [1.5, None, 2.5, 0.0], "c": pd.array([1, None, 3, 4], "Int64"), "d": list("wxyz")}
    )
    frame = frame.set_index("d") if options.pop("indexed", False) else frame
    frame.to_parquet(folder / "in.parquet", row_group_size=2, **options)
    return folder / "in.parquet"


def test_what_pandas_reads_is_what_pandas_would_make(tmp_path):
    path, out = frame_file(tmp_path), tmp_path / "out.parquet"
    before = pd.read_parquet(path)
    rewritten(path, out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), before)
    assert own(pq.read_metadata(out)) == own(pq.read_metadata(path))

    rewritten(path, out, without("a"), keep=lambda rows: rows != 1)
    pd.testing.assert_frame_equal(pd.read_parquet(out), before.drop(columns="a").drop(index=1).reset_index(drop=True))
    rewritten(path, out, cast("f4", ["a", "c"]), added=flags, keep=lambda rows: rows < 3)
    found = pd.read_parquet(out)
    assert found.dtypes.astype(str).to_dict()["a"] == "float32"
    assert found.dtypes.astype(str).to_dict()["c"] == "float32"
    assert found["odd"].tolist() == [False, True, False]
    assert isinstance(found.index, pd.RangeIndex)
    described = json.loads(pq.read_metadata(out).metadata[b"pandas"])
    assert [c["name"] for c in described["columns"]] == pq.read_schema(out).names
    types = {c["name"]: (c["pandas_type"], c["numpy_type"]) for c in described["columns"]}
    assert types["a"] == types["c"] == ("float32", "float32")
    assert types["odd"] == ("bool", "bool")
    assert types["half"] == ("float64", "float64")
    assert described["index_columns"] == [{"kind": "range", "name": None, "start": 0, "step": 1, "stop": 3}]


def test_the_index_of_a_frame_stays_its_index(tmp_path):
    path, out = frame_file(tmp_path, indexed=True), tmp_path / "out.parquet"
    before = pd.read_parquet(path)
    rewritten(path, out, without("c"), keep=lambda rows: rows != 1, added=flags)
    found = pd.read_parquet(out)
    assert found.index.tolist() == ["w", "y", "z"]
    pd.testing.assert_frame_equal(found[["a", "b"]], before.drop(index="x")[["a", "b"]])
    rewritten(path, out, without("d"))
    assert pd.read_parquet(out).index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("key", ["org.apache.spark.sql.parquet.row.metadata", "parquet.avro.schema"])
def test_copies_of_the_schema_go_when_they_would_be_wrong(key, tmp_path):
    table = pa.table({"a": [1], "b": [2.0]}).replace_schema_metadata({key: "{}", "writer": "x"})
    path, out = saved(tmp_path, table), tmp_path / "out.parquet"
    rewritten(path, out)
    assert key.encode() in pq.read_metadata(out).metadata
    rewritten(path, out, without("a"))
    assert key.encode() not in pq.read_metadata(out).metadata
    assert pq.read_metadata(out).metadata[b"writer"] == b"x"


# --- from other formats


def csv(folder: Path, text: str) -> Path:
    (folder / "in.csv").write_text(text)
    return folder / "in.csv"


def test_a_table_of_text_gets_the_types_of_its_columns(tmp_path):
    path = csv(tmp_path, "n,x,ok,who,day\n1,1.5,true,Ann,2020-01-01\n,nan,,NA,\n-3,inf,false,é,2020-01-02\n")
    rewritten(path, tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.equals(
        pa.schema(
            [("n", pa.int64()), ("x", pa.float64()), ("ok", pa.bool_()), ("who", pa.string()), ("day", pa.string())]
        )
    )
    assert repr(found.to_pydict()) == repr(
        {
            "n": [1, None, -3], "x": [1.5, NAN, float("inf")], "ok": [True, None, False],
            "who": ["Ann", None, "é"], "day": ["2020-01-01", None, "2020-01-02"],
        }
    )  # fmt: skip
    assert pq.read_metadata(tmp_path / "out.parquet").row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1", "007"], "'007' would lose its leading zeros"),
        (["1", "-01"], "'-01' would lose its leading zeros"),
        (["1"] * 30 + ["x1"], "'x1' is no number"),
        (["1.5", "1e400"], "'1e400' is beyond float64"),
        (["1.5", "1e-400"], "'1e-400' is too small for float64"),
        (["9007199254740993", "1", "nan"], "'9007199254740993' is beyond what float64 holds exactly"),
        (["1.5", "9007199254740993"], "'9007199254740993' is beyond what float64 holds exactly"),
        (["1", "123456789012345678901"], "'123456789012345678901' is beyond what float64 holds exactly"),
    ],
)
def test_what_a_type_would_lose_of_a_cell_is_refused(cells, told, tmp_path):
    path = csv(tmp_path, "id,zip\n" + "".join(f"a{i},{cell}\n" for i, cell in enumerate(cells)))
    with pytest.raises(RuleError) as error:
        rewritten(path, tmp_path / "out.parquet")
    line = 2 + next(i for i, cell in enumerate(cells) if repr(cell) in told)
    assert error.value.message == f"zip, line {line}: {told}"
    assert error.value.hint == '[columns.zip] type = "text" keeps it as it is written'
    rewritten(path, tmp_path / "out.parquet", types={"zip": "text"})
    kept = [None if cell == "nan" else cell for cell in cells]
    assert pq.read_table(tmp_path / "out.parquet")["zip"].to_pylist() == kept


def test_what_a_rule_has_repaired_is_not_refused(tmp_path):
    path = csv(tmp_path, "zip,x\n1,1.5\n007,1e400\n")
    rewritten(
        path, tmp_path / "out.parquet",
        lambda name, view, rows: at([1], [name], 5)(name, view, rows), touched=["zip", "x"],
    )  # fmt: skip
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == {"zip": [1, 5], "x": [1.5, 5.0]}


def test_arrays_become_tables(tmp_path):
    np.save(tmp_path / "in.npy", np.array([[1, 2], [3, 4]], ">i4"))
    rewritten(tmp_path / "in.npy", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.equals(pa.table({"c0": pa.array([1, 3], pa.int32()), "c1": pa.array([2, 4], pa.int32())}))
    np.save(tmp_path / "in.npy", np.arange(12, dtype="f4").reshape(3, 2, 2))
    rewritten(tmp_path / "in.npy", tmp_path / "out.parquet", every(-1.0), touched=["c0"])
    assert pq.read_table(tmp_path / "out.parquet")["c0"].to_pylist() == [
        [-1, 1, -1, 3],
        [-1, 5, -1, 7],
        [-1, 9, -1, 11],
    ]
    np.save(tmp_path / "in.npy", np.array([1j]))
    with pytest.raises(UsageError, match="c0: complex cannot be written"):
        rewritten(tmp_path / "in.npy", tmp_path / "out.parquet")


def test_runs_become_columns(tmp_path):
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array([1.5, None]))
    rewritten(opened(pa.table({"x": runs})), tmp_path / "out.parquet", at([3], ["x"], 7.0), touched=["x"])
    assert pq.read_table(tmp_path / "out.parquet")["x"].to_pylist() == [1.5, 1.5, None, 7.0, None]


@pytest.mark.parametrize("engine", ["arrow", "pandas", "polars"])
def test_frames_become_files(engine, tmp_path):
    table = TABLE.select(["int16", "float32", "string", "bool", "words", "stamp_ms", "list", "decimal128"])
    table = table.append_column("seconds", some([1, 2], pa.timestamp("s")))
    source: Any = {"arrow": lambda: table, "pandas": table.to_pandas, "polars": lambda: pl.from_arrow(table)}[engine]()
    stays = np.arange(N) % 6 != 5
    rewritten(
        opened(source),
        tmp_path / "out.parquet",
        at([3], ["int16"], 5),
        keep=lambda rows: stays[rows],
        touched=["int16"],
    )
    found = pq.read_table(tmp_path / "out.parquet")
    for name in table.column_names:
        if engine != "arrow" and name in ("int16", "list", "bool", "decimal128", "float32"):
            continue  # on the way to a frame their nulls have become something else
        expected = table[name].to_pylist()
        if name == "int16":
            expected[3] = 5
        expected = [cell for cell, here in zip(expected, stays, strict=True) if here]
        assert repr(_exact(found[name].to_pylist())) == repr(_exact(expected)), name


def test_what_parquet_does_not_have_names_the_column(tmp_path):
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(UsageError, match="bad: sparse_union") as error:
        rewritten(opened(pa.table({"a": [1], "bad": union})), tmp_path / "out.parquet")
    assert error.value.hint is not None
    assert "bad -> drop_column" in error.value.hint


@pytest.mark.parametrize("limit", ["ROWS", "BYTES"])
def test_row_groups_of_tables_that_have_none_do_not_hang_on_batches(limit, tmp_path, monkeypatch):
    from nanclean.formats import frame

    monkeypatch.setattr(_parquettarget, limit, 100 if limit == "ROWS" else 4000)
    source = pa.table({"x": np.arange(1000.0), "s": ["a" * (i % 50) for i in range(1000)]})
    found = []
    for batch in (7, 64, 1000):
        monkeypatch.setattr(frame, "BATCH_ROWS", batch)
        rewritten(opened(source), tmp_path / "out.parquet")
        found.append((tmp_path / "out.parquet").read_bytes())
    assert found[0] == found[1] == found[2]
    assert len(groups(tmp_path / "out.parquet")) >= 10
    if limit == "ROWS":
        assert groups(tmp_path / "out.parquet") == [100] * 10


# --- what can go wrong


def test_how_batches_are_cut_leaves_no_trace(tmp_path, monkeypatch):
    path, found = saved(tmp_path), []
    for rows in (7, 64, 10_000):
        monkeypatch.setattr(parquet, "BATCH_ROWS", rows)
        rewritten(
            path,
            tmp_path / "out.parquet",
            at(ROWS, ["int64", "words"], None),
            keep=lambda rows: rows % 9 != 0,
            touched=["int64", "words"],
        )
        found.append((tmp_path / "out.parquet").read_bytes())
    assert found[0] == found[1] == found[2]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    path = saved(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(OutputError, match=r"cannot write .*out\.parquet: file too large"):
            rewritten(path, tmp_path / "out.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_target_that_is_given_up_writes_no_footer(tmp_path):
    source = opened(saved(tmp_path))
    (tmp_path / "out.parquet").write_bytes(b"")
    target = parquet.target(source, outs(source, reading_of(source)), str(tmp_path / "out.parquet"), ReadOptions())
    target.close()
    target.close()
    del target
    source.close()
    assert (tmp_path / "out.parquet").stat().st_size <= 4


def test_encrypted_columns_are_refused_and_do_not_end_the_process(tmp_path):
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(encryption.KmsClient):
        def __init__(self, config: Any) -> None:
            super().__init__()

        def wrap_key(self, key: bytes, name: str) -> bytes:
            import base64

            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, name: str) -> bytes:
            raise AssertionError("nobody reads it")

    factory = encryption.CryptoFactory(Keys)
    config = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["b"]}, plaintext_footer=True)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), config)
    table = pa.table({"a": [1, 2], "b": [1.0, 2.0]})
    with pq.ParquetWriter(tmp_path / "in.parquet", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    source = opened(tmp_path / "in.parquet")
    (tmp_path / "out.parquet").write_bytes(b"")
    held = outs(source, reading_of_nothing(source))
    with pytest.raises(InputError, match="is encrypted"):
        parquet.target(source, held, str(tmp_path / "out.parquet"), ReadOptions())
    source.close()


def reading_of_nothing(source: Any) -> Any:
    from nanclean.reading import Reading
    from nanclean.tokens import Words

    return Reading.guessed(source, None, [Words()] * len(source.fields), {})


def test_real_files(data, tmp_path, request):
    if "small" in request.node.name:
        pytest.skip("they are too large for batches of thirty rows")
    for path in sorted(data.rglob("*.parquet")):
        rewritten(path, tmp_path / "out.parquet")
        assert_same(pq.read_table(tmp_path / "out.parquet"), pq.read_table(path))
        rewritten(path, tmp_path / "out.parquet", keep=lambda rows: rows % 7 != 3)
        table = pq.read_table(path)
        assert_same(pq.read_table(tmp_path / "out.parquet"), table, np.arange(len(table)) % 7 != 3)

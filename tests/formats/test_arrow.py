"""Arrow files and streams: held against pyarrow and polars, cell by cell."""

from __future__ import annotations

import datetime
import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.errors import InputError, UsageError
from nanclean.format import ReadOptions
from nanclean.formats import arrow
from nanclean.opening import opened
from tests.formats.rewriting import at, rewritten

N = 500
KINDS = ("lz4", "zstd", "plain", "stream")


@pytest.fixture(autouse=True, params=["small", "usual"])
def sizes(request, monkeypatch):
    """Everything is tried with batches and splits of few rows, and with all in one."""
    if request.param == "small":
        small = {"BATCH_ROWS": 30, "SPLIT_ROWS": 150, "SAMPLED": 64, "SMALL": 8, "MEASURED": 2, "RUN_BYTES": 3000}
        for name, size in small.items():
            monkeypatch.setattr(arrow, name, size)


def some(values: list[Any], type_: pa.DataType) -> pa.Array:
    """The values again and again, with nulls between them."""
    cells = [None if i % 11 == 3 else values[i % len(values)] for i in range(N)]
    return pa.array(cells, type_)


COLUMNS: dict[str, pa.Array] = {
    "int8": some([0, -128, 127], pa.int8()),
    "int64": some([0, 2**63 - 1, -(2**63), 9007199254740993], pa.int64()),
    "uint64": some([0, 2**64 - 1], pa.uint64()),
    "float16": pa.array(np.arange(N).astype(np.float16)),
    "float32": some([1.5, float("nan"), float("inf"), -0.0], pa.float32()),
    "float64": pa.array(np.resize(np.array([0x7FF8DEADBEEF0001, 1 << 63, 1, 0], "u8"), N).view("f8")),
    "decimal": some([Decimal("1.2500"), Decimal("-99.9900")], pa.decimal128(30, 4)),
    "bool": some([True, False], pa.bool_()),
    "string": some(["a", "", "é", "NA"], pa.string()),
    "large_string": some(["a", "b" * 40], pa.large_string()),
    "view": some(["a", "longer than twelve characters"], pa.string_view()),
    "binary": some([b"a", b"\xff"], pa.binary()),
    "date": some([datetime.date(2020, 1, 1)], pa.date32()),
    "stamp": some([datetime.datetime(2020, 1, 1)], pa.timestamp("us", "UTC")),
    "words": some(["a", "b", "c"], pa.string()).dictionary_encode(),
    "list": some([[1.0, None], [], [2.0, 3.0, 4.0]], pa.list_(pa.float64())),
    "fixed": some([[1.0, 2.0]], pa.list_(pa.float32(), 2)),
    "struct": some([{"u": 1, "v": {"w": "q"}}, {"u": None, "v": None}], pa.struct(
        {"u": pa.int64(), "v": pa.struct({"w": pa.string()})}
    )),
    "map": some([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    "null": pa.nulls(N),
    "union": pa.UnionArray.from_sparse(pa.array([0, 1] * (N // 2), pa.int8()), [pa.array([1] * N), pa.nulls(N)]),
    "runs": pa.RunEndEncodedArray.from_arrays([200, N], pa.array([1.5, None])),
}  # fmt: skip
METADATA = {b"who": b"\xff\x00", b"pandas_": b"x"}
TABLE = pa.table(COLUMNS).replace_schema_metadata(METADATA)
EQUAL = TABLE.drop(["float32", "float64", "float16"])
"""Without NaN, which pyarrow finds unequal to itself."""


def write(path: Path, table: pa.Table, kind: str = "lz4", rows: int = 70, **options: Any) -> Path:
    compression = None if kind in ("plain", "stream") else kind
    chosen = pa.ipc.IpcWriteOptions(compression=compression, **options)
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(str(path), table.schema, options=chosen) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def read(path: Path) -> pa.Table:
    """By pyarrow alone."""
    if path.read_bytes()[:6] == b"ARROW1":
        return pa.ipc.open_file(str(path)).read_all()
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def cells_of(source: Any, columns: Any = None) -> list[list[Any]]:
    fields = range(len(source.fields)) if columns is None else columns
    found: list[list[Any]] = [[] for _ in fields]
    row = 0
    for split in source.splits():
        for batch in split.batches(columns):
            assert batch.start == row
            row += batch.rows
            for into, raw in zip(found, batch.columns, strict=True):
                assert len(raw) == batch.rows
                into += [repr(cell) for cell in raw.to_pylist()]
    assert row == source.facts.rows
    return found


def leaves(table: pa.Table) -> dict[str, list[str]]:
    """What pyarrow finds, structs flattened."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return {name: [repr(c) for c in table.column(name).to_pylist()] for name in table.column_names}


def columns_of(path: Path) -> list[Any]:
    return json.loads(nanclean.scan(path).to_json())["columns"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_is_that_of_pyarrow(kind, tmp_path):
    path = write(tmp_path / "t.arrow", TABLE, kind)
    source = opened(path)
    expected = leaves(read(path))

    assert source.format == "arrow"
    assert [field.name for field in source.fields] == list(expected)
    assert cells_of(source) == list(expected.values())
    backwards = list(range(len(source.fields)))[::-2]
    assert cells_of(source, backwards) == [list(expected.values())[i] for i in backwards]
    assert cells_of(source, []) == []
    source.close()


def test_types_are_those_of_parquet(tmp_path):
    table = TABLE.drop(["union", "runs", "map", "view", "null"])
    pq.write_table(table, tmp_path / "t.parquet")
    one, two = opened(write(tmp_path / "t.arrow", table)), opened(tmp_path / "t.parquet")

    assert one.fields == two.fields
    assert cells_of(one) == cells_of(two)


@pytest.mark.parametrize("rows", [1, 7, 100_000])
@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_the_size_of_record_batches_does_not_matter(kind, rows, tmp_path):
    table = TABLE.select(["int64", "float64", "string", "words", "struct"])
    one = columns_of(write(tmp_path / "a.arrow", table, kind, rows))
    two = columns_of(write(tmp_path / "b.arrow", table, "zstd", 33))

    assert one == two


def test_dictionaries_that_grow_and_change(tmp_path):
    words = [pa.array([f"w{i}" for i in range(n)] * 3).dictionary_encode() for n in (2, 4, 9)]
    table = pa.table({"d": pa.chunked_array(words), "x": np.arange(45.0)})
    for name, kind, options in (("f", "plain", {"emit_dictionary_deltas": True}), ("s", "stream", {})):
        path = write(tmp_path / f"{name}.arrow", table, kind, 1000, **options)
        assert cells_of(opened(path))[0] == leaves(table)["d"]
    changed = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["z", "a"]).dictionary_encode()])
    path = write(tmp_path / "r.arrow", pa.table({"d": changed}), "stream")
    assert cells_of(opened(path)) == [["'a'", "'b'", "'z'", "'a'"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_and_its_splits_travel(kind, tmp_path):
    source = opened(write(tmp_path / "t.arrow", TABLE, kind))
    expected = cells_of(source)
    again = [pickle.loads(pickle.dumps(split)) for split in source.splits()]

    found = [raw.to_pylist() for split in again for raw in (batch.columns[1] for batch in split.batches())]
    assert [repr(cell) for cells in found for cell in cells] == expected[1]
    assert cells_of(pickle.loads(pickle.dumps(source))) == expected


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_no_rows_and_no_columns(kind, tmp_path):
    for table in (TABLE.slice(0, 0), pa.table({})):
        source = opened(write(tmp_path / "t.arrow", table, kind))
        assert source.facts.rows == 0
        assert source.sample() is None
        assert cells_of(source) == [[] for _ in source.fields]
    assert len(opened(write(tmp_path / "t.arrow", TABLE.slice(0, 0), kind)).nothing().columns) == len(leaves(TABLE))


def test_by_content_and_by_name(tmp_path):
    table = TABLE.select(["int64"])
    for kind in ("plain", "stream"):
        for name in ("t.csv", "part-0", "t.parquet", "t.feather", "t.arrows"):
            assert opened(write(tmp_path / name, table, kind)).format == "arrow"
    (tmp_path / "t.txt").write_text("ARROW1,x\n1,2\n")
    assert opened(tmp_path / "t.txt").format == "csv"


def test_the_first_feather_is_refused(tmp_path):
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(60) + b"FEA1")
    with pytest.raises(InputError, match="first version of Feather") as caught:
        opened(tmp_path / "t.feather")
    assert "write_feather" in caught.value.hint


def test_a_stream_without_an_end(tmp_path):
    path = write(tmp_path / "t.arrow", TABLE, "stream")
    assert opened(path).facts.notes == []
    path.write_bytes(path.read_bytes()[:-8])
    assert "no mark at its end" in opened(path).facts.notes[0]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="ends within the message"):
        opened(path)


def test_two_streams_in_a_file(tmp_path):
    path = write(tmp_path / "t.arrow", TABLE, "stream")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match="follow the end of the stream"):
        opened(path)


def test_text_that_is_not_utf8(tmp_path):
    text = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
    report = nanclean.scan(write(tmp_path / "t.arrow", pa.table({"s": text})))
    assert json.loads(report.to_json())["source"]["rows"] == 3


# --- written again


@pytest.mark.parametrize("kind", KINDS)
def test_untouched_is_untouched(kind, tmp_path):
    path = write(tmp_path / "a.arrow", EQUAL, kind)
    rewritten(path, tmp_path / "b.arrow")

    assert read(tmp_path / "b.arrow").equals(read(path), check_metadata=True)
    if kind != "stream":
        one, two = pa.ipc.open_file(str(path)), pa.ipc.open_file(str(tmp_path / "b.arrow"))
        sizes = [[file.get_batch(i).num_rows for i in range(file.num_record_batches)] for file in (one, two)]
        assert sizes[0] == sizes[1]
    one, two = opened(path), opened(tmp_path / "b.arrow")
    assert {m.codec for m in one.index.batches} == {m.codec for m in two.index.batches}
    assert one.index.stream == two.index.stream == (kind == "stream")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("int64", 5), ("float64", 2.5), ("float32", None), ("string", "new"), ("words", "new"), ("bool", None),
     ("struct.u", 7), ("struct.v.w", "new"), ("large_string", None), ("words", None), ("view", "another long text")],
)  # fmt: skip
def test_a_cell_changes_and_no_other(name, value, kind, tmp_path):
    path = write(tmp_path / "a.arrow", TABLE, kind)
    rows = [0, 69, 70, 333, N - 1]
    rewritten(path, tmp_path / "b.arrow", at(rows, [name], value), touched=[name])

    before, after = leaves(read(path)), leaves(read(tmp_path / "b.arrow"))
    assert list(before) == list(after)
    for column in before:
        expected = before[column]
        if column == name:
            expected = [repr(value) if i in rows else cell for i, cell in enumerate(expected)]
        assert after[column] == expected, column


@pytest.mark.parametrize("kind", ["lz4", "zstd", "plain"])
def test_polars_reads_what_was_written(kind, tmp_path):
    names = ["int64", "float32", "string", "words", "list", "date"]
    path = write(tmp_path / "a.arrow", TABLE.select(names), kind)
    rewritten(path, tmp_path / "b.arrow", at([3, 80], ["words", "string"], "new"), touched=["words", "string"])

    one, two = pl.read_ipc(path), pl.read_ipc(tmp_path / "b.arrow")
    assert one.drop("words", "string").equals(two.drop("words", "string"))
    assert two["words"].cast(pl.String).to_list()[80] == two["string"].to_list()[80] == "new"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_go_from_their_record_batches(kind, tmp_path):
    path = write(tmp_path / "a.arrow", TABLE, kind)
    rewritten(path, tmp_path / "b.arrow", keep=lambda rows: (rows % 3 != 0) & (rows >= 70))

    kept = [i for i in range(N) if i % 3 and i >= 70]
    before, after = leaves(read(path)), leaves(read(tmp_path / "b.arrow"))
    assert after == {name: [cells[i] for i in kept] for name, cells in before.items()}
    source = opened(tmp_path / "b.arrow")
    assert [m.rows for m in source.index.batches] == [sum(70 * k <= i < 70 * k + 70 for i in kept) for k in range(1, 8)]


def test_what_the_footer_says_stays(tmp_path):
    path = tmp_path / "a.arrow"
    with pa.ipc.new_file(str(path), EQUAL.schema, metadata={"split": "train"}) as writer:
        writer.write_table(EQUAL)
    rewritten(path, tmp_path / "b.arrow", at([3], ["int64"], 5), touched=["int64"])
    assert pa.ipc.open_file(str(tmp_path / "b.arrow")).metadata == pa.ipc.open_file(str(path)).metadata


def test_the_same_file_whatever_is_read_at_a_time(tmp_path, monkeypatch):
    path = write(tmp_path / "a.arrow", TABLE)
    change = at([3, 80], ["words", "float64"], None)
    rewritten(path, tmp_path / "b.arrow", change, touched=["words", "float64"])
    for rows in (11, 64, 100_000):
        monkeypatch.setattr(arrow, "BATCH_ROWS", rows)
        rewritten(path, tmp_path / "c.arrow", change, touched=["words", "float64"])
        one, two = (pa.ipc.open_file(str(tmp_path / name)) for name in ("b.arrow", "c.arrow"))
        assert one.num_record_batches == two.num_record_batches
        for i in range(one.num_record_batches):
            assert leaves(pa.table(one.get_batch(i))) == leaves(pa.table(two.get_batch(i)))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_there_and_back(suffix, tmp_path):
    table = EQUAL.select(["int64", "bool", "string"])
    rewritten(write(tmp_path / "a.arrow", table), tmp_path / f"b.{suffix}")
    rewritten(tmp_path / f"b.{suffix}", tmp_path / "c.arrow")
    if suffix == "csv":  # which cannot tell a text of no characters from a missing one, or NA
        table = table.drop(["string"])
    assert leaves(read(tmp_path / "c.arrow").select(table.column_names)) == leaves(table)


def test_complex_numbers_are_refused(tmp_path):
    np.save(tmp_path / "t.npy", np.zeros(3, complex))
    with pytest.raises(UsageError, match="complex"):
        rewritten(tmp_path / "t.npy", tmp_path / "t.arrow")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats()), st.one_of(st.none(), st.text(max_size=5))), max_size=60),
    st.integers(1, 20), st.sampled_from(KINDS),
)  # fmt: skip
def test_any_table(tmp_path_factory, rows, size, kind):
    folder = tmp_path_factory.mktemp("any")
    table = pa.table(
        {"x": pa.array([x for x, _ in rows], pa.float64()), "s": pa.array([s for _, s in rows], pa.string())}
    )
    path = write(folder / "a.arrow", table, kind, size)
    rewritten(path, folder / "b.arrow", keep=lambda numbers: numbers % 2 == 0)
    assert leaves(read(folder / "b.arrow")) == {name: cells[::2] for name, cells in leaves(table).items()}


def test_options_for_text_mean_nothing(tmp_path):
    with pytest.raises(UsageError, match="--delimiter means nothing"):
        opened(write(tmp_path / "t.arrow", TABLE), ReadOptions(delimiter=";"))


def test_a_large_record_batch_is_read_some_columns_at_a_time(tmp_path, monkeypatch):
    table = TABLE.drop(["union", "runs", "map"])
    expected = columns_of(write(tmp_path / "t.arrow", table, "plain", N))
    monkeypatch.setattr(arrow.ArrowSource, "room", 20_000)
    source = opened(tmp_path / "t.arrow")
    groups = source.column_groups(range(len(source.fields)))

    assert len(groups) > 3
    assert [i for group in groups for i in group] == list(range(len(source.fields)))
    assert [len(raw) for raw in source.sample().columns] == [source.sample().rows] * len(source.fields)
    assert columns_of(tmp_path / "t.arrow") == expected

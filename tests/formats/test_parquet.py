"""Parquet files, held against pyarrow reading them whole; and files that are damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean.errors import InputError, NancleanError
from nanclean.files.local import Local
from nanclean.format import ReadOptions
from nanclean.formats import parquet
from nanclean.formats.parquet import ParquetSource
from nanclean.typed import type_of, view

NAN = float("nan")


def opened(path: str | Path) -> ParquetSource:
    return parquet.opened(Local(str(path)), ReadOptions())


def written(folder: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, folder / "t.parquet", **options)
    return folder / "t.parquet"


def read(source: ParquetSource, wanted: Sequence[int] | None = None) -> list[pa.ChunkedArray]:
    """Each column from the batches of all splits, which must follow each other."""
    fields = source.fields if wanted is None else [source.fields[i] for i in wanted]
    found: list[list[pa.Array]] = [[] for _ in fields]
    row = 0
    for index, split in enumerate(source.splits()):
        assert split.index == index
        for batch in split.batches(wanted):
            assert batch.start == row
            assert len(batch.columns) == len(fields)
            for cells, pieces in zip(batch.columns, found, strict=True):
                assert len(cells) == batch.rows
                pieces.append(cells)
            row += batch.rows
    assert row == source.facts.rows
    return [pa.chunked_array(pieces) if pieces else pa.chunked_array([[]]) for pieces in found]


def flattened(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return dict(zip(table.column_names, table.columns, strict=True))


def assert_same(found: Sequence[pa.ChunkedArray], expected: Sequence[pa.ChunkedArray]) -> None:
    """Compared as text: there NaN equals NaN, and is not null."""
    for mine, theirs in zip(found, expected, strict=True):
        assert repr(mine.to_pylist()) == repr(theirs.to_pylist())


R = np.random.default_rng(0)
N = 5_000
NULLS = int(pa.__version__.partition(".")[0]) >= 26
"""Whether this version of Arrow can write nulls among lists of one size."""
TABLE = pa.table(
    {
        "float": pa.array(R.normal(size=N), mask=R.random(N) < 0.1),
        "nan": np.where(R.random(N) < 0.1, NAN, 1.5),
        "half": pa.array(R.normal(size=N).astype(np.float16)),
        "integer": R.integers(0, 9, N),
        "text": R.choice(["red", "green", "a longer one"], N),
        "list": pa.array([None if i % 7 == 0 else [1.0, None, NAN][: i % 4] for i in range(N)], pa.list_(pa.float32())),
        "fixed": pa.array([None if i % 5 == 0 and NULLS else [i, i + 1] for i in range(N)], pa.list_(pa.int16(), 2)),
        "struct": pa.array(
            [None if i % 6 == 0 else {"a": i, "b": {"c": None if i % 4 else "x"}, "l": [i]} for i in range(N)],
            pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string())])), ("l", pa.list_(pa.int16()))]),
        ),
        "map": pa.array([[("k", i)] for i in range(N)], pa.map_(pa.string(), pa.int64())),
        "structs": pa.array([[{"p": i, "q": 1.0}] * (i % 3) for i in range(N)]),
        "dictionary": pa.array(R.choice(["a", "b"], N)).dictionary_encode(),
        "time": pa.array(R.integers(0, 10**15, N), pa.int64()).cast(pa.timestamp("us", "UTC")),
        "bool": R.random(N) < 0.5,
    }
)
EXPECTED = flattened(TABLE)


@pytest.fixture
def small(monkeypatch):
    """Batches, splits and samples of few rows, so that a small file has many."""
    for name, size in {"BATCH_ROWS": 300, "SPLIT_ROWS": 1_500, "SAMPLED": 64, "PROBED": 16}.items():
        monkeypatch.setattr(parquet, name, size)


@pytest.mark.parametrize("rows", [400, 1_000, 5_000])
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "not sampled"])
@pytest.mark.usefixtures("small")
def test_every_column_is_read_as_it_was_written(rows, sampled, tmp_path):
    source = opened(written(tmp_path, TABLE, row_group_size=rows))

    assert [field.name for field in source.fields] == list(EXPECTED)
    assert [(f.type, f.bits) for f in source.fields] == [type_of(c.type) for c in EXPECTED.values()]
    for _ in range(2):  # a sample must leave no trace, in the first look or in the second
        if sampled:
            source.sample()
        assert_same(read(source), list(EXPECTED.values()))


@given(wanted=st.lists(st.integers(0, len(EXPECTED) - 1), unique=True), sampled=st.booleans())
@settings(max_examples=25)
def test_only_the_columns_that_are_asked_for_in_their_order(wanted, sampled, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if not (folder / "t.parquet").exists():
        written(folder, TABLE, row_group_size=2_000)
    source = opened(folder / "t.parquet")
    if sampled:
        source.sample()

    assert_same(read(source, wanted), [list(EXPECTED.values())[i] for i in wanted])


def test_only_the_bytes_of_these_columns_are_read(tmp_path):
    """The others are destroyed, and nobody notices."""
    path = written(tmp_path, TABLE, compression="none", write_page_checksum=True)
    chunks = [pq.read_metadata(path).row_group(0).column(i) for i in range(2)]
    raw = bytearray(path.read_bytes())
    start = chunks[0].dictionary_page_offset or chunks[0].data_page_offset
    raw[start : start + chunks[0].total_compressed_size] = b"\xee" * chunks[0].total_compressed_size
    path.write_bytes(raw)

    assert_same(read(opened(path), [1]), [EXPECTED["nan"]])
    with pytest.raises(InputError):
        read(opened(path), [0])


@pytest.mark.usefixtures("small")
def test_a_sample_comes_from_all_over_the_file(tmp_path):
    source = opened(
        written(tmp_path, pa.table({"x": np.arange(100_000.0), "s": ["a"] * 100_000}), row_group_size=1_000)
    )
    sample = source.sample()

    assert sample.rows == len(sample.columns[0]) == len(sample.columns[1]) <= 65_536
    values = view(sample.columns[0]).values
    assert values.min() < 5_000
    assert values.max() > 80_000
    assert np.unique(values // 10_000).size > 5


def test_splits_are_runs_of_row_groups_and_batches_are_bounded(tmp_path):
    table = pa.table({"x": np.zeros(400_000), "y": np.zeros(400_000)})
    source = opened(written(tmp_path, table, row_group_size=150_000, use_dictionary=False))
    assert [split.groups for split in source.splits()] == [(0, 1, 2)]
    assert max(batch.rows for split in source.splits() for batch in split.batches()) == parquet.BATCH_ROWS


def test_batches_of_wide_tables_and_long_texts_have_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1 << 20)
    n = 20_000
    word = "x" * 5_000
    cases = {
        "wide": pa.table({f"c{i}": np.zeros(n) for i in range(50)}),
        "long": pa.table({"t": pa.array([word[: i % 5_000] for i in range(n)])}),
        "one long text again and again": pa.table({"t": pa.array([word] * n)}),
        "in lists": pa.table({"t": pa.array([[word] * 2] * n)}),
        "vectors": pa.table({"t": pa.array(np.zeros((n, 100)).tolist(), pa.list_(pa.float32()))}),
    }
    for name, table in cases.items():
        source = opened(written(tmp_path, table, store_schema=False))
        sizes = [sum(c.nbytes for c in batch.columns) for split in source.splits() for batch in split.batches()]
        assert max(sizes) < 3 << 20, name
        assert np.mean(sizes[:-1]) > 1 << 18, name  # and not too few either


def test_a_rare_long_text_does_not_make_a_batch_explode(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1 << 20)
    texts = pa.array(["short"] * 5_000 + ["x" * 100_000] * 5_000)
    source = opened(written(tmp_path, pa.table({"t": texts})))

    assert max(batch.columns[0].nbytes for split in source.splits() for batch in split.batches()) < 10 << 20


@pytest.mark.parametrize(
    "table",
    [
        pa.table(
            {
                "a": pa.array([], pa.float64()),
                "b": pa.array([], pa.string()),
                "s": pa.array([], pa.struct([("x", pa.int8())])),
            }
        ),
        pa.table({"a": pa.nulls(3)}),
    ],
    ids=["no rows", "only nulls"],
)
def test_files_with_little_in_them(table, tmp_path):
    source = opened(written(tmp_path, table))

    assert source.facts.rows == table.num_rows
    assert (source.sample() is None) == (table.num_rows == 0)
    assert [len(column) for column in read(source)] == [table.num_rows] * len(source.fields)


def test_no_columns(tmp_path):
    path = written(tmp_path, pa.table({"a": [1, 2, 3]}).select([]))
    rows = pq.read_metadata(path).num_rows
    source = opened(path)

    assert (source.facts.rows, source.fields, source.sample()) == (rows, (), None)
    assert sum(batch.rows for split in source.splits() for batch in split.batches()) == rows


def test_no_row_groups(tmp_path):
    with pq.ParquetWriter(tmp_path / "t.parquet", pa.schema([("a", pa.int64())])):
        pass
    source = opened(tmp_path / "t.parquet")

    assert source.facts.rows == 0
    assert list(source.splits()) == []
    assert source.sample() is None


def test_row_groups_without_rows(tmp_path):
    schema = pa.schema([("a", pa.int64())])
    with pq.ParquetWriter(tmp_path / "t.parquet", schema) as writer:
        for cells in ([], [1, 2], [], [3], []):
            writer.write_table(pa.table({"a": pa.array(cells, pa.int64())}), row_group_size=2)
    source = opened(tmp_path / "t.parquet")
    source.sample()

    assert_same(read(source), [pa.chunked_array([[1, 2, 3]])])


def test_names_that_stand_twice_are_made_different_and_told(tmp_path):
    struct = pa.array([{"b": 3, "": 4}], pa.struct([("b", pa.int64()), ("", pa.int64())]))
    columns = [pa.array([1]), pa.array([2]), struct, pa.array([5]), pa.array([6])]
    table = pa.Table.from_arrays(columns, ["x", "x", "a", "a.b", ""])
    source = opened(written(tmp_path, table))

    assert [field.name for field in source.fields] == ["x", "x.1", "a.b", "a.", "a.b.1", "unnamed_5"]
    assert [column.to_pylist() for column in read(source)] == [[1], [2], [3], [4], [5], [6]]
    assert [column.to_pylist() for column in read(source, [4, 1])] == [[5], [2]]
    assert "a.b.1" in source.facts.notes[0]
    assert not opened(written(tmp_path, TABLE)).facts.notes


def test_a_null_struct_is_a_null_in_each_of_its_columns(tmp_path):
    rows = [{"a": 1, "b": {"c": 2.5}}, {"a": None, "b": None}, None]
    source = opened(written(tmp_path, pa.table({"x": pa.array(rows)})))

    assert [view(pa.concat_arrays(column.chunks)).null for column in read(source)] == [2, 2]


def test_int96_keeps_years_that_nanoseconds_cannot_hold(tmp_path):
    moments = pa.array([-62_135_596_800, 253_402_300_799], pa.timestamp("s"))
    path = written(tmp_path, pa.table({"t": moments}), use_deprecated_int96_timestamps=True)
    (column,) = read(opened(path))

    assert view(column.chunk(0)).time_extent == ("0001-01-01", "9999-12-31T23:59:59")


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_codecs_and_page_versions(codec, version, tmp_path):
    table = TABLE.select(["float", "text", "list"])
    source = opened(written(tmp_path, table, compression=codec, data_page_version=version, row_group_size=3_000))

    assert_same(read(source), table.columns)


def test_positions(tmp_path):
    assert opened(written(tmp_path, TABLE)).where([0, 16]) == ["row 1", "row 17"]


# --- damage


def read_all(path: Path) -> None:
    source = opened(path)
    source.sample()
    for column in read(source):
        for chunk in column.chunks:
            view(chunk)


def refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all(path)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(str(path))
    assert caught.value.hint
    for word in words:
        assert word in caught.value.message


def test_a_flipped_bit_is_seen_by_the_checksum_of_the_page(tmp_path):
    table = pa.table({"x": R.normal(size=5_000)})
    path = written(tmp_path, table, write_page_checksum=True, compression="none", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    raw[20_000] ^= 1
    path.write_bytes(raw)

    refused(path, "rows 1 to 5,000", "CRC")


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    raw = written(tmp_path, TABLE.slice(0, 500)).read_bytes()
    for end in [0, 1, 3, 4, 8, 11, 12, *range(13, len(raw), len(raw) // 40), len(raw) - 9, len(raw) - 1]:
        (tmp_path / "t.parquet").write_bytes(raw[:end])
        refused(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "is not a Parquet file"),
        (b"PAR1", "footer"),
        (b"PAR1PAR1", "footer"),
        (b"PAR1" + b"\xff" * 64 + b"PAR1", "footer"),
        (b"PAR1" + b"\x00" * 64 + b"\x40\x00\x00\x00PAR1", "footer"),
        (b"PARE" + b"\x15" * 64 + b"\x10\x00\x00\x00PARE", "encrypted"),
    ],
)
def test_what_is_no_parquet(content, words, tmp_path):
    (tmp_path / "t.parquet").write_bytes(content)

    refused(tmp_path / "t.parquet", words)


class Keys:
    """A key service for a test: it writes the keys into the file."""

    def __new__(cls, *_: Any) -> Any:
        import pyarrow.parquet.encryption as encryption

        class Client(encryption.KmsClient):
            def wrap_key(self, key: bytes, master: str) -> bytes:
                return key

            def unwrap_key(self, wrapped: bytes, master: str) -> bytes:
                return wrapped

        return Client()


@pytest.mark.parametrize("plain", [True, False], ids=["plain footer", "encrypted footer"])
def test_encrypted_files_are_refused_by_that_word(plain, tmp_path):
    encryption = pytest.importorskip("pyarrow.parquet.encryption")
    factory = encryption.CryptoFactory(Keys)
    settings = encryption.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["x"]}, plaintext_footer=plain, double_wrapping=False
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    written(tmp_path, pa.table({"x": [1.0], "y": [2]}), encryption_properties=properties)

    refused(tmp_path / "t.parquet", "encrypted")


def test_codes_that_no_dictionary_has_are_refused(tmp_path):
    """Arrow does not look, and would read beyond the end of the dictionary."""
    table = pa.table({"s": pa.array([f"t{i % 40}" for i in range(2_000)]).dictionary_encode()})
    raw = written(tmp_path, table, compression="none").read_bytes()
    chunk = pq.read_metadata(tmp_path / "t.parquet").row_group(0).column(0)
    seen = set()
    for place in range(chunk.data_page_offset + 30, chunk.data_page_offset + 300, 7):
        damaged = bytearray(raw)
        damaged[place] ^= 0x3F
        (tmp_path / "t.parquet").write_bytes(damaged)
        try:
            read_all(tmp_path / "t.parquet")
            seen.add("read")
        except InputError:
            seen.add("refused")
    assert "refused" in seen


@given(data=st.data())
def test_damage_never_ends_in_anything_but_a_refusal(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if not (folder / "fuzz.parquet").exists():
        pq.write_table(TABLE.slice(0, 300), folder / "fuzz.parquet", row_group_size=100)
    raw = bytearray((folder / "fuzz.parquet").read_bytes())
    first = len(raw) - 4_000 if data.draw(st.booleans()) else 0
    for place in data.draw(st.lists(st.integers(first, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    (folder / "t2.parquet").write_bytes(raw)
    try:
        read_all(folder / "t2.parquet")
    except NancleanError as error:
        told = error.message
    else:
        told = ""
    assert "\n" not in told


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = written(tmp_path, TABLE, row_group_size=1_000)
    os.utime(path, (0, 0))
    source = opened(path)
    with path.open("ab") as handle:
        handle.write(b"x")

    with pytest.raises(InputError, match="changed"):
        read(source)


def test_a_file_that_is_replaced_is_read_to_its_old_end(tmp_path):
    source = opened(written(tmp_path, TABLE))
    pq.write_table(TABLE.slice(0, 10), tmp_path / "new.parquet")
    os.replace(tmp_path / "new.parquet", tmp_path / "t.parquet")

    assert_same(read(source), list(EXPECTED.values()))


def test_names_of_files_that_are_no_text(tmp_path):
    name = os.fsdecode(bytes(tmp_path) + b"/\xff\xfe\n\x1b[31m.parquet")
    try:
        Path(name).write_bytes(written(tmp_path, TABLE).read_bytes())
    except OSError:
        pytest.skip("this file system wants UTF-8")

    assert opened(name).facts.rows == N


def test_one_large_row_group_does_not_need_its_size_in_memory(tmp_path):
    path = written(tmp_path, pa.table({f"x{i}": R.random(1_500_000) for i in range(10)}), row_group_size=1_500_000)
    code = """
import resource, sys
from nanclean.opening import opened
from nanclean.format import ReadOptions
source = opened(sys.argv[1], ReadOptions())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source.sample()
rows = sum(batch.rows for split in source.splits() for batch in split.batches())
assert rows == 1_500_000
assert "pandas" not in sys.modules
assert sys.argv[1] not in open("/proc/self/maps").read() if sys.platform == "linux" else True
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, timeout=60)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 90 << 20  # the row group has 120 MB


def test_ten_thousand_columns_by_groups(tmp_path):
    names = [f"emb_{i:05}" for i in range(10_000)]
    path = written(tmp_path, pa.table({name: pa.array([float(i), 1.0], pa.float32()) for i, name in enumerate(names)}))
    source = opened(path)
    assert source.sample().rows == 2
    for at in range(0, 10_000, 2_500):
        found = read(source, range(at, at + 2_500))
        assert [column[0].as_py() for column in found] == list(range(at, at + 2_500))


def test_the_data_pack(data):
    paths = [data / "flights_q1.parquet", *sorted((data / "parquet").glob("*.parquet"))]
    for path in paths:
        expected = flattened(pq.read_table(path))
        source = opened(path)
        assert [field.name for field in source.fields] == list(expected)
        assert source.sample().rows > 0
        found = read(source)
        for mine, theirs in zip(found, expected.values(), strict=True):
            assert mine.null_count == theirs.null_count
            if not pa.types.is_timestamp(mine.type):
                assert mine.combine_chunks().to_pylist().__repr__() == theirs.combine_chunks().to_pylist().__repr__()

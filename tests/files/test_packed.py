"""Compressed files: read to their end or not at all, and written so that others read the same."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.errors import InputError, UsageError
from nanclean.file import COMPRESSIONS, shown, uncompressed
from nanclean.files.local import Local
from nanclean.files.packed import Packed, compression_of
from nanclean.opening import opened
from tests.files.test_s3 import RULE, text, told


def _zstd(content: bytes) -> bytes:
    """By the program where it is installed, with the checksum that it adds."""
    if shutil.which("zstd") is None:
        pytest.skip("there is no zstd program")
    return subprocess.run(["zstd", "-q", "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout


CODECS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": _zstd,
}  # fmt: skip
TABLE = text(3_000)
every = pytest.mark.parametrize("suffix", CODECS)


def unpacked(suffix: str, content: bytes, folder: Path) -> bytes:
    (folder / "t").write_bytes(content)
    file = Packed(Local(str(folder / "t")), COMPRESSIONS[suffix], 1 << 16)
    try:
        return file.read(file.size, 0)
    finally:
        file.close()


def cells(path: Path) -> list[list[Any]]:
    source = opened(path)
    batches = [batch for split in source.splits() for batch in split.batches()]
    source.close()
    return [[cell for batch in batches for cell in batch.columns[i].to_pylist()] for i in range(3)]


@every
@pytest.mark.parametrize("members", [1, 2, 7])
def test_members_are_read_to_the_last(suffix: str, members: int, tmp_path: Path) -> None:
    cuts = [len(TABLE) * i // members for i in range(members + 1)]
    packed = b"".join(CODECS[suffix](TABLE[a:b]) for a, b in pairwise(cuts))
    (tmp_path / "t.csv").write_bytes(TABLE)
    (tmp_path / f"t.csv{suffix}").write_bytes(packed)

    assert compression_of(packed[:16]) == COMPRESSIONS[suffix]
    assert unpacked(suffix, packed, tmp_path) == TABLE
    assert cells(tmp_path / f"t.csv{suffix}") == cells(tmp_path / "t.csv")
    report = nanclean.scan(tmp_path / f"t.csv{suffix}", no_config=True)
    assert report.source.path == str(tmp_path / f"t.csv{suffix}")
    assert report.source.bytes == len(packed)
    assert report.source.format == "csv"
    assert report.source.files[0]["compression"] == COMPRESSIONS[suffix]
    plain = told(nanclean.scan(tmp_path / "t.csv", no_config=True))
    plain["source"]["bytes"], plain["source"]["files"][0]["compression"] = len(packed), COMPRESSIONS[suffix]
    assert told(report) == plain


@every
def test_empty_members_are_nothing(suffix: str, tmp_path: Path) -> None:
    pack = CODECS[suffix]
    assert unpacked(suffix, pack(b"") + pack(TABLE) + pack(b"") + pack(b""), tmp_path) == TABLE
    (tmp_path / f"t.csv{suffix}").write_bytes(pack(b""))
    with pytest.raises(InputError, match="is empty"):
        opened(tmp_path / f"t.csv{suffix}")


@every
def test_a_file_cut_off_anywhere_is_an_error(suffix: str, tmp_path: Path) -> None:
    pack = CODECS[suffix]
    content = text(20)
    for whole, least in ((pack(content), 1), (pack(content) + pack(content), len(pack(content)) + 1)):
        for stop in range(least, len(whole)):
            with pytest.raises(InputError, match="cannot be unpacked") as caught:
                unpacked(suffix, whole[:stop], tmp_path)
            assert caught.value.message.startswith(str(tmp_path / "t"))
            assert "\n" not in caught.value.message


@every
def test_a_flipped_bit_is_an_error_or_nothing(suffix: str, tmp_path: Path) -> None:
    """Some bits say nothing about the content, a time for example; no other content passes for the file."""
    content = text(12)
    whole = CODECS[suffix](content)
    errors = 0
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert unpacked(suffix, bytes(flipped), tmp_path) == content
        except InputError:
            errors += 1
    assert errors > 6 * len(whole)


@every
@pytest.mark.parametrize("garbage", [b"x", b"xyz", b"garbage " * 20, b"\0" * 7, b"a,b\n1,2\n"])
def test_something_behind_the_end_is_an_error(suffix: str, garbage: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpacked(suffix, CODECS[suffix](TABLE) + garbage, tmp_path)


def test_xz_may_be_padded_in_fours(tmp_path: Path) -> None:
    packed = lzma.compress(TABLE)
    assert unpacked(".xz", packed + b"\0" * 8 + packed + b"\0" * (3 << 20), tmp_path) == TABLE + TABLE
    with pytest.raises(InputError):
        unpacked(".xz", packed + b"\0" * 6 + packed, tmp_path)


def test_zstd_may_begin_with_a_frame_to_be_skipped(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd"
    assert unpacked(".zst", skipped + _zstd(TABLE) + skipped, tmp_path) == TABLE


@every
@given(content=st.binary(max_size=3_000), parts=st.integers(1, 4), room=st.integers(0, 4_000))
@settings(max_examples=25, deadline=None)
def test_any_content_comes_back(
    suffix: str, content: bytes, parts: int, room: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "t"
    path.write_bytes(CODECS[suffix](content) * parts)
    file = Packed(Local(str(path)), COMPRESSIONS[suffix], room)
    assert file.read(file.size, 0) == content * parts
    file.close()


@every
def test_the_name_does_not_matter_and_a_wrong_one_is_told(suffix: str, tmp_path: Path) -> None:
    packed = CODECS[suffix](TABLE)
    (tmp_path / "t.csv").write_bytes(packed)  # by its content
    assert opened(tmp_path / "t.csv").details()["compression"] == COMPRESSIONS[suffix]
    other = next(s for s in CODECS if s != suffix)
    (tmp_path / f"t.csv{other}").write_bytes(packed)
    assert opened(tmp_path / f"t.csv{other}").details()["compression"] == COMPRESSIONS[suffix]
    (tmp_path / f"u.csv{suffix}").write_bytes(TABLE)
    with pytest.raises(InputError, match="is not compressed") as caught:
        opened(tmp_path / f"u.csv{suffix}")
    assert suffix in str(caught.value.hint)
    (tmp_path / f"v.csv{suffix}").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        opened(tmp_path / f"v.csv{suffix}")


def test_what_is_packed_twice_or_is_an_archive(tmp_path: Path) -> None:
    import tarfile

    (tmp_path / "t.csv").write_bytes(TABLE)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(bz2.compress(TABLE)))
    with pytest.raises(InputError, match="compressed twice"):
        opened(tmp_path / "t.csv.gz")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "t.csv", "a table with a long name.csv")
    with pytest.raises(UsageError, match="tar archive"):
        opened(tmp_path / "t.tar.gz")


def test_tabs_and_formats_are_those_of_the_name_below(tmp_path: Path) -> None:
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"a,b\tc\n1,2\t3\n"))
    assert [field.name for field in opened(tmp_path / "t.tsv.gz").fields] == ["a,b", "c"]
    pq.write_table(pa.table({"x": [1.5, 2.5]}), tmp_path / "t.parquet")
    np.save(tmp_path / "X.npy", np.array([1.0, np.inf]))
    for name in ("t.parquet", "X.npy"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        source = opened(tmp_path / f"{name}.gz")
        assert f".{source.format}" == os.path.splitext(name)[1]
        assert source.details() == {"compression": "gzip"}
        assert source.where([1], 0) == opened(tmp_path / name).where([1], 0)
        source.close()


@every
def test_lines_are_those_of_the_text(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"t.csv{suffix}").write_bytes(CODECS[suffix](b'a,b\n"x\ny",1\nz,inf\n'))
    report = nanclean.scan(tmp_path / f"t.csv{suffix}", no_config=True)
    (finding,) = (each for each in report.findings if each.rule == "infinite")
    assert finding.lines == [4]


@every
def test_a_file_that_changes_is_noticed(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(CODECS[suffix](TABLE))
    os.utime(path, (0, 0))
    source = opened(path)
    sent = pickle.dumps(source)
    assert pickle.loads(sent).fields == source.fields
    path.write_bytes(CODECS[suffix](TABLE + b"1,2,3\n"))
    with pytest.raises(InputError, match="changed while it was read"):
        source.check()
    with pytest.raises(InputError, match="changed while it was read"):
        pickle.loads(sent)


# --- written


READERS: dict[str, Callable[[Path], bytes]] = {
    ".gz": lambda path: gzip.decompress(path.read_bytes()),
    ".bz2": lambda path: bz2.decompress(path.read_bytes()),
    ".xz": lambda path: lzma.decompress(path.read_bytes()),
    ".zst": lambda path: subprocess.run(["zstd", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout,
}


@every
def test_others_read_what_is_written(suffix: str, tmp_path: Path) -> None:
    if suffix == ".zst" and shutil.which("zstd") is None:
        pytest.skip("there is no zstd program")
    (tmp_path / "t.csv").write_bytes(TABLE)
    out = tmp_path / f"c.csv{suffix}"
    for path in (tmp_path / "c.csv", out):
        report = nanclean.fix(tmp_path / "t.csv", path, rules=["x: infinite -> drop"], no_config=True)
        assert report.output.verified
    plain = (tmp_path / "c.csv").read_bytes()

    assert READERS[suffix](out) == plain
    assert pl.read_csv(READERS[suffix](out)).equals(pl.read_csv(plain))
    if suffix != ".zst":  # pandas wants a package for it
        pd.testing.assert_frame_equal(pd.read_csv(out), pd.read_csv(io.BytesIO(plain)))
    rejected = READERS[suffix](tmp_path / f"c.rejected.csv{suffix}")
    assert rejected == (tmp_path / "c.rejected.csv").read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["t.csv", "c.csv", "c.rejected.csv", f"c.csv{suffix}", f"c.rejected.csv{suffix}"]
    )


@every
def test_equal_is_equal(suffix: str, tmp_path: Path) -> None:
    """No time and no name."""
    (tmp_path / "t.csv").write_bytes(TABLE)
    found = []
    for folder, jobs in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / f"{folder}.csv{suffix}"
        nanclean.fix(tmp_path / "t.csv", out, rules=[RULE], no_config=True, jobs=jobs)
        found.append(out.read_bytes())
    assert found[0] == found[1]
    if suffix == ".gz":
        assert found[0][3:8] == b"\0" * 5  # flags, and the time


@every
def test_what_has_not_changed_is_copied_byte_for_byte(suffix: str, tmp_path: Path) -> None:
    packed = CODECS[suffix](TABLE[:5_000]) + CODECS[suffix](TABLE[5_000:])
    (tmp_path / f"t.csv{suffix}").write_bytes(packed)
    rule = "n: infinite -> blank"
    report = nanclean.fix(tmp_path / f"t.csv{suffix}", tmp_path / f"c.csv{suffix}", rules=[rule], no_config=True)
    assert report.output.copied
    assert (tmp_path / f"c.csv{suffix}").read_bytes() == packed
    report = nanclean.fix(tmp_path / f"t.csv{suffix}", tmp_path / "c.csv", rules=[rule], no_config=True)
    assert not report.output.copied
    assert (tmp_path / "c.csv").read_bytes() == TABLE


def test_other_formats_are_not_compressed_once_more(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    for name in ("c.parquet.gz", "c.npy.zst"):
        with pytest.raises(UsageError, match="only text tables") as caught:
            nanclean.fix(tmp_path / "t.csv", tmp_path / name, rules=[RULE], no_config=True)
        assert str(caught.value.hint) == f"-o {tmp_path / os.path.splitext(name)[0]}"


def test_a_draft_that_is_damaged_is_never_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    from nanclean.draft import Draft
    from nanclean.formats._outputfile import PackedFile

    finish = PackedFile.finish

    def cut(self: Any) -> None:
        finish(self)
        os.truncate(self.path, os.path.getsize(self.path) - 5)

    monkeypatch.setattr(PackedFile, "finish", cut)
    published: list[Any] = []
    monkeypatch.setattr(Draft, "publish", published.append)
    with pytest.raises(nanclean.VerificationError, match="cannot be read back") as caught:
        nanclean.fix(tmp_path / "t.csv", tmp_path / "c.csv.gz", rules=[RULE], no_config=True)
    assert ".draft" not in caught.value.message
    assert not published
    assert os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("t.csv?x", "t.csv?x"),
        ("s3://key:SESAME@bucket/a b/t.csv?region=x", "s3://bucket/a b/t.csv"),
        ("https://user:SESAME@host/t.csv?X-Amz-Signature=SESAME", "https://host/t.csv"),
        ("https://SESAME@host/t.csv", "https://host/t.csv"),
        ("abfs://container@account.dfs.core.windows.net/t.csv", "abfs://container@account.dfs.core.windows.net/t.csv"),
        ("abfs://container:SESAME@account/t.csv", "abfs://container@account/t.csv"),
        ("hf://datasets/a/b@main/t.csv", "hf://datasets/a/b@main/t.csv"),
    ],
)
def test_what_is_shown_of_a_path(path: str, safe: str) -> None:
    assert shown(path) == safe


def test_the_name_below() -> None:
    assert [uncompressed(name) for name in ("a.csv.gz", "a.CSV.ZST", "a.csv", "gz", ".gz/x")] == [
        "a.csv", "a.CSV", "a.csv", "gz", ".gz/x",
    ]  # fmt: skip

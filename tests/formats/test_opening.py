"""Which format reads what, and what is said of things that none reads."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nanclean.errors import InputError, NancleanError, UsageError
from nanclean.format import ReadOptions
from nanclean.opening import opened

TABLE = pa.table({"x": [1.5, 2.5], "y": ["a", "b"]})


@pytest.fixture
def files(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet")
    np.save(tmp_path / "t.npy", np.zeros((2, 2)))
    (tmp_path / "t.csv").write_text("x,y\n1.5,a\n2.5,b\n")
    return tmp_path


@pytest.mark.parametrize("name", ["t.parquet", "t.npy", "t.csv"])
def test_paths_of_any_kind(name, files):
    for path in (files / name, str(files / name)):
        source = opened(path)
        assert (source.format, len(source.fields)) == (name.partition(".")[2], 2)
        assert source.path == str(path)
        assert source.size == os.path.getsize(path)
        source.close()


@pytest.mark.parametrize(
    ("name", "like", "format"),
    [
        ("t.PQ", "t.parquet", "parquet"),
        ("t.Parquet", "t.parquet", "parquet"),
        ("t.NPY", "t.npy", "npy"),
        ("t.TSV", "t.csv", "csv"),
        ("part-0000", "t.parquet", "parquet"),
        ("data.bin", "t.npy", "npy"),
        ("data.dat", "t.csv", "csv"),
        ("data", "t.csv", "csv"),
        ("wrong.csv", "t.parquet", "parquet"),
        ("wrong.parquet", "t.npy", "npy"),
    ],
)
def test_suffix_and_content(name, like, format, files):
    shutil.copy(files / like, files / name)

    assert opened(files / name).format == format


@pytest.mark.parametrize(
    "text",
    ["PAR1,PAR2\n1,2\n", "PARENT_ID,x\n1,2\n", "PKG,x\n1,2\n", "BZhang,x\n1,2\n", "ARROW1,x\n1,2\n", "%PDF,x\n1,2\n"],
)
@pytest.mark.parametrize("name", ["t.csv", "t.dat"])
def test_tables_of_text_may_begin_with_any_word(text, name, tmp_path):
    (tmp_path / name).write_text(text)

    assert [field.name for field in opened(tmp_path / name).fields] == text.partition("\n")[0].split(",")


def test_text_in_utf16(tmp_path):
    for name in ("t.csv", "t.dat"):
        (tmp_path / name).write_text("x,y\n1,2\n", encoding="utf-16")
        assert [field.name for field in opened(tmp_path / name).fields] == ["x", "y"]


def test_things_in_memory():
    for thing in (TABLE, pd.DataFrame({"x": [1.5], "y": ["a"]}), {"x": [1.5], "y": ["a"]}, np.zeros((3, 2))):
        assert len(opened(thing).fields) == 2
    assert len(opened(np.zeros((3, 2)), ReadOptions(axis=0)).fields) == 3


FOREIGN = {
    "t.xlsx": (b"PK\x03\x04" + b"\0" * 30, UsageError, "spreadsheet", "save as CSV"),
    "t.xls": (b"\xd0\xcf\x11\xe0" + b"\0" * 30, UsageError, "spreadsheet", "read_excel('"),
    "t.ods": (b"", UsageError, "spreadsheet", "save as CSV"),
    "t.zip": (b"PK\x03\x04" + b"\0" * 30, UsageError, "ZIP", "unpack"),
    "t.pkl": (pickle.dumps([1.5] * 9), UsageError, "pickle", ".parquet"),
    "t.h5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 30, UsageError, "HDF5", "read_hdf('"),
    "t.db": (b"SQLite format 3\0" + b"\0" * 30, UsageError, "SQLite", "export"),
    "t.pdf": (b"%PDF-1.7\n%\xe2\xe3", UsageError, "PDF", ".csv"),
    "t.png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 30, UsageError, "no kind", ".csv"),
    "t.foo": (bytes(range(256)), UsageError, "no kind", ".csv"),
    "u.foo.gz": (gzip.compress(b"\x89PNG\r\n\x1a\n" + b"\0" * 30), UsageError, "no kind", ".csv"),
    "u.csv.gz": (b"a,b\n1,2\n", InputError, "not compressed", "drop"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_others(name, tmp_path):
    content, kind, words, hint = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=words) as caught:
        opened(tmp_path / name)

    assert name in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_is_not_there(files):
    with pytest.raises(InputError, match="no such file") as caught:
        opened(files / "t.parqet")
    assert caught.value.hint == f"did you mean {files / 't.parquet'}?"
    with pytest.raises(InputError) as caught:
        opened(files / "none" / "at all.csv")
    assert caught.value.hint
    with pytest.raises(UsageError):
        opened("a\0b")


def test_folders_links_and_devices(files):
    with pytest.raises(UsageError, match="folder") as caught:
        opened(files)
    assert str(files / "t.csv") in caught.value.hint
    os.symlink(files / "loop.csv", files / "loop.csv")
    os.symlink(files / "nowhere", files / "dangling.csv")
    for path in ("/dev/zero", files / "loop.csv", files / "dangling.csv"):
        with pytest.raises(InputError):
            opened(path)


def test_a_file_that_may_not_be_read(files):
    (files / "t.csv").chmod(0)
    if os.access(files / "t.csv", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputError, match="permission"):
        opened(files / "t.csv")


@pytest.mark.parametrize(
    ("name", "options", "flag"),
    [
        ("t.parquet", {"delimiter": ";"}, "--delimiter"),
        ("t.parquet", {"encoding": "utf-8"}, "--encoding"),
        ("t.parquet", {"axis": 0}, "--axis"),
        ("t.npy", {"header": False}, "--no-header"),
        ("t.npy", {"decimal": ","}, "--decimal"),
        ("t.csv", {"axis": 1}, "--axis"),
    ],
)
def test_options_that_mean_nothing(name, options, flag, files):
    with pytest.raises(UsageError) as caught:
        opened(files / name, ReadOptions(**options))

    assert flag in caught.value.message
    assert flag in caught.value.hint


def test_options_that_mean_something(files):
    opened(files / "t.csv", ReadOptions(delimiter=",", encoding="utf-8", header=False, decimal=",", columns=("x",)))
    opened(files / "t.npy", ReadOptions(axis=0, columns=("c0",)))
    opened(files / "t.parquet", ReadOptions(columns=("x",)))


def test_what_is_no_source():
    with pytest.raises(UsageError, match="int: cannot be read"):
        opened(7)


def test_errors_survive_the_way_from_a_worker(tmp_path):
    (tmp_path / "t.npy").write_bytes(b"")
    with pytest.raises(NancleanError) as caught:
        opened(tmp_path / "t.npy")
    again = pickle.loads(pickle.dumps(caught.value))

    assert (type(again), again.message, again.hint) == (InputError, caught.value.message, caught.value.hint)


def test_only_the_format_that_is_needed_is_loaded(files):
    code = """
import sys
from nanclean.opening import opened
opened(sys.argv[1])
print(*sorted(name for name in sys.modules if name.startswith("nanclean.formats.") and "._" not in name))
assert "pandas" not in sys.modules
"""
    (files / "Passengers.csv").write_text("PassengerId,x\n1,2\n")
    for name, loaded in (("t.parquet", "parquet"), ("t.npy", "npy"), ("t.csv", "csv"), ("Passengers.csv", "csv")):
        done = subprocess.run(
            [sys.executable, "-c", code, str(files / name)], check=True, capture_output=True, timeout=60
        )
        assert done.stdout.decode().split() == [f"nanclean.formats.{loaded}"]


def test_every_file_of_the_data_pack_finds_its_format(data):
    formats = {"npy": "npy", "parquet": "parquet", "csv": "csv"}
    for path in [p for p in sorted(data.rglob("*")) if p.suffix[1:] in formats]:
        source = opened(path)
        assert source.format == formats[path.suffix[1:]]
        assert source.fields
        source.close()

"""Objects in a store: read by ranges, written as a whole or not at all."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.errors import InputError, UsageError
from nanclean.files import remote
from nanclean.opening import opened

ROWS = 20_000
RULE = "x: infinite -> blank"


def text(rows: int = ROWS) -> bytes:
    cells = np.random.default_rng(1).normal(size=rows).round(6)
    lines = [f"{i},{'inf' if i % 500 == 7 else cell},word{i % 9}" for i, cell in enumerate(cells)]
    return ("n,x,s\n" + "\n".join(lines) + "\n").encode()


def parquet(rows: int = ROWS, columns: int = 20) -> bytes:
    draw = np.random.default_rng(2)
    table = pa.table({f"c{i}": draw.normal(size=rows) for i in range(columns)})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rows // 4, use_dictionary=False)
    return sink.getvalue()


def npy(rows: int = ROWS) -> bytes:
    values = np.random.default_rng(3).normal(size=(rows, 4))
    values[7, 1] = np.inf
    sink = io.BytesIO()
    np.save(sink, values)
    return sink.getvalue()


FILES = {"t.csv": text(), "t.parquet": parquet(), "t.npy": npy()}


def told(report: Any) -> dict[str, Any]:
    """What does not depend on where the file is."""
    found: dict[str, Any] = json.loads(report.to_json())
    del found["run"]
    for file in (found["source"], *found["source"]["files"]):
        del file["path"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_scan_is_that_of_the_file(s3: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    url = s3.put(f"in a folder/{name}", FILES[name])

    report = nanclean.scan(url, no_config=True)

    assert told(report) == told(nanclean.scan(tmp_path / name, no_config=True))
    assert (report.source.path, report.source.bytes) == (url, len(FILES[name]))


@pytest.mark.parametrize("memory", [1 << 20, 1 << 30])
@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst"])
def test_what_is_compressed_is_unpacked_here(s3: Any, tmp_path: Path, name: str, memory: int) -> None:
    import gzip

    content = gzip.compress(text()) if name.endswith("gz") else pa.compress(text(), "zstd", asbytes=True)
    url = s3.put(name, content)
    (tmp_path / "t.csv").write_bytes(text())

    report = nanclean.scan(url, no_config=True, memory=memory)

    assert report.columns["x"] == nanclean.scan(tmp_path / "t.csv", no_config=True).columns["x"]
    assert report.source.bytes == len(content)
    assert report.source.files[0]["compression"] in ("gzip", "zstd")


def test_of_parquet_only_what_is_needed_is_fetched(s3: Any) -> None:
    content = parquet(200_000, 40)
    url = s3.put("wide.parquet", content)
    s3.log.write_text("")
    source = opened(url)
    rows = sum(batch.rows for split in source.splits() for batch in split.batches([3]))
    source.close()

    assert rows == 200_000
    assert 200_000 * 8 <= s3.sent() < len(content) // 10


def test_decoded_columns_are_kept(s3: Any) -> None:
    """A second look at a file that is far away is not cheap."""
    content = parquet()
    url = s3.put("t.parquet", content)
    source = opened(url)
    assert not source.quick
    source.close()
    s3.log.write_text("")
    nanclean.scan(url, no_config=True, memory=1 << 30)
    assert s3.sent() < 2 * len(content)


def test_a_text_is_not_fetched_in_small_pieces(s3: Any) -> None:
    content = text(600_000)
    url = s3.put("t.csv", content)
    s3.log.write_text("")
    nanclean.scan(url, no_config=True, memory=1 << 30)
    requests = s3.log.read_text().count("GET")

    assert s3.sent() < 4 * len(content)
    assert requests < 20 + len(content) // (1 << 20)


@pytest.mark.parametrize("name", FILES)
def test_a_fix_from_and_to_a_store(s3: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    url = s3.put(f"in/{name}", FILES[name])
    rule = RULE if name == "t.csv" else "@numeric: infinite -> blank"

    nanclean.fix(tmp_path / name, tmp_path / f"out-{name}", rules=[rule], no_config=True)
    report = nanclean.fix(
        url, f"s3://data/out/{name}", rules=[rule], no_config=True, recipe=tmp_path / "r.json", preset=None
    )

    assert report.exit_code == 0
    assert report.output.verified
    assert report.output.path == f"s3://data/out/{name}"
    assert s3.get(f"out/{name}") == (tmp_path / f"out-{name}").read_bytes()
    assert not s3.unfinished()

    nanclean.apply(tmp_path / "r.json", url, f"s3://data/again/{name}")
    assert s3.get(f"again/{name}") == s3.get(f"out/{name}")


def test_a_large_object_is_put_in_parts_and_appears_once(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "t.npy").write_bytes(npy(800_000))  # 25 MB

    nanclean.fix(tmp_path / "t.npy", "s3://data/t.npy", rules=["@numeric: infinite -> blank"], no_config=True)

    assert "uploads" not in "".join(s3.keys())
    found = np.load(io.BytesIO(s3.get("t.npy")))
    before = np.load(tmp_path / "t.npy")
    assert np.array_equal(found, np.where(np.isinf(before), np.nan, before), equal_nan=True)
    assert not s3.unfinished()


def test_rejected_rows_go_beside_it(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    nanclean.fix(tmp_path / "t.csv", "s3://data/c.csv.gz", rules=["x: infinite -> drop"], no_config=True)
    assert s3.keys() == ["c.csv.gz", "c.rejected.csv.gz"]


def test_what_is_there_is_replaced_by_force_only(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    url = s3.put("c.csv", b"precious")
    with pytest.raises(UsageError, match="is there already") as caught:
        nanclean.fix(tmp_path / "t.csv", url, rules=[RULE], no_config=True)
    assert "--force" in str(caught.value.hint)
    assert s3.get("c.csv") == b"precious"
    nanclean.fix(tmp_path / "t.csv", url, rules=[RULE], no_config=True, force=True)
    assert s3.get("c.csv").startswith(b"n,x,s\n")
    with pytest.raises(UsageError, match="never written over"):
        nanclean.fix(url, url, rules=[RULE], no_config=True, force=True)


def test_what_fails_leaves_nothing(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    report = nanclean.fix(tmp_path / "t.csv", "s3://data/c.csv", rules=["x: infinite <= 0", RULE], no_config=True)
    assert report.exit_code
    assert s3.keys() == []
    assert not s3.unfinished()


def test_an_upload_that_is_lost_leaves_nothing(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_bytes(text())

    def half(self: Any, path: str) -> None:
        s3.put("c.csv", Path(path).read_bytes()[:100])
        raise InputError("the connection was lost")

    monkeypatch.setattr(remote.ArrowStore, "put", half)
    with pytest.raises(nanclean.OutputError, match="lost"):
        nanclean.fix(tmp_path / "t.csv", "s3://data/c.csv", rules=[RULE], no_config=True)
    assert s3.keys() == []


def test_an_upload_that_arrives_as_something_else_is_an_error(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    put = remote.ArrowStore.put

    def flipped(self: Any, path: str) -> None:
        content = bytearray(Path(path).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "flipped").write_bytes(content)
        put(self, str(tmp_path / "flipped"))

    monkeypatch.setattr(remote.ArrowStore, "put", flipped)
    with pytest.raises(nanclean.OutputError, match="not what was sent"):
        nanclean.fix(tmp_path / "t.csv", "s3://data/c.csv", rules=[RULE], no_config=True)
    assert s3.keys() == []


@pytest.mark.parametrize("name", FILES)
def test_an_object_that_changes_while_it_is_read(s3: Any, name: str) -> None:
    url = s3.put(name, FILES[name])
    source = opened(url)
    splits = list(source.splits())
    changed = bytearray(FILES[name])
    changed[len(changed) // 2] ^= 1
    s3.put(name, bytes(changed))
    with pytest.raises(InputError, match="changed while it was read"):
        sum(batch.rows for split in splits for batch in split.batches())
    with pytest.raises(InputError, match="changed while it was read"):
        source.check()
    source.close()
    s3.put(name, FILES[name])
    sent = pickle.dumps(opened(url))
    s3.put(name, FILES[name] + b"\n")
    with pytest.raises(InputError, match="changed while it was read"):
        pickle.loads(sent)


@pytest.mark.parametrize("name", FILES)
def test_sources_and_splits_are_opened_again_elsewhere(s3: Any, name: str) -> None:
    source = opened(s3.put(name, FILES[name]))
    for split in source.splits():
        again = pickle.loads(pickle.dumps(split))
        for mine, theirs in zip(split.batches(), again.batches(), strict=True):
            for one, other in zip(mine.columns, theirs.columns, strict=True):
                assert one.equals(other) if isinstance(one, pa.Array) else np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["scan", "fix"])
def test_a_connection_that_is_lost(s3: Any, tmp_path: Path, name: str, command: str) -> None:
    url = s3.put(name, {"t.csv": text(200_000), "t.parquet": parquet(), "t.npy": npy(200_000)}[name])
    s3.cut.write_text("20000" if name == "t.parquet" else "1000000")
    words = [command, url, "--no-config"]
    if command == "fix":
        words += ["-o", f"s3://data/out-{name}", "--rule", "@numeric: infinite -> blank"]
    done = subprocess.run(
        [sys.executable, "-m", "nanclean", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    s3.cut.unlink()

    assert done.returncode == 3, done.stdout + done.stderr
    assert url in done.stderr
    assert "hint: " in done.stderr
    assert "nothing was published" in done.stderr
    assert s3.keys() == [name]
    assert os.listdir(tmp_path) == []


def test_what_is_not_there(s3: Any) -> None:
    with pytest.raises(InputError, match="no such object"):
        nanclean.scan("s3://data/none.csv", no_config=True)
    with pytest.raises(InputError, match=r"s3://nobucket/none\.csv: "):
        nanclean.scan("s3://nobucket/none.csv", no_config=True)
    s3.put("folder/t.csv", b"a\n1\n")
    with pytest.raises(UsageError, match="is a folder"):
        nanclean.scan("s3://data/folder", no_config=True)


def test_credentials_are_never_told(s3: Any, tmp_path: Path) -> None:
    s3.put("t.csv", text())
    query = f"?region=us-east-1&endpoint_override={s3.endpoint.partition('://')[2]}&scheme=http"
    url = f"s3://nobody:SESAME@data/t.csv{query}"
    report = nanclean.fix(url, f"s3://nobody:SESAME@data/c.csv{query}", rules=["x: infinite -> drop"], no_config=True)
    assert report.source.path == "s3://data/t.csv"
    assert "SESAME" not in report.to_json()
    assert s3.keys() == ["c.csv", "c.rejected.csv", "t.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "nanclean", "scan", url.replace("t.csv", "none.csv"), url, "--json", "-"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "SESAME" not in done.stdout + done.stderr
    assert "s3://data/none.csv" in done.stderr


def test_the_entries_of_a_folder(s3: Any) -> None:
    for key in ("d/b.csv", "d/a b.csv", "d/y=1/c.csv", "e.csv"):
        s3.put(key, b"a\n1\n")
    assert remote.entries("s3://data/d/") == ["s3://data/d/a b.csv", "s3://data/d/b.csv", "s3://data/d/y=1/c.csv"]
    assert remote.entries("s3://data/d") == remote.entries("s3://data/d/")
    assert [opened(url).fields[0].name for url in remote.entries("s3://data/d")] == ["a"] * 3

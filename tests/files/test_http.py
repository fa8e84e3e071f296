"""Files behind a web server, with ranges and without, and servers that go away."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nanclean
from nanclean.errors import InputError, UsageError
from nanclean.files.remote import Fetched, Remote
from nanclean.opening import opened
from tests.files.http_servers import Site, resetting, site
from tests.files.test_s3 import FILES, RULE, npy, parquet, text, told

pytest.importorskip("fsspec", reason="there is no fsspec for http://")
pytest.importorskip("aiohttp", reason="there is no aiohttp for http://")


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_a_scan_is_that_of_the_file(web: Site, tmp_path: Path, name: str, ranges: bool) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    web.ranges = ranges
    url = web.put(name, FILES[name])

    report = nanclean.scan(url, no_config=True, memory=1 << 20)

    assert told(report) == told(nanclean.scan(tmp_path / name, no_config=True))
    assert (report.source.path, report.source.bytes) == (url, len(FILES[name]))
    source = opened(url)
    assert source.file is not None
    assert isinstance(source.file, Remote if ranges else Fetched)
    again = pickle.loads(pickle.dumps(source))
    assert again.fields == source.fields
    source.close()


def test_of_parquet_only_what_is_needed_is_fetched(web: Site) -> None:
    content = parquet(200_000, 40)
    source = opened(web.put("wide.parquet", content))
    web.sent = 0
    assert sum(batch.rows for split in source.splits() for batch in split.batches([3])) == 200_000
    assert 200_000 * 8 <= web.sent < len(content) // 10


def test_a_fix_from_there(web: Site, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    nanclean.fix(tmp_path / "t.csv", tmp_path / "a.csv", rules=[RULE], no_config=True)
    nanclean.fix(web.put("t.csv", text()), tmp_path / "b.csv", rules=[RULE], no_config=True)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with pytest.raises(UsageError, match="nothing can be written there"):
        nanclean.fix(tmp_path / "t.csv", f"{web.url}/c.csv", rules=[RULE], no_config=True)


LARGE = {"t.csv": text(200_000), "t.parquet": parquet(200_000), "t.npy": npy(200_000)}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("command", ["scan", "fix"])
def test_a_connection_that_is_lost(web: Site, tmp_path: Path, name: str, command: str, ranges: bool) -> None:
    web.ranges = ranges
    url = web.put(name, LARGE[name])
    web.cut = 400_000
    words = [command, f"{url}?signature=SESAME", "--no-config"]
    if command == "fix":
        words += ["-o", "out" + os.path.splitext(name)[1], "--rule", "@numeric: infinite -> blank"]
    done = subprocess.run(
        [sys.executable, "-m", "nanclean", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )

    assert done.returncode == 3, done.stdout + done.stderr
    assert f"error: {url}: " in done.stderr
    assert "hint: " in done.stderr
    assert "SESAME" not in done.stdout + done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["scan", "fix"])
def test_a_server_that_is_gone_in_the_middle(tmp_path: Path, command: str) -> None:
    with resetting(text(100_000), 1_000_000) as url:
        words = [command, f"{url}/t.csv", "--no-config"]
        if command == "fix":
            words += ["-o", "out.csv", "--rule", RULE]
        done = subprocess.run(
            [sys.executable, "-m", "nanclean", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"error: {url}/t.csv: " in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changes_while_it_is_read(web: Site, ranges: bool) -> None:
    web.ranges = ranges
    source = opened(web.put("t.csv", text()))
    assert sum(batch.rows for split in source.splits() for batch in split.batches())
    web.put("t.csv", text().replace(b"word3", b"word4"))
    with pytest.raises(InputError, match="changed while it was read"):
        source.check()


def test_what_is_not_there(web: Site) -> None:
    with pytest.raises(InputError, match=r"/none\.csv: there is no such object"):
        nanclean.scan(f"{web.url}/none.csv?key=SESAME", no_config=True)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:1/t\.csv: "):
        nanclean.scan("http://127.0.0.1:1/t.csv", no_config=True)
    with pytest.raises(UsageError, match="nope:// is not known"):
        nanclean.scan("nope://x/t.csv", no_config=True)
    with pytest.raises(UsageError, match="is a local file"):
        nanclean.scan("file:///x/t.csv", no_config=True)


def test_a_missing_package_is_one_clear_line(tmp_path: Path) -> None:
    code = "import sys; sys.modules['fsspec'] = None; from nanclean.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", "hf://datasets/x/y.csv", "--no-config"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: hf://datasets/x/y.csv: needs packages that are not installed",
        "hint: pip install 'nanclean[remote]'",
    ]

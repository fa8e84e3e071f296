"""Standard input, standard output and named pipes, as shells connect them."""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanclean
from nanclean.errors import InputError, OutputError, UsageError
from nanclean.files import spooled
from nanclean.files.spooled import Spooled
from nanclean.opening import opened
from tests.files.test_s3 import FILES, RULE, npy, text, told

PROGRAM = [sys.executable, "-m", "nanclean"]
ANY = "@numeric: infinite -> blank"


def run(words: list[str], given: bytes = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *words], input=given, capture_output=True, timeout=120, **more)


def in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The exit codes of all programs of a pipe on the last line."""
    script = f"{command}\necho ${{PIPESTATUS[@]}}"
    environment = {**os.environ, "NANCLEAN": f"{sys.executable} -m nanclean"}
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120, cwd=folder, env=environment
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("memory", ["1MB", "1GB"])
def test_any_format_comes_in_by_standard_input(tmp_path: Path, name: str, memory: str) -> None:
    file = tmp_path / f"x{Path(name).suffix}"  # an array without a name is x
    file.write_bytes(FILES[name])
    done = run(["scan", "-", "--no-config", "--memory", memory, "--json", "-"], FILES[name])

    assert done.returncode == 0, done.stderr
    found = nanclean.Report.from_json(done.stdout)
    assert (found.source.path, found.source.bytes) == ("-", len(FILES[name]))
    assert told(found) == told(nanclean.scan(file, no_config=True))


def test_what_is_compressed_comes_in_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    packed = gzip.compress(text())
    found = nanclean.Report.from_json(run(["scan", "-", "--no-config", "--json", "-"], packed).stdout)
    assert found.source.bytes == len(packed)
    assert found.source.files[0]["compression"] == "gzip"
    assert found.columns["x"] == nanclean.scan(tmp_path / "t.csv", no_config=True).columns["x"]


@pytest.mark.parametrize("name", FILES)
def test_a_fix_through_a_pipe_is_that_of_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    nanclean.fix(tmp_path / name, tmp_path / f"out-{name}", rules=[ANY], no_config=True)
    done = run(["fix", "-", "--rule", ANY, "-o", "-", "--no-config"], FILES[name])

    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / f"out-{name}").read_bytes()
    assert b"-   20,000 rows" in done.stderr


def test_apply_through_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    nanclean.fix(tmp_path / "t.csv", tmp_path / "c.csv", rules=[RULE], no_config=True, recipe=tmp_path / "r.json")
    done = run(["apply", str(tmp_path / "r.json"), "-", "-o", "-", "--md", str(tmp_path / "r.md")], text())
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "c.csv").read_bytes()
    assert "20,000" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize("format", ["csv", "parquet", "npy"])
def test_another_format_on_standard_output(tmp_path: Path, format: str) -> None:
    (tmp_path / "t.npy").write_bytes(npy())
    done = run(["fix", str(tmp_path / "t.npy"), "--rule", ANY, "-o", "-", "--output-format", format, "--no-config"])
    before = np.load(tmp_path / "t.npy")
    wanted = np.where(np.isinf(before), np.nan, before)
    assert done.returncode == 0, done.stderr
    if format == "npy":
        assert np.array_equal(np.load(io.BytesIO(done.stdout)), wanted, equal_nan=True)
    elif format == "parquet":
        table = pq.read_table(pa.BufferReader(done.stdout))
        found = np.column_stack([column.to_numpy(zero_copy_only=False) for column in table.columns])
        assert np.array_equal(found, wanted, equal_nan=True)
    else:
        assert np.array_equal(np.genfromtxt(io.BytesIO(done.stdout), delimiter=",")[1:], wanted, equal_nan=True)


def test_a_reader_that_has_enough_ends_the_program(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text(200_000))
    done = in_shell(f"cat t.csv | $NANCLEAN fix - --rule '{RULE}' -o - --no-config 2>err | head -2", tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "n,x,s"
    assert lines[-1] == "0 141 0"
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_nothing_leaves_unless_it_is_proven(tmp_path: Path) -> None:
    for words, code in (
        (["--rule", "x: infinite <= 0"], 1),  # a limit is broken
        (["--rule", "n: infinite -> drop_column", "--rule", "nothing: infinite -> blank"], 2),
    ):
        done = run(["fix", "-", *words, "--rule", RULE, "-o", "-", "--no-config"], text(), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, b""), done.stderr
    done = run(["fix", "-", "--rule", RULE, "-o", "-", "--no-config"], text() + b'1,"2', cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, b"")
    assert os.listdir(tmp_path) == []


def test_what_is_not_what_was_promised_does_not_leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nanclean import fixing, verify

    def wrong(*arguments: Any) -> None:
        raise nanclean.VerificationError("not what was promised")

    monkeypatch.setattr(fixing, "verify", wrong)
    monkeypatch.setattr(verify, "verify", wrong)
    emitted: list[Any] = []
    monkeypatch.setattr("nanclean.outputs.Emitted.deliver", emitted.append)
    (tmp_path / "t.csv").write_bytes(text())
    with pytest.raises(nanclean.VerificationError):
        nanclean.fix(tmp_path / "t.csv", "-", rules=[RULE], no_config=True)
    assert not emitted


def test_rejected_rows_need_a_name(tmp_path: Path) -> None:
    rule = "x: infinite -> drop"
    done = run(["fix", "-", "--rule", rule, "-o", "-", "--no-config"], text(), cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 20_001 - 40
    assert os.listdir(tmp_path) == []
    done = run(["fix", "-", "--rule", rule, "-o", "-", "--rejected", "r.csv", "--no-config"], text(), cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "r.csv").read_bytes().count(b"\n") == 41
    done = run(["fix", "-", "--rule", rule, "-o", "c.csv", "--rejected", "-", "--no-config"], text(), cwd=tmp_path)
    assert done.returncode == 2
    assert b"standard output takes the cleaned table only" in done.stderr


def test_a_private_draft_is_gone_afterwards(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for words in (["--rule", RULE], ["--rule", "x: infinite <= 0", "--rule", RULE]):
        run(["fix", "-", *words, "-o", "-", "--no-config", "--memory", "1MB"], text(), env=environment)
        assert os.listdir(tmp_path) == []
    # SIGPIPE, too
    with subprocess.Popen(
        [*PROGRAM, "fix", "-", "--rule", RULE, "-o", "-", "--no-config", "-q"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text(300_000))
        process.stdin.close()
        assert process.stdout.readline() == b"n,x,s\n"
        process.stdout.close()
        assert process.wait(60) == 141
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", FILES)
def test_a_named_pipe(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(FILES[name],))
    thread.start()
    report = nanclean.scan(tmp_path / "pipe", no_config=True)
    thread.join()
    file = tmp_path / f"pipe{Path(name).suffix}"
    file.write_bytes(FILES[name])
    assert told(report) == told(nanclean.scan(file, no_config=True))


def test_process_substitution(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text())
    done = in_shell("$NANCLEAN scan <(cat t.csv) --no-config -q", tmp_path)
    assert done.stdout.splitlines()[-1] == "0", done.stderr
    assert "infinite" in done.stdout


def test_standard_input_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["scan", "-", "--no-config"]).returncode == 3  # empty
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="there is no standard input"):
        opened("-")

    class Terminal(io.StringIO):
        buffer = io.BytesIO()

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(UsageError, match="is a terminal"):
        opened("-")


# --- the spool


@given(
    pieces=st.lists(st.binary(max_size=40), max_size=12),
    room=st.integers(0, 300),
    places=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=8),
)
def test_any_place_of_a_spool_is_that_of_the_stream(
    pieces: list[bytes], room: int, places: list[tuple[int, int]]
) -> None:
    whole = b"".join(pieces)
    file = Spooled("x", pieces, room)
    assert file.size == len(whole)
    assert (file._handle is None) == (len(whole) <= room)
    with file.native() as native:
        assert native.read() == whole
    for at, size in places:
        if at + size <= len(whole):
            assert file.read(size, at) == whole[at : at + size]
        else:
            with pytest.raises(InputError, match="too early"):
                file.read(size, at)
    file.close()
    file.close()


def test_a_spool_is_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = Spooled("x", [b"a" * 1000, b"b" * 1000], 1500)
    assert file._handle is not None
    status = os.fstat(file._handle.fileno())
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_nlink == 0
    assert os.listdir(tmp_path) == []
    file.close()
    assert file._handle.closed

    def failing() -> Any:
        yield b"a" * 2000
        raise InputError("lost")

    handles: list[Any] = []
    nameless = spooled._nameless
    monkeypatch.setattr(spooled, "_nameless", lambda: handles.append(nameless()) or handles[-1])
    with pytest.raises(InputError, match="lost"):
        Spooled("x", failing(), 1500)
    assert [handle.closed for handle in handles] == [True]
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    monkeypatch.setattr(spooled, "_nameless", lambda: full.open("r+b", buffering=0))
    with pytest.raises(OutputError, match=r"x: has no room in .*no space left on device") as caught:
        Spooled("x", [b"a" * 1000], 10)
    assert caught.value.exit_code == 3
    assert "TMPDIR" in str(caught.value.hint)


def test_memory_stays_within_the_room(tmp_path: Path) -> None:
    code = """
import resource, sys
from nanclean.opening import opened
from nanclean.formats import csv
import pyarrow
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
file = opened(sys.argv[1], room=4 << 20).file
assert file.size == 300_000_006, file.size
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=9) as packed:
        packed.write(b"a,b\n1,")
        for _ in range(300):
            packed.write(b"1,2\n" * 250_000)
    assert (tmp_path / "bomb.csv.gz").stat().st_size < 2_000_000
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb.csv.gz")], check=True, capture_output=True, timeout=120
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 60 << 20


def test_a_stream_is_read_by_one_process_only(tmp_path: Path) -> None:
    import pickle

    with pytest.raises(InputError, match="once only"):
        pickle.dumps(Spooled("-", [b"a\n1\n"]))


def test_json_lines_without_a_name_and_compressed(tmp_path: Path) -> None:
    lines = b'{"x": 1.5, "y": "a"}\n{"x": null, "y": "b"}\n'
    fixed = b'{"x": 1.5, "y": "a"}\n{"x": 1.5, "y": "b"}\n'
    rule = "x: missing -> impute(mean)"
    for content in (lines, gzip.compress(lines)):
        done = run(["fix", "-", "--rule", rule, "-o", "-", "--no-config"], content)
        assert (done.returncode, done.stdout) == (0, fixed), done.stderr
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(lines))
    nanclean.fix(tmp_path / "t.jsonl.gz", tmp_path / "c.jsonl.gz", rules=[rule], no_config=True)
    assert gzip.decompress((tmp_path / "c.jsonl.gz").read_bytes()) == fixed

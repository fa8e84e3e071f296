"""Bad input and bad commands, as a user meets them: an exit code, one clear line, never a traceback."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nanclean.cli import main

UNREADABLE, WRONG = 3, 2


Done = subprocess.CompletedProcess


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Done]:
    """A command line in this process; what is not caught fails the test."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NO_COLOR", "1")
        capfdbinary.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return as_text(Done(arguments, ended.value.code or 0, *capfdbinary.readouterr()))

    return run


def as_process(*arguments: str | Path, cwd: Path) -> Done:
    """The same in a process of its own."""
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "nanclean", *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": root}
    return as_text(subprocess.run(command, cwd=cwd, capture_output=True, timeout=60, env=environment))


def as_text(done: Done) -> Done:
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def refused(done: Done, code: int, *words: str) -> None:
    """The exit code; one line that begins with `error:` and names what is wrong; nothing on standard output."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    assert done.returncode == code, done.stderr or done.stdout
    assert len(errors) == 1, done.stderr
    assert all(line.startswith(("error:", "hint:", "warning:", "  ")) for line in lines), done.stderr
    assert done.stdout == ""
    for word in words:
        assert word.lower() in done.stderr.lower(), f"{word!r} is not in: {done.stderr}"


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def npy(shape: str, descr: str = "'<f8'", content: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def parquet(folder: Path, **options: object) -> bytes:
    pq.write_table(pa.table({"x": np.random.default_rng(0).normal(size=5_000)}), folder / "whole.parquet", **options)
    return (folder / "whole.parquet").read_bytes()


def truncated_parquet(folder: Path) -> Path:
    return written("t.parquet", parquet(folder)[:-2_000])(folder)


def damaged_page(folder: Path) -> Path:
    """One flipped bit in the values: only the checksum of the page can tell."""
    data = bytearray(parquet(folder, write_page_checksum=True, compression="none", use_dictionary=False))
    data[20_000] ^= 1
    return written("t.parquet", bytes(data))(folder)


def truncated_gzip(folder: Path) -> Path:
    return written("t.csv.gz", gzip.compress(os.urandom(9_000).hex().encode())[:-500])(folder)


def pickled(folder: Path) -> Path:
    np.save(folder / "t.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    return folder / "t.npy"


def workbook(folder: Path) -> Path:
    return written("t.xlsx", b"PK\x03\x04" + b"\0" * 200)(folder)


BAD_FILES: dict[str, tuple[Callable[[Path], Path], int, list[str]]] = {
    "empty file": (written("t.csv", b""), UNREADABLE, ["t.csv", "empty"]),
    "only blank lines": (written("t.csv", b"\n\n\n"), UNREADABLE, ["t.csv"]),
    "only a byte order mark": (written("t.csv", b"\xef\xbb\xbf"), UNREADABLE, ["t.csv", "empty"]),
    "unclosed quote": (written("t.csv", b'a,b\n1,2\n3,"4\n5,6\n7,8\n'), UNREADABLE, ["t.csv", "quote", "line 3"]),
    "truncated parquet": (truncated_parquet, UNREADABLE, ["t.parquet"]),
    "damaged page": (damaged_page, UNREADABLE, ["t.parquet"]),
    "not parquet": (written("t.parquet", b"a,b\n1,2\n"), UNREADABLE, ["t.parquet"]),
    "empty parquet": (written("t.parquet", b""), UNREADABLE, ["t.parquet"]),
    "parquet magic only": (written("t.parquet", b"PAR1PAR1"), UNREADABLE, ["t.parquet"]),
    "parquet with a mad footer": (written("t.parquet", b"PAR1" + b"\xff" * 64 + b"PAR1"), UNREADABLE, ["t.parquet"]),
    "not npy": (written("t.npy", b"a,b\n1,2\n"), UNREADABLE, ["t.npy"]),
    "empty npy": (written("t.npy", b""), UNREADABLE, ["t.npy"]),
    "truncated npy": (written("t.npy", npy("(100,)", content=b"\0" * 792)), UNREADABLE, ["t.npy"]),
    "npy header cut": (written("t.npy", npy("(100,)")[:40]), UNREADABLE, ["t.npy"]),
    "npy of a petabyte": (written("t.npy", npy("(125000000000000,)", content=b"\0" * 64)), UNREADABLE, ["t.npy"]),
    "npy with a negative shape": (written("t.npy", npy("(-1,)", content=b"\0" * 64)), UNREADABLE, ["t.npy"]),
    "npy with a mad shape": (written("t.npy", npy("'x'", content=b"\0" * 64)), UNREADABLE, ["t.npy"]),
    "npy with a mad type": (written("t.npy", npy("(1,)", "'<q9'", b"\0" * 64)), UNREADABLE, ["t.npy"]),
    "npy with code in its header": (
        written("t.npy", npy("__import__('os').getpid()", content=b"\0" * 64)),
        UNREADABLE,
        ["t.npy"],
    ),
    "npy with a tail": (written("t.npy", npy("(2,)", content=b"\0" * 24)), UNREADABLE, ["t.npy"]),
    "pickled npy": (pickled, UNREADABLE, ["t.npy", "pickle"]),
    "a pickle": (written("t.pkl", pickle.dumps([1])), WRONG, ["t.pkl"]),
    "workbook": (workbook, WRONG, ["t.xlsx", "csv"]),
    "truncated gzip": (truncated_gzip, UNREADABLE, ["t.csv.gz"]),
    "no gzip": (written("t.csv.gz", b"a,b\n1,2\n"), UNREADABLE, ["t.csv.gz"]),
    "unknown ending": (written("t.foo", bytes(range(256)) * 10), WRONG, ["t.foo"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name, tmp_path, run):
    make, code, words = BAD_FILES[name]

    refused(run("scan", make(tmp_path).name), code, *words)


@pytest.mark.parametrize("name", ["empty file", "unclosed quote", "damaged page", "truncated npy", "pickled npy"])
def test_bad_files_in_a_process_of_its_own(name, tmp_path):
    make, code, words = BAD_FILES[name]

    refused(as_process("scan", make(tmp_path).name, cwd=tmp_path), code, *words)


def test_a_file_that_is_not_there(tmp_path, run):
    (tmp_path / "train.csv").write_text("a\n1\n")
    done = run("scan", "trian.csv")

    assert done.returncode in (WRONG, UNREADABLE)
    refused(done, done.returncode, "trian.csv")


def test_an_empty_folder(tmp_path, run):
    (tmp_path / "folder").mkdir()
    done = run("scan", "folder")

    assert done.returncode in (WRONG, UNREADABLE)
    refused(done, done.returncode, "folder")


BAD_COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "no file": (["scan"], []),
    "forgotten command": (["t.npy"], ["nanclean scan t.npy"]),
    "unknown command": (["scann", "t.csv"], ["scan"]),
    "unknown option": (["scan", "t.csv", "--labl", "y"], ["--label"]),
    "unknown label": (["scan", "t.csv", "--label", "valeu"], ["valeu", "value"]),
    "unknown id": (["scan", "t.csv", "--id", "nmae"], ["nmae"]),
    "unknown columns": (["scan", "t.csv", "--columns", "nothing"], ["nothing"]),
    "unknown trainer": (["scan", "t.csv", "--for", "torhc"], ["torch"]),
    "unknown find": (["scan", "t.csv", "--rule", "value: outlier(3)"], ["outlier"]),
    "column of a rule": (["scan", "t.csv", "--rule", "valeu: infinite"], ["valeu", "value"]),
    "number of a find": (["scan", "t.csv", "--rule", "value: zscore('x')"], ["zscore"]),
    "limit without a unit": (["scan", "t.csv", "--rule", "value: infinite <= 0.01"], ["0.01"]),
    "rule cut by the shell": (["scan", "t.csv", "--rule", "value: infinite -"], [">"]),
    "rule with code": (["scan", "t.csv", "--rule", "value: zscore(__import__('os'))"], []),
    "unknown encoding": (["scan", "t.csv", "--encoding", "utf-9"], ["utf-9"]),
    "long delimiter": (["scan", "t.csv", "--delimiter", "abc"], ["delimiter"]),
    "unknown missing list": (["scan", "t.csv", "--missing-list", "all"], ["auto"]),
    "memory": (["scan", "t.csv", "--memory", "lots"], ["memory"]),
    "jobs": (["scan", "t.csv", "--jobs", "0"], ["jobs"]),
    "fail-on": (["scan", "t.csv", "--fail-on", "wrong"], ["fail-on"]),
    "policy that is not there": (["scan", "t.csv", "--policy", "p.toml"], ["p.toml"]),
    "policy that is no TOML": (["scan", "t.csv", "--policy", "broken.toml"], ["broken.toml"]),
    "policy with unknown keys": (["scan", "t.csv", "--policy", "unknown.toml"], ["unknown.toml", "rulez"]),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_bad_commands(name, tmp_path, run):
    arguments, words = BAD_COMMANDS[name]
    (tmp_path / "t.csv").write_text("name,value\na,1\nb,2\n")
    np.save(tmp_path / "t.npy", np.zeros(3))
    (tmp_path / "broken.toml").write_text("version = 1\nrules = [\n")
    (tmp_path / "unknown.toml").write_text('version = 1\nrulez = ["value: infinite"]\n')
    done = run(*arguments)

    assert done.returncode == WRONG, done.stderr
    assert "error:" in done.stderr.lower()
    for word in words:
        assert word.lower() in done.stderr.lower(), done.stderr


def test_all_mistakes_are_told_together(tmp_path, run):
    (tmp_path / "t.csv").write_text("name,value\na,1\nb,2\n")
    (tmp_path / "p.toml").write_text('version = 1\nlabel = "nmae"\nrules = ["valeu: infinite", "value: outlier"]\n')
    done = run("scan", "t.csv", "-p", "p.toml")

    assert done.returncode == WRONG
    for word in ("nmae", "valeu", "outlier", "p.toml"):
        assert word in done.stderr


def scanned(run: Callable[..., Done], folder: Path, content: bytes, *options: str, name: str = "t.csv") -> dict:
    (folder / name).write_bytes(content)
    done = run("scan", name, "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rules_of(report: dict) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


def test_header_only(tmp_path, run):
    report = scanned(run, tmp_path, b"a,b\n")

    assert (report["source"]["rows"], report["source"]["columns"]) == (0, 2)
    assert [column["count"] for column in report["columns"]] == [0, 0]


def test_latin_1_is_read_and_told(tmp_path, run):
    report = scanned(run, tmp_path, "ort,n\nKöln,1\nZürich,2\n".encode("latin-1"))
    assert "encoding" in rules_of(report)
    report = scanned(run, tmp_path, "ort,n\nKöln,1\nZürich,2\n".encode("latin-1"), "--encoding", "latin-1")
    assert "encoding" not in rules_of(report)


def test_a_wrong_encoding_is_an_error(tmp_path, run):
    (tmp_path / "t.csv").write_bytes("ort,n\nKöln,1\n".encode("latin-1"))

    refused(run("scan", "t.csv", "--encoding", "utf-8"), UNREADABLE, "t.csv", "utf-8")


def test_ragged_rows_are_counted_and_the_scan_goes_on(tmp_path, run):
    report = scanned(run, tmp_path, b"a,b\n1,2\n3\n\n4,5,6\n7,8\n")

    assert (report["source"]["rows"], report["source"]["ragged"]) == (4, 2)
    assert [column["count"] for column in report["columns"]] == [2, 2]
    (found,) = [finding for finding in report["findings"] if finding["rule"] == "ragged"]
    assert (found["severity"], found["count"], found["rows"], found["lines"]) == ("error", 2, [2, 3], [3, 5])


def test_lines_are_those_of_the_file_where_cells_hold_line_ends(tmp_path, run):
    report = scanned(run, tmp_path, b'a,b\n"one\ntwo\nthree",1\n\nx,inf\ny,2\n"un\n",inf\n')
    (found,) = [finding for finding in report["findings"] if finding["rule"] == "infinite"]

    assert (found["rows"], found["lines"]) == ([2, 4], [6, 8])


@pytest.mark.parametrize("content", [b"a,b\n1,2\n3,4\0\n5,6\n", b"a\0,b\n1,2\n", b"\0" * 100])
def test_nul_bytes_do_no_harm(content, tmp_path, run):
    (tmp_path / "t.csv").write_bytes(content)
    done = run("scan", "t.csv")

    assert done.returncode in (0, UNREADABLE)
    if done.returncode:
        refused(done, UNREADABLE, "t.csv")


def test_a_cell_of_ten_megabytes(tmp_path, run):
    report = scanned(run, tmp_path, b"a,b\n1,2\n" + b"x" * 10_000_000 + b",3\n4,5\n")

    assert (report["source"]["rows"], report["columns"][1]["mean"]) == (3, 10 / 3)
    report = scanned(run, tmp_path, b'a,b\n1,2\n"' + b"x,\n" * 3_000_000 + b'",3\n4,5\n')
    assert (report["source"]["rows"], report["columns"][1]["mean"]) == (3, 10 / 3)


def test_ten_thousand_columns(tmp_path, run):
    lines = [",".join(f"x{i}" for i in range(10_000)), *[",".join(["1.5"] * 9_999 + [str(row)]) for row in range(30)]]
    report = scanned(run, tmp_path, ("\n".join(lines) + "\n").encode())

    assert report["source"]["columns"] == len(report["columns"]) == 10_000
    assert report["columns"][-1]["mean"] == 14.5


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"])
def test_dialects(end, encoding, delimiter, tmp_path):
    import nanclean

    rows = [
        ["näme", "value"],
        ["a", "1.5"],
        ['"two ""quoted"" words"', "2.5"],
        [f'"with{delimiter}inside"', ""],
        ["d", "4"],
    ]
    text = end.join(delimiter.join(row) for row in rows)
    data = text.encode(encoding) if encoding != "utf-16-be" else b"\xfe\xff" + text.encode(encoding)
    (tmp_path / "t.csv").write_bytes(data)
    report = json.loads(nanclean.scan(tmp_path / "t.csv").to_json())

    assert [column["name"] for column in report["columns"]] == ["näme", "value"]
    assert (report["source"]["rows"], report["source"]["ragged"]) == (4, 0)
    assert (report["columns"][1]["mean"], report["columns"][1]["empty"]) == (8 / 3, 1)
    assert dict(report["columns"][0]["top"])[f"with{delimiter}inside"] == 1
    assert dict(report["columns"][0]["top"])['two "quoted" words'] == 1


def test_zero_rows_and_zero_columns_of_parquet(tmp_path, run):
    pq.write_table(pa.table({"a": pa.array([], pa.float64()), "b": pa.array([], pa.string())}), tmp_path / "a.parquet")
    pd.DataFrame(index=range(3)).to_parquet(tmp_path / "b.parquet", index=False)
    for name, columns in (("a.parquet", 2), ("b.parquet", 0)):
        done = run("scan", name, "--format", "json")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["columns"]) == columns
        assert run("scan", name).returncode == 0


def test_text_of_the_data_cannot_drive_the_terminal(tmp_path, run):
    evil = "\x1b[31mred\x1b]0;title\x07[bold]x[/bold]"
    (tmp_path / "t.csv").write_text(f"{evil},b\n{evil},1\n{evil},inf\n?,3\n" + "a healthy line of text,4\n" * 99)
    done = run("scan", "t.csv")

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "[bold]" in done.stdout


def test_no_values_hides_them(tmp_path, run):
    (tmp_path / "t.csv").write_text(
        "name,value\n" + "".join(f"secret{i},{i}.123\n" for i in range(30)) + "?,987654.321\n"
    )
    for form in ("terminal", "json"):
        options = ["--format", "json"] if form == "json" else []
        done = run("scan", "t.csv", "--no-values", *options)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout, form
        assert "987654" not in done.stdout, form


@pytest.mark.parametrize(("level", "code"), [("never", 0), ("error", 0), ("warning", 1), ("info", 1)])
def test_fail_on(level, code, tmp_path, run):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n,3\n4,5\n")

    assert run("scan", "t.csv", "--fail-on", level).returncode == code
    assert run("scan", "t.csv").returncode == 0


def test_check_exits_1_on_errors(tmp_path, run):
    (tmp_path / "t.csv").write_text("a,b\n1,2\ninf,3\n4,5\n")
    done = run("check", "t.csv")

    assert done.returncode == 1
    assert "t.csv:3: a: infinite" in done.stdout

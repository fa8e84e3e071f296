"""The program as a process: its streams, its signals, what it imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRIVER = [sys.executable, str(Path(__file__).with_name("driver.py"))]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash in which `nanclean` is the driver."""
    quoted = " ".join(f"'{part}'" for part in DRIVER)
    return subprocess.run(
        ["bash", "-c", command.replace("nanclean", quoted)], capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes; the time limit of the test is that of the wait."""
    while not true():
        time.sleep(0.02)


@pytest.mark.parametrize(
    "command", ["scan weather.csv", "check weather.csv", "--help", "scan weather.csv --json -", "explain"]
)
def test_a_reader_that_leaves_is_no_finding(command: str) -> None:
    done = shell(f"nanclean {command} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stdout == "141\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command", ["scan weather.csv", "check weather.csv", "scan error.csv --json -", "--help", "--version"]
)
def test_a_full_disk_behind_standard_output_is_one_line(command: str) -> None:
    done = shell(f"nanclean {command} > /dev/full")
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("name", "code"), [("weather.csv", 0), ("error.csv", 1), ("unreadable.csv", 3), ("bug.csv", 70)]
)
def test_closed_streams_change_nothing(closed: str, name: str, code: int, tmp_path: Path) -> None:
    done = shell(f"nanclean check {name} {closed}", TMPDIR=str(tmp_path))
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr


def test_a_closed_descriptor_is_not_given_to_a_file(tmp_path: Path) -> None:
    report = tmp_path / "out.json"
    assert shell(f"nanclean check weather.csv --json {report} <&- >&- 2>&-").returncode == 0
    assert report.read_text(encoding="utf-8").startswith('{"schema": "nanclean.report/1"')


def test_what_is_written_to_a_closed_descriptor_never_reaches_the_data(tmp_path: Path) -> None:
    data = tmp_path / "stray.csv"
    data.write_text("a\n1\n")
    assert shell(f"nanclean check {data} <&- >&-").returncode == 0
    assert data.read_text() == "a\n1\n"


def test_an_ascii_stream_shows_everything_escaped() -> None:
    done = shell("nanclean scan $'weather \\xe6\\xbc\\xa2.csv'", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    done = shell("nanclean scan 'weather 漢.csv'", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("weather \\u6f22.csv   26,115 rows")


@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C"}, {"TERM": ""}, {"COLUMNS": "1"}, {"COLUMNS": "rubbish"}, {"NO_COLOR": "1"}]
)
def test_the_environment_changes_the_looks_only(environment: dict[str, str]) -> None:
    done = shell("nanclean scan weather.csv; echo $?", **environment)
    assert done.stdout.endswith("\n0\n"), done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_it_with_its_code_and_one_line_at_most(
    number: signal.Signals, code: int, times: int, tmp_path: Path
) -> None:
    mark, begun = tmp_path / "cleaned", tmp_path / "begun"
    process = subprocess.Popen(
        [*DRIVER, "scan", "slow.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MARK": str(mark), "BEGUN": str(begun)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # whatever this process ignores
    )
    until(begun.exists)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.2)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert mark.exists(), "what was begun was not cleaned up"
    assert out == ""
    assert len(err.splitlines()) <= 1


def test_a_signal_that_was_ignored_stays_ignored(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    process = subprocess.Popen(
        ["bash", "-c", "trap '' HUP; exec \"$@\"", "-", *DRIVER, "scan", "slow.csv"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BEGUN": str(begun)},
    )
    until(begun.exists)
    process.send_signal(signal.SIGHUP)
    assert "26,115 rows" in process.communicate(timeout=30)[0]
    assert process.returncode == 0


def test_progress_is_for_terminals_and_for_what_takes_long() -> None:
    script = 'script -qec "{}" /dev/null < /dev/null'
    if shell("command -v script").returncode:
        pytest.skip("script is not installed")
    quoted = " ".join(DRIVER)
    slow = shell(script.format(f"{quoted} scan slow.csv"))
    assert "250 bytes" in slow.stdout
    fast = shell(script.format(f"{quoted} scan good.csv"))
    assert "250 bytes" not in fast.stdout
    assert "\x1b[" in fast.stdout, "a terminal has colours"
    assert shell(f"{quoted} scan slow.csv").stderr == ""


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["scan", "--help"], ["scan"], ["scan", "--lable", "x"], ["scna"]]
)
def test_words_about_the_program_import_nothing_heavy(arguments: list[str]) -> None:
    probe = "import sys\nfrom nanclean.cli import run\nrun(sys.argv[1:])\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "nanclean.cli" in loaded
    assert loaded.isdisjoint({"numpy", "pyarrow", "rich", "msgspec", "pandas", "nanclean.report", "nanclean.api"})


def test_plain_output_needs_no_rich() -> None:
    probe = """
import runpy, sys
try:
    runpy.run_path(sys.argv[1], run_name="__main__")
except SystemExit:
    print("rich" in sys.modules, file=sys.stderr)
"""
    arguments = [sys.executable, "-c", probe.replace("sys.argv[1]", repr(DRIVER[1])), "scan", "weather.csv"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stderr == "False\n"
    assert "26,115 rows" in done.stdout

"""What happens by itself inside GitHub Actions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nanclean.cli import _actions, run

BAD = "a,b\n" + "1,2\n" * 30 + "inf,3\n" + ",4\n"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def actions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A job of GitHub Actions in a repository with a bad file and a good one. The file of its summary."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.csv").write_text(BAD, encoding="utf-8")
    (tmp_path / "data" / "good.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "data")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def test_annotations_follow_the_printed_report(capsys: Captured) -> None:
    assert run(["check", "bad.csv", "good.csv"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("bad.csv:32: a: infinite: ")
    assert lines[2].startswith("FAILED  1 error, 1 warning in 2 files")
    assert lines[3].startswith("::error file=data/bad.csv,line=32,title=a%3A infinite::1 infinite value")
    assert lines[4].startswith("::warning file=data/bad.csv,line=33,title=a%3A missing::")
    assert len(lines) == 5


@pytest.mark.parametrize("command", [["scan", "bad.csv"], ["check", "bad.csv", "--quiet"]])
def test_scan_annotates_too_and_quiet_does_not_keep_it_from(
    command: list[str], capsys: Captured, actions: Path
) -> None:
    run(command)
    assert capsys.readouterr().out.count("\n::") == 2
    assert actions.exists()


@pytest.mark.parametrize("format", ["json", "sarif", "junit", "markdown", "github"])
def test_what_programs_read_stays_as_it_is(
    format: str, capsys: Captured, actions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["check", "good.csv", "bad.csv", "--format", format])
    inside = capsys.readouterr().out
    assert actions.read_text(encoding="utf-8").startswith("### nanclean: FAILED, 1 error, 1 warning in 2 files\n")
    monkeypatch.delenv("GITHUB_ACTIONS")
    run(["check", "good.csv", "bad.csv", "--format", format])
    outside = capsys.readouterr().out
    for kept in ("::error", "::warning"):
        assert inside.count(kept) == outside.count(kept)
    if format == "json":
        assert [len(report["findings"]) for report in json.loads(inside)] == [0, 2]


def test_the_summaries_of_a_step_stand_below_each_other(actions: Path) -> None:
    run(["check", "good.csv"])
    run(["check", "bad.csv"])
    text = actions.read_text(encoding="utf-8")
    assert text.startswith("### nanclean: PASSED")
    assert "\n\n### nanclean: FAILED" in text


@pytest.mark.parametrize("name", ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"])
def test_elsewhere_nothing_happens(name: str, capsys: Captured, actions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    assert run(["check", "bad.csv"]) == 1
    assert ("::error" in capsys.readouterr().out) is (name != "GITHUB_ACTIONS")
    assert not actions.exists()


def test_a_file_that_cannot_be_read_is_annotated(capsys: Captured, actions: Path) -> None:
    assert run(["check", "gone.csv", "good.csv"]) == 3
    assert "::error file=data/gone.csv,title=not_read::" in capsys.readouterr().out
    assert "1 file not read" in actions.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["bad.csv", "good.csv"])
def test_a_summary_that_cannot_be_written_is_a_warning(
    name: str, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere" / "x"))
    assert run(["check", name]) == (1 if name == "bad.csv" else 0)
    told = "warning: cannot write the job summary: No such file or directory"
    assert told in capsys.readouterr().err.splitlines()


def test_a_full_summary_is_left_as_it_is(actions: Path, capsys: Captured) -> None:
    actions.write_text("x" * (_actions.MOST - 100), encoding="utf-8")
    assert run(["check", "bad.csv"]) == 1
    assert actions.stat().st_size == _actions.MOST - 100
    assert "the job summary is full" in capsys.readouterr().err


def test_no_values_are_in_either(capsys: Captured, actions: Path) -> None:
    Path("secret.csv").write_text("a\n" + "".join(f"{n}\n" for n in range(30)) + "987654321\n", encoding="utf-8")
    run(["check", "secret.csv"])
    assert "987654321" in capsys.readouterr().out
    actions.unlink()
    run(["check", "secret.csv", "--no-values"])
    out = capsys.readouterr().out
    assert "::warning file=data/secret.csv" in out
    assert "987654321" not in out + actions.read_text(encoding="utf-8")


def test_as_a_process_too(tmp_path: Path, actions: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nanclean", "check", "bad.csv"], capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("::warning")
    assert done.stderr.startswith("hint: nanclean scan ")
    assert actions.read_text(encoding="utf-8").count("###") == 1


@pytest.mark.parametrize("command", ["scan", "check"])
def test_no_name_from_the_data_is_a_command_of_the_runner(command: str, capsys: Captured) -> None:
    names = ["::stop-commands::x", "##[stop-commands]y", "a ##[add-mask]e"]
    Path("evil.csv").write_text(",".join(names) + "\n" + "1,2,3\n" * 30 + "inf,inf,inf\n", encoding="utf-8")
    assert run([command, "evil.csv", "--fail-on", "error"]) == 1
    lines = capsys.readouterr().out.splitlines()
    printed = [line for line in lines if not line.startswith("::error ")]
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in printed)
    assert sum("\\x23#[add-mask]e" in line for line in printed)
    assert len(lines) - len(printed) == 3

"""What commands ask of the library, what they print, and the exit code, with a library that is made up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import nanclean
from nanclean.cli import COMMANDS, group, run
from nanclean.report import Report
from tests.cli import driver


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = driver.api()
    monkeypatch.setitem(sys.modules, "nanclean.api", module)
    monkeypatch.setattr(nanclean, "api", module, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    driver.CALLS.clear()


Captured = pytest.CaptureFixture[str]


def asked(*arguments: str) -> dict[str, Any]:
    """What the library is asked for by a command line."""
    run(["scan", "x.csv", *arguments])
    call = driver.CALLS[-1]
    return {key: value for key, value in call.items() if key not in ("source", "progress")}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["scan", "weather.csv"], 0),
        (["scan", "error.csv"], 0),
        (["scan", "error.csv", "--fail-on", "error"], 1),
        (["scan", "weather.csv", "--strict"], 1),
        (["check", "weather.csv"], 0),
        (["check", "weather.csv", "--strict"], 1),
        (["check", "weather.csv", "--strict", "--fail-on", "never"], 1),
        (["check", "good.csv", "--strict", "--fail-on", "info"], 1),
        (["check", "error.csv"], 1),
        (["check", "error.csv", "--fail-on", "never"], 0),
        (["check", "good.csv", "error.csv", "good.csv"], 1),
        (["check", "error.csv", "unreadable.csv", "good.csv"], 3),
        (["scan", "unreadable.csv"], 3),
        (["scan", "disk.csv"], 3),
        (["scan", "memory.csv"], 3),
        (["scan", "x.csv", "-p", "wrong.toml"], 2),
        (["scan"], 2),
        ([], 2),
        (["scan", "x.csv", "--colour"], 2),
        (["scna", "x.csv"], 2),
        (["scan", "x.csv", "--jobs", "0"], 2),
        (["scan", "x.csv", "--memory", "much"], 2),
        (["scan", "x.csv", "--fail-on", "errors"], 2),
        (["scan", "x.csv", "--json"], 2),
        (["explain", "nothing"], 2),
        (["--help"], 0),
        (["--version"], 0),
        (["check", "-h"], 0),
    ],
)
def test_the_exit_code(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


def test_the_defaults_are_left_to_the_library() -> None:
    assert asked() == {
        "policy": None, "rules": (), "label": None, "id": (), "missing": (), "missing_list": None, "columns": None,
        "trainer": None, "fail_on": "never", "no_config": False, "encoding": None, "delimiter": None, "header": True,
        "decimal": ".", "axis": None, "memory": None, "jobs": None, "values": True, "engine": None,
        "engine_address": None, "sample": None, "seed": 0, "profile": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        ("-p rules.toml", "policy", "rules.toml"),
        ("--rule a:missing --rule b:missing", "rules", ("a:missing", "b:missing")),
        ("--label y", "label", "y"),
        ("--id a --id b", "id", ("a", "b")),
        ("--missing ? --missing -999", "missing", ("?", "-999")),
        ("--missing-list pandas", "missing_list", "pandas"),
        ("--columns @numeric --columns a,b", "columns", ("@numeric", "a,b")),
        ("--for torch:float16", "trainer", "torch:float16"),
        ("--fail-on info", "fail_on", "info"),
        ("--strict", "fail_on", "warning"),
        ("--no-config", "no_config", True),
        ("--encoding latin-1", "encoding", "latin-1"),
        ("--delimiter ;", "delimiter", ";"),
        ("--delimiter tab", "delimiter", "\t"),
        ("--no-header", "header", False),
        ("--decimal ,", "decimal", ","),
        ("--axis -1", "axis", -1),
        ("--memory 500MB", "memory", 500_000_000),
        ("--memory 1.5GiB", "memory", 1_610_612_736),
        ("--memory 1000", "memory", 1000),
        ("--jobs 2", "jobs", 2),
        ("--no-values", "values", False),
    ],
)
def test_every_option_reaches_the_library(arguments: str, key: str, value: object) -> None:
    assert asked(*arguments.split())[key] == value


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["X.npy", "--for", "torch"], "there is no command 'X.npy'", "did you mean: nanclean scan X.npy --for torch"),
        (["a b.csv"], "there is no command 'a b.csv'", "did you mean: nanclean scan 'a b.csv'"),
        (["data/x"], "there is no command 'data/x'", "did you mean: nanclean scan data/x"),
        (["chekc", "x.csv"], "there is no command 'chekc'", "did you mean: nanclean check x.csv"),
        (
            ["xyzzy"],
            "there is no command 'xyzzy'",
            "there are: scan, check, compare, fix, fit, apply, init, explain, profile, merge",
        ),
        (["scan", "x", "--lable", "y"], "there is no option --lable", "did you mean --label?"),
        (["--versoin"], "there is no option --versoin", "did you mean --version?"),
        (["scan", "x", "--missing-list", "panda"], "--missing-list cannot be 'panda'", "did you mean pandas?"),
        (["scan", "x", "--format", "jsn"], "--format cannot be 'jsn'", "did you mean json?"),
        (["scan"], "missing argument 'FILE...'", "nanclean scan --help shows what there is"),
        (["scan", "x", "--label"], "option '--label' requires an argument", "nanclean --help shows what there is"),
        (["scan", "x", "--memory", "lots"], "--memory cannot be 'lots'", "write it like 500MB or 2GiB"),
        (["scan", "x", "--delimiter", "ab"], "--delimiter cannot be 'ab'", "one character: , ; | or the word tab"),
        (["explain", "mising"], "there is no rule 'mising'", "did you mean: nanclean explain missing"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments: list[str], error: str, hint: str, capsys: Captured) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {error}\nhint: {hint}\n"
    assert captured.out == ""


def test_a_file_without_a_dot_is_known_because_it_is_there(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "train").touch()
    assert run(["train"]) == 2
    assert "did you mean: nanclean scan train" in capsys.readouterr().err


def test_errors_are_plain_lines_without_raw_characters(capsys: Captured) -> None:
    assert run(["scan", "unreadable\x1b2J\n\udcff.csv"]) == 3
    assert capsys.readouterr().err == (
        "error: unreadable\\x1b2J\nerror: \\udcff.csv: line 3: a quote is never closed\nhint: look at line 3\n"
    )


def test_one_bad_file_hides_no_other(capsys: Captured) -> None:
    assert run(["check", "unreadable.csv", "error.csv", "unreadable.csv", "weather.csv"]) == 3
    captured = capsys.readouterr()
    assert captured.err.count("error: unreadable.csv: line 3") == 1, "the same is not told twice"
    assert "error.csv:6: emb_0017: infinite" in captured.out
    assert captured.out.endswith(
        "FAILED  1 error, 8 warnings in 2 files; 1 file not read (warnings pass; --strict fails on them)\n"
    )


def test_all_mistakes_of_a_policy_are_told_once(capsys: Captured) -> None:
    assert run(["check", "a.csv", "b.csv", "-p", "wrong.toml"]) == 2
    assert capsys.readouterr().err == (
        "error: wrong.toml:3: no such rule\nerror: wrong.toml:5: no such column\nhint: there are two\n"
    )


def test_a_bug_is_one_line_and_its_traceback_a_file(capsys: Captured) -> None:
    assert run(["scan", "bug.csv"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: a bug in nanclean (RuntimeError), not in your file; please report it with the ")
    assert err.count("\n") == 1
    assert "secret" not in err
    path = Path(err.split()[-1])
    assert "RuntimeError: a secret from the data" in path.read_text(encoding="utf-8")
    path.unlink()


def test_scan_shows_a_report_for_each_file_and_what_to_type_next(capsys: Captured) -> None:
    assert run(["scan", "weather 1.csv", "good.csv", "--label", "y z"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("weather 1.csv   26,115 rows")
    assert "\n\ngood.csv   26,115 rows" in out
    assert "Next: nanclean init 'weather 1.csv' --label 'y z' -o nanclean.toml\n" in out


def test_json_is_printed_and_written(capsys: Captured, tmp_path: Path) -> None:
    assert run(["scan", "weather.csv", "--json", "-"]) == 0
    printed = capsys.readouterr().out
    assert Report.from_json(printed).source.path == "weather.csv"
    assert run(["check", "weather.csv", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["command"] == "check"
    assert run(["scan", "weather.csv", "unreadable.csv", "--json", "out.json"]) == 3
    assert "26,115 rows" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [one["exit_code"] for one in written] == [0, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_report_never_takes_the_place_of_the_data(capsys: Captured, tmp_path: Path) -> None:
    data = tmp_path / "weather.csv"
    data.write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(data)
    for name in ("weather.csv", "./weather.csv", "link.csv"):
        assert run(["scan", "weather.csv", "--json", name]) == 2
    assert data.read_text() == "a\n1\n"
    assert driver.CALLS == []
    assert "is to be read and to be written" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["nowhere/out.json", "."])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(where: str, capsys: Captured) -> None:
    assert run(["scan", "weather.csv", "--json", where]) == 3
    assert driver.CALLS == []
    assert capsys.readouterr().err.startswith("error: ")


def test_a_report_replaces_a_link_and_does_not_follow_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    (tmp_path / "out.json").symlink_to(victim)
    assert run(["scan", "weather.csv", "--json", "out.json"]) == 0
    assert victim.read_text() == "mine"
    assert not (tmp_path / "out.json").is_symlink()


def test_a_device_is_written_as_it_is() -> None:
    assert run(["scan", "weather.csv", "--json", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
    assert run(["scan", "weather.csv", "--json", "/dev/full"]) == 3


def test_a_quoted_pattern_means_what_the_unquoted_one_means(tmp_path: Path, capsys: Captured) -> None:
    for name in ("weather-b.csv", "weather-a.csv", "weather[1].csv"):
        (tmp_path / name).touch()
    run(["check", "weather-?.csv", "weather[1].csv", "none*.csv"])
    assert [call["source"] for call in driver.CALLS] == [
        "weather-a.csv",
        "weather-b.csv",
        "weather[1].csv",
    ]
    assert capsys.readouterr().err.startswith("error: none*.csv: no file has such a name")


def test_quiet_and_verbose(capsys: Captured) -> None:
    run(["check", "good.csv", "--quiet"])
    assert capsys.readouterr().out == ""
    run(["scan", "weather.csv", "-v"])
    assert "zscore" in capsys.readouterr().out


def test_no_values_reaches_everything_that_is_shown(capsys: Captured, tmp_path: Path) -> None:
    for format in ("terminal", "text", "json"):
        run(["scan", "weather.csv", "--no-values", "--format", format, "--json", "out.json"])
        captured = capsys.readouterr()
        for text in (captured.out, captured.err, (tmp_path / "out.json").read_text(encoding="utf-8")):
            assert "1048.36" not in text
            assert "JFK" not in text


def test_every_command_can_be_imported_and_has_a_manual() -> None:
    import click

    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_explain_prints_the_manual_of_a_rule(capsys: Captured) -> None:
    assert run(["explain", "zscore"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("zscore: ")
    assert "Why it matters: " in out
    assert "Beware: " in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(["explain"]) == 0
    assert "\n  missing " in capsys.readouterr().out

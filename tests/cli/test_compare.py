"""`nanclean compare`: what is typed, what is shown, and the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
import nanclean.schemas
from nanclean import registry
from nanclean.cli import run

Captured = pytest.CaptureFixture[str]


def write(path: str, rows: int, seed: int, shift: float = 0.0, extra: tuple[str, ...] = (), header: str = "") -> str:
    rng = np.random.default_rng(seed)
    prices = np.clip(rng.normal(50, 10, rows), 30, 70) + shift
    lines = [f"{price:.2f},{rng.integers(0, 9)},{rng.choice(['a', 'b', 'c'])}" for price in prices]
    Path(path).write_text("\n".join([header or "price,qty,city", *lines, *extra]) + "\n")
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    write("old.csv", 900, 0)
    write("new.csv", 600, 1, shift=12, extra=("30,3,zz",) * 40)
    write("good.csv", 600, 2)


def test_the_same_data_are_one_line(capsys: Captured) -> None:
    Path("copy.csv").write_bytes(Path("old.csv").read_bytes())
    for other in ("old.csv", "copy.csv"):
        assert run(["compare", "old.csv", other, "--strict"]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out == [
            out[0], "", "against old.csv   900 rows", "",
            "  ok no difference: every column holds the same values, as often", "",
        ]  # fmt: skip
        assert out[0].startswith(f"{other}   900 rows x 3 columns")


def test_the_most_shifted_columns_come_first(capsys: Captured) -> None:
    assert run(["compare", "old.csv", "new.csv"]) == 0
    out = capsys.readouterr().out
    assert "against old.csv   900 rows\n" in out
    table = out[out.index("column  type") :].splitlines()
    heads = ["column", "type", "missing", "mean", "mean shift", "std ratio", "psi", "ks", "beyond range", "unseen"]
    assert re.split(" {2,}", table[0]) == heads
    assert [line.split()[0] for line in table[2:5]] == ["price", "city", "qty"]
    assert " +1." in table[2]
    assert max(map(len, out.splitlines())) <= 100
    assert "unseen_category" in out
    assert 'city: 40 cells of 1 category not known before: "zz"' in out
    assert "lines 602 603 604 .." in out


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_any_terminal_is_wide_enough(width: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["compare", "old.csv", "new.csv", "-v"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["old.csv", "new.csv"], 0),
        (["old.csv", "new.csv", "--strict"], 1),
        (["old.csv", "new.csv", "--fail-on", "error"], 0),
        (["old.csv", "new.csv", "--fail-on", "error", "--rule", "price: mean_shift <= 0.3"], 1),
        (["old.csv", "new.csv", "--fail-on", "error", "--rule", "price: mean_shift <= 3"], 0),
        (["old.csv", "new.csv", "--rule", "price: mean_shift <= 0.3"], 0),
        (["old.csv", "good.csv", "--strict"], 0),
        (["old.csv", "new.csv", "--strict", "--columns", "qty"], 0),
        (["old.csv", "none.csv"], 3),
        (["none.csv", "old.csv"], 3),
        (["old.csv"], 2),
        (["old.csv", "new.csv", "--rule", "price: psi -> blank"], 2),
        (["old.csv", "new.csv", "--rule", "price: pis <= 1"], 2),
        (["old.csv", "new.csv", "--rule", "prize: psi <= 1"], 2),
        (["old.csv", "new.csv", "--columns", "prize"], 2),
        (["old.csv", "new.csv", "--json", "old.csv"], 2),
        (["old.csv", "new.csv", "--json", "new.csv"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, capsys: Captured) -> None:
    before = {path: Path(path).read_bytes() for path in ("old.csv", "new.csv")}
    assert run(["compare", *arguments]) == code
    captured = capsys.readouterr()
    assert ("error: " in captured.err) == (code in (2, 3))
    assert {path: Path(path).read_bytes() for path in before} == before


def test_a_line_for_each_finding(capsys: Captured) -> None:
    assert run(["compare", "old.csv", "new.csv", "--format", "text", "--strict"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[2] for line in lines[:-1]] == [
        "beyond_range",
        "mean_shift",
        "psi",
        "psi",
        "unseen_category",
    ]
    assert lines[-1] == "FAILED  5 warnings in 1 file"
    assert lines[4].startswith("new.csv:602: city: unseen_category: 40 cells of 1 category not known before")


def test_the_json_obeys_the_schema_and_holds_the_comparison(capsys: Captured) -> None:
    assert run(["compare", "old.csv", "new.csv", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads((nanclean.schemas.FOLDER / "report-1.json").read_text()))
    assert told["command"] == "compare"
    assert told["source"]["path"] == "new.csv"
    comparison = told["comparison"]
    assert (comparison["path"], comparison["kind"], comparison["rows"], comparison["same"]) == (
        "old.csv", "data", 900, False,
    )  # fmt: skip
    price = comparison["columns"][0]
    assert (price["name"], price["old"]["type"], price["new"]["finite"]) == ("price", "float", 640)
    assert 0.3 < price["measures"]["ks"] < 0.6
    assert price["at_least"] == []
    assert run(["compare", "old.csv", "new.csv", "--json", "-", "--no-values"]) == 0
    hidden = capsys.readouterr().out
    assert "zz" not in hidden
    assert json.loads(hidden)["comparison"]["columns"][0]["new"]["mean"] is None


def test_reports_and_recipes_stand_for_their_data(capsys: Captured) -> None:
    for name in ("old", "new"):
        assert run(["scan", f"{name}.csv", "--json", f"{name}.json"]) == 0
    nanclean.fit("old.csv", "r.json", rules=["price: missing -> impute(median)"], no_config=True)
    capsys.readouterr()
    shifted: dict[str, Any] = {}
    for old, new, kind in (("old.csv", "new.csv", "data"), ("old.json", "new.csv", "report"),
                           ("old.json", "new.json", "report"), ("r.json", "new.csv", "recipe")):  # fmt: skip
        assert run(["compare", old, new, "--json", "-"]) == 0
        comparison = json.loads(capsys.readouterr().out)["comparison"]
        assert comparison["kind"] == kind
        assert comparison["rows"] == 900
        shifted[old, new] = comparison["columns"][0]["measures"]["mean_shift"]
        assert run(["compare", old, new]) == 0
        out = capsys.readouterr().out
        assert (">=" in out) == (kind != "data")
        assert ("what begins with >= may be more" in out) == (kind != "data")
    assert len(set(shifted.values())) == 1


def test_columns_come_and_go(capsys: Captured) -> None:
    write("gone.csv", 300, 3, header="price,quantity,city")
    assert run(["compare", "old.csv", "gone.csv", "-v"]) == 0
    out = capsys.readouterr().out
    assert "qty: is not here, and was there before" in out
    assert "quantity: was not there before" in out
    assert "int gone" in out
    assert "int new" in out


def test_rules_about_one_dataset_are_left_to_check(capsys: Captured) -> None:
    Path("nanclean.toml").write_text('rules = ["price: range(0, 1)", "@all: missing_rate <= 5%"]\n')
    assert run(["compare", "old.csv", "good.csv", "--strict", "-v"]) == 0
    assert "1 rule about one dataset: nanclean check holds such rules" in " ".join(capsys.readouterr().out.split())
    assert run(["check", "good.csv"]) == 1
    assert run(["check", "good.csv", "-v", "--rule", "price: range(0, 100)"]) == 1
    assert "compares two datasets; nanclean compare and check --against hold it" in capsys.readouterr().out


def test_hostile_names_and_values_are_escaped(capsys: Captured) -> None:
    for path, word in (("a.parquet", "good"), ("b.parquet", "\x1b[31mred")):
        pq.write_table(pa.table({"x\x1b[2J": [1, 2] * 60, "y": [word, "good"] * 60}), path)
    for format in ("terminal", "text", "json"):
        assert run(["compare", "a.parquet", "b.parquet", "--format", format]) == 0
        out = capsys.readouterr().out
        assert "unseen_category" in out
        assert "\x1b" not in out


def test_its_help_says_what_fails(capsys: Captured) -> None:
    assert run(["compare", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "The exit code is 0 unless --fail-on or --strict says otherwise" in out
    assert "--for " not in out


@pytest.mark.parametrize("name", registry.names("drifts"))
def test_every_measure_has_a_manual(name: str, capsys: Captured) -> None:
    assert run(["explain", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: ")
    assert "Limit:" in out


@pytest.mark.parametrize("format", registry.names("renderers"))
def test_every_format_shows_what_differs(format: str, capsys: Captured) -> None:
    assert run(["compare", "old.csv", "new.csv", "--format", format, "--strict"]) == 1
    assert "unseen_category" in capsys.readouterr().out.replace("\\", "")  # Markdown escapes it

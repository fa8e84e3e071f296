"""`nanclean explain`: manuals, a row of a file, a column of a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nanclean import registry
from nanclean.cli import run

Captured = pytest.CaptureFixture[str]
TABLE = "id,price,qty,day\n007,1.5,3,2024-01-01\n008,NA,3,2024-01-02\n009,900,two,2024-01-03\n010,,4,2024-01-04\n"
RULES = ["--rule", "price: range(0, 100) -> blank", "--rule", "price: missing -> impute(median)"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE + "".join(f"{n},{n / 10},4,2024-02-01\n" for n in range(11, 60)))
    return "t.csv"


def test_every_part_has_a_manual_and_is_listed(capsys: Captured) -> None:
    assert run(["explain"]) == 0
    listed = re.findall(r"^  (\w+)  ", capsys.readouterr().out, re.MULTILINE)
    parts = [name for family in ("detectors", "fixers", "drifts") for name in registry.names(family)]
    assert listed[-len(parts) :] == parts
    for name in parts:
        assert run(["explain", name]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: ")


def test_a_row_shows_what_is_wrong_and_what_becomes_of_it(table: str, capsys: Captured) -> None:
    assert run(["explain", table, "--row", "3", *RULES]) == 0
    out = capsys.readouterr().out
    assert out.startswith("t.csv   row 3 of 53, line 4\n")
    price = next(line for line in out.splitlines() if line.startswith("price"))
    assert re.fullmatch(r"price +900 +range\(0, 100\) \[info\].* +3\.\d+", price)
    assert re.search(r"^qty +two +unparsable \[error\]$", out, re.MULTILINE)
    assert "price: price: range(0, 100) -> blank\n" in out
    assert "price: price: missing -> impute(median)\n" in out


def test_a_row_that_a_rule_drops_says_so(table: str, capsys: Captured) -> None:
    assert run(["explain", table, "--row", "4", "--rule", "price: missing -> drop"]) == 0
    assert "fix drops the row: price: missing -> drop\n" in capsys.readouterr().out


def test_a_row_sees_the_rows_above_where_a_rule_does(table: str, capsys: Captured) -> None:
    assert run(["explain", table, "--row", "4", "--rule", "price: missing -> impute(ffill)"]) == 0
    assert re.search(r"^price +\(missing\) .*\b900$", capsys.readouterr().out, re.MULTILINE)


def test_without_rules_nothing_would_be_done(table: str, capsys: Captured) -> None:
    assert run(["explain", table, "--row", "1"]) == 0
    out = capsys.readouterr().out
    assert "Nothing is wrong with this row.\n" in out
    assert "No rule, so fix would do nothing here." in out


def test_a_column_shows_its_findings_and_the_rules_that_change_it(table: str, capsys: Captured) -> None:
    assert run(["explain", table, "--column", "price", *RULES]) == 0
    out = capsys.readouterr().out
    assert "fix: price: range(0, 100) -> blank: 1 cell, 0 rows\n" in out
    assert "fix: price: missing -> impute(median): 3 cells, 0 rows  (median 3." in out
    assert not re.search(r"^qty", out, re.MULTILINE)
    assert run(["explain", table, "--column", "qty"]) == 0
    assert "No rule changes this column.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["t.csv"], "t.csv is a file", "ask for --row or --column: nanclean explain t.csv --row 1"),
        (["t.csv", "--row", "54"], "t.csv: there is no row 54", "rows are numbered from 1, after the header, to 53"),
        (["t.csv", "--row", "0"], "--row cannot be '0'", "it takes a whole number, 1 or more"),
        (["t.csv", "--column", "prize"], "t.csv: there is no column prize", "did you mean price?"),
        (["--row", "1"], "--row and --column are of a file", "nanclean explain FILE --row 1"),
        (["t.csv", "--row", "1", "--column", "qty"], "--row and --column are two questions", "ask them one after the"),
        (["impte"], "there is no rule 'impte'", "did you mean: nanclean explain impute"),
    ],
)
def test_slips_are_answered(arguments: list[str], error: str, hint: str, table: str, capsys: Captured) -> None:
    assert run(["explain", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {error}\nhint: {hint}")


def test_a_ragged_row_has_no_cells_to_explain(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n")
    assert run(["explain", str(path), "--row", "2"]) == 2
    assert "row 2 is ragged: it does not have 2 cells" in capsys.readouterr().err
    assert run(["explain", str(path), "--row", "3"]) == 0
    assert re.search(r"^b +5$", capsys.readouterr().out, re.MULTILINE)

"""Every refusal of fix, fit and apply through the command line: what is wrong, where, and what to type next."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.cli import run
from nanclean.errors import InputError

Captured = pytest.CaptureFixture[str]
PRICES = ["1.5", "", "3", "inf", "5", "6", "7", "8", "9", "10"] * 3
CITIES = ["a", "b", "", "a", "b", "a", "b", "a", "b", "a"] * 3
LABELS = ["yes", "no", "", "yes", "no", "yes", "no", "yes", "no", "yes"] * 3
OPEN = ["true", "false", "true", "", "true", "true", "false", "true", "true", "true"] * 3


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rows = zip(range(1, 31), PRICES, CITIES, LABELS, OPEN, strict=True)
    Path("t.csv").write_text("row,price,city,y,open\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    Path("there.csv").write_text("x\n")
    Path("dir.csv").mkdir()
    os.link("t.csv", "hard.csv")
    os.symlink("t.csv", "soft.csv")
    pq.write_table(pa.table({"price": [1.0, None, 3.0, 4.0], "city": ["a", None, "c", "d"]}), "t.parquet")
    np.save("i.npy", np.arange(12, dtype=np.int32).reshape(4, 3))
    np.save("f.npy", np.array([[1.0, 2], [np.nan, 3], [4, np.inf]]))
    return tmp_path


def refused(capsys: Captured, code: int, error: str, hint: str | None, *arguments: str) -> None:
    """It ends with this code and these lines, and leaves the folder as it was."""
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert run(arguments) == code
    told = capsys.readouterr()
    expected = "".join(f"error: {line}\n" for line in error.split("\n"))
    assert told.err == expected + (f"hint: {hint}\n" if hint else "")
    assert told.out == ""
    assert {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def rules(*texts: str) -> list[str]:
    return [word for text in texts for word in ("--rule", text)]


DROP = "price: missing -> drop"
OVER = "is the input; it is never written over"
ELSE = "name another file after -o"


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["fix", "t.csv", "-o", "o.csv"], 2, "no rule, nothing to fix",
         "--rule '@all: infinite -> blank', or -p nanclean.toml, which nanclean init writes"),
        (["fit", "t.csv", "-o", "r.json"], 2, "no rule, nothing to fix",
         "--rule '@all: infinite -> blank', or -p nanclean.toml, which nanclean init writes"),
        (["fix", "t.csv", *rules(DROP)], 2, "fix needs a file to write", "-o t.clean.csv, or --dry-run to look first"),
        (["apply", "r.json", "t.csv"], 2, "apply needs a file to write", "-o OUT, or --dry-run to look first"),
        (["fix", "t.csv", "-o", "there.csv", *rules(DROP)], 2, "there.csv: is there already", "--force replaces it"),
        (["fit", "t.csv", "-o", "there.csv", *rules(DROP)], 2, "there.csv: is there already", "--force replaces it"),
        (["fix", "t.csv", "-o", "t.csv", *rules(DROP)], 2, f"t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "./t.csv", *rules(DROP)], 2, f"./t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "dir.csv/../t.csv", *rules(DROP)], 2, f"dir.csv/../t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "hard.csv", "--force", *rules(DROP)], 2, f"hard.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "soft.csv", "--force", *rules(DROP)], 2, f"soft.csv: {OVER}", ELSE),
        (["fix", "soft.csv", "-o", "t.csv", "--force", *rules(DROP)], 2, f"t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "o.csv", "--recipe", "t.csv", "--force", *rules(DROP)], 2, f"t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "o.csv", "--rejected", "t.csv", "--force", *rules(DROP)], 2, f"t.csv: {OVER}", ELSE),
        (["fit", "t.csv", "-o", "t.csv", "--force", *rules(DROP)], 2, f"t.csv: {OVER}", ELSE),
        (["fix", "t.csv", "-o", "o.xyz", *rules(DROP)], 2, "o.xyz: what kind of file is it to be?",
         "let the name end in .csv, .parquet, .npy, .npz, .arrow or .jsonl"),
        (["fix", "t.csv", "-o", "o", *rules(DROP)], 2, "o: what kind of file is it to be?",
         "let the name end in .csv, .parquet, .npy, .npz, .arrow or .jsonl"),
        (["fix", "t.csv", "-o", "o.csv", "--rejected", "r.xyz", *rules(DROP)], 2,
         "r.xyz: what kind of file is it to be?", "let the name end in .csv, .parquet, .npy, .npz, .arrow or .jsonl"),
        (["fix", "t.csv", "-o", "no/o.csv", *rules(DROP)], 3, "cannot write no/o.csv: there is no folder no",
         "mkdir -p no"),
        (["fix", "t.csv", "-o", "dir.csv", *rules(DROP)], 2, "dir.csv: is a folder",
         "name a file in it: dir.csv/clean.csv"),
        (["fix", "t.csv", "-o", "o.csv", "--rejected", "./o.csv", *rules(DROP)], 2,
         "two outputs have the same name", "give each file its own"),
    ],
)  # fmt: skip
def test_files_that_cannot_be(arguments: list[str], code: int, error: str, hint: str, capsys: Captured) -> None:
    refused(capsys, code, error, hint, *arguments)


@pytest.mark.parametrize(
    ("path", "rule", "error", "hint"),
    [
        ("t.csv", "city: zscore -> clip", "zscore is for numeric columns, and city is text",
         "leave city out of the rule"),
        ("t.parquet", "city: zscore -> clip", "zscore is for numeric columns, and city is text",
         "leave city out of the rule"),
        ("t.csv", "city: missing -> impute(median)",
         "impute(median): city is a column of type text, which has no median",
         "write 'city: missing -> impute(mode)'"),
        ("t.csv", "price -> impute(mean)", "impute(mean) needs a find: what is to be done to which cells?",
         "for example 'price: missing -> impute(mean)'"),
        ("t.csv", "price: missing -> normalize(standard)",
         "normalize(standard) takes every cell of the column, and goes without a find",
         "write 'price -> normalize(standard)'"),
        ("t.csv", "price: missing -> clip", "clip needs two fences, and missing draws none",
         "write clip(0, 100), or find with iqr"),
        ("t.csv", "price -> clip", "clip needs two fences, and it has none", "write clip(0, 100), or find with iqr"),
        ("t.csv", "price: missing -> clip(0, 1)",
         "clip(0, 1) moves values, and missing finds cells without one", "write 'price: missing -> impute(median)'"),
        ("t.csv", "price: range(0, 5) -> clip(0, 9)", "clip(0, 9): range(0, 5) takes its bounds for bad as well",
         "write 'price: range(0, 5) -> clip'"),
        ("t.csv", "price: all_missing -> fill(0)", None, None),
        ("t.csv", "city: missing -> fill(0)", "fill(0): city is a column of type text", "write fill('0')"),
        ("t.csv", "row: missing -> fill(1.5)",
         "fill(1.5): row is a column of type integer, and 1.5 is no integer", "write fill(2)"),
        ("t.csv", "price: range(0, 5) -> fill(9)", "fill(9): range(0, 5) takes 9 for bad as well",
         "fill another value"),
        ("t.csv", "city: missing -> fill(NA)", "fill(NA): a cell with 'NA' is missing to most who read the file",
         "take another word, or write blank"),
        ("t.csv", "open -> cast(float32)", "cast(float32): open is boolean, which becomes an integer",
         "write 'open -> cast(int8)'"),
        ("t.csv", "@all: ragged -> fill(0)", "ragged is about the table: fill cannot repair it", "leave the fix out"),
        ("t.csv", "price: ragged -> drop", "ragged is about the table; write @all: ragged", None),
        ("t.csv", "pric: missing -> drop", "there is no column 'pric'; did you mean price?", None),
        ("t.csv", "@numerik: missing -> drop", "there is no selector '@numerik'; did you mean '@numeric'?", None),
        ("t.csv", "price: missing -> impute(medain)", "impute: how is 'medain'; did you mean median?", None),
        ("t.csv", "price: mising -> drop", "there is no find 'mising'; did you mean 'missing'?", None),
        ("i.npy", "c0 -> normalize(standard)",
         "normalize: c0 is an array of int32, which has no room for its results",
         "add above: 'c0 -> cast(float32)'"),
        ("i.npy", "c0: range(0, 1) -> blank",
         "blank: c0 is an array of integers, which has no way to say missing",
         "add above: 'c0 -> cast(float32)', or write 'c0: range(0, 1) -> drop'"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be(path: str, rule: str, error: str | None, hint: str | None, capsys: Captured) -> None:
    out = f"o.{path.split('.')[1]}"
    if error is None:
        assert run(["fix", path, "-o", out, *rules(rule)]) == 0
        return
    refused(capsys, 2, f"--rule {rule!r}: {error}", hint, "fix", path, "-o", out, *rules(rule))
    refused(capsys, 2, f"--rule {rule!r}: {error}", hint, "fit", path, "-o", "r.json", *rules(rule))


def test_a_selector_skips_what_a_rule_does_not_fit_and_says_so() -> None:
    report = nanclean.fix("t.csv", "o.csv", rules=["@all: infinite -> blank"], no_config=True)
    said = [finding.message for finding in report.findings if finding.rule == "policy"]
    assert [name for name in ("row", "price", "city", "y", "open") if any(f"not for {name}, " in text for text in said)
            ] == ["city", "y", "open"]  # fmt: skip
    assert all(text.startswith("@all: infinite -> blank: not for ") for text in said)
    assert {change.column for change in report.changes} == {"row", "price"}
    assert report.exit_code == 0


def test_all_mistakes_are_told_together(capsys: Captured) -> None:
    assert run(["fix", "t.csv", "-o", "o.csv", *rules("pric: missing -> drop", "price: mising -> drop")]) == 2
    told = capsys.readouterr().err
    assert "did you mean price?" in told
    assert "did you mean 'missing'?" in told


def test_protected_columns_change_by_name_only() -> None:
    roles: dict[str, Any] = {"label": "y", "id": "row", "no_config": True}
    report = nanclean.fix("t.csv", "a.csv", rules=["@all: missing -> impute(mode)"], fail_on="never", **roles)
    assert "y" not in {change.column for change in report.changes}
    assert [(f.column, f.count) for f in report.findings if f.rule == "missing" and "still" not in f.message] == [
        ("y", 3)]  # fmt: skip
    assert any("y, which is the label and changes only by name" in f.message for f in report.findings)
    for rule in ("y: missing -> impute(mode)", "@label: missing -> impute(mode)"):
        report = nanclean.fix("t.csv", "a.csv", rules=[rule], force=True, **roles)
        assert [(change.column, change.cells) for change in report.changes] == [("y", 3)]
    report = nanclean.fix("t.csv", "a.csv", rules=["@all: missing -> drop"], force=True, **roles)
    assert {change.column for change in report.changes} == {"row", "price", "city", "y", "open"}, "no cell changes"


@pytest.mark.parametrize(
    ("rule", "exit_code"),
    [("price: missing <= 2", 1), ("price: missing <= 2 -> impute(median)", 1), ("price: missing <= 5%", 1),
     ("price: missing <= 3", 0), ("price: missing <= 3 -> impute(median)", 0), ("price: missing <= 10%", 0),
     ("price: missing", 1)],
)  # fmt: skip
def test_limits(rule: str, exit_code: int, capsys: Captured) -> None:
    assert run(["fix", "t.csv", "-o", "o.csv", *rules(rule)]) == exit_code
    assert "missing" in capsys.readouterr().out
    assert Path("o.csv").exists() == (exit_code == 0)
    assert run(["fix", "t.csv", "-o", "never.csv", "--fail-on", "never", *rules(rule)]) == 0
    assert Path("never.csv").exists()


BUDGETS = [
    ('rules = ["price: missing -> drop"]\n[budget]\nrows_dropped = "5%"',
     "budget: rows_dropped = 5%: 3 rows of 30 (10.0%), 3 by price: missing -> drop"),
    ('label = "y"\nrules = ["price: missing -> drop"]\n[budget]\nrows_dropped_per_class = "10%"',
     "budget: rows_dropped_per_class = 10%: class 'no' of y loses 3 of 12 rows (25.0%), 3 by price: missing -> drop"),
    ('rules = ["price: missing -> impute(median)"]\n[budget]\ncells_changed = "1%"',
     "budget: cells_changed = 1%: 3 cells of 30 in price (10.0%), 3 by price: missing -> impute(median)"),
    ('rules = ["price: missing -> fill(1000)"]\n[budget]\nmean_shift = 0.1',
     "budget: mean_shift = 0.1: the mean of price moves from 6.1875 to 116.611, 40.3 standard deviations; "
     "most cells by price: missing -> fill(1000)"),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "error"), BUDGETS)
def test_budgets(policy: str, error: str, capsys: Captured) -> None:
    Path("p.toml").write_text(f"version = 1\n{policy}\n")
    hint = "look at it with --dry-run; change the rule, or the line in [budget]"
    refused(capsys, 4, error, hint, "fix", "t.csv", "-o", "o.csv", "-p", "p.toml")
    refused(capsys, 4, error, hint, "fix", "t.csv", "-o", "o.csv", "-p", "p.toml", "--fail-on", "never")
    assert run(["fit", "t.csv", "-o", "r.json", "-p", "p.toml"]) == 0
    capsys.readouterr()
    refused(capsys, 4, error, hint, "apply", "r.json", "t.csv", "-o", "o.csv")


def test_budgets_that_hold() -> None:
    """Also: what is rescaled is meant to move."""
    Path("p.toml").write_text(
        'version = 1\nlabel = "y"\nrules = ["price: infinite -> blank", "price: missing -> impute(mean)", '
        '"price -> normalize(standard)", "city: missing -> drop"]\n'
        '[budget]\nmean_shift = 0.001\ncells_changed = "30%"\nrows_dropped = 3\nrows_dropped_per_class = "100%"\n'
    )
    assert run(["fix", "t.csv", "-o", "o.csv", "-p", "p.toml"]) == 0


def test_ragged_records(capsys: Captured) -> None:
    Path("r.csv").write_text("a,b\n1,2\n3\n4,5,6\n,8\n")
    refused(capsys, 3, "r.csv: 2 rows do not have 2 cells, the first on line 3",
            "set them aside with the rule '@all: ragged -> drop'",
            "fix", "r.csv", "-o", "o.csv", *rules("a: missing -> fill(0)"))  # fmt: skip
    assert run(["fix", "r.csv", "-o", "o.csv", *rules("a: missing -> fill(0)", "@all: ragged -> drop")]) == 0
    assert Path("o.csv").read_text() == "a,b\n1,2\n0,8\n"
    assert Path("o.rejected.csv").read_text() == (
        "a,b,_row,_rule,_column,_value,_reason\n"
        ",,2,@all: ragged -> drop,,3,ragged\n"
        ',,3,@all: ragged -> drop,,"4,5,6",ragged\n'
    )


@pytest.mark.parametrize(
    ("path", "rule", "error", "hint"),
    [
        ("g.csv", "a -> normalize(standard)",
         "a: normalize(standard) cannot take 1 cell that is no number in rows 1 to 41, first row 41",
         "add above: 'a: unparsable -> impute(median)'"),
        ("g.csv", "a -> cast(float32)", "a: cast(float32): 1 cell is no number: row 41",
         "add above: 'a: unparsable -> blank'"),
        ("t.csv", "price -> normalize(robust)",
         "price: normalize(robust) cannot take 3 missing cells in rows 1 to 30, first row 2",
         "add above: 'price: missing -> impute(median)'"),
        ("t.csv", "price -> log1p", "price: log1p cannot take 3 missing cells in rows 1 to 30, first row 2",
         "add above: 'price: missing -> impute(median)'"),
        ("f.npy", "c1 -> normalize(minmax)",
         "c1: normalize(minmax) cannot take 1 infinite cell in rows 1 to 3, first row 3",
         "add above: 'c1: infinite -> impute(median)'"),
        ("t.csv", "row -> cast(int8)", None, None),
        ("big.csv", "a -> cast(int8)", "a: cast(int8): 2 values are beyond int8: row 1: 300 and row 3: -200",
         "add above: 'a: range(-128, 127) -> blank'"),
        ("none.csv", "a: missing -> impute(mean)",
         "a: impute(mean) has nothing to learn from: all cells are missing",
         "add above: 'a: all_missing -> drop_column'"),
        ("none.csv", "a -> normalize(standard)",
         "a: normalize(standard) has nothing to learn from: no cell holds a finite value",
         "add above: 'a: all_missing -> drop_column'"),
    ],
)  # fmt: skip
def test_data_that_a_rule_cannot_bear(path: str, rule: str, error: str | None, hint: str, capsys: Captured) -> None:
    Path("g.csv").write_text("a,b\n" + "".join(f"{i},{i}\n" for i in range(40)) + "oops,3\n")
    Path("big.csv").write_text("a,b\n300,1\n5,1\n-200,1\n")
    Path("none.csv").write_text("a,b\n,1\n,2\n")
    out = f"o.{path.split('.')[1]}"
    if error is None:
        assert run(["fix", path, "-o", out, *rules(rule)]) == 0
        return
    refused(capsys, 4, error, hint, "fix", path, "-o", out, *rules(rule))


SMALL_RULES = [
    "a: missing -> impute(mean)", "a: missing -> impute(mode)", "a: missing -> impute(ffill)", "a: missing -> fill(0)",
    "a: missing -> drop", "a: missing -> blank", "a: missing -> flag", "a: iqr -> clip", "a -> clip(0, 9)",
    "a -> normalize(standard)", "a -> normalize(robust)", "a -> log1p", "a -> cast(float32)",
    "a: all_missing -> drop_column", "a: constant -> drop_column", "a: zscore -> impute(median)",
]  # fmt: skip
TABLES: dict[str, list[float | None]] = {
    "all missing": [None, None, None], "constant": [4.0, 4.0, 4.0], "one row": [4.0], "one gap": [None], "no rows": [],
}  # fmt: skip
GIVES: dict[tuple[str, str], Any] = {
    ("all missing", "a: missing -> impute(mean)"): 4, ("all missing", "a: missing -> impute(mode)"): 4,
    ("all missing", "a: missing -> fill(0)"): [0.0] * 3, ("all missing", "a: missing -> drop"): [],
    ("all missing", "a -> normalize(standard)"): 4, ("all missing", "a -> normalize(robust)"): 4,
    ("all missing", "a: zscore -> impute(median)"): 4, ("one gap", "a: zscore -> impute(median)"): 4,
    ("all missing", "a -> log1p"): 4, ("all missing", "a: all_missing -> drop_column"): None,
    ("constant", "a -> normalize(standard)"): [0.0] * 3, ("constant", "a -> normalize(robust)"): [0.0] * 3,
    ("constant", "a -> log1p"): [math.log1p(4)] * 3, ("constant", "a: constant -> drop_column"): None,
    ("one row", "a -> normalize(standard)"): [0.0], ("one row", "a -> normalize(robust)"): [0.0],
    ("one row", "a -> log1p"): [math.log1p(4)],
    ("one gap", "a: missing -> impute(mean)"): 4, ("one gap", "a: missing -> impute(mode)"): 4,
    ("one gap", "a: missing -> fill(0)"): [0.0], ("one gap", "a: missing -> drop"): [],
    ("one gap", "a -> normalize(standard)"): 4, ("one gap", "a -> normalize(robust)"): 4,
    ("one gap", "a -> log1p"): 4, ("one gap", "a: all_missing -> drop_column"): None,
}  # fmt: skip
"""What comes out, or the exit code; None: the column is gone. All others: what went in."""


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("name", TABLES)
def test_small_tables(name: str, form: str, capsys: Captured) -> None:
    cells = TABLES[name]
    if form == "csv":
        Path("s.csv").write_text("a,b\n" + "".join(f"{'' if v is None else v},1\n" for v in cells))
    else:
        pq.write_table(pa.table({"a": pa.array(cells, pa.float64()), "b": [1.0] * len(cells)}), "s.parquet")
    for rule in SMALL_RULES:
        expected = GIVES.get((name, rule), cells)
        code = run(["fix", f"s.{form}", "-o", f"o.{form}", "--force", *rules(rule)])
        told = capsys.readouterr().err
        if isinstance(expected, int):
            assert code == expected, (rule, told)
            assert "hint: add above: " in told
            continue
        assert code == 0, (rule, told)
        assert read_a(f"o.{form}") == expected, rule


def read_a(path: str) -> list[float | None] | None:
    if path.endswith("parquet"):
        table = pq.read_table(path)
        return table["a"].to_pylist() if "a" in table.column_names else None
    header, *lines = [line.split(",") for line in Path(path).read_text().splitlines()]
    return [float(line[0]) if line[0] else None for line in lines] if header[0] == "a" else None


@pytest.mark.parametrize("path", ["t.csv", "t.parquet", "f.npy"])
def test_input_that_changes_meanwhile(path: str) -> None:
    """Whenever it happens: exit 3, and nothing is there."""
    column = "c0" if path == "f.npy" else "price"
    calls: list[int] = []

    def count(done: int, of: int, *looks: int) -> None:
        calls.append(done)

    options: dict[str, Any] = {"rules": [f"{column}: missing -> impute(mean)"], "no_config": True}
    nanclean.fix(path, f"first.{path.split('.')[1]}", progress=count, **options)
    assert len(calls) > 2
    out = f"o.{path.split('.')[1]}"
    for moment in range(len(calls) - 1):  # the last call comes from reading the output back
        data = Path(path).read_bytes()
        seen: list[int] = []

        def touch(
            done: int, of: int, *looks: int, moment: int = moment, seen: list[int] = seen, data: bytes = data
        ) -> None:
            seen.append(done)
            if len(seen) == moment + 1:
                Path(path).write_bytes(data)
                os.utime(path, ns=(moment, 1_000 * (moment + 1)))

        with pytest.raises(InputError, match="changed while") as error:
            nanclean.fix(path, out, progress=touch, **options)
        assert error.value.exit_code == 3
        assert not Path(out).exists()
        assert not [name for name in os.listdir() if name.startswith(".")], "drafts are gone"


# --- recipes

RECIPE = [
    "price: infinite -> blank", "price: missing -> impute(median)", "city: missing -> impute(mode)",
    "price: zscore(2) -> clip",
]  # fmt: skip


@pytest.fixture
def recipe() -> dict[str, Any]:
    nanclean.fit("t.csv", "r.json", rules=RECIPE, label="y", no_config=True)
    return json.loads(Path("r.json").read_text())


def table(name: str, header: str, *lines: str) -> str:
    Path(name).write_text("\n".join([header, *lines]) + "\n")
    return name


HEADER = "row,price,city,y,open"


@pytest.mark.usefixtures("recipe")
def test_a_table_that_a_recipe_does_not_fit(capsys: Captured) -> None:
    kind = "repair the file, or fit a recipe on data of this kind"
    for path, error, hint in (
        (table("a.csv", "row,price,y,open", "1,2,yes,true"), "a.csv: the recipe works on city, which is not there",
         "is it the right file for this recipe?"),
        (table("b.csv", "row,price,citi,y,open", "1,2,a,yes,true"),
         "b.csv: the recipe works on city, which is not there", "is it citi here? rename it"),
        (table("c.csv", HEADER, "1,high,a,yes,true", "2,low,,no,false"),
         "c.csv: price is text here, and was float in the training data", kind),
    ):  # fmt: skip
        refused(capsys, 2, error, hint, "apply", "r.json", path, "-o", "o.csv")


def strangeness(path: str, out: str = "o.csv", **options: Any) -> set[tuple[str, str, str | None]]:
    report = nanclean.apply("r.json", path, out, force=True, **options)
    assert report.exit_code == 0
    assert Path(out).exists()
    rules = {"missing_column", "new_column", "changed_type", "unseen_category", "missing_rate", "training_rows"}
    return {(f.rule, f.severity, f.column) for f in report.findings if f.rule in rules}


@pytest.mark.usefixtures("recipe")
def test_what_the_training_data_did_not_have() -> None:
    usual = ["1,5.5,a,yes,true", "2,6.5,b,no,false"]
    assert strangeness("t.csv") == set()
    assert strangeness(table("a.csv", "row,price,city,open", "1,5.5,a,true")) == {("missing_column", "info", "y")}
    assert strangeness(table("b.csv", "price,city,y,open", "5.5,a,yes,true")) == {("missing_column", "warning", "row")}
    assert strangeness(table("c.csv", f"{HEADER},more", "1,5.5,a,yes,true,7")) == {("new_column", "info", "more")}
    assert strangeness(table("d.csv", HEADER, *usual, "3,7,zz,yes,true")) == {("unseen_category", "warning", "city")}
    assert strangeness(table("e.csv", HEADER, "1,,a,yes,true", *usual * 2)) == set(), "one in five of few"
    assert strangeness(table("f.csv", HEADER, *["1,,a,yes,true"] * 60, *usual)) == {
        ("missing_rate", "warning", "price")
    }
    assert strangeness(table("g.csv", HEADER, "1,5.5,a,yes,maybe")) >= {("changed_type", "warning", "open")}
    assert strangeness("t.csv", expect_disjoint=True) == {("training_rows", "warning", None)}
    assert strangeness("d.csv", expect_disjoint=True) == {("unseen_category", "warning", "city")}


@pytest.mark.usefixtures("recipe")
def test_a_small_file_is_read_as_what_it_was_in_training() -> None:
    """One row has no fraction, another no value at all: neither is another type for that."""
    for line, expected in (("1,5,a,yes,true", "1,5,a,yes,true"), ("1,,,yes,true", "1,6.5,a,yes,true"),
                           ("1,,007,yes,true", "1,6.5,007,yes,true"), ("1,,,,", "1,6.5,a,,")):  # fmt: skip
        nanclean.apply("r.json", table("s.csv", HEADER, line), "o.csv", force=True)
        assert Path("o.csv").read_text() == f"{HEADER}\n{expected}\n"


AGAIN = "make it again: nanclean fit TRAIN -o R.json"
NO_JSON = "is damaged: JSON is malformed: invalid character (byte "


def step(number: int, part: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda recipe: recipe["steps"][number][part].update(changes)


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown key": (lambda r: r.update(more=1), "is damaged: object contains unknown field `more`"),
    "wrong rule": (lambda r: r["steps"][0].update(rule=99),
                   "step 0 is of rule 99, which is not there, or not in its order"),
    "rules upside down": (lambda r: r["steps"].reverse(),
                          "step 1 is of rule 2, which is not there, or not in its order"),
    "other version": (lambda r: r.update(schema="nanclean.recipe/2"),
                      "is a recipe of another version than nanclean.recipe/1"),
    "NaN": (step(1, "fix", value=math.nan), NO_JSON),
    "infinity": (step(1, "fix", value=math.inf), NO_JSON),
    "unknown word": (step(1, "fix", how="medain"), "impute: how is 'medain'; did you mean median?"),
    "unknown setting": (step(1, "fix", extra=1), "impute: there is no 'extra'; choose from by, dtype, figure, "),
    "unknown fixer": (step(1, "fix", name="evil"), "there is no fixer 'evil'; choose from "),
    "unknown find": (step(1, "find", name="evil"), "there is no "),
    "half a fence": (step(3, "fix", fences=[1]), "clip: fences must be something else, not "),
    "a fence of words": (step(3, "find", fences=["a", "b"]), "zscore: fences must be something else, not "),
    "a list for a value": (step(1, "fix", value=[1]), "impute: value must be a number, not "),
    "column twice": (lambda r: r["data"]["columns"].append(r["data"]["columns"][0]), "a column is in it twice"),
    "fingerprint": (lambda r: r["data"].update(fingerprint=["zz"]), "the fingerprint is no list of 64-bit "),
    "rows": (lambda r: r["data"].update(rows=-1), "it was fitted on fewer than no rows"),
    "no steps": (lambda r: r.pop("steps"), "is damaged: object missing required field `steps`"),
    "fix is a number": (lambda r: r["steps"][1].update(fix=7), "is damaged: expected `object | null`, got `int`"),
    "rule": (lambda r: r["policy"]["rules"][0].update(text="price: evil"), "there is no find 'evil'; choose from "),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_recipe(edit: str, recipe: dict[str, Any], capsys: Captured) -> None:
    change, error = EDITS[edit]
    change(recipe)
    Path("bad.json").write_text(json.dumps(recipe))
    assert run(["apply", "bad.json", "t.csv", "-o", "o.csv"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"error: bad.json: {error}")
    assert told[1:] == [f"hint: {AGAIN}"]
    assert not Path("o.csv").exists()


@pytest.mark.usefixtures("recipe")
def test_a_damaged_recipe(capsys: Captured) -> None:
    whole = Path("r.json").read_bytes()
    Path("cut.json").write_bytes(whole[:400])
    Path("bytes.json").write_bytes(b"\xff\xfe\x00")
    Path("empty.json").write_bytes(b"")
    refused(
        capsys, 2, "cut.json: is damaged: input data was truncated", AGAIN, "apply", "cut.json", "t.csv", "-o", "o.csv"
    )
    for name in ("bytes.json", "empty.json", "t.csv"):
        refused(capsys, 2, f"{name}: is no recipe", AGAIN, "apply", name, "t.csv", "-o", "o.csv")
    refused(
        capsys, 2, "r.jsn: there is no such recipe", "did you mean r.json?", "apply", "r.jsn", "t.csv", "-o", "o.csv"
    )
    of_step = whole.replace(b'"column": "city"', b'"column": "nope"')
    Path("other.json").write_bytes(of_step)
    step_ = "other.json: step 2 is of 'nope', which is not among the columns"
    refused(capsys, 2, step_, AGAIN, "apply", "other.json", "t.csv", "-o", "o.csv")
    Path("other.json").write_bytes(of_step.replace(b'"name": "city"', b'"name": "nope"'))
    step_ = "t.csv: the recipe works on nope, which is not there"
    refused(capsys, 2, step_, "is it open here? rename it", "apply", "other.json", "t.csv", "-o", "o.csv")
    for value in (b'"text"', b"true"):
        Path("other.json").write_bytes(
            re.sub(rb'("name": "impute", "how": "median".*?"value": )[^,}]*', rb"\1" + value, whole)
        )
        told = value.decode().strip('"').capitalize() if value == b"true" else "text"
        step_ = f"other.json: impute: {told!r} is no value of a column of type float"
        refused(capsys, 2, step_, AGAIN, "apply", "other.json", "t.csv", "-o", "o.csv")


@pytest.mark.usefixtures("recipe")
def test_a_recipe_from_another_format() -> None:
    columns = {"row": [1, 2, 3], "price": [1.0, None, math.inf], "city": ["a", None, "b"], "y": ["yes", "no", "no"],
               "open": [True, False, None]}  # fmt: skip
    pq.write_table(pa.table(columns), "x.parquet")
    report = nanclean.apply("r.json", "x.parquet", "o.parquet")
    assert report.exit_code == 0
    assert pq.read_table("o.parquet").to_pydict() == {
        **columns, "price": [fences("r.json")[0], 6.5, 6.5], "city": ["a", "a", "b"],
    }  # fmt: skip


def fences(path: str) -> list[float]:
    found: list[float] = json.loads(Path(path).read_text())["steps"][3]["fix"]["fences"]
    return found


def test_a_limit_counts_what_reached_the_rule() -> None:
    """Rows that went before are in neither number."""
    table = {"label": [1.0, None, 0.0, 1.0], "x": [1.0, None, None, 4.0]}
    rules = ["label: missing -> drop", "x: missing <= 10% -> impute(mean)"]
    report = nanclean.fix(pa.table(table), rules=rules, label="label", fail_on="never")
    (finding,) = [each for each in report.findings if each.rule == "missing" and each.limit is not None]
    assert (finding.count, finding.of) == (1, 3)
    assert finding.message.startswith("1 of 3 cells (33.3%)")

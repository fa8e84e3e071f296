"""The gate: folders, patterns, files that cannot be read, and what is known already."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanclean
from nanclean.baseline import Baseline, KnownFinding
from nanclean.cli import run
from nanclean.errors import UsageError
from nanclean.finding import Finding
from nanclean.report import Report
from tests import reports

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


def table(path: str, *, infinite: int = 0, missing: int = 0, rows: int = 100) -> None:
    """A CSV with so many infinite and so many missing cells."""
    cells = ["inf"] * infinite + [""] * missing
    cells += [str(n % 37) for n in range(rows - len(cells))]
    random.Random(1).shuffle(cells)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("x,y\n" + "".join(f"{cell},{n}\n" for n, cell in enumerate(cells)))


def lines(capsys: Captured) -> list[str]:
    return capsys.readouterr().out.splitlines()


# --- folders


def test_every_table_in_and_below_a_folder_is_checked(capsys: Captured) -> None:
    for path in ("data/b.csv", "data/a.csv", "data/deep/er/c.TSV", "data/.git/d.csv", "data/.hidden.csv"):
        table(path)
    np.save("data/e.npy", np.array([1.0, np.inf]))
    Path("data/README.txt").write_text("not a table\n")
    Path("data/notes.md").write_text("# no\n")
    os.symlink(os.path.abspath("data"), "data/loop")
    os.symlink(os.path.abspath("data/a.csv"), "data/link.csv")
    assert run(["check", "data", "--fail-on", "never"]) == 0
    seen: list[str] = []
    run(["check", "data", "--json", "r.json", "--fail-on", "never"])
    seen = [each["source"]["path"] for each in json.loads(Path("r.json").read_text())]
    assert seen == ["data/a.csv", "data/b.csv", "data/deep/er/c.TSV", "data/e.npy", "data/link.csv"]
    capsys.readouterr()
    assert run(["check", "data"]) == 1
    assert lines(capsys)[-1] == "FAILED  1 error in 5 files"


def test_the_folder_itself_is_named_as_it_was(capsys: Captured) -> None:
    table("a.csv", infinite=1)
    table("deep/b.csv", infinite=1)
    assert run(["check", "."]) == 1
    assert [line.partition(":")[0] for line in lines(capsys)[:-1]] == ["a.csv", "deep/b.csv"]


@pytest.mark.parametrize(
    "arguments", [["empty"], ["good.csv", "empty"], ["gone.csv"], ["no*.csv"], ["good.csv", "gone"]]
)
def test_nothing_to_read_is_no_pass(arguments: list[str], capsys: Captured) -> None:
    Path("empty").mkdir()
    Path("empty/notes.txt").write_text("prose\n")
    table("good.csv")
    code = run(["check", *arguments])
    assert code in (2, 3)
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert "1 file not read" in shown.out.splitlines()[-1]
    assert shown.out.splitlines()[-1].startswith("FAILED")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into_fails() -> None:
    table("data/closed/a.csv")
    table("data/b.csv")
    os.chmod("data/closed", 0)
    try:
        assert run(["check", "data"]) == 3
    finally:
        os.chmod("data/closed", 0o700)


def test_a_folder_that_cannot_be_read_is_an_error_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from nanclean.cli import _files

    table("data/a.csv")
    table("data/deep/b.csv")
    real = os.scandir

    def closed(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(_files.os, "scandir", closed)
    found = list(_files.tables(["data"]))
    assert found[0] == "data/a.csv"
    assert isinstance(found[1], nanclean.errors.InputError)
    assert found[1].message == "data/deep: permission denied"


def test_one_bad_file_hides_no_other(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    table("a.csv", infinite=2)
    Path("b.parquet").write_bytes(b"PAR1 but no more")
    table("c.csv", infinite=1)
    assert run(["check", "*.csv", "b.parquet"]) == 3
    shown = capsys.readouterr()
    assert [line.partition(":")[0] for line in shown.out.splitlines()[:-1]] == ["a.csv", "c.csv"]
    assert shown.out.splitlines()[-1].startswith("FAILED  2 errors in 2 files; 1 file not read")

    from nanclean import api

    real = api._scan

    def broken(source: object, **options: object) -> Report:
        if source == "a.csv":
            raise RuntimeError("a secret from the data")
        return real(source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "_scan", broken)
    assert run(["check", "a.csv", "c.csv"]) == 70, "a bug in one file is no pass, and hides no other"
    shown = capsys.readouterr()
    assert "c.csv" in shown.out
    assert "secret" not in shown.out + shown.err


# --- what is known already


def test_a_known_finding_passes_and_a_new_one_fails(capsys: Captured) -> None:
    table("a.csv", infinite=2, missing=3)
    assert run(["check", "a.csv", "--baseline", "base.json"]) == 2, "there is no baseline yet"
    assert run(["check", "a.csv", "--baseline", "base.json", "--update-baseline"]) == 0
    written = Path("base.json").read_bytes()
    capsys.readouterr()
    assert run(["check", "a.csv", "--baseline", "base.json"]) == 0
    assert lines(capsys) == ["PASSED  nothing new in 1 file; 2 known"]
    assert run(["check", "a.csv", "--baseline", "base.json", "--strict"]) == 0
    assert run(["check", "a.csv", "--baseline", "base.json", "--update-baseline"]) == 0
    assert Path("base.json").read_bytes() == written, "the same findings, the same bytes"

    table("a.csv", infinite=3, missing=3)
    capsys.readouterr()
    assert run(["check", "a.csv", "--baseline", "base.json"]) == 1
    first, *_, last = lines(capsys)
    assert "infinite" in first
    assert first.endswith("[error, worse]")
    assert last.startswith("FAILED  1 error in 1 file; 1 known")

    table("b.csv", infinite=1)
    assert run(["check", "b.csv", "--baseline", "base.json"]) == 1
    assert lines(capsys)[0].endswith("[error, new]")


def test_other_files_stay_known_and_those_that_are_gone_do_not() -> None:
    for name in ("a.csv", "b.csv"):
        table(name, infinite=1)
        assert run(["check", name, "--baseline", "base.json", "--update-baseline"]) == 0
    assert set(json.loads(Path("base.json").read_text())["files"]) == {"a.csv", "b.csv"}
    assert run(["check", "a.csv", "b.csv", "--baseline", "base.json"]) == 0
    os.unlink("a.csv")
    assert run(["check", "b.csv", "--baseline", "base.json", "--update-baseline"]) == 0
    assert set(json.loads(Path("base.json").read_text())["files"]) == {"b.csv"}


def test_what_was_mended_is_told(capsys: Captured) -> None:
    table("a.csv", infinite=1, missing=1)
    run(["check", "a.csv", "--baseline", "base.json", "--update-baseline"])
    table("a.csv", missing=1)
    capsys.readouterr()
    assert run(["check", "a.csv", "--baseline", "base.json"]) == 0
    assert capsys.readouterr().err.startswith("note: 1 finding is in base.json and not in the data any more")


def test_a_file_that_cannot_be_read_is_never_known() -> None:
    Path("a.parquet").write_bytes(b"PAR1")
    assert run(["check", "a.parquet", "--baseline", "base.json", "--update-baseline"]) == 3
    assert run(["check", "a.parquet", "--baseline", "base.json"]) == 3


def test_files_are_named_from_the_folder_of_the_baseline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    table("data/a.csv", infinite=1)
    Path("ci").mkdir()
    assert run(["check", "data/a.csv", "--baseline", "ci/base.json", "--update-baseline"]) == 0
    assert list(json.loads(Path("ci/base.json").read_text())["files"]) == ["../data/a.csv"]
    assert str(folder) not in Path("ci/base.json").read_text()
    monkeypatch.chdir("data")
    assert run(["check", "a.csv", "--baseline", "../ci/base.json"]) == 0
    assert run(["check", str(folder / "data" / "a.csv"), "--baseline", "../ci/base.json"]) == 0


def test_it_holds_no_value_from_the_data() -> None:
    Path("a.csv").write_text("x\n" + "1\n2\n3\n" * 40 + "611380.25\n")
    Path("b.csv").write_text("x\n" + "secretword\n" * 9)
    run(["check", "a.csv", "b.csv", "--baseline", "base.json", "--update-baseline"])
    text = Path("base.json").read_text()
    assert "constant" in text
    assert "611380" not in text
    assert "secretword" not in text


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"schema": "nanclean.recipe/1"}', '{"schema": "nanclean.baseline/2", "files": {}}',
     '{"schema": "nanclean.baseline/1", "files": {"a": [{"rule": 1}]}}',
     '{"schema": "nanclean.baseline/1", "files": {}, "more": 1}', "\x00\xff"],
)  # fmt: skip
def test_a_wrong_baseline_is_refused_before_anything_is_read(text: str, capsys: Captured) -> None:
    Path("base.json").write_text(text, encoding="latin-1")
    assert run(["check", "gone.csv", "--baseline", "base.json"]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: base.json: is no baseline")
    assert "gone" not in shown.err
    assert Path("base.json").read_text(encoding="latin-1") == text


def test_updating_needs_a_name(capsys: Captured) -> None:
    assert run(["check", "a.csv", "--update-baseline"]) == 2
    assert "--baseline" in capsys.readouterr().err


severities = st.sampled_from(["error", "warning", "info"])
counts = st.none() | st.integers(0, 5)


@given(severities, severities, counts, counts, st.none() | st.integers(1, 5), st.none() | st.integers(1, 5))
def test_known_is_what_is_no_worse(was: str, now: str, before: int, after: int, of_before: int, of_after: int) -> None:
    def found(severity: str, count: int | None, of: int | None) -> Finding:
        share = count / of if count is not None and of is not None else None
        given = {"rule": "missing", "rule_text": "x: missing", "column": "x", "message": ""}
        return Finding(**given, severity=severity, count=count, of=of, share=share)  # type: ignore[arg-type]

    old, new = found(was, before, of_before), found(now, after, of_after)
    known = Baseline("base.json")
    known.learn([reports.report([], [old])])
    (judged,) = known.judged(reports.report([], [new]), "info").findings
    ranks = ["error", "warning", "info"]
    worse = ranks.index(now) < ranks.index(was)
    if old.share is not None and new.share is not None:
        worse |= new.share > old.share
    elif new.count is not None:
        worse |= old.count is None or new.count > old.count
    assert judged.baseline == ("worse" if worse else "known")
    assert judged.fails("info") == worse
    assert KnownFinding.of(old).key == KnownFinding.of(new).key


def test_a_baseline_comes_back_as_it_was_written() -> None:
    known = Baseline("base.json")
    known.learn([reports.weather(), reports.hostile("a\nb\x1b[2J\u202e")])
    Path("base.json").write_text(known.to_json(), encoding="utf-8")
    again = Baseline.read("base.json")
    assert again.to_json() == known.to_json()
    assert all(c.isprintable() or c == "\n" for c in known.to_json())
    known.learn([reports.weather()])
    assert known.judged(reports.weather(), "warning").exit_code == 0
    turned = Baseline("base.json")
    turned.learn([reports.report([], reports.weather().findings[::-1])])
    assert turned.to_json() == known.to_json(), "the order of findings makes no difference"


def test_a_baseline_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanclean.baseline.LARGEST", 10)
    Path("base.json").write_text(Baseline("base.json").to_json())
    with pytest.raises(UsageError, match="too large"):
        Baseline.read("base.json")


# --- what is computed


def test_the_gate_computes_the_figures_that_are_shown() -> None:
    np.save("x.npy", np.random.default_rng(0).normal(size=300_000))
    run(["check", "x.npy", "--json", "lean.json"])
    run(["check", "x.npy", "--json", "full.json", "--format", "terminal"])
    lean, full = (json.loads(Path(name).read_text())["columns"][0] for name in ("lean.json", "full.json"))
    assert (lean["median"], lean["reason"]) == (None, "not measured")
    assert full["median"] == pytest.approx(0, abs=0.01)
    assert lean["max"] == full["max"]


# --- what must not pass in silence


def test_a_limit_of_drift_without_older_data_is_no_pass(capsys: Captured) -> None:
    table("a.csv")
    assert run(["check", "a.csv", "--rule", "@numeric: psi <= 0.2"]) == 2
    assert "--against R.json" in capsys.readouterr().err
    with pytest.raises(UsageError, match="compares two datasets"):
        nanclean.check({"x": [1.0]}, rules=["x: mean_shift <= 0.1"])
    Path("nanclean.toml").write_text('version = 1\nrules = ["@numeric: psi <= 0.2"]\n')  # one policy for all commands
    assert run(["check", "a.csv"]) == 0
    assert capsys.readouterr().err.startswith("note: limits of drift in the policy need older data")
    assert run(["scan", "a.csv", "--json", "old.json"]) == 0
    capsys.readouterr()
    assert run(["check", "a.csv", "--against", "old.json"]) == 0
    assert capsys.readouterr().err == ""


def test_what_only_a_fix_would_repair_is_told(capsys: Captured) -> None:
    table("a.csv", infinite=2)
    assert run(["check", "a.csv", "--rule", "x: infinite -> blank"]) == 0
    assert lines(capsys) == ["PASSED  nothing found in 1 file; 1 finding left to nanclean fix"]


def test_a_policy_that_does_not_fit_a_file_names_it(capsys: Captured) -> None:
    table("a.csv")
    Path("b.csv").write_text("other\n1\n")
    Path("c.csv").write_text("another\n1\n")
    Path("nanclean.toml").write_text('version = 1\nrules = ["x: range(0, 100)"]\n')
    assert run(["check", "a.csv", "b.csv", "c.csv"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if line.startswith("error: ")] == [
        "error: b.csv: nanclean.toml:2: rules: there is no column 'x'",
        "error: c.csv: nanclean.toml:2: rules: there is no column 'x'",
    ]
    assert run(["check", "b.csv"]) == 2
    assert capsys.readouterr().err.startswith("error: nanclean.toml:2: rules: there is no column 'x'")
    assert run(["check", "a.csv", "b.csv", "--no-config", "--columns", "x"]) == 2
    assert capsys.readouterr().err.startswith("error: b.csv: --columns: there is no column 'x'")


def test_packed_tables_in_a_folder_are_not_passed_over(capsys: Captured) -> None:
    table("data/a.csv")
    Path("data/b.csv.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(20))
    assert run(["check", "data"]) == 3
    assert "data/b.csv.gz: cannot be unpacked" in capsys.readouterr().err


def test_a_table_without_a_row_is_told() -> None:
    Path("none.csv").write_text("a,b\n")
    assert run(["check", "none.csv", "--strict"]) == 1
    assert run(["check", "none.csv"]) == 0
    assert [finding.rule for finding in nanclean.scan({"x": np.array([])}).findings] == ["no_rows"]


@pytest.mark.parametrize("taken", ["pol.toml", "base.json", "old.json", "./a.csv", "twice.md"])
def test_a_report_never_takes_the_place_of_what_is_read(taken: str) -> None:
    table("a.csv")
    Path("pol.toml").write_text("version = 1\n")
    run(["scan", "a.csv", "--json", "old.json"])
    run(["check", "a.csv", "--baseline", "base.json", "--update-baseline"])
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    given = [
        "check",
        "a.csv",
        "-p",
        "pol.toml",
        "--baseline",
        "base.json",
        "--against",
        "old.json",
        "--html",
        "twice.md",
    ]
    assert run([*given, "--md", taken]) == 2
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_a_report_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    from nanclean.renderers import html

    def broken(*_: object) -> None:
        raise RuntimeError("a secret from the data")

    monkeypatch.setattr(html, "render", broken)
    table("a.csv")
    assert run(["check", "a.csv", "--html", "a.html", "--md", "a.md"]) == 70
    assert Path("a.md").read_text().startswith("### nanclean: PASSED")
    assert not Path("a.html").exists()
    assert "secret" not in capsys.readouterr().err


def test_other_columns_stay_known(capsys: Captured) -> None:
    Path("a.csv").write_text("x,y\n" + "1,2\n" * 9 + ",\n")
    assert run(["check", "a.csv", "--baseline", "base.json", "--update-baseline"]) == 0
    written = Path("base.json").read_bytes()
    capsys.readouterr()
    assert run(["check", "a.csv", "--columns", "x", "--baseline", "base.json", "--strict"]) == 0
    assert capsys.readouterr().err == "", "what was not looked at is not gone"
    assert run(["check", "a.csv", "--columns", "x", "--baseline", "base.json", "--update-baseline"]) == 0
    assert Path("base.json").read_bytes() == written


def test_another_limit_makes_no_other_finding(capsys: Captured) -> None:
    table("a.csv")
    given = ["check", "a.csv", "--baseline", "base.json"]
    assert run([*given, "--rule", "x: range(0, 20) <= 10%", "--update-baseline"]) == 0
    assert run([*given, "--rule", "x: range(0, 20) <= 20%"]) == 0
    assert run([*given, "--rule", "x: range(0, 19) <= 10%"]) == 1, "but other bounds do"


def test_the_hint_can_be_typed(capsys: Captured) -> None:
    table("-a.csv", infinite=1)
    assert run(["check", ".", "--rule", "x: range(0, 20)", "--delimiter", ","]) == 1
    hint = capsys.readouterr().err.splitlines()[-1]
    assert hint.startswith("hint: nanclean scan ./-a.csv --delimiter , --rule 'x: range(0, 20)' tells more")

"""--sample: the rows that a seed takes, under their own numbers, and a bound that holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

import nanclean
from nanclean.cli import group, run
from nanclean.errors import UsageError
from nanclean.finding import at_most
from nanclean.sampled import Choice, Sampled, bad_blocks

R = np.random.default_rng(11)
ROWS = 6_000


def table() -> pd.DataFrame:
    x = R.normal(size=ROWS)
    x[R.random(ROWS) < 0.02] = np.nan
    x[R.choice(ROWS, 60, replace=False)] = np.inf
    words = R.choice(["red", "green", "", "two\nlines", 'a "b"'], ROWS)
    return pd.DataFrame({"x": x, "n": R.integers(0, 9, ROWS), "word": words})


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Any]:
    folder, frame = tmp_path_factory.mktemp("sampled"), table()
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.csv.gz", index=False)
    frame.to_parquet(folder / "t.parquet", row_group_size=700)
    np.save(folder / "t.npy", frame[["x", "n"]].to_numpy(float))
    np.save(folder / "f.npy", np.asfortranarray(frame[["x", "n"]].to_numpy(float)))
    np.save(folder / "v.npy", frame["x"].to_numpy())
    np.save(folder / "r.npy", frame[["x", "n"]].to_records(index=False))
    np.save(folder / "g.npy", R.normal(size=(ROWS, 2, 3)))
    (folder / "parts").mkdir()
    for number in range(3):
        part = frame.iloc[number * 2_000 : (number + 1) * 2_000]
        part.to_parquet(folder / "parts" / f"{number}.parquet")
    found: dict[str, Any] = {path.name: str(path) for path in folder.iterdir()}
    return {**found, "frame": frame, "array": frame[["x", "n"]].to_numpy(float)}


NAMES = ["t.csv", "t.csv.gz", "t.parquet", "t.npy", "f.npy", "v.npy", "r.npy", "g.npy", "parts", "frame", "array"]


def scan(source: object, **options: Any) -> nanclean.Report:
    return nanclean.scan(source, no_config=True, **options)


def plain(report: nanclean.Report) -> dict[str, Any]:
    """Everything but the marks, and how the work was done."""
    data = json.loads(report.to_json())
    data["source"].pop("sample")
    data.pop("run")
    for finding in data["findings"]:
        finding.pop("sampled")
        lines = finding["message"].replace(" (sampled)", "").split("\n")
        finding["message"] = [line for line in lines if "confidence" not in line]
    return data


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_everything_is_everything(files, name):
    whole, sampled = scan(files[name]), scan(files[name], sample=1.0)
    assert plain(whole) == plain(sampled)
    assert whole.source.sample is None
    assert sampled.source.sample is not None
    assert (sampled.source.sample.rows, sampled.source.sample.of_rows) == (ROWS, ROWS)
    assert sampled.source.sample.at_most == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("share", "seed"), [(0.1, 0), (0.3, 5)])
def test_figures_are_those_of_the_rows_that_were_taken(files, name, share, seed):
    report = scan(files[name], sample=share, seed=seed)
    sample = report.source.sample
    assert sample is not None
    from nanclean.dataset import source_of

    grain = Sampled(source_of(files[name]), share, seed).choice.grain
    rows = Choice(share, seed, grain).within(0, ROWS)
    assert sample.rows == rows.size == report.source.rows
    assert 0.5 * share < rows.size / ROWS < 1.6 * share
    frame: pd.DataFrame = files["frame"].iloc[rows]
    if name == "g.npy":
        taken = np.load(files[name])[rows]
        assert report.columns[0].mean == pytest.approx(taken.mean(), rel=1e-12)
        assert report.columns[0].count == taken.size
        return
    column = report.columns[0]
    finite = frame["x"][np.isfinite(frame["x"])]
    assert column.count == rows.size
    assert (column.missing, column.pos_inf) == (int(frame["x"].isna().sum()), int(np.isposinf(frame["x"]).sum()))
    assert column.mean == pytest.approx(finite.mean(), rel=1e-12)
    assert column.median == np.median(finite)
    bad = np.flatnonzero(frame["x"].isna().to_numpy())
    (missing,) = [f for f in report.findings if f.rule == "missing" and f.column == column.name]
    assert missing.rows == (rows[bad[:5]] + 1).tolist(), "rows keep the numbers that they have in the file"


def test_lines_are_those_of_the_file(files):
    lines = Path(files["t.csv"]).read_text(encoding="utf-8").split("\n")
    report = scan(files["t.csv"], sample=0.2)
    (finding,) = [f for f in report.findings if f.rule == "missing" and f.column == "x"]
    assert finding.lines is not None
    assert len(finding.lines) == 5
    assert all(lines[line - 1].startswith(",") for line in finding.lines)


def test_ragged_records_in_the_sample_are_found_where_they_are(tmp_path):
    text = ["a,b"] + [f"{i},{i}" + (",9" if i % 10 == 3 else "") for i in range(3_000)]
    (tmp_path / "t.csv").write_text("\n".join(text))
    rows = Choice(0.1, 0).within(0, 3_000)
    ragged = [row for row in rows.tolist() if row % 10 == 3]
    report = scan(tmp_path / "t.csv", sample=0.1)
    (finding,) = [f for f in report.findings if f.rule == "ragged"]
    assert (finding.count, finding.of, report.source.ragged) == (len(ragged), rows.size, len(ragged))
    assert finding.lines == [row + 2 for row in ragged[:5]]
    assert report.columns[0].count == rows.size - len(ragged)
    assert report.columns[0].max == max(row for row in rows.tolist() if row % 10 != 3)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npy"])
def test_jobs_memory_and_repetition_change_nothing(files, name):
    first = plain(scan(files[name], sample=0.1))
    assert plain(scan(files[name], sample=0.1, jobs=1, memory=1)) == first
    assert plain(scan(files[name], sample=0.1, jobs=3)) == first
    assert plain(scan(files[name], sample=0.1, seed=1)) != first


def test_all_formats_take_the_same_rows(files):
    found = [scan(files[name], sample=0.1, seed=3).columns[0] for name in ("t.csv", "t.parquet", "parts", "frame")]
    assert len({(c.count, c.missing, c.pos_inf, c.mean, c.std, c.median) for c in found}) == 1


def test_every_finding_and_every_renderer_says_sampled(files, tmp_path):
    report = scan(files["t.csv"], sample=0.2, rules=["x: range(-1, 1)", "n: range(0, 100)"])
    told = [finding for finding in report.findings if finding.rule != "policy"]
    assert told
    assert all(finding.sampled and finding.message.split("\n")[0].endswith(" (sampled)") for finding in told)
    for rule in ("range", "missing", "infinite"):
        assert any("with 99 % confidence" in f.message for f in told if f.rule == rule), rule
    names = {name: tmp_path / name for name in ("html", "md", "json", "junit", "sarif")}
    written = [word for name, path in names.items() for word in (f"--{name}", str(path))]
    for command in ("scan", "check"):
        for format in ("terminal", "text", "github"):
            result = CliRunner().invoke(
                group, [command, files["t.csv"], "--sample", "20%", "--no-config", "--format", format, *written]
            )
            assert result.exception is None or isinstance(result.exception, SystemExit), result
            head = result.output.split("\n")
            assert any("sampled: 20 %" in line.replace("%25", "%") for line in head[:4]), (format, result.output)
            found = [line for line in head if re.search("infinit", line)]
            assert found
            assert any("sampled" in line for line in found), (format, found)
        for name, path in names.items():
            text = path.read_text(encoding="utf-8")
            assert "(sampled)" in text, name
            if name not in ("json", "junit"):
                assert "sampled: 20 %" in text, name


def test_nothing_found_says_what_that_proves(tmp_path):
    np.save(tmp_path / "t.npy", R.normal(size=(40_000, 3)))
    for command in ("scan", "check"):
        result = CliRunner().invoke(
            group, [command, str(tmp_path / "t.npy"), "--sample", "10%", "--no-config", "--junit", str(tmp_path / "j")]
        )
        assert result.exit_code == 0, result.output
        assert "what was not found in the sample is in at most 0.1" in " ".join(result.output.split())
    assert "nothing found (sampled: 10 %" in (tmp_path / "j").read_text()


def test_the_gate_fails_on_what_is_in_the_sample(files, capsys):
    given = ["check", files["t.csv"], "--no-config", "--sample", "50%", "--rule", "x: missing <= 1%"]
    assert run(given) == 1
    assert "in 1 file; sampled" in capsys.readouterr().out.rstrip().split("\n")[-1]
    assert run([*given, "--fail-on", "never"]) == 0
    assert run(["scan", *given[1:]]) == 0


def test_rows_are_not_held_against_others_in_a_sample():
    report = scan({"a": np.zeros(1_000)}, sample=0.5, rules=["@all: duplicate"])
    (remark,) = [finding for finding in report.findings if finding.rule == "policy"]
    assert "duplicate" in remark.message
    assert "sample" in remark.message
    assert not any(finding.rule == "duplicate" for finding in report.findings)


@pytest.mark.parametrize("given", ["1", "0%", "101%", "-1%", "x", "1%%", "nan%"])
def test_a_share_that_is_none_is_refused(files, given):
    result = CliRunner().invoke(group, ["scan", files["t.csv"], "--sample", given, "--no-config"])
    assert isinstance(result.exception, UsageError)
    assert "--sample" in result.exception.message


@pytest.mark.parametrize("options", [{"sample": 0}, {"sample": 1.5}, {"sample": "1%"}, {"sample": 0.1, "seed": -1}])
def test_a_share_that_is_none_is_refused_in_python(options):
    with pytest.raises(UsageError):
        scan({"a": np.zeros(9)}, **options)


@pytest.mark.parametrize("command", ["fix", "fit", "apply", "init", "compare"])
def test_only_commands_that_look_take_a_sample(files, command):
    result = CliRunner().invoke(group, [command, files["t.csv"], "--sample", "1%"])
    assert result.exit_code != 0
    assert "--sample" in str(result.exception) or "--sample" in result.output


def test_a_sample_without_a_row_is_refused():
    with pytest.raises(UsageError, match="holds none of 3 rows"):
        scan({"a": np.zeros(3)}, sample=1e-6)
    assert scan({"a": np.zeros(0)}, sample=0.5).source.rows == 0


# --- what it proves


@given(st.data())
def test_the_bound_is_the_exact_one(data):
    every = data.draw(st.integers(1, 3_000))
    taken = data.draw(st.integers(1, every))
    found = data.draw(st.integers(0, taken))
    most = bad_blocks(found, taken, every)
    if taken == every:
        assert most == found
        return
    assert found <= most <= every - (taken - found)
    assert hypergeom.cdf(found, every, most, taken) >= 0.01 * (1 - 1e-5)
    if most < every - (taken - found):
        assert hypergeom.cdf(found, every, most + 1, taken) < 0.01 * (1 + 1e-5)


@pytest.mark.parametrize("taken", [10**6, 10**8])
def test_large_samples_are_bounded_as_well(taken):
    every = 100 * taken
    assert bad_blocks(0, taken, every) / every == pytest.approx(np.log(100) / taken, rel=0.01)
    share = bad_blocks(taken // 20, taken, every) / every
    assert share == pytest.approx(0.05 + 2.326 * np.sqrt(0.05 * 0.95 * 0.99 / taken), rel=1e-3)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("grain", [1, 16])
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.2])
def test_the_bound_holds_in_ninety_nine_of_a_hundred_samples(clustered, grain, share):
    rows = 40_000
    bad = np.zeros(rows, bool)
    if clustered:
        start = 12_345
        bad[start : start + int(rows * share)] = True
    else:
        bad[R.choice(rows, int(rows * share), replace=False)] = True

    class Source:
        path, size, fields, quick, largest, format, lexical = "t", 0, (), False, 0, "csv", False
        facts = nanclean.format.Facts(rows=rows)

        def grain(self, share: float) -> int:
            return grain

    wrong = 0
    for seed in range(600):
        sampled = Sampled(Source(), 0.05, seed)  # type: ignore[arg-type]
        taken = sampled.choice.within(0, rows)
        hits = nanclean.hits.Hits()
        hits.all = taken[bad[taken]]
        hits.rows = hits.count = hits.all.size
        wrong += sampled.bound(hits) < bad.mean()
    assert wrong <= 14, "600 samples are wrong 6 times; more than 14 times once in a thousand"


@pytest.mark.parametrize(
    ("share", "told"), [(0, "0 %"), (1, "100 %"), (0.00023451, "0.024 %"), (0.5, "50 %"), (0.2501, "26 %")]
)
def test_a_bound_is_rounded_up(share, told):
    assert at_most(share) == told


def test_what_is_found_in_a_later_look_has_its_own_rows_as_well(files):
    found = []
    for name in ("t.csv", "t.parquet", "frame"):
        report = scan(files[name], sample=0.3, rules=["x: iqr(1.5)"])
        (finding,) = [f for f in report.findings if f.rule == "iqr"]
        found.append((finding.count, finding.rows))
        assert finding.rows is not None
        values = files["frame"]["x"].to_numpy()[np.array(finding.rows) - 1]
        assert (np.abs(values) > 2).all()
    assert found[0] == found[1] == found[2]


def test_ragged_records_are_counted_beyond_those_that_are_remembered(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n1,2,3\n" * 30_000)
    report = nanclean.scan(path, sample=0.5, no_config=True)
    taken = report.source.rows
    assert 25_000 < taken < 35_000
    assert abs(report.source.ragged - taken / 2) < 500  # every second record, in blocks

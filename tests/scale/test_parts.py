"""Parts without any engine: processes that know nothing of each other give what one process gives, to the last bit."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean import api, rounds
from nanclean.cli import run
from nanclean.errors import InputError, NancleanError, UsageError
from nanclean.formats import _arrays, _pieces, csv, parquet
from nanclean.state import packed, unpacked

RULES = [
    "x, y: infinite -> blank",
    "y: iqr -> clip",
    "x: missing -> impute(median, by=group)",
    "y: missing -> impute(mean)",
    "x, y -> normalize(standard)",
]
ARRAY = [
    "c0, c1: infinite -> blank",
    "c1: iqr -> clip",
    "c0, c1: missing -> impute(median)",
    "c0, c1 -> normalize(standard)",
]
FORMATS = ["csv", "parquet", "npy", "csvs", "parquets"]
SMALL = """
import sys
from nanclean.formats import _arrays, _pieces, csv, parquet
csv.SPLIT, _pieces.PIECE, _pieces.BLOCK, parquet.SPLIT_ROWS = 1, 1500, 700, 60
_arrays.SPLIT_BYTES, _arrays.ROWS = 2400, 50
from nanclean.cli import main
main()
"""


@pytest.fixture(autouse=True)
def many_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "SPLIT", 1)
    monkeypatch.setattr(_pieces, "PIECE", 1500)
    monkeypatch.setattr(_pieces, "BLOCK", 700)
    monkeypatch.setattr(parquet, "SPLIT_ROWS", 60)
    monkeypatch.setattr(_arrays, "SPLIT_BYTES", 2400)
    monkeypatch.setattr(_arrays, "ROWS", 50)


def table(rows: int, seed: int) -> pa.Table:
    R = np.random.default_rng(seed)
    y = R.standard_cauchy(rows).round(3)
    y[R.random(rows) < 0.05] = np.inf
    x = np.where(R.random(rows) < 0.1, np.nan, R.normal(size=rows).round(4))
    return pa.table(
        {
            "group": R.choice(["a", "b", "cc"], rows).tolist(),
            "x": pa.array(x, from_pandas=True),
            "y": np.where(R.random(rows) < 0.05, np.nan, y),
            "under": np.where(np.isinf(y), 0.0, 1.5),
            "n": R.integers(-5, 40, rows),
        }
    )


def written(folder: Path, format: str, rows: int = 500, seed: int = 0) -> str:
    """The table in a format; `csvs` and `parquets` are folders of several files."""
    whole = table(rows, seed)
    if format == "npy":
        np.save(folder / "t.npy", np.column_stack([whole[name].to_numpy() for name in ("x", "y", "under")]))
        return str(folder / "t.npy")
    if format in ("csv", "parquet"):
        return _save(whole, folder / f"t.{format}")
    (folder / "t").mkdir()
    cuts = sorted({0, rows, *(np.random.default_rng(seed).integers(0, rows, 4).tolist())})
    for number, (first, last) in enumerate(pairwise(cuts)):
        _save(whole.slice(first, last - first), folder / "t" / f"f{number}.{format[:-1]}")
    return str(folder / "t")


def _save(part: pa.Table, path: Path) -> str:
    if path.suffix == ".csv":
        pc.write_csv(part, path)
    else:
        pq.write_table(part, path, row_group_size=30)
    return str(path)


def rules_for(format: str) -> list[str]:
    """An array has no names of its own, and no groups."""
    return ARRAY if format == "npy" else RULES


def rounds_of(path: str, folder: Path, parts: int, rules: list[str], seed: int = 0) -> str:
    """All rounds, until nothing is missing: the name of what is known then."""
    after: str | None = None
    shuffled = random.Random(seed)
    for number in range(12):
        names = []
        for k in shuffled.sample(range(1, parts + 1), parts):
            names.append(str(folder / f"p{number}-{k}"))
            memory = shuffled.choice([100 << 20, 1 << 30])
            api.profile(
                path, f"{k}/{parts}", names[-1], after=after, rules=rules, no_config=True, memory=memory,
                jobs=shuffled.choice([1, 3]),
            )  # fmt: skip
        shuffled.shuffle(names)
        before, after = after, str(folder / f"s{number}")
        if api.merge(names, after).complete:
            return after
        assert before != after
    raise AssertionError("it does not end")


def without_run(report: nanclean.Report) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(report.to_json())
    del told["run"]
    return told


def cells(path: Path) -> pd.DataFrame:
    """What a file holds, or all files of a folder in the order of their names."""
    if path.is_dir():
        frames = [cells(each) for each in sorted(path.iterdir()) if not each.name.startswith("_")]
        return pd.concat(frames, ignore_index=True)
    if path.suffix == ".npy":
        return pd.DataFrame(np.load(path))
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    return pq.read_table(path).to_pandas()


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*") if each.is_file() and "_nanclean" not in each.parts
    }  # fmt: skip


# --- the same as in one process


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_scan_and_fit_from_parts_are_those_of_one_process(format: str, parts: int, tmp_path: Path) -> None:
    path, rules = written(tmp_path, format), rules_for(format)
    known = rounds_of(path, tmp_path, parts, rules)
    scanned = api.scan(path, rules=rules, no_config=True)
    assert without_run(api.scan(path, rules=rules, no_config=True, profile=known)) == without_run(scanned)
    assert any(finding.rule == "infinite" and "is 0" in finding.message for finding in scanned.findings)
    fitted = api.fit(path, rules=rules, no_config=True)
    assert api.fit(path, rules=rules, no_config=True, profile=known).to_json() == fitted.to_json()


numbers = st.one_of(st.floats(), st.integers(-5, 5).map(float), st.floats(width=32), st.just(1e300))


@settings(max_examples=25)
@given(
    columns=st.lists(st.lists(numbers, min_size=30, max_size=30), min_size=1, max_size=4),
    repeats=st.integers(1, 12), parts=st.sampled_from([1, 2, 3, 7]), seed=st.integers(0, 99),
    format=st.sampled_from(["npy", "csv", "parquet"]),
)  # fmt: skip
def test_any_table(
    columns: list[list[float]], repeats: int, parts: int, seed: int, format: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("any")
    whole = pa.table({f"c{i}": np.tile(column, repeats) for i, column in enumerate(columns)})
    if format == "npy":
        path = str(folder / "t.npy")
        np.save(path, np.column_stack([column.to_numpy() for column in whole.columns]))
    else:
        path = _save(whole, folder / f"t.{format}")
    rules = ["@all: infinite -> blank", "@all: iqr -> clip", "@all: missing -> impute(median)"]
    known = rounds_of(path, folder, parts, rules, seed)
    mine = without_run(api.scan(path, rules=rules, no_config=True, profile=known))
    assert mine == without_run(api.scan(path, rules=rules, no_config=True))

    def recipe(**options: Any) -> str:
        try:
            return api.fit(path, rules=rules, no_config=True, **options).to_json()
        except NancleanError as error:  # a column without any value has no median
            return error.message

    assert recipe(profile=known) == recipe()


@pytest.mark.parametrize("format", FORMATS)
def test_parts_that_are_written_are_the_table_and_do_not_depend_on_how_many_write(format: str, tmp_path: Path) -> None:
    path, rules = written(tmp_path, format), rules_for(format)
    recipe = api.fit(path, rules=rules, no_config=True)
    plain = tmp_path / (f"plain.{format}" if format in ("csv", "parquet", "npy") else "plain")
    api.apply(recipe, path, plain)
    first: dict[str, bytes] = {}
    for parts in (1, 2, 3, 7):
        out = tmp_path / f"out{parts}"
        notes = [api.apply_part(recipe, path, f"{k}/{parts}", out)[0] for k in range(parts, 0, -1)]
        assert sum(each.kept for note in notes for each in note.written) == len(cells(plain))
        first = first or files(out)
        assert files(out) == first
    assert len(first) > 3
    pd.testing.assert_frame_equal(cells(tmp_path / "out7"), cells(plain), check_exact=True)
    assert nanclean.scan(tmp_path / "out7").source.rows == len(cells(plain))  # notes are no tables


@pytest.mark.parametrize("format", ["csv", "csvs"])
def test_rows_that_are_dropped_and_ragged_records(format: str, tmp_path: Path) -> None:
    path, rules = written(tmp_path, format), ["@all: ragged -> drop", "x: missing -> drop", "y: infinite -> blank"]
    last = Path(path) if format == "csv" else sorted(Path(path).iterdir())[1]
    with last.open("a") as file:
        file.write("1,2\n3,4,5,6,7,8,9\n")
    known = rounds_of(path, tmp_path, 3, rules)
    scanned = api.scan(path, rules=rules, no_config=True)
    assert scanned.source.ragged == 2
    assert without_run(api.scan(path, rules=rules, no_config=True, profile=known)) == without_run(scanned)
    recipe = api.fit(path, rules=rules, no_config=True, profile=known)
    plain = tmp_path / ("plain.csv" if format == "csv" else "plain")
    report = api.apply(recipe, path, plain)
    assert report.output is not None
    for parts in (2, 5):
        out = tmp_path / f"out{parts}"
        notes = [api.apply_part(recipe, path, f"{k}/{parts}", out, profile=known)[0] for k in range(1, parts + 1)]
        assert sum(each.rejected for note in notes for each in note.written) == report.output.rejected
        pd.testing.assert_frame_equal(cells(out), cells(plain), check_exact=True)
        rejected = cells(Path(f"{out}.rejected"))
        pd.testing.assert_frame_equal(rejected, cells(Path(str(report.output.rejected_path))), check_exact=True)
    assert files(tmp_path / "out2.rejected") == files(tmp_path / "out5.rejected")


# --- really other processes


def command(*arguments: str, seed: int = 0, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(
        [sys.executable, "-c", SMALL, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )


def done(*arguments: str, seed: int = 0, folder: Path) -> str:
    found = command(*arguments, seed=seed, folder=folder)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_processes_that_share_nothing_but_the_files(format: str, tmp_path: Path) -> None:
    path = os.path.relpath(written(tmp_path, format), tmp_path)
    lines = ", ".join(map(json.dumps, rules_for(format)))
    (tmp_path / "p.toml").write_text(f"rules = [{lines}]\n")
    after: list[str] = []
    for number in range(8):
        names = [f"p{number}-{k}" for k in (1, 2, 3)]
        for k, name in enumerate(names, 1):
            how = ["--jobs", str(k), "--memory", f"{100 * k}MB", "-q"]
            done("profile", path, "-p", "p.toml", "--part", f"{k}/3", "-o", name, *after, *how, seed=k, folder=tmp_path)
        said = done("merge", *reversed(names), "-o", f"s{number}", folder=tmp_path)
        after = ["--after", f"s{number}"]
        if "complete" in said:
            break
        assert f"nanclean profile {path} --part K/N --after s{number} -o PART" in said
    assert f"Next: nanclean scan {path} --profile s{number}" in said
    known = ["--profile", f"s{number}"]
    for name, more in (("whole", []), ("parts", known)):
        done("fit", path, "-p", "p.toml", "-o", f"{name}.json", "-q", *more, folder=tmp_path)
        done("scan", path, "-p", "p.toml", "--json", f"{name}.report", "-q", *more, folder=tmp_path)
    assert (tmp_path / "whole.json").read_bytes() == (tmp_path / "parts.json").read_bytes()
    one, other = (json.loads((tmp_path / f"{name}.report").read_text()) for name in ("whole", "parts"))
    assert one.pop("run") != other.pop("run")
    assert one == other
    for k in (2, 1, 3):
        done("apply", "parts.json", path, "--part", f"{k}/3", "-o", "out", *known, seed=k, folder=tmp_path)
    done("apply", "parts.json", path, "--part", "1/1", "-o", "one", folder=tmp_path)
    assert files(tmp_path / "out") == files(tmp_path / "one")


# --- what is wrong is told


@pytest.fixture
def halves(tmp_path: Path) -> tuple[str, list[str]]:
    path = written(tmp_path, "parquet")
    names = [str(tmp_path / f"h{k}") for k in (1, 2)]
    for k, name in enumerate(names, 1):
        api.profile(path, f"{k}/2", name, no_config=True)
    return path, names


def test_parts_that_are_missing_doubled_or_of_something_else(halves: tuple[str, list[str]], tmp_path: Path) -> None:
    path, (one, two) = halves
    out = str(tmp_path / "m")
    with pytest.raises(UsageError, match="1 part is missing of 2: 2") as missing:
        api.merge([one], out)
    assert missing.value.hint == "nanclean profile ... --part 2/2"
    with pytest.raises(UsageError, match=f"{two}: is part 2/2, as {two} is"):
        api.merge([one, two, two], out)
    (tmp_path / "other").mkdir()
    foreign = written(tmp_path / "other", "parquet", rows=400)
    api.profile(foreign, "2/2", tmp_path / "foreign", no_config=True)
    with pytest.raises(InputError, match="foreign: is of another table than"):
        api.merge([one, tmp_path / "foreign"], out)
    api.profile(path, "2/3", tmp_path / "third", no_config=True)
    with pytest.raises(InputError, match="third: is part 2/3, and"):
        api.merge([one, tmp_path / "third"], out)
    api.profile(path, "2/2", tmp_path / "ruled", rules=["x: quantile(0.99) -> blank"], no_config=True)
    with pytest.raises(InputError, match="ruled: is of another look, or of other rules"):
        api.merge([one, tmp_path / "ruled"], out)
    with pytest.raises(InputError, match="h1: is one part only"):
        api.scan(path, no_config=True, profile=one)
    assert not Path(out).exists()
    known = api.merge([two, one], out)
    with pytest.raises(InputError, match=r"m: is not of .*other/t.parquet, but of a table with other files"):
        api.scan(foreign, no_config=True, profile=known.name)
    with pytest.raises(InputError, match="m: is no part, but merged already"):
        api.merge([one, two, out], tmp_path / "again")
    with pytest.raises(UsageError, match="m: another look is needed for this"):
        api.scan(path, rules=["x: quantile(0.99) -> blank"], no_config=True, profile=known.name)


def test_a_file_that_was_changed_in_place_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "10,1\n20,2\n" * 300)
    api.profile([str(path)], part="1/1", output=str(tmp_path / "p"))
    api.merge([str(tmp_path / "p")], str(tmp_path / "m"))
    recipe = nanclean.fit(path, str(tmp_path / "R.json"), rules=["a: missing -> impute(mean)"])
    api.apply_part(recipe, str(path), "1/1", str(tmp_path / "out"))
    path.write_text(path.read_text().replace("20,2", "21,2"))  # as long as before
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="other files, sizes, times or columns"):
        api.profile([str(path)], part="1/1", after=str(tmp_path / "m"), output=str(tmp_path / "q"))
    with pytest.raises(NancleanError, match="from another table"):
        api.apply_part(recipe, str(path), "1/1", str(tmp_path / "out"))


def test_a_round_when_nothing_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path, "parquet")
    known = rounds_of(path, tmp_path, 2, [])
    with pytest.raises(UsageError, match="is complete: there is nothing left"):
        api.profile(path, "1/2", tmp_path / "more", after=known, no_config=True)
    assert not (tmp_path / "more").exists()


def test_what_cannot_be_done_in_parts(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    with pytest.raises(UsageError, match=r"duplicate.*cannot be done in parts"):
        api.profile(path, "1/2", tmp_path / "p", rules=["@all: duplicate -> drop"], no_config=True)
    for rule in ("x: missing -> impute(ffill)", "@all: duplicate -> drop"):
        recipe = api.fit(path, rules=[rule], no_config=True)
        with pytest.raises(UsageError, match=r"other parts|cannot be done in parts"):
            api.apply_part(recipe, path, "1/2", tmp_path / "out")
    for part in ("0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3"):
        with pytest.raises(UsageError, match="is no part"):
            api.profile(path, part, tmp_path / "p", no_config=True)
    with pytest.raises(UsageError, match="a part is of files"):
        api.profile({"x": np.zeros(3)}, "1/2", tmp_path / "p", no_config=True)


def test_a_part_that_stands_is_not_written_again(tmp_path: Path) -> None:
    path, out = written(tmp_path, "parquets"), tmp_path / "out"
    recipe = api.fit(path, rules=RULES, no_config=True)
    note, stood = api.apply_part(recipe, path, "1/2", out)
    assert not stood
    before = {each: each.stat().st_mtime_ns for each in out.iterdir() if each.is_file()}
    again, stood = api.apply_part(recipe, path, "1/2", out)
    assert stood
    assert again == note
    assert before == {each: each.stat().st_mtime_ns for each in out.iterdir() if each.is_file()}
    damaged = out / note.written[0].file.name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + b"x")
    assert not api.apply_part(recipe, path, "1/2", out)[1]
    assert damaged.read_bytes() == whole
    other = api.fit(path, rules=RULES[:1], no_config=True)
    with pytest.raises(UsageError, match="was written with another recipe"):
        api.apply_part(other, path, "2/2", out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="mine: is there already, and no folder of parts"):
        api.apply_part(recipe, path, "1/2", tmp_path / "mine")
    with pytest.raises(UsageError, match="lies in the input"):
        api.apply_part(recipe, path, "1/2", Path(path) / "out")


def test_a_type_that_a_sample_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pieces, "PIECE", 10_000)
    monkeypatch.setattr("nanclean.formats._sample.PLACE", 512)
    monkeypatch.setattr("nanclean.formats._sample.PLACES", 4)
    train, path = tmp_path / "train.csv", tmp_path / "later.csv"
    train.write_text("n,m\n" + "1,2\n,3\n5,4\n" * 50)
    recipe = api.fit(train, rules=["n: missing -> impute(median)"], no_config=True)
    path.write_text("n,m\n" + "1,2\n,3\n" * 6_000 + "2.5,7\n" * 9 + "1,2\n,3\n" * 6_000)
    with pytest.raises(InputError, match="n looks like integer in a sample, and is float"):
        api.apply_part(recipe, path, "1/1", tmp_path / "out")


# --- files that were tampered with


def _mutations(data: bytes, count: int) -> Iterator[bytes]:
    R = random.Random(1)
    for _ in range(count):
        kind = R.randrange(4)
        at = R.randrange(len(data))
        if kind == 0:
            yield data[:at]
        elif kind == 1:
            yield data[:at] + bytes([R.randrange(256)]) + data[at + 1 :]
        elif kind == 2:
            yield data[:at] + data[at + R.randrange(1, 40) :]
        else:
            yield data[:at] + R.randbytes(R.randrange(1, 40)) + data[at:]


def test_damaged_files_are_refused(halves: tuple[str, list[str]], tmp_path: Path) -> None:
    _, (one, _) = halves
    data = Path(one).read_bytes()
    bad = tmp_path / "bad"
    for mutation in _mutations(data, 300):
        if mutation == data:
            continue
        bad.write_bytes(mutation)
        with pytest.raises(InputError, match="bad: "):
            rounds.read(str(bad))


def test_forged_files_give_one_line(
    halves: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a checksum that fits: whoever forges a file gets a message, or figures, and no traceback."""
    path, (one, two) = halves
    known = api.merge([one, two], tmp_path / "m")
    (key,) = known.looks
    state = bytearray(known.looks[key])
    R = random.Random(2)
    codes = set()
    for _ in range(60):
        bad = bytearray(state)
        for _ in range(R.randrange(1, 3)):
            bad[R.randrange(40, len(bad))] = R.randrange(256)
        try:
            forged = unpacked(known.written())
            value = unpacked(_with_checksum(bytes(bad)))
        except InputError:
            continue
        try:
            forged["looks"][key] = packed(value)
        except TypeError:
            continue
        (tmp_path / "forged").write_bytes(packed(forged))
        codes.add(run(["scan", path, "--no-config", "--profile", str(tmp_path / "forged"), "-q"]))
        assert "a bug in nanclean" not in capsys.readouterr().err
    assert codes <= {0, 2, 3}
    assert 3 in codes


def _with_checksum(data: bytes) -> bytes:
    from nanclean import state

    start = len(state.MAGIC) + state.CHECK
    return state.MAGIC + state._checksum(data[start:]) + data[start:]


def test_other_versions(halves: tuple[str, list[str]], tmp_path: Path) -> None:
    _, (one, _) = halves
    told = unpacked(Path(one).read_bytes())
    told["versions"]["numpy"] = "1.0.0"
    (tmp_path / "old").write_bytes(packed(told))
    with pytest.raises(InputError, match=r"old: was made with numpy 1\.0\.0, and this is"):
        rounds.read(str(tmp_path / "old"))


@pytest.mark.parametrize("format", ["csv", "csvs"])
def test_an_encoding_that_only_the_end_tells(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pieces, "PIECE", 30_000)
    monkeypatch.setattr("nanclean.formats._layout.BEGINNING", 1000)
    path = written(tmp_path, format, rows=5000)
    last = Path(path) if format == "csv" else sorted(Path(path).iterdir())[-1]
    with last.open("ab") as file:
        file.write("é,1.5,2.5,0.0,7\n".encode("windows-1252"))
    known = rounds_of(path, tmp_path, 3, RULES)
    scanned = api.scan(path, rules=RULES, no_config=True)
    assert "windows-1252" in scanned.to_json()
    assert without_run(api.scan(path, rules=RULES, no_config=True, profile=known)) == without_run(scanned)
    recipe = api.fit(path, rules=RULES, no_config=True, profile=known)
    assert recipe.to_json() == api.fit(path, rules=RULES, no_config=True).to_json()
    for k in (1, 2):
        api.apply_part(recipe, path, f"{k}/2", tmp_path / "out", profile=known)
    text = b"".join(data for _, data in sorted(files(tmp_path / "out").items()))
    assert text.endswith(b"\n")
    assert text.splitlines()[-1].startswith(b"\xe9,")

"""A dataset is fixed into a folder: every file as if it were fixed alone, and all of them or none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanclean
from nanclean import folder
from nanclean.draft import DraftFolder
from tests.datasets.pieces import FORMATS, cut, table, write

SLOW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
RULES = {
    "csv": ("x: infinite -> drop", "x: missing -> impute(median)", "n -> normalize(standard)"),
    "parquet": ("x: infinite -> drop", "x: missing -> impute(median)", "n: range(0, 40) -> flag"),
    "npy": ("x: infinite -> drop", "x: missing -> impute(median)"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", FORMATS)
@SLOW
@given(data=st.data())
def test_each_file_is_what_the_recipe_makes_of_it_alone(
    suffix: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp = tmp_path_factory.mktemp("d")
    rows = data.draw(st.integers(5, 400))
    columns = table(rows, data.draw(st.integers(0, 9)))
    columns["x"][:3] = 1.0, np.nan, np.inf
    cut(tmp / "d", columns, data.draw(st.lists(st.integers(0, rows), max_size=6)), suffix)
    jobs = data.draw(st.sampled_from([1, 3]))

    report = nanclean.fix(tmp / "d", tmp / "out", rules=RULES[suffix], recipe=tmp / "r.json", no_config=True, jobs=jobs)

    alone, rejected = {}, {}
    for path in sorted((tmp / "d").rglob("*.*")):
        name = str(path.relative_to(tmp / "d"))
        own = nanclean.apply(tmp / "r.json", path, tmp / f"own.{suffix}", force=True)
        alone[name] = (tmp / f"own.{suffix}").read_bytes()
        if own.output.rejected:
            ending = "csv" if suffix == "npy" else suffix
            rejected[f"{name.rpartition('.')[0]}.{ending}"] = (tmp / f"own.rejected.{ending}").read_bytes()
    assert contents(tmp / "out") == alone
    assert contents(tmp / "out.rejected") == rejected
    assert report.output.rows + report.output.rejected == rows
    assert (report.output.verified, report.output.path) == (True, str(tmp / "out"))
    assert not hidden(tmp)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_recipe_is_that_of_the_concatenation(suffix: str, tmp_path: Path) -> None:
    columns = table(500)
    write(tmp_path / f"whole.{suffix}", columns)
    cut(tmp_path / "d", columns, [100, 101, 320], suffix)
    options: dict[str, Any] = {"rules": RULES[suffix], "no_config": True}

    whole = nanclean.fit(tmp_path / f"whole.{suffix}", **options)

    assert nanclean.fit(tmp_path / "d", **options).to_json() == whole.to_json()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_nothing_changes_is_copied(suffix: str, tmp_path: Path) -> None:
    for name, bad in (("a", np.inf), ("b", 1.0)):
        write(tmp_path / "d" / f"{name}.{suffix}", {"x": np.array([1.0, 2.0, bad])})
    if suffix == "parquet":  # not as it would be written here
        pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "d" / "b.parquet", compression="gzip", version="1.0")

    nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> blank"], no_config=True)

    one, other = (contents(tmp_path / folder) for folder in ("d", "out"))
    assert one[f"b.{suffix}"] == other[f"b.{suffix}"]
    assert one[f"a.{suffix}"] != other[f"a.{suffix}"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_dataset_becomes_one_file_where_the_name_is_one(suffix: str, tmp_path: Path) -> None:
    columns = table(300)
    write(tmp_path / f"whole.{suffix}", columns)
    cut(tmp_path / "d", columns, [100, 200], suffix)
    for source, target in ((f"whole.{suffix}", "one"), ("d", "other")):
        nanclean.fix(
            tmp_path / source, tmp_path / f"{target}.parquet", rules=["x: missing -> impute(mean)"], no_config=True
        )

    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("one", "other"))

    assert one.schema.equals(other.schema)
    for name in one.column_names:
        assert one[name].to_numpy().tobytes() == other[name].to_numpy().tobytes()


def test_columns_in_another_order_are_written_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("x,y\n1,a\ninf,b\n")
    (tmp_path / "d" / "b.csv").write_text("y;x\na;7\n'c';-inf\n")

    nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> blank"], no_config=True)

    assert contents(tmp_path / "out") == {"a.csv": b"x,y\n1,a\n,b\n", "b.csv": b"y;x\na;7\n'c';\n"}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("x,z\n1,2\n", r"a\.csv has the column y, which b\.csv has not"),
        ("x,y,z\n1,2,3\n", r"b\.csv has the column z, which a\.csv has not"),
    ],
)
def test_files_with_other_columns_are_not_fixed(other: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "d" / "b.csv").write_text(other)
    with pytest.raises(nanclean.InputError, match=told):
        nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> blank"], no_config=True)
    assert not (tmp_path / "out").exists()


def test_files_with_other_types_are_not_fixed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "d" / "a.parquet")
    pq.write_table(pa.table({"x": [1.5]}), tmp_path / "d" / "b.parquet")
    with pytest.raises(nanclean.InputError, match=r"x is float in b\.parquet and integer in a\.parquet"):
        nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> blank"], no_config=True)


def test_a_budget_is_one_of_the_whole(tmp_path: Path) -> None:
    for name, x in (("a", [np.inf, 1.0]), ("b", [1.0] * 18)):
        write(tmp_path / "d" / f"{name}.parquet", {"x": np.array(x)})
    for share, fits in (("5%", True), ("4%", False)):
        (tmp_path / "p.toml").write_text(
            f'version = 1\nrules = ["x: infinite -> drop"]\n[budget]\nrows_dropped = "{share}"\n'
        )
        if fits:
            nanclean.fix(tmp_path / "d", tmp_path / "out", policy=tmp_path / "p.toml")
            shutil.rmtree(tmp_path / "out")
            shutil.rmtree(tmp_path / "out.rejected")
            continue
        with pytest.raises(nanclean.BudgetError):
            nanclean.fix(tmp_path / "d", tmp_path / "out", policy=tmp_path / "p.toml")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "p.toml"]


def test_a_folder_that_is_there_is_replaced_as_a_whole_and_only_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.csv", {"x": np.array([np.inf, 1.0])})
    write(tmp_path / "out" / "old.csv", {"x": np.array([1.0])})
    options: dict[str, Any] = {"rules": ["x: infinite -> blank"], "no_config": True}
    with pytest.raises(nanclean.UsageError, match="is there already"):
        nanclean.fix(tmp_path / "d", tmp_path / "out", **options)
    assert list(contents(tmp_path / "out")) == ["old.csv"]

    nanclean.fix(tmp_path / "d", tmp_path / "out", force=True, **options)

    assert list(contents(tmp_path / "out")) == ["a.csv"]
    assert not hidden(tmp_path)


def test_a_folder_with_anything_else_in_it_is_never_replaced(tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.csv", {"x": np.array([np.inf, 1.0])})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(nanclean.UsageError, match=r"thesis\.tex: is no table"):
        nanclean.fix(tmp_path / "d", tmp_path / "home", force=True, rules=["x: infinite -> blank"], no_config=True)
    assert (tmp_path / "home" / "thesis.tex").exists()


def test_a_folder_that_cannot_be_swapped_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.csv").write_text("old")
    draft = DraftFolder(str(tmp_path / "out"))
    rename = os.rename

    def failing(old: str, new: str) -> None:
        if old == draft.path:
            raise OSError(28, "No space left on device")
        rename(old, new)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(nanclean.OutputError, match="no space left"):
        draft.publish()
    draft.discard()
    assert contents(tmp_path) == {"out/old.csv": b"old"}


@pytest.mark.parametrize("target", ["d", "d/out", ".", "elsewhere/../d"])
def test_the_input_is_never_written_over(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "d" / "a.csv", {"x": np.array([np.inf, 1.0])})
    with pytest.raises(nanclean.UsageError, match="lies in the input, or the input in it"):
        nanclean.fix("d", target, rules=["x: infinite -> blank"], no_config=True, force=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_is_not_what_was_meant_stops_all(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(tmp_path / "d", table(4000), list(range(100, 4000, 100)), suffix)
    verify = folder.verify

    def damaging(sink: Any, path: str, *more: Any) -> None:
        if path.endswith("0030.parquet"):
            pq.write_table(pq.read_table(path).slice(1), path)
        elif path.endswith(f"0030.{suffix}"):
            data = bytearray(Path(path).read_bytes())
            data[-40:-20] = data[-39:-19]
            Path(path).write_bytes(data)
        verify(sink, path, *more)

    monkeypatch.setattr(folder, "verify", damaging)
    with pytest.raises(nanclean.VerificationError, match=rf"out/0000/0030\.{suffix}: .*read back"):
        nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> drop"], no_config=True)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


KILLED = """
    import os, signal, sys
    import nanclean
    from nanclean import folder

    number, proofs = int(sys.argv[3]), 0
    verify = folder.verify

    def killed(*given):
        global proofs
        verify(*given)
        proofs += 1
        if proofs == number:
            os.kill(os.getpid(), signal.SIGKILL)

    folder.verify = killed
    nanclean.fix(sys.argv[1], sys.argv[2], rules=["x: infinite -> drop"], force=True, no_config=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize("number", [1, 20, 45])
def test_a_process_that_is_killed_leaves_nothing_half(number: int, tmp_path: Path) -> None:
    cut(tmp_path / "d", table(4000), list(range(100, 4000, 100)), "csv")
    write(tmp_path / "out" / "old.csv", {"x": np.array([1.0])})
    before = contents(tmp_path / "out")

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "d"), str(tmp_path / "out"), str(number)],
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / "out.rejected").exists()
    nanclean.fix(tmp_path / "d", tmp_path / "out", rules=["x: infinite -> drop"], force=True, no_config=True)
    assert len(contents(tmp_path / "out")) == 40


MANY = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    import nanclean

    def peak():  # that of getrusage is at least that of the process that has started this one
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    report = nanclean.scan(sys.argv[1], no_config=True, jobs=2)
    assert len(report.source.files) == 600 and report.source.rows == 2400, report.source.rows
    before = peak()
    done = nanclean.fix(sys.argv[1], sys.argv[2], rules=["x: infinite -> drop"], no_config=True, jobs=2)
    assert done.output.rows == 1800, done.output
    print(before, peak())
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_many_files_need_few_descriptors_and_little_memory(suffix: str, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("/proc tells what a process has taken")
    for number in range(600):
        write(tmp_path / "d" / f"{number // 100}" / f"{number:05}.{suffix}", {"x": np.array([1, 2, np.inf, number])})

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MANY), str(tmp_path / "d"), str(tmp_path / "out")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip

    scanned, fixed = (int(word) / 1024 for word in done.stdout.split())
    assert scanned < 300
    assert fixed < 400
    assert len(contents(tmp_path / "out")) == 600

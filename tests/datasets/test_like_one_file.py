"""A dataset is its files, one after the other: the report of a folder is that of the concatenation."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.dataset import source_of
from nanclean.formats import csv
from nanclean.report import Report
from tests.datasets.pieces import FORMATS, cut, table, write

RULES = ("x: range(-5, 5) <= 1%", "k: missing -> impute(mode)")
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def told(report: Report) -> dict[str, Any]:
    """Everything that must not depend on how the table lies in files: all but positions in files."""
    found = json.loads(report.to_json())
    for key in ("path", "bytes", "files"):
        del found["source"][key]
    for finding in found["findings"]:
        del finding["lines"], finding["where"]
    return {key: found[key] for key in ("source", "columns", "findings", "summary")}


@pytest.mark.parametrize("suffix", FORMATS)
@SLOW
@given(data=st.data())
def test_the_report_of_a_folder_is_that_of_the_concatenation(
    suffix: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp = tmp_path_factory.mktemp("d")
    rows = data.draw(st.integers(1, 600))
    columns = table(rows, data.draw(st.integers(0, 9)))
    cuts = data.draw(st.lists(st.integers(0, rows), max_size=7))  # empty files among them
    write(tmp / f"whole.{suffix}", columns)
    cut(tmp / "d", columns, cuts, suffix)
    options: dict[str, Any] = {"rules": RULES, "no_config": True, "jobs": data.draw(st.sampled_from([1, 3]))}

    whole, parts = nanclean.scan(tmp / f"whole.{suffix}", **options), nanclean.scan(tmp / "d", **options)

    assert told(parts) == told(whole)
    assert sum(file["rows"] for file in parts.source.files) == rows == parts.source.rows
    assert parts.source.bytes == sum(path.stat().st_size for path in (tmp / "d").rglob("*.*"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_positions_are_within_the_files(suffix: str, tmp_path: Path) -> None:
    for number, bad in enumerate((None, 4, 1)):
        x = np.arange(6.0)
        if bad is not None:
            x[bad] = np.inf
        write(tmp_path / "d" / f"p{number}.{suffix}", {"x": x})

    report = nanclean.scan(tmp_path / "d", no_config=True)

    (found,) = (finding for finding in report.findings if finding.rule == "infinite")
    assert found.rows == [11, 14]
    assert found.lines == ([6, 3] if suffix == "csv" else None)
    assert (
        found.where
        == {
            "csv": ["p1.csv: line 6", "p2.csv: line 3"],
            "parquet": ["p1.parquet: row 5", "p2.parquet: row 2"],
            "npy": ["p1.npy: p1[4]['x']", "p2.npy: p2[1]['x']"],
        }[suffix]
    )


def test_a_file_may_have_many_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "SPLIT", 1)
    monkeypatch.setattr("nanclean.formats._pieces.PIECE", 1000)
    monkeypatch.setattr("nanclean.formats._pieces.BLOCK", 500)
    columns = table(3000)
    write(tmp_path / "whole.csv", columns)
    cut(tmp_path / "d", columns, [10, 1500], "csv")

    assert told(nanclean.scan(tmp_path / "d", no_config=True)) == told(
        nanclean.scan(tmp_path / "whole.csv", no_config=True)
    )
    splits = list(source_of(str(tmp_path / "d")).splits())
    assert len(splits) > 20
    assert [split.index for split in splits] == list(range(len(splits)))
    assert [split.share for split in splits] == sorted(split.share for split in splits)
    assert splits[-1].share == 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_splits_pickle_small_and_give_the_same_cells(suffix: str, tmp_path: Path) -> None:
    cut(tmp_path / "d", table(5000), list(range(0, 5000, 100)), suffix)
    source = source_of(str(tmp_path / "d"))
    for split in source.splits():
        sent = pickle.dumps(split)
        assert len(sent) < 4000
        again = pickle.loads(sent)
        for one, other in zip(split.batches(), again.batches(), strict=True):
            assert (one.start, one.rows) == (other.start, other.rows)
            for a, b in zip(one.columns, other.columns, strict=True):
                assert repr(a.tolist()) == repr(b.tolist())  # a NaN is what it was
    whole = pickle.loads(pickle.dumps(source))
    assert [split.index for split in whole.splits()] == [split.index for split in source.splits()]
    source.close()


def test_ragged_records_are_those_of_their_files(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("x,y\n1,2\n3\n\n5,6\n")
    (tmp_path / "d" / "b.csv").write_text("x,y\ninf,2\n1,2,3\n")

    report = nanclean.scan(tmp_path / "d", no_config=True)

    (found,) = (finding for finding in report.findings if finding.rule == "ragged")
    assert (found.rows, found.lines, found.where) == ([2, 5], [3, 3], ["a.csv: line 3", "b.csv: line 3"])
    assert "1 on line 3 of a.csv and 3 on line 3 of b.csv" in found.message
    assert (report.source.ragged, report.source.rows) == (2, 5)
    (found,) = (finding for finding in report.findings if finding.rule == "infinite")
    assert (found.rows, found.where) == ([4], ["b.csv: line 2"])


def test_paths_are_joined_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = table(100)
    write(Path("whole.csv"), columns)
    cut(tmp_path / "d", columns, [30, 60], "csv")
    paths = sorted(str(path) for path in Path("d").rglob("*.csv"))

    joined = nanclean.scan(paths[::-1], as_one=True, no_config=True)

    assert told(joined) == told(nanclean.scan("whole.csv", no_config=True))
    assert [file["path"] for file in joined.source.files] == paths
    assert [report.source.rows for report in nanclean.scan(paths, no_config=True)] == [30, 30, 40]
    with pytest.raises(nanclean.UsageError, match="several paths"):
        nanclean.fit(paths, rules=["x: missing -> drop"])
    assert nanclean.fit(paths, rules=["x: missing -> drop"], as_one=True).rows == 100


def test_files_that_cannot_be_joined_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(nanclean.UsageError, match="are the same file"):
        nanclean.scan([tmp_path / "a.csv", tmp_path / "b.csv"], as_one=True)
    with pytest.raises(nanclean.UsageError, match=r"a\.csv and http://localhost/c\.csv: files on disk and elsewhere"):
        nanclean.scan([str(tmp_path / "a.csv"), "http://me:secret@localhost/c.csv"], as_one=True)


def test_what_is_no_table_is_passed_over(tmp_path: Path) -> None:
    for name in ("b.csv", "sub/a.csv", "_SUCCESS", "_x.csv", ".y.csv", "sub/.h/z.csv", "readme.txt", "notes.md"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_text("x\n1\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.csv").write_text("x\n9\n")
    (tmp_path / "d" / "link").symlink_to(tmp_path / "elsewhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "d" / "pipe.csv")  # to open it would wait for a writer

    report = nanclean.scan(tmp_path / "d", no_config=True)

    assert [file["path"] for file in report.source.files] == ["b.csv", os.path.join("sub", "a.csv")]


def test_a_folder_without_a_table_or_with_two_kinds_is_told(tmp_path: Path) -> None:
    with pytest.raises(nanclean.UsageError, match="no table in this folder"):
        nanclean.scan(tmp_path)
    (tmp_path / "a.csv").write_text("x\n1\n")
    write(tmp_path / "b.parquet", {"x": np.arange(3.0)})
    with pytest.raises(nanclean.UsageError, match=r"a\.csv and .*b\.parquet") as told:
        nanclean.scan(tmp_path)
    assert "--as-one" in str(told.value.hint)


def test_a_file_that_changes_is_told(tmp_path: Path) -> None:
    cut(tmp_path / "d", table(100), [50], "csv")
    source = source_of(str(tmp_path / "d"))
    with (tmp_path / "d" / "0000" / "0001.csv").open("a") as file:
        file.write("1,2,3\n")
    with pytest.raises(nanclean.InputError, match=r"0001\.csv: changed while it was read"):
        source.check()
    with pytest.raises(nanclean.InputError, match=r"0001\.csv: changed while it was read"):
        [batch for split in source.splits() for batch in split.batches()]


def test_the_first_file_that_fails_is_told(tmp_path: Path) -> None:
    cut(tmp_path / "d", table(100), list(range(5, 100, 5)), "csv")
    for number in (7, 3):
        path = tmp_path / "d" / "0000" / f"{number:04}.csv"
        path.write_text(path.read_text() + 'a,"b\n')
    with pytest.raises(nanclean.InputError, match=r"0003\.csv: line 7: a quote opens here"):
        nanclean.scan(tmp_path / "d", jobs=4, no_config=True)

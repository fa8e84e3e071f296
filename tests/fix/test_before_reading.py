"""What can be told wrong by names and types is told before the first row is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.errors import NancleanError
from nanclean.formats._arrays import ArraySource
from nanclean.formats.csv import CsvSource
from nanclean.formats.parquet import ParquetSource


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("x,city\n1,a\n2,b\n")
    pq.write_table(pa.table({"x": [1.0, None], "city": ["a", "b"]}), "t.parquet")
    np.save("t.npy", np.arange(6).reshape(3, 2))
    nanclean.fit("t.csv", "r.json", rules=["x: range(0, 1) -> clip"])
    for source in (CsvSource, ParquetSource, ArraySource):
        monkeypatch.setattr(source, "splits", lambda self: pytest.fail("rows were read"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "rules", "said"),
    [
        ("t.csv", ["x -> impute(median)"], ["impute(median) needs a find"]),
        ("t.csv", ["x: missing -> normalize(standard)"], ["normalize(standard) takes every cell"]),
        ("t.csv", ["z: missing -> drop", "x -> drop"], ["there is no column 'z'", "drop needs a find"]),
        ("t.parquet", ["city -> normalize(standard)"], ["not for city, which is text"]),
        ("t.parquet", ["x: missing -> fill(a)", "city: iqr -> blank"], ["iqr is for numeric columns"]),
        ("t.parquet", ["x: missing -> fill(a)", "x -> drop"], ["fill(a): x is a column of type float", "needs a find"]),
        ("t.npy", ["c0: range(0, 1) -> blank"], ["c0"]),
        ("t.npy", ["c0 -> normalize(standard)"], ["c0"]),
    ],
)
def test_a_policy(files: Path, name: str, rules: list[str], said: list[str]) -> None:
    with pytest.raises(nanclean.PolicyError) as told:
        nanclean.fix(name, f"out{Path(name).suffix}", rules=rules)
    for text in said:
        assert text in told.value.message


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nanclean.apply("r.json", "t.npy", "o.npy"), "t.npy: the recipe works on x, which is not there"),
        (lambda: nanclean.apply("none.json", "t.csv", "o.csv"), "none.json: there is no such recipe"),
        (lambda: nanclean.fix("t.csv", "t.csv", rules=["x: missing -> drop"]), "t.csv: is the input"),
        (lambda: nanclean.fix("t.csv", "o.xyz", rules=["x: missing -> drop"]), "o.xyz: what kind of file"),
        (lambda: nanclean.fix("t.csv", "no/o.csv", rules=["x: missing -> drop"]), "there is no folder no"),
    ],
)
def test_a_recipe_or_an_output(files: Path, call, said: str) -> None:
    with pytest.raises(NancleanError, match=said):
        call()
    assert not list(files.glob(".*"))

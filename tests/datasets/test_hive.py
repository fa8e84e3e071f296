"""Folders whose names hold values, year=2024/month=01: read as pyarrow, pandas and polars read them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.dataset import source_of
from tests.datasets.test_fixed_folder import contents

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NULL = "__HIVE_DEFAULT_PARTITION__"
NAMES = st.text("abc %/=é:", min_size=1, max_size=5).filter(lambda text: text.strip() == text)


def cells(folder: Path) -> dict[str, list[object]]:
    source = source_of(str(folder))
    found: dict[str, list[object]] = {field.name: [] for field in source.fields}
    for split in source.splits():
        for batch in split.batches():
            for name, raw in zip(found, batch.columns, strict=True):
                found[name] += raw.tolist()
    return found


def by_x(table: dict[str, list[object]]) -> list[tuple[object, ...]]:
    rows = zip(*(table[name] for name in sorted(table)), strict=True)
    return sorted(rows, key=lambda row: row[sorted(table).index("x")])


@SLOW
@given(
    parts=st.lists(st.tuples(st.integers(-3000, 3000), st.none() | NAMES), min_size=1, max_size=5, unique=True),
)
def test_values_are_those_that_pyarrow_reads(
    parts: list[tuple[int, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp = tmp_path_factory.mktemp("d")
    for number, (year, name) in enumerate(parts):
        folder = tmp / f"year={year}" / f"name={NULL if name is None else quote(name, safe='')}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [2 * number, 2 * number + 1]}), folder / f"{number}.parquet")

    read = pads.dataset(
        tmp,
        partitioning=pads.partitioning(flavor="hive", schema=pa.schema([("year", pa.int64()), ("name", pa.string())])),
    )

    assert by_x(cells(tmp)) == by_x(read.to_table().to_pydict())


def test_types_are_those_that_pandas_and_polars_read(tmp_path: Path) -> None:
    for number, (year, month) in enumerate([("2023", "01"), ("2024", "b"), ("2024", "02")]):
        folder = tmp_path / f"year={year}" / f"month={month}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"x": [number]}), folder / "part-0.parquet")

    found = cells(tmp_path)
    frame = pd.read_parquet(tmp_path)
    lazy = pl.scan_parquet(tmp_path / "**/*.parquet", hive_partitioning=True).collect()

    assert list(found) == ["x", "year", "month"] == lazy.columns
    for other in ({name: frame[name].tolist() for name in found}, lazy.to_dict(as_series=False)):
        assert by_x(found) == by_x(other)
    report = nanclean.scan(tmp_path, no_config=True)
    assert [(column.name, column.type) for column in report.columns] == [
        ("x", "integer"),
        ("year", "integer"),
        ("month", "text"),
    ]
    assert report.columns["year"].mean == np.mean([2023, 2024, 2024])


def test_a_column_of_the_file_wins(tmp_path: Path) -> None:
    (tmp_path / "x=7").mkdir()
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "x=7" / "a.parquet")
    assert cells(tmp_path) == {"x": [1, 2]}
    assert any("x is in the names of folders and in the files" in note for note in source_of(str(tmp_path)).facts.notes)


def test_text_files_have_them_as_text(tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        (tmp_path / f"year={year}" / "a.csv").write_text("x\n1\n2\n")
    report = nanclean.scan(tmp_path, no_config=True)
    assert [(column.name, column.type, column.count) for column in report.columns] == [
        ("x", "integer", 4),
        ("year", "integer", 4),
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_they_are_read_by_rules_and_not_written(suffix: str, tmp_path: Path) -> None:
    for year, x in ((2023, [1.0, np.inf]), (2024, [5.0, 6.0])):
        folder = tmp_path / "d" / f"year={year}"
        folder.mkdir(parents=True)
        if suffix == "csv":
            (folder / "a.csv").write_text("x\n" + "\n".join(map(str, x)) + "\n")
        else:
            pq.write_table(pa.table({"x": x}), folder / "a.parquet")

    report = nanclean.fix(
        tmp_path / "d",
        tmp_path / "out",
        rules=["x: infinite -> blank", "year: range(2024, 2030) -> drop"],
        no_config=True,
    )

    assert report.output.rows == 2
    assert sorted(contents(tmp_path / "out")) == [f"year=2023/a.{suffix}", f"year=2024/a.{suffix}"]
    assert cells(tmp_path / "out") == {
        "x": [5.0, 6.0] if suffix == "parquet" else ["5.0", "6.0"],
        "year": [2024, 2024] if suffix == "parquet" else ["2024", "2024"],
    }
    with pytest.raises(nanclean.UsageError, match="stands in the names of the folders"):
        nanclean.fix(tmp_path / "d", tmp_path / "no", rules=["year -> normalize(standard)"], no_config=True)
    with pytest.raises(nanclean.UsageError, match="stands in the names of the folders"):
        nanclean.fix(tmp_path / "d", tmp_path / "no", rules=["year -> drop_column"], no_config=True)
    assert not (tmp_path / "no").exists()

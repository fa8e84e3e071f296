"""Files of one dataset that do not have the same columns, types or kinds of cells."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.finding import Finding
from nanclean.report import Report

SLOW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**53), 2**53),
    "int8": st.integers(-128, 127),
    "uint32": st.integers(0, 2**32 - 1),
    "float64": st.floats(-1e9, 1e9),
    "float32": st.floats(-1e9, 1e9, width=32),
}


def schema(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == "schema"]


def folder_of(tmp_path: Path, **tables: dict[str, Any]) -> Path:
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


@SLOW
@given(data=st.data())
def test_figures_are_those_of_what_pandas_joins(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp = tmp_path_factory.mktemp("d")
    frames = []
    for number in range(data.draw(st.integers(2, 4))):
        rows = data.draw(st.integers(1, 5))
        names = data.draw(st.lists(st.sampled_from("abc"), unique=True, min_size=1))
        columns = {}
        for name in names:
            dtype = data.draw(st.sampled_from(list(COLUMNS)))
            cells = data.draw(st.lists(COLUMNS[dtype], min_size=rows, max_size=rows))
            columns[name] = np.array(cells, dtype)
        frames.append(pd.DataFrame(columns))
        pq.write_table(pa.table(columns), tmp / f"{number}.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        joined = pd.concat(frames, ignore_index=True)

    report = nanclean.scan(tmp, no_config=True)

    assert report.columns.names == list(joined.columns)
    for column in report.columns:
        values = joined[column.name]
        present = values.dropna().to_numpy()
        assert (column.count, column.missing) == (len(values), int(values.isna().sum()))
        assert (column.min, column.max) == (present.min().item(), present.max().item())
        assert column.mean == pytest.approx(present.astype(float).mean(), rel=1e-6)


def test_a_column_that_a_file_lacks_is_missing_there(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a={"x": [1, 2], "y": [1, 2]}, b={"x": [3]}, c={"x": [4], "z": ["u"]})

    report = nanclean.scan(folder, no_config=True)

    assert {(f.column, f.severity, f.message.split(";")[0]) for f in schema(report)} == {
        ("y", "warning", "b.parquet (and 1 more file) has no column y, which a.parquet has"),
        ("z", "warning", "c.parquet has the column z, which a.parquet has not"),
    }
    assert (report.columns["y"].null, report.columns["z"].null) == (2, 3)


@pytest.mark.parametrize(
    ("one", "other", "severity", "types", "type_"),
    [
        ([1, 2], [1.5], "warning", "is float in b.parquet and integer in a.parquet; read as float", "float"),
        ([1, 2], ["u"], "error", "is text in b.parquet and integer in a.parquet; read as text", "text"),
        ([True], [1], "error", "is integer in b.parquet and boolean in a.parquet; read as text", "text"),
        ([1], [[1.5]], "error", "is list<float> in b.parquet and integer in a.parquet; read as other", "other"),
        ([[1]], [[1.5]], "warning", "is list<float> in b.parquet and list<integer> in a.parquet; read as list<float>",
         "list<float>"),
        ([1], [None], None, "", "integer"),
        ([None], ["u"], None, "", "text"),
    ],
)  # fmt: skip
def test_types_that_differ(one: Any, other: Any, severity: str | None, types: str, type_: str, tmp_path: Path) -> None:
    report = nanclean.scan(folder_of(tmp_path, a={"x": one}, b={"x": other}), no_config=True)

    assert [(f.severity, f.message) for f in schema(report)] == ([(severity, f"x {types}")] if severity else [])
    assert report.columns["x"].type == type_
    assert report.columns["x"].count >= 2


def test_columns_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    report = nanclean.scan(folder_of(tmp_path, a={"x": [1], "y": [10]}, b={"y": [20], "x": [2]}), no_config=True)

    (found,) = schema(report)
    assert (found.severity, found.column) == ("info", None)
    assert (report.columns["x"].max, report.columns["y"].min) == (2, 10)


def test_many_disagreements_are_bounded(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a={"x": [1]}, b={"x": ["u"]} | {f"c{i}": [i] for i in range(100)})

    found = schema(nanclean.scan(folder, no_config=True))

    assert len(found) == 21
    assert (found[0].column, found[0].severity) == ("x", "error")
    assert any("81 more disagreements" in finding.message for finding in found)


def test_a_text_file_whose_cells_are_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z\n1,1,a\n2,2.5,b\n")
    (tmp_path / "b.csv").write_text("x,y,z\nu,3,7\nv,4,c\n,5,d\n")  # y is of one kind, z is mixed everywhere
    (tmp_path / "c.csv").write_text("x,y,z\n3,,e\nNA,,9\n")

    report = nanclean.scan(tmp_path, no_config=True)

    (found,) = schema(report)
    assert found.message == "x would be text in b.csv and integer in a.csv; read as text"
    assert (found.severity, found.column) == ("error", "x")
    assert report.columns["y"].type == "float"


def test_text_files_of_one_kind_are_looked_at_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("x,y\n1,u\n2.5,v\nNA,\n")

    report = nanclean.scan(tmp_path, no_config=True)

    assert not schema(report)
    assert report.run.passes == 1


def test_a_rule_sets_the_severity(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    folder = folder_of(tmp_path / "d", a={"x": [1], "y": [1]}, b={"x": [3]})
    (tmp_path / "p.toml").write_text('version = 1\nignore = ["schema"]\nrules = []\n')

    assert schema(nanclean.scan(folder, no_config=True))
    assert not schema(nanclean.scan(folder, policy=tmp_path / "p.toml"))

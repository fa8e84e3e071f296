"""What must hold for a scan: the same bits for any number of jobs, any memory, any cut of the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean import counting, exact, numbers
from nanclean.formats import _arrays, _layout, _pieces, _textfile, csv, parquet
from tests.tables import csv_bytes, hard_columns, in_three_formats

ROWS = 60_000


def told(source: Any, **options: Any) -> str:
    """The whole report but for `run`, where alone things may vary."""
    report = json.loads(nanclean.scan(source, **options).to_json())
    report.pop("run")
    return json.dumps(report)


def columns_of(text: str) -> str:
    return json.dumps(json.loads(text)["columns"])


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[str, Path]:
    columns = hard_columns(ROWS, seed=2)
    columns["gaps"] = np.where(np.random.default_rng(1).random(ROWS) < 0.1, np.nan, columns["normal"])
    columns["infinite"] = np.where(np.arange(ROWS) % 10_007 == 5, np.inf, columns["cauchy"])
    return in_three_formats(columns, tmp_path_factory.mktemp("bits"), row_group_size=8_000)


@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_jobs_change_nothing(form, paths):
    assert len({told(paths[form], jobs=jobs) for jobs in (1, 2, 3)}) == 1


@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_memory_changes_nothing(form, paths):
    assert len({told(paths[form], memory=memory, jobs=2) for memory in (1_000_000, 20_000_000, 2_000_000_000)}) == 1


@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_a_second_run_changes_nothing(form, paths):
    assert told(paths[form]) == told(paths[form])


KNOBS = {
    "small splits": [(_arrays, "SPLIT_BYTES", 1 << 20), (parquet, "SPLIT_ROWS", 9_000), (csv, "SPLIT", 1 << 20)],
    "small batches": [
        *[(_arrays, "ROWS", 1_000), (_arrays, "BATCH_BYTES", 1 << 16), (_arrays, "PIECE_BYTES", 1 << 12)],
        *[(parquet, "BATCH_ROWS", 700), (_pieces, "PIECE", 1 << 17), (csv, "PIECE", 1 << 17)],
    ],
    "small blocks": [(_pieces, "BLOCK", 10_007), (_textfile, "AHEAD", 1 << 16), (_layout, "BEGINNING", 5_000)],
    "short sums": [(module, "BLOCK", 1_024) for module in (exact, numbers, counting)],
    "little kept for a second look": [(counting, "KEPT", 1_000)],
}


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_cuts_change_nothing(form, knobs, paths, monkeypatch):
    before = told(paths[form])
    for module, name, value in KNOBS[knobs]:
        monkeypatch.setattr(module, name, value)
    assert told(paths[form], jobs=2) == before


@pytest.mark.parametrize("rows", [1_000, 7_777])
def test_row_groups_change_nothing(rows, paths, tmp_path):
    table = pq.read_table(paths["parquet"])
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=rows)

    assert columns_of(told(tmp_path / "t.parquet")) == columns_of(told(paths["parquet"]))


@pytest.mark.parametrize("rows", [999, 25_000])
def test_batches_in_memory_change_nothing(rows, paths):
    table = pq.read_table(paths["parquet"])
    cut = pa.Table.from_batches(table.to_batches(max_chunksize=rows))

    assert columns_of(told(cut)) == columns_of(told(paths["parquet"]))


def test_order_of_the_rows_changes_only_places():
    columns = hard_columns(30_000, seed=4)
    order = np.random.default_rng(9).permutation(30_000)
    shuffled = {name: values[order] for name, values in columns.items()}
    assert columns_of(told(columns)) == columns_of(told(shuffled))


def test_quotes_and_line_ends_change_nothing(paths, tmp_path):
    data = csv_bytes(hard_columns(8_000))
    (tmp_path / "plain.csv").write_bytes(data)
    lines = data.decode().splitlines()
    forms = {
        "crlf.csv": data.replace(b"\n", b"\r\n"),
        "cr.csv": data.replace(b"\n", b"\r"),
        "unended.csv": data[:-1],
        "blank.csv": data.replace(b"\n", b"\n\n"),
        "quoted.csv": ("\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in lines) + "\n").encode(),
        "bom.csv": b"\xef\xbb\xbf" + data,
        "utf16.csv": data.decode().encode("utf-16"),
        "semicolon.csv": data.replace(b",", b";"),
        "tab.csv": data.replace(b",", b"\t"),
        "pipe.csv": data.replace(b",", b"|"),
        "blanks.csv": data.replace(b",", b" ,\t").replace(b" ,\t", b",", data.split(b"\n")[0].count(b",")),
    }
    expected = columns_of(told(tmp_path / "plain.csv"))
    wrong = []
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        if columns_of(told(tmp_path / name)) != expected:
            wrong.append(name)
    assert wrong == []

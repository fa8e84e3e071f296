"""Where a finding points: rows, lines, ranges and positions, held against a plain search of every cell."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean

MOST_RANGES = 20


def found(source: Any, rule: str, **options: Any) -> dict[str, Any]:
    report = json.loads(nanclean.scan(source, **options).to_json())
    (finding,) = [finding for finding in report["findings"] if finding["rule"] == rule]
    return finding


def runs(rows: list[int]) -> list[list[int]]:
    """Neighbouring rows as [first, last]."""
    grouped = [list(group) for _, group in groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0])]
    return [[group[0][1], group[-1][1]] for group in grouped]


def bad_rows(rows: int, seed: int, share: float) -> np.ndarray:
    R = np.random.default_rng(seed)
    bad = R.random(rows) < share
    bad[rows // 3 : rows // 3 + 700] = seed % 2 == 0  # a long run on even seeds
    bad[[0, rows - 1]] = True
    return bad


@pytest.mark.parametrize("form", ["csv", "parquet", "npy", "array"])
@pytest.mark.parametrize(("seed", "share"), [(0, 0.0), (1, 0.0001), (2, 0.001)])
def test_rows_lines_and_ranges(form, seed, share, tmp_path: Path):
    rows = 60_000
    bad = bad_rows(rows, seed, share)
    values = np.where(bad, np.inf, np.arange(rows) * 0.5)
    texts = [f'"a\n{"b" * 100}"' if i % 3 == 0 else "" if i % 7 else f'"{"c" * 200}"' for i in range(rows)]
    source: Any = tmp_path / f"x.{form}"
    if form == "csv":
        cells = ["inf" if value == np.inf else repr(value) for value in values.tolist()]
        source.write_text("x,text\n" + "".join(f"{cell},{text}\n" for cell, text in zip(cells, texts, strict=True)))
    elif form == "parquet":
        pq.write_table(pa.table({"x": values}), source, row_group_size=7_000)
    elif form == "npy":
        np.save(source, values)
    else:
        source = values

    finding, expected = found(source, "infinite"), (np.flatnonzero(bad) + 1).tolist()
    assert finding["rows"] == expected[:5]
    assert (finding["count"], finding["of"], finding["share"]) == (len(expected), rows, len(expected) / rows)
    ranges = runs(expected)  # too many of them say nothing
    assert finding["ranges"] == (ranges if len(ranges) <= MOST_RANGES else None)
    if form == "csv":
        begins = np.cumsum([2, *(1 + text.count("\n") for text in texts)])  # the line on which each record begins
        assert finding["lines"] == [int(begins[row - 1]) for row in expected[:5]]
        assert finding["where"] == [f"line {line}" for line in finding["lines"]]
    elif form == "parquet":
        assert finding["lines"] is None
        assert finding["where"] == [f"row {row}" for row in expected[:5]]
    else:
        assert finding["where"] == [f"x[{row - 1}]" for row in expected[:5]]


@pytest.mark.parametrize("order", ["C", "F"])
def test_cells_of_arrays_are_named_as_python_names_them(order, tmp_path: Path):
    table = np.zeros((50, 4), order=order)
    table[1:] = np.random.default_rng(0).normal(size=(49, 4))
    table[[7, 33], [3, 3]] = -np.inf
    np.save(tmp_path / "x.npy", table)
    for source in (tmp_path / "x.npy", table):
        finding = found(source, "infinite")
        assert (finding["column"], finding["where"], finding["rows"]) == ("c3", ["x[7, 3]", "x[33, 3]"], [8, 34])

    cube = np.asarray(np.random.default_rng(0).normal(size=(6, 5, 4)), order=order)
    cube[2, 3, 1] = cube[2, 4, 0] = cube[5, 0, 0] = np.inf
    np.save(tmp_path / "x.npy", cube)
    for source in (tmp_path / "x.npy", cube):
        finding = found(source, "infinite")
        assert finding["where"] == ["x[2, 3, 1]", "x[5, 0, 0]"]  # a bad row is told by its first bad cell
        assert (finding["count"], finding["rows"]) == (3, [3, 6])


def test_records_are_numbered_with_the_ragged_ones(tmp_path: Path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n\n4,inf\n5,6,7\n8,inf\n")
    finding = found(tmp_path / "t.csv", "infinite")

    assert (finding["rows"], finding["lines"], finding["of"]) == ([3, 5], [5, 7], 3)


def test_a_row_of_a_list_is_bad_once(tmp_path: Path):
    rows = [[1.0, 2.0], [np.inf, np.inf, 3.0], None, [4.0], [np.inf]]
    pq.write_table(pa.table({"e": rows}), tmp_path / "t.parquet")
    finding = found(tmp_path / "t.parquet", "infinite")

    assert (finding["count"], finding["rows"], finding["ranges"]) == (3, [2, 5], [[2, 2], [5, 5]])


def test_limits_are_of_the_cells(tmp_path: Path):
    values = np.append(np.arange(999.0), np.inf)
    rule = "c0: infinite <= {}"
    severities = {
        limit: [
            f["severity"] for f in json.loads(nanclean.scan(values, rules=[rule.format(limit)]).to_json())["findings"]
        ]
        for limit in ("0.1%", "1", "0.09%", "0")
    }
    assert severities["0.09%"] == severities["0"] == ["error"]
    assert "error" not in severities["0.1%"] + severities["1"]


def test_outliers_are_found_by_rule_as_they_are_counted():
    values = np.random.default_rng(0).standard_t(3, 20_000)
    column = json.loads(nanclean.scan(values).to_json())["columns"][0]
    for rule in ("zscore", "iqr", "mad"):
        finding = found(values, rule, rules=[f"c0: {rule}"])
        low, high = column["fences"][rule]
        bad = np.flatnonzero((values < low) | (values > high)) + 1
        assert finding["count"] == column["outliers"][rule] == len(bad)
        assert finding["rows"] == bad[:5].tolist()
    for k in (2, 6):
        expected = int(np.sum(np.abs(values - values.mean()) > k * values.std()))
        assert found(values, "zscore", rules=[f"c0: zscore({k})"])["count"] == expected


def test_range_and_quantile_rules(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=5_000)
    low, high = np.quantile(values, [0.01, 0.95])

    finding = found(values, "range", rules=["c0: range(-1, 1.5)"])
    assert finding["count"] == np.sum((values < -1) | (values > 1.5))
    finding = found(values, "quantile", rules=["c0: quantile(0.01, 0.95)"])
    assert finding["count"] == np.sum((values < low) | (values > high))
    assert found(np.array([1, 2, 3]), "range", rules=["c0: range(1, 2)"])["rows"] == [3]


def test_hints_name_a_cause_where_it_is_plain(tmp_path: Path):
    """All infinities of a ratio lie where its divisor is 0."""
    R = np.random.default_rng(1)
    quantity = R.integers(0, 20, 2_000)
    with np.errstate(divide="ignore"):
        ratio = R.uniform(1, 2, 2_000) / quantity
    report = json.loads(nanclean.scan({"quantity": quantity, "ratio": ratio}).to_json())
    (finding,) = [finding for finding in report["findings"] if finding["rule"] == "infinite"]

    assert finding["count"] == int(np.sum(quantity == 0))
    assert "quantity" in finding["message"] + (finding["hint"] or "")


def test_complete_rows_count_every_kind_of_missing(tmp_path: Path):
    (tmp_path / "t.csv").write_text(
        "a,b,c\n1,x,true\nNA,y,false\n3,,true\n4,z,\ninf,z,true\nnan,,\n7,NA,true\n8,z,false\n"
    )
    report = nanclean.scan(tmp_path / "t.csv")

    assert (report.source.rows, report.source.complete_rows) == (8, 3)

"""The sample files: what scan says of them is what was planted, no less and no more."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean import registry

FOLDER = Path(__file__).parents[1] / "sample_data"
FAULTS: dict[str, dict[str, Any]] = json.loads((FOLDER / "faults.json").read_text(encoding="utf-8"))
SEPARATELY = {"quantile", "duplicate", "range", "zscore", "iqr", "mad", "no_rows", "schema"}
"""Found only where a rule asks for them, or in several files."""

Key = tuple[str, str | None]


def make() -> ModuleType:
    """sample_data/make.py."""
    spec = importlib.util.spec_from_file_location("sample_data_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def report(name: str) -> nanclean.Report:
    given = FAULTS[name]
    return nanclean.scan(FOLDER / name, **{role: given[role] for role in ("label", "id") if role in given})


def planted(name: str) -> dict[Key, dict[str, Any]]:
    """The faults of a file; two of one rule in one column are one."""
    found: dict[Key, dict[str, Any]] = {}
    for fault in FAULTS[name]["faults"]:
        key = (fault["rule"], fault["column"])
        assert key not in found, key
        found[key] = fault
    return found


def findings(name: str) -> dict[Key, Any]:
    return {(f.rule, f.column): f for f in report(name).findings}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_found_and_nothing_else(name: str) -> None:
    found = findings(name)
    assert set(planted(name)) <= set(found)
    assert {key for key, finding in found.items() if finding.severity != "info"} <= set(planted(name))


@pytest.mark.parametrize("name", FAULTS)
def test_counts_rows_and_lines_are_those_planted(name: str) -> None:
    found = findings(name)
    for key, fault in planted(name).items():
        finding = found[key]
        assert finding.count == fault["count"], key
        if finding.severity == "info":  # counted, not looked for
            continue
        if fault["rows"]:
            assert list(finding.rows) == fault["rows"], key
        if fault.get("lines"):
            assert list(finding.lines) == fault["lines"], key


@pytest.mark.parametrize("name", FAULTS)
def test_the_shape_is_that_of_the_file(name: str) -> None:
    source = report(name).source
    assert (source.rows, source.columns) == (FAULTS[name]["rows"], FAULTS[name]["columns"])


def test_every_kind_of_fault_is_there() -> None:
    found = {rule for name in FAULTS for rule, _ in planted(name)}
    assert found | SEPARATELY == set(registry.names("detectors"))


def test_one_table_has_the_same_figures_in_every_format() -> None:
    """To the bit. floor is left out: where a cell is a word, only text can say so."""
    csv, parquet, npy = (report(f"flats.{kind}") for kind in ("csv", "parquet", "npy"))
    keys = (
        "count missing pos_inf neg_inf finite zero negative min max mean std q1 median q3 mad outliers fences reason"
        " distinct constant top histogram missing_by_block missing_rows"
    ).split()
    features = make().FEATURES
    for i, name in enumerate(features):
        if name == "floor":
            continue
        for other in (parquet.columns[name], npy.columns[f"c{i}"]):
            for key in keys:
                assert getattr(other, key) == getattr(csv.columns[name], key), (name, key)
    text = ("count", "missing", "distinct", "constant", "top", "min", "max", "missing_by_block", "missing_rows")
    for name in set(csv.columns.names) - set(features):
        for key in text:
            assert getattr(parquet.columns[name], key) == getattr(csv.columns[name], key), (name, key)
    words = sum(fault["count"] for fault in FAULTS["flats.csv"]["faults"] if fault["rule"] == "unparsable")
    assert csv.source.complete_rows == parquet.source.complete_rows + words  # as text they are no missing cells


def test_the_spellings_of_missing_are_counted_apart() -> None:
    area = report("flats.csv").columns["area"]
    assert (area.empty, area.nan, area.token, area.tokens) == (9, 3, 7, {"NA": 5, "?": 2})
    area = report("flats.parquet").columns["area"]
    assert (area.null, area.nan, area.empty, area.token) == (16, 3, 0, 0)


def test_the_script_makes_the_files_byte_for_byte(tmp_path: Path) -> None:
    make().main(tmp_path)
    for name in ("flats.csv", "flats.npy", "export.csv", "faults.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
    made, kept = (pq.read_table(folder / "flats.parquet") for folder in (tmp_path, FOLDER))
    assert made.schema == kept.schema
    for name in kept.column_names:  # Table.equals holds no table with a NaN for equal to itself
        ours, theirs = made[name].combine_chunks(), kept[name].combine_chunks()
        assert ours.is_null().equals(theirs.is_null())
        if name in ("area", "rent", "rent_per_area", "energy"):
            np.testing.assert_array_equal(ours.to_numpy(zero_copy_only=False), theirs.to_numpy(zero_copy_only=False))
        else:
            assert ours.equals(theirs)

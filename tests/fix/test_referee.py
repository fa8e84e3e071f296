"""Random tables under random rules: what is written equals a pipeline of the same steps, done slowly and plainly."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.errors import NancleanError
from nanclean.report import Report
from nanclean.rule import find as spelled_find
from nanclean.rule import fixer as spelled_fix
from tests.fix.pipeline import NUMERIC, Cells, Line, Refused, Table, Undecided, pipeline
from tests.fix.tables import FORMATS, SMALL, STANDIN, case, text_of, written

SEEDS = range(50)


# --- what was written


def read(path: Path, form: str, like: Table) -> dict[str, Cells]:
    if form == "parquet":
        table = pq.read_table(path)
        return {name: _of_arrow(table[name].combine_chunks()) for name in table.column_names}
    if form == "npy":
        array = np.load(path)
        kinds = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}
        return {name: Cells.of(kinds[array[name].dtype.kind], array[name]) for name in array.dtype.names}
    with open(path, newline="", encoding="utf-8") as file:
        header, *records = csv.reader(file)
    return {name: _of_texts([record[i] for record in records], like.columns[name]) for i, name in enumerate(header)}


def _of_arrow(array: Any) -> Cells:
    null = np.array(array.is_null())
    kind = {"string": "text", "bool": "boolean"}.get(str(array.type))
    if kind is not None:
        return Cells.of(kind, np.array([False if v is None else v for v in array.to_pylist()], object), null)
    values = np.array([0 if value is None else value for value in array.to_pylist()], array.type.to_pandas_dtype())
    return Cells.of("float" if values.dtype.kind == "f" else "integer", values, null)


def _of_texts(texts: list[str], like: Cells) -> Cells:
    null = np.array([text == "" for text in texts], bool)
    garbage = np.array([text == "oops" for text in texts], bool)
    kept = [None if text in ("", "oops") else text for text in texts]
    if like.type == "boolean":
        return Cells.of("boolean", [text == "true" for text in kept], null)
    if like.type == "text":
        return Cells.of("text", np.array(kept, object), null)
    if like.type == "integer":
        return Cells.of("integer", np.array([int(text or 0) for text in kept], like.dtype), null, garbage)
    return Cells.of("float", np.array([float(text or 0) for text in kept], like.dtype), null, garbage)


def compare(found: dict[str, Cells], expected: dict[str, Cells], form: str) -> None:
    assert list(found) == list(expected)
    for name, mine in found.items():
        theirs = expected[name]
        assert len(mine.values) == len(theirs.values), name
        if form != "csv":
            assert (mine.type, mine.dtype if mine.type in NUMERIC else None) == (
                theirs.type, theirs.dtype if theirs.type in NUMERIC else None), name  # fmt: skip
        assert mine.missing.tolist() == theirs.missing.tolist(), name
        if form == "parquet":
            assert mine.null.tolist() == theirs.null.tolist(), f"{name}: NaN and null"
        assert mine.garbage.tolist() == theirs.garbage.tolist(), name
        present = theirs.present
        a, b = mine.values[present], theirs.values[present]
        if theirs.type != "float":
            assert a.tolist() == b.tolist(), name
            continue
        a, b = a.astype(float), b.astype(float)
        tolerance = 1e-6 if theirs.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(
            a, b, rtol=tolerance, atol=tolerance * min(1, np.abs(b[np.isfinite(b)]).max(initial=0))
        )


def compare_changes(report: Report, rules: Sequence[Line], done: Table) -> None:
    mine = [(c.rule, c.column, c.fix, c.cells, c.rows, c.found) for c in report.changes]
    theirs = [(text_of(rules[d.rule]), d.column, str(spelled_fix(d.fix)), d.cells, d.rows, d.found) for d in done.done]
    assert [key[:3] for key in mine] == [key[:3] for key in theirs]
    assert mine == theirs
    wrong = {(f.rule_text, f.column): f.count for f in report.findings
             if f.severity == "error" and not f.message.startswith("still") and f.rule != "policy"}  # fmt: skip
    expected = {(text_of(rules[number]), name): count for (number, name), count in done.errors.items()}
    assert wrong == expected
    assert report.exit_code == 0


def compare_rejected(folder: Path, form: str, before: Table, rules: Sequence[Line], done: Table) -> None:
    path = folder / ("out.rejected.parquet" if form == "parquet" else "out.rejected.csv")
    gone = sorted(done.gone, key=lambda each: each.row)
    assert path.exists() == bool(gone)
    if not gone:
        return
    if form == "parquet":
        rejected = pq.read_table(path).to_pylist()
        original = pq.read_table(folder / "in.parquet").to_pylist()
    else:
        with open(path, newline="", encoding="utf-8") as file:
            rejected = list(csv.DictReader(file))
        if form == "csv":
            with open(folder / "in.csv", newline="", encoding="utf-8") as file:
                original = list(csv.DictReader(file))
        else:
            array = np.load(folder / "in.npy")
            original = [dict(zip(array.dtype.names, row, strict=True)) for row in array.tolist()]
    assert len(rejected) == len(gone)
    for mine, theirs in zip(rejected, gone, strict=True):
        raw = original[theirs.row]
        assert int(mine["_row"]) == theirs.row + 1
        reason = "standin" if theirs.reason.startswith("standin") else str(spelled_find(theirs.reason))
        assert (mine["_rule"], mine["_column"], mine["_reason"]) == (
            text_of(rules[theirs.rule]), theirs.column, reason)  # fmt: skip
        for name, value in raw.items():
            assert same(mine[name], value), (name, mine[name], value)
        if theirs.column in raw:
            assert same(mine["_value"], raw[theirs.column])


def same(mine: Any, value: Any) -> bool:
    """A cell of a rejected row and the one that was read; as text or not."""
    if value is None or value == "":
        return mine in (None, "")
    if isinstance(value, bool):
        return str(mine).lower() == str(value).lower()
    if (isinstance(value, float) and not isinstance(mine, str)) or isinstance(value, int):
        return float(mine) == value or (math.isnan(float(mine)) and math.isnan(value))
    if isinstance(value, float):
        wide = np.float32 if np.float32(value) == value else np.float64
        return (math.isnan(value) and mine.lower() in ("nan", "")) or wide(mine) == wide(value)
    return bool(mine == value)


def judged(seed: int, form: str, folder: Path) -> None:
    table, rules = case(seed, form)
    if not rules:
        return
    path = written(table, form, folder / f"in.{form}")
    if any(rule.find and rule.find[0] == "standin" for rule in rules):
        far = table.columns["far"].values
        others = far[far != STANDIN]
        if (far == STANDIN).sum() < 3 or len(set(others.tolist())) < 12 or (far == STANDIN).sum() > len(others):
            return
    run: Callable[[], Report] = lambda: nanclean.fix(
        path, folder / f"out.{form}", rules=[text_of(rule) for rule in rules], no_config=True, fail_on="never", jobs=1,
        label="y" if "y" in table.columns else None, id="row" if "row" in table.columns else None,
    )  # fmt: skip
    try:
        done = pipeline(table, rules)
    except Undecided:
        return
    except Refused:
        with pytest.raises(NancleanError) as error:
            run()
        code = error.value.exit_code
        assert code == 4, error.value.message
        assert [file.name for file in folder.iterdir()] == [path.name]
        return
    report = run()
    assert report.output is not None
    assert report.output.verified
    assert (report.output.rows, report.output.rejected) == (len(done.rows), len(done.gone))
    assert report.output.rows + report.output.rejected == len(table.rows)
    compare_changes(report, rules, done)
    compare(read(folder / f"out.{form}", form, done), done.columns, form)
    compare_rejected(folder, form, table, rules, done)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", SEEDS)
def test_fix_is_the_pipeline_of_its_rules(
    seed: int, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in SMALL if seed % 2 else ():
        monkeypatch.setattr(module, name, value)
    judged(seed, form, tmp_path)


def test_the_examples_are_of_all_kinds() -> None:
    """Or the test above would prove little."""
    ends: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for form in FORMATS:
        for seed in SEEDS:
            table, rules = case(seed, form)
            try:
                done = pipeline(table, rules)
            except (Refused, Undecided) as end:
                ends[type(end).__name__] += 1
                continue
            ends["dropped"] += bool(done.gone)
            ends["errors"] += bool(done.errors)
            ends["kept"] += 1
            for each in done.done:
                parts[each.fix.partition("(")[0]] += each.cells > 0 or each.rows > 0 or each.fix.startswith("cast")
            parts.update(rule.find[0] for rule in rules if rule.find is not None)
            parts["flag"] += any(name.rpartition("_")[0] in table.columns for name in done.columns)
            parts["drop_column"] += len(done.columns) < len(table.columns)
    assert ends["kept"] > 60
    assert min(ends["Refused"], ends["dropped"], ends["errors"]) > 9
    assert ends["Undecided"] < 5
    names = (
        "missing infinite iqr zscore mad range quantile standin unparsable blank fill impute clip normalize log1p cast"
    )
    assert {name for name in [*names.split(), "drop", "drop_column", "flag"] if parts[name] < 3} == set()

"""What must hold for the measuring of a gate: less is measured, and the same is found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.batch import Batch
from nanclean.counting import Linear
from nanclean.detectors._gaps import peeled
from nanclean.detectors.standin import Standin
from nanclean.lean import LeanStatistics
from nanclean.numbers import NumberStatistics, Plan, planned
from nanclean.report import Report
from nanclean.statistics import Figures
from tests.figures_reference import numbers

TRIALS = 400
QUIET = (0, 2)
"""Seeds of tables in which some columns are quiet."""
SPECIAL = (-999.0, -1.0, 0.0, 99.0, 999.0, -9.0, 9999.0)
DTYPE = np.dtype(np.float64)


def column(r: np.random.Generator) -> np.ndarray:
    """Values of some shape; groups of special and other values are put at, or near, their ends."""
    n = int(r.integers(60, 3_000))
    far_from_zero = np.where(r.random(n) < 0.97, r.normal(30, 2, n).clip(20), r.uniform(20, 500, n))
    shapes = (
        *(r.normal(50, 10, n), r.lognormal(0, 1, n), r.pareto(1.5, n), r.random(n), r.exponential(3, n) + 1),
        *(far_from_zero, np.where(r.random(n) < 0.02, 0.0, far_from_zero)),
    )
    values = shapes[r.integers(len(shapes))] * 10.0 ** r.integers(-2, 4)
    values = np.round(values, 2) if r.random() < 0.3 else values
    values = np.round(values) if r.random() < 0.2 else values
    for _ in range(r.integers(0, 4)):
        width = values.max() - values.min()
        where = values.max() + width * r.random() * 2 if r.random() < 0.5 else values.min() - width * r.random() * 2
        where = r.choice(SPECIAL) if r.random() < 0.5 else where
        values[r.choice(n, int(r.integers(1, 1 + n // 10)), replace=False)] = where
    return values


def plan(r: np.random.Generator, values: np.ndarray, *, ends: bool = True) -> Plan:
    """A plan as it is made for large columns, or an absurd one."""
    if r.random() < 0.6:
        sample = r.choice(values, max(values.size // 4, 10))
        return replace(planned(sample, DTYPE, 1 << 20, 10, (), ends=ends), table=0)
    low = float(r.choice(values)) - r.random() * 10
    return Plan(DTYPE, Linear(low, float(10.0 ** r.integers(-3, 5)), int(r.integers(4, 5_000))), 0)


def measured(statistics: Any, values: np.ndarray) -> Any:
    """The statistics after all their looks."""
    column = numbers(values)
    while statistics is not None:
        last = statistics
        last.add(column, Batch(0, values.size, ()))
        statistics = last.again()
    return last


def figures(values: np.ndarray) -> Figures:
    full = NumberStatistics("float", planned(values, DTYPE, values.size, 1, ()), None)
    return measured(full, values).result(values.size)


def test_where_nothing_is_measured_nothing_stands_apart() -> None:
    lean, apart = 0, 0
    for seed in range(TRIALS):
        r = np.random.default_rng(seed)
        values = column(r)
        known = figures(values)
        rest = peeled(known)
        standin = Standin().survey([known] * 3).fit(known)
        found = bool(standin.numbers) or (rest is not None and bool(rest.beneath or rest.beyond))
        after = measured(LeanStatistics("float", plan(r, values), None, apart=True), values)
        if isinstance(after, LeanStatistics):
            assert not found, (seed, standin.numbers, rest)
            lean += 1
        apart += found
    assert lean > TRIALS // 16, "it measures everything"
    assert apart > TRIALS // 8, "the trials are too tame"


def test_what_is_measured_is_the_same_as_in_full() -> None:
    counted = ("count", "missing", "pos_inf", "neg_inf", "finite", "zero", "min", "max", "constant", "unparsable")
    for seed in range(TRIALS // 4):
        r = np.random.default_rng(seed)
        values = column(r)
        values[r.random(values.size) < 0.02] = r.choice([np.nan, np.inf, -np.inf, 0.0])
        for apart in (True, False):
            given = replace(plan(r, values[np.isfinite(values)]), table=int(r.integers(0, 2)) * 30)
            lean = LeanStatistics("float", given, None, apart=apart)
            found = measured(lean, values).result(values.size)
            full = measured(NumberStatistics("float", given, None), values).result(values.size)
            assert {name: found[name] for name in counted} == {name: full[name] for name in counted}, seed


def test_pieces_merge_to_the_whole() -> None:
    for seed in range(60):
        r = np.random.default_rng(seed)
        values = column(r)
        given = replace(plan(r, values), table=int(r.integers(0, 2)) * 30)
        whole = LeanStatistics("float", given, None, apart=seed % 3 > 0)
        whole.add(numbers(values), Batch(0, values.size, ()))
        merged = whole.fresh()
        cuts = np.sort(r.integers(0, values.size, 3))
        for start, piece in zip([0, *cuts.tolist()], np.split(values, cuts), strict=True):
            part = merged.fresh()
            part.add(numbers(piece), Batch(start, piece.size, ()))
            merged.merge(part)
        one, other = whole.again(), merged.again()
        assert (one is None) == (other is None), seed
        if one is None:
            assert whole.result(values.size) == merged.result(values.size)


def told(report: Report) -> list[object]:
    return [msgspec.structs.asdict(finding) for finding in report.findings]


@pytest.mark.parametrize("seed", range(12))
def test_the_gate_finds_what_a_scan_finds(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanclean.numbers.SMALL", 0)  # as if the table were long
    monkeypatch.setattr("nanclean.numbers.DISTINCT", 8)
    r = np.random.default_rng(seed)
    columns = {f"x{i}": np.resize(column(r), 2_000) for i in range(12)}
    for i in range(3):
        columns[f"x{i}"][r.random(2_000) < 0.01] = r.choice([np.nan, np.inf, 1e39])
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=700)
    rules = ["x3: iqr(1.5) <= 3%", "x4: range(0, 100)", "x5: zscore"] if seed % 2 else []
    scan, check = (verb(path, rules=rules, no_config=True) for verb in (nanclean.scan, nanclean.check))
    assert told(scan) == told(check)
    left_out = [column for column in check.columns if column.reason == "not measured"]
    assert left_out or seed not in QUIET, "nothing was saved"
    assert all(column.median is None and column.mean is None for column in left_out)
    if rules:
        assert check.columns["x3"].median == scan.columns["x3"].median


def test_without_anybody_asking_for_it_nothing_is_counted_in_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanclean.numbers.SMALL", 0)
    x = np.random.default_rng(1).pareto(1, 5_000)
    written = tmp_path / "nanclean.toml"
    written.write_text('version = 1\nignore = ["isolated: @all", "standin: @all"]\n')
    ignore = str(written)
    report = nanclean.check({"x": x}, policy=ignore)
    assert report.run.passes == 1
    assert report.columns["x"].max == x.max()
    assert report.columns["x"].reason == "not measured"
    assert math.isclose(nanclean.check({"x": x}, policy=ignore, figures=True).columns["x"].mean or 0, x.mean())


def test_a_zero_far_from_positive_values_is_looked_at_closely() -> None:
    r = np.random.default_rng(3)
    others = np.where(r.random(60_000) < 0.9, r.normal(30, 2, 60_000).clip(20), r.uniform(20, 500, 60_000))
    values = np.where(r.random(60_000) < 0.02, 0.0, others)
    known = figures(values)
    assert Standin().survey([known]).fit(known).numbers == (0,)
    given = replace(planned(values[::5], DTYPE, 1 << 20, 10, (), ends=True), table=0)
    assert not isinstance(measured(LeanStatistics("float", given, None, apart=True), values), LeanStatistics)
    assert isinstance(measured(LeanStatistics("float", given, None, apart=True), others), LeanStatistics)


def test_zeros_are_counted_whether_or_not_the_values_were_few_at_first() -> None:
    values = np.round(np.random.default_rng(4).normal(0, 1, 3_000), 2)
    given = replace(planned(values[::5], DTYPE, 1 << 20, 10, (), ends=True), table=30)
    lean = LeanStatistics("float", given, None, apart=True)
    for piece in np.split(values, 30):
        lean.add(numbers(piece), Batch(0, piece.size, ()))
    assert lean.again() is None
    assert lean.result(values.size)["zero"] == np.count_nonzero(values == 0) > 5

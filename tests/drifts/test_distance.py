"""The figures of a comparison against NumPy and scipy: exact, and the same bits however they were computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ks_2samp

import nanclean
from nanclean import counting, distance
from nanclean.formats import _arrays, _pieces, csv, parquet
from nanclean.report import Report, Shift

DECILES = [k / 10 for k in range(1, 10)]


def tables(n: int, m: int, shift: float, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Two tables of hard columns."""

    def columns(rng: np.random.Generator, rows: int, shift: float) -> dict[str, np.ndarray]:
        return {
            "normal": rng.normal(shift, 1, rows),
            "cauchy": rng.standard_cauchy(rows) + shift,
            "long": np.exp(rng.normal(shift, 3, rows)),
            "few": rng.integers(0, 50, rows) + int(3 * shift),
            "ids": rng.permutation(rows),
            "big": rng.integers(2**60, 2**60 + 10**6, rows),
            "single": rng.normal(shift, 1, rows).astype(np.float32),
            "holes": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(shift, 1, rows)),
            "infinite": np.where(rng.random(rows) < 0.01, np.inf, rng.uniform(0, 1, rows)),
            "hot": np.where(rng.random(rows) < 0.5, 0.0, rng.normal(0, 1, rows)),
            "signed": np.where(rng.random(rows) < 0.5, 0.0, -0.0),
        }

    return columns(np.random.default_rng(seed), n, 0.0), columns(np.random.default_rng(seed + 1), m, shift)


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def ks(old: np.ndarray, new: np.ndarray) -> float:
    """The supremum over all values, by sorting."""
    points = np.concatenate([old, new])
    return float(
        np.abs(
            np.searchsorted(np.sort(old), points, "right") / old.size
            - np.searchsorted(np.sort(new), points, "right") / new.size
        ).max()
    )


def bins_of(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The counts of both between the deciles of the older ones."""
    edges = np.unique(np.quantile(old, DECILES))
    edges = edges[edges < old.max()]
    first, second = (np.bincount(np.searchsorted(edges, x, "left"), minlength=edges.size + 1) for x in (old, new))
    return first, second


def psi(old: np.ndarray, new: np.ndarray) -> float | None:
    before, now = bins_of(old, new)
    if before.size < 2:
        return None
    p, q = np.maximum(now, 0.5) / new.size, np.maximum(before, 0.5) / old.size
    return float(((p - q) * np.log(p / q)).sum())


def compared(old: Any, new: Any, **options: Any) -> dict[str, Shift]:
    report = nanclean.compare(old, new, **options)
    assert report.comparison is not None
    return {shift.name: shift for shift in report.comparison.columns}


@pytest.mark.parametrize(
    ("n", "m", "shift"), [(1, 1, 0), (50, 70, 0), (3_000, 2_000, 0.3), (90_000, 110_000, 0), (280_000, 70_000, 0.02)]
)
def test_every_figure_is_that_of_numpy_and_scipy(n: int, m: int, shift: float) -> None:
    old, new = tables(n, m, shift, seed=n)
    found = compared(old, new)
    assert list(found) == list(old)
    for name, shifted in found.items():
        x, y, measures = finite(old[name]), finite(new[name]), shifted.measures
        if not x.size or not y.size:
            continue
        assert measures["ks"] == pytest.approx(ks(x, y), abs=1e-12), name
        if min(x.size, y.size) > 1:
            wide = [v.astype(float) if v.dtype == np.float32 else v for v in (x, y)]  # SciPy may answer in float32
            assert measures["ks"] == pytest.approx(ks_2samp(*wide, method="asymp").statistic, abs=1e-12), name
        assert measures["beyond_range"] == ((y < x.min()) | (y > x.max())).mean()
        assert measures["missing_rate"] == pytest.approx(abs(np.isnan(new[name]).mean() - np.isnan(old[name]).mean()))
        assert measures["non_finite_rate"] == pytest.approx(
            abs(np.isinf(new[name]).mean() - np.isinf(old[name]).mean())
        )
        if name == "big":  # NumPy rounds its values to float64
            continue
        index, expected = measures["psi"], psi(x.astype(np.float64), y.astype(np.float64))
        assert index == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-12)), name
        std, std_ = x.std(dtype=np.float64), y.std(dtype=np.float64)
        if std:
            moved = abs(y.mean(dtype=np.float64) - x.mean(dtype=np.float64)) / std
            assert measures["mean_shift"] == pytest.approx(moved, rel=1e-6, abs=1e-12)
        if std and std_:
            assert measures["std_ratio"] == pytest.approx(max(std / std_, std_ / std), rel=1e-9)


NUMBERS = st.one_of(
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=False, allow_infinity=False, width=64)),
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float)),
    hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(-(2**63), 2**63 - 1)),
    hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(-5, 5)),
)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_the_distance_of_any_numbers_is_exact(old: np.ndarray, new: np.ndarray) -> None:
    if old.dtype != new.dtype:
        old, new = old.astype(np.float64), new.astype(np.float64)
    one, other = compared({"x": old}, {"x": new})["x"], compared({"x": new}, {"x": old})["x"]
    assert one.measures["ks"] == pytest.approx(ks(old, new), abs=1e-12)
    assert one.measures["ks"] == other.measures["ks"]
    assert one.measures["missing_rate"] == other.measures["missing_rate"]
    assert one.measures["std_ratio"] == other.measures["std_ratio"]


def told(old: Any, new: Any, **options: Any) -> str:
    report = json.loads(nanclean.compare(old, new, **options).to_json())
    report.pop("run")
    return json.dumps(report)


KNOBS = {
    "small batches": [
        (_arrays, "ROWS", 1_000), (_arrays, "PIECE_BYTES", 1 << 12), (parquet, "BATCH_ROWS", 700),
        (_pieces, "PIECE", 1 << 17), (csv, "PIECE", 1 << 17),
    ],
    "bins are divided": [(counting, "KEPT", 300), (distance, "KEPT", 300)],
    "little room": [(distance, "VALUE", 1 << 40), (distance, "LEAST", 1 << 14)],
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Path]]:
    """Two tables in two formats."""
    folder = tmp_path_factory.mktemp("pair")
    made: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for number, columns in enumerate(tables(70_000, 80_000, 0.01, seed=3)):  # some columns have to be looked at again
        columns.pop("signed")  # CSV knows no -0 among integers
        table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
        for form in ("parquet", "csv"):
            path = made[number][form] = folder / f"{number}.{form}"
            if form == "parquet":
                pq.write_table(table, path, row_group_size=9_000)
            else:
                import pyarrow.csv

                pyarrow.csv.write_csv(table, path)
    return made


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("knobs", KNOBS)
def test_cuts_and_room_change_nothing(
    form: str, knobs: str, files: tuple[dict[str, Path], dict[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = files[0][form], files[1][form]
    before = told(old, new, jobs=1)
    for module, name, value in KNOBS[knobs]:
        monkeypatch.setattr(module, name, value)
    assert told(old, new, jobs=2) == before
    assert told(old, new, memory=3_000_000) == before


def test_another_format_holds_the_same_data(files: tuple[dict[str, Path], dict[str, Path]]) -> None:
    report = nanclean.compare(files[0]["csv"], files[0]["parquet"])
    assert report.comparison is not None
    distances = {shift.name: shift.measures["ks"] for shift in report.comparison.columns}
    distances.pop("single")  # the text of a float32 is another float64
    assert set(distances.values()) == {0.0}
    assert not [finding for finding in report.findings if finding.severity != "info"]


def test_the_order_of_the_rows_is_no_difference(files: tuple[dict[str, Path], dict[str, Path]]) -> None:
    table = pq.read_table(files[0]["parquet"])
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    report = nanclean.compare(table, shuffled)
    assert report.comparison is not None
    assert report.comparison.same
    columns = shuffled.to_pydict()
    columns["normal"][7] += 1e-9
    report = nanclean.compare(table, {name: np.array(values, np.float64) for name, values in columns.items()})
    assert report.comparison is not None
    moved = next(shift for shift in report.comparison.columns if shift.name == "normal")
    assert moved.measures["ks"] == pytest.approx(1 / table.num_rows, rel=1e-9)
    assert not report.comparison.same


def test_what_bins_tell_is_a_lower_bound_and_said_to_be_one(tmp_path: Path) -> None:
    old, new = tables(20_000, 15_000, 0.4, seed=8)
    exact = compared(old, new)
    recipe = nanclean.fit(old, rules=["normal: missing -> impute(median)"])
    report, newer = (Report.from_json(nanclean.scan(table).to_json()) for table in (old, new))
    for kind, reference, now in (("recipe", recipe, new), ("report", report, new), ("report", report, newer)):
        answer = nanclean.compare(reference, now).comparison
        assert answer is not None
        assert answer.kind == kind
        for shift in answer.columns:
            bound, truth = shift.measures["ks"], exact[shift.name].measures["ks"]
            if bound is None or truth is None:
                continue
            assert "ks" in shift.at_least
            assert bound <= truth + 1e-12, shift.name
            if shift.name == "normal":
                assert bound > (0.3 if now is newer else 0.8) * truth, kind
        by_name = {shift.name: shift for shift in answer.columns}
        for name in ("normal", "holes", "long"):
            x, y, index = finite(old[name]), finite(new[name]), by_name[name].measures["psi"]
            if kind == "recipe":
                assert index == pytest.approx(psi(x, y), rel=1e-9)
            elif now is newer:
                assert index is None, "two histograms share no edges"
            else:
                if name != "long":  # nearly all of it lies in one bin of the histogram
                    assert index == pytest.approx(psi(x, y), rel=0.4)
                below = ((y < x.min()) | (y > x.max())).mean()
                assert by_name[name].measures["beyond_range"] == below


@pytest.mark.parametrize(
    "name", ["bechdel_movies.csv", "diamonds.csv", "flights_q1.parquet", "births.csv", "weather.csv"]
)
def test_real_columns(name: str, data: Path) -> None:
    if not (data / name).is_file():
        pytest.skip(f"there is no {name} in a data pack")
    pandas = pytest.importorskip("pandas")
    read = pandas.read_parquet if name.endswith("parquet") else pandas.read_csv
    frame = read(data / name).select_dtypes("number")
    cut = frame.shape[0] * 2 // 3
    old, new = frame.iloc[:cut], frame.iloc[cut:]
    found = compared(old, new)
    checked = 0
    for column in frame.columns:
        x, y = (finite(half[column].to_numpy(np.float64)) for half in (old, new))
        if x.size and y.size:
            checked += 1
            assert found[column].measures["ks"] == pytest.approx(ks(x, y), abs=1e-12), column
            assert found[column].measures["psi"] == (
                None if psi(x, y) is None else pytest.approx(psi(x, y), rel=1e-9, abs=1e-12)
            ), column
    assert checked

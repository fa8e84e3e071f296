"""The referee is examined itself: against NumPy, pandas, and Python's own exact statistics."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import (
    PANDAS,
    PANDAS_NAN,
    Sorted,
    Words,
    array_column,
    block_size,
    counted,
    csv_table,
    figures,
    lexical_class,
    mad_of,
    mean_of,
    names_of_header,
    quantile,
    root,
    settled_type,
    std_of,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODERATE = st.floats(-1e150, 1e150, allow_subnormal=True)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(FINITE | INTEGERS, min_size=1))
def test_mean_and_deviation_are_those_of_the_fractions(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)

    assert mean_of(counted(values)) == float(mean)
    found = std_of(counted(values))
    assert found is not None
    assert (found == 0) == (variance == 0) or found < 5e-324 * 2**60
    if found > 1e-290:
        assert abs(Fraction(found) ** 2 / variance - 1) <= Fraction(2.3e-16) * 2


@given(st.fractions(min_value=Fraction(1, 10**20), max_value=10**20))
def test_root_is_the_nearest_float(value):
    found = Fraction(root(value))
    for step in (-math.inf, math.inf):
        middle = (found + Fraction(math.nextafter(float(found), step))) / 2
        assert (middle**2 <= value) if step < 0 else (middle**2 >= value)


def test_deviation_is_that_of_the_statistics_module():
    values = np.random.default_rng(1).normal(1e9, 1, 2_000)

    assert std_of(counted(values)) == statistics.pstdev(map(Fraction, values.tolist()))
    assert mean_of(counted(values)) == statistics.mean(values.tolist())


@given(st.lists(MODERATE, min_size=1), st.floats(0, 1))
def test_quantiles_are_numpys(values, q):
    for place in (q, 0.005, 0.25, 0.5, 0.75, 0.995):
        assert quantile(counted(values), place) == np.quantile(np.array(values), place, method="linear")


@given(st.lists(MODERATE, min_size=1))
def test_mad_is_numpys(values):
    array = np.array(values)
    median = np.quantile(array, 0.5)

    assert mad_of(counted(array), float(median)) == np.quantile(np.abs(array - median), 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_outlier_counts_and_histogram_are_numpys(seed):
    values = np.random.default_rng(seed).standard_t(3, 3_000).round(seed)
    told = figures(array_column("x", values))
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    mad = np.quantile(np.abs(values - median), 0.5)

    assert told["outliers"]["zscore"][0] == np.sum(np.abs(values - values.mean()) > 3 * values.std())
    assert told["outliers"]["iqr"][0] == np.sum((values < q1 - 1.5 * (q3 - q1)) | (values > q3 + 1.5 * (q3 - q1)))
    if mad:
        assert told["outliers"]["mad"][0] == np.sum(0.6745 * np.abs(values - median) / mad > 3.5)
    edges = told["histogram"]["edges"]
    if len(edges) > 2:
        assert told["histogram"]["counts"][1:-1] == np.histogram(values, edges)[0].tolist()
    assert sum(told["histogram"]["counts"]) == len(values)
    ordered = sorted(Counter(values.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    assert told["top"] == ([list(pair) for pair in ordered[:10]] if len(ordered) <= 1_000 else None)


def test_a_sorted_column_knows_its_ranks():
    cells = Sorted([1, 2, 5], [2, 1, 3])

    assert [cells.rank(i) for i in range(6)] == [1, 1, 2, 5, 5, 5]
    assert (cells.n, cells.less(2), cells.more(2), cells.less(9), cells.more(0)) == (6, 2, 3, 6, 6)


@pytest.mark.parametrize(("rows", "size"), [(0, 1), (1, 1), (64, 1), (65, 2), (128, 2), (129, 4), (26_115, 512)])
def test_blocks(rows, size):
    assert block_size(rows) == size


def test_names():
    assert names_of_header(["a", "", "a", "a", ""]) == ["a", "unnamed_1", "a.1", "a.2", "unnamed_4"]


def test_lists_of_missing_words_are_those_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert PANDAS | PANDAS_NAN | {""} == STR_NA_VALUES


CELLS = {
    "": "empty", "  ": "empty", "NA": "narrow", " NA ": "narrow", "n/a": "narrow", "null": "narrow", "<NA>": "narrow",
    "1.#IND": "narrow", "na": "wide", "?": "wide", "#DIV/0!": "wide", "-": "wide", ".": "wide", ".a": "wide",
    "nan": "nan", "-NaN": "nan", "+NAN": "nan", "inf": "infinite", "-Infinity": "infinite", "INF": "infinite",
    "1e400": "infinite", "1": "integer", " 1": "integer", "+007": "integer", "-0": "integer", "1.5": "decimal",
    ".5": "decimal", "1e5": "decimal", "1E-400": "decimal", "true": "boolean", "FALSE": "boolean",
    "2013-01-01": "time", "2013-01-01T06:00:00Z": "time", "0x10": "other", "1_000": "other", "1,000": "other",
    "nan(7)": "other", "١": "other", "1.#INF": "other", "5%": "other", "1 2": "other", "--1": "other", "e5": "other",
    "infinit": "other", "\u22125": "other",
}  # fmt: skip


@pytest.mark.parametrize(("cell", "kind"), CELLS.items(), ids=map(repr, CELLS))
def test_classes_of_cells(cell, kind):
    assert lexical_class(cell)[0] == kind


def test_declared_words_are_compared_as_numbers_or_as_text():
    words = Words(declared=("-999", "k.A."))

    assert [lexical_class(cell, words)[0] for cell in ("-999", "-999.0", " -9.99e2 ", "-998", "k.A.", "k.a.")] == [
        "declared", "declared", "declared", "integer", "declared", "other",
    ]  # fmt: skip


def test_types_are_settled_by_nineteen_in_twenty():
    assert settled_type(Counter(integer=19, other=1)) == "integer"
    assert settled_type(Counter(integer=18, infinite=1, other=1)) == "float"
    assert settled_type(Counter(integer=18, other=1)) == "text"
    assert settled_type(Counter(integer=1, narrow=50, empty=9, nan=7, declared=1, wide=3)) == "integer"
    assert settled_type(Counter(narrow=5)) == "float"
    assert settled_type(Counter(wide=5)) == "text"
    assert settled_type(Counter(boolean=5, narrow=1)) == "boolean"
    assert settled_type(Counter(boolean=5, integer=1)) == "text"
    assert settled_type(Counter(time=5, empty=5)) == "time"


@pytest.mark.parametrize("name", ["weather.csv", "planes.csv", "penguins-raw.csv", "diamonds.csv", "births.csv"])
def test_missing_and_sums_of_real_files_are_those_of_pandas(data: Path, name: str):
    frame, table = pd.read_csv(data / name), csv_table(data / name)

    assert [column.name for column in table.columns] == list(frame.columns)
    assert [column.missing for column in table.columns] == frame.isna().sum().tolist()
    assert table.complete_rows == len(frame.dropna())
    for column in table.columns:
        assert (column.finite is not None) == pd.api.types.is_numeric_dtype(frame[column.name])
        if column.finite is not None:
            # pandas' parser may be off by the last bit of a long decimal
            assert math.fsum(column.finite) == pytest.approx(frame[column.name].sum(), rel=1e-12)

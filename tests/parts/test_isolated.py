"""Values far from all others: found where they are, and hardly ever where they are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.part import from_text
from tests.figures_reference import csv_table, figures_of, hits_of, numbers
from tests.reference import array_column, isolated


def found(values: np.ndarray) -> list:
    """The values that it hits, ascending."""
    column = numbers(values)
    figures = figures_of(column)
    find = from_text("isolated", "detectors").fit(figures)
    hit = sorted(column.values[find.mask(column)].tolist())
    assert bool(hit) == find.suspects(figures)
    return hit


def shapes(n: int, seed: int) -> dict[str, np.ndarray]:
    R = np.random.default_rng(seed)
    normal, tail = R.normal(size=n), R.pareto(0.8, n)
    return {
        "normal": normal,
        "lognormal": R.lognormal(0, 2, n),
        "cauchy": R.standard_cauchy(n),
        "tail": tail,
        "one": np.append(normal, 1e6),
        "both ends": np.append(normal, [1e6, -1e5, 1e9]),
        "a group": np.append(normal, R.normal(1e4, 1, n // 30)),
        "too many": np.append(normal, R.normal(1e4, 1, n // 10)),
        "steps": np.append(normal, 10.0 ** np.arange(2, 9)),
        "huge": np.append(normal, [1e300, -1e300]),
        "integers": np.append(R.integers(0, 500, n), [10**6] * 3),
        "large integers": np.append(2**53 + R.integers(0, 500, n), [2**60]),
        "zeros": np.append(np.where(R.random(n) < 0.4, 0.0, R.exponential(size=n)), -50),
        "infinite": np.append(normal, [math.inf, 1e9, math.nan]),
        "ties": np.append(normal.round(1), [40, 40, -41]),
        "few": R.integers(0, 10, n) * 1000.0,
    }


@pytest.mark.parametrize("n", [20, 21, 100, 999, 1000, 5000])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_rule_tried_at_every_gap(n, seed):
    for name, values in shapes(n, 31 * n + seed).items():
        assert found(values) == isolated(array_column(name, values)), name


@pytest.mark.parametrize(
    "values",
    [
        [*[5.0] * 80, *range(19), 1e9],  # half of them the same
        [*range(10)] * 5 + [10**9],  # eleven different ones are enough, ten are not
        [*range(18), 1e9],  # too few
        [],
        [1e9],
    ],
)
def test_where_it_does_not_judge(values):
    distinct = len(set(values))
    assert bool(found(np.array(values, dtype=float))) == (distinct == 11)


def test_half_an_interquartile_range_of_nothing():
    values = np.append(np.arange(30) % 2 * 5e-324, np.arange(11) * 5e-324)
    assert found(values) == []


@given(st.lists(st.floats(width=64), min_size=20, max_size=60))
def test_no_column_is_too_strange(values):
    found(np.array(values))


def test_the_cut_is_half_way():
    """So that tomorrow's file is held against the gap, not against today's extremes."""
    values = np.append(np.random.default_rng(0).uniform(0, 42.57886, 999), [42.57886, 1048.36058])
    find = from_text("isolated", "detectors").fit(figures_of(numbers(values)))
    assert find.low is None
    assert find.high == pytest.approx(545.46972)
    assert find.mask(numbers(np.array([545.4, 545.5, math.inf, math.nan]))).tolist() == [False, True, False, False]


def test_the_cut_lies_inside_a_gap_that_float64_cannot_see():
    base = 2**55  # where float64 knows every eighth integer
    values = np.append(base + 16 * np.arange(40), [base + 5001])
    find = from_text("isolated", "detectors").fit(figures_of(numbers(values)))
    assert found(values) == [base + 5001]
    assert find.high == base + (5001 + 16 * 39) // 2


def test_on_the_data_pack_it_finds_what_is_true(data):
    true = {
        ("weather.csv", "wind_speed"): 1,
        ("births.csv", "day"): 350,
        ("births.csv", "births"): 480,
        ("diamonds.csv", "y"): 2,
        ("diamonds.csv", "z"): 1,
    }
    told = {}
    for name in ("weather.csv", "births.csv", "diamonds.csv", "planets.csv", "bechdel_movies.csv", "airquality.csv"):
        for column, of in csv_table(data / name).columns.items():
            if of.column.type in ("integer", "float"):
                find = from_text("isolated", "detectors").fit(of.figures)
                if find.suspects(of.figures):
                    told[name, column] = hits_of(find, of.column).count
    assert told == true
    for name in ("ecg_1024.npy", "mitdb100_ecg.npy", "shakespeare_char_tokens.npy"):
        array = np.load(data / name)
        for channel in array.reshape(len(array), -1).T:
            assert found(np.ascontiguousarray(channel)) == []


def test_what_is_told():
    column = numbers(np.append(np.linspace(0, 42.57886, 999), 1048.36058))
    figures = figures_of(column, "wind_speed")
    find = from_text("isolated", "detectors").fit(figures)
    telling = find.tell(figures, hits_of(find, column))
    assert telling.message.splitlines() == [
        "1 value far from all others: 1048.36058",
        "The next is 42.57886; the gap is 24 times the range of the rest.",
    ]
    assert telling.hint == "wind_speed: isolated -> blank"
    figures |= {"std_without": 12.34, "std": 43.21}
    assert find.tell(figures, hits_of(find, column)).message.endswith("It raises std from 12.3 to 43.2.")
    hidden = find.tell(figures, hits_of(find, column), values=False).message
    assert hidden.splitlines() == ["1 value far from all others", "The gap is 24 times the range of the rest."]


def test_what_is_told_of_both_ends():
    column = numbers(np.append(np.arange(1000.0), [-1e5, 1e7, 1e9]))
    figures = figures_of(column)
    find = from_text("isolated", "detectors").fit(figures)
    assert find.tell(figures, hits_of(find, column)).message.splitlines() == [
        "3 values far from all others: -100000, 10000000 and 1000000000",
        "The rest lies between 0 and 999; the gaps are 100 and 10,009 times the range of the rest.",
    ]

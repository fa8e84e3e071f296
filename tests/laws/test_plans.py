"""What must hold for the figures of numbers: how values are counted, cut and merged leaves no trace in them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean.batch import Batch
from nanclean.column import Numbers
from nanclean.counting import Keys, Linear
from nanclean.numbers import NumberStatistics, Plan, planned
from nanclean.statistics import Figures

N = 2_000
QUANTILES = (0.01, 0.9)
R = np.random.default_rng(5)
COLUMNS = {
    "normal": R.normal(size=N),
    "lognormal": R.lognormal(0, 2, N),
    "cauchy": R.standard_cauchy(N),
    "zeros": np.where(R.random(N) < 0.8, 0, R.lognormal(0, 1, N)),
    "integers": R.integers(-500, 5_000, N),
    "beyond 2**53": R.integers(2**60, 2**60 + 10**6, N),
    "all of int64": R.integers(-(2**63), 2**63 - 1, N),
    "all of uint64": R.integers(0, 2**64 - 1, N, dtype=np.uint64),
    "around 1e9": R.normal(1e9, 1, N),
    "one ulp apart": 1e9 + R.integers(0, 9, N) * 2.0**-23,
    "every size": R.normal(size=N) * 10.0 ** R.integers(-300, 300, N),
    "months": R.integers(1, 13, N).astype(float),
    "one huge": np.concatenate([R.normal(size=N - 1), [1e30]]),
    "float32": R.normal(size=N).astype(np.float32),
    "constant": np.full(N, 14.62),
    "sorted": np.sort(R.normal(size=N)),
    "near the largest": R.choice([1.7e308, -1.7e308, 1e308, 0.0], N) * R.random(N),
    "subnormal": R.normal(size=N) * 1e-310,
    "prices": np.round(R.lognormal(3, 1, N), 2),
    "infinities": np.where(R.random(N) < 0.01, np.inf, R.normal(size=N)),
    "NaN": np.where(R.random(N) < 0.01, np.nan, R.normal(size=N)),
    "three": np.array([3.0, 1.0, 2.0]),
    "one": np.array([5.0]),
}


def counted_as(values: np.ndarray) -> np.dtype:
    return np.dtype(np.float64 if values.dtype.kind == "f" else "uint64" if values.dtype == np.uint64 else np.int64)


def plans(values: np.ndarray) -> list[Plan]:
    """Good ones and very bad ones."""
    dtype = counted_as(values)
    finite = values[np.isfinite(values)].astype(dtype)
    return [
        planned(finite[::10], dtype, N, 10, QUANTILES),
        planned(finite[:50], dtype, 10**7, 10, QUANTILES),
        planned(finite[:3], dtype, 10**6, 10, QUANTILES),
        planned(finite[::7], dtype, 10**5, 2_000, QUANTILES),
        Plan(dtype, Linear(0.0, 1.0, 64), 0, True, QUANTILES),
        Plan(dtype, Linear(1e5, 1e-3, 16), 0, True, QUANTILES),
        Plan(dtype, Linear(-3.0, 10.0, 64), 1_000, True, QUANTILES),
        Plan(dtype, Keys(0, 40, 512), 0, True, QUANTILES),
    ]


def figures(values: np.ndarray, plan: Plan, cuts: list[int], seed: int) -> Figures:
    """Look again until nobody asks for it; pieces are merged in any order."""
    kind = "float" if values.dtype.kind == "f" else "integer"
    statistics = NumberStatistics(kind, plan, 64)
    while True:
        pieces, at = [], 0
        for part in np.split(values, sorted(cuts)):
            piece = statistics.fresh()
            piece.add(Numbers(kind, part.size, part.size, values=part), Batch(at, part.size, ()))
            pieces.append(piece)
            at += part.size
        random.Random(seed).shuffle(pieces)
        for piece in pieces:
            statistics.merge(piece)
        after = statistics.again()
        if after is None:
            return statistics.result(values.size)
        statistics = after


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_no_plan_changes_a_figure(values):
    usual, *others = plans(values)
    expected = figures(values, usual, [], 0)

    for number, plan in enumerate(others):
        cuts = R.integers(0, values.size, number % 5).tolist()
        assert figures(values, plan, cuts, number) == expected


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_quartiles_are_those_of_numpy(values):
    finite = values[np.isfinite(values)].astype(np.float64)
    found = figures(values, plans(values)[4], [N // 3], 1)

    # NumPy itself overflows between 1.7e308 and -1.7e308; half of everything does not.
    half = 0.5 if np.abs(finite).max() > 1e300 else 1.0
    expected = [float(q) / half for q in np.quantile(finite * half, [0.25, 0.5, 0.75, *QUANTILES])]
    assert [found["q1"], found["median"], found["q3"], *found["quantiles"].values()] == expected


@settings(max_examples=60)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, 99.0]), max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(0, 7),
    st.integers(),
)
def test_any_values_in_any_pieces(cells, cuts, plan, seed):
    values = np.array(cells, np.float64)
    chosen = plans(values)

    assert figures(values, chosen[plan], cuts, seed) == figures(values, chosen[0], [], 0)

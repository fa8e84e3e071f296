"""Restraint: the checks that guess (isolated, standin) on columns with nothing wrong in them."""

from __future__ import annotations

import numpy as np
import pytest

from nanclean.part import from_text
from tests.figures_reference import figures_of, numbers


def clean(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Columns as they are in real tables, light tails and heavy ones."""
    R, time = np.random.default_rng(seed), np.arange(rows)
    zeros = R.random(rows)
    return {
        "normal": R.normal(size=rows),
        "exponential": R.exponential(size=rows),
        "lognormal": R.lognormal(size=rows),
        "t3": R.standard_t(3, rows),
        "pareto": R.pareto(1.5, rows) + 1,
        "mostly zero": np.where(zeros < 0.8, 0.0, R.lognormal(size=rows)),
        "often zero": np.where(zeros < 0.45, 0.0, R.exponential(size=rows)),
        "seldom zero": np.where(zeros < 0.1, 0.0, R.lognormal(8, 1, rows).round(2)),
        "calm or wind": np.where(zeros < 0.05, 0.0, np.maximum(3, R.gamma(3, 3, rows).round()) * 1.15078),
        "bimodal": np.where(R.random(rows) < 0.5, -10.0, 10.0) + R.normal(size=rows),
        "integers": R.integers(0, 1_000, rows),
        "seasonal": 10 * np.sin(time / 24 * 2 * np.pi) + R.normal(size=rows),
        "uniform": R.random(rows),
        "shares": R.beta(0.3, 0.3, rows).round(2),
        "percent": R.integers(0, 101, rows),
        "poisson": R.poisson(20, rows),
        "counts": R.negative_binomial(2, 0.05, rows),
        "age": np.clip(R.normal(45, 15, rows).astype(int), 18, 90),
        "price": R.lognormal(5, 0.8, rows).round(2),
        "price to .99": np.floor(R.lognormal(3, 0.8, rows)) + 0.99,
        "kelvin": R.normal(285, 8, rows).round(1),
        "score": np.clip(R.normal(70, 12, rows).round(), 0, 100),
        "walk": np.cumsum(R.normal(size=rows)),
        "sign": R.choice([-1, 1], rows),
        "direction": R.choice([-1, 0, 1], rows),
        "rating": R.integers(1, 6, rows),
        "year": 1990 + R.integers(0, 30, rows),
        "hour": time % 24,
        "float32": R.normal(size=rows).astype(np.float32),
    }


LONG_TAILS = {"pareto", "t3", "lognormal", "price", "price to .99", "seldom zero"}


def flagged(find_name: str, columns: dict[str, np.ndarray]) -> set[str]:
    all_figures = {name: figures_of(numbers(values), name) for name, values in columns.items()}
    find = from_text(find_name, "detectors").survey(list(all_figures.values()))
    return {name for name, figures in all_figures.items() if find.fit(figures).suspects(figures)}


@pytest.mark.parametrize("rows", [100, 300, 1_000, 3_000, 10_000, 50_000])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_stands_for_missing(rows, seed):
    assert flagged("standin", clean(rows, 17 * rows + seed)) == set()


@pytest.mark.parametrize("rows", [100, 300, 1_000, 3_000, 10_000])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_isolated_but_in_long_tails(rows, seed):
    assert flagged("isolated", clean(rows, 19 * rows + seed)) <= LONG_TAILS


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_isolated_in_long_columns(seed):
    assert flagged("isolated", clean(50_000, seed)) == set()


def test_long_tails_are_flagged_seldom():
    """By chance a value is far from all others: in fewer than one of fifty such columns, of Pareto in one of ten."""
    told = dict.fromkeys(LONG_TAILS, 0)
    for seed in range(60):
        for name in flagged("isolated", clean(2_000, 1_000 + seed)):
            told[name] += 1
    assert told.pop("pareto") <= 12
    assert sum(told.values()) <= 0.03 * 60 * len(told)

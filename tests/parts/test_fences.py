"""zscore, iqr, mad, quantile and range: the cells of the textbook, compared in the column's own type."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanclean.detector import Detector
from nanclean.errors import PolicyError
from nanclean.part import from_text
from tests.figures_reference import figures_of, hits_of, numbers

R = np.random.default_rng(3)
ROSENMAI = [1, 2, 3, 3, 4, 4, 4, 5, 5.5, 6, 6, 6.5, 7, 7, 7.5, 8, 9, 12, 52, 90]


def found(text: str, values) -> list:
    """The values that a find hits."""
    column = numbers(np.asarray(values))
    find = from_text(text, "detectors")
    assert isinstance(find, Detector)
    find = find.fit(figures_of(column, quantiles=find.quantiles()))
    return column.values[find.mask(column)].tolist()


def test_the_cells_are_those_of_numpy():
    normal = R.normal(size=4_000)
    for x in (normal, normal.astype(np.float32), R.lognormal(size=4_000), R.integers(-50, 50, 4_000)):
        wide = x.astype(np.float64)
        mean, std = wide.mean(), wide.std()
        q1, median, q3 = np.quantile(wide, [0.25, 0.5, 0.75])
        mad = np.median(np.abs(wide - median))
        low, high = np.quantile(wide, [0.01, 0.99])
        assert found("zscore(2)", x) == x[np.abs(wide - mean) > 2 * std].tolist()
        assert found("iqr", x) == x[(wide < q1 - 1.5 * (q3 - q1)) | (wide > q3 + 1.5 * (q3 - q1))].tolist()
        assert found("mad(2)", x) == x[np.abs(wide - median) > 2 / 0.6745 * mad].tolist()
        assert found("quantile(0.01, 0.99)", x) == x[(wide < low) | (wide > high)].tolist()
        assert found("quantile(high=0.99)", x) == x[wide > high].tolist()
        assert found("quantile(0.01)", x) == x[wide < low].tolist()
        assert found("range(-1, 1)", x) == x[(wide < -1) | (wide > 1)].tolist()


def test_outliers_of_rosenmai():
    assert found("zscore(2)", ROSENMAI) == [90]
    assert found("iqr", ROSENMAI) == found("mad", ROSENMAI) == [52, 90]


def test_two_outliers_hide_each_other_from_zscore_alone():
    values = np.append(np.linspace(-2, 2, 18), [1000, 1000])
    assert found("zscore", values) == []
    assert found("mad", values) == found("iqr", values) == [1000, 1000]


@pytest.mark.parametrize("text", ["zscore", "iqr", "mad"])
def test_nothing_stands_out_where_nothing_varies(text):
    assert found(text, [14.62] * 1000) == []
    assert found(text, [5.0]) == []
    assert found(text, []) == []
    assert found(text, [math.nan] * 3) == []


@pytest.mark.parametrize("text", ["iqr", "mad"])
def test_a_spread_of_zero_flags_nothing(text):
    assert found(text, [0.0] * 80 + list(range(1, 21))) == []


@pytest.mark.parametrize("text", ["zscore", "iqr", "mad", "quantile(0.1, 0.9)", "range(0, 10)"])
def test_an_infinity_lies_outside_and_a_missing_cell_does_not(text):
    hit = found(text, [*range(11), math.inf, math.nan, -math.inf])
    assert [x for x in hit if not math.isfinite(x)] == [math.inf, -math.inf]


@pytest.mark.parametrize("text", ["zscore(1)", "iqr", "mad", "quantile(0.1, 0.9)"])
def test_an_infinity_is_beyond_the_largest_fences(text):
    values = [*R.uniform(-8e307, 8e307, 40), 1.7e308, -1.7e308, math.inf]
    assert math.inf in found(text, values)


def test_fences_are_exact_in_large_integers():
    assert found("range(0, 9007199254740993)", [2**53 + 1, 2**53 + 2]) == [2**53 + 2]
    assert found("range(high=9007199254740992)", np.array([2**53, 2**53 + 1])) == [2**53 + 1]
    assert found("range(0.5, 1.5)", [0, 1, 2]) == [0, 2]


def test_float32_of_a_tenth_lies_above_a_tenth():
    assert found("range(0, 0.1)", np.array([0.1], np.float32)) == np.array([0.1], np.float32).tolist()
    assert found("range(0, 0.1)", np.array([0.1])) == []


def test_bounds_are_good():
    assert found("range(0, 100)", [-1, 0, 100, 101]) == [-1, 101]
    assert found("range(0)", [-1, 0, 10**9]) == [-1]


def test_settings_that_make_no_sense_are_refused():
    for text, said in {
        "zscore(0)": "zscore: k must be greater than 0, not 0",
        "iqr(-1)": "iqr: k must be greater than 0, not -1",
        "mad(abc)": "mad: k must be a number, not 'abc'",
        "zscore(True)": "zscore: k must be a number, not 'True'",
        "range(2, 1)": "range(2, 1): low is greater than high",
        "range": "range needs low, high or both",
        "quantile": "quantile needs low, high or both",
        "quantile(1, 99)": "quantile(1, 99): quantiles lie between 0 and 1",
        "quantile(0.9, 0.1)": "low must be smaller than high",
        "range(0, 1, 2)": "range takes low, high; got range(0, 1, 2)",
        "range(hihg=3)": "range has no argument 'hihg'; did you mean 'high'?",
        "range(0, low=1)": "range: low is given twice",
        "range(high=1, high=2)": "high is given twice",
    }.items():
        with pytest.raises(PolicyError) as error:
            from_text(text, "detectors")
        assert said in error.value.message


def test_no_outlier_is_proved_from_the_figures():
    column = numbers(np.arange(100.0))
    figures = figures_of(column)
    for text in ("zscore", "iqr", "mad"):
        find = from_text(text, "detectors").fit(figures)
        assert not find.suspects(figures)
        assert not find.touches(column)


def test_what_is_told():
    column = numbers(np.array([*range(40), 1048.36]))
    find = from_text("iqr(3)", "detectors")
    figures = figures_of(column, "wind speed")
    telling = find.fit(figures).tell(figures, hits_of(find.fit(figures), column))
    assert telling.message.splitlines() == [
        "1 value more than 3 interquartile ranges outside the middle half",
        "Below -50 or above 90: from 0 to 1048.36.",
    ]
    assert telling.hint == "'wind speed': iqr(3) -> clip"
    bounds = from_text("range(0, 100)", "detectors")
    assert bounds.tell(figures, hits_of(bounds, column)).message == "1 value outside 0 to 100: 1048.36"
    above = from_text("range(high=9)", "detectors")
    assert above.tell(figures, hits_of(above, column)).hint == "'wind speed': range(high=9) -> blank"

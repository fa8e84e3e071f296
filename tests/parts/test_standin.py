"""Values that stand for "missing": found where the evidence is plain, never where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from nanclean.detector import Detector
from nanclean.part import from_text
from tests.figures_reference import csv_table, figures_of, hits_of, numbers, text

R = np.random.default_rng(11)


def standin(*columns) -> list[Detector]:
    """Fitted to each of the columns of a table."""
    all_figures = [figures_of(column) for column in columns]
    seen = from_text("standin", "detectors").survey(all_figures)
    return [seen.fit(figures) for figures in all_figures]


def found(values, *others) -> list:
    """The different values that it hits in a column, beside some others."""
    column = numbers(np.asarray(values))
    find = standin(column, *(numbers(np.asarray(other)) for other in others))[0]
    return np.unique(column.values[find.mask(column)]).tolist()


def words(values, *, details=None) -> tuple[str, ...]:
    column = text(values)
    column.details = details or {}
    return standin(column)[0].words


DAYS = R.integers(1, 32, 2_000)
HEIGHTS = R.normal(170, 10, 2_000).round(1)
SHARES = R.random(2_000)
CODES = R.integers(1, 6, 2_000)


@pytest.mark.parametrize(
    ("values", "special"),
    [
        (DAYS, 99),
        (DAYS, -9),
        (DAYS, 999),
        (HEIGHTS, -999.25),
        (HEIGHTS, 9999.99),
        (HEIGHTS, 365243),
        (HEIGHTS, -1),
        (HEIGHTS, 1e20),
        (HEIGHTS, -3.4028234663852886e38),
        (SHARES, -1),
        (SHARES, 99),
        (CODES, 99),
        (CODES, 88),
        (HEIGHTS.astype(np.float32), np.float32(999.99)),
        (R.normal(0, 1, 900), -999),
        (R.integers(0, 150, 900).astype(np.uint8), 255),
        (R.integers(-1000, 1000, 900).astype(np.int16), -32768),
        (R.normal(0, 1, 900).astype(np.float16), np.float16(-99.9)),
    ],
)
def test_a_special_value_apart_from_the_others(values, special):
    values = values.copy()
    if isinstance(special, float) and values.dtype.kind == "i":
        values = values.astype(float)
    wide = values.astype(np.result_type(values, np.min_scalar_type(special))) if values.dtype.kind in "iu" else values
    wide[[5, 50, 500]] = special
    assert found(wide) == [wide[5].item()]
    wide[500] = wide[501]
    assert found(wide) == [], "twice is no habit"


def test_several_special_values_at_both_ends():
    values = HEIGHTS.copy()
    values[:5], values[5:9], values[9:19] = -999, 9999, 999
    assert found(values) == [-999, 999, 9999]


def test_one_gross_error_does_not_hide_it():
    values = HEIGHTS.copy()
    values[:5], values[5] = -999, 1e12
    assert found(values) == [-999]
    values[5] = -1e12
    assert found(values) == [-999]


@pytest.mark.parametrize(
    ("values", "special"),
    [
        (R.integers(0, 101, 2_000), 99),  # per cent
        (R.integers(1, 10, 2_000), 9),  # a scale of nine
        (R.integers(0, 256, 2_000), 255),  # pixels
        (R.integers(0, 3, 2_000) * 10, 30),
        (R.choice([-1, 1], 2_000), -1),  # a sign
        (R.choice([-1, 0, 1], 2_000), -1),
        (R.choice([0, 99], 2_000), 99),
        (R.poisson(5, 2_000), 0),
        (np.floor(R.lognormal(3, 1, 2_000)) + 0.99, 99.99),  # prices
        (R.normal(0, 1, 2_000).round(), -1),
        (R.integers(-5, 5, 2_000), -1),
    ],
)
def test_a_special_value_among_the_others(values, special):
    assert found(values) == []


def test_a_negative_value_that_many_columns_share():
    one, two, three = (np.where(R.random(900) < 0.02, -1, R.integers(1, 5, 900)) for _ in range(3))
    ticks = R.choice([-1, 1], 900)
    assert found(one, two, three) == [-1]
    assert found(ticks, one, two, three) == [-1]
    assert found(one) == []
    assert found(one, two) == []
    assert found(ticks, ticks, ticks, ticks) == []


def test_a_negative_value_further_down_may_have_a_zero_above_it():
    answers = [np.where(R.random(900) < 0.02, -9, R.integers(0, 6, 900)) for _ in range(3)]
    assert found(*answers) == [-9]
    assert found(*answers[:2]) == []


def test_signs_in_many_columns_are_no_standins():
    """The data sets of -1, 0, 1 and of -1, 1 that everybody knows."""
    scales = ([-1, 0, 1], [-1, 1], [-1, 0, 1], [-1, 1], [-1, 0], [-1, 0, 0.5], [-1, 0, 0.5], [-1, 0, 0.5])
    columns = [R.choice(values, 900) for values in scales]
    for column in columns:
        assert found(column, *columns) == []


def with_zeros(values: np.ndarray, share: float) -> np.ndarray:
    return np.where(R.random(len(values)) < share, 0.0, values)


@pytest.mark.parametrize(
    "values",
    [
        with_zeros(R.exponential(size=3_000), 0.1),
        with_zeros(R.lognormal(3, 0.5, 3_000), 0.2),
        with_zeros(R.lognormal(8, 1, 3_000).round(2), 0.3),
        with_zeros(R.gamma(2, 2, 3_000), 0.45),
        with_zeros(R.lognormal(size=3_000), 0.8),
        with_zeros(np.maximum(3, R.gamma(3, 3, 3_000).round()) * 1.15078, 0.05),  # calm, below the anemometer's 3 knots
        with_zeros(R.integers(15, 20, 3_000).astype(float), 0.05),
        R.poisson(8, 3_000),
        R.normal(size=3_000),
    ],
)
def test_zeros_that_belong_there(values):
    assert found(values) == []


def test_zeros_that_nothing_could_measure():
    sizes = with_zeros(R.normal(5.7, 0.7, 3_000), 0.005)
    pressure = with_zeros(R.normal(72, 12, 3_000).round(), 0.05)
    assert found(sizes) == [0]
    assert found(pressure) == [0]
    assert found(np.append(sizes, -1.0)) == []


def test_zeros_in_doubt_follow_the_plain_ones():
    skin = with_zeros(np.clip(R.normal(29, 10, 768), 8, 99).round(), 0.3)
    plain = [with_zeros(R.normal(mean, mean / 8, 768), 0.02) for mean in (120, 72, 32)]
    assert found(skin) == []
    assert found(skin, *plain) == [0]
    long_tail = with_zeros(R.exponential(100, 768) + 12, 0.1)  # 12 is a sixth of the median
    assert found(long_tail, *plain) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["red", "?", "blue", "?", "red"], ("?",)),
        (["red", "#DIV/0!", "blue", "red"], ("#DIV/0!",)),
        (["red", "-", "blue", "."], ("-", ".")),
        (["+", "-"] * 9, ()),  # strands, charges, classes of a credit
        (["*", "**", "***", "not significant"], ()),
        ([".", ",", "?", "the", "cat", "!", "-"], ()),  # words of a text
        (["A-", "B", "C?"], ()),
        (["s", "x", "nd"], ()),
        (["?", "?"], ("?",)),
        ([], ()),
    ],
)
def test_symbols_in_text(values, expected):
    assert words(values) == expected
    assert words([f"{value} " for value in values]) == expected


def test_symbols_counted_while_reading_are_enough():
    many = [f"word {i}" for i in range(1_500)]
    assert words([*many, "?"], details={"wide:?": 1}) == ("?",)
    assert words(many) == ()


def test_symbols_are_found_with_blanks_and_in_any_case():
    column = text(["a", "?", " ? ", "??", None, "#div/0!", "#DIV/0! ", "b", "c"])
    (find,) = standin(column)
    assert find.mask(column).tolist() == [False, True, True, True, False, True, True, False, False]


def test_the_data_pack(data):
    told = {}
    for name in ("births.csv", "diamonds.csv", "weather.csv", "airquality.csv", "nonvoters.csv", "planets.csv"):
        columns = csv_table(data / name).columns
        seen = from_text("standin", "detectors").survey([given.figures for given in columns.values()])
        for column, given in columns.items():
            if given.column.type in ("integer", "float"):
                find = seen.fit(given.figures)
                if find.suspects(given.figures):
                    told[name, column] = hits_of(find, given.column).count
    asked = {key: count for key, count in told.items() if key[0] == "nonvoters.csv"}
    assert {key: told[key] for key in told.keys() - asked.keys()} == {
        ("births.csv", "day"): 350,
        ("diamonds.csv", "x"): 8,
        ("diamonds.csv", "y"): 7,
        ("diamonds.csv", "z"): 20,
    }
    assert len(asked) == 110
    assert sum(asked.values()) == 79_770


def test_what_is_told():
    day = numbers(np.append(np.arange(1, 32).repeat(20), [99] * 7))
    size = numbers(np.append(R.normal(5.7, 0.2, 500).clip(5, 6), [0.0] * 4))
    answers = [numbers(np.array([1, 2, 3, 2, 1] * 9 + [-1] * 3)) for _ in range(3)]
    colour = text(["red", "?", "blue"] * 3)
    columns = [day, size, *answers, colour]
    messages = []
    for find, column in zip(standin(*columns), columns, strict=True):
        telling = find.tell(figures_of(column, "day"), hits_of(find, column))
        messages.append(telling.message)
        assert telling.hint == "day: standin -> blank"
    assert messages[0] == "99 in 7 cells, next largest is 31"
    assert messages[1].startswith("0 in 4 cells, the next larger is 5")
    assert messages[2] == "-1 in 3 cells, the only negative value here and in 2 other columns"
    assert messages[5] == '"?" in 3 cells of a text column'

"""Figures in few digits, and shapes."""

from __future__ import annotations

from typing import Any

import pytest

from nanclean.renderers import _words as words
from nanclean.renderers._table import shape
from nanclean.report import Histogram
from tests import reports


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (2013, "2013"),
        (1048.36058, "1048"),
        (55.4, "55.4"),
        (983.8, "983.8"),
        (100.0, "100"),
        (999.96, "1000"),
        (-9.94, "-9.94"),
        (45678.9, "45679"),
        (123456789, "123456789"),
        (2**63, "9.223e+18"),
        (10**400, "2^1328.."),
        (-(10**400), "-2^1328.."),
        (1.25e-7, "1.25e-07"),
        (1.7e308, "1.7e+308"),
        ("2013-01-01", "2013-01-01"),
        (True, "True"),
    ],
)
def test_a_number_has_four_digits(value: Any, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_300_000, "2.3 MB"),
        (99_960, "100 kB"),
        (10**15, "1000 TB"),
    ],
)
def test_a_size_is_short(n: int, text: str) -> None:
    assert words.size(n) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2013-01-01T06:00:00", "2013-12-30T23:00:00", ("2013-01-01 06:00", "2013-12-30 23:00")),
        ("2013-01-01T00:00:00Z", "2013-12-30T00:00:00Z", ("2013-01-01", "2013-12-30 UTC")),
        (
            "2013-01-01T06:00:00+02:00",
            "2013-12-30T23:00:00+01:00",
            ("2013-01-01 06:00:00+02:00", "2013-12-30 23:00:00+01:00"),
        ),
        ("2013-01-01T06:00:00.500", "2013-12-30T23:00:00.000", ("2013-01-01 06:00:00.500", "2013-12-30 23:00:00.000")),
        ("2013-01-01", "2013-12-30", ("2013-01-01", "2013-12-30")),
        ("06:00:00", "23:00:00", ("06:00", "23:00")),
    ],
)
def test_times_lose_what_says_nothing(first: str, last: str, text: tuple[str, str]) -> None:
    assert words.moments(first, last) == text


@pytest.mark.parametrize(
    ("where", "more", "text"),
    [
        ([], True, ""),
        (["line 5"], False, "line 5"),
        (["line 5"], True, "lines 5 .."),
        (["line 5", "line 7"], False, "lines 5 7"),
        (["row 1", "row 2", "row 3", "row 4"], False, "rows 1 2 3 .."),
        (["x[1, 2]", "x[3, 4]"], True, "x[1, 2], x[3, 4] .."),
        (["line 1", "row 2"], False, "line 1, row 2"),
    ],
)
def test_places_are_told_in_few_words(where: list[str], more: bool, text: str) -> None:
    assert words.places(where, more) == text


def test_a_shape_shows_heights_and_gaps_and_leaves_the_ends_out() -> None:
    histogram = Histogram(edges=[float(n) for n in range(9)], counts=[99, 8, 0, 4, 2, 1, 0, 0, 8, 99])
    column = reports.number("a", 0, 1, 2, histogram=histogram)
    assert shape(column, 8, True) == "▇ ▄▃▂  ▇"
    assert shape(column, 8, False) == "# -:.  #"


def test_integers_of_a_short_range_share_the_bars_equally() -> None:
    edges = [1 + 30 * n / 40 for n in range(41)]
    counts = [0] * 40
    for day in range(1, 32):
        counts[min(int((day - 1) * 40 / 30), 39)] += 100
    column = reports.number("day", 1, 16, 31, type="integer", histogram=Histogram(edges=edges, counts=[0, *counts, 0]))
    assert set(shape(column, 8, True)) == {"▇"}
    assert set(shape(column, 12, True)) == {"▇"}


@pytest.mark.parametrize("counts", [[], [0, 0, 0], [5], [1, 2, 3]])
def test_a_shape_needs_no_more_than_there_is(counts: list[int]) -> None:
    edges = [1.0] * max(len(counts) - 1, 0)
    shape(reports.number("a", 1, 1, 1, histogram=Histogram(edges=edges, counts=counts)), 8, True)
    assert shape(reports.number("a", 1, 1, 1, histogram=None), 8, True) == ""

"""What must hold for cells of text: the figures are those of a reader that judges one cell after the other.

Every mixture of numbers, words for missing, booleans, times and garbage; any share of each, in any order, so that the
type is settled this way and that, and no answer depends on where a cell stands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import nanclean
from tests.reference import Words, csv_table, differences

NUMBERS = ["0", "-0", "1", "7", "-12", "+5", "007", " 3", "4\t", "9223372036854775807", "-9223372036854775808"]
DECIMALS = ["0.1", "-0.0", "1e3", "2.5E-3", ".5", "14.62", "1e-400", "-1.7976931348623157e308", "4.9e-324", "1e22"]
LARGE = ["9223372036854775808", "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"]
INFINITE = ["inf", "-inf", "Infinity", "+INF", "1e400", "-1e309"]
MISSING = ["", "NA", "nan", "NaN", "-nan", "null", "None", "n/a", "?", "-", ".", "#DIV/0!", "<NA>", "na", "NONE", "\\N"]
BOOLEANS = ["true", "false", "True", "FALSE"]
TIMES = ["2013-01-01", "2013-01-01T06:00:00Z", "2013-01-01 06:00:00"]
WORDS = [
    "a",
    "b c",
    "1,5",
    "0x10",
    "1_000",
    "5%",
    "nan(7)",
    "1.2.3",
    "--1",
    "e5",
    "+",
    "\u0663",
    "1 2",
    "é",
    "N/A!",
    "infin",
]
POOLS = [NUMBERS, DECIMALS, LARGE, INFINITE, MISSING, BOOLEANS, TIMES, WORDS]
CELLS = st.one_of(*map(st.sampled_from, POOLS), st.integers().map(str), st.floats().map(repr))
MIXTURES = st.lists(CELLS, min_size=1, max_size=25) | st.lists(
    st.sampled_from(NUMBERS + DECIMALS), min_size=19, max_size=60
).flatmap(lambda many: st.lists(CELLS, max_size=3).flatmap(lambda few: st.permutations(many + few)))
AUTO = Words()
SMALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def wrong(path: Path, cells: list[str], words: Words = AUTO, **options: Any) -> list[str]:
    """The cells stand in the second of two columns, so that no line is blank."""
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    path.write_text("\n".join(["i,x", *(f"{i},{cell}" for i, cell in enumerate(quoted))]) + "\n", encoding="utf-8")
    reported = json.loads(nanclean.scan(path, delimiter=",", **options).to_json())["columns"][1]
    unjudged = far(reported["type"], cells) | ({"tokens"} if words.declared else set())  # by which spelling is told
    return differences(reported, csv_table(path, words=words)["x"], without=unjudged)


def far(type: str, cells: list[str]) -> set[str]:
    """Distances between integers that no float64 holds are a matter of definition."""
    if type == "integer" and any(cell.strip().lstrip("+-").isascii() and len(cell) > 15 for cell in cells):
        return {"mad", "outliers"}
    return set()


@SMALL
@given(MIXTURES)
@example(["1"] * 19 + ["x"])
@example(["1"] * 18 + ["x"])
@example(["?"])
@example(["", "NA"])
@example(["nan"])
@example(["true", "NA", "?"])
@example(["9223372036854775808", "1"])
@example(["9223372036854775808", "1.5"])
@example(["1e400", "5"])
def test_any_mixture_of_cells(tmp_path: Path, cells: list[str]):
    assert wrong(tmp_path / "t.csv", cells) == []


@settings(SMALL, max_examples=60)
@given(MIXTURES)
def test_any_mixture_with_declared_words(tmp_path: Path, cells: list[str]):
    declared = ("7", "-0.0", "b c", "true")

    assert wrong(tmp_path / "t.csv", cells, Words(declared=declared), missing=list(declared)) == []


@settings(SMALL, max_examples=60)
@given(MIXTURES, st.sampled_from(["pandas", "none"]))
def test_any_mixture_with_a_narrower_list(tmp_path: Path, cells: list[str], missing_list: str):
    assert wrong(tmp_path / "t.csv", cells, Words(missing_list=missing_list), missing_list=missing_list) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_long_mixture(tmp_path: Path, seed: int):
    """Several blocks; the rare cells stand anywhere, all at the front, all at the end, or in the middle block."""
    R = np.random.default_rng(seed)
    usual = R.normal(size=150_000).round(4).astype(str).tolist()
    rare = [str(R.choice(pool)) for pool in POOLS for _ in range(200)]
    rare = [cell for cell in rare if cell not in LARGE]
    place = {0: None, 1: 0, 2: len(usual), 3: len(usual) // 2}[seed]
    cells = usual + rare if place is None else usual[:place] + rare + usual[place:]
    if place is None:
        cells = [cells[i] for i in R.permutation(len(cells))]

    assert wrong(tmp_path / "t.csv", cells) == []


def test_a_type_that_shows_itself_late(tmp_path: Path):
    """Nothing but missing cells, integers, or words for a long time; then the other kind settles it."""
    for first, then in (
        ("", "1.5"),
        ("NA", "word"),
        ("1", "2.5"),
        ("1", "word"),
        ("word", "1"),
        ("true", "1"),
        ("1", ""),
    ):
        for many, few in ((60_000, 1), (60_000, 3_000), (1_000, 60_000)):
            assert wrong(tmp_path / "t.csv", [first] * many + [then] * few) == [], (first, then, many, few)

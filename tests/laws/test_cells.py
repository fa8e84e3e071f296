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
from tests.reference import Words, differences, text_column

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
SMALL = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def wrong(path: Path, cells: list[str], words: Words = AUTO, pad: str = "0", **options: Any) -> list[str]:
    """The cells stand in the second of two columns, so that no line is blank."""
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    path.write_text("\n".join(["i,x", *(f"{pad},{cell}" for cell in quoted)]) + "\n", encoding="utf-8")
    reported = json.loads(nanclean.scan(path, delimiter=",", **options).to_json())["columns"][1]
    unjudged = far(reported["type"], cells) | ({"tokens"} if words.declared else set())  # by which spelling is told
    return differences(reported, text_column("x", cells, range(len(cells)), len(cells), words), without=unjudged)


def far(type: str, cells: list[str]) -> set[str]:
    """Distances between integers that no float64 holds are a matter of definition."""
    if type == "integer" and any(len(cell) > 15 for cell in cells):
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


@settings(SMALL, max_examples=40)
@given(MIXTURES)
def test_any_mixture_with_declared_words(tmp_path: Path, cells: list[str]):
    declared = ("7", "-0.0", "b c", "true")

    assert wrong(tmp_path / "t.csv", cells, Words(declared=declared), missing=list(declared)) == []


@settings(SMALL, max_examples=40)
@given(MIXTURES, st.sampled_from(["pandas", "none"]))
def test_any_mixture_with_a_narrower_list(tmp_path: Path, cells: list[str], missing_list: str):
    assert wrong(tmp_path / "t.csv", cells, Words(missing_list=missing_list), missing_list=missing_list) == []


PAD = "a text that fills the blocks of the reader " * 8  # 350 bytes a row: 60,000 rows are three pieces of 8 MB


@pytest.mark.parametrize("place", [None, 0, 30_000, 60_000], ids=["anywhere", "first", "middle", "last"])
def test_a_long_mixture(tmp_path: Path, place: int | None):
    """Several blocks; the rare cells stand anywhere, or together."""
    R = np.random.default_rng(place or 1)
    usual = R.normal(size=60_000).round(4).astype(str).tolist()
    rare = [str(R.choice(pool)) for pool in POOLS if pool is not LARGE for _ in range(60)]
    cells = usual[:place] + rare + usual[place:]
    if place is None:
        cells = [cells[i] for i in R.permutation(len(cells))]

    assert wrong(tmp_path / "t.csv", cells, pad=PAD) == []


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
        for many, few in ((30_000, 1), (30_000, 2_000), (300, 30_000)):
            assert wrong(tmp_path / "t.csv", [first] * many + [then] * few, pad=PAD) == [], (first, then, many, few)


def test_integers_beyond_64_bits_do_not_depend_on_their_block(tmp_path: Path):
    """One integer that no 64 bits hold, beside the others or three blocks away: the same figures."""
    near, far_away = ["9007199254740993", "9007199254740992", "18446744073709551616"], ["5"] * 60_000
    first, last = near + far_away, [*near[:2], *far_away, near[2]]
    for cells in (first, last):
        assert wrong(tmp_path / "t.csv", cells, pad=PAD) == []

"""The built-in checks on data that is healthy and on data that is not: every true fault found, and nothing else.

The tables were made from the manifest of the data pack and from the design, before the program ran. A finding that is
not here is a false alarm; one that is here and not found is a miss. Notes of severity "info" are free.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nanclean
from tests.reference import array_column, isolated, names_of_header

Found = tuple[str, str | None, str, int | None]


def findings(source: Any, **options: Any) -> list[Found]:
    """Rule, column, severity and count of each warning and error."""
    told = json.loads(nanclean.scan(source, **options).to_json())["findings"]
    return [
        (finding["rule"], finding["column"], finding["severity"], finding["count"])
        for finding in told
        if finding["severity"] != "info"
    ]


def matches(found: list[Found], expected: list[Found], optional: list[Found] = ()) -> dict[str, list[Found]]:
    """What was missed and what is too much. None in an expectation stands for anything."""

    def fits(one: Found, other: Found) -> bool:
        return all(a == b or b is None for a, b in zip(one, other, strict=True))

    return {
        "missed": [wanted for wanted in expected if not any(fits(one, wanted) for one in found)],
        "too much": [one for one in found if not any(fits(one, wanted) for wanted in [*expected, *optional])],
    }


NOTHING: dict[str, list[Found]] = {"missed": [], "too much": []}


def missing(**counts: int) -> list[Found]:
    return [("missing", name, "warning", count) for name, count in counts.items()]


def constant(*names: str) -> list[Found]:
    return [("constant", name, "warning", None) for name in names]


HORSE_COLIC = {
    "c0": 1, "c3": 60, "c4": 24, "c5": 58, "c6": 56, "c7": 69, "c8": 47, "c9": 32, "c10": 55, "c11": 44, "c12": 56,
    "c13": 104, "c14": 106, "c15": 247, "c16": 102, "c17": 118, "c18": 29, "c19": 33, "c20": 165, "c21": 198, "c22": 1,
}  # fmt: skip

EXPECTED: dict[str, list[Found]] = {
    "penguins-raw.csv": [
        *missing(Sex=11, Comments=290),
        *missing(**{"Delta 15 N (o/oo)": 14, "Delta 13 C (o/oo)": 13, "Culmen Length (mm)": 2, "Culmen Depth (mm)": 2}),
        *missing(**{"Flipper Length (mm)": 2, "Body Mass (g)": 2}),
        *constant("Region", "Stage"),
    ],
    "weather.csv": [
        *missing(wind_gust=20_778, pressure=2_729, wind_dir=460, wind_speed=4, temp=1, dewp=1, humid=1),
        ("isolated", "wind_speed", "warning", 1),
        *constant("year"),
    ],
    "planes.csv": missing(speed=3_299, year=70),
    "seattle-weather.csv": [],
    "co2.csv": missing(co2=59),
    "airquality.csv": [*missing(**{"Ozone": 37, "Solar.R": 7}), ("names", None, "warning", None)],
    "flights_q1.parquet": [
        *missing(dep_time=2_643, dep_delay=2_643, arr_time=2_718, arr_delay=2_878, air_time=2_878, tailnum=841),
        *constant("year"),
    ],
    "ecg_1024.npy": [],
    "diamonds.csv": [
        ("isolated", "y", "warning", 2),
        ("isolated", "z", "warning", 1),
        ("standin", "x", "warning", 8),
    ],
    "mpg.csv": missing(horsepower=6),
    "planets.csv": missing(mass=522, distance=227, orbital_period=43),
    "horse-colic.csv": missing(**HORSE_COLIC),
    "auto_imports.csv": [*missing(c1=37, c18=4, c19=4, c21=2, c22=2), ("standin", "c5", "warning", 2)],
    "births.csv": [
        *missing(day=480),
        ("standin", "day", "warning", 350),
        ("isolated", "day", "warning", 350),
        ("isolated", "births", "warning", 480),
    ],
    "bechdel_movies.csv": missing(
        **{"domgross": 17, "intgross": 11, "domgross_2013$": 18, "intgross_2013$": 11, "period code": 179},
        **{"decade code": 179},
    ),
    "mnist_t10k_images.npy": [],
    "mnist_t10k_labels.npy": [],
    "shakespeare_char_tokens.npy": [],
    "mitdb100_ecg.npy": [],
    "parquet/nan_in_stats.parquet": [("missing", "x", None, 1)],
    "parquet/nulls.snappy.parquet": [("all_missing", "b_struct.b_c_int", "error", None)],
    "parquet/alltypes_plain.parquet": [],
}
# True, or a matter of taste: neither a miss nor a false alarm.
OPTIONAL: dict[str, list[Found]] = {
    "diamonds.csv": [("standin", "y", "warning", 7), ("standin", "z", "warning", 20)],
    "parquet/nan_in_stats.parquet": constant("x"),
    "parquet/nulls.snappy.parquet": missing(**{"b_struct.b_c_int": 8}),
}
OPTIONS = {"horse-colic.csv": {"header": False}, "auto_imports.csv": {"header": False}}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_data_pack(data: Path, name: str):
    found = findings(data / name, **OPTIONS.get(name, {}))

    assert matches(found, EXPECTED[name], OPTIONAL.get(name, [])) == NOTHING
    assert len(found) == len(set(found)), "a finding is told twice"


def test_star_wars(data: Path):
    """Latin-1, a second header row, 26 columns without a name; in six ranked columns the second header is a word."""
    found = findings(data / "StarWars.csv")
    first = (data / "StarWars.csv").read_text(encoding="latin-1").splitlines()[0]
    header = names_of_header(next(csv.reader([first])))
    ranks, films = header[9:15], header[3:9]

    assert (
        matches(
            found,
            [
                ("encoding", None, "warning", None),
                ("header", None, "warning", None),
                ("names", None, "warning", None),
                *constant(*films),
                *[("unparsable", name, "error", 1) for name in ranks],
                *missing(
                    **{header[0]: 1, header[2]: 350, header[9]: 351, "Gender": 140, "Education": 150, "unnamed_4": 615}
                ),
            ],
            [("missing", None, "warning", None)],
        )
        == NOTHING
    )
    assert sum(count or 0 for rule, _, _, count in found if rule == "missing") == 13_455


def test_nonvoters(data: Path):
    """-1 is the only negative value of 110 columns."""
    found = findings(data / "nonvoters.csv")

    assert sum(count or 0 for rule, _, _, count in found if rule == "standin") == 79_770
    assert sum(count or 0 for rule, _, _, count in found if rule == "missing") == 66_234
    others = [one for one in found if one[0] not in ("standin", "missing")]
    assert matches(others, constant("Q1")) == NOTHING


@pytest.mark.parametrize("name", ["horse-colic.csv", "auto_imports.csv"])
def test_a_file_without_a_header_is_noticed(data: Path, name: str):
    found = findings(data / name)

    assert ("header", "warning") in {(rule, severity) for rule, _, severity, _ in found}


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".csv")])
def test_headers_of_the_pack_are_not_doubted(data: Path, name: str):
    found = findings(data / name, **OPTIONS.get(name, {}))

    assert not [one for one in found if one[0] in ("header", "encoding", "decimal", "mixed", "ragged")]


# ---------------------------------------------------------------------------------------------------------------------
# Simulated: clean columns, and clean columns with a fault put into them.


def clean(rows: int, seed: int) -> dict[str, np.ndarray]:
    R, time = np.random.default_rng(seed), np.arange(rows)
    return {
        "normal": R.normal(size=rows),
        "exponential": R.exponential(size=rows),
        "lognormal": R.lognormal(size=rows),
        "t3": R.standard_t(3, rows),
        "pareto": R.pareto(1.5, rows) + 1,
        "mostly_zero": np.where(R.random(rows) < 0.8, 0.0, R.lognormal(size=rows)),
        "bimodal": np.where(R.random(rows) < 0.5, -10.0, 10.0) + R.normal(size=rows),
        "integers": R.integers(0, 1_000, rows),
        "seasonal": 10 * np.sin(time / 24 * 2 * np.pi) + R.normal(size=rows),
        "uniform": R.random(rows),
        "sorted": np.sort(R.normal(size=rows)),
        "poisson": R.poisson(20, rows),
        "rare_counts": R.poisson(0.1, rows),
        "flag": R.integers(0, 2, rows),
        "rare_flag": (R.random(rows) < 0.05).astype(int),
        "sign": R.choice([-1, 1], rows),
        "direction": R.choice([-1, 0, 1], rows),
        "rating": R.integers(0, 4, rows),
        "halves": R.choice([0.0, 0.5, 1.0], rows),
        "hour": time % 24,
        "year": 1990 + R.integers(0, 30, rows),
        "percent": R.integers(0, 101, rows),
        "age": np.clip(R.normal(45, 15, rows).astype(int), 18, 90),
        "price": R.lognormal(5, 0.8, rows).round(2),
        "epoch": 1_700_000_000 + time * 3_600,
        "identifier": R.permutation(rows) + 10_000,
        "single": R.normal(size=rows).astype(np.float32),
    }


# Seeds for which the rule of the design itself is silent: of Pareto columns below 50,000 values it flags one in
# fourteen, of Student's t with three degrees one in seventy.
@pytest.mark.parametrize(("rows", "seed"), [(rows, seed) for rows in (200, 2_000, 50_000) for seed in (1, 2, 3)])
def test_nothing_is_found_in_clean_columns(rows, seed):
    columns = clean(rows, seed)
    flagged = {name for name, values in columns.items() if rows < 50_000 and isolated(array_column("x", values))}
    assert flagged <= {"pareto", "t3", "lognormal"}

    found = findings({name: values for name, values in columns.items() if name not in flagged})
    assert found == []


def test_nothing_is_found_in_clean_text(tmp_path: Path):
    R = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": R.choice(["S", "M", "L", "XL"], 500),
            "grade": R.choice(["A", "A-", "B", "B-"], 500),
            "country": R.choice(["DE", "FR", "NO", "SE"], 500),
            "code": [f"{i:05d}x" for i in range(500)],
            "answer": R.choice(["yes", "no", "none of these"], 500),
            "truth": R.choice(["true", "false"], 500),
            "day": pd.date_range("2020-01-01", periods=500).strftime("%Y-%m-%d"),
            "version": R.choice(["1.2.3", "1.10.0", "2.0.0"], 500),
            "sentence": ["A sentence, with 3 commas - and a dash."] * 250 + ['Another "quoted" one?'] * 250,
            "seat": [f"{i % 40}{'ABCDEF'[i % 6]}" for i in range(500)],
            "number": R.normal(size=500).round(3),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")

    assert findings(tmp_path / "t.csv") == []
    assert findings(tmp_path / "t.parquet") == []
    assert findings(frame) == []


@pytest.mark.parametrize("rows", [200, 2_000])
@pytest.mark.parametrize("seed", range(6))
def test_isolated_is_the_rule_of_the_design(rows, seed):
    """Long tails, several groups, both ends: the values found are those of a plain search of every gap."""
    R = np.random.default_rng(100 + seed)
    columns: dict[str, np.ndarray] = clean(rows, 100 + seed)
    columns["one"] = np.append(R.normal(size=rows), 1e6)
    columns["both"] = np.append(R.normal(size=rows), [1e6, -1e5, 1e9])
    columns["group"] = np.append(R.normal(size=rows), R.normal(1e4, 1, rows // 30))
    columns["too_many"] = np.append(R.normal(size=rows), R.normal(1e4, 1, rows // 10))
    columns["ladder"] = np.append(R.normal(size=rows), 10.0 ** np.arange(2, 9))
    columns["steps"] = np.append(R.lognormal(0, 1, rows), np.cumprod(R.uniform(1, 4, 8)) * 20)
    columns["heavy"] = R.pareto(0.8, rows)
    columns["huge"] = np.append(R.normal(size=rows), [1e300, -1e300])
    columns["integers_far"] = np.append(R.integers(0, 500, rows), [10**6] * 3)
    for name, values in columns.items():
        expected = len(isolated(array_column("x", values)))
        found = [count for rule, _, _, count in findings({name: values}) if rule == "isolated"]
        assert found == ([expected] if expected else []), name


PLANTED: list[tuple[str, Any, list[Found]]] = [
    ("infinite", np.array([1.0, np.inf, 3.0]), [("infinite", "c0", "error", 1)]),
    ("NaN in an array", np.array([1.0, np.nan, 3.0]), [("missing", "c0", "error", 1)]),
    ("overflow", np.array([1.0, 2.0, 1e39]), [("overflow", "c0", "error", 1)]),
    ("all missing", np.array([np.nan, np.nan]), [("all_missing", "c0", "error", None)]),
    ("constant", np.array([3, 3, 3]), [("constant", "c0", "warning", None)]),
    ("-999", np.append(np.random.default_rng(0).normal(size=500), [-999.0] * 9), [("standin", "c0", "warning", 9)]),
]
EITHER = {
    "NaN in an array": [],
    "all missing": [("missing", "c0", "error", 2)],
    "-999": [("isolated", "c0", "warning", 9)],
}


@pytest.mark.parametrize(("name", "array", "expected"), PLANTED, ids=[name for name, _, _ in PLANTED])
def test_planted_faults_of_arrays(name, array, expected):
    assert matches(findings(array), expected, EITHER.get(name, [])) == NOTHING


TEXTS: dict[str, tuple[str, list[Found]]] = {
    "decimal comma": ("a;b\n" + "1,5;2\n2,25;3\n3,75;4\n" * 9, [("decimal", "a", "warning", None)]),
    "thousands mark": ("a;b\n" + "1,500;2\n2,250;3\n13,750;4\n" * 9, [("decimal", "a", "warning", None)]),
    "percent": ("a,b\n" + "5%,2\n12%,3\n7.5%,4\n" * 9, [("decimal", "a", "warning", None)]),
    "unit": ("a,b\n" + "5 kg,2\n12 kg,3\n7.5 kg,4\n" * 9, [("decimal", "a", "warning", None)]),
    "mixed": ("a,b\n" + "5,1\n6,2\n7,3\nlow,4\n" * 9, [("mixed", "a", "warning", None)]),
    "unparsable": ("a,b\n" + "5,1\n" * 4 + "6,2\n" * 30 + "oops,3\n", [("unparsable", "a", "error", 1)]),
    "ragged": ("a,b\n1,2\n3\n4,5,6\n7,8\n9,1\n", [("ragged", None, "error", 2)]),
    "repeated names": ("a,a\n1,2\n3,4\n", [("names", None, "warning", None)]),
    "symbol": ("a,b\nred,1\n?,2\nblue,3\n?,4\nred,5\n", [("standin", "a", "warning", 2)]),
    "excel": ("a,b\nred,1\n#DIV/0!,2\nblue,3\nred,4\n", [("standin", "a", "warning", 1)]),
    "line 2 is a header": ("a,b\nname,value\n" + "5,1\n6,2\n7,3\n" * 30, [("header", None, "warning", None)]),
    "no header": ("1.5,2.5\n1.25,3\n2.5,4\n3.5,5\n", [("header", None, "warning", None)]),
}
BESIDE = {"line 2 is a header": [("unparsable", None, "error", 1)], "no header": [], "ragged": []}


@pytest.mark.parametrize("name", TEXTS)
def test_planted_faults_of_text(name, tmp_path):
    text, expected = TEXTS[name]
    (tmp_path / "t.csv").write_text(text)

    assert matches(findings(tmp_path / "t.csv"), expected, BESIDE.get(name, [])) == NOTHING


def test_a_label_must_be_there_and_finite(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 2))
    values[3, 1] = np.nan
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(f"{x},{'' if np.isnan(y) else y}" for x, y in values) + "\n")

    assert findings(tmp_path / "t.csv") == [("missing", "y", "warning", 1)]
    assert findings(tmp_path / "t.csv", label="y") == [("missing", "y", "error", 1)]


def test_severities_follow_the_trainer(tmp_path):
    (tmp_path / "t.csv").write_text("x,z\n" + "1,2\n,3\n4,inf\n5,6\n7,1e20\n")

    def severities(trainer: str) -> dict[tuple[str, str | None], str]:
        told = json.loads(nanclean.scan(tmp_path / "t.csv", trainer=trainer).to_json())["findings"]
        return {(finding["rule"], finding["column"]): finding["severity"] for finding in told}

    for trainer in ("torch", "keras", "sklearn"):
        assert severities(trainer)["missing", "x"] == "error", trainer
    for trainer in ("xgboost", "lightgbm", "catboost"):
        assert severities(trainer)["missing", "x"] == "info", trainer
    for trainer in ("torch", "keras", "sklearn", "xgboost", "lightgbm", "catboost"):
        assert severities(trainer)["infinite", "z"] == "error", trainer

"""Every file of the data pack: its figures against the reference, and the facts its manifest lists.

The reference computes each figure from all values, slowly and exactly (`reference.py`); the manifest's numbers stand
here as they are written there, so that neither the program nor the reference can agree on a wrong one.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import nanclean
from tests.reference import Table, array_table, arrow_table, block_size, csv_table, differences

# No value of these files shows where the header is missing, or what the bytes mean; the caller says so.
OPTIONS: dict[str, dict[str, Any]] = {
    "horse-colic.csv": {"header": False},
    "auto_imports.csv": {"header": False},
}
ENCODINGS = {"StarWars.csv": "windows-1252"}
FILES = [
    "penguins-raw.csv",
    "weather.csv",
    "planes.csv",
    "seattle-weather.csv",
    "co2.csv",
    "airquality.csv",
    "flights_q1.parquet",
    "ecg_1024.npy",
    "diamonds.csv",
    "mpg.csv",
    "planets.csv",
    "horse-colic.csv",
    "auto_imports.csv",
    "births.csv",
    "bechdel_movies.csv",
    "StarWars.csv",
    "nonvoters.csv",
    "mnist_t10k_images.npy",
    "mnist_t10k_labels.npy",
    "shakespeare_char_tokens.npy",
    "mitdb100_ecg.npy",
    "parquet/nan_in_stats.parquet",
    "parquet/nulls.snappy.parquet",
    "parquet/alltypes_plain.parquet",
]


@cache
def reference(path: Path) -> Table:
    if path.suffix == ".npy":
        return array_table(np.load(path))
    if path.suffix == ".parquet":
        return arrow_table(pq.read_table(path))
    header = OPTIONS.get(path.name, {}).get("header", True)
    return csv_table(path, header=header, encoding=ENCODINGS.get(path.name, "utf-8-sig"))


@cache
def report(path: Path) -> dict[str, Any]:
    return json.loads(nanclean.scan(path, **OPTIONS.get(path.name, {})).to_json())


def column(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in told["columns"] if column["name"] == name)


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_the_reference(data: Path, name: str):
    told, expected = report(data / name), reference(data / name)

    assert [column["name"] for column in told["columns"]] == [column.name for column in expected.columns]
    wrong = {
        cells.name: found
        for reported, cells in zip(told["columns"], expected.columns, strict=True)
        if (found := differences(reported, cells, without=unjudged(name, cells.name)))
    }
    assert wrong == {}


def unjudged(file: str, name: str) -> set[str]:
    """Figures that the design leaves open: the type of bytes, and whether 2012/01/01 is a time."""
    if file == "seattle-weather.csv" and name == "date":
        return {"type", "top"}
    if file == "parquet/alltypes_plain.parquet" and name in ("date_string_col", "string_col", "timestamp_col"):
        return {"type", "top", "distinct", "constant"}
    return set()


@pytest.mark.parametrize("name", FILES)
def test_rows_and_blocks_are_those_of_the_reference(data: Path, name: str):
    source, expected = report(data / name)["source"], reference(data / name)

    assert source["rows"] == expected.rows
    assert source["columns"] == len(expected.columns)
    assert source["ragged"] == len(expected.ragged)
    assert source["complete_rows"] == expected.complete_rows
    assert source["bytes"] == (data / name).stat().st_size
    size = block_size(expected.rows)
    assert [list(block) for block in source["blocks"]] == [
        [first + 1, min(first + size, expected.rows)] for first in range(0, expected.rows, size)
    ]


@pytest.mark.parametrize("name", FILES)
def test_the_parts_of_a_column_add_up(data: Path, name: str):
    for told in report(data / name)["columns"]:
        assert told["missing"] == told["null"] + told["nan"] + told["empty"] + told["token"], told["name"]
        assert told["token"] == sum(told["tokens"].values()), told["name"]
        if told["type"] in ("integer", "float"):
            others = told["pos_inf"] + told["neg_inf"] + told["finite"] + told["unparsable"]
            assert told["count"] == told["missing"] + others, told["name"]


# What the manifest says: file, column (None: of the whole file), key, value. A dot leads into an object.
FACTS: list[tuple[str, str | None, str, Any]] = [
    ("penguins-raw.csv", None, "rows", 344),
    ("penguins-raw.csv", None, "columns", 17),
    ("penguins-raw.csv", None, "tokens", {"NA": 336}),
    ("penguins-raw.csv", "Comments", "tokens.NA", 290),
    ("penguins-raw.csv", "Delta 15 N (o/oo)", "tokens.NA", 14),
    ("penguins-raw.csv", "Delta 13 C (o/oo)", "tokens.NA", 13),
    ("penguins-raw.csv", "Sex", "tokens.NA", 11),
    ("penguins-raw.csv", "Culmen Length (mm)", "tokens.NA", 2),
    ("penguins-raw.csv", "Culmen Depth (mm)", "tokens.NA", 2),
    ("penguins-raw.csv", "Flipper Length (mm)", "tokens.NA", 2),
    ("penguins-raw.csv", "Body Mass (g)", "tokens.NA", 2),
    ("penguins-raw.csv", None, "constant", ["Region", "Stage"]),
    ("weather.csv", None, "rows", 26_115),
    ("weather.csv", None, "columns", 15),
    ("weather.csv", None, "tokens", {"NA": 23_974}),
    ("weather.csv", "wind_gust", "missing", 20_778),
    ("weather.csv", "pressure", "missing", 2_729),
    ("weather.csv", "wind_dir", "missing", 460),
    ("weather.csv", "wind_speed", "missing", 4),
    ("weather.csv", "temp", "missing", 1),
    ("weather.csv", "dewp", "missing", 1),
    ("weather.csv", "humid", "missing", 1),
    ("weather.csv", "wind_speed", "max", 1048.36058),
    ("weather.csv", None, "constant", ["year"]),
    ("weather.csv", "wind_speed", "outliers.zscore", 10),
    ("weather.csv", "precip", "outliers.zscore", 357),
    ("weather.csv", "visib", "outliers.zscore", 1_322),
    ("weather.csv", None, "complete_rows", 4_980),
    ("planes.csv", None, "rows", 3_322),
    ("planes.csv", None, "columns", 9),
    ("planes.csv", None, "tokens", {"NA": 3_369}),
    ("planes.csv", "speed", "missing", 3_299),
    ("planes.csv", "year", "missing", 70),
    ("seattle-weather.csv", None, "rows", 1_461),
    ("seattle-weather.csv", None, "columns", 6),
    ("seattle-weather.csv", None, "missing", 0),
    ("seattle-weather.csv", None, "complete_rows", 1_461),
    ("co2.csv", None, "rows", 2_284),
    ("co2.csv", None, "columns", 2),
    ("co2.csv", "co2", "empty", 59),
    ("co2.csv", None, "missing", 59),
    ("airquality.csv", None, "rows", 153),
    ("airquality.csv", None, "columns", 7),
    ("airquality.csv", None, "tokens", {"NA": 44}),
    ("airquality.csv", "Ozone", "missing", 37),
    ("airquality.csv", "Solar.R", "missing", 7),
    ("airquality.csv", "unnamed_0", "count", 153),
    ("flights_q1.parquet", None, "rows", 80_789),
    ("flights_q1.parquet", None, "columns", 19),
    ("flights_q1.parquet", "dep_time", "null", 2_643),
    ("flights_q1.parquet", "dep_delay", "null", 2_643),
    ("flights_q1.parquet", "arr_time", "null", 2_718),
    ("flights_q1.parquet", "arr_delay", "null", 2_878),
    ("flights_q1.parquet", "air_time", "null", 2_878),
    ("flights_q1.parquet", "tailnum", "null", 841),
    ("flights_q1.parquet", None, "missing", 2_643 * 2 + 2_718 + 2_878 * 2 + 841),
    ("flights_q1.parquet", None, "nan", 0),
    ("ecg_1024.npy", None, "rows", 1_024),
    ("ecg_1024.npy", None, "columns", 1),
    ("ecg_1024.npy", "c0", "type", "integer"),
    ("ecg_1024.npy", "c0", "min", -112),
    ("ecg_1024.npy", "c0", "max", 250),
    ("ecg_1024.npy", "c0", "outliers.zscore", 21),
    ("ecg_1024.npy", "c0", "outliers.iqr", 37),
    ("diamonds.csv", None, "rows", 53_940),
    ("diamonds.csv", None, "columns", 10),
    ("diamonds.csv", None, "missing", 0),
    ("diamonds.csv", "x", "zero", 8),
    ("diamonds.csv", "y", "zero", 7),
    ("diamonds.csv", "z", "zero", 20),
    ("diamonds.csv", "y", "max", 58.9),
    ("diamonds.csv", "z", "max", 31.8),
    ("diamonds.csv", "price", "outliers.zscore", 1_206),
    ("diamonds.csv", "price", "outliers.iqr", 3_540),
    ("mpg.csv", None, "rows", 398),
    ("mpg.csv", None, "columns", 9),
    ("mpg.csv", "horsepower", "empty", 6),
    ("mpg.csv", None, "missing", 6),
    ("planets.csv", None, "rows", 1_035),
    ("planets.csv", None, "columns", 6),
    ("planets.csv", None, "empty", 792),
    ("planets.csv", None, "missing", 792),
    ("planets.csv", "mass", "empty", 522),
    ("planets.csv", "distance", "empty", 227),
    ("planets.csv", "orbital_period", "empty", 43),
    ("planets.csv", "orbital_period", "max", 730_000),
    ("planets.csv", "orbital_period", "outliers.zscore", 3),
    ("horse-colic.csv", None, "rows", 300),
    ("horse-colic.csv", None, "columns", 28),
    ("horse-colic.csv", None, "tokens", {"?": 1_605}),
    ("horse-colic.csv", "c15", "missing", 247),
    ("auto_imports.csv", None, "rows", 201),
    ("auto_imports.csv", None, "columns", 26),
    ("auto_imports.csv", None, "tokens", {"?": 49}),
    ("auto_imports.csv", "c1", "tokens", {"?": 37}),
    ("auto_imports.csv", "c18", "tokens", {"?": 4}),
    ("auto_imports.csv", "c19", "tokens", {"?": 4}),
    ("auto_imports.csv", "c21", "tokens", {"?": 2}),
    ("auto_imports.csv", "c22", "tokens", {"?": 2}),
    ("auto_imports.csv", "c5", "top", [["four", 113], ["two", 86], ["?", 2]]),  # text: told as a stand-in
    ("births.csv", None, "rows", 15_547),
    ("births.csv", None, "columns", 5),
    ("births.csv", "day", "tokens", {"null": 480}),
    ("births.csv", "day", "max", 99),
    ("bechdel_movies.csv", None, "rows", 1_794),
    ("bechdel_movies.csv", None, "columns", 15),
    ("bechdel_movies.csv", None, "tokens", {"#N/A": 57}),
    ("bechdel_movies.csv", "domgross", "tokens", {"#N/A": 17}),
    ("bechdel_movies.csv", "intgross", "tokens", {"#N/A": 11}),
    ("bechdel_movies.csv", "domgross_2013$", "tokens", {"#N/A": 18}),
    ("bechdel_movies.csv", "intgross_2013$", "tokens", {"#N/A": 11}),
    ("bechdel_movies.csv", None, "empty", 358),
    ("bechdel_movies.csv", "period code", "empty", 179),
    ("bechdel_movies.csv", "decade code", "empty", 179),
    ("StarWars.csv", None, "rows", 1_187),
    ("StarWars.csv", None, "columns", 38),
    ("StarWars.csv", None, "empty", 13_455),
    ("StarWars.csv", None, "missing", 13_455),
    ("nonvoters.csv", None, "rows", 5_836),
    ("nonvoters.csv", None, "columns", 119),
    ("nonvoters.csv", None, "tokens", {"NA": 66_234}),
    ("nonvoters.csv", None, "negative", 79_770),  # all of them -1
    # The manifest speaks of five constant Q19 columns; each of the ten holds -1 and 1. Q1 is the one constant.
    ("nonvoters.csv", None, "constant", ["Q1"]),
    ("mnist_t10k_images.npy", None, "rows", 10_000),
    ("mnist_t10k_images.npy", None, "columns", 1),
    ("mnist_t10k_images.npy", "c0", "count", 7_840_000),
    ("mnist_t10k_images.npy", "c0", "missing", 0),
    ("mnist_t10k_images.npy", "c0", "zero", 6_328_781),  # 80.7 %
    ("mnist_t10k_images.npy", "c0", "outliers.iqr", 1_511_219),
    ("mnist_t10k_images.npy", "c0", "outliers.zscore", 0),
    ("mnist_t10k_labels.npy", None, "rows", 10_000),
    ("mnist_t10k_labels.npy", "c0", "min", 0),
    ("mnist_t10k_labels.npy", "c0", "max", 9),
    ("mnist_t10k_labels.npy", "c0", "zero", 980),
    ("shakespeare_char_tokens.npy", None, "rows", 500_000),
    ("shakespeare_char_tokens.npy", "c0", "min", 0),
    ("shakespeare_char_tokens.npy", "c0", "max", 64),
    ("shakespeare_char_tokens.npy", "c0", "distinct", 63),  # of the 65 of the whole text; the manifest says 65
    ("shakespeare_char_tokens.npy", "c0", "outliers.zscore", 0),
    ("shakespeare_char_tokens.npy", "c0", "outliers.iqr", 0),
    ("mitdb100_ecg.npy", None, "rows", 300_000),
    ("mitdb100_ecg.npy", None, "columns", 2),
    ("mitdb100_ecg.npy", None, "missing", 0),
    ("mitdb100_ecg.npy", "c0", "outliers.zscore", 7_064),  # 2.4 %
    ("mitdb100_ecg.npy", "c1", "outliers.zscore", 7_540),  # 2.5 %
    ("parquet/nan_in_stats.parquet", "x", "nan", 1),
    ("parquet/nan_in_stats.parquet", "x", "null", 0),
    ("parquet/nan_in_stats.parquet", "x", "max", 1.0),
    ("parquet/nulls.snappy.parquet", "b_struct.b_c_int", "null", 8),
    ("parquet/nulls.snappy.parquet", None, "rows", 8),
    ("parquet/alltypes_plain.parquet", None, "rows", 8),
    ("parquet/alltypes_plain.parquet", None, "columns", 11),
    ("parquet/alltypes_plain.parquet", None, "missing", 0),
]


@pytest.mark.parametrize(("name", "of", "key", "value"), FACTS, ids=[f"{f}-{c}-{k}" for f, c, k, _ in FACTS])
def test_facts_of_the_manifest(data: Path, name: str, of: str | None, key: str, value: Any):
    told = report(data / name)
    found: Any = whole(told, key) if of is None else column(told, of)
    for step in key.split(".") if of else ():
        found = found[step]

    assert found == value


def whole(told: dict[str, Any], key: str) -> Any:
    """A fact of the file, or of all its columns together."""
    if key in told["source"]:
        return told["source"][key]
    if key == "constant":
        return [column["name"] for column in told["columns"] if column["constant"]]
    if key == "tokens":
        found: dict[str, int] = {}
        for column in told["columns"]:
            for word, count in column["tokens"].items():
                found[word] = found.get(word, 0) + count
        return found
    return sum(column[key] or 0 for column in told["columns"])


def test_share_of_zeros_and_of_outliers_in_the_manifest(data: Path):
    images = column(report(data / "mnist_t10k_images.npy"), "c0")
    channels = report(data / "mitdb100_ecg.npy")["columns"]

    assert round(100 * images["zero"] / images["count"], 1) == 80.7
    assert round(100 * images["outliers"]["iqr"] / images["count"], 1) == 19.3
    assert [math.floor(1000 * channel["outliers"]["zscore"] / channel["count"]) for channel in channels] == [23, 25]


def test_disguised_missing_value_of_births_stands_among_the_ends(data: Path):
    table = reference(data / "births.csv")

    assert sum(value == 99 for value in table["day"].finite) == 350
    found = [f for f in report(data / "births.csv")["findings"] if (f["rule"], f["column"]) == ("standin", "day")]
    assert [finding["count"] for finding in found] == [350]


def test_pixels_of_mnist_by_axis(data: Path):
    images = np.load(data / "mnist_t10k_images.npy")
    told = json.loads(nanclean.scan(images.reshape(10_000, 784)).to_json())
    columns = told["columns"]

    assert len(columns) == 784
    assert sum(column["constant"] for column in columns) == 116
    assert sum(not column["constant"] and column["q1"] == column["q3"] for column in columns) == 406

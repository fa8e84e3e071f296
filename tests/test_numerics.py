"""Numbers that a sanitiser must get right: the cases of the catalogue of NaN causes, and other hard ones.

Each case goes through the public call, and where it can be written as such, through NumPy, CSV and Parquet alike.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from tests.reference import array_column, differences, text_column

NAN, INF = math.nan, math.inf
TINY = sys.float_info.min


def told(source: Any, **options: Any) -> dict[str, Any]:
    """The report's object of the only column."""
    (column,) = whole(source, **options)["columns"]
    return column


def whole(source: Any, **options: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a figure that does not exist is null, and no reason to warn
        return json.loads(nanclean.scan(source, **options).to_json())


def as_csv(folder: Path, cells: list[str], name: str = "x") -> Path:
    path = folder / "cells.csv"
    path.write_text("".join(f"{cell}\n" for cell in [name, *cells]), encoding="utf-8")
    return path


def as_parquet(folder: Path, array: pa.Array | pa.ChunkedArray, **options: Any) -> Path:
    path = folder / "cells.parquet"
    pq.write_table(pa.table({"x": array}), path, **options)
    return path


def rules_of(report: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


# ---------------------------------------------------------------------------------------------------------------------
# Moments

F4, F2 = np.float32, np.float16
MOMENTS: list[tuple[str, Any, dict[str, Any]]] = [
    ("1 cancellation at 1e9", [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], {"mean": 1e9 + 10, "std": math.sqrt(22.5)}),
    ("2 cancellation in float32", F4([10004, 10007, 10013, 10016]), {"mean": 10010.0, "std": math.sqrt(22.5)}),
    ("3 a constant has spread 0", [14.62] * 1000, {"mean": 14.62, "std": 0, "constant": True, "q1": 14.62}),
    ("4 ten times 0.1", [0.1] * 10, {"mean": 0.1, "std": 0, "constant": True}),
    ("5 tiny", [1e-160, 2e-160, 3e-160], {"mean": 2e-160, "std": 8.16496580927726e-161, "constant": False}),
    ("5 tinier", [1e-200, 2e-200, 3e-200], {"mean": 2e-200, "std": 8.16496580927726e-201, "constant": False}),
    ("6 the square overflows", [1e200, -1e200], {"mean": 0, "std": 1e200}),
    ("7 the sum overflows", [1.7e308, 1.7e308], {"mean": 1.7e308, "std": 0, "median": 1.7e308}),
    ("8 the difference overflows", [1.7e308, -1.7e308], {"mean": 0, "std": 1.7e308, "median": 0, "q1": -8.5e307}),
    ("9 the sum overflows float32", F4([3e38, 3e38]), {"mean": float(F4(3e38)), "std": 0}),
    ("10 float16 deviation", F2([300, -300]), {"mean": 0, "std": 300}),
    ("11 float16 sum", F2([1000] * 100), {"mean": 1000, "std": 0}),
    ("12 float32 sum", np.ones(2**24 + 10, F4), {"mean": 1, "std": 0, "finite": 2**24 + 10}),
    ("13 cancelling sum", [1e16, 1.0, -1e16], {"mean": 1 / 3}),
    ("14 int64 sum", np.array([2**62] * 3), {"mean": float(2**62), "std": 0, "min": 2**62, "max": 2**62}),
    ("15 NaN between", [1, NAN, 3], {"mean": 2, "nan": 1, "min": 1, "max": 3, "std": 1, "median": 2}),
    ("15 NaN first", [NAN, 1, 3], {"mean": 2, "nan": 1, "min": 1, "max": 3}),
    ("16 infinity", [1, INF, 3], {"mean": 2, "pos_inf": 1, "min": 1, "max": 3, "finite": 2, "median": 2}),
    ("17 both infinities", [INF, -INF], {"mean": None, "std": None, "min": None, "pos_inf": 1, "neg_inf": 1}),
    ("18 nothing", np.zeros(0), {"count": 0, "mean": None, "std": None, "min": None, "mad": None, "histogram": None}),
    ("18 all NaN", [NAN, NAN], {"count": 2, "nan": 2, "missing": 2, "mean": None, "median": None, "constant": False}),
    ("20 one value", [5.0], {"mean": 5, "std": 0, "q1": 5, "median": 5, "q3": 5, "mad": 0, "constant": True}),
    ("21 linear quartiles", [1.0, 2, 3, 4], {"q1": 1.75, "median": 2.5, "q3": 3.25}),
    ("22 linear quartiles of six", [7.0, 15, 36, 39, 40, 41], {"q1": 20.25, "median": 37.5, "q3": 39.75}),
    ("23 a quantile beside infinity", [1.0, 2, INF], {"median": 1.5, "q3": 1.75}),
    ("24 infinities have no quantile", [-INF, INF], {"q1": None, "median": None, "mad": None}),
    ("26 four fifths zeros", [0.0] * 80 + list(range(1, 21)), {"q1": 0, "q3": 0, "zero": 80, "mad": 0}),
    ("32 minus zero is zero", [-0.0, 0.0, 1.0], {"zero": 2, "negative": 0, "distinct": 2, "min": 0}),
    ("34 subnormals are kept", [5e-324, 1e-310], {"min": 5e-324, "max": 1e-310, "zero": 0, "distinct": 2}),
    ("34 float32 subnormals", F4([1e-45, 1e-40]), {"min": float(F4(1e-45)), "zero": 0}),
    ("34 float16 subnormals", F2([6e-8, 1]), {"min": float(F2(6e-8)), "zero": 0}),
    ("float16 maximum", F2([65504, -65504]), {"mean": 0, "std": 65504, "max": 65504}),
    ("largest float64", [sys.float_info.max] * 3, {"mean": sys.float_info.max, "std": 0, "max": sys.float_info.max}),
    ("integers beyond 2**53", np.array([2**53, 2**53 + 1]), {"min": 2**53, "max": 2**53 + 1, "distinct": 2}),
    ("ends of int64", np.array([-(2**63), 2**63 - 1]), {"min": -(2**63), "max": 2**63 - 1, "mean": -0.5}),
    ("ends of uint64", np.array([0, 2**64 - 1], np.uint64), {"min": 0, "max": 2**64 - 1, "mean": (2**64 - 1) / 2}),
    ("int8", np.array([-128, 127], np.int8), {"min": -128, "max": 127, "mean": -0.5, "std": 127.5}),
    ("an integer is an integer", np.array([1, 2]), {"type": "integer"}),
    ("a float is a float", np.array([1.0, 2.0]), {"type": "float"}),
    ("1e9 and one", [1e9, 1e9 + 1], {"std": 0.5, "mean": 1e9 + 0.5, "mad": 0.5}),
]


@pytest.mark.parametrize(("values", "facts"), [case[1:] for case in MOMENTS], ids=[case[0] for case in MOMENTS])
def test_moments(values, facts, tmp_path):
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.asarray(values, np.float64)
    np.save(tmp_path / "x.npy", array)
    routes = {"array": array, "npy": tmp_path / "x.npy", "parquet": as_parquet(tmp_path, pa.array(array))}
    if array.size < 10_000:
        routes["csv"] = as_csv(tmp_path, [repr(value) for value in array.tolist()])

    wrong: dict[str, Any] = {}
    for route, source in routes.items():
        if route == "csv" and array.size == 0:
            continue  # text without a cell has no numbers
        found = told(source)
        if route == "csv":
            expected = text_column("x", [repr(value) for value in array.tolist()], range(array.size), array.size)
        else:
            expected = array_column("x" if route == "parquet" else "c0", array)
        wrong |= {f"{route}: {key}": (found[key], value) for key, value in facts.items() if not same(found[key], value)}
        if told_wrong := differences(found, expected):
            wrong[route] = told_wrong
    assert wrong == {}


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-15)
    return found == expected


def test_rosenmai_outliers():
    """Case 28, without the left and right MAD, which are no figures of the report."""
    values = [1, 2, 3, 3, 4, 4, 4, 5, 5.5, 6, 6, 6.5, 7, 7, 7.5, 8, 9, 12, 52, 90]

    assert told(np.array(values))["outliers"] == {"zscore": 1, "iqr": 2, "mad": 2}


def test_two_outliers_hide_each_other_from_the_zscore():
    """Case 29."""
    values = np.append(np.random.default_rng(0).normal(size=18), [1000.0, 1000.0])
    found = told(values)["outliers"]

    assert found["zscore"] == 0
    assert found["mad"] >= 2


def test_ten_values_cannot_have_a_zscore_of_three():
    """Case 30: the count is 0 or refused, and the reason says that there are too few values."""
    found = told(np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 1e6]))

    assert not found["outliers"]["zscore"]
    assert found["reason"]


@pytest.mark.parametrize("values", [[14.62] * 1000, [0.0] * 80 + list(range(1, 21)), [1.0, 2.0], [1.0, 2.0] * 50])
def test_a_reason_is_told_where_a_rule_does_not_apply(values):
    assert told(np.array(values))["reason"]


def test_no_reason_is_told_where_all_rules_apply():
    assert told(np.random.default_rng(0).normal(size=1000))["reason"] is None


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(1e9, 1, 100_000),
        np.random.default_rng(1).normal(size=100_000) * 10.0 ** np.random.default_rng(2).integers(-300, 300, 100_000),
        np.random.default_rng(3).integers(-(2**63), 2**63 - 1, 100_000),
        np.random.default_rng(4).normal(size=100_000).astype(np.float16),
        np.append(np.random.default_rng(6).normal(size=99_999), -1.7e308),
        np.concatenate(([1e200, 1e60], np.random.default_rng(8).normal(size=99_999), [-1e200, -1e60])),
        np.append(np.random.default_rng(7).normal(size=99_999) * 1e-300, 1e-320),
        np.random.default_rng(5).lognormal(3, 25, 100_000).clip(0, 3e38).astype(np.float32),
    ],
    ids=["offset", "every size", "int64", "float16", "one huge", "cancelling", "tiny", "float32"],
)
def test_long_columns(values):
    assert differences(told(values), array_column("c0", values)) == []


# ---------------------------------------------------------------------------------------------------------------------
# Representation


def test_every_kind_of_nan_is_counted():
    """Case 31: quiet, signalling, negative, R's NA, other payloads."""
    bits = [0x7FF8000000000000, 0x7FF0000000000001, 0xFFF8000000000000, 0x7FF00000000007A2, 0xFFFFFFFFFFFFFFFF]
    array = np.array([*bits, 0x3FF0000000000000], np.uint64).view(np.float64)
    before = array.tobytes()
    found = told(array)

    assert (found["nan"], found["finite"], found["mean"]) == (5, 1, 1.0)
    assert array.tobytes() == before
    small = np.array([0x7FC00000, 0x7F800001, 0xFFC00000, 0x3F800000], np.uint32).view(np.float32)
    assert told(small)["nan"] == 3
    half = np.array([0x7E00, 0x7C01, 0xFE00, 0x7C00, 0xFC00, 0x3C00], np.uint16).view(np.float16)
    assert [told(half)[key] for key in ("nan", "pos_inf", "neg_inf", "finite")] == [3, 1, 1, 1]


@pytest.mark.parametrize("route", ["array", "csv", "parquet"])
def test_minus_zero_in_any_order_is_the_same_zero(route, tmp_path):
    """Case 32: the sign of a zero must not depend on the order of cells."""
    seen = set()
    for values in ([-0.0, 0.0, 2.0], [0.0, -0.0, 2.0]):
        array = np.array(values)
        source = {
            "array": array,
            "csv": as_csv(tmp_path, [repr(value) for value in values]),
            "parquet": as_parquet(tmp_path, pa.array(array)),
        }[route]
        seen.add(json.dumps(told(source)))
    assert len(seen) == 1


LIMITS = [
    ("float32", 3.4028235677973366e38, True),
    ("float32", math.nextafter(3.4028235677973366e38, 0), False),
    ("float32", -3.4028235677973366e38, True),
    ("float32", 3.4028234663852886e38, False),
    ("float16", 65520.0, True),
    ("float16", 65519.99, False),
    ("float16", -65520.0, True),
    ("bfloat16", 3.3962e38, True),
    ("bfloat16", math.nextafter(3.39617752923046e38, INF), True),
    ("bfloat16", 3.3895313892515355e38, False),
    ("bfloat16", -3.4028235e38, True),
]


@pytest.mark.parametrize(("width", "value", "over"), LIMITS)
def test_overflow_is_judged_exactly_at_the_edge(width, value, over, tmp_path):
    """Case 35: finite here, infinite after the cast."""
    if width != "bfloat16":
        with np.errstate(over="ignore"):
            assert np.isinf(np.array([value]).astype(width))[0] == over
    for source in (np.array([1.0, value]), as_csv(tmp_path, ["1.0", repr(value)])):
        report = whole(source, rules=[f"@numeric: overflow({width})"])
        found = [finding["count"] for finding in report["findings"] if finding["rule"] == "overflow"]
        assert found == ([1] if over else [])


def test_overflow_of_float32_is_built_in():
    report = whole(np.array([1.0, 1e39, -1e39]))
    (found,) = [finding for finding in report["findings"] if finding["rule"] == "overflow"]

    assert (found["severity"], found["count"], found["rows"]) == ("error", 2, [2, 3])


def test_integer_with_a_blank_in_its_column_stays_an_integer(tmp_path):
    """Case 37."""
    found = told(as_csv(tmp_path, ["9007199254740993", '""', "5"]))

    assert (found["type"], found["max"], found["empty"]) == ("integer", 9007199254740993, 1)
    found = told(as_parquet(tmp_path, pa.array([9007199254740993, None, 5])))
    assert (found["type"], found["max"], found["null"]) == ("integer", 9007199254740993, 1)


def test_integers_beyond_64_bits_keep_their_ends(tmp_path):
    """Case 38."""
    found = told(as_csv(tmp_path, ["18446744073709551616", "5", "-18446744073709551617"]))

    assert (found["min"], found["max"]) == (-18446744073709551617, 18446744073709551616)
    assert (found["finite"], found["unparsable"]) == (3, 0)
    assert found["type"] in ("integer", "float")
    found = told(as_csv(tmp_path, ["9223372036854775807", "9223372036854775808"]))
    assert (found["min"], found["max"]) == (9223372036854775807, 9223372036854775808)


def test_decimals(tmp_path):
    """Case 39: the figures of decimals are those of their values."""
    cells = ["0.10", "0.20", "0.30", "12345678901234567890.12"]
    found = told(as_parquet(tmp_path, pa.array([*map(decimal.Decimal, cells), None], pa.decimal128(38, 2))))

    assert (found["count"], found["null"], found["finite"]) == (5, 1, 4)
    assert found["min"] == pytest.approx(0.1, rel=1e-15)
    assert float(found["max"]) == pytest.approx(12345678901234567890.12, rel=1e-15)
    assert found["mean"] == pytest.approx(float(sum(map(decimal.Decimal, cells)) / 4), rel=1e-15)


def test_times(tmp_path):
    """Case 40: NaT is missing and nothing else."""
    stamps = np.array(["2020-01-02", "NaT", "1677-09-22", "2262-04-11"], "datetime64[ns]")
    for source in (pd.DataFrame({"x": stamps}), as_parquet(tmp_path, pa.array(stamps, from_pandas=True))):
        found = told(source)
        assert (found["type"], found["count"], found["missing"]) == ("time", 4, 1)
        assert found["min"].startswith("1677-09-22")
        assert found["max"].startswith("2262-04-11")
        assert found["mean"] is None
    assert told(stamps)["missing"] == 1
    for kind in (pa.date32(), pa.date64()):
        days = pa.array([datetime.date(1970, 1, 1), None, datetime.date(1900, 2, 28)], kind)
        found = told(as_parquet(tmp_path, days))
        assert (found["type"], found["null"]) == ("time", 1)
        assert found["min"].startswith("1900-02-28")


@pytest.mark.parametrize(
    "array",
    [
        np.array([2**50, 5], "M8[s]"),
        np.array([-(2**62), 5], "M8[ms]"),
        np.array([2**40, 5], "M8[Y]"),
        np.array([2**62, 5], "M8[D]"),
        np.array([-(2**62), 5], "M8[h]"),
        pa.array([2**62, 5], pa.timestamp("s")),
        pa.array([-(2**31), 5], pa.date32()),
        pa.array([2**62, 5], pa.duration("s")),
    ],
    ids=lambda array: str(array.dtype if isinstance(array, np.ndarray) else array.type),
)
def test_times_beyond_the_calendar_are_counted(array):
    """No year of four digits, and no reason to stop; and never a day of another century in its place."""
    found = told(array if isinstance(array, np.ndarray) else pa.table({"x": array}))

    assert (found["count"], found["missing"]) == (2, 0)
    far = [end for end in (found["min"], found["max"]) if end is not None and not end.startswith("1970")]
    assert far or found["min"] is None or found["max"] is None


def test_null_nan_and_infinity_are_three_facts(tmp_path):
    """Case 41."""
    array = pa.array([1.0, NAN, None, INF])
    for source in (as_parquet(tmp_path, array), pa.table({"x": array}), pl.DataFrame({"x": [1.0, NAN, None, INF]})):
        found = told(source)
        assert [found[key] for key in ("null", "nan", "pos_inf", "finite", "missing")] == [1, 1, 1, 1, 2]


def test_pandas_nullable(tmp_path):
    """Case 42: NA is null; NaN in a nullable column of floats stays NaN or is null, never a number."""
    series = pd.Series([0.5, None, 2.0], dtype="Float64")
    found = told(pd.DataFrame({"x": series}))
    assert (found["null"], found["finite"], found["mean"]) == (1, 2, 1.25)
    found = told(pd.DataFrame({"x": pd.Series([1, None, 2**62], dtype="Int64")}))
    assert (found["type"], found["missing"], found["max"]) == ("integer", 1, 2**62)
    found = told(pd.DataFrame({"x": pd.Series([True, None, False], dtype="boolean")}))
    assert (found["type"], found["missing"], found["distinct"]) == ("boolean", 1, 2)


def test_footers_are_not_believed(tmp_path):
    """Cases 43 and 44."""
    found = told(as_parquet(tmp_path, pa.array([1.0, NAN, None, 3.0])))
    assert (found["nan"], found["null"], found["min"], found["max"]) == (1, 1, 1.0, 3.0)
    report = whole(as_parquet(tmp_path, pa.array([NAN, NAN])))
    assert report["columns"][0]["missing"] == 2
    assert "all_missing" in rules_of(report)


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, NAN], [3.0, -INF], [5.0, 6.0]], ">f4"),
        np.asfortranarray([[1.5, NAN, 3.0], [4.0, 5.0, 6.0]]),
        np.array([[1, 2], [3, 4]], ">i2"),
        np.array([1, 2**64 - 1], ">u8"),
        np.array([0.5, 65504, NAN], ">f2"),
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.array(7.5),
        np.array(7, np.int8),
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.arange(120, dtype=np.uint8).reshape(2, 3, 4, 5),
        np.array([True, False, True]),
        np.array([(1, 2.5), (2, NAN)], [("a", "<i4"), ("b", ">f8")]),
        np.array([[], []]),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}{'-fortran' if np.isfortran(array) else ''}",
)
def test_arrays_of_every_form(array, tmp_path):
    """Case 45."""
    from tests.reference import array_table

    expected = array_table(array)
    for source in (saved(tmp_path, array), array):
        report = whole(source)
        assert [column["name"] for column in report["columns"]] == [column.name for column in expected.columns]
        assert report["source"]["rows"] == expected.rows
        for found, column in zip(report["columns"], expected.columns, strict=True):
            assert differences(found, column) == []


def test_three_dimensions_by_axis(tmp_path):
    array = np.arange(24.0).reshape(2, 3, 4)
    report = whole(saved(tmp_path, array), axis=2)

    assert [column["name"] for column in report["columns"]] == ["c0", "c1", "c2", "c3"]
    assert [column["mean"] for column in report["columns"]] == array.mean(axis=(0, 1)).tolist()
    assert [column["mean"] for column in whole(array, axis=1)["columns"]] == array.mean(axis=(0, 2)).tolist()


def test_complex_numbers_count_by_either_part(tmp_path):
    array = np.array([1 + 2j, complex(NAN, 0), complex(0, NAN), complex(INF, 1), complex(1, -INF), 0])
    for source in (array, saved(tmp_path, array), saved(tmp_path, array.astype("c8"))):
        found = told(source)
        assert found["count"] == 6
        assert (found["nan"], found["missing"]) == (2, 2)
        assert found["pos_inf"] + found["neg_inf"] == 2
        assert (found["min"], found["median"], found["mad"]) == (None, None, None)


def test_one_axis_longer_than_a_block(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 200_000)).astype(">f4")
    array[1, 150_000] = NAN
    report = whole(saved(tmp_path, array.T))

    for i, found in enumerate(report["columns"]):
        assert differences(found, array_column(f"c{i}", array[i])) == []


# Case 46: what stands in a cell, beside numbers.
TOKENS = {
    "": {"empty": 1}, "#N/A": {"token": 1}, "#N/A N/A": {"token": 1}, "#NA": {"token": 1}, "-1.#IND": {"token": 1},
    "-1.#QNAN": {"token": 1}, "-NaN": {"nan": 1}, "-nan": {"nan": 1}, "1.#IND": {"token": 1}, "1.#QNAN": {"token": 1},
    "<NA>": {"token": 1}, "N/A": {"token": 1}, "NA": {"token": 1}, "NULL": {"token": 1}, "NaN": {"nan": 1},
    "None": {"token": 1}, "n/a": {"token": 1}, "nan": {"nan": 1}, "null": {"token": 1}, "?": {"token": 1},
    ".": {"token": 1}, "-": {"token": 1}, "--": {"token": 1}, "#DIV/0!": {"token": 1}, "\\N": {"token": 1},
    ".a": {"token": 1}, "unknown": {"token": 1}, "inf": {"pos_inf": 1}, "-Inf": {"neg_inf": 1},
    "Infinity": {"pos_inf": 1}, "INF": {"pos_inf": 1}, "-infinity": {"neg_inf": 1}, "NaN(123)": {"unparsable": 1},
    "nan(7)": {"unparsable": 1}, "1.#INF": {"unparsable": 1}, "1e400": {"pos_inf": 1}, "-1e400": {"neg_inf": 1},
    "  1 ": {"finite": 1}, "\t1": {"finite": 1}, "0x10": {"unparsable": 1}, "1_000": {"unparsable": 1},
    "5%": {"unparsable": 1}, "$5": {"unparsable": 1}, "\u22125": {"unparsable": 1}, "\u0661": {"unparsable": 1},
    " NA ": {"token": 1}, " nan ": {"nan": 1}, " inf ": {"pos_inf": 1}, "+inf": {"pos_inf": 1}, "+5": {"finite": 1},
    ".5": {"finite": 1}, "1e-400": {"finite": 1}, "00012": {"finite": 1}, "1d5": {"unparsable": 1},
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 60, 120], ids=["first", "middle", "last"])
@pytest.mark.parametrize(("token", "facts"), TOKENS.items(), ids=map(repr, TOKENS))
def test_tokens_wherever_they_stand(token, facts, place, tmp_path):
    cells = [f"{i}.5" for i in range(120)]
    cells.insert(place, token)
    if token == "":  # a blank line is a missing cell of a file with one column
        found = told(as_csv(tmp_path, cells))
    else:
        found = told(as_csv(tmp_path, [f'"{cell}"' if place == 60 else cell for cell in cells]))

    counts = {key: found[key] for key in ("empty", "token", "nan", "pos_inf", "neg_inf", "unparsable") if found[key]}
    assert (found["type"], found["count"]) == ("float", 121)
    if "finite" in facts:
        assert (counts, found["finite"]) == ({}, 121)
    else:
        assert (counts, found["finite"]) == (facts, 120)


def test_words_in_a_text_column_are_text(tmp_path):
    """`none` and `?` may be data there; what pandas takes for missing is missing."""
    cells = ["Namibia", "NA", "n/a", "nan", "?", "unknown", "-", '""', "Norway", "na"]
    found = told(as_csv(tmp_path, cells))

    assert (found["type"], found["token"], found["tokens"]) == ("text", 3, {"NA": 1, "n/a": 1, "nan": 1})
    assert (found["empty"], found["nan"], found["count"]) == (1, 0, 10)


def test_missing_list(tmp_path):
    path = as_csv(tmp_path, ["1", "?", "NA", " NA", *["2"] * 60])

    assert told(path, missing_list="auto")["tokens"] == {"?": 1, "NA": 2}
    found = told(path, missing_list="pandas")
    assert (found["tokens"], found["unparsable"]) == ({"NA": 1}, 2)
    found = told(path, missing_list="none")
    assert (found["token"], found["unparsable"]) == (0, 3)


def test_declared_words_apply_in_every_format(tmp_path):
    values = np.array([1, -999, 3, -999, 5, 6, 7, 8, 9, 10, 11])
    cells = [str(value) for value in values]
    cells[1] = "-999.0"
    for source in (values, as_csv(tmp_path, cells), as_parquet(tmp_path, pa.array(values))):
        found = told(source, missing=["-999"])
        assert (found["token"], found["missing"], found["min"], found["finite"]) == (2, 2, 1, 9)
    words = ["a", "k.A.", "b", " k.A. "]
    for source in (as_csv(tmp_path, words), as_parquet(tmp_path, pa.array(words))):
        found = told(source, missing=["k.A."])
        assert (found["token"], found["distinct"]) == (2, 2)


def test_overflowing_literal_is_infinite_and_a_finding(tmp_path):
    report = whole(as_csv(tmp_path, ["1", "1e400", "3", "-1e999"]))

    assert [report["columns"][0][key] for key in ("pos_inf", "neg_inf")] == [1, 1]
    (found,) = [finding for finding in report["findings"] if finding["rule"] == "literal_overflow"]
    assert (found["severity"], found["count"], found["rows"]) == ("error", 2, [2, 4])


@pytest.mark.parametrize("cells", [["1"] * 19 + ["oops"], ["oops"] + ["1"] * 19], ids=["last", "first"])
def test_nineteen_in_twenty_make_a_number(cells, tmp_path):
    report = whole(as_csv(tmp_path, cells))
    found = report["columns"][0]
    assert (found["type"], found["unparsable"], found["finite"]) == ("integer", 1, 19)
    assert [f["severity"] for f in report["findings"] if f["rule"] == "unparsable"] == ["error"]

    report = whole(as_csv(tmp_path, [cell for i, cell in enumerate(cells) if i != 5]))
    assert report["columns"][0]["type"] == "text"
    assert [f["severity"] for f in report["findings"] if f["rule"] == "mixed"] == ["warning"]


def test_a_type_does_not_depend_on_where_a_cell_stands(tmp_path):
    """One decimal, one word, in the first or the last of 300,000 cells."""
    seen = set()
    for place in (0, 150_000, 299_999):
        cells = ["7"] * 300_000
        cells[place] = "7.25"
        cells[(place + 1) % 300_000] = "garbage"
        report = whole(as_csv(tmp_path, cells))
        found = report["columns"][0]
        seen.add(json.dumps({key: found[key] for key in found if key != "missing_by_block"}))
        assert (found["type"], found["unparsable"], found["mean"]) == ("float", 1, (299_998 * 7 + 7.25) / 299_999)
    assert len(seen) == 1


def test_categories(tmp_path):
    """Case 47: the code -1 is a missing value."""
    frame = pd.DataFrame({"x": pd.Categorical(["a", None, "b"])})
    dictionary = pa.array(["a", None, "b"]).dictionary_encode()
    for source in (
        frame,
        as_parquet(tmp_path, dictionary),
        pl.DataFrame({"x": ["a", None, "b"]}, {"x": pl.Categorical}),
    ):
        found = told(source)
        assert (found["type"], found["count"], found["missing"], found["distinct"]) == ("text", 3, 1, 2)


def test_dictionary_of_numbers(tmp_path):
    values = pa.array([1.5, None, 1.5, NAN, 2.5]).dictionary_encode()
    found = told(as_parquet(tmp_path, values))

    assert (found["type"], found["null"], found["nan"], found["mean"]) == ("float", 1, 1, 5.5 / 3)


def test_lists_of_numbers_are_looked_into(tmp_path):
    rows = [[1.0, 2.0], None, [NAN, INF], [], [3.0, None]]
    for kind in (pa.list_(pa.float32()), pa.large_list(pa.float64())):
        found = told(as_parquet(tmp_path, pa.array(rows, kind)))
        assert [found[key] for key in ("finite", "nan", "pos_inf", "null")] == [3, 1, 1, 1]
        assert (found["missing_rows"], found["mean"]) == (1, 2.0)
    fixed = pa.array([[1.0, 2.0], None, [NAN, 4.0]], pa.list_(pa.float32(), 2))
    found = told(as_parquet(tmp_path, fixed))
    assert (found["finite"], found["nan"], found["missing_rows"], found["max"]) == (3, 1, 1, 4.0)


def test_structs_are_looked_into(tmp_path):
    rows = [{"a": 1, "b": {"c": 2.5}}, {"a": None, "b": None}, None]
    report = whole(as_parquet(tmp_path, pa.array(rows)))

    assert [column["name"] for column in report["columns"]] == ["x.a", "x.b.c"]
    assert [column["null"] for column in report["columns"]] == [2, 2]
    assert report["source"]["complete_rows"] == 1


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.binary()),
        *(pa.date32(), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.time64("us")),
        *(pa.duration("s"), pa.decimal128(9, 2), pa.null(), pa.binary(3), pa.decimal256(60, 3)),
    ],
    ids=str,
)
def test_every_primitive_type_is_counted(kind, tmp_path):
    plain: Any = [None if pa.types.is_null(kind) else sample(kind), None, None]
    array = pa.array(plain, kind)
    for source in (as_parquet(tmp_path, array), pa.table({"x": array})):
        found = told(source)
        assert (found["count"], found["missing"]) == (3, array.null_count)


def sample(kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return np.float16(1.5) if kind == pa.float16() else 1.5
    if pa.types.is_decimal(kind):
        return decimal.Decimal("1.25")
    if pa.types.is_boolean(kind):
        return True
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return b"abc"
    if pa.types.is_temporal(kind):
        return pa.scalar(1, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind).as_py()
    return "word" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else 1


def test_an_argument_is_never_changed():
    array = np.array([3.0, NAN, -0.0, INF, 1.0])
    frame = pd.DataFrame({"x": [1.0, NAN], "y": ["a", None]})
    before, copy = array.tobytes(), frame.copy()
    nanclean.scan(array)
    nanclean.scan({"a": array})
    nanclean.scan(frame)

    assert array.tobytes() == before
    pd.testing.assert_frame_equal(frame, copy)


def test_sources_of_every_kind_give_the_same_figures(tmp_path):
    values = np.random.default_rng(0).normal(size=300)
    table = pa.table({"x": values})
    pq.write_table(table, tmp_path / "t.parquet")
    sources = [
        {"x": values},
        pd.DataFrame({"x": values}),
        pl.DataFrame({"x": values}),
        table,
        table.to_reader(),
        tmp_path / "t.parquet",
        str(tmp_path / "t.parquet"),
    ]

    assert len({json.dumps(told(source)) for source in sources}) == 1


def test_missing_cells_are_counted_where_they_stand():
    values = np.arange(1_000.0)
    values[[0, 15, 16, 999]] = NAN
    report = whole(values)

    assert report["source"]["blocks"][:2] == [[1, 16], [17, 32]]
    assert report["columns"][0]["missing_by_block"] == [2, 1, *[0] * 60, 1]


def test_histogram_has_forty_bins_and_two_ends():
    values = np.append(np.arange(1000.0), [1e9, -1e9])
    found = told(values)["histogram"]

    assert len(found["edges"]) == 41
    assert len(found["counts"]) == 42
    assert sum(found["counts"]) == 1002
    assert [found["edges"][0], found["edges"][-1]] == pytest.approx(np.quantile(values, [0.005, 0.995]).tolist())

"""What must hold for a table: its figures are the same bits, whatever file it is read from.

And they are right: the larger tables are held against the reference as well, so that formats cannot agree on a wrong
figure.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import nanclean
from tests.reference import array_column, differences, lexical_class
from tests.tables import csv_bytes, hard_columns, in_further_formats, in_three_formats

DIVIDES = {"null", "nan", "empty", "token", "tokens"}  # how `missing` divides is what a format decides
ROWS = 200_000


def bits(source: Any, **options: Any) -> dict[str, str]:
    """Each column's figures as text: equal text is equal bits, -0.0 and 0.0 told apart."""
    told = json.loads(nanclean.scan(source, **options).to_json())
    return {
        column["name"]: json.dumps({key: value for key, value in column.items() if key not in DIVIDES})
        for column in told["columns"]
    }


def facts(source: Any) -> dict[str, Any]:
    told = json.loads(nanclean.scan(source).to_json())["source"]
    return {key: told[key] for key in ("rows", "columns", "complete_rows", "ragged", "blocks")}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    columns = hard_columns(ROWS)
    return columns, in_three_formats(columns, tmp_path_factory.mktemp("large"), row_group_size=30_000)


@pytest.fixture(scope="module")
def figures_of_large(large):
    _, paths = large
    return {name: json.loads(nanclean.scan(path).to_json()) for name, path in paths.items()}


@pytest.mark.parametrize("name", hard_columns(1))
def test_large_columns_are_those_of_the_reference(name, large, figures_of_large):
    expected = array_column(name, large[0][name])

    # With a spread smaller than a float's step at 2**62, the distances to a rounded middle are a matter of definition.
    open_to_taste = {"mad", "outliers"} if name == "beyond_the_mantissa" else set()
    wrong = {}
    for form, told in figures_of_large.items():
        reported = next(column for column in told["columns"] if column["name"] == name)
        if found := differences(reported, expected, without=open_to_taste):
            wrong[form] = found
    assert wrong == {}


def test_large_tables_agree_to_the_bit(figures_of_large):
    texts = {form: [json.dumps(column) for column in told["columns"]] for form, told in figures_of_large.items()}

    for one, two, three in zip(*texts.values(), strict=True):
        assert one == two == three
    assert len({json.dumps(told["source"]["blocks"]) for told in figures_of_large.values()}) == 1


def test_further_formats_agree_to_the_bit(large, figures_of_large, tmp_path):
    for form, path in in_further_formats(large[0], tmp_path).items():
        told = json.loads(nanclean.scan(path).to_json())
        assert [json.dumps(column) for column in told["columns"]] == [
            json.dumps(column) for column in figures_of_large["parquet"]["columns"]
        ], form
        assert told["source"]["blocks"] == figures_of_large["parquet"]["source"]["blocks"]


def test_missing_cells_agree_but_for_their_kind(tmp_path: Path):
    R = np.random.default_rng(5)
    columns: dict[str, list[Any]] = {}
    for i, share in enumerate((0.0, 0.01, 0.5, 0.999, 1.0)):
        values = R.normal(size=50_000)
        values[R.random(50_000) < share] = math.nan
        values[R.integers(0, 50_000, 3)] = math.inf if share < 1 else math.nan
        columns[f"x{i}"] = values.tolist()
    texts = [["" if math.isnan(value) else repr(value) for value in values] for values in columns.values()]
    spelled = [["NA" if math.isnan(value) else repr(value) for value in values] for values in columns.values()]
    for name, cells in (("empty.csv", texts), ("spelled.csv", spelled)):
        lines = [",".join(columns), *map(",".join, zip(*cells, strict=True))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    nulls = pa.table({name: pa.array(values, pa.float64(), from_pandas=True) for name, values in columns.items()})
    nans = pa.table(columns)
    pq.write_table(nulls, tmp_path / "null.parquet", row_group_size=7_000)
    pq.write_table(nans, tmp_path / "nan.parquet")
    block = np.array(list(columns.values())).T
    array = np.zeros(50_000, [(name, "f8") for name in columns])
    for i, name in enumerate(columns):
        array[name] = block[:, i]
    np.save(tmp_path / "nan.npy", array)

    paths = sorted(path for path in tmp_path.iterdir())
    assert len(paths) == 5
    assert len({json.dumps(bits(path)) for path in paths}) == 1
    assert len({json.dumps(facts(path)) for path in paths}) == 1


def test_two_dimensions_are_columns(tmp_path: Path):
    array = np.random.default_rng(3).normal(size=(70_000, 3))
    columns = {f"c{i}": array[:, i] for i in range(3)}
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "f.npy", np.asfortranarray(array))
    np.save(tmp_path / "b.npy", array.astype(">f8"))
    (tmp_path / "t.csv").write_bytes(csv_bytes(columns))
    (tmp_path / "h.csv").write_bytes(csv_bytes(columns).split(b"\n", 1)[1])
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")

    first = bits(tmp_path / "a.npy")
    for name in ("f.npy", "b.npy", "t.csv", "t.parquet"):
        assert bits(tmp_path / name) == first
    assert bits(tmp_path / "h.csv", header=False) == first
    assert bits(array) == first


FLOATS = st.floats(allow_nan=True, allow_infinity=True)
SMALL = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SMALL
@given(arrays.arrays(np.float64, st.integers(1, 60), elements=FLOATS))
@example(np.array([0.0, -0.0]))
@example(np.array([-0.0]))
@example(np.array([1.7976931348623157e308, -1.7976931348623157e308, 5e-324]))
def test_floats_agree(tmp_path: Path, values: np.ndarray):
    paths = in_three_formats({"x": values}, tmp_path)

    assert bits(paths["csv"]) == bits(paths["parquet"]) == bits(paths["npy"])
    assert all(bits(path) == bits(paths["npy"]) for path in in_further_formats({"x": values}, tmp_path).values())
    reported = json.loads(nanclean.scan(paths["npy"]).to_json())["columns"][0]
    assert differences(reported, array_column("x", values)) == []


@SMALL
@given(arrays.arrays(np.int64, st.integers(1, 60)))
@example(np.array([-(2**63), 2**63 - 1]))
@example(np.array([2**53 + 1, 2**53, 2**53 + 3]))
def test_integers_agree(tmp_path: Path, values: np.ndarray):
    paths = in_three_formats({"x": values}, tmp_path)

    assert bits(paths["csv"]) == bits(paths["parquet"]) == bits(paths["npy"])
    assert all(bits(path) == bits(paths["npy"]) for path in in_further_formats({"x": values}, tmp_path).values())
    reported = json.loads(nanclean.scan(paths["npy"]).to_json())["columns"][0]
    unjudged = {"mad", "outliers"} if (np.abs(values.astype(float)) >= 2**53).any() else set()
    assert differences(reported, array_column("x", values), without=unjudged) == []


@SMALL
@given(st.lists(st.sampled_from([0.0, 1.5, -0.0, 7.25, math.inf, 1e308]), min_size=15, max_size=60))
def test_repeated_values_agree(tmp_path: Path, values: list[float]):
    array = np.array(values)
    paths = in_three_formats({"x": array}, tmp_path)

    assert bits(paths["csv"]) == bits(paths["parquet"]) == bits(paths["npy"])
    reported = json.loads(nanclean.scan(paths["npy"]).to_json())["columns"][0]
    assert differences(reported, array_column("x", array)) == []


# What counts as missing is another question: a word for missing is read as such from text alone.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12).filter(
    lambda word: word == "" or lexical_class(word)[0] not in ("empty", "narrow", "nan")
)


@SMALL
@given(st.lists(WORDS, min_size=1, max_size=40))
def test_text_agrees(tmp_path: Path, words: list[str]):
    """With words that settle the type: text in Parquet is text, in CSV it must be found to be."""
    words = ["word", *words, *["another"] * len(words)]
    quoted = [f'"{word.replace(chr(34), 2 * chr(34))}"' for word in words]
    (tmp_path / "t.csv").write_bytes(("\n".join(["x", *quoted]) + "\n").encode())
    pq.write_table(pa.table({"x": words}), tmp_path / "t.parquet")

    assert bits(tmp_path / "t.csv") == bits(tmp_path / "t.parquet")

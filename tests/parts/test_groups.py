"""The keys of groups: the same rows together as in pandas, and missing ones in none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.groups import LONGEST, key_of, keys
from nanclean.tokens import Words
from tests.blocks import Source, csv, npy, parquet


def named(source: Source) -> list[object]:
    codes, names = keys(source.block().columns["x"].view)
    assert codes.dtype == np.int64
    assert len(set(names)) == len(names)
    return [None if code < 0 else names[code] for code in codes.tolist()]


@given(st.lists(st.none() | st.text(max_size=3), max_size=30), st.integers(0, 5))
def test_texts(values, start):
    source = parquet(pa.array(values, pa.string()), Words(missing_list="none"))
    wanted = [value or None for value in values]
    assert named(source) == wanted
    codes, names = keys(source.block(start).columns["x"].view)
    assert [None if code < 0 else names[code] for code in codes.tolist()] == wanted[start:]


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=30))
def test_integers_have_the_groups_of_pandas(values):
    assert named(parquet(pa.array(values, pa.int64()))) == values
    codes, _ = keys(parquet(pa.array(values, pa.int64())).block().columns["x"].view)
    table = pd.DataFrame({"x": pd.array(values, "Int64"), "code": codes})
    assert (table.groupby("x").code.nunique() == 1).all()


def test_booleans_and_integers_that_stand_in_floats():
    assert named(parquet(pa.array([True, None, False]))) == [True, None, False]
    assert named(csv("integer", ["1", "nan", "NA", "2", "?"])) == [1, None, None, 2, None]
    assert named(csv("boolean", ["true", "oops", "False"])) == [True, None, False]
    assert named(npy(np.array([3, 3, 1], np.uint8))) == [3, 3, 1]


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_nothing_and_all_missing(texts):
    assert named(parquet(pa.array(texts, pa.string()))) == texts


def test_long_texts_stay_different():
    one, other = "x" * 100 + "1", "x" * 100 + "2"
    assert key_of(one) != key_of(other)
    assert len(str(key_of(one)).encode()) <= LONGEST + 1
    assert key_of("é" * 32) == "é" * 32
    assert named(parquet(pa.array([one, other, one]))) == [key_of(one), key_of(other), key_of(one)]

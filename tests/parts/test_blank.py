"""blank: what is bad becomes missing, and what is missing already stays as it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from nanclean.block import Block
from nanclean.errors import PolicyError
from nanclean.tokens import Words
from tests.blocks import Source, aimed, csv, fitted, npy, parquet, run

WORDS = Words(declared=frozenset({"-999", "?"}))


def changed(source: Source, find: str) -> list[int]:
    """The cells that it changes."""
    fixed = fitted(source, "blank", find).fixed(source.block())
    return [] if fixed.changed is None else np.flatnonzero(fixed.changed).tolist()


def test_bad_cells_become_missing():
    assert run(parquet(pa.array([1.0, np.inf, 3.0])), "blank", "infinite") == [1, None, 3]
    assert run(csv("float", ["1", "x", "3"] * 20), "blank", "unparsable")[:3] == [1, None, 3]
    assert run(parquet(pa.array([1, 500])), "blank", "range(0, 100)") == [1, None]
    assert run(parquet(pa.array([[1.0, np.inf], [np.inf]])), "blank", "infinite") == [1, None, None]


def test_complex_cells_become_nan():
    fixed = fitted(npy(np.array([1j, complex("inf")], np.complex64)), "blank", "infinite")
    source = npy(np.array([1j, complex("inf")], np.complex64))
    array = fixed.fixed(source.block()).column.array
    assert array.dtype == np.complex64
    assert array[0] == 1j
    assert np.isnan(array[1])


def test_what_is_null_or_nan_already_is_not_counted():
    assert changed(parquet(pa.array([1.0, None, np.nan], from_pandas=False)), "missing") == []
    assert changed(npy(np.array([1.0, np.nan])), "missing") == []
    assert changed(npy(np.array([[1.0, np.nan], [np.nan, 2]])), "missing") == []
    assert changed(parquet(pa.array([[1.0, None], None, [np.nan]], from_pandas=False)), "missing") == []
    assert changed(parquet(pa.array(["a", None]).dictionary_encode()), "missing") == []


def test_a_stand_in_becomes_truly_missing():
    assert changed(parquet(pa.array([1.0, -999.0, None]), WORDS), "missing") == [1]
    assert changed(npy(np.array([1.0, -999.0, np.nan]), WORDS), "missing") == [1]
    assert changed(parquet(pa.array(["a", "NA", "", None, "?"]), WORDS), "missing") == [1, 2, 4]


def test_in_a_text_file_what_every_reader_takes_for_missing_stays():
    texts = ["1", "", "NA", " nan", "NULL", "?", "-999", "."]
    assert changed(csv("float", texts, WORDS), "missing") == [5, 6, 7]
    assert changed(csv("integer", texts[:3] + texts[4:], WORDS), "missing") == [4, 5, 6]
    assert changed(csv("text", ["a", "", "NA", "?", "-999"], WORDS), "missing") == [3, 4]
    assert changed(csv("time", ["2020-01-01", "", "NA", "?"], WORDS), "missing") == [3]
    assert changed(csv("boolean", ["true", "", "NA", "?"], WORDS), "missing") == [3]


def test_a_recipe_of_a_text_file_knows_null_in_a_typed_one():
    rule = fitted(csv("float", ["1", ""]), "blank", "missing")
    block = parquet(pa.array([1.0, None, np.nan], from_pandas=False)).block()
    assert rule.fixed(block).changed is None


def test_what_a_rule_above_has_blanked_or_filled_is_judged_as_it_is_now():
    source = parquet(pa.array([1.0, np.inf, None]))
    block = fitted(source, "blank", "infinite").after(source.block())
    rule = fitted(source, "blank", "missing")
    assert rule.fixed(block).changed is None
    filled = fitted(source, "fill(700)", "missing").after(source.block())
    rule = fitted(source, "blank", "range(0, 100)")
    assert rule.fixed(filled).changed.tolist() == [False, True, True]


def test_where_the_cells_as_read_are_not_at_hand_every_one_counts():
    source = parquet(pa.array([1.0, None]))
    block = source.block()
    bare = Block(type(block.batch)(0, 2, ()), block.columns)
    assert fitted(source, "blank", "missing").fixed(bare).changed.tolist() == [False, True]


def test_it_does_not_cure_a_find_of_missing_cells():
    source = parquet(pa.array([1.0, None, np.inf]))
    assert not fitted(source, "blank", "missing").fix.cures
    assert fitted(source, "blank", "infinite").fix.cures
    assert fitted(csv("float", ["1", "x"]), "blank", "unparsable").fix.cures
    assert not fitted(parquet(pa.array([None], pa.float64())), "blank", "all_missing").fix.cures


def test_an_array_that_cannot_say_missing_is_told():
    with pytest.raises(PolicyError) as told:
        aimed(npy(np.array([1, 500])), "blank", "range(0, 100)")
    assert told.value.message == "blank: x is an array of integers, which has no way to say missing"
    assert told.value.hint == "add above: 'x -> cast(float32)', or write 'x: range(0, 100) -> drop'"
    with pytest.raises(PolicyError) as told:
        aimed(npy(np.array([True])), "blank", "missing")
    assert told.value.message == "blank: x is an array of boolean, which has no way to say missing"
    assert told.value.hint == "write 'x: missing -> drop'"


@pytest.mark.parametrize("rows", [0, 1])
def test_a_column_without_bad_cells_is_not_made_anew(rows):
    source = parquet(pa.array([1.0] * rows, pa.float64()))
    assert fitted(source, "blank", "infinite").fixed(source.block()).column is None


def test_times_bytes_and_nested_cells():
    assert run(parquet(pa.array([b"a", None])), "blank", "missing") == [b"a", None]
    column = parquet(pa.array(["2020-01-01", "NA"]))
    assert run(column, "blank", "missing") == ["2020-01-01", None]

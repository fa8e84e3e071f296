"""flag: a column more, and nothing else."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nanclean.errors import PolicyError
from tests.blocks import aimed, cells, csv, fitted, parquet


def test_it_adds_a_boolean_column_named_after_the_find():
    source = parquet(pa.array([1.0, None, 3.0]))
    rule = fitted(source, "flag", "missing")
    fixed = rule.fixed(source.block())
    assert rule.fix.adds() == ("x_missing",)
    assert fixed.added.keys() == {"x_missing"}
    assert fixed.added["x_missing"].type == "boolean"
    assert cells(fixed.added["x_missing"]) == [False, True, False]
    assert fixed.column is None
    assert fixed.changed is None
    assert not rule.fix.cures


def test_a_list_is_flagged_where_an_element_or_the_list_is_bad():
    source = parquet(pa.array([[1.0, None], [2.0], None]))
    fixed = fitted(source, "flag", "missing").fixed(source.block())
    assert cells(fixed.added["x_missing"]) == [True, False, True]


def test_settings_of_the_find_are_not_in_the_name():
    source = csv("float", ["1", "200"])
    assert aimed(source, "flag", "range(0, 100)").fix.adds() == ("x_range",)


def test_no_rows_give_the_column_as_well():
    source = parquet(pa.array([], pa.float64()))
    added = aimed(source, "flag", "missing").fixed(source.block()).added["x_missing"]
    assert (added.type, added.rows, cells(added)) == ("boolean", 0, [])


def test_a_name_that_is_taken_is_told():
    source = parquet(pa.array([1.0]), x_missing=pa.array([True]))
    with pytest.raises(PolicyError) as told:
        aimed(source, "flag", "missing")
    assert told.value.message == "flag adds a column x_missing, and there is one of that name"
    assert told.value.hint == "rename that one in the file, or leave the rule out"

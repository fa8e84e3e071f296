"""drop_column: decided once, when it is fitted."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nanclean.part import from_json, from_text
from tests.blocks import aimed, fitted, parquet

SOURCE = parquet(pa.array([1.0, None]))


def test_without_a_find_the_column_always_goes():
    for rule in (aimed(SOURCE, "drop_column"), fitted(SOURCE, "drop_column")):
        assert rule.fixed(SOURCE.block()).gone
        assert rule.fixed(SOURCE.block(0, 0)).gone, "known before anything is read"


@pytest.mark.parametrize(("find", "gone"), [("missing", True), ("infinite", False), ("all_missing", False)])
def test_with_a_find_it_goes_if_that_found_anything(find, gone):
    rule = fitted(SOURCE, "drop_column", find)
    assert rule.fix.found is gone
    for block in (SOURCE.block(), SOURCE.block(0, 0), SOURCE.block(0, 1)):
        assert rule.fixed(block).gone is gone, "what was decided at fit holds for every block"


def test_until_it_is_fitted_the_column_stays():
    assert not aimed(SOURCE, "drop_column", "missing").fixed(SOURCE.block(0, 0)).gone


def test_the_decision_is_in_the_recipe():
    fix = from_text("drop_column", "fixers").fit({"hits": 1}, from_text("constant", "detectors"))
    assert fix.to_json() == {"name": "drop_column", "found": True}
    assert from_json(fix.to_json(), "fixers") == fix
    assert fix.fit({"hits": 0}, from_text("constant", "detectors")).found is False


def test_it_cures_only_where_it_goes():
    assert fitted(SOURCE, "drop_column", "missing").fix.cures
    assert not fitted(SOURCE, "drop_column", "infinite").fix.cures

"""drop: rows leave whole, and nothing else happens."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.blocks import cells, fitted, npy, parquet


def test_the_rows_with_a_bad_cell_leave():
    source = parquet(pa.array([1.0, None, 3.0]), y=pa.array(["a", "b", None]))
    after = fitted(source, "drop", "missing").after(source.block())
    assert cells(after.columns["x"].view) == [1, 3]
    assert cells(after.columns["y"].view) == ["a", None]
    assert after.numbers().tolist() == [0, 2]


def test_a_row_leaves_if_one_element_of_its_list_is_bad():
    source = parquet(pa.array([[1.0, None], [2.0], None, []]))
    after = fitted(source, "drop", "missing").after(source.block())
    assert after.numbers().tolist() == [1, 3]
    image = npy(np.array([[1, np.nan], [2, 3]]))
    assert fitted(image, "drop", "missing").after(image.block()).numbers().tolist() == [1]


def test_no_cell_changes():
    source = parquet(pa.array([1.0, None, 3.0]))
    fixed = fitted(source, "drop", "missing").fixed(source.block())
    assert fixed.column is None
    assert fixed.changed is None
    assert fixed.keep.tolist() == [True, False, True]


def test_all_rows_or_none_can_leave():
    source = parquet(pa.array([None, None], pa.float64()))
    assert fitted(source, "drop", "missing").after(source.block()).rows == 0
    assert fitted(source, "drop", "infinite").after(source.block()).rows == 2
    assert fitted(source, "drop", "missing").after(source.block(0, 0)).rows == 0

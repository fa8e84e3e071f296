"""What flows: some records of all columns, as they were read, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa

Raw: TypeAlias = "pa.Array | np.ndarray"
"""A column as its format gives it: an Arrow array, or from NPY and NumPy a 1-d array. Never written to."""


class Numbered(Protocol):
    """Some rows that know where in the source they stand."""

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """int64: the record numbers (from 0, in the whole source) of some of these rows."""


@dataclass(frozen=True)
class Batch:
    """Records `start`, `start + 1`, … of the source (numbered from 0), without the ragged ones.

    `columns` is parallel to the columns that were asked for; each has `rows` entries.
    """

    start: int
    rows: int
    columns: Sequence[Raw]
    ragged: np.ndarray | None = None
    """int64: the records, by absolute number, that stand between these but have no cells of their own."""
    origin: Any = None
    """What the same format writes untouched records from: the bytes, or the columns above the leaves. It may be gone
    when the next batch is asked for."""
    own: Batch | None = None
    """Of several files that are read as one: the same records as their file gives them, its numbers and columns."""

    places: np.ndarray | None = None
    """int64, (rows,): the numbers of the records, where they are not neighbours but chosen ones. None: they are."""

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """int64: the record numbers (from 0, in the whole source) of some rows of this batch."""
        if self.places is not None:
            return self.places[rows]
        records = rows.astype(np.int64) + self.start
        if self.ragged is None or not len(self.ragged):
            return records
        # The i-th row has moved down by as many ragged records as stand before it.
        moved = self.ragged - self.start - np.arange(len(self.ragged))
        return records + np.searchsorted(moved, rows, side="right")

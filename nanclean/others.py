"""The accumulators of columns that are not numeric: text, boolean, time, complex and the rest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean import times
from nanclean.batch import Numbered
from nanclean.column import Column, Values
from nanclean.counting import DISTINCT
from nanclean.groups import key_of
from nanclean.numbers import TOP
from nanclean.statistics import Cells, Figures, Statistics


class ValueStatistics(Statistics):
    """Counts, and the different values while they are few."""

    def __init__(self, type_: str, *, many: bool = False) -> None:
        self.type = type_
        self.cells = Cells()
        self.counts: dict[Any, int] | None = None if many or type_ in ("other", "complex") else {}
        """By value; None: more than 1,000 are different."""
        self.infinite = 0
        self.extent: tuple[str, str] | None = None

    def add(self, column: Column, batch: Numbered) -> None:
        assert isinstance(column, Values)
        self.cells.add(column, batch)
        if self.type == "complex":
            self._add_complex(column, batch)
        elif column.array is not None:
            if self.type == "time":
                self.extent = times.merged(self.extent, column.time_extent)
            if self.counts is not None:
                self._count(column)

    def _add_complex(self, column: Values, batch: Numbered) -> None:
        infinite = column.infinite  # type: ignore[attr-defined] # a column of complex numbers has it
        self.infinite += 0 if infinite is None else int(np.count_nonzero(infinite))

    def _count(self, column: Values) -> None:
        assert self.counts is not None
        array = column.array
        assert isinstance(array, pa.Array)
        found = pc.value_counts(array)
        if len(found) - 1 > DISTINCT:
            self.counts = None
            return
        present = found.filter(found.field(0).is_valid())
        values = present.field(0)
        keys = times.texts(values) if self.type == "time" else [key_of(value) for value in values.to_pylist()]
        for name, count in zip(keys, present.field(1).to_pylist(), strict=True):
            self.counts[name] = self.counts.get(name, 0) + count
        self._bound()

    def _bound(self) -> None:
        if self.counts is not None and len(self.counts) > DISTINCT:
            self.counts = None

    def fresh(self) -> Self:
        again = type(self)(self.type)
        again.counts = None if self.counts is None else {}
        return again

    def merge(self, other: Self) -> None:
        self.cells.merge(other.cells)
        self.infinite += other.infinite
        self.extent = times.merged(self.extent, other.extent)
        if self.counts is None or other.counts is None:
            self.counts = None
            return
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self._bound()

    def result(self, rows: int) -> Figures:
        figures = self.cells.result(rows) | {"type": self.type}
        if self.extent is not None:
            figures |= {"min": self.extent[0], "max": self.extent[1]}
        if self.type == "complex":
            present = figures["count"] - figures["missing"]
            figures |= {"pos_inf": self.infinite, "neg_inf": 0, "finite": present - self.infinite, "unparsable": 0}
        if self.counts is not None:
            ranked = sorted(self.counts.items(), key=lambda item: (-item[1], str(item[0])))
            figures |= {
                "distinct": len(ranked),
                "constant": len(ranked) == 1,
                "top": [[_shown(key), count] for key, count in ranked[:TOP]],
                "mode": ranked[0][0] if ranked and _shown(ranked[0][0]) == ranked[0][0] else None,
            }
        elif self.type not in ("other", "complex"):
            figures["constant"] = False
        return figures


def _shown(key: Any) -> Any:
    """A key as people see it: of long text the beginning."""
    return key[:31] if isinstance(key, str) and len(key) == 63 and key[30] == "…" else key

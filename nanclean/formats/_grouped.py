"""What Parquet and Arrow files on their way have in common: runs of rows (row groups, record batches) as they were."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.cells import packed
from nanclean.formats._maker import Maker
from nanclean.formats._structs import Node, remade
from nanclean.target import Target


@dataclass(frozen=True)
class Piece:
    """A block as it goes into the file."""

    numbers: np.ndarray
    """int64, (rows,): which records of the source they are."""
    stop: int
    """The record after the last one of the batch that they come from."""
    arrays: Sequence[pa.Array]


class GroupedTarget(Target):
    """A file on its way, of which one run of rows is held at most."""

    _makers: Sequence[Maker]
    _nodes: list[Node]
    """The columns of the schema, and above which leaves they stand."""
    _ends: Sequence[int] | None
    """Behind which records of the source a run ends. None: it has no runs."""
    _group = 0
    """The runs that are complete."""
    _rows = 0
    """Of the run that is being gathered."""

    # --- in workers

    def columns(self, block: Block) -> list[Raw]:
        return [maker.array(block) for maker in self._makers]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Piece:
        stop = block.batch.start + block.batch.rows
        if self._ends is None:
            return Piece(np.empty(0, np.int64), stop, list(columns))
        touched = {i for i, maker in enumerate(self._makers) if maker.touches(block.columns[maker.name])}
        batch = block.batch.origin
        assert isinstance(batch, pa.RecordBatch)
        cells, touched = self._refined(block, columns, touched)
        arrays = []
        for node in self._nodes:
            if node.column >= 0:
                arrays.append(cells[node.column])
            else:
                above = batch.column(node.place)
                above = above if block.kept is None else above.take(packed(block.kept))
                arrays.append(remade(node, above, cells, touched, block, self._makers))
        return Piece(block.numbers(), stop, arrays)

    def _refined(self, block: Block, columns: Sequence[Raw], touched: set[int]) -> tuple[Sequence[Raw], set[int]]:
        """The cells as they are written, and which columns are touched by that."""
        return columns, touched

    # --- in order

    def write(self, piece: Any) -> None:
        if self._ends is None:
            self._write_freely(piece.arrays)
            return
        done = 0
        while self._group < len(self._ends) and self._ends[self._group] <= piece.stop:
            end = int(np.searchsorted(piece.numbers, self._ends[self._group]))
            self._keep([array.slice(done, end - done) for array in piece.arrays])
            self._flush()
            done = end
            self._group += 1
        self._keep([array.slice(done) for array in piece.arrays] if done else piece.arrays)

    def _keep(self, arrays: Sequence[pa.Array]) -> None:
        rows = len(arrays[0]) if len(arrays) else 0
        if rows:
            self._gather(arrays, rows)
            self._rows += rows

    @abstractmethod
    def _write_freely(self, arrays: Sequence[pa.Array]) -> None:
        """Runs as the format likes them."""

    @abstractmethod
    def _gather(self, arrays: Sequence[pa.Array], rows: int) -> None:
        """Keep some rows until the run is complete."""

    @abstractmethod
    def _flush(self) -> None:
        """Write what has been kept."""

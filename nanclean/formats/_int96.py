"""Timestamps of 96 bits, as Hive, Impala and old versions of Spark write them: days, and nanoseconds of the day."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
import pyarrow as pa

from nanclean.block import Block, Held
from nanclean.cells import packed
from nanclean.column import bits_to_mask
from nanclean.errors import OutputError, UsageError
from nanclean.escaping import shortened
from nanclean.formats._maker import Maker
from nanclean.formats._rebuild import patched
from nanclean.formats.parquet import ParquetSource
from nanclean.typed import is_list, stored
from nanclean.wording import quoted


class Fine:
    """Timestamps of 96 bits as they stand in the file, where they have nanoseconds: they are read in microseconds."""

    def __init__(self, source: ParquetSource, columns: Sequence[int], unit: str) -> None:
        self.source, self.columns, self.unit = source, columns, unit
        self._begun: dict[int, _Rows] = {}
        self._lock = threading.Lock()
        self._starts = [0, *accumulate(source.groups)]

    @classmethod
    def of(cls, source: ParquetSource, columns: Sequence[int]) -> Fine | None:
        """None: microseconds hold them all. OutputError where neither those nor nanoseconds do."""
        fine = far = False
        if columns:
            units = [source.with_unit(range(len(source.groups)), columns, unit) for unit in ("ns", "us", "s")]
            for batch in zip(*units, strict=True):
                for arrays in zip(*batch, strict=True):
                    nano, micro, whole = (_ticks(array) for array in arrays)
                    # Beyond their range nanoseconds wrap around, so that the difference is right nevertheless.
                    fine |= bool((nano != micro * 1000).any())
                    far |= bool((np.abs(micro) > _FAR).any())
                    if (micro // 1_000_000 != whole).any():
                        raise _unreachable(source, columns)
        if fine and far:
            raise _unreachable(source, columns)
        return cls(source, columns, "ns") if fine else None

    def cells(self, block: Block, makers: Sequence[Maker], held: Sequence[Held]) -> dict[int, pa.Array]:
        """By column of the output: the cells of a block with their nanoseconds."""
        batch = block.batch
        with self._lock:
            rows = self._begun.pop(batch.start, None)
        if rows is None:
            group = int(np.searchsorted(self._starts, batch.start, side="right")) - 1
            rows = _Rows(self.source.with_unit(range(group, len(self.source.groups)), self.columns, self.unit))
            rows.take(batch.start - self._starts[group])
        arrays = rows.take(batch.rows)
        with self._lock:
            self._begun[batch.start + batch.rows] = rows
        found = {}
        for i, maker in enumerate(makers):
            if maker.out.origin in self.columns:
                raw = arrays[self.columns.index(maker.out.origin)]
                if block.kept is not None:
                    raw = raw.take(packed(block.kept))
                changed = held[i].changed
                found[i] = raw if changed is None else patched(raw, held[i].view, changed, maker.name)
        return found


class _Rows:
    """Batches, handed out in other portions."""

    def __init__(self, batches: Iterator[list[pa.Array]]) -> None:
        self._batches = batches
        self._left: list[pa.Array] = []

    def take(self, rows: int) -> list[pa.Array]:
        """The next rows of each column."""
        parts: list[list[pa.Array]] = []
        while rows:
            if not self._left or not len(self._left[0]):
                self._left = next(self._batches)
                continue
            n = min(rows, len(self._left[0]))
            parts.append([array.slice(0, n) for array in self._left])
            self._left = [array.slice(n) for array in self._left]
            rows -= n
        if len(parts) == 1:
            return parts[0]
        return [pa.concat_arrays(each) for each in zip(*parts, strict=True)]


_FAR = np.iinfo(np.int64).max // 1000 - 1


def _unreachable(source: ParquetSource, columns: Sequence[int]) -> OutputError:
    names = ", ".join(shortened(source.leaves[i].name) for i in columns[:5])
    return OutputError(
        f"{source.path}: {names}: timestamps of 96 bits, some with nanoseconds and some beyond the years 1678 to 2262,"
        " cannot be written again as they are",
        hint="take the column out, or write it with one unit in the program that made the file",
    )


def of_96_bits(source: ParquetSource | None, makers: Sequence[Maker]) -> list[int]:
    """Columns of the source with timestamps of 96 bits that are written again. UsageError beside other timestamps."""
    if source is None:
        return []
    schema = source.metadata.schema
    found = [
        i
        for i, leaf in enumerate(source.leaves)
        if any(schema.column(column).physical_type == "INT96" for column in leaf.columns)
    ]
    kept = [maker for maker in makers if maker.keeps and maker.out.origin in found]
    for maker in makers if kept else ():
        origin = maker.out.origin
        columns = [] if origin is None else source.leaves[origin].columns
        stamps = _timestamps(maker.type)
        if stamps and (not maker.keeps or stamps > sum(schema.column(i).physical_type == "INT96" for i in columns)):
            raise UsageError(
                f"{shortened(kept[0].name)} has timestamps of 96 bits, {shortened(maker.name)} others:"
                " they cannot be written side by side",
                hint=f'take one of them out: --rule "{quoted(maker.name)} -> drop_column"',
            )
    return sorted(maker.out.origin for maker in kept if maker.out.origin is not None)


def _timestamps(type_: pa.DataType) -> int:
    """How many columns of timestamps a type has."""
    type_ = stored(type_)
    if pa.types.is_map(type_):
        return _timestamps(type_.key_type) + _timestamps(type_.item_type)
    if is_list(type_):
        return _timestamps(type_.value_type)
    if pa.types.is_struct(type_):
        return sum(_timestamps(type_.field(i).type) for i in range(type_.num_fields))
    return int(pa.types.is_timestamp(type_))


def _ticks(array: pa.Array) -> np.ndarray:
    """int64: all timestamps in a column, nested ones too; 0 for those that are null."""
    if pa.types.is_map(array.type):
        entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        return _ticks(array.cast(pa.list_(entry)))
    if is_list(array.type):
        return _ticks(array.flatten())
    if pa.types.is_struct(array.type):
        return np.concatenate([np.empty(0, np.int64), *map(_ticks, array.flatten())])
    if not pa.types.is_timestamp(array.type) or not len(array):
        return np.empty(0, np.int64)
    ticks = np.frombuffer(array.buffers()[1], np.int64, count=len(array), offset=array.offset * 8)
    null = bits_to_mask(array)
    return ticks if null is None else np.where(null, 0, ticks)

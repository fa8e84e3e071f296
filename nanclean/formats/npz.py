"""NPZ: the arrays of one length are the columns of one table, and all others are carried along untouched.

`y` of shape (n,) is the column `y`; `X` of shape (n, 3) is the columns `X.c0`, `X.c1` and `X.c2`, as an array in a file
of its own is `c0`, `c1` and `c2`; of images (n, 28, 28) each record has 784 cells. Which length is meant is settled by
the arrays themselves: that whose arrays have the most bytes, so that a few means and deviations beside a matrix are
never taken for the table. A rule that drops a row drops it from every array of that length.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nanclean.batch import Batch
from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._arrays import BATCH_BYTES, PLACES, SAMPLED, SPLIT_BYTES, layout
from nanclean.formats._dialect import unique_names
from nanclean.formats._npzfile import DAMAGED, Archive, Member
from nanclean.formats.npy import Header, NpySource, _header
from nanclean.target import Out, Target

suffixes = (".npz",)
understands: frozenset[str] = frozenset()

ENDING = ".npy"


@dataclass(frozen=True)
class Chosen(ReadOptions):
    """Options that also say which arrays are the table: of a file that was written here that is known."""

    members: tuple[str, ...] = ()


def opened(file: File, options: ReadOptions) -> NpzSource:
    """An NPZ file; its directory and the headers of its arrays have been read."""
    return NpzSource(file, options)


def target(source: Source, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """An NPZ file on its way. UsageError where an array cannot hold the columns."""
    from nanclean.formats._npztarget import NpzTarget  # only those who write need it

    return NpzTarget(source, outs, path)


class ArrayInArchive(NpySource):
    """One of the arrays."""

    def __init__(self, name: str, file: Member, header: Header) -> None:
        found = layout(header.dtype, header.shape, header.fortran, None, file.path)
        super().__init__(file, header, found, ReadOptions())
        self.name = self._name = name
        self.shape = header.shape

    @property
    def aligned(self) -> bool:
        """Whether its records are the indices of its first axis."""
        return bool(self.shape) and self.layout.records == self.shape[0]

    @property
    def column_names(self) -> list[str]:
        """An array that is one column has its name."""
        if not self._parts and self.layout.axis is None:
            return [self.name]
        return [f"{self.name}.{field.name}" for field in self.fields]

    @property
    def record_bytes(self) -> int:
        """Of one record."""
        return max((self.size or 0) // max(self.layout.records, 1), 1)

    @property
    def usual_rows(self) -> int:
        """Records that are read in one go."""
        return self._group_rows() if self.layout.grouped else self._batch_rows()

    def _whole_slabs(self) -> bool:
        return self.layout.inner == 1  # records are cut where those of other arrays are


class NpzSource(Source):
    """The arrays of one length in an NPZ file."""

    format: ClassVar[str] = "npz"
    file: File

    def __init__(self, file: File, options: ReadOptions) -> None:
        self.file, self._options = file, options
        self.path, self.size, self.quick = file.path, file.size, file.quick
        self.archive = Archive(file)
        self._lock, self._proven = threading.Lock(), False
        arrays = [
            self._array(info.filename.removesuffix(ENDING), self.archive.member(info))
            for info in self.archive.infos
            if info.filename.endswith(ENDING)
        ]
        if not arrays:
            raise InputError(f"{file.path}: holds no array", hint="numpy.savez makes such files")
        self.arrays = self._chosen(arrays)
        self.others = [array for array in arrays if array not in self.arrays]
        self._rows = self.arrays[0].layout.records
        self._places = [(array, i) for array in self.arrays for i in range(len(array.fields))]
        names = unique_names([name for array in self.arrays for name in array.column_names])
        self.fields = tuple(
            Field(name, array.fields[i].type, array.fields[i].bits)
            for name, (array, i) in zip(names, self._places, strict=True)
        )

    def _array(self, name: str, member: Member) -> ArrayInArchive:
        return ArrayInArchive(name, member, _header(member))

    def _chosen(self, arrays: Sequence[ArrayInArchive]) -> list[ArrayInArchive]:
        """Those of the length whose arrays have the most bytes; of several such, the longest."""
        if isinstance(self._options, Chosen):
            return [array for array in arrays if array.name in self._options.members]
        lengths: dict[int, int] = defaultdict(int)
        for array in arrays:
            if array.aligned:
                lengths[array.shape[0]] += array.size or 0
        if not lengths:
            told = ", ".join(f"{shortened(array.name)} {array.shape}" for array in arrays[:5])
            raise InputError(f"{self.path}: no array in it has rows: {told}", hint="save arrays with a first axis")
        length = max(lengths, key=lambda length: (lengths[length], length))
        return [array for array in arrays if array.aligned and array.shape[0] == length]

    def __reduce__(self) -> tuple[Any, ...]:
        return NpzSource, (self.file, self._options)

    @property
    def facts(self) -> Facts:
        notes = [f"{shortened(array.name)}: {note}" for array in self.arrays for note in array.facts.notes]
        if self.others:
            told = ", ".join(f"{shortened(array.name)} {array.shape}" for array in self.others[:8])
            more = f" and {len(self.others) - 8} more" if len(self.others) > 8 else ""
            notes.append(f"Not of {self._rows:,} rows, and not looked into: {told}{more}.")
        return Facts(rows=self._rows, notes=notes)

    def details(self) -> dict[str, Any]:
        found = self.file.details() | {"arrays": [array.name for array in self.arrays]}
        return found | ({"carried": [array.name for array in self.others]} if self.others else {})

    def nothing(self) -> Batch:
        return Batch(0, 0, [raw for array in self.arrays for raw in array.nothing().columns])

    def check(self) -> None:
        self.file.check()

    def close(self) -> None:
        self.archive.close()
        self.file.close()

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        if column is None:
            return [f"[{row}]" for row in rows]
        array, place = self._places[column]
        return array.where(rows, place, cells)

    def sample(self) -> Batch | None:
        if not self._rows or not self.fields:
            return None
        size = min(SAMPLED, self._step(self.arrays))
        starts = sorted({self._rows * i // PLACES for i in range(PLACES)})
        wanted = range(len(self.fields))
        parts = [self._read(start, min(start + size, self._rows), wanted) for start in starts]
        columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return Batch(0, len(columns[0]), columns)

    def splits(self) -> Iterator[Split]:
        self._prove()
        step = self._step(self.arrays)
        size = max(SPLIT_BYTES // sum(array.record_bytes for array in self.arrays) // step, 1) * step
        for index, start in enumerate(range(0, self._rows, size)):
            yield NpzSplit(self, index, start, min(start + size, self._rows))

    def _prove(self) -> None:
        """Once: NumPy, too, holds what it reads against the checksums."""
        with self._lock:
            if not self._proven:
                for array in self.arrays:
                    assert isinstance(array.file, Member)
                    array.file.prove()
                self._proven = True

    def batches(self, split: NpzSplit, columns: Sequence[int] | None) -> Iterator[Batch]:
        """The records of a split, some at a time."""
        wanted = range(len(self.fields)) if columns is None else list(columns)
        if not len(wanted):
            yield Batch(split.start, split.stop - split.start, [])
            return
        step = self._step({id(self._places[i][0]): self._places[i][0] for i in wanted}.values())
        for at in range(split.start, split.stop, step):
            end = min(at + step, split.stop)
            yield Batch(at, end - at, self._read(at, end, wanted))
        self.file.check()

    def _step(self, arrays: Any) -> int:
        """Records of a batch."""
        size = sum(array.record_bytes for array in arrays)
        return max(min([BATCH_BYTES // size, *(array.usual_rows for array in arrays)]), 1)

    def _read(self, start: int, stop: int, wanted: Sequence[int]) -> list[np.ndarray]:
        """Some records of some columns; of each array in one go."""
        mine: dict[int, list[int]] = defaultdict(list)
        for at, column in enumerate(wanted):
            mine[id(self._places[column][0])].append(at)
        found: list[Any] = [None] * len(wanted)
        for places in mine.values():
            array = self._places[wanted[places[0]]][0]
            blocks = list(array.blocks(start, stop, [self._places[wanted[at]][1] for at in places]))
            if sum(rows for _, rows, _ in blocks) != stop - start:
                raise InputError(f"{self.path}: {shortened(array.name)} ends too early", hint=DAMAGED)
            columns = blocks[0][2] if len(blocks) == 1 else _joined([cells for *_, cells in blocks])
            for place, cells in zip(places, columns, strict=True):
                found[place] = cells
        return found


def _joined(blocks: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    return [np.concatenate(each) for each in zip(*blocks, strict=True)]


@dataclass(frozen=True)
class NpzSplit(Split):
    """Some neighbouring records of all arrays."""

    source: NpzSource
    index: int
    start: int
    stop: int

    @property
    def share(self) -> float:
        return self.stop / max(self.source.facts.rows, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        return self.source.batches(self, columns)

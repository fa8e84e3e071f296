"""The NPY file itself: a header whose length is settled before the first value, and the values."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.lib import format as numpy_format

from nanclean.formats._outputfile import OutputFile
from nanclean.target import Target

MOVED = 4 << 20
"""Bytes that are moved at a time when gaps are closed."""
MAGIC = b"\x93NUMPY"
ALIGNED = 64
"""The values begin at a multiple of it, as NumPy has it."""


class NpyTarget(Target, ABC):
    """An NPY file on its way: a header whose length is settled before the first value, and then the values."""

    format: ClassVar[str] = "npy"
    dtype: np.dtype
    fortran: bool = False

    def __init__(self, path: str, head: bytes = b"") -> None:
        """head: that of the source."""
        self.rows = 0
        self._path, self._head = path, head
        self._file: OutputFile | None = None

    def _open(self, rows: int, *, same: bool) -> None:
        """rows: the most that will come; same: if so many do, the file has the header of the source."""
        self._most, self._same = rows, same
        self.offset = len(header(self.dtype, self.fortran, self.shape(rows), self._head[6:8], len(self._head)))
        self._file = OutputFile(self._path)

    @abstractmethod
    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the array, when it has so many records."""

    @property
    def file(self) -> OutputFile:
        assert self._file is not None
        return self._file

    def finish(self) -> None:
        shape = self.shape(self.rows)
        size = math.prod(shape) * self.dtype.itemsize
        self._close_gaps()
        if self._same and self.rows == self._most and self._head:
            head = self._head
            moved(self.file, self.offset, len(head), size)  # it may be shorter than any that NumPy writes
        else:
            head = header(self.dtype, self.fortran, shape, self._head[6:8], self.offset)
        self.file.resize(len(head) + size)
        self.file.write_at(memoryview(head), 0)
        self.file.finish()
        self._file = None

    def _close_gaps(self) -> None:
        """Where values of records that went are missing in the middle."""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def header(dtype: np.dtype, fortran: bool, shape: tuple[int, ...], version: bytes, least: int) -> bytes:
    """What stands before the values: as NumPy writes it, of at least so many bytes."""
    descr = numpy_format.dtype_to_descr(dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    needed = b"\x01\x00" if text.isascii() or _latin(text) else b"\x03\x00"
    version = max(needed, version)
    data = text.encode("utf-8" if version == b"\x03\x00" else "latin-1")
    if version == b"\x01\x00" and max(len(data) + 11 + ALIGNED, least) > 1 << 16:
        version = b"\x02\x00"
    places = 2 if version == b"\x01\x00" else 4
    size = len(data) + 9 + places
    size = least if size <= least else -(-size // ALIGNED) * ALIGNED
    length = size - 8 - places
    return MAGIC + version + length.to_bytes(places, "little") + data.ljust(length - 1) + b"\n"


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def gathered(file: OutputFile, offset: int, runs: int, most: int, rows: int, size: int) -> None:
    """Runs of `rows` values, each in a place for `most` of them, moved up to each other."""
    for run in range(1, runs):
        moved(file, offset + run * most * size, offset + run * rows * size, rows * size)


def moved(file: OutputFile, there: int, here: int, size: int) -> None:
    """Bytes moved towards the beginning."""
    if there == here:
        return
    for at in range(0, size, MOVED):
        file.write_at(memoryview(file.read_at(min(MOVED, size - at), there + at)), here + at)


def as_bytes(values: np.ndarray) -> memoryview:
    """The bytes of an array, one after the other."""
    if not values.nbytes:
        return memoryview(b"")
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data

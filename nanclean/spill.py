"""State that may outgrow memory: kept there while it is small, then in a private file, part by part."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.errors import OutputError


class PrivateFile:
    """Bytes that nobody else can read, in a file without a name. It is gone when nobody holds it any more."""

    def __init__(self) -> None:
        self.size = 0
        try:
            self._handle, path = tempfile.mkstemp(prefix="nanclean-")
        except OSError as error:
            raise _no_room(error) from None
        with suppress(OSError):  # not everywhere can an open file lose its name
            os.unlink(path)
        weakref.finalize(self, _let_go, self._handle, path)

    def append(self, data: memoryview) -> int:
        """Write at the end. Where that was."""
        at, done = self.size, 0
        try:
            while done < len(data):
                done += os.pwrite(self._handle, data[done:], at + done)
        except OSError as error:
            raise _no_room(error) from None
        self.size += len(data)
        return at

    def read(self, at: int, size: int) -> bytes:
        """Some of the bytes that were written. From any thread."""
        found = bytearray()
        try:
            while len(found) < size:
                more = os.pread(self._handle, size - len(found), at + len(found))
                if not more:
                    raise OSError(0, "it is shorter than it was")
                found += more
        except OSError as error:
            raise _no_room(error) from None
        return bytes(found)


def _let_go(handle: int, path: str) -> None:
    os.close(handle)
    with suppress(OSError):
        os.unlink(path)


def _no_room(error: OSError) -> OutputError:
    folder = tempfile.gettempdir()
    told = (error.strerror or str(error)).lower()
    return OutputError(f"cannot keep working data in {folder}: {told}", hint="TMPDIR=/a/larger/disk before the command")


class Records:
    """Rows of one NumPy dtype, each in a part, in any order within it. Taken in from several threads."""

    def __init__(self, dtype: np.dtype, limit: int) -> None:
        """limit: bytes that are held in memory before they are written."""
        self.dtype, self.limit = dtype, limit
        self.count = 0
        self._held: list[tuple[np.ndarray, np.ndarray]] = []
        self._size = 0
        self._file: PrivateFile | None = None
        self._extents: dict[int, list[tuple[int, int]]] = {}
        self._lock = threading.Lock()

    @property
    def spilled(self) -> int:
        """Bytes that were written."""
        return 0 if self._file is None else self._file.size

    @property
    def parts(self) -> list[int]:
        """The parts that hold something, ascending."""
        found = set(self._extents)
        for parts, _ in self._held:
            found.update(parts[np.flatnonzero(np.diff(parts, prepend=-1))].tolist())
        return sorted(found)

    def add(self, parts: np.ndarray, records: np.ndarray) -> None:
        """Take in records, each into its part (from 0)."""
        if not len(records):
            return
        order = _by_part(parts)
        with self._lock:
            self._held.append((parts[order], records[order]))
            self.count += len(records)
            self._size += records.nbytes + parts.nbytes
            if self._size > self.limit:
                self._flush()

    def _flush(self) -> None:
        if self._file is None:
            self._file = PrivateFile()
        parts = np.concatenate([each for each, _ in self._held])
        records = np.concatenate([each for _, each in self._held])
        self._held, self._size = [], 0
        order = _by_part(parts)
        parts, records = parts[order], records[order]
        begins = np.flatnonzero(np.diff(parts, prepend=-1))
        at = self._file.append(records.view(np.uint8).data)
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(parts)], strict=True):
            place = at + begin * self.dtype.itemsize
            self._extents.setdefault(int(parts[begin]), []).append((place, end - begin))

    def read(self, part: int) -> np.ndarray:
        """All records of a part. Nothing is added any more."""
        pieces = list(self.pieces(part))
        return np.concatenate(pieces) if pieces else np.empty(0, self.dtype)

    def pieces(self, part: int) -> Iterator[np.ndarray]:
        """The records of a part, some at a time."""
        for place, count in self._extents.get(part, ()):
            assert self._file is not None
            yield np.frombuffer(self._file.read(place, count * self.dtype.itemsize), self.dtype)
        for parts, records in self._held:
            first, last = np.searchsorted(parts, [part, part + 1])
            if first < last:
                yield records[first:last]

    def rows(self, part: int) -> int:
        """How many records a part has."""
        held = (np.searchsorted(parts, [part, part + 1]) for parts, _ in self._held)
        return sum(n for _, n in self._extents.get(part, ())) + sum(int(last - first) for first, last in held)


def _by_part(parts: np.ndarray) -> np.ndarray:
    """The order of the parts. Numbers of 16 bits are sorted without being compared, five times as fast."""
    if int(parts.max()) < 1 << 16:
        parts = parts.astype(np.uint16)
    return np.argsort(parts, kind="stable")


class Tables:
    """Batches of Arrow, each in a part, in the order in which they came. Taken in from several threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: list[tuple[int, pa.RecordBatch]] = []
        self._size = 0
        self._file: PrivateFile | None = None
        self._extents: dict[int, list[tuple[int, int]]] = {}
        self._lock = threading.Lock()

    @property
    def spilled(self) -> int:
        """Bytes that were written."""
        return 0 if self._file is None else self._file.size

    @property
    def parts(self) -> list[int]:
        """The parts that hold something, ascending."""
        return sorted({*self._extents, *(part for part, _ in self._held)})

    def add(self, part: int, batch: pa.RecordBatch) -> None:
        """Take in a batch that shares no memory with anything large."""
        with self._lock:
            self._held.append((part, batch))
            self._size += batch.nbytes
            if self._size > self.limit:
                self._flush()

    def _flush(self) -> None:
        if self._file is None:
            self._file = PrivateFile()
        by_part: dict[int, list[pa.RecordBatch]] = {}
        for part, batch in self._held:
            by_part.setdefault(part, []).append(batch)
        self._held, self._size = [], 0
        for part, batches in by_part.items():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batches[0].schema) as stream:
                for batch in batches:
                    stream.write_batch(batch)
            data = sink.getvalue()
            self._extents.setdefault(part, []).append((self._file.append(memoryview(data)), data.size))

    def pieces(self, part: int) -> Iterator[pa.RecordBatch]:
        """The batches of a part. Nothing is added any more."""
        for place, size in self._extents.get(part, ()):
            assert self._file is not None
            with pa.ipc.open_stream(pa.py_buffer(self._file.read(place, size))) as stream:
                yield from stream
        for other, batch in self._held:
            if other == part:
                yield batch

    def bytes(self, part: int) -> int:
        """How large a part is."""
        held: Any = (batch.nbytes for other, batch in self._held if other == part)
        return sum(size for _, size in self._extents.get(part, ())) + sum(held)

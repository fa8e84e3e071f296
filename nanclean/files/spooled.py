"""What can be read once only, from its beginning to its end: kept in memory, or in a private file that has no name."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from nanclean.errors import InputError, OutputError, UsageError
from nanclean.file import PIECE, File
from nanclean.files.local import unreadable

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD_INPUT = "-"
ROOM = 64 << 20
"""Bytes that a stream may keep in memory if nobody says."""


class Spooled(File):
    """The bytes of a stream, all of which have come."""

    def __init__(self, path: str, pieces: Iterable[bytes], room: int = ROOM) -> None:
        """room: bytes that may be kept in memory. What is more goes to a file that nobody else can open."""
        self.path = path
        self._room = room
        self._held = bytearray()
        self._handle: BinaryIO | None = None
        self._lock = threading.Lock()
        self.size = 0
        try:
            for piece in pieces:
                self._take(piece)
        except BaseException:
            self.close()
            raise
        self.stored = self.size

    def _take(self, piece: bytes) -> None:
        if self._handle is None and self.size + len(piece) > self._room:
            self._handle = self._spilled(_nameless)
            self._closed = weakref.finalize(self, self._handle.close)
            self._write(self._held)
            self._held = bytearray()
        if self._handle is None:
            self._held += piece
        else:
            self._write(piece)
        self.size += len(piece)

    def _write(self, piece: bytes | bytearray) -> None:
        left = memoryview(piece)
        while left:
            left = left[self._spilled(self._handle.write, left) :]  # type: ignore[union-attr]

    def _spilled(self, work: Any, *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except OSError as error:
            raise OutputError(
                f"{self.path}: has no room in {_folder()}: {(error.strerror or str(error)).lower()}",
                hint="set TMPDIR to a folder with more room, or give more --memory",
            ) from None

    def read_into(self, target: memoryview, offset: int) -> None:
        if offset + len(target) > self.size:
            raise InputError(
                f"{self.path}: ends at byte {self.size:,}, {offset + len(target) - self.size:,} bytes too early",
                hint="it was cut off",
            )
        if self._handle is None:
            target[:] = memoryview(self._held)[offset : offset + len(target)]
            return
        done = 0
        while done < len(target):
            try:
                n = self._read_some(self._handle, target[done:], offset + done)
            except OSError as error:
                raise unreadable(_folder(), error) from None
            if not n:
                raise InputError(f"{self.path}: what was kept in {_folder()} was cut off", hint="run again")
            done += n

    def _read_some(self, handle: BinaryIO, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(handle.fileno(), [target], offset)
        with self._lock:  # Windows
            handle.seek(offset)
            return handle.readinto(target) or 0  # type: ignore[attr-defined]

    def native(self) -> pa.NativeFile:
        if self._handle is not None:
            return super().native()
        import pyarrow as pa

        return pa.BufferReader(pa.py_buffer(self._held))

    def check(self) -> None:
        """Nobody can change it."""

    def close(self) -> None:
        self._held = bytearray()
        if self._handle is not None:
            self._closed()

    def __reduce__(self) -> tuple[Any, ...]:
        raise InputError(
            f"{self.path}: can be read once only, and not by several processes", hint="save it to a file first"
        )


def _nameless() -> Any:
    """A file of ours alone: it loses its name as soon as it exists, and its bytes when it is closed."""
    import tempfile  # few need it

    return tempfile.TemporaryFile(prefix="nanclean-", buffering=0)


def _folder() -> str:
    """Where such files are kept: TMPDIR."""
    import tempfile

    return tempfile.gettempdir()


def standard_input(room: int = ROOM) -> Spooled:
    """What comes in by standard input, to its end."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise InputError("-: there is no standard input", hint="name a file")
    if sys.stdin.isatty():
        raise UsageError("-: standard input is a terminal", hint="cat x.csv | nanclean scan -")
    return Spooled(STANDARD_INPUT, _pieces(STANDARD_INPUT, stream), room)


def pipe(path: str, room: int = ROOM) -> Spooled:
    """What comes in by a named pipe, to its end."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return Spooled(path, _pieces(path, stream), room)
    except OSError as error:
        raise unreadable(path, error) from None


def _pieces(path: str, stream: Any) -> Iterator[bytes]:
    try:
        while piece := stream.read(PIECE):
            yield piece
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: {told.lower()}") from None

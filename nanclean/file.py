"""What a file is: bytes that several threads read at any place, and that stay what they were."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""By the ending of a name."""
PIECE = 1 << 20
"""Bytes that are handed on at a time."""


class File(ABC):
    """An input that is open. It pickles as how to open it again, which fails if it is not the same any more."""

    path: str
    """As the user wrote it: for messages and reports."""
    size: int
    """Bytes that can be read."""
    stored: int
    """Bytes where the file is kept: fewer, if it is compressed there."""
    compression: str | None = None
    """gzip, bzip2, xz or zstd."""
    quick: bool = True
    """To read again costs little."""

    @property
    def name(self) -> str:
        """The path, without the ending that only says that it is compressed."""
        return uncompressed(self.path) if self.compression else self.path

    @abstractmethod
    def read_into(self, target: memoryview, offset: int) -> None:
        """Fill the target with the bytes from an offset, from any thread. InputError if there are not as many."""

    def read(self, size: int, offset: int) -> bytes:
        """So many bytes from an offset."""
        data = bytearray(size)
        self.read_into(memoryview(data), offset)
        return bytes(data)

    @abstractmethod
    def check(self) -> None:
        """InputError if it is not what it was when it was opened."""

    def native(self) -> pa.NativeFile:
        """For Arrow's readers: random access, without a memory map. The caller closes it."""
        import pyarrow as pa

        return pa.PythonFile(Reader(self), mode="r")

    def copy(self, write: Callable[[bytes], object]) -> None:
        """Hand all bytes, as they are stored, to a function."""
        for at in range(0, self.size, PIECE):
            write(self.read(min(PIECE, self.size - at), at))

    def details(self) -> dict[str, Any]:
        """What the report says of it."""
        return {"compression": self.compression} if self.compression else {}

    @property
    def mark(self) -> tuple[str, ...]:
        """What tells, where it is kept, that it has the same content still: a time, or what a store says of it."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Let go of it. May be called twice."""


def shown(path: str) -> str:
    """A path as messages and reports may show it: without what opens a remote one, a password or a signature."""
    scheme, found, rest = path.partition("://")
    if not found:
        return path
    root, slash, below = rest.partition("?")[0].partition("/")
    user, at, host = root.rpartition("@")
    if scheme in ("abfs", "abfss"):  # the container stands there
        return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{below}"
    return f"{scheme}://{host}{slash}{below}"


def uncompressed(path: str) -> str:
    """A path without the ending that says that it is compressed."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in COMPRESSIONS else path


class Reader(io.RawIOBase):
    """A file as libraries read files: from a place that moves on. Closing it leaves the file open."""

    def __init__(self, file: File) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self._file.size - self._at, 0)
        found = self._file.read(left if size is None or size < 0 else min(size, left), self._at)
        self._at += len(found)
        return found

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        target = target[: max(self._file.size - self._at, 0)]
        self._file.read_into(target, self._at)
        self._at += len(target)
        return len(target)

"""A file that is written at any place, and whose errors say which file it is."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from nanclean.errors import OutputError
from nanclean.files.packed import by_name, packer


def output_file(path: str) -> OutputFile:
    """A file that is written from its beginning to its end, compressed if its name says so."""
    compression = by_name(path)
    return OutputFile(path) if compression is None else PackedFile(path, compression)


class OutputFile:
    """A draft that exists. Every failure is an OutputError; what the system takes in parts is written in full."""

    def __init__(self, path: str) -> None:
        self.path = path
        with self.named():
            self._handle: BinaryIO = open(path, "r+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()

    def write_at(self, data: memoryview, offset: int) -> None:
        """All bytes, from an offset on."""
        with self.named():
            done = 0
            while done < len(data):
                done += self._write_some(data[done:], offset + done)

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._handle.fileno(), data, offset)
        with self._lock:  # Windows
            self._handle.seek(offset)
            return self._handle.write(data)

    def read_at(self, size: int, offset: int) -> bytes:
        """So many bytes, which have been written before."""
        found = bytearray()
        with self.named():
            while len(found) < size:
                part = self._read_some(size - len(found), offset + len(found))
                if not part:
                    raise OutputError(f"cannot write {self.path}: it was cut off by somebody else")
                found += part
        return bytes(found)

    def _read_some(self, size: int, offset: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._handle.fileno(), size, offset)
        with self._lock:  # Windows
            self._handle.seek(offset)
            return self._handle.read(size)

    def resize(self, size: int) -> None:
        """So many bytes; what is new is zero."""
        with self.named():
            self._handle.truncate(size)

    def finish(self) -> None:
        """Close it; what the system could not keep is an error."""
        with self.named():
            self._handle.close()

    def close(self) -> None:
        """Close it, whatever has become of it."""
        with suppress(OSError):
            self._handle.close()

    @contextmanager
    def named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {(error.strerror or str(error)).lower()}") from error


class PackedFile(OutputFile):
    """One that is compressed on its way."""

    def __init__(self, path: str, compression: str) -> None:
        super().__init__(path)
        self._buffered = io.BufferedWriter(self._handle, 1 << 20)
        self._packer = packer(compression, self._buffered)
        self._taken = 0

    def write_at(self, data: memoryview, offset: int) -> None:
        if offset != self._taken:
            raise ValueError("a compressed file is written from its beginning to its end")
        with self.named():
            self._packer.write(data)
        self._taken += len(data)

    def finish(self) -> None:
        with self.named():
            self._packer.close()
            self._buffered.close()
        super().finish()

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._packer.close()
        with suppress(OSError, ValueError):
            self._buffered.close()
        super().close()

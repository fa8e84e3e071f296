"""An input file: opened once, read by plain reads at any place, and known again if it changes."""

from __future__ import annotations

import os
import threading
from typing import BinaryIO

from nanclean.errors import InputError


class InputFile:
    """A file that several threads read. What is opened stays open: a file put in its place is not read by mistake."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._handle: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise _unreadable(path, error) from None
        self._lock = threading.Lock()
        self._status = os.fstat(self._handle.fileno())
        self.size: int = self._status.st_size

    def read_into(self, target: memoryview, offset: int) -> None:
        """Fill the target with the bytes from an offset. InputError if there are not as many."""
        done = 0
        while done < len(target):
            try:
                n = self._read_some(target[done:], offset + done)
            except OSError as error:
                raise _unreadable(self.path, error) from None
            if not n:
                raise InputError(
                    f"{self.path}: ends at byte {offset + done:,}, {len(target) - done:,} bytes too early",
                    hint="it was cut off, or changed while it was read",
                )
            done += n

    def _read_some(self, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._handle.fileno(), [target], offset)
        with self._lock:  # Windows
            self._handle.seek(offset)
            return self._handle.readinto(target) or 0  # type: ignore[attr-defined]

    def read(self, size: int, offset: int) -> bytes:
        """So many bytes from an offset."""
        data = bytearray(size)
        self.read_into(memoryview(data), offset)
        return bytes(data)

    def check(self) -> None:
        """InputError if the file was written to since it was opened."""
        if not _alike(os.fstat(self._handle.fileno()), self._status):
            raise InputError(f"{self.path}: changed while it was read", hint="run again when nothing writes to it")

    def is_at(self, path: str) -> bool:
        """Whether a path still leads to this file."""
        try:
            return _alike(os.stat(path), self._status)
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        self._handle.close()


def _alike(now: os.stat_result, then: os.stat_result) -> bool:
    """Whether a file is the same, with the same content as far as its times tell.

    The time of change tells more than that of modification, which can be set; but it also changes when a file loses
    its name because another one takes it, and then the content is what it was.
    """
    same = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) == (
        then.st_dev, then.st_ino, then.st_size, then.st_mtime_ns,
    )  # fmt: skip
    return same and (now.st_ctime_ns == then.st_ctime_ns or now.st_nlink < then.st_nlink)


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read: {error.strerror or error}")

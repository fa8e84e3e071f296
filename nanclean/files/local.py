"""A file on disk: opened once, read by plain reads at any place, and known again if it changes."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, BinaryIO

from nanclean.errors import InputError
from nanclean.file import File

if TYPE_CHECKING:
    import pyarrow as pa

CHANGED = "run the command again when nothing writes to the file"


class Local(File):
    """A regular file. What is opened stays open: a file put in its place is not read by mistake."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._place = os.path.abspath(path)
        try:
            self._handle: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise unreadable(path, error) from None
        self._closed = weakref.finalize(self, self._handle.close)  # one that came in a message is closed by nobody
        self._lock = threading.Lock()
        self._status = os.fstat(self._handle.fileno())
        self.size = self.stored = self._status.st_size

    def read_into(self, target: memoryview, offset: int) -> None:
        done = 0
        while done < len(target):
            try:
                n = self._read_some(target[done:], offset + done)
            except OSError as error:
                raise unreadable(self.path, error) from None
            if not n:
                self.check()
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

    @property
    def mark(self) -> tuple[str, ...]:
        return (str(self._status.st_mtime_ns),)

    def check(self) -> None:
        if not _alike(os.fstat(self._handle.fileno()), self._status):
            raise InputError(f"{self.path}: changed while it was read", hint=CHANGED)

    def native(self) -> pa.NativeFile:
        import pyarrow as pa

        try:
            found = pa.OSFile(os.fsencode(self._place))
        except OSError as error:
            raise unreadable(self.path, error) from None
        if not self._is_at(self._place):
            found.close()
            self.check()
            raise InputError(f"{self.path}: was replaced while it was opened", hint="run again")
        return found

    def _is_at(self, path: str) -> bool:
        """Whether a path still leads to this file."""
        try:
            return _alike(os.stat(path), self._status)
        except OSError:
            return False

    def close(self) -> None:
        self._closed()

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.path, self._place, _known(self._status))


def _again(path: str, place: str, known: tuple[int, int, int]) -> Local:
    """The same file, maybe seen from another machine."""
    file = Local(place)
    file.path = path
    if _known(file._status) != known:
        file.close()
        raise InputError(f"{path}: changed while it was read", hint=CHANGED)
    return file


def _known(status: os.stat_result) -> tuple[int, int, int]:
    """What tells a file on every machine that sees it."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _alike(now: os.stat_result, then: os.stat_result) -> bool:
    """Whether a file is the same, with the same content as far as its times tell.

    The time of change tells more than that of modification, which can be set; but it also changes when a file loses
    its name because another one takes it, and then the content is what it was.
    """
    same = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) == (
        then.st_dev, then.st_ino, then.st_size, then.st_mtime_ns,
    )  # fmt: skip
    return same and (now.st_ctime_ns == then.st_ctime_ns or now.st_nlink < then.st_nlink)


def unreadable(path: str, error: OSError) -> InputError:
    """For what the system said."""
    told = (error.strerror or str(error)).lower()
    hints = {
        FileNotFoundError: "check the spelling; `ls` shows the files here",
        PermissionError: f"you may not read it; look at it with: ls -l {path}",
    }
    return InputError(f"{path}: {told}", hint=hints.get(type(error), f"look at it with: ls -l {path}"))

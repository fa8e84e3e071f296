"""Files that appear whole or not at all: written under a hidden name beside the target, moved when they are proven."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nanclean.errors import OutputError, UsageError


class Draft:
    """A hidden file beside its target. It exists, empty, from the beginning; `publish` gives it its name."""

    def __init__(self, target: str, beside: str | None = None) -> None:
        """`beside`: a file that it must be as private as: nobody may read the one who may not read the other."""
        self.target = target
        self._most = 0o777
        if beside is not None:
            with suppress(OSError):
                self._most = stat.S_IMODE(os.stat(beside).st_mode)
        folder, name = os.path.split(os.path.abspath(target))
        self.folder = folder
        self.path = os.path.join(folder, f".{name[:200]}.{os.getpid()}.draft")
        with _named(target):
            with suppress(FileNotFoundError):
                os.unlink(self.path)  # of a process that was killed, and had our number
            os.close(
                os.open(
                    self.path,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0),
                    0o666 & (self._most | 0o600),
                )
            )
        self.published = False

    def sync(self) -> None:
        """Its bytes are on the disk, or it raises OutputError."""
        with _named(self.target):
            handle = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def publish(self) -> None:
        """Give it the name of the target. A file that had it is replaced, and hands on its mode."""
        with _named(self.target):
            with suppress(FileNotFoundError):
                found = os.lstat(self.target)
                if stat.S_ISREG(found.st_mode):  # a link is replaced, and has nothing to hand on
                    os.chmod(self.path, stat.S_IMODE(found.st_mode) & (self._most | 0o600) & 0o777)
            os.replace(self.path, self.target)
            self.published = True
            with suppress(OSError):  # not every file system can
                handle = os.open(self.folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def discard(self) -> None:
        """Take it away, if it was not published."""
        if not self.published:
            with suppress(OSError):
                os.unlink(self.path)


def refuse(target: str, *, force: bool, inputs: tuple[str, ...] = ()) -> None:
    """UsageError or OutputError if a target cannot or must not be written. Before anything is read."""
    for source in inputs:
        with suppress(OSError, ValueError):
            if os.path.samefile(source, target):
                raise UsageError(f"{target}: is the input; it is never written over", hint="name another file after -o")
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from None
    if found is not None:
        if stat.S_ISDIR(found.st_mode):
            raise UsageError(f"{target}: is a folder", hint=f"name a file in it: {os.path.join(target, 'clean.csv')}")
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            raise UsageError(f"{target}: is no regular file", hint="name a file after -o")
        if not force:
            raise UsageError(f"{target}: is there already", hint="--force replaces it")
    folder = os.path.dirname(target) or "."
    if not os.path.isdir(folder):
        raise OutputError(f"cannot write {target}: there is no folder {folder}", hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {target}: the folder is not writable", hint=f"ls -ld {folder}")


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {what}: {(error.strerror or str(error)).lower()}") from error

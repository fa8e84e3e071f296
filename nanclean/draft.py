"""Files that appear whole or not at all: written under a hidden name beside the target, moved when they are proven."""

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nanclean.errors import OutputError, UsageError
from nanclean.file import uncompressed


class Draft:
    """A hidden file beside its target. It exists, empty, from the beginning; `publish` gives it its name."""

    def __init__(self, target: str, beside: str | None = None, *, private: bool = False) -> None:
        """`beside`: a file that it must be as private as: nobody may read the one who may not read the other."""
        self.target = target
        self._most = 0o600 if private else 0o777
        if beside is not None:
            with suppress(OSError):
                self._most = stat.S_IMODE(os.stat(beside).st_mode)
        folder, name = os.path.split(os.path.abspath(target))
        self.folder = folder
        self.path = os.path.join(folder, f".{name[:200]}.{os.getpid()}.draft{_packed(name)}")
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


class Private(Draft):
    """A draft that nobody else can read, of what has no folder beside it: it is delivered when it is proven."""

    def __init__(self, target: str) -> None:
        import tempfile  # few need it

        self.target = target
        self.published = False
        with _named(tempfile.gettempdir()):
            self.folder = tempfile.mkdtemp(prefix="nanclean-")
            self.path = os.path.join(self.folder, f"draft{_packed(target)}")
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def sync(self) -> None:
        """It is not kept."""

    def publish(self) -> None:
        self.deliver()
        self.published = True

    @abstractmethod
    def deliver(self) -> None:
        """Send it where it belongs."""

    def discard(self) -> None:
        _take_away(self.folder)


class DraftFolder(Draft):
    """A hidden folder beside its target. It takes the name of the target when everything in it is proven."""

    def __init__(self, target: str) -> None:
        self.target, self.published = target.rstrip(os.sep) or target, False
        self.folder, name = os.path.split(os.path.abspath(target))
        self.path = os.path.join(self.folder, f".{name[:200]}.{os.getpid()}.draft")
        self._old = os.path.join(self.folder, f".{name[:200]}.{os.getpid()}.old")
        with _named(self.target):
            if os.path.isdir(self.path):
                _take_away(self.path, quiet=False)  # of a process that was killed, and had our number
            os.mkdir(self.path)

    def file(self, name: str, beside: str | None = None) -> str:
        """An empty file in it, as private as another one."""
        path, most = os.path.join(self.path, name), 0o777
        if beside is not None:
            with suppress(OSError):
                most = stat.S_IMODE(os.stat(beside).st_mode)
        with _named(os.path.join(self.target, name)):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 & (most | 0o600)))
        return path

    def sync_file(self, path: str) -> None:
        """The bytes of one of its files are on the disk, or it raises OutputError."""
        with _named(path):
            _fsync(path)

    def sync(self) -> None:
        """The names of its files are on the disk; their bytes are."""
        with suppress(OSError):  # not every file system can
            for folder, _, _ in os.walk(self.path):
                _fsync(folder)

    def publish(self) -> None:
        """Give it the name of the target. A folder that had it goes away after that, and comes back if that fails."""
        with _named(self.target):
            replaced = os.path.lexists(self.target)
            if replaced:
                os.rename(self.target, self._old)
            try:
                os.rename(self.path, self.target)
            except OSError:
                if replaced:
                    os.rename(self._old, self.target)
                raise
            self.published = True
            with suppress(OSError):
                _fsync(self.folder)
        if replaced:
            _take_away(self._old)

    def discard(self) -> None:
        if not self.published:
            path = self.path
            with suppress(OSError):  # other processes may still write into it, by its name
                os.rename(path, self._old)
                path = self._old
            _take_away(path)


def _fsync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_within(target: str, inputs: tuple[str, ...]) -> None:
    """UsageError if a folder lies in an input, or an input in it."""
    here = os.path.realpath(target)
    for source in inputs:
        there = os.path.realpath(source)
        common = os.path.commonpath([here, there])
        if "://" not in source and (common == here or (common == there and os.path.isdir(there))):
            raise UsageError(
                f"{target}: lies in the input, or the input in it; it is never written over",
                hint="name another folder after -o",
            )


def refuse_folder(target: str, *, force: bool, inputs: tuple[str, ...], suffixes: tuple[str, ...]) -> None:
    """UsageError or OutputError if a folder cannot or must not be written. Before anything is read.

    With `force` a folder that is there will go away, so that it must hold nothing but tables, by their suffixes.
    """
    refuse_within(target, inputs)
    if os.path.lexists(target):
        if os.path.islink(target) or not os.path.isdir(target):
            raise UsageError(f"{target}: is no folder", hint="a dataset becomes a folder; name another one after -o")
        if not force:
            raise UsageError(f"{target}: is there already", hint="--force replaces it")
        for folder, _, files in os.walk(target):
            for name in files:
                if not name.lower().endswith(suffixes):
                    raise UsageError(
                        f"{os.path.join(folder, name)}: is no table, and would be gone with the folder",
                        hint=f"name another folder than {target}, or take that file out",
                    )
    beside = os.path.dirname(os.path.abspath(target))
    if not os.path.isdir(beside):
        raise OutputError(f"cannot write {target}: there is no folder {beside}", hint=f"mkdir -p {beside}")
    if not os.access(beside, os.W_OK):
        raise OutputError(f"cannot write {target}: the folder is not writable", hint=f"ls -ld {beside}")


def _take_away(folder: str, *, quiet: bool = True) -> None:
    """A folder, and all that is in it."""
    import shutil  # few need it

    shutil.rmtree(folder, ignore_errors=quiet)


def _packed(target: str) -> str:
    """The ending that says how a file is compressed: its draft has it, too."""
    return target[len(uncompressed(target)) :]


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

"""The archive around the arrays of an NPZ file: its directory, and each array as if it were a file of its own."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa

from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File

MOST_MEMBERS = 100_000
PIECE = 1 << 20
HEAD = 1 << 12
"""Bytes that are unpacked to see what an array is."""
DAMAGED = "the file is damaged or was cut off; make it again with numpy.savez"


class Archive:
    """The directory of an archive. Names in it are names, and never lead to a place on disk."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._lock = threading.Lock()
        if not file.size:
            raise InputError(f"{file.path}: is empty", hint="even an NPZ file without arrays has a directory")
        with self.readable("its directory"):
            self._zip = zipfile.ZipFile(_Handle(file))
            self.infos = self._zip.infolist()
        names = [info.filename for info in self.infos]
        if len(names) > MOST_MEMBERS:
            raise InputError(f"{file.path}: has {len(names):,} members; the limit is {MOST_MEMBERS:,}")
        if len(set(names)) < len(names):
            twice = next(name for name, times in Counter(names).items() if times > 1)
            raise InputError(f"{file.path}: holds {shortened(twice)} twice", hint="give each array a name of its own")
        for info in self.infos:
            if info.flag_bits & 1:
                raise InputError(f"{file.path}: {shortened(info.filename)} is encrypted", hint="decrypt it first")

    def member(self, info: zipfile.ZipInfo) -> Member:
        """A member as a file."""
        return Stored(self, info) if info.compress_type == zipfile.ZIP_STORED else Packed(self, info)

    def pieces(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """The bytes of a member, unpacked and held against its checksum."""
        done = 0
        with self.readable(shortened(info.filename)), self._zip.open(info) as handle:
            while piece := handle.read(PIECE):
                done += len(piece)
                if done > info.file_size:
                    raise zipfile.BadZipFile("it has more bytes than the directory says")
                yield piece
        if done != info.file_size:
            raise InputError(f"{self.file.path}: {shortened(info.filename)} ends too early", hint=DAMAGED)

    def close(self) -> None:
        self._zip.close()

    @contextmanager
    def readable(self, what: str) -> Iterator[None]:
        """What zipfile raises, which is of many types, as one line."""
        try:
            yield
        except InputError:
            raise
        except NotImplementedError as error:
            raise InputError(
                f"{self.file.path}: {what} cannot be unpacked: {shortened(str(error), 160)}", hint="save it with numpy"
            ) from None
        except (
            zipfile.BadZipFile, zlib.error, EOFError, ValueError, struct.error, RuntimeError, OverflowError, OSError,
            IndexError, MemoryError, UnicodeError, KeyError, TypeError,
        ) as error:  # fmt: skip
            told = shortened(str(error) or type(error).__name__, 160)
            raise InputError(f"{self.file.path}: {what} cannot be read: {told}", hint=DAMAGED) from None


class Member(File):
    """An array in an archive, as a file."""

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        self.archive, self.info = archive, info
        self.path = f"{archive.file.path}: {shortened(info.filename)}"
        self.size, self.stored = info.file_size, info.compress_size

    def check(self) -> None:
        self.archive.file.check()

    def native(self) -> pa.NativeFile:
        return pa.PythonFile(_Handle(self), mode="r")

    def close(self) -> None:
        """The archive is closed by who opened it."""

    def prove(self) -> None:
        """InputError if it is not what its checksum says. Reads all of it."""


class Stored(Member):
    """It lies in the archive as it is."""

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        super().__init__(archive, info)
        file = archive.file
        if not 0 <= info.header_offset <= file.size - 30:
            raise self._damaged()
        head = file.read(30, info.header_offset)
        name, extra = struct.unpack_from("<HH", head, 26)
        self._start = info.header_offset + 30 + name + extra
        if head[:4] != b"PK\x03\x04" or info.compress_size != info.file_size:
            raise self._damaged()
        if self._start + info.file_size > file.size:
            raise self._damaged()

    def _damaged(self) -> InputError:
        return InputError(f"{self.path}: does not lie where the directory says", hint=DAMAGED)

    def read_into(self, target: memoryview, offset: int) -> None:
        if offset + len(target) > self.size:
            raise InputError(f"{self.path}: ends at byte {self.size:,}", hint=DAMAGED)
        self.archive.file.read_into(target, self._start + offset)

    def prove(self) -> None:
        found, buffer = 0, memoryview(bytearray(min(PIECE, self.size)))
        for at in range(0, self.size, PIECE):
            piece = buffer[: min(PIECE, self.size - at)]
            self.read_into(piece, at)
            found = zlib.crc32(piece, found)
        if found != self.info.CRC:
            self.check()
            raise InputError(f"{self.path}: its bytes are not what its checksum says", hint=DAMAGED)


class Packed(Member):
    """It is unpacked once, to a private file that has no name."""

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        super().__init__(archive, info)
        self._lock = threading.Lock()
        self._spool: BinaryIO | None = None
        with archive.readable(shortened(info.filename)), archive._zip.open(info) as handle:
            self._head = handle.read(HEAD)

    def read_into(self, target: memoryview, offset: int) -> None:
        end = offset + len(target)
        if end <= len(self._head):
            target[:] = self._head[offset:end]
            return
        with self._lock:
            if self._spool is None:
                self._spool = self._unpacked()
            spool = self._spool
            if not hasattr(os, "preadv"):  # Windows
                spool.seek(offset)
                if spool.readinto(target) != len(target):  # type: ignore[attr-defined]
                    raise InputError(f"{self.path}: ends at byte {self.size:,}", hint=DAMAGED)
                return
        done = 0
        while done < len(target):
            n = os.preadv(spool.fileno(), [target[done:]], offset + done)
            if not n:
                raise InputError(f"{self.path}: ends at byte {self.size:,}", hint=DAMAGED)
            done += n

    def _unpacked(self) -> BinaryIO:
        try:
            spool: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this object
            for piece in self.archive.pieces(self.info):
                rest = memoryview(piece)
                while rest:
                    rest = rest[spool.write(rest) :]
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be unpacked to {tempfile.gettempdir()}: {error.strerror or error}",
                hint="TMPDIR names a folder with more room",
            ) from None
        weakref.finalize(self, spool.close)
        return spool


class _Handle(io.RawIOBase):
    """A file as zipfile reads it."""

    def __init__(self, file: File) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, self._file.size)[whence]
        if at < 0:
            raise OSError("negative place")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        target = target[: max(min(len(target), self._file.size - self._at), 0)]
        if len(target):
            self._file.read_into(target, self._at)
        self._at += len(target)
        return len(target)

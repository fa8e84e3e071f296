"""Compressed files: unpacked to their end before the first byte is believed, and written so that equal is equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import COMPRESSIONS, PIECE, File, Reader
from nanclean.files.spooled import ROOM, Spooled

MARKS = (
    (rb"\x1f\x8b", "gzip"),
    (rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)", "bzip2"),
    (rb"\xfd7zXZ\0", "xz"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "zstd"),
)
"""How each begins, an empty one and one that begins with a frame to be skipped as well."""
XZ_MEMORY = 512 << 20
"""For unpacking xz. Its strongest preset takes 65 MB; a file can claim 4 GB."""


def compression_of(beginning: bytes) -> str | None:
    """How a file that begins like this is compressed."""
    return next((name for mark, name in MARKS if re.match(mark, beginning)), None)


def by_name(path: str) -> str | None:
    """How a file with this name should be compressed."""
    return next((name for suffix, name in COMPRESSIONS.items() if path.lower().endswith(suffix)), None)


class Packed(Spooled):
    """The content of a compressed file."""

    def __init__(self, origin: File, compression: str, room: int = ROOM) -> None:
        """All of it is unpacked here. InputError if it is damaged, cut off, or goes on with something else."""
        self._origin = origin
        self._compression = compression
        super().__init__(origin.path, self._unpacked(), room)
        self.compression = compression
        self.stored = origin.stored

    def _unpacked(self) -> Iterator[bytes]:
        try:
            yield from (_by_arrow if self._compression in ("gzip", "zstd") else _streams)(
                self._origin, self._compression
            )
        except _Broken as error:
            self._origin.check()
            raise InputError(
                f"{self._origin.path}: cannot be unpacked ({self._compression}): {error}",
                hint="it was damaged or cut off, or something else follows; make it again",
            ) from None

    @property
    def mark(self) -> tuple[str, ...]:
        return self._origin.mark

    def copy(self, write: Callable[[bytes], object]) -> None:
        self._origin.copy(write)

    def check(self) -> None:
        self._origin.check()

    def close(self) -> None:
        super().close()
        self._origin.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Packed, (self._origin, self._compression, self._room)


class _Broken(Exception):
    """What the library said."""


def _by_arrow(file: File, compression: str) -> Iterator[bytes]:
    import pyarrow as pa

    with _readable(OSError, pa.ArrowException):
        stream = pa.CompressedInputStream(pa.PythonFile(Reader(file), mode="r"), compression)
    while True:
        with _readable(OSError, pa.ArrowException):
            piece = stream.read(PIECE)
        if not piece:
            return
        yield piece


def _streams(file: File, compression: str) -> Iterator[bytes]:
    """Stream after stream. The standard library's own readers take whatever follows the first for nothing."""
    import bz2
    import lzma

    source = Reader(file)
    data = source.read(PIECE)
    while data:
        unpacker: Any = (
            bz2.BZ2Decompressor() if compression == "bzip2" else lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY)
        )
        while not unpacker.eof:
            if unpacker.needs_input and not data:
                data = source.read(PIECE)
                if not data:
                    raise _Broken("it ends too early")
            with _readable(lzma.LZMAError, OSError, EOFError, ValueError):
                piece = unpacker.decompress(data, PIECE)
            data = b""
            if piece:
                yield piece
        data = unpacker.unused_data or source.read(PIECE)
        if compression == "xz":
            data = _without_padding(data, source)


def _without_padding(data: bytes, source: Reader) -> bytes:
    """What follows the zeros between streams of xz: the format allows them in fours."""
    zeros = 0
    while data and not (rest := data.lstrip(b"\0")):
        zeros += len(data)
        data = source.read(PIECE)
    if data:
        zeros += len(data) - len(rest)
        data = rest
    if zeros % 4:
        raise _Broken("something follows its end")
    return data


@contextmanager
def _readable(*errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise _Broken(shortened(str(error).strip().split("\n")[0], 160)) from None


def packer(compression: str, raw: Any) -> Any:
    """A stream that compresses into another one: without a time and a name, so that equal input gives equal bytes."""
    if compression == "gzip":
        import gzip

        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
    if compression == "bzip2":
        import bz2

        return bz2.BZ2File(raw, "wb")
    if compression == "xz":
        import lzma

        return lzma.LZMAFile(raw, "wb")
    import pyarrow as pa

    return pa.CompressedOutputStream(raw, "zstd")

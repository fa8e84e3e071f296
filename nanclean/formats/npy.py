"""NPY: the header is held against the size of the file before anything is believed, and values are read in blocks."""

from __future__ import annotations

import ast
import math
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.lib import format as numpy_format

from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File
from nanclean.format import ReadOptions, Source
from nanclean.formats._arrays import MOST_COLUMNS, ArraySource, Layout, layout, width
from nanclean.target import Out, Target

suffixes = (".npy",)
understands = frozenset({"axis"})

MAGIC = b"\x93NUMPY"
_PARSING = threading.Lock()
"""Python 3.11 counts the depth of all syntax trees together, whatever thread makes them."""
LONGEST_HEADER = 1 << 20
"""Bytes. NumPy itself stops at 10,000; a structured array of 10,000 fields has 300,000."""
MOST_RECORDS = 1 << 40
"""Of an array without values, whose size the file cannot vouch for."""


def recognises(beginning: bytes, ending: bytes) -> bool:
    """Whether a file looks like this format."""
    return beginning.startswith(MAGIC)


def opened(file: File, options: ReadOptions) -> NpySource:
    """An NPY file; its header has been read."""
    header = _header(file)
    found = layout(header.dtype, header.shape, header.fortran, options.axis, file.path)
    return NpySource(file, header, found, options)


def target(source: Source, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """An NPY file on its way. UsageError where an array cannot hold the columns."""
    from nanclean.formats._npytarget import made  # only those who write need it

    return made(source, outs, path)


class NpySource(ArraySource):
    """An NPY file."""

    format: ClassVar[str] = "npy"
    file: File

    def __init__(self, file: File, header: Header, layout: Layout, options: ReadOptions) -> None:
        stem = PurePath(file.name).stem
        super().__init__(file.path, file.size, stem if stem.isidentifier() else "x", header.dtype, layout)
        self.file, self._offset, self._options = file, header.offset, options

    def items(self, start: int, count: int, scratch: np.ndarray | None = None) -> np.ndarray:
        values = np.empty(count, self.dtype) if scratch is None else scratch[:count]
        if values.nbytes:
            self.file.read_into(values.view(np.uint8).data, self._offset + start * self.dtype.itemsize)
        return values

    def head(self) -> bytes:
        """What stands before the values."""
        return self.file.read(self._offset, 0)

    def check(self) -> None:
        self.file.check()

    def details(self) -> dict[str, Any]:
        return self.file.details()

    def close(self) -> None:
        self.file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (self.file, self._options)


@dataclass(frozen=True)
class Header:
    """What stands before the values."""

    dtype: np.dtype
    fortran: bool
    shape: tuple[int, ...]
    offset: int


def _header(file: File) -> Header:
    """The header, if the file is as long as it says."""
    version = _version(file)
    place, length = (8, 2) if version == (1, 0) else (8, 4)
    if file.size < place + length:
        raise _cut_off(file)
    size = int.from_bytes(file.read(length, place), "little")
    offset = place + length + size
    if size > LONGEST_HEADER:
        raise _wrong(file, f"the header claims {size:,} bytes; the limit is {LONGEST_HEADER:,}")
    if offset > file.size:
        raise _cut_off(file)
    raw = file.read(size, place + length)
    dtype, fortran, shape = _values(file, _literal(file, raw, version))
    header = Header(dtype, fortran, shape, offset)
    _held_against_size(file, header)
    return header


def _version(file: File) -> tuple[int, int]:
    if not file.size:
        raise InputError(f"{file.path}: is empty", hint="even an NPY file without values has a header")
    beginning = file.read(min(8, file.size), 0)
    if not beginning.startswith(MAGIC):
        if beginning[:1] == b"\x80":
            raise _pickle(file)
        raise InputError(f"{file.path}: is not an NPY file", hint="give it the ending of what it is: .csv or .parquet")
    version = tuple(beginning[6:8])
    if version not in ((1, 0), (2, 0), (3, 0)):
        shown = ".".join(map(str, version)) or "missing"
        raise _wrong(file, f"the version is {shown}; known are 1.0, 2.0 and 3.0")
    return version[0], version[1]


def _literal(file: File, raw: bytes, version: tuple[int, int]) -> dict[str, Any]:
    """The header as a value. Literals only: nothing in it is ever evaluated."""
    try:
        text = raw.decode("utf-8" if version == (3, 0) else "latin-1")
        with _PARSING:
            try:
                found = ast.literal_eval(text.strip())
            except SyntaxError:  # Python 2 wrote 10L
                found = ast.literal_eval(re.sub(r"(?<=[0-9])L(?=[,)])", "", text.strip()))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise _wrong(file, f"the header cannot be read: {shortened(repr(raw[:200])[2:-1])}") from None
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise _wrong(file, "the header does not hold descr, fortran_order and shape")
    return found


def _values(file: File, header: dict[str, Any]) -> tuple[np.dtype, bool, tuple[int, ...]]:
    shape, fortran, descr = header["shape"], header["fortran_order"], header["descr"]
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise _wrong(file, f"the shape is {shortened(repr(shape))}")
    if type(fortran) is not bool:
        raise _wrong(file, f"fortran_order is {shortened(repr(fortran))}")
    try:
        dtype = numpy_format.descr_to_dtype(descr)
    except (TypeError, ValueError, KeyError, IndexError, SyntaxError, OverflowError, MemoryError, RecursionError):
        raise _wrong(file, f"the type of the values is {shortened(repr(descr))}, which NumPy does not have") from None
    if dtype.hasobject:
        raise _pickle(file)
    return dtype.base, fortran, shape + dtype.shape


def _held_against_size(file: File, header: Header) -> None:
    """InputError unless the values are exactly as many bytes as there are. Nothing has been allocated yet."""
    count, there = math.prod(header.shape), file.size - header.offset
    needed = count * header.dtype.itemsize
    told = f"{header.dtype} of shape {_shape_text(header.shape)}"
    if needed > there:
        raise InputError(
            f"{file.path}: {told} needs {shortened(f'{needed:,}')} bytes, the file has {there:,}",
            hint="the file was cut off, or its header is wrong; make it again",
        )
    if needed < there:
        raise InputError(
            f"{file.path}: {told} needs {needed:,} bytes, the file has {there - needed:,} more",
            hint="several arrays in one file? np.save each to a file of its own",
        )
    records = math.prod(n for n in header.shape if n)
    if not needed and (count or records > MOST_RECORDS):
        raise _wrong(file, f"{told} has no bytes to show for it")
    if width(header.dtype) > MOST_COLUMNS:
        raise _wrong(file, f"the type has {width(header.dtype):,} fields; the limit is {MOST_COLUMNS:,}")


def _shape_text(shape: tuple[int, ...]) -> str:
    return shortened("(" + ", ".join(f"{n:,}" if n < 10**18 else f"{n:.3e}" for n in _first(shape)) + ")")


def _first(shape: tuple[int, ...]) -> Iterator[int]:
    yield from (min(n, 10**300) for n in shape[:20])


def _wrong(file: File, what: str) -> InputError:
    return InputError(f"{file.path}: {what}", hint="the file is damaged, or not made by np.save; make it again")


def _cut_off(file: File) -> InputError:
    return InputError(f"{file.path}: ends within its header", hint="the file was cut off; make it again")


def _pickle(file: File) -> InputError:
    return InputError(
        f"{file.path}: holds Python objects as a pickle, which can run any code, and is never opened",
        hint="save numbers: np.save(path, array.astype(float))",
    )

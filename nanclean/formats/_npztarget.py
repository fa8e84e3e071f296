"""NPZ files made from blocks: each array as a file of its own would be, and then one archive of all of them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.errors import OutputError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, Source
from nanclean.formats._arrays import ArraySource
from nanclean.formats._dialect import unique_names
from nanclean.formats._maker import Maker
from nanclean.formats._npycells import of_view
from nanclean.formats._npyfile import NpyTarget, as_bytes
from nanclean.formats._npytable import _as_numbers, _number_type
from nanclean.formats._npytarget import _dtypeof_view, made
from nanclean.formats.npz import ENDING, ArrayInArchive, Chosen, NpzSource
from nanclean.target import Out, Target
from nanclean.typed import type_of

DATE = (1980, 1, 1, 0, 0, 0)
"""Of each member: the same arrays are the same bytes, whenever they are written."""
PIECE = 1 << 20


@dataclass(frozen=True)
class Part:
    """An array on its way, and the draft that it is written to."""

    name: str
    path: str
    target: Any
    packing: int
    one: bool
    """It is one column, and has its name."""


class Column(NpyTarget):
    """An array of one dimension."""

    def __init__(self, path: str, name: str, dtype: np.dtype, cells: Callable[[Block], np.ndarray]) -> None:
        super().__init__(path)
        self.dtype, self._cells = dtype, cells
        self.fields = (Field(name, *type_of(dtype)),)
        self._open(10**18, same=False)

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows,)

    def columns(self, block: Block) -> list[Raw]:
        return [self._cells(block)]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        return np.ascontiguousarray(columns[0], self.dtype)

    def write(self, piece: np.ndarray) -> None:
        self.file.write_at(as_bytes(piece), self.offset + self.rows * self.dtype.itemsize)
        self.rows += len(piece)


class NpzTarget(Target):
    """An NPZ file on its way."""

    format: ClassVar[str] = "npz"

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        self._path = path
        self._source = source if isinstance(source, NpzSource) else None
        self._parts: list[Part] = []
        self._drafts: list[str] = []
        if not outs:
            raise UsageError(f"{path}: no column is left to be written", hint="take a rule with drop_column away")
        try:
            if isinstance(source, NpzSource):
                self._of_arrays(source, outs)
            elif isinstance(source, ArraySource):
                draft = self._draft()
                target = made(source, outs, draft)
                one = source.dtype.names is None and source.layout.axis is None
                self._parts.append(Part("arr_0", draft, target, zipfile.ZIP_STORED, one))
            else:
                self._of_columns(source, outs)
        except BaseException:
            self.close()
            raise
        fields = [field for part in self._parts for field in _named(part)]
        names = unique_names([field.name for field in fields])
        self.fields = tuple(replace(field, name=name) for field, name in zip(fields, names, strict=True))
        self.reading = Chosen(members=tuple(part.name for part in self._parts))

    def _of_arrays(self, source: NpzSource, outs: Sequence[Out]) -> None:
        first = 0
        for array in source.arrays:
            mine = [
                replace(out, origin=out.origin - first)
                for out in outs
                if out.origin is not None and first <= out.origin < first + len(array.fields)
            ]
            first += len(array.fields)
            if mine:
                draft = self._draft()
                one = array.column_names == [array.name]
                self._parts.append(Part(array.name, draft, made(array, mine, draft), _packing(array), one))
        taken = {array.name for array in (*source.arrays, *source.others)}
        for out in outs:
            if out.origin is None:
                if out.name in taken:
                    raise UsageError(f"{shortened(out.name)}: there is an array of that name", hint="write .parquet")
                self._add(out.name, _dtypeof_view(out), _added(out), _packing(source.arrays[0]))

    def _of_columns(self, source: Source, outs: Sequence[Out]) -> None:
        nothing = source.nothing().columns
        for out in outs:
            maker = Maker(source, None if out.origin is None else nothing[out.origin], out)
            dtype = _number_type(maker)
            self._add(out.name, dtype, _made(maker, dtype), zipfile.ZIP_STORED)

    def _add(self, name: str, dtype: np.dtype, cells: Callable[[Block], np.ndarray], packing: int) -> None:
        if "\0" in name:
            raise UsageError(f"{shortened(name)}: no array can have this name", hint="write .parquet")
        draft = self._draft()
        self._parts.append(Part(name, draft, Column(draft, name, dtype, cells), packing, True))

    def _draft(self) -> str:
        """A private file beside that of the archive."""
        path = f"{self._path}.{len(self._drafts)}"
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)  # of a process that was killed, and had our number
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {(error.strerror or str(error)).lower()}") from error
        self._drafts.append(path)
        return path

    def columns(self, block: Block) -> list[Raw]:
        return [raw for part in self._parts for raw in part.target.columns(block)]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        found, at = [], 0
        for part in self._parts:
            n = len(part.target.fields)
            found.append(part.target.encoded(block, columns[at : at + n]))
            at += n
        return found

    def write(self, piece: Any) -> None:
        for part, each in zip(self._parts, piece, strict=True):
            part.target.write(each)

    def finish(self) -> None:
        for part in self._parts:
            part.target.finish()
        try:
            with open(self._path, "r+b") as file, zipfile.ZipFile(file, "w") as archive:
                file.truncate()
                for name, packing, pieces in self._members():
                    info = zipfile.ZipInfo(name, DATE)
                    info.compress_type, info.external_attr = packing, 0o600 << 16
                    with archive.open(info, "w", force_zip64=True) as member:
                        for data in pieces:
                            member.write(data)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write {self._path}: {str(error).lower()}") from error
        self.close()

    def _members(self) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        """In the order of the source; what came by a rule is the last."""
        left = {part.name: part for part in self._parts}
        if self._source is not None:
            gone = {array.name for array in self._source.arrays} - set(left)
            for info in self._source.archive.infos:
                name = info.filename.removesuffix(ENDING)
                if info.filename.endswith(ENDING) and name in left:
                    part = left.pop(name)
                    yield info.filename, part.packing, _content(part.path)
                elif not (info.filename.endswith(ENDING) and name in gone):
                    yield info.filename, info.compress_type, self._source.archive.pieces(info)
        for part in left.values():
            yield part.name + ENDING, part.packing, _content(part.path)

    def close(self) -> None:
        for part in self._parts:
            part.target.close()
        for path in self._drafts:
            with suppress(OSError):
                os.unlink(path)
        self._drafts = []


def _named(part: Part) -> list[Field]:
    """As a reader will name them."""
    if part.one:
        return [replace(part.target.fields[0], name=part.name)]
    return [replace(field, name=f"{part.name}.{field.name}") for field in part.target.fields]


def _packing(array: ArrayInArchive) -> int:
    return int(array.file.info.compress_type)  # type: ignore[attr-defined]


def _added(out: Out) -> Callable[[Block], np.ndarray]:
    dtype = _dtypeof_view(out)
    return lambda block: of_view(block.columns[out.name].view, dtype, None, out.name)


def _made(maker: Maker, dtype: np.dtype) -> Callable[[Block], np.ndarray]:
    return lambda block: _as_numbers(maker, block, dtype)


def _content(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece

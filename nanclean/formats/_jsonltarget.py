"""Writing JSON Lines: the lines of the source with some values replaced, or, from other formats, every line anew."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.cells import packed
from nanclean.errors import UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, Source
from nanclean.formats._dialect import unique_names
from nanclean.formats._jsonkinds import JsonColumn, Path
from nanclean.formats._jsonlines import MARK, Lines
from nanclean.formats._jsontext import GONE, edited, objects, texts
from nanclean.formats._maker import Maker
from nanclean.formats._outputfile import output_file
from nanclean.formats._rebuild import relisted
from nanclean.formats.jsonl import JsonlSource, Known, Origin
from nanclean.target import Out, Target
from nanclean.typed import is_list, plain, stored, type_of, view
from nanclean.wording import quoted

SURE_DIGITS = 15
"""Decimals of so many digits come back the same from float64."""


def made(source: Source, outs: Sequence[Out], path: str) -> Target:
    """One that copies what it can, if the source is of the same kind and its columns stay before all others."""
    origins = [out.origin for out in outs]
    kept = [origin for origin in origins if origin is not None]
    if isinstance(source, JsonlSource) and origins[: len(kept)] == sorted(set(kept)):
        return Copied(source, outs, path)
    return Rendered(source, outs, path)


class LinesTarget(Target):
    """JSON Lines on their way."""

    format: ClassVar[str] = "jsonl"

    def __init__(self, source: Source, outs: Sequence[Out], path: str, paths: Sequence[Path]) -> None:
        if not outs:
            raise UsageError(f"{path}: no column is left to write", hint="keep at least one")
        nothing = source.nothing().columns
        self.outs, self.paths = tuple(outs), list(paths)
        self._makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        self._types = [_type_in_json(maker, source) for maker in self._makers]
        known = [
            JsonColumn(path, type_, _written(source, out) if maker.keeps else "")
            for path, type_, maker, out in zip(self.paths, self._types, self._makers, outs, strict=True)
        ]
        names = unique_names([column.name for column in known])
        self.fields = tuple(Field(name, *type_of(type_)) for name, type_ in zip(names, self._types, strict=True))
        self.reading = Known(known=tuple(known))
        self._file = output_file(path)
        self._size = 0

    def columns(self, block: Block) -> list[Raw]:
        return [_in_json(maker.array(block), t) for maker, t in zip(self._makers, self._types, strict=True)]

    @abstractmethod
    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any: ...

    def write(self, piece: Any) -> None:
        data = memoryview(piece).cast("B")
        self._file.write_at(data, self._size)
        self._size += len(data)

    def finish(self) -> None:
        self._file.finish()

    def close(self) -> None:
        self._file.close()


class Rendered(LinesTarget):
    """Every line is written from its values, with all keys in it."""

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        super().__init__(source, outs, path, [(out.name,) for out in outs])

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        if not block.rows:
            return b""
        cells = [texts(column) for column in columns if isinstance(column, pa.Array)]
        return _bytes_of(objects([out.name for out in self.outs], cells, block.rows))


class Copied(LinesTarget):
    """The lines of the source. One in which nothing has changed is copied byte for byte."""

    def __init__(self, source: JsonlSource, outs: Sequence[Out], path: str) -> None:
        paths = [(out.name,) if out.origin is None else source.columns[out.origin].path for out in outs]
        super().__init__(source, outs, path, paths)
        self._source = source
        kept = {out.origin for out in outs}
        self._gone = dict.fromkeys(_covered([c.path for c in source.columns], kept), GONE)
        taken = {column.path[0] for column in source.columns}
        for out in outs:
            if out.origin is None and out.name in taken:
                raise UsageError(f"{shortened(out.name)}: there is a key of that name", hint="write .parquet")
        self._marked = source.file.read(min(3, source.file.size), 0) == MARK

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Any:
        origin = block.batch.origin
        assert isinstance(origin, Origin)
        kept = np.arange(block.batch.rows) if block.kept is None else block.kept
        changes = self._changes(block, columns)
        if not changes and block.kept is None:
            return origin.raw
        raw, lines = origin.raw, origin.lines
        edges = _ends_of_lines(raw, lines)
        begins = np.concatenate((np.zeros(1, np.int64), edges[:-1]))[kept].tolist()  # blank lines go with what follows
        places = zip(begins, lines.starts[kept].tolist(), lines.stops[kept].tolist(), edges[kept].tolist(), strict=True)
        found: list[bytes] = []
        for row, (begin, start, stop, end) in enumerate(places):
            if row in changes:
                text = edited(raw[start:stop].decode(), changes[row]).encode()
                found.append(raw[begin:start] + text + raw[stop:end])
            else:
                found.append(raw[begin:end])
        found.append(raw[int(edges[-1]) :])
        return b"".join(found)

    def _changes(self, block: Block, columns: Sequence[Raw]) -> dict[int, dict[Path, str]]:
        """By row of the block what is to be put where."""
        found: dict[int, dict[Path, str]] = {}
        if self._gone:
            found = {row: dict(self._gone) for row in range(block.rows)}
        for maker, out, path, column in zip(self._makers, self.outs, self.paths, columns, strict=True):
            held = block.columns[out.name]
            assert isinstance(column, pa.Array)
            if held.origin is None or not maker.keeps:
                rows = np.arange(block.rows)
            elif held.changed is None:
                continue
            else:
                owner = held.view.owner
                rows = np.flatnonzero(held.changed) if owner is None else np.unique(owner[held.changed])
            for row, text in zip(rows.tolist(), texts(column.take(packed(rows))).to_pylist(), strict=True):
                found.setdefault(row, {})[path] = text
        return found

    def write(self, piece: Any) -> None:
        if self._marked and not self._size:
            super().write(MARK)
        super().write(piece)


def _covered(paths: Sequence[Path], kept: set[int | None]) -> list[Path]:
    """What goes: of an object all of whose columns go, the object."""
    gone = [path for i, path in enumerate(paths) if i not in kept]
    left = {path[:n] for i, path in enumerate(paths) if i in kept for n in range(1, len(path) + 1)}
    return list(dict.fromkeys(next(path[:n] for n in range(1, len(path) + 1) if path[:n] not in left) for path in gone))


def _ends_of_lines(raw: bytes, lines: Lines) -> np.ndarray:
    """Where the line of each record ends, its line feed included."""
    feeds = np.append(np.flatnonzero(np.frombuffer(raw, np.uint8) == 10) + 1, len(raw))
    return feeds[lines.numbers]


def _written(source: Source, out: Out) -> str:
    return source.columns[out.origin].written if isinstance(source, JsonlSource) and out.origin is not None else ""


def _bytes_of(array: pa.Array) -> pa.Buffer:
    """The characters of all cells, one after the other."""
    _, offsets, data = array.buffers()
    found = np.frombuffer(offsets, np.int64, count=len(array) + 1, offset=array.offset * 8)
    return data.slice(int(found[0]), int(found[-1] - found[0]))


# --- types


def _type_in_json(maker: Maker, source: Source) -> pa.DataType:
    """What a reader finds. UsageError for what JSON cannot hold."""
    type_ = maker.type
    if isinstance(source, JsonlSource) and maker.keeps:
        return type_
    found = _found(type_)
    if found is None:
        raise UsageError(
            f"{shortened(maker.name)}: {shortened(str(type_))} cannot be written as JSON",
            hint=f'take the column out: --rule "{quoted(maker.name)} -> drop_column", or write .parquet',
        )
    return found


def _found(type_: pa.DataType) -> pa.DataType | None:
    kind, _ = type_of(type_)
    type_ = stored(type_)
    if pa.types.is_null(type_):
        return type_
    if is_list(type_):
        inner = _found(type_.value_type)
        return pa.list_(inner) if kind.startswith("list<") and inner is not None else None
    if pa.types.is_decimal(type_):
        return pa.float64() if type_.precision <= SURE_DIGITS else None
    if kind == "integer":
        return pa.uint64() if pa.types.is_uint64(type_) else pa.int64()
    if kind == "float":
        return pa.float64() if pa.types.is_float64(type_) else pa.float32()
    return {"boolean": pa.bool_(), "text": pa.string(), "time": pa.string()}.get(kind)


def _in_json(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """The cells of a type that JSON has."""
    if array.type == type_:
        return array
    array = plain(array)
    if is_list(type_) and is_list(array.type):
        found = relisted(array, lambda cells: _in_json(plain(cells), _innermost(type_)))
        return found if found.type == type_ else found.cast(type_)
    if pa.types.is_string(type_) and type_of(array.type)[0] == "time":
        from nanclean.formats._celltext import texts_of

        return texts_of(view(array)).cast(type_)
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string())
    return array if array.type == type_ else array.cast(type_)


def _innermost(type_: pa.DataType) -> pa.DataType:
    while is_list(type_):
        type_ = type_.value_type
    return type_

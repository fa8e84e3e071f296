"""JSON Lines: one object in each line, its keys are columns. Every line is looked at before the first figure is made.

How types are settled stands in `_jsonkinds`. A key that a record does not have is null, as `null` is. NaN, Infinity and
-Infinity, which are no JSON but are what Python writes, are what they say. A line that is no object, and one with a key
twice, is an error that names the line: a record that is wrong cannot be told from one that was cut off.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import msgspec
import pyarrow as pa
import pyarrow.json as pj

from nanclean.batch import Batch
from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._dialect import unique_names
from nanclean.formats._jsonkinds import ITEM, JsonColumn, Kinds, Unclear, schema_of
from nanclean.formats._jsonlines import Lines, Piece, blocks, demand_utf8, plain
from nanclean.formats._jsonvalues import array, as_json, inside, objects
from nanclean.target import Out, Target
from nanclean.typed import strings, type_of

suffixes = (".jsonl", ".ndjson")
compressible = True
understands: frozenset[str] = frozenset()

SPLIT = 32 << 20
"""Bytes of one split."""
SAMPLED = 128 << 10
"""Bytes from each of 16 places."""
PLACES = 16
FALLBACK = (pa.ArrowException, ValueError, OSError)


@dataclass(frozen=True)
class Known(ReadOptions):
    """Options that also say which columns there are: of a file that was written here that is known."""

    known: tuple[JsonColumn, ...] = ()


def opened(file: File, options: ReadOptions) -> JsonlSource:
    """A file of JSON Lines. Reads all of it: only the last line settles what the columns are."""
    return JsonlSource(file, options)


def target(source: Source, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """JSON Lines on their way. UsageError where JSON cannot hold a column."""
    from nanclean.formats._jsonltarget import made  # only those who write need it

    return made(source, outs, path)


@dataclass(frozen=True)
class Origin:
    """The bytes that a batch was read from, for those who write them again."""

    raw: bytes
    lines: Lines


class JsonlSource(Source):
    """JSON Lines."""

    format: ClassVar[str] = "jsonl"
    file: File

    def __init__(self, file: File, options: ReadOptions, found: tuple[Any, ...] | None = None) -> None:
        self.file, self._options = file, options
        self.path, self.size = file.path, file.size
        self._lock = threading.Lock()
        if not file.size:
            raise InputError(f"{file.path}: is empty", hint="even a table without values has a line: {}")
        self.columns, self.pieces, self._notes = found or self._looked_at()
        names = unique_names([column.name for column in self.columns])
        self.fields = tuple(Field(n, *type_of(c.type)) for n, c in zip(names, self.columns, strict=True))
        self._names = names

    def __reduce__(self) -> tuple[Any, ...]:
        return JsonlSource, (self.file, self._options, (self.columns, self.pieces, self._notes))

    # --- before anything is measured

    def _looked_at(self) -> tuple[tuple[JsonColumn, ...], tuple[Piece, ...], tuple[str, ...]]:
        """The columns, and the pieces."""
        kinds, pieces, line, record = Kinds(), [], 1, 0
        known = self._options.known if isinstance(self._options, Known) else None
        for start, raw in blocks(self.file):
            lines = Lines.of(raw)
            demand_utf8(self.file, raw, line)
            if len(lines) and known is None:
                self._learn(kinds, raw, lines, line, record)
            pieces.append(Piece(start, start + len(raw), line, record, len(lines)))
            line += raw.count(b"\n")
            record += len(lines)
        if not record:
            raise InputError(f"{self.path}: has no record", hint="even a table without values has a line: {}")
        self.file.check()
        columns = kinds.columns() if known is None else known
        return tuple(columns), tuple(pieces), tuple(self._told(kinds, columns))

    def _learn(self, kinds: Kinds, raw: bytes, lines: Lines, line: int, record: int) -> None:
        if plain(raw, lines):
            for schema in (kinds.guess(), None):  # a search for the types costs as much again
                try:
                    table = _parsed(raw, schema, "infer")
                    if table.num_rows == len(lines):
                        kinds.add_table(table)
                        return
                except Unclear:
                    break
                except FALLBACK:
                    continue
        for number, each in enumerate(objects(self.path, raw, lines, line)):
            kinds.add_object(each, record + number)

    def _told(self, kinds: Kinds, columns: Sequence[JsonColumn]) -> Iterator[str]:
        for column in columns:
            if column.written == "text":
                yield f"{shortened(column.name)}: numbers and text side by side; all of it was read as text."
        for path, (count, _) in kinds.overflow.items():
            name = shortened(".".join(key for key in path if key != ITEM))
            yield f"{name}: numbers beyond float64 were read as infinite: {count:,}."

    # --- reading

    @property
    def facts(self) -> Facts:
        last = self.pieces[-1]
        notes = list(self._notes)
        renamed = [n for n, column in zip(self._names, self.columns, strict=True) if n != column.name]
        if renamed:
            notes.append(f"Columns without a name, or with a repeated one, are now: {', '.join(renamed[:5])}.")
        return Facts(rows=last.record + last.records, notes=notes)

    def details(self) -> dict[str, Any]:
        return self.file.details()

    def nothing(self) -> Batch:
        return Batch(0, 0, [pa.nulls(0, column.type) for column in self.columns])

    def check(self) -> None:
        self.file.check()

    def close(self) -> None:
        self.file.close()

    def splits(self) -> Iterator[Split]:
        first = number = 0
        for i, piece in enumerate(self.pieces):
            if piece.stop - self.pieces[first].start >= SPLIT or i == len(self.pieces) - 1:
                yield JsonlSplit(self, number, first, i + 1)
                first, number = i + 1, number + 1

    def lines(self, rows: Sequence[int]) -> list[int]:
        firsts = [piece.record for piece in self.pieces]
        found: dict[int, int] = {}
        for number, some in groupby(sorted(set(rows)), key=lambda row: bisect_right(firsts, row) - 1):
            piece = self.pieces[number]
            numbers = Lines.of(self._raw(piece)).numbers
            found |= {row: piece.line + int(numbers[row - piece.record]) for row in some}
        return [found[row] for row in rows]

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return [f"line {line}" for line in self.lines(rows)]

    def sample(self) -> Batch | None:
        if not self.columns:
            return None
        n = min(len(self.pieces), PLACES)
        parts = []
        for piece in (self.pieces[i * len(self.pieces) // n] for i in range(n)):
            size = SAMPLED * PLACES // n
            raw = self.file.read(min(size, piece.stop - piece.start), piece.start)
            end = raw.rfind(b"\n") + 1 if len(raw) < piece.stop - piece.start else len(raw)
            raw = raw[:end] if end else self._raw(piece)
            lines = Lines.of(raw)
            if len(lines):
                parts.append(self._cells(raw, lines, piece.line, range(len(self.columns))))
        columns = [pa.concat_arrays(each) for each in zip(*parts, strict=True)]
        return Batch(0, len(columns[0]), columns)

    def batches(self, split: JsonlSplit, columns: Sequence[int] | None) -> Iterator[Batch]:
        """The records of a split, some at a time."""
        wanted = range(len(self.columns)) if columns is None else list(columns)
        for piece in self.pieces[split.first : split.last]:
            if not piece.records:
                continue
            if not len(wanted):
                yield Batch(piece.record, piece.records, [])
                continue
            raw = self._raw(piece)
            lines = Lines.of(raw)
            if len(lines) != piece.records:
                self.file.check()
                raise InputError(f"{self.path}: changed while it was read", hint="run again when nothing writes to it")
            yield Batch(
                piece.record, piece.records, self._cells(raw, lines, piece.line, wanted), None, Origin(raw, lines)
            )
        self.file.check()

    def _raw(self, piece: Piece) -> bytes:
        return self.file.read(piece.stop - piece.start, piece.start)

    def _cells(self, raw: bytes, lines: Lines, line: int, wanted: Sequence[int]) -> list[pa.Array]:
        """Some columns of some lines."""
        columns = [self.columns[i] for i in wanted]
        if plain(raw, lines):
            try:
                return _fast(raw, lines, columns, whole=len(wanted) == len(self.columns))
            except FALLBACK:
                pass  # the slow way tells what is wrong, if anything is
        records = list(objects(self.path, raw, lines, line))
        return [self._slow(records, column, lines, line) for column in columns]

    def _slow(self, records: list[dict[str, Any]], column: JsonColumn, lines: Lines, line: int) -> pa.Array:
        values = [inside(record, column.path) for record in records]
        other = column.written == "other"
        try:
            return array(values, column.type, other)
        except (ValueError, OverflowError, TypeError):
            for value, number in zip(values, lines.numbers.tolist(), strict=True):
                try:
                    array([value], column.type, other)
                except (ValueError, OverflowError, TypeError):
                    raise InputError(
                        f"{self.path}: line {line + number:,}: {shortened(column.name)} is no {column.type}",
                        hint="it was, when the file was opened: did somebody write to it?",
                    ) from None
            raise


@dataclass(frozen=True)
class JsonlSplit(Split):
    """Some neighbouring pieces of a file."""

    source: JsonlSource
    index: int
    first: int
    last: int
    """The one after the last."""

    @property
    def share(self) -> float:
        return self.source.pieces[self.last - 1].stop / max(self.source.file.size, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        return self.source.batches(self, columns)


def _parsed(raw: bytes, schema: pa.Schema | None, unexpected: str) -> pa.Table:
    """All in one chunk, in this thread."""
    return pj.read_json(
        pa.BufferReader(raw),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(raw) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected),
    )


def _fast(raw: bytes, lines: Lines, columns: Sequence[JsonColumn], whole: bool) -> list[pa.Array]:
    """ValueError or one of Arrow's errors where it cannot be done."""
    plain_ones = [column for column in columns if not column.written]
    found: dict[tuple[str, ...], pa.Array] = {}
    if plain_ones:
        table = _parsed(raw, schema_of(plain_ones), "ignore")
        if table.num_rows != len(lines):
            raise ValueError
        for name, chunked in zip(table.column_names, table.columns, strict=True):
            chunk = chunked.chunk(0) if chunked.num_chunks == 1 else pa.concat_arrays(chunked.chunks)
            _flat((name,), chunk, {column.path for column in plain_ones}, found)
    written = [column for column in columns if column.written]
    if written:
        found |= _as_written(raw, lines, written)
    return [found[column.path] for column in columns]


def _flat(path: tuple[str, ...], array: pa.Array, wanted: set[tuple[str, ...]], found: dict[Any, pa.Array]) -> None:
    if path in wanted:
        found[path] = array
        return
    for i, child in enumerate(array.flatten()):
        _flat((*path, array.type.field(i).name), child, wanted, found)


def _as_written(raw: bytes, lines: Lines, columns: Sequence[JsonColumn]) -> dict[tuple[str, ...], pa.Array]:
    """Values as they stand in the file."""
    keys = list(dict.fromkeys(column.path[0] for column in columns))
    record = msgspec.defstruct(
        "Record",
        [(f"f{i}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for i in range(len(keys))],
        rename={f"f{i}": key for i, key in enumerate(keys)},
    )
    records = msgspec.json.Decoder(record).decode_lines(raw)
    if len(records) != len(lines):
        raise ValueError
    found = {}
    for column in columns:
        name = f"f{keys.index(column.path[0])}"
        texts = [_below(getattr(each, name), column.path[1:]) for each in records]
        if column.written == "other":
            found[column.path] = as_json([None if text is None or text == b"null" else text.decode() for text in texts])
        else:
            found[column.path] = strings([_text(text) for text in texts]).cast(pa.string())
    return found


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _below(value: Any, path: Sequence[str]) -> bytes | None:
    for key in path:
        if value is None or value is msgspec.UNSET or bytes(value).lstrip()[:1] != b"{":
            return None
        value = _OBJECT.decode(value).get(key)
    return None if value is None or value is msgspec.UNSET else bytes(value).strip()


def _text(value: bytes | None) -> str | None:
    if value is None or value == b"null":
        return None
    return msgspec.json.decode(value, type=str) if value[:1] == b'"' else value.decode()

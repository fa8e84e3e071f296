"""CSV and its kin: text tables with any of the usual delimiters, encodings and line ends."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from nanclean.batch import Batch
from nanclean.cells import strings
from nanclean.errors import InputError, NancleanError
from nanclean.file import File
from nanclean.format import RAGGED, Choice, Facts, Field, Learned, ReadOptions, Source, Split
from nanclean.formats._encoding import Raw
from nanclean.formats._layout import Layout, layout
from nanclean.formats._origin import Origin, TextTable
from nanclean.formats._parse import Parsed, TextParser
from nanclean.formats._pieces import PIECE, Piece, parts, pieces
from nanclean.formats._records import Positions, Style
from nanclean.formats._sample import sample
from nanclean.formats._textfile import TextFile
from nanclean.target import Out, Target

suffixes = (".csv", ".tsv", ".txt", ".tab")
compressible = True

SPLIT = 32 << 20
"""Bytes of one split."""
EXPANDED = 16
"""Bytes that a byte of text takes while it is read: as it was, as cells, and as numbers (measured)."""
EXPANDED_TEXT = 6
"""The same of a long cell."""
LEAST = 1 << 18
"""Bytes that are parsed at once, however little memory there is."""


def opened(file: File, options: ReadOptions) -> CsvSource:
    """A text table. Reads its beginning only, or where that is not ASCII all of it, to find the encoding."""
    text = TextFile(file, options.encoding)
    return CsvSource(text, layout(text, options), options)


def _again(file: File, options: ReadOptions, cuts: dict[str, Any] | None) -> CsvSource:
    source = opened(file, options)
    if cuts is not None:
        source.adopt(0, cuts)
    return source


def target(source: Source | None, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """A text table as text: the bytes of the source where it is one, with what has changed in the place of what was.

    Of another source, of None, and where columns have changed places, every cell is written from its value, in UTF-8
    and with line feeds, with the delimiter of `options`, otherwise with that of the source, a tab for .tsv and .tab, a
    semicolon where the decimal mark is a comma, or a comma. UsageError if text cannot hold a column.
    """
    from nanclean.formats._csvtarget import text_target  # only who writes needs it

    table = source.table if isinstance(source, CsvSource) else None
    return text_target(source, table, outs, path, options)


class CsvSource(Source):
    """A text table. One sequential look finds the records; the splits then read and parse on their own."""

    format: ClassVar[str] = "csv"
    lexical: ClassVar[bool] = True
    file: File

    def __init__(self, file: TextFile, layout: Layout, options: ReadOptions) -> None:
        self.path, self.size, self.file = file.path, file.size, file.file
        self._options = options
        self.fields = tuple(Field(name) for name in layout.names)
        self._file = file
        self._layout = layout
        self._ragged = RaggedRecords()
        self._known: list[CsvSplit] = []
        self._whole = False
        """Every split is known."""
        self._cuts: dict[str, Any] | None = None
        """As they were told."""
        self._scan = self._cut(pieces(file, layout.style, layout.start, layout.line))
        self._failure: BaseException | None = None
        self._lock = threading.Lock()

    @property
    def room(self) -> int:
        return self._file.room

    @room.setter
    def room(self, room: int) -> None:
        self._file.room = room

    @property
    def largest(self) -> int:
        return self._file.largest

    @largest.setter
    def largest(self, largest: int) -> None:
        self._file.largest = largest

    @property
    def facts(self) -> Facts:
        last = self._known[-1].pieces[-1] if self._known else None
        return Facts(
            rows=last.record + last.records if last else 0,
            ragged=self._ragged.count,
            ragged_rows=list(self._ragged.first),
            encoding=self._file.encoding.name,
            encoding_guessed=self._file.guessed,
            delimiter=self._layout.delimiter,
            header=self._layout.header,
            first=self._layout.first,
            notes=list(self._layout.notes),
        )

    def details(self) -> dict[str, Any]:
        return {"encoding": self._file.encoding.name, "delimiter": self._layout.delimiter, **self.file.details()}

    def sample(self) -> Batch | None:
        return sample(self._file, self._layout)

    def nothing(self) -> Batch:
        return Batch(0, 0, [strings([])] * len(self.fields))

    def check(self) -> None:
        self.file.check()

    def close(self) -> None:
        self.file.close()

    def learn(self, learned: Learned) -> None:
        self._ragged.take({piece: n for (_, piece), n in learned.ragged.items()}, [each[1:] for each in learned.first])

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.file, self._options, self._cuts)

    def uncut(self) -> list[int]:
        return [] if self._whole else [0]

    def cuts(self, number: int) -> dict[str, Any]:
        every = [piece for split in self.splits() for piece in split.pieces]
        numbers = [(each.start, each.stop, each.record, each.records, each.line, each.quoted) for each in every]
        pieces = np.array(numbers, np.int64).reshape(-1, 6)
        return {"size": self.file.size, "guessed": self._file.guessed, "pieces": pieces}

    def adopt(self, number: int, cuts: Any) -> None:
        if cuts["size"] != self.file.size:
            raise InputError(f"{self.path}: is not the file that was cut", hint="cut it again: nanclean profile")
        every = [
            Piece(start, stop, record, records, line, bool(quoted))
            for start, stop, record, records, line, quoted in cuts["pieces"].tolist()
        ]
        stop, record = self._layout.start, 0
        for piece in every:
            if piece.start != stop or piece.record != record or piece.stop <= stop or piece.records < 1:
                raise InputError(f"{self.path}: the cuts do not fit the file", hint="cut it again: nanclean profile")
            stop, record = piece.stop, record + piece.records
        self._file.settle(guessed=cuts["guessed"])
        self._known, self._whole, self._cuts = list(self._cut(every)), True, cuts

    def splits(self) -> Iterator[CsvSplit]:
        index = 0
        while split := self._split(index):
            yield split
            index += 1

    def lines(self, rows: Sequence[int]) -> list[int]:
        every = [piece for split in self.splits() for piece in split.pieces]
        firsts = [piece.record for piece in every]
        found: dict[int, int] = {}
        for number, some in groupby(sorted(set(rows)), key=lambda row: bisect_right(firsts, row) - 1):
            piece = every[number]
            text = self._file.to_utf8(self._file.read(piece.start, piece.stop - piece.start), piece.line)
            before = Positions(bytes(text), self._layout.style).lines()
            found |= {row: piece.line + int(before[row - piece.record]) for row in some}
        return [found[row] for row in rows]

    def records(self, batch: Batch) -> list[str]:
        if batch.ragged is None or not len(batch.ragged):
            return []
        text = bytes(batch.origin.text)
        found = Positions(text, self._layout.style)
        starts, stops = found.starts, np.append(found.starts[1:], found.stop)
        places = (batch.ragged - batch.start).tolist()
        return [text[starts[i] : stops[i]].decode("utf-8", "replace").rstrip("\r\n") for i in places]

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return [f"line {line}" for line in self.lines(rows)]

    @property
    def table(self) -> TextTable:
        """For those who write it again."""
        return TextTable(self, self._file, self._layout, self._stop)

    def _stop(self) -> int:
        stop = self._layout.start
        for split in self.splits():
            stop = split.pieces[-1].stop
        return stop

    def _split(self, index: int) -> CsvSplit | None:
        """Splits that are known are not looked for again. A scan that failed must not look like one that ended."""
        with self._lock:
            if self._failure and index >= len(self._known):
                raise self._failure
            try:
                if index == len(self._known) and not self._whole:
                    split = next(self._scan, None)
                    self._whole = split is None
                    self._known += [] if split is None else [split]
            except BaseException as failure:
                self._failure = failure
                raise
            return self._known[index] if index < len(self._known) else None

    def _cut(self, every: Iterable[Piece]) -> Iterator[CsvSplit]:
        held: list[Piece] = []
        count = 0
        for piece in every:
            held.append(piece)
            if held[-1].stop - held[0].start >= SPLIT - PIECE // 2:
                yield CsvSplit(count, self._file, self._layout, tuple(held), self._ragged)
                held, count = [], count + 1
        if held:
            yield CsvSplit(count, self._file, self._layout, tuple(held), self._ragged)


@dataclass(frozen=True)
class CsvSplit(Split):
    """Some neighbouring pieces of a file."""

    index: int
    file: TextFile
    layout: Layout
    pieces: tuple[Piece, ...]
    ragged: RaggedRecords

    @property
    def share(self) -> float:
        return self.pieces[-1].stop / max(self.file.size, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        parser = TextParser(self.layout.style, columns)
        size = max(self.file.room // EXPANDED, LEAST)
        buffer = memoryview(bytearray(min(max(piece.stop - piece.start for piece in self.pieces), size)))
        for piece in self.pieces:
            ragged = _RaggedPart()
            for part in parts(self.file, self.layout.style, piece, size):
                if part.stop - part.start > len(buffer):
                    buffer = memoryview(bytearray(self._fitting(part)))
                raw = buffer[: part.stop - part.start]
                self.file.read_into(part.start, raw)
                text = self.file.to_utf8(raw, part.line)
                parsed = parser.parse(text, part.quoted)
                if parsed.rows + parsed.ragged.size != part.records:
                    raise self._miscounted(part)
                if parsed.ragged.size:
                    ragged.add(part, parsed, text, self.layout.style)
                if parsed.rows or parsed.ragged.size:
                    yield self._batch(part, parsed, Origin(raw, text, part))
            self.ragged.add(piece.record, ragged.count, ragged.first)
        self.file.file.check()

    def chosen(self, choice: Choice, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        style = self.layout.style
        parser = TextParser(style, columns)
        for piece in self.pieces:
            ragged = _RaggedPart()
            for part in parts(self.file, style, piece, max(self.file.room // EXPANDED, LEAST)):
                records = choice.within(part.record, part.records)
                if not records.size:
                    continue
                raw = memoryview(bytearray(self._fitting(part)))
                self.file.read_into(part.start, raw)
                text = memoryview(bytes(self.file.to_utf8(raw, part.line)))
                found = Positions(bytes(text), style)
                begins, ends = found.starts[records].tolist(), np.append(found.starts[1:], found.stop)[records].tolist()
                some = b"".join([text[begin:end] for begin, end in zip(begins, ends, strict=True)])
                parsed = parser.parse(some, part.quoted)
                if parsed.rows + parsed.ragged.size != records.size:
                    raise self._miscounted(part)
                if parsed.ragged.size:
                    ragged.add_some(part, records[parsed.ragged], found, parsed)
                good = np.delete(part.record + records, parsed.ragged)
                lost = part.record + records[parsed.ragged] if parsed.ragged.size else None
                yield Batch(part.record, parsed.rows, parsed.columns, lost, places=good)
            self.ragged.add(piece.record, ragged.count, ragged.first)
        self.file.file.check()

    def learned(self) -> Learned:
        return self.ragged.learned()

    def _fitting(self, part: Piece) -> int:
        """The size of an unusually long record. InputError if the memory is too small for it."""
        size = part.stop - part.start
        if size > max(self.file.largest // EXPANDED_TEXT, LEAST):
            needed = f"{-(-size * EXPANDED_TEXT * 2 >> 20):,}MB"
            raise InputError(
                f"{self.file.path}: line {part.line}: the record has {size / 1e6:,.1f} MB, too much for the memory",
                hint=f"is it meant to be one record? if so, --memory {needed}",
            )
        return size

    def _miscounted(self, part: Piece) -> NancleanError:
        self.file.file.check()
        return NancleanError(
            f"{self.file.path}: line {part.line}: the record scanner and the parser count differently",
            hint="this is a mistake in nanclean; please report it",
        )

    def _batch(self, piece: Piece, parsed: Parsed, origin: Origin) -> Batch:
        ragged = piece.record + parsed.ragged if parsed.ragged.size else None
        return Batch(piece.record, parsed.rows, parsed.columns, ragged, origin)


class _RaggedPart:
    """The ragged records of one piece, as its parts are read."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[tuple[int, int, int]] = []

    def add(self, part: Piece, parsed: Parsed, text: Raw, style: Style) -> None:
        self.count += parsed.ragged.size
        if len(self.first) < RAGGED:
            some = parsed.ragged[: RAGGED - len(self.first)]
            lines = part.line + Positions(bytes(text), style).lines()[some]
            records = (part.record + some).tolist()
            self.first += zip(records, lines.tolist(), parsed.ragged_cells.tolist(), strict=False)

    def add_some(self, part: Piece, records: np.ndarray, found: Positions, parsed: Parsed) -> None:
        """Those among records that were chosen."""
        self.count += records.size
        some = records[: max(RAGGED - len(self.first), 0)]
        lines = part.line + found.lines()[some]
        self.first += zip((part.record + some).tolist(), lines.tolist(), parsed.ragged_cells.tolist(), strict=False)


@dataclass
class RaggedRecords:
    """Records with too few or too many cells, each counted once, however often its piece is read, in any order."""

    first: list[tuple[int, int, int]] = field(default_factory=list)
    """Record, line, cells."""
    pieces: dict[int, int] = field(default_factory=dict)
    """How many there are in the piece that begins with this record."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        with self.lock:
            return sum(self.pieces.values())

    def add(self, piece: int, count: int, found: list[tuple[int, int, int]]) -> None:
        """What was found in the piece that begins with this record."""
        with self.lock:
            if not count or piece in self.pieces:
                return
            self.pieces[piece] = count
            if len(self.first) < RAGGED or piece < self.first[-1][0]:
                self.first = sorted(self.first + found)[:RAGGED]

    def take(self, pieces: dict[int, int], found: list[tuple[int, int, int]]) -> None:
        """What was found in some pieces in other processes, maybe more than once."""
        with self.lock:
            self.pieces |= pieces
            self.first = sorted({*self.first, *found})[:RAGGED]

    def learned(self) -> Learned:
        with self.lock:
            return Learned({(0, piece): n for piece, n in self.pieces.items()}, [(0, *each) for each in self.first])

    def __reduce__(self) -> tuple[type[RaggedRecords], tuple[()]]:
        return RaggedRecords, ()  # in another process a split keeps its own; batches carry the numbers

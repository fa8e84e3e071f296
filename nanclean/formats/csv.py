"""CSV and its kin: text tables with any of the usual delimiters, encodings and line ends."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from nanclean.batch import Batch
from nanclean.cells import strings
from nanclean.errors import NancleanError
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._encoding import Raw
from nanclean.formats._layout import Layout, layout
from nanclean.formats._origin import Origin, TextTable
from nanclean.formats._parse import Parsed, TextParser
from nanclean.formats._pieces import PIECE, Piece, pieces
from nanclean.formats._records import Positions
from nanclean.formats._sample import sample
from nanclean.formats._textfile import TextFile
from nanclean.target import Out, Target

suffixes = (".csv", ".tsv", ".txt", ".tab")

SPLIT = 32 << 20
"""Bytes of one split."""
RAGGED = 10_000
"""Ragged records that are remembered one by one."""


def opened(path: str, options: ReadOptions) -> CsvSource:
    """A text table. Reads its beginning only, or where that is not ASCII all of it, to find the encoding."""
    file = TextFile(path, options.encoding)
    return CsvSource(file, layout(file, options))


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
    """A text table on disk. One sequential look finds the records; the splits then read and parse on their own."""

    format: ClassVar[str] = "csv"
    lexical: ClassVar[bool] = True

    def __init__(self, file: TextFile, layout: Layout) -> None:
        self.path, self.size = file.path, file.size
        self.fields = tuple(Field(name) for name in layout.names)
        self._file = file
        self._layout = layout
        self._ragged = RaggedRecords()
        self._known: list[CsvSplit] = []
        self._scan = self._cut()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()

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
        return {"encoding": self._file.encoding.name, "delimiter": self._layout.delimiter}

    def sample(self) -> Batch | None:
        return sample(self._file, self._layout)

    def nothing(self) -> Batch:
        return Batch(0, 0, [strings([])] * len(self.fields))

    def check(self) -> None:
        self._file.check_unchanged()

    def splits(self) -> Iterator[CsvSplit]:
        index = 0
        while split := self._split(index):
            yield split
            index += 1

    def lines(self, rows: Sequence[int]) -> list[int]:
        every = [piece for split in self.splits() for piece in split.pieces]
        firsts = [piece.record for piece in every]
        found: dict[int, int] = {}
        with self._file.open() as handle:
            for number, some in groupby(sorted(set(rows)), key=lambda row: bisect_right(firsts, row) - 1):
                piece = every[number]
                text = self._file.to_utf8(self._file.read(handle, piece.start, piece.stop - piece.start), piece.line)
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
                if index == len(self._known) and (split := next(self._scan, None)):
                    self._known.append(split)
            except BaseException as failure:
                self._failure = failure
                raise
            return self._known[index] if index < len(self._known) else None

    def _cut(self) -> Iterator[CsvSplit]:
        held: list[Piece] = []
        count = 0
        for piece in pieces(self._file, self._layout.style, self._layout.start, self._layout.line):
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
        buffer = memoryview(bytearray(max(piece.stop - piece.start for piece in self.pieces)))
        with self.file.open() as handle:
            for piece in self.pieces:
                raw = buffer[: piece.stop - piece.start]
                if self.file.read_into(handle, piece.start, raw) < len(raw):
                    raise self.file.changed()
                text = self.file.to_utf8(raw, piece.line)
                parsed = parser.parse(text, piece.quoted)
                if parsed.rows + parsed.ragged.size != piece.records:
                    self.file.check_unchanged()
                    raise NancleanError(
                        f"{self.file.path}: line {piece.line}: the record scanner and the parser count differently",
                        hint="this is a mistake in nanclean; please report it",
                    )
                if parsed.ragged.size:
                    self._note(piece, parsed, text)
                if parsed.rows or parsed.ragged.size:
                    yield self._batch(piece, parsed, Origin(raw, text, piece))
        self.file.check_unchanged()

    def _batch(self, piece: Piece, parsed: Parsed, origin: Origin) -> Batch:
        ragged = piece.record + parsed.ragged if parsed.ragged.size else None
        return Batch(piece.record, parsed.rows, parsed.columns, ragged, origin)

    def _note(self, piece: Piece, parsed: Parsed, text: Raw) -> None:
        def found() -> list[tuple[int, int, int]]:
            some = parsed.ragged[:RAGGED]
            lines = piece.line + Positions(bytes(text), self.layout.style).lines()[some]
            return list(zip((piece.record + some).tolist(), lines.tolist(), parsed.ragged_cells.tolist(), strict=False))

        self.ragged.add(piece.record, parsed.ragged.size, found)


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

    def add(self, piece: int, count: int, found: Callable[[], list[tuple[int, int, int]]]) -> None:
        """What was found in the piece that begins with this record. `found` is asked only while there is room."""
        with self.lock:
            if piece in self.pieces:
                return
            self.pieces[piece] = count
            if len(self.first) < RAGGED or piece < self.first[-1][0]:
                self.first = sorted(self.first + found())[:RAGGED]

    def __reduce__(self) -> tuple[type[RaggedRecords], tuple[()]]:
        return RaggedRecords, ()  # in another process a split keeps its own; batches carry the numbers

"""Writing text tables: the bytes of the source with some cells replaced, or, from other formats, every cell anew."""

from __future__ import annotations

import codecs
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw as RawColumn
from nanclean.block import Block
from nanclean.cells import Cells as TextCells
from nanclean.cells import bits, packed, strings
from nanclean.column import Mask, Numbers
from nanclean.errors import InputError, OutputError, UsageError
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats._cellbounds import Bounds
from nanclean.formats._celltext import as_read, filled, in_quotes, texts_of, written
from nanclean.formats._cut import Change, Cut, Encode
from nanclean.formats._dialect import told_delimiter, unique_names
from nanclean.formats._encode import all_ascii, encoded, encoded_texts
from nanclean.formats._encoding import Encoding, Raw
from nanclean.formats._joined import data_of, joined, one
from nanclean.formats._origin import Origin, TextTable
from nanclean.formats._outputfile import output_file
from nanclean.formats._records import QUOTE
from nanclean.formats._rendering import overlaid, refuse, rendered, said_empty, spelling, touched
from nanclean.patch import taken
from nanclean.target import Out, Target
from nanclean.wording import quoted


def text_target(
    source: Source | None, table: TextTable | None, outs: Sequence[Out], path: str, options: ReadOptions
) -> TextTarget:
    """One that copies what it can, if there is a text table whose columns stay in their order before all others."""
    origins = [out.origin for out in outs]
    kept = [origin for origin in origins if origin is not None]
    if table is not None and origins[: len(kept)] == sorted(set(kept)):
        return Copied(table, outs, path, options)
    if table is not None and options.delimiter is None:
        options = replace(options, delimiter=table.layout.delimiter)
    return Rendered(source, outs, path, options)


ANEW = 4
"""Where one cell in so many has changed, records are written anew rather than mended: half the time at one in one."""


class TextTarget(Target):
    """A text table on its way."""

    format: ClassVar[str] = "csv"

    def __init__(self, outs: Sequence[Out], path: str, delimiter: str, decimal: str) -> None:
        if not outs:
            raise UsageError(f"{path}: no column is left to write", hint="keep at least one")
        self.outs = tuple(outs)
        self.path = path
        self.delimiter, self.decimal = delimiter, decimal
        self._file = output_file(path)
        self._size = 0
        self._begun = False

    def write(self, piece: Any) -> None:
        if not self._begun:
            self._begun = True
            self._append(self._header())
        self._append(piece)

    def finish(self) -> None:
        self.write(b"")
        self._end()
        self._file.finish()

    def close(self) -> None:
        self._file.close()

    @abstractmethod
    def _header(self) -> Raw:
        """What stands before the first record."""

    def _end(self) -> None:
        """Write what stands behind the last record."""

    def _append(self, data: Raw | pa.Buffer) -> None:
        found = memoryview(data).cast("B")
        self._file.write_at(found, self._size)
        self._size += len(found)

    def _rows(self, block: Block, columns: Sequence[RawColumn]) -> pa.Buffer:
        """Rows written anew, each with a line end."""
        cells = [self._written(block, out, column) for out, column in zip(self.outs, columns, strict=True)]
        cells[-1] = joined([cells[-1], one(b"")], b"\n")
        return data_of(joined(cells, self.delimiter.encode()))

    def _written(self, block: Block, out: Out, column: RawColumn) -> pa.Array:
        """Cells as they stand in a row that is written anew. Text that is empty and not missing has quotes."""
        texts = written(cast(pa.Array, column))
        empty = TextCells(texts).lengths == 0
        marked = empty if len(self.outs) == 1 else empty & said_empty(block, out)
        return in_quotes(texts, self.delimiter, marked)


class Rendered(TextTarget):
    """Every cell is written from its value: UTF-8, a line feed behind each record."""

    def __init__(self, source: Source | None, outs: Sequence[Out], path: str, options: ReadOptions) -> None:
        refuse(outs, path)
        preferred = "\t" if path.lower().endswith((".tsv", ".tab")) else ","
        usual = ";" if options.decimal == "," and preferred == "," else preferred
        delimiter = told_delimiter(options.delimiter) if options.delimiter else usual
        super().__init__(outs, path, delimiter, options.decimal)
        self._lexical = source is None or source.lexical
        self._has_header = options.header
        names = [out.name for out in outs] if options.header else [f"c{i}" for i in range(len(outs))]
        self.fields = tuple(Field(name) for name in unique_names(names))
        self.reading = ReadOptions("utf-8", self.delimiter, options.header, options.decimal)

    def columns(self, block: Block) -> list[RawColumn]:
        return [as_read(rendered(block, out, self.decimal, self._lexical)) for out in self.outs]

    def encoded(self, block: Block, columns: Sequence[RawColumn]) -> Any:
        return self._rows(block, columns)

    def _header(self) -> Raw:
        if not self._has_header:
            return b""
        names = [out.name.encode("utf-8", "replace") for out in self.outs]
        # The parser would take a byte order mark for one of the file, and nothing for no header.
        odd = np.array([name.startswith(codecs.BOM_UTF8) or names == [b""] for name in names])
        cells = in_quotes(strings(names), self.delimiter, odd)
        return self.delimiter.join(cells.to_pylist()).encode() + b"\n"


class Copied(TextTarget):
    """The bytes of a text table, with what has changed in the place of what was there."""

    def __init__(self, table: TextTable, outs: Sequence[Out], path: str, options: ReadOptions) -> None:
        super().__init__(outs, path, table.layout.delimiter, options.decimal)
        self._table = table
        self._style = table.layout.style
        self._kept = [out.origin for out in outs if out.origin is not None]
        self._added = [out for out in outs if out.origin is None]
        refuse(self._added, path)
        self._same_columns = len(self._kept) == self._style.width and not self._added
        self._booleans = {out.name: spelling(table.source, out) for out in outs}
        self._rendered = False
        """Some rows were written that no bytes were there for."""
        names = self._header_cells()
        self.fields = tuple(Field(name) for name in names)
        self.reading = ReadOptions(
            table.file.encoding.name, table.layout.delimiter, table.layout.header is not None, options.decimal
        )

    def columns(self, block: Block) -> list[RawColumn]:
        return [self._column(block, out) for out in self.outs]

    def encoded(self, block: Block, columns: Sequence[RawColumn]) -> Any:
        origin = block.batch.origin
        if not isinstance(origin, Origin):
            self._rendered = True
            return self._in_encoding(bytes(self._rows(block, columns)))
        edits = self._edits(block, columns)
        complete = block.kept is None and block.rows == origin.piece.records
        if complete and self._same_columns and not edits:
            return bytes(origin.raw)
        return self._edited(block, origin, columns, edits)

    # --- cells

    def _column(self, block: Block, out: Out) -> pa.Array:
        held = block.columns[out.name]
        if out.origin is None:
            return as_read(filled(texts_of(held.view, self.decimal, self._booleans[out.name]), out.blank))
        raw = cast(pa.Array, block.raw(out.name))
        rows = touched(held, raw, self.decimal)
        if not rows.size:
            return raw
        some = held.view if rows.size == block.rows else taken(held.view, rows)
        texts = texts_of(some, self.decimal, self._booleans[out.name])
        return overlaid(raw, rows, as_read(filled(texts, out.blank)))

    def _edits(self, block: Block, columns: Sequence[RawColumn]) -> dict[int, np.ndarray]:
        """The rows of the block in which a column, by its place in the output, has another text."""
        found = {}
        for i, (out, new) in enumerate(zip(self.outs, columns, strict=True)):
            if out.origin is None:
                continue
            raw = cast(pa.Array, block.raw(out.name))
            rows = touched(block.columns[out.name], raw, self.decimal)
            numeric = isinstance(block.columns[out.name].view, Numbers) and len(self.outs) > 1
            if rows.size and rows.size == block.rows and numeric:
                found[i] = rows  # a number that happens to be spelled as before comes out as it was
            elif rows.size:
                before, after = (_some(cast(pa.Array, cells), rows) for cells in (raw, new))
                other = bits(pc.not_equal(written(before), written(after)))
                if other.all() or 10 * np.count_nonzero(other) >= 9 * rows.size:
                    found[i] = rows  # neighbours that change in the same rows are written in one go
                elif other.any():
                    found[i] = rows[other]
        return found

    # --- bytes

    def _edited(
        self, block: Block, origin: Origin, columns: Sequence[RawColumn], edits: dict[int, np.ndarray]
    ) -> Raw | pa.Buffer:
        direct = self._encoding.direct
        text = origin.raw if direct else origin.text
        if self._plain(block, origin, edits):
            return self._put_together(block, origin, columns, edits)
        changes = []
        for i, rows in edits.items():
            out, texts = self.outs[i], written(cast(pa.Array, columns[i]).take(packed(rows)))
            changes.append(Change(cast(int, out.origin), rows, texts, self._bytes_for(out)))
        cells = [cast(pa.Array, c) for out, c in zip(self.outs, columns, strict=True) if out.origin is None]
        splice = Cut(
            Bounds(text, self._style, origin.piece.quoted), block.numbers() - block.batch.start,
            self._style, self._kept, len(self.outs), changes, self._additions(cells),
        ).splice()  # fmt: skip
        if splice.empty:
            return bytes(origin.raw)
        found = splice.applied(text)
        if direct:
            return found
        if encoded(bytes(text).decode(), self._encoding) != bytes(origin.raw):
            raise self._irregular(origin.piece.line)
        return self._in_encoding(bytes(found))

    def _plain(self, block: Block, origin: Origin, edits: dict[int, np.ndarray]) -> bool:
        """Whether records are so plain, and changes so many, that writing them anew gives the same bytes sooner.

        Without a carriage return, a blank line or a quoted line end, a record is its cells, as they stand in the file,
        the delimiters and a line feed.
        """
        piece, raw = origin.piece, bytes(origin.raw) if not isinstance(origin.raw, bytes) else origin.raw
        many = sum(map(len, edits.values())) * ANEW >= block.rows * len(self.outs)
        if not many or block.batch.ragged is not None or len(self.outs) == 1 or self._added:
            return False
        if not self._encoding.direct or not (self._encoding.codec == "utf-8" or raw.isascii()):
            return False
        return raw.endswith(b"\n") and b"\r" not in raw and raw.count(b"\n") == piece.records

    def _put_together(
        self, block: Block, origin: Origin, columns: Sequence[RawColumn], edits: dict[int, np.ndarray]
    ) -> pa.Buffer:
        cells = [written(cast(pa.Array, column)) for column in columns]
        quotes = self._quotes(block, origin) if origin.piece.quoted else {}
        for i, rows in edits.items():
            cells[i] = self._bytes_for(self.outs[i])(cells[i], quotes[i].marked if i in quotes else None)
            if i in quotes and rows.size < block.rows:
                cells[i] = overlaid(quotes[i].cells(), rows, cells[i].take(packed(rows)))
        for i in quotes.keys() - edits.keys():
            cells[i] = quotes[i].cells()
        cells[-1] = joined([cells[-1], one(b"")], b"\n")
        return data_of(joined(cells, self.delimiter.encode()))

    def _quotes(self, block: Block, origin: Origin) -> dict[int, _Quotes]:
        """The columns that have quotes in the file, by their place in the output."""
        bounds = Bounds(origin.raw, self._style, quoted=True)
        cells = bounds.cells(block.numbers() - block.batch.start)
        found = {}
        for i, column in enumerate(self._kept):
            starts, stops = cells.starts(column), cells.stops(column)
            texts = TextCells(cast(pa.Array, block.raw(self.outs[i].name)))
            around = int(stops.sum() - starts.sum()) != texts.bytes.size  # then they are bytes that no value has
            if around or texts.count('"'):
                found[i] = _Quotes(bounds.codes, starts, stops)
        return found

    def _additions(self, columns: Sequence[pa.Array]) -> list[pa.Array]:
        """The cells of the columns that are added, as they stand in the file."""
        found = []
        for out, column in zip(self._added, columns, strict=True):
            texts = written(column)
            alone = TextCells(texts).lengths == 0 if len(self.outs) == 1 else None
            found.append(self._bytes_for(out)(texts, alone))
        return found

    def _bytes_for(self, out: Out) -> Encode:
        """Makes texts, some of which have to be in quotes, into what stands in the file (or, in UTF-8, in its text)."""

        def made(texts: pa.Array, also: Mask | None) -> pa.Array:
            texts = in_quotes(texts, self.delimiter, also)
            if all_ascii(texts):
                return texts
            encoding = self._settled()
            try:
                found = encoded_texts(texts, encoding)
            except UnicodeEncodeError as error:
                raise self._unencodable(error, out.name) from None
            return found if encoding.direct else texts

        return made

    @property
    def _encoding(self) -> Encoding:
        return self._table.file.encoding

    def _settled(self) -> Encoding:
        """The encoding for good: where all was ASCII so far, what follows decides."""
        if self._encoding.direct:
            self._table.stop()
        return self._encoding

    def _in_encoding(self, text: bytes) -> bytes:
        if text.isascii() and self._encoding.direct:
            return text
        encoding = self._settled()
        try:
            return text if encoding.codec == "utf-8" else encoded(text.decode(), encoding)
        except UnicodeEncodeError as error:
            raise self._unencodable(error, None) from None

    def _unencodable(self, error: UnicodeEncodeError, name: str | None) -> OutputError:
        character = error.object[error.start]
        where = "" if name is None else f"column {quoted(name)}: "
        return OutputError(
            f"cannot write {self.path}: {where}{self._encoding.name} has no {character!r} (U+{ord(character):04X})",
            hint="choose another text, or save the input as UTF-8 first",
        )

    def _irregular(self, line: int) -> InputError:
        file = self._table.file
        return InputError(
            f"{file.path}: line {line}: text from here on is written in a way that {file.encoding.name} does not have",
            hint=f"save it as UTF-8 first: iconv -f {file.encoding.name} -t UTF-8 {file.path}",
        )

    # --- before and behind the records

    def _header_cells(self) -> tuple[str, ...]:
        """The names that a reader finds."""
        written_ = self._table.layout.header
        if written_ is None:
            return tuple(f"c{i}" for i in range(len(self.outs)))
        return unique_names([written_[i] for i in self._kept] + [out.name for out in self._added])

    def _header(self) -> Raw:
        file, layout = self._table.file, self._table.layout
        raw = bytes(file.read(0, layout.start))
        if layout.header is None or self._same_columns:
            return raw
        mark = file.encoding.mark
        text = raw[mark:] if file.encoding.direct else bytes(file.to_utf8(raw[mark:], 1))
        before = len(text) - len(text.lstrip(b"\r\n"))  # blank lines, which are no header in any table
        line = text[before:]
        found = text[:before] + self._header_line(line)
        if file.encoding.direct:
            return raw[:mark] + found
        if encoded(text.decode(), file.encoding) != raw[mark:]:
            raise self._irregular(1)
        return raw[:mark] + self._in_encoding(found)

    def _header_line(self, line: bytes) -> bytes:
        """The header without the columns that go and with those that come."""
        added = self._additions([strings([out.name.encode("utf-8", "replace")]) for out in self._added])
        bounds, one = Bounds(line, self._style, quoted=True), np.zeros(1, np.int64)
        return bytes(Cut(bounds, one, self._style, self._kept, len(self.outs), (), added).splice().applied(line))

    def _end(self) -> None:
        file, stop = self._table.file, self._table.stop()
        self.reading = replace(self.reading, encoding=file.encoding.name)
        blank_is_record = len(self.outs) == 1 and self._style.width != 1
        if stop < file.size and not self._rendered and not blank_is_record:
            self._append(file.read(stop, file.size - stop))
        file.file.check()


def _some(texts: pa.Array, rows: np.ndarray) -> pa.Array:
    return texts if rows.size == len(texts) else texts.take(packed(rows))


@dataclass(frozen=True)
class _Quotes:
    """A column of which some cells have quotes in the file."""

    codes: np.ndarray
    """The bytes of the piece, uint8."""
    starts: np.ndarray
    """Where the cells start in them, quotes included."""
    stops: np.ndarray

    @property
    def marked(self) -> Mask:
        """bool, (rows,): the cells that stand in quotes. What comes in their place does so, too."""
        return (self.codes.take(self.starts, mode="clip") == QUOTE) & (self.starts < self.stops)

    def cells(self) -> pa.Array:
        """As they stand in the file."""
        edges = np.empty(2 * self.starts.size, np.int32)  # the parser takes no piece of 2 GB
        edges[::2], edges[1::2] = self.starts, self.stops
        buffers = [None, pa.py_buffer(edges), pa.py_buffer(self.codes)]
        spans = pa.Array.from_buffers(pa.string(), edges.size - 1, buffers)
        return spans.take(packed(np.arange(0, edges.size, 2)))

"""The proof that what stands in a finished file is what was to be written: it is opened again and read to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from nanclean.checksum import Checksum
from nanclean.cleaning import Sink
from nanclean.engine import Engine, share
from nanclean.errors import NancleanError, OutputError, VerificationError
from nanclean.files.spooled import ROOM
from nanclean.format import Source, Split
from nanclean.lexical import Classes, decode
from nanclean.opening import file_at, opened_as
from nanclean.tokens import Words
from nanclean.wording import quoted

_HINT = "nothing was published; please report it"
Pieces = tuple[int, list[Checksum], list[Classes]]


def verify(
    sink: Sink,
    path: str,
    shown: str,
    engine: Engine,
    progress: Callable[[int, int], None] | None = None,
    room: int = ROOM,
) -> None:
    """VerificationError unless the file has the columns, the rows and, cell by cell, the values that went to the sink.

    path: where the draft is; shown: the name that it will have; room: what may be kept in memory of one that is
    compressed.
    """
    try:
        file = file_at(path, room)
        if not sink.rows and not file.size:
            file.close()
            return  # text without a line of names and without a record: there is nothing to read
        source = opened_as(sink.target.format, file, sink.target.reading)
    except OutputError:
        raise
    except NancleanError as error:
        raise VerificationError(f"{shown}: cannot be read back: {_without(error.message, path)}", hint=_HINT) from error
    try:
        _compare_columns(source, sink, shown)
        rows, checksums, classes = _read(source, sink, engine, progress)
    except VerificationError:
        raise
    except NancleanError as error:
        raise VerificationError(f"{shown}: cannot be read back: {_without(error.message, path)}", hint=_HINT) from error
    finally:
        source.close()
    if rows != sink.rows or source.facts.ragged:
        raise VerificationError(f"{shown}: {rows:,} rows were read back, {sink.rows:,} were to be written", hint=_HINT)
    _compare_types(sink, classes, shown)
    for field, found, wanted in zip(sink.target.fields, checksums, sink.checksums, strict=True):
        if found != wanted:
            raise VerificationError(
                f"{shown}: what was read back of {quoted(field.name)} is not what was to be written", hint=_HINT
            )


def _compare_columns(source: Source, sink: Sink, shown: str) -> None:
    found, wanted = list(source.fields), list(sink.target.fields)
    if len(found) != len(wanted):
        raise VerificationError(
            f"{shown}: {len(found):,} columns were read back, {len(wanted):,} were to be written", hint=_HINT
        )
    for read, field in zip(found, wanted, strict=True):
        if read != field:
            told = quoted(read.name) if read.name != field.name else f"{quoted(read.name)}, {read.type}"
            meant = quoted(field.name) if read.name != field.name else f"{quoted(field.name)}, {field.type}"
            raise VerificationError(f"{shown}: the column {told} was read back for {meant}", hint=_HINT)


def _compare_types(sink: Sink, classes: Sequence[Classes], shown: str) -> None:
    """Of text that was another format before: it must be read as columns of the same types."""
    for name, counts in zip(sink.types, classes, strict=False):
        wanted, found = sink.types[name], counts.settle()
        if found != wanted and counts.counted:
            raise VerificationError(
                f"{shown}: {quoted(name)} is {wanted}, and its text would be read as {found}",
                hint="write .parquet, which keeps types",
            )


def _read(source: Source, sink: Sink, engine: Engine, progress: Callable[[int, int], None] | None) -> Pieces:
    share(engine, source)
    types = list(sink.types.values())
    rows, whole, classes = 0, [Checksum() for _ in source.fields], [Classes() for _ in types]
    for piece, split in engine.map(lambda split: (_checked(split, len(whole), types), split), source.splits()):
        rows += piece[0]
        for mine, theirs in zip(whole, piece[1], strict=True):
            mine.merge(theirs)
        for counts, more in zip(classes, piece[2], strict=True):
            counts.merge(more)
        if progress is not None and source.size:
            progress(int(source.size * split.share), source.size)
    source.check()
    return rows, whole, classes


def _checked(split: Split, columns: int, types: Sequence[str]) -> Pieces:
    rows, checksums, classes = 0, [Checksum() for _ in range(columns)], [Classes() for _ in types]
    for batch in split.batches():
        rows += batch.rows
        for checksum, raw in zip(checksums, batch.columns, strict=True):
            checksum.add(raw)
        for counts, type_, raw in zip(classes, types, batch.columns, strict=False):
            counts.merge(decode(cast(Any, raw), type_, Words())[1])
    return rows, checksums, classes


def _without(message: str, path: str) -> str:
    """The message without the name of the draft."""
    return message.removeprefix(f"{path}: ")

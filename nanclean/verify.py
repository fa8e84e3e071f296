"""The proof that what stands in a finished file is what was to be written: it is opened again and read to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from nanclean import registry
from nanclean.checksum import Checksum
from nanclean.cleaning import Sink
from nanclean.engine import Engine
from nanclean.errors import NancleanError, VerificationError
from nanclean.format import Source, Split
from nanclean.wording import quoted

_HINT = "nothing was published; please report it"
Pieces = tuple[int, list[Checksum]]


def verify(
    sink: Sink, path: str, shown: str, engine: Engine, progress: Callable[[int, int], None] | None = None
) -> None:
    """VerificationError unless the file has the columns, the rows and, cell by cell, the values that went to the sink.

    path: where the draft is; shown: the name that it will have.
    """
    try:
        source = cast(Source, registry.module("formats", sink.target.format).opened(path, sink.target.reading))
    except NancleanError as error:
        raise VerificationError(f"{shown}: cannot be read back: {_without(error.message, path)}", hint=_HINT) from error
    try:
        _compare_columns(source, sink, shown)
        rows, checksums = _read(source, engine, progress)
    except VerificationError:
        raise
    except NancleanError as error:
        raise VerificationError(f"{shown}: cannot be read back: {_without(error.message, path)}", hint=_HINT) from error
    finally:
        source.close()
    if rows != sink.rows or source.facts.ragged:
        raise VerificationError(f"{shown}: {rows:,} rows were read back, {sink.rows:,} were to be written", hint=_HINT)
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


def _read(source: Source, engine: Engine, progress: Callable[[int, int], None] | None) -> Pieces:
    rows, whole = 0, [Checksum() for _ in source.fields]
    for piece, split in engine.map(lambda split: (_checked(split, len(whole)), split), source.splits()):
        rows += piece[0]
        for mine, theirs in zip(whole, piece[1], strict=True):
            mine.merge(theirs)
        if progress is not None and source.size:
            progress(int(source.size * split.share), source.size)
    source.check()
    return rows, whole


def _checked(split: Split, columns: int) -> Pieces:
    rows, checksums = 0, [Checksum() for _ in range(columns)]
    for batch in split.batches():
        rows += batch.rows
        for checksum, raw in zip(checksums, batch.columns, strict=True):
            checksum.add(raw)
    return rows, checksums


def _without(message: str, path: str) -> str:
    """The message without the name of the draft."""
    return message.removeprefix(f"{path}: ")

"""A file of lines cut into blocks of whole ones. A line feed always ends a record: in JSON no value can hold one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nanclean.errors import InputError
from nanclean.file import File

BLOCK = 4 << 20
"""Bytes that are read at a time."""
LONGEST = 256 << 20
"""Bytes of a line. A record must fit into memory."""
DEEPEST = 400
"""Levels of lists and objects in a line. Some parsers end the process where there are very many."""
MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r"


@dataclass(frozen=True)
class Piece:
    """Some whole lines."""

    start: int
    stop: int
    line: int
    """The number of its first line, from 1."""
    record: int
    """The number of its first record, from 0."""
    records: int


@dataclass(frozen=True)
class Lines:
    """Where the records of a piece stand in its bytes: between the white space around them."""

    starts: np.ndarray
    stops: np.ndarray
    numbers: np.ndarray
    """The line of each record, from 0 in the piece."""

    @classmethod
    def of(cls, raw: bytes) -> Lines:
        data = np.frombuffer(raw, np.uint8)
        ends = np.flatnonzero(data == 10)
        if len(raw) and (not ends.size or ends[-1] != len(raw) - 1):
            ends = np.append(ends, len(raw))
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1)) if ends.size else ends
        numbers = np.arange(ends.size)
        stops = ends.copy()
        if ends.size and ((stops == starts).any() or _blank(data, starts, stops)):
            trimmed = [_trimmed(raw, start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
            found = np.array(trimmed, np.int64).reshape(-1, 2)
            there = found[:, 1] > found[:, 0]
            return cls(found[there, 0], found[there, 1], numbers[there])
        return cls(starts, stops, numbers)

    def __len__(self) -> int:
        return len(self.starts)


def _blank(data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> bool:
    """Whether white space stands at an end of any line."""
    return bool((data[starts] <= 32).any() or (data[stops - 1] <= 32).any())


def _trimmed(raw: bytes, start: int, stop: int) -> tuple[int, int]:
    text = raw[start:stop]
    return start + len(text) - len(text.lstrip(_SPACE)), stop - (len(text) - len(text.rstrip(_SPACE)))


def blocks(file: File) -> Iterator[tuple[int, bytes]]:
    """Offsets and bytes of whole lines, in order."""
    at = len(MARK) if file.read(min(3, file.size), 0) == MARK else 0
    beginning = file.read(min(2, file.size), 0)
    if beginning in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{file.path}: is UTF-16, and JSON is UTF-8", hint=f"iconv -f UTF-16 -t UTF-8 {file.path} > table.jsonl"
        )
    line = 1
    while at < file.size:
        size = BLOCK
        while True:
            raw = file.read(min(size, file.size - at), at)
            end = len(raw) if at + len(raw) == file.size else raw.rfind(b"\n") + 1
            if end:
                break
            if size >= LONGEST:
                raise InputError(
                    f"{file.path}: line {line:,} is longer than {LONGEST >> 20} MB",
                    hint="is it one document and not JSON Lines? each record needs a line of its own",
                )
            size *= 4
        yield at, raw if end == len(raw) else raw[:end]
        line += raw.count(b"\n", 0, end)
        at += end


def plain(raw: bytes, lines: Lines) -> bool:
    """Whether a parser that does not care for lines finds exactly one record in each.

    A line that begins with a brace cannot go on with what the line before has begun if that ended with one.
    """
    data = np.frombuffer(raw, np.uint8)
    if not len(lines) or not ((data[lines.starts] == 123).all() and (data[lines.stops - 1] == 125).all()):
        return False
    opened = raw.count(b"[") + raw.count(b"{")
    if opened - len(lines) < DEEPEST:
        return True
    places = np.flatnonzero((data == 91) | (data == 123))
    each = np.diff(np.searchsorted(places, np.append(lines.starts, lines.stops[-1:])))
    return bool((each < DEEPEST).all())


def demand_utf8(file: File, raw: bytes, line: int) -> None:
    """InputError, with the line, unless the bytes are UTF-8."""
    if raw.isascii():
        return
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        number = line + raw.count(b"\n", 0, error.start)
        raise InputError(
            f"{file.path}: line {number:,}: byte 0x{raw[error.start]:02x} is not UTF-8",
            hint=f"iconv -f WINDOWS-1252 -t UTF-8 {file.path} > table.jsonl",
        ) from None

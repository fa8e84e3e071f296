"""Where the messages of Arrow's interprocess format lie, found out without reading the cells.

Every offset and length comes from the file, so that each is held against its size before anything is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from nanclean.errors import InputError
from nanclean.file import File

MAGIC = b"ARROW1"
OLD = b"FEA1"
"""Of the first version of Feather, which is another format."""
GOES_ON = b"\xff\xff\xff\xff"
"""Before each message since Arrow 0.15."""
SCHEMA, DICTIONARY, RECORDS = 1, 2, 3
LONGEST = 1 << 28
"""Bytes of the description of one message. 100,000 columns have 6 MB."""
AHEAD = 1 << 12
"""Bytes that are read for the description of a message before its length is known."""
DAMAGED = "the file is damaged or was cut off; make it again"


@dataclass(frozen=True)
class Message:
    """A schema, a dictionary or a record batch."""

    kind: int
    offset: int
    head: int
    """Bytes before the body: its length and its description."""
    body: int
    version: int
    """3 and 4 are the fourth and fifth version of the metadata."""
    rows: int = 0
    codec: str | None = None

    @property
    def stop(self) -> int:
        return self.offset + self.head + self.body


@dataclass(frozen=True)
class Index:
    """The messages of a file or a stream."""

    stream: bool
    schema: Message | None
    """Of a stream."""
    batches: tuple[Message, ...]
    dictionaries: tuple[Message, ...]
    """Of a stream, in its order."""
    ended: bool = True
    """A stream may end without a mark; then nobody can tell whether it was cut off."""


def index(file: File) -> Index:
    """The index of a file or a stream. InputError if it is damaged."""
    if not file.size:
        raise InputError(f"{file.path}: is empty", hint="even an Arrow file without rows has a schema")
    beginning = file.read(min(8, file.size), 0)
    if beginning.startswith(OLD):
        raise InputError(
            f"{file.path}: is of the first version of Feather, which is no longer read",
            hint="save it anew with an older pyarrow: pyarrow.feather.write_feather(table, path, version=2)",
        )
    try:
        return _of_file(file) if beginning.startswith(MAGIC) else _of_stream(file)
    except (struct.error, IndexError, ValueError, OverflowError):
        raise InputError(f"{file.path}: its description cannot be read", hint=DAMAGED) from None


def _of_file(file: File) -> Index:
    if file.size < 22 or file.read(6, file.size - 6) != MAGIC:
        raise InputError(f"{file.path}: ends without a footer", hint=DAMAGED)
    (length,) = struct.unpack("<i", file.read(4, file.size - 10))
    if not 0 < length <= min(file.size - 18, LONGEST * 8):
        raise InputError(f"{file.path}: its footer claims {length:,} bytes", hint=DAMAGED)
    footer = _Table.root(file.read(length, file.size - 10 - length))
    found = []
    for at, end in footer.structs(3, 24):
        offset, head, body = struct.unpack("<qi4xq", footer.data[at:end])
        message = _message(file, offset)
        if message is None or message.kind != RECORDS or (message.head, message.body) != (head, body):
            raise InputError(f"{file.path}: its footer contradicts the record batch at byte {offset:,}", hint=DAMAGED)
        found.append(message)
    return Index(False, None, tuple(found), ())


def _of_stream(file: File) -> Index:
    schema, batches, dictionaries, at, ended = None, [], [], 0, False
    while at < file.size:
        message = _message(file, at)
        if message is None:
            ended = True
            at += 8 if file.read(4, at) == GOES_ON else 4
            if at < file.size:
                raise InputError(
                    f"{file.path}: {file.size - at:,} bytes follow the end of the stream",
                    hint="several streams in one file? save each to a file of its own",
                )
            break
        if schema is None and message.kind != SCHEMA:
            raise InputError(f"{file.path}: is no Arrow stream: it does not begin with a schema", hint=DAMAGED)
        if message.kind == SCHEMA and schema is not None:
            raise InputError(f"{file.path}: a second schema begins at byte {at:,}", hint=DAMAGED)
        if message.kind == SCHEMA:
            schema = message
        elif message.kind == DICTIONARY:
            dictionaries.append(message)
        elif message.kind == RECORDS:
            batches.append(message)
        else:
            raise InputError(f"{file.path}: holds tensors, and only tables are read", hint="np.save them to .npy")
        at = message.stop
    if schema is None:
        raise InputError(f"{file.path}: is no Arrow stream: it does not begin with a schema", hint=DAMAGED)
    return Index(True, schema, tuple(batches), tuple(dictionaries), ended)


def _message(file: File, offset: int) -> Message | None:
    """The message at an offset; None: the end of the stream."""
    if not 0 <= offset <= file.size - 4:
        raise _outside(file, offset)
    beginning = file.read(min(AHEAD, file.size - offset), offset)
    before = 8 if beginning[:4] == GOES_ON else 4
    (length,) = struct.unpack_from("<i", beginning, before - 4)
    if length == 0:
        return None
    if not 0 < length <= min(LONGEST, file.size - offset - before):
        raise _outside(file, offset)
    data = beginning[before : before + length]
    if len(data) < length:
        data = file.read(length, offset + before)
    table = _Table.root(data)
    kind, body, version = table.number(1, "B"), table.number(3, "q"), table.number(0, "h")
    header = table.table(2)
    if header is None or not 0 <= body <= file.size - offset - before - length:
        raise _outside(file, offset)
    records = header if kind == RECORDS else header.table(1) if kind == DICTIONARY else None
    rows, codec = 0, None
    if records is not None:
        rows = records.number(0, "q")
        if not 0 <= rows < 1 << 60:
            raise InputError(f"{file.path}: the batch at byte {offset:,} claims {rows:,} rows", hint=DAMAGED)
        packing = records.table(3)
        codec = None if packing is None else {0: "lz4", 1: "zstd"}.get(packing.number(0, "b"))
    return Message(kind, offset, before + length, body, version, rows, codec)


def _outside(file: File, offset: int) -> InputError:
    return InputError(f"{file.path}: ends within the message at byte {offset:,}", hint=DAMAGED)


@dataclass(frozen=True)
class _Table:
    """A table of FlatBuffers: fields by number, each with a default where it is not there."""

    data: bytes
    place: int

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int | None:
        layout = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        if layout < 0:
            raise ValueError
        size = struct.unpack_from("<H", self.data, layout)[0]
        if 4 + 2 * number + 2 > size:
            return None
        offset: int = struct.unpack_from("<H", self.data, layout + 4 + 2 * number)[0]
        return self.place + offset if offset else None

    def number(self, number: int, letter: str) -> int:
        at = self._field(number)
        return 0 if at is None else int(struct.unpack_from(f"<{letter}", self.data, at)[0])

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return None if at is None else _Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])

    def structs(self, number: int, size: int) -> list[tuple[int, int]]:
        """Where the structs of a vector begin and end."""
        at = self._field(number)
        if at is None:
            return []
        at += struct.unpack_from("<I", self.data, at)[0]
        (count,) = struct.unpack_from("<I", self.data, at)
        if at + 4 + count * size > len(self.data):
            raise ValueError
        return [(at + 4 + i * size, at + 4 + (i + 1) * size) for i in range(count)]

"""Arrow: files (Feather is another name for them) and streams are read in runs of record batches, structs as leaves.

Nothing is mapped into memory, and what a batch says of its own buffers is checked before anybody follows it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Batch
from nanclean.column import bits_to_mask
from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._columns import leaf_arrays, leaves, without_views
from nanclean.formats._ipcindex import DAMAGED, GOES_ON, MAGIC, OLD, Message, index
from nanclean.target import Out, Target
from nanclean.typed import is_list, type_of

suffixes = (".arrow", ".feather", ".arrows", ".ipc")
understands: frozenset[str] = frozenset()

SPLIT_ROWS = 1 << 20
SPLIT_BYTES = 64 << 20
BATCH_ROWS = 1 << 17
"""Larger record batches are looked at in slices, which copies nothing; those of a quarter or less are put together."""
BATCH_BYTES = 32 << 20
RUN_BYTES = 8 << 20
"""Of a stream that are read at a time."""
SMALL, MEASURED = 1 << 14, 16
"""Rows of a batch that is so small that only one in so many is measured: that costs more than to read it."""
PLACES = 16
SAMPLED = 4096
AHEAD = 2
"""Record batches that are kept from the sample for the first look, and what one of them may hold."""
AHEAD_BYTES = 32 << 20


def recognises(beginning: bytes, ending: bytes) -> bool:
    """Whether a file looks like this format. A table of text may begin with ARROW1, but not with a zero byte after."""
    if beginning[:4] == GOES_ON:
        return 0 < int.from_bytes(beginning[4:8], "little") < 1 << 28 and beginning[10:12] == b"\0\0"
    return beginning.startswith(MAGIC + b"\0\0") or (beginning.startswith(OLD) and ending.endswith(OLD))


def opened(file: File, options: ReadOptions) -> ArrowSource:
    """An Arrow file or stream. Its messages have been found, and no cell has been read."""
    return ArrowSource(file)


def target(source: Source, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """An Arrow file on its way, or a stream where the source is one. UsageError where Arrow has no such column."""
    from nanclean.formats._arrowtarget import ArrowTarget  # only those who write need it

    return ArrowTarget(source, outs, path)


class ArrowSource(Source):
    """An Arrow file or stream. Cells are decoded anew for each look."""

    format: ClassVar[str] = "arrow"

    file: File

    def __init__(self, file: File) -> None:
        self.file = file
        self.path, self.size, self.quick = file.path, file.size, file.quick
        self._ahead: dict[int, pa.RecordBatch] = {}
        self._lock = threading.Lock()
        self.index = index(file)
        self._native = file.native()
        try:
            with self._readable("the schema"):
                reader = self._file_reader(None) if not self.index.stream else self._stream_reader([], None)
                self.schema: pa.Schema = reader.schema
                self.metadata = None if self.index.stream else getattr(reader, "metadata", None)
                if not self.index.stream and reader.num_record_batches != len(self.index.batches):
                    raise InputError(f"{self.path}: the footer contradicts itself", hint=DAMAGED)
                self.written = self.schema
                self.schema = pa.schema([_without_runs(field) for field in self.schema], self.schema.metadata)
                self._leaves = tuple(leaves(self.schema))
                self._owners = [place for place, field in enumerate(self.schema) for _ in leaves(pa.schema([field]))]
                self.fields = tuple(Field(leaf.name, *type_of(leaf.type)) for leaf in self._leaves)
        except BaseException:
            self._native.close()
            raise
        self._unusual = any("_view" in str(t) or pa.types.is_run_end_encoded(t) for t in self.schema.types)
        self._rows = sum(message.rows for message in self.index.batches)
        self._splits = tuple(self._cut())

    def __reduce__(self) -> tuple[type[ArrowSource], tuple[Any]]:
        return ArrowSource, (self.file,)

    @property
    def facts(self) -> Facts:
        notes = []
        renamed = [leaf for leaf in self._leaves if leaf.name != leaf.written]
        if renamed:
            names = ", ".join(shortened(leaf.name) for leaf in renamed[:5])
            notes.append(f"Columns without a name, or with a repeated one, are now: {names}.")
        if not self.index.ended:
            notes.append("The stream has no mark at its end: whether it was cut off cannot be told.")
        return Facts(rows=self._rows, notes=notes)

    def nothing(self) -> Batch:
        columns = [pa.nulls(0, type_) for type_ in self.schema.types]
        return Batch(0, 0, leaf_arrays(_known(pa.RecordBatch.from_arrays(columns, schema=self.schema))))

    def check(self) -> None:
        self.file.check()

    def splits(self) -> Iterator[Split]:
        return iter(self._splits)

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        return [f"row {row + 1}" for row in rows]

    def close(self) -> None:
        self._ahead = {}
        self._native.close()
        self.file.close()

    def details(self) -> dict[str, Any]:
        return self.file.details()

    # --- reading

    def batches(self, split: ArrowSplit, columns: Sequence[int] | None) -> Iterator[Batch]:
        """The records of a split, some at a time."""
        wanted = range(len(self._leaves)) if columns is None else list(columns)
        row = split.start
        if not len(wanted):
            yield Batch(row, split.rows, [])
            return
        fields = sorted({self._owners[leaf] for leaf in wanted})
        at_hand = [leaf for leaf, owner in enumerate(self._owners) if owner in set(fields)]
        place = {leaf: i for i, leaf in enumerate(at_hand)}
        for batch in _of_usual_size(self._decoded(range(split.first, split.last), fields)):
            arrays = leaf_arrays(batch)
            yield Batch(row, batch.num_rows, [arrays[place[leaf]] for leaf in wanted], origin=batch)
            row += batch.num_rows
        self.file.check()

    def _decoded(self, numbers: Sequence[int], fields: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """Whole record batches with some of their fields, in order; each has been checked."""
        whole = len(fields) == len(self.schema)
        begun = {}
        if whole:
            with self._lock:
                begun = {number: self._ahead.pop(number) for number in numbers if number in self._ahead}
        left = [number for number in numbers if number not in begun]
        reader = self._of_stream if self.index.stream else self._of_file
        found = reader(left, None if whole else list(fields))
        for number in numbers:
            if number in begun:
                yield begun.pop(number)
                continue
            with self._readable(f"record batch {number + 1:,}"):
                batch = next(found)
                for column in batch.columns:
                    _check(column)
                batch = _known(batch) if self._unusual else batch
            if batch.num_rows != self.index.batches[number].rows:
                raise InputError(f"{self.path}: record batch {number + 1:,} contradicts itself", hint=DAMAGED)
            yield batch

    def _of_file(self, numbers: Sequence[int], fields: list[int] | None) -> Iterator[pa.RecordBatch]:
        reader = self._file_reader(fields)
        for number in numbers:
            yield reader.get_batch(number)

    def _of_stream(self, numbers: Sequence[int], fields: list[int] | None) -> Iterator[pa.RecordBatch]:
        """A run at a time; where there are dictionaries, which each run needs, they are larger."""
        most = RUN_BYTES if not self.index.dictionaries else SPLIT_BYTES
        run: list[Message] = []
        for number in numbers:
            message = self.index.batches[number]
            if run and message.stop - run[0].offset > most:
                yield from self._stream_reader(run, fields)
                run = []
            run.append(message)
        if run:
            yield from self._stream_reader(run, fields)

    def _file_reader(self, fields: list[int] | None) -> pa.ipc.RecordBatchFileReader:
        return pa.ipc.open_file(self._native, options=_options(fields))

    def _stream_reader(self, batches: Sequence[Message], fields: list[int] | None) -> pa.ipc.RecordBatchStreamReader:
        """Of the schema, the dictionaries that hold by then, and the batches. Its cells lie where they were read to."""
        assert self.index.schema is not None
        stop = batches[-1].offset if batches else 0
        words = [message for message in self.index.dictionaries if message.offset < stop]
        parts = [self.index.schema, *sorted([*words, *batches], key=lambda message: message.offset)]
        data = np.empty(sum(part.stop - part.offset for part in parts), np.uint8)  # not filled with zeros first
        at = 0
        for start, end in _neighbours(parts):
            self.file.read_into(data[at : at + end - start].data, start)
            at += end - start
        return pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(data)), options=_options(fields))

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        """Arrow's errors, which are of many types and several lines, as one line."""
        try:
            yield
        except (
            pa.ArrowException, OSError, ValueError, RuntimeError, OverflowError, MemoryError, NotImplementedError,
            StopIteration, IndexError, TypeError, KeyError,
        ) as error:  # fmt: skip
            told = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
            raise InputError(f"{self.path}: {what} cannot be read: {shortened(told, 160)}", hint=DAMAGED) from None

    def _cut(self) -> Iterator[ArrowSplit]:
        """Runs of whole record batches, by the index alone."""
        number = first = start = rows = size = 0
        last = len(self.index.batches) - 1
        for place, message in enumerate(self.index.batches):
            rows += message.rows
            size += message.body
            if rows >= SPLIT_ROWS or size >= SPLIT_BYTES or place == last:
                yield ArrowSplit(self, number, start, rows, first, place + 1)
                number, first, start, rows, size = number + 1, place + 1, start + rows, 0, 0

    # --- the sample

    def sample(self) -> Batch | None:
        """Slices of some record batches, evenly chosen; of a few batches several slices each."""
        full = [number for number, message in enumerate(self.index.batches) if message.rows]
        if not full or not self._leaves:
            return None
        chosen = [full[i * len(full) // min(len(full), PLACES)] for i in range(min(len(full), PLACES))]
        if sum(self.index.batches[number].body for number in chosen) > 4 * AHEAD_BYTES:
            chosen = chosen[:: max(len(chosen) // AHEAD, 1)]
        each = max(PLACES // len(chosen), 1)
        columns: list[pa.Array] = []
        size = self._fields_at_once()
        for first in range(0, len(self.schema), size):
            columns += self._sampled(chosen, range(first, min(first + size, len(self.schema))), each)
        return Batch(0, len(columns[0]), columns)

    def _sampled(self, chosen: Sequence[int], fields: Sequence[int], each: int) -> list[pa.Array]:
        """Slices of some record batches, some fields of them."""
        parts = []
        for i, number in enumerate(chosen):
            batch = next(self._decoded([number], fields))
            if i < AHEAD and len(fields) == len(self.schema) and batch.nbytes <= AHEAD_BYTES:
                with self._lock:
                    self._ahead[number] = batch
            step = max(batch.num_rows // each, 1)
            parts += [leaf_arrays(batch.slice(at, min(step, SAMPLED))) for at in range(0, batch.num_rows, step)]
        return [_concatenated(list(some)) for some in zip(*parts, strict=True)]

    def _fields_at_once(self) -> int:
        """How many fields of the largest record batch fit into half of the room, if they are alike."""
        largest = max((message.body for message in self.index.batches), default=0)
        if self.index.stream or not largest:  # of a stream all is read in any case
            return max(len(self.schema), 1)
        return max(int(self.room / 2 / (largest / len(self.schema))), 1)

    def column_groups(self, columns: Sequence[int]) -> list[list[int]]:
        """Fewer columns at a time where a record batch is so large that all of them would not fit."""
        size = self._fields_at_once()
        return [list(columns[at : at + size]) for at in range(0, len(columns), size)]


@dataclass(frozen=True)
class ArrowSplit(Split):
    """Some neighbouring record batches."""

    source: ArrowSource
    index: int
    start: int
    rows: int
    first: int
    last: int
    """The one after the last."""

    @property
    def share(self) -> float:
        return (self.start + self.rows) / max(self.source.facts.rows, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        return self.source.batches(self, columns)


def _neighbours(parts: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Where runs of messages that follow each other begin and end."""
    start, stop = parts[0].offset, parts[0].stop
    for part in parts[1:]:
        if part.offset != stop:
            yield start, stop
            start = part.offset
        stop = part.stop
    yield start, stop


def _options(fields: list[int] | None) -> pa.ipc.IpcReadOptions:
    return pa.ipc.IpcReadOptions(use_threads=False, **({} if fields is None else {"included_fields": fields}))


def _check(array: pa.Array) -> None:
    """ArrowInvalid for an array that points outside of its buffers. Whether text is UTF-8 is asked later.

    Numbers can only be too few, which costs nothing to find out. Offsets and codes are looked at one by one.
    """
    type_ = array.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        array.validate()
        binary = pa.binary() if pa.types.is_string(type_) else pa.large_binary()
        pa.Array.from_buffers(binary, len(array), array.buffers(), offset=array.offset).validate(full=True)
    else:
        array.validate(full=not pa.types.is_primitive(type_))


def _known(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without what Arrow can read and do nothing with."""
    arrays = [_plain(column) for column in batch.columns]
    if all(new is old for new, old in zip(arrays, batch.columns, strict=True)):
        return batch
    fields = [field.with_type(array.type) for field, array in zip(batch.schema, arrays, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if "_view" not in str(array.type):
        return array
    if _is_view(array.type) and array.null_count:
        array = _without_lost_views(array)
    else:
        _check_views(array)
    return without_views(array)


def _without_runs(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_run_end_encoded(field.type) else field


def _is_view(type_: pa.DataType) -> bool:
    return str(type_) in ("string_view", "binary_view")


def _without_lost_views(array: pa.Array) -> pa.Array:
    """With nothing where it is null. Arrow follows what stands there, although it may be anything."""
    null = bits_to_mask(array)
    assert null is not None
    valid, views, *data = array.buffers()
    found = np.frombuffer(views, np.uint64, count=2 * (array.offset + len(array))).reshape(-1, 2).copy()
    found[array.offset :][null] = 0
    return pa.Array.from_buffers(array.type, len(array), [valid, pa.py_buffer(found), *data], offset=array.offset)


def _check_views(array: pa.Array) -> None:
    """ArrowInvalid if a view within other cells leads nowhere, even if it is null."""
    type_ = array.type
    if isinstance(type_, pa.BaseExtensionType):
        _check_views(array.storage)
    elif _is_view(type_):
        pa.Array.from_buffers(type_, len(array), [None, *array.buffers()[1:]], offset=array.offset).validate(full=True)
    elif pa.types.is_dictionary(type_):
        _check_views(array.dictionary)
    elif pa.types.is_struct(type_):
        for i in range(type_.num_fields):
            _check_views(array.field(i))
    elif is_list(type_) or pa.types.is_map(type_):
        _check_views(array.values)


def _of_usual_size(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Large batches in slices, and small neighbours as one."""
    held: list[pa.RecordBatch] = []
    rows = seen = 0
    size = width = 0.0
    for batch in batches:
        if not batch.num_rows:
            continue
        if not seen % MEASURED or batch.num_rows > SMALL:
            width = max(batch.nbytes / batch.num_rows, 1)
        seen += 1
        more = batch.num_rows * width
        if held and (rows + batch.num_rows > BATCH_ROWS or size + more > BATCH_BYTES):
            yield from _together(held)
            held, rows, size = [], 0, 0.0
        step = int(max(1, min(BATCH_ROWS, BATCH_BYTES // width)))
        if batch.num_rows > step // 4:
            yield from _together(held)
            held, rows, size = [], 0, 0.0
            yield from (batch.slice(at, step) for at in range(0, batch.num_rows, step))
            continue
        held.append(batch)
        rows += batch.num_rows
        size += more
    yield from _together(held)


def _together(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if len(batches) < 2:
        yield from batches
        return
    try:
        columns = [pa.concat_arrays(list(each)) for each in zip(*(b.columns for b in batches), strict=True)]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # dictionaries that cannot become one; too much text
        yield from batches
        return
    yield pa.RecordBatch.from_arrays(columns, schema=batches[0].schema)


def _concatenated(arrays: list[pa.Array]) -> pa.Array:
    try:
        return pa.concat_arrays(arrays)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        from nanclean.typed import plain

        return pa.concat_arrays([plain(array) for array in arrays])

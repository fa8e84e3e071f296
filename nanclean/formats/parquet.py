"""Parquet: columns are read in runs of row groups, structs as their leaves, and every page against its checksum."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nanclean.batch import Batch
from nanclean.column import lazy
from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.file import File
from nanclean.format import Facts, Field, ReadOptions, Source, Split
from nanclean.formats._columns import Leaf, leaf_arrays, leaves, without_views
from nanclean.target import Out, Target
from nanclean.typed import is_list, type_of

suffixes = (".parquet", ".pq")
understands: frozenset[str] = frozenset()

MAGIC = (b"PAR1", b"PARE")
"""Of plain files, and of those whose footer is encrypted."""
SPLIT_ROWS = 1 << 20
SPLIT_BYTES = 64 << 20
BATCH_ROWS = 1 << 17
"""Measured: batches of 131,072 rows cost 2 % more than one batch of everything, those of 16,384 rows 20 %."""
BATCH_BYTES = 32 << 20
"""Decoded bytes of a batch; wide tables and long text get fewer rows."""
BUFFER = 1 << 20
"""Bytes of a column that are read at a time. Without it a row group is held as a whole."""
PLACES = 16
SAMPLED = 4096
AHEAD = 2
"""Splits that are begun for the sample. Their first batch is kept for the first look: decoding it again costs 5 %."""
WIDE = 500
"""Columns that are read at once."""
PAGES = 5 << 19
"""Bytes of a column while it is read: what is buffered, and a page of it, unpacked (measured)."""
FITS = 32 << 20
"""Bytes that a row group may take, however little memory there is."""
ROOM_AHEAD = 128 << 20
"""With less room the first batches are not kept."""
PROBED = 1024
"""Records of text or lists that are measured before any are read."""
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 8, "FLOAT": 4, "DOUBLE": 8}
LONG = 1 << 12
"""Bytes of a text that a batch of usual size could not hold once for each row."""


def recognises(beginning: bytes, ending: bytes) -> bool:
    """Whether a file looks like this format. Both ends: a table of text may begin with a column PAR1."""
    return beginning[:4] in MAGIC and ending[-4:] in MAGIC


def opened(file: File, options: ReadOptions) -> ParquetSource:
    """A Parquet file; its footer has been read."""
    return ParquetSource(file)


def target(source: Source, outs: Sequence[Out], path: str, options: ReadOptions) -> Target:
    """A Parquet file on its way. UsageError where the format cannot hold the columns."""
    from nanclean.formats._parquettarget import ParquetTarget  # only those who write need it

    return ParquetTarget(source, outs, path)


class ParquetSource(Source):
    """A Parquet file."""

    format: ClassVar[str] = "parquet"
    file: File

    def __init__(self, file: File) -> None:
        self.file = file
        self.path, self.size, self.quick = file.path, file.size, file.quick
        self._native = file.native()
        self._leaves: tuple[Leaf, ...] = ()
        try:
            with self._readable("the footer"):
                footer = self._reader()
                self.metadata = footer.metadata
                self.schema = footer.schema_arrow
                self._leaves = tuple(leaves(self.schema))
                self._rows = [self.metadata.row_group(g).num_rows for g in range(self.metadata.num_row_groups)]
            if min(self._rows, default=0) < 0 or sum(self._rows) != self.metadata.num_rows:
                raise InputError(f"{file.path}: the footer contradicts itself about the number of rows", hint=_DAMAGED)
        except BaseException:
            self._native.close()
            raise
        self._largest = max(range(len(self._rows)), key=lambda g: self._rows[g], default=0)
        self.fields = tuple(Field(leaf.name, *type_of(leaf.type)) for leaf in self._leaves)
        self._splits = tuple(self._cut())
        self._ahead: dict[int, Iterator[pa.RecordBatch]] = {}
        self._lock = threading.Lock()
        self._measured: dict[int, float] = {}

    @property
    def facts(self) -> Facts:
        renamed = [leaf for leaf in self._leaves if leaf.name != leaf.written]
        if not renamed:
            return Facts(rows=sum(self._rows))
        names = ", ".join(shortened(leaf.name) for leaf in renamed[:5])
        return Facts(rows=sum(self._rows), notes=[f"Columns without a name, or with a repeated one, are now: {names}."])

    def nothing(self) -> Batch:
        columns = [pa.nulls(0, type_) for type_ in self.schema.types]  # empty_table would import pandas
        empty = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        return Batch(0, 0, leaf_arrays(_known(empty)))

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

    def __reduce__(self) -> tuple[Any, ...]:
        return ParquetSource, (self.file,)

    # --- reading

    def batches(self, split: ParquetSplit, columns: Sequence[int] | None) -> Iterator[Batch]:
        """The records of a split, some at a time."""
        wanted = range(len(self._leaves)) if columns is None else list(columns)
        row, end = split.start, split.start + split.rows
        if not len(wanted):
            yield Batch(row, split.rows, [])
            return
        read = sorted(set(wanted))
        with self._lock:
            begun = self._ahead.pop(split.index, None) if len(read) == len(self._leaves) else None
        found = begun or self._decoded(split.groups, read)
        place = {leaf: i for i, leaf in enumerate(read)}
        while (batch := self._next(found, row, end)) is not None:
            arrays = leaf_arrays(batch)
            yield Batch(row, batch.num_rows, [arrays[place[leaf]] for leaf in wanted], origin=batch)
            row += batch.num_rows
        if row != end:
            raise InputError(f"{self.path}: rows {row + 1:,} to {end:,} are missing from the file", hint=_DAMAGED)
        self.file.check()

    def _next(self, batches: Iterator[pa.RecordBatch], row: int, end: int) -> pa.RecordBatch | None:
        with self._readable(f"rows {row + 1:,} to {end:,}"):
            batch = next(batches, None)
            for column in batch.columns if batch is not None else ():
                if _holds_codes(column.type):  # Arrow takes any code from a damaged file, and would look beyond the end
                    column.validate(full=True)
            return batch if batch is None else _known(batch)

    def _decoded(
        self, groups: Sequence[int], read: Sequence[int], rows: int | None = None, unit: str = "us"
    ) -> Iterator[pa.RecordBatch]:
        """Batches with the leaves `read` (ascending) and nothing else; `unit`: of timestamps of 96 bits."""
        reader = self._reader(self.metadata, unit=unit)
        indices = [i for leaf in read for i in self._leaves[leaf].columns]
        size = self._batch_rows(read) if rows is None else rows
        # By index: a name may stand twice, or mean the child of a struct as well as a column with a dot in its name.
        found: Iterator[pa.RecordBatch] = reader.reader.iter_batches(
            size, row_groups=list(groups), column_indices=indices, use_threads=False
        )
        return found

    def _reader(self, metadata: Any = None, dictionaries: list[str] | None = None, unit: str = "us") -> pq.ParquetFile:
        return pq.ParquetFile(
            self._native,
            metadata=metadata,
            buffer_size=int(min(max(self.room // (4 * max(len(self._leaves), 1)), BUFFER // 16), BUFFER)),
            pre_buffer=False,
            memory_map=False,
            read_dictionary=dictionaries,
            coerce_int96_timestamp_unit=unit,  # in nanoseconds the years 1 and 9999 wrap around
            page_checksum_verification=True,
        )

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        """Arrow's errors, which are of many types and several lines, as one line."""
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
            raise self._unreadable(what, str(error)) from None

    def _unreadable(self, what: str, told: str) -> InputError:
        low = told.lower()
        if "encrypt" in low or "decrypt" in low:
            return InputError(f"{self.path}: is encrypted", hint="decrypt it first; keys are not taken")
        if not self.size:
            return InputError(f"{self.path}: is empty", hint="even a Parquet file without rows has a footer")
        if self.file.read(min(4, self.size), 0) not in MAGIC:
            return InputError(
                f"{self.path}: is not a Parquet file", hint="give it the ending of what it is: .csv or .npy"
            )
        if "magic bytes not found" in low:
            return InputError(f"{self.path}: ends without a footer", hint=_DAMAGED)
        return InputError(f"{self.path}: {what} cannot be read: {shortened(_first_line(told), 160)}", hint=_DAMAGED)

    # --- for those who write it again

    @property
    def leaves(self) -> Sequence[Leaf]:
        """The columns as they stand in the schema."""
        return self._leaves

    @property
    def groups(self) -> Sequence[int]:
        """The rows of each row group."""
        return self._rows

    def encodings(self) -> list[tuple[str, bool]]:
        """Of each column of the file its codec, and whether it has a dictionary; as its first row group with rows says.

        Empty if there is none.
        """
        group = next((g for g, rows in enumerate(self._rows) if rows), None)
        if group is None or not self._leaves:
            return []
        # Where a column is encrypted, reading it raises an error, and asking for its codec ends the process.
        self._next(self._decoded([group], range(len(self._leaves)), 1), 0, self._rows[group])
        described = self.metadata.row_group(group)
        columns = (described.column(i) for i in range(described.num_columns))
        return [(column.compression, any("DICTIONARY" in e for e in column.encodings)) for column in columns]

    def types_with_unit(self, unit: str) -> list[pa.DataType]:
        """Of the columns, with timestamps of 96 bits in another unit."""
        return [leaf.type for leaf in leaves(self._reader(self.metadata, unit=unit).schema_arrow)]

    def with_unit(self, groups: Sequence[int], read: Sequence[int], unit: str) -> Iterator[list[pa.Array]]:
        """Some columns of some row groups, with timestamps of 96 bits in another unit."""
        batches = self._decoded(groups, read, unit=unit)
        while (batch := self._next(batches, 0, sum(self._rows))) is not None:
            yield leaf_arrays(batch)

    def demand_room(self) -> None:
        """InputError if a row group, which is written as a whole, takes more than the memory."""
        width = sum(map(self._width, range(len(self._leaves))))
        group = self._largest
        size = int(self._rows[group] * width) if self._rows else 0
        if size > max(2 * self.largest, FITS):
            raise InputError(
                f"{self.path}: row group {group + 1} takes {size / 1e6:,.0f} MB in memory, and is written as a whole",
                hint=f"--memory {-(-size * 5 // 4 >> 20)}MB, or write the file with smaller row groups",
            )

    # --- how much at a time

    def column_groups(self, columns: Sequence[int]) -> list[list[int]]:
        """What the pages of a row group take while they are read has to fit, next to the batch itself."""
        each = min(2 * self._largest_bytes / max(len(self._leaves), 1), PAGES)
        most = int(min(max(self.room // 2 // max(each, 1), 1), WIDE))
        return [list(columns[at : at + most]) for at in range(0, len(columns), most)]

    @lazy
    def _largest_bytes(self) -> int:
        """Of a row group, as the footer says."""
        return max((self.metadata.row_group(g).total_byte_size for g in range(len(self._rows))), default=0)

    def _cut(self) -> Iterator[ParquetSplit]:
        """Runs of whole row groups, by the footer alone."""
        index = start = rows = size = 0
        groups: list[int] = []
        for group, n in enumerate(self._rows):
            groups.append(group)
            rows += n
            size += self.metadata.row_group(group).total_byte_size
            if rows >= SPLIT_ROWS or size >= SPLIT_BYTES or group == len(self._rows) - 1:
                yield ParquetSplit(self, index, start, rows, tuple(groups))
                index, start, rows, size, groups = index + 1, start + rows, 0, 0, []

    def _batch_rows(self, read: Sequence[int]) -> int:
        width = sum(self._width(leaf) for leaf in read)
        if not all(self._is_fixed(leaf) for leaf in read):
            width = max(width, self._densest)
        return int(max(1, min(BATCH_ROWS, min(BATCH_BYTES, self.room // 5) // max(width, 1))))

    # The footer also knows the size of each column of a row group. Asking for it ends the process where a column is
    # encrypted, so that nothing here does.

    @lazy
    def _densest(self) -> float:
        """The most bytes that a record has in a row group that is larger than a batch, as far as the footer knows."""
        sizes = [self.metadata.row_group(g).total_byte_size for g in range(len(self._rows))]
        return max((n / rows for n, rows in zip(sizes, self._rows, strict=True) if rows and n > BATCH_BYTES), default=0)

    def _is_fixed(self, leaf: int) -> bool:
        described = [self.metadata.schema.column(i) for i in self._leaves[leaf].columns]
        return all(d.physical_type != "BYTE_ARRAY" and not d.max_repetition_level for d in described)

    def _width(self, leaf: int) -> float:
        """About how many bytes one record has in memory."""
        if leaf not in self._measured:
            if self._is_fixed(leaf):
                described = [self.metadata.schema.column(i) for i in self._leaves[leaf].columns]
                self._measured[leaf] = sum(WIDTHS.get(d.physical_type) or d.length for d in described)
            else:
                self._measured[leaf] = sum(map(self._probed, self._leaves[leaf].columns))
        return self._measured[leaf]

    def _probed(self, column: int) -> float:
        """By a look at the first records, and at the dictionary: one long text may be repeated a million times."""
        path = self.metadata.schema.column(column).path
        with self._readable(f"column {shortened(path)}"):
            batches = self._reader(self.metadata, [path]).reader.iter_batches(
                PROBED, row_groups=[self._largest], column_indices=[column], use_threads=False
            )
            batch = next(batches, None)
            return _bytes_of_record(batch) if batch is not None and batch.num_rows else 0.0

    # --- the sample

    def sample(self) -> Batch | None:
        """The first records of some row groups, and slices from the first batch of some splits."""
        if not any(self._rows) or not self._leaves:
            return None
        every = range(len(self._leaves))
        parts = self._begun() if len(self.column_groups(every)) == 1 and self.room > ROOM_AHEAD else []
        full = [split for split in self._splits if split.rows]
        further = _spread(full[AHEAD:], len(full) // 8) if parts else _spread(full, max(len(full) // 8, 1))
        parts += [self._begin(split) for split in further]
        return Batch(
            0, sum(len(part[0]) for part in parts), [pa.concat_arrays(each) for each in zip(*parts, strict=True)]
        )

    def _begun(self) -> list[list[pa.Array]]:
        """Slices of the first batch of some splits, which are kept to be read on."""
        parts = []
        for split in _spread([split for split in self._splits if split.rows], AHEAD):
            batches = self._decoded(split.groups, range(len(self._leaves)))
            first = self._next(batches, split.start, split.start + split.rows)
            if first is None:
                continue
            with self._lock:
                self._ahead[split.index] = chain([first], batches)
            step = max(first.num_rows // (PLACES // AHEAD), 1)
            each = min(step, SAMPLED // 8)
            parts += [leaf_arrays(first.slice(at, each)) for at in range(0, first.num_rows, step)]
        return parts

    def _begin(self, split: ParquetSplit) -> list[pa.Array]:
        """The first records of a split."""
        group = max(split.groups, key=lambda g: self._rows[g])
        arrays: list[pa.Array] = []
        every = range(len(self._leaves))
        fits = int(self.room / (5 * PLACES * max(sum(map(self._width, every)), 1)))
        for read in self.column_groups(every):
            batch = self._next(
                self._decoded([group], read, max(min(SAMPLED, fits), 1)), split.start, split.start + split.rows
            )
            if batch is not None:
                arrays += leaf_arrays(batch)
        return arrays


@dataclass(frozen=True)
class ParquetSplit(Split):
    """Some neighbouring row groups."""

    source: ParquetSource
    index: int
    start: int
    rows: int
    groups: tuple[int, ...]

    @property
    def share(self) -> float:
        return (self.start + self.rows) / max(self.source.metadata.num_rows, 1)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        return self.source.batches(self, columns)


_DAMAGED = "the file is damaged or was cut off; make it again"


def _holds_codes(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return True
    return pa.types.is_nested(type_) and "dictionary<" in str(type_)


def _known(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without what Arrow can read and do nothing with."""
    arrays = [without_views(column) for column in batch.columns]
    if all(new is old for new, old in zip(arrays, batch.columns, strict=True)):
        return batch
    fields = [field.with_type(array.type) for field, array in zip(batch.schema, arrays, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _bytes_of_record(batch: pa.RecordBatch) -> float:
    """Of one record, on average, or an eighth of the longest: it may stand anywhere, and no batch must become huge."""
    array = leaf_arrays(batch)[0]
    while is_list(array.type):
        array = array.flatten()
    if not pa.types.is_dictionary(array.type):
        return float(array.nbytes / batch.num_rows)
    lengths = pc.binary_length(array.dictionary)
    total = pc.sum(lengths.take(array.indices)).as_py() or 0
    longest = pc.max(lengths).as_py() or 0
    return max(float(total / batch.num_rows), longest / 8 if longest > LONG else 0.0)


def _spread(items: Sequence[ParquetSplit], n: int) -> list[ParquetSplit]:
    """About n of the items, evenly."""
    n = min(n, len(items), PLACES)
    return [items[i * len(items) // n] for i in range(n)]


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")

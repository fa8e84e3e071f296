"""Parquet files made from blocks: what no rule has touched keeps schema, metadata, row groups, codecs and cells."""

from __future__ import annotations

import base64
import inspect
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.column import bits_to_mask
from nanclean.errors import OutputError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats import _pandasmeta
from nanclean.formats._columns import Leaf, leaves
from nanclean.formats._grouped import GroupedTarget
from nanclean.formats._int96 import Fine, of_96_bits
from nanclean.formats._maker import Maker
from nanclean.formats._rebuild import cells_of_lists
from nanclean.formats._rowgroup import gathered
from nanclean.formats._structs import Plan, refined
from nanclean.formats.parquet import ParquetSource
from nanclean.target import Out
from nanclean.typed import is_list, stored, type_of
from nanclean.wording import quoted

ROWS = 1 << 20
"""Of a row group, where the source has none."""
BYTES = 64 << 20
"""About what a row group may take in memory, where the source has none."""
CODEC = "ZSTD"
SCHEMA = b"ARROW:schema"
COPIES = (
    b"org.apache.spark.sql.parquet.row.metadata", b"parquet.avro.schema", b"avro.schema", b"iceberg.schema",
)  # fmt: skip
"""Where others put their own description of the columns. Their readers believe it more than the schema itself, and do
without it."""


class ParquetTarget(GroupedTarget):
    """A Parquet file on its way. One row group is held decoded at most."""

    format: ClassVar[str] = "parquet"

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        self._path, self._source = path, source
        self._original = source if isinstance(source, ParquetSource) else None
        if self._original is not None:
            self._original.demand_room()
        self.reading = ReadOptions()
        nothing = source.nothing().columns
        makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        plan = Plan(makers, self._original)
        self._nodes, self._makers = plan.nodes, plan.makers
        self._logical = pa.schema([node.field for node in self._nodes])
        wide = of_96_bits(self._original, self._makers)
        self._fine = None if self._original is None else Fine.of(self._original, wide)
        if self._fine is not None:
            types = self._original.types_with_unit(self._fine.unit) if self._original is not None else []
            self._nodes = [refined(node, self._makers, self._fine.columns, types) for node in self._nodes]
        self._options = _options(self._original, self._makers) | {"use_deprecated_int96_timestamps": bool(wide)}
        self._stores = self._original is None or SCHEMA in (self._original.metadata.metadata or {})
        self._settle(pa.schema([node.field for node in self._nodes]))
        self._columns = [gathered(field.type) for field in self._schema]
        self._written = self._bytes = 0
        self._ends = None if self._original is None else list(accumulate(self._original.groups))
        self._sink: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None
        try:
            with self._writing():
                self._sink = pa.OSFile(os.fsencode(path), "wb")
                self._writer = pq.ParquetWriter(self._sink, self._schema, **self._options)
        except BaseException:
            self.close()
            raise

    # --- before any row

    def _settle(self, schema: pa.Schema) -> None:
        """The schema as it will be read back, found out with a file without rows."""
        found, paths = self._tried(schema)
        if not self._named_alike(leaves(found), paths):  # lists may have given other names to their elements
            self._options["use_compliant_nested_type"] = False
            found, paths = self._tried(schema)
        at_hand = leaves(found)
        wanted = [maker.type for maker in self._makers]
        if [leaf.type for leaf in at_hand] != wanted:
            if self._original is not None:
                for maker, leaf in zip(self._makers, at_hand, strict=True):
                    if type_of(maker.type) != type_of(leaf.type):
                        raise _unwritable(maker.name, maker.type)
            else:  # there is no second of 0.001: a smaller unit holds it, and so on
                for i, (maker, leaf) in enumerate(zip(self._makers, at_hand, strict=True)):
                    maker.type = leaf.type
                    field = self._nodes[i].field.with_type(leaf.type)
                    self._nodes[i] = replace(self._nodes[i], field=field)
                schema = pa.schema([node.field for node in self._nodes])
        self._schema = schema
        self.fields = tuple(Field(leaf.name, *type_of(leaf.type)) for leaf in at_hand)
        self._encode_alike([list(leaf.columns) for leaf in at_hand], paths)
        if sorting := self._sorting([list(leaf.columns) for leaf in at_hand]):
            self._options["sorting_columns"] = sorting

    def _named_alike(self, found: Sequence[Leaf], paths: Sequence[str]) -> bool:
        """Whether the columns of the file are named as they were."""
        if self._original is None:
            return True
        before = self._original.metadata.schema
        for maker, leaf in zip(self._makers, found, strict=True):
            if maker.keeps and maker.out.origin is not None:
                old = self._original.leaves[maker.out.origin].columns
                if [before.column(i).path for i in old] != [paths[i] for i in leaf.columns]:
                    return False
        return True

    def _tried(self, schema: pa.Schema) -> tuple[pa.Schema, list[str]]:
        """What is read back of such a schema, and the paths of the columns of the file."""
        try:
            return _tried(schema, self._options, self._stores)
        except (pa.ArrowException, NotImplementedError):
            for i, node in enumerate(self._nodes):
                try:
                    _tried(pa.schema([node.field]), self._options, self._stores)
                except (pa.ArrowException, NotImplementedError):
                    raise _unwritable(schema.field(i).name, node.field.type) from None
            raise

    def _encode_alike(self, columns: list[list[int]], paths: list[str]) -> None:
        """Each column of the file with the codec that it had, and a dictionary if it had one.

        New ones take the first of the others' codecs.
        """
        there = [] if self._original is None else self._original.encodings()
        if self._original is None or not there:
            self._options["compression"] = CODEC
            return
        codecs: dict[str, str] = {}
        words: list[str] = []
        for maker, places in zip(self._makers, columns, strict=True):
            origin = maker.out.origin
            old = [] if origin is None else [there[i] for i in self._original.leaves[origin].columns]
            for i, place in enumerate(places):
                codec, with_words = old[i] if i < len(old) else (there[0][0], True)
                codecs[paths[place]] = "NONE" if codec == "UNCOMPRESSED" else codec
                if with_words:
                    words.append(paths[place])
        self._options |= {"compression": codecs, "use_dictionary": words}

    def _sorting(self, columns: list[list[int]]) -> list[Any]:
        """By what the rows are sorted, if no rule may have changed that."""
        if self._original is None or not self._original.metadata.num_row_groups:
            return []
        metadata = self._original.metadata
        said = {tuple(getattr(metadata.row_group(g), "sorting_columns", ())) for g in range(metadata.num_row_groups)}
        if len(said) != 1:
            return []
        place: dict[int, int] = {}
        for maker, places in zip(self._makers, columns, strict=True):
            if maker.keeps and not maker.out.changed and maker.out.origin is not None:
                there = self._original.leaves[maker.out.origin].columns
                place |= dict(zip(there, places, strict=True))
        found = []
        for each in said.pop():
            if each.column_index not in place:
                return []
            found.append(pq.SortingColumn(place[each.column_index], each.descending, each.nulls_first))
        return found

    # --- in workers

    def _refined(self, block: Block, columns: Sequence[Raw], touched: set[int]) -> tuple[Sequence[Raw], set[int]]:
        if self._fine is None:
            return columns, touched
        cells = list(columns)
        held = [block.columns[maker.name] for maker in self._makers]
        for i, array in self._fine.cells(block, self._makers, held).items():
            cells[i] = array
            touched.add(i)
        return cells, touched

    # --- in order

    def _write_freely(self, arrays: Sequence[pa.Array]) -> None:
        """Row groups of so many rows, or of so many bytes; the cuts come from the cells alone."""
        rows = len(arrays[0]) if len(arrays) else 0
        size = np.zeros(rows + 1, np.int64)
        for array in arrays:
            size[1:] += _sizes(array)
        np.cumsum(size, out=size)
        done = 0
        while done < rows:
            room = int(np.searchsorted(size, size[done] + BYTES - self._bytes, side="right")) - 1 - done
            n = min(room if self._rows else max(room, 1), ROWS - self._rows, rows - done)
            if n > 0:
                self._keep([array.slice(done, n) for array in arrays])
                self._bytes += int(size[done + n] - size[done])
                done += n
            if done < rows:
                self._flush()

    def _gather(self, arrays: Sequence[pa.Array], rows: int) -> None:
        groups = () if self._original is None else self._original.groups
        expected = groups[self._group] if self._group < len(groups) else rows
        for column, array in zip(self._columns, arrays, strict=True):
            column.add(array, expected)
        self._written += rows

    def _flush(self) -> None:
        """What has been kept becomes a row group."""
        if not self._rows:
            return
        assert self._writer is not None
        table = pa.Table.from_arrays([column.taken() for column in self._columns], schema=self._schema)
        with self._writing():
            self._writer.write_table(table, row_group_size=self._rows)
        self._rows = self._bytes = 0

    def finish(self) -> None:
        self._flush()
        assert self._writer is not None
        assert self._sink is not None
        with self._writing():
            if metadata := self._metadata():
                self._writer.add_key_value_metadata(metadata)
            self._writer.close()
            self._sink.close()
        self._writer = self._sink = None

    def _metadata(self) -> dict[bytes, bytes]:
        """Of the file. Written last: pandas' index of the rows is known only now."""
        if self._original is None:
            return {SCHEMA: base64.b64encode(self._schema.serialize().to_pybytes())}
        found = dict(self._original.metadata.metadata or {})
        found.pop(SCHEMA, None)
        before = self._original.schema
        if _pandasmeta.KEY in found:
            found[_pandasmeta.KEY] = _pandasmeta.renewed(
                found[_pandasmeta.KEY], before, self._schema, sum(self._original.groups), self._written
            )
        if not before.equals(self._logical):
            found = {key: value for key, value in found.items() if key not in COPIES}
        if self._stores:
            whole = self._schema.with_metadata(found or None)
            found[SCHEMA] = base64.b64encode(whole.serialize().to_pybytes())
        return found

    def close(self) -> None:
        writer, sink = self._writer, self._sink
        self._writer = self._sink = None
        if writer is not None:
            writer.is_open = False
        if sink is not None:
            with suppress(OSError):  # the file is given up
                sink.close()  # before the writer goes, which would write a footer

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except pa.ArrowException as error:
            raise OutputError(f"cannot write {self._path}: {shortened(_first_line(str(error)), 160)}") from error
        except OSError as error:
            told = os.strerror(error.errno).lower() if error.errno else shortened(_first_line(str(error)), 160)
            raise OutputError(f"cannot write {self._path}: {told}") from error


# --- how a file is written


def _options(source: ParquetSource | None, makers: Sequence[Maker]) -> dict[str, Any]:
    """For pyarrow's writer: what the footer says of the file."""
    found: dict[str, Any] = {"store_schema": False, "write_page_checksum": True}
    if source is None:
        return found
    schema = source.metadata.schema
    described = [schema.column(i) for leaf in source.leaves for i in leaf.columns]
    if source.metadata.format_version == "1.0" and not any(_is_new(maker.type) for maker in makers):
        found["version"] = "1.0"
    known = inspect.signature(pq.ParquetWriter.__init__).parameters
    logical = [(d.physical_type, json.loads(d.logical_type.to_json())) for d in described]
    if any(said.get("Type") == "Decimal" and physical in ("INT32", "INT64") for physical, said in logical):
        found["store_decimal_as_integer"] = True
    if any(said.get("Type") == "Time" and said.get("isAdjustedToUTC") for _, said in logical):
        found["write_time_adjusted_to_utc"] = True
    return {name: value for name, value in found.items() if name in known}


def _is_new(type_: pa.DataType) -> bool:
    """Whether the first version of the format would widen or round it."""
    type_ = stored(type_)
    if pa.types.is_map(type_):
        return _is_new(type_.key_type) or _is_new(type_.item_type)
    if is_list(type_):
        return _is_new(type_.value_type)
    if pa.types.is_struct(type_):
        return any(_is_new(type_.field(i).type) for i in range(type_.num_fields))
    return type_ == pa.uint32() or ((pa.types.is_timestamp(type_) or pa.types.is_time(type_)) and type_.unit == "ns")


def _tried(schema: pa.Schema, options: dict[str, Any], stores: bool) -> tuple[pa.Schema, list[str]]:
    """A file without rows, written and read."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, **options) as writer:
        if stores:
            writer.add_key_value_metadata({SCHEMA: base64.b64encode(schema.serialize().to_pybytes())})
    file = pq.ParquetFile(pa.BufferReader(sink.getvalue()), coerce_int96_timestamp_unit="us")
    parquet = file.metadata.schema
    return file.schema_arrow, [parquet.column(i).path for i in range(len(parquet))]


def _unwritable(name: str, type_: pa.DataType) -> UsageError:
    return UsageError(
        f"{shortened(name)}: {shortened(str(type_))} cannot be written to a Parquet file",
        hint=f'take the column out: --rule "{quoted(name)} -> drop_column"',
    )


def _sizes(array: pa.Array) -> np.ndarray:
    """int64, (rows,): about how many bytes each cell has."""
    null = bits_to_mask(array)
    if is_list(array.type):
        return cells_of_lists(array, null) * 8 + 4
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        found = pc.binary_length(array).cast(pa.int64())
        lengths = np.frombuffer(found.buffers()[1] or b"", np.int64)[found.offset : found.offset + len(found)]
        return (lengths if null is None else np.where(null, 0, lengths)) + 4
    try:
        width = max(array.type.bit_width // 8, 1)
    except ValueError:
        width = 16
    return np.full(len(array), width, np.int64)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")

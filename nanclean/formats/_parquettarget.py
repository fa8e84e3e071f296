"""Parquet files made from blocks: what no rule has touched keeps schema, metadata, row groups, codecs and cells."""

from __future__ import annotations

import base64
import inspect
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import packed, packed_bits
from nanclean.column import Mask, bits_to_mask
from nanclean.errors import OutputError, RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats import _pandasmeta
from nanclean.formats._columns import Leaf, leaves
from nanclean.formats._rebuild import Maker, cells_of_lists, nullable_cells, patched
from nanclean.formats.parquet import ParquetSource
from nanclean.target import Out, Target
from nanclean.typed import is_list, stored, type_of
from nanclean.wording import quoted

ROWS = 1 << 20
"""Of a row group, where the source has none."""
BYTES = 128 << 20
"""About what a row group may take in memory, where the source has none."""
CODEC = "ZSTD"
SCHEMA = b"ARROW:schema"
COPIES = (
    b"org.apache.spark.sql.parquet.row.metadata", b"parquet.avro.schema", b"avro.schema", b"iceberg.schema",
)  # fmt: skip
"""Where others put their own description of the columns. Their readers believe it more than the schema itself, and do
without it."""
EXTENSION = (b"ARROW:extension:name", b"ARROW:extension:metadata")


@dataclass(frozen=True)
class Node:
    """A field of the output: a column, or a struct with some below it."""

    field: pa.Field
    place: int
    """Among the fields that stood beside it when it was read."""
    column: int = -1
    """Its place among the columns; of a struct -1."""
    children: tuple[Node, ...] = ()
    same: bool = True
    """Nothing below it is gone, or has another type."""

    def columns(self) -> Iterator[int]:
        """Those at and below it."""
        if self.column >= 0:
            yield self.column
        for child in self.children:
            yield from child.columns()


@dataclass(frozen=True)
class Piece:
    """A block as it goes into the file."""

    numbers: np.ndarray
    """int64, (rows,): which records of the source they are."""
    stop: int
    """The record after the last one of the batch that they come from."""
    arrays: Sequence[pa.Array]


class ParquetTarget(Target):
    """A Parquet file on its way. One row group is held decoded at most."""

    format: ClassVar[str] = "parquet"

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        self._path, self._source = path, source
        self._original = source if isinstance(source, ParquetSource) else None
        self.reading = ReadOptions()
        nothing = source.nothing().columns
        makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        plan = _Plan(makers, self._original)
        self._nodes, self._makers = plan.nodes, plan.makers
        self._logical = pa.schema([node.field for node in self._nodes])
        wide = _of_96_bits(self._original, self._makers)
        self._fine = None if self._original is None else _Fine.of(self._original, wide)
        if self._fine is not None:
            types = self._original.types_with_unit(self._fine.unit) if self._original is not None else []
            self._nodes = [_refined(node, self._makers, self._fine.columns, types) for node in self._nodes]
        self._options = _options(self._original, self._makers) | {"use_deprecated_int96_timestamps": bool(wide)}
        self._stores = self._original is None or SCHEMA in (self._original.metadata.metadata or {})
        self._settle(pa.schema([node.field for node in self._nodes]))
        self._pending: list[list[pa.Array]] = [[] for _ in self._nodes]
        self._rows = self._written = self._group = self._bytes = 0
        self._ends = list(accumulate(self._original.groups)) if self._original is not None else []
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
        self._options["compression"] = self._codecs([list(leaf.columns) for leaf in at_hand], paths)
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

    def _codecs(self, columns: list[list[int]], paths: list[str]) -> dict[str, str] | str:
        """Of each column of the file that it had. New ones take the first of the others."""
        there = [] if self._original is None else self._original.codecs()
        if self._original is None or not there:
            return CODEC
        found: dict[str, str] = {}
        for maker, places in zip(self._makers, columns, strict=True):
            origin = maker.out.origin
            old = [] if origin is None else [there[i] for i in self._original.leaves[origin].columns]
            for i, place in enumerate(places):
                codec = old[i] if i < len(old) else there[0]
                found[paths[place]] = "NONE" if codec == "UNCOMPRESSED" else codec
        return found

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

    def columns(self, block: Block) -> list[Raw]:
        return [maker.array(block) for maker in self._makers]

    def encoded(self, block: Block, columns: Sequence[Raw]) -> Piece:
        stop = block.batch.start + block.batch.rows
        if self._original is None:
            return Piece(np.empty(0, np.int64), stop, list(columns))
        held = [block.columns[maker.name] for maker in self._makers]
        touched = {i for i, maker in enumerate(self._makers) if maker.touches(held[i])}
        batch = block.batch.origin
        assert isinstance(batch, pa.RecordBatch)
        if block.kept is not None:
            batch = batch.take(packed(block.kept))
        cells = list(columns)
        if self._fine is not None:
            for i, array in self._fine.cells(block, self._makers, held).items():
                cells[i] = array
                touched.add(i)
        arrays = []
        for node in self._nodes:
            if node.column >= 0:
                arrays.append(cells[node.column])
            else:
                arrays.append(_remade(node, batch.column(node.place), cells, touched, block, self._makers))
        return Piece(block.numbers(), stop, arrays)

    # --- in order

    def write(self, piece: Piece) -> None:
        if self._original is None:
            self._write_freely(piece.arrays)
            return
        done = 0
        while self._group < len(self._ends) and self._ends[self._group] <= piece.stop:
            end = int(np.searchsorted(piece.numbers, self._ends[self._group]))
            self._keep([array.slice(done, end - done) for array in piece.arrays])
            self._flush()
            done = end
            self._group += 1
        self._keep([array.slice(done) for array in piece.arrays] if done else piece.arrays)

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

    def _keep(self, arrays: Sequence[pa.Array]) -> None:
        rows = len(arrays[0]) if len(arrays) else 0
        if not rows:
            return
        for pending, array in zip(self._pending, arrays, strict=True):
            pending.append(array)
        self._rows += rows
        self._written += rows

    def _flush(self) -> None:
        """What has been kept becomes a row group."""
        if not self._rows:
            return
        assert self._writer is not None
        columns = []
        for pending, field in zip(self._pending, self._schema, strict=True):
            columns.append(_joined(pending, field.type))
            pending.clear()
        table = pa.Table.from_arrays(columns, schema=self._schema)
        del columns
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


# --- structs


class _Plan:
    """Which fields the output has, and the columns in the order in which a reader finds them."""

    def __init__(self, makers: Sequence[Maker], original: ParquetSource | None) -> None:
        self.makers: list[Maker] = []
        self.nodes: list[Node] = []
        if original is None:
            for maker in makers:
                self._add(maker)
            return
        self._of = {maker.out.origin: maker for maker in makers if maker.out.origin is not None}
        owners = [place for place, field in enumerate(original.schema) for _ in range(_leaves_of(field.type))]
        starts = [owners.index(place) if place in owners else 0 for place in range(len(original.schema))]
        done: set[int] = set()
        for maker in makers:
            if maker.out.origin is None:
                self._add(maker)
                continue
            place = owners[maker.out.origin]
            if place in done:
                continue
            done.add(place)
            self._next = starts[place]
            node = self._node(original.schema.field(place), place)
            assert node is not None
            self.nodes.append(node)

    def _add(self, maker: Maker) -> None:
        self.nodes.append(Node(pa.field(maker.name, maker.type), -1, len(self.makers)))
        self.makers.append(maker)

    def _node(self, field: pa.Field, place: int) -> Node | None:
        """What is left of a field; None: nothing."""
        storage = _storage(field.type)
        if not pa.types.is_struct(storage):
            maker = self._of.get(self._next)
            self._next += 1
            return None if maker is None else self._leaf(field, place, maker)
        children = [self._node(storage.field(i), i) for i in range(storage.num_fields)]
        left = tuple(child for child in children if child is not None)
        if not left:
            return None
        type_ = pa.struct([child.field for child in left])
        if len(left) == len(children) and all(child.same for child in left):
            return Node(field, place, children=left)
        return Node(_having(field, type_), place, children=left, same=False)

    def _leaf(self, field: pa.Field, place: int, maker: Maker) -> Node:
        if maker.keeps:
            maker.type = field.type
        if maker.out.changed:
            maker.type = nullable_cells(maker.type)
        self.makers.append(maker)
        new = field if field.type == maker.type else _having(field, maker.type)
        new = new.with_nullable(field.nullable or maker.out.changed)
        return Node(new, place, len(self.makers) - 1, same=new.equals(field))


def _having(field: pa.Field, type_: pa.DataType) -> pa.Field:
    """With another type. It is no longer what an extension made of it."""
    metadata = {key: value for key, value in (field.metadata or {}).items() if key not in EXTENSION}
    return field.with_type(type_).with_metadata(metadata or None)


def _storage(type_: pa.DataType) -> pa.DataType:
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def _leaves_of(type_: pa.DataType) -> int:
    type_ = _storage(type_)
    if not pa.types.is_struct(type_):
        return 1
    return sum(_leaves_of(type_.field(i).type) for i in range(type_.num_fields))


def _remade(
    node: Node, array: pa.Array, cells: Sequence[Raw], touched: set[int], block: Block, makers: Sequence[Maker]
) -> pa.Array:
    """A field as it was read, with the columns below it that are another."""
    if node.column >= 0:
        return cells[node.column] if node.column in touched else _typed(array, node.field.type)
    mine = touched.intersection(node.columns())
    if node.same and not mine:
        return _typed(array, node.field.type)
    storage = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    null = bits_to_mask(storage)
    revived = _revived(null, [cells[i] for i in mine])
    flat = storage.flatten()
    children = []
    for child in node.children:
        inside = mine.intersection(child.columns())
        if revived is not None and not inside and not child.field.nullable:
            record = int(block.numbers(np.flatnonzero(revived)[:1])[0])
            name = makers[next(child.columns())].name
            raise RuleError(
                f"{shortened(name)}, row {record + 1}: would have to be missing, which its type does not allow",
                hint=f"the struct around it is null there: {quoted(makers[min(mine)].name)}: missing -> drop",
            )
        # What no rule has touched keeps what stands under the nulls: it may be marked as never null.
        source = storage.field(child.place) if not inside and revived is None else flat[child.place]
        children.append(_remade(child, source, cells, touched, block, makers))
    lost = null if null is None or revived is None else null & ~revived
    mask = None if lost is None else packed_bits(lost)
    type_ = _storage(node.field.type)
    found = pa.StructArray.from_arrays(children, fields=[type_.field(i) for i in range(type_.num_fields)], mask=mask)
    if isinstance(node.field.type, pa.BaseExtensionType):
        found = pa.ExtensionArray.from_storage(node.field.type, found)
    return found


def _typed(array: pa.Array, type_: pa.DataType) -> pa.Array:
    return array if array.type == type_ else array.cast(type_)


def _revived(null: Mask | None, columns: Sequence[Raw]) -> Mask | None:
    """Structs that were null, and in which a rule has put something. None: there are none."""
    if null is None:
        return None
    found = np.zeros(len(null), dtype=bool)
    for column in columns:
        lost = bits_to_mask(column)
        found |= null if lost is None else null & ~lost
    return found if found.any() else None


# --- timestamps of 96 bits


class _Fine:
    """Timestamps of 96 bits as they stand in the file, where they have nanoseconds: they are read in microseconds."""

    def __init__(self, source: ParquetSource, columns: Sequence[int], unit: str) -> None:
        self.source, self.columns, self.unit = source, columns, unit
        self._begun: dict[int, _Rows] = {}
        self._lock = threading.Lock()
        self._starts = [0, *accumulate(source.groups)]

    @classmethod
    def of(cls, source: ParquetSource, columns: Sequence[int]) -> _Fine | None:
        """None: microseconds hold them all. OutputError where neither those nor nanoseconds do."""
        fine = far = False
        if columns:
            units = [source.with_unit(range(len(source.groups)), columns, unit) for unit in ("ns", "us", "s")]
            for batch in zip(*units, strict=True):
                for arrays in zip(*batch, strict=True):
                    nano, micro, whole = (_ticks(array) for array in arrays)
                    # Beyond their range nanoseconds wrap around, so that the difference is right nevertheless.
                    fine |= bool((nano != micro * 1000).any())
                    far |= bool((np.abs(micro) > _FAR).any())
                    if (micro // 1_000_000 != whole).any():
                        raise _unreachable(source, columns)
        if fine and far:
            raise _unreachable(source, columns)
        return cls(source, columns, "ns") if fine else None

    def cells(self, block: Block, makers: Sequence[Maker], held: Sequence[Held]) -> dict[int, pa.Array]:
        """By column of the output: the cells of a block with their nanoseconds."""
        batch = block.batch
        with self._lock:
            rows = self._begun.pop(batch.start, None)
        if rows is None:
            group = int(np.searchsorted(self._starts, batch.start, side="right")) - 1
            rows = _Rows(self.source.with_unit(range(group, len(self.source.groups)), self.columns, self.unit))
            rows.take(batch.start - self._starts[group])
        arrays = rows.take(batch.rows)
        with self._lock:
            self._begun[batch.start + batch.rows] = rows
        found = {}
        for i, maker in enumerate(makers):
            if maker.out.origin in self.columns:
                raw = arrays[self.columns.index(maker.out.origin)]
                if block.kept is not None:
                    raw = raw.take(packed(block.kept))
                changed = held[i].changed
                found[i] = raw if changed is None else patched(raw, held[i].view, changed, maker.name)
        return found


class _Rows:
    """Batches, handed out in other portions."""

    def __init__(self, batches: Iterator[list[pa.Array]]) -> None:
        self._batches = batches
        self._left: list[pa.Array] = []

    def take(self, rows: int) -> list[pa.Array]:
        """The next rows of each column."""
        parts: list[list[pa.Array]] = []
        while rows:
            if not self._left or not len(self._left[0]):
                self._left = next(self._batches)
                continue
            n = min(rows, len(self._left[0]))
            parts.append([array.slice(0, n) for array in self._left])
            self._left = [array.slice(n) for array in self._left]
            rows -= n
        if len(parts) == 1:
            return parts[0]
        return [pa.concat_arrays(each) for each in zip(*parts, strict=True)]


_FAR = np.iinfo(np.int64).max // 1000 - 1


def _unreachable(source: ParquetSource, columns: Sequence[int]) -> OutputError:
    names = ", ".join(shortened(source.leaves[i].name) for i in columns[:5])
    return OutputError(
        f"{source.path}: {names}: timestamps of 96 bits, some with nanoseconds and some beyond the years 1678 to 2262,"
        " cannot be written again as they are",
        hint="take the column out, or write it with one unit in the program that made the file",
    )


def _of_96_bits(source: ParquetSource | None, makers: Sequence[Maker]) -> list[int]:
    """Columns of the source with timestamps of 96 bits that are written again. UsageError beside other timestamps."""
    if source is None:
        return []
    schema = source.metadata.schema
    found = [
        i
        for i, leaf in enumerate(source.leaves)
        if any(schema.column(column).physical_type == "INT96" for column in leaf.columns)
    ]
    kept = [maker for maker in makers if maker.keeps and maker.out.origin in found]
    for maker in makers if kept else ():
        origin = maker.out.origin
        columns = [] if origin is None else source.leaves[origin].columns
        stamps = _timestamps(maker.type)
        if stamps and (not maker.keeps or stamps > sum(schema.column(i).physical_type == "INT96" for i in columns)):
            raise UsageError(
                f"{shortened(kept[0].name)} has timestamps of 96 bits, {shortened(maker.name)} others:"
                " they cannot be written side by side",
                hint=f'take one of them out: --rule "{quoted(maker.name)} -> drop_column"',
            )
    return sorted(maker.out.origin for maker in kept if maker.out.origin is not None)


def _timestamps(type_: pa.DataType) -> int:
    """How many columns of timestamps a type has."""
    type_ = stored(type_)
    if pa.types.is_map(type_):
        return _timestamps(type_.key_type) + _timestamps(type_.item_type)
    if is_list(type_):
        return _timestamps(type_.value_type)
    if pa.types.is_struct(type_):
        return sum(_timestamps(type_.field(i).type) for i in range(type_.num_fields))
    return int(pa.types.is_timestamp(type_))


def _ticks(array: pa.Array) -> np.ndarray:
    """int64: all timestamps in a column, nested ones too; 0 for those that are null."""
    if pa.types.is_map(array.type):
        entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        return _ticks(array.cast(pa.list_(entry)))
    if is_list(array.type):
        return _ticks(array.flatten())
    if pa.types.is_struct(array.type):
        return np.concatenate([np.empty(0, np.int64), *map(_ticks, array.flatten())])
    if not pa.types.is_timestamp(array.type) or not len(array):
        return np.empty(0, np.int64)
    ticks = np.frombuffer(array.buffers()[1], np.int64, count=len(array), offset=array.offset * 8)
    null = bits_to_mask(array)
    return ticks if null is None else np.where(null, 0, ticks)


def _refined(node: Node, makers: Sequence[Maker], columns: Sequence[int], types: Sequence[pa.DataType]) -> Node:
    """With the unit in which timestamps of 96 bits are written."""
    if node.column >= 0:
        origin = makers[node.column].out.origin
        if origin not in columns or origin is None:
            return node
        return replace(node, field=node.field.with_type(types[origin]), same=False)
    children = tuple(_refined(child, makers, columns, types) for child in node.children)
    if all(child.same or child is old for child, old in zip(children, node.children, strict=True)):
        return node
    field = _having(node.field, pa.struct([child.field for child in children]))
    return replace(node, field=field, children=children, same=False)


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


def _joined(pieces: list[pa.Array], type_: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """One array: how blocks were cut leaves no trace in the file."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return pa.concat_arrays(pieces)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # more text than offsets of 32 bits reach; dictionaries
        return pa.chunked_array(pieces, type_)


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

"""Arrow files made from blocks: what no rule has touched keeps schema, metadata, record batches, codec and cells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from nanclean.errors import OutputError, RuleError, UsageError
from nanclean.escaping import shortened
from nanclean.format import Field, ReadOptions, Source
from nanclean.formats import _pandasmeta
from nanclean.formats._columns import leaves
from nanclean.formats._grouped import GroupedTarget
from nanclean.formats._maker import Maker
from nanclean.formats._structs import Node, Plan
from nanclean.formats.arrow import ArrowSource
from nanclean.target import Out
from nanclean.typed import type_of
from nanclean.wording import quoted

ROWS = 1 << 16
"""Of a record batch, where the source has none: as Feather has it."""
CODEC = "lz4"
"""Of files that were another format: Feather's own choice, which costs next to nothing to read."""
OLD_VERSION = 3
"""The fourth version of the metadata, from before Arrow 1.0."""


class ArrowTarget(GroupedTarget):
    """An Arrow file on its way. One record batch is held at most."""

    format: ClassVar[str] = "arrow"

    def __init__(self, source: Source, outs: Sequence[Out], path: str) -> None:
        self._path = path
        self._original = source if isinstance(source, ArrowSource) else None
        self.reading = ReadOptions()
        nothing = source.nothing().columns
        makers = [Maker(source, None if out.origin is None else nothing[out.origin], out) for out in outs]
        plan = Plan(makers, self._original)
        self._nodes, self._makers = plan.nodes, plan.makers
        index = None if self._original is None else self._original.index
        self._stream = index is not None and index.stream
        first = next((m for m in index.batches if m.rows), None) if index is not None else None
        self._codec = CODEC if index is None else None if first is None else first.codec
        self._version = OLD_VERSION if first is not None and first.version == OLD_VERSION else None
        self._schema = pa.schema([node.field for node in self._nodes], metadata=self._metadata())
        at_hand = leaves(self._schema)
        if self._original is not None:
            self._schema = _with_runs(self._schema, self._nodes, self._original.written)
        self.fields = tuple(Field(leaf.name, *type_of(leaf.type)) for leaf in at_hand)
        self._pending: list[list[pa.Array]] = [[] for _ in self._nodes]
        self._ends = None if index is None else list(accumulate(message.rows for message in index.batches))
        self._words: dict[tuple[int, ...], pa.Array] = {}
        """Of a file each dictionary as far as it goes: it can only grow."""
        self._sink: pa.NativeFile | None = None
        self._writer: Any = None
        try:
            with self._writing():
                self._sink = pa.OSFile(os.fsencode(path), "wb")
                self._writer = self._opened()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Any:
        options: dict[str, Any] = {"compression": self._codec, "use_threads": False}
        if self._version is not None:
            options["metadata_version"] = pa.ipc.MetadataVersion.V4
        if self._stream:
            return pa.ipc.new_stream(self._sink, self._schema, options=pa.ipc.IpcWriteOptions(**options))
        told = self._original.metadata if self._original is not None else None
        more = {"metadata": told} if told else {}
        options["emit_dictionary_deltas"] = True
        return pa.ipc.new_file(self._sink, self._schema, options=pa.ipc.IpcWriteOptions(**options), **more)

    def _metadata(self) -> dict[bytes, bytes] | None:
        """Of the schema. It stands before the rows: an index of pandas that counts them is that of the source."""
        if self._original is None:
            return None
        found = dict(self._original.schema.metadata or {})
        if _pandasmeta.KEY in found:
            rows = self._original.facts.rows
            after = pa.schema([node.field for node in self._nodes])
            found[_pandasmeta.KEY] = _pandasmeta.renewed(
                found[_pandasmeta.KEY], self._original.schema, after, rows, rows
            )
        return found or None

    def _write_freely(self, arrays: Sequence[pa.Array]) -> None:
        rows, done = len(arrays[0]) if len(arrays) else 0, 0
        while done < rows:
            n = min(ROWS - self._rows, rows - done)
            self._keep([array.slice(done, n) for array in arrays])
            done += n
            if self._rows == ROWS:
                self._flush()

    def _gather(self, arrays: Sequence[pa.Array], rows: int) -> None:
        for pending, array in zip(self._pending, arrays, strict=True):
            pending.append(array)

    def _flush(self) -> None:
        """What has been kept becomes a record batch."""
        if not self._rows:
            return
        with self._writing():
            columns = []
            for i, (pending, field) in enumerate(zip(self._pending, self._schema, strict=True)):
                array = pending[0] if len(pending) == 1 else _joined(pending, field)
                pending.clear()
                array = _typed(array, field.type)
                columns.append(array if self._stream else self._growing(array, (i,), field.name))
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._rows = 0

    def _growing(self, array: pa.Array, place: tuple[int, ...], name: str) -> pa.Array:
        """With the words that the file has so far, and new ones behind them: a file cannot take a word back."""
        type_ = array.type
        if isinstance(type_, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(type_, self._growing(array.storage, place, name))
        if pa.types.is_struct(type_) and "dictionary<" in str(type_):
            fields = [type_.field(i) for i in range(type_.num_fields)]
            children = [self._growing(array.field(i), (*place, i), name) for i in range(type_.num_fields)]
            mask = array.is_null() if array.null_count else None
            return pa.StructArray.from_arrays(children, fields=fields, mask=mask)
        if not pa.types.is_dictionary(type_):
            return array
        words = array.dictionary
        known = self._words.get(place)
        if known is None or (len(words) >= len(known) and words.slice(0, len(known)).equals(known)):
            self._words[place] = words
            return array
        if known.slice(0, len(words)).equals(words):
            return pa.DictionaryArray.from_arrays(array.indices, known, ordered=type_.ordered)
        new = pc.drop_null(words.filter(pc.invert(pc.is_in(words, value_set=known))))
        known = pa.concat_arrays([known, new]) if len(new) else known
        self._words[place] = known
        try:
            codes = pc.index_in(words, value_set=known).take(array.indices).cast(type_.index_type)
        except pa.ArrowInvalid:
            raise RuleError(
                f"{shortened(name)}: its dictionary has no room for further words ({type_.index_type})",
                hint="use one of the words that the column has",
            ) from None
        return pa.DictionaryArray.from_arrays(codes, known, ordered=type_.ordered)

    def finish(self) -> None:
        self._flush()
        assert self._sink is not None
        with self._writing():
            self._writer.close()
            self._sink.close()
        self._writer = self._sink = None

    def close(self) -> None:
        writer, sink = self._writer, self._sink
        self._writer = self._sink = None
        if sink is not None:
            with suppress(OSError):  # the file is given up
                sink.close()
        del writer

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except pa.ArrowException as error:
            told = str(error).strip().partition("\n")[0]
            if isinstance(error, pa.ArrowNotImplementedError):
                raise self._unwritable(told) from None
            raise OutputError(f"cannot write {self._path}: {shortened(told, 160)}") from error
        except OSError as error:
            told = os.strerror(error.errno).lower() if error.errno else shortened(str(error), 160)
            raise OutputError(f"cannot write {self._path}: {told}") from error

    def _unwritable(self, told: str) -> UsageError:
        names = [maker.name for maker in self._makers]
        hint = f'take the column out: --rule "{quoted(names[0])} -> drop_column"' if names else None
        return UsageError(f"{self._path}: cannot be written: {shortened(told, 160)}", hint=hint)


def _joined(pieces: list[pa.Array], field: pa.Field) -> pa.Array:
    """One array: how blocks were cut leaves no trace in the file."""
    type_ = field.type.value_type if pa.types.is_run_end_encoded(field.type) else field.type
    try:
        return pa.concat_arrays([piece if piece.type == type_ else piece.cast(type_) for piece in pieces])
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{shortened(field.name)}: a record batch of the file has more text than {field.type} can hold",
            hint=f"{shortened(str(error), 80)}: write .parquet",
        ) from None


def _typed(array: pa.Array, type_: pa.DataType) -> pa.Array:
    if pa.types.is_run_end_encoded(type_):
        return pc.run_end_encode(array, run_end_type=type_.run_end_type)
    return array if array.type == type_ else array.cast(type_)


def _with_runs(schema: pa.Schema, nodes: Sequence[Node], before: pa.Schema) -> pa.Schema:
    """With runs of equal cells where the source has them, and the column is of the type that it was."""
    for i, node in enumerate(nodes):
        old = before.field(node.place).type if node.place >= 0 else None
        if old is not None and pa.types.is_run_end_encoded(old) and old.value_type == node.field.type:
            schema = schema.set(i, schema.field(i).with_type(old))
    return schema

"""Drives a target as a fix does: batch by batch, with cells changed and rows left out, and reads the file back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean import patch, registry
from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.checksum import Checksum
from nanclean.column import Column
from nanclean.format import ReadOptions, Source
from nanclean.opening import opened
from nanclean.reading import Reading
from nanclean.target import Out, Target
from nanclean.tokens import Words

Change = Callable[[str, Column, np.ndarray], tuple[Column | None, np.ndarray | None]]
"""Of the name of a column, its view, and the record numbers of its rows: the new view and the cells that it changes."""


def unchanged(name: str, view: Column, rows: np.ndarray) -> tuple[Column, None]:
    return view, None


def reading_of(source: Source, types: dict[str, str] | None = None, missing: str | None = None) -> Reading:
    words = [Words() if missing is None else Words(declared=frozenset({missing}))] * len(source.fields)
    demanded = {i: types[f.name] for i, f in enumerate(source.fields) if types and f.name in types}
    return Reading.guessed(source, source.sample(), words, demanded)


def made(
    batch: Batch, source: Source, reading: Reading, change: Change = unchanged, keep: Any = None, added: Any = None
) -> Block:
    rows = np.arange(batch.rows, dtype=np.int64) + batch.start
    columns: dict[str, Held] = {}
    for i, (field, raw) in enumerate(zip(source.fields, batch.columns, strict=True)):
        view, changed = change(field.name, reading.column(i, raw)[0], rows)
        if view is not None:
            columns[field.name] = Held(view, i, None if changed is None or not changed.any() else changed)
    for name, column in (added(rows) if added else {}).items():
        columns[name] = Held(column, None)
    block = Block(batch, columns)
    return block if keep is None else block.where(keep(rows))


def outs(
    source: Source, reading: Reading, change: Change = unchanged, added: Any = None, touched: Any = ()
) -> list[Out]:
    block = made(source.nothing(), source, reading, change, None, added)
    return [Out(name, held.view, held.origin, changed=name in touched) for name, held in block.columns.items()]


def rewritten(
    source: Source | str | Path, path: Path, change: Change = unchanged, keep: Any = None, added: Any = None,
    touched: Sequence[str] = (), types: dict[str, str] | None = None, options: ReadOptions | None = None,
    missing: str | None = None,
) -> Target:  # fmt: skip
    """Write it, read it back, and hold every column against its checksum, as the proof of a fix does."""
    options = options or ReadOptions()
    source = opened(source, options) if isinstance(source, str | Path) else source
    path.write_bytes(b"")
    with closing(source):
        reading = reading_of(source, types, missing)
        module = registry.module("formats", path.suffix[1:])
        target: Target = module.target(source, outs(source, reading, change, added, touched), str(path), options)
        checksums = [Checksum() for _ in target.fields]
        rows = 0
        with closing(target):
            for split in source.splits():
                for batch in split.batches():
                    block = made(batch, source, reading, change, keep, added)
                    columns = target.columns(block)
                    for checksum, raw in zip(checksums, columns, strict=True):
                        assert len(raw) == block.rows
                        checksum.add(raw)
                    target.write(target.encoded(block, columns))
                    rows += block.rows
            target.finish()
    proven(path, target, checksums, rows)
    return target


def proven(path: Path, target: Target, checksums: Sequence[Checksum], rows: int) -> None:
    again = opened(path, target.reading)
    assert again.fields == target.fields
    found = [Checksum() for _ in again.fields]
    for split in again.splits():
        for batch in split.batches():
            for checksum, raw in zip(found, batch.columns, strict=True):
                checksum.add(raw)
    assert again.facts.rows == rows
    for field, mine, theirs in zip(again.fields, found, checksums, strict=True):
        assert mine == theirs, field.name
    again.close()


def at(rows: Sequence[int], names: Sequence[str], value: Any) -> Change:
    """Put a value (None: missing) into some rows, by record number, of some columns with one cell in each row."""

    def change(name: str, view: Column, numbers: np.ndarray) -> tuple[Column, np.ndarray | None]:
        cells = np.isin(numbers, rows)
        if name not in names or not cells.any():
            return view, None
        if value is None:
            return patch.blanked(view, cells), cells
        there = value
        if not hasattr(view, "values"):
            array: Any = view.array  # type: ignore[attr-defined]
            there = pa.array([value], array.type)
        return patch.put(view, cells, there), cells

    return change

"""Which columns the records of JSON Lines have, and of what type: settled from every line.

A key is a column, and a key of an object in a record is one, too: `a.b`. They stand in the order of their first
appearance in the whole file. What a value is, JSON itself says, so that nothing is guessed:

- numbers only: integers if none has a point or an exponent and all fit into int64 (or uint64), otherwise float64;
- true and false only: boolean; text only: text, whatever it looks like; lists of numbers only: lists;
- numbers, text, true and false side by side: text, with the numbers as they are written. (In a CSV file a column is
  numeric at 95 % numbers, because there nothing but the cells can tell. Here somebody has written quotes.)
- anything else, lists of objects for example: other, which is carried along and not looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nanclean.formats._jsonvalues import Point, Special, Whole, beyond

BOOL, INT, UINT, BIG, FLOAT, TEXT, LIST, OBJECT, NEGATIVE = (1 << i for i in range(9))
NUMBER = INT | UINT | BIG | FLOAT | NEGATIVE
LIMIT = 2.0**63
ITEM = "\0item"
"""Stands for the cells of a list in a path. JSON can have such a key, but then no list at its place."""

Path = tuple[str, ...]


class Unclear(Exception):
    """The fast parser cannot tell what a column is."""


@dataclass
class Kinds:
    """The kinds of values by path, in order of first appearance."""

    found: dict[Path, int] = field(default_factory=dict)
    overflow: dict[Path, list[int]] = field(default_factory=dict)
    """Numbers that float64 holds as infinite: how many, and the record of the first."""

    def add_table(self, table: pa.Table) -> None:
        """What the fast parser has found. Unclear where that is not enough."""
        fresh: dict[Path, int] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            for chunk in column.chunks or [pa.nulls(0, column.type)]:
                self._add_array((name,), chunk, fresh)
        for path, kind in fresh.items():
            self.found[path] = self.found.get(path, 0) | kind

    def _add_array(self, path: Path, array: pa.Array, fresh: dict[Path, int]) -> None:
        type_ = array.type
        fresh.setdefault(path, 0)
        if array.null_count == len(array) and not pa.types.is_struct(type_):
            return
        if pa.types.is_struct(type_):
            if array.null_count < len(array):
                fresh[path] |= OBJECT
            for i, child in enumerate(array.flatten()):
                self._add_array((*path, type_.field(i).name), child, fresh)
        elif pa.types.is_list(type_):
            fresh[path] |= LIST
            self._add_array((*path, ITEM), array.flatten(), fresh)
        elif pa.types.is_boolean(type_):
            fresh[path] |= BOOL
        elif pa.types.is_int64(type_):
            fresh[path] |= INT | (NEGATIVE if pc.min(array).as_py() < 0 else 0)
        elif pa.types.is_uint64(type_):
            fresh[path] |= INT | UINT
        elif pa.types.is_floating(type_):
            self._add_floats(path, array, fresh)
        else:
            fresh[path] |= TEXT

    def _add_floats(self, path: Path, array: pa.Array, fresh: dict[Path, int]) -> None:
        """Integers beyond 64 bits look like floats."""
        if not self.found.get(path, 0) & FLOAT:
            whole = pc.equal(array, pc.trunc(array))
            if pc.all(whole).as_py() and pc.any(pc.greater_equal(pc.abs(array), LIMIT)).as_py():
                raise Unclear
        fresh[path] |= FLOAT

    def add_object(self, record: dict[str, Any], number: int) -> None:
        """A record, with its number in the file."""
        for key, value in record.items():
            self._add((key,), value, number)

    def _add(self, path: Path, value: Any, number: int) -> None:
        kind = self.found.get(path, 0)
        if isinstance(value, bool):
            kind |= BOOL
        elif isinstance(value, Whole):
            whole = int(value) if len(value) < 30 else None
            if whole is None or not -(2**63) <= whole < 2**64:
                kind |= BIG
            else:
                kind |= (INT if whole < 2**63 else UINT) | (NEGATIVE if whole < 0 else 0)
        elif isinstance(value, Point | Special):
            kind |= FLOAT
        elif isinstance(value, str):
            kind |= TEXT
        elif isinstance(value, list):
            kind |= LIST
        elif isinstance(value, dict):
            kind |= OBJECT
        self.found[path] = kind
        if isinstance(value, Point | Whole) and beyond(value):
            self.overflow.setdefault(path, [0, number])[0] += 1
        for key, each in value.items() if isinstance(value, dict) else ():
            self._add((*path, key), each, number)
        for each in value if isinstance(value, list) else ():
            self._add((*path, ITEM), each, number)

    def guess(self) -> pa.Schema | None:
        """A schema that the next lines may well have, to spare the parser the search. None: nothing to go by."""
        fields = [self._guessed(path) for path in self.found if len(path) == 1]
        there = [each for each in fields if each is not None]
        return pa.schema(there) if there else None

    def _guessed(self, path: Path) -> pa.Field | None:
        kind = self.found.get(path, 0)
        children = [each for each in self.found if len(each) == len(path) + 1 and each[: len(path)] == path]
        if kind == OBJECT:
            inner = [self._guessed(child) for child in children]
            return None if any(each is None for each in inner) else pa.field(path[-1], pa.struct(inner))
        if kind == LIST:
            item = self._guessed((*path, ITEM))
            return None if item is None else pa.field(path[-1], pa.list_(item.type))
        type_ = {TEXT: pa.string(), BOOL: pa.bool_(), INT: pa.int64(), INT | NEGATIVE: pa.int64()}.get(kind)
        type_ = pa.float64() if kind & FLOAT and not kind & ~NUMBER else type_
        return None if type_ is None else pa.field(path[-1], type_)

    def columns(self) -> list[JsonColumn]:
        """As all lines say."""
        children: dict[Path, list[Path]] = {}
        for path in self.found:
            children.setdefault(path[:-1], []).append(path)
        found: list[JsonColumn] = []
        for path in children.get((), []):
            self._settle(path, children, found)
        return found

    def _settle(self, path: Path, children: dict[Path, list[Path]], found: list[JsonColumn]) -> None:
        keys = [child for child in children.get(path, []) if child[-1] != ITEM]
        if self.found[path] == OBJECT and keys:
            for child in keys:
                self._settle(child, children, found)
            return
        type_ = self._type(path)
        if type_ is not None:
            found.append(JsonColumn(path, type_))
        elif not self.found[path] & ~(NUMBER | TEXT | BOOL):
            found.append(JsonColumn(path, pa.string(), "text"))
        else:
            found.append(JsonColumn(path, pa.binary(), "other"))

    def _type(self, path: Path) -> pa.DataType | None:
        kind = self.found.get(path, 0)
        if not kind:
            return pa.null()
        if not kind & ~NUMBER:
            if kind & (FLOAT | BIG) or (kind & UINT and kind & NEGATIVE):
                return pa.float64()
            return pa.uint64() if kind & UINT else pa.int64()
        if kind == LIST:
            item = self._type((*path, ITEM))
            if item is None or not (pa.types.is_null(item) or _of_numbers(item)):
                return None
            return pa.list_(pa.float64() if pa.types.is_null(item) else item)
        return {TEXT: pa.string(), BOOL: pa.bool_()}.get(kind)


def _of_numbers(type_: pa.DataType) -> bool:
    return (
        _of_numbers(type_.value_type)
        if pa.types.is_list(type_)
        else not (pa.types.is_string(type_) or pa.types.is_boolean(type_))
    )


@dataclass(frozen=True)
class JsonColumn:
    """A column: the keys that lead to it, and the type that its cells have in memory."""

    path: Path
    type: pa.DataType
    written: str = ""
    """text: a column of mixed kinds, whose numbers are read as they are written; other: JSON text."""

    @property
    def name(self) -> str:
        return ".".join(self.path)


def schema_of(columns: Sequence[JsonColumn]) -> pa.Schema:
    """For the fast parser: objects as structs. Not the order of the columns."""
    tree: dict[str, Any] = {}
    for column in columns:
        below = tree
        for key in column.path[:-1]:
            below = below.setdefault(key, {})
        below[column.path[-1]] = column.type
    return pa.schema(_fields(tree))


def _fields(tree: dict[str, Any]) -> list[pa.Field]:
    return [
        pa.field(key, pa.struct(_fields(below)) if isinstance(below, dict) else below) for key, below in tree.items()
    ]

"""Structs around the columns of a file: taken apart when it is read, and put together when it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from nanclean.batch import Raw
from nanclean.block import Block
from nanclean.cells import packed_bits
from nanclean.column import Mask, bits_to_mask
from nanclean.errors import RuleError
from nanclean.escaping import shortened
from nanclean.formats._maker import Maker
from nanclean.formats._rebuild import nullable_cells
from nanclean.wording import quoted

EXTENSION = (b"ARROW:extension:name", b"ARROW:extension:metadata")


class HasSchema(Protocol):
    """A source of Arrow data."""

    schema: pa.Schema


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


class Plan:
    """Which fields the output has, and the columns in the order in which a reader finds them."""

    def __init__(self, makers: Sequence[Maker], original: HasSchema | None) -> None:
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
        return Node(having(field, type_), place, children=left, same=False)

    def _leaf(self, field: pa.Field, place: int, maker: Maker) -> Node:
        if maker.keeps:
            maker.type = field.type
        if maker.out.changed:
            maker.type = nullable_cells(maker.type)
        self.makers.append(maker)
        new = field if field.type == maker.type else having(field, maker.type)
        new = new.with_nullable(field.nullable or maker.out.changed)
        return Node(new, place, len(self.makers) - 1, same=new.equals(field))


def having(field: pa.Field, type_: pa.DataType) -> pa.Field:
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


def remade(
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
        children.append(remade(child, source, cells, touched, block, makers))
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


def refined(node: Node, makers: Sequence[Maker], columns: Sequence[int], types: Sequence[pa.DataType]) -> Node:
    """With the unit in which timestamps of 96 bits are written."""
    if node.column >= 0:
        origin = makers[node.column].out.origin
        if origin not in columns or origin is None:
            return node
        return replace(node, field=node.field.with_type(types[origin]), same=False)
    children = tuple(refined(child, makers, columns, types) for child in node.children)
    if all(child.same or child is old for child, old in zip(children, node.children, strict=True)):
        return node
    field = having(node.field, pa.struct([child.field for child in children]))
    return replace(node, field=field, children=children, same=False)

"""Columns of nested Arrow data: structs are looked into, each leaf is a column of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from nanclean.formats._dialect import unique_names
from nanclean.typed import is_list


@dataclass(frozen=True)
class Leaf:
    """A column that is no struct, wherever it stands."""

    name: str
    """`a.b` for the child b of the struct a; not the same for two leaves."""
    written: str
    """As the file has it."""
    type: pa.DataType
    columns: range
    """The columns of Parquet that hold it: several for a map, or a list of structs."""


def leaves(schema: pa.Schema) -> list[Leaf]:
    """The leaves in the order of the file."""
    found: list[Leaf] = []
    for field in schema:
        _collect(field.name, field.type, found)
    names = unique_names([leaf.written for leaf in found])
    return [replace(leaf, name=name) for leaf, name in zip(found, names, strict=True)]


def _collect(name: str, type_: pa.DataType, found: list[Leaf]) -> None:
    stored = type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_
    if pa.types.is_struct(stored):
        for i in range(stored.num_fields):
            child = stored.field(i)
            _collect(f"{name}.{child.name}", child.type, found)
        return
    first = found[-1].columns.stop if found else 0
    found.append(Leaf(name, name, type_, range(first, first + _width(stored))))


def _width(type_: pa.DataType) -> int:
    """The number of Parquet columns that a type takes."""
    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    if pa.types.is_map(type_):
        return _width(type_.key_type) + _width(type_.item_type)
    if is_list(type_):
        return _width(type_.value_type)
    if pa.types.is_struct(type_):
        return sum(_width(type_.field(i).type) for i in range(type_.num_fields))
    return 1


def leaf_arrays(batch: pa.RecordBatch) -> list[pa.Array]:
    """The arrays of the leaves, in order. A leaf is null where the struct above it is."""
    return [leaf for array in batch.columns for leaf in _flat(array)]


def _flat(array: pa.Array) -> Iterator[pa.Array]:
    stored = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    if not pa.types.is_struct(stored.type):
        yield array
        return
    for child in stored.flatten():
        yield from _flat(child)


def without_views(array: pa.Array) -> pa.Array:
    """The same cells without views of text or bytes, wherever they are: Arrow can neither take nor filter those."""
    type_ = array.type
    if not pa.types.is_nested(type_) and "_view" not in str(type_):
        return array
    if pa.types.is_dictionary(type_):
        words = without_views(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, words, ordered=type_.ordered)
    found = _without_views(type_)
    return array if found.equals(type_) else array.cast(found)


def _without_views(type_: pa.DataType) -> pa.DataType:
    name = str(type_)
    if name in ("string_view", "binary_view"):
        return pa.large_string() if name == "string_view" else pa.large_binary()
    if "_view" not in name:
        return type_
    if pa.types.is_struct(type_):
        fields = [type_.field(i) for i in range(type_.num_fields)]
        return pa.struct([field.with_type(_without_views(field.type)) for field in fields])
    if pa.types.is_map(type_):
        return pa.map_(_without_views(type_.key_type), _without_views(type_.item_type), type_.keys_sorted)
    if is_list(type_):
        return of_lists(type_, type_.value_field.with_type(_without_views(type_.value_type)))
    return type_


def of_lists(type_: pa.DataType, field: pa.Field) -> pa.DataType:
    """The same kind of lists, of other cells."""
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(field, type_.list_size)
    if pa.types.is_large_list(type_):
        return pa.large_list(field)
    if pa.types.is_list(type_):
        return pa.list_(field)
    return pa.large_list_view(field) if str(type_).startswith("large") else pa.list_view(field)

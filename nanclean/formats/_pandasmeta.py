"""What pandas has put into a Parquet file about its columns, kept true when the columns change."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

KEY = b"pandas"


def renewed(text: bytes, before: pa.Schema, after: pa.Schema, read: int, written: int) -> bytes:
    """The description of `after`, from that of `before`; the same bytes where nothing has changed.

    read, written: how many rows there were, and are: an index that only counts them is described by its end.
    """
    try:
        found = json.loads(text)
        columns, index = found["columns"], found["index_columns"]
        names = [_name(column) for column in columns]
    except (ValueError, KeyError, TypeError, AttributeError):
        return text  # nobody's, or damaged: pandas will not read it either
    old, new = _types(before), _types(after)
    kept = [_described(c, n, old, new) for c, n in zip(columns, names, strict=True) if n not in old or n in new]
    added = [_description(name, type_) for name, type_ in new.items() if name not in old]
    indices = [_index(i, read, written) for i in index if not (isinstance(i, str) and i in old and i not in new)]
    if kept == columns and not added and indices == index:
        return text
    position = len(kept)
    while position and names and _is_index(kept[position - 1], indices):  # pandas has those of the index last
        position -= 1
    found["columns"] = kept[:position] + added + kept[position:]
    found["index_columns"] = indices
    return json.dumps(found).encode()


def _types(schema: pa.Schema) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in schema}


def _name(column: Any) -> str:
    name = column.get("field_name", column.get("name"))
    return str(name)


def _is_index(column: Any, indices: list[Any]) -> bool:
    return _name(column) in [index for index in indices if isinstance(index, str)]


def _described(column: Any, name: str, old: dict[str, pa.DataType], new: dict[str, pa.DataType]) -> Any:
    if name not in new or name not in old or new[name] == old[name] or pa.types.is_nested(new[name]):
        return column
    found = _description(name, new[name])
    return column | {key: found[key] for key in ("pandas_type", "numpy_type", "metadata")}


def _description(name: str, type_: pa.DataType) -> dict[str, Any]:
    pandas_type, numpy_type = str(type_), str(type_)
    if pa.types.is_floating(type_):
        pandas_type = numpy_type = f"float{type_.bit_width}"
    elif pa.types.is_string(type_) or pa.types.is_large_string(type_):
        pandas_type, numpy_type = "unicode", "object"
    elif not (pa.types.is_integer(type_) or pa.types.is_boolean(type_)):
        pandas_type, numpy_type = "object", "object"
    return {
        "name": name, "field_name": name, "pandas_type": pandas_type, "numpy_type": numpy_type, "metadata": None,
    }  # fmt: skip


def _index(index: Any, read: int, written: int) -> Any:
    """A range that counts the rows ends where they end now. The numbers of the rows that went are not kept in it."""
    if not isinstance(index, dict) or index.get("kind") != "range":
        return index
    start, stop, step = index.get("start"), index.get("stop"), index.get("step")
    if not (isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step):
        return index
    if len(range(start, stop, step)) != read:
        return index
    return index if read == written else index | {"stop": start + written * step}

"""What the values of a JSON object are, one line after the other: slowly, and with every mistake by its place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.errors import InputError
from nanclean.escaping import shortened
from nanclean.formats._jsonlines import Lines
from nanclean.typed import bitmap, strings


class Whole(str):
    """A number without point and exponent, as it is written."""


class Point(str):
    """A number with one."""


class Special(str):
    """NaN, Infinity or -Infinity."""


class _Twice(ValueError):
    """An object that has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for i, key in enumerate(keys) if key in keys[:i]))
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=Whole, parse_float=Point, parse_constant=Special)


def objects(path: str, raw: bytes, lines: Lines, line: int) -> Iterator[dict[str, Any]]:
    """Each record as a dict, its numbers as they are written. InputError, with line and column, if it is none."""
    starts, stops = lines.starts.tolist(), lines.stops.tolist()
    for start, stop, number in zip(starts, stops, lines.numbers.tolist(), strict=True):
        where = f"{path}: line {line + number:,}"
        text = raw[start:stop].decode()
        try:
            found = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{where}, column {error.colno:,}: is no JSON: {error.msg[:1].lower()}{error.msg[1:]}",
                hint=_hint(text, path),
            ) from None
        except _Twice as error:
            raise InputError(
                f"{where}: the key {shortened(str(error))} stands in it twice", hint="which of the two is meant?"
            ) from None
        except RecursionError:
            raise InputError(f"{where}: is nested too deeply", hint="take it out, or flatten it") from None
        if not isinstance(found, dict):
            raise InputError(f"{where}: is no JSON object but {_kind(found)}", hint=_hint(text, path))
        yield found


def _hint(text: str, path: str) -> str:
    if text.startswith("[") or text.strip() in ("{", "["):
        return (
            f"one document for all? in Python: pandas.read_json({path!r}).to_json('table.jsonl', "
            "orient='records', lines=True)"
        )
    return 'each line must be one object: {"x": 1.5, "y": null}'


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "a number" if isinstance(value, Whole | Point | Special) else "a text"


# --- cells


def inside(record: Any, path: Sequence[str]) -> Any:
    """A value of a record, or None where it is not."""
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def dumped(value: Any) -> str:
    """A value as JSON again, its numbers as they were written."""
    if isinstance(value, Whole | Point | Special):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dumped(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def literal(value: Any) -> str | None:
    """A cell of a column of mixed kinds as text: numbers as they are written."""
    return None if value is None else value if isinstance(value, str) else dumped(value)


def array(values: list[Any], type_: pa.DataType, other: bool = False) -> pa.Array:
    """Cells of a type. ValueError if one of them is not of it. other: JSON text of whatever it is."""
    if other:
        return as_json([None if value is None else dumped(value) for value in values])
    if pa.types.is_null(type_):
        if any(value is not None for value in values):
            raise ValueError("a value in a column without any")
        return pa.nulls(len(values))
    if pa.types.is_list(type_):
        _demand(all(value is None or isinstance(value, list) for value in values), type_)
        lengths = np.fromiter((len(value) if value is not None else 0 for value in values), np.int64, len(values))
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))).astype(np.int32)
        cells = array([cell for value in values if value is not None for cell in value], type_.value_type)
        return pa.Array.from_buffers(type_, len(values), [_valid(values), pa.py_buffer(offsets)], children=[cells])
    if pa.types.is_string(type_):
        return strings([literal(value) for value in values]).cast(type_)
    if pa.types.is_boolean(type_):
        _demand(all(value is None or isinstance(value, bool) for value in values), type_)
        data = np.fromiter((value is True for value in values), bool, len(values))
        return pa.Array.from_buffers(type_, len(values), [_valid(values), bitmap(data)])
    dtype: Any = type_.to_pandas_dtype()
    kinds = (Whole,) if pa.types.is_integer(type_) else (Whole, Point, Special)
    _demand(all(value is None or isinstance(value, kinds) for value in values), type_)
    of = int if pa.types.is_integer(type_) else float
    with np.errstate(over="ignore"):
        data = np.array([0 if value is None else of(value) for value in values], dtype)
    return pa.Array.from_buffers(type_, len(values), [_valid(values), pa.py_buffer(data)])


def as_json(texts: Sequence[str | None]) -> pa.Array:
    """JSON that nobody looks into."""
    found = strings(texts)
    return found.cast(pa.large_binary() if pa.types.is_large_string(found.type) else pa.binary())


def _demand(holds: bool, type_: pa.DataType) -> None:
    if not holds:
        raise ValueError(f"is no {type_}")


def _valid(values: list[Any]) -> pa.Buffer | None:
    there = np.fromiter((value is not None for value in values), bool, len(values))
    return None if there.all() else bitmap(there)


def beyond(value: Any) -> bool:
    """Whether a number is finite as it is written, and infinite as float64."""
    return isinstance(value, Whole | Point) and math.isinf(float(value))

"""Cells as JSON, and a line of JSON with some of its values replaced. What is not replaced keeps every byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import packed_bits
from nanclean.formats._celltext import numbers
from nanclean.typed import is_list, strings

GONE = "\0gone"
"""In the place of the new text of a value: the key goes as well."""
ESCAPED = r'["\\\x00-\x1f]'
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = " \t\r\n"
Path = tuple[str, ...]


def texts(array: pa.Array) -> pa.Array:
    """Each cell as JSON; null where it is missing. Numbers are the shortest that read back as the same."""
    found = _texts(array)
    return pc.fill_null(found, pa.scalar("null", found.type))


def _texts(array: pa.Array) -> pa.Array:
    type_ = array.type
    if pa.types.is_null(type_):
        return array.cast(pa.string())
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):  # JSON already
        return array.cast(pa.string() if pa.types.is_binary(type_) else pa.large_string())
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _quoted(array)
    if pa.types.is_boolean(type_):
        return array.cast(pa.string())
    if is_list(type_):
        return _lists(array)
    values = array.fill_null(0) if array.null_count else array
    dtype = np.dtype(type_.to_pandas_dtype())
    data = np.frombuffer(values.buffers()[1] or b"", dtype, len(values), values.offset * dtype.itemsize)
    found = numbers(data)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        for mask, word in ((np.isnan(data), "NaN"), (np.isposinf(data), "Infinity"), (np.isneginf(data), "-Infinity")):
            if mask.any():
                found = pc.if_else(packed_bits(mask), pa.scalar(word, found.type), found)
    return pc.if_else(array.is_null(), pa.scalar(None, found.type), found) if array.null_count else found


def _quoted(array: pa.Array) -> pa.Array:
    one = pa.scalar('"', array.type)
    found = pc.binary_join_element_wise(one, array, one, pa.scalar("", array.type))
    hard = pc.match_substring_regex(array.cast(pa.large_binary()), pattern=ESCAPED).fill_null(False)
    if not hard.true_count:
        return found
    some = strings([json.dumps(text, ensure_ascii=False) for text in array.filter(hard).to_pylist()])
    return pc.replace_with_mask(found, hard, some.cast(found.type))


def _lists(array: pa.Array) -> pa.Array:
    cells = iter(texts(array.flatten()).to_pylist())
    lengths = pc.list_value_length(array).to_pylist()
    return strings([None if n is None else "[" + ",".join(next(cells) for _ in range(n)) + "]" for n in lengths])


def objects(names: Sequence[str], columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Records of texts, each with a line feed."""
    parts: list[Any] = []
    large = pa.large_string()
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        parts += [pa.scalar(("{" if not i else ", ") + json.dumps(name, ensure_ascii=False) + ": ", large)]
        parts += [column.cast(large)]
    return pc.binary_join_element_wise(*parts, pa.scalar("}\n", large), pa.scalar("", large))


# --- a line


class _Member(NamedTuple):
    """A key and its value, by their places in the line."""

    key: str
    start: int
    value: int
    stop: int


def edited(line: str, changes: Mapping[Path, str]) -> str:
    """A record with other values: by the path of keys the new text, or GONE. A key that is not there is added."""
    found, end = _object(line, 0, changes, ())
    return found + line[end:]


def _object(line: str, start: int, changes: Mapping[Path, str], path: Path) -> tuple[str, int]:
    """The object that begins there with its changes, and where its closing brace is."""
    members, end = _members(line, start)
    spaced = bool(members) and line[members[0].value - 1] in _SPACE
    depth = len(path)
    left = {each[depth] for each in changes}
    pieces: list[str] = []
    at, gone_first, removed = start + 1, False, False
    for number, member in enumerate(members):
        if member.key not in left:
            continue
        left.discard(member.key)
        text = _value(line, member, changes, (*path, member.key), spaced)
        if text is None:
            continue
        if text != GONE:
            pieces.append(line[at : member.value] + text)
            at = member.stop
            continue
        removed = True
        gone_first |= not number
        before = members[number - 1].stop if number else start + 1
        pieces.append(line[at:before])
        at = member.stop
    body = "".join(pieces) + line[at:end]
    if gone_first:  # what is the first now begins as the first did
        lead = line[start + 1 : members[0].start]
        body = lead + body.lstrip(_SPACE).removeprefix(",").lstrip(_SPACE)
    empty = len(members) == 0 or (removed and not body.strip(_SPACE))
    added = _added(changes, left, path, spaced)
    if added:
        tail = len(body.rstrip(_SPACE))
        lead = "" if empty else ", " if spaced else ","
        body = body[:tail] + lead + (", " if spaced else ",").join(added) + body[tail:]
    return "{" + body, end


def _value(line: str, member: _Member, changes: Mapping[Path, str], here: Path, spaced: bool) -> str | None:
    """The new text of a member; None: it stays."""
    text = changes.get(here)
    if text is not None:
        return text
    below = {each: text for each, text in changes.items() if each[: len(here)] == here}
    if line[member.value] == "{":
        return _object(line, member.value, below, here)[0] + "}"
    return _fresh(below, here, spaced) if any(each not in ("null", GONE) for each in below.values()) else None


def _added(changes: Mapping[Path, str], keys: set[str], path: Path, spaced: bool) -> list[str]:
    """Members that were not there. One of an object that was not there, and that is missing, is not."""
    found = []
    for key in dict.fromkeys(each[len(path)] for each in changes) if keys else ():
        here = (*path, key)
        below = {each: text for each, text in changes.items() if each[: len(here)] == here and text != GONE}
        if key in keys and below:
            text = below.get(here)
            if text is None and all(each == "null" for each in below.values()):
                continue
            found.append(_member(key, _fresh(below, here, spaced) if text is None else text, spaced))
    return found


def _fresh(below: Mapping[Path, str], path: Path, spaced: bool) -> str:
    """An object that was not there."""
    keys = {each[len(path)] for each in below}
    return "{" + (", " if spaced else ",").join(_added(below, keys, path, spaced)) + "}"


def _member(key: str, text: str, spaced: bool) -> str:
    return f"{json.dumps(key, ensure_ascii=False)}:{' ' if spaced else ''}{text}"


_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_KEY = re.compile(rf"[ \t\r\n]*({_TEXT})[ \t\r\n]*:[ \t\r\n]*")
_SCALAR = re.compile(rf"{_TEXT}|[-+0-9.eE]+|true|false|null|NaN|-?Inf(?:inity)?")
_COMMA = re.compile(r"[ \t\r\n]*,")


def _members(line: str, start: int) -> tuple[list[_Member], int]:
    """The members of the object that begins there, and where its closing brace is."""
    found: list[_Member] = []
    at = start + 1
    while (key := _KEY.match(line, at)) is not None:
        text, value = key[1], key.end()
        scalar = _SCALAR.match(line, value)
        stop = scalar.end() if scalar is not None else _DECODER.scan_once(line, value)[1]  # type: ignore[attr-defined]
        name = text[1:-1] if "\\" not in text else json.loads(text)
        found.append(_Member(name, key.start(1), value, stop))
        comma = _COMMA.match(line, stop)
        at = stop if comma is None else comma.end()
    return found, line.index("}", at)

"""What accumulators have seen, as bytes that travel: told field by field, checked before use, never executed.

A state is for the same look of the same version of nanclean: merge what is unpacked into a fresh state of that look,
which brings along what is the same in all of them (how to make another accumulator, counts that are settled).
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

from nanclean.errors import InputError

MAGIC = b"NCSTATE1"
CHECK = 16
"""Bytes of the checksum behind the magic."""
DEPTH = 64
"""Of what is nested: far more than divided bins take."""
LONGEST = 4_096
"""Bytes of an integer. The exact sum of 2**64 float64 values takes 280."""
ROOM = 2 << 30
"""Bytes that sparse arrays may take when they are unpacked. (Zeros take memory when they are written to.)"""

ACCUMULATORS = {
    "Bins": "counting",
    "Blocks": "hits",
    "Cells": "statistics",
    "Classes": "lexical",
    "ExactSum": "exact",
    "Fingerprint": "fingerprint",
    "Hits": "hits",
    "Keys": "counting",
    "LeanStatistics": "lean",
    "Learned": "format",
    "Linear": "counting",
    "Measure": "fitting",
    "Moments": "moments",
    "NumberStatistics": "numbers",
    "Pile": "counting",
    "Plan": "numbers",
    "Profile": "profile",
    "Rows": "profile",
    "Table": "counting",
    "ValueStatistics": "others",
}
"""The classes that may stand in a state, and the modules that hold them."""
LEFT_OUT = {"Measure": frozenset({"make", "done"}), "Moments": frozenset({"otherwise"})}
"""What a fresh state of the look has already."""
PASSING = frozenset({"memory"})
"""What is in memory and tells nothing about what is meant."""
_DTYPES = frozenset("biufc")

_NONE, _TRUE, _FALSE, _INT, _FLOAT, _STR, _BYTES, _LIST, _TUPLE, _DICT, _SET, _FROZEN, _COUNTER = range(13)
_DENSE, _SPARSE, _SCALAR, _DTYPE, _OBJECT = range(13, 18)


def packed(value: Any) -> bytes:
    """A state as bytes. TypeError for what is none."""
    out = bytearray()
    _pack(value, out)
    return MAGIC + _checksum(out) + out


def unpacked(data: bytes | memoryview, name: str = "state") -> Any:
    """What was packed. InputError, which begins with `name`, for anything else."""
    data = memoryview(data)
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise _damaged(name, "is no state that this nanclean has written")
    body = data[len(MAGIC) + CHECK :]
    if bytes(data[len(MAGIC) : len(MAGIC) + CHECK]) != _checksum(body):
        raise _damaged(name, "is damaged or cut off")
    reader = _Reader(body)
    try:
        value = reader.value(0)
        if reader.at != len(body):
            raise ValueError
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, struct.error):
        raise _damaged(name, "is damaged") from None
    return value


def digest(value: Any) -> str:
    """What tells whether two processes mean the same: of any value made of plain data and objects of nanclean.

    Neither the order of sets and dictionaries nor what is only in memory counts.
    """
    return hashlib.sha256(_described(value, 0)).hexdigest()


def _damaged(name: str, what: str) -> InputError:
    return InputError(f"{name}: {what}", hint="make it again with nanclean profile, or nanclean merge")


def _checksum(body: bytes | bytearray | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECK).digest()


# --- packing


def _number(n: int, out: bytearray) -> None:
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)


def _text(text: str, out: bytearray) -> None:
    data = text.encode("utf-8", "surrogatepass")
    _number(len(data), out)
    out += data


def _pack(value: Any, out: bytearray) -> None:
    packer = _PACKERS.get(type(value))
    if packer is not None:
        packer(value, out)
    elif isinstance(value, np.ndarray):
        _array(value, out)
    elif isinstance(value, np.generic):
        out.append(_SCALAR)
        _text(_letters(value.dtype), out)
        out += value.tobytes()
    elif isinstance(value, np.dtype):
        out.append(_DTYPE)
        _text(_letters(value), out)
    elif type(value) is _class(type(value).__name__):
        _object(value, out)
    else:
        raise TypeError(f"{type(value).__name__} is no part of a state")


def _int(value: int, out: bytearray) -> None:
    out.append(_INT)
    size = (value.bit_length() + 8) // 8
    _number(size, out)
    out += value.to_bytes(size, "little", signed=True)


def _float(value: float, out: bytearray) -> None:
    out.append(_FLOAT)
    out += struct.pack("<d", value)


def _str(value: str, out: bytearray) -> None:
    out.append(_STR)
    _text(value, out)


def _bytes(value: bytes, out: bytearray) -> None:
    out.append(_BYTES)
    _number(len(value), out)
    out += value


def _several(tag: int) -> Callable[[Any, bytearray], None]:
    def pack(values: Any, out: bytearray) -> None:
        out.append(tag)
        _number(len(values), out)
        for value in values:
            _pack(value, out)

    return pack


def _unordered(tag: int) -> Callable[[Any, bytearray], None]:
    def pack(values: Any, out: bytearray) -> None:
        parts = []
        for value in values:
            part = bytearray()
            _pack(value, part)
            parts.append(bytes(part))
        out.append(tag)
        _number(len(parts), out)
        for each in sorted(parts):
            out += each

    return pack


def _pairs(tag: int) -> Callable[[Any, bytearray], None]:
    def pack(values: Any, out: bytearray) -> None:
        out.append(tag)
        _number(len(values), out)
        for key, value in values.items():
            _pack(key, out)
            _pack(value, out)

    return pack


def _object(value: Any, out: bytearray) -> None:
    name = type(value).__name__
    if name == "Pile":
        value.table()  # each value once: they are as many as rows otherwise
    without = LEFT_OUT.get(name, frozenset())
    told = {key: None if key in without else field for key, field in vars(value).items()}
    if name == "Bins" and value.settled:
        told |= {"counts": None, "kept": value.kept[:0]}
    out.append(_OBJECT)
    _text(name, out)
    _number(len(told), out)
    for key, field in told.items():
        _text(key, out)
        _pack(field, out)


def _array(values: np.ndarray, out: bytearray) -> None:
    """Dense, or where that is shorter, the distances between what is not zero, and its values."""
    letters = _letters(values.dtype)
    flat = np.ascontiguousarray(values).reshape(-1)
    zeros = flat.view(f"u{flat.itemsize}") == 0 if flat.itemsize <= 8 else np.zeros(flat.size, bool)  # -0.0 is not 0
    places = np.flatnonzero(~zeros)
    some = _narrowed(flat[places])
    gaps = _narrowed(np.diff(places, prepend=0).astype(np.uint64))
    sparse = some.nbytes + gaps.nbytes < flat.nbytes
    out.append(_SPARSE if sparse else _DENSE)
    _text(letters, out)
    _number(values.ndim, out)
    for length in values.shape:
        _number(length, out)
    for part in (gaps, some) if sparse else (flat,):
        if sparse:
            _text(_letters(part.dtype), out)
            _number(part.size, out)
        out += part.tobytes()


def _narrowed(values: np.ndarray) -> np.ndarray:
    """Integers in the smallest type that holds them."""
    if values.dtype.kind not in "iu":
        return values
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for letters in ("u1", "i1", "u2", "i2", "u4", "i4"):
        held = np.iinfo(letters)
        if held.min <= low and high <= held.max:
            return values.astype(f"<{letters}")
    return values


def _letters(dtype: np.dtype) -> str:
    if dtype.kind not in _DTYPES:
        raise TypeError(f"an array of {dtype} is no part of a state")
    return dtype.newbyteorder("<").str


_PACKERS: dict[type, Callable[[Any, bytearray], None]] = {
    type(None): lambda value, out: out.append(_NONE),
    bool: lambda value, out: out.append(_TRUE if value else _FALSE),
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    list: _several(_LIST),
    tuple: _several(_TUPLE),
    dict: _pairs(_DICT),
    Counter: _pairs(_COUNTER),
    set: _unordered(_SET),
    frozenset: _unordered(_FROZEN),
}

# --- unpacking


def _class(name: str) -> type | None:
    module = ACCUMULATORS.get(name)
    return None if module is None else getattr(import_module(f"nanclean.{module}"), name)


class _Reader:
    """Reads one value. ValueError and its like for what is wrong; nothing is larger than what there is to read."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at, self.room = data, 0, ROOM

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise ValueError
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 127) << shift
            if byte < 128:
                return n
            shift += 7
            if shift > 63:
                raise ValueError

    def count(self) -> int:
        """Of things, each of which takes a byte at least."""
        n = self.number()
        if n > len(self.data) - self.at:
            raise ValueError
        return n

    def text(self) -> str:
        return bytes(self.take(self.number())).decode("utf-8", "surrogatepass")

    def value(self, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError
        tag = self.take(1)[0]
        if tag in _PLAIN:
            return _PLAIN[tag]
        if tag == _INT:
            size = self.number()
            if size > LONGEST:
                raise ValueError
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == _FLOAT:
            return struct.unpack("<d", self.take(8))[0]
        if tag == _STR:
            return self.text()
        if tag == _BYTES:
            return bytes(self.take(self.number()))
        if tag in (_LIST, _TUPLE, _SET, _FROZEN):
            return _MADE[tag](self.value(depth + 1) for _ in range(self.count()))
        if tag in (_DICT, _COUNTER):
            return _MADE[tag]({self.value(depth + 1): self.value(depth + 1) for _ in range(self.count())})
        if tag == _OBJECT:
            return self.object(depth)
        if tag == _DTYPE:
            return self.dtype()
        if tag == _SCALAR:
            dtype = self.dtype()
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0]
        if tag in (_DENSE, _SPARSE):
            return self.array(sparse=tag == _SPARSE)
        raise ValueError

    def dtype(self) -> np.dtype:
        letters = self.text()
        if len(letters) > 4 or letters[1:2] not in _DTYPES:
            raise ValueError
        dtype = np.dtype(letters)
        return dtype.newbyteorder("=")

    def array(self, *, sparse: bool) -> np.ndarray:
        dtype = self.dtype()
        dimensions = self.number()
        if dimensions > 4:
            raise ValueError
        shape = tuple(self.number() for _ in range(dimensions))
        size = 1
        for length in shape:
            size *= length
        if not sparse:
            return np.frombuffer(self.take(size * dtype.itemsize), dtype).reshape(shape).copy()
        self.room -= size * dtype.itemsize
        if self.room < 0:
            raise ValueError
        gaps, values = self.part(), self.part()
        places = np.cumsum(gaps.astype(np.int64))
        if gaps.size != values.size or (places.size and not 0 <= int(places[-1]) < size) or (gaps[1:] == 0).any():
            raise ValueError
        if int(gaps.max(initial=0)) >= max(size, 1) or (dtype.kind != values.dtype.kind and dtype.kind not in "iu"):
            raise ValueError
        array = np.zeros(size, dtype)
        array[places] = values
        return array.reshape(shape)

    def part(self) -> np.ndarray:
        dtype = self.dtype()
        return np.frombuffer(self.take(self.number() * dtype.itemsize), dtype)

    def object(self, depth: int) -> Any:
        kind = _class(self.text())
        if kind is None:
            raise ValueError
        made: Any = object.__new__(kind)
        for _ in range(self.count()):
            key = self.text()
            if not key.isidentifier() or key.startswith("__") or callable(getattr(kind, key, None)):
                raise ValueError
            made.__dict__[key] = self.value(depth + 1)
        return made


_PLAIN = {_NONE: None, _TRUE: True, _FALSE: False}
_MADE: dict[int, Callable[[Any], Any]] = {
    _LIST: list, _TUPLE: tuple, _SET: set, _FROZEN: frozenset, _DICT: dict, _COUNTER: Counter
}  # fmt: skip

# --- describing


def _described(value: Any, depth: int) -> bytes:
    if depth > DEPTH:
        raise TypeError("too deeply nested")
    kind = type(value).__name__.encode()
    if isinstance(value, bool | int | float | str | bytes | np.ndarray | np.generic | np.dtype | None):
        out = bytearray()
        _pack(value if isinstance(value, np.ndarray | np.generic | np.dtype) else _plain(value), out)
        return _framed(b"=", out)
    if isinstance(value, dict):
        pairs = sorted(_framed(_described(k, depth + 1), _described(v, depth + 1)) for k, v in value.items())
        return _framed(b"{", *pairs)
    if isinstance(value, set | frozenset):
        return _framed(b"<", *sorted(_described(each, depth + 1) for each in value))
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return _framed(b"[", *(_described(each, depth + 1) for each in value))
    if hasattr(value, "__dict__") and not callable(value):
        names = [field.name for field in fields(value)] if is_dataclass(value) else list(vars(value))
        without = PASSING | LEFT_OUT.get(type(value).__name__, frozenset())
        told = {name: getattr(value, name) for name in names if name not in without}
        return _framed(kind, _described(told, depth + 1))
    raise TypeError(f"{type(value).__name__} cannot be described")


def _plain(value: Any) -> Any:
    kinds: tuple[Callable[[Any], Any], ...] = (bool, int, float, str, bytes)
    return next((kind(value) for kind in kinds if isinstance(value, kind)), value)  # type: ignore[arg-type]


def _framed(*parts: bytes | bytearray) -> bytes:
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)

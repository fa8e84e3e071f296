"""How text goes back into the bytes of a file's encoding."""

from __future__ import annotations

import codecs

import numpy as np
import pyarrow as pa

from nanclean.cells import Cells
from nanclean.formats._encoding import WINDOWS, WINDOWS_CHARACTERS, Encoding

_WINDOWS_BYTES = codecs.charmap_build(WINDOWS_CHARACTERS)


def encoded(text: str, encoding: Encoding) -> bytes:
    """Without a byte order mark. Raises UnicodeEncodeError where the encoding has no such character."""
    if encoding.codec == WINDOWS:
        return codecs.charmap_encode(text, "strict", _WINDOWS_BYTES)[0]
    return text.encode(encoding.codec)


def all_ascii(texts: pa.Array) -> bool:
    """Whether no cell of a text array has another character."""
    return Cells(texts).highest < 128


def encoded_texts(texts: pa.Array, encoding: Encoding) -> pa.Array:
    """Cells of text as the bytes that stand for them. Raises UnicodeEncodeError."""
    if encoding.codec == "utf-8" or all_ascii(texts):
        return texts
    distinct = texts.dictionary_encode()
    bytes_ = [b"" if text is None else encoded(text, encoding) for text in distinct.dictionary.to_pylist()]
    ends = np.cumsum([0, *map(len, bytes_)], dtype=np.int64)
    each = pa.Array.from_buffers(
        pa.large_binary(), len(bytes_), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(bytes_))]
    )
    return each.take(distinct.indices)

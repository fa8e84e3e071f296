"""Texts of several columns put one behind the other, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import strings


def one(text: bytes) -> pa.Scalar:
    """The same text in every row. pa.scalar would import pandas."""
    return strings([text]).cast(pa.large_binary())[0]


def joined(columns: Sequence[pa.Array | pa.Scalar], delimiter: bytes) -> pa.Array:
    """Bytes, one for each row; 64 bits tell where each begins, so that they may be many."""
    wide = [column.cast(pa.large_binary()) for column in columns]
    return pc.binary_join_element_wise(*wide, one(delimiter))


def data_of(array: pa.Array) -> pa.Buffer:
    """All bytes of an array that `joined` made."""
    buffer = array.buffers()[2]
    return pa.py_buffer(b"") if buffer is None or not len(array) else buffer  # of no rows there are some zeros

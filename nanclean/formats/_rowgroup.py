"""The cells of a row group on their way to a file: cells of fixed width lie in one block of memory from the beginning.

As pieces, they would take their memory twice at the end, when they are joined.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa

from nanclean.column import bits_to_mask


class Gathered(Protocol):
    """One column of the row group."""

    def add(self, array: pa.Array, expected: int) -> None:
        """Take in the next cells. expected: about how many there will be in all."""
        ...

    def taken(self) -> pa.Array | pa.ChunkedArray:
        """All of them; it is empty again."""
        ...


def gathered(type_: pa.DataType) -> Gathered:
    """For a column of this type."""
    fixed = pa.types.is_primitive(type_) and not pa.types.is_boolean(type_)
    return Fixed(type_) if fixed else Pieces(type_)


class Fixed:
    """Cells of so many bytes each."""

    def __init__(self, type_: pa.DataType) -> None:
        self.type, self.width = type_, type_.bit_width // 8
        self.rows = 0
        self.values = np.empty(0, np.uint8)
        self.null: np.ndarray | None = None

    def add(self, array: pa.Array, expected: int) -> None:
        end = self.rows + len(array)
        if end * self.width > self.values.size:
            size = max(end, 2 * self.values.size // self.width, 0 if self.rows else expected)
            self.values.resize(size * self.width, refcheck=False)  # in place, where the system can
        data = array.buffers()[1]
        if data is not None and len(array):
            cells = np.frombuffer(data, np.uint8, len(array) * self.width, array.offset * self.width)
            self.values[self.rows * self.width : end * self.width] = cells
        null = bits_to_mask(array)
        if null is not None or self.null is not None:
            whole = np.zeros(self.values.size // self.width, dtype=bool)
            if self.null is not None:
                whole = self.null
                if whole.size < end:
                    whole.resize(self.values.size // self.width, refcheck=False)
            whole[self.rows : end] = False if null is None else null
            self.null = whole
        self.rows = end

    def taken(self) -> pa.Array:
        bits = None if self.null is None else np.packbits(~self.null[: self.rows], bitorder="little")
        buffers = [None if bits is None else pa.py_buffer(bits), pa.py_buffer(self.values)]
        found = pa.Array.from_buffers(self.type, self.rows, buffers)
        self.rows, self.values, self.null = 0, np.empty(0, np.uint8), None
        return found


class Pieces:
    """Any other cells."""

    def __init__(self, type_: pa.DataType) -> None:
        self.type = type_
        self.pieces: list[pa.Array] = []

    def add(self, array: pa.Array, expected: int) -> None:
        self.pieces.append(array)

    def taken(self) -> pa.Array | pa.ChunkedArray:
        """One array where it can be: how blocks were cut leaves no trace in the file."""
        pieces, self.pieces = self.pieces, []
        if len(pieces) == 1:
            return pieces[0]
        try:
            return pa.concat_arrays(pieces)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # more text than offsets of 32 bits reach; dictionaries
            return pa.chunked_array(pieces, self.type)

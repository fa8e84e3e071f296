"""pyarrow's CSV parser, set to give text: every cell as it stands, empty ones null."""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from nanclean.formats._encoding import Raw
from nanclean.formats._records import Style


@dataclass(frozen=True)
class Parsed:
    """The records of a piece of CSV."""

    columns: list[pa.Array]
    """Text, of the columns that were asked for. They share no memory with what was parsed."""
    rows: int
    """Records of the right length; the others are in no column."""
    ragged: np.ndarray
    """int64: the others, by their number among the records of the piece, from 0."""
    ragged_cells: np.ndarray
    """int64: how many cells those have."""


class TextParser:
    """For pieces of one table, and some of its columns. Not for two threads at once."""

    def __init__(self, style: Style, columns: Sequence[int] | None = None) -> None:
        assert style.width
        names = [str(number) for number in range(style.width)]
        asked = names if columns is None else [names[number] for number in columns]
        self._style = style
        self._columns = asked
        self._read = pa.csv.ReadOptions(use_threads=False, column_names=names)
        self._convert = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(asked or names[:1], pa.string()),
            include_columns=asked or names[:1],  # none would mean all
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=False,  # the text file has seen to it
        )

    def parse(self, text: Raw, quoted: bool) -> Parsed:
        """Some whole records in UTF-8. `quoted`: there may be quotes among them, which is slower."""
        ragged, cells = array("q"), array("q")  # there may be millions

        def set_aside(row: pa.csv.InvalidRow) -> str:
            ragged.append(row.number - 1)
            cells.append(row.actual_columns)
            return "skip"

        if text[:3] == codecs.BOM_UTF8:
            text = codecs.BOM_UTF8 + text  # the parser drops one, but here it is the first cell's
        self._read.block_size = len(text) + 1
        table = pa.csv.read_csv(
            pa.BufferReader(pa.py_buffer(text)),
            read_options=self._read,
            convert_options=self._convert,
            parse_options=pa.csv.ParseOptions(
                delimiter=chr(self._style.delimiter),
                quote_char='"' if quoted else False,
                ignore_empty_lines=self._style.width != 1,
                invalid_row_handler=set_aside,
            ),
        )
        columns = [_whole(table.column(name)) for name in self._columns]
        return Parsed(columns, table.num_rows, _array(ragged), _array(cells))


def _array(numbers: array[int]) -> np.ndarray:
    return np.frombuffer(numbers, np.int64) if numbers else np.empty(0, np.int64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)

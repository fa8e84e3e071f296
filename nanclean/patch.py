"""Views with some of their cells replaced, or some of their rows left out. The view itself is never written to.

What is missing in the answers is counted as null: which of the kinds of missing a cell was is not remembered.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.cells import packed, packed_bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.typed import Complexes, Lists


def where(column: Column, keep: Mask) -> Column:
    """The rows for which `keep`, bool, (rows,), is true."""
    rows = int(np.count_nonzero(keep))
    cells = keep if column.owner is None else keep[column.owner]
    absent, unparsable = (_some(mask, cells) for mask in (column.absent, column.unparsable))
    shape: dict[str, Any] = {
        "type": column.type, "rows": rows, "cells": int(np.count_nonzero(cells)),
        "absent": absent, "unparsable": unparsable,
    }  # fmt: skip
    if isinstance(column, Lists):
        empty = None if column.empty_rows is None else _some(column.empty_rows, keep)
        inner = column.inner
        if inner is not None:  # inner lists are numbered anew
            lists = np.repeat(keep, column.lengths)
            inner = (np.cumsum(lists) - 1)[inner[cells]]
        return _counted(Lists(column.lengths[keep], inner, empty_rows=empty, values=column.values[cells], **shape))
    if isinstance(column, Numbers):
        text = None if column.text is None else column.text.filter(packed_bits(cells))
        overflow = _some(column.literal_overflow, cells)
        return _counted(Numbers(values=column.values[cells], text=text, literal_overflow=overflow, **shape))
    array = cast(Values, column).array
    if isinstance(array, np.ndarray):
        kind = Complexes if isinstance(column, Complexes) else Values
        if column.owner is not None:
            numbered = np.cumsum(keep) - 1
            shape["owner"] = numbered[column.owner[cells]]
        return _counted(kind(array=array[cells], **shape))
    if column.owner is not None:
        shape["owner"] = (np.cumsum(keep) - 1)[column.owner[cells]]
    return _counted(Values(array=None if array is None else array.filter(packed_bits(cells)), **shape))


def taken(column: Column, rows: np.ndarray) -> Column:
    """Some rows, int64, ascending, of a column with one cell in each."""
    shape: dict[str, Any] = {
        "type": column.type, "rows": len(rows), "cells": len(rows),
        "absent": None if column.absent is None else column.absent[rows],
        "unparsable": None if column.unparsable is None else column.unparsable[rows],
    }  # fmt: skip
    if isinstance(column, Numbers):
        return _counted(Numbers(values=column.values[rows], **shape))
    array = cast(Values, column).array
    if isinstance(array, np.ndarray):
        return _counted(type(column)(array=array[rows], **shape))  # type: ignore[call-arg]
    return _counted(Values(array=None if array is None else array.take(packed(rows)), **shape))


def put(column: Column, cells: Mask, values: Any) -> Column:
    """With other values in some cells, bool, (cells,); they are neither absent nor unparsable any more.

    values: of numbers a number, or as many as there are cells, of the dtype of the column, and so of complex ones;
    otherwise an Arrow array of the type of the column, of one cell or of as many.
    """
    absent, unparsable = (_without(mask, cells) for mask in (column.absent, column.unparsable))
    if isinstance(column, Numbers):
        filled = column.values.copy()
        filled[cells] = values
        return numbers(column, filled, absent, unparsable, overflow=_without(column.literal_overflow, cells))
    assert isinstance(column, Values)
    array: Any
    if isinstance(column.array, np.ndarray):
        array = column.array.copy()
        array[cells] = values
        return _values(column, array, absent, unparsable)
    assert column.array is not None
    if not cells.any():
        return column
    # replace_with_mask does not know every type; if_else wants a value also for each cell that stays as it is.
    some = values[0] if len(values) == 1 else values.take(packed(np.maximum(np.cumsum(cells) - 1, 0)))
    array = pc.if_else(packed_bits(cells), some, column.array)
    return _values(column, array, absent, unparsable)


def blanked(column: Column, cells: Mask) -> Column:
    """With some cells, bool, (cells,), missing."""
    absent = cells.copy() if column.absent is None else column.absent | cells
    unparsable = _without(column.unparsable, cells)
    if isinstance(column, Numbers):
        return numbers(column, column.values, absent, unparsable, overflow=_without(column.literal_overflow, cells))
    assert isinstance(column, Values)
    if isinstance(column.array, np.ndarray):
        array: Any = np.where(cells, np.nan, column.array)
        return _values(column, array, column.absent, unparsable)
    assert column.array is not None
    return _values(
        column, pc.if_else(packed_bits(cells), pa.nulls(1, column.array.type)[0], column.array), absent, unparsable
    )


def numbers(
    column: Numbers,
    values: np.ndarray,
    absent: Mask | None,
    unparsable: Mask | None,
    *,
    type: str | None = None,
    overflow: Mask | None = None,
) -> Column:
    """A column of numbers of the same shape, with other values, (cells,), perhaps of another dtype."""
    shape: dict[str, Any] = {
        "type": type or column.type, "rows": column.rows, "cells": column.cells, "values": values,
        "absent": absent, "unparsable": unparsable, "literal_overflow": overflow, "empty_rows": column.empty_rows,
    }  # fmt: skip
    if isinstance(column, Lists):
        return _counted(Lists(column.lengths, column.inner, **shape))
    return _counted(Numbers(text=column.text, owner=column.owner, **shape))


def _values(column: Values, array: Any, absent: Mask | None, unparsable: Mask | None) -> Column:
    kind = Complexes if isinstance(column, Complexes) else Values
    shape = {"type": column.type, "rows": column.rows, "cells": column.cells, "owner": column.owner}
    return _counted(
        kind(array=array, absent=absent, unparsable=unparsable, empty_rows=column.empty_rows, **cast(Any, shape))
    )


def _counted(column: Column) -> Column:
    absent = 0 if column.absent is None else int(np.count_nonzero(column.absent))
    column.null = absent - (0 if column.unparsable is None else int(np.count_nonzero(column.unparsable)))
    return column


def _some(mask: Mask | None, cells: Mask) -> Mask | None:
    """A mask of some cells only; None where it is nowhere true."""
    found = None if mask is None else mask[cells]
    return found if found is not None and found.any() else None


def _without(mask: Mask | None, cells: Mask) -> Mask | None:
    found = None if mask is None else mask & ~cells
    return found if found is not None and found.any() else None

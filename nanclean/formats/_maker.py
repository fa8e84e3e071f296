"""How a column of the output is made: the cells that no rule has touched as they were, the others from their view."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nanclean.batch import Raw
from nanclean.block import Block, Held
from nanclean.cells import packed
from nanclean.column import Column, Numbers, Values
from nanclean.errors import UsageError
from nanclean.escaping import shortened
from nanclean.format import Source
from nanclean.formats._columns import without_views
from nanclean.formats._fromtext import of_text
from nanclean.formats._rebuild import converted, of_view, patched, relisted
from nanclean.target import Out
from nanclean.typed import Lists, arrow_of, native, view
from nanclean.wording import quoted

FINE_UNITS = ("ps", "fs", "as", "generic")
"""Of NumPy's points in time: Arrow ends at nanoseconds."""


class Maker:
    """How a column of the output becomes an Arrow array: from blocks of any source.

    UsageError if Arrow has no such type.
    """

    def __init__(self, source: Source, raw: Raw | None, out: Out) -> None:
        """raw: the column as the source gives it, without rows; None: a rule has added it."""
        self.name, self.out, self._source = out.name, out, source
        self._lexical = source.lexical and raw is not None
        self._kept = False
        if raw is None or self._lexical:
            self.type = _type_of_view(out.view, out.name)
            return
        there = as_arrow(raw, out.name)
        before = view(raw)
        self._kept = _kind(before) == _kind(out.view)
        if self._kept:
            self.type = there.type
        elif isinstance(out.view, Lists):
            self.type = relisted(there, lambda _: pa.nulls(0, _type_of_view(out.view, out.name))).type
        else:
            self.type = _type_of_view(out.view, out.name)

    @property
    def keeps(self) -> bool:
        """Whether the column has the type that it had in its source."""
        return self._kept

    def touches(self, held: Held) -> bool:
        """Whether any cell of a block is not as it was read."""
        return not self._kept or held.changed is not None

    def array(self, block: Block) -> pa.Array:
        """(rows,): the cells of a block, of the type `type`. RuleError where it cannot hold one of them."""
        held = block.columns[self.name]
        if held.origin is None:
            return of_view(held.view, self.type, self.name)
        if self._lexical:
            return of_text(held, block, self.type, self.name, self._source)
        raw = as_arrow(block.batch.columns[held.origin], self.name)
        return self.remade(raw if block.kept is None else raw.take(packed(block.kept)), held)

    def remade(self, raw: pa.Array, held: Held) -> pa.Array:
        """The same from the cells as they were read."""
        if not self._kept:
            return converted(raw, held.view, self.type, self.name, held.changed)
        if held.changed is not None:
            raw = patched(raw, held.view, held.changed, self.name)
        return raw if raw.type == self.type else raw.cast(self.type)


def _kind(column: Column) -> tuple[str, np.dtype | None]:
    return column.type, column.values.dtype if isinstance(column, Numbers) else None


def _type_of_view(column: Column, name: str) -> pa.DataType:
    """The type of a cell."""
    if isinstance(column, Numbers):
        return pa.from_numpy_dtype(column.values.dtype)
    if column.type == "boolean":
        return pa.bool_()
    if isinstance(column, Values) and isinstance(column.array, pa.Array):
        return column.array.type
    raise _no_type(name, column.type)


def _no_type(name: str, type_: str) -> UsageError:
    return UsageError(
        f"{shortened(name)}: {type_} cannot be written to this kind of file",
        hint=f'take the column out: --rule "{quoted(name)} -> drop_column"',
    )


def as_arrow(raw: Raw, name: str) -> pa.Array:
    """Any raw column as an Arrow array that rows can be taken from. UsageError for what Arrow does not have."""
    if not isinstance(raw, np.ndarray):
        return without_views(pc.run_end_decode(raw) if pa.types.is_run_end_encoded(raw.type) else raw)
    if raw.ndim > 1:
        cells = as_arrow(raw.reshape(-1), name)
        return pa.Array.from_buffers(pa.list_(cells.type, raw.shape[1]), len(raw), [None], children=[cells])
    kind = raw.dtype.kind
    if kind == "c" or (kind in "Mm" and np.datetime_data(raw.dtype)[0] in FINE_UNITS):
        raise _no_type(name, "complex" if kind == "c" else str(raw.dtype))
    return packed(native(raw)) if kind in "iuf" else arrow_of(raw)

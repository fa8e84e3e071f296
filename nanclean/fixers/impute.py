"""Bad cells that become a likely value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa

from nanclean.block import Block
from nanclean.cells import packed, packed_bits
from nanclean.column import Column, Mask, Numbers, Values
from nanclean.detector import EVERYTHING, NUMBERS, Detector, Figures
from nanclean.errors import PolicyError, RuleError
from nanclean.fixer import Aim, Bad, Carry, Fixed, Fixer
from nanclean.fixers._cells import demand_of_type, finds, pasted, place, rounded
from nanclean.groups import MOST, TYPES, keys
from nanclean.part import did_you_mean, learned, named
from nanclean.patch import blanked, put
from nanclean.typed import strings
from nanclean.wording import quoted, several, shown

Value = bool | int | float | str
Key = str | int | float | bool


@dataclass(frozen=True)
class Impute(Fixer):
    """Replaces each bad cell by a likely value: impute(mean), impute(median), impute(mode), impute(ffill).

    mean, median and mode are those of the finite cells of the column, or with `by="store"` of the rows with the same
    value there (at most 1,000 groups; where a group has none, is new or is missing, those of the whole column).
    ffill takes the last value above, within the group if there is one. The column keeps its type: a median of 197.5
    becomes 198 among integers (half to even), and the report says so.

    Changes data: yes. The row stays; nothing says any more that the value is made up, but a flag above.

    Why it matters: a network takes no missing cell, and dropping each row that has one can cost most of the table.
    The median does not move with outliers; the mean does. ffill is for rows in the order of time.

    Beware: the column varies less than it did, and correlations shrink. Learn the value on the training split only
    (`nanclean fit`): learned on everything it tells the model about the test split. ffill looks back only, so what is
    missing at the beginning stays missing.

    Twice: nothing more changes.
    """

    name: ClassVar[str] = "impute"
    applies: ClassVar[frozenset[str]] = EVERYTHING
    example: ClassVar[str] = "impute(median)"

    how: Literal["mean", "median", "mode", "ffill"]
    by: str | None = named(None)

    value: bool | int | float | str | None = learned()
    """What bad cells become, of the column's type. None: not fitted, or there was no cell to learn from."""
    groups: tuple[tuple[Key, Value], ...] | None = learned()
    """The same for each group that has a value of its own."""
    figure: bool | int | float | str | None = learned()
    """The figure as it was measured, before it was rounded to the column's type."""
    dtype: str | None = learned()
    """Of the numbers that it was aimed at."""
    nullable: bool | None = learned()
    """A cell of the column can be missing."""

    @property
    def needs(self) -> tuple[str, ...]:
        if self.how == "ffill":
            return ()
        return ("mode",) if self.how == "mode" else (self.how, "finite")

    @property
    def grouped(self) -> str | None:
        return None if self.how == "ffill" else self.by

    @property
    def beside(self) -> tuple[str, ...]:
        return () if self.by is None else (self.by,)

    @property
    def ordered(self) -> bool:
        return self.how == "ffill"

    @property
    def cures(self) -> bool:
        return self.how != "ffill"

    def held_against(self, type: str) -> None:
        for value in (self.value, *(value for _, value in self.groups or ())):
            demand_of_type(self, type, value)

    def aimed(self, aim: Aim) -> Self:
        column = quoted(aim.column)
        if self.how in ("mean", "median") and aim.type not in NUMBERS:
            find = aim.find or "missing"
            raise PolicyError(
                f"{self}: {column} is a column of type {aim.type}, which has no {self.how}",
                hint=f"write {pasted(aim.column, f'{find} -> impute({_instead(aim.type)})')}",
            )
        if self.how == "mode" and aim.type in ("complex", "other"):
            raise PolicyError(f"{self}: values of type {aim.type} are not counted, so {column} has no mode",
                              hint=f"write {pasted(aim.column, f'{aim.find} -> drop')}")  # fmt: skip
        if aim.type.startswith("list"):
            self._demand_cells(aim)
        if self.by is not None:
            self._demand_groups(aim, self.by)
        return replace(self, dtype=None if aim.dtype is None else aim.dtype.name, nullable=aim.nullable)

    def _demand_cells(self, aim: Aim) -> None:
        """One cell in each row, where rows have neighbours or groups."""
        for what in ["ffill"] * (self.how == "ffill") + ["by"] * (self.by is not None):
            raise PolicyError(
                f"{self}: {what} needs one cell in each row, and {quoted(aim.column)} holds lists",
                hint=f"write {pasted(aim.column, f'{aim.find} -> impute(median)')}",
            )

    def _demand_groups(self, aim: Aim, by: str) -> None:
        if by not in aim.types:
            raise PolicyError(f"{self}: there is no column {shown(by)!r}{did_you_mean(by, aim.types)}")
        if by == aim.column:
            raise PolicyError(
                f"{self}: {quoted(by)} cannot be its own group", hint="name another column, or leave by out"
            )
        if aim.types[by] not in TYPES:
            said = f"{self}: {quoted(by)} is of type {aim.types[by]}; groups are text, integers or booleans"
            raise PolicyError(said, hint="name another column, or leave by out")

    def fit(self, figures: Figures, find: Detector | None) -> Self:
        if self.how == "ffill":
            return self
        name, figure = figures["name"], figures[self.how]
        if figure is None:
            if figures["count"]:
                raise self._nothing(name, figures)
            return self
        value = self._typed(figure, figures["type"])
        groups: list[tuple[Key, Value]] | None = None
        if self.by is not None:
            if figures["groups"] is None:
                raise RuleError(
                    f"{quoted(name)}: {self}: {quoted(self.by)} has more than {MOST:,} different values",
                    hint="take a column with fewer groups, or leave by out",
                )
            found = {key: group[self.how] for key, group in figures["groups"].items()}
            groups = [(key, self._typed(one, figures["type"])) for key, one in found.items() if one is not None]
        dtype = None if self.dtype is None else np.dtype(self.dtype)
        for each in (value, *(group for _, group in groups or ())):
            if finds(find, figures["type"], each, dtype):
                raise RuleError(
                    f"{quoted(name)}: {find} takes {shown(each)}, which {self} would fill in, for bad as well",
                    hint=f"write {pasted(name, f'{find} -> blank')}, and impute below",
                )
        return replace(self, value=value, figure=figure, groups=None if groups is None else tuple(groups))

    def _typed(self, figure: Any, type: str) -> Value:
        return rounded(figure, type, np.dtype(self.dtype or np.float64)) if type in NUMBERS else figure

    def _nothing(self, name: str, figures: Figures) -> RuleError:
        """Why there is no figure."""
        if self.how == "mode" and figures["distinct"] != 0 and figures["missing"] < figures["count"]:
            said = "more than 1,000 different values, or its most frequent text is longer than 64 bytes"
            return RuleError(
                f"{quoted(name)}: {self}: it has {said}",
                hint=f"write {pasted(name, 'missing -> fill(...)')} with a value of your own",
            )
        missing = figures["missing"] == figures["count"]
        said = "all cells are missing" if missing else "no cell holds a finite value"
        fix = "all_missing -> drop_column" if missing else "missing -> fill(0)"
        return RuleError(
            f"{quoted(name)}: {self} has nothing to learn from: {said}", hint=f"add above: {pasted(name, fix)}"
        )

    def fix(self, name: str, block: Block, bad: Bad, carry: Carry) -> Fixed:
        column, cells = block.columns[name].view, bad.cells
        if not column.cells or (self.how != "ffill" and not cells.any()):
            return Fixed()
        codes, names = self._codes(name, block)
        if self.how == "ffill":
            return self._filled_from_above(name, block, column, cells, codes, names, carry)
        if self.value is None:
            raise RuleError(
                f"{quoted(name)}: {self} has learned no value, and there are bad cells {place(block, column, cells)}",
                hint="fit the recipe on a table with values in that column",
            )
        which = None
        if codes is not None:
            rows = codes if column.owner is None else codes[column.owner]
            which = rows[cells]
        return Fixed(put(column, cells, self._values(column, which, names)), cells)

    def _codes(self, name: str, block: Block) -> tuple[np.ndarray | None, list[Key]]:
        """The group of each row."""
        if self.by is None:
            return None, []
        if self.by not in block.columns:
            raise RuleError(f"{quoted(name)}: {self}: a rule above has taken {quoted(self.by)} out",
                            hint="put this rule above that one")  # fmt: skip
        return keys(block.columns[self.by].view)

    def _values(self, column: Column, which: np.ndarray | None, names: list[Key]) -> Any:
        """What is put into the bad cells: one value for all, or that of the group of each."""
        if which is None:
            return _cells_of(column, [self.value], self)
        known = dict(self.groups or ())
        table = _cells_of(column, [*(known.get(name, self.value) for name in names), self.value], self)
        # Those without a group are at -1, and the last of the table is the value of the whole column.
        places = np.where(which < 0, len(names), which)
        return table[places] if isinstance(table, np.ndarray) else table.take(packed(places))

    def _filled_from_above(
        self, name: str, block: Block, column: Column, cells: Mask, codes: np.ndarray | None, names: list[Key],
        carry: Carry,
    ) -> Fixed:  # fmt: skip
        if column.owner is not None or column.cells != column.rows:
            raise RuleError(f"{quoted(name)}: {self} needs one cell in each row", hint="write impute(median)")
        good = _good(column) & ~cells
        above = _above(good, codes)
        if codes is not None:
            above[codes < 0] = -1
        held: dict[Key | None, Any] = carry.setdefault("last", {})
        group = np.zeros(column.rows, np.int64) if codes is None else codes
        labels: list[Key | None] = [None] if codes is None else list(names)
        earlier = [held.get(label) for label in labels]
        known = np.array([each is not None for each in earlier], bool)
        from_carry = cells & (above < 0) & (group >= 0)
        from_carry[from_carry] = known[group[from_carry]]
        from_block = cells & (above >= 0)
        fixed = self._with_values(column, cells, from_block, from_carry, above, group, earlier)
        self._remember(name, held, column, good, group, labels)
        stays = cells & ~from_block & ~from_carry
        return self._without_value(name, block, fixed, from_block | from_carry, stays)

    def _with_values(
        self, column: Column, cells: Mask, from_block: Mask, from_carry: Mask, above: np.ndarray, group: np.ndarray,
        earlier: list[Any],
    ) -> Column:  # fmt: skip
        if from_block.any():
            column_after = put(column, from_block, _some(column, above[from_block]))
        else:
            column_after = column
        for code in np.unique(group[from_carry]).tolist():
            column_after = put(column_after, from_carry & (group == code), _like(column, earlier[code]))
        return column_after

    def _remember(
        self, name: str, held: dict[Key | None, Any], column: Column, good: Mask, group: np.ndarray,
        labels: list[Key | None],
    ) -> None:  # fmt: skip
        """The last value of each group, for the next block."""
        rows = np.flatnonzero(good & (group >= 0))
        last = np.full(len(labels), -1)
        last[group[rows]] = rows  # of several rows of a group the last one stays
        for code in np.flatnonzero(last >= 0).tolist():
            held[labels[code]] = _some(column, last[code : code + 1])
        if len(held) > MOST:
            raise RuleError(
                f"{quoted(name)}: {self}: {quoted(self.by or '')} has more than {MOST:,} different values",
                hint="take a column with fewer groups, or leave by out",
            )

    def _without_value(self, name: str, block: Block, column: Column, filled: Mask, stays: Mask) -> Fixed:
        """Bad cells with nothing above become missing, as far as they are not."""
        valued = stays if column.missing is None else stays & ~column.missing
        if valued.any():
            if not self.nullable:
                n = several(int(np.count_nonzero(valued)), "bad cell")
                raise RuleError(
                    f"{quoted(name)}: {self}: nothing stands above {n} {place(block, column, valued)}",
                    hint="take median instead of ffill, or add a rule above that drops these rows",
                )
            column = blanked(column, valued)
        changed = filled | valued
        return Fixed(column, changed) if changed.any() else Fixed()

    def told(self) -> str:
        if self.how == "ffill":
            return "filled from above"
        if self.value is None:
            return ""
        if self.groups is not None:
            return several(len(self.groups), "group")
        figure = f"{self.how} {shown(self.figure)}"
        return figure if self.figure == self.value or self._only_rounded() else f"{figure} -> {shown(self.value)}"

    def _only_rounded(self) -> bool:
        """A figure in float64, and the same one in the precision of a column of floats."""
        return isinstance(self.value, float) and self.dtype is not None and np.dtype(self.dtype).kind == "f"


def _instead(type: str) -> str:
    return "ffill" if type in ("complex", "other", "time") else "mode"


def _cells_of(column: Column, values: list[Any], fix: Impute) -> Any:
    """Learned values as cells of a column: a NumPy array of its dtype, or an Arrow array of its type."""
    if isinstance(column, Numbers):
        if not column.floating:
            for value in values:
                if isinstance(value, float) and not value.is_integer():  # the column was one of floats in training
                    raise RuleError(
                        f"{fix}: {shown(value)} is no integer, and the column holds {column.values.dtype} here",
                        hint="write the column as floats",
                    )
        return np.array(values, column.values.dtype)
    assert isinstance(column, Values)
    assert isinstance(column.array, pa.Array)
    if column.type == "boolean":
        return packed_bits(np.array(values, bool))
    try:
        return strings(values).cast(column.array.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise RuleError(f"{fix}: {shown(values[0])!r} is no {column.array.type}") from None


def _good(column: Column) -> Mask:
    """The cells with a real value: present and finite."""
    good = np.ones(column.cells, bool) if column.absent is None else ~column.absent
    if column.missing is not None:
        good &= ~column.missing
    if isinstance(column, Numbers) and column.floating:
        good &= np.isfinite(column.values)
    elif isinstance(column, Values) and isinstance(column.array, np.ndarray):
        good &= np.isfinite(column.array)
    return good


def _above(good: Mask, codes: np.ndarray | None) -> np.ndarray:
    """int64, (rows,): the nearest good row above each row, in its group; -1 where there is none."""
    places = np.arange(len(good))
    if codes is None:
        return np.maximum.accumulate(np.where(good, places, -1))
    if codes.max(initial=0) < 2**15:
        codes = codes.astype(np.int16)  # NumPy sorts these by counting
    order = np.argsort(codes, kind="stable")
    last = np.maximum.accumulate(np.where(good[order], places, -1))
    sorted_codes = codes[order]
    begins = np.diff(sorted_codes, prepend=sorted_codes[:1]) != 0
    first = np.maximum.accumulate(np.where(begins, places, 0))  # where the group of each begins
    above = np.empty_like(places)
    above[order] = np.where(last >= first, order[np.maximum(last, 0)], -1)
    return above


def _some(column: Column, rows: np.ndarray) -> Any:
    """Some cells of a column with one cell in each row."""
    if isinstance(column, Numbers):
        return column.values[rows]
    assert isinstance(column, Values)
    assert column.array is not None
    return column.array[rows] if isinstance(column.array, np.ndarray) else column.array.take(packed(rows))


def _like(column: Column, cell: Any) -> Any:
    """One cell of an earlier block, in the type that this block has."""
    if isinstance(cell, pa.Array) and isinstance(column, Values) and isinstance(column.array, pa.Array):
        return cell if cell.type == column.array.type else cell.cast(column.array.type)
    return cell

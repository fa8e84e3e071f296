"""The referee of whole runs: the rules of a policy done slowly and plainly, one after the other, on the whole table.

Written from the words of the design alone. Every rule is a step of a pipeline: figures are those of the column as the
rules above left it, rows go at the end of their rule. NumPy, fractions and pandas do the arithmetic.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

NUMERIC = ("integer", "float")
GRAIN = 1e-11
"""A value that lies so close to a fence may fall to either side of it."""


class Refused(Exception):
    """A rule cannot do what it says: exit 4."""


class Undecided(Exception):
    """Two programs may differ here: a value lies on a fence."""


@dataclass
class Cells:
    """One column. `values` mean nothing where `null` or `garbage`; NaN among them is missing as well."""

    type: str
    values: np.ndarray
    null: np.ndarray
    garbage: np.ndarray

    @classmethod
    def of(cls, type: str, values: Any, null: Any = None, garbage: Any = None) -> Cells:
        values = np.asarray(values)
        nothing = np.zeros(len(values), bool)
        return cls(
            type, values.copy(), nothing.copy() if null is None else null.copy(),
            nothing.copy() if garbage is None else garbage.copy(),
        )  # fmt: skip

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def missing(self) -> np.ndarray:
        if self.dtype.kind == "f":
            return (self.null | np.isnan(self.values)) & ~self.garbage
        return self.null & ~self.garbage

    @property
    def present(self) -> np.ndarray:
        return ~self.missing & ~self.garbage

    @property
    def good(self) -> np.ndarray:
        return self.present & np.isfinite(self.values) if self.dtype.kind == "f" else self.present

    @property
    def infinite(self) -> np.ndarray:
        if self.dtype.kind != "f":
            return np.zeros(len(self.values), bool)
        return self.present & np.isinf(self.values)

    def where(self, keep: np.ndarray) -> Cells:
        return Cells(self.type, self.values[keep], self.null[keep], self.garbage[keep])

    def finite(self) -> list[Any]:
        return self.values[self.good].tolist()


@dataclass
class Line:
    """A rule: columns (names and selectors), what is bad, what is too much, what to do."""

    columns: tuple[str, ...]
    find: tuple[Any, ...] | None = None
    fix: tuple[Any, ...] | None = None
    excepted: tuple[str, ...] = ()
    limit: str | None = None

    def __str__(self) -> str:
        text = ", ".join(self.columns)
        if self.excepted:
            text += " except " + ", ".join(self.excepted)
        if self.find is not None:
            text += f": {written(self.find)}"
        if self.limit is not None:
            text += f" <= {self.limit}"
        return text if self.fix is None else f"{text} -> {written(self.fix)}"


def written(part: tuple[Any, ...]) -> str:
    name, *arguments = part
    named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    texts = [each if name in ("impute", "normalize", "cast") else repr(each) for each in arguments]
    texts += [f"{key}={value}" for key, value in named.items()]
    return f"{name}({', '.join(texts)})" if texts else name


@dataclass
class Done:
    """What one rule did to one column."""

    rule: int
    column: str
    fix: str
    cells: int = 0
    rows: int = 0
    found: int | None = None


@dataclass
class Gone:
    """A row that a rule dropped."""

    row: int
    rule: int
    column: str
    reason: str


@dataclass
class Table:
    """The columns by name, and the number of each row, from 0."""

    columns: dict[str, Cells]
    rows: np.ndarray
    protected: dict[str, str] = field(default_factory=dict)
    integer_arrays: bool = False
    """Integers have no room for results that are none, and nothing that says missing."""
    types: dict[str, str] = field(default_factory=dict)
    """Of the columns that were read: what selectors go by."""
    done: list[Done] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    errors: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Rules without a fix that hit, and limits that were exceeded: how many cells."""

    def __post_init__(self) -> None:
        self.types = {name: column.type for name, column in self.columns.items()}


def pipeline(table: Table, rules: Sequence[Line]) -> Table:
    """The table as the rules leave it. Refused, where one cannot be done; Undecided, where a value is on a fence."""
    table = copy.deepcopy(table)
    for number, rule in enumerate(rules):
        _rule(table, number, rule)
    return table


def reached(table: Table, rule: Line) -> list[tuple[str, bool]]:
    """The columns of a rule in the order in which it names them, and whether each was named itself."""
    names = list(table.types)

    def of(word: str) -> set[str]:
        if word in table.types:
            return {word}
        kinds = {"@numeric": NUMERIC, "@integer": ("integer",), "@float": ("float",), "@text": ("text",),
                 "@boolean": ("boolean",)}  # fmt: skip
        if word in kinds:
            return {name for name in names if table.types[name] in kinds[word]}
        roles = {"@features": (None,), "@label": ("label",), "@id": ("id",), "@all": (None, "label", "id")}
        if word in roles:
            return {name for name in names if table.protected.get(name) in roles[word]}
        return {name for name in names if fnmatchcase(name, word)}

    without = {name for word in rule.excepted for name in of(word)}
    added = [word for word in rule.columns if word in table.columns and word not in table.types]
    read = [word for word in rule.columns if word not in added]
    order = [name for word in read for name in sorted(of(word), key=names.index)]
    named = {name for word in read for name in of(word) if word in table.types or word in ("@label", "@id")}
    return [(name, name in named or name in added) for name in dict.fromkeys([*order, *added]) if name not in without]


APPLIES = {
    "infinite": NUMERIC, "iqr": NUMERIC, "zscore": NUMERIC, "mad": NUMERIC, "range": NUMERIC, "quantile": NUMERIC,
    "standin": ("integer", "float", "text"), "unparsable": NUMERIC, "clip": NUMERIC, "normalize": NUMERIC,
    "log1p": NUMERIC, "cast": (*NUMERIC, "boolean"), "fill": (*NUMERIC, "text", "boolean", "time"),
}  # fmt: skip


def _applies(table: Table, name: str, rule: Line) -> bool:
    """Whether the rule has something to say of a column that it reaches."""
    column = table.columns[name]
    for part in (rule.find, rule.fix):
        if part is not None and part[0] in APPLIES and column.type not in APPLIES[part[0]]:
            return False
    fix = rule.fix
    if fix is None:
        return True
    if fix[0] == "impute" and fix[1] in ("mean", "median"):
        return column.type in NUMERIC
    if table.integer_arrays and column.dtype.kind in "iu" and fix[0] in ("blank", "normalize", "log1p"):
        return False
    if fix[0] == "fill":
        kinds: dict[type, tuple[str, ...]] = {str: ("text",), bool: ("boolean",), int: NUMERIC, float: NUMERIC}
        whole = not isinstance(fix[1], float) or fix[1].is_integer() or column.type == "float"
        return column.type in kinds[type(fix[1])] and whole
    return True


def _rule(table: Table, number: int, rule: Line) -> None:
    before = dict(table.columns)
    going = np.zeros(len(table.rows), bool)
    for name, named in reached(table, rule):
        if name not in before or not _applies(table, name, rule):
            continue
        column = before[name]
        fix = rule.fix
        if fix is not None and fix[0] not in ("drop", "flag") and name in table.protected and not named:
            fix = None
            if rule.find is None:
                continue
        bad, find = found(column, rule.find)
        hits = int(bad.sum())
        if rule.find is not None and rule.limit is not None:
            if exceeded(rule.limit, hits, len(column.values)):
                table.errors[number, name] = hits
        elif rule.find is not None and fix is None and hits:
            table.errors[number, name] = hits
        if fix is None:
            continue
        done = Done(number, name, written(fix), found=None if rule.find is None else hits)
        if fix[0] == "drop":
            first = bad & ~going
            reason = "every row" if rule.find is None else written(rule.find)
            table.gone += [Gone(int(table.rows[at]), number, name, reason) for at in np.flatnonzero(first)]
            done.rows = int(first.sum())
            going |= bad
        elif fix[0] == "drop_column":
            if rule.find is None or hits:
                del table.columns[name]
        elif fix[0] == "flag":
            added = f"{name}_{rule.find[0]}"  # type: ignore[index]
            table.columns[added] = Cells.of("boolean", bad)
        else:
            table.columns[name], done.cells = FIXES[fix[0]](column, bad, find, fix[1:], before, table)
        table.done.append(done)
    if going.any():
        table.columns = {name: column.where(~going) for name, column in table.columns.items()}
        table.rows = table.rows[~going]


def exceeded(limit: str, hits: int, of: int) -> bool:
    if limit.endswith("%"):
        return 100 * hits > Fraction(limit[:-1]) * of
    return hits > int(limit)


# --- finds: where is it bad, and between which fences is it good


@dataclass
class Fitted:
    """A find with its numbers."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    standins: tuple[float, ...] = ()

    def takes(self, value: Any) -> bool:
        """Whether a value is bad."""
        if self.name in FENCED:
            if any(math.isfinite(end) and abs(value - end) <= GRAIN * max(abs(end), 1e-300) != 0 and value != end
                   for end in (self.low, self.high)):  # fmt: skip
                raise Undecided
            return bool(value < self.low or value > self.high)
        if self.name == "infinite":
            return bool(np.isinf(value))
        return value in self.standins


FENCED = ("iqr", "zscore", "mad", "range", "quantile")


def found(column: Cells, find: tuple[Any, ...] | None) -> tuple[np.ndarray, Fitted | None]:
    n = len(column.values)
    if find is None:
        return np.ones(n, bool), None
    name, *settings = find
    if name == "missing":
        return column.missing, Fitted(name)
    if name == "unparsable":
        return column.garbage.copy(), Fitted(name)
    if name == "infinite":
        return column.infinite, Fitted(name)
    if name == "standin":
        values = tuple(settings[0]["these"]) if settings else ()
        return column.present & np.isin(column.values, values), Fitted(name, standins=values)
    fences = fences_of(column, name, settings)
    if fences is None:
        return np.zeros(n, bool), Fitted(name)
    low, high = fences
    values = column.values[column.present]
    if name != "range":
        wide = values.astype(np.float64)
        for end in (low, high):
            if ((np.abs(wide - end) <= GRAIN * max(abs(end), 1e-300)) & (wide != end)).any():
                raise Undecided
        if name == "zscore" and np.isin(wide, (low, high)).any():
            raise Undecided
    bad = np.zeros(n, bool)
    bad[column.present] = [value < low or value > high for value in values.tolist()]
    return bad, Fitted(name, low, high)


def fences_of(column: Cells, name: str, settings: Sequence[float]) -> tuple[float, float] | None:
    values = column.values[column.good]
    if name == "range":
        return settings[0], settings[1]
    if not len(values):
        return None
    x = values.astype(np.float64)
    if name == "quantile":
        return float(np.quantile(x, settings[0])), float(np.quantile(x, settings[1]))
    if name == "iqr":
        q1, q3 = (float(q) for q in np.quantile(x, [0.25, 0.75]))
        k = settings[0] if settings else 1.5
        return None if q1 == q3 else (q1 - k * (q3 - q1), q3 + k * (q3 - q1))
    if name == "zscore":
        k = settings[0] if settings else 3.0
        mean, std = moments(values.tolist())
        return None if std == 0 else (mean - k * std, mean + k * std)
    k = settings[0] if settings else 3.5
    median = float(np.quantile(x, 0.5))
    mad = float(np.quantile(np.abs(x - median), 0.5))
    return None if mad == 0 else (median - k / 0.6745 * mad, median + k / 0.6745 * mad)


def moments(values: Sequence[Any]) -> tuple[float, float]:
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    return float(mean), math.sqrt(float(sum((value - mean) ** 2 for value in exact) / len(exact)))


# --- fixes: the new column, and how many cells of it are not what they were


Context = tuple[Cells, np.ndarray, Fitted | None, Sequence[Any], dict[str, Cells], Table]


def blank(column: Cells, bad: np.ndarray, *rest: Any) -> tuple[Cells, int]:
    table: Table = rest[-1]
    cells = bad & ~column.missing
    after = Cells.of(column.type, column.values, column.null | cells, column.garbage & ~cells)
    if table.integer_arrays:
        after.values[cells], after.null[cells] = np.nan, False
    return after, int(cells.sum())


def fill(column: Cells, bad: np.ndarray, find: Fitted | None, settings: Sequence[Any], *rest: Any) -> tuple[Cells, int]:
    value = settings[0]
    if find is not None and column.type in NUMERIC and find.takes(value):
        raise Refused("the value is bad as well")
    return _put(column, bad, value), int(bad.sum())


def _put(column: Cells, bad: np.ndarray, values: Any) -> Cells:
    after = Cells.of(column.type, column.values, column.null & ~bad, column.garbage & ~bad)
    if column.type == "text" and bad.any():
        after.values = after.values.astype(object)
    after.values[bad] = values
    return after


def figure(values: list[Any], how: str) -> Any:
    """The figure of finite values; None of none."""
    if not values:
        return None
    if how == "mean":
        return moments(values)[0]
    if how == "median":
        return float(np.quantile(np.array(values, np.float64), 0.5))
    counts = Counter(values)
    if len(counts) > 1000:
        return None
    return min(counts, key=lambda value: (-counts[value], value if not isinstance(value, bool) else str(value)))


def held(value: Any, column: Cells) -> Any:
    """As the column's type holds it: integers half to even."""
    if value is None or column.type not in NUMERIC:
        return value
    if column.type == "integer":
        return round(value)
    return column.dtype.type(value).item()


def impute(
    column: Cells, bad: np.ndarray, find: Fitted | None, settings: Sequence[Any], before: dict[str, Cells], table: Table
) -> tuple[Cells, int]:
    how = settings[0]
    by = settings[1]["by"] if len(settings) > 1 else None
    group = None if by is None else _groups(before[by])
    if how == "ffill":
        return _ffill(column, bad, group, table)
    whole = held(figure(column.finite(), how), column)
    if whole is None:
        if len(column.values):
            raise Refused("nothing to learn from")
        return column, 0
    values = {None: whole}
    if group is not None:
        for key in {key for key in group if key is not None}:
            mine = np.array([each == key for each in group], bool)
            found = held(figure(column.where(mine).finite(), how), column)
            values[key] = whole if found is None else found
    if find is not None and column.type in NUMERIC and any(find.takes(value) for value in values.values()):
        raise Refused("the value is bad as well")
    keys = [None] * len(bad) if group is None else group
    new = [values.get(keys[at], whole) for at in np.flatnonzero(bad)]
    return _put(column, bad, np.array(new, object if column.type == "text" else column.dtype)), int(bad.sum())


def _groups(column: Cells) -> list[Any]:
    good = column.good
    return [value if ok else None for value, ok in zip(column.values.tolist(), good.tolist(), strict=True)]


def _ffill(column: Cells, bad: np.ndarray, group: list[Any] | None, table: Table) -> tuple[Cells, int]:
    """With pandas: what is good stays, what is not takes the last good one above, in its group."""
    good = column.good & ~bad
    places = pd.Series(np.where(good, np.arange(len(bad)), np.nan))
    if group is None:
        above = places.ffill()
    else:
        keys = pd.Series([None if key is None else repr(key) for key in group], dtype=object)
        above = places.groupby(keys).ffill() if len(bad) else places
        above[keys.isna()] = np.nan
    have = bad & above.notna().to_numpy()
    after = _put(column, have, column.values[above.to_numpy()[have].astype(int)])
    voided = bad & ~have & ~column.missing
    if voided.any():
        if table.integer_arrays and column.dtype.kind in "iu":
            raise Refused("nothing stands above")
        after, _ = blank(after, voided, table)
    return after, int((have | voided).sum())


def clip(column: Cells, bad: np.ndarray, find: Fitted | None, settings: Sequence[Any], *rest: Any) -> tuple[Cells, int]:
    if settings:
        low, high = settings
        if find is not None:
            if find.low != -math.inf and not (find.low <= low and high <= find.high):
                raise Refused("it reaches beyond the fences")
        else:
            bad = column.present & (column.values < low) | column.present & (column.values > high)
    else:
        assert find is not None
        low, high = find.low, find.high
    if not bad.any():
        return column, 0
    if column.type == "integer" and column.dtype.kind in "iu":
        low, high = (math.ceil(low) if math.isfinite(low) else low), (math.floor(high) if math.isfinite(high) else high)
    elif column.dtype == np.float32:
        low, high = _inside32(low, high)
    if low > high:
        raise Refused("no value lies between")
    inner = bad & ~((column.values < low) | (column.values > high))
    if inner.any():
        raise Refused("bad cells lie between the bounds")
    return _put(column, bad, np.clip(column.values[bad], low, high)), int(bad.sum())


def _inside32(low: float, high: float) -> tuple[float, float]:
    down, up = np.float32(low), np.float32(high)
    down = down if float(down) >= low else np.nextafter(down, np.float32(np.inf))
    up = up if float(up) <= high else np.nextafter(up, np.float32(-np.inf))
    return float(down), float(up)


def _all_finite(column: Cells) -> None:
    if column.garbage.any() or column.missing.any() or column.infinite.any():
        raise Refused("a cell without a finite value")


def _as_float(column: Cells, values: np.ndarray) -> tuple[Cells, int]:
    dtype = np.float32 if column.dtype == np.float32 else np.float64
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    if not np.isfinite(values).all():
        raise Refused("a value is too large")
    changed = int((values != column.values).sum())
    return Cells.of("float", values), changed


def normalize(
    column: Cells, bad: np.ndarray, find: Fitted | None, settings: Sequence[Any], *rest: Any
) -> tuple[Cells, int]:
    if len(column.values) and not column.good.any():
        raise Refused("nothing to learn from")
    _all_finite(column)
    x = column.values.astype(np.float64)
    if not len(x):
        return _as_float(column, x)
    how = settings[0]
    if how == "standard":
        center, spread = moments(column.finite())
    elif how == "minmax":
        center, spread = x.min(), x.max() - x.min()
    elif how == "robust":
        q1, center, q3 = np.quantile(x, [0.25, 0.5, 0.75])
        spread = q3 - q1
    else:
        center, spread = 0.0, np.abs(x).max()
    return _as_float(column, np.zeros(len(x)) if spread == 0 else (x - center) / spread)


def log1p(column: Cells, *rest: Any) -> tuple[Cells, int]:
    _all_finite(column)
    if (column.values <= -1).any():
        raise Refused("no logarithm")
    return _as_float(column, np.log1p(column.values.astype(np.float64)))


def cast(
    column: Cells, bad: np.ndarray, find: Fitted | None, settings: Sequence[Any], before: Any, table: Table
) -> tuple[Cells, int]:
    dtype = np.dtype(settings[0])
    if column.garbage.any():
        raise Refused("garbage")
    after: list[Any] = []
    changed = 0
    for value, null in zip(column.values.tolist(), column.null.tolist(), strict=True):
        if null or (dtype.kind in "iu" and isinstance(value, float) and math.isnan(value)):
            if not null or (table.integer_arrays and dtype.kind in "iu"):
                raise Refused("a missing cell has no place")
            after.append(0)
            continue
        after.append(_cast_one(value, dtype))
        changed += after[-1] != value and not (isinstance(value, float) and math.isnan(value))
    type_ = "float" if dtype.kind == "f" else "integer"
    return Cells.of(type_, np.array(after, dtype), column.null), changed


def _cast_one(value: Any, dtype: np.dtype) -> Any:
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        if isinstance(value, float) and (not math.isfinite(value) or not value.is_integer()):
            raise Refused("no integer")
        if not held.min <= value <= held.max:
            raise Refused("out of range")
        return int(value)
    with np.errstate(over="ignore"):
        new = dtype.type(value).item()
    if isinstance(value, float) and not math.isfinite(value):
        return new
    whole = isinstance(value, int) or (abs(value) >= 1 and value.is_integer())
    if math.isinf(new) or (new == 0 and value != 0) or (whole and new != value):
        raise Refused("the value is lost")
    return new


FIXES = {
    "blank": blank, "fill": fill, "impute": impute, "clip": clip, "normalize": normalize, "log1p": log1p, "cast": cast,
}  # fmt: skip

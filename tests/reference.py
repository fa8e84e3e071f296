"""The referee: every figure of a report's column, computed slowly and plainly from the values themselves.

Nothing here knows how the program works. Sums are exact integers, order statistics come from a sort of all values,
text is split by Python's csv module and judged cell by cell. The only thing shared with the program is the contract:
the keys of the report and the words of the design.
"""

from __future__ import annotations

import csv
import io
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

csv.field_size_limit(1 << 30)

GRAIN = Fraction(1), 1 - Fraction(1, 10**14), 1 + Fraction(1, 10**14)  # a cell on the fence may fall to either side
MOST_DISTINCT = 1_000
MOST_BLOCKS = 64
BINS = 40

# ---------------------------------------------------------------------------------------------------------------------
# Text: the class of one cell.

EMPTY, DECLARED, NARROW, WIDE, NAN, INFINITE = "empty", "declared", "narrow", "wide", "nan", "infinite"
INTEGER, DECIMAL, BOOLEAN, TIME, OTHER = "integer", "decimal", "boolean", "time", "other"

# pandas' read_csv, without the empty cell and the four spellings of NaN (they are a class of their own).
PANDAS = frozenset(
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "None", "n/a", "null"}
)
PANDAS_NAN = frozenset({"NaN", "nan", "-NaN", "-nan"})
LONGER = frozenset(
    {word.lower() for word in PANDAS}
    | {"?", ".", "..", "...", "-", "--", "---", "*", "**", "_", "x", "nil", "none", "missing", "unknown", "unk"}
    | {"not available", "not applicable", "n.a.", "na.", "#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!"}
    | {"\\n", "void", "undefined", "nat", "tbd", "nd", "bdl", "s", "nr", "tr"}
    | {"." + letter for letter in "abcdefghijklmnopqrstuvwxyz"}
)

IS_INTEGER = re.compile(r"[+-]?[0-9]+")
IS_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
IS_NAN = re.compile(r"[+-]?nan", re.IGNORECASE)
IS_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
IS_BOOLEAN = re.compile(r"true|false", re.IGNORECASE)
IS_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True)
class Words:
    """What counts as missing, beside the empty cell."""

    missing_list: str = "auto"
    declared: tuple[str, ...] = ()
    decimal: str = "."

    @property
    def listed(self) -> frozenset[str]:
        return PANDAS | PANDAS_NAN if self.missing_list == "pandas" else frozenset()


def lexical_class(cell: str, words: Words = Words()) -> tuple[str, Any]:
    """The class of one cell, and what it stands for: a number, a spelling, the text."""
    text = cell.strip(" \t")
    number = text
    if words.decimal != ".":
        number = text.replace(".", "\0").replace(words.decimal, ".")
    if cell == "" or (text == "" and words.missing_list == "auto"):
        return EMPTY, ""
    if declared(text, number, words.declared):
        return DECLARED, text
    if words.missing_list == "auto":
        if IS_NAN.fullmatch(text):
            return NAN, text
        if text in PANDAS:
            return NARROW, text
        if text.lower() in LONGER:
            return WIDE, text
    elif words.missing_list == "pandas":
        if cell in PANDAS_NAN or IS_NAN.fullmatch(text):
            return NAN, cell
        if cell in PANDAS:
            return NARROW, cell
    elif IS_NAN.fullmatch(text):
        return NAN, text
    if IS_INFINITE.fullmatch(text):
        return INFINITE, -math.inf if text.startswith("-") else math.inf
    if IS_INTEGER.fullmatch(number):
        return INTEGER, int(number)
    if IS_NUMBER.fullmatch(number):
        value = float(number)
        return (DECIMAL, value) if math.isfinite(value) else (INFINITE, value)
    if IS_BOOLEAN.fullmatch(text):
        return BOOLEAN, text.lower() == "true"
    if IS_TIME.fullmatch(text):
        return TIME, text
    return OTHER, cell


def declared(text: str, number: str, spellings: Sequence[str]) -> bool:
    """Numbers are compared as numbers, text as trimmed text."""
    if not IS_NUMBER.fullmatch(number):
        return text in {spelling.strip() for spelling in spellings}
    return any(
        as_number(number) == as_number(spelling)
        for spelling in map(str.strip, spellings)
        if IS_NUMBER.fullmatch(spelling)
    )


def as_number(text: str) -> int | float:
    return int(text) if IS_INTEGER.fullmatch(text) else float(text)


def settled_type(classes: Counter[str]) -> str:
    """The type of a column of text, from the counts of its classes and nothing else."""
    numbers = classes[INTEGER] + classes[DECIMAL] + classes[INFINITE]
    counted = numbers + classes[BOOLEAN] + classes[TIME] + classes[OTHER]
    if counted == 0:
        return "text" if classes[WIDE] else "float"
    if 20 * numbers >= 19 * counted:
        return "integer" if classes[INTEGER] == numbers else "float"
    if classes[BOOLEAN] == counted:
        return "boolean"
    if classes[TIME] == counted:
        return "time"
    return "text"


# ---------------------------------------------------------------------------------------------------------------------
# Columns: what the cells are, whatever they were read from.


@dataclass
class Cells:
    """The cells of one column, taken apart. `finite` and `values` hold what is not missing, in order."""

    name: str
    type: str
    rows: int  # records of the file, ragged ones among them
    null: int = 0
    nan: int = 0
    empty: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    pos_inf: int = 0
    neg_inf: int = 0
    unparsable: int = 0
    finite: Any = None  # array or list of numbers; None for columns that are not numeric
    values: list[Any] | None = None  # for columns that are not numeric
    words: bool = False  # read from text, where integers may be of any length
    missing_records: Any = ()  # record numbers from 0, one for every missing cell

    @property
    def missing(self) -> int:
        return self.null + self.nan + self.empty + sum(self.tokens.values())


@dataclass
class Table:
    """The columns of one file, and what is known of its rows."""

    columns: list[Cells]
    rows: int
    ragged: list[int] = field(default_factory=list)  # record numbers from 0

    @property
    def complete_rows(self) -> int:
        bad = set(self.ragged)
        for column in self.columns:
            bad.update(int(row) for row in column.missing_records)
        return self.rows - len(bad)

    def __getitem__(self, name: str) -> Cells:
        return next(column for column in self.columns if column.name == name)


def names_of_header(cells: Sequence[str]) -> list[str]:
    """Empty cells become unnamed_0 ..., repeated names x.1 ..."""
    taken: Counter[str] = Counter()
    names = []
    for position, cell in enumerate(cells):
        name = cell if cell.strip() else f"unnamed_{position}"
        names.append(f"{name}.{taken[name]}" if taken[name] else name)
        taken[name] += 1
    return names


def csv_table(
    source: str | bytes | Path,
    *,
    header: bool = True,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    words: Words = Words(),
) -> Table:
    """A CSV file as the csv module splits it, each column judged as a whole."""
    data = source.read_bytes() if isinstance(source, Path) else source
    text = data.decode(encoding) if isinstance(data, bytes) else data
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if header:
        while records and records[0] == []:
            records.pop(0)
        names = names_of_header(records.pop(0))
    else:
        names = [f"c{i}" for i in range(len(next(record for record in records if record)))]
    if len(names) == 1:
        records = [record or [""] for record in records]  # a blank line is a missing cell here
    else:
        records = [record for record in records if record]
    ragged = [number for number, record in enumerate(records) if len(record) != len(names)]
    good = [(number, record) for number, record in enumerate(records) if len(record) == len(names)]
    columns = [
        text_column(name, [record[i] for _, record in good], [number for number, _ in good], len(records), words)
        for i, name in enumerate(names)
    ]
    return Table(columns, len(records), ragged)


def text_column(
    name: str, cells: Sequence[str], records: Sequence[int], rows: int, words: Words = Words(), type: str | None = None
) -> Cells:
    """One column of text cells."""
    judged = [lexical_class(cell, words) for cell in cells]
    if type is None:
        type = settled_type(Counter(kind for kind, _ in judged))
    column = Cells(name, type, rows, words=True)
    numeric = type in ("integer", "float")
    values: list[Any] = []
    absent: list[int] = []
    as_text = {spelling.strip() for spelling in words.declared}
    for cell, record, (kind, value) in zip(cells, records, judged, strict=True):
        if kind == DECLARED and type == "text" and value not in as_text:
            values.append(cell)  # the same number, but in text numbers are text
            continue
        if kind == NAN and not numeric and not (words.missing_list == "auto" or cell in words.listed):
            values.append(cell)  # only a number can be NaN there
            continue
        if kind == EMPTY:
            column.empty += 1
        elif kind in (DECLARED, NARROW) or (kind == WIDE and type != "text") or (kind == NAN and not numeric):
            column.tokens[value] += 1
        elif kind == NAN:
            column.nan += 1
        elif not numeric:
            values.append(value if kind in (BOOLEAN, TIME) and type == kind else cell)
            continue
        elif kind == INFINITE:
            column.pos_inf += value > 0
            column.neg_inf += value < 0
            continue
        elif kind in (INTEGER, DECIMAL):
            values.append(float(value) if type == "float" else value)
            continue
        else:
            column.unparsable += 1
            continue
        absent.append(record)
    column.missing_records = absent
    if numeric:
        column.finite = values
    else:
        column.values = values
    return column


def array_column(name: str, array: Any, absent: Any = None) -> Cells:
    """One column of numbers from a NumPy array (any shape; rows are the first axis); `absent` marks nulls."""
    array = np.asarray(array)
    rows = array.shape[0] if array.ndim else 1
    per_row = array.size // rows if rows else 1
    flat = array.reshape(-1)
    record = np.arange(flat.size) // max(per_row, 1)
    absent = np.zeros(flat.size, bool) if absent is None else np.asarray(absent).reshape(-1)
    if flat.dtype.kind in "iu":
        kept = flat[~absent]
        column = Cells(name, "integer", rows, finite=kept)
        lost = absent
    elif flat.dtype.kind == "b":
        column = Cells(name, "boolean", rows, values=flat[~absent].tolist())
        lost = absent
    else:
        wide = flat.astype(np.float64)
        nan = np.isnan(wide) & ~absent
        column = Cells(
            name,
            "float",
            rows,
            nan=int(nan.sum()),
            pos_inf=int(((wide == np.inf) & ~absent).sum()),
            neg_inf=int(((wide == -np.inf) & ~absent).sum()),
            finite=wide[np.isfinite(wide) & ~absent],
        )
        lost = absent | nan
    column.null = int(absent.sum())
    column.missing_records = record[lost]
    return column


def arrow_column(name: str, column: pa.ChunkedArray, words: Words = Words()) -> Cells:
    """One column of an Arrow table: numbers, text, or something whose nulls alone are counted."""
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    absent = np.asarray(array.is_null())
    records = np.arange(len(array))
    kind = array.type
    if pa.types.is_dictionary(kind):
        return arrow_column(name, pa.chunked_array([array.cast(kind.value_type)]), words)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        zero = False if pa.types.is_boolean(kind) else 0
        values = np.asarray(array.fill_null(pa.scalar(zero, kind)))
        return array_column(name, values, absent)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        present = [value for value in array.to_pylist() if value is not None]
        found = text_column(name, present, records[~absent].tolist(), len(array), words, type="text")
        found.null = int(absent.sum())
        found.missing_records = [*found.missing_records, *records[absent].tolist()]
        return found
    values = [value for value in array.to_pylist() if value is not None]
    return Cells(name, "other", len(array), null=int(absent.sum()), values=values, missing_records=records[absent])


def arrow_table(table: pa.Table, words: Words = Words()) -> Table:
    """A Parquet file, or any Arrow table; structs are flattened to `a.b`."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    columns = [arrow_column(name, table.column(i), words) for i, name in enumerate(table.column_names)]
    return Table(columns, table.num_rows)


def array_table(array: np.ndarray) -> Table:
    """An NPY file: a column for each field or each column of two dimensions, one for everything else."""
    if array.dtype.names:
        columns = [array_column(name, array[name]) for name in array.dtype.names]
    elif array.ndim == 2:
        columns = [array_column(f"c{i}", array[:, i]) for i in range(array.shape[1])]
    else:
        columns = [array_column("c0", array)]
    return Table(columns, array.shape[0] if array.ndim else 1)


# ---------------------------------------------------------------------------------------------------------------------
# Figures: from the values of one column.


@dataclass(frozen=True)
class Sorted:
    """Distinct values, ascending, and how many cells hold a value below the i-th of them."""

    values: list[Any]
    counts: list[int]

    @property
    def n(self) -> int:
        return sum(self.counts)

    @cached_property
    def below(self) -> list[int]:
        return [0, *accumulate(self.counts)]

    def pairs(self) -> list[tuple[Any, int]]:
        return list(zip(self.values, self.counts, strict=True))

    def rank(self, rank: int) -> Any:
        """The order statistic: the value that stands at `rank` (from 0) when all are sorted."""
        return self.values[bisect_right(self.below, rank) - 1]

    def less(self, bound: Any) -> int:
        """How many are below the bound. Python compares int, float and Fraction exactly."""
        return self.below[bisect_left(self.values, bound)]

    def more(self, bound: Any) -> int:
        return self.n - self.below[bisect_right(self.values, bound)]


def counted(values: Any) -> Sorted:
    """Distinct values, ascending, with their counts. -0.0 is 0."""
    if isinstance(values, np.ndarray):
        distinct, counts = np.unique(values, return_counts=True)
        return Sorted(distinct.tolist(), counts.tolist())
    pairs = sorted(Counter(values).items())
    return Sorted([value for value, _ in pairs], [count for _, count in pairs])


def exact_sums(pairs: Iterable[tuple[Any, int]]) -> tuple[int, int, int, int]:
    """n, sum and sum of squares as integers at the scale 2**-k, and k."""
    ratios = [(*value.as_integer_ratio(), count) for value, count in pairs]
    k = max((denominator.bit_length() - 1 for _, denominator, _ in ratios), default=0)
    n = total = squares = 0
    for numerator, denominator, count in ratios:
        whole = numerator << (k - (denominator.bit_length() - 1))
        n += count
        total += count * whole
        squares += count * whole * whole
    return n, total, squares, k


def nearest(value: Fraction) -> float | None:
    """The float nearest to an exact value; None where there is none."""
    try:
        return float(value)
    except OverflowError:
        return None


def root(value: Fraction) -> float | None:
    """The float nearest to the square root of an exact value."""
    shift = max(0, 140 - value.numerator.bit_length() + value.denominator.bit_length())
    whole = (value.numerator << 2 * shift) // value.denominator
    integer = math.isqrt(whole)
    inexact = integer * integer * value.denominator != value.numerator << 2 * shift
    return nearest(Fraction(2 * integer + inexact, 2 << shift))


def mean_of(cells: Sorted) -> float | None:
    n, total, _, k = exact_sums(cells.pairs())
    return nearest(Fraction(total, n << k)) if n else None


def std_of(cells: Sorted) -> float | None:
    """The deviation of the whole population (ddof 0)."""
    n, total, squares, k = exact_sums(cells.pairs())
    return root(Fraction(n * squares - total * total, (n << k) ** 2)) if n else None


def quantile(cells: Sorted, q: float) -> float | None:
    """NumPy's `linear`, in float64: between the two neighbouring order statistics of all values."""
    if not cells.n:
        return None
    place = (cells.n - 1) * q
    below = math.floor(place)
    low, high = (float(cells.rank(min(rank, cells.n - 1))) for rank in (below, below + 1))
    return lerp(low, high, place - below)


def lerp(low: float, high: float, t: float) -> float:
    """NumPy's own formula. Where the difference is beyond float64, the same on the halves."""
    if math.isinf(high - low):
        return 2 * lerp(low / 2, high / 2, t)
    return high - (high - low) * (1 - t) if t >= 0.5 else low + (high - low) * t


def mad_of(cells: Sorted, median: float) -> float | None:
    """The median of the distances to the median, each rounded once."""
    distances: Counter[float] = Counter()
    for value, count in cells.pairs():
        if isinstance(value, int) and abs(value) > 2**53:
            distances[float(abs(value - Fraction(median)))] += count
        else:
            distances[abs(value - median)] += count
    pairs = sorted(distances.items())
    return quantile(Sorted([value for value, _ in pairs], [count for _, count in pairs]), 0.5)


def outside(cells: Sorted, middle: Any, reach: Any) -> int:
    """How many are farther than `reach` from the middle; in fractions, so that nothing is rounded."""
    return cells.less(Fraction(middle) - Fraction(reach)) + cells.more(Fraction(middle) + Fraction(reach))


def histogram(cells: Sorted) -> dict[str, list[Any]] | None:
    """40 equal bins from the 0.5 % to the 99.5 % quantile, the last one closed, and two open ends."""
    low, high = quantile(cells, 0.005), quantile(cells, 0.995)
    if low is None or high is None:
        return None
    bins = BINS if low < high else 1
    scale = 2.0**-8 if math.isinf((high - low) * BINS) else 1.0  # exact; only so far as it is needed
    edges = [low, *(low + (high * scale - low * scale) * i / BINS / scale for i in range(1, bins)), high]
    inside = [cells.less(edge) for edge in edges]
    inside[-1] = cells.n - cells.more(edges[-1])
    counts = [inside[i + 1] - inside[i] for i in range(bins)]
    return {"edges": edges, "counts": [inside[0], *counts, cells.more(edges[-1])]}


def block_size(rows: int) -> int:
    """The smallest power of two for which at most 64 blocks hold all rows."""
    size = 1
    while rows > MOST_BLOCKS * size:
        size *= 2
    return size


def missing_by_block(column: Cells) -> list[int]:
    size = block_size(column.rows)
    counts = [0] * math.ceil(column.rows / size)
    for record in column.missing_records:
        counts[int(record) // size] += 1
    return counts


def figures(column: Cells) -> dict[str, Any]:
    """The report's object of one column, as far as the contract says what its keys hold."""
    told: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "missing": column.missing,
        "null": column.null,
        "nan": column.nan,
        "empty": column.empty,
        "token": sum(column.tokens.values()),
        "tokens": dict(column.tokens),
        "missing_by_block": missing_by_block(column),
    }
    if column.finite is None:
        cells = counted(column.values or [])
        told["count"] = column.missing + cells.n
        return told | kinds(cells.pairs())
    cells = ends = counted(column.finite)
    if column.words and ends.n and (ends.values[0] < -(2**63) or ends.values[-1] >= 2**63):
        cells = counted([float(value) for value in column.finite])  # the ends stay exact
    infinities = [(-math.inf, column.neg_inf), (math.inf, column.pos_inf)]
    told |= {
        "count": column.missing + column.pos_inf + column.neg_inf + cells.n + column.unparsable,
        "pos_inf": column.pos_inf,
        "neg_inf": column.neg_inf,
        "unparsable": column.unparsable,
        "finite": cells.n,
        "zero": cells.n - cells.less(0) - cells.more(0),
        "negative": cells.less(0),
        "min": ends.values[0] if ends.n else None,
        "max": ends.values[-1] if ends.n else None,
        "histogram": histogram(cells),
    }
    found = kinds(cells.pairs() + [pair for pair in infinities if pair[1]])
    found["constant"] &= not column.unparsable
    return told | found | {"top": kinds(cells.pairs())["top"]} | spread(cells)  # infinities have their own counts


def kinds(pairs: list[tuple[Any, int]]) -> dict[str, Any]:
    """Which values there are. At most 1,000 different ones are told apart; the ten of `top` are the most frequent
    ones, equal counts in the order of the values."""
    known = len(pairs) <= MOST_DISTINCT
    first = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:10]
    return {
        "distinct": len(pairs) if known else None,
        "constant": len(pairs) == 1,
        "top": [[value, count] for value, count in first] if known else None,
    }


def spread(cells: Sorted) -> dict[str, Any]:
    """Mean, deviation, quartiles, and the three ways to count what lies far out."""
    mean, std = mean_of(cells), std_of(cells)
    q1, median, q3 = (quantile(cells, q) for q in (0.25, 0.5, 0.75))
    told: dict[str, Any] = {"mean": mean, "std": std, "q1": q1, "median": median, "q3": q3}
    told["mad"] = mad = None if median is None else mad_of(cells, median)
    counts: dict[str, list[int] | None] = {"zscore": None, "iqr": None, "mad": None}
    fences: dict[str, list[float] | None] = {"zscore": None, "iqr": None, "mad": None}
    if mean is not None and std is not None:
        fences["zscore"] = [mean - 3 * std, mean + 3 * std]
        counts["zscore"] = [outside(cells, mean, 3 * Fraction(std) * grain) for grain in GRAIN]
    if q1 is not None and q3 is not None:
        fences["iqr"] = [q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)]
        counts["iqr"] = [cells.less(fences["iqr"][0]) + cells.more(fences["iqr"][1])] * 3
    if median is not None and mad is not None and math.isfinite(mad):
        reach = Fraction(3.5) * Fraction(mad) / Fraction(0.6745)
        fences["mad"] = [nearest(Fraction(median) - reach), nearest(Fraction(median) + reach)]
        counts["mad"] = [outside(cells, median, reach * grain) for grain in GRAIN]
    return told | {"outliers": counts, "fences": fences}  # counts: exactly, and a rounding error further in or out


# ---------------------------------------------------------------------------------------------------------------------
# Isolated values: the built-in outlier check, tried at every gap.


def isolated(column: Cells) -> list[Any]:
    """The values far from all others, one for each cell, ascending."""
    cells = counted(column.finite)
    if cells.n < 20 or len(cells.values) <= 10 or quantile(cells, 0.25) == quantile(cells, 0.75):
        return []
    median, half = quantile(cells, 0.5), (quantile(cells, 0.75) - quantile(cells, 0.25)) / 2
    values = [float(value) for value in cells.values]
    bent = [math.asinh((value - median) / half) for value in values]
    least = 0.25 if cells.n >= 1_000 else 0.4
    low, high = 0, len(values) - 1  # the ends of what is left

    def apart(group: int, cut: int, rest: int) -> bool:
        """Is the gap at the cut as wide as all the rest, in both measures?"""
        gap, others = abs(values[group] - values[cut]), abs(values[cut] - values[rest])
        return gap >= others and abs(bent[group] - bent[cut]) >= least * abs(bent[cut] - bent[rest])

    peeling = True
    while peeling:
        peeling = False
        for i in range(high, low, -1):
            if 20 * sum(cells.counts[i : high + 1]) > cells.n:
                break
            if apart(i, i - 1, low):
                high, peeling = i - 1, True
                break
        for i in range(low, high):
            if 20 * sum(cells.counts[low : i + 1]) > cells.n:
                break
            if apart(i, i + 1, high):
                low, peeling = i + 1, True
                break
    kept = range(low, high + 1)
    return [value for i, (value, count) in enumerate(cells.pairs()) if i not in kept for _ in range(count)]


# ---------------------------------------------------------------------------------------------------------------------
# Comparing: the report's object of a column with the figures above.

KEYS = re.findall(
    r"\w+",
    "name type role count missing null nan empty token tokens pos_inf neg_inf finite zero negative unparsable "
    "min max mean std q1 median q3 mad outliers fences reason distinct constant top histogram missing_by_block "
    "missing_rows",
)
NUMERIC = ("mean", "std", "q1", "median", "q3", "mad", "histogram")  # null in every other column
LONG = 64  # bytes of a text that is always kept whole
FEW = 20  # below this many values an outlier count may be refused


def differences(reported: dict[str, Any], column: Cells, *, without: Iterable[str] = ()) -> list[str]:
    """Every way in which the report's object of a column differs from the reference; nothing if it is right."""
    expected = figures(column)
    told = [f"{key}: no such key" for key in KEYS if key not in reported]
    told += [f"{key}: not in the contract" for key in reported if key not in KEYS]
    if told:
        return told
    asked = expected.keys() - set(without)
    for key in sorted(asked - {"mean", "std", "outliers", "fences", "top", "histogram"}):
        if reported[key] != expected[key]:
            told.append(f"{key}: {shown(reported[key])} instead of {shown(expected[key])}")
    if "histogram" in asked and not same_histogram(reported["histogram"], expected["histogram"]):
        told.append(f"histogram: {shown(reported['histogram'])} instead of {shown(expected['histogram'])}")
    # Integers of any length in text: beyond 64 bits their ends alone are exact.
    beyond = column.words and any(abs(expected.get(end) or 0) >= 2**63 for end in ("min", "max"))
    if "top" in asked and not beyond and not same_top(reported["top"], expected["top"], column.type):
        told.append(f"top: {shown(reported['top'])} instead of {shown(expected['top'])}")
    if column.finite is None:
        told += [
            f"{key}: {reported[key]!r} in a column of {column.type}" for key in NUMERIC if reported[key] is not None
        ]
        return told
    for key, tolerance in (("mean", 1e-15), ("std", 1e-12)):
        if key in asked and not near(reported[key], expected[key], tolerance):
            told.append(f"{key}: {reported[key]!r} instead of {expected[key]!r}")
    return told + (outlier_differences(reported, expected) if "outliers" in asked else [])


def same_histogram(reported: Any, expected: Any) -> bool:
    """Bit for bit; where the range is beyond float64, there are several ways to cut it."""
    if expected is None or not math.isinf((expected["edges"][-1] - expected["edges"][0]) * BINS):
        return bool(reported == expected)
    ends = [reported["edges"][0], reported["edges"][-1]] == [expected["edges"][0], expected["edges"][-1]]
    return ends and len(reported["edges"]) == BINS + 1 and sum(reported["counts"]) == sum(expected["counts"])


def same_top(reported: Any, expected: Any, type: str) -> bool:
    """Long text may be shown shortened, infinity is shown as text; what is not known is null or nothing."""
    if not expected or not reported:
        return not reported and not expected
    if [count for _, count in reported] != [count for _, count in expected]:
        return False
    if type not in ("integer", "float", "text"):
        return True
    return all(
        shown == (value if not isinstance(value, float) or math.isfinite(value) else str(value))
        for (shown, _), (value, _) in zip(reported, expected, strict=True)
        if not isinstance(value, str) or len(value.encode()) <= LONG
    )


def outlier_differences(reported: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """A count may be refused where the rule does not apply, and only there, and then the reason is told."""
    told = []
    reported = {**reported, **{key: reported[key] or dict.fromkeys(expected[key]) for key in ("outliers", "fences")}}
    scale = {"zscore": expected["std"], "iqr": None, "mad": expected["mad"]}
    if expected["q1"] is not None:
        scale["iqr"] = expected["q3"] - expected["q1"]
    for key, count in expected["outliers"].items():
        fences, right = reported["fences"][key], expected["fences"][key]
        if reported["outliers"][key] is None and (not scale[key] or refused(expected)):
            if not reported["reason"]:
                told.append(f"outliers.{key}: refused without a reason")
        elif reported["outliers"][key] not in (count or [None]):
            told.append(f"outliers.{key}: {reported['outliers'][key]!r} instead of {count!r}")
        elif fences is not None and not all(map(near, fences, right, [1e-12] * 2)):
            told.append(f"fences.{key}: {fences!r} instead of {right!r}")
    return told


def refused(expected: dict[str, Any]) -> bool:
    return expected["finite"] < FEW or (expected["distinct"] is not None and expected["distinct"] <= 10)


def near(value: Any, right: float | None, tolerance: float) -> bool:
    if value is None or right is None or math.isinf(right):
        return value is (right if right is None or math.isfinite(right) else None)  # JSON has no infinity
    return abs(Fraction(value) - Fraction(right)) <= Fraction(tolerance) * abs(Fraction(right))


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]} ..."

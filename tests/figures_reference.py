"""What detectors are given, made the plain way: figures with NumPy, columns from whole files, hits, findings.

It stands in for the whole flow of a scan where only the detectors are to be judged. Text is classified by the
referee of `tests/reference.py`.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nanclean.batch import Batch
from nanclean.column import Column, Numbers, Values
from nanclean.detector import Detector
from nanclean.finding import Finding, of_column, of_verdict
from nanclean.format import Facts
from nanclean.hits import Hits
from nanclean.policy import Policy
from nanclean.statistics import EXTRA, FIGURES
from tests.reference import lexical_class, names_of_header, settled_type

Figures = dict[str, Any]
INNER, TAIL = 4, 0.05


@dataclass
class Given:
    """One column: its cells as the program sees them, and its figures."""

    column: Column
    figures: Figures


@dataclass
class Table:
    columns: dict[str, Given]
    facts: Facts = field(default_factory=Facts)


def figures_of(column: Column, name: str = "x", quantiles: Sequence[float] = (), **more: Any) -> Figures:
    """All that a detector can ask for."""
    figures = FIGURES | EXTRA | {"name": name, "type": column.type, "role": "feature", "count": column.cells}
    figures |= {"null": column.null, "empty": column.empty, "tokens": dict(column.tokens), "details": column.details}
    figures["token"] = sum(column.tokens.values())
    if isinstance(column, Numbers):
        nan = 0 if column.nan is None else int(column.nan.sum())
        figures |= {"nan": nan, "bits": column.values.dtype.itemsize * 8} | numeric(column.finite, quantiles)
        for key, mask in (("pos_inf", column.pos_inf), ("neg_inf", column.neg_inf), ("unparsable", column.unparsable)):
            figures[key] = 0 if mask is None else int(mask.sum())
        infinite = [math.inf] * bool(figures["pos_inf"]) + [-math.inf] * bool(figures["neg_inf"])
        if figures["distinct"] is not None:
            figures["distinct"] += len(infinite)
        values = figures.pop("kinds") + len(infinite) + figures["unparsable"]
        figures["constant"] = values == 1 and not figures["unparsable"]
    elif isinstance(column, Values) and column.type not in ("other", "complex"):
        array = [] if column.array is None else column.array.tolist()
        counts = Counter(value for value in array if value is not None)
        figures |= {"constant": len(counts) == 1, "distinct": None, "top": None}
        if len(counts) <= 1000:
            top = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:10]
            figures |= {"distinct": len(counts), "top": [list(pair) for pair in top]}
    figures["missing"] = figures["null"] + figures["nan"] + figures["empty"] + figures["token"]
    rows = column.missing_rows
    figures["missing_rows"] = 0 if rows is None else int(rows.sum())
    return figures | more


def numeric(finite: np.ndarray, quantiles: Sequence[float] = ()) -> Figures:
    """The figures of order of the finite values."""
    x = np.sort(finite)
    n = len(x)
    values, counts = np.unique(x, return_counts=True)
    few = len(values) <= 1000
    told: Figures = {"finite": n, "kinds": len(values), "distinct": len(values) if few else None}
    order = np.lexsort((values, -counts))[:10]
    told["top"] = [[values[i].item(), int(counts[i])] for i in order] if few else None
    told |= {"zero": int((x == 0).sum()), "negative": int((x < 0).sum())}
    if not n:
        return told
    wide = x.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        q05, q1, median, q3, q95 = np.quantile(wide, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
        told |= {"mean": float(wide.mean()), "std": float(wide.std()), "mad": float(np.median(np.abs(wide - median)))}
    told |= {"min": x[0].item(), "max": x[-1].item(), "q1": q1, "median": median, "q3": q3}
    told["quantiles"] = {q: float(np.quantile(wide, q)) for q in quantiles}
    positive = values[values > 0]
    told["min_positive"] = positive[0].item() if len(positive) else None
    item = [value.item() for value in (*values[:2], *values[-2:])]
    told["ends"] = {
        "low": [item[0], int(counts[0]), item[1] if len(values) > 1 else None],
        "high": [item[-1], int(counts[-1]), item[-2] if len(values) > 1 else None],
    }
    above = n - np.cumsum(counts)[:-1]  # cells above each gap
    with np.errstate(over="ignore"):
        wide_ones = np.diff(values.astype(np.float64)) >= (q95 - q05) / INNER
    outer = (above <= n * TAIL) | (n - above <= n * TAIL)
    told["gaps"] = [
        [values[i].item(), values[i + 1].item(), int(above[i])] for i in np.flatnonzero(wide_ones & outer).tolist()
    ]
    return told


def numbers(array: Any, absent: Any = None, text: Sequence[str | None] | None = None) -> Numbers:
    """A numeric column of these values; None is null."""
    if not isinstance(array, np.ndarray):
        absent = np.array([value is None for value in array], dtype=bool)
        array = np.array([0 if value is None else value for value in array])
    absent = None if absent is None or not np.any(absent) else np.asarray(absent)
    type_ = "float" if array.dtype.kind == "f" else "integer"
    cells = len(array)
    return Numbers(
        type=type_, rows=cells, cells=cells, null=0 if absent is None else int(absent.sum()), absent=absent,
        values=array, text=None if text is None else pa.array(text, pa.string()),
    )  # fmt: skip


def text(values: Sequence[str | None]) -> Values:
    """A column of text; None is null."""
    array = pa.array(values, pa.string())
    absent = np.array([value is None for value in values], dtype=bool)
    return Values(
        type="text", rows=len(values), cells=len(values), null=int(absent.sum()),
        absent=absent if absent.any() else None, array=array,
    )  # fmt: skip


def lexical(cells: Sequence[str], name: str) -> Given:
    """A column of a text file, its type settled from all of its cells."""
    judged = [lexical_class(cell) for cell in cells]
    classes = Counter(kind for kind, _ in judged)
    type_ = settled_type(classes)
    tokens: Counter[str] = Counter()
    details: Counter[str] = Counter()
    n = len(cells)
    absent, garbage, values = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n)
    beyond = np.zeros(n, bool)
    numeric_type = type_ in ("integer", "float")
    for i, (cell, (kind, value)) in enumerate(zip(cells, judged, strict=True)):
        if kind in ("declared", "narrow") or (kind == "wide" and numeric_type) or (kind == "nan" and not numeric_type):
            tokens[cell.strip()] += 1
            absent[i] = True
        elif kind == "empty":
            absent[i] = True
        elif kind == "wide":
            details[f"wide:{value}"] += 1
        elif numeric_type:
            if kind in ("integer", "decimal", "infinite"):
                values[i] = value
                beyond[i] = kind == "infinite" and any(c.isdigit() for c in cell)
                details["literal_overflow"] += int(beyond[i])
            elif kind == "nan":
                values[i] = np.nan
            else:
                absent[i] = garbage[i] = True
    if numeric_type:
        kept = values.astype(np.int64) if type_ == "integer" and not np.isnan(values).any() else values
        column: Column = Numbers(
            type=type_, rows=n, cells=n, empty=classes["empty"], tokens=dict(tokens), values=kept,
            absent=absent if absent.any() else None, unparsable=garbage if garbage.any() else None,
            text=pa.array(cells, pa.string()), literal_overflow=beyond if beyond.any() else None,
        )  # fmt: skip
    else:
        array = pa.array([None if a else cell for a, cell in zip(absent, cells, strict=True)], pa.string())
        column = Values(
            type=type_, rows=n, cells=n, empty=classes["empty"], tokens=dict(tokens),
            absent=absent if absent.any() else None, array=array,
        )  # fmt: skip
    column.details = dict(+details)
    return Given(column, figures_of(column, name, format="csv", classes=dict(classes)))


def csv_table(source: str | Path, *, header: bool = True, encoding: str = "utf-8") -> Table:
    """A CSV file without ragged rows, with commas."""
    content = source.read_text(encoding) if isinstance(source, Path) else source
    records = [record for record in csv.reader(io.StringIO(content, newline="")) if record]
    head = tuple(records.pop(0)) if header else None
    names = names_of_header(head) if head is not None else [f"c{i}" for i in range(len(records[0]))]
    facts = Facts(rows=len(records), header=head, first=tuple(records[0]) if records else None)
    facts.encoding, facts.encoding_guessed = encoding, encoding != "utf-8"
    columns = [lexical([record[i] for record in records], name) for i, name in enumerate(names)]
    return Table(dict(zip(names, columns, strict=True)), facts)


def array_table(array: np.ndarray) -> Table:
    """An NPY file, or NumPy's arrays by name."""
    columns = [array[:, i] for i in range(array.shape[1])] if array.ndim == 2 else [array.reshape(-1)]
    return table({f"c{i}": values for i, values in enumerate(columns)}, "npy")


def table(columns: Mapping[str, np.ndarray | Column], format: str = "numpy") -> Table:
    """Columns by name."""
    given = {}
    for name, values in columns.items():
        column = values if isinstance(values, Column) else numbers(values)
        given[name] = Given(column, figures_of(column, name, format=format))
    return Table(given, Facts(rows=max((each.column.rows for each in given.values()), default=0)))


def parquet_table(path: Path) -> Table:
    """A Parquet file with plain columns of numbers, text and the rest."""
    read = pq.read_table(path)
    columns: dict[str, np.ndarray | Column] = {}
    for name in read.column_names:
        values = read[name].to_pylist()
        if pa.types.is_integer(read[name].type) or pa.types.is_floating(read[name].type):
            zero = 0 if pa.types.is_integer(read[name].type) else 0.0
            absent = np.array([value is None for value in values])
            columns[name] = numbers(np.array([zero if value is None else value for value in values]), absent)
        elif pa.types.is_string(read[name].type):
            columns[name] = text(values)
    return table(columns, "parquet")


def hits_of(find: Detector, column: Column) -> Hits:
    """Where a find hits, in one block."""
    hits = Hits()
    if find.touches(column):
        hits.add(column, find.mask(column), Batch(0, column.rows, [None] * 1))
    return hits


def findings(given: Table, policy: Policy | None = None, values: bool = True) -> list[Finding]:
    """What the checks of a policy have to say about a table."""
    policy = policy or Policy()
    names = list(given.columns)
    all_figures = [each.figures for each in given.columns.values()]
    for figures in all_figures:
        figures["role"] = policy.role(figures["name"])
    told = []
    for check in policy.checks(names, [figures["type"] for figures in all_figures]):
        find = check.find
        if find.scope == "table":
            judged = all_figures if check.column is None else [all_figures[check.column]]
            told += [of_verdict(check, verdict) for verdict in find.judge(given.facts, judged, values)]
            continue
        each = given.columns[names[check.column]]
        find = find.survey(all_figures).fit(each.figures)
        if find.needs and not find.suspects(each.figures):
            continue
        finding = of_column(replace(check, find=find), each.figures, hits_of(find, each.column), values=values)
        if finding is not None:
            told.append(finding)
    return told


def loud(found: Sequence[Finding]) -> list[tuple[str, str | None, str, int | None]]:
    """Rule, column, severity and count of each warning and error."""
    return [(f.rule, f.column, f.severity, f.count) for f in found if f.severity != "info"]

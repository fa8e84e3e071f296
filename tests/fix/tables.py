"""Random tables in three formats, and random rules for them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nanclean.formats import _arrays, _pieces, parquet
from nanclean.formats import csv as csv_format
from nanclean.rule import rule as spelled
from tests.fix.pipeline import APPLIES, NUMERIC, Cells, Line, Table

FORMATS = ("csv", "parquet", "npy")
SMALL = [
    *[(_arrays, "SPLIT_BYTES", 2_000), (_arrays, "ROWS", 16), (_arrays, "BATCH_BYTES", 1_000)],
    *[(_arrays, "PIECE_BYTES", 64), (parquet, "SPLIT_ROWS", 50), (parquet, "BATCH_ROWS", 19)],
    *[(csv_format, "SPLIT", 3_000), (csv_format, "PIECE", 1_000), (_pieces, "PIECE", 1_000), (_pieces, "BLOCK", 500)],
]
"""Cuts so small that a table of some hundred rows has several splits, each of several batches."""
STANDIN = -999.0


# --- tables


def table_of(random: np.random.Generator, form: str, rows: int) -> Table:
    """Columns of all kinds, in any order, some of them left out."""
    R = random
    gaps = lambda share: R.random(rows) < share
    heavy = R.standard_t(1.5, rows) * 10.0 ** R.integers(-3, 4)
    heavy[gaps(0.05)] = np.inf
    heavy[gaps(0.05)] = -np.inf
    heavy[gaps(0.08)] = np.nan
    ties = R.normal(size=rows).round(1) + 0.0
    single = R.normal(5, 3, rows).astype(np.float32)
    single[gaps(0.1)] = np.nan
    ints = np.where(R.random(rows) < 0.1, R.integers(-(10**12), 10**12, rows), R.integers(-5, 20, rows))
    far = R.uniform(100, 200, rows).round(2)
    far[gaps(0.15)] = STANDIN
    n = np.ones(rows, bool)
    n[:1] = False  # a column without any value has no type in a text file
    nullable = form != "npy"
    columns = {
        "heavy": Cells.of("float", heavy, gaps(0.1) if nullable else None),
        "ties": Cells.of("float", ties, gaps(0.1) & n if nullable else None),
        "single": Cells.of("float", single, gaps(0.1) if nullable else None),
        "int": Cells.of("integer", ints, gaps(0.1) & n if nullable else None),
        "small": Cells.of("integer", R.integers(0, 4, rows).astype(np.int16 if form != "csv" else np.int64)),
        "clean": Cells.of("float", R.lognormal(0, 1, rows)),
        "same": Cells.of("float", np.full(rows, 14.62)),
        "far": Cells.of("float", far),
        "none": Cells.of("float", np.full(rows, np.nan), np.ones(rows, bool) if nullable else None),
    }
    if form == "csv":
        columns["single"] = Cells.of("float", single.astype(np.float64), columns["single"].null)
        if rows >= 40:
            columns["clean"].garbage[R.integers(1, rows)] = True
    if nullable:
        texts = np.array(["red", "green", "blue", "a, b", 'a "c"', "ü"], object)
        columns |= {
            "text": Cells.of("text", texts[R.integers(0, 6, rows)], gaps(0.1) & n),
            "group": Cells.of("text", texts[R.integers(0, 3, rows)], gaps(0.1) & n),
            "flag": Cells.of("boolean", R.random(rows) < 0.4, gaps(0.1) & n),
            "y": Cells.of("text", texts[R.integers(0, 2, rows)], gaps(0.05) & n),
            "row": Cells.of("integer", np.arange(1, rows + 1)),
        }
    names = list(columns)
    R.shuffle(names)
    kept = [name for name in names if R.random() < 0.75] or names[:1]
    protected = {"y": "label", "row": "id"} if nullable else {}
    protected = {name: role for name, role in protected.items() if name in kept}
    return Table({name: columns[name] for name in kept}, np.arange(rows), protected, not nullable)


def texts_of(column: Cells) -> list[str]:
    """The cells of a text file: an empty one is null, NA and nan are missing in other words."""
    found = []
    for value, null, garbage in zip(column.values.tolist(), column.null, column.garbage, strict=True):
        text = "" if null else "oops" if garbage else str(value)
        found.append(text.lower() if column.type == "boolean" else text)
    return found


def written(table: Table, form: str, path: Path) -> Path:
    columns = table.columns
    if form == "csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*map(texts_of, columns.values()), strict=True))
    elif form == "parquet":
        arrays = {name: pa.array(each.values.tolist(), pa.string(), mask=each.null, from_pandas=False)
                  if each.type == "text" else pa.array(each.values, mask=each.null, from_pandas=False)
                  for name, each in columns.items()}  # fmt: skip
        pq.write_table(pa.table(arrays), path, row_group_size=40)
    else:
        array = np.zeros(len(table.rows), [(name, each.dtype) for name, each in columns.items()])
        for name, each in columns.items():
            array[name] = each.values
        np.save(path, array)
    return path


# --- rules


@dataclass
class Rules:
    """Random rules that make sense for a table, as far as can be said before they are run."""

    R: np.random.Generator
    table: Table

    def __post_init__(self) -> None:
        self.flags: dict[str, str] = {}
        self.gone: set[str] = set()
        self.types = dict(self.table.types)
        self.now = dict(self.types)
        self.standin = "far" in self.types

    def several(self, most: int) -> list[Line]:
        rules: list[Line] = []
        for _ in range(int(self.R.integers(1, most + 1))):
            rule = self.one()
            if rule is None:
                continue
            if rule.find is None and self.R.random() < 0.8:
                rules += self.ready(rule)
            rules.append(rule)
        if self.standin and self.R.random() < 0.5:
            fix = self.pick([("blank",), ("drop",), ("impute", "median"), ("fill", 150.5), ("flag",)])
            rules.insert(0, Line(("far",), ("standin", {"these": (STANDIN,)}), fix))
        return rules

    def ready(self, rule: Line) -> list[Line]:
        """Rules above one that stops at a cell without a finite value."""
        fix, columns = rule.fix, tuple(name for name in rule.columns if self.types.get(name) in NUMERIC)
        assert fix is not None
        if fix[0] not in ("normalize", "log1p", "cast") or not columns:
            return []
        finds = [("infinite",), ("unparsable",), ("missing",)]
        bounds = {"log1p": (0, 10**9), "cast": (-100, 100)}
        clip = [Line(columns, ("range", *bounds[fix[0]]), ("clip",))] if fix[0] in bounds else []
        return [*(Line(columns, find, ("impute", "median")) for find in finds), *clip]

    def pick(self, things: Sequence[Any]) -> Any:
        return things[int(self.R.integers(len(things)))]

    def one(self) -> Line | None:
        R = self.R
        find = self.pick([
            ("missing",), ("missing",), ("missing",), ("infinite",), ("infinite",), ("iqr",), ("iqr", 3),
            ("zscore", 2.5), ("mad",), ("mad", 2.5), ("range", -3, 50), ("quantile", 0.05, 0.95), ("unparsable",), None,
        ])  # fmt: skip
        fixes: list[tuple[Any, ...] | None] = [("drop",), ("blank",), ("flag",), None]
        if find is None:
            fixes = [("normalize", self.pick(["standard", "minmax", "robust", "maxabs"])), ("log1p",),
                     ("cast", self.pick(["float32", "float64", "int32", "int64", "int8"])), ("clip", -10, 1000),
                     ("drop_column",)]  # fmt: skip
        elif find[0] in ("missing", "infinite", "unparsable"):
            fixes += [("impute", how) for how in ("mean", "median", "mode", "ffill")] * 2
            fixes += [("impute", "median", {"by": "group"}), ("impute", "ffill", {"by": "group"})] * 2
            fixes += [("impute", "mode", {"by": "flag"}), ("impute", "mean", {"by": "small"})]
            fixes += [("fill", 0), ("fill", 1.5), ("fill", "word"), ("fill", True), ("drop_column",)]
        else:
            fixes += [("impute", "median"), ("impute", "mean"), ("impute", "ffill"), ("fill", 1), ("clip",), ("clip",)]
            fixes += [("clip", 0, 2)]
        fix = self.pick(fixes)
        columns = self.columns(find, fix)
        if not columns:
            return None
        if fix is not None and fix[0] == "drop_column":
            if find is None and set(columns) >= set(self.table.columns):
                return None
            self.gone.update(columns)
        limit = self.pick(["0", "3", "5%", "12.5%", "100%"]) if find is not None and R.random() < 0.25 else None
        if fix is not None and fix[0] == "flag":
            assert find is not None
            for name in columns:
                self.flags[f"{name}_{find[0]}"] = name
        if fix is not None and find is None and fix[0] in ("cast", "normalize", "log1p"):
            kind = "integer" if fix[0] == "cast" and not fix[1].startswith("float") else "float"
            self.now |= dict.fromkeys(set(columns) & set(self.now), kind)
        excepted: tuple[str, ...] = ()
        if columns[0].startswith("@") and R.random() < 0.3:
            excepted = (self.pick([name for name in self.types if name not in columns]),)
        return Line(columns, find, fix, excepted, limit)

    def columns(self, find: tuple[Any, ...] | None, fix: tuple[Any, ...] | None) -> tuple[str, ...]:
        """Names for which find and fix make sense, or a selector, which takes those for which they do."""
        by = fix[-1]["by"] if fix is not None and isinstance(fix[-1], dict) else None
        if by is not None and (by in self.gone or self.now.get(by, "float") == "float"):
            return ()
        selectors = {"@numeric", "@float", "@integer", "@features", "@all"}
        simple = fix is None or (fix[0] not in ("flag", "drop_column", "cast", "normalize", "log1p") and by is None)
        if simple and self.R.random() < 0.3:
            return (self.pick(sorted(selectors)),)
        fitting = [name for name in self.types if self.fits(name, find, fix) and name != by]
        self.R.shuffle(fitting)
        some = fitting[: int(self.R.integers(1, 4))]
        if fix is not None and fix[0] == "cast" and self.R.random() < 0.5:
            some += [flag for flag, name in self.flags.items() if fix[1] in ("int8", "int32", "int64")]
        if fix is not None and fix[0] == "flag":
            assert find is not None
            some = [name for name in some if f"{name}_{find[0]}" not in {*self.flags, *self.types}]
        return tuple(some)

    def fits(self, name: str, find: tuple[Any, ...] | None, fix: tuple[Any, ...] | None) -> bool:
        type_, column = self.now[name], self.table.columns[name]
        if name in self.gone or any(
            part is not None and type_ not in APPLIES.get(part[0], (type_,)) for part in (find, fix)
        ):
            return False
        if fix is None:
            return True
        integers = self.table.integer_arrays and column.dtype.kind in "iu"
        if integers and fix[0] in ("blank", "normalize", "log1p"):
            return False
        if fix[0] == "impute" and fix[1] in ("mean", "median"):
            return type_ in NUMERIC
        if fix[0] == "fill":
            if isinstance(fix[1], bool | str):
                return type_ == ("boolean" if isinstance(fix[1], bool) else "text")
            return type_ == "float" or (type_ == "integer" and float(fix[1]).is_integer())
        if find is None and fix[0] in ("normalize", "log1p", "cast") and name == "none":
            return False
        if fix[0] == "cast" and not fix[1].startswith("float"):
            return type_ != "float" or bool(self.R.random() < 0.1)
        return not (fix[0] == "cast" and type_ == "boolean")


def text_of(rule: Line) -> str:
    """In its one spelling."""
    find = ("standin",) if rule.find is not None and rule.find[0] == "standin" else rule.find
    return str(spelled(str(Line(rule.columns, find, rule.fix, rule.excepted, rule.limit))))


ROWS = (1, 2, 3, 8, 30, 90, 150, 400)


def case(seed: int, form: str) -> tuple[Table, list[Line]]:
    R = np.random.default_rng([seed, FORMATS.index(form)])
    rows = ROWS[int(R.integers(len(ROWS)))]
    if seed % 10 == 0 and form != "csv":
        rows = 0
    table = table_of(R, form, rows)
    return table, Rules(R, table).several(7)

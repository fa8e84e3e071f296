"""Random tables under random rules: what is written equals a pipeline of the same steps, done slowly and plainly."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.errors import NancleanError
from nanclean.formats import _arrays, _pieces, csv as csv_format, parquet
from nanclean.report import Report
from nanclean.rule import find as spelled_find
from nanclean.rule import fixer as spelled_fix
from nanclean.rule import rule as spelled
from tests.fix.pipeline import APPLIES, NUMERIC, Cells, Line, Refused, Table, Undecided, exceeded, pipeline

FORMATS = ("csv", "parquet", "npy")
SMALL = [
    *[(_arrays, "SPLIT_BYTES", 2_000), (_arrays, "ROWS", 16), (_arrays, "BATCH_BYTES", 1_000)],
    *[(_arrays, "PIECE_BYTES", 64), (parquet, "SPLIT_ROWS", 50), (parquet, "BATCH_ROWS", 19)],
    *[(csv_format, "SPLIT", 3_000), (csv_format, "PIECE", 1_000), (_pieces, "PIECE", 1_000), (_pieces, "BLOCK", 500)],
]
"""Cuts so small that a table of some hundred rows has several splits, each of several batches."""
STANDIN = -999.0


# --- tables


def table_of(R: np.random.Generator, form: str, rows: int) -> Table:
    """Columns of all kinds, in any order, some of them left out."""
    gaps = lambda share: R.random(rows) < share  # noqa: E731
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
        rules = [rule for _ in range(int(self.R.integers(1, most + 1))) if (rule := self.one()) is not None]
        if self.standin and self.R.random() < 0.5:
            fix = self.pick([("blank",), ("drop",), ("impute", "median"), ("fill", 150.5), ("flag",)])
            rules.insert(0, Line(("far",), ("standin", {"these": (STANDIN,)}), fix))
        return rules

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
        if name in self.gone or any(part is not None and type_ not in APPLIES.get(part[0], (type_,)) for part in (find, fix)):
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
        return not (fix[0] == "cast" and type_ == "boolean" and fix[1].startswith("float"))


def text_of(rule: Line) -> str:
    """In its one spelling."""
    find = ("standin",) if rule.find is not None and rule.find[0] == "standin" else rule.find
    return str(spelled(str(Line(rule.columns, find, rule.fix, rule.excepted, rule.limit))))


# --- what was written


def read(path: Path, form: str, like: Table) -> dict[str, Cells]:
    if form == "parquet":
        table = pq.read_table(path)
        return {name: _of_arrow(table[name].combine_chunks()) for name in table.column_names}
    if form == "npy":
        array = np.load(path)
        kinds = {"f": "float", "i": "integer", "u": "integer", "b": "boolean"}
        return {name: Cells.of(kinds[array[name].dtype.kind], array[name]) for name in array.dtype.names}
    with open(path, newline="", encoding="utf-8") as file:
        header, *records = csv.reader(file)
    return {name: _of_texts([record[i] for record in records], like.columns[name]) for i, name in enumerate(header)}


def _of_arrow(array: Any) -> Cells:
    null = np.array(array.is_null())
    kind = {"string": "text", "bool": "boolean"}.get(str(array.type))
    if kind is not None:
        return Cells.of(kind, np.array([False if v is None else v for v in array.to_pylist()], object), null)
    values = np.array([0 if value is None else value for value in array.to_pylist()], array.type.to_pandas_dtype())
    return Cells.of("float" if values.dtype.kind == "f" else "integer", values, null)


def _of_texts(texts: list[str], like: Cells) -> Cells:
    null = np.array([text == "" for text in texts], bool)
    garbage = np.array([text == "oops" for text in texts], bool)
    kept = [None if text in ("", "oops") else text for text in texts]
    if like.type == "boolean":
        return Cells.of("boolean", [text == "true" for text in kept], null)
    if like.type == "text":
        return Cells.of("text", np.array(kept, object), null)
    if like.type == "integer":
        return Cells.of("integer", np.array([int(text or 0) for text in kept], like.dtype), null, garbage)
    return Cells.of("float", np.array([float(text or 0) for text in kept], like.dtype), null, garbage)


def compare(found: dict[str, Cells], expected: dict[str, Cells], form: str) -> None:
    assert list(found) == list(expected)
    for name, mine in found.items():
        theirs = expected[name]
        assert len(mine.values) == len(theirs.values), name
        if form != "csv":
            assert (mine.type, mine.dtype if mine.type in NUMERIC else None) == (
                theirs.type, theirs.dtype if theirs.type in NUMERIC else None), name  # fmt: skip
        assert mine.missing.tolist() == theirs.missing.tolist(), name
        if form == "parquet":
            assert mine.null.tolist() == theirs.null.tolist(), f"{name}: NaN and null"
        assert mine.garbage.tolist() == theirs.garbage.tolist(), name
        present = theirs.present
        a, b = mine.values[present], theirs.values[present]
        if theirs.type != "float":
            assert a.tolist() == b.tolist(), name
            continue
        a, b = a.astype(float), b.astype(float)
        tolerance = 1e-6 if theirs.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * min(1, np.abs(b[np.isfinite(b)]).max(initial=0)))


def compare_changes(report: Report, rules: Sequence[Line], done: Table) -> None:
    mine = [(c.rule, c.column, c.fix, c.cells, c.rows, c.found) for c in report.changes]
    theirs = [(text_of(rules[d.rule]), d.column, str(spelled_fix(d.fix)), d.cells, d.rows, d.found) for d in done.done]
    assert [key[:3] for key in mine] == [key[:3] for key in theirs]
    assert mine == theirs
    wrong = {(f.rule_text, f.column): f.count for f in report.findings
             if f.severity == "error" and not f.message.startswith("still") and f.rule != "policy"}  # fmt: skip
    expected = {(text_of(rules[number]), name): count for (number, name), count in done.errors.items()}
    assert wrong == expected
    assert report.exit_code == 0


def compare_rejected(folder: Path, form: str, before: Table, rules: Sequence[Line], done: Table) -> None:
    path = folder / ("out.rejected.parquet" if form == "parquet" else "out.rejected.csv")
    gone = sorted(done.gone, key=lambda each: each.row)
    assert path.exists() == bool(gone)
    if not gone:
        return
    if form == "parquet":
        rejected = pq.read_table(path).to_pylist()
        original = pq.read_table(folder / "in.parquet").to_pylist()
    else:
        with open(path, newline="", encoding="utf-8") as file:
            rejected = list(csv.DictReader(file))
        if form == "csv":
            with open(folder / "in.csv", newline="", encoding="utf-8") as file:
                original = list(csv.DictReader(file))
        else:
            array = np.load(folder / "in.npy")
            original = [dict(zip(array.dtype.names, row, strict=True)) for row in array.tolist()]
    assert len(rejected) == len(gone)
    for mine, theirs in zip(rejected, gone, strict=True):
        raw = original[theirs.row]
        assert int(mine["_row"]) == theirs.row + 1
        reason = "standin" if theirs.reason.startswith("standin") else str(spelled_find(theirs.reason))
        assert (mine["_rule"], mine["_column"], mine["_reason"]) == (
            text_of(rules[theirs.rule]), theirs.column, reason)  # fmt: skip
        for name, value in raw.items():
            assert same(mine[name], value), (name, mine[name], value)
        if theirs.column in raw:
            assert same(mine["_value"], raw[theirs.column])


def same(mine: Any, value: Any) -> bool:
    """A cell of a rejected row and the one that was read; as text or not."""
    if value is None or value == "":
        return mine in (None, "")
    if isinstance(value, bool):
        return str(mine).lower() == str(value).lower()
    if isinstance(value, float) and not isinstance(mine, str) or isinstance(value, int):
        return float(mine) == value or (math.isnan(float(mine)) and math.isnan(value))
    if isinstance(value, float):
        wide = np.float32 if np.float32(value) == value else np.float64
        return (math.isnan(value) and mine.lower() in ("nan", "")) or wide(mine) == wide(value)
    return bool(mine == value)


ROWS = (1, 2, 3, 8, 30, 90, 150, 400)
HOLDS: Counter[str] = Counter()
"""What became of the examples, so that the test knows that it tested something."""


def case(seed: int, form: str) -> tuple[Table, list[Line]]:
    R = np.random.default_rng([seed, FORMATS.index(form)])
    rows = ROWS[int(R.integers(len(ROWS)))]
    if seed % 10 == 0 and form != "csv":
        rows = 0
    table = table_of(R, form, rows)
    return table, Rules(R, table).several(7)


def judged(seed: int, form: str, folder: Path) -> None:
    table, rules = case(seed, form)
    if not rules:
        HOLDS["no rule"] += 1
        return
    path = written(table, form, folder / f"in.{form}")
    if any(rule.find and rule.find[0] == "standin" for rule in rules):
        far = table.columns["far"].values
        others = far[far != STANDIN]
        if (far == STANDIN).sum() < 3 or len(set(others.tolist())) < 12 or (far == STANDIN).sum() > len(others):
            HOLDS["no stand-in"] += 1
            return
    run: Callable[[], Report] = lambda: nanclean.fix(  # noqa: E731
        path, folder / f"out.{form}", rules=[text_of(rule) for rule in rules], no_config=True, fail_on="never", jobs=1,
        label="y" if "y" in table.columns else None, id="row" if "row" in table.columns else None,
    )  # fmt: skip
    try:
        done = pipeline(table, rules)
    except Undecided:
        HOLDS["undecided"] += 1
        return
    except Refused as refused:
        HOLDS["refused"] += 1
        with pytest.raises(NancleanError) as error:
            run()
        assert error.value.exit_code == 4, (str(refused), error.value.message)
        assert [file.name for file in folder.iterdir()] == [path.name]
        return
    HOLDS["fixed"] += 1
    report = run()
    assert report.output is not None
    assert report.output.verified
    assert (report.output.rows, report.output.rejected) == (len(done.rows), len(done.gone))
    assert report.output.rows + report.output.rejected == len(table.rows)
    compare_changes(report, rules, done)
    compare(read(folder / f"out.{form}", form, done), done.columns, form)
    compare_rejected(folder, form, table, rules, done)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", range(400))
def test_fix_is_the_pipeline_of_its_rules(seed: int, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in SMALL if seed % 2 else ():
        monkeypatch.setattr(module, name, value)
    judged(seed, form, tmp_path)

"""Real files, each with a policy that repairs what is known to be wrong in it: every other cell stays as it was.

Files are compared by readers that share nothing with the program: the csv module and raw lines, pyarrow, np.load.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.report import Report

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


@dataclass
class Case:
    """What is done to a file, and what must come of it."""

    path: str
    rules: list[str]
    named: set[str] = field(default_factory=set)
    """The columns that rules may change."""
    gone: set[str] = field(default_factory=set)
    changes: dict[str, int] = field(default_factory=dict)
    """How many cells of a column change, exactly, as the manifest counts them."""
    rejected: int = 0
    clean: dict[str, set[str]] = field(default_factory=dict)
    """Checks that find nothing any more, by column; they found something before. "" is the table."""
    options: dict[str, Any] = field(default_factory=dict)
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True


def of(checks: str, *columns: str) -> dict[str, set[str]]:
    return {column: set(checks.split()) for column in columns}


SIZES = ["Culmen Length (mm)", "Culmen Depth (mm)", "Flipper Length (mm)", "Body Mass (g)"]
MONEY = ["domgross", "intgross", "domgross_2013$", "intgross_2013$"]
DELAYS = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"]

CASES = [
    Case("penguins-raw.csv",
         [f"{', '.join(map(repr, SIZES))}: missing -> impute(median)", "Sex: missing -> impute(mode)",
          "Comments: missing -> fill('nothing')", "Region, Stage: constant -> drop_column",
          "'Delta 15 N (o/oo)', 'Delta 13 C (o/oo)': missing -> impute(mean)"],
         {*SIZES, "Sex", "Comments", "Delta 15 N (o/oo)", "Delta 13 C (o/oo)"}, {"Region", "Stage"},
         {**dict.fromkeys(SIZES, 2), "Sex": 11, "Comments": 290, "Delta 15 N (o/oo)": 14, "Delta 13 C (o/oo)": 13},
         clean=of("missing", *SIZES, "Sex", "Comments", "Delta 15 N (o/oo)", "Delta 13 C (o/oo)")),
    Case("weather.csv",
         ["wind_speed: range(0, 200) -> blank", "temp, dewp, humid, wind_speed: missing -> impute(ffill)",
          "pressure, wind_dir: missing -> impute(median)", "wind_gust -> drop_column", "year: constant -> drop_column"],
         {"wind_speed", "temp", "dewp", "humid", "pressure", "wind_dir"}, {"wind_gust", "year"},
         {"wind_speed": 5, "temp": 1, "dewp": 1, "humid": 1, "pressure": 2729, "wind_dir": 460},
         clean=of("missing isolated", "wind_speed") | of("missing", "temp", "dewp", "humid", "pressure", "wind_dir")),
    Case("planes.csv", ["speed -> drop_column", "year: missing -> drop"], gone={"speed"}, rejected=70,
         clean=of("missing", "year")),
    Case("seattle-weather.csv", ["@numeric: missing -> impute(median)", "@numeric: infinite -> blank"]),
    Case("co2.csv", ["co2: missing -> impute(ffill)"], {"co2"}, changes={"co2": 59}, clean=of("missing", "co2")),
    Case("airquality.csv", ["Ozone: missing -> impute(mean)", "Solar.R: missing -> drop"], {"Ozone"},
         rejected=7, clean=of("missing", "Ozone", "Solar.R")),
    Case("diamonds.csv",
         ["x, y, z: range(0.1) -> blank", "y, z: range(high=30) -> blank", "x, y, z: missing -> impute(median)"],
         {"x", "y", "z"}, changes={"x": 8, "y": 9, "z": 21}, clean=of("standin", "x") | of("isolated", "y", "z")),
    Case("mpg.csv", ["horsepower: missing -> impute(median)"], {"horsepower"}, changes={"horsepower": 6},
         clean=of("missing", "horsepower")),
    Case("planets.csv", ["mass, distance: missing -> impute(median)", "orbital_period: missing -> drop"],
         {"mass", "distance"}, rejected=43, clean=of("missing", "mass", "distance", "orbital_period")),
    Case("horse-colic.csv", ["@all: missing -> impute(median)"], {f"c{i}" for i in range(28)}, header=False,
         changes={"": 1605, "c15": 247}, clean=of("missing", "c15", "c0", "c3"), options={"header": False}),
    Case("auto_imports.csv",
         ["c1, c18, c19, c21, c22: missing -> impute(median)", "c5: missing -> impute(mode)"],
         {"c1", "c18", "c19", "c21", "c22", "c5"}, header=False, options={"header": False, "missing": ["?"]},
         changes={"c1": 37, "c18": 4, "c19": 4, "c5": 2, "c21": 2, "c22": 2, "": 51},
         clean=of("missing", "c1", "c18", "c19", "c21", "c22")),
    Case("births.csv", ["day: range(1, 31) -> blank", "day: missing -> impute(median)"], {"day"},
         changes={"day": 830}, clean=of("missing standin isolated", "day")),
    Case("bechdel_movies.csv",
         [f"{', '.join(map(repr, MONEY))}: missing -> impute(median)", "'period code': missing -> drop"], set(MONEY),
         rejected=179, clean=of("missing", "period code", *MONEY)),
    Case("StarWars.csv", ["Gender, Age: missing -> fill('not told')", "RespondentID: missing -> drop"],
         {"Gender", "Age"}, encoding="latin-1", rejected=1, clean=of("missing", "Gender", "Age", "RespondentID")),
    Case("nonvoters.csv",
         ["Q*: range(0) -> blank", "Q1: constant -> drop_column"],
         {"Q*"}, {"Q1"}),
    Case("flights_q1.parquet",
         ["tailnum: missing -> drop", "dep_time, dep_delay, arr_time, arr_delay, air_time: missing -> impute(median)"],
         set(DELAYS[:5]), rejected=841, clean=of("missing", *DELAYS)),
    Case("ecg_1024.npy", ["c0: range(-2000, 2000) -> clip"]),
    Case("mnist_t10k_labels.npy", ["c0: range(0, 9) -> drop"]),
    Case("shakespeare_char_tokens.npy", ["c0: range(0, 64) -> drop"]),
    Case("mitdb100_ecg.npy", ["c1: zscore(6) -> clip"], {"c1"}),
    Case("mnist_t10k_images.npy", ["c0: range(0, 255) -> clip"]),
    Case("parquet/nan_in_stats.parquet", ["x: missing -> fill(0)"], {"x"}, changes={"x": 1}, clean=of("missing", "x")),
    Case("parquet/alltypes_plain.parquet", ["float_col: range(0, 1) -> clip"], {"float_col"}),
    Case("parquet/nulls.snappy.parquet", ["@all: missing -> flag"]),
]  # fmt: skip
SAMPLE_CASES = [
    Case("flats.csv",
         ["built, rooms: standin -> blank", "rooms, built: missing -> impute(median)", "rented: missing -> drop",
          "energy, rent_per_area: infinite -> blank", "rent: range(0, 9000) -> blank",
          "energy: range(0, 1000) -> blank", "floor: unparsable -> drop",
          "rent, energy, rent_per_area, area: missing -> impute(median)"],
         {"rooms", "built", "rent", "energy", "rent_per_area", "area"}, rejected=5,
         clean=of("standin", "rooms", "built") | of("missing", "area", "rented") | of("isolated", "rent")
         | of("overflow isolated infinite missing", "energy") | of("infinite", "rent_per_area")
         | of("unparsable", "floor")),
    Case("flats.parquet", ["built: standin -> blank", "energy: infinite -> blank", "area: missing -> impute(median)"],
         {"built", "energy", "area"}, changes={"area": 19, "built": 24, "energy": 1},
         clean=of("standin", "built") | of("infinite", "energy") | of("missing", "area")),
    Case("flats.npy", ["c2: standin -> blank", "c5: infinite -> blank", "c1: missing -> impute(median)"],
         {"c1", "c2", "c5"}, changes={"c1": 19, "c2": 24, "c5": 3},
         clean=of("standin", "c2") | of("infinite", "c5") | of("missing", "c1")),
    Case("export.csv", ["@all: ragged -> drop", "unnamed_6: all_missing -> drop_column"], gone={"unnamed_6"},
         encoding="cp1252", delimiter=";", rejected=3, clean=of("ragged", "") | of("all_missing", "unnamed_6")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
def test_files_of_the_pack(case: Case, data: Path, tmp_path: Path) -> None:
    repaired(case, data / case.path, tmp_path)


@pytest.mark.parametrize("case", SAMPLE_CASES, ids=lambda case: case.path)
def test_samples(case: Case, tmp_path: Path) -> None:
    repaired(case, SAMPLES / case.path, tmp_path)


def test_every_file_has_a_case(data: Path) -> None:
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.suffix in (".csv", ".parquet", ".npy")}
    assert files == {case.path for case in CASES}
    samples = {path.name for path in SAMPLES.iterdir() if path.suffix in (".csv", ".parquet", ".npy")}
    assert samples == {case.path for case in SAMPLE_CASES}


def repaired(case: Case, path: Path, folder: Path) -> None:
    out = folder / path.name
    before = path.read_bytes()
    report = nanclean.fix(path, out, rules=case.rules, no_config=True, jobs=1, **case.options)
    assert report.exit_code == 0, [finding.message for finding in report.findings if finding.severity == "error"]
    assert path.read_bytes() == before
    assert report.output is not None
    assert report.output.rejected == case.rejected
    if not (case.named or case.gone or case.rejected or any("flag" in rule for rule in case.rules)):
        assert out.read_bytes() == before
        return
    if path.suffix == ".csv":
        changed = text_changes(case, path, out)
    elif path.suffix == ".parquet":
        changed = parquet_changes(path, out, case)
    else:
        changed = array_changes(path, out)
    assert set(changed) <= named(case, report), "a cell that no rule named"
    for column, count in case.changes.items():
        assert (sum(changed.values()) if column == "" else changed.get(column, 0)) == count, column
    told: dict[str | None, int] = {}
    for change in report.changes:
        told[change.column] = told.get(change.column, 0) + change.cells
    for column, count in changed.items():
        assert count <= told[column]
    faults_are_gone(case, path, out)


def named(case: Case, report: Report) -> set[str]:
    if case.named == {"Q*"}:
        return {column.name for column in report.columns if column.name.startswith("Q")}
    return case.named


def faults_are_gone(case: Case, path: Path, out: Path) -> None:
    options = {"no_config": True, "jobs": 1, **case.options}
    first, last = nanclean.scan(path, **options), nanclean.scan(out, **options)
    wrong = {(finding.column or "", finding.rule) for finding in first.findings}
    left = {(finding.column or "", finding.rule) for finding in last.findings}
    expected = {(column, rule) for column, rules in case.clean.items() for rule in rules}
    assert expected <= wrong, "they were there before"
    assert not expected & left


def rejected_rows(out: Path) -> set[int]:
    for rejected in (out.with_name(f"{out.stem}.rejected.csv"), out.with_name(f"{out.stem}.rejected.parquet")):
        if rejected.suffix == ".parquet" and rejected.exists():
            return {row - 1 for row in pq.read_table(rejected)["_row"].to_pylist()}
        if rejected.exists():
            with open(rejected, newline="", encoding="latin-1") as file:
                sample = file.readline()
                file.seek(0)
                rows = csv.DictReader(file, delimiter=";" if sample.count(";") > sample.count(",") else ",")
                return {int(row["_row"]) - 1 for row in rows}
    return set()


# --- text


def text_changes(case: Case, path: Path, out: Path) -> dict[str, int]:
    """How many cells of each column differ. Lines in which none does are the same, byte for byte."""
    old, new = (records(each, case) for each in (path, out))
    names = column_names(case, old)
    if case.header:
        old, new = old[1:], new[1:]
    kept = [i for i, name in enumerate(names) if name not in case.gone]
    gone = rejected_rows(out)
    old = [row for number, row in enumerate(old) if number not in gone]
    assert len(old) == len(new)
    changed: dict[str, int] = {}
    same: list[bool] = []
    for mine, theirs in zip(old, new, strict=True):
        assert len(theirs) == len(kept)
        different = [names[i] for i, cell in zip(kept, theirs, strict=True) if mine[i] != cell]
        same.append(not different)
        for name in different:
            changed[name] = changed.get(name, 0) + 1
    if not case.gone:
        lines_are_the_same(path, out, gone, same, case.header)
    return changed


def records(path: Path, case: Case) -> list[list[str]]:
    text = path.read_bytes().decode(case.encoding)
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=case.delimiter) if row]


def column_names(case: Case, rows: list[list[str]]) -> list[str]:
    if not case.header:
        return [f"c{i}" for i in range(len(rows[0]))]
    names: list[str] = []
    for i, cell in enumerate(rows[0]):
        name = cell.lstrip("\ufeff") or f"unnamed_{i}"
        names.append(f"{name}.{names.count(name)}" if name in names else name)
    return names


def lines_are_the_same(path: Path, out: Path, gone: set[int], same: list[bool], header: bool) -> None:
    old, new = (each.read_bytes().splitlines(keepends=True) for each in (path, out))
    if header:
        assert old.pop(0) == new.pop(0)
    if len(old) - len(gone) != len(same) or len(new) != len(same):
        return  # a cell holds a line end, or a line is blank: what is a record is not told by lines
    old = [line for number, line in enumerate(old) if number not in gone]
    wrong = [i for i, (mine, theirs) in enumerate(zip(old, new, strict=True)) if same[i] and mine != theirs]
    assert wrong == []


# --- Parquet


def parquet_changes(path: Path, out: Path, case: Case) -> dict[str, int]:
    old, new = pq.read_table(path), pq.read_table(out)
    if old.column_names == new.column_names:  # some metadata speak of each column
        assert (old.schema.metadata or {}) == (new.schema.metadata or {})
    gone = rejected_rows(out)
    keep = np.array([number not in gone for number in range(old.num_rows)], bool)
    old = old.filter(pa.array(keep))
    changed = {}
    for name in old.column_names:
        assert old.schema.field(name).equals(new.schema.field(name), check_metadata=True), name
        count = different(old[name].combine_chunks(), new[name].combine_chunks())
        if count:
            changed[name] = count
    return changed


def different(old: pa.Array, new: pa.Array) -> int:
    """Cells that are not the same; null and NaN, 0.0 and -0.0 are told apart."""
    assert len(old) == len(new)
    if not pa.types.is_floating(old.type):
        return sum(a != b for a, b in zip(old.to_pylist(), new.to_pylist(), strict=True))
    null = np.array(old.is_null()) ^ np.array(new.is_null())
    bits = np.uint32 if old.type == pa.float32() else np.uint64
    present = ~np.array(old.is_null()) & ~np.array(new.is_null())
    a, b = (each.fill_null(0).to_numpy(zero_copy_only=False).view(bits) for each in (old, new))
    return int((null | (present & (a != b))).sum())


# --- arrays


def array_changes(path: Path, out: Path) -> dict[str, int]:
    old, new = np.load(path), np.load(out)
    assert (old.shape, old.dtype, old.flags.c_contiguous) == (new.shape, new.dtype, new.flags.c_contiguous)
    bits = f"u{old.dtype.itemsize}"
    wrong = old.view(bits) != new.view(bits)
    wrong = wrong.reshape(len(old), -1)
    return {f"c{i}": int(wrong[:, i].sum()) for i in range(wrong.shape[1]) if wrong[:, i].any()}

"""The same bytes, however the work is cut, and whichever of the three commands does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.report import Report
from tests.fix.pipeline import Cells, Table
from tests.fix.tables import FORMATS, SMALL, written

ROWS = 240
COMMON = [
    "far: standin -> blank",
    "heavy: infinite -> blank",
    "ties: missing -> flag",
    "heavy: missing -> flag",
    "ties: missing -> impute(mean)",
    "single: iqr -> clip",
    "heavy: missing -> impute(median)",
    "far: missing -> drop",
    "single: missing -> impute(mode)",
    "none: all_missing -> drop_column",
    "int: range(-5, 20) -> clip",
    "clean -> log1p",
    "single -> normalize(standard)",
    "int -> cast(int32)",
    "heavy: zscore -> fill(0)",
]
NULLABLE = [
    "y: missing -> drop",
    "int: missing -> impute(median, by='group')",
    "text: missing -> impute(mode)",
    "flag: missing -> fill(False)",
    "group: missing -> fill('none')",
]
ORDERED = ["far, ties, heavy: missing -> impute(ffill)", "single: iqr -> impute(ffill)"]


def table(form: str) -> Table:
    R = np.random.default_rng(5)
    nullable = form != "npy"
    gaps = lambda share: (R.random(ROWS) < share) if nullable else None
    heavy = R.standard_t(2, ROWS)
    heavy[::41], heavy[5::53], heavy[7::29] = np.inf, -np.inf, np.nan
    single = R.normal(5, 3, ROWS).astype(np.float64 if form == "csv" else np.float32)
    single[3::17] = np.nan
    ties = R.normal(size=ROWS).round(1)
    ties[2::31] = np.nan
    far = R.uniform(100, 200, ROWS).round(2)
    far[4::19] = -999
    texts = np.array(["red", "green", "a, b", 'a "c"', "ü\nv"], object)
    columns = {
        "heavy": Cells.of("float", heavy),
        "ties": Cells.of("float", ties, gaps(0.05)),
        "single": Cells.of("float", single),
        "int": Cells.of("integer", R.integers(-9, 25, ROWS), gaps(0.1)),
        "far": Cells.of("float", far),
        "none": Cells.of("float", np.full(ROWS, np.nan), np.ones(ROWS, bool) if nullable else None),
        "clean": Cells.of("float", R.lognormal(0, 1, ROWS)),
        "same": Cells.of("float", np.full(ROWS, 14.62)),
    }
    if nullable:
        columns |= {
            "text": Cells.of("text", texts[R.integers(0, 5, ROWS)], gaps(0.1)),
            "group": Cells.of("text", texts[R.integers(0, 3, ROWS)], gaps(0.1)),
            "flag": Cells.of("boolean", R.random(ROWS) < 0.4, gaps(0.1)),
            "y": Cells.of("text", texts[R.integers(0, 2, ROWS)], gaps(0.02)),
        }
    return Table(columns, np.arange(ROWS))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("same")
    return {form: written(table(form), form, folder / f"in.{form}") for form in FORMATS}


def rules(form: str, ordered: bool = False) -> list[str]:
    first = ORDERED if ordered else []
    return [*first, *COMMON[:5], *(NULLABLE if form != "npy" else []), *COMMON[5:]]


def told(report: Report, **without: Any) -> dict[str, Any]:
    """All of a report that may not vary."""
    found = json.loads(report.to_json())
    for key in ("run", *without):
        found.pop(key)
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def fixed(path: Path, folder: Path, ordered: bool = False, **options: Any) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    form = path.suffix[1:]
    nanclean.fix(
        path, folder / f"out.{form}", rules=rules(form, ordered), recipe=folder / "r.json", no_config=True, **options
    )
    return files(folder)


@pytest.mark.parametrize("ordered", [False, True], ids=["free", "ordered"])
@pytest.mark.parametrize("form", FORMATS)
def test_however_it_is_cut(
    form: str, ordered: bool, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = fixed(paths[form], tmp_path / "usual", ordered, jobs=1)
    assert len(usual) == 3, "data, rejected rows and recipe"
    for i, options in enumerate(({"jobs": 3}, {"memory": 10_000, "jobs": 2})):
        assert fixed(paths[form], tmp_path / f"options{i}", ordered, **options) == usual
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value)
    for jobs, memory in ((1, 1 << 33), (3, 10_000)):
        assert fixed(paths[form], tmp_path / f"small{jobs}", ordered, jobs=jobs, memory=memory) == usual


@pytest.mark.parametrize("ordered", [False, True], ids=["free", "ordered"])
@pytest.mark.parametrize("form", FORMATS)
def test_fit_and_apply_are_fix(form: str, ordered: bool, paths: dict[str, Path], tmp_path: Path) -> None:
    usual = fixed(paths[form], tmp_path / "usual", ordered)
    (tmp_path / "applied").mkdir()
    nanclean.apply(tmp_path / "usual" / "r.json", paths[form], tmp_path / "applied" / f"out.{form}")
    recipe = usual.pop("r.json")
    assert files(tmp_path / "applied") == usual

    (tmp_path / "fitted").mkdir()
    fitted = nanclean.fit(paths[form], tmp_path / "fit.json", rules=rules(form, ordered), no_config=True)
    nanclean.apply(fitted, paths[form], tmp_path / "fitted" / f"out.{form}")
    assert files(tmp_path / "fitted") == usual
    assert (tmp_path / "fit.json").read_bytes() == recipe


STILL = {
    "blank": ["far: standin -> blank", "heavy: infinite -> blank", "@float: range(-1000, 150) -> blank"],
    "impute": ["@float except none: missing -> impute(median)", "ties: missing -> impute(mean)"],
    "impute by": ["int: missing -> impute(mode, by='group')", "text: missing -> impute(mode)"],
    "ffill": ["ties: missing -> impute(ffill)", "heavy: infinite -> impute(ffill)"],
    "fill": ["@float: missing -> fill(0)", "heavy: infinite -> fill(7.5)"],
    "clip": ["@float except none: iqr -> clip", "heavy -> clip(-2, 3)", "far: quantile(0.1, 0.9) -> clip"],
    "drop": ["ties, heavy: missing -> drop", "heavy: zscore -> drop", "far: standin -> drop"],
    "drop_column": ["none: all_missing -> drop_column", "same -> drop_column"],
    "cast": ["same -> cast(float32)", "clean -> cast(float32)"],
}


@pytest.mark.parametrize("kind", STILL)
@pytest.mark.parametrize("form", FORMATS)
def test_a_fixed_file_stays_as_it_is(form: str, kind: str, paths: dict[str, Path], tmp_path: Path) -> None:
    if form == "npy" and kind == "impute by":
        pytest.skip("an array has no text and no missing integer")
    out = tmp_path / f"out.{form}"
    first = nanclean.fix(paths[form], out, rules=STILL[kind], recipe=tmp_path / "r.json", no_config=True)
    assert first.exit_code == 0
    assert any(change.cells or change.rows or change.after is None or kind == "cast" for change in first.changes)

    again = nanclean.apply(tmp_path / "r.json", out, tmp_path / f"again.{form}", fail_on="never")
    assert (tmp_path / f"again.{form}").read_bytes() == out.read_bytes()
    if (form, kind) != ("csv", "cast"):  # 0.1 in a text file is not yet float32, and is written as 0.1 again
        assert [(change.cells, change.rows) for change in again.changes] == [(0, 0)] * len(again.changes)
    assert not (tmp_path / ("again.rejected.parquet" if form == "parquet" else "again.rejected.csv")).exists()


def odd_files(folder: Path) -> list[Path]:
    """Files that another writer would write in another way."""
    texts = {
        "crlf.csv": b'a,b\r\n007,"x"\r\n1.10,""\r\n9007199254740993,"a ""b"""\r\n',
        "bom.csv": "\ufeffa,b\n1,ü\n\n2,v".encode(),
        "utf16.csv": "a,b\n1,ü\n2,v\n".encode("utf-16"),
        "latin.csv": "a;b\n1;ü\n2;v\n".encode("latin-1"),
        "blanks.csv": b"a , b\n 1 ,\tx\n+2 , NA\n",
        "end.tsv": b"a\tb\n1\t2\n3\t4",
    }
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    x = np.array([1.5, -0.0, np.nan, 7.25])
    x.view(np.uint64)[2] = 0xFFF8000000000123
    np.save(folder / "fortran.npy", np.asfortranarray(np.stack([x, x[::-1]], 1).astype(">f8")))
    with open(folder / "second.npy", "wb") as file:
        np.lib.format.write_array(file, x, version=(2, 0))
    arrow = pa.table({"a": pa.array(x, from_pandas=False), "t": pa.array(["a", None, "", "NA"]).dictionary_encode()})
    arrow = arrow.replace_schema_metadata({"made by": "hand"})
    pq.write_table(arrow, folder / "odd.parquet", row_group_size=3, compression="gzip", use_dictionary=False)
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_a_fix_that_changes_nothing_copies(tmp_path: Path) -> None:
    for path in odd_files(tmp_path):
        out = tmp_path / "out" / path.name
        out.parent.mkdir(exist_ok=True)
        report = nanclean.fix(
            path, out, no_config=True, delimiter=";" if path.name == "latin.csv" else None,
            rules=["@all: constant -> drop_column", "@numeric: zscore(1000) -> clip"],
        )  # fmt: skip
        assert out.read_bytes() == path.read_bytes(), path.name
        assert report.output is not None
        assert report.output.verified
        assert report.output.rejected == 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_dry_run_tells_all_and_writes_nothing(
    form: str, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {"rules": rules(form), "no_config": True, "recipe": tmp_path / "r.json"}
    beside = files(paths[form].parent)
    dry = nanclean.fix(paths[form], tmp_path / f"out.{form}", dry_run=True, **options)
    assert list(tmp_path.iterdir()) == []
    assert files(paths[form].parent) == beside
    real = nanclean.fix(paths[form], tmp_path / f"out.{form}", **options)

    assert told(dry, output=...) == told(real, output=...)
    assert dry.output is not None
    assert real.output is not None
    assert (dry.output.rows, dry.output.rejected) == (real.output.rows, real.output.rejected)
    assert (dry.output.path, dry.output.verified) == (None, False)
    assert sum(change.cells for change in real.changes) > 100

    (tmp_path / "applied").mkdir()
    dry = nanclean.apply(tmp_path / "r.json", paths[form], tmp_path / "applied" / f"out.{form}", dry_run=True)
    assert list((tmp_path / "applied").iterdir()) == []
    real = nanclean.apply(tmp_path / "r.json", paths[form], tmp_path / "applied" / f"out.{form}")
    assert told(dry, output=...) == told(real, output=...)

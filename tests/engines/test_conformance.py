"""Every engine comes to what the threads of one process come to, bit for bit, and fails as they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.engines._remote import Moved, Remote
from nanclean.errors import InputError, UsageError
from nanclean.formats import _arrays, _jsonlines, _pieces, arrow, csv, jsonl, parquet
from nanclean.report import Report
from tests.tables import hard_columns

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

ROWS = 24_000
RULES = [
    "normal: missing -> impute(median)",
    "offset: missing -> impute(mean)",
    "cauchy: iqr(3) -> clip",
    "ties: missing -> impute(mean, by=word)",
    "integers: zscore(2) -> clip",
    "normal -> normalize(standard)",
    "word: missing -> fill(none)",
]


@pytest.fixture(autouse=True)
def many_splits(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Small splits, so that small files have many. Of datasets of Parquet the workers make the splits."""
    if "kind" in request.fixturenames and request.getfixturevalue("kind") == "parquets":
        return
    for module, name, size in (
        (parquet, "SPLIT_ROWS", 500), (csv, "SPLIT", 1 << 16), (_pieces, "PIECE", 1 << 16), (csv, "PIECE", 1 << 16),
        (_arrays, "SPLIT_BYTES", 1 << 16), (_arrays, "ROWS", 1 << 10), (arrow, "SPLIT_ROWS", 500),
        (jsonl, "SPLIT", 1 << 16), (_jsonlines, "BLOCK", 1 << 16),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(csv.CsvSource, "uncut", lambda self: [])  # workers know nothing of all that


def columns(rows: int = ROWS, seed: int = 1) -> dict[str, np.ndarray]:
    """Hard ones, with what is to be found in them."""
    R = np.random.default_rng(seed)
    found = hard_columns(rows, seed)
    for name in ("normal", "offset", "ties"):
        found[name] = np.where(R.random(rows) < 0.03, np.nan, found[name])
    found["cauchy"][R.integers(0, rows, 9)] = np.inf
    found["of_cauchy"] = np.where(np.isinf(found["cauchy"]), 0.0, 1.0)
    return found


def words(rows: int = ROWS) -> list[str | None]:
    return [None if i % 31 == 0 else f"w{i % 7}" for i in range(rows)]


def table(rows: int = ROWS, seed: int = 1) -> pa.Table:
    return pa.table({**columns(rows, seed), "word": pa.array(words(rows))})


def text(rows: int = ROWS, seed: int = 1) -> bytes:
    """With records of another length, quoted cells, and letters that are not ASCII far behind the beginning."""
    named = {**{name: each.tolist() for name, each in columns(rows, seed).items()}, "word": words(rows)}
    lines = [",".join(named)]
    for i, row in enumerate(zip(*named.values(), strict=True)):
        cells = ["" if cell is None or cell != cell else str(cell) for cell in row]
        cells[-1] = f'"{cells[-1]}"' if i % 5 == 0 else cells[-1]
        if i > rows * 2 // 3 and i % 97 == 0:
            cells[-1] = "übel"
        lines.append(",".join(cells[:-1] if i % 5_003 == 0 and i else cells))
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {name: folder / f"t.{name}" for name in ("parquet", "csv", "npy", "arrow", "jsonl")}
    pq.write_table(table(), made["parquet"], row_group_size=500)
    made["csv"].write_bytes(text())
    found = columns()
    array = np.zeros(ROWS, [(name, each.dtype) for name, each in found.items()])
    for name, each in found.items():
        array[name] = each
    np.save(made["npy"], array)
    feather.write_feather(table(), str(made["arrow"]), chunksize=500, compression="uncompressed")
    lines = [
        json.dumps({"x": None if x != x else x, "word": word or ""})
        for x, word in zip(found["normal"].tolist(), words(), strict=True)
    ]
    made["jsonl"].write_text("\n".join(lines) + "\n")
    for kind in ("parquet", "csv"):
        made[f"{kind}s"] = folder / f"{kind}s"
        for place in "abcdefghij":
            below = made[f"{kind}s"] / f"in={place}"
            below.mkdir(parents=True)
            rows, seed = 1_000 + 700 * (ord(place) % 3), ord(place)
            if kind == "csv":
                (below / "t.csv").write_bytes(text(rows, seed))
            else:
                pq.write_table(table(rows, seed), below / "t.parquet", row_group_size=500)
    return made


def told(report: Report) -> bytes:
    """All of it but how the work was done."""
    return msgspec.json.encode(msgspec.structs.replace(report, run=None))


EVERY = ("parquet", "csv", "npy", "arrow", "jsonl", "parquets", "csvs")


@pytest.mark.parametrize("kind", EVERY)
def test_the_report_is_the_same(engine: Remote, files: dict[str, Path], kind: str) -> None:
    """Files that are in one split would show nothing."""
    options: dict[str, Any] = {"no_config": True, "rules": ["@numeric: zscore(3)"]}
    here = nanclean.scan(str(files[kind]), **options)
    engine.moved = Moved()
    there = nanclean.scan(str(files[kind]), engine=engine, **options)
    assert told(there) == told(here)
    assert there.run.engine is not None
    assert there.run.engine.tasks > 6
    assert there.run.engine.received > 0
    assert here.run.engine is None


@pytest.mark.parametrize("kind", ["parquet", "csv", "csvs"])
def test_the_gate_and_the_sample_are_the_same(engine: Remote, files: dict[str, Path], kind: str) -> None:
    for options in ({"fail_on": "warning"}, {"fail_on": "error", "sample": 0.3, "seed": 3}):
        here = nanclean.check(str(files[kind]), no_config=True, **options)
        there = nanclean.check(str(files[kind]), no_config=True, engine=engine, **options)
        assert told(there) == told(here)


@pytest.mark.parametrize("kind", ["parquet", "csv", "parquets", "csvs"])
def test_the_recipe_is_the_same(engine: Remote, files: dict[str, Path], kind: str) -> None:
    rules = [*RULES, *(["@all: ragged -> drop"] if "csv" in kind else [])]
    here = nanclean.fit(str(files[kind]), rules=rules, no_config=True)
    there = nanclean.fit(str(files[kind]), rules=rules, no_config=True, engine=engine)
    assert there.to_json() == here.to_json()


def test_data_are_held_against_a_recipe_alike(engine: Remote, files: dict[str, Path], tmp_path: Path) -> None:
    recipe = nanclean.fit(str(files["parquet"]), rules=RULES, no_config=True)
    other = tmp_path / "other.parquet"
    pq.write_table(table(9_000, seed=7), other, row_group_size=500)
    here = nanclean.check(str(other), against=recipe, no_config=True)
    assert told(nanclean.check(str(other), against=recipe, no_config=True, engine=engine)) == told(here)


def test_paths_are_those_of_this_process(
    engine: Remote, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run in another folder."""
    monkeypatch.chdir(files["csv"].parent)
    for name in ("t.csv", "t.parquet", "csvs"):
        assert told(nanclean.scan(name, no_config=True, engine=engine)) == told(nanclean.scan(name, no_config=True))


def test_there_may_be_more_tasks_than_are_under_way(engine: Remote, files: dict[str, Path]) -> None:
    for window in (1, 3):
        engine.window = window
        try:
            found = nanclean.scan(str(files["parquet"]), no_config=True, engine=engine)
        finally:
            engine.window = None
        assert told(found) == told(nanclean.scan(str(files["parquet"]), no_config=True))


def test_an_empty_table_has_nothing_to_send(engine: Remote, tmp_path: Path) -> None:
    pq.write_table(table(100).slice(0, 0), tmp_path / "e.parquet")
    (tmp_path / "e.csv").write_text("a,b\n")
    for name in ("e.parquet", "e.csv"):
        path = str(tmp_path / name)
        assert told(nanclean.scan(path, no_config=True, engine=engine)) == told(nanclean.scan(path, no_config=True))


def damaged(source: Path, target: Path) -> None:
    """Values in the middle are not what the checksum of their page says."""
    data = bytearray(source.read_bytes())
    at = len(data) // 2
    data[at : at + 64] = bytes(64)
    target.write_bytes(data)


def test_an_error_of_the_data_comes_once_as_it_is(engine: Remote, files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    pq.write_table(table(), tmp_path / "whole.parquet", row_group_size=500, write_page_checksum=True)
    damaged(tmp_path / "whole.parquet", path)
    with pytest.raises(InputError) as here:
        nanclean.scan(str(path), no_config=True, jobs=1)
    engine.moved = Moved()
    with pytest.raises(InputError) as there:
        nanclean.scan(str(path), no_config=True, engine=engine)
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    assert type(there.value) is InputError
    assert told(nanclean.scan(str(files["parquet"]), no_config=True, engine=engine))  # and the cluster goes on


def test_a_file_that_changes_is_told(engine: Remote, files: dict[str, Path], tmp_path: Path) -> None:
    """What a worker opens is held against what was opened here."""
    from nanclean.dataset import source_of
    from nanclean.engines.local import Local

    path = tmp_path / "t.parquet"
    path.write_bytes(files["parquet"].read_bytes())
    source = source_of(str(path))
    try:
        splits = list(source.splits())
        path.write_bytes(files["parquet"].read_bytes()[:-1] + b"1")
        for each in (engine, Local(1, 1 << 30)):
            with pytest.raises(InputError, match="changed while it was read"):
                list(each.map(_rows, splits))
    finally:
        source.close()


def _rows(split: Any) -> int:
    return sum(batch.rows for batch in split.batches())


def test_results_come_in_order(engine: Remote, files: dict[str, Path]) -> None:
    from nanclean.dataset import source_of

    source = source_of(str(files["parquet"]))
    try:
        assert list(engine.map(lambda split: split.start, source.splits())) == list(range(0, ROWS, 500))
    finally:
        source.close()


def test_another_version_is_refused(engine: Remote, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with another NumPy might come to other bits."""
    import nanclean.engines._remote as remote

    known = remote.versions()
    monkeypatch.setattr(remote, "versions", lambda: {**known, "numpy": "0.0.1"})
    with pytest.raises(UsageError, match=rf"a worker on .* has numpy {known['numpy']}, and here it is 0\.0\.1"):
        nanclean.scan(str(files["parquet"]), no_config=True, engine=engine)


def test_rules_that_need_all_rows_in_one_place_are_refused(engine: Remote, files: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="duplicate"):
        nanclean.scan(str(files["parquet"]), rules=["@all: duplicate"], no_config=True, engine=engine)


@pytest.mark.parametrize("kind", ["parquet", "npy"])
def test_what_moves_does_not_grow_with_the_rows(engine: Remote, tmp_path: Path, kind: str) -> None:
    """As many splits, of 1, 4 and 16 times as many rows that say no more: bins that are in use are what is sent."""
    moved = []
    for times in (1, 4, 16):
        rows, path, R = 80_000 * times, tmp_path / f"{times}.{kind}", np.random.default_rng(times)
        some = {"x": R.integers(0, 2_000, rows) / 16, "k": R.integers(0, 9, rows) * 1.0}
        with pytest.MonkeyPatch.context() as patched:
            if kind == "parquet":
                patched.setattr(parquet, "SPLIT_ROWS", rows // 10)
                pq.write_table(pa.table(some), path, row_group_size=rows // 10)
            else:
                patched.setattr(_arrays, "SPLIT_BYTES", rows // 10 * 16)
                np.save(path, np.stack([*some.values()], axis=1))
            engine.moved = Moved()
            report = nanclean.scan(str(path), no_config=True, engine=engine)
        assert report.source.rows == rows
        assert report.run.engine is not None
        moved.append(report.run.engine)
    one, *others = moved
    for more in others:
        assert more.tasks <= one.tasks + 2, moved
        assert more.sent < 1.3 * one.sent, moved
        assert more.received < 1.3 * one.received, moved
        assert more.merged < 1.3 * one.merged, moved

"""What workers write: the parts of `apply --part`, which hold what one process writes, and appear as a whole or not."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean import api
from nanclean.engines._remote import Remote
from nanclean.errors import BudgetError, InputError, UsageError, VerificationError
from nanclean.formats import _pieces, csv, parquet
from tests.engines.test_conformance import RULES, damaged, table, text
from tests.engines.test_lost import Killer

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

DROPPING = [*RULES, "bimodal: range(-15, 10) -> drop"]


@pytest.fixture(autouse=True)
def many_splits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module, name, size in (
        (parquet, "SPLIT_ROWS", 1_000), (csv, "SPLIT", 1 << 18), (_pieces, "PIECE", 1 << 18), (csv, "PIECE", 1 << 18),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(csv.CsvSource, "uncut", lambda self: [])  # workers know nothing of all that
    monkeypatch.chdir(tmp_path)


def written(folder: str) -> dict[str, bytes]:
    """Everything in a folder but what `apply --part` notes down."""
    found = sorted(path for path in Path(folder).rglob("*") if path.is_file() and "_nanclean" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def bare(report: Any) -> dict[str, Any]:
    """All of a report but how the work was done, and where the output is."""
    told: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(report, run=None))
    return told | {"output": told["output"] | {"path": None, "rejected_path": None, "recipe": None}}


def input_of(kind: str) -> tuple[str, list[str]]:
    if kind == "parquet":
        pq.write_table(table(), "t.parquet", row_group_size=500)
        return "t.parquet", DROPPING
    if kind == "csv":
        Path("t.csv").write_bytes(text())
        return "t.csv", [*RULES, "@all: ragged -> drop"]
    for place in "abc":
        Path(f"in/in={place}").mkdir(parents=True)
        pq.write_table(table(2_000, ord(place)), f"in/in={place}/t.parquet")
    return "in", DROPPING


@pytest.mark.parametrize("kind", ["parquet", "csv", "folder"])
def test_parts_are_those_of_one_process(engine: Remote, kind: str) -> None:
    source, rules = input_of(kind)
    suffix = {"parquet": ".parquet", "csv": ".csv", "folder": ".d"}[kind]
    here = nanclean.fix(source, f"one{suffix}", rules=rules, recipe="one.json", no_config=True)
    there = nanclean.fix(source, "many", rules=rules, recipe="many.json", no_config=True, engine=engine)
    assert bare(there) == bare(here)
    assert there.output is not None
    assert there.output.verified
    assert Path("many.json").read_text() == Path("one.json").read_text()
    api.apply_part("one.json", source, "1/2", "parts")
    api.apply_part("one.json", source, "2/2", "parts")
    assert written("many") == written("parts")
    assert written("many.rejected") == written("parts.rejected")
    assert len(written("many")) > 2
    applied = nanclean.apply("one.json", source, "applied", engine=engine)
    assert applied.exit_code == 0
    assert written("applied") == written("many")
    if kind == "parquet":
        assert ds.dataset("many").to_table().equals(pq.read_table("one.parquet"))
    if kind == "csv":
        lines = [each.splitlines(keepends=True) for each in written("many").values()]
        assert b"".join([lines[0][0], *(line for each in lines for line in each[1:])]) == Path("one.csv").read_bytes()


def test_nothing_is_written_to_look_first(engine: Remote) -> None:
    source, rules = input_of("parquet")
    here = nanclean.fix(source, "o.parquet", rules=rules, dry_run=True, no_config=True)
    before = set(os.listdir())
    there = nanclean.fix(source, "o", rules=rules, dry_run=True, no_config=True, engine=engine)
    assert set(os.listdir()) == before
    assert bare(there)["changes"] == bare(here)["changes"]
    assert there.findings == here.findings


def test_nothing_is_published_after_a_failure(engine: Remote) -> None:
    source, rules = input_of("parquet")
    before = set(os.listdir())
    budget = Path("budget.toml")
    budget.write_text(f"rules = {rules!r}\n[budget]\nrows_dropped = '1%'\n")
    with pytest.raises(BudgetError):
        nanclean.fix(source, "o", policy=str(budget), engine=engine)
    recipe = nanclean.fit(source, rules=rules, no_config=True)
    pq.write_table(table(), "whole.parquet", row_group_size=500, write_page_checksum=True)
    damaged(Path("whole.parquet"), Path("damaged.parquet"))
    with pytest.raises(InputError, match=r"damaged\.parquet: "):
        nanclean.apply(recipe, "damaged.parquet", "o", engine=engine)
    assert set(os.listdir()) == before | {"budget.toml", "whole.parquet", "damaged.parquet"}


def test_a_part_that_is_not_seen_here_stops_everything(engine: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with a disk of its own writes where nobody else looks."""
    source, rules = input_of("parquet")
    monkeypatch.setattr(os.path, "isfile", lambda path: "t-00003" not in str(path) and Path(path).is_file())
    before = set(os.listdir())
    with pytest.raises(VerificationError, match=r"t-00003\.parquet: was written by a worker, and is not there"):
        nanclean.fix(source, "o", rules=rules, no_config=True, engine=engine)
    for _ in range(20):  # workers that are late find no folder, and make none
        assert set(os.listdir()) == before
        time.sleep(0.1)


def test_what_an_engine_cannot_write_is_told_before(engine: Remote) -> None:
    source, rules = input_of("parquet")
    for output, options, told in (
        ("o.parquet", {}, "is the name of a file"), ("-", {}, "folder of parts"),
        ("o", {"rules": [*rules, "normal: missing -> impute(ffill)"]}, "rows above"),
    ):  # fmt: skip
        with pytest.raises((UsageError, nanclean.PolicyError), match=told):
            nanclean.fix(source, output, **{"rules": rules, "no_config": True, "engine": engine, **options})
    os.mkdir("there")
    with pytest.raises(UsageError, match="is there already"):
        nanclean.fix(source, "there", rules=rules, no_config=True, engine=engine)


@pytest.mark.parametrize("seed", range(2))
def test_a_worker_that_is_killed_while_it_writes_leaves_nothing_behind(engine: Remote, seed: int) -> None:
    R = np.random.default_rng(seed)
    rows = 400_000
    some = {f"c{i}": np.where(R.random(rows) < 0.02, np.nan, R.normal(size=rows)) for i in range(8)}
    pq.write_table(pa.table(some), "t.parquet", row_group_size=10_000)
    recipe = nanclean.fit("t.parquet", rules=["@numeric: missing -> impute(median)"], no_config=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parquet, "SPLIT_ROWS", 10_000)
        here = nanclean.apply(recipe, "t.parquet", "quiet", engine=engine)
        killer = Killer(engine, seed)
        killed: list[int] = []

        def progress(done: int, total: int, look: int = 0, looks: int = 1) -> None:
            drafts = [name for name in os.listdir() if name.startswith(".loud.")]
            if drafts and len(os.listdir(drafts[0])) > 3 and not killed:  # while it writes
                killed.append(random.Random(seed).choice(killer.victims))
                os.kill(killed[0], signal.SIGKILL)

        there = nanclean.apply(recipe, "t.parquet", "loud", engine=engine, progress=progress)
    assert killed
    assert bare(there) == bare(here)
    assert written("loud") == written("quiet")
    assert len(written("loud")) == 40
    assert not [name for name in os.listdir() if name.startswith(".")]

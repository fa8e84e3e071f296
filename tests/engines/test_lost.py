"""Workers that are killed while they work: the result is the same, or there is a clean failure and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean.engines._remote import Remote
from nanclean.errors import EngineError
from nanclean.formats import parquet

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

ROWS, GROUP = 1_200_000, 20_000
RULES = ["x: missing -> impute(median)", "y: iqr(3) -> clip", "y -> normalize(standard)"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    R = np.random.default_rng(5)
    x = np.where(R.random(ROWS) < 0.02, np.nan, R.normal(size=ROWS))
    found = tmp_path_factory.mktemp("lost") / "t.parquet"
    some = pa.table({"x": x, "y": R.standard_cauchy(ROWS), "z": R.normal(size=ROWS)})
    pq.write_table(some, found, row_group_size=GROUP)
    return found


@pytest.fixture(autouse=True)
def many_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "SPLIT_ROWS", GROUP)


def pids(engine: Remote) -> list[int]:
    """Of the workers."""

    def busy(number: int) -> int:
        time.sleep(0.05)
        return os.getpid()

    return sorted(set(engine.map(busy, range(8))))


class Killer:
    """Told how far a look is; at some point it kills a worker."""

    def __init__(self, engine: Remote, seed: int) -> None:
        self.random = random.Random(seed)
        self.victims = pids(engine)
        self.at = self.random.uniform(0.05, 0.6)
        self.look = self.random.choice([1, 2])
        self.turns = 0
        self.last = 2.0
        self.killed: list[int] = []

    def __call__(self, done: int, total: int, look: int = 0, looks: int = 1) -> None:
        share = done / total
        self.turns += share < self.last
        self.last = share
        if not self.killed and share >= self.at and self.turns >= self.look:
            self.killed.append(self.random.choice(self.victims))
            os.kill(self.killed[0], signal.SIGKILL)


@pytest.mark.parametrize("seed", range(3))
def test_a_scan_survives_a_killed_worker(engine: Remote, path: Path, seed: int) -> None:
    here = nanclean.scan(str(path), no_config=True)
    killer = Killer(engine, seed)
    there = nanclean.scan(str(path), no_config=True, engine=engine, progress=killer)
    assert killer.killed
    bare = [msgspec.json.encode(msgspec.structs.replace(each, run=None)) for each in (here, there)]
    assert bare[0] == bare[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_survives_a_killed_worker(engine: Remote, path: Path, seed: int) -> None:
    here = nanclean.fit(str(path), rules=RULES, no_config=True)
    killer = Killer(engine, seed + 10)
    there = nanclean.fit(str(path), rules=RULES, no_config=True, engine=engine, progress=killer)
    assert killer.killed
    assert there.to_json() == here.to_json()


def test_what_kills_every_worker_is_a_clean_failure(engine: Remote, path: Path) -> None:
    """A piece that takes its worker with it is not tried for ever, and others can be worked on after it."""
    dies: Callable[[Any], Any] = lambda piece: os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(EngineError) as error:
        list(engine.map(dies, [1]))
    assert error.value.exit_code == 3
    assert "\n" not in error.value.message
    until = time.monotonic() + 60  # the last one is being started again
    while not engine.slots() and time.monotonic() < until:
        time.sleep(0.2)
    assert list(engine.map(lambda piece: piece + 1, range(20))) == list(range(1, 21))


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_is_told_in_one_line(tmp_path: Path, name: str, package: str) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    code = f"import sys; sys.modules[{package!r}] = None; from nanclean.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", "t.csv", "--engine", name, "-q"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert f"--engine {name} needs the package {package}, which is not installed" in lines[0]
    assert f"pip install 'nanclean[{name}]'" in lines[1]
    assert len(lines) == 2


@pytest.mark.parametrize(("name", "address"), [("dask", "tcp://127.0.0.1:1"), ("local", "here")])
def test_a_wrong_address_is_told_in_one_line(tmp_path: Path, name: str, address: str) -> None:
    if name == "dask":
        pytest.importorskip("distributed", reason="distributed is not installed")
        import nanclean.engines.dask as dask

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(dask, "SECONDS", 2)
            with pytest.raises(EngineError) as error:
                dask.opened(address, 1, 1 << 30)
        assert error.value.exit_code == 3
        assert address in error.value.message
        return
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(nanclean.UsageError, match="address"):
        nanclean.scan(str(tmp_path / "t.csv"), engine=name, engine_address=address, no_config=True)


def test_a_cluster_is_started_and_stopped_where_there_is_none(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="distributed is not installed")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,nan\n")
    code = "import sys; from nanclean.cli import main\nif __name__ == '__main__': sys.exit(main())\n"
    (tmp_path / "run.py").write_text(code)
    command = ["run.py", "scan", "t.csv", "--engine", "dask", "--jobs", "1", "--json", "r.json", "-q"]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode((tmp_path / "r.json").read_bytes())["run"]["engine"]["name"] == "dask"
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in alive

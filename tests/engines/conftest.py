"""Clusters of Dask and Ray: really other processes, in another folder, reached over TCP on this machine."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nanclean.engines._remote import Remote

WORKERS = 2


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Path]:
    """A folder for all that clusters write, their home among it. Short: sockets have short names."""
    folder = Path(tempfile.mkdtemp(prefix="nc-"))
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    before = {name: os.environ.get(name) for name in ("HOME", "RAY_USAGE_STATS_ENABLED", "RAY_TMPDIR", "TMPDIR")}
    os.environ |= {"HOME": str(folder / "home"), "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)}
    yield folder
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    shutil.rmtree(folder, ignore_errors=True)


def started(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    log = (folder / f"{command[0].rpartition('.')[2]}.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder / "work", stdout=log, stderr=log, start_new_session=True
    )


def stopped(process: subprocess.Popen[bytes]) -> None:
    """With the processes that it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


@pytest.fixture(scope="session")
def dask_address(elsewhere: Path) -> Iterator[str]:
    """Of a scheduler with two workers, each with a nanny that starts it again."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    told = elsewhere / "scheduler.json"
    common = ("--no-dashboard", "--scheduler-file", str(told))
    scheduler = started(elsewhere, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common)
    workers = started(
        elsewhere, "distributed.cli.dask_worker", "--nworkers", str(WORKERS), "--nthreads", "1", "--nanny",
        "--host", "127.0.0.1", "--local-directory", str(elsewhere), *common,
    )  # fmt: skip
    try:
        with distributed.Client(scheduler_file=str(told), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, 60)
            address = client.scheduler.address
        yield address
    finally:
        for process in (workers, scheduler):
            stopped(process)


@pytest.fixture(scope="session")
def ray_address(elsewhere: Path) -> Iterator[str]:
    """Of a cluster of one node with two workers."""
    pytest.importorskip("ray", reason="ray is not installed")
    mode = os.environ.get("RAY_AUTH_MODE")
    os.environ["RAY_AUTH_MODE"] = "disabled"  # nobody else is on this address
    head = started(
        elsewhere, "ray.scripts.scripts", "start", "--head", "--block", "--port=0", f"--num-cpus={WORKERS}",
        "--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir={elsewhere / 'ray'}",
    )  # fmt: skip
    try:
        yield _ray_address(elsewhere / "ray", head)
    finally:
        import ray

        ray.shutdown()
        stopped(head)
        if mode is None:
            del os.environ["RAY_AUTH_MODE"]


def _ray_address(folder: Path, head: subprocess.Popen[bytes]) -> str:
    """As the cluster writes it down when it is there."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        with suppress(FileNotFoundError):
            found = (folder / "ray_current_cluster").read_text().strip()
            if found:
                return found
        assert head.poll() is None, "ray start has ended"
        time.sleep(0.2)
    raise AssertionError("ray start has not come up")


@pytest.fixture(scope="session", params=["dask", "ray"])
def cluster(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name of an engine, and the address of a cluster."""
    return request.param, request.getfixturevalue(f"{request.param}_address")


@pytest.fixture(scope="session")
def engine(cluster: tuple[str, str]) -> Iterator[Remote]:
    """An engine on the cluster."""
    name, address = cluster
    module: Any = importlib.import_module(f"nanclean.engines.{name}")
    made: Remote = module.opened(address, WORKERS, 1 << 30)
    yield made
    made.close()

"""What an engine is: an ordered map over the splits of a source, with a bounded number under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs one function over many pieces. It knows nothing about data."""

    jobs: int

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        """The results in the order of the pieces, whoever finishes first. The first failure is raised as it was."""
        ...


def in_order(
    submit: Callable[[Work], Any], result: Callable[[Any], Result], pieces: Iterable[Work], ahead: int
) -> Iterator[Result]:
    """Keep `ahead` pieces under way, and give the results in their order."""
    todo = iter(pieces)
    under_way = deque(submit(piece) for piece in islice(todo, ahead))
    while under_way:
        yield result(under_way.popleft())
        under_way.extend(submit(piece) for piece in islice(todo, 1))


def usable_cores() -> int:
    """How many cores this process may use: affinity, control groups and Slurm are respected."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdigit() and int(slurm):
        cores = min(cores, int(slurm))
    quota = _quota()
    return max(min(cores, quota) if quota else cores, 1)


def _quota() -> int | None:
    """Whole cores that the control group (version 2, then 1) grants."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        return None if quota == "max" else max(int(quota) // int(period), 1)
    except (OSError, ValueError):
        pass
    try:
        with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") as file:
            granted = int(file.read())
        with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us") as file:
            return max(granted // int(file.read()), 1) if granted > 0 else None
    except (OSError, ValueError):
        return None


def usable_memory() -> int:
    """A quarter of the memory that this process may use, at most 2 GB, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 << 30
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            continue
    return min(total // 4, 2 << 30)

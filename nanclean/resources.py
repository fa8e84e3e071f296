"""What this process may use of the machine: affinity, control groups (versions 1 and 2) and Slurm are respected."""

from __future__ import annotations

import os
from collections.abc import Iterator

CGROUPS = "/sys/fs/cgroup"
MOST = 2 << 30
"""Bytes that are taken without being asked."""


def usable_cores() -> int:
    """How many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdigit() and int(slurm):
        cores = min(cores, int(slurm))
    return max(min([cores, *_quotas()]), 1)


def usable_memory() -> int:
    """A quarter of the memory that this process may use, at most 2 GB, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 << 30
    return min(min([total, *_limits()]) // 4, MOST)


def release() -> None:
    """Hand memory that is free back to the system: of Arrow's pool, and (by way of the other pool) of the C library."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    pa.system_memory_pool().release_unused()


def _quotas() -> Iterator[int]:
    """Whole cores that the control groups grant."""
    for group in _groups(""):
        quota, _, period = _content(group, "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield max(int(quota) // max(int(period), 1), 1)
    for group in _groups("cpu"):
        quota, period = (_content(group, f"cpu.cfs_{what}_us") for what in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(quota):
            yield max(int(quota) // max(int(period), 1), 1)


def _limits() -> Iterator[int]:
    """Bytes that the control groups grant."""
    for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        for group in _groups(controller):
            limit = _content(group, name)
            if limit.isdigit():
                yield int(limit)


def _groups(controller: str) -> Iterator[str]:
    """The folders of the control group of this process and of all above it; the controller is empty in version 2."""
    path = "/"
    for line in _content("/proc/self", "cgroup").splitlines():
        _, controllers, found = line.split(":", 2)
        if controllers == controller or (controller and controller in controllers.split(",")):
            path = found
    root = os.path.join(CGROUPS, controller)
    while True:  # inside a container the path may be that of the host: then only the root is there
        yield os.path.join(root, path.lstrip("/"))
        if path == "/":
            return
        path = os.path.dirname(path)


def _content(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""

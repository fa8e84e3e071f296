"""The shape of the machine and the versions of what is measured: no name, no path, no date."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bench.child import PYTHON

LIBRARIES = ("nanclean", "pyarrow", "numpy", "pandas", "polars", "duckdb", "scikit-learn", "ray", "distributed")


def about() -> dict[str, Any]:
    """For the head of the page."""
    return {"machine": machine(), "versions": {"Python": platform.python_version(), **versions()}}


def machine() -> str:
    """`x86_64, 2 cores (AMD EPYC), 24 GB of memory, Linux 6.8`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    return f"{platform.machine()}, {cores} cores{_model()}, {memory:.0f} GB of memory, {platform.system()} {kernel}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f" ({name})" if name else ""


def versions() -> dict[str, str]:
    """Of what is installed. Asked in a child: this process stays small."""
    ask = (
        "import json, importlib.metadata as m\n"
        f"names = {LIBRARIES!r}\n"
        "found = {d.metadata['Name'].lower(): d.version for d in m.distributions() if d.metadata['Name']}\n"
        "print(json.dumps({n: found[n] for n in names if n in found}))"
    )
    done = subprocess.run([PYTHON, "-c", ask], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))

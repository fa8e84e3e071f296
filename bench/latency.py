"""How long the smallest things take, as somebody feels who waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.child import PROGRAM, PYTHON, Job, interleaved, median, scan
from bench.files import Files
from bench.goals import Goal

TITLE = "Small files and start-up"
EMPTY, IMPORT, VERSION, SMALL = "python -c pass", 'python -c "import pyarrow.csv"', "nanclean --version", "scan of 1 MB"


def measure(files: Files, say: Callable[[str], None]) -> dict[str, Any]:
    """Many rounds, as each of them is short."""
    jobs = [
        Job(EMPTY, [PYTHON, "-c", "pass"]),
        Job(IMPORT, [PYTHON, "-c", "import pyarrow.csv"]),
        Job(VERSION, [PROGRAM, "--version"]),
        scan(files.small(), name=SMALL),
    ]
    return {"jobs": interleaved(jobs, 5 if files.quick else 21, say)}


def goals(found: dict[str, Any]) -> list[Goal]:
    jobs = found["jobs"]
    if not {EMPTY, IMPORT, VERSION, SMALL} <= set(jobs):
        return []
    later = median(jobs[VERSION], "wall") - median(jobs[EMPTY], "wall")
    times = median(jobs[SMALL], "wall") / median(jobs[IMPORT], "wall")
    return [
        Goal("`nanclean --version`, wall, more than `python -c pass`", 100, 1000 * later, "ms"),
        Goal('scan of a 1 MB CSV, wall, against `python -c "import pyarrow.csv"`', 2.5, times),
    ]


def page(found: dict[str, Any]) -> list[str]:
    lines = ["| | wall ms | CPU ms | peak MB |", "| --- | ---: | ---: | ---: |"]
    for name, job in found["jobs"].items():
        wall, cpu = 1000 * median(job, "wall"), 1000 * median(job, "cpu")
        lines.append(f"| `{name}` | {wall:.0f} | {cpu:.0f} | {median(job, 'peak'):.0f} |")
    return lines

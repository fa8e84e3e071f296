"""What a second thread brings, format by format."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bench.child import fix, interleaved, median, scan
from bench.files import FORMATS, Files
from bench.goals import Goal

TITLE = "Threads"


def measure(files: Files, say: Callable[[str], None]) -> dict[str, Any]:
    """One, two and all threads, in turn."""
    found: dict[str, Any] = {}
    counts = sorted({1, 2, os.cpu_count() or 1})
    for kind in FORMATS:
        file = files.table(kind)
        out = files.folder / f"jobs.{kind}"
        say(f"threads: {kind}")
        jobs = [scan(file, "--jobs", str(n), name=f"scan {n}") for n in counts]
        jobs += [fix(file, out, "--jobs", str(n), name=f"fix {n}") for n in counts]
        found[kind] = interleaved(jobs, files.rounds(2 if kind != "csv" else 1), say, warm=False)
        out.unlink(missing_ok=True)
    return {"counts": counts, "jobs": found}


def goals(found: dict[str, Any]) -> list[Goal]:
    return []


def page(found: dict[str, Any]) -> list[str]:
    lines = [
        "| | threads | wall s | CPU s | times as fast as one thread | CPU / one thread |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, jobs in found["jobs"].items():
        for what in ("scan", "fix"):
            one = jobs.get(f"{what} 1")
            for n in found["counts"]:
                job = jobs.get(f"{what} {n}")
                if one is None or job is None:
                    continue
                wall, cpu = median(job, "wall"), median(job, "cpu")
                beside = f"{median(one, 'wall') / wall:.2f} | {cpu / median(one, 'cpu'):.2f}"
                lines.append(f"| {what}, {kind} | {n} | {wall:.2f} | {cpu:.2f} | {beside} |")
    return lines

"""How the cost grows with rows and with columns: the slope of log(CPU) over log(size), without the fixed start."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bench.child import fix, interleaved, median, scan
from bench.files import FORMATS, Files
from bench.goals import Goal

TITLE = "Growth"
TIMES = (1, 4, 16)
COLUMNS = (10, 100, 1_000, 10_000)
ROWS_OF_WIDE = 1_000
LINEAR = 1.1
"""Up to here a slope is called linear: caches, and the noise of a machine."""


ABOVE = 1.2
"""Only what costs so many times the start says something about growth; the difference below is noise."""


def exponent(sizes: Sequence[float], costs: Sequence[float], start: float) -> float | None:
    """The least-squares slope of log(cost - start) over log(size); 1: linear. None where nothing is left to fit."""
    points = [
        (math.log(size), math.log(cost - start))
        for size, cost in zip(sizes, costs, strict=True)
        if cost > ABOVE * start
    ]
    if len(points) < 2:
        return None
    x = sum(a for a, _ in points) / len(points)
    y = sum(b for _, b in points) / len(points)
    spread = sum((a - x) ** 2 for a, _ in points)
    return sum((a - x) * (b - y) for a, b in points) / spread if spread else None


def measure(files: Files, say: Callable[[str], None]) -> dict[str, Any]:
    """All sizes of a format in turn."""
    rows = [files.rows * times // TIMES[-1] for times in TIMES]
    columns = list(COLUMNS[:-1] if files.quick else COLUMNS)
    found: dict[str, Any] = {"sizes": rows, "columns": columns}
    for kind in FORMATS:
        say(f"growth over rows: {kind}")
        sizes = [(n, files.table(kind, n)) for n in rows]
        found[f"rows {kind}"] = _runs(files, kind, sizes, say, 2)
        say(f"growth over columns: {kind}")
        sizes = [(n, files.wide(kind, n, n * ROWS_OF_WIDE)) for n in columns]
        found[f"columns {kind}"] = _runs(files, kind, sizes, say, 1)
    return found


def _runs(files: Files, kind: str, sizes: list[tuple[int, Any]], say: Callable[[str], None], rounds: int) -> Any:
    out = files.folder / f"growth.{kind}"
    tiny = files.tiny(kind)
    jobs = [scan(tiny, name="scan start"), fix(tiny, out, name="fix start")]
    for n, file in sizes:
        jobs += [scan(file, name=f"scan {n}"), fix(file, out, name=f"fix {n}")]
    found = interleaved(jobs, files.rounds(rounds), say, warm=False)
    out.unlink(missing_ok=True)
    return found


def goals(found: dict[str, Any]) -> list[Goal]:
    return [
        Goal(f"growth over {over}, the largest exponent", LINEAR, _largest(found, over), "")
        for over in ("rows", "columns")
    ]


def _largest(found: dict[str, Any], over: str) -> float | None:
    slopes = [_exponent(found, over, kind, what) for kind in FORMATS for what in ("scan", "fix")]
    return max((slope for slope in slopes if slope is not None), default=None)


def _exponent(found: dict[str, Any], over: str, kind: str, what: str) -> float | None:
    jobs, sizes = found[f"{over} {kind}"], _sizes(found, over)
    there = [n for n in sizes if f"{what} {n}" in jobs]
    if f"{what} start" not in jobs:
        return None
    costs = [median(jobs[f"{what} {n}"], "cpu") for n in there]
    return exponent(there, costs, median(jobs[f"{what} start"], "cpu"))


def _sizes(found: dict[str, Any], over: str) -> list[int]:
    return list(found["sizes" if over == "rows" else "columns"])


def page(found: dict[str, Any]) -> list[str]:
    return [
        "CPU seconds, and the exponent: the slope of log(CPU - start) over log(size), of sizes that cost at least "
        f"{ABOVE} times the start. 1 is linear, 0 is none. Start: ten rows.",
        "",
        *_table(found, "rows"),
        "",
        f"More and more columns of {ROWS_OF_WIDE:,} rows:",
        "",
        *_table(found, "columns"),
    ]


def _table(found: dict[str, Any], over: str) -> list[str]:
    sizes = _sizes(found, over)
    lines = [
        "| | start | " + " | ".join(f"{n:,} {over}" for n in sizes) + " | exponent |",
        "| --- | ---: |" + " ---: |" * len(sizes) + " ---: |",
    ]
    for kind in FORMATS:
        for what in ("scan", "fix"):
            jobs, slope = found[f"{over} {kind}"], _exponent(found, over, kind, what)
            cells = [jobs.get(f"{what} {n}") for n in ("start", *sizes)]
            told = " | ".join("failed" if job is None else f"{median(job, 'cpu'):.2f}" for job in cells)
            lines.append(f"| {what}, {kind} | {told} | {'–' if slope is None else f'{slope:.2f}'} |")
    return lines

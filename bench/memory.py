"""Peak resident memory against the cap that `--memory` promises, for files far beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.child import Failed, Job, fix, scan
from bench.files import FORMATS, Files
from bench.goals import Goal

TITLE = "Memory"
BASE = 250
"""What may be used beside the cap, in MB."""
TIMES = 20
CAPS = (64, 256, 1024)
WIDE = 10_000
ROWS_OF_WIDE = 1_000
ANSWERS = (0, 1, 3)
"""Exit codes of a run that has done its work, or has said in one line why it cannot."""
LINE = 50
"""MB of the long line."""


def measure(files: Files, say: Callable[[str], None]) -> dict[str, Any]:
    """Each file is made, read under several caps, and taken away where it is large."""
    small = 40 if files.quick else 1
    runs: list[dict[str, Any]] = []
    base = {kind: _peak(scan(files.tiny(kind)), say) for kind in FORMATS}
    for kind in FORMATS:
        with _kept_for_now(files.large(kind, TIMES * CAPS[0] * 1_000_000 // small)) as file:
            for jobs in ("1", "all"):
                runs.append(_run(scan, file, f"{kind}, scan", CAPS[0], jobs, base[kind], say))
            out = files.folder / f"memory.{kind}"
            if kind != "csv" or not files.quick:
                runs.append(_run(fix, file, f"{kind}, fix", CAPS[0], "all", base[kind], say, out))
            out.unlink(missing_ok=True)
    with _kept_for_now(files.large("csv", TIMES * CAPS[1] * 1_000_000 // small)) as file:
        for cap in CAPS[1:]:  # under the smallest, the file before was as large
            runs.append(_run(scan, file, "csv, scan", cap, "all", base["csv"], say))
    for kind in FORMATS:
        wide = WIDE // small
        file = files.wide(kind, wide, wide * ROWS_OF_WIDE)
        out = files.folder / f"memory.{kind}"
        runs.append(_run(scan, file, f"{kind} of {wide:,} columns, scan", CAPS[0], "all", base[kind], say))
        if kind == "parquet":  # one of them: each takes a minute
            runs.append(_run(fix, file, f"{kind} of {wide:,} columns, fix", CAPS[0], "all", base[kind], say, out))
        out.unlink(missing_ok=True)
    with _kept_for_now(files.one_group(TIMES * CAPS[0] * 1_000_000 // small)) as file:
        runs.append(_run(scan, file, "parquet with one row group, scan", CAPS[0], "all", base["parquet"], say))
    file = files.long_line(LINE * 1_000_000 // small)
    runs.append(_run(scan, file, f"csv with a line of {LINE / small:g} MB, scan", CAPS[0], "all", base["csv"], say))
    return {"base": base, "runs": runs}


@contextmanager
def _kept_for_now(file: Path) -> Iterator[Path]:
    try:
        yield file
    finally:
        file.unlink()


def _peak(job: Job, say: Callable[[str], None]) -> float | None:
    try:
        job.run()
    except Failed as error:
        say(str(error))
        return None
    return job.peak[0]


def _run(
    what: Callable[..., Job], file: Path, name: str, cap: int, jobs: str, base: float | None,
    say: Callable[[str], None], *out: Path,
) -> dict[str, Any]:  # fmt: skip
    """One run under a cap. One that ends with an error has its exit code told: an error in one line is an answer."""
    say(f"memory: {name}, --memory {cap}MB, --jobs {jobs}")
    options = ["--memory", f"{cap}MB", *(() if jobs == "all" else ("--jobs", jobs))]
    job = what(file, *out, *options, name=name)
    peak = _peak(job, say)
    return {
        "name": name, "size": round(file.stat().st_size / 1e6), "cap": cap, "jobs": jobs, "base": base, "peak": peak,
        "code": job.code, "wall": job.wall[0] if job.wall else None,
    }  # fmt: skip


def goals(found: dict[str, Any]) -> list[Goal]:
    beyond = [run["peak"] - run["cap"] for run in found["runs"] if run["peak"] is not None]
    if any(run["code"] not in ANSWERS for run in found["runs"]):
        beyond.append(math.inf)
    return [Goal("peak memory beyond the cap, in the worst of the runs below", BASE, max(beyond, default=None), "MB")]


def page(found: dict[str, Any]) -> list[str]:
    lines = [
        "Base: the peak of a scan of ten rows, which is what Python, NumPy and Arrow take. "
        + "; ".join(f"{kind} {base:.0f} MB" for kind, base in found["base"].items() if base is not None) + ".",
        "",
        "| | file MB | cap MB | file / cap | threads | peak MB | above base | wall s | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]  # fmt: skip
    for run in found["runs"]:
        start = f"| {run['name']} | {run['size']:,} | {run['cap']:,} | {run['size'] / run['cap']:.0f} | {run['jobs']} |"
        if run["peak"] is None:
            lines.append(f"{start} – | – | – | {_ending(run['code'])} |")
            continue
        above = "–" if run["base"] is None else f"{run['peak'] - run['base']:.0f}"
        verdict = "within" if run["peak"] <= run["cap"] + BASE else f"**beyond cap + {BASE} MB**"
        lines.append(f"{start} {run['peak']:.0f} | {above} | {run['wall']:.1f} | {verdict} |")
    return lines


def _ending(code: int) -> str:
    return f"ended with exit code {code}" if code in ANSWERS else f"**failed with exit code {code}**"

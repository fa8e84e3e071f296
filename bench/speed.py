"""scan, check, fit and fix beside bare reads, and beside other libraries that do the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from bench.child import HERE, PYTHON, available, check, fit, fix, interleaved, median, scan, script
from bench.files import FORMATS, Files
from bench.goals import Goal

TITLE = "Speed"
BARE = {"csv": "pyarrow.csv.read_csv, typed", "parquet": "pyarrow, iter_batches", "npy": "np.load and sum"}
TEXT = "pyarrow.csv.read_csv, all text"
OWN = "nanclean.scan()"
REPORTS = {"csv": ("pandas", "polars", "duckdb"), "parquet": ("pandas", "polars", "duckdb"), "npy": ("numpy",)}
FIXES = ("pandas", "polars", "sklearn")
SLOW = {("csv", "sklearn")}
"""Left out: what reads CSV there is pandas, and the whole took a minute, longer than pandas alone."""
BARE_GOALS = {"csv": (1.2, 1.0), "parquet": (1.5, 1.25), "npy": (2.5, 1.5)}
BEST_GOALS = {"csv": {"cpu": 0.9, "wall": 0.6}, "parquet": {"cpu": 0.5, "wall": 0.5}}
FIX_GOAL = 0.5
KINDS = {"csv": "CSV", "parquet": "Parquet", "npy": "NPY"}
WHAT = {"cpu": "CPU", "wall": "wall"}


def measure(files: Files, say: Callable[[str], None]) -> dict[str, Any]:
    """First whether all say the same, then how long each takes."""
    there = {name for name in ("numpy", "pandas", "polars", "duckdb", "sklearn") if available(name)}
    found: dict[str, Any] = {"rows": files.rows, "missing": [], "agreement": {}}
    found["missing"] = sorted({"pandas", "polars", "duckdb", "sklearn"} - there)
    for kind in FORMATS:
        file = files.array() if kind == "npy" else files.table(kind)
        names = [name for name in REPORTS[kind] if name in there]
        say(f"scan {kind}: do all say the same?")
        same = {name: _agrees("peers", "compare", kind, str(file), name) for name in names}
        found["agreement"][f"scan {kind}"] = same
        say(f"scan {kind}")
        jobs = [script(BARE[kind], "peers", "read", kind, str(file))]
        if kind == "csv":
            jobs.append(script(TEXT, "peers", "read_text", kind, str(file)))
        jobs += [script(OWN, "peers", "nanclean", kind, str(file)), scan(file), check(file)]
        jobs += [script(name, "peers", name, kind, str(file)) for name in names]
        found[f"scan {kind}"] = interleaved(jobs, files.rounds(2 if kind == "npy" else 3), say)
    for what in ("fit", "fix"):
        for kind in FORMATS:
            others = [name for name in FIXES if name in there and (kind, name) not in SLOW]
            _measure_repair(files, what, kind, others, found, say)
    return found


def _measure_repair(
    files: Files, what: str, kind: str, others: Sequence[str], found: dict[str, Any], say: Callable[[str], None]
) -> None:
    """What is written is held against each other after the first round, which counts: it is the longest part."""
    say(f"{what} {kind}")
    file, ending = files.table(kind), kind if what == "fix" else "json"
    outs = {name: files.folder / f"{what}-{kind}-{name}.{ending}" for name in ("nanclean", *others)}
    own = (fix if what == "fix" else fit)(file, outs["nanclean"])
    jobs = [own, *(script(name, "fixes", what, name, kind, str(file), str(outs[name])) for name in others)]
    found[f"{what} {kind}"] = interleaved(jobs, files.rounds(2), say, warm=False)
    command = "compare" if what == "fix" else "learned"
    found["agreement"][f"{what} {kind}"] = {
        name: _agrees("fixes", command, kind, str(outs["nanclean"]), str(outs[name])) for name in others
    }
    for path in outs.values():
        path.unlink(missing_ok=True)


def _agrees(module: str, *arguments: str) -> list[Any]:
    """Whether two say the same, and what was told about it. A peer that computes something else is no referee."""
    done = subprocess.run([PYTHON, str(HERE / f"{module}.py"), *arguments], capture_output=True, text=True)
    told = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or [""]
    return [done.returncode == 0, told[-1]]


def _best(found: dict[str, Any], part: str, what: str) -> tuple[str, float] | None:
    """The quickest of the others that say the same."""
    same = found["agreement"].get(part, {})
    jobs = found.get(part, {})
    known = [(median(jobs[name], what), name) for name, (agrees, _) in same.items() if agrees and name in jobs]
    return (min(known)[1], min(known)[0]) if known else None


def goals(found: dict[str, Any]) -> list[Goal]:
    """In the order of performance.md's table."""
    answer = []
    for kind, (most, then) in BARE_GOALS.items():
        jobs = found.get(f"scan {kind}", {})
        own, bare = jobs.get(OWN), jobs.get(BARE[kind])
        times = None if own is None or bare is None else median(own, "cpu") / median(bare, "cpu")
        answer.append(Goal(f"scan {KINDS[kind]}, CPU, against {BARE[kind]}", most, times, then=then))
    for kind, bounds in BEST_GOALS.items():
        for what, bound in bounds.items():
            answer.append(_against_best(found, f"scan {kind}", f"scan {KINDS[kind]}", OWN, what, bound))
    for kind in FORMATS:
        for what in ("cpu", "wall"):
            answer.append(_against_best(found, f"fix {kind}", f"fix {KINDS[kind]}", "nanclean fix", what, FIX_GOAL))
    return answer


def _against_best(found: dict[str, Any], part: str, told: str, own: str, what: str, bound: float) -> Goal:
    best, job = _best(found, part, what), found.get(part, {}).get(own)
    if best is None or job is None:
        return Goal(f"{told}, {WHAT[what]}, against the best of the others", bound, None)
    return Goal(f"{told}, {WHAT[what]}, against {best[0]}", bound, median(job, what) / best[1])


def page(found: dict[str, Any]) -> list[str]:
    lines = [
        f"The table has {found['rows']:,} rows and 20 columns: 14 of floats with 2 % missing and a few infinities,",
        f"4 of integers, 2 of text. scan reads an NPY array of float32, ({25 * found['rows'] // 4:,}, 20); fit and",
        f"fix read one of {found['rows']:,} rows. Medians; each library with the threads that it takes by itself.",
    ]
    if found["missing"]:
        lines += ["", f"Left out, because not installed: {', '.join(found['missing'])}."]
    for what, told in _PARTS.items():
        for kind in FORMATS:
            part = f"{what} {kind}"
            if part in found:
                lines += [
                    "",
                    f"### {what} {KINDS[kind]}",
                    "",
                    told,
                    "",
                    *_table(found, part),
                    "",
                    *_agreement(found, part),
                ]
    return lines


_PARTS = {
    "scan": "The same exact report: missing, infinities, extremes, mean, deviation, quartiles, outliers by two rules.",
    "fit": "What the repair below has to know: fences, median, mean and deviation of every float column.",
    "fix": "Infinities to missing, clip at 1.5 IQR, impute the median, standardise; all columns written. nanclean "
    "reads its file back and compares every cell before it is there, and reports the figures after.",
}


def _table(found: dict[str, Any], part: str) -> list[str]:
    jobs = found[part]
    first = next(iter(jobs), None)
    if first is None:
        return ["Nothing could be measured."]
    cpu, wall = median(jobs[first], "cpu"), median(jobs[first], "wall")
    lines = [
        f"| | CPU s | wall s | peak MB | CPU / {first} | wall / {first} |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, job in jobs.items():
        mine, took = median(job, "cpu"), median(job, "wall")
        told = f"{mine:.2f} | {took:.2f} | {median(job, 'peak'):.0f} | {mine / cpu:.2f} | {took / wall:.2f}"
        lines.append(f"| {name} | {told} |")
    return lines


def _agreement(found: dict[str, Any], part: str) -> list[str]:
    return [
        f"- {name} {'agrees' if agrees else '**does not agree and is no referee**'}: {told}"
        for name, (agrees, told) in found["agreement"].get(part, {}).items()
    ]

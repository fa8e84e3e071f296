"""Measures scan and fix beside bare reads and other libraries, and prints what came out. Fails at nothing.

    make bench
    .venv/bin/python bench/run.py [--rounds 5] [--rows 2000000] [--only csv,parquet,npy,fix-csv,fix-parquet,start]

Every measurement is a fresh process. In each round every one of them runs once, so that a slow minute of the machine
meets all of them alike; the table shows medians. CPU is user and system time of the process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = sys.executable
PROGRAM = str(Path(sys.executable).with_name("nanclean"))
BARE = "bare read"


@dataclass
class Job:
    """Something to measure, and what was measured."""

    name: str
    command: list[str]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Once. This process imports nothing large: a child's peak starts with that of its parent."""
        began = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{self.name} failed ({child.returncode}): {' '.join(self.command)}\n{said.decode()}")
        self.wall.append(time.perf_counter() - began)
        self.cpu.append(used.ru_utime + used.ru_stime)
        self.peak.append(used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))

    def median(self, what: str) -> float:
        """Of all rounds."""
        return statistics.median(getattr(self, what))


@dataclass
class Goal:
    """A ratio that was aimed at."""

    of: str
    to: str
    what: str
    most: float


def peer(what: str, kind: str, file: Path) -> Job:
    """A function of peers.py."""
    names = {"read": BARE, "nanclean": "nanclean.scan()"}
    return Job(names.get(what, what), [PYTHON, str(HERE / "peers.py"), what, kind, str(file)])


def scan(file: Path) -> Job:
    """The command, as people type it."""
    return Job("nanclean scan", [PROGRAM, "scan", "--no-config", str(file)])


def fix(who: str, kind: str, file: Path) -> Job:
    """A function of fixes.py. Each writes a file of its own."""
    out = file.with_name(f"{who}-fixed.{kind}")
    name = "nanclean.fix()" if who == "nanclean" else who
    return Job(name, [PYTHON, str(HERE / "fixes.py"), who, kind, str(file), str(out)])


def suites(data: Path) -> dict[str, tuple[list[Job], list[Goal]]]:
    """What is measured together, and the goals."""
    files = {"csv": data / "table.csv", "parquet": data / "table.parquet", "npy": data / "array.npy"}
    others = {"csv": ("pandas", "polars", "duckdb"), "parquet": ("pandas", "polars", "duckdb"), "npy": ("numpy",)}
    bare = {"csv": 1.2, "parquet": 1.5, "npy": 2.5}
    best = {"csv": {"cpu": 0.9, "wall": 0.6}, "parquet": {"cpu": 0.5, "wall": 0.5}, "npy": {}}
    all_of = {}
    for kind, file in files.items():
        jobs = [peer(what, kind, file) for what in ("read", "nanclean")]
        jobs += [scan(file), *(peer(what, kind, file) for what in others[kind])]
        goals = [Goal("nanclean.scan()", BARE, "cpu", bare[kind])]
        goals += [Goal("nanclean.scan()", "best", what, most) for what, most in best[kind].items()]
        all_of[kind] = (jobs, goals)
    for kind in ("csv", "parquet"):
        jobs = [fix(who, kind, files[kind]) for who in ("nanclean", "pandas", "polars", "sklearn")]
        all_of[f"fix-{kind}"] = (jobs, [Goal("nanclean.fix()", "best", what, 0.5) for what in ("cpu", "wall")])
    start = [
        Job("python -c pass", [PYTHON, "-c", "pass"]),
        Job("nanclean --version", [PROGRAM, "--version"]),
        Job("import pyarrow.csv", [PYTHON, "-c", "import pyarrow.csv"]),
        Job("nanclean scan, 1 MB of CSV", [PROGRAM, "scan", "--no-config", str(data / "small.csv")]),
    ]
    goals = [
        Goal("nanclean --version", "python -c pass", "wall", 0.1),
        Goal("nanclean scan, 1 MB of CSV", "import pyarrow.csv", "wall", 2.5),
    ]
    all_of["start"] = (start, goals)
    return all_of


def best(jobs: list[Job], what: str) -> Job:
    """The quickest of the other libraries."""
    return min(
        (job for job in jobs if job.name != BARE and "nanclean" not in job.name), key=lambda job: job.median(what)
    )


def table(title: str, jobs: list[Job], goals: list[Goal]) -> str:
    """Medians, and how they stand to the first job; then the goals."""
    first = jobs[0]
    lines = [f"## {title}", "", f"| | CPU s | wall s | peak MB | CPU / {first.name} | wall / {first.name} |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for job in jobs:
        cpu, wall = job.median("cpu"), job.median("wall")
        beside = f"{cpu / first.median('cpu'):.2f} | {wall / first.median('wall'):.2f}"
        lines.append(f"| {job.name} | {cpu:.2f} | {wall:.2f} | {job.median('peak'):.0f} | {beside} |")
    lines.append("")
    for goal in goals:
        own = next(job for job in jobs if job.name == goal.of)
        other = best(jobs, goal.what) if goal.to == "best" else next(job for job in jobs if job.name == goal.to)
        if goal.most < 0.2:  # seconds more, not times as long
            got, unit = own.median(goal.what) - other.median(goal.what), " s more than"
        else:
            got, unit = own.median(goal.what) / other.median(goal.what), " x the"
        met = "met" if got <= goal.most else "NOT met"
        what = {"cpu": "CPU", "wall": "wall time"}[goal.what]
        lines.append(f"- {goal.of}: {got:.2f}{unit} {what} of {other.name}; aim {goal.most}: {met}")
    return "\n".join(lines) + "\n"


def agreement(data: Path) -> str:
    """Whether all of them say the same about the same file."""
    said = []
    for kind, names in {"csv": ("pandas", "polars", "duckdb"), "parquet": ("pandas", "polars", "duckdb")}.items():
        file = str(data / f"table.{kind}")
        for name in names:
            command = [PYTHON, str(HERE / "peers.py"), "compare", kind, file, name]
            said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        fixed = [data / f"{who}-fixed.{kind}" for who in ("nanclean", "pandas", "polars", "sklearn")]
        for other in fixed[1:]:
            if fixed[0].exists() and other.exists():
                command = [PYTHON, str(HERE / "fixes.py"), "compare", kind, str(fixed[0]), str(other)]
                said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return "".join(said)


def main() -> None:
    """Make the files, measure, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--only", default="csv,parquet,npy,fix-csv,fix-parquet,start")
    options.add_argument("--json", type=Path, help="write every single measurement there")
    options.add_argument("--no-compare", action="store_true", help="do not hold the reports against each other")
    given = options.parse_args()
    data = HERE / "data" / (f"{given.rows}" if given.rows != 2_000_000 else "")
    subprocess.run([PYTHON, str(HERE / "make.py"), str(data), str(given.rows)], check=True)

    measured = {name: suite for name, suite in suites(data).items() if name in given.only.split(",")}
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {versions()}")
    print(f"{given.rows:,} rows x 20 columns; medians of {given.rounds} rounds\n", flush=True)
    for name, (jobs, goals) in measured.items():
        for job in jobs:
            job.run()  # warm: the file is in memory, the modules are compiled
        for job in jobs:
            job.cpu, job.wall, job.peak = [], [], []
        for _ in range(given.rounds if name != "start" else 3 * given.rounds):
            for job in jobs:
                job.run()
        print(table(name, jobs, goals), flush=True)
    if not given.no_compare and {"csv", "parquet"} & set(measured):
        print("## the same figures\n\n" + agreement(data))
    if given.json:
        every = {name: {job.name: vars(job) for job in jobs} for name, (jobs, _) in measured.items()}
        given.json.write_text(json.dumps(every, indent=1, default=str), encoding="utf-8")


def versions() -> str:
    """Of all that is measured. Asked in a child, see Job.run."""
    names = ("nanclean", "numpy", "pyarrow", "pandas", "polars", "duckdb")
    ask = f"from importlib.metadata import version as v; print(', '.join(n + ' ' + v(n) for n in {names}))"
    return subprocess.run([PYTHON, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()

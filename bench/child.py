"""One measurement: a command in a process of its own, with what the operating system says that it used.

Nothing large is imported here: the peak of a child starts with that of its parent.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = sys.executable
PROGRAM = str(Path(sys.executable).with_name("nanclean"))
MEGABYTE = 1_000_000
LEFT_OUT = "left out: "
"""What the log says of a job that failed; the page tells it, too."""
RULES = (
    "@float: infinite -> blank",
    "@float: iqr(1.5) -> clip",
    "@float: missing -> impute(median)",
    "@float -> normalize(standard)",
)
"""What every fix in here does."""


class Failed(Exception):
    """A command did not end as it should."""


@dataclass
class Job:
    """Something to measure, and what was measured."""

    name: str
    command: list[str]
    codes: tuple[int, ...] = (0,)
    """Exit codes that are no failure: a scan with findings is a scan."""
    cpu: list[float] = field(default_factory=list)
    """User and system seconds of the process and of all that it has waited for."""
    wall: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    """Largest resident memory in MB."""
    code: int = 0

    def run(self) -> None:
        """Once."""
        began = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert child.stderr is not None
        said = child.stderr.read()
        child.stderr.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = self.code = os.waitstatus_to_exitcode(status)
        if self.code not in self.codes:
            lines = said.decode(errors="replace").strip().splitlines() or [""]
            raise Failed(f"{self.name} ended with {self.code}: {lines[-1]}")
        self.wall.append(time.perf_counter() - began)
        self.cpu.append(used.ru_utime + used.ru_stime)
        self.peak.append(used.ru_maxrss * (1024 if sys.platform == "linux" else 1) / MEGABYTE)

    def forget(self) -> None:
        """What was measured so far."""
        self.cpu, self.wall, self.peak = [], [], []

    def result(self) -> dict[str, list[float]]:
        """For the page: every single measurement."""
        return {
            "cpu": [round(x, 4) for x in self.cpu],
            "wall": [round(x, 4) for x in self.wall],
            "peak": [round(x, 1) for x in self.peak],
        }


def interleaved(
    jobs: Sequence[Job], rounds: int, say: Callable[[str], None], *, warm: bool = True
) -> dict[str, dict[str, list[float]]]:
    """All jobs in turn, round after round, so that a slow minute of the machine meets all of them alike.

    warm: once more before, uncounted. What fails is left out, and told.
    """
    left = list(jobs)
    for number in range(-1 if warm else 0, rounds):
        for job in list(left):
            try:
                job.run()
            except (Failed, OSError) as error:
                say(f"{LEFT_OUT}{error}")
                left.remove(job)
            if number < 0:
                job.forget()
    return {job.name: job.result() for job in left}


def median(found: dict[str, list[float]], what: str) -> float:
    """Of all rounds."""
    return statistics.median(found[what])


def scan(file: Path, *options: str, name: str = "nanclean scan", codes: tuple[int, ...] = (0, 1)) -> Job:
    """The command, as people type it. Exit 1: it has found something."""
    return Job(name, [PROGRAM, "scan", "--no-config", *options, str(file)], codes)


def check(file: Path, *options: str, name: str = "nanclean check") -> Job:
    """The gate, which measures only what its rules need."""
    return Job(name, [PROGRAM, "check", "--no-config", *options, str(file)], (0, 1))


def fix(file: Path, out: Path, *options: str, name: str = "nanclean fix") -> Job:
    """The rules above, written, read back and compared."""
    rules = [word for rule in RULES for word in ("--rule", rule)]
    return Job(name, [PROGRAM, "fix", "--no-config", "--force", *rules, *options, str(file), "-o", str(out)])


def fit(file: Path, out: Path, *options: str, name: str = "nanclean fit") -> Job:
    """The same rules, learned and not applied."""
    rules = [word for rule in RULES for word in ("--rule", rule)]
    return Job(name, [PROGRAM, "fit", "--no-config", "--force", *rules, *options, str(file), "-o", str(out)])


def script(name: str, module: str, *arguments: str) -> Job:
    """A function of a module beside this one."""
    return Job(name, [PYTHON, str(HERE / f"{module}.py"), *arguments])


def available(library: str) -> bool:
    """Whether a library is installed. Asked in a child, so that it is not imported here."""
    return subprocess.run([PYTHON, "-c", f"import {library}"], capture_output=True).returncode == 0


def read_once(file: Path) -> None:
    """So that the file is in the page cache, for everybody."""
    with file.open("rb", buffering=0) as opened:
        while opened.read(1 << 20):
            pass

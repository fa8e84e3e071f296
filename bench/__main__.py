"""Measures, and writes the page: `python -m bench [PART ...] [--quick]`.

A full run, or a run of some parts, renews bench/RESULTS.md from all that was measured so far. With --quick the files
are small and everything runs once: to see that it runs. The page is then printed, and RESULTS.md stays as it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from types import ModuleType

from bench import growth, jobs, latency, memory, render, speed
from bench.about import about
from bench.child import HERE, LEFT_OUT
from bench.files import Files

PARTS: dict[str, ModuleType] = {
    "speed": speed,
    "growth": growth,
    "memory": memory,
    "latency": latency,
    "jobs": jobs,
}
"""In the order of the page. Each has TITLE, measure(files, say), goals(found) and page(found)."""


def main() -> None:
    """Measure the parts that were asked for, one after the other; each is kept as soon as it is done."""
    options = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; without any, all")
    options.add_argument("--quick", action="store_true", help="small files, one round, RESULTS.md is not written")
    options.add_argument("--page", action="store_true", help="measure nothing; make RESULTS.md anew")
    given = options.parse_args()
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown:
        options.error(f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")

    data = HERE / "data" / ("quick" if given.quick else "full")
    files = Files(data, given.quick)
    began = time.perf_counter()

    lost: list[str] = []

    def say(text: str) -> None:
        if text.startswith(LEFT_OUT):
            lost.append(text.removeprefix(LEFT_OUT).partition(": ")[0])  # what it said may hold paths
        print(f"[{time.perf_counter() - began:6.0f} s] {text}", file=sys.stderr, flush=True)

    kept = data / "measured"
    for name in [] if given.page else given.parts or PARTS:
        say(f"{name} …")
        lost.clear()
        found = PARTS[name].measure(files, say)
        render.save(kept, name, about(), {**found, "lost": list(lost)})
    page = render.rendered(PARTS, render.load(kept, list(PARTS)))
    if given.quick:
        print(page)
    else:
        (HERE / "RESULTS.md").write_text(page, encoding="utf-8")
        say("bench/RESULTS.md is written")


if __name__ == "__main__":
    main()

"""The page of measurements, without measuring: slopes, goals, and what is left out."""

from __future__ import annotations

import json
import math
import re
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import growth, jobs, latency, memory, render, speed
from bench.child import Job, interleaved
from bench.goals import Goal

PARTS: dict[str, ModuleType] = {
    "speed": speed, "growth": growth, "memory": memory, "latency": latency, "jobs": jobs,
}  # fmt: skip
ABOUT = {"machine": "x86_64, 2 cores", "versions": {"Python": "3.12.1", "nanclean": "1.0"}}


def timed(cpu: float, wall: float | None = None, peak: float = 100.0) -> dict[str, list[float]]:
    """Three rounds around a median."""
    wall = cpu if wall is None else wall
    return {"cpu": [cpu * 3, cpu, cpu / 3], "wall": [wall / 2, wall * 2, wall], "peak": [peak] * 3}


# --- the exponent


@given(
    slope=st.floats(0.2, 3),
    factor=st.floats(0.5, 100),
    start=st.floats(0, 2),
    sizes=st.lists(st.integers(10, 10_000), min_size=2, max_size=6, unique=True),
)
def test_the_exponent_of_a_power_is_that_power(slope: float, factor: float, start: float, sizes: list[int]) -> None:
    costs = [start + factor * size**slope for size in sizes]
    assert growth.exponent(sizes, costs, start) == pytest.approx(slope, abs=1e-6)


def test_the_fixed_start_is_not_growth() -> None:
    sizes, costs = [1, 4, 16], [1.5, 3.0, 9.0]
    found = growth.exponent(sizes, costs, 1.0)
    assert found == pytest.approx(math.log(8 / 0.5) / math.log(16))  # the middle lies where the line does
    assert growth.exponent(sizes, costs, 0.0) != pytest.approx(found)


def test_what_hardly_costs_more_than_the_start_is_noise() -> None:
    assert growth.exponent([10, 100, 1_000], [1.01, 11.0, 101.0], 1.0) == pytest.approx(1.0)
    assert growth.exponent([10, 100], [1.1, 2.0], 1.0) is None
    assert growth.exponent([10, 100], [0.9, 0.8], 1.0) is None


# --- goals


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(1.0, "met"), (1.25, "met"), (1.3, "met; 1.25 x comes next"), (1.51, "**not met**"), (None, "not measured")],
)
def test_a_goal_is_judged_in_plain_words(measured: float | None, verdict: str) -> None:
    assert Goal("scan", 1.5, measured, then=1.25).verdict == verdict


def test_a_bare_read_is_what_a_scan_is_held_against() -> None:
    found = {
        "rows": 8, "missing": [], "agreement": {"scan csv": {"pandas": [True, "the same figures"]}},
        "scan csv": {speed.BARE["csv"]: timed(2.0), speed.OWN: timed(3.0), "pandas": timed(4.0)},
    }  # fmt: skip
    goals = {goal.what: goal for goal in speed.goals(found)}
    assert goals[f"scan CSV, CPU, against {speed.BARE['csv']}"].measured == pytest.approx(1.5)
    assert goals["scan CSV, CPU, against pandas"].measured == pytest.approx(0.75)
    assert goals["scan CSV, CPU, against pandas"].verdict == "met"


def test_who_computes_something_else_is_no_referee() -> None:
    found = {
        "rows": 8, "missing": [],
        "agreement": {"fix csv": {"pandas": [True, ""], "polars": [False, "f0 mean: 1 and 2"]}},
        "fix csv": {"nanclean fix": timed(3.0, 2.0), "pandas": timed(4.0, 9.0), "polars": timed(1.0, 1.0)},
    }  # fmt: skip
    goals = {goal.what: goal.measured for goal in speed.goals(found)}
    assert goals["fix CSV, CPU, against pandas"] == pytest.approx(0.75)
    assert goals["fix CSV, wall, against pandas"] == pytest.approx(2 / 9)
    assert not any("polars" in what for what in goals)
    assert "polars **does not agree and is no referee**: f0 mean: 1 and 2" in "\n".join(speed.page(found))


def test_the_worst_run_decides_about_memory() -> None:
    run = {"name": "csv, scan", "size": 1280, "cap": 64, "jobs": "all", "base": 110.0, "code": 0, "wall": 2.0}
    runs = [{**run, "peak": 300.0}, {**run, "cap": 256, "peak": 400.0}, {**run, "peak": None, "code": 3, "wall": None}]
    found = {"base": {"csv": 110.0}, "runs": runs}
    (goal,) = memory.goals(found)
    assert (goal.measured, goal.verdict) == (236.0, "met")
    page = "\n".join(memory.page(found))
    assert "| csv, scan | 1,280 | 64 | 20 | all | 300 | 190 | 2.0 | within |" in page
    assert "| – | – | – | ended with exit code 3 |" in page


def test_a_run_that_breaks_under_a_cap_has_not_kept_it() -> None:
    run = {"name": "csv, scan", "size": 1280, "cap": 64, "jobs": "all", "base": 110.0}
    runs = [{**run, "peak": 300.0, "code": 1, "wall": 2.0}, {**run, "peak": None, "code": -9, "wall": None}]
    found = {"base": {"csv": 110.0}, "runs": runs}
    assert [goal.verdict for goal in memory.goals(found)] == ["**not met**"]
    assert "**failed with exit code -9**" in "\n".join(memory.page(found))


# --- the page


@pytest.fixture
def kept(tmp_path) -> dict[str, dict]:
    """All parts, as a run would have kept them."""
    names = ("scan start", "fix start")
    over = {f"{what} {n}": timed(1 + n) for what in ("scan", "fix") for n in (1, 4, 16)} | dict.fromkeys(
        names, timed(1)
    )
    found = {
        "speed": {
            "rows": 2_000_000, "missing": ["duckdb"], "agreement": {},
            "scan npy": {speed.BARE["npy"]: timed(1.0), speed.OWN: timed(2.0)},
        },
        "growth": {"sizes": [1, 4, 16], "columns": [1, 4, 16]}
        | {f"{axis} {kind}": over for axis in ("rows", "columns") for kind in ("csv", "parquet", "npy")},
        "memory": {"base": {"csv": 110.0}, "runs": []},
        "latency": {"jobs": {
            latency.EMPTY: timed(0.01), latency.IMPORT: timed(0.2), latency.VERSION: timed(0.05),
            latency.SMALL: timed(0.6),
        }},
        "jobs": {"counts": [1, 2], "jobs": {"csv": {"scan 1": timed(4.0, 4.0), "scan 2": timed(5.0, 2.5)}}},
    }  # fmt: skip
    for name, part in found.items():
        render.save(tmp_path, name, ABOUT, part)
    return render.load(tmp_path, list(PARTS))


def test_a_page_of_all_parts(kept) -> None:
    page = render.rendered(PARTS, kept)
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == [
        "Goals", "Speed", "Growth", "Memory", "Small files and start-up", "Threads",
    ]  # fmt: skip
    assert "- x86_64, 2 cores\n- Python 3.12.1, nanclean 1.0" in page
    assert "| scan NPY, CPU, against np.load and sum | 2.50 x, then 1.50 x | 2.00 x | met; 1.50 x comes next |" in page
    assert "| growth over rows, the largest exponent | 1.10 | 1.00 | met |" in page
    assert "more than `python -c pass` | 100 ms | 40 ms | met |" in page
    assert "| 2.50 x | 3.00 x | **not met** |" in page
    assert "| scan, csv | 2 | 2.50 | 5.00 | 1.60 | 1.25 |" in page
    assert "Left out, because not installed: duckdb." in page


def test_every_table_has_as_many_cells_as_its_head(kept) -> None:
    width = None
    for line in render.rendered(PARTS, kept).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = line.count("|")
        width = cells if width is None else width
        assert cells == width, line


def test_the_page_is_the_same_for_the_same_measurements(kept) -> None:
    assert render.rendered(PARTS, kept) == render.rendered(PARTS, json.loads(json.dumps(kept)))


def test_a_part_that_was_not_measured_says_how(kept) -> None:
    del kept["memory"]
    assert "Not measured yet: `make bench BENCH=memory`." in render.rendered(PARTS, kept)


def test_what_failed_is_on_the_page(kept) -> None:
    assert "because it failed" not in render.rendered(PARTS, kept)
    kept["jobs"]["found"]["lost"] = ["fix 2 ended with 70"]
    assert render.rendered(PARTS, kept).endswith("\n\nLeft out, because it failed: fix 2 ended with 70.\n")


def test_parts_from_different_machines_are_told_apart(kept) -> None:
    kept["jobs"]["about"] = {**ABOUT, "machine": "aarch64, 64 cores"}
    page = render.rendered(PARTS, kept)
    assert re.search(r"speed, growth, memory, latency:\n\n- x86_64, 2 cores", page)
    assert re.search(r"jobs:\n\n- aarch64, 64 cores", page)


# --- running


def test_what_fails_is_left_out_and_told() -> None:
    said: list[str] = []
    good, bad = (
        Job("good", [sys.executable, "-c", "pass"]),
        Job("bad", [sys.executable, "-c", "raise SystemExit('oh')"]),
    )
    found = interleaved([bad, good], 2, said.append)
    assert list(found) == ["good"]
    assert [len(each) for each in found["good"].values()] == [2, 2, 2]
    assert said == ["left out: bad ended with 1: oh"]


def test_children_of_a_child_count_as_well() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    job = Job(
        "nested", [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"]
    )
    job.run()
    assert job.cpu[0] >= 0.3

"""What is imported, when. Held by looking into sys.modules, not by the clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLATS = ROOT / "sample_data" / "flats.csv"
HEAVY = ("numpy", "pyarrow", "rich", "msgspec", "pandas", "polars", "tomllib", "asyncio")
EDGE = ("pandas", "polars", "pyarrow.dataset", "scipy", "multiprocessing")

PROBE = """
import sys
sys.argv = ["nanclean", *sys.argv[1:]]
code = 70
try:
    from nanclean.cli import main
    code = main() or 0
except SystemExit as end:
    code = end.code or 0
sys.stdout.flush()
print("CODE", code, file=sys.stderr)
print("LOADED", *sys.modules, file=sys.stderr)
"""


def loaded(*arguments: str, probe: str = PROBE) -> tuple[int, set[str]]:
    """The exit code of a command, and the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    said = {line.split()[0]: line.split()[1:] for line in done.stderr.splitlines() if line.strip()}
    assert "LOADED" in said, done.stderr
    return int(said["CODE"][0]), set(said["LOADED"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["scan", "--help"], 0),
        (["check", "--help"], 0),
        (["scan"], 2),
        (["scan", "--colour", "x.csv"], 2),
        (["scna", "x.csv"], 2),
    ],
)
def test_words_about_the_program_import_nothing_heavy(arguments: list[str], code: int) -> None:
    got, modules = loaded(*arguments)
    assert got == code
    assert modules.isdisjoint(HEAVY)


def test_importing_the_package_imports_nothing_heavy() -> None:
    probe = "import sys, nanclean\nprint('CODE 0', file=sys.stderr)\nprint('LOADED', *sys.modules, file=sys.stderr)"
    assert loaded(probe=probe)[1].isdisjoint(HEAVY)


@pytest.mark.parametrize("name", ["flats.csv", "flats.parquet", "flats.npy", "export.csv"])
def test_a_scan_needs_no_pandas(name: str) -> None:
    """pyarrow imports pandas behind the back of who calls to_numpy, pa.array of an array, and others: 0.3 seconds."""
    pytest.importorskip("pandas", reason="without it this would hold anyway")
    code, modules = loaded("scan", f"sample_data/{name}")
    assert code == 0
    assert "pyarrow" in modules
    assert modules.isdisjoint(EDGE)


def test_a_csv_scan_imports_no_other_format() -> None:
    assert "pyarrow.parquet" not in loaded("scan", "sample_data/flats.csv")[1]


def test_the_version_is_that_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = subprocess.run([sys.executable, "-m", "nanclean", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert project["version"] in done.stdout

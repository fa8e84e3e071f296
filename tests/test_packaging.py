"""What a user gets: the archives hold what they should, and work in an empty environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.lowest import lowest

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def only(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


def test_the_wheel_holds_the_package_and_nothing_else(archives: Path) -> None:
    names = zipfile.ZipFile(only(archives, "*.whl")).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"nanclean"}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "nanclean").rglob("*.py")}
    assert modules <= set(names)
    assert "nanclean/py.typed" in names
    assert any(name.startswith("nanclean/schemas/report-1") for name in names)
    assert any(name.endswith("LICENSE") for name in names)


def test_the_source_archive_can_be_tested(archives: Path) -> None:
    with tarfile.open(only(archives, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ("pyproject.toml", "README.md", "LICENSE", "Makefile", "tests/conftest.py", "sample_data/flats.csv")
    assert set(needed) <= names
    assert not any(name.startswith((".git/", ".venv", "bench/data")) for name in names)


@pytest.mark.parametrize("versions", ["newest", "lowest"])
def test_the_wheel_works_in_an_empty_environment(archives: Path, tmp_path: Path, versions: str) -> None:
    if versions == "lowest" and sys.version_info[:2] != (3, 11):
        pytest.skip("the lowest versions are those of the lowest Python, 3.11")
    venv.create(tmp_path / "env", with_pip=True)
    bin = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    pins = lowest(ROOT) if versions == "lowest" else []
    install = [str(bin / "python"), "-m", "pip", "install", "--quiet", str(only(archives, "*.whl")), *pins]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, rows in (("flats.csv", 400), ("flats.parquet", 400), ("flats.npy", 400), ("export.csv", 121)):
        scan = [str(bin / "nanclean"), "scan", "--format", "json", str(ROOT / "sample_data" / name)]
        done = subprocess.run(scan, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["source"]["rows"] == rows
        shown = subprocess.run([*scan[:2], scan[-1]], capture_output=True, text=True, cwd=tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert name in shown.stdout
    frames = "import nanclean, pandas; print(nanclean.scan(pandas.DataFrame({'a': [1.0, None]})).columns['a'].missing)"
    done = subprocess.run([str(bin / "python"), "-c", frames], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "1\n", done.stderr

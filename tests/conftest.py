"""What all tests share: where the real files are, and how hypothesis runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith("GITHUB_")]:
    del os.environ[name]  # what is printed depends on where it runs; the tests say so themselves

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

# No deadline: a machine that is busy with something else is no fault of ours.
settings.register_profile("nanclean", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nanclean")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real files beside the project; tests that need it are skipped where it is not."""
    if not (PACK / "MANIFEST.md").is_file():
        pytest.skip(f"the data pack is not there: {PACK}")
    return PACK


@pytest.fixture(scope="session")
def data_pack(data: Path) -> Path:
    """The same by its long name."""
    return data


def _missing(reason: str) -> Any:
    """Skip, or fail where the tests are asked for: NANCLEAN_BROWSER=required, as continuous integration says it."""
    if os.environ.get("NANCLEAN_BROWSER") == "required":
        pytest.fail(f"{reason}, and NANCLEAN_BROWSER=required", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        _missing(f"there is no browser: none of {', '.join(NAMES)}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield running
        running.close()

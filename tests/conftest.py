"""What all tests share: where the real files are, and how hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith("GITHUB_")]:
    del os.environ[name]  # what is printed depends on where it runs; the tests say so themselves

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"

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

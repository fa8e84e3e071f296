"""Who may import whom: the contracts in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter import api, cli

ROOT = Path(__file__).parents[1]


def test_every_room_imports_only_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert api.read_configuration()["contracts_options"], "no contract was found"
    assert cli.lint_imports(no_logo=True, no_cache=True) == cli.EXIT_STATUS_SUCCESS

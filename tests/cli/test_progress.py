"""What a long run says of itself on standard error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nanclean
from nanclean.cli import _progress, run
from nanclean.cli._progress import progress

Captured = pytest.CaptureFixture[str]
GIB = 1 << 30


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def test_what_will_be_read_is_said_before_a_long_run(capsys: Captured) -> None:
    with progress("big.csv", quiet=False) as told:
        assert told is not None
        told(0, 40 * GIB, 1, 1)
        told(GIB, 40 * GIB, 1, 1)
    with progress("big.npy", quiet=False) as told:
        assert told is not None
        told(0, 40 * GIB, 1, 2)
    with progress("small.csv", quiet=False) as told:
        assert told is not None
        told(0, GIB // 3, 1, 2)
    err = capsys.readouterr().err.splitlines()
    assert err == [
        "big.csv: 43 GB to read once, or once more where values stand apart",
        "big.npy: 43 GB to read twice, or once more where values stand apart",
    ]


def test_without_a_terminal_there_is_a_line_a_minute(clock: list[float], capsys: Captured) -> None:
    with progress("x.csv", quiet=False) as told:
        assert told is not None
        for second in range(0, 200, 5):
            clock[0] = 100.0 + second
            told(second * 1_000_000, 500_000_000, 1 + (second > 100), 2)
    assert capsys.readouterr().err.splitlines() == [
        "x.csv: 60 MB of 500 MB read, look 1, after 1 min",
        "x.csv: 120 MB of 500 MB read, look 2, after 2 min",
        "x.csv: 180 MB of 500 MB read, look 2, after 3 min",
    ]


def test_quiet_says_nothing() -> None:
    with progress("x.csv", quiet=True) as told:
        assert told is None


def test_looks_are_numbered_and_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanclean.numbers.SMALL", 0)
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=200_000))
    calls: dict[str, list[tuple[int, ...]]] = {"scan": [], "check": []}
    for verb in (nanclean.scan, nanclean.check):
        verb(path, no_config=True, progress=lambda *call, verb=verb: calls[verb.__name__].append(call))
    size = path.stat().st_size
    assert calls["check"][0] == (0, size, 1, 1)
    assert calls["check"][-1] == (size, size, 1, 1)
    assert calls["scan"][0] == (0, size, 1, 2)
    assert calls["scan"][-1] == (size, size, 2, 2)


def test_the_command_line_is_silent_about_short_runs(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n2\n")
    assert run(["check", str(path), "--no-config"]) == 0
    assert capsys.readouterr().err == ""

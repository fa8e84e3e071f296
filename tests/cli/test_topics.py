"""The topics of `nanclean explain`: they read well in a terminal, and what they say to type works."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest

from nanclean.cli import _manual, run

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
Captured = pytest.CaptureFixture[str]


def typed(name: str) -> list[str]:
    """The commands in the page of a topic, in their order; a line that ends in a backslash goes on."""
    page = _manual.topic(name).replace("\\\n", " ")
    return [" ".join(line.split()) for line in re.findall(r"^    (nanclean .*)$", page, re.MULTILINE)]


def code(name: str) -> str:
    """The lines of Python in it."""
    lines = re.findall(r"^    (?!nanclean |    )(.*)$", _manual.topic(name), re.MULTILINE)
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the topics speak of."""
    table = (SAMPLES / "flats.csv").read_text(encoding="utf-8").replace("rented", "target", 1)
    table = re.sub(r",yes$", ",1", re.sub(r",no$", ",0", table, flags=re.MULTILINE), flags=re.MULTILINE)
    for name in ("train.csv", "valid.csv", "last_month.csv"):
        (tmp_path / name).write_text(table, encoding="utf-8")
    for name in ("X_train.npy", "y_train.npy"):
        shutil.copy(SAMPLES / "flats.npy", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", _manual.topics())
def test_every_command_of_a_topic_works(name: str, folder: Path, capsys: Captured) -> None:
    commands = typed(name)
    assert commands
    looks = ("scan", "explain", "init", "fix", "apply")
    for command in commands:
        words = shlex.split(command)[1:]
        before = set(folder.iterdir())
        ended = run(words)
        said = capsys.readouterr()
        assert ended in ((0,) if words[0] in looks else (0, 1)), (command, said.err)
        assert said.out
        assert "error: " not in said.err
        written = {folder / words[words.index("-o") + 1]} if "-o" in words else set()
        assert written <= set(folder.iterdir()) - before


def test_the_runbook_finds_the_faults_and_proves_the_repair(folder: Path, capsys: Captured) -> None:
    """Healthy after its section 3: what is left are warnings."""
    commands = typed("loss")
    assert run(shlex.split(commands[0])[1:]) == 0
    assert "rented" not in capsys.readouterr().out
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] in ("init", "fix", "apply"):
            assert run(words) == 0
        if words[0] == "check" and "--for" in words:
            capsys.readouterr()
            assert run(words) == 0
            assert "PASSED" in capsys.readouterr().out
            return
    pytest.fail("the runbook proves nothing")


@pytest.mark.parametrize("name", _manual.topics())
def test_a_topic_fits_a_terminal_and_is_plain(name: str, capsys: Captured) -> None:
    assert run(["explain", name]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert "`" not in out
    assert max(map(len, out.splitlines())) <= 80
    prose = [line for line in out.splitlines() if not line.startswith(" ")]
    assert not [line for line in prose if line.startswith("#")]
    assert re.sub("[`#]", "", out).split() == re.sub("[`#]", "", _manual.topic(name)).split(), "nothing is lost"


@pytest.mark.parametrize("name", _manual.topics())
def test_a_topic_is_listed_and_a_slip_is_answered(name: str, capsys: Captured) -> None:
    assert run(["explain"]) == 0
    out = capsys.readouterr().out
    title = _manual.topic(name).partition("\n")[0].removeprefix("# ")
    assert re.search(rf"^  {name} +{re.escape(title)}$", out, re.MULTILINE)
    assert run(["explain", name[:-1]]) == 2
    assert capsys.readouterr().err.endswith(f"hint: did you mean: nanclean explain {name}\n")


def test_a_topic_has_no_name_of_a_part() -> None:
    assert not set(_manual.topics()) & set(_manual.parts())


def test_the_code_of_the_runbook_runs() -> None:
    source = code("loss")
    ast.parse(source)
    if importlib.util.find_spec("torch") is None:
        pytest.skip("it needs torch")
    import torch

    model = torch.nn.Linear(2, 1)
    x, y = torch.ones(3, 2), torch.ones(3, 1)
    torch.nn.functional.mse_loss(model(x), y).backward()
    try:
        exec(source, {"torch": torch, "model": model, "x": x, "y": y})
        assert torch.is_anomaly_enabled()
    finally:
        torch.autograd.set_detect_anomaly(False)

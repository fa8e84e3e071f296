"""Completion: what click's protocol answers, and what the shells make of it."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import click
import pytest

from nanclean import cli, registry
from nanclean.cli import _manual, options
from nanclean.cli._completion import completing
from nanclean.trainers import NETWORKS, PRECISIONS, TRAINERS

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
HEAVY = ("numpy", "pyarrow", "pandas", "rich", "msgspec", "jinja2", "tomllib")
TABLE = "id,price,qty\n1,2,3\n"

PROBE = """
import sys
from nanclean.cli import run
code = run([])
print("CODE", code, file=sys.stderr)
print("LOADED", *sys.modules, file=sys.stderr)
"""


def asked(*words: str, folder: Path = SAMPLES, shell: str = "bash") -> tuple[list[tuple[str, str]], set[str]]:
    """What may stand in place of the last word, as kind and value; and the modules that it took to tell."""
    variables = {"_NANCLEAN_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(("nanclean", *words))}
    variables["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words))
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    said, code, loaded = "", "", ""
    for line in done.stderr.splitlines():
        if line.startswith("CODE "):
            code = line.removeprefix("CODE ")
        elif line.startswith("LOADED "):
            loaded = line
        else:
            said += line
    assert (code, said) == ("0", ""), done.stderr
    if shell == "zsh":
        lines = done.stdout.splitlines()
        return list(zip(lines[::3], lines[1::3], strict=True)), set(loaded.split())
    pairs = (line.split("\t")[0].partition(",") for line in done.stdout.splitlines())
    return [(kind, value) for kind, _, value in pairs], set(loaded.split())


def words(*typed: str, folder: Path = SAMPLES) -> list[str]:
    return [value for kind, value in asked(*typed, folder=folder)[0] if kind == "plain"]


def test_commands() -> None:
    assert words("") == list(cli.COMMANDS)
    assert words("s") == ["scan"]


def test_options() -> None:
    found = words("scan", "--")
    assert {"--label", "--columns", "--fail-on", "--help"} <= set(found)
    assert words("fix", "--rej") == ["--rejected"]


@pytest.mark.parametrize("option", ["-p", "--policy", "--json", "--html"])
def test_options_that_take_a_file(option: str) -> None:
    assert asked("scan", option, "")[0] == [("file", "")]


@pytest.mark.parametrize("command", ["scan", "check", "fix", "fit", "init"])
def test_a_command_takes_a_file(command: str) -> None:
    assert asked(command, "")[0] == [("file", "")]
    assert asked(command, "fl")[0] == [("file", "")]


def test_every_argument_and_file_of_every_command_is_completed() -> None:
    """A parameter that is new is completed as well."""
    for name in cli.COMMANDS:
        command = completing(import_module(f"nanclean.cli.{name}").command)
        for parameter in command.params:
            if isinstance(parameter, click.Argument) or parameter.metavar in ("FILE", "R.json", "OUT"):
                kinds = {item.type for item in parameter.shell_complete(click.Context(command), "")}
                assert "file" in kinds, (name, parameter.name)


def test_words_of_options() -> None:
    assert words("scan", "--fail-on", "") == list(options.SEVERITIES)
    assert words("scan", "--fail-on", "w") == ["warning"]
    assert words("scan", "--format", "") == list(registry.names("renderers"))
    assert words("scan", "--missing-list", "") == ["auto", "pandas", "none"]
    assert words("scan", "--for", "") == [*TRAINERS, *(f"{name}:{each}" for name in NETWORKS for each in PRECISIONS)]


def test_parts_and_topics_after_explain() -> None:
    assert words("explain", "") == _manual.known()
    assert {"isolated", "impute", "loss"} <= set(_manual.known())
    assert words("explain", "lo") == ["log1p", "loss"]
    assert asked("explain", "im")[0] == [("file", ""), ("plain", "impute")]


@pytest.mark.parametrize(
    "typed",
    [
        ["scan", "t.csv", "--label", ""],
        ["scan", "t.csv", "--columns", ""],
        ["check", "t.csv", "--id", ""],
        ["fix", "t.csv", "--label", ""],
        ["explain", "t.csv", "--column", ""],
    ],
)
def test_columns_of_the_file(tmp_path: Path, typed: list[str]) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    assert words(*typed, folder=tmp_path) == ["id", "price", "qty"]
    assert words(*typed[:-1], "p", folder=tmp_path) == ["price"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"\xef\xbb\xbfa;b\tc;d\n1;2;3\n", ["a", "d"]),
        (b'"x y",plain,"p""q"\n', ["plain"]),
        (b"", []),
        (b"\x00\x01binary", []),
        (b"caf\xe9,b\n", ["b"]),
        (b'"open,\n', []),
    ],
)
def test_a_header_however_odd(tmp_path: Path, data: bytes, names: list[str]) -> None:
    """What a shell would need quotes for is left to the user; a file that is no text has no names."""
    (tmp_path / "t.csv").write_bytes(data)
    assert words("scan", "t.csv", "--label", "", folder=tmp_path) == names


def test_no_file_no_columns(tmp_path: Path) -> None:
    assert words("scan", "--label", "", folder=tmp_path) == []
    assert words("scan", "nowhere.csv", "--label", "", folder=tmp_path) == []
    assert words("scan", ".", "--label", "", folder=tmp_path) == []


def test_a_slip_says_nothing() -> None:
    """A message in the middle of the line that is being typed would be worse than no answer."""
    assert asked("scna", "x.csv", "")[0] != []
    assert asked("scan", "--fail-on", "nothing", "--for", "")[0] != []


@pytest.mark.parametrize(
    "typed",
    [
        [""],
        ["scan", "--"],
        ["scan", ""],
        ["scan", "--for", ""],
        ["explain", ""],
        ["scan", "flats.parquet", "--label", ""],
        ["scan", "flats.csv", "--label", ""],
    ],
)
def test_nothing_heavy_is_imported(typed: list[str]) -> None:
    assert asked(*typed)[1].isdisjoint(HEAVY)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_likewise(shell: str) -> None:
    assert [value for _, value in asked("scan", "--fail-on", "w", shell=shell)[0]] == ["warning"]


# the shells themselves


def program(folder: Path) -> dict[str, str]:
    """An environment in which `nanclean` is this one."""
    script = folder / "nanclean"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec "{sys.executable}" -m nanclean "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}


def needed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    return found


DOCUMENTED = (ROOT / "docs" / "completion.md").read_text(encoding="utf-8")
LINES = dict(re.findall(r"^\| (bash|zsh|fish)\b.*\| `([^`]*)` \|$", DOCUMENTED, re.MULTILINE))
"""What the documentation says, to be typed by a reader."""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nanclean sc", ["scan"]),
        ("nanclean scan --fail-on w", ["warning"]),
        ("nanclean explain im", ["impute"]),
        ("nanclean scan flats.csv --label rent", ["rent", "rent_per_area", "rented"]),
    ],
)
def test_in_bash(tmp_path: Path, line: str, expected: list[str]) -> None:
    shell = needed("bash")
    typed = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in typed)
    script = f"""
{LINES["bash"]}
spec=$(complete -p nanclean) || exit 9
function=$(sed 's/.*-F \\([^ ]*\\).*/\\1/' <<< "$spec")
compopt() {{ :; }}
COMP_WORDS=({quoted}); COMP_CWORD={len(typed) - 1}; COMPREPLY=()
"$function" nanclean '{typed[-1]}' '{typed[-2]}'
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, cwd=SAMPLES, env=program(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == expected


def test_bash_completes_files_by_itself(tmp_path: Path) -> None:
    command = [needed("bash"), "--norc", "--noprofile", "-i"]
    env = {**program(tmp_path), "TERM": "dumb", "PS1": "> ", "INPUTRC": os.devnull}
    assert at_a_prompt(command, LINES["bash"], "nanclean scan flats.pa", "flats.parquet", env)
    assert at_a_prompt(command, LINES["bash"], "nanclean scan --fail-on warn", "warning", env)


def test_in_zsh(tmp_path: Path) -> None:
    command = [needed("zsh"), "-f", "-i"]
    env = {**program(tmp_path), "TERM": "dumb", "PS1": "> "}
    setup = f"autoload -Uz compinit && compinit -D -u; {LINES['zsh']}"
    assert at_a_prompt(command, setup, "nanclean scan --fail-on warn", "warning", env)
    assert at_a_prompt(command, setup, "nanclean scan flats.pa", "flats.parquet", env)


def test_in_fish(tmp_path: Path) -> None:
    shell = needed("fish")
    line = LINES["fish"].replace("\\|", "|")
    done = subprocess.run(
        [
            shell,
            "--no-config",
            "-c",
            f"{line}\ncomplete -C 'nanclean scan --fail-on w'\ncomplete -C 'nanclean explain im'",
        ],
        capture_output=True,
        text=True,
        cwd=SAMPLES,
        env=program(tmp_path),
        timeout=60,
    )
    assert [each.split("\t")[0] for each in done.stdout.splitlines()] == ["warning", "impute"], done.stderr


def at_a_prompt(command: list[str], setup: str, typed: str, expected: str, env: dict[str, str]) -> bool:
    """Whether a shell completes what was typed at its prompt, when the tab key is pressed, as it should."""
    pty = pytest.importorskip("pty", reason="there are no terminals here")
    process, terminal = pty.fork()
    if process == 0:  # the shell
        os.chdir(SAMPLES)
        os.execve(command[0], command, env)

    def shown(until: str, seconds: float) -> bool:
        seen, end = "", time.monotonic() + seconds
        while until not in seen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")
        return until in seen

    try:
        os.write(terminal, f"{setup}\necho REA''DY\n".encode())
        assert shown("READY", 30)
        os.write(terminal, f"{typed}\t".encode())
        return shown(expected, 15)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)

"""Every format of one report, byte by byte: tests/golden/ holds what the command line writes of sample_data/.

python tests/test_golden.py     writes down what it writes now. Look at the difference before you keep it.

What may differ between two runs over one file (versions, seconds, jobs, memory) is replaced by a word.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from jsonschema.validators import validator_for

from nanclean import registry

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
TABLE = "flats.csv --label rented --id id"
COMMANDS = {
    "check.txt": f"check {TABLE} --format text",
    "scan.txt": f"scan {TABLE}",
    "check.json": f"check {TABLE} --json -",
    "check.github.txt": f"check {TABLE} --format github",
    "check.sarif": f"check {TABLE} --sarif -",
    "check.junit.xml": f"check {TABLE} --junit -",
    "check.md": f"check {TABLE} --md -",
    "scan.html": f"scan {TABLE} --html -",
    "fix.md": "fix flats.csv -p flats.toml -o clean.csv --recipe clean.json --md -",
}
"""What is written into each file. The exit code is that of the command: `check` fails, this table is bad."""
VARYING = (
    (r'("version":")[^"]*"', r'\1VERSION"'),  # of a report
    (r'("name": "nanclean",\s+"version": ")[^"]*"', r'\1VERSION"'),  # of a tool
    (r"(nanclean )[0-9]+(?:\.[0-9]+)+(?:[\w.+-]*\w)?", r"\1VERSION"),
    (r'("(?:seconds|jobs|memory)":)[0-9.e+-]+', r"\1 0"),
    (r'("versions":)\{[^}]*\}', r"\1{}"),
)


def written(command: str, folder: Path) -> str:
    """What a command writes to standard output, without what varies, in a folder with the sample files."""
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    environment = {
        name: value for name, value in os.environ.items() if name not in unset and not name.startswith("GITHUB_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "nanclean", *shlex.split(command)],
        capture_output=True,
        cwd=folder,
        env=environment | {"PYTHONUTF8": "1"},
        encoding="utf-8",
        timeout=60,
    )
    assert "error: " not in done.stderr, done.stderr
    assert done.returncode == (1 if command.startswith("check") else 0)
    text = done.stdout
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_written_is_what_was_written(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    now = written(COMMANDS[name], folder)
    then = (GOLDEN / name).read_bytes().decode("utf-8")
    assert now == then, "python tests/test_golden.py writes it down"


def test_they_are_valid_by_the_published_schemas() -> None:
    def schema(path: str) -> Any:
        read = json.loads((ROOT / path).read_text(encoding="utf-8"))
        return validator_for(read)(read)

    schema("nanclean/schemas/report-1.json").validate(json.loads((GOLDEN / "check.json").read_text(encoding="utf-8")))
    sarif = json.loads((GOLDEN / "check.sarif").read_text(encoding="utf-8"))
    schema("tests/official/sarif-schema-2.1.0.json").validate(sarif)
    xmlschema.XMLSchema10(str(ROOT / "tests/official/junit-10.xsd")).validate(str(GOLDEN / "check.junit.xml"))


def test_every_format_is_there() -> None:
    asked = {"html": "--html -", "json": "--json -", "junit": "--junit -", "markdown": "--md -", "sarif": "--sarif -"}
    for name in registry.names("renderers"):
        option = asked.get(name, "" if name == "terminal" else f"--format {name}")
        assert any(command.endswith(f"{TABLE} {option}".rstrip()) for command in COMMANDS.values()), name


def test_no_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(COMMANDS)


def test_nothing_of_this_machine_is_in_them() -> None:
    for name in COMMANDS:
        text = (GOLDEN / name).read_text(encoding="utf-8")
        assert str(ROOT) not in text, name
        assert not re.search(r"/home/|/root/|/tmp/|\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T", text), name


def main() -> None:
    """Write down what the commands write now."""
    GOLDEN.mkdir(exist_ok=True)
    for name, command in COMMANDS.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = shutil.copytree(ROOT / "sample_data", Path(scratch) / "sample_data")
            (GOLDEN / name).write_bytes(written(command, folder).encode("utf-8"))


if __name__ == "__main__":
    main()

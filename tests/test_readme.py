"""The README is run: every block that begins with `$ nanclean …` shows what that command prints on sample_data/.

python tests/test_readme.py     (make docs) writes down what the commands print now, and draws docs/scan.svg.
"""

from __future__ import annotations

import doctest
import html
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "scan.svg"
BLOCK = re.compile(r"^```console\n(\$ nanclean[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURED = {"label": "rented", "id": "id"}


def printed(command: str, folder: Path = ROOT / "sample_data") -> str:
    """What a command prints, both streams, in a folder with the sample files."""
    words = shlex.split(command.removeprefix("$ "))
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    environment = {key: value for key, value in os.environ.items() if key not in unset} | {"PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        encoding="utf-8",
        timeout=60,
    )
    return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def drawn() -> str:
    """The report of the sample table as a picture, without fonts from elsewhere."""
    from rich.console import Console

    import nanclean

    os.chdir(ROOT / "sample_data")
    console = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
    console.print(nanclean.scan("flats.csv", **PICTURED))
    svg = console.export_svg(title="nanclean scan flats.csv --label rented --id id", unique_id="scan")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code", "font-family: DejaVu Sans Mono, Menlo, Consolas")
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # not every viewer keeps the space before a word
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def words_of(text: str) -> set[str]:
    """Words and numbers; not what shapes are drawn of."""
    return {word for word in re.findall(r"[\w.,]*\w", text) if word.strip("_.,")}


def test_there_are_blocks() -> None:
    assert len(blocks()) >= 2


def test_the_blocks_show_what_the_commands_print(tmp_path: Path) -> None:
    """One after the other, in a copy: some write what others read."""
    folder = shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    for command, shown in blocks():
        assert printed(command, folder) == shown, f"{command}: make docs writes it down"


def test_the_picture_shows_what_scan_prints() -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", " ", PICTURE.read_text(encoding="utf-8")))
    now = printed("$ nanclean scan flats.csv --label rented --id id")
    assert not words_of(now.partition("\nNotes not shown")[0]) - words_of(shown), "make docs draws it"


def test_the_python_examples_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = PYTHON.findall(README.read_text(encoding="utf-8"))
    assert examples
    monkeypatch.chdir(ROOT / "sample_data")
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest("".join(examples), {}, "README.md", str(README), 0)
    assert test.examples
    assert not doctest.DocTestRunner().run(test, out=said.append).failed, "".join(said)


def test_every_command_named_exists() -> None:
    """A reader types what is written; nothing that is only planned may be among it."""
    commands = set(re.findall(r"^(?:\$ |    )nanclean ([a-z]+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    helped = printed("$ nanclean --help")
    assert commands
    for command in commands:
        assert re.search(rf"^\s+{command}\b", helped, re.MULTILINE), f"{command} is not a command"


def test_links_lead_to_files() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link


def main() -> None:
    """Write down what the commands print now."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        folder = shutil.copytree(ROOT / "sample_data", Path(scratch) / "sample_data")
        text = BLOCK.sub(lambda found: f"```console\n{found[1]}\n{printed(found[1], folder)}```", text)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The README and the pages of docs/ are run.

A block that begins with `$ nanclean …` shows what that command prints on sample_data/; Python does what it says.

python tests/test_readme.py     (make docs) writes down what the commands print now, and draws docs/scan.svg.
"""

from __future__ import annotations

import ast
import doctest
import html
import importlib.util
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
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
PICTURE = ROOT / "docs" / "scan.svg"
BLOCK = re.compile(r"^```console\n(\$ nanclean[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURED = {"label": "rented", "id": "id"}


def printed(command: str, folder: Path = ROOT / "sample_data") -> str:
    """What a command prints, both streams, in a folder with the sample files."""
    words = shlex.split(command.removeprefix("$ "))
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"}
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
    assert done.returncode != 70, f"{command}: {done.stdout}"  # a bug is nothing to write down
    return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def named(page: object) -> str:
    return page.name if isinstance(page, Path) else ""


def having(pattern: re.Pattern[str]) -> list[Path]:
    return [page for page in PAGES if pattern.search(page.read_text(encoding="utf-8"))]


def programs() -> list[object]:
    """The programs of all pages, each named by its page and its first library."""
    found = []
    for page in PAGES:
        for i, program in enumerate(PROGRAM.findall(page.read_text(encoding="utf-8"))):
            found.append(pytest.param(program, id=f"{page.stem}-{i}"))
    return found


def absent(program: str) -> list[str]:
    """The libraries that a program imports and that are not there."""
    names = []
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return sorted({name for name in (name.partition(".")[0] for name in names) if not importlib.util.find_spec(name)})


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
    assert len(blocks(README)) >= 2
    assert len(having(BLOCK)) >= 5


@pytest.mark.parametrize("page", having(BLOCK), ids=named)
def test_the_blocks_show_what_the_commands_print(page: Path, tmp_path: Path) -> None:
    """One after the other, in a copy: some write what others read."""
    folder = shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    for command, shown in blocks(page):
        assert printed(command, folder) == shown, f"{command}: make docs writes it down"


def test_the_picture_shows_what_scan_prints() -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", " ", PICTURE.read_text(encoding="utf-8")))
    now = printed("$ nanclean scan flats.csv --label rented --id id")
    assert not words_of(now.partition("\nNotes not shown")[0]) - words_of(shown), "make docs draws it"


@pytest.mark.parametrize("page", having(SESSION), ids=named)
def test_the_python_examples_are_true(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = SESSION.findall(page.read_text(encoding="utf-8"))
    monkeypatch.chdir(ROOT / "sample_data")
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest("".join(examples), {}, page.name, str(page), 0)
    assert test.examples
    assert not doctest.DocTestRunner().run(test, out=said.append).failed, "".join(said)


@pytest.mark.parametrize("program", programs())
def test_the_programs_run(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := absent(program):
        pytest.skip(f"it needs {' and '.join(missing)}")
    monkeypatch.chdir(shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data"))
    exec(compile(program, "<docs>", "exec"), {"__name__": "<docs>"})


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_named_exists(page: Path) -> None:
    """A reader types what is written; nothing that is only planned may be among it."""
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^```(?:sh|console|)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = set(re.findall(r"(?:`|^    )nanclean ([a-z]+)\b", text, re.MULTILINE))
    commands |= set(re.findall(r"^(?:\$ )?nanclean ([a-z]+)\b", "\n".join(fences), re.MULTILINE))
    helped = printed("$ nanclean --help")
    for command in commands:
        assert re.search(rf"^\s+{command}\b", helped, re.MULTILINE), f"{command} is not a command"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def main() -> None:
    """Write down what the commands print now."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
    for page in having(BLOCK):
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            folder = shutil.copytree(ROOT / "sample_data", Path(scratch) / "sample_data")
            text = BLOCK.sub(lambda found, at=folder: f"```console\n{found[1]}\n{printed(found[1], at)}```", text)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

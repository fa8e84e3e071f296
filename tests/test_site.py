"""The documentation: it is built strictly, everything has its place in it, and it needs no network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import click
import pytest

from nanclean import cli, registry
from nanclean.cli import _manual

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytest.importorskip("material", reason="the extra docs is not installed")
pytest.importorskip("mkdocstrings_handlers.python", reason="the extra docs is not installed")

ROOT = Path(__file__).parents[1]

if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("mkdocs.yml is not there", allow_module_level=True)


class Page(HTMLParser):
    """What a page links to, what it loads, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and "href" in given:
            self.loads.append(given["href"])


def built(folder: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=240,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = built(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path: Path) -> None:
    for name in ("docs", "nanclean"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").unlink()
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "limits.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[lost](policy.md#no-such-place)\n", encoding="utf-8")
    done = built(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode != 0
    assert "no-such-place" in done.stderr


@pytest.mark.parametrize(("family", "page", "level"), [("detectors", "detectors.html", 2), ("fixers", "fixers.html", 2),
                                                       ("drifts", "drift.html", 3)])  # fmt: skip
def test_every_part_has_its_place_in_the_order_of_explain(
    pages: dict[str, Page], family: str, page: str, level: int
) -> None:
    shown = re.findall(rf'<h{level} id="([\w-]+)">', pages[page].text)
    assert shown == list(registry.names(family))
    assert [name for name in _manual.known() if name in shown] == shown
    for name in shown:
        assert f"<code>{html.escape(_manual.part(name).example, quote=False)}</code>" in pages[page].text


def test_a_part_says_what_its_class_says(pages: dict[str, Page]) -> None:
    text = pages["detectors.html"].text
    for name in registry.names("detectors"):
        place = text[text.index(f'<h2 id="{name}">') :].partition("<h2")[2].partition("<h2")[0]
        part: Any = _manual.part(name)
        fact = re.search(r"<strong>without a rule</strong></td>\s*<td>([^<]*)</td>", place)
        assert fact is not None, name
        assert fact[1].startswith("on") == part.builtin
        assert not part.builtin or part.severity in fact[1]


def test_every_command_and_option_has_its_place(pages: dict[str, Page]) -> None:
    text = pages["commands.html"].text
    assert re.findall(r'<h2 id="([\w-]+)">', text) == list(cli.COMMANDS)
    for name in cli.COMMANDS:
        place = text[text.index(f'<h2 id="{name}">') :].partition("<h2")[2].partition("<h2")[0]
        command = cli.group.get_command(click.Context(cli.group), name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(f"<code>{word}</code>" in place for word in parameter.opts), (name, parameter.opts)


def test_every_key_of_a_policy_has_its_place(pages: dict[str, Page]) -> None:
    from nanclean.policy_file import BUDGET_KEYS, COLUMN_KEYS, KEYS, RULE_KEYS

    for key in {*KEYS, *BUDGET_KEYS, *COLUMN_KEYS, *RULE_KEYS}:
        assert f"<td><code>{key}</code></td>" in pages["policy.html"].text, key


def test_every_key_of_a_report_has_its_place(pages: dict[str, Page]) -> None:
    from nanclean.schemas import written

    published = json.loads(written()["report-1.json"])["$defs"]
    text = pages["report.html"].text
    assert set(re.findall(r'<h3 id="([\w-]+)">', text)) == {name.lower() for name in published}
    for structure, keys in published.items():
        place = text[text.index(f'<h3 id="{structure.lower()}">') :].partition("</table>")[0]
        assert re.findall(r"<tr>\s*<td><code>(\w+)</code>", place) == list(keys["properties"])


def test_the_runbook_is_the_one_that_explain_prints(pages: dict[str, Page]) -> None:
    headings = re.findall(r"^## (.*)$", _manual.topic("loss"), re.MULTILINE)
    assert len(headings) > 5
    for heading in headings:
        assert heading in pages["loss.html"].text


def test_nothing_is_generated_by_a_name_that_is_not_known(pages: dict[str, Page]) -> None:
    assert not [name for name, page in pages.items() if "<!-- generated" in page.text]


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        away = [link for link in (*page.loads, *page.links) if re.match(r"(?:[a-z]+:)?//", link)]
        assert not away, (name, away)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_link_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    checked = 0
    for name, page in pages.items():
        for link in (*page.links, *page.loads):
            if link.startswith(("mailto:", "javascript:", "data:")):
                continue
            path, anchor = urldefrag(unquote(link))
            target = (site / name).parent / path if path else site / name
            target = target / "index.html" if target.is_dir() else target
            if name == "404.html" and link.startswith("/"):  # served from the root of a host
                target = site / path.lstrip("/")
            assert target.exists(), (name, link)
            if anchor and target.suffix == ".html" and anchor != "__skip":
                assert anchor in pages[target.resolve().relative_to(site.resolve()).as_posix()].anchors, (name, link)
            checked += 1
    assert checked > 100


def test_the_hook_is_no_part_of_the_site(site: Path) -> None:
    assert not list(site.rglob("*.py"))


def test_the_search_finds_from_a_disk_and_nothing_else_is_asked_for(site: Path, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((site / "index.html").as_uri())
    page.locator("input.md-search__input").click()
    page.locator("input.md-search__input").press_sequentially("isolated")
    page.locator("li.md-search-result__item a[href*='detectors.html'][href$='#isolated']").first.wait_for(
        state="attached", timeout=20_000
    )
    context.close()
    assert asked
    assert all(url.startswith(("file:", "data:", "blob:", "about:")) for url in asked), asked
    assert not said

"""A real Chromium without a window, and the pages that it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nanclean
from nanclean.report import Report
from tests import reports

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


class Opened:
    """A page in the browser, and what has happened to it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", lambda dialog: (self.messages.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def shown(self, selector: str) -> list[str]:
        """The texts of what can be seen, once it is scrolled to: cards far away are laid out later."""
        script = """selector => {
            for (const card of document.querySelectorAll(".card")) card.style.contentVisibility = "visible";
            return [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).map(e => e.innerText);
        }"""
        return list(self.page.evaluate(script, selector))

    def until(self, expression: str, wanted: object) -> None:
        """Wait until an expression of JavaScript has this value. (Playwright's own way needs `unsafe-eval`.)"""
        for _ in range(100):
            if (value := self.page.evaluate(expression)) == wanted:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"{expression} is {value!r}, not {wanted!r}")


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open reports, or a page as text, from a file. Keywords are those of a new browser context."""
    contexts = []

    def open_(*shown: Report | str, address: str = "", **options: Any) -> Opened:
        file = tmp_path / f"page{len(contexts)}.html"
        text = shown[0] if isinstance(shown[0], str) else _page(*shown)
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(5000)
        opened.page.goto(file.as_uri() + address)
        return opened

    yield open_
    for context in contexts:
        context.close()


def _page(*shown: Any) -> str:
    from nanclean.renderers import html

    return html.page(shown)


@pytest.fixture(scope="session")
def flats() -> Report:
    """The dirty table of the project, scanned."""
    return nanclean.scan(SAMPLES / "flats.csv", label="rented", id="id", no_config=True)


@pytest.fixture(scope="session")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The same table, cleaned."""
    output = tmp_path_factory.mktemp("cleaned") / "flats.csv"
    return nanclean.fix(SAMPLES / "flats.csv", output=output, policy=SAMPLES / "flats.toml")


@pytest.fixture(scope="session")
def wide() -> Report:
    """Ten thousand columns."""
    return reports.embeddings(9_999)

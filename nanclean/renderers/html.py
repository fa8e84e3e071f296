"""The report as one page for the browser: no network, no other file, readable without scripts and on paper."""

from __future__ import annotations

import base64
import hashlib
import html as _html
import io
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from nanclean.escaping import escaped
from nanclean.renderer import View
from nanclean.report import Report
from nanclean.wording import several

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = "_html"
_TALL = 720
"""Pixels of the page in a notebook."""


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one page with all reports; of several, an index comes first."""
    for piece in _pieces(list(reports), view):
        stream.write(piece)


def page(reports: Iterable[Report]) -> str:
    """The page as text."""
    stream = io.StringIO()
    render(reports, stream, View())
    return stream.getvalue()


def notebook(report: Report) -> str:
    """The page in a frame of its own, so that neither its styles nor its scripts reach the notebook.

    A viewer that takes frames out (GitHub's, for one) is left with the same report as text.
    """
    from nanclean.renderers.terminal import plain

    name, inside = _html.escape(escaped(report.source.path)), _html.escape(page([report]))
    return (
        f'<iframe title="nanclean report of {name}" width="100%" height="{_TALL}" frameborder="0" '
        f'sandbox="allow-scripts allow-modals" srcdoc="{inside}"></iframe>'
        f"<details><summary>the same as text</summary><pre>{_html.escape(plain(report))}</pre></details>"
    )


def _pieces(reports: list[Report], view: View) -> Iterator[str]:
    from nanclean.renderers._page import Page

    template = _environment().get_template("page.html")
    style, script = (_asset(name) for name in ("style.css", "script.js"))
    yield from template.generate(
        page=Page.of(reports, view), style=style, script=script, style_hash=_hash(style),
        script_hash=_hash(script),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """The templates. Whatever they print is spelled out where it cannot be seen, then escaped for HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from nanclean.renderers._drawing import SHADES
    from nanclean.renderers._page import toml

    environment = Environment(
        loader=PackageLoader("nanclean.renderers", _FOLDER), autoescape=True, undefined=StrictUndefined,
        finalize=_visible, trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters["toml"] = toml
    environment.globals |= {"several": several, "shades": SHADES}
    return environment


def _visible(value: Any) -> Any:
    """Text without a character that hides or moves others. What is markup already comes from a template."""
    return escaped(value) if type(value) is str else value


@cache
def _asset(name: str) -> Any:
    """A file of the package, as it goes into the page."""
    from importlib.resources import files

    from markupsafe import Markup

    return Markup((files("nanclean.renderers") / _FOLDER / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    """What a policy of content calls an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

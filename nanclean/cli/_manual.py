"""The manuals: of a part the docstring of its class, of a topic its file in `nanclean/topics/`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import resources

from nanclean import registry
from nanclean.errors import UsageError

FAMILIES = ("detectors", "fixers", "drifts")
TOPICS = "topics"
"""The folder of pages that are about no part: Markdown, of headings, paragraphs, lists and indented lines."""
GROUPS = {
    TOPICS: "What to do",
    "detectors": "Finds: columns: find",
    "fixers": "Fixes: columns: find -> fix",
    "drifts": "Drift, for compare, apply and check --against: columns: measure <= limit",
}
WIDTH = 80


def known() -> list[str]:
    """The names of all manuals: what finds, what fixes, topics."""
    return [*parts(), *topics()]


def parts() -> list[str]:
    """The names of all parts: what finds, then what fixes."""
    return [name for family in FAMILIES for name in registry.names(family)]


def topics() -> list[str]:
    """The names of all topics."""
    folder = resources.files("nanclean") / TOPICS
    return sorted(file.name.removesuffix(".md") for file in folder.iterdir() if file.name.endswith(".md"))


def overview() -> dict[str, list[tuple[str, str]]]:
    """Every manual and its first sentence, by what it is about."""
    groups = {GROUPS[TOPICS]: [(name, topic(name).partition("\n")[0].lstrip("# ")) for name in topics()]}
    for family in FAMILIES:
        names = registry.names(family)
        groups[GROUPS[family]] = [(name, next(paragraphs(name)).removeprefix(f"{name}: ")) for name in names]
    return groups


def manual(name: str) -> str:
    """The manual of this name as plain text. UsageError if there is none."""
    if name in topics():
        return "\n\n".join(_plain(topic(name)))
    return "\n\n".join(textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs(name))


def topic(name: str) -> str:
    """The page of a topic, as Markdown."""
    return (resources.files("nanclean") / TOPICS / f"{name}.md").read_text(encoding="utf-8")


def paragraphs(name: str) -> Iterator[str]:
    """The manual of a part, its name in front. UsageError if there is no such part."""
    if name not in parts():
        nearest = registry.nearest(name, known())
        hint = f"did you mean: nanclean explain {nearest}" if nearest else f"there are: {', '.join(known())}"
        raise UsageError(f"there is no rule {name!r}", hint=hint)
    text = inspect.cleandoc(part(name).__doc__ or "")
    yield from (" ".join(paragraph.split()) for paragraph in f"{name}: {text}".split("\n\n"))


def part(name: str) -> type:
    """The class of a part."""
    family = next(family for family in FAMILIES if name in registry.names(family))
    module = registry.module(family, name)
    return next(
        thing for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and vars(thing).get("name") == name
    )  # fmt: skip


def _plain(page: str) -> Iterator[str]:
    """The blocks of a topic, filled. Lines that are indented are to be typed, and stay as they are."""
    for block in re.split(r"\n{2,}", page.strip("\n")):
        if block.startswith("    "):
            yield block
        elif block.startswith("- "):
            items = re.split(r"\n(?=- )", block)
            yield "\n".join(_filled(item, "  ") for item in items)
        else:
            yield _filled(block.lstrip("# ") if block.startswith("#") else block, "")


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(
        " ".join(text.replace("`", "").split()),
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )

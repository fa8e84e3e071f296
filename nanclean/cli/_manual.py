"""The manuals of the parts: the docstrings of their classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from nanclean import registry
from nanclean.errors import UsageError

FAMILIES = ("detectors", "fixers")


def overview() -> list[tuple[str, str]]:
    """Every part, and the first sentence of its manual."""
    return [(name, next(paragraphs(name)).removeprefix(f"{name}: ")) for name in _known()]


def paragraphs(name: str) -> Iterator[str]:
    """The manual of a part, its name in front. UsageError if there is no such part."""
    known = _known()
    if name not in known:
        nearest = registry.nearest(name, known)
        hint = f"did you mean: nanclean explain {nearest}" if nearest else f"there are: {', '.join(known)}"
        raise UsageError(f"there is no rule {name!r}", hint=hint)
    manual = inspect.cleandoc(_part(name).__doc__ or "")
    yield from (" ".join(paragraph.split()) for paragraph in f"{name}: {manual}".split("\n\n"))


def _known() -> list[str]:
    """The names of all parts: what finds, then what fixes."""
    return [name for family in FAMILIES for name in registry.names(family)]


def _part(name: str) -> type:
    family = next(family for family in FAMILIES if name in registry.names(family))
    module = registry.module(family, name)
    return next(
        thing for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and vars(thing).get("name") == name
    )  # fmt: skip

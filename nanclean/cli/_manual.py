"""The manuals of the parts: the docstrings of their classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from nanclean import registry
from nanclean.errors import UsageError

FAMILY = "detectors"


def overview() -> list[tuple[str, str]]:
    """Every part, and the first sentence of its manual."""
    return [(name, next(paragraphs(name)).removeprefix(f"{name}: ")) for name in registry.names(FAMILY)]


def paragraphs(name: str) -> Iterator[str]:
    """The manual of a part, its name in front. UsageError if there is no such part."""
    known = registry.names(FAMILY)
    if name not in known:
        nearest = registry.nearest(name, known)
        hint = f"did you mean: nanclean explain {nearest}" if nearest else f"there are: {', '.join(known)}"
        raise UsageError(f"there is no rule {name!r}", hint=hint)
    manual = inspect.cleandoc(_part(name).__doc__ or "")
    yield from (" ".join(paragraph.split()) for paragraph in f"{name}: {manual}".split("\n\n"))


def _part(name: str) -> type:
    module = registry.module(FAMILY, name)
    return next(
        thing for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and vars(thing).get("name") == name
    )  # fmt: skip

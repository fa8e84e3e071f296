"""The members of a family: the modules of its folder, each imported only when it is named."""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType


@cache
def names(family: str) -> tuple[str, ...]:
    """The public members of a family, sorted: `names("detectors")`. Nothing of them is imported."""
    package = import_module(f"nanclean.{family}")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


def module(family: str, name: str) -> ModuleType:
    """The module of one member. KeyError if there is none of this name."""
    if name not in names(family):
        raise KeyError(name)
    return import_module(f"nanclean.{family}.{name}")


def nearest(name: str, known: tuple[str, ...] | list[str]) -> str | None:
    """The known name that was most likely meant."""
    folded = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None

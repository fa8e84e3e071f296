"""Find what will turn a loss into NaN, in the file, before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanclean.api import check as check
    from nanclean.api import scan as scan
    from nanclean.errors import InputError as InputError
    from nanclean.errors import NancleanError as NancleanError
    from nanclean.errors import OutputError as OutputError
    from nanclean.errors import PolicyError as PolicyError
    from nanclean.errors import UsageError as UsageError
    from nanclean.policy import Policy as Policy
    from nanclean.report import Report as Report

_HOMES = {
    "scan": "api", "check": "api", "Policy": "policy", "Report": "report", "NancleanError": "errors",
    "UsageError": "errors", "PolicyError": "errors", "InputError": "errors", "OutputError": "errors",
}  # fmt: skip

__all__ = [
    "InputError",
    "NancleanError",
    "OutputError",
    "Policy",
    "PolicyError",
    "Report",
    "UsageError",
    "check",
    "scan",
]


def __getattr__(name: str) -> Any:
    """The public names are imported when they are used: `nanclean --version` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nanclean' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nanclean.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

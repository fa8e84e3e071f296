"""Find what will turn a loss into NaN, in the file, before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanclean.api import apply as apply
    from nanclean.api import check as check
    from nanclean.api import compare as compare
    from nanclean.api import fit as fit
    from nanclean.api import fix as fix
    from nanclean.api import scan as scan
    from nanclean.errors import BudgetError as BudgetError
    from nanclean.errors import EngineError as EngineError
    from nanclean.errors import InputError as InputError
    from nanclean.errors import NancleanError as NancleanError
    from nanclean.errors import OutputError as OutputError
    from nanclean.errors import PolicyError as PolicyError
    from nanclean.errors import RecipeError as RecipeError
    from nanclean.errors import RuleError as RuleError
    from nanclean.errors import UsageError as UsageError
    from nanclean.errors import VerificationError as VerificationError
    from nanclean.policy import Policy as Policy
    from nanclean.recipe import Recipe as Recipe
    from nanclean.report import Report as Report

_HOMES = {
    "scan": "api", "check": "api", "compare": "api", "fix": "api", "fit": "api", "apply": "api",
    "Policy": "policy", "Recipe": "recipe", "Report": "report", "NancleanError": "errors",
    "EngineError": "errors", "UsageError": "errors", "PolicyError": "errors", "RecipeError": "errors",
    "InputError": "errors", "OutputError": "errors", "RuleError": "errors", "BudgetError": "errors",
    "VerificationError": "errors",
}  # fmt: skip

__all__ = [
    "BudgetError",
    "EngineError",
    "InputError",
    "NancleanError",
    "OutputError",
    "Policy",
    "PolicyError",
    "Recipe",
    "RecipeError",
    "Report",
    "RuleError",
    "UsageError",
    "VerificationError",
    "apply",
    "check",
    "compare",
    "fit",
    "fix",
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

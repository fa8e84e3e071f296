"""How data differ from what a recipe was fitted on: columns, types, categories, missing cells, training rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from nanclean.cleaning import Outcome
from nanclean.detector import Severity
from nanclean.finding import Finding
from nanclean.profile import Profile
from nanclean.recipe import Recipe, TrainedColumn
from nanclean.statistics import Figures
from nanclean.wording import listed, several, shown

FAR = 0.05
"""Missing rates that differ by more than this, and by more than chance, are far from each other."""
CHANCE = 4.0
"""Standard errors: of a million healthy columns some sixty differ by more."""
BULK = 0.05
"""The share of training rows from which on they did not get there by chance."""
FEWEST = 5
"""Rows that are too few to speak of."""


def drift(
    recipe: Recipe,
    names: Sequence[str],
    types: Sequence[str],
    figures: Mapping[str, Figures],
    profile: Profile,
    outcome: Outcome,
    values: bool = True,
) -> list[Finding]:
    """What a recipe has not seen in its training data. Without `values` no value is named."""
    return [
        *_columns(recipe, names),
        *_types(recipe, names, types),
        *_categories(recipe, names, profile, values),
        *_missing(recipe, names, figures),
        *_training_rows(outcome),
    ]


def _finding(
    rule: str, severity: Severity, message: str, column: str | None = None, hint: str | None = None, **more: object
) -> Finding:
    return Finding(
        rule=rule,
        rule_text=rule,
        severity=severity,
        column=column,
        message=message,
        hint=hint,
        **more,  # type: ignore[arg-type]
    )


def _columns(recipe: Recipe, names: Sequence[str]) -> Iterator[Finding]:
    known = recipe.by_name
    removed = {step.column for step in recipe.steps if step.fix is not None and step.fix.removes}
    for name in known:
        if name not in names and name not in removed:
            role = known[name].role
            severity: Severity = "info" if role == "label" else "warning"
            yield _finding("missing_column", severity, "is not here, and was in the training data", name)
    for name in names:
        if name not in known:
            yield _finding("new_column", "info", "was not in the training data; no rule touches it", name)


def _types(recipe: Recipe, names: Sequence[str], types: Sequence[str]) -> Iterator[Finding]:
    for name, type_ in zip(names, types, strict=True):
        trained = recipe.column(name)
        if trained is not None and trained.type != type_:
            yield _finding(
                "changed_type", "warning", f"is {type_} here, and was {trained.type} in the training data", name
            )


def _categories(recipe: Recipe, names: Sequence[str], profile: Profile, values: bool) -> Iterator[Finding]:
    for i, name in enumerate(names):
        trained = recipe.column(name)
        counts = getattr(profile.columns[i], "counts", None)
        if trained is None or trained.categories is None:
            continue
        if counts is None:
            yield _finding("unseen_category", "warning", "has more than 1,000 different values here", name)
            continue
        known = set(trained.categories)
        unseen = sorted((key for key in map(str, counts) if key not in known), key=lambda key: (-counts[key], key))
        if unseen:
            cells = sum(counts[key] for key in unseen)
            told = ": " + listed([f'"{shown(key)}"' for key in unseen], 3) if values else ""
            what = several(len(unseen), "category", "categories")
            yield _finding(
                "unseen_category", "warning",
                f"{several(cells, 'cell')} of {what} that the training data do not have{told}",
                name, count=cells, of=sum(counts.values()), share=cells / max(sum(counts.values()), 1),
            )  # fmt: skip


def _missing(recipe: Recipe, names: Sequence[str], figures: Mapping[str, Figures]) -> Iterator[Finding]:
    for name in names:
        trained, now = recipe.column(name), figures[name]
        if trained is None or trained.missing is None or not now["count"]:
            continue
        rate = now["missing"] / now["count"]
        if abs(rate - trained.missing) > FAR and _beyond_chance(trained, recipe.rows, now["missing"], now["count"]):
            yield _finding(
                "missing_rate", "warning",
                f"{rate:.1%} of the cells are missing here, {trained.missing:.1%} in the training data",
                name, count=now["missing"], of=now["count"], share=rate,
            )  # fmt: skip


def _beyond_chance(trained: TrainedColumn, rows: int, missing: int, count: int) -> bool:
    """Whether two shares differ by more than four standard errors of their difference."""
    assert trained.missing is not None
    pooled = (trained.missing * rows + missing) / max(rows + count, 1)
    error = math.sqrt(pooled * (1 - pooled) * (1 / max(rows, 1) + 1 / count))
    return abs(missing / count - trained.missing) > CHANCE * error


def _training_rows(outcome: Outcome) -> Iterator[Finding]:
    overlap = outcome.overlap
    if overlap is None or overlap.found < FEWEST or overlap.found < BULK * overlap.looked:
        return
    share = overlap.found / overlap.looked
    about = "" if overlap.complete else "about "
    yield _finding(
        "training_rows", "warning",
        f"{about}{share:.1%} of the rows are rows of the training data: what is measured here is too good to be true",
        None, "drop them, or split the data anew before the recipe is fitted",
        count=overlap.found, of=overlap.looked, share=share,
    )  # fmt: skip

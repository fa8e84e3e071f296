"""What is known of the columns of a dataset, to compare it with another: from a recipe, from a report, from a scan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nanclean.detector import NUMBERS
from nanclean.drift import DECILES, Bins, Known
from nanclean.policy import Policy
from nanclean.profile import Profile
from nanclean.reading import Reading
from nanclean.recipe import Recipe, TrainedColumn
from nanclean.report import Column, Report
from nanclean.rule import Spelling
from nanclean.statistics import Figures, Statistics

HELD = 2**63
"""Integers beyond this are not written to a recipe."""
COARSE = 10
"""The bins of a report's histogram are put together until each holds at least one of so many parts."""


def of_scan(figures: Figures, statistics: Statistics) -> Known:
    """Of a column that was measured, with the quantiles in `drift.DECILES`."""
    counts = _counts(statistics)
    type_ = figures["type"]
    numeric = type_ in NUMBERS
    return Known(
        name=figures["name"],
        type=type_,
        role=figures["role"],
        cells=figures["count"],
        missing=figures["missing"],
        infinite=_infinite(figures),
        finite=figures["finite"],
        min=figures["min"] if numeric else None,
        max=figures["max"] if numeric else None,
        mean=figures["mean"],
        std=figures["std"],
        categories=_recurring(type_, counts),
        counts=counts,
        many=type_ == "text" and counts is None,
        bins=_bins(figures) if numeric else None,
    )


def _infinite(figures: Figures) -> int | None:
    return None if figures["pos_inf"] is None else figures["pos_inf"] + (figures["neg_inf"] or 0)


def _counts(statistics: Statistics) -> dict[str, int] | None:
    counts: Mapping[Any, int] | None = getattr(statistics, "counts", None)
    if counts is None or getattr(statistics, "type", None) not in ("text", "boolean"):
        return None
    return {str(key): counts[key] for key in counts}


def _recurring(type_: str, counts: Mapping[str, int] | None) -> frozenset[str] | None:
    """The different values of a column of text, where they come again."""
    if type_ != "text" or not counts or sum(counts.values()) < 2 * len(counts):
        return None
    return frozenset(counts)


def _bins(figures: Figures) -> Bins | None:
    """Those that end at the deciles."""
    if not figures["finite"]:
        return None
    quantiles = figures["quantiles"]
    if any(quantiles.get(q) is None for q in DECILES):
        return None
    upto = {quantiles[q]: figures["ranks"][q] for q in DECILES if quantiles[q] < figures["max"]}
    edges = sorted(upto)
    return Bins(tuple(edges), _between([upto[edge] for edge in edges], figures["finite"]))


def _between(ranks: list[int], n: int) -> tuple[int, ...]:
    return tuple(b - a for a, b in zip([0, *ranks], [*ranks, n], strict=True))


def counted(bins: Bins, ranks: Mapping[int | float, int], n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The counts in some bins, and those of another column in the same ones, by the ranks of their edges."""
    return bins.counts, _between([ranks[edge] for edge in bins.edges], n)


# --- recipes

READ_AS_TRAINED = frozenset({"float", "text", "boolean", "time"})
"""Types that the text of a later file is read as. Integers are not among them: it may hold fractions."""
ALIKE = frozenset({("integer", "float")})
"""What a column looks like, and what it was in training, where that is the same to every rule."""


def as_trained(policy: Policy, recipe: Recipe, names: Sequence[str]) -> Policy:
    """Text is read as what it was in the training data: a column of a small file may look like something else."""
    types = {column.name: column.type for column in recipe.columns if column.type in READ_AS_TRAINED}
    columns = {name: replace(policy.columns.get(name, Spelling()), type=types[name]) for name in names if name in types}
    return replace(policy, columns={**policy.columns, **columns})


def types_found(recipe: Recipe, names: Sequence[str], reading: Reading, profile: Profile) -> list[str]:
    """What the columns are, whatever they were read as; one without any value is what it was in training."""
    found = list(reading.types)
    if not reading.lexical:
        return found
    for i, name in enumerate(names):
        trained, classes = recipe.column(name), profile.classes.get(i)
        if trained is None or classes is None:
            continue
        like = not classes.counted or trained.type == "text" or (classes.settle(), trained.type) in ALIKE
        found[i] = trained.type if like else classes.settle()
    return found


def trained(known: Known, dtype: str | None, blank: str) -> TrainedColumn:
    """The column as a recipe remembers it."""
    names = sorted(known.categories or ())
    bins = known.bins
    return TrainedColumn(
        name=known.name,
        type=known.type,
        dtype=dtype,
        role=known.role,  # type: ignore[arg-type]
        missing=known.missing / known.cells if known.cells and known.missing is not None else None,
        blank=blank,
        categories=None if known.categories is None else names,
        category_counts=None if known.categories is None or known.counts is None else [known.counts[k] for k in names],
        count=known.cells,
        infinite=known.infinite,
        min=_held(known.min),
        max=_held(known.max),
        mean=known.mean,
        std=known.std,
        edges=None if bins is None else list(bins.edges),
        edge_counts=None if bins is None else list(bins.counts),
    )


def _held(value: int | float | None) -> int | float | None:
    return None if isinstance(value, int) and abs(value) >= HELD else value


def of_recipe(recipe: Recipe) -> dict[str, Known]:
    """The columns that a recipe was fitted on. Those of older recipes know no figures."""
    return {column.name: _of_trained(column, recipe.rows) for column in recipe.columns}


def _of_trained(column: TrainedColumn, rows: int) -> Known:
    cells = rows if column.count is None else column.count
    edges, edge_counts, names, counts = column.edges, column.edge_counts, column.categories, column.category_counts
    return Known(
        name=column.name,
        type=column.type,
        role=column.role,
        cells=cells,
        missing=None if column.missing is None else round(column.missing * cells),
        infinite=column.infinite,
        finite=None if edge_counts is None else sum(edge_counts),
        min=column.min,
        max=column.max,
        mean=column.mean,
        std=column.std,
        categories=None if names is None else frozenset(names),
        counts=None if names is None or counts is None else dict(zip(names, counts, strict=True)),
        bins=None if edges is None or edge_counts is None else Bins(tuple(edges), tuple(edge_counts)),
    )


# --- reports


def of_report(report: Report) -> dict[str, Known]:
    """The columns of a report, as far as it tells: of text the values while they are ten at most."""
    return {column.name: _of_reported(column) for column in report.columns}


def _of_reported(column: Column) -> Known:
    numeric = column.type in NUMBERS
    fine = _fine(column) if numeric else None
    counts = None
    if column.type in ("text", "boolean") and column.top is not None and column.distinct == len(column.top):
        counts = {str(value): count for value, count in column.top}
    return Known(
        name=column.name,
        type=column.type,
        role=column.role or "feature",
        cells=column.count,
        missing=column.missing,
        infinite=None if column.pos_inf is None else column.pos_inf + (column.neg_inf or 0),
        finite=column.finite,
        min=column.min if numeric and not isinstance(column.min, str) else None,
        max=column.max if numeric and not isinstance(column.max, str) else None,
        mean=column.mean,
        std=column.std,
        categories=_recurring(column.type, counts),
        counts=counts,
        many=column.type == "text" and column.distinct is None and column.constant is not None,
        bins=None if fine is None else coarse(fine),
        fine=fine,
    )


def _fine(column: Column) -> Bins | None:
    """The bins of a histogram, closed where all others are.

    Those of the report hold what is at least one edge and below the next, and its last edge closes them.
    """
    histogram = column.histogram
    if histogram is None or len(histogram.counts) != len(histogram.edges) + 1 or not column.finite:
        return None
    if any(edge is None for edge in histogram.edges):
        return None
    *inner, last = (float(edge) for edge in histogram.edges if edge is not None)
    ends = [math.nextafter(edge, -math.inf) for edge in inner] + [last]
    if sorted(set(ends)) != ends:
        return None
    return Bins(tuple(ends), tuple(histogram.counts))


def coarse(fine: Bins) -> Bins:
    """Some ten bins of about the same weight, none of them empty."""
    n = sum(fine.counts)
    edges: list[int | float] = []
    counts = [0]
    for edge, count in zip(fine.edges, fine.counts, strict=False):
        counts[-1] += count
        if counts[-1] * COARSE >= n:
            edges.append(edge)
            counts.append(0)
    counts[-1] += fine.counts[-1]
    if edges and counts[-1] * 2 * COARSE < n:  # the rest of the last tenth is no bin of its own
        edges.pop()
        counts[-2:] = [sum(counts[-2:])]
    return Bins(tuple(edges), tuple(counts))

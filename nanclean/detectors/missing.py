"""Cells without a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask
from nanclean.detector import Detector, Figures, Hits, Severity, Telling, copied
from nanclean.wording import listed, percent, quoted, shown

ARRAYS = frozenset({"npy", "array"})
"""Formats without another way to say "missing", so that NaN is what somebody computed."""
REST = {
    "integer": "impute(median)",
    "float": "impute(median)",
    "boolean": "impute(mode)",
    "text": "impute(mode)",
}


@dataclass(frozen=True)
class Missing(Detector):
    """Cells that are null, NaN, empty, or a text that stands for "missing" such as NA.

    The four are counted apart, and together they are what is missing.

    Why it matters: NaN survives every sum, product and relu. One such cell makes the loss NaN in the first step,
    and after one step of the optimiser every parameter. Trees (XGBoost, LightGBM, CatBoost) can use missing cells;
    most of scikit-learn refuses them.

    Beware: it knows spellings and not meanings. A -999, a 99 or a 0 that stands for "missing" is a number to it:
    see standin, or declare it with `missing = ["-999"]`.
    """

    name: ClassVar[str] = "missing"
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    finite: ClassVar[bool] = False
    counts: ClassVar[tuple[str, ...]] = ("missing",)
    absent: ClassVar[bool] = True
    example: ClassVar[str] = "missing"

    def counted(self, figures: Figures) -> int | None:
        lists = figures["type"].startswith("list") and figures["missing_rows"]
        return None if lists else super().counted(figures)

    def touches(self, column: Column) -> bool:
        return column.missing is not None or column.empty_rows is not None

    def mask(self, column: Column) -> Mask:
        return copied(column.missing, column)

    def rows(self, column: Column) -> Mask | None:
        return column.empty_rows

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling:
        count, of = figures["missing"] or hits.count, figures["count"]
        message = f"{count:,} of {of:,} cells ({percent(count, of)}){_kinds(figures, values)}"
        if figures["type"].startswith("list") and (lists := figures["missing_rows"]):
            told = f"{lists:,} null {'list' if lists == 1 else 'lists'}"
            message = f"{message}; {told}" if figures["missing"] else told
        return Telling(message, _hint(figures), _severity(figures))


def _severity(figures: Figures) -> Severity | None:
    """NaN in a floating array is an error. Of a column without any value, all_missing says it."""
    if figures["count"] and figures["missing"] == figures["count"]:
        return "info"
    array = figures.get("format") in ARRAYS or figures["type"].startswith("list")
    return "error" if array and figures["nan"] else None


def _kinds(figures: Figures, values: bool) -> str:
    """`, all written "NA"`, or `: 3 null, 2 NaN and 1 written "?"`."""
    kinds = [(figures["null"], "null"), (figures["nan"], "NaN"), (figures["empty"], "empty")]
    tokens = sorted(figures["tokens"].items(), key=lambda token: (-token[1], token[0]))
    if values:
        kinds += [(count, f'written "{shown(token)}"') for token, count in tokens]
    else:
        kinds.append((figures["token"], "written as text"))
    kinds = [kind for kind in kinds if kind[0]]
    if len(kinds) <= 1:
        return "".join(f", all {kind}" for _, kind in kinds)
    return ": " + listed([f"{count:,} {kind}" for count, kind in kinds])


def _hint(figures: Figures) -> str | None:
    column = quoted(figures["name"])
    if figures.get("role") == "id":
        return None
    if figures.get("role") == "label":
        return f"{column}: missing -> drop"
    if 2 * figures["missing"] > figures["count"]:
        return f"{column}: missing -> drop_column"
    return f"{column}: missing -> {REST.get(figures['type'], 'drop')}"

"""Numbers that are written so that they read as text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from nanclean.column import Column, Mask
from nanclean.detector import Detector, Figures, Hits, Severity, Telling, spelled
from nanclean.detectors._spelling import candidates, dressed, in_clothes
from nanclean.wording import listed, percent

ENOUGH = 3
"""Cells; fewer are a coincidence."""


@dataclass(frozen=True)
class Decimal(Detector):
    """Numbers in a text column with a decimal comma, a thousands mark, a per cent sign, a currency or a unit.

    1,5 and 1,500 and 5% and $5 and 7.5 kg, where such cells and plain numbers are at least 19 of 20 values.

    Why it matters: the column is one of numbers, and no library reads it so. It ends up as text, as thousands of
    categories, or as missing: and 1,500 read with the wrong convention is 1.5.

    Beware: it goes by spelling. Whether 1,500 is one and a half or one thousand five hundred only the author knows,
    and pairs such as 1,2 look like a decimal comma. Read the file with `--decimal ,` where that is what it is.
    """

    name: ClassVar[str] = "decimal"
    applies: ClassVar[frozenset[str]] = frozenset({"text"})
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "decimal"

    def touches(self, column: Column) -> bool:
        return bool(candidates(column).size)

    def mask(self, column: Column) -> Mask:
        return in_clothes(column)

    def tell(self, figures: Figures, hits: Hits, values: bool = True) -> Telling | None:
        there = figures["count"] - figures["missing"]
        classes = figures["classes"] or {}
        plain = sum(classes.get(kind, 0) for kind in ("integer", "decimal", "infinite"))
        tokens = min(classes.get("wide", 0), there)
        if hits.count < ENOUGH or 20 * (hits.count + plain) < 19 * (there - tokens):
            return None
        worn = [kind for kind, _ in Counter(filter(None, map(_dressed, hits.values))).most_common()]
        message = f"{percent(hits.count, there)} of the values are numbers with {_article(worn)}"
        comma = worn[:1] == ["decimal comma"]
        if comma and _may_be_thousands(hits.values):
            message = f"{percent(hits.count, there)} of the values are numbers with a decimal comma or a thousands mark"
            return Telling(message + spelled(hits, values, quotes=True), "only who wrote it knows; write plain numbers")
        hint = "read it with --decimal ," if comma else "written so it stays text; write plain numbers"
        return Telling(message + spelled(hits, values, quotes=True), hint)


def _dressed(value: object) -> str | None:
    return dressed(value) if isinstance(value, str) else None


THOUSANDS = re.compile(r"[ \t]*[+-]?[0-9]{1,3}(,[0-9]{3})+[ \t]*")


def _may_be_thousands(values: tuple[object, ...]) -> bool:
    """Three digits behind every comma: 1,234 may be one thousand and more."""
    return any(
        isinstance(value, str) and THOUSANDS.fullmatch(value) and value.count(",") > 1 for value in values
    ) or all(isinstance(value, str) and THOUSANDS.fullmatch(value) for value in values)


def _article(worn: list[str]) -> str:
    return listed([kind if kind == "%" else f"a {kind}" for kind in worn]) or "a mark, a sign or a unit"

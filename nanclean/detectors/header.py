"""Headers that are data, and data that is a header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict
from nanclean.detectors._spelling import dressed
from nanclean.wording import listed, quoted, shown

if TYPE_CHECKING:
    from nanclean.format import Facts

NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")
TOKENS = frozenset({"?", "na", "n/a", "nan", "null", "none", "-", "--", ".", "#n/a"})


@dataclass(frozen=True)
class Header(Detector):
    """A first line that looks like data, or a second one that looks like a header (names again, units, types).

    The first: every numeric column has a number for a name, and no column of text has a name that is not one of
    its values. The second: in two columns of numbers or more the first record is a word, and in none is it a number.

    Why it matters: a header that is data is a row lost and columns with names such as 38.50. A header among the data
    makes its columns text for every reader that is less patient.

    Beware: years and wavelengths are good names. Names that are whole numbers or evenly spaced, and only grow, are
    taken for such.
    """

    name: ClassVar[str] = "header"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("type", "top", "classes", "distinct", "count", "missing", "unparsable")
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "header"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        if facts.header is None:
            return
        cells = [cell.strip() for cell in facts.header]
        if len(cells) == len(columns) and _is_data(cells, columns):
            example = [f'"{shown(cell)}"' for cell in cells if NUMBER.fullmatch(cell)][:3]
            message = "line 1 looks like data, not like names" + (f": {listed(example)}" if values else "")
            yield Verdict(None, message, "read it with --no-header", 1, facts.rows)
        first = [(cell or "").strip() for cell in facts.first or ()]
        if len(first) == len(columns) and _is_header(first, cells, columns):
            example = [f'"{shown(cell)}"' for cell in dict.fromkeys(first) if cell][:3]
            message = "the first row looks like a second header" + (f": {listed(example)}" if values else "")
            yield Verdict(None, message, _dropping(first, columns), 1, facts.rows, (0,))


def _is_data(cells: Sequence[str], columns: Sequence[Figures]) -> bool:
    """Line 1 is a record."""
    numeric = [cell for cell, figures in zip(cells, columns, strict=True) if cell and _numeric(figures)]
    numbers = [cell for cell in numeric if NUMBER.fullmatch(cell)]
    if not numbers or any(not _like_data(cell) for cell in numeric) or _are_names(numbers):
        return False
    texts = [(cell, figures) for cell, figures in zip(cells, columns, strict=True) if cell and _is_text(figures)]
    known = [any(str(value) == cell for value, _ in figures["top"]) for cell, figures in texts if _few(figures)]
    if not all(known):
        return False
    return bool(known) or not texts or len(numbers) > 2 or any(set(".,eE") & set(cell) for cell in numbers)


def _is_header(first: Sequence[str], names: Sequence[str], columns: Sequence[Figures]) -> bool:
    """The first record is a header."""
    if any(first) and list(first) == list(names):
        return True
    above_numbers = [(cell, figures) for cell, figures in zip(first, columns, strict=True) if cell and _mostly(figures)]
    return len(above_numbers) >= 2 and all(_is_heading(cell, figures) for cell, figures in above_numbers)


def _is_heading(cell: str, figures: Figures) -> bool:
    """No number in any clothes, and nowhere else in its column."""
    again = any(str(value).strip() == cell and count > 1 for value, count in figures["top"] or ())
    return not _like_data(cell) and dressed(cell) is None and not again


def _dropping(first: Sequence[str], columns: Sequence[Figures]) -> str | None:
    """The rule that takes it out, where a numeric column tells it from the others."""
    telling = [
        quoted(figures["name"])
        for cell, figures in zip(first, columns, strict=True)
        if cell and figures["type"] in ("integer", "float") and figures["unparsable"] == 1 and not _like_data(cell)
    ]
    return f"{min(telling, key=len)}: unparsable -> drop" if telling else None


def _numeric(figures: Figures) -> bool:
    """A column of numbers, with a cell at most that is none."""
    if figures["type"] in ("integer", "float"):
        return bool(figures["count"] > figures["missing"])
    classes = figures["classes"] or {}
    numbers = sum(classes.get(kind, 0) for kind in ("integer", "decimal", "infinite"))
    return bool(figures["type"] == "text" and numbers >= 2 and figures["count"] - figures["missing"] - numbers <= 1)


def _mostly(figures: Figures) -> bool:
    """A column that is about numbers, however they are written."""
    if figures["type"] != "text":
        return _numeric(figures)
    classes = figures["classes"] or {}
    numbers = sum(classes.get(kind, 0) for kind in ("integer", "decimal", "infinite"))
    top = figures["top"] or ()
    in_clothes = sum(count for value, count in top if dressed(str(value)) is not None)
    there = max(figures["count"] - figures["missing"], 1)
    return bool(2 * numbers >= there or 0 < 4 * sum(count for _, count in top) <= 5 * in_clothes)


def _is_text(figures: Figures) -> bool:
    return bool(figures["type"] == "text") and not _numeric(figures)


def _few(figures: Figures) -> bool:
    """All different values of a column are in its top list, so that a name can be looked up."""
    return bool(figures["top"]) and figures["distinct"] is not None and figures["distinct"] <= len(figures["top"])


def _like_data(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell)) or cell.lower() in TOKENS


def _are_names(numbers: Sequence[str]) -> bool:
    """0, 1, 2 or years or wavelengths: they grow, and are whole or evenly spaced."""
    values = [float(number.replace(",", ".")) for number in numbers]
    steps = [after - before for before, after in pairwise(values)]
    if not all(step > 0 for step in steps):
        return False
    whole = all(number.isdigit() for number in numbers)
    even = len(steps) > 1 and max(steps) - min(steps) <= 1e-6 * max(map(abs, values))
    return even or (whole and (len(numbers) > 2 or all(value < 3000 for value in values)))

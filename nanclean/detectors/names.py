"""Columns that cannot be told apart by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict
from nanclean.wording import listed, quoted, several, shown

if TYPE_CHECKING:
    from nanclean.format import Facts


@dataclass(frozen=True)
class Names(Detector):
    """Header cells that are empty or stand there twice.

    nanclean calls such columns unnamed_0 and price.1, so that each can be named in a rule.

    Why it matters: a dict of columns keeps the last of two without a word; an unnamed one is often the row number
    of whoever wrote the file, which a model learns by heart.

    Beware: it reads the header only. Two names that differ in case or blanks are two names.
    """

    name: ClassVar[str] = "names"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "names"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        header = [cell.strip() for cell in facts.header or ()]
        times = Counter(header)
        empty = times.pop("", 0)
        repeated = sum(count for count in times.values() if count > 1)
        if not empty + repeated:
            return
        said = []
        if empty:
            said.append(f"{several(empty, 'column has', 'columns have')} no name")
        if repeated:
            twice = [quoted(shown(name)) for name, count in times.items() if count > 1]
            said.append(f"{repeated:,} columns share a name: {listed(twice)}")
        called = [
            quoted(figures["name"])
            for cell, figures in zip(header, columns, strict=False)
            if (not cell or times[cell] > 1) and cell != figures["name"]
        ]
        evidence = f"\nHere they are called {listed(called)}." if called else ""
        yield Verdict(None, ", ".join(said) + evidence, None, empty + repeated, len(header))

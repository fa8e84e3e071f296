"""What is wrong with a policy and with options: collected while reading goes on, raised together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nanclean.errors import PolicyError, TableError

A = TypeVar("A")
T = TypeVar("T")

MOST_TOLD = 50
"""Mistakes in one message."""


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong, and where."""

    said: str
    where: str | None = None
    """`nanclean.toml:7`, or `--rule 'price: mising'`."""
    key: str | None = None
    hint: str | None = None
    of_table: bool = False
    """It is one for this table only: a column that it does not have."""

    @property
    def line(self) -> float:
        """Its line in a file; infinite where there is none."""
        number = (self.where or "").rpartition(":")[2]
        return int(number) if number.isdecimal() else math.inf

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.key, self.said)))


class Mistakes:
    """A list that mistakes are written on."""

    def __init__(self, known: Sequence[Mistake] = ()) -> None:
        self.all = list(known)

    def add(
        self,
        said: str,
        where: str | None = None,
        key: str | None = None,
        hint: str | None = None,
        *,
        of_table: bool = False,
    ) -> None:
        """Write one down."""
        self.all.append(Mistake(said, where, key, hint, of_table))

    def held(self, read: Callable[[A], T], given: A, where: str | None, key: str | None = None) -> T | None:
        """What `read` makes of something; None, and a mistake on the list, if it raises PolicyError."""
        try:
            return read(given)
        except PolicyError as error:
            self.add(error.message, where, key, error.hint)
            return None

    def demand(self) -> None:
        """Raise all of them in one PolicyError, a line each, if there are any; those of a file in its order.

        A TableError where another table may be without them.
        """
        if self.all:
            different = sorted(dict.fromkeys(self.all), key=lambda mistake: mistake.line)
            hints = list(dict.fromkeys(mistake.hint for mistake in different if mistake.hint))
            lines = list(map(str, different[:MOST_TOLD]))
            if len(different) > MOST_TOLD:
                lines.append(f"and {len(different) - MOST_TOLD:,} more")
            kind = TableError if all(mistake.of_table for mistake in different) else PolicyError
            raise kind("\n".join(lines), hint=hints[0] if len(hints) == 1 else None)

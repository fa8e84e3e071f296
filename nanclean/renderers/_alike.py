"""Which columns share a card: those that differ in a number of their name, or, of very many, in their name only."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from nanclean.report import Column

FEW = 40
"""So many columns have a card each."""
_RUN = 4
"""So many columns that are alike share one."""
_DIGITS = re.compile(r"\d+")

Rules = Mapping[str, tuple[str, ...]]
"""By column: the rules that found something there."""


@dataclass(frozen=True)
class Group:
    """One card."""

    columns: tuple[Column, ...]
    rules: tuple[str, ...]
    """What was found in them, the same in all; of one that holds the rest, nothing."""

    @property
    def first(self) -> Column:
        return self.columns[0]


def groups(columns: Sequence[Column], rules: Rules, most: int) -> list[Group]:
    """The cards of a table, in the order of their first columns, about `most` of them at the most."""

    def found(column: Column) -> tuple[str, ...]:
        return rules.get(column.name, ())

    def numbered(column: Column) -> Hashable:
        name = _DIGITS.sub("0", column.name[:200])
        return name, column.type, column.role, found(column), bool(column.constant)

    def typed(column: Column) -> Hashable:
        return column.type, column.role, found(column), bool(column.constant), bool(column.missing)

    made = [Group((column,), found(column)) for column in columns]
    if len(columns) > min(FEW, most):
        made = _joined(made, numbered, _RUN)
    if len(made) > most:
        made = _joined(made, typed, _RUN)
    if len(made) > most:  # what is left is too different: the calm ones of each type together
        made = _rest(made, most)
    return made


def _joined(made: Sequence[Group], key: Callable[[Column], Hashable], run: int) -> list[Group]:
    together: dict[Hashable, list[Group]] = {}
    for group in made:
        together.setdefault(key(group.first), []).append(group)
    joined: list[Group] = []
    for same in together.values():
        columns = tuple(column for group in same for column in group.columns)
        joined += [Group(columns, same[0].rules)] if len(columns) >= run else same
    order = {column.name: n for n, column in enumerate(column for group in made for column in group.columns)}
    return sorted(joined, key=lambda group: order[group.first.name])


def _rest(made: Sequence[Group], most: int) -> list[Group]:
    kept = sorted(range(len(made)), key=lambda n: (not made[n].rules, n))[: max(0, most)]
    stay = set(kept)
    own = [group for n, group in enumerate(made) if n in stay]
    by_type: dict[str, list[Column]] = {}
    for n, group in enumerate(made):
        if n not in stay:
            by_type.setdefault(group.first.type, []).extend(group.columns)
    return own + [Group(tuple(columns), ()) for columns in by_type.values()]

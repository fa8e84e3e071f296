"""Text files of one dataset whose cells are of different kinds: numbers in one, words in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from nanclean.dataset import Dataset, DatasetSplit
from nanclean.engine import share
from nanclean.format import Difference, Split
from nanclean.lexical import Classes
from nanclean.pipeline import Table, looked
from nanclean.reading import Reading

KINDS = {"integer": "numbers", "float": "numbers"}
"""Integers in one text file and decimals in another are the same column."""


def differences(table: Table, reading: Reading, classes: Mapping[int, Classes]) -> list[Difference]:
    """The columns whose cells alone would have another type in one file than in another.

    It takes a look at the columns that hold cells of several kinds; of all others the counts of the whole tell.
    """
    dataset = table.source
    assert isinstance(dataset, Dataset)
    mixed = [i for i, counts in sorted(classes.items()) if _is_mixed(counts)]
    if not mixed or len(dataset.members) < 2:
        return []
    found: dict[int, dict[str, tuple[str, int, str]]] = {i: {} for i in mixed}
    for number, counts in _by_file(table, reading, mixed):
        for i, each in zip(mixed, counts, strict=True):
            if not each.counted:
                continue
            type_ = each.settle()
            first, files, told = found[i].get(KINDS.get(type_, type_), (dataset.members[number].name, 0, type_))
            found[i][KINDS.get(type_, type_)] = (first, files + 1, told)
    return [each for i in mixed for each in _told(dataset.fields[i].name, found[i], reading.types[i])]


def _told(name: str, found: Mapping[str, tuple[str, int, str]], joined: str) -> Iterable[Difference]:
    if len(found) < 2:
        return
    usual = max(found.values(), key=lambda each: each[1])  # of those that are as many, the first
    for first, files, type_ in found.values():
        if first != usual[0]:
            yield Difference("cells", name, first, usual[0], files, (type_, usual[2]), joined)


def _is_mixed(counts: Classes) -> bool:
    return sum(bool(count) for count in (counts.numbers, counts["boolean"], counts["time"], counts["other"])) > 1


def _by_file(table: Table, reading: Reading, columns: Sequence[int]) -> Iterable[tuple[int, list[Classes]]]:
    """The classes of the cells of each file that has rows."""
    share(table.engine, table.source)
    found = looked(table.engine, table.source, Classifying(reading, columns), lambda split: None)
    table.passes += 1
    return sorted(found.items())


@dataclass(frozen=True)
class Classifying:
    """The look that counts the classes of cells in each file."""

    reading: Reading
    columns: Sequence[int]
    size: int = 0

    def fresh(self) -> dict[int, list[Classes]]:
        return {}

    def merge(self, state: dict[int, list[Classes]], other: dict[int, list[Classes]]) -> None:
        for file, counts in other.items():
            for mine, more in zip(self._of(state, file), counts, strict=True):
                mine.merge(more)

    def see(self, state: dict[int, list[Classes]], piece: Split) -> None:
        for batch in piece.batches(self.columns):
            counts = self._of(state, cast(DatasetSplit, piece).file)
            for mine, i, raw in zip(counts, self.columns, batch.columns, strict=True):
                more = self.reading.column(i, raw)[1]
                if more is not None:
                    mine.merge(more)

    def _of(self, state: dict[int, list[Classes]], file: int) -> list[Classes]:
        return state.setdefault(file, [Classes() for _ in self.columns])

"""Two counted columns against each other: how many values lie up to a threshold, and the exact distance of the two.

The bins that a scan has counted tell every answer up to an interval. Where that is not narrow enough, a further look
opens the bins that stand in the way, and no others: those around a threshold, and those in which the largest distance
between the two distribution functions can lie. What is kept of a look has a bound, however much stands in the way.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nanclean.counting import KEPT, Bins, Path, Pile
from nanclean.ladder import Ladder
from nanclean.numbers import NumberStatistics
from nanclean.pipeline import Table
from nanclean.profile import Profile
from nanclean.reading import Reading

VALUE = 48
"""Bytes that a value takes while it is kept: itself, its copies while they are sorted, its count."""

LEAST = 1 << 16
"""Values that may be kept, however little memory there is."""


@dataclass
class Dataset:
    """A table that has been measured, and can be looked at again."""

    table: Table
    reading: Reading
    columns: Mapping[int, NumberStatistics]
    """Of numbers, by position."""

    def ladder(self, i: int) -> Ladder:
        """What the scan knows of a column."""
        return ladder_of(self.columns[i])

    def opened(self, wanted: Mapping[int, Sequence[Path]]) -> dict[int, NumberStatistics]:
        """Some columns after one more look, with these of their bins open."""
        asking = {i: paths for i, paths in wanted.items() if paths}
        look = Profile({i: _asking(self.columns[i], paths) for i, paths in asking.items()})
        if look.columns:
            look = self.table.again(look, self.reading)
        return {i: statistics for i, statistics in look.columns.items() if isinstance(statistics, NumberStatistics)}


def ladder_of(statistics: NumberStatistics) -> Ladder:
    """Everything that is known of a distribution of at least one finite value."""
    if statistics.pile is not None:
        return Ladder.of_table(statistics.pile.table())
    assert statistics.bins is not None
    assert statistics.extent is not None
    return Ladder.of_bins(statistics.bins, statistics.extent, statistics.plan.dtype)


def _asking(statistics: NumberStatistics, paths: Iterable[Path]) -> NumberStatistics:
    """A copy that takes in the values of some bins in the next look."""
    assert statistics.bins is not None
    again = copy.copy(statistics)
    again.look = max(statistics.look, 2) + 1  # beyond those that also measure the deviation
    again.bins = _snapshot(statistics.bins).again(paths, statistics.plan.dtype)
    return again


def _snapshot(bins: Bins) -> Bins:
    """A copy whose next looks leave this one as it is."""
    pile = Pile()
    pile.add(bins.pile.table())
    divided = {number: _snapshot(finer) for number, finer in bins.divided.items()}
    return Bins(
        bins.layout, bins.counts, np.concatenate([bins.kept, bins.opening]), pile, divided=divided, settled=True
    )


def _grown(bins: Bins, after: Bins) -> Bins:
    """The bins before a look, with those that the look has divided, and without the values that it has kept."""
    grown = _snapshot(bins)
    for number, finer in after.divided.items():
        known = bins.divided.get(number) or Bins(finer.layout, finer.counts, settled=True)
        grown.divided[number] = _grown(known, finer)
    return grown


@dataclass
class Question:
    """What is to be known of one column: ranks of thresholds in the newer dataset, and its distance from the older."""

    new: int
    """Its position in the newer dataset."""
    old: int | None = None
    """And in the older one; None: no distance is asked for."""
    thresholds: Sequence[int | float] = ()
    ranks: list[int] | None = None
    """How many of the newer finite values lie below each threshold or on it."""
    best: int | float = 0
    """The distance so far, times `scale`."""
    scale: int = 1
    points: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Where the distance functions were asked: the ends of all bins, ascending."""
    done: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    """By point: all up to the next one is known exactly."""
    chosen: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    complete: bool = False
    """The last look leaves nothing to be asked, if it has divided no bin."""

    @property
    def distance(self) -> float | None:
        return None if self.old is None else self.best / self.scale

    def asked(self, old: Dataset | None, new: Dataset, budget: int) -> tuple[list[Path], list[Path], int] | None:
        """The bins that have to be opened on either side, and how many values these hold; None: all is known."""
        ladder = new.ladder(self.new)
        self._rank(ladder)
        paths = ladder.wanted_paths() if self.ranks is None else []
        cells = sum(int(ladder.count[rung]) for rung in ladder.wanted) if paths else 0
        if self.old is None or old is None:
            return ([], paths, cells) if paths else None
        before = old.ladder(self.old)
        marked = self._ask(before, ladder, budget)
        if not marked:
            return ([], paths, cells) if paths else None
        ladder.wanted.update(np.flatnonzero(marked[1]).tolist())
        before.wanted = set(np.flatnonzero(marked[0]).tolist())
        cells = sum(int(each.count[rung]) for each in (before, ladder) for rung in each.wanted)
        return before.wanted_paths(), ladder.wanted_paths(), cells

    def _rank(self, ladder: Ladder) -> None:
        if self.ranks is None:
            ranks = [ladder.rank(t, t, inclusive=True) for t in self.thresholds]
            self.ranks = None if ladder.wanted else ranks

    def _ask(self, before: Ladder, now: Ladder, budget: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The rungs of both that have to be opened, within a budget of values. None: the distance is known."""
        one, two = _alike(before, now)
        points = _united(one[0], one[1][before.opaque], two[0], two[1][now.opaque])
        if self.points.size:  # what is done was told by the points of before
            points = _united(points, self.points)
            done = self.done[np.maximum(np.searchsorted(self.points, points, "right") - 1, 0)]
        else:
            done = np.zeros(points.size, bool)
        self.points, self.done, self.scale = points, done, before.n * now.n
        least, most = _bounds(one, two, points)
        self.best = max(self.best, least.max().item())
        todo = (most > self.best) & ~done
        if not todo.any():
            return None

        def marked(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second = (_straddled(side, points, chosen) for side in (one, two))
            return first & before.opaque, second & now.opaque

        def held(marks: tuple[np.ndarray, np.ndarray]) -> int:
            return int(before.count[marks[0]].sum()) + int(now.count[marks[1]].sum())

        chosen = todo
        marks = marked(chosen)
        if held(marks) > budget:  # the most promising ones first, one at least
            ranked = np.sort(most[todo])[::-1]
            low, high = 0, ranked.size - 1
            while low < high:
                middle = (low + high + 1) // 2
                fits = held(marked(todo & (most >= ranked[middle]))) <= budget
                low, high = (middle, high) if fits else (low, middle - 1)
            chosen = todo & (most >= ranked[low])
            marks = marked(chosen)
        self.chosen = chosen
        divided = bool((before.count[marks[0]] > KEPT).any() or (now.count[marks[1]] > KEPT).any())
        self.complete = not divided and bool((chosen == todo).all())
        if not divided:
            self.done = done | chosen
        return marks

    def answered(self, before: Ladder | None, now: Ladder) -> bool:
        """Take in what a look has opened. Whether that was the last one."""
        self._rank(now)
        if before is None or self.old is None:
            return self.ranks is not None
        if not self.chosen.size:
            return self.ranks is not None
        one, two = _alike(before, now)
        least, _ = _bounds(one, two, _united(one[0], one[1][before.opaque], two[0], two[1][now.opaque]))
        self.best = max(self.best, least.max().item())
        self.chosen = np.empty(0, bool)
        return self.complete and self.ranks is not None


Side = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Lowest and highest value of each rung, and how many values stand below it."""


def _alike(one: Ladder, two: Ladder) -> tuple[Side, Side]:
    """Two ladders in one type; integers and floats meet as float64."""
    kind = one.low.dtype if one.low.dtype == two.low.dtype else np.dtype(np.float64)
    first, second = ((each.low.astype(kind), each.high.astype(kind), each.below) for each in (one, two))
    return first, second


def _united(*arrays: np.ndarray) -> np.ndarray:
    """Ascending arrays as one, each value once."""
    whole = np.sort(np.concatenate(arrays), kind="stable")  # which merges what is sorted already
    return whole[np.concatenate(([True], whole[1:] != whole[:-1]))] if whole.size else whole


def _bounds(one: Side, two: Side, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From each point up to the next: the least and the most that the two functions can be apart, times n m."""
    (few, many), (few_, many_) = (
        (below[np.searchsorted(high, points, "right")], below[np.searchsorted(low, points, "right")])
        for low, high, below in (one, two)
    )
    n, m = int(one[2][-1]), int(two[2][-1])
    if n * m >= 2**62:  # beyond int64: the share of each is rounded once
        few, many, few_, many_ = few / n * (n * m), many / n * (n * m), few_ / m * (n * m), many_ / m * (n * m)
        n = m = 1
    least = np.maximum(few * m - many_ * n, few_ * n - many * m)
    return np.maximum(least, 0), np.maximum(many * m - few_ * n, many_ * n - few * m)


def _straddled(side: Side, points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The rungs that begin at one of the chosen points or below, and end above it."""
    low, high, _ = side
    at = points[chosen]
    steps = np.zeros(low.size + 1, np.int64)
    np.add.at(steps, np.searchsorted(high, at, "right"), 1)
    np.add.at(steps, np.searchsorted(low, at, "right"), -1)
    return np.cumsum(steps[:-1]) > 0


def answer(questions: Sequence[Question], old: Dataset | None, new: Dataset, memory: int) -> None:
    """Find out everything that is asked, in as few looks as the memory allows. Both columns have finite values."""
    budget = max(memory // VALUE, LEAST)
    open_ = list(questions)
    while open_:
        wanted_old: dict[int, list[Path]] = {}
        wanted_new: dict[int, list[Path]] = {}
        asking: list[Question] = []
        left = budget
        waiting = iter(open_)
        rest: list[Question] = []
        for question in waiting:
            asked = question.asked(old, new, max(left, 1))
            if asked is None:
                continue
            asking.append(question)
            wanted_new[question.new] = asked[1]
            if question.old is not None:
                wanted_old[question.old] = asked[0]
            left -= asked[2]
            if left <= 0:
                rest = list(waiting)
        before = {} if old is None else old.opened(wanted_old)
        now = new.opened(wanted_new)
        again = [question for question in asking if not _answered(question, old, new, before, now)]
        for dataset, looked in ((old, before), (new, now)):
            if dataset is not None:
                dataset.columns = {**dataset.columns, **dict(_divided(dataset, looked))}
        open_ = [*again, *rest]


def _answered(
    question: Question, old: Dataset | None, new: Dataset,
    before: Mapping[int, NumberStatistics], now: Mapping[int, NumberStatistics],
) -> bool:  # fmt: skip
    first = None
    if old is not None and question.old is not None:
        first = ladder_of(before.get(question.old) or old.columns[question.old])
    return question.answered(first, ladder_of(now.get(question.new) or new.columns[question.new]))


def _divided(dataset: Dataset, looked: Mapping[int, NumberStatistics]) -> Iterator[tuple[int, NumberStatistics]]:
    """The columns of a dataset in which a look has divided bins, without the values that it has kept."""
    for i, after in looked.items():
        known = dataset.columns[i]
        assert after.bins is not None
        assert known.bins is not None
        if any(number not in known.bins.divided for number in after.bins.divided) or known.bins.divided:
            grown = copy.copy(known)
            grown.bins = _grown(known.bins, after.bins)
            yield i, grown

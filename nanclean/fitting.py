"""From steps to a recipe's numbers: when each can be measured, and the looks at the data that this takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np

from nanclean.block import Block
from nanclean.chain import Carries, Chain
from nanclean.column import Column, Numbers
from nanclean.detector import Figures, Sized
from nanclean.errors import RuleError
from nanclean.format import Facts, Split
from nanclean.groups import MOST, keys
from nanclean.groups import Key as GroupKey
from nanclean.moments import FIGURES as MOMENTS
from nanclean.moments import Moments
from nanclean.numbers import NumberStatistics, planned
from nanclean.others import ValueStatistics
from nanclean.patch import taken
from nanclean.pipeline import TRAVELLING
from nanclean.statistics import Statistics
from nanclean.steps import NOT_FINITE, ROWS, Key, Step, act, by_rule, run
from nanclean.wording import quoted


def plan(steps: Iterable[Step]) -> list[Step]:
    """The steps, each with its turn: the round of measuring that settles it. 0 needs none.

    A step waits for every step of the rules above that writes what it reads. What moves only missing and infinite
    cells does not move the figures of finite ones.
    """
    known: dict[tuple[str, str], int] = defaultdict(int)
    written: set[tuple[str, str]] = set()
    answer = []
    for rule in by_rule(steps):
        below, changed = dict(known), set()  # the steps of one rule do not see each other
        for step in rule:
            turn = max(known[what] for what in step.touches)
            measured = None
            if step.needs and step.measures & written:
                measured = max(known[what] for what in step.measures) + 1
                turn = max(turn, measured)
            if (step.counts or step.of_rows) and step.touches & written:
                turn = max(turn, max(known[what] for what in step.touches) + 1)
            answer.append(replace(step, turn=turn, measured=measured))
            for what in step.writes:
                below[what] = max(below.get(what, 0), turn)
            changed |= step.writes
        known = defaultdict(int, below)
        written |= changed
    return answer


@dataclass
class Fit:
    """Learning the numbers of all steps of a table."""

    chain: Chain
    figures: Callable[[str], Figures]
    """Of a column as it was read."""
    facts: Callable[[], Facts]
    _known: Sequence[Step] = ()
    _writers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Of the steps that are known: the places of those that write something."""

    def fitted(self, steps: Sequence[Step]) -> list[Step]:
        """The steps with all their numbers. RuleError where there is nothing to learn one from."""
        steps = plan(steps)
        turn = 0
        while not all(step.settled for step in steps):
            steps = _pruned(self._settle(steps, turn))
            turn += 1
        return steps

    def _settle(self, steps: list[Step], turn: int) -> list[Step]:
        """The steps whose turn it is. Grouped and counted ones need another look of their own."""
        due = {step.key: step for step in steps if not step.settled and step.turn == turn}
        figures: dict[Key, Figures] = {}
        to_measure: dict[Key, Step] = {}
        for key, step in due.items():
            told = self.figures(step.column) if step.measured is None else self._carried(step, steps)
            if told is None or (step.fix is not None and step.fix.grouped):
                to_measure[key] = step
            figures[key] = told or {}
        for key, found in self._measured(steps, to_measure).items():
            figures[key] = {**figures[key], **found, "name": key[1]}
        hits = self._hits(steps, {key: step for key, step in due.items() if step.counts}, figures)
        for key, count in hits.items():
            figures[key] = {**figures[key], "hits": count}
        steps = [step.fit(figures[step.key]) if step.key in due else step for step in steps]
        return [self._searched(step, steps) if step.key in due and step.of_rows else step for step in steps]

    def searched(self, steps: Sequence[Step]) -> list[Step]:
        """Fitted steps, knowing which rows of this table they find."""
        steps = list(steps)
        for place, step in enumerate(steps):
            if step.of_rows:
                steps[place] = self._searched(step, steps)
        return steps

    def _searched(self, step: Step, steps: Sequence[Step]) -> Step:
        assert step.find is not None
        columns = tuple(name for name in step.find.columns if name in self.chain.names)
        wanted = self._wanted(steps, {step.key: step})
        above = [other for other in steps if other.rule < step.rule and other.settled and other.fix is not None]
        return replace(step, marked=step.find.search(Left(self.chain, above, columns, wanted)))

    def _carried(self, step: Step, steps: Sequence[Step]) -> Figures | None:
        """The figures of a step, from those of the column as it was read, where each rule above tells what it does."""
        figures = dict(self.figures(step.column))
        above = self._above(step, steps)
        if not figures or any(other.column != step.column or ROWS in other.writes for other in above):
            return None
        for other in above:
            assert other.fix is not None
            if (step.column, "finite") in other.writes:
                if not step.needs <= other.fix.carries:
                    return None
                found = other.fix.carried(figures)
                if found is None:
                    return None
                figures |= found
            if other.find is not None and other.fix.cures:
                figures |= dict.fromkeys(other.find.counts, 0)
        return None if step.needs & NOT_FINITE else figures

    def _hits(self, steps: Sequence[Step], due: Mapping[Key, Step], figures: Mapping[Key, Figures]) -> dict[Key, int]:
        """How many cells the finds of some steps find."""
        hits: dict[Key, int] = {}
        asking: dict[Key, Step] = {}
        for key, step in due.items():
            assert step.find is not None
            if step.find.scope == "table":
                hits[key] = int(any(True for _ in step.find.judge(self.facts(), [figures[key]])))
                continue
            find = step.find.fit(figures[key])
            current = step.measured is not None or self._as_read(step, steps)
            known = find.counted(figures[key]) if current and figures[key] else None
            if known is not None:
                hits[key] = known
            else:
                asking[key] = replace(step, find=find)
        if asking:
            counted: dict[Key, int] = self.chain.look(Counting(steps, asking), self._wanted(steps, asking))
            hits.update(counted)
        return hits

    def _wanted(self, steps: Sequence[Step], due: Mapping[Key, Step]) -> set[str]:
        """The columns that have to be read for some steps."""
        wanted = {name for step in due.values() for name in step.reads | step.searches}
        last, known = _last(due), -1
        while known < len(wanted):  # a column that one step needs brings in all other steps of that column
            known = len(wanted)
            for step in reversed(steps):
                if not step.settled or step.rule >= last or step.fix is None:
                    continue
                if step.of_rows:
                    continue
                if step.column in wanted or step.fix.drops or wanted & set(step.fix.adds()):
                    wanted |= step.reads
        return wanted

    def _as_read(self, step: Step, steps: Sequence[Step]) -> bool:
        """Whether no rule above changes what the step looks at."""
        return not self._above(step, steps)

    def _above(self, step: Step, steps: Sequence[Step]) -> list[Step]:
        """The steps of rules above that change what a step looks at, in their order."""
        if self._known is not steps:
            self._known, self._writers = steps, {}
            for place, other in enumerate(steps):
                for what in other.writes:
                    self._writers.setdefault(what, []).append(place)
        places = {place for what in step.touches for place in self._writers.get(what, ())}
        return [steps[place] for place in sorted(places) if steps[place].rule < step.rule]

    def _measured(self, steps: Sequence[Step], due: Mapping[Key, Step]) -> dict[Key, Figures]:
        """The figures of some steps, as many looks as they ask for."""
        if not due:
            return {}
        wanted = self._wanted(steps, due)
        block = self.chain.sample(wanted)
        sample = {} if block is None else _up_to(steps, due, block)
        whole = {key: self._measure(step, sample.get(key)) for key, step in due.items()}
        look: dict[Key, Measure] = dict(whole)
        most = self.chain.engine.room() // 2
        each = min(most, TRAVELLING) if self.chain.engine.apart else most
        while look:
            now = _parted(look, most)
            found = self.chain.look(Measuring(steps, {key: due[key] for key in now}, now), wanted)
            for key, measure in now.items():
                measure.merge(found[key])
            whole |= now
            look = {key: measure for key, measure in look.items() if key not in now}
            look |= {key: after for key, measure in now.items() if (after := measure.again(each)) is not None}
        for key, measure in whole.items():
            if measure.many:
                fix = due[key].fix
                assert fix is not None
                by = quoted(fix.grouped or "")
                raise RuleError(
                    f"{quoted(due[key].column)}: {fix}: {by} has more than {MOST:,} different values",
                    hint="take a column with fewer groups, or leave by out",
                )
        return {key: measure.result(self.facts().rows) for key, measure in whole.items()}

    def _measure(self, step: Step, column: Column | None) -> Measure:
        quantiles = () if step.find is None else step.find.quantiles()
        make: Callable[[], Statistics] = partial(_statistics, column, self.chain.rows, self.chain.width, quantiles)
        if step.needs <= MOMENTS and isinstance(column, Numbers):
            center = self.figures(step.column).get("mean")
            make = partial(Moments, column.type, None, center or 0.0, make)
        fix = step.fix
        return Measure(make(), make, fix.grouped if fix is not None else None, {})


@dataclass(frozen=True)
class Left:
    """The rows of a table as some rules leave them, to be searched."""

    chain: Chain
    steps: Sequence[Step]
    columns: Sequence[str]
    wanted: Collection[str]
    """The columns that have to be read."""

    @property
    def memory(self) -> int:
        return 2 * self.chain.engine.room()

    def look(self, work: Callable[[Block], Sized], only: frozenset[int] | None = None) -> Iterator[tuple[Sized, int]]:
        positions = [i for i, name in enumerate(self.chain.names) if name in self.wanted]

        def found(split: Split, carries: Carries) -> Iterator[tuple[Sized, int]]:
            if only is not None and split.index not in only and not self.chain.ordered:
                return
            for block in self.chain.reader.read(split, positions):
                after, _ = run(self.steps, block, carries, prove=False)
                if after.rows:
                    yield work(after), split.index

        return self.chain.over(found, lambda piece: piece[0].size)


@dataclass
class Measure:
    """The statistics of one step: of its column, and of each group in it."""

    statistics: Statistics | None
    """None: settled."""
    make: Callable[[], Statistics]
    by: str | None
    groups: dict[GroupKey, Statistics]
    many: bool = False
    """More than 1,000 groups: they were given up."""
    first: bool = True
    done: tuple[Statistics | None, dict[GroupKey, Statistics]] = (None, {})
    """What earlier looks have settled."""

    @property
    def size(self) -> int:
        """About how many bytes it takes, groups that are still to come not counted."""
        return sum(each.size for each in self._all())

    @property
    def keeps(self) -> int:
        """About how many bytes the values may take that are kept to be sorted."""
        return sum(each.keeps for each in self._all())

    def _all(self) -> Iterator[Statistics]:
        if self.statistics is not None:
            yield self.statistics
        yield from self.groups.values()

    def fresh(self) -> Self:
        """An empty one for another piece of the same look."""
        statistics = None if self.statistics is None else self.statistics.fresh()
        groups = {key: each.fresh() for key, each in self.groups.items()}
        return type(self)(statistics, self.make, self.by, groups, self.many, self.first)

    def add(self, column: Column, block: Block) -> None:
        """Take in the rows of a block."""
        if self.statistics is not None:
            self.statistics.add(column, block)
        if self.by is None or self.many or (not self.first and not self.groups):
            return
        codes, names = keys(block.columns[self.by].view)
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
        for code, name in enumerate(names):
            rows = order[ends[code] : ends[code + 1]]
            if not rows.size:
                continue
            group = self.groups.get(name)
            if group is None:
                if not self.first:  # settled in an earlier look
                    continue
                if len(self.groups) == MOST:
                    self.many, self.groups = True, {}
                    return
                group = self.groups[name] = self.make()
            group.add(taken(column, np.sort(rows)), block)

    def merge(self, other: Measure) -> None:
        """Take in a piece of the same look."""
        if self.statistics is not None and other.statistics is not None:
            self.statistics.merge(other.statistics)
        self.many |= other.many
        for name, group in other.groups.items():
            mine = self.groups.get(name)
            if mine is None:  # one of this process: what came from another knows less
                mine = self.groups[name] = self.make()
            mine.merge(group)
        if self.many or len(self.groups) > MOST:
            self.many, self.groups = True, {}

    def again(self, most: int) -> Self | None:
        """For another look, or None: settled. most: bytes that kept values may take."""
        most //= 1 + len(self.groups)
        statistics = None if self.statistics is None else self.statistics.again(most)
        groups = {name: after for name, each in self.groups.items() if (after := each.again(most)) is not None}
        if statistics is None and not groups:
            return None
        settled, known = self.done
        done = (settled or self.statistics, {**known, **self.groups})
        return type(self)(statistics, self.make, self.by, groups, self.many, False, done)

    def result(self, rows: int) -> Figures:
        """The figures, with those of the groups under `groups`."""
        settled, known = self.done
        last = self.statistics or settled
        assert last is not None
        figures: dict[str, Any] = last.result(rows)
        if self.by is not None:
            groups = {**known, **self.groups}
            figures["groups"] = {name: groups[name].result(rows) for name in sorted(groups, key=str)}
        return figures


def _pruned(steps: Sequence[Step]) -> list[Step]:
    """Without those that come after their column has been taken out."""
    gone: dict[str, int] = {}
    for step in steps:
        if step.settled and step.fix is not None and step.fix.removes:
            gone.setdefault(step.column, step.rule)
    return [step for step in steps if step.of_rows or step.rule <= gone.get(step.column, step.rule)]


def _statistics(column: Column | None, rows: int, width: int, quantiles: Iterable[float]) -> Statistics:
    """An accumulator for a column as some rules leave it, planned from a sample of it."""
    if not isinstance(column, Numbers):
        return ValueStatistics("other" if column is None else column.type)
    integer = column.type in ("integer", "list<integer>") and column.values.dtype.kind in "iu"
    wide = np.uint64 if column.values.dtype == np.uint64 else np.int64
    dtype: np.dtype = np.dtype(wide if integer else np.float64)
    cells = rows * max(column.cells // max(column.rows, 1), 1)
    return NumberStatistics(column.type, planned(column.finite.astype(dtype), dtype, cells, width, quantiles), None)


def _last(due: Mapping[Key, Step]) -> int:
    """The last rule that is asked about: nothing below it has to be run."""
    return max(step.rule for step in due.values())


def _above(steps: Sequence[Step], due: Mapping[Key, Step]) -> Iterator[tuple[list[Step], list[Step]]]:
    """The rules down to the last one that is asked about, and which of their steps are to be run."""
    last = _last(due)
    for rule in by_rule(steps):
        if rule[0].rule > last:
            return
        yield rule, [step for step in rule if step.settled and step.rule < last]


def _up_to(steps: Sequence[Step], due: Mapping[Key, Step], block: Block) -> dict[Key, Column]:
    """The columns of some steps in a block, as the rules above leave them: those that are settled."""
    found = {}
    carries: dict[Key, dict[str, Any]] = {}
    for rule, settled in _above(steps, due):
        for step in rule:
            if step.key in due and step.column in block.columns:
                found[step.key] = block.columns[step.column].view
        block, _ = act(settled, block, carries, prove=False)
    return found


@dataclass(frozen=True)
class Measuring:
    """The look that measures what is due: in each split run what is settled, and leave the rest alone."""

    steps: Sequence[Step]
    due: Mapping[Key, Step]
    measures: Mapping[Key, Measure]

    @property
    def size(self) -> int:
        return sum(measure.size for measure in self.measures.values())

    def fresh(self) -> dict[Key, Measure]:
        return {key: measure.fresh() for key, measure in self.measures.items()}

    def merge(self, state: dict[Key, Measure], other: dict[Key, Measure]) -> None:
        for key, measure in other.items():
            state[key].merge(measure)

    def see(self, state: dict[Key, Measure], blocks: Iterable[Block], carries: Carries) -> None:
        for block in blocks:
            for rule, settled in _above(self.steps, self.due):
                for step in rule:
                    if step.key in self.due and step.column in block.columns:
                        state[step.key].add(block.columns[step.column].view, block)
                block, _ = act(settled, block, carries, prove=False)


@dataclass(frozen=True)
class Counting:
    """The look that counts what finds find."""

    steps: Sequence[Step]
    due: Mapping[Key, Step]
    size: int = 0

    def fresh(self) -> dict[Key, int]:
        return dict.fromkeys(self.due, 0)

    def merge(self, state: dict[Key, int], other: dict[Key, int]) -> None:
        for key, count in other.items():
            state[key] += count

    def see(self, state: dict[Key, int], blocks: Iterable[Block], carries: Carries) -> None:
        for block in blocks:
            for rule, settled in _above(self.steps, self.due):
                for step in rule:
                    asked = self.due.get(step.key)
                    if asked is None or step.column not in block.columns:
                        continue
                    view = block.columns[step.column].view
                    assert asked.find is not None
                    if view.rows and asked.find.touches(view):
                        state[step.key] += int(np.count_nonzero(asked.find.mask(view)))
                        lists = asked.find.rows(view)
                        state[step.key] += 0 if lists is None else int(np.count_nonzero(lists))
                block, _ = act(settled, block, carries, prove=False)


def _parted(measures: Mapping[Key, Measure], most: int) -> dict[Key, Measure]:
    """Those whose kept values fit, one at least."""
    now: dict[Key, Measure] = {}
    for key, measure in measures.items():
        if not now or measure.keeps <= most:
            now[key] = measure
            most -= measure.keeps
    return now

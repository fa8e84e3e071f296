"""Worker processes, maybe on other machines: what all engines of this kind have in common.

Pieces go out in runs of neighbours, one task for each run; they say where the data are, and hold none. What a task
makes of its run is a state, packed. States are merged on the workers, in a tree whose shape depends on the number of
runs alone, so that one of them comes back, however many rows there are.
"""

from __future__ import annotations

import pickle
import platform
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any, ClassVar

from nanclean.engine import Look, Result, State, Work, in_order
from nanclean.engines.local import LEAST, Local
from nanclean.errors import EngineError, UsageError
from nanclean.state import packed, unpacked
from nanclean.version import version

FAN_IN = 8
"""States that are merged by one task."""
STEP = 64
"""Runs after which the next ones become twice as long: few splits go to many workers …"""
LONGEST = 16
"""… and of many splits so many share one state."""
AHEAD = 4
"""Tasks under way for each worker."""
LEAST_AHEAD = 32
PATIENCE = 60.0
"""Seconds without any news after which somebody looks whether there still are workers."""
COUNT = 8
"""Bytes of a number."""


@dataclass
class Moved:
    """What has gone from process to process."""

    tasks: int = 0
    sent: int = 0
    """Bytes of looks and pieces."""
    received: int = 0
    """Bytes of results that came here."""
    merged: int = 0
    """Bytes of states that went from worker to worker."""


class Remote(ABC):
    """An engine whose workers are other processes. A member says how tasks reach them."""

    apart: ClassVar[bool] = True
    name: ClassVar[str]

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.moved = Moved()
        self.window: int | None = None
        """Tasks under way. None: as many as suit the workers."""
        self.jobs = self._demand_workers()

    # What a member does.

    @abstractmethod
    def slots(self) -> int:
        """How many tasks can run at once, now."""

    @abstractmethod
    def dumps(self, value: Any) -> bytes:
        """Pickled, closures included."""

    @abstractmethod
    def keep(self, data: bytes) -> Any:
        """Something that many tasks take. It is sent once."""

    @abstractmethod
    def submit(self, function: Callable[..., bytes], *given: Any) -> Any:
        """A task. It takes what `keep` and `submit` return. If its worker is lost it is run again; errors are final."""

    @abstractmethod
    def finished(self, tasks: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those that are over, one at least; none after so many seconds."""

    @abstractmethod
    def failure(self, task: Any) -> BaseException | None:
        """Why a task that is over has failed."""

    @abstractmethod
    def result(self, task: Any) -> bytes:
        """What a task has returned. Raises its failure."""

    @abstractmethod
    def forget(self, tasks: Iterable[Any]) -> None:
        """Nobody waits for them any more."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the cluster, and stop it if it was started here."""

    # What an engine does.

    def room(self, state: int = 0) -> int:
        return max(self.memory // 2 - state, LEAST // 2)

    def alone(self) -> Local:
        return Local(1, self.memory // 2)

    def told(self) -> dict[str, Any]:
        """What the report says of it."""
        return {"name": self.name, "workers": self.jobs, **asdict(self.moved)}

    def fold(self, look: Look[Work, State], pieces: Iterable[Work], seen: Callable[[Work], None]) -> State:
        kept = self._kept(look)
        tree = _Tree(lambda states: self._submitted(_merged, kept, *states))
        under_way: dict[Any, tuple[int, list[Work]]] = {}
        runs = enumerate(_runs(pieces))
        ahead = self._ahead()
        try:
            while True:
                for number, run in islice(runs, max(ahead - len(under_way), 0)):
                    task = self._submitted(_folded, kept, self._sent(run))
                    under_way[task] = number, run
                    tree.add(task)
                if not under_way:
                    break
                for task in self._over(list(under_way)):
                    if self.failure(task) is not None:
                        self._raise_first(under_way, under_way[task][0])
                    for piece in under_way.pop(task)[1]:
                        seen(piece)
            state = look.fresh()
            for task in tree.roots():
                found = self._received(task)
                self.moved.merged += int.from_bytes(found[:COUNT], "little")
                look.merge(state, unpacked(found[COUNT:]))
            return state
        finally:
            self.forget([*under_way, *tree.tasks()])

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        kept = self._kept(work)
        under_way: list[Any] = []

        def submit(piece: Work) -> Any:
            under_way.append(self._submitted(_called, kept, self._sent(piece)))
            return under_way[-1]

        def result(task: Any) -> Result:
            self._over([task])
            found: Result = pickle.loads(zlib.decompress(self._received(task)))  # from our own workers
            under_way.remove(task)
            return found

        try:
            yield from in_order(submit, result, pieces, self._ahead())
        finally:
            self.forget(under_way)

    def stream(
        self, work: Callable[[Work], Iterable[Result]], pieces: Iterable[Work], size: Callable[[Result], int]
    ) -> Generator[Result, None, None]:
        raise UsageError(
            f"--engine {self.name}: this takes all rows to one place, and a cluster is for tables too large for one",
            hint="leave --engine out, or the rule that needs other rows",
        )

    # In between.

    def _ahead(self) -> int:
        return self.window or max(AHEAD * self.slots(), LEAST_AHEAD)

    def _kept(self, value: Any) -> Any:
        data = zlib.compress(self.dumps(value), 1)
        self.moved.sent += len(data)
        return self.keep(data)

    def _sent(self, value: Any) -> bytes:
        data = zlib.compress(self.dumps(value), 1)
        self.moved.sent += len(data)
        return data

    def _submitted(self, function: Callable[..., bytes], *given: Any) -> Any:
        self.moved.tasks += 1
        return self.submit(function, versions(), *given)

    def _received(self, task: Any) -> bytes:
        found = self.result(task)
        self.moved.received += len(found)
        return found

    def _over(self, tasks: Sequence[Any]) -> Sequence[Any]:
        """Those that are over, one at least. EngineError if nobody works on them."""
        while not (found := self.finished(tasks, PATIENCE)):
            if not self.slots():
                raise EngineError(f"{self.name}: there is no worker left", hint="start some, and run the command again")
        return found

    def _raise_first(self, under_way: dict[Any, tuple[int, list[Any]]], last: int) -> None:
        """The failure of the first run that fails, up to a number, as if they were worked on one after the other."""
        until = {number: task for task, (number, _) in under_way.items() if number <= last}
        waiting = list(until.values())
        while waiting:
            over = set(self._over(waiting))
            waiting = [task for task in waiting if task not in over]
        for _, task in sorted(until.items()):
            failure = self.failure(task)
            if failure is not None:
                raise failure

    def _demand_workers(self) -> int:
        slots = self.slots()
        if not slots:
            raise EngineError(f"{self.name}: the cluster has no worker", hint="start one, and run the command again")
        return slots


class _Tree:
    """Tasks that merge what other tasks return, so many at a time, as soon as there are so many."""

    def __init__(self, merge: Callable[[Sequence[Any]], Any]) -> None:
        self.merge = merge
        self.levels: list[list[Any]] = [[]]

    def add(self, task: Any, level: int = 0) -> None:
        if level == len(self.levels):
            self.levels.append([])
        self.levels[level].append(task)
        if len(self.levels[level]) == FAN_IN:
            merged = self.merge(self.levels[level])
            self.levels[level] = []
            self.add(merged, level + 1)

    def roots(self) -> Iterator[Any]:
        """The last one, which holds everything; none, if nothing was added."""
        rest = [task for level in reversed(self.levels) for task in level]
        while len(rest) > 1:
            rest = [self.merge(rest[at : at + FAN_IN]) for at in range(0, len(rest), FAN_IN)]
            self.levels = [rest]
        yield from rest

    def tasks(self) -> Iterator[Any]:
        for level in self.levels:
            yield from level


def _runs(pieces: Iterable[Work]) -> Iterator[list[Work]]:
    """Neighbours, more and more of them."""
    todo, number = iter(pieces), 0
    while run := list(islice(todo, min(1 << number // STEP, LONGEST))):
        yield run
        number += 1


# In the workers.


def _folded(wanted: dict[str, str], look: bytes, run: bytes) -> bytes:
    """The state of a look that has seen a run of pieces."""
    known: Look[Any, Any] = _ready(wanted, look)
    state = known.fresh()
    for piece in pickle.loads(zlib.decompress(run)):
        known.see(state, piece)
    return bytes(COUNT) + packed(state)


def _merged(wanted: dict[str, str], look: bytes, *states: bytes) -> bytes:
    """One state of several, and how many bytes of states have been moved for it."""
    known: Look[Any, Any] = _ready(wanted, look)
    whole = known.fresh()
    for state in states:
        known.merge(whole, unpacked(state[COUNT:]))
    moved = sum(int.from_bytes(state[:COUNT], "little") + len(state) for state in states)
    return moved.to_bytes(COUNT, "little") + packed(whole)


def _called(wanted: dict[str, str], work: bytes, piece: bytes) -> bytes:
    """What a function makes of a piece."""
    found = _ready(wanted, work)(pickle.loads(zlib.decompress(piece)))
    return zlib.compress(pickle.dumps(found, 5), 1)


def _ready(wanted: dict[str, str], kept: bytes) -> Any:
    """What was kept for all tasks. UsageError in a process that might come to other results."""
    import pyarrow as pa

    for name, version_ in versions().items():
        if wanted[name] != version_:
            raise UsageError(
                f"a worker on {platform.node()} has {name} {version_}, and here it is {wanted[name]}",
                hint="install the same versions wherever workers run",
            )
    pa.set_cpu_count(1)  # a worker is one of many
    return _loaded(kept)


@lru_cache(2)
def _loaded(kept: bytes) -> Any:
    """For all tasks of a look, or almost: wide tables have large ones."""
    return pickle.loads(zlib.decompress(kept))


@cache
def versions() -> dict[str, str]:
    """Of everything that results depend on."""
    import numpy
    import pyarrow

    python = ".".join(platform.python_version_tuple()[:2])
    return {"nanclean": str(version()), "python": python, "numpy": numpy.__version__, "pyarrow": pyarrow.__version__}


def needed(package: str, extra: str) -> ModuleType:
    """An optional package. UsageError where it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise
        raise UsageError(
            f"--engine {extra} needs the package {package}, which is not installed",
            hint=f"pip install 'nanclean[{extra}]'",
        ) from None

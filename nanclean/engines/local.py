"""Threads of this process: Arrow and NumPy let go of the interpreter while they work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic

from nanclean.engine import WRITING, Look, Result, State, Work, in_order
from nanclean.errors import UsageError
from nanclean.resources import MOST, release

LEAST = 24 << 20
"""Bytes without which a worker only gets in the way of others."""


class Local:
    """The default engine. Half of the memory belongs to its workers: with little of it there are fewer."""

    apart = False

    def __init__(self, jobs: int, memory: int = MOST) -> None:
        self.jobs, self.memory = jobs, memory

    def told(self) -> None:
        """They are not told of."""

    def close(self) -> None:
        """Threads come and go with the work."""

    def workers(self, state: int = 0) -> int:
        """How many there are, each with a state of so many bytes."""
        return max(min(self.jobs, self.memory // 2 // (LEAST + state)), 1)

    def room(self, state: int = 0) -> int:
        return max(self.memory // 2 // self.workers(state) - state, LEAST // 2)

    def alone(self) -> Local:
        return Local(1, self.room())

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        workers = self.workers()
        if workers == 1:
            yield from map(work, pieces)
            return
        with _pool(workers) as pool:
            yield from in_order(lambda piece: pool.submit(work, piece), Future.result, pieces, workers + 1)

    def stream(
        self, work: Callable[[Work], Iterable[Result]], pieces: Iterable[Work], size: Callable[[Result], int]
    ) -> Generator[Result, None, None]:
        workers = self.workers(WRITING)
        if workers == 1:
            for piece in pieces:
                yield from work(piece)
            release()
            return
        lanes = _Lanes(work, size, self.memory // 8)
        with _pool(workers) as pool:
            try:
                yield from lanes.results(pool, pieces, workers + 1)
            finally:
                lanes.stop()

    def fold(self, look: Look[Work, State], pieces: Iterable[Work], seen: Callable[[Work], None]) -> State:
        workers = self.workers(look.size)
        states = [look.fresh() for _ in range(workers)]
        if workers == 1:
            for piece in pieces:
                look.see(states[0], piece)
                seen(piece)
            release()
            return states[0]
        share = _Share(look, pieces)
        with _pool(workers) as pool:
            try:
                for state in states:
                    pool.submit(share.work, state)
                for piece in share.finished(workers):
                    seen(piece)
            finally:
                share.stopped = True
        share.raise_first()
        for state in states[1:]:
            look.merge(states[0], state)
        return states[0]


def opened(address: object, jobs: int, memory: int) -> Local:
    """The engine for what the user said."""
    if address is not None:
        raise UsageError("--engine-address: threads of this process have none", hint="name an engine: --engine dask")
    return Local(jobs, memory)


class _pool:  # noqa: N801 - used like open()
    """Threads that are not waited for longer than what they have begun."""

    def __init__(self, workers: int) -> None:
        # glibc gives blocks of 128 KB back at once, and every new one is faulted in page by page: half of the time of a
        # look. Having freed a larger one, it keeps them. (It is never touched, so it costs nothing.)
        bytearray(31 << 20)
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="nanclean")

    def __enter__(self) -> ThreadPoolExecutor:
        return self.pool

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(cancel_futures=True)
        release()


class _Share(Generic[Work, State]):
    """Pieces that workers take one by one. The failure that is raised is that of the first piece that failed."""

    def __init__(self, look: Look[Work, State], pieces: Iterable[Work]) -> None:
        self.look, self.todo = look, enumerate(pieces)
        self.lock = threading.Lock()
        self.done: SimpleQueue[Work | None] = SimpleQueue()
        self.taken = -1
        self.failures: list[tuple[int, BaseException]] = []
        self.stopped = False

    def work(self, state: State) -> None:
        number = 0
        try:
            while not (self.failures or self.stopped):
                with self.lock:  # to find the next piece may itself be work, and fail
                    number = self.taken + 1
                    found = next(self.todo, None)
                    if found is None:
                        break
                    self.taken = number
                self.look.see(state, found[1])
                self.done.put(found[1])
        except BaseException as error:
            self.failures.append((number, error))
        self.done.put(None)

    def finished(self, workers: int) -> Iterator[Work]:
        while workers:
            piece = self.done.get()
            if piece is None:
                workers -= 1
            else:
                yield piece

    def raise_first(self) -> None:
        if self.failures:
            raise min(self.failures, key=lambda failure: failure[0])[1]


@dataclass
class _Lane(Generic[Result]):
    """The results of one piece that nobody has taken yet."""

    results: deque[Result] = field(default_factory=deque)
    done: bool = False
    error: BaseException | None = None


class _Lanes(Generic[Work, Result]):
    """Results in the order of the pieces. Only the first lane goes on when those that wait have filled the room."""

    def __init__(self, work: Callable[[Work], Iterable[Result]], size: Callable[[Result], int], room: int) -> None:
        self.work, self.size, self.room = work, size, room
        self.lanes: deque[_Lane[Result]] = deque()
        self.held = 0
        self.changed = threading.Condition()
        self.stopped = False

    def results(self, pool: ThreadPoolExecutor, pieces: Iterable[Work], ahead: int) -> Iterator[Result]:
        todo = iter(pieces)
        while True:
            while len(self.lanes) < ahead and (found := next(((piece,) for piece in todo), None)):
                lane: _Lane[Result] = _Lane()
                self.lanes.append(lane)
                pool.submit(self._run, lane, found[0])
            if not self.lanes:
                return
            yield from self._of(self.lanes[0])
            with self.changed:
                self.lanes.popleft()
                self.changed.notify_all()

    def _of(self, lane: _Lane[Result]) -> Iterator[Result]:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: lane.results or lane.done)
                if not lane.results:
                    if lane.error is not None:
                        raise lane.error
                    return
                result = lane.results.popleft()
                self.held -= self.size(result)
                self.changed.notify_all()
            yield result

    def _run(self, lane: _Lane[Result], piece: Work) -> None:
        try:
            for result in self.work(piece):
                size = self.size(result)
                with self.changed:
                    self.changed.wait_for(lambda n=size: self._may_go_on(lane, n))  # type: ignore[misc]
                    if self.stopped:
                        return
                    lane.results.append(result)
                    self.held += size
                    self.changed.notify_all()
                del result
        except BaseException as error:
            lane.error = error
        finally:
            with self.changed:
                lane.done = True
                self.changed.notify_all()

    def _may_go_on(self, lane: _Lane[Result], size: int) -> bool:
        if self.stopped:
            return True
        if lane is self.lanes[0]:
            return not lane.results or self.held + size <= self.room
        return self.held + size <= self.room

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

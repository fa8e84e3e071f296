"""Threads of this process: Arrow and NumPy let go of the interpreter while they work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from nanclean.engine import Result, Work, in_order


class Local:
    """The default engine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        """The results in the order of the pieces."""
        if self.jobs == 1:
            yield from map(work, pieces)
            return
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="nanclean")
        try:
            yield from in_order(partial(pool.submit, work), Future.result, pieces, self.jobs + 1)
        finally:
            pool.shutdown(cancel_futures=True)

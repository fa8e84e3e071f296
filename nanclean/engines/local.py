"""Threads of this process: Arrow and NumPy let go of the interpreter while they work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from nanclean.engine import Result, Work, in_order


class Local:
    """The default engine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        """The results in the order of the pieces."""
        # glibc gives blocks of 128 KB back at once, and every new one is faulted in page by page: half of the time of a
        # look. Having freed a larger one, it keeps them. (It is never touched, so it costs nothing.)
        bytearray(31 << 20)
        if self.jobs == 1:
            yield from map(work, pieces)
            return
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="nanclean")
        try:
            yield from in_order(lambda piece: pool.submit(work, piece), Future.result, pieces, self.jobs + 1)
        finally:
            pool.shutdown(cancel_futures=True)

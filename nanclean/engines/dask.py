"""Dask distributed: the workers of a cluster that runs, or of one that is started here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from nanclean.engines._remote import Remote, needed
from nanclean.errors import EngineError

SECONDS = 30
"""That a cluster has to answer."""


class Dask(Remote):
    """Tasks of a `distributed.Client`."""

    name: ClassVar[str] = "dask"

    def __init__(self, address: Any = None, memory: int = 2 << 30, jobs: int = 1) -> None:
        """address: of a scheduler, or a Client. None: a cluster of so many `jobs` is started, and stopped again."""
        self.distributed = needed("distributed", "dask")
        self._cluster = self._client = None
        self._news: SimpleQueue[Any] = SimpleQueue()
        try:
            if isinstance(address, self.distributed.Client):
                self.client = address
            else:
                if address is None:
                    address = self._cluster = self.distributed.LocalCluster(
                        n_workers=jobs, threads_per_worker=1, processes=True, protocol="tcp", host="127.0.0.1",
                        dashboard_address=None, silence_logs=logging.CRITICAL,
                    )  # fmt: skip
                self.client = self._client = self.distributed.Client(address, timeout=SECONDS, set_as_default=False)
            if not self.slots():
                self.client.wait_for_workers(1, SECONDS)
        except (OSError, ValueError, TimeoutError) as error:
            self.close()
            told = str(error).partition("\n")[0] or type(error).__name__
            raise EngineError(
                f"dask: {address}: {told}", hint="is it the address of a scheduler that runs? tcp://HOST:8786"
            ) from None
        super().__init__(memory)

    def slots(self) -> int:
        return sum(self.client.nthreads().values())

    def dumps(self, value: Any) -> bytes:
        import cloudpickle

        return bytes(cloudpickle.dumps(value, protocol=5))

    def keep(self, data: bytes) -> Any:
        # Not scattered: what was, is gone with its worker. The result of a task is made again.
        return self.client.submit(bytes, data, pure=False)

    def submit(self, function: Callable[..., bytes], *given: Any) -> Any:
        task = self.client.submit(function, *given, pure=False, retries=0)
        task.add_done_callback(self._news.put)
        return task

    def finished(self, tasks: Sequence[Any], seconds: float) -> Sequence[Any]:
        while not (over := [task for task in tasks if task.done()]):
            try:
                self._news.get(timeout=seconds)  # of any task, maybe of one that is known to be over
            except Empty:
                break
        return over

    def failure(self, task: Any) -> BaseException | None:
        if task.status in ("cancelled", "lost"):
            return self._lost()
        if task.status != "error":
            return None
        error: BaseException = task.exception()
        if isinstance(error, self.distributed.KilledWorker):
            return EngineError(
                "dask: workers were lost again and again while they worked on the same piece",
                hint="is there too little memory? nanclean --memory SIZE says what a worker may take",
            )
        return error

    def result(self, task: Any) -> bytes:
        while not self.finished([task], SECONDS):
            pass
        failure = self.failure(task)
        if failure is not None:
            raise failure
        return bytes(task.result())

    def forget(self, tasks: Iterable[Any]) -> None:
        for task in tasks:
            task.release()

    def _lost(self) -> EngineError:
        return EngineError("dask: the scheduler has lost the work", hint="run the command again")

    def close(self) -> None:
        for each in (self._client, self._cluster):
            if each is not None:
                each.close()


def opened(address: Any, jobs: int, memory: int) -> Dask:
    """The engine for what the user said."""
    return Dask(address, memory, jobs)

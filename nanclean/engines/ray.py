"""Ray core tasks: the workers of a cluster that runs, or of one that is started here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from nanclean.engines._remote import Remote, needed
from nanclean.errors import EngineError

RETRIES = 3
"""Of a task whose worker was lost. Errors are not retried."""


class Ray(Remote):
    """Tasks of Ray. Each returns nothing, and beside it the bytes: so an error is seen before these are fetched."""

    name: ClassVar[str] = "ray"

    def __init__(self, address: str | None = None, memory: int = 2 << 30, jobs: int = 1) -> None:
        """address: of a cluster. None: the one that is in use, or one of so many `jobs`, stopped again."""
        self.ray = needed("ray", "ray")
        self._own = not self.ray.is_initialized()
        if self._own:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that it runs
            fresh = {"num_cpus": jobs, "include_dashboard": False} if address is None else {}
            try:
                self.ray.init(
                    address=address or "local", log_to_driver=False, logging_level="ERROR",
                    configure_logging=False, **fresh,
                )  # fmt: skip
            except (OSError, ValueError, RuntimeError) as error:  # ConnectionError is one of the first
                told = str(error).partition("\n")[0]
                raise EngineError(
                    f"ray: {address}: {told}", hint="is it the address of a cluster that runs? HOST:6379, or auto"
                ) from None
        self._run = self.ray.remote(num_cpus=1, max_retries=RETRIES, num_returns=2)(_beside_nothing)
        super().__init__(memory)

    def slots(self) -> int:
        return int(self.ray.cluster_resources().get("CPU", 0))

    def dumps(self, value: Any) -> bytes:
        return bytes(self.ray.cloudpickle.dumps(value, protocol=5))

    def keep(self, data: bytes) -> Any:
        return None, self.ray.put(data)

    def submit(self, function: Callable[..., bytes], *given: Any) -> Any:
        references = [each[1] if isinstance(each, tuple) else each for each in given]
        return tuple(self._run.remote(function, *references))

    def finished(self, tasks: Sequence[Any], seconds: float) -> Sequence[Any]:
        by_note = {note: (note, data) for note, data in tasks}
        found, _ = self.ray.wait(list(by_note), num_returns=1, timeout=seconds, fetch_local=False)
        return [by_note[note] for note in found]

    def failure(self, task: Any) -> BaseException | None:
        return self._failure(task[0])

    def result(self, task: Any) -> bytes:
        failure = self._failure(task[0]) or self._failure(task[1])
        if failure is not None:
            raise failure
        return bytes(self.ray.get(task[1]))

    def _failure(self, reference: Any) -> BaseException | None:
        try:
            self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            return error.cause if isinstance(error.cause, BaseException) else error
        except self.ray.exceptions.RayError as error:
            told = str(error).partition("\n")[0]
            return EngineError(f"ray: {told}", hint="was it the memory? --memory SIZE says what a worker may take")
        return None

    def forget(self, tasks: Iterable[Any]) -> None:
        # Not cancelled: where a task is just being finished, that ends this process (Ray 2.60). They are few.
        pass

    def close(self) -> None:
        if self._own:
            self.ray.shutdown()


def _beside_nothing(function: Callable[..., bytes], *given: Any) -> tuple[None, bytes]:
    return None, function(*given)


def opened(address: str | None, jobs: int, memory: int) -> Ray:
    """The engine for what the user said."""
    return Ray(address, memory, jobs)

"""What an engine is: it runs one function over the splits of a source, with a bounded number under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from nanclean.format import Source

Work = TypeVar("Work")
Result = TypeVar("Result")
State = TypeVar("State")
Seen = TypeVar("Seen", contravariant=True)


WRITING = 72 << 20
"""Bytes of a worker that changes, checks and writes what it has read (measured)."""


class Look(Protocol[Seen, State]):
    """Measuring that can be shared out. States merge in any order to the same."""

    @property
    def size(self) -> int:
        """About how many bytes a state takes."""
        ...

    def fresh(self) -> State:
        """An empty state, for one more worker."""
        ...

    def see(self, state: State, piece: Seen) -> None:
        """Take a piece into a state."""
        ...

    def merge(self, state: State, other: State) -> None:
        """Take in what another worker has seen; `other` is not used afterwards."""
        ...


class Engine(Protocol):
    """Runs one function over many pieces. It knows nothing about data."""

    apart: bool
    """Whether the work is done in other processes: what it changes in its pieces is not seen here."""
    jobs: int
    memory: int
    """Bytes that all of it may take; of one that works apart, each worker."""

    def room(self, state: int = 0) -> int:
        """Bytes that a worker may use, beside a state of so many."""
        ...

    def alone(self) -> Engine:
        """One that works on a piece after the other in this process, for rules that need the rows above."""
        ...

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        """The results in the order of the pieces, whoever finishes first. The first failure is raised as it was."""
        ...

    def stream(
        self, work: Callable[[Work], Iterable[Result]], pieces: Iterable[Work], size: Callable[[Result], int]
    ) -> Generator[Result, None, None]:
        """The same for work that gives many results, of so many bytes each; those that wait are bounded."""
        ...

    def fold(self, look: Look[Work, State], pieces: Iterable[Work], seen: Callable[[Work], None]) -> State:
        """What a look makes of all pieces. `seen` is told, in this thread, of each that is done, in any order."""
        ...

    def told(self) -> dict[str, Any] | None:
        """What the report says of other processes that have worked."""
        ...

    def close(self) -> None:
        """Let go of workers, and stop those that were started for it."""
        ...


def share(engine: Engine, source: Source, state: int = 0, *, writing: bool = False) -> None:
    """Tell a source how much memory its readers have, each beside a state of so many bytes.

    writing: what is read is changed, checked and written, so that there is more of it.
    """
    room = engine.room(state + WRITING) // 2 if writing else engine.room(state)
    source.room, source.largest = room, engine.memory // 2


def in_order(
    submit: Callable[[Work], Any], result: Callable[[Any], Result], pieces: Iterable[Work], ahead: int
) -> Iterator[Result]:
    """Keep `ahead` pieces under way, and give the results in their order."""
    todo = iter(pieces)
    under_way = deque(submit(piece) for piece in islice(todo, ahead))
    while under_way:
        yield result(under_way.popleft())
        under_way.extend(submit(piece) for piece in islice(todo, 1))

"""An engine without data: it answers each look with what is known of it already, and stops at one that is not."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

from nanclean.engine import Engine, Look, Result, State, Work
from nanclean.errors import InputError, UsageError
from nanclean.state import digest, unpacked

MEMORY = 512 << 20
"""Bytes that are planned with, in every process alike: plans decide which look comes next."""
_PASSING = frozenset({"template", "measures", "memory", "groups", "carries"})
"""Parts of a look that its fresh state tells, or that decide about speed only."""
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NotImplementedError, RecursionError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a state that is none of this look runs into."""


class Pending(Exception):
    """A look that has not been taken yet."""

    def __init__(self, key: str, look: Look[Any, Any]) -> None:
        super().__init__(key)
        self.key, self.look = key, look


class Replay:
    """The states of looks by their keys, packed."""

    apart = True
    jobs = 1
    memory = MEMORY

    def __init__(self, known: Mapping[str, bytes], name: str) -> None:
        self.known, self.name = known, name
        self.used: set[str] = set()

    def room(self, state: int = 0) -> int:
        return max(self.memory // 2 - state, self.memory // 16)

    def alone(self) -> Engine:
        _refuse("a rule needs the rows above, which are in other parts")

    def map(self, work: Callable[[Work], Result], pieces: Iterable[Work]) -> Iterator[Result]:
        _refuse("a rule holds rows against each other, which are in other parts")

    def stream(
        self, work: Callable[[Work], Iterable[Result]], pieces: Iterable[Work], size: Callable[[Result], int]
    ) -> Generator[Result, None, None]:
        _refuse("a rule holds rows against each other, which are in other parts")

    def fold(self, look: Look[Work, State], pieces: Iterable[Work], seen: Callable[[Work], None]) -> State:
        name = key(look)
        if name not in self.known:
            raise Pending(name, look)
        self.used.add(name)
        state = look.fresh()
        with sound(self.name):
            look.merge(state, unpacked(self.known[name], self.name))
        return state

    def told(self) -> None:
        return None

    def close(self) -> None:
        pass


def key(look: Any) -> str:
    """What tells that two processes mean the same look."""
    return digest(_told(look))


@contextmanager
def sound(name: str) -> Iterator[None]:
    """InputError if what is done with a state shows that it is none of its look."""
    try:
        yield
    except _DAMAGE as error:
        hint = "make it again with nanclean profile, or nanclean merge"
        raise InputError(f"{name}: is damaged, or of other data ({type(error).__name__})", hint=hint) from error


def _told(look: Any) -> list[Any]:
    parts: list[Any] = [type(look).__name__, look.fresh()]
    assert is_dataclass(look)
    for field in fields(look):
        if field.name in ("look", "work"):
            parts.append(_told(getattr(look, field.name)))
        elif field.name not in _PASSING:
            parts.append((field.name, getattr(look, field.name)))
    return parts


def _refuse(why: str) -> NoReturn:
    raise UsageError(f"{why}: this cannot be done in parts", hint="nanclean fix on one machine can")

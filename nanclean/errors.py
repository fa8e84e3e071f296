"""What can go wrong, with the exit code that it means and what to type next."""

from __future__ import annotations

from typing import ClassVar


class NancleanError(Exception):
    """An expected failure: one line that says what and where, and a hint that says what to do.

    Plain attributes, so that it survives pickling on its way back from a worker.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.message, self.hint)


def _again(kind: type[NancleanError], message: str, hint: str | None) -> NancleanError:
    return kind(message, hint=hint)


class UsageError(NancleanError):
    """The command line, or the arguments of a call, ask for something that cannot be."""

    exit_code = 2


class PolicyError(NancleanError):
    """The policy is wrong. `message` may have several lines, one for each mistake."""

    exit_code = 2


class TableError(PolicyError):
    """The policy is sound, and this table has not got the columns that it names."""


class InputError(NancleanError):
    """The input could not be read completely."""

    exit_code = 3


class OutputError(NancleanError):
    """The output could not be written."""

    exit_code = 3


class EngineError(NancleanError):
    """The cluster that was to do the work could not: it is not there, or has lost too many workers."""

    exit_code = 3


class RecipeError(NancleanError):
    """The recipe is wrong, or does not fit the data."""

    exit_code = 2


class RuleError(NancleanError):
    """A rule cannot do to this data what it says."""

    exit_code = 4


class BudgetError(NancleanError):
    """Cleaning costs more than the policy allows."""

    exit_code = 4


class VerificationError(NancleanError):
    """What was written is not what was promised."""

    exit_code = 4

"""What a policy is made of: rules, exceptions from the built-in checks, spellings of columns, a budget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from nanclean import registry
from nanclean.detector import Detector, Severity
from nanclean.drift import Drift
from nanclean.errors import PolicyError
from nanclean.fixer import Fixer
from nanclean.grammar import Limit, Sentence, Word, columns, sentence, written
from nanclean.grammar import fixer as read_fixer
from nanclean.part import Call, call, did_you_mean, member
from nanclean.wording import quoted, shown

ALL = Word("selector", "@all")


@dataclass(frozen=True)
class Rule:
    """Where, what is bad, how much is too much, what to do. `str` gives its one spelling."""

    columns: tuple[Word, ...]
    excepted: tuple[Word, ...] = ()
    find: Detector | None = None
    """None: every cell. Only a fix does something with that."""
    limit: Limit | None = None
    fix: Fixer | None = None
    severity: Severity | None = None
    """None: error, or info where a fix will repair what is found."""
    name: str | None = None
    where: str | None = None
    """`nanclean.toml:7`; None for an option."""
    key: str = "rules"
    drift: Drift | None = None
    """A measure of two datasets; then there is no find, and no fix."""

    def __str__(self) -> str:
        return written(self.columns, self.excepted, self.drift or self.find, self.limit, self.fix)

    @property
    def line(self) -> int | None:
        """Its line in the policy."""
        line = (self.where or "").rpartition(":")[2]
        return int(line) if line.isdigit() else None


@dataclass(frozen=True)
class Ignore:
    """A built-in check, switched off for some columns."""

    find: str
    columns: tuple[Word, ...] = (ALL,)
    excepted: tuple[Word, ...] = ()
    where: str | None = None


@dataclass(frozen=True)
class Spelling:
    """What a policy says of one column: more spellings of "missing", and its type."""

    missing: tuple[str, ...] = ()
    type: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Budget:
    """What cleaning may cost."""

    rows_dropped: Limit | None = None
    rows_dropped_per_class: Limit | None = None
    cells_changed: Limit | None = None
    mean_shift: float | None = None
    """In standard deviations before."""


def rule(text: str, where: str | None = None) -> Rule:
    """Read one rule. PolicyError says what is wrong with it."""
    read = sentence(text)
    if read.find is not None and read.find.name in registry.names("drifts"):
        measure = drift(str(read.find))
        compared(measure, read.limit, read.fix)
        return Rule(read.columns, read.excepted, limit=read.limit, where=where, drift=measure)
    return Rule(read.columns, read.excepted, _found(read), read.limit, _fix(read.fix), where=where)


def find(text: str) -> Detector:
    """Read a find alone: `iqr(3)`."""
    return _detector(call(text))


def drift(text: str) -> Drift:
    """Read a measure of drift alone: `psi`."""
    written_call = call(text)
    return cast(Drift, member("drifts", written_call.name).from_call(written_call))


def compared(measure: Drift, limit: Limit | None, fix: object | None) -> None:
    """PolicyError if a rule on a measure of drift has a fix, or a limit that says nothing there."""
    if fix is not None:
        raise PolicyError(
            f"{measure.name} compares two datasets, so there are no cells for {fix} to repair",
            hint=f"leave the fix out: {measure.example}",
        )
    if limit is not None:
        measure.held(limit)


def fixer(text: str) -> Fixer:
    """Read a fix alone: `impute(median)`."""
    fix = _fix(read_fixer(text))
    assert fix is not None
    return fix


def _fix(written_call: Call | None) -> Fixer | None:
    if written_call is None:
        return None
    return cast(Fixer, member("fixers", written_call.name).from_call(written_call))


def ignored(text: str, where: str | None = None) -> Ignore:
    """Read `constant: year`, or `constant` for every column."""
    name, colon, rest = text.partition(":")
    name = name.strip()
    known = [*(check.name for check in builtin_finds()), *registry.names("drifts")]
    if name not in known:
        if name in registry.names("detectors"):
            raise PolicyError(f"{name} is no built-in check, so there is nothing to ignore; leave out its rule")
        if rest.strip() in known:
            raise PolicyError(f"{shown(text)!r}: the check comes first: {rest.strip()}: {name}")
        raise PolicyError(f"there is no check {shown(name)!r}{did_you_mean(name, known)}")
    return Ignore(name, *columns(rest), where=where) if colon else Ignore(name, where=where)


@lru_cache(maxsize=1)
def builtin_finds() -> tuple[Detector, ...]:
    """The checks that are on without a rule."""
    kinds = [cast(type[Detector], member("detectors", name)) for name in registry.names("detectors")]
    return tuple(kind() for kind in kinds if kind.builtin)


def _found(read: Sentence) -> Detector | None:
    if read.find is None:
        return None
    try:
        return _detector(read.find)
    except PolicyError:
        finds, word = registry.names("detectors"), read.columns[0].text
        if len(read.columns) == 1 and word in finds and read.find.name not in finds:
            said = (
                f"there is no find {shown(read.find.name)!r}; the columns come first: {quoted(read.find.name)}: {word}"
            )
            raise PolicyError(said) from None
        if read.find.name in registry.names("fixers"):
            raise PolicyError(f"{read.find.name} is a fix, not a find; write -> {read.find}") from None
        raise


def _detector(written_call: Call) -> Detector:
    name = written_call.name
    if name not in registry.names("detectors"):
        finds, measures = registry.names("detectors"), registry.names("drifts")
        near = registry.nearest(name[:100], (*finds, *measures))
        raise PolicyError(f"there is no find {shown(name)!r}{did_you_mean(name, (near,) if near else finds)}")
    return cast(Detector, member("detectors", name).from_call(written_call))

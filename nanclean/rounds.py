"""Measuring in rounds, without any engine: processes that know nothing of each other look at parts of a table.

Each takes the same programs (a scan, and a fit where there is something to be fitted) as far as what is known goes, and
then takes the looks that are missing at its own part. What all parts have found is merged, and is known in the next
round. Of text the first round finds where its records are, a file after the other.
"""

from __future__ import annotations

import os
import pickle
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Self

from nanclean.dataset import Dataset
from nanclean.draft import Draft
from nanclean.engine import Engine, Look, share
from nanclean.errors import InputError, RuleError, UsageError
from nanclean.fixing import Fixing
from nanclean.format import ReadOptions, Source, Split
from nanclean.policy import Policy
from nanclean.replay import MEMORY, Pending, Replay, sound
from nanclean.scanning import Scan, versions
from nanclean.state import digest, packed, unpacked
from nanclean.version import version
from nanclean.wording import listed, several

AGAIN = "make it again with nanclean profile"


@dataclass(frozen=True)
class Part:
    """One of several parts of a table: number 3 of 64."""

    number: int
    """From 1."""
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def mine(self, shares: Sequence[float]) -> range:
        """The places of the pieces that are in it. shares: how much of the table has been read after each of them.

        All parts together are all pieces, in runs of about the same size.
        """
        whole = max(shares, default=0.0)
        found, before = [], 0.0
        for place, after in enumerate(shares):
            middle = (before + after) / 2 / whole if whole else 0.0
            if min(int(middle * self.of), self.of - 1) == self.number - 1:
                found.append(place)
            before = after
        return range(found[0], found[-1] + 1) if found else range(0)


def numbered(text: str) -> Part:
    """`3/64`. UsageError for anything else."""
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"{text!r} is no part", hint="the third of 64 parts is 3/64")
    return Part(int(found[1]), int(found[2]))


@dataclass
class Known:
    """What has been found out of a table so far: all of it, or (with a part) what one process has added."""

    source: str
    """Which table, as a digest."""
    asked: Mapping[str, Any]
    """How it was asked for: the arguments of `api.profile`."""
    looks: dict[str, bytes] = field(default_factory=dict)
    """By the keys of the looks: packed states."""
    cuts: dict[int, Any] = field(default_factory=dict)
    """By the number of a file of text: where its records are."""
    part: Part | None = None
    after: str | None = None
    """Of a part: the file of what was known before."""
    rounds: int = 0
    """Looks that have been merged."""
    name: str = ""
    """The file that it was read from."""
    waits: bool = False
    """Of a part: something is looked for in this round, though nothing of it may lie here."""
    complete: bool = False
    """Nothing is left to be looked at."""

    @classmethod
    def nothing(cls, source: Source, asked: Mapping[str, Any]) -> Self:
        """Before the first round."""
        return cls(identity(source), asked)

    def next(self) -> str:
        """What is to be typed now."""
        files = shlex.join([*(["--as-one"] if self.asked["as_one"] else []), *self.asked["paths"]])
        if self.complete or not (self.cuts or self.looks):
            return f"nanclean scan {files} --profile {shlex.quote(self.name)}"
        return f"nanclean profile {files} --part K/N --after {shlex.quote(self.name)} -o PART"

    def written(self) -> bytes:
        """All of it, for a file."""
        part = None if self.part is None else (self.part.number, self.part.of)
        return packed(
            {
                "versions": _versions(), "source": self.source, "asked": dict(self.asked), "part": part,
                "after": self.after, "rounds": self.rounds, "cuts": self.cuts, "looks": self.looks,
            }
        )  # fmt: skip

    def source_is(self, source: Source) -> None:
        """InputError if it is about another table."""
        if self.source != identity(source):
            raise InputError(
                f"{self.name}: is not of {source.path}, but of a table with other files, sizes, times or columns",
                hint=AGAIN,
            )

    def adopted(self, source: Source) -> list[int]:
        """Let a source know what is known of its records. The files of which nothing is."""
        self.source_is(source)
        missing = []
        for number in source.uncut():
            if number in self.cuts:
                with sound(self.name):
                    source.adopt(number, self.cuts[number])
            else:
                missing.append(number)
        if not missing and isinstance(source, Dataset):
            for _ in source.splits():  # it knows then where each file begins
                pass
        return missing


def read(path: str) -> Known:
    """What a file of `nanclean profile` or `nanclean merge` says. InputError if it is none, or of other versions."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            hint="nanclean profile writes parts, nanclean merge what is known",
        ) from None
    found = unpacked(data, path)
    with sound(path):
        its = found["versions"]
        for name, mine in _versions().items():
            if its[name] != mine:
                raise InputError(f"{path}: was made with {name} {its[name]}, and this is {mine}", hint=AGAIN)
        part = None if found["part"] is None else Part(*found["part"])
        known = Known(
            found["source"], found["asked"], found["looks"], found["cuts"], part, found["after"], found["rounds"], path
        )
        kinds = ((known.source, str), (known.asked, dict), (known.looks, dict), (known.cuts, dict), (known.rounds, int))
        if not all(isinstance(value, kind) for value, kind in kinds):
            raise TypeError
        if not all(isinstance(k, str) and isinstance(v, bytes) for k, v in known.looks.items()):
            raise TypeError
        return known


def known(path: str) -> Known:
    """What `nanclean merge` has written. InputError for one part of it."""
    found = read(path)
    if found.part is not None:
        raise InputError(f"{path}: is one part only", hint="nanclean merge PART... -o FIRST puts all of them together")
    return found


def save(path: str, what: Known) -> None:
    """A file, whole or not at all."""
    draft = Draft(path, private=True)  # it holds values of the data
    try:
        with open(draft.path, "wb") as file:
            file.write(what.written())
        draft.sync()
        draft.publish()
    finally:
        draft.discard()


def identity(source: Source) -> str:
    """What tells that two processes read the same table: names, sizes, and times (or what a store says instead)."""
    if isinstance(source, Dataset):
        files = [(n, member.size, member.mark) for n, member in zip(source.outputs, source.members, strict=True)]
    else:
        mark = () if source.file is None else source.file.mark
        files = [(os.path.basename(source.path), source.size or 0, mark)]
    return digest([source.format, files, [(each.name, each.type, each.bits) for each in source.fields]])


def _versions() -> dict[str, str]:
    return {"nanclean": str(version()), **versions()}


# --- programs


@dataclass
class Programs:
    """What is to be found out about a table: each takes looks until one is missing."""

    source: Source
    policy: Policy
    """Of the scan."""
    fitted: Policy | None
    """Of the fit. None: there is nothing to be fitted."""
    options: ReadOptions

    def __post_init__(self) -> None:
        for policy in (self.policy, self.fitted):
            refuse_rows(policy)

    def pending(self, known: Known) -> dict[str, Look[Any, Any]]:
        """The looks that are missing, by their keys."""
        missing: dict[str, Look[Any, Any]] = {}
        for program in self._programs(Replay(known.looks, known.name)):
            try:
                with sound(known.name) if known.looks else nullcontext():
                    program()
            except Pending as pending:
                missing[pending.key] = pending.look
            except RuleError:
                pass  # fit --profile tells it; a scan is not in its way
        return missing

    def _programs(self, engine: Replay) -> Iterator[Callable[[], Any]]:
        scan = Scan(self.source, self.policy, self.options.decimal, 1, MEMORY, True, None, engine=engine)
        yield lambda: self._scanned(scan)
        if self.fitted is not None:
            fit = Fixing(self.source, self.fitted, self.options, 1, MEMORY, True, None, command="fit", given=engine)
            yield fit.fitted

    def _scanned(self, scan: Scan) -> None:
        before = len(self.source.differences) if isinstance(self.source, Dataset) else 0
        try:
            scan.report("never", time.monotonic())
        finally:
            if isinstance(self.source, Dataset):  # the fit reads the same source
                del self.source.differences[before:]


def refuse_rows(policy: Policy | None) -> None:
    """UsageError if a rule holds rows against each other."""
    for rule in () if policy is None else policy.rules:
        if rule.find is not None and rule.find.scope == "row":
            raise UsageError(
                f"{str(rule)!r} holds rows against each other: this cannot be done in parts",
                hint="leave it out here, and run it on one machine",
            )


# --- one round


def profiled(
    programs: Programs, part: Part, before: Known, engine: Engine, seen: Callable[[float], None] = lambda share: None
) -> Known:
    """What a part of the table adds to what is known. Nothing, if nothing is missing."""
    source = programs.source
    uncut = before.adopted(source)
    answer = Known(before.source, before.asked, part=part, after=before.name or None, rounds=before.rounds)
    answer.waits = True
    if uncut:
        sizes = [member.size for member in source.members] if isinstance(source, Dataset) else [source.size or 1]
        shares, done = [], 0
        for number in uncut:
            done += max(sizes[number], 1)
            shares.append(done / sum(max(sizes[number], 1) for number in uncut))
        for place in part.mine(shares):
            answer.cuts[uncut[place]] = source.cuts(uncut[place])
            seen(shares[place])
        source.check()
        return answer
    looks = programs.pending(before)
    answer.waits = bool(looks)
    every = [split.share for split in source.splits()]
    mine = part.mine(every)
    for key, look in looks.items():
        look = pickle.loads(pickle.dumps(look))  # without what is in memory
        share(engine, source, look.size)
        state = engine.fold(look, _splits(source, mine), lambda split: seen(split.share))
        answer.looks[key] = packed(state)
    source.check()
    return answer


def _splits(source: Source, places: range) -> Iterator[Split]:
    """Some splits. Those of text in several files keep what their readers learn to themselves."""
    for place, split in enumerate(source.splits()):
        if place in places:
            apart = source.lexical and isinstance(source, Dataset)
            yield pickle.loads(pickle.dumps(split)) if apart else split
        elif places and place >= places.stop:
            return


def complete(parts: Sequence[Known]) -> list[Known]:
    """The parts in their order. InputError or UsageError unless they are all parts of one round, each once."""
    first = parts[0]
    if first.part is None:
        raise InputError(f"{first.name}: is no part, but merged already", hint="name what nanclean profile has written")
    by_number: dict[int, Known] = {}
    for each in parts:
        if each.part is None:
            raise InputError(f"{each.name}: is no part, but merged already", hint="leave it out")
        if each.source != first.source:
            raise InputError(f"{each.name}: is of another table than {first.name}", hint=AGAIN)
        if each.part.of != first.part.of:
            raise InputError(f"{each.name}: is part {each.part}, and {first.name} part {first.part}", hint=AGAIN)
        if set(each.looks) != set(first.looks) or each.rounds != first.rounds:
            raise InputError(f"{each.name}: is of another look, or of other rules, than {first.name}", hint=AGAIN)
        twice = by_number.get(each.part.number)
        if twice is not None:
            raise UsageError(f"{each.name}: is part {each.part}, as {twice.name} is", hint="name each part once")
        by_number[each.part.number] = each
    missing = [str(number) for number in range(1, first.part.of + 1) if number not in by_number]
    if missing:
        raise UsageError(
            f"{several(len(missing), 'part is', 'parts are')} missing of {first.part.of}: {listed(missing, 10)}",
            hint=f"nanclean profile ... --part {missing[0]}/{first.part.of}",
        )
    return [by_number[number] for number in sorted(by_number)]


def merged(programs: Programs, before: Known, parts: Sequence[Known]) -> Known:
    """What is known when all parts of a round have been looked at. They are taken in their order."""
    uncut = before.adopted(programs.source)
    answer = Known(
        before.source,
        parts[0].asked,
        dict(before.looks),
        dict(before.cuts),
        rounds=before.rounds + bool(parts[0].looks),
    )
    if uncut:
        for part in parts:
            answer.cuts |= part.cuts
        left = sorted(set(uncut) - set(answer.cuts))
        if left or any(part.looks for part in parts):
            raise InputError(f"{parts[0].name}: does not follow {before.name or 'the beginning'}", hint=AGAIN)
        return answer
    looks = programs.pending(before)
    if set(looks) != set(parts[0].looks):
        raise InputError(
            f"{parts[0].name}: is not of the look that {before.name or 'the beginning'} asks for",
            hint="have the files, the policy or the options changed? begin anew with nanclean profile",
        )
    for key, look in looks.items():
        state = look.fresh()
        for part in parts:
            with sound(part.name):
                look.merge(state, unpacked(part.looks[key], part.name))
        answer.looks[key] = packed(state)
    return answer


@contextmanager
def replaying(path: str, source: Source) -> Iterator[Replay]:
    """An engine that knows what a file says of a source. UsageError where that is not enough."""
    found = known(path)
    missing = UsageError(
        f"{path}: another look is needed for this",
        hint=f"nanclean profile {source.path} --part K/N --after {path} -o PART, with the same options",
    )
    if found.adopted(source):
        raise missing
    try:
        with sound(path):
            yield Replay(found.looks, path)
    except Pending:
        raise missing from None

"""Several files as one table: in the order of their names, with the rows numbered through and the columns of all.

The order is that of the paths as text: part-10 comes before part-2. A file is opened when it is read and closed soon
after, so that the number of files is bounded by nothing but what has to be known of each: a name, its rows and cuts.
"""

from __future__ import annotations

import os
import pickle
import re
import stat
import sys
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, cast
from urllib.parse import unquote

import pyarrow as pa

from nanclean import registry
from nanclean.batch import Batch, Raw
from nanclean.draft import refuse_folder
from nanclean.errors import InputError, UsageError
from nanclean.escaping import shortened
from nanclean.file import COMPRESSIONS, shown
from nanclean.format import RAGGED, Difference, Facts, Field, Learned, ReadOptions, Source, Split
from nanclean.formats._union import absent, concatenated, converted, union
from nanclean.opening import OBJECTS, TEXT, opened
from nanclean.typed import stored, type_of
from nanclean.wording import listed, quoted

OPEN = 12
"""Files that stay open when nobody reads them."""
OPENERS = 8
"""Files that are opened side by side, to see what is in them: most of the time is waiting."""
CUTTERS = 2
AHEAD = 4
"""Text files whose records are found while others are read …"""
SMALL = 64 << 20
"""… if they have no more bytes. Of larger ones the first part can be read before the rest is known."""
PLACES = 16
SAMPLED = 65_536
NOTES = 20
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
PROSE = ".txt"
"""A table only where nothing else is one: it mostly says what the others are about."""


def source_of(
    source: object, options: ReadOptions | None = None, room: int | None = None, *, as_one: bool = False
) -> Source:
    """A source for anything: a folder, or with `as_one` several paths, is one dataset.

    room: bytes that may be held in memory of what is no file on disk.
    """
    options = options or ReadOptions()
    if isinstance(source, list | tuple) and source and all(isinstance(path, str | os.PathLike) for path in source):
        if not as_one:
            raise UsageError("several paths are several tables", hint="as_one=True reads them as one")
        paths = sorted(dict.fromkeys(os.fsdecode(os.fspath(path)) for path in source))
        files = [each for path in paths for each in (_in_folder(path) if is_folder(path) else [path])]
        if len(paths) > 1:
            _refuse_mixed(files)
            return Dataset(listed(list(map(shown, paths)), 2), "", sorted(dict.fromkeys(files)), options, room)
        source = paths[0]
    if is_folder(source):
        folder = os.fsdecode(os.fspath(cast(str, source)))
        return Dataset(shown(folder), folder, tables_in(folder), options, room)
    return _opened(source, options, room)


def _refuse_mixed(paths: Sequence[str]) -> None:
    """UsageError for one file under two names, and for files of which only some are on disk."""
    near = [path for path in paths if "://" not in path]
    if near and len(near) < len(paths):
        far = next(path for path in paths if "://" in path)
        raise UsageError(
            f"{near[0]} and {shown(far)}: files on disk and elsewhere are not one dataset",
            hint="download the others first",
        )
    known: dict[str, str] = {}
    for path in near:
        other = known.setdefault(os.path.realpath(path), path)
        if other != path:
            raise UsageError(f"{other} and {path} are the same file", hint="name it once")


def _opened(source: object, options: ReadOptions, room: int | None) -> Source:
    return opened(source, options) if room is None else opened(source, options, room)


def becomes_folder(source: object, output: object, as_one: bool) -> bool:
    """Whether the output of a source is a folder: of a dataset, under a name that is not one of a table."""
    several = as_one and isinstance(source, list | tuple) and len(source) > 1
    return (several or is_folder(source)) and _suffix(os.fsdecode(cast(str, output))) not in suffixes()


def refuse_outputs(targets: Sequence[str], force: bool, inputs: tuple[str, ...]) -> None:
    """UsageError or OutputError if a folder cannot or must not be written. Before anything is read."""
    known = tuple({*suffixes(), *COMPRESSIONS})
    for target in targets:
        if "://" in target:
            raise UsageError(f"{target}: a folder is written on disk only", hint="-o FOLDER, or -o one.parquet")
        if _suffix(target) in known:
            raise UsageError(f"{target}: is the name of a file, and a dataset becomes a folder", hint="-o FOLDER")
        refuse_folder(target, force=force, inputs=inputs, suffixes=known)


def is_folder(source: object) -> bool:
    """Whether it is the path of a folder, or a URL that ends like one."""
    if not isinstance(source, str | os.PathLike):
        return False
    if "://" in str(source):
        return str(source).endswith("/")
    try:
        return os.path.isdir(source)
    except ValueError:
        return False


def _in_folder(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in tables_in(folder)]


def tables_in(folder: str) -> list[str]:
    """The tables in and below a folder by their names, sorted; relative to it. UsageError unless they are of one kind.

    Names that begin with a dot or an underscore are passed over, as Spark and pyarrow do, and so are links to folders.
    """
    formats = suffixes()
    found: dict[str, list[str]] = {}
    for name in _below_url(folder) if "://" in folder else _below(folder, ""):
        suffix = _suffix(name)
        if suffix in formats:
            found.setdefault("prose" if suffix == PROSE else formats[suffix], []).append(name)
    prose = found.pop("prose", [])
    if not found and prose:
        found[TEXT] = prose
    if not found:
        raise UsageError(
            f"{folder}: there is no table in this folder", hint=f"looked for: {' '.join(sorted(set(formats)))}"
        )
    if len(found) > 1:
        firsts = [os.path.join(folder, min(names)) for _, names in sorted(found.items())]
        suffix = _suffix(firsts[0])
        raise UsageError(
            f"{folder}: holds tables of several formats: {listed(firsts)}",
            hint=f"name those of one: --as-one '{os.path.join(folder, '**', '*' + suffix)}'",
        )
    return sorted(next(iter(found.values())))


def suffixes() -> dict[str, str]:
    """Endings of names, and the format that each means."""
    found: dict[str, str] = {}
    for name in registry.names("formats"):
        if name != OBJECTS:
            found |= dict.fromkeys(getattr(registry.module("formats", name), "suffixes", ()), name)
    return found


def _suffix(name: str) -> str:
    """The ending that tells the format, without that of a compression."""
    stem, suffix = os.path.splitext(name.lower())
    return os.path.splitext(stem)[1] if suffix in COMPRESSIONS else suffix


def _below_url(url: str) -> Iterator[str]:
    from nanclean.files.remote import entries  # few need it

    root = url.partition("://")[2].lstrip("/")
    for entry in entries(url):
        name = entry.partition("://")[2].lstrip("/").removeprefix(root)  # some libraries add a slash
        if not any(part.startswith((".", "_")) for part in name.split("/")):
            yield name


def _below(folder: str, within: str) -> Iterator[str]:
    path = os.path.join(folder, within)
    try:
        with os.scandir(path) as entries:
            every = [entry for entry in entries if not entry.name.startswith((".", "_"))]
    except OSError as error:
        raise InputError(
            f"{path}: {(error.strerror or str(error)).lower()}", hint=f"look at it with: ls -ld {path}"
        ) from None
    for entry in every:
        name = os.path.join(within, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder, name)
        elif not entry.is_dir() and not _is_special(entry):
            yield name


def _is_special(entry: os.DirEntry[str]) -> bool:
    """A pipe or a device: to open it may take for ever."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False  # a link that leads nowhere is told when it is opened


# --- files


class Opened:
    """Sources that are open, by how they are opened. Those that are not read are closed when they are too many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()

    @contextmanager
    def using(self, how: bytes, room: int | None = None, largest: int | None = None) -> Iterator[Entry]:
        """A source that stays open as long as it is used."""
        with self._lock:
            entry = self._entries.setdefault(how, Entry(how))
            self._entries.move_to_end(how)
            entry.users += 1
        try:
            entry.open()
            if room is not None:
                entry.source.room = room
            if largest is not None:
                entry.source.largest = largest
            yield entry
        finally:
            with self._lock:
                entry.users -= 1
                self._close(len(self._entries) - self.most)

    def forget(self, how: Sequence[bytes]) -> None:
        """Close some, or have them closed when nobody uses them."""
        with self._lock:
            for each in how:
                entry = self._entries.get(each)
                if entry is not None and not entry.users:
                    self._entries.pop(each).close()

    def _close(self, too_many: int) -> None:
        for how in [how for how, entry in self._entries.items() if not entry.users][: max(too_many, 0)]:
            self._entries.pop(how).close()


class Entry:
    """A source that may be open."""

    source: Source

    def __init__(self, how: bytes) -> None:
        self.how, self.users = how, 0
        self._lock = threading.Lock()
        self._splits: Iterator[Split] | None = None
        self._known: list[Split] = []

    def open(self) -> None:
        """Open it, if it is not open: by the first one that wants it."""
        with self._lock:
            if not hasattr(self, "source"):
                self.source = pickle.loads(self.how)  # made by `described`, in this process or its parent

    def split(self, place: int) -> Split | None:
        """One of its splits, or None behind the last."""
        with self._lock:
            if self._splits is None:
                self._splits = iter(self.source.splits())
            while len(self._known) <= place:
                found = next(self._splits, None)
                if found is None:
                    return None
                self._known.append(found)
            return self._known[place]

    def close(self) -> None:
        """Let go of the file."""
        if hasattr(self, "source"):
            self.source.close()


OPENED = Opened(OPEN)
"""Of this process."""


@dataclass(eq=False)
class Kind:
    """Files with the same columns."""

    fields: tuple[Field, ...]
    nothing: tuple[Raw, ...]
    first: str
    files: int = 0
    plan: tuple[int | None, ...] = ()
    """Of each column of the table its place in the file; None: it is not there."""
    like: dict[int, Raw] = field(default_factory=dict)
    """Columns of the table that are of another type, or not there: without rows."""

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]


@dataclass(eq=False)
class Member:
    """What is known of a file."""

    name: str
    """Relative to the folder, or as it was typed."""
    path: str
    how: bytes
    """How it is opened: a pickled source."""
    size: int
    stored: int
    details: dict[str, Any] = field(default_factory=dict)
    guessed: bool = False
    """Its encoding."""
    values: dict[str, str | None] = field(default_factory=dict)
    """What the names of its folders say."""
    rows: int | None = None
    """None: nobody has looked."""
    shares: tuple[float, ...] | None = None
    """How much of the file has been read after each of its splits."""
    ragged: int = 0
    encoding: str | None = None
    delimiter: str | None = None
    kind: Kind = field(init=False)
    known: tuple[int, int, int] | None = None
    """What tells that a file on disk is the same."""
    mark: tuple[str, ...] = ()
    """What tells the same to other processes."""


@dataclass(frozen=True)
class Reader:
    """Reads the columns of the table from one file. Small: it goes to workers."""

    how: bytes
    name: str
    width: int
    """Columns of the file."""
    plan: tuple[int | None, ...]
    like: Mapping[int, Raw]
    values: Mapping[int, pa.Array]
    """Columns whose only value stands in the name of a folder: one cell."""

    def batches(self, split: Split, shift: int, columns: Sequence[int] | None) -> Iterator[Batch]:
        """The records of a split of the file as those of the table."""
        every = len(self.plan) + len(self.values)
        wanted = range(every) if columns is None else columns
        places = self._places(wanted)
        read = None if columns is None else places or list(range(min(self.width, 1)))
        found = range(self.width) if read is None else read
        position = {place: i for i, place in enumerate(found)}
        for batch in split.batches(read):
            ragged = None if batch.ragged is None else batch.ragged + shift
            cells = [self._cells(i, batch, position) for i in wanted]
            own = batch if columns is None else None
            yield Batch(batch.start + shift, batch.rows, cells, ragged, batch.origin, own)

    def of(self, batch: Batch) -> list[Raw]:
        """All columns of the table, from all columns of the file."""
        position = {place: place for place in range(self.width)}
        return [self._cells(i, batch, position) for i in range(len(self.plan) + len(self.values))]

    def _places(self, wanted: Sequence[int]) -> list[int]:
        places = (self.plan[i] for i in wanted if i < len(self.plan))
        return sorted({place for place in places if place is not None})

    def _cells(self, i: int, batch: Batch, position: Mapping[int, int]) -> Raw:
        if i >= len(self.plan):
            return _repeated(self.values[i], batch.rows)
        place = self.plan[i]
        if place is None:
            return absent(batch.rows, self.like[i])
        raw = batch.columns[position[place]]
        if i not in self.like:
            return raw
        try:
            return converted(raw, self.like[i])
        except pa.ArrowException as error:
            told = shortened(str(error).partition("\n")[0], 120)
            raise InputError(
                f"{self.name}: column {place + 1} does not fit the type that it has in other files: {told}",
                hint="write the files with one schema",
            ) from None


@dataclass(frozen=True)
class DatasetSplit(Split):
    """A split of one of the files."""

    reader: Reader
    index: int
    place: int
    """Among the splits of the file."""
    start: int
    """The first record of the file."""
    file: int
    """Its number."""
    done: float
    room: int
    largest: int
    seen: Callable[[Source], None] | None = None
    """Told when all of it has been read, in the process that has made it."""
    sent: Split | None = None
    """The split of the file itself, where it came with this one from another process."""

    @property
    def share(self) -> float:
        return self.done

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Batch]:
        if self.sent is not None:
            yield from self.reader.batches(self.sent, self.start, columns)
            return
        with OPENED.using(self.reader.how, self.room, self.largest) as entry:
            split = entry.split(self.place)
            if split is None:
                entry.source.check()
                raise InputError(f"{self.reader.name}: changed while it was read", hint="run the command again")
            yield from self.reader.batches(split, self.start, columns)
            if self.seen is not None:
                self.seen(entry.source)

    def learned(self) -> Learned:
        if self.sent is None:
            return Learned()
        found = self.sent.learned()
        ragged = {(self.file, piece): n for (_, piece), n in found.ragged.items()}
        return Learned(ragged, [(self.file, *each[1:]) for each in found.first])

    def __reduce__(self) -> tuple[Any, ...]:
        sent = self.sent
        if sent is None:
            with OPENED.using(self.reader.how) as entry:
                if entry.source.lexical:  # to find its records again would be another look at the file
                    sent = entry.split(self.place)
        given = (
            self.reader, self.index, self.place, self.start, self.file, self.done, self.room, self.largest, None, sent
        )  # fmt: skip
        return DatasetSplit, given


# --- all of them


class Dataset(Source):
    """Files of one format as one table."""

    def __init__(
        self, path: str, folder: str, names: Sequence[str], options: ReadOptions, room: int | None = None
    ) -> None:
        """names: of the files, sorted; relative to the folder, if there is one."""
        self.path, self.folder, self.options = path, folder, options
        self._room = room
        self.differences: list[Difference] = []
        """As the schemas tell; whoever looks into the cells adds what these tell."""
        self._known: Facts | None = None
        """Until something changes."""
        self._kinds: dict[Any, Kind] = {}
        self._notes: dict[str, None] = {}
        self._ragged: dict[int, list[tuple[int, int, int]]] = {}
        self._pieces: dict[int, dict[int, int]] = {}
        """Of each file how many ragged records are in its pieces, as other processes have found."""
        self._lock = threading.Lock()
        self.members = self._found(names)
        self.starts = [sys.maxsize] * len(self.members)
        """The first record of each file, as far as is known."""
        self._bytes = sum(member.size for member in self.members)
        self._join()

    @property
    def size(self) -> int:  # type: ignore[override] # of what is in memory it is not known
        return self._bytes

    @property
    def stored(self) -> int:
        return sum(member.stored for member in self.members)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    # --- what is in the files

    def _found(self, names: Sequence[str]) -> list[Member]:
        """Every file is opened once, to see what is in it, and closed again."""
        members: list[Member] = []
        with ThreadPoolExecutor(OPENERS, thread_name_prefix="nanclean-open") as pool:
            for at in range(0, len(names), 32 * OPENERS):  # a failure is told before all others have been opened
                for source, member in pool.map(self._described, names[at : at + 32 * OPENERS]):
                    self._take(source, member, members)
        return members

    def _described(self, name: str) -> tuple[_Description, Member]:
        path = os.path.join(self.folder, name)
        known = _known(path)
        source = _opened(path, self.options, self._room)
        try:
            facts = source.facts
            member = Member(shown(name), shown(path), pickle.dumps(source), source.size or 0, source.stored or 0)
            member.known = known
            member.mark = () if source.file is None else source.file.mark
            member.values = _values_in(name) if self.folder else {}
            _learn(member, source, facts)
            if not source.lexical:
                member.rows, member.shares = facts.rows, tuple(split.share for split in source.splits())
            nothing = () if source.lexical else tuple(source.nothing().columns)
            return _Description(source.format, source.lexical, source.quick, source.fields, nothing, facts), member
        finally:
            source.close()

    def _take(self, found: _Description, member: Member, members: list[Member]) -> None:
        if not members:
            self.format, self.lexical, self.quick = found.format, found.lexical, found.quick  # type: ignore[misc]
            self._header, self._first = found.facts.header, found.facts.first
        elif found.format != self.format:
            raise UsageError(
                f"{self.path}: {members[0].path} is a {self.format} file and {member.path} a {found.format} file",
                hint="one dataset is of one format",
            )
        for note in found.facts.notes:
            if len(self._notes) < NOTES:
                self._notes.setdefault(f"{member.name}: {note}")
        self.quick = self.quick and found.quick
        key = tuple((field.name, _key(found.nothing, i)) for i, field in enumerate(found.fields))
        kind = self._kinds.setdefault(key, Kind(found.fields, found.nothing, member.name))
        kind.files += 1
        member.kind = kind
        members.append(member)

    def _join(self) -> None:
        """The columns of all files, and where each file has them."""
        kinds = list(self._kinds.values())
        names = list(dict.fromkeys(name for kind in kinds for name in kind.names))
        position = {name: i for i, name in enumerate(names)}
        nothing: list[Raw | None] = [None] * len(names)
        for kind in kinds:
            plan: list[int | None] = [None] * len(names)
            for place, name in enumerate(kind.names):
                i = position[name]
                plan[i] = place
                raw = _EMPTY if self.lexical else kind.nothing[place]
                before = nothing[i]
                nothing[i] = raw if before is None or before is raw else union(before, raw)
            kind.plan = tuple(plan)
        common = [raw for raw in nothing if raw is not None]
        for kind in kinds:
            kind.like = {
                i: common[i] for i, place in enumerate(kind.plan)
                if place is None or (not self.lexical and _key(kind.nothing, place) != _key(common, i))
            }  # fmt: skip
        self._of_folders(position)
        self._nothing = [*common, *self._partitions.values()]
        self.fields = tuple(
            Field(name) if self.lexical else Field(name, *_type(raw))
            for name, raw in zip([*names, *self._partitions], self._nothing, strict=True)
        )
        self.differences += _differences(kinds, names, common, lexical=self.lexical)

    def _of_folders(self, position: Mapping[str, int]) -> None:
        """Columns that the names of folders tell: integers if every value is one."""
        keys = dict.fromkeys(key for member in self.members for key in member.values)
        self._partitions: dict[str, pa.Array] = {}
        """Without rows."""
        for key in keys:
            if key in position:
                note = f"{quoted(shortened(key))} is in the names of folders and in the files: those cells were taken."
                self._notes.setdefault(note)
                continue
            values = {member.values.get(key) for member in self.members} - {None}
            whole = bool(values) and all(_is_integer(value) for value in values if value is not None)
            self._partitions[key] = _EMPTY if self.lexical or not whole else pa.nulls(0, pa.int64())

    @property
    def outputs(self) -> list[str]:
        """What the files are called in a folder of their own."""
        if self.folder:
            return [member.name for member in self.members]
        paths = [member.path if "://" in member.path else os.path.abspath(member.path) for member in self.members]
        common = os.path.commonpath([os.path.dirname(path) for path in paths])
        return [os.path.relpath(path, common) for path in paths]

    @property
    def partitions(self) -> list[str]:
        """The names of the columns that no file has: they stand in the names of folders."""
        return list(self._partitions)

    # --- as one table

    @property
    def facts(self) -> Facts:
        with self._lock:
            if self._known is None:  # asked for with every split, and as long as the list of files
                self._known = self._told()
            return self._known

    def _told(self) -> Facts:
        first = sorted((number, *record) for number, some in self._ragged.items() for record in some)[:RAGGED]
        encodings = {member.encoding for member in self.members}
        delimiters = {member.delimiter for member in self.members}
        return Facts(
            rows=sum(member.rows or 0 for member in self.members),
            ragged=sum(member.ragged for member in self.members),
            ragged_rows=[(self.starts[number] + record, line, cells) for number, record, line, cells in first],
            encoding=encodings.pop() if len(encodings) == 1 else None,
            encoding_guessed=any(member.guessed for member in self.members),
            delimiter=delimiters.pop() if len(delimiters) == 1 else None,
            header=self._header,
            first=self._first,
            notes=list(self._notes),
            ragged_files=[self.members[number].name for number, *_ in first],
            differences=self.differences,
        )

    def files(self) -> list[dict[str, Any]]:
        return [{"path": member.name, "rows": member.rows, **member.details} for member in self.members]

    def nothing(self) -> Batch:
        return Batch(0, 0, list(self._nothing))

    def sample(self) -> Batch | None:
        """The samples of some files, cut to a size for all."""
        full = [number for number, member in enumerate(self.members) if member.size and member.rows != 0]
        chosen = [full[i * len(full) // min(len(full), PLACES)] for i in range(min(len(full), PLACES))]
        parts: list[list[Raw]] = []
        for number in chosen:
            how = self.members[number].how
            with OPENED.using(how, self.room) as entry:
                found = entry.source.sample()
            if len(chosen) > 2:
                OPENED.forget([how])  # what it has begun to read is not kept for so many
            if found is not None and found.rows:
                rows = max(SAMPLED // len(chosen), 1)
                some = Batch(0, min(found.rows, rows), [column[:rows] for column in found.columns])
                parts.append(list(self._reader(number).of(some)))
        if not parts:
            return None
        columns = [concatenated(pieces) for pieces in zip(*parts, strict=True)]
        return Batch(0, len(columns[0]) if columns else 0, columns)

    def column_groups(self, columns: Sequence[int]) -> list[list[int]]:
        """As the largest file has them, with those that it has not got at the end."""
        member = max(self.members, key=lambda member: member.size)
        plan = member.kind.plan
        column = {place: i for i in columns if i < len(plan) and (place := plan[i]) is not None}
        with OPENED.using(member.how, self.room) as entry:
            found = [[column[place] for place in group] for group in entry.source.column_groups(sorted(column))]
        there = set(column.values())
        others = [i for i in columns if i not in there]
        if others:
            found = [*found[:-1], sorted([*(found[-1] if found else []), *others])]
        return found

    def splits(self) -> Iterator[Split]:
        index = start = before = 0
        with _Ahead(self) as ahead:
            for number, member in enumerate(self.members):
                self.starts[number] = start
                reader = self._reader(number)
                for place, share in enumerate(ahead.shares(number)):
                    done = (before + share * member.size) / max(self.size, 1)
                    seen = self._notice(number) if self.lexical else None
                    yield DatasetSplit(reader, index, place, start, number, done, self.room, self.largest, seen)
                    index += 1
                assert member.rows is not None
                start += member.rows
                before += member.size

    def cut(self, number: int) -> Iterator[float]:
        """How much of a file has been read after each of its splits; its rows are known at the end."""
        member = self.members[number]
        shares: list[float] = []
        with OPENED.using(member.how, self.room) as entry:
            while (split := entry.split(len(shares))) is not None:
                shares.append(split.share)
                yield split.share
            member.rows = entry.source.facts.rows
            member.shares = tuple(shares)
            _learn(member, entry.source, entry.source.facts)
            self._known = None

    def uncut(self) -> list[int]:
        return [number for number, member in enumerate(self.members) if member.shares is None]

    def cuts(self, number: int) -> dict[str, Any]:
        member = self.members[number]
        with OPENED.using(member.how, self.room) as entry:
            for _ in self.cut(number):
                pass
            cuts = entry.source.cuts(0)
        learned = {name: getattr(member, name) for name in ("rows", "details", "encoding", "delimiter", "guessed")}
        return {"cuts": cuts, "shares": member.shares, "learned": learned}

    def adopt(self, number: int, cuts: Any) -> None:
        member = self.members[number]
        if cuts["cuts"]["size"] != member.size:
            raise InputError(f"{member.path}: is not the file that was cut", hint="cut it again: nanclean profile")
        member.how, member.shares = pickle.dumps(_Adopted(member.how, cuts["cuts"])), cuts["shares"]
        for name, value in cuts["learned"].items():
            setattr(member, name, value)
        self._known = None

    def _notice(self, number: int) -> Callable[[Source], None]:
        def seen(source: Source) -> None:
            facts = source.facts
            with self._lock:
                member = self.members[number]
                if _learn(member, source, facts):
                    self._known = None
                if facts.ragged > member.ragged:
                    member.ragged = facts.ragged
                    self._known = None
                    self._ragged[number] = facts.ragged_rows[:RAGGED]
                    self._forget_last()

        return seen

    def _forget_last(self) -> None:
        """Of ragged records only the first ones are told."""
        while sum(map(len, self._ragged.values())) > 2 * RAGGED and len(self._ragged) > 1:
            del self._ragged[max(self._ragged)]

    def learn(self, learned: Learned) -> None:
        with self._lock:
            for (number, piece), count in learned.ragged.items():
                self._pieces.setdefault(number, {})[piece] = count
            for number in {number for number, _ in learned.ragged}:
                self.members[number].ragged = sum(self._pieces[number].values())
            for number, some in groupby(learned.first, key=lambda found: found[0]):
                known = self._ragged.get(number, [])
                self._ragged[number] = sorted({*known, *(found[1:] for found in some)})[:RAGGED]
            self._forget_last()
            self._known = None

    def _reader(self, number: int) -> Reader:
        member = self.members[number]
        kind = member.kind
        values = {
            len(kind.plan) + i: _cell(member.values.get(key), like)
            for i, (key, like) in enumerate(self._partitions.items())
        }
        return Reader(member.how, member.path, len(kind.fields), kind.plan, kind.like, values)

    # --- where things are

    def at(self, row: int) -> int:
        """The number of the file that holds a record."""
        return bisect_right(self.starts, row) - 1

    def _by_file(self, rows: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """The files that hold some records, and these, with their numbers in the whole."""
        for number, some in groupby(sorted(set(rows)), key=self.at):
            yield number, list(some)

    def where(self, rows: Sequence[int], column: int | None = None, cells: Sequence[int] | None = None) -> list[str]:
        found: dict[int, str] = {}
        cell = {} if cells is None else dict(zip(rows, cells, strict=True))
        for number, some in self._by_file(rows):
            member, start = self.members[number], self.starts[number]
            place = member.kind.plan[column] if column is not None and column < len(member.kind.plan) else None
            own = [cell[row] for row in some] if cells is not None else None
            with OPENED.using(member.how, self.room) as entry:
                told = entry.source.where([row - start for row in some], place, own)
            found |= {row: f"{member.name}: {text}" for row, text in zip(some, told, strict=True)}
        return [found[row] for row in rows]

    def lines(self, rows: Sequence[int]) -> list[int] | None:
        found: dict[int, int] = {}
        for number, some in self._by_file(rows):
            with OPENED.using(self.members[number].how, self.room) as entry:
                lines = entry.source.lines([row - self.starts[number] for row in some])
            if lines is None:
                return None
            found |= dict(zip(some, lines, strict=True))
        return [found[row] for row in rows] if found else None

    def on_lines(self, rows: Sequence[int], lines: Sequence[int]) -> list[str]:
        return [f"{self.members[self.at(row)].name}: line {line}" for row, line in zip(rows, lines, strict=True)]

    def between(self, first: int, last: int) -> str:
        one, other = self.where([first, last])
        return f"{one} to {other}"

    def records(self, batch: Batch) -> list[str]:
        assert batch.own is not None
        with OPENED.using(self.members[self.at(batch.start)].how) as entry:
            return entry.source.records(batch.own)

    def check(self) -> None:
        for member in self.members:
            if member.known is None:
                pickle.loads(member.how).close()  # it opens again what it was, or fails
            elif _known(member.path) != member.known:
                raise InputError(
                    f"{member.path}: changed while it was read", hint="run the command again when nothing writes to it"
                )

    def close(self) -> None:
        OPENED.forget([member.how for member in self.members])


@dataclass(frozen=True)
class _Description:
    """What opening a file tells."""

    format: str
    lexical: bool
    quick: bool
    fields: tuple[Field, ...]
    nothing: tuple[Raw, ...]
    facts: Facts


@dataclass(frozen=True)
class _Adopted:
    """How a file is opened whose splits another process has found. It unpickles as that source."""

    how: bytes
    cuts: Any

    def __reduce__(self) -> tuple[Any, ...]:
        return _adopted, (self.how, self.cuts)


def _adopted(how: bytes, cuts: Any) -> Source:
    source: Source = pickle.loads(how)  # made by `described`, as above
    source.adopt(0, cuts)
    return source


class _Ahead:
    """Finds the records of the next files while one is read, so that no worker waits for a cut."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.begun: dict[int, Future[None]] = {}
        self.pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> _Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def shares(self, number: int) -> Iterator[float]:
        """Of a file, with the cutting of the next ones begun."""
        members = self.dataset.members
        for later in range(number + 1, min(number + 1 + AHEAD, len(members))):
            if members[later].shares is None and later not in self.begun and members[later].size <= SMALL:
                if self.pool is None:
                    self.pool = ThreadPoolExecutor(CUTTERS, thread_name_prefix="nanclean-cut")
                self.begun[later] = self.pool.submit(self._cut, later)
        begun = self.begun.pop(number, None)
        if begun is not None:
            begun.result()
        known = members[number].shares
        yield from self.dataset.cut(number) if known is None else known

    def _cut(self, number: int) -> None:
        for _ in self.dataset.cut(number):
            pass


_EMPTY = pa.nulls(0, pa.string())


def _known(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # not on disk
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _learn(member: Member, source: Source, facts: Facts) -> bool:
    """What reading has found out about a file as such: its encoding may be known at its end only. Whether it is new."""
    details = source.details()
    if details == member.details:
        return False
    member.details = details
    member.encoding, member.delimiter, member.guessed = facts.encoding, facts.delimiter, facts.encoding_guessed
    return True


def _key(columns: Sequence[Raw], i: int) -> Any:
    """What makes a column another one."""
    if not columns:
        return None
    raw = columns[i]
    return raw.type if isinstance(raw, pa.Array) else (raw.dtype.str, raw.ndim)


def _type(raw: Raw) -> tuple[str | None, int | None]:
    if isinstance(raw, pa.Array):
        return type_of(raw.type)
    name, bits = type_of(raw.dtype)
    return (f"list<{name}>" if raw.ndim > 1 and name in ("integer", "float") else name), bits


def _repeated(cell: pa.Array, rows: int) -> Raw:
    return pa.nulls(rows, cell.type) if cell.null_count else pa.repeat(cell[0], rows)


def _cell(value: str | None, like: pa.Array) -> pa.Array:
    """One cell of a column that stands in the names of folders."""
    if value is None:
        return pa.nulls(1, like.type)
    return pa.repeat(pa.scalar(value, pa.string()), 1).cast(like.type)


def _values_in(name: str) -> dict[str, str | None]:
    """`year=2024/month=01/x.parquet`: what the folders say, in their order."""
    found: dict[str, str | None] = {}
    for folder in os.path.dirname(name).split(os.sep):
        key, mark, value = folder.partition("=")
        if mark and key:
            found[unquote(key)] = None if value == NO_VALUE else unquote(value)
    return found


def _is_integer(value: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,18}", value) is not None


def _differences(
    kinds: Sequence[Kind], names: Sequence[str], common: Sequence[Raw], *, lexical: bool
) -> list[Difference]:
    """Where files disagree, each of them once, with the first file and how many are so."""
    found: dict[tuple[str, str | None, str | None], Difference] = {}
    model = kinds[0]

    def note(what: Any, column: str | None, kind: Kind, others: Kind, **more: Any) -> None:
        key = (what, column, str(more.get("types")))
        before = found.get(key)
        if before is None:
            found[key] = Difference(what, column, kind.first, others.first, kind.files, **more)
        else:
            found[key] = replace(before, files=before.files + kind.files)

    for kind in kinds[1:]:
        for i, name in enumerate(names):
            mine, its = model.plan[i], kind.plan[i]
            if its is None and mine is not None:
                note("missing", name, kind, model)
            elif its is not None and mine is None:
                note("extra", name, kind, model)
            elif not lexical and its is not None and mine is not None:
                types = (_word(kind.nothing[its]), _word(model.nothing[mine]))
                joined = _word(common[i])
                if "" not in types and (types[0] != types[1] or joined not in types):
                    note("type", name, kind, model, types=types, joined=joined)
        shared = [its for its, mine in zip(kind.plan, model.plan, strict=True) if its is not None and mine is not None]
        if shared != sorted(shared):
            note("order", None, kind, model)
    return list(found.values())


def _word(raw: Raw) -> str:
    """The type of a column; nothing, where it has cells of no type."""
    empty = isinstance(raw, pa.Array) and pa.types.is_null(stored(raw.type))
    return "" if empty else str(_type(raw)[0])

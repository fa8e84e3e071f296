"""A cleaned table as a folder of parts: each split becomes a file of its own, written and proven by whoever reads it.

What a part is called and holds depends on the data alone, not on how many processes write them, or which.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from nanclean.batch import Batch
from nanclean.block import Block
from nanclean.chain import Chain
from nanclean.cleaning import TAGS, Cleaning, Outcome, Prepared, Sink, rejected_outs
from nanclean.dataset import OPENED, Dataset, DatasetSplit, refuse_outputs
from nanclean.draft import Draft, refuse_within
from nanclean.engines.local import Local
from nanclean.errors import InputError, NancleanError, OutputError, UsageError
from nanclean.file import COMPRESSIONS, PIECE, uncompressed
from nanclean.fingerprint import Overlap
from nanclean.folder import own_block
from nanclean.format import Source, Split
from nanclean.lexical import Classes
from nanclean.pipeline import Memory
from nanclean.profile import Profile
from nanclean.reading import Reading
from nanclean.resolving import Resolved
from nanclean.verify import verify
from nanclean.wording import quoted

if TYPE_CHECKING:
    from nanclean.fixing import Fixing

NOTES = "_nanclean"
"""The folder, beside the parts, that says what has been written. Who reads the folder passes over it."""
SCHEMA = "nanclean.part/1"


class WrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is proven."""

    name: str
    """Relative to its folder."""
    rows: int
    bytes: int
    hash: str
    """BLAKE2b of its bytes, 128 bits."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of one split."""

    split: int
    file: WrittenFile
    rejects: WrittenFile | None
    """None: no row was dropped, or nobody wants them."""
    rows: int
    """Rows in, ragged ones among them."""
    kept: int
    rejected: int
    ragged: int
    changed: int
    """Cells."""


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one part of N has written: `nanclean.part/1`."""

    schema: str = SCHEMA
    part: str
    recipe: str
    """A digest."""
    source: str
    splits: list[int]
    written: list[Written]


@dataclass
class Parts:
    """Writes splits of a table as files of a folder. It pickles, so that workers can do it.

    work: knows its steps and its reading (`Fixing.decide`, or `planned` here).
    """

    work: Fixing
    folder: str
    rejected: str | None = None
    """The folder for rows that are dropped. None: they are not kept."""
    exact: bool = False
    """The reading is that of a sample: what contradicts it is an error."""
    sampled: dict[int, Classes] = field(default_factory=dict)
    """By column: what the sample holds."""
    labels: Sequence[str] = ()
    """Whose classes are counted."""
    overlap: Overlap | None = None
    """What is known of the rows of the training data."""
    whole: bool = False
    """The folders are drafts, which are gone after a failure: whoever is late must not make them again."""

    def __post_init__(self) -> None:
        work = self.work = copy.copy(self.work)
        work.progress = work.given = None
        work.engine = Local(1, work.memory)
        work.scan = copy.copy(work.scan)
        work.scan.engine, work.scan.progress, work.scan.more = None, None, None
        work.scan.table = copy.copy(work.scan.table)
        work.scan.table.engine, work.scan.table.memory, work.scan.table.progress = work.engine, Memory(0), None
        if work.ordered:
            raise UsageError(
                "a rule needs the rows above, which are in other parts", hint="nanclean fix on one machine"
            )
        for step in work.steps:
            if step.of_rows:
                raise UsageError(
                    f"{work.policy.rules[step.rule]}: holds rows against each other: this cannot be done in parts",
                    hint="run it on one machine",
                )
        if isinstance(work.source, Dataset):
            work._refuse_partitions()

    # --- names

    def name(self, split: Split) -> str:
        """What the part of a split is called, relative to the folder."""
        source = self.work.source
        if isinstance(split, DatasetSplit):
            assert isinstance(source, Dataset)
            return _numbered(source.outputs[split.file], split.place)
        return _numbered(os.path.basename(source.path.rstrip("/")), split.index)

    def demand_order(self) -> None:
        """UsageError if the parts, sorted by their names, would not have the rows in their order."""
        before = ""
        for split in self.work.source.splits():
            name = self.name(split)
            if name <= before:
                raise UsageError(
                    f"{self.work.source.path}: {name} would stand before {before}, out of the order of the rows",
                    hint="rename the files, or write one file on one machine",
                )
            before = name

    # --- writing

    def write(self, split: Split) -> Written:
        """Clean one split, write its part, prove it, and give it its name. In a worker."""
        return self.written(split)[0]

    def counted(self, split: Split) -> Outcome:
        """What would become of one split. Nothing is written."""
        return self._cleaned(split, None, None)

    def written(self, split: Split) -> tuple[Written, Outcome]:
        """The same as `write`, with all that has become of the split."""
        name = self.name(split)
        with self._sink(split, os.path.join(self.folder, name), 0) as (draft, sink, out):
            rejects_at = None if self.rejected is None or not self.work._drops() else self._rejects_at(name)
            if rejects_at is None:
                outcome = self._cleaned(split, out, None)
                lost = None
            else:
                with self._sink(split, rejects_at, len(TAGS)) as (other, rejects, into):
                    outcome = self._cleaned(split, out, into)
                    lost = self._proven(other, rejects, self.rejected or "") if outcome.rejected else None
            found = self._proven(draft, sink, self.folder)
        told = Written(
            split=split.index, file=found, rejects=lost, rows=outcome.rows, kept=outcome.kept,
            rejected=outcome.rejected, ragged=outcome.ragged, changed=sum(outcome.tally.cells.values()),
        )  # fmt: skip
        return told, outcome

    def _rejects_at(self, name: str) -> str:
        form = self._format(len(TAGS))
        bare = uncompressed(name)
        stem, suffix = os.path.splitext(bare)
        return os.path.join(self.rejected or "", f"{stem}{suffix if form == self.work.source.format else '.' + form}")

    def _format(self, tags: int) -> str:
        form = self.work.source.format
        return "csv" if tags and form != "parquet" else form

    def _beside(self, split: Split) -> str:
        """The file of a split: rejected rows are as private as it is."""
        source = self.work.source
        if isinstance(split, DatasetSplit) and isinstance(source, Dataset):
            return source.members[split.file].path
        return source.path

    @contextmanager
    def _sink(self, split: Split, path: str, tags: int) -> Iterator[tuple[Draft, Sink, Within]]:
        """A sink for the draft of one file, which is gone at the end unless it was published."""
        work = self.work
        with _errors(path):
            if self.whole:
                _made_below((self.rejected or "") if tags else self.folder, os.path.dirname(path))
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
        draft = Draft(path, self._beside(split) if tags else None)
        sink: Sink | None = None
        try:
            with self._source(split) as (source, names, number):
                outs = self._outs(names, tags)
                form = self._format(tags)
                sink = work._into(source, outs, draft.path, form, path, tags)
                dataset = work.source if isinstance(work.source, Dataset) else None
                yield draft, sink, Within(sink, dataset, number, [out.name for out in outs])
        except NancleanError as error:
            error.message = error.message.replace(draft.path, draft.target)
            raise
        finally:
            if sink is not None:
                sink.target.close()
            draft.discard()

    @contextmanager
    def _source(self, split: Split) -> Iterator[tuple[Source, Sequence[str], int]]:
        """The file that a split is of, its columns, and its number."""
        source = self.work.source
        if not isinstance(split, DatasetSplit):
            yield source, self.work.names, 0
            return
        assert isinstance(source, Dataset)
        member = source.members[split.file]
        with OPENED.using(member.how, source.room) as entry:
            yield entry.source, member.kind.names, split.file

    def _outs(self, names: Sequence[str], tags: int) -> Any:
        work = self.work
        if tags:
            views = dict(zip(work.names, work.columns(), strict=True))
            return rejected_outs(names, [views[name] for name in names])
        partitions = work.source.partitions if isinstance(work.source, Dataset) else ()
        return [out for out in work._outs(names) if out.name not in partitions]

    def _cleaned(self, split: Split, out: Within | None, rejects: Within | None) -> Outcome:
        work = self.work
        features: list[str] = []
        if self.overlap is not None and work.recipe is not None:
            features = [name for name in work.recipe.features if name in work.names]
        wanted = {name for step in work.steps for name in step.reads} | set(self.labels) | set(features)
        if out is not None and out.sink.target.format != work.source.format:
            wanted |= set(work.names)
        if rejects is not None and rejects.sink.target.format != work.source.format:
            wanted |= set(work.names)
        work.source.room = work.memory // 4
        chain = Checked(work.source, work.reading, work.engine, Memory(0), work.names)
        if self.exact:
            chain.counted = {i: Classes() for i in self.sampled if work.names[i] in wanted}
        cleaning = Cleaning(
            chain, work.steps, work.policy.rules, wanted, out, rejects, work.resolved.ragged,
            self.labels, features, self.overlap and Overlap(self.overlap.known, self.overlap.complete),
        )  # fmt: skip
        outcome = cleaning.one(split)
        if outcome.ragged and work.resolved.ragged is None:
            raise InputError(
                f"{work.source.path}: some rows have too few or too many cells",
                hint="a recipe of a policy with '@all: ragged -> drop' sets them aside",
            )
        for i, classes in chain.counted.items():
            self._demand_alike(i, classes)
        return outcome

    def _demand_alike(self, i: int, classes: Classes) -> None:
        """InputError if the cells of a split would have made the column another one than the sample told."""
        both = Classes()
        for each in (self.sampled[i], classes):
            both.merge(each)
        type_ = self.work.reading.types[i]
        if both.counted and both.settle() != type_:
            raise InputError(
                f"{self.work.source.path}: {quoted(self.work.names[i])} looks like {type_} in a sample, and is "
                f"{both.settle()}: a part alone cannot tell",
                hint="declare its type in the policy and fit again, or run apply on one machine",
            )

    def _proven(self, draft: Draft, sink: Sink, folder: str) -> WrittenFile:
        sink.target.finish()
        sink.target.close()
        memory = self.work.memory
        verify(sink, draft.path, draft.target, Local(1, memory), None, memory // 4)
        size, hash_ = _hashed(draft.path)
        draft.sync()
        draft.publish()
        return WrittenFile(name=os.path.relpath(draft.target, folder), rows=sink.rows, bytes=size, hash=hash_)


@dataclass
class Checked(Chain):
    """A chain that counts the classes of the cells of some columns of text on its way."""

    counted: dict[int, Classes] = field(default_factory=dict)

    def blocks(self, split: Split, wanted: Any) -> Iterator[Block]:
        for block in super().blocks(split, wanted):
            for i, classes in self.counted.items():
                more = self.reading.column(i, block.batch.columns[i])[1]
                if more is not None:
                    classes.merge(more)
            yield block


@dataclass
class Within:
    """A sink for one file of a table of several: blocks become those of the file."""

    sink: Sink
    dataset: Dataset | None
    number: int
    names: list[str]

    def prepared(self, block: Block) -> Prepared:
        if self.dataset is not None:
            block = own_block(self.dataset, self.number, self.names, block)
        return self.sink.prepared(block)

    def numbered(self, batch: Batch) -> Batch:
        return batch if self.dataset is None or batch.own is None else batch.own

    def write(self, prepared: Prepared) -> None:
        self.sink.write(prepared)


def planned(work: Fixing, folder: str, rejected: str | None) -> Parts:
    """For a recipe that is to be applied without having looked at the whole table.

    Types are those of the training data; those that it does not settle are told by a sample, and held against every
    part that is written.
    """
    recipe, source = work.recipe, work.source
    assert recipe is not None
    if work.policy.budget is not None:
        raise UsageError(
            "the policy has a budget, which is about the whole table: a part cannot tell",
            hint="leave [budget] out, or run apply on one machine",
        )
    work._refuse_differences()
    work._refuse_names()
    work.begin()
    table = work.scan.table
    sample = source.sample()
    work.reading = Reading.guessed(source, sample, table.words, table.types)
    work.profile = Profile({})
    work.figures = {name: {"tokens": {}, "empty": 0, "nan": 0} for name in work.names}
    if not source.lexical:
        work._refuse_types()
    work.resolved = Resolved(recipe.steps, {}, recipe.ragged)
    work.steps = recipe.steps
    sampled: dict[int, Classes] = {}
    if source.lexical:
        touched = {name for step in recipe.steps for name in step.reads}
        for i, name in enumerate(work.names):
            if i not in table.types and name in touched:
                sampled[i] = Classes()
                if sample is not None:
                    sampled[i].merge(work.reading.column(i, sample.columns[i])[1] or Classes())
    parts = Parts(work, folder, rejected, exact=True, sampled=sampled)
    parts.demand_order()
    return parts


# --- what has been written already


def note_path(folder: str, part: str) -> str:
    """Where it is said what a part has written: of 3/64 `_nanclean/part-00003-of-00064.json`."""
    number, _, of = part.partition("/")
    return os.path.join(folder, NOTES, f"part-{int(number):05d}-of-{int(of):05d}.json")


def noted(folder: str) -> dict[str, Note]:
    """All notes in a folder, by their paths. OutputError for one that is none."""
    where = os.path.join(folder, NOTES)
    found = {}
    with _errors(where):
        names = sorted(os.listdir(where)) if os.path.isdir(where) else []
    for name in names:
        path = os.path.join(where, name)
        if not name.endswith(".json") or name.startswith("."):
            continue
        try:
            with open(path, "rb") as file:
                found[path] = msgspec.json.decode(file.read(), type=Note)
        except (msgspec.MsgspecError, ValueError):
            raise OutputError(f"{path}: is damaged", hint="take the folder away, and write all parts again") from None
        except FileNotFoundError:
            continue
    return found


def refuse(folder: str, inputs: tuple[str, ...]) -> None:
    """UsageError or OutputError if parts cannot be written into a folder. Before anything is read."""
    if os.path.isdir(folder) and not os.path.islink(folder):
        refuse_within(folder, inputs)
    else:
        refuse_outputs([folder], False, inputs)


def stands(note: Note, folder: str, rejected: str | None) -> bool:
    """Whether all that a note tells of is there, byte for byte."""
    for each in note.written:
        for where, file in ((folder, each.file), (rejected, each.rejects)):
            if file is None:
                continue
            try:
                if where is None or _hashed(os.path.join(where, file.name)) != (file.bytes, file.hash):
                    return False
            except OSError:
                return False
    return True


def _hashed(path: str) -> tuple[int, str]:
    digest, size = hashlib.blake2b(digest_size=16), 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _numbered(name: str, place: int) -> str:
    """`train.csv.gz` becomes `train-00003.csv.gz`."""
    stem, suffix = os.path.splitext(name)
    if suffix.lower() in COMPRESSIONS:
        stem, inner = os.path.splitext(stem)
        suffix = inner + suffix
    return f"{stem}-{place:05d}{suffix}"


def _made_below(root: str, folder: str) -> None:
    """Make a folder and those that it is in, up to one that has to be there."""
    if os.path.normpath(folder) != os.path.normpath(root):
        _made_below(root, os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder)


@contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def applied(
    parts: Parts, part: Any, recipe: str, source: str, *, force: bool = False,
    seen: Callable[[float], None] = lambda share: None,
) -> tuple[Note, bool]:  # fmt: skip
    """Write the splits of one part. What is said of it, and whether it was there already.

    part: a `rounds.Part`; recipe, source: digests of what is applied, and to what.
    """
    path = note_path(parts.folder, str(part))
    notes = noted(parts.folder)
    for other, note in notes.items():
        if (note.recipe, note.source) != (recipe, source) and not force:
            raise UsageError(
                f"{other}: was written with another recipe, or from another table", hint="another folder, or --force"
            )
    there = os.path.isdir(parts.folder) and bool(os.listdir(parts.folder))
    if there and not os.path.isdir(os.path.join(parts.folder, NOTES)) and not force:
        raise UsageError(f"{parts.folder}: is there already, and no folder of parts", hint="another folder, or --force")
    every = [split.share for split in parts.work.source.splits()]
    mine = part.mine(every)
    known = notes.get(path)
    same = known is not None and (known.recipe, known.source, known.splits) == (recipe, source, list(mine))
    if known is not None and same and stands(known, parts.folder, parts.rejected):
        return known, True
    with _errors(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    written = []
    for place, split in enumerate(parts.work.source.splits()):
        if place in mine:
            written.append(parts.write(split))
            seen(split.share)
    parts.work.source.check()
    note = Note(part=str(part), recipe=recipe, source=source, splits=list(mine), written=written)
    draft = Draft(path)
    try:
        with open(draft.path, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(note), indent=1) + b"\n")
        draft.sync()
        draft.publish()
    finally:
        draft.discard()
    return note, False

"""Sending every row through a recipe: to a target, to a file of rejected rows, or nowhere but into the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from nanclean.batch import Batch, Raw
from nanclean.block import Block, Held
from nanclean.cells import packed
from nanclean.chain import Carries, Chain
from nanclean.checksum import Checksum
from nanclean.column import Column, Numbers, Values, bits_to_mask
from nanclean.errors import RuleError
from nanclean.fingerprint import Fingerprint, Overlap, row_hashes
from nanclean.format import Split
from nanclean.groups import MOST, keys
from nanclean.readback import demand_same
from nanclean.rule import Rule
from nanclean.steps import Rejected, Step, Tally, run
from nanclean.target import Out, Target
from nanclean.tokens import Words
from nanclean.typed import strings
from nanclean.wording import quoted

TAGS = ("_row", "_rule", "_column", "_value", "_reason")
"""What a rejected row says besides its own cells."""


@dataclass
class Sink:
    """A target, and what goes into it: counted, with a checksum for each column."""

    target: Target
    words: Mapping[str, Words]
    """Of columns that become text and must read back as what they are: what is missing there."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Of columns that become text for the first time: the type that a reader must find."""
    rows: int = 0
    checksums: list[Checksum] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checksums = [Checksum() for _ in self.target.fields]

    def prepared(self, block: Block) -> Prepared:
        """What is to be written of a block. In a worker."""
        columns = self.target.columns(block)
        for name, raw in zip(block.columns, columns, strict=False):
            if name in self.words:
                demand_same(name, block.columns[name].view, raw, self.words[name], block)
        checksums = []
        for column in columns:
            checksum = Checksum()
            checksum.add(column)
            checksums.append(checksum)
        size = sum(column.nbytes for column in columns)
        return Prepared(block.rows, self.target.encoded(block, columns), checksums, size)

    def numbered(self, batch: Batch) -> Batch:
        """The rows of a batch, by the numbers that people find them by in the output."""
        return batch

    def write(self, prepared: Prepared) -> None:
        """Write it, in the order of the rows."""
        self.target.write(prepared.piece)
        self.rows += prepared.rows
        for mine, theirs in zip(self.checksums, prepared.checksums, strict=True):
            mine.merge(theirs)


class Writes(Protocol):
    """What blocks are written with: a sink, or those of several files."""

    def prepared(self, block: Block) -> Prepared: ...
    def numbered(self, batch: Batch) -> Batch: ...
    def write(self, prepared: Prepared) -> None: ...


@dataclass
class Prepared:
    """A piece of a file, and what it holds."""

    rows: int
    piece: Any
    checksums: list[Checksum]
    size: int
    """About how many bytes it takes."""


@dataclass
class Classes:
    """Rows by the value of the label, and how many of them were dropped."""

    total: Counter[Any] = field(default_factory=Counter)
    dropped: Counter[Any] = field(default_factory=Counter)

    def merge(self, other: Classes) -> None:
        self.total.update(other.total)
        self.dropped.update(other.dropped)


@dataclass
class Outcome:
    """What became of all rows."""

    tally: Tally = field(default_factory=Tally)
    rows: int = 0
    """Rows in, ragged ones among them."""
    kept: int = 0
    rejected: int = 0
    ragged: int = 0
    starts: dict[int, int] = field(default_factory=dict)
    """By split: the row of the output that its first one becomes, from 0."""
    classes: dict[str, Classes] = field(default_factory=dict)
    """By label column, where a budget asks for them."""
    categories: dict[str, set[Any]] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    overlap: Overlap | None = None


@dataclass
class Cleaning:
    """One pass of a recipe over a source."""

    chain: Chain
    steps: Sequence[Step]
    rules: Sequence[Rule]
    wanted: Collection[str]
    """Columns that have to be looked into."""
    out: Writes | None = None
    rejects: Writes | None = None
    ragged: int | None = None
    """The rule that drops ragged records."""
    labels: Sequence[str] = ()
    """Whose classes are counted."""
    features: Sequence[str] = ()
    """Columns whose rows are hashed."""
    overlap: Overlap | None = None

    def run(self) -> Outcome:
        """All rows. Raises what the rules raise; nothing is published here."""
        with closing(self.chain.over(self._split, lambda piece: piece.size)) as pieces:  # also where writing fails
            return self._of(pieces)

    def one(self, split: Split) -> Outcome:
        """The rows of one split, where no rule needs those above."""
        return self._of(self._split(split, {}))

    def _of(self, pieces: Iterable[Piece]) -> Outcome:
        outcome = Outcome(classes={label: Classes() for label in self.labels})
        if self.features and self.overlap is None:
            outcome.fingerprint = Fingerprint()
        outcome.overlap = self.overlap
        for piece in pieces:
            self.take(outcome, piece, piece.split)
            for sink, prepared in ((self.out, piece.prepared), (self.rejects, piece.set_aside)):
                for each in prepared:
                    assert sink is not None
                    sink.write(each)
        return outcome

    def take(self, outcome: Outcome, piece: Piece | Outcome, split: int) -> None:
        """Count what has become of more rows, which are of a split."""
        outcome.starts.setdefault(split, outcome.kept)
        outcome.tally.merge(piece.tally)
        for name in ("rows", "kept", "rejected", "ragged"):
            setattr(outcome, name, getattr(outcome, name) + getattr(piece, name))
        for label, classes in piece.classes.items():
            self._count(outcome.classes[label], classes, label)
        if outcome.fingerprint is not None and piece.fingerprint is not None:
            outcome.fingerprint.merge(piece.fingerprint)
        if outcome.overlap is not None and piece.overlap is not None:
            outcome.overlap.merge(piece.overlap)

    def _count(self, into: Classes, classes: Classes, label: str) -> None:
        into.merge(classes)
        if len(into.total) > MOST:
            raise RuleError(
                f"{quoted(label)} has more than {MOST:,} classes, so that rows_dropped_per_class has no meaning",
                hint="leave rows_dropped_per_class out of [budget]",
            )

    def _split(self, split: Split, carries: Carries) -> Iterator[Piece]:
        """One split, from reading to what is to be written, block by block."""
        yield Piece(split.index)
        for block in self.chain.blocks(split, self.wanted):
            piece = Piece(split.index, classes={label: Classes() for label in self.labels})
            self._look(piece, block)
            after, rejected = run(self.steps, block, carries, piece.tally)
            lost = 0 if block.batch.ragged is None else len(block.batch.ragged)
            piece.rows += block.rows + lost
            piece.ragged += lost
            piece.kept += after.rows
            piece.rejected += block.rows - after.rows + lost
            self._classes(piece, block, rejected)
            if self.out is not None:
                piece.prepared.append(self.out.prepared(after))
            if self.rejects is not None and (rejected or lost):
                piece.set_aside += [self.rejects.prepared(each) for each in self._rejected(block, rejected)]
            yield piece

    def _look(self, piece: Piece, block: Block) -> None:
        if not self.features or not block.rows:
            return
        if self.overlap is None:
            piece.fingerprint = Fingerprint()
        else:
            piece.overlap = Overlap(self.overlap.known, self.overlap.complete)
        found = row_hashes({name: block.columns[name].view for name in self.features}, self.features)
        for each in (piece.fingerprint, piece.overlap):
            if each is not None:
                each.add(found)

    def _classes(self, piece: Piece, block: Block, rejected: Sequence[Rejected]) -> None:
        for label, classes in piece.classes.items():
            codes, names = keys(block.columns[label].view)
            gone = np.zeros(block.rows, dtype=bool)
            for each in rejected:
                gone[each.rows] = True
            for into, some in ((classes.total, codes), (classes.dropped, codes[gone])):
                counts = np.bincount(some[some >= 0], minlength=len(names)).tolist()
                into.update({name: count for name, count in zip(names, counts, strict=True) if count})

    def _rejected(self, block: Block, rejected: Sequence[Rejected]) -> Iterator[Block]:
        """The rows that rules have dropped, as they were read, with the reasons."""
        if rejected:
            rows = np.concatenate([each.rows for each in rejected])
            order = np.argsort(rows, kind="stable")
            steps = np.concatenate([each.step for each in rejected])[order]
            values = pa.concat_arrays([each.values for each in rejected]).take(packed(order))
            rows = rows[order]
            texts = [self._tags(number) for number in range(len(self.steps))]
            rule, column, reason = (strings([text[i] for text in texts]).take(packed(steps)) for i in range(3))
            yield self._tagged(block.where(_mask(rows, block.rows)), rows, (rule, column, values, reason))
        if block.batch.ragged is not None and len(block.batch.ragged):
            yield self._ragged(block)

    def _tags(self, number: int) -> tuple[str, str, str]:
        step = self.steps[number]
        reason = "every row" if step.find is None else str(step.find)
        return str(self.rules[step.rule]), "" if step.of_rows else step.column, reason

    def _tagged(self, block: Block, rows: np.ndarray, texts: Sequence[pa.Array]) -> Block:
        """With the columns that tell why."""
        columns = dict(block.columns)
        assert self.rejects is not None
        numbers = self.rejects.numbered(block.batch).numbers(rows) + 1
        tags: list[Column] = [Numbers(type="integer", rows=len(rows), cells=len(rows), values=numbers)]
        tags += [_text(text) for text in texts]
        for name, column in zip(tag_names(list(columns)), tags, strict=True):
            columns[name] = Held(column, None)
        return Block(block.batch, columns, block.kept)

    def _ragged(self, block: Block) -> Block:
        """Records with too few or too many cells: which cell belongs where is not known, so all is in `_value`."""
        assert self.ragged is not None
        assert block.batch.ragged is not None
        assert self.rejects is not None
        ragged = self.rejects.numbered(block.batch).ragged
        assert ragged is not None
        found = self.chain.source.records(block.batch)
        n = len(block.batch.ragged)
        nothing = self.chain.source.nothing()
        raws: list[Raw] = [pa.nulls(n, raw.type) for raw in nothing.columns if isinstance(raw, pa.Array)]
        batch = Batch(block.batch.start, n, raws)
        columns: dict[str, Held] = {
            name: Held(Values(type="text", rows=n, cells=n, absent=np.ones(n, dtype=bool), array=raw), i)
            for i, (name, raw) in enumerate(zip(self.chain.names, raws, strict=True))
        }
        rule = strings([str(self.rules[self.ragged])]).take(packed(np.zeros(n, np.int64)))
        reason = strings(["ragged"]).take(packed(np.zeros(n, np.int64)))
        tags: list[Column] = [Numbers(type="integer", rows=n, cells=n, values=ragged + 1)]
        tags += [_text(each) for each in (rule, pa.nulls(n, pa.string()), strings(found), reason)]
        for name, column in zip(tag_names(list(columns)), tags, strict=True):
            columns[name] = Held(column, None)
        return Block(batch, columns)


@dataclass(frozen=True)
class Hashing:
    """The look that makes a fingerprint of some columns as they were read."""

    features: Sequence[str]
    size: int = 0

    def fresh(self) -> Fingerprint:
        return Fingerprint()

    def merge(self, state: Fingerprint, other: Fingerprint) -> None:
        state.merge(other)

    def see(self, state: Fingerprint, blocks: Iterable[Block], carries: Carries) -> None:
        for block in blocks:
            if block.rows:
                state.add(row_hashes({name: block.columns[name].view for name in self.features}, self.features))


@dataclass
class Piece:
    """What became of some rows of one split."""

    split: int
    tally: Tally = field(default_factory=Tally)
    rows: int = 0
    kept: int = 0
    rejected: int = 0
    ragged: int = 0
    prepared: list[Prepared] = field(default_factory=list)
    set_aside: list[Prepared] = field(default_factory=list)
    classes: dict[str, Classes] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    overlap: Overlap | None = None

    @property
    def size(self) -> int:
        """About how many bytes are held until it is written."""
        return sum(prepared.size for prepared in (*self.prepared, *self.set_aside))


def tag_names(names: Collection[str]) -> list[str]:
    """The names of the columns that tell why a row was rejected, different from those of its own."""
    found = []
    for tag in TAGS:
        while tag in names:
            tag = f"_{tag}"
        found.append(tag)
    return found


def rejected_outs(names: Sequence[str], columns: Sequence[Column]) -> list[Out]:
    """The columns of a file of rejected rows."""
    outs = [Out(name, column, i) for i, (name, column) in enumerate(zip(names, columns, strict=True))]
    tags: list[Column] = [Numbers(type="integer", rows=0, cells=0, values=np.empty(0, np.int64))]
    tags += [_text(strings([])) for _ in TAGS[1:]]
    return outs + [Out(name, column, None) for name, column in zip(tag_names(names), tags, strict=True)]


def _text(array: pa.Array) -> Column:
    absent = bits_to_mask(array)
    return Values(type="text", rows=len(array), cells=len(array), absent=absent, array=array)


def _mask(rows: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask

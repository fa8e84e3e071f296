"""A dataset on its way into a folder: each file as its own format writes it, under the name that it had."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.cleaning import Prepared, Sink
from nanclean.dataset import OPENED, Dataset, Kind
from nanclean.draft import DraftFolder
from nanclean.engines.local import Local
from nanclean.errors import NancleanError
from nanclean.format import Source
from nanclean.outputs import copy, is_alike
from nanclean.verify import verify

Make = Callable[[Source, Kind, str], tuple[Sink, list[str]]]
"""From a file that is open, and where its draft goes: the sink, and the columns that it takes, in their order."""
WIDE = 64 << 20
"""Bytes of a file from which on it is read back by all workers."""


@dataclass
class _Part:
    """A file that is being written."""

    sink: Sink
    names: list[str]
    path: str
    source: Source
    held: ExitStack
    touched: bool = False


class FolderSink:
    """What goes into the files of a folder. Workers prepare blocks of any file; they are written one after the other.

    A file is finished, proven and forgotten when the first block of a later one is written, so that few are open.
    """

    checksums: ClassVar[tuple[()]] = ()

    def __init__(
        self, dataset: Dataset, draft: DraftFolder, make: Make, format: str, jobs: int, memory: int, *,
        copies: bool = False, sparse: bool = False, named: Callable[[str], str] = str,
    ) -> None:  # fmt: skip
        """copies: a file in which nothing changes is copied. sparse: only files that have rows are written.

        named: from the name of a file to that of its output.
        """
        self.dataset, self.draft, self.make, self.format = dataset, draft, make, format
        self.copies, self.sparse, self.named = copies, sparse, named
        self.jobs, self.memory = jobs, memory
        self.rows = self.written = self.copied = 0
        self._names = dataset.outputs
        self._parts: dict[int, _Part] = {}
        self._lock = threading.Lock()
        self._next = 0
        """The first file that is not finished."""
        self._proofs: deque[Future[None]] = deque()
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="nanclean-proof")
        if not sparse and dataset.members:
            self._part(0)  # what no such file can hold is told before any row is read

    # As the target of a single file has it.

    @property
    def target(self) -> FolderSink:
        return self

    def numbered(self, batch: Batch) -> Batch:
        """The rows of a batch, by the numbers that people find them by in the output."""
        return batch if batch.own is None else batch.own

    # --- in workers

    def prepared(self, block: Block) -> Prepared:
        """What is to be written of a block."""
        number = self.dataset.at(block.batch.start)
        part = self._part(number)
        own = own_block(self.dataset, number, part.names, block)
        try:
            found = part.sink.prepared(own)
        except NancleanError as error:
            if not error.message.startswith(part.source.path):
                error.message = f"{part.source.path}: {error.message}"
            raise
        lost = block.batch.ragged is not None and len(block.batch.ragged) > 0
        touched = lost or own.kept is not None or any(_differs(held) for held in own.columns.values())
        return Prepared(found.rows, (number, found, touched), [], found.size)

    def _part(self, number: int) -> _Part:
        with self._lock:
            part = self._parts.get(number)
            if part is None:
                part = self._parts[number] = self._begun(number)
            return part

    def _begun(self, number: int) -> _Part:
        member = self.dataset.members[number]
        path = self.draft.file(self.named(self._names[number]), member.path if self.sparse and member.known else None)
        with ExitStack() as stack:
            source = stack.enter_context(OPENED.using(member.how)).source
            sink, names = self.make(source, member.kind, path)
            return _Part(sink, names, path, source, stack.pop_all())

    # --- in order

    def write(self, prepared: Prepared) -> None:
        """Write it. Everything of the files before is there already."""
        number, piece, touched = prepared.piece
        self._finish(number)
        part = self._parts[number]
        part.touched |= touched
        part.sink.write(piece)
        self.rows += prepared.rows

    def finish(self) -> None:
        """Complete and prove all files."""
        self._finish(len(self.dataset.members))
        while self._proofs:
            self._proofs.popleft().result()

    def _finish(self, stop: int) -> None:
        """Complete the files before a number."""
        while self._next < stop:
            number, self._next = self._next, self._next + 1
            if number not in self._parts and self.sparse:
                continue
            part = self._part(number)
            part.sink.target.finish()
            part.sink.target.close()
            if self.copies and not part.touched and is_alike(part.source, part.path):
                copy(part.source, part.path)
                self.copied += 1
            self.written += 1
            self._proofs.append(self._pool.submit(self._prove, number, part))
            while len(self._proofs) > 2 * self.jobs:
                self._proofs.popleft().result()

    def _prove(self, number: int, part: _Part) -> None:
        """Read a file back, and forget what was known of it."""
        try:
            shown = part.path.replace(self.draft.path, self.draft.target)
            jobs = self.jobs if self.dataset.members[number].size >= WIDE else 1
            verify(part.sink, part.path, shown, Local(jobs, self.memory), None, self.memory // 4)
            part.source.check()
            self.draft.sync_file(part.path)
        finally:
            with self._lock:
                self._parts.pop(number, None)
            part.held.close()

    def close(self) -> None:
        """Let go of all files, finished or not."""
        self._pool.shutdown(cancel_futures=True)
        for number in list(self._parts):
            part = self._parts.pop(number)
            part.sink.target.close()
            part.held.close()


def _differs(held: Held) -> bool:
    return held.origin is None or (held.changed is not None and bool(held.changed.any()))


def own_block(dataset: Dataset, number: int, names: Sequence[str], block: Block) -> Block:
    """A block as one of the file that it is from: with the columns and the numbers that they have there."""
    plan = dataset.members[number].kind.plan
    columns = {}
    for name in names:
        held = block.columns[name]
        origin = None if held.origin is None else plan[held.origin]
        columns[name] = Held(held.view, origin, held.changed)
    own = block.batch.own
    if own is None:  # it was made of nothing
        placed = sorted((place, i) for i, place in enumerate(plan) if place is not None)
        own = Batch(0, block.batch.rows, [block.batch.columns[i] for _, i in placed])
    return Block(own, columns, block.kept)

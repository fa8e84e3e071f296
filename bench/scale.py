"""How merging scales: the states of many splits, merged in the tree that engines use, in one process.

    python -m bench.scale --splits 20000 --columns 50

The states are real: those that the looks of a scan make of splits of synthetic data. There are a few different ones,
taken again and again. Time is that of one core; an engine has as many as there are workers.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import nanclean
from nanclean.engine import Look
from nanclean.engines._remote import COUNT, FAN_IN, _merged, _Tree, versions
from nanclean.engines.local import Local
from nanclean.state import packed, unpacked

ROWS, DIFFERENT = 100_000, 16
"""Rows of a split, and how many splits are different."""


class Recording(Local):
    """An engine that keeps what each look makes of each split, as it would be sent."""

    apart = True  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(1)
        self.looks: list[tuple[Look[Any, Any], list[bytes]]] = []

    def fold(self, look: Look[Any, Any], pieces: Iterable[Any], seen: Callable[[Any], None]) -> Any:
        states = []
        whole = look.fresh()
        for piece in pieces:
            state = look.fresh()
            look.see(state, piece)
            states.append(bytes(COUNT) + packed(state))
            look.merge(whole, unpacked(states[-1][COUNT:]))
            seen(piece)
        self.looks.append((look, states))
        return whole


def recorded(columns: int) -> list[tuple[Look[Any, Any], list[bytes]]]:
    """The looks of a scan, and the states of a few splits in each."""
    from nanclean.formats import parquet

    R = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.parquet")
        schema = pa.schema([(f"c{i}", pa.float64()) for i in range(columns)])
        with pq.ParquetWriter(path, schema) as writer:
            for _ in range(DIFFERENT):
                some = [np.where(R.random(ROWS) < 0.01, np.nan, R.lognormal(i % 5, 1, ROWS)) for i in range(columns)]
                writer.write_table(pa.table(some, schema=schema), row_group_size=ROWS)
        parquet.SPLIT_ROWS = ROWS
        engine = Recording()
        nanclean.scan(path, no_config=True, engine=engine)
    return engine.looks


def merged(look: Look[Any, Any], states: list[bytes], splits: int) -> Iterator[str]:
    """What it takes to merge as many states."""
    import pickle

    kept = zlib.compress(pickle.dumps(look, 5), 1)
    tasks = held = most = 0

    def merge(some: Any) -> bytes:
        nonlocal tasks, held
        found = _merged(versions(), kept, *some)
        tasks, held = tasks + 1, held - sum(map(len, some)) + len(found)
        return found

    tree = _Tree(merge)
    started = time.perf_counter()
    for number in range(splits):
        state = states[number % len(states)]
        held += len(state)
        tree.add(state)
        most = max(most, held)
    (root,) = tree.roots()
    seconds = time.perf_counter() - started
    moved = int.from_bytes(root[:COUNT], "little")
    yield f"  look         {type(getattr(look, 'look', look)).__name__}, {len(kept):,} bytes"
    yield f"  a state      {sum(map(len, states)) // len(states):,} bytes packed; the last one {len(root):,}"
    yield f"  merged       {splits:,} states by {tasks:,} tasks, {FAN_IN} at a time: {seconds:.1f} s of one core"
    yield f"  moved        {moved / 1e9:.2f} GB from worker to worker; {len(root) / 1e6:.2f} MB to the driver"
    yield f"  held at once {most / 1e6:.1f} MB of states that wait"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=50)
    given = parser.parse_args()
    looks = recorded(given.columns)
    for number, (look, states) in enumerate(looks, 1):
        print(f"look {number} of {len(looks)}, {given.columns} columns")
        for line in merged(look, states, given.splits):
            print(line, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of this process, which has made the states as well: {peak / 1024:,.0f} MB")


if __name__ == "__main__":
    main()

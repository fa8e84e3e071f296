"""Bytes in which some spans are replaced by other texts, all of them in one go."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from nanclean.cells import packed
from nanclean.formats._encoding import Raw


class Splice:
    """Replacements that are collected in any order. Spans must not overlap."""

    def __init__(self) -> None:
        self._starts: list[np.ndarray] = []
        self._stops: list[np.ndarray] = []
        self._ranks: list[np.ndarray] = []
        self._texts: list[pa.Array] = []

    @property
    def empty(self) -> bool:
        return not self._starts

    def put(self, starts: np.ndarray, stops: np.ndarray, texts: pa.Array | None = None, rank: int = 0) -> None:
        """Put a text in the place of each span, or (None) take the spans away.

        texts: an Arrow array of text or bytes. rank: of spans that start at the same byte, the lower is the first; all
        but the last of them are empty.
        """
        if not starts.size:
            return
        self._starts.append(starts.astype(np.int64, copy=False))
        self._stops.append(stops.astype(np.int64, copy=False))
        self._ranks.append(np.full(starts.size, rank, np.int64))
        self._texts.append(_nothing(starts.size) if texts is None else texts.cast(pa.large_binary()))

    def applied(self, data: Raw) -> pa.Buffer:
        """The bytes with all that in them. Freshly made."""
        starts, stops = np.concatenate(self._starts), np.concatenate(self._stops)
        order = self._order(starts)
        n = starts.size
        edges = np.empty(2 * n + 2, np.int64)
        edges[0], edges[-1] = 0, len(data)
        edges[1:-1:2], edges[2:-1:2] = starts[order], stops[order]
        if (edges[1:] < edges[:-1]).any():  # Arrow would read memory that is not ours
            raise ValueError("spans overlap, or lie outside of the bytes")
        segments = pa.Array.from_buffers(
            pa.large_binary(), 2 * n + 1, [None, pa.py_buffer(edges), pa.py_buffer(data)]
        )  # what stays and what goes, in turn
        taken = np.arange(2 * n + 1)
        taken[1::2] = order + (2 * n + 1)
        found = pa.concat_arrays([segments, *self._texts]).take(packed(taken))
        buffer = found.buffers()[2]
        return pa.py_buffer(b"") if buffer is None else buffer

    def _order(self, starts: np.ndarray) -> np.ndarray:
        if len(self._starts) == 1:
            return np.arange(starts.size) if (starts[1:] >= starts[:-1]).all() else np.argsort(starts, kind="stable")
        ranks = np.concatenate(self._ranks)
        # The lists that were put in are sorted as a rule, and a stable sort is fast at merging such.
        return np.argsort(starts * (int(ranks.max()) + 1) + ranks, kind="stable")


def _nothing(count: int) -> pa.Array:
    zeros = pa.py_buffer(np.zeros(count + 1, np.int64))
    return pa.Array.from_buffers(pa.large_binary(), count, [None, zeros, pa.py_buffer(b"")])

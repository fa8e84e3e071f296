"""Sums whose bits do not depend on order: any batch size, any worker, any way of merging.

A sum of finite float64 values is kept as a whole number of steps of 2**-1074, as a Python integer
(the idea of Neal, "Fast exact summation using small and large superaccumulators", 2015). Values are
split into levels that are added in float64 without ever rounding: about 1.5 ns per value.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Self

import numpy as np

BLOCK = 16_384
"""Values that are added at a time: 2**14 of them, each below 2**38 units, stay below 2**52. They fit the cache."""
DOT = 8_192
"""Values of a dot product: OpenBLAS starts threads beyond 10,000."""
BITS = 38
SMALLEST = -1074
"""Every finite float64 is a whole multiple of 2**SMALLEST."""
SAFE = 900
"""Blocks whose largest exponent lies beyond this are scaled first: the constants below would overflow."""

_thread = threading.local()


def scratch(number: int) -> np.ndarray:
    """float64, (BLOCK,): working memory of this thread. Fresh memory costs more than the arithmetic."""
    try:
        return _thread.arrays[number]
    except AttributeError:
        _thread.arrays = [np.empty(BLOCK) for _ in range(4)]
        return _thread.arrays[number]


@dataclass
class ExactSum:
    """The sum of finite values, rounded once, when it is asked for."""

    n: int = 0
    steps: int = 0
    """The sum in units of 2**-1074."""

    def add(self, finite: np.ndarray, largest: float | None = None) -> None:
        """Take in finite values of any float or integer dtype, (n,), none of them beyond `largest` in size."""
        self.n += finite.size
        if finite.dtype.kind in "iu":
            self.steps += integer_sum(finite) << -SMALLEST
            return
        if not finite.size:
            return
        if largest is None:
            largest = max(float(finite.max()), -float(finite.min()))
        for at in range(0, finite.size, BLOCK):
            block = finite[at : at + BLOCK]
            if block.dtype != np.float64:
                wide = scratch(3)[: block.size]
                np.copyto(wide, block)
                block = wide
            self.steps += block_steps(block, largest)

    def add_counts(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Take in every value (finite float64 or integer) as often as its count says."""
        n = int(counts.sum())
        if n <= BLOCK:  # one by one is quicker than by exponents
            self.add(np.repeat(values, counts))
            return
        self.n += n
        if values.dtype.kind in "iu":
            total = sum(int(v) * int(c) for v, c in zip(values, counts, strict=True))
            self.steps += total << -SMALLEST
        else:
            self.steps += _weighted(values.astype(np.float64), counts.astype(np.int64))

    def merge(self, other: Self) -> None:
        self.n += other.n
        self.steps += other.steps

    def mean(self) -> float | None:
        """The correctly rounded mean; None of nothing."""
        return self.steps / (self.n << -SMALLEST) if self.n else None  # int / int rounds once


def integer_sum(values: np.ndarray) -> int:
    """The exact sum of integers; int64 would wrap around."""
    if not values.size:
        return 0
    largest = max(abs(int(values.min())), abs(int(values.max())))
    if largest * values.size < 2**63:
        return int(values.sum(dtype=np.int64))
    high, low = values >> 32, values & 0xFFFFFFFF
    return (integer_sum_small(high) << 32) + integer_sum_small(low)


def integer_sum_small(values: np.ndarray) -> int:
    """The sum of integers below 2**32: 2**30 of them fit into 64 bits."""
    return sum(int(values[at : at + 2**30].sum(dtype=np.int64)) for at in range(0, values.size, 2**30))


def block_steps(block: np.ndarray, largest: float) -> int:
    """The exact sum of at most BLOCK float64 values of at most this size, in steps of 2**-1074. Uses scratch 0 to 2."""
    if largest == 0.0 or not block.size:
        return 0
    unit = math.frexp(largest)[1]  # every |value| is below 2**unit
    if unit > SAFE:
        return _huge(block)
    if unit < -SAFE:
        return block_steps(block * 2.0**600, largest * 2.0**600) >> 600  # exact: nothing here is larger than 2**-900
    whole, left = scratch(0)[: block.size], scratch(1)[: block.size]
    rest, total = block, 0
    for _ in range(2):  # 76 bits; two levels hold nearly all values, so nobody looks before
        quantum = max(unit - BITS, SMALLEST)
        magic = math.ldexp(1.5, quantum + 52)
        np.add(rest, magic, out=whole)  # rounds to whole quanta
        np.subtract(whole, magic, out=whole)
        np.subtract(rest, whole, out=left)  # exact
        total += int(math.ldexp(_total(whole), -quantum)) << (quantum - SMALLEST)
        rest, unit = left, quantum
    some = left != 0
    if some.any():  # the last bits of values that are small beside the largest
        few = left[some]
        total += block_steps(few, max(float(few.max()), -float(few.min())))
    return total


def _total(whole: np.ndarray) -> float:
    """The sum of whole quanta. Every partial sum is below 2**52 of them, so any way of adding is exact; the dot
    product is the fastest."""
    ones = _ones()
    if whole.size == 2 * DOT:
        return float(np.dot(whole[:DOT], ones)) + float(np.dot(whole[DOT:], ones))
    first, second = whole[:DOT], whole[DOT:]
    return float(np.dot(first, ones[: first.size])) + float(np.dot(second, ones[: second.size]))


def _ones() -> np.ndarray:
    try:
        return _thread.ones
    except AttributeError:
        _thread.ones = np.ones(DOT)
        return _thread.ones


def _huge(block: np.ndarray) -> int:
    """Values beyond 2**SAFE apart from the others, so that scaling loses no bit of either."""
    big = np.abs(block) >= 2.0**400
    rest = block[~big]
    scaled = block[big] * 2.0**-300
    return (block_steps(scaled, float(np.abs(scaled).max(initial=0.0))) << 300) + block_steps(rest, 2.0**400)


def _weighted(values: np.ndarray, counts: np.ndarray) -> int:
    """The exact sum of values times counts, in steps of 2**-1074."""
    total = 0
    for at in range(0, values.size, 2**15):  # products below 2**47, so that 2**15 of them fit into int64
        mantissa, exponent = np.frexp(values[at : at + 2**15])
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        number = counts[at : at + 2**15]
        least = int(exponent.min())
        for power in (np.flatnonzero(np.bincount(exponent - least)) + least).tolist():
            same = exponent == power
            m, c = whole[same], number[same]
            parts = 0
            for m_part, m_shift in ((m >> 27, 27), (m & 0x7FFFFFF, 0)):
                for c_part, c_shift in ((c >> 20, 20), (c & 0xFFFFF, 0)):
                    parts += int((m_part * c_part).sum()) << (m_shift + c_shift)
            shift = power - 53 - SMALLEST
            total += parts << shift if shift >= 0 else parts >> -shift  # subnormals end in zeros
    return total

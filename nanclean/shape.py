"""The figures of a distribution, read off a ladder: quartiles, spread, fences, histogram, ends and gaps.

All are computed with intervals, so that one and the same code first finds out which bins have to be opened,
and then gives the exact answers.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from nanclean.ladder import Interval, Ladder, lerp

HISTOGRAM = 40
TUKEY = 1.5
SIGMAS = 3.0
MODIFIED = 3.5 / 0.6745
"""Iglewicz and Hoaglin (1993): 0.6745 |x - median| / MAD > 3.5."""
TAIL = 0.05
"""Share of the values at either end among which gaps are looked for."""
GAPS = 64
NEAR = 0.25
"""Of the range of the others: no detector speaks of a gap that is narrower (they begin at 0.3)."""


def order_figures(ladder: Ladder, mean: float, std: Interval, quantiles: tuple[float, ...]) -> dict[str, Any]:
    """Every figure that needs order, of at least one value. Exact if `ladder.settled` afterwards."""
    q1, median, q3 = (ladder.quantile(q) for q in (0.25, 0.5, 0.75))
    mad = _mad(ladder, median)
    spread = max(q3[0] - q1[1], 0.0), q3[1] - q1[0]
    fences = {
        "zscore": _around((mean, mean), (SIGMAS * std[0], SIGMAS * std[1])),
        "iqr": (
            (q1[0] - TUKEY * spread[1], q1[1] - TUKEY * spread[0]),
            (q3[0] + TUKEY * spread[0], q3[1] + TUKEY * spread[1]),
        ),
        "mad": _around(median, (MODIFIED * mad[0], MODIFIED * mad[1])),
    }
    zero = ladder.rank(0.0, 0.0, inclusive=True)
    negative = ladder.rank(0.0, 0.0, inclusive=False)
    return {
        "q1": q1[0], "median": median[0], "q3": q3[0], "mad": mad[0],
        "fences": {name: [low[0], high[0]] for name, (low, high) in fences.items()},
        "outliers": {name: _outside(ladder, low, high) for name, (low, high) in fences.items()},
        "zero": zero - negative,
        "negative": negative,
        "min_positive": _at(ladder, zero),
        "histogram": _histogram(ladder),
        "ends": _ends(ladder),
        "gaps": _gaps(ladder),
        "beside": {name: ladder.beside(q) for name, q in (("q1", 0.25), ("median", 0.5), ("q3", 0.75))},
        "quantiles": {q: ladder.quantile(q)[0] for q in quantiles},
        "ranks": {q: ladder.rank(*ladder.quantile(q), inclusive=True) for q in quantiles},
    }  # fmt: skip


def spread_of_rungs(ladder: Ladder, mean: float) -> Interval:
    """Bounds of the standard deviation as far as the bins tell."""
    low, high = ladder.low.astype(np.float64), ladder.high.astype(np.float64)
    scale = max(abs(float(low[0])), abs(float(high[-1])), 1e-300)
    middle, half = low / scale / 2 + high / scale / 2, high / scale / 2 - low / scale / 2
    share = ladder.count / ladder.n
    std = math.sqrt(float((share * (middle - mean / scale) ** 2).sum())) * scale
    slack = math.sqrt(float((share * half**2).sum())) * scale + std * 1e-9
    return max(std - slack, 0.0), std + slack


def _around(center: Interval, distance: Interval) -> tuple[Interval, Interval]:
    return (center[0] - distance[1], center[1] - distance[0]), (center[0] + distance[0], center[1] + distance[1])


def _outside(ladder: Ladder, low: Interval, high: Interval) -> int:
    """How many values lie strictly beyond two fences."""
    return ladder.rank(*low, inclusive=False) + ladder.n - ladder.rank(*high, inclusive=True)


def _at(ladder: Ladder, k: int) -> float | int | None:
    """The k-th value, if there is one."""
    return ladder.kth(k)[0].item() if k < ladder.n else None


def _mad(ladder: Ladder, median: Interval) -> Interval:
    """The median of the distances from the median."""
    low, high, median = _centered(ladder, median)
    with np.errstate(over="ignore"):
        near = np.maximum(np.maximum(low - median[1], median[0] - high), 0.0)
        far = np.maximum(high - median[0], median[1] - low)
        if not ladder.opaque.any() and median[0] == median[1]:
            near = far = np.abs(low - median[0])
    at = (ladder.n - 1) * 0.5
    k = int(at)
    bounds = []
    for distance in (near, far):
        order = np.argsort(distance, kind="stable")
        cumulated = np.cumsum(ladder.count[order])
        a, b = (
            float(distance[order[np.searchsorted(cumulated, i, side="right")]]) for i in (k, min(k + 1, ladder.n - 1))
        )
        bounds.append((a, b))
    (a_near, b_near), (a_far, b_far) = bounds
    ladder.want(np.flatnonzero((near <= b_far) & (far >= a_near)))
    if at == k:
        return a_near, a_far
    return lerp(a_near, b_near, at - k), lerp(a_far, b_far, at - k)


def _centered(ladder: Ladder, median: Interval) -> tuple[np.ndarray, np.ndarray, Interval]:
    """The rungs as float64, and the median. Integers beyond 2**53 from a point near it, so that none is rounded."""
    low, high = ladder.low, ladder.high
    if low.dtype.kind in "iu" and max(abs(int(low[0])), abs(int(high[-1]))) > 2**53:
        point = min(max(int(median[0]), int(low[0])), int(high[-1]))
        if max(int(high[-1]) - point, point - int(low[0])) < 2**63:
            with np.errstate(over="ignore"):
                low, high = ((x - x.dtype.type(point)).view(np.int64) for x in (low, high))
            median = median[0] - point, median[1] - point
    return low.astype(np.float64), high.astype(np.float64), median


def _histogram(ladder: Ladder) -> dict[str, list[Any]]:
    """Equal bins between the 0.5 and the 99.5 % quantile, closed to the left, and two open ends."""
    (low, low_), (high, high_) = ladder.quantile(0.005), ladder.quantile(0.995)
    if low == low_ == high == high_:
        below, upto = ladder.rank(low, low, inclusive=False), ladder.rank(low, low, inclusive=True)
        return {"edges": [low, low], "counts": [below, upto - below, ladder.n - upto]}
    edges = [_edge(low, high, i) for i in range(HISTOGRAM + 1)]
    edges_ = [_edge(low_, high_, i) for i in range(HISTOGRAM + 1)]
    if edges == edges_ and not ladder.opaque.any() and ladder.low.dtype.kind == "f":
        ranks = ladder.below[np.searchsorted(ladder.low, edges)].tolist()  # all at once
        ranks[-1] = ladder.rank(high, high, inclusive=True)
    else:
        ranks = [
            ladder.rank(min(a, b), max(a, b), inclusive=i == HISTOGRAM)
            for i, (a, b) in enumerate(zip(edges, edges_, strict=True))
        ]
    inner = [b - a for a, b in pairwise(ranks)]
    return {"edges": edges, "counts": [ranks[0], *inner, ladder.n - ranks[-1]]}


def _edge(low: float, high: float, i: int) -> float:
    if i in (0, HISTOGRAM):
        return high if i else low
    if math.isinf((high - low) * HISTOGRAM):
        return _edge(low * 2.0**-8, high * 2.0**-8, i) * 2.0**8
    return low + (high - low) * i / HISTOGRAM


def _ends(ladder: Ladder) -> dict[str, list[Any]]:
    """The smallest and the largest value, with their counts and the value next to them."""
    last = ladder.count.size - 1
    ladder.want(np.array([0, min(1, last), last, max(last - 1, 0)]))
    return {
        "low": [ladder.low[0].item(), int(ladder.count[0]), ladder.low[1].item() if last else None],
        "high": [ladder.high[last].item(), int(ladder.count[last]), ladder.high[last - 1].item() if last else None],
    }


def _gaps(ladder: Ladder) -> list[list[Any]]:
    """Wide gaps between neighbouring values, among the outer TAIL of the values at either end."""
    if ladder.count.size < 2:
        return []
    (_, q05), (q95, _) = ladder.kth(int((ladder.n - 1) * TAIL)), ladder.kth(math.ceil((ladder.n - 1) * (1 - TAIL)))
    low, high = ladder.low.astype(np.float64), ladder.high.astype(np.float64)
    with np.errstate(over="ignore"):
        wide = (float(q95) - float(q05)) / 4
        if not wide > 0:
            return []
        between, within = high[1:] - low[:-1], high - low
    below = ladder.below[1:-1]
    outer = (below <= ladder.n * TAIL) | (ladder.n - below <= ladder.n * TAIL)
    found = np.flatnonzero(outer & (between >= wide))
    ladder.want(np.concatenate([found, found + 1]))
    tails = (ladder.below[1:] <= ladder.n * TAIL) | (ladder.n - ladder.below[:-1] <= ladder.n * TAIL)
    ladder.want(np.flatnonzero(tails & (within >= wide)))
    if found.size > GAPS:
        found = np.sort(found[np.argsort(-between[found], kind="stable")[:GAPS]])
    above = ladder.n - ladder.below
    return [[ladder.low[i].item(), ladder.high[i + 1].item(), int(above[i + 1])] for i in found.tolist()]


def close(ladder: Ladder, zeros: int) -> bool:
    """Whether the bins as they are prove that no value stands apart: none need be opened.

    That is: no gap in the tails comes near the range of the others, not one value alone is negative, and no zero lies
    far from values that are all positive. False: it is not known. zeros: how many values are 0.
    """
    low, high = ladder.low.astype(np.float64), ladder.high.astype(np.float64)
    if low.size < 8 or not math.isfinite(float(high[-1]) / 2 - float(low[0]) / 2):
        return False
    if not (_close_above(low, high, ladder) and _close_below(low, high, ladder)):
        return False
    if low[0] < 0:
        return int(np.count_nonzero(high < 0)) > 1
    if low[0] > 0 or not 0 < 2 * zeros <= ladder.n:
        return True
    second = high[0] if ladder.count[0] > zeros else high[1]  # the smallest positive value is not greater
    return bool(second < NEAR * float(ladder.kth((ladder.n - 1) // 2)[0]))


def _close_above(low: np.ndarray, high: np.ndarray, ladder: Ladder) -> bool:
    """No gap towards the largest values is wide. `low`, `high`: of the rungs."""
    tail = math.ceil(1.2 * TAIL * ladder.n)
    start = int(np.searchsorted(ladder.below[1:], ladder.n - tail))
    start = min(start, low.size - 2)
    gaps = np.append(high[1:], high[-1])[start:] / 2 - low[start:] / 2  # from a value in a rung to the next value
    fifth = float(high[int(np.searchsorted(ladder.below[1:], tail))])  # groups at the other end may be set apart
    others = low[start:] / 2 - max(fifth, float(high[1])) / 2
    return bool((gaps < NEAR * others).all())


def _close_below(low: np.ndarray, high: np.ndarray, ladder: Ladder) -> bool:
    """No gap towards the smallest values is wide."""
    mirrored = Ladder(-high[::-1], -low[::-1], ladder.count[::-1], ladder.opaque, ladder.place, ladder.home)
    return _close_above(mirrored.low, mirrored.high, mirrored)

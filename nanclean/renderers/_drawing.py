"""Pictures of figures as SVG: where each bar, fence and tick stands. Nothing here knows HTML."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nanclean.renderers import _words as words
from nanclean.report import Column, Histogram
from nanclean.wording import several

WIDTH = 480
"""Of a histogram; the page scales it."""
HEIGHT = 76
"""Of its highest bar."""
_LOWEST = 1.5
"""Of a bar that is there: one value among millions is seen."""
_EXTENDED = 0.2
"""By so much of its range a picture is widened to show a fence."""
_FEW = 40
"""So many different values look like a comb in as many bins; in half of them they do not."""
_TICKS = 4
_FINEST = 1e-12
"""Of the values themselves: ranges below it are noise of rounding."""
SHADES = (1, 5, 20, 50, 90)
"""Of the map: from so many percent on the next one."""
_SPARK = 20
_SPARK_HEIGHT = 12


@dataclass(frozen=True)
class Bin:
    """Some of the values of a column, from `low` to `high`; None: without an end there, or not to be told."""

    low: float | None
    high: float | None
    count: int
    label: str
    open: bool = False


@dataclass(frozen=True)
class Bar:
    """A bin as it is drawn."""

    x: float
    y: float
    width: float
    height: float
    label: str
    open: bool


@dataclass(frozen=True)
class Fence:
    """Where a rule of outliers begins to call a value one."""

    rule: str
    low: float | None
    """Where its lower end is drawn; None: beyond the picture."""
    high: float | None
    text: str


@dataclass(frozen=True)
class Tick:
    """A mark below a picture."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Picture:
    """A histogram with its fences."""

    bars: tuple[Bar, ...]
    fences: tuple[Fence, ...]
    ticks: tuple[Tick, ...]
    middle: tuple[float, float, float] | None
    """First quartile, median, third quartile."""


class Scale:
    """From values to places. Halves are subtracted, so that the widest range does not overflow."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, value: float) -> float:
        """Where a value stands, within the picture or not."""
        whole = self.high / 2 - self.low / 2
        return round((value / 2 - self.low / 2) / whole * WIDTH, 1) if whole else WIDTH / 2

    def holds(self, value: float | None) -> bool:
        """Whether a value is in the picture."""
        return value is not None and self.low <= value <= self.high


def picture(column: Column) -> Picture | None:
    """The histogram of a column; None where there is none worth drawing."""
    histogram = column.histogram
    if histogram is None or not column.finite or column.constant or len(histogram.edges) < 3:
        return None
    bins = _bins(column, histogram)
    if _is_hidden(histogram) or not _has_room(histogram.edges):
        return Picture(tuple(_evenly(bins)), (), (), None)
    scale = _scale(column, bins)
    quartiles = [value for value in (column.q1, column.median, column.q3) if value is not None]
    return Picture(
        bars=tuple(_bars(bins, scale)),
        fences=tuple(_fences(column, scale)),
        ticks=tuple(ticks(scale)),
        middle=(scale(quartiles[0]), scale(quartiles[1]), scale(quartiles[2])) if len(quartiles) == 3 else None,
    )


def _has_room(edges: Sequence[float | None]) -> bool:
    """Whether places between the ends can be told apart."""
    low, high = edges[0] or 0.0, edges[-1] or 0.0
    return high / 2 - low / 2 > _FINEST * max(abs(low), abs(high))


def _is_hidden(histogram: Histogram) -> bool:
    return any(edge is None for edge in histogram.edges)


def _bins(column: Column, histogram: Histogram) -> list[Bin]:
    edges, counts = histogram.edges, histogram.counts
    inner = [
        Bin(low, high, count, f"{words.number(low)} to {words.number(high)}: {several(count, 'value')}")
        if low is not None and high is not None
        else Bin(None, None, count, several(count, "value"))
        for low, high, count in zip(edges, edges[1:], counts[1:], strict=False)
    ]
    if not _is_hidden(histogram) and _has_room(edges):
        inner = (_whole_numbers(inner) if column.type == "integer" else None) or inner
        if column.distinct is not None and column.distinct <= _FEW and len(inner) == _FEW:
            inner = [_joined(pair) for pair in zip(inner[::2], inner[1::2], strict=True)]
    below, above = (
        Bin(None, None, count, f"{several(count, 'value')} {word} {words.number(edge)}".rstrip(), open=True)
        for count, word, edge in ((counts[0], "below", edges[0]), (counts[-1], "above", edges[-1]))
    )
    return [*([below] if below.count else []), *inner, *([above] if above.count else [])]


def _joined(bins: Sequence[Bin]) -> Bin:
    low, high, count = bins[0].low, bins[-1].high, sum(bin.count for bin in bins)
    return Bin(low, high, count, f"{words.number(low)} to {words.number(high)}: {several(count, 'value')}")


def _whole_numbers(bins: Sequence[Bin]) -> list[Bin] | None:
    """A bin for each whole number where there are fewer of them than bins: 40 bins of 12 months wave otherwise."""
    low, high = bins[0].low, bins[-1].high
    if low is None or high is None:
        return None
    first, last = math.ceil(low), math.floor(high)
    if not first <= last <= first + len(bins) - 1:
        return None
    counts = [0] * (last - first + 1)
    for bin in bins:  # each holds one whole number at most: that at or after its lower end
        counts[min(math.ceil(bin.low or 0) - first, last - first)] += bin.count
    return [Bin(n - 0.5, n + 0.5, count, f"{n}: {several(count, 'value')}") for n, count in enumerate(counts, first)]


def _scale(column: Column, bins: Sequence[Bin]) -> Scale:
    """The range of the picture: the bins, the open ends beside them, and fences that are not far."""
    ends = [end for bin in bins for end in (bin.low, bin.high) if end is not None]
    low, high = min(ends), max(ends)
    span = high - low
    if not math.isfinite(span):
        return Scale(low, high)
    width = span / max(1, sum(not bin.open for bin in bins))
    lows, highs = [low - width * bins[0].open], [high + width * bins[-1].open]
    for fences in (getattr(column.fences, rule) for rule in ("iqr", "zscore", "mad")) if column.fences else ():
        for fence in fences or ():
            if fence is not None and low - _EXTENDED * span <= fence <= high + _EXTENDED * span:
                lows.append(fence - width / 2)
                highs.append(fence + width / 2)
    wider = Scale(min(lows), max(highs))
    return wider if math.isfinite(wider.high - wider.low) else Scale(low, high)


def _bars(bins: Sequence[Bin], scale: Scale) -> Iterator[Bar]:
    highest = max(bin.count for bin in bins) or 1
    inner = [bin for bin in bins if bin.low is not None and bin.high is not None]
    width = (scale(inner[0].high or 0) - scale(inner[0].low or 0)) if inner else WIDTH
    gap = min(1.5, width / 5)
    for n, bin in enumerate(bins):
        if not bin.count:
            continue
        if bin.open:
            x = scale(inner[0].low or 0) - width if n == 0 else scale(inner[-1].high or 0)
        else:
            x = scale(bin.low or 0)
        yield _bar(x + gap / 2, width - gap, bin, highest)


def _evenly(bins: Sequence[Bin]) -> Iterator[Bar]:
    """Bars side by side, for want of edges."""
    highest = max(bin.count for bin in bins) or 1
    width = WIDTH / len(bins)
    for n, bin in enumerate(bins):
        if bin.count:
            yield _bar(n * width + 0.5, width - 1, bin, highest)


def _bar(x: float, width: float, bin: Bin, highest: int) -> Bar:
    height = round(max(bin.count / highest * HEIGHT, _LOWEST), 1)
    return Bar(round(x, 1), round(HEIGHT - height, 1), round(width, 1), height, bin.label, bin.open)


def _fences(column: Column, scale: Scale) -> Iterator[Fence]:
    for rule in ("iqr", "zscore", "mad"):
        ends = getattr(column.fences, rule) if column.fences else None
        counted = getattr(column.outliers, rule) if column.outliers else None
        if ends is None or counted is None:
            continue
        low, high = (scale(end) if scale.holds(end) else None for end in ends)
        yield Fence(rule, low, high, ", ".join(words.number(end) or "?" for end in ends))


def ticks(scale: Scale) -> Iterator[Tick]:
    """Round numbers below a picture."""
    span = scale.high - scale.low
    if not math.isfinite(span) or span <= 0:
        return
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= _TICKS + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    for n in range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1):
        value = n * step
        text = f"{value:.{digits}f}" if digits < 5 and abs(value) < 1e7 else f"{value:.4g}"
        x = scale(value)
        yield Tick(x, text, "start" if x < 12 else "end" if x > WIDTH - 12 else "middle")


@dataclass(frozen=True)
class Overlay:
    """A histogram before and after, as areas of the same size."""

    before: str
    after: str
    ticks: tuple[Tick, ...]
    ticks_before: tuple[Tick, ...]
    """Where both have an axis of their own, that of before; otherwise none."""
    cut: bool
    """Whether values from before lie beyond the picture."""


def overlay(before: Histogram | None, after: Histogram | None, *, apart: bool, whole: bool) -> Overlay | None:
    """Both histograms in one picture; None where one of them cannot be drawn.

    apart: each on an axis of its own, since the unit is another one. whole: of whole numbers.
    """
    first, second = (_densities(histogram, whole) for histogram in (before, after))
    if not first or not second:
        return None
    spans = [(side[0][0], side[-1][1]) for side in (first, second)]
    if apart:
        scales = [Scale(*span) for span in spans]
        return Overlay(
            _area(first, scales[0], _top(first)), _area(second, scales[1], _top(second)), tuple(ticks(scales[1])),
            tuple(ticks(scales[0])), False,
        )  # fmt: skip
    low, high = min(spans[0][0], spans[1][0]), max(spans[0][1], spans[1][1])
    (inner_low, inner_high), cut = spans[1], False
    if high - low > 4 * (inner_high - inner_low):
        margin = (inner_high - inner_low) / 4
        low, high, cut = max(low, inner_low - margin), min(high, inner_high + margin), True
    scale = Scale(low, high)
    highest = max(_top(first), _top(second))
    return Overlay(_area(first, scale, highest), _area(second, scale, highest), tuple(ticks(scale)), (), cut)


_Side = list[tuple[float, float, float]]


def _densities(histogram: Histogram | None, whole: bool) -> _Side:
    """Lower end, upper end and share of values to a unit of each bin but the open ones."""
    if histogram is None or len(histogram.edges) < 3:
        return []
    edges = [edge for edge in histogram.edges if edge is not None]
    total = sum(histogram.counts)
    if len(edges) != len(histogram.edges) or not total or not _has_room(edges) or edges[-1] - edges[0] == math.inf:
        return []
    bins = [Bin(low, high, count, "") for low, high, count in zip(edges, edges[1:], histogram.counts[1:], strict=False)]
    bins = (_whole_numbers(bins) if whole else None) or bins
    if len(bins) == _FEW:  # coarser than a card of its own: two combs of rounded values cannot be compared
        bins = [_joined(pair) for pair in zip(bins[::2], bins[1::2], strict=True)]
    ends = [(bin.low or 0.0, bin.high or 0.0, bin.count) for bin in bins]
    return [(low, high, count / total / (high - low) if high > low else 0.0) for low, high, count in ends]


def _top(side: _Side) -> float:
    return max(density for *_, density in side) or 1.0


def _area(side: _Side, scale: Scale, highest: float) -> str:
    """Steps from the ground up and down again, as the path of an SVG."""
    path = ""
    for low, high, density in side:
        left, right = (min(max(scale(end), 0), WIDTH) for end in (low, high))
        if right <= left:
            continue
        y = round(HEIGHT - density / highest * HEIGHT, 1)
        path += (f"M{left:g} {HEIGHT}V{y:g}" if not path else f"V{y:g}") + f"H{right:g}"
    return f"{path}V{HEIGHT}" if path else ""


def spark(column: Column) -> str:
    """A histogram as the path of a small picture, 60 by 12; empty where there is none."""
    histogram = column.histogram
    if histogram is None or not column.finite or column.constant or len(histogram.edges) < 3:
        return ""
    counts = histogram.counts[1:-1]
    size = min(_SPARK, len(counts))
    heights = [0] * size
    for at, count in enumerate(counts):
        heights[at * size // len(counts)] += count
    highest, step = max(heights) or 1, 60 / size
    path, last = f"M0 {_SPARK_HEIGHT}", None
    for n, height in enumerate(heights):
        y = _SPARK_HEIGHT - (max(1, round(height / highest * _SPARK_HEIGHT)) if height else 0)
        if y != last:
            path += f"V{y}"
        path, last = f"{path}H{(n + 1) * step:g}", y
    return f"{path}V{_SPARK_HEIGHT}"


@dataclass(frozen=True)
class Segment:
    """A piece of a bar of 100 units."""

    kind: str
    x: float
    width: float


def stacked(parts: Sequence[tuple[str, int]], whole: int) -> tuple[Segment, ...]:
    """Counts side by side in a bar that stands for the whole; none so small that it is not seen."""
    made, x = [], 0.0
    for kind, count in parts:
        if count and whole:
            width = min(max(round(100 * count / whole, 2), 0.6), 100 - x)
            made.append(Segment(kind, round(x, 2), round(width, 2)))
            x += width
    return tuple(made)


@dataclass(frozen=True)
class Patch:
    """Neighbouring blocks of rows in which as many cells are missing."""

    x: int
    width: int
    shade: int
    """1 to 6, by SHADES."""
    first: int
    last: int
    count: int

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.last - self.first + 1


def patches(counts: Sequence[int], blocks: Sequence[tuple[int, int]]) -> tuple[Patch, ...]:
    """The blocks of a column in which cells are missing, neighbours of one shade joined."""
    made: list[Patch] = []
    for x, (count, (first, last)) in enumerate(zip(counts, blocks, strict=False)):
        if not count:
            continue
        shade = 1 + bisect_right(SHADES, 100 * count / max(1, last - first + 1))
        before = made[-1] if made else None
        if before is not None and before.x + before.width == x and before.shade == shade:
            made[-1] = Patch(before.x, before.width + 1, shade, before.first, last, before.count + count)
        else:
            made.append(Patch(x, 1, shade, first, last, count))
    return tuple(made)

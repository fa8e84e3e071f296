"""What chance alone gives between two samples of one population: the noise that a difference must rise above.

All of it is held to four standard errors: of a million healthy columns some sixty differ by more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CHANCE = 4.0
"""Standard errors."""
RARE = math.log(math.erfc(CHANCE / math.sqrt(2)) / 2)
"""The logarithm of the probability that lies beyond them on one side."""


def rates_differ(hits: int, of: int, other_hits: int, other_of: int) -> bool:
    """Whether two shares differ by more than chance gives.

    By the likelihood ratio (G test; Wilks 1938, Woolf 1957), which unlike the difference over its standard error holds
    for rare events as well: by Hoeffding (1963) exp(-G/2) bounds the probability of each of the two shares.
    """
    if not of or not other_of:
        return False
    pooled = (hits + other_hits) / (of + other_of)
    ratio = sum(
        count * math.log(count / whole / share)
        for part, whole in ((hits, of), (other_hits, other_of))
        for count, share in ((part, pooled), (whole - part, 1 - pooled))
        if count
    )
    return 2 * ratio > CHANCE**2


def is_lopsided(hits: int, of: int, share: float) -> bool:
    """Whether of some coins more show heads than so likely a head gives by chance (Chernoff 1952)."""
    if not of or hits <= of * share:
        return False
    tails = of - hits
    ratio = hits * math.log(hits / of / share) + (tails * math.log(tails / of / (1 - share)) if tails else 0.0)
    return 2 * ratio > CHANCE**2


def means_differ(shift: float, std: float, other_std: float, n: int, m: int) -> bool:
    """Whether two means lie further apart than chance puts them.

    By the likelihood ratio of Student's t with the pooled deviation, (n + m) ln(1 + t² / (n + m - 2)), whose tail is
    that of a normal one for small samples as well (Wallace 1959).
    """
    free = n + m - 2
    if free < 1:
        return False
    pooled = math.hypot(std * math.sqrt(n / free), other_std * math.sqrt(m / free))
    error = pooled * math.sqrt(1 / n + 1 / m)
    if not error:
        return shift != 0
    t = min(abs(shift) / error, 1e100)
    return free * math.log1p(t * t / free) > CHANCE**2


def psi_of_chance(bins: int, n: int, m: int) -> float:
    """The population stability index that chance alone hardly exceeds, of so many bins and values.

    Between samples of one population it is (1/n + 1/m) times a chi-squared of bins - 1 degrees of freedom (Yurdakul
    2018, "Statistical Properties of Population Stability Index"), whose quantile is Wilson and Hilferty's (1931).
    """
    return (1 / n + 1 / m) * _chi_squared(bins - 1)


def spreads_differ(before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether values are spread over the same bins more differently than chance gives.

    By the likelihood ratio (G test), which grows less than the index does where bins hold few values.
    """
    n, m = sum(before), sum(now)
    ratio = sum(
        count * math.log(count * (n + m) / (of * (a + b)))
        for a, b in zip(before, now, strict=True)
        for count, of in ((a, n), (b, m))
        if count
    )
    return 2 * ratio > _chi_squared(len(before) - 1)


def _chi_squared(free: int) -> float:
    """The quantile of a chi-squared that chance alone hardly exceeds."""
    if free < 1:
        return math.inf
    spread = 2 / (9 * free)
    return free * (1 - spread + CHANCE * math.sqrt(spread)) ** 3


def ks_of_chance(n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance that chance alone hardly exceeds (Smirnov 1948), whatever the distribution."""
    return math.sqrt(-RARE / 2) * math.sqrt(1 / n + 1 / m)


def is_beyond(count: int, n: int, m: int) -> bool:
    """Whether more of m values lie beyond the extremes of n others than chance puts there.

    Any order of exchangeable values is as likely as any other, so each next value from the outside in is one of the m
    with a probability of m / (n + m) at most: at either end their number is a geometric one (Gumbel and von Schelling
    1950), and at both together a negative binomial one of two.
    """
    share = m / (n + m)
    return share == 0 or count * math.log(share) + math.log1p(count * (1 - share)) < RARE


def is_absent(count: int, n: int, m: int, kinds: int) -> bool:
    """Whether something that n rows hold so many times should be among m others, where so many kinds may be absent."""
    return count * math.log(n / (n + m)) < RARE - math.log(max(kinds, 1))

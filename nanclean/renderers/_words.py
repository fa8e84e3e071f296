"""How figures read: few digits, never a wrong impression."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nanclean.finding import at_most
from nanclean.report import Sample
from nanclean.wording import several

_NUMBERED = re.compile(r"(line|row) (\d+)")
_ZONE = re.compile(r"(?<=[0-9])(Z|[+-][0-9]{2}:[0-9]{2})$")
_IN_FULL = 10**10
"""Below it a number is shown to the unit, above it with four digits and a power."""


def number(value: object) -> str:
    """Four digits of a number; whole numbers up to ten billion in full."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) and abs(value) < _IN_FULL:
        return str(value)
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"{'-' if value < 0 else ''}2^{value.bit_length() - 1}.."
    if 1000 <= abs(value) < _IN_FULL:
        return f"{value:.0f}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)


def size(n: int) -> str:
    """Bytes in powers of ten: 2.3 MB."""
    if n < 1000:
        return several(n, "byte")
    value, unit = float(n), "kB"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        value /= 1000
        if value < 999.5:
            break
    return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"


def moments(first: str, last: str) -> tuple[str, str]:
    """Two times in ISO text without the parts that are zero in both, the zone once."""
    pair = [first.replace("T", " "), last.replace("T", " ")]
    zones = [_ZONE.search(moment) for moment in pair]
    zone = zones[0][0] if zones[0] and zones[1] else ""
    if any(zones) and not all(moment.endswith(zone or "?") for moment in pair):
        return pair[0], pair[1]
    pair = [moment.removesuffix(zone) for moment in pair]
    for zero in (".000000000", ".000000", ".000", ":00", " 00:00"):
        if all(moment.endswith(zero) and len(moment) > 5 for moment in pair):
            pair = [moment.removesuffix(zero) for moment in pair]
    return pair[0], pair[1] + (" UTC" if zone in ("Z", "+00:00") else zone)


def sampled(sample: Sample) -> str:
    """What was looked at: `sampled: 1 %, 5,012 of 500,000 rows, seed 0`."""
    rows = f"{sample.rows:,} of {several(sample.of_rows, 'row')}"
    return f"sampled: {100 * sample.share:.10g} %, {rows}, seed {sample.seed}"


def proven(sample: Sample) -> str:
    """What the sample says about the rest."""
    bound = f"at most {at_most(sample.at_most)} of the rows, with {100 * sample.confidence:g} % confidence"
    return f"what was not found in the sample is in {bound}"


def places(where: Sequence[str], more: bool, most: int = 3) -> str:
    """Positions in few words: "line 1011", "lines 2053 12093 13121 ..", "x[1009, 3], x[1010, 3]"."""
    shown = list(where[:most])
    if not shown:
        return ""
    dots = " .." if more or len(where) > most else ""
    numbered = [_NUMBERED.fullmatch(place) for place in shown]
    kinds = {found[1] for found in numbered if found}
    if len(kinds) != 1 or not all(numbered):
        return ", ".join(shown) + dots
    kind = kinds.pop() + ("s" if len(shown) > 1 or dots else "")
    return f"{kind} " + " ".join(found[2] for found in numbered if found) + dots

"""How names, values and counts are written in the messages and hints of parts and policies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nanclean.escaping import shortened

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
"""What a column's name must be like to stand in a rule without quotes."""


def quoted(name: str) -> str:
    """A column's name as a rule writes it: as it is, or quoted like a Python string."""
    return name if PLAIN.fullmatch(name) and name != "except" else repr(name)


def shown(value: object, limit: int = 40) -> str:
    """A value on one line: numbers as the shortest text that reads back the same, text escaped and cut."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return shortened(str(value), limit)


def several(count: int, noun: str, plural: str | None = None) -> str:
    """`1 value`, `2,643 values`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def percent(part: int, whole: int) -> str:
    """A share with one decimal; 0 % and 100 % only where it is exactly so."""
    if not whole or not part:
        return "0%"
    if part == whole:
        return "100%"
    share = 100 * part / whole
    return "<0.1%" if share < 0.1 else ">99.9%" if share > 99.9 else f"{share:.1f}%"


def listed(words: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; past `most` of them `a, b, c, d, e and 17 more`."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most:,} more"
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)

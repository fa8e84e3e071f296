"""The one way in which text from data, names and paths becomes fit to be shown."""

from __future__ import annotations

import re

_BEYOND_ASCII = re.compile("[\x7f-\U0010ffff]+")  # JSON itself escapes what is below a space
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str) -> str:
    """The text on one line, with everything that is not a visible character spelled out: `\\x1b`, `\\u202e`, `\\n`.

    That is C0, C1, DEL, bidi and other format controls, every space but the ordinary one, line and paragraph
    separators, surrogates (undecodable bytes of a file name) and code points that mean nothing. Doing it twice
    changes nothing. Markup is not touched: nothing here is ever read as markup.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _SHORT.get(c) or _spelled(c) for c in text)


def _spelled(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shortened(text: str, limit: int = 60) -> str:
    """Escaped text of at most `limit` characters; a value may be a megabyte, so it is cut before it is escaped."""
    shown = escaped(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 2] + ".."


def json_escaped(text: str) -> str:
    """JSON text in which no control, bidi or other invisible character stands raw. It means the same."""
    return _BEYOND_ASCII.sub(lambda found: "".join(map(_in_json, found[0])), text)


def _in_json(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

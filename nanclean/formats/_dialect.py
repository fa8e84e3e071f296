"""What the beginning of a text table tells: the delimiter, and names for the columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nanclean.errors import UsageError
from nanclean.formats._records import Block, Positions, QuoteError, Style, scan

DELIMITERS = ",;\t|"
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class Guess:
    """How the records of a sample look with one delimiter."""

    delimiter: str
    stop: int
    """Bytes of the sample that are whole records."""
    records: int
    first: int
    """Cells of the first record."""
    usual: int
    """Cells that most records have, the first one left out where it is a header."""
    share: float
    """Of the records that have so many."""

    @property
    def even(self) -> float:
        """How well it fits: a header of another length is a bad sign."""
        return self.share if self.first == self.usual else self.share / 2


def told_delimiter(text: str) -> str:
    """The delimiter that the user asked for."""
    delimiter = _WORDS.get(text.lower(), text)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise UsageError(
            f"--delimiter {text!r} is not one ASCII character", hint="for example --delimiter ';' or --delimiter tab"
        )
    return delimiter


def look(text: Block, delimiter: str, header: bool, more: bool) -> Guess | None:
    """The guess for one delimiter; None if not even the first record is complete. Raises QuoteError."""
    style = Style(ord(delimiter))
    found = scan(text, style, more)
    if found is None or not found.records:
        return None
    cells = Positions(text[: found.stop], style).cells()
    data = cells[1:] if header and cells.size > 1 else cells
    values, counts = np.unique(data, return_counts=True)
    best = counts.argmax()
    return Guess(delimiter, found.stop, cells.size, int(cells[0]), int(values[best]), float(counts[best] / data.size))


def find_delimiter(text: Block, preferred: str, header: bool, more: bool) -> Guess | None:
    """The delimiter that cuts the records of a sample into the same number of cells, more than one.

    Where none does it is a file of one column, and the delimiter is one that leaves its cells whole. None if not even
    the first record is complete. Raises QuoteError if the delimiter that the first line speaks for makes no sense of
    the quotes.
    """
    guesses: list[Guess] = []
    failures: dict[str, QuoteError] = {}
    candidates = preferred + DELIMITERS.replace(preferred, "")
    for delimiter in candidates:
        try:
            guess = look(text, delimiter, header, more)
        except QuoteError as error:
            failures[delimiter] = error
        else:
            guesses += [guess] if guess else []
    cutting = _cutting(guesses, header)
    if cutting:
        decimal = len(cutting) > 1 and _only_decimal_commas(text)
        return max(cutting, key=lambda g: (g.even, not (decimal and g.delimiter == ","), g.usual))
    first_line = re.split(rb"[\r\n]", text.lstrip(b"\r\n"), maxsplit=1)[0]
    for delimiter, failure in failures.items():
        if delimiter.encode() in first_line or not guesses:
            raise failure
    return max(guesses, key=lambda g: g.share * (g.usual == 1), default=None)


def _cutting(guesses: list[Guess], header: bool) -> list[Guess]:
    """Those that make a table of several columns. A header is believed even where no record is like it."""
    if not header:
        return [g for g in guesses if g.usual > 1 and g.share >= 0.5]
    found = [g for g in guesses if g.first > 1]
    return [g for g in found if g.usual > 1] or found


def _only_decimal_commas(text: Block) -> bool:
    """Whether a comma only ever stands between two digits: a decimal mark, if another delimiter does as well."""
    commas = text.count(b",")
    return commas > 0 and len(re.findall(rb"(?<=\d),(?=\d)", text)) == commas


def unique_names(header: Sequence[str | None]) -> tuple[str, ...]:
    """Names for the columns: `unnamed_4` for an empty fifth cell, `x.1` for the second x; none stands twice."""
    taken = {cell for cell in header if cell}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    names = []
    for position, cell in enumerate(header):
        name = cell if cell and cell.strip() else f"unnamed_{position}"
        if name in used or (name != cell and name in taken):
            number = numbers.get(name, 1)
            while f"{name}.{number}" in taken:
                number += 1
            numbers[name] = number + 1
            name = f"{name}.{number}"
        used.add(name)
        names.append(name)
    return tuple(names)

"""On which line of a TOML text each key stands: tomllib does not tell."""

from __future__ import annotations

import contextlib
import re

Path = tuple[str | int, ...]
"""`("rules", 2)`, `("columns", "Solar.R", "missing")`."""

DEEPEST = 32
"""Brackets inside brackets, and parts of a dotted key. tomllib needs seconds and gigabytes for thousands."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*""")
_TEXT = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}\n#]*")


class TooDeep(Exception):
    """More nesting than any policy needs."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _Lost(Exception):
    """The text is not TOML here; tomllib will say so better."""


class Positions:
    """Finds the line of each key and of each element of an array. Stops, without a word, where the text is no TOML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counted = 0
        self._line = 1
        self._tables: dict[Path, int] = {}  # arrays of tables, and the index of their last
        with contextlib.suppress(_Lost):
            self._document()

    def line(self, *path: str | int) -> int | None:
        """The line of a path, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    @property
    def here(self) -> int:
        """The line of the current place. Only goes forward."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def _document(self) -> None:
        table: Path = ()
        while True:
            self._skip()
            if self.at >= len(self.text):
                return
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table, 1)

    def _header(self) -> Path:
        line = self.here
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        keys = self._keys()
        self._expect("]]" if double else "]")
        path = self._resolved(keys[:-1]) + keys[-1:] if double else self._resolved(keys)
        if double:
            self._tables[path] = self._tables.get(path, -1) + 1
            self.lines.setdefault(path, line)
            path += (self._tables[path],)
        self.lines.setdefault(path, line)
        return path

    def _resolved(self, keys: Path) -> Path:
        """A path in which each array of tables is followed by its last index."""
        path: Path = ()
        for key in keys:
            path += (key,)
            if path in self._tables:
                path += (self._tables[path],)
        return path

    def _keys(self) -> Path:
        keys: list[str] = []
        while True:
            found = _KEY.match(self.text, self.at)
            if found is None:
                raise _Lost
            self.at = found.end()
            keys.append(next(group for group in found.groups() if group is not None))
            if len(keys) > DEEPEST:
                raise TooDeep(self.here, f"a key has more than {DEEPEST} parts")
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.at += 1

    def _pair(self, table: Path, depth: int) -> None:
        line = self.here
        path = table
        for key in self._keys():
            path += (key,)
            self.lines.setdefault(path, line)
        self._expect("=")
        self._value(path, depth)

    def _value(self, path: Path, depth: int) -> None:
        if depth > DEEPEST:
            raise TooDeep(self.here, f"more than {DEEPEST} brackets inside each other")
        self._skip_blanks()
        text = _TEXT.match(self.text, self.at)
        if text is not None:
            self.at = text.end()
        elif self.text.startswith("[", self.at):
            self._array(path, depth)
        elif self.text.startswith("{", self.at):
            self._inline(path, depth)
        else:
            plain = _PLAIN.match(self.text, self.at)
            assert plain is not None
            if not plain[0].strip():
                raise _Lost
            self.at = plain.end()

    def _array(self, path: Path, depth: int) -> None:
        self.at += 1
        for index in range(len(self.text)):
            self._skip()
            if self.text.startswith("]", self.at):
                break
            self.lines.setdefault((*path, index), self.here)
            self._value((*path, index), depth + 1)
            self._skip()
            if not self.text.startswith(",", self.at):
                break
            self.at += 1
        self._expect("]")

    def _inline(self, path: Path, depth: int) -> None:
        self.at += 1
        while True:
            self._skip()
            if self.text.startswith("}", self.at):
                break
            self._pair(path, depth + 1)
            self._skip()
            if not self.text.startswith(",", self.at):
                break
            self.at += 1
        self._expect("}")

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def _skip_blanks(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def _expect(self, mark: str) -> None:
        self._skip_blanks()
        if not self.text.startswith(mark, self.at):
            raise _Lost
        self.at += len(mark)

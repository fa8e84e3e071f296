"""Which columns of a table a list of names, globs and selectors reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nanclean.grammar import SELECTORS, Word, fits, nearest_column
from nanclean.mistakes import Mistakes
from nanclean.wording import shown

ROLES = {"@features": "feature", "@label": "label", "@id": "id"}


class Reach:
    """The columns of one table. Mistakes and warnings about words go on its lists."""

    def __init__(
        self, names: Sequence[str], types: Sequence[str] | None, role: Callable[[str], str], mistakes: Mistakes
    ) -> None:
        self.names, self.types, self.mistakes = names, types, mistakes
        self.position = {name: i for i, name in enumerate(names)}
        self.warnings: list[str] = []
        self._role = role
        self._known: dict[Word, tuple[int, ...] | None] = {}

    def of(
        self, wanted: Sequence[Word], excepted: Sequence[Word], where: str | None, key: str | None = None
    ) -> dict[int, bool]:
        """The positions of the columns, and whether each was named literally."""
        reached: dict[int, bool] = {}
        for word in wanted:
            literal = word.kind != "selector" and word.text in self.position
            for position in self._of(word, where, key):
                reached[position] = literal or reached.get(position, False)
        for word in excepted:
            for position in self._of(word, where, key):
                reached.pop(position, None)
        return reached

    def missing(self, name: str, where: str | None, key: str | None = None) -> bool:
        """Whether there is no such column; then that is a mistake."""
        if name in self.position:
            return False
        self.mistakes.add(
            f"there is no column {shown(name)!r}{nearest_column(name, self.names)}", where, key, of_table=True
        )
        return True

    def _of(self, word: Word, where: str | None, key: str | None) -> tuple[int, ...]:
        if word not in self._known:
            self._known[word] = self._resolved(word)
        found = self._known[word]
        if found is None:  # it goes by type, and the types are not known yet
            return ()
        if not found and word.kind == "name":
            self.missing(word.text, where, key)
        elif not found:
            said = f"{word} matches no column"
            if word.text in ("@label", "@id"):
                said = f"{word} matches no column: none was named as {word.text[1:]}"
            self.warnings.append(": ".join(filter(None, (where, key, said))))
        return found

    def _resolved(self, word: Word) -> tuple[int, ...] | None:
        if word.kind != "selector":
            if word.text in self.position:  # an exact name wins over a glob
                return (self.position[word.text],)
            if word.kind == "name":
                return ()
            return tuple(i for i, name in enumerate(self.names) if fits(word.text, name))
        if word.text == "@all":
            return tuple(range(len(self.names)))
        if word.text in ROLES:
            wanted = ROLES[word.text]
            return tuple(i for i, name in enumerate(self.names) if self._role(name) == wanted)
        if self.types is None:
            return None
        return tuple(i for i, type_ in enumerate(self.types) if type_ in SELECTORS[word.text])

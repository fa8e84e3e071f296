"""For tests of fixers: blocks as the formats give them, figures the plain way, and one rule that is run over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.column import Column, Numbers, Values
from nanclean.detector import Detector
from nanclean.fixer import Aim, Bad, Fixed, Fixer
from nanclean.lexical import decode
from nanclean.part import from_text
from nanclean.patch import taken
from nanclean.tokens import Words
from nanclean.typed import view
from tests.figures_reference import figures_of

NO_WORDS = Words()


@dataclass
class Source:
    """Raw columns by name, and how they are read: from csv (text), parquet (Arrow) or npy."""

    format: str
    raws: Mapping[str, Any]
    types: Mapping[str, str] = field(default_factory=dict)
    """Of text files."""
    words: Words = field(default_factory=Words)

    @property
    def rows(self) -> int:
        return len(next(iter(self.raws.values())))

    def column(self, name: str, raw: Any) -> Column:
        if self.format == "csv":
            return decode(raw, self.types[name], self.words, "auto" if len(raw) else "int64")[0]
        if isinstance(raw, pa.Array) and pa.types.is_string(raw.type):
            return decode(view(raw).array, "text", self.words)[0]  # type: ignore[attr-defined]
        return view(raw, self.words.declared)

    def block(self, start: int = 0, stop: int | None = None) -> Block:
        """Some rows of all columns."""
        raws = {name: raw[start:stop] for name, raw in self.raws.items()}
        rows = len(next(iter(raws.values())))
        held = {name: Held(self.column(name, raw), i) for i, (name, raw) in enumerate(raws.items())}
        return Block(Batch(start, rows, list(raws.values())), held)

    def blocks(self, cuts: Iterable[int]) -> list[Block]:
        """All rows, cut at some places."""
        ends = [0, *sorted(cuts), self.rows]
        return [self.block(start, stop) for start, stop in pairwise(ends)]


def csv(type: str, cells: Sequence[str | None], words: Words = NO_WORDS, **more: Sequence[str | None]) -> Source:
    """A column x of a text file, and columns of text beside it. An empty cell is null, as the reader gives it."""
    columns = {"x": cells, **more}
    raws = {name: pa.array([cell or None for cell in some], pa.string()) for name, some in columns.items()}
    return Source("csv", raws, {name: type if name == "x" else "text" for name in columns}, words)


def parquet(x: pa.Array, words: Words = NO_WORDS, **more: pa.Array) -> Source:
    return Source("parquet", {"x": x, **more}, words=words)


def npy(x: Any, words: Words = NO_WORDS, **more: Any) -> Source:
    return Source("npy", {"x": np.asarray(x), **{name: np.asarray(raw) for name, raw in more.items()}}, words=words)


def aim_of(source: Source, name: str = "x", find: Detector | None = None) -> Aim:
    views = {other: held.view for other, held in source.block(0, 0).columns.items()}
    column = views[name]
    dtype = column.values.dtype if isinstance(column, Numbers) else None
    return Aim(name, column.type, dtype, source.format, find, {other: each.type for other, each in views.items()})


def figures(column: Column, name: str = "x", **more: Any) -> dict[str, Any]:
    """All that fixers ask for, counted with NumPy and Python."""
    found = figures_of(column, name, (0.01, 0.99), format="parquet", classes={}, mode=None)
    if isinstance(column, Numbers):
        values = column.finite.tolist()
    else:
        assert isinstance(column, Values)
        array = column.array
        values = [] if not isinstance(array, pa.Array) else [v for v in array.to_pylist() if v is not None]
    if column.type not in ("complex", "other"):
        counts = Counter(values)
        if counts and len(counts) <= 1000:
            most = max(counts.values())
            ties = [value for value, n in counts.items() if n == most]
            found["mode"] = min(ties, key=lambda v: str(v) if isinstance(v, str) else v)
        if column.type == "time" and found["mode"] is not None:
            found["mode"] = str(found["mode"]).replace(" ", "T")
    return found | more


def grouped(source: Source, name: str, by: str) -> dict[Any, dict[str, Any]]:
    """The figures of a column in each group of another."""
    block = source.block()
    column, keys = block.columns[name].view, block.columns[by].view
    names = keys.array.to_pylist() if isinstance(keys, Values) else keys.values.tolist()  # type: ignore[attr-defined, union-attr]
    if keys.absent is not None:
        names = [None if absent else each for each, absent in zip(names, keys.absent, strict=True)]
    rows = {key: np.array([i for i, each in enumerate(names) if each == key]) for key in names if key is not None}
    return {key: figures(taken(column, some), name) for key, some in rows.items()}


@dataclass
class Rule:
    """A fitted find and fix of one column."""

    find: Detector | None
    fix: Fixer
    column: str = "x"
    carry: dict[str, Any] = field(default_factory=dict)

    def bad(self, block: Block) -> Bad:
        column = block.columns[self.column].view
        if self.find is None:
            return Bad(np.ones(column.cells, bool))
        if self.find.scope == "table" or not column.rows:
            return Bad(np.zeros(column.cells, bool))
        return Bad(self.find.mask(column), self.find.rows(column))

    def fixed(self, block: Block) -> Fixed:
        return self.fix.fix(self.column, block, self.bad(block), self.carry)

    def after(self, block: Block) -> Block:
        """As steps do it."""
        fixed = self.fixed(block)
        held = block.columns[self.column]
        if fixed.column is not None:
            changed = fixed.changed if held.changed is None else held.changed | (fixed.changed | False)
            block = block.having(self.column, Held(fixed.column, held.origin, changed))
        for name, column in fixed.added.items():
            block = block.having(name, Held(column, None))
        return block if fixed.keep is None else block.where(fixed.keep)

    def fresh(self) -> Rule:
        return replace(self, carry={})


def aimed(source: Source, fix: str, find: str | None = None, column: str = "x") -> Rule:
    """A rule that knows what it is aimed at, and is not fitted."""
    detector: Any = None if find is None else from_text(find, "detectors")
    fixer: Any = from_text(fix, "fixers")
    return Rule(detector, fixer.aimed(aim_of(source, column, detector)), column)


def fitted(source: Source, fix: str, find: str | None = None, column: str = "x", **more: Any) -> Rule:
    """A rule that knows its numbers."""
    rule = aimed(source, fix, find, column)
    whole = source.block().columns[column].view
    known = figures(whole, column, **more)
    if rule.fix.grouped and "groups" not in known:
        known["groups"] = grouped(source, column, rule.fix.grouped)
    if rule.find is not None:
        rule.find = rule.find.survey([known]).fit(known)
        known.setdefault("hits", int(rule.find.mask(whole).sum()) if rule.find.scope == "cell" else 0)
    rule.fix = rule.fix.fit(known, rule.find)
    return rule


def cells(column: Column) -> list[Any]:
    """The cells of a column as Python has them; None where it is absent."""
    if isinstance(column, Numbers):
        values = column.values.tolist()
    else:
        assert isinstance(column, Values)
        assert column.array is not None
        values = column.array.tolist()
    absent = np.zeros(column.cells, bool) if column.absent is None else column.absent
    return [None if gone else value for value, gone in zip(values, absent, strict=True)]


def run(source: Source, fix: str, find: str | None = None, **more: Any) -> list[Any]:
    """The cells of x after one rule."""
    return cells(fitted(source, fix, find, **more).after(source.block()).columns["x"].view)

"""The one grammar of rules: `columns [except columns]: find [<= limit] [-> fix]`."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from nanclean import registry
from nanclean.errors import PolicyError
from nanclean.part import Call, call, did_you_mean
from nanclean.wording import PLAIN, quoted, shown

SELECTORS: dict[str, frozenset[str]] = {
    "@numeric": frozenset({"integer", "float", "list<integer>", "list<float>"}),
    "@integer": frozenset({"integer", "list<integer>"}),
    "@float": frozenset({"float", "list<float>"}),
    "@text": frozenset({"text"}),
    "@boolean": frozenset({"boolean"}),
    "@time": frozenset({"time"}),
}
"""Selectors that go by the type of a column."""
ROLES = ("@features", "@label", "@id", "@all")
"""Selectors that go by its role."""
LONGEST = 10_000
"""Characters of one rule."""
SHAPE = "a rule is written columns: find, columns: find <= limit or columns: find -> fix"

_WORD = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<comma>,)|(?P<bare>[^\s,'"]+))""", re.DOTALL
)
_LIMIT = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<percent>%)?")


@dataclass(frozen=True)
class Word:
    """One item of a list of columns: a name, a glob, or a selector."""

    kind: Literal["name", "glob", "selector"]
    text: str

    def __str__(self) -> str:
        return quoted(self.text) if self.kind == "name" else self.text


@dataclass(frozen=True)
class Limit:
    """How much is still good: a share of the cells (`1%`), or a number of cells (`20`); of a measure any number."""

    most: Fraction
    share: bool

    def __str__(self) -> str:
        number = str(self.most) if self.most.denominator == 1 and not self.share else f"{float(self.most):.15g}"
        return f"{number}%" if self.share else number

    def exceeded(self, count: int, of: int) -> bool:
        """Whether `count` bad ones of `of` are too many. Exact."""
        return 100 * count > self.most * of if self.share else count > self.most


@dataclass(frozen=True)
class Sentence:
    """A rule as it is written, its parts not yet looked up. `str` gives its one spelling."""

    columns: tuple[Word, ...]
    excepted: tuple[Word, ...] = ()
    find: Call | None = None
    limit: Limit | None = None
    fix: Call | None = None

    def __str__(self) -> str:
        return written(self.columns, self.excepted, self.find, self.limit, self.fix)


def written(
    columns: Sequence[Word], excepted: Sequence[Word], find: object | None, limit: Limit | None, fix: object | None
) -> str:
    """The one spelling of a rule."""
    text = ", ".join(map(str, columns))
    if excepted:
        text += " except " + ", ".join(map(str, excepted))
    if find is not None:
        text += f": {find}"
    if limit is not None:
        text += f" <= {limit}"
    return text if fix is None else f"{text} -> {fix}"


def sentence(text: str) -> Sentence:
    """Read a rule. PolicyError says what is wrong and how it is written."""
    text = text.strip()
    if not text:
        raise PolicyError(f"the rule is empty; {SHAPE}")
    if len(text) > LONGEST:
        raise PolicyError(f"{shown(text)!r} is longer than {LONGEST:,} characters")
    if text.endswith("-"):
        raise PolicyError(
            f"{shown(text, 60)!r} ends in '-': the shell took the '>' and what follows it",
            hint="put the whole rule in single quotes: --rule 'price: infinite -> blank'",
        )
    marks = list(_marks(text))
    arrows = [at for mark, at in marks if mark == "->"]
    colons = [at for mark, at in marks if mark == ":" and not (arrows and at > arrows[0])]
    if len(arrows) > 1:
        raise PolicyError(f"{shown(text, 60)!r} has two fixes; one rule has one, the next does the rest")
    if not colons and not arrows:
        raise PolicyError(f"{shown(text, 60)!r} has no ':'; {SHAPE}")
    end = arrows[0] if arrows else len(text)
    fix = fixer(text[end + 2 :]) if arrows else None
    if not colons:
        if any(mark == "<=" for mark, _ in marks):
            raise PolicyError(f"{shown(text, 60)!r} has a limit and no find; {SHAPE}")
        return Sentence(*columns(text[:end]), fix=fix)
    found = text[colons[0] + 1 : end]
    limits = [at - colons[0] - 1 for mark, at in marks if mark == "<=" and colons[0] < at < end]
    if len(limits) > 1:
        raise PolicyError(f"{shown(text, 60)!r} has two limits")
    most = found[limits[0] + 2 :] if limits else None
    found = found[: limits[0]] if limits else found
    bound = None if most is None else limit(most, decimal=is_drift(found))
    if not found.strip():
        raise PolicyError(f"{shown(text, 60)!r} says no find after ':'; {SHAPE}")
    if re.search(r"[<>]|=>", _outside_quotes(found)):
        raise PolicyError(f"{shown(text, 60)!r}: a limit is written <= 1% or <= 20, and a fix -> blank")
    return Sentence(*columns(text[: colons[0]]), call(found), bound, fix)


def columns(text: str) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Read `columns [except columns]`."""
    lists: list[list[Word]] = [[]]
    wanted = True  # a word must come, and not a comma
    at = 0
    while at < len(text.rstrip()):
        found = _WORD.match(text, at)
        if found is None:
            raise PolicyError(f"{shown(text.strip(), 60)!r}: a quote is not closed")
        at = found.end()
        if found["bare"] == "except" and not wanted and len(lists) == 1:
            lists.append([])
            wanted = True
        elif found["comma"]:
            if wanted:
                raise PolicyError(f"{shown(text.strip(), 60)!r}: a column is missing beside a comma")
            wanted = True
        elif not wanted:
            raise PolicyError(
                f"{shown(text.strip(), 60)!r}: columns are separated by commas, and a name with blanks is quoted",
                hint=f"{text.strip()!r} is one column; {', '.join(text.split())} are several",
            )
        else:
            lists[-1].append(_quoted(found["quoted"]) if found["quoted"] else _bare(found["bare"]))
            wanted = False
    if wanted:
        what = "after except" if len(lists) == 2 else "before ':'" if not lists[0] else "after a comma"
        raise PolicyError(f"{shown(text.strip(), 60)!r}: a column is missing {what}; {SHAPE}")
    return tuple(lists[0]), tuple(lists[1]) if len(lists) == 2 else ()


def is_drift(find: str) -> bool:
    """Whether a find is a measure of drift, whose limit may be any number."""
    return find.strip() in registry.names("drifts")


def limit(text: str | int | float, *, decimal: bool = False) -> Limit:
    """Read a limit, `1%` or `20`. PolicyError on anything else; a share below 1 is told how to be written.

    decimal: any number will do, `0.2`.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise PolicyError(f"the limit {shown(text)!r} is no share such as '1%' and no count such as 20")
    found = _LIMIT.fullmatch(str(text).strip())
    if found is None:
        raise PolicyError(f"the limit {shown(str(text).strip())!r} is no share such as 1% and no count such as 20")
    most, share = Fraction(found["number"]), bool(found["percent"])
    if share and most > 100:
        raise PolicyError(f"the limit {shown(str(text).strip())!r} is more than all of them")
    if not share and most.denominator != 1 and not decimal:
        as_share = f"{float(100 * most):.10g}%" if most < 1 else "1%"
        raise PolicyError(f"the limit {found[0]} is neither a share nor a count; write {as_share} or a whole number")
    if not share and most >= 2**63:
        raise PolicyError(f"the limit {shown(found[0])!r} is beyond 64 bits")
    return Limit(most, share)


def fixer(text: str) -> Call:
    """Read a fix, and check that there is one of that name."""
    if not text.strip():
        raise PolicyError("there is no fix after '->'")
    fix = call(text)
    known = registry.names("fixers")
    if fix.name not in known:
        raise PolicyError(f"there is no fix {shown(fix.name)!r}{did_you_mean(fix.name, known)}")
    return fix


def _marks(text: str) -> Iterator[tuple[str, int]]:
    """`:`, `<=` and `->` outside quotes and brackets, and where they are."""
    depth, at = 0, 0
    while at < len(text):
        c = text[at]
        if c in "'\"":
            end = re.compile(rf"{c}(?:[^{c}\\]|\\.)*{c}", re.DOTALL).match(text, at)
            if end is None:
                raise PolicyError(f"{shown(text, 60)!r}: the quote {c} is not closed")
            at = end.end()
            continue
        depth += (c in "([{") - (c in ")]}")
        mark = next((mark for mark in (":", "<=", "->") if text.startswith(mark, at)), None)
        if mark and depth <= 0:
            yield mark, at
        at += len(mark or c)


def _outside_quotes(text: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", text)


def _quoted(text: str) -> Word:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash that escapes nothing
            name = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise PolicyError(f"{shown(text)} is not quoted like a Python string") from None
    return Word("name", str(name))


def _bare(text: str) -> Word:
    if text.startswith("@"):
        known = [*SELECTORS, *ROLES]
        if text not in known:
            raise PolicyError(f"there is no selector {shown(text)!r}{did_you_mean(text, known)}")
        return Word("selector", text)
    if "*" in text or "?" in text:
        return Word("glob", text)
    if not PLAIN.fullmatch(text):
        raise PolicyError(f"{shown(text)!r} must be quoted", hint=f"write {text!r}")
    return Word("name", text)


def fits(pattern: str, name: str) -> bool:
    """Whether a glob of `*` and `?` matches the whole of a name, in the product of their lengths at most."""
    at = 0
    star = mark = -1  # the last star, and how far it has eaten
    here = 0
    while at < len(name):
        if here < len(pattern) and pattern[here] == "*":
            star, mark = here, at
            here += 1
        elif here < len(pattern) and pattern[here] in ("?", name[at]):
            here, at = here + 1, at + 1
        elif star >= 0:
            mark += 1
            here, at = star + 1, mark
        else:
            return False
    return not pattern[here:].strip("*")


def nearest_column(name: str, names: Sequence[str]) -> str:
    """`; did you mean 'price'?`, of at most 2,000 names."""
    folded = name.casefold()
    same = [known for known in names if known.casefold() == folded]
    near = same[0] if same else registry.nearest(name[:100], list(names[:2_000]))
    return f"; did you mean {quoted(near)}?" if near is not None else ""

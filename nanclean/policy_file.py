"""How a TOML file is read as a policy: every key held against what it may be, every mistake with its line."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast, get_args

from nanclean.detector import Severity
from nanclean.grammar import Limit, columns, is_drift, limit
from nanclean.mistakes import MOST_TOLD, Mistake, Mistakes
from nanclean.part import did_you_mean
from nanclean.positions import Path, Positions, TooDeep
from nanclean.rule import Budget, Ignore, Rule, Spelling, compared, drift, find, fixer, ignored, rule
from nanclean.trainers import trainer
from nanclean.wording import quoted, shown

VERSION = 1
LARGEST = 1_000_000
"""Bytes of a policy. Looked at before anything is parsed."""
MOST_RULES = 1_000
KEYS = ("version", "label", "id", "missing", "missing_list", "for", "ignore", "rules", "rule", "columns", "budget")
RULE_KEYS = ("columns", "find", "limit", "fix", "severity", "name")
COLUMN_KEYS = ("missing", "type")
BUDGET_KEYS = ("rows_dropped", "rows_dropped_per_class", "cells_changed", "mean_shift")
MISSING_LISTS = ("auto", "pandas", "none")
TYPES = ("integer", "float", "text", "boolean", "time")


def fields_of(data: bytes, name: str, prefix: Path) -> tuple[dict[str, Any] | None, list[Mistake]]:
    """The fields of a `Policy`, and the mistakes. No fields and no mistakes: nothing stands below the prefix."""
    mistakes = Mistakes()
    tree: Any = None
    text = ""
    if len(data) > LARGEST:
        mistakes.add(f"larger than {LARGEST:,} bytes", name)
        return None, mistakes.all
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        positions = Positions(text)
        tree = tomllib.loads(text)
    except UnicodeDecodeError as error:
        lines = data.count(b"\n", 0, error.start)
        mistakes.add("not UTF-8", f"{name}:{lines + 1}")
    except TooDeep as error:
        mistakes.add(str(error), f"{name}:{error.line}")
    except tomllib.TOMLDecodeError as error:
        said, line = _syntax(str(error), text)
        mistakes.add(f"not TOML: {said}", f"{name}:{line}" if line else name)
    except (RecursionError, ValueError):
        mistakes.add("not TOML that can be read: too deep, or a number too long", name)
    if mistakes.all:
        return None, mistakes.all
    for key in prefix:
        tree = tree.get(key) if isinstance(tree, dict) else None
    if tree is None:
        return None, []
    reader = _Reader(tree, name, positions, prefix, mistakes)
    return reader.fields(), mistakes.all


def _syntax(said: str, text: str) -> tuple[str, int | None]:
    """A message of tomllib without its position, and the line."""
    what, _, place = said.partition(" (at ")
    if place.startswith("line "):
        return what, int(place.removeprefix("line ").split(",")[0])
    return what, text.count("\n") + 1 if place else None


class _Reader:
    """Reads the tree that TOML gave."""

    def __init__(self, tree: Any, name: str, positions: Positions, prefix: Path, mistakes: Mistakes) -> None:
        self.tree, self.name, self.positions, self.prefix, self.mistakes = tree, name, positions, prefix, mistakes

    def fields(self) -> dict[str, Any]:
        if not isinstance(self.tree, dict):
            self.wrong("must be a table", ".".join(map(str, self.prefix)), ())
            return {}
        self.known_keys(self.tree, KEYS, ())
        self.finite(self.tree, ())
        version = self.tree.get("version", VERSION)
        if version != VERSION or not isinstance(version, int) or isinstance(version, bool):
            self.wrong(f"{shown(version)!r}; this nanclean reads version {VERSION}", "version", ("version",))
        return {
            "label": self.texts("label"),
            "id": self.texts("id"),
            "missing": self.texts("missing"),
            "missing_list": self.choice("missing_list", MISSING_LISTS),
            "trainer": self.trainer(),
            "ignore": self.ignored(),
            **self.rules_by_kind(),
            "columns": self.columns(),
            "budget": self.budget(),
            "said": {key: self.where(key) for key in ("label", "id") if key in self.tree},
        }

    # places and mistakes

    def where(self, *path: str | int) -> str:
        line = self.positions.line(*self.prefix, *path)
        return self.name if line is None else f"{self.name}:{line}"

    def wrong(self, said: str, key: str, path: Path, hint: str | None = None) -> None:
        self.mistakes.add(said, self.where(*path), key, hint)

    def known_keys(self, table: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
        unknown = [key for key in table if key not in known]
        for key in unknown[:MOST_TOLD]:
            self.wrong(f"there is no such key{did_you_mean(key, known)}", shown(key), (*path, key))

    def finite(self, value: Any, path: Path) -> None:
        """Refuse numbers that no file can hold, wherever they stand."""
        if isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                self.finite(inner, (*path, key))
        elif isinstance(value, float) and not math.isfinite(value):
            self.wrong(f"numbers must be finite, not {value}", _dotted(path), path)
        elif isinstance(value, int) and not -(2**63) <= value < 2**64:
            self.wrong("the integer is beyond 64 bits", _dotted(path), path)

    # values

    def texts(self, key: str, table: Mapping[str, Any] | None = None, path: Path = ()) -> tuple[str, ...]:
        """A text, or a list of texts."""
        value = (self.tree if table is None else table).get(key, [])
        good = []
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, str):
                good.append(item)
                continue
            plain = isinstance(item, int | float) and not isinstance(item, bool)
            said = f"{shown(item)} is no text" + (f'; write "{shown(item)}"' if plain else "")
            self.wrong(said, key, (*path, key, index) if isinstance(value, list) else (*path, key))
        return tuple(dict.fromkeys(good))

    def choice(
        self, key: str, known: Sequence[str], table: Mapping[str, Any] | None = None, path: Path = ()
    ) -> str | None:
        """One of some words."""
        value = (self.tree if table is None else table).get(key)
        if value is not None and value not in known:
            self.wrong(f"{shown(value)!r}{did_you_mean(value, known)}", key, (*path, key))
            return None
        return cast(str | None, value)

    def trainer(self) -> Any:
        value = self.tree.get("for")
        if value is None or isinstance(value, str):
            return None if value is None else self.mistakes.held(trainer, value, self.where("for"), "for")
        self.wrong(f"{shown(value)} is no text", "for", ("for",))
        return None

    # rules

    def rules_by_kind(self) -> dict[str, tuple[Rule, ...]]:
        rules = self.rules()
        of_two = {"drift": tuple(each for each in rules if each.drift is not None)}
        return {"rules": tuple(each for each in rules if each.drift is None), **of_two}

    def rules(self) -> tuple[Rule, ...]:
        short, long = self.tree.get("rules", []), self.tree.get("rule", [])
        if not isinstance(short, list):
            self.wrong('must be a list: rules = ["price: missing"]', "rules", ("rules",))
            short = []
        if not isinstance(long, list):
            self.wrong("write [[rule]], with two brackets, above each rule", "rule", ("rule",))
            long = []
        if len(short) + len(long) > MOST_RULES:
            self.wrong(f"{len(short) + len(long):,} rules; a policy has at most {MOST_RULES:,}", "rules", ("rules",))
            return ()
        read = [self.short_rule(text, index) for index, text in enumerate(short)]
        read += [self.long_rule(table, index) for index, table in enumerate(long)]
        # In the order of the file: rules run from top to bottom.
        return tuple(sorted((each for each in read if each is not None), key=lambda each: each.line or 0))

    def short_rule(self, text: Any, index: int) -> Rule | None:
        where = self.where("rules", index)
        if isinstance(text, str):
            return self.mistakes.held(partial(rule, where=where), text, where, "rules")
        self.wrong(f"{shown(text)} is no rule: a rule is a text", "rules", ("rules", index))
        return None

    def long_rule(self, table: Any, index: int) -> Rule | None:
        path: Path = ("rule", index)
        if not isinstance(table, dict):
            self.wrong(f"{shown(table)} is no table", "rule", path)
            return None
        before = len(self.mistakes.all)
        self.known_keys(table, RULE_KEYS, path)
        if "columns" not in table:
            self.wrong('says no columns, like columns = "@numeric"', "rule", path)
        if "find" not in table and "fix" not in table:
            self.wrong("has neither find nor fix", "rule", path)
        if "limit" in table and "find" not in table:
            self.wrong("has a limit and no find", "rule", path)
        severity = self.choice("severity", get_args(Severity), table, path)
        name = self.part(table, "name", str, path)
        wanted = self.part(table, "columns", columns, path)
        of_two = is_drift(str(table.get("find")))
        found = self.part(table, "find", drift if of_two else find, path)
        fix = self.part(table, "fix", fixer, path)
        bound = self.limit(table, "limit", "rule", path, decimal=of_two)
        if of_two and len(self.mistakes.all) == before:
            self.mistakes.held(lambda measure: compared(measure, bound, fix), found, self.where(*path), "rule")
        if len(self.mistakes.all) > before:
            return None
        where = self.where(*path)
        if of_two:
            return Rule(
                wanted[0], wanted[1], None, bound, None, cast(Severity | None, severity), name, where, "rule", found
            )
        return Rule(wanted[0], wanted[1], found, bound, fix, cast(Severity | None, severity), name, where, "rule")

    def part(self, table: Mapping[str, Any], key: str, reader: Any, path: Path) -> Any:
        """What a reader makes of a text; None where there is none."""
        if key not in table:
            return None
        if not isinstance(table[key], str):
            self.wrong(f"{shown(table[key])} is no text", f"rule.{key}", (*path, key))
            return None
        return self.mistakes.held(reader, table[key], self.where(*path, key), f"rule.{key}")

    def limit(
        self, table: Mapping[str, Any], key: str, above: str, path: Path, *, decimal: bool = False
    ) -> Limit | None:
        """A share or a count; None where there is none."""
        value = table.get(key)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):  # told already
            return None
        return self.mistakes.held(partial(limit, decimal=decimal), value, self.where(*path, key), f"{above}.{key}")

    def ignored(self) -> tuple[Ignore, ...]:
        listed = isinstance(self.tree.get("ignore"), list)
        read = []
        for index, text in enumerate(self.texts("ignore")):
            where = self.where("ignore", index) if listed else self.where("ignore")
            read.append(self.mistakes.held(partial(ignored, where=where), text, where, "ignore"))
        return tuple(each for each in read if each is not None)

    # tables

    def columns(self) -> dict[str, Spelling]:
        tables = self.tree.get("columns", {})
        if not isinstance(tables, dict):
            self.wrong("must be tables: [columns.price]", "columns", ("columns",))
            return {}
        spellings = {}
        for name, table in tables.items():
            path: Path = ("columns", name)
            key = f"columns.{quoted(name)}"
            if not isinstance(table, dict):
                self.wrong(f"must be a table: [{shown(key)}]", shown(key), path)
                continue
            inner = [inner for inner, value in table.items() if isinstance(value, dict)]
            if inner:
                whole = shown(f"{name}.{inner[0]}")
                self.wrong(f'quote a name with a dot: [columns."{whole}"]', f"columns.{whole}", (*path, inner[0]))
                continue
            self.known_keys(table, COLUMN_KEYS, path)
            spellings[name] = Spelling(
                self.texts("missing", table, path), self.choice("type", TYPES, table, path), self.where(*path)
            )
        return spellings

    def budget(self) -> Budget | None:
        table = self.tree.get("budget")
        if table is None:
            return None
        if not isinstance(table, dict):
            self.wrong("must be a table: [budget]", "budget", ("budget",))
            return None
        self.known_keys(table, BUDGET_KEYS, ("budget",))
        read: dict[str, Any] = {key: self.limit(table, key, "budget", ("budget",)) for key in BUDGET_KEYS[:3]}
        shift = table.get("mean_shift")
        if shift is not None:
            if isinstance(shift, int | float) and not isinstance(shift, bool) and 0 <= shift < math.inf:
                read["mean_shift"] = float(shift)
            else:
                said = f"{shown(shift)} is no number of standard deviations"
                self.wrong(said, "budget.mean_shift", ("budget", "mean_shift"))
        return Budget(**read)


def _dotted(path: Path) -> str:
    return ".".join(shown(part) for part in path if isinstance(part, str)) or "policy"

"""The JSON Schema of a policy: keys, words and parts as the reader of policies knows them.

It is a help for editors and no second reader: what it refuses is wrong, and not all that is wrong is refused.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from nanclean import registry
from nanclean.detector import Detector, Severity
from nanclean.drift import Drift
from nanclean.fixer import Fixer
from nanclean.grammar import ROLES, SELECTORS
from nanclean.part import Part, member
from nanclean.policy_file import BUDGET_KEYS, COLUMN_KEYS, KEYS, MISSING_LISTS, MOST_RULES, RULE_KEYS, TYPES, VERSION
from nanclean.rule import builtin_finds
from nanclean.trainers import NETWORKS, PRECISIONS, TRAINERS

Schema = dict[str, Any]

FAMILIES = {"find": "detectors", "fix": "fixers"}
DRIFT = "drifts"
"""Measures, which stand where a find stands, without a fix."""
RULE = "columns [except columns]: find [<= limit] [-> fix]"
WIDE = r"[^\x00-\x7F]"
"""Names of parts are read as Python reads names, to which some wide letters are the narrow ones."""


def schema() -> Schema:
    """The schema of `nanclean.toml`, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"nanclean.toml, version {VERSION}",
        "description": "What you want of a table: roles, rules, limits and budgets. Rules run from top to bottom.",
        **_table(KEYS, _keys()),
        "$defs": {
            "texts": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "limit": _limit(),
            "find": _part("find"),
            "fix": _part("fix"),
        },
    }


def _keys() -> dict[str, Schema]:
    return {
        "version": {"type": "integer", "const": VERSION, "description": "Of this format."},
        "label": _texts("The column to be learned: protected, and nothing may be missing there."),
        "id": _texts("Columns that only name the row: protected."),
        "missing": _texts('More spellings of "missing", for every column and format: ["?", "-999"].'),
        "missing_list": {
            "enum": list(MISSING_LISTS),
            "description": 'Which texts mean "missing" anyway: many (auto), those of pandas\' read_csv, or none.',
        },
        "for": _trainer(),
        "ignore": _ignored(),
        "rules": _rules(),
        "rule": {"type": "array", "maxItems": MOST_RULES, "items": _long_rule()},
        "columns": {
            "description": 'What holds for one column: [columns.price], [columns."Solar.R"].',
            "type": "object",
            "additionalProperties": _table(COLUMN_KEYS, _column()),
        },
        "budget": {
            "description": "What cleaning may cost; over it: exit 4, and nothing is written.",
            **_table(BUDGET_KEYS, _budget()),
        },
    }


def _table(keys: tuple[str, ...], described: dict[str, Schema]) -> Schema:
    """A table of these keys and no others. KeyError if one is not described, ValueError if one is not known."""
    unknown = described.keys() - set(keys)
    if unknown:
        raise ValueError(f"no such keys: {', '.join(sorted(unknown))}")
    return {"type": "object", "additionalProperties": False, "properties": {key: described[key] for key in keys}}


def _texts(description: str) -> Schema:
    return {"description": description, "$ref": "#/$defs/texts"}


def _limit() -> Schema:
    return {
        "description": 'How much is still good: a share ("1%"), a count (20), or a number of a measure (0.2).',
        "anyOf": [
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%?\s*$", "examples": ["1%", "20"]},
            {"type": "number", "minimum": 0},
        ],
    }


def _trainer() -> Schema:
    networks = [f"{name}:{precision}" for name in NETWORKS for precision in PRECISIONS]
    precise = f"(?:{'|'.join(NETWORKS)})(?::(?:{'|'.join(PRECISIONS)}))?"
    return {
        "description": "Judge for one program that will train on the data.",
        "anyOf": [
            {"enum": [*TRAINERS, *networks]},
            {"type": "string", "pattern": rf"^\s*(?:{precise}|(?:{'|'.join(TRAINERS)})(?::float32)?)\s*$"},
        ],
    }


def _ignored() -> Schema:
    names = [*(find.name for find in builtin_finds()), *registry.names(DRIFT)]
    one = {
        "type": "string",
        "pattern": rf"^\s*(?:{'|'.join(names)})\s*(?::[\s\S]*)?$",
        "examples": [f"{name}: price" for name in names],
    }
    return {
        "description": 'Built-in checks that are switched off: "constant: year", or "constant" everywhere.',
        "anyOf": [one, {"type": "array", "items": one}],
    }


def _rules() -> Schema:
    finds, fixes = (_examples(family) for family in FAMILIES.values())
    names = "|".join(name for family in (*FAMILIES.values(), DRIFT) for name in registry.names(family))
    item = {
        "type": "string",
        "description": "\n\n".join(
            [
                f"{RULE}. Columns: names, globs (emb_*), {' '.join([*SELECTORS, *ROLES])}.",
                *(f"{kind}:\n{_overview(family)}" for kind, family in FAMILIES.items()),
                f"find, without a fix, for nanclean compare and check --against:\n{_overview(DRIFT)}",
            ]
        ),
        # Columns, a mark, and a known word; the shell has taken the > of what ends in a dash.
        "pattern": rf"^(?=[\s\S]*(?:\b(?:{names})\b|{WIDE}))(?![\s\S]*-\s*$)\s*\S[\s\S]*(?::|->)\s*[^\s>-][\s\S]*$",
        "examples": [
            *(f"price: {find}" for find in finds),
            *(f"price -> {fix}" if _whole(fix) else f"price: missing -> {fix}" for fix in fixes),
            *(f"price: {measure}" for measure in _examples(DRIFT)),
        ],
    }
    return {
        "description": "Rules, one text each. They run from top to bottom, each on the data as those above left it.",
        "type": "array",
        "maxItems": MOST_RULES,
        "items": item,
    }


def _long_rule() -> Schema:
    described: dict[str, Schema] = {
        "columns": {"type": "string", "minLength": 1, "examples": ["price, qty", "@numeric except price", "emb_*"]},
        "find": {"$ref": "#/$defs/find"},
        "limit": {"$ref": "#/$defs/limit"},
        "fix": {"$ref": "#/$defs/fix"},
        "severity": {"enum": list(get_args(Severity)), "description": "Of a hit, or of an exceeded limit."},
        "name": {"type": "string", "description": "What reports call it."},
    }
    return {
        "description": f"A rule in its long form: {RULE}.",
        **_table(RULE_KEYS, described),
        "required": ["columns"],
        "anyOf": [{"required": ["find"]}, {"required": ["fix"]}],
        "dependentRequired": {"limit": ["find"]},
    }


def _part(kind: str) -> Schema:
    family = FAMILIES[kind]
    names = [*registry.names(family), *(registry.names(DRIFT) if kind == "find" else ())]
    return {
        "type": "string",
        "description": f"A {kind}:\n{_overview(family)}" + (f"\n{_overview(DRIFT)}" if kind == "find" else ""),
        "pattern": rf"\b(?:{'|'.join(names)})\b|{WIDE}",
        "examples": _examples(family),
    }


def _column() -> dict[str, Schema]:
    return {
        "missing": _texts('More spellings of "missing" in this column.'),
        "type": {"enum": list(TYPES), "description": "The type it must have."},
    }


def _budget() -> dict[str, Schema]:
    def limited(description: str) -> Schema:
        return {"description": description, "$ref": "#/$defs/limit"}

    return {
        "rows_dropped": limited("Rows that may go, of all rows."),
        "rows_dropped_per_class": limited("Rows that may go, of those of each value of the label."),
        "cells_changed": limited("Cells that may change, of each column. What rescales a column does not count."),
        "mean_shift": {
            "description": "How far the mean of a column may move, in its standard deviations before.",
            "type": "number",
            "minimum": 0,
        },
    }


def _members(family: str) -> list[type[Detector] | type[Drift] | type[Fixer]]:
    return [member(family, name) for name in registry.names(family)]  # type: ignore[misc]


def _examples(family: str) -> list[str]:
    return [part.example for part in _members(family)]


def _overview(family: str) -> str:
    """The first sentence of every manual."""
    return "\n".join(f"- {part.name}: {_first(part)}" for part in _members(family))


def _first(part: type[Part]) -> str:
    paragraph = " ".join((part.__doc__ or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.])\s+(?=[A-Z])", paragraph)[0]


def _whole(example: str) -> bool:
    """Whether a fix takes every cell, and stands without a find."""
    return bool(member("fixers", example.partition("(")[0]).whole)  # type: ignore[attr-defined]

"""What was decided: the policy and every fitted number, as plain JSON. It learns nothing more."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec
import numpy as np

from nanclean import registry
from nanclean.detector import Detector, Severity
from nanclean.errors import NancleanError, PolicyError, RecipeError
from nanclean.escaping import json_escaped
from nanclean.fixer import Fixer
from nanclean.grammar import Limit, limit
from nanclean.part import from_json
from nanclean.policy import Policy
from nanclean.rule import Budget, Rule, Spelling, rule
from nanclean.steps import Step
from nanclean.wording import shown

SCHEMA: Final = "nanclean.recipe/1"
LARGEST = 64 << 20
"""Bytes of a recipe."""
MOST_STEPS = 1_000_000


class TrainedColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of the data that the recipe was fitted on."""

    name: str
    type: str
    """As the report names it: integer, float, text, boolean, time …"""
    dtype: str | None = None
    """Of numbers, what they were held as: int64, float32 …"""
    role: Literal["feature", "label", "id"] = "feature"
    missing: float | None = None
    """The share of its cells that was missing; null of no rows."""
    blank: str = ""
    """In text files: how a missing cell is written."""
    categories: list[str] | None = None
    """The different values of a column of text, where they are at most 1,000 and come again; null: not kept."""
    category_counts: list[int] | None = None
    """How often each of them is there."""
    count: int | None = None
    """Its cells."""
    infinite: int | None = None
    """Infinite ones among them. This and what follows: of numbers; null in recipes of older versions."""
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    std: float | None = None
    edges: list[int | float] | None = None
    """The different deciles, ascending, without the largest value."""
    edge_counts: list[int] | None = None
    """The finite values up to the first edge, above each edge up to the next, and above the last."""


class RecipeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of the policy, in its one spelling."""

    text: str
    severity: Severity | None = None
    name: str | None = None
    where: str | None = None
    """Where it stood: `nanclean.toml:7`."""


class RecipeColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the policy says of one column."""

    missing: list[str] = []
    type: str | None = None


class RecipeBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What cleaning may cost, as the policy says it."""

    rows_dropped: str | None = None
    rows_dropped_per_class: str | None = None
    cells_changed: str | None = None
    mean_shift: float | None = None


class RecipePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy that the recipe came from."""

    label: list[str] = []
    id: list[str] = []
    missing: list[str] = []
    missing_list: Literal["auto", "pandas", "none"] | None = None
    columns: dict[str, RecipeColumn] = {}
    budget: RecipeBudget | None = None
    rules: list[RecipeRule] = []
    drift: list[RecipeRule] = []
    """Rules about how far later data may be from these."""


class RecipeStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule for one column, with every number that it has learned."""

    rule: int
    """Its number in `policy.rules`, from 0."""
    column: str
    find: dict[str, Any] | None = None
    """Name, settings and learned fields of the detector; null: every cell."""
    fix: dict[str, Any] | None = None
    """Name, settings and learned fields of the fixer; null: it only counts."""


class RecipeData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data that it was fitted on."""

    format: str
    rows: int
    columns: list[TrainedColumn]
    fingerprint: list[str]
    """The smallest row hashes over all features, hexadecimal, ascending; at most 10,000."""


class RecipeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe as it is written: `nanclean.recipe/1`."""

    schema: Literal["nanclean.recipe/1"] = SCHEMA
    version: str | None = None
    """Of the nanclean that wrote it."""
    data: RecipeData
    policy: RecipePolicy
    steps: list[RecipeStep]
    ragged: int | None = None
    """The rule that drops ragged records."""


@dataclass(frozen=True)
class Recipe:
    """Fitted decisions. `apply` does to any table what `fix` did to the training data, with the same numbers."""

    policy: Policy
    steps: tuple[Step, ...]
    columns: tuple[TrainedColumn, ...]
    rows: int
    format: str
    fingerprint: tuple[int, ...] = ()
    ragged: int | None = None
    version: str | None = None
    path: str | None = None
    """Where it was read from."""

    def to_json(self) -> str:
        """The recipe as JSON text, a line for each column and step; the same recipe gives the same bytes."""
        top = {
            "schema": SCHEMA,
            "version": self.version,
            "data": {
                "format": self.format,
                "rows": self.rows,
                "columns": [msgspec.to_builtins(column) for column in self.columns],
                "fingerprint": [f"{number:016x}" for number in self.fingerprint],
            },
            "policy": msgspec.to_builtins(_policy_out(self.policy)),
            "steps": [
                {
                    "rule": step.rule,
                    "column": step.column,
                    "find": None if step.find is None else step.find.to_json(),
                    "fix": None if step.fix is None else step.fix.to_json(),
                }
                for step in self.steps
            ],
            "ragged": self.ragged,
        }
        return _written(top) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, path: str | None = None) -> Recipe:
        """The recipe of `to_json`. RecipeError names what is wrong."""
        what = path or "the recipe"
        if len(text) > LARGEST:
            raise RecipeError(f"{what}: is larger than {LARGEST >> 20} MB", hint="is it a recipe?")
        try:
            read = msgspec.json.decode(text, type=RecipeFile)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecipeError(
                f"{what}: {_said(text, str(error))}", hint="make it again: nanclean fit TRAIN -o R.json"
            ) from None
        try:
            return _read(read, path)
        except (PolicyError, ValueError, OverflowError) as error:
            said = error.message if isinstance(error, NancleanError) else str(error)
            raise RecipeError(f"{what}: {said}", hint="make it again: nanclean fit TRAIN -o R.json") from None

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """The recipe in a file. RecipeError if there is none."""
        shown_path = shown(str(path), 200)
        try:
            with open(path, "rb") as file:
                data = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            near = registry.nearest(Path(path).name, _beside(Path(path)))
            reason = (
                "there is no such recipe"
                if isinstance(error, FileNotFoundError)
                else getattr(error, "strerror", None) or str(error)
            )
            hint = f"did you mean {near}?" if near else "nanclean fit TRAIN -o R.json makes one"
            raise RecipeError(f"{shown_path}: {reason}", hint=hint) from None
        return cls.from_json(data, shown_path)

    def apply(self, table: Any) -> Any:
        """Do to a table in memory what the rules did to the training data, and give it back. It never learns anything.

        Limits and budgets, which are about whole files, are not looked at; `nanclean.apply` holds them and reports.

        Parameters
        ----------
        table
            A pandas or polars DataFrame or Series, a pyarrow Table, RecordBatch, Array or ChunkedArray, a NumPy array,
            (rows, columns), (rows,) or (rows, …), plain or structured, or a dict of arrays, lists and series, (rows,)
            each. Columns are found by their names (those of arrays are c0, c1 …), in any order; further ones pass
            untouched. A column that is the label may be left out. It is never changed.

        Returns
        -------
        The same kind of thing: a DataFrame with its index, attributes and the dtypes of all columns that no rule has
        changed, an array in its memory order, and so on. Rows that a rule drops are gone. Columns in which nothing has
        changed may share their memory with those of `table`, but for arrays, which are always new.

        Missing cells are what the column has for them: NaN in floats, null in Arrow and polars; a pandas column of
        int64 becomes Int64, one of bool becomes boolean.

        Raises
        ------
        RecipeError
            A column that the rules work on is not there, or is of another type: text where numbers were trained.
            Integers go where floats were trained and the other way round, and missing cells of any type.
        RuleError
            A rule cannot do to this table what it says, or an array has no way to hold the outcome.
        UsageError
            It is not a table.

        Examples
        --------
        >>> import numpy, nanclean
        >>> recipe = nanclean.fit({"x": numpy.array([1.0, numpy.nan, 3.0])}, rules=["x: missing -> impute(mean)"])
        >>> recipe.apply({"x": numpy.array([5.0, numpy.nan]), "y": ["a", "b"]})
        {'x': array([5., 2.]), 'y': ['a', 'b']}
        """
        from nanclean.serving import applied

        return applied(self, table)

    def transformer(self) -> Any:
        """A transformer for scikit-learn's pipelines that applies this recipe, and whose `fit` never learns anything.

        See `nanclean.transformer.Cleaner`. UsageError without scikit-learn, PolicyError (when it meets a table) for a
        recipe that drops rows.

        Examples
        --------
        >>> import numpy, nanclean
        >>> recipe = nanclean.fit(numpy.array([[1.0], [3.0]]), rules=["c0: missing -> impute(mean)"])
        >>> recipe.transformer().fit_transform(numpy.array([[numpy.nan], [7.0]]))
        array([[2.],
               [7.]])
        """
        from nanclean.transformer import Cleaner

        return Cleaner(recipe=self)

    def column(self, name: str) -> TrainedColumn | None:
        """What it knows of a column of the training data."""
        return self.by_name.get(name)

    @property
    def by_name(self) -> dict[str, TrainedColumn]:
        """The columns of the training data by their names."""
        return {column.name: column for column in self.columns}

    @property
    def known(self) -> np.ndarray:
        """uint64, ascending: the fingerprint."""
        return np.array(self.fingerprint, np.uint64)

    @property
    def features(self) -> list[str]:
        """The columns that the fingerprint is of."""
        return [column.name for column in self.columns if column.role == "feature"]


def _said(text: str | bytes, told: str) -> str:
    """What msgspec says, and whether this was meant to be a recipe at all."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if b'"nanclean.recipe/' not in data[:10_000]:
        return "is no recipe"
    if f'"{SCHEMA}"'.encode() not in data[:10_000]:
        return f"is a recipe of another version than {SCHEMA}"
    return f"is damaged: {told[:1].lower() + told[1:] if told[1:2].islower() else told}"


def _read(read: RecipeFile, path: str | None) -> Recipe:
    policy = _policy_in(read.policy, path)
    if len(read.steps) > MOST_STEPS:
        raise ValueError(f"{len(read.steps):,} steps; at most {MOST_STEPS:,}")
    for column in read.data.columns:
        if (said := damage(column)) is not None:
            raise ValueError(f"{shown(column.name)!r} {said}")
    names = [column.name for column in read.data.columns]
    if len(set(names)) < len(names):
        raise ValueError("a column is in it twice")
    types = {column.name: column.type for column in read.data.columns}
    last = 0
    steps = []
    for number, step in enumerate(read.steps):
        if not last <= step.rule < len(policy.rules):
            raise ValueError(f"step {number} is of rule {step.rule}, which is not there, or not in its order")
        last = step.rule
        find = None if step.find is None else cast(Detector, from_json(_tuples(step.find), "detectors"))
        fix = None if step.fix is None else cast(Fixer, from_json(_tuples(step.fix), "fixers"))
        if step.column not in types:
            raise ValueError(f"step {number} is of {shown(step.column)!r}, which is not among the columns")
        if find is not None and find.scope == "row":
            unknown = [name for name in find.columns if name not in types]
            if unknown or not find.columns or not (fix is None or fix.drops):
                raise ValueError(f"step {number} judges rows by columns that are not there, or changes cells")
        if fix is not None:
            fix.held_against(types[step.column])
            types[step.column] = fix.makes(types[step.column])
            types |= dict.fromkeys(fix.adds(), "boolean")
        steps.append(Step(step.rule, step.column, find, fix, settled=True))
    if read.ragged is not None and not 0 <= read.ragged < len(policy.rules):
        raise ValueError(f"ragged is rule {read.ragged}, which is not there")
    if not all(re.fullmatch("[0-9a-f]{16}", number) for number in read.data.fingerprint):
        raise ValueError("the fingerprint is no list of 64-bit numbers, hexadecimal")
    fingerprint = tuple(int(number, 16) for number in read.data.fingerprint)
    if any(not 0 <= number < 1 << 64 for number in fingerprint) or sorted(set(fingerprint)) != list(fingerprint):
        raise ValueError("the fingerprint is no ascending list of 64-bit numbers")
    if read.data.rows < 0:
        raise ValueError("it was fitted on fewer than no rows")
    return Recipe(
        policy, tuple(steps), tuple(read.data.columns), read.data.rows, read.data.format, fingerprint,
        read.ragged, read.version, path,
    )  # fmt: skip


def damage(column: TrainedColumn) -> str | None:
    """What cannot be in a column of a recipe; None: it is sound."""
    edges, counts = column.edges, column.edge_counts
    if (edges is None) != (counts is None):
        return "has edges without counts, or counts without edges"
    if edges is not None and counts is not None:
        if len(counts) != len(edges) + 1 or any(count < 0 for count in counts):
            return "has counts that do not fit its edges"
        if sorted(set(edges)) != edges:
            return "has edges that do not ascend"
    if column.category_counts is not None and len(column.category_counts) != len(column.categories or ()):
        return "has counts that do not fit its categories"
    return None


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """Parts are frozen: their lists are tuples."""
    return {key: _tuple(value) for key, value in data.items()}


def _tuple(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tuple, value))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of a recipe")
    return value


def _policy_out(policy: Policy) -> RecipePolicy:
    budget = policy.budget
    return RecipePolicy(
        label=list(policy.label),
        id=list(policy.id),
        missing=list(policy.missing),
        missing_list=policy.missing_list,
        columns={
            name: RecipeColumn(missing=list(spelling.missing), type=spelling.type)
            for name, spelling in policy.columns.items()
        },
        budget=None
        if budget is None
        else RecipeBudget(
            rows_dropped=_limit_out(budget.rows_dropped),
            rows_dropped_per_class=_limit_out(budget.rows_dropped_per_class),
            cells_changed=_limit_out(budget.cells_changed),
            mean_shift=budget.mean_shift,
        ),
        rules=[
            RecipeRule(text=str(each), severity=each.severity, name=each.name, where=each.where)
            for each in policy.rules
        ],
        drift=[
            RecipeRule(text=str(each), severity=each.severity, name=each.name, where=each.where)
            for each in policy.drift
        ],
    )


def _policy_in(read: RecipePolicy, path: str | None) -> Policy:
    budget = read.budget
    return Policy(
        label=tuple(read.label),
        id=tuple(read.id),
        missing=tuple(read.missing),
        missing_list=read.missing_list,
        columns={name: Spelling(tuple(each.missing), each.type) for name, each in read.columns.items()},
        budget=None
        if budget is None
        else Budget(
            _limit_in(budget.rows_dropped),
            _limit_in(budget.rows_dropped_per_class),
            _limit_in(budget.cells_changed),
            budget.mean_shift,
        ),
        rules=tuple(_rule_in(each) for each in read.rules),
        drift=tuple(_rule_in(each, drift=True) for each in read.drift),
        path=path,
    )


def _limit_out(most: Limit | None) -> str | None:
    return None if most is None else str(most)


def _limit_in(text: str | None) -> Limit | None:
    return None if text is None else limit(text)


def _rule_in(read: RecipeRule, drift: bool = False) -> Rule:
    found = replace(rule(read.text, read.where), severity=read.severity, name=read.name)
    if (found.drift is not None) != drift:
        raise ValueError(f"{shown(read.text)!r} stands among rules of another kind")
    return found


def _written(top: Mapping[str, Any]) -> str:
    """JSON that people can read and compare: a line for each item of a list of tables."""
    return "{" + ",\n ".join(f"{_json(key)}: {_lines(value)}" for key, value in top.items()) + "}"


def _lines(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",\n  ".join(f"{_json(key)}: {_lines(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n   " + ",\n   ".join(map(_json, value)) + "\n  ]"
    return _json(value)


def _json(value: Any) -> str:
    return json_escaped(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _beside(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir() if other.suffix == ".json"]
    except OSError:
        return []

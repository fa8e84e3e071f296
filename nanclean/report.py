"""What a look at a table found: one plain, versioned value that every renderer shows.

The fields and their order are the contract `nanclean.report/1`. Every key is always there; what does not apply is None.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import msgspec

from nanclean import registry
from nanclean.escaping import json_escaped
from nanclean.finding import Finding

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

SCHEMA: Literal["nanclean.report/1"] = "nanclean.report/1"
Scalar = int | float | str | bool
"""A value as JSON can hold it. Where a value is not finite it is text."""
STILL = "still in the output: "
"""How the message of a finding begins that is about a cleaned table as it leaves."""


class Outliers(msgspec.Struct, frozen=True, kw_only=True):
    """How many cells lie beyond the fences of each rule of outliers. None: not applicable, `reason` says why."""

    zscore: int | None = None
    iqr: int | None = None
    mad: int | None = None


class Fences(msgspec.Struct, frozen=True, kw_only=True):
    """Where each rule of outliers begins to call a value one: below the first or above the second number."""

    zscore: tuple[float | None, float | None] | None = None
    iqr: tuple[float | None, float | None] | None = None
    mad: tuple[float | None, float | None] | None = None


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Equal bins over the middle 99 % of the values, and an open one at each end: one count more than edges."""

    edges: list[float | None] = []
    counts: list[int] = []


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one column. `missing = null + nan + empty + token`; order figures are over finite values only."""

    name: str
    type: str
    role: str | None = None
    count: int = 0
    missing: int = 0
    null: int = 0
    nan: int = 0
    empty: int = 0
    token: int = 0
    tokens: dict[str, int] = {}
    pos_inf: int | None = None
    neg_inf: int | None = None
    finite: int | None = None
    zero: int | None = None
    negative: int | None = None
    unparsable: int | None = None
    min: Scalar | None = None
    max: Scalar | None = None
    mean: float | None = None
    std: float | None = None
    q1: int | float | None = None
    median: int | float | None = None
    q3: int | float | None = None
    mad: int | float | None = None
    outliers: Outliers | None = None
    fences: Fences | None = None
    reason: str | None = None
    distinct: int | None = None
    constant: bool | None = None
    top: list[tuple[Scalar | None, int]] | None = None
    histogram: Histogram | None = None
    missing_by_block: list[int] | None = None
    missing_rows: int | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A seeded sample of the blocks of a table, and what it proves."""

    share: float
    """What was asked for: each block is taken with this chance."""
    seed: int
    blocks: int
    of_blocks: int
    rows: int
    of_rows: int
    at_most: float
    """Share of all rows: nothing that was not found is in more of them, with this confidence."""
    confidence: float


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the table came from, and its shape. All None but the path where it could not be read."""

    path: str
    format: str | None = None
    bytes: int | None = None
    rows: int | None = None
    columns: int | None = None
    complete_rows: int | None = None
    ragged: int | None = None
    files: list[dict[str, Any]] = []
    """One for each file: path, rows, encoding, delimiter, and what else its format has to say."""
    blocks: list[tuple[int, int]] = []
    """The row ranges, first and last from 1, that `missing_by_block` counts in; at most 64."""
    sample: Sample | None = None
    """What was looked at; null: everything. All other figures are those of the sample."""

    def located(self, place: str) -> tuple[str, str]:
        """The file that a place of a finding lies in, "part-2.csv: line 17", as it is opened, and the rest."""
        if len(self.files) < 2:
            return self.path, place
        names = {str(file["path"]) for file in self.files}
        name, at = "", place.find(": ")
        while at >= 0 and not name:
            name, at = (place[:at] if place[:at] in names else ""), place.find(": ", at + 1)
        if not name:
            return self.path, place
        typed = self.path.partition(" and ")[0].partition(", ")[0]
        listed = typed != self.path and str(self.files[0]["path"]).startswith(typed)
        return name if listed else os.path.join(self.path, name), place[len(name) + 2 :]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule changed in one column."""

    rule: str
    column: str | None = None
    fix: str
    cells: int = 0
    """Cells that are not what they were."""
    rows: int = 0
    """Rows that it was the first to drop."""
    before: dict[str, Any] = {}
    """Figures of the column in the input."""
    after: dict[str, Any] | None = None
    """The same in the output; null: the column is gone."""
    found: int | None = None
    """Bad cells that reached the fix; null: it took every cell."""
    detail: str | None = None
    """What the fix has learned: `median 197`."""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was written."""

    path: str | None
    """None: nothing was to be written."""
    rows: int
    rejected: int
    verified: bool
    rejected_path: str | None = None
    """Where the rejected rows are; None: there are none, or nobody wanted them."""
    recipe: str | None = None
    """Where the recipe was written."""
    format: str | None = None
    """csv, parquet or npy."""
    columns: list[str] | None = None
    """Their names in order, those that rules have added among them."""
    untouched: int | None = None
    """Columns of the input that are in the output without a changed cell."""
    copied: bool = False
    """Nothing was changed, so that the output is the input, byte for byte."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A column of one of two datasets, as far as it is known."""

    type: str
    count: int | None = None
    missing: int | None = None
    infinite: int | None = None
    finite: int | None = None
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    std: float | None = None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A column before and now, and how far apart they are."""

    name: str
    old: Side | None = None
    """None: there was no such column."""
    new: Side | None = None
    measures: dict[str, float | None] = {}
    """By the word of the measure; null: it does not apply, or cannot be known."""
    at_least: list[str] = []
    """Measures that only bins tell: the figure is a lower bound."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """An older dataset against that of the report."""

    path: str | None
    """Of the older one: a file, a report or a recipe. None: it was in memory."""
    kind: Literal["data", "report", "recipe"]
    rows: int | None = None
    same: bool = False
    """Every column holds the same values, as often; or the bytes are the same."""
    columns: list[Shift] = []
    """Those of the older one in order, then new ones."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings there are of each severity."""

    error: int = 0
    warning: int = 0
    info: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Summary:
        """The findings, counted."""
        counts = {"error": 0, "warning": 0, "info": 0}
        for finding in findings:
            counts[finding.severity] += 1
        return cls(**counts)


class Workers(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that have done the work, and what went to and fro: however many rows there are, about the same."""

    name: str
    """Of the engine."""
    workers: int
    tasks: int
    sent: int
    """Bytes of looks, and of the places where splits are."""
    received: int
    """Bytes of results."""
    merged: int
    """Bytes of states that went from worker to worker."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How the work was done. All that may differ between two runs over one file lives here."""

    version: str | None = None
    passes: int | None = None
    seconds: float | None = None
    jobs: int | None = None
    memory: int | None = None
    policy: str | None = None
    """The rules that were used, in words: "nanclean.toml (8) + built-in"."""
    versions: dict[str, str] = {}
    engine: Workers | None = None
    """None: threads of one process."""


class Columns(list[Column]):
    """The columns in order, also by name: `report.columns["price"].pos_inf`."""

    @overload
    def __getitem__(self, key: str | SupportsIndex) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> list[Column]: ...
    def __getitem__(self, key: str | SupportsIndex | slice) -> Column | list[Column]:
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = self.by_name.get(key)
        if found is None:
            meant = registry.nearest(key, list(self.by_name))
            raise KeyError(f"no column {key!r}" + (f"; did you mean {meant!r}?" if meant else ""))
        return found

    def __contains__(self, key: object) -> bool:
        return key in self.by_name if isinstance(key, str) else super().__contains__(key)

    @property
    def names(self) -> list[str]:
        """The names in order."""
        return [column.name for column in self]

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        names = self.__dict__.get("_names")
        if names is None or len(names) != len(self):
            names = self.__dict__["_names"] = {column.name: column for column in self}
        return names


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Source, columns, findings, changes and summary of one dataset.

    It shows itself in a terminal and in a notebook, and `to_json()` gives it to other programs.
    """

    schema: Literal["nanclean.report/1"] = SCHEMA
    command: str = "scan"
    exit_code: int = 0
    source: Source
    if TYPE_CHECKING:
        columns: Columns
    else:
        columns: list[Column] = []
    findings: list[Finding] = []
    changes: list[Change] = []
    output: Output | None = None
    comparison: Comparison | None = None
    """Of `compare`."""
    summary: Summary = Summary()
    run: Run = Run()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "columns", Columns(map(_finite, self.columns)))

    def to_json(self) -> str:
        """The report as JSON text, `nanclean.report/1`: a line for each column and finding, a line end at the end.

        Valid JSON whatever the data holds: what is not finite is null, what is not printable is escaped.
        """
        lines = []
        for key in self.__struct_fields__:
            value = getattr(self, key)
            if isinstance(value, list) and value:
                text = "[\n  " + ",\n  ".join(map(_json, value)) + "\n ]"
            else:
                text = _json(value)
            lines.append(f'"{key}": {text}')
        return "{" + ",\n ".join(lines) + "}\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """The report that `to_json` wrote. ValueError if it is not one."""
        return msgspec.json.decode(text, type=cls)

    @classmethod
    def not_read(cls, path: str, message: str, hint: str | None, *, command: str, exit_code: int) -> Report:
        """The report of a file that was not read, or not to its end. It says why, and nothing else."""
        finding = Finding(rule="not_read", rule_text="not_read", severity="error", message=message, hint=hint)
        return cls(
            command=command,
            exit_code=exit_code,
            source=Source(path=path),
            columns=Columns(),
            findings=[finding],
            summary=Summary(error=1),
        )

    def without_values(self, *, messages: bool = False) -> Report:
        """The same report without any value from the data: counts, shares and positions only.

        What is measured in the unit of a column goes, and every sentence that may name a value is replaced by a
        count. `messages=True` keeps the sentences: for a report whose sentences were written without values.
        """
        return msgspec.structs.replace(
            self,
            columns=[msgspec.structs.replace(column, **_hidden(column)) for column in self.columns],
            findings=self.findings if messages else [_discreet(finding) for finding in self.findings],
            changes=[_counted(change) for change in self.changes],
            comparison=None if self.comparison is None else _unmeasured(self.comparison),
        )

    def __repr__(self) -> str:
        return str(registry.module("renderers", "terminal").plain(self))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield registry.module("renderers", "terminal").rich(self, options)

    def to_html(self) -> str:
        """The report as one HTML page for the browser: it needs no network and no other file."""
        return str(registry.module("renderers", "html").page([self]))

    def _repr_html_(self) -> str:
        return str(registry.module("renderers", "html").notebook(self))


def _finite(column: Column) -> Column:
    """The column without infinities and NaN: None where a figure is not defined, text where it is a value."""
    figures = {name: getattr(column, name) for name in _FIGURES}
    changed: dict[str, Any] = {
        name: None for name, value in figures.items() if isinstance(value, float) and not math.isfinite(value)
    }
    if column.fences is not None:
        changed["fences"] = Fences(**{rule: _pair(getattr(column.fences, rule)) for rule in Fences.__struct_fields__})
    if column.histogram is not None:
        edges = [edge if edge is not None and math.isfinite(edge) else None for edge in column.histogram.edges]
        changed["histogram"] = Histogram(edges=edges, counts=column.histogram.counts)
    if column.top:
        changed["top"] = [(_as_text(value), count) for value, count in column.top]
    return msgspec.structs.replace(column, **changed) if changed else column


def _pair(fences: tuple[float | None, float | None] | None) -> tuple[float | None, float | None] | None:
    if fences is None:
        return None
    low, high = (float(fence) if fence is not None and math.isfinite(fence) else None for fence in fences)
    return low, high


def _as_text(value: Scalar | None) -> Scalar | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: object) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # bytes of a file name that are not UTF-8
        text = msgspec.json.encode(_encodable(msgspec.to_builtins(value))).decode()
    return json_escaped(text)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(inner) for key, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list | tuple) else value


_FIGURES = ("min", "max", "mean", "std", "q1", "median", "q3", "mad")  # in the unit of the column
_PLAIN_FIX = re.compile(r"(?P<columns>.+): (?P<find>\w+) -> \w+(\((mean|median|mode)\))?")


def _hidden(column: Column) -> dict[str, Any]:
    """What stands in the place of the values of a column."""
    hidden: dict[str, Any] = dict.fromkeys((*_FIGURES, "fences", "top"))
    hidden["tokens"] = {}
    if column.histogram is not None:
        hidden["histogram"] = Histogram(edges=[None] * len(column.histogram.edges), counts=column.histogram.counts)
    return hidden


def _unmeasured(comparison: Comparison) -> Comparison:
    """A comparison without what is measured in the unit of a column."""
    nothing = dict.fromkeys(("min", "max", "mean", "std"))
    columns = [
        msgspec.structs.replace(
            shift,
            old=None if shift.old is None else msgspec.structs.replace(shift.old, **nothing),
            new=None if shift.new is None else msgspec.structs.replace(shift.new, **nothing),
        )
        for shift in comparison.columns
    ]
    return msgspec.structs.replace(comparison, columns=columns)


def _counted(change: Change) -> Change:
    """A change without what it has learned, and of its figures the counts only."""
    before, after = (
        {k: v for k, v in figures.items() if k not in _FIGURES} for figures in (change.before, change.after or {})
    )
    if after.get("histogram"):
        after["histogram"] = after["histogram"] | {"edges": [None] * len(after["histogram"]["edges"])}
    return msgspec.structs.replace(change, before=before, after=None if change.after is None else after, detail=None)


def _discreet(finding: Finding) -> Finding:
    count, of = finding.count, finding.of
    message = "" if count is None else f"{count:,}" if of is None else f"{count:,} of {of:,}"
    if finding.message.startswith(STILL):
        message = f"{STILL}{message}"
    hints = [line for line in (finding.hint or "").splitlines() if _names_no_value(line, finding)]
    return msgspec.structs.replace(finding, message=message, hint="\n".join(hints) or None)


def _names_no_value(hint: str, finding: Finding) -> bool:
    """Whether a hint is a rule of bare names: the column or a selector, the find, and a fix without numbers."""
    rule = _PLAIN_FIX.fullmatch(hint)
    if rule is None or rule["find"] != finding.rule:
        return False
    return rule["columns"] in ("@all", "@numeric", "@features") or rule["columns"].strip("'\"") == finding.column

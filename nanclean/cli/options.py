"""The options that commands share, as one small frozen value."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from nanclean import registry
from nanclean.errors import UsageError
from nanclean.escaping import shortened

UNITS = {"": 1, "B": 1} | {
    letter + kind: base**power
    for power, letter in enumerate("KMGT", 1)
    for kind, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
"""Of bytes: 500MB, 500M, 2GiB."""


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:  # generic since click 8.4
    _Type = click.ParamType


@dataclass(frozen=True)
class Asked:
    """What a command line asks for: the files, what api.scan is to know, and how to show what it answers."""

    files: tuple[str, ...]
    # what is wrong
    policy: str | None = None
    rules: tuple[str, ...] = ()
    label: str | None = None
    id: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_list: str | None = None
    columns: tuple[str, ...] | None = None
    trainer: str | None = None
    fail_on: str | None = "never"
    """None: nobody has said; the command knows its own way."""
    no_config: bool = False
    # how to read
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    decimal: str = "."
    axis: int | None = None
    memory: int | None = None
    jobs: int | None = None
    # how to show
    values: bool = True
    format: str = "terminal"
    written: tuple[tuple[str, str], ...] = ()
    """Reports to be written beside: the renderer of each, and its file."""
    quiet: bool = False
    verbose: bool = False

    def scanning(self) -> dict[str, Any]:
        """The keyword arguments of api.scan."""
        shown = {"files", "format", "written", "quiet", "verbose"}
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in shown}

    def reading(self) -> dict[str, Any]:
        """The keyword arguments that say how a file is read, and with what."""
        names = ("encoding", "delimiter", "header", "decimal", "axis", "memory", "jobs", "values")
        return {name: getattr(self, name) for name in names}

    def fixing(self) -> dict[str, Any]:
        """The keyword arguments of api.fix that say what is wrong and how a file is read."""
        names = ("policy", "rules", "label", "id", "missing", "missing_list", "trainer", "no_config")
        return {**{name: getattr(self, name) for name in names}, **self.reading()}


class Word(_Type):
    """One of a few words; a wrong one is answered with the nearest."""

    name = "word"

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        known = tuple(self.known())
        if value in known:
            return value
        nearest = registry.nearest(str(value), known)
        raise _wrong(param, value, f"did you mean {nearest}?" if nearest else f"there are: {' '.join(known)}")

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.known() if word.startswith(incomplete)]


class Size(_Type):
    """Bytes: 500MB, 2GiB, 1000000."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) *([A-Za-z]*)", str(value))
        if found is None or found[2].upper() not in UNITS:
            raise _wrong(param, value, "write it like 500MB or 2GiB")
        return int(float(found[1]) * UNITS[found[2].upper()])


class Whole(_Type):
    """A whole number, not below the least one."""

    name = "number"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", str(value)) or int(value) < self.least:
            raise _wrong(param, value, f"it takes a whole number, {self.least} or more")
        return int(value)


class Share(_Type):
    """A share in percent: 1%, 0.5%."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) *%", str(value))
        if found is None or not 0 < float(found[1]) <= 100:
            raise _wrong(param, value, "write it like 1% or 0.5%, up to 100%")
        return float(found[1]) / 100


class Delimiter(_Type):
    """One character between cells, or its name."""

    name = "character"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        character = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(value, value)
        if len(character) != 1 or not character.isascii() or character in '\r\n"':
            raise _wrong(param, value, "one character: , ; | or the word tab")
        return character


def _wrong(param: click.Parameter | None, value: object, hint: str) -> UsageError:
    option = param.opts[-1] if param is not None else "value"
    return UsageError(f"{option} cannot be {shortened(str(value))!r}", hint=hint)


as_one = click.option("--as-one", is_flag=True, help="Read all files as one table, in the order of their names.")
"""Of the commands that take several files."""

sample = click.option(
    "--sample",
    type=Share(),
    metavar="PERCENT",
    help="Look at a share of the rows only: 1%. Text is still read to its end.",
)
seed = click.option("--seed", type=Whole(0), default=0, metavar="N", help="Of the sample: another one for another N.")
"""Of the commands that only look."""

profile = click.option(
    "--profile", metavar="FIRST", help="Answer from what nanclean merge has written, without reading."
)
"""Of the commands that measure and write no table."""

engine = click.option(
    "--engine", type=Word(lambda: registry.names("engines")), metavar="local|dask|ray", help="Who does the work."
)
engine_address = click.option(
    "--engine-address", metavar="ADDRESS", help="Of a cluster that runs: tcp://HOST:8786. Else one is started here."
)
"""Of the commands that a cluster can help."""


def engines(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command both of them."""
    return engine(engine_address(command))


SEVERITIES = ("error", "warning", "info", "never")
REPORTS = {"html": "html", "md": "markdown", "json": "json", "junit": "junit", "sarif": "sarif"}
"""Options that write a report to a file, and the renderer of each."""

OPTIONS = (
    click.argument("files", nargs=-1, required=True, metavar="FILE..."),
    click.option(
        "-p",
        "--policy",
        metavar="FILE",
        help="Rules, as TOML. Otherwise ./nanclean.toml, or [tool.nanclean] of ./pyproject.toml.",
    ),
    click.option("--rule", "rules", multiple=True, metavar="TEXT", help="One more rule: 'price: range(0, 100) <= 1%'."),
    click.option("--label", metavar="COLUMN", help="The column to be learned: nothing may be missing there."),
    click.option("--id", multiple=True, metavar="COLUMN", help="A column that only names the row."),
    click.option("--missing", multiple=True, metavar="TEXT", help="One more spelling of 'missing': -999."),
    click.option(
        "--missing-list",
        type=Word(lambda: ("auto", "pandas", "none")),
        metavar="auto|pandas|none",
        help="Which texts mean 'missing' without being named.",
    ),
    click.option(
        "--columns",
        multiple=True,
        metavar="COLUMNS",
        help="Look at these only: names, globs; by type (@numeric) where types are known.",
    ),
    click.option(
        "--for", "trainer", metavar="TRAINER", help="Judge for torch, keras, sklearn, xgboost, lightgbm, catboost."
    ),
    click.option(
        "--fail-on",
        type=Word(lambda: SEVERITIES),
        metavar="SEVERITY",
        help="Exit 1 from here on: error warning info never.",
    ),
    click.option("--strict", is_flag=True, help="Warnings fail, too: --fail-on warning."),
    click.option("--html", metavar="FILE", help="Write the report as a page for the browser, too."),
    click.option("--md", metavar="FILE", help="The same as Markdown, for a comment on a pull request."),
    click.option("--json", metavar="FILE", help="The same as JSON. With - it goes to standard output instead."),
    click.option("--junit", metavar="FILE", help="The same as JUnit XML, for test reports."),
    click.option("--sarif", metavar="FILE", help="The same as SARIF, for code scanning."),
    click.option(
        "--format",
        type=Word(lambda: registry.names("renderers")),
        metavar="FORMAT",
        help="What to print: terminal text json github sarif junit markdown html.",
    ),
    click.option("--no-values", is_flag=True, help="Counts and positions only, no value from the data."),
    click.option("--encoding", metavar="NAME", help="Of text: utf-8, latin-1 .. Else found out."),
    click.option("--delimiter", type=Delimiter(), metavar="MARK", help="Between cells: , ; | or tab."),
    click.option("--no-header", is_flag=True, help="Line 1 is data."),
    click.option("--decimal", type=Word(lambda: (".", ",")), default=".", metavar="MARK", help="Of numbers: . or ,"),
    click.option("--axis", type=Whole(-32), metavar="N", help="Of an array: a column for each index of this axis."),
    click.option("--memory", type=Size(), metavar="SIZE", help="The most to use: 500MB."),
    click.option("--jobs", type=Whole(1), metavar="N", help="Threads to use."),
    click.option("--no-config", is_flag=True, help="Look for no policy in this folder."),
    click.option("-q", "--quiet", is_flag=True, help="Findings only."),
    click.option("-v", "--verbose", is_flag=True, help="Everything: notes, every column."),
)


def _name(option: Callable[[Any], Any]) -> str:
    """The name of the argument that an option becomes."""

    def bare() -> None: ...

    option(bare)
    (parameter,) = bare.__click_params__  # type: ignore[attr-defined]
    return str(parameter.name)


NAMES = {_name(option): option for option in OPTIONS}


def shared(
    *, fail_on: str | None, format: str, without: Collection[str] = ()
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the shared options, but for some. It is called with what was asked for, and with its own options.

    fail_on, format: its defaults. fail_on None: nobody has said.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def command(**given: Any) -> int:
            own = {name: given.pop(name) for name in list(given) if name not in NAMES or name in without}
            return function(_asked({**dict.fromkeys(without), **given}, fail_on, format), **own)

        for name, option in reversed(NAMES.items()):
            if name not in without:
                command = option(command)
        return command

    return decorate


def _asked(given: dict[str, Any], fail_on: str | None, format: str) -> Asked:
    chosen = given.pop("fail_on") or fail_on
    if given.pop("strict") and (chosen is None or SEVERITIES.index(chosen) != SEVERITIES.index("info")):
        chosen = "warning"
    return Asked(
        files=tuple(given.pop("files") or ()),
        fail_on=chosen,
        format=_printed(given.pop("format"), [REPORTS[name] for name in REPORTS if given[name] == "-"]) or format,
        written=tuple((REPORTS[name], given[name]) for name in REPORTS if given[name] not in (None, "-")),
        header=not given.pop("no_header"),
        values=not given.pop("no_values"),
        columns=given.pop("columns") or None,
        rules=tuple(given.pop("rules") or ()),
        id=tuple(given.pop("id") or ()),
        missing=tuple(given.pop("missing") or ()),
        **{name: value for name, value in given.items() if name not in REPORTS},
    )


def _printed(format: str | None, others: list[str]) -> str | None:
    """What goes to standard output, of which there is one."""
    asked = list(dict.fromkeys([*others, *([] if format is None else [format])]))
    if len(asked) > 1:
        raise UsageError(f"standard output cannot take {asked[0]} and {asked[1]}", hint="name a file for one of them")
    return asked[0] if asked else None

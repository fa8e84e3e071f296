"""What the documentation says about parts, commands and keys, taken from the program while the site is built.

A page says `<!-- generated: finds -->`; what stands there then is made by the function of that name below.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import msgspec

import nanclean
from nanclean import cli, errors, registry
from nanclean.cli import _manual
from nanclean.detector import EVERYTHING, NUMBERS, ROLES, Detector
from nanclean.drift import UNITS, Drift
from nanclean.fixer import Fixer
from nanclean.grammar import ROLES as ROLE_SELECTORS
from nanclean.grammar import SELECTORS
from nanclean.part import Part, hints, literal
from nanclean.report import Report
from nanclean.rule import builtin_finds
from nanclean.schemas import written
from nanclean.schemas.policy import schema
from nanclean.trainers import TRAINERS, Trainer

MARK = re.compile(r"^<!-- generated: ([a-z]+)(?: ([\w.]+))? -->$", re.MULTILINE)
LABEL = re.compile(r"^([A-Z][a-z]+(?: [a-z]+){0,2}): ")
LISTS = frozenset({"list<integer>", "list<float>"})

BY_ROLE = {
    "@features": "all but the label and the ids",
    "@label": "the column to be learned",
    "@id": "columns that only name the row",
    "@all": "every column",
}
BY_ENDING = {
    0: "good: nothing at or above `--fail-on`; or fixed, verified and written",
    1: "findings at or above `--fail-on`",
    cli.BUG: "a bug in nanclean: a line tells where the traceback is",
    cli.INTERRUPTED: "interrupted (Ctrl-C)",
    cli.CLOSED: "standard output was closed",
    cli.TERMINATED: "terminated",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for every page."""
    return MARK.sub(lambda found: GENERATED[found[1]](*filter(None, [found[2]])), markdown)


def finds() -> str:
    """Every detector: its facts, and its docstring."""
    return "\n\n".join(_part(part, _detector_facts(part)) for part in _members("detectors", Detector))


def fixes() -> str:
    """Every fixer likewise."""
    return "\n\n".join(_part(part, _fixer_facts(part)) for part in _members("fixers", Fixer))


def measures() -> str:
    """Every measure of drift likewise."""
    return "\n\n".join(_part(part, _drift_facts(part), 3) for part in _members("drifts", Drift))


def builtin() -> str:
    """The checks that need no rule, the worst first."""
    order = ("error", "warning", "info")
    parts = sorted({type(find) for find in builtin_finds()}, key=lambda part: (order.index(part.severity), part.name))
    rows = [(part.severity, f"[{part.name}](detectors.md#{part.name})", _first(part)) for part in parts]
    return _table(("severity", "check", "finds"), rows)


def trainers() -> str:
    """How severe a check is for a trainer, where it is not as ever."""
    names = list(dict.fromkeys(find for trainer in TRAINERS.values() for find in trainer.severities))
    own = {type(find).name: type(find).severity for find in builtin_finds()}
    rows = [("*none*", *(own[find] for find in names))]
    rows += [
        (f"`{name}`", *(_judged(trainer, find, own[find]) for find in names)) for name, trainer in TRAINERS.items()
    ]
    return _table(("`--for`", *(f"[{find}](detectors.md#{find})" for find in names)), rows)


def _judged(trainer: Trainer, find: str, otherwise: str) -> str:
    severity, of_text = trainer.severities.get(find, otherwise), trainer.of_text.get(find)
    return severity if of_text in (None, severity) else f"{severity}; of text {of_text}"


def selectors() -> str:
    """What stands for columns in a rule."""
    rows = [(f"`{name}`", f"columns of type {_types(types)}") for name, types in SELECTORS.items()]
    rows += [(f"`{name}`", BY_ROLE[name]) for name in ROLE_SELECTORS]
    return _table(("selector", "means"), rows)


def keys(table: str = "") -> str:
    """The keys of a policy, or of one of its tables, from the schema."""
    keys = schema()["properties"]
    if table:
        inner = keys[table]
        inner = inner.get("items") or inner.get("additionalProperties") or inner
        keys = inner["properties"]
    rows = [(f"`{key}`", _takes(value), _escaped(_said(value))) for key, value in keys.items()]
    return _table(("key", "takes", "means"), rows)


def commands() -> str:
    """Every command with all its options, from click."""
    return "\n\n".join(_command(name) for name in cli.COMMANDS)


def exits() -> str:
    """Every exit code, and the errors behind it."""
    codes: dict[int, list[str]] = {code: [said] for code, said in BY_ENDING.items()}
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.NancleanError) and error is not errors.NancleanError:
            said = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0].split(". `")[0].rstrip(".")
            codes.setdefault(error.exit_code, []).append(f"`{error.__name__}`: {_escaped(' '.join(said.split()))}")
    return _table(("code", "means"), [(f"**{code}**", "<br>".join(codes[code])) for code in sorted(codes)])


def formats() -> str:
    """What can be printed with --format."""
    rows = []
    for name in registry.names("renderers"):
        said = inspect.cleandoc(registry.module("renderers", name).__doc__ or "").split("\n\n")[0]
        rows.append((f"`{name}`", _escaped(" ".join(said.split()))))
    return _table(("format", "what it is"), rows)


def report() -> str:
    """The keys of a report, structure by structure."""
    return "\n\n".join(_structure(structure) for structure in _structures(Report))


def topic(name: str) -> str:
    """A page that `nanclean explain` prints as well."""
    return _manual.topic(name)


def api() -> str:
    """Everything public, for mkdocstrings."""
    functions = [name for name in nanclean.__all__ if name.islower()]
    failures = [name for name in nanclean.__all__ if name.endswith("Error")]
    classes = [name for name in nanclean.__all__ if name not in functions and name not in failures]
    sections = {"Functions": functions, "Classes": classes, "Errors": failures}
    return "\n\n".join(f"## {title}\n\n{_documented(names)}" for title, names in sections.items())


GENERATED: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        finds,
        fixes,
        measures,
        builtin,
        trainers,
        selectors,
        keys,
        commands,
        exits,
        formats,
        report,
        topic,
        api,
    )
}


# parts


def _members(family: str, kind: type[Part]) -> Iterator[Any]:
    for name in registry.names(family):
        part = _manual.part(name)
        assert issubclass(part, kind), part
        yield part


def _part(part: type[Part], facts: Mapping[str, str], level: int = 2) -> str:
    paragraphs = [_escaped(" ".join(text.split())) for text in inspect.cleandoc(part.__doc__ or "").split("\n\n")]
    manual = "\n\n".join(LABEL.sub(r"**\1:** ", paragraph) for paragraph in paragraphs)
    rows = [(f"**{fact}**", said) for fact, said in facts.items() if said]
    return f"{'#' * level} {part.name} {{#{part.name}}}\n\n{manual}\n\n{_table(('', ''), rows)}"


def _detector_facts(part: type[Detector]) -> dict[str, str]:
    roles = "" if part.roles == ROLES else f", for {' and '.join(sorted(f'{role}s' for role in part.roles))}"
    return {
        "written": f"`{part.example}`",
        "settings": _settings(part),
        "columns": "the table as a whole" if part.whole else _types(part.applies),
        "without a rule": f"on: {_article(part.severity)}{roles}" if part.builtin else "off",
    }


def _fixer_facts(part: type[Fixer]) -> dict[str, str]:
    takes = "every cell; the rule has no find" if part.whole else "the bad cells"
    if part.optional:
        takes += ", or every cell where the rule has no find"
    return {
        "written": f"`{part.example}`",
        "settings": _settings(part),
        "columns": _types(part.applies),
        "takes": takes,
        "rows": "go to the file of rejected rows" if part.drops else "",
        "label and ids": "only by name, `@label` or `@id`" if part.changes else "",
    }


def _drift_facts(part: type[Drift]) -> dict[str, str]:
    judges = f"beyond {part.default:g}, and beyond chance" if part.default else "what chance does not give"
    return {
        "written": f"`{part.example}`",
        "columns": _types(part.applies),
        "limit": ": ".join(filter(None, UNITS[part.unit])),
        "without a rule": "off" if part.default is None else f"{_article(part.severity)}: {judges}",
        "`check --against`": f"{_article(part.breach)}" if part.breach != part.severity else "",
    }


def _settings(part: type[Part]) -> str:
    types = hints(part)
    said = []
    for setting in part.settings():
        words = [word for option in (types[setting.name], *get_args(types[setting.name]))
                 if get_origin(option) is Literal for word in get_args(option)]  # fmt: skip
        choice = f": {', '.join(f'`{word}`' for word in words)}" if words else ""
        default = setting.default
        if isinstance(default, Part | str | int | float | bool) and not isinstance(default, Part):
            said.append(f"`{setting.name}={literal(default)}`{choice}")
        else:
            said.append(f"`{setting.name}`{choice}")
    return "; ".join(said)


def _types(types: Iterable[str]) -> str:
    types = frozenset(types)
    if types == EVERYTHING:
        return "any"
    words = [*sorted(types - LISTS), *(["lists of numbers"] if types >= LISTS else sorted(types & LISTS))]
    if types == NUMBERS:
        words = ["integer", "float", "lists of numbers"]
    elif len(types & LISTS) == 1:
        words = [*sorted(types - LISTS), f"lists of {next(iter(types & LISTS))[5:-1]}s"]
    return ", ".join(words)


def _first(part: type[Part]) -> str:
    sentence = re.split(r"(?<=[.])\s+(?=[A-Z])", " ".join((part.__doc__ or "").split("\n\n")[0].split()))[0]
    return _escaped(sentence)


def _article(severity: str) -> str:
    return {"error": "an error", "warning": "a warning"}.get(severity, severity)


# keys


def _said(value: Mapping[str, Any]) -> str:
    described = schema()["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
    said = value.get("description") or value.get("items", {}).get("description") or described.get("description", "")
    if not said:
        return f"such as {', '.join(f'`{example}`' for example in value['examples'])}"
    return str(said).partition("\n")[0].rstrip(":")


def _structures(top: type, known: tuple[type, ...] = ()) -> tuple[type, ...]:
    """A structure and all that its fields lead to, in the order of the fields."""
    known = (*known, top)
    waiting = list(get_type_hints(top).values())
    while waiting:
        type_ = waiting.pop(0)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct) and type_ not in known:
            known = _structures(type_, known)
        waiting = [*get_args(type_), *waiting]
    return known


def _structure(structure: type) -> str:
    """A table of the keys of a structure: what the schema says of them, and the docstrings below its fields."""
    published = json.loads(written()["report-1.json"])
    keys = published["$defs"][structure.__name__]["properties"]
    said = _said_below(structure)
    rows = [(f"`{key}`", _kind(value), said.get(key, "")) for key, value in keys.items()]
    doc = _escaped(" ".join(inspect.cleandoc(structure.__doc__ or "").split("\n\n")[0].split()))
    return f"### {structure.__name__}\n\n{doc}\n\n{_table(('key', 'is', 'means'), rows)}"


def _said_below(structure: type) -> dict[str, str]:
    """The strings that stand below the fields of a class."""
    (tree,) = ast.parse(inspect.getsource(structure)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: _escaped(" ".join(below.value.value.split()))
        for field, below in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }  # fmt: skip


def _kind(value: Mapping[str, Any]) -> str:
    """What a value of JSON is, in words."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        kinds = [_kind(each) for each in value["anyOf"]]
        if "number" in kinds:
            kinds = [kind for kind in kinds if kind != "integer"]
        return " or ".join([*(kind for kind in kinds if kind != "null"), *(["null"] if "null" in kinds else [])])
    if "enum" in value:
        return " ".join(f"`{word}`" for word in value["enum"])
    if value.get("type") == "array":
        if "prefixItems" in value:
            return f"\\[{', '.join(map(_kind, value['prefixItems']))}\\]"
        return f"list of {_kind(value['items'])}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties")
        return f"object of {_kind(inner)}" if inner else "object"
    kind = str(value.get("type", "anything"))
    return "text" if kind == "string" else kind


def _takes(value: Mapping[str, Any]) -> str:
    reference = value.get("$ref", "").rpartition("/")[2]
    if reference:
        return {"texts": "text, or a list", "limit": "share or count", "find": "a find", "fix": "a fix"}[reference]
    if "const" in value:
        return f"`{value['const']}`"
    options = value.get("enum") or next((each["enum"] for each in value.get("anyOf", ()) if "enum" in each), None)
    if options:
        return " ".join(f"`{option}`" for option in options)
    if "anyOf" in value:
        return "text, or a list"
    if value["type"] == "array":
        return "a list of rules" if value["items"].get("type") == "string" else "tables"
    return {"object": "a table", "string": "text", "number": "a number", "integer": "a whole number"}[value["type"]]


# commands


def _command(name: str) -> str:
    group = click.Context(cli.group, info_name="nanclean")
    command = cli.group.get_command(group, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=group)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [
        (" ".join([", ".join(f"`{word}`" for word in option.opts), *_metavar(option)]), _escaped(option.help or ""))
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    paragraphs = [_paragraph(text) for text in inspect.cleandoc(command.help or "").split("\n\n")]
    said = "\n\n".join(paragraphs)
    return f"## {name} {{#{name}}}\n\n```text\n{usage}\n```\n\n{said}\n\n{_table(('option', 'means'), rows)}"


def _paragraph(text: str) -> str:
    if text.startswith("\b\n"):  # click leaves it as it is
        body = text.removeprefix("\b\n")
        return f"```sh\n{body}\n```" if body.startswith("nanclean ") else _escaped(body)
    return _escaped(" ".join(text.split()))


def _metavar(option: click.Option) -> Iterator[str]:
    if not option.is_flag and option.metavar:
        yield f"`{option.metavar}`".replace("|", "\\|")


def _documented(names: Sequence[str]) -> str:
    return "\n\n".join(f"::: nanclean.{name}" for name in sorted(names, key=str.lower))


# Markdown


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    """Plain text as Markdown that shows it. What stands between backticks is code already."""
    pieces = text.split("`")
    for i in range(0, len(pieces), 2):
        pieces[i] = re.sub(r"([\\*_{}\[\]#|])", r"\\\1", pieces[i]).replace("<", "&lt;").replace(">", "&gt;")
    for i in range(1, len(pieces), 2):
        pieces[i] = pieces[i].replace("|", "\\|")
    return "`".join(pieces)

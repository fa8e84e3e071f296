"""Settings and learned fields of a part: a detector or a fixer. Text and JSON in and out."""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from nanclean import registry
from nanclean.errors import PolicyError
from nanclean.escaping import escaped
from nanclean.wording import shown

Value = None | bool | int | float | str
LONGEST = 1_000
"""Characters of one part. Python's parser is safe on short texts only."""
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Call:
    """A part as it is written, `clip(0, high=100)`: a name and literals. Nothing of it is evaluated."""

    name: str
    given: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        arguments = [*map(literal, self.given), *(f"{name}={literal(value)}" for name, value in self.named)]
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name


def learned() -> Any:
    """A field that `fit` fills in; never written by the user."""
    return field(default=None, metadata={"learned": True}, kw_only=True)


def named(default: Any) -> Any:
    """A setting that is always written with its name: `by=store`."""
    return field(default=default, metadata={"named": True})


@dataclass(frozen=True)
class Part:
    """A member of a family: what the user chose and what was learned, frozen.

    `str(part)` is its one spelling in rules, reports and messages.
    """

    name: ClassVar[str]
    """Its module's name, which is its word in policies, recipes and reports."""

    @classmethod
    def settings(cls) -> tuple[dataclasses.Field[Any], ...]:
        """The fields that the user may set, in the order of the call."""
        return tuple(f for f in dataclasses.fields(cls) if not f.metadata.get("learned"))

    def __str__(self) -> str:
        arguments: list[str] = []
        in_order = True
        for setting in self.settings():
            value = getattr(self, setting.name)
            if value == setting.default:
                in_order = False
            else:
                required = setting.default is dataclasses.MISSING
                in_order = in_order and (required or not isinstance(value, bool))  # True alone says nothing
                in_order = in_order and not setting.metadata.get("named")
                arguments.append(literal(value) if in_order else f"{setting.name}={literal(value)}")
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name

    def to_json(self) -> dict[str, Any]:
        """`{"name": "zscore", "k": 3.0, "fences": [0.5, 9.5]}`. ValueError on a number that JSON cannot hold."""
        return {"name": self.name} | {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The part of `to_json`. PolicyError on a key that it does not have."""
        types, given = hints(cls), {key: value for key, value in data.items() if key != "name"}
        fields = {f.name for f in dataclasses.fields(cls)}
        for key in given:
            if key not in fields:  # msgspec ignores what it does not know
                raise PolicyError(f"{cls.name}: there is no {shown(key)!r}{did_you_mean(key, fields)}")
        return cls(**{key: converted(cls.name, key, value, types[key]) for key, value in given.items()})

    @classmethod
    def from_call(cls, call: Call) -> Self:
        """The part that a call spells. PolicyError names the argument that is wrong and the nearest right one."""
        allowed = [f.name for f in cls.settings()]
        if len(call.given) > len(allowed):
            takes = f"takes {', '.join(allowed)}" if allowed else "takes no argument"
            raise PolicyError(f"{cls.name} {takes}; got {call}")
        values = dict(zip(allowed, call.given, strict=False))
        for key, value in call.named:
            if key not in allowed:
                raise PolicyError(f"{cls.name} has no argument {shown(key)!r}{did_you_mean(key, allowed)}")
            if key in values:
                raise PolicyError(f"{cls.name}: {key} is given twice")
            values[key] = value
        missing = [f.name for f in cls.settings() if f.default is dataclasses.MISSING and f.name not in values]
        if missing:
            said = f"{cls.name} needs {' and '.join(missing)}"
            example = getattr(cls, "example", None)
            raise PolicyError(f"{said}, as in {example}" if example else said)
        types = hints(cls)
        return cls(**{key: converted(cls.name, key, value, types[key]) for key, value in values.items()})


def hints(cls: type) -> dict[str, Any]:
    """The types of its fields."""
    return get_type_hints(cls)


def literal(value: Value) -> str:
    """A value as it is written in a call: `0.5`, `3`, `median`, `'a b'`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str) and WORD.fullmatch(value) and value not in ("True", "False", "None"):
        return value
    return repr(value)


def call(text: str) -> Call:
    """Read a name, or a call of a name with literals and bare words. PolicyError on anything else."""
    text = text.strip()
    wrong = f"{shown(text)!r} is not a part: write a name, or a name with plain values, like range(0, 100)"
    if len(text) > LONGEST:
        raise PolicyError(f"{shown(text)!r} is longer than {LONGEST:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise PolicyError(wrong) from None
    if isinstance(tree, ast.Name):
        return Call(tree.id)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise PolicyError(wrong)
    given: list[Value] = []
    named: list[tuple[str, Value]] = []
    for argument in tree.args:
        given.append(_value(argument, text))
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise PolicyError(wrong)
        if keyword.arg in dict(named):
            raise PolicyError(f"{shown(text)!r}: {keyword.arg} is given twice")
        named.append((keyword.arg, _value(keyword.value, text)))
    return Call(tree.func.id, tuple(given), tuple(named))


def _value(node: ast.expr, text: str) -> Value:
    if isinstance(node, ast.Name):
        return node.id
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign, node = -1 if isinstance(node.op, ast.USub) else 1, node.operand
        if not (isinstance(node, ast.Constant) and type(node.value) in (int, float)):
            raise PolicyError(f"{shown(text)!r}: a sign goes before a number only")
    value = node.value if isinstance(node, ast.Constant) else ...
    if value is None or isinstance(value, bool | str):
        return value
    if not isinstance(value, int | float):
        raise PolicyError(f"{shown(text)!r}: arguments are plain numbers, words or quoted text; nothing is computed")
    return number(sign * value, shown(text))


def number(value: int | float, where: str) -> int | float:
    """The number, if a file can hold it. PolicyError on NaN, infinity (also as 1e400) and integers beyond 64 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise PolicyError(f"{where!r}: numbers must be finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise PolicyError(f"{where!r}: the integer is beyond 64 bits; write it as a float, like 1e26")
    return value


def converted(part: str, key: str, value: Any, expected: Any) -> Any:
    """A value held against the type of its field."""
    import msgspec  # only a policy or a recipe needs it

    options = (expected, *get_args(expected))
    choices = [choice for option in options if get_origin(option) is Literal for choice in get_args(option)]
    if choices and value not in choices:
        if isinstance(value, str) and (near := registry.nearest(value, choices)):
            raise PolicyError(f"{part}: {key} is {shown(value)!r}; did you mean {near}?")
        raise PolicyError(f"{part}: {key} is {shown(value)!r}; choose from {', '.join(choices)}")
    try:
        return msgspec.convert(value, expected)
    except msgspec.ValidationError:
        raise PolicyError(f"{part}: {key} must be {_expected(expected)}, not {shown(value)!r}") from None


def _expected(expected: Any) -> str:
    options = get_args(expected) or (expected,)
    if float in options:
        return "a number"
    names = {int: "a whole number", str: "a word", bool: "True or False"}
    return next((names[option] for option in options if option in names), "something else")


def did_you_mean(name: object, known: Any) -> str:
    """`; did you mean 'median'?`, or the known names where none is near and they are few."""
    names = sorted(map(str, known))
    near = registry.nearest(str(name)[:100], names)
    if near is not None:
        return f"; did you mean {escaped(near)!r}?"
    return f"; choose from {', '.join(map(escaped, names))}" if 0 < len(names) <= 24 else ""


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as JSON")
    return value


def member(family: str, name: str) -> type[Part]:
    """The class of a member of a family. PolicyError with the nearest name if there is none."""
    kind = family.removesuffix("s")
    try:
        module = registry.module(family, name)
    except KeyError:
        raise PolicyError(f"there is no {kind} {shown(name)!r}{did_you_mean(name, registry.names(family))}") from None
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Part) and found.__dict__.get("name") == name:
            return found
    raise LookupError(f"nanclean.{family}.{name} holds no part of that name")


def from_text(text: str, family: str) -> Part:
    """`from_text("clip(0, high=100)", "fixers")`."""
    written = call(text)
    return member(family, written.name).from_call(written)


def from_json(data: Mapping[str, Any], family: str) -> Part:
    """The part that `to_json` wrote."""
    return member(family, str(data.get("name"))).from_json(data)


def positive(part: Part, *names: str) -> None:
    """PolicyError unless these settings of a part are finite and greater than 0."""
    for name in names:
        value = getattr(part, name)
        if not 0 < value < math.inf:
            raise PolicyError(f"{part.name}: {name} must be greater than 0, not {shown(value)}")

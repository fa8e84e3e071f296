"""`nanclean init`: a commented policy drawn from a file."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import click

from nanclean.cli.options import OPTIONS, Asked

NAMES = (
    *("label", "id", "missing", "missing_list", "columns", "trainer"),
    *("encoding", "delimiter", "no_header", "decimal", "axis", "memory", "jobs", "quiet"),
)
"""Of the options that all commands share, those that say how to read a file and what its columns are."""


def _shared() -> list[click.Parameter]:
    def every() -> None: ...

    for option in OPTIONS:
        option(every)
    parameters = {parameter.name: parameter for parameter in every.__click_params__}  # type: ignore[attr-defined]
    return [parameters[name] for name in NAMES]


def _init(file: str, output: str, force: bool, quiet: bool, no_header: bool, **given: Any) -> int:
    """Draw a commented policy from a file: the rules that it needs, each with its evidence.

    \b
    nanclean init train.csv --label species
    nanclean fix train.csv -p nanclean.toml -o clean.csv --dry-run

    What is wrong without doubt becomes a rule. What only you can decide is
    written behind a #. Policies that are there already are not looked at.
    """
    from nanclean import api
    from nanclean.cli._output import standard_output
    from nanclean.cli._progress import progress
    from nanclean.draft import refuse
    from nanclean.outputs import write_text

    if output != "-":
        refuse(output, force=force, inputs=(file,))
    asked = Asked(files=(file,), header=not no_header, **{**given, "columns": given["columns"] or None})
    with progress(file, quiet) as advance:
        text = api.init(file, **asked.scanning(), progress=advance)
    if output == "-":
        standard_output().write(text)
        return 0
    write_text(output, text)
    if not quiet:
        click.echo(f"written: {output}\nNext: {_next(asked, output, text)}")
    return 0


def _next(asked: Asked, policy: str, text: str) -> str:
    """The command that tries the policy out, with the options that are not in it."""
    from nanclean.cli._reports import _repeated
    from nanclean.policy import parsed

    (file,) = asked.files
    nothing = Asked(files=())
    in_policy = {name: getattr(nothing, name) for name in ("label", "id", "missing", "missing_list", "trainer")}
    reading = list(_repeated(replace(asked, **in_policy, columns=None)))
    written = parsed(text.encode(), policy)
    repairs = written is not None and any(rule.fix is not None for rule in written.rules)
    if not repairs:
        return shlex.join(["nanclean", "check", file, "-p", policy, *reading])
    clean = f"clean{PurePath(file).suffix or '.csv'}"
    return shlex.join(["nanclean", "fix", file, "-p", policy, *reading, "-o", clean, "--dry-run"])


command = click.Command(
    "init",
    callback=_init,
    help=_init.__doc__,
    short_help="A commented policy, drawn from a file.",
    params=[
        click.Argument(["file"], metavar="FILE"),
        click.Option(
            ["-o", "--output"], default="nanclean.toml", metavar="FILE", show_default=True,
            help="Where to write it; - for standard output.",
        ),
        click.Option(["--force"], is_flag=True, help="Replace a file that is there."),
        *_shared(),
    ],
)  # fmt: skip

"""The verbs for Python: nothing here prints, and nothing knows of the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import msgspec

from nanclean import policy as policies
from nanclean import registry
from nanclean.dataset import becomes_folder, refuse_outputs, source_of
from nanclean.errors import RecipeError, UsageError
from nanclean.finding import RANK
from nanclean.format import ReadOptions, Source
from nanclean.pipeline import Progress
from nanclean.policy import Policy
from nanclean.report import Report
from nanclean.resources import usable_cores, usable_memory
from nanclean.sampled import Sampled
from nanclean.scanning import Scan

if TYPE_CHECKING:
    from nanclean.against import Contract
    from nanclean.engine import Engine
    from nanclean.explaining import ExplainedRow
    from nanclean.fixing import Fixing
    from nanclean.outputs import Wish
    from nanclean.parts import Note
    from nanclean.recipe import Recipe
    from nanclean.report import Change
    from nanclean.rounds import Known, Programs


@overload
def scan(source: list[str] | tuple[str, ...], **options: Any) -> list[Report]: ...
@overload
def scan(source: object, **options: Any) -> Report: ...


def scan(source: object, **options: Any) -> Report | list[Report]:
    """Look at a table and report what is wrong in it, and how it looks.

    Parameters
    ----------
    source
        A path (CSV, Parquet, NPY; text also as .gz, .bz2, .xz, .zst), "-" for standard input, a URL (s3://, gs://,
        hf://, https:// ..), several paths in a list (one report each), a pandas or polars frame, anything with
        the Arrow PyCapsule interface, a pyarrow table or reader, a NumPy array, or a dict of arrays, (rows,) each.
        It is never changed.
    policy : str, Path or Policy, optional
        A policy file. Without it `nanclean.toml` or `[tool.nanclean]` in the current folder is used for files, and
        only the built-in checks for what is in memory. `no_config=True` looks for none.
    rules : iterable of str
        More rules: `"price: range(0, 10000) <= 0.1%"`.
    label, id : str or iterable of str
        Columns with these roles.
    missing : iterable of str
        More spellings of "missing", also numbers: `["?", "-999"]`.
    missing_list : "auto", "pandas" or "none"
        Which spellings of "missing" are known anyway.
    columns : str or iterable of str
        Look at these only.
    trainer : str
        Severities for torch, keras, sklearn, xgboost, lightgbm or catboost, as in `--for`; `"torch:float16"`.
    fail_on : "error", "warning", "info" or "never"
        From which severity on `report.exit_code` is 1.
    encoding, delimiter, header, decimal, axis
        How to read text and arrays; found out if not given.
    memory : int
        Bytes for what is kept between two looks. A quarter of the RAM, at most 2 GB, if not given.
    jobs : int
        Threads. As many as there are cores, if not given.
    sample : float
        Look at this share of the rows only, 0.01: a seeded sample. Every figure and finding is that of the sample and
        says so; `report.source.sample` tells what it proves. Text is read to its end all the same.
    seed : int
        Of the sample; 0 if not given. The same seed takes the same rows.
    engine : "local", "dask" or "ray"
        Who does the work: threads, or the processes of a cluster, to whom all paths must lead. The result is the same.
        `memory` is then that of each worker. `nanclean[dask]` and `nanclean[ray]` install what it takes.
    engine_address : str
        Where the cluster is: tcp://HOST:8786, auto. If not given, one with `jobs` workers is started and stopped again.

    Returns
    -------
    Report
        `report.columns["price"].pos_inf`, `report.findings`, `report.to_json()`. Quantities are in the unit of their
        column; `std` is that of the population.

    Raises
    ------
    UsageError, PolicyError
        The arguments or the policy are wrong; no data has been read.
    InputError
        The source cannot be read completely.

    Examples
    --------
    >>> import numpy, nanclean
    >>> report = nanclean.scan({"x": numpy.array([1.0, 2.0, numpy.inf])})
    >>> report.columns["x"].pos_inf, report.columns["x"].max
    (1, 2.0)
    >>> [finding.rule for finding in report.findings if finding.severity == "error"]
    ['infinite']
    """
    try:
        if not options.get("as_one") and isinstance(source, list | tuple) and _are_paths(source):
            return [_scan(path, **options) for path in source]
        return _scan(source, **options)
    except TypeError as error:
        raise _of_options(error) from None


def check(source: object, **options: Any) -> Report | list[Report]:
    """`scan` as a gate: `exit_code` is 1 if there is an error, or whatever `fail_on` says.

    Parameters and errors are those of `scan`, but for `figures`: without it only what the checks need is measured, so
    that quartiles, deviation and histogram of most columns are None in the report. The findings are the same.

    `against`: a Recipe, a Report, or the path of one. Its columns are a contract: a missing column, another type, more
    missing or infinite cells, values beyond the range and unknown categories are errors, with their places, where they
    are more than chance gives; a shift of the distribution and a new column are warnings. Rules such as
    `"price: missing_rate <= 5%"` set other limits. All figures are measured then.

    Examples
    --------
    >>> import numpy, nanclean
    >>> nanclean.check({"x": numpy.array([1.0, numpy.inf])}).exit_code
    1
    """
    lean = {"figures": options.get("against") is not None}
    reports = scan(source, **{"fail_on": "error", **lean, **options})
    command = "check"
    if isinstance(reports, list):
        return [_renamed(report, command) for report in reports]
    return _renamed(reports, command)


def init(source: object, **options: Any) -> str:
    """A commented policy drawn from a table: TOML that passes `check` of the same table.

    Parameters and errors are those of `scan`; policies and rules that are there already are not looked at.

    Examples
    --------
    >>> import numpy, nanclean.api
    >>> policy = nanclean.api.init({"x": numpy.array([1.0, 2.0, numpy.inf])})
    >>> [line.strip() for line in policy.splitlines() if "blank" in line]
    ['"x: infinite <= 40% -> blank",']
    """
    from nanclean.policy_text import drawn

    return drawn(partial(_scan, source), **options)


def compare(old: object, new: object, **options: Any) -> Report:
    """How a table differs from an older one: types, missing cells, ranges, distributions, categories, columns.

    Parameters
    ----------
    old
        What `scan` takes, a Report or the path of one (`nanclean scan --json`), a Recipe or the path of one.
    new
        What `scan` takes; a Report or the path of one, if `old` is a report, too.
    rules : iterable of str
        Limits of drift, `"@numeric: psi <= 0.2"`; they replace those that hold without a rule. Rules about one table
        are left alone.
    fail_on, policy, no_config, label, id, missing, missing_list, columns, encoding, delimiter, header, decimal, axis
        As for `scan`.
    memory, jobs
        As for `scan`.

    Returns
    -------
    Report
        That of `new`, with `report.comparison`: each column before and now, and its measures. Of two tables
        everything is exact; of a recipe and of reports only bins are known, and what is a lower bound is named in
        `at_least`.

    Raises
    ------
    UsageError, PolicyError, RecipeError
        The arguments, the policy or the recipe are wrong; no data has been read.
    InputError
        One of the two cannot be read completely.

    Examples
    --------
    >>> import numpy, nanclean
    >>> old, new = {"x": numpy.arange(1000.0)}, {"x": numpy.arange(1000.0) + 500}
    >>> report = nanclean.compare(old, new)
    >>> report.comparison.columns[0].measures["ks"], report.comparison.columns[0].measures["beyond_range"]
    (0.5, 0.5)
    >>> [finding.rule for finding in report.findings]
    ['beyond_range', 'mean_shift', 'psi']
    """
    try:
        return _compare(old, new, **options)
    except TypeError as error:
        raise _of_options(error) from None


def _compare(
    old: object,
    new: object,
    *,
    policy: str | Path | Policy | None = None,
    fail_on: str = "never",
    memory: int | None = None,
    jobs: int | None = None,
    no_config: bool = False,
    values: bool = True,
    progress: Progress | None = None,
    as_one: bool = False,
    **options: Any,
) -> Report:
    from nanclean.comparing import Comparing
    from nanclean.recipe import Recipe

    started = time.monotonic()
    _known_severity(fail_on)
    jobs, memory = _resources(jobs, memory)
    read = _reading(options)
    wanted = _wanted(new, policy, no_config, **options)
    with ExitStack() as stack:

        def taken(source: object) -> Any:
            kept = _kept(source)
            if kept is not None:
                return kept
            table = source_of(source, read, memory // 4, as_one=as_one)
            stack.callback(table.close)
            return table

        first, second = taken(old), taken(new)
        if isinstance(second, Recipe):
            raise UsageError(
                "the second one is a recipe, which holds no data", hint="nanclean compare R.json FILE, in this order"
            )
        work = Comparing(wanted, read.decimal, jobs, memory, values, progress, fail_on, started)
        report = work.report(first, second)
    return report if values else report.without_values(messages=True)


def _kept(source: object) -> Report | Recipe | None:
    """The report or the recipe in a file of JSON, or that one itself; None: it is data."""
    from nanclean.recipe import LARGEST, Recipe

    if isinstance(source, Report | Recipe):
        return source
    if not isinstance(source, str | os.PathLike) or not os.fsdecode(os.fspath(source)).lower().endswith(".json"):
        return None
    path = os.fsdecode(os.fspath(source))
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return None  # whoever opens data says what is wrong
    if b'"nanclean.recipe/' in data[:10_000]:
        return Recipe.from_json(data, path)
    if b'"nanclean.report/' not in data[:10_000]:
        raise UsageError(
            f"{path}: is neither a report nor a recipe",
            hint="nanclean scan FILE --json R.json writes a report, nanclean fit FILE -o R.json a recipe",
        )
    if data.lstrip().startswith(b"["):
        raise UsageError(f"{path}: holds several reports", hint="write one: nanclean scan FILE --json R.json")
    try:
        return Report.from_json(data)
    except ValueError as error:
        raise UsageError(f"{path}: is a damaged report: {error}", hint="write it again") from None


def _renamed(report: Report, command: str) -> Report:
    return msgspec.structs.replace(report, command=command)


def fix(source: object, output: str | os.PathLike[str] | None = None, **options: Any) -> Report:
    """Repair a table as written rules say, prove the result, and write it.

    Parameters
    ----------
    source
        As for `scan`.
    output : path, optional
        Where the cleaned table goes: .csv (also .csv.gz, .bz2, .xz, .zst), .parquet or .npy, here or at a URL; "-" is
        standard output. It appears if and only if `report.exit_code` is 0. None: nothing is written, and the report
        tells what the rules would do.
    output_format : str, optional
        The format of the output, where its name does not tell.
    policy, rules, label, id, missing, missing_list, trainer, no_config
        As for `scan`. Rules run top to bottom, each on the data as those above left it.
    preset : "safe", optional
        Rules that invent no value: infinities and declared stand-ins become missing, rows without a label are set
        aside.
    recipe : path, optional
        Where the fitted recipe goes.
    rejected : path or False, optional
        Where the rows go that rules drop; beside the output, if not given. False: nowhere.
    dry_run : bool
        Write nothing.
    force : bool
        Replace files that are there.
    fail_on : "error", "warning", "info" or "never", optional
        From which severity on nothing is written; also of what the built-in checks still find in the output. If not
        given, only errors of the policy's own rules count.
    encoding, delimiter, header, decimal, axis, memory, jobs
        As for `scan`.

    Returns
    -------
    Report
        `report.changes` says what each rule did to each column, `report.output` what was written.

    Raises
    ------
    UsageError, PolicyError
        The arguments or the policy are wrong, or the output is there already; no data has been read.
    InputError, OutputError
        The source cannot be read completely, or the output cannot be written.
    RuleError, BudgetError, VerificationError
        A rule cannot do what it says, cleaning costs more than it may, or the file is not what was promised.

    Examples
    --------
    >>> import numpy, nanclean
    >>> table = {"x": numpy.array([1.0, numpy.nan, 3.0])}
    >>> report = nanclean.fix(table, rules=["x: missing -> impute(mean)"])
    >>> report.changes[0].cells, report.changes[0].after["mean"]
    (1, 2.0)
    """
    return _fix(source, None if output is None else os.fspath(output), **options)


def _fix(
    source: object,
    output: str | None,
    *,
    recipe: str | os.PathLike[str] | None = None,
    rejected: str | os.PathLike[str] | bool | None = None,
    dry_run: bool = False,
    force: bool = False,
    fail_on: str | None = None,
    preset: str | None = None,
    output_format: str | None = None,
    **options: Any,
) -> Report:
    recipe = None if recipe is None else os.fspath(recipe)
    as_one = bool(options.get("as_one"))
    wish = _wish(source, output, recipe, rejected, dry_run, force, fail_on, output_format, as_one, _is_apart(options))
    with _fixing(source, "fix", preset, **options) as work:
        report = work.report(wish)
        return report if work.values else report.without_values(messages=True)


def fit(source: object, output: str | os.PathLike[str] | None = None, *, force: bool = False, **options: Any) -> Recipe:
    """Learn the numbers of a policy on the training data, and write nothing but the recipe.

    Parameters
    ----------
    source
        As for `scan`: the training split only.
    output : path, optional
        Where the recipe goes, as JSON.
    force : bool
        Replace a file that is there.
    **options
        policy, rules, preset, label, id and the rest, as for `fix`.

    Returns
    -------
    Recipe
        `recipe.apply(table)` does the same to any other table.

    Examples
    --------
    >>> import numpy, nanclean
    >>> recipe = nanclean.fit({"x": numpy.array([1.0, numpy.nan, 3.0])}, rules=["x: missing -> impute(mean)"])
    >>> recipe.steps[0].fix.value
    2.0
    """
    from nanclean.outputs import refuse_output, write_text

    if output is not None:
        refuse_output(os.fspath(output), force=force, inputs=_paths(source))
    with _fixing(source, "fit", **options) as work:
        recipe = work.fitted()
    if output is not None:
        write_text(os.fspath(output), recipe.to_json())
    return recipe


def apply(
    recipe: Recipe | str | os.PathLike[str],
    source: object,
    output: str | os.PathLike[str] | None = None,
    *,
    rejected: str | os.PathLike[str] | bool | None = None,
    dry_run: bool = False,
    force: bool = False,
    fail_on: str | None = None,
    expect_disjoint: bool = False,
    output_format: str | None = None,
    **options: Any,
) -> Report:
    """Do to a table what a recipe says, with the numbers of the training data. It never learns anything.

    Parameters
    ----------
    recipe : Recipe or path
        From `fit`, or written by `fix`.
    source, output, output_format, rejected, dry_run, force, fail_on
        As for `fix`.
    expect_disjoint : bool
        Warn if many rows are rows of the training data.
    encoding, delimiter, header, decimal, axis, memory, jobs
        As for `scan`.

    Returns
    -------
    Report
        Its findings also tell how the data differ from what the recipe was fitted on.

    Raises
    ------
    RecipeError
        The recipe is wrong, or a column that it works on is not there. For the rest see `fix`.

    Examples
    --------
    >>> import numpy, nanclean
    >>> recipe = nanclean.fit({"x": numpy.array([1.0, numpy.nan, 3.0])}, rules=["x: missing -> impute(mean)"])
    >>> nanclean.apply(recipe, {"x": numpy.array([numpy.nan])}).changes[0].after["max"]
    2.0
    """
    from nanclean.recipe import Recipe

    if not isinstance(recipe, Recipe):
        recipe = Recipe.read(os.fspath(recipe))
    path = None if output is None else os.fspath(output)
    as_one = bool(options.get("as_one"))
    wish = _wish(source, path, None, rejected, dry_run, force, fail_on, output_format, as_one, _is_apart(options))
    wish = replace(wish, disjoint=expect_disjoint)
    with _fixing(source, "apply", fitted=recipe, **options) as work:
        report = work.report(wish)
        return report if work.values else report.without_values(messages=True)


def explain(source: object, *, row: int, **options: Any) -> ExplainedRow:
    """One row of a table: what is wrong with each cell, and what the rules of a policy make of it.

    row: its number, from 1, as in the findings of a report. The rest as for `fix`; without rules nothing changes.

    Examples
    --------
    >>> import numpy, nanclean.api
    >>> row = nanclean.api.explain({"x": numpy.array([1.0, numpy.inf])}, row=2, rules=["x: infinite -> blank"])
    >>> row.cells[0].text, row.cells[0].wrong, row.cells[0].after
    ('inf', ['infinite [info]'], '')
    """
    from nanclean.explaining import explain_row

    with _fixing(source, "explain", needed=False, **options) as work:
        return explain_row(work, row)


def would_change(source: object, **options: Any) -> list[Change]:
    """What `fix` would change, a line for each rule and column; nothing without a rule. Parameters as for `fix`."""
    from nanclean.outputs import Wish

    with _fixing(source, "explain", needed=False, **options) as work:
        return list(work.report(Wish()).changes) if work.policy.rules else []


def _wish(
    source: object,
    output: str | None,
    recipe: str | None,
    rejected: Any,
    dry_run: bool,
    force: bool,
    fail_on: str | None,
    output_format: str | None = None,
    as_one: bool = False,
    apart: bool = False,
) -> Wish:
    """What is to be written. Errors about the names of files are told before anything is read."""
    from nanclean.outputs import STANDARD_OUTPUT, Wish, format_of, formats, refuse_output, rejected_path

    if fail_on is not None:
        _known_severity(fail_on)
    wish = Wish(
        output=output,
        rejected=None if rejected is None or isinstance(rejected, bool) else os.fspath(rejected),
        keep_rejected=rejected is not False,
        recipe=recipe,
        fail_on=fail_on,
        format=output_format,
        many=output not in (None, STANDARD_OUTPUT) and output_format is None and becomes_folder(source, output, as_one),
    )
    if apart and output is not None:
        if output == STANDARD_OUTPUT or output_format is not None:
            raise UsageError("an engine writes a folder of parts, in the format of the input", hint="-o FOLDER")
        wish = replace(wish, many=True)
    if output_format is not None and output_format not in formats():
        raise UsageError(f"output_format: {output_format!r}", hint=f"there are: {' '.join(formats())}")
    if STANDARD_OUTPUT in (recipe, wish.rejected):
        raise UsageError("standard output takes the cleaned table only", hint="name a file for the rest")
    named = [path for path in (output, recipe, rejected_path(wish)) if path is not None]
    if len({os.path.abspath(path) for path in named}) < len(named):
        raise UsageError("two outputs have the same name", hint="give each file its own")
    for path in (output, rejected_path(wish)) if not wish.many else ():
        if path is not None and path != STANDARD_OUTPUT and (path != output or output_format is None):
            format_of(path)
    if wish.many:
        refuse_outputs([path for path in named if path != recipe], force or dry_run, _paths(source))
        named = [path for path in named if path == recipe]
    for path in named:
        refuse_output(path, force=force or dry_run, inputs=_paths(source))
    return replace(wish, output=None, recipe=None) if dry_run else wish


def _is_apart(options: Mapping[str, Any]) -> bool:
    """Whether other processes are to do the work."""
    return options.get("engine") not in (None, "local")


def _paths(source: object) -> tuple[str, ...]:
    if _are_paths(source):
        return tuple(os.fsdecode(os.fspath(path)) for path in cast(Any, source))
    return (os.fsdecode(os.fspath(source)),) if isinstance(source, str | os.PathLike) else ()


def _are_paths(source: object) -> bool:
    """Whether it is a list of paths."""
    paths = isinstance(source, list | tuple) and all(isinstance(path, str | os.PathLike) for path in source)
    return paths and bool(source)


def _known_severity(fail_on: str) -> None:
    if fail_on not in RANK:
        raise UsageError(f"fail_on: {fail_on!r}", hint="error, warning, info or never")


@contextmanager
def _fixing(
    source: object,
    command: str,
    preset: str | None = None,
    *,
    fitted: Recipe | None = None,
    needed: bool = True,
    policy: str | Path | Policy | None = None,
    no_config: bool = False,
    values: bool = True,
    progress: Progress | None = None,
    memory: int | None = None,
    jobs: int | None = None,
    as_one: bool = False,
    engine: str | Engine | None = None,
    engine_address: str | None = None,
    profile: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Iterator[Fixing]:
    """The work on a source, which is closed at the end."""
    from nanclean.fixing import Fixing

    started = time.monotonic()
    jobs, memory = _resources(jobs, memory)
    read = _reading(options)
    if fitted is None:
        wanted = _wanted(source, policy, no_config, preset, **options)
        if needed and not wanted.rules and not wanted.mistakes:
            raise UsageError(
                "no rule, nothing to fix",
                hint="--rule '@all: infinite -> blank', or -p nanclean.toml, which nanclean init writes",
            )
    else:
        wanted = fitted.policy
    with ExitStack() as stack:
        table = source_of(source, read, memory // 4, as_one=as_one)
        stack.callback(table.close)
        given = stack.enter_context(_engine(engine, engine_address, source, jobs, memory))
        if profile is not None:
            if command != "fit" or given is not None:
                raise UsageError("profile: for scan and fit, without an engine", hint="nanclean.fit(..., profile=...)")
            given = stack.enter_context(_replaying(profile, table))
            jobs, memory = given.jobs, given.memory
        yield Fixing(table, wanted, read, jobs, memory, values, progress, fitted, command, started, given)


@contextmanager
def _engine(
    engine: str | Engine | None, address: object, source: object, jobs: int, memory: int
) -> Iterator[Engine | None]:
    """Who does the work, closed at the end if it was made here. None: threads of this process."""
    if engine is None and address is not None:
        raise UsageError("--engine-address: of which engine?", hint="--engine dask, or --engine ray")
    if engine in (None, "local"):
        if address is not None:
            registry.module("engines", "local").opened(address, jobs, memory)  # says what is wrong
        yield None
        return
    if "-" in _paths(source) or not _paths(source):
        raise UsageError("an engine reads files, in its own processes", hint="save the table where all of them see it")
    if not isinstance(engine, str):
        yield engine
        return
    if engine not in registry.names("engines"):
        near = registry.nearest(engine, registry.names("engines"))
        raise UsageError(f"engine: {engine!r}", hint=f"did you mean {near!r}?" if near else "dask, ray or local")
    made: Engine = registry.module("engines", engine).opened(address, jobs, memory)
    try:
        yield made
    finally:
        made.close()


def _replaying(profile: str | os.PathLike[str], table: Source) -> AbstractContextManager[Engine]:
    from nanclean.rounds import replaying  # few need it

    return replaying(os.fspath(profile), table)


def profile(
    source: object,
    part: str,
    output: str | os.PathLike[str],
    *,
    after: str | os.PathLike[str] | None = None,
    force: bool = False,
    preset: str | None = None,
    policy: str | os.PathLike[str] | None = None,
    no_config: bool = False,
    memory: int | None = None,
    jobs: int | None = None,
    as_one: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Known:
    """Look at one part of a table, and write what was found: one of several processes that know nothing of each other.

    `merge` puts the parts together; then `scan(..., profile=...)` and `fit(..., profile=...)` answer without reading,
    or another round is needed, with `after`.

    Parameters
    ----------
    source
        Paths, as for `scan`; every process must see the same files.
    part : str
        "3/64": the third of 64 parts, of about the same size.
    output : path
        What is found, for `merge`.
    after : path
        What `merge` has written after the round before.
    preset : str
        As for `fit`; a fit is prepared if the policy has rules with a fix.
    policy, rules, label, id and the rest
        As for `scan`, the same in every process.

    Raises
    ------
    UsageError
        Nothing is missing, or the policy asks for something that cannot be done in parts.
    InputError
        A file cannot be read, or `after` is of another table.
    """
    from nanclean.outputs import refuse_output
    from nanclean.rounds import Known, known, numbered, profiled, save

    number, path = numbered(part), os.fspath(output)
    paths = _paths(source)
    if not paths or "-" in paths:
        raise UsageError("a part is of files, which every process can read", hint="name the files")
    if policy is not None and not isinstance(policy, str | os.PathLike):
        raise UsageError("policy: name a file, which every process can read")
    jobs, memory = _resources(jobs, memory)
    asked = {"paths": list(paths), "as_one": as_one, "preset": preset, "no_config": no_config} | {
        "policy": None if policy is None else os.fspath(policy), "options": _plain(options)
    }  # fmt: skip
    earlier = None if after is None else known(os.fspath(after))
    refuse_output(path, force=force, inputs=(*paths, *(() if earlier is None else (earlier.name,))))
    with _programs(asked, memory) as programs:
        if earlier is None:
            earlier = Known.nothing(programs.source, asked)
        engine = registry.module("engines", "local").Local(jobs, memory)
        size = programs.source.size or 0
        found = profiled(programs, number, earlier, engine, _told(progress, size))
    if not found.looks and not found.cuts and not found.waits:
        raise UsageError(f"{earlier.name}: is complete: there is nothing left to be looked at", hint=earlier.next())
    save(path, found)
    return found


def merge(
    parts: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    after: str | os.PathLike[str] | None = None,
    force: bool = False,
    memory: int | None = None,
) -> Known:
    """Put together what all parts of a round have found.

    Parameters
    ----------
    parts : iterable of path
        All that `profile` has written in this round, in any order.
    output : path
        What is known now. `complete` of the answer tells whether it is enough for `scan` and `fit`; otherwise the next
        round begins: `profile(..., after=output)`.
    after : path
        What was known before; where it was when the parts were made, if not given.

    Raises
    ------
    UsageError
        A part is missing, or there twice.
    InputError
        A part is damaged, or of another table, look or version.
    """
    from nanclean.outputs import refuse_output
    from nanclean.rounds import Known, complete, known, merged, read, save

    named = [os.fspath(each) for each in parts]
    if not named:
        raise UsageError("no part", hint="nanclean merge PART... -o FIRST")
    ordered = complete([read(path) for path in named])
    before = after if after is not None else ordered[0].after
    earlier = None if before is None else known(os.fspath(before))
    refuse_output(os.fspath(output), force=force, inputs=(*named, *(() if before is None else (os.fspath(before),))))
    with _programs(dict(ordered[0].asked), memory or _resources(None, None)[1]) as programs:
        found = merged(programs, earlier or Known.nothing(programs.source, ordered[0].asked), ordered)
        found.name = os.fspath(output)
        found.complete = not found.adopted(programs.source) and not programs.pending(found)
    save(os.fspath(output), found)
    return found


def apply_part(
    recipe: Recipe | str | os.PathLike[str],
    source: object,
    part: str,
    output: str | os.PathLike[str],
    *,
    profile: str | os.PathLike[str] | None = None,
    rejected: str | os.PathLike[str] | bool | None = None,
    force: bool = False,
    memory: int | None = None,
    as_one: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Note, bool]:
    """Do to one part of a table what a recipe says, for one of several processes that know nothing of each other.

    Parameters
    ----------
    recipe, source
        As for `apply`; the source is files that every process sees.
    part : str
        "3/64": the third of 64 parts. The files that are written do not depend on how many there are.
    output : path
        A folder, for the files of all parts; each is proven, and appears whole or not at all.
    profile : path
        What `merge` has written about the same table: then the records of text need not be found again.
    rejected : path or False
        A folder for rows that are dropped; OUTPUT.rejected, if not given.
    force : bool
        Write into a folder that is there and no folder of parts, or one of another recipe.

    Returns
    -------
    Note, bool
        What was written, and whether it was there already.
    """
    from nanclean.parts import applied, planned, refuse
    from nanclean.recipe import Recipe
    from nanclean.rounds import identity, known, numbered
    from nanclean.state import digest

    number = numbered(part)
    if not isinstance(recipe, Recipe):
        recipe = Recipe.read(os.fspath(recipe))
    folder = os.path.normpath(os.fspath(output))
    aside = None if rejected is False else f"{folder}.rejected"
    if rejected is not None and not isinstance(rejected, bool):
        aside = os.path.normpath(os.fspath(rejected))
    refuse(folder, _paths(source))
    if aside is not None:
        refuse(aside, _paths(source))
    with _fixing(source, "apply", fitted=recipe, memory=memory, jobs=1, as_one=as_one, **options) as work:
        if profile is not None:
            known(os.fspath(profile)).adopted(work.source)
        for uncut in work.source.uncut():
            work.source.adopt(uncut, work.source.cuts(uncut))
        parts, size = planned(work, folder, aside), work.source.size or 0
        return applied(
            parts, number, digest(recipe.to_json()), identity(work.source), force=force,
            seen=_told(progress, size),
        )  # fmt: skip


def _told(progress: Progress | None, size: int) -> Callable[[float], None]:
    """Tells how much of so many bytes has been read."""

    def seen(share: float) -> None:
        if progress is not None:
            progress(int(share * size), size)

    return seen


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options that can be written down."""
    return {
        name: list(value) if not isinstance(value, str | int | float | bool | None) else value
        for name, value in options.items()
    }


@contextmanager
def _programs(asked: dict[str, Any], memory: int) -> Iterator[Programs]:
    """What `profile` was asked to find out, with its source open."""
    from nanclean.rounds import Programs

    paths, options = list(asked["paths"]), dict(asked["options"])
    source = paths if asked["as_one"] else paths[0]
    if len(paths) > 1 and not asked["as_one"]:
        raise UsageError("several paths are several tables", hint="--as-one reads them as one")
    read = _reading(options)
    wanted = _wanted(source, asked["policy"], asked["no_config"], **options)
    _refuse_drift(wanted)
    fitted = wanted
    if asked["preset"] is not None:
        fitted = _wanted(source, asked["policy"], asked["no_config"], asked["preset"], **options)
    table = source_of(source, read, memory // 4, as_one=asked["as_one"])
    try:
        yield Programs(table, wanted, fitted if any(rule.fix is not None for rule in fitted.rules) else None, read)
    finally:
        table.close()


READING = ("encoding", "delimiter", "header", "decimal", "axis")
"""Options that say how text and arrays are read."""


def _reading(options: dict[str, Any]) -> ReadOptions:
    """How to read, taken out of the options."""
    return ReadOptions(**{name: options.pop(name) for name in READING if name in options})


def _resources(jobs: int | None, memory: int | None) -> tuple[int, int]:
    for name, number in (("memory", memory), ("jobs", jobs)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise UsageError(
                f"{name}: {number!r}", hint=f"a whole number: {'bytes' if name == 'memory' else 'threads'}"
            )
    return jobs or usable_cores(), memory or usable_memory()


def _wanted(
    source: object,
    policy: str | Path | Policy | None,
    no_config: bool,
    preset: str | None = None,
    *,
    rules: Iterable[str] = (),
    label: str | Iterable[str] | None = None,
    id: str | Iterable[str] | None = None,
    missing: str | Iterable[str] = (),
    missing_list: str | None = None,
    columns: str | Iterable[str] | None = None,
    trainer: str | None = None,
) -> Policy:
    """The policy, with the options over it. What is wrong in it is told when the columns are known."""
    options = policies.from_options(
        rules=rules,
        label=label,
        id=id,
        missing=_texts(missing),
        missing_list=missing_list,
        columns=columns,
        trainer=trainer,
    )
    look_around = (isinstance(source, str | os.PathLike) or _are_paths(source)) and not no_config
    wanted = _policy(policy, look_around).merged(options)
    return wanted if preset is None else policies.preset(preset, wanted).merged(wanted)


def _of_options(error: TypeError) -> TypeError:
    """A TypeError about an option without the name of a function that nobody has called."""
    import inspect

    inside, _, said = str(error).partition("() got an unexpected keyword argument '")
    if not said or not inside.startswith("_"):
        return error
    option = said.partition("'")[0]  # later Pythons guess what was meant, too
    known = {*inspect.signature(_scan).parameters, *inspect.signature(_wanted).parameters, *READING}
    known -= {"source", "options"}
    meant = registry.nearest(option, sorted(known))
    return TypeError(f"there is no option {option!r}" + (f"; did you mean {meant!r}?" if meant else ""))


def _scan(
    source: object,
    *,
    policy: str | Path | Policy | None = None,
    fail_on: str = "never",
    memory: int | None = None,
    jobs: int | None = None,
    no_config: bool = False,
    values: bool = True,
    figures: bool = True,
    progress: Progress | None = None,
    as_one: bool = False,
    sample: float | None = None,
    seed: int = 0,
    against: Recipe | Report | str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    engine_address: str | None = None,
    profile: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Report:
    started = time.monotonic()
    _known_severity(fail_on)
    jobs, memory = _resources(jobs, memory)
    read = _reading(options)
    wanted = _wanted(source, policy, no_config, **options)
    contract = None
    if against is None:
        _refuse_drift(wanted)
    else:
        contract = _contract(against, wanted)
    _known_sample(sample, seed)
    with ExitStack() as stack:
        table = source_of(source, read, memory // 4, as_one=as_one)
        stack.callback(table.close)
        given = stack.enter_context(_engine(engine, engine_address, source, jobs, memory))
        if profile is not None:
            if sample is not None or given is not None or contract is not None:
                raise UsageError("profile: without sample, against and engine", hint="it was measured already")
            given = stack.enter_context(_replaying(profile, table))
            jobs, memory = given.jobs, given.memory
        if sample is not None:
            table = Sampled(table, sample, seed)
        if contract is not None:
            wanted = contract.policy_for([field.name for field in table.fields], lexical=table.lexical)
        shown = figures or contract is not None
        work = Scan(table, wanted, read.decimal, jobs, memory, values, progress, shown, engine=given)
        if contract is not None:
            work.more = partial(contract.broken, work)
        report = work.report(fail_on, started)
        return report if values else report.without_values(messages=True)


def _known_sample(sample: float | None, seed: int) -> None:
    if sample is not None and (not isinstance(sample, int | float) or not 0 < sample <= 1):
        raise UsageError(f"sample: {sample!r}", hint="a share of the rows: 0.01")
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise UsageError(f"seed: {seed!r}", hint="a whole number, 0 or more")


def _refuse_drift(wanted: Policy) -> None:
    """UsageError for a rule that was asked for here and needs another dataset. One of a policy file is for others."""
    for rule in wanted.drift:
        if rule.where is None:
            raise UsageError(
                f"--rule {str(rule)!r}: compares two datasets, and there is one",
                hint="nanclean check FILE --against R.json, or nanclean compare OLD NEW",
            )


def _contract(against: Recipe | Report | str | os.PathLike[str], wanted: Policy) -> Contract:
    """The contract of `check --against`."""
    from nanclean.against import Contract
    from nanclean.recipe import Recipe

    known = _kept(against)
    if known is None:  # whatever it is called
        if not isinstance(against, str | os.PathLike):
            raise UsageError(
                f"against: a {type(against).__name__} is neither a recipe nor a report, nor the path of one",
                hint="nanclean.fit(OLD), or nanclean.scan(OLD)",
            )
        try:
            known = Recipe.read(os.fspath(against))
        except RecipeError as error:
            if not error.message.endswith("is no recipe"):
                raise
            hint = "nanclean scan OLD --json old.json writes a report to hold data against"
            raise RecipeError(f"{error.message}, and no report", hint=hint) from None
    if isinstance(known, Report) and known.source.rows is None:
        raise UsageError(f"the report of {known.source.path} says that it could not be read")
    return Contract(known, wanted)


def _texts(missing: object) -> list[str]:
    """Spellings of "missing"; numbers may be given as numbers."""
    given = [missing] if isinstance(missing, str | int | float) else list(cast(Iterable[object], missing))
    return [each if isinstance(each, str) else repr(each) for each in given]


def _policy(policy: str | Path | Policy | None, look_around: bool) -> Policy:
    if isinstance(policy, Policy):
        return policy
    if policy is not None:
        return policies.read(policy) or Policy()
    return (policies.found() if look_around else None) or Policy()

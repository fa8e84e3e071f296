"""The verbs for Python: nothing here prints, and nothing knows of the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, overload

import msgspec

from nanclean import policy as policies
from nanclean.engine import usable_cores, usable_memory
from nanclean.errors import UsageError
from nanclean.format import ReadOptions
from nanclean.opening import opened
from nanclean.pipeline import Progress
from nanclean.policy import Policy
from nanclean.report import Report
from nanclean.scanning import RANK, Scan


@overload
def scan(source: list[str] | tuple[str, ...], **options: Any) -> list[Report]: ...
@overload
def scan(source: object, **options: Any) -> Report: ...


def scan(source: object, **options: Any) -> Report | list[Report]:
    """Look at a table and report what is wrong in it, and how it looks.

    Parameters
    ----------
    source
        A path (CSV, Parquet, NPY), several paths in a list (one report each), a pandas or polars frame, anything with
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
    if isinstance(source, list | tuple) and source and all(isinstance(path, str | os.PathLike) for path in source):
        return [_scan(path, **options) for path in source]
    return _scan(source, **options)


def check(source: object, **options: Any) -> Report | list[Report]:
    """`scan` as a gate: `exit_code` is 1 if there is an error, or whatever `fail_on` says.

    Parameters and errors are those of `scan`.

    Examples
    --------
    >>> import numpy, nanclean
    >>> nanclean.check({"x": numpy.array([1.0, numpy.inf])}).exit_code
    1
    """
    reports = scan(source, **{"fail_on": "error", **options})
    command = "check"
    if isinstance(reports, list):
        return [_renamed(report, command) for report in reports]
    return _renamed(reports, command)


def _renamed(report: Report, command: str) -> Report:
    return msgspec.structs.replace(report, command=command)


def _scan(
    source: object,
    *,
    policy: str | Path | Policy | None = None,
    rules: Iterable[str] = (),
    label: str | Iterable[str] | None = None,
    id: str | Iterable[str] | None = None,
    missing: str | Iterable[str] = (),
    missing_list: str | None = None,
    columns: str | Iterable[str] | None = None,
    trainer: str | None = None,
    fail_on: str = "never",
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    decimal: str = ".",
    axis: int | None = None,
    memory: int | None = None,
    jobs: int | None = None,
    no_config: bool = False,
    values: bool = True,
    progress: Progress | None = None,
) -> Report:
    started = time.monotonic()
    if fail_on not in RANK:
        raise UsageError(f"fail_on: {fail_on!r}", hint="error, warning, info or never")
    for name, number in (("memory", memory), ("jobs", jobs)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise UsageError(
                f"{name}: {number!r}", hint=f"a whole number: {'bytes' if name == 'memory' else 'threads'}"
            )
    options = policies.from_options(
        rules=rules,
        label=label,
        id=id,
        missing=_texts(missing),
        missing_list=missing_list,
        columns=columns,
        trainer=trainer,
    )
    look_around = isinstance(source, str | os.PathLike) and not no_config
    wanted = _policy(policy, look_around).merged(options)  # what is wrong in it is told when the columns are known
    read = ReadOptions(encoding=encoding, delimiter=delimiter, header=header, decimal=decimal, axis=axis)
    jobs, memory = jobs or usable_cores(), memory or usable_memory()
    table = opened(source, read)
    try:
        report = Scan(table, wanted, decimal, jobs, memory, values, progress).report(fail_on, started)
        return report if values else report.without_values(messages=True)
    finally:
        table.close()


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

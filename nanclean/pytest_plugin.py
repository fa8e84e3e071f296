"""The plugin for pytest: `@pytest.mark.nanclean("data/train.csv")`, and the fixture `nanclean_check`.

pytest imports this in every run, so nothing of nanclean is imported here before a test asks for a check.
"""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from nanclean.errors import NancleanError
    from nanclean.report import Report

MARKER = (
    'nanclean(*files, fail_on="error", **options): check data files before the test runs, and fail it with what is '
    "found. Files, folders and patterns are relative to the rootdir, options are those of nanclean.check."
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, also to --strict-markers."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Check the files of the markers once the fixtures are there. The test begins only if they are good."""
    failures = []
    for marker in item.iter_markers("nanclean"):
        if not marker.args:
            pytest.fail("@pytest.mark.nanclean names no file", pytrace=False)
        paths = [path for file in marker.args for path in _files(file, item.config.rootpath)]
        reports = [_checked(path, item.config.rootpath, marker.kwargs) for path in paths]
        if any(report.exit_code for report in reports):
            failures.append(_told(reports, marker.kwargs))
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.fixture(scope="session")
def nanclean_check(pytestconfig: pytest.Config) -> Callable[..., Report]:
    """Check a table inside a test: `nanclean_check(frame, label="price")` gives its report, or fails the test.

    It takes what `nanclean.check` takes: a frame, an array, a dict of arrays, or a file, relative to the rootdir; and
    its options. `fail_on` says from which severity on the test fails, `"error"` if it is not given; with `figures=True`
    the report knows all figures of all columns, and not only those that the checks need.
    """

    def check(source: object, **options: Any) -> Report:
        __tracebackhide__ = True
        if isinstance(source, str | os.PathLike):
            source = _seen_from_here(pytestconfig.rootpath, os.fspath(source))
        report = _checked(source, pytestconfig.rootpath, options)
        if report.exit_code:
            pytest.fail(_told([report], options))
        return report

    return check


def _files(file: str | os.PathLike[str], root: Path) -> Iterator[str | NancleanError]:
    """The files that a name, a folder or a pattern means, as on the command line; an error for a folder without any."""
    from nanclean.cli._files import tables

    name = os.fspath(file)
    found = [name]
    if "://" not in name and glob.has_magic(name) and not os.path.lexists(root / name):
        found = sorted(glob.glob(name, root_dir=root, recursive=True)) or found
    yield from tables(_seen_from_here(root, each) for each in found)


def _seen_from_here(root: Path, name: str) -> str:
    """The path that leads there from the current folder: what is shown is what can be clicked. As given if absolute."""
    if "://" in name or os.path.isabs(name):
        return name
    try:
        return os.path.relpath(root / name)
    except (ValueError, OSError):  # another drive, or no current folder any more
        return str(root / name)


def _checked(source: object, root: Path, options: Mapping[str, Any]) -> Report:
    """The report of a source; also of one that cannot be read, or of the error that stands in its place."""
    import nanclean

    try:
        if isinstance(source, nanclean.NancleanError):
            raise source
        return cast(nanclean.Report, nanclean.check(source, **_at_home(source, root, options)))
    except nanclean.NancleanError as error:
        path = source if isinstance(source, str) else type(source).__name__
        return nanclean.Report.not_read(path, error.message, error.hint, command="check", exit_code=error.exit_code)
    except TypeError as error:
        if not str(error).startswith("there is no option"):
            raise
        pytest.fail(f"nanclean.check: {error}", pytrace=False)


def _at_home(source: object, root: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, whose files are those of the rootdir wherever pytest was started; also the policy that is found."""
    from nanclean import policy as policies

    given = dict(options)
    for name in ("policy", "against"):
        if isinstance(given.get(name), str | os.PathLike):
            given[name] = _seen_from_here(root, os.fspath(given[name]))
    if isinstance(source, str) and given.get("policy") is None and not given.get("no_config"):
        given |= {"policy": policies.found(_seen_from_here(root, ".")), "no_config": True}
    return given


def _told(reports: Sequence[Report], options: Mapping[str, Any]) -> str:
    """What `nanclean check` would say."""
    from nanclean.escaping import escaped
    from nanclean.renderer import View, render

    fail_on = options.get("fail_on", "error")
    text = io.StringIO()
    failed = [finding for report in reports if report.source.rows is None for finding in report.findings]
    for message, hint in dict.fromkeys((finding.message, finding.hint) for finding in failed):
        text.writelines(f"error: {escaped(line)}\n" for line in message.split("\n"))
        if hint:
            text.write(f"hint: {escaped(hint)}\n")
    render("text", reports, text, View(fail_on=fail_on, verbose=fail_on == "info"))
    return text.getvalue().rstrip()

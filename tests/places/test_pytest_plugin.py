"""The plugin for pytest, in runs of pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pandas  # noqa: F401
import pytest

import nanclean.api
import nanclean.renderers.text
from tests.test_startup import HEAVY

pytest_plugins = "pytester"  # it forgets what a run imported, and NumPy cannot be imported twice: hence those above

ROOT = Path(__file__).parents[2]

GOOD = "a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(30))
BROKEN = GOOD.replace("\n12,5\n", "\ninf,5\n")  # line 14
WARNED = GOOD.replace("\n12,5\n", "\n,5\n")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with data in a folder and tests in another."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\naddopts = '--strict-markers -p no:randomly'\n")
    for name, text in {"good": GOOD, "broken": BROKEN, "warned": WARNED, "more/broken": BROKEN}.items():
        file = pytester.path / "data" / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return pytester


def outcome(project: pytest.Pytester, test: str, *arguments: str) -> tuple[dict[str, int], str]:
    """How the tests of a module ended, and what was shown."""
    file = project.path / "tests" / "test_data.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text("import pytest\n\n" + test, encoding="utf-8")
    result = project.runpytest_inprocess(str(file), *arguments)
    return result.parseoutcomes(), result.stdout.str()


def marked(marker: str, body: str = "print('the body ran')\n    assert 0") -> str:
    return f"@pytest.mark.nanclean({marker})\ndef test_train():\n    {body}\n"


def test_it_is_an_entry_point() -> None:
    """If this fails alone, the package was installed before it had one: pip install -e . once more."""
    assert [found.value for found in entry_points(group="pytest11", name="nanclean")] == ["nanclean.pytest_plugin"]


def test_a_good_file_lets_the_test_run(project: pytest.Pytester) -> None:
    assert outcome(project, marked("'data/good.csv'", "pass"))[0] == {"passed": 1}
    counts, shown = outcome(project, marked("'data/good.csv'"))
    assert counts == {"failed": 1}
    assert "the body ran" in shown


def test_findings_fail_the_test_as_check_tells_them(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, marked("'data/broken.csv'"))
    assert counts == {"failed": 1}, "not an error of the set-up"
    assert "the body ran" not in shown
    command = [sys.executable, "-m", "nanclean", "check", "data/broken.csv"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=project.path)
    assert told.returncode == 1
    assert told.stdout.startswith("data/broken.csv:14: a: infinite: ")
    assert told.stdout in shown
    assert "pytest_plugin" not in shown
    assert "FAILED tests/test_data.py::test_train - Failed: data/broken.csv:14: " in shown


def test_files_belong_to_the_rootdir_wherever_pytest_is_started(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "tests").mkdir()
    monkeypatch.chdir(project.path / "tests")
    counts, shown = outcome(project, marked("'data/broken.csv'"), f"--rootdir={project.path}")
    assert counts == {"failed": 1}
    assert "../data/broken.csv:14: a: infinite" in shown


def test_a_test_that_changes_the_folder_changes_no_file(project: pytest.Pytester) -> None:
    (project.path / "elsewhere" / "data").mkdir(parents=True)
    (project.path / "elsewhere" / "data" / "broken.csv").write_text(GOOD, encoding="utf-8")
    moved = "@pytest.fixture(autouse=True)\ndef moved(monkeypatch):\n    monkeypatch.chdir('elsewhere')\n\n"
    counts, shown = outcome(project, moved + marked("'data/broken.csv'"))
    assert counts == {"failed": 1}
    assert "../data/broken.csv:14: a: infinite" in shown


def test_several_files_and_patterns(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, marked("'data/good.csv', 'data/**/*.csv'"))
    assert counts == {"failed": 1}
    assert "data/broken.csv:14: a: infinite" in shown
    assert "data/more/broken.csv:14: a: infinite" in shown
    assert "FAILED  2 errors, 1 warning in 5 files" in shown


def test_a_folder_means_the_tables_in_it(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, marked("'data'"))
    assert counts == {"failed": 1}
    assert "FAILED  2 errors, 1 warning in 4 files" in shown
    (project.path / "empty").mkdir()
    counts, shown = outcome(project, marked("'empty'"))
    assert counts == {"failed": 1}
    assert "error: empty: there is no table in this folder" in shown


def test_a_name_that_looks_like_a_pattern_is_a_name(project: pytest.Pytester) -> None:
    (project.path / "data" / "x[1].csv").write_text(BROKEN, encoding="utf-8")
    (project.path / "data" / "x1.csv").write_text(GOOD, encoding="utf-8")
    counts, shown = outcome(project, marked("'data/x[1].csv'"))
    assert counts == {"failed": 1}
    assert "data/x[1].csv:14" in shown


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("'data/god.csv'", "error: data/god.csv: no such file or directory\nhint: did you mean data/good.csv?"),
        ("'data/*.parquet'", "error: data/*.parquet: no file has such a name"),
        ("'data/unclosed.csv'", "error: data/unclosed.csv: line 2: "),
        ("'data/good.csv', label='c'", "error: --label: label: there is no column 'c'"),
        ("'data/good.csv', policy='nosuch.toml'", "error: nosuch.toml: "),
        ("'data/good.csv', fail_on='bad'", "error: fail_on: 'bad'\nhint: error, warning, info or never"),
        ("'data/good.csv', labl='b'", "nanclean.check: there is no option 'labl'"),
        ("", "@pytest.mark.nanclean names no file"),
    ],
)
def test_what_cannot_be_checked_fails(project: pytest.Pytester, file: str, told: str) -> None:
    (project.path / "data" / "unclosed.csv").write_text('a,b\n1,"2\n', encoding="utf-8")
    for fail_on in ("", ", fail_on='never'")[: 1 if "fail_on" in file or not file else 2]:
        counts, shown = outcome(project, marked(file + fail_on))
        assert counts == {"failed": 1}
        assert told in shown
        assert "the body ran" not in shown
        assert "pytest_plugin" not in shown


def test_a_file_that_cannot_be_read_hides_no_other(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, marked("'data/nosuch.csv', 'data/broken.csv'"))
    assert counts == {"failed": 1}
    assert "error: data/nosuch.csv: no such file" in shown
    assert "data/broken.csv:14: a: infinite" in shown


@pytest.mark.parametrize(
    ("file", "fail_on", "counts"),
    [
        ("warned", "error", {"passed": 1}),
        ("warned", "warning", {"failed": 1}),
        ("broken", "warning", {"failed": 1}),
        ("broken", "never", {"passed": 1}),
    ],
)
def test_from_which_severity_on_it_fails(
    project: pytest.Pytester, file: str, fail_on: str, counts: dict[str, int]
) -> None:
    assert outcome(project, marked(f"'data/{file}.csv', fail_on={fail_on!r}", "pass"))[0] == counts


def test_a_failing_note_is_shown(project: pytest.Pytester) -> None:
    text = "x\n" + "1e-400\n" + "".join(f"{n}\n" for n in range(1, 40))  # reads as 0: a note
    (project.path / "data" / "tiny.csv").write_text(text, encoding="utf-8")
    counts, shown = outcome(project, marked("'data/tiny.csv', fail_on='info'"))
    assert counts == {"failed": 1}
    assert "[info]" in shown


def test_policies_belong_to_the_rootdir(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the one that is named and the one that is found."""
    (project.path / "rules.toml").write_text('version = 1\nrules = ["b: range(0, 5)"]\n', encoding="utf-8")
    (project.path / "tests").mkdir()
    for folder, policy in ((project.path, "rules.toml:2"), (project.path / "tests", "../rules.toml:2")):
        monkeypatch.chdir(folder)
        counts, shown = outcome(project, marked("'data/good.csv', policy='rules.toml'"), f"--rootdir={project.path}")
        assert counts == {"failed": 1}
        assert "b: range: 4 values outside 0 to 5: 6" in shown
        assert f"({policy})" in shown
    (project.path / "rules.toml").rename(project.path / "nanclean.toml")
    (project.path / "tests" / "nanclean.toml").write_text('version = 1\nrules = ["a: range(0, 5)"]\n', encoding="utf-8")
    counts, shown = outcome(project, marked("'data/good.csv'"), f"--rootdir={project.path}")
    assert counts == {"failed": 1}
    assert "(../nanclean.toml:2)" in shown
    assert "a: range" not in shown, "the policy of the current folder is not that of the rootdir"
    assert outcome(project, marked("'data/good.csv', no_config=True", "pass"))[0] == {"passed": 1}


def test_yesterday_belongs_to_the_rootdir(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.path / "tests").mkdir()
    monkeypatch.chdir(project.path / "tests")
    old = nanclean.api.scan(project.path / "data" / "good.csv", no_config=True)
    (project.path / "data" / "old.json").write_text(old.to_json(), encoding="utf-8")
    (project.path / "data" / "new.csv").write_text(GOOD.replace("a,b", "a,c"), encoding="utf-8")
    counts, shown = outcome(project, marked("'data/new.csv', against='data/old.json'"), f"--rootdir={project.path}")
    assert counts == {"failed": 1}
    assert re.search(r"^\.\./data/new\.csv: b: .* \[error\]$", shown, re.MULTILINE)


def test_other_options_are_those_of_check(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, marked("'data/warned.csv', label='a', rules=['b: range(0, 5)']"))
    assert counts == {"failed": 1}
    assert "a: missing: " in shown
    assert "b: range: " in shown


def test_markers_of_modules_classes_and_functions_add_up(project: pytest.Pytester) -> None:
    test = """
import unittest

pytestmark = pytest.mark.nanclean("data/nosuch.csv")

@pytest.mark.nanclean("data/broken.csv")
class TestOne:
    @pytest.mark.nanclean("data/more/*.csv")
    def test_all(self): assert 0, "the body ran"

class TestTwo(unittest.TestCase):
    def test_first(self): assert 0, "the body ran"
"""
    counts, shown = outcome(project, test)
    assert counts == {"failed": 2}
    assert "the body ran" not in shown
    one, two = shown.partition("TestTwo.test_first")[::2]
    for told in ("data/nosuch.csv: no such file", "data/broken.csv:14: ", "data/more/broken.csv:14: "):
        assert told in one
        assert (told in two.partition("short test summary")[0]) == ("nosuch" in told)


def test_a_file_that_a_fixture_makes_is_there(project: pytest.Pytester) -> None:
    test = """
@pytest.fixture
def made(request):
    (request.config.rootpath / "data" / "made.csv").write_text("a\\n1\\ninf\\n")

@pytest.mark.nanclean("data/made.csv")
def test_made(made): pass
"""
    counts, shown = outcome(project, test)
    assert counts == {"failed": 1}
    assert "data/made.csv:3: a: infinite" in shown


def test_skipped_and_expected_failures(project: pytest.Pytester) -> None:
    skipped = "@pytest.mark.skip\n" + marked("'data/broken.csv'")
    expected = "@pytest.mark.xfail\n" + marked("'data/broken.csv'", "pass").replace("test_train", "test_expected")
    assert outcome(project, skipped + "\n" + expected)[0] == {"skipped": 1, "xfailed": 1}


def test_the_marker_is_known(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.nanclean(*files*): check data files before the test runs*"])
    assert outcome(project, marked("'data/good.csv'", "pass").replace("nanclean", "nanclaen"))[0] == {"errors": 1}


FIXTURE = """
import numpy, pandas

def test_good(nanclean_check):
    report = nanclean_check({"x": numpy.arange(5.0)})
    assert (report.command, report.source.rows, report.exit_code) == ("check", 5, 0)

def test_frame(nanclean_check):
    frame = pandas.DataFrame({"x": [1.0, float("inf")]})
    nanclean_check(frame)  # the line of the test
    print("the body ran")

def test_options(nanclean_check):
    nanclean_check({"x": numpy.array([1.0, 7.0])}, rules=["x: range(0, 5)"], fail_on="never")
    nanclean_check({"x": numpy.array([1.0, 7.0])}, rules=["x: range(0, 5)"])

def test_file(nanclean_check):
    assert nanclean_check("data/good.csv", rules=[]).source.rows == 30
    nanclean_check("data/broken.csv")

def test_missing_file(nanclean_check, tmp_path):
    nanclean_check(tmp_path / "nosuch.csv", fail_on="never")

def test_no_option(nanclean_check):
    nanclean_check("data/good.csv", labl="b")
"""


def test_the_fixture_gives_the_report_or_fails_the_test(project: pytest.Pytester) -> None:
    counts, shown = outcome(project, FIXTURE)
    assert counts == {"passed": 1, "failed": 5}
    assert "row 2: x: infinite: 1 infinite value: inf [error]" in shown
    assert ">       nanclean_check(frame)  # the line of the test" in shown
    assert "the body ran" not in shown
    assert "x: range: 1 value outside 0 to 5: 7" in shown
    assert "data/broken.csv:14: a: infinite" in shown
    assert "nosuch.csv: no such file or directory" in shown
    assert "nanclean.check: there is no option 'labl'" in shown
    assert "pytest_plugin" not in shown


def test_workers_tell_the_same(project: pytest.Pytester) -> None:
    """pytest-xdist sends failures from one process to another."""
    pytest.importorskip("xdist")
    file = project.makepyfile("import pytest\n\n" + marked("'data/broken.csv'") + FIXTURE)
    result = project.runpytest_subprocess("-n", "2", str(file))
    result.assert_outcomes(passed=1, failed=6)
    assert "data/broken.csv:14: a: infinite: 1 infinite value: inf [error]\nFAILED  1 error in 1 file" in (
        result.stdout.str()
    )


def test_a_run_that_uses_neither_imports_nothing(pytester: pytest.Pytester) -> None:
    probe = """
import sys

def test_nothing(): pass

def test_modules():
    assert sys.modules.keys().isdisjoint({heavy!r}), "something heavy"
    assert "nanclean.pytest_plugin" in sys.modules
    assert {{name for name in sys.modules if name.startswith("nanclean.")}} == {{"nanclean.pytest_plugin"}}
"""
    heavy = set(HEAVY) - {"asyncio", "tomllib"}  # pytest and its other plugins use these themselves
    file = pytester.makepyfile(probe.format(heavy=heavy))
    others = ("hypothesispytest", "randomly", "xdist", "cov", "timeout", "playwright", "anyio", "base_url")
    off = [word for name in others for word in ("-p", f"no:{name}")]
    pytester.runpytest_subprocess(*off, str(file)).assert_outcomes(passed=2)

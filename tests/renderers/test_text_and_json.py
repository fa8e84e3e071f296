"""The line of a finding, the last line, and JSON of one and of several files."""

from __future__ import annotations

import io
import json

import msgspec
import pytest

from nanclean.errors import UsageError
from nanclean.renderer import View, named, render
from nanclean.report import Report
from tests import reports


def shown(name: str, *given: Report, **more: object) -> str:
    stream = io.StringIO()
    render(name, given, stream, View(**more))  # type: ignore[arg-type]
    return stream.getvalue()


def unread(code: int = 3) -> Report:
    return Report.not_read("bad.csv", "it is not there", None, command="check", exit_code=code)


def test_a_finding_is_a_line_with_place_column_rule_and_severity() -> None:
    lines = shown("text", reports.weather()).splitlines()
    assert lines[0] == "weather.csv:1011: wind_speed: isolated: 1 value far from all others: 1048.36058 [warning]"
    assert lines[-2] == "weather.csv: year: constant: 2013 in every row [warning]"
    assert len(lines) == 8 + 1
    assert len(shown("text", reports.weather(), verbose=True).splitlines()) == 9 + 1


def test_a_limit_and_the_place_of_its_rule_are_told() -> None:
    finding = reports.found(
        "missing", "a", severity="error", message="79.6%", limit="50%", policy_line="nanclean.toml:9"
    )
    line = shown("text", reports.report([], [finding])).splitlines()[0]
    assert line == "weather.csv: a: missing: 79.6%, allowed 50% (nanclean.toml:9) [error]"


def test_an_array_has_positions_and_no_lines() -> None:
    finding = reports.found("infinite", "c3", message="1 infinite value", rows=[1010], where=["x[1009, 3]"])
    text = shown("text", reports.report([], [finding]))
    assert text.startswith("weather.csv: x[1009, 3]: c3: infinite: 1 infinite value [warning]\n")


@pytest.mark.parametrize(
    ("fail_on", "codes", "last"),
    [
        ("error", [0], "PASSED  8 warnings in 1 file (warnings pass; --strict fails on them)"),
        ("warning", [1], "FAILED  8 warnings in 1 file"),
        ("error", [0, 3], "FAILED  8 warnings in 1 file; 1 file not read (warnings pass; --strict fails on them)"),
        ("never", [0, 0], "FOUND   16 warnings in 2 files"),
        ("error", [3], "FAILED  1 file not read"),
    ],
)
def test_the_last_line_says_how_it_ended(fail_on: str, codes: list[int], last: str) -> None:
    given = [unread() if code == 3 else msgspec.structs.replace(reports.weather(), exit_code=code) for code in codes]
    assert shown("text", *given, fail_on=fail_on).splitlines()[-1] == last


def test_good_files_are_one_line_and_none_for_who_wants_quiet() -> None:
    assert shown("text", reports.healthy(), fail_on="error") == "PASSED  nothing found in 1 file\n"
    assert shown("text", reports.healthy(), fail_on="error", quiet=True) == ""


def test_a_line_stays_a_line() -> None:
    text = shown("text", reports.hostile("a\nb\x1b[2J\u202e"), verbose=True)
    assert len(text.splitlines()) == 5
    assert all(character.isprintable() for line in text.split("\n") for character in line)


def test_one_report_is_an_object_and_several_are_a_list() -> None:
    assert json.loads(shown("json", reports.weather()))["schema"] == "nanclean.report/1"
    several = json.loads(shown("json", reports.weather(), unread(), reports.healthy()))
    assert [one["exit_code"] for one in several] == [0, 3, 0]
    assert json.loads(shown("json")) == []


def test_an_unknown_format_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        named("jsn")
    assert raised.value.hint == "did you mean json?"
    with pytest.raises(UsageError) as raised:
        named("xyzzy")
    assert str(raised.value.hint).startswith("there are ")

"""JUnit XML is what Jenkins' schema says it is, and what readers of it read."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import junitparser
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean.renderer import View, render
from nanclean.report import Report
from tests import reports

SCHEMA = xmlschema.XMLSchema10(str(Path(__file__).parents[1] / "official" / "junit-10.xsd"))


def written(*given: Report, **more: Any) -> ET.Element:
    """The document, valid by the official schema."""
    stream = io.StringIO()
    render("junit", given, stream, View(**more))
    text = stream.getvalue()
    assert text.isascii()
    document = ET.fromstring(text.encode())
    SCHEMA.validate(document)
    return document


def cases(*given: Report, **more: Any) -> list[junitparser.TestCase]:
    """The tests as a reader of such files sees them."""
    text = ET.tostring(written(*given, **more))
    return [case for suite in junitparser.JUnitXml.fromstring(text) for case in suite]


@pytest.mark.parametrize("fail_on", ["never", "error", "info"])
@pytest.mark.parametrize("name", reports.every())
def test_it_is_valid_by_the_official_schema(name: str, fail_on: str) -> None:
    document = written(reports.every()[name], fail_on=fail_on)
    (suite,) = document
    for count, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        assert document.get(count) == suite.get(count) == str(len(suite.findall(path)))
    assert len(suite) == max(len(reports.every()[name].findings), 1)


def test_the_schema_refuses_what_is_none() -> None:
    assert not SCHEMA.is_valid(ET.fromstring("<testsuites><testsuite name='x'/></testsuites>"))


HOSTILE = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(["", "\0", "\x1b[2J", "\ufffe", "\udc80", "]]>", "<a/>", "&amp;", "a\r\nb", "\x85", "\t"]),
)


@settings(deadline=None, max_examples=200)
@given(HOSTILE, st.booleans())
def test_it_is_valid_whatever_the_data_holds(word: str, fixed: bool) -> None:
    made = reports.hostile_fix(word) if fixed else reports.hostile(word)
    document = written(made, reports.unread(word, message=word, hint=word), fail_on="info")
    names = [case.get("name") for case in document[0]]
    assert len(names) == len(set(names)) == len(made.findings)
    assert all(c.isprintable() for text in document.itertext() for c in text.replace("\n", ""))
    assert all(value.isprintable() for element in document.iter() for value in element.attrib.values())


def test_what_makes_the_run_fail_is_a_failure_and_the_rest_passes() -> None:
    found = cases(reports.embeddings(5), reports.weather(), fail_on="error")
    bad, *good = found
    assert (bad.classname, bad.name) == ("weather.csv", "emb_0017: infinite")
    (failure,) = bad.result
    assert isinstance(failure, junitparser.Failure)
    assert (failure.type, failure.message) == ("infinite", "4 infinite values, all inf")
    assert failure.text.splitlines()[1:] == ["at lines 6 .."]
    assert all(case.is_passed for case in good)
    assert len(good) == 9
    assert good[0].system_out.splitlines() == [
        "warning: 1 value far from all others: 1048.36058",
        "The next is 42.57886; the gap is 24 times the range of the rest.",
        "at line 1011",
        "try: wind_speed: isolated -> blank",
    ]


def test_strict_makes_warnings_failures() -> None:
    assert [case.is_passed for case in cases(reports.weather(), fail_on="warning")] == [False] * 8 + [True]


def test_a_finding_that_the_baseline_knows_passes() -> None:
    found = {case.name: case.is_passed for case in cases(reports.compared(), fail_on="error")}
    assert found == {"a: infinite": True, "b: infinite": False, "b: missing": True}


def test_a_clean_file_is_one_passed_test() -> None:
    (case,) = cases(reports.healthy(), fail_on="error")
    assert (case.classname, case.name, case.is_passed) == ("good.csv", "nothing found", True)


def test_a_file_that_could_not_be_read_is_an_error() -> None:
    clean, unread = cases(reports.healthy(), reports.unread(), fail_on="never")
    assert clean.is_passed
    (error,) = unread.result
    assert isinstance(error, junitparser.Error)
    assert "a quote is never closed" in error.message
    assert "hint: look at line 3" in error.text


def test_what_is_still_in_an_output_that_was_published_fails_nothing() -> None:
    (case,) = cases(reports.fixed(), fail_on="warning")
    assert case.name == "year: constant (still in the output)"
    assert case.is_passed
    assert not cases(reports.refused(), fail_on="error")[0].is_passed


def test_two_findings_of_one_name_are_two_tests() -> None:
    one = reports.found("range", "a", message="x")
    assert [case.name for case in cases(reports.report([], [one, one]))] == ["a: range", "a: range (2)"]


def test_positions_are_told() -> None:
    (case,) = cases(reports.positions(), fail_on="error")
    assert "at x[1009, 3], x[1010, 3]" in case.result[0].text

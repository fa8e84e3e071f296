"""JUnit XML, for the test reports of Jenkins, GitLab, Azure and others: one suite for each file.

A test for each rule and column in which something was found: a failure if it makes the run fail, otherwise passed, with
its story as output. A file in which nothing was found is one passed test; one that could not be read is an error.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from nanclean.escaping import escaped
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._linked import Linked, linked
from nanclean.report import Report

_TIME = {"time": "0"}
"""Readers add these up. How long it really took would make two reports of one file differ."""


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one document. It is plain ASCII, so that it is right whatever encoding the stream has."""
    suites = ET.Element("testsuites", {"name": "nanclean"})
    for report in reports:
        suites.append(_suite(report, view))
    counts = {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in ("tests", "failures", "errors")}
    suites.attrib.update(counts | _TIME)
    ET.indent(suites, " ")
    text = ET.tostring(suites, encoding="us-ascii", xml_declaration=False).decode("ascii")
    stream.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _suite(report: Report, view: View) -> ET.Element:
    name = escaped(report.source.path)
    found = linked([report], view)
    suite = ET.Element("testsuite", {"name": name})
    seen: Counter[str] = Counter()
    for one in found:
        suite.append(_case(one, name, seen, view))
    if not found:
        ET.SubElement(suite, "testcase", {"classname": name, "name": _nothing(report), **_TIME})
    suite.attrib.update(
        tests=str(len(suite)),
        failures=str(len(suite.findall("testcase/failure"))),
        errors=str(len(suite.findall("testcase/error"))),
        **_TIME,
    )
    return suite


def _nothing(report: Report) -> str:
    sample = report.source.sample
    return "nothing found" if sample is None else f"nothing found ({words.sampled(sample)}; {words.proven(sample)})"


def _case(one: Linked, file: str, seen: Counter[str], view: View) -> ET.Element:
    name = one.title + (" (still in the output)" if one.is_still else "")
    seen[name] += 1
    nth = f" ({seen[name]})" if seen[name] > 1 else ""  # some readers keep only one test of a name
    case = ET.Element("testcase", {"classname": file, "name": name + nth, **_TIME})
    story = "\n".join(one.story)
    if one.is_unread or one.stops(view.fail_on):
        about = {"type": escaped(one.finding.rule), "message": one.headline}
        ET.SubElement(case, "error" if one.is_unread else "failure", about).text = story
    else:
        ET.SubElement(case, "system-out").text = f"{one.finding.severity}: {story}"
    return case

"""SARIF 2.1.0, for code scanning and whatever else gathers findings: one run over all files.

GitHub's code scanning takes 25,000 results of a run and shows 5,000, so the worst come first and what is beyond is
counted in the last one. A result has a place or two of the thousand that are allowed.

- The URI of a file is relative to the root of the repository (`%SRCROOT%`): nanclean is to be run there, unless it
  knows the root, as it does inside GitHub Actions. Tables without lines have no region; the position is a logical
  location beside the column.
- `partialFingerprints` has one key, `nancleanFinding/v1`: a hash of file, column and rule, and how many of the same
  came before. It stays the same when rows are added above. GitHub heeds `primaryLocationLineHash` alone; its upload
  action works that out from the line, and warns of any other value, so the key is here only where there is no line.
- A file that could not be read is a result of the rule `not_read`, and makes the run one that was not successful.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO, cast

from nanclean import registry
from nanclean.detector import Detector, manual
from nanclean.escaping import escaped
from nanclean.part import member
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._linked import Linked, linked, uri_of
from nanclean.report import Report
from nanclean.version import version
from nanclean.wording import several, shown

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST = 25_000
"""Results that GitHub takes."""
FINGERPRINT = "nancleanFinding/v1"
_BASE = "%SRCROOT%"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_BASELINE = {"new": "new", "worse": "updated", "known": "unchanged"}
_SENTENCE = re.compile(r"(?<=[.])\s+(?=[A-Z])")
_FAMILIES = ("detectors", "drifts")
"""What finds something; the docstring of a member is its manual."""
_OTHERS = {
    "not_read": "The file could not be read, or not to its end.",
    "policy": "A rule of the policy reaches nothing, or was skipped.",
    "source": "What is worth knowing of the file as a whole.",
    "training_rows": "Rows of the training data are among those to be judged.",
}
"""Rules that are no parts, and have no manual."""


def render(reports: Iterable[Report], stream: TextIO, view: View) -> None:
    """Write one log. It is plain ASCII, so that it is right whatever encoding the stream has."""
    held = list(reports)
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(held, view)]}
    stream.write(json.dumps(log, indent=1) + "\n")


def _run(reports: Sequence[Report], view: View) -> dict[str, Any]:
    found = linked(reports, view)
    kept = found if len(found) <= MOST else found[: MOST - 1]
    rules: dict[str, Any] = {}
    for one in kept:
        if _id(one) not in rules:
            rules[_id(one)] = _rule(one)
    if len(kept) < len(found):
        rules["left_out"] = _described("left_out", f"More findings than the {MOST:,} that code scanning takes.", [])
    order = {name: n for n, name in enumerate(sorted(rules))}
    seen: Counter[str] = Counter()
    results = [_result(one, order, seen) for one in kept]
    if len(kept) < len(found):
        results.append(_left_out(found[len(kept) :], order))
    driver = {"name": "nanclean", "version": version(), "rules": [rules[name] for name in order]}
    files = {uri_of(report.source.path, view.root): _artifact(report, view) for report in reports}
    return {
        "tool": {"driver": {key: value for key, value in driver.items() if value is not None}},
        "invocations": [_invocation(reports, found)],
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the repository."}}},
        "artifacts": list(files.values()),
        "results": results,
    }


def _invocation(reports: Sequence[Report], found: Sequence[Linked]) -> dict[str, Any]:
    unread = [
        {
            "descriptor": {"id": _id(one)},
            "level": "error",
            "message": {"text": _text(one)},
            "locations": [_location(one)],
        }
        for one in found
        if one.is_unread
    ]
    samples = [(report.source.path, report.source.sample) for report in reports if report.source.sample is not None]
    sampled: list[dict[str, Any]] = [
        {
            "descriptor": {"id": "sampled"},
            "level": "note",
            "message": {"text": f"{escaped(path)}: {words.sampled(sample)}; {words.proven(sample)}"},
        }
        for path, sample in samples
    ]
    return {
        "executionSuccessful": not unread,
        "exitCode": max((report.exit_code for report in reports), default=0),
        "toolExecutionNotifications": [*unread, *sampled],
    }


def _artifact(report: Report, view: View) -> dict[str, Any]:
    length = {} if report.source.bytes is None else {"length": report.source.bytes}
    return {"location": _file(uri_of(report.source.path, view.root)), **length, "roles": ["analysisTarget"]}


def _result(one: Linked, order: Mapping[str, int], seen: Counter[str]) -> dict[str, Any]:
    finding, name = one.finding, _id(one)
    result: dict[str, Any] = {
        "ruleId": name,
        "ruleIndex": order[name],
        "level": _LEVELS[finding.severity],
        "message": {"text": _text(one)},
        "locations": [_location(one)],
    }
    further = [
        {"id": n, "message": {"text": f"line {line}"}, "physicalLocation": _physical(uri, line)}
        for n, (uri, line) in enumerate(one.further, 1)
    ]
    if further:
        result["relatedLocations"] = further
    result["partialFingerprints"] = _fingerprints(one, seen)
    if finding.baseline is not None:
        result["baselineState"] = _BASELINE[finding.baseline]
    counts = {"count": finding.count, "of": finding.of, "limit": finding.limit and escaped(finding.limit)}
    result["properties"] = {key: value for key, value in counts.items() if value is not None}
    return result


def _location(one: Linked) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": _physical(one.uri, next(iter(one.lines), None))}
    logical = [] if one.finding.column is None else [{"name": escaped(one.finding.column), "kind": "column"}]
    if not one.lines:
        logical += [{"fullyQualifiedName": place, "kind": "position"} for place in one.places[:1]]
    if logical:
        location["logicalLocations"] = logical
    return location


def _physical(uri: str, line: int | None) -> dict[str, Any]:
    region = {} if line is None else {"region": {"startLine": line}}
    return {"artifactLocation": _file(uri), **region}


def _file(uri: str) -> dict[str, str]:
    return {"uri": uri} if "://" in uri else {"uri": uri, "uriBaseId": _BASE}


def _fingerprints(one: Linked, seen: Counter[str]) -> dict[str, str]:
    parts = [one.uri, one.finding.column, one.finding.rule, one.is_still]
    identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    seen[identity] += 1
    value = f"{identity}:{seen[identity]}"
    return {FINGERPRINT: value} if one.lines else {FINGERPRINT: value, "primaryLocationLineHash": value}


def _left_out(left: Sequence[Linked], order: Mapping[str, int]) -> dict[str, Any]:
    return {
        "ruleId": "left_out",
        "ruleIndex": order["left_out"],
        "level": _LEVELS[left[0].finding.severity],
        "message": {"text": f"{several(len(left), 'more finding')}, not listed here: nanclean check lists them."},
        "locations": [{"physicalLocation": _physical(left[0].uri, None)}],
    }


def _text(one: Linked) -> str:
    """All there is to say. Brackets are escaped where SARIF would take them for a link."""
    text = "\n".join(one.story)
    text = f"{one.column}: {text}" if one.column else text
    return re.sub(r"([\[\]\\])", r"\\\1", text) if "](" in text else text


# --- the rules


def _id(one: Linked) -> str:
    return shown(one.finding.rule, 200) or "''"


def _rule(one: Linked) -> dict[str, Any]:
    """What a rule is about: its manual if it is a part, otherwise how it is written."""
    name = _id(one)
    family = next((family for family in _FAMILIES if name in registry.names(family)), None)
    if family is not None:
        part = cast(type[Detector], member(family, name))
        paragraphs = [" ".join(paragraph.split()) for paragraph in manual(part).split("\n\n")]
        return _described(name, _SENTENCE.split(paragraphs[0])[0], paragraphs, _LEVELS[part.severity])
    if name in _OTHERS:
        return _described(name, _OTHERS[name], [])
    return _described(name, escaped(one.finding.rule_text) or name, [], _LEVELS[one.finding.severity])


def _described(name: str, short: str, paragraphs: Sequence[str], level: str | None = None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": name,
        "shortDescription": {"text": short[:1000]},
        "fullDescription": {"text": (paragraphs[0] if paragraphs else short)[:1000]},  # GitHub wants both
        "help": {"text": "\n\n".join(paragraphs) or short},
    }
    return described if level is None else {**described, "defaultConfiguration": {"level": level}}

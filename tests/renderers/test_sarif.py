"""SARIF is what the standard and code scanning say it is, whatever the data holds."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from nanclean.renderer import View, render
from nanclean.renderers import sarif
from nanclean.renderers._linked import below, uri_of
from nanclean.report import Report
from tests import reports

OFFICIAL = Path(__file__).parents[1] / "official" / "sarif-schema-2.1.0.json"
VALIDATOR = Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
URI = re.compile(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
HOSTILE = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(
        ["", "a:b", "//x", "../x", "https://h/a b%20c", "[a](b)", "\udc80", "\ud800", "%", "/a/b", "C:\\x"]
    ),
)


def written(*given: Report, **more: Any) -> dict[str, Any]:
    """The log, valid by the official schema."""
    stream = io.StringIO()
    render("sarif", given, stream, View(**more))
    text = stream.getvalue()
    assert text.isascii()
    log = json.loads(text)
    VALIDATOR.validate(log)
    return log


def run_of(*given: Report, **more: Any) -> dict[str, Any]:
    """Its one run."""
    (run,) = written(*given, **more)["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            uri = location["physicalLocation"]["artifactLocation"]["uri"]
            assert URI.fullmatch(uri), uri
    return run


@pytest.mark.parametrize("name", reports.every())
def test_it_is_valid_by_the_official_schema(name: str) -> None:
    report = reports.every()[name]
    run = run_of(report)
    assert len(run["results"]) == len(report.findings)
    assert [artifact["roles"] for artifact in run["artifacts"]] == [["analysisTarget"]]


def test_the_schema_refuses_what_is_none() -> None:
    assert not VALIDATOR.is_valid({"version": "2.1.0", "runs": [{"results": []}]})


@settings(deadline=None, max_examples=200)
@given(HOSTILE, st.booleans())
def test_it_is_valid_whatever_the_data_holds(word: str, fixed: bool) -> None:
    made = reports.hostile_fix(word) if fixed else reports.hostile(word)
    run = run_of(made, reports.unread(word, message=word, hint=word))
    assert len(run["results"]) == len(made.findings) + 1
    for result in run["results"]:
        text = result["message"]["text"]
        assert text
        assert all(c.isprintable() for c in text.replace("\n", ""))
        assert not re.search(r"(?<!\\)\[[^\]]*[^\\\]]\]\(", text), "SARIF takes it for a link"


def test_a_finding_is_a_result_with_its_level_line_and_column() -> None:
    result = run_of(reports.weather())["results"][0]
    assert (result["ruleId"], result["level"]) == ("isolated", "warning")
    assert result["message"]["text"].splitlines() == [
        "wind_speed: 1 value far from all others: 1048.36058",
        "The next is 42.57886; the gap is 24 times the range of the rest.",
        "at line 1011",
        "try: wind_speed: isolated -> blank",
    ]
    (location,) = result["locations"]
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "weather.csv", "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1011},
        },
        "logicalLocations": [{"name": "wind_speed", "kind": "column"}],
    }


def test_the_other_first_lines_are_related() -> None:
    result = next(
        one
        for one in run_of(reports.weather())["results"]
        if "dew" not in str(one) and one["properties"]["count"] == 460
    )
    lines = [one["physicalLocation"]["region"]["startLine"] for one in result["relatedLocations"]]
    assert [result["locations"][0]["physicalLocation"]["region"]["startLine"], *lines] == [59, 252, 300, 302, 318]
    assert [one["id"] for one in result["relatedLocations"]] == [1, 2, 3, 4]


def test_an_array_has_positions_instead_of_a_region() -> None:
    (result,) = run_of(reports.positions())["results"]
    (location,) = result["locations"]
    assert "region" not in location["physicalLocation"]
    assert location["logicalLocations"][1] == {"fullyQualifiedName": "x[1009, 3]", "kind": "position"}
    assert "at x[1009, 3], x[1010, 3]" in result["message"]["text"]
    assert result["partialFingerprints"]["primaryLocationLineHash"] == result["partialFingerprints"][sarif.FINGERPRINT]


def test_the_worst_come_first() -> None:
    levels = [result["level"] for result in run_of(reports.weather(), reports.embeddings(5))["results"]]
    assert levels == ["error", *["warning"] * 8, "note"]


def test_a_rule_brings_its_manual_and_its_level() -> None:
    rules = {
        rule["id"]: rule
        for rule in run_of(reports.weather(), reports.embeddings(5), reports.applied())["tool"]["driver"]["rules"]
    }
    assert list(rules) == sorted(rules)
    infinite = rules["infinite"]
    assert infinite["shortDescription"]["text"].startswith("Cells that are inf or -inf")
    assert infinite["shortDescription"]["text"].endswith(".")
    assert "Why it matters: " in infinite["help"]["text"]
    assert all(rule["fullDescription"]["text"] for rule in rules.values())  # code scanning asks for it
    assert infinite["defaultConfiguration"] == {"level": "error"}
    assert rules["isolated"]["defaultConfiguration"] == {"level": "warning"}
    assert "Why it matters: " in rules["unseen_category"]["help"]["text"]


def test_a_rule_that_a_policy_named_is_described_by_its_text() -> None:
    named = reports.found("Rents are sane", "rent", severity="error", message="1 value", rule_text="rent: range(0, 9)")
    (rule,) = run_of(reports.report([], [named]))["tool"]["driver"]["rules"]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("Rents are sane", "rent: range(0, 9)")


def fingerprints(report: Report) -> list[str]:
    return [result["partialFingerprints"][sarif.FINGERPRINT] for result in run_of(report)["results"]]


def test_a_fingerprint_stays_when_rows_are_added_above() -> None:
    report = reports.weather()
    moved = [
        msgspec.structs.replace(finding, lines=[line + 7 for line in finding.lines or ()], message="another")
        for finding in report.findings
    ]
    assert fingerprints(report) == fingerprints(msgspec.structs.replace(report, findings=moved))
    assert len(set(fingerprints(report))) == len(report.findings)


@pytest.mark.parametrize("field", ["rule", "column"])
def test_a_fingerprint_tells_rules_and_columns_apart(field: str) -> None:
    one = reports.found("range", "a", message="x")
    other = msgspec.structs.replace(one, **{field: "missing"})
    first, second = fingerprints(reports.report([], [one, other]))
    assert first.partition(":")[0] != second.partition(":")[0]


def test_two_rules_of_one_name_in_one_column_have_two_fingerprints() -> None:
    one = reports.found("range", "a", message="x")
    first, second = fingerprints(reports.report([], [one, one]))
    assert (first.partition(":")[0], first[-2:], second[-2:]) == (second.partition(":")[0], ":1", ":2")


def test_the_baseline_is_told() -> None:
    run = run_of(reports.compared())
    states = {
        (one["ruleId"], one["locations"][0]["logicalLocations"][0]["name"]): one["baselineState"]
        for one in run["results"]
    }
    assert states == {("infinite", "a"): "unchanged", ("infinite", "b"): "new", ("missing", "b"): "updated"}
    assert "baselineState" not in run_of(reports.weather())["results"][0]


def test_a_file_that_could_not_be_read_is_a_result_and_no_success() -> None:
    run = run_of(reports.healthy(), reports.unread("data/bad file.csv"))
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 3)
    (told,) = invocation["toolExecutionNotifications"]
    assert told["level"] == "error"
    assert "a quote is never closed" in told["message"]["text"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("not_read", "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "data/bad%20file.csv"
    assert run_of(reports.healthy())["invocations"][0]["executionSuccessful"]


def test_what_is_still_in_the_output_is_in_the_output() -> None:
    (result,) = run_of(reports.fixed())["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "clean.csv"


def test_no_more_results_than_code_scanning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST", 5)
    run = run_of(reports.weather(), reports.embeddings(5))
    assert len(run["results"]) == 5
    assert run["results"][0]["level"] == "error"
    assert run["results"][-1]["message"]["text"].startswith("6 more findings")


def test_nothing_varies_between_two_runs() -> None:
    assert written(reports.weather()) == written(
        msgspec.structs.replace(
            reports.weather(), run=msgspec.structs.replace(reports.weather().run, seconds=9.0, jobs=7)
        )
    )


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b.csv", "a%20b.csv"),
        ("data/é.csv", "data/%C3%A9.csv"),
        ("a:b.csv", "a%3Ab.csv"),
        ("a%20b.csv", "a%2520b.csv"),
        ("a#b?.csv", "a%23b%3F.csv"),
        ("\udcff.csv", "%FF.csv"),
        ("/tmp/x.csv", "file:///tmp/x.csv"),
        ("//x", "file:////x"),
        ("https://h.example/a%20b c.csv", "https://h.example/a%20b%20c.csv"),
    ],
)
def test_a_path_becomes_a_uri(path: str, uri: str) -> None:
    assert uri_of(path, None) == uri


def test_paths_begin_at_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repo" / "data").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "repo")
    (tmp_path / "cache").write_text("", encoding="utf-8")
    (tmp_path / "repo" / "data" / "linked.csv").symlink_to(tmp_path / "cache")  # as DVC does
    monkeypatch.chdir(tmp_path / "repo" / "data")
    root = str(tmp_path / "link")
    assert below("x.csv", root) == "data/x.csv"
    assert below("linked.csv", root) == "data/linked.csv"
    assert below("../x.csv", root) == "x.csv"
    assert below(str(tmp_path / "repo" / "y.csv"), root) == "y.csv"
    assert below(str(tmp_path / "link" / "y.csv"), str(tmp_path / "repo")) == "y.csv"
    assert below("../../x.csv", root) == "../../x.csv"
    assert below("..x.csv", root) == "data/..x.csv"
    assert below("a\0b", root)
    assert below("-", root) == "-"
    assert below("https://h.example/x.csv", root) == "https://h.example/x.csv"
    result = run_of(reports.weather(), root=root)["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "data/weather.csv"

"""Workflow commands, read back as the runner reads them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean.renderer import View, render
from nanclean.report import Report
from tests import reports

Command = tuple[str, dict[str, str], str]
DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}
PROPERTY = {**DATA, "%3A": ":", "%2C": ","}


def back(text: str, marks: dict[str, str]) -> str:
    return re.sub("|".join(marks), lambda found: marks[found[0]], text)


def commands(*given: Report, **more: Any) -> list[Command]:
    """Kind, properties and message of each."""
    stream = io.StringIO()
    render("github", given, stream, View(**more))
    read = []
    for line in stream.getvalue().splitlines():
        found = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
        assert found is not None, line
        properties = dict(pair.split("=", 1) for pair in found[2].split(","))
        read.append((found[1], {key: back(text, PROPERTY) for key, text in properties.items()}, back(found[3], DATA)))
    return read


def test_a_finding_is_an_annotation_of_its_line() -> None:
    kind, properties, message = commands(reports.weather())[0]
    assert kind == "warning"
    assert properties == {"file": "weather.csv", "line": "1011", "title": "wind_speed: isolated"}
    assert message.splitlines() == [
        "1 value far from all others: 1048.36058",
        "The next is 42.57886; the gap is 24 times the range of the rest.",
        "at line 1011",
        "try: wind_speed: isolated -> blank",
    ]


def test_what_is_everywhere_and_what_has_no_lines_is_about_the_file() -> None:
    constant = next(one for one in commands(reports.weather()) if one[1]["title"] == "year: constant")
    assert "line" not in constant[1]
    everywhere = reports.found("missing", "a", count=reports.ROWS, message="all", **reports.on_lines(2, 3))
    assert "line" not in commands(reports.report([], [everywhere]))[0][1]
    ((_, properties, message),) = commands(reports.positions())
    assert properties == {"file": "data/x.npy", "title": "c3: infinite"}
    assert "at x[1009, 3], x[1010, 3]" in message


def test_the_worst_come_first_and_each_rule_before_any_comes_again() -> None:
    told = commands(reports.weather(), reports.embeddings(5), reports.unread())
    assert [kind for kind, *_ in told] == ["error", "error", *["warning"] * 8]
    assert [properties["title"] for _, properties, _ in told][:6] == [
        "not_read", "emb_0017: infinite", "wind_speed: isolated", "wind_gust: missing", "year: constant",
        "wind_dir: missing",
    ]  # fmt: skip


def test_where_there_are_more_than_ten_the_tenth_says_how_many() -> None:
    errors = [reports.found("infinite", f"c{n}", severity="error", message="x") for n in range(14)]
    told = commands(reports.report([], errors), reports.weather())
    assert [kind for kind, *_ in told] == ["error"] * 10 + ["warning"] * 8
    _, properties, message = told[9]
    assert properties == {"title": "5 more errors"}
    assert message.startswith("5 more errors in 1 file: the job summary lists them")
    assert len(commands(reports.report([], errors[:10]))) == 10
    assert "more" not in commands(reports.report([], errors[:10]))[-1][1]["title"]


def test_notes_are_told_to_who_wants_everything() -> None:
    assert [kind for kind, *_ in commands(reports.weather(), verbose=True)].count("notice") == 1
    assert "notice" not in [kind for kind, *_ in commands(reports.weather())]


def test_what_the_baseline_knows_is_a_notice_at_most() -> None:
    def kinds(**more: Any) -> list[tuple[str, str]]:
        return [(kind, properties["title"]) for kind, properties, _ in commands(reports.compared(), **more)]

    assert kinds() == [("error", "b: infinite"), ("warning", "b: missing")]
    assert kinds(verbose=True) == [*kinds(), ("notice", "a: infinite")]


def test_a_clean_file_is_no_annotation() -> None:
    assert commands(reports.healthy()) == []
    assert commands() == []


def test_a_limit_and_its_rule_are_told() -> None:
    told = commands(reports.refused())[0][2]
    assert told.splitlines()[0] == "460 cells, allowed 1%"
    assert "rule: wind_dir: missing <= 1% -> drop (nanclean.toml:9)" in told


def test_the_file_is_named_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    assert commands(reports.weather(), root=str(tmp_path))[0][1]["file"] == "data/weather.csv"


def test_the_root_is_known_inside_github_actions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", "/home/work")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert View.of(io.StringIO()).root is None
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert View.of(io.StringIO()).root == "/home/work"
    monkeypatch.delenv("GITHUB_WORKSPACE")
    assert View.of(io.StringIO()).root is None


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(st.characters(), max_size=40),
        st.sampled_from(
            ["::error::x", "a,b=c", "%0A", "100%", "\n::stop-commands::x", "\r", "##[x]", "", "é", "x" * 9_000]
        ),
    ),
    st.booleans(),
)
def test_nothing_from_the_data_leaves_its_place(word: str, fixed: bool) -> None:
    made = reports.hostile_fix(word) if fixed else reports.hostile(word)
    told = commands(made, reports.unread(word, message=word, hint=word), verbose=True)
    assert len(told) == len(made.findings) + 1
    for kind, properties, message in told:
        assert kind in ("error", "warning", "notice")
        assert set(properties) <= {"file", "line", "title"}
        assert all(value.isprintable() for value in properties.values())
        assert all(c.isprintable() for c in message.replace("\n", ""))
        assert message
        assert len(message) <= 4_096

"""The page for people: what it says, that it fits, and that nothing from data can break it."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from nanclean.renderer import View, render
from nanclean.report import Report, Source
from tests import reports

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
ANY_TEXT = st.text(st.characters(codec=None), min_size=1, max_size=90)
PLAIN = [reports.weather(), reports.healthy(), reports.embeddings(1000)]
ALL = [*PLAIN, reports.hostile("a b"), reports.hostile("漢字🙂" * 30)]


def shown(report: Report, **more: object) -> str:
    stream = io.StringIO()
    render("terminal", [report], stream, View(**more))  # type: ignore[arg-type]
    return stream.getvalue()


def test_the_first_line_says_what_was_read_and_by_which_rules() -> None:
    first = shown(reports.weather()).splitlines()[0]
    assert first == "weather.csv   26,115 rows x 11 columns   csv, utf-8, 2.3 MB   rules: built-in"


def test_the_verdict_counts_facts_and_complete_rows() -> None:
    assert "  ! 3 warnings, no errors          4,980 of 26,115 rows are complete\n" in shown(reports.weather())


def test_a_fact_says_what_where_why_and_what_to_do() -> None:
    assert (
        "warning  isolated    wind_speed: 1 value far from all others: 1048.36058\n"
        "                     line 1011. The next is 42.57886; the gap is 24 times the\n"
        "                     range of the rest.\n"
        "                     fix: wind_speed: isolated -> blank\n"
    ) in shown(reports.weather())


def test_one_fact_in_many_columns_is_one_block_and_the_same_rows_are_one_line() -> None:
    assert (
        'warning  missing     21,245 cells in 6 columns, all written "NA"\n'
        "                     wind_gust        20,778  79.6%  first on line 2\n"
        "                     wind_dir            460   1.8%  first on line 59\n"
        "                     wind_speed            4  <0.1%  lines 2053 12093 13121 ..\n"
        "                     temp dewp humid  1 each  <0.1%  the same line 5593\n"
        "                     fix: wind_gust: missing -> drop_column\n"
        "                          @numeric: missing -> impute(median)\n"
    ) in shown(reports.weather())


def test_a_rule_for_many_columns_never_drops_what_it_does_not_name() -> None:
    columns = [reports.number(f"{name}", 0, 1, 2) for name in "abcdefgh"]
    findings = [reports.lacking(name, 9, "drop_column" if name < "f" else "impute(median)", 2) for name in "abcdefgh"]
    text = shown(reports.report(columns, findings))
    assert "a, b, c, d, e: missing -> drop_column" in text
    assert "f, g, h: missing -> impute(median)" in text
    assert "@" not in text


def test_a_protected_column_is_reached_by_its_name_only() -> None:
    columns = [reports.number(name, 0, 1, 2, role="label" if name == "b" else None) for name in "abcd"]
    findings = [reports.lacking(name, 9, "impute(median)", 2) for name in "abcd"]
    assert "fix: a, b, c, d: missing -> impute(median)" in shown(reports.report(columns, findings))


def test_past_five_columns_the_rest_is_counted_unless_all_is_wanted() -> None:
    columns = [reports.number(f"c{n}", 0, 1, 2) for n in range(22)]
    findings = [reports.found("standin", f"c{n}", message="99 in 3 rows", **reports.on_lines(n + 2)) for n in range(22)]
    text = shown(reports.report(columns, findings))
    assert "c4: 99 in 3 rows" in text
    assert "c5: 99 in 3 rows" not in text
    assert "and 17 more (-v)" in text
    assert "c21: 99 in 3 rows" in shown(reports.report(columns, findings), verbose=True)


def test_errors_come_first_and_notes_only_for_who_asks() -> None:
    columns = [reports.number("a", 0, 1, 2)]
    findings = [
        reports.found("zscore", "a", severity="info", message="a note"),
        reports.found("standin", "a", message="a warning"),
        reports.found("infinite", "a", severity="error", message="an error"),
    ]
    text = shown(reports.report(columns, findings))
    assert text.index("an error") < text.index("a warning")
    assert "a note" not in text
    assert "Notes not shown: 1 (-v)." in text
    assert "a note" in shown(reports.report(columns, findings), verbose=True)


def test_the_users_own_rule_is_named_with_its_place() -> None:
    finding = reports.found(
        "range", "a", rule_text="a: range(0, 1) <= 1%", limit="1%", policy_line="nanclean.toml:4", message="9 values"
    )
    text = shown(reports.report([reports.number("a", 0, 1, 2)], [finding]))
    assert "rule: a: range(0, 1) <= 1%  (nanclean.toml:4)" in text


def test_healthy_data_says_so() -> None:
    text = shown(reports.healthy())
    assert "ok nothing wrong found" in text
    assert "all 26,115 rows are complete" in text
    assert "No missing cell, no infinity, nothing beyond float32." in text


def test_nothing_is_claimed_of_values_that_are_hidden_or_not_there() -> None:
    assert "float32" not in shown(reports.healthy().without_values())
    assert "infinity" not in shown(reports.report([reports.text("a", "x")], []))
    empty = Report(source=Source(path="x.csv", rows=0, columns=1), columns=[reports.text("a", count=0)])  # type: ignore[arg-type]
    assert "no rows" in shown(empty)
    assert "No missing" not in shown(empty)


def test_the_table_shows_a_line_for_each_column() -> None:
    text = shown(reports.weather())
    assert re.search(r"^origin +text +\. +3 values: JFK, LGA, EWR$", text, re.M)
    assert re.search(r"^wind_speed +float +<0\.1% +0 +10\.36 +1048 +[_.:=+#-]+ +\.$", text, re.M)
    assert re.search(r"^precip .* iqr is 0$", text, re.M)
    assert re.search(r"^time_hour +time +\. +2013-01-01 06:00 \.\. 2013-12-30 23:00 UTC$", text, re.M)


def test_a_wide_terminal_shows_mean_deviation_and_where() -> None:
    lines = shown(reports.weather(), width=200).splitlines()
    (head,) = [line for line in lines if line.startswith("column")]
    assert head.split() == "column type missing min median max mean std shape beyond iqr found".split()
    assert any(re.search(r"isolated line 1011; missing lines 2053 12093 13121 13505$", line) for line in lines)


def test_similar_columns_are_one_line() -> None:
    text = shown(reports.embeddings(1000), unicode=True)
    assert "emb_0000 … emb_0016: 17 float columns, nothing found\n" in text
    assert "emb_0018 … emb_0999: 982 float columns, nothing found\n" in text
    assert re.search(r"^emb_0017 +float", text, re.M)
    assert len(text.splitlines()) < 25
    assert len(shown(reports.embeddings(1000), verbose=True).splitlines()) > 1000


def test_a_thousand_columns_that_are_not_similar_stay_readable() -> None:
    columns = [reports.number("x" * (n % 30 + 1) + chr(97 + n % 26) + "y" * (n // 30), 0, 1, 2) for n in range(1000)]
    text = shown(reports.report(columns, []))
    assert len(text.splitlines()) < 80
    assert "and 940 more columns, nothing found (-v)" in text


def test_quiet_shows_findings_only() -> None:
    text = shown(reports.weather(), quiet=True)
    assert "isolated" in text
    assert "beyond iqr" not in text
    assert "label" not in text


@pytest.mark.parametrize("report", ALL)
@pytest.mark.parametrize("width", [20, 21, 30, 36, 43, 57, 60, 79, 80, 81, 99, 119, 120, 160, 200, 400])
@pytest.mark.parametrize("unicode", [True, False])
def test_nothing_is_wider_than_the_terminal(report: Report, width: int, unicode: bool) -> None:
    for line in shown(report, width=width, unicode=unicode, next="nanclean init {path} -o nanclean.toml").splitlines():
        assert cell_len(line) <= width, line


@pytest.mark.parametrize("report", PLAIN)
def test_a_pipe_gets_plain_ascii(report: Report) -> None:
    assert shown(report).isascii()
    assert "\x1b" not in shown(report)


def test_colour_changes_nothing_but_the_colour() -> None:
    for report in ALL:
        plain, coloured = shown(report, unicode=True), shown(report, unicode=True, colour=True)
        assert "\x1b" in coloured
        assert [line.rstrip() for line in ESCAPES.sub("", coloured).splitlines()] == plain.splitlines()


@settings(max_examples=60)
@given(word=ANY_TEXT, width=st.integers(20, 130), colour=st.booleans())
def test_nothing_from_data_reaches_the_terminal_raw(word: str, width: int, colour: bool) -> None:
    text = shown(reports.hostile(word), width=width, colour=colour, verbose=True, next="nanclean init {path}")
    assert all(character.isprintable() for line in text.split("\n") for character in ESCAPES.sub("", line))
    assert all(cell_len(ESCAPES.sub("", line)) <= width for line in text.split("\n"))


def test_markup_is_text() -> None:
    for colour in (True, False):
        text = shown(reports.hostile("[red]x[/] :smile:"), colour=colour, width=200)
        assert "[red]x[/] :smile:" in ESCAPES.sub("", text)


def test_the_values_of_a_report_without_values_are_not_shown() -> None:
    text = shown(reports.weather().without_values())
    assert not any(value in text for value in ("1048", "42.57", "JFK", "2013", "55.4"))
    assert "line 1011" in text
    assert "3 values" in text


@pytest.mark.parametrize(
    ("environment", "terminal", "colour", "width"),
    [
        ({}, False, False, 80),
        ({}, True, True, 80),
        ({"NO_COLOR": "1"}, True, False, 80),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, 80),
        ({"FORCE_COLOR": "1"}, False, True, 80),
        ({"TERM": "dumb"}, True, False, 80),
        ({"COLUMNS": "200"}, False, False, 200),
        ({"COLUMNS": "1"}, True, True, 20),
        ({"COLUMNS": "rubbish"}, True, True, 80),
    ],
)
def test_the_view_heeds_the_environment(
    environment: dict[str, str], terminal: bool, colour: bool, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.__stdout__", None)

    class Stream(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return terminal

    view = View.of(Stream())
    assert (view.colour, view.width, view.unicode) == (colour, width, terminal and environment.get("TERM") != "dumb")

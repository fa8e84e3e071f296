"""The page of a cleaned table: what it says, that it fits, and that nothing from data can break it."""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import nanclean
from nanclean.renderer import View, render
from nanclean.renderers import _changes
from nanclean.renderers._beforeafter import pair_of
from nanclean.report import STILL, Output, Report
from tests import reports

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
ANY_TEXT = st.text(st.characters(codec=None), min_size=1, max_size=90)
PLAIN = [reports.fixed(), reports.refused(), reports.applied(), reports.untouched()]
ALL = [*PLAIN, reports.hostile_fix("a b"), reports.hostile_fix("漢字🙂" * 30)]
NEXT = "nanclean apply clean.recipe.json test.csv -o ..."


def shown(report: Report, name: str = "terminal", **more: Any) -> str:
    stream = io.StringIO()
    render(name, [report], stream, View(**more))
    return stream.getvalue()


def dry(report: Report) -> Report:
    """The same, if nothing was to be written."""
    assert report.output is not None
    output = msgspec.structs.replace(report.output, path=None, verified=False, recipe=None, copied=False, format=None)
    return msgspec.structs.replace(report, output=output)


FIXED = """\
weather.csv   26,115 rows x 11 columns   csv, utf-8, 2.3 MB
  rules: nanclean.toml (3) + built-in

rule                                  cells  rows  with
--------------------------------------------------------------------------------
wind_speed: isolated -> blank             1     .
wind_gust: missing -> drop_column    column     .  20,778 found
@numeric: missing -> impute(median)     468     .  5 medians

column      missing        mean            std             max
--------------------------------------------------------------------------------
wind_dir    460 -> 0  199.8 -> 200.1  107.3 -> 106.4   360
wind_speed    4 -> 0  10.52 -> 10.48  8.539 -> 5.627  1048 -> 42.58
temp dewp humid  1 each -> 0, mean and std the same to 4 digits
wind_gust  gone

still in the output, in full: nanclean scan clean.csv
warning  constant    year

26,115 rows in = 26,115 rows out + 0 set aside
verified: clean.csv read back; all 3 rules hold; 5 untouched columns are
          identical, character for character
written:  clean.csv (26,115 rows x 10 columns), clean.recipe.json
Next, for the test split: nanclean apply clean.recipe.json test.csv -o ...
"""
REFUSED = """\
weather.csv   26,115 rows x 11 columns   csv, utf-8, 2.3 MB
  rules: nanclean.toml (3) + built-in

rule                             cells  rows  with
--------------------------------------------------------------------------------
precip: zscore -> flag               .     .  357 found
wind_dir: missing <= 1% -> drop      .   460

wind_dir  460 -> 0, mean and std the same to 4 digits

error    missing     wind_dir: 460 cells
                     lines 59 252 ..
                     rule: wind_dir: missing <= 1% -> drop  (nanclean.toml:9)

still in the output:
warning  isolated    wind_speed 1
warning  missing     c7 7, c6 6, c5 5, c4 4, c3 3 and 2 more (-v)

26,115 rows in = 25,655 rows out + 460 set aside
x nothing written, because of 1 error
  wind_dir: missing: 460 of 26,115 (1.8%), allowed 1% (nanclean.toml:9)
"""
APPLIED = """\
weather.csv   26,115 rows x 11 columns   csv, utf-8, 2.3 MB
  rules: nanclean.toml (3) + built-in

rule                           cells  rows  with
--------------------------------------------------------------------------------
@float -> normalize(standard)     18     .  mean and std of 2 columns
@all: ragged -> drop               .     2

column     mean      std       min        max
--------------------------------------------------------------------------------
temp    55.3 -> ~0  9 -> 1  0 -> -2.5  100 -> 2.5
dewp    41.4 -> ~0  9 -> 1  0 -> -2.5  100 -> 2.5
precip_zscore  new

unlike the training data:
warning  unseen_category  origin: 19 cells of 1 category that is new: "LHR"

Notes not shown: 1 (-v).
26,115 rows in = 26,113 rows out + 2 set aside
verified: test.parquet read back; both rules hold; 1 untouched column is
          identical, cell by cell
written:  test.parquet (26,113 rows x 12 columns), test.rejected.parquet (2
          rows)
"""


@pytest.mark.parametrize(
    ("report", "following", "text"),
    [(reports.fixed(), NEXT, FIXED), (reports.refused(), None, REFUSED), (reports.applied(), None, APPLIED)],
)
def test_the_whole_page(report: Report, following: str | None, text: str) -> None:
    assert shown(report, next=following) == text


def test_what_is_still_there_is_told_apart_from_what_the_rules_say() -> None:
    report = nanclean.fix({"x": [1.0, None, 3.0], "y": [2.0, 2.0, 2.0]}, rules=["x: missing -> impute(mean)"])
    assert any(finding.message.startswith(STILL) for finding in report.findings)
    text = shown(report)
    assert "still in the output:\nwarning  constant    y\n" in text
    assert "fix:" not in text
    assert text.endswith("written:  nothing\n")  # a table in memory has no command line


def test_a_dry_run_writes_nothing_and_says_what_to_type() -> None:
    text = shown(dry(reports.fixed()))
    assert text.endswith(
        "written:  nothing (--dry-run)\nNext: the same with -o weather.clean.csv in place of --dry-run\n"
    )
    assert "verified" not in text
    assert "nothing would be written, because of 1 error" in shown(dry(reports.refused()))


def test_a_fix_that_changes_nothing_says_so() -> None:
    assert "nothing to fix: clean.csv is a copy of weather.csv, byte for byte\n" in shown(reports.untouched())
    text = shown(dry(reports.untouched()))
    assert "nothing to fix: the rules change nothing\n" in text
    assert "Next" not in text
    assert "nothing to fix" not in shown(reports.fixed())


def test_a_new_column_is_a_change() -> None:
    added = ["a_missing", *reports.weather().columns.names]
    output = Output(path=None, rows=reports.ROWS, rejected=0, verified=False, columns=added)
    text = shown(reports.untouched(output=output))
    assert "a_missing  new\n" in text
    assert "nothing to fix" not in text


def test_by_default_what_is_still_there_is_no_reason_to_refuse() -> None:
    assert _changes.reasons(reports.refused(), View(fail_on="error")) == [
        "wind_dir: missing: 460 of 26,115 (1.8%), allowed 1% (nanclean.toml:9)"
    ]
    strict = _changes.reasons(reports.refused(), View(fail_on="warning"))
    assert len(strict) == 9
    assert "wind_speed: isolated: 1 of 26,115 (<0.1%), still in the output" in strict
    text = shown(reports.refused(), fail_on="warning")
    assert "x nothing written, because of 9 findings (--fail-on warning)\n" in text
    assert "  and 6 more (-v)\n" in text
    assert _changes.reasons(reports.fixed(), View(fail_on="warning")) == []
    worse = [
        msgspec.structs.replace(finding, severity="error") if finding.rule == "isolated" else finding
        for finding in reports.refused().findings
    ]
    assert len(_changes.reasons(msgspec.structs.replace(reports.refused(), findings=worse), View(fail_on="error"))) == 1
    assert _changes.reasons(msgspec.structs.replace(reports.refused(), findings=worse[1:]), View(fail_on="error")) == [
        "wind_speed: isolated: 1 of 26,115 (<0.1%), still in the output"
    ]


def test_dropped_rows_that_nobody_keeps_are_not_set_aside() -> None:
    kept = reports.applied()
    assert kept.output is not None
    dropped = msgspec.structs.replace(kept, output=msgspec.structs.replace(kept.output, rejected_path=None))
    assert "+ 2 dropped\n" in shown(dropped)
    assert "+ 2 set aside\n" in shown(dry(kept))


def test_quiet_shows_findings_and_how_it_ended() -> None:
    text = shown(reports.fixed(), quiet=True, next=NEXT)
    assert "constant    year" in text
    assert text.endswith("written:  clean.csv (26,115 rows x 10 columns), clean.recipe.json\n")
    assert not any(word in text for word in ("impute", "column  ", "verified", "Next"))
    assert "allowed 1%" in shown(reports.refused(), quiet=True)


def test_verbose_shows_every_column_of_a_rule_and_every_note() -> None:
    text = shown(reports.fixed(), verbose=True)
    assert re.search(r"^  wind_speed +5 +\. +median 10\.357$", text, re.M)
    assert re.search(r"^  month +\. +\. +nothing found$", text, re.M)
    assert "3 reads of the input, 1.25 seconds\n" in text
    assert "c2 2, c1 1\n" in shown(reports.refused(), verbose=True)
    assert "new_column" in shown(reports.applied(), verbose=True)


def test_a_wide_terminal_shows_the_figures_that_did_not_change_and_what_was_learned() -> None:
    text = shown(reports.fixed(), width=130)
    assert re.search(r"^column +missing +mean +std +min +median +max$", text, re.M)
    assert "5 medians: temp 55.4, dewp 42.08, " in text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (10.0, 10.0, ("10", "")),
        (10.51748, 10.47771, ("10.52", "10.48")),
        (1017.8988, 1017.8675, ("1017.90", "1017.87")),
        (1.0, 1.00000001, ("1", "")),
        (1e300, 1.00001e300, ("1.00000e+300", "1.00001e+300")),
        (None, 3.5, ("none", "3.5")),
        (3.5, None, ("3.5", "none")),
        (None, None, ("", "")),
        (9007199254740992, 9007199254740993, ("9.007e+15", "")),
        ("2013-01-01", "2013-01-02", ("", "")),
    ],
)
def test_figures_have_as_many_digits_as_show_a_difference(before: object, after: object, told: tuple[str, str]) -> None:
    assert pair_of(before, after) == told


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_shown_difference_is_true_and_one_of_a_thousandth_is_shown(before: float, after: float) -> None:
    first, second = pair_of(before, after)
    assert not second or (before < after) == (float(first) < float(second))
    if second == "" and before != after:
        assert abs(before / 2 - after / 2) <= 1e-3 * max(abs(before), abs(after))


def test_several_details_are_told_in_few_words() -> None:
    def told(fix: str, *details: str, room: int = 24) -> str:
        changes = [
            reports.changed(f"@all: missing -> {fix}", f"c{n}", {}, {}, cells=1, detail=detail)
            for n, detail in enumerate(details)
        ]
        return _changes._details(changes, room)

    assert told("impute(median)", "median 3") == "median 3"
    assert told("impute(median)", "median 3", "median 3") == "median 3"
    assert told("impute(median)", "median 3", "median 4") == "2 medians"
    assert told("impute(median)", "median 3", "median 4", room=40) == "2 medians: c0 3, c1 4"
    assert told("impute(mode)", "mode a, b", "mode c") == "2 modes"
    assert told("impute(mode)", "mode 1.23456789012") == "mode 1.23456789012"
    assert told("normalize(robust)", "median 3, iqr 4", "median 5, iqr 6") == "median and iqr of 2 columns"
    assert told("clip", "above 545.4700000001", "below 2", "above 7") == "c0 above 545.47 .."


def test_many_rules_and_columns_stay_readable() -> None:
    figures = reports.figures
    columns = [reports.number(f"c{n}", 0, 1, 2) for n in range(1000)]
    changes = [
        reports.changed(f"c{n}: iqr -> clip", f"c{n}", figures(0, 0, n, 9, 9), figures(0, 0, n, 8, 8), cells=n % 2)
        for n in range(1000)
    ]
    output = Output(path=None, rows=reports.ROWS, rejected=0, verified=False, columns=[c.name for c in columns])
    report = msgspec.structs.replace(reports.cleaned(changes, [], output=output), columns=columns)
    text = shown(report)
    assert "and 500 rules that changed nothing (-v)\n" in text
    assert "and 984 more columns (-v)\n" in text
    assert len(shown(report, verbose=True).splitlines()) > 2000


@pytest.mark.parametrize("report", ALL)
@pytest.mark.parametrize("width", [20, 21, 30, 36, 43, 55, 56, 57, 60, 79, 80, 81, 99, 109, 110, 120, 121, 200, 400])
@pytest.mark.parametrize("verbose", [True, False])
def test_nothing_is_wider_than_the_terminal(report: Report, width: int, verbose: bool) -> None:
    for each in (report, dry(report)):
        for line in shown(each, width=width, verbose=verbose, unicode=verbose, next=NEXT).splitlines():
            assert cell_len(line) <= width, line


@pytest.mark.parametrize("report", PLAIN)
def test_a_pipe_gets_plain_ascii(report: Report) -> None:
    assert shown(report).isascii()
    assert shown(report, "text").isascii()


def test_colour_changes_nothing_but_the_colour() -> None:
    for report in ALL:
        plain, coloured = shown(report, unicode=True), shown(report, unicode=True, colour=True)
        assert "\x1b" in coloured
        assert [line.rstrip() for line in ESCAPES.sub("", coloured).splitlines()] == plain.splitlines()


@settings(max_examples=100)
@given(word=ANY_TEXT, width=st.integers(20, 150), colour=st.booleans(), verbose=st.booleans(), refused=st.booleans())
def test_nothing_from_data_reaches_the_terminal_raw(
    word: str, width: int, colour: bool, verbose: bool, refused: bool
) -> None:
    report = msgspec.structs.replace(reports.hostile_fix(word), exit_code=int(refused))
    text = shown(report, width=width, colour=colour, verbose=verbose, next="nanclean apply {path}")
    assert all(character.isprintable() for line in text.split("\n") for character in ESCAPES.sub("", line))
    assert all(cell_len(ESCAPES.sub("", line)) <= width for line in text.split("\n"))
    lines = shown(report, "text", verbose=verbose)
    assert all(character.isprintable() for line in lines.split("\n") for character in line)


def test_markup_is_text() -> None:
    for colour in (True, False):
        text = shown(reports.hostile_fix("[red]x[/] :smile:"), colour=colour, width=300)
        assert "[red]x[/] :smile:" in ESCAPES.sub("", text)


@pytest.mark.parametrize("messages", [True, False])
def test_a_report_without_values_shows_counts_and_no_value(messages: bool) -> None:
    values = ("1048", "42.58", "199.8", "200.1", "55.4", "220", "10.357")
    assert all(value in shown(reports.fixed(), verbose=True, width=150) for value in values)
    report = reports.fixed().without_values(messages=messages)
    for text in (shown(report, verbose=True, width=150), shown(report, "text", verbose=True)):
        assert not any(value in text for value in values)
    text = shown(report)
    assert "wind_dir  460 -> 0\n" in text
    assert re.search(r"drop_column +column +\. +20,778 found$", text, re.M)
    assert "wind_gust  gone\n" in text
    assert "still in the output, in full: nanclean scan clean.csv\nwarning  constant    year\n" in text


def test_lines_tell_what_each_rule_did_and_what_became_of_the_file() -> None:
    assert shown(reports.fixed(), "text") == (
        "weather.csv: wind_speed: isolated -> blank: 1 cell [fix]\n"
        "weather.csv: wind_gust: missing -> drop_column: 1 column gone [fix]\n"
        "weather.csv: @numeric: missing -> impute(median): 468 cells [fix]\n"
        "clean.csv: year: constant: still in the output: 2013 in every row [warning]\n"
        "WRITTEN  clean.csv, verified; 26,115 rows in = 26,115 rows out + 0 set aside\n"
    )
    assert shown(reports.refused(), "text", quiet=True).splitlines()[-1] == (
        "FAILED  nothing written: wind_dir: missing: 460 of 26,115 (1.8%), allowed 1% (nanclean.toml:9); "
        "26,115 rows in = 25,655 rows out + 460 set aside"
    )
    assert "precip: zscore -> flag: 357 flagged [fix]\n" in shown(reports.refused(), "text")
    assert shown(dry(reports.untouched()), "text") == (
        "DRY RUN  nothing written; 26,115 rows in = 26,115 rows out + 0 set aside\n"
    )
    assert "temp: infinite -> blank: nothing [fix]\n" in shown(reports.untouched(), "text", verbose=True)

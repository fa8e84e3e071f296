"""The report: the contract of its keys, valid JSON whatever it holds, values that can be hidden."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanclean.schemas
from nanclean.report import Column, Fences, Histogram, Report, Source
from tests import reports

KEYS = {
    "Report": "schema command exit_code source columns findings changes output comparison summary run",
    "Source": "path format bytes rows columns complete_rows ragged files blocks sample",
    "Sample": "share seed blocks of_blocks rows of_rows at_most confidence",
    "Column": "name type role count missing null nan empty token tokens pos_inf neg_inf finite zero negative "
    "unparsable min max mean std q1 median q3 mad outliers fences reason distinct constant top histogram "
    "missing_by_block missing_rows",
    "Outliers": "zscore iqr mad",
    "Fences": "zscore iqr mad",
    "Histogram": "edges counts",
    "Finding": "rule rule_text severity column count of share limit message hint rows lines where ranges policy_line "
    "sampled baseline",
    "Change": "rule column fix cells rows before after found detail",
    "Output": "path rows rejected verified rejected_path recipe format columns untouched copied",
    "Comparison": "path kind rows same columns",
    "Shift": "name old new measures at_least",
    "Side": "type count missing infinite finite min max mean std",
    "Summary": "error warning info",
    "Run": "version passes seconds jobs memory policy versions engine",
    "Workers": "name workers tasks sent received merged",
}
ODD_NUMBERS = st.one_of(st.floats(), st.integers(-(2**80), 2**80), st.none())
PLAIN = [reports.weather(), reports.healthy(), reports.embeddings(30)]
ALL = [*PLAIN, reports.hostile("\x1b[31m"), reports.hostile("\udcff")]
ANY_TEXT = st.text(st.characters(codec=None))


def strict(text: str) -> Any:
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", KEYS)
def test_the_keys_are_those_of_the_contract_in_their_order(name: str) -> None:
    published = json.loads((nanclean.schemas.FOLDER / "report-1.json").read_text(encoding="utf-8"))
    assert list(published["$defs"][name]["properties"]) == KEYS[name].split()
    assert published["$defs"][name]["required"] == KEYS[name].split()


def test_the_published_schemas_are_up_to_date() -> None:
    for name, text in nanclean.schemas.written().items():
        published = Path(nanclean.schemas.FOLDER, name).read_text(encoding="utf-8")
        assert published == text, "python -m nanclean.schemas writes them anew"


@pytest.mark.parametrize("report", ALL)
def test_every_report_obeys_the_schema(report: Report) -> None:
    schema = json.loads(nanclean.schemas.written()["report-1.json"])
    validator = jsonschema.Draft202012Validator(schema)
    value = strict(report.to_json())
    validator.validate(value)
    del value["columns"][0]["pos_inf"]
    assert not validator.is_valid(value)


@pytest.mark.parametrize("report", PLAIN)
def test_json_gives_the_report_back(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


@given(a=ODD_NUMBERS, b=st.floats(), c=ANY_TEXT, d=st.one_of(ODD_NUMBERS, st.booleans(), ANY_TEXT))
def test_what_is_not_finite_never_reaches_json(a: Any, b: float, c: str, d: Any) -> None:
    column = Column(
        name=c, type="float", min=a, max=a, mean=b, std=b, q1=b, median=b, q3=b, mad=b, top=[(d, 1)], tokens={c: 1},
        fences=Fences(iqr=(b, a)), histogram=Histogram(edges=[b, b], counts=[1, 2, 3]),
    )  # fmt: skip
    report = Report(source=Source(path=c), columns=[column])  # type: ignore[arg-type]
    text = report.to_json()
    assert all(character.isprintable() or character == "\n" for character in text)
    read = strict(text)["columns"][0]
    assert read["mean"] == (b if math.isfinite(b) else None)
    if isinstance(d, float) and not math.isfinite(d):
        assert read["top"][0][0] == str(d)
    assert report.columns[0].mean == read["mean"]
    assert Report.from_json(text).to_json() == text


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    report = reports.report([reports.number("n", 0, 1, 2**70 + 1, type="integer")], [])
    assert strict(report.to_json())["columns"][0]["max"] == 2**70 + 1
    assert Report.from_json(report.to_json()).columns["n"].max == 2**70 + 1


def test_columns_are_found_by_name_and_by_position() -> None:
    columns = reports.weather().columns
    assert columns["temp"].min == 10.94
    assert columns["temp"] is columns[3]
    assert columns[-1].name == "time_hour"
    assert [column.name for column in columns[:2]] == ["origin", "year"] == columns.names[:2]
    assert "temp" in columns
    assert "tmp" not in columns
    with pytest.raises(KeyError, match="did you mean 'temp'"):
        columns["tmep"]


def test_a_text_that_is_no_report_is_a_value_error() -> None:
    for text in ("", "{}", "[1]", '{"schema": "nanclean.report/2", "source": {"path": "x"}}'):
        with pytest.raises(ValueError):
            Report.from_json(text)


def test_without_values_no_value_is_left() -> None:
    column = reports.number("n", 1234.5, 2345.5, 3456.5, top=[("secret", 3)])
    finding = reports.found(
        "isolated", "n", count=2, message="2 values: 3456.5\nThe next is 2345.5",
        hint="n: isolated -> blank\nn: range(0, 2345.5) -> clip\nn: standin -> fill(1234.5)", **reports.on_lines(7),
    )  # fmt: skip
    text = reports.report([column], [finding]).without_values().to_json()
    assert not any(value in text for value in ("1234.5", "2345.5", "3456.5", "secret"))
    hidden = strict(text)
    assert hidden["findings"][0]["message"] == "2 of 26,115"
    assert hidden["findings"][0]["hint"] == "n: isolated -> blank"
    assert hidden["findings"][0]["lines"] == [7]
    assert hidden["columns"][0]["histogram"]["counts"] == column.histogram.counts  # type: ignore[union-attr]


def test_a_file_that_was_not_read_has_a_report_that_says_so() -> None:
    report = Report.not_read("x.csv", "no such file", "look again", command="check", exit_code=3)
    assert (report.exit_code, report.source.rows, report.summary.error) == (3, None, 1)
    assert report.findings[0].message == "no such file"
    assert strict(report.to_json())["columns"] == []


def test_a_report_shows_itself_in_a_terminal() -> None:
    shown = repr(reports.weather())
    assert shown.startswith("weather.csv   26,115 rows x 11 columns")
    assert "fix: wind_speed: isolated -> blank" in shown


def test_a_report_shows_itself_in_a_notebook_with_everything_escaped() -> None:
    html = reports.hostile("<script>alert(1)</script>&\x1b[31m")._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html


def test_rich_prints_a_report() -> None:
    from rich.console import Console

    console = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(reports.hostile("[red]x[/red]"))
    text = console.export_text()
    assert "[red]x[/red]" in text
    assert max(map(len, text.splitlines())) <= 60


def test_a_report_can_be_changed_into_another() -> None:
    report = msgspec.structs.replace(reports.weather(), command="check")
    assert (report.command, report.columns["temp"].min) == ("check", 10.94)

"""Markdown: rendered by parsers of it, nothing from the data becomes anything but text."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nanclean.escaping import escaped
from nanclean.renderer import View, render
from nanclean.renderers.markdown import code, prose
from nanclean.report import Comparison, Report, Shift, Side
from tests import reports

OURS = frozenset("h3 p table thead tbody tr th td code pre strong br ul li details summary".split())
SEEN = re.compile(  # what GitHub makes something of in text that is not code
    r"@\w|#\d|://|www\.|:[\w+-]+:|\$|GH-\d|\bmailto:|\bxmpp:|`|\*\*|~~", re.IGNORECASE
)


class Page(HTMLParser):
    """Tags that are not ours, text outside of code, tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.foreign: list[str] = []
        self.outside: list[str] = []
        self.codes: list[str] = []
        self.tables: list[list[int]] = []
        """The cells of each row of each table."""
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, "something is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in OURS:
            self.foreign.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += 1
            self.cells.append("")
        if tag == "code":
            self.codes.append("")
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == "br" or self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open:
            self.cells[-1] += data
        if "code" in self._open:
            self.codes[-1] += data
        else:
            self.outside.append(data)


def common(text: str) -> str:
    """As the CommonMark parser in Python renders it, with tables."""
    return MarkdownIt("commonmark").enable("table").enable("strikethrough").render(text)


def github(text: str) -> str:
    """As GitHub's own parser renders it: with links out of bare addresses, and HTML as it is."""
    cmarkgfm = pytest.importorskip("cmarkgfm", reason="GitHub's parser is not installed")
    return str(cmarkgfm.github_flavored_markdown_to_html(text, cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))


def written(*given: Report, **more: Any) -> str:
    stream = io.StringIO()
    render("markdown", given, stream, View(**more))
    text = stream.getvalue()
    assert len(text.encode("utf-8", "backslashreplace")) < 60_000
    return text


NASTY = (
    "a|b", "a\\|b", "a\\\\|b", "`", "``|`", "<script>alert(1)</script>", "@octocat", "#123", "[x](http://evil.com)",
    "![x](http://evil.com/x.png)", "http://evil.com", "www.evil.com", "a@b.com", "GH-12", ":+1:", "$x$", "**b**", "_x_",
    "~~x~~", "\n\n# h", "\x1b[2J", "\u202e", "&lt;", "&#64;octocat", "\\", "\\`", "`\\|`", " ", "", "- x", "1. x",
    "---", "===", "deadbeef1", "x" * 5000, "`" * 500, "|" * 500, "`|" * 300, "</summary></details><img src=x>", "<!--",
    "-->", "owner/repo#1", "\\|`x`\\|", "\t", "é中文", "\udc80", "[^1]", "> q", "```", "{{x}}", "mailto:a", "xmpp:x",
)  # fmt: skip


def judged(text: str, parser: Any) -> Page:
    page = Page(parser(text))
    assert page.foreign == []
    outside = "\0".join(page.outside)
    assert not SEEN.search(outside), SEEN.search(outside)
    assert all(len(set(rows)) == 1 for rows in page.tables)
    return page


@pytest.mark.parametrize("parser", [common, github])
@pytest.mark.parametrize("name", reports.every())
def test_every_report_is_rendered(name: str, parser: Any) -> None:
    judged(written(reports.every()[name], fail_on="error"), parser)


@pytest.mark.parametrize("parser", [common, github])
@pytest.mark.parametrize("word", NASTY)
def test_nothing_nasty_is_more_than_text(word: str, parser: Any) -> None:
    for made in (
        reports.hostile(word),
        reports.hostile_fix(word),
        reports.unread(word, message=word, hint=word),
        compared(word),
    ):
        judged(written(made, verbose=True), parser)


@pytest.mark.parametrize("parser", [common, github])
@settings(deadline=None, max_examples=100)
@given(word=st.one_of(st.text(st.characters(), max_size=30), st.text("`|\\<>@#[]()!*_~$&:/-+=. ab1\n", max_size=12)))
def test_nothing_at_all_is_more_than_text(parser: Any, word: str) -> None:
    for made in (reports.hostile(word), reports.hostile_fix(word)):
        judged(written(made, verbose=True), parser)


@pytest.mark.parametrize("parser", [common, github])
@settings(deadline=None, max_examples=200)
@given(word=st.text("`|\\ab <&*_", min_size=1, max_size=12))
def test_code_says_the_text_itself_also_in_a_table(parser: Any, word: str) -> None:
    (told,) = judged(f"| a | b |\n| --- | --- |\n| {code(word)} | x |\n", parser).codes
    wanted = word if word.strip() else repr(word)
    assert told.replace("\\x7c", "|") == wanted


@pytest.mark.parametrize("parser", [common, github])
@settings(deadline=None, max_examples=200)
@given(word=st.text(min_size=1, max_size=20))
def test_prose_says_the_text_itself(parser: Any, word: str) -> None:
    said = judged(f"| a | b |\n| --- | --- |\n| {prose(word)} | x |\n", parser).cells[2]
    wanted = escaped(word) if escaped(word).strip() else repr(escaped(word))
    assert said.replace("\\x7c", "|").split() == wanted.split()


def test_a_bar_after_a_backslash_is_spelled_out_as_parsers_do_not_agree_on_it() -> None:
    assert code("a\\|b|c") == "`a\\\\x7cb\\|c`"


def test_harmless_text_is_prose_and_the_rest_is_code() -> None:
    assert prose('2 cells are no numbers: "ground"') == '2 cells are no numbers: "ground"'
    assert prose("rent_per_area < 5") == "rent\\_per\\_area &lt; 5"
    assert prose("-999 in 24 cells") == "-999 in 24 cells"
    assert prose("ask @octocat") == "`ask @octocat`"
    assert prose("see http://x") == "`see http://x`"
    assert prose("- x") == "`- x`"


def test_the_verdict_comes_first() -> None:
    failed = msgspec.structs.replace(reports.embeddings(5), exit_code=1)
    assert written(reports.weather(), failed, fail_on="error").splitlines()[:3] == [
        "### nanclean: FAILED, 1 error, 8 warnings in 2 files", "", "Warnings pass; `--strict` fails on them.",
    ]  # fmt: skip
    assert written(reports.healthy(), fail_on="error").startswith("### nanclean: PASSED, nothing found in 1 file\n")
    assert written(reports.weather()).startswith("### nanclean: FOUND, 8 warnings in 1 file\n")
    assert written(reports.unread(), fail_on="error").startswith("### nanclean: FAILED, 1 file not read\n")
    compared = written(reports.compared(), fail_on="error")
    assert compared.startswith("### nanclean: FAILED, 1 error, 1 warning in 1 file; 1 known\n")


def test_a_finding_is_a_row() -> None:
    rows = [
        line for line in written(reports.embeddings(3), reports.positions()).splitlines() if line.startswith("| **")
    ]
    assert rows == [
        "| **error** | `weather.csv:6` | `emb_0017` | infinite | 4 infinite values, all inf |",
        "| **error** | `data/x.npy`<br>`x[1009, 3]` | `c3` | infinite | 2 infinite values: all inf |",
    ]


def test_the_baseline_has_a_column_where_there_is_one() -> None:
    text = written(reports.compared(), verbose=True)
    assert "| found | baseline |" in text
    assert [line.rsplit("| ", 1)[1] for line in text.splitlines() if " infinite values | " in line] == [
        "new |",
        "known |",
    ]
    assert "2 infinite values" not in written(reports.compared())
    assert "baseline" not in written(reports.weather())


def test_hints_can_be_pasted() -> None:
    text = written(reports.weather())
    block = text.partition("```text\n")[2].partition("```")[0]
    assert block.splitlines()[:2] == ["wind_speed: isolated -> blank", "wind_gust: missing -> drop_column"]
    assert "```" not in written(reports.healthy())
    assert "look at line 3" in written(reports.unread())


def test_the_figures_of_the_columns_are_folded_below() -> None:
    text = written(reports.weather())
    folded = text.partition("<details>")[2].partition("</details>")[0]
    assert "<code>weather.csv</code>: 26,115 rows x 11 columns, 4,980 complete rows" in folded
    assert "| `wind_gust` | float | 20,778 (79.6%) | 16.11 | 24.17 | 66.75 | 24.17 | 1.5 | missing |" in folded
    assert "<details>" not in written(reports.weather(), quiet=True)


def test_a_fix_tells_what_changed_before_and_after() -> None:
    text = written(reports.fixed(), fail_on="error")
    assert text.startswith("### nanclean: WRITTEN, verified\n\n`clean.csv`\n")
    assert "| `wind_gust: missing -> drop_column` | 1 column gone |" in text
    assert "| `wind_speed` | 4 → 0 | float | 10.52 → 10.48 | 8.539 → 5.627 | 1048 → 42.58 |" in text
    assert "| `wind_gust` | 20,778 | float → gone | 25 | 6 | 67 |" in text
    assert "2013 in every row<br>Still in the output." in text
    assert "26,115 rows in = 26,115 rows out" in text
    refused = written(reports.refused(), fail_on="error")
    assert refused.startswith("### nanclean: FAILED, nothing was written\n\n- wind\\_dir: missing: 460 of 26,115")
    dry = msgspec.structs.replace(reports.fixed().output, path=None)  # type: ignore[type-var]
    assert written(reports.fixed(output=dry)).startswith("### nanclean: DRY RUN, nothing was written\n")


def compared(word: str = "train.csv", **more: Any) -> Report:
    """A table against an older one: one column shifted, one gone, one new."""
    old = Side(type="float", count=100, missing=1, infinite=0, finite=99, min=0, max=9, mean=4.5, std=2)
    new = msgspec.structs.replace(old, missing=30, mean=7.25)
    shifts = [
        Shift(name="same", old=old, new=old, measures={"psi": 0.0, "ks": None}),
        Shift(name="moved", old=old, new=new, measures={"psi": 0.31, "ks": 0.2}, at_least=["ks"]),
        Shift(name=f"{word} gone", old=msgspec.structs.replace(old, type=word), measures={}),
        Shift(name="come", new=old),
    ]
    finding = reports.found("psi", "moved", message="0.31")
    made = Comparison(**{"path": word, "kind": "data", "rows": 100, "columns": shifts} | more)  # type: ignore[arg-type]
    return reports.report([reports.number("moved", 0, 1, 2)], [finding], comparison=made)


def test_a_comparison_tells_before_and_now() -> None:
    text = written(compared())
    assert "Against `train.csv`, 100 rows.\n" in text
    rows = [line for line in text.partition("Before and now")[2].partition("</details>")[0].splitlines() if "`" in line]
    assert rows == [
        "| `moved` | float | 1.0% → 30.0% | 4.5 → 7.25 | 2 | 0 | 9 | psi 0.31, ks at least 0.2 |",
        "| `same` | float | 1.0% | 4.5 | 2 | 0 | 9 |  |",
        "| `train.csv gone` | train.csv gone | 1.0% | 4.5 | 2 | 0 | 9 |  |",
        "| `come` | float new | 1.0% | 4.5 | 2 | 0 | 9 |  |",
    ]
    assert "No difference: every column holds the same values" in written(compared(same=True))


@pytest.mark.parametrize("parser", [common, github])
def test_it_fits_a_comment_and_says_what_does_not(parser: Any) -> None:
    columns = [reports.number(f"emb_{n:05}", -3, 0, 3) for n in range(3_000)]
    findings = [
        reports.found(
            rule, column.name, message="x" * 400, hint=f"{column.name}: {rule} -> blank", **reports.on_lines(7)
        )
        for column in columns
        for rule in ("infinite", "missing")
    ]
    text = written(reports.report(columns, findings))
    page = judged(text, parser)
    shown = text.count("| warning |")
    assert 20 < shown < 6_000
    assert f"and {6_000 - shown:,} more findings: `nanclean scan weather.csv --json -`" in text
    rules = text.partition("```text\n")[2].partition("```")[0].count("\n")
    assert f"and {6_000 - rules:,} more rules" in text
    assert "and 2,900 more columns" in text
    assert [len(rows) for rows in page.tables] == [1 + shown, 1 + 100]


def test_many_files_fit_too() -> None:
    text = written(*[reports.weather()] * 300)
    shown = text.count("| warning |")
    assert f"and {2_400 - shown:,} more findings: `nanclean scan weather.csv --json -`" in text
    folded = text.count("<details>")
    assert f"and the columns of {300 - folded:,} more files" in text
    assert text.count("</details>") == folded


def test_nothing_that_varies_is_told() -> None:
    varied = msgspec.structs.replace(reports.fixed().run, seconds=9.5, jobs=7, memory=12_345_678)
    assert written(msgspec.structs.replace(reports.fixed(), run=varied)) == written(reports.fixed())

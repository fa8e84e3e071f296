"""The page for the browser: what it says, that nothing from data becomes markup, and that it stays small."""

from __future__ import annotations

import base64
import hashlib
import html as html_escapes
import io
import math
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanclean
from nanclean.policy import from_options
from nanclean.renderer import View, render
from nanclean.renderers import _drawing as drawing
from nanclean.renderers._alike import groups
from nanclean.renderers._page import Page
from nanclean.report import Column, Comparison, Fences, Histogram, Outliers, Report, Run, Shift, Side, Source
from tests import reports

NOT_READ = Report.not_read("data/broken.csv", "line 17: a quote is open", "close it", command="check", exit_code=3)
ALL = {
    "weather": [reports.weather()],
    "healthy": [reports.healthy()],
    "embeddings": [reports.embeddings(768)],
    "fixed": [reports.fixed()],
    "refused": [reports.refused()],
    "applied": [reports.applied()],
    "untouched": [reports.untouched()],
    "hidden": [reports.weather().without_values()],
    "hidden fix": [reports.fixed().without_values()],
    "hostile": [reports.hostile("<b>'\"&")],
    "hostile fix": [reports.hostile_fix("<b>'\"&")],
    "not read": [NOT_READ],
    "several": [reports.weather(), reports.healthy(), NOT_READ, reports.fixed()],
    "none": [],
}
VOID = {"meta", "link", "input", "br"}
OPEN_ENDED = {"tr", "td", "th"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "</svg></title></textarea>-->",
    "' onmouseover='alert(1)",
    "{{7*7}}{% for x in y %}{#",
    "]]><!--",
    "&lt;b&gt;&amp;&#60;",
    "\u202eevil\u2066\u200b",
    "\ud800\x00\x1b[31m\x7f",
    "javascript:alert(1)",
]


class Element:
    """An element as the parser of the standard library sees it."""

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element] = []
        self.own = ""
        self.whole = ""

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """All elements below it of this tag and with these attributes; class_ is one of the classes."""
        found = []
        for child in self.children:
            named = {key.replace("_", "-"): value for key, value in attributes.items() if key != "class_"}
            has = all(child.attributes.get(key) == value for key, value in named.items())
            classes = (child.attributes.get("class") or "").split()
            if (not tag or child.tag == tag) and has and attributes.get("class_", "") in ["", *classes]:
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        return " ".join(self.whole.split())


class Tree(HTMLParser):
    """A page as a tree. An end tag that ends nothing is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("", {}, None)
        self.feed(page)
        self.close()
        assert self.open is self.root, f"<{self.open.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in OPEN_ENDED:  # the next cell or row ends this one
            ends = {"td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr")}[tag]
            while self.open.tag in ends:
                self._end()
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        made = Element(tag, dict(attrs), self.open)
        self.open.children.append(made)
        if tag not in VOID:
            self.open = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.children.append(Element(tag, dict(attrs), self.open))

    def handle_endtag(self, tag: str) -> None:
        while self.open.tag in OPEN_ENDED and self.open.tag != tag:
            self._end()
        assert self.open.tag == tag, f"</{tag}> in <{self.open.tag}>"
        self._end()

    def handle_data(self, data: str) -> None:
        self.open.own += data
        place: Element | None = self.open
        while place is not None:
            place.whole += data
            place = place.parent

    def _end(self) -> None:
        assert self.open.parent is not None
        self.open = self.open.parent


def page_of(*shown: Report, **view: Any) -> str:
    stream = io.StringIO()
    render("html", shown, stream, View(**view))
    return stream.getvalue()


def tree_of(*shown: Report) -> Element:
    return Tree(page_of(*shown)).root


def findings_of(tree: Element) -> list[Element]:
    return tree.all("li", class_="finding")


# --- the page as a page


@pytest.mark.parametrize("shown", ALL.values(), ids=list(ALL))
def test_every_page_is_well_formed_and_points_at_what_is_there(shown: list[Report]) -> None:
    tree = tree_of(*shown)
    ids = [element.attributes["id"] for element in tree.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    for element in tree.all():
        href = element.attributes.get("href") or ""
        assert href.startswith(("#", "data:image/svg+xml,")) or not href, href
        if href.startswith("#"):
            assert href[1:] in ids, href
        for name in ("aria-labelledby", "aria-controls", "data-copy-from"):
            for target in (element.attributes.get(name) or "").split():
                assert target in ids, target


@pytest.mark.parametrize("shown", ALL.values(), ids=list(ALL))
def test_headings_are_in_order_and_the_page_has_its_landmarks(shown: list[Report]) -> None:
    tree = tree_of(*shown)
    levels = [int(element.tag[1]) for element in tree.all() if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), levels
    assert [len(tree.all(tag)) for tag in ("header", "main", "footer", "nav")] == [1] * 4
    assert tree.one("html").attributes["lang"] == "en"
    for svg in tree.all("svg"):  # said in words, or said elsewhere
        inside_hidden = svg.attributes.get("aria-hidden") == "true"
        assert inside_hidden or svg.attributes.get("aria-label") or svg.parent.parent.tag == "tr", svg.attributes  # type: ignore[union-attr]
    for control in tree.all("input") + tree.all("button") + tree.all("select"):
        assert control.attributes.get("aria-label") or control.text or control.parent.tag == "label" \
            or "data-further" in control.attributes  # type: ignore[union-attr]  # fmt: skip


@pytest.mark.parametrize("shown", ALL.values(), ids=list(ALL))
def test_nothing_is_loaded_and_only_what_the_policy_names_is_run(shown: list[Report]) -> None:
    page = page_of(*shown)
    tree = Tree(page).root
    policy = tree.one("meta", http_equiv="Content-Security-Policy").attributes["content"] or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        element = tree.one(tag)
        digest = base64.b64encode(hashlib.sha256(element.own.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
        assert "</" not in element.own
    for element in tree.all():
        assert "style" not in element.attributes
        assert "src" not in element.attributes
        assert not any(name.startswith("on") for name in element.attributes)
        assert element.tag not in ("img", "iframe", "object", "embed", "form", "base")
    assert not re.search(r"url\((?!#)|@import", tree.one("style").own)


def test_the_same_report_gives_the_same_bytes_and_how_it_was_run_leaves_no_trace() -> None:
    first = reports.weather()
    run = Run(version=None, passes=9, seconds=12.5, jobs=17, memory=123_456, policy="built-in", versions={"numpy": "9"})
    second = msgspec.structs.replace(Report.from_json(first.to_json()), run=run)
    assert page_of(first) == page_of(second) == first.to_html()


# --- text from data


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("made", [reports.hostile, reports.hostile_fix])
def test_text_from_data_never_becomes_markup(word: str, made: Any) -> None:
    """The elements and attributes are those of a page about a harmless name, so the name has added none."""

    def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(element.tag, tuple(element.attributes)) for element in Tree(page).root.all()]

    assert shape(page_of(made(word))) == shape(page_of(made("harmless" * max(1, len(word) // 8))))


@pytest.mark.parametrize("word", HOSTILE)
def test_what_cannot_be_seen_is_spelled_out(word: str) -> None:
    for page in (page_of(reports.hostile(word)), page_of(reports.hostile_fix(word)), reports.hostile(word).to_html()):
        assert all(character == "\n" or character.isprintable() for character in page)
        page.encode()


def test_a_name_is_shown_as_it_is() -> None:
    tree = tree_of(reports.report([reports.number("{{7*7}} <b>", 0, 1, 2)], []))
    assert tree.one("article", class_="card").one("h3").text == "{{7*7}} <b>"


def test_a_name_as_long_as_a_book_does_not_make_a_book() -> None:
    report = reports.hostile("x" * 100_000)
    assert len(page_of(report)) < 250_000
    assert len(page_of(reports.hostile_fix("y" * 100_000))) < 250_000


@given(word=st.text(max_size=30))
def test_any_text_makes_a_page(word: str) -> None:
    page = page_of(reports.hostile(word))
    Tree(page)
    assert "<script" not in page.replace("<script>", "", 1)


# --- what it says


def test_the_verdict_and_what_was_read_come_first() -> None:
    tree = tree_of(reports.weather())
    hero = tree.one("div", class_="hero")
    assert hero.one("h1").text == "weather.csv"
    assert hero.one("p", class_="verdict").text == "8 warnings of 3 kinds, no errors"
    assert hero.one("p", class_="meta").text == "26,115 rows × 11 columnscsv, utf-8, 2.3 MBrules: built-in"
    tiles = {tile.one("dt").text: tile.one("dd").text for tile in hero.all("div", class_="tile")}
    assert tiles["complete rows"] == "4,980 19.1% of 26,115 rows"
    assert tiles["missing cells"] == "21,245 7.4% of all, in 6 columns"
    assert tree.one("head").one("title").text == "weather.csv: 8 warnings of 3 kinds, no errors · nanclean"
    assert "nothing wrong found" in tree_of(reports.healthy()).one("p", class_="verdict").text


def test_findings_are_listed_worst_first_with_all_there_is_to_say() -> None:
    bad = reports.found(
        "range", "temp", severity="error", count=3, message="3 values beyond 0 and 50\nThe largest is 100.",
        limit="1%", policy_line="nanclean.toml:9", rule_text="temp: range(0, 50) <= 1%",
        hint="temp: range(0, 50) -> clip\nOr ask who wrote it.", baseline="worse", **reports.on_lines(7, 8, 9),
    )  # fmt: skip
    weather = reports.weather()
    report = msgspec.structs.replace(weather, findings=[*weather.findings, bad])
    found = findings_of(tree_of(report))
    assert [each.attributes["data-severity"] for each in found] == ["error"] + ["warning"] * 8 + ["info"]
    assert found[0].one("a").text == "temp"
    said = found[0].text
    for word in (
        "error range", "worse", "3 values beyond 0 and 50", "The largest is 100.", "lines 7 8 9", "allowed 1%",
        "nanclean.toml:9", "temp: range(0, 50) <= 1%", "fix temp: range(0, 50) -> clip", "Or ask who wrote it.",
    ):  # fmt: skip
        assert word in said, word
    assert [each.one("a").text for each in found[2:4]] == ["wind_gust", "wind_dir"], "the most cells first"
    gust = found[2].one("svg", class_="meter").all("rect", class_="k-bad")
    assert gust[0].attributes["width"] == "79.56"


def test_every_finding_is_linked_with_its_column_both_ways() -> None:
    tree = tree_of(reports.weather())
    for found in findings_of(tree):
        card = next(
            c
            for c in tree.all("article", class_="card")
            if "#" + (c.attributes["id"] or "") == found.one("a").attributes["href"]
        )
        assert "#" + (found.attributes["id"] or "") in [link.attributes["href"] for link in card.all("a")]


def test_controls_are_there_from_ten_findings_on() -> None:
    few, many = reports.weather(), reports.weather()
    many = msgspec.structs.replace(many, findings=[*many.findings, reports.found("names", None)])
    assert len(few.findings) == 9
    for report, there in ((few, 0), (many, 1)):
        section = next(s for s in tree_of(report).all("section") if "data-findings" in s.attributes)
        assert len(section.all("input")) == there
        assert len(section.all("select")) == there


def test_all_fixes_together_are_a_policy_that_can_be_read() -> None:
    weather = reports.weather()
    odd = reports.found("isolated", 'a "b"\\', hint="'a \"b\"\\\\': isolated -> blank")
    report = msgspec.structs.replace(weather, findings=[*weather.findings, odd])
    policy = tomllib.loads(tree_of(report).one("pre", id="rules").whole)
    assert policy["version"] == 1
    assert set(policy["rules"]) == {
        "wind_speed, 'a \"b\"\\\\': isolated -> blank", "wind_gust: missing -> drop_column",
        "year: constant -> drop_column", "@numeric: missing -> impute(median)",
    }  # fmt: skip
    assert policy["rules"][-1] == "@numeric: missing -> impute(median)", "what fills comes last"
    assert not from_options(rules=policy["rules"]).mistakes


def test_a_card_tells_type_role_figures_and_kinds_of_missing_cells() -> None:
    column = reports.number(
        "x", 0, 5, 10, missing=6, null=1, nan=2, empty=1, token=2, tokens={"NA": 1, "?": 1}, role="label", pos_inf=4
    )
    card = tree_of(reports.report([column], [])).one("article", class_="card")
    assert [tag.text for tag in card.all("span", class_="tag")] == ["float", "label"]
    assert "6 missing" in card.one("div", class_="gaps").text
    assert [kind.text for kind in card.one("ul", class_="kinds").all("li")] == [
        "1 null", "2 NaN", "1 empty", '2 "NA" 1, "?" 1',
    ]  # fmt: skip
    bars = card.one("div", class_="gaps").one("svg", class_="meter").all("rect")
    assert [bar.attributes["class"] for bar in bars] == ["track", "k-null", "k-nan", "k-empty", "k-token"]
    figures = {pair.one("dt").text: pair.one("dd").text for dl in card.all("dl") for pair in dl.all("div")}
    assert figures["median"] == "5"
    assert figures["+inf"] == "4"
    assert list(figures)[:6] == ["min", "q1", "median", "q3", "max", "distinct"]


def test_a_card_says_why_outliers_are_not_judged_and_what_is_frequent() -> None:
    tree = tree_of(reports.weather())
    cards = {card.one("h3").text: card.text for card in tree.all("article", class_="card")}
    assert "zscore 357" in cards["precip"]
    assert "not judged: iqr is 0" in cards["precip"]
    assert "one value" in cards["year"]
    assert "JFK" in cards["origin"]
    assert "33.3%" in cards["origin"] or "%" in cards["origin"]
    assert "2013-01-01 06:00" in cards["time_hour"]


def test_the_map_shows_where_in_the_file_cells_are_missing() -> None:
    blocks = [(1, 100), (101, 200), (201, 300), (301, 350)]
    columns = [
        reports.number("hole", 0, 1, 2, missing=60, missing_by_block=[0, 50, 10, 0]),
        reports.number("whole", 0, 1, 2, missing_by_block=[0, 0, 0, 0]),
        reports.number("all", 0, 1, 2, missing=350, missing_by_block=[100, 100, 100, 50]),
        reports.number("one", 0, 1, 2, missing=1, missing_by_block=[0, 0, 0, 1]),
    ]
    made = reports.report(columns, [])
    source = msgspec.structs.replace(made.source, rows=350, blocks=blocks)
    tree = tree_of(msgspec.structs.replace(made, source=source))
    rows = {row.one("th").text: row for row in tree.one("table", class_="map").one("tbody").all("tr")}
    assert list(rows) == ["hole", "all", "one"]
    assert [title.text for title in rows["hole"].all("title")] == [
        "rows 101 to 200: 50 of 100 missing", "rows 201 to 300: 10 of 100 missing",
    ]  # fmt: skip
    assert rows["hole"].one("td", class_="told").children[0].text == "most in rows 101 to 200: 50.0%"
    assert rows["hole"].one("span", class_="vh").text == "; rows 101 to 200: 50, rows 201 to 300: 10", "and in words"
    assert rows["all"].one("td", class_="told").text == "throughout the file"
    assert [title.text for title in rows["all"].all("title")] == ["rows 1 to 350: 350 of 350 missing"]
    assert rows["one"].one("td", class_="told").text == "only in rows 301 to 350"
    assert not tree_of(reports.weather()).all("table", class_="map"), "one block says nothing"


def test_a_file_that_was_not_read_has_a_page_that_claims_nothing() -> None:
    tree = tree_of(NOT_READ)
    assert tree.one("p", class_="verdict").text == "could not be read"
    main = tree.one("main").text
    assert "line 17: a quote is open" in main
    assert "close it" in main
    assert "Exit code 3" in main
    assert not tree.all("article", class_="card")
    assert not tree.all("div", class_="tile")


def test_several_reports_share_a_page_with_an_index() -> None:
    tree = tree_of(*ALL["several"])
    index = tree.one("section", id="index")
    assert index.one("p", class_="verdict").text == "9 warnings; 1 file not read"
    rows = index.one("tbody").all("tr")
    assert [row.one("th").text for row in rows] == ["weather.csv", "good.csv", "data/broken.csv", "weather.csv"]
    assert [row.one("a").attributes["href"] for row in rows] == ["#r1", "#r2", "#r3", "#r4"]
    assert "could not be read" in rows[2].text


def test_a_report_without_values_shows_counts_only() -> None:
    for made, words in ((reports.weather(), ["1048", "10.36", "55.4", "JFK"]), (reports.fixed(), ["1048", "10.48"])):
        assert all(word in page_of(made) for word in words)
        page = page_of(made.without_values())
        body = page[page.index("<main") :]
        assert not [word for word in words if word in body]
    tree = tree_of(reports.weather().without_values())
    temp = next(card for card in tree.all("article", class_="card") if card.one("h3").text == "temp")
    assert len(temp.one("svg", class_="hist").all("rect")) == 39, "the shape is there"
    assert not temp.one("svg", class_="hist").all("text")
    assert "1 missing" in temp.text


def test_a_comparison_shows_both_sides_and_its_measures() -> None:
    old, new = Side(type="float", count=10, missing=1, mean=1.0), Side(type="float", count=10, missing=5, mean=2.0)
    shifts = [
        Shift(name="temp", old=old, new=new, measures={"ks": 0.25, "psi": 12.3456}, at_least=["ks"]),
        Shift(name="gone<b>", old=old, measures={"ks": None}),
    ]
    comparison = Comparison(path="old.csv", kind="data", rows=7, columns=shifts)
    tree = tree_of(msgspec.structs.replace(reports.weather(), comparison=comparison))
    section = tree.one("section", id="compared")
    assert "old.csv, 7 rows" in section.text
    rows = [[cell.text for cell in row.children] for row in section.one("tbody").all("tr")]
    assert rows[0] == ["temp", "10.0% → 50.0%", "1 → 2", "", "≥ 0.25", "12.3"]
    assert rows[1] == ["gone<b>", "is gone", "", "", "", ""]
    assert not tree_of(reports.weather()).all("section", id="compared")


# --- what was changed


def drawn_fix(fix: str = "impute(median)") -> Report:
    before = reports.number("x", 0, 5, 10, missing=4, token=4)
    after = {"edges": [i / 4 for i in range(41)], "counts": [1, *([5] * 40), 2]}
    figures = reports.figures(4, 0, 5, 10, 3), reports.figures(0, 0, 5.25, 10, 2.5, histogram=after)
    change = reports.changed(f"x: missing -> {fix}", "x", *figures, cells=4, found=4, detail="median 5")
    again = reports.changed(f"x: iqr -> {fix}", "x", figures[0], reports.figures(0, 0, 5.25, 10, 2.5))
    made = reports.cleaned([change, again], [])
    return msgspec.structs.replace(made, columns=[before])


def test_a_fix_shows_its_rules_the_figures_and_both_histograms_in_one_picture() -> None:
    tree = tree_of(drawn_fix())
    hero = tree.one("div", class_="hero")
    assert hero.one("p", class_="verdict").text == "written and verified"
    assert "26,115 rows in = 26,115 rows out + 0 set aside" in hero.text
    assert "clean.csv 26,115 rows × 10 columns" in hero.text
    rules = [row.text for row in tree.one("table", class_="rules").one("tbody").all("tr")]
    assert rules[0] == "x: missing -> impute(median)4.median 5"
    card = tree.one("article", class_="alter")
    figures = [[cell.text for cell in row.children] for row in card.one("tbody").all("tr")]
    assert ["missing", "4", "0"] in figures
    assert ["mean", "5", "5.25"] in figures
    assert ["min", "0", "0"] in figures, "what has not changed is there, too"
    shapes = {
        path.attributes["class"]: path.attributes["d"] or "" for path in card.one("svg", class_="hist").all("path")
    }
    assert shapes["before"].startswith("M0 76")
    assert shapes["after"].count("H") == 20
    assert not card.all("text", class_="t-before")


def test_a_column_in_another_unit_gets_an_axis_of_its_own() -> None:
    card = tree_of(drawn_fix("normalize(standard)")).one("article", class_="alter")
    assert card.all("text", class_="t-before")
    assert "each on its own axis" in card.text


def test_a_refused_fix_says_why() -> None:
    hero = tree_of(reports.refused()).one("div", class_="hero")
    assert hero.one("p", class_="verdict").text == "nothing written"
    assert "missing: 460 of 26,115 (1.8%), allowed 1% (nanclean.toml:9)" in hero.text
    assert "verified" not in hero.text


def test_the_histogram_after_is_in_the_report_once_for_each_column() -> None:
    x = np.arange(100.0)
    x[3] = np.nan
    report = nanclean.fix({"x": x, "y": np.arange(100.0)}, rules=["@all: missing -> impute(median)", "x: iqr -> clip"])
    by_column = [(change.column, "histogram" in (change.after or {})) for change in report.changes]
    assert by_column == [("x", True), ("y", False), ("x", False)]
    histogram = report.changes[0].after["histogram"]  # type: ignore[index]
    assert sum(histogram["counts"]) == 100
    assert all("histogram" not in change.before for change in report.changes)
    assert Report.from_json(report.to_json()).changes[0].after["histogram"] == histogram  # type: ignore[index]
    hidden = report.without_values().changes[0].after["histogram"]  # type: ignore[index]
    assert hidden == {"edges": [None] * len(histogram["edges"]), "counts": histogram["counts"]}
    assert 'class="after"' in report.to_html()


# --- many columns


def test_columns_that_are_alike_share_a_card() -> None:
    tree = tree_of(reports.embeddings(768))
    cards = tree.all("article", class_="card")
    assert [card.one("h3").text for card in cards] == ["user", "emb_0000 … emb_0767", "emb_0017"]
    rows = cards[1].one("table", class_="rows").all("tr")[1:]
    assert len(rows) == 767
    assert rows[0].children[0].text == "emb_0000"
    assert [cell.text for cell in rows[0].children][3:6] == ["-3", "0", "3"]
    assert "767 columns alike" in cards[1].text
    few = tree_of(reports.embeddings(30))
    assert len(few.all("article", class_="card")) == 31, "so few are all shown"


def test_however_different_columns_are_there_are_not_too_many_cards() -> None:
    types = ("float", "integer", "text", "boolean", "time", "other")
    columns = [Column(name=f"{'abcdefghij'[n % 10]}{n}{'xyz'[n % 3]}", type=types[n % 6], count=1) for n in range(3000)]
    rules = {column.name: (f"rule{n % 400}",) for n, column in enumerate(columns) if n % 3 == 0}
    made = groups(columns, rules, 80)
    assert len(made) <= 80 + len(types)
    assert sorted(column.name for group in made for column in group.columns) == sorted(c.name for c in columns)
    assert sum(len(group.columns) == 1 and bool(group.rules) for group in made) > 50, "what is wrong keeps its card"


@pytest.mark.parametrize("wrong", [False, True])
def test_ten_thousand_columns_fit_into_five_megabytes(wrong: bool) -> None:
    rng = np.random.default_rng(7)
    columns, found = [], []
    for n in range(10_000):
        name = "".join(rng.choice(list("abcdefghijklmnop"), 40)) if wrong else f"emb_{n}"
        counts = [1, *rng.integers(0, 900, 40).tolist(), 1]
        edges = [n - 123.456789 + i / 3 for i in range(41)]
        columns.append(reports.number(name, -1.2345e-7 * n, 0.123456, 98765.4 + n, missing=int(wrong),
                                      histogram=Histogram(edges=edges, counts=counts)))  # fmt: skip
        if wrong:
            found.append(reports.lacking(name, n + 1, "impute(median)", 1, 22, 333, 4444, 55555))
    page = page_of(reports.report(columns, found))
    assert len(page.encode()) < 5_000_000
    assert page.count("<tr") > 9_000, "all of them are there"


def test_findings_beyond_the_list_are_counted_and_named_with_their_columns() -> None:
    columns = [reports.number(f"c{n}", 0, 1, 2) for n in range(1500)]
    found = [reports.lacking(f"c{n}", 1 + n % 7, "impute(median)", n + 2) for n in range(1500)]
    tree = tree_of(reports.report(columns, found))
    assert len(findings_of(tree)) == 1000
    assert "And 500 more findings" in tree.one("section", id="findings").text
    assert sum(row.children[-1].text == "missing" for row in tree.all("tr")) == 1500


# --- pictures


def numbers(**more: Any) -> Column:
    edges = [float(i) for i in range(41)]
    given: dict[str, Any] = {
        "histogram": Histogram(edges=edges, counts=[3, *range(40), 5]),
        "fences": Fences(iqr=(2.0, 38.0), zscore=(-5.0, 45.0), mad=(-100.0, 1000.0)),
        "outliers": Outliers(iqr=1, zscore=2, mad=0), "q1": 10.0, "median": 20.0, "q3": 30.0,
    }  # fmt: skip
    return reports.number("x", 0.0, 20.0, 40.0, **given | more)


def test_a_histogram_has_its_open_ends_and_its_fences() -> None:
    picture = drawing.picture(numbers())
    assert picture is not None
    ends = [bar for bar in picture.bars if bar.open]
    assert [bar.label for bar in ends] == ["3 values below 0", "5 values above 40"]
    assert ends[0].x < picture.bars[1].x
    assert ends[1].x > picture.bars[-2].x
    assert max(bar.height for bar in picture.bars) == drawing.HEIGHT
    fences = {fence.rule: fence for fence in picture.fences}
    assert fences["iqr"].low is not None
    assert fences["iqr"].low < fences["iqr"].high  # type: ignore[operator]
    assert fences["zscore"].high is not None, "the picture is widened for it"
    assert (fences["mad"].low, fences["mad"].high) == (None, None), "too far away"
    assert fences["mad"].text == "-100, 1000"
    first = next(bar for bar in picture.bars if bar.label.startswith("2 to 3:"))
    assert abs(first.x - fences["iqr"].low) < 2, "bars and fences have one scale"


def test_whole_numbers_have_a_bar_each() -> None:
    edges = [1 + 11 * i / 40 for i in range(41)]
    counts = [0] * 42
    for value in range(1, 13):
        at = min(int((value - 1) * 40 / 11), 39)
        counts[at + 1] += 100 + value
    picture = drawing.picture(numbers(type="integer", histogram=Histogram(edges=edges, counts=counts), fences=None))
    assert picture is not None
    assert [bar.label for bar in picture.bars] == [f"{n}: {100 + n} values" for n in range(1, 13)]


HUGE = st.floats(allow_nan=False, allow_infinity=False)


@given(low=HUGE, high=HUGE, counts=st.lists(st.integers(0, 10**12), min_size=42, max_size=42), fence=HUGE)
def test_no_picture_leaves_its_frame(low: float, high: float, counts: list[int], fence: float) -> None:
    low, high = sorted((low, high))
    edges = [low * (1 - i / 40) + high * (i / 40) for i in range(40)] + [high]
    column = numbers(
        histogram=Histogram(edges=sorted(edges), counts=counts), q1=low, median=low, q3=high,
        fences=Fences(iqr=(fence, high), zscore=(low, fence), mad=None),
    )  # fmt: skip
    picture = drawing.picture(column)
    assert picture is not None
    for bar in picture.bars:
        assert math.isfinite(bar.x)
        assert -15 <= bar.x <= drawing.WIDTH + 15
        assert 0 <= bar.y <= drawing.HEIGHT
        assert 0 < bar.height <= drawing.HEIGHT
    assert sum(bar.open for bar in picture.bars) == bool(counts[0]) + bool(counts[-1])
    for fence_ in picture.fences:
        assert all(x is None or 0 <= x <= drawing.WIDTH for x in (fence_.low, fence_.high))
    assert all(0 <= tick.x <= drawing.WIDTH for tick in picture.ticks)
    assert len(picture.ticks) <= 7
    path = drawing.spark(column)
    assert all(0 <= float(number) <= 60 for number in re.findall(r"[-.0-9]+", path))
    for apart in (True, False):
        both = drawing.overlay(column.histogram, numbers().histogram, apart=apart, whole=False)
        for side in (both.before, both.after) if both else ():
            assert all(0 <= float(number) <= drawing.WIDTH for number in re.findall(r"[-.0-9]+", side))


def test_areas_of_before_and_after_are_alike() -> None:
    histogram = Histogram(edges=[float(i) for i in range(41)], counts=[0, *([7] * 40), 0])
    wider = Histogram(edges=[float(i) for i in range(0, 82, 2)], counts=[0, *([7] * 40), 0])
    both = drawing.overlay(histogram, wider, apart=False, whole=False)
    assert both is not None
    assert both.before.count("V0") == 20, "twice as dense, so as high as the picture"
    assert both.after.count(f"V{drawing.HEIGHT / 2:g}") == 20


# --- notebooks, and what is imported when


def test_a_notebook_gets_the_page_in_a_frame_and_the_text_beside_it() -> None:
    report = reports.weather()
    shown = report._repr_html_()
    frame = Tree(shown).root.one("iframe")
    assert frame.attributes["srcdoc"] == report.to_html()
    assert "allow-same-origin" not in (frame.attributes["sandbox"] or "")
    assert "<style" not in shown
    assert "1 value far from all others: 1048.36058" in html_escapes.unescape(Tree(shown).root.one("pre").text)


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    loaded = "print('jinja2' in sys.modules)"
    code = f"import sys, nanclean; r = nanclean.scan({{'x': [1.0, 2.0]}}); repr(r); {loaded}; r.to_html(); {loaded}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_page_of_a_dataset_names_its_files() -> None:
    files = [{"path": f"part-{n}.csv", "rows": 10} for n in range(250)]
    source = Source(path="parts/", format="csv", rows=2500, columns=0, files=files)
    hero = tree_of(Report(source=source)).one("div", class_="hero")
    assert hero.one("h1").text == "parts"
    assert len(hero.all("li")) == 201
    assert "and 50 more" in hero.text


def test_cards_and_findings_are_shared_out_among_reports() -> None:
    report = reports.embeddings(300)
    alone, together = Page.of([report], View()), Page.of([report] * 100, View())
    assert together.sheets[0].cards_most < alone.sheets[0].cards_most
    assert len(together.sheets) == 100


@pytest.mark.parametrize("values", [[7, 8], [5, 6, 6, 5], [1, 2, 3], [0, 1] * 40])
def test_few_whole_numbers_are_drawn(values: list[int]) -> None:
    page = nanclean.scan({"x": np.array(values), "y": np.array(values, float)}).to_html()
    assert page.count("<article") >= 2

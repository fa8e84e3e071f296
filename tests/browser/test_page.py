"""The page in a real browser: it loads in silence, does what it offers, and runs nothing that came from data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nanclean.report import Report
from tests import reports

NOT_READ = Report.not_read("data/broken.csv", "line 17: a quote is open", "close it", command="check", exit_code=3)
BAD = "window.hit = (window.hit || 0) + 1"
HOSTILE = [
    f"<script>{BAD}</script>",
    f'"><img src=x onerror="{BAD}">',
    f"</style></script><script>{BAD}</script>",
    f"'><svg onload='{BAD}'>",
    f"javascript:{BAD}",
    "]]></title><!-- {{7*7}} \u202e\n\x1b",
]


def lots() -> Report:
    """More findings than are shown at first, and columns that share a card."""
    columns = [reports.number(f"sensor_{n}", 0, 1, 2, missing=n) for n in range(60)]
    columns.append(reports.text("place", "here", "there"))
    found = [reports.lacking(f"sensor_{n}", n, "impute(median)", n + 1) for n in range(40, 60)]
    found.append(reports.found("infinite", "sensor_3", severity="error", count=70, message="70 infinite values",
                               hint="sensor_3: infinite -> blank", **reports.on_lines(5)))  # fmt: skip
    found += [reports.found("zscore", f"sensor_{n}", severity="info", message="a note") for n in (1, 2)]
    return reports.report(columns, found)


def paste(opened: Any) -> str:
    """What is on the clipboard, pasted by hand."""
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
    opened.page.locator("#pasted").focus()
    opened.page.keyboard.press("Control+V")
    return str(opened.page.locator("#pasted").input_value())


@pytest.mark.parametrize("name", ["flats", "cleaned", "weather", "not read", "several", "hidden", "lots"])
def test_a_page_loads_from_a_file_without_a_message_or_a_request(
    opened: Callable[..., Any], flats: Report, cleaned: Report, name: str
) -> None:
    shown = {
        "flats": [flats], "cleaned": [cleaned], "weather": [reports.weather()], "not read": [NOT_READ],
        "several": [reports.weather(), NOT_READ, reports.fixed()], "hidden": [flats.without_values()], "lots": [lots()],
    }[name]  # fmt: skip
    seen = opened(*shown)
    seen.page.wait_for_load_state("networkidle")
    assert seen.messages == []
    assert [url for url in seen.requests if not url.startswith(("file://", "data:"))] == []
    assert len([url for url in seen.requests if url.startswith("file://")]) == 1
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"


@pytest.mark.parametrize("word", HOSTILE)
def test_names_from_data_run_nothing(opened: Callable[..., Any], word: str) -> None:
    for made in (reports.hostile(word), reports.hostile_fix(word)):
        seen = opened(made)
        for button in seen.page.locator("button:visible").all():
            button.click()
        seen.page.locator("[data-columns] [data-search]").fill(word.replace("\n", " "))
        seen.page.wait_for_timeout(50)
        assert seen.page.evaluate("window.hit") is None
        assert seen.page.locator("img, body script, body style").count() == 0
        assert seen.messages == []


def test_findings_are_searched_filtered_and_sorted(opened: Callable[..., Any]) -> None:
    seen = opened(lots())
    rows, section = "#findings .finding", seen.page.locator("#findings")
    assert len(seen.shown(rows)) == 6, "one error, and the first five of twenty warnings"
    assert "15 folded" in section.locator("[data-shown]").inner_text()
    section.get_by_role("button", name="Show 15 more: missing").click()
    assert len(seen.shown(rows)) == 21

    section.locator("[data-search]").fill("sensor_5 MISSING")
    seen.until("document.querySelectorAll('#findings .finding:not([hidden])').length", 10)
    assert all("sensor_5" in text for text in seen.shown(rows))
    section.locator("[data-search]").fill("")
    seen.until("document.querySelectorAll('#findings .finding:not([hidden])').length", 21)

    section.get_by_role("button", name="20 warnings").click()
    assert len(seen.shown(rows)) == 1
    section.get_by_role("button", name="2 notes").click()
    assert len(seen.shown(rows)) == 3
    section.get_by_role("button", name="20 warnings").click()

    def order() -> list[str]:
        return seen.shown(f"{rows} .of")

    section.locator("[data-sort]").select_option("column")
    assert order()[:4] == ["sensor_1", "sensor_2", "sensor_3", "sensor_40"]
    section.locator("[data-sort]").select_option("count")
    assert order()[:3] == ["sensor_3", "sensor_59", "sensor_58"]
    section.locator("[data-sort]").select_option("severity")
    assert order()[:2] == ["sensor_3", "sensor_59"]
    assert order()[-2:] == ["sensor_1", "sensor_2"]
    assert seen.messages == []


def test_columns_are_searched_filtered_sorted_and_unfolded(opened: Callable[..., Any]) -> None:
    seen = opened(lots())
    section = seen.page.locator("#columns")
    cards = "#columns [data-card]"
    names = [text.splitlines()[0] for text in seen.shown(cards)]
    assert names == ["sensor_0 … sensor_39", "sensor_3", "sensor_40 … sensor_59", "place"]

    assert seen.shown("#columns table.rows tbody tr") == []
    button = section.get_by_role("button", name="Show all 20 columns")
    button.click()
    assert len(seen.shown("#columns table.rows tbody tr")) == 20
    fewer = section.get_by_role("button", name="Show fewer")
    assert fewer.get_attribute("aria-expanded") == "true"
    fewer.click()
    assert seen.shown("#columns table.rows tbody tr") == []

    section.locator("[data-search]").fill("sensor_45")
    seen.until("document.querySelector('#columns [data-shown]').textContent", "1 of 61 columns")
    assert len(seen.shown(cards)) == 1
    assert [text.split("\t")[0] for text in seen.shown("#columns table.rows tbody tr")] == ["sensor_45"]
    section.locator("[data-search]").fill("")
    seen.until("document.querySelector('#columns [data-shown]').textContent", "")
    assert seen.shown("#columns table.rows tbody tr") == []

    section.get_by_role("button", name="with findings").click()
    assert "place" not in [text.splitlines()[0] for text in seen.shown(cards)]
    section.get_by_role("button", name="with findings").click()
    section.locator("[data-sort]").select_option("rank")
    assert seen.shown(cards)[0].startswith("sensor_3\n")
    section.locator("[data-sort]").select_option("name")
    assert seen.shown(cards)[0].startswith("place")
    section.locator("[data-sort]").select_option("order")
    assert seen.shown(cards)[-1].startswith("place")
    assert seen.messages == []


def test_a_finding_leads_to_its_column_wherever_it_is(opened: Callable[..., Any]) -> None:
    seen = opened(lots())
    assert not seen.page.locator("table.rows tr", has_text="sensor_59").is_visible()
    seen.page.locator("#findings a", has_text="sensor_59").click()
    row = seen.page.locator("table.rows tr", has_text="sensor_59")
    assert row.is_visible()
    assert seen.page.evaluate("document.activeElement.textContent").startswith("sensor_59")
    seen.page.locator("#c4 a.mark").first.click()
    assert "70 infinite values" in seen.page.evaluate("document.activeElement.textContent")
    note = opened(lots(), address="#f22")  # a note, which is not shown at first
    assert "a note" in note.page.evaluate("document.activeElement.textContent")
    assert note.page.locator("#f22").is_visible()


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_colours_follow_the_system_and_the_switch(opened: Callable[..., Any], system: str) -> None:
    seen = opened(reports.weather(), color_scheme=system)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark, light = "rgb(16, 22, 27)", "rgb(246, 247, 247)"
    assert seen.page.evaluate(colour) == {"light": light, "dark": dark}[system]
    switch = seen.page.locator("[data-theme-switch]")
    switch.click()
    assert (seen.page.evaluate(colour), switch.get_attribute("aria-label")) == (light, "Colours: light")
    switch.click()
    assert (seen.page.evaluate(colour), switch.get_attribute("aria-label")) == (dark, "Colours: dark")
    seen.page.reload()
    assert seen.page.evaluate(colour) == dark, "it is remembered"
    switch.click()
    assert seen.page.evaluate(colour) == {"light": light, "dark": dark}[system]


@pytest.mark.parametrize("old", [False, True])
def test_a_rule_is_copied_by_mouse_and_by_keyboard(opened: Callable[..., Any], old: bool) -> None:
    seen = opened(reports.weather())
    if old:  # a browser, or a frame, that has no clipboard for scripts
        seen.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    seen.page.locator(".finding [data-copy]").first.click()
    seen.until("document.querySelector('[data-status]').textContent", "Copied")
    assert paste(seen) == "wind_speed: isolated -> blank"
    seen.page.evaluate("document.getElementById('pasted').remove()")
    seen.page.locator("[data-copy-from]").focus()
    seen.page.keyboard.press("Enter")
    seen.page.locator("[data-copy-from][data-done]").wait_for()
    assert paste(seen).startswith('version = 1\nrules = [\n  "wind_speed: isolated -> blank",\n')


def test_it_can_be_used_with_the_keyboard_alone(opened: Callable[..., Any]) -> None:
    seen = opened(lots())
    press, focused = seen.page.keyboard.press, "document.activeElement"

    def tab_to(condition: str, most: int = 80) -> None:
        for _ in range(most):
            press("Tab")
            if seen.page.evaluate(f"(e => {condition})({focused})"):
                outline = seen.page.evaluate(f"getComputedStyle({focused}).outlineStyle")
                assert outline != "none", "the focus can be seen"
                return
        raise AssertionError(f"no way to {condition}")

    press("Tab")
    assert seen.page.evaluate(f"{focused}.textContent") == "Skip to the report"
    assert seen.page.locator(".skip").bounding_box()["y"] >= 0
    press("Enter")
    assert seen.page.evaluate(f"{focused}.id") == "main"
    tab_to("e.matches('#findings [data-search]')")
    seen.page.keyboard.type("infinite")
    seen.until("document.querySelectorAll('#findings .finding:not([hidden])').length", 1)
    seen.page.keyboard.press("Control+A")
    seen.page.keyboard.press("Delete")
    tab_to("e.matches('#findings [data-severity=warning]')")
    press("Space")
    assert len(seen.shown("#findings .finding")) == 1
    press("Space")
    tab_to("e.matches('#findings [data-sort]')")
    press("ArrowDown")
    seen.until("document.querySelector('#findings [data-sort]').value", "column")
    tab_to("e.matches('[data-unfold]')")
    press("Enter")
    assert seen.page.evaluate(f"{focused}.getAttribute('aria-expanded')") == "true"
    tab_to("e.matches('[data-members]')")  # scrolls with the arrow keys
    seen.page.evaluate("scrollTo(0, 0)")
    seen.page.locator(".theme").focus()
    press("Enter")
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("name", ["flats", "cleaned", "lots", "several"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing(
    opened: Callable[..., Any], flats: Report, cleaned: Report, name: str, scheme: str, width: int
) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        pytest.skip("axe-playwright-python is not installed")

    shown = {"flats": [flats], "cleaned": [cleaned], "lots": [lots()], "several": [reports.weather(), NOT_READ]}[name]
    seen = opened(*shown, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    for button in seen.page.locator("[data-unfold]").all():
        button.click()
    found = Axe().run(seen.page).response
    told = [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 20, "it has looked"


def test_paper_has_everything_and_no_controls(opened: Callable[..., Any]) -> None:
    seen = opened(lots(), color_scheme="dark")
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    before = seen.shown("#findings .finding")
    seen.page.emulate_media(media="print")
    assert len(before) == 6
    assert len(seen.shown("#findings .finding")) == 21, "those that were folded, but no note that was filtered out"
    assert len(seen.shown("table.rows tbody tr")) == 59
    assert seen.shown("input, select, button, .top") == []
    assert seen.page.evaluate("getComputedStyle(document.body).color") == "rgb(22, 32, 42)", "dark on white"
    assert seen.page.evaluate("getComputedStyle(document.querySelector('.card')).breakInside") == "avoid"
    pdf = seen.page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") > 3


def test_a_very_wide_table_is_not_printed_column_by_column(opened: Callable[..., Any], wide: Report) -> None:
    seen = opened(wide)
    seen.page.emulate_media(media="print")
    assert seen.shown(".members") == []
    assert "too many for paper" in seen.shown(".paper")[0]


def test_without_scripts_everything_is_there_and_no_dead_control(opened: Callable[..., Any]) -> None:
    seen = opened(lots(), java_script_enabled=False)
    assert len(seen.page.locator("#findings .finding").all()) == 23
    assert all(each.is_visible() for each in seen.page.locator("#findings .finding, table.rows").all())
    assert seen.shown("input, select, button") == []


def test_ten_thousand_columns_are_searched_within_a_second(opened: Callable[..., Any], wide: Report) -> None:
    seen = opened(wide)
    took = """async word => {
        const input = document.querySelector("#columns [data-search]"), start = performance.now();
        input.value = word;
        input.dispatchEvent(new Event("input"));
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        document.body.getBoundingClientRect();
        return [performance.now() - start, document.querySelector("#columns [data-shown]").textContent];
    }"""
    answers = {word: seen.page.evaluate(took, word) for word in ("e", "emb_99", "emb_9998", "infinite", "nothing", "")}
    assert {word: told for word, (_, told) in answers.items()} == {
        "e": "10,000 of 10,000 columns", "emb_99": "99 of 10,000 columns", "emb_9998": "1 of 10,000 columns",
        "infinite": "1 of 10,000 columns", "nothing": "0 of 10,000 columns", "": "",
    }  # fmt: skip
    assert sorted(milliseconds for milliseconds, _ in answers.values())[len(answers) // 2] < 1000
    seen.page.locator("[data-unfold]").click()
    assert len(seen.shown("table.rows tbody tr")) == 250, "as many as can be laid out at once"
    seen.page.locator("[data-further]").click()
    assert seen.page.locator("table.rows tbody:not([hidden]) tr").count() == 500
    assert seen.messages == []


def test_a_notebook_shows_it_in_a_frame_that_keeps_to_itself(opened: Callable[..., Any]) -> None:
    report = msgspec.structs.replace(lots())
    host = f"<!doctype html><meta charset=utf-8><title>notebook</title><p id=own>own</p>{report._repr_html_()}"
    plain = opened("<!doctype html><title>x</title><p id=own>own</p>")
    seen = opened(host)
    style = "JSON.stringify(['font', 'color', 'margin'].map(n => getComputedStyle(document.getElementById('own'))[n]))"
    assert seen.page.evaluate(style) == plain.page.evaluate(style)
    frame = seen.page.frame_locator("iframe")
    frame.locator("#findings a", has_text="sensor_59").click()
    assert frame.locator("table.rows tr", has_text="sensor_59").is_visible(), "it did not load another page"
    frame.locator("#findings [data-search]").fill("infinite")
    frame.locator("#findings .finding").first.wait_for()
    frame.locator("[data-theme-switch]").click()
    assert frame.locator("html").get_attribute("data-theme") == "light"
    assert seen.messages == []


@pytest.mark.parametrize("width", [320, 400, 768])
def test_it_fits_a_small_screen(opened: Callable[..., Any], flats: Report, cleaned: Report, width: int) -> None:
    for report in (flats, cleaned, reports.hostile("x" * 300)):
        seen = opened(report, viewport={"width": width, "height": 800})
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_moves_only_where_movement_is_welcome(opened: Callable[..., Any]) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert opened(reports.weather(), reduced_motion="reduce").page.evaluate(behaviour) == "auto"
    assert opened(reports.weather(), reduced_motion="no-preference").page.evaluate(behaviour) == "smooth"

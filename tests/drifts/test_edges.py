"""Older data that are empty, that tell little, or that know roles which nobody names today."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nanclean
from nanclean.report import Report

R = np.random.default_rng(8)


def told(report: Report) -> set[tuple[str, str | None]]:
    return {(finding.rule, finding.column) for finding in report.findings if finding.severity != "info"}


def table(offset: float = 0.0, start: int = 0) -> dict[str, np.ndarray]:
    words = np.where(R.random(500) < 0.4, "rain", np.where(R.random(500) < 0.5, "sun", "fog"))
    return {"i": np.arange(start, start + 500), "x": R.normal(offset, 1, 500), "word": words.astype(object)}


def test_an_empty_table_has_no_types(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("a,b\n")
    (tmp_path / "some.csv").write_text("a,b\n" + "1.5,true\n" * 9)
    for pair in (("none.csv", "some.csv"), ("some.csv", "none.csv")):
        report = nanclean.compare(*(tmp_path / name for name in pair), no_config=True)
        assert "changed_type" not in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("kind", ["report", "recipe"])
def test_ids_are_ids_for_both(kind: str) -> None:
    old, new = table(), table(start=1_000)
    known = (
        nanclean.scan(old, id="i") if kind == "report" else nanclean.fit(old, id="i", rules=["x: infinite -> blank"])
    )
    for report in (nanclean.check(new, against=known), nanclean.compare(known, new)):
        assert not [rule for rule, column in told(report) if column == "i"]
    assert ("beyond_range", "i") in told(nanclean.compare(old, new)), "nobody says that it is one"


def test_a_report_that_tells_no_values_says_so() -> None:
    old, far = table(), table(offset=50)
    assert ("beyond_range", "x") in told(nanclean.check(far, against=nanclean.scan(old)))
    discreet = nanclean.check(far, against=nanclean.scan(old, values=False))
    assert ("policy", None) in told(discreet)
    assert any("tells no values: ranges" in finding.message for finding in discreet.findings)


def test_categories_that_moved_are_named_and_no_others() -> None:
    old = {"word": np.array(["rain"] * 400 + ["sun"] * 400 + ["fog"] * 200, object)}
    new = {"word": np.array(["rain"] * 100 + ["sun"] * 400 + ["fog"] * 500, object)}
    (finding,) = [each for each in nanclean.compare(old, new).findings if each.rule == "psi"]
    assert "rain 40.0% to 10.0%" in finding.message
    assert "fog 20.0% to 50.0%" in finding.message
    assert "sun" not in finding.message
    (hidden,) = [each for each in nanclean.compare(old, new, values=False).findings if each.rule == "psi"]
    assert "rain" not in hidden.message


def test_what_is_no_reference_is_answered(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("a\n1\n")
    with pytest.raises(nanclean.RecipeError, match="is no recipe, and no report") as raised:
        nanclean.check({"a": [1.0]}, against=tmp_path / "old.csv")
    assert "nanclean scan OLD --json" in str(raised.value.hint)
    with pytest.raises(nanclean.UsageError, match="a dict is neither"):
        nanclean.check({"a": [1.0]}, against={})
    with pytest.raises(TypeError, match="did you mean 'rules'"):
        nanclean.check({"a": [1.0]}, rule="a: missing")

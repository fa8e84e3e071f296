"""What a recipe remembers of its training data, and what it says of later data: in apply and in check --against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanclean
from nanclean.drift import DECILES
from nanclean.errors import PolicyError, RecipeError, UsageError
from nanclean.recipe import Recipe
from nanclean.report import Report

RULES = ["price: missing -> impute(median)"]
OLD_KEYS = {"name", "type", "dtype", "role", "missing", "blank", "categories"}
"""Of a column of a recipe, before there were figures."""


def write(path: str, rows: int, seed: int, shift: float = 0.0, extra: tuple[str, ...] = ()) -> str:
    rng = np.random.default_rng(seed)
    prices = np.clip(rng.normal(50, 10, rows), 30, 70) + shift  # the training data reach both ends
    lines = [f"{price:.3f},{rng.integers(0, 9)},{rng.choice(['a', 'b', 'c'])}" for price in prices]
    Path(path).write_text("\n".join(["price,qty,city", *lines, *extra]) + "\n")
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("train.csv", 1_000, 0, extra=("", ",3,", "inf,2,a"))
    nanclean.fit("train.csv", "r.json", rules=RULES, no_config=True)


def old_recipe() -> str:
    """The same recipe as an older version wrote it."""
    recipe = json.loads(Path("r.json").read_text())
    recipe["data"]["columns"] = [
        {key: value for key, value in column.items() if key in OLD_KEYS} for column in recipe["data"]["columns"]
    ]
    recipe["policy"].pop("drift")
    Path("old.json").write_text(json.dumps(recipe))
    return "old.json"


def found(report: Report, *severities: str) -> set[tuple[str, str | None]]:
    wanted = severities or ("error", "warning")
    return {(finding.rule, finding.column) for finding in report.findings if finding.severity in wanted}


def test_a_recipe_remembers_the_figures_exactly() -> None:
    import pandas

    frame = pandas.read_csv("train.csv")
    recipe = Recipe.read("r.json")
    price, qty, city = recipe.columns
    values = frame["price"].to_numpy()
    finite = values[np.isfinite(values)]
    assert (price.count, price.infinite, price.min, price.max) == (1_002, 1, finite.min(), finite.max())
    assert price.missing == np.isnan(values).mean()
    assert price.mean == pytest.approx(finite.mean(), rel=1e-14)
    assert price.std == pytest.approx(finite.std(), rel=1e-12)
    edges = np.quantile(finite, DECILES)
    assert price.edges == edges.tolist()
    assert price.edge_counts == np.bincount(np.searchsorted(edges, finite, "left"), minlength=10).tolist()
    whole = frame["qty"].to_numpy()
    edges = np.unique(np.quantile(whole, DECILES))
    edges = edges[edges < whole.max()]
    assert qty.edges == edges.tolist()
    assert qty.edge_counts == np.bincount(np.searchsorted(edges, whole, "left"), minlength=len(edges) + 1).tolist()
    counts = frame["city"].value_counts().sort_index()
    assert (city.categories, city.category_counts) == (counts.index.tolist(), counts.tolist())
    assert (city.edges, city.mean) == (None, None)


def test_it_comes_back_from_json_as_it_was() -> None:
    recipe = nanclean.fit("train.csv", rules=[*RULES, "@numeric: psi <= 0.3", "price: mean_shift"], no_config=True)
    again = Recipe.from_json(recipe.to_json())
    assert again.columns == recipe.columns
    assert again.to_json() == recipe.to_json()
    assert [str(rule) for rule in again.policy.drift] == ["@numeric: psi <= 0.3", "price: mean_shift"]
    assert [str(rule) for rule in again.policy.rules] == RULES


DAMAGE = {
    "a count too many": (lambda c: c["edge_counts"].append(1), "'price' has counts that do not fit its edges"),
    "a negative count": (lambda c: c["edge_counts"].__setitem__(0, -1), "'price' has counts that do not fit its edges"),
    "edges alone": (lambda c: c.update(edge_counts=None), "'price' has edges without counts, or counts without edges"),
    "no order": (lambda c: c["edges"].reverse(), "'price' has edges that do not ascend"),
    "other counts": (lambda c: c.update(category_counts=[1]), "'price' has counts that do not fit its categories"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told(damage: str) -> None:
    recipe = json.loads(Path("r.json").read_text())
    change, said = DAMAGE[damage]
    change(recipe["data"]["columns"][0])
    with pytest.raises(RecipeError) as error:
        Recipe.from_json(json.dumps(recipe))
    assert error.value.message == f"the recipe: {said}"


@pytest.mark.parametrize("which", ["drift", "rules"])
def test_rules_stand_where_they_belong(which: str) -> None:
    recipe = json.loads(Path("r.json").read_text())
    text = {"drift": "price: missing", "rules": "price: psi <= 1"}[which]
    recipe["policy"][which].append({"text": text})
    with pytest.raises(RecipeError, match="stands among rules of another kind"):
        Recipe.from_json(json.dumps(recipe))


# --- apply


def test_apply_measures_the_shift_of_a_later_file() -> None:
    assert found(nanclean.apply("r.json", write("good.csv", 500, 1), "o.csv")) == set()
    shifted = nanclean.apply("r.json", write("shifted.csv", 500, 1, shift=20), "p.csv")
    assert found(shifted) == {("mean_shift", "price"), ("psi", "price"), ("beyond_range", "price")}
    assert shifted.exit_code == 0
    assert Path("p.csv").exists()


def test_apply_judges_by_the_limits_of_the_recipe() -> None:
    nanclean.fit("train.csv", "s.json", rules=[*RULES, "price: mean_shift <= 0.1"], no_config=True)
    report = nanclean.apply("s.json", write("t.csv", 400, 2, shift=3), "o.csv")
    assert found(report, "error") == {("mean_shift", "price")}
    assert report.exit_code == 1
    assert not Path("o.csv").exists()
    assert found(nanclean.apply("r.json", "t.csv", "o.csv"), "error") == set()


def test_an_older_recipe_says_what_it_knows() -> None:
    recipe = Recipe.read(old_recipe())
    assert recipe.columns[0].edges is None
    bad = write("bad.csv", 300, 3, shift=30, extra=("1,2,zz",) * 30 + (",5,a",) * 90)
    report = nanclean.apply(recipe, bad, "o.csv")
    assert found(report) >= {("unseen_category", "city"), ("missing_rate", "price")}
    assert not {rule for rule, _ in found(report)} & {"psi", "ks", "mean_shift", "std_ratio", "beyond_range"}
    comparison = nanclean.compare(recipe, bad).comparison
    assert comparison is not None
    told = {word for shift in comparison.columns for word, value in shift.measures.items() if value is not None}
    assert told == {"missing_rate", "unseen_category"}


# --- check --against


REFERENCES = ["r.json", "report.json", "old.json"]


@pytest.fixture(params=REFERENCES)
def reference(request: pytest.FixtureRequest) -> str:
    if request.param == "report.json":
        Path("report.json").write_text(nanclean.scan("train.csv", no_config=True).to_json())
    if request.param == "old.json":
        old_recipe()
    return str(request.param)


def drift_of(report: Report) -> dict[tuple[str, str | None], str]:
    from nanclean import registry

    words = registry.names("drifts")
    return {(f.rule, f.column): f.severity for f in report.findings if f.rule in words and f.severity != "info"}


def test_what_keeps_the_contract_passes(reference: str) -> None:
    for path in (write("good.csv", 700, 4), write("few.csv", 12, 5)):
        report = nanclean.check(path, against=reference, no_config=True)
        assert drift_of(report) == {}
        assert report.command == "check"
        assert report.exit_code == 0


def test_what_breaks_it_is_an_error_with_its_places(reference: str) -> None:
    extra = ("1000,5,zz",) * 30 + (",5,a",) * 60
    report = nanclean.check(write("bad.csv", 500, 6, extra=extra), against=reference, no_config=True)
    told = drift_of(report)
    assert told["unseen_category", "city"] == told["missing_rate", "price"] == "error"
    by_rule = {finding.rule: finding for finding in report.findings}
    assert by_rule["unseen_category"].count == 30
    assert by_rule["unseen_category"].lines == [502, 503, 504, 505, 506]
    assert by_rule["unseen_category"].ranges == [(501, 530)]
    assert report.exit_code == 1
    if reference != "old.json":
        assert told["beyond_range", "price"] == "error"
        assert by_rule["beyond_range"].count == 30
        assert by_rule["beyond_range"].where == [f"line {n}" for n in range(502, 507)]
        assert told["mean_shift", "price"] == "warning"


def test_a_column_that_is_gone_or_new_or_text(reference: str) -> None:
    Path("t.csv").write_text("price,city,more\n" + "cheap,a,1\n" * 40)
    report = nanclean.check("t.csv", against=reference, no_config=True)
    told = drift_of(report)
    assert told["missing_column", "qty"] == "error"
    assert told["changed_type", "price"] == "error"
    assert told["new_column", "more"] == "warning"


def test_only_the_columns_that_are_looked_at_are_held(reference: str) -> None:
    Path("t.csv").write_text("price,city,more\n" + "cheap,a,1\n" * 40)
    report = nanclean.check("t.csv", against=reference, columns="city", no_config=True)
    assert {column for _, column in drift_of(report)} <= {"city"}


def test_limits_replace_those_that_hold_without_a_rule() -> None:
    bad = write("bad.csv", 500, 6, extra=("1000,5,a",) * 30)
    rules = ["price: beyond_range <= 10%", "@numeric: mean_shift <= 9", "price: psi <= 0.0001", "qty: ks <= 0.001"]
    report = nanclean.check(bad, against="r.json", rules=rules, no_config=True)
    assert drift_of(report) == {("psi", "price"): "error", ("ks", "qty"): "error"}
    assert not [finding for finding in report.findings if "compares two datasets" in finding.message]
    Path("nanclean.toml").write_text('ignore = ["beyond_range: price", "mean_shift", "std_ratio"]\n')
    assert drift_of(nanclean.check(bad, against="r.json")) == {}


def test_one_policy_serves_every_command() -> None:
    Path("nanclean.toml").write_text('rules = ["@numeric: psi <= 0.2", "price: missing -> impute(mean)"]\n')
    for report in (nanclean.scan("train.csv"), nanclean.check("train.csv"), nanclean.fix("train.csv", "o.csv")):
        said = [finding for finding in report.findings if "compares two datasets" in finding.message]
        assert [(finding.severity, finding.rule) for finding in said] == [("info", "policy")]
    assert nanclean.compare("train.csv", "train.csv").run.policy == "nanclean.toml (2) + built-in"
    Path("nanclean.toml").write_text('[[rule]]\ncolumns = "prize"\nfind = "psi"\nlimit = 0.2\nname = "stable"\n')
    for verb in (nanclean.scan, lambda path: nanclean.compare(path, path)):
        with pytest.raises(PolicyError, match="there is no column 'prize'; did you mean price"):
            verb("train.csv")
    Path("nanclean.toml").write_text(
        '[[rule]]\ncolumns = "price"\nfind = "psi"\nlimit = 0.2\nname = "stable"\nseverity = "warning"\n'
    )
    report = nanclean.compare("train.csv", write("t.csv", 600, 7, shift=15))
    stable = next(finding for finding in report.findings if finding.rule == "stable")
    assert (stable.severity, stable.limit, stable.policy_line) == ("warning", "0.2", "nanclean.toml:1")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[[rule]]\ncolumns = "price"\nfind = "psi"\nfix = "blank"', "there are no cells for blank to repair"),
        ('[[rule]]\ncolumns = "price"\nfind = "psi"\nlimit = "3%"', "a limit of 3% says nothing here"),
        ('rules = ["city: mean_shift <= 1"]', "mean_shift is for numeric columns, and city is text"),
        ('ignore = ["psy"]', "there is no check 'psy'; did you mean 'psi'?"),
    ],
)
def test_policies_that_say_nothing(toml: str, said: str) -> None:
    Path("nanclean.toml").write_text(toml + "\n")
    with pytest.raises(PolicyError) as error:
        nanclean.compare("train.csv", write("t.csv", 60, 8))
    assert said in error.value.message


def test_what_is_no_reference(tmp_path: Path) -> None:
    Path("x.json").write_text("{}")
    for old, message in (("x.json", "x.json: is neither a report nor a recipe"),):
        with pytest.raises(UsageError, match=message):
            nanclean.compare(old, "train.csv")
    with pytest.raises(UsageError, match="the second one is a recipe"):
        nanclean.compare("train.csv", "r.json")
    Path("report.json").write_text(nanclean.scan("train.csv", no_config=True).to_json())
    with pytest.raises(UsageError, match="is a report, and what it is to be compared with is none"):
        nanclean.compare("train.csv", "report.json")
    with pytest.raises(RecipeError, match="there is no such recipe"):
        nanclean.check("train.csv", against="nothing.json")


def test_nothing_of_it_names_a_value_when_none_is_to_be_named() -> None:
    bad: Any = write("bad.csv", 500, 6, extra=("1000,5,zz",) * 30)
    for report in (
        nanclean.check(bad, against="r.json", values=False, no_config=True),
        nanclean.apply("r.json", bad, "o.csv", values=False),
    ):
        assert "zz" not in report.to_json()
        assert not [finding for finding in report.findings if "1000" in finding.message]

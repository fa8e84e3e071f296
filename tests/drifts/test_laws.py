"""What holds for every measure of drift: silent on the same data and on two halves of it, loud on a planted shift."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import nanclean
from nanclean import registry
from nanclean.chance import is_beyond, ks_of_chance, psi_of_chance, rates_differ
from nanclean.drift import Drift, Known, Pair
from nanclean.errors import PolicyError
from nanclean.part import member
from nanclean.rule import rule

MEASURES: dict[str, Drift] = {name: member("drifts", name)() for name in registry.names("drifts")}  # type: ignore[misc]
SYMMETRIC = ("missing_rate", "non_finite_rate", "std_ratio", "ks")


def table(seed: int, rows: int) -> pa.Table:
    """Clean columns of all kinds, some with long tails, some with rare values."""
    rng = np.random.default_rng(seed)

    def words(weights: Any) -> pa.Array:
        chosen = rng.choice(len(weights), rows, p=np.asarray(weights) / np.sum(weights))
        return pa.array([f"w{number}" for number in chosen.tolist()])

    return pa.table(
        {
            "normal": rng.normal(0, 1, rows),
            "cauchy": rng.standard_cauchy(rows),
            "long": np.exp(rng.normal(0, 3, rows)),
            "pareto": rng.pareto(1.1, rows),
            "few": rng.integers(0, 7, rows),
            "poisson": rng.poisson(0.1, rows),
            "single": rng.normal(5, 0.1, rows).astype(np.float32),
            "holes": pa.array(np.where(rng.random(rows) < 0.3, np.nan, rng.normal(0, 1, rows)), from_pandas=True),
            "infinite": np.where(rng.random(rows) < 0.003, np.inf, rng.random(rows)),
            "rare": np.where(rng.random(rows) < 0.02, 1.0, 0.0),
            "two": np.where(rng.random(rows) < 0.5, rng.normal(-9, 1, rows), rng.normal(9, 0.1, rows)),
            "five": words([40, 30, 20, 7, 3]),
            "zipf": words(1 / np.arange(1, 201) ** 1.1),
            "flag": rng.random(rows) < 0.1,
        }
    )


def strange(old: Any, new: Any, **options: Any) -> list[tuple[str, str | None]]:
    found = nanclean.compare(old, new, **options).findings
    return [(finding.rule, finding.column) for finding in found if finding.severity != "info"]


def alarms(trials: range) -> list[tuple[int, list[tuple[str, str | None]]]]:
    """The trials in which something is found between two random parts of one table."""
    found = []
    for trial in trials:
        rng = np.random.default_rng(trial)
        rows = int(50 * 1_000 ** rng.random())
        whole, order = table(trial, rows), rng.permutation(rows)
        cut = rows // 2 if trial % 2 else max(25, int(rows * rng.random() / 2))
        told = strange(whole.take(order[:cut]), whole.take(order[cut:]))
        if told:
            found.append((trial, told))
    return found


def test_two_parts_of_a_clean_table_do_not_differ() -> None:
    assert alarms(range(60)) == []


@pytest.mark.slow
def test_of_five_hundred_clean_tables_one_may_differ() -> None:
    assert len(alarms(range(500))) <= 1


@pytest.mark.parametrize("rows", [0, 1, 2, 50, 3_000])
def test_a_table_does_not_differ_from_itself(rows: int) -> None:
    whole = table(rows, rows)
    report = nanclean.compare(whole, whole)
    assert [finding for finding in report.findings if finding.severity != "info"] == []
    assert report.comparison is not None
    assert report.comparison.same
    for shift in report.comparison.columns:
        still = {word: value for word, value in shift.measures.items() if value is not None}
        assert all(value == (1.0 if word == "std_ratio" else 0.0) for word, value in still.items()), shift.name


@pytest.mark.parametrize("name", SYMMETRIC)
def test_what_has_no_direction_has_none(name: str) -> None:
    old, new = table(1, 700), table(2, 500)
    one, other = (nanclean.compare(*pair).comparison for pair in ((old, new), (new, old)))
    assert one is not None
    assert other is not None
    figures = {shift.name: shift.measures[name] for shift in one.columns}
    assert any(figures.values())
    assert figures == {shift.name: shift.measures[name] for shift in other.columns}


ROWS = 2_000
Change = Callable[[dict[str, Any], np.random.Generator], None]


def _put(name: str, make: Callable[[Any, np.random.Generator], Any]) -> Change:
    def change(columns: dict[str, Any], rng: np.random.Generator) -> None:
        columns[name] = make(columns[name], rng)

    return change


PLANTED: dict[str, tuple[str, Change]] = {
    "missing_rate": ("x", _put("x", lambda x, rng: np.where(rng.random(ROWS) < 0.1, np.nan, x))),
    "non_finite_rate": ("x", _put("x", lambda x, rng: np.where(rng.random(ROWS) < 0.02, -np.inf, x))),
    "beyond_range": ("x", _put("x", lambda x, rng: np.where(np.arange(ROWS) % 50 == 7, 99.0, x))),
    "mean_shift": ("x", _put("x", lambda x, rng: x + 0.6)),
    "std_ratio": ("x", _put("x", lambda x, rng: 2.5 * x)),
    "psi": ("c", _put("c", lambda c, rng: ["a" if rng.random() < 0.7 else word for word in c])),
    "ks": ("x", _put("x", lambda x, rng: x + 0.3)),
    "unseen_category": ("c", _put("c", lambda c, rng: ["new" if n % 60 == 0 else w for n, w in enumerate(c)])),
    "vanished_category": ("c", _put("c", lambda c, rng: ["a" if word == "e" else word for word in c])),
    "changed_type": ("x", _put("x", lambda x, rng: [str(value) for value in x])),
    "missing_column": ("x", lambda columns, rng: columns.pop("x") and None),
    "new_column": ("z", lambda columns, rng: columns.update(z=np.arange(ROWS))),
}


def planted(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    tables = []
    for seed in (5, 6):
        rng = np.random.default_rng(seed)
        tables.append({"x": rng.normal(0, 1, ROWS), "c": [str(word) for word in rng.choice(list("abcde"), ROWS)]})
    change = PLANTED[name][1]
    if name == "missing_column":
        tables[1].pop("x")
    else:
        change(tables[1], np.random.default_rng(7))
    return tables[0], tables[1]


def test_every_measure_has_a_planted_shift() -> None:
    assert set(PLANTED) == set(MEASURES)


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_shift_is_found_where_it_is(name: str) -> None:
    column = PLANTED[name][0]
    old, new = planted(name)
    rules = ["x: ks <= 0.1"] if name == "ks" else []
    report = nanclean.compare(old, new, rules=rules)
    assert (name, column) in [(finding.rule, finding.column) for finding in report.findings]
    hidden = nanclean.compare(old, new, rules=rules, values=False)
    assert [f.rule for f in hidden.findings] == [f.rule for f in report.findings]
    assert not any('"' in finding.message or " from " in finding.message for finding in hidden.findings)
    assert hidden.comparison is not None
    sides = [side for shift in hidden.comparison.columns for side in (shift.old, shift.new) if side is not None]
    assert {figure for side in sides for figure in (side.min, side.max, side.mean, side.std)} == {None}


@pytest.mark.parametrize("name", sorted(set(PLANTED) - {"missing_column", "new_column", "changed_type"}))
def test_a_rule_has_the_last_word(name: str) -> None:
    column = PLANTED[name][0]
    old, new = planted(name)
    comparison = nanclean.compare(old, new).comparison
    assert comparison is not None
    value = next(shift for shift in comparison.columns if shift.name == column).measures[name]
    assert value is not None
    scale, unit = (100, "%") if MEASURES[name].unit in ("share", "cells") else (1, "")
    for factor, code in ((0.9, 1), (1.1, 0)):
        text = f"{column}: {name} <= {value * scale * factor:.6f}{unit}"
        report = nanclean.compare(old, new, rules=[text], fail_on="error")
        assert report.exit_code == code, text
        found = [finding for finding in report.findings if finding.rule == name and finding.column == column]
        assert [finding.severity for finding in found] == ["error"] * code
        assert all(finding.rule_text == str(rule(text)) for finding in found)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_manual_says_what_why_the_limit_and_an_example_that_is_read(name: str) -> None:
    measure = MEASURES[name]
    text = type(measure).__doc__ or ""
    assert "Why it matters:" in text
    assert "Limit:" in text
    read = rule(f"@all: {measure.example}")
    assert read.drift == measure
    assert str(read) == f"@all: {measure.example}"
    assert rule(str(read)) == read


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_what_is_not_known_is_not_measured(name: str) -> None:
    """Old recipes, and columns without any value."""
    for old, new in itertools.product(
        (Known("x", "float"), Known("x", "text"), Known("x", "float", cells=0)), repeat=2
    ):
        assert MEASURES[name].measure(Pair("x", old, new)) is None
    for type_ in ("float", "text", "boolean", "time", "complex", "other", "list<float>"):
        nothing = Known("x", type_, cells=9, missing=9, infinite=0, finite=0, counts={})
        measured = MEASURES[name].measure(Pair("x", nothing, nothing))
        assert measured is None or measured.value == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: psi <= 20%", "psi is a plain number; a limit of 20% says nothing here"),
        ("x: missing_rate <= 0.05", "missing_rate is a difference of two shares; a limit of 0.05 says nothing here"),
        ("x: changed_type <= 1", "changed_type is there or not, and takes no limit; a limit of 1 says nothing here"),
        ("x: beyond_range <= 0.5", "beyond_range counts cells; a limit of 0.5 says nothing here"),
        ("x: psi -> blank", "psi compares two datasets, so there are no cells for blank to repair"),
        ("x: psi(3)", "psi takes no argument; got psi(3)"),
        ("x: pis", "there is no find 'pis'; did you mean 'psi'?"),
        ("x: mean_shft <= 1", "there is no find 'mean_shft'; did you mean 'mean_shift'?"),
        ("x: missing <= 0.5", "the limit 0.5 is neither a share nor a count"),
    ],
)
def test_rules_that_say_nothing(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as error:
        rule(text)
    assert error.value.message.startswith(said)


def test_the_noise_is_what_a_simulation_gives() -> None:
    """Each bound holds in all of 4,000 draws, and is not far from the largest of them."""
    rng = np.random.default_rng(11)
    n, m, bins = 400, 300, 10
    index, distance, beyond = [], [], []
    for _ in range(4_000):
        x, y = np.sort(rng.random(n)), np.sort(rng.random(m))
        edges = np.quantile(x, np.arange(1, bins) / bins)
        p, q = (np.maximum(np.bincount(np.searchsorted(edges, z), minlength=bins), 0.5) / z.size for z in (y, x))
        index.append(((p - q) * np.log(p / q)).sum())
        both = np.concatenate([x, y])
        distance.append(np.abs(np.searchsorted(x, both, "right") / n - np.searchsorted(y, both, "right") / m).max())
        beyond.append(int(((y < x[0]) | (y > x[-1])).sum()))
    assert 0.5 * psi_of_chance(bins, n, m) < max(index) < psi_of_chance(bins, n, m)
    assert 0.6 * ks_of_chance(n, m) < max(distance) < ks_of_chance(n, m)
    assert not is_beyond(max(beyond), n, m)
    assert is_beyond(2 * max(beyond), n, m)
    assert np.mean(beyond) == pytest.approx(2 * m / (n + 1), rel=0.1)


def test_rare_events_are_no_difference_of_shares() -> None:
    assert not rates_differ(10, 1_000_000, 1, 100)
    assert rates_differ(10, 1_000_000, 3, 100)
    assert not rates_differ(0, 1_000, 7, 1_000)
    assert rates_differ(0, 1_000, 20, 1_000)
    assert not rates_differ(0, 0, 5, 5)


def test_the_index_of_categories_is_the_formula_by_hand() -> None:
    """An empty bin counts as half a cell; those too rare to be expected five times are one."""
    old = {"c": ["a"] * 60 + ["b"] * 30 + ["gone"] * 20 + ["r1", "r1", "r2"]}
    new = {"c": ["a"] * 30 + ["b"] * 40 + ["came"] * 25 + ["r1", "r3"]}
    n, m = len(old["c"]), len(new["c"])
    bins = [(60, 30), (30, 40), (20, 0.5), (0.5, 25), (3, 2)]
    expected = sum((now / m - was / n) * np.log((now / m) / (was / n)) for was, now in bins)
    one, other = (nanclean.compare(*pair).comparison for pair in ((old, new), (new, old)))
    assert one is not None
    assert other is not None
    assert one.columns[0].measures["psi"] == pytest.approx(expected, rel=1e-12)
    assert other.columns[0].measures["psi"] == pytest.approx(expected, rel=1e-12)

"""When a step can be measured, how many looks that takes, and that figures that are told equal measured ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean import fitting
from nanclean.batch import Batch
from nanclean.column import Numbers
from nanclean.fitting import Fit, plan
from nanclean.fixers.clip import Clip
from nanclean.moments import Moments
from nanclean.policy import Policy
from nanclean.resolving import resolved
from nanclean.rule import rule
from nanclean.typed import view

NUMBER = st.floats(-1e6, 1e6)
SPECIAL = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0])


def steps_of(rules: list[str], **columns: np.ndarray) -> list[tuple[str, int, int | None]]:
    views = [view(array[:0] if array.dtype.kind in "if" else nanclean_text()) for array in columns.values()]
    policy = Policy(rules=tuple(rule(text) for text in rules))
    planned = plan(resolved(policy, list(columns), "frame", views).steps)
    return [(step.column, step.turn, step.measured) for step in planned]


def nanclean_text():
    import pyarrow as pa

    return pa.array([], pa.string())


def test_a_step_waits_for_all_above_that_write_what_it_reads() -> None:
    """Worked by hand. `measured` None: the figures of the column as it was read are good."""
    numbers = np.empty(0)
    found = steps_of(
        [
            "price: infinite -> blank",  # needs nothing
            "price: iqr(3) -> clip",  # quartiles of finite cells: blanking infinities has not moved them
            "store: missing -> impute(mode)",
            "age: zscore",
            "age: missing -> impute(median, by='store')",  # nobody changed age, but store
            "price: missing -> impute(median)",  # of the clipped price
            "price -> normalize(standard)",
            "age -> normalize(standard)",
        ],
        price=numbers,
        age=numbers,
        store=np.empty(0, "U1"),
    )
    turns = [turn for _, turn, _ in found]
    measured = [round_ for _, _, round_ in found]
    assert turns == [0, 0, 0, 0, 1, 1, 2, 2]
    assert measured == [None, None, None, None, 1, 1, 2, 2]


def test_a_rule_that_drops_rows_makes_all_below_it_wait() -> None:
    numbers = np.empty(0)
    found = steps_of(
        ["a: missing -> drop", "b: missing -> impute(mean)", "b: range(0, 1) -> blank"], a=numbers, b=numbers
    )
    assert [measured for _, _, measured in found] == [None, 1, None]


def test_looks_are_spared_where_the_rules_above_tell_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[set[str]] = []
    measure = Fit._measured

    def counted(self, steps, due):
        looks.append({str(due[key].fix) for key in due})
        return measure(self, steps, due)

    monkeypatch.setattr(Fit, "_measured", counted)
    x = np.random.default_rng(0).normal(size=500)
    x[3], x[5] = np.inf, np.nan
    rules = ["x: infinite -> blank", "x: iqr -> clip", "x: missing -> impute(median)", "x -> normalize(standard)"]
    recipe = nanclean.fit({"x": x}, rules=rules)
    assert [look for look in looks if look] == [{"normalize(standard)"}]
    assert recipe.steps[-1].settled


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBER | SPECIAL, min_size=1, max_size=60), st.floats(0.1, 3))
def test_figures_that_clip_tells_are_those_that_are_measured(values: list[float], k: float) -> None:
    """The same bits, whichever way they came."""
    table = {"x": np.array(values)}
    rules = [
        "x: infinite -> blank",
        f"x: iqr({k:.3f}) -> clip",
        "x: missing -> impute(median)",
        "x: quantile(0.1, 0.9)",
    ]
    if not np.isfinite(table["x"]).any():
        return
    told = nanclean.fit(table, rules=rules)
    carried = Clip.carries
    try:
        Clip.carries = property(lambda self: frozenset())  # type: ignore[assignment]
        measured = nanclean.fit(table, rules=rules)
    finally:
        Clip.carries = carried  # type: ignore[method-assign]
    assert told.to_json() == measured.to_json()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(NUMBER | SPECIAL, max_size=30), min_size=1, max_size=4), st.floats(-1e7, 1e7))
def test_moments_are_numpys_whatever_the_center_and_the_cuts(pieces: list[list[float]], center: float) -> None:
    whole = moments(pieces, center)
    x = np.array([value for piece in pieces for value in piece])
    x = x[np.isfinite(x)]
    figures = whole.result(100)
    assert figures["finite"] == x.size
    if not x.size:
        assert figures["mean"] is None
        return
    exact = math.fsum(x.tolist()) / x.size
    assert figures["mean"] == pytest.approx(exact, rel=1e-15, abs=1e-300)
    assert (figures["min"], figures["max"]) == (x.min(), x.max())
    deviations = [(value - exact) ** 2 for value in x.tolist()]
    assert figures["std"] == pytest.approx(math.sqrt(math.fsum(deviations) / x.size), rel=1e-12, abs=1e-9)


def moments(pieces: list[list[float]], center: float) -> Moments:
    whole = Moments("float", 64, center, lambda: pytest.fail("there is no need"))
    while True:
        for piece in pieces:
            part = whole.fresh()
            part.add(numbers(piece), Batch(0, len(piece), ()))
            whole.merge(part)
        again = whole.again()
        if again is None:
            return whole
        assert isinstance(again, Moments)
        whole = again


def numbers(values: list[float]) -> Numbers:
    found = view(np.array(values, np.float64))
    assert isinstance(found, Numbers)
    return found


def test_a_column_whose_squares_overflow_is_measured_the_long_way() -> None:
    x = np.array([1e300, -1e300, 5e299, np.nan])
    recipe = nanclean.fit({"x": x, "y": x}, rules=["x: missing -> fill(0)", "x -> normalize(standard)"])
    told = dict(recipe.steps[-1].fix.figures)  # type: ignore[union-attr]
    filled = np.nan_to_num(x)
    assert told["mean"] == pytest.approx(filled.mean())
    assert told["std"] == pytest.approx((filled / 1e300).std() * 1e300)


def test_groups_are_measured_apart_and_a_thousand_and_one_are_too_many() -> None:
    rng = np.random.default_rng(1)
    store, price = rng.integers(0, 5, 400), rng.normal(size=400).round(2)
    price[::7] = np.nan
    recipe = nanclean.fit({"store": store, "price": price}, rules=["price: missing -> impute(median, by='store')"])
    groups = dict(recipe.steps[0].fix.groups)  # type: ignore[union-attr, arg-type]
    assert groups == {key: np.nanmedian(price[store == key]) for key in range(5)}
    many = {"store": np.arange(1001), "price": np.full(1001, 1.0)}
    with pytest.raises(nanclean.RuleError, match="store has more than 1,000 different values"):
        nanclean.fit(many, rules=["price: missing -> impute(median, by='store')"])


def test_the_plan_is_linear_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step asks about its own column only."""
    asked = 0
    above = Fit._above

    def counted(self, step, steps):
        nonlocal asked
        found = above(self, step, steps)
        asked += len(found)
        return found

    monkeypatch.setattr(fitting.Fit, "_above", counted)
    x = np.random.default_rng(0).normal(size=(30, 200))
    x[3] = np.nan
    nanclean.fit(x, rules=["@all: missing -> impute(median)", "@all -> normalize(standard)"])
    assert asked == 200

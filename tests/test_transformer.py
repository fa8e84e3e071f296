"""A recipe in scikit-learn's pipelines: its own checks of estimators, names, frames, pickles, and a real model."""

from __future__ import annotations

import doctest
import math
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import nanclean
from nanclean import recipe as recipe_module
from nanclean.errors import PolicyError, RecipeError, RuleError

pytest.importorskip("sklearn", minversion="1.6", reason="the transformer is for scikit-learn")

from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_classification
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from nanclean import transformer
from nanclean.transformer import Cleaner

NAN = math.nan
ALL = (
    "@numeric: infinite -> blank",
    "@numeric: missing -> impute(mean)",
    "@numeric: iqr(3) -> clip",
    "@numeric -> normalize(standard)",
)
FLAGS = ("@numeric: missing -> flag", "@numeric: missing -> impute(median)")


def holes(x: np.ndarray, share: float = 0.1) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(x.shape) < share, NAN, x)


@pytest.mark.parametrize("rules", [transformer.RULES, ALL, FLAGS], ids=["default", "all", "flags"])
def test_it_passes_the_checks_of_scikit_learn(rules):
    results = check_estimator(Cleaner(rules=rules), on_fail=None, on_skip=None)

    assert len(results) > 30
    assert {each["check_name"]: repr(each["exception"]) for each in results if each["status"] == "failed"} == {}


def test_a_rule_that_looks_at_the_rows_above_fails_the_checks_about_their_order_and_no_other():
    reason = "ffill fills from the row above: which row that is, is its meaning"
    names = ("check_methods_sample_order_invariance", "check_methods_subset_invariance")
    filling = Cleaner(rules=["@numeric: range(-0.5, 0.5) -> impute(ffill)"])
    results = check_estimator(
        filling, expected_failed_checks=dict.fromkeys(names, reason), on_fail="raise", on_skip=None
    )
    assert sorted(each["check_name"] for each in results if each["status"] == "xfail") == sorted(names)


def test_it_does_what_the_steps_of_scikit_learn_do():
    train, test = (holes(np.random.default_rng(seed).normal(size=(300, 4))) for seed in (1, 2))
    rules = ("@numeric: missing -> impute(mean)", "@numeric -> normalize(standard)")
    theirs = make_pipeline(SimpleImputer(), StandardScaler()).fit(train)
    ours = Cleaner(rules=rules).fit(train)
    np.testing.assert_allclose(ours.transform(test), theirs.transform(test), rtol=1e-12, atol=1e-12)


def test_a_model_that_fails_on_missing_cells_trains_with_it():
    x, y = make_classification(1_000, 8, n_informative=5, random_state=0)
    x = holes(x)
    x[3, 2] = math.inf
    train, test, y_train, y_test = train_test_split(x, y, random_state=0)
    with pytest.raises(ValueError, match="Input X contains"):
        LogisticRegression().fit(train, y_train)

    model = make_pipeline(Cleaner(rules=ALL), LogisticRegression()).fit(train, y_train)
    assert model.score(test, y_test) > 0.7
    recipe = nanclean.fit(train, rules=ALL)
    fitted = make_pipeline(recipe.transformer(), LogisticRegression()).fit(train, y_train)
    assert recipe.apply(test).shape == test.shape
    np.testing.assert_array_equal(fitted.predict_proba(test), model.predict_proba(test))
    assert cross_val_score(model, x, y, cv=3).min() > 0.65
    choices = {"cleaner__rules": [ALL[:2], ALL]}
    assert GridSearchCV(model, choices, cv=2).fit(x, y).best_score_ > 0.65


def flats() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": [50.0, NAN, 70.0, 90.0, 500.0, 60.0],
            "rooms": pd.array([2, 3, None, 4, 3, 2], dtype="Int64"),
            "town": ["Bern", None, "Biel", "Bern", "Biel", "Bern"],
        },
        index=list("abcdef"),
    )


def test_frames_stay_frames_with_text_and_index():
    cleaner = Cleaner(rules=["@numeric: missing -> impute(median)", "town: missing -> fill('unknown')"])
    for make in (lambda df: df, pl.from_pandas):
        after = cleaner.fit_transform(make(flats()))
        assert type(after) is type(make(flats()))
        assert list(after["area"]) == [50.0, 70.0, 70.0, 90.0, 500.0, 60.0]
        assert list(after["town"])[1] == "unknown"
    assert cleaner.fit_transform(flats()).index.tolist() == list("abcdef")
    assert cleaner.feature_names_in_.tolist() == ["area", "rooms", "town"]
    assert cleaner.n_features_in_ == 3
    assert cleaner.transform(flats().iloc[:0]).shape == (0, 3)


def test_names_follow_the_columns():
    cleaner = Cleaner(rules=["area: missing -> flag", "@numeric: missing -> impute(mean)", "town -> drop_column"])
    cleaner.fit(flats())
    assert cleaner.get_feature_names_out().tolist() == ["area", "rooms", "area_missing"]
    assert cleaner.transform(flats()).columns.tolist() == ["area", "rooms", "area_missing"]

    array = Cleaner(rules=["c1 -> drop_column", *FLAGS]).fit(np.array([[1.0, 2.0, NAN], [3.0, 4.0, 5.0]]))
    assert array.get_feature_names_out().tolist() == ["x0", "x2", "x0_missing", "x2_missing"]
    assert array.get_feature_names_out(["p", "q", "r"]).tolist() == ["p", "r", "p_missing", "r_missing"]
    named = array.set_output(transform="pandas").transform(np.array([[NAN, 0.0, 6.0]]))
    assert named.to_dict("list") == {"x0": [2.0], "x2": [6.0], "x0_missing": [1.0], "x2_missing": [0.0]}


def test_it_works_inside_a_column_transformer():
    numbers = make_pipeline(Cleaner(rules=ALL[1:]), StandardScaler())
    words = make_pipeline(Cleaner(rules=["town: missing -> fill('unknown')"]), OneHotEncoder(sparse_output=False))
    both = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, ["town"]), verbose_feature_names_out=False
    ).set_output(transform="pandas")
    after = both.fit_transform(flats().astype({"rooms": float}))
    assert after.columns.tolist() == ["area", "rooms", "town_Bern", "town_Biel", "town_unknown"]
    assert np.isfinite(after.to_numpy()).all()


def test_a_recipe_is_never_fitted_again():
    recipe = nanclean.fit(np.array([[1.0], [3.0]]), rules=["c0: missing -> impute(mean)"])
    cleaner = recipe.transformer()
    other = np.array([[100.0], [NAN]])
    assert cleaner.transform(other).tolist() == [[100.0], [2.0]]  # nothing to be learned first
    assert cleaner.fit(other).transform(other).tolist() == [[100.0], [2.0]]
    assert cleaner.recipe_ is recipe
    with pytest.raises(RecipeError, match="has 2 columns, and the recipe was fitted on 1"):
        cleaner.fit(np.ones((3, 2)))
    named = nanclean.fit(flats(), rules=["area: missing -> impute(mean)"]).transformer()
    with pytest.raises(RecipeError, match="works on area, which is not there"):
        named.fit(flats().drop(columns="area"))
    assert named.fit(flats()[["rooms", "area"]]).get_feature_names_out().tolist() == ["rooms", "area"]


def test_a_recipe_may_be_a_file(tmp_path):
    nanclean.fit(flats(), tmp_path / "r.json", rules=["area: missing -> impute(median)"])
    assert Cleaner(recipe=tmp_path / "r.json").fit_transform(flats())["area"].iloc[1] == 70.0


def test_copies_and_pickles_do_the_same():
    cleaner = Cleaner(rules=list(ALL[:3])).fit(flats()[["area"]])
    again = pickle.loads(pickle.dumps(cleaner))
    pd.testing.assert_frame_equal(again.transform(flats()[["area"]]), cleaner.transform(flats()[["area"]]))
    assert clone(cleaner).rules == list(ALL[:3])
    assert not hasattr(clone(cleaner), "recipe_")
    frozen = nanclean.fit(flats(), rules=["area: missing -> impute(mean)"]).transformer()
    copied = clone(pickle.loads(pickle.dumps(frozen)))
    pd.testing.assert_frame_equal(copied.transform(flats()), frozen.transform(flats()))


def test_rows_are_never_dropped():
    for rules in (["area: missing -> drop"], "area: missing -> drop"):
        with pytest.raises(PolicyError, match="area: missing -> drop: a transformer cannot drop rows") as refused:
            Cleaner(rules=rules).fit(flats())
        assert "X and y together" in refused.value.hint
    dropping = nanclean.fit(flats(), rules=["area: missing -> drop"])
    for work in ("fit", "transform"):
        with pytest.raises(PolicyError, match="cannot drop rows"):
            getattr(dropping.transformer(), work)(flats())
    label = nanclean.fit(flats(), rules=["town: missing -> drop", "area: missing -> impute(mean)"], label="town")
    assert label.transformer().fit(flats().drop(columns="town")).n_features_in_ == 2  # y has gone its own way


def test_rules_that_drop_rows_are_refused_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(transformer, "fit", lambda *_, **__: pytest.fail("it was measured"))
    with pytest.raises(PolicyError, match="cannot drop rows"):
        Cleaner(rules=["area: missing -> drop"]).fit(flats())


def test_a_label_is_a_column_like_any_other_where_it_is_there():
    recipe = nanclean.fit(flats(), rules=["town: missing -> flag", "area: missing -> flag"], label="town")
    for table in (flats(), flats().drop(columns="town")):
        cleaner = recipe.transformer().fit(table)
        assert cleaner.get_feature_names_out().tolist() == cleaner.transform(table).columns.tolist()


def test_nothing_is_learned_from_y():
    x = holes(np.random.default_rng(5).normal(size=(50, 2)))
    one, other = (Cleaner(rules=ALL).fit(x, y).recipe_ for y in (np.zeros(50), np.full(50, NAN)))
    assert one == other == Cleaner(rules=ALL).fit(x).recipe_


def test_what_is_wrong_with_a_table_is_told_as_scikit_learn_tells_it():
    cleaner = Cleaner(rules=["area: missing -> impute(mean)"]).fit(flats())
    with pytest.raises(ValueError, match="feature names should match"):
        cleaner.transform(flats().rename(columns={"rooms": "Rooms"}))
    with pytest.raises(ValueError, match="Expected 2D array"):
        Cleaner().fit([1.0, 2.0])
    with pytest.raises(ValueError, match="0 sample"):
        Cleaner().fit(flats()[["area"]].iloc[:0])
    with pytest.raises(RuleError, match="missing cell"):
        Cleaner(rules=["@numeric -> normalize(standard)"]).fit_transform([[NAN], [1.0]])


def test_arrays_go_by_place_where_frames_were_fitted():
    frame = flats()[["area"]]
    cleaner = Cleaner(rules=["area: missing -> impute(median)"]).fit(frame)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert cleaner.transform(np.array([[NAN], [1.0]])).tolist() == [[70.0], [1.0]]
    array = Cleaner().fit(frame.to_numpy())
    with pytest.warns(UserWarning, match="fitted without feature names"):
        assert array.transform(frame)[1].tolist() == [70.0]


def test_without_scikit_learn_it_says_what_to_install():
    code = """
import sys
sys.modules["sklearn"] = None
import nanclean
try:
    nanclean.fit({"x": [1.0, None]}, rules=["x: missing -> fill(0)"]).transformer()
except nanclean.UsageError as error:
    print(error.message, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == (
        "a transformer is for scikit-learn 1.6 or later, which is not there | pip install 'scikit-learn>=1.6'\n"
    )


def test_nobody_else_imports_scikit_learn():
    code = (
        "import sys, nanclean; r = nanclean.fit({'x': [1.0, None]}, rules=['x: missing -> fill(0)']);"
        "r.apply({'x': [None]}); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("what", "module"),
    [(Cleaner, transformer), (nanclean.Recipe.transformer, recipe_module)],
    ids=["Cleaner", "Recipe"],
)
def test_the_example_prints_what_it_says(what, module):
    examples = doctest.DocTestFinder(recurse=False).find(what, what.__name__, module=module, globs={})
    assert sum(len(example.examples) for example in examples) > 0
    assert all(doctest.DocTestRunner().run(example).failed == 0 for example in examples)

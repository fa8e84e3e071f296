"""A recipe as a step of scikit-learn's pipelines. scikit-learn is imported here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from nanclean.api import fit
from nanclean.errors import PolicyError, UsageError
from nanclean.policy import from_options
from nanclean.recipe import Recipe
from nanclean.serving import columns_after, fitting, names_of

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import FLOAT_DTYPES, _check_feature_names_in, check_is_fitted, validate_data
except ImportError as error:
    raise UsageError(
        "a transformer is for scikit-learn 1.6 or later, which is not there", hint="pip install 'scikit-learn>=1.6'"
    ) from error

RULES = ("@numeric: missing -> impute(median)",)


class Cleaner(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Cleans a table by rules with the numbers of the training data, as a step of a pipeline.

    Frames of pandas and polars come back as such, with text, times and all other columns that no rule is about.
    Arrays hold numbers, and become floats. Missing and infinite cells are welcome.

    Parameters
    ----------
    recipe : Recipe or path, optional
        From `nanclean.fit`. It is applied as it is: `fit` learns nothing, and only holds the columns against it.
    rules : iterable of str
        Without a recipe: the rules that `fit` learns one from, of X alone. The columns of an array are c0, c1 …
        A rule cannot drop rows: the rows of y would stay.

    Attributes
    ----------
    recipe_ : Recipe
        What is applied.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str, (n_features_in_,)
        Their names, where all of them are text.

    Examples
    --------
    >>> import numpy
    >>> from nanclean.transformer import Cleaner
    >>> cleaner = Cleaner(rules=["@numeric: missing -> impute(mean)"]).fit([[1.0], [3.0]])
    >>> cleaner.transform([[numpy.nan]])
    array([[2.]])
    """

    def __init__(self, recipe: Any = None, rules: Any = RULES) -> None:
        self.recipe = recipe
        self.rules = rules

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - as scikit-learn calls it
        """Learn a recipe from X, (rows, columns), or hold its columns against the one that there is.

        PolicyError for rules that drop rows, RecipeError for a column that the recipe works on and X does not have.
        What is wrong with X as such is a ValueError, as everywhere in scikit-learn.
        """
        if self.recipe is None:
            _refuse_drops(self.rules)
        X = self._validated(X, reset=True)
        self.framed_ = _is_frame(X)
        recipe = self._given()
        if recipe is None:
            recipe = fit(X, rules=self.rules)
        names = names_of(X)
        _refuse_rows(recipe, X)
        self.recipe_, self.names_ = recipe, names
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """X, (rows, columns), as the rules leave it: a frame of the same kind, or an array."""
        check_is_fitted(self)
        if not hasattr(self, "recipe_"):  # with a recipe nothing needs to be learned first
            return self.__class__(recipe=self.recipe).fit(X).transform(X)
        X = self._validated(X, reset=False)
        if _is_frame(X) or not self.framed_:
            return self.recipe_.apply(X)
        found = self.recipe_.apply(dict(zip(self.names_, np.asarray(X).T, strict=True)))
        return np.column_stack(list(found.values()))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns that `transform` gives, object, (columns,)."""
        check_is_fitted(self, "recipe_")
        named: Sequence[str] = _check_feature_names_in(self, input_features)
        shown = dict(zip(self.names_, named, strict=True))
        found = []
        for name, source in columns_after(self.recipe_, self.names_):
            if source is not None:  # a rule has added it, and called it after its source
                shown[name] = f"{shown[source]}{name.removeprefix(source)}"
            found.append(shown[name])
        return np.array(found, object)

    def _given(self) -> Recipe | None:
        if self.recipe is None or isinstance(self.recipe, Recipe):
            return self.recipe
        return Recipe.read(os.fspath(self.recipe))

    def _validated(self, table: Any, *, reset: bool) -> Any:
        """Frames as they are, and everything else as an array of floats. Names and number of columns are checked."""
        if _is_frame(table) and (len(table) if reset else self.framed_):
            return validate_data(self, table, reset=reset, skip_check_array=True)
        return validate_data(self, table, reset=reset, dtype=FLOAT_DTYPES, ensure_all_finite=False)

    def __sklearn_is_fitted__(self) -> bool:
        return self.recipe is not None or hasattr(self, "recipe_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _is_frame(table: Any) -> bool:
    """A DataFrame of pandas or polars."""
    return hasattr(table, "columns") and hasattr(table, "dtypes") and hasattr(table, "shape")


def _refuse_drops(rules: str | Iterable[str]) -> None:
    """PolicyError, before anything is measured, for rules that drop rows."""
    for rule in from_options(rules=rules).demand().rules:
        if rule.fix is not None and rule.fix.drops:
            raise _dropping(str(rule))


def _refuse_rows(recipe: Recipe, table: Any) -> None:
    """PolicyError if the recipe drops rows of such a table; RecipeError if it does not fit it."""
    for step in fitting(recipe, table):
        if step.fix is not None and step.fix.drops:
            raise _dropping(str(recipe.policy.rules[step.rule]))


def _dropping(rule: str) -> PolicyError:
    return PolicyError(
        f"{rule}: a transformer cannot drop rows, because those of y would stay",
        hint="drop them before: recipe.apply(frame), X and y together; or impute here",
    )

"""The same repair by nanclean and by others, and what each of them learns for it.

    python bench/fixes.py fix WHO KIND FILE OUT
    python bench/fixes.py fit WHO KIND FILE OUT.json
    python bench/fixes.py compare KIND ONE OTHER        of two outputs of fix
    python bench/fixes.py learned ONE OTHER             of two outputs of fit

Of every float column: infinities become missing, values beyond 1.5 interquartile ranges are clipped, missing cells get
the median, and the column is standardised. All columns are written. What each library's own users would write.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

CLOSE = {"csv": 1e-9, "parquet": 1e-9, "npy": 2e-4}
"""How far figures may lie apart, in deviations: arrays are float32, and others compute in it."""
CELLS_CLOSE = 1e-6
Learned = dict[str, list[float]]
"""By column: the fences, the median, the mean and the deviation."""


# --- tables


def _pandas_read(kind: str, file: str) -> Any:
    import numpy as np
    import pandas as pd

    if kind == "npy":
        x = np.load(file)
        return pd.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])], copy=False)
    return pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)


def _pandas_write(table: Any, kind: str, out: str) -> None:
    import numpy as np

    if kind == "npy":
        np.save(out, table.to_numpy())
    elif kind == "csv":
        table.to_csv(out, index=False)
    else:
        table.to_parquet(out, index=False)


def _pandas_steps(table: Any, told: Learned) -> Any:
    """Column by column in memory."""
    import numpy as np

    for name in table.select_dtypes("float"):
        column = table[name].replace([np.inf, -np.inf], np.nan)
        q1, q3 = column.quantile([0.25, 0.75])
        low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
        column = column.clip(low, high)
        median = column.median()
        column = column.fillna(median)
        mean, std = column.mean(), column.std(ddof=0)
        told[name] = [float(x) for x in (low, high, median, mean, std)]
        table[name] = (column - mean) / std
    return table


def pandas_fix(kind: str, file: str, out: str) -> None:
    _pandas_write(_pandas_steps(_pandas_read(kind, file), {}), kind, out)


def pandas_fit(kind: str, file: str) -> Learned:
    told: Learned = {}
    _pandas_steps(_pandas_read(kind, file), told)
    return told


def _polars_read(kind: str, file: str) -> Any:
    import numpy as np
    import polars as pl

    if kind == "npy":
        x = np.load(file)
        return pl.DataFrame({f"c{i}": x[:, i] for i in range(x.shape[1])}, nan_to_null=True)
    return pl.read_csv(file, infer_schema_length=None) if kind == "csv" else pl.read_parquet(file)


def _polars_steps(table: Any, told: Learned) -> Any:
    """Eager, as each step needs figures of the one before it."""
    import polars as pl
    import polars.selectors as cs

    floats = cs.float()
    table = table.with_columns(pl.when(floats.is_finite()).then(floats).otherwise(None))
    q1, q3 = floats.quantile(0.25, "linear"), floats.quantile(0.75, "linear")
    fences = table.select((q1 - 1.5 * (q3 - q1)).name.suffix(" low"), (q3 + 1.5 * (q3 - q1)).name.suffix(" high"))
    fence = fences.row(0, named=True)
    names = table.select(floats).columns
    table = table.with_columns(pl.col(name).clip(fence[f"{name} low"], fence[f"{name} high"]) for name in names)
    median = table.select(floats.median()).row(0, named=True)
    table = table.with_columns(pl.col(name).fill_null(median[name]) for name in names)
    mean, std = (table.select(x).row(0, named=True) for x in (floats.mean(), floats.std(ddof=0)))
    for name in names:
        told[name] = [fence[f"{name} low"], fence[f"{name} high"], median[name], mean[name], std[name]]
    return table.with_columns((pl.col(name) - mean[name]) / std[name] for name in names)


def polars_fix(kind: str, file: str, out: str) -> None:
    import numpy as np

    table = _polars_steps(_polars_read(kind, file), {})
    if kind == "npy":
        np.save(out, table.to_numpy(order="c"))
    elif kind == "csv":
        table.write_csv(out)
    else:
        table.write_parquet(out)


def polars_fit(kind: str, file: str) -> Learned:
    told: Learned = {}
    _polars_steps(_polars_read(kind, file), told)
    return told


def _sklearn_pipeline() -> Any:
    """Imputer and scaler from the library, the fences as a transformer of one's own, as its users write them."""
    import numpy as np
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    class Clip(TransformerMixin, BaseEstimator):
        def fit(self, x: Any, y: Any = None) -> Any:
            q1, q3 = np.nanquantile(x, [0.25, 0.75], axis=0)
            self.low_, self.high_ = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
            return self

        def transform(self, x: Any) -> Any:
            return np.clip(x, self.low_, self.high_)

    finite = FunctionTransformer(lambda x: np.where(np.isinf(x), np.nan, x))
    return make_pipeline(finite, Clip(), SimpleImputer(strategy="median"), StandardScaler())


def sklearn_fix(kind: str, file: str, out: str) -> None:
    table = _pandas_read(kind, file)
    names = table.select_dtypes("float").columns
    table[names] = _sklearn_pipeline().fit_transform(table[names].to_numpy())
    _pandas_write(table, kind, out)


def sklearn_fit(kind: str, file: str) -> Learned:
    table = _pandas_read(kind, file)
    names = table.select_dtypes("float").columns
    _, clip, impute, scale = (step for _, step in _sklearn_pipeline().fit(table[names].to_numpy()).steps)
    figures = zip(clip.low_, clip.high_, impute.statistics_, scale.mean_, scale.scale_, strict=True)
    return {name: [float(x) for x in each] for name, each in zip(names, figures, strict=True)}


def recipe(file: str) -> Learned:
    """The same figures from a recipe of nanclean."""
    told: Learned = {}
    with open(file, encoding="utf-8") as opened:
        found = json.load(opened)
    if "steps" not in found:  # what one of the functions above has written
        return {name: [float(x) for x in each] for name, each in found.items()}
    for step in found["steps"]:
        fix, each = step["fix"], told.setdefault(step["column"], [])
        if fix["name"] == "clip":
            each += fix["fences"]
        elif fix["name"] == "impute":
            each.append(fix["value"])
        elif fix["name"] == "normalize":
            each += [dict(fix["figures"])["mean"], dict(fix["figures"])["std"]]
    return {name: each for name, each in told.items() if each}


# --- whether they are the same


def compare(kind: str, one: str, other: str) -> None:
    """How far two outputs lie apart, and whether all other columns are the same; exit 1 if they are not."""
    import numpy as np

    a, b = _pandas_read(kind, one), _pandas_read(kind, other)
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        raise SystemExit("other columns or rows")
    names = a.select_dtypes("float").columns
    far = max(float(np.abs(a[name].to_numpy() - b[name].to_numpy()).max()) for name in names)
    rest = all(a[name].equals(b[name]) for name in a.columns if name not in names)
    print(f"largest difference {far:.0e} deviations")
    if not rest or not far <= (CLOSE["npy"] if kind == "npy" else CELLS_CLOSE):
        raise SystemExit(f"not the same: largest difference {far:.1e}; other columns {'same' if rest else 'differ'}")


def learned(kind: str, one: str, other: str) -> None:
    """Whether two have learned the same; exit 1 if not."""
    a, b = recipe(one), recipe(other)
    if set(a) != set(b):
        raise SystemExit("not of the same columns")
    far = 0.0
    for name, figures in a.items():
        std = figures[-1]
        far = max([far, *(abs(x - y) / std for x, y in zip(figures, b[name], strict=True))])
    print(f"largest difference {far:.0e} deviations")
    if not far <= CLOSE[kind] or math.isnan(far):
        raise SystemExit(f"not the same: largest difference {far:.1e}")


def main(what: str, *arguments: str) -> None:
    """Run one of the functions above."""
    if what in ("compare", "learned"):
        globals()[what](*arguments)
        return
    who, kind, file, out = arguments
    work: Callable[..., Learned | None] = globals()[f"{who}_{what}"]
    if what == "fix":
        work(kind, file, out)
    else:
        with open(out, "w", encoding="utf-8") as opened:
            json.dump(work(kind, file), opened)


if __name__ == "__main__":
    main(*sys.argv[1:])

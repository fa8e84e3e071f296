"""The same repair by nanclean and by others: `python bench/fixes.py WHO KIND FILE OUT`.

Of every float column: infinities become missing, values beyond 1.5 interquartile ranges are clipped, missing cells get
the median, and the column is standardised. All columns are written. What each library's own users would write.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

RULES = (
    "@float: infinite -> blank",
    "@float: iqr(1.5) -> clip",
    "@float: missing -> impute(median)",
    "@float -> normalize(standard)",
)


def nanclean(kind: str, file: str, out: str) -> None:
    """Rules, and a file that is read back and compared before it is there."""
    import nanclean

    nanclean.fix(file, out, rules=RULES, no_config=True, force=True)


def pandas(kind: str, file: str, out: str) -> None:
    """Column by column in memory."""
    import numpy as np
    import pandas as pd

    table = pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)
    for name in table.select_dtypes("float"):
        column = table[name].replace([np.inf, -np.inf], np.nan)
        q1, q3 = column.quantile([0.25, 0.75])
        column = column.clip(q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1))
        column = column.fillna(column.median())
        table[name] = (column - column.mean()) / column.std(ddof=0)
    table.to_csv(out, index=False) if kind == "csv" else table.to_parquet(out)


def polars(kind: str, file: str, out: str) -> None:
    """Eager, as each step needs figures of the one before it."""
    import polars as pl
    import polars.selectors as cs

    table = pl.read_csv(file, infer_schema_length=None) if kind == "csv" else pl.read_parquet(file)
    floats = cs.float()
    table = table.with_columns(pl.when(floats.is_finite()).then(floats).otherwise(None))
    q1, q3 = floats.quantile(0.25, "linear"), floats.quantile(0.75, "linear")
    table = table.with_columns(floats.clip(q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)))
    table = table.with_columns(floats.fill_null(floats.median()))
    table = table.with_columns((floats - floats.mean()) / floats.std(ddof=0))
    table.write_csv(out) if kind == "csv" else table.write_parquet(out)


def sklearn(kind: str, file: str, out: str) -> None:
    """Imputer and scaler from the library, the rest in NumPy."""
    import numpy as np
    import pandas as pd
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def clipped(x: Any) -> Any:
        q1, q3 = np.nanquantile(x, [0.25, 0.75], axis=0)
        return np.clip(x, q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1))

    table = pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)
    names = table.select_dtypes("float").columns
    finite = FunctionTransformer(lambda x: np.where(np.isinf(x), np.nan, x))
    steps = make_pipeline(finite, FunctionTransformer(clipped), SimpleImputer(strategy="median"), StandardScaler())
    table[names] = steps.fit_transform(table[names].to_numpy())
    table.to_csv(out, index=False) if kind == "csv" else table.to_parquet(out)


def compare(kind: str, one: str, other: str) -> None:
    """How far two outputs lie apart."""
    import numpy as np
    import pandas as pd

    read = pd.read_csv if kind == "csv" else pd.read_parquet
    a, b = read(one), read(other)
    assert list(a.columns) == list(b.columns)
    assert len(a) == len(b)
    names = a.select_dtypes("float").columns
    far = float(np.abs(a[names].to_numpy() - b[names].to_numpy()).max())
    rest = all(a[name].equals(b[name]) for name in a.columns if name not in names)
    told = "the same" if rest else "NOT the same"
    print(f"- fix, {kind}: {Path(other).stem}: largest difference {far:.1e}; other columns {told}")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

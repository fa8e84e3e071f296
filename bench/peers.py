"""The same exact report, as a user of another library would write it; and the bare reads to hold scan against.

    python bench/peers.py WHAT FORMAT FILE          WHAT: read, nanclean, or a library
    python bench/peers.py compare FORMAT FILE LIBRARY

Of every numeric column: missing, infinities, and over the finite values min, max, mean, deviation (ddof 0), quartiles
(linear), values beyond 1.5 IQR and beyond 3 deviations. Of every text column: missing and distinct. Each is written
the way that was fastest of those tried for that library.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

Figures = dict[str, dict[str, Any]]
KEYS = (
    "missing", "pos_inf", "neg_inf", "finite", "min", "max", "mean", "std", "q1", "median", "q3", "iqr", "zscore",
)  # fmt: skip
ROUNDED = ("mean", "std", "q1", "median", "q3")


def read_csv(path: str) -> None:
    import pyarrow.csv

    pyarrow.csv.read_csv(path)


def read_parquet(path: str) -> None:
    import pyarrow.parquet

    for _ in pyarrow.parquet.ParquetFile(path).iter_batches():
        pass


def read_text_csv(path: str) -> None:
    import pyarrow.csv

    names = pyarrow.csv.open_csv(path).schema.names
    text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
    pyarrow.csv.read_csv(path, convert_options=text)


def read_npy(path: str) -> None:
    import numpy as np

    np.load(path).sum()


def of_values(x: Any, missing: int) -> dict[str, Any]:
    """The figures of a NumPy array without its missing values."""
    import numpy as np

    finite = x
    high = low = 0
    if x.dtype.kind == "f":
        real = np.isfinite(x)
        if not real.all():
            high, low, finite = int(np.isposinf(x).sum()), int(np.isneginf(x).sum()), x[real]
    q1, median, q3 = np.quantile(finite, [0.25, 0.5, 0.75]).tolist()
    mean, std = float(finite.mean(dtype="f8")), float(finite.std(dtype="f8"))
    reach = 1.5 * (q3 - q1)
    beyond = int(((finite < q1 - reach) | (finite > q3 + reach)).sum())
    far = int(((finite < mean - 3 * std) | (finite > mean + 3 * std)).sum())
    least, most = finite.min().item(), finite.max().item()
    return dict(
        zip(KEYS, (missing, high, low, len(finite), least, most, mean, std, q1, median, q3, beyond, far), strict=True)
    )


def numpy_npy(path: str) -> Figures:
    import numpy as np

    array = np.load(path)
    figures = {}
    for i in range(array.shape[1]):
        x = np.ascontiguousarray(array[:, i])
        missing = np.isnan(x)
        figures[f"c{i}"] = of_values(x[~missing] if missing.any() else x, int(missing.sum()))
    return figures


def pandas(frame: Any) -> Figures:
    import numpy as np

    figures: Figures = {}
    for name in frame:
        x = frame[name]
        missing = int(x.isna().sum())
        if x.dtype.kind not in "if":
            figures[name] = {"missing": missing, "distinct": x.nunique()}
            continue
        floating = x.dtype.kind == "f"
        high, low = (int((x == end).sum()) if floating else 0 for end in (np.inf, -np.inf))
        finite = x[np.isfinite(x)] if floating else x
        mean, std = finite.mean(), finite.std(ddof=0)
        q1, median, q3 = finite.quantile([0.25, 0.5, 0.75])
        reach = 1.5 * (q3 - q1)
        beyond = int(((finite < q1 - reach) | (finite > q3 + reach)).sum())
        far = int(((finite < mean - 3 * std) | (finite > mean + 3 * std)).sum())
        values = (missing, high, low, len(finite), finite.min(), finite.max(), mean, std, q1, median, q3, beyond, far)
        figures[name] = dict(zip(KEYS, (getattr(v, "item", lambda v=v: v)() for v in values), strict=True))
    return figures


def pandas_csv(path: str) -> Figures:
    import pandas as pd

    return pandas(pd.read_csv(path))


def pandas_parquet(path: str) -> Figures:
    import pandas as pd

    return pandas(pd.read_parquet(path))


def polars(frame: Any) -> Figures:
    import polars as pl
    import polars.selectors as cs

    numeric = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    text = [name for name in frame.columns if name not in numeric]
    floats = cs.float()
    counts = frame.select(
        pl.all().null_count().name.suffix(" missing"),
        (floats.is_infinite() & (floats > 0)).sum().name.suffix(" pos_inf"),
        (floats.is_infinite() & (floats < 0)).sum().name.suffix(" neg_inf"),
        cs.string().n_unique().name.suffix(" distinct"),
    ).row(0, named=True)
    frame = frame.select(numeric).with_columns(pl.when(floats.is_finite()).then(floats).name.keep())
    x = pl.all()
    first = frame.select(
        x.count().name.suffix(" finite"),
        x.min().name.suffix(" min"),
        x.max().name.suffix(" max"),
        x.mean().name.suffix(" mean"),
        x.std(ddof=0).name.suffix(" std"),
        x.quantile(0.25, "linear").name.suffix(" q1"),
        x.median().name.suffix(" median"),
        x.quantile(0.75, "linear").name.suffix(" q3"),
    ).row(0, named=True)
    beyond = []
    for name in numeric:
        q1, q3, mean, std = (first[f"{name} {key}"] for key in ("q1", "q3", "mean", "std"))
        value, reach = pl.col(name), 1.5 * (q3 - q1)
        beyond.append(((value < q1 - reach) | (value > q3 + reach)).sum().alias(f"{name} iqr"))
        beyond.append(((value < mean - 3 * std) | (value > mean + 3 * std)).sum().alias(f"{name} zscore"))
    all_of = counts | first | frame.select(beyond).row(0, named=True)
    figures: Figures = {name: {key: all_of.get(f"{name} {key}", 0) for key in KEYS} for name in numeric}
    figures |= {name: {key: all_of[f"{name} {key}"] for key in ("missing", "distinct")} for name in text}
    return figures


def polars_csv(path: str) -> Figures:
    import polars as pl

    return polars(pl.read_csv(path))


def polars_parquet(path: str) -> Figures:
    import polars as pl

    return polars(pl.read_parquet(path))


def duckdb(run: Any, data: str) -> Figures:
    """A query for each column: one query for all of them takes three times as long."""
    kinds = {row[0]: row[1] for row in run(f"describe select * from {data}").fetchall()}
    figures: Figures = {}
    fences = []
    for name, kind in kinds.items():
        x = f'"{name}"'
        if kind == "VARCHAR":
            row = run(f"select count(*) - count({x}), count(distinct {x}) from {data}").fetchone()
            figures[name] = dict(zip(("missing", "distinct"), row, strict=True))
            continue
        real = f"isfinite({x})" if kind == "DOUBLE" else "true"
        ends = [
            f"count(*) filter (where {x} = '{end}'::double)" if kind == "DOUBLE" else "0" for end in ("inf", "-inf")
        ]
        missing, high, low = run(f"select count(*) - count({x}), {', '.join(ends)} from {data}").fetchone()
        finite, least, most, mean, std, (q1, median, q3) = run(
            f"select count({x}), min({x}), max({x}), avg({x}), stddev_pop({x}), quantile_cont({x}, [0.25, 0.5, 0.75])"
            f" from {data} where {real}"
        ).fetchone()
        values = (missing, high, low, finite, least, most, mean, std, q1, median, q3)
        figures[name] = dict(zip(KEYS, values, strict=False))
        reach = 1.5 * (q3 - q1)
        for key, below, above in (("iqr", q1 - reach, q3 + reach), ("zscore", mean - 3 * std, mean + 3 * std)):
            fences.append((name, key, f"count(*) filter (where {real} and ({x} < {below!r} or {x} > {above!r}))"))
    counts = run(f"select {', '.join(fence for _, _, fence in fences)} from {data}").fetchone()
    for (name, key, _), count in zip(fences, counts, strict=True):
        figures[name][key] = count
    return figures


def duckdb_csv(path: str) -> Figures:
    import duckdb as library

    run = library.connect().execute
    run("create table data as select * from read_csv(?)", [path])
    return duckdb(run, "data")


def duckdb_parquet(path: str) -> Figures:
    import duckdb as library

    return duckdb(library.connect().execute, f"read_parquet('{path}')")


def nanclean(path: str) -> Figures:
    import nanclean

    figures = {}
    for column in nanclean.scan(path, no_config=True).columns:
        own = {key: getattr(column, key) for key in KEYS[:-2]} | {"distinct": column.distinct}
        if column.outliers is not None:
            own |= {"iqr": column.outliers.iqr, "zscore": column.outliers.zscore}
        figures[column.name] = own
    return figures


nanclean_csv = nanclean_parquet = nanclean_npy = nanclean


def differences(own: Figures, other: Figures) -> list[str]:
    """Where two reports say something else: counts and extremes exactly, what others round to 1e-9."""
    found = []
    for name, figures in other.items():
        for key, value in figures.items():
            mine = own[name].get(key)
            close = math.isclose(mine, value, rel_tol=1e-9) if key in ROUNDED else mine == value
            if not close:
                found.append(f"{name} {key}: {mine} and {value}")
    return found


def compare(kind: str, path: str, name: str) -> None:
    """Hold the report of nanclean against that of another library; exit 1 where they say something else."""
    found = differences(nanclean(path), globals()[f"{name}_{kind}"](path))
    if found:
        raise SystemExit("; ".join(found[:3]))
    print("the same figures")


def main(what: str, kind: str, path: str, *options: str) -> None:
    """Run one of the functions above."""
    if what == "compare":
        compare(kind, path, *options)
        return
    work: Callable[[str], Figures | None] = globals()[f"{what}_{kind}"]
    work(path)


if __name__ == "__main__":
    main(*sys.argv[1:])

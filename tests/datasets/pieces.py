"""Tables, and their files: whole, and cut into pieces."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("csv", "parquet", "npy")


def table(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers with holes, infinities and cells that stand apart."""
    R = np.random.default_rng(seed)
    x = R.normal(size=rows)
    x[R.random(rows) < 0.05] = np.nan
    x[R.random(rows) < 0.01] = np.inf
    return {"x": x, "k": R.integers(0, 7, rows).astype(float), "n": R.lognormal(3, 1, rows).round(2)}


def write(path: Path, columns: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        rows = zip(*(map(repr, values.tolist()) for values in columns.values()), strict=True)
        path.write_text("\n".join([",".join(columns), *map(",".join, rows)]) + "\n")
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path, row_group_size=97)
    else:
        array = np.zeros(len(columns["x"]), [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            array[name] = values
        np.save(path, array)


def cut(folder: Path, columns: dict[str, np.ndarray], cuts: Sequence[int], suffix: str) -> None:
    """The table in pieces, whose names are in order."""
    shutil.rmtree(folder, ignore_errors=True)
    stops = [*sorted(cuts), len(columns["x"])]
    start = 0
    for number, stop in enumerate(stops):
        part = {name: values[start:stop] for name, values in columns.items()}
        write(folder / f"{number // 64:04}" / f"{number:04}.{suffix}", part)
        start = stop

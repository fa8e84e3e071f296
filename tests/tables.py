"""Tables to measure: columns that are hard for one or another way of counting, and their files in three formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Columns = Mapping[str, np.ndarray]


def hard_columns(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Integers and float64 without a missing cell; each name says what is hard."""
    R = np.random.default_rng(seed)
    few_far = R.uniform(0, 1, rows)
    few_far[-10:] = 1e12
    one_bin = 1e9 + R.integers(0, 3, rows) * 1e-6
    ties = R.normal(size=rows).round(1)
    zeros = np.where(R.random(rows) < 0.8, 0.0, R.lognormal(size=rows))
    signed = np.where(R.random(rows) < 0.5, 0.0, -0.0)
    return {
        "normal": R.normal(size=rows),
        "offset": R.normal(1e9, 1, rows),
        "integers": R.integers(0, 1_000_000, rows),
        "few": R.integers(0, 5, rows),
        "cauchy": R.standard_cauchy(rows),
        "every_size": R.normal(size=rows) * 10.0 ** R.integers(-300, 300, rows),
        "ties": ties,
        "one_bin": one_bin,
        "sorted": np.sort(R.lognormal(3, 1, rows).round(2)),
        "falling": np.sort(R.normal(size=rows))[::-1].copy(),
        "far_at_the_end": few_far,
        "zeros": zeros,
        "signed_zeros": signed,
        "constant": np.full(rows, 14.62),
        "epoch_ms": 1_700_000_000_000 + R.integers(0, 10**9, rows),
        "beyond_the_mantissa": 2**62 + R.integers(0, 1_000, rows),
        "every_int64": R.integers(-(2**63), 2**63 - 1, rows),
        "single": R.normal(size=rows).astype(np.float32).astype(np.float64),
        "subnormal": R.integers(-50, 50, rows) * 5e-324,
        "bimodal": np.where(R.random(rows) < 0.5, -10.0, 10.0) + R.normal(size=rows),
    }


def csv_bytes(columns: Columns) -> bytes:
    """The shortest text that reads back as the same number."""
    texts = [map(repr, values.tolist()) for values in columns.values()]
    lines = [",".join(columns), *(",".join(row) for row in zip(*texts, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def structured(columns: Columns) -> np.ndarray:
    """One NumPy array with a field for each column."""
    rows = len(next(iter(columns.values())))
    array = np.zeros(rows, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        array[name] = values
    return array


def in_three_formats(columns: Columns, folder: Path, row_group_size: int | None = None) -> dict[str, Path]:
    paths = {name: folder / f"t.{name}" for name in ("csv", "parquet", "npy")}
    paths["csv"].write_bytes(csv_bytes(columns))
    pq.write_table(pa.table(dict(columns)), paths["parquet"], row_group_size=row_group_size)
    np.save(paths["npy"], structured(columns))
    return paths


def in_further_formats(columns: Columns, folder: Path) -> dict[str, Path]:
    """As Arrow, JSON Lines and NPZ; a column of float64 of whole numbers has a point in each of them."""
    paths = {name: folder / f"t.{name}" for name in ("arrow", "jsonl", "npz")}
    table = pa.table(dict(columns))
    with pa.ipc.new_file(str(paths["arrow"]), table.schema) as writer:
        writer.write_table(table, max_chunksize=30_000)
    records = zip(*(values.tolist() for values in columns.values()), strict=True)
    lines = (json.dumps(dict(zip(columns, record, strict=True))) for record in records)
    paths["jsonl"].write_text("".join(f"{line}\n" for line in lines))
    np.savez(paths["npz"], **dict(columns))
    return paths

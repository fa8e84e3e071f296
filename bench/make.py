"""Makes the files that bench/run.py reads: a CSV of about 290 MB, a Parquet file of 250 MB, an array of 1 GB.

Two million rows of 20 columns: 14 of floats with 2 % missing and a few infinities, 4 of integers, 2 of text.
Parquet holds the floats in full precision, the CSV with two or four decimals, as people write them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

ROWS = 2_000_000


def columns(rows: int, rounded: bool) -> pa.Table:
    """The table, the same for the same number of rows but for the rounding."""
    dice = np.random.default_rng(1)
    arrays: dict[str, pa.Array] = {}
    for i in range(14):
        x = dice.normal(size=rows) * 10 ** dice.integers(0, 4) + dice.integers(0, 1000)
        if rounded:
            x = np.round(x, 4 if i % 2 else 2)
        missing = dice.random(rows) < 0.02
        if i == 3:
            x[dice.integers(0, rows, 5)] = np.inf
        arrays[f"f{i}"] = pa.array(x, mask=missing)
    for i in range(4):
        arrays[f"i{i}"] = pa.array(dice.integers(0, 10 ** (i + 2), rows))
    arrays["t0"] = pa.array(dice.choice(["red", "green", "blue", "violet"], rows))
    arrays["t1"] = pa.array(dice.choice([f"shop {k}" for k in range(300)], rows))
    return pa.table(arrays)


def main(folder: Path, rows: int = ROWS) -> None:
    """Write the files that are not there yet; a file appears only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "table.csv": lambda path: pyarrow.csv.write_csv(columns(rows, rounded=True), path),
        "small.csv": lambda path: pyarrow.csv.write_csv(columns(6_900, rounded=True), path),
        "table.parquet": lambda path: pq.write_table(columns(rows, rounded=False), path),
        "array.npy": lambda path: save(path, 25 * rows // 4),
    }
    for name, make in made.items():
        if not (folder / name).exists():
            hidden = folder / f".{name}"
            make(hidden)
            hidden.rename(folder / name)
            print(f"made {folder / name} ({(folder / name).stat().st_size / 1e6:.0f} MB)")


def save(path: Path, rows: int) -> None:
    """float32, (rows, 20)."""
    with path.open("wb") as file:
        np.save(file, np.random.default_rng(2).standard_normal((rows, 20), dtype=np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))

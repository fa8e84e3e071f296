"""Makes one of the files of files.py: `python bench/make.py PATH WHAT ...`. The same arguments give the same bytes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

FLOATS, COLUMNS = 14, 20


def columns(rows: int, rounded: bool) -> pa.Table:
    """The table, the same for the same number of rows but for the rounding."""
    dice = np.random.default_rng(1)
    arrays: dict[str, pa.Array] = {}
    for i in range(FLOATS):
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


def numbers(rows: int, columns: int) -> np.ndarray:
    """float32 with 2 % missing, and an infinity in every 100,000 cells."""
    dice = np.random.default_rng(3)
    x = dice.standard_normal((rows, columns), dtype=np.float32)
    x[dice.random((rows, columns), dtype=np.float32) < 0.02] = np.nan
    x.reshape(-1)[dice.integers(0, x.size, x.size // 100_000)] = np.inf
    return x


def table(path: Path, kind: str, rows: str) -> None:
    if kind == "csv":
        pyarrow.csv.write_csv(columns(int(rows), rounded=True), path)
    elif kind == "parquet":
        pq.write_table(columns(int(rows), rounded=False), path)
    else:
        save(path, numbers(int(rows), COLUMNS))


def array(path: Path, rows: str) -> None:
    save(path, np.random.default_rng(2).standard_normal((int(rows), COLUMNS), dtype=np.float32))


def wide(path: Path, kind: str, columns: str, cells: str) -> None:
    """For growth: nothing but the number of columns differs."""
    x = numbers(int(cells) // int(columns), int(columns))
    if kind == "npy":
        save(path, x)
        return
    names = [f"c{i}" for i in range(int(columns))]
    if kind == "csv":
        x = np.round(x, 3)
    arrays = [pa.array(column, mask=np.isnan(column)) for column in np.ascontiguousarray(x.T)]
    made = pa.table(arrays, names=names)
    if kind == "csv":
        pyarrow.csv.write_csv(made, path)
    else:
        pq.write_table(made, path, row_group_size=max(len(x) // 4, 1))


def large(path: Path, kind: str, source: str, size: str) -> None:
    """Written piece by piece, so that making it takes no more memory than the table."""
    if kind == "csv":
        text = Path(source).read_bytes()
        body = memoryview(text)[text.index(b"\n") + 1 :]
        with path.open("wb") as file:
            file.write(text[: text.index(b"\n") + 1])
            while file.tell() < int(size):
                file.write(body)
    elif kind == "parquet":
        with pq.ParquetFile(source) as read, pq.ParquetWriter(path, read.schema_arrow) as writer:
            made = 0
            while made < int(size):
                for group in range(read.num_row_groups):
                    writer.write_table(read.read_row_group(group))
                made += Path(source).stat().st_size
    else:
        dice = np.random.default_rng(4)
        rows = -(-int(size) // (4 * COLUMNS))
        step = 1 << 20
        with path.open("wb") as file:
            file.write(head(rows))
            for at in range(0, rows, step):
                file.write(dice.standard_normal((min(step, rows - at), COLUMNS), dtype=np.float32).tobytes())


def group(path: Path, size: str) -> None:
    """Random digits do not compress, so the bytes are those of the values."""
    rows = int(size) // (8 * 10)
    dice = np.random.default_rng(5)
    made = pa.table({f"f{i}": dice.standard_normal(rows) for i in range(10)})
    pq.write_table(made, path, row_group_size=rows, use_dictionary=False)


def line(path: Path, size: str) -> None:
    with path.open("wb") as file:
        file.write(b"id,note\n")
        for i in range(2000):
            long = b"x" * int(size) if i == 1000 else b"short"
            file.write(b"%d,%s\n" % (i, long))


def head(rows: int) -> bytes:
    """Of an NPY file."""
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": "<f4", "fortran_order": False, "shape": (rows, COLUMNS)})
    return made.getvalue()


def save(path: Path, x: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, x)


if __name__ == "__main__":
    globals()[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])

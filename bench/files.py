"""The files that are measured: made once by a seeded generator, in `bench/data`, and used again.

The table has 20 columns: 14 of floats with 2 % missing and a few infinities, 4 of integers, 2 of text. Parquet holds
the floats in full precision, the CSV with two or four decimals, as people write them. The array is float32, (rows, 20).
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.child import HERE, PYTHON, read_once

FORMATS = ("csv", "parquet", "npy")
ROWS = 2_000_000
QUICK = 40
"""So many times smaller are the files that are only for trying."""


@dataclass(frozen=True)
class Files:
    """Where the files are. They are made when they are first asked for, in a process of their own."""

    folder: Path
    quick: bool = False

    def rounds(self, full: int) -> int:
        """How often to measure; for trying, once."""
        return 1 if self.quick else full

    @property
    def rows(self) -> int:
        return ROWS // QUICK if self.quick else ROWS

    def table(self, kind: str, rows: int | None = None) -> Path:
        """The table as CSV or Parquet; as NPY, an array of as many columns with missing values and infinities."""
        rows = self.rows if rows is None else rows
        return self._made(f"table-{rows}.{kind}", "table", kind, str(rows))

    def array(self) -> Path:
        """1 GB of float32 without a gap."""
        rows = 25 * self.rows // 4
        return self._made(f"array-{rows}.npy", "array", str(rows))

    def small(self) -> Path:
        """1 MB of CSV."""
        return self._made("small.csv", "table", "csv", "6900")

    def tiny(self, kind: str) -> Path:
        """Ten rows: what a run costs before it has read anything."""
        return self._made(f"tiny.{kind}", "table", kind, "10")

    def wide(self, kind: str, columns: int, cells: int) -> Path:
        """So many columns of floats, and as many cells whatever the width."""
        return self._made(f"wide-{columns}-{cells}.{kind}", "wide", kind, str(columns), str(cells))

    def large(self, kind: str, size: int) -> Path:
        """At least so many bytes: the table again and again."""
        return self._made(f"large-{size}.{kind}", "large", kind, str(self.table(kind)), str(size))

    def one_group(self, size: int) -> Path:
        """Parquet with a single row group of about so many bytes."""
        return self._made(f"group-{size}.parquet", "group", str(size))

    def long_line(self, size: int) -> Path:
        """CSV with one line of so many bytes between short ones."""
        return self._made(f"line-{size}.csv", "line", str(size))

    def _made(self, name: str, *what: str) -> Path:
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            hidden = self.folder / f".{name}"
            subprocess.run([PYTHON, str(HERE / "make.py"), str(hidden), *what], check=True)
            hidden.rename(path)  # it appears only when it is complete
            print(f"made {name} ({path.stat().st_size / 1e6:,.0f} MB)", file=sys.stderr, flush=True)
        read_once(path)
        return path

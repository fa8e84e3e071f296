"""Makes the sample files of this folder, and the list of the faults that are planted in them.

    python sample_data/make.py [FOLDER]

`flats.csv`, `.parquet` and `.npy` are one table of flats to let, as it would go into training; `export.csv` is the
kind of file that a spreadsheet on a German desk writes. `faults.json` says what is wrong where, as it was planted:
nanclean has no part in it.

Only `random.random` and plain arithmetic are used, so that every machine makes the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

ROWS = 400
FEATURES = ("rooms", "area", "built", "floor", "rent", "rent_per_area", "energy")
"""The columns of flats.npy, in order."""

DISTRICTS = ("Altstadt", "Hafen", "Nordend", "Ostpark", "Suedhang", "Westbad")
REMARKS = (
    "quiet, near the park",
    "fitted kitchen",
    'called "the lighthouse"',
    "balcony to the south",
    "no lift",
    "cellar and bicycle store",
)


@dataclass
class Table:
    """Columns by name, and how some cells are spelled in the CSV."""

    columns: dict[str, list[Any]]
    spelled: dict[tuple[str, int], str] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def plant(self, column: str, rows: list[int], value: Any, spelling: str | None = None) -> None:
        """Put one value into some rows (from 0)."""
        for row in rows:
            self.columns[column][row] = value
            if spelling is not None:
                self.spelled[column, row] = spelling

    def fault(self, rule: str, column: str | None, rows: list[int], what: str) -> None:
        """Write down what is wrong where."""
        self.faults.append(
            {
                "rule": rule,
                "column": column,
                "count": len(rows),
                "rows": [row + 1 for row in sorted(rows)],
                "what": what,
            }
        )

    def cell(self, column: str, row: int) -> str:
        """The text of a cell."""
        value = self.columns[column][row]
        return self.spelled.get((column, row), "" if value is None else str(value))

    @property
    def records(self) -> Iterator[list[str]]:
        """The rows as text."""
        for row in range(len(next(iter(self.columns.values())))):
            yield [self.cell(column, row) for column in self.columns]


def normal(dice: Random) -> float:
    """Close enough to a standard normal value (Irwin and Hall), and the same everywhere."""
    return sum(dice.random() for _ in range(12)) - 6


def flats() -> Table:
    """400 flats, and what is wrong with them."""
    dice = Random(20240229)
    table = Table({name: [] for name in ("id", "listed", "district", *FEATURES, "currency", "remark", "rented")})
    for row in range(ROWS):
        rooms = 1 + int(dice.random() * 3) + int(dice.random() * 3)
        area = round(14 + 19 * rooms + 6 * normal(dice), 1)
        rent = round(area * (11 + 1.6 * normal(dice)) + 150, 2)
        energy = round(48 + 38 * abs(normal(dice)) + 40 * dice.random(), 1)
        values = {
            "id": 1001 + row,
            "listed": (date(2023, 1, 2) + timedelta(days=int(row * 1.7))).isoformat(),
            "district": DISTRICTS[int(dice.random() * len(DISTRICTS))],
            "rooms": rooms,
            "area": area,
            "built": int(1890 + 130 * dice.random()),
            "floor": int(dice.random() * 7),
            "rent": rent,
            "rent_per_area": round(rent / area, 2),
            "energy": energy,
            "currency": "EUR",
            "remark": REMARKS[int(dice.random() * len(REMARKS))] if dice.random() < 0.6 else "by appointment",
            "rented": "yes" if rent / area < 13.5 + normal(dice) else "no",
        }
        for name, value in values.items():
            table.columns[name].append(value)
    spoil(table, dice)
    return table


def spoil(table: Table, dice: Random) -> None:
    """Plant the faults, each in rows of its own."""
    meter, letter = list(range(140, 166)), 342
    spare = [row for row in range(20, ROWS - 20) if row not in meter and row != letter]
    unused = sorted(spare, key=lambda _: dice.random())

    def some(count: int) -> list[int]:
        return sorted(unused.pop() for _ in range(count))

    table.plant("remark", [letter], "two rooms to the yard\nand one to the street")  # later lines are not rows + 1

    empty, written, unknown, nan = some(9), some(5), some(2), some(3)
    table.plant("area", empty, None)
    table.plant("area", written, None, "NA")
    table.plant("area", unknown, None, "?")
    table.plant("area", nan, math.nan, "nan")
    table.fault("missing", "area", [*empty, *written, *unknown, *nan], "empty 9, NA 5, ? 2, nan 3")

    table.plant("energy", meter, None)
    table.fault("missing", "energy", meter, "the meter was not read: all in neighbouring rows")

    unsaid = some(3)
    table.plant("rented", unsaid, None)
    table.fault("missing", "rented", unsaid, "the label is missing")

    silent = some(31)
    table.plant("remark", silent, None)
    table.fault("missing", "remark", silent, "nothing was said")

    dashes = some(6)
    table.plant("remark", dashes, "-")
    table.fault("standin", "remark", dashes, "a dash that stands for nothing")

    nothing = some(3)
    table.plant("area", nothing, 0.0)
    table.plant("rent_per_area", nothing, math.inf)
    table.fault("infinite", "rent_per_area", nothing, "divided by an area of 0")

    many = some(6)
    table.plant("rooms", many, 99)
    table.fault("standin", "rooms", many, "99 stands for unknown")

    undated = some(24)
    table.plant("built", undated, -999)
    table.fault("standin", "built", undated, "-999 stands for unknown")

    ground = some(2)
    table.plant("floor", ground, None, "ground")
    table.fault("unparsable", "floor", ground, "a word in a column of numbers")

    slip = some(1)
    table.plant("rent", slip, round(table.columns["rent"][slip[0]] * 1000, 2))
    table.fault("isolated", "rent", slip, "a decimal point too far to the right")

    huge = some(1)
    table.plant("energy", huge, 1e39)
    table.fault("overflow", "energy", huge, "1e39 is infinite as a float32")
    table.fault("isolated", "energy", huge, "1e39")

    beyond = some(1)
    table.plant("energy", beyond, math.inf, "1e400")
    table.fault("infinite", "energy", beyond, "1e400 reads as infinity")
    table.fault("literal_overflow", "energy", beyond, "1e400 is a number, but no float64")

    tiny = some(1)
    table.plant("energy", tiny, 0.0, "1e-400")
    table.fault("literal_underflow", "energy", tiny, "1e-400 reads as 0")

    table.fault("constant", "currency", list(range(ROWS)), "EUR in every row")


def export() -> tuple[bytes, list[dict[str, Any]]]:
    """A spreadsheet's export: Windows-1252, semicolons, decimal commas; and what is wrong with it."""
    dice = Random(19521128)
    records = [
        ["no", "city", "rent", "area", "built", "rent", ""],
        ["number", "name", "EUR", "sqm", "year", "cold", ""],
    ]
    towns = ("K\u00f6ln", "M\u00fcnchen", "D\u00fcsseldorf", "Bonn", "Mainz")
    about, long, short = [11, 23, 24, 40, 57, 71, 88, 90, 103, 119], [33], [64, 65]
    for row in range(1, 121):
        area = 30 + 90 * dice.random()
        rent = 200 + 12 * area + 60 * normal(dice)
        built = "ca. 1900" if row in about else str(int(1900 + 120 * dice.random()))
        town = towns[int(dice.random() * len(towns))]
        record = [str(row), town, german(rent), german(area), built, german(rent * 0.8), ""]
        if row in long:
            record.append("last viewing")
        if row in short:
            record = record[:4]
        records.append(record)
    text = "".join(";".join(record) + "\r\n" for record in records)

    # Row 1 is the second line of headings; the rows with too many or too few cells are in no column.
    whole = [row for row in range(2, 122) if row - 1 not in long + short]

    def fault(rule: str, column: str | None, rows: list[int] | int | None, what: str) -> dict[str, Any]:
        here = rows if isinstance(rows, list) else []
        return {"rule": rule, "column": column, "count": len(here) if here else rows, "rows": here, "what": what}

    return text.encode("cp1252"), [
        fault("header", None, [1], "a second line of headings"),
        fault("names", None, 3, "rent stands twice, and the last column has no name"),
        fault("encoding", None, None, "Windows-1252, and the file does not say so"),
        fault("ragged", None, [row + 1 for row in sorted(long + short)], "a cell too many, three cells too few"),
        fault("unparsable", "no", [1], "the second line of headings"),
        fault("decimal", "rent", whole, "decimal commas"),
        fault("decimal", "area", whole, "decimal commas"),
        fault("decimal", "rent.1", whole, "decimal commas"),
        fault("mixed", "built", [1] + [row + 1 for row in about], "numbers and words"),
        fault("all_missing", "unnamed_6", [1, *whole], "every line ends in a semicolon"),
    ]


def german(x: float) -> str:
    """1234.5 as 1.234,50."""
    return f"{x:,.2f}".translate({ord(","): ".", ord("."): ","})


def written(table: Table) -> tuple[str, list[int]]:
    """The CSV, and the line on which each row begins."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    lines, at = [], 2
    for record in table.records:
        writer.writerow(record)
        lines.append(at)
        at += 1 + sum(cell.count("\n") for cell in record)
    return out.getvalue(), lines


def write_parquet(table: Table, path: Path) -> None:
    """Missing cells are null, but for those spelled nan; a cell that is no number is null, too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"id": pa.int64(), "listed": pa.date32(), "rooms": pa.int64(), "built": pa.int64(), "floor": pa.int64()}
    columns = dict(table.columns)
    columns["listed"] = [date.fromisoformat(day) for day in columns["listed"]]
    arrays = {name: pa.array(cells, kinds.get(name)) for name, cells in columns.items()}
    pq.write_table(pa.table(arrays), path, row_group_size=150)


def write_npy(table: Table, path: Path) -> None:
    """float64, (rows, features); every missing cell is NaN."""
    import numpy as np

    rows = zip(*(table.columns[name] for name in FEATURES), strict=True)
    cells = [[math.nan if cell is None else float(cell) for cell in row] for row in rows]
    np.save(path, np.array(cells, dtype="<f8"))


def typed(fault: dict[str, Any]) -> dict[str, Any] | None:
    """What becomes of a fault of the CSV where cells are numbers, not text."""
    if fault["rule"] in ("literal_overflow", "literal_underflow"):
        return None
    if fault["rule"] == "unparsable":
        return {**fault, "rule": "missing", "what": "was a word"}
    return fault


def unnamed(fault: dict[str, Any]) -> dict[str, Any] | None:
    """What becomes of a fault of the Parquet file in the array of its features."""
    if fault["column"] not in FEATURES:
        return None
    return {**fault, "column": f"c{FEATURES.index(fault['column'])}"}


def main(folder: Path) -> None:
    """Write all files into a folder."""
    table = flats()
    text, lines = written(table)
    (folder / "flats.csv").write_text(text, encoding="utf-8", newline="")
    write_parquet(table, folder / "flats.parquet")
    write_npy(table, folder / "flats.npy")
    spreadsheet, faults = export()
    (folder / "export.csv").write_bytes(spreadsheet)

    in_csv = [{**fault, "lines": [lines[row - 1] for row in fault["rows"]]} for fault in table.faults]
    in_parquet = [fault for fault in map(typed, table.faults) if fault]
    roles = {"label": "rented", "id": "id"}
    listing = {
        "flats.csv": {"rows": ROWS, "columns": len(table.columns), **roles, "faults": in_csv},
        "flats.parquet": {"rows": ROWS, "columns": len(table.columns), **roles, "faults": in_parquet},
        "flats.npy": {"rows": ROWS, "columns": len(FEATURES), "faults": [f for f in map(unnamed, in_parquet) if f]},
        "export.csv": {
            "rows": 121,
            "columns": 7,
            "faults": [{**fault, "lines": [row + 1 for row in fault["rows"]]} for fault in faults],
        },
    }
    (folder / "faults.json").write_text(shown(listing), encoding="utf-8", newline="")


def shown(listing: dict[str, Any]) -> str:
    """JSON, a fault a line; of faults in many rows only the first five rows."""
    parts = []
    for name, file in listing.items():
        faults = [{k: v[:5] if k in ("rows", "lines") else v for k, v in fault.items()} for fault in file["faults"]]
        head = json.dumps({k: v for k, v in file.items() if k != "faults"})[1:-1]
        body = ",\n".join("    " + json.dumps(fault) for fault in faults)
        parts.append(f'  {json.dumps(name)}: {{{head}, "faults": [\n{body}\n  ]}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

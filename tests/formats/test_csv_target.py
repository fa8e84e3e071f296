"""Writing text tables: against a table that is put together in plain Python, byte by byte and cell by cell."""

from __future__ import annotations

import codecs
import csv
import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import nanclean
from nanclean import patch, times
from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.checksum import Checksum
from nanclean.column import Numbers, Values
from nanclean.errors import InputError, OutputError, RuleError, UsageError
from nanclean.format import ReadOptions, Source
from nanclean.formats import _layout, _pieces, _textfile
from nanclean.formats import csv as csv_format
from nanclean.formats._celltext import _read_back, numbers, texts_of
from nanclean.formats._csvtarget import Copied
from nanclean.formats._splice import Splice
from nanclean.lexical import decode
from nanclean.opening import opened
from nanclean.patch import put
from nanclean.reading import Reading
from nanclean.target import Out, Target
from nanclean.tokens import Words

TABLES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


def shrink(patch: pytest.MonkeyPatch, size: int) -> None:
    """Blocks, pieces and splits of a few bytes, so that cuts fall everywhere."""
    patch.setattr(_pieces, "BLOCK", size)
    patch.setattr(_pieces, "PIECE", 3 * size)
    patch.setattr(csv_format, "PIECE", 3 * size)
    patch.setattr(csv_format, "SPLIT", 8 * size)
    patch.setattr(_layout, "BEGINNING", size)
    patch.setattr(_textfile, "AHEAD", max(4, size))


# -- from a source to a file -----------------------------------------------------------------------------------------

Rules = Callable[[Block], Block]


@dataclass
class Written:
    """What came out."""

    data: bytes
    target: Target
    columns: list[list[Any]]
    """What `Target.columns` promised."""


def write(
    source: Source, outs: Sequence[Out], rules: Rules, path: Path, types: Sequence[str] | None = None,
    options: ReadOptions | None = None,
) -> Written:  # fmt: skip
    """Every block goes through some rules and is written; the file is read back and compared with the promise."""
    options = options or ReadOptions()
    path.write_bytes(b"")
    target = csv_format.target(source, outs, str(path), options)
    words = Words(decimal=options.decimal)  # type: ignore[arg-type]
    reading = Reading(
        source.lexical,
        tuple(types or [f.type or "text" for f in source.fields]),
        ("int64",) * len(source.fields),
        (words,) * len(source.fields),
    )
    sums = [Checksum() for _ in outs]
    promised: list[list[Any]] = [[] for _ in outs]
    for split in source.splits():
        for batch in split.batches():
            held = {f.name: Held(reading.column(i, batch.columns[i])[0], i) for i, f in enumerate(source.fields)}
            block = rules(Block(batch, held))
            columns = target.columns(block)
            target.write(target.encoded(block, columns))
            for column, total, cells in zip(columns, sums, promised, strict=True):
                assert column.type == pa.string()
                column.validate(full=True)
                total.add(column)
                cells += column.to_pylist()
    target.finish()
    target.close()
    data = path.read_bytes()
    if any(promised) or target.reading.header:
        again = opened(str(path), target.reading)
        found = [Checksum() for _ in again.fields]
        for split in again.splits():
            for batch in split.batches():
                assert batch.ragged is None
                for total, column in zip(found, batch.columns, strict=True):
                    total.add(column)
        assert [f.name for f in again.fields] == [f.name for f in target.fields]
        assert found == sums
    return Written(data, target, promised)


def outs_of(source: Source, types: Sequence[str] | None = None, **given: Any) -> list[Out]:
    """All columns, as a policy without a rule leaves them."""
    found = []
    for i, (field_, raw) in enumerate(zip(source.fields, source.nothing().columns, strict=True)):
        column = decode(raw, types[i], Words())[0] if types else Values(type=field_.type or "text", rows=0, cells=0)
        found.append(Out(field_.name, column, i, **given))
    return found


def texts(cells: Sequence[str | None]) -> pa.Array:
    return pa.array(cells, pa.string())


def text_column(cells: Sequence[str | None]) -> Values:
    array = texts(cells)
    return Values("text", len(cells), len(cells), absent=np.array([c is None for c in cells], bool), array=array)


def float_column(cells: Sequence[float]) -> Numbers:
    return Numbers("float", len(cells), len(cells), values=np.array(cells, np.float64))


def mask(rows: int, *some: int) -> np.ndarray:
    found = np.zeros(rows, bool)
    found[list(some)] = True
    return found


def changed(block: Block, name: str, cells: np.ndarray, values: Any) -> Block:
    """Some cells of a column with other values; None: missing."""
    held = block.columns[name]
    view = patch.blanked(held.view, cells) if values is None else put(held.view, cells, values)
    both = cells if held.changed is None else cells | held.changed
    return block.having(name, Held(view, held.origin, both))


# -- random tables ---------------------------------------------------------------------------------------------------


@dataclass
class Table:
    """A text table as its parts: nothing has to be parsed to know what must come out."""

    delimiter: str
    encoding: str
    mark: bytes
    told: str | None
    """The encoding that the reader is told."""
    before: str
    """Blank lines before the header."""
    header: list[str] | None
    header_end: str
    rows: list[list[str]]
    """Cells as they are written."""
    ends: list[str]
    """What follows each row: a line end, and perhaps blank lines."""
    kinds: list[str]

    @property
    def width(self) -> int:
        return len(self.kinds)

    def bytes(self) -> bytes:
        lines = [] if self.header is None else [self.before + self.delimiter.join(self.header) + self.header_end]
        lines += [self.delimiter.join(row) + end for row, end in zip(self.rows, self.ends, strict=True)]
        return self.mark + "".join(lines).encode(self.encoding)

    @property
    def settled(self) -> str:
        """The encoding that a reader finds."""
        guessed = self.told is None and not self.mark
        return "utf-8" if guessed and self.bytes().isascii() else self.encoding

    @property
    def options(self) -> ReadOptions:
        return ReadOptions(encoding=self.told, delimiter=self.delimiter, header=self.header is not None)


@dataclass
class Edits:
    """What is done to a table."""

    cells: dict[tuple[int, int], Any] = field(default_factory=dict)
    """By row and column: a text, a number, or None for missing."""
    rows: frozenset[int] = frozenset()
    """Dropped."""
    columns: frozenset[int] = frozenset()
    """Dropped."""
    added: dict[str, list[str | None]] = field(default_factory=dict)
    blanks: list[str] = field(default_factory=list)


def value(raw: str, delimiter: str) -> str:
    """The cell as Python's csv module reads it."""
    return next(csv.reader(io.StringIO(raw + "\n", newline=""), delimiter=delimiter), [""])[0] if raw else ""


FLOATS = {0.5: "0.5", 10.0: "10.0", -0.0: "-0.0", 1e22: "1e+22", 123456789.25: "123456789.25", 1.1: "1.1"}


def cell_text(new: Any, blank: str) -> str:
    return blank if new is None else new if isinstance(new, str) else FLOATS[new]


def in_file(text: str, delimiter: str, quoted: bool) -> str:
    if quoted or any(c in text for c in f'"\r\n{delimiter}'):
        return '"' + text.replace('"', '""') + '"'
    return text


def line_end(text: str) -> str:
    """The first one, without the blank lines behind it."""
    return "\r\n" if text.startswith("\r\n") else text[:1]


def expected(table: Table, edits: Edits) -> tuple[bytes, list[list[str | None]]]:
    """The file, and the cells that are in it, column by column."""
    kept = [i for i in range(table.width) if i not in edits.columns]
    width = len(kept) + len(edits.added)
    narrowed = width == 1 and table.width > 1
    out = ""
    if table.header is not None:
        cells = [table.header[i] for i in kept]
        if narrowed and cells == [""]:
            cells = ['""']
        out += table.before + table.delimiter.join(cells + [in_file(n, table.delimiter, False) for n in edits.added])
        out += line_end(table.header_end) if narrowed else table.header_end
    columns: list[list[str | None]] = [[] for _ in range(width)]
    for number, (row, end) in enumerate(zip(table.rows, table.ends, strict=True)):
        line = line_end(end)
        blank_lines = "" if narrowed else end[len(line) :]
        if number in edits.rows:
            out += blank_lines
            continue
        cells = []
        for i in kept:
            raw, text = row[i], value(row[i], table.delimiter)
            if (number, i) in edits.cells:
                new = cell_text(edits.cells[number, i], edits.blanks[i])
                if new != text:
                    raw, text = in_file(new, table.delimiter, raw.startswith('"') or (width == 1 and not new)), new
            if narrowed and not raw:
                raw = '""'
            cells.append(raw)
            columns[len(cells) - 1].append(text or None)
        for new_cells in edits.added.values():
            new = new_cells[number] or ""
            cells.append(in_file(new, table.delimiter, width == 1 and not new))
            columns[len(cells) - 1].append(new or None)
        out += table.delimiter.join(cells) + line + blank_lines
    return table.mark + out.encode(table.settled), columns


def applied(table: Table, edits: Edits, names: Sequence[str]) -> Rules:
    def rules(block: Block) -> Block:
        numbers_ = block.numbers()
        for i, name in enumerate(names):
            for (row, column), new in edits.cells.items():
                at = np.flatnonzero(numbers_ == row)
                if column == i and at.size:
                    wanted = texts([new]) if isinstance(new, str) else new
                    block = changed(block, name, mask(block.rows, *at), wanted)
        for name, cells in edits.added.items():
            block = block.having(name, Held(text_column([cells[n] for n in numbers_.tolist()]), None))
        for i in edits.columns:
            block = block.having(names[i], None)
        return block.where(~np.isin(numbers_, list(edits.rows)))

    return rules


ENCODINGS = {
    "utf-8": ("utf-8", b"", None),
    "utf-8 with a mark": ("utf-8", codecs.BOM_UTF8, None),
    "windows-1252": ("cp1252", b"", None),
    "latin-1": ("latin-1", b"", "latin-1"),
    "koi8-r": ("koi8-r", b"", "koi8-r"),
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE, None),
    "utf-16-be without a mark": ("utf-16-be", b"", "utf-16-be"),
    "shift_jis": ("shift_jis", b"", "shift_jis"),
    "euc_jp": ("euc_jp", b"", "euc_jp"),
}
LETTERS = {"utf-8": "é日😀", "cp1252": "é€", "latin-1": "éß", "koi8-r": "жЯ", "utf-16-le": "é日", "utf-16-be": "日😀",
           "shift_jis": "ソ日", "euc_jp": "ソ日"}  # fmt: skip
QUOTED = ['""', '"a b"', '"x{d}y"', '"l1\nl2"', '"l1\r\nl2"', '"c\rd"', '"say ""hi"""', '"""q"""', '"a" b']
BARE = ["", "a b", " c ", "5'6\" tall", "NA", "007", "1.10", "-0.0", "x\ty", "tr ue"]
NUMBERS = ["007", "1.10", "-0.0", " 3 ", "NA", "", '"4"', "1e5", '""', "nan", "+1", "garbage"]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    encoding, mark, told = ENCODINGS[draw(st.sampled_from(list(ENCODINGS)))]
    delimiter = draw(st.sampled_from(",;\t|"))
    width = draw(st.integers(1, 4))
    kinds = draw(st.lists(st.sampled_from(["text", "float"]), min_size=width, max_size=width))
    quotes = draw(st.booleans())
    letters = LETTERS[encoding]

    def fits(cell: str) -> bool:
        return delimiter not in cell or cell.startswith('"')

    words = [*BARE, *letters, *([q.format(d=delimiter) for q in QUOTED] + [f'"{letters}"'] if quotes else [])]
    cells = {
        "text": st.sampled_from([w for w in words if fits(w) and (quotes or '"' not in w)]),
        "float": st.sampled_from([n for n in NUMBERS if quotes or '"' not in n]),
    }
    blank = draw(st.sampled_from([[""], ["", "\n"], ["", "\r\n", "\r\n\r\n"]])) if width > 1 else [""]
    line = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]))
    rows = draw(st.lists(st.tuples(*(cells[kind] for kind in kinds)).map(list), max_size=14))
    ends = [draw(st.sampled_from(line)) + draw(st.sampled_from(blank)) for _ in rows]
    header, header_end, before = None, "", ""
    if draw(st.booleans()) or not any(map(any, rows)):
        names = ["id", "", "x", "x", f'"a{delimiter}b"', "g h", letters[0], '"two\nlines"']
        header = draw(st.lists(st.sampled_from(names), min_size=width, max_size=width))
        header = header if width > 1 or header[0] else ["only"]
        header_end = draw(st.sampled_from(line)) + (draw(st.sampled_from(blank)) if rows else "")
        before = draw(st.sampled_from(["", "\n", "\r\n\n"]))
    if draw(st.booleans()):  # the last line has no end
        if rows and (width > 1 or rows[-1] != [""]):
            ends[-1] = ""
        elif header and not rows:
            header_end = ""
    return Table(delimiter, encoding, mark, told, before, header, header_end, rows, ends, kinds)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Table, Edits]:
    table = draw(tables())
    rows, letters = len(table.rows), LETTERS[table.encoding]
    new = {
        "text": st.sampled_from([None, "", "new", 'q"q', f"d{table.delimiter}d", "n\nn", "r\r", "NA", *letters]),
        "float": st.sampled_from([None, *FLOATS]),
    }
    cells = {}
    if rows:
        places = st.tuples(st.integers(0, rows - 1), st.integers(0, table.width - 1))
        for place in draw(st.lists(places, max_size=8, unique=True)):
            cells[place] = draw(new[table.kinds[place[1]]])
    gone = draw(st.sets(st.integers(0, rows - 1), max_size=rows)) if rows and draw(st.booleans()) else set()
    columns = draw(st.sets(st.integers(0, table.width - 1), max_size=table.width)) if draw(st.booleans()) else set()
    added = {}
    for name in draw(st.sampled_from([[], [], ["flag"], ["f,1", "f;2"]])):
        kind = st.sampled_from(["true", "false", None, "", f"a{table.delimiter}", letters[0]])
        added[name] = draw(st.lists(kind, min_size=rows, max_size=rows))
    if len(columns) == table.width and not added:
        columns = set()
    blanks = draw(st.lists(st.sampled_from(["", "NA"]), min_size=table.width, max_size=table.width))
    return table, Edits(cells, frozenset(gone), frozenset(columns), added, blanks)


@given(edited(), st.integers(1, 60))
@settings(TABLES, max_examples=400)
def test_what_no_rule_named_stays_as_it_is(tmp_path: Path, what: tuple[Table, Edits], size: int) -> None:
    table, edits = what
    path = tmp_path / "in.csv"
    path.write_bytes(table.bytes())
    wanted, cells = expected(table, edits)

    with pytest.MonkeyPatch.context() as context:
        shrink(context, size)
        source = opened(str(path), table.options)
        names = [f.name for f in source.fields]
        outs = [
            replaced(out, blank=edits.blanks[i], changed=True)
            for i, out in enumerate(outs_of(source, table.kinds)) if i not in edits.columns
        ]  # fmt: skip
        outs += [Out(name, text_column([]), None) for name in edits.added]
        written = write(source, outs, applied(table, edits, names), tmp_path / "out.csv", table.kinds, table.options)

    assert written.data == wanted
    assert written.columns == cells


@given(tables(), st.integers(1, 60))
@settings(TABLES)
def test_nothing_changed_is_a_copy(tmp_path: Path, table: Table, size: int) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(table.bytes())

    with pytest.MonkeyPatch.context() as context:
        shrink(context, size)
        source = opened(str(path), table.options)
        written = write(source, outs_of(source), lambda block: block, tmp_path / "out.csv", None, table.options)

    assert written.data == table.bytes()


# -- pieces of it ----------------------------------------------------------------------------------------------------


@given(st.data())
@settings(deadline=None)
def test_spans_are_replaced_in_any_order_of_putting(data: st.DataObject) -> None:
    source = data.draw(st.binary(max_size=30))
    edges = sorted(data.draw(st.lists(st.integers(0, len(source)), max_size=12)))
    edges = edges[: len(edges) // 2 * 2]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    new = [data.draw(st.binary(max_size=4)) for _ in spans]
    wanted, at = b"", 0
    for (start, stop), text in zip(spans, new, strict=True):
        wanted, at = wanted + source[at:start] + text, stop
    wanted += source[at:]

    splice = Splice()
    for i in data.draw(st.permutations(range(len(spans)))):
        splice.put(np.array([spans[i][0]]), np.array([spans[i][1]]), pa.array([new[i]]) if new[i] else None, rank=i)

    assert (source if splice.empty else bytes(splice.applied(source))) == wanted


@pytest.mark.parametrize("spans", [[(0, 3), (2, 4)], [(2, 9)], [(-1, 2)], [(3, 2)]])
def test_spans_that_cannot_be_are_refused(spans: list[tuple[int, int]]) -> None:
    splice = Splice()
    splice.put(*(np.array(edge) for edge in zip(*spans, strict=True)))

    with pytest.raises(ValueError, match="spans overlap"):
        splice.applied(b"12345")


@given(st.lists(st.floats(width=64)), st.sampled_from([np.float64, np.float32, np.float16]))
@settings(deadline=None)
def test_a_number_reads_back_as_itself_and_a_float_looks_like_one(values: list[float], dtype: type) -> None:
    with np.errstate(over="ignore"):
        x = np.array(values, np.float64).astype(dtype)

    found = numbers(x).to_pylist()

    back = np.array([float(text) for text in found]).astype(dtype)
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(np.signbit(back), np.signbit(x) & ~np.isnan(x) | np.isnan(x) & np.signbit(back))
    assert all(any(c in text for c in ".einf") for text in found)
    if dtype is not np.float16:  # how many digits; whole numbers below 1e15 have all of theirs
        digits = [text for text, number in zip(found, x.tolist(), strict=True) if number != int_or_none(number)]
        shortest = [np.format_float_scientific(n, trim="-") for n in x if n != int_or_none(float(n))]
        assert [significant(t) for t in digits] == [significant(t) for t in shortest]


def int_or_none(number: float) -> int | None:
    return int(number) if np.isfinite(number) and number == int(number) else None


def significant(text: str) -> str:
    return text.lower().split("e")[0].replace(".", "").lstrip("-0").rstrip("0")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([197.0, -0.0, -3.0], ["197", "0", "-3"]),
        ([1e22, 2.0**63, -(2.0**70)], ["10000000000000000000000", str(2**63), str(-(2**70))]),
        ([5.0, np.nan, np.inf], ["5", "nan", "inf"]),
    ],
)
def test_integers_that_stand_in_floats_are_written_as_such(values: list[float], wanted: list[str]) -> None:
    assert numbers(np.array(values), whole=True).to_pylist() == wanted


def test_a_text_that_reads_back_as_another_number_is_not_kept() -> None:
    x = np.array([0.5, 1.5, np.nan], np.float32)

    assert _read_back(x, texts(["0.5", "1.6", "nan"])).to_pylist() == ["0.5", "1.5", "nan"]


def test_rounding_twice_does_not_miss_a_float32() -> None:
    x = np.frombuffer(np.random.default_rng(0).bytes(4 << 16), np.float32)
    x = x[np.isfinite(x)]

    back = np.array([float(text) for text in numbers(x).to_pylist()]).astype(np.float32)

    assert (back.view(np.uint32) == x.view(np.uint32)).all()


TIMES = [pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
TIMES += [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "Europe/Paris")]


@given(st.data(), st.sampled_from(TIMES))
@settings(deadline=None)
def test_times_are_written_as_they_are_shown(data: st.DataObject, kind: pa.DataType) -> None:
    width = min(kind.bit_width, 40 if "[s]" in str(kind) else 64)  # at 64 bits seconds reach beyond the year 10**11
    day = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[getattr(kind, "unit", "ms")] * 86_400
    if pa.types.is_time(kind):
        number = st.integers(0, day - 1)
    else:
        day = 1 if pa.types.is_date32(kind) else day
        number = st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1)
        number = st.one_of(number, st.integers(-day * 800_000, day * 3_000_000), st.integers(-99, 99).map(day.__mul__))
        number = number.filter(lambda n: -(2 ** (width - 1)) <= n < 2 ** (width - 1))
    cells = data.draw(st.lists(st.one_of(st.none(), number), min_size=1))
    array = pa.array(cells, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
    view = Values("time", len(array), len(array), array=array, absent=np.array([c is None for c in cells]))

    found = texts_of(view)

    assert found.drop_null().to_pylist() == times.texts(array.drop_null())
    assert [cell is None for cell in found.to_pylist()] == [cell is None for cell in cells]


# -- one case for each oddity ----------------------------------------------------------------------------------------


def fixed(
    folder: Path, content: bytes, rules: Rules, types: Sequence[str], outs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Written:  # fmt: skip
    """A file through some rules."""
    path = folder / "in.csv"
    path.write_bytes(content)
    source = opened(str(path), ReadOptions(**options))
    columns = outs_of(source, types, changed=True, **(outs or {}))
    return write(source, columns, rules, folder / "out.csv", types, ReadOptions(**options))


def test_the_header_is_written_when_there_are_no_rows(tmp_path: Path) -> None:
    assert fixed(tmp_path, b"a,b\r\n\r\n", lambda block: block, ["text", "text"]).data == b"a,b\r\n\r\n"


def test_when_every_row_goes_the_blank_lines_stay(tmp_path: Path) -> None:
    def none(block: Block) -> Block:
        return block.where(np.zeros(block.rows, bool))

    assert fixed(tmp_path, b"a,b\n1,2\n\n3,4\n\n", none, ["integer", "integer"]).data == b"a,b\n\n\n"


def test_blank_lines_at_the_end_go_where_they_would_be_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 5)
    source = opened(str(_file(tmp_path, b"a,b\n1,2\n" + b"\n" * 60)))

    written = write(source, outs_of(source)[:1], lambda block: block.having("b", None), tmp_path / "out.csv")

    assert written.data == b"a\n1\n"
    assert written.columns == [["1"]]


def test_ragged_records_are_left_out(tmp_path: Path) -> None:
    content = b'a,b\n1,2\n3\n"4,5",6,7\n8,9\n\n10,11'

    written = fixed(tmp_path, content, lambda block: block, ["text", "integer"])

    assert written.data == b"a,b\n1,2\n8,9\n\n10,11"


def test_cells_beside_ragged_records_are_found(tmp_path: Path) -> None:
    """Three delimiters too few here, three too many there: the sum is that of a sound table."""
    content = b"a,b,c,d\nx\n1111,2222,3,4\n1,2,3,4,5,6,7\n5555,6666,7,8\n"

    def rule(block: Block) -> Block:
        return changed(block, "c", mask(2, 0, 1), 9)

    written = fixed(tmp_path, content, rule, ["integer"] * 4)

    assert written.data == b"a,b,c,d\n1111,2222,9,4\n5555,6666,9,8\n"


@pytest.mark.parametrize("few", [True, False])
def test_delimiters_and_line_ends_in_quotes_are_none(tmp_path: Path, few: bool) -> None:
    """Whether some records are gathered to be looked at, or all of the bytes are."""
    rows = [b'"x,%d\n",%d,"say ""a,b"""\n' % (i, i) for i in range(40)]
    some = [3, 17, 39] if few else list(range(40))

    def rule(block: Block) -> Block:
        return changed(block, "b", mask(40, *some), 9)

    written = fixed(tmp_path, b"a,b,c\n" + b"".join(rows), rule, ["text", "integer", "text"])

    wanted = [row.replace(b'",%d,' % i, b'",9,') if i in some else row for i, row in enumerate(rows)]
    assert written.data == b"a,b,c\n" + b"".join(wanted)


def test_an_empty_cell_that_is_left_alone_and_filled(tmp_path: Path) -> None:
    def rule(block: Block) -> Block:
        return changed(block, "a", mask(3, 1), 9).having("b", None)

    source = opened(str(_file(tmp_path, b"a,b\n,2\n,3\n4,5")))
    written = write(
        source, outs_of(source, ["integer", "integer"])[:1], rule, tmp_path / "out.csv", ["integer", "integer"]
    )

    assert written.data == b'a\n""\n9\n4'


def test_booleans_are_spelled_as_in_the_file(tmp_path: Path) -> None:
    def rule(block: Block) -> Block:
        return changed(block, "b", mask(3, 1), pa.array([False]))

    written = fixed(tmp_path, b"a,b\n1,TRUE\n2,NA\n3,FALSE\n", rule, ["integer", "boolean"])

    assert written.data == b"a,b\n1,TRUE\n2,FALSE\n3,FALSE\n"


@pytest.mark.parametrize(
    ("dtype", "content", "wanted"),
    [
        (np.int64, b"1.0\n-0.0\n007\n1e3\nNA\n", b"1\n0\n007\n1000\nNA\n"),
        (np.int32, b"1.0\n-0.0\n7\n1e3\nNA\n", b"1\n0\n7\n1000\nNA\n"),
        (np.float32, b"0.1234567891\n1.5\n7\nNaN\nInf\n", b"0.12345679\n1.5\n7.0\nNaN\nInf\n"),
    ],
)
def test_a_cast_writes_the_cells_whose_text_is_another(
    tmp_path: Path, dtype: type, content: bytes, wanted: bytes
) -> None:
    def rule(block: Block) -> Block:
        held = block.columns["x"]
        assert isinstance(held.view, Numbers)
        values = np.where(False if held.view.absent is None else held.view.absent, 0, held.view.values)
        kind = "float" if dtype is np.float32 else "integer"
        view = patch.numbers(held.view, values.astype(dtype), held.view.absent, None, type=kind)
        return block.having("x", Held(view, 0, None))

    assert fixed(tmp_path, b"x\n" + content, rule, ["float"]).data == b"x\n" + wanted


def test_what_blanks_a_column_of_one_leaves_no_blank_line(tmp_path: Path) -> None:
    """pandas and others would skip it, and the row would be gone."""

    def rule(block: Block) -> Block:
        return changed(block, "a", mask(3, 0, 2), None)

    assert fixed(tmp_path, b"a\n1\n2\n3", rule, ["integer"]).data == b'a\n""\n2\n""'


def test_decimal_commas(tmp_path: Path) -> None:
    def rule(block: Block) -> Block:
        return changed(block, "x", mask(2, 0), 2.5)

    assert fixed(tmp_path, b"x;y\n1,5;a\n3;b\n", rule, ["float", "text"], decimal=",").data == b"x;y\n2,5;a\n3;b\n"
    assert fixed(
        tmp_path, b'x,y\n1,a\n"3,0",b\n', rule, ["float", "text"], decimal=",", delimiter=","
    ).data == b'x,y\n"2,5",a\n"3,0",b\n'  # fmt: skip


def test_names_that_a_reader_finds_are_told(tmp_path: Path) -> None:
    source = opened(str(_file(tmp_path, b"x,x,,y\n1,2,3,4\n")))
    outs = [out for out in outs_of(source) if out.origin]

    written = write(source, outs, lambda block: block.having("x", None), tmp_path / "out.csv")

    assert [f.name for f in source.fields] == ["x", "x.1", "unnamed_2", "y"]
    assert [f.name for f in written.target.fields] == ["x", "unnamed_1", "y"]
    assert written.data == b"x,,y\n2,3,4\n"


def _file(folder: Path, content: bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_new_letter_waits_for_the_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is ASCII up to the last record, which is Windows-1252."""
    shrink(monkeypatch, 5)

    def rule(block: Block) -> Block:
        at = np.flatnonzero(block.numbers() == 0)
        return changed(block, "a", mask(block.rows, *at), texts(["é"])) if at.size else block

    content = b"a,b\n1,2\n" + b"3,4\n" * 20 + b"\xe8,5\n"
    written = fixed(tmp_path, content, rule, ["text", "text"])

    assert written.data == content.replace(b"1,2", b"\xe9,2")
    assert written.target.reading.encoding == "windows-1252"


def test_a_letter_that_the_encoding_does_not_have(tmp_path: Path) -> None:
    def rule(block: Block) -> Block:
        return changed(block, "my a", mask(1, 0), texts(["ż"]))

    for encoding in ("latin-1", "shift_jis"):  # one in which the bytes are cut, one in which the text is
        with pytest.raises(OutputError, match=rf"column 'my a': {encoding} has no 'ż' \(U\+017C\)") as caught:
            fixed(tmp_path, b"my a,b\n1,2\n", rule, ["text", "text"], encoding=encoding)
        assert "UTF-8" in (caught.value.hint or "")


def test_windows_1252_has_all_bytes(tmp_path: Path) -> None:
    def rule(block: Block) -> Block:
        return changed(block, "b", mask(2, 0), texts(["\x81€é"]))

    written = fixed(tmp_path, b"a,b\n\x8d,\xe9\n\x9d,2\n", rule, ["text", "text"])

    assert written.data == b"a,b\n\x8d,\x81\x80\xe9\n\x9d,2\n"


def test_bytes_that_would_not_come_back_are_refused(tmp_path: Path) -> None:
    """In code page 932 two bytes stand for the same sign; the second is never written."""
    content = b"a,b\n1,\xee\xf9\n2,x\n"
    assert content.decode("cp932").encode("cp932") != content

    def rule(block: Block) -> Block:
        return changed(block, "a", mask(2, 1), texts(["z"]))

    same = fixed(tmp_path, content, lambda block: block, ["text", "text"], encoding="cp932")
    assert same.data == content

    with pytest.raises(InputError, match=r"line 2: .* cp932") as caught:
        fixed(
            tmp_path, content, lambda b: changed(b, "a", mask(2, 1), texts(["z"])), ["text", "text"], encoding="cp932"
        )
    assert "iconv" in (caught.value.hint or "")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    source = opened(str(_file(tmp_path, b"a,b\n1,2\n")))
    target = csv_format.target(source, outs_of(source), "/dev/full", ReadOptions())

    with pytest.raises(OutputError, match="cannot write /dev/full: no space left on device"):
        target.finish()
    target.close()
    target.close()


def test_a_draft_that_is_gone_is_told(tmp_path: Path) -> None:
    source = opened(str(_file(tmp_path, b"a,b\n1,2\n")))

    with pytest.raises(OutputError, match="no such file"):
        csv_format.target(source, outs_of(source), str(tmp_path / "none" / "x.csv"), ReadOptions())


def test_short_writes_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, at: real(handle, bytes(data)[:3], at))
    content = b"a,b\n" + b"1,22\n" * 50

    assert fixed(tmp_path, content, lambda block: block, ["text", "text"]).data == content


def test_a_write_that_fails_within_a_piece_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int, data: Any, at: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pwrite", fail)

    with pytest.raises(OutputError, match="input/output error"):
        fixed(tmp_path, b"a,b\n1,2\n", lambda block: block, ["text", "text"])


def test_nothing_is_left_to_write(tmp_path: Path) -> None:
    source = opened(str(_file(tmp_path, b"a,b\n1,2\n")))

    with pytest.raises(UsageError, match="no column is left"):
        csv_format.target(source, [], str(tmp_path / "in.csv"), ReadOptions())


# -- from other formats ----------------------------------------------------------------------------------------------


def rendered(folder: Path, source: Source, rules: Rules = lambda block: block, **options: Any) -> Written:
    reading = Reading(False, tuple(f.type or "" for f in source.fields), (), (Words(),) * len(source.fields))
    outs = [
        Out(f.name, reading.column(i, raw)[0], i)
        for i, (f, raw) in enumerate(zip(source.fields, source.nothing().columns, strict=True))
    ]
    return write(source, outs, rules, folder / "out.csv", None, ReadOptions(**options))


def parquet(folder: Path, **columns: Any) -> Source:
    path = folder / "in.parquet"
    pq.write_table(pa.table(columns), path)
    return opened(str(path))


def test_parquet_as_text(tmp_path: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    source = parquet(
        tmp_path,
        i=pa.array([1, None, 2**63 - 1]),
        f=pa.array([1.0, float("nan"), None]),
        s=pa.array(['q"', "", None]),
        t=pa.array(["NA", "a,b", "x\ny"]),
        b=pa.array([True, None, False]),
        d=pa.array([dt.date(2024, 2, 29), None, dt.date(1, 1, 1)]),
        w=pa.array([dt.datetime(2024, 2, 29, 12, 30), None, dt.datetime(2024, 1, 1)], pa.timestamp("us")),
        z=pa.array([Decimal("12345678901234567890.10"), None, Decimal("-0.01")], pa.decimal128(38, 2)),
        h=pa.array([np.float16(0.1), None, np.float16(2)], pa.float16()),
        k=pa.array(["u", None, "v"]).dictionary_encode(),
        n=pa.nulls(3),
    )

    assert rendered(tmp_path, source).data.decode() == (
        "i,f,s,t,b,d,w,z,h,k,n\n"
        '1,1.0,"q""",NA,true,2024-02-29,2024-02-29T12:30:00,12345678901234567890.10,0.1,u,\n'
        ',nan,"","a,b",,,,,,,\n'
        '9223372036854775807,,,"x\ny",false,0001-01-01,2024-01-01,-0.01,2.0,v,\n'
    )


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
            st.one_of(st.none(), st.booleans()),
        ),
        min_size=1,
    ),
    st.sampled_from(["", "NA"]),
    st.sampled_from(",;\t"),
)
@settings(TABLES)
def test_pandas_reads_what_was_in_the_table(tmp_path: Path, rows: list[Any], blank: str, delimiter: str) -> None:
    i, f, s, b = ([row[n] for row in rows] for n in range(4))
    table = {"i": pa.array(i, pa.int64()), "f": pa.array(f, pa.float64()), "s": texts(s), "b": pa.array(b, pa.bool_())}
    source = parquet(tmp_path, **table)
    outs = [
        Out(name, Reading(False, (kind,), (), (Words(),)).column(0, table[name].slice(0, 0))[0], n, blank)
        for n, (name, kind) in enumerate(zip("ifsb", ["integer", "float", "text", "boolean"], strict=True))
    ]

    written = write(source, outs, lambda block: block, tmp_path / "o.csv", None, ReadOptions(delimiter=delimiter))

    found = list(csv.reader(io.StringIO(written.data.decode(), newline=""), delimiter=delimiter))
    assert found[0] == ["i", "f", "s", "b"]
    assert [row[0] for row in found[1:]] == [blank if x is None else str(x) for x in i]
    assert [row[2] for row in found[1:]] == [blank if x is None else x for x in s]
    assert [row[3] for row in found[1:]] == [blank if x is None else str(x).lower() for x in b]
    for row, x in zip(found[1:], f, strict=True):
        assert row[1] == blank if x is None else np.array_equal(float(row[1]), x, equal_nan=True)


def test_changed_cells_of_another_format(tmp_path: Path) -> None:
    source = parquet(tmp_path, x=pa.array([1.5, None, -999.0]), s=pa.array(["a", None, "c"]))

    def rule(block: Block) -> Block:
        block = changed(block, "x", mask(3, 1), 0.25)
        return changed(changed(block, "s", mask(3, 1), texts(["new, text"])), "s", mask(3, 2), None)

    assert rendered(tmp_path, source, rule).data == b'x,s\n1.5,a\n0.25,"new, text"\n-999.0,\n'
    assert rendered(tmp_path, source, lambda b: rule(b).where(mask(3, 1))).data == b'x,s\n0.25,"new, text"\n'


def test_columns_that_nobody_looked_into_and_declared_cells_are_written_as_they_were(tmp_path: Path) -> None:
    source = parquet(tmp_path, x=pa.array([1.5, -999.0]), s=pa.array(["a", "NULL"]))

    def rule(block: Block) -> Block:
        view = Reading(False, ("float",), (), (Words(declared=frozenset({"-999"})),)).column(0, block.batch.columns[0])
        closed = Values(type="text", rows=2, cells=2)
        assert view[0].absent is not None
        return block.having("x", Held(view[0], 0)).having("s", Held(closed, 1))

    assert rendered(tmp_path, source, rule).data == b"x,s\n1.5,a\n-999.0,NULL\n"


def test_a_cast_of_another_format(tmp_path: Path) -> None:
    source = parquet(tmp_path, x=pa.array([1.0, 2.0, None]))

    def rule(block: Block) -> Block:
        held = block.columns["x"]
        assert isinstance(held.view, Numbers)
        view = patch.numbers(held.view, np.array([1, 2, 0], np.int32), held.view.absent, None, type="integer")
        return block.having("x", Held(view, 0))

    assert rendered(tmp_path, source, rule).data == b'x\n1\n2\n""\n'


@pytest.mark.parametrize("name", ["a.tsv", "a.TAB"])
def test_the_suffix_or_the_option_tells_the_delimiter(tmp_path: Path, name: str) -> None:
    array = tmp_path / "x.npy"
    np.save(array, np.array([[1, 2], [3, 4]], np.int16))
    source = opened(str(array))
    outs = [Out(f.name, Numbers("integer", 0, 0), i) for i, f in enumerate(source.fields)]

    assert write(source, outs, lambda b: b, tmp_path / name).data == b"c0\tc1\n1\t2\n3\t4\n"
    assert rendered(tmp_path, source).data == b"c0,c1\n1,2\n3,4\n"
    assert rendered(tmp_path, source, delimiter="tab").data == b"c0\tc1\n1\t2\n3\t4\n"
    assert rendered(tmp_path, source, decimal=",").data == b"c0;c1\n1;2\n3;4\n"
    assert rendered(tmp_path, source, header=False).data == b"1,2\n3,4\n"


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([[1.0], None]), "list<float>"),
        (pa.array([b"x", None]), "other"),
        (pa.array([[[1]], None]), "list<integer>"),
        (pa.array([1, 2], pa.duration("s")), "other"),
    ],
)
def test_what_text_cannot_hold_is_refused_at_once(tmp_path: Path, array: pa.Array, kind: str) -> None:
    source = parquet(tmp_path, ok=pa.array([1, 2]), **{"my column": array})

    with pytest.raises(UsageError, match=f"cannot hold 'my column', which is of type {kind}") as caught:
        rendered(tmp_path, source)

    assert caught.value.hint == (
        "write .parquet, or drop the column: --rule \"'my column': everything -> drop_column\""
    )


def test_complex_numbers_and_arrays_of_arrays_are_refused(tmp_path: Path) -> None:
    for array in (np.array([1j, 2]), np.zeros((2, 3, 4), np.float32)):
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(UsageError, match="cannot hold"):
            rendered(tmp_path, opened(str(tmp_path / "x.npy")))


def test_names_that_a_reader_would_take_for_something_else(tmp_path: Path) -> None:
    source = parquet(tmp_path, **{"\ufeffid": pa.array([1]), 'a "b"': pa.array([2]), "l1\nl2": pa.array([3])})

    written = rendered(tmp_path, source)

    assert written.data.decode() == '"\ufeffid","a ""b""","l1\nl2"\n1,2,3\n'
    assert [f.name for f in written.target.fields] == ["\ufeffid", 'a "b"', "l1\nl2"]


def test_rows_that_no_bytes_are_there_for(tmp_path: Path) -> None:
    """As rejected rows are: columns of their own first, then the cells as they were read."""
    source = opened(str(_file(tmp_path, b'x;s\n1.10;a\n;"b;c"\n')))
    (batch,) = next(iter(source.splits())).batches()
    outs = [
        Out("_row", Numbers("integer", 0, 0, values=np.empty(0, np.int64)), None),
        *outs_of(source, ["float", "text"]),
    ]
    path = _file(tmp_path, b"", "out.csv")
    target = csv_format.target(source, outs, str(path), ReadOptions())
    held = {
        "_row": Held(Numbers("integer", 2, 2, values=np.array([1, 2])), None),
        "x": Held(decode(batch.columns[0], "float", Words())[0], 0),
        "s": Held(Values(type="text", rows=2, cells=2), 1),
    }
    block = Block(Batch(0, 2, batch.columns), held)

    columns = target.columns(block)
    target.write(target.encoded(block, columns))
    target.finish()

    assert path.read_bytes() == b'_row;x;s\n1;1.10;a\n2;;"b;c"\n'
    assert [column.to_pylist() for column in columns] == [["1", "2"], ["1.10", None], ["a", "b;c"]]


def test_pandas_is_not_loaded(tmp_path: Path) -> None:
    _file(tmp_path, b"x,s,b\n1.5,a,true\nNA,\xc3\xa9,false\n")
    pq.write_table(pa.table({"x": [1.5, None], "s": ["a", "b"], "b": [True, None]}), tmp_path / "in.parquet")
    program = """
import sys, numpy as np
from nanclean.formats import csv
from nanclean.opening import opened
from nanclean.format import ReadOptions
from nanclean.block import Block, Held
from nanclean.target import Out
from nanclean.reading import Reading
from nanclean.tokens import Words
from nanclean import patch, times
for name in ("in.csv", "in.parquet"):
    source = opened(name)
    reading = Reading(source.lexical, ("float", "text", "boolean"), ("",) * 3, (Words(),) * 3)
    (batch,) = next(source.splits()).batches()
    outs = [Out(f.name, reading.column(i, raw.slice(0, 0))[0], i, changed=True)
            for i, (f, raw) in enumerate(zip(source.fields, batch.columns))]
    open("out.csv", "wb").close()
    target = csv.target(source, outs, "out.csv", ReadOptions())
    for split in source.splits():
        for batch in split.batches():
            held = {f.name: Held(reading.column(i, batch.columns[i])[0], i) for i, f in enumerate(source.fields)}
            block = Block(batch, held)
            cells = np.array([False, True])
            block = block.having("x", Held(patch.put(held["x"].view, cells, 2.0), 0, cells))
            block = block.having("b", Held(patch.blanked(held["b"].view, cells), 2, cells))
            target.write(target.encoded(block, target.columns(block)))
    target.finish()
    print(open("out.csv", encoding="utf-8").read())
assert "pandas" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["x,s,b", "1.5,a,true", "2.0,é,", "x,s,b", "1.5,a,true", "2.0,b,"]


# -- real files ------------------------------------------------------------------------------------------------------


def test_one_changed_cell_in_a_real_file(tmp_path: Path, data: Path) -> None:
    """Everything before and behind it is what it was."""
    for path in sorted(data.rglob("*.csv")):
        if path.stat().st_size > 4 << 20:
            continue
        source = opened(str(path))
        last = source.fields[-1].name

        def rule(block: Block, last: str = last) -> Block:
            at = np.flatnonzero(block.numbers() == 7)
            return changed(block, last, mask(block.rows, *at), texts(["<new>"])) if at.size else block

        list(source.splits())
        if source.facts.rows < 9 or any(split for split in source.splits() if ragged(split)):
            continue
        written = write(source, outs_of(source, ["text"] * len(source.fields)), rule, tmp_path / "out.csv")
        before, _, behind = written.data.partition(b"<new>")
        content = path.read_bytes()
        assert content.startswith(before), path
        assert content.endswith(behind), path
        assert len(before) + len(behind) > len(content) - 200, path
        again = write(opened(str(path)), outs_of(source), lambda block: block, tmp_path / "out.csv")
        assert again.data == content, path


def ragged(split: Any) -> bool:
    return any(batch.ragged is not None for batch in split.batches())


def test_one_column_that_is_left_shows_its_empty_cells(tmp_path):
    """Also where so much changes that the records are written anew."""
    (tmp_path / "t.csv").write_text("x,b,c,d\n007,1,,\n,2,,\n5,3,,\n")
    rules = ["b, c, d -> drop_column", "x: range(6, 10) -> blank"]
    nanclean.fix(tmp_path / "t.csv", tmp_path / "o.csv", rules=rules, no_config=True)
    assert (tmp_path / "o.csv").read_bytes() == b'x\n007\n""\n""\n'


CELLS = st.sampled_from(["1.5", "2", "-3.25", "1e3", "", "7", "9.75", "1.0"])
WORDS = st.sampled_from(['"a,b"', '"a""b"', "ab", '""', "", "é", '"x y"', 'a"b', '"NA"'])
RECORDS = st.tuples(CELLS, CELLS.map('"{}"'.format) | CELLS, CELLS, CELLS, WORDS, WORDS)
MANY = [
    ["@float: missing -> impute(median)", "@float -> normalize(standard)"],
    ["@numeric: iqr(1.5) -> clip", "@float -> normalize(minmax)"],
    ["@text: missing -> fill('a,\"b')", "@float -> normalize(standard)"],
]


@settings(TABLES, max_examples=40)
@given(records=st.lists(RECORDS, max_size=20), rules=st.sampled_from(MANY))
def test_records_put_together_are_those_that_are_mended(records, rules, tmp_path):
    """Where many cells change, whole records are put together, quotes and all: the same bytes as cell by cell."""
    records = [("1.5", '"2.5"', "3.5", "4.5", '"a,b"', "ab"), ("2", "3", '"4"', "5", '"x"', '"y"'), *records]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,c,d,e,f", *map(",".join, records)]) + "\n", encoding="utf-8")
    found = []
    for plain in (Copied._plain, lambda *args: False):
        with pytest.MonkeyPatch.context() as patch_:
            patch_.setattr(Copied, "_plain", plain)
            out = tmp_path / "o.csv"
            try:
                nanclean.fix(path, out, rules=rules, no_config=True, force=True, jobs=1)
            except RuleError:  # one value alone has no scale
                reject()
            found.append(out.read_bytes())
    assert found[0] == found[1]
    for before, after in zip(records, found[0].decode().splitlines()[1:], strict=True):
        if "@text" not in rules[0]:
            assert after.endswith(",".join(("", *before[4:])))  # no rule names them

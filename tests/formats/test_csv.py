"""Reading CSV: against Python's csv module, cell by cell, with cuts everywhere; and one case for each oddity."""

from __future__ import annotations

import csv
import errno
import io
import os
import pickle
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanclean.batch import Batch
from nanclean.errors import InputError, NancleanError, UsageError
from nanclean.files.local import Local
from nanclean.format import ReadOptions
from nanclean.formats import _layout, _pieces, _textfile
from nanclean.formats import csv as csv_format
from nanclean.formats.csv import CsvSource

DATA = Path(__file__).parents[3] / "shared" / "data"


def write(folder: Path, content: bytes | str, name: str = "t.csv") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def table(source: CsvSource, columns: Sequence[int] | None = None) -> tuple[list[list[Any]], list[int]]:
    """Rows of cells, and their record numbers. Every array is checked on the way."""
    rows: list[list[Any]] = []
    numbers: list[int] = []
    for split in source.splits():
        for batch in split.batches(columns):
            for column in batch.columns:
                column.validate(full=True)
                assert len(column) == batch.rows
            cells = [column.to_pylist() for column in batch.columns]
            rows += [list(row) for row in zip(*cells, strict=True)]
            numbers += batch.numbers(np.arange(batch.rows)).tolist()
    return rows, numbers


def opened(path: str, options: ReadOptions) -> CsvSource:
    return csv_format.opened(Local(path), options)


def read(folder: Path, content: bytes | str, **options: Any) -> tuple[CsvSource, list[list[Any]]]:
    source = opened(write(folder, content), ReadOptions(**options))
    return source, table(source)[0]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, pieces and splits of a few bytes, so that cuts fall everywhere."""
    shrink(monkeypatch, 5)


def shrink(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(_pieces, "BLOCK", size)
    monkeypatch.setattr(_pieces, "PIECE", 3 * size)
    monkeypatch.setattr(csv_format, "PIECE", 3 * size)
    monkeypatch.setattr(csv_format, "SPLIT", 8 * size)
    monkeypatch.setattr(_layout, "BEGINNING", size)
    monkeypatch.setattr(_textfile, "AHEAD", max(4, size))


# -- the whole of it against Python's csv module ---------------------------------------------------------------------


def reference(text: str, header: bool = True) -> tuple[list[str] | None, list[list[str]], list[int]]:
    """Header, records and their lines, as Python's csv module reads them."""
    reader = csv.reader(io.StringIO(text, newline=""))
    names: list[str] | None = None
    rows, lines, before = [], [], 0
    for cells in reader:
        line, before = before + 1, reader.line_num
        if names is None and header:
            names = cells or None
            continue
        rows.append(cells)
        lines.append(line)
    return names, rows, lines


def swallows(text: str) -> bool:
    """Whether a quote is not closed, or closed by one that another cell opens: what Python reads without a word."""
    inside = start = False
    at, field, lines = 0, True, False
    while at < len(text):
        c = text[at]
        if inside:
            if c == '"' and text[at + 1 : at + 2] == '"':
                at += 1
            elif c == '"':
                inside = False
                if lines and text[at + 1 :].lstrip(" \t")[:1] not in ("", ",", "\n", "\r"):
                    return True
            elif c in "\r\n":
                lines = True
        elif c == '"' and field:
            inside, lines, start = True, False, True
        field = not inside and c in ",\r\n"
        at += 1
    return inside and start


cells = st.sampled_from(
    [
        "",
        "1",
        "a b",
        '"q"',
        '"x,y"',
        '"a\nb"',
        '"a\r\nb"',
        '"c\rd"',
        '"say ""hi"""',
        '""',
        "5'6\" tall",
        '"5" disk',
        "é",
        "n\0m",
    ]
)
line_ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"])
records = st.tuples(st.lists(cells, min_size=1, max_size=4).map(",".join), line_ends).map("".join)
tables = st.one_of(
    st.tuples(
        st.sampled_from(["a,b\n", "a\n", "a,b,c\r\n", '"a\nb",c\r', "\n\nx,y\n"]), st.lists(records, max_size=12)
    ).map(lambda parts: parts[0] + "".join(parts[1])),
    st.text('ab,"\n\r', max_size=40),
)


@given(tables, st.integers(1, 40), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_cell_equals_pythons(tmp_path: Path, text: str, size: int, bare: bool) -> None:
    path = write(tmp_path, text)
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, size)
        names, rows, lines = reference(text)
        if swallows(text) or names is None:
            with pytest.raises(InputError):
                table(opened(path, ReadOptions(delimiter=",")))
            return
        source = opened(path, ReadOptions(delimiter=","))
        width = len(names)
        kept = [(cells or [""], line) for cells, line in zip(rows, lines, strict=True) if cells or width == 1]
        good = [n for n, (cells, _) in enumerate(kept) if len(cells) == width]
        odd = [(n, line, len(cells)) for n, (cells, line) in enumerate(kept) if len(cells) != width]

        assert source.facts.header == tuple(names)
        for _ in range(2):  # a second look gives the same
            got, numbers = table(source)
            assert got == [[cell or None for cell in kept[n][0]] for n in good]
            assert numbers == good
            assert source.facts.rows == len(kept)
            assert (source.facts.ragged, source.facts.ragged_rows) == (len(odd), odd)
        assert source.lines(range(len(kept))) == [line for _, line in kept]
        assert [s.index for s in source.splits()] == list(range(len(list(source.splits()))))
        last = width - 1
        assert [row[0] for row in table(source, [last])[0]] == [row[last] for row in got]
        first = source.facts.first
        assert first == (tuple(cell or None for cell in kept[0][0]) if kept else None)


@given(tables, st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_every_encoding_gives_the_same_cells(tmp_path: Path, text: str, size: int) -> None:
    text = text.replace("a", "ä€")
    if swallows(text) or not text.strip("\r\n"):
        return
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, size)
        expected = opened(write(tmp_path, text), ReadOptions(delimiter=",", encoding="utf-8"))
        wanted = table(expected), expected.lines(range(expected.facts.rows)), expected.fields, expected.facts.first
        for content, encoding in [
            (text.encode(), None),
            (b"\xef\xbb\xbf" + text.encode(), None),
            (b"\xff\xfe" + text.encode("utf-16-le"), None),
            (b"\xfe\xff" + text.encode("utf-16-be"), None),
            (b"\xff\xfe\0\0" + text.encode("utf-32-le"), None),
            (text.encode("utf-16-le"), "utf-16-le"),
            (text.encode("cp1252"), None),
            (text.encode("iso8859-15"), "iso8859-15"),
            (text.encode("gb18030"), "gb18030"),
        ]:
            source = opened(write(tmp_path, content), ReadOptions(delimiter=",", encoding=encoding))
            got = table(source), source.lines(range(source.facts.rows)), source.fields, source.facts.first
            assert got == wanted, (content, encoding)
            assert source.facts.encoding_guessed == (
                encoding is None and content == text.encode("cp1252") != text.encode()
            )


# -- one case for each oddity ----------------------------------------------------------------------------------------


def test_empty_cells_are_null_and_everything_else_is_text_as_it_stands(tmp_path: Path) -> None:
    source, rows = read(tmp_path, 'a,b,c\n 1 ,"",NA\n007,1e400,"x ""y"""\n')
    assert rows == [[" 1 ", None, "NA"], ["007", "1e400", 'x "y"']]
    facts = source.facts
    assert (facts.rows, facts.ragged, facts.encoding, facts.delimiter) == (2, 0, "utf-8", ",")
    assert not facts.encoding_guessed
    assert facts.first == (" 1 ", None, "NA")
    assert source.details() == {"encoding": "utf-8", "delimiter": ","}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(tmp_path: Path, end: str, last: bool) -> None:
    source, rows = read(tmp_path, end.join(["a,b", "1,2", "", "3,4"]) + end * last)
    assert rows == [["1", "2"], ["3", "4"]]
    assert source.where([1, 0]) == ["line 4", "line 2"]


def test_blank_lines_are_missing_cells_in_a_file_of_one_column(tmp_path: Path) -> None:
    source, rows = read(tmp_path, "\na\n\n1\n\n")
    assert rows == [[None], ["1"], [None]]
    assert source.lines([0, 1, 2]) == [3, 4, 5]
    assert source.facts.first == (None,)
    _, rows = read(tmp_path, "\n1\n\n2\n", header=False)
    assert rows == [[None], ["1"], [None], ["2"]]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,b,c", "a b c"),
        (",b,", "unnamed_0 b unnamed_2"),
        ("x,x,x", "x x.1 x.2"),
        ("x,x,x.1,x", "x x.2 x.1 x.3"),
        ("x.1,x,x", "x.1 x x.2"),
        (",unnamed_0,,unnamed_0", "unnamed_0.1 unnamed_0 unnamed_2 unnamed_0.2"),
        ('"a\nb","c""d",e', 'a\nb c"d e'),
        ("a\0b,\t,é", "a\0b unnamed_1 é"),
    ],
)
def test_names(tmp_path: Path, header: str, names: str) -> None:
    source, rows = read(tmp_path, f"{header}\n" + header.count(",") * "1," + "1\n", delimiter=",")
    assert [field.name for field in source.fields] == names.split(" ")
    assert all(field.type is None for field in source.fields)
    assert len(rows) == 1
    assert source.facts.header == tuple(header.replace('""', "'").replace('"', "").replace("'", '"').split(","))


def test_ten_thousand_equal_names_are_no_square(tmp_path: Path) -> None:
    source, _ = read(tmp_path, ",".join(["x"] * 20_000) + "\n", delimiter=",")
    assert source.fields[-1].name == "x.19999"


def test_no_header(tmp_path: Path) -> None:
    source, rows = read(tmp_path, "1,2\n3,4\n", header=False)
    assert [field.name for field in source.fields] == ["c0", "c1"]
    assert rows == [["1", "2"], ["3", "4"]]
    assert source.facts.header is None
    assert source.facts.first == ("1", "2")
    source, rows = read(tmp_path, "a title\n1,2\n3,4\n5,6\n", header=False)
    assert (len(source.fields), len(rows), source.facts.ragged_rows) == (2, 3, [(0, 1, 1)])


def test_header_only_is_a_table_without_rows(tmp_path: Path) -> None:
    for text in ("a,b", "a,b\n", "\na,b\r\n\r\n"):
        source, rows = read(tmp_path, text)
        assert [field.name for field in source.fields] == ["a", "b"]
        assert rows == []
        assert source.facts.rows == 0
        assert source.facts.first is None
        assert source.sample() is None
        assert source.lines([]) == []


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\0"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"t\.csv: is empty") as raised:
        read(tmp_path, content)
    assert raised.value.hint


def test_ragged_records_are_left_out_numbered_and_counted_once(tmp_path: Path, tiny: None) -> None:
    text = 'a,b\n1,2\n"x\ny"\n3,4\n\n5,6,7\n8,9\n'
    source, rows = read(tmp_path, text)
    assert rows == [["1", "2"], ["3", "4"], ["8", "9"]]
    assert table(source)[1] == [0, 2, 4]
    assert source.facts.rows == 5
    assert source.facts.ragged == 2
    assert source.facts.ragged_rows == [(1, 3, 1), (3, 7, 3)]
    assert source.where([0, 1, 2, 3, 4]) == ["line 2", "line 3", "line 5", "line 7", "line 8"]


def test_the_first_ragged_records_are_kept_in_whatever_order_splits_are_read(
    tmp_path: Path, tiny: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_format, "RAGGED", 10)
    source = opened(write(tmp_path, "a,b\n" + "1,2\n3\n" * 50), ReadOptions())
    splits = list(source.splits())
    assert len(splits) > 3
    for split in reversed(splits):
        assert sum(batch.rows for batch in split.batches()) > 0
    assert source.facts.ragged == 50
    assert source.facts.ragged_rows == [(n, n + 2, 1) for n in range(1, 21, 2)]


def test_nothing_but_ragged_records(tmp_path: Path) -> None:
    source, rows = read(tmp_path, "a,b\n1\n2\n3,4,5\n")
    assert rows == []
    assert source.facts.rows == 3
    assert source.facts.ragged == 3
    assert source.sample() is None


def test_a_header_that_is_shorter_than_the_records_is_noted(tmp_path: Path) -> None:
    source, _ = read(tmp_path, "a,b\nr1,1,2\nr2,3,4\n")
    assert source.facts.notes == ["the header has 2 cells, but most records at the beginning have 3"]
    assert source.facts.ragged == 2


def test_nul_bytes_stay_in_their_cells(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n\0,x\0y\n1,2\n")[1] == [["\0", "x\0y"], ["1", "2"]]


def test_text_that_begins_with_a_byte_order_mark_keeps_it_within_the_file(tmp_path: Path, tiny: None) -> None:
    text = "a,b\n" + "\ufeff1,2\n" * 20
    for delimiter in (None, ","):
        assert read(tmp_path, text, delimiter=delimiter)[1] == [["\ufeff1", "2"]] * 20


# -- quotes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\n1,2\n3,"x\n4,5\n', 3),
        ('a,b\n1,"x\n2,"y"\n3,z\n', 2),  # Python, pandas and pyarrow read two rows
        ('"a,b\n1,2\n', 1),
        ('a,b\n1,"two\nlines"\n\n"x', 5),
        ('a,b\n1,"say ""x\n2,y\n', 2),
        ('a\n"x\ny\n', 2),
    ],
)
@pytest.mark.parametrize("size", [3, 1 << 20])
def test_an_unclosed_quote_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, size: int
) -> None:
    shrink(monkeypatch, size)
    with pytest.raises(InputError, match=rf"t\.csv: line {line}: a quote opens here and is not closed") as raised:
        read(tmp_path, text)
    assert raised.value.hint
    assert '""' in raised.value.hint


def test_an_unclosed_quote_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pieces, "RECORD_LIMIT", 1 << 20)
    with pytest.raises(InputError, match="line 5: a quote opens here"):
        read(tmp_path, 'a,b\n1,2\n"x\ny",3\n4,"5\n' + "6,7\n" * 500_000)
    with pytest.raises(InputError, match="line 2: the record is longer than 1 MB"):
        read(tmp_path, "a,b\n" + "x" * (2 << 20))


def test_a_failed_scan_fails_again(tmp_path: Path, tiny: None) -> None:
    source = opened(write(tmp_path, "a,b\n" + "1,2\n" * 50 + '3,"'), ReadOptions())
    for _ in range(2):
        with pytest.raises(InputError, match="line 52"):
            list(source.splits())


# -- encodings -------------------------------------------------------------------------------------------------------


def test_bytes_that_are_not_utf8_are_windows_1252_from_end_to_end(tmp_path: Path, tiny: None) -> None:
    """One bad byte at the end changes what the valid UTF-8 before it means, and the names."""
    text = "é,b\n" + "ü,x\n" * 30
    source, rows = read(tmp_path, text.encode() + b"\x80\x81,\xff\n")
    assert source.fields[0].name == "Ã©"
    assert rows == [["Ã¼", "x"]] * 30 + [["€\x81", "ÿ"]]
    assert source.facts.encoding == "windows-1252"
    assert source.facts.encoding_guessed
    source, rows = read(tmp_path, text.encode())
    assert source.facts.encoding == "utf-8"
    assert not source.facts.encoding_guessed
    assert rows == [["ü", "x"]] * 30


def test_the_encoding_is_decided_where_the_first_odd_byte_stands(tmp_path: Path, tiny: None) -> None:
    source = opened(write(tmp_path, b"a,b\n" + b"1,2\n" * 30 + b"\xe9,3\n"), ReadOptions())
    first = next(source.splits())
    assert source.facts.encoding == "utf-8"  # so far
    assert next(first.batches()).columns[0][0].as_py() == "1"
    assert table(source)[0][-1] == ["é", "3"]
    assert source.details()["encoding"] == "windows-1252"


@pytest.mark.parametrize("content", [b"a,b\n1,2\n3,\xe9\n", b"\xef\xbb\xbfa,b\n1,2\n3,\xe9\n"])
def test_what_is_told_to_be_utf8_must_be(tmp_path: Path, content: bytes, tiny: None) -> None:
    with pytest.raises(InputError, match=r"t\.csv: line 3: byte 0xe9 is not utf-8") as raised:
        read(tmp_path, content, encoding=None if content.startswith(b"\xef") else "utf-8")
    assert raised.value.hint
    assert "--encoding" in raised.value.hint


def test_odd_bytes_in_other_encodings_name_their_line(tmp_path: Path, tiny: None) -> None:
    with pytest.raises(InputError, match="line 3: byte 0x80 is not ascii"):
        read(tmp_path, b"a,b\n1,2\n\x80,2\n", encoding="ascii")
    with pytest.raises(InputError, match=r"line 3: .* is not utf-16"):
        read(tmp_path, b"\xff\xfe" + "a,b\n1,2\n3,4".encode("utf-16-le") + b"\n")


def test_the_user_decides(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\nж,2\n".encode("cp1251"), encoding="cp1251")[1] == [["ж", "2"]]
    assert read(tmp_path, "a|b\nポ|ソ\n".encode("shift_jis"), encoding="shift_jis", delimiter="|")[1] == [["ポ", "ソ"]]
    assert read(tmp_path, b"a,b\n\x80,2\n", encoding="latin-1")[1] == [["\x80", "2"]]
    assert read(tmp_path, b"a,b\n\x80\x81,2\n", encoding="windows-1252")[1] == [["€\x81", "2"]]
    with pytest.raises(UsageError, match="unknown encoding 'utf-9'"):
        read(tmp_path, b"a,b\n", encoding="utf-9")
    for name in ("utf-7", "rot13", "iso2022_jp", "hz"):
        with pytest.raises(UsageError, match="cannot be read in pieces"):
            read(tmp_path, b"a,b\n", encoding=name)


def test_utf16_without_a_mark_is_refused_with_what_to_type(tmp_path: Path) -> None:
    content = "a,b\n1,2\n".encode("utf-16-le")
    with pytest.raises(InputError) as raised:
        read(tmp_path, content)
    assert raised.value.hint
    assert "--encoding utf-16-le" in raised.value.hint
    assert read(tmp_path, content, encoding="utf-16-le")[1] == [["1", "2"]]


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    for content in (np.random.default_rng(1).bytes(50_000), zlib.compress(bytes(range(256)) * 400, 0), b"\0" * 5000):
        with pytest.raises(InputError, match=r"t\.csv: is not text"):
            read(tmp_path, content)
    nuls = b"a,b\n" + b"\0,\0\0\n" * 3
    assert read(tmp_path, nuls)[1] == [["\0", "\0\0"]] * 3
    assert read(tmp_path, b"a\x01b\n" + b"1\x012\n" * 20, delimiter="\x01")[1] == [["1", "2"]] * 20


# -- delimiters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a;b;c\n1,5;2,5;3,5\n4,0;5,1;6,2\n", ";"),
        ("Weight (kg, lb);Height;Age\n1,5;2;3\n", ";"),
        ('name;text\n"x, y";"a, b; c"\nz;"d, e"\n', ";"),
        ('id,"a;b|c"\n1,"x;y|z"\n', ","),
        ("id,tags\n1,a;b\n2,c;d;e\n", ","),
        ("date|note\n2020|a, b\n2021|c\n", "|"),
        ('a,b\n1,"x;y\n;z"\n2,3\n', ","),
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n9\n", ","),
        ("a,b\n1\n", ","),
        ("a,\tb\n1,\t2\n", ","),
        ("1,5;2,5\n3,25;4,5\n", ";"),
    ],
)
def test_the_delimiter_is_found(tmp_path: Path, text: str, delimiter: str) -> None:
    source, _ = read(tmp_path, text, header=not text.startswith("1,5"))
    assert source.facts.delimiter == delimiter


@pytest.mark.parametrize(
    "text", ["text\nHello, world\nBye\n", "x\n1,5\n2,5\n", "a\n1\n", "one\n", "x\n\n\n1;2,3\n4|5\n"]
)
def test_a_file_of_one_column_keeps_its_cells_whole(tmp_path: Path, text: str) -> None:
    source, rows = read(tmp_path, text)
    assert len(source.fields) == 1
    assert [row[0] or "" for row in rows] == text.splitlines()[1:]


def test_the_delimiter_can_be_told(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b;c\n1,2;3\n", delimiter=";")[1] == [["1,2", "3"]]
    assert read(tmp_path, "a\tb\n1\t2\n", delimiter="tab")[1] == [["1", "2"]]
    assert read(tmp_path, "a b\n1 2\n", delimiter=" ")[1] == [["1", "2"]]
    for wrong in ("", "||", "§", '"', "\n"):
        if wrong:
            with pytest.raises(UsageError, match="--delimiter"):
                read(tmp_path, "a,b\n", delimiter=wrong)


# -- large and wide --------------------------------------------------------------------------------------------------


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    long = "x" * (10 << 20)
    source, rows = read(tmp_path, f'a,b\n1,2\n{long},3\n"{long}\n",4\n5,6\n')
    assert [len(row[0]) for row in rows] == [1, len(long), len(long) + 1, 1]
    assert source.lines([3]) == [6]
    assert source.sample() is not None


def test_twelve_thousand_columns(tmp_path: Path) -> None:
    width = 12_000
    line = ",".join(str(n) for n in range(width))
    header = ",".join(f"column_{n:09}_with_a_long_name" for n in range(width))
    source, rows = read(tmp_path, f"{header}\n" + f"{line}\n" * 5)
    assert len(source.fields) == width
    assert len(rows) == 5
    assert rows[4][-1] == str(width - 1)


def test_batches_stay_small_and_splits_follow_the_data(tmp_path: Path) -> None:
    line = b"1234567,1234567,1234567,123456\n"
    path = write(tmp_path, b"a,b,c,d\n" + line * (45 << 15))
    source = opened(path, ReadOptions())
    splits = list(source.splits())
    sizes = [split.pieces[-1].stop - split.pieces[0].start for split in splits]
    assert [size >> 20 for size in sizes] in ([31, 12], [32, 11], [30, 13], [31, 11], [32, 10])
    batches = list(splits[0].batches())
    assert max(batch.rows for batch in batches) * len(line) < 9 << 20
    assert [s.pieces for s in opened(path, ReadOptions()).splits()] == [s.pieces for s in splits]


# -- the file itself -------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file") as raised:
        opened(str(tmp_path / "none.csv"), ReadOptions())
    assert raised.value.hint
    with pytest.raises(InputError, match="is a directory"):
        opened(str(tmp_path), ReadOptions())


def test_what_the_system_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a,b\n1,2\n")

    def refused(path: str, *how: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    source = opened(path, ReadOptions())
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refused)
        with pytest.raises(InputError, match=r"t\.csv: permission denied") as raised:
            opened(path, ReadOptions())
    assert raised.value.hint
    assert "ls -l" in raised.value.hint

    def broken(*arguments: Any) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(InputError, match=r"t\.csv: input/output error"):
        table(source)


def grow(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"8,9\n")


def shorten(path: str) -> None:
    os.truncate(path, os.path.getsize(path) - 4)


def rewrite(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes().replace(b"1", b"7"))
    os.utime(path, (0, 0))  # clocks of file systems are coarse


def read_while_it_changes(source: CsvSource, change: Any, moment: str) -> None:
    if moment == "before the scan":
        change(source.path)
    splits = []
    for split in source.splits():
        splits.append(split)
        if moment == "during the scan" and len(splits) == 1:
            change(source.path)
    if moment == "before a batch":
        change(source.path)
    for number, _ in enumerate(splits[-1].batches()):
        if moment == "during a split" and number == 0:
            change(source.path)


@pytest.mark.parametrize("change", [grow, shorten, rewrite])
@pytest.mark.parametrize("moment", ["before the scan", "during the scan", "before a batch", "during a split"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, tiny: None, change: Any, moment: str) -> None:
    path = write(tmp_path, "a,b\n" + "1,2\n" * 50)
    source = opened(path, ReadOptions())
    with pytest.raises(InputError, match="changed while it was read"):
        read_while_it_changes(source, change, moment)


@pytest.mark.parametrize("moment", ["before the scan", "during the scan", "before a batch", "during a split"])
def test_a_file_that_is_replaced_is_read_to_its_old_end(tmp_path: Path, tiny: None, moment: str) -> None:
    source = opened(write(tmp_path, "a,b\n" + "1,2\n" * 50), ReadOptions())

    def replaced(path: str) -> None:
        (tmp_path / "new.csv").write_text("a,b\n7,8\n")
        os.replace(tmp_path / "new.csv", path)

    read_while_it_changes(source, replaced, moment)
    assert table(source)[0] == [["1", "2"]] * 50


def test_splits_can_be_sent_to_another_process_and_read_by_threads(tmp_path: Path, tiny: None) -> None:
    source = opened(write(tmp_path, "a,b\n" + "1,2\n3\n" * 40), ReadOptions())
    splits = list(source.splits())
    for split in splits:
        sent = pickle.loads(pickle.dumps(split))
        assert [b.start for b in sent.batches()] == [b.start for b in split.batches()]
    assert source.facts.ragged == 40

    source = opened(write(tmp_path, "a,b\n" + "1,2\n3\n" * 400), ReadOptions())
    seen: list[list[int]] = []

    def work() -> None:
        seen.append(table(source)[1])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [list(range(0, 800, 2))] * 4
    assert source.facts.ragged == 400


def test_columns_do_not_share_memory_with_the_buffer_they_were_read_into(tmp_path: Path, tiny: None) -> None:
    source = opened(write(tmp_path, "a,b\n" + "".join(f"{n},x{n}\n" for n in range(100))), ReadOptions())
    batches = [batch for split in source.splits() for batch in split.batches()]
    assert [cell for batch in batches for cell in batch.columns[1].to_pylist()] == [f"x{n}" for n in range(100)]


def test_no_columns_at_all_still_give_the_rows(tmp_path: Path) -> None:
    source = opened(write(tmp_path, "a,b\n1,2\n3,4\n"), ReadOptions())
    batches = [batch for split in source.splits() for batch in split.batches([])]
    assert [(batch.rows, list(batch.columns)) for batch in batches] == [(2, [])]
    assert table(source, [1, 0])[0] == [["2", "1"], ["4", "3"]]


def test_a_disagreement_of_scanner_and_parser_is_never_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(write(tmp_path, "a,b\n1,2\n3,4\n"), ReadOptions())
    split = next(source.splits())
    object.__setattr__(split.pieces[0], "records", 3)
    with pytest.raises(NancleanError, match="count differently") as raised:
        list(split.batches())
    assert raised.value.exit_code == 70


# -- the sample ------------------------------------------------------------------------------------------------------


def test_the_sample_comes_from_all_over_the_file(tmp_path: Path) -> None:
    rows = 200_000
    path = write(tmp_path, "n,text\n" + "".join(f'{n},"text, with ""quotes"" {n}"\n' for n in range(rows)))
    batch = opened(path, ReadOptions()).sample()
    assert isinstance(batch, Batch)
    numbers = [int(cell) for cell in batch.columns[0].to_pylist() if cell.isdigit()]
    assert batch.rows == len(numbers) <= 65_536
    assert numbers[0] == 0
    assert numbers[-1] >= rows - 2
    assert len(numbers) > 10_000
    counts, _ = np.histogram(numbers, bins=16)
    assert counts.min() > 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "gb18030"])
def test_the_sample_of_any_file_is_text_or_nothing(tmp_path: Path, encoding: str) -> None:
    text = "ä,b\n" + '"ü\nß,\n",2\n' * 100_000
    source = opened(
        write(tmp_path, text.encode(encoding)), ReadOptions(encoding=encoding if "gb" in encoding else None)
    )
    batch = source.sample()
    assert batch is not None
    for column in batch.columns:
        column.validate(full=True)


# -- real files ------------------------------------------------------------------------------------------------------


REAL = [pytest.param(path, id=path.name) for path in sorted(DATA.glob("*.csv"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason=f"the data pack is not there: {DATA}"))
]


@pytest.mark.parametrize("path", REAL)
@pytest.mark.parametrize("size", [1000, None])
def test_real_files_equal_python(path: Path, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if size:
        shrink(monkeypatch, size)
    encoding = "cp1252" if path.name == "StarWars.csv" else "utf-8"
    header = path.name not in ("horse-colic.csv", "auto_imports.csv")
    names, rows, lines = reference(path.read_bytes().decode(encoding), header)
    source = opened(str(path), ReadOptions(header=header))
    got, numbers = table(source)
    assert got == [[cell or None for cell in row] for row in rows]
    assert numbers == list(range(len(rows)))
    assert source.facts.header == (tuple(names) if names else None)
    assert source.facts.encoding_guessed == (path.name == "StarWars.csv")
    assert source.facts.delimiter == ","
    some = sorted({0, len(rows) // 2, len(rows) - 1})
    assert source.lines(some) == [lines[n] for n in some]
    assert source.sample() is not None


def test_pandas_is_not_imported() -> None:
    """It would cost a third of a second on the smallest file."""
    code = (
        "import sys, tempfile, os; from nanclean.opening import opened; from nanclean.format import ReadOptions\n"
        "path = os.path.join(tempfile.mkdtemp(), 'x.csv'); open(path, 'w').write('a,b\\né,2\\n3\\n' * 100_000)\n"
        "source = opened(path, ReadOptions()); source.sample()\n"
        "print(sum(b.rows for s in source.splits() for b in s.batches()), source.where([5]), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "199999 ['line 7'] False\n"

"""The record scanner against a parser that looks at one byte after the other."""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.formats import _records
from nanclean.formats._records import Positions, QuoteError, Style, open_quote, scan, split_record

COMMA = ord(",")


@dataclass
class Slow:
    """What a block holds, found byte by byte. `lines`: of each record, how many line ends stand before it."""

    starts: list[int]
    lines: list[int]
    cells: list[int]
    line_ends: int
    error: int | None
    stop: int
    """Where the last record that has a line end stops."""


def slow(block: bytes, blank_lines: bool, delimiter: int = COMMA) -> Slow:
    found = Slow([], [], [], 0, None, 0)
    state, opened, opened_line, start, start_line, cells = "field", 0, 0, 0, 0, 1
    at = 0
    while at < len(block):
        byte = block[at]
        ends_line = byte == 10 or (byte == 13 and block[at + 1 : at + 2] != b"\n")
        if state == "quoted":
            if byte == 34 and block[at + 1 : at + 2] == b'"':
                at += 1
            elif byte == 34:
                state = "text"
                follows = (block[at + 1 :].lstrip(b" \t") if delimiter != 9 else block[at + 1 :])[:1]
                torn = found.line_ends != opened_line
                if follows and follows not in b",\r\n" and torn and found.error is None:
                    found.error = opened
        elif ends_line:
            blank = block[start] in b"\r\n"
            if not blank or blank_lines:
                found.starts.append(start)
                found.lines.append(start_line)
                found.cells.append(cells)
            start, start_line, cells, state = at + 1, found.line_ends + 1, 1, "field"
            found.stop = at + 1
        elif byte == delimiter:
            cells, state = cells + 1, "field"
        elif byte == 34 and state == "field":
            state, opened, opened_line = "quoted", at, found.line_ends
        elif byte != 13:
            state = "text"
        found.line_ends += ends_line
        at += 1
    if start < len(block):
        found.starts.append(start)
        found.lines.append(start_line)
        found.cells.append(cells)
        if state == "quoted" and found.error is None:
            found.error = opened
    return found


blocks = st.one_of(
    st.text('a,"\n\r', max_size=60),
    st.text('aaaaaa,"\n', max_size=200),
    st.lists(
        st.sampled_from(['"', '""', ",", '"a"', '"a\nb"', '"a""b"', "a", "\n", "\r\n", "\r", "5'6\" tall", '",\n"'])
    ).map("".join),
    st.lists(st.sampled_from(["\n", "\r\n", '"', ",", "a" * 31, "b" * 61, "b\n" * 40, '"' + "c\n" * 70 + '"'])).map(
        "".join
    ),
    st.lists(
        st.sampled_from(["x,y\n", '"x, y",z\n', '"q""q",\n', '"two\nlines",7\r\n', "\n", '"a\n" ', '"\n" x']),
        max_size=40,
    ).map("".join),
).map(str.encode)


@pytest.mark.parametrize("moved", range(130))
def test_it_does_not_matter_where_in_a_word_of_64_bytes_things_stand(moved: int) -> None:
    block = b"a" * moved + b'\n\n1,\r\n\r\n"x' + b"\n" * 130 + b'\r\n,y""z",2\n\r\r"p",3\n\nz'
    expected = slow(block, blank_lines=False)
    found = scan(block, Style(COMMA), more=False)
    assert found is not None
    assert (found.records, found.lines) == (len(expected.starts), expected.line_ends)


@given(blocks.filter(bool), st.booleans())
def test_a_whole_file_equals_the_slow_parser(block: bytes, one_column: bool) -> None:
    style = Style(COMMA, 1 if one_column else None)
    expected = slow(block, one_column)
    if expected.error is not None:
        with pytest.raises(QuoteError) as raised:
            scan(block, style, more=False)
        assert raised.value.position == expected.error
        return
    found = scan(block, style, more=False)
    assert found is not None
    assert (found.stop, found.records, found.lines) == (len(block), len(expected.starts), expected.line_ends)
    assert found.quoted == (b'"' in block)
    positions = Positions(block, style)
    assert positions.starts.tolist() == expected.starts
    assert positions.lines().tolist() == expected.lines
    assert positions.cells().tolist() == expected.cells


@given(blocks.filter(bool), st.integers(1, 70), st.booleans())
def test_pieces_of_any_size_add_up_to_the_whole(block: bytes, size: int, one_column: bool) -> None:
    style = Style(COMMA, 1 if one_column else None)
    expected = slow(block, one_column)
    at = records = lines = 0
    step = size
    try:
        while at < len(block):
            more = at + step < len(block)
            found = scan(block[at : at + step], style, more)
            if found is None:
                step += size
                continue
            assert Positions(block[at : at + found.stop], style).starts.size == found.records
            at, records, lines, step = at + found.stop, records + found.records, lines + found.lines, size
    except QuoteError as error:
        assert at + error.position == expected.error  # noqa: PT017 - or none is raised
    else:
        assert expected.error is None
        assert (records, lines) == (len(expected.starts), expected.line_ends)


@given(blocks.filter(bool), st.booleans())
def test_the_two_ways_of_scanning_agree(block: bytes, more: bool) -> None:
    style = Style(COMMA)
    answers = []
    for way in (scan, _records._scan_positions):
        try:
            answers.append(way(block, style, more))
        except QuoteError as error:
            answers.append(error.position)
    fast, careful = answers
    if hasattr(fast, "quoted") and not fast.quoted:
        assert careful.quoted
        assert (fast.stop, fast.records, fast.lines) == (careful.stop, careful.records, careful.lines)
    else:
        assert fast == careful


def scanned(text: bytes, **style: int) -> tuple[int, int]:
    found = scan(text, Style(COMMA, **style), more=False)
    assert found is not None
    return found.records, found.lines


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_count(end: bytes) -> None:
    text = end.join([b"a,b", b"1,2", b"", b'"x' + end + b'y",3', b"4,5"])
    assert scanned(text) == (4, 5)
    assert scanned(text, width=1) == (5, 5)
    assert Positions(text, Style(COMMA)).lines().tolist() == [0, 1, 3, 5]


def test_a_carriage_return_at_the_end_of_a_block_waits_for_its_line_feed() -> None:
    assert scan(b"a,b\r", Style(COMMA), more=True) is None
    found = scan(b"a,b\r\nc\r", Style(COMMA), more=True)
    assert found is not None
    assert found.stop == 5


def test_quotes_within_a_field_are_text() -> None:
    assert scanned(b'5\'6" tall,"a\nb"\n6",7\n') == (2, 3)


def test_an_unclosed_quote_is_named_by_its_place() -> None:
    with pytest.raises(QuoteError) as raised:
        scan(b'a,b\n1,"x""y\n2,z\n', Style(COMMA), more=False)
    assert raised.value.position == 6
    assert open_quote(b'a,b\n1,"x""y\n2,z\n', Style(COMMA)) == 6
    assert open_quote(b'a,b\n1,"x""y"\n2,z\n', Style(COMMA)) is None


def test_a_quote_that_swallows_lines_is_an_error_and_one_within_a_line_is_not() -> None:
    with pytest.raises(QuoteError) as raised:
        scan(b'a,b\n1,"x\n2,"y"\n', Style(COMMA), more=False)
    assert raised.value.position == 6
    assert scanned(b'a,b\n1,"5" disk"\n2,y\n') == (3, 3)
    assert scanned(b'a,b\n1,"x\ny" \n"2\n"  ,y\n"z\n"\t') == (4, 6)


def test_many_stray_quotes_are_not_slow() -> None:
    """Not by the clock: what takes a step per byte or looks back again and again does not come to an end here."""
    assert scanned(b'5" x 7",6"\n' * 200_000 + b'"a\nb",1\n') == (200_001, 200_002)


@given(blocks.filter(bool))
def test_cells_of_a_record_equal_pythons(block: bytes) -> None:
    try:
        starts = [*Positions(block, Style(COMMA)).starts.tolist(), len(block)]
    except QuoteError:
        return
    rows = [row for row in csv.reader(io.StringIO(block.decode(), newline="")) if row]
    got = [split_record(block[a:b], COMMA) for a, b in itertools.pairwise(starts)]
    assert got == [[cell.encode() for cell in row] for row in rows]


def test_nothing_has_no_records() -> None:
    for style in (Style(COMMA), Style(COMMA, 1)):
        assert scan(b"", style, more=False) is None
        assert Positions(b"", style).starts.size == Positions(b"", style).stop == 0

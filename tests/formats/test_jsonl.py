"""JSON Lines: held against Python's own json and pandas, cell by cell."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.errors import InputError, UsageError
from nanclean.formats import _jsonlines, jsonl
from nanclean.formats._jsontext import GONE, edited
from nanclean.opening import opened
from tests.formats.rewriting import at, rewritten


@pytest.fixture(autouse=True, params=["small", "usual"])
def sizes(request, monkeypatch):
    """Everything is tried with blocks and splits of few lines, and with all in one."""
    if request.param == "small":
        monkeypatch.setattr(_jsonlines, "BLOCK", 64)
        monkeypatch.setattr(jsonl, "SPLIT", 300)
        monkeypatch.setattr(jsonl, "SAMPLED", 32)


def write(path: Path, text: str | bytes | list[Any]) -> Path:
    if isinstance(text, list):
        text = "".join(json.dumps(record) + "\n" for record in text)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def cells_of(source: Any, columns: Any = None) -> dict[str, list[Any]]:
    wanted = range(len(source.fields)) if columns is None else columns
    found: dict[str, list[Any]] = {source.fields[i].name: [] for i in wanted}
    row = 0
    for split in source.splits():
        for batch in split.batches(columns):
            assert batch.start == row
            row += batch.rows
            for name, raw in zip(found, batch.columns, strict=True):
                found[name] += raw.to_pylist()
    assert row == source.facts.rows
    return found


def table(tmp_path: Path, text: Any) -> dict[str, tuple[str | None, list[Any]]]:
    source = opened(write(tmp_path / "t.jsonl", text))
    found = cells_of(source)
    return {field.name: (field.type, found[field.name]) for field in source.fields}


def same(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return (math.isnan(one) and math.isnan(two)) or (one == two and math.copysign(1, one) == math.copysign(1, two))
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


RECORDS = [
    {"i": 9007199254740993, "x": 1.5, "s": "é\n\"", "b": True, "o": {"a": 1, "p": {"q": "w"}}, "l": [1, 2]},
    {"i": -(2**63), "x": math.nan, "s": None, "b": None, "o": None, "l": []},
    {"x": math.inf, "i": 2**63 - 1, "o": {"p": None, "z": 2.5}, "l": None},
    {},
    {"x": -0.0, "s": "NA", "b": False, "late": 1},
] * 7  # fmt: skip


def test_types_and_cells(tmp_path):
    found = table(tmp_path, RECORDS)

    types = ["integer", "float", "text", "boolean", "integer", "text", "float", "list<integer>", "integer"]
    names = ["i", "x", "s", "b", "o.a", "o.p.q", "o.z", "l", "late"]
    assert {name: type_ for name, (type_, _) in found.items()} == dict(zip(names, types, strict=True))
    for name, (_, cells) in found.items():
        expected = []
        for record in RECORDS:
            value: Any = record
            for key in name.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            expected.append(value)
        assert all(map(same, cells, expected)), name


def test_a_key_of_the_last_line_is_a_column(tmp_path):
    found = table(tmp_path, [{"x": 1}] * 500 + [{"x": 2, "late": "a"}])
    assert found["late"] == ("text", [None] * 500 + ["a"])
    figures = {
        column["name"]: column for column in json.loads(nanclean.scan(tmp_path / "t.jsonl").to_json())["columns"]
    }
    assert figures["late"]["null"] == 500


@pytest.mark.parametrize(
    ("values", "type_", "cells"),
    [
        ("1 2", "integer", [1, 2]),
        ("1 2.0", "float", [1.0, 2.0]),
        ("1 1e2", "float", [1.0, 100.0]),
        ("18446744073709551615 0", "integer", [2**64 - 1, 0]),
        ("18446744073709551615 -1", "float", [2.0**64, -1.0]),
        ("18446744073709551616 1", "float", [2.0**64, 1.0]),
        ("9007199254740993 null", "integer", [9007199254740993, None]),
        ("1e400 -1e400", "float", [math.inf, -math.inf]),
        ("NaN Infinity -Infinity", "float", [math.nan, math.inf, -math.inf]),
        ('"NaN" "1"', "text", ["NaN", "1"]),
        ('1 "a"', "text", ["1", "a"]),
        ('1.50 true "a" null', "text", ["1.50", "true", "a", None]),
        ('true 1', "text", ["true", "1"]),
        ("true null", "boolean", [True, None]),
        ("null null", "other", [None, None]),
        ("[1] [2.5,null] null []", "list<float>", [[1.0], [2.5, None], None, []]),
        ("[] null", "list<float>", [[], None]),
        ("[[1,2],[3]] [[4]]", "list<integer>", [[[1, 2], [3]], [[4]]]),
        ('["a"] []', "other", [b'["a"]', b"[]"]),
        ('[{"a":1}] 5', "other", [b'[{"a":1}]', b"5"]),
        ("{} null", "other", [b"{}", None]),
        ('{"a":1} 5', "other", [b'{"a":1}', b"5"]),
        ('"2020-01-01 00:00:00" "x"', "text", ["2020-01-01 00:00:00", "x"]),
    ],
)  # fmt: skip
def test_settled_from_the_whole_column(values, type_, cells, tmp_path):
    """Also where all but the last line say something else."""
    each = values.split(" ") if '"2020' not in values else ['"2020-01-01 00:00:00"', '"x"']
    lines = [f'{{"v":{value}}}\n' for value in each]
    lines = lines[:1] * 40 + lines[1:]
    found_type, found = table(tmp_path, "".join(lines))["v"]

    expected = cells[:1] * 40 + cells[1:]
    assert found_type == type_
    without_spaces = [cell.replace(b" ", b"") if isinstance(cell, bytes) else cell for cell in found]
    assert all(map(same, without_spaces, expected)), found


def test_what_is_said_of_it(tmp_path):
    source = opened(write(tmp_path / "t.jsonl", '{"m":1,"x":1e999}\n{"m":"a","x":-1e999}\n'))
    assert source.facts.notes == [
        "m: numbers and text side by side; all of it was read as text.",
        "x: numbers beyond float64 were read as infinite: 2.",
    ]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n \n"])
def test_lines(mark, end, last, tmp_path):
    text = mark + end.join([b'{"x":1}', b"", b'  {"x":2} ', b'{"x":3}']) + last
    source = opened(write(tmp_path / "t.jsonl", text))
    assert cells_of(source) == {"x": [1, 2, 3]}
    assert source.lines([2, 0, 1]) == [4, 1, 3]
    assert source.where([1], 0) == ["line 3"]
    rewritten(tmp_path / "t.jsonl", tmp_path / "u.jsonl")
    assert (tmp_path / "u.jsonl").read_bytes() == text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a":1,"a":2}', "line 31: the key a stands in it twice"),
        ('{"b":{"a":1,"a":2}}', "line 31: the key a stands in it twice"),
        ("[1]", "line 31: is no JSON object but a list"),
        ("5", "line 31: is no JSON object but a number"),
        ("null", "line 31: is no JSON object but null"),
        ('{"a":tru}', "line 31, column 6: is no JSON: expecting value"),
        ('{"a":1} {"a":2}', "line 31, column 9: is no JSON: extra data"),
        ('{"a":1', "line 31, column 7: is no JSON"),
        ('{"a":"x', "line 31, column 6: is no JSON"),
        ('{"a":01}', "line 31, column 7"),
        ("{'a':1}", "line 31, column 2"),
        ('{"a":\n1}', "line 31, column 6"),
        ('{"z":\n{"b":1}}{"c":2}', "line 31, column 6"),
        ('{"a":1}}{', "line 31, column 8"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "line 31: is nested too deeply"),
    ],
)
def test_lines_that_are_no_records(line, words, tmp_path):
    with pytest.raises(InputError) as caught:
        opened(write(tmp_path / "t.jsonl", '{"a":1}\n' * 30 + line + "\n" + '{"a":1}\n' * 5))
    assert words in caught.value.message
    assert caught.value.hint


def test_bytes_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match="line 12: byte 0xff is not UTF-8"):
        opened(write(tmp_path / "t.jsonl", b'{"a":"\xc3\xa9"}\n' * 11 + b'{"a":"\xff"}\n'))
    with pytest.raises(InputError, match="is UTF-16"):
        opened(write(tmp_path / "t.jsonl", '{"a":1}\n'.encode("utf-16")))
    with pytest.raises(InputError, match="is empty"):
        opened(write(tmp_path / "t.jsonl", ""))
    with pytest.raises(InputError, match="has no record"):
        opened(write(tmp_path / "t.jsonl", "\n\n"))
    assert table(tmp_path, '{"a":"\\ud800"}\n') == {"a": ("text", ["?"])}


def test_a_document_is_told_what_it_is(tmp_path):
    pd.DataFrame({"x": [1, 2]}).to_json(tmp_path / "t.json", orient="records")
    with pytest.raises(UsageError, match="one JSON document"):
        opened(tmp_path / "t.json")
    (tmp_path / "t.json").rename(tmp_path / "t.jsonl")
    with pytest.raises(InputError, match="but a list") as caught:
        opened(tmp_path / "t.jsonl")
    assert "read_json" in caught.value.hint


def test_a_line_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(_jsonlines, "BLOCK", 64)
    monkeypatch.setattr(_jsonlines, "LONGEST", 1 << 20)
    long = json.dumps({"a": "x" * 500_000})
    assert len(table(tmp_path, f'{{"a":"y"}}\n{long}\n{{"a":"z"}}\n')["a"][1][1]) == 500_000
    with pytest.raises(InputError, match="line 2 is longer than"):
        opened(write(tmp_path / "t.jsonl", '{"a":"y"}\n{"a":"' + "x" * 5_000_000 + '"}\n'))


def test_a_source_travels(tmp_path):
    source = opened(write(tmp_path / "t.jsonl", RECORDS))
    expected = cells_of(source)["i"]
    splits = pickle.loads(pickle.dumps(list(source.splits())))
    assert [
        cell for split in splits for batch in split.batches([0]) for cell in batch.columns[0].to_pylist()
    ] == expected


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c.d", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["x", "y", "é", "o"]), VALUES, max_size=4), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_any_records(tmp_path_factory, rows):
    """Every value that is there is found again, by the path of its keys; untouched is untouched."""
    path = tmp_path_factory.mktemp("any") / "t.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    source = opened(write(path, text.encode("utf-8", "replace")))
    found = list(cells_of(source).values())

    for column, cells in zip(source.columns, found, strict=True):
        assert len(cells) == len(rows)
        for row, cell in zip(json.loads(f"[{','.join(text.split(chr(10))[:-1])}]"), cells, strict=True):
            value: Any = row
            for key in column.path:
                value = value.get(key) if isinstance(value, dict) else None
            if column.written == "other":
                cell = None if cell is None else json.loads(cell)
            elif column.written == "text" and value is not None and not isinstance(value, str):
                value = json.dumps(value) if not isinstance(value, float) else value
                cell = type(value)(cell)
            elif pa.types.is_floating(column.type) and value is not None:
                value = float(value)
            elif pa.types.is_list(column.type):
                value, cell = json.dumps(value), json.dumps(cell)
                if "float" in str(column.type) or "double" in str(column.type):
                    value, cell = (json.dumps(json.loads(each, parse_int=float)) for each in (value, cell))
            assert same(cell, value), (column, row)
    if not source.fields:
        return
    rewritten(path, path.with_name("u.jsonl"))
    assert path.with_name("u.jsonl").read_bytes() == path.read_bytes()


# --- written again


def parsed(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8-sig").splitlines() if line.strip()]


def test_only_what_has_changed(tmp_path):
    lines = [
        '{"x": 1.50, "s":"a\\u00e9", "o": {"k":1e2 , "j":[1, 2]}}',
        '{"o":{"k":7.0},"x":2.50,"s":null}',
        '{"s":"b","x":0.10}',
        '  {"x":3.0,"new":[{"deep":true}]}  ',
    ] * 3
    path = write(tmp_path / "t.jsonl", "\n".join(lines))
    rewritten(path, tmp_path / "u.jsonl", at([0, 2, 5], ["x"], 9.25), touched=["x"])
    expected = list(lines)
    expected[0] = expected[0].replace("1.50", "9.25")
    expected[2] = expected[2].replace("0.10", "9.25")
    expected[5] = expected[5].replace("2.50", "9.25")
    assert (tmp_path / "u.jsonl").read_text() == "\n".join(expected)

    rewritten(path, tmp_path / "u.jsonl", at([0, 1, 2], ["o.k"], None), touched=["o.k"], keep=lambda r: r != 4)
    expected = list(lines)
    expected[0] = expected[0].replace("1e2", "null")
    expected[1] = expected[1].replace("7.0", "null")
    del expected[4]
    assert (tmp_path / "u.jsonl").read_text() == "\n".join(expected)


EDITS = [
    ({("a",): "7"}, '{"a": 7, "b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}]  }'),
    ({("a",): GONE}, '{"b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}]  }'),
    ({("b", "c"): GONE}, '{"a": 1, "b": {"d": "x}"}, "k\\"":[1,{"q":2}]  }'),
    ({("b", "d"): GONE, ("a",): "null"}, '{"a": null, "b": {"c": 2}, "k\\"":[1,{"q":2}]  }'),
    ({("b",): GONE, ('k"',): GONE}, '{"a": 1  }'),
    ({("new",): "true"}, '{"a": 1, "b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}], "new": true  }'),
    ({("n", "m"): "4", ("n", "o"): "null"},
     '{"a": 1, "b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}], "n": {"m": 4, "o": null}  }'),
    ({("n", "m"): "null"}, '{"a": 1, "b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}]  }'),
    ({("b", "e"): "5"}, '{"a": 1, "b": {"c": 2, "d": "x}", "e": 5}, "k\\"":[1,{"q":2}]  }'),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), EDITS)
def test_edits(changes, expected):
    assert edited('{"a": 1, "b": {"c": 2, "d": "x}"}, "k\\"":[1,{"q":2}]  }', changes) == expected


def test_edits_of_little():
    assert edited("{}", {("a",): "1"}) == '{"a":1}'
    assert edited('{"b":null}', {("b", "c"): "1"}) == '{"b":{"c":1}}'
    assert edited('{"b":null}', {("b", "c"): "null"}) == '{"b":null}'
    assert edited('{"a":1,"b":2}', {("a",): GONE, ("b",): GONE}) == "{}"
    assert edited('{"a":1}', {("a",): GONE, ("b",): "2"}) == '{"b":2}'


KEYS = st.sampled_from(["a", "b", "c\n", 'd"'])


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.dictionaries(KEYS, st.sampled_from([GONE, '"new"']), max_size=4),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,", " : ")]),
)  # fmt: skip
def test_any_edit(record, changes, separators):
    line = json.dumps(record, separators=separators)
    found = json.loads(edited(line, {(key,): text for key, text in changes.items()}))
    expected = {key: "new" if key in changes else value for key, value in record.items() if changes.get(key) != GONE}
    expected |= {key: "new" for key, text in changes.items() if text != GONE}
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_columns_go_and_come(tmp_path):
    path = write(tmp_path / "t.jsonl", [{"x": 1.5, "o": {"a": 1, "b": 2}, "s": "q"}, {"x": None, "o": {"a": 3}}] * 20)
    rules = ["x: missing -> flag", "o.a -> drop_column", "o.b -> drop_column"]
    nanclean.fix(path, rules=rules, output=tmp_path / "u.jsonl", fail_on="never")
    expected = [{"x": 1.5, "s": "q", "x_missing": False}, {"x": None, "x_missing": True}] * 20
    assert parsed(tmp_path / "u.jsonl") == expected


def test_from_other_formats(tmp_path):
    columns = {
        "i": pa.array([1, None, 2**63 - 1]), "u": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "x": pa.array([0.1, math.nan, None]), "f": pa.array([0.1, 3.0, math.inf], pa.float32()),
        "s": pa.array(['q"\\\n', "", None]), "é": pa.array(["a", "b", "c"]).dictionary_encode(),
        "l": pa.array([[1.5, None], [], None]), "b": pa.array([True, False, None]),
        "n": pa.nulls(3), "t": pa.array([0, 86_400_000_000, None], pa.timestamp("us")),
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    rewritten(tmp_path / "t.parquet", tmp_path / "u.jsonl")
    found = parsed(tmp_path / "u.jsonl")
    assert [list(record) for record in found] == [list(columns)] * 3
    for name in ("i", "u", "x", "s", "é", "l", "b", "n"):
        assert all(map(same, [record[name] for record in found], columns[name].to_pylist())), name
    assert [np.float32(record["f"]) for record in found] == columns["f"].to_pylist()
    assert found[1]["t"].startswith("1970-01-02")


def test_what_json_cannot_hold(tmp_path):
    pq.write_table(pa.table({"x": [b"a"]}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="x: binary cannot be written as JSON"):
        rewritten(tmp_path / "t.parquet", tmp_path / "u.jsonl")


def test_pandas_reads_what_was_written(tmp_path):
    frame = pd.DataFrame({"x": [1.5, 2.25, 1e300], "s": ["a", "é", "c"], "i": [1, 2, 3]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    rewritten(tmp_path / "t.csv", tmp_path / "u.jsonl")
    pd.testing.assert_frame_equal(pd.read_json(tmp_path / "u.jsonl", lines=True), frame)

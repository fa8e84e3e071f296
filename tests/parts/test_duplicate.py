"""duplicate: rows that repeat an earlier one, against pandas and polars, in little memory and with bad hashes."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean import duplicates, meaning
from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.errors import OutputError, PolicyError, RecipeError
from nanclean.policy import Policy, preset
from nanclean.recipe import Recipe
from nanclean.rule import builtin_finds
from nanclean.typed import view

R = np.random.default_rng(5)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class Table:
    """Rows of an Arrow table, some at a time; three blocks are a split."""

    def __init__(self, table: pa.Table, batch: int, memory: int = 1 << 30) -> None:
        self.table, self.batch, self.memory = table, batch, memory
        self.columns = tuple(table.column_names)
        self.seen: list[frozenset[int] | None] = []

    def look(self, work: Callable[[Block], Any], only: frozenset[int] | None = None) -> Iterator[tuple[Any, int]]:
        self.seen.append(only)
        for number, at in enumerate(range(0, len(self.table), self.batch)):
            if only is not None and number // 3 not in only:
                continue
            raws = [column.combine_chunks() for column in self.table.slice(at, self.batch).columns]
            held = {name: Held(view(raw), i) for i, (name, raw) in enumerate(zip(self.columns, raws, strict=True))}
            yield work(Block(Batch(at, len(raws[0]), raws), held)), number // 3


def random_table(rows: int, kinds: int) -> pa.Table:
    a = R.integers(0, max(kinds, 1), rows)
    text = [None if i % 5 == 0 else f"{i}é" * (i % 20) + "x" for i in a.tolist()]
    floats = np.where(a % 7 == 0, np.nan, np.where(a % 3 == 0, -0.0, a / 3))
    return pa.table({"a": a, "b": pa.array(text, pa.string()), "c": floats, "d": pa.array(a % 2 == 0)})


def expected(frame: pd.DataFrame) -> list[int]:
    return np.flatnonzero(frame.duplicated(keep="first").to_numpy()).tolist()


def searched(table: pa.Table, batch: int, memory: int = 1 << 30) -> duplicates.Repeated:
    """The search, its answer held against pandas."""
    found = duplicates.search(Table(table, batch, memory))
    frame = table.to_pandas()
    want = expected(frame)
    assert found.between(0, max(len(table) - 1, 0)).tolist() == want
    assert found.count == len(want)
    assert found.rows == len(table)
    hits = found.hits()
    assert (hits.count, hits.rows, list(hits.first)) == (len(want), len(want), want[:5])
    cells = [
        tuple(None if cell is None or cell != cell else cell for cell in row) for row in frame.itertuples(index=False)
    ]
    assert list(hits.values) == [cells.index(cells[row]) for row in hits.first]
    return found


@pytest.mark.parametrize("batch", [1, 3, 64, 10_000])
@pytest.mark.parametrize(("rows", "kinds"), [(0, 1), (1, 1), (2, 1), (50, 1), (300, 40), (300, 100_000)])
def test_it_is_what_pandas_says_however_the_rows_are_cut(rows, kinds, batch):
    searched(random_table(rows, kinds), batch)


@pytest.mark.parametrize("kinds", [1, 3_000, 30_000, 10_000_000])
def test_in_little_memory_the_answer_is_the_same(kinds):
    table = random_table(20_000, kinds)
    small, large = searched(table, 500, memory=1), searched(table, 500)
    assert large.spilled == 0
    assert small.spilled
    assert small.between(5_000, 9_000).tolist() == large.between(5_000, 9_000).tolist()


def test_more_of_one_part_than_memory_holds():
    """All hashes begin alike, so that the parts must be cut again."""
    table = random_table(9_000, 6_000)
    whole = meaning.row_hashes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meaning, "row_hashes", lambda *a: tuple(each >> np.uint64(9) for each in whole(*a)))
        assert searched(table, 250, memory=1).spilled


@pytest.mark.parametrize("bits", [0, 1, 3])
@pytest.mark.parametrize("batch", [1, 30, 10_000])
def test_equal_hashes_alone_are_no_duplicates(monkeypatch, bits, batch):
    whole = meaning.row_hashes
    monkeypatch.setattr(
        meaning, "row_hashes", lambda *a: tuple(each & np.uint64((1 << bits) - 1) for each in whole(*a))
    )
    searched(random_table(400, 150), batch)


def test_only_splits_with_a_doubt_are_read_again():
    a = np.arange(6 << 16)
    a[-1] = 0
    table = Table(pa.table({"a": a}), 1 << 14)
    assert duplicates.search(table).count == 1
    first, again = table.seen
    assert first is None
    assert again is not None
    assert {0, 7} <= again < set(range(8))
    clean = Table(pa.table({"a": np.arange(1_000)}), 100)
    duplicates.search(clean)
    assert clean.seen == [None]


def test_no_room_for_working_data_is_one_clear_error(monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OutputError, match="no space left on device") as caught:
        duplicates.search(Table(random_table(20_000, 10_000_000), 500, memory=1))
    assert caught.value.exit_code == 3
    assert "TMPDIR" in str(caught.value.hint)


def open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    return {os.readlink(each) for each in folder.iterdir() if each.is_symlink()}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_working_data_leaves_no_file_behind(monkeypatch, tmp_path):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = duplicates.search(Table(random_table(20_000, 30_000), 500, memory=1))
    assert found.spilled
    assert list(tmp_path.iterdir()) == []
    handles = open_files()
    assert any(str(tmp_path) in name for name in handles)
    del found
    handles = open_files()
    assert not any(str(tmp_path) in name for name in handles)


# --- what is equal


def rows_of(source: object, rule: str = "@all: duplicate", **options: Any) -> list[int]:
    """The numbers of the rows that are found, from 0."""
    report = nanclean.scan(source, rules=[rule], no_config=True, **options)
    found = [finding for finding in report.findings if finding.rule == "duplicate"]
    if not found:
        return []
    ranges = found[0].ranges
    assert ranges is not None
    rows = [row - 1 for first, last in ranges for row in range(first, last + 1)]
    assert found[0].count == len(rows)
    return rows


def csv(tmp_path: Path, text: str) -> str:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("cells", "want"),
    [
        (["5", "5.0", "05", "5e0", "5.5"], [1, 2, 3]),
        (["NA", "", "NaN", "1", "-0", "0.0"], [1, 2, 5]),
        (["a", "A", "a", " a"], [2]),
        (["NA", "", "x", "nan", "x"], [1, 3, 4]),
        (["1", "2", "3", "4"] * 5 + ["oops", "oops!", "oops"], [*range(4, 20), 22]),
        (["18446744073709551617", "18446744073709551616", "18446744073709551617", "3"], [2]),
        (["9007199254740993", "9007199254740992", "NaN", "nan", "9007199254740993", "9"], [3, 4]),
        (["9007199254740993", "9007199254740992", "inf", "Infinity", "7"], [1, 3]),
        (["true", "True", "false", "TRUE"], [1, 3]),
        (["2020-01-01", "2020-01-02", "2020-01-01"], [2]),
    ],
)
def test_cells_of_text_files_are_equal_by_what_they_mean(tmp_path, cells, want):
    text = "x,y\n" + "".join(f"{cell},1\n" for cell in cells)
    assert rows_of(csv(tmp_path, text)) == want


def test_declared_spellings_are_missing_and_missing_equals_missing(tmp_path):
    path = csv(tmp_path, "x,y\n-999,1\n,1\n5,1\n")
    assert rows_of(path) == []
    assert rows_of(path, missing=["-999"]) == [1]


@pytest.mark.parametrize(
    ("array", "want"),
    [
        (pa.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [], None, [], None, [None], [float("nan")]]), [1, 5, 6, 8]),
        (pa.array([[[1], [2]], [[1, 2]], [[1], [2]], [[], [1, 2]], [[1, 2], []], [[1, 2]]]), [2, 5]),
        (pa.array([{"a": 1}, {"a": None}, {"a": 1}, {"a": 2}, None]), [2, 4]),
        (pa.array([[("k", 1)], [("k", 2)], [("k", 1)], None], pa.map_(pa.string(), pa.int64())), [2]),
        (pa.array([b"a", b"b", b"a"]), [2]),
        (pa.array(["long" * 40, "long" * 40 + "x", "long" * 40]), [2]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), [2]),
        (pa.array([2**64 - 1, 2**63, 2**64 - 1], pa.uint64()), [2]),
        (pa.array([0, 86_400, 0], pa.timestamp("s")), [2]),
        (pa.array([True, False, True, None, None]), [2, 4]),
    ],
    ids=lambda case: str(case.type) if isinstance(case, pa.Array) else "",
)
def test_cells_of_any_type_can_be_compared(tmp_path, array, want):
    pq.write_table(pa.table({"x": array, "y": pa.array([1] * len(array))}), tmp_path / "t.parquet")
    assert rows_of(str(tmp_path / "t.parquet")) == want


def test_arrays_and_complex_numbers():
    nan = float("nan")
    assert rows_of(np.array([[1, nan], [1, nan], [1, 2], [-0.0, 1], [0.0, 1]])) == [1, 4]
    assert rows_of(np.array([1 + 2j, 2 + 1j, 1 + 2j, complex(nan, 0), complex(0, nan)])) == [2, 4]
    assert rows_of(np.array([[[1, 2], [3, 4]], [[1, 2], [3, 5]], [[1, 2], [3, 4]]], np.int16)) == [2]


CELLS = {
    "integer": st.integers(-3, 3) | st.just(2**53 + 1),
    "float": st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 1e300]),
    "text": st.sampled_from(["a", "b", "a b", 'quote"', "é", "comma,"]),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_in_any_format_says_what_pandas_and_polars_say(tmp_path_factory, data):
    rows = data.draw(st.integers(1, 25))
    types = data.draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3))
    frame = pd.DataFrame(
        {f"c{i}": data.draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)) for i, kind in enumerate(types)}
    )
    by = data.draw(st.lists(st.sampled_from(list(frame.columns)), min_size=1, unique=True))
    want = expected(frame[by])
    folder = tmp_path_factory.mktemp("tables")
    rule = f"{', '.join(by)}: duplicate"
    frame.to_parquet(folder / "t.parquet")
    frame.to_csv(folder / "t.csv", index=False)
    pl.from_pandas(frame).write_parquet(folder / "p.parquet")
    kept = [name for name, kind in zip(frame.columns, types, strict=True) if kind != "text"]
    for path in ("t.parquet", "t.csv", "p.parquet"):
        assert rows_of(str(folder / path), rule) == want, path
    assert rows_of(frame, rule) == want
    if set(by) <= set(kept):
        np.save(folder / "t.npy", frame[kept].to_numpy(np.float64))
        numbers = pd.DataFrame(frame[kept].to_numpy(np.float64), columns=kept)
        names = ", ".join(f"c{kept.index(name)}" for name in by)
        assert rows_of(str(folder / "t.npy"), f"{names}: duplicate") == expected(numbers[by])
    twins = pl.from_pandas(frame[by]).fill_nan(None).is_duplicated().to_numpy()  # those that are repeated as well
    cells = [tuple(None if c != c else c for c in row) for row in frame[by].itertuples(index=False)]
    assert {cells[row] for row in want} == {cells[row] for row in np.flatnonzero(twins)}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the data pack")
@pytest.mark.parametrize(
    "name", ["diamonds.csv", "mpg.csv", "births.csv", "weather.csv", "nonvoters.csv", "flights_q1.parquet"]
)
def test_real_tables(name):
    path = DATA / name
    frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    for by in (list(frame.columns), list(frame.columns[:2]), list(frame.columns[1:6])):
        rule = f"{', '.join(map(repr, by))}: duplicate"
        report = nanclean.check(path, rules=[rule], no_config=True)
        got = [finding for finding in report.findings if finding.rule == "duplicate"]
        want = expected(frame[by])
        assert [finding.count for finding in got] == ([len(want)] if want else [])
        if want:
            assert got[0].rows == [row + 1 for row in want[:5]]


# --- the rule


def people(tmp_path: Path) -> str:
    return csv(tmp_path, "id,name,age\n1,Ann,30\n2,Bob,40\n3,Ann,30\n4,Ann,30.0\n5,Bob,\n")


def test_what_is_told(tmp_path):
    report = nanclean.scan(people(tmp_path), rules=["@all except id: duplicate <= 10%"], no_config=True)
    (finding,) = [each for each in report.findings if each.rule == "duplicate"]
    assert (finding.severity, finding.column, finding.count, finding.of, finding.share) == ("error", None, 2, 5, 0.4)
    assert (finding.rows, finding.lines, finding.where) == ([3, 4], [4, 5], ["line 4", "line 5"])
    assert finding.message == "2 rows repeat an earlier row: line 4 is line 2 and line 5 is line 2"
    assert finding.hint == "@all except id: duplicate -> drop"
    assert report.exit_code == 0
    allowed = nanclean.check(people(tmp_path), rules=["@all except id: duplicate <= 40%"], no_config=True)
    assert [(f.severity, f.count) for f in allowed.findings if f.rule == "duplicate"] == [("info", 2)]


def test_ragged_records_are_no_rows_to_compare(tmp_path):
    path = csv(tmp_path, "a,b\n1,2\n1\n1\n1,2\n")
    report = nanclean.scan(path, rules=["@all: duplicate"], no_config=True)
    (finding,) = [each for each in report.findings if each.rule == "duplicate"]
    assert (finding.count, finding.of, finding.lines) == (1, 2, [5])


def test_it_is_on_only_where_a_rule_asks_for_it():
    assert "duplicate" not in {find.name for find in builtin_finds()}
    assert "duplicate" not in str(preset("safe", Policy(label=("y",))).rules)
    assert not [f for f in nanclean.scan({"a": np.zeros(9)}).findings if f.rule == "duplicate"]


def test_columns_that_are_not_read_are_not_compared():
    table = {"a": np.array([1, 1]), "b": np.array([1, 2])}
    assert rows_of(table) == []
    assert rows_of(table, columns="a") == [1]
    assert rows_of(table, "b: duplicate", columns="a") == []


@pytest.mark.parametrize("fix", ["blank", "fill(0)", "flag", "drop_column"])
def test_only_dropping_goes_with_it(fix):
    with pytest.raises(PolicyError):
        nanclean.fix({"a": np.array([1.0, 1.0])}, rules=[f"@all: duplicate -> {fix}"])


@pytest.mark.parametrize("memory", [1, 1 << 30])
@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_fix_is_what_pandas_makes_of_the_same_steps(tmp_path, suffix, jobs, memory):
    frame = random_table(3_000, 800).to_pandas()
    frame["e"] = R.integers(0, 2, len(frame)) * 1000
    path, out = tmp_path / f"t.{suffix}", tmp_path / f"o.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    rules = ["e: range(0, 10) -> blank", "e: missing -> impute(median)", "@all: duplicate -> drop"]
    report = nanclean.fix(str(path), str(out), rules=rules, no_config=True, jobs=jobs, memory=memory)
    want = frame.assign(e=0.0).drop_duplicates()
    got = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert report.output is not None
    assert len(got) == len(want) == report.output.rows
    pd.testing.assert_frame_equal(got[["a", "c"]].reset_index(drop=True), want[["a", "c"]].reset_index(drop=True))
    change = next(change for change in report.changes if "duplicate" in change.rule)
    assert (change.column, change.rows, change.found) == (None, len(frame) - len(want), len(frame) - len(want))


def test_rows_are_seen_as_the_rules_above_left_them():
    table = {"a": np.array([1.0, 2.0, 900.0, 800.0, 1.0]), "b": np.array([1, 1, 2, 2, 1])}
    report = nanclean.fix(table, rules=["a: range(0, 10) -> blank", "@all: duplicate -> drop"])
    assert [change.rows for change in report.changes if "duplicate" in change.rule] == [2]
    report = nanclean.fix(table, rules=["@all: duplicate -> drop", "a: range(0, 10) -> blank"])
    assert [change.rows for change in report.changes if "duplicate" in change.rule] == [1]
    report = nanclean.fix(table, rules=["b: range(2, 9) -> drop", "b: duplicate -> drop"])
    assert report.output is not None
    assert (report.output.rows, report.output.rejected) == (1, 4)


def test_two_of_them_and_one_that_only_counts():
    table = {"a": np.array([1, 1, 1, 2]), "b": np.array([1, 1, 2, 3])}
    rules = ["a: duplicate <= 90%", "@all: duplicate -> drop", "a: duplicate <= 1", "a: duplicate -> drop"]
    report = nanclean.fix(table, rules=rules, fail_on="never")
    assert [change.rows for change in report.changes] == [1, 1]
    assert [(f.rule_text, f.count, f.of) for f in report.findings if f.rule == "duplicate"] == [
        ("a: duplicate <= 90%", 2, 4),
        ("a: duplicate <= 1", 1, 3),
    ]


def test_a_limit_holds_whatever_the_fix_does():
    report = nanclean.fix({"a": np.array([1, 1, 1])}, rules=["@all: duplicate <= 50% -> drop"])
    assert report.exit_code == 1
    assert [(f.severity, f.count, f.of) for f in report.findings if f.rule == "duplicate"] == [("error", 2, 3)]


def test_rules_below_learn_from_the_rows_that_are_left():
    table = {"a": np.array([1.0, 1.0, 1.0, 5.0, np.nan])}
    recipe = nanclean.fit(table, rules=["a: duplicate -> drop", "a: missing -> impute(mean)"])
    assert [step.fix.value for step in recipe.steps if hasattr(step.fix, "value")] == [3.0]


def test_columns_that_were_taken_out_are_not_compared():
    table = {"a": np.full(3, np.nan), "b": np.array([1, 1, 2])}
    report = nanclean.fix(table, rules=["a: missing -> drop_column", "@all: duplicate -> drop"])
    assert report.output is not None
    assert (report.output.rows, report.output.columns) == (2, ["b"])
    report = nanclean.fix(table, rules=["a: missing -> drop_column", "a: duplicate -> drop"])
    assert report.output is not None
    assert report.output.rejected == 0


def test_the_rejected_rows_say_why(tmp_path):
    nanclean.fix(people(tmp_path), tmp_path / "o.csv", rules=["@all except id: duplicate -> drop"], no_config=True)
    assert (tmp_path / "o.rejected.csv").read_text() == (
        "id,name,age,_row,_rule,_column,_value,_reason\n"
        "3,Ann,30,3,@all except id: duplicate -> drop,,,duplicate\n"
        "4,Ann,30.0,4,@all except id: duplicate -> drop,,,duplicate\n"
    )


def test_a_recipe_looks_for_duplicates_within_the_new_table(tmp_path):
    recipe = nanclean.fit(people(tmp_path), rules=["name, age: duplicate -> drop"], no_config=True)
    assert [step.marked for step in Recipe.from_json(recipe.to_json()).steps] == [None]
    recipe = Recipe.from_json(recipe.to_json())
    frame = pd.DataFrame({"age": [1.0, 30.0, 1.0, 1.0], "id": [7, 8, 9, 10], "name": ["Ann", "Ann", "Bob", "Ann"]})
    want = frame.drop_duplicates(["age", "name"])
    pd.testing.assert_frame_equal(recipe.apply(frame), want)
    frame.to_csv(tmp_path / "n.csv", index=False)
    report = nanclean.apply(recipe, tmp_path / "n.csv", tmp_path / "o.csv")
    assert report.output is not None
    assert report.output.rejected == 1
    assert pd.read_csv(tmp_path / "o.csv").id.tolist() == want.id.tolist()
    assert recipe.apply(frame.iloc[:0]).empty


def test_the_label_may_be_left_out(tmp_path):
    frame = pd.DataFrame({"y": [1, 2, 1], "x": [5, 5, 5], "z": [5, 6, 6]})
    recipe = nanclean.fit(frame, rules=["@all: duplicate -> drop"], label="y")
    assert len(recipe.apply(frame)) == 3
    assert recipe.apply(frame.drop(columns="y")).z.tolist() == [5, 6]
    assert nanclean.apply(recipe, frame.drop(columns="y")).output.rows == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("by", [None, [], ["nowhere"]])
def test_a_recipe_that_was_edited_is_refused(by):
    recipe = nanclean.fit({"a": np.array([1, 1])}, rules=["@all: duplicate -> drop"])
    data = json.loads(recipe.to_json())
    data["steps"][0]["find"]["by"] = by
    with pytest.raises(RecipeError, match="columns that are not there"):
        Recipe.from_json(json.dumps(data))


def test_explain_names_the_rule_that_drops_a_row(tmp_path):
    from nanclean.api import explain

    path, rules = people(tmp_path), ["@all except id: duplicate -> drop"]
    assert explain(path, row=1, rules=rules, no_config=True).dropped is None
    assert explain(path, row=3, rules=rules, no_config=True).dropped == rules[0]


def test_an_order_is_kept_where_a_rule_above_looks_at_neighbours():
    table = {"a": np.array([1.0, np.nan, 2.0, np.nan]), "b": np.array([1, 1, 1, 1])}
    for jobs in (1, 3):
        report = nanclean.fix(table, rules=["a: missing -> impute(ffill)", "@all: duplicate -> drop"], jobs=jobs)
        assert report.output is not None
        assert report.output.rows == 2


def test_equal_hashes_of_text_alone_are_no_duplicates(monkeypatch):
    monkeypatch.setattr(meaning, "hashes", lambda raw: np.zeros(len(raw), np.uint64))
    for batch in (1, 30, 1_000):
        searched(random_table(300, 90).select(["b"]), batch)
        lists = pa.array([[float(i % 7), float(i % 2)] if i % 11 else None for i in range(200)])
        found = duplicates.search(Table(pa.table({"x": lists}), batch))
        kinds = [str(cell) for cell in lists.to_pylist()]
        assert found.between(0, 199).tolist() == [i for i in range(200) if kinds[i] in kinds[:i]]

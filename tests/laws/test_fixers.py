"""What must hold for every fixer, whatever it does."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanclean import registry
from nanclean.block import Block
from nanclean.column import Column, Numbers, Values
from nanclean.detector import EVERYTHING, manual
from nanclean.errors import NancleanError, PolicyError
from nanclean.fixer import Fixed, Fixer
from nanclean.part import from_json, from_text, member
from nanclean.tokens import Words
from tests.blocks import Rule, Source, aimed, cells, csv, fitted, npy, parquet

NAMES = registry.names("fixers")
KINDS: dict[str, type[Fixer]] = {name: member("fixers", name) for name in NAMES}  # type: ignore[misc]
MORE = {
    "impute": ["impute(mean)", "impute(mode)", "impute(ffill)", "impute(median, by=g)", "impute(ffill, by=g)"],
    "fill": ["fill(3)", "fill('word')", "fill(True)", "fill('2024-12-31')"],
    "clip": ["clip", "clip(-2, 3)"],
    "normalize": ["normalize(minmax)", "normalize(robust)", "normalize(maxabs)"],
    "cast": ["cast(float64)", "cast(float16)", "cast(int64)", "cast(uint8)"],
}
VARIANTS = [text for name in NAMES for text in [KINDS[name].example, *MORE.get(name, [])]]
FINDS = ["missing", "infinite", "range(-50, 50)", "iqr(1)", "unparsable", "all_missing", "constant"]
PAYLOAD = np.array([0x7FF800000000BEEF], np.uint64).view(np.float64)[0]
WORDS = Words(declared=frozenset({"-999"}))
R = np.random.default_rng(11)


def arrow(values: Any, type_: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, type_, from_pandas=False)


GROUPS = ["a", "b", None, "a", "b", "a", "c", "c", "b", "a"]
FLOATS = np.array([1.5, PAYLOAD, -0.0, np.inf, 7, -999, 2, 2, 1e4, -np.inf])
SOURCES: dict[str, Source] = {
    "float64": parquet(arrow([*FLOATS[:4], None, *FLOATS[5:]], pa.float64()), WORDS, g=arrow(GROUPS)),
    "float32": parquet(arrow(FLOATS.astype(np.float32)), g=arrow(GROUPS)),
    "whole float32": parquet(arrow(np.arange(10, dtype=np.float32)), g=arrow(GROUPS)),
    "int64": parquet(arrow([1, None, 3, 2**60, -70, 5, 5, None, 8, 9], pa.int64()), g=arrow(GROUPS)),
    "uint8": parquet(arrow([1, 2, 3, 200, None, 5, 5, None, 8, 9], pa.uint8()), WORDS, g=arrow(GROUPS)),
    "clean int32": parquet(arrow([1, 2, 3, 4, 5, 5, 6, 7, 8, 9], pa.int32()), g=arrow(GROUPS)),
    "clean": parquet(arrow(R.normal(20, 5, 10)), g=arrow(GROUPS)),
    "constant": parquet(arrow([7.0] * 10), g=arrow(GROUPS)),
    "one": parquet(arrow([3.0]), g=arrow(["a"])),
    "all null": parquet(arrow([None] * 10, pa.float64()), g=arrow(GROUPS)),
    "no rows": parquet(arrow([], pa.float64()), g=arrow([], pa.string())),
    "words": parquet(arrow(["x", "y", None, "NA", "", "y", "z", "y", "-999", "x"]), WORDS, g=arrow(GROUPS)),
    "booleans": parquet(arrow([True, None, False, True, None, True, True, False, None, True]), g=arrow(GROUPS)),
    "days": parquet(arrow([1, None, 3, 3, 5, None, 7, 8, 9, 10], pa.date32()), g=arrow(GROUPS)),
    "lists": parquet(
        arrow([[1.0, PAYLOAD], [], [None, -0.0], [9.0], None, [np.inf], [3.0], [3.0], [5.0], [70.0]]), g=arrow(GROUPS)
    ),
    "clean lists": parquet(arrow([[i, i + 1] for i in range(10)], pa.list_(pa.int16())), g=arrow(GROUPS)),
    "bytes": parquet(arrow([b"a", None, b"c", b"d", None, b"f", b"g", b"h", b"i", b"j"]), g=arrow(GROUPS)),
    "numbers as text": csv(
        "float", ["1.50", "", "NA", "?", "-999", "x1", "1e400", "-inf", "007", "+3"], WORDS, g=GROUPS
    ),
    "integers as text": csv("integer", ["1", "", "NA", "?", "-999", "5", "6", "6", "007", "80"], WORDS, g=GROUPS),
    "clean text": csv("float", ["1.5", "2", "3", "4", "5", "5.25", "6", "6", "7", "8"], g=GROUPS),
    "words as text": csv("text", ["x", "", "NA", "y", "-999", "y", "null", "z", "?", "x"], WORDS, g=GROUPS),
    "booleans as text": csv(
        "boolean", ["true", "", "NA", "False", "true", "TRUE", "", "oops", "true", "false"], g=GROUPS
    ),
    "days as text": csv(
        "time", ["2020-01-01", "", "NA", "2020/01/02", *["2020-01-03"] * 3, "x", "2021-01-01", ""], g=GROUPS
    ),
    "array": npy(FLOATS, WORDS, g=np.array(["a", "b"] * 5)),
    "float16 array": npy(np.array([1, 2, np.nan, np.inf, 5, 6, 7, 8, 9, 60], np.float16)),
    "integer array": npy(np.arange(10, dtype=np.int32) - 70),
    "image": npy(np.array([[1.0, np.nan], [2, 3], [4, 5], [np.inf, 6], [7, 8], [90, 1]])),
    "complex array": npy(np.array([1, complex("nan"), 3j, complex("inf"), 5], np.complex64)),
    "boolean array": npy(np.array([True, False, True])),
}  # fmt: skip


def cases() -> list[tuple[str, str | None, str]]:
    """Every fixer with every find on every column, as far as a policy lets it."""
    found: list[tuple[str, str | None, str]] = []
    for text in VARIANTS:
        fix = from_text(text, "fixers")
        assert isinstance(fix, Fixer)
        finds: list[str | None] = [None] if fix.whole else [*FINDS, *([None] if fix.optional else [])]
        for of, source in SOURCES.items():
            for find in finds:
                type_ = source.block(0, 0).columns["x"].view.type
                if type_ not in fix.applies or (find and type_ not in from_text(find, "detectors").applies):  # type: ignore[attr-defined]
                    continue
                try:
                    aimed(source, text, find)
                except PolicyError:
                    continue
                found.append((text, find, of))
    return found


CASES = cases()


def test_every_fixer_is_tried_on_many_columns():
    for text in VARIANTS:
        assert sum(case[0] == text for case in CASES) >= 2, text


class Refused(Exception):
    """There is nothing to learn from, or a cell that it cannot deal with: what is said then, the parts test."""


@cache
def rule_of(text: str, find: str | None, of: str) -> Rule:
    """Fitted. Nothing in it changes but what it carries."""
    try:
        return fitted(SOURCES[of], text, find)
    except NancleanError as error:
        raise Refused from error


def fixed_of(rule: Rule, block: Block) -> Fixed:
    try:
        return rule.fixed(block)
    except NancleanError as error:
        raise Refused from error


def bits(column: Column) -> list[Any]:
    """Each cell by its bits: NaN payloads, -0.0 and the kinds of absence kept apart."""
    absent = np.zeros(column.cells, bool) if column.absent is None else column.absent
    garbage = np.zeros(column.cells, bool) if column.unparsable is None else column.unparsable
    if isinstance(column, Numbers):
        values: list[Any] = [value.tobytes() for value in column.values]
    else:
        assert isinstance(column, Values)
        assert column.array is not None
        array = column.array
        values = [v.tobytes() for v in array] if isinstance(array, np.ndarray) else array.to_pylist()
    return [
        ("garbage" if wrong else "absent") if gone else value
        for value, gone, wrong in zip(values, absent, garbage, strict=True)
    ]


def kind_of(column: Column) -> tuple[Any, ...]:
    """What the type of the output is made of."""
    if isinstance(column, Numbers):
        return type(column), column.type, column.values.dtype
    assert isinstance(column, Values)
    inner = column.array.dtype if isinstance(column.array, np.ndarray) else column.array.type  # type: ignore[union-attr]
    return type(column), column.type, inner


@pytest.mark.parametrize("name", NAMES)
class TestEveryFixer:
    def test_it_has_a_manual(self, name):
        told = manual(KINDS[name])
        assert KINDS[name].__dict__["__doc__"]
        headings = ["\nChanges data: ", "\nWhy it matters: ", "\nBeware: ", "\nTwice: "]
        places = [told.index(heading) for heading in headings]
        assert places == sorted(places)
        assert re.match(r"[A-Z][^\n]*", told)
        assert re.search(r"\nTwice: (nothing more changes\.|not the same as once: )", told)

    def test_it_is_named_after_its_module(self, name):
        assert KINDS[name].name == name == KINDS[name].__module__.rpartition(".")[2]
        assert registry.module("fixers", name).__doc__

    def test_it_declares_what_it_is(self, name):
        kind = KINDS[name]
        assert frozenset() < kind.applies <= EVERYTHING
        assert not (kind.whole and kind.optional)
        assert not (kind.drops and kind.changes), "dropping a row does not touch a protected column"

    def test_it_is_frozen(self, name):
        fix = from_text(KINDS[name].example, "fixers")
        for each in dataclasses.fields(fix):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(fix, each.name, 1)
        assert hash(fix) == hash(from_text(KINDS[name].example, "fixers"))

    def test_json_with_a_foreign_key_is_refused(self, name):
        with pytest.raises(PolicyError, match="there is no 'colour'"):
            from_json({**from_text(KINDS[name].example, "fixers").to_json(), "colour": 1}, "fixers")

    def test_an_unknown_argument_is_refused(self, name):
        with pytest.raises(PolicyError, match="has no argument 'colour'"):
            from_text(f"{name}(colour=1)", "fixers")


@pytest.mark.parametrize("text", VARIANTS)
def test_it_is_written_in_one_way(text):
    fix = from_text(text, "fixers")
    assert from_text(str(fix), "fixers") == fix
    assert str(from_text(str(fix), "fixers")) == str(fix)


def fitted_it_survives_json_and_pickle(text, find, of):
    plain = from_text(text, "fixers")
    rule = rule_of(text, find, of).fresh()
    told = json.loads(json.dumps(rule.fix.to_json(), allow_nan=False))
    assert from_json(told, "fixers") == rule.fix
    assert repr(from_json(told, "fixers")) == repr(rule.fix), "1 and 1.0 are equal"
    assert pickle.loads(pickle.dumps(rule.fix)) == rule.fix
    assert plain == from_text(text, "fixers"), "fitting leaves the original alone"
    assert "\n" not in rule.fix.told()
    assert len(rule.fix.told()) < 100


def good_cells_come_back_bit_for_bit(text, find, of):
    block = SOURCES[of].block()
    rule = rule_of(text, find, of).fresh()
    bad, fixed, before = rule.bad(block), fixed_of(rule, block), block.columns["x"].view
    if fixed.column is None:
        assert fixed.changed is None
        return
    changed = np.zeros(before.cells, bool) if fixed.changed is None else fixed.changed
    assert changed.dtype == bool
    assert not (changed & ~bad.cells).any()
    kept = np.flatnonzero(~changed)
    if kind_of(before) == kind_of(fixed.column):
        was, now = bits(before), bits(fixed.column)
        assert [was[i] for i in kept] == [now[i] for i in kept]
        assert all(was[i] != now[i] for i in np.flatnonzero(changed)) or text.startswith(("blank", "impute"))
    else:
        was, now = cells(before), cells(fixed.column)
        assert all(was[i] == now[i] or (was[i] != was[i] and now[i] != now[i]) for i in kept)


def what_it_answers_has_the_shape_of_the_block(text, find, of):
    block = SOURCES[of].block()
    fixed = fixed_of(rule_of(text, find, of).fresh(), block)
    before = block.columns["x"].view
    for column in (fixed.column, *fixed.added.values()):
        if column is not None:
            assert column.rows == block.rows
    if fixed.column is not None and fixed.column is not before:
        assert fixed.column.cells == before.cells
        np.testing.assert_array_equal(fixed.column.owner, before.owner)
        assert fixed.column.null == sum(each == "absent" for each in bits(fixed.column))
    if fixed.keep is not None:
        assert fixed.keep.shape == (block.rows,)
        assert fixed.keep.dtype == bool


def any_batching_gives_the_same_answer(text, find, of):
    source = SOURCES[of]
    rule = rule_of(text, find, of).fresh()
    whole = fixed_of(rule.fresh(), source.block())
    for cuts in ([1], [3, 7], list(range(source.rows)), [0, 0, source.rows]):
        again, changed, keep, after = rule.fresh(), [], [], []
        for block in source.blocks(cuts):
            fixed, before = again.fixed(block), block.columns["x"].view
            changed += [False] * before.cells if fixed.changed is None else fixed.changed.tolist()
            keep += [True] * block.rows if fixed.keep is None else fixed.keep.tolist()
            after += bits(fixed.column if fixed.column is not None else before)
            assert fixed.gone == whole.gone
            assert fixed.added.keys() == whole.added.keys()
        before = source.block().columns["x"].view
        assert after == bits(whole.column if whole.column is not None else before)
        assert changed == ([False] * before.cells if whole.changed is None else whole.changed.tolist())
        assert keep == ([True] * source.rows if whole.keep is None else whole.keep.tolist())


def no_rows_and_no_fit_tell_the_types(text, find, of):
    source = SOURCES[of]
    empty = source.block(0, 0)
    early = aimed(source, text, find).fixed(empty)
    rule = rule_of(text, find, of).fresh()
    late, full = rule.fixed(empty), fixed_of(rule, source.block())
    for fixed, block in ((early, empty), (late, empty), (full, source.block())):
        assert kind_of(fixed.column or block.columns["x"].view) == kind_of(early.column or empty.columns["x"].view)
        assert {name: kind_of(column) for name, column in fixed.added.items()} == {
            name: kind_of(column) for name, column in early.added.items()
        }


def the_find_finds_nothing_afterwards(text, find, of):
    source = SOURCES[of]
    rule = rule_of(text, find, of).fresh()
    fixed_of(rule.fresh(), source.block())
    after = rule.after(source.block())
    view = after.columns["x"].view
    if rule.fix.cures and rule.find is not None and not rule.fixed(source.block()).gone:
        assert not rule.bad(after).cells.any()
    assert rule.fix.proven(view) is None


def the_input_is_never_written_to(text, find, of):
    source = SOURCES[of]
    rule = rule_of(text, find, of).fresh()
    block = source.block()
    before = {name: bits(held.view) for name, held in block.columns.items()}
    raws = [raw.tobytes() if isinstance(raw, np.ndarray) else raw.to_pylist() for raw in block.batch.columns]
    for held in block.columns.values():
        for name in ("values", "absent", "unparsable", "array"):
            array = getattr(held.view, name, None)
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
    bad = rule.bad(block)
    kept = bad.cells.copy()
    bad.cells.setflags(write=False)
    try:
        rule.fix.fix("x", block, bad, {})
    except NancleanError as error:
        raise Refused from error
    np.testing.assert_array_equal(bad.cells, kept)
    assert repr({name: bits(held.view) for name, held in block.columns.items()}) == repr(before)
    again = [raw.tobytes() if isinstance(raw, np.ndarray) else raw.to_pylist() for raw in block.batch.columns]
    assert repr(again) == repr(raws)


def it_does_to_some_rows_what_it_does_to_all(text, find, of):
    source = SOURCES[of]
    rule = rule_of(text, find, of).fresh()
    if rule.fix.ordered:
        return
    keep = np.arange(source.rows) % 3 != 1
    whole = fixed_of(rule, source.block())
    some = rule.fixed(source.block().where(keep))
    before = source.block()
    column = before.columns["x"].view if whole.column is None else whole.column
    part = before.where(keep).columns["x"].view if some.column is None else some.column
    own = keep if column.owner is None else keep[column.owner]
    assert [each for each, kept in zip(bits(column), own, strict=True) if kept] == bits(part)
    if whole.keep is not None:
        np.testing.assert_array_equal(some.keep, whole.keep[keep])


def twice_is_what_the_manual_says(text, find, of):
    source = SOURCES[of]
    rule = rule_of(text, find, of).fresh()
    fixed_of(rule.fresh(), source.block())
    if "Twice: nothing more changes" not in manual(type(rule.fix)):
        return
    again = written(source, rule.after(source.block()))
    fixed = rule.fresh().fixed(again.block())
    assert fixed.changed is None or not fixed.changed.any()
    assert fixed.keep is None or fixed.keep.all()
    assert not fixed.gone


LAWS = [
    fitted_it_survives_json_and_pickle,
    good_cells_come_back_bit_for_bit,
    what_it_answers_has_the_shape_of_the_block,
    any_batching_gives_the_same_answer,
    no_rows_and_no_fit_tell_the_types,
    the_find_finds_nothing_afterwards,
    the_input_is_never_written_to,
    it_does_to_some_rows_what_it_does_to_all,
    twice_is_what_the_manual_says,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("text", VARIANTS)
def test_the_law_holds(text, law):
    judged = 0
    for _, find, of in (case for case in CASES if case[0] == text):
        try:
            law(text, find, of)
        except Refused:
            continue
        except Exception as error:
            error.add_note(f"{of}: {find} -> {text}")
            raise
        judged += 1
    assert judged


def written(source: Source, block: Block) -> Source:
    """What a file with these rows holds, as its format would read it again."""
    raws: dict[str, Any] = {}
    for name, held in block.columns.items():
        raw, column = block.raw(name), held.view
        absent = np.zeros(column.cells, bool) if column.absent is None else column.absent
        if column.owner is not None:
            raws[name] = _written_lists(raw, column, absent)
        elif source.format == "csv":
            changed = np.zeros(column.cells, bool) if held.changed is None else held.changed
            texts = [
                old if not new else None if gone else str(value).lower() if value in (True, False) else str(value)
                for old, new, gone, value in zip(raw.to_pylist(), changed, absent, cells(column), strict=True)
            ]
            raws[name] = pa.array(texts, pa.string())
        elif isinstance(raw, np.ndarray):
            raws[name] = _written_array(column, absent)
        elif isinstance(column, Numbers):
            raws[name] = pa.array(column.values, mask=absent, from_pandas=False)
        else:
            raws[name] = column.array
    return Source(source.format, raws, source.types, source.words)


def _written_array(column: Column, absent: np.ndarray) -> np.ndarray:
    if isinstance(column, Numbers):
        return np.where(absent, np.nan, column.values).astype(column.values.dtype) if absent.any() else column.values
    assert isinstance(column, Values)
    return column.array if isinstance(column.array, np.ndarray) else np.array(column.array.to_pylist())  # type: ignore[union-attr]


def _written_lists(raw: Any, column: Column, absent: np.ndarray) -> Any:
    assert isinstance(column, Numbers)
    if isinstance(raw, np.ndarray):
        return _written_array(column, absent).reshape(raw.shape)
    assert column.owner is not None
    rows: list[Any] = [[] for _ in range(column.rows)]
    for owner, gone, value in zip(column.owner, absent, column.values, strict=True):
        rows[owner].append(None if gone else value)
    null = column.empty_rows if column.empty_rows is not None else np.zeros(column.rows, bool)
    type_ = pa.list_(pa.from_numpy_dtype(column.values.dtype))
    return pa.array([None if gone else row for gone, row in zip(null, rows, strict=True)], type_)


NUMBER = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 0.0, -999.0, 1e300, 5e-324, PAYLOAD])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(NUMBER, st.booleans(), st.sampled_from("abc")), max_size=30),
    st.sampled_from(["parquet", "npy", "csv"]),
    st.sampled_from([text for text in VARIANTS if text not in ("fill('word')", "fill(True)", "fill('2024-12-31')")]),
    st.sampled_from(FINDS),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_the_laws_hold_for_any_floats(rows, format, text, find, cuts):
    values = [None if null and format != "npy" else value for value, null, _ in rows]
    groups = [group for _, _, group in rows]
    if format == "csv":
        source = csv("float", [None if value is None else repr(float(value)) for value in values], WORDS, g=groups)
    elif format == "parquet":
        source = parquet(pa.array(values, pa.float64(), from_pandas=False), WORDS, g=pa.array(groups, pa.string()))
    else:
        source = npy(np.array(values, float), WORDS, g=np.array(groups, dtype="U1"))
    fix = from_text(text, "fixers")
    assert isinstance(fix, Fixer)
    try:
        rule = fitted(source, text, None if fix.whole else find)
        fixed = rule.fresh().fixed(source.block())
    except NancleanError as error:
        told = error
    else:
        told = None
    if told is not None:
        assert told.hint
        assert told.exit_code in (2, 4)
        return
    block = source.block()
    before, bad = block.columns["x"].view, rule.bad(block)
    column = before if fixed.column is None else fixed.column
    assert fixed.changed is None or not (fixed.changed & ~bad.cells).any()
    if kind_of(before) == kind_of(column):
        untouched = np.flatnonzero(~bad.cells)
        was, now = bits(before), bits(column)
        assert [was[i] for i in untouched] == [now[i] for i in untouched]
    after = rule.fresh().after(block)
    if rule.fix.cures and not fixed.gone:
        assert rule.find is None or not rule.bad(after).cells.any()
    assert rule.fix.proven(column) is None
    pieces, again = [], rule.fresh()
    for piece in source.blocks(min(cut, source.rows) for cut in cuts):
        answer = again.fixed(piece)
        pieces += bits(answer.column or piece.columns["x"].view)
    assert pieces == bits(column)


def test_nothing_heavy_is_imported():
    program = """
import sys
import numpy as np, pyarrow as pa
from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.cells import packed, strings
from nanclean.fixer import Aim, Bad
from nanclean.part import from_text
from nanclean.typed import view

x, g = packed(np.array([1.0, 2, np.inf, 4])), strings([b"a", b"b", b"a", b"c"])
for name, raw in (("float", x), ("text", g)):
    for fix in sys.argv[1:]:
        fix = from_text(fix, "fixers")
        if name not in fix.applies:
            continue
        block = Block(Batch(0, 4, [raw, g]), {"x": Held(view(raw), 0), "g": Held(view(g), 1)})
        find = None if fix.whole else from_text("missing", "detectors")
        try:
            fix = fix.aimed(Aim("x", name, np.dtype(float) if name == "float" else None, "csv", find, {"g": "text"}))
            fix.fix("x", block, Bad(np.array([False, False, True, False])), {})
        except Exception as error:
            if "nanclean.errors" not in type(error).__module__:
                raise
assert "pandas" not in sys.modules, "pandas"
"""
    subprocess.run([sys.executable, "-c", program, *VARIANTS], check=True)

"""What must hold for every detector, whatever it finds."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean import registry
from nanclean.column import Column, Numbers, Values
from nanclean.detector import EVERYTHING, ROLES, Detector, manual
from nanclean.errors import PolicyError
from nanclean.format import Difference, Facts
from nanclean.part import Part, call, from_json, from_text, member
from nanclean.wording import quoted
from tests.figures_reference import figures_of, hits_of, numbers, text

NAMES = registry.names("detectors")
KINDS: dict[str, type[Detector]] = {name: member("detectors", name) for name in NAMES}  # type: ignore[misc]
CELLS = [name for name in NAMES if KINDS[name].scope == "cell"]
TABLES = [name for name in NAMES if KINDS[name].scope == "table"]
R = np.random.default_rng(7)


def example(name: str) -> Detector:
    return from_text(KINDS[name].example, "detectors")  # type: ignore[return-value]


def lists(values: np.ndarray) -> Numbers:
    """Rows of three elements, and a null list at the end."""
    owner = np.repeat(np.arange(len(values) // 3), 3)
    rows = len(values) // 3 + 1
    empty = np.zeros(rows, bool)
    empty[-1] = True
    whole = values[: len(owner)]
    return Numbers(type="list<float>", rows=rows, cells=len(owner), owner=owner, empty_rows=empty, values=whole)


def spoiled(n: int, dtype: Any = np.float64) -> np.ndarray:
    values = R.normal(50, 10, n).astype(dtype)
    if n > 40 and np.dtype(dtype).kind == "f":
        values[[3, 5, 6]], values[7], values[[8, 9, 10]] = np.nan, np.inf, -999
        values[11] = np.finfo(dtype).max
    elif n > 40:
        values[[8, 9, 10]], values[11] = 99, 120
    return values


WORDS = ["red", "?", "green", "1,5", "17", "", "-", "blue", " 12 kg ", "été", "0"] * 9
COLUMNS: dict[str, Column] = {
    "nothing": numbers(np.empty(0)),
    "no integers": numbers(np.empty(0, np.int64)),
    "one": numbers(np.array([3.0])),
    "one NaN": numbers(np.array([math.nan])),
    "one infinity": numbers(np.array([-math.inf])),
    "NaN": numbers(np.full(50, math.nan)),
    "all null": numbers(np.zeros(60), np.ones(60, bool)),
    "some null": numbers(spoiled(100), R.random(100) < 0.3),
    "float64": numbers(spoiled(500)),
    "float32": numbers(spoiled(500, np.float32)),
    "float16": numbers(spoiled(500, np.float16)),
    "int8": numbers(spoiled(500, np.int8)),
    "uint64": numbers(np.append(spoiled(100, np.uint64), np.uint64(2**64 - 1))),
    "int64": numbers(R.integers(-(2**63), 2**63 - 1, 300)),
    "constant": numbers(np.full(40, 7)),
    "garbage": Numbers(
        type="float", rows=50, cells=50, absent=np.arange(50) < 3, unparsable=np.arange(50) < 2, empty=1,
        values=np.where(np.arange(50) < 3, math.inf, spoiled(50)), text=pa.array(["x", "?!", ""] + ["1e400"] * 47),
    ),
    "lists": lists(spoiled(300)),
    "no text": text([]),
    "text": text([word or None for word in WORDS]),
    "null text": text([None] * 30),
    "large text": Values(type="text", rows=99, cells=99, array=pa.array(WORDS, pa.large_string())),
    "sliced text": Values(type="text", rows=50, cells=50, array=pa.array(["x", *WORDS]).slice(7, 50)),
    "booleans": Values(type="boolean", rows=3, cells=3, array=pa.array([True, True, True])),
    "times": Values(type="time", rows=2, cells=2, array=pa.array(["2020-01-01", "2020-01-01"])),
    "complex": Values(type="complex", rows=3, cells=3, array=np.array([1, complex("inf"), complex("nan")])),
    "other": Values(type="other", rows=1, cells=1, array=pa.array([{"a": 1}])),
}  # fmt: skip


def fits(name: str, of: str) -> bool:
    return COLUMNS[of].type in KINDS[name].applies


def fitted(name: str, column: Column) -> tuple[Detector, dict[str, Any]]:
    find = example(name)
    figures = figures_of(column, "x", find.quantiles(), format="npy", classes={})
    return find.survey([figures]).fit(figures), figures


@pytest.mark.parametrize("name", NAMES)
class TestEveryDetector:
    def test_it_has_a_manual(self, name):
        kind = KINDS[name]
        told = manual(kind)
        assert kind.__dict__["__doc__"], "not the docstring that dataclass makes, nor that of its contract"
        for heading in ("\nWhy it matters: ", "\nBeware: "):
            assert heading in told
        assert told.index("Why it matters") < told.index("Beware")
        assert re.fullmatch(r"[A-Z][^\n]*[.:]", told.split("\n", 1)[0]), "the first line is a sentence"

    def test_it_is_named_after_its_module(self, name):
        assert KINDS[name].name == name == KINDS[name].__module__.rpartition(".")[2]

    def test_its_module_says_what_it_is(self, name):
        assert registry.module("detectors", name).__doc__

    def test_it_declares_what_it_is(self, name):
        kind = KINDS[name]
        assert kind.scope in ("cell", "row", "table")
        assert kind.severity in ("error", "warning", "info")
        assert frozenset() < kind.applies <= EVERYTHING
        assert frozenset() < kind.roles <= ROLES
        assert not (kind.whole and kind.scope != "table")

    def test_it_is_frozen(self, name):
        find = example(name)
        assert KINDS[name].__dataclass_params__.frozen  # type: ignore[attr-defined]
        for each in dataclasses.fields(find):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(find, each.name, 1)
        assert hash(find) == hash(example(name))

    def test_a_builtin_one_needs_no_setting(self, name):
        if KINDS[name].builtin:
            assert KINDS[name]() == KINDS[name]()

    def test_it_is_written_in_one_way(self, name):
        find = example(name)
        assert from_text(str(find), "detectors") == find
        assert str(from_text(str(find), "detectors")) == str(find)
        assert str(call(str(find))) == str(find)

    def test_fitted_it_survives_json_and_pickle(self, name):
        for column in COLUMNS.values():
            if column.type in KINDS[name].applies:
                find, _ = fitted(name, column)
                told = json.loads(json.dumps(find.to_json(), allow_nan=False))
                assert from_json(told, "detectors") == find
                assert pickle.loads(pickle.dumps(find)) == find

    def test_json_with_a_foreign_key_is_refused(self, name):
        with pytest.raises(PolicyError, match="there is no 'colour'"):
            from_json({**example(name).to_json(), "colour": 1}, "detectors")

    def test_an_unknown_argument_is_refused(self, name):
        with pytest.raises(PolicyError):
            from_text(f"{name}(1, 2, 3, 4)", "detectors")
        with pytest.raises(PolicyError, match="has no argument 'colour'"):
            from_text(f"{name}(colour=1)", "detectors")

    def test_fitting_leaves_the_original_alone(self, name):
        find = example(name)
        before = find.to_json()
        for column in COLUMNS.values():
            if column.type in find.applies:
                figures = figures_of(column, "x", find.quantiles(), classes={})
                kept = dict(figures)
                find.survey([figures]).fit(figures)
                assert find.to_json() == before
                assert repr(figures) == repr(kept)


@pytest.mark.parametrize(("name", "of"), [(name, of) for name in CELLS for of in COLUMNS if fits(name, of)])
class TestEveryMask:
    def test_it_is_sure(self, name, of):
        column = COLUMNS[of]
        find, _ = fitted(name, column)
        mask = find.mask(column)
        assert isinstance(mask, np.ndarray)
        assert mask.dtype == bool
        assert mask.shape == (column.cells,)

    def test_it_is_fresh(self, name, of):
        column = COLUMNS[of]
        find, _ = fitted(name, column)
        first = find.mask(column)
        kept = first.copy()
        first ^= True
        np.testing.assert_array_equal(find.mask(column), kept)

    def test_absent_cells_are_not_judged(self, name, of):
        column = COLUMNS[of]
        if KINDS[name].absent or column.absent is None:
            return
        find, _ = fitted(name, column)
        assert not (find.mask(column) & column.absent).any()

    def test_a_proof_of_innocence_holds(self, name, of):
        column = COLUMNS[of]
        find, figures = fitted(name, column)
        if not find.touches(column) or (find.needs and not find.suspects(figures)):
            assert not find.mask(column).any()

    def test_what_is_told_fits_what_was_found(self, name, of):
        column = COLUMNS[of]
        find, figures = fitted(name, column)
        hits = hits_of(find, column)
        if not hits.count or (find.needs and not find.suspects(figures)):
            return
        telling = find.tell(figures | {"name": "Body Mass (g)"}, hits)
        if telling is None:
            return
        headline = telling.message.split("\n")[0]
        assert 0 < len(headline) < 200
        assert telling.message.isprintable() or "\n" in telling.message
        assert telling.severity in (None, "error", "warning", "info")
        if telling.hint is not None and " -> " in telling.hint:
            from nanclean.rule import rule

            read = rule(telling.hint)
            assert telling.hint.startswith(quoted("Body Mass (g)") + ": ")
            assert read.find is not None
            assert read.find.name == name
            assert str(read) == telling.hint, "the hint is written as rules are"


SECRETS = re.compile(r"secret|777|888|-999|1e\+?39|1e\+?400|inf\b.*1e")


@pytest.mark.parametrize("name", CELLS)
def test_without_values_none_is_told(name):
    cells = R.normal(5, 1, 300)
    cells[:3], cells[3:5], cells[5:9], cells[9] = -999.0, 8888.0, math.inf, 1e39
    columns: list[Column] = [
        numbers(cells),
        text(["?", "-", "secret"] * 30),
        numbers(np.full(40, 777)),
        text(["secret"] * 40),
    ]
    columns[0].tokens = {"secret": 3}
    seen = 0
    for column in columns:
        if column.type not in KINDS[name].applies:
            continue
        find, figures = fitted(name, column)
        hits = hits_of(find, column)
        telling = find.tell(figures, hits, values=False) if hits.count and find.suspects(figures) else None
        if telling is not None:
            seen += 1
            own = str(find)  # what a rule says is no value from the data
            assert not SECRETS.search(telling.message.replace(own, "")), telling
            assert not SECRETS.search((telling.hint or "").replace(own, "")), telling
    assert seen or name in ("unparsable", "literal_overflow", "all_missing", "mixed", "decimal", "missing")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("columns", [[], ["nothing"], list(COLUMNS)])
def test_a_judge_of_tables_bears_anything(name, columns):
    find = example(name)
    all_figures = [figures_of(COLUMNS[of], of, classes={}) for of in columns]
    for facts in (
        Facts(),
        Facts(rows=3, ragged=2, ragged_rows=[(1, 3, 4)], encoding_guessed=True, encoding="latin-1"),
        Facts(rows=1, header=tuple(columns), first=tuple(columns)),
        Facts(rows=1, header=("1.5",) * len(columns), first=(None,) * len(columns)),
        Facts(rows=1, header=("",) * (len(columns) + 1), first=()),
        Facts(rows=2, differences=[Difference("missing", name, "b", "a") for name in ("elsewhere", *columns)]),
    ):
        for values in (True, False):
            for verdict in find.judge(facts, all_figures, values):
                assert verdict.message
                assert verdict.column is None or verdict.column in columns


@given(
    st.lists(st.floats(width=32) | st.just(-999.0) | st.just(0.0) | st.none(), max_size=60),
    st.sampled_from(CELLS),
)
def test_any_column_of_floats_can_be_judged(values, name):
    column = numbers(values) if values else numbers(np.empty(0))
    if column.type not in KINDS[name].applies:
        return
    find, figures = fitted(name, column)
    mask = find.mask(column)
    assert mask.shape == (len(values),)
    if find.needs and not find.suspects(figures):
        assert not mask.any()
    if mask.any() and (not find.needs or find.suspects(figures)):
        find.tell(figures, hits_of(find, column))


@given(st.lists(st.text(max_size=6) | st.sampled_from(["?", "1,5", "7%", "-"]) | st.none(), max_size=40))
def test_any_text_can_be_judged(values):
    column = text(values)
    for name in CELLS:
        if "text" in KINDS[name].applies:
            find, figures = fitted(name, column)
            mask = find.mask(column)
            assert mask.shape == (len(values),)
            if mask.any() and (not find.needs or find.suspects(figures)):
                find.tell(figures, hits_of(find, column))


def test_the_folder_holds_parts_and_nothing_else():
    assert all(issubclass(kind, Part) for kind in KINDS.values())
    assert len(NAMES) >= 20

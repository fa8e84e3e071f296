"""States on their way: what is packed comes back, merges to the same bits, and nothing else is believed."""

from __future__ import annotations

import math
import pickle
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanclean import state
from nanclean.batch import Batch
from nanclean.counting import Bins, Linear
from nanclean.errors import InputError
from nanclean.fingerprint import Fingerprint
from nanclean.format import Learned
from nanclean.hits import Hits
from nanclean.lean import LeanStatistics
from nanclean.moments import Moments
from nanclean.numbers import NumberStatistics, Plan, planned
from nanclean.others import ValueStatistics
from nanclean.profile import Profile
from nanclean.state import digest, packed, unpacked
from nanclean.statistics import Statistics
from nanclean.typed import view

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner)
    | st.sets(st.integers() | st.text()) | st.frozensets(st.floats(allow_nan=False)),
    max_leaves=20,
)  # fmt: skip
dtypes = st.sampled_from(["bool", "int8", "uint8", "int32", "int64", "uint64", "float32", "float64"])
numbers = st.floats() | st.integers(-4, 4).map(float) | st.just(-0.0)


def same(one: Any, other: Any) -> bool:
    """To the last bit, types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, np.generic):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, float):
        return math.isnan(one) == math.isnan(other) and (one == other or math.isnan(one))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    return bool(one == other)


@given(plain)
def test_plain_data_comes_back(value: Any) -> None:
    assert same(unpacked(packed(value)), value)


@given(dtypes, st.lists(st.integers(0, 255), max_size=200), st.integers(0, 400))
def test_arrays_come_back(dtype: str, content: list[int], zeros: int) -> None:
    array = np.concatenate([np.zeros(zeros), content, np.zeros(zeros)]).astype(dtype)
    assert same(unpacked(packed(array)), array)
    square = array[: array.size // 2 * 2].reshape(-1, 2)
    assert same(unpacked(packed(square)), square)


def test_odd_values_come_back() -> None:
    odd: list[Any] = [
        np.array([0.0, -0.0, np.nan]), np.array(5), np.zeros((0, 3)), np.float32(1.5), np.uint64(2**64 - 1),
        np.dtype("float64"), Counter({"a": 2}), -(2**4000), np.array([2**63], np.uint64), "\ud800", 1 + 0 * True,
        np.array([1 + 2j, 0]),
    ]  # fmt: skip
    for value in odd:
        assert same(unpacked(packed(value)), value)


# --- accumulators


def _pieces(values: list[float], cut: int) -> list[Batch]:
    array = np.array(values)
    return [Batch(0, cut, [array[:cut]]), Batch(cut, len(values) - cut, [array[cut:]])]


def _seen(fresh: Statistics, batch: Batch) -> Statistics:
    raw = batch.columns[0]
    assert isinstance(raw, np.ndarray)
    fresh.add(view(raw), batch)
    return fresh


def _all_looks(make: Callable[[], Statistics], values: list[float], cut: int, *, travels: bool) -> Any:
    """The figures, when each look is taken at two pieces that travel, or do not."""
    asked: Statistics | None = make()
    whole = asked
    while asked is not None:
        into = asked if whole is not asked or asked is None else asked.fresh()
        for batch in _pieces(values, cut):
            found = _seen(asked.fresh(), batch)
            into.merge(unpacked(packed(found)) if travels else found)
        whole, asked = into, into.again()
    assert whole is not None
    return whole.result(len(values))


def _narrow(values: list[float], few: bool) -> Plan:
    finite = np.array([value for value in values if math.isfinite(value)])
    plan = planned(finite, np.dtype(np.float64), 10**7, 1, ())
    return Plan(plan.dtype, plan.layout, 1_000 if few else 0, False, (0.1, 0.99))


@settings(max_examples=60)
@given(st.lists(numbers, min_size=1, max_size=60), st.integers(0, 60), st.sampled_from("nmlps"), st.booleans())
def test_figures_are_those_of_states_that_have_not_travelled(
    values: list[float], cut: int, kind: str, few: bool
) -> None:
    plan, cut = _narrow(values, few), min(cut, len(values))
    makes: dict[str, Callable[[], Statistics]] = {
        "n": lambda: NumberStatistics("float", plan, 64),
        "m": lambda: Moments("float", 64, 0.0, lambda: NumberStatistics("float", plan, 64)),
        "l": lambda: LeanStatistics("float", plan, 64, apart=True),
        "p": lambda: LeanStatistics("float", plan, 64, apart=False),
        "s": lambda: NumberStatistics("float", Plan(plan.dtype, Linear(0.0, 1.0, 4), 0), 64),
    }
    assert same(_all_looks(makes[kind], values, cut, travels=True), _all_looks(makes[kind], values, cut, travels=False))


@given(st.lists(st.none() | st.text(max_size=4), max_size=40), st.integers(0, 40))
def test_counts_of_text(values: list[str | None], cut: int) -> None:
    pieces = [pa.array(part, pa.string()) for part in (values[:cut], values[cut:])]
    results = []
    for travels in (True, False):
        whole = ValueStatistics("text")
        for piece in pieces:
            part = ValueStatistics("text")
            part.add(view(piece), Batch(0, len(piece), [piece]))
            whole.merge(unpacked(packed(part)) if travels else part)
        results.append(whole.result(len(values)))
    assert same(*results)


@given(st.lists(st.booleans(), max_size=60), st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_places_and_fingerprints(bad: list[bool], hashes: list[int]) -> None:
    array = np.arange(float(len(bad)))
    batch = Batch(7, len(bad), [array])
    hits, learned = Hits(), Learned({(0, 5): 2}, [(0, 5, 6, 7)])
    hits.add(view(array), np.array(bad, bool), batch)
    print_ = Fingerprint()
    print_.add(np.array(hashes, np.uint64))
    whole, other = Profile({}, {0: Hits()}), Profile({}, {0: hits})
    whole.merge(unpacked(packed(other)))
    mine = whole.hits[0]
    assert (mine.count, mine.rows, mine.first, mine.values, mine.ranges) == (
        hits.count, hits.rows, hits.first, hits.values, hits.ranges,
    )  # fmt: skip
    assert same(unpacked(packed(print_)).smallest, print_.smallest)
    assert unpacked(packed(learned)) == learned


def test_size_is_that_of_what_is_filled() -> None:
    bins = Bins.empty(Linear(0.0, 1.0, 65_536))
    assert len(packed(bins)) < 200
    bins.add(np.full(10_000, 5.0))
    assert len(packed(bins)) < 220
    bins.add(np.arange(1000.0) * 60)
    assert 1_000 < len(packed(bins)) < 4_500
    assert len(packed(bins.counts + 2**40)) > 65_536 * 8


def test_a_state_is_told_in_one_way() -> None:
    one, other = {"a": {1, "x", (2, 3)}, "b": 1.0}, {"b": 1.0, "a": {(2, 3), "x", 1}}
    assert digest(one) == digest(other)
    assert digest({"a": 1}) != digest({"a": 1.0}) != digest({"a": True})
    assert digest([1, [2]]) != digest([[1], 2])
    assert packed({"x": {3, 1, 2}}) == packed({"x": {2, 3, 1}})


# --- what is no state


def test_nothing_is_executed_and_nothing_unknown_is_made() -> None:
    class Other:
        pass

    for value in (Other(), print, np.array([object()], object), Fraction(1, 2), np.array(["x"])):
        with pytest.raises(TypeError, match="no part of a state"):
            packed(value)
    for data in (b"", state.MAGIC, pickle.dumps({"a": 1}), packed(1)[:-1], packed(1) + b"\0"):
        with pytest.raises(InputError, match=r"^s: is "):
            unpacked(data, "s")


def _forged(body: bytes) -> bytes:
    return state.MAGIC + state._checksum(body) + body


@pytest.mark.parametrize(
    "body",
    [
        bytes([state._LIST]) * 100_000,
        bytes([state._LIST, *[255] * 8, 1]),
        bytes([state._BYTES, *[255] * 8, 1]),
        bytes([state._INT, 255, 255, 3]) + bytes(65_000),
        bytes([state._SPARSE, 3]) + b"<f8" + bytes([1, *[255] * 8, 1, 3]) + b"|u1\0\3|u1\0",
        bytes([state._OBJECT, 2]) + b"os" + bytes([0]),
        bytes([state._OBJECT, 5]) + b"Popen" + bytes([0]),
        bytes([state._OBJECT, 4]) + b"Bins" + bytes([1, 5]) + b"merge" + bytes([state._NONE]),
        bytes([state._OBJECT, 4]) + b"Bins" + bytes([1, 9]) + b"__class__" + bytes([state._NONE]),
        bytes([state._SET, 1, state._LIST, 0]),
        bytes([state._DENSE, 3]) + b"|O8" + bytes([1, 1]) + bytes(8),
        bytes([200]),
    ],
)  # fmt: skip
def test_hostile_states_are_refused_at_once(body: bytes) -> None:
    with pytest.raises(InputError, match=r"^s: is damaged"):
        unpacked(_forged(body), "s")


def test_thousands_of_mutations() -> None:
    values = np.random.default_rng(3).normal(size=3_000)
    number = NumberStatistics("float", planned(values[:100], np.dtype(np.float64), 10**7, 1, ()), 64)
    number.add(view(values), Batch(0, values.size, [values]))
    hits = Hits()
    hits.add(view(values), values > 2, Batch(0, values.size, [values]))
    data = packed(Profile({0: number, 3: ValueStatistics("text")}, {0: hits}))
    body, R = bytearray(data[len(state.MAGIC) + state.CHECK :]), random.Random(1)
    refused = 0
    for _ in range(4_000):
        bad = bytearray(body)
        for _ in range(R.randrange(1, 4)):
            at = R.randrange(min(len(bad), 600))
            bad[at] = R.randrange(256)
        if R.random() < 0.2:
            del bad[R.randrange(len(bad)) :]
        try:
            unpacked(_forged(bytes(bad)), "s")
        except InputError:
            refused += 1
    assert refused > 1_000

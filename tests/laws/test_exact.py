"""What must hold for a sum: the same bits, however it was computed."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.exact import BLOCK, ExactSum

FINITE = st.floats(allow_nan=False, allow_infinity=False)  # subnormals, -0.0 and 1e308 are among them
R = np.random.default_rng(0)
LONG = {
    "full": R.integers(2**52, 2**53, 3 * BLOCK + 7).astype(float),  # every level at its limit
    "full and negative": -R.integers(2**52, 2**53, 3 * BLOCK + 7).astype(float),
    "the largest": np.full(2 * BLOCK + 1, np.finfo(np.float64).max),
    "prices": np.round(R.lognormal(3, 1, 50_000), 2),
    "every size": R.normal(size=50_000) * 10.0 ** R.integers(-300, 300, 50_000),
    "subnormal": R.normal(size=20_000) * 1e-310,
    "largest and smallest": np.array([1.7e308, 5e-324, -1.7e308, 1.0, 2.0**-901] * 5_000),
}


def summed(*pieces: np.ndarray) -> ExactSum:
    total = ExactSum()
    for piece in pieces:
        total.add(np.asarray(piece, dtype=np.float64))
    return total


def exactly(values: np.ndarray) -> int:
    """The sum in steps of 2**-1074, by Python's integers."""
    return sum(n * (2**1074 // d) for n, d in map(float.as_integer_ratio, values.tolist()))


@given(st.lists(FINITE))
def test_the_mean_is_rounded_once(values):
    exact = sum(map(Fraction, values)) / len(values) if values else None

    assert summed(values).mean() == (None if exact is None else float(exact))


@given(st.lists(st.lists(FINITE)), st.randoms())
def test_pieces_merge_to_the_whole_in_any_order(pieces, random):
    whole, merged = summed([value for piece in pieces for value in piece]), ExactSum()
    random.shuffle(pieces)
    for piece in pieces:  # empty ones among them
        merged.merge(summed(piece))

    assert merged == whole == summed(*pieces)  # integers: equal to the bit


@pytest.mark.parametrize("values", LONG.values(), ids=LONG)
def test_any_batch_gives_the_exact_sum(values):
    exact = exactly(values)

    for size in (1_000, BLOCK, len(values)):
        shuffled = np.random.default_rng(size).permutation(values)
        pieces = np.split(shuffled, range(size, len(values), size))
        assert summed(*pieces).steps == exact  # not only its float: rounding would hide small losses
    if abs(exact) < 2**2098:
        assert summed(values).mean() == pytest.approx(math.fsum(values) / len(values), rel=1e-15)


@pytest.mark.parametrize("values", LONG.values(), ids=LONG)
def test_counts_weigh_exactly(values):
    different, counts = np.unique(values, return_counts=True)
    total = ExactSum()
    total.add_counts(different, counts * 1_234_567)

    assert (total.n, total.steps) == (values.size * 1_234_567, exactly(values) * 1_234_567)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint64", "float16", "float32"])
def test_other_dtypes_are_widened_and_never_wrap_around(dtype):
    if dtype.startswith("float"):
        values = R.normal(0, 1_000, 3 * BLOCK).astype(dtype)
        exact = exactly(values.astype(np.float64))
    else:
        held = np.iinfo(dtype)
        values = R.integers(held.min, held.max, 3 * BLOCK, dtype=dtype, endpoint=True)
        exact = sum(map(int, values)) << 1074
    total = ExactSum()
    total.add(values)

    assert total.steps == exact

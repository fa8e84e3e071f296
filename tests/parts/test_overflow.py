"""Where each type begins to round to infinity, held against the casts themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean.part import from_text
from tests.figures_reference import figures_of, hits_of, numbers


def marked(text: str, values: np.ndarray) -> list[bool]:
    find, column = from_text(text, "detectors"), numbers(values)
    mask = find.mask(column)
    assert find.touches(column) == bool(mask.any())
    return mask.tolist()


def as_bfloat16(x: np.ndarray) -> np.ndarray:
    """Rounded half to even by way of float32, as PyTorch and ml_dtypes do it; given back as float32."""
    with np.errstate(over="ignore"):
        bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def cast(dtype: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return as_bfloat16(x) if dtype == "bfloat16" else x.astype(dtype)


def squared(dtype: str, x: np.ndarray) -> np.ndarray:
    small = cast(dtype, x)
    with np.errstate(over="ignore"):
        return cast(dtype, (small * small).astype(np.float64)) if dtype == "bfloat16" else small * small


EDGES = {"float32": 3.4028235677973366e38, "float16": 65520.0, "bfloat16": 3.396177427818412e38}


@pytest.mark.parametrize("dtype", EDGES)
def test_the_edge_is_exact(dtype):
    edge = EDGES[dtype]
    near = np.array([np.nextafter(edge, 0), edge, np.nextafter(edge, math.inf)])
    values = np.concatenate([near, -near])
    assert marked(f"overflow({dtype})", values) == [False, True, True] * 2
    assert np.isinf(cast(dtype, values)).tolist() == [False, True, True] * 2


def test_the_edges_of_the_catalogue():
    assert marked("overflow", np.array([1.46e258, 3.4028234663852886e38, -1e39])) == [True, False, True]
    assert marked("overflow(float16)", np.array([65519.99, 65520, 65535])) == [False, True, True]
    lowest = -3.4028235e38  # "no data" of rasters: finite in float32
    assert marked("overflow(bfloat16)", np.array([3.3895313892515355e38, lowest, 3.3962e38])) == [False, True, True]


@pytest.mark.parametrize("dtype", EDGES)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_it_marks_what_the_cast_makes_infinite(dtype, values):
    x = np.array(values)
    assert marked(f"overflow({dtype})", x) == np.isinf(cast(dtype, x)).tolist()
    assert marked(f"overflow({dtype}, squared=True)", x) == np.isinf(squared(dtype, x)).tolist()


@pytest.mark.parametrize("dtype", EDGES)
def test_squares_at_their_edge(dtype):
    edge = {"float32": 2.0**64, "float16": 256.0, "bfloat16": 2.0**64}[dtype]
    x = edge + edge * np.linspace(-0.01, 0.01, 2001)
    assert marked(f"overflow({dtype}, squared=True)", x) == np.isinf(squared(dtype, x)).tolist()


def test_an_infinity_is_no_overflow():
    assert marked("overflow", np.array([math.inf, -math.inf, math.nan, 1.0])) == [False] * 4


def test_types_that_cannot_overflow_are_never_looked_at():
    for dtype in (np.float32, np.float16, np.int64, np.uint64, np.int8):
        top = np.finfo(dtype).max if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
        assert not from_text("overflow", "detectors").touches(numbers(np.array([top])))


def test_integers_overflow_float16_exactly():
    assert marked("overflow(float16)", np.array([65519, 65520, -65520, -65519])) == [False, True, True, False]
    assert marked("overflow(float16)", np.array([65504, 65519, 65520, 65535], np.uint16)) == [False, False, True, True]


def test_what_is_told():
    column = numbers(np.array([1.0, 1e39, 2e39]))
    find = from_text("overflow", "detectors")
    telling = find.tell(figures_of(column, "energy"), hits_of(find, column))
    assert telling.message == "2 values finite here and infinite in float32: 1e+39 and 2e+39"
    assert telling.hint == "energy: overflow -> blank"

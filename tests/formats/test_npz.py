"""NPZ files: held against NumPy, array by array."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanclean
from nanclean.errors import InputError, RuleError, UsageError
from nanclean.formats import _arrays, npz
from nanclean.opening import opened
from tests.formats.rewriting import at, rewritten

N = 700
R = np.random.default_rng(0)
ARRAYS: dict[str, np.ndarray] = {
    "X": R.normal(size=(N, 3)),
    "F": np.asfortranarray(R.normal(size=(N, 4)).astype(">f4")),
    "y": R.integers(0, 9, N),
    "img": R.integers(0, 255, (N, 4, 5)).astype("u1"),
    "rec": np.array([(i / 3, (i, -i)) for i in range(N)], [("a", "f8"), ("b", "i4", (2,))]),
    "flag": R.random(N) > 0.5,
    "name": np.array([f"n{i}" for i in range(N)]),
    "one": R.normal(size=(N, 1)),
    "mean": np.zeros(3),
    "scale": np.float64(2.5),
    "classes": np.array(["a", "b"]),
    "empty": np.zeros((0, 3)),
}
NAMES = ["X.c0", "X.c1", "X.c2", "F.c0", "F.c1", "F.c2", "F.c3", "y", "img", "rec.a", "rec.b[0]", "rec.b[1]", "flag",
         "name", "one.c0"]  # fmt: skip
SAVES = [np.savez, np.savez_compressed]


@pytest.fixture(autouse=True, params=["small", "usual"])
def sizes(request, monkeypatch):
    """Everything is tried with batches and splits of few rows, and with all in one."""
    if request.param == "small":
        monkeypatch.setattr(npz, "BATCH_BYTES", 20_000)
        monkeypatch.setattr(npz, "SPLIT_BYTES", 60_000)
        monkeypatch.setattr(npz, "SAMPLED", 16)
        for name, size in {"ROWS_OF_ONE": 128, "CACHED_BYTES": 2000, "ROWS": 256, "PIECE_BYTES": 512}.items():
            monkeypatch.setattr(_arrays, name, size)


def cells_of(source: Any, columns: Any = None) -> list[np.ndarray]:
    parts: list[list[Any]] = [[] for _ in (source.fields if columns is None else columns)]
    row = 0
    for split in source.splits():
        for batch in split.batches(columns):
            assert batch.start == row
            row += batch.rows
            for part, raw in zip(parts, batch.columns, strict=True):
                part.append(np.asarray(raw))
    return [np.concatenate(part) for part in parts]


def expected() -> dict[str, np.ndarray]:
    found = {f"{name}.c{i}": ARRAYS[name][:, i] for name in ("X", "F", "one") for i in range(ARRAYS[name].shape[1])}
    rec = ARRAYS["rec"]
    found |= {"rec.a": rec["a"], "rec.b[0]": rec["b"][:, 0], "rec.b[1]": rec["b"][:, 1]}
    found |= {"img": ARRAYS["img"].reshape(N, -1), **{name: ARRAYS[name] for name in ("y", "flag", "name")}}
    return {name: found[name] for name in NAMES}


def load(path: Path) -> dict[str, np.ndarray]:
    """By NumPy alone."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file}


def same(one: np.ndarray, two: np.ndarray) -> bool:
    order = one.flags.f_contiguous == two.flags.f_contiguous
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes("A") == two.tobytes("A") and order


@pytest.mark.parametrize("save", SAVES)
def test_every_cell_is_that_of_numpy(save, tmp_path):
    save(tmp_path / "t.npz", **ARRAYS)
    source = opened(tmp_path / "t.npz")

    assert source.format == "npz"
    assert [field.name for field in source.fields] == NAMES
    for name, cells in zip(NAMES, cells_of(source), strict=True):
        assert np.array_equal(cells, expected()[name]), name
    some = [11, 2, 6, 8]
    for i, cells in zip(some, cells_of(source, some), strict=True):
        assert np.array_equal(cells, expected()[NAMES[i]])
    assert source.facts.rows == N
    assert source.facts.notes == [
        "Not of 700 rows, and not looked into: mean (3,), scale (), classes (2,), empty (0, 3)."
    ]
    assert source.details() == {"arrays": list(ARRAYS)[:8], "carried": ["mean", "scale", "classes", "empty"]}
    source.close()


def test_places_are_those_of_numpy(tmp_path):
    np.savez(tmp_path / "t.npz", **ARRAYS)
    source = opened(tmp_path / "t.npz")

    assert source.where([140], 2) == ["X[140, 2]"]
    assert source.where([3], NAMES.index("y")) == ["y[3]"]
    assert source.where([3], NAMES.index("img"), [7]) == ["img[3, 1, 2]"]
    assert source.where([3], NAMES.index("rec.b[1]")) == ["rec[3]['b'][1]"]


def test_figures_are_those_of_the_arrays_in_parquet(tmp_path):
    np.savez(tmp_path / "t.npz", X=ARRAYS["X"], y=ARRAYS["y"])
    rewritten(tmp_path / "t.npz", tmp_path / "t.parquet")
    one, two = (json.loads(nanclean.scan(tmp_path / f"t.{end}").to_json())["columns"] for end in ("npz", "parquet"))
    assert one == two


def test_the_length_of_the_most_bytes_is_the_table(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.zeros((50, 4)), y=np.zeros(50), m=np.zeros(4), s=np.zeros(4), v=np.zeros(4))
    assert opened(tmp_path / "t.npz").facts.rows == 50
    np.savez(tmp_path / "t.npz", x_test=np.zeros((20, 4)), x_train=np.zeros((80, 4)), y_test=np.zeros(20))
    assert [field.name for field in opened(tmp_path / "t.npz").fields] == [f"x_train.c{i}" for i in range(4)]


@pytest.mark.parametrize("save", SAVES)
def test_a_source_travels(save, tmp_path):
    save(tmp_path / "t.npz", **ARRAYS)
    for split in pickle.loads(pickle.dumps(list(opened(tmp_path / "t.npz").splits()))):
        for batch in split.batches([0]):
            assert np.array_equal(batch.columns[0], ARRAYS["X"][batch.start : batch.start + batch.rows, 0])


def test_names_are_never_places(tmp_path):
    np.savez(tmp_path / "t.npz", **{"../../x": np.arange(3.0), "/etc/y": np.arange(3.0)})
    rewritten(tmp_path / "t.npz", tmp_path / "u.npz", at([1], ["../../x"], 9.0), touched=["../../x"])
    assert load(tmp_path / "u.npz")["../../x"].tolist() == [0.0, 9.0, 2.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.npz", "u.npz"]


def test_python_objects_are_refused(tmp_path):
    np.savez(tmp_path / "t.npz", a=np.arange(3), o=np.array([{}, None, 1], object))
    with pytest.raises(InputError, match=r"o\.npy: holds Python objects as a pickle"):
        opened(tmp_path / "t.npz")


def damaged(path: Path, change: Any) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def test_a_wrong_byte_is_found_by_its_checksum(tmp_path):
    for save in SAVES:
        save(tmp_path / "t.npz", a=np.random.default_rng(0).normal(size=5000))
        damaged(tmp_path / "t.npz", lambda data: data.__setitem__(20_000, data[20_000] ^ 1))
        source = opened(tmp_path / "t.npz")
        with pytest.raises(InputError, match=r"checksum|CRC|cannot be read"):
            cells_of(source)


def test_sizes_that_are_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': '<f8', 'fortran_order': False, "
                         b"'shape': (99999999,), }".ljust(30) + b"\n")  # fmt: skip
    with pytest.raises(InputError):
        opened(tmp_path / "t.npz")
    np.savez_compressed(tmp_path / "t.npz", a=np.zeros(5_000_000))
    data = (tmp_path / "t.npz").read_bytes()
    size = (40_000_128).to_bytes(8, "little")
    assert size in data or size[:4] in data
    (tmp_path / "t.npz").write_bytes(data.replace(size[:4], (50_000_128).to_bytes(4, "little")))
    with pytest.raises(InputError, match=r"has [0-9,]+ more|the file has|cannot be read"):
        cells_of(opened(tmp_path / "t.npz"))


def test_what_is_no_table(tmp_path):
    np.savez(tmp_path / "t.npz", a=np.float64(3))
    with pytest.raises(InputError, match="no array in it has rows"):
        opened(tmp_path / "t.npz")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="holds no array"):
        opened(tmp_path / "t.npz")
    (tmp_path / "t.npz").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        opened(tmp_path / "t.npz")


# --- written again


def packings(path: Path) -> list[tuple[str, int, tuple[int, ...]]]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return [(info.filename, info.compress_type, info.date_time) for info in archive.infolist()]


@pytest.mark.parametrize("save", SAVES)
def test_untouched_is_untouched(save, tmp_path):
    save(tmp_path / "a.npz", **ARRAYS)
    rewritten(tmp_path / "a.npz", tmp_path / "b.npz")

    found = load(tmp_path / "b.npz")
    assert list(found) == list(ARRAYS)
    assert all(same(found[name], np.asarray(array)) for name, array in ARRAYS.items())
    assert packings(tmp_path / "b.npz") == [(*each[:2], (1980, 1, 1, 0, 0, 0)) for each in packings(tmp_path / "a.npz")]
    first = (tmp_path / "b.npz").read_bytes()
    rewritten(tmp_path / "a.npz", tmp_path / "b.npz")
    assert (tmp_path / "b.npz").read_bytes() == first


@pytest.mark.parametrize("save", SAVES)
def test_a_row_leaves_every_array(save, tmp_path):
    save(tmp_path / "a.npz", **ARRAYS)
    rows = [1, 5, 640]
    touched = ["X.c1", "F.c2", "y", "rec.b[1]"]
    rewritten(tmp_path / "a.npz", tmp_path / "b.npz", at(rows, touched, 7), keep=lambda r: r % 10 != 3, touched=touched)

    kept = np.arange(N) % 10 != 3
    wanted = {name: np.array(array, order="K") for name, array in ARRAYS.items()}
    wanted["X"][rows, 1] = wanted["F"][rows, 2] = wanted["y"][rows] = 7
    wanted["rec"]["b"][rows, 1] = 7
    found = load(tmp_path / "b.npz")
    assert list(found) == list(ARRAYS)
    for name, array in wanted.items():
        assert np.array_equal(found[name], array[kept] if array.ndim and len(array) == N else array), name
        assert found[name].dtype == array.dtype
    assert found["F"].flags.f_contiguous
    assert [path.name for path in tmp_path.iterdir() if "b.npz" in path.name] == ["b.npz"]


def test_so_few_rows_that_others_are_as_long(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.arange(300.0).reshape(100, 3), mean=np.zeros(3), big=np.zeros((4, 20)))
    rewritten(tmp_path / "a.npz", tmp_path / "b.npz", keep=lambda r: r < 4)
    found = load(tmp_path / "b.npz")
    assert {name: array.shape for name, array in found.items()} == {"X": (4, 3), "mean": (3,), "big": (4, 20)}


def test_columns_go_and_come(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.array([[1.0, np.nan], [2.0, 3.0]] * 20), y=np.arange(40), z=np.zeros(3))
    rules = ["X.c1: missing -> flag", "X.c0 -> drop_column", "y -> drop_column"]
    nanclean.fix(tmp_path / "t.npz", rules=rules, output=tmp_path / "u.npz", fail_on="never")
    found = load(tmp_path / "u.npz")
    assert {name: array.shape for name, array in found.items()} == {"X": (40, 1), "z": (3,), "X.c1_missing": (40,)}
    assert found["X.c1_missing"].tolist() == [True, False] * 20


def test_there_and_back(tmp_path):
    np.savez(tmp_path / "a.npz", x=ARRAYS["X"][:, 0], y=ARRAYS["y"], flag=ARRAYS["flag"])
    for middle in ("b.parquet", "b.arrow", "b.jsonl", "b.csv", "b.npy"):
        rewritten(tmp_path / "a.npz", tmp_path / middle)
        rewritten(tmp_path / middle, tmp_path / "c.npz")
        found = load(tmp_path / "c.npz")
        if middle == "b.npy":
            assert same(found["arr_0"]["x"].copy(), load(tmp_path / "a.npz")["x"])
            continue
        assert all(same(found[name], array) for name, array in load(tmp_path / "a.npz").items()), middle


def test_what_no_array_holds(tmp_path):
    pq.write_table(pa.table({"s": ["a"], "x": [None]}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="text has no place"):
        rewritten(tmp_path / "t.parquet", tmp_path / "t.npz")
    pq.write_table(pa.table({"i": [1, None]}), tmp_path / "t.parquet")
    with pytest.raises(RuleError, match="row 2: is missing"):
        rewritten(tmp_path / "t.parquet", tmp_path / "t.npz")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=50), st.integers(1, 4), st.booleans(), st.integers(0, 3))
def test_any_arrays(tmp_path_factory, values, width, fortran, gone):
    folder = tmp_path_factory.mktemp("any")
    matrix = np.array([values] * width, order="C" if fortran else "F").T
    np.savez(folder / "a.npz", m=matrix, v=np.array(values))
    rewritten(folder / "a.npz", folder / "b.npz", keep=lambda rows: rows % 4 != gone)
    kept = np.arange(len(values)) % 4 != gone
    found = load(folder / "b.npz")
    assert found["m"].tobytes() == matrix[kept].tobytes()
    assert found["v"].tobytes() == np.array(values)[kept].tobytes()

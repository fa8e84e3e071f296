"""Damaged files of formats that are decoded by others: an error or other cells, but never the end of the process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

SCRIPT = """
import random, sys
from nanclean.checksum import hashes
from nanclean.errors import NancleanError
from nanclean.opening import opened
from nanclean.typed import view
path, bad = sys.argv[1:]
whole = open(path, "rb").read()
R = random.Random(1)

def damaged():
    for size in range(0, len(whole), max(len(whole) // 60, 1)):
        yield whole[:size]
    for size in range(1, 40):
        yield whole[:-size]
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(R.choice((1, 1, 4))):
            data[R.randrange(len(data))] = R.choice((0, 255, 127, 128, R.randrange(256)))
        yield bytes(data)
    for at in range(0, len(whole) - 8, max(len(whole) // 150 // 8 * 8, 8)):  # lengths and offsets
        yield whole[:at] + R.choice((b"\\xff" * 8, bytes(8), b"\\xff" * 7 + b"\\x7f")) + whole[at + 8 :]

count = {"read": 0, "refused": 0}
for data in damaged():
    with open(bad, "wb") as file:
        file.write(data)
    try:
        source = opened(bad)
        source.sample()
        for split in source.splits():
            for batch in split.batches():
                for raw in batch.columns:
                    view(raw)
                    hashes(raw)
        source.close()
        count["read"] += 1
    except NancleanError as error:
        assert error.hint and "\\n" not in error.message, error.message
        count["refused"] += 1
print(count)
"""


def arrow(path: Path, kind: str) -> None:
    n = 60
    words = pa.array([None if i % 7 == 3 else "abc"[i % 3] for i in range(n)])
    table = pa.table(
        {
            "x": np.arange(n) / 3,
            "i": pa.array(range(n)),
            "s": words,
            "d": words.dictionary_encode(),
            "l": pa.array([[1.5, None], [], None] * (n // 3)),
            "u": pa.array([{"u": 1, "v": "q"}, None, {"u": None, "v": None}] * (n // 3)),
            "v": pa.array(["a", "longer than twelve characters", None] * (n // 3), pa.string_view()),
            "b": pa.array([True, None] * (n // 2)),
            "g": words.cast(pa.large_string()),
        }
    )
    options = pa.ipc.IpcWriteOptions(compression=kind if kind in ("lz4", "zstd") else None)
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=20)


@pytest.mark.parametrize("kind", ["lz4", "zstd", "plain", "stream"])
def test_arrow(kind, tmp_path):
    arrow(tmp_path / "t.arrow", kind)
    read, refused = survived(tmp_path / "t.arrow")
    assert refused > 100
    assert read > 10


def test_arrow_follows_no_view_of_a_null(tmp_path):
    """What stands there may be anything, and Arrow's own cast follows it."""
    valid, views, *data = pa.array(["longer than twelve characters", None, "a"], pa.string_view()).buffers()
    cells = np.frombuffer(views, np.int32).reshape(-1, 4).copy()
    cells[1] = (-(2**24), 1, 7, 2**30)
    lost = pa.Array.from_buffers(pa.string_view(), 3, [valid, pa.py_buffer(cells), *data])
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), pa.schema([("v", pa.string_view())])) as writer:
        writer.write_batch(pa.record_batch([lost], ["v"]))
    script = (
        "import sys; from nanclean.opening import opened; source = opened(sys.argv[1]); "
        "print([b.columns[0].to_pylist() for s in source.splits() for b in s.batches()])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "t.arrow")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[['longer than twelve characters', None, 'a']]\n"), done.stderr


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(save, tmp_path):
    save(tmp_path / "t.npz", X=np.arange(120.0).reshape(40, 3), y=np.arange(40), names=np.array(["a", "b"] * 20))
    _, refused = survived(tmp_path / "t.npz")
    assert refused > 250


def test_jsonl(tmp_path):
    lines = [
        {"x": i / 3, "s": "é\n", "l": [1, 2], "o": {"a": None, "b": i}, "m": i if i % 2 else "q"} for i in range(40)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    read, refused = survived(tmp_path / "t.jsonl")
    assert refused > 100
    assert read > 3


def survived(path: Path) -> tuple[int, int]:
    """In a process of its own, because what is feared is that it dies: how many could be read, and how many not."""
    arguments = [sys.executable, "-c", SCRIPT, str(path), str(path.with_stem("bad"))]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:] or done.returncode
    count = ast.literal_eval(done.stdout)
    return count["read"], count["refused"]

"""Faults that are planted on purpose: in each writer, in each fixer, in the proof itself. Each is caught."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean
from nanclean import fixing
from nanclean.block import Block
from nanclean.checksum import Checksum
from nanclean.cleaning import Prepared, Sink
from nanclean.cli import run
from nanclean.column import Numbers
from nanclean.errors import VerificationError
from nanclean.fixer import Fixed
from nanclean.formats import _csvtarget, _npytarget, _outputfile, _parquettarget
from nanclean.part import member
from nanclean.patch import put
from nanclean.target import Target

ROWS = 60
FORMATS = ("csv", "parquet", "npy")
OLD = b"what was there before"


@pytest.fixture(params=FORMATS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    R = np.random.default_rng(3)
    x, y = R.normal(10, 3, ROWS), R.normal(size=ROWS)
    x[::7] = np.nan
    x[5] = 500.0
    path = tmp_path / f"in.{request.param}"
    if request.param == "csv":
        cells = ["" if np.isnan(v) else repr(v) for v in x.tolist()]
        path.write_text("x,y\n" + "".join(f"{a},{b!r}\n" for a, b in zip(cells, y.tolist(), strict=True)))
    elif request.param == "parquet":
        pq.write_table(pa.table({"x": pa.array(x, from_pandas=True), "y": y}), path)
    else:
        np.save(path, np.stack([x, y], 1))
    return path


def names(path: Path) -> tuple[str, str]:
    return ("c0", "c1") if path.suffix == ".npy" else ("x", "y")


def caught(source: Path, rule: str, capsys: pytest.CaptureFixture[str], says: str = "") -> None:
    """Exit 4, nothing published, no draft left, and what was there before is there still."""
    folder, out = source.parent, source.parent / f"out{source.suffix}"
    rejected = folder / f"out.rejected{'.parquet' if source.suffix == '.parquet' else '.csv'}"
    for path in (out, rejected, folder / "r.json"):
        path.write_bytes(OLD)
    rule = rule.replace("x:", f"{names(source)[0]}:")
    code = run(["fix", str(source), "-o", str(out), "--recipe", str(folder / "r.json"), "--force", "--rule", rule])
    told = capsys.readouterr().err
    assert code == 4, told
    assert told.startswith("error: "), told
    assert says in told
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [source.name, out.name, rejected.name, "r.json"]), "drafts are gone"  # fmt: skip
    assert {path.read_bytes() for path in (out, rejected, folder / "r.json")} == {OLD}


def test_without_a_fault_all_is_well(source: Path) -> None:
    """Or the tests below would prove nothing."""
    out = source.parent / f"out{source.suffix}"
    for rule in ("missing -> drop", "missing -> fill(7)", "zscore -> clip", "missing -> flag"):
        if "flag" in rule and source.suffix == ".npy":
            continue
        report = nanclean.fix(source, out, rules=[f"{names(source)[0]}: {rule}"], force=True, no_config=True)
        assert report.output is not None
        assert report.output.verified


# --- writers


def bytes_of(piece: Any) -> bytearray:
    return bytearray(memoryview(piece).cast("B"))


def flipped(data: bytearray, at: int) -> bytearray:
    data[at] ^= 1
    return data


def last_digit(data: bytearray) -> int:
    return max(i for i, byte in enumerate(data) if chr(byte).isdigit())


def swapped_lines(data: bytearray) -> bytes:
    lines = bytes(data).splitlines(keepends=True)
    lines[-1], lines[-2] = lines[-2], lines[-1]
    return b"".join(lines)


TEXT_FAULTS: dict[str, Callable[[bytearray], bytes | bytearray]] = {
    "a flipped byte": lambda data: flipped(data, last_digit(data)),
    "a lost row": lambda data: b"".join(bytes(data).splitlines(keepends=True)[:-1]),
    "a row twice": lambda data: bytes(data) + bytes(data).splitlines(keepends=True)[-1],
    "swapped rows": swapped_lines,
    "a lost end": lambda data: data[:-3],
    "a quote": lambda data: bytes(data).replace(b",", b',"', 1),
}


@pytest.mark.parametrize("fault", TEXT_FAULTS)
@pytest.mark.parametrize("source", ["csv"], indirect=True)
def test_csv_writer(
    fault: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encode = _csvtarget.Copied.encoded
    monkeypatch.setattr(
        _csvtarget.Copied, "encoded",
        lambda self, block, columns: bytes(TEXT_FAULTS[fault](bytes_of(encode(self, block, columns)))),
    )  # fmt: skip
    caught(source, "x: missing -> fill(7)", capsys, "out.csv: ")


def of_tables(change: Callable[[pa.Table], pa.Table]) -> Callable[[Any], Any]:
    """A fault in what a Parquet writer is handed."""

    def done(batch: Any) -> Any:
        table = change(pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch)
        return table.to_batches()[0] if isinstance(batch, pa.RecordBatch) else table

    return done


def changed_cell(table: pa.Table) -> pa.Table:
    cells = table.column(1).to_pylist()
    cells[3] = np.nextafter(cells[3], 1)
    return table.set_column(1, table.field(1), pa.array(cells, table.field(1).type))


def other_zero(table: pa.Table) -> pa.Table:
    cells = table.column(0).to_pylist()
    cells[0] = None if cells[0] is not None else 7.0
    return table.set_column(0, table.field(0), pa.array(cells, table.field(0).type))


TABLE_FAULTS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "a lost row": lambda table: table.slice(1),
    "swapped rows": lambda table: table.take(pa.array([1, 0, *range(2, len(table))])),
    "a changed cell": changed_cell,
    "a null for a value": other_zero,
    "columns in each other's place": lambda table: pa.table([table.column(1), table.column(0)], schema=table.schema),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
@pytest.mark.parametrize("source", ["parquet"], indirect=True)
def test_parquet_writer(
    fault: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Writer(pq.ParquetWriter):
        def write_table(self, table: Any, *rest: Any, **more: Any) -> None:
            super().write_table(of_tables(TABLE_FAULTS[fault])(table), *rest, **more)

        def write_batch(self, batch: Any, *rest: Any, **more: Any) -> None:
            super().write_batch(of_tables(TABLE_FAULTS[fault])(batch), *rest, **more)

    monkeypatch.setattr(_parquettarget.pq, "ParquetWriter", Writer)
    caught(source, "x: missing -> fill(7)", capsys, "out.parquet: ")


FILE_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "a flipped byte": lambda data: bytes(flipped(bytearray(data), len(data) - 9)),
    "a flipped byte in the middle": lambda data: bytes(flipped(bytearray(data), len(data) * 2 // 3)),
    "a lost end": lambda data: data[:-16],
    "a longer end": lambda data: data + bytes(16),
    "nothing at all": lambda data: b"",
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_the_finished_file(
    fault: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever happens to the draft after it was written: a bad disk, another program."""
    verify = fixing.verify

    def later(sink: Sink, path: str, *rest: Any) -> None:
        data = Path(path).read_bytes()
        if source.suffix == ".csv" and "flipped" in fault:
            data = bytes(flipped(bytearray(data), last_digit(bytearray(data))))
        else:
            data = FILE_FAULTS[fault](data)
        Path(path).write_bytes(data)
        verify(sink, path, *rest)

    monkeypatch.setattr(fixing, "verify", later)
    caught(source, "x: missing -> fill(7)", capsys)


def changed_array(raw: np.ndarray) -> np.ndarray:
    raw = raw.copy()
    raw[-1] += 1
    return raw


@pytest.mark.parametrize("fault", ["swapped", "changed", "lost"])
@pytest.mark.parametrize("source", ["npy"], indirect=True)
def test_npy_writer(
    fault: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = _outputfile.OutputFile.write_at

    def wrong(self: Any, data: Any, at: int) -> Any:
        found = bytes_of(data)
        if len(found) >= ROWS * 8:
            x = np.frombuffer(bytes(found), np.float64).copy()
            if fault == "swapped":
                x[:4] = x[[2, 3, 0, 1]]
            elif fault == "changed":
                x[-1] = -x[-1]
            else:
                x = np.concatenate((x[2:], [0, 0]))
            return write(self, memoryview(x).cast("B"), at)
        return write(self, data, at)

    monkeypatch.setattr(_outputfile.OutputFile, "write_at", wrong)
    monkeypatch.setattr(_npytarget, "OutputFile", _outputfile.OutputFile, raising=False)
    caught(source, "x: missing -> fill(7)", capsys, "out.npy: ")


def test_a_lost_block(source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A piece that is counted and never written."""
    written: list[int] = []

    def forgetful(self: Sink, prepared: Prepared) -> None:
        written.append(prepared.rows)
        self.rows += prepared.rows
        for mine, theirs in zip(self.checksums, prepared.checksums, strict=True):
            mine.merge(theirs)

    monkeypatch.setattr(Sink, "write", forgetful)
    caught(source, "x: missing -> fill(7)", capsys)
    assert written


# --- the proof


def test_the_checksum_of_another_column(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = Sink.prepared

    def turned(self: Sink, block: Block) -> Prepared:
        found = prepared(self, block)
        return dataclasses.replace(found, checksums=found.checksums[::-1])

    monkeypatch.setattr(Sink, "prepared", turned)
    caught(source, "x: missing -> fill(7)", capsys, f"what was read back of {names(source)[0]}")


def test_a_row_count_that_is_wrong(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Sink.write

    def more(self: Sink, prepared: Prepared) -> None:
        write(self, prepared)
        self.rows += 1

    monkeypatch.setattr(Sink, "write", more)
    caught(source, "x: missing -> fill(7)", capsys, "rows were read back")


def test_a_checksum_that_forgets_a_cell(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes to the sink is summed up without its last cell; what is read back is not."""
    prepared = Sink.prepared

    def short(self: Sink, block: Block) -> Prepared:
        found = prepared(self, block)
        columns = self.target.columns(block)
        sums = [Checksum() for _ in columns]
        for checksum, raw in zip(sums, columns, strict=True):
            checksum.add(raw[:-1])
        return dataclasses.replace(found, checksums=sums)

    monkeypatch.setattr(Sink, "prepared", short)
    caught(source, "x: missing -> fill(7)", capsys, "what was read back of")


def test_a_column_with_another_name(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init = Sink.__post_init__

    def renamed(self: Sink) -> None:
        init(self)
        target: Target = self.target
        target.fields = (dataclasses.replace(target.fields[0], name="z"), *target.fields[1:])

    monkeypatch.setattr(Sink, "__post_init__", renamed)
    caught(source, "x: missing -> fill(7)", capsys, "was read back for z")


# --- fixers

RULES = {
    "blank": "x: range(-100, 100) -> blank",
    "impute": "x: missing -> impute(median)",
    "fill": "x: missing -> fill(7)",
    "clip": "x: range(-100, 100) -> clip",
    "drop": "x: missing -> drop",
}


@pytest.mark.parametrize("name", RULES)
def test_a_fixer_that_leaves_a_bad_cell(
    name: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind: Any = member("fixers", name)
    fix = kind.fix

    def lazy(self: Any, column: str, block: Block, bad: Any, carry: Any) -> Fixed:
        fewer = bad.cells.copy()
        fewer[np.flatnonzero(fewer)[:1]] = False
        return fix(self, column, block, dataclasses.replace(bad, cells=fewer), carry)

    monkeypatch.setattr(kind, "fix", lazy)
    caught(source, RULES[name], capsys, "left 1 bad cell")


@pytest.mark.parametrize("name", ["impute", "fill", "clip"])
def test_a_fixer_that_fills_in_a_bad_value(
    name: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind: Any = member("fixers", name)
    rule = {"impute": "x: range(-100, 100) -> impute(median)", "fill": "x: range(-100, 100) -> fill(7)"}

    def wild(self: Any, column: str, block: Block, bad: Any, carry: Any) -> Fixed:
        view = block.columns[column].view
        return Fixed(put(view, bad.cells, 1e6), bad.cells) if bad.cells.any() else Fixed()

    monkeypatch.setattr(kind, "fix", wild)
    caught(source, rule.get(name, RULES[name]), capsys, "left 1 bad cell")


@pytest.mark.parametrize("told", [True, False], ids=["and says so", "and says nothing"])
@pytest.mark.parametrize("name", ["blank", "impute", "fill", "clip"])
def test_a_fixer_that_touches_a_good_cell(
    name: str, told: bool, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind: Any = member("fixers", name)
    fix = kind.fix

    def busy(self: Any, column: str, block: Block, bad: Any, carry: Any) -> Fixed:
        fixed = fix(self, column, block, bad, carry)
        if fixed.column is None:
            return fixed
        good = np.zeros(fixed.column.cells, bool)
        good[np.flatnonzero(~bad.cells)[1]] = True
        changed = bad.cells | good if told else fixed.changed
        return dataclasses.replace(fixed, column=put(fixed.column, good, 11.0), changed=changed)

    monkeypatch.setattr(kind, "fix", busy)
    caught(source, RULES[name], capsys)


@pytest.mark.parametrize("name", ["cast", "normalize", "log1p"])
def test_a_fixer_that_does_not_keep_its_promise(name: str, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What these promise of every cell is asserted on what they give."""
    kind: Any = member("fixers", name)
    fix = kind.fix

    def wrong(self: Any, column: str, block: Block, bad: Any, carry: Any) -> Fixed:
        fixed = fix(self, column, block, bad, carry)
        if not block.rows:
            return fixed
        view = fixed.column if fixed.column is not None else block.columns[column].view
        assert isinstance(view, Numbers)
        if name == "cast":
            return dataclasses.replace(fixed, column=block.columns[column].view)
        return dataclasses.replace(fixed, column=put(view, np.arange(view.cells) == 2, np.nan))

    column = names(source)[1]
    fix_text = {"cast": "cast(float32)", "normalize": "normalize(standard)", "log1p": "log1p"}[name]
    above = f"{column}: range(0, 9) -> clip"
    if name == "cast" and source.suffix == ".npy":
        column = "@all"  # an array has one type
    monkeypatch.setattr(kind, "fix", wrong)
    with pytest.raises(VerificationError):
        nanclean.fix(
            source, source.parent / f"out{source.suffix}", rules=[above, f"{column} -> {fix_text}"], no_config=True
        )
    assert [path.name for path in source.parent.iterdir()] == [source.name]

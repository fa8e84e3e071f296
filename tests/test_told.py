"""What must not be passed over in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nanclean

CLOSED = 141


def rules(report):
    return [(finding.rule, finding.column, finding.severity) for finding in report.findings]


def test_a_rule_that_reaches_no_column_is_a_warning():
    report = nanclean.scan({"a": np.arange(30.0)}, rules=["q*: missing", "@all: zscore(3)"])

    (found,) = [finding for finding in report.findings if finding.severity == "warning"]
    assert (found.rule, found.message) == ("policy", "--rule 'q*: missing': q* matches no column")


def test_columns_that_a_rule_skips_are_listed():
    report = nanclean.scan(pa.table({"a": [1.0, 2.0], "t": ["x", "y"]}), rules=["@all: zscore(3)"])

    assert [finding.message for finding in report.findings if finding.rule == "policy"] == [
        "@all: zscore: not for t, which is text"
    ]


def test_null_lists_are_found(tmp_path: Path):
    pq.write_table(pa.table({"e": [[1.0, 2.0], None, [3.0], None], "y": [1, 2, 3, 4]}), tmp_path / "e.parquet")
    report = nanclean.scan(tmp_path / "e.parquet")

    (found,) = [finding for finding in report.findings if finding.rule == "missing"]
    assert (found.count, found.rows, found.message.splitlines()[0]) == (2, [2, 4], "2 null lists")
    assert report.columns["e"].missing_rows == 2


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1,234", "12,500", "999,999", "1,000"], "a decimal comma or a thousands mark"),
        (["1,234", "12,500", "1,234,567", "1,000"], "a decimal comma or a thousands mark"),
        (["1,5", "12,25", "0,125", "7,0"], "a decimal comma"),
    ],
)
def test_a_comma_before_three_digits_may_be_a_thousands_mark(tmp_path: Path, cells: list[str], said: str):
    (tmp_path / "t.csv").write_text("a;b\n" + "".join(f'"{cell}";x\n' for cell in cells))
    report = nanclean.scan(tmp_path / "t.csv", delimiter=";")

    (found,) = [finding for finding in report.findings if finding.rule == "decimal"]
    assert f"numbers with {said}:" in found.message
    assert ("--decimal" in (found.hint or "")) == (said == "a decimal comma")


def test_numbers_may_be_declared_as_numbers():
    assert nanclean.scan({"a": np.array([1, -999, 2])}, missing=[-999]).columns["a"].token == 1


def test_a_pipe_that_closes_early_is_no_success(tmp_path: Path):
    """Unbuffered, the system may write a part of it and say nothing."""
    header, row = ",".join(f"x{i}" for i in range(2_000)), ",".join("1" for _ in range(2_000))
    (tmp_path / "wide.csv").write_text(f"{header}\n{row}\n{row}\n")
    command = [sys.executable, "-m", "nanclean", "scan", "wide.csv", "--json", "-"]
    for unbuffered in ("", "1"):
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, env=environment) as running:
            assert running.stdout is not None
            running.stdout.read(10)
            running.stdout.close()
            assert running.wait(60) == CLOSED


def test_wrong_numbers_of_a_call_are_told():
    for options in ({"memory": "20MB"}, {"jobs": 0}, {"fail_on": "errr"}):
        with pytest.raises(nanclean.UsageError, match=next(iter(options))):
            nanclean.scan({"a": np.arange(3)}, **options)

"""The command line with a made-up api: what it answers is in the name of the file. Run as a program by the tests."""

from __future__ import annotations

import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import nanclean
from nanclean.errors import InputError, PolicyError
from nanclean.report import Report
from tests import reports

CALLS: list[dict[str, Any]] = []


def scan(source: str, *, fail_on: str = "never", values: bool = True, progress: Any = None, **rest: Any) -> Report:
    """A report of the kind that the name asks for, or the failure."""
    CALLS.append({"source": source, "fail_on": fail_on, "values": values, "progress": progress, **rest})
    name = Path(source).name
    if name.startswith("unreadable"):
        raise InputError(f"{source}: line 3: a quote is never closed", hint="look at line 3")
    if name.startswith("bug"):
        raise RuntimeError("a secret from the data")
    if name.startswith("memory"):
        raise MemoryError
    if name.startswith("disk"):
        raise OSError(5, "Input/output error", source)
    if rest.get("policy") == "wrong.toml":
        raise PolicyError("wrong.toml:3: no such rule\nwrong.toml:5: no such column", hint="there are two")
    if name.startswith("stray"):  # a library that writes to descriptor 1 while the data is open
        data = os.open(source, os.O_RDWR)
        os.write(1, b"stray")
        os.close(data)
    begun = os.environ.get("BEGUN")
    if begun:
        Path(begun).touch()
    try:
        for n in range(250):
            time.sleep(0 if not name.startswith("slow") else 0.02 if begun else 0.01)
            if progress is not None:
                progress(n, 250)
    finally:
        if "MARK" in os.environ:
            time.sleep(0.5)
            Path(os.environ["MARK"]).touch()
    made = reports.embeddings(30) if name.startswith("error") else reports.healthy()
    made = reports.weather() if name.startswith("weather") else made
    made = msgspec.structs.replace(made, source=msgspec.structs.replace(made.source, path=source))
    fails = {"never": 0, "error": made.summary.error, "warning": made.summary.error + made.summary.warning}
    report = msgspec.structs.replace(made, exit_code=int(fails.get(fail_on, 1) > 0))
    told = [msgspec.structs.replace(finding, message="told without values") for finding in report.findings]
    return report if values else msgspec.structs.replace(report, findings=told)


def check(source: str, **options: Any) -> Report:
    """The same, as the gate."""
    return msgspec.structs.replace(scan(source, **options), command="check")


def api() -> types.ModuleType:
    """The module."""
    made = types.ModuleType("nanclean.api")
    made.scan = scan  # type: ignore[attr-defined]
    made.check = check  # type: ignore[attr-defined]
    return made


if __name__ == "__main__":
    sys.modules["nanclean.api"] = nanclean.api = api()  # type: ignore[attr-defined]
    from nanclean.cli import main

    main()

"""RESULTS.md from the measurements, which lie beside the data: a part can be measured again, and the page made anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.goals import Goal, table

HEAD = """\
# What nanclean costs

Made by `make bench`, which measures everything side by side in one run; a part of it is measured again by
`make bench BENCH=speed`. Only ratios carry over to another machine. CPU is user and system time of the whole process
tree, peak is its largest resident memory, files are in the page cache. Every measurement is a fresh process, and what
is compared runs in turn, round after round."""
NO_GOALS = "No goal could be held against a measurement."


def save(folder: Path, name: str, about: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Keep what a part has measured."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{name}.json"
    hidden.write_text(json.dumps({"about": about, "found": found}, indent=1), encoding="utf-8")
    hidden.rename(folder / f"{name}.json")


def load(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """What was kept, by part."""
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}


def rendered(parts: Mapping[str, ModuleType], kept: Mapping[str, Mapping[str, Any]]) -> str:
    """The page."""
    lines = [HEAD, "", *_machines(kept), "", "## Goals", ""]
    goals: list[Goal] = []
    for name, part in parts.items():
        if name in kept:
            goals += part.goals(kept[name]["found"])
    lines += table(goals) if goals else [NO_GOALS]
    for name, part in parts.items():
        lines += ["", f"## {part.TITLE}", ""]
        if name not in kept:
            lines.append(f"Not measured yet: `make bench BENCH={name}`.")
            continue
        lines += part.page(kept[name]["found"])
        lost = kept[name]["found"].get("lost", [])
        lines += ["", f"Left out, because it failed: {'; '.join(lost)}."] if lost else []
    return "\n".join(lines) + "\n"


def _machines(kept: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The shape of the machine and the versions; of each part, where they are not the same."""
    by_text: dict[str, list[str]] = {}
    for name, part in kept.items():
        about = part["about"]
        text = f"- {about['machine']}\n- {', '.join(f'{name} {number}' for name, number in about['versions'].items())}"
        by_text.setdefault(text, []).append(name)
    if len(by_text) == 1:
        return list(by_text)
    lines = []
    for text, names in by_text.items():
        lines += [f"{', '.join(names)}:", "", text, ""]
    return lines[:-1] if lines else ["Nothing was measured yet."]

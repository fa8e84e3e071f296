"""Prints the lowest versions that pyproject.toml allows, as arguments for pip."""

import tomllib
from pathlib import Path


def lowest(root: Path) -> list[str]:
    """The run-time dependencies, each pinned to its lower bound."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [needed.replace(">=", "==") for needed in project["dependencies"]]


if __name__ == "__main__":
    print(*lowest(Path(__file__).parents[1]))

"""The published JSON Schemas, made from the program: `python -m nanclean.schemas` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def written() -> dict[str, str]:
    """The text of each schema by the name of its file."""
    from nanclean.recipe import RecipeFile
    from nanclean.report import Report
    from nanclean.schemas.policy import schema

    return {
        "policy-1.json": _text(schema()),
        "recipe-1.json": _text(_of_model(RecipeFile, "nanclean.recipe/1")),
        "report-1.json": _text(_of_model(Report, "nanclean.report/1")),
    }


def places() -> list[Path]:
    """The folders that hold the schemas: the package, and beside its sources the documentation."""
    root = FOLDER.parent.parent
    return [FOLDER, root / "docs" / "schemas"] if (root / "pyproject.toml").is_file() else [FOLDER]


def _of_model(model: type, title: str) -> dict[str, Any]:
    import msgspec

    (top,), parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    for part in parts.values():
        _every_key_always(part)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **top, "$defs": parts}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _every_key_always(part: dict[str, Any]) -> None:
    """Defaults are for who builds a report; who reads one finds every key."""
    part["required"] = list(part.get("properties", {}))
    for described in part.get("properties", {}).values():
        described.pop("default", None)
    if "description" in part:
        part["description"] = " ".join(part["description"].split())

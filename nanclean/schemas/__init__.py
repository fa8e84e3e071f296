"""The published JSON Schemas, made from the models: `python -m nanclean.schemas` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def written() -> dict[str, str]:
    """The text of each schema by the name of its file."""
    from nanclean.report import Report

    return {"report-1.json": _text(Report, "nanclean.report/1")}


def _text(model: type, title: str) -> str:
    import msgspec

    (top,), parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    for part in parts.values():
        _every_key_always(part)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **top, "$defs": parts}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _every_key_always(part: dict[str, Any]) -> None:
    """Defaults are for who builds a report; who reads one finds every key."""
    part["required"] = list(part.get("properties", {}))
    for described in part.get("properties", {}).values():
        described.pop("default", None)
    if "description" in part:
        part["description"] = " ".join(part["description"].split())

"""JSON Schema of a catalog file, for editors."""

from typing import Any

from pydantic.json_schema import models_json_schema

from gptbudget.catalog.entries import CONCEPTS, architectures
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec


def catalog_schema() -> dict[str, Any]:
    """The schema of a file with ``gpus:`` and ``models:``.

    In a ``models`` entry, the name and fields defined by its architecture are optional.
    """
    _, schema = models_json_schema([(GpuSpec, "validation"), (ModelSpec, "validation")])
    definitions = schema["$defs"]
    _relax(definitions["GpuSpec"], {"name"})
    _relax(definitions["ModelSpec"], {"name", *CONCEPTS} - {"attention"})
    definitions["ModelSpec"]["required"].append("architecture")
    definitions["ModelSpec"]["properties"]["architecture"] = {"enum": list(architectures())}
    for concept in ("Attention", "FeedForward", "Norms", "Positions", "Head"):
        needed = {"heads"} & set(definitions[concept]["required"])
        definitions[concept]["required"] = sorted(needed)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gptbudget catalog",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "gpus": _entries("GpuSpec"),
            "models": _entries("ModelSpec"),
        },
        "$defs": definitions,
    }


def _relax(definition: dict[str, Any], optional: set[str]) -> None:
    definition["required"] = [name for name in definition["required"] if name not in optional]


def _entries(name: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{name}"}}

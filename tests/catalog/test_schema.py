"""The JSON Schema that editors use is valid, complete, and equal to the shipped copy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gptbudget.catalog.paths import data_file, shipped_files
from gptbudget.catalog.schema import catalog_schema
from gptbudget.catalog.yamlfile import read_yaml
from tests.conftest import Cli

SCHEMA = catalog_schema()


def test_the_shipped_copy_is_what_the_command_prints(cli: Cli) -> None:
    """Made with: gptbudget catalog schema > src/gptbudget/data/catalog.schema.json."""
    assert data_file("catalog.schema.json").read_text() == cli("catalog", "schema").out


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.name)
def test_the_shipped_files_name_it(path: Any) -> None:
    first = path.read_text().partition("\n")[0]
    assert first == "# yaml-language-server: $schema=src/gptbudget/data/catalog.schema.json"
    assert (path.parent / first.partition("$schema=")[2]).samefile(data_file("catalog.schema.json"))


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


def test_references_lead_somewhere() -> None:
    references = [part["$ref"] for part in parts(SCHEMA) if isinstance(part.get("$ref"), str)]
    assert references
    for reference in references:
        assert reference.removeprefix("#/$defs/") in SCHEMA["$defs"]


def test_every_mapping_is_closed() -> None:
    """An editor marks a misspelt key."""
    for name, definition in SCHEMA["$defs"].items():
        if definition["type"] == "object":
            assert definition["additionalProperties"] is False, name


# --- a validator of the few keywords that the schema uses ----------------------------------------

TYPES: dict[str, Any] = {
    "object": dict,
    "array": tuple,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": int | float,
}
SILENT = {"$schema", "$defs", "title", "description", "default", "type", "prefixItems"}
KNOWN = SILENT | {
    *("$ref", "anyOf", "enum", "const", "properties", "additionalProperties", "required"),
    *("items", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength"),
    *("pattern", "minItems", "maxItems"),
}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether the schema accepts a value; lengths and patterns aside."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        return accepts(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value)
    if "anyOf" in schema:
        return any(accepts(part, value) for part in schema["anyOf"])
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else [value])
    kind = schema.get("type")
    if value not in allowed or (kind and not isinstance(value, TYPES[kind])):
        return False
    if kind in {"integer", "number"}:
        return not isinstance(value, bool) and (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
        )
    if kind == "array":
        return all(accepts(schema.get("items", {}), item) for item in value)
    return kind != "object" or accepts_mapping(schema, value)


def accepts_mapping(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    own, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    return set(schema.get("required", ())) <= set(value) and all(
        accepts(own[key], item) if key in own else rest is not False and accepts(rest, item)
        for key, item in value.items()
    )


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.name)
def test_editors_accept_the_shipped_files(path: Any) -> None:
    data = read_yaml(path).data
    for kind, entries in data.items():
        for key, entry in entries.items():
            assert accepts(SCHEMA, {kind: {key: entry}}), key


REFUSED = {
    "unknown-section": {"gpu": {}},
    "unknown-key": {"gpus": {"a": {"peak_tflops": {"fp33": 1}}}},
    "missing-key": {"gpus": {"a": {}}},
    "text-for-a-number": {"gpus": {"a": {"peak_tflops": {"fp32": "fast"}}}},
    "negative": {"gpus": {"a": {"peak_tflops": {"fp32": -1}}}},
    "no-architecture": {
        "models": {
            "m": {
                "layers": 1,
                "width": 1,
                "vocabulary": 1,
                "context": 1,
                "attention": {"heads": 1},
            }
        }
    },
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_editors_mark_what_the_loader_refuses(data: dict[str, Any]) -> None:
    assert not accepts(SCHEMA, data)


def test_it_is_json_schema(cli: Cli) -> None:
    schema = json.loads(cli("catalog", "schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"gpus", "models"}

"""A model from a Hugging Face config.json."""

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gptbudget.catalog.huggingface.config import HfConfig, shown
from gptbudget.catalog.huggingface.families import FAMILIES
from gptbudget.catalog.sentences import sentence
from gptbudget.catalog.yamlfile import read_text
from gptbudget.errors import FileError, printable
from gptbudget.specs.model import ModelSpec

_ALWAYS_NOTED = ("auto_map", "quantization_config")
_MOST_NOTED = 40


def load_config(path: Path) -> ModelSpec:
    """Read a config and build the model it describes.

    Nothing in the file is executed; keys that carry no size are named in the model's notes.

    Raises:
        FileError: it cannot be read, its type is unknown, or its keys contradict each other.
    """
    config = read_config(path)
    kind = config.raw("model_type")
    inner = config
    if kind == "gemma3":
        inner, kind = config.part("text_config"), "gemma3_text"
        inner.raw("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        what = "is missing" if kind is None else f"{shown(kind)} is not a known type"
        known = ", ".join(sorted([*FAMILIES, "gemma3"]))
        raise config.fault("model_type", what, f"known: {known}")
    data = family(inner)
    title = printable(config.path.parent.resolve().name or config.path.stem)
    try:
        return ModelSpec.model_validate({"name": title, **data, "notes": _ignored(config, inner)})
    except ValidationError as error:
        raise _contradiction(config, error) from None


def _ignored(config: HfConfig, inner: HfConfig) -> str | None:
    """Name the keys that were not read: they carry no size."""
    left = config.ignored() + ([] if inner is config else inner.ignored())
    ordered = [key for key in _ALWAYS_NOTED if key in left]
    ordered += [key for key in left if key not in _ALWAYS_NOTED]
    if not ordered:
        return None
    names = [shown(key)[1:-1] for key in ordered[:_MOST_NOTED]]
    more = f" and {len(ordered) - _MOST_NOTED} more" if len(ordered) > _MOST_NOTED else ""
    return f"keys that carry no size are ignored: {', '.join(names)}{more}"


def _contradiction(config: HfConfig, error: ValidationError) -> FileError:
    """Convert a validation error of ``ModelSpec`` (contradicting sizes) into a ``FileError``."""
    fault = error.errors()[0]
    what, hint = sentence(fault, ModelSpec)
    key = ".".join(str(part) for part in fault["loc"])
    return FileError(f"{config.path}:1: {f'{key}: ' if key else ''}{what}", hint)


_LONGEST_NUMBER = 40


def read_config(path: Path) -> HfConfig:
    """Read a ``config.json``, or the one inside a folder.

    Raises:
        FileError: it cannot be read, or is not a JSON object.
    """
    file = path / "config.json" if path.is_dir() else path
    text = read_text(file, "a config.json")
    try:
        data = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_whole_number,
            object_pairs_hook=partial(_object, file, text),
        )
    except RecursionError:
        raise FileError(f"{file}:1: nested too deeply", "this is not a config.json") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        what = getattr(error, "msg", str(error)).lower()
        raise FileError(f"{file}:{line}: not valid JSON ({what})", "correct the line") from None
    if not isinstance(data, dict):
        raise FileError(f"{file}:1: is not a JSON object", "name a config.json")
    return HfConfig(file, text, data)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _whole_number(digits: str) -> int | float:
    """Parse an integer; absurdly long ones become infinity, which fails every range check."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def _object(file: Path, text: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; raise an error if a key occurs twice with different values."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if values.setdefault(key, value) != value:
            *_, start = [0, *(hit.start() for hit in re.finditer(re.escape(f'"{key}"'), text))]
            line = text.count("\n", 0, start) + 1
            raise FileError(f"{file}:{line}: {shown(key)} is given twice", "keep one of them")
    return values

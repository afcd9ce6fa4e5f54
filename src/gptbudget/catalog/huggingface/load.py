"""A model from a Hugging Face ``config.json``."""

from pathlib import Path

from pydantic import ValidationError

from gptbudget.catalog.huggingface.config import HfConfig, read_config, shown
from gptbudget.catalog.huggingface.families import FAMILIES
from gptbudget.catalog.sentences import sentence
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
        if config.raw("text_config") is None:
            raise config.fault("text_config", "is missing", "the model's size depends on it")
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
    """Sizes that cannot stand together, in the words of the model's own check."""
    fault = error.errors()[0]
    what, hint = sentence(fault, ModelSpec)
    key = ".".join(str(part) for part in fault["loc"])
    return FileError(f"{config.path}:1: {f'{key}: ' if key else ''}{what}", hint)

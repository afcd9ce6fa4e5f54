"""Turn plain data from a file into validated objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gptbudget.catalog.yamlfile import YamlFile
from gptbudget.errors import FileError

M = TypeVar("M", bound=BaseModel)


def build(model: type[M], data: Any, file: YamlFile, *keys: str) -> M:
    """Build ``model`` from ``data``, which stands at ``keys`` of ``file``.

    Raises:
        FileError: the first fault, as ``file:line: key: what``.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = next(iter(faults(error, model, file, *keys)))
        raise first from None


def faults(
    error: ValidationError, model: type[BaseModel], file: YamlFile, *keys: str
) -> Iterator[FileError]:
    """Every fault of a failed validation, as ``file:line: key: what``, in file order."""
    from gptbudget.catalog.sentences import sentence

    found = [(file.line(*keys, *fault["loc"]), fault) for fault in error.errors()]
    for line, fault in sorted(found, key=lambda item: item[0]):
        key = ".".join(str(part) for part in (*keys, *fault["loc"]))
        what, hint = sentence(fault, model)
        yield FileError(f"{file.path}:{line}: {key}: {what}", hint)

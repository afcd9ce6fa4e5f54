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
    """Every fault of a failed validation, as ``file:line: key: what``, in file order.

    A missing key comes after the unknown keys beside it: it is most often misspelt.
    """
    from gptbudget.catalog.sentences import sentence

    found = error.errors()
    unknown = [fault["loc"] for fault in found if fault["type"] == "extra_forbidden"]

    def place(fault: Any) -> tuple[int, bool]:
        beside = [file.line(*keys, *loc) for loc in unknown if loc[:-1] == fault["loc"][:-1]]
        own = file.line(*keys, *fault["loc"])
        return (max(own, *beside), True) if fault["type"] == "missing" and beside else (own, False)

    for fault in sorted(found, key=place):
        line = file.line(*keys, *fault["loc"])
        key = ".".join(str(part) for part in (*keys, *fault["loc"]))
        what, hint = sentence(fault, model)
        yield FileError(": ".join(filter(None, (f"{file.path}:{line}", key, what))), hint)

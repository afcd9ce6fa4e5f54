"""Turn plain data from a file into validated objects, with one clear sentence per fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gptbudget.catalog.yamlfile import YamlFile
from gptbudget.errors import FileError

M = TypeVar("M", bound=BaseModel)

_LONGEST_SHOWN = 60


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
    found = [(file.line(*keys, *fault["loc"]), fault) for fault in error.errors()]
    for line, fault in sorted(found, key=lambda item: item[0]):
        key = ".".join(str(part) for part in (*keys, *fault["loc"]))
        what, hint = sentence(fault, model)
        yield FileError(f"{file.path}:{line}: {key}: {what}", hint)


def sentence(fault: Any, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong and what to do, for one pydantic fault."""
    given, kind = fault["input"], fault["type"]
    if kind == "extra_forbidden":
        return "unknown key", _nearest_key(fault["loc"], model)
    if kind == "missing":
        return "is missing", "add it"
    if kind == "value_error":
        return str(fault["ctx"]["error"]), "correct the value"
    words = {
        "int_type": "a whole number belongs here",
        "int_from_float": "a whole number belongs here",
        "float_type": "a number belongs here",
        "string_type": "text belongs here",
        "bool_type": "true or false belongs here",
        "tuple_type": "a list belongs here",
        "model_type": "a mapping of keys to values belongs here",
        "model_attributes_type": "a mapping of keys to values belongs here",
        "dict_type": "a mapping of keys to values belongs here",
    }
    what = words.get(kind) or _lowered(fault["msg"])
    return f"{what}, not {_shown(given)}", _how_to_write(kind, given)


def _shown(given: Any) -> str:
    """The offending value, shortened, in the file's own words."""
    text = {True: "true", False: "false", None: "nothing"}.get(given) if _plain(given) else None
    text = text or (f"'{given}'" if isinstance(given, str) else str(given))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _plain(given: Any) -> bool:
    return given is None or isinstance(given, bool)


def _how_to_write(kind: str, given: Any) -> str:
    numeric = kind in {"int_type", "float_type", "int_from_float"}
    if numeric and isinstance(given, str):
        return "write a plain decimal number such as 8192 or 1.5e12, without quotes or unit"
    return "correct the value"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _nearest_key(loc: tuple[Any, ...], model: type[BaseModel]) -> str:
    """Name the key that was probably meant, else all that are known here."""
    known = list(_fields_at(loc[:-1], model))
    nearest = difflib.get_close_matches(str(loc[-1]), known, n=1)
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    return f"known here: {', '.join(known)}"


def _fields_at(loc: tuple[Any, ...], model: type[BaseModel]) -> Iterator[str]:
    """The field names of the (nested) model at ``loc``."""
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None:
            return
        field = current.model_fields.get(str(part))
        current = _model_in(field.annotation) if field is not None else None
    if current is not None:
        yield from current.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model inside ``X`` or ``X | None``."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)

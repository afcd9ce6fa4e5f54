"""Turn pydantic validation errors into one-sentence messages: what is wrong, and what to do."""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from gptbudget.catalog.yamlfile import YamlFile
from gptbudget.errors import FileError, nearest_hint
from gptbudget.specs.base import Spec, spec_in

_LONGEST_SHOWN = 60
_TINY = 1e-9
_SIMPLE = {
    "missing": ("is missing", "add it"),
    "string_too_short": ("is empty", "write a value"),
    "too_short": ("is empty", "write a value"),
}
_PLAIN = "write a plain decimal number such as 8192 or 1.5e12, without quotes or unit"
_MAPPING = ("a mapping of keys to values", "write key: value")
_BELONGS_HERE = {
    "int_type": ("a whole number", _PLAIN),
    "int_from_float": ("a whole number", _PLAIN),
    "float_type": ("a number", _PLAIN),
    "finite_number": ("a finite number", _PLAIN),
    "string_type": ("text", "write a word"),
    "string_unicode": ("text", "write a word"),
    "string_pattern_mismatch": ("a date", "write '2023', '2023-01' or '2023-01-05'"),
    "bool_type": ("true or false", "write one of them"),
    "tuple_type": ("a list", "write values in [ ]"),
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
}
"""What belongs where a value of another type stands, and what to write."""

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

M = TypeVar("M", bound=Spec)


def sentence(fault: Any, model: type[Spec]) -> tuple[str, str]:
    """What is wrong and what to do, for one pydantic fault."""
    given, kind, context = fault["input"], fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key", _nearest_key(fault["loc"], model)
    if kind == "value_error":
        what, _, hint = str(context["error"]).rpartition(": ")
        return (what, hint) if what else (hint, "correct one of them")
    return _SIMPLE.get(kind) or _wrong_value(kind, given, context, fault["msg"])


def _wrong_value(kind: str, given: Any, context: dict[str, Any], message: str) -> tuple[str, str]:
    """What is wrong with a value of the wrong kind or size, in the file's own words."""
    if kind == "literal_error":
        known = context["expected"].replace("'", "").replace(" or ", ", ")
        return f"{shown(given)} is not known", f"write one of {known}"
    if kind in _BOUNDS:
        return f"{shown(given)} is out of range", f"write a number {_bound(kind, context)}"
    if kind in _BELONGS_HERE:
        what, hint = _BELONGS_HERE[kind]
        if kind == "string_type" and isinstance(given, int | float):
            hint = f"put it in quotes: '{shown(given)}'"
        if kind == "tuple_type" and isinstance(given, str) and len(given) <= _LONGEST_SHOWN:
            hint = f"write [{given}]"
        return f"{what} belongs here, not {shown(given)}", hint
    return f"{message[:1].lower()}{message[1:]}, not {shown(given)}", "correct the value"


def _bound(kind: str, limits: dict[str, float]) -> str:
    """The bound in words; a tiny positive bound is written as zero."""
    name, words = _BOUNDS[kind]
    if 0 < limits[name] < _TINY:
        return "greater than zero"
    return f"{words} {limits[name]:g}".replace("e+", "e")


def shown(given: Any) -> str:
    """The offending value, shortened, in the file's own words."""
    if given is None or isinstance(given, bool):
        return {True: "true", False: "false", None: "nothing"}[given]
    if isinstance(given, tuple | list):
        return "a list"
    if isinstance(given, dict):
        return "a mapping"
    text = repr(given) if isinstance(given, str) else str(given)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _nearest_key(loc: tuple[Any, ...], model: type[Spec]) -> str:
    """Name the key that was probably meant, else all that are known here."""
    inner = _spec_at(loc[:-1], model)
    hint = inner.key_hint(str(loc[-1])) if inner else ""
    return hint or nearest_hint(str(loc[-1]), inner.model_fields if inner else ())


def _spec_at(loc: tuple[Any, ...], spec: type[Spec]) -> type[Spec] | None:
    """The (nested) spec at ``loc``; names of a mapping and places in a list lead to no other."""
    current: type[Spec] | None = spec
    for part in loc:
        field = current.model_fields.get(str(part)) if current else None
        if field is not None:
            current = spec_in(field.annotation)
    return current


def build(model: type[M], data: Any, file: YamlFile, *keys: str) -> M:
    """Build ``model`` from ``data``, which stands at ``keys`` of ``file``.

    Raises:
        FileError: the first fault, as ``file:line: key: what``.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise next(faults_of(error, model, file, *keys)) from None


def faults_of(
    error: ValidationError, model: type[Spec], file: YamlFile, *keys: str
) -> Iterator[FileError]:
    """Every fault of a failed validation, as ``file:line: key: what``, in file order.

    Unknown keys come before a missing key at the same level, because the missing key is usually a
    misspelt one.
    """
    faults = error.errors()
    unknown = [fault["loc"] for fault in faults if fault["type"] == "extra_forbidden"]

    def place(fault: Any) -> tuple[int, bool]:
        beside = [file.line(*keys, *loc) for loc in unknown if loc[:-1] == fault["loc"][:-1]]
        own = file.line(*keys, *fault["loc"])
        return (max(own, *beside), True) if fault["type"] == "missing" and beside else (own, False)

    for fault in sorted(faults, key=place):
        yield file.fault(*sentence(fault, model), *keys, *fault["loc"])

"""One catalog entry: from plain data to a validated spec."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gptbudget.catalog.cache import cached
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.sentences import build, faults
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.specs import base, gpu, model
from gptbudget.specs.base import restored
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

S = TypeVar("S", GpuSpec, ModelSpec)

_SPECS = tuple(Path(module.__file__ or module.__name__) for module in (base, gpu, model))
"""What an entry is validated by."""

CONCEPTS = ("attention", "ffn", "norms", "positions", "head")

_DOCUMENT = r"\b(?:pages?|p\.|tables?|figure|sections?|rank)\s*[A-Z]?\.?\d|\bappendix\s+[A-Z\d]\b"
"""How a document is cited: with the number of a page, table or the like."""


def build_gpu(data: Any, file: YamlFile, key: str, *, shipped: bool) -> GpuSpec:
    """Build the accelerator ``key`` of ``file``.

    Raises:
        FileError: the first fault, as ``file:line: key: what``.
    """
    _require_sources(data, file, ("gpus", key), shipped=shipped)
    return _built(GpuSpec, _named(data, key), file, "gpus", key, keep=shipped)


def build_model(data: Any, file: YamlFile, key: str, *, shipped: bool) -> ModelSpec:
    """Build the model ``key`` of ``file`` on top of the architecture it names.

    Raises:
        FileError: the first fault, as ``file:line: key: what``.
    """
    _require_sources(data, file, ("models", key), shipped=shipped)
    complete = _on_architecture(data, file, key)
    return _built(ModelSpec, complete, file, "models", key, keep=shipped)


def _built(spec: type[S], data: Any, file: YamlFile, kind: str, key: str, *, keep: bool) -> S:
    """Validate an entry, or take what it was validated to before from the cache."""
    if not keep:
        return build(spec, data, file, kind, key)
    found = cached(
        file.path.with_name(f"{kind}-{key}"),
        json.dumps(data),
        _SPECS,
        lambda: build(spec, data, file, kind, key).model_dump(),
    )
    return restored(spec, found)


def entry_faults(
    kind: str, key: str, data: Any, file: YamlFile, *, shipped: bool
) -> Iterator[FileError]:
    """Every fault of one entry."""
    yield from _source_faults(data, file, (kind, key), shipped=shipped)
    spec: type[BaseModel] = GpuSpec if kind == "gpus" else ModelSpec
    try:
        complete = _named(data, key) if kind == "gpus" else _on_architecture(data, file, key)
        built = spec.model_validate(complete)
    except ValidationError as error:
        yield from faults(error, spec, file, kind, key)
    except FileError as fault:
        yield fault
    else:
        from gptbudget.catalog.tensor_rates import tensor_rate_faults

        if isinstance(built, GpuSpec):
            yield from tensor_rate_faults(built, file, key)


def _named(data: Any, key: str) -> Any:
    """An entry without a name is called by its key."""
    return {"name": key, **data} if isinstance(data, Mapping) else data


def _on_architecture(data: Any, file: YamlFile, key: str) -> Any:
    """Lay an entry over its architecture, concept by concept."""
    if not isinstance(data, Mapping):
        return data
    name = data.get("architecture")
    base = architectures().get(name) if isinstance(name, str) else None
    if base is None:
        raise _unknown_architecture(data, file, key)
    merged = _named(data, key)
    for concept in CONCEPTS:
        own = data.get(concept, {})
        if isinstance(own, Mapping):
            merged[concept] = {**base[concept], **own}
    return merged


def _unknown_architecture(data: Any, file: YamlFile, key: str) -> FileError:
    from gptbudget.catalog.sentences import shown

    name = data.get("architecture")
    where = file.where("models", key, "architecture")
    what = "is missing" if name is None else f"{shown(name)} is not known"
    return FileError(
        f"{where}: models.{key}.architecture: {what}",
        f"write one of {', '.join(architectures())}",
    )


@cache
def architectures() -> dict[str, Any]:
    """The architectures by name, as plain data."""
    return dict(read_yaml(data_file("architectures.yaml"), keep=True).data["architectures"])


def _require_sources(data: Any, file: YamlFile, keys: tuple[str, str], *, shipped: bool) -> None:
    """Raise the first fault of :func:`_source_faults`."""
    fault = next(_source_faults(data, file, keys, shipped=shipped), None)
    if fault is not None:
        raise fault


def _source_faults(
    data: Any, file: YamlFile, keys: tuple[str, str], *, shipped: bool
) -> Iterator[FileError]:
    """A shipped entry cites where its numbers come from; a user's may leave that out."""
    if not shipped or not isinstance(data, Mapping):
        return
    label, hint = ".".join((*keys, "sources")), "cite a URL, or a document with page or table"
    sources = data.get("sources")
    if not sources:
        yield FileError(f"{file.where(*keys)}: {label}: is missing", hint)
    for position, source in enumerate(sources if isinstance(sources, tuple) else ()):
        if not _is_source(source):
            from gptbudget.catalog.sentences import shown

            where = file.where(*keys, "sources", position)
            yield FileError(f"{where}: {label}: {shown(source)} is not a source", hint)


def _is_source(source: Any) -> bool:
    """Whether it is a URL, or a document with page or table."""
    if not isinstance(source, str):
        return False
    scheme, _, rest = source.partition("://")
    if scheme in {"http", "https"}:
        return "." in rest.partition("/")[0].strip(".")
    return re.search(_DOCUMENT, source, re.IGNORECASE) is not None

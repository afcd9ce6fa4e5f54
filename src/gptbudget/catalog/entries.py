"""One catalog entry: from plain data to a validated spec."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gptbudget.catalog.cache import cached, digest_of
from gptbudget.catalog.index import RawEntry
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.sentences import build, shown
from gptbudget.catalog.yamlfile import YamlFile, read_text
from gptbudget.errors import FileError
from gptbudget.specs import base, gpu, model
from gptbudget.specs.base import restored
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

SPECS: Mapping[str, type[GpuSpec | ModelSpec]] = {"gpus": GpuSpec, "models": ModelSpec}
"""What the entries of a section are."""

_VALIDATED_BY = (
    Path(__file__),
    *(Path(module.__file__ or module.__name__) for module in (base, gpu, model)),
)
"""The code that validates an entry."""

CONCEPTS = ("attention", "ffn", "norms", "positions", "head")

_DOCUMENT = r"\b(?:pages?|p\.|tables?|figure|sections?|rank)\s*[A-Z]?\.?\d|\bappendix\s+[A-Z\d]\b"
"""How a document is cited: with the number of a page, table or the like."""


def build_entry(raw: RawEntry) -> GpuSpec | ModelSpec:
    """Build an entry, a model on top of the architecture it names; a shipped one from the cache.

    Raises:
        FileError: the first fault, as ``file:line: key: what``.
    """
    if not raw.shipped:
        return _built(raw)
    plain = cached(
        raw.file.path.with_name(f"{raw.kind}-{raw.key}"),
        digest_of(raw.file.digest, _architectures_file().digest),
        _VALIDATED_BY,
        lambda: _built(raw).model_dump(),
    )
    return restored(SPECS[raw.kind], plain)


def _built(raw: RawEntry) -> GpuSpec | ModelSpec:
    """Validate an entry."""
    data, place = raw.data, (raw.kind, raw.key)
    for fault in source_faults(data, raw.file, place, shipped=raw.shipped):
        raise fault
    return build(SPECS[raw.kind], complete(data, raw.file, *place), raw.file, *place)


def complete(data: Any, file: YamlFile, kind: str, key: str) -> Any:
    """An entry with its defaults: its name, and for models the fields of its architecture."""
    if not isinstance(data, Mapping):
        return data
    merged = {"name": key, **data}
    if kind == "gpus":
        return merged
    name = data.get("architecture")
    base = architectures().get(name) if isinstance(name, str) else None
    if base is None:
        what = "is missing" if name is None else f"{shown(name)} is not known"
        known = f"write one of {', '.join(architectures())}"
        raise file.fault(what, known, kind, key, "architecture")
    for concept in CONCEPTS:
        own = data.get(concept, {})
        if isinstance(own, Mapping):
            merged[concept] = {**base[concept], **own}
    return merged


@cache
def architectures() -> dict[str, Any]:
    """The architectures by name, as plain data."""
    return dict(_architectures_file().data["architectures"])


@cache
def _architectures_file() -> YamlFile:
    path = data_file("architectures.yaml")
    return YamlFile(path, read_text(path, "a YAML file"), keep=True)


def source_faults(
    data: Any, file: YamlFile, keys: tuple[str, str], *, shipped: bool
) -> Iterator[FileError]:
    """A shipped entry cites where its numbers come from; a user's may leave that out."""
    if not shipped or not isinstance(data, Mapping):
        return
    hint = "cite a URL, or a document with page or table"
    sources = data.get("sources")
    if not sources:
        yield file.fault("is missing", hint, *keys, "sources")
    for position, source in enumerate(sources if isinstance(sources, tuple) else ()):
        if not _is_source(source):
            yield file.fault(f"{shown(source)} is not a source", hint, *keys, "sources", position)


def _is_source(source: Any) -> bool:
    """Whether it is a URL, or a document with page or table."""
    if not isinstance(source, str):
        return False
    scheme, _, rest = source.partition("://")
    if scheme in {"http", "https"}:
        return "." in rest.partition("/")[0].strip(".")
    return re.search(_DOCUMENT, source, re.IGNORECASE) is not None

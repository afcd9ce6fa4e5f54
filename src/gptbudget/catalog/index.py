"""Who is called what: every key, name and alias of a section, and the claims that clash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gptbudget.catalog.names import AUTO, EVERY, is_size, normalized
from gptbudget.errors import FileError

if TYPE_CHECKING:
    from gptbudget.catalog.yamlfile import YamlFile

_MEANINGS = {
    EVERY: "stands for every accelerator",
    AUTO: "stands for the cards of this machine",
}


class RawEntry(NamedTuple):
    """An entry as it stands in its file."""

    data: Any
    file: YamlFile
    shipped: bool


class Index(NamedTuple):
    """Normalized name to key, and what is wrong with the names, each with its file."""

    keys: dict[str, str]
    faults: list[tuple[YamlFile, FileError]]


def index_names(kind: str, entries: Mapping[str, RawEntry]) -> Index:
    """Index the keys, names and aliases of ``entries``; of two that clash the first stays."""
    index = Index({}, [])
    for key, entry in entries.items():
        for name, place in _names(key, entry.data):
            short = normalized(name)
            what = _unusable(kind, name, short)
            if what is None and index.keys.setdefault(short, key) != key:
                what = f"already belongs to {index.keys[short]!r}"
            if what is not None:
                where = entry.file.where(kind, key, *place)
                index.faults.append(
                    (
                        entry.file,
                        FileError(
                            f"{where}: {kind}.{key}: the name {name!r} {what}", "choose another"
                        ),
                    )
                )
    return index


def _unusable(kind: str, name: str, short: str) -> str | None:
    """Why nobody could ask for an entry by this name."""
    if not short:
        return "has no letter or digit"
    if kind == "gpus" and short in _MEANINGS:
        return _MEANINGS[short]
    # of accelerators, bare numbers are names (``4090``); of models, every number is a size
    if is_size(name) and (kind == "models" or not name.isdigit()):
        return "reads as a size"
    return None


def _names(key: str, data: Any) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every name of a raw entry and where it stands; faulty ones are left to validation."""
    yield key, ()
    if not isinstance(data, Mapping):
        return
    if isinstance(data.get("name"), str):
        yield data["name"], ("name",)
    aliases = data.get("aliases")
    for position, alias in enumerate(aliases if isinstance(aliases, tuple) else ()):
        if isinstance(alias, str):
            yield alias, ("aliases", position)

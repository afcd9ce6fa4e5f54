"""Who is called what: every key, name and alias of a section, and the claims that clash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.catalog.names import AUTO, EVERY, is_key, is_size, normalized
from gptbudget.catalog.paths import catalog_files, shipped_files
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError

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


def names_beginning(kind: str, beginning: str) -> list[str]:
    """Keys of ``kind`` (``gpus`` or ``models``) that begin so; where there are none, aliases.

    For a shell that completes a name: a file with a fault is passed over, and so is a name that
    is more than one word to a shell.
    """
    entries = [item for path in _readable_files() for item in _entries_of(path, kind)]
    keys = (key for key, _ in entries)
    names = (name for key, data in entries for name, _ in _names(key, data))
    return _words_beginning(keys, beginning) or _words_beginning(names, beginning)


def _words_beginning(names: Iterable[str], beginning: str) -> list[str]:
    found = (name for name in names if name.startswith(beginning) and is_key(name))
    return list(dict.fromkeys(found))


def _readable_files() -> tuple[Path, ...]:
    try:
        return catalog_files()
    except FileError:
        return shipped_files()


def _entries_of(path: Path, kind: str) -> Iterable[tuple[str, Any]]:
    """The raw entries of a file; none of one that cannot be read."""
    try:
        data = read_yaml(path, keep=True).data
    except FileError:
        return ()
    entries = data.get(kind) if isinstance(data, dict) else None
    return entries.items() if isinstance(entries, dict) else ()

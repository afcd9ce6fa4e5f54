"""The catalogs: accelerators and models from layered YAML files, found by name.

Files are read in order and later ones win, whole entries. Shipped entries are validated
when they are used (the tests validate all of them), a user's files at once, so that a typo
is reported by the next command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from gptbudget.catalog.entries import build_gpu, build_model, entry_faults
from gptbudget.catalog.names import is_size, normalized, resolve
from gptbudget.catalog.paths import catalog_files, shipped_files
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

S = TypeVar("S", GpuSpec, ModelSpec)

_SECTIONS = ("gpus", "models")


S_co = TypeVar("S_co", GpuSpec, ModelSpec, covariant=True)


class Builder(Protocol[S_co]):
    """Makes a validated spec of the raw data of one entry."""

    def __call__(self, data: Any, file: YamlFile, key: str, *, shipped: bool) -> S_co:
        """Build the entry ``key`` of ``file``."""
        ...


@dataclass(frozen=True)
class Entry(Generic[S]):
    """One entry of the catalog and the file it came from."""

    key: str
    spec: S
    file: Path
    shipped: bool


class Section(Generic[S]):
    """The entries of one kind, resolved by name and validated on use."""

    def __init__(self, kind: str, word: str, build: Builder[S]) -> None:
        self._kind = kind
        self._word = word
        self._build: Builder[S] = build
        self._raw: dict[str, tuple[Any, YamlFile, bool]] = {}
        self._built: dict[str, Entry[S]] = {}

    def add(self, file: YamlFile, *, shipped: bool) -> None:
        """Lay the entries of ``file`` over those already there."""
        for key, data in (file.data.get(self._kind) or {}).items():
            self._raw[key] = (data, file, shipped)
            if not shipped:
                self._build(data, file, key, shipped=shipped)

    def index(self) -> dict[str, str]:
        """Normalized id, name and aliases to key.

        Raises:
            FileError: two entries claim one name, or an alias reads as a size.
        """
        index: dict[str, str] = {}
        for key, (data, file, _) in self._raw.items():
            for name, keys in _names(key, data):
                short = normalized(name)
                where = file.where(self._kind, key, *keys)
                if self._reads_as_size(name):
                    raise FileError(
                        f"{where}: {key}: the name {name!r} reads as a size", "choose another"
                    )
                if index.setdefault(short, key) != key:
                    raise FileError(
                        f"{where}: {key}: the name {name!r} already belongs to {index[short]!r}",
                        "choose another",
                    )
        return index

    def _reads_as_size(self, name: str) -> bool:
        """Model names must never be sizes; of accelerators only bare numbers may (``4090``)."""
        return is_size(name) and (self._kind == "models" or not name.isdigit())

    def files(self) -> tuple[Path, ...]:
        """The file of each entry."""
        return tuple(file.path for _, file, _ in self._raw.values())

    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the files."""
        return tuple(self._raw)

    def find(self, name: str) -> Entry[S]:
        """The entry that ``name`` stands for.

        Raises:
            UnknownNameError: no entry has the name, or several begin with it.
            FileError: the entry is faulty.
        """
        return self.entry(resolve(name, self.index(), self._word, f"gptbudget {self._kind}"))

    def entry(self, key: str) -> Entry[S]:
        """The validated entry of a key."""
        if key not in self._built:
            data, file, shipped = self._raw[key]
            spec = self._build(data, file, key, shipped=shipped)
            self._built[key] = Entry(key, spec, file.path, shipped)
        return self._built[key]

    def __iter__(self) -> Iterator[Entry[S]]:
        return (self.entry(key) for key in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


@dataclass(frozen=True)
class Catalog:
    """All accelerators and models that are known here, and the files they came from."""

    gpus: Section[GpuSpec]
    models: Section[ModelSpec]
    files: tuple[Path, ...]


def load_catalog(extra: Iterable[Path] = ()) -> Catalog:
    """Read the shipped catalog, the user's, and ``extra`` files or folders, in that order.

    Raises:
        FileError: a file cannot be read or is not a catalog.
    """
    catalog = Catalog(
        Section("gpus", "accelerator", build_gpu),
        Section("models", "model", build_model),
        catalog_files(extra),
    )
    for path in catalog.files:
        _add(catalog, path)
    return catalog


def _add(catalog: Catalog, path: Path) -> None:
    file = read_yaml(path)
    fault = next(_structure_faults(file), None)
    if fault is not None:
        raise fault
    shipped = path in shipped_files()
    catalog.gpus.add(file, shipped=shipped)
    catalog.models.add(file, shipped=shipped)


def check_catalog(path: Path, others: Iterable[Path] = ()) -> list[FileError]:
    """Every fault of one catalog file, in the order of its lines; empty when it is right."""
    try:
        file = read_yaml(path)
    except FileError as fault:
        return [fault]
    found = list(_structure_faults(file))
    if found:
        return found
    shipped = path.resolve() in {p.resolve() for p in shipped_files()}
    for kind in _SECTIONS:
        for key, data in (file.data.get(kind) or {}).items():
            found += entry_faults(kind, key, data, file, shipped=shipped)
    return found or _name_faults([*others, path])


def _name_faults(paths: Iterable[Path]) -> list[FileError]:
    catalog = load_catalog([p for p in paths if p not in catalog_files()])
    found = []
    for section in (catalog.gpus, catalog.models):
        try:
            section.index()
        except FileError as fault:
            found.append(fault)
    return found


def _structure_faults(file: YamlFile) -> Iterator[FileError]:
    """Faults of the file as a whole: not a mapping, empty, unknown sections."""
    if file.data is None:
        yield FileError(f"{file.path}:1: is empty", "a catalog has gpus: or models:")
        return
    if not isinstance(file.data, dict):
        yield FileError(f"{file.path}:1: is not a mapping", "a catalog has gpus: or models:")
        return
    for key in file.data:
        if key not in _SECTIONS:
            yield FileError(
                f"{file.where(key)}: {key}: unknown key", "a catalog has gpus: and models:"
            )
    for key in _SECTIONS:
        if key in file.data and not isinstance(file.data[key], dict | None):
            yield FileError(
                f"{file.where(key)}: {key}: entries by name belong here",
                "write a key with its values below",
            )
    if not any(file.data.get(key) for key in _SECTIONS) and set(file.data) <= set(_SECTIONS):
        yield FileError(f"{file.path}:1: has no entries", "add one under gpus: or models:")


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

"""The catalogs: accelerators and models from layered YAML files, found by name.

Files are read in order and later ones win, whole entries. Shipped entries are validated
when they are used (the tests validate all of them), a user's files at once, so that a typo
is reported by the next command. Where there are only the shipped files, a name is first
looked up by a glance, without reading them whole, and what it finds is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gptbudget.catalog.index import RawEntry, index_names
from gptbudget.catalog.kept import kept
from gptbudget.catalog.names import normalized, resolve
from gptbudget.catalog.paths import catalog_files, data_file, shipped_files
from gptbudget.errors import FileError
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

if TYPE_CHECKING:
    from gptbudget.catalog.yamlfile import YamlFile

S = TypeVar("S", GpuSpec, ModelSpec)

SECTIONS = ("gpus", "models")


@dataclass(frozen=True)
class Entry(Generic[S]):
    """One entry of the catalog and the file it came from."""

    key: str
    spec: S
    file: Path
    shipped: bool


class Section(Generic[S]):
    """The entries of one kind, resolved by name and validated on use."""

    def __init__(self, kind: str, word: str) -> None:
        self._kind = kind
        self._word = word
        self._raw: dict[str, RawEntry] = {}
        self._built: dict[str, Entry[S]] = {}
        self._unread: list[Path] = []

    def put_off(self, path: Path) -> None:
        """Read the shipped file ``path`` only when a glance at it is not enough."""
        self._unread.append(path)

    def add(self, file: YamlFile, *, shipped: bool) -> None:
        """Lay the entries of ``file`` over those already there."""
        for key, data in (file.data.get(self._kind) or {}).items():
            self._raw.pop(key, None)  # a replaced entry stands where its new file does
            self._raw[key] = RawEntry(data, file, shipped)
            if not shipped:
                self._build(data, file, key, shipped=shipped)

    def index(self) -> dict[str, str]:
        """Normalized id, name and aliases to key.

        Raises:
            FileError: two entries claim one name, or an alias reads as a size.
        """
        index = index_names(self._kind, self._entries())
        for _, fault in index.faults:
            raise fault
        return index.keys

    def files(self) -> tuple[Path, ...]:
        """The file of each entry."""
        return tuple(file.path for _, file, _ in self._entries().values())

    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the files."""
        return tuple(self._entries())

    def raw(self) -> Mapping[str, RawEntry]:
        """The entries as they stand in their files, by key."""
        return self._entries()

    def _entries(self) -> dict[str, RawEntry]:
        """All raw entries; reads the files that were put off."""
        while self._unread:
            path = self._unread.pop(0)
            self.add(_catalog_file(path), shipped=True)
        return self._raw

    def _glance(self, name: str) -> Entry[S] | None:
        """The entry of exactly this name, if one look at the files that were put off finds it."""
        from gptbudget.catalog.glance import entries_mentioning

        mentioned: dict[str, RawEntry] = {}
        for path in self._unread:
            mentioned |= entries_mentioning(path, self._kind, name)
        index = index_names(self._kind, mentioned)
        key = None if index.faults else index.keys.get(normalized(name))
        return None if key is None else self._entry(key, mentioned[key])

    def find(self, name: str) -> Entry[S]:
        """The entry that ``name`` stands for.

        Raises:
            UnknownNameError: no entry has the name, or several begin with it.
            FileError: the entry is faulty.
        """
        if self._unread:
            sources = (*self._unread, data_file("architectures.yaml"))
            kept_as = f"{self._kind}-{normalized(name)}"
            glanced = kept(kept_as, sources, lambda: self._glance(name))
            if glanced is not None:
                return glanced
        key = resolve(name, self.index(), self._word, f"gptbudget {self._kind}")
        return self._entry(key, self._raw[key])

    def _entry(self, key: str, raw: RawEntry) -> Entry[S]:
        """The validated entry of a key."""
        if key not in self._built:
            spec = self._build(raw.data, raw.file, key, shipped=raw.shipped)
            self._built[key] = Entry(key, spec, raw.file.path, raw.shipped)
        return self._built[key]

    def _build(self, data: Any, file: YamlFile, key: str, *, shipped: bool) -> S:
        """The validated spec of the raw data of one entry."""
        from gptbudget.catalog.entries import build_gpu, build_model

        build: Any = build_gpu if self._kind == "gpus" else build_model
        spec: S = build(data, file, key, shipped=shipped)
        return spec

    def __iter__(self) -> Iterator[Entry[S]]:
        return (self._entry(key, raw) for key, raw in self._entries().items())

    def __len__(self) -> int:
        return len(self._entries())


@dataclass(frozen=True)
class Catalog:
    """All accelerators and models that are known here, and the files they came from."""

    gpus: Section[GpuSpec]
    models: Section[ModelSpec]
    files: tuple[Path, ...]


def load_catalog(extra: Iterable[Path] = (), *, user: bool = True) -> Catalog:
    """Read the shipped catalog, the ``user``'s, and ``extra`` files or folders, in that order.

    Raises:
        FileError: a file cannot be read or is not a catalog.
    """
    catalog = Catalog(
        Section("gpus", "accelerator"),
        Section("models", "model"),
        catalog_files(extra, user=user),
    )
    shipped = shipped_files()
    only_shipped = catalog.files == shipped
    for path in catalog.files:
        file = None if only_shipped else _catalog_file(path)
        sections: tuple[Section[Any], ...] = (catalog.gpus, catalog.models)
        for section in sections:
            if file is None:
                section.put_off(path)
            else:
                section.add(file, shipped=path in shipped)
    return catalog


def _catalog_file(path: Path) -> YamlFile:
    """A catalog file that is a catalog as a whole."""
    from gptbudget.catalog.yamlfile import read_yaml

    file = read_yaml(path)
    fault = next(structure_faults(file), None)
    if fault is not None:
        raise fault
    return file


def structure_faults(file: YamlFile) -> Iterator[FileError]:
    """Faults of the file as a whole: not a mapping, empty, unknown sections."""
    if file.data is None:
        yield FileError(f"{file.path}:1: is empty", "a catalog has gpus: or models:")
        return
    if not isinstance(file.data, dict):
        yield FileError(f"{file.path}:1: is not a mapping", "a catalog has gpus: or models:")
        return
    for key in file.data:
        if key not in SECTIONS:
            yield FileError(
                f"{file.where(key)}: {key}: unknown key", "a catalog has gpus: and models:"
            )
    for key in SECTIONS:
        if key in file.data and not isinstance(file.data[key], dict | None):
            yield FileError(
                f"{file.where(key)}: {key}: entries by name belong here",
                "write a key with its values below",
            )
    if not any(file.data.get(key) for key in SECTIONS) and set(file.data) <= set(SECTIONS):
        yield FileError(f"{file.path}:1: has no entries", "add one under gpus: or models:")

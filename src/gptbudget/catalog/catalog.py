"""The catalogs: accelerators and models from layered YAML files, found by name.

Files are read in order; an entry in a later file replaces the whole entry in an earlier one.
Shipped entries are validated when they are used (the tests validate all of them), a user's files at
once, so that a typo is reported by the next command.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from gptbudget.catalog import index
from gptbudget.catalog.cache import cached
from gptbudget.catalog.index import RawEntry, index_names, is_key, normalized, resolve
from gptbudget.catalog.paths import catalog_files, shipped_files
from gptbudget.catalog.yamlfile import YamlFile, read_text
from gptbudget.errors import FileError, UnknownNameError
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

S = TypeVar("S", GpuSpec, ModelSpec)

SECTIONS = ("gpus", "models")

_INDEXED_BY = (Path(__file__), Path(index.__file__))
"""The code that the names of a section are indexed by."""


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
        self.kind = kind
        self.word = word
        self.raw: dict[str, RawEntry] = {}
        """The entries as they stand in their files, by key, in the order of the files."""
        self.other: Section[Any] | None = None
        """The section that is named when one of its names is asked for here."""
        self._built: dict[str, Entry[S]] = {}
        self._index: dict[str, str] | None = None

    def add(self, file: YamlFile, keys: Iterable[str], *, shipped: bool) -> None:
        """Add the entries ``keys`` of ``file``; they replace earlier entries with the same key."""
        self._index = None
        for key in keys:
            self.raw.pop(key, None)  # a replaced entry moves to the position of the new file
            self._built.pop(key, None)
            self.raw[key] = RawEntry(self.kind, key, file, shipped)
            if not shipped:
                self._entry(key)

    def index(self) -> dict[str, str]:
        """Normalized id, name and aliases to key.

        Raises:
            FileError: two entries have the same name, or an alias looks like a model size.
        """
        if self._index is None:
            files = {raw.file.path: raw.file for raw in self.raw.values()}
            place = next(iter(files), Path()).with_name(f"names-of-{self.kind}")
            made_of = "\0".join(f"{path}\0{file.digest}" for path, file in files.items())
            self._index = cached(place, made_of, _INDEXED_BY, self._indexed)
        return self._index

    def _indexed(self) -> dict[str, str]:
        names = index_names(self.kind, self.raw)
        for _, fault in names.faults:
            raise fault
        return names.keys

    def find(self, name: str) -> Entry[S]:
        """The entry that ``name`` stands for.

        Raises:
            UnknownNameError: no entry has the name, or several begin with it.
            FileError: the entry is faulty.
        """
        names, short, other = self.index(), normalized(name), self.other
        if other is not None and short not in names and short in other.index():
            raise UnknownNameError(
                f"{other.index()[short]} is {_a(other.word)}, not {_a(self.word)}",
                f"see the list with gptbudget {self.kind}",
            )
        return self._entry(resolve(name, names, self.word, f"gptbudget {self.kind}"))

    def _entry(self, key: str) -> Entry[S]:
        """The validated entry of a key."""
        if key not in self._built:
            from gptbudget.catalog.entries import build_entry

            raw = self.raw[key]
            spec: Any = build_entry(raw)
            self._built[key] = Entry(key, spec, raw.file.path, raw.shipped)
        return self._built[key]

    def __iter__(self) -> Iterator[Entry[S]]:
        return (self._entry(key) for key in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


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
    files = catalog_files(extra, user=user)
    texts = tuple((path, read_text(path, "a YAML file")) for path in files)
    return _loaded(texts, shipped_files())


@lru_cache(maxsize=4)
def _loaded(texts: tuple[tuple[Path, str], ...], shipped: tuple[Path, ...]) -> Catalog:
    """The catalog of these texts; cached: equal texts return the same object."""
    gpus: Section[GpuSpec] = Section("gpus", "accelerator")
    models: Section[ModelSpec] = Section("models", "model")
    gpus.other, models.other = models, gpus
    for path, text in texts:
        file = YamlFile(path, text, keep=True)
        keys = cached(
            path.with_name(f"keys-of-{path.stem}"), file.digest, _INDEXED_BY, partial(_keys, file)
        )
        for section in (gpus, models):
            section.add(file, keys[section.kind], shipped=path in shipped)
    return Catalog(gpus, models, tuple(path for path, _ in texts))


def _keys(file: YamlFile) -> dict[str, tuple[str, ...]]:
    """The keys of each section of a file.

    Raises:
        FileError: it is not a catalog.
    """
    for fault in structure_faults(file):
        raise fault
    return {kind: tuple(file.data.get(kind) or ()) for kind in SECTIONS}


def structure_faults(file: YamlFile) -> Iterator[FileError]:
    """Faults of the file as a whole: not a mapping, empty, unknown sections, bad keys."""
    if not isinstance(file.data, dict):
        what = "is empty" if file.data is None else "is not a mapping"
        yield file.fault(what, "a catalog has gpus: or models:")
        return
    for key in file.data:
        if key not in SECTIONS:
            yield file.fault("unknown key", "a catalog has gpus: and models:", key)
    for section in SECTIONS:
        entries = file.data.get(section)
        if not isinstance(entries, dict | None):
            hint = "write a key with its values below"
            yield file.fault("entries by name belong here", hint, section)
            continue
        for key in entries or ():
            if not is_key(key):  # a shell would take it for more than a word
                hint = "write it with letters, digits, '.', '+', '-' and '_'"
                yield FileError(
                    f"{file.where(section, key)}: {section}: {key!r} cannot be a key", hint
                )
    if not any(file.data.get(key) for key in SECTIONS) and set(file.data) <= set(SECTIONS):
        yield file.fault("has no entries", "add one under gpus: or models:")

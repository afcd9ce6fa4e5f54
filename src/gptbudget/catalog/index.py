"""Name lookup: normalization of names, the index of a section, name clashes, and stack names."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from gptbudget.catalog.paths import catalog_files, data_file, shipped_files
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError, UnknownNameError
from gptbudget.specs.options import Option
from gptbudget.specs.values import one_of
from gptbudget.units import parse_count

EVERY, AUTO = "all", "auto"
"""Special values of ``--gpu``: every accelerator, and the cards of this machine."""

_MOST_SHOWN = 8

_BETWEEN = re.compile(r"(?<![0-9])\.|\.(?![0-9])|[^\w.]|_")
"""Characters that are ignored when names are compared."""

_MEANINGS = {
    EVERY: "stands for every accelerator",
    AUTO: "stands for the cards of this machine",
}


def normalized(name: str) -> str:
    """Reduce a name to letters and digits, of any script: ``RTX 4070 Ti`` is ``rtx4070ti``.

    A decimal point stays, because ``gpt3-1.3b`` and ``gpt3-13b`` are different models.
    """
    return _BETWEEN.sub("", name.casefold())


def is_key(name: str) -> bool:
    """Whether an entry may have this key: only characters that need no quoting in a shell."""
    return re.fullmatch(r"[\w.+-]+", name) is not None


def is_size(name: str) -> bool:
    """Whether a name reads as a number of parameters, such as ``1.5B`` or ``124439808``."""
    try:
        parse_count(name)
    except ValueError:
        return False
    return True


def is_config_path(name: str) -> bool:
    """Whether a model's name is meant as a file: it has a path separator or ends in .json."""
    return "/" in name or "\\" in name or name.endswith(".json")


def resolve(name: str, index: Mapping[str, str], kind: str, command: str) -> str:
    """Find the key that ``name`` stands for in ``index`` (normalized name to key).

    Raises:
        UnknownNameError: nothing has the name, or it is a prefix of several; the message lists the
        nearest.
    """
    wanted = normalized(name)
    if wanted in index:
        return index[wanted]
    begun = _keys(index, (key for key in index if wanted and key.startswith(wanted)))
    if len(begun) > 1:
        raise UnknownNameError(
            f"{kind} {name!r} is ambiguous: {_listed(begun)}", f"name one (all: {command})"
        )
    import difflib  # only for the unhappy path

    nearest = begun or _keys(index, difflib.get_close_matches(wanted, index, n=12, cutoff=0.5))
    what = f"no {kind} is called {name!r}"
    if nearest:
        raise UnknownNameError(f"{what}: nearest are {_listed(nearest)}", f"all: {command}")
    raise UnknownNameError(what, f"see the list with {command}")


def _keys(index: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(index[name] for name in names))


def _listed(keys: list[str]) -> str:
    shown = ", ".join(keys[:_MOST_SHOWN])
    return shown if len(keys) <= _MOST_SHOWN else f"{shown}, ..."


class RawEntry(NamedTuple):
    """An entry as it stands in its file."""

    kind: str
    key: str
    file: YamlFile
    shipped: bool

    @property
    def data(self) -> Any:
        """What stands under its key."""
        return self.file.data[self.kind][self.key]


class Index(NamedTuple):
    """Mapping from normalized name to key, and the errors found in names, each with its file."""

    keys: dict[str, str]
    faults: list[tuple[YamlFile, FileError]]


def index_names(kind: str, entries: Mapping[str, RawEntry]) -> Index:
    """Index the keys, names and aliases of ``entries``; if two clash, the first is kept."""
    index = Index({}, [])
    for key, entry in entries.items():
        for name, place in names_of(key, entry.data):
            short = normalized(name)
            what = _unusable(kind, name, short)
            if what is None and index.keys.setdefault(short, key) != key:
                what = f"already belongs to {index.keys[short]!r}"
            if what is not None:
                where = entry.file.where(kind, key, *place)
                message = f"{where}: {kind}.{key}: the name {name!r} {what}"
                index.faults.append((entry.file, FileError(message, "choose another")))
    return index


def _unusable(kind: str, name: str, short: str) -> str | None:
    """Why a name cannot be used to look up an entry; ``None`` if it can."""
    if not short:
        return "has no letter or digit"
    if kind == "gpus" and short in _MEANINGS:
        return _MEANINGS[short]
    # of accelerators, bare numbers are names (``4090``); of models, every number is a size
    if is_size(name) and (kind == "models" or not name.isdigit()):
        return "reads as a size"
    return None


def names_of(key: str, data: Any) -> Iterator[tuple[str, tuple[object, ...]]]:
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
    """Keys of ``kind`` (``gpus`` or ``models``) with this prefix; else names and aliases.

    For a shell that completes a name: files with errors are skipped, and so are names that a shell
    would split.
    """
    entries = list(_readable_entries(kind))
    keys = (key for key, _ in entries)
    names = (name for key, data in entries for name, _ in names_of(key, data))
    return _words_beginning(keys, beginning) or _words_beginning(names, beginning)


def _words_beginning(names: Iterable[str], beginning: str) -> list[str]:
    words = (name for name in names if name.startswith(beginning) and is_key(name))
    return list(dict.fromkeys(words))


def _readable_entries(kind: str) -> Iterator[tuple[str, Any]]:
    """The raw entries of all files that can be read."""
    try:
        files = catalog_files()
    except FileError:
        files = shipped_files()
    for path in files:
        with suppress(FileError):
            data = read_yaml(path, keep=True).data
            entries = data.get(kind) if isinstance(data, dict) else None
            yield from entries.items() if isinstance(entries, dict) else ()


@cache
def _entries() -> Mapping[str, Any]:
    """What stands under each stack of the file."""
    entries: Mapping[str, Any] = read_yaml(data_file("stacks.yaml"), keep=True).data["stacks"]
    return entries


def stack_names() -> tuple[str, ...]:
    """The stacks, in the order of their file."""
    return tuple(_entries())


def default_stacks() -> dict[str, str]:
    """The stack that is the default for each kind of layout."""
    return {
        case: name for name, fields in _entries().items() for case in fields.get("default_for", ())
    }


def read_option(name: str, option: Option, raw: Any) -> Any:
    """The value of an option that was typed; of a stack, one of the catalog's.

    Raises:
        ValueError: it cannot be read, as ``what is wrong: what to do``.
    """
    return one_of(stack_names())(raw) if name == "stack" else option.read(raw)

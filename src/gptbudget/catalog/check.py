"""Every fault of a catalog file, for those who write one."""

from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from gptbudget.catalog.catalog import SECTIONS, structure_faults
from gptbudget.catalog.entries import entry_faults
from gptbudget.catalog.index import RawEntry, index_names
from gptbudget.catalog.paths import catalog_files, shipped_files
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError


def check_catalog(path: Path, others: Iterable[Path] = ()) -> list[FileError]:
    """Every fault of one catalog file, those of its names last; empty when it is right."""
    try:
        file = read_yaml(path)
    except FileError as fault:
        return [fault]
    found = list(structure_faults(file))
    if found:
        return found
    shipped = path.resolve() in {p.resolve() for p in shipped_files()}
    for kind in SECTIONS:
        for key, data in (file.data.get(kind) or {}).items():
            found += entry_faults(kind, key, data, file, shipped=shipped)
    return found + _name_faults(file, others)


def _name_faults(file: YamlFile, others: Iterable[Path]) -> list[FileError]:
    """The names of ``file`` that clash with what is read before it, or that cannot be names."""
    earlier = takewhile(lambda path: path != file.path, catalog_files(others))
    before = [_readable(path) for path in earlier]
    found = []
    for kind in SECTIONS:
        raw: dict[str, RawEntry] = {}
        for one in (*filter(None, before), file):
            for key in one.data.get(kind) or {}:
                raw.pop(key, None)
                raw[key] = RawEntry(kind, key, one, shipped=False)
        found += [fault for one, fault in index_names(kind, raw).faults if one is file]
    return found


def _readable(path: Path) -> YamlFile | None:
    """Another catalog file; one with faults of its own has no part in this check."""
    try:
        file = read_yaml(path)
    except FileError:
        return None
    return None if any(structure_faults(file)) else file

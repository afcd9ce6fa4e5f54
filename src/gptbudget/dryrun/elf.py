"""What a shared library asks of others: their names, and the functions it expects there.

Layout: System V ABI, chapters 4 and 5, and the LSB's chapter on symbol versions; 64 bit, little
endian, which is what PyTorch is built for.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")
_NEED = struct.Struct("<HHIII")
_NEEDED_VERSION = struct.Struct("<IHHII")

_DYNAMIC_SECTION, _SYMBOL_SECTION = 6, 11
_VERSIONS_SECTION, _NEEDS_SECTION = 0x6FFFFFFF, 0x6FFFFFFE
_DT_NEEDED = 1
_MACHINES = {62: "x86_64", 183: "aarch64"}


class Wanted(NamedTuple):
    """A function that a library expects elsewhere."""

    name: str
    library: str | None
    """The library's name; ``None`` where the reference has no version and so names none."""
    version: str | None


class SharedLibrary(NamedTuple):
    """The dynamic part of a shared library."""

    machine: str
    needed: tuple[str, ...]
    wanted: tuple[Wanted, ...]


def read_library(path: Path) -> SharedLibrary | None:
    """What the shared library at ``path`` asks for; ``None`` where the file is no such library.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _read(data)
            except (struct.error, ValueError, KeyError):
                return None


def _read(data: mmap.mmap) -> SharedLibrary:
    header = _HEADER.unpack_from(data)
    machine, first, size, count = header[1], header[5], header[10], header[11]
    sections = [_SECTION.unpack_from(data, first + size * place) for place in range(count)]
    by_kind = {section[1]: section for section in sections}
    symbols, dynamic = by_kind[_SYMBOL_SECTION], by_kind[_DYNAMIC_SECTION]
    text = sections[symbols[6]]
    names = data[text[4] : text[4] + text[5]]
    needed = tuple(
        _text(names, value)
        for tag, value in _DYNAMIC.iter_unpack(_content(data, dynamic))
        if tag == _DT_NEEDED
    )
    versions = dict(_versions(data, by_kind.get(_NEEDS_SECTION), names))
    indices = by_kind.get(_VERSIONS_SECTION)
    chosen = memoryview(_content(data, indices)).cast("H") if indices else None
    wanted = []
    for place, symbol in enumerate(_SYMBOL.iter_unpack(_content(data, symbols))):
        if symbol[3] == 0 and symbol[0]:
            library, version = versions.get(chosen[place] if chosen else 0, (None, None))
            wanted.append(Wanted(_text(names, symbol[0]), library, version))
    return SharedLibrary(_MACHINES.get(machine, str(machine)), needed, tuple(wanted))


def _content(data: mmap.mmap, section: tuple[int, ...]) -> bytes:
    return data[section[4] : section[4] + section[5]]


def _versions(
    data: mmap.mmap, section: tuple[int, ...] | None, names: bytes
) -> Iterator[tuple[int, tuple[str, str]]]:
    """The versions that are asked for by their index: name of the library, name of the version."""
    if section is None:
        return
    place = section[4]
    for _ in range(section[7]):
        _, count, file, first, following = _NEED.unpack_from(data, place)
        inner = place + first
        for _ in range(count):
            _, _, index, name, step = _NEEDED_VERSION.unpack_from(data, inner)
            yield index, (_text(names, file), _text(names, name))
            inner += step
        place += following


def _text(names: bytes, start: int) -> str:
    return names[start : names.index(b"\0", start)].decode("utf-8", "replace")

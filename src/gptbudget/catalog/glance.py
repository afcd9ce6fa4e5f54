"""Find one entry of a large catalog file without reading all of it.

Composing a whole file costs more than everything else a command does. A glance looks at the
lines that can hold a name, and parses only the entries that mention the one asked for. It
may miss an entry, and then the caller reads the file; it never finds a wrong one, since
what it returns is parsed and indexed like any other.
"""

from __future__ import annotations

import re
from pathlib import Path

from gptbudget.catalog.index import RawEntry
from gptbudget.catalog.names import normalized
from gptbudget.catalog.textfile import read_text
from gptbudget.catalog.yamlfile import parse_yaml

_HEADS = re.compile(
    r"^  (?P<key>[^\s#-][^\n]*)|^    (?:name|aliases):(?P<names>[^\n]*)", re.MULTILINE
)
"""A key of an entry, and the lines with its names, in the indentation of the shipped files."""


def entries_mentioning(path: Path, kind: str, name: str) -> dict[str, RawEntry]:
    """The entries of ``kind`` in a shipped file whose names may include ``name``."""
    text, wanted = read_text(path, "a catalog"), normalized(name)
    found: dict[str, RawEntry] = {}
    for start, end, names in _blocks(text):
        if wanted in normalized(names):
            # as many lines above as there are in the file, so that messages name the right one
            above = "\n" * (text.count("\n", 0, start) - 1)
            file = parse_yaml(path, f"{above}{kind}:\n{text[start:end]}")
            data = file.data[kind] if isinstance(file.data, dict) else None
            for key, entry in (data or {}).items():
                found[key] = RawEntry(entry, file, shipped=True)
    return found


def _blocks(text: str) -> list[tuple[int, int, str]]:
    """Start, end and the lines with names of each entry."""
    blocks: list[tuple[int, int, str]] = []
    for head in _HEADS.finditer(text):
        if head["key"] is not None:
            if blocks:
                blocks[-1] = (blocks[-1][0], head.start(), blocks[-1][2])
            blocks.append((head.start(), len(text), head["key"]))
        elif blocks:
            start, end, names = blocks[-1]
            blocks[-1] = (start, end, f"{names} {head['names']}")
    return blocks

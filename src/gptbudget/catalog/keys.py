"""The keys of the catalogs at a glance, for a shell that completes a name.

Nothing is parsed or validated: a line that looks like a key is offered, and a file that cannot
be read is passed over. Whoever presses the tab key wants names now, not a fault in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gptbudget.catalog.paths import catalog_files, shipped_files
from gptbudget.errors import FileError

_SECTION = re.compile(r"^(?P<section>\w+):|^(?P<indent> +)(?P<key>[\w.][^\s:]*):", re.MULTILINE)
_ALIASES = re.compile(r"^ +aliases: *\[([^\]\n]*)\]", re.MULTILINE)


def names_beginning(kind: str, beginning: str) -> list[str]:
    """Keys of ``kind`` (``gpus`` or ``models``) that begin so; where there are none, aliases."""
    texts = list(_texts())
    keys = dict.fromkeys(key for text in texts for key in _keys(text, kind))
    found = [key for key in keys if key.startswith(beginning)]
    if found:
        return found
    aliases = (alias.strip(" '\"") for text in texts for alias in _aliases(text, kind))
    return [alias for alias in dict.fromkeys(aliases) if alias.startswith(beginning)]


def _texts() -> Iterator[str]:
    """The text of every catalog file that can be read."""
    try:
        files = catalog_files()
    except FileError:
        files = shipped_files()
    for path in files:
        text = _text(path)
        if text is not None:
            yield text


def _text(path: Path) -> str | None:
    from gptbudget.catalog.textfile import read_text

    try:
        return read_text(path, "a catalog")
    except FileError:
        return None


def _keys(text: str, kind: str) -> Iterator[str]:
    """What is indented like the first line below ``kind:``."""
    section, depth = "", 0
    for found in _SECTION.finditer(text):
        if found["section"]:
            section, depth = found["section"], 0
        elif section == kind:
            depth = depth or len(found["indent"])
            if len(found["indent"]) == depth:
                yield found["key"]


def _aliases(text: str, kind: str) -> Iterator[str]:
    """Aliases of one word in the section of ``kind``."""
    start = re.search(rf"^{kind}:", text, re.MULTILINE)
    if start is None:
        return
    end = re.compile(r"^\w", re.MULTILINE).search(text, start.end())
    for listed in _ALIASES.finditer(text, start.end(), end.start() if end else len(text)):
        yield from (alias for alias in listed[1].split(",") if " " not in alias.strip())

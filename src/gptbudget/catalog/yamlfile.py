"""One YAML file: its text, its content as plain data, and the line of each part of it.

A user's file is read with a size limit, without blocking, and with a clear message for each error.
Parsed catalogs are cached between commands (:mod:`gptbudget.catalog.cache`); the text is parsed
again only to find a line number for a message.
"""

import os
import stat
from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptbudget.catalog.cache import cached, digest_of
from gptbudget.catalog.paths import unreadable
from gptbudget.errors import FileError

if TYPE_CHECKING:
    import yaml

_LARGEST_BYTES = 4_000_000


def read_text(path: Path, wanted: str) -> str:
    """The text of a file; ``wanted`` says in messages what it should have been.

    Raises:
        FileError: it is a folder, a device, too large, not UTF-8, or cannot be read.
    """
    try:
        if path.is_dir():
            raise FileError(f"{path}: is a folder", f"name {wanted}")
        raw = _read_bytes(path, wanted)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(raw) > _LARGEST_BYTES:
        raise FileError(f"{path}: is larger than 4 MB", f"name {wanted}")
    try:
        return raw.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileError(f"{path}:{line}: is not UTF-8 text", "save the file as UTF-8") from None


def _read_bytes(path: Path, wanted: str) -> bytes:
    """The first bytes of a file or pipe, never waiting for a device or an idle pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
            raise FileError(f"{path}: is a device, not a file", f"name {wanted}")
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(stream.fileno(), True)
        return stream.read(_LARGEST_BYTES + 1)


_SYNTAX = (Path(__file__).with_name("syntax.py"),)


@dataclass(frozen=True)
class YamlFile:
    """The content of a file, and where each part of it stands."""

    path: Path
    text: str
    keep: bool = False
    """Whether to cache the parsed content."""

    @cached_property
    def data(self) -> Any:
        """The content as plain data.

        Raises:
            FileError: it is not YAML as we read it, as ``file:line``.
        """
        return (
            cached(self.path, self.digest, _SYNTAX, self._parsed) if self.keep else self._parsed()
        )

    def _parsed(self) -> Any:
        from gptbudget.catalog.syntax import plain_data

        return plain_data(self.path, self._root, set())

    @cached_property
    def digest(self) -> str:
        """SHA-256 digest of the text."""
        return digest_of(self.text)

    @cached_property
    def _root(self) -> "yaml.Node | None":
        from gptbudget.catalog.syntax import compose

        return compose(self.path, self.text)

    def line(self, *keys: object) -> int:
        """Return the line of ``keys``, or of the nearest enclosing key that exists."""
        from gptbudget.catalog.syntax import child

        node, line = self._root, 1
        for key in keys:
            place = child(node, key)
            if place is None:
                break
            line, node = place
        return line

    def where(self, *keys: object) -> str:
        """``file:line`` of ``keys``, for messages."""
        return f"{self.path}:{self.line(*keys)}"

    def fault(self, what: str, hint: str, *keys: object) -> FileError:
        """An error about what stands at ``keys``, as ``file:line: key: what``."""
        key = ".".join(map(str, keys))
        return FileError(": ".join(filter(None, (self.where(*keys), key, what))), hint)


def read_yaml(path: Path, *, keep: bool = False) -> YamlFile:
    """Read a YAML file; ``keep`` its content in the cache, or take it from there.

    Raises:
        FileError: it cannot be read, or is not YAML as we read it, as ``file:line``.
    """
    file = YamlFile(path, read_text(path, "a YAML file"), keep)
    _ = file.data
    return file

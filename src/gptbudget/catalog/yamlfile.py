"""One YAML file: its content as plain data, and the line of each part of it.

What a catalog held is kept between commands (:mod:`gptbudget.catalog.cache`); its text is parsed
again only to name a line.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptbudget.catalog.cache import cached, digest_of
from gptbudget.catalog.textfile import read_text

if TYPE_CHECKING:
    import yaml

_SYNTAX = (Path(__file__).with_name("syntax.py"),)


@dataclass(frozen=True)
class YamlFile:
    """The content of a file, and where each part of it stands."""

    path: Path
    text: str
    keep: bool = False
    """Keep its content in the cache, or take it from there."""

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
        from gptbudget.catalog.syntax import compose, plain_data

        return plain_data(self.path, compose(self.path, self.text))

    @cached_property
    def digest(self) -> str:
        """Tells its text from any other."""
        return digest_of(self.text)

    @cached_property
    def _root(self) -> "yaml.Node | None":
        from gptbudget.catalog.syntax import compose

        return compose(self.path, self.text)

    def line(self, *keys: object) -> int:
        """The line on which ``keys`` stand, or the nearest enclosing part that exists."""
        from gptbudget.catalog.syntax import child

        node, line = self._root, 1
        for key in keys:
            found = child(node, key)
            if found is None:
                break
            line, node = found
        return line

    def where(self, *keys: object) -> str:
        """``file:line`` of ``keys``, for messages."""
        return f"{self.path}:{self.line(*keys)}"


def read_yaml(path: Path, *, keep: bool = False) -> YamlFile:
    """Read a YAML file; ``keep`` its content in the cache, or take it from there.

    Raises:
        FileError: it cannot be read, or is not YAML as we read it, as ``file:line``.
    """
    return parse_yaml(path, read_text(path, "a YAML file"), keep=keep)


def parse_yaml(path: Path, text: str, *, keep: bool = False) -> YamlFile:
    """Parse ``text``, which stands in ``path``; raise as :func:`read_yaml` does."""
    file = YamlFile(path, text, keep)
    _ = file.data
    return file

"""Checked access to the keys of one config.

Errors give file, line and key. The keys that were read are recorded, so that all others can be
reported as ignored.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gptbudget.errors import FileError

_LARGEST = 10**9
_LONGEST_SHOWN = 40


class HfConfig:
    """The keys of a config, or of a part of it, with their types checked on reading."""

    def __init__(self, path: Path, text: str, data: Mapping[str, Any], prefix: str = "") -> None:
        self.path = path
        self._text = text
        self._data = data
        self._prefix = prefix
        self._read: set[str] = set()

    def is_null(self, key: str) -> bool:
        """Whether the key is given as ``null``, which for some keys differs from a missing one."""
        self._read.add(key)
        return key in self._data and self._data[key] is None

    def whole(
        self, *keys: str, default: int | None = None, least: int = 1, most: int = _LARGEST
    ) -> int:
        """A whole number in a range under the first of ``keys`` that is there, else the default.

        Raises:
            FileError: it is missing without a default, or is not such a number.
        """
        given = self.optional_whole(*keys, least=least, most=most)
        if given is not None:
            return given
        if default is not None:
            return default
        raise self.missing(keys[0])

    def optional_whole(self, *keys: str, least: int = 1, most: int = _LARGEST) -> int | None:
        """A whole number in a range, or ``None`` where the key is missing or null."""
        key, value = self._first(keys)
        number: int | None = self._typed(key, value, int, "a whole number")
        if number is not None and not least <= number <= most:
            raise self.fault(key, f"{shown(number)} is not between {least} and {most}")
        return number

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value: bool | None = self._typed(key, self.raw(key), bool, "true or false")
        return default if value is None else value

    def items(self, key: str, kind: type, words: str) -> list[Any] | None:
        """A list of values of one type, which is called ``words`` in messages."""
        values: list[Any] | None = self._typed(key, self.raw(key), list, f"a list of {words}")
        if values is not None and any(type(value) is not kind for value in values):
            raise self.fault(key, f"a list of {words} belongs here, not {shown(values)}")
        return values

    def raw(self, key: str) -> Any:
        """A value whose form the caller checks."""
        return self._first((key,))[1]

    def part(self, key: str) -> "HfConfig":
        """A nested config.

        Raises:
            FileError: it is missing, or is no object.
        """
        value = self._typed(key, self.raw(key), dict, "an object")
        if value is None:
            raise self.missing(key)
        return HfConfig(self.path, self._text, value, f"{self._prefix}{key}.")

    def ignored(self) -> list[str]:
        """The keys that were not read."""
        return [key for key in self._data if key not in self._read]

    def missing(self, key: str) -> FileError:
        """An error about a key that must be there."""
        return self.fault(key, "is missing", "the model's size depends on it")

    def fault(self, key: str, what: str, hint: str = "correct the file") -> FileError:
        """An error about ``key``, with the line on which it stands."""
        place = re.search(rf'"{re.escape(key)}"\s*:', self._text)
        line = self._text.count("\n", 0, place.start()) + 1 if place else 1
        return FileError(f"{self.path}:{line}: {self._prefix}{key}: {what}", hint)

    def _typed(self, key: str, value: Any, kind: type, words: str) -> Any:
        """A value if it is of this type exactly, for true is no number; ``None`` stays."""
        if value is not None and type(value) is not kind:
            raise self.fault(key, f"{words} belongs here, not {shown(value)}")
        return value

    def _first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        """The first of several names that is given, and its value, which all must have."""
        self._read.update(keys)
        given = [key for key in keys if self._data.get(key) is not None]
        if not given:
            return keys[0], None
        key, value = given[0], self._data[given[0]]
        for other in given[1:]:
            if self._data[other] != value:
                raise self.fault(
                    other, f"{shown(self._data[other])} contradicts {key} {shown(value)}"
                )
        return key, value


def shown(value: Any) -> str:
    """A value as JSON writes it, shortened, in printable characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

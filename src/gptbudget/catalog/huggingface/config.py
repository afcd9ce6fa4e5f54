"""Checked access to the keys of one ``config.json``.

Whatever is wrong is said with file, line and key. Which keys were read is remembered, so
that the others can be named as ignored.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gptbudget.catalog.textfile import read_text
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
        """Whether the key is there with ``null``: for some, that is not the default."""
        self._read.add(key)
        return key in self._data and self._data[key] is None

    def whole(self, *keys: str, default: int | None = None, most: int = _LARGEST) -> int:
        """A positive whole number under the first of ``keys`` that is there, else the default.

        Raises:
            FileError: it is missing without a default, or is not such a number.
        """
        found = self.optional_whole(*keys, most=most)
        if found is not None:
            return found
        if default is not None:
            return default
        raise self.fault(keys[0], "is missing", "the model's size depends on it")

    def optional_whole(self, *keys: str, most: int = _LARGEST) -> int | None:
        """A positive whole number, or ``None`` where the key is missing or null."""
        key, value = self._first(keys)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"a whole number belongs here, not {shown(value)}")
        if not 0 < value <= most:
            raise self.fault(key, f"{shown(value)} is not between 1 and {most}")
        return value

    def count(self, *keys: str, default: int) -> int:
        """A whole number that may be zero, such as a number of leading dense layers."""
        key, value = self._first(keys)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"a whole number belongs here, not {shown(value)}")
        if not 0 <= value <= _LARGEST:
            raise self.fault(key, f"{shown(value)} is not between 0 and {_LARGEST}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._first((key,))[1]
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(key, f"true or false belongs here, not {shown(value)}")
        return value

    def words(self, key: str) -> list[str] | None:
        """A list of words, such as the kind of attention of each layer."""
        value = self._first((key,))[1]
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, f"a list of words belongs here, not {shown(value)}")
        return value

    def numbers(self, key: str) -> list[int]:
        """A list of whole numbers, such as layer indices; empty when missing."""
        value = self._first((key,))[1]
        if value is None:
            return []
        plain = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        )
        if not plain:
            raise self.fault(key, f"a list of whole numbers belongs here, not {shown(value)}")
        return list(value)

    def raw(self, key: str) -> Any:
        """A value whose form the caller checks."""
        return self._first((key,))[1]

    def part(self, key: str) -> "HfConfig":
        """A nested config; empty when missing."""
        value = self._first((key,))[1]
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.fault(key, f"an object belongs here, not {shown(value)}")
        return HfConfig(self.path, self._text, value, f"{self._prefix}{key}.")

    def ignored(self) -> list[str]:
        """The keys that were not read."""
        return [key for key in self._data if key not in self._read]

    def fault(self, key: str, what: str, hint: str = "correct the file") -> FileError:
        """An error about ``key``, with the line on which it stands."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self._text)
        line = self._text.count("\n", 0, found.start()) + 1 if found else 1
        return FileError(f"{self.path}:{line}: {self._prefix}{key}: {what}", hint)

    def _first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        """The value that is there under one of several names, which must not disagree."""
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


def read_config(path: Path) -> HfConfig:
    """Read a ``config.json``, or the one inside a folder.

    Raises:
        FileError: it cannot be read, or is not a JSON object.
    """
    file = path / "config.json" if path.is_dir() else path
    text = read_text(file, "a config.json")
    try:
        data = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_whole_number,
            object_pairs_hook=partial(_object, file, text),
        )
    except RecursionError:
        raise FileError(f"{file}:1: nested too deeply", "this is not a config.json") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        what = getattr(error, "msg", str(error)).lower()
        raise FileError(f"{file}:{line}: not valid JSON ({what})", "correct the line") from None
    if not isinstance(data, dict):
        raise FileError(f"{file}:1: is not a JSON object", "name a config.json")
    return HfConfig(file, text, data)


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not a number"
    raise ValueError(msg)


def _whole_number(digits: str) -> int | float:
    """A number that is too long to be one is out of every range."""
    return int(digits) if len(digits) <= _LONGEST_SHOWN else math.inf


def _object(file: Path, text: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key has two values."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            *_, start = [0, *(hit.start() for hit in re.finditer(re.escape(f'"{key}"'), text))]
            line = text.count("\n", 0, start) + 1
            raise FileError(f"{file}:{line}: {shown(key)} is given twice", "keep one of them")
    return found


def shown(value: Any) -> str:
    """A value as JSON writes it, shortened, in printable characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

"""Read one YAML file strictly, and remember on which line everything stands.

PyYAML's own rules are those of YAML 1.1: ``1e12`` is text, ``1:30`` is 90, ``010`` is 8,
``no`` is false and a repeated key wins in silence. Here a number is a decimal number, a
repeated key is an error, and anchors are refused (they are how a small file grows without
bound).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gptbudget.errors import FileError

_LARGEST_FILE_BYTES = 4_000_000
_DEEPEST = 32

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(
    r"[+-]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*)(?=[eE]))([eE][+-]?[0-9]+)?", re.ASCII
)
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_QUOTED = frozenset("'\"|>")
_MOST_DIGITS = 40

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """The content of a file as plain data, and the line of each part of it."""

    path: Path
    data: Any
    _root: yaml.Node | None

    def line(self, *keys: object) -> int:
        """The line on which ``keys`` stand, or the nearest enclosing part that exists."""
        node, line = self._root, 1
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            mark, node = found
            line = mark
        return line

    def where(self, *keys: object) -> str:
        """``file:line`` of ``keys``, for messages."""
        return f"{self.path}:{self.line(*keys)}"


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file; raise :class:`FileError` with ``file:line`` for whatever is wrong."""
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _syntax_error(path, error) from None
    except RecursionError:
        raise FileError(f"{path}: nested too deeply", "this is not a catalog or scenario") from None
    return YamlFile(path, _value(path, root, set(), 0), root)


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            raise FileError(f"{path}: is a folder", "name a YAML file")
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise FileError(f"{path}: is larger than 4 MB", "name a YAML file")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(f"{path}: is not UTF-8 text", "name a YAML file") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileError(f"{path}: cannot be read ({reason})", "check the path") from None


def _syntax_error(path: Path, error: yaml.YAMLError) -> FileError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{path}:{mark.line + 1}" if mark is not None else f"{path}:1"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    return FileError(f"{where}: not valid YAML ({problem})", "correct the line")


def _value(path: Path, node: yaml.Node | None, seen: set[int], depth: int) -> Any:
    """Turn a node into plain data, refusing what has no place in a catalog."""
    if node is None:
        return None
    where = f"{path}:{node.start_mark.line + 1}"
    if depth > _DEEPEST:
        raise FileError(f"{where}: nested too deeply", "this is not a catalog or scenario")
    if isinstance(node, yaml.ScalarNode):
        return _scalar(where, node)
    if id(node) in seen:
        raise FileError(
            f"{where}: anchors and aliases (& and *) are not read", "write the value out"
        )
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return tuple(_value(path, item, seen, depth + 1) for item in node.value)
    return _mapping(path, node, seen, depth)


def _mapping(path: Path, node: Any, seen: set[int], depth: int) -> dict[str, Any]:
    lines: dict[str, int] = {}
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise FileError(f"{path}:{line}: a key must be a plain word", "correct the key")
        key = key_node.value
        if key in lines:
            raise FileError(
                f"{path}:{line}: {key!r} is given twice (first on line {lines[key]})",
                "keep one of them",
            )
        lines[key] = line
        data[key] = _value(path, value_node, seen, depth + 1)
    return data


def _scalar(where: str, node: yaml.ScalarNode) -> Any:
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.endswith(("binary", "merge")):
        raise FileError(f"{where}: the tag {node.tag} is not read", "write a plain value")
    text: str = node.value
    if node.style in _QUOTED:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > _MOST_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _child(node: yaml.Node | None, key: object) -> tuple[int, yaml.Node] | None:
    """The line of ``key`` inside ``node``, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == key:
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    return None

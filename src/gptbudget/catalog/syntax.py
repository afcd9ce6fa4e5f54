"""The YAML that is read: strict, and never executed.

PyYAML's own rules are those of YAML 1.1: ``1e12`` is text, ``1:30`` is 90, ``010`` is 8,
``no`` is false and a repeated key wins in silence. Here a number is a decimal number, a
repeated key is an error, anchors are refused (they are how a small file grows without
bound), and so is deep nesting (it overflows the stack of libyaml's binding).
"""

import re
from pathlib import Path
from typing import Any

import yaml

from gptbudget.errors import FileError

_DEEPEST = 32

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(
    r"[+-]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*)(?=[eE]))([eE][+-]?[0-9]+)?", re.ASCII
)
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_QUOTED = frozenset("'\"|>")
_NUMBER_BEGINS = frozenset("+-.0123456789")
_MOST_DIGITS = 40
_LARGEST_EXACT = 2**53

_TAGS = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}


class _TooDeepError(Exception):
    """Nested more deeply than any catalog; says on which line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes and leaves the meaning of scalars to :func:`_scalar`."""

    _depth = 0

    def resolve(self, kind: type[yaml.Node], _value: Any, _implicit: Any) -> str:
        """Tag every untagged scalar as text; ``_scalar`` converts it later."""
        return _TAGS[kind]

    def descend_resolver(self, current_node: Any, _current_index: Any) -> None:
        """Increase the depth; called before each node."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeepError(current_node.start_mark.line + 1)

    def ascend_resolver(self) -> None:
        """Count them on the way up; called after each node."""
        self._depth -= 1


def compose(path: Path, text: str) -> yaml.Node | None:
    """The nodes of ``text``, which stands in ``path``.

    Raises:
        FileError: it is not YAML, or nested too deeply, as ``file:line``.
    """
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _syntax_error(path, text, error) from None
    except _TooDeepError as error:
        raise _too_deep(f"{path}:{error.args[0]}") from None
    return root


def _too_deep(where: str) -> FileError:
    return FileError(
        f"{where}: nested more than {_DEEPEST} levels deep", "name a catalog or scenario"
    )


def _syntax_error(path: Path, text: str, error: yaml.YAMLError) -> FileError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        line = mark.line + 1
    else:  # a character that YAML does not allow
        line = text.count("\n", 0, getattr(error, "position", None) or 0) + 1
    where = f"{path}:{line}"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if problem == "exceeded maximum nesting depth":  # libyaml's own limit, from PyYAML 6.0.4 on
        return _too_deep(where)
    return FileError(f"{where}: not valid YAML ({problem})", "correct the line")


def plain_data(path: Path, node: yaml.Node | None, seen: set[int]) -> Any:
    """The content of a node: mappings, tuples, text, numbers, true, false and ``None``.

    ``seen`` are the nodes read before it; one that comes again is an alias.

    Raises:
        FileError: an unsupported YAML feature, as ``file:line``.
    """
    if node is None:
        return None
    where = f"{path}:{node.start_mark.line + 1}"
    if node.tag != _TAGS[type(node)]:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        raise FileError(f"{where}: the tag {tag} is not read", "write a plain value")
    if id(node) in seen:
        raise FileError(
            f"{where}: anchors and aliases (& and *) are not read", "write the value out"
        )
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return tuple(plain_data(path, item, seen) for item in node.value)
    return _mapping(path, node, seen)


def _mapping(path: Path, node: Any, seen: set[int]) -> dict[str, Any]:
    lines: dict[str, int] = {}
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise FileError(f"{path}:{line}: a key must be a plain word", "correct the key")
        key = key_node.value
        if key == "<<":
            raise FileError(f"{path}:{line}: merge keys (<<) are not read", "write the values out")
        if key in lines:
            raise FileError(
                f"{path}:{line}: {key!r} is given twice (first on line {lines[key]})",
                "keep one of them",
            )
        lines[key] = line
        data[key] = plain_data(path, value_node, seen)
    return data


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style in _QUOTED:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    if len(text) > _MOST_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return _decimal(text) if _DECIMAL.fullmatch(text) else text


def _decimal(text: str) -> float:
    """A decimal number; a whole one where an exponent makes it one, such as ``1e12``."""
    value = float(text)
    whole = "e" in text.casefold() and value.is_integer() and abs(value) <= _LARGEST_EXACT
    return int(value) if whole else value


def child(node: yaml.Node | None, key: object) -> tuple[int, yaml.Node] | None:
    """The line of ``key`` inside ``node``, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == key:
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    return None

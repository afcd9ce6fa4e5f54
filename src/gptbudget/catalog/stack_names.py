"""Names of the stacks: for help, completion and options."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.yamlfile import read_yaml


@cache
def _entries() -> Mapping[str, Any]:
    """What stands under each stack of the file."""
    entries: Mapping[str, Any] = read_yaml(data_file("stacks.yaml"), keep=True).data["stacks"]
    return entries


def stack_names() -> tuple[str, ...]:
    """The stacks, in the order of their file."""
    return tuple(_entries())


def default_stacks() -> dict[str, str]:
    """The stack that is the default for each kind of layout."""
    return {
        case: name for name, fields in _entries().items() for case in fields.get("default_for", ())
    }


CONTEXT: Mapping[str, Callable[[], tuple[str, ...]]] = {"stacks": stack_names}
"""The context in which options are validated (:data:`gptbudget.specs.options.StackName`)."""

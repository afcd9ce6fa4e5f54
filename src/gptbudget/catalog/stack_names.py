"""Names of the stacks: for help, completion and the option that names one."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.specs.options import Option
from gptbudget.specs.values import one_of


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


def read_option(name: str, option: Option, raw: Any) -> Any:
    """The value of an option that was typed; of a stack, one of the catalog's.

    Raises:
        ValueError: it cannot be read, as ``what is wrong: what to do``.
    """
    return one_of(stack_names())(raw) if name == "stack" else option.read(raw)

"""Names of the stacks, read off their file without a parser: for help, completion and options."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from gptbudget.catalog.paths import data_file

_STACK = re.compile(r"^  ([\w.-]+):\n((?:    .*\n)*)", re.MULTILINE)
_DEFAULT = re.compile(r"^    default_for: \[(.*)\]$", re.MULTILINE)


@cache
def _entries() -> Mapping[str, str]:
    """What stands under each stack of the file."""
    text = data_file("stacks.yaml").read_text(encoding="utf-8")
    return dict(_STACK.findall(text.partition("\nstacks:\n")[2]))


def stack_names() -> tuple[str, ...]:
    """The stacks, in the order of their file."""
    return tuple(_entries())


def default_stacks() -> dict[str, str]:
    """The stack that is the default for each kind of layout."""
    found = ((name, _DEFAULT.search(fields)) for name, fields in _entries().items())
    return {case: name for name, cases in found if cases for case in cases[1].split(", ")}


CONTEXT: Mapping[str, Callable[[], tuple[str, ...]]] = {"stacks": stack_names}
"""The context in which options are validated (:data:`gptbudget.specs.options.StackName`)."""

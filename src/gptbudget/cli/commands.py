"""The command and the group of commands that the program is made of."""

from functools import partial
from typing import Any

import typer.core

from gptbudget.cli.manual import page

_TEXT = (str, list[str])


class _Light:
    """Options that cost nothing unless they are given, and a help that is a page of the manual.

    Typer builds a validator of each option, also of those that were left out, and of those that
    take text as it stands.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, with help."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in found:
            parameter.process_value = partial(_process, parameter)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(page(self, ctx))


def _process(parameter: Any, context: Any, value: Any) -> Any:
    """The value of an option; nothing stays nothing, and text stays text."""
    if value is None and not parameter.required:
        return None
    if parameter.type_descriptor.annotation in _TEXT and parameter.callback is None:
        return value
    return type(parameter).process_value(parameter, context, value)


class Command(_Light, typer.core.TyperCommand):
    """One command."""


class Group(_Light, typer.core.TyperGroup):
    """Commands under one name."""

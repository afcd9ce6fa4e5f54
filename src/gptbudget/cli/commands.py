"""Typer command classes with cheap option parsing and our own help page."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import typer.core

from gptbudget.cli.manual import page

_EXPLAIN = "--explain="
_TEXT = (str, list[str])


class _FastParsing:
    """Mixin that validates only options that need it, and formats ``--help`` with ``manual``.

    Typer builds a validator for every option, which takes time even for options that are not given
    or take plain text.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return all parameters of the command, including ``--help``."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            parameter.process_value = partial(_process, parameter)
        return parameters

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(page(self, ctx))


def _process(parameter: Any, context: Any, value: Any) -> Any:
    """Return the value of an option; ``None`` and plain text are not validated."""
    if value is None and not parameter.required:
        return None
    if parameter.type_descriptor.annotation in _TEXT and parameter.callback is None:
        return value
    return type(parameter).process_value(parameter, context, value)


class Command(_FastParsing, typer.core.TyperCommand):
    """One command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments of the command."""
        return super().parse_args(ctx, join_explain_name(args))


def join_explain_name(words: Iterable[str]) -> list[str]:
    """Join ``--explain`` and its optional name into one word, because Typer options need a value.

    Example:
        >>> join_explain_name(["--explain", "--gpu", "4070ti", "--explain", "usd", "--explain"])
        ['--explain=', '--gpu', '4070ti', '--explain=usd', '--explain=']
    """
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == _EXPLAIN and not word.startswith("-"):
            joined[-1] += word
        else:
            joined.append(_EXPLAIN if word == "--explain" else word)
    return joined


class Group(_FastParsing, typer.core.TyperGroup):
    """Commands under one name."""

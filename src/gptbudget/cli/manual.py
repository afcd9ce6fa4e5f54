"""The text of ``--help``: options grouped by topic; choices and defaults are never truncated.

A long option has a line of its own, so that it is complete even in a narrow terminal.
"""

import inspect
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import typer.core

_NARROWEST, _WIDEST = 40, 100
_COLUMN = 26
"""Column at which descriptions begin, on wide terminals."""


def page(command: Any, context: Any) -> str:
    """Return the help of one command, as wide as the terminal allows."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    column = _COLUMN if width >= 3 * _COLUMN else 8
    usage = " ".join(command.collect_usage_pieces(context))
    blocks = [_filled(f"Usage: {context.command_path} {usage}", width, indent=7, first=0)]
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    blocks += [_filled(paragraph, width) for paragraph in paragraphs]
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        usual = "Arguments" if isinstance(parameter, typer.core.TyperArgument) else "Options"
        title = getattr(parameter, "rich_help_panel", None) or usual
        panels.setdefault(title, []).append(_entry(*_described(parameter), width, column))
    panels |= {"Options": panels.pop("Options")}  # what every command has stands last
    if isinstance(command, typer.core.TyperGroup):
        panels = {"Commands": list(_commands(command, context, width, column)), **panels}
    blocks += ["\n".join((title, *entries)) for title, entries in panels.items()]
    if command.epilog:
        title, _, example = command.epilog.partition(": ")
        blocks.append(f"{title}\n  {example}")
    return "\n\n".join(blocks) + "\n"


def _commands(group: Any, context: Any, width: int, column: int) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        first = (command.help or "").partition("\n\n")[0]
        yield _entry(name, " ".join(first.split()), width, column)


def _described(parameter: Any) -> tuple[str, str]:
    """Return how an option is typed, and its help with its default."""
    if isinstance(parameter, typer.core.TyperArgument):
        return parameter.metavar or str(parameter.name), parameter.help or ""
    names = ", ".join((*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" {parameter.metavar or 'TEXT'}"
    default = parameter.show_default if isinstance(parameter.show_default, str) else ""
    if not default and isinstance(parameter.default, str):
        default = parameter.default
    return f"{names}{value}", f"{parameter.help or ''} {f'[default: {default}]' if default else ''}"


def _entry(head: str, text: str, width: int, column: int) -> str:
    """Format one option: a short one on the same line as its description, a long one above it."""
    below = _filled(text, width, indent=column)
    if len(head) + 4 <= column:
        return f"  {head}".ljust(column) + below.lstrip()
    heads = "\n".join(_cut(f"  {head}", width))
    return f"{heads}\n{below}" if text.strip() else heads


def _cut(line: str, width: int) -> Iterator[str]:
    """Wrap a list of choices after ``|``."""
    while len(line) > width and "|" in line[:width]:
        end = line[:width].rindex("|") + 1
        yield line[:end]
        line = "      " + line[end:]
    yield line


def _filled(text: str, width: int, indent: int = 0, first: int | None = None) -> str:
    """Text in lines of the width; words are never cut."""
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=" " * (indent if first is None else first),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )

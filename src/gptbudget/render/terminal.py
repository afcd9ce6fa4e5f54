"""Answers for people: rich tables that fold to the width of the terminal."""

from __future__ import annotations

import os
import re
import sys
from typing import Literal, TextIO

from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from gptbudget.report.document import Document, Table

_NARROW = 64
"""Below this many columns a row becomes a block of lines."""

_PIPE_WIDTH = 100
"""Columns of output that does not go to a terminal, unless ``COLUMNS`` says otherwise."""

_TRAILING = re.compile(r"[ ]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def print_document(document: Document, stream: TextIO | None = None) -> None:
    """Print an answer; plain text without escape codes where there is no terminal.

    Sentences are folded in a terminal only, so that a pipe gets each on one line.
    """
    stream = stream or sys.stdout
    console = _console(stream)
    with console.capture() as captured:
        if document.headline:
            _sentence(console, document.headline, "bold")
        for sentence in document.advice:
            _sentence(console, sentence, "")
        for position, table in enumerate(document.tables):
            if position or document.headline:
                console.print()
            if table.title:
                console.print(Text(table.title, style="bold cyan"))
            console.print(_drawn(table, console.width))
        if document.notes:
            console.print()
        for note in document.notes:
            _sentence(console, f"- {note}", "dim")
    stream.write(_TRAILING.sub(r"\1", captured.get()))


def _sentence(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)


def _console(stream: TextIO) -> Console:
    width = None
    if not stream.isatty():
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdigit() and int(columns) > 0 else _PIPE_WIDTH
    plain = bool(os.environ.get("NO_COLOR"))
    colours: Literal["auto"] | None = None if plain else "auto"
    return Console(file=stream, width=width, color_system=colours, highlight=False, emoji=False)


def _drawn(table: Table, width: int) -> RenderableType:
    return _stacked(table) if width < _NARROW else _columns(table)


def _columns(table: Table) -> RichTable:
    """One line a row, long cells folded."""
    drawn = RichTable(box=None, padding=(0, 2, 0, 0), show_header=any(table.columns))
    for position, column in enumerate(table.columns):
        drawn.add_column(
            column,
            justify="right" if column in table.right else "left",
            style="dim" if position > 1 and not column else "",
            header_style="bold",
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _stacked(table: Table) -> Text:
    """A block of lines for each row, for narrow terminals."""
    lines = []
    for first, *rest in table.rows:
        lines.append(Text(first, style="bold"))
        for name, cell in zip(table.columns[1:], rest, strict=True):
            if cell:
                lines.append(Text(f"  {name}: {cell}" if name else f"  {cell}"))
    return Text("\n").join(lines)

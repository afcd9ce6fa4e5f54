"""Answers for people: rich tables that wrap at the width of the terminal."""

import os
import re
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from gptbudget.answer.document import Document, Table
from gptbudget.render.bars import LONGEST, SHORTEST, Ink, bar, ink_of, with_bars

_NARROW = 64
"""Below this many columns a row becomes a block of lines."""

_INDENT = 2
"""Spaces before the lines of a block."""

_GAP = 2
"""Spaces between two columns of a table."""

_NAME = 12
"""Minimum width of the first column when its names are wrapped."""

_LEAST = 6
"""Minimum width of the last column when its cells are words and can wrap."""

_WIDEST_DIGITS = 5
_PIPE_WIDTH = 100
"""Width of output that does not go to a terminal, if ``COLUMNS`` is not set."""

_COMMAND = re.compile(r"\bgptbudget [a-z]")
"""A command to be copied, in a note."""

_TRAILING = re.compile(r"[ ]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def print_document(document: Document, stream: TextIO | None = None) -> None:
    """Print an answer; plain text without escape codes where there is no terminal.

    Sentences are wrapped only in a terminal, and never if they have a command: the terminal itself
    wraps those without a line break, so that they can be copied.
    """
    stream = stream or sys.stdout
    console = _console(stream)
    with console.capture() as captured:
        if document.headline:
            _sentence(console, document.headline, "bold")
        for sentence in document.advice:
            console.print(Text(sentence), soft_wrap=True)
        for position, table in enumerate(document.tables):
            if position or document.headline:
                console.print()
            if table.title:
                console.print(Text(table.title, style="bold cyan"))
            console.print(_drawn(table, console.width, ink_of(stream.encoding)))
        if document.notes:
            console.print()
        for note in document.notes:
            _sentence(console, f"- {note}", "dim")
    stream.write(_TRAILING.sub(r"\1", captured.get()))


def _sentence(console: Console, text: str, style: str) -> None:
    whole = not console.is_terminal or _COMMAND.search(text) is not None
    console.print(Text(text, style=style), soft_wrap=whole)


def _console(stream: TextIO) -> Console:
    width = None
    if not stream.isatty():
        columns = os.environ.get("COLUMNS", "")
        given = len(columns) <= _WIDEST_DIGITS and columns.isdecimal() and int(columns)
        width = given or _PIPE_WIDTH
    plain = bool(os.environ.get("NO_COLOR"))
    colours: Literal["auto"] | None = None if plain else "auto"
    return Console(file=stream, width=width, color_system=colours, highlight=False, emoji=False)


def _drawn(table: Table, width: int, ink: Ink) -> RenderableType:
    """Return the table as columns if no number has to be split, else one block of lines per row."""
    words = [
        _room(*column, right=table.right) for column in zip(table.columns, *table.rows, strict=True)
    ]
    numbers = table.columns[-1] in table.right
    last = words[-1] + _GAP if numbers else min(words[-1], _LEAST)
    others = sum(words[1:-1]) + last + _GAP * (len(words) - 1)
    if width < _NARROW or min(words[0], _NAME) + others > width:
        return _stacked(table, width, ink)
    fold_names = words[0] + others > width
    return _columns(table if fold_names else with_bars(table, width, ink), fold_names=fold_names)


def _room(head: str, *cells: str, right: frozenset[str]) -> int:
    """Return the minimum width of a column; numbers and their heading never wrap."""
    whole = len(head) if head in right and _are_words(cells) else 0
    words = (len(word) for cell in (head, *cells) for word in cell.split())
    return max(whole, max(words, default=0))


def _are_words(cells: Iterable[str]) -> bool:
    return all(" " not in cell for cell in cells)


def _columns(table: Table, *, fold_names: bool) -> RichTable:
    """Return a table of one line per row; cells wrap at spaces, names if ``fold_names``."""
    drawn = RichTable(box=None, padding=(0, _GAP, 0, 0), show_header=any(table.columns))
    last = len(table.columns) - 1
    for position, column in enumerate(table.columns):
        one_word = _are_words(row[position] for row in table.rows)
        drawn.add_column(
            column,
            justify="right" if column in table.right else "left",
            style="dim" if position > 1 and not column else "",
            header_style="bold",
            overflow="fold",
            no_wrap=one_word
            and (position != last or column in table.right)
            and not (position == 0 and fold_names),
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _stacked(table: Table, width: int, ink: Ink) -> Text:
    """Return a block of lines per row, for narrow terminals; the bar is the last line."""
    shares = table.bars or (None,) * len(table.rows)
    lines = []
    for (first, *rest), share in zip(table.rows, shares, strict=True):
        lines.append(Text(first, style="bold" if rest else ""))
        for name, cell in zip(table.columns[1:], rest, strict=True):
            if cell:
                lines.append(Text(f"  {name}: {cell}" if name else f"  {cell}"))
        room = min(LONGEST, width - _INDENT - len(ink.beyond))
        if share is not None and room >= SHORTEST:
            lines.append(Text(" " * _INDENT + bar(share, room, ink)))
    return Text("\n").join(lines)

"""Text bars: Unicode block characters if the encoding has them, else ASCII."""

from typing import NamedTuple

from gptbudget.answer.document import Table

LONGEST = 24
"""Most characters of a bar."""

SHORTEST = 6
"""Bars shorter than this many characters are not drawn."""

_GAP = 2


class Ink(NamedTuple):
    """Characters of a bar; ``parts`` are partially filled characters, the thinnest first."""

    full: str
    parts: str
    empty: str
    beyond: str


BLOCKS = Ink("\u2588", "\u258f\u258e\u258d\u258c\u258b\u258a\u2589", "\u00b7", ">")
ASCII = Ink("#", "", ".", ">")


def ink_of(encoding: str | None) -> Ink:
    """Return ``BLOCKS`` if the encoding supports all of its characters, else ``ASCII``."""
    try:
        "".join(BLOCKS).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return BLOCKS


def bar(share: float, width: int, ink: Ink) -> str:
    """Return a share as a bar of ``width`` characters, with one more as a mark above 1.

    Example:
        >>> bar(0.5, 8, ASCII), bar(2.1, 8, ASCII)
        ('####....', '########>')
    """
    if share > 1:
        return ink.full * width + ink.beyond
    steps = len(ink.parts) + 1
    whole, rest = divmod(round(share * width * steps), steps)
    partial = ink.parts[rest - 1] if rest else ""
    return ink.full * whole + partial + ink.empty * (width - whole - len(partial))


def with_bars(table: Table, width: int, ink: Ink) -> Table:
    """Return the table with bars in its last column, or in a new one if that has numbers.

    Bars are as long as a terminal of ``width`` columns allows. Without room, or without bars, the
    table is returned unchanged.
    """
    if not table.bars:
        return table
    barred = table
    if table.columns[-1] in table.right:
        rows = tuple((*row, "") for row in table.rows)
        barred = table._replace(columns=(*table.columns, ""), rows=rows)
    *others, last = zip(barred.columns, *barred.rows, strict=True)
    beside = [words for words, share in zip(last[1:], table.bars, strict=True) if share is not None]
    words = max(map(len, beside), default=0)
    begin = words + _GAP if words else 0
    taken = sum(max(map(len, column)) + _GAP for column in others)
    room = width - taken - begin - _GAP - len(ink.beyond)
    if room < SHORTEST:
        return table
    length = min(LONGEST, room)
    cells = (
        cell if share is None else f"{cell:<{begin}}{bar(share, length, ink)}"
        for cell, share in zip(last[1:], table.bars, strict=True)
    )
    rows = tuple((*row[:-1], cell) for row, cell in zip(barred.rows, cells, strict=True))
    return barred._replace(rows=rows, bars=())

"""Bars of text, in blocks where the encoding has them and in ASCII where it has not."""

from typing import NamedTuple

from gptbudget.answer.document import Table

LONGEST = 24
"""Characters of a bar where there is room."""

SHORTEST = 6
"""A shorter bar says nothing and is left out."""

_GAP = 2


class Ink(NamedTuple):
    """What a bar is drawn with; ``parts`` are those of a character, the thinnest first."""

    full: str
    parts: str
    empty: str
    beyond: str


BLOCKS = Ink("\u2588", "\u258f\u258e\u258d\u258c\u258b\u258a\u2589", "\u00b7", ">")
ASCII = Ink("#", "", ".", ">")


def ink_of(encoding: str | None) -> Ink:
    """Blocks where the encoding can write every one of them."""
    try:
        "".join(BLOCKS).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return BLOCKS


def bar(share: float, width: int, ink: Ink) -> str:
    """A share of a whole as ``width`` characters, one more and marked beyond it.

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
    """The table with its bars behind the words of its last column, or in one of their own.

    They are as long as ``width`` columns of a terminal allow; where that is too short, or the
    table has none, it is the table as it was.
    """
    if not table.bars:
        return table
    own = table.columns[-1] in table.right
    barred = [
        row[-1]
        for row, share in zip(table.rows, table.bars, strict=True)
        if share is not None and not own
    ]
    text = max(map(len, barred), default=0)
    left = table.columns if own else table.columns[:-1]
    taken = sum(
        max(map(len, cells)) + _GAP
        for cells in list(zip(table.columns, *table.rows, strict=True))[: len(left)]
    )
    room = width - taken - (text + _GAP if text else 0) - _GAP - len(ink.beyond)
    if room < SHORTEST:
        return table
    drawn = ["" if share is None else bar(share, min(LONGEST, room), ink) for share in table.bars]
    if own:
        rows = tuple((*row, cell) for row, cell in zip(table.rows, drawn, strict=True))
        return table._replace(columns=(*table.columns, ""), rows=rows, bars=())
    rows = tuple(
        (*row[:-1], f"{row[-1]:<{text}}{' ' * _GAP if text else ''}{cell}" if cell else row[-1])
        for row, cell in zip(table.rows, drawn, strict=True)
    )
    return table._replace(rows=rows, bars=())

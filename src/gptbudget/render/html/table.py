"""A table of the answer; on a phone one with many columns becomes a block of lines a row."""

from xml.etree.ElementTree import Element

from gptbudget.answer.document import Table
from gptbudget.render.html.element import el, linked

_FEW = 3
_LONG = 60
"""Columns that a phone has room for."""


def table(of: Table, width: str) -> Element:
    """The table with its title; ``width`` is a class of the style."""
    heads = [
        el("th", column, scope="col", class_="right" if column in of.right else None)
        for column in of.columns
    ]
    drawn = el(
        "table",
        el("caption", of.title) if of.title else None,
        el("thead", el("tr", *heads)) if any(of.columns) else None,
        el("tbody", *(_row(of, row) for row in of.rows)),
        class_=_narrow(of),
    )
    return el("div", drawn, class_=f"table {width}")


def _narrow(of: Table) -> str | None:
    """How it is laid out on a phone: as rows, or as blocks of short or of long cells."""
    if not any(of.columns):
        return None
    longest = max((len(cell) for row in of.rows for cell in row), default=0)
    if len(of.columns) > _FEW:
        return "many"
    return "long" if longest > _LONG else None


def _row(of: Table, row: tuple[str, ...]) -> Element:
    cells = []
    for position, (column, cell) in enumerate(zip(of.columns, row, strict=True)):
        kind = _kind(of, column, position, cell)
        cells.append(el("td", *linked(cell.strip()), class_=kind, data_label=column or None))
    return el("tr", *cells)


def _kind(of: Table, column: str, position: int, cell: str) -> str | None:
    if column in of.right:
        return "right"
    if any(of.columns):
        return None
    first = "part" if cell.startswith("  ") else None
    return {0: first, 1: "value"}.get(position, "basis")

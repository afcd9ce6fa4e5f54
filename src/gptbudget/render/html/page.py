"""A page as HTML: head, verdict, parts and tables in one file, written where the user wants it."""

import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element

from gptbudget.answer.document import Document, Table
from gptbudget.answer.page.page import Amount, Chart, Page, Part, Stacked
from gptbudget.errors import UsageError
from gptbudget.render.html.charts import chart, ranges, stacked
from gptbudget.render.html.element import Content, as_html, el, linked
from gptbudget.render.output import write

STYLE = files(__package__).joinpath("style.css").read_text(encoding="utf-8")

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content security policy: the browser blocks every external request."""

_LONG, _SHORT, _FEW = 14, 40, 3
"""Split in two: from ``_LONG`` rows, with cells up to ``_SHORT`` and up to ``_FEW`` columns."""

_STATE = {True: ("good", "Yes"), False: ("bad", "No"), None: ("unknown", "Unknown")}


def to_html(page: Page) -> str:
    """The whole file."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"gptbudget: {page.title}"),
        el("link", rel="icon", href="data:,"),
        el("style", STYLE),
    )
    main = el("main", _header(page), *map(_part, page.parts))
    footer = el("footer", f"gptbudget {page.version}. This page loads nothing from elsewhere.")
    body = el("body", main, footer)
    return f"<!doctype html>\n{as_html(el('html', head, body, lang='en'))}\n"


def _header(page: Page) -> Element:
    colour, word = _STATE[page.feasible]
    state: Content = None
    text = page.headline
    if text.startswith(f"{word}: "):  # that of a plan does not
        state = el("span", word, class_=f"state {colour}")
        text = text.removeprefix(f"{word}: ")
        text = text[:1].upper() + text[1:]
    return el(
        "header",
        el("h1", page.title),
        el("p", state, *linked(text), class_="verdict"),
        _facts(page.facts),
        _list(page.advice, "advice"),
    )


def _facts(facts: Iterable[Amount]) -> Element | None:
    shown = [
        el("div", el("dt", fact.label), el("dd", fact.text, data_value=repr(float(fact.value))))
        for fact in facts
    ]
    return el("dl", *shown, class_="facts") if shown else None


def _part(part: Part) -> Element:
    full = [
        stacked(each) if isinstance(each, Stacked) else ranges(each)
        for each in part.figures
        if not isinstance(each, Chart)
    ]
    half = [chart(each) for each in part.figures if isinstance(each, Chart)]
    tables = [
        drawn
        for position, each in enumerate(part.tables)
        for drawn in _tables(each, beside=part.beside or (len(half) % 2 == 1 and not position))
    ]
    body = [*full, *half, *tables]
    if part.folded:
        summary = el("summary", el("h2", part.title))
        opened = el("div", *body, class_="body")
        return el("section", el("details", summary, opened, class_="folded"))
    return el(
        "section",
        el("h2", part.title),
        el("div", *body, class_="body") if body else None,
        _list(part.notes, "notes"),
    )


def _tables(of: Table, *, beside: bool) -> list[Element]:
    """Return the table, or two half tables side by side if it is long and its cells are short."""
    cells = max((len(cell) for row in of.rows for cell in row), default=0)
    if beside or len(of.rows) < _LONG or cells > _SHORT or len(of.columns) > _FEW:
        return [table(of, "half" if beside else "full")]
    middle = (len(of.rows) + 1) // 2
    first, second = of._replace(rows=of.rows[:middle]), of._replace(rows=of.rows[middle:])
    return [table(first, "half"), table(second._replace(title=""), "half later")]


def _list(sentences: Sequence[str], kind: str) -> Element | None:
    """Return sentences as a list; a command at the end of a sentence is set as code."""
    return el("ul", *map(_item, sentences), class_=kind) if sentences else None


def _item(sentence: str) -> Element:
    words, colon, asked = sentence.partition(": gptbudget ")
    if not colon:
        return el("li", *linked(sentence))
    return el("li", *linked(f"{words}: "), el("code", *linked(f"gptbudget {asked}")))


_ROOM, _LONG_CELL = 3, 60
"""Columns that fit on a phone, and characters above which a cell becomes a block there."""


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
    """Return the CSS class for a phone: ``None`` for rows, else blocks of short or long cells."""
    if not any(of.columns):
        return None
    longest = max((len(cell) for row in of.rows for cell in row), default=0)
    if len(of.columns) > _ROOM:
        return "many"
    return "long" if longest > _LONG_CELL else None


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


def write_page(page: Page, path: Path) -> None:
    """Write the page to a file; an existing file is replaced.

    Raises:
        UsageError: the path is no place for a file, or it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "not an ordinary file"
            raise UsageError(f"--html: {path} is {what}", "name a file, for example answer.html")
        path.write_text(to_html(page), encoding="utf-8", newline="\n")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UsageError(
            f"--html: {path} cannot be written ({reason})", "name another file"
        ) from None


def write_with_page(document: Document, fmt: str, page: Page, path: Path) -> None:
    """Write the page, print the answer, and say on standard error where the page is.

    Raises:
        UsageError: there is no such format, or the page cannot be written.
    """
    write_page(page, path)
    write(document, fmt)
    print(f"gptbudget: the page is in {path}", file=sys.stderr)  # noqa: T201 - not the answer

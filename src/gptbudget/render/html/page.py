"""A page as HTML: head, verdict, parts, all in one file."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from gptbudget.answer.document import Table
from gptbudget.answer.page.page import Amount, Chart, Figure, Page, Part, Ranges
from gptbudget.render.html.chart import chart
from gptbudget.render.html.element import Content, as_html, command, el, linked
from gptbudget.render.html.ranges import ranges
from gptbudget.render.html.stacked import stacked
from gptbudget.render.html.style import STYLE
from gptbudget.render.html.table import table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses whatever would leave the page."""

_LONG, _SHORT, _FEW = 14, 40, 3
"""Rows from which, characters and columns up to which a table is cut in two."""

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
    text = page.headline.removeprefix(f"{word}: ")
    state = el("span", word, class_=f"state {colour}")
    return el(
        "header",
        el("h1", page.title),
        el("p", *_said(page, text, state), class_="verdict"),
        _facts(page.facts),
        el("ul", *map(_advice, page.advice), class_="advice") if page.advice else None,
    )


def _said(page: Page, text: str, state: Element) -> Iterable[Content]:
    """The sentence behind its first word; that of a plan, which has none, as it is."""
    has_answer = text != page.headline
    return (state, *linked(text[:1].upper() + text[1:])) if has_answer else linked(text)


def _facts(facts: Iterable[Amount]) -> Element | None:
    shown = [
        el("div", el("dt", fact.label), el("dd", fact.text, data_value=repr(float(fact.value))))
        for fact in facts
    ]
    return el("dl", *shown, class_="facts") if shown else None


def _advice(sentence: str) -> Element:
    words, colon, asked = sentence.partition(": gptbudget ")
    if not colon:
        return el("li", *linked(sentence))
    return el("li", *linked(f"{words}: "), command(f"gptbudget {asked}"))


def _part(part: Part) -> Element:
    halves = sum(isinstance(figure, Chart) for figure in part.figures)
    full, half = _by_width(part.figures)
    tables = [
        drawn
        for position, each in enumerate(part.tables)
        for drawn in _tables(each, beside=part.beside or (halves % 2 == 1 and not position))
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
        el("ul", *(el("li", *_note(note)) for note in part.notes), class_="notes")
        if part.notes
        else None,
    )


def _tables(of: Table, *, beside: bool) -> list[Element]:
    """A table; a long one of short cells as two beside each other."""
    cells = max((len(cell) for row in of.rows for cell in row), default=0)
    if beside or len(of.rows) < _LONG or cells > _SHORT or len(of.columns) > _FEW:
        return [table(of, "half" if beside else "full")]
    middle = (len(of.rows) + 1) // 2
    first, second = of._replace(rows=of.rows[:middle]), of._replace(rows=of.rows[middle:])
    return [table(first, "half"), table(second._replace(title=""), "half later")]


def _note(note: str) -> list[Content]:
    words, colon, asked = note.partition(": gptbudget ")
    return [*linked(f"{words}: "), command(f"gptbudget {asked}")] if colon else linked(note)


def _by_width(figures: Iterable[Figure]) -> tuple[list[Element], list[Element]]:
    full, half = [], []
    for each in figures:
        if isinstance(each, Chart):
            half.append(chart(each))
        else:
            full.append(ranges(each) if isinstance(each, Ranges) else stacked(each))
    return full, half

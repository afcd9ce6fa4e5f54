"""Values with how far they may be off, one a row on a common axis."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from gptbudget.answer.page.page import Range, Ranges
from gptbudget.render.html.drawing import FULL, figure, label, shortened, straight, text_width
from gptbudget.render.html.element import Content, el
from gptbudget.render.html.legend import mark
from gptbudget.render.html.palette import series
from gptbudget.render.html.scale import Scale, scale_of, ticks

_STEP_BESIDE, _STEP_ABOVE = 30, 48
_TOP, _BOTTOM = 26, 30
_TICK_ROOM = 84


def ranges(of: Ranges) -> Element:
    """The chart; each row says its value."""

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        step = _STEP_BESIDE if width >= FULL else _STEP_ABOVE
        height = _TOP + len(of.rows) * step + _BOTTOM
        return height, _content(of, width, height)

    return figure(of.title, draw, FULL, None, of.caption)


def _content(of: Ranges, width: int, height: int) -> Iterator[Content]:
    beside = width >= FULL
    left = min(300.0, max(text_width(row.label) for row in of.rows) + 16) if beside else 8.0
    right = width - max(text_width(_said(row) if beside else row.text) for row in of.rows) - 12
    values = [value for row in of.rows for value in (row.value, row.low, row.high) if value]
    values += [] if of.limit is None else [of.limit.value]
    scale = scale_of(of.axis, values, left, right)
    bottom = height - _BOTTOM
    for value, text in ticks(scale, of.axis.quantity, max(2, int((right - left) // _TICK_ROOM))):
        x = scale.at(value)
        yield straight(x, _TOP, x, bottom, "grid")
        half = text_width(text) / 2
        anchor = "start" if x < half else "end" if x > width - half else "middle"
        yield label(text, x, bottom + 20, anchor)
    yield straight(left, bottom, right, bottom, "axis")
    if of.limit is not None:
        x = scale.at(of.limit.value)
        yield straight(x, _TOP - 4, x, bottom, "rule")
        half = text_width(of.limit.label) / 2
        anchor = "start" if x < half else "end" if x > width - half else "middle"
        yield label(of.limit.label, x, _TOP - 10, anchor, "strong")
    for number, row in enumerate(of.rows):
        yield from _row(row, number, scale, left, width)


def _row(row: Range, number: int, scale: Scale, left: float, width: int) -> Iterator[Element]:
    beside = width >= FULL
    y = _TOP + number * (_STEP_BESIDE if beside else _STEP_ABOVE) + (16 if beside else 34)
    if beside:
        yield label(shortened(row.label, left - 12), 0, y + 5)
        yield label(_said(row), width, y + 5, "end", "strong")
    else:
        yield label(shortened(row.label, width - text_width(row.text) - 8), 0, y - 14, kind="halo")
        yield label(row.text, width, y - 14, "end", "strong halo")
    if row.low is not None and row.high is not None:
        low, high = scale.at(row.low), scale.at(row.high)
        yield el(
            "line",
            el("title", f"{row.label}: {_said(row)}"),
            x1=low,
            y1=y,
            x2=high,
            y2=y,
            stroke="currentColor",
            stroke_width=6,
            stroke_opacity=0.55,
            stroke_linecap="round",
            class_=series(0),
        )
    dot = mark("circle", scale.at(row.value), y, 6, data_value=repr(float(row.value)))
    yield el("g", el("title", f"{row.label}: {_said(row)}"), dot, class_=series(0))


def _said(row: Range) -> str:
    return f"{row.text} {row.spread}".rstrip()

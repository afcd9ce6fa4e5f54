"""The charts of a page: curves over two axes, bills as stacked bars, values with their ranges."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gptbudget.answer.page.page import Amount, Band, Bill, Chart, Range, Ranges, Stacked
from gptbudget.render.html.drawing import (
    FULL,
    HALF,
    SHAPES,
    Key,
    figure,
    label,
    label_within,
    legend,
    mark,
    shortened,
    straight,
    text_width,
)
from gptbudget.render.html.element import Content, el
from gptbudget.render.html.scale import Scale, scale_of, ticks
from gptbudget.render.html.style import SERIES, colours_of, series
from gptbudget.units import format_percent

_HEIGHT = 300
_TOP, _BOTTOM, _LEFT, _RIGHT = 24, 44, 76, 12
_TICK_ROOM = 78


class _Frame(NamedTuple):
    x: Scale
    y: Scale
    right: float
    bottom: float


def chart(of: Chart) -> Element:
    """The chart with a legend of curves, points and the band."""

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        return _HEIGHT, _chart_content(of, _frame_of(of, width), width)

    return figure(of.title, draw, HALF, legend(_keys(of)), of.caption)


def _frame_of(of: Chart, width: int) -> _Frame:
    right, bottom = width - _RIGHT, _HEIGHT - _BOTTOM
    xs = [x for curve in of.curves for x, _ in curve.points] + [each.x for each in of.marks]
    ys = [y for curve in of.curves for _, y in curve.points] + [each.y for each in of.marks]
    xs += [] if of.upright is None else [of.upright.value]
    ys += [] if of.across is None else [of.across.value]
    zero = of.x.quantity == "share"
    return _Frame(
        scale_of(of.x, xs, _LEFT, right, zero=zero), scale_of(of.y, ys, bottom, _TOP), right, bottom
    )


def _chart_content(of: Chart, frame: _Frame, width: int) -> Iterator[Content]:
    if of.band is not None:
        yield from _band(of.band, frame)
    yield from _axes(of, frame, width)
    for position, curve in enumerate(of.curves):
        path = "L".join(f"{frame.x.at(x):.1f} {frame.y.at(y):.1f}" for x, y in curve.points)
        yield el("path", d=f"M{path}", class_=f"curve {series(position)}")
    if of.across is not None:
        y = frame.y.at(of.across.value)
        yield straight(_LEFT, y, frame.right, y, "rule")
        above = y - 7 if y - 20 > _TOP else y + 17
        yield label(of.across.label, frame.right - 4, above, "end", "strong halo")
    if of.upright is not None:
        x = frame.x.at(of.upright.value)
        yield straight(x, _TOP, x, frame.bottom, "rule")
        room = x - _LEFT > text_width(of.upright.label) + 8
        place, anchor = (x - 7, "end") if room else (x + 7, "start")
        yield label(of.upright.label, place, _TOP + 14, anchor, "strong halo")
    yield from _marks(of, frame)


def _band(band: Band, frame: _Frame) -> Iterator[Element]:
    low, high = frame.x.at(band.low), frame.x.at(band.high)
    height = frame.bottom - _TOP
    yield el("rect", x=low, y=_TOP, width=high - low, height=height, class_="shade")
    for x in (low, high):
        yield straight(x, _TOP, x, frame.bottom, f"edge {series(0)}")


def _axes(of: Chart, frame: _Frame, width: int) -> Iterator[Element]:
    for value, text in ticks(frame.y, of.y.quantity, 6):
        y = frame.y.at(value)
        yield straight(_LEFT, y, frame.right, y, "grid")
        yield label(text, _LEFT - 8, y + 4, "end")
    for value, text in ticks(frame.x, of.x.quantity, max(2, (width - _LEFT) // _TICK_ROOM)):
        x = frame.x.at(value)
        yield straight(x, frame.bottom, x, frame.bottom + 5, "axis")
        over = x + text_width(text) / 2 > width
        yield label(text, width if over else x, frame.bottom + 20, "end" if over else "middle")
    yield straight(_LEFT, frame.bottom, frame.right, frame.bottom, "axis")
    yield label(of.y.label, 0, 12)
    yield label(of.x.label, frame.right, _HEIGHT - 4, "end")


def _marks(of: Chart, frame: _Frame) -> Iterator[Element]:
    """The main one last, so that it lies above the others."""
    placed = list(enumerate(of.marks))
    for position, each in sorted(placed, key=lambda pair: pair[1].main):
        colour, shape = _look(of, position)
        size = 7 if each.main else 5
        drawn = mark(
            shape,
            frame.x.at(each.x),
            frame.y.at(each.y),
            size,
            data_x=repr(float(each.x)),
            data_y=repr(float(each.y)),
            data_mark=each.label,
        )
        yield el("g", el("title", f"{each.label}: {each.text}"), drawn, class_=colour)


def _look(of: Chart, position: int) -> tuple[str, str]:
    """Colour and shape of a mark, behind those of the curves."""
    place = position + len(of.curves)
    return series(place), SHAPES[(position + position // SERIES) % len(SHAPES)]


def _keys(of: Chart) -> Iterator[Key]:
    for position, each in enumerate(of.marks):
        colour, shape = _look(of, position)
        yield Key(colour, shape, each.label, each.text)
    for position, curve in enumerate(of.curves):
        yield Key(series(position), "line", curve.label)
    if of.band is not None:
        yield Key(series(0), "band", of.band.label)


_BAR = 40
_SLIM = 18
_EDGE = 1
_BILL_TICK_ROOM = 90
_MOST = 2.0
"""Of its limit, what is drawn of a bill where each has its own."""
_BILL_TOP = 26
_SAID = 96
"""Pixels for the share behind a slim bar."""


def stacked(chart: Stacked) -> Element:
    """The chart with a legend of the parts."""
    colours = colours_of(part.label for bill in chart.bills for part in bill.parts)
    one = chart.bills[0] if len(chart.bills) == 1 else None

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        drawn = _slim_bars if chart.each_its_own else _one_axis
        return drawn(chart, colours, width)

    keys = (
        Key(colour, "block", name, "" if one is None else _part_of_whole(one, name))
        for name, colour in colours.items()
    )
    return figure(chart.title, draw, FULL, legend(keys), chart.caption)


def _part_of_whole(bill: Bill, name: str) -> str:
    part = next(part for part in bill.parts if part.label == name)
    whole = bill.limit or bill.total
    return f"{part.text}, {format_percent(round(part.value / whole.value, 3))}"


def _one_axis(chart: Stacked, colours: dict[str, str], width: int) -> tuple[int, Iterable[Content]]:
    """Bars on one axis with the limit drawn across."""
    (bill,) = chart.bills
    furthest = max(bill.total.value, bill.limit.value if bill.limit else 0.0)
    scale = Scale(0, furthest, 1, width - 1)
    bottom = _BILL_TOP + _BAR

    def content() -> Iterator[Content]:
        if bill.limit is not None:
            end = scale.at(bill.limit.value)
            yield el("rect", x=1, y=_BILL_TOP, width=end - 1, height=_BAR, class_="track")
        yield from _segments(bill, scale, colours, _BILL_TOP, _BAR)
        if bill.limit is not None:
            yield from _end_of_card(bill, bill.limit, scale, width)
        else:
            yield label(f"{bill.total.label} {bill.total.text}", 0, _BILL_TOP - 9, kind="strong")
        yield straight(1, bottom + 6, width - 1, bottom + 6, "axis")
        for value, text in ticks(scale, chart.quantity, max(2, width // _BILL_TICK_ROOM)):
            x = scale.at(value)
            yield straight(x, bottom + 6, x, bottom + 11, "axis")
            yield label_within(text, x, bottom + 26, width)

    return bottom + 32, content()


def _end_of_card(bill: Bill, limit: Amount, scale: Scale, width: int) -> Iterator[Element]:
    """The end of the card, and how much of it is needed."""
    x = scale.at(limit.value)
    yield straight(x, _BILL_TOP - 5, x, _BILL_TOP + _BAR + 5, "limit")
    needed, has = f"{bill.total.label} {bill.total.text}", f"{limit.label} {limit.text}"
    if bill.total.value > limit.value:
        room = text_width(has)
        place, anchor = (x, "end") if x > room else (0, "start")
        yield label(has, place, _BILL_TOP - 9, anchor, "strong")
        if width > max(x, room) + 12 + text_width(needed):
            yield label(needed, width, _BILL_TOP - 9, "end", "strong")
    else:
        yield label(needed, 0, _BILL_TOP - 9, kind="strong")
        if x > text_width(needed) + text_width(has):
            yield label(has, x, _BILL_TOP - 9, "end", "strong")


def _segments(
    bill: Bill, scale: Scale, colours: dict[str, str], top: float, height: float
) -> Iterator[Element]:
    """One rectangle a part; its name stands inside where there is room."""
    begin = 0.0
    for part in bill.parts:
        x, end = scale.at(begin), scale.at(begin + part.value)
        begin += part.value
        yield el(
            "rect",
            el("title", f"{part.label}: {part.text}"),
            x=x,
            y=top,
            width=max(0.0, end - x - _EDGE),
            height=height,
            fill="currentColor",
            class_=colours[part.label],
            data_part=part.label,
            data_value=repr(part.value),
        )
        if height == _BAR and end - x > text_width(part.label) + 12:
            yield label(part.label, (x + end) / 2, top + height / 2 + 5, "middle", "inside")


def _slim_bars(
    chart: Stacked, colours: dict[str, str], width: int
) -> tuple[int, Iterable[Content]]:
    """One bar a bill, each against its own limit."""
    beside = width >= FULL
    left = min(300.0, max(text_width(bill.label) for bill in chart.bills) + 12) if beside else 0.0
    step = _SLIM + 14 if beside else _SLIM + 32
    most = min(_MOST, max(1.0, *(_share(bill) for bill in chart.bills)))
    right = width - _SAID

    def content() -> Iterator[Content]:
        for row, bill in enumerate(chart.bills):
            top = row * step + (4 if beside else 20)
            whole = bill.limit.value if bill.limit else bill.total.value
            scale = Scale(0, whole * most, left, right)
            end = scale.at(whole)
            name = shortened(bill.label, left - 8 if beside else width)
            yield label(name, 0, top + 14 if beside else top - 6)
            yield el("rect", x=left, y=top, width=end - left, height=_SLIM, class_="track")
            yield from _segments(bill, scale, colours, top, _SLIM)
            yield straight(end, top - 3, end, top + _SLIM + 3, "limit")
            said = format_percent(round(_share(bill), 2)) if bill.limit else bill.total.text
            yield label(said, width, top + 14, "end", "strong")

    return len(chart.bills) * step + 6, content()


def _share(bill: Bill) -> float:
    return bill.total.value / bill.limit.value if bill.limit else 1.0


_STEP_BESIDE, _STEP_ABOVE = 30, 48
_ROWS_TOP, _ROWS_BOTTOM = 26, 30
_ROWS_TICK_ROOM = 84


def ranges(of: Ranges) -> Element:
    """The chart; each row says its value."""

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        step = _STEP_BESIDE if width >= FULL else _STEP_ABOVE
        height = _ROWS_TOP + len(of.rows) * step + _ROWS_BOTTOM
        return height, _ranges_content(of, width, height)

    return figure(of.title, draw, FULL, None, of.caption)


def _ranges_content(of: Ranges, width: int, height: int) -> Iterator[Content]:
    beside = width >= FULL
    left = min(300.0, max(text_width(row.label) for row in of.rows) + 16) if beside else 8.0
    right = width - max(text_width(_said(row) if beside else row.text) for row in of.rows) - 12
    values = [value for row in of.rows for value in (row.value, row.low, row.high) if value]
    values += [] if of.limit is None else [of.limit.value]
    scale = scale_of(of.axis, values, left, right)
    bottom = height - _ROWS_BOTTOM
    for value, text in ticks(
        scale, of.axis.quantity, max(2, int((right - left) // _ROWS_TICK_ROOM))
    ):
        x = scale.at(value)
        yield straight(x, _ROWS_TOP, x, bottom, "grid")
        yield label_within(text, x, bottom + 20, width)
    yield straight(left, bottom, right, bottom, "axis")
    if of.limit is not None:
        x = scale.at(of.limit.value)
        yield straight(x, _ROWS_TOP - 4, x, bottom, "rule")
        yield label_within(of.limit.label, x, _ROWS_TOP - 10, width, "strong")
    for number, row in enumerate(of.rows):
        yield from _range(row, number, scale, left, width)


def _range(row: Range, number: int, scale: Scale, left: float, width: int) -> Iterator[Element]:
    beside = width >= FULL
    y = _ROWS_TOP + number * (_STEP_BESIDE if beside else _STEP_ABOVE) + (16 if beside else 34)
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

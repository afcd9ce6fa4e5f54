"""Bills as stacked bars, against their limit where there is one."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from gptbudget.answer.page.page import Amount, Bill, Stacked
from gptbudget.render.html.drawing import (
    FULL,
    figure,
    label,
    shortened,
    straight,
    text_width,
)
from gptbudget.render.html.element import Content, el
from gptbudget.render.html.legend import Key, legend
from gptbudget.render.html.palette import colours_of
from gptbudget.render.html.scale import Scale, ticks
from gptbudget.units import format_percent

_BAR = 40
_SLIM = 18
_EDGE = 1
_TICK_ROOM = 90
"""Pixels that a number of the axis needs."""
_MOST = 2.0
"""Of its limit, what is drawn of a bill where each has its own."""
_TOP = 26
_SAID = 96
"""Pixels for the share behind a slim bar."""


def stacked(chart: Stacked) -> Element:
    """The chart with a legend of the parts."""
    colours = _colours(chart.bills)
    one = chart.bills[0] if len(chart.bills) == 1 else None

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        drawn = _slim_bars if chart.each_its_own else _one_axis
        return drawn(chart, colours, width)

    keys = (
        Key(colour, "block", name, "" if one is None else _said(one, name))
        for name, colour in colours.items()
    )
    return figure(chart.title, draw, FULL, legend(keys), chart.caption)


def _colours(bills: Iterable[Bill]) -> dict[str, str]:
    return colours_of(part.label for bill in bills for part in bill.parts)


def _said(bill: Bill, name: str) -> str:
    part = next(part for part in bill.parts if part.label == name)
    whole = bill.limit or bill.total
    return f"{part.text}, {format_percent(round(part.value / whole.value, 3))}"


def _one_axis(chart: Stacked, colours: dict[str, str], width: int) -> tuple[int, Iterable[Content]]:
    """Bars on one axis with the limit drawn across."""
    (bill,) = chart.bills
    furthest = max(bill.total.value, bill.limit.value if bill.limit else 0.0)
    scale = Scale(0, furthest, 1, width - 1)
    bottom = _TOP + _BAR

    def content() -> Iterator[Content]:
        if bill.limit is not None:
            end = scale.at(bill.limit.value)
            yield el("rect", x=1, y=_TOP, width=end - 1, height=_BAR, class_="track")
        yield from _segments(bill, scale, colours, _TOP, _BAR)
        if bill.limit is not None:
            yield from _limit(bill, bill.limit, scale, width)
        else:
            yield label(f"{bill.total.label} {bill.total.text}", 0, _TOP - 9, kind="strong")
        yield straight(1, bottom + 6, width - 1, bottom + 6, "axis")
        for value, text in ticks(scale, chart.quantity, max(2, width // _TICK_ROOM)):
            x = scale.at(value)
            yield straight(x, bottom + 6, x, bottom + 11, "axis")
            half = text_width(text) / 2
            anchor = "start" if x < half else "end" if x > width - half else "middle"
            yield label(text, x, bottom + 26, anchor)

    return bottom + 32, content()


def _limit(bill: Bill, limit: Amount, scale: Scale, width: int) -> Iterator[Element]:
    """The end of the card, and how much of it is needed."""
    x = scale.at(limit.value)
    yield straight(x, _TOP - 5, x, _TOP + _BAR + 5, "limit")
    needed, has = f"{bill.total.label} {bill.total.text}", f"{limit.label} {limit.text}"
    if bill.total.value > limit.value:
        room = text_width(has)
        place, anchor = (x, "end") if x > room else (0, "start")
        yield label(has, place, _TOP - 9, anchor, "strong")
        if width > max(x, room) + 12 + text_width(needed):
            yield label(needed, width, _TOP - 9, "end", "strong")
    else:
        yield label(needed, 0, _TOP - 9, kind="strong")
        if x > text_width(needed) + text_width(has):
            yield label(has, x, _TOP - 9, "end", "strong")


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

"""SVG charts of a page: curves, stacked bars, and values with ranges."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from gptbudget.answer.page.page import Amount, Bill, Chart, Range, Ranges, Stacked
from gptbudget.render.html.drawing import (
    FULL,
    HALF,
    SERIES,
    SHAPES,
    Key,
    colours_of,
    figure,
    label,
    label_within,
    mark,
    series,
    shortened,
    straight,
    text_width,
)
from gptbudget.render.html.element import Content, el
from gptbudget.render.html.scale import Scale, scale_of, ticks
from gptbudget.units import format_percent

_HEIGHT = 300
_TOP, _BOTTOM, _LEFT, _RIGHT = 24, 44, 76, 12
_TICK_ROOM = 78


def chart(of: Chart) -> Element:
    """The chart with a legend of points, curve and band."""

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        x, y = _scales(of, width)
        rules = _rules(of, x, y)
        axes = _axes(of, x, y, width)
        return _HEIGHT, (*_band(of, x, y), *axes, _curve(of, x, y), *rules, *_marks(of, x, y))

    return figure(of.title, draw, HALF, _legend_keys(of), of.caption)


def _scales(of: Chart, width: int) -> tuple[Scale, Scale]:
    points = [*of.curve.points, *((each.x, each.y) for each in of.marks)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if of.vertical_line is not None:
        xs.append(of.vertical_line.value)
    if of.horizontal_line is not None:
        ys.append(of.horizontal_line.value)
    return (
        scale_of(of.x, xs, _LEFT, width - _RIGHT, zero=of.x.quantity == "share"),
        scale_of(of.y, ys, _HEIGHT - _BOTTOM, _TOP),
    )


def _curve(of: Chart, x: Scale, y: Scale) -> Element:
    path = "L".join(f"{x.at(across):.1f} {y.at(up):.1f}" for across, up in of.curve.points)
    return el("path", d=f"M{path}", class_=f"curve {series(0)}")


def _rules(of: Chart, x: Scale, y: Scale) -> Iterator[Element]:
    """The lines across the chart, with their labels."""
    if of.horizontal_line is not None:
        place = y.at(of.horizontal_line.value)
        yield straight(x.start, place, x.end, place, "rule")
        above = place - 7 if place - 20 > _TOP else place + 17
        yield label(of.horizontal_line.label, x.end - 4, above, "end", "strong halo")
    if of.vertical_line is not None:
        place = x.at(of.vertical_line.value)
        yield straight(place, y.end, place, y.start, "rule")
        room = place - _LEFT > text_width(of.vertical_line.label) + 8
        beside, anchor = (place - 7, "end") if room else (place + 7, "start")
        yield label(of.vertical_line.label, beside, _TOP + 14, anchor, "strong halo")


def _band(of: Chart, x: Scale, y: Scale) -> Iterator[Element]:
    if of.band is not None:
        low, high = x.at(of.band.low), x.at(of.band.high)
        height = y.start - y.end
        yield el("rect", x=low, y=y.end, width=high - low, height=height, class_="shade")
        for end in (low, high):
            yield straight(end, y.end, end, y.start, f"edge {series(0)}")


def _axes(of: Chart, x: Scale, y: Scale, width: int) -> Iterator[Element]:
    bottom = y.start
    for value, text in ticks(y, of.y.quantity, 6):
        place = y.at(value)
        yield straight(x.start, place, x.end, place, "grid")
        yield label(text, x.start - 8, place + 4, "end")
    for value, text in ticks(x, of.x.quantity, max(2, (width - _LEFT) // _TICK_ROOM)):
        place = x.at(value)
        yield straight(place, bottom, place, bottom + 5, "axis")
        yield label_within(text, place, bottom + 20, width)
    yield straight(x.start, bottom, x.end, bottom, "axis")
    yield label(of.y.label, 0, 12)
    yield label(of.x.label, x.end, _HEIGHT - 4, "end")


def _marks(of: Chart, x: Scale, y: Scale) -> Iterator[Element]:
    """Draw the marks, the main one last so that it is on top."""
    for position, each in sorted(enumerate(of.marks), key=lambda pair: pair[1].main):
        colour, shape = _colour_and_shape(position)
        data = {"data_x": repr(float(each.x)), "data_y": repr(float(each.y))}
        size = 7 if each.main else 5
        drawn = mark(shape, x.at(each.x), y.at(each.y), size, data_mark=each.label, **data)
        yield el("g", el("title", f"{each.label}: {each.text}"), drawn, class_=colour)


def _colour_and_shape(position: int) -> tuple[str, str]:
    """Colour and shape of a mark; the first colour is that of the curve."""
    return series(position + 1), SHAPES[(position + position // SERIES) % len(SHAPES)]


def _legend_keys(of: Chart) -> Iterator[Key]:
    for position, each in enumerate(of.marks):
        yield Key(*_colour_and_shape(position), each.label, each.text)
    yield Key(series(0), "line", of.curve.label)
    if of.band is not None:
        yield Key(series(0), "band", of.band.label)


_BAR = 40
_SLIM = 18
_EDGE = 1
_BILL_TICK_ROOM = 90
_MOST = 2.0
"""Longest bar drawn, as a multiple of its limit, when each bar has its own limit."""
_BILL_TOP = 26
_SHARE_WIDTH = 96
"""Pixels reserved for the percentage at the end of a slim bar."""


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
    return figure(chart.title, draw, FULL, keys)


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
    """Draw the limit line, labelled with the needed and the usable amount."""
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
    """Yield one rectangle per part, labelled if there is room."""
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
    """Return height and content: one slim bar per bill, scaled to its own limit."""
    beside = width >= FULL
    left = min(300.0, max(text_width(bill.label) for bill in chart.bills) + 12) if beside else 0.0
    step = _SLIM + 14 if beside else _SLIM + 32
    most = min(_MOST, max(1.0, *(_share(bill) for bill in chart.bills)))
    right = width - _SHARE_WIDTH

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
            total = format_percent(round(_share(bill), 2)) if bill.limit else bill.total.text
            yield label(total, width, top + 14, "end", "strong")

    return len(chart.bills) * step + 6, content()


def _share(bill: Bill) -> float:
    return bill.total.value / bill.limit.value if bill.limit else 1.0


_STEP_BESIDE, _STEP_ABOVE = 30, 48
_ROWS_TOP, _ROWS_BOTTOM = 26, 30
_ROWS_TICK_ROOM = 84


def ranges(of: Ranges) -> Element:
    """Return the chart: one row per value, with its range as a line and its value as text."""

    def draw(width: int) -> tuple[int, Iterable[Content]]:
        step = _STEP_BESIDE if width >= FULL else _STEP_ABOVE
        height = _ROWS_TOP + len(of.rows) * step + _ROWS_BOTTOM
        return height, _ranges_content(of, width, height)

    return figure(of.title, draw, FULL)


def _ranges_content(of: Ranges, width: int, height: int) -> Iterator[Content]:
    beside = width >= FULL
    left = min(300.0, max(text_width(row.label) for row in of.rows) + 16) if beside else 8.0
    right = (
        width - max(text_width(_with_range(row) if beside else row.text) for row in of.rows) - 12
    )
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
        yield label(_with_range(row), width, y + 5, "end", "strong")
    else:
        yield label(shortened(row.label, width - text_width(row.text) - 8), 0, y - 14, kind="halo")
        yield label(row.text, width, y - 14, "end", "strong halo")
    spread = None
    if row.low is not None and row.high is not None:
        spread = straight(scale.at(row.low), y, scale.at(row.high), y, "spread")
    dot = mark("circle", scale.at(row.value), y, 6, data_value=repr(float(row.value)))
    yield el("g", el("title", f"{row.label}: {_with_range(row)}"), spread, dot, class_=series(0))


def _with_range(row: Range) -> str:
    return f"{row.text} {row.spread}".rstrip()

"""Curves and points over two axes."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gptbudget.answer.page.page import Band, Chart
from gptbudget.render.html.drawing import HALF, figure, label, straight, text_width
from gptbudget.render.html.element import Content, el
from gptbudget.render.html.legend import SHAPES, Key, legend, mark
from gptbudget.render.html.palette import SERIES, series
from gptbudget.render.html.scale import Scale, scale_of, ticks

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
        return _HEIGHT, _content(of, _frame(of, width), width)

    return figure(of.title, draw, HALF, legend(_keys(of)), of.caption)


def _frame(of: Chart, width: int) -> _Frame:
    right, bottom = width - _RIGHT, _HEIGHT - _BOTTOM
    xs = [x for curve in of.curves for x, _ in curve.points] + [each.x for each in of.marks]
    ys = [y for curve in of.curves for _, y in curve.points] + [each.y for each in of.marks]
    xs += [] if of.upright is None else [of.upright.value]
    ys += [] if of.across is None else [of.across.value]
    zero = of.x.quantity == "share"
    return _Frame(
        scale_of(of.x, xs, _LEFT, right, zero=zero), scale_of(of.y, ys, bottom, _TOP), right, bottom
    )


def _content(of: Chart, frame: _Frame, width: int) -> Iterator[Content]:
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

"""What colours and shapes stand for: a list below the drawing."""

from collections.abc import Iterable
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gptbudget.render.html.element import el

SHAPES = ("circle", "square", "diamond", "triangle")
_HALF = 7
"""Half of the side of a key, in its own units."""


class Key(NamedTuple):
    """One line of a legend."""

    colour: str
    """A class of the style."""
    shape: str
    label: str
    text: str = ""


def legend(keys: Iterable[Key]) -> Element:
    """The list, in the order of the drawing."""
    return el("ul", *map(_line, keys), class_="legend")


def _line(key: Key) -> Element:
    text = el("b", key.text) if key.text else None
    return el("li", _picture(key), el("span", key.label), text)


def _picture(key: Key) -> Element:
    box = f"0 0 {2 * _HALF} {2 * _HALF}"
    drawn = mark(key.shape, _HALF, _HALF, 6)
    return el("svg", drawn, viewBox=box, class_=key.colour, aria_hidden="true")


def mark(shape: str, x: float, y: float, size: float, **data: str | float | None) -> Element:
    """A shape around a point; ``line`` and ``band`` are what keys of those look like."""
    left, top = x - size, y - size
    if shape == "circle":
        return el("circle", cx=x, cy=y, r=size, class_="mark", **data)
    if shape == "line":
        return el("path", d=f"M{left:.1f} {y:.1f}h{2 * size:.1f}", class_="curve", **data)
    if shape == "band":
        return el("rect", x=left, y=top, width=2 * size, height=2 * size, class_="track", **data)
    if shape in {"square", "block"}:
        side = 2 * size if shape == "block" else 1.8 * size
        at = size if shape == "block" else 0.9 * size
        return el(
            "rect", x=x - at, y=y - at, width=side, height=side, rx=1.5, class_="mark", **data
        )
    corners = {
        "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "triangle": ((0, -1.15), (1.15, 0.9), (-1.15, 0.9)),
    }[shape]
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in corners)
    return el("polygon", points=points, class_="mark", **data)

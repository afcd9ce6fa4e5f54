"""Drawing helpers shared by all charts: figure, text, lines, colours, marks and legends."""

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gptbudget.render.html.element import Content, el

FULL, HALF, NARROW = 1032, 496, 336
"""Chart widths in CSS pixels at which text is drawn unscaled: full page, half page, phone."""

CHARACTER = 7.2
"""Upper bound of the average character width, in pixels."""

Draw = Callable[[int], tuple[int, Iterable[Content]]]
"""Returns the height and content of a drawing of some width."""


class Key(NamedTuple):
    """One line of a legend."""

    colour: str
    """A class of the style."""
    shape: str
    label: str
    text: str = ""


def figure(
    title: str,
    draw: Draw,
    wide: int,
    keys: Iterable[Key] = (),
    caption: str = "",
) -> Element:
    """A titled chart, drawn once wide and once narrow."""
    lines = [_line(key) for key in keys]
    return el(
        "figure",
        el("h3", title),
        _svg(title, wide, draw, "wide"),
        _svg(title, NARROW, draw, "narrow"),
        el("ul", *lines, class_="legend") if lines else None,
        el("p", caption, class_="caption") if caption else None,
        class_="full" if wide == FULL else "half",
    )


def _svg(title: str, width: int, draw: Draw, kind: str) -> Element:
    height, content = draw(width)
    return el(
        "svg",
        el("title", title),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_=kind,
    )


def label(text: str, x: float, y: float, anchor: str = "start", kind: str = "") -> Element:
    """Text with its baseline at a point."""
    return el("text", text, x=x, y=y, text_anchor=anchor, class_=kind or None)


def label_within(text: str, x: float, y: float, width: float, kind: str = "") -> Element:
    """Text centred at a point, moved if it would leave a drawing of this width."""
    half = text_width(text) / 2
    return label(text, x, y, "start" if x < half else "end" if x > width - half else "middle", kind)


def straight(x1: float, y1: float, x2: float, y2: float, kind: str) -> Element:
    """A straight line."""
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def text_width(text: str) -> float:
    """Return an upper bound of the text width in pixels."""
    return len(text) * CHARACTER


def shortened(text: str, room: float) -> str:
    """Shorten text to a width; shortened text ends with an ellipsis."""
    most = max(1, int(room / CHARACTER))
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


SERIES = 12
"""How many colours there are for parts of a whole, curves and marks."""

OF_PART = {
    "weights": 0,
    "gradients": 1,
    "optimizer state": 2,
    "activations": 3,
    "logits": 4,
    "temporaries": 5,
    "driver context": 6,
    "workspaces": 7,
    "allocator slack": 8,
    "autocast copies": 9,
}
"""Parts that have the same colour in every chart."""


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Map each name to a CSS class. Names without a fixed colour get the next unused one."""
    wanted = list(dict.fromkeys(names))
    taken = {OF_PART[name] for name in wanted if name in OF_PART}
    free = cycle([position for position in range(SERIES) if position not in taken])
    return {name: series(OF_PART[name] if name in OF_PART else next(free)) for name in wanted}


def series(position: int) -> str:
    """Return the CSS class of the colour of a position; colours repeat after the last."""
    return f"s{position % SERIES + 1}"


SHAPES = ("circle", "square", "diamond", "triangle")
_CORNERS = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "triangle": ((0, -1.15), (1.15, 0.9), (-1.15, 0.9)),
    "block": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "band": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "line": ((-1, 0), (1, 0)),
}
_CLASSES = {"line": "curve", "band": "track"}


def _line(key: Key) -> Element:
    shape = mark(key.shape, 7, 7, 6)
    picture = el("svg", shape, viewBox="0 0 14 14", class_=key.colour, aria_hidden="true")
    return el("li", picture, el("span", key.label), el("b", key.text) if key.text else None)


def mark(shape: str, x: float, y: float, size: float, **data: str | float | None) -> Element:
    """Return a shape around a point; ``line`` and ``band`` are the symbols of a legend."""
    if shape == "circle":
        return el("circle", cx=x, cy=y, r=size, class_="mark", **data)
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in _CORNERS[shape])
    return el("polygon", points=points, class_=_CLASSES.get(shape, "mark"), **data)

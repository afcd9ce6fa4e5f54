"""What all charts share: their frame, in a wide and a narrow drawing."""

from collections.abc import Callable, Iterable
from xml.etree.ElementTree import Element

from gptbudget.render.html.element import Content, el

FULL, HALF, NARROW = 1032, 496, 336
"""Widths in CSS pixels at which text has its own size: across the page, half of it, a phone."""

CHARACTER = 7.2
"""Width of a character of text at the most, on average."""


def figure(
    title: str,
    draw: Callable[[int], tuple[int, Iterable[Content]]],
    wide: int,
    legend: Element | None,
    caption: str,
) -> Element:
    """A titled chart, drawn once wide and once narrow; ``draw`` gives height and content."""
    return el(
        "figure",
        el("h3", title),
        _svg(title, wide, draw, "wide"),
        _svg(title, NARROW, draw, "narrow"),
        legend,
        el("p", caption, class_="caption") if caption else None,
        class_="full" if wide == FULL else "half",
    )


def _svg(
    title: str, width: int, draw: Callable[[int], tuple[int, Iterable[Content]]], kind: str
) -> Element:
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


def straight(x1: float, y1: float, x2: float, y2: float, kind: str) -> Element:
    """A straight line."""
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def text_width(text: str) -> float:
    """How wide text is at the most, in pixels."""
    return len(text) * CHARACTER


def shortened(text: str, room: float) -> str:
    """Text that fits into a width; what is cut ends with an ellipsis."""
    most = max(1, int(room / CHARACTER))
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"

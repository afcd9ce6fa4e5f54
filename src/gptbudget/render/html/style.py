"""The style of the page, and which colour of it a part of a chart has.

Series also differ in position and in the shape of their marks.
"""

from collections.abc import Iterable
from importlib.resources import files
from itertools import cycle

STYLE = files(__package__).joinpath("style.css").read_text(encoding="utf-8")

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
    """The class that gives the colour of a position, again from the first after the last."""
    return f"s{position % SERIES + 1}"

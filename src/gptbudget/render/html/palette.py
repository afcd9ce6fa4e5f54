"""Colours of the page, in two themes with the same names.

Text and series have a contrast of at least 4.5 to what they stand on, lines that carry meaning at
least 3 (WCAG 2.2, success criteria 1.4.3 and 1.4.11); a test computes each. Series can be told
apart by place and by the shape of their marks too.
"""

from collections.abc import Iterable, Mapping
from itertools import cycle

SERIES = 12
"""How many colours there are for parts of a whole, curves and marks."""

LIGHT: Mapping[str, str] = {
    "page": "#f4f5f7",
    "card": "#ffffff",
    "text": "#1a1f26",
    "muted": "#545d68",
    "line": "#767f8b",
    "grid": "#e3e6ea",
    "shade": "#eaf1fb",
    "link": "#0a56b3",
    "good": "#0f6b38",
    "bad": "#ae1f1a",
    "unknown": "#7a5600",
    "s1": "#1d5fc2",
    "s2": "#b04a06",
    "s3": "#0c7a5b",
    "s4": "#7b3fc4",
    "s5": "#b8275f",
    "s6": "#08718a",
    "s7": "#7c5e00",
    "s8": "#5c6672",
    "s9": "#86482a",
    "s10": "#4a48b8",
    "s11": "#4a7810",
    "s12": "#953c9c",
}

DARK: Mapping[str, str] = {
    "page": "#0f1317",
    "card": "#181d23",
    "text": "#e8ebef",
    "muted": "#a9b2bd",
    "line": "#7d8792",
    "grid": "#2b323a",
    "shade": "#1d2a3c",
    "link": "#86b8ff",
    "good": "#62d08f",
    "bad": "#ff9a92",
    "unknown": "#e5c463",
    "s1": "#82b4ff",
    "s2": "#ffad73",
    "s3": "#5ed3a5",
    "s4": "#c8a8ff",
    "s5": "#ff97ba",
    "s6": "#62d2e4",
    "s7": "#e2c65f",
    "s8": "#aeb8c4",
    "s9": "#dba58a",
    "s10": "#a9a8ff",
    "s11": "#a5d167",
    "s12": "#eb9bf0",
}

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
    """A class for each name; those without a colour of their own take the first that are free."""
    wanted = list(dict.fromkeys(names))
    taken = {OF_PART[name] for name in wanted if name in OF_PART}
    free = cycle([position for position in range(SERIES) if position not in taken])
    return {name: series(OF_PART[name] if name in OF_PART else next(free)) for name in wanted}


def series(position: int) -> str:
    """The class that gives the colour of a position, again from the first after the last."""
    return f"s{position % SERIES + 1}"


def variables(theme: Mapping[str, str]) -> str:
    """A theme as CSS variables."""
    return "".join(f"--{name}:{colour};" for name, colour in theme.items())

"""Contrast of the page's colours, by the formula of WCAG 2.2."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from gptbudget.render.html.drawing import OF_PART, SERIES, colours_of
from gptbudget.render.html.page import STYLE

LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]{6});", theme))
    for theme in re.findall(r":root\{[^}]*;\s*\}", STYLE)
)

TEXT_ON = (
    *((text, ground) for text in ("text", "muted", "link") for ground in ("card", "page")),
    *((state, "card") for state in ("good", "bad", "unknown")),
    *(("card", state) for state in ("good", "bad", "unknown")),
    *(("card", f"s{number + 1}") for number in range(SERIES)),
    ("text", "shade"),
    ("muted", "shade"),
)
"""Which text stands on which colour."""

DRAWN_ON = (
    *((f"s{number + 1}", ground) for number in range(SERIES) for ground in ("card", "shade")),
    ("line", "card"),
    ("text", "card"),
)
"""Which line or shape stands on which colour."""


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_is_that_of_the_guideline() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", TEXT_ON, ids="-on-".join)
def test_text_can_be_read(theme: Mapping[str, str], pair: tuple[str, str]) -> None:
    assert contrast(theme[pair[0]], theme[pair[1]]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", DRAWN_ON, ids="-on-".join)
def test_what_is_drawn_can_be_seen(theme: Mapping[str, str], pair: tuple[str, str]) -> None:
    assert contrast(theme[pair[0]], theme[pair[1]]) >= 3


def test_both_themes_have_the_same_names_and_no_colour_twice() -> None:
    assert LIGHT.keys() == DARK.keys()
    for theme in (LIGHT, DARK):
        series = {theme[f"s{number + 1}"] for number in range(SERIES)}
        assert len(series) == SERIES


def test_a_part_has_one_colour_and_no_two_share_it() -> None:
    names = ["masters", *reversed(OF_PART), "collectives"]
    found = colours_of(names)
    assert len(set(found.values())) == len(names) == SERIES
    assert found["weights"] == colours_of(["weights"])["weights"]

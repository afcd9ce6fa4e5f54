"""Axes: values at their place, and round numbers beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.answer.page.page import Axis, Quantity
from gptbudget.render.html.scale import Scale, scale_of, ticks, written

AMOUNTS = st.floats(1e-6, 1e30)


@given(st.lists(AMOUNTS, min_size=1, max_size=5), st.booleans())
def test_every_value_is_between_the_ends(values: list[float], log: bool) -> None:  # noqa: FBT001
    scale = scale_of(Axis("", "count", log), values, 10, 90)
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert 10 <= places[0] <= places[-1] <= 90


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("quantity", ["seconds", "flops", "count", "loss", "bytes"])
@given(low=st.floats(1e-3, 1e25), factor=st.floats(1.3, 1e9), most=st.integers(2, 12))
def test_ticks_are_few_and_inside(
    quantity: Quantity,
    log: bool,  # noqa: FBT001
    low: float,
    factor: float,
    most: int,
) -> None:
    scale = Scale(low, low * factor, 0, 100, log)
    found = ticks(scale, quantity, most)
    assert len(found) <= most + 1
    for value, text in found:
        assert scale.low * (1 - 1e-6) <= value <= scale.high * (1 + 1e-6)
        assert text


@pytest.mark.parametrize(
    ("value", "quantity", "text"),
    [
        (12 * 2**30, "bytes", "12 GiB"),
        (1.5e10, "count", "15B"),
        (1e21, "flops", "1e21"),
        (0.4, "share", "40 %"),
        (2.25, "loss", "2.25"),
        (2.30, "loss", "2.3"),
        (100, "count", "100"),
        (1e20, "count", "1e+20"),
        (0, "bytes", "0"),
    ],
)
def test_numbers_of_an_axis_are_short(value: float, quantity: Quantity, text: str) -> None:
    assert written(value, quantity) == text


def test_time_has_the_units_that_one_counts_in() -> None:
    minutes = ticks(Scale(0, 110, 0, 100), "seconds", 6)
    assert [text for _, text in minutes] == ["0 s", "20 s", "40 s", "60 s", "80 s", "100 s"]
    long = Scale(3600, 1e9, 0, 100, log=True)
    years = {text: value for value, text in ticks(long, "seconds", 12)}
    assert years["1 h"] == 3600
    assert years["1 year"] == 365 * 86400

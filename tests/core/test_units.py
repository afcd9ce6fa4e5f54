"""Quantities: what is shown can be read again, and what cannot be read is a ValueError."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import units

FORMATS: dict[str, tuple[Callable[[float], str], Callable[[Any], Any], float, float]] = {
    # formatter, parser, smallest and largest amount of interest
    "count": (units.format_count, units.parse_count, 1, 1e15),
    "number": (units.format_number, units.parse_amount, 1e-3, 1e12),
    "figure": (units.format_figure, units.parse_amount, 1, 1e9),
    "bytes": (units.format_bytes, units.parse_bytes, 1e3, 1e15),
    "duration": (units.format_duration, units.parse_duration, 1e-2, 1e11),
    "percent": (units.format_percent, units.parse_fraction, 1e-2, 1),
}

PARSERS = (
    units.parse_count,
    units.parse_whole,
    units.parse_length,
    units.parse_tokens,
    units.parse_bytes,
    units.parse_duration,
    units.parse_fraction,
    units.parse_amount,
)


@pytest.mark.parametrize("kind", FORMATS)
@given(share=st.floats(0, 1))
@settings(deadline=None)
def test_parse_reads_what_format_shows(kind: str, share: float) -> None:
    # Thousands are set apart for the eye only. Three digits, or two decimals, are shown.
    show, read, low, high = FORMATS[kind]
    value = low * (high / low) ** share

    again = read(show(value).replace(",", ""))
    assert math.isclose(again, value, rel_tol=6e-3, abs_tol=6e-4 if kind == "percent" else 0)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(text=st.text() | st.from_regex(r"[+-]?[0-9.]{0,9}([eE][+-]?[0-9]{1,4})? ?[A-Za-z%]{0,3}"))
@settings(deadline=None)
def test_parsers_raise_nothing_but_value_error(parse: Callable[[Any], Any], text: str) -> None:
    try:
        value = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any text may be right or wrong
    else:
        amount = value[0] if isinstance(value, tuple) else value
        assert 0 < amount < math.inf


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(raw=st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers()))
@settings(deadline=None)
def test_parsers_take_anything(parse: Callable[[Any], Any], raw: Any) -> None:
    try:
        value = parse(raw)
    except ValueError:
        return
    assert value > 0


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_count, "15T", 15e12),
        (units.parse_count, "1.5e9", 1.5e9),
        (units.parse_whole, "0.5M", 500_000),
        (units.parse_whole, "4k", 4_000),
        (units.parse_length, "4k", 4_096),
        (units.parse_length, "128K", 131_072),
        (units.parse_length, "0.5k", 512),
        (units.parse_length, "1M", 1_048_576),
        (units.parse_length, "4000", 4_000),
        (units.parse_tokens, "20x", units.PerParameter(20)),
        (units.parse_bytes, "80GiB", 80 * 2**30),
        (units.parse_bytes, "40GB", 40e9),
        (units.parse_duration, "1y", 365 * 86_400),
        (units.parse_duration, "12h", 12 * 3600),
        (units.parse_duration, "2w", 14 * 86_400),
        (units.parse_duration, "41.2 days", 41.2 * 86_400),
        (units.parse_duration, "300 ms", 0.3),
        (units.parse_duration, "5min", 300),
        (units.parse_fraction, "90%", 0.9),
        (units.parse_fraction, "0.9", 0.9),
        (units.parse_amount, "10k", 10_000),
    ],
)
def test_examples(parse: Callable[[Any], Any], text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (units.parse_count, "1,5B", "decimal point"),
        (units.parse_count, "-5", "greater than zero"),
        (units.parse_count, "1e999", "too large"),
        (units.parse_count, "nan", "not a count"),
        (units.parse_count, "10X", "'X'"),
        (units.parse_count, "", "not a count"),
        (units.parse_whole, "1.5", "not a whole number"),
        (units.parse_length, "0.3k", "not a whole number"),
        (units.parse_length, "4T", "units are k, K, M"),
        (units.parse_bytes, "80", "no unit"),
        (units.parse_duration, "90", "no unit"),
        (units.parse_fraction, "150%", "more than 100%"),
        (units.parse_fraction, "0", "greater than zero"),
    ],
)
def test_faults_say_what_is_wrong(parse: Callable[[Any], Any], text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (units.format_count(1_557_611_200), "1.558B"),
        (units.format_bytes(45.34 * 2**30), "45.34 GiB"),
        (units.format_duration(41.2476 * 86_400), "41.2 days"),
        (units.format_flops(1.13785e21), "1.138e21 FLOP"),
        (units.format_percent(0.371), "37.1 %"),
        (units.format_percent(0.45), "45 %"),
        (units.format_usd(672), "$672"),
        (units.format_usd(0.35), "$0.35"),
        (units.format_price(0), "$0.00"),
        (units.format_price(2.0), "$2.00"),
        (units.format_price(0.125), "$0.125"),
        (units.format_price(1599), "$1,599.00"),
        (units.format_many(1, "run"), "1 run"),
        (units.format_many(224, "run"), "224 runs"),
        (units.format_many(2_500, "run"), "2,500 runs"),
        (units.format_many(1.0, "micro-batch", "es"), "1 micro-batch"),
        (units.format_many(2.5, "micro-batch", "es"), "2.5 micro-batches"),
    ],
)
def test_memory_is_binary_and_everything_else_decimal(shown: str, text: str) -> None:
    assert shown == text

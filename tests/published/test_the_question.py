"""The question this project began with, and what stands around it.

Note: https://lzwjava.github.io/gpt-2-training-en (a year of one RTX 4070 Ti against GPT-2)
Blue Gene/L: https://dynomight.net/gpt-2/, TOP500 list of June 2006, rank 1
"""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import estimate
from gptbudget.units import DAY_S


def year(**options: Any) -> Any:
    """The note's year: one card at 90 % of its fp32 peak."""
    return estimate(gpu="4070ti", precision="fp32", utilization=0.9, time="1y", **options)


def test_the_year() -> None:
    # Three digits: 40.09 TFLOP/s x 0.9 x 31,536,000 s.
    compute = year(model="1.5B", tokens=10e9).compute

    assert compute.available_flops == pytest.approx(1.14e21, rel=3e-3)


@pytest.mark.parametrize(
    ("flops", "ratio"), [(9e19, 12.64), (2.5e21, 0.455), (2.37e18, 480.1)], ids=str
)
def test_ratios(flops: float, ratio: float) -> None:
    assert year(flops=flops).compute.ratio == pytest.approx(ratio, rel=2e-3)


@pytest.mark.parametrize(
    ("share", "flops"), [(0.35, 8.852e20), (0.25, 6.323e20), (0.50, 1.2646e21)], ids=str
)
def test_a_realistic_year(share: float, flops: float) -> None:
    # Derived: tensor cores in bf16 at what training reaches.
    run = estimate(gpu="4070ti", model="gpt2-xl", utilization=share, convention="exact")

    assert run.compute.available_flops == pytest.approx(flops, rel=1e-3)


@pytest.mark.parametrize(
    ("tokens", "flops"),
    [("20x", 3.2e20), ("34.6B", 3.555e20), (9_035_582_198, 9.283e19)],
    ids=["20-per-parameter", "besiroglu", "one-epoch"],
)
def test_exact_flops_of_xl(tokens: Any, flops: float) -> None:
    run = estimate(gpu="4070ti", model="gpt2-xl", tokens=tokens)

    assert run.compute.required_flops_exact == pytest.approx(flops, rel=2e-3)


@pytest.mark.parametrize(
    ("model", "tokens", "days"),
    [("gpt2", 3.13e9, 1.10), ("gpt2", 10e9, 3.52), ("gpt2-xl", 31.15e9, 132)],
    ids=["small", "small-10B", "xl"],
)
def test_days_at_35_percent(model: str, tokens: float, days: float) -> None:
    # Derived; 0.5 %: three digits.
    run = estimate(gpu="4070ti", model=model, tokens=tokens, utilization=0.35, convention="exact")

    assert run.time is not None
    assert run.time.wall_clock_s / DAY_S == pytest.approx(days, rel=5e-3)


def test_blue_gene() -> None:
    run = estimate(gpu="bluegene-l-2005", flops=1e21, precision="fp32", utilization=280.6 / 367.0)

    assert run.time is not None
    assert run.time.wall_clock_s == pytest.approx(3.564e6, rel=2e-3)
    assert run.time.wall_clock_s / DAY_S == pytest.approx(41.2, rel=2e-3)
    assert run.feasible is None

"""LLaMA: Touvron et al. 2023, arXiv 2302.13971, Tables 2 and 15, section 2.4."""

from __future__ import annotations

import pytest

from gptbudget import estimate, load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.core.flops import train_flops_per_token_6n
from gptbudget.core.parameters import count_parameters
from gptbudget.units import DAY_S

MODELS = data_file("published_models.yaml")

# Parameters of the checkpoints; tokens; A100-hours of Table 15; MFU that follows, in 6ND.
RUNS = {
    "llama-7b": (6_738_415_616, 1.0e12, 82_432, 43.7),
    "llama-13b": (13_015_864_320, 1.0e12, 135_168, 51.4),
    "llama-33b": (32_528_943_616, 1.4e12, 530_432, 45.9),
    "llama-65b": (65_285_660_672, 1.4e12, 1_022_362, 47.8),
}


@pytest.mark.parametrize("name", RUNS)
def test_parameters(name: str) -> None:
    assert count_parameters(load_catalog([MODELS]).models.find(name).spec).total == RUNS[name][0]


@pytest.mark.parametrize("name", RUNS)
def test_utilization_of_the_whole_run(name: str) -> None:
    parameters, tokens, hours, mfu = RUNS[name]
    flops = train_flops_per_token_6n(parameters) * tokens

    assert 100 * flops / (hours * 3600 * 312e12) == pytest.approx(mfu, rel=3e-3)


def test_the_largest_takes_three_weeks() -> None:
    # Section 2.4: 380 tokens/s on each of 2,048 GPUs, approximately 21 days.
    rate = train_flops_per_token_6n(RUNS["llama-65b"][0]) * 380
    run = estimate(
        model="65285660672", gpu="a100", gpus=2048, tokens="1.4T", utilization=rate / 312e12
    )

    assert run.time is not None
    assert run.time.wall_clock_s / DAY_S == pytest.approx(21, rel=0.02)
    assert run.time.tokens_per_s == pytest.approx(380 * 2048, rel=1e-9)

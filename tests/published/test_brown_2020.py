"""GPT-3: sizes and compute of Brown et al. 2020, arXiv 2005.14165, Tables 2.1 and D.1."""

from __future__ import annotations

import pytest

from gptbudget import estimate, load_catalog
from gptbudget.core.parameters import count_parameters

# Parameters and training FLOPs as Table D.1 prints them, for 300B tokens.
TABLE = {
    "gpt3-125m": (125e6, 2.25e20),
    "gpt3-350m": (356e6, 6.41e20),
    "gpt3-760m": (760e6, 1.37e21),
    "gpt3-1.3b": (1_320e6, 2.38e21),
    "gpt3-2.7b": (2_650e6, 4.77e21),
    "gpt3-6.7b": (6_660e6, 1.20e22),
    "gpt3-13b": (12_850e6, 2.31e22),
    "gpt3-175b": (174_600e6, 3.14e23),
}


@pytest.mark.parametrize("name", TABLE)
def test_parameters(name: str) -> None:
    # 0.5 %: three digits.
    count = count_parameters(load_catalog().models.find(name).spec).total

    assert count == pytest.approx(TABLE[name][0], rel=5e-3)


@pytest.mark.parametrize("name", TABLE)
def test_training_flops(name: str) -> None:
    run = estimate(model=name, gpu="v100-sxm-32gb", utilization=0.3, goodput=1.0)

    assert run.run.tokens == 300e9
    assert run.compute.required_flops_6nd == pytest.approx(TABLE[name][1], rel=5e-3)


def test_petaflop_days_of_the_largest() -> None:
    run = estimate(model="gpt3-175b", gpu="v100-sxm-32gb", utilization=0.3)
    petaflop_day = 1e15 * 86_400

    assert run.compute.required_flops / petaflop_day == pytest.approx(3.64e3, rel=3e-3)

"""Llama 2: checkpoints, GPU-hours and carbon of its model card.

https://huggingface.co/meta-llama/Llama-2-7b-hf (and -13b-, -70b-)
https://github.com/meta-llama/llama-models/blob/main/models/llama2/MODEL_CARD.md
"""

from __future__ import annotations

import pytest

from gptbudget import estimate, load_catalog
from gptbudget.core.parameters import count_parameters

# Parameters; A100-hours; MFU in 6ND on 2T tokens; tonnes of CO2.
RUNS = {
    "llama-2-7b": (6_738_415_616, 184_320, 39.1, 31.22),
    "llama-2-13b": (13_015_864_320, 368_640, 37.7, 62.44),
    "llama-2-70b": (68_976_648_192, 1_720_320, 42.8, 291.42),
}


@pytest.mark.parametrize("name", RUNS)
def test_parameters(name: str) -> None:
    # Without the rotary tables that the checkpoints hold as well.
    assert count_parameters(load_catalog().models.find(name).spec).total == RUNS[name][0]


@pytest.mark.parametrize("name", RUNS)
def test_hours_and_carbon(name: str) -> None:
    # 0.3 %: three digits of the MFU. The card: 400 W and, with a PUE of 1.1, 0.385 kg/kWh.
    _, hours, mfu, tonnes = RUNS[name]
    run = estimate(
        model=name, gpu="a100", gpus=1024, utilization=mfu / 100, power=400, pue=1.1, grid="385"
    )

    assert run.cost is not None
    assert run.cost.gpu_hours == pytest.approx(hours, rel=3e-3)
    assert run.cost.co2_kg == pytest.approx(tonnes * 1e3, rel=3e-3)


@pytest.mark.parametrize("name", RUNS)
def test_carbon_of_the_printed_hours(name: str) -> None:
    from gptbudget.core.cost import co2_kg, energy_kwh

    _, hours, _, tonnes = RUNS[name]

    assert co2_kg(energy_kwh(hours, 400, 1.1), 385) == pytest.approx(tonnes * 1e3, rel=2e-4)

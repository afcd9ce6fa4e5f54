"""Llama 3: sizes, compute, hours and carbon.

Llama Team 2024, arXiv 2407.21783, section 3.2.1 (3.8e25 FLOP)
https://github.com/meta-llama/llama-models/blob/main/models/llama3/MODEL_CARD.md
https://github.com/meta-llama/llama-models/blob/main/models/llama3_1/MODEL_CARD.md
"""

from __future__ import annotations

import pytest

from gptbudget import estimate, load_catalog
from gptbudget.core.cost import co2_kg, energy_kwh
from gptbudget.core.parameters import count_parameters

PARAMETERS = {
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items(), ids=PARAMETERS)
def test_parameters_of_the_checkpoints(name: str, parameters: int) -> None:
    assert count_parameters(load_catalog().models.find(name).spec).total == parameters


def test_compute_and_hours_of_405b() -> None:
    # 0.3 %: 3.8e25 has two digits and 15.6T three.
    run = estimate(model="llama-3.1-405b", gpu="h100", gpus=16_384, utilization=0.346)

    assert run.compute.required_flops_6nd == pytest.approx(3.8e25, rel=3e-3)
    assert run.cost is not None
    assert run.cost.gpu_hours == pytest.approx(30.84e6, rel=3e-3)


@pytest.mark.parametrize(
    ("million_hours", "tonnes", "g_per_kwh"),
    [
        pytest.param(7.7, 2_290, 424.9, id="3"),
        pytest.param(1.46, 420, 411, id="3.1-8B"),
        pytest.param(7.0, 2_040, 416, id="3.1-70B"),
        pytest.param(30.84, 8_930, 414, id="3.1-405B"),
        pytest.param(39.3, 11_390, 414, id="3.1"),
    ],
)
def test_carbon_at_700_w(million_hours: float, tonnes: float, g_per_kwh: float) -> None:
    # The cards print hours, watts and tonnes; the intensity follows.
    energy = energy_kwh(million_hours * 1e6, 700)

    assert co2_kg(energy, g_per_kwh) == pytest.approx(tonnes * 1e3, rel=2e-3)

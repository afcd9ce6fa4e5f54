"""Energy and carbon of GPT-3: Patterson et al. 2021, arXiv 2104.10350, Table 4."""

from __future__ import annotations

import pytest

from gptbudget.core.cost import co2_kg, energy_kwh, gpu_hours
from gptbudget.units import DAY_S


def test_energy_and_carbon_of_gpt3() -> None:
    # 0.3 %: 14.8 days has three digits.
    hours = gpu_hours(10_000, 14.8 * DAY_S)
    energy = energy_kwh(hours, 330, 1.10)

    assert energy == pytest.approx(1287e3, rel=3e-3)
    assert co2_kg(energy, 429) == pytest.approx(552e3, rel=3e-3)

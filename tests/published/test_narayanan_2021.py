"""Megatron-LM on 3,072 A100: Narayanan et al. 2021, arXiv 2104.04473, Tables 1 and 2, section 5."""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.core.flops import recomputed_flops_per_token, train_flops_per_token
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.units import DAY_S

MODELS = data_file("published_models.yaml")
PEAK = 312e12

BILLIONS = {
    "megatron-1.7b": 1.7,
    "megatron-3.6b": 3.6,
    "megatron-7.5b": 7.5,
    "megatron-18b": 18.4,
    "megatron-39b": 39.1,
    "megatron-76b": 76.1,
    "megatron-145b": 145.6,
    "megatron-310b": 310.1,
    "megatron-530b": 529.6,
    "megatron-1t": 1008.0,
}


def model(name: str) -> ModelSpec:
    return load_catalog([MODELS]).models.find(name).spec


@pytest.mark.parametrize(("name", "billions"), BILLIONS.items(), ids=BILLIONS)
def test_parameters_of_table_1(name: str, billions: float) -> None:
    # One decimal is printed, up to 3 % of the smallest.
    assert count_parameters(model(name)).total / 1e9 == pytest.approx(billions, abs=0.051)


@pytest.mark.parametrize("name", ["megatron-1.7b", "megatron-145b", "megatron-1t"])
def test_equation_3_is_forward_backward_and_recomputation(name: str) -> None:
    # 96 B s l h^2 (1 + s/6h + V/16lh); it takes the head as recomputed for none of its 4 passes.
    m, s = model(name), 2048
    h, layers, vocabulary = m.width, m.layers, m.vocabulary
    printed = 96 * layers * h * h * (1 + s / (6 * h) + vocabulary / (16 * layers * h))

    ours = train_flops_per_token(m, s).total + recomputed_flops_per_token(m, s)
    assert ours == pytest.approx(printed, rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "tokens", "gpus", "tflops", "days"),
    [
        # 1 %: whole days are printed.
        pytest.param(175e9, 300e9, 1024, 140, 34, id="175B"),
        pytest.param(1008e9, 450e9, 3072, 163, 84, id="1T"),
    ],
)
def test_days_of_equation_4(
    parameters: float, tokens: float, gpus: int, tflops: float, days: float
) -> None:
    # 8 T P / (n X): eight, because recomputation is in the rate X as well.
    delivered = delivered_flops_per_s(gpus, PEAK, tflops * 1e12 / PEAK)

    assert wall_clock_s(8 * tokens * parameters, delivered) / DAY_S == pytest.approx(days, rel=0.01)


@pytest.mark.parametrize(
    ("name", "gpus", "tflops", "days"),
    [
        pytest.param("megatron-175b", 384, 144, 90, id="175B-zero3-384"),
        pytest.param("megatron-175b", 768, 88, 74, id="175B-zero3-768"),
        pytest.param("megatron-175b", 1536, 44, 74, id="175B-zero3-1536"),
        pytest.param("megatron-175b", 384, 153, 84, id="175B-384"),
        pytest.param("megatron-175b", 768, 149, 43, id="175B-768"),
        pytest.param("megatron-175b", 1536, 141, 23, id="175B-1536"),
        pytest.param("megatron-530b", 640, 138, 169, id="530B-zero3-640"),
        pytest.param("megatron-530b", 1120, 98, 137, id="530B-zero3-1120"),
        pytest.param("megatron-530b", 2240, 48, 140, id="530B-zero3-2240"),
        pytest.param("megatron-530b", 560, 171, 156, id="530B-560"),
        pytest.param("megatron-530b", 1120, 167, 80, id="530B-1120"),
        pytest.param("megatron-530b", 2240, 159, 42, id="530B-2240"),
    ],
)
def test_days_of_table_2(name: str, gpus: int, tflops: float, days: float) -> None:
    # 2.5 %: whole days, and rates in whole TFLOP/s.
    m = model(name)
    executed = train_flops_per_token(m, 2048).total + recomputed_flops_per_token(m, 2048)
    delivered = delivered_flops_per_s(gpus, PEAK, tflops * 1e12 / PEAK)

    assert wall_clock_s(executed * 300e9, delivered) / DAY_S == pytest.approx(days, rel=0.025)

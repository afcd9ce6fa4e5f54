"""nanoGPT: parameters, FLOPs, MFU and checkpoint size that its notebook prints.

https://github.com/karpathy/nanoGPT/blob/master/transformer_sizing.ipynb
"""

from __future__ import annotations

import pytest

from gptbudget import estimate, load_catalog
from gptbudget.core.flops import train_flops_per_token, train_flops_per_token_6n
from gptbudget.core.memory.placement import ParameterShard
from gptbudget.core.memory.states import optimizer_bytes
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe


def model(name: str = "nanogpt-124m") -> ModelSpec:
    return load_catalog().models.find(name).spec


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("nanogpt-124m", 124_337_664),
        ("nanogpt-124m-padded-nobias", 124_373_760),
        ("nanogpt-124m-padded", 124_475_904),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    assert count_parameters(model(name)).total == parameters


def test_flops_of_one_sequence() -> None:
    assert train_flops_per_token(model(), 1024).total * 1024 == 874_944_921_600


def test_flops_by_the_palm_formula() -> None:
    # 6 N + 12 L H Q T, without the position table: norm vectors count as if they multiplied.
    spec = model()
    count = count_parameters(spec)
    counted = count.total - count.parts["positions"]
    attention = 12 * spec.layers * spec.query_width * 1024

    assert (train_flops_per_token_6n(counted) + attention) * 1024 == 875_062_886_400


def test_mfu_of_its_a100() -> None:
    # 0.1 %: the notebook prints four digits; 100 sequences in 0.755 s.
    run = estimate(model="nanogpt-124m", gpu="a100", utilization=0.3714, convention="exact")

    assert run.time is not None
    assert run.time.tokens_per_s == pytest.approx(100 * 1024 / 0.755, rel=1e-3)


def test_checkpoint_holds_weights_and_moments() -> None:
    # The measured file is 3.4 % larger than its tensors: buffers and pickling.
    parameters = count_parameters(model()).total
    kept = ParameterShard(parameters, parameters, 0, 1)
    held = 4 * parameters + optimizer_bytes(kept, Recipe(precision="bf16"))

    assert held == pytest.approx(1.492e9, rel=1e-3)
    assert held == pytest.approx(1_542_470_366, rel=0.04)

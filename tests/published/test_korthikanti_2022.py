"""Selective recomputation: Korthikanti et al. 2022, arXiv 2205.05198, Tables 2, 3 and 5."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.core.flops import train_flops_per_token
from gptbudget.core.memory import memory_by_phase
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from tests.measured import rules

MODELS = Path(__file__).with_name("models.yaml")


def model(name: str) -> ModelSpec:
    return load_catalog([MODELS]).models.find(name).spec


@pytest.mark.parametrize(
    ("name", "batch", "gpus", "iteration_s", "mfu"),
    [
        ("megatron-22b", 4, 8, 1.10, 41.5),
        ("megatron-175b", 64, 64, 13.75, 51.4),
        ("megatron-530b", 280, 280, 37.83, 56.0),
        ("megatron-1t", 512, 512, 71.49, 56.3),
    ],
)
def test_model_flops_utilization(
    name: str, batch: int, gpus: int, iteration_s: float, mfu: float
) -> None:
    # 0.6 %: 1.10 s has three digits.
    flops = train_flops_per_token(model(name), 2048).total * 2048 * batch

    assert 100 * flops / iteration_s / (gpus * 312e12) == pytest.approx(mfu, rel=6e-3)


@pytest.mark.parametrize("name", ["megatron-22b", "megatron-175b", "megatron-1t"])
@pytest.mark.parametrize("micro_batch", [1, 4])
def test_activations_of_one_layer(name: str, micro_batch: int) -> None:
    # s b h (34 + 5 a s/h): 16-bit, dropout, attention written out. PyTorch keeps two statistics
    # of each LayerNorm and the causal mask beside that.
    m, s = model(name), 2048
    found = memory_by_phase(
        m,
        Recipe(
            precision="bf16",
            recipe="pure",
            optimizer="adamw",
            optimizer_impl="fused",
            attention="eager",
            checkpointing="none",
            dropout=0.1,
            keep_logits=False,
            accumulate=False,
        ),
        rules(m, "nanogpt"),
        micro_batch,
        s,
    )
    assert found is not None
    tokens, heads = micro_batch * s, m.attention.heads
    printed = tokens * (34 * m.width + 5 * heads * s)

    per_layer = found.phases["forward_end"]["activations"] / m.layers
    assert per_layer - printed == 16 * tokens + s * s

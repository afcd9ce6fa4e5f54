"""Bytes a parameter of weights, gradients and optimizer, in every recipe.

Megatron-LM: docs/user-guide/features/dist_optimizer.md, 18 bytes for bf16 with fp32 gradients.
ZeRO: Rajbhandari et al. 2020, arXiv 1910.02054, section 3.1: 2 + 2 + 12 for mixed precision.
bitsandbytes: https://github.com/bitsandbytes-foundation/bitsandbytes, optim/optimizer.py.
QLoRA: Dettmers et al. 2023, arXiv 2305.14314, section 3: 0.127 bits a weight for the scales.
"""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.memory.placement import place
from gptbudget.core.memory.states import States, nf4_bytes, training_states
from gptbudget.core.parameters import adapter_parameters, count_parameters
from gptbudget.specs.layout import ONE_RANK
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import LoraTargets, Method, Recipe
from gptbudget.units import GIB

MODELS = ("gpt2-xl", "llama-2-7b")


def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


def states(name: str, stack: str = "eager", **options: Any) -> States:
    recipe = Recipe(**{"precision": "bf16", **options})
    placement = place(model(name), recipe.method, ONE_RANK)
    return training_states(placement, recipe, 0, load_evidence().stacks.stacks[stack])


# weights + gradients + optimizer state + masters
BYTES: dict[str, tuple[dict[str, Any], tuple[float, float, float, float]]] = {
    "fp32-adamw": ({"precision": "fp32"}, (4, 4, 8, 0)),
    "autocast-adamw": ({}, (4, 4, 8, 0)),
    "master-adamw": ({"weight_storage": "master"}, (2, 2, 8, 4)),
    "megatron-adamw": ({"weight_storage": "master", "stack": "megatron"}, (2, 4, 8, 4)),
    "megatron-2021-adamw": ({"weight_storage": "master", "stack": "megatron-2021"}, (2, 4, 8, 4)),
    "megatron-fp16": (
        {"precision": "fp16", "weight_storage": "master", "stack": "megatron"},
        (2, 2, 8, 8),
    ),
    "megatron-fp32": ({"precision": "fp32", "stack": "megatron"}, (4, 4, 8, 0)),
    "pure-adamw": ({"weight_storage": "pure"}, (2, 2, 4, 0)),
    "autocast-8bit": ({"optimizer": "adamw8bit"}, (4, 4, 2 + 8 / 2048, 0)),
    "pure-8bit": ({"weight_storage": "pure", "optimizer": "adamw8bit"}, (2, 2, 2 + 8 / 2048, 0)),
    "autocast-sgd": ({"optimizer": "sgd"}, (4, 4, 0, 0)),
    "autocast-sgdm": ({"optimizer": "sgdm"}, (4, 4, 4, 0)),
    "autocast-lion": ({"optimizer": "lion"}, (4, 4, 4, 0)),
    "autocast-adafactor": ({"optimizer": "adafactor"}, (4, 4, 0, 0)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("options", "each"), BYTES.values(), ids=BYTES)
def test_bytes_a_parameter(
    name: str, options: dict[str, Any], each: tuple[float, float, float, float]
) -> None:
    found, parameters = states(name, **options), count_parameters(model(name)).total
    kept = (found.weights, found.gradients, found.optimizer_state, found.masters)

    assert kept == tuple(size * parameters for size in each)


def test_muon_keeps_one_tensor_of_the_matrices_of_blocks() -> None:
    # Everything else is AdamW's (https://github.com/KellerJordan/Muon): of Llama-2 7B embedding,
    # head and norms, 2 x 32,000 x 4,096 + 65 x 4,096.
    others = 2 * 32_000 * 4096 + 65 * 4096
    parameters = count_parameters(model("llama-2-7b")).total

    assert states("llama-2-7b", optimizer="muon").optimizer_state == 4 * (parameters + others)


def test_scales_of_4_bit_weights() -> None:
    double, single = (8 * nf4_bytes(1, double_quant=flag) for flag in (True, False))

    assert double - 4 == pytest.approx(0.127, abs=5e-4)
    assert double == pytest.approx(4.127, abs=5e-4)
    assert single == 4.5


def test_quantizing_the_scales_saves_3_gb_at_65b() -> None:
    double, single = (nf4_bytes(65e9, double_quant=flag) for flag in (True, False))

    assert (single - double) / 1e9 == pytest.approx(3.03, abs=5e-3)


def test_frozen_weights_of_llama_2() -> None:
    # bf16 12.55 GiB, all of it at 4.127 bits 3.24 GiB; embedding and head stay in 16 bit.
    parameters, outside = 6_738_415_616, 2 * 32_000 * 4096
    adapters = 4 * adapter_parameters(model("llama-2-7b"), 16, "all")
    lora, qlora = (
        states("llama-2-7b", weight_storage="pure", method=Method(kind)).weights - adapters
        for kind in ("lora", "qlora")
    )

    assert lora / GIB == pytest.approx(12.55, abs=5e-3)
    assert nf4_bytes(parameters, double_quant=True) / GIB == pytest.approx(3.24, abs=5e-3)
    norms = 65 * 4096
    packed = nf4_bytes(parameters - outside - norms, double_quant=True)
    assert qlora == pytest.approx(packed + 2 * (outside + norms))


@pytest.mark.parametrize(
    ("targets", "rank", "parameters"),
    [
        # r (n + m) for each adapted matrix, 32 layers: 4 x 4,096 squared, 3 x 4,096 x 11,008.
        ("qv", 8, 32 * 2 * 8 * (4096 + 4096)),
        ("all", 16, 39_976_960),
    ],
)
def test_adapters_of_llama_2(targets: LoraTargets, rank: int, parameters: int) -> None:
    found = states(
        "llama-2-7b",
        weight_storage="pure",
        method=Method("lora", lora_rank=rank, lora_targets=targets),
    )

    assert found.trained == parameters
    # fp32 adapters: 4 + 4 + 8.
    assert found.gradients + found.optimizer_state == 12 * parameters


def test_bf16_adapters_keep_bf16_moments() -> None:
    method = Method("lora", lora_precision="bf16")
    found = states("llama-2-7b", weight_storage="pure", method=method)

    assert found.gradients + found.optimizer_state == 6 * found.trained


@pytest.mark.parametrize("layers", [1, 12, 47])
def test_frozen_blocks_have_no_gradients(layers: int) -> None:
    # GPT-2 XL trains the upper blocks, 12 h^2 + 13 h each, and the final norm.
    width = 1600
    found = states("gpt2-xl", method=Method("frozen", frozen_layers=layers))

    assert found.trained == (48 - layers) * (12 * width**2 + 13 * width) + 2 * width
    assert found.table_gradient == 0
    assert found.weights == 4 * 1_557_611_200

"""Bytes that live from step to step: weights, gradients, optimizer state, masters.

Legend: N parameters, n trained ones, w bytes of a weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gptbudget.core.elementwise import minimum
from gptbudget.core.parameters import count_parameters, matmul_weights
from gptbudget.core.parts import Parts
from gptbudget.core.trained import outside_blocks, trained_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Optimizer, Recipe
from gptbudget.specs.stack import Stack

_STATES: dict[Optimizer, float] = {
    "adamw": 2,
    "lion": 1,
    "sgdm": 1,
    "sgd": 0,
    "adafactor": 0,
}
"""Optimizer tensors as large as the trained weights: two moments of AdamW (arXiv 1711.05101),
one of Lion (arXiv 2302.06675) and of momentum SGD. Adafactor's are rows and columns
(arXiv 1804.04235), next to nothing."""

_ADAMW8BIT_BYTES = 2 + 2 * 4 / 2048
"""Bytes a parameter of 8-bit AdamW: two 1-byte moments and a 4-byte scale for each 2,048 values
(bitsandbytes, optim/optimizer.py; tensors below 4,096 values, which stay fp32, are left out)."""

_NF4_BYTES = 4 / 8 + 4 / 64
"""A 4-bit value, and an fp32 scale for each 64 (Dettmers et al. 2023, arXiv 2305.14314)."""

_NF4_DOUBLE_BYTES = 4 / 8 + 1 / 64 + 4 / (64 * 256)
"""The scales quantized to 8 bit, with an fp32 scale for each 256 of them: 4.127 bits a weight."""

_BLOCKS_ON_CARD = 2
"""With everything offloaded, the block at work and the next one are on the card (ZeRO-Infinity,
arXiv 2104.07857, section 5.2; not measured)."""


class States(NamedTuple):
    """What a step begins with, and what its gradients and optimizer take."""

    weights: Any
    """On the card."""
    gradients: Any
    """All gradients of the trained weights, as far as they stay on the card."""
    optimizer_state: Any
    masters: Any
    weight_bytes_each: int
    """Of a trained weight."""
    trained: int
    table: Any
    """Bytes of the gradient of the vocabulary matrix; zero when it is frozen."""
    host: Parts[Any]
    """What lives in host memory instead, and the copy of the weights that is updated there."""


def training_states(model: ModelSpec, recipe: Recipe, master_gradient_bytes: float) -> States:
    """States of one recipe, in bytes.

    Published: 16 bytes a parameter for fp32 or autocast AdamW, so 23.21 GiB for GPT-2 XL; 18 in
    Megatron's bf16 with fp32 gradients (docs/user-guide/features/dist_optimizer.md); 8 in pure
    bf16; Llama-2 7B in NF4 with double quantization is 3.24 GiB of 4.127-bit matrices.
    """
    trained = trained_parameters(model, recipe.method)
    weight = _weight_bytes(recipe)
    gradient = weight if recipe.recipe != "master" else master_gradient_bytes
    weights = _stored_weights(model, recipe, trained)
    gradients = gradient * trained
    state = optimizer_bytes(model, recipe, trained)
    masters = 4 * trained if recipe.recipe == "master" and recipe.mode == "pure" else 0
    table = _table_gradient(model, recipe, gradient)
    if recipe.offload == "none":
        host: Parts[Any] = Parts({})
        return States(weights, gradients, state, masters, weight, trained, table, host)
    updated = {"masters": masters} if masters else {"weights": weight * trained}
    everything = {"weights": weights} if recipe.offload == "all" else {}
    host = Parts({"optimizer_state": state, "gradients": gradients, **updated, **everything})
    if recipe.offload == "all":
        weights = _on_card(model, weights, _base_bytes(recipe) * outside_blocks(model))
        gradients = _on_card(model, gradients, gradients * _share_outside_blocks(model))
    return States(weights, gradients, 0, 0, weight, trained, table, host)


def gradients_are_narrow(recipe: Recipe, stack: Stack) -> bool:
    """Whether gradients are summed in 16 bit, which rounds small ones away."""
    if recipe.mode != "pure" or recipe.method.has_adapters:
        return False
    return recipe.recipe == "pure" or stack.master_gradient_bytes == 2  # noqa: PLR2004 - 16 bit


def optimizer_bytes(model: ModelSpec, recipe: Recipe, trained: Any) -> Any:
    """Bytes an optimizer keeps between steps: in fp32, in pure 16 bit in the type of the weights.

    AdamW on fp32 weights: 8 N, so 11.6 GiB for GPT-2 XL; bitsandbytes' 8-bit AdamW: 2.004 N.
    Muon keeps one tensor for the matrices of the blocks and AdamW's two for everything else.
    """
    each = 2 if recipe.recipe == "pure" and _weight_bytes(recipe) == 2 else 4  # noqa: PLR2004
    if recipe.optimizer in {"adamw8bit", "paged-adamw8bit"}:
        return _ADAMW8BIT_BYTES * trained
    if recipe.optimizer == "muon":
        matrices = matmul_weights(model)
        in_blocks = minimum(trained, matrices.total - matrices["head"])
        return each * (in_blocks + 2 * (trained - in_blocks))
    return each * _STATES[recipe.optimizer] * trained


def nf4_bytes(weights: Any, *, double_quant: bool) -> Any:
    """Bytes of 4-bit NormalFloat weights with their scales."""
    return weights * (_NF4_DOUBLE_BYTES if double_quant else _NF4_BYTES)


def _weight_bytes(recipe: Recipe) -> int:
    """Bytes of one trained weight; adapters have a precision of their own."""
    if recipe.method.has_adapters:
        return 4 if recipe.method.lora_precision == "fp32" else 2
    return _base_bytes(recipe)


def _base_bytes(recipe: Recipe) -> int:
    """Bytes of one weight that is neither an adapter's nor quantized."""
    return 2 if recipe.mode == "pure" else 4


def _stored_weights(model: ModelSpec, recipe: Recipe, trained: int) -> Any:
    """Weights as they lie in memory: quantized, 16 bit or fp32, and adapters beside them."""
    total, base = count_parameters(model).total, _base_bytes(recipe)
    if not recipe.method.has_adapters:
        return base * total
    adapters = _weight_bytes(recipe) * trained
    if recipe.method.kind == "lora":
        return base * total + adapters
    matrices = matmul_weights(model)
    quantized = matrices.total - matrices["head"]
    packed = nf4_bytes(quantized, double_quant=recipe.method.double_quant)
    return packed + base * (total - quantized) + adapters


def _table_gradient(model: ModelSpec, recipe: Recipe, gradient: float) -> Any:
    """Bytes of the gradient of the vocabulary matrix, which may be frozen."""
    frozen = recipe.method.has_adapters or (recipe.method.kind == "frozen" and model.head.tied)
    return 0 if frozen else gradient * matmul_weights(model)["head"]


def _on_card(model: ModelSpec, amount: Any, outside: Any) -> Any:
    """With everything offloaded: what stands outside the blocks, and two blocks of the rest."""
    return outside + (amount - outside) * min(1.0, _BLOCKS_ON_CARD / model.layers)


def _share_outside_blocks(model: ModelSpec) -> float:
    return outside_blocks(model) / count_parameters(model).total

"""Select the data-parallel implementation, which determines its buffers."""

from typing import Literal

from gptbudget.specs.layout import Zero
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stack

Sharing = Literal["replicas", "buffer", "flattened", "fsdp"]
"""Whole weights and gradients in buckets (DistributedDataParallel); a gradient buffer that is
reduced in place (Megatron, llm.c); buckets and a flat copy for 16-bit weights with masters
(DeepSpeed); weights that are gathered block by block (FSDP2)."""


def data_parallel_mode(recipe: Recipe, zero: Zero, stack: Stack) -> Sharing:
    """Return the data-parallel implementation for a stack, a recipe and a ZeRO stage.

    Stage 3 is FSDP2; so is stage 2 with fp32 weights, which then keeps all 16-bit weights between
    forward and backward pass (``reshard_after_forward=False``).
    """
    if zero == 3 or (zero == 2 and recipe.weight_storage == "autocast"):  # noqa: PLR2004 - ZeRO stages
        return "fsdp"
    if stack.keeps_gradients:
        return "buffer"
    return "flattened" if zero and recipe.weight_storage == "master" else "replicas"

"""Memory that communication takes on one rank: buckets, gathered inputs, messages in flight."""

from __future__ import annotations

from typing import Any

from gptbudget.core.elementwise import minimum
from gptbudget.core.placement import Placement
from gptbudget.core.states import States, gathers, gradient_bytes
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stack

_BUCKET = 5e8
"""Gradients that DeepSpeed reduces at once by default, ``reduce_bucket_size``:
https://www.deepspeed.ai/docs/config-json/#zero-optimizations-for-fp16-training."""

_MESSAGE_BYTES = 2
"""Of an activation that is sent, in 16 bit."""


def gradient_buckets(
    states: States, placement: Placement, recipe: Recipe, layout: Layout, stack: Stack
) -> Any:
    """Copies of gradients that are alive all through training, for their reduction.

    DistributedDataParallel keeps every gradient a second time in its buckets
    (``gradient_as_bucket_view=False``, the default: torch.nn.parallel.DistributedDataParallel).
    DeepSpeed, which stands for 16-bit weights with masters, has one bucket. Stacks with a
    gradient buffer of their own reduce in place, as FSDP's shards do.
    """
    if layout.dp * layout.cp == 1 or stack.keeps_gradients or gathers(recipe, layout.zero):
        return 0
    trained = sum(held.trained for held in placement.kinds)
    if recipe.recipe == "master" and layout.zero:
        each = gradient_bytes(recipe, stack)
        return each * minimum(_BUCKET, trained)
    return states.gradients if layout.zero <= 1 else 2 * placement.block.trained


def messages(model: ModelSpec, layout: Layout, tokens: Any, in_flight: Any, stack: Stack) -> Any:
    """Buffers of tensor, context, pipeline and expert parallelism during a pass, in bytes.

    ``tokens`` are those of a rank. Sequence parallelism gathers the input of a product; a ring
    holds keys and values of two neighbours; a stage sends and receives one micro-batch each way,
    and keeps its outputs, unless its stack frees them (Korthikanti et al. 2022, appendix B: 2.73
    GiB for 530B over 35 stages); tokens go to their experts and come back.
    """
    whole = _MESSAGE_BYTES * tokens * model.width
    boundary = whole / (layout.tp if layout.sequence_parallel else 1)
    total: Any = 0
    if layout.sequence_parallel:
        total += whole
    if layout.cp > 1:
        total += 2 * 2 * _MESSAGE_BYTES * tokens * model.kv_width / layout.tp
    if layout.pp > 1:
        kept = 0 if stack.frees_outputs else in_flight * boundary
        total += 2 * boundary + kept
    if layout.ep > 1 and model.experts is not None:
        total += 2 * model.experts.active * boundary
    return total

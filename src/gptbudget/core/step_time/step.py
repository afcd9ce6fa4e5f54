"""The whole step: blocks and head over micro-batches and stages, exchange, optimizer."""

from __future__ import annotations

from typing import Any

from gptbudget.core.elementwise import maximum
from gptbudget.core.parts import Parts
from gptbudget.core.placement import place
from gptbudget.core.states import gradient_bytes
from gptbudget.core.step_time.block import Share, block_s
from gptbudget.core.step_time.exchange import (
    all_to_all_s,
    context_ring_s,
    data_parallel_s,
    messages_s,
    tensor_parallel_s,
)
from gptbudget.core.step_time.head import head_s
from gptbudget.core.step_time.matmul import traffic_s
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.speed import Speed
from gptbudget.specs.stack import Stack

_OPTIMIZER_BYTES = 34
"""Traffic of AdamW for each trained parameter: weights, masters, moments and gradient read, all
but the gradient written, and what is not in one pass; by hand. 28 is the least."""

_RECOMPUTED_HOST, _ADAPTED_HOST = 1.33, 1.5
_EXPERT_HOST_S = 2e-3
"""A layer of experts takes at least this long to start; assumed, slow runs need more."""


def step_time(
    model: ModelSpec,
    recipe: Recipe,
    stack: Stack,
    machine: Machine,
    layout: Layout,
    micro_batch: Any,
    seq_len: Any,
    micro_batches: Any,
) -> Parts[Any]:
    """Seconds of one optimizer step, by part; the step is their sum.

    ``micro_batch`` sequences of ``seq_len`` tokens, ``micro_batches`` of them a replica.

    Assumes equal stages, with the head on top of the last, and one forward and one backward pass
    at a time. Left out: data loading, evaluation, checkpoints, failures (goodput).
    """
    speed = stack.speed
    tokens = micro_batch * seq_len / layout.cp
    shared = layout.tp if layout.sequence_parallel else 1
    held = model.experts.count / layout.ep if model.experts else 0
    share = Share(tokens, seq_len, layout.tp, shared, held)
    block = block_s(model, recipe, speed, machine, share)
    tensor = tensor_parallel_s(model, recipe, machine, layout, tokens)
    ring = context_ring_s(model, machine, layout, tokens, block.attention, speed.overlap)
    routed = model.expert_layers / model.layers
    exchange = routed * all_to_all_s(model, recipe, machine, layout, tokens)
    working = block.total + tensor + ring + exchange
    host = maximum(_host_s(model, recipe, speed) - working, 0)
    head = head_s(model, recipe, speed, machine, tokens, layout.tp)
    placement = place(model, recipe.method, layout)
    layers = micro_batches * model.layers / layout.pp
    stage_s = model.layers / layout.pp * (working + host)
    bubble = (layout.pp - 1) / layout.vp * stage_s
    replica_s = stage_s + head
    return Parts(
        {
            "products": layers * block.products,
            "attention": layers * block.attention,
            "elementwise": layers * block.elementwise,
            "recomputation": layers * block.recomputation,
            "logits_and_loss": micro_batches * head,
            "host": layers * host,
            "tensor_parallel": layers * tensor,
            "context_ring": layers * ring,
            "expert_all_to_all": layers * exchange,
            "pipeline_bubble": bubble,
            "pipeline_messages": micro_batches * messages_s(model, machine, layout, tokens),
            "data_parallel": data_parallel_s(
                placement,
                speed,
                machine,
                layout,
                micro_batches,
                replica_s,
                gradient_bytes(recipe, stack),
            ),
            "optimizer": _optimizer_s(placement.kinds, machine, layout),
            "offload": _offload_s(placement.kinds, recipe, machine, layout),
        }
    )


def _host_s(model: ModelSpec, recipe: Recipe, speed: Speed) -> float:
    """The least time of one layer: what the host needs to start it."""
    host = speed.host_s
    if recipe.method.has_adapters:
        host *= _ADAPTED_HOST
    if recipe.checkpointing == "full":
        host *= _RECOMPUTED_HOST
    return max(host, _EXPERT_HOST_S * model.expert_layers / model.layers)


def _optimizer_s(kinds: Any, machine: Machine, layout: Layout) -> Any:
    """AdamW passes once over all that a rank updates.

    Llama-3 8B unsharded on an H100 at 80 % of its bandwidth and 28 bytes: 83.9 ms.
    """
    updated = sum(kind.trained / (kind.shards if layout.zero else 1) for kind in kinds)
    return traffic_s(_OPTIMIZER_BYTES * updated, machine)


def _offload_s(kinds: Any, recipe: Recipe, machine: Machine, layout: Layout) -> Any:
    """Gradients go to the host and updated weights come back, once a step."""
    if recipe.offload == "none":
        return 0
    each = 2 if recipe.mode == "pure" else 4
    updated = sum(kind.trained / (kind.shards if layout.zero else 1) for kind in kinds)
    return 2 * each * updated / machine.host_bytes_per_s

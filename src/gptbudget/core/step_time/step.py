"""The whole step: blocks and head over micro-batches and stages, exchange, optimizer."""

from __future__ import annotations

from typing import Any

from gptbudget.core.elementwise import maximum, where
from gptbudget.core.parts import Parts
from gptbudget.core.placement import place
from gptbudget.core.states import training_states
from gptbudget.core.step_time.block import Share, block_s
from gptbudget.core.step_time.data_parallel import data_parallel_s
from gptbudget.core.step_time.exchange import (
    all_to_all_s,
    context_ring_s,
    messages_s,
    tensor_parallel_s,
)
from gptbudget.core.step_time.head import head_s
from gptbudget.core.step_time.update import offload_s, optimizer_s
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.speed import Speed
from gptbudget.specs.stack import Stack

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

    The slowest stage sets the pace: that with most blocks, or the last with the head;
    filling and draining the pipeline takes as long as the other stages need for one micro-batch.
    Left out: data loading, evaluation, checkpoints, failures (goodput).
    """
    speed = stack.speed
    tokens = micro_batch * seq_len / layout.cp
    shared = layout.tp if layout.sequence_parallel else 1
    held = model.experts.count / layout.ep if model.experts else 0
    share = Share(tokens, seq_len, layout.tp, shared, held)
    block = block_s(model, recipe, stack, machine, share)
    tensor = tensor_parallel_s(model, recipe, machine, layout, tokens)
    ring = context_ring_s(model, machine, layout, tokens, block.attention, speed.overlap)
    routed = model.expert_layers / model.layers
    exchange = routed * all_to_all_s(model, recipe, machine, layout, tokens)
    working = block.total + tensor + ring + exchange
    host = maximum(_host_s(model, recipe, speed) - working, 0)
    head = head_s(model, recipe, speed, machine, tokens, layout.tp)

    stages = (
        place(model, recipe.method, layout, stage, split=stack.split)
        for stage in (0, min(1, layout.pp - 1), layout.pp - 1)
    )
    first, second, last = stages
    most = max(first.layers, second.layers)
    layer_s = working + host
    with_head = last.layers * layer_s + head >= most * layer_s
    layers = where(with_head, last.layers, most)
    stage_s = layers * layer_s + where(with_head, head, 0)
    bubble = (model.layers * layer_s + head - stage_s) / layout.vp
    states = training_states(first, recipe, layout.zero, stack)
    every = micro_batches * layers
    beside = speed.overlap if layout.dp * layout.cp == 1 else 0
    return Parts(
        {
            "products": every * block.products,
            "attention": every * block.attention,
            "elementwise": every * block.elementwise,
            "recomputation": every * block.recomputation,
            "logits_and_loss": micro_batches * where(with_head, head, 0),
            "host": every * host,
            "tensor_parallel": every * tensor,
            "context_ring": every * ring,
            "expert_all_to_all": every * exchange,
            "pipeline_bubble": bubble if layout.pp > 1 else 0,
            "pipeline_messages": micro_batches * messages_s(model, machine, layout, tokens),
            "data_parallel": data_parallel_s(
                first, recipe, stack, machine, layout, micro_batches, stage_s
            ),
            "optimizer": optimizer_s(model, first, recipe, states, machine, layout.zero),
            "offload": offload_s(recipe, states, machine, micro_batches, stage_s, beside),
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

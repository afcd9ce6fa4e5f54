"""The whole step: blocks and head over micro-batches and stages, exchange, optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gptbudget.core.elementwise import agreed, choose, maximum, minimum, where
from gptbudget.core.parts import Parts
from gptbudget.core.placement import Placement, place, stages_that_may_be_worst
from gptbudget.core.states import gradient_bytes, training_states
from gptbudget.core.step_time.block import Share, block_s
from gptbudget.core.step_time.data_parallel import data_parallel_s
from gptbudget.core.step_time.exchange import (
    all_to_all_s,
    context_ring_s,
    messages_s,
    tensor_parallel_s,
)
from gptbudget.core.step_time.head import head_s
from gptbudget.core.step_time.update import host_update_s, offload_s, optimizer_s
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.speed import Speed
from gptbudget.specs.stack import Stack

_RECOMPUTED_HOST, _ADAPTED_HOST = 1.33, 1.5
"""Of the host's work, what a second forward pass and adapters add; by hand."""

_FORWARD_THIRD = 1 / 3
"""Of the host's work on a block, what the forward pass takes."""

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

    The slowest stage sets the pace: that with most blocks to train, or the last with the head;
    filling and draining the pipeline takes as long as the other stages need for one micro-batch.
    Blocks below all that is trained have a forward pass alone. Left out: data loading,
    evaluation, checkpoints, failures (goodput).
    """
    speed = stack.speed
    share = share_of(model, layout, micro_batch, seq_len)
    tokens = share.tokens
    block, below = block_s(model, recipe, stack, machine, share)
    tensor = tensor_parallel_s(model, recipe, machine, layout, tokens)
    again = recipe.checkpointing == "full"
    window_s = block.attention + again * below.attention
    ring = context_ring_s(model, recipe, machine, layout, tokens, window_s, speed.overlap)
    routed = model.expert_layers / model.layers
    exchange = routed * all_to_all_s(model, recipe, machine, layout, tokens)
    working = block.total + tensor + ring + exchange
    host = maximum(_host_s(model, recipe, speed) - working, 0)
    head = head_s(model, recipe, speed, machine, tokens, layout.tp)

    stages = [
        place(model, recipe.method, layout, stage, split=stack.split)
        for stage in stages_that_may_be_worst(model, recipe.method, layout, stack.split)
    ]
    layer_s = working + host
    sent_forward, ring_forward = (2 / 6, 1 / 4) if again else (2 / 4, 1 / 3)  # of all that is sent
    below_s = below.total + sent_forward * (tensor + exchange) + ring_forward * ring
    floor_s = maximum(_FORWARD_THIRD * _host_s(model, recipe, speed) - below_s, 0)
    frozen_s = below_s + floor_s
    trained, frozen, head_here, stage_s = _slowest(stages, layer_s, frozen_s, head)
    all_frozen = recipe.method.frozen_layers
    whole_s = (model.layers - all_frozen) * layer_s + all_frozen * frozen_s + head
    busiest = busiest_of(stages)
    states = training_states(busiest, recipe, layout.zero, stack)
    ways = minimum(layout.tp, layout.expert_ways) if model.experts else layout.tp
    alone = layout.dp * layout.cp * layout.tp == ways  # no rank has the same parameters
    beside = where(alone, speed.overlap, 0)

    def of_step(each: Any, each_frozen: Any = 0) -> Any:
        return micro_batches * (trained * each + frozen * each_frozen)

    return Parts(
        {
            "products": of_step(block.products, below.products),
            "attention": of_step(block.attention, below.attention),
            "elementwise": of_step(block.elementwise, below.elementwise),
            "recomputation": of_step(block.recomputation),
            "logits_and_loss": micro_batches * head_here,
            "host": of_step(host, floor_s),
            "tensor_parallel": of_step(tensor, sent_forward * tensor),
            "context_ring": of_step(ring, ring_forward * ring),
            "expert_all_to_all": of_step(exchange, sent_forward * exchange),
            "pipeline_bubble": (whole_s - stage_s) / layout.vp if agreed(layout.pp > 1) else 0,
            "pipeline_messages": micro_batches * messages_s(model, machine, layout, tokens),
            "data_parallel": data_parallel_s(
                busiest, recipe, stack, machine, layout, micro_batches, stage_s
            ),
            "optimizer": optimizer_s(
                model, busiest, recipe, states, machine, layout.zero, gradient_bytes(recipe, stack)
            ),
            "offload": offload_s(recipe, states, machine, micro_batches, stage_s, beside),
            "host_update": host_update_s(
                recipe, states, speed, minimum(layout.gpus, machine.node_gpus)
            ),
        }
    )


def share_of(model: ModelSpec, layout: Layout, micro_batch: Any, seq_len: Any) -> Share:
    """What of a block one rank works on."""
    shared = layout.tp if layout.sequence_parallel else 1
    held = model.experts.count / layout.ep if model.experts else 0
    cut = layout.tp if layout.ep == 1 else 1
    return Share(micro_batch * seq_len / layout.cp, seq_len, layout.tp, shared, held, cut)


def busiest_of(stages: Sequence[Placement]) -> Placement:
    """The stage that trains most parameters."""
    found = stages[0]
    for of in stages[1:]:
        found = choose(_trained(of) > _trained(found), of, found)
    return found


def _trained(of: Placement) -> Any:
    return sum(held.trained for held in of.kinds)


def _slowest(stages: Iterable[Placement], layer_s: Any, frozen_s: Any, head: Any) -> Any:
    """Trained and frozen blocks of the stage that sets the pace, its head's seconds, and all."""
    found: Any = (0, 0, 0, -1)
    for of in stages:
        frozen, own_head = of.layers - of.trained_layers, head if of.last else 0
        seconds = of.trained_layers * layer_s + frozen * frozen_s + own_head
        each = (of.trained_layers, frozen, own_head, seconds)
        found = choose(seconds >= found[-1], each, found)
    return found


def _host_s(model: ModelSpec, recipe: Recipe, speed: Speed) -> float:
    """The least time of one layer: what the host needs to start it."""
    host = speed.host_s
    if recipe.method.has_adapters:
        host *= _ADAPTED_HOST
    if recipe.checkpointing == "full":
        host *= _RECOMPUTED_HOST
    return max(host, _EXPERT_HOST_S * model.expert_layers / model.layers)

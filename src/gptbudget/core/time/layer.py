"""Time of one layer and micro-batch: block, communication, host; and of the head."""

from gptbudget.core.arrays import Count, Seconds, maximum
from gptbudget.core.step import TrainingStep
from gptbudget.core.time.block import LayerTime, block_s
from gptbudget.core.time.exchange import all_to_all_s, context_ring_s, tensor_parallel_s
from gptbudget.core.time.matmul import product_s, traffic_s
from gptbudget.specs.machine import Machine

_RECOMPUTED_HOST, _ADAPTED_HOST = 1.33, 1.5
"""Factors on the host's time per layer with full recomputation and with adapters. Set by hand."""

_FORWARD_THIRD = 1 / 3
"""Of the host's work on a block, what the forward pass takes."""

_EXPERT_HOST_S = 2e-3
"""A layer of experts takes at least this long to start; assumed, slow runs need more."""

_FUSED_BYTES = 8
"""Bytes moved per logit when loss and gradient are one kernel, as in native (C/CUDA) stacks."""


def layer_s(step: TrainingStep, machine: Machine) -> tuple[LayerTime, LayerTime]:
    """Seconds of a layer that is trained, and of one below all that is.

    Averaged over dense and expert layers.
    """
    model, again = step.model, step.recipe.checkpointing == "full"
    block, below = block_s(step, machine)
    window_s = block.attention + again * below.attention
    tensor = tensor_parallel_s(step, machine)
    ring = context_ring_s(step, machine, window_s)
    routed = model.expert_layers / model.layers
    exchange = routed * all_to_all_s(step, machine)
    host_s = _host_s(step)
    of_collectives, of_ring = (2 / 6, 1 / 4) if again else (2 / 4, 1 / 3)  # the forward pass's
    forward = of_collectives * tensor, of_ring * ring, of_collectives * exchange
    trained = _with_host(block, (tensor, ring, exchange), host_s)
    return trained, _with_host(below, forward, _FORWARD_THIRD * host_s)


def _with_host(block: LayerTime, waits: tuple[Count, Count, Count], host_s: float) -> LayerTime:
    """A block and what it waits for; ``host`` fills the gap up to ``host_s``."""
    tensor, ring, exchange = waits
    alone = block._replace(tensor_parallel=tensor, context_ring=ring, expert_all_to_all=exchange)
    return alone._replace(host=maximum(host_s - alone.total, 0))


def _host_s(step: TrainingStep) -> float:
    """The least time of one layer: what the host needs to start it."""
    model, recipe, host = step.model, step.recipe, step.stack.speed.host_s
    if recipe.method.has_adapters:
        host *= _ADAPTED_HOST
    if recipe.checkpointing == "full":
        host *= _RECOMPUTED_HOST
    return max(host, _EXPERT_HOST_S * model.expert_layers / model.layers)


def head_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of the head's products and of the loss over the vocabulary, in 16 bit.

    Three products, two where the head is frozen: beside adapters, or tied to a frozen embedding. A
    fused loss makes gradients of logits while it has them at hand (llm.c, fused_classifier; Liger
    Kernel).
    """
    model, method, logit_bytes = step.model, step.recipe.method, step.stack.speed.logit_bytes
    tokens, vocabulary = step.tokens, model.vocabulary / step.layout.tp
    frozen = method.has_adapters or (method.frozen_layers and model.head.tied)
    products = 2 if frozen else 3
    one = product_s(tokens, vocabulary, model.embedding_width or model.width, machine)
    each = min(logit_bytes, _FUSED_BYTES) if step.recipe.loss == "fused" else logit_bytes
    return products * one + traffic_s(each * tokens * vocabulary, machine)

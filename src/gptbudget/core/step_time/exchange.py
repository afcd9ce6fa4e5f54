"""What the ranks of a layout wait for, beside their own work: collectives and messages."""

from __future__ import annotations

from typing import Any

from gptbudget.core import communication as comm
from gptbudget.core.elementwise import maximum, where
from gptbudget.core.placement import Placement
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.speed import Speed

_COMPUTE_BYTES = 2
_FSDP_COLLECTIVES, _REPLICA_COLLECTIVES = 3, 2
"""Of each block: two gathers and a reduction for each micro-batch, or one reduction a step in two
halves."""

_LAST_BACKWARD = 2 / 3
"""Of the last micro-batch, the part in which gradients are ready to be sent."""

_BALANCED_ALL_TO_ALL = 0.75
"""fp8 on the way to the experts, 16 bit on the way back; of 16 bit both ways."""


def tensor_parallel_s(
    model: ModelSpec, recipe: Recipe, machine: Machine, layout: Layout, tokens: Any
) -> Any:
    """Seconds of one block and micro-batch, none of it hidden."""
    sent = comm.tensor_parallel_bytes(
        tokens, model.width, layout.tp, recomputed=recipe.checkpointing == "full"
    )
    return sent / comm.link_bytes_per_s(machine, layout.tp)


def context_ring_s(
    model: ModelSpec, machine: Machine, layout: Layout, tokens: Any, attention_s: Any, overlap: Any
) -> Any:
    """Seconds of one block that keys and values come later than attention needs them."""
    sent = comm.ring_attention_bytes(tokens, model.kv_width / layout.tp, layout.cp)
    bandwidth = comm.link_bytes_per_s(machine, layout.cp, layout.tp)
    return comm.exposed_s(sent / bandwidth, attention_s, overlap)


def all_to_all_s(
    model: ModelSpec, recipe: Recipe, machine: Machine, layout: Layout, tokens: Any
) -> Any:
    """Seconds of one expert block and micro-batch: to the experts and back, forward and backward.

    A token goes once to each node that has experts of its, n (1 - (1 - 1/n)^k) of n in the mean,
    and from there over the fast link (DeepSeek-V3, arXiv 2412.19437, section 3.2.2). DeepSeek-V3
    in 16 bit without that: 458,752 bytes a token.
    """
    experts = model.experts
    if experts is None or layout.ep == 1:
        return 0
    nodes = maximum(layout.ep * layout.tp / machine.domain_gpus, 1)
    visited = nodes * (1 - (1 - 1 / nodes) ** experts.active)
    remote = visited * (nodes - 1) / nodes
    local = experts.active * (layout.ep - 1) / layout.ep
    one = _COMPUTE_BYTES * tokens * model.width / layout.tp
    seconds = one * (remote / machine.network_bytes_per_s + local / machine.link_bytes_per_s)
    narrow = recipe.precision in {"fp8", "fp4"}
    return 4 * seconds * (_BALANCED_ALL_TO_ALL if narrow else 1)


def messages_s(model: ModelSpec, machine: Machine, layout: Layout, tokens: Any) -> Any:
    """Seconds of one micro-batch's messages between pipeline stages, there and back."""
    if layout.pp == 1:
        return 0
    sent = comm.boundary_bytes(tokens, model.width, layout.tp)
    crosses = layout.tp * layout.dp * layout.cp * layout.pp > machine.domain_gpus
    bandwidth = where(crosses, machine.network_bytes_per_s, machine.link_bytes_per_s)
    return 2 * layout.vp * sent / bandwidth


def data_parallel_s(
    placement: Placement,
    speed: Speed,
    machine: Machine,
    layout: Layout,
    micro_batches: Any,
    micro_batch_s: Any,
    gradient_bytes: float,
) -> Any:
    """Seconds of a step that data-parallel communication is not hidden.

    FSDP gathers weights twice and reduces gradients in every micro-batch, beside the computation
    of one; ZeRO-1 reduces gradients and gathers weights once a step, beside the last micro-batch;
    replicas all-reduce gradients beside its backward pass.
    """
    ranks = layout.dp * layout.cp
    if ranks == 1:
        return 0
    inner = layout.tp
    bandwidth = comm.link_bytes_per_s(machine, ranks, inner)
    held = sum(kind.parameters for kind in placement.kinds)
    trained = sum(kind.trained for kind in placement.kinds)
    blocks = placement.layers
    if layout.zero == 3:  # noqa: PLR2004 - FSDP
        moved = 2 * _COMPUTE_BYTES * held + gradient_bytes * trained
        one = comm.gather_bytes(moved, ranks) / bandwidth
        one += comm.latency_s(machine, ranks, inner, _FSDP_COLLECTIVES * blocks)
        return micro_batches * comm.exposed_s(one, micro_batch_s, speed.overlap)
    if layout.zero:
        sent = comm.gather_bytes((gradient_bytes + _COMPUTE_BYTES) * trained, ranks)
        window = micro_batch_s
    else:
        sent = comm.all_reduce_bytes(gradient_bytes * trained, ranks)
        window = _LAST_BACKWARD * micro_batch_s
    once = sent / bandwidth
    once += comm.latency_s(machine, ranks, inner, _REPLICA_COLLECTIVES * blocks)
    return comm.exposed_s(once, window, speed.overlap)

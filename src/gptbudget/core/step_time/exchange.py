"""What ranks wait for inside a micro-batch: collectives of a layer, and messages between stages.

What data-parallel ranks wait for is in ``data_parallel``.
"""

from __future__ import annotations

from typing import Any

from gptbudget.core import communication as comm
from gptbudget.core.elementwise import agreed, maximum
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe

_BALANCED_ALL_TO_ALL = 0.75
"""fp8 on the way to the experts, 16 bit on the way back; of 16 bit both ways."""


def tensor_parallel_s(
    model: ModelSpec, recipe: Recipe, machine: Machine, layout: Layout, tokens: Any
) -> Any:
    """Seconds of one block and micro-batch, none of it hidden."""
    sent = comm.tensor_parallel_elements(
        tokens, model.width, layout.tp, recomputed=recipe.checkpointing == "full"
    )
    return machine.element_bytes * sent / comm.link_bytes_per_s(machine, layout.tp)


def context_ring_s(
    model: ModelSpec,
    recipe: Recipe,
    machine: Machine,
    layout: Layout,
    tokens: Any,
    attention_s: Any,
    overlap: Any,
) -> Any:
    """Seconds of one block that keys and values come later than attention needs them.

    ``attention_s`` are those of all its passes. All wait for the slowest hop, that between the
    ranks that are furthest apart.
    """
    again = recipe.checkpointing == "full"
    sent = comm.ring_attention_elements(
        tokens, model.kv_width / layout.tp, layout.cp, recomputed=again
    )
    bandwidth = comm.neighbour_bytes_per_s(machine, layout.cp * layout.tp - 1)
    return comm.exposed_s(machine.element_bytes * sent / bandwidth, attention_s, overlap)


def all_to_all_s(
    model: ModelSpec, recipe: Recipe, machine: Machine, layout: Layout, tokens: Any
) -> Any:
    """Seconds of one expert block and micro-batch: to the experts and back, forward and backward.

    A full recomputation repeats the forward pass. Experts are whole on their ranks, which lie side
    by side.

    A token goes once to each node that has experts of its, n (1 - (1 - 1/n)^k) of n in the mean,
    and from there over the fast link (DeepSeek-V3, arXiv 2412.19437, section 3.2.2). DeepSeek-V3
    in 16 bit without that: 458,752 bytes a token.
    """
    experts = model.experts
    if experts is None or layout.ep == 1:
        return 0
    nodes = maximum(layout.ep / machine.node_gpus, 1)
    visited = nodes * (1 - (1 - 1 / nodes) ** experts.active)
    remote = visited * (nodes - 1) / nodes
    local = experts.active * (layout.ep - 1) / layout.ep
    one = machine.element_bytes * tokens * model.width / layout.tp
    inside = comm.link_bytes_per_s(machine, layout.ep / nodes)
    seconds = one * (remote / machine.network_bytes_per_s + local / inside)
    narrow = recipe.precision in {"fp8", "fp4"}
    times = 6 if recipe.checkpointing == "full" else 4
    return times * seconds * (_BALANCED_ALL_TO_ALL if narrow else 1)


def messages_s(model: ModelSpec, machine: Machine, layout: Layout, tokens: Any) -> Any:
    """Seconds of one micro-batch's messages between pipeline stages, there and back."""
    if agreed(layout.pp == 1):
        return 0
    sent = comm.boundary_elements(tokens, model.width, layout.tp)
    distance = layout.tp * layout.dp * layout.cp
    bandwidth = comm.neighbour_bytes_per_s(machine, distance)
    return 2 * layout.vp * machine.element_bytes * sent / bandwidth

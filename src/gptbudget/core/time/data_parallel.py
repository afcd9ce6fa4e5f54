"""Exposed time of data-parallel communication: gathering weights and reducing gradients."""

from gptbudget.core.arrays import Bytes, Count, Seconds, any_true, maximum, same_everywhere, where
from gptbudget.core.memory.fsdp import gathered_bytes, whole_gradients
from gptbudget.core.memory.placement import ParameterShard, Placement
from gptbudget.core.memory.states import data_parallel_mode, gradient_bytes, weight_bytes
from gptbudget.core.step import TrainingStep
from gptbudget.core.time import collectives as comm
from gptbudget.specs.layout import Layout
from gptbudget.specs.machine import Machine

_LAST_BACKWARD = 2 / 3
"""Share of the last micro-batch that is backward pass, during which replicas can send gradients."""


def _schedule(step: TrainingStep, placement: Placement) -> tuple[int, bool, bool]:
    """All-gathers of all weights in a micro-batch, and whether there is one in a step.

    The last value is whether gradients are reduced in every micro-batch; else once per step.

    FSDP gathers each block for the forward and again for the backward pass, and reduces its
    gradients, in every micro-batch (Zhao et al. 2023, arXiv 2304.11277); in a pipeline, weights
    stay together for a step. ZeRO-2 reduces gradients in every micro-batch, ZeRO-1 once, and both
    gather the updated weights; replicas sum their gradients once (Rajbhandari et al. 2020, arXiv
    1910.02054, section 7).
    """
    recipe, stage = step.recipe, step.layout.zero
    if data_parallel_mode(recipe, stage, step.stack) != "fsdp":
        return 0, stage > 0, stage == 2  # noqa: PLR2004
    summed = recipe._replace(accumulate=True)  # of one micro-batch, each and once are the same
    once = whole_gradients(step._replace(recipe=summed), placement) is not None
    if same_everywhere(step.layout.pp > 1):
        return 0, True, not once
    return 2 if stage == 3 else 1, False, not once  # noqa: PLR2004


def data_parallel_s(
    step: TrainingStep, machine: Machine, placement: Placement, micro_batch_s: Seconds
) -> Seconds:
    """Seconds per step of data-parallel communication that is not hidden.

    Communication in every micro-batch overlaps with its computation; communication once per step
    overlaps with the last micro-batch, and for replicas only with its backward pass.

    Llama-2 7B over 8 ranks in 16 bit sends 23.58 GB a step as replicas or in ZeRO-1 and 2, and
    35.38 GB in each micro-batch of FSDP.
    """
    gathers_each, gathers_once, reduces_each = _schedule(step, placement)
    layout, stack = step.layout, step.stack
    gathered_s = gather_s(step, machine, placement)
    reduced_s = reduce_s(step, machine, placement)
    trained = placement.trained_layers / maximum(placement.layers, 1)
    gathers = gathers_each and 1 + (gathers_each - 1) * trained
    each_s = gathers * gathered_s + reduces_each * reduced_s
    once_s = gathers_once * gathered_s + (not reduces_each) * reduced_s
    last_s = micro_batch_s if layout.zero else _LAST_BACKWARD * micro_batch_s
    overlap: Count = stack.speed.overlap
    if stack.speed.pipeline_overlap is not None:
        overlap = where(layout.pp == 1, overlap, stack.speed.pipeline_overlap)
    others = (step.micro_batches - 1) * comm.exposed_s(each_s, micro_batch_s, overlap)
    return others + comm.exposed_s(each_s + once_s, last_s, overlap)


def gather_s(step: TrainingStep, machine: Machine, placement: Placement) -> Seconds:
    """Seconds to all-gather all sharded weights once."""
    recipe, layout = step.recipe, step.layout
    fsdp = data_parallel_mode(recipe, layout.zero, step.stack) == "fsdp"
    seconds = 0
    for held in placement.kinds:
        whole = gathered_bytes(held, recipe) if fsdp else weight_bytes(recipe) * held.trained
        sent = comm.gather_sent(whole, held.shards)
        inner, collectives = _ways(held, placement, layout), _collectives(held, placement)
        seconds = seconds + _ring_s(sent, held.shards, inner, collectives, machine)
    return seconds


def reduce_s(step: TrainingStep, machine: Machine, placement: Placement) -> Seconds:
    """Seconds to reduce all gradients once.

    Gradients are reduce-scattered over the ranks that shard states, then all-reduced over replicas
    of those shards.
    """
    layout, seconds = step.layout, 0
    gradient = gradient_bytes(step.recipe, step.stack)
    for held in placement.kinds:
        buffer, ways = gradient * held.trained, _ways(held, placement, layout)
        copies = layout.dp * layout.cp * layout.tp // ways // held.shards
        collectives = _collectives(held, placement)
        scattered = comm.gather_sent(buffer, held.shards)
        copied = comm.all_reduce_sent(buffer / held.shards, copies)
        seconds = seconds + _ring_s(scattered, held.shards, ways, collectives, machine)
        seconds = seconds + _ring_s(copied, copies, ways * held.shards, 2 * collectives, machine)
    return seconds


def _ways(held: ParameterShard, placement: Placement, layout: Layout) -> Count:
    """Stride between ranks of one data-parallel group."""
    return layout.expert_ways if held is placement.experts else layout.tp


def _collectives(held: ParameterShard, placement: Placement) -> Count:
    """One collective per block with such parameters; embedding and head add none."""
    if held is placement.embedding_and_head or not any_true(held.parameters > 0):
        return 0
    return placement.layers


def _ring_s(
    sent_bytes: Bytes, ranks: Count, inner: Count, collectives: Count, machine: Machine
) -> Seconds:
    """Seconds of a ring; 0 for a single rank."""
    bandwidth = comm.link_bytes_per_s(machine, ranks, inner)
    seconds = sent_bytes / bandwidth + comm.latency_s(machine, ranks, inner, collectives)
    return where(ranks <= 1, 0, seconds)

"""Communication time inside a micro-batch: collectives of a layer and pipeline messages.

What data-parallel ranks wait for is in ``data_parallel``.
"""

from gptbudget.core.arrays import Count, Seconds, maximum, same_everywhere, where
from gptbudget.core.step import TrainingStep
from gptbudget.core.time import collectives as comm
from gptbudget.specs.machine import Machine

_BALANCED_ALL_TO_ALL = 0.75
"""All-to-all traffic with fp8 dispatch and 16-bit combine / traffic with 16 bit for both."""


def tensor_parallel_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of tensor-parallel collectives per block and micro-batch; not overlapped."""
    width, tp, again = step.model.width, step.layout.tp, step.recipe.checkpointing == "full"
    sent = comm.tensor_parallel_elements(step.tokens, width, tp, recomputed=again)
    return machine.element_bytes * sent / comm.link_bytes_per_s(machine, tp)


def context_ring_s(step: TrainingStep, machine: Machine, attention_s: Seconds) -> Seconds:
    """Exposed seconds per block in which ring attention waits for keys and values.

    ``attention_s`` is the attention time of all passes, which hides part of it. Every rank waits
    for the slowest hop, which is between the most distant ranks.
    """
    layout, again = step.layout, step.recipe.checkpointing == "full"
    kv_width = step.model.kv_width / layout.tp
    sent = comm.ring_attention_elements(step.tokens, kv_width, layout.cp, recomputed=again)
    bandwidth = comm.neighbour_bytes_per_s(machine, layout.cp * layout.tp - 1)
    ring_s = machine.element_bytes * sent / bandwidth
    return comm.exposed_s(ring_s, attention_s, step.stack.speed.overlap)


def all_to_all_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of one expert block and micro-batch: to the experts and back, forward and backward.

    A full recomputation repeats the forward pass. Experts are whole on their ranks, which lie side
    by side.

    A token goes once to each node that has experts of its, n (1 - (1 - 1/n)^k) of n in the mean,
    and from there over the fast link (DeepSeek-V3, arXiv 2412.19437, section 3.2.2). DeepSeek-V3
    in 16 bit without that: 458,752 bytes a token.
    """
    experts, layout, recipe = step.model.experts, step.layout, step.recipe
    if experts is None or layout.ep == 1:
        return 0
    nodes = maximum(layout.ep / machine.node_gpus, 1)
    visited = nodes * (1 - (1 - 1 / nodes) ** experts.active)
    remote = visited * (nodes - 1) / nodes
    local = experts.active * (layout.ep - 1) / layout.ep
    one = machine.element_bytes * step.tokens * step.model.width / layout.tp
    inside = comm.link_bytes_per_s(machine, layout.ep / nodes)
    seconds = one * (remote / machine.network_bytes_per_s + local / inside)
    narrow = recipe.precision in {"fp8", "fp4"}
    times = 6 if recipe.checkpointing == "full" else 4
    return times * seconds * (_BALANCED_ALL_TO_ALL if narrow else 1)


def messages_s(step: TrainingStep, machine: Machine, stage_s: Seconds) -> Seconds:
    """Seconds per step in which a pipeline stage waits for messages.

    Each chunk sends its output on and a gradient back. Tensor ranks send a part each and gather the
    whole behind the network, unless they share the sequence (Narayanan et al. 2021, arXiv
    2104.04473, section 4.1). Stages that exchange wait for each other: how often is counted in
    ``exchanges``. Where the stack hides them, messages of interleaved chunks pass while others are
    computed, ``stage_s`` for all chunks of a micro-batch, and only filling and draining waits.

    Example: GPT-3 175B on 8 tensor ranks sends 6.3 MB a chunk and micro-batch of 2,048 tokens.
    """
    layout, speed, micro_batches = step.layout, step.stack.speed, step.micro_batches
    if same_everywhere(layout.pp == 1):
        return 0
    pp, vp = layout.pp, layout.vp
    sent = machine.element_bytes * comm.boundary_elements(step.tokens, step.model.width, layout.tp)
    distance = layout.tp * layout.dp * layout.cp
    message_s = sent / comm.neighbour_bytes_per_s(machine, distance)
    if not layout.sequence_parallel:
        message_s = message_s + (layout.tp - 1) * sent / comm.link_bytes_per_s(machine, layout.tp)
    waits, messages = exchanges(pp, vp, micro_batches)
    total = messages * message_s + waits * speed.exchange_s
    if not speed.hides_messages:
        return total
    hidden = micro_batches * comm.exposed_s(2 * vp * message_s, stage_s, speed.overlap)
    return where(vp == 1, total, hidden + 2 * (pp - 1) * message_s)


def exchanges(pp: Count, vp: Count, micro_batches: Count) -> tuple[Count, Count]:
    """How often p stages of v chunks exchange in a step of m micro-batches, and their messages.

    Both are counts along the critical path: how often stages wait for each other, and how many
    messages pass one after the other.

    Counted by playing the two schedules of Narayanan et al. 2021 (arXiv 2104.04473, section 2.2)
    through. Without interleaving: 2 m + 2 p - 5, for two stages m + 1, for one micro-batch 2 p - 2,
    with a message each way.
    With it: v m while the pipeline runs, each with two messages each way, and v p + p - 3 while it
    fills and drains. As many micro-batches as stages all go forward before any goes back:
    2 v m + 2 p - 4.

    Twelve stages of four chunks and 60 micro-batches exchange 297 times.
    """
    m = micro_batches
    plain = where(pp == 2, m + 1, where(m == 1, 2 * pp - 2, 2 * m + 2 * pp - 5))  # noqa: PLR2004
    at_once = 2 * vp * m + 2 * pp - 4
    running, ends = vp * m, vp * pp + pp - 3
    counted = where(m == pp, at_once, running + ends)
    passed = where(m == pp, at_once, 2 * running + ends)
    return where(vp == 1, plain, counted), where(vp == 1, plain, passed)

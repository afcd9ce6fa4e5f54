"""Bytes and seconds of collectives, by topology: the fast link, the network, or the host.

All numbers are per rank. Each half of a ring all-reduce sends (n - 1) / n of the buffer
(NCCL tests, PERFORMANCE.md).
"""

from gptbudget.core.arrays import Bytes, Count, Number, Seconds, maximum, minimum, where
from gptbudget.specs.machine import Machine

_MESSAGE_SHARE = 0.74
"""Bandwidth of one point-to-point message / bandwidth of collectives over the network: 14.7 of 20
GB/s of an A100's link, from the runs of Narayanan et al. 2021 (arXiv 2104.04473), Figure 18, with
and without cutting messages over tensor ranks."""

_RING_LATENCY_S = 2.5e-6
"""Latency per rank and collective; derived, after looking at errors, from three pairs of
llm-foundry runs on 8 and 512 GPUs."""


def all_reduce_sent(buffer: Number, ranks: Count) -> Number:
    """What a rank sends to sum a buffer over ``ranks``, in its unit: 2 (n - 1) / n of it.

    Llama-2 7B with 16-bit gradients over 8 ranks: 23.58 GB.
    """
    return 2 * buffer * (ranks - 1) / ranks


def gather_sent(buffer: Number, ranks: Count) -> Number:
    """What a rank sends to gather a buffer, or to reduce and scatter it: (n - 1) / n of it."""
    return buffer * (ranks - 1) / ranks


def link_bytes_per_s(machine: Machine, ranks: Count, inner: Count = 1) -> Bytes:
    """Bandwidth of a ring of ``ranks`` whose neighbours are ``inner`` ranks apart (stride).

    Within the domain of the fast link it is that link's; within a host that has several such
    domains, or no such link, that of PCIe. Across nodes, the rings that leave a node share the
    network bandwidth of all its ranks.
    """
    span = ranks * inner
    link = machine.link_bytes_per_s
    one_domain = machine.node_gpus <= machine.domain_gpus
    joined = where(one_domain, link, minimum(link, machine.slot_bytes_per_s))
    local = where(span <= machine.domain_gpus, link, joined)
    crossing = machine.network_bytes_per_s * maximum(machine.node_gpus / inner, 1)
    return where(span <= machine.node_gpus, local, minimum(joined, crossing))


def neighbour_bytes_per_s(machine: Machine, distance: Count) -> Bytes:
    """Bandwidth of one message between two ranks that lie ``distance`` ranks apart."""
    link = machine.link_bytes_per_s
    slots = minimum(link, machine.slot_bytes_per_s)
    local = where(distance < machine.domain_gpus, link, slots)
    network = minimum(link, _MESSAGE_SHARE * machine.network_bytes_per_s)
    return where(distance < machine.node_gpus, local, network)


def latency_s(machine: Machine, ranks: Count, inner: Count, collectives: Count) -> Seconds:
    """Latency in seconds of ``collectives`` ring collectives; 0 within a node."""
    return where(ranks * inner <= machine.node_gpus, 0.0, _RING_LATENCY_S * ranks * collectives)


def exposed_s(communication_s: Seconds, window_s: Seconds, overlap: Count) -> Seconds:
    """Seconds of communication that are not hidden behind ``window_s`` of computation."""
    return communication_s - overlap * minimum(communication_s, window_s)


def tensor_parallel_elements(
    tokens: Count, width: Count, tp: Count, *, recomputed: bool = False
) -> Count:
    """Elements a rank sends for one block and micro-batch: two all-reduces each way.

    Korthikanti et al. 2022: sequence parallelism sends the same amount, as reduce-scatter and
    all-gather. A full recomputation repeats the forward pass. GPT-3 175B over 8 ranks in 16 bit:
    352 MB a block of 2,048 tokens.
    """
    collectives = 6 if recomputed else 4
    return collectives * all_reduce_sent(tokens * width, tp)


def ring_attention_elements(
    tokens: Count, kv_width: Count, cp: Count, *, recomputed: bool = False
) -> Count:
    """Elements of keys and values that a context-parallel rank passes on for one block.

    Each of c - 1 hops forward, twice as much backward (Liu et al. 2023, arXiv 2310.01889). A full
    recomputation repeats the forward pass.
    """
    passes = 4 if recomputed else 3
    return passes * (cp - 1) * 2 * tokens * kv_width


def boundary_elements(tokens: Count, width: Count, tp: Count) -> Count:
    """Elements between pipeline stages for one micro-batch and direction, cut over tensor ranks."""
    return tokens * width / tp

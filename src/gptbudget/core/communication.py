"""Bytes and seconds of collectives, by topology: the fast link, the network, or the host.

Every figure is of one rank. Rings send (n - 1) / n of a buffer for each half of an all-reduce
(NCCL tests, PERFORMANCE.md).
"""

from __future__ import annotations

from typing import Any

from gptbudget.core.elementwise import maximum, minimum, where
from gptbudget.specs.machine import Machine

_RING_LATENCY_S = 2.5e-6
"""Of one rank in one collective; read off three pairs of published runs on 8 and 512 GPUs."""

_ACTIVATION_BYTES = 2


def all_reduce_bytes(buffer_bytes: Any, ranks: Any) -> Any:
    """Bytes a rank sends to sum a buffer over ``ranks``: 2 (n - 1) / n of it.

    Llama-2 7B with 16-bit gradients over 8 ranks: 23.58 GB.
    """
    return 2 * buffer_bytes * (ranks - 1) / ranks


def gather_bytes(buffer_bytes: Any, ranks: Any) -> Any:
    """Bytes a rank sends to gather a buffer, or to reduce and scatter it: (n - 1) / n of it."""
    return buffer_bytes * (ranks - 1) / ranks


def link_bytes_per_s(machine: Machine, ranks: Any, inner: Any = 1) -> Any:
    """Bandwidth of a ring of ``ranks``, between which ``inner`` other ranks lie on each node.

    Within the domain of the fast link it is that link's. Beyond, a node's ranks leave it
    together: the network of all of them serves the rings that cross it.
    """
    inside = ranks * inner <= machine.domain_gpus
    crossing = machine.network_bytes_per_s * maximum(machine.domain_gpus / inner, 1)
    return where(inside, machine.link_bytes_per_s, minimum(machine.link_bytes_per_s, crossing))


def latency_s(machine: Machine, ranks: Any, inner: Any, collectives: Any) -> Any:
    """What a ring that leaves the node waits for, over ``collectives`` of them."""
    return where(ranks * inner <= machine.domain_gpus, 0.0, _RING_LATENCY_S * ranks * collectives)


def exposed_s(communication_s: Any, window_s: Any, overlap: Any) -> Any:
    """What is left of a communication that runs beside ``window_s`` of computation."""
    return communication_s - overlap * minimum(communication_s, window_s)


def tensor_parallel_bytes(tokens: Any, width: Any, tp: Any, *, recomputed: bool = False) -> Any:
    """Bytes a rank sends for one block and micro-batch: two all-reduces each way.

    Korthikanti et al. 2022: sequence parallelism sends as much, in halves. A full recomputation
    repeats the forward pass. GPT-3 175B over 8 ranks: 352 MB a block of 2,048 tokens.
    """
    collectives = 6 if recomputed else 4
    return collectives * all_reduce_bytes(_ACTIVATION_BYTES * tokens * width, tp)


def ring_attention_bytes(tokens: Any, kv_width: Any, cp: Any) -> Any:
    """Bytes of keys and values that a context-parallel rank passes on for one block.

    Each of c - 1 hops forward, twice as much backward (Liu et al. 2023, arXiv 2310.01889).
    """
    return 3 * (cp - 1) * 2 * _ACTIVATION_BYTES * tokens * kv_width


def boundary_bytes(tokens: Any, width: Any, tp: Any) -> Any:
    """Bytes between pipeline stages for one micro-batch and direction, cut over tensor ranks."""
    return _ACTIVATION_BYTES * tokens * width / tp

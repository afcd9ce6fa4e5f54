"""Rates of an accelerator and its connections, in base units, for the step-time model."""

from typing import Any, NamedTuple


class Machine(NamedTuple):
    """Achievable (not nominal) rates of one accelerator; numbers or NumPy arrays."""

    matmul_flops_per_s: Any
    """The best rate of a matrix product, measured where it was; 16 bit, or fp32."""
    sustained_share: Any
    """Share of that rate that large matmuls sustain during a step."""
    narrow_ratio: Any
    """Sustained fp8 or fp4 rate / 16-bit rate; 1 in other precisions."""
    attention_share: Any
    """FlashAttention rate on long sequences / matmul rate."""
    memory_bytes_per_s: Any
    multiprocessors: Any
    """Streaming multiprocessors, each of which works on one tile of a product at a time."""
    link_bytes_per_s: Any
    """To a neighbour on the fast link, in one direction, as collectives reach it."""
    domain_gpus: Any
    """Accelerators behind the fast link."""
    slot_bytes_per_s: Any
    """Between accelerators of one host that no fast link joins."""
    node_gpus: Any
    """Accelerators of one host, or behind one fast link where that reaches further."""
    network_bytes_per_s: Any
    """To another node, of one accelerator and in one direction, as collectives reach it."""
    host_bytes_per_s: Any
    """To the host's memory, in one direction."""
    element_bytes: int = 2
    """Bytes per element in memory and on links: 2, or 4 in fp32."""

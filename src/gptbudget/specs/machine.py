"""What a step's time needs to know of an accelerator and its neighbours, in base units."""

from typing import Any, NamedTuple


class Machine(NamedTuple):
    """Rates of one accelerator as a program meets them; numbers or NumPy arrays alike."""

    matmul_flops_per_s: Any
    """The best rate of a matrix product, measured where it was; 16 bit, or fp32."""
    sustained_share: Any
    """Of that rate, what large products keep up through a step."""
    narrow_ratio: Any
    """How many times faster products in fp8 or fp4 are sustained; 1 without them."""
    attention_share: Any
    """Of the matmul rate, what flash attention reaches on long sequences."""
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
    """Of an element as it passes through memory and links: 4 in fp32."""

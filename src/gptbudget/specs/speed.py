"""How fast software is: the constants of the time formula that belong to a stack."""

from __future__ import annotations

from typing import NamedTuple


class Speed(NamedTuple):
    """Constants of one stack, from the ``speed`` of ``stacks.yaml``."""

    elementwise: float
    """Memory traffic outside products, in units of what well-fused kernels need."""
    overlap: float
    """Share of communication that can run beside computation."""
    logit_bytes: float
    """Traffic of the loss for each logit."""
    score_bytes: float
    """Traffic of attention that is written out, for each score."""
    host_s: float
    """What the host needs to start one layer of one micro-batch; 0 where nothing waits for it."""
    hopper_attention: bool
    """Attention kernels made for Hopper (cuDNN, FlashAttention-3)."""
    adapter_traffic: float
    """Traffic of adapters in units of the channels they read and write."""
    evidence: str
    """How each was obtained, and the runs it stands on."""
    cast_elements: float = 10
    """Elements for each channel that casts to 8 bit move."""
    host_update_s: float = 0.71e-9
    """What the host needs to update one parameter that an offload keeps there, all its ranks
    together; 0 where the card updates it."""
    attention_rate: float = 1
    """Of flash attention's usual rate, what the kernels of this software reach."""
    exchange_s: float = 0
    """What pipeline stages lose each time they exchange messages, beside the bytes."""
    hides_messages: bool = False
    """Messages of interleaved stages pass beside computation, as much of them as ``overlap``."""
    pipeline_overlap: float | None = None
    """``overlap`` of what replicas send where there are pipeline stages; ``None``: the same."""

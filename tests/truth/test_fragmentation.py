"""Where the `fragmentation` of a loss comes from: freed logits that no next tensor can use.

A caching allocator takes the smallest free block that is large enough, cuts it, and joins free
neighbours (PyTorch, c10/cuda/CUDACachingAllocator.cpp: best fit, split, coalesce; here without its
rounding). Played over the tensors of a loss, in bytes for each logit, it holds more than is alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gptbudget.catalog.reference import load_evidence

LOSSES = load_evidence().stacks.parts.losses

# a tensor as it is made, and with a minus as it is freed, in the order of eager PyTorch
UPCAST = "logits:2 fp32:4 log_softmax:4 -fp32 -logits d_nll:4 d_log_softmax:4 -log_softmax -d_nll"
SHARDED = "logits:2 fp32:4 -logits softmax:4 -fp32 d_logits:2"
AS_THEY_ARE = "logits:2 log_softmax:2 d_nll:2 -log_softmax d_log_softmax:2 -d_nll -logits"
STEPS = {
    "upcast-cross-entropy": UPCAST,
    "upcast-logits": UPCAST,
    "sharded": SHARDED,
    "cross-entropy": AS_THEY_ARE,
}


@dataclass
class Allocator:
    """Blocks in the order of their addresses: size, and who has it."""

    blocks: list[tuple[float, str | None]] = field(default_factory=list)

    def allocate(self, name: str, size: float) -> None:
        """Take the smallest free block that is large enough, else ask for more."""
        fitting = [(b[0], i) for i, b in enumerate(self.blocks) if b[1] is None and b[0] >= size]
        if not fitting:
            self.blocks.append((size, name))
            return
        whole, place = min(fitting)
        rest = [(whole - size, None)] if whole > size else []
        self.blocks[place : place + 1] = [(size, name), *rest]

    def free(self, name: str) -> None:
        """Give a block back, and join it with free neighbours."""
        joined: list[tuple[float, str | None]] = []
        for size, owner in self.blocks:
            kept = None if owner == name else owner
            if joined and kept is None and joined[-1][1] is None:
                joined[-1] = (joined[-1][0] + size, None)
            else:
                joined.append((size, kept))
        self.blocks = joined

    @property
    def reserved(self) -> float:
        """All that was asked for."""
        return sum(size for size, _ in self.blocks)

    @property
    def alive(self) -> float:
        """What somebody has."""
        return sum(size for size, owner in self.blocks if owner is not None)


@pytest.mark.parametrize("loss", STEPS)
def test_hole(loss: str) -> None:
    allocator, most = Allocator(), 0.0
    for event in STEPS[loss].split():
        if event.startswith("-"):
            allocator.free(event[1:])
        else:
            name, size = event.split(":")
            allocator.allocate(name, float(size))
        most = max(most, allocator.alive)

    assert allocator.reserved - most == LOSSES[loss].fragmentation

"""Select the measured memory parts that a stack uses for a kind of block."""

from typing import NamedTuple

from gptbudget.specs.model import ModelSpec
from gptbudget.specs.stack import FeedForwardMemory, LossMemory, NormMemory, Stack, Stacks
from gptbudget.specs.stack import Parts as StackParts

PER_BLOCK_OUTPUTS = 2
"""Norm outputs that are matmul inputs: one before attention, one before the feed-forward
network."""


class Implementation(NamedTuple):
    """The parts that a stack uses for one kind of block."""

    stack: Stack
    parts: StackParts
    norm: NormMemory
    feed_forward: FeedForwardMemory
    loss: LossMemory

    def measured(self, model: ModelSpec) -> bool:
        """Whether a whole step of this kind of block was measured in this stack."""
        plain_parts = (
            model.experts is None
            and model.attention.latent is None
            and model.norms.per_block == PER_BLOCK_OUTPUTS
            and model.positions.kind in {"learned", "rotary"}
            and model.attention.qk_norm == "none"
            and model.attention.window is None
            and not model.norms.unit_offset
            and (model.ffn.gated or self.stack.composed is None or model.ffn.composed_activation)
        )
        return plain_parts and model.block_kind in self.stack.measured


def implementation(model: ModelSpec, stack: str, stacks: Stacks, loss: str) -> Implementation:
    """The parts that ``stack`` uses for ``model``; ``loss`` is plain, chunked or fused."""
    chosen, parts = stacks.stacks[stack], stacks.parts
    norm = chosen.rmsnorm if model.norms.kind == "rmsnorm" else chosen.layernorm
    plain = (model.ffn.composed_activation and chosen.composed) or chosen.plain
    network = chosen.gated if model.ffn.gated else plain
    return Implementation(
        chosen,
        parts,
        parts.norms[norm],
        parts.feed_forward[network],
        loss_memory(chosen, parts, loss),
    )


def loss_memory(stack: Stack, parts: StackParts, loss: str) -> LossMemory:
    """Return the memory of the stack's implementation of ``loss`` (plain, chunked or fused)."""
    own = {"plain": stack.loss, "chunked": stack.chunked}
    return parts.losses[own.get(loss, loss)]

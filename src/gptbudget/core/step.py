"""One training step and the measured parts that its stack uses: the input of the formulas."""

from typing import NamedTuple

from gptbudget.core.arrays import Count
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
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


class TrainingStep(NamedTuple):
    """A step of one model, as one implementation runs it on one layout.

    Micro-batch, length, micro-batches and the degrees of the layout are plain numbers or arrays.
    """

    model: ModelSpec
    recipe: Recipe
    implementation: Implementation
    micro_batch: Count
    """Sequences per micro-batch on one data-parallel rank."""
    seq_len: Count
    """Tokens of a sequence."""
    layout: Layout = ONE_RANK
    micro_batches: Count = 1
    """Micro-batches per replica and step, run one after the other or through the pipeline."""

    @property
    def tokens(self) -> Count:
        """Tokens of a micro-batch on one rank."""
        return self.micro_batch * self.seq_len / self.layout.cp

    @property
    def stack(self) -> Stack:
        """The software."""
        return self.implementation.stack

    def with_stack(self, stack: Stack) -> "TrainingStep":
        """The same step with the speed of another stack."""
        return self._replace(implementation=self.implementation._replace(stack=stack))


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

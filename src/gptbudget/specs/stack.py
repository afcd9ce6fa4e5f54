"""A software stack: which bytes an implementation keeps for the backward pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Spec, Text

Mode = Literal["autocast", "pure", "fp32"]
"""16-bit compute on fp32 weights, 16-bit everything, or fp32 everything."""

AttentionKind = Literal["flash", "efficient", "math", "eager"]

Bytes = Annotated[float, Field(ge=0)]


class TensorBytes(Spec):
    """Bytes for each token, per channel of the named width (b batch, s sequence)."""

    width: Bytes = 0
    """times b s h, the model width."""
    query: Bytes = 0
    """times b s a d, all query heads."""
    kv: Bytes = 0
    """times b s k d, all key heads."""
    ffn: Bytes = 0
    """times b s f, the feed-forward width."""
    vocabulary: Bytes = 0
    """times b s V, the vocabulary."""
    head: Bytes = 0
    """times b s a, the number of query heads."""
    token: Bytes = 0
    """times b s."""
    score: Bytes = 0
    """times b a s^2, every query-key pair of every head."""
    pair: Bytes = 0
    """times s^2, once for the whole micro-batch."""


class ModeBytes(Spec):
    """The same tensors in the three modes; an absent mode was not measured."""

    autocast: TensorBytes | None = None
    pure: TensorBytes | None = None
    fp32: TensorBytes | None = None

    def of(self, mode: Mode) -> TensorBytes | None:
        """The bytes in one mode."""
        found: TensorBytes | None = getattr(self, mode)
        return found


class AttentionBytes(Spec):
    """What each attention kind keeps in a block, beyond what all kinds keep."""

    flash: ModeBytes = ModeBytes()
    efficient: ModeBytes = ModeBytes()
    math: ModeBytes = ModeBytes()
    eager: ModeBytes = ModeBytes()

    def of(self, kind: AttentionKind, mode: Mode) -> TensorBytes | None:
        """The bytes of one kind in one mode."""
        modes: ModeBytes = getattr(self, kind)
        return modes.of(mode)


class BlockMemory(Spec):
    """Bytes of one kind of transformer block and of the loss behind the last one."""

    title: Text
    norm: Literal["layernorm", "rmsnorm"]
    gated: bool
    saved: ModeBytes
    """Kept for the backward pass in each layer."""
    attention: AttentionBytes
    """Kept on top by each attention kind."""
    dropout: TensorBytes
    """Kept on top when dropout is on."""
    dropout_scores: AttentionBytes = AttentionBytes()
    head: ModeBytes
    """Kept behind the last layer: final norm, logits and log-probabilities."""
    forward_temporary: ModeBytes
    """Alive with all of these while the loss is computed."""
    loss_backward_temporary: ModeBytes
    """Alive with all of these while the loss is differentiated."""
    block_backward_temporary: ModeBytes
    """Alive while one block is differentiated."""
    block_backward_scores: AttentionBytes = AttentionBytes()
    registers_mask: bool = False
    """Each layer registers a causal mask over the whole context for eager attention."""
    source: Text


class Stack(Spec):
    """A named implementation and the blocks whose measurements stand for it."""

    title: Text
    blocks: tuple[Text, ...]
    """Measured blocks; a model takes the one of its kind."""
    upper_bound: tuple[Text, ...] = ()
    """Those of ``blocks`` that were measured in another stack and can only be larger."""
    note: Text | None = None


class Stacks(Spec):
    """All stacks and blocks by name."""

    blocks: dict[str, BlockMemory]
    stacks: dict[str, Stack]

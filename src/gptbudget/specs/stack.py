"""What software keeps in memory: measured parts of blocks, and the stacks composed of them.

A block is a norm and attention, a norm and a feed-forward network. Each part was measured in
its implementations; a stack says which implementation it uses for which concept, so that a
model takes the rules of its kind of block and never of its name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Spec, Text

Mode = Literal["autocast", "pure", "fp32"]
"""16-bit compute on fp32 weights, 16-bit tensors throughout, or fp32 throughout."""

AttentionKind = Literal["flash", "efficient", "math", "eager"]

Unit = Literal[
    "width", "query", "kv", "ffn", "vocabulary", "head", "kv_head", "token", "score", "pair"
]
"""What bytes are counted for (b micro-batch, s sequence length): b s times the model width,
the channels of all query heads, of all key heads, the feed-forward width, the vocabulary, the
number of query or of key heads; b s alone; b s^2 times the query heads; s^2 alone."""

Amount = Annotated[float, Field(ge=0)]
Tensors = dict[Unit, Annotated[float, Field()]]
"""Bytes of a set of tensors, by unit."""

ByMode = dict[Mode, Amount]
"""Bytes per channel of one named tensor, in each mode."""

TensorsByMode = dict[Mode, Tensors]
"""A set of tensors in each mode; an absent mode was not measured."""

TensorsByAttention = dict[AttentionKind, TensorsByMode]


class NormMemory(Spec):
    """What a normalization keeps, per channel of the model and token."""

    input: ByMode
    normalized: ByMode
    """Kept besides when its weight is trained."""
    unit_offset: ByMode = Field(default_factory=dict)
    """Kept besides when the weight is stored as its distance from one."""
    token: Amount
    """Statistics, per token."""
    source: Text


class FeedForwardMemory(Spec):
    """What a feed-forward network keeps, per channel of its width and token."""

    saved: ByMode
    frozen: ByMode
    """Kept when its weights are frozen, but gradients pass through."""
    differentiated: TensorsByMode
    """Alive while the block is differentiated."""
    source: Text


class LossMemory(Spec):
    """What logits and loss need, beside the final norm."""

    saved: TensorsByMode
    forward_temporary: TensorsByMode
    """Alive with all that is kept while the loss is computed."""
    backward_temporary: TensorsByMode
    """Alive with all that is kept while the loss is differentiated."""
    source: Text


class Parts(Spec):
    """The measured implementations of each concept, by name."""

    norms: dict[Text, NormMemory]
    attention: TensorsByAttention
    """What attention keeps: queries, keys, values, its output, and what its kernel needs."""
    attention_differentiated: TensorsByAttention
    """Alive while attention that materializes its scores is differentiated."""
    qk_norm: TensorsByMode
    """Kept by norms on queries and keys."""
    dropout: Tensors
    """Kept by the dropout behind attention and network."""
    attention_dropout: TensorsByAttention
    """Kept by the dropout on materialized probabilities."""
    feed_forward: dict[Text, FeedForwardMemory]
    losses: dict[Text, LossMemory]


class Stack(Spec):
    """A named implementation: which part it uses for each concept, and what was measured.

    A kind of block is its norm and its feed-forward network: ``layernorm+plain``.
    """

    title: Text
    layernorm: Text
    rmsnorm: Text
    plain: Text
    """The ungated feed-forward network."""
    gated: Text
    loss: Text
    attention: AttentionKind | None = None
    """The attention of this stack, where it is not the best that card and precision have."""
    fused_qkv: tuple[Text, ...]
    """Kinds of block whose queries, keys and values are one product: their input is cast once."""
    fp32_softmax: tuple[Text, ...] = ()
    """Kinds of block that compute materialized probabilities in fp32 and copy them to 16 bit."""
    registers_mask: bool = False
    """Each layer registers a causal mask over the whole context for eager attention."""
    master_gradient_bytes: Amount = 2
    """Bytes of a gradient in the ``master`` recipe."""
    measured: tuple[Text, ...] = ()
    """Kinds of block whose training step was measured whole."""
    evidence: Text
    """What the figures of other kinds of block are."""


class Stacks(Spec):
    """All parts and stacks."""

    parts: Parts
    stacks: dict[Text, Stack]

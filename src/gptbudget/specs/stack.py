"""A software stack: which bytes an implementation keeps for the backward pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Spec, Text

Mode = Literal["autocast", "pure", "fp32"]
"""16-bit compute on fp32 weights, 16-bit everything, or fp32 everything."""

AttentionKind = Literal["flash", "efficient", "math", "eager"]

Unit = Literal["width", "query", "kv", "ffn", "vocabulary", "head", "token", "score", "pair"]
"""What bytes are counted for (b micro-batch, s sequence length): b s times the model width,
the channels of all query heads, of all key heads, the feed-forward width, the vocabulary or
the number of heads; b s alone; b s^2 times the heads; s^2 alone."""

Tensors = dict[Unit, Annotated[float, Field(ge=0)]]
"""Bytes of a set of tensors, by unit."""

TensorsByMode = dict[Mode, Tensors]
"""The same tensors in each mode; an absent mode was not measured."""

TensorsByAttention = dict[AttentionKind, TensorsByMode]


class BlockMemory(Spec):
    """Bytes of one kind of transformer block and of the loss behind the last one."""

    title: Text
    norm: Literal["layernorm", "rmsnorm"]
    gated: bool
    saved: TensorsByMode
    """Kept for the backward pass in each layer."""
    attention: TensorsByAttention
    """Kept on top by each attention kind."""
    dropout: Tensors
    """Kept on top when dropout is on."""
    dropout_scores: TensorsByAttention = Field(default_factory=dict)
    """Kept on top when dropout is on and the scores are materialized."""
    head: TensorsByMode
    """Kept behind the last layer: final norm, logits and log-probabilities."""
    forward_temporary: TensorsByMode
    """Alive with all of these while the loss is computed."""
    loss_backward_temporary: TensorsByMode
    """Alive with all of these while the loss is differentiated."""
    block_backward_temporary: TensorsByMode
    """Alive while one block is differentiated."""
    block_backward_scores: TensorsByAttention = Field(default_factory=dict)
    """Alive while attention that materializes its scores is differentiated."""
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


class Stacks(Spec):
    """All stacks and blocks by name."""

    blocks: dict[Text, BlockMemory]
    stacks: dict[Text, Stack]

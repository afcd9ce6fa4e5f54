"""The architecture of a decoder-only language model, one small description per concept.

Every decoder family is described by these fields with different values; neither this module nor any
formula refers to a family by name.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from gptbudget.specs.base import Count, Positive, Spec, Text


class LatentAttention(Spec):
    """Multi-head latent attention: keys and values are expanded from a narrow latent vector."""

    query_rank: Count | None = None
    """Width of the query latent; ``None``: queries are projected directly."""
    kv_rank: Count
    nope_width: Count
    """Width per head of the part of queries and keys without positions."""
    rope_width: Count
    """Width per head of the rotary part; its key is shared by all heads."""
    value_width: Count


class Attention(Spec):
    """Queries, keys, values and the output projection of one layer."""

    heads: Count
    kv_heads: Count | None = None
    """``None``: as many as query heads (multi-head); fewer: grouped; one: multi-query."""
    head_width: Count | None = None
    """``None``: model width / heads."""
    qkv_bias: bool
    output_bias: bool
    qk_norm: Literal["none", "head", "projection"] = "none"
    """A norm on queries and keys: one weight a channel of a head, or of the whole projection."""
    qk_norm_bias: bool = False
    sinks: bool = False
    """One learned sink logit a head."""
    latent: LatentAttention | None = None
    window: Count | None = None
    """How many positions back a windowed layer looks; ``None``: the whole context."""
    windowed_layers: Count | None = None
    """How many layers are windowed; ``None``: all of them, when there is a window."""


class FeedForward(Spec):
    """The dense feed-forward network of one layer: two matrices, three when gated."""

    width: Count | None = None
    """``None``: four times the model width."""
    gated: bool
    bias: bool
    composed_activation: bool = False
    """Hugging Face writes it out in elementary operations (``gelu_new``), each with a tensor."""


class Experts(Spec):
    """A mixture of feed-forward experts, of which each token uses a few."""

    count: Count
    active: Count
    width: Count
    layers: Count | None = None
    """How many layers have experts; the others have the dense network. ``None``: all."""
    bias: bool = False
    router_bias: bool = False
    correction_bias: bool = False
    """A per-expert balancing term that checkpoints hold and no gradient trains."""
    shared_width: Count | None = None
    """Width of the always-active expert(s) together."""
    shared_gate: bool = False
    """A learned scalar gate on the shared expert."""


class Norms(Spec):
    """Normalization layers: what each holds and how many there are."""

    kind: Literal["layernorm", "rmsnorm"]
    weight: bool = True
    bias: bool = False
    per_block: Literal[0, 1, 2, 4] = 2
    """2 for pre- or post-norm, 1 for a parallel block with a shared norm, 4 for sandwich norms."""
    final: bool = True
    embedding: bool = False
    unit_offset: bool = False
    """Weights are stored minus one, and applied in fp32 (Gemma)."""

    @property
    def tensors(self) -> int:
        """Trainable vectors per norm: 0, 1 or 2."""
        return int(self.weight) + int(self.bias)


class Positions(Spec):
    """How the model knows the order of tokens."""

    kind: Literal["learned", "rotary", "alibi", "relative"]
    """``relative``: Transformer-XL's, one more projection of the model width a layer."""
    extra_rows: int = Field(default=0, ge=0)
    """Rows of a learned table beyond the context."""
    checkpoint_buffers: bool = False
    """The checkpoint also stores rotary frequencies, which are no parameters."""


class Head(Spec):
    """The output projection onto the vocabulary."""

    tied: bool
    """Whether it shares its matrix with the input embedding; stored once."""
    bias: bool = False
    checkpoint_copy: bool = False
    """The checkpoint stores the tied matrix twice."""


class ModelSpec(Spec):
    """A model of the catalog: sizes and concepts; parameters and FLOPs follow from these."""

    name: Text
    aliases: tuple[Text, ...] = ()
    architecture: Text | None = None
    layers: Count
    width: Count
    vocabulary: Count
    context: Count
    attention: Attention
    ffn: FeedForward
    experts: Experts | None = None
    norms: Norms
    positions: Positions
    head: Head
    embedding_width: Count | None = None
    """Width of the embedding when a projection stands between it and the model."""
    training_seq_len: Count | None = None
    """Sequence length of the main training stage, where it is not the context."""
    training_tokens: Positive | None = None
    global_batch_tokens: Count | None = None
    sources: tuple[Text, ...] = ()
    notes: Text | None = None

    @property
    def default_seq_len(self) -> int:
        """The sequence length to assume when none is given."""
        return self.training_seq_len or self.context

    @property
    def head_width(self) -> int:
        """Channels of one query or key head."""
        return self.attention.head_width or self.width // self.attention.heads

    @property
    def kv_heads(self) -> int:
        """Key/value heads."""
        return self.attention.kv_heads or self.attention.heads

    @property
    def query_width(self) -> int:
        """Channels of all query heads together."""
        return self.attention.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """Channels of all key heads together."""
        return self.kv_heads * self.head_width

    @property
    def score_channels(self) -> int:
        """Multiply-adds per query, position and head in attention: key plus value channels.

        Relative positions (Transformer-XL) multiply queries with a second set of keys.
        """
        latent = self.attention.latent
        if latent is not None:
            return latent.nope_width + latent.rope_width + latent.value_width
        return (3 if self.positions.kind == "relative" else 2) * self.head_width

    @property
    def block_kind(self) -> str:
        """Norm and feed-forward network of a block: ``layernorm+plain``, ``rmsnorm+gated``."""
        return f"{self.norms.kind}+{'gated' if self.ffn.gated else 'plain'}"

    @property
    def ffn_width(self) -> int:
        """Width of the dense feed-forward network."""
        return self.ffn.width or 4 * self.width

    @property
    def active_ffn_width(self) -> float:
        """Feed-forward channels that one token passes through, as a mean over the layers."""
        if self.experts is None:
            return self.ffn_width
        routed = self.experts.active * self.experts.width + (self.experts.shared_width or 0)
        total = self.dense_layers * self.ffn_width + self.expert_layers * routed
        return total / self.layers

    @property
    def expert_layers(self) -> int:
        """Layers that have experts."""
        return 0 if self.experts is None else self.experts.layers or self.layers

    @property
    def dense_layers(self) -> int:
        """Layers that have the dense feed-forward network."""
        return self.layers - self.expert_layers

    @property
    def windowed_layers(self) -> int:
        """Layers whose attention is limited to the window."""
        if self.attention.window is None:
            return 0
        return self.attention.windowed_layers or self.layers

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        attention, experts, kv_heads = self.attention, self.experts, self.kv_heads
        if attention.head_width is None and not attention.latent and self.width % attention.heads:
            raise ValueError(
                f"width {self.width} is not a multiple of attention.heads {attention.heads}: "
                "give attention.head_width"
            )
        if attention.heads % kv_heads:
            raise ValueError(
                f"attention.heads {attention.heads} is not a multiple of "
                f"attention.kv_heads {kv_heads}"
            )
        if experts and experts.active > experts.count:
            raise ValueError(
                f"experts.active {experts.active} is more than experts.count {experts.count}"
            )
        if attention.windowed_layers is not None and attention.window is None:
            raise ValueError("attention.windowed_layers is given but attention.window is not")
        for name, number in (
            ("experts.layers", self.expert_layers),
            ("attention.windowed_layers", self.windowed_layers),
        ):
            if number > self.layers:
                raise ValueError(f"{name} {number} is more than layers {self.layers}")
        return self

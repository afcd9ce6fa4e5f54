"""How many parameters a decoder has, by component, to the unit.

Counted are the trainable tensors a framework holds: matrices, biases and norm vectors.
Left out is what carries no gradient (rotary tables, masks, balancing terms in checkpoints).

Legend: L layers, h model width, a query heads, k key/value heads, d head width,
f feed-forward width, V vocabulary rows, E experts.
"""

from __future__ import annotations

from typing import NamedTuple

from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec


class ParameterCount(NamedTuple):
    """Parameters by component; ``active`` is what one token uses."""

    parts: Parts[int]
    inactive: int
    """Parameters of the experts that a token does not visit."""

    @property
    def total(self) -> int:
        """All trainable parameters."""
        total: int = self.parts.total
        return total

    @property
    def active(self) -> int:
        """Parameters one token passes through; the total when there are no experts."""
        return self.total - self.inactive


def count_parameters(model: ModelSpec) -> ParameterCount:
    """Count the trainable parameters of ``model``.

    GPT-2: N = V h + s h + L (12 h^2 + 13 h) + 2 h, so 124,439,808 for the small model and
    1,557,611,200 for XL (the released checkpoints). Llama: N = 2 V h + L (h d (2 a + 2 k)
    + 3 h f + 2 h) + h, so 6,738,415,616 for Llama-2 7B.
    """
    matmul = matmul_weights(model)
    parts = Parts(
        {
            "embedding": model.vocabulary * _embedding_width(model),
            "positions": position_table(model),
            "attention": matmul["attention"] + model.layers * _attention_vectors(model),
            "feed_forward": matmul["feed_forward"] + model.dense_layers * _ffn_biases(model),
            "experts": model.expert_layers * (_expert_weights(model) + _expert_biases(model)),
            "router": matmul["router"] + model.expert_layers * _router_biases(model),
            "norms": _norm_vectors(model),
            "embedding_projection": matmul["embedding_projection"],
            "head": (0 if model.head.tied else matmul["head"])
            + (model.vocabulary if model.head.bias else 0),
        }
    ).present()
    return ParameterCount(parts, inactive=_inactive(model))


class BlockParameters(NamedTuple):
    """Parameters of one block, by how parallelism may cut them."""

    attention: int
    """Matrices."""
    attention_whole: int
    """Of these, what leads down to latents: on every tensor-parallel rank."""
    feed_forward: int
    """Matrices and biases of a dense network."""
    feed_forward_matrices: int
    experts: int
    """Matrices and biases of all routed experts."""
    expert_matrices: int
    shared_expert: int
    """Matrices of the expert that every token visits."""
    router: int
    whole: int
    """Norms and other vectors: on every rank."""


def block_parameters(model: ModelSpec) -> BlockParameters:
    """Parameters of one block; a block has either the dense network or router and experts."""
    experts = model.experts
    routed = experts.count * _one_expert(model) if experts else 0
    return BlockParameters(
        attention=_attention_weights(model),
        attention_whole=_down_weights(model),
        feed_forward=_ffn_weights(model) + _ffn_biases(model),
        feed_forward_matrices=_ffn_weights(model),
        experts=routed + _expert_biases(model),
        expert_matrices=routed,
        shared_expert=_shared_expert(model),
        router=_router_weights(model) + _router_biases(model),
        whole=_attention_vectors(model) + model.norms.per_block * model.norms.tensors * model.width,
    )


class EndsOfModel(NamedTuple):
    """Parameters outside the blocks."""

    table: int
    """The vocabulary matrix: the embedding, and as large again the head when it is not tied."""
    below: int
    """Positions, the norm of the embedding, projections to and from another width."""
    above: int
    """The norm behind the last block."""
    head_bias: int


def ends_of_model(model: ModelSpec) -> EndsOfModel:
    """Parameters of embedding, positions, final norm and head."""
    norm = model.norms.tensors * model.width
    return EndsOfModel(
        table=model.vocabulary * _embedding_width(model),
        below=position_table(model)
        + _projection_weights(model)
        + int(model.norms.embedding) * norm,
        above=int(model.norms.final) * norm,
        head_bias=model.vocabulary if model.head.bias else 0,
    )


def checkpoint_only(model: ModelSpec) -> Parts[int]:
    """Values that a checkpoint stores and no gradient trains, beside the parameters.

    DeepSeek-V3: 14,848 balancing terms, so 671,026,419,200 values in all; Falcon-7B: a copy
    of the tied matrix, 295,469,056 of 7,217,189,760; Llama-2 7B: 2,048 rotary frequencies.
    """
    experts = model.experts
    balancing = model.expert_layers * experts.count if experts and experts.correction_bias else 0
    copied = model.vocabulary * _embedding_width(model) if model.head.checkpoint_copy else 0
    rotary = model.layers * model.head_width // 2 if model.positions.checkpoint_buffers else 0
    return Parts(
        {"router_correction": balancing, "head_copy": copied, "rotary_frequencies": rotary}
    ).present()


def matmul_weights(model: ModelSpec) -> Parts[int]:
    """Weights that multiply every token, by component, with the active experts only.

    These are the W of "2 W FLOPs per token". The head counts once, tied or not; the
    embedding is a lookup and does not count.
    """
    return Parts(
        {
            "attention": model.layers * _attention_weights(model),
            "feed_forward": model.dense_layers * _ffn_weights(model),
            "experts": model.expert_layers * _active_expert_weights(model),
            "router": model.expert_layers * _router_weights(model),
            "embedding_projection": _projection_weights(model),
            "head": model.vocabulary * _embedding_width(model),
        }
    )


def _embedding_width(model: ModelSpec) -> int:
    return model.embedding_width or model.width


def _projection_weights(model: ModelSpec) -> int:
    """Into and out of the model width, where the embedding has another one (OPT-350M)."""
    return 0 if model.embedding_width is None else 2 * model.embedding_width * model.width


def position_table(model: ModelSpec) -> int:
    """Parameters of a learned position table: one row a position, plus any extra rows."""
    if model.positions.kind != "learned":
        return 0
    return (model.context + model.positions.extra_rows) * model.width


def _attention_weights(model: ModelSpec) -> int:
    """Matrices of one layer: queries, keys, values, output; 4 h^2 when a d = h and k = a."""
    if model.attention.latent is not None:
        return _latent_attention_weights(model)
    relative = model.positions.kind == "relative"
    projected = model.query_width + 2 * model.kv_width + (model.query_width if relative else 0)
    return model.width * projected + model.query_width * model.width


def _latent_attention_weights(model: ModelSpec) -> int:
    """Matrices of one latent-attention layer (DeepSeek-V2, arXiv 2405.04434, section 2.1)."""
    latent, heads = model.attention.latent, model.attention.heads
    assert latent is not None
    query_width = heads * (latent.nope_width + latent.rope_width)
    queries = (
        latent.query_rank * (model.width + query_width)
        if latent.query_rank
        else model.width * query_width
    )
    down = model.width * (latent.kv_rank + latent.rope_width)
    up = latent.kv_rank * heads * (latent.nope_width + latent.value_width)
    return queries + down + up + heads * latent.value_width * model.width


def _down_weights(model: ModelSpec) -> int:
    """Matrices from the model's width down to latents; none without latent attention."""
    latent = model.attention.latent
    if latent is None:
        return 0
    return model.width * ((latent.query_rank or 0) + latent.kv_rank + latent.rope_width)


def _attention_vectors(model: ModelSpec) -> int:
    """Biases, sinks and norms inside the attention of one layer."""
    attention = model.attention
    count = attention.heads if attention.sinks else 0
    if attention.qkv_bias:
        count += _input_biases(model)
    if attention.output_bias:
        count += model.width
    if attention.latent is not None:
        count += (attention.latent.query_rank or 0) + attention.latent.kv_rank
    return count + _qk_norm(model)


def _input_biases(model: ModelSpec) -> int:
    """Of queries, keys and values; with latents, of the two projections down to them."""
    latent = model.attention.latent
    if latent is None:
        return model.query_width + 2 * model.kv_width
    return (latent.query_rank or 0) + latent.kv_rank + latent.rope_width


def _qk_norm(model: ModelSpec) -> int:
    per_channel = 1 + int(model.attention.qk_norm_bias)
    if model.attention.qk_norm == "head":
        return per_channel * 2 * model.head_width
    if model.attention.qk_norm == "projection":
        return per_channel * (model.query_width + model.kv_width)
    return 0


def _ffn_weights(model: ModelSpec) -> int:
    """Matrices of one dense feed-forward network: 2 h f, 3 h f when gated."""
    return (3 if model.ffn.gated else 2) * model.width * model.ffn_width


def _ffn_biases(model: ModelSpec) -> int:
    if not model.ffn.bias:
        return 0
    return (2 if model.ffn.gated else 1) * model.ffn_width + model.width


def _one_expert(model: ModelSpec) -> int:
    """Matrices of one expert."""
    return (
        (3 if model.ffn.gated else 2) * model.width * (model.experts.width if model.experts else 0)
    )


def _one_expert_biases(model: ModelSpec) -> int:
    if model.experts is None or not model.experts.bias:
        return 0
    return (2 if model.ffn.gated else 1) * model.experts.width + model.width


def _shared_expert(model: ModelSpec) -> int:
    shared = model.experts.shared_width if model.experts else None
    return (3 if model.ffn.gated else 2) * model.width * (shared or 0)


def _expert_weights(model: ModelSpec) -> int:
    """Matrices of all experts of one layer, the shared one included."""
    if model.experts is None:
        return 0
    return model.experts.count * _one_expert(model) + _shared_expert(model)


def _active_expert_weights(model: ModelSpec) -> int:
    """Matrices of the experts one token visits in one layer, the shared one included."""
    if model.experts is None:
        return 0
    return model.experts.active * _one_expert(model) + _shared_expert(model)


def _expert_biases(model: ModelSpec) -> int:
    return model.experts.count * _one_expert_biases(model) if model.experts else 0


def _router_weights(model: ModelSpec) -> int:
    """One logit an expert, and one for the gate of a shared expert."""
    if model.experts is None:
        return 0
    return model.width * (model.experts.count + int(model.experts.shared_gate))


def _router_biases(model: ModelSpec) -> int:
    if model.experts is None or not model.experts.router_bias:
        return 0
    return model.experts.count


def _inactive(model: ModelSpec) -> int:
    if model.experts is None:
        return 0
    idle = model.experts.count - model.experts.active
    return model.expert_layers * idle * (_one_expert(model) + _one_expert_biases(model))


def _norm_vectors(model: ModelSpec) -> int:
    norms = model.norms
    count = model.layers * norms.per_block + int(norms.final) + int(norms.embedding)
    return count * norms.tensors * model.width

"""What one training step keeps for its backward pass, composed from the parts of a block.

Bytes are counted per token and unit (see :class:`gptbudget.specs.stack.Parts`): a norm keeps its
input, and its normalized value when its weight is trained; its output is kept for the products
that read it, once in 16 or 32 bit, once per product under autocast, which casts it for each. So
do attention and network with what their kernels need.

Checked against PyTorch: nanoGPT's block keeps 36 b s h under autocast with flash attention, and
34 b s h + 5 b a s^2 in 16 bit with dropout and materialized attention, which is the formula of
Korthikanti et al. 2022 (arXiv 2205.05198, equation 1).
"""

from collections.abc import Iterable

from gptbudget.core.arrays import Bytes, Count, added, minimum
from gptbudget.core.implementation import PER_BLOCK_OUTPUTS, Implementation
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import (
    Mode,
    Tensors,
    Unit,
)

_ELEMENT_BYTES: dict[Mode, int] = {"autocast": 2, "pure": 2, "fp32": 4}
"""Of the tensors that matrix products read."""

_CHUNK_TOKENS = 128
"""Tokens of each sequence in a chunk of logits (LitGPT, chunked_cross_entropy)."""


def sized(
    model: ModelSpec,
    tensors: Tensors,
    micro_batch: Count,
    seq_len: Count,
    layout: Layout = ONE_RANK,
) -> Bytes:
    """Bytes of a set of tensors on one rank: what each unit counts, times its bytes.

    Context-parallel ranks have a share of the positions. Tensor-parallel ranks have a share of
    heads, network and vocabulary; what is as wide as the model is whole on each, or shared by
    position with sequence parallelism (Korthikanti et al. 2022, arXiv 2205.05198, table 2).
    """
    tokens, heads = micro_batch * seq_len / layout.cp, model.attention.heads
    outer, tp = tokens / (layout.tp if layout.sequence_parallel else 1), layout.tp
    query, kv = model.query_width, model.kv_width
    if model.attention.latent is not None:  # keys are as wide as queries, values as outputs
        query = kv = heads * model.score_channels // 2
    counts: dict[Unit, Bytes] = {
        "width": outer * model.width,
        "query": tokens * query / tp,
        "kv": tokens * kv / tp,
        "ffn": tokens * model.active_ffn_width / tp,
        "vocabulary": tokens * model.vocabulary / tp,
        "logit_chunk": minimum(tokens, micro_batch * _CHUNK_TOKENS) * model.vocabulary / tp,
        "head": tokens * heads / tp,
        "kv_head": tokens * model.kv_heads / tp,
        "token": outer,
        "score": tokens * seq_len * heads / tp,
        "pair": seq_len * seq_len,
    }
    return added(size * counts[unit] for unit, size in tensors.items())


def layer_tensors(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors | None:
    """What one layer keeps; ``None`` where the attention kind does not exist in the mode."""
    parts = layer_parts(model, recipe, how)
    return None if parts is None else _summed(*parts.values())


def layer_parts(model: ModelSpec, recipe: Recipe, how: Implementation) -> dict[str, Tensors] | None:
    """What each part of one layer keeps."""
    attention = _attention(model, recipe, how)
    if attention is None:
        return None
    adapted = recipe.method.has_adapters
    inputs = _adapter_inputs if adapted else _product_inputs
    return {
        "norms": _norms(model, recipe, how, count=model.norms.per_block),
        "inputs_of_products": inputs(model, recipe, how),
        "inputs_of_quantized_products": quantized_inputs(recipe, how),
        "attention": attention,
        "latents": _latents(model, recipe, how),
        "network": _network(recipe, how),
        "dropout": {} if adapted or not recipe.dropout else how.parts.dropout,
        "dispatch_to_experts": _dispatch(model, recipe),
    }


def head_tensors(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors:
    """What the final norm, the logits and the loss keep."""
    trained = not recipe.method.has_adapters
    return _summed(
        _norms(model, recipe, how, count=int(model.norms.final)),
        {"width": _ELEMENT_BYTES[recipe.mode]} if trained else {},
        how.loss.saved[recipe.mode],
    )


def recomputed_tensors(how: Implementation, tensors: Tensors) -> Tensors:
    """The part of a layer's tensors that selective checkpointing computes again.

    The scores (Korthikanti et al. 2022), or all that the stack's own policy does not keep.
    """
    kept = how.stack.selective
    if kept is None:
        return {unit: size for unit, size in tensors.items() if unit in {"score", "pair"}}
    return {unit: size - kept.get(unit, 0) for unit, size in tensors.items()}


def _norms(model: ModelSpec, recipe: Recipe, how: Implementation, count: int) -> Tensors:
    """Inputs, normalized values and statistics of ``count`` norms."""
    mode, norm = recipe.mode, how.norm
    kept = norm.input[mode]
    if model.norms.weight and not recipe.method.has_adapters:
        kept += norm.normalized[mode]
        kept += (norm.unit_offset or {}).get(mode, 0) if model.norms.unit_offset else 0
    return {"width": count * kept, "token": count * norm.token}


def _product_inputs(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors:
    """Norm outputs that the products of a block read."""
    size = _ELEMENT_BYTES[recipe.mode]
    if recipe.mode != "autocast":
        return {"width": size * min(PER_BLOCK_OUTPUTS, max(1, model.norms.per_block))}
    if how.stack.shares_casts:
        return {"width": size * PER_BLOCK_OUTPUTS}
    fused = model.block_kind in how.stack.fused_qkv
    reads = (1 if fused else 3) + (2 if model.ffn.gated else 1)
    return {"width": size * reads}


def _adapter_inputs(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors:
    """Inputs of the adapters; the frozen products beside them need none of theirs.

    In 16 bit adapters share their input; in fp32 (peft's default), under autocast and behind a
    dropout of its own each has a copy. Each also keeps its r-wide inner value and, with dropout,
    a byte per input. Where queries, keys and values are one product they have one dropout.
    """
    method, every = recipe.method, recipe.method.lora_targets == "all"
    shared = _adapters_share(recipe)
    size = 4 if recipe.mode != "autocast" and method.lora_precision == "fp32" else 2
    fused = model.block_kind in how.stack.fused_qkv
    gates = 2 if model.ffn.gated else 1
    into = (3 if every else 2) if not fused else 1
    readers: Tensors = {"width": into + (gates if every else 0)}
    if every:
        readers.update({"query": 1, "ffn": 1})
    if shared:
        copies: Tensors = {"width": 4, "ffn": 2} if every else {"width": 2}
    else:
        copies = {unit: size * count for unit, count in readers.items()}
    mask = {unit: float(count) for unit, count in readers.items()} if method.lora_dropout else {}
    adapters = (3 + gates + 2) if every else 2
    inner: Tensors = {"token": size * method.lora_rank * adapters}
    spread = how.stack.spread_adapters if not every else {}
    return _summed(copies, mask, inner, spread)


def _adapters_share(recipe: Recipe) -> bool:
    method = recipe.method
    return recipe.mode == "pure" and method.lora_precision == "bf16" and not method.lora_dropout


def quantized_inputs(recipe: Recipe, how: Implementation) -> Tensors:
    """Inputs of frozen 4-bit products, where their kernel keeps them though nobody needs them.

    bitsandbytes up to 0.43: MatMul4Bit holds its input (autograd/_functions.py). Adapters that
    share their input keep it already.
    """
    if recipe.method.kind != "qlora" or not how.stack.keeps_quantized_inputs:
        return {}
    if not _adapters_share(recipe):
        return {"width": 4, "ffn": 2, "query": how.stack.copies_attention_output}
    return {} if recipe.method.lora_targets == "all" else {"width": 2, "ffn": 2}


def _attention(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors | None:
    """Queries, keys, values, output, and what the kernel keeps."""
    mode, kind = recipe.mode, recipe.attention
    kept = how.parts.attention.get(kind, {}).get(mode)
    if kept is None:
        return None
    variant = how.stack.multihead if model.kv_heads == model.attention.heads else how.stack.grouped
    if variant is not None:
        kept = how.parts.attention_variants[variant].get(kind, {}).get(mode, kept)
    if kind == "eager":
        kept = _eager(model, mode, how, kept)
    dropped = how.parts.attention_dropout.get(kind, {}).get(mode, {}) if recipe.dropout else {}
    norms = how.parts.qk_norm[mode] if model.attention.qk_norm != "none" else {}
    return _summed(kept, dropped, norms)


def _latents(model: ModelSpec, recipe: Recipe, how: Implementation) -> Tensors:
    """What queries, keys and values are expanded from, before and behind its norm; not measured."""
    latent = model.attention.latent
    if latent is None:
        return {}
    norm, mode = how.parts.norms[how.stack.rmsnorm], recipe.mode
    each = norm.input[mode] + norm.normalized[mode] + _ELEMENT_BYTES[mode]
    return {"token": each * ((latent.query_rank or 0) + latent.kv_rank)}


def _eager(model: ModelSpec, mode: Mode, how: Implementation, kept: Tensors) -> Tensors:
    """Probabilities in fp32 beside their 16-bit copy; and a mask, where it is registered."""
    upcast = mode == "pure" and model.block_kind in how.stack.fp32_softmax
    return _summed(
        kept, {"score": 4.0} if upcast else {}, {"pair": 1.0} if how.stack.registers_mask else {}
    )


def _network(recipe: Recipe, how: Implementation) -> Tensors:
    """What the feed-forward network keeps, per channel of its width."""
    network = how.feed_forward
    amounts = network.frozen if recipe.method.has_adapters else network.saved
    return {"ffn": amounts[recipe.mode]}


def _dispatch(model: ModelSpec, recipe: Recipe) -> Tensors:
    """Copies of each token for the experts it visits, there and back; counted, not measured."""
    if model.experts is None:
        return {}
    share = model.expert_layers / model.layers
    return {"width": share * 2 * model.experts.active * _ELEMENT_BYTES[recipe.mode]}


def _summed(*sets: Tensors) -> Tensors:
    """One set of tensors with the bytes of all."""
    total: Tensors = {}
    for tensors in sets:
        _add(total, tensors.items())
    return total


def _add(total: Tensors, items: Iterable[tuple[Unit, float]]) -> None:
    for unit, size in items:
        total[unit] = total.get(unit, 0) + size

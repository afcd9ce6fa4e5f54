"""Activations saved for the backward pass, summed over the parts of a block.

Bytes are counted per token and unit (see :class:`gptbudget.specs.stack.Parts`): a norm saves its
input, and its normalized value if its weight is trained. Its output is saved for the matmuls that
read it: once in 16 or 32 bit, once per matmul under autocast, which casts it for each. Attention
and feed-forward network save what their kernels need.

Checked against PyTorch: nanoGPT's block keeps 36 b s h under autocast with flash attention, and
34 b s h + 5 b a s^2 in 16 bit with dropout and materialized attention, which is the formula of
Korthikanti et al. 2022 (arXiv 2205.05198, equation 1).
"""

from gptbudget.core.arrays import Bytes, Count, added, minimum
from gptbudget.core.step import PER_BLOCK_OUTPUTS, TrainingStep
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Mode, Stack, Tensors, Unit

_ELEMENT_BYTES: dict[Mode, int] = {"autocast": 2, "pure": 2, "fp32": 4}
"""Bytes per element of matmul inputs, by mode."""

_AUTOCAST_COPY_BYTES = 2
"""Each matrix that multiplies is kept in 16 bit for the backward pass, head included."""

_CHUNK_TOKENS = 128
"""Tokens of each sequence in a chunk of logits (LitGPT, chunked_cross_entropy)."""


def sized(step: TrainingStep, tensors: Tensors) -> Bytes:
    """Bytes of a set of tensors on one rank: the number of elements of each unit times its bytes.

    Context-parallel ranks have a share of the positions. Tensor-parallel ranks have a share of
    heads, network and vocabulary; tensors of the model's width are replicated, or split along the
    sequence with sequence parallelism (Korthikanti et al. 2022, arXiv 2205.05198, table 2).
    """
    model, layout, micro_batch, seq_len = step.model, step.layout, step.micro_batch, step.seq_len
    tokens, heads = step.tokens, model.attention.heads
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


def layer_tensors(step: TrainingStep) -> Tensors | None:
    """The tensors one layer saves; ``None`` if there is no such attention kernel in this mode."""
    attention = _attention(step)
    if attention is None:
        return None
    adapted, network = step.recipe.method.has_adapters, step.implementation.feed_forward
    kept = network.frozen if adapted else network.saved
    return _summed(
        _norms(step, count=step.model.norms.per_block),
        _adapter_inputs(step) if adapted else _product_inputs(step),
        quantized_inputs(step),
        attention,
        _latents(step),
        {"ffn": kept[step.recipe.mode]},
        {} if adapted or not step.recipe.dropout else step.implementation.parts.dropout,
        _dispatch(step),
    )


def head_tensors(step: TrainingStep) -> Tensors:
    """Return the tensors saved by the final norm, the logits and the loss."""
    mode, trained = step.recipe.mode, not step.recipe.method.has_adapters
    return _summed(
        _norms(step, count=int(step.model.norms.final)),
        {"width": _ELEMENT_BYTES[mode]} if trained else {},
        step.implementation.loss.saved[mode],
    )


def recomputed_tensors(stack: Stack, tensors: Tensors) -> Tensors:
    """The part of a layer's tensors that selective checkpointing computes again.

    The scores (Korthikanti et al. 2022), or everything that the stack's own policy does not save.
    """
    saved = stack.selective
    if saved is None:
        return {unit: size for unit, size in tensors.items() if unit in {"score", "pair"}}
    return {unit: size - saved.get(unit, 0) for unit, size in tensors.items()}


def _norms(step: TrainingStep, count: int) -> Tensors:
    """Inputs, normalized values and statistics of ``count`` norms."""
    norms, mode, memory = step.model.norms, step.recipe.mode, step.implementation.norm
    channel = memory.input[mode]
    if norms.weight and not step.recipe.method.has_adapters:
        channel += memory.normalized[mode]
        channel += (memory.unit_offset or {}).get(mode, 0) if norms.unit_offset else 0
    return {"width": count * channel, "token": count * memory.token}


def _product_inputs(step: TrainingStep) -> Tensors:
    """Norm outputs that the products of a block read."""
    model, size = step.model, _ELEMENT_BYTES[step.recipe.mode]
    if step.recipe.mode != "autocast":
        return {"width": size * min(PER_BLOCK_OUTPUTS, max(1, model.norms.per_block))}
    if step.stack.shares_casts:
        return {"width": size * PER_BLOCK_OUTPUTS}
    fused = model.block_kind in step.stack.fused_qkv
    reads = (1 if fused else 3) + (2 if model.ffn.gated else 1)
    return {"width": size * reads}


def _adapter_inputs(step: TrainingStep) -> Tensors:
    """Inputs of the adapters; the frozen matmuls do not need to save their inputs.

    In 16 bit adapters share their input; in fp32 (peft's default), under autocast, and after its
    own dropout, each saves a copy. Each adapter also saves its r-wide hidden activation and, with
    dropout, a byte per input. Where queries, keys and values are one product they have one dropout.
    """
    model, method, stack = step.model, step.recipe.method, step.stack
    every = method.lora_targets == "all"
    size = 4 if step.recipe.mode != "autocast" and method.lora_precision == "fp32" else 2
    fused = model.block_kind in stack.fused_qkv
    gates = 2 if model.ffn.gated else 1
    into = (3 if every else 2) if not fused else 1
    readers: Tensors = {"width": into + (gates if every else 0)}
    if every:
        readers.update({"query": 1, "ffn": 1})
    if _adapters_share(step.recipe):
        copies: Tensors = {"width": 4, "ffn": 2} if every else {"width": 2}
    else:
        copies = {unit: size * count for unit, count in readers.items()}
    mask = {unit: float(count) for unit, count in readers.items()} if method.lora_dropout else {}
    adapters = (3 + gates + 2) if every else 2
    inner: Tensors = {"token": size * method.lora_rank * adapters}
    spread = stack.spread_adapters if not every else {}
    return _summed(copies, mask, inner, spread)


def _adapters_share(recipe: Recipe) -> bool:
    method = recipe.method
    return recipe.mode == "pure" and method.lora_precision == "bf16" and not method.lora_dropout


def quantized_inputs(step: TrainingStep) -> Tensors:
    """Inputs of frozen 4-bit matmuls, for kernels that save them although no gradient needs them.

    bitsandbytes up to 0.43: MatMul4Bit holds its input (autograd/_functions.py). Adapters that
    share their input keep it already.
    """
    method, stack = step.recipe.method, step.stack
    if method.kind != "qlora" or not stack.keeps_quantized_inputs:
        return {}
    if not _adapters_share(step.recipe):
        return {"width": 4, "ffn": 2, "query": stack.copies_attention_output}
    return {} if method.lora_targets == "all" else {"width": 2, "ffn": 2}


def _attention(step: TrainingStep) -> Tensors | None:
    """Tensors saved by attention: queries, keys, values, output and what the kernel needs.

    Eager attention adds fp32 probabilities where the softmax runs in fp32, and the registered mask.
    """
    model, stack, parts = step.model, step.stack, step.implementation.parts
    mode, kind = step.recipe.mode, step.recipe.attention
    saved = parts.attention.get(kind, {}).get(mode)
    if saved is None:
        return None
    variant = stack.multihead if model.kv_heads == model.attention.heads else stack.grouped
    if variant is not None:
        saved = parts.attention_variants[variant].get(kind, {}).get(mode, saved)
    dropped = parts.attention_dropout.get(kind, {}).get(mode, {}) if step.recipe.dropout else {}
    norms = parts.qk_norm[mode] if model.attention.qk_norm != "none" else {}
    upcast = kind == "eager" and mode == "pure" and model.block_kind in stack.fp32_softmax
    probabilities: Tensors = {"score": 4.0} if upcast else {}
    mask: Tensors = {"pair": 1.0} if kind == "eager" and stack.registers_mask else {}
    return _summed(saved, probabilities, mask, dropped, norms)


def _latents(step: TrainingStep) -> Tensors:
    """Latents of queries, keys and values, before and after their norm; not measured."""
    latent = step.model.attention.latent
    if latent is None:
        return {}
    norm, mode = step.implementation.parts.norms[step.stack.rmsnorm], step.recipe.mode
    each = norm.input[mode] + norm.normalized[mode] + _ELEMENT_BYTES[mode]
    return {"token": each * ((latent.query_rank or 0) + latent.kv_rank)}


def _dispatch(step: TrainingStep) -> Tensors:
    """Copies of each token sent to its experts and back. Counted, not measured."""
    model = step.model
    if model.experts is None:
        return {}
    share = model.expert_layers / model.layers
    return {"width": share * 2 * model.experts.active * _ELEMENT_BYTES[step.recipe.mode]}


def _summed(*sets: Tensors) -> Tensors:
    """Return the sum of several sets of tensors."""
    total: Tensors = {}
    for tensors in sets:
        for unit, size in tensors.items():
            total[unit] = total.get(unit, 0) + size
    return total


def autocast_copies(recipe: Recipe, matrices: Count) -> Bytes:
    """16-bit copies that autocast keeps of fp32 matrices that multiply."""
    return _AUTOCAST_COPY_BYTES * matrices if recipe.mode == "autocast" else 0

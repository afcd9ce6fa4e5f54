"""What each ``model_type`` of the transformers library builds from its config.

One function a family returns plain data for :class:`gptbudget.specs.model.ModelSpec`.
Where a key is missing, the default is that of the library's config class of the type
(transformers 5.x, ``src/transformers/models/<type>/configuration_<type>.py``; the tensors
are those of ``modeling_<type>.py`` beside it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptbudget.catalog.huggingface.config import HfConfig

Model = dict[str, Any]

_MOST_LAYERS = 100_000
_LAYERNORM = {"kind": "layernorm", "bias": True}
_RMSNORM = {"kind": "rmsnorm"}
_LEARNED = {"kind": "learned"}
_ROTARY = {"kind": "rotary"}


def _layers(c: HfConfig) -> int:
    return c.whole("num_hidden_layers", "n_layer", "num_layers", "n_layers", most=_MOST_LAYERS)


def _width(c: HfConfig) -> int:
    return c.whole("hidden_size", "n_embd", "d_model", "n_embed")


def _heads(c: HfConfig, default: int | None = None) -> int:
    return c.whole("num_attention_heads", "n_head", "num_heads", "n_heads", default=default)


def _tied(c: HfConfig, *, default: bool) -> Model:
    return {"tied": c.flag("tie_word_embeddings", default=default)}


def _base(c: HfConfig, *, context: int, vocabulary: int | None = None) -> Model:
    """Sizes that every family has."""
    return {
        "layers": _layers(c),
        "width": _width(c),
        "vocabulary": c.whole("vocab_size", default=vocabulary),
        "context": c.whole(
            "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length",
            default=context,
        ),
    }  # fmt: skip


def _grouped(
    c: HfConfig, *, kv_heads: int | None, heads: int | None = None, head_width: int | None = None
) -> Model:
    """Heads, key/value heads (the class default, else as many as heads) and head width."""
    attention: Model = {"heads": _heads(c, heads), "qkv_bias": False, "output_bias": False}
    given = c.optional_whole("num_key_value_heads")
    named = "num_key_value_heads" in c or kv_heads is None
    attention["kv_heads"] = given or (attention["heads"] if named else kv_heads)
    if attention["kv_heads"] > attention["heads"]:
        raise c.fault(
            "num_key_value_heads",
            f"{attention['kv_heads']} is more than num_attention_heads {attention['heads']}",
        )
    if attention["heads"] % attention["kv_heads"]:
        raise c.fault(
            "num_key_value_heads",
            f"{attention['kv_heads']} does not divide num_attention_heads {attention['heads']}",
        )
    attention["head_width"] = c.optional_whole("head_dim") or head_width
    return attention


def _windows(c: HfConfig, layers: int, *, window: int | None, windowed: int | None) -> Model:
    """Sliding windows: how wide, and in how many layers (listed, or the family's pattern)."""
    width = c.optional_whole("sliding_window") or window
    kinds = c.words("layer_types")
    if kinds is not None:
        if len(kinds) != layers:
            raise c.fault("layer_types", f"lists {len(kinds)} layers, num_hidden_layers {layers}")
        windowed = kinds.count("sliding_attention")
    if width is None or not windowed:
        return {}
    return {"window": width, "windowed_layers": windowed}


def _llama_like(c: HfConfig, *, context: int, tied: bool = False, **grouped: Any) -> Model:
    """RMSNorm before attention and a gated network, rotary positions, no biases."""
    model = _base(c, context=context)
    grouped.setdefault("kv_heads", None)
    return {
        **model,
        "attention": _grouped(c, **grouped),
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": dict(_RMSNORM),
        "positions": dict(_ROTARY),
        "head": _tied(c, default=tied),
    }


def _biased(model: Model, *, qkv: bool, output: bool) -> Model:
    model["attention"] |= {"qkv_bias": qkv, "output_bias": output}
    return model


def llama(c: HfConfig) -> Model:
    """Llama, and everything that is published as it."""
    model = _llama_like(c, context=2048)
    bias = c.flag("attention_bias", default=False)
    model["ffn"]["bias"] = c.flag("mlp_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def mistral(c: HfConfig) -> Model:
    """Mistral: Llama with a window in every layer."""
    model = _llama_like(c, context=131_072, kv_heads=8)
    model["attention"] |= _windows(c, model["layers"], window=None, windowed=model["layers"])
    return model


def mixtral(c: HfConfig) -> Model:
    """Mixtral: Mistral with experts in every layer."""
    model = mistral(c)
    width = model["ffn"]["width"]
    model["experts"] = _experts(
        c, c.whole("num_local_experts", default=8), c.whole("num_experts_per_tok", default=2), width
    )
    return model


def qwen2(c: HfConfig) -> Model:
    """Qwen2: Llama with biases on queries, keys and values; late layers may be windowed."""
    return _qwen_windows(c, _biased(_llama_like(c, context=32_768), qkv=True, output=False))


def _qwen_windows(c: HfConfig, model: Model) -> Model:
    late = c.count("max_window_layers", default=28)
    windowed = max(0, model["layers"] - late)
    if c.flag("use_sliding_window", default=False):
        model["attention"] |= _windows(c, model["layers"], window=4096, windowed=windowed)
    return model


def qwen2_moe(c: HfConfig) -> Model:
    """Qwen2 with routed experts and a gated shared one."""
    model = _qwen_windows(
        c,
        _biased(_llama_like(c, context=32_768), qkv=c.flag("qkv_bias", default=True), output=False),
    )
    model["experts"] = {
        **_experts(
            c, c.whole("num_experts", default=60), c.whole("num_experts_per_tok", default=4),
            c.whole("moe_intermediate_size", default=1408),
        ),
        "layers": _sparse_layers(c, model["layers"]),
        "shared_width": c.whole("shared_expert_intermediate_size", default=5632),
        "shared_gate": True,
    }  # fmt: skip
    return _without_empty_experts(model)


def qwen3(c: HfConfig) -> Model:
    """Qwen3: Llama with norms on each query and key head."""
    model = _llama_like(c, context=32_768, head_width=128)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    return _qwen_windows(c, _biased(model, qkv=bias, output=bias))


def qwen3_moe(c: HfConfig) -> Model:
    """Qwen3 with routed experts."""
    model = _llama_like(c, context=32_768, kv_heads=4)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    model["experts"] = {
        **_experts(
            c, c.whole("num_experts", "num_local_experts", default=128),
            c.whole("num_experts_per_tok", default=8),
            c.whole("moe_intermediate_size", default=768),
        ),
        "layers": _sparse_layers(c, model["layers"]),
    }  # fmt: skip
    return _without_empty_experts(_qwen_windows(c, _biased(model, qkv=bias, output=bias)))


def gemma(c: HfConfig) -> Model:
    """Gemma: Llama with heads of their own width and a tied head."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=16)
    model["norms"]["unit_offset"] = True
    bias = c.flag("attention_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def gemma2(c: HfConfig) -> Model:
    """Gemma 2: four norms a block, every other layer windowed, beginning with the first."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=4)
    model["norms"] |= {"per_block": 4, "unit_offset": True}
    half = (model["layers"] + 1) // 2
    model["attention"] |= _windows(c, model["layers"], window=4096, windowed=half)
    bias = c.flag("attention_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def gemma3_text(c: HfConfig) -> Model:
    """Gemma 3: Gemma 2 with norms on queries and keys; five windowed layers to a full one."""
    model = _base(c, context=131_072, vocabulary=262_208)
    every = c.whole("sliding_window_pattern", default=6)
    windowed = model["layers"] - model["layers"] // every
    return {
        **model,
        "attention": {
            **_grouped(c, heads=8, kv_heads=4, head_width=256),
            **_windows(c, model["layers"], window=4096, windowed=windowed),
            **dict.fromkeys(("qkv_bias", "output_bias"), c.flag("attention_bias", default=False)),
            "qk_norm": "head",
        },
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": {**_RMSNORM, "per_block": 4, "unit_offset": True},
        "positions": dict(_ROTARY),
        "head": _tied(c, default=True),
    }


def phi3(c: HfConfig) -> Model:
    """Phi-3 and Phi-4: Llama with fused projections, which count the same."""
    model = _llama_like(c, context=4096)
    model["attention"] |= _windows(c, model["layers"], window=None, windowed=model["layers"])
    return model


def smollm3(c: HfConfig) -> Model:
    """SmolLM3: Llama with a tied head; some layers leave the rotation out."""
    model = _llama_like(c, context=32_768, tied=True, kv_heads=4)
    bias = c.flag("attention_bias", default=False)
    model["ffn"]["bias"] = c.flag("mlp_bias", default=False)
    if c.flag("use_sliding_window", default=False):
        model["attention"] |= _windows(c, model["layers"], window=None, windowed=model["layers"])
    return _biased(model, qkv=bias, output=bias)


def olmo(c: HfConfig) -> Model:
    """OLMo: Llama with norms that hold nothing."""
    model = _llama_like(c, context=2048)
    model["norms"] = {"kind": "layernorm", "weight": False}
    bias = c.flag("attention_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def olmo2(c: HfConfig) -> Model:
    """OLMo 2: norms behind attention and network, and on whole query and key projections."""
    model = _llama_like(c, context=2048)
    model["attention"]["qk_norm"] = "projection"
    bias = c.flag("attention_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def olmoe(c: HfConfig) -> Model:
    """OLMoE: OLMo 2's attention with experts in every layer."""
    model = olmo2(c)
    model["context"] = c.whole("max_position_embeddings", default=4096)
    model["experts"] = _experts(
        c, c.whole("num_experts", default=64), c.whole("num_experts_per_tok", default=8),
        model["ffn"]["width"],
    )  # fmt: skip
    return model


def stablelm(c: HfConfig) -> Model:
    """StableLM: LayerNorm with a gated network; one norm when the branches are parallel."""
    model = _llama_like(c, context=4096, kv_heads=32)
    parallel = c.flag("use_parallel_residual", default=False)
    model["norms"] = {**_LAYERNORM, "per_block": 1 if parallel else 2}
    if c.flag("qk_layernorm", default=False):
        model["attention"]["qk_norm"] = "projection"
    return _biased(model, qkv=c.flag("use_qkv_bias", default=False), output=False)


def starcoder2(c: HfConfig) -> Model:
    """StarCoder2: LayerNorm, a plain network and biases, rotary positions."""
    model = _llama_like(c, context=4096, tied=True, kv_heads=2)
    bias = c.flag("use_bias", default=True)
    model["ffn"] |= {"gated": False, "bias": bias}
    model["norms"] = dict(_LAYERNORM)
    model["attention"] |= _windows(c, model["layers"], window=None, windowed=model["layers"])
    return _biased(model, qkv=bias, output=bias)


def phi(c: HfConfig) -> Model:
    """Phi-1 to Phi-2: parallel branches behind one norm, biases everywhere, also on the head."""
    model = _llama_like(c, context=2048)
    model["ffn"] |= {"gated": False, "bias": True}
    model["norms"] = {**_LAYERNORM, "per_block": 1}
    model["head"]["bias"] = True
    if c.flag("qk_layernorm", default=False):
        model["attention"] |= {"qk_norm": "head", "qk_norm_bias": True}
    return _biased(model, qkv=True, output=True)


def _gpt_like(c: HfConfig, *, context: int) -> Model:
    """GPT-2: LayerNorm before attention and a plain network, biases, learned positions."""
    return {
        **_base(c, context=context),
        "attention": {"heads": _heads(c), "qkv_bias": True, "output_bias": True},
        "ffn": {
            "width": c.optional_whole("n_inner", "intermediate_size", "ffn_dim"),
            "gated": False,
            "bias": True,
        },
        "norms": dict(_LAYERNORM),
        "positions": dict(_LEARNED),
        "head": _tied(c, default=True),
    }


def gpt2(c: HfConfig) -> Model:
    """GPT-2 and GPT-3."""
    return _gpt_like(c, context=1024)


def gpt_bigcode(c: HfConfig) -> Model:
    """StarCoder: GPT-2 with one key/value head."""
    model = _gpt_like(c, context=1024)
    if c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    return model


def gpt_neo(c: HfConfig) -> Model:
    """GPT-Neo: GPT-2 without biases on queries, keys and values; layers alternate."""
    model = _gpt_like(c, context=2048)
    model["attention"] |= {"window": c.whole("window_size", default=256), **_neo_pattern(c, model)}
    return _biased(model, qkv=False, output=True)


def _neo_pattern(c: HfConfig, model: Model) -> Model:
    """How many layers of ``[[["global", "local"], 12]]`` are local."""
    pattern = c.raw("attention_types")
    if pattern is None:
        return {"windowed_layers": model["layers"] // 2}
    try:
        kinds = [kind for group, times in pattern for kind in list(group) * int(times)]
        local = kinds.count("local")
    except (TypeError, ValueError, OverflowError, MemoryError):
        raise c.fault("attention_types", "is not a list of patterns and repetitions") from None
    if len(kinds) != model["layers"]:
        raise c.fault("attention_types", f"lists {len(kinds)} layers, num_layers {model['layers']}")
    return {"windowed_layers": local} if local else {"window": None}


def gptj(c: HfConfig) -> Model:
    """GPT-J: parallel branches behind one norm, rotary positions, a biased head."""
    model = _gpt_like(c, context=2048)
    model["norms"]["per_block"] = 1
    model["positions"] = dict(_ROTARY)
    model["head"] = {**_tied(c, default=False), "bias": True}
    return _biased(model, qkv=False, output=False)


def gpt_neox(c: HfConfig) -> Model:
    """GPT-NeoX and Pythia: rotary positions, an untied head."""
    model = _gpt_like(c, context=2048)
    model["positions"] = dict(_ROTARY)
    model["head"] = _tied(c, default=False)
    bias = c.flag("attention_bias", default=True)
    return _biased(model, qkv=bias, output=bias)


def opt(c: HfConfig) -> Model:
    """OPT: GPT-2 with two extra position rows; OPT-350M embeds in another width."""
    model = _gpt_like(c, context=2048)
    before = c.flag("do_layer_norm_before", default=True)
    model["norms"] |= {
        "final": before and not c.flag("_remove_final_layer_norm", default=False),
        "weight": (affine := c.flag("layer_norm_elementwise_affine", default=True)),
        "bias": affine,
    }
    model["positions"]["extra_rows"] = 2
    embedding = c.optional_whole("word_embed_proj_dim") or model["width"]
    if embedding != model["width"]:
        model["embedding_width"] = embedding
    bias = c.flag("enable_bias", default=True)
    model["ffn"]["bias"] = bias
    return _biased(model, qkv=bias, output=bias)


def bloom(c: HfConfig) -> Model:
    """BLOOM: GPT-2 with ALiBi and a norm behind the embedding."""
    model = _gpt_like(c, context=2048)
    model["positions"] = {"kind": "alibi"}
    model["norms"]["embedding"] = True
    return model


def falcon(c: HfConfig) -> Model:
    """Falcon: parallel branches; multi-query, or grouped in the newer form."""
    model = _gpt_like(c, context=2048)
    newer = c.flag("new_decoder_architecture", default=False)
    parallel = c.flag("parallel_attn", default=True)
    bias = c.flag("bias", default=False)
    heads = model["attention"]["heads"]
    if newer:
        model["attention"]["kv_heads"] = c.whole("num_kv_heads", default=heads)
    elif c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    two = c.optional_whole("num_ln_in_parallel_attn") or (2 if newer else 1)
    model["norms"]["per_block"] = two if newer or parallel else 2
    model["ffn"] |= {"width": c.optional_whole("ffn_hidden_size"), "bias": bias}
    alibi = c.flag("alibi", default=False)
    model["positions"] = {"kind": "alibi" if alibi else "rotary"}
    return _biased(model, qkv=bias, output=bias)


def mpt(c: HfConfig) -> Model:
    """MPT: ALiBi, no biases at all, a tied head."""
    width = _width(c)
    return {
        **_base(c, context=2048),
        "attention": {"heads": _heads(c), "qkv_bias": False, "output_bias": False},
        "ffn": {
            "width": int(c.number("expansion_ratio", default=4) * width),
            "gated": False,
            "bias": False,
        },
        "norms": {"kind": "layernorm"},
        "positions": {"kind": "alibi"},
        "head": _tied(c, default=True),
    }


def _latent(c: HfConfig) -> Model:
    """DeepSeek's multi-head latent attention."""
    bias = c.flag("attention_bias", default=False)
    return {
        "heads": _heads(c),
        "qkv_bias": bias,
        "output_bias": bias,
        "latent": {
            "query_rank": c.optional_whole("q_lora_rank"),
            "kv_rank": c.whole("kv_lora_rank", default=512),
            "nope_width": c.whole("qk_nope_head_dim", default=128),
            "rope_width": c.whole("qk_rope_head_dim", default=64),
            "value_width": c.whole("v_head_dim", default=128),
        },
    }


def deepseek_v2(c: HfConfig) -> Model:
    """DeepSeek-V2: latent attention, leading dense layers, then routed and shared experts."""
    model = {
        **_base(c, context=2048),
        "attention": _latent(c),
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": dict(_RMSNORM),
        "positions": dict(_ROTARY),
        "head": _tied(c, default=False),
    }
    experts = c.optional_whole("n_routed_experts")
    if experts is None:
        return model
    width = c.whole("moe_intermediate_size")
    shared = c.count("n_shared_experts", default=0)
    dense = c.count("first_k_dense_replace", default=0)
    every = c.whole("moe_layer_freq", default=1)
    if dense > model["layers"]:
        raise c.fault(
            "first_k_dense_replace", f"{dense} is more than num_hidden_layers {model['layers']}"
        )
    model["experts"] = {
        **_experts(c, experts, c.whole("num_experts_per_tok"), width),
        "layers": sum(layer % every == 0 for layer in range(dense, model["layers"])),
        "shared_width": shared * width or None,
    }
    return _without_empty_experts(model)


def deepseek_v3(c: HfConfig) -> Model:
    """DeepSeek-V3: V2 with a balancing term for each expert in the checkpoint."""
    model = deepseek_v2(c)
    if "experts" in model:
        model["experts"]["correction_bias"] = True
    return model


def gpt_oss(c: HfConfig) -> Model:
    """gpt-oss: biases everywhere, attention sinks, experts, every other layer windowed."""
    model = _llama_like(c, context=131_072, head_width=64, kv_heads=8)
    half = (model["layers"] + 1) // 2
    model["attention"] |= {
        **_windows(c, model["layers"], window=128, windowed=half),
        "sinks": True,
    }
    model["experts"] = {
        **_experts(
            c, c.whole("num_local_experts", default=128),
            c.whole("num_experts_per_tok", "experts_per_token", default=4), model["ffn"]["width"],
        ),
        "bias": True,
        "router_bias": True,
    }  # fmt: skip
    bias = c.flag("attention_bias", default=True)
    return _biased(model, qkv=bias, output=bias)


def _experts(c: HfConfig, count: int, active: int, width: int) -> Model:
    if active > count:
        raise c.fault("num_experts_per_tok", f"{active} is more than the {count} experts there are")
    return {"count": count, "active": active, "width": width}


def _sparse_layers(c: HfConfig, layers: int) -> int:
    """Layers with experts: every ``decoder_sparse_step``-th that is not listed as dense."""
    step = c.whole("decoder_sparse_step", default=1)
    dense = set(c.numbers("mlp_only_layers"))
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))


def _without_empty_experts(model: Model) -> Model:
    """A model none of whose layers has experts is a dense model."""
    if not model["experts"]["layers"]:
        del model["experts"]
    return model


FAMILIES: dict[str, Callable[[HfConfig], Model]] = {
    "bloom": bloom,
    "deepseek_v2": deepseek_v2,
    "deepseek_v3": deepseek_v3,
    "falcon": falcon,
    "gemma": gemma,
    "gemma2": gemma2,
    "gemma3_text": gemma3_text,
    "gpt2": gpt2,
    "gpt_bigcode": gpt_bigcode,
    "gpt_neo": gpt_neo,
    "gpt_neox": gpt_neox,
    "gpt_oss": gpt_oss,
    "gptj": gptj,
    "llama": llama,
    "mistral": mistral,
    "mixtral": mixtral,
    "mpt": mpt,
    "olmo": olmo,
    "olmo2": olmo2,
    "olmoe": olmoe,
    "opt": opt,
    "phi": phi,
    "phi3": phi3,
    "qwen2": qwen2,
    "qwen2_moe": qwen2_moe,
    "qwen3": qwen3,
    "qwen3_moe": qwen3_moe,
    "smollm3": smollm3,
    "stablelm": stablelm,
    "starcoder2": starcoder2,
}
"""How each model type is read; ``gemma3`` holds a ``gemma3_text`` in its ``text_config``."""

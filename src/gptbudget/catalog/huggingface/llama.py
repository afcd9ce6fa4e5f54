"""Llama and DeepSeek kin: gated networks, grouped or latent attention, with or without experts."""

from collections.abc import Callable
from typing import Any

from gptbudget.catalog.huggingface.config import (
    LAYERNORM,
    RMSNORM,
    ROTARY,
    HfConfig,
    Model,
    biased,
    composed_activation,
    grouped_attention,
    head_count,
    routed_experts,
    sizes,
    sliding_windows,
    sparse_layers,
    tied_head,
    with_biases,
    without_empty_experts,
)


def _llama_like(c: HfConfig, *, context: int, tied: bool = False, **grouped: Any) -> Model:
    """RMSNorm before attention and a gated network, rotary positions, no biases."""
    model = sizes(c, context=context)
    grouped.setdefault("kv_heads", None)
    return {
        **model,
        "attention": grouped_attention(c, model["width"], **grouped),
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": dict(RMSNORM),
        "positions": dict(ROTARY),
        "head": tied_head(c, default=tied),
    }


def llama(c: HfConfig) -> Model:
    """Llama, and everything that is published as it."""
    model = _llama_like(c, context=2048, divides=True)
    model["ffn"]["bias"] = c.flag("mlp_bias", default=False)
    return biased(c, model)


def mistral(c: HfConfig) -> Model:
    """Mistral: Llama with a window in every layer."""
    model = _llama_like(c, context=131_072, kv_heads=8)
    model["attention"] |= sliding_windows(c, model["layers"], window=4096, windowed=model["layers"])
    return model


def mixtral(c: HfConfig) -> Model:
    """Mixtral: Mistral with experts in every layer, and a window only where one is given."""
    model = _llama_like(c, context=131_072, kv_heads=8)
    model["attention"] |= sliding_windows(c, model["layers"], window=None, windowed=model["layers"])
    count = c.whole("num_local_experts", "num_experts", default=8)
    model["experts"] = routed_experts(
        c, count, c.whole("num_experts_per_tok", default=2), model["ffn"]["width"]
    )
    return model


def qwen2(c: HfConfig) -> Model:
    """Qwen2: Llama with biases on queries, keys and values; late layers may be windowed."""
    return _late_windows(
        c, with_biases(_llama_like(c, context=32_768, kv_heads=32), qkv=True, output=False)
    )


def _late_windows(c: HfConfig, model: Model) -> Model:
    late = c.count("max_window_layers", default=28)
    return _switched_windows(c, model, 4096, max(0, model["layers"] - late))


def _switched_windows(c: HfConfig, model: Model, window: int | None, windowed: int) -> Model:
    """Windows that a switch turns on."""
    if c.flag("use_sliding_window", default=False):
        model["attention"] |= sliding_windows(c, model["layers"], window=window, windowed=windowed)
    return model


def qwen2_moe(c: HfConfig) -> Model:
    """Qwen2 with routed experts and a gated shared one; every other early layer windowed."""
    model = with_biases(
        _llama_like(c, context=32_768, kv_heads=16),
        qkv=c.flag("qkv_bias", default=True),
        output=False,
    )
    early = min(c.count("max_window_layers", default=28), model["layers"])
    model = _switched_windows(c, model, 4096, (early + 1) // 2)
    model["experts"] = {
        **routed_experts(
            c, c.whole("num_experts", default=60), c.whole("num_experts_per_tok", default=4),
            c.whole("moe_intermediate_size", default=1408),
        ),
        "layers": sparse_layers(c, model["layers"]),
        "shared_width": c.whole("shared_expert_intermediate_size", default=5632),
        "shared_gate": True,
    }  # fmt: skip
    return without_empty_experts(model)


def qwen3(c: HfConfig) -> Model:
    """Qwen3: Llama with norms on each query and key head."""
    model = _llama_like(c, context=32_768, head_width=128, kv_heads=32)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    return _late_windows(c, with_biases(model, qkv=bias, output=bias))


def qwen3_moe(c: HfConfig) -> Model:
    """Qwen3 with routed experts; a window, when switched on, is in every layer."""
    model = _llama_like(c, context=32_768, kv_heads=4)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    model = _switched_windows(c, with_biases(model, qkv=bias, output=bias), 4096, model["layers"])
    count = c.count("num_experts", "num_local_experts", default=128)
    if not count:
        return model
    model["experts"] = {
        **routed_experts(
            c, count, c.whole("num_experts_per_tok", default=8),
            c.whole("moe_intermediate_size", default=768),
        ),
        "layers": sparse_layers(c, model["layers"]),
    }  # fmt: skip
    return without_empty_experts(model)


def gemma(c: HfConfig) -> Model:
    """Gemma: Llama with heads of their own width and a tied head."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=16)
    model["norms"]["unit_offset"] = True
    return biased(c, model)


def gemma2(c: HfConfig) -> Model:
    """Gemma 2: four norms a block, every other layer windowed, beginning with the first."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=4, divides=True)
    model["norms"] |= {"per_block": 4, "unit_offset": True}
    half = (model["layers"] + 1) // 2
    model["attention"] |= sliding_windows(c, model["layers"], window=4096, windowed=half)
    return biased(c, model)


def gemma3_text(c: HfConfig) -> Model:
    """Gemma 3: Gemma 2 with norms on queries and keys; five windowed layers to a full one."""
    model = sizes(c, context=131_072, vocabulary=262_208)
    every = c.whole("sliding_window_pattern", default=6)
    windowed = model["layers"] - model["layers"] // every
    return {
        **model,
        "attention": {
            **grouped_attention(
                c, model["width"], heads=8, kv_heads=4, head_width=256, divides=True
            ),
            **sliding_windows(c, model["layers"], window=4096, windowed=windowed),
            **dict.fromkeys(("qkv_bias", "output_bias"), c.flag("attention_bias", default=False)),
            "qk_norm": "head",
        },
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": {**RMSNORM, "per_block": 4, "unit_offset": True},
        "positions": dict(ROTARY),
        "head": tied_head(c, default=True),
    }


def phi3(c: HfConfig) -> Model:
    """Phi-3 and Phi-4: Llama with fused projections, which count the same."""
    model = _llama_like(c, context=4096)
    model["attention"] |= sliding_windows(c, model["layers"], window=None, windowed=model["layers"])
    return model


def smollm3(c: HfConfig) -> Model:
    """SmolLM3: Llama with a tied head; some layers leave the rotation out."""
    model = _llama_like(c, context=32_768, tied=True, kv_heads=4)
    model["ffn"]["bias"] = c.flag("mlp_bias", default=False)
    unrotated = _unrotated_layers(c, model["layers"])
    model = _switched_windows(c, model, None, unrotated)
    return biased(c, model)


def _unrotated_layers(c: HfConfig, layers: int) -> int:
    """Layers without rotation, which are those that may be windowed: every fourth, or listed."""
    listed = c.numbers("no_rope_layers")
    if listed:
        return listed.count(0)
    return layers // c.whole("no_rope_layer_interval", default=4)


def olmo(c: HfConfig) -> Model:
    """OLMo: Llama with norms that hold nothing."""
    model = _llama_like(c, context=2048)
    model["norms"] = {"kind": "layernorm", "weight": False}
    return biased(c, model)


def olmo2(c: HfConfig) -> Model:
    """OLMo 2: norms behind attention and network, and on whole query and key projections."""
    model = _llama_like(c, context=2048)
    model["attention"]["qk_norm"] = "projection"
    return biased(c, model)


def olmoe(c: HfConfig) -> Model:
    """OLMoE: OLMo 2's attention with experts in every layer."""
    model = olmo2(c)
    model["context"] = c.whole("max_position_embeddings", default=4096)
    model["experts"] = routed_experts(
        c, c.whole("num_experts", default=64), c.whole("num_experts_per_tok", default=8),
        model["ffn"]["width"],
    )  # fmt: skip
    return model


def stablelm(c: HfConfig) -> Model:
    """StableLM: LayerNorm with a gated network; one norm when the branches are parallel."""
    model = _llama_like(c, context=4096, kv_heads=32, fixed=True)
    parallel = c.flag("use_parallel_residual", default=False)
    model["norms"] = {**LAYERNORM, "per_block": 1 if parallel else 2}
    if c.flag("qk_layernorm", default=False):
        model["attention"]["qk_norm"] = "projection"
    return with_biases(model, qkv=c.flag("use_qkv_bias", default=False), output=False)


def starcoder2(c: HfConfig) -> Model:
    """StarCoder2: LayerNorm, a plain network and biases, rotary positions."""
    model = _llama_like(c, context=4096, tied=True, kv_heads=2)
    bias = c.flag("use_bias", default=True)
    model["ffn"] |= {"gated": False, "bias": bias}
    model["norms"] = dict(LAYERNORM)
    model["attention"] |= sliding_windows(c, model["layers"], window=None, windowed=model["layers"])
    return with_biases(model, qkv=bias, output=bias)


def phi(c: HfConfig) -> Model:
    """Phi-1 to Phi-2: parallel branches behind one norm, biases everywhere, also on the head."""
    model = _llama_like(c, context=2048)
    model["ffn"] |= {"gated": False, "bias": True, **composed_activation(c, "hidden_act")}
    model["norms"] = {**LAYERNORM, "per_block": 1}
    model["head"]["bias"] = True
    if c.flag("qk_layernorm", default=False):
        model["attention"] |= {"qk_norm": "head", "qk_norm_bias": True}
    return with_biases(model, qkv=True, output=True)


def gpt_oss(c: HfConfig) -> Model:
    """gpt-oss: biases everywhere, attention sinks, experts, every other layer windowed."""
    model = _llama_like(c, context=131_072, head_width=64, kv_heads=8)
    half = (model["layers"] + 1) // 2
    model["attention"] |= {
        **sliding_windows(c, model["layers"], window=128, windowed=half),
        "sinks": True,
    }
    model["experts"] = {
        **routed_experts(
            c, c.whole("num_local_experts", "num_experts", default=128),
            c.whole("num_experts_per_tok", "experts_per_token", default=4), model["ffn"]["width"],
        ),
        "bias": True,
        "router_bias": True,
    }  # fmt: skip
    return biased(c, model, default=True)


def _latent(c: HfConfig, width: int, *, divides: bool) -> Model:
    """DeepSeek's multi-head latent attention; without a query rank where that is null."""
    bias = c.flag("attention_bias", default=False)
    rank = c.whole("q_lora_rank", default=1536)
    return {
        "heads": head_count(c, width, own=not divides),
        "qkv_bias": bias,
        "output_bias": bias,
        "latent": {
            "query_rank": None if c.is_null("q_lora_rank") else rank,
            "kv_rank": c.whole("kv_lora_rank", default=512),
            "nope_width": c.whole("qk_nope_head_dim", default=128),
            "rope_width": c.whole("qk_rope_head_dim", default=64),
            "value_width": c.whole("v_head_dim", default=128),
        },
    }


def _deepseek(c: HfConfig, *, context: int, divides: bool, **experts: int | None) -> Model:
    """Latent attention, leading dense layers, then routed and shared experts."""
    model = sizes(c, context=context)
    dense = c.count("first_k_dense_replace", default=experts["dense"] or 0)
    if dense > model["layers"]:
        raise c.fault(
            "first_k_dense_replace", f"{dense} is more than num_hidden_layers {model['layers']}"
        )
    count = c.whole(
        "n_routed_experts", "num_experts", "num_local_experts", default=experts["count"]
    )
    width = c.whole("moe_intermediate_size", default=experts["width"])
    shared = c.count("n_shared_experts", default=experts["shared"] or 0)
    model |= {
        "attention": _latent(c, model["width"], divides=divides),
        "ffn": {"width": c.whole("intermediate_size"), "gated": True, "bias": False},
        "norms": dict(RMSNORM),
        "positions": dict(ROTARY),
        "head": tied_head(c, default=False),
        "experts": {
            **routed_experts(
                c, count, c.whole("num_experts_per_tok", default=experts["active"]), width
            ),
            "layers": model["layers"] - dense,
            "shared_width": shared * width or None,
        },
    }
    return without_empty_experts(model)


def deepseek_v2(c: HfConfig) -> Model:
    """DeepSeek-V2."""
    if c.flag("mlp_bias", default=False):
        raise c.fault("mlp_bias", "true is not supported")
    return _deepseek(
        c, context=2048, divides=True, dense=0, count=64, active=None, shared=2, width=1407
    )


def deepseek_v3(c: HfConfig) -> Model:
    """DeepSeek-V3: V2 with a balancing term for each expert in the checkpoint."""
    model = _deepseek(
        c, context=4096, divides=False, dense=3, count=256, active=8, shared=1, width=2048
    )
    if "experts" in model:
        model["experts"]["correction_bias"] = True
    return model


FAMILIES: tuple[Callable[[HfConfig], Model], ...] = (
    llama,
    mistral,
    mixtral,
    qwen2,
    qwen2_moe,
    qwen3,
    qwen3_moe,
    gemma,
    gemma2,
    gemma3_text,
    phi3,
    smollm3,
    olmo,
    olmo2,
    olmoe,
    stablelm,
    starcoder2,
    phi,
    gpt_oss,
    deepseek_v2,
    deepseek_v3,
)
"""Each is called as its ``model_type``."""

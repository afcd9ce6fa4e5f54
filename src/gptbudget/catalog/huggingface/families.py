"""What each ``model_type`` of the transformers library builds from its config.

One function a family returns plain data for :class:`gptbudget.specs.model.ModelSpec`.
Where a key is missing, the default is that of the library's config class of the type
(transformers 5.x, ``src/transformers/models/<type>/configuration_<type>.py``; the tensors
are those of ``modeling_<type>.py`` beside it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gptbudget.catalog.huggingface.config import HfConfig, shown

Model = dict[str, Any]

_MOST_LAYERS = 100_000
_LAYER_TYPES = ("full_attention", "sliding_attention")
_NEO_TYPES = {"global", "local"}
_NEO_EXAMPLE = '[[["global", "local"], 12]]'
_LAYERNORM = {"kind": "layernorm", "bias": True}
_RMSNORM = {"kind": "rmsnorm"}
_LEARNED = {"kind": "learned"}
_ROTARY = {"kind": "rotary"}


class Names(NamedTuple):
    """What a family calls its sizes; the first name is its own, the others are understood."""

    layers: tuple[str, ...] = ("num_hidden_layers",)
    width: tuple[str, ...] = ("hidden_size",)
    heads: tuple[str, ...] = ("num_attention_heads",)
    context: tuple[str, ...] = ("max_position_embeddings",)
    ffn: str | None = "intermediate_size"


_USUAL = Names()
_GPT2 = Names(
    ("n_layer", "num_hidden_layers"),
    ("n_embd", "hidden_size"),
    ("n_head", "num_attention_heads"),
    ("n_positions", "max_position_embeddings"),
    "n_inner",
)
_NEO = Names(("num_layers", "num_hidden_layers"), heads=("num_heads", "num_attention_heads"))
_OPT = Names(ffn="ffn_dim")
_BLOOM = Names(
    ("n_layer", "num_hidden_layers"),
    ("hidden_size", "n_embed"),
    ("n_head", "num_attention_heads"),
    ("seq_length",),
    ffn=None,
)
_FALCON = Names(
    ("num_hidden_layers", "n_layer"),
    ("hidden_size", "n_embed"),
    ("num_attention_heads", "n_head"),
    ffn="ffn_hidden_size",
)
_MPT = Names(
    ("n_layers", "num_hidden_layers"),
    ("d_model", "hidden_size"),
    ("n_heads", "num_attention_heads"),
    ("max_seq_len",),
    ffn=None,
)


def _heads(
    c: HfConfig, width: int, names: Names = _USUAL, *, default: int | None = None, own: bool = False
) -> int:
    """Heads, which divide the width unless they have a width of their own."""
    heads = c.whole(*names.heads, default=default)
    if not own and width % heads:
        raise c.fault(names.heads[0], f"{heads} does not divide {names.width[0]} {width}")
    return heads


def _tied(c: HfConfig, *, default: bool) -> Model:
    return {"tied": c.flag("tie_word_embeddings", default=default)}


def _base(
    c: HfConfig, names: Names = _USUAL, *, context: int, vocabulary: int | None = None
) -> Model:
    """Sizes that every family has."""
    return {
        "layers": c.whole(*names.layers, most=_MOST_LAYERS),
        "width": c.whole(*names.width),
        "vocabulary": c.whole("vocab_size", default=vocabulary),
        "context": c.whole(*names.context, default=context),
    }


def _grouped(
    c: HfConfig,
    width: int,
    *,
    kv_heads: int | None,
    heads: int | None = None,
    head_width: int | None = None,
    fixed: bool = False,
    divides: bool = False,
) -> Model:
    """Heads, key/value heads and head width; ``fixed``: the family has no width of its own.

    Where ``num_key_value_heads`` is missing it is the default of the class, where it is null
    (or has no default) as many as heads.
    """
    own = None if fixed else c.optional_whole("head_dim") or head_width
    count = _heads(c, width, default=heads, own=own is not None and not divides)
    return {
        "heads": count,
        "kv_heads": _kv_heads(c, "num_key_value_heads", count, kv_heads),
        "head_width": own,
        "qkv_bias": False,
        "output_bias": False,
    }


def _kv_heads(c: HfConfig, key: str, heads: int, default: int | None) -> int:
    given = c.optional_whole(key)
    count = given or (heads if default is None or c.is_null(key) else default)
    told = str(count) if given else f"is missing, and its default {count}"
    if count > heads:
        raise c.fault(key, f"{told} is more than num_attention_heads {heads}")
    if heads % count:
        raise c.fault(key, f"{told} does not divide num_attention_heads {heads}")
    return count


def _windows(c: HfConfig, layers: int, *, window: int | None, windowed: int) -> Model:
    """Sliding windows: how wide, and in how many layers (listed, or the family's pattern).

    A missing ``sliding_window`` is the default of the class; with null there is none.
    """
    width = c.optional_whole("sliding_window") or window
    kinds = c.words("layer_types")
    if kinds is not None:
        for kind in kinds:
            if kind not in _LAYER_TYPES:
                raise c.fault("layer_types", f"{shown(kind)} is not one of {_LAYER_TYPES}")
        if len(kinds) != layers:
            raise c.fault("layer_types", f"lists {len(kinds)} layers, num_hidden_layers {layers}")
        windowed = kinds.count("sliding_attention")
    if width is None or c.is_null("sliding_window") or not windowed:
        return {}
    return {"window": width, "windowed_layers": windowed}


def _llama_like(c: HfConfig, *, context: int, tied: bool = False, **grouped: Any) -> Model:
    """RMSNorm before attention and a gated network, rotary positions, no biases."""
    model = _base(c, context=context)
    grouped.setdefault("kv_heads", None)
    return {
        **model,
        "attention": _grouped(c, model["width"], **grouped),
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
    model = _llama_like(c, context=2048, divides=True)
    bias = c.flag("attention_bias", default=False)
    model["ffn"]["bias"] = c.flag("mlp_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def mistral(c: HfConfig) -> Model:
    """Mistral: Llama with a window in every layer."""
    model = _llama_like(c, context=131_072, kv_heads=8)
    model["attention"] |= _windows(c, model["layers"], window=4096, windowed=model["layers"])
    return model


def mixtral(c: HfConfig) -> Model:
    """Mixtral: Mistral with experts in every layer, and a window only where one is given."""
    model = _llama_like(c, context=131_072, kv_heads=8)
    model["attention"] |= _windows(c, model["layers"], window=None, windowed=model["layers"])
    count = c.whole("num_local_experts", "num_experts", default=8)
    model["experts"] = _experts(
        c, count, c.whole("num_experts_per_tok", default=2), model["ffn"]["width"]
    )
    return model


def qwen2(c: HfConfig) -> Model:
    """Qwen2: Llama with biases on queries, keys and values; late layers may be windowed."""
    return _late_windows(
        c, _biased(_llama_like(c, context=32_768, kv_heads=32), qkv=True, output=False)
    )


def _late_windows(c: HfConfig, model: Model) -> Model:
    late = c.count("max_window_layers", default=28)
    return _switched_windows(c, model, 4096, max(0, model["layers"] - late))


def _switched_windows(c: HfConfig, model: Model, window: int | None, windowed: int) -> Model:
    """Windows that a switch turns on."""
    if c.flag("use_sliding_window", default=False):
        model["attention"] |= _windows(c, model["layers"], window=window, windowed=windowed)
    return model


def qwen2_moe(c: HfConfig) -> Model:
    """Qwen2 with routed experts and a gated shared one; every other early layer windowed."""
    model = _biased(
        _llama_like(c, context=32_768, kv_heads=16),
        qkv=c.flag("qkv_bias", default=True),
        output=False,
    )
    early = min(c.count("max_window_layers", default=28), model["layers"])
    model = _switched_windows(c, model, 4096, (early + 1) // 2)
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
    model = _llama_like(c, context=32_768, head_width=128, kv_heads=32)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    return _late_windows(c, _biased(model, qkv=bias, output=bias))


def qwen3_moe(c: HfConfig) -> Model:
    """Qwen3 with routed experts; a window, when switched on, is in every layer."""
    model = _llama_like(c, context=32_768, kv_heads=4)
    bias = c.flag("attention_bias", default=False)
    model["attention"]["qk_norm"] = "head"
    model = _switched_windows(c, _biased(model, qkv=bias, output=bias), 4096, model["layers"])
    count = c.count("num_experts", "num_local_experts", default=128)
    if not count:
        return model
    model["experts"] = {
        **_experts(
            c, count, c.whole("num_experts_per_tok", default=8),
            c.whole("moe_intermediate_size", default=768),
        ),
        "layers": _sparse_layers(c, model["layers"]),
    }  # fmt: skip
    return _without_empty_experts(model)


def gemma(c: HfConfig) -> Model:
    """Gemma: Llama with heads of their own width and a tied head."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=16)
    model["norms"]["unit_offset"] = True
    bias = c.flag("attention_bias", default=False)
    return _biased(model, qkv=bias, output=bias)


def gemma2(c: HfConfig) -> Model:
    """Gemma 2: four norms a block, every other layer windowed, beginning with the first."""
    model = _llama_like(c, context=8192, tied=True, head_width=256, kv_heads=4, divides=True)
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
            **_grouped(c, model["width"], heads=8, kv_heads=4, head_width=256, divides=True),
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
    unrotated = _unrotated_layers(c, model["layers"])
    model = _switched_windows(c, model, None, unrotated)
    return _biased(model, qkv=bias, output=bias)


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
    model = _llama_like(c, context=4096, kv_heads=32, fixed=True)
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


def _gpt_like(c: HfConfig, names: Names, *, context: int) -> Model:
    """GPT-2: LayerNorm before attention and a plain network, biases, learned positions."""
    model = _base(c, names, context=context)
    return {
        **model,
        "attention": {
            "heads": _heads(c, model["width"], names),
            "qkv_bias": True,
            "output_bias": True,
        },
        "ffn": {
            "width": c.optional_whole(names.ffn) if names.ffn else None,
            "gated": False,
            "bias": True,
        },
        "norms": dict(_LAYERNORM),
        "positions": dict(_LEARNED),
        "head": _tied(c, default=True),
    }


def gpt2(c: HfConfig) -> Model:
    """GPT-2 and GPT-3."""
    if c.flag("add_cross_attention", default=False):
        raise c.fault("add_cross_attention", "true belongs to an encoder-decoder model")
    return _gpt_like(c, _GPT2, context=1024)


def gpt_bigcode(c: HfConfig) -> Model:
    """StarCoder: GPT-2 with one key/value head."""
    model = gpt2(c)
    if c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    return model


def gpt_neo(c: HfConfig) -> Model:
    """GPT-Neo: GPT-2 without biases on queries, keys and values; layers alternate."""
    model = _gpt_like(c, _NEO, context=2048)
    window = c.whole("window_size", default=256)
    if local := _local_layers(c, model["layers"]):
        model["attention"] |= {"window": window, "windowed_layers": local}
    return _biased(model, qkv=False, output=True)


def _local_layers(c: HfConfig, layers: int) -> int:
    """How many layers of ``[[["global", "local"], 12]]`` are local; none is listed twice."""
    key, pattern = "attention_types", c.raw("attention_types")
    if pattern is None:
        pattern = [[["global", "local"], 12]]
    listed = local = 0
    for part in pattern if isinstance(pattern, list) else [None]:
        match part:
            case [[*kinds], int(times)] if times > 0 and {*map(str, kinds)} <= _NEO_TYPES:
                listed += len(kinds) * times
                local += kinds.count("local") * times
            case _:
                raise c.fault(key, f"a list such as {_NEO_EXAMPLE} belongs here")
    if listed != layers:
        raise c.fault(key, f"lists {listed} layers, num_layers {layers}")
    return local


def gptj(c: HfConfig) -> Model:
    """GPT-J: parallel branches behind one norm, rotary positions, a biased head."""
    model = _gpt_like(c, _GPT2, context=2048)
    model["norms"]["per_block"] = 1
    model["positions"] = dict(_ROTARY)
    model["head"] = {**_tied(c, default=False), "bias": True}
    return _biased(model, qkv=False, output=False)


def gpt_neox(c: HfConfig) -> Model:
    """GPT-NeoX and Pythia: rotary positions, an untied head."""
    model = _gpt_like(c, _USUAL, context=2048)
    model["ffn"]["width"] = c.whole("intermediate_size")
    model["positions"] = dict(_ROTARY)
    model["head"] = _tied(c, default=False)
    bias = c.flag("attention_bias", default=True)
    return _biased(model, qkv=bias, output=bias)


def opt(c: HfConfig) -> Model:
    """OPT: GPT-2 with two extra position rows; OPT-350M embeds in another width."""
    model = _gpt_like(c, _OPT, context=2048)
    model["ffn"]["width"] = c.whole("ffn_dim")
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
    model = _gpt_like(c, _BLOOM, context=2048)
    model["positions"] = {"kind": "alibi"}
    model["norms"]["embedding"] = True
    return model


def falcon(c: HfConfig) -> Model:
    """Falcon: parallel branches; multi-query, or grouped in the newer form."""
    model = _gpt_like(c, _FALCON, context=2048)
    newer = c.flag("new_decoder_architecture", default=False)
    parallel = c.flag("parallel_attn", default=True)
    bias = c.flag("bias", default=False)
    heads = model["attention"]["heads"]
    if newer:
        model["attention"]["kv_heads"] = _kv_heads(c, "num_kv_heads", heads, None)
    elif c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    two = (c.optional_whole("num_ln_in_parallel_attn") or (2 if newer else 1)) == 2  # noqa: PLR2004
    model["norms"]["per_block"] = 1 if parallel and not two else 2
    model["ffn"]["bias"] = bias
    alibi = c.flag("alibi", default=False)
    model["positions"] = {"kind": "alibi" if alibi else "rotary"}
    return _biased(model, qkv=bias, output=bias)


def mpt(c: HfConfig) -> Model:
    """MPT: ALiBi, no biases at all, a tied head; the library's network has four widths."""
    model = _gpt_like(c, _MPT, context=2048)
    model["ffn"]["bias"] = False
    model["norms"] = {"kind": "layernorm"}
    model["positions"] = {"kind": "alibi"}
    return _biased(model, qkv=False, output=False)


def _latent(c: HfConfig, width: int, *, divides: bool) -> Model:
    """DeepSeek's multi-head latent attention; without a query rank where that is null."""
    bias = c.flag("attention_bias", default=False)
    rank = c.whole("q_lora_rank", default=1536)
    return {
        "heads": _heads(c, width, own=not divides),
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
    model = _base(c, context=context)
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
        "norms": dict(_RMSNORM),
        "positions": dict(_ROTARY),
        "head": _tied(c, default=False),
        "experts": {
            **_experts(c, count, c.whole("num_experts_per_tok", default=experts["active"]), width),
            "layers": model["layers"] - dense,
            "shared_width": shared * width or None,
        },
    }
    return _without_empty_experts(model)


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
            c, c.whole("num_local_experts", "num_experts", default=128),
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

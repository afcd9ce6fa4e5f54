"""The model types of Hugging Face: a row for each, with what its config class takes for granted."""

from functools import partial
from typing import Any

from gptbudget.catalog.huggingface.config import HfConfig
from gptbudget.catalog.huggingface.family import (
    NO_BIASES,
    USUAL,
    Concepts,
    Family,
    Fields,
    Model,
    Names,
    Reader,
    biases,
    composed,
    either,
    family,
    flag,
    grouped,
    heads,
    kv_head_count,
    latent,
    optional,
    refused,
    routed,
    sparse_layers,
    whole,
    window,
)

_GPT2 = Names(
    "n_layer num_hidden_layers",
    "n_embd hidden_size",
    "n_head num_attention_heads",
    "n_positions max_position_embeddings",
)
_NEO = Names("num_layers num_hidden_layers", heads="num_heads num_attention_heads")
_BLOOM = Names(
    "n_layer num_hidden_layers", "hidden_size n_embed", "n_head num_attention_heads", "seq_length"
)
_FALCON = Names("num_hidden_layers n_layer", "hidden_size n_embed", "num_attention_heads n_head")
_MPT = Names(
    "n_layers num_hidden_layers",
    "d_model hidden_size",
    "n_heads num_attention_heads",
    "max_seq_len",
)

_LAYERNORM = {"kind": "layernorm", "bias": True}
_ROTARY = {"kind": "rotary"}
_ALIBI = {"kind": "alibi"}
_UNTIED = {"tied": flag("tie_word_embeddings")}
_TIED = {"tied": flag("tie_word_embeddings", default=True)}

_GPT: Concepts = {
    "ffn": {"width": None, "gated": False, "bias": True},
    "norms": _LAYERNORM,
    "positions": {"kind": "learned"},
    "head": _TIED,
}
_LLAMA: Concepts = {
    "ffn": {"width": whole("intermediate_size"), "gated": True, "bias": False},
    "norms": {"kind": "rmsnorm"},
    "positions": _ROTARY,
    "head": _UNTIED,
}
_llama = partial(family, _LLAMA)


def _gpt(context: int, *attention: Fields | Reader, names: Names = USUAL, **more: Any) -> Family:
    return family(_GPT, context, heads(names), *attention, names=names, **more)


_NO_ENCODER = refused("add_cross_attention", "belongs to an encoder-decoder model")
_COMPOSED = composed("activation_function")
_BIASED = biases("attention_bias")
_HEAD_NORMS = {"qk_norm": "head"}
_PROJECTION_NORMS = {"qk_norm": "projection"}

_NEO_TYPES = {"global", "local"}
_NEO_EXAMPLE = '[[["global", "local"], 12]]'


def _neo_window(c: HfConfig, model: Model) -> Model:
    """Local layers, from ``[[["global", "local"], 12]]``; none is listed twice."""
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
    if listed != model["layers"]:
        raise c.fault(key, f"lists {listed} layers, num_layers {model['layers']}")
    width = c.whole("window_size", default=256)
    return {"window": width, "windowed_layers": local} if local else {}


def _opt_final_norm(c: HfConfig, _: Model) -> bool:
    before = c.flag("do_layer_norm_before", default=True)
    return before and not c.flag("_remove_final_layer_norm", default=False)


def _opt_embedding_width(c: HfConfig, model: Model) -> int | None:
    """OPT-350M embeds in another width."""
    width = c.optional_whole("word_embed_proj_dim")
    return None if width == model["width"] else width


def _falcon_kv_heads(c: HfConfig, model: Model) -> int | None:
    """One, or in the newer form groups."""
    if c.flag("new_decoder_architecture", default=False):
        return kv_head_count(c, "num_kv_heads", model["attention"]["heads"], None)
    return 1 if c.flag("multi_query", default=True) else None


def _falcon_norms(c: HfConfig, _: Model) -> int:
    """One a block where its branches are parallel, but in the newer form."""
    newer = c.flag("new_decoder_architecture", default=False)
    parallel = c.flag("parallel_attn", default=True)
    norms = c.optional_whole("num_ln_in_parallel_attn") or (2 if newer else 1)
    return 1 if parallel and norms != 2 else 2  # noqa: PLR2004


def _late_layers(c: HfConfig, layers: int) -> int:
    return max(0, layers - c.whole("max_window_layers", default=28, least=0))


def _every_other_early_layer(c: HfConfig, layers: int) -> int:
    early = min(c.whole("max_window_layers", default=28, least=0), layers)
    return (early + 1) // 2


def _every_other_layer(_: HfConfig, layers: int) -> int:
    return (layers + 1) // 2


def _all_but_every_sixth(c: HfConfig, layers: int) -> int:
    return layers - layers // c.whole("sliding_window_pattern", default=6)


def _unrotated_layers(c: HfConfig, layers: int) -> int:
    """Layers without rotation: every fourth, or listed."""
    listed = c.items("no_rope_layers", int, "whole numbers")
    if listed:
        return listed.count(0)
    return layers // c.whole("no_rope_layer_interval", default=4)


def _deepseek_experts(
    count: int, active: int | None, width: int, *, dense: int, shared: int, **more: bool
) -> Reader:
    """Experts above some dense layers, and a network as wide as several that all tokens visit."""

    def above_dense(c: HfConfig, layers: int) -> int:
        below = c.whole("first_k_dense_replace", default=dense, least=0)
        if below > layers:
            raise c.fault(
                "first_k_dense_replace", f"{below} is more than num_hidden_layers {layers}"
            )
        return layers - below

    def shared_width(c: HfConfig, _: Model) -> int | None:
        number = c.whole("n_shared_experts", default=shared, least=0)
        return number * c.whole("moe_intermediate_size", default=width) or None

    return routed(count, active, width, above_dense, shared_width=shared_width, **more)


FAMILIES: dict[str, Family] = {
    "gpt2": _gpt(
        1024,
        _NO_ENCODER,
        names=_GPT2,
        ffn={"width": optional("n_inner"), "composed_activation": _COMPOSED},
    ),
    "gpt_bigcode": _gpt(
        1024,
        _NO_ENCODER,
        {"kv_heads": either("multi_query", 1, None, default=True)},
        names=_GPT2,
        ffn={
            "width": optional("n_inner"),
            "composed_activation": composed("activation_function", default=False),
        },
    ),
    "gpt_neo": _gpt(
        2048,
        {"qkv_bias": False},
        _neo_window,
        names=_NEO,
        ffn={"width": optional("intermediate_size"), "composed_activation": _COMPOSED},
    ),
    "gptj": _gpt(
        2048,
        NO_BIASES,
        names=_GPT2,
        ffn={"width": optional("n_inner"), "composed_activation": _COMPOSED},
        norms={"per_block": 1},
        positions=_ROTARY,
        head={**_UNTIED, "bias": True},
    ),
    "gpt_neox": _gpt(
        2048,
        biases("attention_bias", default=True),
        ffn={"width": whole("intermediate_size")},
        positions=_ROTARY,
        head=_UNTIED,
    ),
    "opt": _gpt(
        2048,
        biases("enable_bias", default=True),
        ffn={"width": whole("ffn_dim"), "bias": flag("enable_bias", default=True)},
        norms={
            "weight": flag("layer_norm_elementwise_affine", default=True),
            "bias": flag("layer_norm_elementwise_affine", default=True),
            "final": _opt_final_norm,
        },
        positions={"extra_rows": 2},
        embedding_width=_opt_embedding_width,
    ),
    "bloom": _gpt(2048, names=_BLOOM, norms={"embedding": True}, positions=_ALIBI),
    "falcon": _gpt(
        2048,
        biases("bias"),
        {"kv_heads": _falcon_kv_heads},
        names=_FALCON,
        ffn={"width": optional("ffn_hidden_size"), "bias": flag("bias")},
        norms={"per_block": _falcon_norms},
        positions={"kind": either("alibi", "alibi", "rotary")},
    ),
    "mpt": _gpt(
        2048,
        NO_BIASES,
        names=_MPT,
        ffn={"bias": False},
        norms={"bias": False},
        positions=_ALIBI,
    ),
    "llama": _llama(2048, grouped(divides=True), _BIASED, ffn={"bias": flag("mlp_bias")}),
    "mistral": _llama(131_072, grouped(8), window(4096)),
    "mixtral": _llama(131_072, grouped(8), window(), experts=routed(8, 2)),
    "qwen2": _llama(
        32_768, grouped(32), {"qkv_bias": True}, window(4096, _late_layers, switched=True)
    ),
    "qwen2_moe": _llama(
        32_768,
        grouped(16),
        {"qkv_bias": flag("qkv_bias", default=True)},
        window(4096, _every_other_early_layer, switched=True),
        experts=routed(
            60,
            4,
            1408,
            sparse_layers,
            shared_width=whole("shared_expert_intermediate_size", default=5632),
            shared_gate=True,
        ),
    ),
    "qwen3": _llama(
        32_768,
        grouped(32, head_width=128),
        _BIASED,
        _HEAD_NORMS,
        window(4096, _late_layers, switched=True),
    ),
    "qwen3_moe": _llama(
        32_768,
        grouped(4),
        _BIASED,
        _HEAD_NORMS,
        window(4096, switched=True),
        experts=routed(128, 8, 768, sparse_layers, least=0),
    ),
    "gemma": _llama(
        8192, grouped(16, head_width=256), _BIASED, norms={"unit_offset": True}, head=_TIED
    ),
    "gemma2": _llama(
        8192,
        grouped(4, head_width=256, divides=True),
        _BIASED,
        window(4096, _every_other_layer),
        norms={"per_block": 4, "unit_offset": True},
        head=_TIED,
    ),
    "gemma3_text": _llama(
        131_072,
        grouped(4, heads=8, head_width=256, divides=True),
        _BIASED,
        _HEAD_NORMS,
        window(4096, _all_but_every_sixth),
        norms={"per_block": 4, "unit_offset": True},
        head=_TIED,
        vocabulary=262_208,
    ),
    "phi3": _llama(4096, grouped(), window()),
    "smollm3": _llama(
        32_768,
        grouped(4),
        _BIASED,
        window(None, _unrotated_layers, switched=True),
        ffn={"bias": flag("mlp_bias")},
        head=_TIED,
    ),
    "olmo": _llama(2048, grouped(), _BIASED, norms={"kind": "layernorm", "weight": False}),
    "olmo2": _llama(2048, grouped(), _BIASED, _PROJECTION_NORMS),
    "olmoe": _llama(4096, grouped(), _BIASED, _PROJECTION_NORMS, experts=routed(64, 8)),
    "stablelm": _llama(
        4096,
        grouped(32, fixed=True),
        {"qkv_bias": flag("use_qkv_bias"), "qk_norm": either("qk_layernorm", "projection", "none")},
        norms={**_LAYERNORM, "per_block": either("use_parallel_residual", 1, 2)},
    ),
    "starcoder2": _llama(
        4096,
        grouped(2),
        biases("use_bias", default=True),
        window(),
        ffn={"gated": False, "bias": flag("use_bias", default=True)},
        norms=_LAYERNORM,
        head=_TIED,
    ),
    "phi": _llama(
        2048,
        grouped(),
        {"qkv_bias": True, "output_bias": True},
        {"qk_norm": either("qk_layernorm", "head", "none"), "qk_norm_bias": flag("qk_layernorm")},
        ffn={"gated": False, "bias": True, "composed_activation": composed("hidden_act")},
        norms={**_LAYERNORM, "per_block": 1},
        head={"bias": True},
    ),
    "gpt_oss": _llama(
        131_072,
        grouped(8, head_width=64),
        biases("attention_bias", default=True),
        window(128, _every_other_layer),
        {"sinks": True},
        experts=routed(128, 4, bias=True, router_bias=True),
    ),
    "deepseek_v2": _llama(
        2048,
        latent(divides=True),
        _BIASED,
        refused("mlp_bias", "is not supported"),
        experts=_deepseek_experts(64, None, 1407, dense=0, shared=2),
    ),
    "deepseek_v3": _llama(
        4096,
        latent(divides=False),
        _BIASED,
        experts=_deepseek_experts(256, 8, 2048, dense=3, shared=1, correction_bias=True),
    ),
}
"""How each model type is read; ``gemma3`` holds a ``gemma3_text`` in its ``text_config``."""

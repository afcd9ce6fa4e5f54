"""DeepSeek's models: latent attention, leading dense layers, routed and shared experts."""

from gptbudget.catalog.huggingface.config import HfConfig
from gptbudget.catalog.huggingface.shared import (
    RMSNORM,
    ROTARY,
    Model,
    head_count,
    routed_experts,
    sizes,
    tied_head,
    without_empty_experts,
)


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

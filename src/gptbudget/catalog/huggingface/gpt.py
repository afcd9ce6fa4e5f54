"""GPT-2's kin: LayerNorm and plain networks, each with names of its own for its sizes."""

from collections.abc import Callable

from gptbudget.catalog.huggingface.config import (
    LAYERNORM,
    LEARNED,
    ROTARY,
    USUAL,
    HfConfig,
    Model,
    Names,
    biased,
    composed_activation,
    head_count,
    kv_head_count,
    sizes,
    tied_head,
    with_biases,
)

_NEO_TYPES = {"global", "local"}
_NEO_EXAMPLE = '[[["global", "local"], 12]]'
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


def _gpt_like(c: HfConfig, names: Names, *, context: int) -> Model:
    """GPT-2: LayerNorm before attention and a plain network, biases, learned positions."""
    model = sizes(c, names, context=context)
    return {
        **model,
        "attention": {
            "heads": head_count(c, model["width"], names),
            "qkv_bias": True,
            "output_bias": True,
        },
        "ffn": {
            "width": c.optional_whole(names.ffn) if names.ffn else None,
            "gated": False,
            "bias": True,
        },
        "norms": dict(LAYERNORM),
        "positions": dict(LEARNED),
        "head": tied_head(c, default=True),
    }


def gpt2(c: HfConfig) -> Model:
    """GPT-2 and GPT-3."""
    model = _gpt2_like(c)
    model["ffn"] |= composed_activation(c, "activation_function")
    return model


def _gpt2_like(c: HfConfig) -> Model:
    if c.flag("add_cross_attention", default=False):
        raise c.fault("add_cross_attention", "true belongs to an encoder-decoder model")
    return _gpt_like(c, _GPT2, context=1024)


def gpt_bigcode(c: HfConfig) -> Model:
    """StarCoder: GPT-2 with one key/value head."""
    model = _gpt2_like(c)
    model["ffn"] |= composed_activation(c, "activation_function", default=False)
    if c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    return model


def gpt_neo(c: HfConfig) -> Model:
    """GPT-Neo: GPT-2 without biases on queries, keys and values; layers alternate."""
    model = _gpt_like(c, _NEO, context=2048)
    model["ffn"] |= composed_activation(c, "activation_function")
    window = c.whole("window_size", default=256)
    if local := _local_layers(c, model["layers"]):
        model["attention"] |= {"window": window, "windowed_layers": local}
    return with_biases(model, qkv=False, output=True)


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
    model["ffn"] |= composed_activation(c, "activation_function")
    model["norms"]["per_block"] = 1
    model["positions"] = dict(ROTARY)
    model["head"] = {**tied_head(c, default=False), "bias": True}
    return with_biases(model, qkv=False, output=False)


def gpt_neox(c: HfConfig) -> Model:
    """GPT-NeoX and Pythia: rotary positions, an untied head."""
    model = _gpt_like(c, USUAL, context=2048)
    model["ffn"]["width"] = c.whole("intermediate_size")
    model["positions"] = dict(ROTARY)
    model["head"] = tied_head(c, default=False)
    return biased(c, model, default=True)


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
    return with_biases(model, qkv=bias, output=bias)


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
        model["attention"]["kv_heads"] = kv_head_count(c, "num_kv_heads", heads, None)
    elif c.flag("multi_query", default=True):
        model["attention"]["kv_heads"] = 1
    two = (c.optional_whole("num_ln_in_parallel_attn") or (2 if newer else 1)) == 2  # noqa: PLR2004
    model["norms"]["per_block"] = 1 if parallel and not two else 2
    model["ffn"]["bias"] = bias
    alibi = c.flag("alibi", default=False)
    model["positions"] = {"kind": "alibi" if alibi else "rotary"}
    return with_biases(model, qkv=bias, output=bias)


def mpt(c: HfConfig) -> Model:
    """MPT: ALiBi, no biases at all, a tied head; the library's network has four widths."""
    model = _gpt_like(c, _MPT, context=2048)
    model["ffn"]["bias"] = False
    model["norms"] = {"kind": "layernorm"}
    model["positions"] = {"kind": "alibi"}
    return with_biases(model, qkv=False, output=False)


FAMILIES: tuple[Callable[[HfConfig], Model], ...] = (
    gpt2,
    gpt_bigcode,
    gpt_neo,
    gptj,
    gpt_neox,
    opt,
    bloom,
    falcon,
    mpt,
)
"""Each is called as its ``model_type``."""

"""What the families share: sizes, heads, windows and experts as plain data for a model."""

from typing import Any, NamedTuple

from gptbudget.catalog.huggingface.config import HfConfig, shown

Model = dict[str, Any]
LAYERNORM = {"kind": "layernorm", "bias": True}
RMSNORM = {"kind": "rmsnorm"}
LEARNED = {"kind": "learned"}
ROTARY = {"kind": "rotary"}
_MOST_LAYERS = 100_000
_LAYER_TYPES = ("full_attention", "sliding_attention")


class Names(NamedTuple):
    """What a family calls its sizes; the first name is its own, the others are understood."""

    layers: tuple[str, ...] = ("num_hidden_layers",)
    width: tuple[str, ...] = ("hidden_size",)
    heads: tuple[str, ...] = ("num_attention_heads",)
    context: tuple[str, ...] = ("max_position_embeddings",)
    ffn: str | None = "intermediate_size"


USUAL = Names()


def sizes(
    c: HfConfig, names: Names = USUAL, *, context: int, vocabulary: int | None = None
) -> Model:
    """Sizes that every family has."""
    return {
        "layers": c.whole(*names.layers, most=_MOST_LAYERS),
        "width": c.whole(*names.width),
        "vocabulary": c.whole("vocab_size", default=vocabulary),
        "context": c.whole(*names.context, default=context),
    }


def head_count(
    c: HfConfig, width: int, names: Names = USUAL, *, default: int | None = None, own: bool = False
) -> int:
    """Heads, which divide the width unless they have a width of their own."""
    heads = c.whole(*names.heads, default=default)
    if not own and width % heads:
        raise c.fault(names.heads[0], f"{heads} does not divide {names.width[0]} {width}")
    return heads


def kv_head_count(c: HfConfig, key: str, heads: int, default: int | None) -> int:
    """Key/value heads: as given, the default, or as many as heads; they divide the heads."""
    given = c.optional_whole(key)
    count = given or (heads if default is None or c.is_null(key) else default)
    told = str(count) if given else f"is missing, and its default {count}"
    if count > heads:
        raise c.fault(key, f"{told} is more than num_attention_heads {heads}")
    if heads % count:
        raise c.fault(key, f"{told} does not divide num_attention_heads {heads}")
    return count


def grouped_attention(
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
    count = head_count(c, width, default=heads, own=own is not None and not divides)
    return {
        "heads": count,
        "kv_heads": kv_head_count(c, "num_key_value_heads", count, kv_heads),
        "head_width": own,
        "qkv_bias": False,
        "output_bias": False,
    }


def sliding_windows(c: HfConfig, layers: int, *, window: int | None, windowed: int) -> Model:
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


def with_biases(model: Model, *, qkv: bool, output: bool) -> Model:
    """The model with or without biases in its attention."""
    model["attention"] |= {"qkv_bias": qkv, "output_bias": output}
    return model


def tied_head(c: HfConfig, *, default: bool) -> Model:
    """Whether the head is the embedding's matrix."""
    return {"tied": c.flag("tie_word_embeddings", default=default)}


def composed_activation(c: HfConfig, key: str, *, default: bool = True) -> Model:
    """Whether the library writes the activation out in elementary operations."""
    kind = c.raw(key)
    if not isinstance(kind, str | None):
        raise c.fault(key, f"a word belongs here, not {shown(kind)}")
    composed = default if kind is None else kind in {"gelu_new", "gelu_fast"}
    return {"composed_activation": True} if composed else {}


def routed_experts(c: HfConfig, count: int, active: int, width: int) -> Model:
    """Routed experts, of which each token visits a few."""
    if active > count:
        raise c.fault("num_experts_per_tok", f"{active} is more than the {count} experts there are")
    return {"count": count, "active": active, "width": width}


def sparse_layers(c: HfConfig, layers: int) -> int:
    """Layers with experts: every ``decoder_sparse_step``-th that is not listed as dense."""
    step = c.whole("decoder_sparse_step", default=1)
    dense = set(c.numbers("mlp_only_layers"))
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))


def without_empty_experts(model: Model) -> Model:
    """A model none of whose layers has experts is a dense model."""
    if not model["experts"]["layers"]:
        del model["experts"]
    return model

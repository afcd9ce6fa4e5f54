"""A model type as a row of a table, and what its cells read from a config."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gptbudget.catalog.huggingface.config import HfConfig, shown

Model = dict[str, Any]
Reader = Callable[[HfConfig, Model], Any]
"""Reads a value from a config; the model has what was read before it: sizes, then attention."""

Fields = Mapping[str, Any]
"""Fields of a concept of the model, each a value or a :data:`Reader` of one."""

Concepts = Mapping[str, Fields]
"""The network, norms, positions and head of a model."""

LayerCount = Callable[[HfConfig, int], int]
"""Reads from a config how many of all layers are of one kind."""

NO_BIASES: Fields = {"qkv_bias": False, "output_bias": False}

_MOST_LAYERS = 100_000
_LAYER_TYPES = ("full_attention", "sliding_attention")
_COUNT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts")
_ACTIVE_KEYS = ("num_experts_per_tok", "experts_per_token")


class Names(NamedTuple):
    """What a family calls its sizes: its own names first, then others that are understood."""

    layers: str = "num_hidden_layers"
    width: str = "hidden_size"
    heads: str = "num_attention_heads"
    context: str = "max_position_embeddings"


USUAL = Names()

Family = Callable[[HfConfig], Model]
"""Reads a config as the model that it describes, in the words of the catalog."""


def family(
    base: Concepts,
    context: int,
    *attention: Fields | Reader,
    names: Names = USUAL,
    vocabulary: int | None = None,
    embedding_width: Reader | None = None,
    experts: Reader | None = None,
    **changes: Fields,
) -> Family:
    """A model type with the concepts of ``base``, but for ``changes`` of their fields.

    Numbers are the defaults of the library's config class. ``attention`` is fields, or readers of
    several at once; later ones win.
    """
    concepts = {name: {**fields, **changes.get(name, {})} for name, fields in base.items()}

    def read(c: HfConfig) -> Model:
        model: Model = {
            "layers": c.whole(*names.layers.split(), most=_MOST_LAYERS),
            "width": c.whole(*names.width.split()),
            "vocabulary": c.whole("vocab_size", default=vocabulary),
            "context": c.whole(*names.context.split(), default=context),
            "attention": {},
        }
        for part in attention:
            model["attention"] |= part(c, model) if callable(part) else _values(c, model, part)
        for concept, fields in concepts.items():
            model[concept] = _values(c, model, fields)
        return model | _values(c, model, {"embedding_width": embedding_width, "experts": experts})

    return read


def _values(c: HfConfig, model: Model, fields: Fields) -> Model:
    """The fields of a concept, read from a config where they are not given."""
    return {name: each(c, model) if callable(each) else each for name, each in fields.items()}


def flag(key: str, *, default: bool = False) -> Reader:
    """True or false."""
    return lambda c, _: c.flag(key, default=default)


def either(key: str, yes: Any, no: Any, *, default: bool = False) -> Reader:
    """One value where the flag ``key`` is on, another where it is off."""
    return lambda c, _: yes if c.flag(key, default=default) else no


def whole(key: str, *, default: int | None = None) -> Reader:
    """A whole number."""
    return lambda c, _: c.whole(key, default=default)


def optional(key: str) -> Reader:
    """A whole number that may be missing."""
    return lambda c, _: c.optional_whole(key)


def biases(key: str, *, default: bool = False) -> Fields:
    """Whether attention has biases: on queries, keys and values as on the output."""
    return dict.fromkeys(NO_BIASES, flag(key, default=default))


def composed(key: str, *, default: bool = True) -> Reader:
    """Whether the library writes the activation out in elementary operations."""

    def read(c: HfConfig, _: Model) -> bool:
        kind = c.raw(key)
        if not isinstance(kind, str | None):
            raise c.fault(key, f"a word belongs here, not {shown(kind)}")
        return default if kind is None else kind in {"gelu_new", "gelu_fast"}

    return read


def refused(key: str, reason: str) -> Reader:
    """No fields; an error where the flag ``key`` is on."""

    def read(c: HfConfig, _: Model) -> Model:
        if c.flag(key, default=False):
            raise c.fault(key, f"true {reason}")
        return {}

    return read


def _head_count(c: HfConfig, model: Model, names: Names, default: int | None = None) -> int:
    """Heads, which divide the width."""
    keys, (width, *_) = names.heads.split(), names.width.split()
    count = c.whole(*keys, default=default)
    if model["width"] % count:
        raise c.fault(keys[0], f"{count} does not divide {width} {model['width']}")
    return count


def heads(names: Names = USUAL) -> Reader:
    """GPT-2's attention: as many key as query heads, and biases."""
    biased = dict.fromkeys(NO_BIASES, True)
    return lambda c, model: {"heads": _head_count(c, model, names), **biased}


def kv_head_count(c: HfConfig, key: str, heads: int, default: int | None) -> int:
    """Key/value heads: as given, the default, or as many as heads; they divide the heads."""
    given = c.optional_whole(key)
    count = given or (heads if default is None or c.is_null(key) else default)
    subject = str(count) if given else f"is missing, and its default {count}"
    if count > heads:
        raise c.fault(key, f"{subject} is more than num_attention_heads {heads}")
    if heads % count:
        raise c.fault(key, f"{subject} does not divide num_attention_heads {heads}")
    return count


def grouped(
    kv_heads: int | None = None,
    *,
    heads: int | None = None,
    head_width: int | None = None,
    fixed: bool = False,
    divides: bool = False,
) -> Reader:
    """Llama's attention: heads, their width, and key/value heads; no biases.

    ``fixed``: the family has no head width of its own. ``divides``: it has one, and the heads
    divide the model's width all the same. Where ``num_key_value_heads`` is missing it is the
    default of the class, where it is null (or has no default) as many as heads.
    """

    def read(c: HfConfig, model: Model) -> Model:
        width = None if fixed else c.optional_whole("head_dim") or head_width
        if width is None or divides:
            count = _head_count(c, model, USUAL, heads)
        else:
            count = c.whole(USUAL.heads, default=heads)
        groups = kv_head_count(c, "num_key_value_heads", count, kv_heads)
        return {"heads": count, "kv_heads": groups, "head_width": width, **NO_BIASES}

    return read


def latent(*, divides: bool) -> Reader:
    """DeepSeek's multi-head latent attention; without a query rank where that is null."""

    def read(c: HfConfig, model: Model) -> Model:
        rank = c.whole("q_lora_rank", default=1536)
        return {
            "heads": _head_count(c, model, USUAL) if divides else c.whole(USUAL.heads),
            "latent": {
                "query_rank": None if c.is_null("q_lora_rank") else rank,
                "kv_rank": c.whole("kv_lora_rank", default=512),
                "nope_width": c.whole("qk_nope_head_dim", default=128),
                "rope_width": c.whole("qk_rope_head_dim", default=64),
                "value_width": c.whole("v_head_dim", default=128),
            },
        }

    return read


def window(
    width: int | None = None,
    windowed: LayerCount = lambda _, layers: layers,
    *,
    switched: bool = False,
) -> Reader:
    """Sliding windows: how wide, and in how many layers (listed, or the family's pattern).

    A missing ``sliding_window`` is the default of the class; with null there is none.
    ``switched``: there is none either unless ``use_sliding_window`` is on.
    """

    def read(c: HfConfig, model: Model) -> Model:
        layers = windowed(c, model["layers"])
        if switched and not c.flag("use_sliding_window", default=False):
            return {}
        positions = c.optional_whole("sliding_window") or width
        kinds = c.items("layer_types", str, "words")
        if kinds is not None:
            layers = _sliding_layers(c, kinds, model["layers"])
        if positions is None or c.is_null("sliding_window") or not layers:
            return {}
        return {"window": positions, "windowed_layers": layers}

    return read


def _sliding_layers(c: HfConfig, kinds: list[str], layers: int) -> int:
    """How many layers are listed as windowed."""
    for kind in kinds:
        if kind not in _LAYER_TYPES:
            raise c.fault("layer_types", f"{shown(kind)} is not one of {_LAYER_TYPES}")
    if len(kinds) != layers:
        raise c.fault("layer_types", f"lists {len(kinds)} layers, num_hidden_layers {layers}")
    return kinds.count("sliding_attention")


def routed(
    count: int,
    active: int | None,
    width: int | None = None,
    layers: LayerCount | None = None,
    *,
    least: int = 1,
    **more: Any,
) -> Reader:
    """Routed experts, of which each token visits a few; a model without any is a dense one.

    ``width`` is the default of ``moe_intermediate_size``; without it experts are as wide as the
    network. ``layers`` are those that have experts, all where nothing is said.
    """

    def read(c: HfConfig, model: Model) -> Model | None:
        number = c.whole(*_COUNT_KEYS, default=count, least=least)
        having = layers(c, model["layers"]) if layers else None
        if not number or having == 0:
            return None
        visited = c.whole(*_ACTIVE_KEYS, default=active)
        if visited > number:
            raise c.fault(_ACTIVE_KEYS[0], f"{visited} is more than the {number} experts there are")
        own = c.whole("moe_intermediate_size", default=width) if width else model["ffn"]["width"]
        fields = {"count": number, "active": visited, "width": own, "layers": having, **more}
        return _values(c, model, fields)

    return read


def sparse_layers(c: HfConfig, layers: int) -> int:
    """Layers with experts: every ``decoder_sparse_step``-th that is not listed as dense."""
    step = c.whole("decoder_sparse_step", default=1)
    dense = c.items("mlp_only_layers", int, "whole numbers") or ()
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))

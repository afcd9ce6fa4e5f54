"""Checked access to the keys of one config, and the sizes, heads and experts that families share.

Whatever is wrong is said with file, line and key. Which keys were read is remembered, so
that the others can be named as ignored.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.errors import FileError

_LARGEST = 10**9
_LONGEST_SHOWN = 40


class HfConfig:
    """The keys of a config, or of a part of it, with their types checked on reading."""

    def __init__(self, path: Path, text: str, data: Mapping[str, Any], prefix: str = "") -> None:
        self.path = path
        self._text = text
        self._data = data
        self._prefix = prefix
        self._read: set[str] = set()

    def is_null(self, key: str) -> bool:
        """Whether the key is there with ``null``: for some, that is not the default."""
        self._read.add(key)
        return key in self._data and self._data[key] is None

    def whole(self, *keys: str, default: int | None = None, most: int = _LARGEST) -> int:
        """A positive whole number under the first of ``keys`` that is there, else the default.

        Raises:
            FileError: it is missing without a default, or is not such a number.
        """
        found = self.optional_whole(*keys, most=most)
        if found is not None:
            return found
        if default is not None:
            return default
        raise self.fault(keys[0], "is missing", "the model's size depends on it")

    def optional_whole(self, *keys: str, least: int = 1, most: int = _LARGEST) -> int | None:
        """A whole number in a range, or ``None`` where the key is missing or null."""
        key, value = self._first(keys)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"a whole number belongs here, not {shown(value)}")
        if not least <= value <= most:
            raise self.fault(key, f"{shown(value)} is not between {least} and {most}")
        return value

    def count(self, *keys: str, default: int) -> int:
        """A whole number that may be zero, such as a number of leading dense layers."""
        value = self.optional_whole(*keys, least=0)
        return default if value is None else value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._first((key,))[1]
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(key, f"true or false belongs here, not {shown(value)}")
        return value

    def words(self, key: str) -> list[str] | None:
        """A list of words, such as the kind of attention of each layer."""
        value = self._first((key,))[1]
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, f"a list of words belongs here, not {shown(value)}")
        return value

    def numbers(self, key: str) -> list[int]:
        """A list of whole numbers, such as layer indices; empty when missing."""
        value = self._first((key,))[1]
        if value is None:
            return []
        plain = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        )
        if not plain:
            raise self.fault(key, f"a list of whole numbers belongs here, not {shown(value)}")
        return list(value)

    def raw(self, key: str) -> Any:
        """A value whose form the caller checks."""
        return self._first((key,))[1]

    def part(self, key: str) -> "HfConfig":
        """A nested config; empty when missing."""
        value = self._first((key,))[1]
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.fault(key, f"an object belongs here, not {shown(value)}")
        return HfConfig(self.path, self._text, value, f"{self._prefix}{key}.")

    def ignored(self) -> list[str]:
        """The keys that were not read."""
        return [key for key in self._data if key not in self._read]

    def fault(self, key: str, what: str, hint: str = "correct the file") -> FileError:
        """An error about ``key``, with the line on which it stands."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self._text)
        line = self._text.count("\n", 0, found.start()) + 1 if found else 1
        return FileError(f"{self.path}:{line}: {self._prefix}{key}: {what}", hint)

    def _first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        """The value that is there under one of several names, which must not disagree."""
        self._read.update(keys)
        given = [key for key in keys if self._data.get(key) is not None]
        if not given:
            return keys[0], None
        key, value = given[0], self._data[given[0]]
        for other in given[1:]:
            if self._data[other] != value:
                raise self.fault(
                    other, f"{shown(self._data[other])} contradicts {key} {shown(value)}"
                )
        return key, value


def shown(value: Any) -> str:
    """A value as JSON writes it, shortened, in printable characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


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


def biased(c: HfConfig, model: Model, *, default: bool = False) -> Model:
    """The model with or without all biases in its attention, as ``attention_bias`` says."""
    bias = c.flag("attention_bias", default=default)
    return with_biases(model, qkv=bias, output=bias)


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

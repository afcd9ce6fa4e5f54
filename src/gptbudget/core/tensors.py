"""The table of a model's tensors; parameters, FLOPs and memory are sums over its rows.

A row is a tensor of one layer, or of an end of the model: its shape, how often it is there, which
ranks have a share of it, and whether tokens multiply it. Parameters, FLOPs, weights of a rank,
adapters and states of an optimizer are sums over rows. A layer of another kind is other rows.

Legend: h model width, q channels of all query heads, k of all key heads, f feed-forward width,
V vocabulary, E experts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Literal, NamedTuple

from gptbudget.core.arrays import Count, added
from gptbudget.specs.model import ModelSpec

Component = Literal[
    "embedding",
    "positions",
    "attention",
    "feed_forward",
    "experts",
    "router",
    "norms",
    "embedding_projection",
    "head",
]
"""What parameters and FLOPs are listed by."""

Cut = Literal["columns", "rows", "experts", "whole"]
"""How a tensor is sharded over tensor-parallel ranks: by output columns, by input rows, by expert,
or replicated (Megatron-LM: column and row parallel; Shoeybi et al. 2019, arXiv 1909.08053)."""

_NETWORK = frozenset({"feed_forward", "experts", "router"})


class Tensor(NamedTuple):
    """One row: a tensor, or as many alike as ``copies``."""

    name: str
    component: Component
    shape: tuple[Count, ...]
    """Outputs and inputs of a matrix; the length of a vector."""
    cut: Cut = "whole"
    copies: Count = 1
    active: Count = None
    """Of the copies, those that one token passes through; ``None``: all."""
    product: str = ""
    """Name of its matmul; matrices with the same input share one name. Empty for lookups."""
    quantized: bool = False
    """4 bit under QLoRA."""
    trained: bool = True
    """Has a gradient; untrained tensors are stored in checkpoints but are not parameters."""
    same_as: str = ""
    """Name of the tensor it is tied to, if it is not stored separately."""

    @property
    def parameters(self) -> Count:
        """Number of elements in all copies."""
        return self.copies * prod(self.shape)

    @property
    def active_parameters(self) -> Count:
        """Number of elements used for one token."""
        return self.parameters if self.active is None else self.active * prod(self.shape)

    @property
    def is_parameter(self) -> bool:
        """Whether it is trained and not tied to another tensor."""
        return self.trained and not self.same_as


class ByCut(NamedTuple):
    """Trained parameters of some tensors, by how tensor-parallel ranks share them."""

    cut: Count
    """By columns or rows."""
    whole: Count
    experts: Count

    @property
    def total(self) -> Count:
        """All of them."""
        return self.cut + self.whole + self.experts


def by_cut(tensors: Iterable[Tensor], which: Callable[[Tensor], bool] = lambda _: True) -> ByCut:
    """Sum the parameters of the ``tensors`` selected by ``which``, by how they are sharded."""
    totals = {"cut": 0, "whole": 0, "experts": 0}
    for tensor in tensors:
        if tensor.is_parameter and which(tensor):
            kind = "cut" if tensor.cut in {"columns", "rows"} else tensor.cut
            totals[kind] = totals[kind] + tensor.parameters
    return ByCut(**totals)


@dataclass(frozen=True)
class Layers:
    """Layers that are all alike, and the tensors of one."""

    number: Count
    tensors: tuple[Tensor, ...]

    @cached_property
    def parameters(self) -> ByCut:
        """Of one layer."""
        return by_cut(self.tensors)

    @cached_property
    def matrices(self) -> ByCut:
        """Parameters in the matrices of one layer (4-bit under QLoRA)."""
        return by_cut(self.tensors, lambda tensor: tensor.quantized)

    @cached_property
    def network(self) -> ByCut:
        """Parameters after the attention of one layer: a dense network, or router and experts."""
        return by_cut(self.tensors, lambda tensor: tensor.component in _NETWORK)


class ModelTensors(NamedTuple):
    """Every tensor, from the bottom to the top of the model."""

    below: tuple[Tensor, ...]
    """Tensors before the first layer: embedding, positions and embedding projections."""
    layers: tuple[Layers, ...]
    """In the order of the model."""
    above: tuple[Tensor, ...]
    """Tensors after the last layer: final norm and head."""

    def rows(self) -> Iterator[tuple[Count, Tensor]]:
        """Yield each tensor with the number of layers that have it."""
        yield from ((1, tensor) for tensor in self.below)
        for layers in self.layers:
            yield from ((layers.number, tensor) for tensor in layers.tensors)
        yield from ((1, tensor) for tensor in self.above)


class _ByIdentity:
    """A model as the key of a cache: compared by identity, because it is frozen."""

    __slots__ = ("model",)

    def __init__(self, model: ModelSpec) -> None:
        self.model = model

    def __hash__(self) -> int:
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.model is other.model


def tensors_of(model: ModelSpec) -> ModelTensors:
    """The table of a model."""
    return _table(_ByIdentity(model))


@lru_cache(maxsize=256)
def _table(key: _ByIdentity) -> ModelTensors:
    model = key.model
    common = (*_attention(model), *_norm(model, "norm", model.norms.per_block))
    layers = []
    if model.dense_layers:
        dense = _feed_forward(model, "feed_forward", model.ffn_width, biases=model.ffn.bias)
        layers.append(Layers(model.dense_layers, (*common, *dense)))
    if model.expert_layers:
        layers.append(Layers(model.expert_layers, (*common, *_experts(model))))
    return ModelTensors(tuple(_below(model)), tuple(layers), tuple(_above(model)))


def products(tensors: Iterable[Tensor], tp: Count) -> list[tuple[Count, Count]]:
    """Columns and depth of each product of ``tensors`` on one of ``tp`` tensor-parallel ranks.

    Matrices with the same input form one matmul with all their columns. Matrices of different
    depth, as in latent attention, are replaced by one matmul of the same total size.
    """
    by_product: dict[str, list[Tensor]] = {}
    for tensor in tensors:
        if tensor.product:
            by_product.setdefault(tensor.product, []).append(tensor)
    return [_as_one(matrices, tp) for matrices in by_product.values()]


def _as_one(matrices: list[Tensor], tp: Count) -> tuple[Count, Count]:
    ends = [
        (
            each.shape[0] / tp if each.cut == "columns" else each.shape[0],
            each.shape[1] / tp if each.cut == "rows" else each.shape[1],
        )
        for each in matrices
    ]
    depth = ends[0][1]
    if len({int(each.shape[1]) for each in matrices}) == 1:
        return added(columns for columns, _ in ends), depth
    return added(columns * inputs for columns, inputs in ends) / depth, depth


def vocabulary_matrix(model: ModelSpec) -> Count:
    """Parameters of the embedding; the head is as large again, or the same matrix."""
    return model.vocabulary * (model.embedding_width or model.width)


def _vector(name: str, component: Component, length: Count, copies: Count = 1) -> Tensor:
    return Tensor(name, component, (length,), copies=copies)


def _below(model: ModelSpec) -> Iterator[Tensor]:
    table = (model.vocabulary, model.embedding_width or model.width)
    yield Tensor("embedding", "embedding", table, "columns")
    if model.positions.kind == "learned":
        rows = model.context + model.positions.extra_rows
        yield Tensor("positions", "positions", (rows, model.width))
    if model.embedding_width is not None:  # into and out of the model's width (OPT-350M)
        into = (model.width, model.embedding_width)
        yield Tensor("project_in", "embedding_projection", into, product="project_in")
        yield Tensor("project_out", "embedding_projection", into[::-1], product="project_out")
    if model.norms.embedding:
        yield from _norm(model, "embedding_norm")


def _above(model: ModelSpec) -> Iterator[Tensor]:
    table = (model.vocabulary, model.embedding_width or model.width)
    if model.norms.final:
        yield from _norm(model, "final_norm")
    same_as = "embedding" if model.head.tied else ""
    yield Tensor("head", "head", table, "columns", product="head", same_as=same_as)
    if model.head.bias:
        yield Tensor("head_bias", "head", (model.vocabulary,), "columns")
    if model.head.checkpoint_copy:
        yield Tensor("head_copy", "head", table, trained=False)


def _norm(model: ModelSpec, name: str, copies: Count = 1) -> Iterator[Tensor]:
    if model.norms.weight and copies:
        yield _vector(name, "norms", model.width, copies)
    if model.norms.bias and copies:
        yield _vector(f"{name}_bias", "norms", model.width, copies)


def _matrix(
    name: str, component: Component, outputs: Count, inputs: Count, cut: Cut, product: str = ""
) -> Tensor:
    """A matrix of a layer, in a product of its own where no other is named."""
    shape = (outputs, inputs)
    return Tensor(name, component, shape, cut, product=product or name, quantized=True)


def _attention(model: ModelSpec) -> Iterator[Tensor]:
    """Matrices, biases, sinks and norms inside the attention of one layer."""
    attention, width = model.attention, model.width
    if attention.latent is None:
        yield from _heads(model)
    else:
        yield from _latent_heads(model)
    if attention.output_bias:
        yield _vector("output_bias", "attention", width)
    if attention.sinks:
        yield _vector("sinks", "attention", attention.heads)
    if attention.qk_norm != "none":
        by_head = attention.qk_norm == "head"
        copies = 2 if attention.qk_norm_bias else 1
        for name, channels in (("query_norm", model.query_width), ("key_norm", model.kv_width)):
            yield _vector(name, "attention", model.head_width if by_head else channels, copies)
    if model.positions.checkpoint_buffers:
        rotary = (model.head_width // 2,)
        yield Tensor("rotary_frequencies", "attention", rotary, trained=False)


def _heads(model: ModelSpec) -> Iterator[Tensor]:
    """Queries, keys, values, output; 4 h^2 when q = k = h."""
    query, kv, width = model.query_width, model.kv_width, model.width
    inputs = [("query", query), ("key", kv), ("value", kv)]
    if model.positions.kind == "relative":
        inputs.append(("relative_key", query))
    for name, channels in inputs:
        yield _matrix(name, "attention", channels, width, "columns", "query_key_value")
        if model.attention.qkv_bias and name != "relative_key":
            yield _vector(f"{name}_bias", "attention", channels)
    yield _matrix("output", "attention", width, query, "rows")


def _latent_heads(model: ModelSpec) -> Iterator[Tensor]:
    """Latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).

    The down projections are replicated on every tensor-parallel rank. All its matrices are treated
    as one matmul of the same total size.
    """

    def matrix(name: str, outputs: Count, inputs: Count, cut: Cut) -> Tensor:
        return _matrix(name, "attention", outputs, inputs, cut, "latent_attention")

    latent, heads, width = model.attention.latent, model.attention.heads, model.width
    assert latent is not None
    query = heads * (latent.nope_width + latent.rope_width)
    if latent.query_rank:
        yield matrix("query_down", latent.query_rank, width, "whole")
        yield _vector("query_latent_norm", "attention", latent.query_rank)
        yield matrix("query_up", query, latent.query_rank, "columns")
    else:
        yield matrix("query", query, width, "columns")
    kv = latent.kv_rank + latent.rope_width
    yield matrix("kv_down", kv, width, "whole")
    yield _vector("kv_latent_norm", "attention", latent.kv_rank)
    up = heads * (latent.nope_width + latent.value_width)
    yield matrix("kv_up", up, latent.kv_rank, "columns")
    if model.attention.qkv_bias:
        yield _vector("down_bias", "attention", (latent.query_rank or 0) + kv)
    yield matrix("output", width, heads * latent.value_width, "rows")


def _feed_forward(
    model: ModelSpec, component: Component, channels: Count, prefix: str = "", *, biases: bool
) -> Iterator[Tensor]:
    """A feed-forward network: 2 h f, 3 h f when gated."""
    into, width = ("gate", "up") if model.ffn.gated else ("up",), model.width
    for name in into:
        product = f"{prefix}into"
        yield _matrix(f"{prefix}{name}", component, channels, width, "columns", product)
    yield _matrix(f"{prefix}down", component, width, channels, "rows")
    if biases:
        for name in into:
            yield Tensor(f"{prefix}{name}_bias", component, (channels,), "columns")
        yield Tensor(f"{prefix}down_bias", component, (width,), "columns")


def _experts(model: ModelSpec) -> Iterator[Tensor]:
    """Router, routed experts, and the shared expert."""
    experts = model.experts
    assert experts is not None
    logits = experts.count + 1 if experts.shared_gate else experts.count
    yield _matrix("router", "router", logits, model.width, "whole")
    if experts.router_bias:
        yield _vector("router_bias", "router", experts.count)
    if experts.correction_bias:
        correction = (experts.count,)
        yield Tensor("router_correction", "router", correction, trained=False)
    one = _feed_forward(model, "experts", experts.width, "expert_", biases=experts.bias)
    for tensor in one:
        yield tensor._replace(cut="experts", copies=experts.count, active=experts.active)
    if experts.shared_width:
        yield from _feed_forward(model, "experts", experts.shared_width, "shared_", biases=False)

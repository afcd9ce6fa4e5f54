"""Time of one block on one rank: matmuls, elementwise kernels, attention and recomputation.

Legend: T tokens of a micro-batch on this rank, t tensor-parallel degree.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gptbudget.core.arrays import Count, Seconds, added, maximum
from gptbudget.core.flops import Square, forward_flops_per_token
from gptbudget.core.parameters import adapter_parameters
from gptbudget.core.step import TrainingStep
from gptbudget.core.tensors import Component, Layers, products, tensors_of
from gptbudget.core.time.matmul import elements_s, operands_s, product_s, traffic_s
from gptbudget.specs.machine import Machine

_BACKWARD_PRODUCTS = 2
_BACKWARD_FLASH = 2.5
"""Flash attention computes the scores again (Dao 2023, arXiv 2307.08691)."""

_HALF_SPEED_LENGTH = 400
"""Tokens at which flash attention reaches half its rate: the shape of its published curves."""

_SMALL_HEAD_WIDTH, _SMALL_HEAD_SHARE = 64, 0.85
"""Narrow heads reach less (the same curves at 64 and 128 channels); by hand."""

_WRITTEN_OUT_SHARE = 0.52
"""Share of the matmul rate that the batched matmuls of math or eager attention reach. Set by
hand."""

_WIDTH_TRAFFIC = 44
"""Elements read or written per model channel and token in a block by well-fused kernels, forward
and backward. Counted by hand."""

_SHARED_BY_TENSOR = 0.35
"""Share of that between tensor-parallel matmuls; the rest is norms and residuals."""

_GATED_TRAFFIC, _PLAIN_TRAFFIC = 8, 6
"""Elements for each channel of the network; by hand, from counting its tensors."""

_FORWARD_SHARE = 0.38
"""Of the elementwise traffic, the forward pass's; by hand, from the same count."""

_NF4_BYTES = 4
"""Bytes moved to dequantize one 4-bit weight: half a byte read, two bytes written, some of them
read again. Set by hand."""

_EXPERT_TILE_ROWS = 128
"""Tile rows of grouped matmuls; on average each expert leaves half a tile empty."""

_PERMUTED_ELEMENTS = 10
"""Elements moved per channel and routed token to permute tokens to experts and back, forward and
backward; by hand."""

_PER_OPERATION_PRODUCTS = 0.5
"""Of the products, those that checkpointing by operation computes again (torchtitan)."""


class LayerTime(NamedTuple):
    """Seconds of one layer and micro-batch on one rank, by part: its block, then what it waits for.

    ``recomputation`` is what is computed again.
    """

    products: Seconds
    attention: Seconds
    elementwise: Seconds
    recomputation: Seconds
    tensor_parallel: Seconds = 0
    context_ring: Seconds = 0
    expert_all_to_all: Seconds = 0
    host: Seconds = 0
    """Additional time if launching kernels takes longer than all other parts."""

    @property
    def total(self) -> Seconds:
        """All of it."""
        return added(self)


def block_s(step: TrainingStep, machine: Machine) -> tuple[LayerTime, LayerTime]:
    """Seconds of one block that is trained, and of one below all that is: its forward pass alone.

    Averaged over dense and expert layers.

    Example: a block of GPT-3 175B is 2.86e12 FLOPs a micro-batch of 2,048 tokens on each of 8
    tensor ranks, 18.3 ms at half of an A100's peak.
    """
    recipe, stack = step.recipe, step.stack
    forward, backward = products_s(step, machine)
    around = elementwise_s(step, machine)
    score_forward, score_backward = attention_s(step, machine)
    ahead = _FORWARD_SHARE * around
    again: Count = 0
    if recipe.checkpointing == "full":
        again = forward + ahead + score_forward
    elif recipe.checkpointing == "selective":
        by_operation = stack.selective is not None
        again = _PER_OPERATION_PRODUCTS * forward + ahead if by_operation else score_forward
    trained = LayerTime(forward + backward, score_forward + score_backward, around, again)
    return trained, LayerTime(forward, score_forward, ahead, 0)


def products_s(step: TrainingStep, machine: Machine) -> tuple[Count, Count]:
    """Return the seconds of all weight matmuls, forward and backward.

    Frozen weights need no gradient of their own; 4-bit ones are unpacked for each use.
    """
    model, recipe, speed = step.model, step.recipe, step.stack.speed
    narrow = recipe.precision in {"fp8", "fp4"}
    tokens, tp = step.tokens, step.layout.tp
    layers = tensors_of(model).layers
    of_attention = _matrices(layers[0], tp, "attention")
    forward = _products_s(tokens, of_attention, machine, narrow=narrow)
    kinds = [(each, each.number / model.layers) for each in layers]
    for each, part in kinds:
        dense = _matrices(each, tp, "feed_forward", "experts")
        network = _products_s(tokens, dense, machine, narrow=narrow)
        if each.parameters.experts:
            network = _experts_s(step, machine, narrow=narrow) + network
        forward = forward + part * network
    if narrow:
        casts = speed.cast_elements * (model.width + model.active_ffn_width) * tokens / tp
        forward = forward + elements_s(casts, machine) / (1 + _BACKWARD_PRODUCTS)
    if recipe.method.kind == "qlora":
        weights = _size(of_attention)
        for each, part in kinds:
            network = _size(_matrices(each, tp, "feed_forward", "experts"))
            if each.parameters.experts:
                network = _experts_on_rank(step) * _size(_expert_matrices(step)) + network
            weights = weights + part * network
        forward = forward + traffic_s(_NF4_BYTES * weights, machine)
    if not recipe.method.has_adapters:
        return forward, _BACKWARD_PRODUCTS * forward
    beside = _adapters_s(step, machine)
    return forward + beside, forward + _BACKWARD_PRODUCTS * beside


def _adapters_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of the adapters' own products, forward; their traffic is elementwise."""
    model, method = step.model, step.recipe.method
    weights = adapter_parameters(model, method.lora_rank, method.lora_targets) / model.layers
    rate = machine.matmul_flops_per_s * machine.sustained_share
    return 2 * step.tokens * weights / step.layout.tp / rate


def _matrices(layers: Layers, tp: Count, *components: Component) -> list[tuple[Count, Count]]:
    """Columns and depth of the products on one tensor-parallel rank, without routed experts."""
    of_all = (t for t in layers.tensors if t.component in components and t.cut != "experts")
    return products(of_all, tp)


def _products_s(
    rows: Count, matrices: Iterable[tuple[Count, Count]], machine: Machine, *, narrow: bool
) -> Seconds:
    return added(product_s(rows, *matrix, machine, narrow=narrow) for matrix in matrices)


def _size(matrices: Iterable[tuple[Count, Count]]) -> Count:
    return added(columns * depth for columns, depth in matrices)


def _experts_on_rank(step: TrainingStep) -> Count:
    """Experts of a layer on one rank."""
    assert step.model.experts is not None
    return step.model.experts.count / step.layout.ep


def _experts_s(step: TrainingStep, machine: Machine, *, narrow: bool) -> Seconds:
    """Seconds of the routed experts: each is padded by half a tile, and all their weights are read.

    Without expert parallelism a rank has a slice of every expert and all tokens, else whole experts
    and its share of the tokens.
    """
    model, layout, experts = step.model, step.layout, _experts_on_rank(step)
    assert model.experts is not None
    visits = step.tokens * model.experts.active * layout.expert_cut / layout.tp
    rows = visits + experts * _EXPERT_TILE_ROWS / 2
    matrices = _expert_matrices(step)
    routed = _products_s(rows, matrices, machine, narrow=narrow)
    others = _size(matrices) * maximum(experts - 1, 0)
    moved = _PERMUTED_ELEMENTS * visits * model.width
    return routed + operands_s(others, machine) + elements_s(moved, machine) / 3


def _expert_matrices(step: TrainingStep) -> list[tuple[Count, Count]]:
    """Columns and depth of the products of one routed expert on this rank."""
    model = step.model
    assert model.experts is not None
    width = model.experts.width / step.layout.expert_cut
    return [((2 if model.ffn.gated else 1) * width, model.width), (model.width, width)]


def elementwise_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of norms, activations, rotations, residuals, forward and backward."""
    model, recipe, speed, tp = step.model, step.recipe, step.stack.speed, step.layout.tp
    residual_cut = tp if step.layout.sequence_parallel else 1
    between = (_GATED_TRAFFIC if model.ffn.gated else _PLAIN_TRAFFIC) * model.active_ffn_width
    around = _SHARED_BY_TENSOR / tp + (1 - _SHARED_BY_TENSOR) / residual_cut
    elements = speed.elementwise * (_WIDTH_TRAFFIC * model.width * around + between / tp)
    if recipe.method.has_adapters:
        wide = 2 if recipe.method.lora_precision == "fp32" else 1  # inputs are cast for them
        channels: float = 4 * model.width  # into and out of the adapted matrices
        if recipe.method.lora_targets == "all":
            channels = 8 * model.width + 3 * model.active_ffn_width
        elements = elements + speed.adapter_traffic * wide * channels / tp
    return elements_s(step.tokens * elements, machine)


def attention_s(step: TrainingStep, machine: Machine) -> tuple[Count, Count]:
    """Seconds of the attention core, forward and backward.

    Flash and efficient kernels compute the causal half, at a rate that grows with sequence length.
    Math and eager attention compute the full matrix and move every score through memory.
    """
    model, recipe, seq_len, tp = step.model, step.recipe, step.seq_len, step.layout.tp
    kernels = recipe.attention in {"flash", "efficient"}
    square: Square = "causal" if kernels else "full"
    of_scores = forward_flops_per_token(model, seq_len, square).get("attention_scores", 0)
    flops = step.tokens * of_scores / model.layers / tp
    if kernels:
        rate = machine.matmul_flops_per_s * machine.attention_share
        rate = rate * seq_len / (seq_len + _HALF_SPEED_LENGTH)
        if model.head_width <= _SMALL_HEAD_WIDTH:
            rate = rate * _SMALL_HEAD_SHARE
        return flops / rate, _BACKWARD_FLASH * flops / rate
    products = flops / (_WRITTEN_OUT_SHARE * machine.matmul_flops_per_s)
    scores = step.tokens * seq_len * model.attention.heads / tp
    passed = traffic_s(step.stack.speed.score_bytes * scores, machine)
    return products + passed / 3, _BACKWARD_PRODUCTS * (products + passed / 3)

"""What one rank holds: its blocks, whether it has embedding or head, and its shard of them.

Tensor parallelism cuts the matrices of attention, network and vocabulary; norms, routers and
positions are whole on every rank. A pipeline gives the embedding to the first stage and the head
to the last; a tied matrix is on both (Narayanan et al. 2021, arXiv 2104.04473; Megatron-LM).
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from gptbudget.core.arrays import (
    Bytes,
    Count,
    added,
    any_true,
    maximum,
    minimum,
    same_everywhere,
    tabulate,
    where,
)
from gptbudget.core.parameters import adapter_ends
from gptbudget.core.tensors import ByCut, Layers, Tensor, by_cut, tensors_of, vocabulary_matrix
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Method
from gptbudget.specs.stack import Split

ENDS_AS_LAYERS = 2
"""Embedding and head may take the place of a block each (Megatron-LM,
``--account-for-embedding-in-pipeline-split``)."""


class ParameterShard(NamedTuple):
    """Parameters of one kind on one rank."""

    parameters: Count
    """Number of parameters, not counting adapters."""
    trained: Count
    """Parameters with gradients; with adapters, only the adapters."""
    matrices: Count
    """Parameters in the matrices of blocks: 4-bit under QLoRA; updated by Muon if that is the
    optimizer."""
    shards: Count
    """Number of data-parallel ranks over which ZeRO or FSDP can shard their states."""


class Placement(NamedTuple):
    """One rank: its stage of the pipeline and what lives there."""

    stage: Count
    layers: Count
    trained_layers: Count
    in_flight: Count
    """Micro-batches whose activations are alive at once, in whole stages."""
    first: bool
    last: bool
    dense: ParameterShard
    experts: ParameterShard
    embedding_and_head: ParameterShard
    """Embedding, positions, final norm, head."""
    embedding_table: Count
    """Parameters of the vocabulary matrix on this rank."""
    block: ParameterShard
    """The largest single block, without its routed experts."""
    block_experts: ParameterShard
    network: Count
    """Parameters of that block's feed-forward network, or router and experts."""

    @property
    def kinds(self) -> tuple[ParameterShard, ...]:
        """All parameters on the rank, grouped by the ranks that shard them."""
        return (self.dense, self.experts, self.embedding_and_head)

    @property
    def trained(self) -> Count:
        """Parameters of the rank that have gradients."""
        return added(held.trained for held in self.kinds)

    @property
    def block_kinds(self) -> tuple[ParameterShard, ...]:
        """The largest single block, by who shares it."""
        return (self.block, self.block_experts)

    @property
    def trains_table(self) -> bool:
        """Whether a vocabulary matrix of this rank has a gradient."""
        return any_true(
            (self.embedding_table > 0) & (self.embedding_and_head.trained >= self.embedding_table)
        )


def stages_that_may_be_worst(
    model: ModelSpec, method: Method, layout: Layout, split: Split
) -> Sequence[Count]:
    """The stages that can need most: first, last, and the first of each kind in between.

    Stages in between have neither embedding nor head; of two with the same blocks the later one has
    fewer micro-batches in flight. An array of pipeline degrees must have at least three stages each
    and identical blocks.
    """
    if hasattr(layout.pp, "__array__"):
        return [0, 1, layout.pp - 1]
    between: dict[tuple[int, ...], int] = {}
    for stage in range(1, layout.pp - 1):
        held, trained = _layers_on_stage(model, method, layout, stage, split)
        between.setdefault((*held, *trained), stage)
    return sorted({0, *between.values(), int(layout.pp) - 1})


def place(
    model: ModelSpec,
    method: Method,
    layout: Layout,
    stage: Count = 0,
    micro_batches: Count = 1,
    *,
    split: Split = "blocks",
) -> Placement:
    """What a rank of ``stage`` holds, with ``micro_batches`` a step and replica.

    ``split``: what is balanced over stages: layers, layers with ends, or parameters.
    Dense blocks of a model with experts are assumed to come first, as in DeepSeek's.

    Example: GPT-3 175B over 8 tensor and 8 pipeline ranks holds 12 of 96 blocks, an eighth each.
    """
    kinds = tensors_of(model).layers
    held, trained = _layers_on_stage(model, method, layout, stage, split)
    largest = _one_of_the_largest(kinds, held)
    first, last = same_everywhere(stage == 0), same_everywhere(stage == layout.pp - 1)

    def share(
        numbers: tuple[Count, ...], learning: tuple[Count, ...], *, experts: bool
    ) -> ParameterShard:
        on_rank = _experts_on_rank if experts else _shared_on_rank
        gradients = _sum(learning, (on_rank(each.parameters, layout) for each in kinds))
        if method.has_adapters:
            gradients = 0 if experts else _adapters(kinds, numbers, method, layout)
        return ParameterShard(
            _sum(numbers, (on_rank(each.parameters, layout) for each in kinds)),
            gradients,
            _sum(numbers, (on_rank(each.matrices, layout) for each in kinds)),
            layout.expert_shards if experts else layout.shards,
        )

    networks = (
        _shared_on_rank(each.network, layout) + _experts_on_rank(each.network, layout)
        for each in kinds
    )
    return Placement(
        stage=stage,
        layers=added(held),
        trained_layers=added(trained),
        in_flight=in_flight(layout, stage, micro_batches),
        first=first,
        last=last,
        dense=share(held, trained, experts=False),
        experts=share(held, trained, experts=True),
        embedding_and_head=_ends(model, method, layout, first=first, last=last),
        embedding_table=vocabulary_matrix(model) / layout.tp if first or last else 0,
        block=share(largest, largest, experts=False),
        block_experts=share(largest, largest, experts=True),
        network=_sum(largest, networks),
    )


def _sum(numbers: tuple[Count, ...], amounts: Iterable[Count]) -> Count:
    """The sum over kinds of layers: the number of layers times the amount of one."""
    return added(number * amount for number, amount in zip(numbers, amounts, strict=True))


def _shared_on_rank(parameters: ByCut, layout: Layout) -> Bytes:
    """Parameters on one rank outside the routed experts."""
    return parameters.cut / layout.tp + parameters.whole


def _experts_on_rank(parameters: ByCut, layout: Layout) -> Bytes:
    """Parameters of routed experts on one rank."""
    return parameters.experts / layout.expert_ways


def _layers_on_stage(
    model: ModelSpec, method: Method, layout: Layout, stage: Count, split: Split
) -> tuple[tuple[Count, ...], tuple[Count, ...]]:
    """Layers of each kind on a stage, and of these those that are trained."""
    kinds, frozen = tensors_of(model).layers, method.frozen_layers
    starts = [added(each.number for each in kinds[:place]) for place in range(len(kinds))]
    borders = (*starts, *(max(start, frozen) for start in starts))
    if any_true(layout.pp > 1):
        of_model = [int(border) for border in borders]
        ends = ENDS_AS_LAYERS if split == "ends" and not frozen else 0

        def on_stage(pp: int, vp: int, stage: int) -> tuple[int, ...]:
            if split == "cost":
                return _behind(of_model, [_by_cost(model, pp, stage)])
            return _evenly(tuple(of_model), int(model.layers), int(pp), int(vp), int(stage), ends)

        behind = tabulate(on_stage, layout.pp, layout.vp, stage)
    else:  # all layers are on the one stage
        behind = tuple(maximum(model.layers - border, 0) for border in borders)
    return _between(behind[: len(kinds)]), _between(behind[len(kinds) :])


def _between(behind: tuple[Count, ...]) -> tuple[Count, ...]:
    """Layers of each kind, from the number of layers behind the first of each kind."""
    return tuple(here - above for here, above in zip(behind, (*behind[1:], 0), strict=True))


def _behind(borders: Sequence[int], chunks: Sequence[range]) -> tuple[int, ...]:
    """Blocks in ``chunks`` from each of the borders on."""
    return tuple(added(max(0, c.stop - max(c.start, border)) for c in chunks) for border in borders)


def _one_of_the_largest(kinds: tuple[Layers, ...], held: tuple[Count, ...]) -> tuple[Count, ...]:
    """One layer of the largest kind on the stage, as a number of layers of each kind."""
    by_size = sorted(range(len(kinds)), key=lambda kind: kinds[kind].parameters.total)
    numbers, left = [0] * len(kinds), 1
    for kind in reversed(by_size[1:]):
        numbers[kind] = minimum(held[kind], left)
        left = left - numbers[kind]
    numbers[by_size[0]] = left
    return tuple(numbers)


def _adapters(
    kinds: tuple[Layers, ...], numbers: tuple[Count, ...], method: Method, layout: Layout
) -> Bytes:
    """Adapters of some layers of each kind, sharded like the matrices they adapt."""
    ends = (adapter_ends(each.tensors, method.lora_targets) for each in kinds)
    return method.lora_rank * _sum(numbers, ends) / layout.tp


def in_flight(layout: Layout, stage: Count, micro_batches: Count) -> Count:
    """Micro-batches whose activations a stage keeps at once, in whole stages.

    One-forward-one-backward: p - stage index (Narayanan et al. 2021, section 2.2).
    Interleaved over v chunks: 1 + (p - 1) / (p v) times the model's on the first stage
    (Korthikanti et al. 2022, arXiv 2205.05198, section 4.2.3).
    """
    after = layout.pp - stage - 1
    chunks = minimum(2 * after + (layout.vp - 1) * layout.pp + 1, micro_batches * layout.vp)
    return where(layout.vp == 1, minimum(after + 1, micro_batches), chunks / layout.vp)


@cache
def _evenly(
    borders: tuple[int, ...], layers: int, pp: int, vp: int, stage: int, ends: int
) -> tuple[int, ...]:
    """Blocks of a stage from each border on; the first stages take one more if they do not divide.

    Then ``ends`` may stand for blocks, one for the embedding: 7 and 8 of Llama-3 405B's 126 blocks
    are on stages of 16 (arXiv 2407.21783, section 3.3.2). No stage is without a block.
    """
    pieces = pp * vp
    counted = ends if layers % pieces else 0
    whole, more = divmod(layers + counted, pieces)

    def begin(piece: int) -> int:
        least = layers - max(0, pieces - piece) if pieces <= layers else layers
        return min(max(piece * whole + min(piece, more) - counted // 2, 0), least)

    chunks = [range(begin(piece), begin(piece + 1)) for piece in range(stage, pieces, pp)]
    return _behind(borders, chunks)


def _by_cost(model: ModelSpec, pp: int, stage: int) -> range:
    """The blocks of a stage balanced by parameters: it ends with the block that exceeds its share.

    The head counts with its parameters (nanotron, models/base.py, ``build_model``): 11 of 16
    blocks are on the first of two stages where the head weighs four.
    """

    def costs_time(tensor: Tensor) -> bool:  # norms and vectors of attention do not
        return bool(tensor.product) or tensor.component not in {"attention", "norms"}

    costs = [
        by_cut(each.tensors, costs_time).total
        for each in tensors_of(model).layers
        for _ in range(int(each.number))
    ]
    share = (added(costs) + vocabulary_matrix(model)) / pp
    begin, end, spent = 0, 0, 0.0
    for piece in range(int(stage) + 1):
        begin = end
        while end < model.layers and spent <= share * (piece + 1):
            end, spent = end + 1, spent + costs[end]
    return range(begin, model.layers if stage == pp - 1 else end)


def _ends(
    model: ModelSpec, method: Method, layout: Layout, *, first: bool, last: bool
) -> ParameterShard:
    """Embedding and positions on the first stage, final norm and head on the last.

    Freezing the first blocks freezes the embedding too, and with it a tied head.
    """
    table = tensors_of(model)
    below = _shared_on_rank(by_cut(table.below), layout) if first else 0
    over = by_cut(table.above, lambda tensor: not tensor.product)
    above = _shared_on_rank(over, layout) if last else 0
    head = 0 if model.head.tied and first else vocabulary_matrix(model) / layout.tp
    held = below + above + (head if last else 0)
    if method.has_adapters:
        trained: Count = 0
    elif method.frozen_layers:
        trained = above + (head if last and not model.head.tied else 0)
    else:
        trained = held
    return ParameterShard(held, trained, 0, layout.shards)

"""What one rank of a layout holds: which blocks, which ends of the model, which share of them.

Tensor parallelism cuts the matrices of attention, network and vocabulary; norms, routers and
positions are whole on every rank. A pipeline gives the embedding to the first stage and the head
to the last; a tied matrix is on both (Narayanan et al. 2021, arXiv 2104.04473; Megatron-LM).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from gptbudget.core.elementwise import agreed, maximum, minimum, somewhere, tabulate, where
from gptbudget.core.parameters import block_parameters, ends_of_model
from gptbudget.core.trained import adapter_parameters
from gptbudget.specs.layout import Layout
from gptbudget.specs.method import Method
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.stack import Split

ENDS_AS_LAYERS = 2
"""Embedding and head may take the place of a block each (Megatron-LM,
``--account-for-embedding-in-pipeline-split``)."""


class Held(NamedTuple):
    """Parameters of one kind on one rank."""

    parameters: Any
    """Without adapters."""
    trained: Any
    """Those with gradients: adapters where there are some."""
    matrices: Any
    """Those of blocks that multiply: 4 bit under QLoRA, and Muon's."""
    shards: Any
    """Data-parallel ranks that may share their states."""


class Placement(NamedTuple):
    """One rank: its stage of the pipeline and what lives there."""

    stage: Any
    layers: Any
    trained_layers: Any
    in_flight: Any
    """Micro-batches whose activations are alive at once, in whole stages."""
    first: bool
    last: bool
    dense: Held
    experts: Held
    ends: Held
    """Embedding, positions, final norm, head."""
    table: Any
    """Rows of the vocabulary on this rank times their width."""
    block: Held
    """The largest single block, without its routed experts."""
    block_experts: Held
    network: Any
    """Of that block, its feed-forward network or router and experts."""

    @property
    def kinds(self) -> tuple[Held, ...]:
        """Everything on the rank, by who shares it."""
        return (self.dense, self.experts, self.ends)

    @property
    def block_kinds(self) -> tuple[Held, ...]:
        """The largest single block, by who shares it."""
        return (self.block, self.block_experts)

    @property
    def trains_table(self) -> bool:
        """Whether a vocabulary matrix of this rank has a gradient."""
        return somewhere((self.table > 0) & (self.ends.trained >= self.table))

    @property
    def block_matrices(self) -> Any:
        """Matrices of all blocks of the stage."""
        return self.dense.matrices + self.experts.matrices


def stages_that_may_be_worst(
    model: ModelSpec, method: Method, layout: Layout, split: Split
) -> Sequence[Any]:
    """The first stage, the last, and of those between the first of each kind.

    Stages between hold neither end of the model; of two with as many blocks of each kind the later
    one has fewer micro-batches in flight. Of an array of pipelines each has three stages or more,
    and blocks that are all alike.
    """
    if hasattr(layout.pp, "__array__"):
        return [0, 1, layout.pp - 1]
    between: dict[tuple[int, ...], int] = {}
    for stage in range(1, layout.pp - 1):
        between.setdefault(_numbers_of_blocks(model, method, layout, stage, split), stage)
    return sorted({0, *between.values(), int(layout.pp) - 1})


def place(
    model: ModelSpec,
    method: Method,
    layout: Layout,
    stage: Any = 0,
    micro_batches: Any = 1,
    *,
    split: Split = "blocks",
) -> Placement:
    """What a rank of ``stage`` holds, with ``micro_batches`` a step and replica.

    ``split`` says what stages have as much of as any other.
    Dense blocks of a model with experts are taken to come first, as in DeepSeek's.

    Example: GPT-3 175B over 8 tensor and 8 pipeline ranks holds 12 of 96 blocks, an eighth each.
    """
    layers, routed, trained_layers, trained_routed = _numbers_of_blocks(
        model, method, layout, stage, split
    )
    held = _Blocks.of(model, layout, layers, routed)
    trained = _Blocks.of(model, layout, trained_layers, trained_routed)
    has_experts = minimum(routed, 1) if model.dense_layers else int(model.expert_layers > 0)
    largest = _Blocks.of(model, layout, 1, has_experts)
    adapters = _adapters(model, method, layout)
    first, last = agreed(stage == 0), agreed(stage == layout.pp - 1)

    def kind(of: _Blocks, learns: _Blocks, shards: Any, *, experts: bool) -> Held:
        parameters = of.experts if experts else of.dense
        gradients: Any = learns.experts if experts else learns.dense
        if method.has_adapters:
            gradients = 0 if experts else adapters * of.layers
        matrices = of.expert_matrices if experts else of.dense_matrices
        return Held(parameters, gradients, matrices, shards)

    one = block_parameters(model)
    return Placement(
        stage=stage,
        layers=held.layers,
        trained_layers=trained.layers,
        in_flight=in_flight(layout, stage, micro_batches),
        first=first,
        last=last,
        dense=kind(held, trained, layout.shards, experts=False),
        experts=kind(held, trained, layout.expert_shards, experts=True),
        ends=_ends(model, method, layout, first=first, last=last),
        table=ends_of_model(model).table / layout.tp if first or last else 0,
        block=kind(largest, largest, layout.shards, experts=False),
        block_experts=kind(largest, largest, layout.expert_shards, experts=True),
        network=largest.dense + largest.experts - one.whole - _attention(model, layout),
    )


def _numbers_of_blocks(
    model: ModelSpec, method: Method, layout: Layout, stage: Any, split: Split
) -> Any:
    """Blocks of a stage and those with experts, and of either those that are trained."""
    dense, frozen = model.dense_layers, method.frozen_layers
    if not somewhere(layout.pp > 1):  # all blocks are on the one stage
        return tuple(
            maximum(model.layers - border, 0) for border in (0, dense, frozen, max(dense, frozen))
        )
    layers, borders = int(model.layers), (0, int(dense), int(frozen), int(max(dense, frozen)))

    def blocks(pp: int, vp: int, stage: int) -> tuple[int, ...]:
        if split == "cost":
            return _behind(borders, _by_cost(model, pp, stage))
        ends_count = split == "ends" and not frozen
        return _evenly_behind(borders, layers, int(pp), int(vp), int(stage), ends_count)

    return tabulate(blocks, layout.pp, layout.vp, stage)


def _behind(borders: tuple[int, ...], chunks: Iterable[range]) -> tuple[int, ...]:
    """Blocks in ``chunks`` from each of the borders on."""
    of = list(chunks)
    return tuple(sum(max(0, c.stop - max(c.start, border)) for c in of) for border in borders)


@cache
def _evenly_behind(
    borders: tuple[int, ...],
    layers: int,
    pp: int,
    vp: int,
    stage: int,
    ends_count: bool,  # noqa: FBT001 - of a function that is cached
) -> tuple[int, ...]:
    return _behind(borders, _evenly(layers, pp, vp, stage, ends_count=ends_count))


class _Blocks(NamedTuple):
    """Parameters of some blocks on one rank; dense blocks are the model's first."""

    layers: Any
    dense: Any
    dense_matrices: Any
    experts: Any
    expert_matrices: Any

    @classmethod
    def of(cls, model: ModelSpec, layout: Layout, layers: Any, routed: Any) -> _Blocks:
        """Of ``layers`` blocks, of which ``routed`` have experts."""
        one, tp, ways = block_parameters(model), layout.tp, layout.expert_ways
        plain = layers - routed
        matrices = (
            layers * _attention(model, layout)
            + plain * one.feed_forward_matrices / tp
            + routed * (one.shared_expert / tp + one.router)
        )
        biases = plain * (one.feed_forward - one.feed_forward_matrices) / tp
        return cls(
            layers,
            matrices + biases + layers * one.whole,
            matrices,
            routed * one.experts / ways,
            routed * one.expert_matrices / ways,
        )


def _attention(model: ModelSpec, layout: Layout) -> Any:
    """Matrices of attention; what leads down to latents is whole on every tensor rank."""
    one = block_parameters(model)
    return (one.attention - one.attention_whole) / layout.tp + one.attention_whole


def _adapters(model: ModelSpec, method: Method, layout: Layout) -> Any:
    """Adapters of one block, cut as the matrices they adapt."""
    if not method.has_adapters:
        return 0
    every = adapter_parameters(model, method.lora_rank, method.lora_targets)
    return every / model.layers / layout.tp


def in_flight(layout: Layout, stage: Any, micro_batches: Any) -> Any:
    """Micro-batches whose activations a stage keeps at once, in whole stages.

    One-forward-one-backward: p less the stage's index (Narayanan et al. 2021, section 2.2).
    Interleaved over v chunks: 1 + (p - 1) / (p v) times the model's on the first stage
    (Korthikanti et al. 2022, arXiv 2205.05198, section 4.2.3).
    """
    after = layout.pp - stage - 1
    chunks = minimum(2 * after + (layout.vp - 1) * layout.pp + 1, micro_batches * layout.vp)
    return where(layout.vp == 1, minimum(after + 1, micro_batches), chunks / layout.vp)


def _evenly(layers: int, pp: int, vp: int, stage: int, *, ends_count: bool) -> list[range]:
    """The blocks of a stage; the first stages take one more where they do not divide.

    Where blocks do not divide, embedding and head may stand for one each: 7 and 8 of Llama-3 405B's
    126 blocks are on stages of 16 (arXiv 2407.21783, section 3.3.2). No stage is without a block.
    """
    pieces = pp * vp
    ends = int(ends_count and layers % pieces > 0)
    whole, more = divmod(layers + ENDS_AS_LAYERS * ends, pieces)

    def begin(piece: int) -> int:
        least = layers - max(0, pieces - piece) if pieces <= layers else layers
        return min(max(piece * whole + min(piece, more) - ends, 0), least)

    return [range(begin(piece), begin(piece + 1)) for piece in range(stage, pieces, pp)]


def _by_cost(model: ModelSpec, pp: int, stage: int) -> list[range]:
    """The blocks of a stage where each ends with the block that exceeds its share.

    The head counts with its parameters (nanotron, models/base.py, ``build_model``): 11 of 16
    blocks are on the first of two stages where the head weighs four.
    """
    one = block_parameters(model)
    block = one.attention + one.feed_forward + one.experts + one.shared_expert + one.router
    share = (model.layers * block + ends_of_model(model).table) / pp
    begin, spent = 0, 0.0
    for piece in range(pp):
        end = begin
        while end < model.layers and spent <= share * (piece + 1):
            end, spent = end + 1, spent + block
        end = model.layers if piece == pp - 1 else end
        if piece == stage:
            return [range(begin, end)]
        begin = end
    return []


def _ends(model: ModelSpec, method: Method, layout: Layout, *, first: bool, last: bool) -> Held:
    """Embedding and positions on the first stage, final norm and head on the last.

    Freezing the first blocks freezes the embedding too, and with it a tied head.
    """
    ends = ends_of_model(model)
    table = ends.table / layout.tp
    below = table + ends.below if first else 0
    head = 0 if model.head.tied and first else table
    above = ends.above + ends.head_bias / layout.tp if last else 0
    held = below + above + (head if last else 0)
    if method.has_adapters:
        trained: Any = 0
    elif method.frozen_layers:
        trained = above + (head if last and not model.head.tied else 0)
    else:
        trained = held
    return Held(held, trained, 0, layout.shards)

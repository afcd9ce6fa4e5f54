"""What one rank of a layout holds: which blocks, which ends of the model, which share of them.

Tensor parallelism cuts the matrices of attention, network and vocabulary; norms, routers and
positions are whole on every rank. A pipeline gives the embedding to the first stage and the head
to the last; a tied matrix is on both (Narayanan et al. 2021, arXiv 2104.04473; Megatron-LM).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gptbudget.core.elementwise import minimum
from gptbudget.core.parameters import block_parameters, ends_of_model
from gptbudget.core.trained import adapter_parameters
from gptbudget.specs.layout import Layout
from gptbudget.specs.method import Method
from gptbudget.specs.model import ModelSpec


class Held(NamedTuple):
    """Parameters of one kind on one rank."""

    parameters: Any
    """Without adapters."""
    trained: Any
    """Those with gradients: adapters where there are some."""
    matrices: Any
    """Those of blocks that multiply: 4 bit under QLoRA, and Muon's."""
    shards: int
    """Data-parallel ranks that may share their states."""


class Placement(NamedTuple):
    """One rank: its stage of the pipeline and what lives there."""

    stage: int
    layers: int
    trained_layers: int
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
    """The largest single block, dense and expert weights together."""
    network: Any
    """Of that block, its feed-forward network or router and experts."""

    @property
    def kinds(self) -> tuple[Held, ...]:
        """Everything on the rank, by who shares it."""
        return (self.dense, self.experts, self.ends)

    @property
    def trains_table(self) -> bool:
        """Whether a vocabulary matrix of this rank has a gradient."""
        return bool(self.table and self.ends.trained >= self.table)

    @property
    def block_matrices(self) -> Any:
        """Matrices of all blocks of the stage."""
        return self.dense.matrices + self.experts.matrices


def stages_that_may_be_worst(model: ModelSpec, method: Method, layout: Layout) -> list[int]:
    """The first stage, the first that trains, and the last: no other needs more memory.

    Stages between hold fewer micro-batches than the first and neither end of the model.
    """
    training = [
        stage for stage in range(layout.pp) if _trained_layers(model, method, layout, stage)
    ]
    return sorted({0, training[0] if training else 0, layout.pp - 1})


def place(
    model: ModelSpec, method: Method, layout: Layout, stage: int = 0, micro_batches: Any = 1
) -> Placement:
    """What a rank of ``stage`` holds, with ``micro_batches`` a step and replica.

    Example: GPT-3 175B over 8 tensor and 8 pipeline ranks holds 12 of 96 blocks, an eighth each.
    """
    layers = sum(len(chunk) for chunk in _chunks(model, layout, stage))
    trained_layers = _trained_layers(model, method, layout, stage)
    one = block_parameters(model)
    dense_layers, expert_layers = _kinds_of_layers(model, layers)
    tp, ways = layout.tp, layout.expert_ways
    matrices = (
        layers * one.attention / tp
        + dense_layers * one.feed_forward_matrices / tp
        + expert_layers * (one.shared_expert / tp + one.router)
    )
    biases = dense_layers * (one.feed_forward - one.feed_forward_matrices) / tp
    dense = matrices + biases + layers * one.whole
    network, multiplied = one.feed_forward / tp, one.feed_forward_matrices / tp
    if expert_layers:
        beside = one.shared_expert / tp + one.router
        network, multiplied = beside + one.experts / ways, beside + one.expert_matrices / ways
    block = one.attention / tp + one.whole + network
    first, last = stage == 0, stage == layout.pp - 1
    of_blocks = _Trained(model, method, layout, layers, trained_layers)
    return Placement(
        stage=stage,
        layers=layers,
        trained_layers=trained_layers,
        in_flight=in_flight(layout, stage, micro_batches),
        first=first,
        last=last,
        dense=Held(dense, of_blocks.of(dense), matrices, layout.shards),
        experts=Held(
            expert_layers * one.experts / ways,
            of_blocks.of(expert_layers * one.experts / ways, adapted=False),
            expert_layers * one.expert_matrices / ways,
            layout.expert_shards,
        ),
        ends=_ends(model, method, layout, first=first, last=last),
        table=ends_of_model(model).table / tp if first or last else 0,
        block=Held(
            block, of_blocks.of(block, layers=1), one.attention / tp + multiplied, layout.shards
        ),
        network=network,
    )


def in_flight(layout: Layout, stage: int, micro_batches: Any) -> Any:
    """Micro-batches whose activations a stage keeps at once, in whole stages.

    One-forward-one-backward: p less the stage's index (Narayanan et al. 2021, section 2.2).
    Interleaved over v chunks: 1 + (p - 1) / (p v) times the model's on the first stage
    (Korthikanti et al. 2022, arXiv 2205.05198, section 4.2.3).
    """
    after = layout.pp - stage - 1
    if layout.vp == 1:
        return minimum(after + 1, micro_batches)
    chunks = minimum(2 * after + (layout.vp - 1) * layout.pp + 1, micro_batches * layout.vp)
    return chunks / layout.vp


def _chunks(model: ModelSpec, layout: Layout, stage: int) -> list[range]:
    """The blocks of a stage; the first stages take one more where they do not divide."""
    pieces = layout.pp * layout.vp
    whole, more = divmod(model.layers, pieces)

    def begin(piece: int) -> int:
        return piece * whole + min(piece, more)

    return [range(begin(piece), begin(piece + 1)) for piece in range(stage, pieces, layout.pp)]


def _trained_layers(model: ModelSpec, method: Method, layout: Layout, stage: int) -> int:
    frozen = method.frozen_layers
    return sum(block >= frozen for chunk in _chunks(model, layout, stage) for block in chunk)


def _kinds_of_layers(model: ModelSpec, layers: int) -> tuple[Any, Any]:
    """Dense and expert blocks of a stage, in the proportion of the model."""
    if layers == model.layers:
        return model.dense_layers, model.expert_layers
    expert = layers * model.expert_layers / model.layers
    return layers - expert, expert


class _Trained(NamedTuple):
    """How many of a stage's parameters have gradients."""

    model: ModelSpec
    method: Method
    layout: Layout
    layers: int
    trained_layers: int

    def of(self, parameters: Any, *, layers: int | None = None, adapted: bool = True) -> Any:
        """Of ``parameters`` in ``layers`` blocks; adapters are cut as the matrices beside them."""
        method = self.method
        if method.has_adapters:
            each = adapter_parameters(self.model, method.lora_rank, method.lora_targets)
            share = (layers or self.layers) / self.model.layers / self.layout.tp
            return each * share if adapted else 0
        whole = layers is not None or self.trained_layers == self.layers
        return parameters if whole else parameters * self.trained_layers / self.layers


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

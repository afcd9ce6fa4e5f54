"""FSDP buffers of one rank: weights all-gathered block by block, gradients reduce-scattered.

Embedding, final norm and head form one FSDP group that stays gathered during a pass; each block is
its own group. While a block is computed, the weights of the next one are gathered, and the
gradients of the one before are reduced (PyTorch, torch.distributed.fsdp.fully_shard). Derived from
PyTorch's FSDP memory tracker, tests/truth/fsdp.json.
"""

from operator import mul
from typing import NamedTuple

from gptbudget.core.arrays import Bytes, added, same_everywhere, where
from gptbudget.core.memory.placement import ParameterShard, Placement
from gptbudget.core.memory.states import base_bytes, gradient_bytes, held_bytes, weight_bytes
from gptbudget.core.step import TrainingStep
from gptbudget.specs.recipe import Recipe

_COMPUTE_BYTES = 2
_REDUCE_BYTES = 4
"""Bytes of a gathered weight in 16-bit compute, and of its gradient when reduced to fp32 shards."""


class Gathering(NamedTuple):
    """Bytes of each buffer; ``embedding_and_head`` is the group of all outside the blocks."""

    embedding_and_head: Bytes
    block: Bytes
    prefetch: Bytes
    """Weights of the next block, gathered while the current one is computed."""
    reduce_scatter_buffer: Bytes
    """The previous block's gradients, as the reduction takes them."""
    shard: Bytes
    """This rank's shard of a block's gradients."""
    layer_gradients: Bytes
    """Unsharded gradients of one block, as the backward pass produces them."""
    network: Bytes
    """The part of them that belongs to the feed-forward network, without the matrix whose gradient
    comes last."""
    embedding_and_head_gradients: Bytes
    table_gradient: Bytes
    """The part of them that is the gradient of the vocabulary matrix."""
    embedding_and_head_reduced: Bytes
    """Input and output of the reduce-scatter of all gradients outside the blocks."""
    frees: bool
    """Whether the optimizer runs in the backward pass and frees each gradient."""
    keeps: bool
    """Whether weights stay gathered between forward and backward pass (always in a pipeline)."""


def gathering(step: TrainingStep, placement: Placement) -> Gathering:
    """FSDP's buffers on one rank, in bytes.

    Llama-2 7B in 16-bit compute: 0.49 GiB outside the blocks and 0.38 GiB for a block, as much
    for the next, and 0.75 GiB for the gradients of one in the fp32 reduction.
    """
    recipe, layout = step.recipe, step.layout
    compute = compute_bytes(recipe)
    gradient = gradient_bytes(recipe, step.stack)
    reduce = _REDUCE_BYTES if recipe.weight_storage == "autocast" else gradient
    made = weight_bytes(recipe) if recipe.method.has_adapters else compute
    ends = placement.embedding_and_head
    kinds = placement.block_kinds
    on_host = recipe.offload == "all"
    gathered = [gathered_bytes(held, recipe) for held in kinds]
    comes = [where(on_host | (held.shards > 1), 1, 0) for held in kinds]
    own = made * added(held.trained for held in kinds)
    early = 2 / 3 if step.model.ffn.gated else 1 / 2
    parameters = added(held.parameters for held in kinds)
    share = placement.network / parameters if not recipe.method.has_adapters else 0.5
    table = placement.embedding_table if placement.trains_table else 0
    return Gathering(
        embedding_and_head=compute * ends.parameters,
        block=added(gathered),
        prefetch=added(map(mul, comes, gathered)),
        reduce_scatter_buffer=reduce
        * added(share * held.trained for share, held in zip(comes, kinds, strict=True)),
        shard=0 if on_host else gradient * added(held.trained / held.shards for held in kinds),
        layer_gradients=own,
        network=own * share * early,
        embedding_and_head_gradients=compute * ends.trained,
        table_gradient=compute * table,
        embedding_and_head_reduced=reduce * ends.trained * (1 + 1 / ends.shards),
        keeps=layout.zero < 3 or same_everywhere(layout.pp > 1),  # noqa: PLR2004 - stage 3 cuts them up again
        frees=recipe.optimizer_impl == "in-backward",
    )


def compute_bytes(recipe: Recipe) -> int:
    """Bytes of a gathered weight: 2 in 16-bit compute, whatever the type of its shards."""
    return base_bytes(recipe) if recipe.mode == "fp32" else _COMPUTE_BYTES


def whole_gradients(step: TrainingStep, placement: Placement) -> Bytes | None:
    """Bytes of unsharded gradients kept over micro-batches; ``None`` if each is sharded at once.

    A pipeline of FSDP ranks accumulates them in the reduce dtype until its last micro-batch
    (torch.distributed.pipelining, ``set_requires_gradient_sync``). Under ``no_sync`` FSDP's flat
    parameters sum them in the type of compute, those of frozen weights beside adapters too.
    """
    recipe, stack = step.recipe, step.stack
    if not recipe.accumulate:
        return None
    if stack.gathers_gradients:
        flat = placement.dense.parameters + placement.experts.parameters
        beside = (
            placement.trained
            if recipe.method.has_adapters
            else placement.embedding_and_head.trained
        )
        return compute_bytes(recipe) * (flat + beside)
    if same_everywhere(step.layout.pp > 1):
        wide = recipe.weight_storage == "autocast"
        return (_REDUCE_BYTES if wide else gradient_bytes(recipe, stack)) * placement.trained
    return None


def gathered_bytes(block: ParameterShard, recipe: Recipe) -> Bytes:
    """A block's weights as they are gathered: 4-bit ones stay packed."""
    return held_bytes(block, recipe, compute_bytes(recipe), compute_bytes(recipe))

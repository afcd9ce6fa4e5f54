"""FSDP on one rank: weights put together block by block, gradients cut up again.

Embedding, final norm and head are one group that stays whole through a pass; each block is
another. While a block is at work the weights of the next one are gathered, and the gradients of
the one before are reduced (PyTorch, torch.distributed.fsdp.fully_shard). Read off PyTorch's own
FSDP tracker, tests/truth/fsdp.json.
"""

from operator import mul
from typing import NamedTuple

from gptbudget.core.arrays import Bytes, added, same_everywhere, where
from gptbudget.core.memory.placement import ParameterShard, Placement
from gptbudget.core.memory.states import base_bytes, gradient_bytes, nf4_bytes, weight_bytes
from gptbudget.core.step import TrainingStep
from gptbudget.specs.recipe import Recipe

_COMPUTE_BYTES = 2
_REDUCE_BYTES = 4
"""Of a weight in 16-bit compute, and of its gradient in the reduction of fp32 shards."""


class Gathering(NamedTuple):
    """Bytes of each buffer; ``embedding_and_head`` is what stands outside the blocks."""

    embedding_and_head: Bytes
    block: Bytes
    prefetch: Bytes
    """The next block's weights, gathered while this one is at work."""
    reduce_scatter_buffer: Bytes
    """The previous block's gradients, as the reduction takes them."""
    shard: Bytes
    """A block's gradients once they are cut up."""
    layer_gradients: Bytes
    """A block's gradients, whole, as the backward pass makes them."""
    network: Bytes
    """Of those, the network's but for the matrix that is differentiated last."""
    embedding_and_head_gradients: Bytes
    table_gradient: Bytes
    """The vocabulary matrix's of that."""
    embedding_and_head_reduced: Bytes
    """All gradients outside the blocks and their shards, as the reduction takes and gives them."""
    frees: bool
    """The optimizer runs in the backward pass and frees each gradient."""
    keeps: bool
    """Weights stay together between forward and backward pass; in a pipeline they always do."""


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
    """Bytes of a gathered weight: 16 bit, whatever its shards are, but in full precision."""
    return base_bytes(recipe) if recipe.mode == "fp32" else _COMPUTE_BYTES


def whole_gradients(step: TrainingStep, placement: Placement) -> Bytes | None:
    """Gradients that are summed over micro-batches before they are cut up; ``None``: never.

    A pipeline of FSDP ranks sums them in the type of the reduction until its last micro-batch
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
    compute = compute_bytes(recipe)
    adapters = compute * block.trained if recipe.method.has_adapters else 0
    if recipe.method.kind != "qlora":
        return compute * block.parameters + adapters
    packed = nf4_bytes(block.matrices, double_quant=recipe.method.double_quant)
    return packed + compute * (block.parameters - block.matrices) + adapters

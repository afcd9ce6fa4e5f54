"""Training states of one rank, in bytes: weights, gradients, optimizer state, masters.

ZeRO shares them among data-parallel ranks: stage 1 optimizer state and masters, stage 2 the
gradients too, stage 3 the weights too (Rajbhandari et al. 2020, arXiv 1910.02054, section 5).
"""

from typing import Literal, NamedTuple

from gptbudget.core.arrays import Bytes, Count, Number, added, maximum, minimum
from gptbudget.core.memory.placement import ParameterShard, Placement
from gptbudget.core.parts import Parts
from gptbudget.specs.layout import Zero
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stack

_NF4_BYTES = 4 / 8 + 4 / 64
"""A 4-bit value, and an fp32 scale for each 64 (Dettmers et al. 2023, arXiv 2305.14314)."""

_NF4_DOUBLE_BYTES = 4 / 8 + 1 / 64 + 4 / (64 * 256)
"""The scales quantized to 8 bit, with an fp32 scale for each 256 of them: 4.127 bits a weight."""

Sharing = Literal["replicas", "buffer", "flattened", "fsdp"]
"""Whole weights and gradients in buckets (DistributedDataParallel); a gradient buffer that is
reduced in place (Megatron, llm.c); buckets and a flat copy for 16-bit weights with masters
(DeepSpeed); weights that are gathered block by block (FSDP2)."""

_BLOCKS_ON_CARD = 2
"""With everything offloaded, the block at work and the next one are on the card (ZeRO-Infinity,
arXiv 2104.07857, section 5.2; not measured)."""


class States(NamedTuple):
    """Bytes of weights, gradients and optimizer states on one rank."""

    weights: Bytes
    """On the card."""
    gradients: Bytes
    """All gradients of the trained weights, as far as they stay on the card."""
    optimizer_state: Bytes
    masters: Bytes
    weight_bytes_each: int
    """Of a trained weight."""
    trained: Count
    """Trained parameters whose optimizer state is on this rank."""
    table_gradient: Bytes
    """Bytes of the gradient of the vocabulary matrix; zero when it is frozen."""
    host: Parts[Bytes]
    """States in host memory, including the copy of the weights that is updated there."""


def data_parallel_mode(recipe: Recipe, zero: Zero, stack: Stack) -> Sharing:
    """Return the data-parallel implementation for a stack, a recipe and a ZeRO stage.

    Stage 3 is FSDP2; so is stage 2 with fp32 weights, which then keeps all 16-bit weights between
    forward and backward pass (``reshard_after_forward=False``).
    """
    if zero == 3 or (zero == 2 and recipe.weight_storage == "autocast"):  # noqa: PLR2004 - ZeRO stages
        return "fsdp"
    if stack.keeps_gradients:
        return "buffer"
    return "flattened" if zero and recipe.weight_storage == "master" else "replicas"


def training_states(placement: Placement, recipe: Recipe, zero: Zero, stack: Stack) -> States:
    """States of one recipe on one rank, in bytes.

    Published: 16 bytes a parameter for fp32 or autocast AdamW, so 23.21 GiB for GPT-2 XL; 18 in
    Megatron's bf16 with fp32 gradients, 6 + 12/d with its distributed optimizer, 20 and 4 + 16/d
    in its fp16 (docs/user-guide/features/dist_optimizer.md); 8 in pure bf16; 120, 31.4, 16.6 and
    1.9 GB for 7.5 billion in 16 bit with fp32 masters over 64 ranks in stages 0 to 3 (ZeRO,
    figure 1); Llama-2 7B in NF4 with double quantization is 3.24 GiB of 4.127-bit matrices.
    """
    weight = weight_bytes(recipe)
    gradient = gradient_bytes(recipe, stack)
    kinds = placement.kinds
    fsdp = data_parallel_mode(recipe, zero, stack) == "fsdp"
    cut = 2 if fsdp else 3
    if stack.quantizes_head:
        kinds = (*kinds[:-1], kinds[-1]._replace(matrices=placement.embedding_table))
    weights = added(_stored(held, recipe) / pieces(held, zero, cut) for held in kinds)
    gradients = added(gradient * held.trained / pieces(held, zero, 2) for held in kinds)
    if recipe.optimizer_impl == "in-backward":
        block = added(held.trained / pieces(held, zero, 2) for held in placement.block_kinds)
        ends = placement.embedding_and_head.trained / pieces(placement.embedding_and_head, zero, 2)
        gradients = gradient * maximum(block, ends)
    shared = recipe.optimizer_spec.sharded_from
    state = added(optimizer_bytes(held, recipe) / pieces(held, zero, shared) for held in kinds)
    trained = added(held.trained / pieces(held, zero, shared) for held in kinds)
    masters = _master_bytes(recipe, stack) * trained
    table = gradient * placement.embedding_table / pieces(placement.embedding_and_head, zero, 2)
    on_card = States(
        weights=weights,
        gradients=gradients,
        optimizer_state=state,
        masters=masters,
        weight_bytes_each=weight,
        trained=trained,
        table_gradient=table if placement.trains_table else 0,
        host=Parts({}),
    )
    if recipe.offload != "none":
        return _offloaded(on_card, placement, recipe, gradient, fsdp=fsdp)
    if recipe.optimizer_spec.paged:  # paged optimizer state is not required on the card
        return on_card._replace(optimizer_state=0, host=Parts({"optimizer_state": state}))
    return on_card


def _offloaded(
    states: States, placement: Placement, recipe: Recipe, gradient: float, *, fsdp: bool
) -> States:
    """States with offloading: the optimizer is on the host, or all except the current blocks.

    FSDP's gathered weights are those at work, so that nothing else is on the card.
    """
    each = states.weight_bytes_each
    own_copy = recipe.weight_storage == "master" and recipe.mode == "pure"
    updated = {"masters": states.masters} if own_copy else {"weights": each * states.trained}
    everything = {"weights": states.weights} if recipe.offload == "all" else {}
    host = Parts(
        {
            "optimizer_state": states.optimizer_state,
            "gradients": states.gradients,
            **updated,
            **everything,
        }
    )
    card = states._replace(optimizer_state=0, masters=0, host=host)
    if recipe.offload == "optimizer":
        return card
    if fsdp:
        return card._replace(weights=0, gradients=0, table_gradient=0)
    blocks = minimum(placement.layers, _BLOCKS_ON_CARD)
    weights = added(_stored(held, recipe) for held in placement.block_kinds)
    learned = added(held.trained for held in placement.block_kinds)
    trained_blocks = minimum(placement.trained_layers, _BLOCKS_ON_CARD)
    return card._replace(
        weights=_stored(placement.embedding_and_head, recipe) + blocks * weights,
        gradients=gradient * (placement.embedding_and_head.trained + trained_blocks * learned),
        table_gradient=gradient * placement.embedding_table if placement.trains_table else 0,
    )


def pieces(held: ParameterShard, zero: Zero, stage: int) -> Count:
    """Return the number of shards of a state that is sharded from ZeRO ``stage`` on."""
    return held.shards if zero >= stage else 1


def accumulates(recipe: Recipe, micro_batches: Count) -> Number:
    """Whether a step adds up gradients: it has several micro-batches, and does not free each."""
    return (micro_batches > 1) & (recipe.optimizer_impl != "in-backward")


def gradients_are_narrow(recipe: Recipe, stack: Stack) -> bool:
    """Whether gradients are summed in 16 bit, which rounds small ones away."""
    wide = recipe.mode != "pure" or recipe.method.has_adapters
    return not wide and gradient_bytes(recipe, stack) == 2  # noqa: PLR2004 - 16 bit


def optimizer_bytes(held: ParameterShard, recipe: Recipe) -> Bytes:
    """Bytes an optimizer keeps between steps: fp32 values, or 16-bit ones in a pure 16-bit recipe.

    AdamW on fp32 weights: 8 N, so 11.6 GiB for GPT-2 XL; bitsandbytes' 8-bit AdamW: 2.004 N.
    Muon keeps one tensor for the matrices of the blocks and AdamW's two for everything else.
    """
    each = 2 if recipe.weight_storage == "pure" and weight_bytes(recipe) == 2 else 4  # noqa: PLR2004
    state, matrix_state = recipe.optimizer_spec.state, recipe.optimizer_spec.matrix_state
    if matrix_state is None:
        return (each * state.tensors + state.fixed_bytes) * held.trained
    in_blocks = minimum(held.trained, held.matrices)
    elsewhere = held.trained - in_blocks
    values = matrix_state.tensors * in_blocks + state.tensors * elsewhere
    fixed_bytes = matrix_state.fixed_bytes * in_blocks + state.fixed_bytes * elsewhere
    return each * values + fixed_bytes


def nf4_bytes(weights: Count, *, double_quant: bool) -> Bytes:
    """Bytes of 4-bit NormalFloat weights with their scales."""
    return weights * (_NF4_DOUBLE_BYTES if double_quant else _NF4_BYTES)


def held_bytes(held: ParameterShard, recipe: Recipe, base: int, adapter: int) -> Bytes:
    """Bytes of weights, 4-bit ones packed and the rest of ``base`` each, and of their adapters."""
    adapters = adapter * held.trained if recipe.method.has_adapters else 0
    if recipe.method.kind != "qlora":
        return base * held.parameters + adapters
    packed = nf4_bytes(held.matrices, double_quant=recipe.method.double_quant)
    return packed + base * (held.parameters - held.matrices) + adapters


def weight_bytes(recipe: Recipe) -> int:
    """Bytes of one trained weight; adapters have a precision of their own."""
    if recipe.method.has_adapters:
        return 4 if recipe.method.lora_precision == "fp32" else 2
    return base_bytes(recipe)


def base_bytes(recipe: Recipe) -> int:
    """Bytes of one weight that is neither an adapter's nor quantized."""
    return 2 if recipe.mode == "pure" else 4


def gradient_bytes(recipe: Recipe, stack: Stack) -> float:
    """Bytes of one gradient: as of its weight, unless masters sum gradients in another type."""
    if recipe.weight_storage == "master" and not _copies_gradients(recipe, stack):
        return stack.master_gradient_bytes
    return weight_bytes(recipe)


def _master_bytes(recipe: Recipe, stack: Stack) -> int:
    """Bytes of an fp32 master, and of its own gradient where there is one."""
    if recipe.weight_storage != "master" or recipe.mode != "pure":
        return 0
    return 8 if _copies_gradients(recipe, stack) else 4


def _copies_gradients(recipe: Recipe, stack: Stack) -> bool:
    """Megatron sums in fp16 when it trains in fp16, and copies the sum for the masters."""
    return recipe.precision == "fp16" and stack.copies_fp16_gradients


def _stored(held: ParameterShard, recipe: Recipe) -> Bytes:
    """Bytes of the weights as stored: quantized, 16 bit or fp32, and adapters beside them."""
    return held_bytes(held, recipe, base_bytes(recipe), weight_bytes(recipe))

"""Amounts in bytes from which the phases of a step are computed, for one rank."""

from functools import partial
from typing import NamedTuple

from gptbudget.core.arrays import Bytes, maximum, where
from gptbudget.core.memory.activations import (
    autocast_copies,
    layer_tensors,
    quantized_inputs,
    recomputed_tensors,
    sized,
)
from gptbudget.core.memory.buffers import gradient_buckets, messages
from gptbudget.core.memory.fsdp import Gathering, gathering, whole_gradients
from gptbudget.core.memory.loss import LossAmounts, loss_amounts
from gptbudget.core.memory.placement import Placement
from gptbudget.core.memory.states import States, data_parallel_mode, training_states
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep
from gptbudget.core.tensors import vocabulary_matrix
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe


class RankAmounts(NamedTuple):
    """Sizes of everything one rank allocates in a training step."""

    model: ModelSpec
    recipe: Recipe
    placement: Placement
    states: States
    begin: Parts[Bytes]
    """Alive before a step: weights, optimizer state, accumulated gradients, masks, buckets."""
    reduces_at_end: bool
    """Whether gradients stay unsharded until the last micro-batch and are then reduce-scattered."""
    messages: Bytes
    """Buffers of communication while a pass runs."""
    saved_by_layers: Bytes
    """Activations saved by all blocks for all micro-batches in flight."""
    saved_per_checkpoint: Bytes
    """Activations saved by one block for one micro-batch, with checkpointing applied."""
    saved_per_layer: Bytes
    """Activations of one block without checkpointing, or after recomputation."""
    recomputed: Bytes
    """Activations recomputed for the block whose gradients are being computed."""
    mask: Bytes
    """A mask that is an input of every checkpointed block."""
    residual: Bytes
    """Bytes of one residual stream (its gradient has the same size)."""
    loss: LossAmounts
    block_backward_temporary: Bytes
    norm_backward_temporary: Bytes
    block_copies: Bytes
    """Autocast copies of the matrices of all blocks."""
    gathering: Gathering | None
    """FSDP's buffers, where weights are gathered block by block."""
    flattens_gradients: bool
    """DeepSpeed copies gradients flat and to fp32 for the step."""

    @property
    def layers(self) -> Bytes:
        """Blocks of the stage that are differentiated."""
        return maximum(self.placement.trained_layers, 1)


def rank_amounts(step: TrainingStep, placement: Placement) -> RankAmounts | None:
    """Compute one rank; ``None`` when the attention kind does not exist in this precision."""
    recipe, layout, parts = step.recipe, step.layout, step.implementation
    states = training_states(placement, recipe, layout.zero, step.stack)
    sharing = data_parallel_mode(recipe, layout.zero, step.stack)
    buckets = gradient_buckets(step, placement, states)
    gathered = gathering(step, placement) if sharing == "fsdp" else None
    whole = whole_gradients(step, placement) if gathered else None
    if gathered and recipe.mode == "autocast":  # FSDP casts the weights, autocast has nothing to do
        recipe = recipe._replace(weight_storage="pure")
        step = step._replace(recipe=recipe)
    tensors, mode = layer_tensors(step), recipe.mode
    if tensors is None:
        return None

    size = partial(sized, step)
    element = 2 if mode == "pure" else 4
    width = size({"width": 1})
    residual = element * width
    layer = size(tensors) + _viewed(step) / layout.tp
    again = size(recomputed_tensors(step.stack, tensors))
    saved = {"none": layer, "selective": layer - again, "full": residual}[recipe.checkpointing]
    attention = parts.parts.attention_differentiated.get(recipe.attention, {}).get(mode, {})
    network_freed = size({"ffn": tensors.get("ffn", 0)})
    mask = _checkpointed_mask(step)
    accumulated = states if whole is None else states._replace(gradients=whole)
    held = placement.trained_layers * size(quantized_inputs(step))
    held = held if step.stack.holds_inputs else 0
    trained = placement.trained_layers / maximum(placement.layers, 1)
    return RankAmounts(
        model=step.model,
        recipe=recipe,
        placement=placement,
        states=states,
        begin=_begin(step, accumulated, buckets, held),
        reduces_at_end=whole is not None,
        messages=messages(step, placement.in_flight),
        saved_by_layers=placement.in_flight * placement.trained_layers * saved + mask,
        saved_per_checkpoint=saved,
        saved_per_layer=layer,
        recomputed={"none": 0, "selective": again, "full": layer}[recipe.checkpointing],
        mask=mask,
        residual=residual,
        loss=loss_amounts(step, placement, states),
        block_backward_temporary=maximum(
            size(parts.feed_forward.differentiated[mode]), size(attention) - network_freed, 0
        )
        + _unpacked(step),
        norm_backward_temporary=width * parts.norm.differentiated[mode],
        block_copies=autocast_copies(
            recipe, (placement.dense.matrices + placement.experts.matrices) * trained
        ),
        gathering=gathered,
        flattens_gradients=sharing == "flattened",
    )


def _begin(step: TrainingStep, states: States, buckets: Bytes, held: Bytes) -> Parts[Bytes]:
    model, recipe = step.model, step.recipe
    registered = step.stack.registers_mask and recipe.attention == "eager"
    mask = (2 if recipe.mode == "pure" else 4) * model.layers * model.context**2
    return Parts(
        {
            "weights": states.weights,
            "gradients": states.gradients if recipe.accumulate else 0,
            "optimizer_state": states.optimizer_state,
            "masters": states.masters,
            "buffers": mask if registered else 0,
            "communication_buffers": buckets,
            "activations": held,
        }
    )


def _viewed(step: TrainingStep) -> Bytes:
    """Queries and keys of a layer that stay alive because the saved values are a view of all three.

    Math attention uses batched matmuls over sequences and heads. In fp32 with one sequence, the
    values can be used as a view of the fused QKV output; with several sequences they are copied.
    """
    model, recipe = step.model, step.recipe
    fused = model.block_kind in step.stack.fused_qkv
    if not (fused and recipe.attention == "math" and recipe.mode == "fp32"):
        return 0
    viewed = 4 * step.seq_len * (model.query_width + model.kv_width)
    return where(step.micro_batch == 1, viewed, 0)


def _checkpointed_mask(step: TrainingStep) -> Bytes:
    """A mask of each pair that is an input of every checkpointed block, kept once for all."""
    recipe = step.recipe
    passed = recipe.attention == "eager" and step.stack.passes_mask
    if not passed or recipe.checkpointing != "full":
        return 0
    return (2 if recipe.mode == "pure" else 4) * (step.tokens * step.seq_len)


def _unpacked(step: TrainingStep) -> Bytes:
    """The largest 4-bit matrix, unpacked to 16 bit while it multiplies."""
    if step.recipe.method.kind != "qlora":
        return 0
    largest = step.model.width * step.model.ffn_width
    if step.stack.quantizes_head:
        largest = max(largest, vocabulary_matrix(step.model))
    return step.stack.unpacked_bytes * largest / step.layout.tp

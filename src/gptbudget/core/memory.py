"""Bytes on one GPU at each phase of a training step; the peak is the largest phase.

Adding weights, gradients, optimizer state, activations and logits up overstates the peak
by up to a quarter: they are never all alive at once. So each phase is counted for itself:

    start            weights, optimizer state, masters (and gradients, when accumulating)
    forward_end      + what every block and the head keep for the backward pass
    forward_peak     + the temporaries of the loss
    loss_backward    + the temporaries of its gradient
    block_backward   head freed; temporaries and gradients of the last block, the first, or the
                     embedding, whichever is largest
    backward_end     every gradient
    optimizer_step   every gradient, and the temporaries of the optimizer

Left out are the driver, library workspaces and the allocator: :mod:`gptbudget.core.overhead`.

Every function takes plain numbers or NumPy arrays for the micro-batch and sequence length.
Legend: b micro-batch (sequences), s sequence length, h model width, V vocabulary, L layers.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from gptbudget.core.activations import (
    Implementation,
    head_tensors,
    layer_tensors,
    score_tensors,
    sized,
)
from gptbudget.core.elementwise import maximum, where
from gptbudget.core.parameters import matmul_weights
from gptbudget.core.parts import Parts
from gptbudget.core.states import States, training_states
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe

Phase = Literal[
    "start",
    "forward_peak",
    "forward_end",
    "loss_backward",
    "block_backward",
    "backward_end",
    "optimizer_step",
]

_AUTOCAST_COPY_BYTES = 2
"""Each matrix that multiplies is kept in 16 bit for the backward pass, head included."""


class MemoryByPhase(NamedTuple):
    """Bytes at each phase, each as named parts, and what lives in host memory instead."""

    phases: dict[Phase, Parts[Any]]
    host: Parts[Any]

    @property
    def peak_bytes(self) -> Any:
        """The largest phase, in bytes."""
        return maximum(*(parts.total for parts in self.phases.values()))

    @property
    def peak_phase(self) -> Phase:
        """The phase that is the peak (of a single case, not of arrays)."""
        return max(self.phases, key=lambda phase: self.phases[phase].total)


def memory_by_phase(
    model: ModelSpec, recipe: Recipe, how: Implementation, micro_batch: Any, seq_len: Any
) -> MemoryByPhase | None:
    """Bytes at each phase of a steady training step (optimizer state exists).

    ``None`` when the attention kind does not exist in this precision.

    Assumes that the caller keeps only the loss (unless ``keep_logits``) and sets gradients to
    None after each step. GPT-2 XL with nanoGPT's blocks at 8 x 1,024 tokens peaks at 45.34 GiB
    (PyTorch's MemTracker), in the backward pass of the loss.
    """
    step = _measure(model, recipe, how, micro_batch, seq_len)
    if step is None:
        return None
    phases: dict[Phase, Parts[Any]] = {
        "start": step.begin,
        "forward_peak": _forward_peak(step),
        "forward_end": _forward_end(step),
        "loss_backward": _loss_backward(step),
        "block_backward": _block_backward(step),
        "backward_end": _backward_end(step),
        "optimizer_step": _optimizer_step(step),
    }
    return MemoryByPhase(phases, step.states.host)


class _Step(NamedTuple):
    """The amounts that several phases share, in bytes."""

    model: ModelSpec
    recipe: Recipe
    states: States
    begin: Parts[Any]
    """Alive before a step: weights, optimizer state, accumulated gradients, masks."""
    kept_by_blocks: Any
    """What all blocks keep for the backward pass."""
    kept_by_one: Any
    """What one block keeps once it is computed again, or at once."""
    computed_again: Any
    """What checkpointing brings back for the block being differentiated."""
    residual: Any
    """One residual stream, and its gradient."""
    head_saved: Any
    logits_held: Any
    forward_temporary: Any
    loss_backward_temporary: Any
    block_backward_temporary: Any
    block_copies: Any
    """Autocast copies of the matrices of all blocks."""
    head_copy: Any
    fused_head_gradient: Any
    """A fused loss has the gradient of the head ready with the loss."""


def _measure(
    model: ModelSpec, recipe: Recipe, how: Implementation, micro_batch: Any, seq_len: Any
) -> _Step | None:
    tensors, mode = layer_tensors(model, recipe, how), recipe.mode
    if tensors is None:
        return None

    def size(part: Any) -> Any:
        return sized(model, part, micro_batch, seq_len)

    states = training_states(model, recipe, how.stack.master_gradient_bytes)
    tokens = micro_batch * seq_len
    residual = (2 if mode == "pure" else 4) * tokens * model.width
    layer = size(tensors) + _viewed(model, recipe, how, micro_batch, seq_len)
    scores = size(score_tensors(recipe, tensors))
    kept = {"none": layer, "selective": layer - scores, "full": residual}[recipe.checkpointing]
    trained_layers = model.layers - recipe.method.frozen_layers
    attention = how.parts.attention_differentiated.get(recipe.attention, {}).get(mode, {})
    network_freed = size({"ffn": tensors.get("ffn", 0)})
    logit = 4 if mode == "fp32" else 2
    return _Step(
        model=model,
        recipe=recipe,
        states=states,
        begin=_begin(model, recipe, how, states),
        kept_by_blocks=trained_layers * kept + _checkpointed_mask(recipe, how, tokens * seq_len),
        kept_by_one=layer,
        computed_again={"none": 0, "selective": scores, "full": layer}[recipe.checkpointing],
        residual=residual,
        head_saved=size(head_tensors(model, recipe, how)),
        logits_held=logit * tokens * model.vocabulary if recipe.keep_logits else 0,
        forward_temporary=size(how.loss.forward_temporary[mode]),
        loss_backward_temporary=size(how.loss.backward_temporary[mode]),
        block_backward_temporary=maximum(
            size(how.feed_forward.differentiated[mode]), size(attention) - network_freed
        )
        + _dequantized(model, recipe),
        block_copies=_autocast_copies(model, recipe, head=False),
        head_copy=_autocast_copies(model, recipe, head=True),
        fused_head_gradient=states.table if recipe.loss == "fused" else 0,
    )


def _begin(model: ModelSpec, recipe: Recipe, how: Implementation, states: States) -> Parts[Any]:
    registered = how.stack.registers_mask and recipe.attention == "eager"
    mask = (2 if recipe.mode == "pure" else 4) * model.layers * model.context**2
    return Parts(
        {
            "weights": states.weights,
            "gradients": states.gradients if recipe.accumulate else 0,
            "optimizer_state": states.optimizer_state,
            "masters": states.masters,
            "buffers": mask if registered else 0,
        }
    )


def _viewed(
    model: ModelSpec, recipe: Recipe, how: Implementation, micro_batch: Any, seq_len: Any
) -> Any:
    """Queries and keys that a view of the values keeps alive in one layer.

    Written-out attention multiplies matrices of all sequences and heads at once. In fp32 the
    values of a single sequence are such matrices as they lie in the product they come from with
    queries and keys; those of several sequences are copied.
    """
    fused = model.block_kind in how.stack.fused_qkv
    if not (fused and recipe.attention == "math" and recipe.mode == "fp32"):
        return 0
    return where(micro_batch == 1, 4 * seq_len * (model.query_width + model.kv_width), 0)


def _checkpointed_mask(recipe: Recipe, how: Implementation, pairs: Any) -> Any:
    """A mask of each pair that is an input of every checkpointed block, kept once for all."""
    passed = recipe.attention == "eager" and how.stack.passes_mask
    checkpointed = recipe.checkpointing == "full"
    return (2 if recipe.mode == "pure" else 4) * pairs if passed and checkpointed else 0


def _autocast_copies(model: ModelSpec, recipe: Recipe, *, head: bool) -> Any:
    """16-bit copies that autocast keeps of the head, or of all other matrices that multiply."""
    if recipe.mode != "autocast":
        return 0
    matrices = matmul_weights(model)
    share = 1 - recipe.method.frozen_layers / model.layers
    amount = matrices["head"] if head else (matrices.total - matrices["head"]) * share
    return _AUTOCAST_COPY_BYTES * amount


def _dequantized(model: ModelSpec, recipe: Recipe) -> Any:
    """The largest 4-bit matrix, unpacked to 16 bit while it multiplies."""
    return 2 * model.width * model.ffn_width if recipe.method.kind == "qlora" else 0


def _with(states: Parts[Any], **more: Any) -> Parts[Any]:
    """``states`` with parts added to those of the same name."""
    amounts = dict(states)
    for part, amount in more.items():
        amounts[part] = amounts.get(part, 0) + amount
    return Parts(amounts)


def _gradients(step: _Step, amount: Any) -> Any:
    """Gradients that a phase adds: none where the accumulated ones are there already."""
    return 0 if step.recipe.accumulate else amount


def _forward_end(step: _Step) -> Parts[Any]:
    """Everything kept for the backward pass; checkpointed blocks keep no weight copies."""
    full = step.recipe.checkpointing == "full"
    return _with(
        step.begin,
        gradients=_gradients(step, step.fused_head_gradient),
        autocast_copies=step.head_copy + (0 if full else step.block_copies),
        activations=step.kept_by_blocks,
        logits=step.head_saved + step.logits_held,
    )


def _forward_peak(step: _Step) -> Parts[Any]:
    """The loss at work; autocast's cache still holds every copy, checkpointed or not.

    It holds those of trained weights only (PyTorch's autocast_mode.cpp, cached_cast). Logits that
    the caller keeps are among the temporaries here.
    """
    trained = not step.recipe.method.has_adapters
    cached = trained and step.recipe.checkpointing == "full"
    return _with(
        _forward_end(step),
        autocast_copies=step.block_copies if cached else 0,
        activations=_embedded(step),
        logits=-step.logits_held,
        temporaries=step.forward_temporary,
    )


def _loss_backward(step: _Step) -> Parts[Any]:
    return _with(_forward_end(step), temporaries=step.loss_backward_temporary)


def _block_backward(step: _Step) -> Parts[Any]:
    """The largest moment of the backward pass below the head: last block, first, embedding."""
    peak = _last_block_backward(step)
    for moment in (_first_block_backward(step), _embedding_backward(step)):
        larger = moment.total > peak.total
        peak = Parts({part: where(larger, moment[part], peak[part]) for part in peak})
    return peak


def _copies_in_backward(step: _Step, *, first: bool) -> Any:
    """Autocast copies of the recomputed block, or of all blocks not yet differentiated."""
    one = step.block_copies / (step.model.layers - step.recipe.method.frozen_layers)
    return one if first or step.recipe.checkpointing == "full" else step.block_copies


def _last_block_backward(step: _Step) -> Parts[Any]:
    """The last block, first to be differentiated: all blocks still hold what they keep."""
    return _with(
        step.begin,
        gradients=_gradients(step, step.states.table),
        autocast_copies=_copies_in_backward(step, first=False),
        activations=step.kept_by_blocks + step.computed_again,
        logits=step.logits_held,
        temporaries=step.block_backward_temporary,
    )


def _first_block_backward(step: _Step) -> Parts[Any]:
    """The first trained block, last to be differentiated: all gradients but its own.

    The gradient of an embedding is not there yet, unless the head is the same matrix.
    """
    states = step.states
    layers = step.model.layers - step.recipe.method.frozen_layers
    of_blocks = maximum(states.gradients - states.table, 0)
    head = states.table if step.model.head.tied else 0
    full = step.recipe.checkpointing == "full"
    return _with(
        step.begin,
        gradients=_gradients(step, of_blocks * (1 - 1 / layers) + head),
        autocast_copies=_copies_in_backward(step, first=True),
        activations=step.kept_by_one + (step.residual if full else 0),
        logits=step.logits_held,
        temporaries=step.block_backward_temporary,
    )


def _embedding_backward(step: _Step) -> Parts[Any]:
    """Every gradient, and that of the residual; two gradients of a tied matrix are added."""
    twins = (1 if step.recipe.mode == "autocast" else 2) if step.model.head.tied else 0
    return _with(
        step.begin,
        gradients=_gradients(step, step.states.gradients),
        autocast_copies=0,
        activations=0,
        logits=step.logits_held,
        temporaries=twins * step.states.table + step.residual,
    )


def _embedded(step: _Step) -> Any:
    """The embedding's output, which a checkpointed block with adapters needs as a leaf.

    Nothing below the first block is trained, so that it is asked for a gradient in place of the
    weights (transformers, enable_input_require_grads); it and that gradient outlive the step.
    """
    recipe = step.recipe
    return step.residual if recipe.method.has_adapters and recipe.checkpointing == "full" else 0


def _backward_end(step: _Step) -> Parts[Any]:
    return _with(
        step.begin,
        gradients=_gradients(step, step.states.gradients),
        activations=_embedded(step),
        logits=step.logits_held,
        temporaries=_embedded(step),
    )


def _optimizer_step(step: _Step) -> Parts[Any]:
    return _with(_backward_end(step), temporaries=_optimizer_temporaries(step))


def _optimizer_temporaries(step: _Step) -> Any:
    """Fused kernels work in place; the others hold copies of one or of all tensors."""
    recipe, states = step.recipe, step.states
    if recipe.offload != "none":
        return 0
    if recipe.optimizer == "adafactor":  # torch's; the loop is Hugging Face's: four fp32 copies
        loop = recipe.optimizer_impl == "loop"
        return 4 * 4 * matmul_weights(step.model)["head"] if loop else states.table
    if recipe.optimizer == "adamw" and recipe.optimizer_impl == "foreach":
        return states.weight_bytes_each * states.trained
    if recipe.optimizer == "adamw" and recipe.optimizer_impl == "loop":
        return 2 * states.table
    return 0

"""Bytes on one GPU at each phase of a training step; the peak is the largest phase.

Adding weights, gradients, optimizer state, activations and logits up overstates the peak
by up to a quarter: they are never all alive at once. So each phase is counted for itself:

    start            weights, optimizer state (and gradients, when accumulating)
    forward_end      + what every block and the head keep for the backward pass
    forward_peak     + the temporaries of the loss
    loss_backward    + the temporaries of its gradient
    block_backward   head freed; temporaries and gradients of the block being differentiated
    backward_end     every gradient, and the gradient of the residual stream
    optimizer_step   every gradient, and the temporaries of the optimizer

Coefficients come from measured blocks (``stacks.yaml``). Left out are the driver, library
workspaces and the allocator: :mod:`gptbudget.core.overhead`.

Every function takes plain numbers or NumPy arrays for the micro-batch and sequence length.
Legend: b micro-batch (sequences), s sequence length, N parameters, P = bytes of the weights.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from gptbudget.core.elementwise import maximum, where
from gptbudget.core.parameters import count_parameters, matmul_weights
from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Optimizer, Recipe
from gptbudget.specs.stack import BlockMemory, Tensors, Unit

Phase = Literal[
    "start",
    "forward_peak",
    "forward_end",
    "loss_backward",
    "block_backward",
    "backward_end",
    "optimizer_step",
]

_STATES_PER_WEIGHT: dict[Optimizer, float] = {
    "adamw": 2,
    "lion": 1,
    "sgdm": 1,
    "sgd": 0,
    "adafactor": 0,
}
"""Optimizer tensors of the size and type of the weights: moments of AdamW (arXiv 1711.05101),
one of Lion (arXiv 2302.06675) and of momentum SGD; Adafactor's are rows and columns
(arXiv 1804.04235), next to nothing."""

_ADAMW8BIT_BYTES = 2 + 2 * 4 / 2048
"""Bytes per parameter of 8-bit AdamW: two 1-byte moments and a 4-byte scale for each block of
2,048 values (bitsandbytes, optim/optimizer.py)."""

_AUTOCAST_COPY_BYTES = 2
"""Each matrix that multiplies is kept in 16 bit for the backward pass, head included."""


class MemoryByPhase(NamedTuple):
    """Bytes at each phase, each as named parts."""

    phases: dict[Phase, Parts[Any]]

    @property
    def peak_bytes(self) -> Any:
        """The largest phase, in bytes."""
        return maximum(*(parts.total for parts in self.phases.values()))

    @property
    def peak_phase(self) -> Phase:
        """The phase that is the peak (of a single case, not of arrays)."""
        return max(self.phases, key=lambda phase: self.phases[phase].total)


def memory_by_phase(
    model: ModelSpec, recipe: Recipe, block: BlockMemory, micro_batch: Any, seq_len: Any
) -> MemoryByPhase | None:
    """Bytes at each phase of a steady training step (optimizer state exists).

    ``None`` when the block was not measured with this precision and attention.

    Assumes that the caller keeps only the loss (unless ``keep_logits``) and sets gradients to
    None after each step. GPT-2 XL with nanoGPT's blocks at 8 x 1,024 tokens peaks at 45.34 GiB
    (PyTorch's MemTracker), in the backward pass of the loss.
    """
    step = _Step.measure(model, recipe, block, micro_batch, seq_len)
    if step is None:
        return None
    return MemoryByPhase(
        {
            "start": step.states,
            "forward_peak": _forward_peak(step),
            "forward_end": _forward_end(step),
            "loss_backward": _loss_backward(step),
            "block_backward": _block_backward(step),
            "backward_end": _backward_end(step),
            "optimizer_step": _optimizer_step(step),
        }
    )


class _Step(NamedTuple):
    """The amounts that several phases share, in bytes."""

    model: ModelSpec
    recipe: Recipe
    parameters: int
    layer_saved: Any
    """What one layer keeps for its backward pass."""
    buffers: Any
    """Tensors without gradient: attention masks of modules that register them."""
    residual: Any
    """One residual stream: what a checkpointed layer keeps instead."""
    head_saved: Any
    logits_held: Any
    forward_temporary: Any
    loss_backward_temporary: Any
    block_backward_temporary: Any

    @classmethod
    def measure(
        cls, model: ModelSpec, recipe: Recipe, block: BlockMemory, micro_batch: Any, seq_len: Any
    ) -> _Step | None:
        mode, kind = recipe.mode, recipe.attention
        scores = block.attention.get(kind, {}).get(mode)
        saved, head = block.saved.get(mode), block.head.get(mode)
        if saved is None or scores is None or head is None:
            return None

        def size(*tensors: Tensors) -> Any:
            return sum(tensor_bytes(model, t, micro_batch, seq_len) for t in tensors)

        score_dropout = block.dropout_scores.get(kind, {}).get(mode, {})
        dropped = (block.dropout, score_dropout) if recipe.dropout else ()
        differentiated_scores = block.block_backward_scores.get(kind, {}).get(mode, {})
        tokens = micro_batch * seq_len
        wide = 4 if mode != "pure" else 2
        return cls(
            model=model,
            recipe=recipe,
            parameters=count_parameters(model).total,
            layer_saved=size(saved, scores, *dropped),
            buffers=_mask_bytes(block, recipe) * model.layers * model.context**2,
            residual=wide * tokens * model.width,
            head_saved=size(head),
            logits_held=(2 if mode != "fp32" else 4) * tokens * model.vocabulary
            if recipe.keep_logits
            else 0,
            forward_temporary=size(block.forward_temporary[mode]),
            loss_backward_temporary=size(block.loss_backward_temporary[mode]),
            block_backward_temporary=maximum(
                size(block.block_backward_temporary[mode]),
                size(differentiated_scores) - size({"ffn": saved.get("ffn", 0)}),
            ),
        )

    @property
    def weight_bytes_each(self) -> int:
        return 2 if self.recipe.mode == "pure" else 4

    @property
    def weights(self) -> int:
        return self.weight_bytes_each * self.parameters

    @property
    def states(self) -> Parts[Any]:
        """What is alive before a step: weights, optimizer state, accumulated gradients."""
        return Parts(
            {
                "weights": self.weights,
                "gradients": self.weights if self.recipe.accumulate else 0,
                "optimizer_state": optimizer_state_bytes(
                    self.recipe.optimizer, self.parameters, self.weights
                ),
                "buffers": self.buffers,
            }
        )

    @property
    def checkpointed(self) -> bool:
        return self.recipe.checkpointing == "full"

    @property
    def block_copies(self) -> Any:
        """Autocast copies of the matrices of all blocks."""
        if self.recipe.mode != "autocast":
            return 0
        matrices = matmul_weights(self.model)
        return _AUTOCAST_COPY_BYTES * (matrices.total - matrices["head"])

    @property
    def head_copy(self) -> Any:
        if self.recipe.mode != "autocast":
            return 0
        return _AUTOCAST_COPY_BYTES * matmul_weights(self.model)["head"]

    @property
    def copies_in_backward(self) -> Any:
        """Autocast copies while blocks are differentiated: of the recomputed one, or of all."""
        return self.block_copies / self.model.layers if self.checkpointed else self.block_copies

    @property
    def table(self) -> int:
        """The vocabulary matrix, the largest single tensor, in the type of the weights."""
        return self.weight_bytes_each * self.model.vocabulary * self.model.width

    @property
    def kept_by_blocks(self) -> Any:
        """What all blocks keep for the backward pass."""
        return self.model.layers * (self.residual if self.checkpointed else self.layer_saved)


def _mask_bytes(block: BlockMemory, recipe: Recipe) -> float:
    """Bytes of a registered causal mask for each pair of positions, in the type of the weights."""
    registered = block.registers_mask and recipe.attention == "eager"
    return (2 if recipe.mode == "pure" else 4) if registered else 0


def tensor_bytes(model: ModelSpec, tensors: Tensors, micro_batch: Any, seq_len: Any) -> Any:
    """Bytes of a set of tensors: what each unit counts, times its bytes."""
    tokens, heads = micro_batch * seq_len, model.attention.heads
    counts: dict[Unit, Any] = {
        "width": tokens * model.width,
        "query": tokens * model.query_width,
        "kv": tokens * model.kv_width,
        "ffn": tokens * model.ffn_width,
        "vocabulary": tokens * model.vocabulary,
        "head": tokens * heads,
        "token": tokens,
        "score": tokens * seq_len * heads,
        "pair": seq_len * seq_len,
    }
    return sum(size * counts[unit] for unit, size in tensors.items())


def optimizer_state_bytes(optimizer: Optimizer, parameters: Any, weight_bytes: Any) -> Any:
    """Bytes an optimizer keeps between steps.

    AdamW on fp32 weights: 8 N, so 11.6 GiB for GPT-2 XL; bitsandbytes' 8-bit AdamW: 2.004 N.
    """
    if optimizer == "adamw8bit":
        return _ADAMW8BIT_BYTES * parameters
    return _STATES_PER_WEIGHT[optimizer] * weight_bytes


def _with(states: Parts[Any], **more: Any) -> Parts[Any]:
    """``states`` with parts added to those of the same name."""
    amounts = dict(states)
    for part, amount in more.items():
        amounts[part] = amounts.get(part, 0) + amount
    return Parts(amounts)


def _forward_end(step: _Step) -> Parts[Any]:
    """Everything kept for the backward pass; checkpointed blocks keep no weight copies."""
    return _with(
        step.states,
        autocast_copies=step.head_copy + (0 if step.checkpointed else step.block_copies),
        activations=step.kept_by_blocks,
        logits=step.head_saved + step.logits_held,
    )


def _forward_peak(step: _Step) -> Parts[Any]:
    """The loss at work; autocast's cache still holds every copy, checkpointed or not.

    Logits that the caller keeps are among the temporaries here.
    """
    return _with(
        _forward_end(step),
        autocast_copies=step.block_copies if step.checkpointed else 0,
        logits=-step.logits_held,
        temporaries=step.forward_temporary,
    )


def _loss_backward(step: _Step) -> Parts[Any]:
    return _with(_forward_end(step), temporaries=step.loss_backward_temporary)


def _block_backward(step: _Step) -> Parts[Any]:
    """The larger of the two ends of the backward pass through the blocks."""
    last, first = _last_block_backward(step), _first_block_backward(step)
    later = first.total > last.total
    return Parts({part: where(later, first[part], last[part]) for part in last})


def _last_block_backward(step: _Step) -> Parts[Any]:
    """The last block, first to be differentiated: all blocks still hold what they keep."""
    return _with(
        step.states,
        gradients=0 if step.recipe.accumulate else step.table,
        autocast_copies=step.copies_in_backward,
        activations=step.kept_by_blocks + (step.layer_saved if step.checkpointed else 0),
        logits=step.logits_held,
        temporaries=step.block_backward_temporary,
    )


def _first_block_backward(step: _Step) -> Parts[Any]:
    """The first block, last to be differentiated: all gradients but its own and the table's."""
    tied_table = step.table if step.model.head.tied else 0
    block_weights = (step.weights - step.table) / step.model.layers
    return _with(
        step.states,
        gradients=0
        if step.recipe.accumulate
        else step.weights - step.table - block_weights + tied_table,
        autocast_copies=step.copies_in_backward / (1 if step.checkpointed else step.model.layers),
        activations=step.layer_saved + (step.residual if step.checkpointed else 0),
        logits=step.logits_held,
        temporaries=step.block_backward_temporary,
    )


def _backward_end(step: _Step) -> Parts[Any]:
    """Every gradient; the two gradients of a tied matrix are added out of place."""
    twins = (1 if step.recipe.mode == "autocast" else 2) if step.model.head.tied else 0
    return _with(
        step.states,
        gradients=0 if step.recipe.accumulate else step.weights,
        logits=step.logits_held,
        temporaries=twins * step.table + step.residual,
    )


def _optimizer_step(step: _Step) -> Parts[Any]:
    return _with(
        step.states,
        gradients=0 if step.recipe.accumulate else step.weights,
        logits=step.logits_held,
        temporaries=_optimizer_temporaries(step),
    )


def _optimizer_temporaries(step: _Step) -> Any:
    """Fused kernels work in place; the others hold copies of one or of all tensors."""
    optimizer, impl = step.recipe.optimizer, step.recipe.optimizer_impl
    if optimizer == "adafactor":
        return step.table
    if optimizer == "adamw" and impl == "foreach":
        return step.weights
    if optimizer == "adamw" and impl == "loop":
        return 2 * step.table
    return 0
